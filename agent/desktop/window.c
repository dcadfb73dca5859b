#include "desktop/window.h"
#include "common/i18n.h"
#include "desktop/drop.h"
#include "desktop/header.h"
#include "desktop/style.h"
#include "desktop/timing.h"

/* Long enough to read a sentence twice. */
#define NOTICE_SECONDS 8

struct _SkWindow
{
  SkWindowActions actions;
  gpointer data;
  GtkWindow *window;
  SkPicture *picture;
  GtkWidget *header;
  GtkWidget *strip; /* the trust text in full screen, where there is no header bar */
  GtkWidget *panel, *title, *detail, *again, *close;
  GtkWidget *notice;
  guint notice_timer;
};

SkPicture *
sk_window_get_picture (SkWindow *self)
{
  return self->picture;
}

GtkWindow *
sk_window_get_gtk (SkWindow *self)
{
  return self->window;
}

gboolean
sk_window_get_state (SkWindow *self, SkWindowState *ret_state)
{
  sk_picture_get_room (self->picture, &ret_state->width, &ret_state->height, &ret_state->scale);
  ret_state->maximized = gtk_window_is_maximized (self->window);
  return ret_state->width > 0 && ret_state->height > 0 && !gtk_window_is_fullscreen (self->window);
}

/* -- what it says ---------------------------------------------------------------------------------------- */

static void
set_label (GtkWidget *label, const char *text)
{
  gtk_label_set_text (GTK_LABEL (label), text ? text : "");
  gtk_widget_set_visible (label, text && *text);
}

void
sk_window_show_text (SkWindow *self, const SkText *text)
{
  gboolean focus_is_lost = !text && gtk_widget_get_visible (self->panel);
  gtk_widget_set_visible (self->panel, text != NULL);
  sk_picture_set_faded (self->picture, text != NULL);
  if (focus_is_lost)
    gtk_widget_grab_focus (GTK_WIDGET (self->picture));
  if (!text)
    return;
  set_label (self->title, text->title);
  set_label (self->detail, text->detail);
  gtk_widget_set_visible (self->again, text->offer_again);
  gtk_widget_set_visible (self->close, text->offer_again && !text->busy);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->panel), GTK_ACCESSIBLE_STATE_BUSY, text->busy, -1);
  if (text->offer_again && !text->busy)
    gtk_widget_grab_focus (self->again);
}

static gboolean
on_notice_is_old (gpointer data)
{
  SkWindow *self = data;
  self->notice_timer = 0;
  gtk_widget_set_visible (self->notice, FALSE);
  return G_SOURCE_REMOVE;
}

void
sk_window_show_notice (SkWindow *self, const char *sentence)
{
  g_clear_handle_id (&self->notice_timer, g_source_remove);
  set_label (self->notice, sentence);
  self->notice_timer = g_timeout_add_seconds (NOTICE_SECONDS, on_notice_is_old, self);
}

/* -- what the user does ---------------------------------------------------------------------------------- */

static void
on_again (GtkButton *button, gpointer data)
{
  SkWindow *self = data;
  self->actions.again (self->data);
}

static void
on_close (GtkButton *button, gpointer data)
{
  SkWindow *self = data;
  self->actions.closed (self->data);
}

static gboolean
on_close_request (GtkWindow *window, gpointer data)
{
  SkWindow *self = data;
  self->actions.closed (self->data);
  return TRUE;
}

static void
on_room (SkPicture *picture, int width, int height, int scale_percent, gpointer data)
{
  SkWindow *self = data;
  self->actions.room (width, height, scale_percent, self->data);
}

static void
on_painted (SkPicture *picture, gpointer data)
{
  SkWindow *self = data;
  self->actions.painted (self->data);
}

static void
toggle_fullscreen (SkWindow *self)
{
  if (gtk_window_is_fullscreen (self->window))
    gtk_window_unfullscreen (self->window);
  else
    gtk_window_fullscreen (self->window);
}

static void
on_fullscreen_changed (GObject *object, GParamSpec *spec, gpointer data)
{
  SkWindow *self = data;
  gtk_widget_set_visible (self->strip, gtk_window_is_fullscreen (self->window));
}

static gboolean
on_reserved_key (SkPicture *picture, guint keyval, gpointer data)
{
  SkWindow *self = data;
  if (keyval == GDK_KEY_Return || keyval == GDK_KEY_KP_Enter)
    toggle_fullscreen (self);
  else if (keyval == GDK_KEY_Home || keyval == GDK_KEY_KP_Home)
    {
      if (gtk_window_is_fullscreen (self->window))
        gtk_window_unfullscreen (self->window);
      gtk_widget_child_focus (gtk_window_get_titlebar (self->window), GTK_DIR_TAB_FORWARD);
    }
  else
    return FALSE;
  return TRUE;
}

