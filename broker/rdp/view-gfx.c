/* The picture through the graphics pipeline (gfx.h), for viewers that have no RemoteFX outside of it. The
 * pipeline is a dynamic channel, which opens after the handshake: until the viewer has said its capabilities
 * no picture goes out, and a viewer that says none in time gets bitmaps as any other. Peer thread. */
#include "rdp/gfx.h"
#include "rdp/library.h"
#include "rdp/view.h"
#include <freerdp/channels/drdynvc.h>
#include <freerdp/settings.h>
#include <string.h>
#include <winpr/wtsapi.h>

/* The handshake is through then: a channel that is not open after so long does not come. */
#define READY_WITHIN_US (2 * G_USEC_PER_SEC)
/* The longest that is of use, an offer of cached pictures: [MS-RDPEGFX] 2.2.2.16 allows 5462 of 12 bytes. */
#define MESSAGE_MAX (70 * 1024)

gboolean
sk_view_gfx_activate (SkView *v)
{
  const rdpSettings *settings = v->peer->context->settings;
  /* A recording is written in what every viewer of recordings reads. */
  if (v->gfx_given_up || !freerdp_settings_get_bool (settings, FreeRDP_SupportGraphicsPipeline)
      || v->record >= 0 || !WTSVirtualChannelManagerIsChannelJoined (v->vcm, DRDYNVC_SVC_CHANNEL_NAME))
    return FALSE;
  v->gfx_deadline = g_get_monotonic_time () + READY_WITHIN_US;
  return TRUE;
}

gboolean
sk_view_gfx_waits (SkView *v, int *ret_wait)
{
  if (!v->gfx_deadline || v->gfx_ready)
    return FALSE;
  const gint64 left = v->gfx_deadline - g_get_monotonic_time ();
  if (left > 0)
    {
      *ret_wait = (int) (left / 1000) + 1;
      return TRUE;
    }
  sk_worker_log (v->worker, G_LOG_LEVEL_MESSAGE,
                 "the viewer's graphics pipeline does not open; bitmaps instead");
  v->gfx_deadline = 0;
  v->gfx_given_up = TRUE;
  sk_view_gfx_close (v); /* what it may say later is nobody's to keep */
  sk_view_take_abilities (v, FALSE);
  return FALSE;
}

static gboolean
write_out (SkView *v)
{
  ULONG written = 0;
  return WTSVirtualChannelWrite (v->gfx, (PCHAR) v->gfx_out->data, v->gfx_out->len, &written);
}

/* What the channel was given goes out as one write where it fits. */
static gboolean
flush (SkView *v)
{
  if (!sk_view_send_begin (v))
    return FALSE;
  const gboolean sent = WTSVirtualChannelManagerCheckFileDescriptor (v->vcm);
  return sk_view_send_end (v) && sent;
}

static void
start (SkView *v)
{
  v->gfx_ready = v->has_acks = TRUE;
  g_mutex_lock (&v->lock);
  const guint width = v->shared.width, height = v->shared.height;
  g_mutex_unlock (&v->lock);
  sk_gfx_begin (v->gfx_out);
  sk_gfx_put_capabilities (v->gfx_out);
  if (!write_out (v) || !sk_view_gfx_resize (v, width, height))
    sk_worker_log (v->worker, G_LOG_LEVEL_WARNING, "graphics pipeline: cannot write");
  else
    sk_worker_log (v->worker, G_LOG_LEVEL_MESSAGE, "graphics pipeline: open");
}

static void
take (SkView *v, const SkGfxMessage *m)
{
  switch (m->kind)
    {
    case SK_GFX_CAPABILITIES:
      if (m->has_version_8 && !v->gfx_ready && v->gfx_deadline)
        start (v);
      break;
    case SK_GFX_ACKNOWLEDGE:
      sk_view_take_acknowledge (v, m->suspends ? G_MAXUINT32 : m->frame);
      break;
    case SK_GFX_CACHE_OFFER:
      sk_gfx_begin (v->gfx_out);
      sk_gfx_put_no_cache (v->gfx_out);
      if (!write_out (v))
        sk_worker_log (v->worker, G_LOG_LEVEL_WARNING, "graphics pipeline: cannot write");
      break;
    case SK_GFX_OTHER:
      break;
    }
}

