/* The two virtio-serial ports of a guest: message types and limits. PROTOCOL.md tells the story. */
#pragma once
#include "wire/frame.h"
#include "wire/message.h"

#define SK_AGENT_PORT "jp.sekisho.agent.0"
#define SK_RDP_PORT "jp.sekisho.rdp.0"
#define SK_AGENT_VERSION 1

/* RFC 9110 4.1 asks for at least 8000 octets; we stop there. */
#define SK_URL_MAX 8000
/* Text of results and inventories; one line on a page. */
#define SK_AGENT_TEXT_MAX 1024
/* The host pings every 5 s; three missing answers while the VM runs end the session (a busy TCG guest was
 * seen to need 3 s). */
#define SK_AGENT_PING_SECONDS 5
#define SK_AGENT_PING_MISSES 6

/* Agent port. id: request id, echoed in the answer. */
enum
{
  SK_AGENT_HELLO = 2,         /* q lowest version, q highest version, t nonce: also after every (re)connect */
  SK_AGENT_HELLO_ACK = 3,     /* q version, t nonce; s agent version, s boot id (random for each boot) */
  SK_AGENT_READY = 5,         /* RDP server accepts; s user, s password for the guest's own login */
  SK_AGENT_BROWSER_READY = 7, /* the browser's window is on screen */
  SK_AGENT_OPEN_URL = 4,      /* s url (http or https) */
  SK_AGENT_TIME_SET = 6,      /* t microseconds since 1970, UTC: after every resume and restore */
  SK_AGENT_RESIZE_HINT = 8,   /* q width, q height in pixels */
  SK_AGENT_SHUTDOWN = 10,     /* power off */
  SK_AGENT_PING = 12,         /* t token */
  SK_AGENT_PONG = 13,         /* t token */
  SK_AGENT_RESULT = 9,        /* answer to a request: y ok, s detail */
  SK_AGENT_PROBE = 14,        /* doctor: y kind (SkProbe), q port, u timeout in ms; s address */
  SK_AGENT_INVENTORY = 16,    /* doctor: what devices, disks, mounts, interfaces and routes are there */
  SK_AGENT_SCALE = 18,        /* q percent that programs draw at, 100 to 500 */
  SK_AGENT_INVENTORY_LIST = 17, /* l lines "class: text" */
};

typedef enum
{
  SK_PROBE_TCP = 1,  /* connect; reachable also when refused (a refusal came from there) */
  SK_PROBE_UDP = 2,  /* send a datagram, wait for any answer or ICMP port unreachable */
  SK_PROBE_ICMP = 3, /* echo request */
  SK_PROBE_IPV6 = 4, /* echo request over IPv6 (link-local all-nodes when the address is "ff02::1") */
  SK_PROBE_ARP = 5,  /* who has this address */
} SkProbe;

extern const SkMessageSpec sk_agent_messages[];

/* RDP port: same frames; id = connection id. One connection at a time: that is all the screen needs. */
enum
{
  SK_RELAY_RESET = 2,     /* host, t nonce: close everything, forget half frames */
  SK_RELAY_RESET_ACK = 3, /* guest, t nonce: what the host read before this belongs to the past */
  SK_RELAY_OPEN = 4,      /* host: connect to the guest's RDP server and hold until it accepts */
  SK_RELAY_OPENED = 5,    /* guest */
  SK_RELAY_DATA = 6,      /* both ways, raw bytes */
  SK_RELAY_CLOSE = 8,     /* both ways */
};
