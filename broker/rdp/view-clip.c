/* The viewer's clipboard: this process is its other owner. FreeRDP only carries the channel's chunks. Peer
 * thread. */
#include "rdp/view.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>

static gboolean
send_chunk (const SkClipChunk *chunk, gpointer data)
{
  SkView *v = data;
  return v->peer->SendChannelPacket (v->peer, v->clip_channel, chunk->total, chunk->flags, chunk->data,
                                     chunk->size);
}

/* A picture on its way to the clipboard does not hold up the one on the screen. */
static gboolean
has_room (gpointer data)
{
  SkView *v = data;
  int unsent = 0;
  return !v->peer->IsWriteBlocked (v->peer)
         && (ioctl (v->peer->sockfd, SIOCOUTQ, &unsent) != 0 || unsent < SK_VIEW_UNSENT_MAX);
}

static const SkClipLinkClass link_class = { send_chunk, has_room };

void
sk_view_clip_init (SkView *v)
{
  sk_clip_link_init (&v->clip, &v->worker, v->wake_peer, TRUE, &link_class, v);
}

gboolean
sk_view_clip_open (SkView *v)
{
  if (sk_clip_link_is_allowed (&v->clip))
    v->clip_channel = WTSChannelGetId (v->peer, SK_CLIP_CHANNEL);
  return v->clip_channel != 0;
}

gboolean
sk_view_clip_take (SkView *v, UINT16 channel, const BYTE *data, size_t size, UINT32 flags, size_t total)
{
  if (v->clip_channel == 0 || channel != v->clip_channel)
    return FALSE;
  sk_clip_link_take (&v->clip, data, size, flags, total);
  return TRUE;
}

gboolean
sk_view_clip_exchange (SkView *v, int *ret_wait)
{
  return v->clip_channel == 0 || !v->activated || sk_clip_link_turn (&v->clip, ret_wait);
}
