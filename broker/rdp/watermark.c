#include "rdp/watermark.h"
#include "rdp/label.h"
#include <string.h>

#define ROWS (2 * SK_WATERMARK_LINE)
/* The longest text that a core sends (256 bytes and the time) in its widest letters is far below. */
#define WIDTH_MAX 8192
G_STATIC_ASSERT (SK_LABEL_CELL_HEIGHT < SK_WATERMARK_LINE);

static void
put_glyph (SkWatermark *w, gsize glyph, guint x, guint y)
{
  for (guint row = 0; row < SK_LABEL_CELL_HEIGHT; row++)
    for (guint i = 0; i < SK_LABEL_CELL_WIDTH; i++)
      {
        guint8 *at = &w->levels[(gsize) (y + row) * w->width + (x + i) % w->width];
        *at = MAX (*at, (guint8) sk_label_level (glyph, i, row));
      }
}

static void
put_text (SkWatermark *w, const char *text, guint x, guint y)
{
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    {
      const gsize glyph = sk_label_find (g_utf8_get_char (p));
      put_glyph (w, glyph, x, y);
      x += sk_label_advances[glyph];
    }
}

void
sk_watermark_clear (SkWatermark *w)
{
  g_clear_pointer (&w->levels, g_free);
  w->width = 0;
}

void
sk_watermark_set (SkWatermark *w, const char *text)
{
  sk_watermark_clear (w);
  if (!text || !*text || !g_utf8_validate (text, -1, NULL))
    return;
  w->width = MIN (sk_label_width (text) + SK_WATERMARK_GAP, WIDTH_MAX);
  w->levels = g_malloc0 ((gsize) w->width * ROWS);
  const guint y = (SK_WATERMARK_LINE - SK_LABEL_CELL_HEIGHT) / 2;
  put_text (w, text, SK_WATERMARK_GAP / 2, y);
  put_text (w, text, SK_WATERMARK_GAP / 2 + w->width / 2, y + SK_WATERMARK_LINE);
}

/* Away from the colour that is there: light ones get darker, dark ones lighter. */
static guint32
mark (guint32 colour, guint level)
{
  const guint by = (SK_WATERMARK_CONTRAST * level + 7) / 15;
  guint32 out = 0;
  for (guint shift = 0; shift < 24; shift += 8)
    {
      const guint c = colour >> shift & 0xff;
      out |= (c >= 128 ? c - by : c + by) << shift;
    }
  return out | (colour & 0xff000000);
}

void
sk_watermark_draw (const SkWatermark *w, guint32 *row, guint x, guint y, guint width)
{
  const guint line = y % SK_WATERMARK_LINE, top = (SK_WATERMARK_LINE - SK_LABEL_CELL_HEIGHT) / 2;
  if (!w->levels || line < top || line >= top + SK_LABEL_CELL_HEIGHT)
    return;
  const guint8 *levels = &w->levels[(gsize) (y % ROWS) * w->width];
  guint at = x % w->width;
  for (guint i = 0; i < width; i++)
    {
      if (levels[at])
        row[i] = mark (row[i], levels[at]);
      if (++at == w->width)
        at = 0;
    }
}

char *
sk_watermark_text (const char *name, gint64 time, gint offset_minutes)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (time);
  g_autoptr (GDateTime) local = utc ? g_date_time_add_minutes (utc, offset_minutes) : NULL;
  g_autofree char *moment = local ? g_date_time_format (local, "%Y-%m-%d %H:%M") : g_strdup ("");
  return g_strdup_printf ("%s %s", name, moment);
}
