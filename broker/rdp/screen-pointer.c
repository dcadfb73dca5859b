/* The guest's pointer shapes, decoded to plain pixels in the frame memory. Positions that the guest wants to
 * force on the pointer are ignored. */
#include "rdp/screen.h"
#include <freerdp/codec/color.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/graphics.h>

typedef struct
{
  rdpPointer base;
  gboolean usable;
  SkRingShape shape;
} Pointer;

static SkScreen *
screen_of (rdpContext *context)
{
  return ((SkScreenContext *) context)->screen;
}

static BOOL
on_new (rdpContext *context, rdpPointer *untrusted)
{
  Pointer *p = (Pointer *) untrusted;
  if (untrusted->width == 0 || untrusted->height == 0 || untrusted->width > SK_RING_POINTER_MAX
      || untrusted->height > SK_RING_POINTER_MAX)
    return TRUE; /* shown as the default arrow */
  p->shape.width = (guint16) untrusted->width;
  p->shape.height = (guint16) untrusted->height;
  p->shape.hot_x = (guint16) MIN (untrusted->xPos, untrusted->width - 1);
  p->shape.hot_y = (guint16) MIN (untrusted->yPos, untrusted->height - 1);
  p->usable = freerdp_image_copy_from_pointer_data (
      (BYTE *) p->shape.argb, PIXEL_FORMAT_BGRA32, untrusted->width * 4, 0, 0, untrusted->width,
      untrusted->height, untrusted->xorMaskData, untrusted->lengthXorMask, untrusted->andMaskData,
      untrusted->lengthAndMask, untrusted->xorBpp, &context->gdi->palette);
  return TRUE;
}

static void
on_free (rdpContext *context, rdpPointer *pointer)
{
}

static void
show (rdpContext *context, SkRingPointerKind kind, const SkRingShape *shape)
{
  SkScreen *s = screen_of (context);
  sk_ring_set_pointer (s->ring, kind, shape);
  if (!s->dirty)
    s->dirty_since = g_get_monotonic_time ();
  s->dirty = TRUE; /* wakes the views */
}

static BOOL
on_set (rdpContext *context, rdpPointer *pointer)
{
  const Pointer *p = (const Pointer *) pointer;
  show (context, p->usable ? SK_RING_POINTER_SHAPE : SK_RING_POINTER_DEFAULT, &p->shape);
  return TRUE;
}

static BOOL
on_set_null (rdpContext *context)
{
  show (context, SK_RING_POINTER_HIDDEN, NULL);
  return TRUE;
}

static BOOL
on_set_default (rdpContext *context)
{
  show (context, SK_RING_POINTER_DEFAULT, NULL);
  return TRUE;
}

static BOOL
on_set_position (rdpContext *context, UINT32 x, UINT32 y)
{
  return TRUE;
}

void
sk_screen_pointer_register (rdpContext *context)
{
  const rdpPointer prototype = {
    .size = sizeof (Pointer),
    .New = on_new,
    .Free = on_free,
    .Set = on_set,
    .SetNull = on_set_null,
    .SetDefault = on_set_default,
    .SetPosition = on_set_position,
  };
  graphics_register_pointer (context->graphics, &prototype);
}
