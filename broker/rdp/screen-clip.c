/* The guest's clipboard: this process is its other owner. FreeRDP only carries the channel's chunks, its
 * plug-in is not loaded. RDP thread. */
#include "rdp/library.h"
#include "rdp/screen.h"
#include <freerdp/channels/channels.h>

static gboolean
send_chunk (const SkClipChunk *chunk, gpointer data)
{
  SkScreen *s = data;
  return s->instance->SendChannelPacket (s->instance, s->clip_channel, chunk->total, chunk->flags,
                                         chunk->data, chunk->size);
}

static gboolean
has_room (gpointer data)
{
  SkScreen *s = data;
  return s->clip_channel != 0 && !sk_relay_wants_write (s->relay);
}

static const SkClipLinkClass link_class = { send_chunk, has_room };

void
sk_screen_clip_init (SkScreen *s)
{
  sk_clip_link_init (&s->clip, &s->worker, s->wake, FALSE, &link_class, s);
}

gboolean
sk_screen_clip_install (SkScreen *s)
{
  return sk_library_add_channel (s->instance->context->settings, SK_CLIP_CHANNEL);
}

gboolean
sk_screen_clip_take (SkScreen *s, UINT16 channel, const BYTE *data, size_t size, UINT32 flags, size_t total)
{
  if (s->clip_channel == 0)
    s->clip_channel = freerdp_channels_get_id_by_name (s->instance, SK_CLIP_CHANNEL);
  if (channel != s->clip_channel)
    return FALSE;
  sk_clip_link_take (&s->clip, data, size, flags, total);
  return TRUE;
}
