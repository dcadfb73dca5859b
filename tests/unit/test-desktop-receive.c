/* Receiving files on the desktop: each arrives exactly once and whole, wherever the receiver is killed;
 * hostile names and folders lead nowhere; what is not right does not appear. */
#include "common/error.h"
#include "common/name.h"
#include "desktop/folder.h"
#include "desktop/names.h"
#include "desktop/receive.h"
#include "desktop/receiver.h"
#include "mock/transfers.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEADLINE_SECONDS 60
/* Kills that have to meet a receiver at work. */
#define KILLS 120

typedef struct
{
  char *dir, *socket, *folder, *journal;
  SkMockTransfers *mock;
  GPtrArray *names; /* of the last receipts */
} Desk;

static void
desk_up (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  desk->dir = g_dir_make_tmp ("sk-receive-XXXXXX", &error);
  g_assert_no_error (error);
  desk->socket = g_build_filename (desk->dir, "api.sock", NULL);
  desk->folder = g_build_filename (desk->dir, "folder", NULL);
  desk->journal = g_build_filename (desk->dir, "state", "received", NULL);
  desk->mock = sk_mock_transfers_new (desk->socket);
  desk->names = g_ptr_array_new_with_free_func (g_free);
}

static void
remove_all (const char *path)
{
  struct stat as_is;
  if (lstat (path, &as_is) == 0 && S_ISDIR (as_is.st_mode))
    {
      g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
      const char *name;
      while (dir && (name = g_dir_read_name (dir)))
        {
          g_autofree char *inner = g_build_filename (path, name, NULL);
          remove_all (inner);
        }
    }
  g_assert_cmpint (g_remove (path), ==, 0);
}

static void
desk_down (Desk *desk, gconstpointer unused)
{
  sk_mock_transfers_free (desk->mock);
  remove_all (desk->dir);
  g_ptr_array_unref (desk->names);
  g_free (desk->journal);
  g_free (desk->folder);
  g_free (desk->socket);
  g_free (desk->dir);
}

static GBytes *
random_bytes (gsize size)
{
  guint32 *data = g_malloc (size + 4);
  for (gsize i = 0; i <= size / 4; i++)
    data[i] = g_random_int ();
  return g_bytes_new_take (data, size);
}

static void
on_done (const SkReceipt *receipt, gpointer data)
{
  Desk *desk = data;
  g_assert_cmpstr (receipt->folder, ==, desk->folder);
  for (guint i = 0; i < receipt->names->len; i++)
    g_ptr_array_add (desk->names, g_strdup (receipt->names->pdata[i]));
}

static gboolean
receive (Desk *desk, guint *ret_count, GError **error)
{
  g_autoptr (SkClient) client = sk_client_new (desk->socket);
  const SkReceiveOptions options
      = { .journal = desk->journal, .folder = desk->folder, .wait = TRUE, .done = on_done, .data = desk };
  g_ptr_array_set_size (desk->names, 0);
  return sk_receive_all (client, &options, ret_count, error);
}

