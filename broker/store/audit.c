#include "store/audit-rows.h"
#include "store/store-private.h"
#include <string.h>

#define COLUMNS "organisation, seq, time, actor, action, object, matter, details, details_hash, prev, hash"

void
sk_audit_row_clear (SkAuditRow *row)
{
  g_free (row->organisation);
  g_free (row->actor);
  g_free (row->action);
  g_free (row->object);
  g_free (row->matter);
  g_free (row->details);
  g_free (row->details_hash);
  g_free (row->prev);
  g_free (row->hash);
  memset (row, 0, sizeof *row);
}

void
sk_audit_checkpoint_clear (SkAuditCheckpoint *checkpoint)
{
  g_free (checkpoint->organisation);
  g_free (checkpoint->hash);
  g_free (checkpoint->prev);
  g_free (checkpoint->signature);
  memset (checkpoint, 0, sizeof *checkpoint);
}

static void
bind (sqlite3_stmt *statement, int at, const char *text)
{
  sqlite3_bind_text (statement, at, text, -1, SQLITE_TRANSIENT);
}

static gboolean
done (SkStore *store, sqlite3_stmt *statement, GError **error)
{
  const gboolean fine
      = sqlite3_step (statement) == SQLITE_DONE || sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return fine;
}

gboolean
sk_store_audit_append (SkStore *store, const SkAuditRow *row, GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (
      store, g_strdup ("INSERT INTO audit (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"), error);
  const char *const texts[] = { row->actor,   row->action,       row->object, row->matter,
                                row->details, row->details_hash, row->prev,   row->hash };
  if (!s)
    return FALSE;
  bind (s, 1, row->organisation);
  sqlite3_bind_int64 (s, 2, row->seq);
  sqlite3_bind_int64 (s, 3, row->time);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    bind (s, (int) i + 4, texts[i]);
  return done (store, s, error);
}

gboolean
sk_store_audit_head (SkStore *store, const char *organisation, gint64 *ret_seq, char **ret_hash,
                     GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (
      store, g_strdup ("SELECT seq, hash FROM audit WHERE organisation = ? ORDER BY seq DESC LIMIT 1"),
      error);
  if (!s)
    return FALSE;
  bind (s, 1, organisation);
  const int r = sqlite3_step (s);
  if (r == SQLITE_ROW)
    {
      *ret_seq = sqlite3_column_int64 (s, 0);
      *ret_hash = g_strdup ((const char *) sqlite3_column_text (s, 1));
    }
  else if (r == SQLITE_DONE)
    {
      *ret_seq = 0;
      *ret_hash = g_strnfill (64, '0');
    }
  else
    sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_ROW || r == SQLITE_DONE;
}

static char *
text_of (sqlite3_stmt *s, int column)
{
  const char *text = (const char *) sqlite3_column_text (s, column);
  const gsize length = (gsize) sqlite3_column_bytes (s, column);
  GString *whole = g_string_new_len (text ? text : "", (gssize) length);
  /* We never wrote a NUL: what stands behind one must not be overlooked. */
  for (gsize i = 0; i < whole->len; i++)
    if (whole->str[i] == '\0')
      whole->str[i] = '?';
  return g_string_free (whole, FALSE);
}

static void
read_row (sqlite3_stmt *s, SkAuditRow *row)
{
  char **const texts[] = { &row->actor,   &row->action,       &row->object, &row->matter,
                           &row->details, &row->details_hash, &row->prev,   &row->hash };
  row->organisation = text_of (s, 0);
  row->seq = sqlite3_column_int64 (s, 1);
  row->time = sqlite3_column_int64 (s, 2);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    *texts[i] = text_of (s, (int) i + 3);
}

static void
add_condition (GString *sql, GPtrArray *values, const char *column, const char *value)
{
  if (!value)
    return;
  g_string_append_printf (sql, " AND %s = ?", column);
  g_ptr_array_add (values, (char *) value);
}

static sqlite3_stmt *
prepare_walk (SkStore *store, const SkAuditFilter *f, GError **error)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new ();
  GString *sql = g_string_new ("SELECT " COLUMNS " FROM audit WHERE time >= ? AND time < ? AND seq > ?");
  add_condition (sql, values, "organisation", f->organisation);
  add_condition (sql, values, "object", f->object);
  add_condition (sql, values, "matter", f->matter);
  add_condition (sql, values, "actor", f->actor);
  add_condition (sql, values, "action", f->action);
  if (f->before_time > 0)
    g_string_append (sql, " AND (time, seq) < (?, ?)");
  g_string_append (sql, f->newest_first ? " ORDER BY time DESC, seq DESC, organisation LIMIT ?"
                                        : " ORDER BY organisation, seq LIMIT ?");
  sqlite3_stmt *s = sk_store_prepare (store, g_string_free (sql, FALSE), error);
  if (!s)
    return NULL;
  sqlite3_bind_int64 (s, 1, f->since);
  sqlite3_bind_int64 (s, 2, f->until > 0 ? f->until : G_MAXINT64);
  sqlite3_bind_int64 (s, 3, f->after_seq);
  int at = 4;
  for (guint i = 0; i < values->len; i++)
    bind (s, at++, values->pdata[i]);
  if (f->before_time > 0)
    {
      sqlite3_bind_int64 (s, at++, f->before_time);
      sqlite3_bind_int64 (s, at++, f->before_seq);
    }
  sqlite3_bind_int64 (s, at, f->limit > 0 ? (gint64) f->limit : -1);
  return s;
}

