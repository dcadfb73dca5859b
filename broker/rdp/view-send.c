/* Pictures and pointers into RDP updates; peer thread. */
#include "rdp/view.h"
#include <freerdp/codec/color.h>
#include <freerdp/update.h>
#include <string.h>
#include <winpr/stream.h>

/* ---- together ---- */

/* A picture has up to some hundred updates: written one by one, each would be a TLS record, a system call
 * here and one at the viewer. */
#define BATCH_BYTES 65536

static gboolean
flush_batch (SkView *v, rdpTransport *transport)
{
  if (Stream_GetPosition (v->batch) == 0)
    return TRUE;
  const gboolean sent = v->write_pdu (transport, v->batch) >= 0;
  Stream_SetPosition (v->batch, 0);
  return sent;
}

static gboolean
send_rfx (SkView *v, const SkFrameOut *f, const SkPart *p)
{
  rdpContext *context = v->peer->context;
  const SURFACE_BITS_COMMAND command = {
    .cmdType = CMDTYPE_STREAM_SURFACE_BITS,
    .destRight = f->width,
    .destBottom = f->height,
    .bmp = { .bpp = 32,
             .codecID = (UINT16) freerdp_settings_get_uint32 (context->settings, FreeRDP_RemoteFxCodecId),
             .width = (UINT16) f->width,
             .height = (UINT16) f->height,
             .bitmapDataLength = (UINT32) p->length,
             .bitmapData = p->data },
    .skipCompression = TRUE,
  };
  return context->update->SurfaceBits (context, &command);
}

static gboolean
send_bitmap (SkView *v, const SkPart *p)
{
  rdpContext *context = v->peer->context;
  BITMAP_DATA bitmap = {
    .destLeft = p->rect.x,
    .destTop = p->rect.y,
    .destRight = p->rect.x + p->rect.width - 1u,
    .destBottom = p->rect.y + p->rect.height - 1u,
    .width = p->rect.width,
    .height = p->rect.height,
    .bitsPerPixel = 32,
    .bitmapLength = (UINT32) p->length,
    .cbCompMainBodySize = (UINT32) p->length,
    .cbScanWidth = p->rect.width * 4u,
    .cbUncompressedSize = p->rect.width * p->rect.height * 4u,
    .bitmapDataStream = p->data,
    .compressed = TRUE,
  };
  /* One rectangle an update: Microsoft's client of Windows 11 24H2 broke on several. */
  const BITMAP_UPDATE update = { .number = 1, .rectangles = &bitmap, .skipCompression = TRUE };
  return context->update->BitmapUpdate (context, &update);
}

/* One fast-path update with one primary drawing order: [MS-RDPBCGR] 2.2.9.1.2.1.2, [MS-RDPEGDI]
 * 2.2.2.2.1.1.2.7 (ScrBlt). Of our own because FreeRDP 3.10's sender refuses unless its buffer is full. */
#define MOVE_BYTES 24
#define FASTPATH_ORDERS 0x00 /* whole, not compressed */
#define STANDARD_TYPE_CHANGE 0x09
#define SCRBLT 0x02
#define ALL_SEVEN_FIELDS 0x7f
#define SRCCOPY 0xcc

static void
write_move (const SkPart *p, guint8 out[MOVE_BYTES])
{
  const guint16 fields[] = { p->rect.x, p->rect.y, p->rect.width, p->rect.height };
  const guint16 source[] = { p->rect.x, (guint16) (p->rect.y - p->by) };
  guint8 *at = out;
  const guint8 head[] = { 0, 0x80, MOVE_BYTES,           FASTPATH_ORDERS, MOVE_BYTES - 6,  0,
                          1, 0,    STANDARD_TYPE_CHANGE, SCRBLT,          ALL_SEVEN_FIELDS };
  memcpy (at, head, sizeof head);
  at += sizeof head;
  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++, at += 2)
    memcpy (at, &(guint16){ GUINT16_TO_LE (fields[i]) }, 2);
  *at++ = SRCCOPY;
  for (gsize i = 0; i < G_N_ELEMENTS (source); i++, at += 2)
    memcpy (at, &(guint16){ GUINT16_TO_LE (source[i]) }, 2);
  G_STATIC_ASSERT (sizeof head + sizeof fields + 1 + sizeof source == MOVE_BYTES);
}

static gboolean
send_move (SkView *v, const SkPart *p)
{
  guint8 out[MOVE_BYTES];
  write_move (p, out);
  if (Stream_GetRemainingCapacity (v->batch) < sizeof out
      && !flush_batch (v, freerdp_get_transport (v->peer->context)))
    return FALSE;
  Stream_Write (v->batch, out, sizeof out);
  return TRUE;
}

static gboolean
send_part (SkView *v, const SkFrameOut *f, const SkPart *p)
{
  switch (p->kind)
    {
    case SK_PART_BITMAP:
      return send_bitmap (v, p);
    case SK_PART_RFX:
      return send_rfx (v, f, p);
    case SK_PART_MOVE:
      return send_move (v, p);
    }
  return FALSE;
}

