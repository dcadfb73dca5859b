/* What moved up or down is found, and whatever was found the viewer ends with the guest's picture. */
#include "common/fd.h"
#include "rdp/encode.h"
#include <string.h>

#define W 1000
#define H 700

typedef struct
{
  SkRingHeader *writer;
  SkRingReader reader;
  SkRingSize size;
  SkCanvas canvas;
  SkTileRect *rects;
  guint8 *viewer; /* as a viewer has it */
  guint moves, moved_rows, sent_tiles;
} Fixture;

static guint32 *
guest (Fixture *f, guint x, guint y)
{
  return (guint32 *) (void *) (sk_ring_pixels (f->writer) + (gsize) y * f->size.stride) + x;
}

/* A page of text: lines that differ, blank rows between them. */
static guint32
page (guint x, guint y)
{
  const guint line = y / 18;
  const guint h = (x / 7 * 2654435761u) ^ (line * 40503u + y % 18 / 3);
  return y % 18 > 13 || (h >> 7) % 3 == 0 ? 0xffffff : 0x202020 + (line % 7);
}

static void
draw_page (Fixture *f, guint left, guint right, guint top, guint bottom, guint offset)
{
  for (guint y = top; y < bottom; y++)
    for (guint x = left; x < right; x++)
      *guest (f, x, y) = page (x, y + offset);
}

static void
changed (Fixture *f, guint left, guint right, guint top, guint bottom)
{
  sk_canvas_mark (&f->canvas, &(SkRingRect){ (guint16) left, (guint16) top, (guint16) (right - left),
                                             (guint16) (bottom - top) });
}

static void
take_tiles (Fixture *f)
{
  SkCanvas *c = &f->canvas;
  const guint n = sk_canvas_update (c, &f->reader, &f->size, f->rects);
  for (guint i = 0; i < n; i++)
    {
      const SkTileRect *r = &f->rects[i];
      f->sent_tiles += (r->width + SK_TILE - 1) / SK_TILE;
      for (guint y = r->y; y < (guint) r->y + r->height; y++)
        memcpy (f->viewer + (gsize) y * c->stride + r->x * 4u, c->shown + (gsize) y * c->stride + r->x * 4u,
                r->width * 4u);
    }
}

static gboolean
is_marked_at_most (guint32 a, guint32 b)
{
  for (guint shift = 0; shift < 24; shift += 8)
    if (ABS ((gint) (a >> shift & 0xff) - (gint) (b >> shift & 0xff)) > SK_WATERMARK_CONTRAST)
      return FALSE;
  return TRUE;
}

/* The viewer has what the canvas thinks it has; that is the guest's picture, with the watermark in its places
 * or, after something scrolled, elsewhere. */
static void
compare (Fixture *f)
{
  const SkCanvas *c = &f->canvas;
  for (guint y = 0; y < f->size.height; y++)
    {
      guint32 row[W];
      const gsize at = (gsize) (y + c->border.top) * c->stride + c->border.left * 4u;
      const guint32 *seen = (const guint32 *) (const void *) (f->viewer + at);
      memcpy (row, guest (f, 0, y), f->size.width * 4u);
      g_assert_cmpint (memcmp (seen, c->shown + at, f->size.width * 4u), ==, 0);
      for (guint x = 0; x < f->size.width && c->marks_moved; x++)
        g_assert_true (is_marked_at_most (seen[x], row[x]));
      sk_watermark_draw (&c->watermark, row, 0, y, f->size.width);
      if (!c->marks_moved)
        g_assert_cmpint (memcmp (seen, row, f->size.width * 4u), ==, 0);
    }
}

/* Puts the watermark back; where there is none, nothing is sent. */
static void
settle (Fixture *f)
{
  f->sent_tiles = 0;
  sk_canvas_settle (&f->canvas);
  take_tiles (f);
  g_assert_false (f->canvas.marks_moved);
  compare (f);
}

