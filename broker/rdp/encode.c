#include "rdp/encode.h"
#include "rdp/planar.h"

void
sk_frame_out_free (SkFrameOut *f)
{
  g_array_unref (f->parts);
  g_byte_array_unref (f->data);
  g_free (f);
}

void
sk_encoder_init (SkEncoder *e)
{
  *e = (SkEncoder){ .scratch = g_new (SkRfxScratch, 1),
                    .tiles = g_byte_array_new (),
                    .message = g_byte_array_new () };
}

void
sk_encoder_clear (SkEncoder *e)
{
  g_clear_pointer (&e->scratch, g_free);
  g_clear_pointer (&e->tiles, g_byte_array_unref);
  g_clear_pointer (&e->message, g_byte_array_unref);
  g_clear_pointer (&e->photos, g_free);
  g_clear_pointer (&e->still_photo, g_free);
  g_clear_pointer (&e->quality, g_free);
}

void
sk_encoder_reset (SkEncoder *e, guint width, guint height)
{
  e->rfx = (SkRfxStream){ .width = width, .height = height };
  e->tiles_x = (width + SK_TILE - 1) / SK_TILE;
  e->tiles_y = (height + SK_TILE - 1) / SK_TILE;
  g_free (e->still_photo);
  g_free (e->quality);
  e->still_photo = g_malloc0 ((gsize) e->tiles_x * e->tiles_y);
  e->quality = g_malloc0 ((gsize) e->tiles_x * e->tiles_y);
  e->n_unsettled = 0;
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

/* ---- bitmaps ---- */

/* A bitmap's width is a multiple of four: at the right edge it takes in what is beside it. */
static void
widen (SkTileRect *r, const SkCanvas *c)
{
  const guint width = (r->width + 3u) & ~3u;
  if (r->x + width > c->width)
    r->x = (guint16) (c->width - width);
  r->width = (guint16) width;
}

/* 0: more than max bytes. */
static gsize
try_bitmap (const SkCanvas *c, gboolean top_down, SkTileRect *r, guint8 out[SK_PLANAR_MAX], gsize max)
{
  widen (r, c);
  const gssize stride = (gssize) c->stride;
  const guint8 *first = c->shown + r->y * stride + (gssize) r->x * 4;
  if (top_down)
    return sk_planar_encode (first + (r->height - 1) * stride, -stride, r->width, r->height, out, max);
  return sk_planar_encode (first, stride, r->width, r->height, out, max);
}

/* FALSE: more than max bytes. */
static gboolean
encode_bitmap (SkFrameOut *f, const SkCanvas *c, SkTileRect r, gsize max)
{
  guint8 out[SK_PLANAR_MAX];
  const gsize length = try_bitmap (c, f->top_down, &r, out, max);
  if (length == 0)
    return FALSE;
  add_part (f, SK_PART_BITMAP, &r, out, length);
  return TRUE;
}

/* ---- RemoteFX ---- */

/* Tiles a message, some 50 kB: a picture comes in several, and the first can be decoded while the others are
 * on their way. */
#define TILES_AT_ONCE 24
G_STATIC_ASSERT (TILES_AT_ONCE <= SK_RFX_RECTS_MAX);

/* The tiles so far as one message. */
static void
end_message (SkEncoder *e, SkFrameOut *f, const SkTileRect *rects, guint n_rects, guint n_tiles)
{
  const SkTileRect whole = { 0, 0, (guint16) f->width, (guint16) f->height };
  if (n_tiles == 0)
    return;
  g_byte_array_set_size (e->message, 0);
  sk_rfx_write_message (&e->rfx, rects, n_rects, e->tiles, n_tiles, e->message);
  add_part (f, SK_PART_RFX, &whole, e->message->data, e->message->len);
  g_byte_array_set_size (e->tiles, 0);
  f->needs_rfx = TRUE;
}

/* Neighbours become one rectangle. */
static guint
add_rect (SkTileRect *rects, guint n, const SkTileRect *tile)
{
  SkTileRect *last = n > 0 ? &rects[n - 1] : NULL;
  if (last && last->y == tile->y && last->x + last->width == tile->x)
    {
      last->width = (guint16) (last->width + tile->width);
      return n;
    }
  rects[n] = *tile;
  return n + 1;
}

static void
encode_photos (SkEncoder *e, SkFrameOut *f, const SkCanvas *c, gsize message_max)
{
  guint8 out[SK_RFX_TILE_MAX];
  SkTileRect rects[TILES_AT_ONCE];
  guint n_rects = 0, n_tiles = 0;
  for (guint i = 0; i < e->n_photos; i++)
    {
      const SkTileRect *tile = &e->photos[i];
      const guint8 *pixels = c->shown + (gsize) tile->y * c->stride + (gsize) tile->x * 4;
      const gsize length = sk_rfx_encode_tile (e->scratch, pixels, c->stride, tile->width, tile->height,
                                               tile->x / SK_TILE, tile->y / SK_TILE, out);
      if (length == 0)
        {
          encode_bitmap (f, c, *tile, SK_PLANAR_MAX); /* noise */
          continue;
        }
      if (n_tiles == TILES_AT_ONCE || SK_RFX_MESSAGE_HEAD + e->tiles->len + length > message_max)
        {
          end_message (e, f, rects, n_rects, n_tiles);
          n_rects = n_tiles = 0;
        }
      g_byte_array_append (e->tiles, out, (guint) length);
      n_rects = add_rect (rects, n_rects, tile);
      n_tiles++;
    }
  end_message (e, f, rects, n_rects, n_tiles);
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

static void
set_quality (SkEncoder *e, guint tx, guint ty, SkTileQuality quality)
{
  guint8 *tile = &e->quality[(gsize) ty * e->tiles_x + tx];
  e->n_unsettled -= *tile == SK_TILE_UNSETTLED;
  e->n_unsettled += quality == SK_TILE_UNSETTLED;
  *tile = (guint8) quality;
}

/* The rows of a tile that changed as a bitmap, or the whole tile onto the list of those for RemoteFX. */
static void
encode_tile (SkEncoder *e, SkFrameOut *f, gboolean rfx, const SkCanvas *c, const SkTileRect *rows)
{
  const guint tx = rows->x / SK_TILE, ty = rows->y / SK_TILE, top = ty * SK_TILE;
  const SkTileRect tile = { rows->x, (guint16) top, rows->width, (guint16) MIN (SK_TILE, c->height - top) };
  guint8 *still = &e->still_photo[(gsize) ty * e->tiles_x + tx];
  const gboolean untried = rfx && *still > 0;
  if (untried)
    --*still;
  else if (encode_bitmap (f, c, *rows, rfx ? SK_ENCODE_BITMAP_MAX : SK_PLANAR_MAX))
    {
      if (rows->height == tile.height)
        set_quality (e, tx, ty, SK_TILE_EXACT);
      return;
    }
  else
    *still = SK_ENCODE_PHOTO_PICTURES;
  set_quality (e, tx, ty, untried ? SK_TILE_UNSETTLED : SK_TILE_LOSSY);
  add_photo (e, &tile);
}

/* Loss moves along with what has it. */
static void
move_quality (SkEncoder *e, const SkMove *m)
{
  g_autofree guint8 *before = g_memdup2 (e->quality, (gsize) e->tiles_x * e->tiles_y);
  const guint left = m->to.x / SK_TILE, right = (m->to.x + m->to.width - 1u) / SK_TILE;
  const guint top = m->to.y, bottom = top + m->to.height;
  for (guint ty = top / SK_TILE; ty <= (bottom - 1) / SK_TILE; ty++)
    for (guint tx = left; tx <= right; tx++)
      {
        /* the rows of this tile that were moved, and where from */
        const guint first = MAX (top, ty * SK_TILE), last = MIN (bottom, (ty + 1) * SK_TILE) - 1;
        const guint from = (guint) ((gint) first - m->by) / SK_TILE,
                    to = (guint) ((gint) last - m->by) / SK_TILE;
        if (before[(gsize) from * e->tiles_x + tx] || before[(gsize) to * e->tiles_x + tx])
          set_quality (e, tx, ty, SK_TILE_UNSETTLED);
        else if (last - first == SK_TILE - 1 && tx > left && tx < right)
          set_quality (e, tx, ty, SK_TILE_EXACT);
      }
}

SkFrameOut *
sk_encoder_encode (SkEncoder *e, gboolean rfx, const SkCanvas *c, const SkChanges *changes, gsize message_max)
{
  g_autoptr (SkFrameOut) f = new_frame (c, changes);
  f->top_down = e->top_down;
  e->n_photos = 0;
  for (guint i = 0; i < changes->n_moves; i++)
    move_quality (e, &changes->moves[i]);
  for (guint i = 0; i < changes->n_rects; i++)
    encode_tile (e, f, rfx, c, &changes->rects[i]);
  encode_photos (e, f, c, message_max);
  finish (f);
  return g_steal_pointer (&f);
}

void
sk_encoder_settle (SkEncoder *e, SkCanvas *c)
{
  guint8 out[SK_PLANAR_MAX];
  for (guint ty = 0; ty < e->tiles_y && e->n_unsettled > 0; ty++)
    for (guint tx = 0; tx < e->tiles_x; tx++)
      {
        const gsize at = (gsize) ty * e->tiles_x + tx;
        SkTileRect tile = { (guint16) (tx * SK_TILE), (guint16) (ty * SK_TILE),
                            (guint16) MIN (SK_TILE, c->width - tx * SK_TILE),
                            (guint16) MIN (SK_TILE, c->height - ty * SK_TILE) };
        if (e->quality[at] != SK_TILE_UNSETTLED)
          continue;
        set_quality (e, tx, ty, SK_TILE_LOSSY);
        if (try_bitmap (c, e->top_down, &tile, out, SK_ENCODE_BITMAP_MAX) == 0)
          continue;
        e->still_photo[at] = 0;
        sk_canvas_force_tile (c, tx, ty);
      }
}

gint64
sk_encoder_next (gint64 began, gint64 ended)
{
  const gint64 rest = (ended - began) * (100 - SK_ENCODE_SHARE_PERCENT) / SK_ENCODE_SHARE_PERCENT;
  return MAX (began + SK_ENCODE_FRAME_US, ended + rest);
}
