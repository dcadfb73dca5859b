#include "record/recordings.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SUFFIX ".skrec"
#define FORMAT 1
/* The first line: four short strings and a key. */
#define LINE_MAX_BYTES 4096
/* Windows of one session, one after another. */
#define PER_SESSION_MAX 10000
#define KEY_BYTES crypto_secretstream_xchacha20poly1305_KEYBYTES
#define HEAD_BYTES crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define EXTRA_BYTES crypto_secretstream_xchacha20poly1305_ABYTES
#define SEALED_BYTES (crypto_secretbox_NONCEBYTES + KEY_BYTES + crypto_secretbox_MACBYTES)
G_STATIC_ASSERT (KEY_BYTES == crypto_secretbox_KEYBYTES);

/* Outlives the recordings while a thread writes. */
typedef struct
{
  GMutex lock;
  GCond changed;
  guint writers;
} Busy;

struct _SkRecordings
{
  Busy *busy;
  char *dir;
  guint8 key[KEY_BYTES];
};

void
sk_recording_free (SkRecording *r)
{
  if (!r)
    return;
  g_free (r->id);
  g_free (r->session);
  g_free (r->user);
  g_free (r->pool);
  g_free (r);
}

static gboolean
fail (GError **error, const char *what, const char *path)
{
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s %s: %s", what, path, g_strerror (errno));
  return FALSE;
}

/* -- the key ------------------------------------------------------------------------------------------------
 */

static gboolean
make_key (SkRecordings *self, const char *path, GError **error)
{
  randombytes_buf (self->key, sizeof self->key);
  return g_file_set_contents_full (path, (const char *) self->key, sizeof self->key,
                                   G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error);
}

static gboolean
load_key (SkRecordings *self, const char *state_dir, GError **error)
{
  g_autofree char *dir = g_build_filename (state_dir, "keys", NULL);
  g_autofree char *path = g_build_filename (dir, "recordings.key", NULL);
  g_autofree char *bytes = NULL;
  gsize length = 0;
  if (g_mkdir_with_parents (dir, 0700) != 0)
    return fail (error, "cannot make", dir);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return make_key (self, path, error);
  if (!g_file_get_contents (path, &bytes, &length, error))
    return FALSE;
  if (length != sizeof self->key)
    {
      g_set_error (
          error, SK_ERROR, SK_ERROR_UNAVAILABLE,
          "%s is not a key (%zu bytes): put it back from a backup; without it older recordings stay shut",
          path, length);
      return FALSE;
    }
  memcpy (self->key, bytes, length);
  sodium_memzero (bytes, length);
  return TRUE;
}

SkRecordings *
sk_recordings_new (const char *state_dir, GError **error)
{
  g_autoptr (SkRecordings) self = g_new0 (SkRecordings, 1);
  self->dir = g_build_filename (state_dir, "recordings", NULL);
  self->busy = g_atomic_rc_box_new0 (Busy);
  g_mutex_init (&self->busy->lock);
  g_cond_init (&self->busy->changed);
  if (sodium_init () < 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "libsodium does not start");
      return NULL;
    }
  if (g_mkdir_with_parents (self->dir, 0700) != 0)
    {
      fail (error, "cannot make", self->dir);
      return NULL;
    }
  return load_key (self, state_dir, error) ? g_steal_pointer (&self) : NULL;
}

static void
busy_clear (gpointer data)
{
  Busy *busy = data;
  g_mutex_clear (&busy->lock);
  g_cond_clear (&busy->changed);
}

static void
count_writer (Busy *busy, gint change)
{
  g_mutex_lock (&busy->lock);
  busy->writers = (guint) ((gint) busy->writers + change);
  g_cond_broadcast (&busy->changed);
  g_mutex_unlock (&busy->lock);
}

gboolean
sk_recordings_settle (SkRecordings *self, guint milliseconds)
{
  const gint64 until = g_get_monotonic_time () + (gint64) milliseconds * 1000;
  gboolean in_time = TRUE;
  g_mutex_lock (&self->busy->lock);
  while (self->busy->writers > 0 && in_time)
    in_time = g_cond_wait_until (&self->busy->changed, &self->busy->lock, until);
  g_mutex_unlock (&self->busy->lock);
  return in_time;
}

void
sk_recordings_free (SkRecordings *self)
{
  if (!self)
    return;
  sodium_memzero (self->key, sizeof self->key);
  g_atomic_rc_box_release_full (self->busy, busy_clear);
  g_free (self->dir);
  g_free (self);
}

