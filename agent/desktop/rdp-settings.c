/* What we offer to a view, and the connection's callbacks. Everything that is not named here is off. */
#include "desktop/rdp-private.h"
#include <freerdp/addin.h>
#include <freerdp/channels/channels.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/settings.h>

/* [MS-RDPBCGR] 2.2.1.3.2: Japanese 106/109 board. */
#define JAPANESE_LAYOUT 0x411
#define JAPANESE_KEYBOARD 7
#define JAPANESE_SUBTYPE 2
#define FUNCTION_KEYS 12
/* A view on this machine answers in milliseconds; a loaded machine may need seconds. */
#define HANDSHAKE_TIMEOUT_MS 15000
/* Frames the view may send ahead of our acknowledgement: two keep it busy while we draw one. */
#define FRAMES_AHEAD 2

static const struct
{
  FreeRDP_Settings_Keys_Bool key;
  BOOL value;
} switches[] = {
  /* One way in: TLS to a pinned certificate. The view has no users; the ticket was checked before. */
  { FreeRDP_TlsSecurity, TRUE },
  { FreeRDP_NlaSecurity, FALSE },
  { FreeRDP_RdpSecurity, FALSE },
  { FreeRDP_NegotiateSecurityLayer, TRUE },
  { FreeRDP_AutoLogonEnabled, TRUE },
  { FreeRDP_IgnoreCertificate, FALSE },
  { FreeRDP_UseCommonStdioCallbacks, FALSE },
  /* Round trips and features that only cost time here */
  { FreeRDP_NetworkAutoDetect, FALSE },
  { FreeRDP_SupportHeartbeatPdu, FALSE },
  { FreeRDP_SupportMultitransport, FALSE },
  { FreeRDP_AutoReconnectionEnabled, FALSE },
  { FreeRDP_CompressionEnabled, FALSE },
  { FreeRDP_BitmapCacheEnabled, FALSE },
  { FreeRDP_BitmapCachePersistEnabled, FALSE },
  { FreeRDP_SupportGraphicsPipeline, FALSE },
  /* Pictures: RemoteFX surface bits or planar bitmaps, framed */
  { FreeRDP_RemoteFxCodec, TRUE },
  { FreeRDP_NSCodec, FALSE },
  { FreeRDP_JpegCodec, FALSE },
  { FreeRDP_FastPathInput, TRUE },
  { FreeRDP_FastPathOutput, TRUE },
  { FreeRDP_SurfaceFrameMarkerEnabled, TRUE },
  { FreeRDP_UnicodeInput, TRUE },
  { FreeRDP_HasHorizontalWheel, TRUE },
  { FreeRDP_HasExtendedMouseEvent, TRUE },
  /* Channels: on_load_channels() alone decides */
  { FreeRDP_SupportDynamicChannels, TRUE },
  { FreeRDP_SupportDisplayControl, TRUE },
  { FreeRDP_DynamicResolutionUpdate, TRUE },
  { FreeRDP_DeviceRedirection, FALSE },
  { FreeRDP_RedirectClipboard, FALSE },
  { FreeRDP_RedirectDrives, FALSE },
  { FreeRDP_RedirectPrinters, FALSE },
  { FreeRDP_RedirectSmartCards, FALSE },
  { FreeRDP_RedirectSerialPorts, FALSE },
  { FreeRDP_RedirectParallelPorts, FALSE },
  { FreeRDP_AudioPlayback, FALSE },
  { FreeRDP_AudioCapture, FALSE },
  { FreeRDP_SupportEchoChannel, FALSE },
  { FreeRDP_SupportGeometryTracking, FALSE },
  { FreeRDP_SupportVideoOptimized, FALSE },
  { FreeRDP_EncomspVirtualChannel, FALSE },
  { FreeRDP_RemdeskVirtualChannel, FALSE },
};

static const struct
{
  FreeRDP_Settings_Keys_UInt32 key;
  UINT32 value;
} numbers[] = {
  { FreeRDP_ColorDepth, 32 },
  { FreeRDP_ConnectionType, CONNECTION_TYPE_LAN },
  { FreeRDP_FrameAcknowledge, FRAMES_AHEAD },
  { FreeRDP_GlyphSupportLevel, GLYPH_SUPPORT_NONE },
  { FreeRDP_OffscreenSupportLevel, 0 },
  { FreeRDP_LargePointerFlag, 0 },
  { FreeRDP_TcpConnectTimeout, HANDSHAKE_TIMEOUT_MS },
  { FreeRDP_KeyboardLayout, JAPANESE_LAYOUT },
  { FreeRDP_KeyboardType, JAPANESE_KEYBOARD },
  { FreeRDP_KeyboardSubType, JAPANESE_SUBTYPE },
  { FreeRDP_KeyboardFunctionKey, FUNCTION_KEYS },
};

static gboolean
apply_offers (rdpSettings *settings)
{
  gboolean ok = TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (switches); i++)
    ok = freerdp_settings_set_bool (settings, switches[i].key, switches[i].value) && ok;
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    ok = freerdp_settings_set_uint32 (settings, numbers[i].key, numbers[i].value) && ok;
  BYTE *orders = freerdp_settings_get_pointer_writable (settings, FreeRDP_OrderSupport);
  for (gsize i = 0; orders && i < 32; i++)
    orders[i] = FALSE;
  return ok && orders;
}

