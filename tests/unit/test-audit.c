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
  f->audit = sk_audit_new (f->store, f->dir, "mori", &error);
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
write_heads (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_audit_write_heads (f->audit, &error));
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
  write_heads (f);
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
  /* Details can go, but not without a row that says so. */
  guint64 rows;
  sql (f, "UPDATE audit SET details = '' WHERE seq = 49");
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "mori/49 emptied;tottori/49 emptied;");
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
    "INSERT INTO audit_checkpoints SELECT 'tottori', 20, time, hash, signature, number, prev FROM "
    "audit_checkpoints "
    "WHERE organisation = 'mori' AND seq = 100",
    "tottori/20 signature;" },
  { "checkpoint counted anew",
    "UPDATE audit_checkpoints SET number = 7 WHERE organisation = 'mori' AND seq = 200",
    "mori/200 signature;mori/200 unsigned;" },
  { "the last checkpoint removed", "DELETE FROM audit_checkpoints WHERE organisation = 'mori' AND seq = 200",
    "mori/200 unsigned;mori/250 checkpoint-gap;" },
  { "cut off with its checkpoints",
    "DELETE FROM audit WHERE organisation = 'mori' AND seq >= 190;"
    "DELETE FROM audit_checkpoints WHERE organisation = 'mori' AND seq >= 190",
    "mori/189 checkpoint-gap;mori/190 cut;" },
  { "cut off behind the last checkpoint", "DELETE FROM audit WHERE organisation = 'mori' AND seq >= 240",
    "mori/240 cut;" },
  { "the last row", "DELETE FROM audit WHERE organisation = 'mori' AND seq = 250", "mori/250 cut;" },
  { "all of one organisation with its checkpoints",
    "DELETE FROM audit WHERE organisation = 'tottori'; DELETE FROM audit_checkpoints WHERE organisation = "
    "'tottori'",
    "tottori/1 cut;" },
  { "details emptied", "UPDATE audit SET details = '' WHERE organisation = 'mori' AND seq BETWEEN 16 AND 17",
    "mori/16 emptied;mori/17 emptied;" },
  { "details emptied, and a row that says so",
    "UPDATE audit SET details = '' WHERE organisation = 'mori' AND seq = 17;"
    "UPDATE audit SET action = 'audit.purged', details = '{\"rows\":[[1,200]]}' "
    "WHERE organisation = 'mori' AND seq = 18",
    "mori/18 changed;mori/18 details;mori/17 emptied;" },
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
  g_assert_cmpstr (found, ==, "mori/100 checkpoint;mori/200 checkpoint;mori/250 cut;");
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

/* -- where the chains ended, outside of the database -------------------------------------------------------
 */

static char *
heads_path (Fixture *f)
{
  return g_build_filename (f->dir, "audit.heads", NULL);
}

/* What was cut is found by the next start as well, which writes it down and goes on. */
static void
test_cut_while_stopped (Fixture *f, gconstpointer data)
{
  guint64 rows;
  drop_triggers (f);
  close_all (f);
  f->store = sk_store_open (f->database, NULL);
  sql (f, "DELETE FROM audit WHERE organisation = 'mori' AND seq >= 190;"
          "DELETE FROM audit_checkpoints WHERE organisation = 'mori' AND seq >= 190");
  g_clear_pointer (&f->store, sk_store_close);
  open_all (f);
  g_assert_cmpuint (sk_audit_start_faults (f->audit), ==, 2);
  append (f, "mori", 1);
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "mori/190 noted;");
  /* A second start has nothing new to say. */
  close_all (f);
  open_all (f);
  g_assert_cmpuint (sk_audit_start_faults (f->audit), ==, 0);
  g_autofree char *again = faults (f, &rows);
  g_assert_cmpstr (again, ==, "mori/190 noted;");
}

/* The broker that runs on writes heads; they do not step back. */
static void
test_cut_while_running (Fixture *f, gconstpointer data)
{
  guint64 rows;
  drop_triggers (f);
  sql (f, "DELETE FROM audit WHERE organisation = 'mori' AND seq > 230");
  append (f, "mori", 1);
  write_heads (f);
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "mori/232 cut;");
  close_all (f);
  open_all (f);
  g_assert_cmpuint (sk_audit_start_faults (f->audit), ==, 1);
}

typedef enum
{
  HEADS_REMOVED,
  HEADS_CHANGED,
  HEADS_LINE_GONE,
  HEADS_EMPTY,
} HeadsTamper;