/* -- writing ------------------------------------------------------------------------------------------------
 */

typedef struct
{
  Busy *busy;
  int from, to;
  char *id;
  char *line; /* authenticated with the first piece */
  crypto_secretstream_xchacha20poly1305_state state;
} Writer;

static gboolean
write_all (int fd, const void *data, gsize length)
{
  for (const guint8 *p = data; length > 0;)
    {
      const gssize n = write (fd, p, length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      p += n;
      length -= (gsize) n;
    }
  return TRUE;
}

static gboolean
write_piece (Writer *w, const guint8 *data, gsize length, guint8 tag)
{
  guint8 out[4 + SK_RECORDINGS_PIECE_MAX + EXTRA_BYTES];
  unsigned long long n = 0;
  const guint8 *line = (const guint8 *) w->line;
  if (crypto_secretstream_xchacha20poly1305_push (&w->state, out + 4, &n, data, length, line,
                                                  line ? strlen (w->line) : 0, tag)
      != 0)
    return FALSE;
  g_clear_pointer (&w->line, g_free);
  const guint32 size = GUINT32_TO_LE ((guint32) n);
  memcpy (out, &size, 4);
  return write_all (w->to, out, 4 + (gsize) n);
}

static void
writer_free (Writer *w)
{
  sodium_memzero (&w->state, sizeof w->state);
  sk_clear_fd (&w->from); /* from here on the view's writes fail */
  sk_clear_fd (&w->to);
  count_writer (w->busy, -1);
  g_atomic_rc_box_release_full (w->busy, busy_clear);
  g_free (w->id);
  g_free (w->line);
  g_free (w);
}

static gpointer
writer_thread (gpointer data)
{
  Writer *w = data;
  guint8 piece[SK_RECORDINGS_PIECE_MAX];
  gssize n;
  gboolean good = TRUE;
  while (good && ((n = read (w->from, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)))
    good = n < 0 || write_piece (w, piece, (gsize) n, 0);
  good = good && write_piece (w, NULL, 0, crypto_secretstream_xchacha20poly1305_TAG_FINAL)
         && fsync (w->to) == 0;
  if (!good)
    sk_err (SK_FIELDS ("recording", w->id), "it breaks off, and so does its viewer's picture: %s",
            g_strerror (errno));
  sodium_memzero (piece, sizeof piece);
  writer_free (w);
  return NULL;
}

gboolean
sk_recordings_check (SkRecordings *self, GError **error)
{
  struct statvfs s;
  if (statvfs (self->dir, &s) != 0)
    return fail (error, "cannot look at", self->dir);
  const guint64 room = (guint64) s.f_bavail * s.f_frsize;
  if (room >= SK_RECORDINGS_FREE_MIN)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
               "this pool is recorded, and %s has only %" G_GUINT64_FORMAT
               " MiB left: make room there, or switch the pool's recording off",
               self->dir, room >> 20);
  return FALSE;
}

static char *
make_line (SkRecordings *self, const char *session, const char *user, const char *pool, gint64 now,
           const guint8 *file_key)
{
  guint8 sealed[SEALED_BYTES];
  randombytes_buf (sealed, crypto_secretbox_NONCEBYTES);
  crypto_secretbox_easy (sealed + crypto_secretbox_NONCEBYTES, file_key, KEY_BYTES, sealed, self->key);
  g_autofree char *key = g_base64_encode (sealed, sizeof sealed);
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_int_member (object, "format", FORMAT);
  json_object_set_string_member (object, "session", session);
  json_object_set_string_member (object, "user", user);
  json_object_set_string_member (object, "pool", pool);
  json_object_set_int_member (object, "started", now);
  json_object_set_string_member (object, "key", key);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);
  return g_strconcat (text, "\n", NULL);
}

static char *
path_of (const SkRecordings *self, const char *id)
{
  return g_strdup_printf ("%s/%s" SUFFIX, self->dir, id);
}

/* The first number that has no file yet. */
static int
create_file (SkRecordings *self, const char *session, char **ret_id, GError **error)
{
  for (guint i = 1; i <= PER_SESSION_MAX; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s-%u", session, i);
      g_autofree char *path = path_of (self, id);
      const int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
      if (fd >= 0)
        {
          *ret_id = g_steal_pointer (&id);
          return fd;
        }
      if (errno != EEXIST)
        {
          fail (error, "cannot record into", path);
          return -1;
        }
    }
  g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "%s has %u recordings", session, PER_SESSION_MAX);
  return -1;
}

