#include "session.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <glib-unix.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* "open ID URL" with the longest URL. */
#define LINE_MAX_BYTES (SK_URL_MAX + 64)

struct _SkSession
{
  char *path;
  uid_t uid;
  const SkSessionEvents *events;
  gpointer data;
  int listener, peer;
  guint on_listener, on_peer;
  char line[LINE_MAX_BYTES];
  gsize filled;
  guint scale; /* percent; 0: nobody said */
};

static void
session_drop_peer (SkSession *session)
{
  g_clear_handle_id (&session->on_peer, g_source_remove);
  sk_clear_fd (&session->peer);
  session->filled = 0;
}

/* ---- lines from the session ---- */

static gboolean
parse_opened (SkSession *session, const char *untrusted_line)
{
  guint32 id;
  int ok, used = 0;
  if (sscanf (untrusted_line, "opened %" G_GUINT32_FORMAT " %1d %n", &id, &ok, &used) != 2 || used == 0)
    return FALSE;
  session->events->opened (id, ok == 1, untrusted_line + used, session->data);
  return TRUE;
}

static gboolean
handle_line (SkSession *session, const char *untrusted_line)
{
  if (!sk_text_is_clean (untrusted_line, strlen (untrusted_line)))
    return FALSE;
  if (g_str_equal (untrusted_line, "browser-ready"))
    {
      session->events->browser_ready (session->data);
      return TRUE;
    }
  return parse_opened (session, untrusted_line);
}

/* Complete lines out of the buffer. FALSE: the peer does not speak our language. */
static gboolean
session_take_lines (SkSession *session)
{
  char *end;
  while ((end = memchr (session->line, '\n', session->filled)))
    {
      *end = '\0';
      if (!handle_line (session, session->line))
        return FALSE;
      gsize used = (gsize) (end + 1 - session->line);
      session->filled -= used;
      memmove (session->line, end + 1, session->filled);
    }
  return session->filled < sizeof session->line;
}

static gboolean
on_peer_readable (int fd, GIOCondition condition, gpointer data)
{
  SkSession *session = data;
  gssize n = recv (fd, session->line + session->filled, sizeof session->line - session->filled, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n > 0)
    {
      session->filled += (gsize) n;
      if (session_take_lines (session))
        return G_SOURCE_CONTINUE;
      sk_warn (SK_FIELDS ("peer", "session"), "a line makes no sense: connection closed");
    }
  session->on_peer = 0;
  session_drop_peer (session);
  return G_SOURCE_REMOVE;
}

/* A line that the session's socket does not take at once (it holds 200 KB) is refused: the session hangs. */
static gboolean
session_say (SkSession *session, const char *line)
{
  if (session->peer < 0)
    return FALSE;
  gsize length = strlen (line);
  if (send (session->peer, line, length, MSG_NOSIGNAL) == (gssize) length)
    return TRUE;
  session_drop_peer (session);
  return FALSE;
}

static void
say_scale (SkSession *session)
{
  g_autofree char *line = g_strdup_printf ("scale %u\n", session->scale);
  if (!session_say (session, line))
    sk_debug (SK_FIELDS ("peer", "session"), "no session yet");
}

/* ---- the socket ---- */

static gboolean
peer_is_ours (SkSession *session, int fd)
{
  struct ucred who;
  socklen_t length = sizeof who;
  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0
         && (who.uid == session->uid || who.uid == getuid ());
}

static gboolean
on_connection (int listener, GIOCondition condition, gpointer data)
{
  SkSession *session = data;
  sk_autofd int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 || !peer_is_ours (session, fd))
    return G_SOURCE_CONTINUE;
  session_drop_peer (session);
  session->peer = sk_steal_fd (&fd);
  session->on_peer = g_unix_fd_add (session->peer, G_IO_IN, on_peer_readable, session);
  if (session->scale)
    say_scale (session);
  return G_SOURCE_CONTINUE;
}

SkSession *
sk_session_new (const char *path, uid_t uid, const SkSessionEvents *events, gpointer data, GError **error)
{
  sk_autofd int listener = sk_fd_listen_unix (path, SOCK_STREAM | SOCK_NONBLOCK, error);
  if (listener < 0)
    return NULL;
  /* Anybody may knock: who stays is decided by SO_PEERCRED. */
  if (chmod (path, 0666) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "%s: %s", path, g_strerror (errno));
      return NULL;
    }
  SkSession *session = g_new0 (SkSession, 1);
  session->path = g_strdup (path);
  session->uid = uid;
  session->events = events;
  session->data = data;
  session->peer = -1;
  session->listener = sk_steal_fd (&listener);
  session->on_listener = g_unix_fd_add (session->listener, G_IO_IN, on_connection, session);
  return session;
}

void
sk_session_free (SkSession *session)
{
  if (!session)
    return;
  session_drop_peer (session);
  g_clear_handle_id (&session->on_listener, g_source_remove);
  sk_clear_fd (&session->listener);
  unlink (session->path);
  g_free (session->path);
  g_free (session);
}

gboolean
sk_session_open_url (SkSession *session, guint32 id, const char *url)
{
  g_autofree char *line = g_strdup_printf ("open %" G_GUINT32_FORMAT " %s\n", id, url);
  return session_say (session, line);
}

void
sk_session_set_size (SkSession *session, guint width, guint height)
{
  g_autofree char *line = g_strdup_printf ("size %u %u\n", width, height);
  if (!session_say (session, line))
    sk_debug (SK_FIELDS ("peer", "session"), "no session yet");
}

void
sk_session_set_scale (SkSession *session, guint percent)
{
  session->scale = percent;
  say_scale (session);
}
