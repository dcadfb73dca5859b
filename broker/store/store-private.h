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

/* Step n (from 1) brings a database of version n - 1 to n. Steps are never edited once released: a mistake in
 * one is mended by the next. */
extern const char *const sk_migrations[];
guint sk_migrations_count (void);
gboolean sk_migrate (sqlite3 *db, guint to_version, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets SK_ERROR_STORE (or SK_ERROR_CONFLICT for a broken constraint) from the handle's last error. FALSE. */
gboolean sk_store_fail (sqlite3 *db, const char *what, GError **error);
sqlite3 *sk_store_handle (SkStore *store);
