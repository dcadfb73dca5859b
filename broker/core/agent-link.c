/* The real agent link: one VM's agent port over QEMU's unix socket.
 *
 * All reading and writing is non-blocking on the main loop. What the guest can cost is bounded: one fixed
 * frame buffer, a cap on frames a second, a cap on what may wait to be written. */
#include "common/error.h"
#include "common/fd.h"
#include "core/agent-link.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The socket appears when QEMU does; a reconnect after a restart of the core is immediate. */
#define RETRY_MS 200
/* An agent that boots is asked every second; one that is up answers within the beat. */
#define BEAT_MS 1000
/* A well-behaved agent sends a handful of frames a second; an inventory is one frame. Files' contents are not
 * counted: their window holds them back. */
#define FRAMES_PER_SECOND_MAX 200
/* A greeting waits in the port until the guest has booted and reads it, so it is not repeated while nothing
 * at all was heard: each one is answered with three frames, all at once. This often in case it was lost with
 * an agent that crashed. */
#define HELLO_AGAIN_SECONDS 30
/* Requests that wait for an answer: doctor asks some twenty at once. */
#define CALLS_MAX 64
/* The guest does not read: after this much it counts as gone. A URL is 8 KiB, everything else is small. */
#define UNSENT_MAX (256 * 1024)

#define SK_TYPE_PORT_LINK (sk_port_link_get_type ())
G_DECLARE_FINAL_TYPE (SkPortLink, sk_port_link, SK, PORT_LINK, SkAgentLink)

struct _SkPortLink
{
  SkAgentLink parent;
  char *path, *bulk_path;
  int fd, bulk_fd;
  guint8 *bulk; /* SK_BULK_BLOCK, once there was one */
  guint64 bulk_taken;
  guint in_source, out_source, beat, retry;
  SkFrameBuffer buffer;
  GByteArray *unsent;
  GHashTable *calls; /* id -> Call */
  guint32 next_id;
  guint64 nonce, ping_sent;
  gint64 heard, pinged; /* monotonic µs: last sign of life, last ping */
  gint64 greeted;       /* monotonic µs: last HELLO */
  gboolean heard_here;  /* anything, on this connection */
  gint64 second;        /* the second in which `frames` are counted */
  guint frames;
  gboolean running, up, said_ready, said_browser, lost;
};
G_DEFINE_FINAL_TYPE (SkPortLink, sk_port_link, SK_TYPE_AGENT_LINK)

typedef struct
{
  SkPortLink *link;
  guint32 id;
  guint timer;
  SkAgentAnswer answer;
  gpointer data;
} Call;

static void connect_port (SkPortLink *self);

/* -- giving up ----------------------------------------------------------------------------------------------
 */

static void
disconnect_port (SkPortLink *self)
{
  const gboolean was_up = self->up;
  g_clear_handle_id (&self->in_source, g_source_remove);
  g_clear_handle_id (&self->out_source, g_source_remove);
  sk_clear_fd (&self->fd);
  sk_clear_fd (&self->bulk_fd);
  g_byte_array_set_size (self->unsent, 0);
  self->up = FALSE;
  if (was_up)
    sk_agent_link_emit_down (SK_AGENT_LINK (self));
}

/* Takes the call out of the table first: its answer may drop the link. */
static void
finish_call (Call *call, gboolean ok, const char *untrusted_text, char **untrusted_list, const GError *error)
{
  g_hash_table_steal (call->link->calls, GUINT_TO_POINTER (call->id));
  g_clear_handle_id (&call->timer, g_source_remove);
  call->answer (ok, untrusted_text, untrusted_list, error, call->data);
  g_free (call);
}

static void
fail_calls (SkPortLink *self, SkErrorCode code, const char *why)
{
  g_autoptr (GError) error = g_error_new_literal (SK_ERROR, (int) code, why);
  GHashTableIter iter;
  gpointer call;
  /* One at a time: an answer may drop the link, which comes here again. */
  for (;;)
    {
      g_hash_table_iter_init (&iter, self->calls);
      if (!g_hash_table_iter_next (&iter, NULL, &call))
        return;
      finish_call (call, FALSE, "", NULL, error);
    }
}

