/* Border, tile comparison and encoders: what a viewer decodes is what stood in the frame memory. */
#include "common/fd.h"
#include "rdp/encode.h"
#include "rdp/planar.h"
#include <freerdp/codec/color.h>
#include <freerdp/codec/planar.h>
#include <freerdp/codec/region.h>
#include <freerdp/codec/rfx.h>
#include <freerdp/settings.h>
#include <freerdp/version.h>
#include <string.h>
#include <sys/mman.h>

/* renamed after FreeRDP 3.17 */
#if FREERDP_VERSION_MAJOR > 3 || FREERDP_VERSION_MINOR > 17
#define PLANAR_DECOMPRESS freerdp_bitmap_decompress_planar
#else
#define PLANAR_DECOMPRESS planar_decompress
#endif

#define W 402 /* with the border: a last tile whose width is no multiple of four */
#define H 300

typedef struct
{
  SkRingHeader *writer;
  SkRingReader reader;
  SkRingSize size;
  SkCanvas canvas;
  SkTileRect *rects;
} Fixture;

static guint32
pixel_at (guint x, guint y)
{
  return (x * 7 + y * 13) % 200 < 60 ? 0x102030 : 0xf0f4f8 - (x / 16 % 8);
}

static void
paint (Fixture *f, guint x, guint y, guint32 pixel)
{
  memcpy (sk_ring_pixels (f->writer) + (gsize) y * f->size.stride + x * 4, &pixel, 4);
}

static void
set_up (Fixture *f, gconstpointer bordered)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int memory = sk_fd_new_sealed_memory ("ring", SK_RING_SIZE, &error);
  f->writer = sk_ring_map_for_writing (memory, &error);
  g_assert_no_error (error);
  sk_ring_set_size (f->writer, W, H);
  g_assert_true (sk_ring_reader_init (&f->reader, memory, &error));
  g_assert_true (sk_ring_reader_size (&f->reader, &f->size));
  for (guint y = 0; y < H; y++)
    for (guint x = 0; x < W; x++)
      paint (f, x, y, pixel_at (x, y));
  const SkBorder border = sk_border (bordered != NULL);
  sk_canvas_reset (&f->canvas, &border, W, H);
  sk_border_draw (&border, f->canvas.pixels, f->canvas.stride, f->canvas.width, f->canvas.height, 0xc0392b,
                  "インターネット側 A");
  f->rects = g_new (SkTileRect, f->canvas.tiles_x * f->canvas.tiles_y);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  munmap ((void *) f->reader.untrusted, SK_RING_SIZE);
  munmap (f->writer, SK_RING_SIZE);
  sk_canvas_clear (&f->canvas);
  g_free (f->rects);
}

static guint
update (Fixture *f)
{
  return sk_canvas_update (&f->canvas, &f->reader, &f->size, f->rects);
}

static guint32
seen (const guint8 *pixels, gsize stride, guint x, guint y)
{
  guint32 pixel;
  memcpy (&pixel, pixels + y * stride + x * 4, 4);
  return pixel & 0xffffff;
}

static void
test_border_geometry (void)
{
  const SkBorder b = sk_border (TRUE), none = sk_border (FALSE);
  guint width = 1366, height = 768;
  sk_border_outer (&b, &width, &height);
  g_assert_cmpuint (width, ==, 1366 + 2 * SK_BORDER_SIDE);
  g_assert_cmpuint (height, ==, 768 + SK_BORDER_TOP + SK_BORDER_SIDE);
  sk_border_inner (&b, &width, &height);
  g_assert_cmpuint (width, ==, 1366);
  g_assert_cmpuint (height, ==, 768);
  width = height = 0;
  sk_border_inner (&b, &width, &height);
  g_assert_cmpuint (width, ==, SK_RING_WIDTH_MIN);
  g_assert_cmpuint (height, ==, SK_RING_HEIGHT_MIN);
  width = height = G_MAXUINT;
  sk_border_inner (&none, &width, &height);
  g_assert_cmpuint (width, ==, SK_RING_WIDTH_MAX);
  g_assert_cmpuint (height, ==, SK_RING_PIXELS_MAX / SK_RING_WIDTH_MAX);

  gint x = SK_BORDER_SIDE, y = SK_BORDER_TOP;
  g_assert_true (sk_border_to_guest (&b, W, H, &x, &y));
  g_assert_cmpint (x, ==, 0);
  g_assert_cmpint (y, ==, 0);
  x = 0;
  y = 65535;
  g_assert_false (sk_border_to_guest (&b, W, H, &x, &y));
  g_assert_cmpint (x, ==, 0);
  g_assert_cmpint (y, ==, H - 1);
}