static void
receive_well (Desk *desk, guint count)
{
  g_autoptr (GError) error = NULL;
  guint got = 0;
  receive (desk, &got, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (got, ==, count);
}

static void
assert_file (Desk *desk, const char *name, GBytes *content)
{
  g_autofree char *path = g_build_filename (desk->folder, name, NULL);
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;
  g_file_get_contents (path, &data, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (data, length, g_bytes_get_data (content, NULL), g_bytes_get_size (content));
}

/* Files, folders and whatever else is in a folder, hidden ones as well. */
static guint
count_entries (const char *path)
{
  guint n = 0;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  while (dir && g_dir_read_name (dir))
    n++;
  return n;
}

/* -- arriving -------------------------------------------------------------------------------------------- */

static void
test_arrives (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (700000);
  g_autofree char *path = g_build_filename (desk->folder, "絵.png", NULL);
  const char *id = sk_mock_transfers_add (desk->mock, "絵.png", content);
  struct stat as_is;
  char value[128] = "";
  receive_well (desk, 1);
  assert_file (desk, "絵.png", content);
  g_assert_cmpint (stat (path, &as_is), ==, 0);
  g_assert_cmphex (as_is.st_mode & 0777, ==, 0600);
  g_assert_cmpint (stat (desk->folder, &as_is), ==, 0);
  g_assert_cmphex (as_is.st_mode & 0777, ==, 0700);
  g_assert_cmpuint (sk_mock_transfers_delivered (desk->mock, id), ==, 1);
  if (getxattr (path, SK_RECEIVE_XATTR_TRANSFER, value, sizeof value - 1) < 0)
    g_assert_cmpint (errno, ==, ENOTSUP);
  else
    {
      g_autofree char *origin = g_strdup_printf ("sekisho:transfer/%s", id);
      char got[128] = "";
      g_assert_cmpstr (value, ==, id);
      g_assert_cmpint (getxattr (path, SK_RECEIVE_XATTR_ORIGIN, got, sizeof got - 1), >, 0);
      g_assert_cmpstr (got, ==, origin);
    }
  /* Nothing twice, and nothing is left. */
  receive_well (desk, 0);
  g_assert_cmpuint (count_entries (desk->folder), ==, 1);
}

static void
test_umask (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10);
  g_autofree char *path = g_build_filename (desk->folder, "a", NULL);
  struct stat as_is;
  const mode_t before = umask (0277);
  sk_mock_transfers_add (desk->mock, "a", content);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  g_assert_cmpint (chmod (desk->folder, 0700), ==, 0);
  /* The journal's own folder is made under the usual one. */
  umask (before);
  g_autofree char *state = g_path_get_dirname (desk->journal);
  g_assert_cmpint (g_mkdir (state, 0700), ==, 0);
  umask (0277);
  receive_well (desk, 1);
  umask (before);
  g_assert_cmpint (stat (path, &as_is), ==, 0);
  g_assert_cmphex (as_is.st_mode & 0777, ==, 0400);
}

static void
test_collisions (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) old = random_bytes (5);
  for (guint i = 1; i <= 3; i++)
    {
      g_autoptr (GBytes) content = random_bytes (100 + i);
      g_autofree char *name = sk_names_number ("名前.png", i);
      sk_mock_transfers_add (desk->mock, "名前.png", content);
      receive_well (desk, 1);
      g_assert_cmpstr (desk->names->pdata[0], ==, name);
      assert_file (desk, name, content);
    }
  g_assert_cmpuint (count_entries (desk->folder), ==, 3);
}

static void
test_folders (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) a = random_bytes (1000), b = random_bytes (0), c = random_bytes (3);
  for (guint i = 1; i <= 2; i++)
    {
      const char *id = sk_mock_transfers_add (desk->mock, "資料/a.txt", a);
      sk_mock_transfers_add_item (desk->mock, id, "資料/内/b.txt", b);
      sk_mock_transfers_add_item (desk->mock, id, "資料/内/a.txt", c);
      receive_well (desk, 1);
    }
  assert_file (desk, "資料/a.txt", a);
  assert_file (desk, "資料/内/b.txt", b);
  assert_file (desk, "資料/内/a.txt", c);
  /* The second of the same name is a folder of its own. */
  assert_file (desk, "資料 (2)/a.txt", a);
  assert_file (desk, "資料 (2)/内/b.txt", b);
  g_assert_cmpuint (count_entries (desk->folder), ==, 2);
}

/* A file where a folder should be, within one transfer. */
static void
test_file_as_folder (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) a = random_bytes (1), b = random_bytes (2), c = random_bytes (3);
  const char *id = sk_mock_transfers_add (desk->mock, "t/x", a);
  sk_mock_transfers_add_item (desk->mock, id, "t/x/y", b);
  sk_mock_transfers_add_item (desk->mock, id, "t", c);
  receive_well (desk, 1);
  assert_file (desk, "t/x", a);
  assert_file (desk, "t/y", b);
  assert_file (desk, "t (2)", c);
}