/* "|" with a port means: the descriptor with that number, connected already. */
gboolean
sk_rdp_apply_target (SkRdpClient *client, rdpSettings *settings)
{
  const SkRdpTarget *target = &client->target;
  g_autofree char *accepted = g_strconcat ("sha256:", target->fingerprint, NULL);
  gboolean ok = freerdp_settings_set_string (settings, FreeRDP_ServerHostname, "|")
                && freerdp_settings_set_uint32 (settings, FreeRDP_ServerPort, target->fd)
                && freerdp_settings_set_string (settings, FreeRDP_Username, "sekisho")
                && freerdp_settings_set_string (settings, FreeRDP_Password, "")
                && freerdp_settings_set_string (settings, FreeRDP_CertificateAcceptedFingerprints, accepted)
                && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopWidth, target->width)
                && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopHeight, target->height)
                && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopScaleFactor,
                                                CLAMP (target->scale_percent, 100, 500));
  client->fd_given = ok;
  return ok;
}

/* -- callbacks ------------------------------------------------------------------------------------------- */

/* Only reached when the fingerprint was not the ticket's. */
static DWORD
on_certificate (freerdp *instance, const char *host, UINT16 port, const char *name, const char *subject,
                const char *issuer, const char *fingerprint, DWORD flags)
{
  sk_rdp_client_of (instance->context)->certificate_refused = TRUE;
  return 0;
}

static DWORD
on_changed_certificate (freerdp *instance, const char *host, UINT16 port, const char *name,
                        const char *subject, const char *issuer, const char *fingerprint,
                        const char *old_subject, const char *old_issuer, const char *old_fingerprint,
                        DWORD flags)
{
  return on_certificate (instance, host, port, name, subject, issuer, fingerprint, flags);
}

static void
on_channel_connected (void *data, const ChannelConnectedEventArgs *event)
{
  rdpContext *context = data;
  if (g_strcmp0 (event->name, DISP_DVC_CHANNEL_NAME) == 0)
    sk_rdp_set_disp (sk_rdp_client_of (context), event->pInterface);
}

static void
on_channel_disconnected (void *data, const ChannelDisconnectedEventArgs *event)
{
  rdpContext *context = data;
  if (g_strcmp0 (event->name, DISP_DVC_CHANNEL_NAME) == 0)
    sk_rdp_set_disp (sk_rdp_client_of (context), NULL);
}

static BOOL
on_pre_connect (freerdp *instance)
{
  rdpContext *context = instance->context;
  freerdp_settings_set_uint32 (context->settings, FreeRDP_OsMajorType, OSMAJORTYPE_UNIX);
  return PubSub_SubscribeChannelConnected (context->pubSub, on_channel_connected) >= 0
         && PubSub_SubscribeChannelDisconnected (context->pubSub, on_channel_disconnected) >= 0;
}

/* The library would load what its settings ask for and more; we load the one we want, by name. */
static BOOL
on_load_channels (freerdp *instance)
{
  rdpContext *context = instance->context;
  const char *const disp[] = { DISP_CHANNEL_NAME };
  union
  {
    PVIRTUALCHANNELENTRY plain;
    PVIRTUALCHANNELENTRYEX ex;
  } entry;
  if (!freerdp_client_add_dynamic_channel (context->settings, G_N_ELEMENTS (disp), disp))
    return FALSE;
  entry.plain = freerdp_load_channel_addin_entry (
      DRDYNVC_SVC_CHANNEL_NAME, NULL, NULL, FREERDP_ADDIN_CHANNEL_STATIC | FREERDP_ADDIN_CHANNEL_ENTRYEX);
  return entry.plain
         && freerdp_channels_client_load_ex (context->channels, context->settings, entry.ex,
                                             context->settings)
                == 0;
}

static BOOL
on_post_connect (freerdp *instance)
{
  return gdi_init (instance, PIXEL_FORMAT_BGRX32) && sk_rdp_start_drawing (instance);
}

static void
on_post_disconnect (freerdp *instance)
{
  gdi_free (instance);
}

static BOOL
on_client_new (freerdp *instance, rdpContext *context)
{
  instance->LoadChannels = on_load_channels;
  instance->PreConnect = on_pre_connect;
  instance->PostConnect = on_post_connect;
  instance->PostDisconnect = on_post_disconnect;
  instance->VerifyCertificateEx = on_certificate;
  instance->VerifyChangedCertificateEx = on_changed_certificate;
  instance->AuthenticateEx = NULL; /* no NLA, nothing to ask */
  return TRUE;
}

static void
on_client_free (freerdp *instance, rdpContext *context)
{
}

static BOOL
on_global_init (void)
{
  return TRUE;
}

static void
on_global_uninit (void)
{
}

static int
on_start_stop (rdpContext *context)
{
  return 0;
}

rdpContext *
sk_rdp_context_new (SkRdpClient *client)
{
  RDP_CLIENT_ENTRY_POINTS entry = {
    .Size = sizeof entry,
    .Version = RDP_CLIENT_INTERFACE_VERSION,
    .ContextSize = sizeof (SkRdpContext),
    .GlobalInit = on_global_init,
    .GlobalUninit = on_global_uninit,
    .ClientNew = on_client_new,
    .ClientFree = on_client_free,
    .ClientStart = on_start_stop,
    .ClientStop = on_start_stop,
  };
  rdpContext *context = freerdp_client_context_new (&entry);
  if (!context)
    return NULL;
  ((SkRdpContext *) context)->client = client;
  if (!apply_offers (context->settings))
    {
      freerdp_client_context_free (context);
      return NULL;
    }
  return context;
}
