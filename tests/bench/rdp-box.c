/* One screen and one view alone between any RDP server and any RDP client, without a broker: the smallest
 * core there can be. For measuring and for working on the two processes.
 *
 *   rdp-box --guest HOST:PORT --listen HOST:PORT|PATH [options]
 *
 * The screen connects at once and stays connected; each viewer gets a view that was started ahead. Ends with
 * its last connection or on SIGTERM; --keep: only on SIGTERM. */
#include "rdp-box.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "rdp/ring.h"
#include "wire/control.h"
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define VIEWS_MAX 8
#define DEFAULT_TEXT "インターネット側"
#define DEFAULT_COLOUR 0xc0392b

typedef struct _Box Box;

typedef struct
{
  Box *box;
  gboolean is_screen;
  GPid pid;
  char *path; /* of its control socket */
  int control;
  guint watch;
  gint64 spawned;
  guint32 number;
  gboolean ready;  /* said HELLO */
  gboolean in_use; /* view: has a viewer */
} Worker;

struct _Box
{
  GMainLoop *loop;
  char *folder;
  int memory;
  Worker *screen;
  GPtrArray *views;
  guint32 last_view;
  int status;
  gboolean announced, picture;
};

static char *guest, *listen_on, *user, *password, *size, *text, *watermark;
static char *workers = (char *) SK_WORKER_DIR;
static gboolean keep, verbose, no_border, fixed, sound, clipboard;
static char *crossing;
static gint layout = 0x411;
static guint width = 1920, height = 1080;

