#include "inspect/inspector.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "common/name.h"
#include "common/sandbox.h"
#include "inspect/result.h"
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>

typedef struct
{
  GPid started; /* bubblewrap, or the worker itself without the sandbox; 0 when it has been reaped */
  int control;
} Worker;

struct _SkInspector
{
  char *program;
  guint spares_wanted, deadline, refill;
  GQueue spares;  /* Worker, g_rc_box */
  GQueue running; /* Run */
  GQueue waiting; /* Run */
};

typedef struct
{
  SkInspector *inspector;
  GTask *task;
  SkInspectKind kind;
  char *profile, *name;
  guint64 bytes_max;
  int in, out;
  Worker *worker;
  guint watch, deadline;
  GSource *cancel;
} Run;

static void start_waiting (SkInspector *self);

/* -- workers ----------------------------------------------------------------------------------------------
 */

static void
on_child_exit (GPid pid, gint status, gpointer data)
{
  Worker *w = data;
  g_spawn_close_pid (pid);
  w->started = 0;
  g_rc_box_release (w);
}

/* Killing bubblewrap alone would leave the worker: the worker first. */
static void
worker_end (Worker *w)
{
  const GPid inner = w->started > 0 ? sk_sandbox_worker_pid (w->started) : 0;
  sk_clear_fd (&w->control);
  if (inner > 0)
    kill (inner, SIGKILL);
  if (w->started > 0)
    kill (w->started, SIGKILL);
  g_rc_box_release (w);
}

/* Not g_spawn: it forks, and after that the core's next content pays for every page that it touches. The
 * child has this one descriptor and nothing at the usual three. */
static gboolean
spawn (char **argv, int control, GPid *ret_pid, GError **error)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, usual;
  sigemptyset (&none);
  sigemptyset (&usual);
  sigaddset (&usual, SIGPIPE);
  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attributes);
  int failed = posix_spawn_file_actions_adddup2 (&actions, control, SK_INSPECT_FD);
  for (int fd = 0; fd < 3 && !failed; fd++)
    failed = posix_spawn_file_actions_addopen (&actions, fd, "/dev/null", O_RDWR, 0);
  if (!failed)
    failed = posix_spawn_file_actions_addclosefrom_np (&actions, SK_INSPECT_FD + 1);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawnattr_setsigdefault (&attributes, &usual);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (!failed)
    failed = posix_spawn (ret_pid, argv[0], &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  if (failed)
    g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", argv[0], g_strerror (failed));
  return !failed;
}

static Worker *
worker_start (const char *program, GError **error)
{
  const char *command[] = { program, NULL };
  int pair[2];
  GPid pid;
  g_auto (GStrv) argv = sk_sandbox_argv (command, error);
  if (!argv)
    return NULL;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "no descriptors are left");
      return NULL;
    }
  sk_autofd int ours = pair[0], theirs = pair[1];
  if (!sk_fd_set_nonblocking (ours, TRUE, error) || !spawn (argv, theirs, &pid, error))
    return NULL;
  Worker *w = g_rc_box_new0 (Worker);
  w->control = sk_steal_fd (&ours);
  w->started = pid;
  g_child_watch_add (pid, on_child_exit, g_rc_box_acquire (w));
  return w;
}

/* Starting one takes the processor that a content's way needs: while one is on its way, and a moment longer,
 * spares are only started when there are none left. */
#define REFILL_MS 50

/* A spare says nothing before it has a job: whatever there is to read, it is the end. */
static gboolean
is_alive (const Worker *w)
{
  struct pollfd p = { w->control, POLLIN, 0 };
  return poll (&p, 1, 0) == 0;
}

static gboolean
on_refill (gpointer data)
{
  SkInspector *self = data;
  Worker *w = self->spares.length < self->spares_wanted ? worker_start (self->program, NULL) : NULL;
  if (w)
    {
      g_queue_push_tail (&self->spares, w);
      return G_SOURCE_CONTINUE;
    }
  /* Without a spare a job starts its own worker, and says so when that fails. */
  self->refill = 0;
  return G_SOURCE_REMOVE;
}

