#include "desktop/picture.h"
#include "desktop/picture-private.h"
#include "common/i18n.h"
#include "desktop/timing.h"
#include "desktop/window-state.h"
#include <math.h>
#include <string.h>

/* A resize is sent when the size stood still for so long: dragging an edge makes dozens of sizes a second. */
#define RESIZE_QUIET_MS 150
/* Opacity of a picture that is not alive. */
#define FADED 0.35

G_DEFINE_FINAL_TYPE (SkPicture, sk_picture, GTK_TYPE_WIDGET)

enum
{
  ROOM_CHANGED,
  PAINTED,
  RESERVED_KEY,
  PASTE,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

/* -- size ------------------------------------------------------------------------------------------------ */

double
sk_picture_get_scale (SkPicture *self)
{
#if GTK_CHECK_VERSION(4, 12, 0)
  GtkNative *native = gtk_widget_get_native (GTK_WIDGET (self));
  GdkSurface *surface = native ? gtk_native_get_surface (native) : NULL;
  if (surface)
    return gdk_surface_get_scale (surface);
#endif
  return gtk_widget_get_scale_factor (GTK_WIDGET (self));
}

void
sk_picture_get_room (SkPicture *self, int *ret_width, int *ret_height, double *ret_scale)
{
  double scale = sk_picture_get_scale (self);
  *ret_width = (int) lround (gtk_widget_get_width (GTK_WIDGET (self)) * scale);
  *ret_height = (int) lround (gtk_widget_get_height (GTK_WIDGET (self)) * scale);
  *ret_scale = scale;
}

static gboolean
on_size_is_quiet (gpointer data)
{
  SkPicture *self = data;
  int width, height;
  double scale;
  self->resize_timer = 0;
  sk_picture_get_room (self, &width, &height, &scale);
  if (width > 0 && height > 0)
    g_signal_emit (self, signals[ROOM_CHANGED], 0, width, height, (int) lround (scale * 100));
  return G_SOURCE_REMOVE;
}

static void
sk_picture_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  SkPicture *self = SK_PICTURE (widget);
  g_clear_handle_id (&self->resize_timer, g_source_remove);
  self->resize_timer = g_timeout_add (RESIZE_QUIET_MS, on_size_is_quiet, self);
}

static void
sk_picture_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                    int *minimum_baseline, int *natural_baseline)
{
  *minimum = *natural = SK_PICTURE_SIDE_MIN / 2;
}

/* -- pixels ---------------------------------------------------------------------------------------------- */

/* A piece of the picture as a render node in device pixels. Cairo surfaces rather than textures: GTK 4.8
 * turns every texture into floating point and back before its cairo renderer draws it, three times the cost
 * of all the rest. */
static GskRenderNode *
make_node (const guint8 *pixels, gsize stride, SkRect r, cairo_filter_t filter)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, r.width, r.height);
  guint8 *copy = cairo_image_surface_get_data (surface);
  gsize copy_stride = (gsize) cairo_image_surface_get_stride (surface);
  for (int y = 0; copy && y < r.height; y++)
    memcpy (copy + y * copy_stride, pixels + (r.y + y) * stride + (gsize) r.x * 4, (gsize) r.width * 4);
  cairo_surface_mark_dirty (surface);

  GskRenderNode *node = gsk_cairo_node_new (&GRAPHENE_RECT_INIT (0, 0, r.width, r.height));
  cairo_t *cr = gsk_cairo_node_get_draw_context (node);
  cairo_set_source_surface (cr, surface, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr), filter);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_destroy (cr);
  cairo_surface_destroy (surface); /* the node has taken the memory over */
  return node;
}

static void
forget_nodes (SkPicture *self)
{
  for (guint i = 0; i < self->columns * self->rows; i++)
    g_clear_pointer (&self->tiles[i], gsk_render_node_unref);
  g_clear_pointer (&self->whole, gsk_render_node_unref);
}

static void
take_size (SkPicture *self, int width, int height)
{
  forget_nodes (self);
  g_free (self->tiles);
  self->width = width;
  self->height = height;
  self->columns = (width + SK_TILE - 1) / SK_TILE;
  self->rows = (height + SK_TILE - 1) / SK_TILE;
  self->tiles = g_new0 (GskRenderNode *, self->columns * self->rows);
}

/* A node never changes, so a changed tile gets a new one. GTK compares the old and the new list of nodes and
 * repaints only where they differ. */
static void
drop_damaged (SkPicture *self, SkRect r)
{
  r = sk_rect_intersect (r, (SkRect){ 0, 0, self->width, self->height });
  if (r.width == 0)
    return;
  for (int row = r.y / SK_TILE; row <= (r.y + r.height - 1) / SK_TILE; row++)
    for (int column = r.x / SK_TILE; column <= (r.x + r.width - 1) / SK_TILE; column++)
      g_clear_pointer (&self->tiles[row * self->columns + column], gsk_render_node_unref);
  g_clear_pointer (&self->whole, gsk_render_node_unref);
}

