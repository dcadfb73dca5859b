#include "desktop/instance.h"
#include "common/error.h"
#include "common/fd.h"
#include "desktop/url.h"
#include "wire/agent.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

/* A message is "sekisho 1\nURL\nTOKEN\n"; the answer is one byte. */
#define GREETING "sekisho 1"
#define TOKEN_MAX 512
#define MESSAGE_MAX (sizeof GREETING + SK_URL_MAX + TOKEN_MAX + 4)
/* The running instance may just be starting; later than this it hangs, and a second window is better. */
#define ANSWER_SECONDS 10

struct _SkInstance
{
  char *path;
  int lock_fd, listen_fd;
  guint source;
  SkInstanceOpen open;
  gpointer data;
};

static char *
folder (void)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  return g_build_filename (runtime && *runtime ? runtime : g_get_user_cache_dir (), "sekisho", NULL);
}

char *
sk_instance_path (const char *pool, const char *broker_socket)
{
  const char *display = g_getenv ("WAYLAND_DISPLAY");
  if (!display || !*display)
    display = g_getenv ("DISPLAY");
  g_autofree char *dir = folder ();
  g_autofree char *key = g_strconcat (display ? display : "", "\n", pool ? pool : "", "\n",
                                      broker_socket ? broker_socket : "", NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, key, -1);
  return g_strdup_printf ("%s/desktop-%.16s.sock", dir, hash);
}

static gboolean
is_own_peer (int fd)
{
  struct ucred peer;
  socklen_t length = sizeof peer;
  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == getuid ();
}

/* -- sending --------------------------------------------------------------------------------------------- */

gboolean
sk_instance_send (const char *path, const char *url, const char *token, GError **error)
{
  struct timeval limit = { .tv_sec = ANSWER_SECONDS };
  char answer = 0;
  sk_autofd int fd = sk_fd_connect_unix (path, SOCK_STREAM, NULL);
  if (fd < 0 || !is_own_peer (fd))
    return FALSE;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  g_autofree char *message = g_strdup_printf ("%s\n%s\n%s\n", GREETING, url ? url : "",
                                              token && strlen (token) <= TOKEN_MAX ? token : "");
  gsize length = strlen (message);
  if (send (fd, message, length, MSG_NOSIGNAL) == (gssize) length && recv (fd, &answer, 1, 0) == 1
      && answer == '+')
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the running window does not answer");
  return FALSE;
}

/* -- receiving ------------------------------------------------------------------------------------------- */

/* The lock tells a dead instance's socket from a living one's, and settles who of two is first. */
static int
lock (const char *path)
{
  g_autofree char *name = g_strconcat (path, ".lock", NULL);
  sk_autofd int fd = open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || flock (fd, LOCK_EX | LOCK_NB) < 0)
    return -1;
  return sk_steal_fd (&fd);
}

SkInstance *
sk_instance_claim (const char *path, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);
  if (g_mkdir_with_parents (dir, 0700) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", dir, g_strerror (errno));
      return NULL;
    }
  sk_autofd int lock_fd = lock (path);
  if (lock_fd < 0)
    return NULL;
  sk_autofd int listen_fd = sk_fd_listen_unix (path, SOCK_STREAM, error);
  if (listen_fd < 0)
    return NULL;
  SkInstance *instance = g_new0 (SkInstance, 1);
  instance->path = g_strdup (path);
  instance->lock_fd = sk_steal_fd (&lock_fd);
  instance->listen_fd = sk_steal_fd (&listen_fd);
  return instance;
}

static gboolean
read_message (int fd, char *buffer, gsize size)
{
  gsize length = 0;
  guint lines = 0;
  while (lines < 3 && length < size - 1)
    {
      gssize n = recv (fd, buffer + length, size - 1 - length, 0);
      if (n <= 0)
        return FALSE;
      for (gssize i = 0; i < n; i++)
        lines += buffer[length + i] == '\n';
      length += n;
    }
  buffer[length] = 0;
  return lines == 3 && buffer[length - 1] == '\n';
}

static gboolean
handle_message (SkInstance *instance, char *untrusted_message)
{
  g_auto (GStrv) lines = g_strsplit (untrusted_message, "\n", 4);
  g_autofree char *url = NULL;
  if (strcmp (lines[0], GREETING) != 0 || strlen (lines[2]) > TOKEN_MAX)
    return FALSE;
  if (*lines[1])
    {
      url = sk_url_normalise (lines[1], NULL);
      if (!url)
        return FALSE;
    }
  instance->open (url, *lines[2] ? lines[2] : NULL, instance->data);
  return TRUE;
}

static gboolean
on_connection (int listen_fd, GIOCondition condition, gpointer data)
{
  SkInstance *instance = data;
  /* A sender writes all of its message at once; one that does not is not ours to wait for. */
  struct timeval limit = { .tv_sec = 1 };
  char buffer[MESSAGE_MAX];
  sk_autofd int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0 || !is_own_peer (fd))
    return G_SOURCE_CONTINUE;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  char answer = read_message (fd, buffer, sizeof buffer) && handle_message (instance, buffer) ? '+' : '-';
  if (send (fd, &answer, 1, MSG_NOSIGNAL) < 0)
    return G_SOURCE_CONTINUE;
  return G_SOURCE_CONTINUE;
}

void
sk_instance_serve (SkInstance *instance, SkInstanceOpen open_callback, gpointer data)
{
  instance->open = open_callback;
  instance->data = data;
  instance->source = g_unix_fd_add (instance->listen_fd, G_IO_IN, on_connection, instance);
}

void
sk_instance_free (SkInstance *instance)
{
  if (!instance)
    return;
  if (instance->source)
    g_source_remove (instance->source);
  /* The socket goes before the lock, so that nobody finds a socket without its owner. */
  g_unlink (instance->path);
  sk_clear_fd (&instance->listen_fd);
  sk_clear_fd (&instance->lock_fd);
  g_free (instance->path);
  g_free (instance);
}
