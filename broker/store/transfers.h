/* The rows of everything that crosses: transfers, what is in them, who decided, what was said about them.
 *
 * The same rules as store.h: one thread, synchronous, durable when the call returns. A transfer's row and its
 * row in the audit trail are written between sk_store_begin() and sk_store_commit(). */
#pragma once
#include "common/crossing.h"
#include "store/store.h"

typedef enum
{
  SK_TRANSFER_RECEIVING,   /* its content is coming in */
  SK_TRANSFER_QUARANTINED, /* all of it is in the quarantine, encrypted; waits for an inspector */
  SK_TRANSFER_INSPECTING,  /* being looked at and made anew */
  SK_TRANSFER_REFUSED,     /* by a rule, an inspector or the antivirus */
  SK_TRANSFER_HELD,        /* waits for people */
  SK_TRANSFER_APPROVED,    /* may cross; not yet recorded as released */
  SK_TRANSFER_DENIED,      /* by a person */
  SK_TRANSFER_RELEASING,   /* recorded; the receiving side may read it */
  SK_TRANSFER_DELIVERED,   /* the receiving side has it */
  SK_TRANSFER_PURGED,      /* its content is gone, its rows stay */
  SK_TRANSFER_CANCELLED,   /* by its sender */
  SK_TRANSFER_EXPIRED,     /* nobody decided, or nobody fetched it, in time */
} SkTransferState;

typedef struct
{
  char *id; /* uuid */
  SkTransferState state;
  SkCross direction;
  SkKind kind;
  char *user;
  guint uid;
  char *section, *organisation; /* of the user, when it was made; "" = none */
  char *channel;                /* "desk", "lan", "telework" */
  char *session, *vm;           /* where it came from, "" for what the desktop sends */
  char *offer;                  /* the guest's name for it, by which it goes on after a break; "" = none */
  char *purpose;                /* the sender's reason */
  guint count;                  /* items */
  gint64 bytes;                 /* as announced, of all items */
  char *policy, *rule;          /* what decided: version of the set, name of the rule; "" = nothing yet */
  char *question;               /* what the rules were asked then (policy.h, as text); "" = nothing yet */
  char *profile;                /* of the inspection */
  char *code, *en, *ja;         /* of a refusal, or why it ended otherwise */
  char *stages;                 /* JSON: who has to decide; "" = nobody */
  guint stage;                  /* the one that is due, from 0 */
  gint64 stage_since;           /* when it became due */
  gint64 escalated;             /* since when those behind the approvers may decide too; 0 = not */
  gint64 due;                   /* a held one expires then; 0 = never */
  guint retention_days;         /* its content is kept so long after its end */
  gboolean review;              /* somebody is to look at it later */
  char *matter;                 /* the case it belongs to; "" = none */
  gint64 clip;        /* of a clipboard: the number of what was copied, newer is larger; 0: no clipboard's */
  gboolean once;      /* ... can be pasted once */
  guint wipe_seconds; /* ... is wiped after; 0: not */
  gboolean keep_content; /* ... its content is kept like a file's; else purged once it is over */
  gint64 created;
  gint64 changed;
} SkTransfer;

typedef struct
{
  char *id; /* TRANSFER/INDEX */
  char *transfer;
  guint position;
  char *name;          /* relative, of safe characters */
  gint64 bytes;        /* as announced */
  char *blob, *sha256; /* in the quarantine; "" = not all of it is there */
  char *type;          /* by content */
  char *result_blob, *result_name, *result_sha256, *result_type; /* what was made of it; "" = nothing yet */
  gint64 result_bytes;
  char *findings;  /* JSON array, masked */
  char *removed;   /* JSON array */
  char *report;    /* the inspector's, JSON */
  char *antivirus; /* "clean", "infected", "unscanned"; "" = not asked yet */
  char *scanner;   /* that said so, with the version of its signatures */
  char *scan_note; /* what it found, or why it did not look, in both languages */
  gint64 created;
} SkTransferItem;

typedef enum
{
  SK_DECISION_APPROVE,
  SK_DECISION_DENY,
} SkVerdict;

typedef struct
{
  char *id; /* TRANSFER/STAGE/USER: one person decides once in a stage */
  char *transfer;
  guint stage;
  char *user;
  SkVerdict verdict;
  char *comment;
  char *in_place_of; /* whose deputy they were; "" or NULL = their own */
  gint64 created;
} SkDecision;

typedef struct
{
  char *id;       /* uuid */
  char *transfer; /* "" = about the whole matter */
  char *matter;   /* that it was said about; "" = about a transfer alone */
  char *user;
  char *text;
  gint64 created;
} SkComment;

extern const SkField sk_transfer_fields[], sk_transfer_item_fields[], sk_decision_fields[],
    sk_comment_fields[];

/* No string of them is NULL. */
SkTransfer *sk_transfer_new (void);
SkTransferItem *sk_transfer_item_new (void);
void sk_transfer_free (SkTransfer *);
void sk_transfer_item_free (SkTransferItem *);
void sk_decision_free (SkDecision *);
void sk_comment_free (SkComment *);
SkTransfer *sk_transfer_copy (const SkTransfer *);
SkTransferItem *sk_transfer_item_copy (const SkTransferItem *);
SkDecision *sk_decision_copy (const SkDecision *);
SkComment *sk_comment_copy (const SkComment *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkTransfer, sk_transfer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkTransferItem, sk_transfer_item_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkDecision, sk_decision_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkComment, sk_comment_free)
const char *sk_transfer_state_word (SkTransferState state);

gboolean sk_store_put_transfer (SkStore *, const SkTransfer *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_transfer_item (SkStore *, const SkTransferItem *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_decision (SkStore *, const SkDecision *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_comment (SkStore *, const SkComment *, GError **) G_GNUC_WARN_UNUSED_RESULT;
/* Those whose content is not purged; oldest first. */
GPtrArray *sk_store_live_transfers (SkStore *, GError **);
SkTransfer *sk_store_transfer (SkStore *, const char *id, GError **);
/* The newest `count` ones before `before` (microseconds since 1970; 0 = now), oldest first. user NULL: of
 * everybody; direction NULL: both. */
GPtrArray *sk_store_transfers (SkStore *, const char *user, const char *direction, gint64 before, guint count,
                               GError **);
/* Exports that began in [since, until), oldest first, behind (after, after_id); organisation NULL: all. */
GPtrArray *sk_store_exports (SkStore *, const char *organisation, gint64 since, gint64 until, gint64 after,
                             const char *after_id, guint count, GError **);
/* The word of the state that it came to: of one that is purged, the one before, by the audit trail; where
 * that let go of it, "purged". */
gboolean sk_store_transfer_outcome (SkStore *, const SkTransfer *, char **ret_word,
                                    GError **) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *sk_store_transfer_items (SkStore *, const char *transfer, GError **);
GPtrArray *sk_store_decisions (SkStore *, const char *transfer, GError **);
GPtrArray *sk_store_comments (SkStore *, const char *transfer, GError **);
/* Of a matter (store/matters.h): its transfers, oldest first, at most `count` of the newest; what was said
 * about it and about them, in order. */
GPtrArray *sk_store_transfers_of_matter (SkStore *, const char *matter, guint count, GError **);
GPtrArray *sk_store_comments_of_matter (SkStore *, const char *matter, GError **);
/* Whether an item of a transfer whose content is kept, other than this one, has this blob. */
gboolean sk_store_blob_is_used (SkStore *, const char *blob, const char *other_than_transfer,
                                gboolean *ret_used, GError **) G_GNUC_WARN_UNUSED_RESULT;
