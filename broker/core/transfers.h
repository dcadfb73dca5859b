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
#include "core/clock.h"
#include "core/guest-files.h"
#include "core/manager.h"
#include "core/people.h"
#include "inspect/antivirus.h"
#include "inspect/inspector.h"
#include "policy/policy.h"
#include "quarantine/quarantine.h"
#include "store/transfers.h"
#include "wire/clip-content.h"

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
/* Files of one user's transfers that are kept, those that are over too, until they are purged: each has a row
 * in memory, of about 1 KiB. A month of a thousand a day; a guest that offers and takes back stops at this.
 */
#define SK_TRANSFER_FILES_PER_USER 100000
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
  SkAntivirus *antivirus; /* NULL: there is none */
  SkPeople *people;
  const char *policy_dir;
  const char *state_dir;    /* of the copy of the rules in force; NULL: none is kept */
  const char *organisation; /* of people who have none */
  guint inspections;        /* at once */
  SkClock *clock;           /* NULL: the system's */
} SkTransfersParts;

#define SK_TYPE_TRANSFERS (sk_transfers_get_type ())
G_DECLARE_FINAL_TYPE (SkTransfers, sk_transfers, SK, TRANSFERS, GObject)
/* Signals "changed" (const char *id): a transfer of that id has another state, or something was said about
 * it; "matter-changed" (const char *id). */

/* Goes on with what an earlier core left. A policy set that cannot be read is no error: the last good one is
 * in force then, or nothing crosses, and sk_transfers_policy_status() says why. */
SkTransfers *sk_transfers_new (const SkTransfersParts *parts, GError **error);

/* What runs on threads holds a reference, and uses the parts: it is cancelled, and waited for on the main
 * context, SK_TRANSFERS_END_SECONDS at most. FALSE: it still runs; the parts must not be freed. */
gboolean sk_transfers_end (SkTransfers *take) G_GNUC_WARN_UNUSED_RESULT;
/* A cancelled inspection's worker is killed and a read ends with its block: milliseconds, on a dying disk
 * more. */
#define SK_TRANSFERS_END_SECONDS 10

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
/* The same, as a part of a matter (matters.h: number or title; "" = none). */
char *sk_transfers_create_in (SkTransfers *, const SkIdentity *who, SkKind kind, const char *purpose,
                              const char *matter, const SkTransferOffer *items, guint n_items,
                              GError **error);
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

/* -- from the broker itself --------------------------------------------------------------------------------
 */

/* A content that is in memory, for or from this session's guest: a link. It is refused, held or released as
 * everything is; ends with its session, unless it was delivered. The id is the caller's. SK_ERROR_LIMIT,
 * SK_ERROR_FULL: as for sk_transfers_create(). */
char *sk_transfers_submit (SkTransfers *, const SkIdentity *who, const SkSession *session, SkCross direction,
                           SkKind kind, const char *name, GBytes *content, GError **error);

/* -- for the clipboard (clipboard.h) -----------------------------------------------------------------------
 */

typedef struct
{
  const SkSession *session;
  SkCross direction;
  SkKind kind;   /* SK_KIND_TEXT, SK_KIND_IMAGE */
  gint64 number; /* of what was copied; newer is larger, from 1 */
} SkTransferClip;
/* Its content is in the quarantine already: it begins with being inspected. What is held of the same session
 * and direction stays held, the newest SK_TRANSFER_CLIPS_HELD_MAX of it. The id is the caller's. */
char *sk_transfers_create_clip (SkTransfers *, const SkTransferClip *clip, const SkQuarantined *content,
                                GError **error);
/* More of them in the queue nobody decides one by one; a program gone wild makes ten a second. */
#define SK_TRANSFER_CLIPS_HELD_MAX 20

