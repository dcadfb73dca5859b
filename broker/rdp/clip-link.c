#include "rdp/clip-link.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>

/* While the connection has no room nothing else may wake the thread. */
#define ROOM_POLL_MS 5

typedef struct
{
  guint16 type;
  guint flags;
  guint64 sequence;
  SkClipKind kind;
  GBytes *content;
  guint wipe_seconds;
} Order;

static void
order_free (Order *order)
{
  g_clear_pointer (&order->content, g_bytes_unref);
  g_free (order);
}

/* ---- main thread ---- */

/* Only the newest content is of any use; the other kind of the same one is a part of it. */
static void
drop_older (SkClipLink *l, const Order *than)
{
  for (GList *i = l->orders.head, *next; i; i = next)
    {
      Order *order = i->data;
      next = i->next;
      if (order->type != SK_CONTROL_CLIP_SET
          || (order->sequence == than->sequence && order->kind != than->kind))
        continue;
      order_free (order);
      g_queue_delete_link (&l->orders, i);
    }
}

static void
push (SkClipLink *l, Order *take_order)
{
  g_mutex_lock (&l->lock);
  if (take_order->type == SK_CONTROL_CLIP_SET)
    drop_older (l, take_order);
  g_queue_push_tail (&l->orders, take_order);
  g_mutex_unlock (&l->lock);
  const guint64 one = 1;
  if (write (l->wake, &one, sizeof one) < 0)
    return; /* awake already */
}

static gboolean
take_set (SkClipLink *l, const SkMessage *m, int fd, GError **error)
{
  const SkClipKind kind = (SkClipKind) m->n[1];
  if ((kind != SK_CLIP_TEXT && kind != SK_CLIP_PICTURE) || m->n[2] == 0
      || m->n[2] > sk_clip_content_max (kind))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "a clipboard's content out of range");
      return FALSE;
    }
  GBytes *content = sk_fd_read_sealed_content (fd, (gsize) m->n[2], error);
  if (!content)
    return FALSE;
  Order *order = g_new0 (Order, 1);
  *order = (Order){ m->type, (guint) m->n[3], m->n[0], kind, content, (guint) m->n[4] };
  push (l, order);
  return TRUE;
}

gboolean
sk_clip_link_message (SkClipLink *l, const SkMessage *m, int *fds, gboolean *ret_good, GError **error)
{
  *ret_good = TRUE;
  if (m->type == SK_CONTROL_CLIP_SET)
    *ret_good = take_set (l, m, fds[0], error);
  else if (m->type == SK_CONTROL_CLIP_ALLOW)
    {
      Order *order = g_new0 (Order, 1);
      *order = (Order){ .type = m->type, .flags = (guint) m->n[0] };
      push (l, order);
    }
  else
    return FALSE;
  return TRUE;
}

/* ---- RDP thread ---- */

static void
drop_offer (SkClipLink *l)
{
  sk_clear_fd (&l->pipe);
  g_clear_pointer (&l->content, g_bytes_unref);
}

/* The pipe to its end, as far as it goes without waiting. */
static void
write_offer (SkClipLink *l)
{
  gsize length = 0;
  const guint8 *data = l->content ? g_bytes_get_data (l->content, &length) : NULL;
  while (l->pipe >= 0 && l->written < length)
    {
      const gssize n = write (l->pipe, data + l->written, length - l->written);
      if (n > 0)
        l->written += (gsize) n;
      else if (n < 0 && errno == EAGAIN)
        return;
      else if (n == 0 || errno != EINTR)
        break; /* the core does not want it */
    }
  drop_offer (l);
}

static void
on_offer (guint64 sequence, SkClipKind kind, GBytes *content, gpointer data)
{
  SkClipLink *l = data;
  int ends[2];
  drop_offer (l);
  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) < 0)
    return;
  const SkMessage offer
      = { .type = SK_CONTROL_CLIP_OFFER, .n = { sequence, (guint64) kind, g_bytes_get_size (content) } };
  sk_worker_answer (*l->worker, &offer, &ends[0]);
  close (ends[0]);
  l->pipe = ends[1];
  l->content = g_bytes_ref (content);
  l->written = 0;
  l->since = g_get_monotonic_time ();
  write_offer (l);
}

