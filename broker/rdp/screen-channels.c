/* The guest leg's virtual channels: display control inside drdynvc, sound (screen-sound.c) and the clipboard
 * (screen-clip.c). No other channel is asked for, and what the guest sends on drdynvc is limited before
 * FreeRDP allocates anything. */
#include "rdp/library.h"
#include "rdp/screen.h"
#include <freerdp/addin.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/disp.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/event.h>
#include <string.h>

static SkScreen *
screen_of (rdpContext *context)
{
  return ((SkScreenContext *) context)->screen;
}

static BOOL
on_channel_data (freerdp *instance, UINT16 channel, const BYTE *data, size_t size, UINT32 flags, size_t total)
{
  SkScreen *s = screen_of (instance->context);
  if (sk_screen_sound_take (s, channel, data, size, flags)
      || sk_screen_clip_take (s, channel, data, size, flags, total))
    return TRUE;
  if (total <= SK_CHANNEL_TOTAL_MAX)
    return s->channel_data (instance, channel, data, size, flags, total);
  sk_worker_log (s->worker, G_LOG_LEVEL_WARNING, "the guest announces a channel message of %zu bytes", total);
  return FALSE;
}

static UINT
on_disp_caps (DispClientContext *disp, UINT32 monitors, UINT32 factor_a, UINT32 factor_b)
{
  SkScreen *s = disp->custom;
  s->disp_ready = TRUE;
  return CHANNEL_RC_OK;
}

static void
on_channel_connected (void *context, const ChannelConnectedEventArgs *e)
{
  SkScreen *s = screen_of (context);
  if (strcmp (e->name, DISP_DVC_CHANNEL_NAME) != 0)
    return;
  s->disp = e->pInterface;
  s->disp->custom = s;
  s->disp->DisplayControlCaps = on_disp_caps;
}

static void
on_channel_disconnected (void *context, const ChannelDisconnectedEventArgs *e)
{
  SkScreen *s = screen_of (context);
  if (strcmp (e->name, DISP_DVC_CHANNEL_NAME) != 0)
    return;
  s->disp = NULL;
  s->disp_ready = FALSE;
}

static BOOL
on_load_channels (freerdp *instance)
{
  rdpContext *context = instance->context;
  PVIRTUALCHANNELENTRY entry = freerdp_channels_load_static_addin_entry (
      DRDYNVC_SVC_CHANNEL_NAME, NULL, NULL, FREERDP_ADDIN_CHANNEL_STATIC | FREERDP_ADDIN_CHANNEL_ENTRYEX);
  /* FreeRDP returns both kinds of entry through one type. */
  PVIRTUALCHANNELENTRYEX entry_ex = (PVIRTUALCHANNELENTRYEX) (void *) entry;
  return entry_ex
         && freerdp_channels_client_load_ex (context->channels, context->settings, entry_ex,
                                             context->settings)
                == 0
         && sk_screen_sound_install (screen_of (context)) && sk_screen_clip_install (screen_of (context));
}

gboolean
sk_screen_channels_install (SkScreen *s)
{
  rdpContext *context = s->instance->context;
  static const char *const disp[] = { DISP_CHANNEL_NAME };
  s->channel_data = s->instance->ReceiveChannelData;
  s->instance->ReceiveChannelData = on_channel_data;
  s->instance->LoadChannels = on_load_channels;
  return freerdp_register_addin_provider (freerdp_channels_load_static_addin_entry, 0) == CHANNEL_RC_OK
         && freerdp_client_add_dynamic_channel (context->settings, 1, disp)
         && PubSub_SubscribeChannelConnected (context->pubSub, on_channel_connected) >= 0
         && PubSub_SubscribeChannelDisconnected (context->pubSub, on_channel_disconnected) >= 0;
}

char *
sk_screen_channels_names (SkScreen *s)
{
  const rdpSettings *settings = s->instance->context->settings;
  g_autoptr (GString) names = g_string_new ("");
  for (guint32 i = 0; i < freerdp_settings_get_uint32 (settings, FreeRDP_ChannelCount); i++)
    {
      const CHANNEL_DEF *channel = freerdp_settings_get_pointer_array (settings, FreeRDP_ChannelDefArray, i);
      g_string_append_printf (names, "%s%.*s", names->len ? " " : "", (int) sizeof channel->name,
                              channel->name);
    }
  for (guint32 i = 0; i < freerdp_settings_get_uint32 (settings, FreeRDP_DynamicChannelCount); i++)
    {
      const ADDIN_ARGV *channel
          = freerdp_settings_get_pointer_array (settings, FreeRDP_DynamicChannelArray, i);
      g_string_append_printf (names, "%s%s", names->len ? " " : "", channel->argc ? channel->argv[0] : "?");
    }
  return g_string_free (g_steal_pointer (&names), FALSE);
}
