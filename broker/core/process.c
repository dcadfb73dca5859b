/* The real workers: sandboxed processes behind control sockets in RUNTIME/workers, three files each:
 *
 *   KIND-ID.sock  the control socket; the worker listens, so a restarted core finds it here
 *   KIND-ID.pid   "PID STARTTIME" of the process that was started (bubblewrap), to be able to end it
 *   KIND-ID.job   a view's "NUMBER SESSION", so that a restarted core knows whose it is
 *
 * The folder belongs to the core's user alone; what is in it is ours. What comes over the sockets is not:
 * every packet passes the wire's tables and a permit; a breach ends that worker. */
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "core/process.h"
#include "rdp/ring.h"
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Spawn to HELLO takes 0.2 s; a machine that needs this long is not going to serve anybody. */
#define HELLO_SECONDS 60
/* Asked to end; a view says good-bye to its viewer in far less. */
#define END_SECONDS 2
/* Lines of one worker that reach our log; the worker itself says at most 64 at once and one a second. */
#define LOG_LINES_MAX 1000
/* What bubblewrap or the dynamic linker may say before the control socket speaks. */
#define STDERR_MAX (8 * 1024)
/* jp106, as the image is set up (a Windows keyboard layout id). */
#define KEYBOARD_LAYOUT 0x00000411

struct _SkProcess
{
  SkWorker parent;
  char *base; /* path of its files without ending */
  int control, memory;
  const SkRingHeader *ring; /* read-only mapping of the header, hostile */
  GPid started;             /* bubblewrap, or the worker itself without the sandbox */
  guint64 started_at;       /* with it the pid cannot be mistaken for a later process's */
  guint watch, timer, death;
  guint state;
  SkPermit permit;
  guint lines;
  gboolean adopted;
  const char *why; /* it is about to die of this; static */
};
G_DEFINE_FINAL_TYPE (SkProcess, sk_process, SK_TYPE_WORKER)

static const SkMessageSpec *
table_of (SkProcess *self)
{
  return sk_worker_kind (SK_WORKER (self)) == SK_WORKER_SCREEN ? sk_control_screen_messages
                                                               : sk_control_view_messages;
}

static char *
file_of (SkProcess *self, const char *ending)
{
  return g_strconcat (self->base, ending, NULL);
}

/* -- the process --------------------------------------------------------------------------------------------
 */

/* Field 22 of /proc/PID/stat; with the pid it names one process of this boot for good. 0 when there is none.
 */
