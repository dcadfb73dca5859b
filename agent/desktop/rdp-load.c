/* The backend, loaded on the client's thread: FreeRDP and what it needs take longer to load than the broker
 * takes to answer, and the main thread has GTK to load meanwhile. */
#include "desktop/module.h"
#include "desktop/rdp-shared.h"
#include <dlfcn.h>

#define BACKEND "sekisho-rdp.so"
/* Stand-ins for libraries that FreeRDP is linked with and we never call: see make-without. */
#define WITHOUT "without-"

static GPtrArray *
load_stand_ins (void)
{
  GPtrArray *loaded = g_ptr_array_new ();
  const char *folder = sk_module_folder ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name = dir ? g_dir_read_name (dir) : NULL; name; name = g_dir_read_name (dir))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      gboolean is_one = g_str_has_prefix (name, WITHOUT) && g_str_has_suffix (name, ".so");
      gpointer library = is_one ? dlopen (path, RTLD_LAZY | RTLD_LOCAL) : NULL;
      if (library)
        g_ptr_array_add (loaded, library);
    }
  return loaded;
}

/* A FreeRDP newer than the one they were made for may need more than they have. */
static gpointer
load_without_stand_ins (GPtrArray *loaded, GError **error)
{
  for (guint i = 0; i < loaded->len; i++)
    dlclose (g_ptr_array_index (loaded, i));
  return sk_module_open (BACKEND, error);
}

static SkRdpBackend
load (GError **error)
{
  SkRdpBackend run = NULL;
  g_autoptr (GPtrArray) stand_ins = load_stand_ins ();
  gpointer module = sk_module_open (BACKEND, NULL);
  if (!module)
    module = load_without_stand_ins (stand_ins, error);
  if (module)
    *(gpointer *) &run = dlsym (module, SK_RDP_BACKEND_ENTRY);
  if (module && !run)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, dlerror ());
  return run;
}

SkRdpBackend
sk_rdp_get_backend (GError **error)
{
  static GMutex mutex;
  static SkRdpBackend backend;
  g_mutex_lock (&mutex);
  if (!backend)
    backend = load (error);
  SkRdpBackend run = backend;
  g_mutex_unlock (&mutex);
  return run;
}
