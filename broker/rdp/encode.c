#include "rdp/encode.h"
#include <freerdp/codec/color.h>
#include <freerdp/settings.h>
#include <string.h>
#include <winpr/stream.h>

void
sk_frame_out_free (SkFrameOut *f)
{
  for (guint i = 0; i < f->parts->len; i++)
    g_free (g_array_index (f->parts, SkPart, i).data);
  g_array_unref (f->parts);
  g_free (f);
}

gboolean
sk_encoder_init (SkEncoder *e)
{
  /* No threads: the session's share is one core, and 64 tiles in a thread pool cost more than they win. */
  e->rfx = rfx_context_new_ex (TRUE, THREADING_FLAGS_DISABLE_THREADS);
  e->planar = freerdp_bitmap_planar_context_new (PLANAR_FORMAT_HEADER_NA | PLANAR_FORMAT_HEADER_RLE, SK_TILE,
                                                 SK_TILE);
  if (!e->rfx || !e->planar)
    return FALSE;
  rfx_context_set_pixel_format (e->rfx, PIXEL_FORMAT_BGRX32);
  return rfx_context_set_mode (e->rfx, RLGR3);
}

gboolean
sk_encoder_reset (SkEncoder *e, guint width, guint height)
{
  e->width = width;
  e->height = height;
  return rfx_context_reset (e->rfx, width, height)
         && freerdp_bitmap_planar_context_reset (e->planar, SK_TILE, SK_TILE);
}

static void
take_part (SkFrameOut *f, const SkTileRect *rect, const void *data, gsize length)
{
  const SkPart part = { *rect, g_memdup2 (data, length), length };
  g_array_append_val (f->parts, part);
  f->bytes += length;
  f->part_max = MAX (f->part_max, length);
}

/* FreeRDP splits after the tile that went over, repeats all rectangles in every message and keeps 1024 bytes
 * for the rest of it: leave room for that. A tile's three planes fill at most their coefficient buffers. */
#define TILE_MAX (3 * 8192)
#define SPLIT_MIN 4096

static gsize
split_size (gsize message_max, guint n_rects)
{
  const gsize overhead = TILE_MAX + n_rects * sizeof (RFX_RECT);
  const gsize room = message_max > overhead ? message_max - overhead : 0;
  return CLAMP (room, SPLIT_MIN, SK_ENCODE_MESSAGE_MAX);
}

static gboolean
encode_rfx (SkEncoder *e, SkFrameOut *f, const SkCanvas *c, const SkTileRect *rects, guint n,
            gsize message_max)
{
  G_STATIC_ASSERT (sizeof (SkTileRect) == sizeof (RFX_RECT));
  const SkTileRect whole = { 0, 0, (guint16) c->width, (guint16) c->height };
  size_t messages = 0;
  RFX_MESSAGE_LIST *list = rfx_encode_messages (e->rfx, (const RFX_RECT *) rects, n, c->pixels, c->width,
                                                c->height, c->stride, &messages, split_size (message_max, n));
  if (!list)
    return FALSE;
  wStream *s = Stream_New (NULL, SK_ENCODE_MESSAGE_MAX);
  gboolean done = s != NULL;
  for (size_t i = 0; i < messages && done; i++)
    {
      Stream_SetPosition (s, 0);
      done = rfx_write_message (e->rfx, s, rfx_message_list_get (list, i));
      if (done)
        take_part (f, &whole, Stream_Buffer (s), Stream_GetPosition (s));
    }
  rfx_message_list_free (list);
  if (s)
    Stream_Free (s, TRUE);
  return done;
}

static gboolean
encode_tile (SkEncoder *e, SkFrameOut *f, const SkCanvas *c, SkTileRect r)
{
  /* A bitmap's width is a multiple of four: at the right edge it takes in what is beside it. */
  const guint width = (r.width + 3u) & ~3u;
  if (r.x + width > c->width)
    r.x = (guint16) (c->width - width);
  r.width = (guint16) width;
  UINT32 length = 0;
  BYTE *data
      = freerdp_bitmap_compress_planar (e->planar, c->pixels + (gsize) r.y * c->stride + (gsize) r.x * 4,
                                        PIXEL_FORMAT_BGRX32, r.width, r.height, c->stride, NULL, &length);
  if (!data)
    return FALSE;
  take_part (f, &r, data, length);
  free (data);
  return TRUE;
}

static gboolean
encode_planar (SkEncoder *e, SkFrameOut *f, const SkCanvas *c, const SkTileRect *rects, guint n)
{
  for (guint i = 0; i < n; i++)
    for (guint x = 0; x < rects[i].width; x += SK_TILE)
      {
        const SkTileRect tile = { (guint16) (rects[i].x + x), rects[i].y,
                                  (guint16) MIN (SK_TILE, rects[i].width - x), rects[i].height };
        if (!encode_tile (e, f, c, tile))
          return FALSE;
      }
  return TRUE;
}

SkFrameOut *
sk_encoder_encode (SkEncoder *e, SkCodec codec, const SkCanvas *c, const SkTileRect *rects, guint n_rects,
                   gsize message_max)
{
  g_autoptr (SkFrameOut) f = g_new0 (SkFrameOut, 1);
  f->parts = g_array_new (FALSE, FALSE, sizeof (SkPart));
  f->codec = codec;
  f->width = c->width;
  f->height = c->height;
  const gboolean done = codec == SK_CODEC_RFX ? encode_rfx (e, f, c, rects, n_rects, message_max)
                                              : encode_planar (e, f, c, rects, n_rects);
  return done ? g_steal_pointer (&f) : NULL;
}