static void
test_hostile_names (Desk *desk, gconstpointer unused)
{
  static const struct
  {
    const char *name, *here;
  } rows[] = {
    { "../outside", "file-1" },
    { "/etc/passwd", "file-1 (2)" },
    { "a/../../outside", "file-1 (3)" },
    { ".bashrc", "_bashrc" },
    { "a/.hidden/b", "a/_hidden/b" },
    { "", "file-1 (4)" },
    { "a//b", "a (2)/b" },
    { "..", "file-1 (5)" },
    { ".", "file-1 (6)" },
    { "a\nb", "ab" },
    { "a\x1b[31mb", "a[31mb" },
    { "\xe2\x80\xaetxt.exe", "txt.exe" },
    { "zero\xe2\x80\x8bwidth", "zerowidth" },
    { "a\\b", "a_b" },
    { "x/", "x" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) content = random_bytes (i + 1);
      sk_mock_transfers_add (desk->mock, rows[i].name, content);
      receive_well (desk, 1);
      g_assert_cmpstr (desk->names->pdata[0], ==, rows[i].here);
      assert_file (desk, rows[i].here, content);
    }
  g_assert_cmpuint (count_entries (desk->folder), ==, G_N_ELEMENTS (rows));
  /* socket, state, folder: nothing beside them. */
  g_assert_cmpuint (count_entries (desk->dir), ==, 3);
}

static void
test_names (void)
{
  static const struct
  {
    const char *name, *second;
  } rows[] = { { "名前.png", "名前 (2).png" },
               { "archive.tar.gz", "archive.tar (2).gz" },
               { "none", "none (2)" },
               { "版 1.2 について書いた長い文章", "版 1.2 について書いた長い文章 (2)" } };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *second = sk_names_number (rows[i].name, 2);
      g_autofree char *same = sk_names_for_folder (rows[i].name, 0);
      g_assert_cmpstr (second, ==, rows[i].second);
      g_assert_cmpstr (same, ==, rows[i].name);
    }
}

/* The longest names there are: the second of a name still has one, of whole characters. */
static void
test_long_names (Desk *desk, gconstpointer unused)
{
  g_autoptr (GString) name = g_string_new (NULL);
  while (name->len + 3 + 4 <= SK_NAME_COMPONENT_MAX)
    g_string_append (name, "あ");
  g_string_append (name, ".txt");
  for (guint i = 0; i < 12; i++)
    {
      g_autoptr (GBytes) content = random_bytes (i + 1);
      sk_mock_transfers_add (desk->mock, name->str, content);
      receive_well (desk, 1);
      g_assert_true (g_utf8_validate (desk->names->pdata[0], -1, NULL));
      g_assert_true (g_str_has_suffix (desk->names->pdata[0], ".txt"));
      assert_file (desk, desk->names->pdata[0], content);
    }
  g_assert_cmpuint (count_entries (desk->folder), ==, 12);
}

/* -- folders that lead elsewhere ------------------------------------------------------------------------- */

static void
test_folder_is_link (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10);
  g_autoptr (GError) error = NULL;
  g_autofree char *elsewhere = g_build_filename (desk->dir, "elsewhere", NULL);
  guint count;
  sk_mock_transfers_add (desk->mock, "a", content);
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink (elsewhere, desk->folder), ==, 0);
  g_assert_false (receive (desk, &count, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
  g_assert_nonnull (strstr (error->message, "not a link"));
  g_assert_cmpuint (count_entries (elsewhere), ==, 0);
  /* As the sentence says. */
  g_assert_cmpint (g_remove (desk->folder), ==, 0);
  receive_well (desk, 1);
  assert_file (desk, "a", content);
}

static void
test_folder_of_others (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10);
  g_autoptr (GError) error = NULL;
  guint count;
  sk_mock_transfers_add (desk->mock, "a", content);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  g_assert_cmpint (chmod (desk->folder, 0777), ==, 0);
  g_assert_false (receive (desk, &count, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
}

/* The transfer's own folder becomes a link between two tries. */
static void
test_inner_link (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) a = random_bytes (1000), b = random_bytes (1000);
  g_autoptr (GError) error = NULL;
  g_autofree char *elsewhere = g_build_filename (desk->dir, "elsewhere", NULL);
  g_autofree char *inner = g_build_filename (desk->folder, "t", NULL);
  g_autofree char *moved = g_build_filename (desk->folder, "moved", NULL);
  guint count;
  const char *id = sk_mock_transfers_add (desk->mock, "t/a", a);
  sk_mock_transfers_add_item (desk->mock, id, "t/b", b);
  sk_mock_transfers_set_sha256 (desk->mock, id, 1,
                                "0000000000000000000000000000000000000000000000000000000000000000");
  g_assert_false (receive (desk, &count, &error));
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (g_rename (inner, moved), ==, 0);
  g_assert_cmpint (symlink (elsewhere, inner), ==, 0);
  g_autofree char *right = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, b);
  sk_mock_transfers_set_sha256 (desk->mock, id, 1, right);
  receive_well (desk, 1);
  g_assert_cmpuint (count_entries (elsewhere), ==, 0);
  assert_file (desk, "t (2)/b", b);
  assert_file (desk, "moved/a", a);
}

