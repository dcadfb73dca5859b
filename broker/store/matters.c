#include "store/matters.h"
#include "common/error.h"
#include "store/store-private.h"
#include <string.h>

static const char *const states[] = { "open", "closed", NULL };

const SkField sk_matter_fields[] = {
  ROW (SkMatter, id, SK_FIELD_STRING),
  ROW (SkMatter, title, SK_FIELD_STRING),
  ROW (SkMatter, section, SK_FIELD_STRING),
  ROW (SkMatter, organisation, SK_FIELD_STRING),
  ROW (SkMatter, author, SK_FIELD_STRING),
  { "state", SK_FIELD_STATE, G_STRUCT_OFFSET (SkMatter, state), states, FALSE },
  ROW (SkMatter, created, SK_FIELD_INT64),
  ROW (SkMatter, changed, SK_FIELD_INT64),
  { NULL },
};

SK_DEFINE_ROW (SkMatter, matter)
static const SkTable matters_table = SK_TABLE (SkMatter, matter, "matters");

const char *
sk_matter_state_word (SkMatterState state)
{
  return states[state];
}

gboolean
sk_store_put_matter (SkStore *store, const SkMatter *row, GError **error)
{
  return sk_store_put_row (store, &matters_table, row, error);
}

SkMatter *
sk_store_matter (SkStore *store, const char *id, GError **error)
{
  const char *const values[] = { id, NULL };
  g_autoptr (GPtrArray) rows = sk_store_list_rows (store, &matters_table, "WHERE id = ?", values, error);
  if (rows && rows->len == 1)
    return g_ptr_array_steal_index (rows, 0);
  if (rows)
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "there is no matter %s", id);
  return NULL;
}

SkMatter *
sk_store_matter_by_title (SkStore *store, const char *organisation, const char *section, const char *author,
                          const char *title, GError **error)
{
  const char *const values[] = { organisation, section, section, author, title, NULL };
  g_autoptr (GPtrArray) rows = sk_store_list_rows (
      store, &matters_table,
      "WHERE organisation = ? AND section = ? AND (? <> '' OR author = ?) AND title = ? "
      "AND state = 'open'",
      values, error);
  return rows && rows->len > 0 ? g_ptr_array_steal_index (rows, rows->len - 1) : NULL;
}

GPtrArray *
sk_store_matters (SkStore *store, gboolean closed_too, guint count, GError **error)
{
  g_autofree char *limit = g_strdup_printf ("%u", count);
  const char *const values[] = { closed_too ? "" : "closed", limit, NULL };
  return sk_store_list_rows (store, &matters_table,
                             "WHERE rowid IN (SELECT rowid FROM matters WHERE state <> ? "
                             "ORDER BY created DESC LIMIT CAST (? AS INTEGER))",
                             values, error);
}

GPtrArray *
sk_store_matters_of_person (SkStore *store, const char *user, GError **error)
{
  const char *const values[] = { user, user, NULL };
  return sk_store_list_rows (
      store, &matters_table,
      "WHERE id IN (SELECT matter FROM transfers WHERE matter <> '' AND user = ?) OR id IN "
      "(SELECT t.matter FROM decisions d JOIN transfers t ON t.id = d.transfer WHERE d.user = ?)",
      values, error);
}

gboolean
sk_store_matter_last (SkStore *store, const char *year, guint *ret_number, GError **error)
{
  g_autofree char *from = g_strconcat (year, "-", NULL), *to = g_strconcat (year, ".", NULL);
  const char *const values[] = { from, to, NULL };
  /* "-" comes before the digits and "." right behind it. A longer number is a larger one. */
  g_autoptr (GPtrArray) rows = sk_store_list_rows (store, &matters_table,
                                                   "WHERE id = (SELECT id FROM matters WHERE id > ? AND id < "
                                                   "? ORDER BY length (id) DESC, id DESC LIMIT 1)",
                                                   values, error);
  if (!rows)
    return FALSE;
  *ret_number = 0;
  if (rows->len > 0)
    *ret_number = (guint) g_ascii_strtoull (((SkMatter *) rows->pdata[0])->id + strlen (from), NULL, 10);
  return TRUE;
}
