/* From rectangles of a canvas to what goes into RDP updates. One thread: the view's encoder.
 *
 * Text and plain areas go as lossless bitmaps, the rest as RemoteFX where the viewer has it: each 64 x 64
 * tile is tried as a bitmap first, and is one unless that gets large. */
#pragma once
#include "rdp/rfx.h"
#include "rdp/scroll.h"

typedef enum
{
  SK_PART_BITMAP = 1, /* planar, lossless: the bitmap at rect */
  SK_PART_RFX = 2,    /* a RemoteFX message (RLGR3) for the whole desktop: surface bits */
  SK_PART_MOVE = 3,   /* no payload: the viewer copies what it has to rect, from `by` rows above */
} SkPartKind;

/* One update's payload. */
typedef struct
{
  SkPartKind kind;
  SkTileRect rect; /* of a bitmap, a move's target */
  gint16 by;
  guint8 *data; /* inside the frame's buffer once it is finished */
  gsize length;
} SkPart;

/* What one look at the frame memory gave: sent whole or not at all. */
typedef struct
{
  guint width, height; /* of the desktop it is for */
  gboolean needs_rfx;
  gboolean top_down; /* bitmaps, as the graphics pipeline wants them */
  GArray *parts;     /* SkPart, in the order of sending */
  GByteArray *data;
  gsize part_max; /* largest part */
} SkFrameOut;
void sk_frame_out_free (SkFrameOut *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkFrameOut, sk_frame_out_free)

/* What the viewer has of a tile. */
typedef enum
{
  SK_TILE_EXACT = 0,
  SK_TILE_LOSSY = 1,     /* a photograph */
  SK_TILE_UNSETTLED = 2, /* RemoteFX, of what may well be none: taken for one, or moved here with one */
} SkTileQuality;

typedef struct
{
  gboolean top_down; /* what pictures are to be: set between them */
  SkRfxStream rfx;
  SkRfxScratch *scratch;
  GByteArray *tiles, *message; /* scratch: a message's tiles, and the message */
  SkTileRect *photos;          /* scratch: tiles for RemoteFX */
  guint n_photos, photos_room;
  guint8 *still_photo; /* a byte a tile: pictures for which it is taken to be a photograph without trying */
  guint8 *quality;     /* a byte a tile: SkTileQuality */
  guint n_unsettled, tiles_x, tiles_y;
} SkEncoder;

/* A tile that takes more as a bitmap (12 KiB of colours) is a photograph: RemoteFX makes 1 to 2.5 KiB of it.
 * Text with smoothed edges stays below 4 KiB. */
#define SK_ENCODE_BITMAP_MAX 5000
/* A tile that was a photograph is not tried again for this many pictures: half a second of video. */
#define SK_ENCODE_PHOTO_PICTURES 12

void sk_encoder_init (SkEncoder *e);
void sk_encoder_clear (SkEncoder *e);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkEncoder, sk_encoder_clear)
/* Another desktop or another viewer: RemoteFX starts over with its headers. */
void sk_encoder_reset (SkEncoder *e, guint width, guint height);
/* What goes out: moves first, then rectangles. */
typedef struct
{
  const SkMove *moves;
  guint n_moves;
  const SkTileRect *rects;
  guint n_rects;
} SkChanges;
/* rfx: the viewer has RemoteFX. message_max: bytes that the viewer takes in one update. */
SkFrameOut *sk_encoder_encode (SkEncoder *e, gboolean rfx, const SkCanvas *c, const SkChanges *changes,
                               gsize message_max);
/* Tries what was taken to be a photograph, and is not: those tiles of the canvas are to be sent again,
 * without loss. For a picture at rest; takes some microseconds a tile. */
void sk_encoder_settle (SkEncoder *e, SkCanvas *c);

/* After a picture the next one waits until this long after the one before began, unless it is the first after
 * a pause. 12 ms is a little less than a frame of a 60 Hz display. */
#define SK_ENCODE_FRAME_US 12000
/* And an encoder works for this share of the time at most, however much changes all the time: the processors
 * are there for other sessions too, and for the guest. Full HD in motion takes 15 ms, and stays at 40
 * pictures a second. */
#define SK_ENCODE_SHARE_PERCENT 60
/* The soonest moment for another picture after one that was made between these two; microseconds. */
gint64 sk_encoder_next (gint64 began, gint64 ended);
