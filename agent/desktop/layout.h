/* Where the picture goes in the window, in device pixels. Pure; any thread. */
#pragma once
#include "desktop/pixels.h"

typedef struct
{
  SkRect target; /* device pixels of the widget */
  double zoom;   /* target pixels per picture pixel; exactly 1 when it is drawn 1:1 */
} SkLayout;

/* Centred and whole. Drawn 1:1 when it fits and is at most this much smaller than the room: a picture whose
 * size had to be rounded, or that is just following a resize, should stay sharp. */
#define SK_LAYOUT_SLACK 64
SkLayout sk_layout_fit (int room_width, int room_height, int picture_width, int picture_height);

/* A point of the widget (device pixels) → the picture's pixel, clamped into it. */
void sk_layout_to_picture (const SkLayout *layout, int picture_width, int picture_height, double x, double y,
                           int *ret_x, int *ret_y);
