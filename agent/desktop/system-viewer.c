/* sekisho open --viewer=system: the distribution's FreeRDP client on our stream, as a fallback. The client
 * inherits the connected descriptor, so it needs no address and never sees the ticket. */
#include "desktop/commands.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "desktop/link.h"
#include "desktop/window-state.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

/* FreeRDP's own, newest first. */
static const char *const viewers[] = { "sdl-freerdp3", "sdl-freerdp", "xfreerdp3", "wlfreerdp3" };

static void
on_change (SkLink *link, gpointer data)
{
  eventfd_write (GPOINTER_TO_INT (data), 1);
}

static void
say (const SkLinkView *view, SkLinkState *last)
{
  if (view->state == *last && view->state != SK_LINK_QUEUED)
    return;
  *last = view->state;
  if (view->state == SK_LINK_QUEUED)
    fprintf (stderr, SK_TR ("Waiting: number %u\n", "順番待ち: %u 番目\n"), view->position);
  else if (view->state == SK_LINK_WAITING && view->error)
    fprintf (stderr, "sekisho: %s\n", view->error->message);
}

/* Until there is a stream. -1 with error when it was refused. */
static int
wait_for_stream (SkLink *link, int wake_fd, char **ret_fingerprint, int *ret_width, int *ret_height,
                 GError **error)
{
  SkLinkState last = SK_LINK_OPENING;
  for (;;)
    {
      g_auto (SkLinkView) view = { 0 };
      eventfd_t count;
      struct pollfd p = { wake_fd, POLLIN, 0 };
      sk_link_look (link, &view);
      say (&view, &last);
      int fd = sk_link_take_stream (link, ret_fingerprint, ret_width, ret_height);
      if (fd >= 0)
        return fd;
      if (view.state == SK_LINK_FAILED || view.state == SK_LINK_ENDED)
        {
          g_propagate_error (error, view.error ? g_steal_pointer (&view.error)
                                               : g_error_new_literal (SK_ERROR, SK_ERROR_PEER_LOST,
                                                                      view.reason ? view.reason : ""));
          return -1;
        }
      if (poll (&p, 1, -1) > 0)
        eventfd_read (wake_fd, &count);
    }
}

static void
keep_stream (gpointer data)
{
  fcntl (GPOINTER_TO_INT (data), F_SETFD, 0);
}

static int
run_viewer (const char *program, int fd, const char *fingerprint, int width, int height,
            const SkOptions *options, GError **error)
{
  g_autofree char *port = g_strdup_printf ("/port:%d", fd);
  g_autofree char *pin = g_strdup_printf ("/cert:deny,fingerprint:sha256:%s", fingerprint);
  g_autofree char *size = g_strdup_printf ("/size:%dx%d", MAX (width, 640), MAX (height, 480));
  g_autofree char *scale
      = g_strdup_printf ("/scale-desktop:%d", sk_large_text_percent (sk_large_text_load (), 1));
  g_autofree char *title = g_strconcat ("/title:", SK_TR ("Internet side", "インターネット側"), NULL);
  const char *argv[] = { program,
                         "/v:|",
                         port,
                         "/u:sekisho",
                         "/p:",
                         pin,
                         "/sec:tls",
                         scale,
                         title,
                         "/rfx",
                         "-clipboard",
                         options->no_sound ? "/audio-mode:2" : "/sound",
                         options->all_monitors ? "/multimon" : size,
                         options->all_monitors ? "/f" : "+dynamic-resolution",
                         NULL };
  int status = 0;
  if (!g_spawn_sync (NULL, (char **) argv, NULL,
                     G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_CHILD_INHERITS_STDIN, keep_stream,
                     GINT_TO_POINTER (fd), NULL, NULL, &status, error))
    return -1;
  return WIFEXITED (status) ? WEXITSTATUS (status) : 1;
}

static char *
find_viewer (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (viewers); i++)
    {
      char *path = g_find_program_in_path (viewers[i]);
      if (path)
        return path;
    }
  return NULL;
}

int
sk_command_system_viewer (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *program = find_viewer ();
  g_autofree char *fingerprint = NULL;
  int width = 0, height = 0;
  if (!program)
    {
      g_set_error_literal (
          &error, SK_ERROR, SK_ERROR_UNAVAILABLE,
          SK_TR ("No FreeRDP client is installed (packages freerdp3-x11, freerdp3-sdl).",
                 "FreeRDP クライアントがありません（パッケージ freerdp3-x11 か freerdp3-sdl）。"));
      return sk_command_fail (error);
    }
  sk_autofd int wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  const SkLinkRequest request = { .socket = options->socket,
                                  .pool = options->pool,
                                  .url = options->url,
                                  .width = options->width,
                                  .height = options->height };
  g_autoptr (SkLink) link = sk_link_new (&request);
  sk_link_set_notify (link, on_change, GINT_TO_POINTER (wake_fd));
  sk_autofd int fd = wait_for_stream (link, wake_fd, &fingerprint, &width, &height, &error);
  int status = fd < 0 ? -1 : run_viewer (program, fd, fingerprint, width, height, options, &error);
  /* No notifications to a closed eventfd. */
  sk_link_set_notify (link, NULL, NULL);
  return status < 0 ? sk_command_fail (error) : status;
}