static void
refill_soon (SkInspector *self)
{
  const guint wait = self->spares.length > 0 ? REFILL_MS : 0;
  g_clear_handle_id (&self->refill, g_source_remove);
  if (wait == 0)
    self->refill = g_idle_add_full (G_PRIORITY_LOW, on_refill, self, NULL);
  else if (self->running.length == 0)
    self->refill = g_timeout_add_full (G_PRIORITY_LOW, wait, on_refill, self, NULL);
}

static Worker *
take_worker (SkInspector *self, GError **error)
{
  Worker *w;
  while ((w = g_queue_pop_head (&self->spares)) && !is_alive (w))
    worker_end (w);
  refill_soon (self);
  return w ? w : worker_start (self->program, error);
}

/* -- one content ------------------------------------------------------------------------------------------
 */

static void
run_end (Run *run)
{
  g_queue_remove (&run->inspector->running, run);
  g_queue_remove (&run->inspector->waiting, run);
  g_clear_handle_id (&run->watch, g_source_remove);
  g_clear_handle_id (&run->deadline, g_source_remove);
  if (run->cancel)
    g_source_destroy (run->cancel);
  g_clear_pointer (&run->cancel, g_source_unref);
  g_clear_pointer (&run->worker, worker_end);
  sk_clear_fd (&run->in);
  sk_clear_fd (&run->out);
  g_clear_object (&run->task);
  g_free (run->profile);
  g_free (run->name);
  g_free (run);
}

/* Takes one of the two. */
static void
run_finish (Run *run, SkInspection *inspection, GError *error)
{
  SkInspector *self = run->inspector;
  g_autoptr (GTask) task = g_object_ref (run->task);
  run_end (run);
  start_waiting (self);
  if (self->spares.length < self->spares_wanted)
    refill_soon (self);
  if (error)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, inspection, (GDestroyNotify) sk_inspection_free);
}

static gboolean
on_deadline (gpointer data)
{
  Run *run = data;
  run->deadline = 0;
  run_finish (run, sk_inspection_refused (SK_REASON_SLOW), NULL);
  return G_SOURCE_REMOVE;
}

static GError *
cancelled (void)
{
  return g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED,
                              SK_BOTH ("the inspection was cancelled", "検査は取り消されました"));
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  run_finish (data, NULL, cancelled ());
  return G_SOURCE_REMOVE;
}

