#include "common/error.h"
#include "common/fd.h"
#include "quarantine/quarantine-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct _SkQuarantineReader
{
  int fd;
  SkQHead head;
  guint64 size, at;
  guint64 chunk;         /* the one in plain; G_MAXUINT64: none */
  gsize filled, touched; /* of plain: now; ever */
  guint8 plain[SK_QUARANTINE_CHUNK + SK_Q_TAG], sealed[SK_Q_PIECE];
};

/* The size is what the file's length says; the last chunk's tag proves it. */
static gboolean
look_at_size (SkQuarantineReader *r, GError **error)
{
  struct stat info;
  if (fstat (r->fd, &info) < 0)
    return sk_q_fail (error, "quarantine");
  if ((guint64) info.st_size < r->head.length + SK_Q_OVERHEAD)
    return sk_q_changed (error);
  const guint64 body = (guint64) info.st_size - r->head.length, rest = body % SK_Q_PIECE;
  if (rest < SK_Q_OVERHEAD)
    return sk_q_changed (error);
  r->size = body / SK_Q_PIECE * SK_QUARANTINE_CHUNK + rest - SK_Q_OVERHEAD;
  return TRUE;
}

SkQuarantineReader *
sk_quarantine_open (SkQuarantine *q, const char *blob, GError **error)
{
  g_autoptr (SkQuarantineReader) r = g_new0 (SkQuarantineReader, 1);
  g_autofree char *path = sk_q_blob_path (q, blob);
  r->chunk = G_MAXUINT64;
  r->fd = sk_q_is_blob (blob) ? open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (r->fd < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "there is no blob %s", blob);
      return NULL;
    }
  return sk_q_head_read (q, r->fd, &r->head, error) && look_at_size (r, error) ? g_steal_pointer (&r) : NULL;
}

guint64
sk_quarantine_size (SkQuarantineReader *r)
{
  return r->size;
}

gboolean
sk_quarantine_seek (SkQuarantineReader *r, guint64 offset, GError **error)
{
  if (offset > r->size)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "behind the end");
      return FALSE;
    }
  r->at = offset;
  return TRUE;
}

static gboolean
load (SkQuarantineReader *r, guint64 chunk, GError **error)
{
  const gboolean last = chunk == r->size / SK_QUARANTINE_CHUNK;
  const gsize length = last ? r->size % SK_QUARANTINE_CHUNK : SK_QUARANTINE_CHUNK;
  const goffset at = (goffset) (r->head.length + chunk * SK_Q_PIECE);
  gsize n = 0;
  if (r->chunk == chunk)
    return TRUE;
  r->chunk = G_MAXUINT64;
  r->touched = MAX (r->touched, length);
  if (!sk_q_read_all (r->fd, r->sealed, length + SK_Q_OVERHEAD, at, &n, error))
    return FALSE;
  if (n != length + SK_Q_OVERHEAD || !sk_q_open_chunk (r->head.key, chunk, last, r->sealed, length, r->plain))
    return sk_q_changed (error);
  r->chunk = chunk;
  r->filled = length;
  return TRUE;
}

/* The end is the end only when the last chunk, empty or not, says so. */
gssize
sk_quarantine_read (SkQuarantineReader *r, void *buffer, gsize length, GError **error)
{
  gsize done = 0;
  do
    {
      if (!load (r, r->at / SK_QUARANTINE_CHUNK, error))
        return -1;
      const gsize from = r->at % SK_QUARANTINE_CHUNK, n = MIN (length - done, r->filled - from);
      memcpy ((guint8 *) buffer + done, r->plain + from, n);
      done += n;
      r->at += n;
    }
  while (done < length && r->at < r->size);
  return (gssize) done;
}

void
sk_quarantine_reader_free (SkQuarantineReader *r)
{
  if (!r)
    return;
  sk_clear_fd (&r->fd);
  explicit_bzero (&r->head, sizeof r->head);
  explicit_bzero (r->plain, r->touched);
  g_free (r);
}
