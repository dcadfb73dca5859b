#include "probe-private.h"
#include "common/fd.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>

SkProbeResult
sk_probe_say (SkProbeJob *job, SkProbeResult result, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_free (job->detail);
  job->detail = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return result;
}

SkProbeResult
sk_probe_errno (SkProbeJob *job, const char *what, int error)
{
  gboolean ours = error == EPERM || error == EMFILE || error == ENOBUFS || error == EAFNOSUPPORT;
  return sk_probe_say (job, ours ? SK_PROBE_FAILED : SK_PROBE_UNREACHABLE, "%s: %s", what,
                       g_strerror (error));
}

int
sk_probe_wait (SkProbeJob *job, int fd, short events)
{
  for (;;)
    {
      gint64 left = job->deadline - g_get_monotonic_time ();
      struct pollfd p = { .fd = fd, .events = events };
      int n = poll (&p, 1, left > 0 ? (int) ((left + 999) / 1000) : 0);
      if (n < 0 && errno == EINTR)
        continue;
      return n;
    }
}

guint *
sk_probe_interfaces (void)
{
  GArray *found = g_array_new (TRUE, FALSE, sizeof (guint));
  struct ifaddrs *all = NULL;
  if (getifaddrs (&all) == 0)
    {
      for (struct ifaddrs *a = all; a; a = a->ifa_next)
        {
          guint index = if_nametoindex (a->ifa_name);
          gboolean seen = FALSE;
          for (guint i = 0; i < found->len; i++)
            seen |= g_array_index (found, guint, i) == index;
          if (index && !seen && (a->ifa_flags & IFF_UP) && !(a->ifa_flags & IFF_LOOPBACK))
            g_array_append_val (found, index);
        }
      freeifaddrs (all);
    }
  return (guint *) g_array_free (found, FALSE);
}

/* ---- TCP and UDP ---- */

static int
connected_socket (SkProbeJob *job, int type, SkProbeResult *ret_result)
{
  sk_autofd int fd = socket (job->to.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && (connect (fd, &job->to.sa, job->to_length) == 0 || errno == EINPROGRESS))
    return sk_steal_fd (&fd);
  if (errno == ECONNREFUSED)
    *ret_result = sk_probe_say (job, SK_PROBE_REACHABLE, "refused");
  else
    *ret_result = sk_probe_errno (job, "connect", errno);
  return -1;
}

static SkProbeResult
probe_tcp (SkProbeJob *job)
{
  SkProbeResult result = SK_PROBE_FAILED;
  sk_autofd int fd = connected_socket (job, SOCK_STREAM, &result);
  if (fd < 0)
    return result;
  if (sk_probe_wait (job, fd, POLLOUT) <= 0)
    return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no answer");
  int problem = 0;
  socklen_t length = sizeof problem;
  getsockopt (fd, SOL_SOCKET, SO_ERROR, &problem, &length);
  if (problem == 0)
    return sk_probe_say (job, SK_PROBE_REACHABLE, "connected");
  if (problem == ECONNREFUSED || problem == ECONNRESET)
    return sk_probe_say (job, SK_PROBE_REACHABLE, "refused");
  return sk_probe_errno (job, "connect", problem);
}

static SkProbeResult
probe_udp (SkProbeJob *job)
{
  SkProbeResult result = SK_PROBE_FAILED;
  sk_autofd int fd = connected_socket (job, SOCK_DGRAM, &result);
  char buffer[16];
  if (fd < 0)
    return result;
  if (send (fd, "sekisho", 7, MSG_NOSIGNAL) < 0)
    return sk_probe_errno (job, "send", errno);
  if (sk_probe_wait (job, fd, POLLIN) <= 0)
    return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no answer");
  if (recv (fd, buffer, sizeof buffer, 0) >= 0)
    return sk_probe_say (job, SK_PROBE_REACHABLE, "answered");
  if (errno == ECONNREFUSED)
    return sk_probe_say (job, SK_PROBE_REACHABLE, "refused");
  return sk_probe_errno (job, "receive", errno);
}

/* ---- one probe ---- */

static gboolean
parse_address (SkProbeJob *job, const char *untrusted_address, guint16 port)
{
  if (inet_pton (AF_INET, untrusted_address, &job->to.v4.sin_addr) == 1)
    {
      job->to.v4.sin_family = AF_INET;
      job->to.v4.sin_port = htons (port);
      job->to_length = sizeof job->to.v4;
      return TRUE;
    }
  struct in6_addr v6;
  if (inet_pton (AF_INET6, untrusted_address, &v6) != 1)
    return FALSE;
  job->to.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons (port), .sin6_addr = v6 };
  job->to_length = sizeof job->to.v6;
  return TRUE;
}

static SkProbeResult
run_kind (SkProbeJob *job, SkProbe kind)
{
  gboolean v6 = job->to.sa.sa_family == AF_INET6;
  switch (kind)
    {
    case SK_PROBE_TCP:
      return probe_tcp (job);
    case SK_PROBE_UDP:
      return probe_udp (job);
    case SK_PROBE_ICMP:
      return v6 ? sk_probe_echo6 (job) : sk_probe_echo4 (job);
    case SK_PROBE_IPV6:
      return v6 ? sk_probe_echo6 (job) : sk_probe_say (job, SK_PROBE_FAILED, "not an IPv6 address");
    case SK_PROBE_ARP:
      return v6 ? sk_probe_say (job, SK_PROBE_FAILED, "not an IPv4 address") : sk_probe_arp (job);
    }
  return sk_probe_say (job, SK_PROBE_FAILED, "unknown kind");
}

SkProbeResult
sk_probe_run (SkProbe kind, const char *untrusted_address, guint16 port, guint timeout_ms, char **ret_detail)
{
  SkProbeJob job
      = { .deadline = g_get_monotonic_time () + MIN (timeout_ms, SK_PROBE_TIMEOUT_MAX_MS) * 1000LL };
  SkProbeResult result;
  if (parse_address (&job, untrusted_address, port))
    result = run_kind (&job, kind);
  else
    result = sk_probe_say (&job, SK_PROBE_FAILED, "not an address");
  *ret_detail = g_steal_pointer (&job.detail);
  return result;
}

/* ---- in a thread ---- */

typedef struct
{
  guint32 id;
  SkProbe kind;
  char *address;
  guint16 port;
  guint timeout_ms;
  SkProbeFunc done;
  gpointer data;
  SkProbeResult result;
  char *detail;
} Task;

static guint running; /* main context only */

static gboolean
on_done (gpointer data)
{
  Task *task = data;
  running--;
  task->done (task->id, task->result, task->detail, task->data);
  g_free (task->detail);
  g_free (task->address);
  g_free (task);
  return G_SOURCE_REMOVE;
}

static gpointer
probe_thread (gpointer data)
{
  Task *task = data;
  task->result = sk_probe_run (task->kind, task->address, task->port, task->timeout_ms, &task->detail);
  g_idle_add (on_done, task);
  return NULL;
}

gboolean
sk_probe_start (guint32 id, SkProbe kind, const char *untrusted_address, guint16 port, guint timeout_ms,
                SkProbeFunc done, gpointer data)
{
  if (running >= SK_PROBES_MAX)
    return FALSE;
  Task *task = g_new0 (Task, 1);
  *task = (Task){ id, kind, g_strdup (untrusted_address), port, timeout_ms, done, data };
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_try_new ("probe", probe_thread, task, &error);
  if (!thread)
    {
      g_free (task->address);
      g_free (task);
      return FALSE;
    }
  g_thread_unref (thread);
  running++;
  return TRUE;
}
