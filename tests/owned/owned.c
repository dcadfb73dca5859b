#include "owned.h"
#include "rdp/ring.h"
#include "wire/control.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* Returns TRUE when something was reached; errno says why not. */
typedef gboolean (*Attack) (const SkOwned *o);

static void
say (const char *name, const char *how, const char *why)
{
  char line[256];
  const int n = snprintf (line, sizeof line, "owned: %s %s%s%s%s\n", name, how, *why ? " (" : "", why,
                          *why ? ")" : "");
  if (write (STDERR_FILENO, line, (gsize) n) < 0)
    _exit (70);
}

/* ---- files ---- */

static gboolean
opens (const char *path, int flags)
{
  return open (path, flags, 0600) >= 0;
}

static gboolean
read_files (const SkOwned *o)
{
  static const char *const paths[]
      = { "/",     "/etc/passwd", "/etc/ld.so.cache", "/usr",       "/proc",         "/proc/self",
          "/sys",  "/dev/null",   "/dev/shm",         "/run",       "/tmp",          "/home",
          "/root", "/var",        "/lib64",           "/proc/1/fd", "/proc/self/mem" };
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    if (opens (paths[i], O_RDONLY) || opens (paths[i], O_PATH))
      return TRUE;
  return FALSE;
}

static gboolean
write_files (const SkOwned *o)
{
  return opens ("/tmp/owned", O_WRONLY | O_CREAT) || opens ("/owned", O_WRONLY | O_CREAT)
         || opens ("/dev/shm/owned", O_RDWR | O_CREAT) || mkdir ("/tmp/owned", 0700) == 0;
}

static gboolean
list_files (const SkOwned *o)
{
  return opendir ("/") != NULL || opendir ("/proc") != NULL || opendir (".") != NULL;
}

/* ---- sockets ---- */

