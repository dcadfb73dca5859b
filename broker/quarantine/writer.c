#include "common/error.h"
#include "common/fd.h"
#include "quarantine/quarantine-private.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

struct _SkQuarantineWriter
{
  SkQuarantine *owner;
  char *path;
  int fd;
  SkQHead head;
  EVP_MD_CTX *digest;
  guint64 chunks;    /* whole ones in the file */
  guint64 caught_up; /* ... of which so many are in the digest */
  guint64 synced;    /* bytes of content that are on the disk, or on their way */
  guint64 reserved;
  GThread *syncing;           /* brings what was written to the disk; its result is an errno */
  goffset sync_from, sync_to; /* of the file: what that thread is about */
  gboolean lazy;
  gsize filled, touched; /* of chunk: now; ever */
  guint8 chunk[SK_QUARANTINE_CHUNK], sealed[SK_Q_PIECE];
};

static goffset
chunk_at (const SkQuarantineWriter *w, guint64 chunk)
{
  return (goffset) (w->head.length + chunk * SK_Q_PIECE);
}

/* What an earlier writer left: its head, and whole chunks behind it. Anything else begins anew. */
static gboolean
look_at_file (SkQuarantineWriter *w, const char *user, GError **error)
{
  struct stat info;
  if (fstat (w->fd, &info) < 0)
    return sk_q_fail (error, w->path);
  if (info.st_size > 0 && sk_q_head_read (w->owner, w->fd, &w->head, NULL)
      && strcmp (w->head.user, user) == 0)
    {
      w->chunks = ((guint64) info.st_size - w->head.length) / SK_Q_PIECE;
      return TRUE;
    }
  w->chunks = 0;
  if (!sk_q_head_make (w->owner, user, &w->head, error))
    return FALSE;
  return (ftruncate (w->fd, 0) == 0
          && pwrite (w->fd, w->head.bytes, w->head.length, 0) == (gssize) w->head.length)
         || sk_q_fail (error, w->path);
}

static gboolean
is_key (const char *key)
{
  const gsize n = strlen (key);
  return n >= 1 && n <= 64 && strspn (key, "0123456789abcdef-") == n;
}

SkQuarantineWriter *
sk_quarantine_begin (SkQuarantine *q, const char *key, const char *user, GError **error)
{
  if (!is_key (key))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "not a key: %s", key);
      return NULL;
    }
  SkQuarantineWriter *w = g_new0 (SkQuarantineWriter, 1);
  w->owner = q;
  w->path = g_build_filename (q->unfinished, key, NULL);
  w->fd = open (w->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  w->digest = EVP_MD_CTX_new ();
  gboolean good = w->fd >= 0 || sk_q_fail (error, w->path);
  good = good && EVP_DigestInit_ex (w->digest, EVP_sha256 (), NULL) == 1 && look_at_file (w, user, error)
         && sk_q_reserve (q, user, w->chunks * SK_Q_PIECE, error);
  if (good)
    {
      w->reserved = w->chunks * SK_Q_PIECE;
      return w;
    }
  sk_quarantine_writer_free (w);
  return NULL;
}

guint64
sk_quarantine_writer_offset (SkQuarantineWriter *w)
{
  return w->chunks * SK_QUARANTINE_CHUNK + w->filled;
}

/* A file that is not what was written is of no use to anybody: the next writer finds none. */
static gboolean
give_up (SkQuarantineWriter *w, GError **error)
{
  unlink (w->path);
  return sk_q_changed (error);
}

static gboolean
catch_up (SkQuarantineWriter *w, GError **error)
{
  g_autofree guint8 *plain = w->caught_up < w->chunks ? g_malloc (SK_QUARANTINE_CHUNK) : NULL;
  for (; w->caught_up < w->chunks; w->caught_up++)
    {
      gsize n = 0;
      if (!sk_q_read_all (w->fd, w->sealed, SK_Q_PIECE, chunk_at (w, w->caught_up), &n, error))
        return FALSE;
      if (n != SK_Q_PIECE
          || !sk_q_open_chunk (w->head.key, w->caught_up, FALSE, w->sealed, SK_QUARANTINE_CHUNK, plain))
        return give_up (w, error);
      EVP_DigestUpdate (w->digest, plain, SK_QUARANTINE_CHUNK);
    }
  return TRUE;
}

static gboolean
put (SkQuarantineWriter *w, gboolean last, GError **error)
{
  const gsize length = w->filled + SK_Q_OVERHEAD;
  if (!sk_q_seal_chunk (w->head.key, w->chunks, last, w->chunk, w->filled, w->sealed))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "no encryption");
      return FALSE;
    }
  if (!sk_q_reserve (w->owner, w->head.user, length, error))
    return FALSE;
  w->reserved += length;
  for (gsize done = 0; done < length;)
    {
      const gssize n
          = pwrite (w->fd, w->sealed + done, length - done, chunk_at (w, w->chunks) + (goffset) done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return sk_q_fail (error, w->path);
      done += (gsize) n;
    }
  EVP_DigestUpdate (w->digest, w->chunk, w->filled);
  return TRUE;
}

static gpointer
sync_thread (gpointer data)
{
  const SkQuarantineWriter *w = data;
  const goffset from = MAX (w->sync_from, SK_QUARANTINE_CACHED_BYTES);
  if (fdatasync (w->fd) < 0)
    return GINT_TO_POINTER (errno);
  /* A hint: a page that stays does no harm. */
  if (w->sync_to > from)
    posix_fadvise (w->fd, from, w->sync_to - from, POSIX_FADV_DONTNEED);
  return NULL;
}

