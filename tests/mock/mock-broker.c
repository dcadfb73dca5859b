/* The real API on a socket over a core without VMs, for trying clients by hand and in tests:
 *
 *   mock-broker SOCKET [--images DIR --build-image PROGRAM]
 *
 * Obeys lines on stdin (ready N, serve, doctor JSON, drain, hold N USER NAME REASON, emit TYPE ID STATE TEXT,
 * audit FOLDER: a trail there with a few rows, tamper: one of them is changed) and answers each with "ok";
 * ends with its stdin. Attached viewers get everything back that they send. */
#include "api/server-private.h"
#include "common/log.h"
#include "mock/audit.h"
#include "mock/manager.h"
#include "mock/queue.h"
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  GMainLoop *loop;
  SkManager *manager;
  SkApiServer *server;
  MockAudit *audit;
  SkMockQueue *queue;
} Broker;

static gboolean
on_viewer (int fd, GIOCondition condition, gpointer data)
{
  char buffer[4096];
  gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0)
    return send (fd, buffer, (gsize) n, MSG_NOSIGNAL) == n;
  shutdown (fd, SHUT_RDWR);
  return G_SOURCE_REMOVE;
}

static gboolean
look_for_viewer (gpointer data)
{
  static int known = -1;
  int fd = sk_mock_manager_attached_fd (((Broker *) data)->manager);
  if (fd >= 0 && fd != known)
    g_unix_fd_add (known = fd, G_IO_IN, on_viewer, NULL);
  return G_SOURCE_CONTINUE;
}

static void
obey (Broker *broker, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 5);
  guint n = g_strv_length (words);
  if (n == 2 && strcmp (words[0], "ready") == 0)
    sk_mock_manager_set_ready (broker->manager, (guint) atoi (words[1]));
  else if (n == 1 && strcmp (words[0], "serve") == 0)
    sk_mock_manager_serve_queue (broker->manager);
  else if (n == 1 && strcmp (words[0], "drain") == 0)
    sk_mock_manager_finish_drain (broker->manager);
  else if (n > 1 && strcmp (words[0], "doctor") == 0)
    sk_mock_manager_set_doctor (broker->manager, line + strlen ("doctor "));
  else if (n == 2 && strcmp (words[0], "audit") == 0)
    {
      broker->audit = mock_audit_new (words[1]);
      broker->server->audit = mock_audit_trail (broker->audit);
    }
  else if (n == 1 && strcmp (words[0], "tamper") == 0)
    mock_audit_tamper (broker->audit);
  else if (n == 5 && strcmp (words[0], "hold") == 0)
    sk_mock_queue_hold (broker->queue, (guint) atoi (words[1]), words[2], words[3], words[4]);
  else if (n == 5 && strcmp (words[0], "emit") == 0)
    sk_mock_manager_emit (broker->manager, words[1], words[2], words[3], words[4]);
  printf ("ok\n");
  fflush (stdout);
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  Broker *broker = data;
  g_autofree char *line
      = g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (source), result, NULL, NULL);
  if (!line)
    {
      g_main_loop_quit (broker->loop);
      return;
    }
  obey (broker, line);
  g_data_input_stream_read_line_async (G_DATA_INPUT_STREAM (source), G_PRIORITY_DEFAULT, NULL, on_line,
                                       broker);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  SkApiOptions options = SK_API_OPTIONS_INIT;
  Broker broker = { .loop = g_main_loop_new (NULL, FALSE),
                    .manager = sk_mock_manager_new (),
                    .queue = sk_mock_queue_new () };
  g_autoptr (GInputStream) input = g_unix_input_stream_new (0, FALSE);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (input);

  sk_log_init ("mock-broker");
  options.socket_path = argc > 1 ? argv[1] : "api.sock";
  options.images_dir = argc > 3 ? argv[3] : NULL;
  options.build_image = argc > 5 ? argv[5] : NULL;
  sk_mock_queue_set_options (broker.queue, &options);
  broker.server = sk_api_server_new_full (broker.manager, &options, &error);
  if (!broker.server)
    {
      fprintf (stderr, "mock-broker: %s\n", error->message);
      return 1;
    }
  g_timeout_add (20, look_for_viewer, &broker);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, NULL, on_line, &broker);
  printf ("ok\n");
  fflush (stdout);
  g_main_loop_run (broker.loop);
  sk_api_server_free (broker.server);
  mock_audit_free (broker.audit);
  g_object_unref (broker.manager);
  sk_mock_queue_free (broker.queue);
  g_main_loop_unref (broker.loop);
  return 0;
}
