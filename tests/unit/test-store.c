/* The store with real SQLite files: rows, migrations from every older version, rule 5 in the database itself,
 * full disks, kill -9. */
#include "common/error.h"
#include "store/store-private.h"
#include "store/transfers.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef struct
{
  char *dir, *path;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("sk-store-XXXXXX", NULL);
  f->path = g_build_filename (f->dir, "sekisho.db", NULL);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  static const char *const suffixes[] = { "", "-wal", "-shm" };
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (f->path, suffixes[i], NULL);
      g_unlink (name);
    }
  g_assert_cmpint (g_rmdir (f->dir), ==, 0);
  g_free (f->dir);
  g_free (f->path);
}

static SkVm *
new_vm (const char *id, SkVmState state)
{
  SkVm row = { (char *) id, "internet", "i", "s", state, "", "", "", 1000, 1000 };
  return sk_vm_copy (&row);
}

static SkSession *
new_session (const char *id, const char *vm, const char *user)
{
  SkSession row
      = { (char *) id, "internet", (char *) vm, (char *) user, 1000, SK_SESSION_STARTING, "", "", 5, 5 };
  return sk_session_copy (&row);
}

static SkImage *
new_image (const char *id)
{
  SkImage row = { (char *) id, (char *) id, "/images/a", "quiet", 7, G_MAXINT64 };
  return sk_image_copy (&row);
}

static SkPool *
new_pool (const char *name, const char *image)
{
  SkPool row = { (char *) name,
                 (char *) image,
                 1024,
                 2,
                 "sk-internet",
                 2,
                 1,
                 8,
                 1280,
                 800,
                 60,
                 "staff",
                 "インターネット側",
                 "https://例え.jp/?q='\"",
                 TRUE,
                 TRUE,
                 TRUE,
                 "export",
                 9 };
  return sk_pool_copy (&row);
}

/* Walks the field table: a new column cannot be forgotten here. */
static void
assert_same (const SkField *fields, gconstpointer a, gconstpointer b)
{
  for (const SkField *f = fields; f->name; f++)
    switch (f->type)
      {
      case SK_FIELD_STRING:
        g_assert_cmpstr (G_STRUCT_MEMBER (char *, a, f->offset), ==, G_STRUCT_MEMBER (char *, b, f->offset));
        break;
      case SK_FIELD_UINT:
      case SK_FIELD_STATE:
        g_assert_cmpuint (G_STRUCT_MEMBER (guint, a, f->offset), ==, G_STRUCT_MEMBER (guint, b, f->offset));
        break;
      case SK_FIELD_BOOL:
        g_assert_cmpint (G_STRUCT_MEMBER (gboolean, a, f->offset), ==,
                         G_STRUCT_MEMBER (gboolean, b, f->offset));
        break;
      case SK_FIELD_INT64:
        g_assert_cmpint (G_STRUCT_MEMBER (gint64, a, f->offset), ==, G_STRUCT_MEMBER (gint64, b, f->offset));
        break;
      }
}

