#include "files.h"
#include "../files-relay.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "inbox.h"
#include "outbox.h"
#include "wire/buf.h"
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_AGAIN_MS 200
/* One print-out does not wait for files; together they are SK_FILE_OFFERS_MAX. */
#define PRINTS_MAX 1

struct _SkFiles
{
  char *socket_path;
  SkFilesNotify notify;
  gpointer data;
  SkOutbox *send, *print;
  SkInbox *inbox;
  int fd;
  guint on_in, on_out, again;
  guint32 last_offer;
  gboolean up;
  GQueue queue; /* GBytes */
  guint8 in[SK_FILES_PACKET_MAX], out[SK_FILES_PACKET_MAX];
};

static void connect_later (SkFiles *files);

static void
set_up (SkFiles *files, gboolean up)
{
  files->up = FALSE;
  sk_outbox_reset (files->send);
  sk_outbox_reset (files->print);
  sk_inbox_reset (files->inbox);
  files->up = up;
  if (!up)
    return;
  sk_outbox_run (files->send);
  sk_outbox_run (files->print);
}

static void
disconnect_agent (SkFiles *files)
{
  g_clear_handle_id (&files->on_in, g_source_remove);
  g_clear_handle_id (&files->on_out, g_source_remove);
  g_queue_clear_full (&files->queue, (GDestroyNotify) g_bytes_unref);
  sk_clear_fd (&files->fd);
}

static void
agent_lost (SkFiles *files)
{
  disconnect_agent (files);
  set_up (files, FALSE);
  connect_later (files);
}

/* ---- saying ---- */

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  SkFiles *files = data;
  GBytes *head;
  while ((head = g_queue_peek_head (&files->queue)))
    {
      gsize length;
      const void *packet = g_bytes_get_data (head, &length);
      if (send (fd, packet, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (gssize) length)
        return G_SOURCE_CONTINUE;
      g_bytes_unref (g_queue_pop_head (&files->queue));
    }
  files->on_out = 0;
  sk_outbox_pump (files->print);
  sk_outbox_pump (files->send);
  return G_SOURCE_REMOVE;
}