int
sk_recordings_begin (SkRecordings *self, const char *session, const char *user, const char *pool, gint64 now,
                     GError **error)
{
  guint8 file_key[KEY_BYTES], head[HEAD_BYTES];
  int ends[2];
  g_autofree char *id = NULL;
  if (!sk_recordings_check (self, error))
    return -1;
  sk_autofd int file = create_file (self, session, &id, error);
  if (file < 0)
    return -1;
  g_autofree char *path = path_of (self, id);
  if (!g_unix_open_pipe (ends, FD_CLOEXEC, error))
    {
      g_unlink (path); /* nothing is in it, and nothing will be */
      return -1;
    }
  sk_autofd int reading = ends[0], writing = ends[1];
  Writer *w = g_new0 (Writer, 1);
  w->busy = g_atomic_rc_box_acquire (self->busy);
  count_writer (w->busy, 1);
  crypto_secretstream_xchacha20poly1305_keygen (file_key);
  w->line = make_line (self, session, user, pool, now, file_key);
  w->id = g_strdup (id);
  w->from = sk_steal_fd (&reading);
  w->to = sk_steal_fd (&file);
  crypto_secretstream_xchacha20poly1305_init_push (&w->state, head, file_key);
  sodium_memzero (file_key, sizeof file_key);
  if (!write_all (w->to, w->line, strlen (w->line)) || !write_all (w->to, head, sizeof head))
    {
      fail (error, "cannot record into", path);
      g_unlink (path);
      writer_free (w);
      return -1;
    }
  sk_notice (SK_FIELDS ("recording", id, "user", user, "pool", pool), "recording");
  g_thread_unref (g_thread_new ("recording", writer_thread, w));
  return sk_steal_fd (&writing);
}

/* -- reading ------------------------------------------------------------------------------------------------
 */

struct _SkRecordingReader
{
  SkRecording *about;
  FILE *file;
  char *line;
  gboolean over;
  crypto_secretstream_xchacha20poly1305_state state;
};

static gboolean
broken (GError **error, const char *id, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "recording %s: %s", id, what);
  return FALSE;
}

/* An id becomes a file's name: digits, letters a to f, dashes. */
static gboolean
is_id (const char *id)
{
  return *id && strlen (id) <= 64 && strspn (id, "0123456789abcdef-") == strlen (id);
}

static char *
take_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_dup_string (node)
             : NULL;
}

static gint64
take_int (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
             ? json_node_get_int (node)
             : 0;
}

static SkRecording *
parse_line (const char *id, const char *line, char **ret_key, GError **error)
{
  g_autoptr (JsonNode) node = json_from_string (line, NULL);
  g_autoptr (SkRecording) about = g_new0 (SkRecording, 1);
  JsonObject *object = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  about->id = g_strdup (id);
  if (!object || take_int (object, "format") != FORMAT || !(about->session = take_string (object, "session"))
      || !(about->user = take_string (object, "user")) || !(about->pool = take_string (object, "pool"))
      || !(*ret_key = take_string (object, "key")))
    {
      broken (error, id, "not a recording of this version");
      return NULL;
    }
  about->started = take_int (object, "started");
  return g_steal_pointer (&about);
}

static gboolean
open_seal (SkRecordings *self, const char *text, guint8 ret_key[KEY_BYTES])
{
  gsize length = 0;
  g_autofree guint8 *sealed = g_base64_decode (text, &length);
  return length == SEALED_BYTES
         && crypto_secretbox_open_easy (ret_key, sealed + crypto_secretbox_NONCEBYTES,
                                        SEALED_BYTES - crypto_secretbox_NONCEBYTES, sealed, self->key)
                == 0;
}

static SkRecordingReader *
open_line (SkRecordings *self, const char *id, char **ret_key, GError **error)
{
  g_autofree char *path = path_of (self, id);
  g_autoptr (SkRecordingReader) r = g_new0 (SkRecordingReader, 1);
  char line[LINE_MAX_BYTES];
  struct stat s;
  if (!is_id (id) || !(r->file = fopen (path, "re")) || fstat (fileno (r->file), &s) != 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "there is no recording %s", id);
      return NULL;
    }
  if (!fgets (line, sizeof line, r->file) || !g_utf8_validate (line, -1, NULL))
    {
      broken (error, id, "no first line");
      return NULL;
    }
  r->line = g_strdup (line);
  r->about = parse_line (id, line, ret_key, error);
  if (!r->about)
    return NULL;
  r->about->bytes = s.st_size;
  return g_steal_pointer (&r);
}

