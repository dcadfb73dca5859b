#include "relay.h"
#include "common/fd.h"
#include "common/log.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* How often a server that does not listen yet is tried again: xrdp is up within seconds of the agent. */
#define CONNECT_AGAIN_MS 100
/* Bytes kept for a server that does not read. Beyond it the port is paused, so at most one more frame comes.
 */
#define TO_SERVER_MAX (256 * 1024)
/* Frames sent from one readiness event, so that the host's frames are looked at in between. */
#define FRAMES_PER_TURN 16

typedef enum
{
  RELAY_CLOSED,     /* no RESET yet on this connection to the host: everything else is ignored */
  RELAY_IDLE,       /* no connection */
  RELAY_CONNECTING, /* OPEN came, the server has not accepted yet */
  RELAY_OPEN,
} RelayState;

struct _SkRelay
{
  SkPort *port;
  guint16 tcp_port;
  RelayState state;
  guint32 id; /* of the connection */
  int fd;
  guint connect_again;
  guint readable, writable; /* watches on fd */
  GByteArray *to_server;
};

static void relay_connect (SkRelay *relay);
static gboolean on_server_readable (int fd, GIOCondition condition, gpointer data);

/* ---- the connection ---- */

static void
relay_close (SkRelay *relay, RelayState next)
{
  g_clear_handle_id (&relay->connect_again, g_source_remove);
  g_clear_handle_id (&relay->readable, g_source_remove);
  g_clear_handle_id (&relay->writable, g_source_remove);
  sk_clear_fd (&relay->fd);
  g_byte_array_set_size (relay->to_server, 0);
  relay->state = next;
  sk_port_set_paused (relay->port, FALSE);
}

/* The server ended it. */
static void
relay_end (SkRelay *relay)
{
  relay_close (relay, RELAY_IDLE);
  sk_port_send (relay->port, SK_RELAY_CLOSE, relay->id, NULL, 0);
}

/* ---- host to server ---- */

/* Returns how much was taken, or -1 when the connection is over. */
static gssize
server_write (SkRelay *relay, const guint8 *data, gsize length)
{
  gsize done = 0;
  while (done < length)
    {
      gssize n = send (relay->fd, data + done, length - done, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        break;
      if (n < 0)
        return -1;
      done += (gsize) n;
    }
  return (gssize) done;
}

static gboolean
on_server_writable (int fd, GIOCondition condition, gpointer data)
{
  SkRelay *relay = data;
  gssize n = server_write (relay, relay->to_server->data, relay->to_server->len);
  if (n < 0)
    {
      relay->writable = 0;
      relay_end (relay);
      return G_SOURCE_REMOVE;
    }
  if (n > 0)
    g_byte_array_remove_range (relay->to_server, 0, (guint) n);
  sk_port_set_paused (relay->port, relay->to_server->len > TO_SERVER_MAX);
  if (relay->to_server->len > 0)
    return G_SOURCE_CONTINUE;
  relay->writable = 0;
  return G_SOURCE_REMOVE;
}

static void
relay_keep (SkRelay *relay, const guint8 *data, gsize length)
{
  g_byte_array_append (relay->to_server, data, (guint) length);
  sk_port_set_paused (relay->port, relay->to_server->len > TO_SERVER_MAX);
  if (relay->state == RELAY_OPEN && !relay->writable)
    relay->writable = g_unix_fd_add (relay->fd, G_IO_OUT, on_server_writable, relay);
}

static void
handle_data (SkRelay *relay, const guint8 *untrusted_data, gsize length)
{
  gssize n = 0;
  if (relay->state == RELAY_OPEN && relay->to_server->len == 0)
    n = server_write (relay, untrusted_data, length);
  if (n < 0)
    relay_end (relay);
  else if ((gsize) n < length)
    relay_keep (relay, untrusted_data + n, length - (gsize) n);
}

/* ---- server to host ---- */

/* One frame, read straight into the port's buffer. FALSE: nothing more now, or the connection is over. */
static gboolean
relay_one_frame (SkRelay *relay)
{
  guint8 *body = sk_port_body (relay->port);
  if (!body)
    return FALSE;
  gssize n = recv (relay->fd, body, SK_PORT_BODY_MAX, 0);
  if (n > 0)
    {
      sk_port_send_body (relay->port, SK_RELAY_DATA, relay->id, (gsize) n);
      return TRUE;
    }
  if (n == 0 || (errno != EAGAIN && errno != EINTR))
    relay_end (relay);
  return FALSE;
}

static void
relay_watch_server (SkRelay *relay)
{
  if (relay->state == RELAY_OPEN && !relay->readable)
    relay->readable = g_unix_fd_add (relay->fd, G_IO_IN, on_server_readable, relay);
}

/* The watch goes away while the port is full (the server's socket then fills up, and the server waits) and
 * comes back with on_port_writable(). */
static gboolean
on_server_readable (int fd, GIOCondition condition, gpointer data)
{
  SkRelay *relay = data;
  guint watch = relay->readable;
  for (int i = 0; i < FRAMES_PER_TURN && relay->state == RELAY_OPEN; i++)
    if (!relay_one_frame (relay))
      break;
  if (relay->readable != watch)
    return G_SOURCE_REMOVE; /* closed meanwhile */
  if (sk_port_is_drained (relay->port))
    return G_SOURCE_CONTINUE;
  relay->readable = 0;
  return G_SOURCE_REMOVE;
}

static void
on_port_writable (SkPort *port, gpointer data)
{
  relay_watch_server (data);
}

/* ---- connecting ---- */

static gboolean
on_connect_again (gpointer data)
{
  SkRelay *relay = data;
  relay->connect_again = 0;
  relay_connect (relay);
  return G_SOURCE_REMOVE;
}

static void
relay_connect_later (SkRelay *relay)
{
  sk_clear_fd (&relay->fd);
  relay->connect_again = g_timeout_add (CONNECT_AGAIN_MS, on_connect_again, relay);
}

static void
relay_opened (SkRelay *relay)
{
  relay->state = RELAY_OPEN;
  sk_port_send (relay->port, SK_RELAY_OPENED, relay->id, NULL, 0);
  relay_watch_server (relay);
  if (relay->to_server->len > 0 && !relay->writable)
    relay->writable = g_unix_fd_add (relay->fd, G_IO_OUT, on_server_writable, relay);
}

static gboolean
on_connect_done (int fd, GIOCondition condition, gpointer data)
{
  SkRelay *relay = data;
  int problem = 0;
  socklen_t length = sizeof problem;
  relay->writable = 0;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &problem, &length) < 0 || problem != 0)
    relay_connect_later (relay);
  else
    relay_opened (relay);
  return G_SOURCE_REMOVE;
}

