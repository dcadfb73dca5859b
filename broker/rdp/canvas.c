#include "rdp/canvas.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Eight megabytes in pages of two, where the kernel has them: the first picture touches all of it, and two
 * thousand page faults would take longer than encoding it. Without memory it aborts, as g_malloc does. */
static guint8 *
new_pixels (gsize size)
{
  guint8 *pixels = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pixels == MAP_FAILED)
    abort ();
  madvise (pixels, size, MADV_HUGEPAGE);
  return pixels;
}

void
sk_canvas_clear (SkCanvas *c)
{
  if (c->shown && c->shown != c->pixels)
    munmap (c->shown, (gsize) c->stride * c->height);
  if (c->pixels)
    munmap (c->pixels, (gsize) c->stride * c->height);
  g_clear_pointer (&c->dirty, g_free);
  sk_watermark_clear (&c->watermark);
  *c = (SkCanvas){ 0 };
}

void
sk_canvas_reset (SkCanvas *c, const SkBorder *border, guint guest_width, guint guest_height)
{
  const SkWatermark watermark = c->watermark;
  c->watermark = (SkWatermark){ 0 };
  sk_canvas_clear (c);
  c->watermark = watermark;
  c->border = *border;
  c->guest_width = c->width = guest_width;
  c->guest_height = c->height = guest_height;
  sk_border_outer (border, &c->width, &c->height);
  c->stride = c->width * 4;
  c->pixels = new_pixels ((gsize) c->stride * c->height);
  c->shown = c->watermark.by ? new_pixels ((gsize) c->stride * c->height) : c->pixels;
  c->tiles_x = (c->width + SK_TILE - 1) / SK_TILE;
  c->tiles_y = (c->height + SK_TILE - 1) / SK_TILE;
  c->dirty = g_malloc0 ((gsize) c->tiles_x * c->tiles_y);
  sk_canvas_mark_all (c, SK_TILE_FORCE);
}

void
sk_canvas_letterbox (SkCanvas *c, guint guest_width, guint guest_height)
{
  const guint inner_width = c->width - c->border.left - c->border.right;
  const guint inner_height = c->height - c->border.top - c->border.bottom;
  c->guest_width = MIN (guest_width, inner_width);
  c->guest_height = MIN (guest_height, inner_height);
  for (guint y = c->border.top; y < c->border.top + inner_height; y++)
    memset (c->pixels + (gsize) y * c->stride + (gsize) c->border.left * 4, 0, (gsize) inner_width * 4);
  sk_canvas_mark_all (c, SK_TILE_FORCE);
}

static void
mark_tile (SkCanvas *c, guint tx, guint ty, SkTileState state)
{
  guint8 *tile = &c->dirty[(gsize) ty * c->tiles_x + tx];
  if (*tile == SK_TILE_CLEAN)
    c->n_dirty++;
  *tile = MAX (*tile, (guint8) state);
}

void
sk_canvas_mark_all (SkCanvas *c, SkTileState state)
{
  for (guint ty = 0; ty < c->tiles_y; ty++)
    for (guint tx = 0; tx < c->tiles_x; tx++)
      mark_tile (c, tx, ty, state);
}

void
sk_canvas_force_tile (SkCanvas *c, guint tx, guint ty)
{
  mark_tile (c, tx, ty, SK_TILE_FORCE);
}

void
sk_canvas_mark (SkCanvas *c, const SkRingRect *r)
{
  if (r->x >= c->guest_width || r->y >= c->guest_height || r->width == 0 || r->height == 0)
    return;
  guint left = r->x + c->border.left, top = r->y + c->border.top;
  guint right = MIN (r->x + (guint) r->width, c->guest_width) - 1 + c->border.left;
  guint bottom = MIN (r->y + (guint) r->height, c->guest_height) - 1 + c->border.top;
  for (guint ty = top / SK_TILE; ty <= bottom / SK_TILE; ty++)
    for (guint tx = left / SK_TILE; tx <= right / SK_TILE; tx++)
      mark_tile (c, tx, ty, SK_TILE_CHECK);
}

typedef struct
{
  guint top, bottom; /* rows of the canvas; equal: none */
} Rows;

/* Copies a tile's part of the guest's picture into the canvas; returns the rows from the first that changed
 * to the last. A row that changes while it is compared is marked again by the screen; what is encoded is the
 * canvas's own copy. */
