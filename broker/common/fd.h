/* File descriptors: owning them, passing them, sealed memory. All functions are safe from any thread. */
#pragma once
#include <gio/gio.h>
#include <unistd.h>

/* g_autofd-like owner for GLib 2.74: `sk_autofd int fd = -1;` */
static inline void
sk_clear_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}
#define sk_autofd __attribute__ ((cleanup (sk_clear_fd)))
static inline int
sk_steal_fd (int *fd)
{
  int taken = *fd;
  *fd = -1;
  return taken;
}

/* Descriptors in one packet at most: the largest message of wire/control.h carries four. */
#define SK_PACKET_FDS_MAX 4
/* Bytes of one control packet (SOCK_SEQPACKET); the largest message is a log line. */
#define SK_PACKET_MAX 4096

/* Sends one packet with descriptors (which stay the caller's). Never blocks longer than the socket does; no
 * SIGPIPE. Errors: SK_ERROR_PEER_LOST, SK_ERROR_TIMEOUT (would block). */
gboolean sk_fd_send_packet (int socket, const void *data, gsize length, const int *fds, gsize n_fds,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Receives one packet into buffer (SK_PACKET_MAX bytes). ret_fds (room for SK_PACKET_FDS_MAX, all set to -1
 * first) become the caller's, close-on-exec. Returns the length; 0 at end of stream; -1 with error:
 * SK_ERROR_PROTOCOL for a truncated or too large packet, SK_ERROR_TIMEOUT when nothing is there on a
 * non-blocking socket. */
gssize sk_fd_recv_packet (int socket, void *buffer, int *ret_fds, gsize *ret_n_fds, GError **error);
/* The same into a buffer of any size. */
gssize sk_fd_recv_large_packet (int socket, void *buffer, gsize size, int *ret_fds, gsize *ret_n_fds,
                                GError **error);

/* A memfd of exactly `size` bytes that can neither shrink nor grow (so a mapping of it cannot raise SIGBUS).
 */
int sk_fd_new_sealed_memory (const char *name, gsize size, GError **error);
/* Whether an untrusted descriptor is such memory of exactly this size. */
gboolean sk_fd_check_sealed_memory (int fd, gsize size, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for a content that is there already: nobody can write it any more either. */
int sk_fd_new_sealed_content (const char *name, const void *data, gsize size, GError **error);
/* A copy of what an untrusted descriptor holds, if it is such memory of exactly this size. */
GBytes *sk_fd_read_sealed_content (int fd, gsize size, GError **error);
/* The same memory through a new read-only description. */
int sk_fd_reopen_read_only (int fd, GError **error);

gboolean sk_fd_set_nonblocking (int fd, gboolean nonblocking, GError **error);
/* A listening SOCK_SEQPACKET / SOCK_STREAM unix socket at path, mode 0600; an old socket file there is
 * removed first. */
int sk_fd_listen_unix (const char *path, int type, GError **error);
/* A connected unix socket. Errors: SK_ERROR_PEER_LOST when nobody listens, SK_ERROR_NOT_FOUND when there is
 * no socket. */
int sk_fd_connect_unix (const char *path, int type, GError **error);