/* The guest's picture stays inside its frame, whatever it paints. */
static void
test_border_is_kept (Fixture *f, gconstpointer data)
{
  const SkCanvas *c = &f->canvas;
  update (f);
  for (guint y = 0; y < c->height; y++)
    for (guint x = 0; x < c->width; x++)
      {
        const guint32 got = seen (c->pixels, c->stride, x, y);
        if (x < SK_BORDER_SIDE || x >= SK_BORDER_SIDE + W || y >= SK_BORDER_TOP + H)
          g_assert_cmphex (got, ==, 0xc0392b);
        else if (y >= SK_BORDER_TOP)
          g_assert_cmphex (got, ==, pixel_at (x - SK_BORDER_SIDE, y - SK_BORDER_TOP));
      }
  guint white = 0;
  for (guint y = 0; y < SK_BORDER_TOP; y++)
    for (guint x = 0; x < c->width; x++)
      white += seen (c->pixels, c->stride, x, y) == 0xffffff;
  g_assert_cmpuint (white, >, 100); /* there is text */
}

static void
test_text_is_not_trusted (void)
{
  static guint8 pixels[200 * 100 * 4];
  const SkBorder b = sk_border (TRUE);
  static const char *const texts[] = { "\xff\xfe", "", "漢字と絵文字😀と\u200b", NULL };
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    sk_border_draw (&b, pixels, 200 * 4, 200, 100, G_MAXUINT32, texts[i]);
  g_autofree char *longest = g_strnfill (256, 'W');
  sk_border_draw (&b, pixels, 200 * 4, 200, 100, 0, longest);
  sk_border_draw (&b, pixels, 200 * 4, 8, 26, 0, longest); /* nothing but border */
}

static void
test_tiles (Fixture *f, gconstpointer data)
{
  g_assert_cmpuint (update (f), ==, f->canvas.tiles_x * f->canvas.tiles_y); /* all of it: one run a row */
  g_assert_cmpuint (update (f), ==, 0);
  /* the guest says all changed; nothing did */
  sk_canvas_mark (&f->canvas, &(SkRingRect){ 0, 0, W, H });
  g_assert_cmpuint (update (f), ==, 0);
  /* one pixel changed: one tile, at the place that it has in the desktop */
  paint (f, 130, 70, 0xabcdef);
  sk_canvas_mark (&f->canvas, &(SkRingRect){ 130, 70, 1, 1 });
  g_assert_cmpuint (update (f), ==, 1);
  g_assert_cmpuint (f->rects[0].x, ==, (130 + f->canvas.border.left) / SK_TILE * SK_TILE);
  g_assert_cmpuint (f->rects[0].y, ==, 70 + f->canvas.border.top); /* of it, the row that changed */
  g_assert_cmpuint (f->rects[0].height, ==, 1);
  g_assert_cmphex (
      seen (f->canvas.pixels, f->canvas.stride, 130 + f->canvas.border.left, 70 + f->canvas.border.top), ==,
      0xabcdef);
  /* asked for again: sent although equal */
  sk_canvas_mark_all (&f->canvas, SK_TILE_FORCE);
  g_assert_cmpuint (update (f), ==, f->canvas.tiles_x * f->canvas.tiles_y);
  /* outside of everything */
  sk_canvas_mark (&f->canvas, &(SkRingRect){ 65535, 65535, 65535, 65535 });
  sk_canvas_mark (&f->canvas, &(SkRingRect){ 0, 0, 0, 0 });
  g_assert_cmpuint (f->canvas.n_dirty, ==, 0);
}

