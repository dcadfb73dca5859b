/* The memory between a screen (writer, owned by the guest in the worst case) and its views (readers,
 * read-only mapping).
 *
 * A sealed memfd of fixed size: header page, ring of dirty rectangles, pointer shape, ring of sound, pixels.
 * The reader trusts nothing in it: every value is copied once, then clamped; a ring that was lapped, or a
 * picture that changed size underneath, only means "all dirty". Torn pixels are harmless: each write is
 * followed by a dirty rectangle and a wake-up, so the view looks again. */
#pragma once
#include <gio/gio.h>

/* A side: what RDP allows a desktop (8192, [MS-RDPEDISP] 2.2.2.2.1) less the border, for monitors side by
 * side. All of it: 16 Mi pixels, 64 MiB, hold two monitors of 3840 x 2160, or three of 2560 x 1600 and more;
 * every process of a session has buffers in proportion, and no office desk has more. Pages never touched cost
 * nothing. */
#define SK_RING_WIDTH_MAX 8160
#define SK_RING_HEIGHT_MAX 8160
#define SK_RING_PIXELS_MAX (4096 * 4096)
#define SK_RING_WIDTH_MIN 320
#define SK_RING_HEIGHT_MIN 200
#define SK_RING_RECTS 256 /* power of two; a scrolled page gives under 40 rectangles a frame */
#define SK_RING_POINTER_MAX                                                                                  \
  96 /* [MS-RDPBCGR] 2.2.9.1.1.4.4: 96 x 96 without the large pointer capability                             \
      */
#define SK_RING_MAGIC 0x31525353u
#define SK_RING_VERSION 1

typedef struct
{
  guint16 x, y, width, height;
} SkRingRect;

typedef struct
{
  guint32 serial; /* odd while being written (seqlock) */
  guint32 kind;   /* 0 hidden, 1 default arrow, 2 shape */
  guint16 hot_x, hot_y, width, height;
  guint32 argb[SK_RING_POINTER_MAX * SK_RING_POINTER_MAX]; /* not premultiplied, row after row */
} SkRingPointer;

/* 139 ms at 44.1 kHz (wire/sound.h): three of xrdp's messages, and what fits beside the pointer. Who is later
 * than this has missed something, which is what is wanted of sound that is late. */
#define SK_RING_SOUND_FRAMES 6144

typedef struct
{
  guint64 head; /* frames written since start; the latest SK_RING_SOUND_FRAMES are in samples[] */
  guint32 wake; /* counts writes: a futex that readers sleep on */
  guint32 reserved;
  gint16 samples[SK_RING_SOUND_FRAMES][2];
} SkRingSound;

typedef struct
{
  guint32 magic, version;
  guint32 size_serial;   /* seqlock over width..stride: odd while being written */
  guint32 width, height; /* pixels in use */
  guint32 stride;        /* bytes a row */
  guint64 frames;        /* frames published since start */
  guint64 head;          /* rectangles published since start; the latest SK_RING_RECTS are in rects[] */
  SkRingRect rects[SK_RING_RECTS];
  SkRingPointer pointer;
  SkRingSound sound; /* was not there in earlier screens, which write nothing here: no new version */
} SkRingHeader;

#define SK_RING_PIXELS_OFFSET (64 * 1024)
G_STATIC_ASSERT (sizeof (SkRingHeader) <= SK_RING_PIXELS_OFFSET);
/* BGRX32 pixels */
#define SK_RING_SIZE (SK_RING_PIXELS_OFFSET + (gsize) SK_RING_PIXELS_MAX * 4)

typedef enum
{
  SK_RING_POINTER_HIDDEN = 0,
  SK_RING_POINTER_DEFAULT = 1,
  SK_RING_POINTER_SHAPE = 2,
} SkRingPointerKind;

typedef struct
{
  guint16 hot_x, hot_y, width, height;
  guint32 argb[SK_RING_POINTER_MAX * SK_RING_POINTER_MAX];
} SkRingShape;

/* The nearest valid size of even width; too large an area loses height. */
void sk_ring_clamp_size (guint *width, guint *height);
/* Bytes a row for this width, whole cache lines: the only stride that is accepted. */
static inline guint32
sk_ring_stride (guint width)
{
  return (width * 4 + 63) & ~63u;
}

static inline gboolean
sk_ring_size_is_valid (guint width, guint height)
{
  /* sides first, so that the area cannot overflow */
  return width >= SK_RING_WIDTH_MIN && width <= SK_RING_WIDTH_MAX && height >= SK_RING_HEIGHT_MIN
         && height <= SK_RING_HEIGHT_MAX && sk_ring_stride (width) / 4 * height <= SK_RING_PIXELS_MAX;
}

/* ---- Writer (screen): one thread ---- */

/* Maps it (checked: size, seals) and writes magic and version. NULL with an error. Unmapped at process end.
 */
SkRingHeader *sk_ring_map_for_writing (int memory, GError **error);
guint8 *sk_ring_pixels (SkRingHeader *h);
/* The size must be valid. The picture is undefined until rectangles follow. */
void sk_ring_set_size (SkRingHeader *h, guint width, guint height);
/* The caller wakes the views afterwards (eventfd). */
void sk_ring_add_rect (SkRingHeader *h, SkRingRect rect);
void sk_ring_set_pointer (SkRingHeader *h, SkRingPointerKind kind, const SkRingShape *shape);
/* Writes sound and wakes who sleeps on it: no other wake-up is needed. */
void sk_ring_add_sound (SkRingHeader *h, const gint16 *samples, guint frames);

/* ---- Reader (view): one thread; everything it returns is checked ---- */

typedef struct
{
  const SkRingHeader *untrusted;
  guint64 seen;           /* rectangles taken so far */
  guint32 serial;         /* of the size they were for */
  guint32 pointer_serial; /* of the pointer taken last */
} SkRingReader;

typedef struct
{
  guint width, height, stride;
  guint32 serial;
} SkRingSize;

gboolean sk_ring_reader_init (SkRingReader *r, int memory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* FALSE when there is no (sane, stable) size: show nothing new. */
gboolean sk_ring_reader_size (const SkRingReader *r, SkRingSize *ret) G_GNUC_WARN_UNUSED_RESULT;
/* Rectangles since the last call, inside the size; one of the whole picture when some were missed. */
guint sk_ring_reader_take (SkRingReader *r, const SkRingSize *size, SkRingRect ret[SK_RING_RECTS]);
/* A row of size->stride bytes that may change while it is read: copy it once. y < size->height. */
const guint8 *sk_ring_reader_row (const SkRingReader *r, const SkRingSize *size, guint y);
/* TRUE when the pointer changed; ret_shape is only set for SK_RING_POINTER_SHAPE. */
gboolean sk_ring_reader_pointer (SkRingReader *r, SkRingPointerKind *ret_kind, SkRingShape *ret_shape);

/* Sound; of one more thread. */
typedef struct
{
  const SkRingHeader *untrusted;
  guint64 seen; /* frames taken so far */
  guint32 wake;
} SkRingSoundReader;

/* Begins with what is written from now on. */
void sk_ring_sound_init (SkRingSoundReader *r, const SkRingReader *reader);
/* Sleeps until something was written since the last call (or a signal came). */
void sk_ring_sound_wait (SkRingSoundReader *r);
/* Frames since the last call, oldest first; of one that is lapped the newest half of the ring. Any sample may
 * be any number. */
guint sk_ring_sound_take (SkRingSoundReader *r, gint16 ret[SK_RING_SOUND_FRAMES][2]);
