#include "replay/replay.h"
#include "common/error.h"
#include "rdp/unplanar.h"
#include "wire/buf.h"
#include <freerdp/codec/color.h>
#include <freerdp/codec/region.h>
#include <freerdp/codec/rfx.h>
#include <freerdp/settings.h>
#include <string.h>

struct _SkReplay
{
  guint width, height;
  gsize stride;
  guint8 *pixels;
  guint8 *scratch;
  gsize scratch_bytes;
  RFX_CONTEXT *rfx;
};

SkReplay *
sk_replay_new (void)
{
  return g_new0 (SkReplay, 1);
}

void
sk_replay_free (SkReplay *r)
{
  if (!r)
    return;
  if (r->rfx)
    rfx_context_free (r->rfx);
  g_free (r->pixels);
  g_free (r->scratch);
  g_free (r);
}

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "recording: %s", what);
  return FALSE;
}

/* A view begins its codec anew with each size; so does the decoder. */
static gboolean
set_size (SkReplay *r, SkReader *in, GError **error)
{
  const guint width = sk_reader_u16 (in), height = sk_reader_u16 (in);
  if (!sk_reader_finish (in) || width == 0 || height == 0 || width > SK_REPLAY_SIDE_MAX
      || height > SK_REPLAY_SIDE_MAX || width * height > SK_REPLAY_PIXELS_MAX)
    return fail (error, "a picture of an impossible size");
  if (r->rfx)
    rfx_context_free (r->rfx);
  r->rfx = rfx_context_new_ex (FALSE, THREADING_FLAGS_DISABLE_THREADS);
  if (!r->rfx || !rfx_context_reset (r->rfx, width, height))
    return fail (error, "no RemoteFX decoder");
  rfx_context_set_pixel_format (r->rfx, PIXEL_FORMAT_BGRX32);
  g_free (r->pixels);
  r->width = width;
  r->height = height;
  r->stride = (gsize) width * 4;
  r->pixels = g_malloc0 (r->stride * height);
  return TRUE;
}

typedef struct
{
  guint x, y, width, height;
} Rect;

/* FALSE when it is not inside the picture. */
static gboolean
read_rect (const SkReplay *r, SkReader *in, Rect *ret)
{
  ret->x = sk_reader_u16 (in);
  ret->y = sk_reader_u16 (in);
  ret->width = sk_reader_u16 (in);
  ret->height = sk_reader_u16 (in);
  return !in->failed && r->pixels && ret->width > 0 && ret->height > 0 && ret->x + ret->width <= r->width
         && ret->y + ret->height <= r->height;
}

static gboolean
draw_bitmap (SkReplay *r, SkReader *in, GError **error)
{
  Rect rect;
  if (!read_rect (r, in, &rect))
    return fail (error, "a bitmap outside of the picture");
  const gsize need = sk_unplanar_scratch (rect.width, rect.height), length = in->length - in->position;
  if (need > r->scratch_bytes)
    {
      r->scratch = g_realloc (r->scratch, need);
      r->scratch_bytes = need;
    }
  return sk_unplanar (sk_reader_bytes (in, length), length, rect.width, rect.height, r->scratch,
                      r->pixels + rect.y * r->stride + (gsize) rect.x * 4, r->stride, rect.width, rect.height)
         || fail (error, "a broken bitmap");
}

static gboolean
draw_rfx (SkReplay *r, const SkRecord *record, GError **error)
{
  REGION16 changed;
  if (!r->pixels)
    return fail (error, "a picture before its size");
  region16_init (&changed);
  const gboolean good
      = rfx_process_message (r->rfx, record->payload, (UINT32) record->length, 0, 0, r->pixels,
                             PIXEL_FORMAT_BGRX32, (UINT32) r->stride, r->height, &changed);
  region16_uninit (&changed);
  return good || fail (error, "a broken RemoteFX message");
}

static gboolean
draw_move (SkReplay *r, SkReader *in, GError **error)
{
  Rect to;
  const gboolean inside = read_rect (r, in, &to);
  const gint by = (gint16) sk_reader_u16 (in);
  const gint from = (gint) to.y - by;
  if (!inside || !sk_reader_finish (in) || from < 0 || from + (gint) to.height > (gint) r->height)
    return fail (error, "a move outside of the picture");
  /* Downwards from the last row, so that none is overwritten before it was read. */
  for (guint i = 0; i < to.height; i++)
    {
      const guint row = by > 0 ? to.height - 1 - i : i;
      memmove (r->pixels + (to.y + row) * r->stride + (gsize) to.x * 4,
               r->pixels + ((guint) from + row) * r->stride + (gsize) to.x * 4, (gsize) to.width * 4);
    }
  return TRUE;
}

gboolean
sk_replay_apply (SkReplay *r, const SkRecord *record, GError **error)
{
  SkReader in = sk_reader (record->payload, record->length);
  switch (record->kind)
    {
    case SK_RECORD_SIZE:
      return set_size (r, &in, error);
    case SK_RECORD_BITMAP:
      return draw_bitmap (r, &in, error);
    case SK_RECORD_RFX:
      return draw_rfx (r, record, error);
    case SK_RECORD_MOVE:
      return draw_move (r, &in, error);
    case SK_RECORD_SHOWN:
    case SK_RECORD_INPUT:
    case SK_RECORD_END:
      return TRUE;
    }
  return TRUE;
}

const guint8 *
sk_replay_pixels (SkReplay *r, guint *ret_width, guint *ret_height, gsize *ret_stride)
{
  *ret_width = r->width;
  *ret_height = r->height;
  *ret_stride = r->stride;
  return r->pixels;
}