typedef struct _SkClipboard SkClipboard;
/* A session has its clipboard until it ends, which ends what did not come through. Borrowed. */
void sk_transfers_add_clipboard (SkTransfers *, const char *session, SkClipboard *clipboard);
void sk_transfers_drop_clipboard (SkTransfers *, const char *session);
void sk_transfers_end_clips (SkTransfers *, const char *session);
/* Somebody is there to take what is released this way. */
void sk_transfers_clips_up (SkTransfers *, const char *session, SkCross direction);

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

/* What a person sees before they decide, made by an inspector of what was built anew, never of the original:
 * for who may decide now or has, for the sender of an export, for the receiver once it is released. Being
 * shown is in the trail before. Only while it is held, approved, releasing or delivered. */
typedef struct
{
  char *name;      /* as it will arrive */
  char *type;      /* "text/plain" (UTF-8, numbers of people masked) or "image/png" */
  GBytes *content; /* at most SK_INSPECT_PREVIEW_MAX */
  gboolean cut;    /* there is more of the text */
} SkPreview;
void sk_preview_free (SkPreview *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPreview, sk_preview_free)
/* Previews at once, of all and of one person: inspections go before. More: SK_ERROR_FULL. */
#define SK_PREVIEWS_MAX 2
#define SK_PREVIEWS_PER_USER 1
void sk_transfers_preview_async (SkTransfers *, const SkIdentity *who, const char *id, guint item,
                                 GCancellable *, GAsyncReadyCallback, gpointer);
SkPreview *sk_transfers_preview_finish (SkTransfers *, GAsyncResult *, GError **error);

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
/* How the approval of one stands. */
typedef struct
{
  char *user;
  char *name;        /* as the personnel list writes it; "" = it does not */
  char *in_place_of; /* whose deputy; NULL = in their own right */
  gboolean done;     /* has said yes in this stage */
} SkDecider;
typedef struct
{
  GPtrArray *who;      /* SkDecider: today's, by user; empty unless it is held */
  guint stage, stages; /* the one that is due, from 1 */
  guint need, given;   /* voices in this stage: a person, or for them their deputy, has one */
  gint64 until;        /* it expires then; 0 = never, or it is not held */
  gint64 left;         /* seconds until then; -1: it does not */
  gint64 escalates;    /* others are asked too from then on; 0 = never, or they are already */
  gint64 escalated;    /* since when they are; 0 = not */
} SkApproval;
SkApproval *sk_transfers_approval (SkTransfers *, const SkTransfer *transfer);
void sk_approval_free (SkApproval *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkApproval, sk_approval_free)
/* Whether this person is one of those whom it waits, or waited, for. */
gboolean sk_transfers_concerns (SkTransfers *, const SkIdentity *who, const char *id);
/* Names of those who can decide now; NULL-terminated. */
char **sk_transfers_deciders (SkTransfers *, const SkTransfer *transfer, guint *ret_stages);

/* -- policy ------------------------------------------------------------------------------------------------
 */

/* What is in force. Borrowed, until the next reload. */
typedef struct
{
  const char *version; /* "": none is in force */
  gint64 since;
  guint files, rules;
  const char *directory; /* where the rules are read from */
  gboolean from_copy; /* the directory is bad since before the start: the copy of the last good set counts */
  const char *error;  /* of the last reading: FILE:LINE: what, in both languages; NULL: it was good */
  gint64 error_since;
} SkPolicyStatus;
void sk_transfers_policy_status (SkTransfers *, SkPolicyStatus *ret_status);
/* Reads the directory again. On error the set in force stays. by: a user, "SIGHUP"; the audit trail has a row
 * either way, and a set is in force only once it has. */
gboolean sk_transfers_reload_policy (SkTransfers *, const char *by, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *sk_transfers_policy_version (SkTransfers *); /* "": none is in force */
SkAntivirus *sk_transfers_antivirus (SkTransfers *);     /* NULL: there is none */
/* Why this transfer came out as it did, by the set in force. */
char *sk_transfers_explain (SkTransfers *, const SkIdentity *who, const char *id, GError **error);
