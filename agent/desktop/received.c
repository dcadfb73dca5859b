#include "desktop/received.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define CHECK_LENGTH 8
/* More than SK_RECEIVED_BYTES_MAX and a transfer of 10,000 items together; a larger file is not ours. */
#define FILE_MAX (16 * 1024 * 1024)

struct _SkReceived
{
  char *path;
  int lock_fd, fd;
  gsize length;
  GHashTable *values; /* "WHAT ID KEY" -> value */
};

static gboolean
fail (SkReceived *self, SkErrorCode code, GError **error)
{
  g_set_error (error, SK_ERROR, (int) code,
               SK_TR ("The list of received files cannot be written, so nothing was received: %s: %s",
                      "受信の記録を書き込めないため、受信していません: %s: %s"),
               self->path, g_strerror (errno));
  return FALSE;
}

/* -- lines ----------------------------------------------------------------------------------------------- */

static char *
escape (const char *text)
{
  return g_uri_escape_string (text, "/", TRUE);
}

static char *
make_line (const char *key, const char *value)
{
  g_autofree char *escaped = escape (value);
  g_autofree char *rest = g_strdup_printf ("%s %s", key, escaped);
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, rest, -1);
  return g_strdup_printf ("%.*s %s\n", CHECK_LENGTH, sum, rest);
}

/* WHAT ID and, where there is one, what of it; no part has a blank. */
static char *
make_key (const char *what, const char *id, const char *of)
{
  g_autofree char *escaped = escape (of);
  return g_strdup_printf ("%s %s %s", what, id, escaped);
}

static gboolean
take_line (SkReceived *self, const char *line)
{
  const char *rest = strlen (line) > CHECK_LENGTH && line[CHECK_LENGTH] == ' ' ? line + CHECK_LENGTH + 1 : "";
  const char *last = strrchr (rest, ' ');
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, rest, -1);
  if (!last || strncmp (sum, line, CHECK_LENGTH) != 0)
    return FALSE;
  char *value = g_uri_unescape_string (last + 1, NULL);
  if (!value)
    return FALSE;
  g_hash_table_replace (self->values, g_strndup (rest, (gsize) (last - rest)), value);
  return TRUE;
}

/* Up to the first line that is not whole. */
static void
take_text (SkReceived *self, char *text)
{
  char *line = text, *end;
  while ((end = strchr (line, '\n')))
    {
      *end = 0;
      if (!take_line (self, line))
        break;
      line = end + 1;
    }
  self->length = (gsize) (line - text);
}

/* -- file ------------------------------------------------------------------------------------------------ */

static gboolean
read_file (SkReceived *self, GError **error)
{
  struct stat as_is;
  gsize got = 0;
  errno = EFBIG;
  if (fstat (self->fd, &as_is) < 0 || as_is.st_size > FILE_MAX)
    return fail (self, SK_ERROR_UNAVAILABLE, error);
  g_autofree char *text = g_malloc0 ((gsize) as_is.st_size + 1);
  while (got < (gsize) as_is.st_size)
    {
      const gssize n = pread (self->fd, text + got, (gsize) as_is.st_size - got, (off_t) got);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return fail (self, SK_ERROR_UNAVAILABLE, error);
      if (n == 0)
        break;
      got += (gsize) n;
    }
  take_text (self, text);
  /* Otherwise the next line would be glued to the torn one. */
  if (self->length < (gsize) as_is.st_size && ftruncate (self->fd, (off_t) self->length) < 0)
    return fail (self, SK_ERROR_UNAVAILABLE, error);
  return TRUE;
}

static gboolean
sync_folder (const char *path)
{
  g_autofree char *dir = g_path_get_dirname (path);
  sk_autofd int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd >= 0 && fsync (fd) == 0;
}

