/* The audit trail's rows: they are added, never changed; a chain an organisation. Threads and errors as in
 * store.h. What the hashes are is audit/audit.h's business. */
#pragma once
#include "store/store.h"

typedef struct
{
  char *organisation;
  gint64 seq; /* from 1, without a gap */
  gint64 time;
  char *actor, *action, *object, *matter;
  char *details;      /* JSON; "" once their time is over */
  char *details_hash; /* 64 hex digits each */
  char *prev, *hash;
} SkAuditRow;

typedef struct
{
  char *organisation;
  gint64 seq, time;
  char *hash;
  char *signature; /* hex */
} SkAuditCheckpoint;

void sk_audit_row_clear (SkAuditRow *);
void sk_audit_checkpoint_clear (SkAuditCheckpoint *);

/* Which rows. NULL and 0: any. */
typedef struct
{
  const char *organisation, *object, *matter, *actor, *action;
  gint64 since, until; /* time, [since, until) */
  gint64 after_seq;    /* rows with a larger number (needs an organisation) */
  guint limit;
  gboolean newest_first;
} SkAuditFilter;

/* The row is borrowed for the call. FALSE ends the walk, which is no error. */
typedef gboolean (*SkAuditVisit) (const SkAuditRow *row, gpointer data);
typedef gboolean (*SkAuditVisitCheckpoint) (const SkAuditCheckpoint *checkpoint, gpointer data);

gboolean sk_store_audit_append (SkStore *, const SkAuditRow *row, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The end of a chain: 0 and 64 zeros where there is none yet. */
gboolean sk_store_audit_head (SkStore *, const char *organisation, gint64 *ret_seq, char **ret_hash,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* In the order of organisation and number, or the newest first. */
gboolean sk_store_audit_walk (SkStore *, const SkAuditFilter *, SkAuditVisit, gpointer,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_audit_add_checkpoint (SkStore *, const SkAuditCheckpoint *,
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_audit_checkpoints (SkStore *, const char *organisation, SkAuditVisitCheckpoint, gpointer,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* NULL-terminated. */
char **sk_store_audit_organisations (SkStore *, GError **error);
