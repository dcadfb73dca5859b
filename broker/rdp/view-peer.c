/* The peer thread: FreeRDP's server side of one viewer. */
#include "common/fd.h"
#include "rdp/gfx.h"
#include "rdp/library.h"
#include "rdp/view.h"
#include <errno.h>
#include <freerdp/settings.h>
#include <linux/sockios.h>
#include <openssl/tls1.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* DesktopResize is a whole renegotiation; a guest that changes its size all the time gets one of these per
 * this. */
#define RESIZE_EVERY_US (250 * 1000)
/* How often a socket without acknowledgements is looked at while it is full. */
#define OUTQ_POLL_MS 5
/* [MS-RDPBCGR] 2.2.7.1.3, orderSupport */
#define ORDERS 32

static SkView *
view_of (rdpContext *context)
{
  return ((SkViewContext *) context)->view;
}

/* ---- FreeRDP's callbacks ---- */

/* Before each Demand Active: the desktop is the guest's picture and the border, whatever the viewer asked
 * for; what it asked for goes to the guest. */
static BOOL
on_capabilities (freerdp_peer *peer)
{
  SkView *v = view_of (peer->context);
  rdpSettings *settings = peer->context->settings;
  if (v->asked_width == 0)
    {
      v->asked_width = freerdp_settings_get_uint32 (settings, FreeRDP_DesktopWidth);
      v->asked_height = freerdp_settings_get_uint32 (settings, FreeRDP_DesktopHeight);
    }
  g_mutex_lock (&v->lock);
  SkViewShared *sh = &v->shared;
  if (sh->want_width == 0)
    {
      /* The screen has not said a size yet: a plain desktop until it does. */
      sh->want_width = SK_RING_WIDTH_MIN;
      sh->want_height = SK_RING_HEIGHT_MIN;
    }
  sh->width = sh->want_width;
  sh->height = sh->want_height;
  const guint width = sh->width, height = sh->height;
  g_mutex_unlock (&v->lock);
  return freerdp_settings_set_uint32 (settings, FreeRDP_DesktopWidth, width)
         && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopHeight, height)
         && freerdp_settings_set_uint32 (settings, FreeRDP_ColorDepth, 32);
}

/* The monitors of the handshake. FALSE when there are not several, or no good ones. */
static gboolean
read_monitors (const rdpSettings *settings, guint scale, SkMonitors *ret)
{
  SkMonitorWish wishes[SK_MONITORS_MAX];
  const UINT32 n = freerdp_settings_get_uint32 (settings, FreeRDP_MonitorCount);
  if (n < 2 || n > SK_MONITORS_MAX)
    return FALSE;
  for (UINT32 i = 0; i < n; i++)
    {
      const rdpMonitor *m = freerdp_settings_get_pointer_array (settings, FreeRDP_MonitorDefArray, i);
      if (!m)
        return FALSE;
      wishes[i] = (SkMonitorWish){ m->x, m->y, (guint32) MAX (m->width, 0), (guint32) MAX (m->height, 0),
                                   m->is_primary != 0 };
    }
  return sk_monitors_make_or_primary (wishes, n, scale, ret);
}

static BOOL
on_post_connect (freerdp_peer *peer)
{
  SkView *v = view_of (peer->context);
  const rdpSettings *settings = peer->context->settings;
  const guint scale = CLAMP (freerdp_settings_get_uint32 (settings, FreeRDP_DesktopScaleFactor), SK_SCALE_MIN,
                             SK_SCALE_MAX);
  SkMonitors monitors;
  sk_view_channels_refuse (v);
  sk_view_tell_scale (v, scale);
  /* The job's size was asked for already; it is that of one monitor. */
  if (read_monitors (settings, scale, &monitors))
    sk_view_ask_monitors (v, &monitors);
  else if (v->job_width == 0 && v->asked_width)
    sk_view_ask_size (v, v->asked_width, v->asked_height, scale);
  return TRUE;
}

