/* Recordings: the list, and the stream of one. For administrators; who takes one is in the log. */
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "record/recordings.h"
#include "wire/record.h"
#include <string.h>
#include <sys/socket.h>

#define PROTOCOL "sekisho-recording"

static gboolean
have_recordings (SkRequest *request)
{
  if (request->server->recordings)
    return TRUE;
  sk_request_reply_error (request,
                          g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE, "no recordings here"));
  return FALSE;
}

static JsonObject *
to_json (const SkRecording *r)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "id", r->id);
  json_object_set_string_member (object, "session", r->session);
  json_object_set_string_member (object, "user", r->user);
  json_object_set_string_member (object, "pool", r->pool);
  json_object_set_int_member (object, "started", r->started);
  json_object_set_int_member (object, "bytes", r->bytes);
  return object;
}

void
sk_api_get_recordings (SkRequest *request)
{
  GError *error = NULL;
  const char *session = request->query ? g_hash_table_lookup (request->query, "session") : NULL;
  if (!have_recordings (request))
    return;
  g_autoptr (GPtrArray) all = sk_recordings_list (request->server->recordings, session, &error);
  if (!all)
    {
      sk_request_reply_error (request, error);
      return;
    }
  JsonArray *rows = json_array_new ();
  for (guint i = 0; i < all->len; i++)
    json_array_add_object_element (rows, to_json (all->pdata[i]));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), rows));
  json_array_unref (rows);
}

/* -- the stream ----------------------------------------------------------------------------------------- */

typedef struct
{
  SkRecordingReader *reader;
  int to;
} Sender;

static gboolean
send_all (int fd, const void *data, gsize length)
{
  for (const guint8 *p = data; length > 0;)
    {
      const gssize n = send (fd, p, length, MSG_NOSIGNAL);
      if (n <= 0)
        return FALSE;
      p += n;
      length -= (gsize) n;
    }
  return TRUE;
}

/* Decrypts at the pace at which the client reads; away from the main loop. */
static gpointer
sender_thread (gpointer data)
{
  Sender *s = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) end = g_byte_array_new ();
  GBytes *piece;
  gboolean whole = FALSE, there = TRUE;
  while (there && (piece = sk_recording_read (s->reader, &whole, &error)))
    {
      there = send_all (s->to, g_bytes_get_data (piece, NULL), g_bytes_get_size (piece));
      g_bytes_unref (piece);
    }
  if (error)
    sk_warn (NULL, "%s", error->message);
  const guint8 how = error ? SK_RECORD_END_CHANGED : whole ? SK_RECORD_END_WHOLE : SK_RECORD_END_BROKEN_OFF;
  sk_record_append (end, SK_RECORD_END, g_get_real_time (), &how, 1, NULL, 0);
  if (there)
    send_all (s->to, end->data, end->len);
  sk_recording_reader_free (s->reader);
  sk_clear_fd (&s->to);
  g_free (s);
  return NULL;
}

static void
on_switched (SoupServerMessage *message, gpointer data)
{
  g_autoptr (SkRequest) request = sk_request_ref (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (SkRecordingReader) reader = g_object_steal_data (G_OBJECT (message), "sk-reader");
  const int fd = sk_api_connection_take_fd (request->connection, &error);

  sk_notice (SK_FIELDS ("recording", request->args[0], "user", request->who->user), "recording handed out");
  sk_api_server_forget (request->server, request->connection);
  stream = soup_server_message_steal_connection (message);
  if (fd < 0)
    sk_warn (SK_FIELDS ("recording", request->args[0]), "%s", error->message);
  else
    {
      Sender *s = g_new (Sender, 1);
      *s = (Sender){ g_steal_pointer (&reader), fd };
      g_thread_unref (g_thread_new ("replay", sender_thread, s));
    }
  g_io_stream_close (stream, NULL, NULL);
}

void
sk_api_get_recording (SkRequest *request)
{
  GError *error = NULL;
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (request->message);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (request->message);
  const char *upgrade = soup_message_headers_get_one (asked, "Upgrade");
  if (!have_recordings (request))
    return;
  /* Errors are told while there still is an envelope for them. */
  g_autoptr (SkRecordingReader) reader
      = sk_recordings_open (request->server->recordings, request->args[0], &error);
  if (!reader || !sk_api_connection_check_clean (request->connection, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  if (!upgrade || g_ascii_strcasecmp (upgrade, PROTOCOL) != 0)
    {
      sk_request_reply_object (request, to_json (sk_recording_reader_about (reader)));
      return;
    }
  if (!sk_api_trail (request, "recording.viewed", request->args[0], "user",
                     sk_recording_reader_about (reader)->user, "session",
                     sk_recording_reader_about (reader)->session, NULL))
    return;
  request->answered = TRUE;
  g_object_set_data_full (G_OBJECT (request->message), "sk-reader", g_steal_pointer (&reader),
                          (GDestroyNotify) sk_recording_reader_free);
  g_signal_connect (request->message, "wrote-informational", G_CALLBACK (on_switched), request);
  soup_server_message_set_status (request->message, 101, NULL);
  soup_message_headers_replace (headers, "Connection", "Upgrade");
  soup_message_headers_replace (headers, "Upgrade", PROTOCOL);
}