/* Only reached when the picture has not got the focus: there every key but Ctrl+Alt combinations is the
 * guest's. */
static gboolean
on_window_key (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
               gpointer data)
{
  SkWindow *self = data;
  const GdkModifierType both = GDK_CONTROL_MASK | GDK_ALT_MASK;
  if (keyval == GDK_KEY_F11)
    {
      toggle_fullscreen (self);
      return TRUE;
    }
  return (state & both) == both && on_reserved_key (self->picture, keyval, self);
}

static void
on_drop (GPtrArray *paths, gpointer data)
{
  SkWindow *self = data;
  self->actions.files (paths, self->data);
}

static gboolean
on_paste (SkPicture *picture, gpointer data)
{
  return sk_drop_paste (GTK_WIDGET (picture), on_drop, data);
}

static void
on_header_action (SkHeaderAction action, const char *url, gpointer data)
{
  SkWindow *self = data;
  switch (action)
    {
    case SK_HEADER_OPEN_URL:
      self->actions.open_url (url, self->data);
      break;
    case SK_HEADER_FULLSCREEN:
      toggle_fullscreen (self);
      break;
    case SK_HEADER_LOCAL_INPUT_ON:
    case SK_HEADER_LOCAL_INPUT_OFF:
      sk_picture_set_local_input (self->picture, action == SK_HEADER_LOCAL_INPUT_ON);
      break;
    case SK_HEADER_SOUND_ON:
    case SK_HEADER_SOUND_OFF:
      self->actions.sound (action == SK_HEADER_SOUND_ON, self->data);
      break;
    case SK_HEADER_LARGE_TEXT_ON:
    case SK_HEADER_LARGE_TEXT_OFF:
      self->actions.large_text (action == SK_HEADER_LARGE_TEXT_ON, self->data);
      break;
    case SK_HEADER_SEND:
      self->actions.files (NULL, self->data);
      break;
    case SK_HEADER_END:
      self->actions.end (self->data);
      break;
    }
  gtk_widget_grab_focus (GTK_WIDGET (self->picture));
}

/* -- building -------------------------------------------------------------------------------------------- */

static GtkWidget *
add_label (GtkWidget *box, const char *css_class)
{
  GtkWidget *label = gtk_label_new (NULL);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_justify (GTK_LABEL (label), GTK_JUSTIFY_CENTER);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 48);
  gtk_widget_add_css_class (label, css_class);
  gtk_box_append (GTK_BOX (box), label);
  return label;
}

static GtkWidget *
add_button (GtkWidget *box, const char *text, GCallback callback, gpointer data)
{
  GtkWidget *button = gtk_button_new_with_label (text);
  g_signal_connect (button, "clicked", callback, data);
  gtk_box_append (GTK_BOX (box), button);
  return button;
}

static GtkWidget *
build_panel (SkWindow *self)
{
  GtkWidget *panel = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *buttons = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  gtk_widget_add_css_class (panel, "sekisho-panel");
  gtk_widget_set_halign (panel, GTK_ALIGN_CENTER);
  gtk_widget_set_valign (panel, GTK_ALIGN_CENTER);
  self->title = add_label (panel, "sekisho-title");
  self->detail = add_label (panel, "sekisho-detail");
  gtk_widget_set_halign (buttons, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (panel), buttons);
  self->again = add_button (buttons, sk_text_connect_again (), G_CALLBACK (on_again), self);
  self->close = add_button (buttons, sk_text_close (), G_CALLBACK (on_close), self);
  gtk_widget_add_css_class (self->again, "suggested-action");
  return panel;
}

static GtkWidget *
build_strip (void)
{
  g_autofree char *text = g_strdup_printf (
      SK_TR ("%s — Ctrl+Alt+Enter leaves full screen", "%s ― Ctrl+Alt+Enter で元の大きさに戻る"),
      sk_text_side ());
  GtkWidget *strip = gtk_label_new (text);
  gtk_widget_add_css_class (strip, "sekisho-strip");
  gtk_widget_set_visible (strip, FALSE);
  return strip;
}