static guint64
start_time_of (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *text = NULL;
  if (pid <= 0 || !g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  const char *after = strrchr (text, ')');
  g_auto (GStrv) fields = after ? g_strsplit (after + 2, " ", 22) : NULL;
  return fields && g_strv_length (fields) > 19 ? g_ascii_strtoull (fields[19], NULL, 10) : 0;
}

static gboolean
write_pid_file (SkProcess *self, GError **error)
{
  g_autofree char *path = file_of (self, ".pid");
  g_autofree char *text
      = g_strdup_printf ("%d %" G_GUINT64_FORMAT "\n", (int) self->started, self->started_at);
  return g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

static void
read_pid_file (SkProcess *self)
{
  g_autofree char *path = file_of (self, ".pid");
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  g_auto (GStrv) words = g_strsplit (g_strstrip (text), " ", 2);
  GPid pid = words[0] ? (GPid) g_ascii_strtoll (words[0], NULL, 10) : 0;
  guint64 start = words[0] && words[1] ? g_ascii_strtoull (words[1], NULL, 10) : 0;
  if (start != 0 && start_time_of (pid) == start)
    {
      self->started = pid;
      self->started_at = start;
    }
}

static void
remove_files (SkProcess *self)
{
  static const char *endings[] = { ".sock", ".pid", ".job" };
  for (gsize i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *path = file_of (self, endings[i]);
      unlink (path);
    }
}

/* Killing bubblewrap alone would leave the worker: the worker first. */
static void
kill_process (SkProcess *self)
{
  if (self->started <= 0 || start_time_of (self->started) != self->started_at)
    return;
  GPid worker = sk_sandbox_worker_pid (self->started);
  if (worker > 0)
    kill (worker, SIGKILL);
  kill (self->started, SIGKILL);
}

/* Reaps a child whatever became of its handle. */
static void
on_child_exit (GPid pid, gint status, gpointer data)
{
  g_spawn_close_pid (pid);
}

/* -- dying --------------------------------------------------------------------------------------------------
 */

static void
let_go (SkProcess *self)
{
  g_clear_handle_id (&self->watch, g_source_remove);
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&self->death, g_source_remove);
  sk_clear_fd (&self->control);
}

static gboolean
on_death (gpointer data)
{
  g_autoptr (SkProcess) self = g_object_ref (data);
  self->death = 0; /* its source's reference goes when this returns */
  kill_process (self);
  let_go (self);
  remove_files (self);
  sk_worker_emit_died (SK_WORKER (self), self->why);
  return G_SOURCE_REMOVE;
}

/* The listener hears of it from the main loop, never from inside a call. */
static void
die_soon (SkProcess *self, const char *static_why)
{
  if (self->death || sk_worker_is_dead (SK_WORKER (self)))
    return;
  self->why = static_why;
  g_clear_handle_id (&self->watch, g_source_remove);
  self->death = g_idle_add_full (G_PRIORITY_DEFAULT, on_death, g_object_ref (self), g_object_unref);
}

static gboolean
on_hello_late (gpointer data)
{
  SkProcess *self = data;
  self->timer = 0;
  die_soon (self, "it did not start in time");
  return G_SOURCE_REMOVE;
}

static gboolean
on_end_late (gpointer data)
{
  g_autoptr (SkProcess) self = g_object_ref (data);
  self->timer = 0;
  die_soon (self, "it was told to end");
  return G_SOURCE_REMOVE;
}

/* -- what it says -------------------------------------------------------------------------------------------
 */

static gboolean
tell (SkProcess *self, const SkMessage *m, const int *fds, GError **error)
{
  if (self->control < 0 || self->death)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the worker has ended");
      return FALSE;
    }
  return sk_packet_send (self->control, table_of (self), m, fds, error);
}

static gboolean
is_fingerprint (const char *untrusted)
{
  return strlen (untrusted) == 64 && strspn (untrusted, "0123456789abcdef") == 64;
}

static const char *
check_hello (SkProcess *self, const SkMessage *m)
{
  gboolean is_view = sk_worker_kind (SK_WORKER (self)) == SK_WORKER_VIEW;
  if (m->n[0] != SK_CONTROL_VERSION)
    return "it is of another version";
  if (g_strcmp0 (m->s[0], is_view ? "view" : "screen") != 0 || (is_view && !is_fingerprint (m->s[1])))
    return "it is not what it should be";
  return m->n[2] && !self->adopted ? "it says that it has a job already" : NULL;
}

static void
take_hello (SkProcess *self, const SkMessage *m)
{
  const char *wrong = check_hello (self, m);
  gboolean busy = m->n[2] != 0;
  if (wrong)
    {
      die_soon (self, wrong);
      return;
    }
  self->state = busy ? SK_WORKER_BUSY : SK_WORKER_IDLE;
  if (busy && sk_worker_kind (SK_WORKER (self)) == SK_WORKER_SCREEN)
    {
      /* Ready when its memory is here. */
      const SkMessage ask = { .type = SK_SCREEN_GET_MEMORY };
      if (!tell (self, &ask, NULL, NULL))
        die_soon (self, "it ended");
      return;
    }
  g_clear_handle_id (&self->timer, g_source_remove);
  sk_worker_emit_ready (SK_WORKER (self), busy, m->s[1]);
}

static gboolean
map_memory (SkProcess *self, GError **error)
{
  void *p = mmap (NULL, SK_RING_PIXELS_OFFSET, PROT_READ, MAP_SHARED, self->memory, 0);
  if (p != MAP_FAILED)
    {
      self->ring = p;
      return TRUE;
    }
  g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "frame memory: %s", g_strerror (errno));
  return FALSE;
}

