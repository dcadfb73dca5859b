/* The grid that the viewer leg works in, and its rectangles. */
#pragma once
#include <glib.h>

#define SK_TILE 64 /* RemoteFX's own tile */

typedef struct
{
  guint16 x, y, width, height;
} SkTileRect;