static const GOptionEntry options[] = {
  { "guest", 0, 0, G_OPTION_ARG_STRING, &guest, "RDP server to show", "HOST:PORT" },
  { "listen", 0, 0, G_OPTION_ARG_STRING, &listen_on, "Where viewers connect", "HOST:PORT|PATH" },
  { "user", 0, 0, G_OPTION_ARG_STRING, &user, "User of the guest", "U" },
  { "password", 0, 0, G_OPTION_ARG_STRING, &password, "Password of the guest", "P" },
  { "size", 0, 0, G_OPTION_ARG_STRING, &size, "Picture of the guest (1920x1080)", "WxH" },
  { "layout", 0, 0, G_OPTION_ARG_INT, &layout, "Keyboard layout (0x411)", "N" },
  { "text", 0, 0, G_OPTION_ARG_FILENAME, &text, "Text of the border", "TEXT" },
  { "watermark", 0, 0, G_OPTION_ARG_FILENAME, &watermark, "Name in the watermark (none)", "NAME" },
  { "no-border", 0, 0, G_OPTION_ARG_NONE, &no_border, "Draw no border", NULL },
  { "fixed", 0, 0, G_OPTION_ARG_NONE, &fixed, "The guest keeps its size", NULL },
  { "sound", 0, 0, G_OPTION_ARG_NONE, &sound, "Viewers may hear the guest", NULL },
  { "clipboard", 0, 0, G_OPTION_ARG_NONE, &clipboard, "Copies what either side copies, unseen", NULL },
  { "crossing", 0, 0, G_OPTION_ARG_FILENAME, &crossing,
    "... as transfers, by the rules in DIR/policies; SIGUSR1 approves", "DIR" },
  { "keep", 0, 0, G_OPTION_ARG_NONE, &keep, "Stay when the last viewer leaves", NULL },
  { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Say what happens", NULL },
  { "workers", 0, 0, G_OPTION_ARG_FILENAME, &workers, "Folder of sekisho-screen and sekisho-view", "DIR" },
  { 0 },
};

static void
stop (Box *b, int status)
{
  b->status = MAX (b->status, status);
  g_main_loop_quit (b->loop);
}

static const SkMessageSpec *
table_of (const Worker *w)
{
  return w->is_screen ? sk_control_screen_messages : sk_control_view_messages;
}

static void
tell (Worker *w, const SkMessage *m, const int *fds)
{
  g_autoptr (GError) error = NULL;
  if (!sk_packet_send (w->control, table_of (w), m, fds, &error))
    sk_warn (NULL, "%s: %s", w->path, error->message);
}

/* ---- workers ---- */

static gboolean on_control (gint fd, GIOCondition condition, gpointer data);
static void start_view (Box *b);

static void
free_worker (Worker *w)
{
  unlink (w->path);
  g_free (w->path);
  g_free (w);
}

static void
on_exit_status (GPid pid, gint status, gpointer data)
{
  Worker *w = data;
  Box *b = w->box;
  if (verbose || !w->in_use)
    sk_info (NULL, "%s ended, status %d", w->is_screen ? "screen" : "view", status);
  g_spawn_close_pid (pid);
  w->pid = 0;
  /* Its last words may not have been read yet. */
  const guint watch = w->watch;
  while (w->watch && on_control (w->control, G_IO_IN, w))
    ;
  if (watch)
    g_source_remove (watch);
  w->watch = 0;
  if (w->is_screen)
    {
      stop (b, 1);
      return;
    }
  const SkMessage gone = { .type = SK_SCREEN_REMOVE_VIEW, .n = { w->number } };
  if (w->in_use)
    tell (b->screen, &gone, NULL);
  const gboolean used = w->in_use;
  g_clear_handle_id (&w->watch, g_source_remove);
  sk_clear_fd (&w->control);
  g_ptr_array_remove (b->views, w);
  free_worker (w);
  if (!used)
    {
      stop (b, 1); /* a spare that does not live will not live next time */
      return;
    }
  guint left = 0;
  for (guint i = 0; i < b->views->len; i++)
    left += ((Worker *) b->views->pdata[i])->in_use;
  if (left == 0 && !keep)
    stop (b, 0);
}

static gboolean
spawn (Worker *w, const char *name, GError **error)
{
  g_autofree char *program = g_build_filename (workers, name, NULL);
  const char *command[] = { program, "--control-fd", "3", verbose ? "--verbose" : NULL, NULL };
  g_auto (GStrv) argv = sk_sandbox_argv (command, error);
  if (!argv)
    return FALSE;
  sk_autofd int listening = sk_fd_listen_unix (w->path, SOCK_SEQPACKET, error);
  if (listening < 0)
    return FALSE;
  const int target = 3;
  w->spawned = g_get_monotonic_time ();
  if (!g_spawn_async_with_pipes_and_fds (NULL, (const char *const *) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                         NULL, NULL, -1, -1, -1, &listening, &target, 1, &w->pid, NULL, NULL,
                                         NULL, error))
    return FALSE;
  g_child_watch_add (w->pid, on_exit_status, w);
  w->control = sk_fd_connect_unix (w->path, SOCK_SEQPACKET, error);
  if (w->control < 0)
    return FALSE;
  w->watch = g_unix_fd_add (w->control, G_IO_IN | G_IO_HUP, on_control, w);
  return TRUE;
}

static Worker *
start_worker (Box *b, gboolean is_screen)
{
  g_autoptr (GError) error = NULL;
  Worker *w = g_new0 (Worker, 1);
  w->box = b;
  w->is_screen = is_screen;
  w->control = -1;
  w->number = ++b->last_view;
  w->path = g_strdup_printf ("%s/%s-%u", b->folder, is_screen ? "screen" : "view", w->number);
  if (spawn (w, is_screen ? "sekisho-screen" : "sekisho-view", &error))
    return w;
  sk_err (NULL, "%s", error->message);
  stop (b, 1);
  return w;
}

static void
start_view (Box *b)
{
  g_ptr_array_add (b->views, start_worker (b, FALSE));
}

static void
allow_clipboard (Worker *w)
{
  const SkMessage allow = { .type = SK_CONTROL_CLIP_ALLOW, .n = { SK_CLIP_ALLOW_OFFER | SK_CLIP_ALLOW_SET } };
  if (clipboard || crossing)
    tell (w, &allow, NULL);
}

static void
on_clip_set (gboolean to_screen, const SkMessage *m, int fd, gpointer data)
{
  Box *b = data;
  if (to_screen)
    tell (b->screen, m, &fd);
  for (guint i = 0; !to_screen && i < b->views->len; i++)
    if (((Worker *) b->views->pdata[i])->in_use)
      tell (b->views->pdata[i], m, &fd);
}

static void
give_screen_its_job (Box *b)
{
  g_autoptr (GError) error = NULL;
  const int port = sk_box_relay_start (guest, &error);
  if (port < 0)
    {
      sk_err (NULL, "%s", error->message);
      stop (b, 1);
      return;
    }
  const SkMessage job = { .type = SK_SCREEN_JOB,
                          .n = { width, height, (guint) layout },
                          .s = { user ? user : (char *) "", password ? password : (char *) "" } };
  const int fds[] = { port, b->memory };
  tell (b->screen, &job, fds);
  allow_clipboard (b->screen);
  close (port);
}

/* ---- what workers say ---- */

static void
announce (Box *b)
{
  gboolean spare = FALSE;
  for (guint i = 0; i < b->views->len; i++)
    {
      const Worker *w = b->views->pdata[i];
      spare |= w->ready && !w->in_use;
    }
  if (b->announced || !b->picture || !spare)
    return;
  b->announced = TRUE;
  g_print ("rdp-box: ready\n");
}

static void
on_hello (Worker *w, const SkMessage *m)
{
  w->ready = TRUE;
  g_print ("rdp-box: %s %u hello after %.1f ms %s\n", m->s[0], w->number,
           (double) (g_get_monotonic_time () - w->spawned) / 1000, m->s[1]);
  if (w->is_screen)
    give_screen_its_job (w->box);
  announce (w->box);
}

static void
on_state (Worker *w, const SkMessage *m)
{
  static const char *const screen_words[] = { "", "connecting", "connected", "picture", "lost" };
  static const char *const view_words[] = { "", "handshake", "active", "picture", "closed" };
  const guint state = (guint) MIN (m->n[0], 4);
  g_print ("rdp-box: %s %u %s %u %s\n", w->is_screen ? "screen" : "view", w->number,
           w->is_screen ? screen_words[state] : view_words[state], (guint) m->n[1], m->s[0]);
  if (w->is_screen && state == SK_SCREEN_PICTURE)
    w->box->picture = TRUE;
  announce (w->box);
}

static gboolean
on_control (gint fd, GIOCondition condition, gpointer data)
{
  Worker *w = data;
  g_auto (SkMessage) m = { 0 };
  g_autoptr (GError) error = NULL;
  int fds[SK_PACKET_FDS_MAX];
  int got = sk_packet_receive (fd, table_of (w), SK_FROM_PEER, &m, fds, &error);
  if (got <= 0)
    {
      if (got < 0)
        sk_warn (NULL, "%s: %s", w->path, error->message);
      w->watch = 0;
      return G_SOURCE_REMOVE;
    }
  if (m.type == SK_CONTROL_HELLO)
    on_hello (w, &m);
  else if (m.type == SK_SCREEN_STATE || m.type == SK_VIEW_STATE)
    on_state (w, &m);
  else if (!w->is_screen && m.type == SK_VIEW_SCALE)
    g_print ("rdp-box: view %u scale %u\n", w->number, (guint) m.n[0]);
  else if (m.type == SK_CONTROL_CLIP_OFFER)
    sk_box_clip_offer (w->is_screen, &m, sk_steal_fd (&fds[0]));
  else if (m.type == SK_CONTROL_LOG && !verbose)
    sk_notice (NULL, "%s %u: %s", w->is_screen ? "screen" : "view", w->number, m.s[0]);
  for (guint i = 0; i < m.spec->n_fds; i++)
    sk_clear_fd (&fds[i]);
  return G_SOURCE_CONTINUE;
}

/* ---- viewers ---- */

static Worker *
spare_view (Box *b)
{
  for (guint i = 0; i < b->views->len; i++)
    {
      Worker *w = b->views->pdata[i];
      if (!w->in_use)
        return w;
    }
  return NULL;
}

static void
give_view_its_job (Box *b, Worker *w, int viewer)
{
  g_autoptr (GError) error = NULL;
  int pipe_fds[2];
  sk_autofd int read_only = sk_fd_reopen_read_only (b->memory, &error);
  sk_autofd int notify = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (read_only < 0 || notify < 0 || !g_unix_open_pipe (pipe_fds, FD_CLOEXEC, &error))
    {
      sk_err (NULL, "%s", error ? error->message : "eventfd");
      return;
    }
  w->in_use = TRUE;
  const SkMessage add = { .type = SK_SCREEN_ADD_VIEW, .n = { w->number } };
  const int screen_fds[] = { pipe_fds[0], notify };
  tell (b->screen, &add, screen_fds);
  const SkMessage job
      = { .type = SK_VIEW_JOB,
          .n = { 0, 0,
                 (no_border ? 0u : SK_VIEW_BORDER) | (fixed ? SK_VIEW_FIXED_SIZE : 0u)
                     | (sound ? SK_VIEW_SOUND : 0u),
                 DEFAULT_COLOUR, SK_VIEW_UTC_ZERO },
          .s = { (char *) "box", text ? text : (char *) DEFAULT_TEXT, watermark ? watermark : (char *) "" } };
  const int view_fds[] = { read_only, pipe_fds[1], notify };
  tell (w, &job, view_fds);
  allow_clipboard (w);
  const SkMessage attach = { .type = SK_VIEW_ATTACH };
  tell (w, &attach, &viewer);
  close (pipe_fds[0]);
  close (pipe_fds[1]);
  start_view (b);
}

static gboolean
on_viewer (gint fd, GIOCondition condition, gpointer data)
{
  Box *b = data;
  sk_autofd int viewer = accept4 (fd, NULL, NULL, SOCK_CLOEXEC);
  Worker *w = viewer >= 0 && b->views->len < VIEWS_MAX ? spare_view (b) : NULL;
  if (w)
    give_view_its_job (b, w, viewer);
  return G_SOURCE_CONTINUE;
}

/* ---- start and end ---- */

static gboolean
on_signal (gpointer data)
{
  stop (data, 0);
  return G_SOURCE_CONTINUE;
}

static void
end_worker (Worker *w)
{
  const SkMessage end = { .type = SK_CONTROL_END };
  if (w->control >= 0 && w->pid)
    tell (w, &end, NULL);
  unlink (w->path);
}

static gboolean
parse (int argc, char **argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- a screen and a view, without a broker");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (guest && listen_on && (!size || sscanf (size, "%ux%u", &width, &height) == 2)
      && sk_ring_size_is_valid (width, height))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "--guest and --listen are needed; see --help");
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Box b = { 0 };
  sk_log_init ("rdp-box");
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (!parse (argc, argv, &error))
    {
      g_printerr ("rdp-box: %s\n", error->message);
      return 64;
    }
  const int listening = sk_box_listen (listen_on, &error);
  b.memory = listening >= 0 ? sk_fd_new_sealed_memory ("frames", SK_RING_SIZE, &error) : -1;
  b.folder = g_dir_make_tmp ("rdp-box-XXXXXX", NULL);
  if (b.memory < 0 || !b.folder)
    {
      g_printerr ("rdp-box: %s\n", error ? error->message : "temporary folder");
      return 69;
    }
  b.loop = g_main_loop_new (NULL, FALSE);
  b.views = g_ptr_array_new ();
  g_unix_signal_add (SIGTERM, on_signal, &b);
  g_unix_signal_add (SIGINT, on_signal, &b);
  if (!sk_box_clip_start (crossing, on_clip_set, &b, &error))
    {
      g_printerr ("rdp-box: %s\n", error->message);
      return 69;
    }
  b.screen = start_worker (&b, TRUE);
  start_view (&b);
  g_unix_fd_add (listening, G_IO_IN, on_viewer, &b);
  if (b.status == 0)
    g_main_loop_run (b.loop);
  end_worker (b.screen);
  g_ptr_array_foreach (b.views, (GFunc) (void (*) (void)) end_worker, NULL);
  sk_box_clip_end ();
  rmdir (b.folder);
  return b.status;
}
