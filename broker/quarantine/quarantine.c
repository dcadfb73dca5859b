/* The folder: its key, its limits, what is in it, and how it is got rid of. */
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "quarantine/quarantine-private.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

gboolean
sk_q_fail (GError **error, const char *what)
{
  const int code = errno;
  g_set_error (error, SK_ERROR,
               code == ENOSPC || code == EDQUOT || code == EFBIG ? SK_ERROR_FULL : SK_ERROR_UNAVAILABLE,
               "%s: %s", what, g_strerror (code));
  return FALSE;
}

gboolean
sk_q_changed (GError **error)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_STORE,
                       SK_BOTH ("a file of the quarantine is not what was written",
                                "隔離領域のファイルが書き込んだ内容と一致しません"));
  return FALSE;
}

gboolean
sk_q_read_all (int fd, guint8 *buffer, gsize length, goffset at, gsize *ret_length, GError **error)
{
  *ret_length = 0;
  while (*ret_length < length)
    {
      const gssize n = pread (fd, buffer + *ret_length, length - *ret_length, at + (goffset) *ret_length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return sk_q_fail (error, "quarantine");
      if (n == 0)
        break;
      *ret_length += (gsize) n;
    }
  return TRUE;
}

gboolean
sk_q_sync_folder (const char *path, GError **error)
{
  sk_autofd int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return (fd >= 0 && fsync (fd) == 0) || sk_q_fail (error, path);
}

static gboolean
is_lazy (SkQuarantine *q, const char *blob)
{
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&q->mutex);
  return g_hash_table_contains (q->lazy, blob);
}

gboolean
sk_q_sync_blob (SkQuarantine *q, const char *blob, gboolean only_name, GError **error)
{
  g_autofree char *path = sk_q_blob_path (q, blob);
  sk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return sk_q_fail (error, path);
  g_autoptr (GMutexLocker) turn = g_mutex_locker_new (&q->syncing);
  if (!is_lazy (q, blob))
    return TRUE;
  if (!only_name && fsync (fd) < 0)
    return sk_q_fail (error, path);
  if (!sk_q_sync_folder (q->blobs, error))
    return FALSE;
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&q->mutex);
  g_hash_table_remove (q->lazy, blob);
  return TRUE;
}

gboolean
sk_q_is_blob (const char *name)
{
  return strlen (name) == 64 && strspn (name, "0123456789abcdef") == 64;
}

char *
sk_q_blob_path (const SkQuarantine *q, const char *blob)
{
  return g_build_filename (q->blobs, blob, NULL);
}

/* -- the key ------------------------------------------------------------------------------------------------
 */

static gboolean
read_key (const char *path, guint8 *key, GError **error)
{
  sk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  guint8 more;
  gsize n = 0;
  if (fd < 0)
    return sk_q_fail (error, path);
  if (sk_q_read_all (fd, key, SK_Q_KEY, 0, &n, error) && n == SK_Q_KEY && pread (fd, &more, 1, SK_Q_KEY) == 0)
    return TRUE;
  if (error && !*error)
    g_set_error (error, SK_ERROR, SK_ERROR_STORE, "%s is not a key of %d bytes", path, SK_Q_KEY);
  return FALSE;
}

/* Whole or not at all: a half key would lock everything up. Never beside files that another one opens:
 * whoever lost it has to find it, or decide that they are lost. */
static gboolean
make_key (SkQuarantine *q, const char *folder, const char *path, guint8 *key, GError **error)
{
  g_autoptr (GPtrArray) blobs = sk_quarantine_list (q);
  if (blobs->len > 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                   SK_BOTH ("%s is missing, and the quarantine is not empty: bring the key back",
                            "%s がありません。隔離領域に残っているファイルのため、鍵を元に戻してください"),
                   path, path);
      return FALSE;
    }
  g_autofree char *part = g_strconcat (path, ".new", NULL);
  sk_autofd int fd = open (part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (!sk_q_random (key, SK_Q_KEY))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "no random numbers");
      return FALSE;
    }
  if (fd < 0 || write (fd, key, SK_Q_KEY) != SK_Q_KEY || fsync (fd) < 0 || rename (part, path) < 0)
    return sk_q_fail (error, path);
  return sk_q_sync_folder (folder, error);
}

