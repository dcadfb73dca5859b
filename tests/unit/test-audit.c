/* The audit trail: every way to change it that a person with the database's file has is found, and where. */
#include "audit/audit.h"
#include "audit/chain.h"
#include "common/error.h"
#include "store/store-private.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define ROWS 250

typedef struct
{
  char *dir, *database;
  SkStore *store;
  SkAudit *audit;
} Fixture;

static void
open_all (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  f->store = sk_store_open (f->database, &error);
  g_assert_no_error (error);
  f->audit = sk_audit_new (f->store, f->dir, &error);
  g_assert_no_error (error);
}

static void
close_all (Fixture *f)
{
  g_clear_pointer (&f->audit, sk_audit_free);
  g_clear_pointer (&f->store, sk_store_close);
}

static void
append (Fixture *f, const char *organisation, guint n)
{
  g_autofree char *object = g_strdup_printf ("object-%u", n);
  g_autofree char *details = g_strdup_printf ("{\"n\":%u}", n);
  const SkAuditEvent event = { organisation, "hanako", "transfer.held", object, "", details, 1000 + n };
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_audit_append (f->audit, &event, &error));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("audit-XXXXXX", NULL);
  f->database = g_build_filename (f->dir, "sekisho.db", NULL);
  open_all (f);
  for (guint i = 1; i <= ROWS; i++)
    {
      append (f, "mori", i);
      if (i % 5 == 0)
        append (f, "tottori", i);
    }
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  const char *const argv[] = { "rm", "-rf", f->dir, NULL };
  close_all (f);
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (f->database);
  g_free (f->dir);
}

static void
on_fault (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data)
{
  g_string_append_printf (data, "%s/%" G_GINT64_FORMAT " %s;", organisation, seq,
                          sk_audit_fault_words[fault]);
}

static char *
faults (Fixture *f, guint64 *ret_rows)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_audit_verify (f->audit, on_fault, text, ret_rows, &error));
  return g_string_free (text, FALSE);
}

static void
test_whole (Fixture *f, gconstpointer data)
{
  guint64 rows = 0;
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "");
  g_assert_cmpuint (rows, ==, ROWS + ROWS / 5);
  /* And after a restart, with the same key. */
  g_autofree char *key = g_strdup (sk_audit_public_key (f->audit));
  close_all (f);
  open_all (f);
  append (f, "mori", ROWS + 1);
  g_autofree char *again = faults (f, &rows);
  g_assert_cmpstr (again, ==, "");
  g_assert_cmpstr (key, ==, sk_audit_public_key (f->audit));
}

static void
sql (Fixture *f, const char *text)
{
  char *wrong = NULL;
  sqlite3_exec (sk_store_handle (f->store), text, NULL, NULL, &wrong);
  g_assert_cmpstr (wrong, ==, NULL);
}

/* Our own triggers stop those who only have SQL; who has the file has no triggers. */
static void
drop_triggers (Fixture *f)
{
  sql (f, "DROP TRIGGER audit_grows; DROP TRIGGER audit_stays; DROP TRIGGER audit_checkpoint_stays; "
          "DROP TRIGGER audit_once; DROP TRIGGER audit_checkpoint_once; DROP TRIGGER audit_checkpoint_same;");
}

static void
test_triggers (Fixture *f, gconstpointer data)
{
  static const char *const forbidden[] = {
    "UPDATE audit SET actor = 'taro' WHERE seq = 3",
    "UPDATE audit SET details = '{}' WHERE seq = 3",
    "UPDATE audit SET seq = 999 WHERE seq = 3",
    "DELETE FROM audit WHERE seq = 3",
    "DELETE FROM audit_checkpoints",
    "UPDATE audit_checkpoints SET hash = '' WHERE seq = 100",
    "INSERT OR REPLACE INTO audit SELECT organisation, 3, time, actor, action, object, matter, details, "
    "details_hash, prev, hash FROM audit WHERE organisation = 'mori' AND seq = 4",
  };
  for (guint i = 0; i < G_N_ELEMENTS (forbidden); i++)
    g_assert_cmpint (sqlite3_exec (sk_store_handle (f->store), forbidden[i], NULL, NULL, NULL), ==,
                     SQLITE_CONSTRAINT);
  /* Details may go when their time is over, and the chain holds. */
  guint64 rows;
  sql (f, "UPDATE audit SET details = '' WHERE seq < 50");
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "");
}

typedef struct
{
  const char *name, *sql, *found; /* the beginning of what is found */
} Tamper;

