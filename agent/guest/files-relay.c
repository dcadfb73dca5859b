#include "files-relay.h"
#include "bulk.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the host may have under way to sekisho-files at once, and the heads of its messages. */
#define QUEUE_MAX (2 * SK_FILE_PUTS_MAX * SK_FILE_WINDOW)

/* What is read from a file of sekisho-files at the moment; fd -1: nothing. */
typedef struct
{
  int fd;
  guint32 id, index, length, left;
  guint64 offset;
} Span;

struct _SkFilesRelay
{
  char *path;
  uid_t uid;
  SkPort *port;
  int listener, peer;
  guint on_listener, on_in, on_out;
  guint32 host; /* counts the host's connections; 0: none */
  guint32 hosts;
  gboolean synced;
  guint32 last_offer;
  GHashTable *offers, *puts; /* ids that the host takes for open */
  GHashTable *broken;        /* offers whose file was not what a span said */
  Span span;
  SkBulk *bulk;
  GQueue queue; /* GBytes for the peer */
  gsize queued;
  guint8 packet[SK_FILES_PACKET_MAX];
};

static void watch_peer (SkFilesRelay *relay);

/* ---- to the host ---- */

static void
say (SkFilesRelay *relay, const SkMessage *message)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  if (!sk_message_encode (sk_agent_messages, message, body, NULL)
      || !sk_port_send (relay->port, message->type, message->id, body->data, body->len))
    sk_warn (NULL, "not sent: message %u", message->type);
}

static void
end_all (SkFilesRelay *relay, GHashTable *ids, guint16 type)
{
  GHashTableIter iter;
  gpointer id;
  g_hash_table_iter_init (&iter, ids);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    {
      const SkMessage gone = { .type = type,
                               .id = GPOINTER_TO_UINT (id),
                               .s = { (char *) "the session's file service ended" } };
      if (relay->host)
        say (relay, &gone);
    }
  g_hash_table_remove_all (ids);
}

/* Follows which ids are open, as the host sees it. */
static void
note_from_peer (SkFilesRelay *relay, guint16 type, guint32 id, const guint8 *body, gsize length)
{
  gpointer key = GUINT_TO_POINTER (id);
  if (type == SK_FILE_OFFER)
    {
      relay->last_offer = id;
      g_hash_table_add (relay->offers, key);
    }
  else if (type == SK_FILE_OFFER_GONE)
    {
      g_hash_table_remove (relay->offers, key);
      g_hash_table_remove (relay->broken, key);
    }
  else if (type == SK_FILE_PUT_DONE || type == SK_FILE_PUT_GONE
           || (type == SK_FILE_PUT_REPLY && length > 0 && body[0] != SK_FILE_TAKE))
    g_hash_table_remove (relay->puts, key);
}

/* ---- to sekisho-files ---- */

static void
drop_peer (SkFilesRelay *relay)
{
  g_clear_handle_id (&relay->on_in, g_source_remove);
  g_clear_handle_id (&relay->on_out, g_source_remove);
  sk_clear_fd (&relay->peer);
  g_queue_clear_full (&relay->queue, (GDestroyNotify) g_bytes_unref);
  relay->queued = 0;
  relay->synced = FALSE;
  sk_clear_fd (&relay->span.fd);
  g_hash_table_remove_all (relay->broken);
  end_all (relay, relay->offers, SK_FILE_OFFER_GONE);
  end_all (relay, relay->puts, SK_FILE_PUT_GONE);
}

