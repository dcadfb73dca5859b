#include "sound.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* xrdp's own protocol (its sesman/chansrv/sound.c): two 32-bit words, what and how many bytes with these
 * words. */
enum
{
  XRDP_SOUND = 0,
  XRDP_CLOSE = 1,
};
#define HEADER 8
#define PIECE 4096
#define CONNECT_AGAIN_US G_USEC_PER_SEC

struct _SkGuestSound
{
  char *server;
  int pipe, socket; /* socket -1: not connected */
  guint source;
  gint64 tried, heard; /* monotonic: last connect; last sample that was not 0 */
  gboolean playing;    /* xrdp was told no end since the last sound */
};

static gboolean
is_silent (const guint8 *bytes, gsize n)
{
  return n == 0 || (bytes[0] == 0 && memcmp (bytes, bytes + 1, n - 1) == 0);
}

static gboolean
is_connected (SkGuestSound *s)
{
  const gint64 now = g_get_monotonic_time ();
  if (s->socket >= 0)
    return TRUE;
  if (s->tried && now - s->tried < CONNECT_AGAIN_US)
    return FALSE;
  s->tried = now;
  s->socket = sk_fd_connect_unix (s->server, SOCK_STREAM, NULL);
  return s->socket >= 0;
}

/* Whole messages only: where there is no room for one it is dropped. */
static void
tell (SkGuestSound *s, guint32 what, const guint8 *bytes, gsize n)
{
  struct
  {
    guint32 what, size;
    guint8 bytes[PIECE];
  } m = { GUINT32_TO_LE (what), GUINT32_TO_LE ((guint32) (HEADER + n)), { 0 } };
  int waiting = 0;
  if (!is_connected (s) || (ioctl (s->socket, SIOCOUTQ, &waiting) == 0 && waiting > SK_GUEST_SOUND_UNREAD))
    return;
  if (n > 0)
    memcpy (m.bytes, bytes, n);
  const gssize size = (gssize) (HEADER + n);
  if (send (s->socket, &m, (gsize) size, MSG_NOSIGNAL | MSG_DONTWAIT) != size)
    sk_clear_fd (&s->socket); /* xrdp is gone, or would hear half a message */
}

static void
play (SkGuestSound *s, const guint8 *bytes, gsize n)
{
  const gint64 now = g_get_monotonic_time ();
  if (!is_silent (bytes, n))
    s->heard = now;
  if (s->heard && now - s->heard <= SK_GUEST_SOUND_TAIL_MS * 1000)
    {
      s->playing = TRUE;
      tell (s, XRDP_SOUND, bytes, n);
    }
  else if (s->playing)
    {
      s->playing = FALSE;
      tell (s, XRDP_CLOSE, NULL, 0);
    }
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  guint8 bytes[PIECE];
  const gssize n = read (fd, bytes, sizeof bytes);
  if (n > 0)
    play (data, bytes, (gsize) n - (gsize) n % SK_GUEST_SOUND_FRAME);
  return G_SOURCE_CONTINUE;
}

SkGuestSound *
sk_guest_sound_new (const char *pipe, const char *server, GError **error)
{
  if (mkfifo (pipe, 0600) != 0 && errno != EEXIST)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", pipe, g_strerror (errno));
      return NULL;
    }
  /* Both ends: the pipe stays open while PulseAudio comes and goes. */
  sk_autofd int fd = open (pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", pipe, g_strerror (errno));
      return NULL;
    }
  SkGuestSound *s = g_new0 (SkGuestSound, 1);
  s->server = g_strdup (server);
  s->socket = -1;
  s->pipe = sk_steal_fd (&fd);
  if (fcntl (s->pipe, F_SETPIPE_SZ, SK_GUEST_SOUND_PIPE) < 0)
    g_debug ("pipe size: %s", g_strerror (errno)); /* then it is longer */
  s->source = g_unix_fd_add (s->pipe, G_IO_IN, on_readable, s);
  return s;
}

void
sk_guest_sound_free (SkGuestSound *s)
{
  if (!s)
    return;
  g_source_remove (s->source);
  sk_clear_fd (&s->pipe);
  sk_clear_fd (&s->socket);
  g_free (s->server);
  g_free (s);
}

char *
sk_guest_sound_server (void)
{
  const char *folder = g_getenv ("XRDP_SOCKET_PATH"), *name = g_getenv ("XRDP_PULSE_SINK_SOCKET");
  return folder && name ? g_build_filename (folder, name, NULL) : NULL;
}