/* A link with the hidden file's name: not followed, not written through. */
static void
test_hidden_link (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10);
  g_autofree char *victim = g_build_filename (desk->dir, "victim", NULL);
  const char *id = sk_mock_transfers_add (desk->mock, "a", content);
  g_autofree char *hidden = g_strdup_printf ("%s/.sekisho-%s-0.part", desk->folder, id);
  g_autofree char *data = NULL;
  for (guint hard = 0; hard < 2; hard++)
    {
      g_assert_true (g_file_set_contents (victim, "precious", -1, NULL));
      g_assert_cmpint (g_mkdir_with_parents (desk->folder, 0700), ==, 0);
      if (hard)
        {
          id = sk_mock_transfers_add (desk->mock, "a", content);
          g_free (hidden);
          hidden = g_strdup_printf ("%s/.sekisho-%s-0.part", desk->folder, id);
        }
      g_assert_cmpint (hard ? link (victim, hidden) : symlink (victim, hidden), ==, 0);
      receive_well (desk, 1);
      assert_file (desk, hard ? "a (2)" : "a", content);
      g_clear_pointer (&data, g_free);
      g_assert_true (g_file_get_contents (victim, &data, NULL, NULL));
      g_assert_cmpstr (data, ==, "precious");
    }
}

/* -- what is not right ----------------------------------------------------------------------------------- */

static void
assert_not_received (Desk *desk, SkErrorCode code)
{
  g_autoptr (GError) error = NULL;
  guint count;
  g_assert_false (receive (desk, &count, &error));
  g_assert_error (error, SK_ERROR, (int) code);
  g_assert_cmpuint (count, ==, 0);
}

