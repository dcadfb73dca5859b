#include "desktop/drop.h"

typedef struct
{
  SkDropFiles callback;
  gpointer data;
} Drop;

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, gpointer data)
{
  const Drop *drop = data;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GSList) files = gdk_file_list_get_files (g_value_get_boxed (value));
  for (GSList *l = files; l; l = l->next)
    {
      char *path = g_file_get_path (l->data);
      if (path)
        g_ptr_array_add (paths, path);
    }
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