static Rows
refresh_tile (SkCanvas *c, const SkRingReader *ring, const SkRingSize *size, guint tx, guint ty)
{
  const guint guest_right = c->border.left + MIN (c->guest_width, size->width);
  const guint guest_bottom = c->border.top + MIN (c->guest_height, size->height);
  guint left = MAX (tx * SK_TILE, c->border.left), top = MAX (ty * SK_TILE, c->border.top);
  guint right = MIN ((tx + 1) * SK_TILE, guest_right), bottom = MIN ((ty + 1) * SK_TILE, guest_bottom);
  Rows changed = { 0 };
  if (left >= right)
    return changed;
  const gsize bytes = (gsize) (right - left) * 4;
  for (guint y = top; y < bottom; y++)
    {
      guint8 *mine = c->pixels + (gsize) y * c->stride + (gsize) left * 4;
      const guint8 *theirs
          = sk_ring_reader_row (ring, size, y - c->border.top) + (gsize) (left - c->border.left) * 4;
      if (memcmp (mine, theirs, bytes) == 0)
        continue;
      memcpy (mine, theirs, bytes);
      if (changed.bottom == 0)
        changed.top = y;
      changed.bottom = y + 1;
    }
  return changed;
}

void
sk_canvas_set_watermark (SkCanvas *c, const char *text)
{
  sk_watermark_set (&c->watermark, text);
  if (!c->pixels)
    return;
  sk_canvas_settle (c);
}

void
sk_canvas_settle (SkCanvas *c)
{
  c->marks_moved = FALSE;
  c->show_whole = TRUE;
  sk_canvas_mark_all (c, SK_TILE_CHECK);
}

/* A tile's part of a row with the watermark. */
static void
draw_shown (const SkCanvas *c, guint x, guint width, guint y, guint32 *ret)
{
  const guint left = MAX (x, c->border.left), right = MIN (x + width, c->width - c->border.right);
  memcpy (ret, c->pixels + (gsize) y * c->stride + (gsize) x * 4, (gsize) width * 4);
  if (left < right && y >= c->border.top && y < c->height - c->border.bottom)
    sk_watermark_draw (&c->watermark, ret + (left - x), left - c->border.left, y - c->border.top,
                       right - left);
}

static guint32 *
shown_row (const SkCanvas *c, guint x, guint y)
{
  return (guint32 *) (void *) (c->shown + (gsize) y * c->stride) + x;
}

/* Brings rows of a tile, which have changed, into what is shown. */
static void
show_rows (SkCanvas *c, guint tx, Rows rows)
{
  const guint x = tx * SK_TILE, width = MIN (SK_TILE, c->width - x);
  for (guint y = rows.top; y < rows.bottom; y++)
    draw_shown (c, x, width, y, shown_row (c, x, y));
}

/* The same where it is not known that anything has: returns the rows from the first that got another look to
 * the last. */
static Rows
compare_shown (SkCanvas *c, guint tx, Rows rows)
{
  const guint x = tx * SK_TILE, width = MIN (SK_TILE, c->width - x);
  guint32 row[SK_TILE];
  Rows changed = { 0 };
  for (guint y = rows.top; y < rows.bottom; y++)
    {
      draw_shown (c, x, width, y, row);
      if (memcmp (shown_row (c, x, y), row, (gsize) width * 4) == 0)
        continue;
      memcpy (shown_row (c, x, y), row, (gsize) width * 4);
      if (changed.bottom == 0)
        changed.top = y;
      changed.bottom = y + 1;
    }
  return changed;
}

static void
add_tile (const SkCanvas *c, SkTileRect *rects, guint *n, guint tx, Rows rows)
{
  const guint x = tx * SK_TILE;
  rects[(*n)++] = (SkTileRect){ (guint16) x, (guint16) rows.top, (guint16) MIN (SK_TILE, c->width - x),
                                (guint16) (rows.bottom - rows.top) };
}

guint
sk_canvas_update (SkCanvas *c, const SkRingReader *ring, const SkRingSize *size, SkTileRect *ret_rects)
{
  guint n = 0;
  for (guint ty = 0; ty < c->tiles_y && c->n_dirty > 0; ty++)
    for (guint tx = 0; tx < c->tiles_x; tx++)
      {
        guint8 *tile = &c->dirty[(gsize) ty * c->tiles_x + tx];
        const guint8 state = *tile;
        if (state == SK_TILE_CLEAN)
          continue;
        *tile = SK_TILE_CLEAN;
        c->n_dirty--;
        const Rows whole = { ty * SK_TILE, MIN ((ty + 1) * SK_TILE, c->height) };
        Rows rows = refresh_tile (c, ring, size, tx, ty);
        if (state == SK_TILE_FORCE)
          rows = whole;
        if (c->shown != c->pixels && c->show_whole && state != SK_TILE_FORCE)
          rows = compare_shown (c, tx, whole);
        else if (c->shown != c->pixels)
          show_rows (c, tx, rows);
        if (rows.bottom > rows.top)
          add_tile (c, ret_rects, &n, tx, rows);
      }
  c->show_whole = FALSE;
  return n;
}
