/* The application: one link, one RDP connection, one window; and how news of the first two reach the third.
 *
 * Threads: everything here is the main thread. The link's and the client's threads only make a GSource ready;
 * what happened is then looked up. */
#include "desktop/app-private.h"
#include "common/error.h"
#include "common/i18n.h"
#include "desktop/address.h"
#include "desktop/timing.h"
#include <glib-unix.h>

/* A stream that showed a picture for so long had worked; its end is not a failure to connect. */
#define WORKED_US (5 * G_USEC_PER_SEC)

/* -- news from the threads ------------------------------------------------------------------------------- */

static gboolean
on_wake_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  g_source_set_ready_time (source, -1);
  return callback (data);
}

static GSourceFuncs wake_funcs = { .dispatch = on_wake_dispatch };

static void
on_link_news (SkLink *link, gpointer data)
{
  App *app = data;
  g_source_set_ready_time (app->wake, 0);
}

static void
on_client_news (SkRdpClient *client, gpointer data)
{
  App *app = data;
  g_source_set_ready_time (app->wake, 0);
}

/* -- the stream ------------------------------------------------------------------------------------------ */

/* Prepares FreeRDP on its own thread while there is nothing to connect to yet. */
static void
prepare_client (App *app)
{
  SkWindowState wished = sk_early_wished_state (app->options);
  if (!app->client)
    app->client = sk_rdp_client_new (app->pixels, wished.width, wished.height, on_client_news, app);
  sk_rdp_client_set_muted (app->client, app->muted);
}

static void
drop_client (App *app)
{
  if (app->window)
    sk_picture_set_client (sk_window_get_picture (app->window), NULL);
  if (app->clip)
    sk_desktop_clip_set_client (app->clip, NULL);
  g_clear_pointer (&app->client, sk_rdp_client_free);
  app->connected = app->alive = FALSE;
  app->asked_width = app->asked_height = 0;
}

static void
connect_client (App *app, SkRdpTarget *target)
{
  double scale = 1;
  int width = 0, height = 0;
  if (app->connected)
    drop_client (app);
  prepare_client (app);
  sk_picture_get_room (sk_window_get_picture (app->window), &width, &height, &scale);
  if (target->width <= 0 || target->height <= 0)
    {
      target->width = width > 0 ? width : SK_PICTURE_WIDTH;
      target->height = height > 0 ? height : SK_PICTURE_HEIGHT;
    }
  target->scale_percent = app->asked_scale = sk_large_text_percent (app->large_text, scale);
  target->player = sk_early_player (app->options);
  sk_picture_expect_first (sk_window_get_picture (app->window));
  app->connected = sk_rdp_client_connect (app->client, target, NULL);
  if (!app->connected)
    app_stream_lost (app);
}

static void
take_stream (App *app)
{
  g_autofree char *fingerprint = NULL;
  SkRdpTarget target = { .fd = -1 };
  if (!app->link)
    return;
  target.fd = sk_link_take_stream (app->link, &fingerprint, &target.width, &target.height);
  target.fingerprint = fingerprint;
  if (target.fd >= 0)
    connect_client (app, &target);
}

/* Developers only: no broker, no second try. */
static void
connect_direct (App *app)
{
  g_autoptr (GError) error = NULL;
  SkRdpTarget target = { .fd = sk_address_connect (app->options->rdp_address, &error),
                         .fingerprint = app->options->fingerprint };
  if (target.fd >= 0)
    connect_client (app, &target);
  else
    g_printerr ("sekisho: %s\n", error->message);
}

void
app_stream_lost (App *app)
{
  gint64 since = !app->client ? 0 : sk_rdp_client_get_time (app->client, SK_RDP_PICTURE);
  gboolean worked = since > 0 && g_get_monotonic_time () - since > WORKED_US;
  drop_client (app);
  if (app->link)
    sk_link_stream_lost (app->link, worked);
}

static void
on_alive (App *app)
{
  app->alive = TRUE;
  sk_picture_set_client (sk_window_get_picture (app->window), app->client);
  sk_desktop_clip_set_client (app->clip, app->client);
}

