/* The one framing of both virtio-serial ports (PROTOCOL.md, "Frames"). Pure functions, no I/O; host and guest
 * link the same code.
 *
 *   0  u32 magic "SKG1"
 *   4  u16 type
 *   6  u16 reserved, 0
 *   8  u32 id      (request id on the agent port, connection id on the RDP port)
 *  12  u32 length  of the body, <= SK_FRAME_BODY_MAX
 *  16  body
 */
#pragma once
#include <gio/gio.h>

#define SK_FRAME_HEADER 16
/* Header and body together are 64 KiB: large enough that the port's throughput is not bound by frame
 * overhead, small enough that a lying length costs one buffer (FACTS: 69 MB/s guest to host is the port's own
 * limit). */
#define SK_FRAME_BODY_MAX (65536 - SK_FRAME_HEADER)
#define SK_FRAME_MAX (SK_FRAME_HEADER + SK_FRAME_BODY_MAX)
#define SK_FRAME_MAGIC 0x31474b53u /* "SKG1" in little-endian order */

typedef struct
{
  guint16 type;
  guint32 id;
  const guint8 *body; /* borrowed from the buffer parsed */
  gsize length;
} SkFrame;

/* Parses one frame at the start of untrusted data. Returns the bytes it took, 0 when more are needed, -1
 * (SK_ERROR_PROTOCOL) when this is no frame; after -1 the caller ends the peer or looks for the next frame
 * with sk_frame_seek(). */
gssize sk_frame_parse (const guint8 *untrusted, gsize length, SkFrame *ret_frame, GError **error);

/* How many bytes to drop until the next place where a frame could start (the first byte is always dropped;
 * `length` when none). */
gsize sk_frame_seek (const guint8 *untrusted, gsize length);

/* Appends a frame. body may be NULL with length 0. A longer body than SK_FRAME_BODY_MAX is our own mistake.
 */
void sk_frame_append (GByteArray *out, guint16 type, guint32 id, const void *body, gsize length);
/* Only the header, for callers who write the body from elsewhere. */
void sk_frame_header (guint8 out[SK_FRAME_HEADER], guint16 type, guint32 id, gsize length);

/* A fixed buffer that a reader fills from its fd and takes frames out of. Never grows. */
typedef struct
{
  guint8 *data; /* SK_FRAME_MAX * 2 bytes */
  gsize start, end;
  gboolean seeking; /* dropping garbage until something parses; set after a reconnect */
} SkFrameBuffer;

void sk_frame_buffer_init (SkFrameBuffer *b);
void sk_frame_buffer_clear (SkFrameBuffer *b);
/* Forgets everything, e.g. after a reconnect; then seeks. */
void sk_frame_buffer_reset (SkFrameBuffer *b);
/* Room to read into (compacts first); never empty when all complete frames were taken. */
guint8 *sk_frame_buffer_space (SkFrameBuffer *b, gsize *ret_room);
void sk_frame_buffer_commit (SkFrameBuffer *b, gsize n);
/* The next frame: 1, or 0 when more bytes are needed, or -1 with error. While seeking, garbage is skipped
 * instead of an error. The frame's body is valid until the next call on the buffer. */
int sk_frame_buffer_next (SkFrameBuffer *b, SkFrame *ret_frame, GError **error);
