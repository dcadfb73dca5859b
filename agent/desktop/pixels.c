#include "desktop/pixels.h"
#include <string.h>

struct _SkPixels
{
  gatomicrefcount refs;
  GMutex mutex;
  guint8 *data;
  int width, height;
  guint64 serial;
  SkRect rects[SK_PIXELS_RECTS_MAX];
  guint n_rects;
  gboolean resized;
};

SkPixels *
sk_pixels_new (void)
{
  SkPixels *self = g_new0 (SkPixels, 1);
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->mutex);
  return self;
}

SkPixels *
sk_pixels_ref (SkPixels *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
sk_pixels_unref (SkPixels *self)
{
  if (!self || !g_atomic_ref_count_dec (&self->refs))
    return;
  g_mutex_clear (&self->mutex);
  g_free (self->data);
  g_free (self);
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
ensure_size (SkPixels *self, int width, int height)
{
  if (self->width == width && self->height == height)
    return TRUE;
  gsize count = (gsize) width * height;
  guint32 *pixels = g_try_new (guint32, count);
  if (!pixels)
    return FALSE;
  for (gsize i = 0; i < count; i++)
    pixels[i] = 0xff000000u;
  g_free (self->data);
  self->data = (guint8 *) pixels;
  self->width = width;
  self->height = height;
  self->resized = TRUE;
  self->n_rects = 0;
  return TRUE;
}

void
sk_pixels_reserve (SkPixels *self, int width, int height)
{
  g_mutex_lock (&self->mutex);
  if (self->serial == 0 && size_is_allowed (width, height))
    ensure_size (self, width, height);
  g_mutex_unlock (&self->mutex);
}

static void
add_damage (SkPixels *self, SkRect rect)
{
  if (self->n_rects < SK_PIXELS_RECTS_MAX)
    {
      self->rects[self->n_rects++] = rect;
      return;
    }
  for (guint i = 0; i < self->n_rects; i++)
    rect = sk_rect_union (rect, self->rects[i]);
  self->rects[0] = rect;
  self->n_rects = 1;
}

/* FreeRDP leaves the fourth byte undefined; the reader may take it for alpha. */
static void
copy_rect (SkPixels *self, const guint8 *bgrx, gsize stride, SkRect r)
{
  for (int y = r.y; y < r.y + r.height; y++)
    {
      const guint32 *from = (const guint32 *) (bgrx + y * stride) + r.x;
      guint32 *to = (guint32 *) self->data + (gsize) y * self->width + r.x;
      for (int x = 0; x < r.width; x++)
        to[x] = from[x] | 0xff000000u;
    }
}

gboolean
sk_pixels_publish (SkPixels *self, const guint8 *bgrx, gsize stride, int width, int height,
                   const SkRect *rects, guint n_rects)
{
  if (!size_is_allowed (width, height) || stride < (gsize) width * 4)
    return FALSE;
  g_mutex_lock (&self->mutex);
  gboolean ok = ensure_size (self, width, height);
  for (guint i = 0; ok && i < n_rects; i++)
    {
      SkRect r = sk_rect_intersect (rects[i], (SkRect){ 0, 0, width, height });
      if (r.width == 0)
        continue;
      copy_rect (self, bgrx, stride, r);
      add_damage (self, r);
    }
  if (ok)
    self->serial++;
  g_mutex_unlock (&self->mutex);
  return ok;
}

const guint8 *
sk_pixels_lock (SkPixels *self, int *ret_width, int *ret_height)
{
  g_mutex_lock (&self->mutex);
  *ret_width = self->width;
  *ret_height = self->height;
  return self->data;
}

void
sk_pixels_unlock (SkPixels *self)
{
  g_mutex_unlock (&self->mutex);
}

guint
sk_pixels_take_damage (SkPixels *self, SkRect *rects, gboolean *ret_resized)
{
  guint n = self->n_rects;
  memcpy (rects, self->rects, n * sizeof *rects);
  *ret_resized = self->resized;
  self->n_rects = 0;
  self->resized = FALSE;
  return n;
}

guint64
sk_pixels_serial (SkPixels *self)
{
  g_mutex_lock (&self->mutex);
  guint64 serial = self->serial;
  g_mutex_unlock (&self->mutex);
  return serial;
}
