/* Inside of the crossings, shared by transfer*.c. Everything runs on the main context's thread. A change of a
 * transfer is one transaction with its row in the audit trail; what follows from it is done by the pump, a
 * little later, so that no change runs inside another. */
#pragma once
#include "common/i18n.h"
#include "core/transfers.h"
#include <json-glib/json-glib.h>

/* How often deadlines are looked at: an approver's limit is hours, a sender's a day. */
#define SK_TRANSFER_TICK_SECONDS 5
/* A file that an inspector could not get (no process, no memory) is tried again so often, then refused: its
 * user can send it again, which is better than a transfer that never ends. */
#define SK_INSPECTION_TRIES 3
/* Purges in one go: each is a few disk writes, and the main loop waits for them. */
#define SK_PURGES_AT_ONCE 16
/* Releases in one go, for the same reason: an approver's "all of them" are a thousand. */
#define SK_RELEASES_AT_ONCE 32

typedef struct
{
  SkTransferItem *row;
  gint64 received;       /* in the quarantine's unfinished file */
  gboolean writing;      /* somebody has its writer */
  guint tries;           /* of its inspection */
  SkQuarantined *result; /* what was made anew, until the store has it: not to be purged */
} SkLiveItem;

typedef struct
{
  SkTransfers *owner; /* weak */
  SkTransfer *row;
  GPtrArray *items;     /* SkLiveItem */
  GPtrArray *decisions; /* SkDecision */
  JsonArray *stages;    /* parsed row->stages; NULL: nobody decides */
  guint inspecting;     /* the item that is due */
  gboolean unwritten;   /* its first row goes with its second (sk_kind_is_passing) */
  gboolean busy;        /* an inspection or a delivery runs */
  gboolean queued;      /* is in one of the queues */
  GCancellable *cancel; /* of that */
  gint64 heard;         /* monotonic: when content came in last */
} SkLiveTransfer;

struct _SkTransfers
{
  GObject parent;
  SkTransfersParts parts;
  SkClock *clock;
  char *policy_dir, *organisation;
  SkPolicySet *policy;
  gboolean policy_from_copy;
  gint64 policy_since, policy_error_since;
  char *policy_error;
  char *policy_copies; /* STATE/policies; NULL: none are kept */
  GHashTable *live;    /* id -> SkLiveTransfer: all whose content is kept */
  GQueue waiting;      /* borrowed SkLiveTransfer: to be inspected, oldest first */
  GQueue approved;     /* ... to be released */
  GHashTable *guests;  /* session -> SkGuest */
  GHashTable *recent;  /* uid -> GArray of gint64: when a user's latest transfers were made */
  GHashTable *open;    /* uid -> how many of this user's transfers are not over */
  GHashTable *offers;  /* VM and key of an offer -> SkLiveTransfer, borrowed */
  GPtrArray *orphans;  /* names of blobs that came too late: nobody's, unless somebody else has the same */
  GHashTable *files;   /* uid -> how many files of this user's transfers are kept */
  guint inspections;
  GHashTable *previews; /* user -> how many run */
  guint pump_timer, tick_timer, purge_timer;
  GHashTable *clipboards; /* session -> SkClipboard, borrowed */
  gboolean closing;
};

static inline void
sk_set_text (char **text, const char *to)
{
  char *copy = g_strdup (to);
  g_free (*text);
  *text = copy;
}

/* Borrowed values; for walks that may change the table. */
static inline GPtrArray *
sk_table_values (GHashTable *table)
{
  GPtrArray *values = g_ptr_array_sized_new (g_hash_table_size (table));
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (values, value);
  return values;
}

