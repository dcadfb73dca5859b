/* A screen as it is, but for its job it runs the attack that the guest's user name names. */
#include "common/log.h"
#include "common/sandbox.h"
#include "owned.h"
#include "rdp/library.h"
#include "rdp/screen.h"
#include <unistd.h>

static gboolean
on_message (SkWorker *worker, const SkMessage *m, int *fds, gpointer data, GError **error)
{
  if (m->type != SK_SCREEN_JOB)
    return TRUE;
  const SkOwned owned = { .memory = fds[1], .viewer = -1 };
  /* A real core names its guest's user here, and nothing else that a test could choose. */
  if (!sk_owned_run (&owned, m->s[0]))
    {
      sk_owned_run (&owned, "lie-state-flood");
      sk_owned_run (&owned, "lie-other-kind");
    }
  sk_worker_finish (worker);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int fd;
  gboolean verbose;
  SkWorkerClass owned = sk_screen_class;
  owned.message = on_message;
  sk_log_init ("owned-screen");
  if (!sk_worker_parse_args (argc, argv, &fd, &verbose))
    return 64;
  SkScreen *screen = sk_screen_new ();
  screen->worker = sk_worker_new (&owned, fd, verbose, screen);
  if (!sk_library_init (screen->worker, verbose, &error) || !sk_screen_prepare (screen, &error)
      || !sk_sandbox_close (&sk_screen_cage, &error))
    {
      sk_err (NULL, "%s", error->message);
      return 69;
    }
  _exit (sk_worker_run (screen->worker));
}
