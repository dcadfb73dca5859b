/* From rectangles of a canvas to what goes into RDP updates. One thread: the view's encoder. */
#pragma once
#include "rdp/canvas.h"
#include <freerdp/codec/planar.h>
#include <freerdp/codec/rfx.h>

typedef enum
{
  SK_CODEC_RFX = 1,    /* RemoteFX surface bits, RLGR3 */
  SK_CODEC_PLANAR = 2, /* lossless bitmaps, one tile an update: what every client has */
} SkCodec;

/* One update's payload. Planar: the bitmap at rect. RFX: a RemoteFX message for the whole desktop; rect is
 * the desktop. */
typedef struct
{
  SkTileRect rect;
  guint8 *data;
  gsize length;
} SkPart;

/* What one look at the frame memory gave: sent whole or not at all. */
typedef struct
{
  SkCodec codec;
  guint width, height; /* of the desktop it is for */
  GArray *parts;       /* SkPart */
  gsize bytes;
  gsize part_max; /* largest part */
} SkFrameOut;
void sk_frame_out_free (SkFrameOut *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkFrameOut, sk_frame_out_free)

typedef struct
{
  RFX_CONTEXT *rfx;
  BITMAP_PLANAR_CONTEXT *planar;
  guint width, height;
} SkEncoder;

/* About the size of a RemoteFX message when a viewer allows it: a picture comes in several, and the first can
 * be decoded while the others are on their way. */
#define SK_ENCODE_MESSAGE_MAX 60000

gboolean sk_encoder_init (SkEncoder *e);
/* Another desktop or another viewer: RemoteFX starts over with its headers. */
gboolean sk_encoder_reset (SkEncoder *e, guint width, guint height);
/* NULL when FreeRDP fails (memory). message_max: bytes that the viewer takes in one update. */
SkFrameOut *sk_encoder_encode (SkEncoder *e, SkCodec codec, const SkCanvas *c, const SkTileRect *rects,
                               guint n_rects, gsize message_max);
