/* The screen's RDP thread: FreeRDP as a client with as few capabilities as pictures need. */
#include "common/error.h"
#include "common/fd.h"
#include "rdp/library.h"
#include "rdp/screen.h"
#include <errno.h>
#include <freerdp/codecs.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/settings.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Views are woken when the guest has nothing more to say for now, and at the latest after this: a burst of
 * small updates becomes one picture. xrdp sends a frame within one or two milliseconds. */
#define DIRTY_MAX_US 4000
/* The views' input waits this long at most for the decoder. */
#define DECODE_MAX_US 1000
/* The whole area may never be painted at once; a picture that stands still this long is one as well. */
#define FIRST_PICTURE_US (500 * 1000)

/* ---- the frame memory ---- */

void
sk_screen_mark (SkScreen *s, gint x, gint y, gint width, gint height)
{
  const gint right = CLAMP (x + width, 0, (gint) s->width), bottom = CLAMP (y + height, 0, (gint) s->height);
  x = MAX (x, 0);
  y = MAX (y, 0);
  if (right <= x || bottom <= y)
    return;
  sk_ring_add_rect (s->ring,
                    (SkRingRect){ (guint16) x, (guint16) y, (guint16) (right - x), (guint16) (bottom - y) });
  if (!s->dirty)
    s->dirty_since = g_get_monotonic_time ();
  s->dirty = TRUE;
  if (s->first_paint == 0)
    s->first_paint = s->dirty_since;
  s->painted += (guint64) (right - x) * (guint64) (bottom - y);
}

void
sk_screen_mark_all (SkScreen *s)
{
  sk_screen_mark (s, 0, 0, (gint) s->width, (gint) s->height);
}

static void
check_first_picture (SkScreen *s)
{
  if (s->has_picture || s->first_paint == 0)
    return;
  if (s->painted < (guint64) s->width * s->height
      && g_get_monotonic_time () - s->first_paint < FIRST_PICTURE_US)
    return;
  s->has_picture = TRUE;
  g_autofree char *channels = sk_screen_channels_names (s);
  sk_worker_state (s->worker, SK_SCREEN_PICTURE, 0, channels);
}

static void
wake_views (SkScreen *s)
{
  s->ring->frames++;
  s->dirty = FALSE;
  const guint64 one = 1;
  for (guint i = 0; i < s->n_views; i++)
    if (write (s->views[i].notify, &one, sizeof one) < 0 && errno != EAGAIN)
      continue; /* the core removes a view that is gone */
  check_first_picture (s);
}

/* ---- FreeRDP's callbacks ---- */

static SkScreen *
screen_of (rdpContext *context)
{
  return ((SkScreenContext *) context)->screen;
}

static BOOL
on_begin_paint (rdpContext *context)
{
  HGDI_WND window = context->gdi->primary->hdc->hwnd;
  window->invalid->null = TRUE;
  window->ninvalid = 0;
  return TRUE;
}

static BOOL
on_end_paint (rdpContext *context)
{
  SkScreen *s = screen_of (context);
  HGDI_WND window = context->gdi->primary->hdc->hwnd;
  if (window->invalid->null || window->ninvalid < 1)
    return TRUE;
  for (INT32 i = 0; i < window->ninvalid; i++)
    {
      const GDI_RGN *r = &window->cinvalid[i];
      sk_screen_mark (s, r->x, r->y, r->w, r->h);
    }
  window->invalid->null = TRUE;
  window->ninvalid = 0;
  return TRUE;
}

/* The guest says how large it is; beyond the frame memory its session ends. */
static gboolean
take_guest_size (SkScreen *s)
{
  const rdpSettings *settings = s->instance->context->settings;
  guint32 width = freerdp_settings_get_uint32 (settings, FreeRDP_DesktopWidth);
  guint32 height = freerdp_settings_get_uint32 (settings, FreeRDP_DesktopHeight);
  if (!sk_ring_size_is_valid (width, height))
    {
      sk_worker_log (s->worker, G_LOG_LEVEL_WARNING, "the guest wants a picture of %u x %u", width, height);
      return FALSE;
    }
  s->width = width;
  s->height = height;
  sk_ring_set_size (s->ring, width, height);
  memset (sk_ring_pixels (s->ring), 0, (gsize) sk_ring_stride (width) * height);
  return TRUE;
}

/* FreeRDP prepares every decoder it has; the guest may use none of them (screen-bitmap.c). */
static gboolean
drop_codecs (rdpContext *context)
{
  freerdp_client_codecs_free (context->codecs);
  context->codecs = freerdp_client_codecs_new (THREADING_FLAGS_DISABLE_THREADS);
  return context->codecs != NULL;
}

