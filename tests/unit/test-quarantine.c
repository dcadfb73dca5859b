/* The quarantine: what goes in comes out, what was changed does not, and a killed writer loses nothing twice.
 */
#include "common/error.h"
#include "common/fd.h"
#include "quarantine/quarantine-private.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

typedef struct
{
  char *dir;
  SkQuarantine *q;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  static const SkQuarantineLimits small = { 64 << 20, 1 };
  g_autoptr (GError) error = NULL;
  f->dir = g_dir_make_tmp ("quarantine-XXXXXX", NULL);
  f->q = sk_quarantine_new (f->dir, &small, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  const char *const argv[] = { "rm", "-rf", f->dir, NULL };
  sk_quarantine_free (f->q);
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (f->dir);
}

static guint8 *
content (gsize length, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  guint8 *bytes = g_malloc (length + 4);
  for (gsize i = 0; i < length; i += 4)
    {
      const guint32 four = g_rand_int (rand);
      memcpy (bytes + i, &four, 4);
    }
  return bytes;
}

static SkQuarantined *
put (Fixture *f, const char *key, const guint8 *bytes, gsize length)
{
  g_autoptr (GError) error = NULL;
  SkQuarantineWriter *w = sk_quarantine_begin (f->q, key, "hanako", &error);
  g_assert_no_error (error);
  /* In uneven pieces, so that they fall across the chunks. */
  for (gsize at = sk_quarantine_writer_offset (w); at < length; at += 10007)
    g_assert_true (sk_quarantine_write (w, bytes + at, MIN (length - at, 10007), &error));
  SkQuarantined *done = sk_quarantine_finish (w, &error);
  g_assert_no_error (error);
  return done;
}

static GBytes *
get (Fixture *f, const char *blob, guint64 from, GError **error)
{
  g_autoptr (SkQuarantineReader) r = sk_quarantine_open (f->q, blob, error);
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint8 piece[7001];
  gssize n = -1;
  if (!r || !sk_quarantine_seek (r, from, error))
    return NULL;
  while ((n = sk_quarantine_read (r, piece, sizeof piece, error)) > 0)
    g_byte_array_append (all, piece, (guint) n);
  return n < 0 ? NULL : g_byte_array_free_to_bytes (g_steal_pointer (&all));
}

static const gsize sizes[] = { 0, 1, 65535, 65536, 65537, 131072, 131073, 1000000 };

static void
test_round_trip (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *bytes = content (sizes[i], i);
      g_autoptr (SkQuarantined) done = put (f, "a-1", bytes, sizes[i]);
      g_autofree char *sha = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, sizes[i]);
      g_assert_cmpstr (done->sha256, ==, sha);
      g_assert_cmpstr (done->blob, !=, sha);
      g_assert_cmpuint (done->size, ==, sizes[i]);
      for (gsize from = 0; from <= sizes[i]; from += MAX (1, sizes[i] / 3))
        {
          g_autoptr (GBytes) back = get (f, done->blob, from, &error);
          g_assert_no_error (error);
          g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), bytes + from,
                           sizes[i] - from);
        }
    }
}

static void
on_synced (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static gboolean
sync_blob (Fixture *f, const char *blob, GError **error)
{
  GAsyncResult *result = NULL;
  sk_quarantine_sync_async (f->q, blob, NULL, on_synced, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  const gboolean synced = sk_quarantine_sync_finish (f->q, result, error);
  g_object_unref (result);
  return synced;
}

/* Who does not wait for the disk has the same blob, and can wait later; one that waits may come to one that
 * did not.
 */
static void
test_lazy (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *bytes = content (1000, 3);
  SkQuarantineWriter *w = sk_quarantine_begin (f->q, "a-1", "hanako", &error);
  g_assert_no_error (error);
  sk_quarantine_writer_set_lazy (w);
  g_assert_true (sk_quarantine_write (w, bytes, 1000, &error));
  g_autoptr (SkQuarantined) lazy = sk_quarantine_finish (w, &error);
  g_assert_no_error (error);
  g_autoptr (SkQuarantined) waited = put (f, "a-2", bytes, 1000);
  g_assert_cmpstr (lazy->blob, ==, waited->blob);
  g_autoptr (GBytes) back = get (f, lazy->blob, 0, &error);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), bytes, 1000);
  g_assert_true (sync_blob (f, lazy->blob, &error));
  g_assert_no_error (error);
  g_autofree char *none = g_strnfill (64, '0');
  g_assert_false (sync_blob (f, none, &error));
  g_assert_nonnull (error);
}

