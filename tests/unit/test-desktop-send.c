/* Sending files from the desktop: what is gathered, what is refused and with which sentence, that an upload
 * goes on where it was after connection and broker went away, and that nothing half is left behind. */
#include "common/error.h"
#include "desktop/commands.h"
#include "desktop/options.h"
#include "desktop/send.h"
#include "desktop/transfer-text.h"
#include "mock/transfers.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_SECONDS 60

typedef struct
{
  char *dir, *socket;
  SkMockTransfers *mock;
  gint phases[SK_SEND_FAILED + 1]; /* how often each was told */
} Desk;

static void
desk_up (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  desk->dir = g_dir_make_tmp ("sk-send-XXXXXX", &error);
  g_assert_no_error (error);
  desk->socket = g_build_filename (desk->dir, ".api.sock", NULL);
  desk->mock = sk_mock_transfers_new (desk->socket);
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
  g_free (desk->socket);
  g_free (desk->dir);
}

static char *
in_desk (Desk *desk, const char *name)
{
  return g_build_filename (desk->dir, name, NULL);
}

static GBytes *
random_bytes (gsize size)
{
  guint32 *data = g_malloc (size + 4);
  for (gsize i = 0; i <= size / 4; i++)
    data[i] = g_random_int ();
  return g_bytes_new_take (data, size);
}

static GBytes *
make_file (Desk *desk, const char *name, gsize size)
{
  g_autofree char *path = in_desk (desk, name);
  g_autofree char *dir = g_path_get_dirname (path);
  GBytes *content = random_bytes (size);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, g_bytes_get_data (content, NULL), (gssize) size, NULL));
  return content;
}

static SkGathering *
gather (Desk *desk, const char *first, const char *second, GError **error)
{
  g_autofree char *a = in_desk (desk, first);
  g_autofree char *b = second ? in_desk (desk, second) : NULL;
  const char *const paths[] = { a, b };
  return sk_gather (paths, b ? 2 : 1, error);
}

static void
on_notify (SkSend *send, gpointer data)
{
  Desk *desk = data;
  SkSendProgress progress;
  sk_send_look (send, &progress);
  g_assert_cmpuint (progress.bytes, <=, progress.bytes_all);
  g_atomic_int_inc (&desk->phases[progress.phase]);
  g_main_context_wakeup (NULL);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the test waited too long");
  return G_SOURCE_REMOVE;
}

