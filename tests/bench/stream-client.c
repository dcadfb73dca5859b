/* stream-client HOST:PORT|PATH rfx|bitmap MODE SECONDS SHARED [nokeys]: an RDP client without a window that
 * measures what reaches it. The same for everybody: direct, through us, through the peers.
 *
 * Prints "ready" when the mode's picture is there and has run in, reads a line, measures, prints "done",
 * reads a line, prints a line of JSON. With DUMP=FILE in the environment, the picture at the end (once it
 * rests). */
#include "stream.h"
#include <freerdp/client.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/primitives.h>
#include <freerdp/settings.h>
#include <stdio.h>
#include <stdlib.h>
#include <winpr/synch.h>

#define CONTENT_SECONDS 30
/* Streams start unevenly: codecs warm up, buffers fill. */
#define RUN_IN_NS G_GUINT64_CONSTANT (2000000000)
/* A picture that has not changed for so long rests. */
#define REST_NS G_GUINT64_CONSTANT (700000000)
#define KEY_A 0x1e

static StreamMeter meter;
static uint64_t last_change;

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
  rdpGdi *gdi = context->gdi;
  HGDI_WND window = gdi->primary->hdc->hwnd;
  if (window->invalid->null || window->ninvalid < 1)
    return TRUE;
  window->invalid->null = TRUE;
  window->ninvalid = 0;
  last_change = stream_now ();
  if (gdi->width >= STREAM_WIDTH && gdi->height >= STREAM_HEIGHT)
    stream_meter_look (&meter, gdi->primary_buffer, gdi->stride);
  return TRUE;
}

static BOOL
on_resize (rdpContext *context)
{
  return gdi_resize (context->gdi, freerdp_settings_get_uint32 (context->settings, FreeRDP_DesktopWidth),
                     freerdp_settings_get_uint32 (context->settings, FreeRDP_DesktopHeight));
}

static BOOL
on_post_connect (freerdp *instance)
{
  rdpUpdate *update = instance->context->update;
  meter.connected = stream_now ();
  if (!gdi_init (instance, PIXEL_FORMAT_BGRX32))
    return FALSE;
  update->BeginPaint = on_begin_paint;
  update->EndPaint = on_end_paint;
  update->DesktopResize = on_resize;
  return TRUE;
}

static void
on_post_disconnect (freerdp *instance)
{
  gdi_free (instance);
}

static DWORD
on_certificate (freerdp *instance, const char *host, UINT16 port, const char *common_name,
                const char *subject, const char *issuer, const char *fingerprint, DWORD flags)
{
  return 1;
}

static BOOL
on_new (freerdp *instance, rdpContext *context)
{
  instance->PostConnect = on_post_connect;
  instance->PostDisconnect = on_post_disconnect;
  instance->VerifyCertificateEx = on_certificate;
  return TRUE;
}

static BOOL
apply (rdpSettings *s, const char *address, gboolean rfx)
{
  const struct
  {
    FreeRDP_Settings_Keys_Bool key;
    BOOL value;
  } switches[] = {
    { FreeRDP_NlaSecurity, FALSE },
    { FreeRDP_RdpSecurity, FALSE },
    { FreeRDP_TlsSecurity, TRUE },
    { FreeRDP_IgnoreCertificate, TRUE },
    { FreeRDP_AutoLogonEnabled, TRUE },
    { FreeRDP_NetworkAutoDetect, FALSE },
    { FreeRDP_SupportHeartbeatPdu, FALSE },
    { FreeRDP_SupportGraphicsPipeline, FALSE },
    { FreeRDP_RemoteFxCodec, rfx },
    { FreeRDP_NSCodec, FALSE },
    { FreeRDP_JpegCodec, FALSE },
    { FreeRDP_FastPathOutput, TRUE },
    { FreeRDP_SurfaceFrameMarkerEnabled, TRUE },
  };
  g_auto (GStrv) parts = g_strsplit (address, ":", 2);
  for (gsize i = 0; i < G_N_ELEMENTS (switches); i++)
    if (!freerdp_settings_set_bool (s, switches[i].key, switches[i].value))
      return FALSE;
  return freerdp_settings_set_string (s, FreeRDP_ServerHostname, parts[0])
         && freerdp_settings_set_uint32 (s, FreeRDP_ServerPort, parts[1] ? (UINT32) atoi (parts[1]) : 3389)
         && freerdp_settings_set_string (s, FreeRDP_Username, "u")
         && freerdp_settings_set_string (s, FreeRDP_Password, "p")
         && freerdp_settings_set_uint32 (s, FreeRDP_DesktopWidth, STREAM_WIDTH)
         && freerdp_settings_set_uint32 (s, FreeRDP_DesktopHeight, STREAM_HEIGHT)
         && freerdp_settings_set_uint32 (s, FreeRDP_ColorDepth, 32)
         && freerdp_settings_set_uint32 (s, FreeRDP_ConnectionType, CONNECTION_TYPE_LAN)
         && freerdp_settings_set_uint32 (s, FreeRDP_FrameAcknowledge, 2);
}