SkLiveTransfer *sk_transfers_find (SkTransfers *, const char *id);
/* One's own, or (for those who may decide or administer) any. */
SkLiveTransfer *sk_transfers_find_own (SkTransfers *, const SkIdentity *who, const char *id, GError **error);
void sk_transfers_pump_soon (SkTransfers *);
/* Its state asks for work: into the right queue, once. */
void sk_live_transfer_enqueue (SkLiveTransfer *);
/* Away with it; its content is purged. */
void sk_transfers_forget (SkTransfers *, SkLiveTransfer *);
gint64 sk_transfers_now (SkTransfers *); /* wall clock, microseconds since 1970 */

/* transfer-state.c */
gboolean sk_transfer_is_over (SkTransferState state); /* nothing more will come of it but the purge */
gboolean sk_transfer_may_become (SkTransferState from, SkTransferState to);
/* What belongs together: all of it is written, or nothing. */
typedef struct
{
  SkTransfer *next;     /* the row to be; taken over */
  GPtrArray *items;     /* SkTransferItem rows that go with it; borrowed, NULL = none */
  SkDecision *decision; /* borrowed, NULL = none */
  const char *actor;    /* a user, "policy", "inspector", "guest", "broker" */
  const char *action;   /* NULL: "transfer.STATE" */
  JsonObject *details;  /* taken over; NULL = none */
  /* A state that follows at once, with a row of its own in the audit trail ("broker"); 0 = none. Each commit
   * waits for the disk, and what a person copies and pastes waits for all of them. */
  SkTransferState then;
  gint64 then_due; /* due, from then on */
} SkTransferChange;
/* A row in the trail about one that changes nothing of it. */
gboolean sk_transfers_record (SkTransfers *, const SkTransfer *row, const char *action, const char *actor,
                              JsonObject *take_details, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_live_transfer_change (SkLiveTransfer *, SkTransferChange *change,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The common case: only the state. */
gboolean sk_live_transfer_set_state (SkLiveTransfer *, SkTransferState, const char *actor,
                                     JsonObject *take_details, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* It ends as refused, denied, cancelled or expired, with words for people. */
gboolean sk_live_transfer_end (SkLiveTransfer *, SkTransferState, const char *actor, const char *code,
                               const char *en, const char *ja, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same from where nobody waits for an answer: said in the log, tried again by the pump. */
void sk_live_transfer_end_logged (SkLiveTransfer *, SkTransferState, const char *actor, const char *code,
                                  const char *en, const char *ja);

/* transfers.c */
gboolean sk_transfers_check_text (const char *untrusted_text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* before: how many stand there already. */
gboolean sk_transfers_check_comment (const char *untrusted_text, guint before,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
gint sk_live_transfer_compare_age (gconstpointer a, gconstpointer b);
SkLiveTransfer *sk_transfers_admit (SkTransfers *, SkTransfer *take_row, GPtrArray *take_items,
                                    const char *actor, GError **error);
gboolean sk_transfers_check_new (SkTransfers *, guint uid, guint n_items, gint64 bytes, GError **error);
SkTransfer *sk_transfers_new_row (SkTransfers *, const char *user, guint uid, SkCross direction, SkKind kind);
/* Their rows, with names made safe; the sum of their bytes, or more than may be. */
GPtrArray *sk_transfers_make_items (const char *id, const SkTransferOffer *offers, guint n, gint64 now,
                                    gint64 *ret_bytes, GError **error);
/* One more, or one less, is not over. */
void sk_transfers_count_open (SkTransfers *, guint uid, int change);
/* By the guest's word for it. */
SkLiveTransfer *sk_transfers_find_offer (SkTransfers *, const char *vm, const char *key);
/* After a restart: what it does next. */
void sk_live_transfer_adopt (SkLiveTransfer *);
void sk_transfer_describe_user (SkTransfers *, SkTransfer *row, const char *user);

/* transfer-receive.c */
gboolean sk_transfer_item_is_whole (const SkLiveItem *item);
/* What only exists at the moment, on a clipboard or in an address bar: a lost power takes it from its sender
 * as well. Nothing of it need be on the disk before it was inspected; what was begun and never came whole is
 * never written at all. */
void sk_live_transfer_check_received (SkLiveTransfer *);
/* Bytes of the items that are known so far. */
gint64 sk_live_transfer_announced (const SkLiveTransfer *);
SkQuarantineWriter *sk_live_transfer_writer (SkLiveTransfer *, guint item, GError **error);
/* It ended before all of it came: what is there is of no use. */
void sk_live_transfer_discard (SkLiveTransfer *);
/* A writer came to this. */
gboolean sk_live_transfer_book (SkLiveTransfer *, guint item, const SkQuarantined *content,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *sk_transfer_writer_key (const SkLiveTransfer *, guint item);

/* transfer-link.c: opens it; sk_transfers_put_done() follows, or nothing while the guest cannot hear. */
void sk_transfers_deliver_link (SkLiveTransfer *, SkAgentLink *link);
/* transfer-guest.c: the guest has it all, or why not yet. */
void sk_transfers_put_done (SkTransfers *, const char *id, const GError *error);

/* transfer-memory.c */
/* Its content was in memory: what was not kept by the time the broker died comes from nobody. */
gboolean sk_transfer_is_from_memory (const SkTransfer *row);

/* transfer-inspect.c */
/* FALSE: somebody is about to have it; to be tried again. */
gboolean sk_transfers_drop_blob (SkTransfers *, const char *blob);
void sk_transfer_inspect_next (SkLiveTransfer *);
/* What was inspected counts no more: all of it again, with this profile. */
gboolean
sk_transfer_inspect_again (SkLiveTransfer *, const char *profile, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* transfer-decide.c */
/* Before a byte of it is received: it ends here where every outcome would be a refusal. */
void sk_live_transfer_foresee (SkLiveTransfer *);
/* Before it is inspected; FALSE: it ended here. */
gboolean sk_live_transfer_plan (SkLiveTransfer *);
char *sk_live_transfer_profile (SkLiveTransfer *);
SkPolicyQuestion *sk_transfer_question (SkLiveTransfer *, gboolean inspected);
void sk_live_transfer_decide (SkLiveTransfer *);  /* inspecting, all items looked at */
void sk_live_transfer_release (SkLiveTransfer *); /* approved */
void sk_live_transfer_load_stages (SkLiveTransfer *);

/* transfer-approve.c */
void sk_live_transfer_check_due (SkLiveTransfer *, gint64 now);
gboolean sk_live_transfer_was_decided_by (const SkLiveTransfer *, const char *user);
gboolean sk_decisions_are_of (GPtrArray *decisions, const char *user);

/* transfer-matter.c */
/* It belongs to a matter that this person may carry on: a colleague of its section, not an approver. */
gboolean sk_transfer_is_colleagues (SkTransfers *, const SkIdentity *who, const SkTransfer *row);

/* transfer-policy.c */
/* The directory's set, or the last good one. */
void sk_transfers_load_policy (SkTransfers *);

/* transfer-guest.c */
void sk_transfers_deliver (SkLiveTransfer *); /* releasing, to a guest */
/* No longer releasing: what has not gone yet stays here. */
void sk_transfers_stop_delivery (SkLiveTransfer *);
void sk_transfers_tell_guest (SkLiveTransfer *);
void sk_transfers_guest_free (gpointer guest);

/* transfer-clip.c */
void sk_transfers_deliver_clip (SkLiveTransfer *); /* releasing, to a clipboard */
/* Not what its side has now; it ends. */
void sk_live_transfer_supersede (SkLiveTransfer *);

/* clipboard.c */
void sk_clipboard_deliver (SkClipboard *clipboard, SkLiveTransfer *);

/* transfer-purge.c */
/* What is not kept goes at once, from the main loop. */
void sk_transfers_purge_soon (SkTransfers *);
gboolean sk_live_transfer_purge (SkLiveTransfer *, gint64 now);