static const Tamper tampers[] = {
  { "actor", "UPDATE audit SET actor = 'taro' WHERE organisation = 'mori' AND seq = 17", "mori/17 changed;" },
  { "behind a NUL",
    "UPDATE audit SET actor = actor || char(0) || 'x' WHERE organisation = 'mori' AND seq = 17",
    "mori/17 changed;" },
  { "action", "UPDATE audit SET action = 'transfer.refused' WHERE organisation = 'mori' AND seq = 17",
    "mori/17 changed;" },
  { "object", "UPDATE audit SET object = 'other' WHERE organisation = 'mori' AND seq = 17",
    "mori/17 changed;" },
  { "matter", "UPDATE audit SET matter = 'm' WHERE organisation = 'mori' AND seq = 17", "mori/17 changed;" },
  { "time", "UPDATE audit SET time = time + 1 WHERE organisation = 'mori' AND seq = 17", "mori/17 changed;" },
  { "details", "UPDATE audit SET details = '{\"n\":9}' WHERE organisation = 'mori' AND seq = 17",
    "mori/17 details;" },
  { "details with their hash",
    "UPDATE audit SET details = '{}', details_hash = "
    "'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' "
    "WHERE organisation = 'mori' AND seq = 17",
    "mori/17 changed;" },
  { "hash", "UPDATE audit SET hash = prev WHERE organisation = 'mori' AND seq = 17",
    "mori/17 changed;mori/18 link;" },
  { "removed", "DELETE FROM audit WHERE organisation = 'mori' AND seq = 17", "mori/18 gap;" },
  { "removed, numbers closed up",
    "DELETE FROM audit WHERE organisation = 'mori' AND seq = 17;"
    "UPDATE audit SET seq = -seq WHERE organisation = 'mori' AND seq > 17;"
    "UPDATE audit SET seq = -seq - 1 WHERE organisation = 'mori' AND seq < 0;",
    "mori/17 link;mori/17 changed;" },
  { "swapped",
    "UPDATE audit SET seq = -1 WHERE organisation = 'mori' AND seq = 17;"
    "UPDATE audit SET seq = 17 WHERE organisation = 'mori' AND seq = 18;"
    "UPDATE audit SET seq = 18 WHERE organisation = 'mori' AND seq = -1;",
    "mori/17 link;mori/17 changed;" },
  { "doubled",
    "INSERT INTO audit SELECT organisation, 251, time, actor, action, object, matter, details, "
    "details_hash, prev, hash FROM audit WHERE organisation = 'mori' AND seq = 17",
    "mori/251 link;mori/251 changed;" },
  { "cut off at the end", "DELETE FROM audit WHERE organisation = 'mori' AND seq >= 190",
    "mori/200 checkpoint;" },
  { "cut off at the beginning", "DELETE FROM audit WHERE organisation = 'mori' AND seq < 10",
    "mori/10 gap;" },
  { "all of one organisation", "DELETE FROM audit WHERE organisation = 'mori'", "mori/" },
  { "moved to another organisation", "UPDATE audit SET organisation = 'kyoto' WHERE organisation = 'tottori'",
    "kyoto/1 changed;" },
  { "checkpoint removed", "DELETE FROM audit_checkpoints WHERE organisation = 'mori' AND seq = 100",
    "mori/100 unsigned;" },
  { "checkpoint of another row",
    "UPDATE audit_checkpoints SET seq = 99 WHERE organisation = 'mori' AND seq = 100",
    "mori/99 signature;mori/100 unsigned;" },
  { "checkpoint of another organisation",
    "INSERT INTO audit_checkpoints SELECT 'tottori', 20, time, hash, signature FROM audit_checkpoints "
    "WHERE organisation = 'mori' AND seq = 100",
    "tottori/20 signature;" },
};

static void
test_tampering (Fixture *f, gconstpointer data)
{
  const Tamper *tamper = data;
  guint64 rows;
  drop_triggers (f);
  sql (f, tamper->sql);
  g_autofree char *found = faults (f, &rows);
  g_test_message ("%s: %s", tamper->name, found);
  g_assert_true (g_str_has_prefix (found, tamper->found));
}

/* Whoever knows how hashes are made writes everything from row 17 on anew: only the signatures stand against
 * it. */
