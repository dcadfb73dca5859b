#include "core/service.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#if SK_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

static gboolean
make_folder (const char *path, mode_t mode, GError **error)
{
  /* QEMU's user has to pass through; what is inside protects itself. */
  if (g_mkdir_with_parents (path, mode) == 0)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

/* A screen and a view for each VM, with a dozen descriptors in all: the usual soft limit of 1024 is soon
 * reached. */
static void
raise_file_limit (void)
{
  struct rlimit limit;
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

/* Not flock(): a worker between fork() and exec() has the descriptor as well, and would keep the lock of a
 * core that was killed just then. */
static gboolean
lock (int fd)
{
  struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  return fcntl (fd, F_SETLK, &all) == 0;
}

int
sk_service_prepare (const SkConfig *config, GError **error)
{
  g_autofree char *path = g_build_filename (config->state_dir, "lock", NULL);
  sk_autofd int fd = -1;
  umask (0022); /* the folders get the modes named here */
  raise_file_limit ();
  if (!make_folder (config->state_dir, 0711, error) || !make_folder (config->runtime_dir, 0755, error)
      || !make_folder (config->image_dir, 0711, error))
    return -1;
  umask (0027);
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && lock (fd))
    return sk_steal_fd (&fd);
  g_set_error (error, SK_ERROR, errno == EAGAIN || errno == EACCES ? SK_ERROR_CONFLICT : SK_ERROR_UNAVAILABLE,
               "%s: %s", path,
               errno == EAGAIN || errno == EACCES ? "another sekishod uses this state" : g_strerror (errno));
  return -1;
}

#if SK_SYSTEMD
gboolean
sk_service_socket (int *ret_fd, GError **error)
{
  int n = sd_listen_fds (TRUE);
  *ret_fd = -1;
  if (n == 0)
    return TRUE;
  if (n == 1 && sd_is_socket_unix (SD_LISTEN_FDS_START, SOCK_STREAM, TRUE, NULL, 0) > 0)
    {
      *ret_fd = SD_LISTEN_FDS_START;
      return TRUE;
    }
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                       "systemd passed something else than one listening unix socket");
  return FALSE;
}

static gboolean
on_watchdog (gpointer data)
{
  sd_notify (FALSE, "WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

void
sk_service_ready (void)
{
  guint64 usec = 0;
  if (sd_watchdog_enabled (FALSE, &usec) > 0 && usec > 0)
    g_timeout_add ((guint) (usec / 3000), on_watchdog, NULL); /* three times in each period */
  sd_notify (FALSE, "READY=1");
}

void
sk_service_stopping (void)
{
  sd_notify (FALSE, "STOPPING=1");
}
#else
gboolean
sk_service_socket (int *ret_fd, GError **error)
{
  *ret_fd = -1;
  return TRUE;
}

void
sk_service_ready (void)
{
}

void
sk_service_stopping (void)
{
}
#endif
