/* This desktop's clipboard toward the view: the client's end of wire/clip.h. FreeRDP only carries the
 * channel's chunks; its plug-in is not loaded. RDP thread. */
#include "desktop/rdp-private.h"
#include "wire/clip.h"
#include <freerdp/channels/channels.h>
#include <freerdp/settings.h>

/* Then pictures and keys have their turn. */
#define CHUNKS_AT_ONCE 64

struct _SkRdpClip
{
  SkClip clip;
  freerdp *instance;
  UINT16 channel; /* 0: not looked up yet */
  pReceiveChannelData receive;
  guint64 number;
};

static SkRdpClient *
client_of (SkRdpClip *self)
{
  return sk_rdp_context_of (self->instance->context)->client;
}

static void
on_offer (guint64 sequence, SkClipKind kind, GBytes *content, gpointer data)
{
  SkRdpClient *client = client_of (data);
  g_mutex_lock (&client->mutex);
  g_clear_pointer (&client->clip_in[kind], g_bytes_unref);
  client->clip_in[kind] = g_bytes_ref (content);
  client->clip_number[kind] = sequence;
  g_mutex_unlock (&client->mutex);
  sk_rdp_notify (client);
}

static void
take_copied (SkRdpClip *self)
{
  SkRdpClient *client = client_of (self);
  g_mutex_lock (&client->mutex);
  const gboolean changed = client->clip_changed;
  const SkClipKind kind = client->clip_out_kind;
  g_autoptr (GBytes) content = g_steal_pointer (&client->clip_out);
  client->clip_changed = FALSE;
  g_mutex_unlock (&client->mutex);
  if (changed && (!content || !sk_clip_set (&self->clip, ++self->number, kind, content)))
    sk_clip_wipe (&self->clip);
}

DWORD
sk_rdp_clip_turn (SkRdpClip *self)
{
  SkClipChunk chunk;
  take_copied (self);
  const gint64 wait = sk_clip_tick (&self->clip, g_get_monotonic_time (), TRUE);
  for (guint i = 0; i < CHUNKS_AT_ONCE && self->channel && sk_clip_next_chunk (&self->clip, &chunk); i++)
    if (!self->instance->SendChannelPacket (self->instance, self->channel, chunk.total, chunk.flags,
                                            chunk.data, chunk.size))
      return INFINITE; /* a broken connection is noticed elsewhere */
  if (self->channel && sk_clip_has_chunk (&self->clip))
    return 0;
  return wait < 0 ? INFINITE : (DWORD) MIN ((wait + 999) / 1000, 60000);
}

static BOOL
on_channel_data (freerdp *instance, UINT16 channel, const BYTE *data, size_t size, UINT32 flags, size_t total)
{
  SkRdpClip *self = sk_rdp_context_of (instance->context)->clip;
  if (self->channel == 0)
    self->channel = freerdp_channels_get_id_by_name (instance, SK_CLIP_CHANNEL);
  if (channel != self->channel)
    return self->receive (instance, channel, data, size, flags, total);
  /* Nonsense is not taken. */
  sk_clip_take (&self->clip, data, size, flags, total);
  return TRUE;
}

static gboolean
add_channel (rdpSettings *settings)
{
  const UINT32 n = freerdp_settings_get_uint32 (settings, FreeRDP_ChannelCount);
  CHANNEL_DEF *channel = freerdp_settings_get_pointer_array_writable (settings, FreeRDP_ChannelDefArray, n);
  if (!channel)
    return FALSE;
  *channel = (CHANNEL_DEF){ SK_CLIP_CHANNEL, CHANNEL_OPTION_INITIALIZED | CHANNEL_OPTION_ENCRYPT_RDP };
  return freerdp_settings_set_uint32 (settings, FreeRDP_ChannelCount, n + 1);
}

gboolean
sk_rdp_clip_install (freerdp *instance)
{
  static const SkClipClass klass = { on_offer };
  SkRdpContext *context = sk_rdp_context_of (instance->context);
  if (context->client->target.no_clipboard)
    return TRUE;
  SkRdpClip *self = g_new0 (SkRdpClip, 1);
  sk_clip_init (&self->clip, FALSE, &klass, self);
  sk_clip_allow (&self->clip, TRUE, TRUE);
  self->instance = instance;
  self->receive = instance->ReceiveChannelData;
  instance->ReceiveChannelData = on_channel_data;
  context->clip = self;
  return add_channel (instance->context->settings);
}

void
sk_rdp_clip_free (SkRdpClip *self)
{
  if (!self)
    return;
  sk_clip_clear (&self->clip);
  g_free (self);
}