static gboolean
has_rfx (const rdpSettings *settings)
{
  return freerdp_settings_get_bool (settings, FreeRDP_RemoteFxCodec)
         && freerdp_settings_get_uint32 (settings, FreeRDP_RemoteFxCodecId) != 0
         && freerdp_settings_get_bool (settings, FreeRDP_SurfaceCommandsEnabled)
         && (freerdp_settings_get_uint32 (settings, FreeRDP_SurfaceCommandsSupported)
             & SURFCMDS_STREAM_SURFACE_BITS);
}

static gboolean
has_moves (const rdpSettings *settings)
{
  const BYTE *orders = freerdp_settings_get_pointer (settings, FreeRDP_OrderSupport);
  return orders && orders[NEG_SCRBLT_INDEX];
}

void
sk_view_take_abilities (SkView *v, gboolean gfx)
{
  const rdpSettings *settings = v->peer->context->settings;
  SkViewShared *sh = &v->shared;
  g_mutex_lock (&v->lock);
  sh->active = sh->can_take = TRUE;
  sh->gfx = gfx;
  sh->rfx = gfx || has_rfx (settings);
  sh->moves = gfx || has_moves (settings);
  sh->can_resize = gfx || freerdp_settings_get_bool (settings, FreeRDP_DesktopResize);
  sh->message_max = gfx ? SK_GFX_SEGMENT_MAX - SK_GFX_PART_HEAD
                        : freerdp_settings_get_uint32 (settings, FreeRDP_MultifragMaxRequestSize);
  sh->pointer_changed = TRUE;
  sh->restart = !sk_view_frame_fits (sh);
  g_mutex_unlock (&v->lock);
  sk_view_wake (v->wake_encoder);
}

static BOOL
on_activate (freerdp_peer *peer)
{
  SkView *v = view_of (peer->context);
  const rdpSettings *settings = peer->context->settings;
  v->has_acks = freerdp_settings_get_uint32 (settings, FreeRDP_FrameAcknowledge) > 0
                && freerdp_settings_get_bool (settings, FreeRDP_SurfaceFrameMarkerEnabled);
  v->activated = TRUE;
  v->suppressed = FALSE;
  v->frame_id = v->acked_id = 0;
  sk_view_take_abilities (v, !has_rfx (settings) && sk_view_gfx_activate (v));
  sk_worker_set_deadline (v->worker, 0, NULL);
  if (!v->told_picture)
    sk_worker_state (v->worker, SK_VIEW_ACTIVE, 0, "");
  return TRUE;
}

/* Who may view was decided by the core, with the one-time token. */
static BOOL
on_logon (freerdp_peer *peer, const SEC_WINNT_AUTH_IDENTITY *identity, BOOL automatic)
{
  return TRUE;
}

void
sk_view_take_acknowledge (SkView *v, guint32 frame_id)
{
  /* Not ahead of what was sent, not backwards. 0xffffffff: the viewer stops acknowledging. */
  if (frame_id == G_MAXUINT32)
    v->has_acks = FALSE;
  else if (frame_id - v->acked_id <= v->frame_id - v->acked_id)
    v->acked_id = frame_id;
}

static BOOL
on_frame_acknowledge (rdpContext *context, UINT32 frame_id)
{
  sk_view_take_acknowledge (view_of (context), frame_id);
  return TRUE;
}

static void
want_all (SkView *v)
{
  g_mutex_lock (&v->lock);
  v->shared.send_all = TRUE;
  g_mutex_unlock (&v->lock);
  sk_view_wake (v->wake_encoder);
}

static BOOL
on_refresh_rect (rdpContext *context, BYTE count, const RECTANGLE_16 *areas)
{
  want_all (view_of (context));
  return TRUE;
}

static BOOL
on_suppress_output (rdpContext *context, BYTE allow, const RECTANGLE_16 *area)
{
  SkView *v = view_of (context);
  v->suppressed = allow == 0;
  if (!v->suppressed)
    want_all (v);
  return TRUE;
}

