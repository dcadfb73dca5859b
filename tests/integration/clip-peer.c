#include "clip-peer.h"
#include "common/error.h"
#include "common/fd.h"
#include "rdp/clip-link.h"
#include "rdp/ring.h"
#include "wire/buf.h"
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

struct _ClipPeer
{
  SkWorkerClass klass;
  SkWorker *worker;
  GThread *thread;
  SkClipLink link; /* as if the test's thread were the RDP thread */
  int listener, wake, memory;
  GByteArray *heard;
  GMutex lock; /* below */
  GCond cond;
  guint allows, sets;
  gboolean has_job, is_over;
};

/* -- the worker's main thread -------------------------------------------------------------------------------
 */

static gboolean
on_message (SkWorker *worker, const SkMessage *m, int *fds, gpointer data, GError **error)
{
  ClipPeer *p = data;
  gboolean good = TRUE;
  if (m->type == SK_SCREEN_GET_MEMORY && !p->link.clip.server)
    {
      const SkMessage memory = { .type = SK_SCREEN_MEMORY };
      sk_worker_answer (worker, &memory, &p->memory);
    }
  else
    sk_clip_link_message (&p->link, m, fds, &good, error);
  g_mutex_lock (&p->lock);
  p->allows += m->type == SK_CONTROL_CLIP_ALLOW;
  p->sets += m->type == SK_CONTROL_CLIP_SET;
  p->has_job |= m->type == p->klass.job_type;
  g_cond_broadcast (&p->cond);
  g_mutex_unlock (&p->lock);
  return good;
}

static gpointer
run (gpointer data)
{
  ClipPeer *p = data;
  sk_worker_run (p->worker);
  g_mutex_lock (&p->lock);
  p->is_over = TRUE;
  g_cond_broadcast (&p->cond);
  g_mutex_unlock (&p->lock);
  return NULL;
}

/* -- the RDP connection -------------------------------------------------------------------------------------
 */

static gboolean
send_chunk (const SkClipChunk *chunk, gpointer data)
{
  g_byte_array_append (((ClipPeer *) data)->heard, chunk->data, (guint) chunk->size);
  return TRUE;
}

static gboolean
has_room (gpointer data)
{
  return TRUE;
}

static const SkClipLinkClass link_class = { send_chunk, has_room };

void
clip_peer_chunk (ClipPeer *p, const void *data, gsize size, guint32 flags, gsize total)
{
  sk_clip_link_take (&p->link, data, size, flags, total);
}

void
clip_peer_say (ClipPeer *p, guint16 type, guint16 flags, const void *body, gsize length)
{
  g_autoptr (GByteArray) message = g_byte_array_new ();
  sk_write_u16 (message, type);
  sk_write_u16 (message, flags);
  sk_write_u32 (message, (guint32) length);
  g_byte_array_append (message, body, (guint) length);
  for (gsize at = 0; at < message->len;)
    {
      const gsize size = MIN (message->len - at, SK_CLIP_CHUNK);
      const guint32 first = at == 0 ? SK_CLIP_CHUNK_FIRST : 0,
                    last = at + size == message->len ? SK_CLIP_CHUNK_LAST : 0;
      clip_peer_chunk (p, message->data + at, size, first | last, message->len);
      at += size;
    }
}

const GByteArray *
clip_peer_hear (ClipPeer *p)
{
  int wait;
  g_byte_array_set_size (p->heard, 0);
  do
    {
      wait = -1;
      g_assert_true (sk_clip_link_turn (&p->link, &wait));
    }
  while (wait == 0);
  return p->heard;
}

/* -- life ---------------------------------------------------------------------------------------------------
 */

/* From a core before the one that comes. */
static void
give_job (ClipPeer *p, const char *path)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int core = sk_fd_connect_unix (path, SOCK_SEQPACKET, &error);
  char *const texts[] = { (char *) "", (char *) "", (char *) "" };
  SkMessage job = { .type = p->klass.job_type };
  const int fds[] = { p->memory, p->memory, p->memory };
  memcpy (job.s, texts, sizeof texts);
  if (core < 0 || !sk_packet_send (core, p->klass.messages, &job, fds, &error))
    g_error ("%s", error->message);
  g_mutex_lock (&p->lock);
  while (!p->has_job)
    g_cond_wait (&p->cond, &p->lock);
  g_mutex_unlock (&p->lock);
}

ClipPeer *
clip_peer_new (const char *path, gboolean view)
{
  g_autoptr (GError) error = NULL;
  ClipPeer *p = g_new0 (ClipPeer, 1);
  p->klass = view
                 ? (SkWorkerClass){ "view", sk_control_view_messages, SK_VIEW_STATE, SK_VIEW_JOB, on_message }
                 : (SkWorkerClass){ "screen", sk_control_screen_messages, SK_SCREEN_STATE, SK_SCREEN_JOB,
                                    on_message };
  p->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  p->memory = sk_fd_new_sealed_memory ("frames", SK_RING_SIZE, &error);
  g_assert_no_error (error);
  p->listener = sk_fd_listen_unix (path, SOCK_SEQPACKET, &error);
  g_assert_no_error (error);
  p->heard = g_byte_array_new ();
  g_mutex_init (&p->lock);
  g_cond_init (&p->cond);
  p->worker = sk_worker_new (&p->klass, p->listener, FALSE, p);
  if (view)
    sk_worker_set_fingerprint (p->worker, CLIP_PEER_FINGERPRINT);
  sk_clip_link_init (&p->link, &p->worker, p->wake, view, &link_class, p);
  p->thread = g_thread_new ("worker", run, p);
  give_job (p, path);
  return p;
}

/* The worker itself is a process's, and has no end. */
void
clip_peer_free (ClipPeer *p)
{
  sk_worker_finish (p->worker);
  g_thread_join (p->thread);
  clip_peer_hear (p); /* orders that still lie there */
  sk_clip_clear (&p->link.clip);
  g_clear_pointer (&p->link.content, g_bytes_unref);
  sk_clear_fd (&p->link.pipe);
  sk_clear_fd (&p->listener);
  sk_clear_fd (&p->wake);
  sk_clear_fd (&p->memory);
  g_byte_array_unref (p->heard);
  g_mutex_clear (&p->lock);
  g_cond_clear (&p->cond);
  g_free (p);
}

/* -- what the core said -------------------------------------------------------------------------------------
 */

void
clip_peer_wait (ClipPeer *p, guint allows)
{
  g_mutex_lock (&p->lock);
  while (p->allows < allows && !p->is_over)
    g_cond_wait (&p->cond, &p->lock);
  if (p->is_over)
    g_error ("the core said what ended its %s", p->klass.kind);
  g_mutex_unlock (&p->lock);
}

guint
clip_peer_sets (ClipPeer *p)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&p->lock);
  return p->sets;
}
