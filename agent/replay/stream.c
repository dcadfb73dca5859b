#include "replay/stream.h"
#include "common/fd.h"
#include "common/i18n.h"
#include <errno.h>

#define READ_BYTES 65536

struct _SkReplayStream
{
  int fd;
  GByteArray *bytes;
  gsize taken; /* of bytes: the record given out last and those before it */
  gboolean broken;
  guint8 end; /* SkRecordEnd; 0: not told */
};

SkReplayStream *
sk_replay_stream_new (int take_fd)
{
  SkReplayStream *s = g_new0 (SkReplayStream, 1);
  s->fd = take_fd;
  s->bytes = g_byte_array_new ();
  return s;
}

void
sk_replay_stream_free (SkReplayStream *s)
{
  if (!s)
    return;
  sk_clear_fd (&s->fd);
  g_byte_array_unref (s->bytes);
  g_free (s);
}

static gboolean
read_more (SkReplayStream *s)
{
  guint8 buffer[READ_BYTES];
  gssize n;
  do
    n = read (s->fd, buffer, sizeof buffer);
  while (n < 0 && errno == EINTR);
  if (n <= 0)
    return FALSE;
  g_byte_array_remove_range (s->bytes, 0, (guint) s->taken);
  s->taken = 0;
  g_byte_array_append (s->bytes, buffer, (guint) n);
  return TRUE;
}

/* What the broker cannot read any more may end inside a record; its word on that stands behind the pieces. */
static gboolean
find_end (SkReplayStream *s, SkRecord *ret)
{
  const gsize size = SK_RECORD_HEAD + 1, left = s->bytes->len - s->taken;
  if (left < size)
    return FALSE;
  s->taken = s->bytes->len - size;
  return sk_record_next (s->bytes->data + s->taken, size, ret) == (gssize) size && ret->kind == SK_RECORD_END;
}

gboolean
sk_replay_stream_next (SkReplayStream *s, SkRecord *ret)
{
  while (!s->broken && !s->end)
    {
      gssize n = sk_record_next (s->bytes->data + s->taken, s->bytes->len - s->taken, ret);
      s->broken = n < 0;
      if (n == 0 && read_more (s))
        continue;
      if (n == 0 && find_end (s, ret))
        n = (gssize) (s->bytes->len - s->taken);
      if (n > 0)
        {
          s->taken += (gsize) n;
          if (ret->kind == SK_RECORD_END)
            s->end = ret->length == 1 ? ret->payload[0] : SK_RECORD_END_CHANGED;
          return TRUE;
        }
      if (n == 0)
        return FALSE;
    }
  return FALSE;
}

const char *
sk_replay_stream_what_is_wrong (SkReplayStream *s)
{
  if (s->broken || s->end == SK_RECORD_END_CHANGED)
    return SK_TR ("The rest of this recording was changed or damaged after it was written; it is not shown.",
                  "この録画の残りは、記録後に変更されたか壊れているため、表示しません。");
  if (s->end == SK_RECORD_END_WHOLE)
    return NULL;
  if (s->end == SK_RECORD_END_BROKEN_OFF)
    return SK_TR ("The recording ends here without its end: it still goes on, or the broker was stopped.",
                  "録画は途中までです。まだ録画中か、ブローカーが停止しました。");
  return SK_TR ("The connection to the broker was lost before the end.",
                "終わりまで読む前にブローカーとの接続が切れました。");
}
