#include "rdp/border.h"
#include "rdp/label.h"
#include "rdp/ring.h"

#define TEXT_LEFT 10

SkBorder
sk_border (gboolean drawn)
{
  if (!drawn)
    return (SkBorder){ 0 };
  return (SkBorder){ SK_BORDER_SIDE, SK_BORDER_TOP, SK_BORDER_SIDE, SK_BORDER_SIDE };
}

void
sk_border_outer (const SkBorder *b, guint *width, guint *height)
{
  *width += b->left + b->right;
  *height += b->top + b->bottom;
}

void
sk_border_inner (const SkBorder *b, guint *width, guint *height)
{
  *width -= MIN (*width, b->left + b->right);
  *height -= MIN (*height, b->top + b->bottom);
  sk_ring_clamp_size (width, height);
}

gboolean
sk_border_inner_monitors (const SkBorder *b, SkMonitors *monitors)
{
  guint width, height;
  sk_monitors_bounds (monitors, &width, &height);
  if (sk_monitors_primary (monitors)->y != 0)
    return FALSE;
  if (width <= b->left + b->right || height <= b->top + b->bottom)
    return FALSE;
  SkMonitorWish wishes[SK_MONITORS_MAX];
  for (guint i = 0; i < monitors->n; i++)
    {
      const SkMonitor *m = &monitors->monitors[i];
      const guint left = MAX (m->x, b->left), right = MIN (m->x + m->width, width - b->right);
      const guint top = MAX (m->y, b->top), bottom = MIN (m->y + m->height, height - b->bottom);
      wishes[i] = (SkMonitorWish){ (gint32) (left - b->left), (gint32) (top - b->top), right - left,
                                   bottom - top, m->primary };
    }
  return sk_monitors_make (wishes, monitors->n, monitors->scale, monitors);
}

gboolean
sk_border_to_guest (const SkBorder *b, guint guest_width, guint guest_height, gint *x, gint *y)
{
  const gint gx = *x - (gint) b->left, gy = *y - (gint) b->top;
  *x = CLAMP (gx, 0, (gint) guest_width - 1);
  *y = CLAMP (gy, 0, (gint) guest_height - 1);
  return *x == gx && *y == gy;
}

static void
fill (guint8 *pixels, gsize stride, guint x, guint y, guint width, guint height, guint32 colour)
{
  for (guint row = y; row < y + height; row++)
    {
      guint32 *line = (guint32 *) (void *) (pixels + row * stride);
      for (guint i = x; i < x + width; i++)
        line[i] = colour;
    }
}

static guint32
blend (guint32 under, guint32 over, guint level)
{
  guint32 out = 0;
  for (guint shift = 0; shift < 24; shift += 8)
    {
      guint a = under >> shift & 0xff, b = over >> shift & 0xff;
      out |= (a + (b * level + 7) / 15 - (a * level + 7) / 15) << shift;
    }
  return out;
}

static void
draw_glyph (guint8 *pixels, gsize stride, guint x, guint y, gsize glyph, guint32 ink)
{
  for (guint row = 0; row < SK_LABEL_CELL_HEIGHT; row++)
    {
      guint32 *line = (guint32 *) (void *) (pixels + (y + row) * stride);
      for (guint i = 0; i < SK_LABEL_CELL_WIDTH; i++)
        {
          const guint level = sk_label_level (glyph, i, row);
          if (level)
            line[x + i] = blend (line[x + i], ink, level);
        }
    }
}

/* Black or white, whatever reads better on the colour. */
static guint32
ink_for (guint32 colour)
{
  guint red = colour >> 16 & 0xff, green = colour >> 8 & 0xff, blue = colour & 0xff;
  return red * 299 + green * 587 + blue * 114 > 150 * 1000 ? 0x000000 : 0xffffff;
}

/* Returns where the text ends. */
static guint
draw_text (guint8 *pixels, gsize stride, guint x, guint y, guint width, const char *text, guint32 ink)
{
  for (const char *p = text; *p && x + SK_LABEL_CELL_WIDTH <= width; p = g_utf8_next_char (p))
    {
      gsize glyph = sk_label_find (g_utf8_get_char (p));
      draw_glyph (pixels, stride, x, y, glyph, ink);
      x += sk_label_advances[glyph];
    }
  return x;
}

void
sk_border_draw (const SkBorder *b, guint8 *pixels, gsize stride, guint width, guint height, guint32 colour,
                const char *text)
{
  if (b->top < SK_LABEL_CELL_HEIGHT || width <= b->left + b->right || height <= b->top + b->bottom)
    return;
  colour &= 0xffffff;
  fill (pixels, stride, 0, 0, width, b->top, colour);
  fill (pixels, stride, 0, height - b->bottom, width, b->bottom, colour);
  fill (pixels, stride, 0, b->top, b->left, height - b->top - b->bottom, colour);
  fill (pixels, stride, width - b->right, b->top, b->right, height - b->top - b->bottom, colour);
  if (!text || !g_utf8_validate (text, -1, NULL))
    return;
  const guint y = (b->top - SK_LABEL_CELL_HEIGHT) / 2;
  guint next = TEXT_LEFT;
  for (guint end = 0; next == TEXT_LEFT || (end < next && next + SK_BORDER_REPEAT / 2 <= width);
       next += SK_BORDER_REPEAT)
    end = draw_text (pixels, stride, next, y, width, text, ink_for (colour));
}
