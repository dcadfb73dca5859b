/* The person's sound on its way out of the guest: from the pipe that PulseAudio plays into, to xrdp's channel
 * server, which has no sound server's module of its own in Debian but one for PipeWire (that would need two
 * daemons and a session manager, this one needs 5 MB). The main loop's thread. */
#pragma once
#include <gio/gio.h>

/* 16-bit stereo at 44.1 kHz, as xrdp wants it. */
#define SK_GUEST_SOUND_RATE 44100
#define SK_GUEST_SOUND_FRAME 4
/* Sound that waits in the pipe: 46 ms. More would only be late. */
#define SK_GUEST_SOUND_PIPE 8192
/* Sound that waits before xrdp, as the kernel counts it: every piece with its own overhead, so that this is a
 * tenth of a second. */
#define SK_GUEST_SOUND_UNREAD 32768
/* Silence is not sent; after the last sound it goes on for this long, so that no word is cut. */
#define SK_GUEST_SOUND_TAIL_MS 300

typedef struct _SkGuestSound SkGuestSound;

/* Makes the pipe. server: path of xrdp's socket, which comes and goes with the host's connection. NULL with
 * an error. */
SkGuestSound *sk_guest_sound_new (const char *pipe, const char *server, GError **error);
void sk_guest_sound_free (SkGuestSound *sound);
/* The path of xrdp's socket in a session that xrdp started, or NULL: new string. */
char *sk_guest_sound_server (void);
