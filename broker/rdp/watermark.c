#include "rdp/watermark.h"
#include "rdp/label.h"
#include <string.h>

/* The longest text that a core sends (256 bytes and the time) in its widest letters is far below. */
#define WIDTH_MAX 8192
G_STATIC_ASSERT (SK_LABEL_CELL_HEIGHT < SK_WATERMARK_LINE);
/* Rows without text, above and below the one line of them. */
#define TOP ((SK_WATERMARK_LINE - SK_LABEL_CELL_HEIGHT) / 2)
/* So many pixels are drawn without looking where the pattern ends. */
#define PIECE 64
/* A label's levels are 0 to 15. */
#define LEVEL_MAX 15

static guint32 *
row_of_text (const SkWatermark *w, guint line, guint row)
{
  return w->by + (line * SK_LABEL_CELL_HEIGHT + row) * w->by_row;
}

static void
put_glyph (SkWatermark *w, gsize glyph, guint x, guint line)
{
  for (guint row = 0; row < SK_LABEL_CELL_HEIGHT; row++)
    for (guint i = 0; i < SK_LABEL_CELL_WIDTH; i++)
      {
        const guint level = (guint) sk_label_level (glyph, i, row);
        guint32 *at = row_of_text (w, line, row) + (x + i) % w->width;
        *at = MAX (*at, (SK_WATERMARK_CONTRAST * level + LEVEL_MAX / 2) / LEVEL_MAX * 0x010101);
      }
}

static void
put_text (SkWatermark *w, const char *text, guint x, guint line)
{
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    {
      const gsize glyph = sk_label_find (g_utf8_get_char (p));
      put_glyph (w, glyph, x, line);
      x += sk_label_advances[glyph];
    }
}

void
sk_watermark_clear (SkWatermark *w)
{
  g_clear_pointer (&w->by, g_free);
  w->width = 0;
}

void
sk_watermark_set (SkWatermark *w, const char *text)
{
  sk_watermark_clear (w);
  if (!text || !*text || !g_utf8_validate (text, -1, NULL))
    return;
  w->width = MIN (sk_label_width (text) + SK_WATERMARK_GAP, WIDTH_MAX);
  w->by_row = w->width + PIECE;
  w->by = g_new0 (guint32, w->by_row * 2 * SK_LABEL_CELL_HEIGHT);
  put_text (w, text, SK_WATERMARK_GAP / 2, 0);
  put_text (w, text, SK_WATERMARK_GAP / 2 + w->width / 2, 1);
  for (guint line = 0; line < 2; line++)
    for (guint row = 0; row < SK_LABEL_CELL_HEIGHT; row++)
      for (guint i = 0; i < PIECE; i++)
        row_of_text (w, line, row)[w->width + i] = row_of_text (w, line, row)[i % w->width];
}

/* Four pixels at a time; the compiler makes one instruction of each line. */
#define LANES 4
typedef guint8 Bytes __attribute__ ((vector_size (LANES * 4)));
typedef gint8 Signs __attribute__ ((vector_size (LANES * 4)));

/* Away from the colour that is there: light ones get darker, dark ones lighter. */
static inline Bytes
mark (Bytes colours, Bytes by)
{
  const Bytes light = (Bytes) ((Signs) colours < 0);
  return colours + ((by ^ light) - light);
}

static void
draw_piece (guint32 *row, const guint32 *by, guint width)
{
  guint i = 0;
  for (; i + LANES <= width; i += LANES)
    {
      Bytes c, b;
      memcpy (&c, row + i, sizeof c);
      memcpy (&b, by + i, sizeof b);
      c = mark (c, b);
      memcpy (row + i, &c, sizeof c);
    }
  if (i < width)
    {
      Bytes c = { 0 }, b;
      memcpy (&c, row + i, (width - i) * sizeof *row);
      memcpy (&b, by + i, sizeof b);
      c = mark (c, b);
      memcpy (row + i, &c, (width - i) * sizeof *row);
    }
}

void
sk_watermark_draw (const SkWatermark *w, guint32 *row, guint x, guint y, guint width)
{
  const guint line = y / SK_WATERMARK_LINE % 2, text_row = y % SK_WATERMARK_LINE - TOP;
  if (!w->by || text_row >= SK_LABEL_CELL_HEIGHT)
    return;
  const guint32 *by = row_of_text (w, line, text_row);
  for (guint i = 0; i < width; i += PIECE)
    draw_piece (row + i, by + (x + i) % w->width, MIN (PIECE, width - i));
}

char *
sk_watermark_text (const char *name, gint64 time, gint offset_minutes)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (time);
  g_autoptr (GDateTime) local = utc ? g_date_time_add_minutes (utc, offset_minutes) : NULL;
  g_autofree char *moment = local ? g_date_time_format (local, "%Y-%m-%d %H:%M") : g_strdup ("");
  return g_strdup_printf ("%s %s", name, moment);
}