static gboolean
make_sockets (const SkOwned *o)
{
  static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG };
  static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (types); j++)
      if (socket (families[i], types[j], 0) >= 0)
        return TRUE;
  int pair[2];
  return socketpair (AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

/* What is inherited could be turned to somewhere else. */
static gboolean
turn_sockets (const SkOwned *o)
{
  const struct sockaddr_un where = { AF_UNIX, "/run/dbus/system_bus_socket" };
  struct sockaddr_un hidden = { AF_UNIX, "" };
  memcpy (hidden.sun_path + 1, "owned", 5);
  for (int fd = 0; fd < 64; fd++)
    if (connect (fd, (const struct sockaddr *) &where, sizeof where) == 0
        || bind (fd, (const struct sockaddr *) &hidden, sizeof (sa_family_t) + 6) == 0 || listen (fd, 1) == 0)
      return TRUE;
  return FALSE;
}

/* ---- processes ---- */

static gboolean
execute (const SkOwned *o)
{
  char *const arguments[] = { (char *) "/usr/bin/true", NULL };
  execve ("/usr/bin/true", arguments, NULL);
  execve ("/bin/sh", arguments, NULL);
  return FALSE;
}

static gboolean
forks (const SkOwned *o)
{
  return fork () >= 0 || syscall (SYS_vfork) >= 0 || syscall (SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
}

static gboolean
make_namespaces (const SkOwned *o)
{
  return syscall (SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0;
}

static gboolean
unshare_now (const SkOwned *o)
{
  return unshare (CLONE_NEWUSER) == 0;
}

static gboolean
join_namespace (const SkOwned *o)
{
  return setns (0, 0) == 0;
}

static gboolean
signals (const SkOwned *o)
{
  return kill (0, 0) == 0 || kill (-1, 0) == 0 || kill (2, SIGTERM) == 0
         || syscall (SYS_tgkill, 2, 2, SIGTERM) == 0 || syscall (SYS_tkill, 2, SIGTERM) == 0;
}

static gboolean
open_process (const SkOwned *o)
{
  return syscall (SYS_pidfd_open, 1, 0) >= 0;
}

static gboolean
trace (const SkOwned *o)
{
  return ptrace (PTRACE_ATTACH, 2, NULL, NULL) == 0 || ptrace (PTRACE_SEIZE, 1, NULL, NULL) == 0;
}

static gboolean
read_process (const SkOwned *o)
{
  char byte;
  struct iovec here = { &byte, 1 }, there = { (void *) &errno, 1 };
  return process_vm_readv (1, &here, 1, &there, 1, 0) == 1;
}

/* ---- the kernel ---- */

static gboolean
mounts (const SkOwned *o)
{
  return mount ("none", "/", "tmpfs", 0, NULL) == 0;
}

static gboolean
rings (const SkOwned *o)
{
  char parameters[256] = { 0 };
  return syscall (425 /* io_uring_setup */, 4, parameters) >= 0;
}

static gboolean
programs (const SkOwned *o)
{
  return syscall (SYS_bpf, 0, NULL, 0) >= 0;
}

static gboolean
counters (const SkOwned *o)
{
  struct perf_event_attr attr = { .size = sizeof attr, .type = PERF_TYPE_SOFTWARE };
  return syscall (SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0;
}

static gboolean
keys (const SkOwned *o)
{
  return syscall (SYS_add_key, "user", "owned", "x", 1, -3) >= 0;
}

static gboolean
faults (const SkOwned *o)
{
  return syscall (SYS_userfaultfd, 0) >= 0;
}

static gboolean
messages (const SkOwned *o)
{
  return syscall (SYS_shmget, IPC_PRIVATE, 4096, IPC_CREAT | 0600) >= 0;
}

static gboolean
queues (const SkOwned *o)
{
  return syscall (SYS_mq_open, "/owned", O_CREAT | O_RDWR, 0600, NULL) >= 0;
}

static gboolean
personalities (const SkOwned *o)
{
  return personality (READ_IMPLIES_EXEC) >= 0;
}

static gboolean
terminals (const SkOwned *o)
{
  for (int fd = 0; fd < 8; fd++)
    if (ioctl (fd, TIOCSTI, "x") == 0)
      return TRUE;
  return FALSE;
}

/* ---- memory ---- */

static gboolean
run_data (const SkOwned *o)
{
  static char page[8192] __attribute__ ((aligned (4096)));
  return mmap (NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
             != MAP_FAILED
         || mprotect (page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static gboolean
new_memory_file (const SkOwned *o)
{
  return memfd_create ("owned", 0) >= 0;
}

/* Only the screen may write it, and nobody may change its size. */
static gboolean
frame_memory (const SkOwned *o)
{
  if (o->view
      && (mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, o->memory, 0) != MAP_FAILED
          || write (o->memory, "x", 1) == 1 || opens ("/proc/self/fd/5", O_RDWR)))
    return TRUE;
  return ftruncate (o->memory, 4096) == 0 || ftruncate (o->memory, SK_RING_SIZE * 2) == 0;
}

static gboolean
frame_seals (const SkOwned *o)
{
  return fcntl (o->memory, F_ADD_SEALS, F_SEAL_WRITE) == 0;
}

/* The view's mapping itself. */
static gboolean
frame_mapping (const SkOwned *o)
{
  void *p = mmap (NULL, 4096, PROT_READ, MAP_SHARED, o->memory, 0);
  return o->view && p != MAP_FAILED && mprotect (p, 4096, PROT_READ | PROT_WRITE) == 0;
}

/* ---- too much of everything ---- */

#define MEMORY_ENOUGH (G_GUINT64_CONSTANT (2) << 30)
#define DESCRIPTORS_ENOUGH 128
#define THREADS_ENOUGH 1024

static gboolean
much_memory (const SkOwned *o)
{
  guint64 got = 0;
  for (gsize piece = 64 << 20; got < MEMORY_ENOUGH; got += piece)
    if (mmap (NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
      return FALSE;
  return TRUE;
}

static gboolean
many_descriptors (const SkOwned *o)
{
  for (int i = 0; i < DESCRIPTORS_ENOUGH; i++)
    if (dup (STDERR_FILENO) < 0)
      return FALSE;
  return TRUE;
}

static void *
idle (void *data)
{
  static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock (&never); /* the first has it for good */
  pthread_mutex_lock (&never);
  return NULL;
}

static gboolean
many_threads (const SkOwned *o)
{
  pthread_t thread;
  for (int i = 0; i < THREADS_ENOUGH; i++)
    if ((errno = pthread_create (&thread, NULL, idle, NULL)) != 0)
      return FALSE;
  return TRUE;
}

static gboolean
raise_limits (const SkOwned *o)
{
  const struct rlimit high = { 1 << 20, 1 << 20 };
  return setrlimit (RLIMIT_NOFILE, &high) == 0 || setrlimit (RLIMIT_FSIZE, &high) == 0
         || prctl (PR_SET_DUMPABLE, 1) == 0;
}

static gboolean
secrets_around (const SkOwned *o)
{
  extern char **environ;
  return environ && *environ && !g_str_has_prefix (*environ, "PWD=") && !g_str_has_prefix (*environ, "HOME=");
}

static const struct
{
  const char *name;
  Attack attack;
} attacks[] = {
  { "read-files", read_files },
  { "write-files", write_files },
  { "list-files", list_files },
  { "make-sockets", make_sockets },
  { "turn-sockets", turn_sockets },
  { "execute", execute },
  { "fork", forks },
  { "make-namespaces", make_namespaces },
  { "unshare", unshare_now },
  { "join-namespace", join_namespace },
  { "signal", signals },
  { "open-process", open_process },
  { "trace", trace },
  { "read-process", read_process },
  { "mount", mounts },
  { "io-uring", rings },
  { "bpf", programs },
  { "perf", counters },
  { "keys", keys },
  { "userfaultfd", faults },
  { "shared-memory", messages },
  { "message-queue", queues },
  { "personality", personalities },
  { "terminal", terminals },
  { "run-data", run_data },
  { "new-memory-file", new_memory_file },
  { "frame-memory", frame_memory },
  { "frame-seals", frame_seals },
  { "frame-mapping", frame_mapping },
  { "much-memory", much_memory },
  { "many-descriptors", many_descriptors },
  { "many-threads", many_threads },
  { "raise-limits", raise_limits },
  { "environment", secrets_around },
  { "lie-hello-again", sk_lie_hello_again },
  { "lie-other-kind", sk_lie_other_kind },
  { "lie-as-core", sk_lie_as_core },
  { "lie-unknown-word", sk_lie_unknown_word },
  { "lie-garbage", sk_lie_garbage },
  { "lie-half-a-word", sk_lie_half_a_word },
  { "lie-descriptor", sk_lie_descriptor },
  { "lie-control-characters", sk_lie_control_characters },
  { "lie-log-flood", sk_flood_log },
  { "lie-state-flood", sk_flood_state },
  { "lie-scale-flood", sk_flood_scale },
};

/* Those that are meant for a core; rdp-box is none. */
#define LIE "lie-"

gboolean
sk_owned_run (const SkOwned *owned, const char *name)
{
  gboolean known = g_str_equal (name, "all-names");
  for (gsize i = 0; i < G_N_ELEMENTS (attacks); i++)
    {
      if (g_str_equal (name, "all-names") && !g_str_has_prefix (attacks[i].name, LIE))
        say (attacks[i].name, "exists", "");
      if (!g_str_equal (name, attacks[i].name))
        continue;
      known = TRUE;
      say (name, "begins", "");
      errno = 0;
      if (attacks[i].attack (owned))
        say (name, "REACHED", "");
      else
        say (name, "refused", g_strerror (errno));
    }
  return known;
}
