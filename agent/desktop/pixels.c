#include "desktop/pixels.h"
#include <string.h>

struct _SkPixels
{
  gatomicrefcount refs;
  GMutex mutex;
  guint8 *pixels;
  int width, height;
  guint64 serial;
  SkRect rects[SK_PIXELS_RECTS_MAX];
  guint n_rects;
  gboolean resized;
};

SkPixels *
sk_pixels_new (void)
{
  SkPixels *frame = g_new0 (SkPixels, 1);
  g_atomic_ref_count_init (&frame->refs);
  g_mutex_init (&frame->mutex);
  return frame;
}

SkPixels *
sk_pixels_ref (SkPixels *frame)
{
  g_atomic_ref_count_inc (&frame->refs);
  return frame;
}

void
sk_pixels_unref (SkPixels *frame)
{
  if (!frame || !g_atomic_ref_count_dec (&frame->refs))
    return;
  g_mutex_clear (&frame->mutex);
  g_free (frame->pixels);
  g_free (frame);
}

SkRect
sk_rect_union (SkRect a, SkRect b)
{
  if (a.width <= 0 || a.height <= 0)
    return b;
  if (b.width <= 0 || b.height <= 0)
    return a;
  int x = MIN (a.x, b.x), y = MIN (a.y, b.y);
  return (SkRect){ x, y, MAX (a.x + a.width, b.x + b.width) - x, MAX (a.y + a.height, b.y + b.height) - y };
}

SkRect
sk_rect_intersect (SkRect a, SkRect b)
{
  int x = MAX (a.x, b.x), y = MAX (a.y, b.y);
  int right = MIN (a.x + a.width, b.x + b.width), bottom = MIN (a.y + a.height, b.y + b.height);
  if (right <= x || bottom <= y)
    return (SkRect){ 0 };
  return (SkRect){ x, y, right - x, bottom - y };
}

static gboolean
size_is_allowed (int width, int height)
{
  return width > 0 && height > 0 && width <= SK_PIXELS_SIDE_MAX && height <= SK_PIXELS_SIDE_MAX
         && (guint64) width * height <= SK_PIXELS_COUNT_MAX;
}

static gboolean
ensure_size (SkPixels *frame, int width, int height)
{
  if (frame->width == width && frame->height == height)
    return TRUE;
  gsize count = (gsize) width * height;
  guint32 *pixels = g_try_new (guint32, count);
  if (!pixels)
    return FALSE;
  for (gsize i = 0; i < count; i++)
    pixels[i] = 0xff000000u;
  g_free (frame->pixels);
  frame->pixels = (guint8 *) pixels;
  frame->width = width;
  frame->height = height;
  frame->resized = TRUE;
  frame->n_rects = 0;
  return TRUE;
}

void
sk_pixels_reserve (SkPixels *frame, int width, int height)
{
  g_mutex_lock (&frame->mutex);
  if (frame->serial == 0 && size_is_allowed (width, height) && !ensure_size (frame, width, height))
    frame->resized = FALSE;
  g_mutex_unlock (&frame->mutex);
}

static void
add_damage (SkPixels *frame, SkRect rect)
{
  if (frame->n_rects < SK_PIXELS_RECTS_MAX)
    {
      frame->rects[frame->n_rects++] = rect;
      return;
    }
  for (guint i = 0; i < frame->n_rects; i++)
    rect = sk_rect_union (rect, frame->rects[i]);
  frame->rects[0] = rect;
  frame->n_rects = 1;
}

/* FreeRDP leaves the fourth byte undefined; the reader may take it for alpha. */
static void
copy_rect (SkPixels *frame, const guint8 *pixels, gsize stride, SkRect r)
{
  for (int y = r.y; y < r.y + r.height; y++)
    {
      const guint32 *from = (const guint32 *) (pixels + y * stride) + r.x;
      guint32 *to = (guint32 *) frame->pixels + (gsize) y * frame->width + r.x;
      for (int x = 0; x < r.width; x++)
        to[x] = from[x] | 0xff000000u;
    }
}

gboolean
sk_pixels_publish (SkPixels *frame, const guint8 *pixels, gsize stride, int width, int height,
                   const SkRect *rects, guint n_rects)
{
  if (!size_is_allowed (width, height) || stride < (gsize) width * 4)
    return FALSE;
  g_mutex_lock (&frame->mutex);
  gboolean ok = ensure_size (frame, width, height);
  for (guint i = 0; ok && i < n_rects; i++)
    {
      SkRect r = sk_rect_intersect (rects[i], (SkRect){ 0, 0, width, height });
      if (r.width == 0)
        continue;
      copy_rect (frame, pixels, stride, r);
      add_damage (frame, r);
    }
  if (ok)
    frame->serial++;
  g_mutex_unlock (&frame->mutex);
  return ok;
}

const guint8 *
sk_pixels_lock (SkPixels *frame, int *ret_width, int *ret_height)
{
  g_mutex_lock (&frame->mutex);
  *ret_width = frame->width;
  *ret_height = frame->height;
  return frame->pixels;
}

void
sk_pixels_unlock (SkPixels *frame)
{
  g_mutex_unlock (&frame->mutex);
}

guint
sk_pixels_take_damage (SkPixels *frame, SkRect *rects, gboolean *ret_resized)
{
  guint n = frame->n_rects;
  memcpy (rects, frame->rects, n * sizeof *rects);
  *ret_resized = frame->resized;
  frame->n_rects = 0;
  frame->resized = FALSE;
  return n;
}

guint64
sk_pixels_serial (SkPixels *frame)
{
  g_mutex_lock (&frame->mutex);
  guint64 serial = frame->serial;
  g_mutex_unlock (&frame->mutex);
  return serial;
}
