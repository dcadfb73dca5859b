/* The guest's sound. FreeRDP only carries the channel's chunks: its rdpsnd plug-in, with its decoders,
 * threads and lists of formats, is not loaded; wire/sound.c takes uncompressed sound or none. RDP thread. */
#include "rdp/library.h"
#include "rdp/screen.h"
#include <freerdp/channels/channels.h>
#include <string.h>

/* A sound server plays silence for seconds, a page with a paused film for hours: views are not woken for it.
 * After the last sound it goes on for this long, so that no pause between two words is cut. */
#define SILENCE_AFTER_US (300 * 1000)

G_STATIC_ASSERT (SK_SOUND_CHUNK_FIRST == CHANNEL_FLAG_FIRST && SK_SOUND_CHUNK_LAST == CHANNEL_FLAG_LAST);

static void
on_send (const guint8 *message, gsize length, gpointer data)
{
  SkScreen *s = data;
  if (!s->instance->SendChannelData (s->instance, s->sound_channel, message, length))
    sk_worker_log (s->worker, G_LOG_LEVEL_INFO, "sound: cannot answer");
}

static void
on_play (const gint16 *samples, guint frames, gpointer data)
{
  SkScreen *s = data;
  const gint64 now = g_get_monotonic_time ();
  if (!sk_sound_is_silent (samples, frames))
    s->sound_heard = now;
  else if (!s->sound_heard || now - s->sound_heard > SILENCE_AFTER_US)
    return;
  sk_ring_add_sound (s->ring, samples, frames);
}

gboolean
sk_screen_sound_install (SkScreen *s)
{
  /* FALSE: from the guest uncompressed sound or none */
  static const SkSoundClientClass klass = { FALSE, on_send, on_play };
  sk_sound_client_init (&s->sound, &klass, s);
  return sk_library_add_channel (s->instance->context->settings, SK_SOUND_CHANNEL);
}

gboolean
sk_screen_sound_take (SkScreen *s, UINT16 channel, const BYTE *data, size_t size, UINT32 flags)
{
  if (s->sound_channel == 0)
    s->sound_channel = freerdp_channels_get_id_by_name (s->instance, SK_SOUND_CHANNEL);
  if (channel != s->sound_channel)
    return FALSE;
  if (!sk_sound_client_take (&s->sound, data, size, flags, g_get_monotonic_time ()))
    sk_worker_log (s->worker, G_LOG_LEVEL_MESSAGE, "sound: the guest sent a message that makes no sense");
  return TRUE;
}