static void
wait_until (Desk *desk, SkSendPhase phase)
{
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  while (g_atomic_int_get (&desk->phases[phase]) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

static SkSend *
start (Desk *desk, const char *first, const char *second, guint patience)
{
  g_autoptr (GError) error = NULL;
  SkGathering *gathering = gather (desk, first, second, &error);
  g_assert_no_error (error);
  return sk_send_new (desk->socket, gathering, "reason 理由", patience, on_notify, desk);
}

static void
assert_arrived (Desk *desk, guint n, guint item, const char *name, GBytes *content)
{
  const char *id = sk_mock_transfers_id (desk->mock, n);
  g_autofree char *got_name = sk_mock_transfers_name (desk->mock, id, item);
  g_autoptr (GBytes) got = sk_mock_transfers_content (desk->mock, id, item);
  g_assert_cmpstr (got_name, ==, name);
  g_assert_true (g_bytes_equal (got, content));
}

/* -- gathering ------------------------------------------------------------------------------------------- */

static void
test_folder (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "資料/a.txt", 100);
  g_autoptr (GBytes) b = make_file (desk, "資料/内/b.txt", 0);
  g_autoptr (GBytes) secret = make_file (desk, "secret", 10);
  g_autofree char *link = in_desk (desk, "資料/link");
  g_autofree char *folder_link = in_desk (desk, "資料/内/up");
  g_assert_cmpint (symlink ("../secret", link), ==, 0);
  g_assert_cmpint (symlink ("..", folder_link), ==, 0);
  g_autoptr (SkGathering) gathering = gather (desk, "資料", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gathering->files->len, ==, 2);
  g_assert_cmpstr (((SkGathered *) gathering->files->pdata[0])->name, ==, "資料/a.txt");
  g_assert_cmpstr (((SkGathered *) gathering->files->pdata[1])->name, ==, "資料/内/b.txt");
  g_assert_cmpuint (gathering->links, ==, 2);
  g_assert_cmpuint (gathering->bytes, ==, 100);
}

static void
assert_refused (Desk *desk, const char *name, SkErrorCode code, const char *word)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkGathering) gathering = gather (desk, name, NULL, &error);
  g_assert_null (gathering);
  g_assert_error (error, SK_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_refused_files (Desk *desk, gconstpointer unused)
{
  g_autofree char *fifo = in_desk (desk, "pipe"), *inner = in_desk (desk, "with-pipe/pipe"),
                  *link = in_desk (desk, "link"), *empty = in_desk (desk, "empty"),
                  *latin = in_desk (desk, "f\xe9");
  g_autoptr (GBytes) beside = make_file (desk, "with-pipe/a", 1);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (mkfifo (inner, 0600), ==, 0);
  g_assert_cmpint (symlink ("with-pipe/a", link), ==, 0);
  g_assert_cmpint (g_mkdir (empty, 0700), ==, 0);
  g_assert_true (g_file_set_contents (latin, "x", 1, NULL));
  assert_refused (desk, "missing", SK_ERROR_NOT_FOUND, "no such file");
  assert_refused (desk, "with-pipe/a/b", SK_ERROR_NOT_FOUND, "no such file");
  assert_refused (desk, "pipe", SK_ERROR_INVALID, "device");
  assert_refused (desk, "with-pipe", SK_ERROR_INVALID, "pipe");
  assert_refused (desk, "link", SK_ERROR_INVALID, "link");
  assert_refused (desk, "empty", SK_ERROR_INVALID, "nothing in this folder");
  assert_refused (desk, "f\xe9", SK_ERROR_INVALID, "Unicode");
}

/* As root nothing is unreadable: a child that is not asks. */
static void
test_unreadable (Desk *desk, gconstpointer unused)
{
  g_autoptr (GBytes) content = make_file (desk, "private", 10);
  g_autofree char *path = in_desk (desk, "private");
  g_assert_cmpint (chmod (path, 0), ==, 0);
  g_assert_cmpint (chmod (desk->dir, 0755), ==, 0);
  const pid_t child = fork ();
  if (child == 0)
    {
      g_autoptr (GError) error = NULL;
      if (geteuid () == 0 && setresuid (65534, 65534, 65534) < 0)
        _exit (2);
      g_autoptr (SkGathering) gathering = gather (desk, "private", NULL, &error);
      _exit (!gathering && g_error_matches (error, SK_ERROR, SK_ERROR_FORBIDDEN)
                     && strstr (error->message, "may not read")
                 ? 0
                 : 1);
    }
  int status = -1;
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

static void
test_limits (Desk *desk, gconstpointer unused)
{
  g_autoptr (GString) deep = g_string_new ("deep");
  for (guint i = 0; i < SK_GATHER_FILES_MAX + 1; i++)
    {
      g_autofree char *name = g_strdup_printf ("many/%u", i);
      g_bytes_unref (make_file (desk, name, 0));
    }
  for (guint i = 2; i < SK_NAME_DEPTH_MAX; i++)
    g_string_append (deep, "/d");
  g_autofree char *deepest = g_strconcat (deep->str, "/file", NULL);
  g_bytes_unref (make_file (desk, deepest, 1));
  g_autoptr (GError) fits = NULL;
  g_autoptr (SkGathering) just = gather (desk, "deep", NULL, &fits);
  g_assert_no_error (fits);
  g_string_append (deep, "/d/file");
  g_bytes_unref (make_file (desk, deep->str, 1));
  assert_refused (desk, "many", SK_ERROR_LIMIT, "1000 files");
  assert_refused (desk, "deep", SK_ERROR_LIMIT, "too many folders");
  /* Exactly as many are allowed. */
  g_autofree char *one = in_desk (desk, "many/0");
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (g_unlink (one), ==, 0);
  g_autoptr (SkGathering) gathering = gather (desk, "many", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gathering->files->len, ==, SK_GATHER_FILES_MAX);
}

static void
test_same_names (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "x/a.txt", 1);
  g_autoptr (GBytes) b = make_file (desk, "y/a.txt", 1);
  g_autoptr (SkGathering) gathering = gather (desk, "x/a.txt", "y/a.txt", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (((SkGathered *) gathering->files->pdata[0])->name, ==, "a.txt");
  g_assert_cmpstr (((SkGathered *) gathering->files->pdata[1])->name, ==, "a (2).txt");
}

/* -- sending --------------------------------------------------------------------------------------------- */

static void
test_send (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "dir/a.bin", 3 * 1024 * 1024 + 7);
  g_autoptr (GBytes) b = make_file (desk, "dir/空.txt", 0);
  g_autoptr (GBytes) c = make_file (desk, "c", 1);
  g_autoptr (SkSend) send = start (desk, "dir", "c", 0);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (info->state, ==, "held");
  g_autofree char *next = sk_transfer_next_text (info);
  g_assert_nonnull (strstr (next, "suzuki, tanaka"));
  g_assert_false (sk_transfer_is_lost (info));
  assert_arrived (desk, 0, 0, "dir/a.bin", a);
  assert_arrived (desk, 0, 1, "dir/空.txt", b);
  assert_arrived (desk, 0, 2, "c", c);
  g_autofree char *reason = sk_mock_transfers_reason (desk->mock, info->id);
  g_assert_cmpstr (reason, ==, "reason 理由");
  g_assert_cmpint (desk->phases[SK_SEND_WAITING], ==, 0);
}

static void
test_refused (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 10);
  sk_mock_transfers_set_outcome (desk->mock, "refused");
  g_autoptr (SkSend) send = start (desk, "a", NULL, 0);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_no_error (error);
  g_autofree char *next = sk_transfer_next_text (info);
  g_assert_nonnull (strstr (next, "this kind of file"));
  g_assert_true (sk_transfer_is_lost (info));
}