static SkRect
tile_rect (SkPicture *self, guint column, guint row)
{
  SkRect r = { column * SK_TILE, row * SK_TILE, SK_TILE, SK_TILE };
  return sk_rect_intersect (r, (SkRect){ 0, 0, self->width, self->height });
}

static void
fill_tiles (SkPicture *self, const guint8 *pixels)
{
  gsize stride = (gsize) self->width * 4;
  for (guint row = 0; row < self->rows; row++)
    for (guint column = 0; column < self->columns; column++)
      {
        GskRenderNode **tile = &self->tiles[row * self->columns + column];
        if (!*tile)
          *tile = make_node (pixels, stride, tile_rect (self, column, row), CAIRO_FILTER_NEAREST);
      }
}

/* Brings the nodes up to the pixels. Scaled pictures are one node: tiles would show seams. */
static void
refresh (SkPicture *self)
{
  SkRect rects[SK_PIXELS_RECTS_MAX];
  gboolean resized;
  int width, height;
  const guint8 *pixels = sk_pixels_lock (self->pixels, &width, &height);
  guint n = sk_pixels_take_damage (self->pixels, rects, &resized);
  if (pixels && (resized || width != self->width || height != self->height))
    take_size (self, width, height);
  for (guint i = 0; i < n; i++)
    drop_damaged (self, rects[i]);
  sk_picture_get_layout (self, &self->layout);
  if (pixels && self->layout.zoom == 1)
    fill_tiles (self, pixels);
  else if (pixels && !self->whole)
    self->whole
        = make_node (pixels, (gsize) width * 4, (SkRect){ 0, 0, width, height }, CAIRO_FILTER_BILINEAR);
  sk_pixels_unlock (self->pixels);
}

void
sk_picture_get_layout (SkPicture *self, SkLayout *ret_layout)
{
  int room_width, room_height;
  double scale;
  sk_picture_get_room (self, &room_width, &room_height, &scale);
  *ret_layout = sk_layout_fit (room_width, room_height, self->width, self->height);
}

static void
append_at (GtkSnapshot *snapshot, GskRenderNode *node, float x, float y)
{
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (x, y));
  gtk_snapshot_append_node (snapshot, node);
  gtk_snapshot_restore (snapshot);
}

static void
append_picture (SkPicture *self, GtkSnapshot *snapshot)
{
  float scale = (float) sk_picture_get_scale (self), zoom = (float) self->layout.zoom;
  SkRect target = self->layout.target;
  gtk_snapshot_save (snapshot);
  if (scale != 1)
    gtk_snapshot_scale (snapshot, 1 / scale, 1 / scale); /* from here on device pixels */
  if (zoom != 1)
    {
      gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (target.x, target.y));
      gtk_snapshot_scale (snapshot, zoom, zoom);
      gtk_snapshot_append_node (snapshot, self->whole);
    }
  else
    for (guint i = 0; i < self->columns * self->rows; i++)
      append_at (snapshot, self->tiles[i], target.x + (int) (i % self->columns) * SK_TILE,
                 target.y + (int) (i / self->columns) * SK_TILE);
  gtk_snapshot_restore (snapshot);
}

static void
sk_picture_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  SkPicture *self = SK_PICTURE (widget);
  const GdkRGBA black = { 0, 0, 0, 1 };
  refresh (self);
  gtk_snapshot_append_color (
      snapshot, &black,
      &GRAPHENE_RECT_INIT (0, 0, gtk_widget_get_width (widget), gtk_widget_get_height (widget)));
  if (self->width == 0)
    return;
  if (self->faded)
    gtk_snapshot_push_opacity (snapshot, FADED);
  append_picture (self, snapshot);
  if (self->faded)
    gtk_snapshot_pop (snapshot);
  self->in_this_paint = !self->faded && sk_pixels_serial (self->pixels) > self->serial_before;
}

static void
on_after_paint (GdkFrameClock *clock, gpointer data)
{
  SkPicture *self = data;
  if (!self->in_this_paint || !self->expects_first)
    return;
  self->expects_first = FALSE;
  sk_timing_mark (SK_PHASE_FIRST_PAINT);
  g_signal_emit (self, signals[PAINTED], 0);
}

void
sk_picture_expect_first (SkPicture *self)
{
  self->serial_before = sk_pixels_serial (self->pixels);
  self->expects_first = TRUE;
  self->in_this_paint = FALSE;
}

