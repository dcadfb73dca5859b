#include "rdp/gfx.h"
#include "wire/buf.h"

/* [MS-RDPEGFX] 2.2.2 */
enum
{
  WIRE_TO_SURFACE_1 = 0x0001,
  SURFACE_TO_SURFACE = 0x0005,
  CREATE_SURFACE = 0x0009,
  DELETE_SURFACE = 0x000a,
  START_FRAME = 0x000b,
  END_FRAME = 0x000c,
  FRAME_ACKNOWLEDGE = 0x000d,
  RESET_GRAPHICS = 0x000e,
  MAP_SURFACE_TO_OUTPUT = 0x000f,
  CACHE_IMPORT_OFFER = 0x0010,
  CACHE_IMPORT_REPLY = 0x0011,
  CAPS_ADVERTISE = 0x0012,
  CAPS_CONFIRM = 0x0013,
};

#define HEAD_BYTES 8
#define VERSION_8 0x00080004u
#define SMALL_CACHE 2 /* the viewer need not set aside 100 MB */
#define SUSPEND G_MAXUINT32
/* Of the only surface. */
#define SURFACE 0
#define XRGB_8888 0x20
#define SINGLE_SEGMENT 0xe0
#define RDP8_NOT_COMPRESSED 0x04
/* 2.2.2.14: whatever monitors it names */
#define RESET_BYTES 340
#define MONITOR_PRIMARY 1

/* ---- from the viewer ---- */

static gboolean
parse_capabilities (SkReader *r, SkGfxMessage *ret)
{
  const guint n = sk_reader_u16 (r);
  ret->kind = SK_GFX_CAPABILITIES;
  for (guint i = 0; i < n && !r->failed; i++)
    {
      const guint32 version = sk_reader_u32 (r), length = sk_reader_u32 (r);
      ret->has_version_8 |= version == VERSION_8;
      sk_reader_bytes (r, length);
    }
  return sk_reader_finish (r);
}

static gboolean
parse_acknowledge (SkReader *r, SkGfxMessage *ret)
{
  ret->kind = SK_GFX_ACKNOWLEDGE;
  ret->suspends = sk_reader_u32 (r) == SUSPEND;
  ret->frame = sk_reader_u32 (r);
  sk_reader_u32 (r); /* decoded so far */
  return sk_reader_finish (r);
}

gboolean
sk_gfx_parse (const guint8 *untrusted, gsize length, gsize *at, SkGfxMessage *ret)
{
  SkReader head = sk_reader (untrusted + *at, length - *at);
  const guint type = sk_reader_u16 (&head);
  sk_reader_u16 (&head); /* flags: none are defined */
  const gsize total = sk_reader_u32 (&head);
  if (head.failed || total < HEAD_BYTES || total > length - *at)
    return FALSE;
  SkReader body = sk_reader (untrusted + *at + HEAD_BYTES, total - HEAD_BYTES);
  *ret = (SkGfxMessage){ .kind = type == CACHE_IMPORT_OFFER ? SK_GFX_CACHE_OFFER : SK_GFX_OTHER };
  if (type == CAPS_ADVERTISE && !parse_capabilities (&body, ret))
    return FALSE;
  if (type == FRAME_ACKNOWLEDGE && !parse_acknowledge (&body, ret))
    return FALSE;
  *at += total;
  return TRUE;
}

/* ---- to the viewer ---- */

static void
put_head (GByteArray *out, guint type, gsize body)
{
  sk_write_u16 (out, (guint16) type);
  sk_write_u16 (out, 0);
  sk_write_u32 (out, (guint32) (HEAD_BYTES + body));
}

static void
put_rect (GByteArray *out, const SkGfxRect *r)
{
  sk_write_u16 (out, r->left);
  sk_write_u16 (out, r->top);
  sk_write_u16 (out, r->right);
  sk_write_u16 (out, r->bottom);
}

void
sk_gfx_begin (GByteArray *out)
{
  const guint8 head[] = { SINGLE_SEGMENT, RDP8_NOT_COMPRESSED };
  g_byte_array_set_size (out, 0);
  g_byte_array_append (out, head, sizeof head);
}

void
sk_gfx_put_capabilities (GByteArray *out)
{
  put_head (out, CAPS_CONFIRM, 12);
  sk_write_u32 (out, VERSION_8);
  sk_write_u32 (out, 4);
  sk_write_u32 (out, SMALL_CACHE);
}

void
sk_gfx_put_no_cache (GByteArray *out)
{
  put_head (out, CACHE_IMPORT_REPLY, 2);
  sk_write_u16 (out, 0);
}

static void
put_reset (GByteArray *out, guint width, guint height)
{
  const guint before = out->len;
  put_head (out, RESET_GRAPHICS, RESET_BYTES - HEAD_BYTES);
  sk_write_u32 (out, width);
  sk_write_u32 (out, height);
  sk_write_u32 (out, 1);
  sk_write_u32 (out, 0);
  sk_write_u32 (out, 0);
  sk_write_u32 (out, width - 1);
  sk_write_u32 (out, height - 1);
  sk_write_u32 (out, MONITOR_PRIMARY);
  while (out->len < before + RESET_BYTES)
    sk_write_u32 (out, 0);
}

void
sk_gfx_put_desktop (GByteArray *out, gboolean was_one, guint width, guint height)
{
  if (was_one)
    {
      put_head (out, DELETE_SURFACE, 2);
      sk_write_u16 (out, SURFACE);
    }
  put_reset (out, width, height);
  put_head (out, CREATE_SURFACE, 7);
  sk_write_u16 (out, SURFACE);
  sk_write_u16 (out, (guint16) width);
  sk_write_u16 (out, (guint16) height);
  sk_write_u8 (out, XRGB_8888);
  put_head (out, MAP_SURFACE_TO_OUTPUT, 12);
  sk_write_u16 (out, SURFACE);
  sk_write_u16 (out, 0);
  sk_write_u32 (out, 0);
  sk_write_u32 (out, 0);
}

void
sk_gfx_put_frame_begin (GByteArray *out, guint32 frame, guint32 milliseconds)
{
  /* 2.2.2.11: hours, minutes, seconds, milliseconds in 5, 6, 6 and 10 bits */
  const guint32 seconds = milliseconds / 1000;
  put_head (out, START_FRAME, 8);
  sk_write_u32 (out, (seconds / 3600 % 24) << 22 | (seconds / 60 % 60) << 16 | (seconds % 60) << 10
                         | milliseconds % 1000);
  sk_write_u32 (out, frame);
}

void
sk_gfx_put_frame_end (GByteArray *out, guint32 frame)
{
  put_head (out, END_FRAME, 4);
  sk_write_u32 (out, frame);
}

void
sk_gfx_put_picture (GByteArray *out, SkGfxCodec codec, const SkGfxRect *rect, const guint8 *data,
                    gsize length)
{
  put_head (out, WIRE_TO_SURFACE_1, 17 + length);
  sk_write_u16 (out, SURFACE);
  sk_write_u16 (out, (guint16) codec);
  sk_write_u8 (out, XRGB_8888);
  put_rect (out, rect);
  sk_write_u32 (out, (guint32) length);
  g_byte_array_append (out, data, (guint) length);
}

void
sk_gfx_put_move (GByteArray *out, const SkGfxRect *from, guint x, guint y)
{
  put_head (out, SURFACE_TO_SURFACE, 18);
  sk_write_u16 (out, SURFACE);
  sk_write_u16 (out, SURFACE);
  put_rect (out, from);
  sk_write_u16 (out, 1);
  sk_write_u16 (out, (guint16) x);
  sk_write_u16 (out, (guint16) y);
}