static BOOL
on_desktop_resize (rdpContext *context)
{
  SkScreen *s = screen_of (context);
  if (!take_guest_size (s) || !drop_codecs (context)
      || !gdi_resize_ex (context->gdi, s->width, s->height, sk_ring_stride (s->width), PIXEL_FORMAT_BGRX32,
                         sk_ring_pixels (s->ring), NULL))
    return FALSE;
  sk_screen_mark_all (s);
  return TRUE;
}

/* The certificate says nothing: whoever answers behind this port is this VM. */
static int
on_verify_certificate (freerdp *instance, const BYTE *data, size_t length, const char *hostname, UINT16 port,
                       DWORD flags)
{
  return 1;
}

static BOOL
on_pre_connect (freerdp *instance)
{
  return TRUE;
}

static BOOL
on_post_connect (freerdp *instance)
{
  rdpContext *context = instance->context;
  SkScreen *s = screen_of (context);
  if (!take_guest_size (s) || !drop_codecs (context)
      || !gdi_init_ex (instance, PIXEL_FORMAT_BGRX32, sk_ring_stride (s->width), sk_ring_pixels (s->ring),
                       NULL))
    return FALSE;
  sk_screen_pointer_register (context);
  sk_screen_bitmap_register (context);
  context->update->BeginPaint = on_begin_paint;
  context->update->EndPaint = on_end_paint;
  context->update->DesktopResize = on_desktop_resize;
  return TRUE;
}

static void
on_post_disconnect (freerdp *instance)
{
  gdi_free (instance);
}

/* ---- settings ---- */

static gboolean
set_off (rdpSettings *settings)
{
  static const FreeRDP_Settings_Keys_Bool off[] = {
    FreeRDP_NlaSecurity,
    FreeRDP_RdpSecurity,
    FreeRDP_UseRdpSecurityLayer,
    FreeRDP_AudioPlayback,
    FreeRDP_AudioCapture,
    FreeRDP_RedirectClipboard,
    FreeRDP_RedirectDrives,
    FreeRDP_RedirectHomeDrive,
    FreeRDP_RedirectPrinters,
    FreeRDP_RedirectSmartCards,
    FreeRDP_RedirectSerialPorts,
    FreeRDP_RedirectParallelPorts,
    FreeRDP_DeviceRedirection,
    FreeRDP_SupportGraphicsPipeline,
    FreeRDP_RemoteFxCodec,
    FreeRDP_NSCodec,
    FreeRDP_JpegCodec,
    FreeRDP_BitmapCacheEnabled,
    FreeRDP_BitmapCachePersistEnabled,
    FreeRDP_SupportMultitransport,
    FreeRDP_NetworkAutoDetect,
    FreeRDP_SupportHeartbeatPdu,
    FreeRDP_RemoteApplicationMode,
    FreeRDP_AutoReconnectionEnabled,
    FreeRDP_CompressionEnabled,
    FreeRDP_SurfaceFrameMarkerEnabled,
    FreeRDP_FrameMarkerCommandEnabled,
    FreeRDP_SupportStatusInfoPdu,
    FreeRDP_DrawNineGridEnabled,
    FreeRDP_DrawGdiPlusEnabled,
    FreeRDP_SupportVideoOptimized,
    FreeRDP_SupportGeometryTracking,
    FreeRDP_SupportEchoChannel,
    FreeRDP_SupportSSHAgentChannel,
    FreeRDP_MultiTouchInput,
    FreeRDP_SoundBeepsEnabled,
  };
  for (gsize i = 0; i < G_N_ELEMENTS (off); i++)
    if (!freerdp_settings_set_bool (settings, off[i], FALSE))
      return FALSE;
  static const FreeRDP_Settings_Keys_Bool on[] = { FreeRDP_TlsSecurity,
                                                   FreeRDP_AutoLogonEnabled,
                                                   FreeRDP_FastPathOutput,
                                                   FreeRDP_FastPathInput,
                                                   FreeRDP_UnicodeInput,
                                                   FreeRDP_SupportDisplayControl,
                                                   FreeRDP_DynamicResolutionUpdate,
                                                   FreeRDP_SupportDynamicChannels,
                                                   FreeRDP_SynchronousStaticChannels,
                                                   FreeRDP_SynchronousDynamicChannels,
                                                   FreeRDP_ExternalCertificateManagement,
                                                   FreeRDP_AllowFontSmoothing,
                                                   FreeRDP_DesktopResize };
  for (gsize i = 0; i < G_N_ELEMENTS (on); i++)
    if (!freerdp_settings_set_bool (settings, on[i], TRUE))
      return FALSE;
  return TRUE;
}

