/* The content of transfers, over upgraded connections: a thread each, at the pace of the slower of both ends.
 * The main loop only looks who may, and books what came of it. */
#include "api/route.h"
#include "api/server-private.h"
#include "api/transfers.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PROTOCOL "sekisho-content"
#define PIECE (256 * 1024)
/* A client that neither sends nor takes a byte for so long is gone, and its thread with it. */
#define SILENCE_SECONDS 60
/* ... and one that moves less than this in that time holds a thread for nothing: as slow as a guest may be.
 */
#define SLOW_BYTES (16 * 1024)

typedef struct
{
  SkTransfers *transfers; /* a reference; used on the main context only */
  char *id;
  guint item;
  int fd;
  SkQuarantineWriter *writer; /* upload */
  gint64 left;
  SkQuarantineReader *reader; /* content */
  SkQuarantined *content;
  gint64 received;
  GError *error;
  gint64 moved, mark, since; /* bytes in all; at the last look at the pace, and when that was */
  GHashTable *counts;        /* the server's; a reference */
  guint uid;
} Stream;

static guint
count_of (GHashTable *counts, guint uid)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (counts, GUINT_TO_POINTER (uid)));
}

static void
stream_free (gpointer data)
{
  Stream *s = data;
  const guint left = count_of (s->counts, s->uid) - 1;
  if (left > 0)
    g_hash_table_insert (s->counts, GUINT_TO_POINTER (s->uid), GUINT_TO_POINTER (left));
  else
    g_hash_table_remove (s->counts, GUINT_TO_POINTER (s->uid));
  g_hash_table_unref (s->counts);
  g_object_unref (s->transfers);
  g_free (s->id);
  sk_clear_fd (&s->fd);
  g_clear_pointer (&s->writer, sk_quarantine_writer_free);
  g_clear_pointer (&s->reader, sk_quarantine_reader_free);
  g_clear_pointer (&s->content, sk_quarantined_free);
  g_clear_error (&s->error);
  g_free (s);
}

/* FALSE: a byte now and then, which no silence would end. */
static gboolean
keeps_pace (Stream *s, gssize n)
{
  const gint64 now = g_get_monotonic_time ();
  s->moved += n;
  if (s->since == 0)
    s->since = now;
  if (now - s->since < SILENCE_SECONDS * G_USEC_PER_SEC)
    return TRUE;
  const gboolean quick = s->moved - s->mark >= SLOW_BYTES;
  s->mark = s->moved;
  s->since = now;
  return quick;
}

static gboolean
send_all (Stream *s, const void *data, gsize length)
{
  for (const guint8 *p = data; length > 0;)
    {
      const gssize n = send (s->fd, p, length, MSG_NOSIGNAL);
      if (n <= 0 || !keeps_pace (s, n))
        return FALSE;
      p += n;
      length -= (gsize) n;
    }
  return TRUE;
}

static void
set_patience (int fd)
{
  const struct timeval patience = { SILENCE_SECONDS, 0 };
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/* -- out ----------------------------------------------------------------------------------------------------
 */

static gpointer
content_thread (gpointer data)
{
  Stream *s = data;
  g_autofree guint8 *buffer = g_malloc (PIECE);
  g_autoptr (GError) error = NULL;
  gssize n;
  set_patience (s->fd);
  while ((n = sk_quarantine_read (s->reader, buffer, PIECE, &error)) > 0)
    if (!send_all (s, buffer, (gsize) n))
      break;
  if (error)
    sk_warn (SK_FIELDS ("transfer", s->id), "%s", error->message);
  return s;
}

/* -- in -----------------------------------------------------------------------------------------------------
 */

static gboolean
receive (Stream *s, guint8 *buffer, GError **error)
{
  while (s->left > 0)
    {
      const gssize n = recv (s->fd, buffer, (gsize) MIN (s->left, PIECE), 0);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST,
                               SK_BOTH ("not all of it came; go on from where it stopped",
                                        "途中で途切れました。続きから送ってください"));
          return FALSE;
        }
      if (!sk_quarantine_write (s->writer, buffer, (gsize) n, error))
        return FALSE;
      s->left -= n;
      if (s->left > 0 && !keeps_pace (s, n))
        {
          g_set_error_literal (error, SK_ERROR, SK_ERROR_TIMEOUT,
                               SK_BOTH ("it came too slowly; go on from where it stopped",
                                        "送信が遅すぎます。続きから送ってください"));
          return FALSE;
        }
    }
  return TRUE;
}

static gpointer
upload_thread (gpointer data)
{
  Stream *s = data;
  g_autofree guint8 *buffer = g_malloc (PIECE);
  set_patience (s->fd);
  if (receive (s, buffer, &s->error))
    s->content = sk_quarantine_finish (g_steal_pointer (&s->writer), &s->error);
  else
    s->received = (gint64) sk_quarantine_writer_offset (s->writer);
  return s;
}

static void
answer_upload (Stream *s)
{
  g_autofree char *line
      = s->error ? g_strdup_printf ("error %s %s\n", sk_error_info (s->error)->word, s->error->message)
                 : g_strdup ("ok\n");
  send_all (s, line, strlen (line));
}

/* Main context: what the thread came to. */
static gboolean
on_stream_done (gpointer data)
{
  Stream *s = data;
  if (s->reader)
    return G_SOURCE_REMOVE;
  if (!s->error)
    {
      if (!sk_transfers_uploaded (s->transfers, s->id, s->item, s->content, &s->error))
        sk_debug (SK_FIELDS ("transfer", s->id), "upload: %s", s->error->message);
    }
  else
    {
      g_clear_pointer (&s->writer, sk_quarantine_writer_free);
      sk_transfers_upload_broke (s->transfers, s->id, s->item, s->received);
    }
  answer_upload (s);
  return G_SOURCE_REMOVE;
}

