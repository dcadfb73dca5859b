#include "transfer-box.h"
#include "core/agent-link.h"
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  TransferBox box;
  GMainLoop *loop;
  SkAgentLink *link;
  SkSession *session;
} Host;

static void
on_hello (gpointer data)
{
  Host *host = data;
  puts ("hello");
  sk_transfers_guest_up (host->box.transfers, host->session->id);
}

static void
on_ready (const char *user, const char *password, gpointer data)
{
}

static void
on_browser (gpointer data)
{
}

static void
on_lost (const char *why, gpointer data)
{
  printf ("lost %s\n", why);
  g_main_loop_quit (((Host *) data)->loop);
}

static const SkAgentListener listener = { on_hello, on_ready, on_browser, on_lost };

static void
on_changed (SkTransfers *transfers, const char *id, gpointer data)
{
  const SkTransfer *row = sk_transfers_peek (transfers, id);
  if (row)
    printf ("state %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", id,
            sk_transfer_state_word (row->state), row->bytes, g_get_monotonic_time ());
}

static void
say_rss (void)
{
  g_autofree char *status = NULL;
  const char *line
      = g_file_get_contents ("/proc/self/status", &status, NULL, NULL) ? strstr (status, "VmHWM:") : NULL;
  printf ("rss %ld\n", line ? strtol (line + 6, NULL, 10) : -1);
}

static gboolean
on_command (gint fd, GIOCondition condition, gpointer data)
{
  char line[64];
  if (!fgets (line, sizeof line, stdin))
    {
      g_main_loop_quit (((Host *) data)->loop);
      return G_SOURCE_REMOVE;
    }
  if (strcmp (line, "rss\n") == 0)
    say_rss ();
  return G_SOURCE_CONTINUE;
}

static SkSession *
session_new (void)
{
  SkSession *session = g_new0 (SkSession, 1);
  session->id = g_uuid_string_random ();
  session->user = g_strdup ("hanako");
  session->uid = 1000;
  session->vm = g_uuid_string_random ();
  return session;
}

void
transfer_import (const char *state, const char *libexec, const char *policies, const char *socket)
{
  Host host = { .loop = g_main_loop_new (NULL, FALSE), .session = session_new () };
  setvbuf (stdin, NULL, _IONBF, 0);
  transfer_box_open (&host.box, state, libexec, policies);
  g_signal_connect (host.box.transfers, "changed", G_CALLBACK (on_changed), NULL);
  g_autofree char *folder = g_path_get_dirname (socket);
  /* guest_vm.py */
  g_autofree char *name = g_path_get_basename (folder);
  g_autofree char *bulk = g_build_filename ("/dev/shm", name, NULL);
  host.link = sk_agent_link_new (socket);
  sk_agent_link_set_bulk (host.link, bulk);
  sk_agent_link_set_listener (host.link, &listener, &host);
  sk_transfers_add_guest (host.box.transfers, host.session, host.link);
  sk_agent_link_set_running (host.link, TRUE);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_command, &host);
  g_main_loop_run (host.loop);
  sk_transfers_remove_guest (host.box.transfers, host.session->id);
  g_object_unref (host.link);
  transfer_box_close (&host.box);
  sk_session_free (host.session);
  g_main_loop_unref (host.loop);
}
