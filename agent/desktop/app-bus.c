/* org.freedesktop.Application on the session bus, for desktops that start programs that way. Registered after
 * the first picture: it costs round trips, and the click does not need it. */
#include "desktop/app-private.h"
#include "desktop/url.h"

static void
on_bus_activate (GApplication *bus, gpointer data)
{
  app_activate (data, NULL, NULL);
}

static void
on_bus_open (GApplication *bus, GFile **files, int n, const char *hint, gpointer data)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  for (int i = 0; i < n; i++)
    {
      char *path = g_file_get_path (files[i]);
      if (path)
        {
          g_ptr_array_add (paths, path);
          continue;
        }
      g_autofree char *uri = g_file_get_uri (files[i]);
      g_autofree char *url = sk_url_normalise (uri, NULL);
      if (url)
        app_activate (data, url, NULL);
    }
  if (paths->len)
    app_send_files (data, paths);
}

void
app_bus_start (App *app)
{
  g_autoptr (GError) error = NULL;
  /* Only the usual window has the name; one for another pool would answer for the wrong browser. */
  if (app->bus || app->options->pool || app->options->rdp_address)
    return;
  app->bus = g_application_new (APP_ID, G_APPLICATION_HANDLES_OPEN);
  g_signal_connect (app->bus, "activate", G_CALLBACK (on_bus_activate), app);
  g_signal_connect (app->bus, "open", G_CALLBACK (on_bus_open), app);
  if (!g_application_register (app->bus, NULL, &error) || g_application_get_is_remote (app->bus))
    g_clear_object (&app->bus);
  else
    app_files_add_actions (app);
}

void
app_bus_stop (App *app)
{
  g_clear_object (&app->bus);
}

static gboolean
on_quiet (gpointer data)
{
  app_bus_start (data);
  return G_SOURCE_REMOVE;
}

void
app_first_paint_is_done (App *app)
{
  g_idle_add_full (G_PRIORITY_LOW, on_quiet, app, NULL);
}