static gboolean
load_key (SkQuarantine *q, const char *state_dir, GError **error)
{
  g_autofree char *folder = g_build_filename (state_dir, "keys", NULL);
  g_autofree char *path = g_build_filename (folder, "quarantine.key", NULL);
  const char *credentials = g_getenv ("CREDENTIALS_DIRECTORY");
  g_autofree char *sealed = credentials ? g_build_filename (credentials, "quarantine.key", NULL) : NULL;
  if (g_mkdir_with_parents (folder, 0700) < 0)
    return sk_q_fail (error, folder);
  const gboolean loaded = sealed && access (sealed, R_OK) == 0 ? read_key (sealed, q->key, error)
                          : access (path, F_OK) == 0           ? read_key (path, q->key, error)
                                                               : make_key (q, folder, path, q->key, error);
  return loaded && sk_q_derive (q->key, "sekisho quarantine names", q->name_key);
}

/* -- how much -----------------------------------------------------------------------------------------------
 */

static void
add_used (SkQuarantine *q, const char *user, gint64 bytes)
{
  guint64 *used = g_hash_table_lookup (q->used, user);
  if (!used)
    {
      used = g_new0 (guint64, 1);
      g_hash_table_insert (q->used, g_strdup (user), used);
    }
  /* What somebody else put there while this looked away may be purged here. */
  *used = (guint64) MAX (0, (gint64) *used + bytes);
}

static gboolean
check_room (SkQuarantine *q, guint64 bytes, GError **error)
{
  struct statvfs disk;
  if (statvfs (q->blobs, &disk) < 0)
    return sk_q_fail (error, q->blobs);
  if ((guint64) disk.f_bavail * disk.f_frsize >= q->limits.free_min + bytes)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FULL,
                       SK_BOTH ("the quarantine's disk is nearly full; tell the IT staff",
                                "隔離領域のディスクの空きが足りません。情報担当に連絡してください"));
  return FALSE;
}

gboolean
sk_q_reserve (SkQuarantine *q, const char *user, guint64 bytes, GError **error)
{
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&q->mutex);
  const guint64 *used = g_hash_table_lookup (q->used, user);
  if (!check_room (q, bytes, error))
    return FALSE;
  if ((used ? *used : 0) + bytes > q->limits.user_max)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_LIMIT,
                           SK_BOTH ("too much of yours is in the quarantine; withdraw what is not needed",
                                    "隔離領域の個人の上限に達しました。不要な転送を取り下げてください"));
      return FALSE;
    }
  add_used (q, user, (gint64) bytes);
  return TRUE;
}

void
sk_q_release (SkQuarantine *q, const char *user, guint64 bytes)
{
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&q->mutex);
  add_used (q, user, -(gint64) bytes);
}

/* -- opening ------------------------------------------------------------------------------------------------
 */

static GPtrArray *
names_in (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (name));
  return names;
}

static void
count_blob (SkQuarantine *q, const char *blob)
{
  g_autofree char *path = sk_q_blob_path (q, blob);
  sk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  SkQHead head;
  struct stat info;
  if (fd >= 0 && fstat (fd, &info) == 0 && sk_q_head_read (q, fd, &head, NULL))
    add_used (q, head.user, info.st_size - (goffset) head.length);
}

/* What is in a folder outlives a power cut only if the folder does: the key's, too. */
static gboolean
sync_folders (SkQuarantine *q, const char *state_dir, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (q->blobs);
  return sk_q_sync_folder (folder, error) && sk_q_sync_folder (state_dir, error);
}

