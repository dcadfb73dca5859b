/* Decoded pictures into the shared pixels; pointer shapes. RDP thread. */
#include "desktop/rdp-private.h"
#include "desktop/timing.h"
#include <freerdp/codec/color.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/graphics.h>
#include <string.h>

/* -- picture --------------------------------------------------------------------------------------------- */

static void
add_pending (SkRdpContext *self, SkRect rect)
{
  if (self->n_pending < SK_PIXELS_RECTS_MAX)
    {
      self->pending[self->n_pending++] = rect;
      return;
    }
  for (guint i = 0; i < self->n_pending; i++)
    rect = sk_rect_union (rect, self->pending[i]);
  self->pending[0] = rect;
  self->n_pending = 1;
}

static void
publish (SkRdpContext *self, rdpGdi *gdi)
{
  if (self->n_pending == 0 || self->in_frame)
    return;
  gboolean ok = sk_pixels_publish (self->client->pixels, gdi->primary_buffer, gdi->stride, gdi->width,
                                   gdi->height, self->pending, self->n_pending);
  self->n_pending = 0;
  if (!ok)
    return;
  if (!self->has_picture)
    {
      self->has_picture = TRUE;
      sk_timing_mark (SK_PHASE_FIRST_FRAME);
      sk_rdp_set_state (self->client, SK_RDP_PICTURE);
    }
  else
    sk_rdp_notify (self->client);
}

static BOOL
on_begin_paint (rdpContext *context)
{
  HGDI_WND window = context->gdi->primary->hdc->hwnd;
  window->invalid->null = TRUE;
  window->ninvalid = 0;
  return TRUE;
}

static BOOL
on_end_paint (rdpContext *context)
{
  SkRdpContext *self = sk_rdp_context_of (context);
  HGDI_WND window = context->gdi->primary->hdc->hwnd;
  for (INT32 i = 0; i < window->ninvalid; i++)
    {
      const GDI_RGN *r = &window->cinvalid[i];
      add_pending (self, (SkRect){ r->x, r->y, r->w, r->h });
    }
  window->invalid->null = TRUE;
  window->ninvalid = 0;
  publish (self, context->gdi);
  return TRUE;
}

/* Between the markers only parts of a picture are there; showing them would tear. The end of the paint that
 * follows the last marker publishes. */
static BOOL
on_frame_marker (rdpContext *context, const SURFACE_FRAME_MARKER *marker)
{
  SkRdpContext *self = sk_rdp_context_of (context);
  self->in_frame = marker->frameAction == SURFACECMD_FRAMEACTION_BEGIN;
  return self->gdi_frame_marker (context, marker);
}

static BOOL
on_desktop_resize (rdpContext *context)
{
  SkRdpContext *self = sk_rdp_context_of (context);
  self->n_pending = 0;
  self->in_frame = FALSE;
  return gdi_resize (context->gdi, freerdp_settings_get_uint32 (context->settings, FreeRDP_DesktopWidth),
                     freerdp_settings_get_uint32 (context->settings, FreeRDP_DesktopHeight));
}

/* -- pointer --------------------------------------------------------------------------------------------- */

typedef struct
{
  rdpPointer common; /* FreeRDP's; has to be first */
  guint32 *bgra;     /* NULL: no usable shape */
} Pointer;

static BOOL
on_pointer_new (rdpContext *context, rdpPointer *common)
{
  Pointer *pointer = (Pointer *) common;
  pointer->bgra = NULL;
  /* A shape out of bounds is shown as the default arrow, it does not end the connection. */
  if (common->width == 0 || common->height == 0 || common->width > SK_POINTER_SIDE_MAX
      || common->height > SK_POINTER_SIDE_MAX)
    return TRUE;
  pointer->bgra = g_new0 (guint32, common->width * common->height);
  if (!freerdp_image_copy_from_pointer_data ((BYTE *) pointer->bgra, PIXEL_FORMAT_BGRA32, 0, 0, 0,
                                             common->width, common->height, common->xorMaskData,
                                             common->lengthXorMask, common->andMaskData,
                                             common->lengthAndMask, common->xorBpp, &context->gdi->palette))
    g_clear_pointer (&pointer->bgra, g_free);
  return TRUE;
}

static void
on_pointer_free (rdpContext *context, rdpPointer *common)
{
  g_clear_pointer (&((Pointer *) common)->bgra, g_free);
}

static void
set_pointer (rdpContext *context, SkPointerKind kind, const Pointer *from)
{
  SkRdpClient *client = sk_rdp_context_of (context)->client;
  g_mutex_lock (&client->mutex);
  SkPointer *to = &client->pointer;
  to->kind = kind;
  if (kind == SK_POINTER_SHAPE)
    {
      to->width = from->common.width;
      to->height = from->common.height;
      to->hot_x = MIN (from->common.xPos, from->common.width - 1);
      to->hot_y = MIN (from->common.yPos, from->common.height - 1);
      memcpy (to->bgra, from->bgra, (gsize) to->width * to->height * 4);
    }
  client->pointer_changed = TRUE;
  g_mutex_unlock (&client->mutex);
  sk_rdp_notify (client);
}

static BOOL
on_pointer_set (rdpContext *context, rdpPointer *common)
{
  const Pointer *pointer = (const Pointer *) common;
  set_pointer (context, pointer->bgra ? SK_POINTER_SHAPE : SK_POINTER_DEFAULT, pointer);
  return TRUE;
}

static BOOL
on_pointer_hidden (rdpContext *context)
{
  set_pointer (context, SK_POINTER_HIDDEN, NULL);
  return TRUE;
}

static BOOL
on_pointer_default (rdpContext *context)
{
  set_pointer (context, SK_POINTER_DEFAULT, NULL);
  return TRUE;
}

/* The user's pointer is the user's: the other side must not move it onto a button. */
static BOOL
on_pointer_position (rdpContext *context, UINT32 x, UINT32 y)
{
  return TRUE;
}

gboolean
sk_rdp_start_drawing (freerdp *instance)
{
  rdpContext *context = instance->context;
  SkRdpContext *self = sk_rdp_context_of (context);
  rdpUpdate *update = context->update;
  rdpPointer pointer = { 0 };
  update->BeginPaint = on_begin_paint;
  update->EndPaint = on_end_paint;
  update->DesktopResize = on_desktop_resize;
  self->gdi_frame_marker = update->SurfaceFrameMarker;
  update->SurfaceFrameMarker = on_frame_marker;

  pointer.size = sizeof (Pointer);
  pointer.New = on_pointer_new;
  pointer.Free = on_pointer_free;
  pointer.Set = on_pointer_set;
  pointer.SetNull = on_pointer_hidden;
  pointer.SetDefault = on_pointer_default;
  pointer.SetPosition = on_pointer_position;
  graphics_register_pointer (context->graphics, &pointer);
  return TRUE;
}
