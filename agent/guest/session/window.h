/* Watches the X display for the browser's window: on screen, filling it, and painted. */
#pragma once
#include <gio/gio.h>

typedef struct _SkWindowWatch SkWindowWatch;

/* painted: called once, when a browser window fills the screen and shows a page. */
SkWindowWatch *sk_window_watch_new (void (*painted) (gpointer data), gpointer data, GError **error);
void sk_window_watch_free (SkWindowWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkWindowWatch, sk_window_watch_free)

/* Asks the window manager to let browser windows fill the screen (again): it keeps them maximised when the
 * screen changes, so this only mends. */
void sk_window_watch_maximise (SkWindowWatch *watch);

/* Whether a picture of 32-bit pixels shows more than one plain area: at least a few colours. */
gboolean sk_picture_is_painted (const guint32 *pixels, gsize n);
