/* sekisho-sound: plays the 16-bit stereo sound at 44.1 kHz that comes as messages on its standard input, with
 * the desktop's sound server (PulseAudio, or PipeWire in its place), and ends with its input. rdp-sound.c
 * starts it. Without a sound server it ends at once: silence, no message. */
#include "common/i18n.h"
#include "wire/sound.h"
#include <locale.h>
#include <pulse/simple.h>
#include <sys/socket.h>

#define MS(n) ((guint32) (n) *SK_SOUND_RATE / 1000 * SK_SOUND_FRAME)
/* The view sends 46 ms at a time: with less than two of these there would be a gap for each that is late. */
static const pa_buffer_attr buffer = { .maxlength = MS (200),
                                       .tlength = MS (90),
                                       .prebuf = MS (45),
                                       .minreq = (guint32) -1,
                                       .fragsize = (guint32) -1 };
static const pa_sample_spec format = { PA_SAMPLE_S16LE, SK_SOUND_RATE, 2 };

int
main (void)
{
  static guint8 bytes[65536];
  setlocale (LC_ALL, "");
  pa_simple *server
      = pa_simple_new (NULL, "sekisho", PA_STREAM_PLAYBACK, NULL, SK_TR ("Internet side", "インターネット側"),
                       &format, NULL, &buffer, NULL);
  gssize n;
  while (server && (n = recv (0, bytes, sizeof bytes, 0)) > 0)
    if (pa_simple_write (server, bytes, (gsize) n, NULL) < 0)
      break;
  if (server)
    pa_simple_free (server);
  return 0;
}