static void
take_memory (SkProcess *self, int *fds)
{
  if (self->memory >= 0 || !sk_fd_check_sealed_memory (fds[0], SK_RING_SIZE, NULL))
    {
      die_soon (self, "it gave a wrong frame memory");
      return;
    }
  self->memory = sk_steal_fd (&fds[0]);
  if (!map_memory (self, NULL))
    {
      die_soon (self, "its frame memory cannot be mapped");
      return;
    }
  g_clear_handle_id (&self->timer, g_source_remove);
  sk_worker_emit_ready (SK_WORKER (self), TRUE, "");
}

static void
take_log (SkProcess *self, const SkMessage *m)
{
  static const GLogLevelFlags levels[] = { G_LOG_LEVEL_CRITICAL, G_LOG_LEVEL_WARNING, G_LOG_LEVEL_MESSAGE,
                                           G_LOG_LEVEL_INFO, G_LOG_LEVEL_DEBUG };
  if (self->lines++ >= LOG_LINES_MAX)
    return;
  guint level = CLAMP ((guint) m->n[0], 3, 7) - 3;
  const char *kind = sk_worker_kind (SK_WORKER (self)) == SK_WORKER_SCREEN ? "screen" : "view";
  sk_log (levels[level], SK_FIELDS (kind, sk_worker_id (SK_WORKER (self))), "%s%s", m->s[0],
          self->lines == LOG_LINES_MAX ? " (it says too much: no more lines)" : "");
}

static void
take_message (SkProcess *self, const SkMessage *m, int *fds)
{
  switch (m->type)
    {
    case SK_CONTROL_HELLO:
      take_hello (self, m);
      break;
    case SK_CONTROL_LOG:
      take_log (self, m);
      break;
    case SK_SCREEN_STATE:
    case SK_VIEW_STATE:
      sk_worker_emit_state (SK_WORKER (self), (guint) m->n[0], (guint) m->n[1], m->s[0]);
      break;
    case SK_SCREEN_MEMORY:
      take_memory (self, fds);
      break;
    case SK_CONTROL_CLIP_OFFER:
      sk_worker_emit_clip (SK_WORKER (self), m->n[0], (guint) m->n[1], (guint) m->n[2],
                           sk_steal_fd (&fds[0]));
      break;
    case SK_VIEW_SCALE:
      sk_worker_emit_scale (SK_WORKER (self), (guint) m->n[0]);
      break;
    default: /* PONG */
      break;
    }
}

static gboolean
on_control (gint fd, GIOCondition condition, gpointer data)
{
  g_autoptr (SkProcess) self = g_object_ref (data);
  g_autoptr (GError) error = NULL;
  g_auto (SkMessage) m = { 0 };
  int fds[SK_PACKET_FDS_MAX];
  int got = sk_packet_receive (fd, table_of (self), SK_FROM_PEER, &m, fds, &error);
  if (got < 0 && g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT))
    return G_SOURCE_CONTINUE;
  if (got == 1 && sk_permit_check (&self->permit, table_of (self), &m, self->state, &error))
    take_message (self, &m, fds);
  for (guint i = 0; got == 1 && i < m.spec->n_fds; i++)
    sk_clear_fd (&fds[i]);
  if (got == 1 && !error)
    return self->watch ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
  if (error && error->code == SK_ERROR_PROTOCOL)
    sk_warn (SK_FIELDS ("worker", self->base), "broke the protocol: %s", error->message);
  self->watch = 0;
  die_soon (self, got == 0 || error->code == SK_ERROR_PEER_LOST ? "it ended" : "it broke the protocol");
  return G_SOURCE_REMOVE;
}

/* -- starting and adopting ----------------------------------------------------------------------------------
 */