static void
lose (SkPortLink *self, const char *why)
{
  if (self->lost)
    return;
  self->lost = TRUE;
  disconnect_port (self);
  g_clear_handle_id (&self->beat, g_source_remove);
  g_clear_handle_id (&self->retry, g_source_remove);
  fail_calls (self, SK_ERROR_PEER_LOST, why);
  sk_agent_link_emit_lost (SK_AGENT_LINK (self), why);
}

static gboolean
on_retry (gpointer data)
{
  SkPortLink *self = data;
  self->retry = 0;
  connect_port (self);
  return G_SOURCE_REMOVE;
}

static void
retry_soon (SkPortLink *self)
{
  disconnect_port (self);
  if (!self->retry && !self->lost)
    self->retry = g_timeout_add (RETRY_MS, on_retry, self);
}

/* -- writing ------------------------------------------------------------------------------------------------
 */

static gboolean
flush (SkPortLink *self)
{
  while (self->unsent->len > 0)
    {
      gssize n = send (self->fd, self->unsent->data, self->unsent->len, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno == EAGAIN;
      g_byte_array_remove_range (self->unsent, 0, (guint) n);
    }
  return TRUE;
}

static gboolean
on_writable (gint fd, GIOCondition condition, gpointer data)
{
  g_autoptr (SkPortLink) self = g_object_ref (data);
  const gboolean ok = flush (self);
  if (ok && self->unsent->len > 0)
    return G_SOURCE_CONTINUE;
  self->out_source = 0;
  if (ok)
    sk_agent_link_emit_writable (SK_AGENT_LINK (self));
  return G_SOURCE_REMOVE;
}

/* A failed write shows as the end of the stream to the reader; nothing more to do here. */
static gboolean
send_message (SkPortLink *self, const SkMessage *message, GError **error)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  if (!sk_message_encode (sk_agent_messages, message, body, error))
    return FALSE;
  if (self->fd < 0 || self->unsent->len > UNSENT_MAX)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the agent does not read");
      return FALSE;
    }
  sk_frame_append (self->unsent, message->type, message->id, body->data, body->len);
  if (flush (self) && self->unsent->len > 0 && !self->out_source)
    self->out_source = g_unix_fd_add (self->fd, G_IO_OUT, on_writable, self);
  return TRUE;
}

static void
send_hello (SkPortLink *self)
{
  const SkMessage hello
      = { .type = SK_AGENT_HELLO, .n = { SK_AGENT_VERSION_LOWEST, SK_AGENT_VERSION, self->nonce } };
  self->greeted = g_get_monotonic_time ();
  if (!send_message (self, &hello, NULL))
    retry_soon (self);
}

/* -- reading ------------------------------------------------------------------------------------------------
 */

/* Whoever owns QEMU owns the file: nothing but one that is like ours is opened for what it is, and one that
 * others can read is not used. */