/* FALSE: full for now, or gone. */
static gboolean
send_packet (SkFilesRelay *relay, const void *data, gsize length)
{
  return send (relay->peer, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (gssize) length;
}

static gboolean
on_peer_writable (int fd, GIOCondition condition, gpointer data)
{
  SkFilesRelay *relay = data;
  GBytes *head;
  while ((head = g_queue_peek_head (&relay->queue)))
    {
      gsize length;
      const void *packet = g_bytes_get_data (head, &length);
      if (!send_packet (relay, packet, length))
        return G_SOURCE_CONTINUE;
      relay->queued -= length;
      g_bytes_unref (g_queue_pop_head (&relay->queue));
    }
  relay->on_out = 0;
  return G_SOURCE_REMOVE;
}

static void
tell_peer (SkFilesRelay *relay, guint16 type, guint32 id, const void *body, gsize length)
{
  g_autoptr (GByteArray) packet = g_byte_array_sized_new ((guint) (SK_FILES_HEADER + length));
  if (relay->peer < 0)
    return;
  sk_write_u16 (packet, type);
  sk_write_u16 (packet, 0);
  sk_write_u32 (packet, id);
  if (length > 0)
    g_byte_array_append (packet, body, (guint) length);
  if (g_queue_is_empty (&relay->queue) && send_packet (relay, packet->data, packet->len))
    return;
  relay->queued += packet->len;
  g_queue_push_tail (&relay->queue, g_byte_array_free_to_bytes (g_steal_pointer (&packet)));
  if (!relay->on_out)
    relay->on_out = g_unix_fd_add (relay->peer, G_IO_OUT, on_peer_writable, relay);
}

static void
greet_peer (SkFilesRelay *relay)
{
  const guint32 last = GUINT32_TO_LE (relay->last_offer);
  relay->synced = FALSE;
  tell_peer (relay, SK_FILES_SYNC, relay->host, &last, sizeof last);
}

static void
refuse_put (SkFilesRelay *relay, guint32 id)
{
  const SkMessage later = { .type = SK_FILE_PUT_REPLY,
                            .id = id,
                            .n = { SK_FILE_LATER, 0, 0, SK_FILE_WINDOW },
                            .s = { (char *) "no session yet" } };
  say (relay, &later);
}

/* The bulk memory is the host's and ours. */
static gboolean
take_bulk (SkFilesRelay *relay, const SkFrame *frame)
{
  SkReader r = sk_reader (frame->body, frame->length);
  if (frame->type == SK_FILE_BULK_READY)
    sk_bulk_ready (relay->bulk, sk_reader_u32 (&r));
  else if (frame->type == SK_FILE_BULK_TAKEN)
    sk_bulk_taken (relay->bulk, sk_reader_u64 (&r));
  else
    return FALSE;
  sk_files_relay_run (relay);
  return TRUE;
}

void
sk_files_relay_take (SkFilesRelay *relay, const SkFrame *frame)
{
  if (take_bulk (relay, frame))
    return;
  if (!relay->synced)
    {
      if (frame->type == SK_FILE_PUT)
        refuse_put (relay, frame->id);
      return;
    }
  if (frame->type == SK_FILE_PUT)
    g_hash_table_add (relay->puts, GUINT_TO_POINTER (frame->id));
  tell_peer (relay, frame->type, frame->id, frame->body, frame->length);
  if (relay->queued <= QUEUE_MAX)
    return;
  sk_warn (SK_FIELDS ("peer", "files"), "does not read: connection closed");
  drop_peer (relay);
}

void
sk_files_relay_set_host (SkFilesRelay *relay, gboolean there)
{
  relay->host = there ? ++relay->hosts : 0;
  relay->last_offer = 0;
  sk_bulk_reset (relay->bulk);
  sk_clear_fd (&relay->span.fd);
  g_hash_table_remove_all (relay->broken);
  g_hash_table_remove_all (relay->offers);
  g_hash_table_remove_all (relay->puts);
  greet_peer (relay);
  sk_files_relay_run (relay);
}

/* ---- spans ---- */

static void
span_end (SkFilesRelay *relay, guint32 id, guint32 length)
{
  const guint32 little = GUINT32_TO_LE (length);
  sk_clear_fd (&relay->span.fd);
  if (length == 0)
    g_hash_table_add (relay->broken, GUINT_TO_POINTER (id));
  tell_peer (relay, SK_FILES_SPAN_DONE, id, &little, sizeof little);
}

/* u index, t offset, as in the table of wire/agent.c. */
#define DATA_HEAD 12

typedef enum
{
  SPAN_SENT,
  SPAN_FULL,   /* goes on when there is room again */
  SPAN_BROKEN, /* the file is shorter by now */
} SpanStep;

static SpanStep
span_sent (Span *span, guint32 n)
{
  span->offset += n;
  span->left -= n;
  return SPAN_SENT;
}

/* Straight from the file into the port's buffer. */
static SpanStep
span_send_data (SkFilesRelay *relay)
{
  Span *span = &relay->span;
  guint8 *body = sk_port_body (relay->port);
  const guint32 index = GUINT32_TO_LE (span->index), n = MIN (span->left, SK_FILE_DATA_MAX);
  const guint64 offset = GUINT64_TO_LE (span->offset);
  gssize got;
  if (!body)
    return SPAN_FULL;
  memcpy (body, &index, sizeof index);
  memcpy (body + sizeof index, &offset, sizeof offset);
  do
    got = pread (span->fd, body + DATA_HEAD, n, (off_t) span->offset);
  while (got < 0 && errno == EINTR);
  if (got != (gssize) n)
    return SPAN_BROKEN;
  sk_port_send_body (relay->port, SK_FILE_DATA, span->id, DATA_HEAD + n);
  return span_sent (span, n);
}

/* A block; less where the rest would be too small for a message of its own. */
static SpanStep
span_send_bulk (SkFilesRelay *relay)
{
  Span *span = &relay->span;
  const guint32 most = MIN (span->left, SK_BULK_BLOCK);
  const guint32 rest = span->left - most;
  const guint32 n = rest > 0 && rest < SK_FILE_DATA_MIN ? most - SK_FILE_DATA_MIN : most;
  guint32 place;
  if (!sk_bulk_has_room (relay->bulk) || sk_port_is_full (relay->port))
    return SPAN_FULL;
  if (!sk_bulk_put (relay->bulk, span->fd, span->offset, n, &place))
    return SPAN_BROKEN;
  const SkMessage m = { .type = SK_FILE_BULK, .id = span->id, .n = { span->index, span->offset, place, n } };
  say (relay, &m);
  return span_sent (span, n);
}

/* A span that has begun on the bulk memory stays there: its end may be small. */
static gboolean
span_is_bulk (SkFilesRelay *relay)
{
  return sk_bulk_is_ready (relay->bulk) && relay->span.length >= SK_BULK_LEAST;
}

static void
span_run (SkFilesRelay *relay)
{
  Span *span = &relay->span;
  SpanStep step = SPAN_SENT;
  while (span->fd >= 0 && step != SPAN_FULL)
    {
      step = span_is_bulk (relay) ? span_send_bulk (relay) : span_send_data (relay);
      if (step == SPAN_BROKEN)
        span_end (relay, span->id, 0);
      else if (span->left == 0)
        span_end (relay, span->id, span->length);
    }
}

/* FALSE: no span. Only of a regular file: no other one could make us wait. */
static gboolean
take_span (SkFilesRelay *relay, guint32 id, SkReader *r, int *fd)
{
  Span span = { .id = id, .fd = -1 };
  struct stat st;
  span.index = sk_reader_u32 (r);
  span.offset = sk_reader_u64 (r);
  span.length = span.left = sk_reader_u32 (r);
  if (!sk_reader_finish (r) || span.length == 0 || span.length > SK_FILES_SPAN_MAX || *fd < 0
      || fstat (*fd, &st) < 0 || !S_ISREG (st.st_mode))
    return FALSE;
  if (!relay->synced || g_hash_table_contains (relay->broken, GUINT_TO_POINTER (id)))
    return TRUE;
  span.fd = sk_steal_fd (fd);
  relay->span = span;
  span_run (relay);
  return TRUE;
}

/* ---- from sekisho-files ---- */

/* FALSE: the peer does not speak our language. */
static gboolean
take_packet (SkFilesRelay *relay, gsize length, int *fd)
{
  SkReader r = sk_reader (relay->packet, length);
  const guint16 type = sk_reader_u16 (&r);
  const guint16 reserved = sk_reader_u16 (&r);
  const guint32 id = sk_reader_u32 (&r);
  const guint8 *body = relay->packet + SK_FILES_HEADER;
  if (r.failed || reserved != 0)
    return FALSE;
  if (type == SK_FILES_SPAN)
    return take_span (relay, id, &r, fd);
  if (*fd >= 0)
    return FALSE;
  if (type == SK_FILES_SYNCED)
    {
      relay->synced = relay->host != 0 && id == relay->host;
      return TRUE;
    }
  if (!sk_file_is_message (type) || type % 2 == 0 || type == SK_FILE_BULK)
    return FALSE;
  if (!relay->synced
      || (type != SK_FILE_OFFER_GONE && g_hash_table_contains (relay->broken, GUINT_TO_POINTER (id))))
    return TRUE;
  note_from_peer (relay, type, id, body, length - SK_FILES_HEADER);
  if (!sk_port_send (relay->port, type, id, body, length - SK_FILES_HEADER))
    sk_warn (SK_FIELDS ("peer", "files"), "not sent: message %u", type);
  return TRUE;
}

static gboolean
may_take (SkFilesRelay *relay)
{
  return relay->span.fd < 0 && !sk_port_is_full (relay->port);
}

/* 1: a packet was taken; 0: there is none now; -1: the peer went, or does not speak our language. */
static int
take_next (SkFilesRelay *relay)
{
  g_autoptr (GError) error = NULL;
  int fds[SK_PACKET_FDS_MAX];
  gsize n_fds = 0;
  const gssize n
      = sk_fd_recv_large_packet (relay->peer, relay->packet, sizeof relay->packet, fds, &n_fds, &error);
  if (g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT))
    return 0;
  const gboolean good = n > 0 && n_fds <= 1 && take_packet (relay, (gsize) n, &fds[0]);
  for (gsize i = 0; i < n_fds; i++)
    sk_clear_fd (&fds[i]);
  return good ? 1 : -1;
}

