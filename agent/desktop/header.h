/* The header bar: on which side one is, a link to open, full screen, sound, end. Main thread. */
#pragma once
#include <gtk/gtk.h>

typedef enum
{
  SK_HEADER_OPEN_URL, /* with a normalised URL */
  SK_HEADER_FULLSCREEN,
  SK_HEADER_LARGE_TEXT_ON,
  SK_HEADER_LARGE_TEXT_OFF,
  SK_HEADER_LOCAL_INPUT_ON,
  SK_HEADER_LOCAL_INPUT_OFF,
  SK_HEADER_SOUND_ON,
  SK_HEADER_SOUND_OFF,
  SK_HEADER_SEND, /* files */
  SK_HEADER_END,
} SkHeaderAction;
typedef void (*SkHeaderCallback) (SkHeaderAction action, const char *url, gpointer data);

/* sound: the menu has a switch for it, on at first. */
GtkWidget *sk_header_new (gboolean sound, SkHeaderCallback callback, gpointer data);
/* Says so by the callback, too, if that changes it. */
void sk_header_set_large_text (GtkWidget *header, gboolean large);
