#include "desktop/drop.h"

typedef struct
{
  SkDropFiles callback;
  gpointer data;
} Drop;

static GPtrArray *
paths_of (const GValue *value)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GSList) files = gdk_file_list_get_files (g_value_get_boxed (value));
  for (GSList *l = files; l; l = l->next)
    {
      char *path = g_file_get_path (l->data);
      if (path)
        g_ptr_array_add (paths, path);
    }
  return paths;
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, gpointer data)
{
  const Drop *drop = data;
  g_autoptr (GPtrArray) paths = paths_of (value);
  drop->callback (paths, drop->data);
  return TRUE;
}

static void
drop_free (gpointer data, GClosure *closure)
{
  g_free (data);
}

void
sk_drop_attach (GtkWidget *widget, SkDropFiles callback, gpointer data)
{
  Drop *drop = g_new (Drop, 1);
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  *drop = (Drop){ callback, data };
  g_signal_connect_data (target, "drop", G_CALLBACK (on_drop), drop, drop_free, 0);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (target));
}

/* -- pasted -----------------------------------------------------------------------------------------------
 */

typedef struct
{
  Drop drop;
  GtkWidget *widget;
} Paste;

static void
on_files (GObject *source, GAsyncResult *result, gpointer data)
{
  Paste *paste = data;
  const GValue *value = gdk_clipboard_read_value_finish (GDK_CLIPBOARD (source), result, NULL);
  /* A window that is gone wants nothing. */
  if (value && gtk_widget_get_realized (paste->widget))
    {
      g_autoptr (GPtrArray) paths = paths_of (value);
      paste->drop.callback (paths, paste->drop.data);
    }
  g_object_unref (paste->widget);
  g_free (paste);
}

gboolean
sk_drop_is_copied (GdkClipboard *clipboard)
{
  return gdk_content_formats_contain_gtype (gdk_clipboard_get_formats (clipboard), GDK_TYPE_FILE_LIST);
}

gboolean
sk_drop_paste (GtkWidget *widget, SkDropFiles callback, gpointer data)
{
  GdkClipboard *clipboard = gtk_widget_get_clipboard (widget);
  if (!sk_drop_is_copied (clipboard))
    return FALSE;
  Paste *paste = g_new (Paste, 1);
  *paste = (Paste){ { callback, data }, g_object_ref (widget) };
  gdk_clipboard_read_value_async (clipboard, GDK_TYPE_FILE_LIST, G_PRIORITY_DEFAULT, NULL, on_files, paste);
  return TRUE;
}
