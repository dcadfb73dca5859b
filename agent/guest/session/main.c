/* sekisho-session: the person's session in the guest. Starts the window manager, the input method and the
 * browser, keeps them running, tells the agent when the browser is on screen, and opens the URLs the agent
 * passes on. Runs without any right; nothing outside the guest trusts it (see ../session.h). */
#include "../session.h"
#include "browser.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "sound.h"
#include "wire/agent.h"
#include "scale.h"
#include "window.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define AGENT_SOCKET "/run/sekisho-agent/session.sock"
#define LIBEXEC "/usr/libexec/sekisho"
#define CONNECT_AGAIN_MS 200
/* A program that ends is started again after this, so that one that cannot start does not eat the processor.
 */
#define START_AGAIN_MS 1000
/* The browser is of use before the input method is there; only a broken one takes longer than this. */
#define INPUT_METHOD_MS 30000
#define LINE_MAX_BYTES (SK_URL_MAX + 64)

typedef struct
{
  int agent; /* socket, or -1 */
  GString *line;
  SkWindowWatch *watch;
  SkScale *scale; /* NULL: X would not have it */
  char *profile;
  gboolean painted, input_method;
  SkGuestSound *sound;
  gboolean sound_tried, services_started;
} Desktop;

typedef struct
{
  const char *name;
  gboolean keep; /* started again when it ends */
  const char *argv[3];
} Program;

static const Program programs[] = {
  { "openbox", TRUE, { "openbox", "--sm-disable" } },
  { "browser", TRUE, { LIBEXEC "/browser" } },
  { "fcitx5", TRUE, { "fcitx5" } },
  /* Started by the first conversion otherwise: the person would wait for it. */
  { "mozc", FALSE, { "/usr/lib/mozc/mozc_server" } },
};

/* Last, when a browser is on screen: nobody hears anything before, nor has a file, nor copies. */
static const Program sound_server = { "sound", TRUE, { LIBEXEC "/sound-server" } };
static const Program file_service = { "files", TRUE, { LIBEXEC "/sekisho-files" } };
static const Program clipboard = { "clip", TRUE, { LIBEXEC "/sekisho-clip" } };

/* ---- programs ---- */

static gboolean program_start (gpointer data);

static void
on_ended (GPid pid, int status, gpointer data)
{
  const Program *program = data;
  sk_info (SK_FIELDS ("program", program->name), "ended, status %d", status);
  g_spawn_close_pid (pid);
  if (program->keep)
    g_timeout_add (START_AGAIN_MS, program_start, data);
}

static gboolean
program_start (gpointer data)
{
  const Program *program = data;
  g_autoptr (GError) error = NULL;
  GPid pid;
  if (g_spawn_async (NULL, (char **) program->argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                     NULL, NULL, &pid, &error))
    g_child_watch_add (pid, on_ended, data);
  else
    sk_warn (SK_FIELDS ("program", program->name), "%s", error->message);
  return G_SOURCE_REMOVE;
}

/* ---- readiness ---- */

static void
say (Desktop *desktop, const char *line)
{
  if (desktop->agent >= 0 && send (desktop->agent, line, strlen (line), MSG_NOSIGNAL) < 0)
    sk_warn (NULL, "agent: %s", g_strerror (errno));
}

static void
start_sound (Desktop *desktop)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *server = sk_guest_sound_server ();
  g_autofree char *pipe = g_build_filename (g_get_user_runtime_dir (), "sound", NULL);
  if (desktop->sound_tried || !server)
    return;
  desktop->sound_tried = TRUE;
  desktop->sound = sk_guest_sound_new (pipe, server, &error);
  if (desktop->sound)
    program_start ((gpointer) &sound_server);
  else
    sk_warn (NULL, "sound: %s", error->message);
}

static void
start_services (Desktop *desktop)
{
  if (desktop->services_started)
    return;
  desktop->services_started = TRUE;
  program_start ((gpointer) &file_service);
  program_start ((gpointer) &clipboard);
}

static void
say_ready (Desktop *desktop)
{
  if (!desktop->painted || !desktop->input_method)
    return;
  say (desktop, "browser-ready\n");
  start_sound (desktop);
  start_services (desktop);
}

static gboolean
on_input_method_late (gpointer data)
{
  Desktop *desktop = data;
  if (!desktop->input_method)
    sk_warn (NULL, "no input method yet");
  desktop->input_method = TRUE;
  say_ready (desktop);
  return G_SOURCE_REMOVE;
}

static void
on_painted (gpointer data)
{
  Desktop *desktop = data;
  desktop->painted = TRUE;
  say_ready (desktop);
  if (!desktop->input_method)
    g_timeout_add (INPUT_METHOD_MS, on_input_method_late, desktop);
}

static void
on_input_method (GDBusConnection *bus, const char *name, const char *owner, gpointer data)
{
  Desktop *desktop = data;
  gboolean first = !desktop->input_method;
  desktop->input_method = TRUE;
  if (first)
    say_ready (desktop);
}

/* ---- URLs ---- */

typedef struct
{
  Desktop *desktop;
  char *id, *url, *profile, *answer;
} Opening;