static gboolean
on_peer_readable (int fd, GIOCondition condition, gpointer data)
{
  SkFilesRelay *relay = data;
  while (may_take (relay))
    {
      const int taken = take_next (relay);
      if (taken == 0)
        return G_SOURCE_CONTINUE;
      if (taken < 0)
        {
          relay->on_in = 0;
          drop_peer (relay);
          return G_SOURCE_REMOVE;
        }
    }
  /* The port's room comes back as sk_files_relay_run(). */
  relay->on_in = 0;
  return G_SOURCE_REMOVE;
}

static void
watch_peer (SkFilesRelay *relay)
{
  if (relay->peer >= 0 && !relay->on_in && may_take (relay))
    relay->on_in = g_unix_fd_add (relay->peer, G_IO_IN, on_peer_readable, relay);
}

void
sk_files_relay_run (SkFilesRelay *relay)
{
  span_run (relay);
  watch_peer (relay);
}

/* ---- the socket ---- */

static gboolean
on_connection (int listener, GIOCondition condition, gpointer data)
{
  SkFilesRelay *relay = data;
  struct ucred who;
  socklen_t length = sizeof who;
  sk_autofd int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0
      || (who.uid != relay->uid && who.uid != getuid ()))
    return G_SOURCE_CONTINUE;
  drop_peer (relay);
  relay->peer = sk_steal_fd (&fd);
  watch_peer (relay);
  greet_peer (relay);
  return G_SOURCE_CONTINUE;
}

