#include "rdp/encode.h"
#include "rdp/planar.h"
#include <freerdp/codec/color.h>
#include <freerdp/settings.h>
#include <string.h>
#include <winpr/stream.h>

/* To begin with; it grows. */
#define STREAM_BYTES 65536

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
  e->stream = Stream_New (NULL, STREAM_BYTES);
  if (!e->rfx || !e->stream)
    return FALSE;
  rfx_context_set_pixel_format (e->rfx, PIXEL_FORMAT_BGRX32);
  return rfx_context_set_mode (e->rfx, RLGR3);
}

void
sk_encoder_clear (SkEncoder *e)
{
  g_clear_pointer (&e->rfx, rfx_context_free);
  g_clear_pointer (&e->photos, g_free);
  g_clear_pointer (&e->still_photo, g_free);
  if (e->stream)
    Stream_Free (e->stream, TRUE);
  e->stream = NULL;
}

gboolean
sk_encoder_reset (SkEncoder *e, guint width, guint height)
{
  e->headers_sent = FALSE;
  e->tiles_x = (width + SK_TILE - 1) / SK_TILE;
  g_free (e->still_photo);
  e->still_photo = g_malloc0 ((gsize) e->tiles_x * ((height + SK_TILE - 1) / SK_TILE));
  return rfx_context_reset (e->rfx, width, height);
}

/* Parts point into the buffer only when it does not move any more; until then data is an offset. */
static void
add_part (SkFrameOut *f, SkPartKind kind, const SkTileRect *rect, const void *data, gsize length)
{
  const SkPart part = { kind, *rect, 0, GSIZE_TO_POINTER (f->data->len), length };
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

/* Tiles a message, some 50 kB: a picture comes in several, and the first can be decoded while the others are
 * on their way. (Not rfx_encode_messages(), which splits by itself: its list leaks in FreeRDP 3.10.) */
#define TILES_AT_ONCE 24

/* One message from tiles that are neighbours or not. */
static gboolean
encode_message (SkEncoder *e, wStream *s, const SkCanvas *c, const SkTileRect *tiles, guint n)
{
  RFX_RECT rects[TILES_AT_ONCE];
  guint n_rects = 0;
  for (guint i = 0; i < n; i++)
    {
      RFX_RECT *last = n_rects > 0 ? &rects[n_rects - 1] : NULL;
      if (last && last->y == tiles[i].y && last->x + last->width == tiles[i].x)
        last->width = (UINT16) (last->width + tiles[i].width);
      else
        rects[n_rects++] = (RFX_RECT){ tiles[i].x, tiles[i].y, tiles[i].width, tiles[i].height };
    }
  RFX_MESSAGE *message
      = rfx_encode_message (e->rfx, rects, n_rects, c->shown, c->width, c->height, c->stride);
  if (!message)
    return FALSE;
  Stream_SetPosition (s, 0);
  const gboolean done = rfx_write_message (e->rfx, s, message);
  rfx_message_free (e->rfx, message);
  return done;
}

static gboolean
encode_photos (SkEncoder *e, SkFrameOut *f, const SkCanvas *c, gsize message_max)
{
  const SkTileRect whole = { 0, 0, (guint16) c->width, (guint16) c->height };
  const SkTileRect *tiles = e->photos;
  guint left = e->n_photos, n = TILES_AT_ONCE;
  f->needs_rfx = left > 0;
  while (left > 0)
    {
      n = MIN (n, left);
      if (!encode_message (e, e->stream, c, tiles, n))
        return FALSE;
      const gsize length = Stream_GetPosition (e->stream);
      if (length > message_max && n > 1)
        {
          n /= 2; /* noise: again, with fewer of them */
          if (!e->headers_sent && !rfx_context_reset (e->rfx, c->width, c->height))
            return FALSE;
          continue;
        }
      e->headers_sent = TRUE;
      add_part (f, SK_PART_RFX, &whole, Stream_Buffer (e->stream), length);
      tiles += n;
      left -= n;
    }
  return TRUE;
}

static void
add_photo (SkEncoder *e, const SkTileRect *tile)
{
  if (e->n_photos == e->photos_room)
    {
      e->photos_room = MAX (64, e->photos_room * 2);
      e->photos = g_renew (SkTileRect, e->photos, e->photos_room);
    }
  e->photos[e->n_photos++] = *tile;
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
  const gsize length = sk_planar_encode (c->shown + (gsize) r.y * c->stride + (gsize) r.x * 4, c->stride,
                                         r.width, r.height, out, max);
  if (length == 0)
    return FALSE;
  add_part (f, SK_PART_BITMAP, &r, out, length);
  return TRUE;
}

static SkFrameOut *
new_frame (const SkCanvas *c, const SkChanges *changes)
{
  SkFrameOut *f = g_new0 (SkFrameOut, 1);
  f->parts = g_array_new (FALSE, FALSE, sizeof (SkPart));
  f->data = g_byte_array_sized_new (MIN (changes->n_rects, 16) * 16384);
  f->width = c->width;
  f->height = c->height;
  for (guint i = 0; i < changes->n_moves; i++)
    {
      const SkPart move = { .kind = SK_PART_MOVE, .rect = changes->moves[i].to, .by = changes->moves[i].by };
      g_array_append_val (f->parts, move);
    }
  return f;
}

/* The rows of a tile that changed as a bitmap, or the whole tile onto the list of those for RemoteFX. */
static void
encode_tile (SkEncoder *e, SkFrameOut *f, gboolean rfx, const SkCanvas *c, const SkTileRect *rows)
{
  const guint top = rows->y / SK_TILE * SK_TILE;
  const SkTileRect tile = { rows->x, (guint16) top, rows->width, (guint16) MIN (SK_TILE, c->height - top) };
  guint8 *still = &e->still_photo[(gsize) (top / SK_TILE) * e->tiles_x + tile.x / SK_TILE];
  if (rfx && *still > 0)
    --*still;
  else if (encode_bitmap (f, c, *rows, rfx ? SK_ENCODE_BITMAP_MAX : SK_PLANAR_MAX))
    return;
  else
    *still = SK_ENCODE_PHOTO_PICTURES;
  add_photo (e, &tile);
}

SkFrameOut *
sk_encoder_encode (SkEncoder *e, gboolean rfx, const SkCanvas *c, const SkChanges *changes, gsize message_max)
{
  g_autoptr (SkFrameOut) f = new_frame (c, changes);
  e->n_photos = 0;
  for (guint i = 0; i < changes->n_rects; i++)
    encode_tile (e, f, rfx, c, &changes->rects[i]);
  if (!encode_photos (e, f, c, message_max))
    return NULL;
  finish (f);
  return g_steal_pointer (&f);
}
