/* The two virtio-serial ports of a guest: message types and limits. PROTOCOL.md tells the story. */
#pragma once
#include "wire/frame.h"
#include "wire/message.h"

#define SK_AGENT_PORT "jp.sekisho.agent.0"
#define SK_RDP_PORT "jp.sekisho.rdp.0"
/* 2: the bulk memory. A guest that was saved by an earlier broker goes on without it. */
#define SK_AGENT_VERSION_LOWEST 1
#define SK_AGENT_VERSION_BULK 2
#define SK_AGENT_VERSION 2

/* RFC 9110 4.1 asks for at least 8000 octets; we stop there. */
#define SK_URL_MAX 8000
/* Text of results and inventories; one line on a page. */
#define SK_AGENT_TEXT_MAX 1024
/* The host pings every 5 s; three missing answers while the VM runs end the session (a busy TCG guest was
 * seen to need 3 s). */
#define SK_AGENT_PING_SECONDS 5
#define SK_AGENT_PING_MISSES 6

/* One transfer's files and folders: what one person can still look through. */
#define SK_FILE_ITEMS_MAX 10000
/* A relative name with its folders, in bytes. */
#define SK_FILE_NAME_MAX 1024
/* 1 TiB: more than any guest's disk has. Policies ask for less. */
#define SK_FILE_BYTES_MAX (G_GUINT64_CONSTANT (1) << 40)
/* At once on one port, each way: a large file, a small one and a print-out do not wait for each other. */
#define SK_FILE_OFFERS_MAX 4
#define SK_FILE_PUTS_MAX 4
/* Bytes under way without a credit: 15 ms of the port's 69 MB/s, several turns of an emulated guest. */
#define SK_FILE_WINDOW (1024 * 1024)
/* The same for files out of the guest. On the way of a credit are a thread that encrypts, the core, QEMU, an
 * emulated processor, the agent and sekisho-files; on two busy processors each waits for its turn, 300 ms for
 * all of them were seen. Eight MiB are 30 MB/s then. Four offers at once are 32 MiB of the core's memory. */
#define SK_FILE_OFFER_WINDOW (8 * 1024 * 1024)
/* What an item costs of the window besides its bytes, so that empty files are held back like full ones. */
#define SK_FILE_ITEM_COST 1024
/* A DATA frame has so many bytes, unless it is the last of its item: tiny ones would cost a frame a byte. */
#define SK_FILE_DATA_MIN 4096
/* One write of virtio-serial takes 32 KiB whole: frame and DATA's own fields come off. */
#define SK_FILE_DATA_MAX (32768 - SK_FRAME_HEADER - 12)
/* The bulk memory: what the guest copies there in one go crosses with one message instead of sixteen frames,
 * each of which costs a copy and a waking in the kernel, in QEMU and in the core (the bytes of a GiB took 4 s
 * of two processors). A block at a time, one after the other; half of them are read before the guest hears of
 * it. */
#define SK_BULK_BLOCK (512 * 1024)
#define SK_BULK_BLOCKS 8
#define SK_BULK_SIZE (SK_BULK_BLOCK * SK_BULK_BLOCKS)
/* Less goes by DATA. */
#define SK_BULK_LEAST (128 * 1024)
/* A credit may wait until so much is to be said, or all: credits are not a flood either. */
#define SK_FILE_CREDIT_STEP (64 * 1024)
/* ... of files out of the guest: four turns a window. */
#define SK_FILE_OFFER_CREDIT_STEP (SK_FILE_OFFER_WINDOW / 4)
#define SK_FILE_LATER_SECONDS 5
/* Slow is 16 KiB a minute while the window is open: an emulated guest sends that in a millisecond. */
#define SK_FILE_SLOW_SECONDS 60
#define SK_FILE_SLOW_BYTES (16 * 1024)
#define SK_FILE_KEY_LENGTH 32
#define SK_FILE_ID_MAX 64

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

  /* Files out of the guest. id: the offer's, chosen by the guest, larger than any before on this connection.
   */
  SK_FILE_OFFER = 21, /* u items, t bytes in all; s key, s kind */
  SK_FILE_OFFER_REPLY
  = 20,                  /* y SkFileVerdict, u item and t offset to go on with, u window; s text for people */
  SK_FILE_ITEM = 23,     /* u index, t size; s relative name */
  SK_FILE_DATA = 25,     /* u index, t offset; b bytes */
  SK_FILE_ITEM_END = 27, /* u index; s SHA-256 or "": the host makes its own */
  SK_FILE_OFFER_END = 29,  /* all items were sent */
  SK_FILE_CREDIT = 22,     /* t taken since OFFER_REPLY, in all */
  SK_FILE_OFFER_STOP = 24, /* host: y SkFileVerdict; s text. Answered with OFFER_GONE */
  SK_FILE_OFFER_GONE = 31, /* guest: s text. Nothing of this offer follows */
  SK_FILE_STATUS = 26,     /* s key, s state word, s text: later, for people; id 0 */
  /* Files into the guest. id: the put's, chosen by the host, larger than any before on this connection. */
  SK_FILE_PUT = 28,        /* u items, t bytes in all; s transfer */
  SK_FILE_PUT_REPLY = 33,  /* y SkFileVerdict, u item and t offset to go on with, u window; s text */
  SK_FILE_PUT_ITEM = 30,   /* u index, t size; s relative name, s SHA-256 */
  SK_FILE_PUT_DATA = 32,   /* u index, t offset; b bytes */
  SK_FILE_PUT_END = 34,    /* all items were sent */
  SK_FILE_PUT_CREDIT = 35, /* t taken since PUT_REPLY, in all */
  SK_FILE_PUT_DONE = 37,   /* guest: all of it is durable and in its place */
  SK_FILE_PUT_STOP = 36,   /* host: s text. Answered with PUT_GONE */
  SK_FILE_PUT_GONE = 39,   /* guest: s text. It cannot, or was stopped */
  /* The bulk memory, from version 2 on. */
  SK_FILE_BULK_READY = 38, /* host: u size. It is read here; id 0 */
  SK_FILE_BULK_TAKEN = 40, /* host: t BULKs that were read since HELLO, in all; id 0 */
  SK_FILE_BULK = 41,       /* guest: like DATA. u index, t offset, u place in the bulk memory, u length */
};

typedef enum
{
  SK_FILE_TAKE = 1,   /* go on */
  SK_FILE_HAVE = 2,   /* whole and durable already */
  SK_FILE_REFUSE = 3, /* for good; the text says why */
  SK_FILE_LATER = 4,  /* offer again after SK_FILE_LATER_SECONDS */
} SkFileVerdict;

typedef enum
{
  SK_PROBE_TCP = 1,  /* connect; reachable also when refused (a refusal came from there) */
  SK_PROBE_UDP = 2,  /* send a datagram, wait for any answer or ICMP port unreachable */
  SK_PROBE_ICMP = 3, /* echo request */
  SK_PROBE_IPV6 = 4, /* echo request over IPv6 (link-local all-nodes when the address is "ff02::1") */
  SK_PROBE_ARP = 5,  /* who has this address */
} SkProbe;

extern const SkMessageSpec sk_agent_messages[];

/* Whether a type is one of the file messages. */
gboolean sk_file_is_message (guint16 type);
/* "file", "print", "url". */
gboolean sk_file_kind_is_known (const char *untrusted_kind);
/* n lower-case hex digits. */
gboolean sk_file_is_hex (const char *untrusted_text, gsize n);
/* A transfer's id: 1 to SK_FILE_ID_MAX of [0-9a-f-]. */
gboolean sk_file_is_id (const char *untrusted_text);

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
