#include "common/error.h"
#include "store/store-private.h"
#include <string.h>

/* Another process that holds the lock is an administrator's sqlite3 shell at most; two seconds of it are
 * bearable on the main loop, for ever is not. */
#define BUSY_MS 2000

struct _SkStore
{
  sqlite3 *db;
  char *path;
  GHashTable *statements; /* SQL text -> sqlite3_stmt, reset after each use */
};

gboolean
sk_store_fail (sqlite3 *db, const char *what, GError **error)
{
  int code = sqlite3_errcode (db) & 0xff; /* without the extended part */
  g_set_error (error, SK_ERROR, code == SQLITE_CONSTRAINT ? SK_ERROR_CONFLICT : SK_ERROR_STORE, "%s: %s",
               what, sqlite3_errmsg (db));
  return FALSE;
}

sqlite3 *
sk_store_handle (SkStore *store)
{
  return store->db;
}

static void
finalize_statement (gpointer statement)
{
  sqlite3_finalize (statement);
}

void
sk_store_close (SkStore *store)
{
  if (!store)
    return;
  g_clear_pointer (&store->statements, g_hash_table_unref);
  sqlite3_close (store->db);
  g_free (store->path);
  g_free (store);
}

/* A damaged database is refused at start, where a person is near, and not found out in the middle of a
 * session. */
static gboolean
check_integrity (sqlite3 *db, GError **error)
{
  sqlite3_stmt *statement = NULL;
  gboolean fine = FALSE;
  if (sqlite3_prepare_v2 (db, "PRAGMA quick_check (1)", -1, &statement, NULL) == SQLITE_OK
      && sqlite3_step (statement) == SQLITE_ROW)
    {
      const char *text = (const char *) sqlite3_column_text (statement, 0);
      fine = g_strcmp0 (text, "ok") == 0;
      if (!fine)
        g_set_error (error, SK_ERROR, SK_ERROR_STORE, "the database is damaged: %s", text);
    }
  else
    sk_store_fail (db, "integrity check", error);
  sqlite3_finalize (statement);
  return fine;
}