static const SkClipClass clip_class = { on_offer };

void
sk_clip_link_init (SkClipLink *l, SkWorker *const *worker, int wake, gboolean server,
                   const SkClipLinkClass *klass, gpointer data)
{
  l->klass = klass;
  l->data = data;
  l->worker = worker;
  l->wake = wake;
  l->pipe = -1;
  l->hello_due = server;
  g_mutex_init (&l->lock);
  g_queue_init (&l->orders);
  sk_clip_init (&l->clip, server, &clip_class, l);
}

static void
obey (SkClipLink *l, const Order *order)
{
  if (order->type == SK_CONTROL_CLIP_ALLOW)
    sk_clip_allow (&l->clip, (order->flags & SK_CLIP_ALLOW_OFFER) != 0,
                   (order->flags & SK_CLIP_ALLOW_SET) != 0);
  else if (!sk_clip_set (&l->clip, order->sequence, order->kind, order->content))
    sk_worker_log (*l->worker, G_LOG_LEVEL_WARNING, "clipboard: a content of the core's is not taken");
  else
    sk_clip_limit (
        &l->clip, order->flags != 0,
        order->wipe_seconds ? g_get_monotonic_time () + order->wipe_seconds * (gint64) G_USEC_PER_SEC : 0);
}

static void
run_orders (SkClipLink *l)
{
  for (;;)
    {
      g_mutex_lock (&l->lock);
      Order *order = g_queue_pop_head (&l->orders);
      g_mutex_unlock (&l->lock);
      if (!order)
        return;
      obey (l, order);
      order_free (order);
    }
}

gboolean
sk_clip_link_is_allowed (SkClipLink *l)
{
  run_orders (l);
  return l->clip.may_fetch || l->clip.may_set;
}

void
sk_clip_link_take (SkClipLink *l, const guint8 *untrusted, gsize size, guint32 flags, gsize total)
{
  if (!sk_clip_take (&l->clip, untrusted, size, flags, total))
    sk_worker_log (*l->worker, G_LOG_LEVEL_MESSAGE, "clipboard: a message that makes no sense");
}

int
sk_clip_link_poll_fd (const SkClipLink *l)
{
  return l->pipe;
}

static void
wait_at_most (int *wait, gint64 us)
{
  const int ms = (int) MIN ((us + 999) / 1000, 60000);
  if (us >= 0 && (*wait < 0 || ms < *wait))
    *wait = ms;
}

static gboolean
send_chunks (SkClipLink *l, int *ret_wait)
{
  SkClipChunk chunk;
  for (guint i = 0; i < SK_CLIP_LINK_CHUNKS; i++)
    {
      if (!sk_clip_has_chunk (&l->clip))
        return TRUE;
      if (!l->klass->has_room (l->data))
        {
          wait_at_most (ret_wait, ROOM_POLL_MS * 1000);
          return TRUE;
        }
      if (sk_clip_next_chunk (&l->clip, &chunk) && !l->klass->send (&chunk, l->data))
        return FALSE;
    }
  *ret_wait = 0;
  return TRUE;
}

gboolean
sk_clip_link_turn (SkClipLink *l, int *ret_wait)
{
  const gint64 now = g_get_monotonic_time ();
  run_orders (l);
  if (l->hello_due)
    {
      l->hello_due = FALSE;
      sk_clip_hello (&l->clip);
    }
  write_offer (l);
  if (l->pipe >= 0 && now - l->since >= SK_CLIP_LINK_PIPE_US)
    drop_offer (l);
  if (l->pipe >= 0)
    wait_at_most (ret_wait, l->since + SK_CLIP_LINK_PIPE_US - now);
  wait_at_most (ret_wait, sk_clip_tick (&l->clip, now, l->pipe < 0));
  return send_chunks (l, ret_wait);
}