static gboolean
pump (rdpContext *context, DWORD ms)
{
  HANDLE events[64];
  const DWORD n = freerdp_get_event_handles (context, events, G_N_ELEMENTS (events));
  if (n == 0)
    return FALSE;
  WaitForMultipleObjects (n, events, FALSE, ms);
  return freerdp_check_event_handles (context) && !freerdp_shall_disconnect_context (context);
}

static uint64_t
received (rdpContext *context)
{
  UINT64 in = 0, out = 0, packets_in = 0, packets_out = 0;
  freerdp_get_stats (context->rdp, &in, &out, &packets_in, &packets_out);
  return in;
}

static void
press (rdpContext *context)
{
  freerdp_input_send_keyboard_event (context->input, 0, KEY_A);
  freerdp_input_send_keyboard_event (context->input, KBD_FLAGS_RELEASE, KEY_A);
}

static gboolean
run_in (rdpContext *context)
{
  const uint64_t limit = stream_now () + CONTENT_SECONDS * G_GUINT64_CONSTANT (1000000000);
  while (!meter.content && stream_now () < limit)
    if (!pump (context, 20))
      return FALSE;
  meter.shared->mode = meter.mode;
  const uint64_t until = stream_now () + RUN_IN_NS;
  while (stream_now () < until)
    if (!pump (context, 20))
      return FALSE;
  return meter.content != 0;
}

static gboolean
measure (rdpContext *context)
{
  stream_meter_sync ("ready");
  stream_meter_begin (&meter, received (context));
  while (!stream_meter_is_over (&meter))
    {
      if (stream_meter_key_due (&meter))
        press (context);
      if (!pump (context, 5))
        return FALSE;
    }
  stream_meter_sync ("done");
  stream_meter_print (&meter, received (context));
  return TRUE;
}

/* The workload holds its picture; what is on the way arrives, and whoever started us compares. */
static gboolean
dump (rdpContext *context, const char *path)
{
  meter.measuring = FALSE;
  meter.shared->mode = STREAM_HOLD;
  last_change = stream_now ();
  while (stream_now () - last_change < REST_NS)
    if (!pump (context, 50))
      return FALSE;
  const rdpGdi *gdi = context->gdi;
  if (!stream_write_ppm (path, gdi->primary_buffer, gdi->stride, gdi->width, gdi->height))
    return FALSE;
  stream_meter_sync ("dumped");
  return TRUE;
}

int
main (int argc, char **argv)
{
  /* Without it FreeRDP measures itself for 300 ms at its first use. */
  primitives_set_hints (PRIMITIVES_ONLY_CPU);
  if (argc < 6 || !stream_meter_init (&meter, argc, argv, 3))
    {
      fprintf (stderr,
               "usage: stream-client HOST:PORT rfx|bitmap still|video|scroll|drag SECONDS SHARED [nokeys]\n");
      return 2;
    }
  RDP_CLIENT_ENTRY_POINTS entry = { .Size = sizeof entry,
                                    .Version = RDP_CLIENT_INTERFACE_VERSION,
                                    .ContextSize = sizeof (rdpClientContext),
                                    .ClientNew = on_new };
  rdpContext *context = freerdp_client_context_new (&entry);
  if (!context || !apply (context->settings, argv[1], g_str_equal (argv[2], "rfx")))
    return 2;
  const char *path = g_getenv ("DUMP");
  meter.shared->mode = STREAM_STILL;
  meter.started = stream_now ();
  gboolean good = freerdp_connect (context->instance) && run_in (context) && measure (context)
                  && (!path || dump (context, path));
  if (!good)
    fprintf (stderr, "stream-client: the connection was lost, or showed no page: 0x%08x\n",
             freerdp_get_last_error (context));
  freerdp_disconnect (context->instance);
  freerdp_client_context_free (context);
  return good ? 0 : 1;
}
