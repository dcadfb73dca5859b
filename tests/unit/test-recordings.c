/* Recordings with real files: what was written comes back whole and in order, and nothing else does. */
#include "common/error.h"
#include "common/fd.h"
#include "record/recordings.h"
#include "wire/record.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define SESSION "00000000-0000-4000-8000-000000000001"
#define SETTLE_MS 20000
#define NOW G_GINT64_CONSTANT (1795873380000000)

typedef struct
{
  char *dir;
  SkRecordings *recordings;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->dir = g_dir_make_tmp ("sk-recordings-XXXXXX", &error);
  g_assert_no_error (error);
  f->recordings = sk_recordings_new (f->dir, &error);
  g_assert_no_error (error);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *below = g_build_filename (path, name, NULL);
      remove_all (below);
    }
  g_remove (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  sk_recordings_free (f->recordings);
  remove_all (f->dir);
  g_free (f->dir);
}

static void
write_recording (Fixture *f, const char *session, gint64 now, const void *bytes, gsize length)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int fd = sk_recordings_begin (f->recordings, session, "花子", "internet", now, &error);
  g_assert_no_error (error);
  for (gsize done = 0; done < length;)
    {
      const gssize n = write (fd, (const char *) bytes + done, length - done);
      g_assert_cmpint (n, >, 0);
      done += (gsize) n;
    }
  sk_clear_fd (&fd);
  g_assert_true (sk_recordings_settle (f->recordings, SETTLE_MS));
}

/* NULL with error when the file is not what was written. */
static GByteArray *
read_all (SkRecordings *recordings, const char *id, gboolean *ret_whole, GError **error)
{
  g_autoptr (SkRecordingReader) r = sk_recordings_open (recordings, id, error);
  g_autoptr (GByteArray) all = g_byte_array_new ();
  GError *failed = NULL;
  GBytes *piece;
  if (!r)
    return NULL;
  while ((piece = sk_recording_read (r, ret_whole, &failed)))
    {
      g_byte_array_append (all, g_bytes_get_data (piece, NULL), (guint) g_bytes_get_size (piece));
      g_bytes_unref (piece);
    }
  if (!failed)
    return g_steal_pointer (&all);
  g_propagate_error (error, failed);
  return NULL;
}

static char *
file_of (Fixture *f, const char *id)
{
  g_autofree char *name = g_strconcat (id, ".skrec", NULL);
  return g_build_filename (f->dir, "recordings", name, NULL);
}

/* More than a pipe and a piece hold, so that pieces end anywhere. */
static GByteArray *
long_text (void)
{
  GByteArray *text = g_byte_array_new ();
  for (guint i = 0; text->len < 1000000; i++)
    {
      g_autofree char *line = g_strdup_printf ("%u secret of the town hall\n", i);
      g_byte_array_append (text, (const guint8 *) line, (guint) strlen (line));
    }
  return text;
}

static void
test_whole (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) text = long_text ();
  gboolean whole = FALSE;
  write_recording (f, SESSION, NOW, text->data, text->len);
  g_autoptr (GByteArray) back = read_all (f->recordings, SESSION "-1", &whole, &error);
  g_assert_no_error (error);
  g_assert_true (whole);
  g_assert_cmpmem (text->data, text->len, back->data, back->len);

  g_autofree char *path = file_of (f, SESSION "-1"), *bytes = NULL;
  gsize length = 0;
  struct stat s;
  g_assert_cmpint (stat (path, &s), ==, 0);
  g_assert_cmpint (s.st_mode & 0777, ==, 0600);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  g_assert_null (memmem (bytes, length, "secret", 6));

  write_recording (f, SESSION, NOW + 1, "x", 1);
  write_recording (f, "00000000-0000-4000-8000-000000000002", NOW + 2, NULL, 0);
  g_autoptr (GPtrArray) all = sk_recordings_list (f->recordings, NULL, &error),
                        mine = sk_recordings_list (f->recordings, SESSION, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpuint (mine->len, ==, 2);
  const SkRecording *newest = mine->pdata[0];
  g_assert_cmpstr (newest->id, ==, SESSION "-2");
  g_assert_cmpstr (newest->user, ==, "花子");
  g_assert_cmpstr (newest->pool, ==, "internet");
  g_assert_cmpint (newest->started, ==, NOW + 1);
  sk_recordings_prune (f->recordings, NOW + 2);
  g_autoptr (GPtrArray) left = sk_recordings_list (f->recordings, NULL, &error);
  g_assert_cmpuint (left->len, ==, 1);
}

