#include "rdp-box.h"
#include "common/error.h"
#include "common/fd.h"
#include "wire/agent.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that is just starting refuses; the agent of a VM retries as well. */
#define RETRY_MS 100

typedef struct
{
  int port; /* our end of the pair */
  int guest;
  guint32 id;
  const char *host;
} Relay;

static struct addrinfo *
resolve (const char *where, gboolean passive, GError **error)
{
  const char *colon = strrchr (where, ':');
  struct addrinfo *list = NULL;
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 };
  g_autofree char *host = colon ? g_strndup (where, (gsize) (colon - where)) : NULL;
  if (host && getaddrinfo (host, colon + 1, &hints, &list) == 0)
    return list;
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "not HOST:PORT: %s", where);
  return NULL;
}

int
sk_box_listen (const char *where, GError **error)
{
  if (*where == '/')
    return sk_fd_listen_unix (where, SOCK_STREAM, error);
  struct addrinfo *a = resolve (where, TRUE, error);
  if (!a)
    return -1;
  const int one = 1;
  int fd = socket (a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0
      || bind (fd, a->ai_addr, a->ai_addrlen) != 0 || listen (fd, 8) != 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", where, g_strerror (errno));
      sk_clear_fd (&fd);
    }
  freeaddrinfo (a);
  return fd;
}

static int
connect_guest (const char *where)
{
  struct addrinfo *a = resolve (where, FALSE, NULL);
  if (!a)
    return -1;
  const int one = 1;
  int fd = socket (a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect (fd, a->ai_addr, a->ai_addrlen) != 0)
    sk_clear_fd (&fd);
  if (fd >= 0)
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  freeaddrinfo (a);
  return fd;
}

static gboolean
write_all (int fd, const void *data, gsize length)
{
  const guint8 *p = data;
  while (length > 0)
    {
      gssize n = send (fd, p, length, MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR)
        return FALSE;
      if (n > 0)
        {
          p += n;
          length -= (gsize) n;
        }
    }
  return TRUE;
}

static gboolean
say (Relay *r, guint16 type, guint32 id, const void *body, gsize length)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  sk_frame_append (out, type, id, body, length);
  return write_all (r->port, out->data, out->len);
}

/* FALSE once the screen is gone: nobody waits for this guest any more. */
static gboolean
open_guest (Relay *r)
{
  while ((r->guest = connect_guest (r->host)) < 0)
    {
      /* What the screen says meanwhile stays unread; only its end counts. */
      struct pollfd end = { r->port, POLLRDHUP, 0 };
      if (poll (&end, 1, RETRY_MS) > 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
on_frame (Relay *r, const SkFrame *f)
{
  switch (f->type)
    {
    case SK_RELAY_RESET:
      sk_clear_fd (&r->guest);
      return say (r, SK_RELAY_RESET_ACK, 0, f->body, f->length);
    case SK_RELAY_OPEN:
      sk_clear_fd (&r->guest);
      r->id = f->id;
      return open_guest (r) && say (r, SK_RELAY_OPENED, f->id, NULL, 0);
    case SK_RELAY_DATA:
      return f->id != r->id || r->guest < 0 || write_all (r->guest, f->body, f->length);
    case SK_RELAY_CLOSE:
      sk_clear_fd (&r->guest);
      return TRUE;
    default:
      return TRUE;
    }
}

static gboolean
from_screen (Relay *r, SkFrameBuffer *b)
{
  gsize room;
  guint8 *space = sk_frame_buffer_space (b, &room);
  gssize n = recv (r->port, space, room, 0);
  if (n <= 0)
    return FALSE;
  sk_frame_buffer_commit (b, (gsize) n);
  SkFrame f;
  int got;
  while ((got = sk_frame_buffer_next (b, &f, NULL)) > 0)
    if (!on_frame (r, &f))
      return FALSE;
  return got == 0;
}

static gboolean
from_guest (Relay *r)
{
  guint8 buffer[SK_FRAME_BODY_MAX];
  gssize n = recv (r->guest, buffer, sizeof buffer, 0);
  if (n > 0)
    return say (r, SK_RELAY_DATA, r->id, buffer, (gsize) n);
  sk_clear_fd (&r->guest);
  return say (r, SK_RELAY_CLOSE, r->id, NULL, 0);
}

static void
run (Relay *r)
{
  SkFrameBuffer b;
  sk_frame_buffer_init (&b);
  for (;;)
    {
      struct pollfd fds[2] = { { r->port, POLLIN, 0 }, { r->guest, POLLIN, 0 } };
      if (poll (fds, 2, -1) < 0)
        continue;
      if (fds[0].revents && !from_screen (r, &b))
        break;
      if (fds[1].revents && r->guest >= 0 && !from_guest (r))
        break;
    }
  sk_clear_fd (&r->guest);
  sk_clear_fd (&r->port);
}

int
sk_box_relay_start (const char *guest, GError **error)
{
  int pair[2];
  struct addrinfo *a = resolve (guest, FALSE, error);
  if (!a)
    return -1;
  freeaddrinfo (a);
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "socketpair: %s", g_strerror (errno));
      return -1;
    }
  Relay r = { .port = pair[0], .guest = -1, .host = guest };
  const pid_t pid = fork ();
  if (pid == 0)
    {
      /* nothing of the box's: a control socket kept here would look like a living core */
      if (dup2 (r.port, 3) == 3 && close_range (4, ~0u, 0) == 0)
        {
          r.port = 3;
          run (&r);
        }
      _exit (0);
    }
  close (pair[0]);
  if (pid > 0)
    return pair[1];
  close (pair[1]);
  g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "fork: %s", g_strerror (errno));
  return -1;
}