static void
test_wrong_hash (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (100000), good = random_bytes (10);
  g_autoptr (GError) error = NULL;
  guint count;
  const char *id = sk_mock_transfers_add (desk->mock, "a", content);
  sk_mock_transfers_set_sha256 (desk->mock, id, 0,
                                "0000000000000000000000000000000000000000000000000000000000000000");
  sk_mock_transfers_add (desk->mock, "good", good);
  g_assert_false (receive (desk, &count, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  /* The other one is not held up, and of the wrong one nothing is left. */
  g_assert_cmpuint (count, ==, 1);
  assert_file (desk, "good", good);
  g_assert_cmpuint (count_entries (desk->folder), ==, 1);
  g_assert_cmpuint (sk_mock_transfers_delivered (desk->mock, id), ==, 0);
}

static void
test_too_much (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (1000);
  sk_mock_transfers_add (desk->mock, "a", content);
  sk_mock_transfers_set_excess (desk->mock, 1);
  assert_not_received (desk, SK_ERROR_PROTOCOL);
  g_assert_cmpuint (count_entries (desk->folder), ==, 0);
}

/* Broken connections: what is there stays and is not asked for again. */
static void
test_resume (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (250000);
  sk_mock_transfers_add (desk->mock, "a", content);
  sk_mock_transfers_set_break (desk->mock, 100000);
  assert_not_received (desk, SK_ERROR_PEER_LOST);
  assert_not_received (desk, SK_ERROR_PEER_LOST);
  receive_well (desk, 1);
  assert_file (desk, "a", content);
  g_assert_cmpuint (sk_mock_transfers_handed_out (desk->mock), ==, 250000);
}

/* A hidden file with the wrong bytes (a disk that lost them at a power cut) is begun anew. */
static void
test_damaged_rest (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (250000);
  const char *id = sk_mock_transfers_add (desk->mock, "a", content);
  g_autofree char *hidden = g_strdup_printf ("%s/.sekisho-%s-0.part", desk->folder, id);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  for (gsize size = 1000; size <= 300000; size += 249000)
    {
      g_autofree char *zeros = g_malloc0 (size);
      g_assert_true (g_file_set_contents (hidden, zeros, (gssize) size, NULL));
    }
  receive_well (desk, 1);
  assert_file (desk, "a", content);
}

static void
test_disk_full (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (500000);
  g_autoptr (GError) error = NULL;
  struct rlimit before, small;
  guint count;
  sk_mock_transfers_add (desk->mock, "a", content);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = (struct rlimit){ 300000, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (receive (desk, &count, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "no room"));
  /* Its room is given back. */
  g_assert_cmpuint (count_entries (desk->folder), ==, 0);
  receive_well (desk, 1);
  assert_file (desk, "a", content);
}

/* No room for the journal: no file may appear, because nobody would know later. */
static void
test_journal_full (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (0);
  g_autoptr (GError) error = NULL;
  struct rlimit before, small;
  struct stat as_is;
  guint count;
  sk_mock_transfers_add (desk->mock, "first", content);
  receive_well (desk, 1);
  sk_mock_transfers_add (desk->mock, "second", content);
  g_assert_cmpint (stat (desk->journal, &as_is), ==, 0);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  /* The folder's record fits, and all but the last byte of the name's, which has one more than the first. */
  small = (struct rlimit){ 2 * (rlim_t) as_is.st_size, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (receive (desk, &count, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_autofree char *path = g_build_filename (desk->folder, "second", NULL);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  receive_well (desk, 1);
  assert_file (desk, "second", content);
  g_assert_cmpuint (count_entries (desk->folder), ==, 2);
}

static void
test_left_overs (Desk *desk, gconstpointer unused)
{
  g_autofree char *gone = g_build_filename (desk->folder, ".sekisho-0123-4.part", NULL);
  g_autofree char *other = g_build_filename (desk->folder, ".sekisho-notes", NULL);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (gone, "x", 1, NULL));
  g_assert_true (g_file_set_contents (other, "x", 1, NULL));
  receive_well (desk, 0);
  g_assert_false (g_file_test (gone, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (other, G_FILE_TEST_EXISTS));
}

/* -- journal --------------------------------------------------------------------------------------------- */

/* Cut at every byte: what was whole stays, the rest was never acted upon, and it can be written on. */
static void
test_torn_journal (Desk *desk, gconstpointer unused)
{
  g_autofree char *whole = NULL;
  gsize length;
  g_autoptr (SkReceived) first = sk_received_open (desk->journal, TRUE, NULL);
  g_assert_true (sk_received_set_folder (first, "1a", "/home/sato/あ い%", NULL));
  g_assert_true (sk_received_set_top (first, "1a", "資 料", "資 料 (2)", NULL));
  g_assert_true (sk_received_set_name (first, "1a", 0, "資 料 (2)/a\tb", NULL));
  g_clear_pointer (&first, sk_received_close);
  g_assert_true (g_file_get_contents (desk->journal, &whole, &length, NULL));
  for (gsize cut = 0; cut <= length; cut++)
    {
      g_assert_true (g_file_set_contents (desk->journal, whole, (gssize) cut, NULL));
      g_autoptr (SkReceived) journal = sk_received_open (desk->journal, TRUE, NULL);
      g_assert_cmpint (sk_received_name (journal, "1a", 0) != NULL, ==, cut == length);
      if (sk_received_folder (journal, "1a"))
        g_assert_cmpstr (sk_received_folder (journal, "1a"), ==, "/home/sato/あ い%");
      if (cut == length)
        {
          g_assert_cmpstr (sk_received_top (journal, "1a", "資 料"), ==, "資 料 (2)");
          g_assert_cmpstr (sk_received_name (journal, "1a", 0), ==, "資 料 (2)/a\tb");
        }
      g_assert_true (sk_received_set_name (journal, "2b", 7, "x", NULL));
      g_clear_pointer (&journal, sk_received_close);
      journal = sk_received_open (desk->journal, TRUE, NULL);
      g_assert_cmpstr (sk_received_name (journal, "2b", 7), ==, "x");
    }
}

static void
test_journal_is_tidied (Desk *desk, gconstpointer unused)
{
  static const char *const kept[] = { "aa", NULL };
  g_autoptr (SkReceived) journal = sk_received_open (desk->journal, TRUE, NULL);
  struct stat as_is;
  g_assert_true (sk_received_set_name (journal, "aa", 0, "kept", NULL));
  for (guint i = 0; i < SK_RECEIVED_BYTES_MAX / 20; i++)
    g_assert_true (sk_received_set_name (journal, "bb", i, "gone", NULL));
  g_assert_true (sk_received_tidy (journal, kept, NULL));
  g_assert_cmpint (stat (desk->journal, &as_is), ==, 0);
  g_assert_cmpint (as_is.st_size, <, 100);
  g_assert_null (sk_received_name (journal, "bb", 0));
  g_assert_true (sk_received_set_name (journal, "cc", 0, "new", NULL));
  g_clear_pointer (&journal, sk_received_close);
  journal = sk_received_open (desk->journal, TRUE, NULL);
  g_assert_cmpstr (sk_received_name (journal, "aa", 0), ==, "kept");
  g_assert_cmpstr (sk_received_name (journal, "cc", 0), ==, "new");
}

static void
test_one_receiver (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkReceived) first = sk_received_open (desk->journal, TRUE, NULL);
  g_autoptr (SkReceived) second = sk_received_open (desk->journal, FALSE, &error);
  g_assert_no_error (error);
  g_assert_null (second);
  g_clear_pointer (&first, sk_received_close);
  second = sk_received_open (desk->journal, FALSE, &error);
  g_assert_nonnull (second);
}

/* -- kill -9 --------------------------------------------------------------------------------------------- */

/* What the child does: this program again, with the desk's paths. */
static int
be_receiver (char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (argv[2]);
  const SkReceiveOptions options = { .folder = argv[3], .journal = argv[4], .wait = TRUE };
  guint count;
  return sk_receive_all (client, &options, &count, &error) ? 0 : 1;
}

static pid_t
start_receiver (Desk *desk)
{
  const pid_t child = fork ();
  if (child == 0)
    {
      execl ("/proc/self/exe", "test", "--receive", desk->socket, desk->folder, desk->journal, NULL);
      _exit (127);
    }
  return child;
}

/* TRUE: it had not ended by then. */
static gboolean
kill_after (pid_t child, gint64 microseconds)
{
  const int fd = (int) syscall (SYS_pidfd_open, child, 0);
  struct pollfd waiting = { fd, POLLIN, 0 };
  const struct timespec limit = { microseconds / G_USEC_PER_SEC, (microseconds % G_USEC_PER_SEC) * 1000 };
  int status = -1;
  g_assert_cmpint (fd, >=, 0);
  const gboolean alive = ppoll (&waiting, 1, &limit, NULL) == 0;
  if (alive)
    kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  close (fd);
  if (alive)
    return WIFSIGNALED (status);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  return FALSE;
}

typedef struct
{
  const char *id;
  GBytes *contents[4];
} Parcel;

static Parcel
add_parcel (Desk *desk, guint n)
{
  Parcel parcel = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (parcel.contents); i++)
    {
      /* Some share names, some a folder, one is empty. */
      g_autofree char *name
          = i < 2 ? g_strdup_printf ("箱 %u/%u.txt", n % 7, i) : g_strdup_printf ("%u.png", (n + i) % 5);
      parcel.contents[i] = random_bytes (i == 1 ? 0 : (gsize) g_random_int_range (1, 400000));
      if (i == 0)
        parcel.id = sk_mock_transfers_add (desk->mock, name, parcel.contents[i]);
      else
        sk_mock_transfers_add_item (desk->mock, parcel.id, name, parcel.contents[i]);
    }
  return parcel;
}

/* All files below a folder, by the hash of their content. */
static void
collect (const char *path, GHashTable *hashes)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      g_autofree char *data = NULL;
      gsize length;
      if (g_file_test (inner, G_FILE_TEST_IS_DIR))
        {
          collect (inner, hashes);
          continue;
        }
      g_assert_false (name[0] == '.');
      g_assert_true (g_file_get_contents (inner, &data, &length, NULL));
      char *hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) data, length);
      const guint seen = GPOINTER_TO_UINT (g_hash_table_lookup (hashes, hash));
      g_hash_table_replace (hashes, hash, GUINT_TO_POINTER (seen + 1));
    }
}