static void
test_letterbox (Fixture *f, gconstpointer data)
{
  update (f);
  sk_ring_set_size (f->writer, 320, 200);
  g_assert_true (sk_ring_reader_size (&f->reader, &f->size));
  for (guint y = 0; y < 200; y++)
    for (guint x = 0; x < 320; x++)
      paint (f, x, y, 0x00ff00);
  sk_canvas_letterbox (&f->canvas, 320, 200);
  update (f);
  const SkBorder *b = &f->canvas.border;
  g_assert_cmphex (seen (f->canvas.pixels, f->canvas.stride, b->left + 319, b->top + 199), ==, 0x00ff00);
  g_assert_cmphex (seen (f->canvas.pixels, f->canvas.stride, b->left + 320, b->top + 10), ==, 0);
  g_assert_cmphex (seen (f->canvas.pixels, f->canvas.stride, b->left + 10, b->top + 200), ==, 0);
  /* a larger one is cut */
  sk_ring_set_size (f->writer, 1920, 1080);
  g_assert_true (sk_ring_reader_size (&f->reader, &f->size));
  sk_canvas_letterbox (&f->canvas, 1920, 1080);
  update (f);
  g_assert_cmpuint (f->canvas.guest_width, ==, W);
  g_assert_cmpuint (f->canvas.guest_height, ==, H);
}

/* The next minute sends the digits that changed, not the picture. */
static void
check_next_minute (Fixture *f, const char *text)
{
  SkCanvas *c = &f->canvas;
  sk_canvas_set_watermark (c, text);
  const guint n = update (f);
  gsize sent = 0;
  for (guint i = 0; i < n; i++)
    sent += (gsize) f->rects[i].width * f->rects[i].height;
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (sent, <, (gsize) c->width * c->height / 10);
  g_assert_cmpuint (update (f), ==, 0);
  sk_canvas_set_watermark (c, text);
  g_assert_cmpuint (update (f), ==, 0);
}

/* Seen all over the guest's picture on every colour, never by much, and nowhere else; what the guest painted
 * stays known. */
static void
test_watermark (Fixture *f, gconstpointer data)
{
  SkCanvas *c = &f->canvas;
  const SkBorder b = c->border;
  sk_canvas_set_watermark (c, "hanako 2026-11-28 21:43");
  sk_canvas_reset (c, &b, W, H);
  sk_border_draw (&b, c->pixels, c->stride, c->width, c->height, 0xc0392b, "A");
  for (guint y = 0; y < H; y++)
    for (guint x = 0; x < W; x++)
      paint (f, x, y, y < H / 3 ? 0xffffff : y < 2 * H / 3 ? 0x000000 : 0x808080);
  g_assert_cmpuint (update (f), ==, c->tiles_x * c->tiles_y);
  guint marked[3] = { 0 };
  for (guint y = 0; y < c->height; y++)
    for (guint x = 0; x < c->width; x++)
      {
        const guint32 plain = seen (c->pixels, c->stride, x, y), shown = seen (c->shown, c->stride, x, y);
        const gint by = (gint) (shown & 0xff) - (gint) (plain & 0xff);
        const gboolean inside = x >= b.left && x < b.left + W && y >= b.top && y < b.top + H;
        g_assert_true (inside || by == 0);
        g_assert_cmpint (ABS (by), <=, SK_WATERMARK_CONTRAST);
        if (inside && ABS (by) > SK_WATERMARK_CONTRAST / 2)
          marked[(y - b.top) * 3 / H]++;
      }
  for (guint i = 0; i < G_N_ELEMENTS (marked); i++)
    g_assert_cmpuint (marked[i], >, 200);
  g_assert_cmpuint (update (f), ==, 0);
  check_next_minute (f, "hanako 2026-11-28 21:44");
  /* What the guest paints is seen with the watermark over it. */
  paint (f, 130, 70, 0xabcdef);
  sk_canvas_mark (c, &(SkRingRect){ 130, 70, 1, 1 });
  g_assert_cmpuint (update (f), ==, 1);
}