gboolean
sk_store_audit_walk (SkStore *store, const SkAuditFilter *filter, SkAuditVisit visit, gpointer data,
                     GError **error)
{
  sqlite3_stmt *s = prepare_walk (store, filter, error);
  gboolean more = TRUE;
  int r = SQLITE_ERROR;
  if (!s)
    return FALSE;
  while (more && (r = sqlite3_step (s)) == SQLITE_ROW)
    {
      SkAuditRow row;
      read_row (s, &row);
      more = visit (&row, data);
      sk_audit_row_clear (&row);
    }
  if (r != SQLITE_ROW && r != SQLITE_DONE)
    sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_ROW || r == SQLITE_DONE;
}

#define CHECKPOINT_COLUMNS "number, seq, time, hash, prev, signature"

gboolean
sk_store_audit_add_checkpoint (SkStore *store, const SkAuditCheckpoint *c, GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (store,
                                      g_strdup ("INSERT OR IGNORE INTO audit_checkpoints "
                                                "(organisation, " CHECKPOINT_COLUMNS ") "
                                                "VALUES (?, ?, ?, ?, ?, ?, ?)"),
                                      error);
  if (!s)
    return FALSE;
  bind (s, 1, c->organisation);
  sqlite3_bind_int64 (s, 2, c->number);
  sqlite3_bind_int64 (s, 3, c->seq);
  sqlite3_bind_int64 (s, 4, c->time);
  bind (s, 5, c->hash);
  bind (s, 6, c->prev);
  bind (s, 7, c->signature);
  return done (store, s, error);
}

static void
read_checkpoint (sqlite3_stmt *s, const char *organisation, SkAuditCheckpoint *c)
{
  *c = (SkAuditCheckpoint){ g_strdup (organisation),
                            sqlite3_column_int64 (s, 0),
                            sqlite3_column_int64 (s, 1),
                            sqlite3_column_int64 (s, 2),
                            text_of (s, 3),
                            text_of (s, 4),
                            text_of (s, 5) };
}

gboolean
sk_store_audit_checkpoints (SkStore *store, const char *organisation, SkAuditVisitCheckpoint visit,
                            gpointer data, GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (store,
                                      g_strdup ("SELECT " CHECKPOINT_COLUMNS " FROM audit_checkpoints "
                                                "WHERE organisation = ? ORDER BY seq"),
                                      error);
  gboolean more = TRUE;
  int r = SQLITE_ERROR;
  if (!s)
    return FALSE;
  bind (s, 1, organisation);
  while (more && (r = sqlite3_step (s)) == SQLITE_ROW)
    {
      SkAuditCheckpoint c;
      read_checkpoint (s, organisation, &c);
      more = visit (&c, data);
      sk_audit_checkpoint_clear (&c);
    }
  if (r != SQLITE_ROW && r != SQLITE_DONE)
    sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_ROW || r == SQLITE_DONE;
}

gboolean
sk_store_audit_last_checkpoint (SkStore *store, const char *organisation, SkAuditCheckpoint *ret,
                                GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (store,
                                      g_strdup ("SELECT " CHECKPOINT_COLUMNS " FROM audit_checkpoints "
                                                "WHERE organisation = ? ORDER BY seq DESC LIMIT 1"),
                                      error);
  if (!s)
    return FALSE;
  bind (s, 1, organisation);
  const int r = sqlite3_step (s);
  memset (ret, 0, sizeof *ret);
  if (r == SQLITE_ROW)
    read_checkpoint (s, organisation, ret);
  else if (r != SQLITE_DONE)
    sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_ROW || r == SQLITE_DONE;
}

char **
sk_store_audit_organisations (SkStore *store, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  sqlite3_stmt *s
      = sk_store_prepare (store,
                          g_strdup ("SELECT organisation FROM audit UNION SELECT organisation FROM "
                                    "audit_checkpoints ORDER BY 1"),
                          error);
  int r = SQLITE_ERROR;
  if (!s)
    return NULL;
  while ((r = sqlite3_step (s)) == SQLITE_ROW)
    g_ptr_array_add (names, text_of (s, 0));
  sqlite3_reset (s);
  if (r != SQLITE_DONE)
    {
      sk_store_fail (sk_store_handle (store), "audit", error);
      return NULL;
    }
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}
