/* Checks an evidence bundle without the database, the broker or the network: only the file, and a public key
 * that was kept. README.md says what a bundle holds and what it proves.
 *
 * Threads: any. Every byte of a bundle is untrusted until it is checked. */
#pragma once
#include "common/error.h"
#include <json-glib/json-glib.h>

/* Larger than what the broker makes. */
#define SK_EVIDENCE_BYTES_MAX (64 * 1024 * 1024)
/* Faults that are told; more of them say nothing more. */
#define SK_EVIDENCE_FAULTS_MAX 100

typedef enum
{
  SK_EVIDENCE_FORM,       /* it is not of the form that the broker makes */
  SK_EVIDENCE_SIGNATURE,  /* the signature is not over these bytes, or not by this key */
  SK_EVIDENCE_KEY,        /* it was signed with another key than the one that was kept */
  SK_EVIDENCE_ROWS,       /* a row is not what was written: the hashes do not lead to the checkpoint */
  SK_EVIDENCE_CHECKPOINT, /* a checkpoint is not signed by the key */
  SK_EVIDENCE_DETAILS,    /* details are not those that the row was written with */
  SK_EVIDENCE_FOREIGN,    /* a row is about something else */
  SK_EVIDENCE_ORDER,      /* rows or checkpoints overlap or go backwards */
  SK_EVIDENCE_ITEM,       /* a file's name or hash is not that of the rows */
  SK_EVIDENCE_DECISION,   /* a decision is not in the rows, or one of the rows is left out */
  SK_EVIDENCE_COMMENT,    /* the same of a comment */
  SK_EVIDENCE_STATE,      /* what became of it is not what the rows say */
  SK_EVIDENCE_RELEASE,    /* it was released without a row that approves it */
  SK_EVIDENCE_FAULTS,
} SkEvidenceFault;
/* A word for programs; a sentence for people. */
const char *sk_evidence_word (SkEvidenceFault);
const char *sk_evidence_sentence (SkEvidenceFault, gboolean japanese);

typedef struct _SkEvidence SkEvidence;

/* where: "transfers[0].items[2]", "segments[1].rows[3]"; borrowed for the call. */
typedef void (*SkEvidenceReport) (SkEvidenceFault, const char *where, gpointer data);

/* NULL with SK_ERROR_INVALID or SK_ERROR_LIMIT: it is no bundle at all. */
SkEvidence *sk_evidence_parse (const char *untrusted_text, gsize length, GError **error);
void sk_evidence_free (SkEvidence *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkEvidence, sk_evidence_free)
/* Returns the number of faults; 0: it is proven. public_key: 64 hex digits that were kept; NULL: the bundle's
 * own, which proves only that it is of one piece. */
guint sk_evidence_check (SkEvidence *, const char *public_key, SkEvidenceReport report, gpointer data);

/* What it says, line by line, in words; only after a check without faults. The text has no control
 * characters. */
void sk_evidence_tell (SkEvidence *, gboolean japanese, void (*line) (const char *text, gpointer data),
                       gpointer data);
const char *sk_evidence_public_key (SkEvidence *);