/* The pattern goes on over its own edge, at every place where a tile may begin. */
static void
test_watermark_pieces (void)
{
  g_auto (SkWatermark) w = { 0 };
  enum
  {
    LENGTH = 2000
  };
  sk_watermark_set (&w, "花子 2026-11-28 21:43");
  for (guint y = 0; y < 4 * SK_WATERMARK_LINE; y++)
    {
      guint32 whole[LENGTH] = { 0 }, pieces[LENGTH] = { 0 };
      sk_watermark_draw (&w, whole, 0, y, LENGTH);
      for (guint x = 0; x < LENGTH; x += 64)
        sk_watermark_draw (&w, pieces + x, x, y, MIN (64, LENGTH - x));
      g_assert_cmpmem (whole, sizeof whole, pieces, sizeof pieces);
      for (guint x = w.width; x < LENGTH; x++)
        g_assert_cmphex (whole[x], ==, whole[x - w.width]);
    }
}

static void
test_watermark_text (void)
{
  static const char *const none[] = { "\xff\xfe", "", NULL };
  for (gsize i = 0; i < G_N_ELEMENTS (none); i++)
    {
      g_auto (SkWatermark) w = { 0 };
      guint32 row[64] = { 0 };
      sk_watermark_set (&w, none[i]);
      for (guint y = 0; y < 2 * SK_WATERMARK_LINE; y++)
        sk_watermark_draw (&w, row, 0, y, 64);
      for (guint x = 0; x < 64; x++)
        g_assert_cmphex (row[x], ==, 0);
    }
  g_auto (SkWatermark) longest = { 0 };
  g_autofree char *wide = g_strnfill (256, 'W');
  sk_watermark_set (&longest, wide);
  g_assert_nonnull (longest.by);
  g_autofree char *tokyo = sk_watermark_text ("花子", 1795873380, 9 * 60);
  g_assert_cmpstr (tokyo, ==, "花子 2026-11-28 22:43");
  g_autofree char *west = sk_watermark_text ("a", 0, -24 * 60);
  g_assert_cmpstr (west, ==, "a 1969-12-31 00:00");
}

static void
decode_bitmap (const SkPart *p, guint8 *got, gsize stride)
{
  BITMAP_PLANAR_CONTEXT *decoder = freerdp_bitmap_planar_context_new (0, SK_TILE, SK_TILE);
  g_assert_true (PLANAR_DECOMPRESS (decoder, p->data, (UINT32) p->length, p->rect.width, p->rect.height, got,
                                    PIXEL_FORMAT_BGRX32, (UINT32) stride, p->rect.x, p->rect.y, p->rect.width,
                                    p->rect.height, TRUE));
  freerdp_bitmap_planar_context_free (decoder);
}

static void
test_planar_is_lossless (Fixture *f, gconstpointer data)
{
  g_auto (SkEncoder) e = { 0 };
  const SkCanvas *c = &f->canvas;
  for (guint y = 100; y < 200; y++) /* noise: nothing that compresses */
    for (guint x = 100; x < 200; x++)
      paint (f, x, y, g_test_rand_int () & 0xffffff);
  sk_encoder_init (&e);
  sk_encoder_reset (&e, c->width, c->height);
  guint n = update (f);
  g_autoptr (SkFrameOut) frame
      = sk_encoder_encode (&e, FALSE, c, &(SkChanges){ .rects = f->rects, .n_rects = n }, 65536);
  g_assert_nonnull (frame);
  g_assert_false (frame->needs_rfx);
  g_autofree guint8 *got = g_malloc0 ((gsize) c->stride * c->height);
  for (guint i = 0; i < frame->parts->len; i++)
    {
      const SkPart *p = &g_array_index (frame->parts, SkPart, i);
      g_assert_cmpint (p->kind, ==, SK_PART_BITMAP);
      g_assert_cmpuint (p->rect.width % 4, ==, 0);
      g_assert_cmpuint (p->rect.x + p->rect.width, <=, c->width);
      g_assert_cmpuint (p->length, <=, 16000); /* one fast-path PDU */
      decode_bitmap (p, got, c->stride);
    }
  for (guint y = 0; y < c->height; y++)
    for (guint x = 0; x < c->width; x++)
      g_assert_cmphex (seen (got, c->stride, x, y), ==, seen (c->pixels, c->stride, x, y));
}