/* Every byte of a file counts: whichever is changed, what comes back is not more than what was written before
 * it. */
static void
test_changed (Fixture *f, gconstpointer data)
{
  static const char text[] = "what was written";
  g_autofree char *path = file_of (f, SESSION "-1"), *bytes = NULL;
  gsize length = 0;
  write_recording (f, SESSION, NOW, text, sizeof text);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  for (gsize i = 0; i < length; i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean whole = FALSE;
      bytes[i] ^= 1;
      g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
      g_autoptr (GByteArray) back = read_all (f->recordings, SESSION "-1", &whole, &error);
      g_assert_true (!back || !whole);
      g_assert_true (!back || back->len == 0 || memcmp (back->data, text, back->len) == 0);
      bytes[i] ^= 1;
    }
}

/* A host that lost its power, or a recording that still goes on: what there is can be seen, and that it is
 * not all. */
static void
test_broken_off (Fixture *f, gconstpointer data)
{
  g_autofree char *path = file_of (f, SESSION "-1"), *bytes = NULL;
  gsize length = 0;
  write_recording (f, SESSION, NOW, "abc", 3);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  for (gsize left = length - 1; left > length - 20; left--)
    {
      g_autoptr (GError) error = NULL;
      gboolean whole = TRUE;
      g_assert_true (g_file_set_contents (path, bytes, (gssize) left, NULL));
      g_autoptr (GByteArray) back = read_all (f->recordings, SESSION "-1", &whole, &error);
      g_assert_no_error (error);
      g_assert_false (whole);
      g_assert_cmpmem (back->data, back->len, "abc", 3);
    }
}

static void
test_keys (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *key = g_build_filename (f->dir, "keys", "recordings.key", NULL);
  gboolean whole;
  struct stat s;
  write_recording (f, SESSION, NOW, "abc", 3);
  g_assert_cmpint (stat (key, &s), ==, 0);
  g_assert_cmpint (s.st_mode & 0777, ==, 0600);

  /* The next core finds the same key. */
  g_autoptr (SkRecordings) again = sk_recordings_new (f->dir, &error);
  g_assert_no_error (error);
  g_autoptr (GByteArray) back = read_all (again, SESSION "-1", &whole, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->len, ==, 3);

  g_assert_true (g_file_set_contents (key, "short", 5, NULL));
  g_assert_null (sk_recordings_new (f->dir, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_cmpint (g_remove (key), ==, 0);
  g_autoptr (SkRecordings) other = sk_recordings_new (f->dir, &error);
  g_assert_no_error (error);
  g_assert_null (read_all (other, SESSION "-1", &whole, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
}

static void
test_names (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "", "../keys/recordings", "a/b", "none", SESSION "-9", ".", "é" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (sk_recordings_open (f->recordings, names[i], &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
    }
}

/* Records of every length, split anywhere. */
static void
test_records (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  SkRecord r;
  sk_record_append (out, SK_RECORD_BITMAP, 5, "ab", 2, "cde", 3);
  const guint first = out->len;
  sk_record_append (out, SK_RECORD_SHOWN, -1, NULL, 0, NULL, 0);
  for (guint n = 0; n < first; n++)
    g_assert_cmpint (sk_record_next (out->data, n, &r), ==, 0);
  g_assert_cmpint (sk_record_next (out->data, out->len, &r), ==, first);
  g_assert_cmpint (r.kind, ==, SK_RECORD_BITMAP);
  g_assert_cmpint (r.time, ==, 5);
  g_assert_cmpmem (r.payload, r.length, "abcde", 5);
  g_assert_cmpint (sk_record_next (out->data + first, out->len - first, &r), ==, SK_RECORD_HEAD);
  g_assert_cmpint (r.time, ==, -1);
  static const guint8 bad[][SK_RECORD_HEAD] = {
    { 0, 0, 9, 0, 1 },       /* too long */
    { 0, 0, 0, 0, 0 },       /* no such kind */
    { 0, 0, 0, 0, 99 },      /* no such kind */
    { 0, 0, 0, 0, 1, 0, 1 }, /* not zero */
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpint (sk_record_next (bad[i], sizeof bad[i], &r), ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/recordings/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("whole", test_whole);
  ADD ("changed", test_changed);
  ADD ("broken-off", test_broken_off);
  ADD ("keys", test_keys);
  ADD ("names", test_names);
  g_test_add_func ("/recordings/records", test_records);
  return g_test_run ();
}
