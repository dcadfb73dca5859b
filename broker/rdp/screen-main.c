/* sekisho-screen: see README.md. Loads, closes its sandbox, then waits for its job. */
#include "common/log.h"
#include "common/sandbox.h"
#include "rdp/library.h"
#include "rdp/screen.h"
#include <unistd.h>

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int fd;
  gboolean verbose;
  sk_log_init ("sekisho-screen");
  if (!sk_worker_parse_args (argc, argv, &fd, &verbose))
    return 64;
  SkScreen *screen = sk_screen_new ();
  screen->worker = sk_worker_new (&sk_screen_class, fd, verbose, screen);
  if (!sk_library_init (screen->worker, verbose, &error) || !sk_screen_prepare (screen, &error)
      || !sk_sandbox_close (&sk_screen_cage, &error))
    {
      sk_err (NULL, "%s", error->message);
      return 69;
    }
  /* Threads still run: no destructors under them. */
  _exit (sk_worker_run (screen->worker));
}