/* Below every line of C: what a scanner found infected stays so, and neither waits for people nor crosses. */
static void
test_infected_stays (Fixture *f, gconstpointer data)
{
  static const SkTransferState next[] = { SK_TRANSFER_HELD, SK_TRANSFER_APPROVED };
  static const SkTransferState way[]
      = { SK_TRANSFER_RECEIVING, SK_TRANSFER_QUARANTINED, SK_TRANSFER_INSPECTING };
  g_autoptr (SkStore) store = sk_store_open (f->path, NULL);
  g_autoptr (SkTransfer) row = sk_transfer_new ();
  g_autoptr (SkTransferItem) item = sk_transfer_item_new ();
  g_autoptr (GError) error = NULL;
  g_free (row->id);
  row->id = g_strdup ("t");
  for (guint i = 0; i < G_N_ELEMENTS (way); i++)
    {
      row->state = way[i];
      g_assert_true (sk_store_put_transfer (store, row, &error));
    }
  g_free (item->id);
  item->id = g_strdup ("t/0");
  g_free (item->transfer);
  item->transfer = g_strdup ("t");
  g_free (item->antivirus);
  item->antivirus = g_strdup ("infected");
  g_assert_true (sk_store_put_transfer_item (store, item, &error));
  g_free (item->antivirus);
  item->antivirus = g_strdup ("clean");
  g_assert_false (sk_store_put_transfer_item (store, item, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (next); i++)
    {
      row->state = next[i];
      g_assert_false (sk_store_put_transfer (store, row, NULL));
    }
  row->state = SK_TRANSFER_REFUSED;
  g_assert_true (sk_store_put_transfer (store, row, &error));
  g_assert_no_error (error);
}

static void
test_round_trip (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkImage) image = new_image ("a");
  g_autoptr (SkPool) pool = new_pool ("internet", "a");
  g_autoptr (SkVm) vm = new_vm ("v1", SK_VM_WARM);
  g_autoptr (SkSession) session = new_session ("s1", "v1", "hanako");
  {
    g_autoptr (SkStore) store = sk_store_open (f->path, &error);
    g_assert_no_error (error);
    g_assert_true (sk_store_put_image (store, image, &error));
    g_assert_true (sk_store_put_pool (store, pool, &error));
    g_assert_true (sk_store_put_vm (store, vm, &error));
    g_assert_true (sk_store_put_session (store, session, &error));
    /* again: the same key replaces */
    g_assert_true (sk_store_put_pool (store, pool, &error));
  }
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) images = sk_store_images (store, &error);
  g_autoptr (GPtrArray) pools = sk_store_pools (store, &error);
  g_autoptr (GPtrArray) vms = sk_store_vms (store, FALSE, &error);
  g_autoptr (GPtrArray) sessions = sk_store_sessions (store, FALSE, &error);
  g_assert_cmpuint (images->len, ==, 1);
  g_assert_cmpuint (pools->len, ==, 1);
  g_assert_cmpuint (vms->len, ==, 1);
  g_assert_cmpuint (sessions->len, ==, 1);
  assert_same (sk_image_fields, images->pdata[0], image);
  assert_same (sk_pool_fields, pools->pdata[0], pool);
  assert_same (sk_vm_fields, vms->pdata[0], vm);
  assert_same (sk_session_fields, sessions->pdata[0], session);
}

static void
test_order_and_filter (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  static const struct
  {
    const char *id;
    gint64 created;
    SkVmState state;
  } vms[] = { { "c", 3, SK_VM_GONE }, { "b", 2, SK_VM_FAILED }, { "a", 1, SK_VM_WARM } };
  for (gsize i = 0; i < G_N_ELEMENTS (vms); i++)
    {
      g_autoptr (SkVm) vm = new_vm (vms[i].id, vms[i].state);
      vm->created = vms[i].created;
      g_assert_true (sk_store_put_vm (store, vm, &error));
    }
  g_autoptr (GPtrArray) living = sk_store_vms (store, FALSE, &error);
  g_autoptr (GPtrArray) all = sk_store_vms (store, TRUE, &error);
  g_assert_cmpuint (living->len, ==, 2);
  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpstr (((SkVm *) living->pdata[0])->id, ==, "a");
  g_assert_cmpstr (((SkVm *) all->pdata[2])->id, ==, "c");
  g_assert_true (sk_store_prune (store, 2000, &error));
  g_autoptr (GPtrArray) kept = sk_store_vms (store, TRUE, &error);
  g_assert_cmpuint (kept->len, ==, 2); /* only the one that is gone was forgotten */
}

