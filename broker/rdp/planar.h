/* Lossless bitmaps in RDP's planar codec ([MS-RDPEGDI] 2.2.2.5): what every client decodes, and decodes
 * quickly. Of our own because FreeRDP's encoder takes about as long for a tile as RemoteFX does. Pure. */
#pragma once
#include <glib.h>

#define SK_PLANAR_WIDTH_MAX 64
#define SK_PLANAR_HEIGHT_MAX 64
/* A row raw, with its control bytes, and what copying 16 bytes at a time may touch behind it. */
#define SK_PLANAR_ROW_MAX (SK_PLANAR_WIDTH_MAX + 5 + 16)
/* Every row of every plane raw. */
#define SK_PLANAR_MAX (1 + 3 * SK_PLANAR_HEIGHT_MAX * (SK_PLANAR_WIDTH_MAX + 5) + 16)

/* Encodes BGRX32 pixels, width a multiple of 4, from the last row to the first, as bitmap updates want it
 * (for the graphics pipeline: from `pixels` of the last row and a negative stride). Returns the bytes written
 * to out, 0 when they would be more than max (at most SK_PLANAR_MAX): then it is no text and no plain area.
 */
gsize
sk_planar_encode (const guint8 *pixels, gssize stride, guint width, guint height, guint8 *out, gsize max);