static gboolean
set_up (sqlite3 *db, GError **error)
{
  sqlite3_busy_timeout (db, BUSY_MS);
  return check_integrity (db, error)
         && (sqlite3_exec (db,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                           "PRAGMA trusted_schema = OFF;",
                           NULL, NULL, NULL)
                 == SQLITE_OK
             || sk_store_fail (db, "set up", error))
         && sk_migrate (db, sk_migrations_count (), error)
         /* What a killed process had committed but not synced is found here, and is acted upon from now on:
          * this syncs it. */
         && (sqlite3_wal_checkpoint_v2 (db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK
             || sk_store_fail (db, "checkpoint", error));
}

static SkStore *
open_file (const char *path, int flags, GError **error)
{
  g_autoptr (SkStore) store = g_new0 (SkStore, 1);
  store->path = g_strdup (path);
  store->statements = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, finalize_statement);
  if (sqlite3_open_v2 (path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
    return g_steal_pointer (&store);
  sk_store_fail (store->db, path, error);
  return NULL;
}

SkStore *
sk_store_open (const char *path, GError **error)
{
  g_autoptr (SkStore) store = open_file (path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
  return store && set_up (store->db, error) ? g_steal_pointer (&store) : NULL;
}

SkStore *
sk_store_open_reader (const char *path, GError **error)
{
  if (strcmp (path, ":memory:") == 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
                           "a database in memory has no second reader");
      return NULL;
    }
  SkStore *store = open_file (path, SQLITE_OPEN_READONLY, error);
  if (store)
    sqlite3_busy_timeout (store->db, BUSY_MS);
  return store;
}

const char *
sk_store_path (SkStore *store)
{
  return store->path;
}

/* A cached statement. Takes the text. */
sqlite3_stmt *
sk_store_prepare (SkStore *store, char *take_sql, GError **error)
{
  g_autofree char *sql = take_sql;
  sqlite3_stmt *statement = g_hash_table_lookup (store->statements, sql);
  if (statement)
    return statement;
  if (sqlite3_prepare_v3 (store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    {
      sk_store_fail (store->db, "prepare", error);
      return NULL;
    }
  g_hash_table_insert (store->statements, g_steal_pointer (&sql), statement);
  return statement;
}

static void
bind_field (sqlite3_stmt *statement, int index, const SkField *field, gconstpointer row)
{
  const char *text;
  switch (field->type)
    {
    case SK_FIELD_STRING:
      text = G_STRUCT_MEMBER (char *, row, field->offset);
      sqlite3_bind_text (statement, index, text ? text : "", -1, SQLITE_TRANSIENT);
      break;
    case SK_FIELD_UINT:
      sqlite3_bind_int64 (statement, index, G_STRUCT_MEMBER (guint, row, field->offset));
      break;
    case SK_FIELD_BOOL:
      sqlite3_bind_int (statement, index, G_STRUCT_MEMBER (gboolean, row, field->offset) != FALSE);
      break;
    case SK_FIELD_INT64:
      sqlite3_bind_int64 (statement, index, G_STRUCT_MEMBER (gint64, row, field->offset));
      break;
    case SK_FIELD_STATE:
      text = field->words[G_STRUCT_MEMBER (guint, row, field->offset)];
      sqlite3_bind_text (statement, index, text, -1, SQLITE_STATIC);
      break;
    }
}

/* The store's own words only: an unknown one means a database that we did not write. */
static gboolean
word_to_state (const char *const *words, const char *word, guint *ret_state)
{
  for (guint i = 0; words[i]; i++)
    if (g_strcmp0 (words[i], word) == 0)
      {
        *ret_state = i;
        return TRUE;
      }
  return FALSE;
}

static gboolean
read_field (sqlite3_stmt *statement, int index, const SkField *field, gpointer row)
{
  const char *text;
  gint64 number;
  switch (field->type)
    {
    case SK_FIELD_STRING:
      text = (const char *) sqlite3_column_text (statement, index);
      G_STRUCT_MEMBER (char *, row, field->offset) = g_strdup (text ? text : "");
      return TRUE;
    case SK_FIELD_UINT:
      number = sqlite3_column_int64 (statement, index);
      G_STRUCT_MEMBER (guint, row, field->offset) = (guint) number;
      return number >= 0 && number <= G_MAXUINT;
    case SK_FIELD_BOOL:
      number = sqlite3_column_int64 (statement, index);
      G_STRUCT_MEMBER (gboolean, row, field->offset) = number != 0;
      return number == 0 || number == 1;
    case SK_FIELD_INT64:
      G_STRUCT_MEMBER (gint64, row, field->offset) = sqlite3_column_int64 (statement, index);
      return TRUE;
    case SK_FIELD_STATE:
      text = (const char *) sqlite3_column_text (statement, index);
      return word_to_state (field->words, text, &G_STRUCT_MEMBER (guint, row, field->offset));
    }
  return FALSE;
}

static char *
upsert_sql (const SkTable *table)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GString) marks = g_string_new (NULL);
  g_autoptr (GString) sets = g_string_new (NULL);
  for (const SkField *f = table->fields; f->name; f++)
    {
      gboolean first = f == table->fields;
      g_string_append_printf (names, "%s\"%s\"", first ? "" : ", ", f->name);
      g_string_append (marks, first ? "?" : ", ?");
      if (!first)
        g_string_append_printf (sets, "%s\"%s\" = excluded.\"%s\"", sets->len ? ", " : "", f->name, f->name);
    }
  return g_strdup_printf ("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (\"%s\") DO UPDATE SET %s",
                          table->name, names->str, marks->str, table->fields[0].name, sets->str);
}

static gboolean
step_and_reset (SkStore *store, sqlite3_stmt *statement, const char *what, GError **error)
{
  gboolean done = sqlite3_step (statement) == SQLITE_DONE || sk_store_fail (store->db, what, error);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return done;
}

static gboolean
put (SkStore *store, const SkTable *table, gconstpointer row, GError **error)
{
  sqlite3_stmt *statement = sk_store_prepare (store, upsert_sql (table), error);
  if (!statement)
    return FALSE;
  for (int i = 0; table->fields[i].name; i++)
    bind_field (statement, i + 1, &table->fields[i], row);
  return step_and_reset (store, statement, table->name, error);
}

static gboolean delete (SkStore *store, const SkTable *table, const char *key, GError **error)
{
  sqlite3_stmt *statement = sk_store_prepare (
      store, g_strdup_printf ("DELETE FROM %s WHERE \"%s\" = ?", table->name, table->fields[0].name), error);
  if (!statement)
    return FALSE;
  sqlite3_bind_text (statement, 1, key, -1, SQLITE_TRANSIENT);
  if (!step_and_reset (store, statement, table->name, error))
    return FALSE;
  if (sqlite3_changes (store->db) > 0)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "%s: no such row", key);
  return FALSE;
}

static gpointer
read_row (sqlite3_stmt *statement, const SkTable *table, GError **error)
{
  gpointer row = g_malloc0 (table->size);
  for (int i = 0; table->fields[i].name; i++)
    if (!read_field (statement, i, &table->fields[i], row))
      {
        g_set_error (error, SK_ERROR, SK_ERROR_STORE, "table %s has a bad value in column %s", table->name,
                     table->fields[i].name);
        table->free (row);
        return NULL;
      }
  return row;
}

static char *
select_sql (const SkTable *table, const char *where)
{
  g_autoptr (GString) sql = g_string_new ("SELECT ");
  for (const SkField *f = table->fields; f->name; f++)
    g_string_append_printf (sql, "%s\"%s\"", f == table->fields ? "" : ", ", f->name);
  g_string_append_printf (sql, " FROM %s %s ORDER BY created, rowid", table->name, where);
  return g_string_free (g_steal_pointer (&sql), FALSE);
}

GPtrArray *
sk_store_list_rows (SkStore *store, const SkTable *table, const char *where, const char *const *values,
                    GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (table->free);
  sqlite3_stmt *statement = sk_store_prepare (store, select_sql (table, where), error);
  gpointer row = NULL;
  int r = SQLITE_ERROR;
  if (!statement)
    return NULL;
  for (int i = 0; values && values[i]; i++)
    sqlite3_bind_text (statement, i + 1, values[i], -1, SQLITE_TRANSIENT);
  while ((r = sqlite3_step (statement)) == SQLITE_ROW && (row = read_row (statement, table, error)))
    g_ptr_array_add (rows, row);
  if (r != SQLITE_DONE && r != SQLITE_ROW)
    sk_store_fail (store->db, table->name, error);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return r == SQLITE_DONE ? g_steal_pointer (&rows) : NULL;
}

static GPtrArray *
list (SkStore *store, const SkTable *table, const char *where, GError **error)
{
  return sk_store_list_rows (store, table, where, NULL, error);
}

gboolean
sk_store_delete_row (SkStore *store, const SkTable *table, const char *key, GError **error)
{
  return delete (store, table, key, error);
}

gboolean
sk_store_put_row (SkStore *store, const SkTable *table, gconstpointer row, GError **error)
{
  return put (store, table, row, error);
}

gboolean
sk_store_put_image (SkStore *store, const SkImage *row, GError **error)
{
  return put (store, &sk_table_images, row, error);
}

gboolean
sk_store_put_pool (SkStore *store, const SkPool *row, GError **error)
{
  return put (store, &sk_table_pools, row, error);
}

gboolean
sk_store_put_vm (SkStore *store, const SkVm *row, GError **error)
{
  return put (store, &sk_table_vms, row, error);
}

gboolean
sk_store_put_session (SkStore *store, const SkSession *row, GError **error)
{
  return put (store, &sk_table_sessions, row, error);
}

gboolean
sk_store_delete_image (SkStore *store, const char *id, GError **error)
{
  return delete (store, &sk_table_images, id, error);
}

gboolean
sk_store_delete_pool (SkStore *store, const char *name, GError **error)
{
  return delete (store, &sk_table_pools, name, error);
}

GPtrArray *
sk_store_images (SkStore *store, GError **error)
{
  return list (store, &sk_table_images, "", error);
}

GPtrArray *
sk_store_pools (SkStore *store, GError **error)
{
  return list (store, &sk_table_pools, "", error);
}

GPtrArray *
sk_store_vms (SkStore *store, gboolean all, GError **error)
{
  return list (store, &sk_table_vms, all ? "" : "WHERE state <> 'gone'", error);
}

GPtrArray *
sk_store_sessions (SkStore *store, gboolean all, GError **error)
{
  return list (store, &sk_table_sessions, all ? "" : "WHERE state <> 'ended'", error);
}

static gboolean
run (SkStore *store, const char *sql, GError **error)
{
  sqlite3_stmt *statement = sk_store_prepare (store, g_strdup (sql), error);
  return statement && step_and_reset (store, statement, sql, error);
}

/* The condition is part of the UPDATE, so no reading and writing can drift apart. */
static gboolean
claim_row (SkStore *store, const SkVm *claimed, GError **error)
{
  sqlite3_stmt *statement
      = sk_store_prepare (store,
                          g_strdup ("UPDATE vms SET owner = ?, session = ?, state = 'attached', changed = ? "
                                    "WHERE id = ? AND owner = '' AND session = '' AND state = 'warm'"),
                          error);
  if (!statement)
    return FALSE;
  sqlite3_bind_text (statement, 1, claimed->owner, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text (statement, 2, claimed->session, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64 (statement, 3, claimed->changed);
  sqlite3_bind_text (statement, 4, claimed->id, -1, SQLITE_TRANSIENT);
  if (!step_and_reset (store, statement, "claim", error))
    return FALSE;
  if (sqlite3_changes (store->db) == 1)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT, "VM %s had a user before or is not free", claimed->id);
  return FALSE;
}

gboolean
sk_store_begin (SkStore *store, GError **error)
{
  return run (store, "BEGIN IMMEDIATE", error);
}

gboolean
sk_store_commit (SkStore *store, GError **error)
{
  return run (store, "COMMIT", error);
}

/* The first reading fixes the moment. */
gboolean
sk_store_snapshot (SkStore *reader, GError **error)
{
  return run (reader, "BEGIN", error);
}

gboolean
sk_store_is_begun (SkStore *store)
{
  return !sqlite3_get_autocommit (store->db);
}

/* SQLite has rolled back already after some errors. */
void
sk_store_rollback (SkStore *store)
{
  if (!sqlite3_get_autocommit (store->db) && !run (store, "ROLLBACK", NULL))
    sqlite3_exec (store->db, "ROLLBACK", NULL, NULL, NULL);
}

gboolean
sk_store_claim_vm (SkStore *store, const SkVm *claimed, const SkSession *session, GError **error)
{
  g_return_val_if_fail (*claimed->owner && *claimed->session && claimed->state == SK_VM_ATTACHED, FALSE);
  if (sk_store_is_begun (store))
    return claim_row (store, claimed, error) && sk_store_put_session (store, session, error);
  if (!sk_store_begin (store, error))
    return FALSE;
  if (claim_row (store, claimed, error) && sk_store_put_session (store, session, error)
      && sk_store_commit (store, error))
    return TRUE;
  sk_store_rollback (store);
  return FALSE;
}

gboolean
sk_store_prune (SkStore *store, gint64 before, GError **error)
{
  static const char *const sql[] = { "DELETE FROM vms WHERE state = 'gone' AND changed < ?",
                                     "DELETE FROM sessions WHERE state = 'ended' AND changed < ?" };
  for (gsize i = 0; i < G_N_ELEMENTS (sql); i++)
    {
      sqlite3_stmt *statement = sk_store_prepare (store, g_strdup (sql[i]), error);
      if (!statement)
        return FALSE;
      sqlite3_bind_int64 (statement, 1, before);
      if (!step_and_reset (store, statement, "prune", error))
        return FALSE;
    }
  return TRUE;
}

SkSession *
sk_store_session (SkStore *store, const char *id, GError **error)
{
  SkSession *row = NULL;
  sqlite3_stmt *statement = sk_store_prepare (store, select_sql (&sk_table_sessions, "WHERE id = ?"), error);
  if (!statement)
    return NULL;
  sqlite3_bind_text (statement, 1, id, -1, SQLITE_TRANSIENT);
  if (sqlite3_step (statement) == SQLITE_ROW)
    row = read_row (statement, &sk_table_sessions, error);
  else
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "there is no session %s", id);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return row;
}