/* ---- set-up ---- */

static gboolean
set_settings (rdpSettings *settings)
{
  static const FreeRDP_Settings_Keys_Bool off[] = {
    FreeRDP_NlaSecurity,
    FreeRDP_RdpSecurity,
    FreeRDP_RdstlsSecurity,
    FreeRDP_AadSecurity,
    FreeRDP_NSCodec,
    FreeRDP_JpegCodec,
    FreeRDP_SupportMultitransport,
    FreeRDP_NetworkAutoDetect,
    FreeRDP_SupportHeartbeatPdu,
    FreeRDP_CompressionEnabled,
    FreeRDP_SupportMonitorLayoutPdu,
    FreeRDP_BitmapCacheV3Enabled,
    FreeRDP_BitmapCachePersistEnabled,
    FreeRDP_RemoteApplicationMode,
    FreeRDP_HasRelativeMouseEvent,
    FreeRDP_HasQoeEvent,
    /* A slow viewer must not stop this thread: we look for room before we send. */
    FreeRDP_WaitForOutputBufferFlush,
  };
  static const FreeRDP_Settings_Keys_Bool on[] = {
    FreeRDP_TlsSecurity,
    FreeRDP_SupportGraphicsPipeline,
    FreeRDP_RemoteFxCodec,
    FreeRDP_FrameMarkerCommandEnabled,
    FreeRDP_SurfaceFrameMarkerEnabled,
    FreeRDP_FastPathOutput,
    FreeRDP_DrawAllowSkipAlpha,
    FreeRDP_UnicodeInput,
    FreeRDP_HasExtendedMouseEvent,
    FreeRDP_HasHorizontalWheel,
    FreeRDP_RefreshRect,
    FreeRDP_SuppressOutput,
    FreeRDP_SupportSkipChannelJoin,
    FreeRDP_DesktopResize,
  };
  for (gsize i = 0; i < G_N_ELEMENTS (off); i++)
    if (!freerdp_settings_set_bool (settings, off[i], FALSE))
      return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (on); i++)
    if (!freerdp_settings_set_bool (settings, on[i], TRUE))
      return FALSE;
  BYTE *orders = freerdp_settings_get_pointer_writable (settings, FreeRDP_OrderSupport);
  memset (orders, 0, ORDERS);
  orders[NEG_SCRBLT_INDEX] = TRUE;
  return freerdp_settings_set_uint32 (settings, FreeRDP_ColorDepth, 32)
         && freerdp_settings_set_uint32 (settings, FreeRDP_EncryptionLevel, ENCRYPTION_LEVEL_NONE)
         && freerdp_settings_set_uint32 (settings, FreeRDP_MultifragMaxRequestSize, SK_VIEW_MULTIFRAGMENT)
         && freerdp_settings_set_uint32 (settings, FreeRDP_LargePointerFlag, LARGE_POINTER_FLAG_96x96)
         && freerdp_settings_set_uint16 (settings, FreeRDP_TLSMinVersion, TLS1_3_VERSION);
}

static gboolean
set_key (SkView *v, rdpSettings *settings)
{
  if (!freerdp_settings_set_pointer_len (settings, FreeRDP_RdpServerRsaKey, v->key, 1))
    return FALSE;
  v->key = NULL;
  if (!freerdp_settings_set_pointer_len (settings, FreeRDP_RdpServerCertificate, v->certificate, 1))
    return FALSE;
  v->certificate = NULL;
  return TRUE;
}

