/* The inspector with real workers in their real cage, and with workers that a content has taken over. */
#include "common/error.h"
#include "common/fd.h"
#include "common/sandbox.h"
#include "inspect/inspector.h"
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <png.h>
#include <signal.h>
#include <string.h>

static const char *real_dir, *owned_program;

typedef struct
{
  SkInspector *inspector;
  SkInspection *inspection;
  GError *error;
  GByteArray *out;
  guint done;
} Box;

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Box *box = data;
  g_clear_pointer (&box->inspection, sk_inspection_free);
  box->inspection = sk_inspector_run_finish (box->inspector, result, &box->error);
  box->done++;
}

static gpointer
feed (gpointer data)
{
  GBytes *bytes = g_object_get_data (data, "bytes");
  const int fd = GPOINTER_TO_INT (g_object_get_data (data, "fd"));
  gsize length;
  const char *at = g_bytes_get_data (bytes, &length);
  for (gssize n; length > 0 && (n = write (fd, at, length)) > 0; length -= (gsize) n)
    at += n;
  close (fd);
  g_object_unref (data);
  return NULL;
}

/* A pipe's read end that gives these bytes, from a thread. */
static int
pipe_with (const void *bytes, gsize length)
{
  int ends[2];
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  GObject *job = g_object_new (G_TYPE_OBJECT, NULL);
  g_object_set_data_full (job, "bytes", g_bytes_new (bytes, length), (GDestroyNotify) g_bytes_unref);
  g_object_set_data (job, "fd", GINT_TO_POINTER (ends[1]));
  g_thread_unref (g_thread_new ("feed", feed, job));
  return ends[0];
}

static gpointer
collect (gpointer data)
{
  const int fd = GPOINTER_TO_INT (data);
  GByteArray *all = g_byte_array_new ();
  guint8 buffer[65536];
  for (gssize n; all->len < (8 << 20) && (n = read (fd, buffer, sizeof buffer)) > 0;)
    g_byte_array_append (all, buffer, (guint) n);
  close (fd);
  return all;
}

/* Runs one content to its end; the answer and what came out are in box. */
static void
run (Box *box, const char *kind, const char *profile, guint64 bytes_max, int in)
{
  int ends[2];
  const SkInspectJob job = { kind, profile, "x.txt", bytes_max };
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  GThread *reader = g_thread_new ("collect", collect, GINT_TO_POINTER (ends[0]));
  const guint before = box->done;
  g_clear_error (&box->error);
  sk_inspector_run_async (box->inspector, &job, in, ends[1], NULL, on_done, box);
  while (box->done == before)
    g_main_context_iteration (NULL, TRUE);
  g_clear_pointer (&box->out, g_byte_array_unref);
  box->out = g_thread_join (reader);
}

static void
box_open (Box *box, const char *dir, guint spares)
{
  g_autoptr (GError) error = NULL;
  *box = (Box){ .inspector = sk_inspector_new (dir, spares, &error) };
  g_assert_no_error (error);
}

static char *
children (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/children", (int) getpid ());
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return g_strchomp (text);
}

/* Nothing stays behind. */
static void
box_close (Box *box)
{
  g_clear_pointer (&box->inspector, sk_inspector_free);
  g_clear_pointer (&box->inspection, sk_inspection_free);
  g_clear_pointer (&box->out, g_byte_array_unref);
  g_clear_error (&box->error);
  for (g_autofree char *left = children (); *left; g_free (left), left = children ())
    g_main_context_iteration (NULL, TRUE);
}

static void
expect (Box *box, const char *reason)
{
  g_assert_no_error (box->error);
  g_assert_cmpstr (box->inspection->reason, ==, reason);
  g_assert_cmpint (box->inspection->passed, ==, *reason == '\0');
}

static void
test_text (void)
{
  Box box;
  box_open (&box, real_dir, 2);
  for (guint i = 0; i < 5; i++)
    {
      run (&box, "file", "", 1 << 20, pipe_with ("\x8f\x5a\x96\xaf\r\n", 6)); /* CP932 */
      expect (&box, "");
      g_assert_cmpmem (box.out->data, box.out->len, "住民\r\n", 8);
      g_assert_cmpstr (box.inspection->result_name, ==, "x.txt");
      g_assert_cmpuint (box.inspection->bytes_out, ==, 8);
    }
  box_close (&box);
}

static void
to_array (png_structp png, png_bytep bytes, size_t n)
{
  g_byte_array_append (png_get_io_ptr (png), bytes, (guint) n);
}

/* A black picture of one bit a pixel: a few kilobytes for tens of millions of pixels. */
static GByteArray *
black_png (guint width, guint height)
{
  GByteArray *all = g_byte_array_new ();
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);
  g_autofree guint8 *row = g_malloc0 (width / 8 + 1);
  png_set_write_fn (png, all, to_array, NULL);
  png_set_IHDR (png, info, width, height, 1, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
  png_write_info (png, info);
  for (guint y = 0; y < height; y++)
    png_write_row (png, row);
  png_write_end (png, info);
  png_destroy_write_struct (&png, &info);
  return all;
}

static void
test_bombs (void)
{
  Box box;
  g_autoptr (GByteArray) largest = black_png (20000, 4000), larger = black_png (20000, 4001);
  box_open (&box, real_dir, 0);
  run (&box, "image", "", 1 << 20, pipe_with (largest->data, largest->len));
  expect (&box, "");
  run (&box, "image", "", 1 << 20, pipe_with (larger->data, larger->len));
  expect (&box, "image-large");
  run (&box, "image", "", 1 << 20, pipe_with (largest->data, largest->len / 2));
  expect (&box, "image-damaged");
  box_close (&box);
}

