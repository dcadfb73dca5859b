/* A view as it is, but with its job it runs the attack that the border's text names. */
#include "common/log.h"
#include "common/sandbox.h"
#include "owned.h"
#include "rdp/library.h"
#include "rdp/view.h"
#include <unistd.h>

static gboolean
on_message (SkWorker *worker, const SkMessage *m, int *fds, gpointer data, GError **error)
{
  if (m->type != SK_VIEW_JOB)
    return TRUE;
  const SkOwned owned = { .memory = fds[0], .viewer = -1, .view = TRUE };
  sk_owned_run (&owned, m->s[1]);
  sk_worker_finish (worker);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int fd;
  gboolean verbose;
  SkWorkerClass owned = sk_view_class;
  owned.message = on_message;
  sk_log_init ("owned-view");
  if (!sk_worker_parse_args (argc, argv, &fd, &verbose))
    return 64;
  SkView *view = sk_view_new ();
  view->worker = sk_worker_new (&owned, fd, verbose, view);
  if (!sk_library_init (view->worker, verbose, &error) || !sk_view_make_key (view, &error)
      || !sk_view_prepare (view, &error) || !sk_sandbox_close (&sk_view_cage, &error))
    {
      sk_err (NULL, "%s", error->message);
      return 69;
    }
  _exit (sk_worker_run (view->worker));
}
