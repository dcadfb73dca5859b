/* What is pressed here, and what is therefore pressed there. Knows neither GTK nor FreeRDP; one thread.
 *
 * Every key that went down comes up again as what it went down as, even if layout or modifiers changed in
 * between, and all of them when the window loses the focus. */
#pragma once
#include <glib.h>

#define SK_KEYBOARD_KEYS 256

typedef struct
{
  void (*key) (guint scancode, gboolean down, gboolean repeat, gpointer data);
  void (*text) (const char *utf8, gpointer data);
  gpointer data;
  guint16 down[SK_KEYBOARD_KEYS]; /* scan code by Linux key code; 0 = up */
} SkKeyboard;

/* evdev: Linux key code. character: what the layout makes of it, 0 for nothing. shift: whether Shift counts
 * as held (also by sticky keys). Repeats come as further presses. */
void sk_keyboard_press (SkKeyboard *keyboard, guint evdev, gunichar character, gboolean shift);
void sk_keyboard_release (SkKeyboard *keyboard, guint evdev);
void sk_keyboard_release_all (SkKeyboard *keyboard);
