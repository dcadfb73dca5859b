/* sekisho-view: see README.md. Makes its key, loads, closes its sandbox, then waits for job and viewer. */
#include "common/log.h"
#include "common/sandbox.h"
#include "rdp/library.h"
#include "rdp/view.h"
#include <unistd.h>

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int fd;
  gboolean verbose;
  sk_log_init ("sekisho-view");
  if (!sk_worker_parse_args (argc, argv, &fd, &verbose))
    return 64;
  SkView *view = sk_view_new ();
  view->worker = sk_worker_new (&sk_view_class, fd, verbose, view);
  if (!sk_library_init (view->worker, verbose, &error) || !sk_view_make_key (view, &error)
      || !sk_view_prepare (view, &error) || !sk_sandbox_close (&sk_view_cage, &error))
    {
      sk_err (NULL, "%s", error->message);
      return 69;
    }
  /* Threads still run: no destructors under them. */
  _exit (sk_worker_run (view->worker));
}
