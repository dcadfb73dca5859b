#include "rdp/label.h"

#define MISSING 0x3013

gsize
sk_label_find (gunichar c)
{
  gsize low = 0, high = sk_label_glyphs;
  while (low < high)
    {
      gsize middle = (low + high) / 2;
      if (sk_label_points[middle] < c)
        low = middle + 1;
      else
        high = middle;
    }
  if (low < sk_label_glyphs && sk_label_points[low] == c)
    return low;
  return c == MISSING ? 0 : sk_label_find (MISSING);
}

guint
sk_label_level (gsize glyph, guint x, guint y)
{
  const guint at = y * SK_LABEL_CELL_WIDTH + x;
  return sk_label_cells[glyph][at / 2] >> (at % 2 * 4) & 15;
}

guint
sk_label_width (const char *text)
{
  guint width = 0;
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    width += sk_label_advances[sk_label_find (g_utf8_get_char (p))];
  return width;
}
