#include "desktop/picture-private.h"
#include <linux/input-event-codes.h>
#include <math.h>

/* Linux key codes start 8 later in X11, and Wayland kept that. */
#define X11_KEY_OFFSET 8
/* RDP's unit of the wheel. */
#define NOTCH 120
/* Touchpads scroll in pixels; this many are as far as one notch of a wheel. */
#define PIXELS_PER_NOTCH 53
/* Finer steps than this are collected first: the guest's server makes an event of each. */
#define WHEEL_STEP 15

/* -- keys ------------------------------------------------------------------------------------------------ */

static void
send_key (guint scancode, gboolean down, gboolean repeat, gpointer data)
{
  SkPicture *self = data;
  if (self->client)
    sk_rdp_client_key (self->client, scancode, down, repeat);
}

static void
send_text (const char *utf8, gpointer data)
{
  SkPicture *self = data;
  if (self->client)
    sk_rdp_client_text (self->client, utf8);
}

/* Keys that are known by what they are rather than by where they sit: remapped ones, and those of on-screen
 * keyboards and tools, have key codes of their own making. */
static guint
get_evdev (guint keyval, guint keycode)
{
  switch (keyval)
    {
    case GDK_KEY_Zenkaku_Hankaku:
    case GDK_KEY_Kanji:
      return KEY_GRAVE;
    case GDK_KEY_Henkan_Mode:
      return KEY_HENKAN;
    case GDK_KEY_Muhenkan:
      return KEY_MUHENKAN;
    case GDK_KEY_Hiragana_Katakana:
      return KEY_KATAKANAHIRAGANA;
    }
  return keycode > X11_KEY_OFFSET ? keycode - X11_KEY_OFFSET : 0;
}

static gboolean
is_reserved (GdkModifierType state)
{
  const GdkModifierType both = GDK_CONTROL_MASK | GDK_ALT_MASK;
  return (state & both) == both;
}

static gboolean
is_paste (guint keyval, GdkModifierType state)
{
  const GdkModifierType held = state & (GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SHIFT_MASK | GDK_SUPER_MASK);
  return (held == GDK_CONTROL_MASK && (keyval == GDK_KEY_v || keyval == GDK_KEY_V))
         || (held == GDK_SHIFT_MASK && keyval == GDK_KEY_Insert);
}

static gboolean
on_key_pressed (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
                gpointer data)
{
  SkPicture *self = data;
  if ((is_reserved (state) && sk_picture_offer_reserved_key (self, keyval))
      || (is_paste (keyval, state) && sk_picture_offer_paste (self)))
    {
      /* The guest has seen Ctrl (and Alt) go down; it must not think they are held. */
      sk_keyboard_release_all (&self->keyboard);
      return TRUE;
    }
  sk_keyboard_press (&self->keyboard, get_evdev (keyval, keycode), gdk_keyval_to_unicode (keyval),
                     (state & GDK_SHIFT_MASK) != 0);
  return TRUE;
}

static void
on_key_released (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
                 gpointer data)
{
  SkPicture *self = data;
  sk_keyboard_release (&self->keyboard, get_evdev (keyval, keycode));
}

static void
sync_locks (SkPicture *self)
{
  GdkSeat *seat = gdk_display_get_default_seat (gtk_widget_get_display (GTK_WIDGET (self)));
  GdkDevice *device = seat ? gdk_seat_get_keyboard (seat) : NULL;
  if (self->client && device)
    sk_rdp_client_locks (self->client, gdk_device_get_caps_lock_state (device),
                         gdk_device_get_num_lock_state (device), gdk_device_get_scroll_lock_state (device),
                         FALSE);
}

static void
on_focus_enter (GtkEventControllerFocus *controller, gpointer data)
{
  SkPicture *self = data;
  sync_locks (self);
  if (self->local_input)
    gtk_im_context_focus_in (self->im);
}

static void
on_focus_leave (GtkEventControllerFocus *controller, gpointer data)
{
  SkPicture *self = data;
  sk_keyboard_release_all (&self->keyboard);
  if (self->local_input)
    gtk_im_context_focus_out (self->im);
}

/* -- this desktop's input method ------------------------------------------------------------------------- */

static void
on_commit (GtkIMContext *im, const char *text, gpointer data)
{
  send_text (text, data);
}

/* The candidate window opens where the pointer was last: where the caret is, only the guest knows. */
static void
place_candidates (SkPicture *self)
{
  double scale = sk_picture_get_scale (self);
  GdkRectangle here = { (int) ((self->layout.target.x + self->x * self->layout.zoom) / scale),
                        (int) ((self->layout.target.y + self->y * self->layout.zoom) / scale), 1, 20 };
  gtk_im_context_set_cursor_location (self->im, &here);
}

static void
make_im (SkPicture *self)
{
  self->im = gtk_im_multicontext_new ();
  gtk_im_context_set_client_widget (self->im, GTK_WIDGET (self));
  /* The input method shows what is being composed in a window of its own. */
  gtk_im_context_set_use_preedit (self->im, FALSE);
  g_signal_connect (self->im, "commit", G_CALLBACK (on_commit), self);
}