static void
send_packet (SkFiles *files, const guint8 *packet, gsize length)
{
  if (files->fd < 0)
    return;
  if (g_queue_is_empty (&files->queue)
      && send (files->fd, packet, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (gssize) length)
    return;
  g_queue_push_tail (&files->queue, g_bytes_new (packet, length));
  if (!files->on_out)
    files->on_out = g_unix_fd_add (files->fd, G_IO_OUT, on_writable, files);
}

static void
packet_head (GByteArray *out, guint16 type, guint32 id)
{
  sk_write_u16 (out, type);
  sk_write_u16 (out, 0);
  sk_write_u32 (out, id);
}

void
sk_files_say (SkFiles *files, const SkMessage *message)
{
  g_autoptr (GByteArray) packet = g_byte_array_new ();
  packet_head (packet, message->type, message->id);
  /* Our own texts and names that tree.c cleaned: they fit. */
  if (files->up && sk_message_encode (sk_agent_messages, message, packet, NULL))
    send_packet (files, packet->data, packet->len);
}

/* Header, u index, t offset. */
#define DATA_HEAD (SK_FILES_HEADER + 12)

guint8 *
sk_files_data (SkFiles *files)
{
  return files->out + DATA_HEAD;
}

void
sk_files_send_data (SkFiles *files, guint16 type, guint32 id, guint index, guint64 offset, gsize length)
{
  g_autoptr (GByteArray) head = g_byte_array_sized_new (DATA_HEAD);
  packet_head (head, type, id);
  sk_write_u32 (head, index);
  sk_write_u64 (head, offset);
  memcpy (files->out, head->data, DATA_HEAD);
  send_packet (files, files->out, DATA_HEAD + length);
}

gboolean
sk_files_send_span (SkFiles *files, guint32 id, guint index, guint64 offset, guint32 length, int fd)
{
  g_autoptr (GByteArray) packet = g_byte_array_sized_new (SK_FILES_HEADER + 16);
  packet_head (packet, SK_FILES_SPAN, id);
  sk_write_u32 (packet, index);
  sk_write_u64 (packet, offset);
  sk_write_u32 (packet, length);
  if (sk_files_is_idle (files) && sk_fd_send_packet (files->fd, packet->data, packet->len, &fd, 1, NULL))
    return TRUE;
  if (files->fd >= 0 && !files->on_out)
    files->on_out = g_unix_fd_add (files->fd, G_IO_OUT, on_writable, files);
  return FALSE;
}

gboolean
sk_files_is_up (const SkFiles *files)
{
  return files->up;
}

gboolean
sk_files_is_idle (const SkFiles *files)
{
  return files->up && g_queue_is_empty ((GQueue *) &files->queue);
}

guint32
sk_files_next_offer (SkFiles *files)
{
  return ++files->last_offer;
}

void
sk_files_notify (SkFiles *files, const char *key, const char *summary, const char *body, int percent)
{
  if (files->notify)
    files->notify (key, summary, body, percent, files->data);
}

/* ---- hearing ---- */

static void
handle_sync (SkFiles *files, guint32 host, SkReader *r)
{
  const guint32 last = sk_reader_u32 (r);
  g_autoptr (GByteArray) synced = g_byte_array_new ();
  if (!sk_reader_finish (r))
    return;
  packet_head (synced, SK_FILES_SYNCED, host);
  files->last_offer = last;
  send_packet (files, synced->data, synced->len);
  set_up (files, host != 0);
}

static void
handle_span_done (SkFiles *files, guint32 id, SkReader *r)
{
  const guint32 length = sk_reader_u32 (r);
  if (sk_reader_finish (r) && files->up && !sk_outbox_span_done (files->send, id, length))
    sk_outbox_span_done (files->print, id, length);
}

static void
take_other (SkFiles *files, const SkMessage *m)
{
  g_autofree char *text = m->type == SK_FILE_STATUS ? sk_both_pick (m->s[2], sk_locale_is_japanese ()) : NULL;
  if (text)
    sk_files_notify (files, m->s[0], SK_TR ("Sent to LGWAN", "LGWAN への送信"), text, -1);
  else
    sk_inbox_take (files->inbox, m);
}

static void
take_packet (SkFiles *files, gsize length)
{
  g_auto (SkMessage) m = { 0 };
  SkReader r = sk_reader (files->in, length);
  const guint16 type = sk_reader_u16 (&r);
  const guint16 reserved = sk_reader_u16 (&r);
  const guint32 id = sk_reader_u32 (&r);
  if (type == SK_FILES_SYNC && reserved == 0)
    handle_sync (files, id, &r);
  else if (type == SK_FILES_SPAN_DONE && reserved == 0)
    handle_span_done (files, id, &r);
  else if (files->up
           && sk_message_decode (sk_agent_messages, SK_FROM_HOST, type, id, files->in + r.position,
                                 length - r.position, &m, NULL)
           && !sk_outbox_take (files->send, &m) && !sk_outbox_take (files->print, &m))
    take_other (files, &m);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  SkFiles *files = data;
  const gssize n = recv (fd, files->in, sizeof files->in, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n > 0)
    {
      take_packet (files, (gsize) n);
      return G_SOURCE_CONTINUE;
    }
  files->on_in = 0;
  agent_lost (files);
  return G_SOURCE_REMOVE;
}

static gboolean
on_connect (gpointer data)
{
  SkFiles *files = data;
  files->fd = sk_fd_connect_unix (files->socket_path, SOCK_SEQPACKET | SOCK_NONBLOCK, NULL);
  if (files->fd < 0)
    return G_SOURCE_CONTINUE;
  files->again = 0;
  files->on_in = g_unix_fd_add (files->fd, G_IO_IN, on_readable, files);
  return G_SOURCE_REMOVE;
}

static void
connect_later (SkFiles *files)
{
  if (!files->again)
    files->again = g_timeout_add (CONNECT_AGAIN_MS, on_connect, files);
}

/* ---- life ---- */

SkFiles *
sk_files_new (const char *socket_path, const char *home, SkFilesNotify notify, gpointer data, GError **error)
{
  g_autoptr (SkFiles) files = g_new0 (SkFiles, 1);
  const SkOutboxKind file = { SK_FILES_SEND, "file", TRUE, SK_FILE_OFFERS_MAX - PRINTS_MAX };
  const SkOutboxKind print = { SK_FILES_PRINT, "print", FALSE, PRINTS_MAX };
  /* tree.h */
  signal (SIGIO, SIG_IGN);
  files->socket_path = g_strdup (socket_path);
  files->notify = notify;
  files->data = data;
  files->fd = -1;
  g_queue_init (&files->queue);
  files->send = sk_outbox_new (files, home, &file, error);
  files->print = files->send ? sk_outbox_new (files, home, &print, error) : NULL;
  files->inbox = files->print ? sk_inbox_new (files, home, error) : NULL;
  if (!files->inbox)
    return NULL;
  if (on_connect (files))
    connect_later (files);
  return g_steal_pointer (&files);
}

void
sk_files_free (SkFiles *files)
{
  if (!files)
    return;
  disconnect_agent (files);
  g_clear_handle_id (&files->again, g_source_remove);
  sk_outbox_free (files->send);
  sk_outbox_free (files->print);
  sk_inbox_free (files->inbox);
  g_free (files->socket_path);
  g_free (files);
}
