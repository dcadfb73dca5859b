#include "common/sandbox.h"
#include "common/error.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SIOCOUTQ
#define SIOCOUTQ TIOCOUTQ
#endif

static gboolean
refuse (GError **error, const char *name, const char *what, int err)
{
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "sandbox of %s: %s: %s", name, what, g_strerror (err));
  return FALSE;
}

/* ---- Before exec: bubblewrap ---- */

static void
add (GPtrArray *argv, ...)
{
  va_list args;
  va_start (args, argv);
  for (const char *word = va_arg (args, const char *); word; word = va_arg (args, const char *))
    g_ptr_array_add (argv, g_strdup (word));
  va_end (args);
}

/* /lib, /lib64 …: symbolic links into /usr on every merged Debian; real directories elsewhere. */
static void
add_library_folders (GPtrArray *argv)
{
  static const char *const folders[] = { "/lib", "/lib32", "/lib64", "/libx32" };
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *target = g_file_read_link (folders[i], NULL);
      if (target)
        add (argv, "--symlink", target, folders[i], NULL);
      else if (g_file_test (folders[i], G_FILE_TEST_IS_DIR))
        add (argv, "--ro-bind", folders[i], folders[i], NULL);
    }
}

char **
sk_sandbox_argv (const char *const *command, GError **error)
{
  g_return_val_if_fail (command && command[0], NULL);
  if (!SK_SANDBOX)
    return g_strdupv ((char **) command);

  g_autofree char *bwrap = g_find_program_in_path ("bwrap");
  g_autofree char *program = realpath (command[0], NULL);
  if (!bwrap || !program)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s", bwrap ? command[0] : "bubblewrap (bwrap)");
      return NULL;
    }
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  /* --as-pid-1: no helper process inside, so that the worker's own process is the one below bubblewrap's.
   * No --die-with-parent: a restarted core adopts its workers. */
  add (argv, bwrap, "--unshare-user", "--unshare-all", "--as-pid-1", "--new-session", "--clearenv", NULL);
  add (argv, "--uid", "65534", "--gid", "65534", "--hostname", "sekisho", "--cap-drop", "ALL", NULL);
  add (argv, "--ro-bind", "/usr", "/usr", NULL);
  add_library_folders (argv);
  add (argv, "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", NULL);
  add (argv, "--dev-bind", "/dev/null", "/dev/null", NULL);
  g_autofree char *inside = g_strdup (program);
  if (!g_str_has_prefix (program, "/usr/"))
    {
      /* a build folder or /usr/local's like elsewhere: the one file, without the folders above it */
      g_autofree char *name = g_path_get_basename (program);
      g_free (inside);
      inside = g_strconcat ("/", name, NULL);
      add (argv, "--ro-bind", program, inside, NULL);
    }
  add (argv, "--remount-ro", "/", "--chdir", "/", "--", inside, NULL);
  for (const char *const *word = command + 1; *word; word++)
    add (argv, *word, NULL);
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&argv), FALSE);
}

GPid
sk_sandbox_worker_pid (GPid started)
{
  if (!SK_SANDBOX)
    return started;
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%d/children", (int) started, (int) started);
  g_autofree char *children = NULL;
  if (!g_file_get_contents (path, &children, NULL, NULL))
    return 0;
  return (GPid) g_ascii_strtoll (children, NULL, 10);
}

/* ---- In the worker ---- */

static gboolean
limit (const char *name, int resource, rlim_t value, GError **error)
{
  const struct rlimit both = { value, value };
  return setrlimit ((__rlimit_resource_t) resource, &both) == 0 || refuse (error, name, "rlimit", errno);
}

static gboolean
close_limits (const SkSandboxProfile *p, GError **error)
{
  if (p->address_space && !limit (p->name, RLIMIT_AS, p->address_space, error))
    return FALSE;
  /* No core dumps: they would hold pictures and keys. No file of any size can be written. */
  return limit (p->name, RLIMIT_NOFILE, p->files, error) && limit (p->name, RLIMIT_CORE, 0, error)
         && limit (p->name, RLIMIT_FSIZE, 0, error) && limit (p->name, RLIMIT_MEMLOCK, 0, error)
         && limit (p->name, RLIMIT_MSGQUEUE, 0, error)
         && (prctl (PR_SET_DUMPABLE, 0) == 0 || refuse (error, p->name, "dumpable", errno));
}

