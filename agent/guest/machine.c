/* The agent's machine: what it does to the real guest. */
#include "agent.h"
#include "common/log.h"
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

static gboolean
clock_set (gint64 us)
{
  struct timespec t = { .tv_sec = us / G_USEC_PER_SEC, .tv_nsec = (us % G_USEC_PER_SEC) * 1000 };
  return clock_settime (CLOCK_REALTIME, &t) == 0;
}

/* At once: the disk is an overlay that nobody reads again, and a program of the user must not delay it. */
static void
power_off (void)
{
  sk_notice (NULL, "power off");
  reboot (RB_POWER_OFF);
  sk_err (NULL, "cannot power off");
}

const SkAgentMachine sk_agent_machine = {
  .port_fd = -1,
  .credentials = "/run/sekisho-login/credentials",
  .proc_net_tcp = "/proc/net/tcp",
  .tcp_port = 3389,
  .session_path = "/run/sekisho-agent/session.sock",
  .session_uid = 1000, /* user sekisho of the image (image/customize) */
  .files_path = "/run/sekisho-agent/files.sock",
  .root = "",
  .clock_now = g_get_real_time,
  .clock_set = clock_set,
  .power_off = power_off,
};
