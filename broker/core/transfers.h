/* Everything that crosses: receive, quarantine, inspect, decide, record, release.
 *
 * What holds at any moment, whatever dies: a transfer is in one of the states of store/transfers.h; its
 * content is in the quarantine or it is still coming in; nobody can read a byte of it on the other side
 * before the store has its state "releasing" and, in the same transaction, the audit trail has the row that
 * says so.
 *
 * Threads: the main context's, all of it. Slow work (the disk, inspectors, the antivirus) is done elsewhere
 * and comes back. Errors: SK_ERROR_NOT_FOUND also for what the asker may not know of. */
#pragma once
#include "audit/audit.h"
#include "core/guest-files.h"
#include "core/manager.h"
#include "core/people.h"
#include "inspect/inspector.h"
#include "policy/policy.h"
#include "quarantine/quarantine.h"
#include "store/transfers.h"

/* Items of one transfer: a folder of a year's documents has some thousand; each item is an inspection. */
#define SK_TRANSFER_ITEMS_MAX 10000
/* Bytes of one transfer, whatever the policy says: a terabyte that somebody claims must not reserve anything.
 */
#define SK_TRANSFER_BYTES_MAX (G_GINT64_CONSTANT (64) << 30)
/* The reason that a person gives, a comment. */
#define SK_TRANSFER_TEXT_MAX 2000
/* One user's transfers that are still on their way: a day's work has tens; what waits for an approver counts.
 */
#define SK_TRANSFERS_PER_USER 20000
/* New ones of one user in a minute: a person has a few, a program gone wild has thousands. */
#define SK_TRANSFERS_PER_MINUTE 600
/* A sender that says nothing for so long has gone; what it sent so far is forgotten with its transfer. */
#define SK_TRANSFER_IDLE_SECONDS (24 * 3600)
/* Rows of one answer. */
#define SK_TRANSFERS_LIST_MAX 1000

typedef struct
{
  SkStore *store; /* all borrowed; they outlive this */
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkInspector *inspector;
  SkPeople *people;
  const char *policy_dir;
  const char *organisation; /* of people who have none */
  guint inspections;        /* at once */
} SkTransfersParts;

#define SK_TYPE_TRANSFERS (sk_transfers_get_type ())
G_DECLARE_FINAL_TYPE (SkTransfers, sk_transfers, SK, TRANSFERS, GObject)
/* Signal "changed" (const char *id): a transfer of that id has another state. */

/* Goes on with what an earlier core left. A policy set that cannot be read is no error: nothing crosses then,
 * and sk_transfers_policy_error() says why. */
SkTransfers *sk_transfers_new (const SkTransfersParts *parts, GError **error);

/* -- for the desktop's side --------------------------------------------------------------------------------
 */

typedef struct
{
  const char *untrusted_name;
  gint64 bytes;
} SkTransferOffer;

/* An export: receiving. The id is the caller's. */
char *sk_transfers_create (SkTransfers *, const SkIdentity *who, SkKind kind, const char *purpose,
                           const SkTransferOffer *items, guint n_items, GError **error);
/* A place to write one item's content to, from any thread, from `offset` on (what is there already). Then, in
 * the main thread: sk_transfers_uploaded() with what finishing it gave, or sk_transfers_upload_broke() with
 * how much is there; the writer is the caller's to free. */
SkQuarantineWriter *sk_transfers_upload (SkTransfers *, const SkIdentity *who, const char *id, guint item,
                                         gint64 offset, gint64 *ret_bytes, GError **error);
gboolean sk_transfers_uploaded (SkTransfers *, const char *id, guint item, const SkQuarantined *content,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sk_transfers_upload_broke (SkTransfers *, const char *id, guint item, gint64 received);
/* What an import's user may read: only once it is released. */
SkQuarantineReader *
sk_transfers_content (SkTransfers *, const SkIdentity *who, const char *id, guint item, GError **error);
/* The receiver has it all. Twice is fine. */
gboolean sk_transfers_delivered (SkTransfers *, const SkIdentity *who, const char *id,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_transfers_withdraw (SkTransfers *, const SkIdentity *who, const char *id,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* -- for the guest's side ----------------------------------------------------------------------------------
 */

/* A session has its guest: its files go both ways, until the session ends. The link is kept by reference. */
void sk_transfers_add_guest (SkTransfers *, const SkSession *session, SkAgentLink *link);
void sk_transfers_remove_guest (SkTransfers *, const char *session);
/* Its agent answers (again). */
void sk_transfers_guest_up (SkTransfers *, const char *session);

/* -- the queue ---------------------------------------------------------------------------------------------
 */

/* Whether this person may decide about it now; never about one's own. The error says why not. */
gboolean sk_transfers_may_decide (SkTransfers *, const SkIdentity *who, const char *id, GError **error);
gboolean sk_transfers_decide (SkTransfers *, const SkIdentity *who, const char *id, SkVerdict verdict,
                              const char *comment, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What waits for this person, oldest first: ids. */
GPtrArray *sk_transfers_queue (SkTransfers *, const SkIdentity *who);
gboolean sk_transfers_comment (SkTransfers *, const SkIdentity *who, const char *id, const char *text,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *sk_transfers_comments (SkTransfers *, const SkIdentity *who, const char *id, GError **error);

/* -- looking -----------------------------------------------------------------------------------------------
 */

typedef enum
{
  SK_BOX_ALL,
  SK_BOX_SENT,  /* exports */
  SK_BOX_INBOX, /* imports */
} SkBox;

/* Rows of one's own, or (everybody, for an admin) of all; newest last. */
GPtrArray *sk_transfers_list (SkTransfers *, const SkIdentity *who, SkBox box, gboolean everybody,
                              gint64 before, GError **error);
SkTransfer *sk_transfers_get (SkTransfers *, const SkIdentity *who, const char *id, GError **error);
/* The same without asking who: for events. */
const SkTransfer *sk_transfers_peek (SkTransfers *, const char *id);
GPtrArray *sk_transfers_items (SkTransfers *, const char *id, GError **error);
gint64 sk_transfers_received (SkTransfers *, const SkTransferItem *item);
GPtrArray *sk_transfers_decisions (SkTransfers *, const char *id, GError **error);
/* Names of those who can decide now; NULL-terminated. */
char **sk_transfers_deciders (SkTransfers *, const SkTransfer *transfer, guint *ret_stages);

/* -- policy ------------------------------------------------------------------------------------------------
 */

/* Reads the directory again. On error the set in force stays. */
gboolean sk_transfers_reload_policy (SkTransfers *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *sk_transfers_policy_version (SkTransfers *); /* "": none is in force */
const char *sk_transfers_policy_error (SkTransfers *);   /* of the last reading; NULL: it was good */
/* Why this transfer came out as it did, by the set in force. */
char *sk_transfers_explain (SkTransfers *, const SkIdentity *who, const char *id, GError **error);
