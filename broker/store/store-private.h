/* Inside of the store, shared by its files and its unit test. */
#pragma once
#include "store/store.h"
#include <sqlite3.h>

typedef struct
{
  const char *name;
  const SkField *fields; /* the first is the key */
  gsize size;
  GDestroyNotify free;
} SkTable;
extern const SkTable sk_table_images, sk_table_pools, sk_table_vms, sk_table_sessions;
extern const SkTable sk_table_transfers, sk_table_transfer_items, sk_table_decisions, sk_table_comments;

/* By a row's table; rows.c. */
void sk_row_free (const SkField *fields, gpointer row);
gpointer sk_row_new (const SkField *fields, gsize size); /* empty strings, zeros */
gpointer sk_row_copy (const SkField *fields, gconstpointer row, gsize size);

/* One line of a table of fields. */
#define ROW(type, member, field_type)                                                                        \
  {                                                                                                          \
#member, field_type, G_STRUCT_OFFSET(type, member), NULL, FALSE                                          \
  }
#define WORD_ROW(type, member, words)                                                                        \
  {                                                                                                          \
#member, SK_FIELD_STATE, G_STRUCT_OFFSET(type, member), words, FALSE                                     \
  }
/* For the core alone. */
#define SECRET_ROW(type, member, field_type)                                                                 \
  {                                                                                                          \
#member, field_type, G_STRUCT_OFFSET(type, member), NULL, TRUE                                           \
  }

#define SK_DEFINE_ROW(Type, name)                                                                            \
  void sk_##name##_free (Type *row)                                                                          \
  {                                                                                                          \
    sk_row_free (sk_##name##_fields, row);                                                                   \
  }                                                                                                          \
  Type *sk_##name##_copy (const Type *row)                                                                   \
  {                                                                                                          \
    return sk_row_copy (sk_##name##_fields, row, sizeof *row);                                               \
  }
#define SK_TABLE(Type, name, table)                                                                          \
  {                                                                                                          \
    table, sk_##name##_fields, sizeof (Type), (GDestroyNotify) sk_##name##_free                              \
  }

/* Step n (from 1) brings a database of version n - 1 to n. Steps are never edited once released: a mistake in
 * one is mended by the next. */
extern const char *const sk_migrations[];
guint sk_migrations_count (void);
gboolean sk_migrate (sqlite3 *db, guint to_version, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets SK_ERROR_STORE (or SK_ERROR_CONFLICT for a broken constraint) from the handle's last error. FALSE. */
gboolean sk_store_fail (sqlite3 *db, const char *what, GError **error);
sqlite3 *sk_store_handle (SkStore *store);
/* A cached statement, for one use at a time. Takes the text. */
sqlite3_stmt *sk_store_prepare (SkStore *store, char *take_sql, GError **error);
/* For the tables that have a file of their own. where: SQL of ours, with a ? for each of `values` (texts,
 * NULL-terminated; NULL: none). */
gboolean
sk_store_put_row (SkStore *, const SkTable *, gconstpointer row, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean
sk_store_delete_row (SkStore *, const SkTable *, const char *key, GError **) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *
sk_store_list_rows (SkStore *, const SkTable *, const char *where, const char *const *values, GError **);