static gpointer
stream_thread (gpointer data)
{
  Stream *s = data;
  if (s->reader)
    content_thread (s);
  else
    upload_thread (s);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_stream_done, s, stream_free);
  return NULL;
}

/* -- the upgrade --------------------------------------------------------------------------------------------
 */

/* A request that goes away before it is switched leaves its writer to the next one. */
static void
drop_stream (gpointer data)
{
  Stream *s = data;
  if (s->writer)
    sk_transfers_upload_broke (s->transfers, s->id, s->item,
                               (gint64) sk_quarantine_writer_offset (s->writer));
  stream_free (s);
}

static void
on_switched (SoupServerMessage *message, gpointer data)
{
  g_autoptr (SkRequest) request = sk_request_ref (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = NULL;
  Stream *s = g_object_steal_data (G_OBJECT (message), "sk-stream");
  s->fd = sk_api_connection_take_fd (request->connection, &error);
  sk_api_server_forget (request->server, request->connection);
  stream = soup_server_message_steal_connection (message);
  if (s->fd < 0)
    {
      sk_warn (SK_FIELDS ("transfer", s->id), "%s", error->message);
      drop_stream (s);
    }
  else
    g_thread_unref (g_thread_new ("content", stream_thread, s));
  g_io_stream_close (stream, NULL, NULL);
}

static void
switch_over (SkRequest *request, Stream *s)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (request->message);
  request->answered = TRUE;
  g_object_set_data_full (G_OBJECT (request->message), "sk-stream", s, drop_stream);
  g_signal_connect (request->message, "wrote-informational", G_CALLBACK (on_switched), request);
  soup_server_message_set_status (request->message, 101, NULL);
  soup_message_headers_replace (headers, "Connection", "Upgrade");
  soup_message_headers_replace (headers, "Upgrade", PROTOCOL);
}

/* Each is a thread, and no connection any more that is counted elsewhere. */
static gboolean
check_streams (SkRequest *request, GError **error)
{
  GHashTable *counts = request->server->streams;
  GHashTableIter iter;
  gpointer n;
  guint all = 0;
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, NULL, &n))
    all += GPOINTER_TO_UINT (n);
  if (all < SK_API_STREAMS_MAX && count_of (counts, request->who->uid) < SK_API_STREAMS_PER_USER)
    return TRUE;
  g_set_error_literal (
      error, SK_ERROR, SK_ERROR_FULL,
      SK_BOTH ("too many files are sent or fetched at once; wait for some to end",
               "同時に送受信するファイルが多すぎます。終わるのを待ってからやり直してください"));
  return FALSE;
}

static gboolean
check_request (SkRequest *request, gint64 *ret_item, gint64 *ret_offset, GError **error)
{
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (request->message);
  const char *upgrade = soup_message_headers_get_one (asked, "Upgrade");
  *ret_item = *ret_offset = 0;
  if (!request->server->transfers)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
                         SK_BOTH ("nothing crosses here", "転送は使えません"));
  else if (!upgrade || g_ascii_strcasecmp (upgrade, PROTOCOL) != 0)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "Upgrade: " PROTOCOL " is needed");
  else
    return check_streams (request, error)
           && sk_route_query_number (request, "item", 0, SK_TRANSFER_ITEMS_MAX, ret_item, error)
           && sk_route_query_number (request, "offset", 0, SK_TRANSFER_BYTES_MAX, ret_offset, error)
           && sk_api_connection_check_clean (request->connection, error);
  return FALSE;
}

static Stream *
stream_new (SkRequest *request, gint64 item)
{
  Stream *s = g_new0 (Stream, 1);
  s->counts = g_hash_table_ref (request->server->streams);
  s->uid = request->who->uid;
  g_hash_table_insert (s->counts, GUINT_TO_POINTER (s->uid),
                       GUINT_TO_POINTER (count_of (s->counts, s->uid) + 1));
  s->transfers = g_object_ref (request->server->transfers);
  s->id = g_strdup (request->args[0]);
  s->item = (guint) item;
  s->fd = -1;
  return s;
}

void
sk_api_get_upload (SkRequest *request)
{
  GError *error = NULL;
  gint64 item, offset, bytes = 0;
  SkQuarantineWriter *writer = NULL;
  if (check_request (request, &item, &offset, &error))
    writer = sk_transfers_upload (request->server->transfers, request->who, request->args[0], (guint) item,
                                  offset, &bytes, &error);
  if (!writer)
    {
      sk_request_reply_error (request, error);
      return;
    }
  Stream *s = stream_new (request, item);
  s->writer = writer;
  s->left = bytes - offset;
  switch_over (request, s);
}

void
sk_api_get_content (SkRequest *request)
{
  GError *error = NULL;
  gint64 item, offset;
  g_autoptr (SkQuarantineReader) reader = NULL;
  if (check_request (request, &item, &offset, &error)
      && (reader = sk_transfers_content (request->server->transfers, request->who, request->args[0],
                                         (guint) item, &error))
      && sk_quarantine_seek (reader, (guint64) offset, &error))
    {
      Stream *s = stream_new (request, item);
      s->reader = g_steal_pointer (&reader);
      switch_over (request, s);
    }
  else
    sk_request_reply_error (request, error);
}
