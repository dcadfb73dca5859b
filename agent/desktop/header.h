/* The header bar: on which side one is, a link to open, full screen, end. Main thread. */
#pragma once
#include <gtk/gtk.h>

typedef enum
{
  SK_HEADER_OPEN_URL, /* with a normalised URL */
  SK_HEADER_FULLSCREEN,
  SK_HEADER_LOCAL_INPUT_ON,
  SK_HEADER_LOCAL_INPUT_OFF,
  SK_HEADER_END,
} SkHeaderAction;
typedef void (*SkHeaderCallback) (SkHeaderAction action, const char *url, gpointer data);

GtkWidget *sk_header_new (SkHeaderCallback callback, gpointer data);
