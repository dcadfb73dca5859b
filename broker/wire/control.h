/* Control sockets between the core and its two RDP workers, and the input pipe from view to screen.
 * PROTOCOL.md tells the story.
 *
 * Each worker inherits a LISTENING SOCK_SEQPACKET unix socket and accepts one connection at a time (a newer
 * one replaces the older): so a restarted core finds its workers again by their socket files, and their lives
 * do not depend on it. */
#pragma once
#include "wire/message.h"

#define SK_CONTROL_VERSION 1
#define SK_CONTROL_LOG_MAX 1024

/* States of a worker as its core sees it: bits for SkMessageSpec.states. */
enum
{
  SK_WORKER_FRESH = 1 << 0, /* connected, no HELLO yet */
  SK_WORKER_IDLE = 1 << 1,  /* HELLO seen, no job */
  SK_WORKER_BUSY = 1 << 2,  /* has its job */
  SK_WORKER_ENDING = 1 << 3,
};

/* Both kinds */
enum
{
  SK_CONTROL_HELLO
  = 1, /* worker, once a connection: q version, u pid-in-its-namespace, y already has its job; s kind
          ("screen"/"view"), s fingerprint (view: SHA-256 of its certificate, 64 hex digits; screen: empty) */
  SK_CONTROL_PING = 2, /* core: t token */
  SK_CONTROL_PONG = 3,
  SK_CONTROL_LOG = 5,         /* worker: y level (syslog 3..7), s text; the core caps them */
  SK_CONTROL_END = 6,         /* core: finish now */
  SK_CONTROL_CLIP_OFFER = 7,  /* worker: a content of its peer's clipboard: t number of the announcement
                                 (grows; a  text and a picture of the same have the same), y SkClipKind, u
                                 bytes; fd: a  pipe with that many, to its end */
  SK_CONTROL_CLIP_SET = 8,    /* core: what was released for its peer: t number (grows; the other kind of the
                                 same    number is added), y SkClipKind, u bytes, y can be pasted once, u seconds
                              until it is    wiped (0: never); fd: sealed memory of that size */
  SK_CONTROL_CLIP_ALLOW = 10, /* core: y SkClipAllow; without it neither. A view has to know before ATTACH
                                 whether there is a clipboard at all */
};
enum
{
  SK_CLIP_ALLOW_OFFER = 1 << 0, /* fetch what the peer announces, and offer it */
  SK_CLIP_ALLOW_SET = 1 << 1,   /* announce what is set */
};

/* Screen */
enum
{
  SK_SCREEN_JOB = 16, /* core, once: q width, q height, u keyboard layout; s user, s password (of the guest);
                         fds: the VM's RDP port (connected stream), the frame memory (read-write) */
  SK_SCREEN_STATE = 17, /* worker: y SkScreenState, u FreeRDP error or 0; s text: CONNECTED and PICTURE name
                           the RDP channels asked for, LOST the reason */
  SK_SCREEN_ADD_VIEW = 18,    /* core: u view number; fds: input pipe (read end), eventfd (frame published) */
  SK_SCREEN_REMOVE_VIEW = 20, /* core: u view number */
  SK_SCREEN_GET_MEMORY = 22,  /* core, after a restart */
  SK_SCREEN_MEMORY = 23,      /* worker: fd: the frame memory. Checked (size, seals) before use. */
};
typedef enum
{
  SK_SCREEN_CONNECTING = 1,
  SK_SCREEN_CONNECTED = 2,
  SK_SCREEN_PICTURE = 3, /* a first frame is in the memory */
  SK_SCREEN_LOST = 4,    /* the guest's RDP ended; the screen exits after this */
} SkScreenState;
/* The only text that CONNECTED and PICTURE may have: dynamic channels ([MS-RDPEDYC]), sound ([MS-RDPEA]), the
 * clipboard ([MS-RDPECLIP]), and display control ([MS-RDPEDISP]) inside the first. doctor turns red at any
 * other. */
#define SK_SCREEN_CHANNELS "drdynvc rdpsnd cliprdr disp"

/* View */
enum
{
  SK_VIEW_JOB
  = 32, /* core, once: q width, q height (of the viewer's desktop, asked of the guest at once; 0: what the
           viewer asks for in its handshake), u flags (SkViewFlags), u border colour 0xRRGGBB,
           q minutes east of UTC + SK_VIEW_UTC_ZERO; s session id, s border text, s name in the watermark
           (empty: none); fds: frame memory (read-only), input pipe (write end), eventfd */
  SK_VIEW_RECORD = 36, /* core, before the job: fd: a pipe for what is drawn and pressed (wire/record.h).
                          Nothing is sent to the viewer that is not in it. */
  SK_VIEW_ATTACH = 34, /* core, once: fd: the viewer's connection; the RDP handshake starts */
  SK_VIEW_STATE = 33,  /* worker: y SkViewState, u detail; s text */
  SK_VIEW_SCALE = 35,  /* worker: q percent that the viewer's desktop is enlarged by, for the guest's agent */
};
typedef enum
{
  SK_VIEW_HANDSHAKE = 1,
  SK_VIEW_ACTIVE = 2,
  SK_VIEW_PICTURE = 3, /* the first frame went out; detail: ms since ATTACH */
  SK_VIEW_CLOSED = 4,  /* the viewer left; detail: FreeRDP error or 0. The view exits after this. */
} SkViewState;
enum
{
  SK_VIEW_BORDER = 1 << 0,
  SK_VIEW_FIXED_SIZE
  = 1 << 1,               /* the guest keeps its size, whatever this viewer asks for (who only watches) */
  SK_VIEW_SOUND = 1 << 2, /* the viewer may hear the guest, if its client joins the channel */
};

/* A job's clock has no sign. The view cannot read the host's time zone from inside its sandbox. */
#define SK_VIEW_UTC_ZERO (24 * 60)

extern const SkMessageSpec sk_control_screen_messages[];
extern const SkMessageSpec sk_control_view_messages[];

/* The input pipe, view to screen: records of exactly 16 bytes in native order (one host). Writes of one
 * record are atomic (pipe(7): below PIPE_BUF). The screen clamps every value: the view is only a little
 * better than the guest. */
typedef enum
{
  SK_INPUT_SCANCODE = 1, /* flags: KBD_FLAGS_*; a: scan code */
  SK_INPUT_UNICODE = 2,  /* flags; a: UTF-16 unit */
  SK_INPUT_SYNC = 3,     /* a: lock key flags */
  SK_INPUT_MOUSE = 4,    /* flags: PTR_FLAGS_*; a: x, b: y in guest pixels */
  SK_INPUT_MOUSE_EX = 5, /* flags: PTR_XFLAGS_*; a: x, b: y */
  SK_INPUT_RESIZE = 6,   /* a: width, b: height wanted for the guest, c: scale percent */
  SK_INPUT_REFRESH = 7,  /* the view wants everything marked dirty */
  SK_INPUT_MONITOR = 8,  /* one of several monitors wanted, see below */
} SkInputType;
/* MONITOR: flags are index, number << 4, primary << 8; a is x | y << 16, b is width | height << 16, c the
 * scale in percent, of all. The records of a layout follow each other. */
typedef struct
{
  guint16 type;
  guint16 flags;
  gint32 a, b, c;
} SkInputRecord;
G_STATIC_ASSERT (sizeof (SkInputRecord) == 16);