static void
look_at_client (App *app)
{
  g_autofree SkPointer *pointer = NULL;
  SkRdpState state = app->connected ? sk_rdp_client_get_state (app->client) : SK_RDP_PREPARING;
  if (state == SK_RDP_CLOSED)
    {
      app_stream_lost (app);
      return;
    }
  if (state != SK_RDP_PICTURE)
    return;
  if (!app->alive)
    on_alive (app);
  pointer = g_new (SkPointer, 1);
  if (sk_rdp_client_take_pointer (app->client, pointer))
    sk_picture_set_pointer (sk_window_get_picture (app->window), pointer);
  sk_desktop_clip_look (app->clip);
  app_follow_room (app);
  sk_picture_update (sk_window_get_picture (app->window));
}

/* -- size ------------------------------------------------------------------------------------------------ */

static gboolean
picture_fits (App *app)
{
  int width, height;
  sk_pixels_lock (app->pixels, &width, &height);
  sk_pixels_unlock (app->pixels);
  return width == app->room_width && height == app->room_height;
}

/* Asks the other side for a picture of the room there is, once for every room. */
void
app_follow_room (App *app)
{
  const int scale = sk_large_text_percent (app->large_text, app->room_scale / 100.0);
  if (!app->alive || app->room_width == 0 || !sk_rdp_client_can_resize (app->client))
    return;
  if (app->asked_width == app->room_width && app->asked_height == app->room_height
      && app->asked_scale == scale)
    return;
  gboolean as_connected = app->asked_width == 0 && app->asked_scale == scale;
  app->asked_width = app->room_width;
  app->asked_height = app->room_height;
  app->asked_scale = scale;
  if (as_connected && picture_fits (app))
    return;
  sk_rdp_client_resize (app->client, app->room_width, app->room_height, scale);
}

static void
on_room (int width, int height, int scale_percent, gpointer data)
{
  App *app = data;
  app->room_width = width & ~1; /* RDP wants even widths */
  app->room_height = height;
  app->room_scale = scale_percent;
  app_follow_room (app);
}

/* -- large text ------------------------------------------------------------------------------------------ */

static void
set_large_text (App *app, gboolean large)
{
  if (app->large_text == large)
    return;
  app->large_text = large;
  if (app->window)
    sk_window_set_large_text (app->window, large);
  app_follow_room (app);
}

static void
on_large_text (gboolean on, gpointer data)
{
  sk_large_text_save (on);
  set_large_text (data, on);
}

/* `sekisho open --large-text` beside this window. */
static void
on_large_text_file (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  set_large_text (data, sk_large_text_load ());
}

static void
watch_large_text (App *app)
{
  g_autofree char *name = sk_large_text_file ();
  g_autoptr (GFile) file = g_file_new_for_path (name);
  app->large_text_file = g_file_monitor_file (file, G_FILE_MONITOR_NONE, NULL, NULL);
  if (app->large_text_file)
    g_signal_connect (app->large_text_file, "changed", G_CALLBACK (on_large_text_file), app);
  /* Last, so that no change is between. */
  app->large_text = sk_large_text_load ();
}

/* -- what the window says -------------------------------------------------------------------------------- */

static void
show_link (App *app)
{
  g_auto (SkLinkView) view = { 0 };
  g_auto (SkText) text = { 0 };
  sk_link_look (app->link, &view);
  if (view.notice_serial != app->notice_serial)
    {
      app->notice_serial = view.notice_serial;
      app->ending = FALSE;
      sk_window_show_notice (app->window, view.notice);
    }
  if (app->ending && view.state == SK_LINK_ENDED)
    {
      app_close (app);
      return;
    }
  if (app->alive)
    {
      sk_window_show_text (app->window, NULL);
      return;
    }
  text = sk_text_for_link (&view);
  sk_window_show_text (app->window, &text);
}

/* FreeRDP could not be loaded or prepared: no stream will ever help. */
static gboolean
show_broken (App *app)
{
  if (!app->client || app->connected || sk_rdp_client_get_state (app->client) != SK_RDP_CLOSED)
    return FALSE;
  g_autoptr (GError) error = sk_rdp_client_get_error (app->client);
  g_auto (SkText) text = sk_text_for_broken (error ? error->message : "");
  sk_window_show_text (app->window, &text);
  return TRUE;
}

