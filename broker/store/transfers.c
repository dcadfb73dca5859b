#include "store/transfers.h"
#include "common/error.h"
#include "common/i18n.h"
#include "store/store-private.h"

static const char *const states[]
    = { "receiving", "quarantined", "inspecting", "refused",   "held",    "approved", "denied",
        "releasing", "delivered",   "purged",     "cancelled", "expired", NULL };
static const char *const verdicts[] = { "approve", "deny", NULL };

const SkField sk_transfer_fields[] = {
  ROW (SkTransfer, id, SK_FIELD_STRING),
  WORD_ROW (SkTransfer, state, states),
  WORD_ROW (SkTransfer, direction, sk_cross_words),
  WORD_ROW (SkTransfer, kind, sk_kind_words),
  ROW (SkTransfer, user, SK_FIELD_STRING),
  ROW (SkTransfer, uid, SK_FIELD_UINT),
  ROW (SkTransfer, section, SK_FIELD_STRING),
  ROW (SkTransfer, organisation, SK_FIELD_STRING),
  ROW (SkTransfer, channel, SK_FIELD_STRING),
  ROW (SkTransfer, session, SK_FIELD_STRING),
  ROW (SkTransfer, vm, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, offer, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, purpose, SK_FIELD_STRING),
  ROW (SkTransfer, count, SK_FIELD_UINT),
  ROW (SkTransfer, bytes, SK_FIELD_INT64),
  ROW (SkTransfer, policy, SK_FIELD_STRING),
  ROW (SkTransfer, rule, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, question, SK_FIELD_STRING),
  ROW (SkTransfer, profile, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, code, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, en, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, ja, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, stages, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, stage, SK_FIELD_UINT),
  SECRET_ROW (SkTransfer, stage_since, SK_FIELD_INT64),
  SECRET_ROW (SkTransfer, escalated, SK_FIELD_INT64),
  SECRET_ROW (SkTransfer, due, SK_FIELD_INT64),
  ROW (SkTransfer, retention_days, SK_FIELD_UINT),
  ROW (SkTransfer, review, SK_FIELD_BOOL),
  ROW (SkTransfer, matter, SK_FIELD_STRING),
  SECRET_ROW (SkTransfer, clip, SK_FIELD_INT64),
  SECRET_ROW (SkTransfer, once, SK_FIELD_BOOL),
  SECRET_ROW (SkTransfer, wipe_seconds, SK_FIELD_UINT),
  SECRET_ROW (SkTransfer, keep_content, SK_FIELD_BOOL),
  ROW (SkTransfer, created, SK_FIELD_INT64),
  ROW (SkTransfer, changed, SK_FIELD_INT64),
  { NULL },
};

const SkField sk_transfer_item_fields[] = {
  SECRET_ROW (SkTransferItem, id, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, transfer, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, position, SK_FIELD_UINT),
  ROW (SkTransferItem, name, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, bytes, SK_FIELD_INT64),
  SECRET_ROW (SkTransferItem, blob, SK_FIELD_STRING),
  ROW (SkTransferItem, sha256, SK_FIELD_STRING),
  ROW (SkTransferItem, type, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, result_blob, SK_FIELD_STRING),
  ROW (SkTransferItem, result_name, SK_FIELD_STRING),
  ROW (SkTransferItem, result_sha256, SK_FIELD_STRING),
  ROW (SkTransferItem, result_type, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, result_bytes, SK_FIELD_INT64),
  SECRET_ROW (SkTransferItem, findings, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, removed, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, report, SK_FIELD_STRING),
  ROW (SkTransferItem, antivirus, SK_FIELD_STRING),
  ROW (SkTransferItem, scanner, SK_FIELD_STRING),
  ROW (SkTransferItem, scan_note, SK_FIELD_STRING),
  SECRET_ROW (SkTransferItem, created, SK_FIELD_INT64),
  { NULL },
};

const SkField sk_decision_fields[] = {
  SECRET_ROW (SkDecision, id, SK_FIELD_STRING),
  SECRET_ROW (SkDecision, transfer, SK_FIELD_STRING),
  ROW (SkDecision, stage, SK_FIELD_UINT),
  ROW (SkDecision, user, SK_FIELD_STRING),
  WORD_ROW (SkDecision, verdict, verdicts),
  ROW (SkDecision, comment, SK_FIELD_STRING),
  ROW (SkDecision, in_place_of, SK_FIELD_STRING),
  ROW (SkDecision, created, SK_FIELD_INT64),
  { NULL },
};