SkQuarantine *
sk_quarantine_new (const char *state_dir, const SkQuarantineLimits *limits, GError **error)
{
  g_autoptr (SkQuarantine) q = g_new0 (SkQuarantine, 1);
  g_mutex_init (&q->mutex);
  g_mutex_init (&q->syncing);
  q->blobs = g_build_filename (state_dir, "quarantine", "blobs", NULL);
  q->unfinished = g_build_filename (state_dir, "quarantine", "unfinished", NULL);
  q->used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  q->held = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  q->lazy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  q->limits = limits ? *limits : (SkQuarantineLimits){ 0 };
  q->limits.user_max = q->limits.user_max ? q->limits.user_max : SK_QUARANTINE_USER_MAX;
  q->limits.free_min = q->limits.free_min ? q->limits.free_min : SK_QUARANTINE_FREE_MIN;
  if (g_mkdir_with_parents (q->blobs, 0700) < 0 || g_mkdir_with_parents (q->unfinished, 0700) < 0)
    {
      sk_q_fail (error, q->blobs);
      return NULL;
    }
  if (!load_key (q, state_dir, error) || !sync_folders (q, state_dir, error))
    return NULL;
  g_autoptr (GPtrArray) blobs = sk_quarantine_list (q);
  for (guint i = 0; i < blobs->len; i++)
    {
      count_blob (q, blobs->pdata[i]);
      /* Whoever made it may have been killed before they waited for it. */
      g_hash_table_add (q->lazy, g_strdup (blobs->pdata[i]));
    }
  return g_steal_pointer (&q);
}

void
sk_quarantine_free (SkQuarantine *q)
{
  if (!q)
    return;
  g_clear_pointer (&q->used, g_hash_table_unref);
  g_clear_pointer (&q->held, g_hash_table_unref);
  g_clear_pointer (&q->lazy, g_hash_table_unref);
  g_mutex_clear (&q->mutex);
  g_mutex_clear (&q->syncing);
  explicit_bzero (q->key, sizeof q->key);
  explicit_bzero (q->name_key, sizeof q->name_key);
  g_free (q->blobs);
  g_free (q->unfinished);
  g_free (q);
}

GPtrArray *
sk_quarantine_list (SkQuarantine *q)
{
  GPtrArray *names = names_in (q->blobs);
  for (guint i = names->len; i > 0; i--)
    if (!sk_q_is_blob (names->pdata[i - 1]))
      g_ptr_array_remove_index_fast (names, i - 1);
  return names;
}

GPtrArray *
sk_quarantine_unfinished (SkQuarantine *q)
{
  return names_in (q->unfinished);
}

/* -- getting rid of it --------------------------------------------------------------------------------------
 */

void
sk_quarantined_free (SkQuarantined *content)
{
  if (!content)
    return;
  if (content->owner)
    {
      g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&content->owner->mutex);
      const guint held = GPOINTER_TO_UINT (g_hash_table_lookup (content->owner->held, content->blob));
      if (held > 1)
        g_hash_table_insert (content->owner->held, g_strdup (content->blob), GUINT_TO_POINTER (held - 1));
      else
        g_hash_table_remove (content->owner->held, content->blob);
    }
  g_free (content->blob);
  g_free (content->sha256);
  g_free (content);
}

/* The sealed key first: without it the rest is noise, wherever the disk still has it. */
static gboolean
shred (SkQuarantine *q, const char *path, GError **error)
{
  guint8 noise[SK_Q_SEALED];
  SkQHead head;
  struct stat info;
  sk_autofd int fd = open (path, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT || sk_q_fail (error, path);
  if (fstat (fd, &info) < 0 || !sk_q_random (noise, sizeof noise))
    return sk_q_fail (error, path);
  if (sk_q_head_read (q, fd, &head, NULL))
    {
      if (pwrite (fd, noise, sizeof noise, (goffset) (head.length - SK_Q_SEALED)) != (gssize) sizeof noise
          || fdatasync (fd) < 0)
        return sk_q_fail (error, path);
      add_used (q, head.user, (gint64) head.length - info.st_size);
    }
  return (unlink (path) == 0 || sk_q_fail (error, path)) && sk_q_sync_folder (q->blobs, error);
}

gboolean
sk_quarantine_purge (SkQuarantine *q, const char *blob, GError **error)
{
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&q->mutex);
  g_autofree char *path = sk_q_blob_path (q, blob);
  if (!sk_q_is_blob (blob))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND, "not the name of a blob");
      return FALSE;
    }
  if (g_hash_table_contains (q->held, blob))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT,
                           "another transfer is receiving the same content");
      return FALSE;
    }
  g_hash_table_remove (q->lazy, blob);
  return shred (q, path, error);
}

void
sk_quarantine_discard (SkQuarantine *q, const char *key)
{
  g_autofree char *path = g_build_filename (q->unfinished, key, NULL);
  unlink (path);
}