/* Every connection breaks after a piece: the upload still arrives whole, each byte once. */
static void
test_resume (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 300000);
  g_autoptr (GBytes) b = make_file (desk, "b", 99999);
  sk_mock_transfers_set_break (desk->mock, 100001);
  g_autoptr (SkSend) send = start (desk, "a", "b", 0);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (sk_mock_transfers_count (desk->mock), ==, 1);
  assert_arrived (desk, 0, 0, "a", a);
  assert_arrived (desk, 0, 1, "b", b);
  g_assert_cmpint (desk->phases[SK_SEND_WAITING], >, 0);
}

/* Its side of a broken connection is still open when the next one comes. */
static void
test_still_open (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 1000);
  sk_mock_transfers_set_busy (desk->mock, 2);
  g_autoptr (SkSend) send = start (desk, "a", NULL, 0);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_no_error (error);
  assert_arrived (desk, 0, 0, "a", a);
}

static void
test_broker_restarts (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 200000);
  sk_mock_transfers_set_away (desk->mock, TRUE);
  g_autoptr (SkSend) send = start (desk, "a", NULL, 0);
  wait_until (desk, SK_SEND_WAITING);
  sk_mock_transfers_set_away (desk->mock, FALSE);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_no_error (error);
  assert_arrived (desk, 0, 0, "a", a);
}

static void
test_broker_stays_away (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 10);
  sk_mock_transfers_set_away (desk->mock, TRUE);
  g_autoptr (SkSend) send = start (desk, "a", NULL, 1);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_null (info);
  g_assert_error (error, SK_ERROR, SK_ERROR_PEER_LOST);
}

static void
test_upload_error (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 4 * 1024 * 1024);
  sk_mock_transfers_set_upload_error (desk->mock, "error limit Your quota is used up. / 容量の上限です。\n");
  g_autoptr (SkSend) send = start (desk, "a", NULL, 0);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_null (info);
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==, "Your quota is used up.");
  g_autofree char *state = sk_mock_transfers_state (desk->mock, sk_mock_transfers_id (desk->mock, 0));
  g_assert_cmpstr (state, ==, "cancelled");
}

/* The file changes between two pieces: neither version may arrive. */
static void
test_changed (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 100);
  g_autoptr (GBytes) b = make_file (desk, "b", 100);
  SkGathering *gathering = gather (desk, "a", "b", &error);
  g_bytes_unref (make_file (desk, "b", 200));
  g_autoptr (SkSend) send = sk_send_new (desk->socket, gathering, "", 0, NULL, NULL);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_null (info);
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_autofree char *state = sk_mock_transfers_state (desk->mock, sk_mock_transfers_id (desk->mock, 0));
  g_assert_cmpstr (state, ==, "cancelled");
}