static gboolean
open_peer (SkView *v)
{
  v->peer = freerdp_peer_new (sk_steal_fd (&v->viewer));
  if (!v->peer)
    return FALSE;
  v->peer->ContextSize = sizeof (SkViewContext);
  if (!freerdp_peer_context_new (v->peer))
    return FALSE;
  rdpContext *context = v->peer->context;
  ((SkViewContext *) context)->view = v;
  v->peer->Capabilities = on_capabilities;
  v->peer->PostConnect = on_post_connect;
  v->peer->Activate = on_activate;
  v->peer->Logon = on_logon;
  context->update->SurfaceFrameAcknowledge = on_frame_acknowledge;
  context->update->RefreshRect = on_refresh_rect;
  context->update->SuppressOutput = on_suppress_output;
  sk_view_input_register (v);
  return set_settings (context->settings) && set_key (v, context->settings) && sk_view_send_prepare (v)
         && sk_view_channels_open (v) && v->peer->Initialize (v->peer);
}

/* ---- the loop ---- */

static gboolean
socket_has_room (SkView *v, int fd)
{
  int unsent = 0;
  if (v->peer->IsWriteBlocked (v->peer))
    return FALSE;
  if (v->has_acks)
    return v->frame_id - v->acked_id < SK_VIEW_WINDOW;
  return ioctl (fd, SIOCOUTQ, &unsent) != 0 || unsent < SK_VIEW_UNSENT_MAX;
}

/* Takes the waiting picture if it may go out, and tells the encoder when it may make the next. */
static gboolean
exchange (SkView *v, int fd, int *ret_wait)
{
  const gboolean room
      = v->activated && !v->suppressed && !sk_view_gfx_waits (v, ret_wait) && socket_has_room (v, fd);
  SkRingPointerKind kind = SK_RING_POINTER_DEFAULT;
  SkRingShape shape;
  gboolean pointer = FALSE, good = TRUE;
  SkViewShared *sh = &v->shared;

  g_mutex_lock (&v->lock);
  g_autoptr (SkFrameOut) frame = room && !sh->restart ? g_steal_pointer (&sh->frame) : NULL;
  if (frame && (frame->width != sh->width || frame->height != sh->height))
    g_clear_pointer (&frame, sk_frame_out_free); /* a resize is on its way */
  const gint64 now = g_get_monotonic_time ();
  const gboolean early = now - v->pointer_sent < SK_VIEW_POINTER_US;
  if (room && sh->pointer_changed && early)
    *ret_wait = (int) SK_VIEW_POINTER_US / 1000;
  else if (room && sh->pointer_changed)
    {
      pointer = TRUE;
      v->pointer_sent = now;
      kind = sh->pointer_kind;
      shape = sh->pointer;
      sh->pointer_changed = FALSE;
    }
  g_mutex_unlock (&v->lock);

  if (frame)
    good = sk_view_send_frame (v, frame);
  if (pointer && good)
    good = sk_view_send_pointer (v, kind, &shape);
  const gboolean more = v->activated && !v->suppressed && socket_has_room (v, fd);
  g_mutex_lock (&v->lock);
  const gboolean wake = more && (frame || !sh->can_take);
  sh->can_take = more;
  g_mutex_unlock (&v->lock);
  if (wake)
    sk_view_wake (v->wake_encoder);
  if (v->activated && !v->suppressed && !more && !v->has_acks)
    *ret_wait = OUTQ_POLL_MS; /* nobody tells when the socket has room again */
  if (frame && good && !v->told_picture)
    {
      v->told_picture = TRUE;
      sk_worker_state (v->worker, SK_VIEW_PICTURE, (guint32) ((g_get_monotonic_time () - v->attached) / 1000),
                       "");
    }
  return good;
}

/* In the graphics pipeline another size takes no handshake. */
static gboolean
resize_surface (SkView *v)
{
  SkViewShared *sh = &v->shared;
  g_mutex_lock (&v->lock);
  const guint width = sh->width = sh->want_width, height = sh->height = sh->want_height;
  sh->restart = !sk_view_frame_fits (sh);
  g_mutex_unlock (&v->lock);
  sk_view_wake (v->wake_encoder);
  return sk_view_gfx_resize (v, width, height);
}

/* The guest took another size: only while the viewer is active, and never from inside one of FreeRDP's
 * callbacks (its issues 8563 and 10490). */
