/* The audit trail: what happened, in an order that nobody can change afterwards without being found out.
 *
 * A row is durable when sk_audit_append() returns, or, within a transaction of the store, when that commits:
 * a change and its row are one. Each organisation has a chain of its own (chain.h). Every SK_AUDIT_CHECKPOINT
 * rows, and at each start, the end of a chain is signed; the public key can be kept elsewhere, and with it
 * any copy of the trail can be checked.
 *
 * What a chain alone cannot show is that its newest rows were cut off; a checkpoint behind the cut does.
 *
 * Threads: the store's. Errors: SK_ERROR_STORE, SK_ERROR_UNAVAILABLE for the key. */
#pragma once
#include "store/audit-rows.h"

#define SK_AUDIT_CHECKPOINT 100
/* Rows of one answer. */
#define SK_AUDIT_LIST_MAX 1000

typedef struct _SkAudit SkAudit;

/* The key is STATE/keys/audit.key (Ed25519, 32 bytes), made at the first time; its public half is
 * STATE/audit.pub, for everybody. */
SkAudit *sk_audit_new (SkStore *store, const char *state_dir, GError **error);
void sk_audit_free (SkAudit *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkAudit, sk_audit_free)
const char *sk_audit_public_key (SkAudit *); /* 64 hex digits */

/* NULL counts as "". time 0: now. */
typedef struct
{
  const char *organisation, *actor, *action, *object, *matter;
  const char *details; /* JSON text */
  gint64 time;
} SkAuditEvent;
gboolean sk_audit_append (SkAudit *, const SkAuditEvent *event, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Signs the end of every chain that has none there. */
gboolean sk_audit_checkpoint (SkAudit *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SkStore *sk_audit_store (SkAudit *);

typedef enum
{
  SK_AUDIT_GAP,            /* rows before this one are missing, or in another order */
  SK_AUDIT_LINK,           /* it does not follow on the row before it */
  SK_AUDIT_CHANGED,        /* its hash is not that of what it says */
  SK_AUDIT_DETAILS,        /* its details are not those it was written with */
  SK_AUDIT_SIGNATURE,      /* a checkpoint is not ours */
  SK_AUDIT_CHECKPOINT_ROW, /* a checkpoint's row is another one, or is not there: cut off or written anew */
  SK_AUDIT_UNSIGNED,       /* more rows than may be stand without a checkpoint: some were taken away */
} SkAuditFault;
extern const char *const sk_audit_fault_words[];

typedef void (*SkAuditReport) (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data);
/* All of it. *ret_rows: how many were looked at. The report comes for each fault; none: the trail is whole.
 */
gboolean sk_audit_verify (SkAudit *, SkAuditReport report, gpointer data, guint64 *ret_rows,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