/* Lossless bitmaps only: text stays exact and moved rows repeat bit by bit. No drawing orders, no glyphs, no
 * caches: each of them is a parser and a store that the guest would drive. */
static gboolean
set_numbers (const SkScreen *s, rdpSettings *settings)
{
  const struct
  {
    FreeRDP_Settings_Keys_UInt32 key;
    guint32 value;
  } rows[] = {
    { FreeRDP_DesktopWidth, s->width },
    { FreeRDP_DesktopHeight, s->height },
    { FreeRDP_ColorDepth, 32 },
    { FreeRDP_ThreadingFlags, THREADING_FLAGS_DISABLE_THREADS },
    { FreeRDP_ServerPort, 3389 },
    { FreeRDP_GlyphSupportLevel, GLYPH_SUPPORT_NONE },
    { FreeRDP_OffscreenSupportLevel, 0 },
    { FreeRDP_SurfaceCommandsSupported, 0 },
    { FreeRDP_FrameAcknowledge, 0 },
    { FreeRDP_ConnectionType, CONNECTION_TYPE_LAN },
    { FreeRDP_LargePointerFlag, LARGE_POINTER_FLAG_96x96 },
    { FreeRDP_PointerCacheSize, 20 },
    { FreeRDP_ColorPointerCacheSize, 20 },
    { FreeRDP_OsMajorType, OSMAJORTYPE_UNIX },
    { FreeRDP_KeyboardLayout, s->keyboard_layout },
    /* Japanese 106/109: type 7, subtype 2 ([MS-RDPBCGR] 2.2.1.3.2); else the 101/102 keys board */
    { FreeRDP_KeyboardType, s->keyboard_layout == 0x411 ? 7 : 4 },
    { FreeRDP_KeyboardSubType, s->keyboard_layout == 0x411 ? 2 : 0 },
    { FreeRDP_KeyboardFunctionKey, 12 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    if (!freerdp_settings_set_uint32 (settings, rows[i].key, rows[i].value))
      return FALSE;
  memset (freerdp_settings_get_pointer_writable (settings, FreeRDP_OrderSupport), 0, 32);
  return TRUE;
}

gboolean
sk_screen_configure (SkScreen *s)
{
  rdpSettings *settings = s->instance->context->settings;
  return set_off (settings) && set_numbers (s, settings)
         && freerdp_settings_set_string (settings, FreeRDP_ServerHostname, "guest")
         && freerdp_settings_set_string (settings, FreeRDP_Username, s->user)
         && freerdp_settings_set_string (settings, FreeRDP_Password, s->password)
         && freerdp_settings_set_string (settings, FreeRDP_ClientHostname, "sekisho")
         && sk_relay_install (s->relay, s->instance->context) && sk_screen_channels_install (s);
}

gboolean
sk_screen_prepare (SkScreen *s, GError **error)
{
  s->instance = freerdp_new ();
  if (s->instance)
    {
      s->instance->ContextSize = sizeof (SkScreenContext);
      s->instance->PreConnect = on_pre_connect;
      s->instance->PostConnect = on_post_connect;
      s->instance->PostDisconnect = on_post_disconnect;
      s->instance->VerifyX509Certificate = on_verify_certificate;
    }
  if (!s->instance || !freerdp_context_new (s->instance))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "FreeRDP context");
      return FALSE;
    }
  ((SkScreenContext *) s->instance->context)->screen = s;
  return TRUE;
}

/* ---- views come and go ---- */

static void
remove_view (SkScreen *s, guint32 number)
{
  for (guint i = 0; i < s->n_views; i++)
    if (s->views[i].number == number)
      {
        sk_screen_finish_view (s, &s->views[i]);
        sk_clear_fd (&s->views[i].notify);
        s->views[i] = s->views[--s->n_views];
        return;
      }
}

static void
add_view (SkScreen *s, SkScreenCommand *c)
{
  remove_view (s, c->number);
  if (s->n_views == SK_SCREEN_VIEWS_MAX)
    {
      sk_worker_log (s->worker, G_LOG_LEVEL_WARNING, "more than %u views", SK_SCREEN_VIEWS_MAX);
      return;
    }
  s->views[s->n_views++] = (SkScreenView){ .number = c->number,
                                           .input = sk_steal_fd (&c->input),
                                           .notify = sk_steal_fd (&c->notify) };
}

