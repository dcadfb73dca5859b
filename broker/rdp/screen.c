/* The screen's job and its control messages; main thread. */
#include "rdp/screen.h"
#include "common/error.h"
#include "common/fd.h"
#include "rdp/library.h"
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

SkScreen *
sk_screen_new (void)
{
  SkScreen *s = g_new0 (SkScreen, 1);
  g_mutex_init (&s->lock);
  g_queue_init (&s->commands);
  s->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  s->memory = s->stream = -1;
  sk_screen_clip_init (s);
  return s;
}

static gboolean
start_job (SkScreen *s, const SkMessage *m, int *fds, GError **error)
{
  if (!sk_ring_size_is_valid ((guint) m->n[0], (guint) m->n[1]))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "picture size out of range");
      return FALSE;
    }
  s->width = (guint) m->n[0];
  s->height = (guint) m->n[1];
  s->keyboard_layout = (guint32) m->n[2];
  s->user = g_strdup (m->s[0]);
  s->password = g_strdup (m->s[1]);
  s->stream = sk_steal_fd (&fds[0]);
  s->memory = sk_steal_fd (&fds[1]);
  s->ring = sk_ring_map_for_writing (s->memory, error);
  if (!s->ring)
    return FALSE;
  sk_ring_set_size (s->ring, s->width, s->height);
  s->relay = sk_relay_new (s->worker, s->stream);
  g_thread_unref (g_thread_new ("rdp", sk_screen_rdp_thread, s));
  return TRUE;
}

static void
queue_command (SkScreen *s, guint16 type, guint32 number, int *fds)
{
  SkScreenCommand *c = g_new (SkScreenCommand, 1);
  *c = (SkScreenCommand){ type, number, fds ? sk_steal_fd (&fds[0]) : -1, fds ? sk_steal_fd (&fds[1]) : -1 };
  g_mutex_lock (&s->lock);
  g_queue_push_tail (&s->commands, c);
  g_mutex_unlock (&s->lock);
  const guint64 one = 1;
  if (write (s->wake, &one, sizeof one) < 0)
    return; /* awake already */
}

static gboolean
on_message (SkWorker *worker, const SkMessage *m, int *fds, gpointer data, GError **error)
{
  SkScreen *s = data;
  gboolean good;
  if (sk_clip_link_message (&s->clip, m, fds, &good, error))
    return good;
  switch (m->type)
    {
    case SK_SCREEN_JOB:
      return start_job (s, m, fds, error);
    case SK_SCREEN_ADD_VIEW:
      if (sk_fd_set_nonblocking (fds[0], TRUE, error) && sk_fd_set_nonblocking (fds[1], TRUE, error))
        queue_command (s, m->type, (guint32) m->n[0], fds);
      return TRUE;
    case SK_SCREEN_REMOVE_VIEW:
      queue_command (s, m->type, (guint32) m->n[0], NULL);
      return TRUE;
    case SK_SCREEN_GET_MEMORY:
      if (s->memory >= 0)
        {
          const SkMessage answer = { .type = SK_SCREEN_MEMORY, .id = m->id };
          sk_worker_answer (worker, &answer, &s->memory);
        }
      return TRUE;
    default:
      return TRUE; /* rows of the table that others handle */
    }
}

const SkWorkerClass sk_screen_class = {
  .kind = "screen",
  .messages = sk_control_screen_messages,
  .state_type = SK_SCREEN_STATE,
  .job_type = SK_SCREEN_JOB,
  .message = on_message,
};

const SkSandboxProfile sk_screen_cage = {
  .name = "screen",
  .address_space = G_GUINT64_CONSTANT (2) << 30, /* libraries and stacks take 0.7 GiB of addresses */
  .files = 64,                                   /* 8 views, FreeRDP's events, control */
  .threads = TRUE,
  .accept = TRUE,
};