static void
test_delete (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkImage) image = new_image ("a");
  g_autoptr (SkPool) pool = new_pool ("p", "a");
  g_autoptr (SkPool) lost = new_pool ("q", "none");
  g_assert_true (sk_store_put_image (store, image, &error));
  g_assert_true (sk_store_put_pool (store, pool, &error));
  g_assert_false (sk_store_delete_image (store, "a", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (sk_store_put_pool (store, lost, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_true (sk_store_delete_pool (store, "p", &error));
  g_assert_true (sk_store_delete_image (store, "a", &error));
  g_assert_false (sk_store_delete_image (store, "a", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

static void
claim (SkStore *store, const char *vm_id, const char *session_id, const char *user, GError **error)
{
  g_autoptr (SkVm) vm = new_vm (vm_id, SK_VM_ATTACHED);
  g_autoptr (SkSession) session = new_session (session_id, vm_id, user);
  g_free (vm->owner);
  g_free (vm->session);
  vm->owner = g_strdup (user);
  vm->session = g_strdup (session_id);
  g_assert_true (sk_store_claim_vm (store, vm, session, error) == !*error);
}

static void
test_claim (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkVm) warm = new_vm ("v", SK_VM_WARM);
  g_autoptr (SkVm) booting = new_vm ("w", SK_VM_BOOTING);
  g_assert_true (sk_store_put_vm (store, warm, &error));
  g_assert_true (sk_store_put_vm (store, booting, &error));
  claim (store, "v", "s1", "hanako", &error);
  g_assert_no_error (error);
  static const char *const refused[] = { "v", "w", "nobody's" };
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      claim (store, refused[i], "s2", "taro", &error);
      g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
      g_clear_error (&error);
    }
  /* Refused means that nothing of it stayed. */
  g_autoptr (GPtrArray) sessions = sk_store_sessions (store, TRUE, &error);
  g_assert_cmpuint (sessions->len, ==, 1);
  g_autoptr (GPtrArray) vms = sk_store_vms (store, TRUE, &error);
  g_assert_cmpstr (((SkVm *) vms->pdata[0])->owner, ==, "hanako");
}

/* Even a core gone mad cannot give an owned VM away: the database refuses. */
static void
test_owner_is_for_ever (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkVm) vm = new_vm ("v", SK_VM_WARM);
  g_assert_true (sk_store_put_vm (store, vm, &error));
  claim (store, "v", "s1", "hanako", &error);
  static const struct
  {
    const char *owner;
    SkVmState state;
    gboolean fine;
  } tries[] = {
    { "", SK_VM_WARM, FALSE },           { "", SK_VM_ATTACHED, FALSE },
    { "taro", SK_VM_ATTACHED, FALSE },   { "hanako", SK_VM_WARM, FALSE },
    { "hanako", SK_VM_STORED, FALSE },   { "hanako", SK_VM_BOOTING, FALSE },
    { "hanako", SK_VM_DEFINING, FALSE }, { "hanako", SK_VM_FAILED, FALSE },
    { "hanako", SK_VM_RETIRING, TRUE },  { "hanako", SK_VM_ATTACHED, FALSE },
    { "hanako", SK_VM_GONE, TRUE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (tries); i++)
    {
      g_free (vm->owner);
      vm->owner = g_strdup (tries[i].owner);
      vm->state = tries[i].state;
      g_assert_cmpint (sk_store_put_vm (store, vm, &error), ==, tries[i].fine);
      if (!tries[i].fine)
        g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
      g_clear_error (&error);
    }
}

/* From every version that ever was to today's, with a row that must survive. */
static void
test_migrations (Fixture *f, gconstpointer data)
{
  for (guint version = 0; version <= sk_migrations_count (); version++)
    {
      g_autoptr (GError) error = NULL;
      sqlite3 *db = NULL;
      g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
      g_assert_true (sk_migrate (db, version, &error));
      if (version > 0)
        g_assert_cmpint (
            sqlite3_exec (db, "INSERT INTO vms VALUES ('old', 'p', 'i', 's', 'warm', '', '', '', 1, 1)", NULL,
                          NULL, NULL),
            ==, SQLITE_OK);
      sqlite3_close (db);
      {
        g_autoptr (SkStore) store = sk_store_open (f->path, &error);
        g_assert_no_error (error);
        g_autoptr (GPtrArray) vms = sk_store_vms (store, FALSE, &error);
        g_assert_cmpuint (vms->len, ==, version > 0 ? 1 : 0);
      }
      g_unlink (f->path);
    }
}

static void
test_newer_is_refused (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  sqlite3 *db = NULL;
  g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, "PRAGMA user_version = 4711; CREATE TABLE future (a)", NULL, NULL, NULL);
  sqlite3_close (db);
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_assert_null (store);
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
}

/* All steps or none: a step that fails leaves the old version whole. */
static void
test_migration_is_atomic (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  sqlite3 *db = NULL;
  g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, "CREATE TABLE sessions (a)", NULL, NULL, NULL); /* in the way of step 1 */
  g_assert_false (sk_migrate (db, sk_migrations_count (), &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_assert_cmpint (sqlite3_exec (db, "SELECT * FROM images", NULL, NULL, NULL), !=, SQLITE_OK);
  sqlite3_close (db);
}

static void
test_damage_is_found (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *content = NULL;
  gsize length = 0;
  sk_store_close (sk_store_open (f->path, &error));
  g_assert_true (g_file_get_contents (f->path, &content, &length, &error));
  memset (content + 4096, 0x5a, length - 4096);
  g_assert_true (g_file_set_contents (f->path, content, (gssize) length, &error));
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_assert_null (store);
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
}

/* A write that the file system refuses changes nothing, and the store works again when there is room. */
static void
test_full_disk (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkVm) vm = new_vm ("v", SK_VM_BOOTING);
  struct rlimit before, tiny;
  g_assert_true (sk_store_put_vm (store, vm, &error));
  getrlimit (RLIMIT_FSIZE, &before);
  tiny = (struct rlimit){ 1, before.rlim_max };
  signal (SIGXFSZ, SIG_IGN);
  vm->state = SK_VM_WARM;
  setrlimit (RLIMIT_FSIZE, &tiny);
  gboolean written = sk_store_put_vm (store, vm, &error);
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_false (written);
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  g_autoptr (GPtrArray) vms = sk_store_vms (store, TRUE, &error);
  g_assert_cmpint (((SkVm *) vms->pdata[0])->state, ==, SK_VM_BOOTING);
  g_assert_true (sk_store_put_vm (store, vm, &error));
}

static void
test_read_only (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkVm) vm = new_vm ("v", SK_VM_WARM);
  g_assert_true (sk_store_put_vm (store, vm, &error));
  sqlite3_exec (sk_store_handle (store), "PRAGMA query_only = ON", NULL, NULL, NULL);
  g_assert_false (sk_store_put_vm (store, vm, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  claim (store, "v", "s", "hanako", &error);
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  sqlite3_exec (sk_store_handle (store), "PRAGMA query_only = OFF", NULL, NULL, NULL);
  claim (store, "v", "s", "hanako", &error);
  g_assert_no_error (error);
}

/* The child says a number after each write; whatever it said before it was killed must be there. */
static void
child_writes (const char *path, int out)
{
  g_autoptr (SkStore) store = sk_store_open (path, NULL);
  for (guint i = 1; store; i++)
    {
      g_autofree char *id = g_strdup_printf ("vm-%u", i);
      g_autoptr (SkVm) vm = new_vm (id, SK_VM_WARM);
      if (!sk_store_put_vm (store, vm, NULL) || write (out, &i, sizeof i) != sizeof i)
        return;
    }
}

static void
test_kill_9 (Fixture *f, gconstpointer data)
{
  for (guint round = 0; round < 5; round++)
    {
      int pipe_fds[2];
      guint said = 0, last = 0;
      g_assert_cmpint (pipe (pipe_fds), ==, 0);
      pid_t child = fork ();
      if (child == 0)
        {
          child_writes (f->path, pipe_fds[1]);
          _exit (1);
        }
      close (pipe_fds[1]);
      while (last < 20 + round * 7 && read (pipe_fds[0], &said, sizeof said) == sizeof said)
        last = said;
      kill (child, SIGKILL);
      while (read (pipe_fds[0], &said, sizeof said) == sizeof said)
        last = said;
      waitpid (child, NULL, 0);
      close (pipe_fds[0]);
      g_autoptr (GError) error = NULL;
      g_autoptr (SkStore) store = sk_store_open (f->path, &error);
      g_assert_no_error (error);
      g_autoptr (GPtrArray) vms = sk_store_vms (store, TRUE, &error);
      g_assert_cmpuint (last, >=, 20);
      g_assert_cmpuint (vms->len, >=, last);
    }
}

/* A reader sees one moment while the writer goes on, and cannot write. */
static void
test_reader (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkImage) first = new_image ("a"), second = new_image ("b");
  g_assert_true (sk_store_put_image (store, first, &error));
  g_autoptr (SkStore) reader = sk_store_open_reader (sk_store_path (store), &error);
  g_assert_no_error (error);
  g_assert_true (sk_store_snapshot (reader, &error));
  g_autoptr (GPtrArray) before = sk_store_images (reader, &error);
  g_assert_true (sk_store_put_image (store, second, &error));
  g_autoptr (GPtrArray) after = sk_store_images (reader, &error);
  g_assert_cmpuint (before->len, ==, 1);
  g_assert_cmpuint (after->len, ==, 1);
  sk_store_rollback (reader);
  g_autoptr (GPtrArray) now = sk_store_images (reader, &error);
  g_assert_cmpuint (now->len, ==, 2);
  g_assert_false (sk_store_put_image (reader, second, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  g_assert_null (sk_store_open_reader (":memory:", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE);
}

/* Within somebody's transaction a claim is a part of it. */
static void
test_claim_joins (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkStore) store = sk_store_open (f->path, &error);
  g_autoptr (SkVm) vm = new_vm ("v1", SK_VM_WARM);
  g_autoptr (SkSession) session = new_session ("s1", "v1", "hanako");
  g_assert_true (sk_store_put_vm (store, vm, &error));
  g_free (vm->owner);
  g_free (vm->session);
  vm->owner = g_strdup ("hanako");
  vm->session = g_strdup ("s1");
  vm->state = SK_VM_ATTACHED;
  g_assert_false (sk_store_is_begun (store));
  g_assert_true (sk_store_begin (store, &error));
  g_assert_true (sk_store_claim_vm (store, vm, session, &error));
  g_assert_true (sk_store_is_begun (store));
  sk_store_rollback (store);
  g_autoptr (GPtrArray) sessions = sk_store_sessions (store, TRUE, &error);
  g_autoptr (GPtrArray) vms = sk_store_vms (store, TRUE, &error);
  g_assert_cmpuint (sessions->len, ==, 0);
  g_assert_cmpint (((SkVm *) vms->pdata[0])->state, ==, SK_VM_WARM);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/store/" name, Fixture, NULL, setup, function, teardown)
  ADD ("round-trip", test_round_trip);
  ADD ("order-and-filter", test_order_and_filter);
  ADD ("delete", test_delete);
  ADD ("claim", test_claim);
  ADD ("owner-is-for-ever", test_owner_is_for_ever);
  ADD ("infected-stays", test_infected_stays);
  ADD ("migrations", test_migrations);
  ADD ("newer-is-refused", test_newer_is_refused);
  ADD ("migration-is-atomic", test_migration_is_atomic);
  ADD ("damage-is-found", test_damage_is_found);
  ADD ("full-disk", test_full_disk);
  ADD ("read-only", test_read_only);
  ADD ("reader", test_reader);
  ADD ("claim-joins", test_claim_joins);
  ADD ("kill-9", test_kill_9);
  return g_test_run ();
}
