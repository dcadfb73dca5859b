/* The shortest way to a guest's RDP server, for the peers of the benches: asks the agent for the guest's
 * login, then joins TCP connections on the loopback, one at a time, to the RDP port of a VM that no broker
 * manages.
 *
 *   port-relay AGENT_SOCKET RDP_SOCKET TCP_PORT
 *
 * Prints "USER PASSWORD" once the guest is ready. One thread, two buffers, no work on the bytes but the
 * framing: what a direct client measures through it is as close to a direct connection as a guest without a
 * network card allows. Ends on SIGTERM. */
#include "common/error.h"
#include "common/fd.h"
#include "wire/agent.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void
die (const char *what, const GError *error)
{
  g_printerr ("port-relay: %s: %s\n", what, error ? error->message : g_strerror (errno));
  exit (1);
}

static void
put (int fd, const void *data, gsize length)
{
  for (const guint8 *p = data; length > 0;)
    {
      gssize n = write (fd, p, length);
      if (n <= 0)
        die ("write", NULL);
      p += n;
      length -= (gsize) n;
    }
}

static void
send_frame (int fd, guint16 type, guint32 id, const void *body, gsize length)
{
  guint8 header[SK_FRAME_HEADER];
  sk_frame_header (header, type, id, length);
  put (fd, header, sizeof header);
  put (fd, body, length);
}

/* Reads once, then hands out whole frames; FALSE when there is none yet. */
static gboolean
next_frame (int fd, SkFrameBuffer *b, gboolean read_more, SkFrame *ret)
{
  g_autoptr (GError) error = NULL;
  if (read_more)
    {
      gsize room;
      guint8 *space = sk_frame_buffer_space (b, &room);
      gssize n = read (fd, space, room);
      if (n <= 0)
        die ("the VM went away", NULL);
      sk_frame_buffer_commit (b, (gsize) n);
    }
  int r = sk_frame_buffer_next (b, ret, &error);
  if (r < 0)
    die ("frame", error);
  return r == 1;
}

/* HELLO every second until READY. The port stays open afterwards, answered by nobody: the agent does not
 * mind. */
static void
wait_ready (int agent)
{
  g_autoptr (GByteArray) hello = g_byte_array_new ();
  SkMessage m = { .type = SK_AGENT_HELLO, .n = { 1, SK_AGENT_VERSION, 4711 } };
  SkFrameBuffer b;
  SkFrame frame;
  if (!sk_message_encode (sk_agent_messages, &m, hello, NULL))
    die ("hello", NULL);
  sk_frame_buffer_init (&b);
  sk_frame_buffer_reset (&b);
  for (gboolean ready = FALSE; !ready;)
    {
      send_frame (agent, SK_AGENT_HELLO, 0, hello->data, hello->len);
      if (poll (&(struct pollfd){ agent, POLLIN, 0 }, 1, 1000) <= 0)
        continue;
      for (gboolean more = TRUE; next_frame (agent, &b, more, &frame) && !ready; more = FALSE)
        {
          g_auto (SkMessage) in = { 0 };
          ready = sk_message_decode (sk_agent_messages, SK_FROM_PEER, frame.type, frame.id, frame.body,
                                     frame.length, &in, NULL)
                  && in.type == SK_AGENT_READY;
          if (ready)
            g_print ("%s %s\n", in.s[0], in.s[1]);
        }
    }
  fflush (stdout);
  sk_frame_buffer_clear (&b);
}

static void
join (int rdp, int client, guint32 id, SkFrameBuffer *b)
{
  guint8 data[32768];
  SkFrame frame;
  gboolean opened = FALSE;
  send_frame (rdp, SK_RELAY_OPEN, id, NULL, 0);
  for (;;)
    {
      struct pollfd fds[2] = { { rdp, POLLIN, 0 }, { opened ? client : -1, POLLIN, 0 } };
      poll (fds, 2, -1);
      if (fds[0].revents)
        for (gboolean more = TRUE; next_frame (rdp, b, more, &frame); more = FALSE)
          {
            if (frame.id != id)
              continue;
            opened = opened || frame.type == SK_RELAY_OPENED;
            if (frame.type == SK_RELAY_CLOSE)
              return;
            if (frame.type == SK_RELAY_DATA
                && send (client, frame.body, frame.length, MSG_NOSIGNAL) != (gssize) frame.length)
              return;
          }
      if (fds[1].revents)
        {
          gssize n = read (client, data, sizeof data);
          if (n <= 0)
            {
              send_frame (rdp, SK_RELAY_CLOSE, id, NULL, 0);
              return;
            }
          send_frame (rdp, SK_RELAY_DATA, id, data, (gsize) n);
        }
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const int on = 1;
  if (argc != 4)
    die ("usage: port-relay AGENT_SOCKET RDP_SOCKET TCP_PORT", NULL);
  sk_autofd int agent = sk_fd_connect_unix (argv[1], SOCK_STREAM, &error);
  sk_autofd int rdp = agent < 0 ? -1 : sk_fd_connect_unix (argv[2], SOCK_STREAM, &error);
  if (rdp < 0)
    die ("connect", error);
  sk_autofd int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  address.sin_port = htons ((guint16) atoi (argv[3]));
  if (bind (listener, (struct sockaddr *) &address, sizeof address) < 0 || listen (listener, 4) < 0)
    die ("listen", NULL);
  wait_ready (agent);
  SkFrameBuffer b;
  sk_frame_buffer_init (&b);
  sk_frame_buffer_reset (&b);
  send_frame (rdp, SK_RELAY_RESET, 0, "nonce678", 8);
  for (guint32 id = 1;; id++)
    {
      sk_autofd int client = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
      setsockopt (client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      join (rdp, client, id, &b);
    }
}
