/* The watermark: who looks and when, faintly all over the guest's picture, so that a photograph of the screen
 * tells whose it was. The view draws it; the guest's pixels stay as they are in the frame memory. Pure
 * functions but for the memory they hold. */
#pragma once
#include <glib.h>

/* Lines of text this far apart, every other one shifted by half a text: no window of a dialog's size is
 * without one. */
#define SK_WATERMARK_LINE 120
/* Between two texts of a line. */
#define SK_WATERMARK_GAP 160
/* How much lighter or darker the text makes a colour, of 255: seen on white, black and grey, and in a
 * photograph, without getting in the way of reading. */
#define SK_WATERMARK_CONTRAST 36

typedef struct
{
  guint width;  /* of the pattern, which repeats every so many pixels and 2 x SK_WATERMARK_LINE rows */
  guint32 *by;  /* of the rows that have text: how much each pixel's colours change; NULL: no watermark */
  gsize by_row; /* pixels from one such row to the next: the pattern's first go on behind its last */
} SkWatermark;

/* untrusted_text: UTF-8, or what a core sent as such; what is not, or is empty, draws nothing. */
void sk_watermark_set (SkWatermark *w, const char *untrusted_text);
void sk_watermark_clear (SkWatermark *w);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkWatermark, sk_watermark_clear)

/* Draws over a piece of a row of BGRX32 pixels that begins at x, y of the guest's picture. */
void sk_watermark_draw (const SkWatermark *w, guint32 *row, guint x, guint y, guint width);

/* The text for a moment: "NAME 2026-11-28 21:43". time: seconds since 1970, UTC; offset: minutes east. */
char *sk_watermark_text (const char *name, gint64 time, gint offset_minutes);
