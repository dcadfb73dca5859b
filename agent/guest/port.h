/* One virtio-serial port of the guest: finding it, noticing when the host comes and goes, frames in, frames
 * out. One thread, that of the main context at creation.
 *
 * Input that breaks the framing, or half a frame that nothing follows, makes the port seek (PROTOCOL.md); it
 * is never an error of the agent. Output is one bounded buffer: who finds it full waits for `writable`. */
#pragma once
#include "wire/frame.h"

/* A virtio-serial write takes at most 32 KiB and takes it whole (drivers/char/virtio_console.c), so frames of
 * that size are never cut in two when the host goes away between two writes. */
#define SK_PORT_FRAME_MAX 32768
#define SK_PORT_BODY_MAX (SK_PORT_FRAME_MAX - SK_FRAME_HEADER)

typedef struct _SkPort SkPort;

typedef struct
{
  /* A complete frame; body borrowed until the callback returns. */
  void (*frame) (SkPort *port, const SkFrame *untrusted_frame, gpointer data);
  /* The host closed its end, or its bytes made no sense: all that was open is over. */
  void (*lost) (SkPort *port, gpointer data);
  /* All output is written. */
  void (*writable) (SkPort *port, gpointer data);
} SkPortEvents;

/* path: a device or socket to open, or NULL to look for the virtio-serial port `name`. */
SkPort *sk_port_new (const char *name, const char *path, const SkPortEvents *events, gpointer data);
/* Over an open descriptor (becomes the port's). When its other end closes, it stays lost. */
SkPort *sk_port_new_for_fd (const char *name, int fd, const SkPortEvents *events, gpointer data);
void sk_port_free (SkPort *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPort, sk_port_free)

/* Queues a frame and writes what the port takes. FALSE when the queue is full (frame dropped): senders who
 * answer requests stop reading them first (sk_port_is_full). */
gboolean sk_port_send (SkPort *port, guint16 type, guint32 id, const void *body, gsize length);
/* True once little room is left for answers. */
gboolean sk_port_is_full (const SkPort *port);
gboolean sk_port_is_drained (const SkPort *port);

/* Sending without a copy: room for SK_PORT_BODY_MAX bytes of a frame's body, or NULL unless the port is
 * drained; then how many of them make the frame (0: none). */
guint8 *sk_port_body (SkPort *port);
void sk_port_send_body (SkPort *port, guint16 type, guint32 id, gsize length);

/* Drops queued frames of which nothing was written yet; a frame half written is finished, or the host would
 * take what follows for its rest. */
void sk_port_drop_output (SkPort *port);
/* Stops taking frames (back-pressure: the host's writes block in turn). */
void sk_port_set_paused (SkPort *port, gboolean paused);
/* The host's bytes make no sense at a higher level: seek, and report `lost`. */
void sk_port_seek (SkPort *port);