static void
relay_connect (SkRelay *relay)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons (relay->tcp_port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int one = 1;
  relay->fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (relay->fd < 0)
    {
      relay_connect_later (relay);
      return;
    }
  /* Keys and mouse moves are small and must not wait for an acknowledgement. */
  setsockopt (relay->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect (relay->fd, (struct sockaddr *) &address, sizeof address) == 0)
    relay_opened (relay);
  else if (errno == EINPROGRESS)
    relay->writable = g_unix_fd_add (relay->fd, G_IO_OUT, on_connect_done, relay);
  else
    relay_connect_later (relay);
}

/* ---- frames ---- */

static void
handle_reset (SkRelay *relay, const SkFrame *frame)
{
  SkReader r = sk_reader (frame->body, frame->length);
  sk_reader_u64 (&r);
  if (!sk_reader_finish (&r))
    {
      sk_port_seek (relay->port);
      return;
    }
  relay_close (relay, RELAY_IDLE);
  sk_port_drop_output (relay->port);
  sk_port_send (relay->port, SK_RELAY_RESET_ACK, frame->id, frame->body, frame->length);
}

static void
handle_open (SkRelay *relay, guint32 id)
{
  relay_close (relay, RELAY_CONNECTING);
  relay->id = id;
  relay_connect (relay);
}

static void
on_frame (SkPort *port, const SkFrame *frame, gpointer data)
{
  SkRelay *relay = data;
  gboolean ours = relay->state >= RELAY_CONNECTING && frame->id == relay->id;
  if (frame->type == SK_RELAY_RESET)
    handle_reset (relay, frame);
  else if (relay->state == RELAY_CLOSED)
    return; /* the tail of an earlier connection to the host */
  else if (frame->type == SK_RELAY_OPEN && frame->length == 0)
    handle_open (relay, frame->id);
  else if (frame->type == SK_RELAY_DATA && ours)
    handle_data (relay, frame->body, frame->length);
  else if (frame->type == SK_RELAY_CLOSE && ours)
    relay_close (relay, RELAY_IDLE);
}

static void
on_lost (SkPort *port, gpointer data)
{
  relay_close (data, RELAY_CLOSED);
}

static const SkPortEvents relay_events = { on_frame, on_lost, on_port_writable };

static SkRelay *
relay_new (guint16 tcp_port)
{
  SkRelay *relay = g_new0 (SkRelay, 1);
  relay->fd = -1;
  relay->tcp_port = tcp_port;
  relay->to_server = g_byte_array_new ();
  return relay;
}

SkRelay *
sk_relay_new (const char *path, guint16 tcp_port)
{
  SkRelay *relay = relay_new (tcp_port);
  relay->port = sk_port_new (SK_RDP_PORT, path, &relay_events, relay);
  return relay;
}

SkRelay *
sk_relay_new_for_fd (int fd, guint16 tcp_port)
{
  SkRelay *relay = relay_new (tcp_port);
  relay->port = sk_port_new_for_fd (SK_RDP_PORT, fd, &relay_events, relay);
  return relay;
}

void
sk_relay_free (SkRelay *relay)
{
  if (!relay)
    return;
  relay_close (relay, RELAY_CLOSED);
  sk_port_free (relay->port);
  g_byte_array_unref (relay->to_server);
  g_free (relay);
}