const SkField sk_comment_fields[] = {
  ROW (SkComment, id, SK_FIELD_STRING),
  ROW (SkComment, transfer, SK_FIELD_STRING),
  ROW (SkComment, matter, SK_FIELD_STRING),
  ROW (SkComment, user, SK_FIELD_STRING),
  ROW (SkComment, text, SK_FIELD_STRING),
  ROW (SkComment, created, SK_FIELD_INT64),
  { NULL },
};

SK_DEFINE_ROW (SkTransfer, transfer)
SK_DEFINE_ROW (SkTransferItem, transfer_item)
SK_DEFINE_ROW (SkDecision, decision)
SK_DEFINE_ROW (SkComment, comment)

SkTransfer *
sk_transfer_new (void)
{
  return sk_row_new (sk_transfer_fields, sizeof (SkTransfer));
}

SkTransferItem *
sk_transfer_item_new (void)
{
  return sk_row_new (sk_transfer_item_fields, sizeof (SkTransferItem));
}

const SkTable sk_table_transfers = SK_TABLE (SkTransfer, transfer, "transfers");
const SkTable sk_table_transfer_items = SK_TABLE (SkTransferItem, transfer_item, "transfer_items");
const SkTable sk_table_decisions = SK_TABLE (SkDecision, decision, "decisions");
const SkTable sk_table_comments = SK_TABLE (SkComment, comment, "comments");

const char *
sk_transfer_state_word (SkTransferState state)
{
  return states[state];
}

gboolean
sk_store_put_transfer (SkStore *store, const SkTransfer *row, GError **error)
{
  return sk_store_put_row (store, &sk_table_transfers, row, error);
}

gboolean
sk_store_put_transfer_item (SkStore *store, const SkTransferItem *row, GError **error)
{
  return sk_store_put_row (store, &sk_table_transfer_items, row, error);
}

gboolean
sk_store_put_decision (SkStore *store, const SkDecision *row, GError **error)
{
  return sk_store_put_row (store, &sk_table_decisions, row, error);
}

gboolean
sk_store_put_comment (SkStore *store, const SkComment *row, GError **error)
{
  return sk_store_put_row (store, &sk_table_comments, row, error);
}

GPtrArray *
sk_store_live_transfers (SkStore *store, GError **error)
{
  return sk_store_list_rows (store, &sk_table_transfers, "WHERE state <> 'purged'", NULL, error);
}

SkTransfer *
sk_store_transfer (SkStore *store, const char *id, GError **error)
{
  const char *const values[] = { id, NULL };
  g_autoptr (GPtrArray) rows = sk_store_list_rows (store, &sk_table_transfers, "WHERE id = ?", values, error);
  if (rows && rows->len == 1)
    return g_ptr_array_steal_index (rows, 0);
  if (rows)
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                 SK_BOTH ("there is no transfer %.64s", "転送 %.64s はありません"), id, id);
  return NULL;
}

/* The newest by an index, then in order. */
#define NEWEST(where)                                                                                        \
  "WHERE rowid IN (SELECT rowid FROM transfers WHERE " where " created < CAST (? AS INTEGER) "               \
  "ORDER BY created DESC LIMIT CAST (? AS INTEGER))"

GPtrArray *
sk_store_transfers (SkStore *store, const char *user, const char *direction, gint64 before, guint count,
                    GError **error)
{
  static const char *const sql[] = { NEWEST (""), NEWEST ("user = ? AND"), NEWEST ("direction = ? AND"),
                                     NEWEST ("user = ? AND direction = ? AND") };
  g_autofree char *until = g_strdup_printf ("%" G_GINT64_FORMAT, before > 0 ? before : G_MAXINT64);
  g_autofree char *limit = g_strdup_printf ("%u", count);
  const char *values[5] = { NULL };
  guint n = 0;
  if (user)
    values[n++] = user;
  if (direction)
    values[n++] = direction;
  values[n++] = until;
  values[n] = limit;
  return sk_store_list_rows (store, &sk_table_transfers, sql[(user ? 1 : 0) + (direction ? 2 : 0)], values,
                             error);
}

#define EXPORTS(where)                                                                                       \
  "WHERE rowid IN (SELECT rowid FROM transfers WHERE direction = 'export' "                                  \
  "AND created >= CAST (? AS INTEGER) AND created < CAST (? AS INTEGER) "                                    \
  "AND (created, id) > (CAST (? AS INTEGER), ?) " where "ORDER BY created, id LIMIT CAST (? AS INTEGER))"