/* Run lengths of every kind: FreeRDP's decoder reads back what was written. */
static void
test_planar_runs (void)
{
  static guint8 pixels[SK_TILE * SK_TILE * 4], got[SK_TILE * SK_TILE * 4], out[SK_PLANAR_MAX];
  for (guint round = 0; round < 2000; round++)
    {
      const guint width = 4 * (guint) g_test_rand_int_range (1, 17),
                  height = (guint) g_test_rand_int_range (1, 65);
      const guint longest = (guint) g_test_rand_int_range (1, 130);
      guint32 colour = 0;
      for (guint i = 0, left = 0; i < width * height; i++)
        {
          if (left-- == 0)
            {
              left = (guint) g_test_rand_int_range (0, (gint) longest);
              colour = round % 3 ? g_test_rand_int () & 0xffffff : g_test_rand_int () & 0x010101;
            }
          memcpy (pixels + i * 4, &colour, 4);
        }
      const gsize length = sk_planar_encode (pixels, width * 4, width, height, out, sizeof out);
      g_assert_cmpuint (length, >, 0);
      const SkPart part = { SK_PART_BITMAP, { 0, 0, (guint16) width, (guint16) height }, 0, out, length };
      decode_bitmap (&part, got, width * 4);
      for (guint y = 0; y < height; y++)
        for (guint x = 0; x < width; x++)
          g_assert_cmphex (seen (got, width * 4, x, y), ==, seen (pixels, width * 4, x, y));
      /* a limit is kept, whatever it is */
      const gsize limit = (gsize) g_test_rand_int_range (1, (gint) length + 100);
      memset (out, 0xee, sizeof out);
      g_assert_cmpuint (sk_planar_encode (pixels, width * 4, width, height, out, limit), <=, limit);
      g_assert_cmphex (out[limit], ==, 0xee);
    }
}

static guint
distance (guint32 a, guint32 b)
{
  guint worst = 0;
  for (guint shift = 0; shift < 24; shift += 8)
    worst = MAX (worst, (guint) ABS ((gint) (a >> shift & 0xff) - (gint) (b >> shift & 0xff)));
  return worst;
}

/* Decodes a frame into what the viewer has; returns how many parts are RemoteFX. */
static guint
decode (RFX_CONTEXT *decoder, const SkFrameOut *frame, const SkCanvas *c, guint8 *viewer)
{
  REGION16 region;
  guint photos = 0;
  region16_init (&region);
  for (guint i = 0; i < frame->parts->len; i++)
    {
      const SkPart *p = &g_array_index (frame->parts, SkPart, i);
      photos += p->kind == SK_PART_RFX;
      if (p->kind == SK_PART_BITMAP)
        decode_bitmap (p, viewer, c->stride);
      else
        g_assert_true (rfx_process_message (decoder, p->data, (UINT32) p->length, 0, 0, viewer,
                                            PIXEL_FORMAT_BGRX32, c->stride, c->height, &region));
    }
  region16_uninit (&region);
  return photos;
}