static void
test_written_anew (Fixture *f, gconstpointer data)
{
  g_autofree char *prev = NULL;
  guint64 rows;
  drop_triggers (f);
  for (gint64 seq = 17; seq <= ROWS; seq++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *object = g_strdup_printf ("object-%d", (int) seq);
      g_autofree char *details = g_strdup_printf ("{\"n\":%d}", (int) seq);
      g_autofree char *details_hash = sk_chain_details_hash (details);
      if (!prev)
        {
          sql (f, "DELETE FROM audit WHERE organisation = 'mori' AND seq >= 17");
          gint64 last;
          g_assert_true (sk_store_audit_head (f->store, "mori", &last, &prev, &error));
        }
      const SkChainRow row
          = { "mori", seq,          1000 + seq, seq == 17 ? "taro" : "hanako", "transfer.held", object,
              "",     details_hash, prev };
      char *hash = sk_chain_hash (&row);
      const SkAuditRow whole = { (char *) row.organisation,
                                 seq,
                                 row.time,
                                 (char *) row.actor,
                                 (char *) row.action,
                                 object,
                                 (char *) "",
                                 details,
                                 details_hash,
                                 prev,
                                 hash };
      g_assert_true (sk_store_audit_append (f->store, &whole, &error));
      g_free (prev);
      prev = hash;
    }
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "mori/100 checkpoint;mori/200 checkpoint;");
}

/* A change and its row are one. */
static void
test_transaction (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint64 before, after;
  g_autofree char *hash = NULL, *same = NULL;
  g_assert_true (sk_store_audit_head (f->store, "mori", &before, &hash, &error));
  g_assert_true (sk_store_begin (f->store, &error));
  append (f, "mori", 999);
  g_assert_false (sk_store_begin (f->store, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  sk_store_rollback (f->store);
  g_assert_true (sk_store_audit_head (f->store, "mori", &after, &same, &error));
  g_assert_cmpint (before, ==, after);
  g_assert_cmpstr (hash, ==, same);
}

/* Another key than the one that signed: none of the signatures holds. */
static void
test_other_key (Fixture *f, gconstpointer data)
{
  g_autofree char *key = g_build_filename (f->dir, "keys", "audit.key", NULL);
  guint64 rows;
  close_all (f);
  g_assert_cmpint (g_unlink (key), ==, 0);
  open_all (f);
  g_autofree char *found = faults (f, &rows);
  g_assert_true (strstr (found, "mori/100 signature;") && strstr (found, "mori/200 signature;"));
}

static void
append_until_killed (Fixture *f, int ready)
{
  open_all (f);
  if (write (ready, "", 1) != 1)
    _exit (1);
  for (guint n = 1;; n++)
    append (f, "kyoto", n);
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  guint64 rows = 0;
  close_all (f);
  for (guint i = 0; i < 50; i++)
    {
      int ends[2], status;
      char byte;
      g_assert_cmpint (pipe (ends), ==, 0);
      const pid_t child = fork ();
      if (child == 0)
        append_until_killed (f, ends[1]);
      close (ends[1]);
      g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
      const gint64 until = g_get_monotonic_time () + g_rand_int_range (rand, 0, 8000);
      while (g_get_monotonic_time () < until)
        ;
      kill (child, SIGKILL);
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_true (WIFSIGNALED (status));
      close (ends[0]);
    }
  open_all (f);
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "");
  g_assert_cmpuint (rows, >, ROWS + ROWS / 5);
  g_test_message ("%u rows came through 50 kills", (guint) (rows - ROWS - ROWS / 5));
}

static gboolean
count (const SkAuditRow *row, gpointer data)
{
  ++*(guint *) data;
  return TRUE;
}

static void
test_filter (Fixture *f, gconstpointer data)
{
  static const struct
  {
    SkAuditFilter filter;
    guint rows;
  } cases[] = {
    { { .organisation = "tottori" }, ROWS / 5 },
    { { .object = "object-10" }, 2 },
    { { .since = 1010, .until = 1020 }, 12 },
    { { .organisation = "mori", .after_seq = 245 }, 5 },
    { { .actor = "nobody" }, 0 },
    { { .action = "transfer.held", .limit = 7, .newest_first = TRUE }, 7 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint n = 0;
      g_assert_true (sk_store_audit_walk (f->store, &cases[i].filter, count, &n, &error));
      g_assert_cmpuint (n, ==, cases[i].rows);
    }
}

#define ADD(name, func) g_test_add ("/audit/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("whole", test_whole);
  ADD ("triggers", test_triggers);
  for (guint i = 0; i < G_N_ELEMENTS (tampers); i++)
    {
      g_autofree char *path = g_strconcat ("/audit/tampering/", tampers[i].name, NULL);
      g_test_add (path, Fixture, &tampers[i], set_up, test_tampering, tear_down);
    }
  ADD ("written-anew", test_written_anew);
  ADD ("transaction", test_transaction);
  ADD ("other-key", test_other_key);
  ADD ("killed", test_killed);
  ADD ("filter", test_filter);
  return g_test_run ();
}