static void
assert_exactly_once (Desk *desk, GArray *parcels)
{
  g_autoptr (GHashTable) hashes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint empty = 0, all = 0;
  GHashTableIter iter;
  gpointer value;
  collect (desk->folder, hashes);
  for (guint i = 0; i < parcels->len; i++)
    {
      Parcel *parcel = &g_array_index (parcels, Parcel, i);
      g_assert_cmpuint (sk_mock_transfers_delivered (desk->mock, parcel->id), ==, 1);
      for (guint n = 0; n < G_N_ELEMENTS (parcel->contents); n++)
        {
          g_autofree char *hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, parcel->contents[n]);
          const guint seen = GPOINTER_TO_UINT (g_hash_table_lookup (hashes, hash));
          if (g_bytes_get_size (parcel->contents[n]) > 0)
            g_assert_cmpuint (seen, ==, 1);
          else
            empty++;
          if (g_bytes_get_size (parcel->contents[n]) == 0)
            g_assert_cmpuint (seen, ==, parcels->len);
        }
    }
  g_assert_cmpuint (empty, ==, parcels->len);
  g_hash_table_iter_init (&iter, hashes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    all += GPOINTER_TO_UINT (value);
  g_assert_cmpuint (all, ==, parcels->len * G_N_ELEMENTS (((Parcel *) 0)->contents));
}