static void
show_direct (App *app)
{
  g_auto (SkText) text = { 0 };
  text.title
      = app->connected ? SK_TR ("Connecting…", "接続しています…") : SK_TR ("Disconnected", "切断されました");
  sk_window_show_text (app->window, app->alive ? NULL : &text);
}

static gboolean
on_news (gpointer data)
{
  App *app = data;
  if (!app->window || !app->open || show_broken (app))
    return G_SOURCE_CONTINUE;
  take_stream (app);
  look_at_client (app);
  if (app->link)
    show_link (app);
  else
    show_direct (app);
  return G_SOURCE_CONTINUE;
}

/* -- what the user does ---------------------------------------------------------------------------------- */

static void
on_again (gpointer data)
{
  App *app = data;
  if (app->client && sk_rdp_client_get_state (app->client) == SK_RDP_CLOSED)
    drop_client (app);
  prepare_client (app);
  if (app->link)
    sk_link_retry (app->link);
  else
    {
      connect_direct (app);
      on_news (app);
    }
}

static void
on_sound (gboolean on, gpointer data)
{
  App *app = data;
  app->muted = !on;
  if (app->client)
    sk_rdp_client_set_muted (app->client, app->muted);
}

static void
on_end (gpointer data)
{
  App *app = data;
  app->ending = TRUE;
  if (app->link && app->alive)
    sk_link_end_session (app->link);
  else
    app_close (app);
}

static gboolean
link_is_streaming (App *app)
{
  g_auto (SkLinkView) view = { 0 };
  sk_link_look (app->link, &view);
  return view.state == SK_LINK_STREAM;
}

/* A click while there is a window: in a running session the page opens there; otherwise the click is a new
 * try, which the broker answers with the user's own session if there is one. */
static void
on_open_url (const char *url, gpointer data)
{
  App *app = data;
  if (app->link && link_is_streaming (app))
    {
      if (url)
        sk_link_open_url (app->link, url);
      return;
    }
  app_click (app, url);
}

static void
on_files (GPtrArray *paths, gpointer data)
{
  app_send_files (data, paths);
}

static void
on_closed (gpointer data)
{
  app_close (data);
}

static void
on_painted (gpointer data)
{
  App *app = data;
  app_first_paint_is_done (app);
}

/* -- opening and closing --------------------------------------------------------------------------------- */

static void
make_window (App *app)
{
  const SkWindowActions actions = {
    .again = on_again,
    .sound = app->options->no_sound ? NULL : on_sound,
    .end = on_end,
    .open_url = on_open_url,
    .closed = on_closed,
    .room = on_room,
    .painted = on_painted,
    .large_text = on_large_text,
    .files = on_files,
  };
  SkWindowState wished = sk_early_wished_state (app->options);
  if (app->window)
    return;
  app->window = sk_window_new (app->pixels, &wished, &actions, app);
  app->clip = sk_desktop_clip_new (sk_window_get_gtk (app->window));
  sk_window_set_large_text (app->window, app->large_text);
}

static void
use_link (App *app, SkLink *link)
{
  g_clear_pointer (&app->link, sk_link_free);
  app->link = link;
  app->notice_serial = 0;
  sk_link_set_notify (link, on_link_news, app);
}

static SkLink *
new_link (App *app, const char *url)
{
  SkWindowState wished = sk_early_wished_state (app->options);
  const SkLinkRequest request = { .socket = app->options->socket,
                                  .pool = app->options->pool,
                                  .url = url,
                                  .width = wished.width,
                                  .height = wished.height };
  return sk_link_new (&request);
}

static void
show_window (App *app, const char *token)
{
  app->open = TRUE;
  app->ending = FALSE;
  make_window (app);
  on_news (app);
  sk_window_present (app->window, token);
}

void
app_click (App *app, const char *url)
{
  if (!app->open)
    sk_timing_restart ();
  if (app->connected)
    drop_client (app);
  prepare_client (app);
  if (app->window)
    sk_picture_expect_first (sk_window_get_picture (app->window));
  use_link (app, new_link (app, url));
}

