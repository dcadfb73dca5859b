/* What the kinds of probes share. */
#pragma once
#include "probe.h"
#include <netinet/in.h>
#include <sys/socket.h>

typedef struct
{
  union
  {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } to;
  socklen_t to_length;
  gint64 deadline; /* g_get_monotonic_time() */
  char *detail;
} SkProbeJob;

SkProbeResult sk_probe_say (SkProbeJob *job, SkProbeResult result, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* "no network", "no route", … told from an errno that a probe's socket call gave. */
SkProbeResult sk_probe_errno (SkProbeJob *job, const char *what, int error);
/* poll() until the deadline: 1 ready, 0 deadline, -1 error. */
int sk_probe_wait (SkProbeJob *job, int fd, short events);
/* Interfaces other than the loopback that are up: free with if_freenameindex-like g_free of the array,
 * 0-ended. */
guint *sk_probe_interfaces (void);

SkProbeResult sk_probe_echo4 (SkProbeJob *job);
SkProbeResult sk_probe_echo6 (SkProbeJob *job);
SkProbeResult sk_probe_arp (SkProbeJob *job);