static gboolean
on_answer (gint fd, GIOCondition condition, gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;
  g_auto (SkMessage) m = { 0 };
  int fds[SK_PACKET_FDS_MAX];
  const int got = sk_packet_receive (fd, sk_inspect_messages, SK_FROM_PEER, &m, fds, &error);
  if (g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT))
    return G_SOURCE_CONTINUE;
  const gboolean died = got == 0 || g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST);
  SkInspection *said
      = got == 1 ? sk_inspection_from_answer (&m, run->kind, run->name, run->bytes_max, NULL) : NULL;
  if (!said)
    said = sk_inspection_refused (died ? SK_REASON_DIED : SK_REASON_BROKEN);
  run->watch = 0;
  run_finish (run, said, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean
give_job (Run *run, GError **error)
{
  const SkMessage m = { .type = SK_INSPECT_JOB,
                        .n = { run->bytes_max },
                        .s = { (char *) sk_inspect_kinds[run->kind], run->profile } };
  const int fds[] = { run->in, run->out };
  run->worker = take_worker (run->inspector, error);
  if (!run->worker || !sk_packet_send (run->worker->control, sk_inspect_messages, &m, fds, error))
    return FALSE;
  sk_clear_fd (&run->in);
  sk_clear_fd (&run->out);
  return TRUE;
}

static void
run_start (Run *run)
{
  g_autoptr (GError) error = NULL;
  g_queue_push_tail (&run->inspector->running, run);
  if (!give_job (run, &error))
    {
      run_finish (
          run, NULL,
          g_error_new (SK_ERROR, SK_ERROR_UNAVAILABLE,
                       SK_BOTH ("no inspector could be started (%s); run sekishoctl doctor",
                                "検査プログラムを起動できません。sekishoctl doctor を実行してください"),
                       error->message));
      return;
    }
  run->watch = g_unix_fd_add (run->worker->control, G_IO_IN | G_IO_HUP | G_IO_ERR, on_answer, run);
  run->deadline = g_timeout_add (run->inspector->deadline, on_deadline, run);
}

static void
start_waiting (SkInspector *self)
{
  while (self->waiting.length > 0 && self->running.length < SK_INSPECT_RUNNING_MAX)
    run_start (g_queue_pop_head (&self->waiting));
}

static Run *
run_new (SkInspector *self, const SkInspectJob *job, int kind, GTask *task)
{
  Run *run = g_new0 (Run, 1);
  run->inspector = self;
  run->task = g_object_ref (task);
  run->kind = (SkInspectKind) kind;
  run->profile = g_strdup (job->profile ? job->profile : "");
  run->bytes_max = job->bytes_max;
  run->in = run->out = -1;
  return run;
}

void
sk_inspector_run_async (SkInspector *self, const SkInspectJob *job, int take_in_fd, int take_out_fd,
                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  sk_autofd int in = take_in_fd, out = take_out_fd;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  g_autofree char *name = job->name ? sk_name_sanitise (job->name, NULL) : NULL;
  const int kind = sk_inspect_kind_from_word (job->kind);
  if (kind < 0)
    {
      g_task_return_new_error (task, SK_ERROR, SK_ERROR_INVALID, "no kind of content: %s", job->kind);
      return;
    }
  if (job->name && !name)
    {
      g_task_return_pointer (task, sk_inspection_refused (SK_REASON_NAME),
                             (GDestroyNotify) sk_inspection_free);
      return;
    }
  Run *run = run_new (self, job, kind, task);
  run->name = g_steal_pointer (&name);
  run->in = sk_steal_fd (&in);
  run->out = sk_steal_fd (&out);
  if (cancellable)
    {
      run->cancel = g_cancellable_source_new (cancellable);
      g_source_set_callback (run->cancel, (GSourceFunc) on_cancelled, run, NULL);
      g_source_attach (run->cancel, NULL);
    }
  g_queue_push_tail (&self->waiting, run);
  start_waiting (self);
}

SkInspection *
sk_inspector_run_finish (SkInspector *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

guint64
sk_inspector_out_max (const SkInspectJob *job)
{
  const int kind = sk_inspect_kind_from_word (job->kind);
  return sk_inspect_out_max_of (kind < 0 ? SK_INSPECT_FILE : (SkInspectKind) kind, job->bytes_max);
}

/* -- all of them ------------------------------------------------------------------------------------------
 */

SkInspector *
sk_inspector_new (const char *libexec_dir, guint spares, GError **error)
{
  g_autoptr (SkInspector) self = g_new0 (SkInspector, 1);
  self->program = g_build_filename (libexec_dir, "sekisho-inspect", NULL);
  self->spares_wanted = MIN (spares, SK_INSPECT_SPARES_MAX);
  self->deadline = SK_INSPECT_SECONDS * 1000;
  const char *command[] = { self->program, NULL };
  g_auto (GStrv) argv
      = g_file_test (self->program, G_FILE_TEST_IS_EXECUTABLE) ? sk_sandbox_argv (command, error) : NULL;
  if (!argv)
    {
      if (error && !*error)
        g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
                     SK_BOTH ("%s is missing; install sekisho-broker again",
                              "検査プログラムがありません。sekisho-broker を入れ直してください"),
                     self->program);
      return NULL;
    }
  while (self->spares.length < self->spares_wanted)
    {
      Worker *w = worker_start (self->program, error);
      if (!w)
        return NULL;
      g_queue_push_tail (&self->spares, w);
    }
  return g_steal_pointer (&self);
}

void
sk_inspector_free (SkInspector *self)
{
  Run *run;
  if (!self)
    return;
  g_queue_clear_full (&self->spares, (GDestroyNotify) worker_end);
  while ((run = g_queue_peek_tail (&self->waiting)) || (run = g_queue_peek_tail (&self->running)))
    {
      g_autoptr (GTask) task = g_object_ref (run->task);
      run_end (run);
      g_task_return_error (task, cancelled ());
    }
  g_clear_handle_id (&self->refill, g_source_remove);
  g_free (self->program);
  g_free (self);
}

void
sk_inspector_set_deadline (SkInspector *self, guint milliseconds)
{
  self->deadline = milliseconds;
}
