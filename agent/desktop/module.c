#include "desktop/module.h"
#include "common/error.h"
#include "desktop/desktop.h"
#include <dlfcn.h>

static char *
find_folder (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *dir = program ? g_path_get_dirname (program) : g_strdup ("/");
  g_autofree char *beside = g_build_filename (dir, SK_DESKTOP_MODULE, NULL);
  return g_file_test (beside, G_FILE_TEST_EXISTS) ? g_steal_pointer (&dir) : g_strdup (SK_MODULE_DIR);
}

const char *
sk_module_folder (void)
{
  static char *folder;
  if (g_once_init_enter (&folder))
    g_once_init_leave (&folder, find_folder ());
  return folder;
}

const char *
sk_module_player (void)
{
  static char *path;
  if (g_once_init_enter (&path))
    g_once_init_leave (&path, g_build_filename (sk_module_folder (), "sekisho-sound", NULL));
  return path;
}

gpointer
sk_module_open (const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (sk_module_folder (), name, NULL);
  gpointer module = dlopen (path, RTLD_LAZY | RTLD_LOCAL);
  if (!module)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, dlerror ());
  return module;
}
