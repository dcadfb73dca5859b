/* How long details of the audit trail's rows are kept, what must be kept longer, and how far the rows have
 * been told to others. */
#include "store/audit-rows.h"
#include "store/store-private.h"

const char *const sk_hold_words[] = { "transfer", "user", "matter", NULL };
const char *const sk_audit_class_words[] = { "transfer", "session", "other", NULL };

const SkField sk_hold_fields[] = {
  ROW (SkHold, id, SK_FIELD_STRING),
  WORD_ROW (SkHold, kind, sk_hold_words),
  ROW (SkHold, name, SK_FIELD_STRING),
  ROW (SkHold, reason, SK_FIELD_STRING),
  ROW (SkHold, author, SK_FIELD_STRING),
  ROW (SkHold, created, SK_FIELD_INT64),
  { NULL },
};
SK_DEFINE_ROW (SkHold, hold)
static const SkTable holds_table = SK_TABLE (SkHold, hold, "audit_holds");

GPtrArray *
sk_store_holds (SkStore *store, GError **error)
{
  return sk_store_list_rows (store, &holds_table, "", NULL, error);
}

gboolean
sk_store_put_hold (SkStore *store, const SkHold *row, GError **error)
{
  return sk_store_put_row (store, &holds_table, row, error);
}

gboolean
sk_store_delete_hold (SkStore *store, const char *id, GError **error)
{
  return sk_store_delete_row (store, &holds_table, id, error);
}

gboolean
sk_store_is_held (SkStore *store, const char *transfer, const char *user, const char *matter,
                  gboolean *ret_held, GError **error)
{
  const char *const values[] = { transfer, user, matter, NULL };
  g_autoptr (GPtrArray) rows
      = sk_store_list_rows (store, &holds_table,
                            "WHERE (kind = 'transfer' AND name = ?) OR (kind = 'user' AND name = ?) OR "
                            "(kind = 'matter' AND name = ? AND name <> '')",
                            values, error);
  if (!rows)
    return FALSE;
  *ret_held = rows->len > 0;
  return TRUE;
}

/* -- details whose time is over -----------------------------------------------------------------------------
 */

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

static const char *const class_sql[SK_AUDIT_CLASSES] = {
  "(action GLOB 'transfer.*' OR action GLOB 'approval.*')",
  "action GLOB 'session.*'",
  "action NOT GLOB 'transfer.*' AND action NOT GLOB 'approval.*' AND action NOT GLOB 'session.*' "
  "AND action NOT GLOB 'audit.*'",
};

/* A row is a user's when they did it, or when it is about something of theirs. */
#define DUE                                                                                                  \
  "SELECT seq FROM audit a WHERE organisation = ? AND time < ? AND seq <= ? AND details <> '' AND %s "       \
  "AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.id = a.object AND t.state <> 'purged') "                \
  "AND NOT EXISTS (SELECT 1 FROM audit_holds h WHERE (h.kind = 'transfer' AND h.name = a.object) "           \
  "  OR (h.kind = 'matter' AND h.name = a.matter) "                                                          \
  "  OR (h.kind = 'user' AND (h.name = a.actor OR (json_valid (a.details) "                                  \
  "      AND h.name = json_extract (a.details, '$.user'))))) "                                               \
  "ORDER BY seq LIMIT ?"

GArray *
sk_store_audit_due (SkStore *store, const char *organisation, SkAuditClass class, gint64 before, gint64 up_to,
                    guint limit, GError **error)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (gint64));
  sqlite3_stmt *s = sk_store_prepare (store, g_strdup_printf (DUE, class_sql[class]), error);
  int r;
  if (!s)
    return NULL;
  bind (s, 1, organisation);
  sqlite3_bind_int64 (s, 2, before);
  sqlite3_bind_int64 (s, 3, up_to);
  sqlite3_bind_int64 (s, 4, limit);
  while ((r = sqlite3_step (s)) == SQLITE_ROW)
    {
      const gint64 seq = sqlite3_column_int64 (s, 0);
      g_array_append_val (rows, seq);
    }
  if (r != SQLITE_DONE)
    sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_DONE ? g_steal_pointer (&rows) : NULL;
}

gboolean
sk_store_audit_empty (SkStore *store, const char *organisation, gint64 from, gint64 to, GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (
      store,
      g_strdup ("UPDATE audit SET details = '' WHERE organisation = ? AND seq BETWEEN ? AND ? "
                "AND details <> ''"),
      error);
  if (!s)
    return FALSE;
  bind (s, 1, organisation);
  sqlite3_bind_int64 (s, 2, from);
  sqlite3_bind_int64 (s, 3, to);
  return done (store, s, error);
}

/* -- who has been told --------------------------------------------------------------------------------------
 */

gboolean
sk_store_audit_position (SkStore *store, const char *sink, const char *organisation, gint64 *ret_seq,
                         GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (
      store, g_strdup ("SELECT seq FROM audit_positions WHERE sink = ? AND organisation = ?"), error);
  if (!s)
    return FALSE;
  bind (s, 1, sink);
  bind (s, 2, organisation);
  const int r = sqlite3_step (s);
  *ret_seq = r == SQLITE_ROW ? sqlite3_column_int64 (s, 0) : 0;
  if (r != SQLITE_ROW && r != SQLITE_DONE)
    sk_store_fail (sk_store_handle (store), "audit", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_ROW || r == SQLITE_DONE;
}

gboolean
sk_store_audit_set_position (SkStore *store, const char *sink, const char *organisation, gint64 seq,
                             GError **error)
{
  sqlite3_stmt *s = sk_store_prepare (
      store,
      g_strdup ("INSERT INTO audit_positions (sink, organisation, seq) VALUES (?, ?, ?) "
                "ON CONFLICT (sink, organisation) DO UPDATE SET seq = max (seq, excluded.seq)"),
      error);
  if (!s)
    return FALSE;
  bind (s, 1, sink);
  bind (s, 2, organisation);
  sqlite3_bind_int64 (s, 3, seq);
  return done (store, s, error);
}