static void
test_rfx_is_close (Fixture *f, gconstpointer data)
{
  g_auto (SkEncoder) e = { 0 };
  const SkCanvas *c = &f->canvas;
  sk_encoder_init (&e);
  sk_encoder_reset (&e, c->width, c->height);
  for (guint y = 64; y < 256; y++) /* a picture: smooth, with noise */
    for (guint x = 64; x < 320; x++)
      paint (f, x, y,
             (x / 2 + (guint) g_test_rand_int_range (0, 8)) << 16
                 | (y / 2 + (guint) g_test_rand_int_range (0, 8)) << 8
                 | (guint) g_test_rand_int_range (90, 98));
  guint n = update (f);
  /* a small limit: several messages, each within it */
  g_autoptr (SkFrameOut) frame
      = sk_encoder_encode (&e, TRUE, c, &(SkChanges){ .rects = f->rects, .n_rects = n }, 40000);
  g_assert_nonnull (frame);
  g_assert_true (frame->needs_rfx);
  g_assert_cmpuint (frame->part_max, <=, 40000);
  g_autofree guint8 *got = g_malloc0 ((gsize) c->stride * c->height);
  RFX_CONTEXT *decoder = rfx_context_new_ex (FALSE, THREADING_FLAGS_DISABLE_THREADS);
  const guint bitmaps = frame->parts->len - decode (decoder, frame, c, got);
  g_assert_cmpuint (bitmaps, >, 10); /* text and border stay exact */
  guint far = 0;
  for (guint y = 0; y < c->height; y++)
    for (guint x = 0; x < c->width; x++)
      far += distance (seen (got, c->stride, x, y), seen (c->pixels, c->stride, x, y)) > 16;
  g_assert_cmpuint (far, <, c->width * c->height / 100);
  rfx_context_free (decoder);
}

/* Where a video was, text is taken for video at first; once it rests it is exact. A video at rest is not sent
 * again. */
static void
test_text_after_video (Fixture *f, gconstpointer data)
{
  g_auto (SkEncoder) e = { 0 };
  SkCanvas *c = &f->canvas;
  RFX_CONTEXT *decoder = rfx_context_new_ex (FALSE, THREADING_FLAGS_DISABLE_THREADS);
  g_autofree guint8 *viewer = g_malloc0 ((gsize) c->stride * c->height);
  guint photos[4] = { 0 }, parts[4] = { 0 };
  sk_encoder_init (&e);
  sk_encoder_reset (&e, c->width, c->height);
  for (guint step = 0; step < 4; step++)
    {
      if (step < 2) /* two pictures of a video */
        for (guint y = 64; y < 256; y++)
          for (guint x = 64; x < 320; x++)
            paint (f, x, y, (guint32) g_test_rand_int () & 0x3f3f3f);
      if (step == 2) /* text in one half of it */
        for (guint y = 64; y < 256; y++)
          for (guint x = 64; x < 192; x++)
            paint (f, x, y, pixel_at (x, y));
      if (step == 3)
        sk_encoder_settle (&e, c);
      else
        sk_canvas_mark (c, &(SkRingRect){ 64, 64, step == 2 ? 128 : 256, 192 });
      const guint n = update (f);
      g_autoptr (SkFrameOut) frame
          = sk_encoder_encode (&e, TRUE, c, &(SkChanges){ .rects = f->rects, .n_rects = n }, 65536);
      photos[step] = decode (decoder, frame, c, viewer);
      parts[step] = frame->parts->len;
    }
  g_assert_cmpuint (photos[1], >, 0);
  g_assert_cmpuint (photos[2], >, 0);
  g_assert_cmpuint (photos[3], ==, 0);
  g_assert_cmpuint (parts[3], >=, 3); /* tiles that hold nothing but text, … */
  g_assert_cmpuint (parts[3], <=, 9); /* … and those that it shares with the video at most */
  g_assert_cmpuint (e.n_unsettled, ==, 0);
  for (guint y = 64; y < 256; y++)
    for (guint x = 64; x < 128; x++)
      {
        const guint at_x = x + c->border.left, at_y = y + c->border.top;
        g_assert_cmphex (seen (viewer, c->stride, at_x, at_y), ==, seen (c->pixels, c->stride, at_x, at_y));
      }
  rfx_context_free (decoder);
}

