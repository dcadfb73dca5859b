/* The audit trail: what happened, in an order that nobody can change afterwards without being found out.
 *
 * A row is durable when sk_audit_append() returns, or, within a transaction of the store, when that commits:
 * a change and its row are one. Each organisation has a chain of its own (chain.h). Every SK_AUDIT_CHECKPOINT
 * rows, and at each start, the end of a chain is signed; checkpoints are a chain themselves. The public key
 * can be kept elsewhere, and with it any copy of the trail can be checked.
 *
 * What chains alone cannot show is that their newest rows were cut off. So where they end is also kept
 * outside of the database, signed: STATE/audit.heads, written within SK_AUDIT_HEADS_MS of each row and when
 * the trail is closed. Both put back to an earlier day together cannot be found here; what was sent to a SOC
 * tells.
 *
 * Threads: the store's, but for sk_audit_check() and the ..._async() functions' work. Errors: SK_ERROR_STORE,
 * SK_ERROR_UNAVAILABLE for the key and the heads. */
#pragma once
#include "store/audit-rows.h"

#define SK_AUDIT_CHECKPOINT 100
/* Rows of one answer. */
#define SK_AUDIT_LIST_MAX 1000
/* The heads' file costs an fsync: not for each row. */
#define SK_AUDIT_HEADS_MS 1000
/* Faults that are told one by one; a trail that was written anew has one a row. */
#define SK_AUDIT_FAULTS_MAX 1000

typedef struct _SkAudit SkAudit;

typedef enum
{
  SK_AUDIT_GAP,            /* rows before this one are missing, or in another order */
  SK_AUDIT_LINK,           /* it does not follow on the row before it */
  SK_AUDIT_CHANGED,        /* its hash is not that of what it says */
  SK_AUDIT_DETAILS,        /* its details are not those it was written with */
  SK_AUDIT_SIGNATURE,      /* a checkpoint is not ours */
  SK_AUDIT_CHECKPOINT_ROW, /* a checkpoint's row is another one, or is not there: cut off or written anew */
  SK_AUDIT_UNSIGNED,       /* more rows than may be stand without a checkpoint: some were taken away */
  SK_AUDIT_CHECKPOINT_GAP, /* checkpoints before this one are missing, or are others */
  SK_AUDIT_EMPTIED,        /* its details are gone, and no row says that their time was over */
  SK_AUDIT_CUT,            /* rows from here on are missing: a signed head knows them */
  SK_AUDIT_HEADS,          /* STATE/audit.heads is missing or not ours */
  SK_AUDIT_NOTED,          /* the broker itself found a fault when it started, and wrote this row about it */
} SkAuditFault;
extern const char *const sk_audit_fault_words[];

typedef void (*SkAuditReport) (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data);

/* The key is STATE/keys/audit.key (Ed25519, 32 bytes), made at the first time; its public half is
 * STATE/audit.pub, for everybody. home: organisation of events that name none; NULL: "".
 *
 * What came after the last checkpoint is checked before anything is signed. A chain that is not whole there
 * is not signed: it gets a row "audit.fault" that says where, and goes on. */
SkAudit *sk_audit_new (SkStore *store, const char *state_dir, const char *home, GError **error);
/* Writes the heads. */
void sk_audit_free (SkAudit *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkAudit, sk_audit_free)
const char *sk_audit_public_key (SkAudit *); /* 64 hex digits */
SkStore *sk_audit_store (SkAudit *);
/* What was found at the start, and how many rows had come after the heads were written last: those of the
 * last moments before a crash, or somebody else's. */
guint sk_audit_start_faults (SkAudit *);
guint64 sk_audit_start_unsigned (SkAudit *);

/* NULL counts as ""; but organisation NULL: home, actor NULL: see sk_audit_set_actor(). time 0: now. */
typedef struct
{
  const char *organisation, *actor, *action, *object, *matter;
  const char *details; /* JSON text; must not name a secret */
  gint64 time;
} SkAuditEvent;
gboolean sk_audit_append (SkAudit *, const SkAuditEvent *event, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Who is being served: rows without an actor are theirs. NULL: nobody, they are the "broker"'s. */
void sk_audit_set_actor (SkAudit *, const char *user);
/* Called from the main context some time (SK_AUDIT_HEADS_MS) after rows were added and are durable. The error
 * says that the heads could not be written; that is tried again with the next row. */
void
sk_audit_set_listener (SkAudit *, void (*func) (const GError *heads_error, gpointer data), gpointer data);

/* Signs the end of every chain that has none there. */
gboolean sk_audit_checkpoint (SkAudit *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_audit_write_heads (SkAudit *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 128 hex digits over sk_chain_statement(). */
char *sk_audit_sign (SkAudit *, const char *purpose, const void *data, gsize length);

/* All of it. *ret_rows: how many were looked at. The report comes for each fault; none: the trail is whole.
 */
gboolean sk_audit_verify (SkAudit *, SkAuditReport report, gpointer data, guint64 *ret_rows,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same without the broker's own objects, from any thread: a reader of its own, the public key, and the
 * text of STATE/audit.heads (NULL: there is none). */
gboolean sk_audit_check (SkStore *reader, const char *public_key, const char *heads, SkAuditReport report,
                         gpointer data, guint64 *ret_rows, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* On a thread of its own, with a reader of its own. */
typedef struct
{
  guint64 rows, n_faults;
  GArray *faults; /* SkAuditFound: the first SK_AUDIT_FAULTS_MAX */
} SkAuditVerdict;
typedef struct
{
  char *organisation;
  gint64 seq;
  SkAuditFault fault;
} SkAuditFound;
void sk_audit_verdict_free (SkAuditVerdict *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkAuditVerdict, sk_audit_verdict_free)
void sk_audit_verify_async (SkAudit *, GAsyncReadyCallback callback, gpointer data);
SkAuditVerdict *sk_audit_verify_finish (GAsyncResult *result, GError **error);

/* -- how long ----------------------------------------------------------------------------------------------
 */

/* Days that details of a class are kept; 0: for ever. The rows stay, and that they are whole can be proven.
 * Rows that a forwarder still has to send (up_to: 0 = none has) are kept as well. One transaction a call: the
 * details are emptied and a row "audit.purged" names them. *ret_rows: how many; as many as fit into one go.
 */
typedef struct
{
  guint days[SK_AUDIT_CLASSES];
} SkAuditRetention;
gboolean sk_audit_purge (SkAudit *, const SkAuditRetention *, gint64 now, const char *const *sinks,
                         guint64 *ret_rows, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Rows emptied in one go: some milliseconds. */
#define SK_AUDIT_PURGE_MAX 2000

/* A legal hold, and its end; with the row that says so. SK_ERROR_CONFLICT: it is held already;
 * SK_ERROR_NOT_FOUND.
 */
gboolean sk_audit_hold (SkAudit *, SkHoldKind, const char *name, const char *reason,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_audit_release (SkAudit *, SkHoldKind, const char *name, const char *reason,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
