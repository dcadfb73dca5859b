/* The guest's sound on this desktop: uncompressed from the view (wire/sound.h), to a small program that plays
 * it. A program of its own, because libpulse would find the stand-in that FreeRDP was loaded with
 * (make-without) in its place here, and because it is started by the first sound, which is long after the
 * click. RDP thread. */
#include "common/fd.h"
#include "desktop/rdp-private.h"
#include "wire/sound.h"
#include <freerdp/channels/channels.h>
#include <freerdp/settings.h>
#include <sys/socket.h>

/* Messages on their way to the player, with the kernel's own part: about a tenth of a second, then sound is
 * dropped. */
#define WAITING_BYTES 12288
#define PIECE_FRAMES 1024
/* Where there is no sound server the player ends at once; it is tried again after this. */
#define START_AGAIN_US (10 * G_USEC_PER_SEC)

struct _SkRdpSound
{
  SkSoundClient client;
  freerdp *instance;
  UINT16 channel; /* 0: not looked up yet */
  pReceiveChannelData receive;
  int player; /* -1: none */
  gint64 started;
};

static SkRdpSound *
sound_of (rdpContext *context)
{
  return sk_rdp_context_of (context)->sound;
}

static gboolean
start_player (SkRdpSound *self)
{
  const char *path = sk_rdp_context_of (self->instance->context)->client->target.player;
  const char *argv[] = { path, NULL };
  const gint64 now = g_get_monotonic_time ();
  const int bytes = WAITING_BYTES;
  int pair[2];
  if (self->started && now - self->started < START_AGAIN_US)
    return FALSE;
  self->started = now;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return FALSE;
  sk_autofd int theirs = pair[1];
  self->player = pair[0];
  if (setsockopt (self->player, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0
      && g_spawn_async_with_fds (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, theirs, -1,
                                 -1, NULL))
    return TRUE;
  sk_clear_fd (&self->player);
  return FALSE;
}

static void
on_play (const gint16 *samples, guint frames, gpointer data)
{
  SkRdpSound *self = data;
  const SkRdpClient *client = sk_rdp_context_of (self->instance->context)->client;
  if (g_atomic_int_get (&client->muted) || (self->player < 0 && !start_player (self)))
    return;
  for (guint at = 0; at < frames; at += PIECE_FRAMES)
    {
      const gsize n = (gsize) MIN (frames - at, PIECE_FRAMES) * SK_SOUND_FRAME;
      if (send (self->player, samples + (gsize) at * 2, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0
          && errno != EAGAIN)
        {
          sk_clear_fd (&self->player); /* no sound server: silence */
          return;
        }
    }
}

static void
on_send (const guint8 *message, gsize length, gpointer data)
{
  SkRdpSound *self = data;
  /* What is not said is only not heard; a broken connection is noticed elsewhere. */
  if (!self->instance->SendChannelData (self->instance, self->channel, message, length))
    return;
}

static BOOL
on_channel_data (freerdp *instance, UINT16 channel, const BYTE *data, size_t size, UINT32 flags, size_t total)
{
  SkRdpSound *self = sound_of (instance->context);
  if (self->channel == 0)
    self->channel = freerdp_channels_get_id_by_name (instance, SK_SOUND_CHANNEL);
  if (channel != self->channel)
    return self->receive (instance, channel, data, size, flags, total);
  /* Nonsense is not heard. */
  sk_sound_client_take (&self->client, data, size, flags, g_get_monotonic_time ());
  return TRUE;
}

static gboolean
add_channel (rdpSettings *settings)
{
  const UINT32 n = freerdp_settings_get_uint32 (settings, FreeRDP_ChannelCount);
  CHANNEL_DEF *channel = freerdp_settings_get_pointer_array_writable (settings, FreeRDP_ChannelDefArray, n);
  if (!channel)
    return FALSE;
  *channel = (CHANNEL_DEF){ SK_SOUND_CHANNEL, CHANNEL_OPTION_INITIALIZED | CHANNEL_OPTION_ENCRYPT_RDP };
  return freerdp_settings_set_uint32 (settings, FreeRDP_ChannelCount, n + 1);
}

gboolean
sk_rdp_sound_install (freerdp *instance)
{
  static const SkSoundClientClass klass = { TRUE, on_send, on_play };
  SkRdpContext *context = sk_rdp_context_of (instance->context);
  if (!context->client->target.player)
    return TRUE;
  SkRdpSound *self = g_new0 (SkRdpSound, 1);
  sk_sound_client_init (&self->client, &klass, self);
  self->instance = instance;
  self->player = -1;
  self->receive = instance->ReceiveChannelData;
  instance->ReceiveChannelData = on_channel_data;
  context->sound = self;
  return add_channel (instance->context->settings);
}

void
sk_rdp_sound_free (SkRdpSound *self)
{
  if (!self)
    return;
  sk_clear_fd (&self->player); /* the player ends with it */
  g_free (self);
}
