/* The trust border: a coloured frame with a label around the guest's picture, so that everybody sees on which
 * side a window is. The view draws it; the guest's pixels never reach it. Pure functions. */
#pragma once
#include "rdp/monitors.h"

/* A strip that holds one line of text, and sides just wide enough to be seen as a frame. */
#define SK_BORDER_TOP 22
#define SK_BORDER_SIDE 4
/* The label again every so many pixels: a picture may lie on several monitors, and none that is sold for
 * offices is narrower. */
#define SK_BORDER_REPEAT 1280

typedef struct
{
  guint left, top, right, bottom; /* all 0: no border */
} SkBorder;

SkBorder sk_border (gboolean drawn);

/* The viewer's desktop for a guest of this size, and back (clamped to what a guest can be). */
void sk_border_outer (const SkBorder *b, guint *width, guint *height);
void sk_border_inner (const SkBorder *b, guint *width, guint *height);

/* Several monitors of the viewer to those of the guest: the border goes once around all of them. FALSE, and
 * nothing changed, when the label would not be on the primary one (it does not reach the upper edge of all)
 * or too little is left of one. */
gboolean sk_border_inner_monitors (const SkBorder *b, SkMonitors *monitors);

/* The viewer's coordinates to the guest's, clamped into it; FALSE when they were on the border. */
gboolean sk_border_to_guest (const SkBorder *b, guint guest_width, guint guest_height, gint *x, gint *y);

/* Draws the frame and as much of the label as fits into a picture of BGRX32 pixels. text: UTF-8, or what a
 * core sent as such. colour: 0xRRGGBB. */
void sk_border_draw (const SkBorder *b, guint8 *pixels, gsize stride, guint width, guint height,
                     guint32 colour, const char *text);