static void
open_bulk (SkPortLink *self)
{
  const SkMessage ready = { .type = SK_FILE_BULK_READY, .n = { SK_BULK_SIZE } };
  struct stat info;
  self->bulk_taken = 0;
  self->bulk_fd
      = self->bulk_path ? open (self->bulk_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
  if (self->bulk_fd < 0)
    return;
  if (fstat (self->bulk_fd, &info) == 0 && S_ISREG (info.st_mode) && (info.st_mode & 007) == 0
      && info.st_nlink == 1 && info.st_size >= SK_BULK_SIZE && send_message (self, &ready, NULL))
    return;
  sk_clear_fd (&self->bulk_fd);
}

static void
take_hello_ack (SkPortLink *self, const SkMessage *m)
{
  /* An answer to an earlier connection's question belongs to the past. */
  if (m->n[1] != self->nonce || self->up)
    return;
  if (m->n[0] < SK_AGENT_VERSION_LOWEST || m->n[0] > SK_AGENT_VERSION)
    {
      lose (self, "the guest's agent speaks another version");
      return;
    }
  self->up = TRUE;
  self->pinged = self->heard;
  if (m->n[0] >= SK_AGENT_VERSION_BULK)
    open_bulk (self);
  sk_agent_link_emit_hello (SK_AGENT_LINK (self));
}

static void
take_answer (SkPortLink *self, const SkMessage *m)
{
  Call *call = g_hash_table_lookup (self->calls, GUINT_TO_POINTER (m->id));
  if (call)
    finish_call (call, m->type == SK_AGENT_RESULT ? (gboolean) m->n[0] : TRUE, m->s[0] ? m->s[0] : "",
                 m->list, NULL);
  else if (m->id == 0 || m->id >= self->next_id)
    lose (self, "the guest's agent answered what nobody asked");
}

static void
take_file (SkPortLink *self, const SkMessage *m)
{
  const char *broken = sk_agent_link_emit_file (SK_AGENT_LINK (self), m);
  if (broken)
    lose (self, broken);
}

/* Read once, before anybody looks at it: the guest may go on writing. */
static gboolean
read_bulk (SkPortLink *self, guint64 place, gsize length)
{
  gssize n;
  if (!self->bulk)
    self->bulk = g_malloc (SK_BULK_BLOCK);
  do
    n = pread (self->bulk_fd, self->bulk, length, (off_t) place);
  while (n < 0 && errno == EINTR);
  return n == (gssize) length;
}

static void
take_bulk (SkPortLink *self, const SkMessage *m)
{
  const guint64 place = m->n[2], length = m->n[3];
  if (self->bulk_fd < 0)
    lose (self, "the guest's agent uses a bulk memory that there is not");
  else if (length == 0 || length > SK_BULK_BLOCK || place > SK_BULK_SIZE - length)
    lose (self, "the guest's agent points outside of the bulk memory");
  else if (!read_bulk (self, place, length))
    lose (self, "the bulk memory cannot be read");
  if (self->lost)
    return;
  const SkMessage data = {
    .type = SK_FILE_DATA, .id = m->id, .n = { m->n[0], m->n[1] }, .bytes = self->bulk, .bytes_length = length
  };
  const SkMessage taken = { .type = SK_FILE_BULK_TAKEN, .n = { ++self->bulk_taken } };
  take_file (self, &data);
  if (!self->lost && self->up && self->bulk_taken % (SK_BULK_BLOCKS / 2) == 0)
    send_message (self, &taken, NULL);
}

static void
take_message (SkPortLink *self, const SkMessage *m)
{
  if (m->type == SK_AGENT_HELLO_ACK)
    {
      take_hello_ack (self, m);
      return;
    }
  if (!self->up)
    return; /* from before this connection */
  switch (m->type)
    {
    case SK_AGENT_READY:
      if (!self->said_ready)
        sk_agent_link_emit_ready (SK_AGENT_LINK (self), m->s[0], m->s[1]);
      self->said_ready = TRUE;
      break;
    case SK_AGENT_BROWSER_READY:
      if (!self->said_browser)
        sk_agent_link_emit_browser_ready (SK_AGENT_LINK (self));
      self->said_browser = TRUE;
      break;
    case SK_AGENT_PONG:
      if (m->n[0] == 0 || m->n[0] > self->ping_sent)
        lose (self, "the guest's agent answered a ping that was not sent");
      break;
    default: /* RESULT, INVENTORY_LIST: the table has no other type from the guest */
      if (m->type == SK_FILE_BULK)
        take_bulk (self, m);
      else if (sk_file_is_message (m->type))
        take_file (self, m);
      else
        take_answer (self, m);
    }
}

/* Whether guest-files.c holds them back, so that there may be many. */
static gboolean
is_metered (SkPortLink *self, guint16 type)
{
  return self->up && sk_agent_link_carries_files (SK_AGENT_LINK (self))
         && (type == SK_FILE_ITEM || type == SK_FILE_DATA || type == SK_FILE_BULK || type == SK_FILE_ITEM_END
             || type == SK_FILE_PUT_CREDIT);
}

static void
take_frame (SkPortLink *self, const SkFrame *frame)
{
  g_autoptr (GError) error = NULL;
  g_auto (SkMessage) m = { 0 };
  gint64 second = self->heard / G_USEC_PER_SEC;
  if (second != self->second)
    self->frames = 0;
  self->frames += is_metered (self, frame->type) ? 0 : 1;
  self->second = second;
  if (self->frames > FRAMES_PER_SECOND_MAX)
    lose (self, "the guest's agent sends too much");
  else if (sk_message_decode (sk_agent_messages, SK_FROM_PEER, frame->type, frame->id, frame->body,
                              frame->length, &m, &error))
    take_message (self, &m);
  else if (self->up)
    lose (self, error->message);
}

static gboolean
on_readable (gint fd, GIOCondition condition, gpointer data)
{
  g_autoptr (SkPortLink) self = g_object_ref (data);
  g_autoptr (GError) error = NULL;
  gsize room;
  guint8 *space = sk_frame_buffer_space (&self->buffer, &room);
  gssize n = recv (fd, space, room, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      /* QEMU went, or the VM was saved. The manager hears of it from the hypervisor; the beat notices
       * silence. */
      self->in_source = 0;
      retry_soon (self);
      return G_SOURCE_REMOVE;
    }
  sk_frame_buffer_commit (&self->buffer, (gsize) n);
  self->heard = g_get_monotonic_time ();
  self->heard_here = TRUE;
  SkFrame frame;
  int r = 0;
  while (self->fd == fd && !self->lost && (r = sk_frame_buffer_next (&self->buffer, &frame, &error)) == 1)
    take_frame (self, &frame);
  if (r < 0)
    {
      /* Until the greeting is answered it may be the tail of something older. */
      if (self->up)
        lose (self, error->message);
      else
        sk_frame_buffer_reset (&self->buffer);
    }
  return self->fd == fd ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* -- the beat -----------------------------------------------------------------------------------------------
 */

static void
ping (SkPortLink *self, gint64 now)
{
  const SkMessage message = { .type = SK_AGENT_PING, .n = { ++self->ping_sent } };
  self->pinged = now;
  if (!send_message (self, &message, NULL))
    retry_soon (self);
}

static gboolean
on_beat (gpointer data)
{
  g_autoptr (SkPortLink) self = g_object_ref (data);
  gint64 now = g_get_monotonic_time ();
  const gint64 silence = (gint64) SK_AGENT_PING_SECONDS * SK_AGENT_PING_MISSES * G_USEC_PER_SEC;
  /* A guest that never spoke is one that boots: its VM has a deadline of its own. */
  if (self->heard && now - self->heard > silence)
    lose (self, "the guest's agent is silent");
  else if (self->fd >= 0 && !self->up
           && (self->heard_here || now - self->greeted >= (gint64) HELLO_AGAIN_SECONDS * G_USEC_PER_SEC))
    send_hello (self);
  else if (self->up && now - self->pinged >= (gint64) SK_AGENT_PING_SECONDS * G_USEC_PER_SEC)
    ping (self, now);
  return self->lost ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void
connect_port (SkPortLink *self)
{
  if (self->lost || self->fd >= 0)
    return;
  /* A QEMU that hangs accepts nobody: the broker does not wait for it. */
  self->fd = sk_fd_connect_unix (self->path, SOCK_STREAM | SOCK_NONBLOCK, NULL);
  if (self->fd < 0)
    {
      retry_soon (self);
      return;
    }
  sk_frame_buffer_reset (&self->buffer);
  self->heard_here = FALSE;
  self->nonce = (guint64) g_random_int () << 32 | g_random_int () | 1;
  self->in_source = g_unix_fd_add (self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
  if (self->running)
    send_hello (self);
}

/* -- the class ----------------------------------------------------------------------------------------------
 */

static void
set_running (SkAgentLink *link, gboolean running)
{
  SkPortLink *self = SK_PORT_LINK (link);
  if (self->lost || running == self->running)
    return;
  self->running = running;
  g_clear_handle_id (&self->beat, g_source_remove);
  if (!running)
    return;
  if (self->heard)
    self->heard = self->pinged = g_get_monotonic_time ();
  self->beat = g_timeout_add (BEAT_MS, on_beat, self);
  if (self->fd >= 0 && !self->up)
    send_hello (self);
}

static gboolean
is_up (SkAgentLink *link)
{
  return SK_PORT_LINK (link)->up;
}

static gboolean
on_call_timeout (gpointer data)
{
  Call *call = data;
  g_autoptr (SkPortLink) keep = g_object_ref (call->link);
  g_autoptr (GError) error
      = g_error_new_literal (SK_ERROR, SK_ERROR_TIMEOUT, "the guest's agent did not answer in time");
  call->timer = 0;
  finish_call (call, FALSE, "", NULL, error);
  return G_SOURCE_REMOVE;
}

typedef struct
{
  SkAgentAnswer answer;
  gpointer data;
  GError *error;
} Refusal;

static gboolean
on_refusal (gpointer data)
{
  Refusal *refusal = data;
  refusal->answer (FALSE, "", NULL, refusal->error, refusal->data);
  g_error_free (refusal->error);
  g_free (refusal);
  return G_SOURCE_REMOVE;
}

static void
refuse_later (GError *take_error, SkAgentAnswer answer, gpointer data)
{
  Refusal *refusal = g_new (Refusal, 1);
  *refusal = (Refusal){ answer, data, take_error };
  g_idle_add (on_refusal, refusal);
}

static void
call_agent (SkAgentLink *link, const SkMessage *message, guint timeout_ms, SkAgentAnswer answer,
            gpointer data)
{
  SkPortLink *self = SK_PORT_LINK (link);
  GError *error = NULL;
  SkMessage request = *message;
  request.id = self->next_id;
  if (!self->up)
    error = g_error_new_literal (SK_ERROR, SK_ERROR_PEER_LOST, "the guest's agent is not there");
  else if (g_hash_table_size (self->calls) >= CALLS_MAX)
    error = g_error_new_literal (SK_ERROR, SK_ERROR_FULL, "too many requests to the guest's agent at once");
  if (error || !send_message (self, &request, &error))
    {
      refuse_later (error, answer, data);
      return;
    }
  Call *call = g_new (Call, 1);
  *call = (Call){ self, self->next_id++, 0, answer, data };
  call->timer = g_timeout_add (timeout_ms, on_call_timeout, call);
  g_hash_table_insert (self->calls, GUINT_TO_POINTER (call->id), call);
}

static gboolean
send_file (SkAgentLink *link, const SkMessage *message, GError **error)
{
  return send_message (SK_PORT_LINK (link), message, error);
}

static gsize
unsent (SkAgentLink *link)
{
  return SK_PORT_LINK (link)->unsent->len;
}

static void
sk_port_link_dispose (GObject *object)
{
  SkPortLink *self = SK_PORT_LINK (object);
  self->lost = TRUE;
  disconnect_port (self);
  g_clear_handle_id (&self->beat, g_source_remove);
  g_clear_handle_id (&self->retry, g_source_remove);
  fail_calls (self, SK_ERROR_CANCELLED, "the link was dropped");
  G_OBJECT_CLASS (sk_port_link_parent_class)->dispose (object);
}

static void
sk_port_link_finalize (GObject *object)
{
  SkPortLink *self = SK_PORT_LINK (object);
  g_free (self->path);
  g_free (self->bulk_path);
  g_free (self->bulk);
  sk_frame_buffer_clear (&self->buffer);
  g_byte_array_unref (self->unsent);
  g_hash_table_unref (self->calls);
  G_OBJECT_CLASS (sk_port_link_parent_class)->finalize (object);
}

static void
sk_port_link_class_init (SkPortLinkClass *klass)
{
  SkAgentLinkClass *link = SK_AGENT_LINK_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = sk_port_link_dispose;
  G_OBJECT_CLASS (klass)->finalize = sk_port_link_finalize;
  link->set_running = set_running;
  link->is_up = is_up;
  link->call = call_agent;
  link->send_file = send_file;
  link->unsent = unsent;
}

static void
sk_port_link_init (SkPortLink *self)
{
  self->fd = self->bulk_fd = -1;
  self->next_id = 1;
  self->unsent = g_byte_array_new ();
  self->calls = g_hash_table_new (NULL, NULL);
  sk_frame_buffer_init (&self->buffer);
}

SkAgentLink *
sk_agent_link_new (const char *socket_path)
{
  SkPortLink *self = g_object_new (SK_TYPE_PORT_LINK, NULL);
  self->path = g_strdup (socket_path);
  self->retry = g_timeout_add (0, on_retry, self);
  return SK_AGENT_LINK (self);
}

void
sk_agent_link_set_bulk (SkAgentLink *link, const char *path)
{
  SkPortLink *self = SK_PORT_LINK (link);
  g_free (self->bulk_path);
  self->bulk_path = g_strdup (path);
}
