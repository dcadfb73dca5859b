/* RemoteFX ([MS-RDPRFX]), the encoder's half: what photographs and video go as. Of our own because FreeRDP's
 * encoder was half of what a session's processes cost while a video plays; its decoder, and Microsoft's, read
 * it. One quality, which is Windows' own; RLGR3. Pure functions. */
#pragma once
#include "rdp/tile.h"

#define SK_RFX_COEFFICIENTS (SK_TILE * SK_TILE)
/* A component that takes more than its 4096 pixels do is noise, and better off as a bitmap. */
#define SK_RFX_COMPONENT_MAX SK_RFX_COEFFICIENTS
#define SK_RFX_TILE_HEAD 19
#define SK_RFX_TILE_MAX (SK_RFX_TILE_HEAD + 3 * SK_RFX_COMPONENT_MAX)

/* Scratch of a tile: luma and two of chroma, each with coefficients behind it that end the search for zeros.
 */
typedef struct
{
  gint16 planes[3][SK_RFX_COEFFICIENTS + 4];
  gint16 work[SK_RFX_COEFFICIENTS];
} SkRfxScratch;

/* Encodes up to 64 x 64 BGRX32 pixels as the tile of that column and row; what a smaller one lacks repeats
 * its edge. out: room for SK_RFX_TILE_MAX bytes. Returns the bytes written, 0 when a component takes more
 * than SK_RFX_COMPONENT_MAX. */
gsize sk_rfx_encode_tile (SkRfxScratch *scratch, const guint8 *pixels, gsize stride, guint width,
                          guint height, guint column, guint row, guint8 *out);

/* Rectangles of the desktop that a message is for. */
#define SK_RFX_RECTS_MAX 32

typedef struct
{
  guint width, height; /* of the desktop */
  gboolean headers_sent;
  guint32 frame;
} SkRfxStream;

/* What a message takes beside its tiles, at most. */
#define SK_RFX_MESSAGE_HEAD (47 + 14 + 15 + 8 * SK_RFX_RECTS_MAX + 22 + 5 + 8)
/* Appends one message: the stream's headers when it is the first, then a frame of n_tiles tiles, of which
 * `tiles` holds the bytes one behind the other. */
void sk_rfx_write_message (SkRfxStream *stream, const SkTileRect *rects, guint n_rects,
                           const GByteArray *tiles, guint n_tiles, GByteArray *out);
