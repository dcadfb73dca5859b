#include "agent.h"
#include "common/log.h"
#include "relay.h"
#include <glib-unix.h>
#include <signal.h>

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
  sk_log_init ("sekisho-agent");
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGINT, on_signal, loop);

  g_autoptr (SkAgent) agent = sk_agent_new (&sk_agent_machine, &error);
  if (!agent)
    {
      sk_err (NULL, "%s", error->message);
      return 1;
    }
  g_autoptr (SkRelay) relay = sk_relay_new (NULL, sk_agent_machine.tcp_port);
  g_main_loop_run (loop);
  return 0;
}
