/* Files dropped onto a window from this desktop's file manager, or copied there and pasted. Main thread. */
#pragma once
#include <gtk/gtk.h>

/* paths: char *, the callee's to keep by reference; empty when what was dropped is not on this computer. */
typedef void (*SkDropFiles) (GPtrArray *paths, gpointer data);
void sk_drop_attach (GtkWidget *widget, SkDropFiles callback, gpointer data);
/* TRUE: files are what was copied last, and the callback hears of them. */
gboolean sk_drop_paste (GtkWidget *widget, SkDropFiles callback, gpointer data);
/* Files, which file managers copy with their names as a text. */
gboolean sk_drop_is_copied (GdkClipboard *clipboard);
