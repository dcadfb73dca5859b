/* Glyph masks made at build time (make-label-font.c). */
#pragma once

#define SK_LABEL_PIXELS 15 /* font size: fits the border's strip */
#define SK_LABEL_CELL_WIDTH 16
#define SK_LABEL_CELL_HEIGHT 18
#define SK_LABEL_BASELINE 14
/* four bits a pixel, the left one in the low half */
#define SK_LABEL_CELL_BYTES (SK_LABEL_CELL_WIDTH * SK_LABEL_CELL_HEIGHT / 2)

extern const unsigned sk_label_glyphs;
extern const unsigned short sk_label_points[]; /* ascending */
extern const unsigned char sk_label_advances[];
extern const unsigned char sk_label_cells[][SK_LABEL_CELL_BYTES];