/* A viewer does what it is told: moves, then rectangles (as if they were encoded without loss). */
static void
show (Fixture *f)
{
  SkMove moves[SK_SCROLL_MOVES_MAX];
  SkCanvas *c = &f->canvas;
  f->moves = sk_scroll_find (c, &f->reader, &f->size, moves);
  f->moved_rows = f->sent_tiles = 0;
  for (guint i = 0; i < f->moves; i++)
    {
      const SkMove *m = &moves[i];
      const gssize from = (gssize) m->to.y - m->by;
      g_assert_cmpint (from, >=, c->border.top);
      g_assert_cmpint (from + m->to.height, <=, (gssize) (c->height - c->border.bottom));
      g_assert_cmpuint (m->to.x, >=, c->border.left);
      g_assert_cmpuint (m->to.x + m->to.width, <=, c->width - c->border.right);
      g_assert_cmpuint (m->to.y, >=, c->border.top);
      g_assert_cmpuint (m->to.y + m->to.height, <=, c->height - c->border.bottom);
      f->moved_rows += m->to.height;
      g_autofree guint8 *copy = g_memdup2 (f->viewer, (gsize) c->stride * c->height);
      for (guint y = 0; y < m->to.height; y++)
        memcpy (f->viewer + (gsize) (m->to.y + y) * c->stride + m->to.x * 4u,
                copy + (gsize) (from + y) * c->stride + m->to.x * 4u, m->to.width * 4u);
    }
  take_tiles (f);
  compare (f);
}

static void
set_up (Fixture *f, gconstpointer how)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int memory = sk_fd_new_sealed_memory ("ring", SK_RING_SIZE, &error);
  f->writer = sk_ring_map_for_writing (memory, &error);
  g_assert_no_error (error);
  sk_ring_set_size (f->writer, W, H);
  g_assert_true (sk_ring_reader_init (&f->reader, memory, &error));
  g_assert_true (sk_ring_reader_size (&f->reader, &f->size));
  const SkBorder border = sk_border (g_strcmp0 (how, "bordered") == 0);
  if (g_strcmp0 (how, "marked") == 0)
    sk_canvas_set_watermark (&f->canvas, "hanako 2026-11-28 21:43");
  sk_canvas_reset (&f->canvas, &border, W, H);
  f->rects = g_new (SkTileRect, (gsize) f->canvas.tiles_x * f->canvas.tiles_y);
  f->viewer = g_malloc0 ((gsize) f->canvas.stride * f->canvas.height);
  draw_page (f, 0, W, 0, H, 0);
  show (f);
  g_assert_cmpuint (f->moves, ==, 0); /* nothing was there to be moved */
}

static void
tear_down (Fixture *f, gconstpointer bordered)
{
  sk_canvas_clear (&f->canvas);
  g_free (f->rects);
  g_free (f->viewer);
}

static void
test_page (Fixture *f, gconstpointer data)
{
  static const gint steps[] = { 54, 3, 120, -54, -7, 300, -200 };
  const guint all = f->canvas.tiles_x * f->canvas.tiles_y;
  guint offset = 400;
  draw_page (f, 0, W, 0, H, offset);
  changed (f, 0, W, 0, H);
  show (f);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      offset = (guint) ((gint) offset + steps[i]);
      draw_page (f, 0, W, 0, H, offset);
      changed (f, 0, W, 0, H);
      show (f);
      g_assert_cmpuint (f->moves, ==, 1);
      g_assert_cmpuint (f->moved_rows, ==, H - (guint) ABS (steps[i]));
      /* only the strip that came into view, and the tiles it cuts, with or without a watermark */
      g_assert_cmpuint (f->sent_tiles, <=,
                        all * ((guint) ABS (steps[i]) + 2 * SK_TILE) / H + f->canvas.tiles_x);
      g_assert_cmpint (f->canvas.marks_moved, ==, f->canvas.shown != f->canvas.pixels);
    }
  settle (f);
  g_assert_cmpint (f->sent_tiles > 0, ==, f->canvas.shown != f->canvas.pixels);
  settle (f);
  g_assert_cmpuint (f->sent_tiles, ==, 0);
}

/* A scroll bar and a heading that stay where they are, and a list that scrolls. */
static void
test_part (Fixture *f, gconstpointer data)
{
  draw_page (f, 130, 980, 90, 650, 36);
  for (guint y = 90; y < 650; y++) /* the bar's thumb */
    for (guint x = 980; x < W; x++)
      *guest (f, x, y) = y > 200 && y < 300 ? 0x808080 : 0xe0e0e0;
  changed (f, 130, W, 90, 650);
  show (f);
  g_assert_cmpuint (f->moves, >=, 1);
  g_assert_cmpuint (f->moved_rows, >, 400);
}