/* Landlock's ABI 4 (network) and 6 (scopes) are newer than the headers of Debian 12. */
struct landlock_attr
{
  guint64 handled_access_fs, handled_access_net, scoped;
};
#define LANDLOCK_FS_ABI1 ((G_GUINT64_CONSTANT (1) << 13) - 1)
#define LANDLOCK_NET_ABI4 G_GUINT64_CONSTANT (3)   /* bind, connect TCP */
#define LANDLOCK_SCOPE_ABI6 G_GUINT64_CONSTANT (3) /* abstract unix sockets, signals */

/* All rights that the kernel knows are handled and none is granted: no path can be opened. A kernel without
 * Landlock is no error, namespaces and seccomp stand alone then. */
static gboolean
close_landlock (const SkSandboxProfile *p, GError **error)
{
  long abi = syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1)
    return TRUE;
  struct landlock_attr attr = { .handled_access_fs = LANDLOCK_FS_ABI1 };
  gsize size = sizeof attr.handled_access_fs;
  if (abi >= 2)
    attr.handled_access_fs |= 1 << 13; /* refer */
  if (abi >= 3)
    attr.handled_access_fs |= 1 << 14; /* truncate */
  if (abi >= 4)
    {
      attr.handled_access_net = LANDLOCK_NET_ABI4;
      size = offsetof (struct landlock_attr, scoped);
    }
  if (abi >= 5)
    attr.handled_access_fs |= 1 << 15; /* ioctl on devices */
  if (abi >= 6)
    {
      attr.scoped = LANDLOCK_SCOPE_ABI6;
      size = sizeof attr;
    }
  int ruleset = (int) syscall (SYS_landlock_create_ruleset, &attr, size, 0);
  if (ruleset < 0)
    return refuse (error, p->name, "landlock", errno);
  gboolean done = syscall (SYS_landlock_restrict_self, ruleset, 0) == 0;
  int err = errno;
  close (ruleset);
  return done || refuse (error, p->name, "landlock", err);
}

/* What the C library, GLib, OpenSSL and FreeRDP need once everything is loaded and every descriptor is
 * passed in. Found by running the workers under strace and by reading glibc's fallbacks. */
static const int allowed[] = {
  /* descriptors that are already there */
  SCMP_SYS (read),
  SCMP_SYS (write),
  SCMP_SYS (readv),
  SCMP_SYS (writev),
  SCMP_SYS (recvmsg),
  SCMP_SYS (sendmsg),
  SCMP_SYS (recvfrom),
  SCMP_SYS (sendto),
  SCMP_SYS (shutdown),
  SCMP_SYS (close),
  SCMP_SYS (lseek),
  SCMP_SYS (dup),
  SCMP_SYS (getsockopt),
  SCMP_SYS (setsockopt),
  SCMP_SYS (getsockname),
  SCMP_SYS (getpeername),
  SCMP_SYS (fstat),
  SCMP_SYS (close_range),
  /* waiting */
  SCMP_SYS (poll),
  SCMP_SYS (ppoll),
  SCMP_SYS (select),
  SCMP_SYS (pselect6),
  SCMP_SYS (epoll_create1),
  SCMP_SYS (epoll_ctl),
  SCMP_SYS (epoll_wait),
  SCMP_SYS (epoll_pwait),
  SCMP_SYS (epoll_pwait2),
  SCMP_SYS (eventfd2),
  SCMP_SYS (pipe2),
  SCMP_SYS (timerfd_create),
  SCMP_SYS (timerfd_settime),
  SCMP_SYS (timerfd_gettime),
  SCMP_SYS (futex),
  SCMP_SYS (futex_waitv),
  SCMP_SYS (nanosleep),
  SCMP_SYS (clock_nanosleep),
  SCMP_SYS (clock_gettime),
  SCMP_SYS (clock_getres),
  SCMP_SYS (gettimeofday),
  SCMP_SYS (time),
  SCMP_SYS (sched_yield),
  SCMP_SYS (restart_syscall),
  /* memory (mmap and mprotect have rules of their own) */
  SCMP_SYS (munmap),
  SCMP_SYS (mremap),
  SCMP_SYS (madvise),
  SCMP_SYS (brk),
  SCMP_SYS (membarrier),
  /* signals to nobody but oneself, ending */
  SCMP_SYS (rt_sigaction),
  SCMP_SYS (rt_sigprocmask),
  SCMP_SYS (rt_sigreturn),
  SCMP_SYS (sigaltstack),
  SCMP_SYS (exit),
  SCMP_SYS (exit_group),
  /* about oneself */
  SCMP_SYS (getpid),
  SCMP_SYS (gettid),
  SCMP_SYS (getuid),
  SCMP_SYS (geteuid),
  SCMP_SYS (getgid),
  SCMP_SYS (getegid),
  SCMP_SYS (getrandom),
  SCMP_SYS (getrlimit),
  SCMP_SYS (getrusage),
  SCMP_SYS (uname),
  SCMP_SYS (sysinfo),
  SCMP_SYS (times),
  SCMP_SYS (sched_getaffinity),
  SCMP_SYS (sched_getparam),
  SCMP_SYS (sched_getscheduler),
  SCMP_SYS (sched_get_priority_max),
  SCMP_SYS (sched_get_priority_min),
  SCMP_SYS (set_robust_list),
  SCMP_SYS (rseq),
  SCMP_SYS (getcpu),
  SCMP_SYS (arch_prctl),
};

