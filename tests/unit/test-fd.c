#include "common/error.h"
#include "common/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static guint
open_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;
  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_pass_descriptors (void)
{
  guint before = open_fds ();
  {
    g_autoptr (GError) error = NULL;
    int pair[2], fds[SK_PACKET_FDS_MAX];
    char buffer[SK_PACKET_MAX];
    gsize n_fds;
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
    g_assert_true (sk_fd_send_packet (pair[0], "hi", 2, pair, 2, &error));
    g_assert_no_error (error);
    g_assert_cmpint (sk_fd_recv_packet (pair[1], buffer, fds, &n_fds, &error), ==, 2);
    g_assert_cmpint (n_fds, ==, 2);
    g_assert_cmpint (fcntl (fds[0], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    for (gsize i = 0; i < n_fds; i++)
      close (fds[i]);
    close (pair[0]);
    g_assert_cmpint (sk_fd_recv_packet (pair[1], buffer, fds, &n_fds, &error), ==, 0);
    close (pair[1]);
  }
  g_assert_cmpuint (open_fds (), ==, before);
}

/* A peer that sends more descriptors than any message has must not leak them into us. */
static void
test_too_many_descriptors (void)
{
  guint before = open_fds ();
  {
    g_autoptr (GError) error = NULL;
    int pair[2], fds[SK_PACKET_FDS_MAX];
    char buffer[SK_PACKET_MAX];
    char control[CMSG_SPACE (sizeof (int) * 20)] = { 0 };
    gsize n_fds;
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
    struct iovec iov = { (void *) "x", 1 };
    struct msghdr m
        = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *h = CMSG_FIRSTHDR (&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN (sizeof (int) * 20);
    for (int i = 0; i < 20; i++)
      memcpy (CMSG_DATA (h) + i * sizeof (int), &pair[0], sizeof (int));
    g_assert_cmpint (sendmsg (pair[0], &m, 0), ==, 1);
    g_assert_cmpint (sk_fd_recv_packet (pair[1], buffer, fds, &n_fds, &error), ==, -1);
    g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
    g_assert_cmpint (n_fds, ==, 0);
    close (pair[0]);
    close (pair[1]);
  }
  g_assert_cmpuint (open_fds (), ==, before);
}

static void
test_sealed_memory (void)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int fd = sk_fd_new_sealed_memory ("test", 8192, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 1), ==, -1);
  g_assert_cmpint (ftruncate (fd, 1 << 20), ==, -1);
  g_assert_true (sk_fd_check_sealed_memory (fd, 8192, &error));
  g_assert_false (sk_fd_check_sealed_memory (fd, 4096, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  g_clear_error (&error);

  sk_autofd int reader = sk_fd_reopen_read_only (fd, &error);
  g_assert_no_error (error);
  g_assert_true (mmap (NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED);
  void *p = mmap (NULL, 8192, PROT_READ, MAP_SHARED, reader, 0);
  g_assert_true (p != MAP_FAILED);
  g_assert_cmpint (mprotect (p, 8192, PROT_READ | PROT_WRITE), ==, -1);
  munmap (p, 8192);
}

static void
test_unsealed_memory_is_refused (void)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int plain = memfd_create ("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_assert_cmpint (ftruncate (plain, 8192), ==, 0);
  g_assert_false (sk_fd_check_sealed_memory (plain, 8192, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
}

static void
test_unix_sockets (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("sk-fd-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "s", NULL);
  sk_autofd int none = sk_fd_connect_unix (path, SOCK_SEQPACKET, &error);
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_assert_cmpint (none, ==, -1);
  g_clear_error (&error);
  int listener = sk_fd_listen_unix (path, SOCK_SEQPACKET, &error);
  g_assert_no_error (error);
  sk_autofd int client = sk_fd_connect_unix (path, SOCK_SEQPACKET, &error);
  g_assert_no_error (error);
  close (listener);
  sk_autofd int refused = sk_fd_connect_unix (path, SOCK_SEQPACKET, &error);
  g_assert_error (error, SK_ERROR, SK_ERROR_PEER_LOST);
  g_assert_cmpint (refused, ==, -1);
  g_clear_error (&error);
  g_autofree char *longer = g_strnfill (200, 'x');
  g_assert_cmpint (sk_fd_listen_unix (longer, SOCK_STREAM, &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  unlink (path);
  rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fd/pass", test_pass_descriptors);
  g_test_add_func ("/fd/too-many", test_too_many_descriptors);
  g_test_add_func ("/fd/sealed", test_sealed_memory);
  g_test_add_func ("/fd/unsealed", test_unsealed_memory_is_refused);
  g_test_add_func ("/fd/unix", test_unix_sockets);
  return g_test_run ();
}