static gboolean
follow_guest (SkView *v, int *ret_wait)
{
  gint64 now = g_get_monotonic_time ();
  SkViewShared *sh = &v->shared;
  g_mutex_lock (&v->lock);
  const gboolean other = v->activated && sh->can_resize && (!sh->gfx || v->gfx_ready)
                         && (sh->want_width != sh->width || sh->want_height != sh->height);
  const gboolean early = v->resized && now - v->resized < RESIZE_EVERY_US;
  if (other && !early && !sh->gfx)
    sh->active = sh->can_take = FALSE;
  g_mutex_unlock (&v->lock);
  if (!other)
    return TRUE;
  if (early)
    {
      *ret_wait = (int) ((v->resized + RESIZE_EVERY_US - now) / 1000) + 1;
      return TRUE;
    }
  v->resized = now;
  if (v->gfx_ready)
    return resize_surface (v);
  v->activated = FALSE;
  sk_worker_set_deadline (v->worker, now + SK_VIEW_HANDSHAKE_SECONDS * G_USEC_PER_SEC, "the resize");
  rdpContext *context = v->peer->context;
  return context->update->DesktopResize (context);
}

typedef struct
{
  struct pollfd fds[3 + SK_LIBRARY_EVENTS_MAX];
  guint n;
} Polled;

static void
collect (SkView *v, int fd, Polled *p)
{
  HANDLE handles[SK_LIBRARY_EVENTS_MAX];
  DWORD n = v->peer->GetEventHandles (v->peer, handles, SK_LIBRARY_EVENTS_MAX - SK_VIEW_CHANNEL_HANDLES);
  n += sk_view_channels_handles (v, handles + n);
  p->fds[0] = (struct pollfd){ v->wake_peer, POLLIN, 0 };
  p->fds[1] = (struct pollfd){ v->peer->IsWriteBlocked (v->peer) ? fd : -1, POLLOUT, 0 };
  p->fds[2] = (struct pollfd){ sk_clip_link_poll_fd (&v->clip), POLLOUT, 0 };
  p->n = 3 + sk_library_poll_fds (handles, n, p->fds + 3);
}

static gboolean
turn (SkView *v, int fd)
{
  Polled p;
  int timeout = -1;
  if (!sk_view_record_is_good (v) || !follow_guest (v, &timeout) || !exchange (v, fd, &timeout)
      || !sk_view_sound_exchange (v) || !sk_view_clip_exchange (v, &timeout))
    return FALSE;
  collect (v, fd, &p);
  if (poll (p.fds, p.n, timeout) < 0)
    return errno == EINTR;
  guint64 count;
  if (p.fds[0].revents && read (v->wake_peer, &count, sizeof count) < 0)
    return FALSE;
  if (p.fds[1].revents && v->peer->DrainOutputBuffer (v->peer) < 0)
    return FALSE;
  for (guint i = 3; i < p.n; i++)
    if (p.fds[i].revents)
      return v->peer->CheckFileDescriptor (v->peer) && (!v->activated || sk_view_channels_check (v));
  return TRUE;
}

gpointer
sk_view_peer_thread (gpointer data)
{
  SkView *v = data;
  const int fd = v->viewer;
  if (open_peer (v))
    while (turn (v, fd))
      ;
  guint32 code = 0;
  if (v->peer && v->peer->context)
    {
      code = freerdp_get_last_error (v->peer->context);
      if (v->told_picture && code == FREERDP_ERROR_CONNECT_TRANSPORT_FAILED)
        code = 0; /* the viewer hung up: what most do at their end */
      sk_view_record_end (v);
      sk_view_channels_close (v);
      v->peer->Disconnect (v->peer);
      freerdp_peer_context_free (v->peer);
    }
  freerdp_peer_free (v->peer);
  sk_worker_state (v->worker, SK_VIEW_CLOSED, code, "");
  sk_worker_finish (v->worker);
  return NULL;
}
