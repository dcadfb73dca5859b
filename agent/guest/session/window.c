#include "window.h"
#include "common/error.h"
#include "common/log.h"
#include <string.h>
#include <xcb/xcb.h>

/* How often a window that is not painted yet is looked at: a look costs a copy of the picture. */
#define LOOK_EVERY_MS 250
/* A page that stays plain for so long is a plain page. */
#define PLAIN_PAGE_MS 120000
/* Toolbars of the browser: what is below belongs to the page. */
#define TOOLBAR_HEIGHT 120
/* Text and its smoothed edges have many colours, a blank page and a spinner have few. */
#define COLOURS_OF_A_PAGE 6
/* Windows looked at in the list of clients. */
#define WINDOWS_MAX 64
/* Bytes of a class or role that matter. */
#define TEXT_MAX 64

struct _SkWindowWatch
{
  xcb_connection_t *x;
  xcb_screen_t *screen;
  xcb_atom_t client_list, state, max_h, max_v, role;
  void (*painted) (gpointer data);
  gpointer data;
  guint look;
  gint64 first_seen;
};

gboolean
sk_picture_is_painted (const guint32 *pixels, gsize n)
{
  guint32 seen[COLOURS_OF_A_PAGE];
  gsize colours = 0;
  for (gsize i = 0; i < n; i++)
    {
      gsize k = 0;
      while (k < colours && seen[k] != (pixels[i] & 0xffffff))
        k++;
      if (k < colours)
        continue;
      seen[colours++] = pixels[i] & 0xffffff;
      if (colours == COLOURS_OF_A_PAGE)
        return TRUE;
    }
  return FALSE;
}

/* ---- asking X ---- */

static xcb_atom_t
atom (xcb_connection_t *x, const char *name)
{
  xcb_intern_atom_cookie_t cookie = xcb_intern_atom (x, 0, (guint16) strlen (name), name);
  g_autofree xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply (x, cookie, NULL);
  return reply ? reply->atom : XCB_ATOM_NONE;
}

static xcb_get_property_reply_t *
property (SkWindowWatch *watch, xcb_window_t window, xcb_atom_t name, guint words)
{
  xcb_get_property_cookie_t cookie = xcb_get_property (watch->x, 0, window, name, XCB_ATOM_ANY, 0, words);
  return xcb_get_property_reply (watch->x, cookie, NULL);
}

/* Whether a text property starts so. WM_CLASS is two strings, "chromium-browser" and "Chromium-browser". */
static gboolean
text_starts_with (SkWindowWatch *watch, xcb_window_t window, xcb_atom_t name, const char *wanted)
{
  g_autofree xcb_get_property_reply_t *reply = property (watch, window, name, TEXT_MAX / 4);
  return reply && reply->format == 8 && (gsize) xcb_get_property_value_length (reply) >= strlen (wanted)
         && strncmp (xcb_get_property_value (reply), wanted, strlen (wanted)) == 0;
}

static gboolean
is_browser (SkWindowWatch *watch, xcb_window_t window)
{
  return text_starts_with (watch, window, XCB_ATOM_WM_CLASS, "chromium")
         && text_starts_with (watch, window, watch->role, "browser");
}

static guint
list_windows (SkWindowWatch *watch, xcb_window_t *windows)
{
  g_autofree xcb_get_property_reply_t *reply
      = property (watch, watch->screen->root, watch->client_list, WINDOWS_MAX);
  if (!reply || reply->format != 32)
    return 0;
  guint n = (guint) xcb_get_property_value_length (reply) / 4;
  memcpy (windows, xcb_get_property_value (reply), n * 4);
  return n;
}

static gboolean
is_viewable (SkWindowWatch *watch, xcb_window_t window)
{
  xcb_get_window_attributes_cookie_t cookie = xcb_get_window_attributes (watch->x, window);
  g_autofree xcb_get_window_attributes_reply_t *reply
      = xcb_get_window_attributes_reply (watch->x, cookie, NULL);
  return reply && reply->map_state == XCB_MAP_STATE_VIEWABLE;
}

static gboolean
geometry (SkWindowWatch *watch, xcb_window_t window, guint *ret_width, guint *ret_height)
{
  xcb_get_geometry_cookie_t cookie = xcb_get_geometry (watch->x, window);
  g_autofree xcb_get_geometry_reply_t *reply = xcb_get_geometry_reply (watch->x, cookie, NULL);
  if (!reply)
    return FALSE;
  *ret_width = reply->width;
  *ret_height = reply->height;
  return TRUE;
}