static gboolean
open_control (SkProcess *self, GError **error)
{
  g_autofree char *path = file_of (self, ".sock");
  /* Nor does the connecting wait for a worker that hangs. */
  self->control = sk_fd_connect_unix (path, SOCK_SEQPACKET | SOCK_NONBLOCK, error);
  if (self->control < 0)
    return FALSE;
  self->watch = g_unix_fd_add (self->control, G_IO_IN | G_IO_HUP | G_IO_ERR, on_control, self);
  self->timer = g_timeout_add_seconds (HELLO_SECONDS, on_hello_late, self);
  return TRUE;
}

/* Early words of a worker, capped; the pipe's end is nobody's business once the control socket speaks. */
typedef struct
{
  char *name;
  gsize left;
} Stderr;

static gboolean
on_stderr (gint fd, GIOCondition condition, gpointer data)
{
  Stderr *from = data;
  char text[512];
  gssize n = read (fd, text, sizeof text - 1);
  if (n > 0 && (gsize) n <= from->left)
    {
      text[n] = '\0';
      from->left -= (gsize) n;
      sk_notice (SK_FIELDS ("worker", from->name), "%s", g_strchomp (text));
      return G_SOURCE_CONTINUE;
    }
  close (fd);
  g_free (from->name);
  g_free (from);
  return G_SOURCE_REMOVE;
}

static gboolean
spawn (SkProcess *self, const char *program, int listener, GError **error)
{
  const char *command[] = { program, "--control-fd", "3", NULL };
  g_auto (GStrv) argv = sk_sandbox_argv (command, error);
  const int target = 3;
  int errors[2];
  if (!argv || !g_unix_open_pipe (errors, FD_CLOEXEC, error))
    return FALSE;
  gboolean ok = g_spawn_async_with_pipes_and_fds (
      NULL, (const char *const *) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
      NULL, -1, -1, errors[1], &listener, &target, 1, &self->started, NULL, NULL, NULL, error);
  close (errors[1]);
  self->started_at = ok ? start_time_of (self->started) : 0;
  if (!ok)
    {
      close (errors[0]);
      return FALSE;
    }
  Stderr *from = g_new (Stderr, 1);
  *from = (Stderr){ g_path_get_basename (self->base), STDERR_MAX };
  g_unix_fd_add (errors[0], G_IO_IN | G_IO_HUP | G_IO_ERR, on_stderr, from);
  g_child_watch_add (self->started, on_child_exit, NULL);
  return TRUE;
}

static SkProcess *
process_new (const char *dir, SkWorkerKind kind, const char *id)
{
  SkProcess *self = g_object_new (SK_TYPE_PROCESS, NULL);
  sk_worker_set_identity (SK_WORKER (self), kind, id);
  self->base = g_strdup_printf ("%s/%s-%s", dir, kind == SK_WORKER_SCREEN ? "screen" : "view", id);
  return self;
}

SkProcess *
sk_process_spawn (const char *dir, const char *libexec_dir, SkWorkerKind kind, const char *id, GError **error)
{
  g_autoptr (SkProcess) self = process_new (dir, kind, id);
  g_autofree char *program
      = g_build_filename (libexec_dir, kind == SK_WORKER_SCREEN ? "sekisho-screen" : "sekisho-view", NULL);
  g_autofree char *path = file_of (self, ".sock");
  sk_autofd int listener = sk_fd_listen_unix (path, SOCK_SEQPACKET, error);
  if (listener >= 0 && spawn (self, program, listener, error) && write_pid_file (self, error)
      && open_control (self, error))
    return g_steal_pointer (&self);
  kill_process (self);
  remove_files (self);
  return NULL;
}

static void
read_job_file (SkProcess *self)
{
  g_autofree char *path = file_of (self, ".job");
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  g_auto (GStrv) words = g_strsplit (g_strstrip (text), " ", 2);
  if (words[0] && words[1])
    sk_worker_set_job (SK_WORKER (self), words[1], (guint) g_ascii_strtoull (words[0], NULL, 10));
}