void
sk_picture_update (SkPicture *self)
{
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
sk_picture_set_faded (SkPicture *self, gboolean faded)
{
  if (self->faded == faded)
    return;
  self->faded = faded;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
sk_picture_set_pointer (SkPicture *self, const SkPointer *pointer)
{
  g_autoptr (GdkCursor) cursor = NULL;
  if (pointer->kind == SK_POINTER_HIDDEN)
    cursor = gdk_cursor_new_from_name ("none", NULL);
  else if (pointer->kind == SK_POINTER_SHAPE)
    {
      gsize stride = (gsize) pointer->width * 4;
      g_autoptr (GBytes) bytes = g_bytes_new (pointer->bgra, stride * pointer->height);
      g_autoptr (GdkTexture) texture
          = gdk_memory_texture_new (pointer->width, pointer->height, GDK_MEMORY_B8G8R8A8, bytes, stride);
      cursor = gdk_cursor_new_from_texture (texture, pointer->hot_x, pointer->hot_y, NULL);
    }
  gtk_widget_set_cursor (GTK_WIDGET (self), cursor);
}

/* -- object ---------------------------------------------------------------------------------------------- */

static void
sk_picture_realize (GtkWidget *widget)
{
  SkPicture *self = SK_PICTURE (widget);
  GTK_WIDGET_CLASS (sk_picture_parent_class)->realize (widget);
  GdkFrameClock *clock = gtk_widget_get_frame_clock (widget);
  self->after_paint = g_signal_connect (clock, "after-paint", G_CALLBACK (on_after_paint), self);
}

static void
sk_picture_unrealize (GtkWidget *widget)
{
  SkPicture *self = SK_PICTURE (widget);
  g_clear_signal_handler (&self->after_paint, gtk_widget_get_frame_clock (widget));
  GTK_WIDGET_CLASS (sk_picture_parent_class)->unrealize (widget);
}

static void
sk_picture_dispose (GObject *object)
{
  SkPicture *self = SK_PICTURE (object);
  g_clear_handle_id (&self->resize_timer, g_source_remove);
  self->client = NULL;
  G_OBJECT_CLASS (sk_picture_parent_class)->dispose (object);
}

static void
sk_picture_finalize (GObject *object)
{
  SkPicture *self = SK_PICTURE (object);
  forget_nodes (self);
  g_free (self->tiles);
  g_clear_object (&self->im);
  sk_pixels_unref (self->pixels);
  G_OBJECT_CLASS (sk_picture_parent_class)->finalize (object);
}

static void
sk_picture_class_init (SkPictureClass *class)
{
  GObjectClass *object = G_OBJECT_CLASS (class);
  GtkWidgetClass *widget = GTK_WIDGET_CLASS (class);
  object->dispose = sk_picture_dispose;
  object->finalize = sk_picture_finalize;
  widget->measure = sk_picture_measure;
  widget->size_allocate = sk_picture_size_allocate;
  widget->snapshot = sk_picture_snapshot;
  widget->realize = sk_picture_realize;
  widget->unrealize = sk_picture_unrealize;
  gtk_widget_class_set_accessible_role (widget, GTK_ACCESSIBLE_ROLE_IMG);
  signals[ROOM_CHANGED] = g_signal_new ("room-changed", SK_TYPE_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 3, G_TYPE_INT, G_TYPE_INT, G_TYPE_INT);
  signals[PAINTED]
      = g_signal_new ("painted", SK_TYPE_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[RESERVED_KEY]
      = g_signal_new ("reserved-key", SK_TYPE_PICTURE, G_SIGNAL_RUN_LAST, 0,
                      g_signal_accumulator_true_handled, NULL, NULL, G_TYPE_BOOLEAN, 1, G_TYPE_UINT);
  signals[PASTE] = g_signal_new ("paste", SK_TYPE_PICTURE, G_SIGNAL_RUN_LAST, 0,
                                 g_signal_accumulator_true_handled, NULL, NULL, G_TYPE_BOOLEAN, 0);
}

gboolean
sk_picture_offer_reserved_key (SkPicture *self, guint keyval)
{
  gboolean taken = FALSE;
  g_signal_emit (self, signals[RESERVED_KEY], 0, keyval, &taken);
  return taken;
}

gboolean
sk_picture_offer_paste (SkPicture *self)
{
  gboolean taken = FALSE;
  g_signal_emit (self, signals[PASTE], 0, &taken);
  return taken;
}

static void
sk_picture_init (SkPicture *self)
{
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_hexpand (GTK_WIDGET (self), TRUE);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_accessible_update_property (
      GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
      SK_TR ("Picture of the browser on the internet side", "インターネット側のブラウザーの画面"), -1);
  sk_picture_add_controllers (self);
}

SkPicture *
sk_picture_new (SkPixels *pixels)
{
  SkPicture *self = g_object_new (SK_TYPE_PICTURE, NULL);
  self->pixels = sk_pixels_ref (pixels);
  self->expects_first = TRUE;
  return self;
}
