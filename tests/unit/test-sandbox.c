/* The cage: what a closed process can still do, tried from inside it. */
#include "common/error.h"
#include "common/fd.h"
#include "common/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const SkSandboxProfile profile
    = { .name = "test", .address_space = G_GUINT64_CONSTANT (1) << 31, .files = 32, .threads = TRUE };

/* Runs in a child with the cage closed; returns its wait status. */
static int
inside (int (*function) (void))
{
  pid_t pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      g_autoptr (GError) error = NULL;
      if (!sk_sandbox_close (&profile, &error))
        _exit (99);
      _exit (function ());
    }
  int status = 0;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return status;
}

static int
refused (long result)
{
  return result < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES);
}

/* Each of these fails softly: libraries try them. Returns the number of the first that did not. */
static int
try_refused (void)
{
  char *const none[] = { NULL };
  int i = 0;
#define TRY(call)                                                                                            \
  i++;                                                                                                       \
  if (!refused (call))                                                                                       \
    return i;
  TRY (open ("/etc/passwd", O_RDONLY))
  TRY (open ("/tmp/x", O_WRONLY | O_CREAT, 0600))
  TRY (openat (AT_FDCWD, "/", O_PATH))
  TRY (syscall (SYS_openat2, AT_FDCWD, "/", NULL, 0))
  TRY (access ("/", R_OK))
  TRY (socket (AF_INET, SOCK_STREAM, 0))
  TRY (socket (AF_UNIX, SOCK_STREAM, 0))
  TRY (syscall (SYS_connect, 0, NULL, 0))
  TRY (syscall (SYS_bind, 0, NULL, 0))
  TRY (accept4 (0, NULL, NULL, 0))
  TRY (execve ("/bin/true", none, none))
  TRY (fork ())
  TRY (syscall (SYS_vfork))
  TRY (syscall (SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0))
  TRY (kill (1, 0))
  TRY (syscall (SYS_tgkill, 1, 1, SIGTERM))
  TRY (ptrace (PTRACE_ATTACH, 1, NULL, NULL))
  TRY (memfd_create ("x", 0))
  TRY ((long) mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
  TRY (setrlimit (RLIMIT_NOFILE, &(struct rlimit){ 1000, 1000 }))
  TRY (readlink ("/proc/self/exe", (char[8]){ 0 }, 8))
  return 0;
}

static void *
in_thread (void *counter)
{
  (*(int *) counter)++;
  return NULL;
}

static int
try_allowed (void)
{
  int pipe_fds[2], counter = 0;
  pthread_t thread;
  if (pipe2 (pipe_fds, O_CLOEXEC) != 0 || write (pipe_fds[1], "x", 1) != 1)
    return 1;
  struct pollfd p = { pipe_fds[0], POLLIN, 0 };
  if (poll (&p, 1, 1000) != 1 || eventfd (0, EFD_CLOEXEC) < 0)
    return 2;
  if (pthread_create (&thread, NULL, in_thread, &counter) != 0 || pthread_join (thread, NULL) != 0
      || counter != 1)
    return 3;
  void *memory = malloc (64 << 20);
  if (!memory)
    return 4;
  memset (memory, 1, 64 << 20);
  free (memory);
  if (malloc ((gsize) 4 << 30))
    return 5; /* beyond the address space */
  struct stat info;
  return fstat (pipe_fds[0], &info) == 0 && getpid () > 0 ? 0 : 6;
}

static int
mount_something (void)
{
  return (int) syscall (SYS_mount, "x", "/", "tmpfs", 0, NULL);
}

static int
load_module (void)
{
  return (int) syscall (SYS_bpf, 0, NULL, 0);
}

static int
try_abort (void)
{
  abort ();
}

static void
test_refused (void)
{
  int status = inside (try_refused);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
test_allowed (void)
{
  int status = inside (try_allowed);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
test_killed (void)
{
  int (*const calls[]) (void) = { mount_something, load_module };
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      int status = inside (calls[i]);
      g_assert_true (WIFSIGNALED (status));
      g_assert_cmpint (WTERMSIG (status), ==, SIGSYS);
    }
  int status = inside (try_abort);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGABRT);
}

/* ---- with bubblewrap: this program again, as the worker ---- */

static char *self;

/* The worker: looks around, closes, reports on fd 3, waits until told to end. */
static int
worker_main (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) report = g_string_new (NULL);
  extern char **environ;
  for (char **e = environ; e && *e; e++)
    if (!g_str_has_prefix (*e, "PWD=")) /* bubblewrap's own */
      g_string_append_printf (report, "env %s\n", *e);
  static const char *const hidden[]
      = { "/proc/self", "/sys", "/home", "/root", "/etc/passwd", "/dev/zero", "/run", "/var", "/tmp" };
  for (gsize i = 0; i < G_N_ELEMENTS (hidden); i++)
    if (access (hidden[i], F_OK) == 0)
      g_string_append_printf (report, "sees %s\n", hidden[i]);
  static const char *const places[] = { "/x", "/usr/x", "/dev/x" };
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    if (open (places[i], O_WRONLY | O_CREAT, 0600) >= 0)
      g_string_append_printf (report, "writes %s\n", places[i]);
  if (getuid () == 0)
    g_string_append (report, "is root\n");
  if (getpid () != 1)
    g_string_append (report, "shares pids\n");
  if (!sk_sandbox_close (&profile, &error))
    g_string_append_printf (report, "not closed: %s\n", error->message);
  g_string_append (report, "done\n");
  if (write (3, report->str, report->len) < 0)
    return 1;
  char byte;
  return read (3, &byte, 1) == 0 ? 0 : 2;
}

static void
test_bubblewrap (void)
{
  g_autoptr (GError) error = NULL;
  const char *command[] = { self, "--worker", NULL };
  g_auto (GStrv) argv = sk_sandbox_argv (command, &error);
  g_assert_no_error (error);
  int pair[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  GPid pid;
  const int target = 3;
  g_assert_true (g_spawn_async_with_pipes_and_fds (NULL, (const char *const *) argv, NULL,
                                                   G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, -1,
                                                   &pair[1], &target, 1, &pid, NULL, NULL, NULL, &error));
  close (pair[1]);
  char report[4096] = "";
  gsize n = 0;
  while (!g_str_has_suffix (report, "done\n"))
    {
      gssize got = read (pair[0], report + n, sizeof report - 1 - n);
      g_assert_cmpint (got, >, 0);
      n += (gsize) got;
      report[n] = '\0';
    }
  g_assert_cmpstr (report, ==, "done\n");
  GPid worker = sk_sandbox_worker_pid (pid);
  g_assert_cmpint (worker, >, 0);
  g_assert_true (sk_sandbox_check_process (worker, &error));
  g_assert_no_error (error);
  g_assert_false (sk_sandbox_check_process (getpid (), &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
  g_clear_error (&error);
  close (pair[0]);
  int status = -1;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_false (sk_sandbox_check_process (worker, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  if (argc == 2 && strcmp (argv[1], "--worker") == 0)
    return worker_main ();
  self = realpath (argv[0], NULL);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sandbox/refused", test_refused);
  g_test_add_func ("/sandbox/allowed", test_allowed);
  g_test_add_func ("/sandbox/killed", test_killed);
  g_test_add_func ("/sandbox/bubblewrap", test_bubblewrap);
  return g_test_run ();
}