/* Libraries try these and take no for an answer. */
static const int denied[] = {
  SCMP_SYS (open),
  SCMP_SYS (openat),
  SCMP_SYS (openat2),
  SCMP_SYS (creat),
  SCMP_SYS (stat),
  SCMP_SYS (lstat),
  SCMP_SYS (statx),
  SCMP_SYS (access),
  SCMP_SYS (faccessat),
  SCMP_SYS (faccessat2),
  SCMP_SYS (readlink),
  SCMP_SYS (readlinkat),
  SCMP_SYS (mkdir),
  SCMP_SYS (mkdirat),
  SCMP_SYS (unlink),
  SCMP_SYS (unlinkat),
  SCMP_SYS (rename),
  SCMP_SYS (renameat),
  SCMP_SYS (renameat2),
  SCMP_SYS (chdir),
  SCMP_SYS (getcwd),
  SCMP_SYS (statfs),
  SCMP_SYS (fstatfs),
  SCMP_SYS (getdents64),
  SCMP_SYS (socket),
  SCMP_SYS (socketpair),
  SCMP_SYS (connect),
  SCMP_SYS (bind),
  SCMP_SYS (listen),
  SCMP_SYS (accept),
  SCMP_SYS (execve),
  SCMP_SYS (execveat),
  SCMP_SYS (fork),
  SCMP_SYS (vfork),
  SCMP_SYS (wait4),
  SCMP_SYS (kill),
  SCMP_SYS (tkill),
  SCMP_SYS (ptrace),
  SCMP_SYS (memfd_create),
  SCMP_SYS (ftruncate),
  SCMP_SYS (fallocate),
  SCMP_SYS (fsync),
  SCMP_SYS (sched_setparam),
  SCMP_SYS (sched_setaffinity),
  SCMP_SYS (setpriority),
  SCMP_SYS (getpriority),
  SCMP_SYS (sched_setscheduler),
  SCMP_SYS (inotify_init),
  SCMP_SYS (setsid),
  SCMP_SYS (inotify_init1),
  SCMP_SYS (mlock),
};

/* System calls from here to the next were added in Linux 5.17 and later: a newer C library tries them and
 * falls back when they do not exist. */
#define FIRST_UNKNOWN_SYSCALL 450
#define LAST_UNKNOWN_SYSCALL 511

static int
allow_with_arguments (scmp_filter_ctx f, const SkSandboxProfile *p)
{
  int bad = 0;
  /* memory is never executable again */
  bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (mmap), 1, SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (mmap), 1,
                           SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
  bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (mprotect), 1,
                           SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (mprotect), 1,
                           SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
  /* fstat() of newer glibc */
  bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (newfstatat), 1, SCMP_A3 (SCMP_CMP_EQ, 0x1000));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (newfstatat), 1,
                           SCMP_A3 (SCMP_CMP_NE, 0x1000));
  static const int fcntls[] = { F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC, F_GET_SEALS };
  for (gsize i = 0; i < G_N_ELEMENTS (fcntls); i++)
    bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (fcntl), 1,
                             SCMP_A1 (SCMP_CMP_EQ, (scmp_datum_t) fcntls[i]));
  static const unsigned long ioctls[] = { FIONBIO, FIONREAD, SIOCOUTQ };
  for (gsize i = 0; i < G_N_ELEMENTS (ioctls); i++)
    bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (ioctl), 1, SCMP_A1 (SCMP_CMP_EQ, ioctls[i]));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (ENOTTY), SCMP_SYS (ioctl), 1, SCMP_A1 (SCMP_CMP_EQ, 0x5401));
  static const int prctls[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, 0x53564d41 /* PR_SET_VMA */ };
  for (gsize i = 0; i < G_N_ELEMENTS (prctls); i++)
    bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (prctl), 1,
                             SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t) prctls[i]));
  /* reading limits, not setting them */
  bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (prlimit64), 1, SCMP_A2 (SCMP_CMP_EQ, 0));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (prlimit64), 1, SCMP_A2 (SCMP_CMP_NE, 0));
  /* abort() */
  bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (tgkill), 1,
                           SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t) getpid ()));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (tgkill), 1,
                           SCMP_A0 (SCMP_CMP_NE, (scmp_datum_t) getpid ()));
  /* clone3 hides its flags in memory, where a filter cannot look: glibc falls back to clone. Threads yes,
   * processes and new namespaces no. */
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (ENOSYS), SCMP_SYS (clone3), 0);
  if (p->threads)
    bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (clone), 1,
                             SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (clone), 1,
                           SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  if (p->accept)
    bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, SCMP_SYS (accept4), 0);
  else
    bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), SCMP_SYS (accept4), 0);
  return bad;
}