static gboolean
on_opened (gpointer data)
{
  Opening *opening = data;
  say (opening->desktop, opening->answer);
  g_free (opening->id);
  g_free (opening->url);
  g_free (opening->profile);
  g_free (opening->answer);
  g_free (opening);
  return G_SOURCE_REMOVE;
}

/* Not in the main loop: a busy browser answers after seconds. */
static gpointer
open_thread (gpointer data)
{
  Opening *opening = data;
  g_autoptr (GError) error = NULL;
  gboolean ok = sk_browser_open_url (opening->profile, opening->url, &error);
  if (!ok)
    {
      /* No browser at the moment, or one that changed its ways: start it the ordinary way. */
      char *argv[] = { (char *) LIBEXEC "/browser", opening->url, NULL };
      g_clear_error (&error);
      ok = g_spawn_async (NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &error);
    }
  opening->answer = g_strdup_printf ("opened %s %d %s\n", opening->id, ok, ok ? "opened" : error->message);
  g_idle_add (on_opened, opening);
  return NULL;
}

static void
handle_open (Desktop *desktop, const char *id, const char *url)
{
  if (!sk_url_is_acceptable (url))
    {
      g_autofree char *refusal = g_strdup_printf ("opened %s 0 not an address\n", id);
      say (desktop, refusal);
      return;
    }
  Opening *opening = g_new0 (Opening, 1);
  opening->desktop = desktop;
  opening->id = g_strdup (id);
  opening->url = g_strdup (url);
  opening->profile = g_strdup (desktop->profile);
  g_thread_unref (g_thread_new ("open", open_thread, opening));
}

static void
handle_line (Desktop *desktop, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  guint n = g_strv_length (words);
  if (n == 3 && g_str_equal (words[0], "open"))
    handle_open (desktop, words[1], words[2]);
  else if (n == 3 && g_str_equal (words[0], "size"))
    sk_window_watch_maximise (desktop->watch);
  else if (n == 2 && g_str_equal (words[0], "scale") && desktop->scale)
    sk_scale_set (desktop->scale, (guint) g_ascii_strtoull (words[1], NULL, 10));
}

/* ---- the agent ---- */

static gboolean on_connect (gpointer data);

static void
agent_lost (Desktop *desktop)
{
  sk_clear_fd (&desktop->agent);
  g_string_truncate (desktop->line, 0);
  g_timeout_add (CONNECT_AGAIN_MS, on_connect, desktop);
}

static gboolean
on_agent_readable (int fd, GIOCondition condition, gpointer data)
{
  Desktop *desktop = data;
  char buffer[4096];
  gssize n = recv (fd, buffer, sizeof buffer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0 || desktop->line->len > LINE_MAX_BYTES)
    {
      agent_lost (desktop);
      return G_SOURCE_REMOVE;
    }
  g_string_append_len (desktop->line, buffer, n);
  char *end;
  while ((end = memchr (desktop->line->str, '\n', desktop->line->len)))
    {
      g_autofree char *line = g_strndup (desktop->line->str, (gsize) (end - desktop->line->str));
      g_string_erase (desktop->line, 0, (gssize) strlen (line) + 1);
      handle_line (desktop, line);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_connect (gpointer data)
{
  Desktop *desktop = data;
  desktop->agent = sk_fd_connect_unix (AGENT_SOCKET, SOCK_STREAM, NULL);
  if (desktop->agent < 0)
    return G_SOURCE_CONTINUE;
  if (!sk_fd_set_nonblocking (desktop->agent, TRUE, NULL))
    sk_warn (NULL, "agent: cannot set non-blocking");
  g_unix_fd_add (desktop->agent, G_IO_IN, on_agent_readable, desktop);
  say_ready (desktop);
  return G_SOURCE_REMOVE;
}

/* ---- life ---- */

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
  Desktop desktop = { .agent = -1, .line = g_string_new (NULL) };
  sk_log_init ("sekisho-session");
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGHUP, on_signal, loop);

  desktop.profile = g_build_filename (g_get_user_config_dir (), "chromium", NULL);
  desktop.watch = sk_window_watch_new (on_painted, &desktop, &error);
  if (!desktop.watch)
    {
      sk_err (NULL, "%s", error->message);
      return 1;
    }
  desktop.scale = sk_scale_new (&error);
  if (!desktop.scale)
    sk_warn (NULL, "scale: %s", error->message);
  for (gsize i = 0; i < G_N_ELEMENTS (programs); i++)
    program_start ((gpointer) &programs[i]);
  guint name = g_bus_watch_name (G_BUS_TYPE_SESSION, "org.fcitx.Fcitx5", G_BUS_NAME_WATCHER_FLAGS_NONE,
                                 on_input_method, NULL, &desktop, NULL);
  g_timeout_add (CONNECT_AGAIN_MS, on_connect, &desktop);
  g_main_loop_run (loop);

  g_bus_unwatch_name (name);
  sk_scale_free (desktop.scale);
  sk_window_watch_free (desktop.watch);
  sk_guest_sound_free (desktop.sound);
  sk_clear_fd (&desktop.agent);
  g_string_free (desktop.line, TRUE);
  g_free (desktop.profile);
  return 0;
}
