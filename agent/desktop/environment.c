/* Each of these saves tens of milliseconds of a click, or a wait of many seconds for a service that is not
 * there. */
#include "desktop/environment.h"

/* GDK would load a GL driver while it opens the display (100 ms and more in software), to draw one flat
 * picture. From 4.16 on the switch has another name. */
static void
turn_off_gl (void)
{
#if SK_GTK_MINOR >= 16
  g_setenv ("GDK_DISABLE", "gl,vulkan", FALSE);
#else
  g_setenv ("GDK_DEBUG", "gl-disable:vulkan-disable", FALSE);
#endif
  g_setenv ("GSK_RENDERER", "cairo", FALSE);
}

static gboolean
has_session_bus (void)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *socket = g_build_filename (runtime ? runtime : "/nonexistent", "bus", NULL);
  return g_getenv ("DBUS_SESSION_BUS_ADDRESS") || g_file_test (socket, G_FILE_TEST_EXISTS);
}

/* Without a bus GIO would start one with dbus-launch, and GTK would ask it for assistive technology. */
static void
do_without_bus (void)
{
  if (has_session_bus ())
    return;
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "disabled:", TRUE);
  g_setenv ("GTK_A11Y", "none", FALSE);
}

void
sk_environment_prepare (void)
{
  if (!g_getenv ("GSK_RENDERER"))
    turn_off_gl ();
  do_without_bus ();
  /* Files are none of our business: no gvfs. */
  g_setenv ("GIO_USE_VFS", "local", FALSE);
}