static void
read_file (const char *path, char **bytes, gsize *length)
{
  g_assert_true (g_file_get_contents (path, bytes, length, NULL));
}

/* A changed byte anywhere, a cut anywhere, swapped chunks, more behind it: no reader gets to its end. */
static void
test_tampering (Fixture *f, gconstpointer data)
{
  const gsize length = 2 * SK_QUARANTINE_CHUNK + 100;
  g_autofree guint8 *bytes = content (length, 7);
  g_autoptr (SkQuarantined) done = put (f, "a-1", bytes, length);
  g_autofree char *path = sk_q_blob_path (f->q, done->blob);
  g_autofree char *good = NULL;
  gsize n;
  guint refused = 0;
  read_file (path, &good, &n);
  const gsize head = 4 + 1 + strlen ("hanako") + SK_Q_SEALED;
  for (gsize at = 0; at < n; at += at < head + 20 ? 1 : 4099)
    {
      g_autofree char *bad = g_memdup2 (good, n);
      bad[at] ^= 1;
      g_assert_true (g_file_set_contents (path, bad, (gssize) n, NULL));
      g_autoptr (GError) error = NULL;
      g_assert_null (get (f, done->blob, 0, &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
      refused++;
    }
  for (gsize cut = 1; cut < n; cut = cut * 3 + 1)
    {
      g_assert_true (g_file_set_contents (path, good, (gssize) (n - cut), NULL));
      g_autoptr (GError) error = NULL;
      g_assert_null (get (f, done->blob, 0, &error));
      refused++;
    }
  /* The last chunk alone gone: whole chunks are left, and no end. */
  g_assert_true (g_file_set_contents (path, good, (gssize) (head + 2 * SK_Q_PIECE), NULL));
  g_assert_null (get (f, done->blob, 0, NULL));
  g_autofree char *swapped = g_memdup2 (good, n);
  memcpy (swapped + head, good + head + SK_Q_PIECE, SK_Q_PIECE);
  memcpy (swapped + head + SK_Q_PIECE, good + head, SK_Q_PIECE);
  g_assert_true (g_file_set_contents (path, swapped, (gssize) n, NULL));
  g_assert_null (get (f, done->blob, 0, NULL));
  g_test_message ("%u changed files refused", refused);
}

static void
test_other_key (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = content (1000, 1);
  g_autoptr (SkQuarantined) done = put (f, "a-1", bytes, 1000);
  g_autofree char *blob = g_strdup (done->blob);
  g_autofree char *key = g_build_filename (f->dir, "keys", "quarantine.key", NULL);
  g_autoptr (GError) error = NULL;
  struct stat info;
  g_assert_cmpint (stat (key, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 0777, ==, 0600);
  g_clear_pointer (&done, sk_quarantined_free);
  sk_quarantine_free (f->q);
  g_assert_cmpint (unlink (key), ==, 0);
  /* Nothing is ever made in the place of a key that is lost. */
  g_assert_null (sk_quarantine_new (f->dir, NULL, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (key, "0123456789abcdef0123456789abcdef", 32, NULL));
  f->q = sk_quarantine_new (f->dir, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (get (f, blob, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (key, "short", 5, NULL));
  g_assert_null (sk_quarantine_new (f->dir, NULL, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
}

static void
test_same_content (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = content (100000, 3);
  SkQuarantined *one = put (f, "a-1", bytes, 100000), *two = put (f, "b-1", bytes, 100000);
  g_autofree char *blob = g_strdup (one->blob);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) all = sk_quarantine_list (f->q);
  g_assert_cmpstr (one->blob, ==, two->blob);
  g_assert_cmpuint (all->len, ==, 1);
  /* Held until both are booked. */
  sk_quarantined_free (one);
  g_assert_false (sk_quarantine_purge (f->q, blob, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  sk_quarantined_free (two);
  g_assert_true (sk_quarantine_purge (f->q, blob, &error));
}

static gpointer
put_thread (gpointer data)
{
  g_autofree guint8 *bytes = content (300000, 5);
  static gint number;
  g_autofree char *key = g_strdup_printf ("c-%d", g_atomic_int_add (&number, 1));
  return put (data, key, bytes, 300000);
}

static void
test_at_once (Fixture *f, gconstpointer data)
{
  GThread *threads[8];
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) done = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_quarantined_free);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("put", put_thread, f);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_ptr_array_add (done, g_thread_join (threads[i]));
  g_autoptr (GPtrArray) all = sk_quarantine_list (f->q), left = sk_quarantine_unfinished (f->q);
  g_assert_cmpuint (all->len, ==, 1);
  g_assert_cmpuint (left->len, ==, 0);
  g_autoptr (GBytes) back = get (f, all->pdata[0], 0, &error);
  g_assert_cmpuint (g_bytes_get_size (back), ==, 300000);
}

/* What was sealed cannot be opened any more, even with the file's old bytes at hand but for the key's. */
static void
test_purge (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = content (5000, 9);
  SkQuarantined *done = put (f, "a-1", bytes, 5000);
  g_autofree char *blob = g_strdup (done->blob);
  g_autofree char *path = sk_q_blob_path (f->q, blob);
  g_autoptr (GError) error = NULL;
  sk_autofd int old = open (path, O_RDONLY | O_CLOEXEC);
  sk_quarantined_free (done);
  g_assert_true (sk_quarantine_purge (f->q, blob, &error));
  g_assert_true (sk_quarantine_purge (f->q, blob, &error));
  g_assert_null (get (f, blob, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  SkQHead head;
  g_assert_false (sk_q_head_read (f->q, old, &head, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  g_clear_error (&error);
  g_assert_false (sk_quarantine_purge (f->q, "../keys/quarantine.key", &error));
}

static void
test_quota (Fixture *f, gconstpointer data)
{
  static const SkQuarantineLimits tiny = { 200000, 1 };
  g_autofree guint8 *bytes = content (150000, 2);
  g_autoptr (GError) error = NULL;
  sk_quarantine_free (f->q);
  f->q = sk_quarantine_new (f->dir, &tiny, &error);
  SkQuarantined *done = put (f, "a-1", bytes, 150000);
  g_autofree char *blob = g_strdup (done->blob);
  sk_quarantined_free (done);
  /* Counted again after a restart. */
  sk_quarantine_free (f->q);
  f->q = sk_quarantine_new (f->dir, &tiny, &error);
  SkQuarantineWriter *w = sk_quarantine_begin (f->q, "b-1", "hanako", &error);
  g_assert_no_error (error);
  bytes[0] ^= 1;
  g_assert_false (sk_quarantine_write (w, bytes, 150000, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  g_clear_error (&error);
  sk_quarantine_writer_free (w);
  sk_quarantine_discard (f->q, "b-1");
  /* Somebody else's room is their own, and what is purged counts no more. */
  w = sk_quarantine_begin (f->q, "c-1", "taro", &error);
  g_assert_true (sk_quarantine_write (w, bytes, 150000, &error));
  sk_quarantine_writer_free (w);
  g_assert_true (sk_quarantine_purge (f->q, blob, &error));
  sk_quarantined_free (put (f, "b-1", bytes, 150000));
}

static void
test_no_room (Fixture *f, gconstpointer data)
{
  static const SkQuarantineLimits greedy = { 0, G_MAXUINT64 / 2 };
  g_autoptr (GError) error = NULL;
  sk_quarantine_free (f->q);
  f->q = sk_quarantine_new (f->dir, &greedy, &error);
  g_assert_null (sk_quarantine_begin (f->q, "a-1", "hanako", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FULL);
}

/* The disk says no in the middle: an error that says so, and what is whole stays. */
static void
test_disk_full (Fixture *f, gconstpointer data)
{
  const struct rlimit small = { 300000, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
  g_autofree guint8 *bytes = content (1000000, 4);
  g_autoptr (GError) error = NULL;
  signal (SIGXFSZ, SIG_IGN);
  SkQuarantineWriter *w = sk_quarantine_begin (f->q, "a-1", "hanako", &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (sk_quarantine_write (w, bytes, 1000000, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FULL);
  sk_quarantine_writer_free (w);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &none), ==, 0);
  g_autoptr (SkQuarantined) done = put (f, "a-1", bytes, 1000000);
  g_autofree char *sha = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, 1000000);
  g_assert_cmpstr (done->sha256, ==, sha);
}

static void
test_bad_keys (Fixture *f, gconstpointer data)
{
  static const char *const bad[] = { "", "../x", "A", "a/b", "a.b" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (sk_quarantine_begin (f->q, bad[i], "hanako", &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_INVALID);
    }
}

/* A child writes and is killed at any point; the next one goes on, and in the end it is what was to be
 * written. */
static void
write_until_killed (Fixture *f, const guint8 *bytes, gsize length, int ready)
{
  SkQuarantineWriter *w = sk_quarantine_begin (f->q, "a-1", "hanako", NULL);
  gboolean good = w && write (ready, "", 1) == 1;
  for (gsize at = w ? sk_quarantine_writer_offset (w) : 0; good && at < length; at += 4001)
    good = sk_quarantine_write (w, bytes + at, MIN (length - at, 4001), NULL);
  if (good)
    sk_quarantine_finish (w, NULL);
  _exit (good ? 0 : 1);
}

/* How long a writer that nobody kills needs on this machine just now. */
static gint64
time_whole (Fixture *f, const guint8 *bytes, gsize length)
{
  int pipe_ends[2], status;
  g_assert_cmpint (pipe2 (pipe_ends, O_CLOEXEC), ==, 0);
  const gint64 began = g_get_monotonic_time ();
  const pid_t child = fork ();
  if (child == 0)
    write_until_killed (f, bytes, length, pipe_ends[1]);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  const gint64 took = g_get_monotonic_time () - began;
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  close (pipe_ends[0]);
  close (pipe_ends[1]);
  g_autoptr (GPtrArray) blobs = sk_quarantine_list (f->q);
  g_assert_cmpuint (blobs->len, ==, 1);
  g_assert_true (sk_quarantine_purge (f->q, blobs->pdata[0], NULL));
  return took;
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  const gsize length = 3000000;
  g_autofree guint8 *bytes = content (length, 11);
  g_autofree char *sha = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, length);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  const gint32 longest = (gint32) MIN (time_whole (f, bytes, length), G_USEC_PER_SEC);
  guint kills = 0, finished = 0;
  while (kills < 200)
    {
      int pipe_ends[2], status;
      char byte;
      g_assert_cmpint (pipe2 (pipe_ends, O_CLOEXEC), ==, 0);
      const pid_t child = fork ();
      if (child == 0)
        write_until_killed (f, bytes, length, pipe_ends[1]);
      sk_clear_fd (&pipe_ends[1]);
      g_assert_cmpint (read (pipe_ends[0], &byte, 1), ==, 1);
      const gint64 until = g_get_monotonic_time () + g_rand_int_range (rand, 0, longest);
      while (g_get_monotonic_time () < until)
        ;
      kill (child, SIGKILL);
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      close (pipe_ends[0]);
      kills += WIFSIGNALED (status) != 0;
      g_assert_true (WIFSIGNALED (status) || WEXITSTATUS (status) == 0);
      /* Finished: there is exactly one blob, and it is right. */
      g_autoptr (GPtrArray) blobs = sk_quarantine_list (f->q), left = sk_quarantine_unfinished (f->q);
      g_assert_cmpuint (blobs->len + left->len, ==, 1);
      if (blobs->len == 0)
        continue;
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) back = get (f, blobs->pdata[0], 0, &error);
      g_autofree char *got = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, back);
      g_assert_cmpstr (got, ==, sha);
      g_assert_true (sk_quarantine_purge (f->q, blobs->pdata[0], &error));
      finished++;
    }
  g_test_message ("%u kills, %u times it was whole", kills, finished);
  g_assert_cmpuint (finished, >, 0);
}

typedef struct
{
  GMainLoop *loop;
  guint pending;
  SkQuarantined *got;
  GError *error;
  Fixture *f;
} Pumped;

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  Pumped *p = data;
  g_autoptr (GError) error = NULL;
  if (!sk_quarantine_send_finish (p->f->q, result, &error))
    g_assert_error (error, SK_ERROR, SK_ERROR_PEER_LOST);
  if (--p->pending == 0)
    g_main_loop_quit (p->loop);
}

static void
on_received (GObject *source, GAsyncResult *result, gpointer data)
{
  Pumped *p = data;
  p->got = sk_quarantine_receive_finish (p->f->q, result, &p->error);
  if (--p->pending == 0)
    g_main_loop_quit (p->loop);
}

static void
pump (Fixture *f, Pumped *p, const char *blob, guint64 bytes_max)
{
  int ends[2];
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  *p = (Pumped){ loop, 2, NULL, NULL, f };
  sk_quarantine_send_async (f->q, blob, ends[1], NULL, on_sent, p);
  sk_quarantine_receive_async (f->q, ends[0], "d-1", "hanako", bytes_max, NULL, on_received, p);
  g_main_loop_run (loop);
}

/* Cancelled when it is there already, and before anybody was told: it is given, to be used or discarded. */
static void
test_cancelled_late (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancel = g_cancellable_new ();
  Pumped p = { loop, 1, NULL, NULL, f };
  int ends[2];
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
  close (ends[1]);
  sk_quarantine_receive_async (f->q, ends[0], "d-1", "hanako", 1, cancel, on_received, &p);
  for (gboolean there = FALSE; !there; g_thread_yield ())
    {
      g_autoptr (GPtrArray) blobs = sk_quarantine_list (f->q);
      there = blobs->len == 1;
    }
  g_cancellable_cancel (cancel);
  g_main_loop_run (loop);
  g_assert_no_error (p.error);
  g_assert_cmpuint (p.got->size, ==, 1);
  sk_quarantined_free (p.got);
}

static void
test_pumps (Fixture *f, gconstpointer data)
{
  const gsize length = 5000000;
  g_autofree guint8 *bytes = content (length, 13);
  g_autoptr (SkQuarantined) done = put (f, "a-1", bytes, length);
  Pumped p;
  signal (SIGPIPE, SIG_IGN);
  pump (f, &p, done->blob, length);
  g_assert_no_error (p.error);
  g_assert_cmpstr (p.got->sha256, ==, done->sha256);
  sk_quarantined_free (p.got);
  /* One byte less is too little room. */
  pump (f, &p, done->blob, length - 1);
  g_assert_error (p.error, SK_ERROR, SK_ERROR_LIMIT);
  g_clear_error (&p.error);
  g_autoptr (GPtrArray) left = sk_quarantine_unfinished (f->q);
  g_assert_cmpuint (left->len, ==, 0);
}

/* Bytes of a file's part that are in the system's memory. */
static gsize
cached (int fd, goffset from, goffset to)
{
  const gsize page = (gsize) getpagesize (), pages = ((gsize) (to - from) + page - 1) / page;
  g_autofree guint8 *in = g_malloc (pages);
  void *map = mmap (NULL, (gsize) (to - from), PROT_READ, MAP_SHARED, fd, from);
  gsize n = 0;
  g_assert_true (map != MAP_FAILED);
  g_assert_no_errno (mincore (map, (gsize) (to - from), in));
  munmap (map, (gsize) (to - from));
  for (gsize i = 0; i < pages; i++)
    n += in[i] & 1;
  return n * page;
}

/* Its beginning waits in memory for its inspection; what is longer makes way for others. */
static void
test_memory (Fixture *f, gconstpointer data)
{
  static const SkQuarantineLimits large = { 512 << 20, 1 };
  const gsize size = SK_QUARANTINE_CACHED_BYTES + 8 * SK_QUARANTINE_SYNC_BYTES;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *bytes = content (SK_QUARANTINE_SYNC_BYTES, 5);
  struct statfs disk;
  struct stat info;
  g_assert_no_errno (statfs (f->dir, &disk));
  if (disk.f_type == TMPFS_MAGIC)
    {
      g_test_skip ("the folder of the tests is in memory itself");
      return;
    }
  sk_quarantine_free (f->q);
  f->q = sk_quarantine_new (f->dir, &large, &error);
  g_assert_no_error (error);
  SkQuarantineWriter *w = sk_quarantine_begin (f->q, "a-1", "hanako", &error);
  for (gsize at = 0; at < size; at += SK_QUARANTINE_SYNC_BYTES)
    g_assert_true (sk_quarantine_write (w, bytes, SK_QUARANTINE_SYNC_BYTES, &error));
  g_autoptr (SkQuarantined) done = sk_quarantine_finish (w, &error);
  g_assert_no_error (error);
  g_autofree char *path = sk_q_blob_path (f->q, done->blob);
  sk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  g_assert_no_errno (fstat (fd, &info));
  g_assert_cmpuint (cached (fd, 0, SK_QUARANTINE_CACHED_BYTES), ==, SK_QUARANTINE_CACHED_BYTES);
  /* The last step, and a page where two of them meet. */
  g_assert_cmpuint (cached (fd, SK_QUARANTINE_CACHED_BYTES, info.st_size), <, 2 * SK_QUARANTINE_SYNC_BYTES);
}

#define ADD(name, func) g_test_add ("/quarantine/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("round-trip", test_round_trip);
  ADD ("lazy", test_lazy);
  ADD ("tampering", test_tampering);
  ADD ("other-key", test_other_key);
  ADD ("same-content", test_same_content);
  ADD ("at-once", test_at_once);
  ADD ("purge", test_purge);
  ADD ("quota", test_quota);
  ADD ("no-room", test_no_room);
  ADD ("disk-full", test_disk_full);
  ADD ("bad-keys", test_bad_keys);
  ADD ("killed", test_killed);
  ADD ("pumps", test_pumps);
  ADD ("cancelled-late", test_cancelled_late);
  ADD ("memory", test_memory);
  return g_test_run ();
}