static void
test_heads (Fixture *f, gconstpointer data)
{
  g_autofree char *path = heads_path (f), *text = NULL;
  guint64 rows;
  close_all (f);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  char *line = strstr (text, "\n250 ");
  g_assert_nonnull (line);
  switch (GPOINTER_TO_UINT (data))
    {
    case HEADS_REMOVED:
      g_assert_cmpint (g_unlink (path), ==, 0);
      break;
    case HEADS_CHANGED:
      line[3] = '1';
      g_assert_true (g_file_set_contents (path, text, -1, NULL));
      break;
    case HEADS_LINE_GONE:
      memmove (line, strchr (line + 1, '\n'), strlen (strchr (line + 1, '\n')) + 1);
      g_assert_true (g_file_set_contents (path, text, -1, NULL));
      break;
    case HEADS_EMPTY:
      g_assert_true (g_file_set_contents (path, "", -1, NULL));
      break;
    }
  f->store = sk_store_open (f->database, NULL);
  g_autofree char *heads = NULL;
  g_autofree char *key = NULL;
  g_autofree char *key_path = g_build_filename (f->dir, "audit.pub", NULL);
  g_autoptr (GString) found = g_string_new (NULL);
  g_file_get_contents (path, &heads, NULL, NULL);
  g_assert_true (g_file_get_contents (key_path, &key, NULL, NULL));
  g_assert_true (sk_audit_check (f->store, g_strchomp (key), heads, on_fault, found, &rows, NULL));
  g_assert_cmpstr (found->str, ==, "/0 heads;");
  g_clear_pointer (&f->store, sk_store_close);
  open_all (f);
  g_assert_cmpuint (sk_audit_start_faults (f->audit), ==, 1);
  g_autofree char *then = faults (f, &rows);
  g_assert_cmpstr (then, ==, "mori/251 noted;");
}

/* What came after the heads is counted: it may be somebody else's. */
static void
test_unsigned (Fixture *f, gconstpointer data)
{
  g_autofree char *path = heads_path (f), *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  for (guint i = 0; i < 7; i++)
    append (f, "mori", i);
  close_all (f);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  open_all (f);
  g_assert_cmpuint (sk_audit_start_unsigned (f->audit), ==, 7);
  g_assert_cmpuint (sk_audit_start_faults (f->audit), ==, 0);
  close_all (f);
  open_all (f);
  g_assert_cmpuint (sk_audit_start_unsigned (f->audit), ==, 0);
}

static int
count_commit (gpointer data)
{
  ++*(guint *) data;
  return 0;
}

/* A checkpoint comes with its row. */
static void
test_one_commit (Fixture *f, gconstpointer data)
{
  guint commits = 0;
  sqlite3_commit_hook (sk_store_handle (f->store), count_commit, &commits);
  for (guint i = 0; i < 100; i++)
    append (f, "mori", i);
  sqlite3_commit_hook (sk_store_handle (f->store), NULL, NULL);
  g_assert_cmpuint (commits, ==, 100);
}

static void
on_verified (GObject *source, GAsyncResult *result, gpointer data)
{
  SkAuditVerdict **verdict = data;
  g_autoptr (GError) error = NULL;
  *verdict = sk_audit_verify_finish (result, &error);
  g_assert_no_error (error);
}

/* While it is read on another thread, the trail grows. */
static void
test_async (Fixture *f, gconstpointer data)
{
  SkAuditVerdict *verdict = NULL;
  sk_audit_verify_async (f->audit, on_verified, &verdict);
  for (guint i = 0; !verdict; i++)
    {
      append (f, "mori", i);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (verdict->n_faults, ==, 0);
  g_assert_cmpuint (verdict->rows, >=, ROWS + ROWS / 5);
  g_clear_pointer (&verdict, sk_audit_verdict_free);
  drop_triggers (f);
  sql (f, "UPDATE audit SET actor = 'taro' WHERE organisation = 'mori' AND seq = 17");
  sk_audit_verify_async (f->audit, on_verified, &verdict);
  while (!verdict)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (verdict->n_faults, ==, 1);
  g_assert_cmpint (g_array_index (verdict->faults, SkAuditFound, 0).seq, ==, 17);
  sk_audit_verdict_free (verdict);
}

/* -- how long ----------------------------------------------------------------------------------------------
 */

#define DAY ((gint64) 24 * 3600 * G_USEC_PER_SEC)

static guint64
purge (Fixture *f, guint transfer_days, guint session_days, gint64 now, const char *const *sinks)
{
  const SkAuditRetention retention = { { transfer_days, session_days, 0 } };
  guint64 rows = 0;
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_audit_purge (f->audit, &retention, now, sinks, &rows, &error));
  g_assert_no_error (error);
  return rows;
}