/* Nothing that moved: no move, and the picture is right all the same. */
static void
test_other_picture (Fixture *f, gconstpointer data)
{
  for (guint y = 0; y < H; y++)
    for (guint x = 0; x < W; x++)
      *guest (f, x, y) = g_test_rand_int () & 0xffffff;
  changed (f, 0, W, 0, H);
  show (f);
  g_assert_cmpuint (f->moves, ==, 0);
  for (guint y = 0; y < H; y++)
    for (guint x = 0; x < W; x++)
      *guest (f, x, y) = 0xffffff;
  changed (f, 0, W, 0, H);
  show (f);
  g_assert_cmpuint (f->moves, ==, 0);
  changed (f, 0, W, 0, H); /* nothing changed at all */
  show (f);
  g_assert_cmpuint (f->moves + f->sent_tiles, ==, 0);
}

/* What was not sent yet cannot be moved at the viewer. */
static void
test_forced (Fixture *f, gconstpointer data)
{
  draw_page (f, 0, W, 0, H, 54);
  changed (f, 0, W, 0, H);
  sk_canvas_mark_all (&f->canvas, SK_TILE_FORCE);
  show (f);
  g_assert_cmpuint (f->moves, ==, 0);
}

/* Anything that may happen to a screen: show() compares every pixel. */
static void
test_random (Fixture *f, gconstpointer data)
{
  guint moves = 0;
  for (guint round = 0; round < 200; round++)
    {
      guint left = (guint) g_test_rand_int_range (0, W - 100),
            top = (guint) g_test_rand_int_range (0, H - 100);
      guint right = (guint) g_test_rand_int_range ((gint) left + 1, W + 1);
      guint bottom = (guint) g_test_rand_int_range ((gint) top + 1, H + 1);
      if (round % 3 == 0)
        left = 0, top = 0, right = W, bottom = H;
      draw_page (f, left, right, top, bottom, (guint) g_test_rand_int_range (0, 400));
      for (guint i = 0; i < round % 5; i++)
        *guest (f, (guint) g_test_rand_int_range ((gint) left, (gint) right),
                (guint) g_test_rand_int_range ((gint) top, (gint) bottom))
            ^= 0xff;
      changed (f, left, right, top, bottom);
      show (f);
      moves += f->moves;
      if (round % 7 == 0)
        settle (f);
    }
  g_assert_cmpuint (moves, >, 20);
}

/* A picture that shrank under the canvas (a viewer that cannot resize, or a screen that lies). */
static void
test_smaller (Fixture *f, gconstpointer data)
{
  SkMove moves[SK_SCROLL_MOVES_MAX];
  sk_ring_set_size (f->writer, 500, 300);
  g_assert_true (sk_ring_reader_size (&f->reader, &f->size));
  draw_page (f, 0, 500, 0, 300, 54);
  sk_canvas_letterbox (&f->canvas, 500, 300);
  sk_canvas_update (&f->canvas, &f->reader, &f->size, f->rects);
  draw_page (f, 0, 500, 0, 300, 108);
  changed (f, 0, W, 0, H);
  const guint n = sk_scroll_find (&f->canvas, &f->reader, &f->size, moves);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (moves[i].to.x + moves[i].to.width, <=, f->canvas.border.left + 500u);
      g_assert_cmpuint (moves[i].to.y + moves[i].to.height, <=, f->canvas.border.top + 300u);
    }
  g_assert_cmpuint (n, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                                  \
  g_test_add ("/scroll/" name, Fixture, "bordered", set_up, function, tear_down);                            \
  g_test_add ("/scroll/without-border/" name, Fixture, NULL, set_up, function, tear_down);                   \
  g_test_add ("/scroll/with-watermark/" name, Fixture, "marked", set_up, function, tear_down)
  ADD ("page", test_page);
  ADD ("part", test_part);
  ADD ("other-picture", test_other_picture);
  ADD ("forced", test_forced);
  ADD ("random", test_random);
  ADD ("smaller", test_smaller);
  return g_test_run ();
}