static void
test_endless (void)
{
  Box box;
  box_open (&box, real_dir, 0);
  run (&box, "file", "", 1 << 20, open ("/dev/zero", O_RDONLY | O_CLOEXEC));
  expect (&box, "too-large");
  run (&box, "file", "", 3, pipe_with ("abc", 3));
  expect (&box, "");
  run (&box, "file", "", 3, pipe_with ("abcd", 4));
  expect (&box, "too-large");
  run (&box, "file", "", G_MAXUINT64, open ("/dev/zero", O_RDONLY | O_CLOEXEC));
  expect (&box, "too-large");
  box_close (&box);
}

static void
test_deadline (void)
{
  Box box;
  int ends[2];
  box_open (&box, real_dir, 1);
  sk_inspector_set_deadline (box.inspector, 300);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL)); /* nobody ever writes or closes it */
  run (&box, "file", "", 1 << 20, ends[0]);
  expect (&box, "inspector-slow");
  close (ends[1]);
  box_close (&box);
}

static gboolean
kill_worker (gpointer data)
{
  g_autofree char *pids = children ();
  const GPid worker = sk_sandbox_worker_pid ((GPid) g_ascii_strtoll (pids, NULL, 10));
  if (worker <= 0)
    return G_SOURCE_CONTINUE;
  kill (worker, SIGKILL);
  return G_SOURCE_REMOVE;
}

static void
test_killed (void)
{
  Box box;
  int ends[2];
  box_open (&box, real_dir, 0);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  g_timeout_add (10, kill_worker, NULL);
  run (&box, "file", "", 1 << 20, ends[0]);
  expect (&box, "inspector-died");
  close (ends[1]);
  box_close (&box);
}

static void
test_owned (void)
{
  static const char *const cases[][2] = { { "die", "inspector-died" },     { "hang", "inspector-slow" },
                                          { "flood", "inspector-slow" },   { "lie", "inspector-broken" },
                                          { "speak", "inspector-broken" }, { "garbage", "inspector-broken" },
                                          { "huge", "inspector-broken" },  { "linger", "" } };
  Box box;
  g_autofree char *dir = g_dir_make_tmp ("sk-inspect-XXXXXX", NULL);
  g_autofree char *program = g_build_filename (dir, "sekisho-inspect", NULL);
  g_assert_cmpint (symlink (owned_program, program), ==, 0);
  box_open (&box, dir, 1);
  sk_inspector_set_deadline (box.inspector, 1500);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      run (&box, "file", cases[i][0], 1 << 20, pipe_with ("x", 1));
      expect (&box, cases[i][1]);
    }
  box_close (&box);
  g_unlink (program);
  g_rmdir (dir);
}

static void
test_cancel_and_queue (void)
{
  enum
  {
    N = SK_INSPECT_RUNNING_MAX + 2
  };
  Box box[N];
  int in[2], out[2];
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const SkInspectJob job = { "file", "", NULL, 100 };
  box_open (&box[0], real_dir, 0);
  g_assert_true (g_unix_open_pipe (in, FD_CLOEXEC, NULL) && g_unix_open_pipe (out, FD_CLOEXEC, NULL));
  for (guint i = 0; i < N; i++)
    {
      if (i > 0)
        box[i] = (Box){ .inspector = box[0].inspector };
      sk_inspector_run_async (box[0].inspector, &job, dup (in[0]), dup (out[1]), cancellable, on_done,
                              &box[i]);
    }
  g_autofree char *pids = children ();
  g_auto (GStrv) running = g_strsplit (pids, " ", -1);
  g_assert_cmpuint (g_strv_length (running), ==, SK_INSPECT_RUNNING_MAX);
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < N; i++)
    {
      while (box[i].done == 0)
        g_main_context_iteration (NULL, TRUE);
      g_assert_error (box[i].error, SK_ERROR, SK_ERROR_CANCELLED);
      if (i > 0)
        g_clear_error (&box[i].error);
    }
  box_close (&box[0]);
  for (guint i = 0; i < 2; i++)
    {
      close (in[i]);
      close (out[i]);
    }
}

static void
test_names (void)
{
  Box box;
  int ends[2];
  const SkInspectJob job = { "file", "", "../../etc/passwd", 100 };
  box_open (&box, real_dir, 0);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  sk_inspector_run_async (box.inspector, &job, ends[0], ends[1], NULL, on_done, &box);
  while (box.done == 0)
    g_main_context_iteration (NULL, TRUE);
  expect (&box, "name");
  box_close (&box);
}

static void
test_missing (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (sk_inspector_new ("/nowhere", 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  real_dir = g_getenv ("SEKISHO_INSPECT_DIR");
  owned_program = g_getenv ("SEKISHO_OWNED_INSPECT");
  signal (SIGPIPE, SIG_IGN);
  g_test_add_func ("/inspect/text", test_text);
  g_test_add_func ("/inspect/bombs", test_bombs);
  g_test_add_func ("/inspect/endless", test_endless);
  g_test_add_func ("/inspect/deadline", test_deadline);
  g_test_add_func ("/inspect/killed", test_killed);
  g_test_add_func ("/inspect/owned", test_owned);
  g_test_add_func ("/inspect/cancel", test_cancel_and_queue);
  g_test_add_func ("/inspect/names", test_names);
  g_test_add_func ("/inspect/missing", test_missing);
  return g_test_run ();
}