static void
test_purge (Fixture *f, gconstpointer data)
{
  static const char *const sinks[] = { "soc", NULL };
  const gint64 now = 10 * DAY;
  guint64 rows;
  const SkAuditEvent sessions[] = {
    { "mori", "hanako", "session.opened", "s1", "", "{\"user\":\"hanako\"}", 2 * DAY },
    { "mori", "broker", "session.ended", "s1", "", "{\"user\":\"hanako\"}", 2 * DAY },
    { "mori", "admin", "pool.edited", "p", "", "{\"x\":1}", 2 * DAY },
    { "mori", "taro", "session.opened", "s2", "", "{\"user\":\"taro\"}", 2 * DAY },
  };
  for (guint i = 0; i < G_N_ELEMENTS (sessions); i++)
    g_assert_true (sk_audit_append (f->audit, &sessions[i], NULL));
  g_assert_true (sk_audit_hold (f->audit, SK_HOLD_USER, "hanako", "complaint", NULL));
  g_assert_false (sk_audit_hold (f->audit, SK_HOLD_USER, "hanako", "again", NULL));
  g_assert_true (sk_audit_hold (f->audit, SK_HOLD_TRANSFER, "object-9", "", NULL));
  /* Hanako's are all of the transfers' rows, and her sessions'. */
  g_assert_cmpuint (purge (f, 5, 5, now, NULL), ==, 1);
  g_autofree char *held = faults (f, &rows);
  g_assert_cmpstr (held, ==, "");
  g_assert_true (sk_audit_release (f->audit, SK_HOLD_USER, "hanako", "closed", NULL));
  g_assert_false (sk_audit_release (f->audit, SK_HOLD_USER, "hanako", "closed", NULL));
  /* Not yet told to the SOC. */
  g_assert_cmpuint (purge (f, 5, 5, now, sinks), ==, 0);
  g_assert_true (sk_store_audit_set_position (f->store, "soc", "mori", 20, NULL));
  g_assert_cmpuint (purge (f, 5, 0, now, sinks), ==, 19);
  g_assert_cmpuint (purge (f, 5, 5, now, NULL), ==, ROWS - 20 + 2 + ROWS / 5);
  g_assert_cmpuint (purge (f, 5, 5, now, NULL), ==, 0);
  g_autofree char *found = faults (f, &rows);
  g_assert_cmpstr (found, ==, "");
  /* And one more than was said: hers that is held. */
  drop_triggers (f);
  sql (f, "UPDATE audit SET details = '' WHERE organisation = 'mori' AND seq = 9");
  g_autofree char *more = faults (f, &rows);
  g_assert_cmpstr (more, ==, "mori/9 emptied;");
}

#define READY_FD 3

/* What the child does: this program again, with the fixture's paths. */
static int
append_until_killed (char **argv)
{
  Fixture f = { .database = argv[2], .dir = argv[3] };
  open_all (&f);
  if (write (READY_FD, "", 1) != 1)
    return 1;
  for (guint n = 1;; n++)
    append (&f, "kyoto", n);
}

/* Another test's threads may still be about: a child that went on from here could wait for their locks for
 * ever. */
static pid_t
start_appending (const Fixture *f, int ready)
{
  const pid_t child = fork ();
  if (child == 0)
    {
      if (dup2 (ready, READY_FD) == READY_FD)
        execl ("/proc/self/exe", "test", "--append", f->database, f->dir, NULL);
      _exit (127);
    }
  return child;
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
      const pid_t child = start_appending (f, ends[1]);
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

typedef struct
{
  guint n;
  gint64 time, seq;
} Page;

static gboolean
on_paged (const SkAuditRow *row, gpointer data)
{
  Page *page = data;
  g_assert_true (page->n == 0 || row->time < page->time
                 || (row->time == page->time && row->seq <= page->seq));
  page->n++;
  page->time = row->time;
  page->seq = row->seq;
  return TRUE;
}

/* Page after page, from the newest: each row once. */
static void
test_paging (Fixture *f, gconstpointer data)
{
  Page page = { 0, G_MAXINT64, G_MAXINT64 };
  for (guint before = G_MAXUINT; before != page.n;)
    {
      const SkAuditFilter filter = { .organisation = "mori",
                                     .newest_first = TRUE,
                                     .limit = 7,
                                     .before_time = page.time,
                                     .before_seq = page.seq };
      before = page.n;
      g_assert_true (sk_store_audit_walk (f->store, &filter, on_paged, &page, NULL));
    }
  g_assert_cmpuint (page.n, ==, ROWS);
}

#define ADD(name, func) g_test_add ("/audit/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  if (argc == 4 && strcmp (argv[1], "--append") == 0)
    return append_until_killed (argv);
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
  ADD ("cut-while-stopped", test_cut_while_stopped);
  ADD ("cut-while-running", test_cut_while_running);
  static const char *const heads[] = { "removed", "changed", "line-gone", "empty" };
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      g_autofree char *path = g_strconcat ("/audit/heads/", heads[i], NULL);
      g_test_add (path, Fixture, GUINT_TO_POINTER (i), set_up, test_heads, tear_down);
    }
  ADD ("unsigned", test_unsigned);
  ADD ("one-commit", test_one_commit);
  ADD ("async", test_async);
  ADD ("purge", test_purge);
  ADD ("paging", test_paging);
  ADD ("killed", test_killed);
  ADD ("filter", test_filter);
  return g_test_run ();
}