SkRecordingReader *
sk_recordings_open (SkRecordings *self, const char *id, GError **error)
{
  guint8 key[KEY_BYTES], head[HEAD_BYTES];
  g_autofree char *sealed = NULL;
  g_autoptr (SkRecordingReader) r = open_line (self, id, &sealed, error);
  if (!r)
    return NULL;
  if (!open_seal (self, sealed, key))
    {
      broken (error, id, "it was made with another key than STATE/keys/recordings.key");
      return NULL;
    }
  const gboolean good = fread (head, 1, sizeof head, r->file) == sizeof head
                        && crypto_secretstream_xchacha20poly1305_init_pull (&r->state, head, key) == 0;
  sodium_memzero (key, sizeof key);
  if (good)
    return g_steal_pointer (&r);
  broken (error, id, "its head is not whole");
  return NULL;
}

void
sk_recording_reader_free (SkRecordingReader *r)
{
  if (!r)
    return;
  if (r->file)
    fclose (r->file);
  sodium_memzero (&r->state, sizeof r->state);
  sk_recording_free (r->about);
  g_free (r->line);
  g_free (r);
}

const SkRecording *
sk_recording_reader_about (SkRecordingReader *r)
{
  return r->about;
}

GBytes *
sk_recording_read (SkRecordingReader *r, gboolean *ret_whole, GError **error)
{
  g_autofree guint8 *cipher = g_malloc (SK_RECORDINGS_PIECE_MAX + EXTRA_BYTES);
  g_autofree guint8 *plain = g_malloc (SK_RECORDINGS_PIECE_MAX);
  unsigned long long n = 0;
  guint8 tag = 0;
  guint32 size = 0;
  *ret_whole = r->over;
  /* A piece that is only begun is still being written, or never will be whole. */
  if (r->over || fread (&size, 1, sizeof size, r->file) != sizeof size)
    return NULL;
  size = GUINT32_FROM_LE (size);
  if (size < EXTRA_BYTES || size > SK_RECORDINGS_PIECE_MAX + EXTRA_BYTES)
    {
      broken (error, r->about->id, "a piece of an impossible size");
      return NULL;
    }
  if (fread (cipher, 1, size, r->file) != size)
    return NULL;
  const guint8 *line = (const guint8 *) r->line;
  if (crypto_secretstream_xchacha20poly1305_pull (&r->state, plain, &n, &tag, cipher, size, line,
                                                  line ? strlen (r->line) : 0)
      != 0)
    {
      broken (error, r->about->id, "it was changed after it was written");
      return NULL;
    }
  g_clear_pointer (&r->line, g_free);
  if (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL)
    {
      *ret_whole = r->over = TRUE;
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&plain), (gsize) n);
}

/* -- the folder ---------------------------------------------------------------------------------------------
 */

static int
newer_first (gconstpointer a, gconstpointer b)
{
  const SkRecording *x = *(SkRecording *const *) a, *y = *(SkRecording *const *) b;
  return x->started < y->started ? 1 : x->started > y->started ? -1 : strcmp (x->id, y->id);
}

GPtrArray *
sk_recordings_list (SkRecordings *self, const char *session, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_recording_free);
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, error);
  const char *name;
  if (!dir)
    return NULL;
  while ((name = g_dir_read_name (dir)))
    {
      g_autoptr (GError) failed = NULL;
      g_autofree char *key = NULL;
      g_autofree char *id
          = g_str_has_suffix (name, SUFFIX) ? g_strndup (name, strlen (name) - strlen (SUFFIX)) : NULL;
      g_autoptr (SkRecordingReader) r = id ? open_line (self, id, &key, &failed) : NULL;
      if (failed)
        sk_warn (SK_FIELDS ("recording", id), "%s", failed->message);
      if (r && (!session || g_str_equal (session, r->about->session)))
        g_ptr_array_add (found, g_steal_pointer (&r->about));
    }
  g_ptr_array_sort (found, newer_first);
  return g_steal_pointer (&found);
}

void
sk_recordings_prune (SkRecordings *self, gint64 before)
{
  g_autoptr (GPtrArray) all = sk_recordings_list (self, NULL, NULL);
  for (guint i = 0; all && i < all->len; i++)
    {
      const SkRecording *r = all->pdata[i];
      g_autofree char *path = path_of (self, r->id);
      if (r->started < before && g_unlink (path) == 0)
        sk_notice (SK_FIELDS ("recording", r->id, "user", r->user), "deleted: it is past its time");
    }
}
