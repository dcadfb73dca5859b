/* The view's job and its control messages; main thread. */
#include "rdp/view.h"
#include "common/error.h"
#include "common/fd.h"
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

SkView *
sk_view_new (void)
{
  SkView *v = g_new0 (SkView, 1);
  g_mutex_init (&v->lock);
  g_mutex_init (&v->sound.lock);
  v->wake_encoder = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  v->wake_peer = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  v->notify = v->input = v->viewer = v->record = -1;
  v->record_buffer = g_byte_array_new ();
  sk_view_clip_init (v);
  return v;
}

void
sk_view_wake (int fd)
{
  const guint64 one = 1;
  if (write (fd, &one, sizeof one) < 0)
    return; /* awake already */
}

gboolean
sk_view_frame_fits (const SkViewShared *sh)
{
  const SkFrameOut *f = sh->frame;
  return f && (sh->rfx || !f->needs_rfx) && f->top_down == sh->gfx && f->width == sh->width
         && f->height == sh->height && f->part_max + SK_VIEW_UPDATE_HEADERS <= sh->message_max;
}

static gboolean
start_job (SkView *v, const SkMessage *m, int *fds, GError **error)
{
  v->job_width = (guint) m->n[0];
  v->job_height = (guint) m->n[1];
  v->flags = (guint32) m->n[2];
  v->colour = (guint32) m->n[3];
  v->utc_minutes = CLAMP ((gint) m->n[4], 0, 2 * SK_VIEW_UTC_ZERO) - SK_VIEW_UTC_ZERO;
  v->text = g_strdup (m->s[1]);
  v->watermark = g_strdup (m->s[2]);
  v->border = sk_border ((v->flags & SK_VIEW_BORDER) != 0);
  v->input = sk_steal_fd (&fds[1]);
  v->notify = sk_steal_fd (&fds[2]);
  if (!sk_ring_reader_init (&v->ring, fds[0], error) || !sk_fd_set_nonblocking (v->input, TRUE, error)
      || !sk_fd_set_nonblocking (v->notify, TRUE, error))
    return FALSE;
  g_thread_unref (g_thread_new ("encoder", sk_view_encoder_thread, v));
  if (v->job_width && v->job_height)
    sk_view_ask_size (v, v->job_width, v->job_height, 100);
  return TRUE;
}

static gboolean
attach (SkView *v, int *fds, GError **error)
{
  if (v->notify < 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "attach before job");
      return FALSE;
    }
  v->viewer = sk_steal_fd (&fds[0]);
  v->attached = g_get_monotonic_time ();
  sk_worker_state (v->worker, SK_VIEW_HANDSHAKE, 0, "");
  sk_worker_set_deadline (v->worker, v->attached + SK_VIEW_HANDSHAKE_SECONDS * G_USEC_PER_SEC,
                          "the handshake");
  g_thread_unref (g_thread_new ("peer", sk_view_peer_thread, v));
  return TRUE;
}

static gboolean
on_message (SkWorker *worker, const SkMessage *m, int *fds, gpointer data, GError **error)
{
  SkView *v = data;
  gboolean good;
  if (sk_clip_link_message (&v->clip, m, fds, &good, error))
    return good;
  if (m->type == SK_VIEW_RECORD)
    {
      v->record = sk_steal_fd (&fds[0]);
      return sk_fd_set_nonblocking (v->record, TRUE, error);
    }
  if (m->type == SK_VIEW_JOB)
    return start_job (v, m, fds, error);
  if (m->type == SK_VIEW_ATTACH)
    return attach (v, fds, error);
  return TRUE;
}

const SkWorkerClass sk_view_class = {
  .kind = "view",
  .messages = sk_control_view_messages,
  .state_type = SK_VIEW_STATE,
  .job_type = SK_VIEW_JOB,
  .message = on_message,
};

const SkSandboxProfile sk_view_cage = {
  .name = "view",
  .address_space = G_GUINT64_CONSTANT (2) << 30, /* libraries and stacks take 0.7 GiB of addresses */
  .files = 48,
  .threads = TRUE,
  .accept = TRUE,
};
