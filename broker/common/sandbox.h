/* The worker's cage, entered in two steps.
 *
 * 1. Before exec, by whoever starts a worker: sk_sandbox_argv() wraps the command in bubblewrap: own user,
 * network, pid, ipc, mount, uts and cgroup namespaces; the only files are the read-only /usr (and /lib…) that
 * the dynamic linker needs; no /proc, no /dev but null, no home, no environment. The worker does not die with
 * its parent (a restarted core adopts it again).
 * 2. In the worker, when it has loaded and prepared everything and before the first untrusted byte:
 * sk_sandbox_close(): no_new_privs, rlimits, Landlock (no file rights at all, where the kernel has it), then
 * a seccomp allow-list without open, socket, connect, execve, ptrace, kill.
 */
#pragma once
#include <gio/gio.h>

typedef struct
{
  const char *name;      /* "screen", "view", "inspect": for messages */
  guint64 address_space; /* RLIMIT_AS in bytes; 0 = none */
  guint files;           /* RLIMIT_NOFILE */
  gboolean threads;      /* may clone threads (never processes) */
  gboolean accept;       /* may accept(2) on its inherited listening socket */
} SkSandboxProfile;

/* The whole argv to start; free with g_strfreev. command[0]: an absolute path. Descriptors that the starter
 * leaves open without close-on-exec reach the worker: leave only those meant for it. NULL with an error
 * (SK_ERROR_UNAVAILABLE) when bubblewrap is missing. With the build option sandbox=false: just the command.
 */
char **sk_sandbox_argv (const char *const *command, GError **error);

/* The worker's own process for the one that was started: bubblewrap stays outside as its parent and ends
 * with it; killing bubblewrap alone would leave the worker. 0 when there is none (yet, or any more). */
GPid sk_sandbox_worker_pid (GPid started);

/* Closes the cage for the calling process and all its threads (seccomp TSYNC). Fails closed: on error the
 * worker must exit. */
gboolean sk_sandbox_close (const SkSandboxProfile *profile, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What doctor reads of another process (/proc/PID/status and ns links): "Seccomp: 2", "NoNewPrivs: 1", own
 * namespaces. */
gboolean sk_sandbox_check_process (GPid pid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