static void
test_killed (Desk *desk, gconstpointer unused)
{
  g_autoptr (GArray) parcels = g_array_new (FALSE, FALSE, sizeof (Parcel));
  guint kills = 0;
  gint64 usual = 20000; /* µs that a whole run takes; measured below */
  while (kills < KILLS)
    {
      const Parcel parcel = add_parcel (desk, parcels->len);
      g_array_append_val (parcels, parcel);
      for (guint tries = 0;
           tries < 4 && kill_after (start_receiver (desk), g_random_int_range (0, (gint32) usual)); tries++)
        kills++;
      const gint64 before = g_get_monotonic_time ();
      g_assert_false (kill_after (start_receiver (desk), DEADLINE_SECONDS * G_USEC_PER_SEC));
      if (parcels->len == 1 || g_get_monotonic_time () - before > usual)
        usual = CLAMP (g_get_monotonic_time () - before, 2000, 500000);
    }
  assert_exactly_once (desk, parcels);
  g_test_message ("%u kills, %u transfers", kills, parcels->len);
  for (guint i = 0; i < parcels->len; i++)
    for (guint n = 0; n < G_N_ELEMENTS (((Parcel *) 0)->contents); n++)
      g_bytes_unref (g_array_index (parcels, Parcel, i).contents[n]);
}

/* What a kill does between every two steps, one after the other and not by chance: a hidden file that is
 * whole, with the journal's entry, whose name somebody else has taken meanwhile. */
static void
test_name_taken_after_journal (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10), other = random_bytes (11);
  const char *id = sk_mock_transfers_add (desk->mock, "a", content);
  g_autofree char *hidden = g_strdup_printf ("%s/.sekisho-%s-0.part", desk->folder, id);
  g_autofree char *taken = g_build_filename (desk->folder, "a", NULL);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (hidden, g_bytes_get_data (content, NULL), 10, NULL));
  g_assert_true (g_file_set_contents (taken, g_bytes_get_data (other, NULL), 11, NULL));
  g_autoptr (SkReceived) journal = sk_received_open (desk->journal, TRUE, NULL);
  g_assert_true (sk_received_set_folder (journal, id, desk->folder, NULL));
  g_assert_true (sk_received_set_name (journal, id, 0, "a", NULL));
  g_clear_pointer (&journal, sk_received_close);
  receive_well (desk, 1);
  assert_file (desk, "a", other);
  assert_file (desk, "a (2)", content);
  g_assert_cmpuint (count_entries (desk->folder), ==, 2);
}

/* Renamed and moved on by the user before the broker was told: not fetched again. */
static void
test_moved_on (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10);
  const char *id = sk_mock_transfers_add (desk->mock, "a", content);
  g_autoptr (SkReceived) journal = sk_received_open (desk->journal, TRUE, NULL);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  g_assert_true (sk_received_set_folder (journal, id, desk->folder, NULL));
  g_assert_true (sk_received_set_name (journal, id, 0, "a", NULL));
  g_clear_pointer (&journal, sk_received_close);
  receive_well (desk, 1);
  g_assert_cmpuint (count_entries (desk->folder), ==, 0);
  g_assert_cmpuint (sk_mock_transfers_handed_out (desk->mock), ==, 0);
  g_assert_cmpuint (sk_mock_transfers_delivered (desk->mock, id), ==, 1);
}

