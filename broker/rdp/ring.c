#include "rdp/ring.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define load(p) __atomic_load_n (p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n (p, v, __ATOMIC_RELEASE)

/* Tries at a seqlock before the reader gives up for this time: the writer needs well under a microsecond. */
#define SEQLOCK_TRIES 64

static SkRingHeader *
map (int memory, int protection, GError **error)
{
  if (!sk_fd_check_sealed_memory (memory, SK_RING_SIZE, error))
    return NULL;
  void *base = mmap (NULL, SK_RING_SIZE, protection, MAP_SHARED, memory, 0);
  if (base != MAP_FAILED)
    return base;
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "frame memory: %s", g_strerror (errno));
  return NULL;
}

/* ---- Writer ---- */

SkRingHeader *
sk_ring_map_for_writing (int memory, GError **error)
{
  SkRingHeader *h = map (memory, PROT_READ | PROT_WRITE, error);
  if (h)
    {
      h->version = SK_RING_VERSION;
      store (&h->magic, SK_RING_MAGIC);
    }
  return h;
}

guint8 *
sk_ring_pixels (SkRingHeader *h)
{
  return (guint8 *) h + SK_RING_PIXELS_OFFSET;
}

void
sk_ring_clamp_size (guint *width, guint *height)
{
  *width = CLAMP (*width, SK_RING_WIDTH_MIN, SK_RING_WIDTH_MAX) & ~1u;
  *height = CLAMP (*height, SK_RING_HEIGHT_MIN, SK_RING_HEIGHT_MAX);
  *height = MIN (*height, SK_RING_PIXELS_MAX / (sk_ring_stride (*width) / 4));
}

void
sk_ring_set_size (SkRingHeader *h, guint width, guint height)
{
  g_return_if_fail (sk_ring_size_is_valid (width, height));
  guint32 serial = h->size_serial | 1;
  store (&h->size_serial, serial);
  atomic_thread_fence (memory_order_release);
  h->width = width;
  h->height = height;
  h->stride = sk_ring_stride (width);
  store (&h->size_serial, serial + 1);
}

void
sk_ring_add_rect (SkRingHeader *h, SkRingRect rect)
{
  h->rects[h->head % SK_RING_RECTS] = rect;
  store (&h->head, h->head + 1);
}

void
sk_ring_set_pointer (SkRingHeader *h, SkRingPointerKind kind, const SkRingShape *shape)
{
  SkRingPointer *p = &h->pointer;
  guint32 serial = p->serial | 1;
  store (&p->serial, serial);
  atomic_thread_fence (memory_order_release);
  p->kind = kind;
  if (kind == SK_RING_POINTER_SHAPE)
    {
      p->hot_x = shape->hot_x;
      p->hot_y = shape->hot_y;
      p->width = shape->width;
      p->height = shape->height;
      memcpy (p->argb, shape->argb, (gsize) shape->width * shape->height * 4);
    }
  store (&p->serial, serial + 1);
}

#define SOUND_FRAME (sizeof (gint16[2]))

/* Frames until the ring begins anew. */
static guint
sound_until_end (guint64 position)
{
  return SK_RING_SOUND_FRAMES - (guint) (position % SK_RING_SOUND_FRAMES);
}

void
sk_ring_add_sound (SkRingHeader *h, const gint16 *samples, guint frames)
{
  SkRingSound *s = &h->sound;
  const guint skip = frames > SK_RING_SOUND_FRAMES ? frames - SK_RING_SOUND_FRAMES : 0;
  samples += 2 * (gsize) skip;
  frames -= skip;
  const guint first = MIN (frames, sound_until_end (s->head));
  memcpy (s->samples[s->head % SK_RING_SOUND_FRAMES], samples, first * SOUND_FRAME);
  memcpy (s->samples, samples + 2 * (gsize) first, (frames - first) * SOUND_FRAME);
  store (&s->head, s->head + frames);
  store (&s->wake, s->wake + 1);
  /* Shared between processes: no FUTEX_PRIVATE_FLAG. Nobody there is no error. */
  if (syscall (SYS_futex, &s->wake, FUTEX_WAKE, G_MAXINT, NULL, NULL, 0) < 0)
    return;
}

/* ---- Reader: the other side may be the guest's ---- */

gboolean
sk_ring_reader_init (SkRingReader *r, int memory, GError **error)
{
  *r = (SkRingReader){ 0 };
  const SkRingHeader *h = map (memory, PROT_READ, error);
  if (!h)
    return FALSE;
  r->untrusted = h;
  if (load (&h->magic) == SK_RING_MAGIC && h->version == SK_RING_VERSION)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "frame memory has no header");
  return FALSE;
}

gboolean
sk_ring_reader_size (const SkRingReader *r, SkRingSize *ret)
{
  const SkRingHeader *h = r->untrusted;
  for (guint i = 0; i < SEQLOCK_TRIES; i++)
    {
      guint32 before = load (&h->size_serial);
      guint32 width = __atomic_load_n (&h->width, __ATOMIC_RELAXED);
      guint32 height = __atomic_load_n (&h->height, __ATOMIC_RELAXED);
      guint32 stride = __atomic_load_n (&h->stride, __ATOMIC_RELAXED);
      atomic_thread_fence (memory_order_acquire);
      if ((before & 1) || load (&h->size_serial) != before)
        continue;
      /* stride first: width and height are small from here on, so nothing below can overflow */
      if (!sk_ring_size_is_valid (width, height) || stride != sk_ring_stride (width))
        return FALSE;
      *ret = (SkRingSize){ width, height, stride, before };
      return TRUE;
    }
  return FALSE;
}

