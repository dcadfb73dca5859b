/* The trust border: a coloured frame with a label around the guest's picture, so that everybody sees on which
 * side a window is. The view draws it; the guest's pixels never reach it. Pure functions. */
#pragma once
#include <glib.h>

/* A strip that holds one line of text, and sides just wide enough to be seen as a frame. */
#define SK_BORDER_TOP 22
#define SK_BORDER_SIDE 4

typedef struct
{
  guint left, top, right, bottom; /* all 0: no border */
} SkBorder;

SkBorder sk_border (gboolean drawn);

/* The viewer's desktop for a guest of this size, and back (clamped to what a guest can be). */
void sk_border_outer (const SkBorder *b, guint *width, guint *height);
void sk_border_inner (const SkBorder *b, guint *width, guint *height);

/* The viewer's coordinates to the guest's, clamped into it; FALSE when they were on the border. */
gboolean sk_border_to_guest (const SkBorder *b, guint guest_width, guint guest_height, gint *x, gint *y);

/* Draws the frame and as much of the label as fits into a picture of BGRX32 pixels. text: UTF-8, or what a
 * core sent as such. colour: 0xRRGGBB. */
void sk_border_draw (const SkBorder *b, guint8 *pixels, gsize stride, guint width, guint height,
                     guint32 colour, const char *text);