/* A file system without exclusive rename: killed between link and unlink. */
static void
test_two_names (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (10);
  const char *id = sk_mock_transfers_add (desk->mock, "a", content);
  g_autofree char *hidden = g_strdup_printf ("%s/.sekisho-%s-0.part", desk->folder, id);
  g_autofree char *placed = g_build_filename (desk->folder, "a", NULL);
  g_assert_cmpint (g_mkdir (desk->folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (hidden, g_bytes_get_data (content, NULL), 10, NULL));
  g_assert_cmpint (link (hidden, placed), ==, 0);
  g_autoptr (SkReceived) journal = sk_received_open (desk->journal, TRUE, NULL);
  g_assert_true (sk_received_set_folder (journal, id, desk->folder, NULL));
  g_assert_true (sk_received_set_name (journal, id, 0, "a", NULL));
  g_clear_pointer (&journal, sk_received_close);
  receive_well (desk, 1);
  assert_file (desk, "a", content);
  g_assert_cmpuint (count_entries (desk->folder), ==, 1);
}

/* -- the waiting receiver -------------------------------------------------------------------------------- */

static guint news_count;

static void
on_news (const SkReceipt *receipt, const GError *error, gpointer data)
{
  g_assert_no_error (error);
  g_assert_cmpuint (receipt->names->len, ==, 1);
  news_count++;
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the test waited too long");
  return G_SOURCE_REMOVE;
}

static void
wait_for_news (guint count)
{
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  while (news_count < count)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

/* Home and state are this test program's own, see main(). */
static void
test_receiver (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = random_bytes (1000);
  g_autofree char *usual = sk_folder_usual ();
  news_count = 0;
  sk_mock_transfers_add (desk->mock, "waited", content);
  SkReceiver *receiver = sk_receiver_new (desk->socket, on_news, NULL);
  wait_for_news (1);
  sk_mock_transfers_announce (desk->mock, sk_mock_transfers_add (desk->mock, "announced", content));
  wait_for_news (2);
  g_assert_cmpuint (count_entries (usual), ==, 2);
  /* The broker restarts: it is found again without an event. */
  sk_mock_transfers_set_away (desk->mock, TRUE);
  sk_mock_transfers_add (desk->mock, "restarted", content);
  sk_mock_transfers_set_away (desk->mock, FALSE);
  wait_for_news (3);
  sk_receiver_free (receiver);
  g_assert_true (g_str_has_suffix (usual, "/From-Internet"));
}

#define ADD(name, func) g_test_add ("/desktop/receive/" name, Desk, NULL, desk_up, func, desk_down)

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc == 5 && strcmp (argv[1], "--receive") == 0)
    return be_receiver (argv);
  g_autofree char *home = g_dir_make_tmp ("sk-home-XXXXXX", &error);
  g_autofree char *state = g_build_filename (home, "state", NULL);
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_setenv ("HOME", home, TRUE);
  g_setenv ("XDG_STATE_HOME", state, TRUE);
  g_test_init (&argc, &argv, NULL);
  ADD ("arrives", test_arrives);
  ADD ("umask", test_umask);
  ADD ("collisions", test_collisions);
  ADD ("folders", test_folders);
  ADD ("file-as-folder", test_file_as_folder);
  ADD ("hostile-names", test_hostile_names);
  g_test_add_func ("/desktop/receive/names", test_names);
  ADD ("long-names", test_long_names);
  ADD ("folder-is-link", test_folder_is_link);
  ADD ("folder-of-others", test_folder_of_others);
  ADD ("inner-link", test_inner_link);
  ADD ("hidden-link", test_hidden_link);
  ADD ("wrong-hash", test_wrong_hash);
  ADD ("too-much", test_too_much);
  ADD ("resume", test_resume);
  ADD ("damaged-rest", test_damaged_rest);
  ADD ("disk-full", test_disk_full);
  ADD ("journal-full", test_journal_full);
  ADD ("left-overs", test_left_overs);
  ADD ("torn-journal", test_torn_journal);
  ADD ("journal-is-tidied", test_journal_is_tidied);
  ADD ("one-receiver", test_one_receiver);
  ADD ("killed", test_killed);
  ADD ("name-taken-after-journal", test_name_taken_after_journal);
  ADD ("moved-on", test_moved_on);
  ADD ("two-names", test_two_names);
  ADD ("receiver", test_receiver);
  const int status = g_test_run ();
  remove_all (home);
  return status;
}
