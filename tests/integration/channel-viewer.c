/* channel-viewer HOST:PORT|PATH [silent|flood]: a viewer that asks for every static virtual channel there is
 * and, once connected, speaks on each of them. Lines on standard output:
 *
 *   asked NAME
 *   connected
 *   heard NAME       something came on a static channel
 *   dynamic NAME     the server opens a dynamic channel
 *   spoke N          wrote to N channels
 *   picture          and a picture came after that: it is still served
 *   closed
 *
 * It stays until it is told to end. With a second word it claims the graphics pipeline: "silent" never opens
 * its channel, "flood" opens it and sends one message that has no end. */
#include "channels.h"
#include <freerdp/client.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/settings.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <winpr/synch.h>

#define HANDLES 64
/* [MS-RDPEDYC] 2.2.1 */
#define CMD(byte) ((byte) >> 4)
#define CMD_CREATE 1
#define CMD_DATA_FIRST 2
#define CMD_DATA 3
#define CMD_CAPABILITY 5

/* A static channel's pieces: [MS-RDPBCGR] 3.1.5.2.1 */
#define CHUNK 1600
/* Longer than any message of the pipeline that a view takes. */
#define FLOOD_BYTES (80 * 1024)
#define PIPELINE "Microsoft::Windows::RDS::Graphics"

static gboolean spoken, flood;

/* Channel ids of one byte: the first ones have no other. */
static void
open_and_flood (freerdp *instance, UINT16 id, BYTE channel)
{
  BYTE chunk[CHUNK] = { CMD_CREATE << 4, channel };
  instance->SendChannelData (instance, id, chunk, 6);
  const guint32 total = GUINT32_TO_LE (FLOOD_BYTES);
  memset (chunk, 0, sizeof chunk);
  chunk[0] = CMD_DATA_FIRST << 4 | 2 << 2;
  chunk[1] = channel;
  memcpy (chunk + 2, &total, sizeof total);
  instance->SendChannelData (instance, id, chunk, CHUNK);
  for (guint sent = CHUNK - 6; sent < FLOOD_BYTES; sent += MIN (CHUNK - 2, FLOOD_BYTES - sent))
    {
      memset (chunk, 0, 6);
      chunk[0] = CMD_DATA << 4;
      chunk[1] = channel;
      instance->SendChannelData (instance, id, chunk, 2 + MIN (CHUNK - 2, FLOOD_BYTES - sent));
    }
  puts ("flooded");
}

static const char *
name_of (freerdp *instance, UINT16 id)
{
  for (guint i = 0; i < G_N_ELEMENTS (static_channels); i++)
    if (freerdp_channels_get_id_by_name (instance, static_channels[i]) == id)
      return static_channels[i];
  return "?";
}

/* Says yes to the capabilities and to nothing else. */
static void
on_dynamic (freerdp *instance, UINT16 id, const BYTE *data, size_t size)
{
  static const BYTE version_1[] = { 0x50, 0, 1, 0 };
  const size_t name = 1 + (size > 0 ? (size_t) 1 << (data[0] & 3) : 0);
  if (size > 0 && CMD (data[0]) == CMD_CAPABILITY)
    instance->SendChannelData (instance, id, version_1, sizeof version_1);
  else if (size > name && CMD (data[0]) == CMD_CREATE && memchr (data + name, 0, size - name))
    {
      printf ("dynamic %s\n", (const char *) data + name);
      if (flood && (data[0] & 3) == 0 && strcmp ((const char *) data + name, PIPELINE) == 0)
        open_and_flood (instance, id, data[1]);
    }
}

static BOOL
on_channel_data (freerdp *instance, UINT16 id, const BYTE *data, size_t size, UINT32 flags, size_t total)
{
  const char *name = name_of (instance, id);
  printf ("heard %s\n", name);
  if (strcmp (name, "drdynvc") == 0)
    on_dynamic (instance, id, data, size);
  return TRUE;
}

