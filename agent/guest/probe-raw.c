/* Probes below TCP and UDP: echo requests and ARP. They need CAP_NET_RAW. */
#include "probe-private.h"
#include "common/fd.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>

/* Largest packet looked at; echo replies of ours have no payload. */
#define PACKET_MAX 1500

/* ---- IPv4 echo ---- */

static guint16
internet_checksum (const void *data, gsize length)
{
  const guint8 *bytes = data;
  guint32 sum = 0;
  for (gsize i = 0; i + 1 < length; i += 2)
    sum += (guint32) bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return htons ((guint16) ~sum);
}

static gboolean
is_echo_reply4 (const guint8 *untrusted, gsize length, guint16 id)
{
  struct icmphdr icmp;
  if (length < sizeof (struct iphdr))
    return FALSE;
  gsize header = (gsize) (untrusted[0] & 0x0f) * 4;
  if (header < sizeof (struct iphdr) || length < header + sizeof icmp)
    return FALSE;
  memcpy (&icmp, untrusted + header, sizeof icmp);
  return icmp.type == ICMP_ECHOREPLY && icmp.un.echo.id == id;
}

SkProbeResult
sk_probe_echo4 (SkProbeJob *job)
{
  sk_autofd int fd = socket (AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
  struct icmphdr request = { .type = ICMP_ECHO, .un.echo.id = (guint16) g_random_int () };
  request.checksum = internet_checksum (&request, sizeof request);
  if (fd < 0 || sendto (fd, &request, sizeof request, 0, &job->to.sa, job->to_length) < 0)
    return sk_probe_errno (job, "send", errno);
  while (sk_probe_wait (job, fd, POLLIN) > 0)
    {
      guint8 untrusted[PACKET_MAX];
      struct sockaddr_in from = { 0 };
      socklen_t from_length = sizeof from;
      gssize n = recvfrom (fd, untrusted, sizeof untrusted, 0, (struct sockaddr *) &from, &from_length);
      if (n > 0 && from.sin_addr.s_addr == job->to.v4.sin_addr.s_addr
          && is_echo_reply4 (untrusted, (gsize) n, request.un.echo.id))
        return sk_probe_say (job, SK_PROBE_REACHABLE, "echo reply");
    }
  return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no answer");
}

/* ---- IPv6 echo ---- */

static gboolean
is_own_address (const struct in6_addr *address)
{
  struct ifaddrs *all = NULL;
  gboolean own = FALSE;
  if (getifaddrs (&all) < 0)
    return FALSE;
  for (struct ifaddrs *a = all; a; a = a->ifa_next)
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6)
      own |= memcmp (&((struct sockaddr_in6 *) a->ifa_addr)->sin6_addr, address, sizeof *address) == 0;
  freeifaddrs (all);
  return own;
}

/* A link-local address means something on each link: ask on all of them. */
static gboolean
send_echo6 (SkProbeJob *job, int fd, const struct icmp6_hdr *request)
{
  struct sockaddr_in6 to = job->to.v6;
  to.sin6_port = 0;
  if (!IN6_IS_ADDR_LINKLOCAL (&to.sin6_addr) && !IN6_IS_ADDR_MULTICAST (&to.sin6_addr))
    return sendto (fd, request, sizeof *request, 0, (struct sockaddr *) &to, sizeof to) >= 0;
  g_autofree guint *interfaces = sk_probe_interfaces ();
  gboolean sent = FALSE;
  errno = ENETUNREACH;
  for (guint *i = interfaces; *i; i++)
    {
      to.sin6_scope_id = *i;
      sent |= sendto (fd, request, sizeof *request, 0, (struct sockaddr *) &to, sizeof to) >= 0;
    }
  return sent;
}

