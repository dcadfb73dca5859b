/* Text from the label font (label-font.h): the border's and the watermark's. Pure functions. */
#pragma once
#include "rdp/label-font.h"
#include <glib.h>

/* The glyph of a character; of one that the font lacks, that of U+3013, the Japanese "character missing"
 * mark. */
gsize sk_label_find (gunichar c);
/* How dark it is at a place of its cell: 0 … 15. */
guint sk_label_level (gsize glyph, guint x, guint y);
/* Width of a line of (valid) UTF-8, in pixels. */
guint sk_label_width (const char *text);
