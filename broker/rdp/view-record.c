/* What the viewer is shown and what is pressed into the recording's pipe; peer thread. */
#include "rdp/input.h"
#include "rdp/view.h"
#include "wire/buf.h"
#include "wire/record.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* The core's thread takes a full pipe in milliseconds. One that does not for so long is stuck with its disk,
 * and an unrecorded picture must not be shown. */
#define WAIT_MS 5000
/* Moves of the mouse without a picture: written now and then. */
#define KEEP_BYTES 8192

/* FALSE: the recording is over. */
static gboolean
flush (SkView *v)
{
  const guint8 *at = v->record_buffer->data;
  gsize left = v->record_buffer->len;
  while (left > 0)
    {
      struct pollfd room = { v->record, POLLOUT, 0 };
      const gssize n = write (v->record, at, left);
      if (n > 0)
        {
          at += n;
          left -= (gsize) n;
        }
      else if (n < 0 && errno == EAGAIN && poll (&room, 1, WAIT_MS) != 0)
        continue;
      else if (n < 0 && errno == EINTR)
        continue;
      else
        {
          sk_worker_log (v->worker, G_LOG_LEVEL_CRITICAL, "the recording cannot go on: %s",
                         g_strerror (errno));
          return FALSE;
        }
    }
  g_byte_array_set_size (v->record_buffer, 0);
  return TRUE;
}

static void
write_rect (GByteArray *out, const SkTileRect *r)
{
  sk_write_u16 (out, r->x);
  sk_write_u16 (out, r->y);
  sk_write_u16 (out, r->width);
  sk_write_u16 (out, r->height);
}

static void
append_part (SkView *v, const SkPart *p, gint64 now)
{
  g_autoptr (GByteArray) head = g_byte_array_new ();
  if (p->kind != SK_PART_RFX)
    write_rect (head, &p->rect);
  if (p->kind == SK_PART_MOVE)
    sk_write_u16 (head, (guint16) p->by);
  const SkRecordKind kind = p->kind == SK_PART_BITMAP ? SK_RECORD_BITMAP
                            : p->kind == SK_PART_RFX  ? SK_RECORD_RFX
                                                      : SK_RECORD_MOVE;
  sk_record_append (v->record_buffer, kind, now, head->data, head->len, p->data,
                    p->kind == SK_PART_MOVE ? 0 : p->length);
}

gboolean
sk_view_record_frame (SkView *v, const SkFrameOut *f)
{
  const gint64 now = g_get_real_time ();
  if (v->record < 0)
    return TRUE;
  if (f->width != v->record_width || f->height != v->record_height)
    {
      g_autoptr (GByteArray) size = g_byte_array_new ();
      sk_write_u16 (size, (guint16) f->width);
      sk_write_u16 (size, (guint16) f->height);
      sk_record_append (v->record_buffer, SK_RECORD_SIZE, now, size->data, size->len, NULL, 0);
      v->record_width = f->width;
      v->record_height = f->height;
    }
  for (guint i = 0; i < f->parts->len; i++)
    append_part (v, &g_array_index (f->parts, SkPart, i), now);
  sk_record_append (v->record_buffer, SK_RECORD_SHOWN, now, NULL, 0, NULL, 0);
  return flush (v);
}

void
sk_view_record_input (SkView *v, const SkInputRecord *r)
{
  SkInputRecord kept;
  g_autoptr (GByteArray) out = NULL;
  if (v->record < 0 || !sk_input_redact (&v->redactor, r, &kept))
    return;
  out = g_byte_array_new ();
  sk_write_u16 (out, kept.type);
  sk_write_u16 (out, kept.flags);
  sk_write_u32 (out, (guint32) kept.a);
  sk_write_u32 (out, (guint32) kept.b);
  sk_write_u32 (out, (guint32) kept.c);
  sk_record_append (v->record_buffer, SK_RECORD_INPUT, g_get_real_time (), out->data, out->len, NULL, 0);
  /* When that fails, so does the next picture. */
  if (v->record_buffer->len > KEEP_BYTES)
    v->record_failed |= !flush (v);
}

gboolean
sk_view_record_is_good (const SkView *v)
{
  return !v->record_failed;
}

void
sk_view_record_end (SkView *v)
{
  if (v->record >= 0 && !v->record_failed)
    v->record_failed = !flush (v);
}