void
sk_picture_set_local_input (SkPicture *self, gboolean local)
{
  if (self->local_input == local)
    return;
  self->local_input = local;
  sk_keyboard_release_all (&self->keyboard);
  if (local && !self->im)
    make_im (self);
  gtk_event_controller_key_set_im_context (GTK_EVENT_CONTROLLER_KEY (self->keys), local ? self->im : NULL);
  if (!local)
    gtk_im_context_focus_out (self->im);
  else if (gtk_widget_has_focus (GTK_WIDGET (self)))
    gtk_im_context_focus_in (self->im);
  if (local)
    place_candidates (self);
}

gboolean
sk_picture_get_local_input (SkPicture *self)
{
  return self->local_input;
}

/* -- mouse ----------------------------------------------------------------------------------------------- */

static void
take_position (SkPicture *self, double x, double y)
{
  double scale = sk_picture_get_scale (self);
  sk_layout_to_picture (&self->layout, self->width, self->height, x * scale, y * scale, &self->x, &self->y);
}

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, gpointer data)
{
  SkPicture *self = data;
  take_position (self, x, y);
  if (self->client)
    sk_rdp_client_motion (self->client, self->x, self->y);
}

/* Surface coordinates → the widget's own. */
static void
take_event_position (SkPicture *self, GdkEvent *event)
{
  double x, y, native_x, native_y;
  graphene_point_t point;
  GtkNative *native = gtk_widget_get_native (GTK_WIDGET (self));
  if (!native || !gdk_event_get_position (event, &x, &y))
    return;
  gtk_native_get_surface_transform (native, &native_x, &native_y);
  if (gtk_widget_compute_point (GTK_WIDGET (native), GTK_WIDGET (self),
                                &GRAPHENE_POINT_INIT (x - native_x, y - native_y), &point))
    take_position (self, point.x, point.y);
}

static void
press_button (SkPicture *self, guint button, gboolean down)
{
  if (down)
    gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->client)
    sk_rdp_client_button (self->client, button, down, self->x, self->y);
  if (self->local_input)
    place_candidates (self);
}

/* Raw events, because a click gesture follows only one button at a time. A finger is the left button. */
static gboolean
on_event (GtkEventControllerLegacy *controller, GdkEvent *event, gpointer data)
{
  SkPicture *self = data;
  GdkEventType type = gdk_event_get_event_type (event);
  gboolean touch = type == GDK_TOUCH_BEGIN || type == GDK_TOUCH_END || type == GDK_TOUCH_CANCEL;
  gboolean button = type == GDK_BUTTON_PRESS || type == GDK_BUTTON_RELEASE;
  if (!button && !touch)
    return FALSE;
  take_event_position (self, event);
  press_button (self, button ? gdk_button_event_get_button (event) : 1,
                type == GDK_BUTTON_PRESS || type == GDK_TOUCH_BEGIN);
  return TRUE;
}

static int
take_steps (double *collected)
{
  int steps = (int) (*collected / WHEEL_STEP) * WHEEL_STEP;
  *collected -= steps;
  return steps;
}

static gboolean
on_scroll (GtkEventControllerScroll *controller, double dx, double dy, gpointer data)
{
  SkPicture *self = data;
  double unit = NOTCH;
  if (gtk_event_controller_scroll_get_unit (controller) == GDK_SCROLL_UNIT_SURFACE)
    unit = (double) NOTCH / PIXELS_PER_NOTCH;
  self->wheel_x += dx * unit;
  self->wheel_y += dy * unit;
  int steps_x = take_steps (&self->wheel_x), steps_y = take_steps (&self->wheel_y);
  if (self->client && (steps_x || steps_y))
    sk_rdp_client_wheel (self->client, steps_y, steps_x, self->x, self->y);
  return TRUE;
}

/* -- wiring ---------------------------------------------------------------------------------------------- */

void
sk_picture_set_client (SkPicture *self, SkRdpClient *client)
{
  if (self->client && !client)
    sk_keyboard_release_all (&self->keyboard);
  self->client = client;
  if (client && gtk_widget_has_focus (GTK_WIDGET (self)))
    sync_locks (self);
}

void
sk_picture_add_controllers (SkPicture *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  self->keyboard.key = send_key;
  self->keyboard.text = send_text;
  self->keyboard.data = self;

  self->keys = gtk_event_controller_key_new ();
  g_signal_connect (self->keys, "key-pressed", G_CALLBACK (on_key_pressed), self);
  g_signal_connect (self->keys, "key-released", G_CALLBACK (on_key_released), self);
  gtk_widget_add_controller (widget, self->keys);

  GtkEventController *focus = gtk_event_controller_focus_new ();
  g_signal_connect (focus, "enter", G_CALLBACK (on_focus_enter), self);
  g_signal_connect (focus, "leave", G_CALLBACK (on_focus_leave), self);
  gtk_widget_add_controller (widget, focus);

  GtkEventController *motion = gtk_event_controller_motion_new ();
  g_signal_connect (motion, "enter", G_CALLBACK (on_motion), self);
  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), self);
  gtk_widget_add_controller (widget, motion);

  GtkEventController *raw = gtk_event_controller_legacy_new ();
  g_signal_connect (raw, "event", G_CALLBACK (on_event), self);
  gtk_widget_add_controller (widget, raw);

  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (widget, scroll);
}
