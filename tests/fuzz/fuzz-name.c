/* A hostile path: refused, or safe for good. */
#include "common/name.h"
#include "fuzz.h"
#include <string.h>

static void
check (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  g_assert (g_utf8_validate (path, -1, NULL) && strlen (path) <= SK_NAME_PATH_MAX);
  g_assert (g_strv_length (parts) <= SK_NAME_DEPTH_MAX && !strpbrk (path, "<>:\"\\|?*"));
  for (char **part = parts; *part; part++)
    g_assert (**part && **part != '.' && strlen (*part) <= SK_NAME_COMPONENT_MAX);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *untrusted = g_strndup ((const char *) data, size);
  g_autofree char *once = sk_name_sanitise (untrusted, NULL);
  if (!once)
    return 0;
  check (once);
  g_autofree char *twice = sk_name_sanitise (once, NULL);
  g_assert (g_strcmp0 (once, twice) == 0);
  return 0;
}