SkProcess *
sk_process_adopt (const char *dir, SkWorkerKind kind, const char *id)
{
  g_autoptr (SkProcess) self = process_new (dir, kind, id);
  self->adopted = TRUE;
  read_pid_file (self);
  read_job_file (self);
  if (open_control (self, NULL))
    return g_steal_pointer (&self);
  kill_process (self);
  remove_files (self);
  return NULL;
}

/* -- the class ----------------------------------------------------------------------------------------------
 */

static gboolean
start_screen (SkWorker *worker, const SkScreenJob *job, GError **error)
{
  SkProcess *self = SK_PROCESS (worker);
  sk_autofd int port = sk_fd_connect_unix (job->rdp_socket, SOCK_STREAM | SOCK_NONBLOCK, error);
  if (port < 0 || !sk_fd_set_nonblocking (port, FALSE, error))
    return FALSE;
  sk_clear_fd (&self->memory);
  self->memory = sk_fd_new_sealed_memory ("sekisho-frames", SK_RING_SIZE, error);
  if (self->memory < 0 || !map_memory (self, error))
    return FALSE;
  const SkMessage m = { .type = SK_SCREEN_JOB,
                        .n = { job->width, job->height, KEYBOARD_LAYOUT },
                        .s = { (char *) job->user, (char *) job->password } };
  const int fds[] = { port, self->memory };
  if (!tell (self, &m, fds, error))
    return FALSE;
  self->state = SK_WORKER_BUSY;
  return TRUE;
}

static guint64
frames (SkWorker *worker)
{
  SkProcess *self = SK_PROCESS (worker);
  return self->ring ? *(volatile const guint64 *) &self->ring->frames : 0;
}

static void
remove_view (SkWorker *worker, guint number)
{
  const SkMessage m = { .type = SK_SCREEN_REMOVE_VIEW, .n = { number } };
  SkProcess *self = SK_PROCESS (worker);
  if (!tell (self, &m, NULL, NULL))
    die_soon (self, "it does not listen");
}

static void
end_worker (SkWorker *worker)
{
  const SkMessage m = { .type = SK_CONTROL_END };
  SkProcess *self = SK_PROCESS (worker);
  if (!tell (self, &m, NULL, NULL))
    {
      die_soon (self, "it was told to end");
      return;
    }
  self->state = SK_WORKER_ENDING;
  g_clear_handle_id (&self->timer, g_source_remove);
  /* With a reference of its own: who asked may let go of the handle, and the viewer still gets its good-bye.
   */
  self->timer = g_timeout_add_seconds_full (G_PRIORITY_DEFAULT, END_SECONDS, on_end_late, g_object_ref (self),
                                            g_object_unref);
}

static void
kill_worker (SkWorker *worker)
{
  SkProcess *self = SK_PROCESS (worker);
  kill_process (self);
  die_soon (self, "it was killed");
}

static void
clip_allow (SkWorker *worker, guint flags)
{
  const SkMessage m = { .type = SK_CONTROL_CLIP_ALLOW, .n = { flags } };
  SkProcess *self = SK_PROCESS (worker);
  g_autoptr (GError) error = NULL;
  if (!tell (self, &m, NULL, &error))
    sk_warn (SK_FIELDS ("worker", self->base), "clipboard: %s", error->message);
}

/* A socket that is full: its worker is stopped, or the contents came too fast; the next one is taken. */
static gboolean
clip_set (SkWorker *worker, const SkWorkerClip *clip)
{
  const SkMessage m = { .type = SK_CONTROL_CLIP_SET,
                        .n = { clip->number, clip->kind, clip->bytes, clip->once, clip->wipe_seconds } };
  SkProcess *self = SK_PROCESS (worker);
  g_autoptr (GError) error = NULL;
  if (tell (self, &m, &clip->fd, &error))
    return TRUE;
  sk_warn (SK_FIELDS ("worker", self->base), "clipboard: %s", error->message);
  return FALSE;
}

static int
worker_pid (SkWorker *worker)
{
  SkProcess *self = SK_PROCESS (worker);
  GPid inner = self->started > 0 ? sk_sandbox_worker_pid (self->started) : 0;
  return inner > 0 ? inner : self->started;
}