GPtrArray *
sk_store_exports (SkStore *store, const char *organisation, gint64 since, gint64 until, gint64 after,
                  const char *after_id, guint count, GError **error)
{
  g_autofree char *from = g_strdup_printf ("%" G_GINT64_FORMAT, since);
  g_autofree char *to = g_strdup_printf ("%" G_GINT64_FORMAT, until > 0 ? until : G_MAXINT64);
  g_autofree char *behind = g_strdup_printf ("%" G_GINT64_FORMAT, after);
  g_autofree char *limit = g_strdup_printf ("%u", count);
  const char *const all[] = { from, to, behind, after_id, limit, NULL };
  const char *const one[] = { from, to, behind, after_id, organisation, limit, NULL };
  return sk_store_list_rows (store, &sk_table_transfers,
                             organisation ? EXPORTS ("AND organisation = ? ") : EXPORTS (""),
                             organisation ? one : all, error);
}

gboolean
sk_store_transfer_outcome (SkStore *store, const SkTransfer *row, char **ret_word, GError **error)
{
  *ret_word = g_strdup (states[row->state]);
  if (row->state != SK_TRANSFER_PURGED)
    return TRUE;
  sqlite3_stmt *s = sk_store_prepare (
      store,
      g_strdup ("SELECT substr (action, 10) FROM audit WHERE object = ? AND action IN ('transfer.delivered', "
                "'transfer.refused', 'transfer.denied', 'approval.denied', 'transfer.cancelled', "
                "'transfer.expired') "
                "ORDER BY time DESC LIMIT 1"),
      error);
  if (!s)
    return FALSE;
  sqlite3_bind_text (s, 1, row->id, -1, SQLITE_TRANSIENT);
  const int r = sqlite3_step (s);
  if (r == SQLITE_ROW)
    {
      g_free (*ret_word);
      *ret_word = g_strdup ((const char *) sqlite3_column_text (s, 0));
    }
  else if (r != SQLITE_DONE)
    sk_store_fail (sk_store_handle (store), "outcome", error);
  sqlite3_reset (s);
  sqlite3_clear_bindings (s);
  return r == SQLITE_ROW || r == SQLITE_DONE;
}

static GPtrArray *
of_transfer (SkStore *store, const SkTable *table, const char *transfer, GError **error)
{
  const char *const values[] = { transfer, NULL };
  return sk_store_list_rows (store, table, "WHERE transfer = ?", values, error);
}

GPtrArray *
sk_store_transfer_items (SkStore *store, const char *transfer, GError **error)
{
  return of_transfer (store, &sk_table_transfer_items, transfer, error);
}

GPtrArray *
sk_store_decisions (SkStore *store, const char *transfer, GError **error)
{
  return of_transfer (store, &sk_table_decisions, transfer, error);
}

GPtrArray *
sk_store_comments (SkStore *store, const char *transfer, GError **error)
{
  return of_transfer (store, &sk_table_comments, transfer, error);
}

GPtrArray *
sk_store_transfers_of_matter (SkStore *store, const char *matter, guint count, GError **error)
{
  g_autofree char *limit = g_strdup_printf ("%u", count);
  const char *const values[] = { matter, limit, NULL };
  return sk_store_list_rows (store, &sk_table_transfers,
                             "WHERE rowid IN (SELECT rowid FROM transfers WHERE matter = ? AND matter <> '' "
                             "ORDER BY created DESC LIMIT CAST (? AS INTEGER))",
                             values, error);
}

GPtrArray *
sk_store_comments_of_matter (SkStore *store, const char *matter, GError **error)
{
  const char *const values[] = { matter, matter, NULL };
  return sk_store_list_rows (
      store, &sk_table_comments,
      "WHERE matter = ? OR transfer IN (SELECT id FROM transfers WHERE matter = ? AND matter <> '')", values,
      error);
}

gboolean
sk_store_blob_is_used (SkStore *store, const char *blob, const char *other_than_transfer, gboolean *ret_used,
                       GError **error)
{
  /* A text that everybody sends is in ten thousand rows: the first that is found says it. */
  static const char sql[]
      = "SELECT EXISTS (SELECT 1 FROM transfer_items i JOIN transfers t ON t.id = i.transfer WHERE i.blob = "
        "?1 "
        "AND i.transfer <> ?2 AND t.state <> 'purged') OR EXISTS (SELECT 1 FROM transfer_items i JOIN "
        "transfers "
        "t ON t.id = i.transfer WHERE i.result_blob = ?1 AND i.transfer <> ?2 AND t.state <> 'purged')";
  sqlite3_stmt *statement = sk_store_prepare (store, g_strdup (sql), error);
  if (!statement)
    return FALSE;
  sqlite3_bind_text (statement, 1, blob, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text (statement, 2, other_than_transfer, -1, SQLITE_TRANSIENT);
  const gboolean known = sqlite3_step (statement) == SQLITE_ROW;
  if (known)
    *ret_used = sqlite3_column_int (statement, 0) != 0;
  else
    sk_store_fail (sk_store_handle (store), "transfer_items", error);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return known;
}