static gboolean
sync_wait (SkQuarantineWriter *w, GError **error)
{
  GThread *thread = g_steal_pointer (&w->syncing);
  const int failed = thread ? GPOINTER_TO_INT (g_thread_join (thread)) : 0;
  errno = failed;
  return failed == 0 || sk_q_fail (error, w->path);
}

/* The step before has to be there first: a disk that is slower than its writer holds it back. */
static gboolean
sync_start (SkQuarantineWriter *w, GError **error)
{
  if (!sync_wait (w, error))
    return FALSE;
  w->synced = sk_quarantine_writer_offset (w);
  w->sync_from = w->sync_to;
  w->sync_to = chunk_at (w, w->chunks);
  w->syncing = g_thread_new ("sync", sync_thread, w);
  return TRUE;
}

static gboolean
put_whole (SkQuarantineWriter *w, GError **error)
{
  if (!put (w, FALSE, error))
    return FALSE;
  w->chunks++;
  w->caught_up++;
  w->filled = 0;
  return sk_quarantine_writer_offset (w) - w->synced < SK_QUARANTINE_SYNC_BYTES || sync_start (w, error);
}

gboolean
sk_quarantine_write (SkQuarantineWriter *w, const void *data, gsize length, GError **error)
{
  const guint8 *p = data;
  if (!catch_up (w, error))
    return FALSE;
  while (length > 0)
    {
      const gsize n = MIN (length, SK_QUARANTINE_CHUNK - w->filled);
      memcpy (w->chunk + w->filled, p, n);
      w->filled += n;
      w->touched = MAX (w->touched, w->filled);
      p += n;
      length -= n;
      if (w->filled == SK_QUARANTINE_CHUNK && !put_whole (w, error))
        return FALSE;
    }
  return TRUE;
}

/* From here to its name no purge may come between: the same content may be there already. */
static gboolean
publish (SkQuarantineWriter *w, SkQuarantined *content, const char *target, gboolean *ret_ours,
         GError **error)
{
  SkQuarantine *q = w->owner;
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&q->mutex);
  *ret_ours = access (target, F_OK) != 0;
  if (!*ret_ours)
    unlink (w->path); /* its bytes are given back with the writer */
  else if (rename (w->path, target) < 0)
    return sk_q_fail (error, target);
  else
    {
      w->reserved = 0;
      g_hash_table_add (q->lazy, g_strdup (content->blob));
    }
  const guint held = GPOINTER_TO_UINT (g_hash_table_lookup (q->held, content->blob));
  g_hash_table_insert (q->held, g_strdup (content->blob), GUINT_TO_POINTER (held + 1));
  content->owner = q;
  return TRUE;
}

/* The file before it has its name, and without the lock: a large one takes its time. What is there already
 * came perhaps from somebody who did not wait for it. */
static gboolean
make_durable (SkQuarantineWriter *w, SkQuarantined *content, GError **error)
{
  SkQuarantine *q = w->owner;
  g_autofree char *target = sk_q_blob_path (q, content->blob);
  const gboolean synced = !w->lazy && access (target, F_OK) != 0;
  gboolean ours;
  if (synced && fsync (w->fd) < 0)
    return sk_q_fail (error, w->path);
  return publish (w, content, target, &ours, error)
         && (w->lazy || sk_q_sync_blob (q, content->blob, synced && ours, error));
}

static gboolean
finish (SkQuarantineWriter *w, SkQuarantined *content, GError **error)
{
  guint8 sha[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  if (!catch_up (w, error) || !put (w, TRUE, error) || !sync_wait (w, error))
    return FALSE;
  content->size = sk_quarantine_writer_offset (w);
  /* Behind the last chunk nothing of an earlier, longer try may stay. */
  if (ftruncate (w->fd, chunk_at (w, w->chunks) + (goffset) (w->filled + SK_Q_OVERHEAD)) < 0)
    return sk_q_fail (error, w->path);
  EVP_DigestFinal_ex (w->digest, sha, &n);
  content->sha256 = sk_q_hex (sha, n);
  content->blob = sk_q_hmac_hex (w->owner->name_key, sha, n);
  return make_durable (w, content, error);
}

void
sk_quarantine_writer_set_lazy (SkQuarantineWriter *w)
{
  w->lazy = TRUE;
}

SkQuarantined *
sk_quarantine_finish (SkQuarantineWriter *take, GError **error)
{
  g_autoptr (SkQuarantined) content = g_new0 (SkQuarantined, 1);
  const gboolean done = finish (take, content, error);
  sk_quarantine_writer_free (take);
  return done ? g_steal_pointer (&content) : NULL;
}

void
sk_quarantine_writer_free (SkQuarantineWriter *w)
{
  if (!w)
    return;
  sync_wait (w, NULL);
  if (w->reserved > 0)
    sk_q_release (w->owner, w->head.user, w->reserved);
  EVP_MD_CTX_free (w->digest);
  explicit_bzero (&w->head, sizeof w->head);
  explicit_bzero (w->chunk, w->touched);
  sk_clear_fd (&w->fd);
  g_free (w->path);
  g_free (w);
}