static gboolean
close_seccomp (const SkSandboxProfile *p, GError **error)
{
  scmp_filter_ctx f = seccomp_init (SCMP_ACT_KILL_PROCESS);
  if (!f)
    return refuse (error, p->name, "seccomp", ENOMEM);
  int bad = seccomp_attr_set (f, SCMP_FLTATR_CTL_TSYNC, 1);
  seccomp_attr_set (f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* binary tree; a hint only */
  for (gsize i = 0; i < G_N_ELEMENTS (allowed); i++)
    bad |= seccomp_rule_add (f, SCMP_ACT_ALLOW, allowed[i], 0);
  for (gsize i = 0; i < G_N_ELEMENTS (denied); i++)
    bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (EPERM), denied[i], 0);
  for (int n = FIRST_UNKNOWN_SYSCALL; n <= LAST_UNKNOWN_SYSCALL; n++)
    bad |= seccomp_rule_add (f, SCMP_ACT_ERRNO (ENOSYS), n, 0);
  bad |= allow_with_arguments (f, p);
  if (bad == 0)
    bad = seccomp_load (f);
  seccomp_release (f);
  return bad == 0 || refuse (error, p->name, "seccomp", bad < 0 ? -bad : EINVAL);
}

gboolean
sk_sandbox_close (const SkSandboxProfile *profile, GError **error)
{
  if (!SK_SANDBOX)
    return TRUE;
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return refuse (error, profile->name, "no_new_privs", errno);
  return close_limits (profile, error) && close_landlock (profile, error) && close_seccomp (profile, error);
}

/* ---- Doctor ---- */

static gboolean
status_line_is (const char *status, const char *key, const char *value)
{
  const char *line = strstr (status, key);
  if (!line)
    return FALSE;
  line += strlen (key);
  while (*line == '\t' || *line == ' ')
    line++;
  return g_str_has_prefix (line, value) && line[strlen (value)] == '\n';
}

static gboolean
has_own_namespace (GPid pid, const char *kind)
{
  g_autofree char *theirs = g_strdup_printf ("/proc/%d/ns/%s", (int) pid, kind);
  g_autofree char *ours = g_strdup_printf ("/proc/self/ns/%s", kind);
  g_autofree char *a = g_file_read_link (theirs, NULL);
  g_autofree char *b = g_file_read_link (ours, NULL);
  return a && b && strcmp (a, b) != 0;
}

gboolean
sk_sandbox_check_process (GPid pid, GError **error)
{
  static const char *const kinds[] = { "user", "net", "pid", "ipc", "mnt", "uts" };
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", (int) pid);
  g_autofree char *status = NULL;
  if (!g_file_get_contents (path, &status, NULL, NULL))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "process %d", (int) pid);
      return FALSE;
    }
  const char *missing = NULL;
  if (!status_line_is (status, "\nSeccomp:", "2"))
    missing = "seccomp filter";
  else if (!status_line_is (status, "\nNoNewPrivs:", "1"))
    missing = "no_new_privs";
  for (gsize i = 0; i < G_N_ELEMENTS (kinds) && !missing; i++)
    if (!has_own_namespace (pid, kinds[i]))
      missing = kinds[i];
  if (!missing)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_FORBIDDEN, "process %d is not in its sandbox: %s", (int) pid,
               missing);
  return FALSE;
}