SkProbeResult
sk_probe_echo6 (SkProbeJob *job)
{
  sk_autofd int fd = socket (AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  struct icmp6_hdr request = { .icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = (guint16) g_random_int () };
  gboolean multicast = IN6_IS_ADDR_MULTICAST (&job->to.v6.sin6_addr);
  if (fd < 0 || !send_echo6 (job, fd, &request))
    return sk_probe_errno (job, "send", errno);
  while (sk_probe_wait (job, fd, POLLIN) > 0)
    {
      struct icmp6_hdr reply;
      struct sockaddr_in6 from = { 0 };
      socklen_t from_length = sizeof from;
      gssize n = recvfrom (fd, &reply, sizeof reply, 0, (struct sockaddr *) &from, &from_length);
      if (n != sizeof reply || reply.icmp6_type != ICMP6_ECHO_REPLY || reply.icmp6_id != request.icmp6_id)
        continue;
      char text[INET6_ADDRSTRLEN];
      if (multicast ? !is_own_address (&from.sin6_addr)
                    : memcmp (&from.sin6_addr, &job->to.v6.sin6_addr, sizeof from.sin6_addr) == 0)
        return sk_probe_say (job, SK_PROBE_REACHABLE, "echo reply from %s",
                             inet_ntop (AF_INET6, &from.sin6_addr, text, sizeof text));
    }
  return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no answer");
}

/* ---- ARP ---- */

typedef struct ether_arp Arp;

/* Of the interface; 0.0.0.0 when it has none (RFC 5227 probe). */
static struct in_addr
interface_address (const char *name)
{
  struct in_addr found = { INADDR_ANY };
  struct ifaddrs *all = NULL;
  if (getifaddrs (&all) < 0)
    return found;
  for (struct ifaddrs *a = all; a; a = a->ifa_next)
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET && g_str_equal (a->ifa_name, name))
      found = ((struct sockaddr_in *) a->ifa_addr)->sin_addr;
  freeifaddrs (all);
  return found;
}

static gboolean
send_arp (SkProbeJob *job, int fd, guint interface)
{
  char name[IF_NAMESIZE];
  struct sockaddr_ll own
      = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ARP), .sll_ifindex = (int) interface };
  socklen_t length = sizeof own;
  /* Bound to an interface, the socket knows the interface's own hardware address. */
  if (!if_indextoname (interface, name) || bind (fd, (struct sockaddr *) &own, sizeof own) < 0
      || getsockname (fd, (struct sockaddr *) &own, &length) < 0 || own.sll_halen != ETH_ALEN)
    return FALSE;
  struct in_addr sender = interface_address (name);
  Arp arp = { .ea_hdr = { htons (ARPHRD_ETHER), htons (ETH_P_IP), ETH_ALEN, 4, htons (ARPOP_REQUEST) } };
  memcpy (arp.arp_sha, own.sll_addr, ETH_ALEN);
  memcpy (arp.arp_spa, &sender, 4);
  memcpy (arp.arp_tpa, &job->to.v4.sin_addr, 4);
  struct sockaddr_ll to = own;
  memset (to.sll_addr, 0xff, ETH_ALEN);
  return sendto (fd, &arp, sizeof arp, 0, (struct sockaddr *) &to, sizeof to) >= 0;
}

static SkProbeResult
wait_arp (SkProbeJob *job, int fd)
{
  while (sk_probe_wait (job, fd, POLLIN) > 0)
    {
      Arp arp;
      if (recv (fd, &arp, sizeof arp, 0) != sizeof arp || arp.ea_hdr.ar_op != htons (ARPOP_REPLY)
          || memcmp (arp.arp_spa, &job->to.v4.sin_addr, 4) != 0)
        continue;
      return sk_probe_say (job, SK_PROBE_REACHABLE, "is at %02x:%02x:%02x:%02x:%02x:%02x", arp.arp_sha[0],
                           arp.arp_sha[1], arp.arp_sha[2], arp.arp_sha[3], arp.arp_sha[4], arp.arp_sha[5]);
    }
  return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no answer");
}

SkProbeResult
sk_probe_arp (SkProbeJob *job)
{
  g_autofree guint *interfaces = sk_probe_interfaces ();
  gint64 deadline = job->deadline;
  guint n = 0;
  for (guint *i = interfaces; *i; i++)
    n++;
  if (n == 0)
    return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no network interface");
  for (guint i = 0; i < n; i++)
    {
      /* One after the other, each its share of the time. */
      sk_autofd int fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons (ETH_P_ARP));
      if (fd < 0)
        return sk_probe_errno (job, "socket", errno);
      gint64 now = g_get_monotonic_time ();
      job->deadline = now + (deadline - now) / (n - i);
      if (send_arp (job, fd, interfaces[i]) && wait_arp (job, fd) == SK_PROBE_REACHABLE)
        return SK_PROBE_REACHABLE;
    }
  return sk_probe_say (job, SK_PROBE_UNREACHABLE, "no answer");
}