static void
run_commands (SkScreen *s)
{
  guint64 count;
  if (read (s->wake, &count, sizeof count) < 0)
    return;
  for (;;)
    {
      g_mutex_lock (&s->lock);
      g_autofree SkScreenCommand *c = g_queue_pop_head (&s->commands);
      g_mutex_unlock (&s->lock);
      if (!c)
        return;
      if (c->type == SK_SCREEN_ADD_VIEW)
        add_view (s, c);
      else
        remove_view (s, c->number);
      sk_clear_fd (&c->input);
      sk_clear_fd (&c->notify);
    }
}

/* ---- the loop ---- */

typedef struct
{
  struct pollfd fds[1 + SK_SCREEN_VIEWS_MAX + 2 + SK_LIBRARY_EVENTS_MAX];
  guint n, freerdp_from;
} Polled;

static gboolean
collect (SkScreen *s, Polled *p)
{
  HANDLE handles[SK_LIBRARY_EVENTS_MAX];
  DWORD n = freerdp_get_event_handles (s->instance->context, handles, SK_LIBRARY_EVENTS_MAX);
  p->n = 0;
  p->fds[p->n++] = (struct pollfd){ s->wake, POLLIN, 0 };
  for (guint i = 0; i < SK_SCREEN_VIEWS_MAX; i++)
    p->fds[p->n++] = (struct pollfd){ i < s->n_views ? s->views[i].input : -1, POLLIN, 0 };
  p->fds[p->n++]
      = (struct pollfd){ sk_relay_wants_write (s->relay) ? sk_relay_fd (s->relay) : -1, POLLOUT, 0 };
  p->fds[p->n++] = (struct pollfd){ sk_clip_link_poll_fd (&s->clip), POLLOUT, 0 };
  p->freerdp_from = p->n;
  p->n += sk_library_poll_fds (handles, n, p->fds + p->n);
  return n > 0;
}

static int
earlier (int a, int b)
{
  return a < 0 ? b : b < 0 ? a : MIN (a, b);
}

/* FreeRDP takes one message at a time: go on while there are more, but not for long. */
static gboolean
take_messages (SkScreen *s)
{
  rdpContext *context = s->instance->context;
  const gint64 until = g_get_monotonic_time () + DECODE_MAX_US;
  sk_relay_rearm (s->relay);
  do
    if (!freerdp_check_event_handles (context))
      return FALSE;
  while (!sk_relay_is_drained (s->relay) && g_get_monotonic_time () < until
         && !freerdp_shall_disconnect_context (context));
  return TRUE;
}

/* One round. FALSE when the guest's RDP is over. */
static gboolean
turn (SkScreen *s)
{
  Polled p;
  int timeout = earlier (sk_screen_resize_tick (s), sk_screen_sync_tick (s));
  if (!sk_clip_link_turn (&s->clip, &timeout) || !collect (s, &p))
    return FALSE;
  if (s->first_paint && !s->has_picture)
    timeout = earlier (timeout, FIRST_PICTURE_US / 1000);
  if (s->dirty)
    timeout = 0;
  int ready = poll (p.fds, p.n, timeout);
  if (ready < 0)
    return errno == EINTR;
  if (s->dirty && (ready == 0 || g_get_monotonic_time () - s->dirty_since > DIRTY_MAX_US))
    wake_views (s);
  check_first_picture (s);
  if (p.fds[SK_SCREEN_VIEWS_MAX + 1].revents && !sk_relay_flush (s->relay))
    return FALSE;
  /* Input first: it never waits for the decoder. Commands last, they move the views. */
  for (guint i = 0; i < s->n_views; i++)
    if (p.fds[1 + i].revents)
      sk_screen_read_view (s, &s->views[i]);
  gboolean alive = TRUE;
  for (guint i = p.freerdp_from; i < p.n; i++)
    if (p.fds[i].revents)
      {
        alive = take_messages (s);
        break;
      }
  if (p.fds[0].revents)
    run_commands (s);
  return alive && !freerdp_shall_disconnect_context (s->instance->context);
}

gpointer
sk_screen_rdp_thread (gpointer data)
{
  SkScreen *s = data;
  sk_worker_state (s->worker, SK_SCREEN_CONNECTING, 0, "");
  if (sk_screen_configure (s) && freerdp_connect (s->instance))
    {
      g_autofree char *channels = sk_screen_channels_names (s);
      sk_worker_state (s->worker, SK_SCREEN_CONNECTED, 0, channels);
      while (turn (s))
        ;
    }
  guint32 code = freerdp_get_last_error (s->instance->context);
  sk_worker_state (s->worker, SK_SCREEN_LOST, code, freerdp_get_last_error_name (code));
  sk_worker_finish (s->worker);
  return NULL;
}
