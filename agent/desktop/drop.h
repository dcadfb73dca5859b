/* Files dropped onto a window from this desktop's file manager. Main thread. */
#pragma once
#include <gtk/gtk.h>

/* paths: char *, the callee's to keep by reference; empty when what was dropped is not on this computer. */
typedef void (*SkDropFiles) (GPtrArray *paths, gpointer data);
void sk_drop_attach (GtkWidget *widget, SkDropFiles callback, gpointer data);
