/* What we offer to a view. Everything that is not named here is off. */
#include "desktop/rdp-private.h"
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
/* [MS-RDPBCGR] 2.2.7.1.3, orderSupport */
#define ORDERS 32

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
  { FreeRDP_DeactivateClientDecoding, TRUE }, /* until on_tcp_connect(): our codecs are ready before */
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

gboolean
sk_rdp_apply_offers (rdpSettings *settings)
{
  gboolean ok = TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (switches); i++)
    ok = freerdp_settings_set_bool (settings, switches[i].key, switches[i].value) && ok;
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    ok = freerdp_settings_set_uint32 (settings, numbers[i].key, numbers[i].value) && ok;
  return ok;
}

gboolean
sk_rdp_offer_orders (rdpSettings *settings)
{
  BYTE *orders = freerdp_settings_get_pointer_writable (settings, FreeRDP_OrderSupport);
  /* One order: copying a part of our own picture, for what scrolls. */
  for (gsize i = 0; orders && i < ORDERS; i++)
    orders[i] = i == NEG_SCRBLT_INDEX;
  return orders != NULL;
}

/* The host's name is only for the library's own messages: on_tcp_connect() has the stream. */
gboolean
sk_rdp_apply_target (const SkRdpTarget *target, rdpSettings *settings)
{
  g_autofree char *accepted = g_strconcat ("sha256:", target->fingerprint ? target->fingerprint : "", NULL);
  return freerdp_settings_set_string (settings, FreeRDP_ServerHostname, "sekisho")
         && freerdp_settings_set_string (settings, FreeRDP_Username, target->user ? target->user : "sekisho")
         && freerdp_settings_set_string (settings, FreeRDP_Password, target->password ? target->password : "")
         && (!target->fingerprint
             || freerdp_settings_set_string (settings, FreeRDP_CertificateAcceptedFingerprints, accepted))
         && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopWidth, target->width)
         && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopHeight, target->height)
         && freerdp_settings_set_uint32 (settings, FreeRDP_DesktopScaleFactor,
                                         CLAMP (target->scale_percent, 100, 500));
}