static gboolean
send_marker (SkView *v, guint32 action, guint32 frame_id)
{
  rdpContext *context = v->peer->context;
  const SURFACE_FRAME_MARKER marker = { action, frame_id };
  return !v->has_acks || context->update->SurfaceFrameMarker (context, &marker);
}

static int
on_write_pdu (rdpTransport *transport, wStream *s)
{
  SkView *v = ((SkViewContext *) transport_get_context (transport))->view;
  const size_t length = Stream_GetPosition (s);
  if (!v->batch || length > BATCH_BYTES)
    return v->batch && !flush_batch (v, transport) ? -1 : v->write_pdu (transport, s);
  if (Stream_GetRemainingCapacity (v->batch) < length && !flush_batch (v, transport))
    return -1;
  Stream_Write (v->batch, Stream_Buffer (s), length);
  return (int) length;
}

gboolean
sk_view_send_prepare (SkView *v)
{
  const rdpTransportIo *old = freerdp_get_io_callbacks (v->peer->context);
  if (!old)
    return FALSE;
  rdpTransportIo io = *old;
  v->write_pdu = io.WritePdu;
  io.WritePdu = on_write_pdu;
  return freerdp_set_io_callbacks (v->peer->context, &io);
}

gboolean
sk_view_send_begin (SkView *v)
{
  v->batch = Stream_New (NULL, BATCH_BYTES);
  return v->batch != NULL;
}

gboolean
sk_view_send_end (SkView *v)
{
  const gboolean sent = flush_batch (v, freerdp_get_transport (v->peer->context));
  Stream_Free (v->batch, TRUE);
  v->batch = NULL;
  return sent;
}

gboolean
sk_view_send_frame (SkView *v, SkFrameOut *f)
{
  const guint32 frame_id = ++v->frame_id;
  /* Recorded, then shown. */
  if (!sk_view_record_frame (v, f))
    return FALSE;
  if (v->gfx_ready)
    return sk_view_gfx_send_frame (v, f, frame_id);
  if (!sk_view_send_begin (v))
    return FALSE;
  gboolean sent = send_marker (v, SURFACECMD_FRAMEACTION_BEGIN, frame_id);
  for (guint i = 0; i < f->parts->len && sent; i++)
    sent = send_part (v, f, &g_array_index (f->parts, SkPart, i));
  sent = sent && send_marker (v, SURFACECMD_FRAMEACTION_END, frame_id);
  return sk_view_send_end (v) && sent;
}

/* ---- pointer ---- */

static gboolean
send_system_pointer (SkView *v, guint32 type)
{
  rdpContext *context = v->peer->context;
  const POINTER_SYSTEM_UPDATE update = { type };
  return context->update->pointer->PointerSystem (context, &update);
}

/* Without the large pointer capability: [MS-RDPBCGR] 2.2.9.1.1.4.4 */
#define SMALL_POINTER 32

static gboolean
is_too_large (SkView *v, const SkRingShape *shape)
{
  const guint32 large = freerdp_settings_get_uint32 (v->peer->context->settings, FreeRDP_LargePointerFlag);
  const guint max = large & LARGE_POINTER_FLAG_96x96 ? SK_RING_POINTER_MAX : SMALL_POINTER;
  return shape->width > max || shape->height > max;
}

static gboolean
send_shape (SkView *v, const SkRingShape *shape)
{
  rdpContext *context = v->peer->context;
  const gsize row = shape->width * 4u;
  /* one bit a pixel, rows of whole 16 bit words; all transparent, the colours' alpha decides */
  const gsize and_row = (gsize) ((shape->width + 15) / 16) * 2;
  g_autofree guint8 *xor_mask = g_malloc (row * shape->height);
  g_autofree guint8 *and_mask = g_malloc0 (and_row * shape->height);
  for (guint y = 0; y < shape->height; y++)
    {
      const guint32 *from = shape->argb + (gsize) (shape->height - 1 - y) * shape->width;
      guint8 *to = xor_mask + y * row, *bits = and_mask + y * and_row;
      memcpy (to, from, row);
      for (guint x = 0; x < shape->width; x++)
        if (from[x] >> 24 == 0)
          bits[x / 8] |= (guint8) (0x80 >> (x % 8));
    }
  const POINTER_NEW_UPDATE update = {
    .xorBpp = 32,
    .colorPtrAttr = { .cacheIndex = 0,
                      .hotSpotX = shape->hot_x,
                      .hotSpotY = shape->hot_y,
                      .width = shape->width,
                      .height = shape->height,
                      .lengthAndMask = (UINT16) (and_row * shape->height),
                      .lengthXorMask = (UINT16) (row * shape->height),
                      .xorMaskData = xor_mask,
                      .andMaskData = and_mask },
  };
  return context->update->pointer->PointerNew (context, &update);
}

gboolean
sk_view_send_pointer (SkView *v, SkRingPointerKind kind, const SkRingShape *shape)
{
  if (kind == SK_RING_POINTER_HIDDEN)
    return send_system_pointer (v, SYSPTR_NULL);
  if (kind == SK_RING_POINTER_DEFAULT || is_too_large (v, shape))
    return send_system_pointer (v, SYSPTR_DEFAULT);
  return send_shape (v, shape);
}
