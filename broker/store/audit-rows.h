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
  gint64 number, seq, time; /* number: from 1, without a gap */
  char *hash;
  char *prev;      /* the checkpoint before it */
  char *signature; /* hex */
} SkAuditCheckpoint;

void sk_audit_row_clear (SkAuditRow *);
void sk_audit_checkpoint_clear (SkAuditCheckpoint *);

/* Which rows. NULL and 0: any. */
typedef struct
{
  const char *organisation, *object, *matter, *actor, *action;
  gint64 since, until;            /* time, [since, until) */
  gint64 after_seq;               /* rows with a larger number (needs an organisation) */
  gint64 before_time, before_seq; /* newest first: those behind this one in the list; 0 = from the newest */
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
/* In the order of organisation and number, or the newest first: by time, then by number. */
gboolean sk_store_audit_walk (SkStore *, const SkAuditFilter *, SkAuditVisit, gpointer,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_audit_add_checkpoint (SkStore *, const SkAuditCheckpoint *,
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_audit_checkpoints (SkStore *, const char *organisation, SkAuditVisitCheckpoint, gpointer,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The newest one: number 0 where there is none. */
gboolean sk_store_audit_last_checkpoint (SkStore *, const char *organisation, SkAuditCheckpoint *ret,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* NULL-terminated. */
char **sk_store_audit_organisations (SkStore *, GError **error);

/* -- how long ----------------------------------------------------------------------------------------------
 */

/* What must not be let go of although its time is over. */
typedef enum
{
  SK_HOLD_TRANSFER,
  SK_HOLD_USER,
  SK_HOLD_MATTER,
} SkHoldKind;
extern const char *const sk_hold_words[];

typedef struct
{
  char *id; /* KIND:NAME */
  SkHoldKind kind;
  char *name;
  char *reason;
  char *author;
  gint64 created;
} SkHold;
extern const SkField sk_hold_fields[];
void sk_hold_free (SkHold *);
SkHold *sk_hold_copy (const SkHold *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkHold, sk_hold_free)

GPtrArray *sk_store_holds (SkStore *, GError **error);
gboolean sk_store_put_hold (SkStore *, const SkHold *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* SK_ERROR_NOT_FOUND. */
gboolean sk_store_delete_hold (SkStore *, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Whether a hold names this transfer, its user or its matter. */
gboolean sk_store_is_held (SkStore *, const char *transfer, const char *user, const char *matter,
                           gboolean *ret_held, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Classes of rows: each is kept for its own time. Rows about the trail itself belong to none. */
typedef enum
{
  SK_AUDIT_CLASS_TRANSFER, /* transfers, decisions, comments */
  SK_AUDIT_CLASS_SESSION,
  SK_AUDIT_CLASS_OTHER, /* pools, images, people, the broker */
  SK_AUDIT_CLASSES,
} SkAuditClass;
extern const char *const sk_audit_class_words[];

/* Numbers of rows of a class that still have details, are older than `before`, that no hold names and whose
 * transfer, where they are about one, has let go of its content; the oldest `limit` ones, up to `up_to`. */
GArray *sk_store_audit_due (SkStore *, const char *organisation, SkAuditClass, gint64 before, gint64 up_to,
                            guint limit, GError **error);
/* Empties the details of [from, to]. */
gboolean sk_store_audit_empty (SkStore *, const char *organisation, gint64 from, gint64 to,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where forwarding to a sink (a name of ours) has come to: 0 at the beginning. */
gboolean sk_store_audit_position (SkStore *, const char *sink, const char *organisation, gint64 *ret_seq,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_audit_set_position (SkStore *, const char *sink, const char *organisation, gint64 seq,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
