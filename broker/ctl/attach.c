#include "ctl/attach.h"
#include "common/fd.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* One direction's buffer: a few RDP updates. */
#define BUFFER_BYTES 65536

typedef struct
{
  int from, to;
  char bytes[BUFFER_BYTES];
  gsize start, end;
  gboolean over; /* no more comes, and `to` knows */
} Pipe;

/* FALSE: the stream is broken. Both ends are non-blocking. */
static gboolean
pump (Pipe *pipe)
{
  gssize n;
  if (pipe->start == pipe->end && !pipe->over)
    {
      pipe->start = pipe->end = 0;
      n = recv (pipe->from, pipe->bytes, sizeof pipe->bytes, 0);
      if (n == 0)
        {
          pipe->over = TRUE;
          shutdown (pipe->to, SHUT_WR);
        }
      else if (n < 0 && errno != EAGAIN && errno != EINTR)
        return FALSE;
      else if (n > 0)
        pipe->end = (gsize) n;
    }
  if (pipe->start == pipe->end)
    return TRUE;
  n = send (pipe->to, pipe->bytes + pipe->start, pipe->end - pipe->start, MSG_NOSIGNAL);
  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  pipe->start += (gsize) n;
  return TRUE;
}

static short
wanted (const Pipe *reading, const Pipe *writing)
{
  short events = 0;
  if (!reading->over && reading->start == reading->end)
    events |= POLLIN;
  if (writing->start != writing->end)
    events |= POLLOUT;
  return events;
}

/* Until one side is gone or a signal asks to stop. */
static void
splice_streams (int viewer, int stream, int signals)
{
  g_autofree Pipe *up = g_new0 (Pipe, 1), *down = g_new0 (Pipe, 1);
  up->from = down->to = viewer;
  up->to = down->from = stream;
  while (!up->over || !down->over)
    {
      struct pollfd fds[]
          = { { viewer, wanted (up, down), 0 }, { stream, wanted (down, up), 0 }, { signals, POLLIN, 0 } };
      if (poll (fds, G_N_ELEMENTS (fds), -1) < 0 && errno != EINTR)
        return;
      if (fds[2].revents || !pump (up) || !pump (down))
        return;
      /* The view closes for good; what it sent is through. */
      if (down->over && down->start == down->end)
        return;
    }
}

static int
accept_one (int listener, int signals, GError **error)
{
  struct pollfd fds[] = { { listener, POLLIN, 0 }, { signals, POLLIN, 0 } };
  int fd = -1;
  while (poll (fds, G_N_ELEMENTS (fds), -1) < 0 && errno == EINTR)
    ;
  if (!fds[1].revents)
    fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_CANCELLED, SK_TR ("stopped", "中止しました"));
  return fd;
}

static int
watch_signals (void)
{
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL);
  return signalfd (-1, &set, SFD_CLOEXEC);
}

static void
tell (JsonObject *ticket, const char *path)
{
  g_print (
      SK_TR ("Fingerprint of the certificate (SHA-256): %s\nOne RDP client may connect now, for example:\n",
             "証明書のフィンガープリント (SHA-256): %s\nRDP クライアントを 1 つ接続できます。例:\n"),
      sk_json_get_string (ticket, "fingerprint", "?"));
  g_print ("  xfreerdp3 /v:%s /u:x /p:x /sec:tls /cert:fingerprint:sha256:%s /size:%dx%d\n", path,
           sk_json_get_string (ticket, "fingerprint", "?"), (int) sk_json_get_int (ticket, "width", 1280),
           (int) sk_json_get_int (ticket, "height", 800));
  fflush (stdout);
}

static JsonObject *
get_ticket (SkCtl *ctl, const char *session, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/sessions", session, error);
  g_autofree char *ticket_path = path ? g_strconcat (path, "/ticket", NULL) : NULL;
  g_autoptr (JsonNode) answer = ticket_path ? sk_ctl_call (ctl, "POST", ticket_path, NULL, error) : NULL;
  if (!answer)
    return NULL;
  if (JSON_NODE_HOLDS_OBJECT (answer))
    return json_object_ref (json_node_get_object (answer));
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "ticket");
  return NULL;
}

/* The ticket comes first: its fingerprint has to be known before a client connects. It lasts a minute, so a
 * client that comes later gets a new one: then the certificate is another one, and a client that pins the
 * first refuses. */
static int
open_stream (SkCtl *ctl, const char *session, JsonObject *ticket, GError **error)
{
  g_autoptr (GError) failed = NULL;
  g_autoptr (JsonObject) again = NULL;
  int fd = sk_client_upgrade_rdp (ctl->client, session, sk_json_get_string (ticket, "token", ""), &failed);
  if (fd >= 0)
    return fd;
  again = get_ticket (ctl, session, error);
  return again ? sk_client_upgrade_rdp (ctl->client, session, sk_json_get_string (again, "token", ""), error)
               : -1;
}

gboolean
sk_ctl_attach (SkCtl *ctl, const char *session, const char *path, GError **error)
{
  g_autoptr (JsonObject) ticket = get_ticket (ctl, session, error);
  sk_autofd int listener = -1, viewer = -1, stream = -1, signals = watch_signals ();

  if (!ticket)
    return FALSE;
  listener = sk_fd_listen_unix (path, SOCK_STREAM, error);
  if (listener < 0)
    return FALSE;
  tell (ticket, path);
  viewer = accept_one (listener, signals, error);
  sk_clear_fd (&listener);
  unlink (path);
  if (viewer < 0)
    return FALSE;
  stream = open_stream (ctl, session, ticket, error);
  if (stream < 0 || !sk_fd_set_nonblocking (stream, TRUE, error))
    return FALSE;
  splice_streams (viewer, stream, signals);
  return TRUE;
}