/* A photograph that scrolls takes its loss along: where it was copied to, what can be exact becomes so. */
static void
test_moved_photograph (Fixture *f, gconstpointer data)
{
  g_auto (SkEncoder) e = { 0 };
  SkCanvas *c = &f->canvas;
  sk_encoder_init (&e);
  sk_encoder_reset (&e, c->width, c->height);
  for (guint y = 0; y < SK_TILE; y++)
    for (guint x = 0; x < SK_TILE; x++)
      paint (f, 128 - c->border.left + x, 128 - c->border.top + y, (guint32) g_test_rand_int () & 0x3f3f3f);
  guint n = update (f);
  g_autoptr (SkFrameOut) first
      = sk_encoder_encode (&e, TRUE, c, &(SkChanges){ .rects = f->rects, .n_rects = n }, 65536);
  g_assert_true (first->needs_rfx);
  g_assert_cmpuint (e.n_unsettled, ==, 0); /* it was tried, and is one */
  const SkMove moves[] = { { { 128, 150, 64, 80 }, 40 } };
  g_autoptr (SkFrameOut) moved
      = sk_encoder_encode (&e, TRUE, c, &(SkChanges){ .moves = moves, .n_moves = 1 }, 65536);
  g_assert_cmpuint (e.n_unsettled, ==, 2); /* itself, and the tile below */
  sk_encoder_settle (&e, c);
  g_assert_cmpuint (e.n_unsettled, ==, 0);
  n = update (f);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (f->rects[0].y, ==, 192);
  g_autoptr (SkFrameOut) again
      = sk_encoder_encode (&e, TRUE, c, &(SkChanges){ .rects = f->rects, .n_rects = n }, 65536);
  g_assert_false (again->needs_rfx);
}

static void
test_share (void)
{
  /* small changes: as fast as a display */
  g_assert_cmpint (sk_encoder_next (1000, 1300), ==, 1000 + SK_ENCODE_FRAME_US);
  g_assert_cmpint (sk_encoder_next (1000, 1000), ==, 1000 + SK_ENCODE_FRAME_US);
  /* large ones: never more than the share, and never much less */
  for (gint64 work = 8000; work < 1000000; work = work * 3 / 2)
    {
      const gint64 whole = sk_encoder_next (0, work);
      g_assert_cmpint (work * 100 / whole, <=, SK_ENCODE_SHARE_PERCENT + 1);
      g_assert_cmpint (work * 100 / (whole - SK_ENCODE_FRAME_US + 1), >=, SK_ENCODE_SHARE_PERCENT);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/border/geometry", test_border_geometry);
  g_test_add_func ("/encode/planar-runs", test_planar_runs);
  g_test_add_func ("/encode/share", test_share);
  g_test_add_func ("/border/text-is-not-trusted", test_text_is_not_trusted);
#define ADD(name, function) g_test_add (name, Fixture, "bordered", set_up, function, tear_down)
  ADD ("/border/is-kept", test_border_is_kept);
  ADD ("/canvas/tiles", test_tiles);
  g_test_add ("/canvas/tiles-without-border", Fixture, NULL, set_up, test_tiles, tear_down);
  ADD ("/canvas/letterbox", test_letterbox);
  ADD ("/watermark/all-over", test_watermark);
  g_test_add ("/watermark/without-border", Fixture, NULL, set_up, test_watermark, tear_down);
  g_test_add_func ("/watermark/pieces", test_watermark_pieces);
  g_test_add_func ("/watermark/text", test_watermark_text);
  ADD ("/encode/planar-is-lossless", test_planar_is_lossless);
  ADD ("/encode/rfx-is-close", test_rfx_is_close);
  ADD ("/encode/text-after-video", test_text_after_video);
  ADD ("/encode/moved-photograph", test_moved_photograph);
  return g_test_run ();
}
