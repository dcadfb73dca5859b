#include "desktop/address.h"
#include "common/error.h"
#include "common/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static int
connect_tcp (const char *address, GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection
      = g_socket_client_connect_to_host (client, address, 3389, NULL, error);
  if (!connection)
    return -1;
  /* The connection object closes its own descriptor with the last reference. */
  int fd = fcntl (g_socket_get_fd (g_socket_connection_get_socket (connection)), F_DUPFD_CLOEXEC, 3);
  if (fd < 0 || !sk_fd_set_nonblocking (fd, FALSE, error))
    {
      sk_clear_fd (&fd);
      return -1;
    }
  return fd;
}

int
sk_address_connect (const char *address, GError **error)
{
  if (g_str_has_prefix (address, "unix:"))
    return sk_fd_connect_unix (address + strlen ("unix:"), SOCK_STREAM, error);
  return connect_tcp (address, error);
}