/* Dropping a handle leaves the process alone, unless it was told to end: then nobody else would see to it. */
static void
sk_process_dispose (GObject *object)
{
  SkProcess *self = SK_PROCESS (object);
  if (self->state == SK_WORKER_ENDING || self->death)
    {
      kill_process (self);
      remove_files (self);
    }
  let_go (self);
  G_OBJECT_CLASS (sk_process_parent_class)->dispose (object);
}

static void
sk_process_finalize (GObject *object)
{
  SkProcess *self = SK_PROCESS (object);
  if (self->ring)
    munmap ((void *) self->ring, SK_RING_PIXELS_OFFSET);
  sk_clear_fd (&self->memory);
  g_free (self->base);
  G_OBJECT_CLASS (sk_process_parent_class)->finalize (object);
}

static void
sk_process_class_init (SkProcessClass *klass)
{
  SkWorkerClass *worker = SK_WORKER_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = sk_process_dispose;
  G_OBJECT_CLASS (klass)->finalize = sk_process_finalize;
  worker->start_screen = start_screen;
  worker->frames = frames;
  worker->remove_view = remove_view;
  worker->end = end_worker;
  worker->kill = kill_worker;
  worker->pid = worker_pid;
  worker->clip_allow = clip_allow;
  worker->clip_set = clip_set;
}

static void
sk_process_init (SkProcess *self)
{
  self->control = self->memory = -1;
  self->state = SK_WORKER_FRESH;
}

/* -- joining a view to a screen -----------------------------------------------------------------------------
 */

static gboolean
write_job_file (SkProcess *view, guint number, const char *session, GError **error)
{
  g_autofree char *path = file_of (view, ".job");
  g_autofree char *text = g_strdup_printf ("%u %s\n", number, session);
  return g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

static guint
utc_minutes (void)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  return (guint) (SK_VIEW_UTC_ZERO + g_date_time_get_utc_offset (now) / G_TIME_SPAN_MINUTE);
}

static gboolean
give_job (SkProcess *view, guint number, const SkViewJob *job, const int *fds, int viewer_fd, GError **error)
{
  const SkMessage m = { .type = SK_VIEW_JOB,
                        .n = { job->width, job->height, job->flags, job->border_rgb, utc_minutes () },
                        .s = { (char *) job->session, (char *) job->border, (char *) job->watermark } };
  const SkMessage attach = { .type = SK_VIEW_ATTACH }, record = { .type = SK_VIEW_RECORD };
  if (job->record >= 0 && !tell (view, &record, &job->record, error))
    return FALSE;
  if (!write_job_file (view, number, job->session, error) || !tell (view, &m, fds, error))
    return FALSE;
  view->state = SK_WORKER_BUSY;
  sk_worker_set_job (SK_WORKER (view), job->session, number);
  return tell (view, &attach, &viewer_fd, error);
}

gboolean
sk_process_link (SkProcess *screen, SkProcess *view, guint number, const SkViewJob *job, int viewer_fd,
                 GError **error)
{
  int ends[2];
  sk_autofd int wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  sk_autofd int memory = screen->memory < 0 ? -1 : sk_fd_reopen_read_only (screen->memory, error);
  if (wake < 0 || memory < 0 || !g_unix_open_pipe (ends, FD_CLOEXEC, error))
    {
      if (error && !*error)
        g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the screen has no picture");
      return FALSE;
    }
  sk_autofd int input_read = ends[0], input_write = ends[1];
  const SkMessage add = { .type = SK_SCREEN_ADD_VIEW, .n = { number } };
  const int screen_fds[] = { input_read, wake }, view_fds[] = { memory, input_write, wake };
  if (!tell (screen, &add, screen_fds, error))
    return FALSE;
  if (give_job (view, number, job, view_fds, viewer_fd, error))
    return TRUE;
  remove_view (SK_WORKER (screen), number);
  return FALSE;
}
