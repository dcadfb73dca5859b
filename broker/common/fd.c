#include "common/fd.h"
#include "common/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static SkErrorCode
code_for_errno (int err)
{
  if (err == EAGAIN || err == EWOULDBLOCK || err == ETIMEDOUT)
    return SK_ERROR_TIMEOUT;
  if (err == EPIPE || err == ECONNRESET || err == ECONNREFUSED || err == ENOTCONN)
    return SK_ERROR_PEER_LOST;
  if (err == ENOENT)
    return SK_ERROR_NOT_FOUND;
  if (err == EACCES || err == EPERM)
    return SK_ERROR_FORBIDDEN;
  return SK_ERROR_INTERNAL;
}

static void
set_errno_error (GError **error, int err, const char *what)
{
  g_set_error (error, SK_ERROR, code_for_errno (err), "%s: %s", what, g_strerror (err));
}

gboolean
sk_fd_send_packet (int socket, const void *data, gsize length, const int *fds, gsize n_fds, GError **error)
{
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int) * SK_PACKET_FDS_MAX)];
  } control = { 0 };
  struct iovec iov = { (void *) data, length };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

  g_return_val_if_fail (n_fds <= SK_PACKET_FDS_MAX && length > 0 && length <= SK_PACKET_MAX, FALSE);
  if (n_fds > 0)
    {
      message.msg_control = control.bytes;
      message.msg_controllen = CMSG_SPACE (sizeof (int) * n_fds);
      struct cmsghdr *header = CMSG_FIRSTHDR (&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (sizeof (int) * n_fds);
      memcpy (CMSG_DATA (header), fds, sizeof (int) * n_fds);
    }
  for (;;)
    {
      if (sendmsg (socket, &message, MSG_NOSIGNAL) >= 0)
        return TRUE;
      if (errno == EINTR)
        continue;
      set_errno_error (error, errno, "send");
      return FALSE;
    }
}

/* Takes every descriptor out of the message, also those over the limit, so that none leaks. */
static gboolean
collect_fds (struct msghdr *message, int *ret_fds, gsize *ret_n_fds)
{
  gboolean fits = TRUE;
  for (struct cmsghdr *h = CMSG_FIRSTHDR (message); h; h = CMSG_NXTHDR (message, h))
    {
      if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
        continue;
      gsize n = (h->cmsg_len - CMSG_LEN (0)) / sizeof (int);
      for (gsize i = 0; i < n; i++)
        {
          int fd;
          memcpy (&fd, CMSG_DATA (h) + i * sizeof (int), sizeof fd);
          if (*ret_n_fds < SK_PACKET_FDS_MAX)
            ret_fds[(*ret_n_fds)++] = fd;
          else
            {
              close (fd);
              fits = FALSE;
            }
        }
    }
  return fits;
}

gssize
sk_fd_recv_large_packet (int socket, void *buffer, gsize size, int *ret_fds, gsize *ret_n_fds, GError **error)
{
  union
  {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int) * (SK_PACKET_FDS_MAX + 1))];
  } control;
  struct iovec iov = { buffer, size };
  struct msghdr message = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  gssize n;

  *ret_n_fds = 0;
  for (gsize i = 0; i < SK_PACKET_FDS_MAX; i++)
    ret_fds[i] = -1;
  do
    n = recvmsg (socket, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    {
      set_errno_error (error, errno, "receive");
      return -1;
    }
  if (collect_fds (&message, ret_fds, ret_n_fds) && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
    return n;
  for (gsize i = 0; i < *ret_n_fds; i++)
    sk_clear_fd (&ret_fds[i]);
  *ret_n_fds = 0;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "packet too large");
  return -1;
}

gssize
sk_fd_recv_packet (int socket, void *buffer, int *ret_fds, gsize *ret_n_fds, GError **error)
{
  return sk_fd_recv_large_packet (socket, buffer, SK_PACKET_MAX, ret_fds, ret_n_fds, error);
}

int
sk_fd_new_sealed_memory (const char *name, gsize size, GError **error)
{
  sk_autofd int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || ftruncate (fd, (off_t) size) < 0
      || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
    {
      set_errno_error (error, errno, "memfd");
      return -1;
    }
  return sk_steal_fd (&fd);
}

gboolean
sk_fd_check_sealed_memory (int fd, gsize size, GError **error)
{
  const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  struct stat info;
  int seals = fcntl (fd, F_GET_SEALS);
  if (seals >= 0 && (seals & wanted) == wanted && fstat (fd, &info) == 0 && (gsize) info.st_size == size)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "not sealed memory of the right size");
  return FALSE;
}

static gboolean
write_whole (int fd, const guint8 *data, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      const gssize n = write (fd, data + done, size - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

int
sk_fd_new_sealed_content (const char *name, const void *data, gsize size, GError **error)
{
  sk_autofd int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || !write_whole (fd, data, size)
      || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
    {
      set_errno_error (error, errno, "memfd");
      return -1;
    }
  return sk_steal_fd (&fd);
}

GBytes *
sk_fd_read_sealed_content (int fd, gsize size, GError **error)
{
  const int seals = fcntl (fd, F_GET_SEALS);
  if (!sk_fd_check_sealed_memory (fd, size, error))
    return NULL;
  g_autofree guint8 *data = g_try_malloc (MAX (size, 1));
  gsize done = 0;
  if (data && seals >= 0 && (seals & F_SEAL_WRITE) && lseek (fd, 0, SEEK_SET) == 0)
    while (done < size)
      {
        const gssize n = read (fd, data + done, size - done);
        if (n < 0 && errno == EINTR)
          continue;
        if (n <= 0)
          break;
        done += (gsize) n;
      }
  if (data && done == size && seals >= 0 && (seals & F_SEAL_WRITE))
    return g_bytes_new_take (g_steal_pointer (&data), size);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "memory that can be written, or not read");
  return NULL;
}

int
sk_fd_reopen_read_only (int fd, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int copy = open (path, O_RDONLY | O_CLOEXEC);
  if (copy < 0)
    set_errno_error (error, errno, "reopen");
  return copy;
}

gboolean
sk_fd_set_nonblocking (int fd, gboolean nonblocking, GError **error)
{
  int flags = fcntl (fd, F_GETFL);
  if (flags >= 0 && fcntl (fd, F_SETFL, nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0)
    return TRUE;
  set_errno_error (error, errno, "fcntl");
  return FALSE;
}

static gboolean
fill_address (const char *path, struct sockaddr_un *address, GError **error)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (g_strlcpy (address->sun_path, path, sizeof address->sun_path) < sizeof address->sun_path)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "socket path longer than %zu bytes: %s",
               sizeof address->sun_path - 1, path);
  return FALSE;
}

int
sk_fd_listen_unix (const char *path, int type, GError **error)
{
  struct sockaddr_un address;
  if (!fill_address (path, &address, error))
    return -1;
  sk_autofd int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd >= 0 && unlink (path) < 0 && errno != ENOENT)
    sk_clear_fd (&fd);
  /* fchmod before bind: the file never exists with a wider mode. */
  if (fd < 0 || fchmod (fd, 0600) < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) < 0
      || listen (fd, 16) < 0)
    {
      set_errno_error (error, errno, path);
      return -1;
    }
  return sk_steal_fd (&fd);
}

int
sk_fd_connect_unix (const char *path, int type, GError **error)
{
  struct sockaddr_un address;
  if (!fill_address (path, &address, error))
    return -1;
  sk_autofd int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      set_errno_error (error, errno, path);
      return -1;
    }
  return sk_steal_fd (&fd);
}