static void
test_cancel (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) a = make_file (desk, "a", 300000);
  sk_mock_transfers_set_break (desk->mock, 1000);
  g_autoptr (SkSend) send = start (desk, "a", NULL, 0);
  wait_until (desk, SK_SEND_WAITING);
  sk_send_cancel (send);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_null (info);
  g_autofree char *state = sk_mock_transfers_state (desk->mock, sk_mock_transfers_id (desk->mock, 0));
  g_assert_cmpstr (state, ==, "cancelled");
}

/* A sparse file of 1 GiB: what is held in memory does not grow with it. The mock takes only the start. */
static void
test_memory (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  struct rusage before, after;
  g_autofree char *path = in_desk (desk, "large");
  const int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (ftruncate (fd, 1024 * 1024 * 1024), ==, 0);
  close (fd);
  g_assert_cmpint (getrusage (RUSAGE_SELF, &before), ==, 0);
  sk_mock_transfers_set_upload_error (desk->mock, "error limit enough\n");
  g_autoptr (SkSend) send = start (desk, "large", NULL, 0);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  g_assert_cmpint (getrusage (RUSAGE_SELF, &after), ==, 0);
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 16 * 1024);
}

/* -- command line ---------------------------------------------------------------------------------------- */

static gboolean
parse (SkOptions *options, const char *line, GError **error)
{
  g_auto (GStrv) argv = g_strsplit (line, " ", 0);
  const gboolean ok = sk_options_parse (options, (int) g_strv_length (argv), argv, error);
  g_free (options->url);
  options->url = NULL;
  return ok;
}

static void
assert_files (const char *line, gboolean dialog, const char *first, guint count)
{
  g_autoptr (GError) error = NULL;
  SkOptions options;
  g_assert_true (parse (&options, line, &error));
  g_assert_no_error (error);
  g_assert_cmpint (options.command, ==, SK_COMMAND_SEND);
  g_assert_cmpint (options.dialog, ==, dialog);
  g_assert_cmpuint (options.files->len, ==, count);
  g_assert_cmpstr (options.files->pdata[0], ==, first);
  g_ptr_array_unref (options.files);
}

static void
test_options (void)
{
  SkOptions options;
  g_autoptr (GError) error = NULL;
  assert_files ("sekisho send a b.txt", FALSE, "a", 2);
  assert_files ("sekisho send --dialog file:///tmp/%E3%81%82.txt", TRUE, "/tmp/あ.txt", 1);
  assert_files ("sekisho send a --reason x b", FALSE, "a", 2);
  assert_files ("sekisho send -- -a", FALSE, "-a", 1);
  assert_files ("sekisho open file:///tmp/a /tmp/b", TRUE, "/tmp/a", 2);
  g_assert_false (parse (&options, "sekisho open https://example.jp/ /tmp/a", &error));
  g_clear_error (&error);
  g_assert_false (parse (&options, "sekisho send --receive a", &error));
  g_clear_error (&error);
  g_assert_false (parse (&options, "sekisho send file://elsewhere/a", &error));
  g_assert_true (parse (&options, "sekisho inbox --receive", NULL));
  g_assert_true (options.receive);
  g_assert_true (parse (&options, "sekisho withdraw 12ab", NULL));
  g_assert_cmpint (options.command, ==, SK_COMMAND_WITHDRAW);
}

#define ADD(name, func) g_test_add ("/desktop/send/" name, Desk, NULL, desk_up, func, desk_down)

int
main (int argc, char **argv)
{
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_test_init (&argc, &argv, NULL);
  ADD ("folder", test_folder);
  ADD ("refused-files", test_refused_files);
  ADD ("unreadable", test_unreadable);
  ADD ("limits", test_limits);
  ADD ("same-names", test_same_names);
  ADD ("send", test_send);
  ADD ("refused", test_refused);
  ADD ("resume", test_resume);
  ADD ("still-open", test_still_open);
  ADD ("broker-restarts", test_broker_restarts);
  ADD ("broker-stays-away", test_broker_stays_away);
  ADD ("upload-error", test_upload_error);
  ADD ("changed", test_changed);
  ADD ("cancel", test_cancel);
  ADD ("memory", test_memory);
  g_test_add_func ("/desktop/send/options", test_options);
  return g_test_run ();
}
