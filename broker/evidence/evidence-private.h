/* Between the files of the check. */
#pragma once
#include "evidence/evidence.h"

/* A row in full, as it stands in a segment. */
typedef struct
{
  const char *organisation; /* all borrowed from the payload */
  gint64 seq, time;
  const char *actor, *action, *object, *matter, *details, *details_hash;
  JsonObject *parsed; /* the details; NULL: they were let go of, or are none */
  char *where;
} SkEvidenceRow;

struct _SkEvidence
{
  char *payload;
  gsize length; /* of the payload */
  char *signature;
  JsonNode *root;
  JsonObject *object;
  const char *public_key, *kind, *name;
  GPtrArray *rows; /* SkEvidenceRow: filled by the check, in the bundle's order */
};

typedef struct
{
  SkEvidence *evidence;
  SkEvidenceReport report;
  gpointer data;
  guint faults;
} SkEvidenceCheck;

void sk_evidence_fault (SkEvidenceCheck *, SkEvidenceFault, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Exactly these members, of these types: 's' a string, 'i' a number, 'a' a list, 'o' an object. */
gboolean sk_evidence_has_form (JsonObject *, const char *const *names, const char *types);

/* rows.c, story.c */
void sk_evidence_check_segments (SkEvidenceCheck *, const char *public_key);
void sk_evidence_check_transfers (SkEvidenceCheck *);