static void
maximise (SkWindowWatch *watch, xcb_window_t window)
{
  /* EWMH: 1 = add the two states, source 1 = an application */
  xcb_client_message_event_t event = { .response_type = XCB_CLIENT_MESSAGE,
                                       .format = 32,
                                       .window = window,
                                       .type = watch->state,
                                       .data.data32 = { 1, watch->max_h, watch->max_v, 1, 0 } };
  xcb_send_event (watch->x, 0, watch->screen->root,
                  XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY,
                  (const char *) &event);
  xcb_flush (watch->x);
}

static gboolean
page_is_painted (SkWindowWatch *watch, xcb_window_t window, guint width, guint height)
{
  if (height <= TOOLBAR_HEIGHT)
    return FALSE;
  xcb_get_image_cookie_t cookie
      = xcb_get_image (watch->x, XCB_IMAGE_FORMAT_Z_PIXMAP, window, 0, TOOLBAR_HEIGHT, (guint16) width,
                       (guint16) (height - TOOLBAR_HEIGHT), ~0u);
  g_autofree xcb_get_image_reply_t *image = xcb_get_image_reply (watch->x, cookie, NULL);
  return image
         && sk_picture_is_painted ((const guint32 *) (const void *) xcb_get_image_data (image),
                                   (gsize) xcb_get_image_data_length (image) / 4);
}

/* ---- looking ---- */

/* A browser window that fills the screen and shows a page. */
static gboolean
is_ready (SkWindowWatch *watch, xcb_window_t window)
{
  guint width, height, full_width, full_height;
  if (!is_browser (watch, window) || !is_viewable (watch, window)
      || !geometry (watch, window, &width, &height)
      || !geometry (watch, watch->screen->root, &full_width, &full_height))
    return FALSE;
  if (!watch->first_seen)
    watch->first_seen = g_get_monotonic_time ();
  if (width < full_width || height < full_height)
    {
      maximise (watch, window);
      return FALSE;
    }
  return page_is_painted (watch, window, width, height)
         || g_get_monotonic_time () - watch->first_seen > PLAIN_PAGE_MS * 1000LL;
}

static gboolean
on_look (gpointer data)
{
  SkWindowWatch *watch = data;
  xcb_window_t windows[WINDOWS_MAX];
  guint n = list_windows (watch, windows);
  for (guint i = 0; i < n; i++)
    if (is_ready (watch, windows[i]))
      {
        watch->look = 0;
        watch->painted (watch->data);
        return G_SOURCE_REMOVE;
      }
  return G_SOURCE_CONTINUE;
}

void
sk_window_watch_maximise (SkWindowWatch *watch)
{
  xcb_window_t windows[WINDOWS_MAX];
  guint n = list_windows (watch, windows);
  for (guint i = 0; i < n; i++)
    if (is_browser (watch, windows[i]))
      maximise (watch, windows[i]);
}

SkWindowWatch *
sk_window_watch_new (void (*painted) (gpointer data), gpointer data, GError **error)
{
  xcb_connection_t *x = xcb_connect (NULL, NULL);
  if (xcb_connection_has_error (x))
    {
      xcb_disconnect (x);
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "no X display");
      return NULL;
    }
  SkWindowWatch *watch = g_new0 (SkWindowWatch, 1);
  watch->x = x;
  watch->screen = xcb_setup_roots_iterator (xcb_get_setup (x)).data;
  watch->client_list = atom (x, "_NET_CLIENT_LIST");
  watch->state = atom (x, "_NET_WM_STATE");
  watch->max_h = atom (x, "_NET_WM_STATE_MAXIMIZED_HORZ");
  watch->max_v = atom (x, "_NET_WM_STATE_MAXIMIZED_VERT");
  watch->role = atom (x, "WM_WINDOW_ROLE");
  watch->painted = painted;
  watch->data = data;
  watch->look = g_timeout_add (LOOK_EVERY_MS, on_look, watch);
  return watch;
}

void
sk_window_watch_free (SkWindowWatch *watch)
{
  if (!watch)
    return;
  g_clear_handle_id (&watch->look, g_source_remove);
  xcb_disconnect (watch->x);
  g_free (watch);
}
