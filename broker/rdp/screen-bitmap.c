/* The guest's picture: bitmap updates of 32 bits a pixel into the frame memory, and nothing else. No decoder
 * of FreeRDP is prepared, no drawing order is asked for; a guest that sends others has left what was agreed.
 * RDP thread. */
#include "rdp/screen.h"
#include "rdp/unplanar.h"
#include <string.h>

/* Scratch that is kept: xrdp's bitmaps have 64 x 64 pixels. A larger one is made for the bitmap that needs
 * it. */
#define SCRATCH_KEPT (256 * 1024)

static SkScreen *
screen_of (rdpContext *context)
{
  return ((SkScreenContext *) context)->screen;
}

static gboolean
refuse (SkScreen *s, const char *what)
{
  sk_worker_log (s->worker, G_LOG_LEVEL_WARNING, "the guest's picture is refused: %s", what);
  return FALSE;
}

static guint8 *
take_scratch (SkScreen *s, gsize bytes)
{
  if (bytes <= s->scratch_bytes)
    return s->scratch;
  g_free (s->scratch);
  s->scratch_bytes = MAX (bytes, (gsize) SCRATCH_KEPT);
  s->scratch = g_malloc (s->scratch_bytes);
  return s->scratch;
}

static void
give_scratch (SkScreen *s)
{
  if (s->scratch_bytes <= SCRATCH_KEPT)
    return;
  g_clear_pointer (&s->scratch, g_free);
  s->scratch_bytes = 0;
}

static gboolean
draw_raw (const BITMAP_DATA *b, guint8 *pixels, gsize stride, guint columns, guint rows)
{
  const gsize row = (gsize) b->width * 4;
  if (b->bitmapLength < row * b->height)
    return FALSE;
  for (guint y = 0; y < rows; y++)
    memcpy (pixels + y * stride, b->bitmapDataStream + (b->height - 1 - y) * row, (gsize) columns * 4);
  return TRUE;
}

static gboolean
draw (SkScreen *s, const BITMAP_DATA *b)
{
  if (b->bitsPerPixel != 32)
    return refuse (s, "not 32 bits a pixel");
  /* The last column of bitmaps may reach over the edge: widths are multiples of four. */
  if (b->width > s->width + 3 || b->height > s->height || b->destRight < b->destLeft
      || b->destBottom < b->destTop)
    return refuse (s, "a bitmap larger than the desktop");
  if (b->destLeft >= s->width || b->destTop >= s->height)
    return TRUE;
  const guint columns = MIN (MIN (b->width, b->destRight - b->destLeft + 1), s->width - b->destLeft);
  const guint rows = MIN (MIN (b->height, b->destBottom - b->destTop + 1), s->height - b->destTop);
  const gsize stride = sk_ring_stride (s->width);
  guint8 *pixels = sk_ring_pixels (s->ring) + b->destTop * stride + (gsize) b->destLeft * 4;
  gboolean good;
  if (b->compressed)
    good = sk_unplanar (b->bitmapDataStream, b->bitmapLength, b->width, b->height,
                        take_scratch (s, sk_unplanar_scratch (b->width, b->height)), pixels, stride, columns,
                        rows);
  else
    good = draw_raw (b, pixels, stride, columns, rows);
  give_scratch (s);
  if (!good)
    return refuse (s, "a broken bitmap");
  sk_screen_mark (s, (gint) b->destLeft, (gint) b->destTop, (gint) columns, (gint) rows);
  return TRUE;
}

static BOOL
on_bitmap_update (rdpContext *context, const BITMAP_UPDATE *update)
{
  SkScreen *s = screen_of (context);
  for (guint32 i = 0; i < update->number; i++)
    if (!draw (s, &update->rectangles[i]))
      return FALSE;
  return TRUE;
}

static BOOL
on_surface_bits (rdpContext *context, const SURFACE_BITS_COMMAND *command)
{
  return refuse (screen_of (context), "surface bits");
}

void
sk_screen_bitmap_register (rdpContext *context)
{
  context->update->BitmapUpdate = on_bitmap_update;
  context->update->SurfaceBits = on_surface_bits;
}