SkFilesRelay *
sk_files_relay_new (const char *path, uid_t uid, SkPort *port, const char *bulk_path, GError **error)
{
  sk_autofd int listener = sk_fd_listen_unix (path, SOCK_SEQPACKET | SOCK_NONBLOCK, error);
  if (listener < 0)
    return NULL;
  /* Anybody may knock: who stays is decided by SO_PEERCRED. */
  if (chmod (path, 0666) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "%s: %s", path, g_strerror (errno));
      return NULL;
    }
  SkFilesRelay *relay = g_new0 (SkFilesRelay, 1);
  relay->path = g_strdup (path);
  relay->uid = uid;
  relay->port = port;
  relay->bulk = sk_bulk_new (bulk_path);
  relay->peer = relay->span.fd = -1;
  relay->broken = g_hash_table_new (NULL, NULL);
  relay->offers = g_hash_table_new (NULL, NULL);
  relay->puts = g_hash_table_new (NULL, NULL);
  g_queue_init (&relay->queue);
  relay->listener = sk_steal_fd (&listener);
  relay->on_listener = g_unix_fd_add (relay->listener, G_IO_IN, on_connection, relay);
  return relay;
}

void
sk_files_relay_free (SkFilesRelay *relay)
{
  if (!relay)
    return;
  relay->host = 0;
  drop_peer (relay);
  g_clear_handle_id (&relay->on_listener, g_source_remove);
  sk_clear_fd (&relay->listener);
  unlink (relay->path);
  sk_bulk_free (relay->bulk);
  g_hash_table_unref (relay->broken);
  g_hash_table_unref (relay->offers);
  g_hash_table_unref (relay->puts);
  g_free (relay->path);
  g_free (relay);
}