static GtkWidget *
build_content (SkWindow *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *overlay = gtk_overlay_new ();
  gtk_widget_add_css_class (box, "sekisho-frame");
  self->strip = build_strip ();
  self->notice = gtk_label_new (NULL);
  gtk_label_set_wrap (GTK_LABEL (self->notice), TRUE);
  gtk_widget_add_css_class (self->notice, "sekisho-notice");
  gtk_widget_set_visible (self->notice, FALSE);
  self->panel = build_panel (self);
  gtk_overlay_set_child (GTK_OVERLAY (overlay), GTK_WIDGET (self->picture));
  gtk_overlay_add_overlay (GTK_OVERLAY (overlay), self->panel);
  gtk_widget_set_vexpand (overlay, TRUE);
  gtk_box_append (GTK_BOX (box), self->strip);
  gtk_box_append (GTK_BOX (box), self->notice);
  gtk_box_append (GTK_BOX (box), overlay);
  return box;
}

/* The size is the picture's; the window's own is larger by header bar, frame and decoration, which only GTK
 * knows. */
static void
ask_for_size (SkWindow *self, SkWindowState state)
{
  GtkWidget *picture = GTK_WIDGET (self->picture), *window = GTK_WIDGET (self->window);
  int width = 0, height = 0;
  gtk_widget_set_size_request (picture, (int) (state.width / state.scale),
                               (int) (state.height / state.scale));
  gtk_widget_measure (window, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &width, NULL, NULL);
  gtk_widget_measure (window, GTK_ORIENTATION_VERTICAL, width, NULL, &height, NULL, NULL);
  gtk_widget_set_size_request (picture, -1, -1);
  gtk_window_set_default_size (self->window, width, height);
  if (state.maximized)
    gtk_window_maximize (self->window);
}

static void
connect_signals (SkWindow *self)
{
  GtkEventController *keys = gtk_event_controller_key_new ();
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_window_key), self);
  gtk_widget_add_controller (GTK_WIDGET (self->window), keys);
  sk_drop_attach (GTK_WIDGET (self->window), on_drop, self);
  g_signal_connect (self->window, "close-request", G_CALLBACK (on_close_request), self);
  g_signal_connect (self->window, "notify::fullscreened", G_CALLBACK (on_fullscreen_changed), self);
  g_signal_connect (self->picture, "room-changed", G_CALLBACK (on_room), self);
  g_signal_connect (self->picture, "painted", G_CALLBACK (on_painted), self);
  g_signal_connect (self->picture, "reserved-key", G_CALLBACK (on_reserved_key), self);
  g_signal_connect (self->picture, "paste", G_CALLBACK (on_paste), self);
}

SkWindow *
sk_window_new (SkPixels *pixels, const SkWindowState *state, const SkWindowActions *actions, gpointer data)
{
  SkWindow *self = g_new0 (SkWindow, 1);
  self->actions = *actions;
  self->data = data;
  self->window = GTK_WINDOW (gtk_window_new ());
  self->picture = sk_picture_new (pixels);
  sk_style_apply (gtk_widget_get_display (GTK_WIDGET (self->window)));
  gtk_widget_add_css_class (GTK_WIDGET (self->window), "sekisho");
  /* Never anything of the guest's: a title is where people look for whom they talk to. */
  gtk_window_set_title (self->window, sk_text_title ());
  gtk_window_set_icon_name (self->window, "jp.sekisho.Desktop");
  /* F10 is the guest's: half-width letters in its input method. Here it would open the menu. */
  gtk_window_set_handle_menubar_accel (self->window, FALSE);
  self->header = sk_header_new (actions->sound != NULL, on_header_action, self);
  gtk_window_set_titlebar (self->window, self->header);
  gtk_window_set_child (self->window, build_content (self));
  gtk_window_set_focus (self->window, GTK_WIDGET (self->picture));
  ask_for_size (self, *state);
  connect_signals (self);
  return self;
}

void
sk_window_free (SkWindow *self)
{
  if (!self)
    return;
  g_clear_handle_id (&self->notice_timer, g_source_remove);
  sk_picture_set_client (self->picture, NULL);
  gtk_window_destroy (self->window);
  g_free (self);
}

void
sk_window_present (SkWindow *self, const char *token)
{
  if (token)
    gtk_window_set_startup_id (self->window, token);
  gtk_window_present (self->window);
  sk_timing_mark (SK_PHASE_WINDOW);
}

void
sk_window_hide (SkWindow *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->window), FALSE);
}

void
sk_window_set_large_text (SkWindow *self, gboolean large)
{
  sk_header_set_large_text (self->header, large);
}