static void
speak (freerdp *instance)
{
  /* What each would begin with is nothing to a view that does not listen; it looks like the answer of a
   * device. */
  static const BYTE words[] = { 0x72, 0x44, 0x43, 0x43, 1, 0, 0, 0, 1, 0, 0, 0 };
  guint n = 0;
  for (guint i = 0; i < G_N_ELEMENTS (static_channels); i++)
    {
      const UINT16 id = freerdp_channels_get_id_by_name (instance, static_channels[i]);
      if (id && strcmp (static_channels[i], "drdynvc") != 0
          && instance->SendChannelData (instance, id, words, sizeof words))
        n++;
    }
  printf ("spoke %u\n", n);
  spoken = TRUE;
}

static BOOL
on_end_paint (rdpContext *context)
{
  static gboolean told;
  if (spoken && !told)
    puts ("picture");
  told |= spoken;
  return TRUE;
}

static BOOL
on_post_connect (freerdp *instance)
{
  if (!gdi_init (instance, PIXEL_FORMAT_BGRX32))
    return FALSE;
  instance->context->update->EndPaint = on_end_paint;
  puts ("connected");
  return TRUE;
}

static BOOL
on_load_channels (freerdp *instance)
{
  CHANNEL_DEF channels[G_N_ELEMENTS (static_channels)] = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    {
      g_strlcpy (channels[i].name, static_channels[i], sizeof channels[i].name);
      channels[i].options = CHANNEL_OPTION_INITIALIZED | CHANNEL_OPTION_ENCRYPT_RDP;
      printf ("asked %s\n", static_channels[i]);
    }
  rdpSettings *s = instance->context->settings;
  return freerdp_settings_set_pointer_len (s, FreeRDP_ChannelDefArray, channels, G_N_ELEMENTS (channels))
         && freerdp_settings_set_uint32 (s, FreeRDP_ChannelCount, G_N_ELEMENTS (channels));
}

static DWORD
on_certificate (freerdp *instance, const char *host, UINT16 port, const char *common_name,
                const char *subject, const char *issuer, const char *fingerprint, DWORD flags)
{
  return 1;
}

static gboolean
apply (rdpSettings *s, const char *address, gboolean pipeline)
{
  return freerdp_settings_set_bool (s, FreeRDP_SupportGraphicsPipeline, pipeline)
         && freerdp_settings_set_string (s, FreeRDP_ServerHostname, address)
         && freerdp_settings_set_string (s, FreeRDP_Username, "u")
         && freerdp_settings_set_string (s, FreeRDP_Password, "p")
         && freerdp_settings_set_bool (s, FreeRDP_NlaSecurity, FALSE)
         && freerdp_settings_set_bool (s, FreeRDP_RdpSecurity, FALSE)
         && freerdp_settings_set_bool (s, FreeRDP_IgnoreCertificate, TRUE)
         && freerdp_settings_set_bool (s, FreeRDP_AutoLogonEnabled, TRUE);
}

static void
stay (freerdp *instance)
{
  while (!freerdp_shall_disconnect_context (instance->context))
    {
      HANDLE handles[HANDLES];
      const DWORD n = freerdp_get_event_handles (instance->context, handles, HANDLES);
      if (n == 0 || WaitForMultipleObjects (n, handles, FALSE, INFINITE) == WAIT_FAILED
          || !freerdp_check_event_handles (instance->context))
        break;
      if (!spoken && freerdp_is_active_state (instance->context))
        {
          speak (instance);
          instance->context->update->RefreshRect (instance->context, 1, &(RECTANGLE_16){ 0, 0, 64, 64 });
        }
    }
}

int
main (int argc, char **argv)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  freerdp *instance = argc == 2 || argc == 3 ? freerdp_new () : NULL;
  if (!instance)
    return 64;
  flood = argc == 3 && strcmp (argv[2], "flood") == 0;
  instance->ContextSize = sizeof (rdpContext);
  if (!freerdp_context_new (instance) || !apply (instance->context->settings, argv[1], argc == 3))
    return 1;
  instance->LoadChannels = on_load_channels;
  instance->PostConnect = on_post_connect;
  instance->VerifyCertificateEx = on_certificate;
  instance->ReceiveChannelData = on_channel_data;
  if (!freerdp_connect (instance))
    return 1;
  stay (instance);
  puts ("closed");
  freerdp_disconnect (instance);
  return 0;
}
