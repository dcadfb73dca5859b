#include "desktop/timing.h"
#include "common/fd.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const words[] = {
  [SK_PHASE_CLICK] = "click",
  [SK_PHASE_PROCESS_START] = "process-start",
  [SK_PHASE_MAIN] = "main",
  [SK_PHASE_API_SENT] = "api-sent",
  [SK_PHASE_API_ANSWERED] = "api-answered",
  [SK_PHASE_UPGRADED] = "upgraded",
  [SK_PHASE_GTK_LOADED] = "gtk-loaded",
  [SK_PHASE_RDP_LOADED] = "rdp-loaded",
  [SK_PHASE_WINDOW] = "window",
  [SK_PHASE_RDP_CONNECTED] = "rdp-connected",
  [SK_PHASE_FIRST_FRAME] = "first-frame",
  [SK_PHASE_FIRST_PAINT] = "first-paint",
};
G_STATIC_ASSERT (G_N_ELEMENTS (words) == _SK_PHASE_LAST);

static int timing_fd = -1;
static guint marked; /* atomic; bit per phase */

gint64
sk_timing_now_us (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (gint64) t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000;
}

const char *
sk_timing_word (SkPhase phase)
{
  return words[phase];
}

static void
write_phase (SkPhase phase, gint64 us)
{
  char line[128];
  int n = snprintf (line, sizeof line, "{\"phase\":\"%s\",\"us\":%" G_GINT64_FORMAT ",\"pid\":%d}\n",
                    words[phase], us, (int) getpid ());
  /* One write to an O_APPEND file: lines of several processes do not mix. A full disk costs us only figures.
   */
  if (write (timing_fd, line, n) < 0)
    return;
}

void
sk_timing_mark (SkPhase phase)
{
  if (timing_fd < 0)
    return;
  gint64 now = sk_timing_now_us ();
  guint bit = 1u << phase;
  if (!(g_atomic_int_or (&marked, bit) & bit))
    write_phase (phase, now);
}

/* Field 22 of /proc/self/stat is in clock ticks since boot, and the process name before it may hold anything.
 */
static gint64
process_start_us (void)
{
  char buffer[1024] = "";
  sk_autofd int fd = open ("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read (fd, buffer, sizeof buffer - 1) <= 0)
    return -1;
  const char *p = strrchr (buffer, ')');
  for (int field = 2; p && field < 22; field++)
    p = strchr (p + 1, ' ');
  if (!p)
    return -1;
  struct timespec boot;
  clock_gettime (CLOCK_BOOTTIME, &boot);
  gint64 boot_us = (gint64) boot.tv_sec * G_USEC_PER_SEC + boot.tv_nsec / 1000;
  gint64 age = boot_us - strtoll (p + 1, NULL, 10) * G_USEC_PER_SEC / sysconf (_SC_CLK_TCK);
  return sk_timing_now_us () - age;
}

void
sk_timing_init (void)
{
  const char *path = g_getenv ("SEKISHO_TIMING");
  if (!path || !*path)
    return;
  timing_fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (timing_fd < 0)
    return;
  sk_timing_mark (SK_PHASE_MAIN);
  const char *t0 = g_getenv ("SEKISHO_TIMING_T0");
  if (t0)
    write_phase (SK_PHASE_CLICK, g_ascii_strtoll (t0, NULL, 10));
  write_phase (SK_PHASE_PROCESS_START, process_start_us ());
}

void
sk_timing_restart (void)
{
  g_atomic_int_set (&marked, 0);
  sk_timing_mark (SK_PHASE_MAIN);
}