static gboolean
open_file (SkReceived *self, GError **error)
{
  self->fd = open (self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  return (self->fd >= 0 && sync_folder (self->path)) || fail (self, SK_ERROR_UNAVAILABLE, error);
}

/* On a file of its own: the journal itself is replaced when it is tidied. */
static gboolean
lock (SkReceived *self, gboolean wait, GError **error)
{
  g_autofree char *name = g_strconcat (self->path, ".lock", NULL);
  self->lock_fd = open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->lock_fd < 0)
    return fail (self, SK_ERROR_UNAVAILABLE, error);
  while (flock (self->lock_fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
    if (errno != EINTR)
      return errno == EWOULDBLOCK ? FALSE : fail (self, SK_ERROR_UNAVAILABLE, error);
  return TRUE;
}

SkReceived *
sk_received_open (const char *path, gboolean wait, GError **error)
{
  g_autoptr (SkReceived) self = g_new0 (SkReceived, 1);
  self->path
      = path ? g_strdup (path) : g_build_filename (g_get_user_state_dir (), "sekisho", "received", NULL);
  self->lock_fd = self->fd = -1;
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autofree char *dir = g_path_get_dirname (self->path);
  if (g_mkdir_with_parents (dir, 0700) < 0)
    {
      fail (self, SK_ERROR_UNAVAILABLE, error);
      return NULL;
    }
  if (!lock (self, wait, error) || !open_file (self, error) || !read_file (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
sk_received_close (SkReceived *self)
{
  if (!self)
    return;
  sk_clear_fd (&self->fd);
  sk_clear_fd (&self->lock_fd);
  g_hash_table_unref (self->values);
  g_free (self->path);
  g_free (self);
}

static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      const gssize n = write (fd, text, length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      text += n;
      length -= (gsize) n;
    }
  return TRUE;
}

static gboolean
append (SkReceived *self, const char *key, const char *value, GError **error)
{
  g_autofree char *line = make_line (key, value);
  const gsize length = strlen (line);
  if (lseek (self->fd, (off_t) self->length, SEEK_SET) < 0 || !write_all (self->fd, line, length)
      || fdatasync (self->fd) < 0)
    {
      fail (self, SK_ERROR_STORE, error);
      /* What of it got there may not come to count later; if this fails as well, it is not a whole line, or
       * it only names what did not happen, which the hidden file tells. */
      G_GNUC_UNUSED const int cut = ftruncate (self->fd, (off_t) self->length);
      return FALSE;
    }
  self->length += length;
  g_hash_table_replace (self->values, g_strdup (key), g_strdup (value));
  return TRUE;
}

/* -- records --------------------------------------------------------------------------------------------- */

static char *
item_key (const char *id, guint item)
{
  char number[16];
  g_snprintf (number, sizeof number, "%u", item);
  return make_key ("name", id, number);
}

gboolean
sk_received_set_folder (SkReceived *self, const char *id, const char *folder, GError **error)
{
  g_autofree char *key = make_key ("folder", id, "-");
  return append (self, key, folder, error);
}

gboolean
sk_received_set_top (SkReceived *self, const char *id, const char *top, const char *here, GError **error)
{
  g_autofree char *key = make_key ("top", id, top);
  return append (self, key, here, error);
}

gboolean
sk_received_set_name (SkReceived *self, const char *id, guint item, const char *name, GError **error)
{
  g_autofree char *key = item_key (id, item);
  return append (self, key, name, error);
}

const char *
sk_received_folder (SkReceived *self, const char *id)
{
  g_autofree char *key = make_key ("folder", id, "-");
  return g_hash_table_lookup (self->values, key);
}

const char *
sk_received_top (SkReceived *self, const char *id, const char *top)
{
  g_autofree char *key = make_key ("top", id, top);
  return g_hash_table_lookup (self->values, key);
}

const char *
sk_received_name (SkReceived *self, const char *id, guint item)
{
  g_autofree char *key = item_key (id, item);
  return g_hash_table_lookup (self->values, key);
}

/* -- tidying --------------------------------------------------------------------------------------------- */

static gboolean
is_wanted (const char *key, const char *const *ids)
{
  g_auto (GStrv) parts = g_strsplit (key, " ", 3);
  return g_strv_length (parts) == 3 && g_strv_contains (ids, parts[1]);
}

static gboolean
replace_file (SkReceived *self, const char *text, GError **error)
{
  g_autofree char *beside = g_strconcat (self->path, ".new", NULL);
  sk_autofd int fd = open (beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || !write_all (fd, text, strlen (text)) || fsync (fd) < 0 || rename (beside, self->path) < 0
      || !sync_folder (self->path))
    return fail (self, SK_ERROR_STORE, error);
  sk_clear_fd (&self->fd);
  self->fd = sk_steal_fd (&fd);
  self->length = strlen (text);
  return TRUE;
}

gboolean
sk_received_tidy (SkReceived *self, const char *const *ids, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GHashTableIter iter;
  gpointer key, value;
  if (self->length <= SK_RECEIVED_BYTES_MAX)
    return TRUE;
  g_hash_table_iter_init (&iter, self->values);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      g_autofree char *line = is_wanted (key, ids) ? make_line (key, value) : NULL;
      if (line)
        g_string_append (text, line);
      else
        g_hash_table_iter_remove (&iter);
    }
  return replace_file (self, text->str, error);
}