static void
on_instance_open (const char *url, const char *token, gpointer data)
{
  App *app = data;
  if (app->open)
    on_open_url (url, app);
  else
    app_click (app, url);
  show_window (app, token);
}

void
app_activate (App *app, const char *url, const char *token)
{
  on_instance_open (url, token, app);
}

void
app_close (App *app)
{
  SkWindowState state;
  app->open = FALSE;
  if (app->window && sk_window_get_state (app->window, &state) && !app->options->width)
    sk_window_state_save (&state);
  if (app->window)
    sk_window_hide (app->window);
  g_clear_pointer (&app->link, sk_link_free);
  drop_client (app);
  if (app->resident)
    prepare_client (app);
  else
    g_main_loop_quit (app->loop);
}

/* The session stays; what has to be left in order is the window's size and the instance's socket. */
static gboolean
on_signal (gpointer data)
{
  App *app = data;
  app->resident = FALSE;
  app_close (app);
  return G_SOURCE_CONTINUE;
}

static void
app_clear (App *app)
{
  g_clear_pointer (&app->instance, sk_instance_free);
  app_files_stop (app);
  app_bus_stop (app);
  g_clear_pointer (&app->link, sk_link_free);
  drop_client (app);
  g_clear_object (&app->large_text_file);
  g_clear_pointer (&app->clip, sk_desktop_clip_free);
  g_clear_pointer (&app->window, sk_window_free);
  g_source_destroy (app->wake);
  g_source_unref (app->wake);
  sk_pixels_unref (app->pixels);
  g_main_loop_unref (app->loop);
}

/* What ran by itself while GTK was starting is ours from here on. */
static void
take_over (App *app, SkEarly *early)
{
  sk_early_finish (early);
  app->client = early->client;
  app->connected = early->connected;
  app->asked_scale = early->scale_percent;
  sk_rdp_client_set_notify (app->client, on_client_news, app);
  if (early->link)
    use_link (app, early->link);
}

static void
app_init (App *app, const SkDesktopStart *start)
{
  app->options = start->options;
  app->pixels = start->early->pixels;
  app->instance = start->instance;
  app->resident = start->options->command == SK_COMMAND_BACKGROUND;
  app->loop = g_main_loop_new (NULL, FALSE);
  app->wake = g_source_new (&wake_funcs, sizeof (GSource));
  /* Pictures before drawing (GDK's redraw priority is lower), after input. */
  g_source_set_priority (app->wake, G_PRIORITY_DEFAULT);
  g_source_set_callback (app->wake, on_news, app, NULL);
  g_source_attach (app->wake, NULL);
  g_unix_signal_add (SIGTERM, on_signal, app);
  g_unix_signal_add (SIGINT, on_signal, app);
  g_unix_signal_add (SIGHUP, on_signal, app);
}

int
sk_desktop_run (const SkDesktopStart *start)
{
  App app = { 0 };
  sk_timing_mark (SK_PHASE_GTK_LOADED);
  app_init (&app, start);
  g_set_prgname (APP_ID);   /* Wayland's app id: ties the window to the .desktop file */
  gtk_disable_setlocale (); /* done in main(), before there were threads */
  if (!gtk_init_check ())
    {
      g_printerr ("sekisho: %s\n",
                  SK_TR ("There is no desktop to open a window on (DISPLAY, WAYLAND_DISPLAY).",
                         "画面がありません（DISPLAY、WAYLAND_DISPLAY を確認してください）。"));
      take_over (&app, start->early);
      app_clear (&app);
      return sk_error_info_for_code (SK_ERROR_UNAVAILABLE)->exit_status;
    }
  if (app.instance)
    sk_instance_serve (app.instance, on_instance_open, &app);
  watch_large_text (&app);
  make_window (&app);
  take_over (&app, start->early);
  app_files_start (&app);
  if (app.resident)
    app_bus_start (&app);
  else
    show_window (&app, NULL);
  g_main_loop_run (app.loop);
  app_clear (&app);
  return 0;
}
