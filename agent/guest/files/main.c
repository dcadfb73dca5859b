/* sekisho-files: files between the person's folders and the host. Started by sekisho-session. */
#include "common/log.h"
#include "files.h"
#include "notice.h"
#include <glib-unix.h>
#include <signal.h>

#define AGENT_SOCKET "/run/sekisho-agent/files.sock"

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  sk_log_init ("sekisho-files");
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGHUP, on_signal, loop);
  SkNotices *notices = sk_notices_new ();
  g_autoptr (SkFiles) files
      = sk_files_new (AGENT_SOCKET, g_get_home_dir (), sk_notices_show, notices, &error);
  if (!files)
    {
      sk_err (NULL, "%s", error->message);
      sk_notices_free (notices);
      return 1;
    }
  g_main_loop_run (loop);
  g_clear_pointer (&files, sk_files_free);
  sk_notices_free (notices);
  return 0;
}