static gboolean
clamp_rect (SkRingRect *rect, const SkRingSize *size)
{
  if (rect->x >= size->width || rect->y >= size->height || rect->width == 0 || rect->height == 0)
    return FALSE;
  rect->width = (guint16) MIN (rect->width, size->width - rect->x);
  rect->height = (guint16) MIN (rect->height, size->height - rect->y);
  return TRUE;
}

guint
sk_ring_reader_take (SkRingReader *r, const SkRingSize *size, SkRingRect ret[SK_RING_RECTS])
{
  const SkRingHeader *h = r->untrusted;
  guint64 head = load (&h->head);
  guint64 pending = head - r->seen; /* wraps to something huge when the head went backwards */
  guint n = 0;
  gboolean lapped = pending > SK_RING_RECTS || r->serial != size->serial;
  for (guint64 i = 0; !lapped && i < pending; i++)
    {
      SkRingRect untrusted_rect;
      memcpy (&untrusted_rect, &h->rects[(r->seen + i) % SK_RING_RECTS], sizeof untrusted_rect);
      if (clamp_rect (&untrusted_rect, size))
        ret[n++] = untrusted_rect;
    }
  atomic_thread_fence (memory_order_acquire);
  if (!lapped && load (&h->head) - r->seen > SK_RING_RECTS)
    lapped = TRUE;
  r->seen = head;
  r->serial = size->serial;
  if (!lapped)
    return n;
  ret[0] = (SkRingRect){ 0, 0, (guint16) size->width, (guint16) size->height };
  return 1;
}

const guint8 *
sk_ring_reader_row (const SkRingReader *r, const SkRingSize *size, guint y)
{
  return (const guint8 *) r->untrusted + SK_RING_PIXELS_OFFSET + (gsize) y * size->stride;
}

gboolean
sk_ring_reader_pointer (SkRingReader *r, SkRingPointerKind *ret_kind, SkRingShape *ret_shape)
{
  const SkRingPointer *p = &r->untrusted->pointer;
  guint32 before = load (&p->serial);
  if ((before & 1) || before == r->pointer_serial)
    return FALSE;
  guint32 kind = p->kind;
  guint width = p->width, height = p->height, hot_x = p->hot_x, hot_y = p->hot_y;
  if (kind == SK_RING_POINTER_SHAPE)
    {
      if (width == 0 || height == 0 || width > SK_RING_POINTER_MAX || height > SK_RING_POINTER_MAX)
        kind = SK_RING_POINTER_DEFAULT;
      else
        memcpy (ret_shape->argb, p->argb, (gsize) width * height * 4);
    }
  atomic_thread_fence (memory_order_acquire);
  if (load (&p->serial) != before)
    return FALSE; /* it is being written: the wake-up that follows brings us back */
  r->pointer_serial = before;
  *ret_kind = kind == SK_RING_POINTER_HIDDEN || kind == SK_RING_POINTER_SHAPE ? (SkRingPointerKind) kind
                                                                              : SK_RING_POINTER_DEFAULT;
  if (kind != SK_RING_POINTER_SHAPE)
    return TRUE;
  ret_shape->width = (guint16) width;
  ret_shape->height = (guint16) height;
  ret_shape->hot_x = (guint16) MIN (hot_x, width - 1);
  ret_shape->hot_y = (guint16) MIN (hot_y, height - 1);
  return TRUE;
}

void
sk_ring_sound_init (SkRingSoundReader *r, const SkRingReader *reader)
{
  *r = (SkRingSoundReader){ .untrusted = reader->untrusted };
  r->wake = load (&r->untrusted->sound.wake);
  r->seen = load (&r->untrusted->sound.head);
}

void
sk_ring_sound_wait (SkRingSoundReader *r)
{
  const guint32 *wake = &r->untrusted->sound.wake;
  /* Waiting needs no right to write. */
  while (load (wake) == r->wake)
    if (syscall (SYS_futex, wake, FUTEX_WAIT, r->wake, NULL, NULL, 0) < 0 && errno != EAGAIN
        && errno != EINTR)
      break;
  r->wake = load (wake);
}

guint
sk_ring_sound_take (SkRingSoundReader *r, gint16 ret[SK_RING_SOUND_FRAMES][2])
{
  const SkRingSound *s = &r->untrusted->sound;
  const guint64 head = load (&s->head);
  guint64 pending = head - r->seen; /* huge when the head went backwards */
  if (pending > SK_RING_SOUND_FRAMES)
    pending = SK_RING_SOUND_FRAMES / 2;
  const guint64 from = head - pending;
  const guint first = MIN ((guint) pending, sound_until_end (from));
  memcpy (ret, s->samples[from % SK_RING_SOUND_FRAMES], first * SOUND_FRAME);
  memcpy (ret + first, s->samples, (pending - first) * SOUND_FRAME);
  r->seen = head;
  return (guint) pending;
}
