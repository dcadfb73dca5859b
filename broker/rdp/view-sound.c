/* The guest's sound for the viewer: from the frame memory into rdpsnd, uncompressed. FreeRDP only carries the
 * channel's chunks. Nothing queues: what cannot go out at once gives way to what is newer. */
#include "rdp/view.h"
#include <string.h>

/* A guest's sound comes in pieces of some ten milliseconds; who is woken for less than this is woken by a
 * screen that plays games, and rests. */
#define PIECE_FRAMES (SK_SOUND_RATE / 200)
#define REST_US 5000

/* ---- sound thread ---- */

static void
keep_newest (SkViewSound *sound, const gint16 (*samples)[2], guint n)
{
  if (n > SK_SOUND_WAVE_FRAMES)
    {
      samples += n - SK_SOUND_WAVE_FRAMES;
      n = SK_SOUND_WAVE_FRAMES;
    }
  g_mutex_lock (&sound->lock);
  const guint room = SK_SOUND_WAVE_FRAMES - sound->frames;
  const guint drop = n > room ? n - room : 0;
  memmove (sound->samples, sound->samples + drop, (sound->frames - drop) * sizeof *samples);
  sound->frames -= drop;
  sound->dropped |= drop > 0;
  memcpy (sound->samples + sound->frames, samples, n * sizeof *samples);
  sound->frames += n;
  g_mutex_unlock (&sound->lock);
}

static gpointer
sound_thread (gpointer data)
{
  SkView *v = data;
  SkSoundPace pace = { 0 };
  gint16 (*samples)[2] = g_malloc (SK_RING_SOUND_FRAMES * sizeof *samples);
  for (;;)
    {
      sk_ring_sound_wait (&v->sound_ring);
      const guint n = sk_ring_sound_take (&v->sound_ring, samples);
      const guint taken = sk_sound_pace (&pace, n, g_get_monotonic_time ());
      if (taken > 0)
        {
          keep_newest (&v->sound, samples + (n - taken), taken);
          sk_view_wake (v->wake_peer);
        }
      if (taken < PIECE_FRAMES)
        g_usleep (REST_US);
    }
  return NULL;
}

/* ---- peer thread ---- */

gboolean
sk_view_sound_open (SkView *v)
{
  if (v->flags & SK_VIEW_SOUND)
    v->sound_channel = WTSChannelGetId (v->peer, SK_SOUND_CHANNEL);
  return v->sound_channel != 0;
}

static void
start_thread (SkView *v)
{
  v->sound_thread = TRUE;
  sk_ring_sound_init (&v->sound_ring, &v->ring);
  g_thread_unref (g_thread_new ("sound", sound_thread, v));
}

gboolean
sk_view_sound_take (SkView *v, UINT16 channel, const BYTE *data, size_t size, UINT32 flags)
{
  if (v->sound_channel == 0 || channel != v->sound_channel)
    return FALSE;
  if (!sk_sound_server_take (&v->sound_server, data, size, flags))
    sk_worker_log (v->worker, G_LOG_LEVEL_MESSAGE, "sound: the viewer sent a message that makes no sense");
  if (v->sound_server.agreed && !v->sound_thread)
    start_thread (v);
  return TRUE;
}

static guint
take_samples (SkViewSound *sound, gint16 (*samples)[2], gboolean *ret_dropped)
{
  g_mutex_lock (&sound->lock);
  const guint frames = sound->frames;
  memcpy (samples, sound->samples, frames * sizeof *samples);
  sound->frames = 0;
  *ret_dropped = sound->dropped;
  sound->dropped = FALSE;
  g_mutex_unlock (&sound->lock);
  return frames;
}

static gboolean
send_wave (SkView *v, const gint16 *samples, guint frames, gint64 now)
{
  g_autoptr (GByteArray) out = g_byte_array_sized_new (SK_SOUND_WAVE_FRAMES * SK_SOUND_FRAME + 32);
  gsize second = 0;
  sk_sound_server_wave (&v->sound_server, samples, frames, now, out, &second);
  const gsize first = second ? second : out->len;
  freerdp_peer *peer = v->peer;
  if (!sk_view_send_begin (v))
    return FALSE;
  const gboolean sent
      = peer->SendChannelData (peer, v->sound_channel, out->data, first)
        && (!second || peer->SendChannelData (peer, v->sound_channel, out->data + second, out->len - second));
  return sk_view_send_end (v) && sent;
}

gboolean
sk_view_sound_exchange (SkView *v)
{
  const gint64 now = g_get_monotonic_time ();
  gint16 samples[SK_SOUND_WAVE_FRAMES][2];
  if (v->sound_channel == 0 || !v->activated)
    return TRUE;
  if (!v->sound_offered)
    {
      g_autoptr (GByteArray) hello = g_byte_array_new ();
      v->sound_offered = TRUE;
      sk_sound_server_hello (&v->sound_server, hello);
      return v->peer->SendChannelData (v->peer, v->sound_channel, hello->data, hello->len);
    }
  /* A full socket is no end of the connection, and this sound none that anybody waits for. */
  if (v->peer->IsWriteBlocked (v->peer) || !sk_sound_server_may_send (&v->sound_server, now))
    return TRUE;
  gboolean dropped;
  const guint frames = take_samples (&v->sound, samples, &dropped);
  if (dropped)
    sk_sound_server_is_slow (&v->sound_server, now);
  return frames == 0 || send_wave (v, samples[0], frames, now);
}
