/* The graphics pipeline ([MS-RDPEGFX]) as a server: its messages, as pure functions. For viewers that have it
 * and no RemoteFX outside of it: Microsoft's newer ones. One surface, which is the desktop; version 8 of the
 * protocol, whose codecs are those that we have: planar and RemoteFX. */
#pragma once
#include <glib.h>

#define SK_GFX_CHANNEL "Microsoft::Windows::RDS::Graphics"

/* What goes into one message of the channel: [MS-RDPEGFX] 2.2.5.2 has 16 bits for its length. */
#define SK_GFX_SEGMENT_MAX 65535
/* Around a part that is sent: the segment's header, the frame's begin and end, the part's own head. */
#define SK_GFX_PART_HEAD 128

/* From the viewer. */
typedef enum
{
  SK_GFX_OTHER, /* nothing that asks for an answer */
  SK_GFX_CAPABILITIES,
  SK_GFX_ACKNOWLEDGE,
  SK_GFX_CACHE_OFFER, /* pictures of an earlier session: not wanted */
} SkGfxKind;

typedef struct
{
  SkGfxKind kind;
  gboolean has_version_8; /* of capabilities */
  guint32 frame;          /* of an acknowledgement */
  gboolean suspends;      /* it is the last one: the viewer does not acknowledge any more */
} SkGfxMessage;

/* Reads the message at *at and moves on behind it. FALSE: malformed, *at is where it was. */
gboolean
sk_gfx_parse (const guint8 *untrusted, gsize length, gsize *at, SkGfxMessage *ret) G_GNUC_WARN_UNUSED_RESULT;

typedef struct
{
  guint16 left, top, right, bottom; /* without the last column and row */
} SkGfxRect;

typedef enum
{
  SK_GFX_REMOTEFX = 0x0003,
  SK_GFX_PLANAR = 0x000a, /* rows from the top */
} SkGfxCodec;

/* Starts a message of the channel; the others add to it. */
void sk_gfx_begin (GByteArray *out);
void sk_gfx_put_capabilities (GByteArray *out);
void sk_gfx_put_no_cache (GByteArray *out);
/* Another desktop; the surface that was there, if any, goes. */
void sk_gfx_put_desktop (GByteArray *out, gboolean was_one, guint width, guint height);
void sk_gfx_put_frame_begin (GByteArray *out, guint32 frame, guint32 milliseconds);
void sk_gfx_put_frame_end (GByteArray *out, guint32 frame);
void sk_gfx_put_picture (GByteArray *out, SkGfxCodec codec, const SkGfxRect *rect, const guint8 *data,
                         gsize length);
/* Copies a part of the surface to where its upper left corner is x, y. */
void sk_gfx_put_move (GByteArray *out, const SkGfxRect *from, guint x, guint y);
