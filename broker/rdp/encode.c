#include "rdp/encode.h"
#include "rdp/planar.h"
#include <freerdp/codec/color.h>
#include <freerdp/settings.h>
#include <string.h>
#include <winpr/stream.h>

G_STATIC_ASSERT (sizeof (SkTileRect) == sizeof (RFX_RECT));

void
sk_frame_out_free (SkFrameOut *f)
{
  g_array_unref (f->parts);
  g_byte_array_unref (f->data);
  g_free (f);
}

gboolean
sk_encoder_init (SkEncoder *e)
{
  /* No threads: the session's share is one core, and a thread pool costs more than it wins for a few tiles.
   */
  e->rfx = rfx_context_new_ex (TRUE, THREADING_FLAGS_DISABLE_THREADS);
  if (!e->rfx)
    return FALSE;
  rfx_context_set_pixel_format (e->rfx, PIXEL_FORMAT_BGRX32);
  return rfx_context_set_mode (e->rfx, RLGR3);
}

void
sk_encoder_clear (SkEncoder *e)
{
  g_clear_pointer (&e->rfx, rfx_context_free);
  g_clear_pointer (&e->photos, g_free);
}

gboolean
sk_encoder_reset (SkEncoder *e, guint width, guint height)
{
  return rfx_context_reset (e->rfx, width, height);
}

/* Parts point into the buffer only when it does not move any more; until then data is an offset. */
static void
add_part (SkFrameOut *f, SkPartKind kind, const SkTileRect *rect, const void *data, gsize length)
{
  const SkPart part = { kind, *rect, GSIZE_TO_POINTER (f->data->len), length };
  g_array_append_val (f->parts, part);
  g_byte_array_append (f->data, data, (guint) length);
  f->part_max = MAX (f->part_max, length);
}

static void
finish (SkFrameOut *f)
{
  for (guint i = 0; i < f->parts->len; i++)
    {
      SkPart *p = &g_array_index (f->parts, SkPart, i);
      p->data = f->data->data + GPOINTER_TO_SIZE (p->data);
    }
}

/* ---- RemoteFX ---- */

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
encode_photos (SkEncoder *e, SkFrameOut *f, const SkCanvas *c, gsize message_max)
{
  const SkTileRect whole = { 0, 0, (guint16) c->width, (guint16) c->height };
  size_t messages = 0;
  if (e->n_photos == 0)
    return TRUE;
  f->needs_rfx = TRUE;
  RFX_MESSAGE_LIST *list
      = rfx_encode_messages (e->rfx, (const RFX_RECT *) e->photos, e->n_photos, c->pixels, c->width,
                             c->height, c->stride, &messages, split_size (message_max, e->n_photos));
  if (!list)
    return FALSE;
  wStream *s = Stream_New (NULL, SK_ENCODE_MESSAGE_MAX);
  gboolean done = s != NULL;
  for (size_t i = 0; i < messages && done; i++)
    {
      Stream_SetPosition (s, 0);
      done = rfx_write_message (e->rfx, s, rfx_message_list_get (list, i));
      if (done)
        add_part (f, SK_PART_RFX, &whole, Stream_Buffer (s), Stream_GetPosition (s));
    }
  rfx_message_list_free (list);
  if (s)
    Stream_Free (s, TRUE);
  return done;
}

static void
add_photo (SkEncoder *e, const SkTileRect *r)
{
  SkTileRect *last = e->n_photos > 0 ? &e->photos[e->n_photos - 1] : NULL;
  if (last && last->y == r->y && last->x + last->width == r->x)
    {
      last->width = (guint16) (last->width + r->width);
      return;
    }
  if (e->n_photos == e->photos_room)
    {
      e->photos_room = MAX (64, e->photos_room * 2);
      e->photos = g_renew (SkTileRect, e->photos, e->photos_room);
    }
  e->photos[e->n_photos++] = *r;
}

/* ---- bitmaps ---- */

/* FALSE: more than max bytes. */
static gboolean
encode_bitmap (SkFrameOut *f, const SkCanvas *c, SkTileRect r, gsize max)
{
  guint8 out[SK_PLANAR_MAX];
  /* A bitmap's width is a multiple of four: at the right edge it takes in what is beside it. */
  const guint width = (r.width + 3u) & ~3u;
  if (r.x + width > c->width)
    r.x = (guint16) (c->width - width);
  r.width = (guint16) width;
  const gsize length = sk_planar_encode (c->pixels + (gsize) r.y * c->stride + (gsize) r.x * 4, c->stride,
                                         r.width, r.height, out, max);
  if (length == 0)
    return FALSE;
  add_part (f, SK_PART_BITMAP, &r, out, length);
  return TRUE;
}

SkFrameOut *
sk_encoder_encode (SkEncoder *e, gboolean rfx, const SkCanvas *c, const SkTileRect *rects, guint n_rects,
                   gsize message_max)
{
  g_autoptr (SkFrameOut) f = g_new0 (SkFrameOut, 1);
  const gsize bitmap_max = rfx ? SK_ENCODE_BITMAP_MAX : SK_PLANAR_MAX;
  f->parts = g_array_new (FALSE, FALSE, sizeof (SkPart));
  f->data = g_byte_array_sized_new (MIN (n_rects, 16) * 16384);
  f->width = c->width;
  f->height = c->height;
  e->n_photos = 0;
  for (guint i = 0; i < n_rects; i++)
    for (guint x = 0; x < rects[i].width; x += SK_TILE)
      {
        const SkTileRect tile = { (guint16) (rects[i].x + x), rects[i].y,
                                  (guint16) MIN (SK_TILE, rects[i].width - x), rects[i].height };
        if (!encode_bitmap (f, c, tile, bitmap_max))
          add_photo (e, &tile);
      }
  if (!encode_photos (e, f, c, message_max))
    return NULL;
  finish (f);
  return g_steal_pointer (&f);
}
