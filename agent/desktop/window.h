/* The one window: header bar, picture, and over it the sentences while there is no live picture. Main thread.
 */
#pragma once
#include "desktop/picture.h"
#include "desktop/text.h"
#include "desktop/window-state.h"

typedef struct
{
  void (*again) (gpointer data);                     /* [もう一度つなぐ] */
  void (*end) (gpointer data);                       /* end the session */
  void (*sound) (gboolean on, gpointer data);        /* NULL: there is none to switch */
  void (*open_url) (const char *url, gpointer data); /* normalised */
  void (*closed) (gpointer data);                    /* the user closed the window */
  void (*room) (int width, int height, int scale_percent, gpointer data);
  void (*painted) (gpointer data); /* see the picture's signal */
  void (*large_text) (gboolean on, gpointer data);
  void (*files) (GPtrArray *paths, gpointer data); /* dropped, char *; NULL: the user wants to choose some */
} SkWindowActions;

typedef struct _SkWindow SkWindow;

/* state: the size to start with. */
SkWindow *
sk_window_new (SkPixels *pixels, const SkWindowState *state, const SkWindowActions *actions, gpointer data);
void sk_window_free (SkWindow *window);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkWindow, sk_window_free)

/* token: the desktop's start-up or activation token, nullable. */
void sk_window_present (SkWindow *window, const char *token);
void sk_window_hide (SkWindow *window);
/* What the menu shows of it. */
void sk_window_set_large_text (SkWindow *window, gboolean large);
/* The text over the (faded) picture; NULL: none, the picture is alive. Copied. */
void sk_window_show_text (SkWindow *window, const SkText *text);
/* A line under the header bar that goes by itself. */
void sk_window_show_notice (SkWindow *window, const char *sentence);
SkPicture *sk_window_get_picture (SkWindow *window);
/* For windows that belong to it. */
GtkWindow *sk_window_get_gtk (SkWindow *window);
/* FALSE before the first allocation and in full screen: nothing to start with the next time. */
gboolean sk_window_get_state (SkWindow *window, SkWindowState *ret_state);
