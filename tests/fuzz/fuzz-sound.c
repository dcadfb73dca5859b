/* The sound channel from a hostile server (the guest) and from a hostile client (the viewer). The input is a
 * row of chunks: flags, 16-bit length, bytes; each goes to both. */
#include "fuzz.h"
#include "wire/sound.h"

static void
on_send (const guint8 *message, gsize length, gpointer data)
{
  g_assert (length >= 8 && length <= 64);
}

static void
on_play (const gint16 *samples, guint frames, gpointer data)
{
  guint *played = data;
  *played += frames;
  g_assert (*played <= SK_SOUND_PACE_BURST);
  sk_sound_is_silent (samples, frames);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const SkSoundClientClass klass = { TRUE, on_send, on_play };
  static const gint16 samples[16][2];
  g_autofree SkSoundClient *client = g_new0 (SkSoundClient, 1);
  g_autofree SkSoundServer *server = g_new0 (SkSoundServer, 1);
  guint played = 0;
  sk_sound_client_init (client, &klass, &played);
  while (size >= 3)
    {
      const guint32 flags = data[0];
      const gsize n = MIN (data[1] + 256u * data[2], size - 3);
      sk_sound_client_take (client, data + 3, n, flags, 1);
      sk_sound_server_take (server, data + 3, n, flags);
      if (sk_sound_server_may_send (server, 1))
        {
          g_autoptr (GByteArray) out = g_byte_array_new ();
          gsize second;
          sk_sound_server_wave (server, samples[0], 16, 1, out, &second);
        }
      data += 3 + n;
      size -= 3 + n;
    }
  return 0;
}