static gboolean
read_messages (SkView *v)
{
  ULONG n = 0;
  while (WTSVirtualChannelRead (v->gfx, 0, NULL, 0, &n) && n > 0)
    {
      if (n > MESSAGE_MAX)
        {
          sk_worker_log (v->worker, G_LOG_LEVEL_WARNING, "graphics pipeline: a message of %lu bytes",
                         (gulong) n);
          return FALSE;
        }
      g_autofree guint8 *untrusted = g_malloc (n);
      if (!WTSVirtualChannelRead (v->gfx, 0, (PCHAR) untrusted, n, &n))
        return TRUE;
      SkGfxMessage m;
      gsize at = 0;
      while (at < n)
        {
          if (!sk_gfx_parse (untrusted, n, &at, &m))
            {
              sk_worker_log (v->worker, G_LOG_LEVEL_WARNING, "graphics pipeline: a broken message");
              return FALSE;
            }
          take (v, &m);
        }
    }
  return TRUE;
}

gboolean
sk_view_gfx_check (SkView *v)
{
  if (!v->gfx_deadline)
    return TRUE;
  if (!v->gfx_tried)
    {
      v->gfx_tried = TRUE;
      v->gfx_out = g_byte_array_new ();
      v->gfx = sk_view_channel_open (v, SK_GFX_CHANNEL, &v->gfx_event);
    }
  return !v->gfx || read_messages (v);
}

gboolean
sk_view_gfx_resize (SkView *v, guint width, guint height)
{
  sk_gfx_begin (v->gfx_out);
  sk_gfx_put_desktop (v->gfx_out, v->gfx_has_surface, width, height);
  v->gfx_has_surface = TRUE;
  return write_out (v);
}

static void
put_part (GByteArray *out, const SkPart *p)
{
  const SkTileRect *r = &p->rect;
  const SkGfxRect to = { r->x, r->y, (guint16) (r->x + r->width), (guint16) (r->y + r->height) };
  const SkGfxRect from = { to.left, (guint16) (to.top - p->by), to.right, (guint16) (to.bottom - p->by) };
  switch (p->kind)
    {
    case SK_PART_BITMAP:
      sk_gfx_put_picture (out, SK_GFX_PLANAR, &to, p->data, p->length);
      break;
    case SK_PART_RFX:
      sk_gfx_put_picture (out, SK_GFX_REMOTEFX, &to, p->data, p->length);
      break;
    case SK_PART_MOVE:
      sk_gfx_put_move (out, &from, r->x, r->y);
      break;
    }
}

gboolean
sk_view_gfx_send_frame (SkView *v, const SkFrameOut *f, guint32 frame_id)
{
  sk_gfx_begin (v->gfx_out);
  sk_gfx_put_frame_begin (v->gfx_out, frame_id, (guint32) (g_get_real_time () / 1000 % 86400000));
  for (guint i = 0; i < f->parts->len; i++)
    {
      const SkPart *p = &g_array_index (f->parts, SkPart, i);
      if (v->gfx_out->len + p->length + SK_GFX_PART_HEAD > SK_GFX_SEGMENT_MAX)
        {
          if (!write_out (v))
            return FALSE;
          sk_gfx_begin (v->gfx_out);
        }
      put_part (v->gfx_out, p);
    }
  sk_gfx_put_frame_end (v->gfx_out, frame_id);
  return write_out (v) && flush (v);
}

void
sk_view_gfx_close (SkView *v)
{
  if (v->gfx && !WTSVirtualChannelClose (v->gfx))
    sk_worker_log (v->worker, G_LOG_LEVEL_INFO, "graphics pipeline: close");
  v->gfx = v->gfx_event = NULL;
  g_clear_pointer (&v->gfx_out, g_byte_array_unref);
}
