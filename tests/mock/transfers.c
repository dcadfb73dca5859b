#include "mock/transfers.h"
#include "api/json.h"
#include "common/error.h"
#include "common/fd.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MAX (1024 * 1024)
#define PIECE 65536

typedef struct
{
  char *name, *result_name, *sha256;
  guint64 size;
  gboolean uploaded;
  GByteArray *content; /* received, or to be handed out */
} Item;

typedef struct
{
  char *id, *state, *reason;
  const char *kind;        /* static */
  char *decider, *comment; /* NULL: nobody decided */
  gboolean import;
  guint delivered;
  GPtrArray *items;
} Transfer;

struct _SkMockTransfers
{
  GMutex mutex;
  GCond changed;
  char *path, *outcome, *upload_error;
  int listen_fd;
  GThread *thread;
  GPtrArray *transfers;
  GArray *connections, *listeners; /* int: open ones, and those of them that get events */
  gsize break_after, excess;
  guint busy;
  gboolean away, ending;
  guint64 handed_out;
};

static void
item_free (Item *item)
{
  g_free (item->name);
  g_free (item->result_name);
  g_free (item->sha256);
  g_byte_array_unref (item->content);
  g_free (item);
}

static void
transfer_free (Transfer *transfer)
{
  g_free (transfer->id);
  g_free (transfer->state);
  g_free (transfer->reason);
  g_free (transfer->decider);
  g_free (transfer->comment);
  g_ptr_array_unref (transfer->items);
  g_free (transfer);
}

static Transfer *
new_transfer (SkMockTransfers *mock, gboolean import, const char *state)
{
  Transfer *transfer = g_new0 (Transfer, 1);
  transfer->id = g_uuid_string_random ();
  transfer->state = g_strdup (state);
  transfer->reason = g_strdup ("");
  transfer->import = import;
  transfer->items = g_ptr_array_new_with_free_func ((GDestroyNotify) item_free);
  g_ptr_array_add (mock->transfers, transfer);
  return transfer;
}

static Transfer *
find (SkMockTransfers *mock, const char *id)
{
  for (guint i = 0; i < mock->transfers->len; i++)
    if (strcmp (((Transfer *) mock->transfers->pdata[i])->id, id) == 0)
      return mock->transfers->pdata[i];
  return NULL;
}

static void
set_state (Transfer *transfer, const char *state)
{
  g_free (transfer->state);
  transfer->state = g_strdup (state);
}

/* -- JSON ------------------------------------------------------------------------------------------------ */

static JsonObject *
item_json (const Transfer *transfer, guint i)
{
  const Item *item = transfer->items->pdata[i];
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "index", i);
  json_object_set_string_member (object, "name", item->name);
  json_object_set_int_member (object, "size", (gint64) item->size);
  json_object_set_int_member (object, "received",
                              transfer->import ? (gint64) item->size : (gint64) item->content->len);
  json_object_set_string_member (object, "sha256", "");
  json_object_set_string_member (object, "type", "application/octet-stream");
  json_object_set_string_member (object, "result_name", item->result_name ? item->result_name : "");
  json_object_set_int_member (object, "result_size", transfer->import ? (gint64) item->size : 0);
  json_object_set_string_member (object, "result_sha256", item->sha256 ? item->sha256 : "");
  return object;
}

static void
add_approval (JsonObject *object)
{
  JsonObject *approval = json_object_new ();
  JsonArray *who = json_array_new ();
  json_array_add_string_element (who, "suzuki");
  json_array_add_string_element (who, "tanaka");
  json_object_set_int_member (approval, "stage", 1);
  json_object_set_int_member (approval, "stages", 1);
  json_object_set_array_member (approval, "who", who);
  json_object_set_int_member (approval, "until", g_get_real_time () + (gint64) 3600 * G_USEC_PER_SEC);
  json_object_set_array_member (approval, "decisions", json_array_new ());
  json_object_set_object_member (object, "approval", approval);
}

static void
add_decision (JsonObject *object, const Transfer *transfer)
{
  JsonObject *approval = json_object_new (), *decision = json_object_new ();
  JsonArray *decisions = json_array_new ();
  json_object_set_string_member (decision, "user", transfer->decider);
  json_object_set_string_member (decision, "verdict",
                                 strcmp (transfer->state, "denied") == 0 ? "deny" : "approve");
  json_object_set_string_member (decision, "comment", transfer->comment);
  json_array_add_object_element (decisions, decision);
  json_object_set_array_member (approval, "decisions", decisions);
  json_object_set_object_member (object, "approval", approval);
}

static void
add_refusal (JsonObject *object)
{
  JsonObject *refusal = json_object_new ();
  json_object_set_string_member (refusal, "code", "type");
  json_object_set_string_member (refusal, "en", "this kind of file may not be sent");
  json_object_set_string_member (refusal, "ja", "この種類のファイルは送れません");
  json_object_set_object_member (object, "refusal", refusal);
}

static JsonObject *
transfer_json (const Transfer *transfer)
{
  JsonObject *object = json_object_new ();
  JsonArray *items = json_array_new ();
  guint64 size = 0;
  for (guint i = 0; i < transfer->items->len; i++)
    {
      json_array_add_object_element (items, item_json (transfer, i));
      size += ((Item *) transfer->items->pdata[i])->size;
    }
  json_object_set_string_member (object, "id", transfer->id);
  json_object_set_int_member (object, "created", g_get_real_time ());
  json_object_set_int_member (object, "changed", g_get_real_time ());
  json_object_set_string_member (object, "state", transfer->state);
  json_object_set_string_member (object, "direction", transfer->import ? "import" : "export");
  json_object_set_string_member (object, "kind", transfer->kind ? transfer->kind : "file");
  json_object_set_string_member (object, "user", "sato");
  json_object_set_string_member (object, "session", "");
  json_object_set_string_member (object, "reason", transfer->reason);
  json_object_set_int_member (object, "count", transfer->items->len);
  json_object_set_int_member (object, "size", (gint64) size);
  json_object_set_string_member (object, "rule", "10-test:all");
  json_object_set_string_member (object, "policy", "");
  json_object_set_array_member (object, "items", items);
  if (strcmp (transfer->state, "held") == 0)
    add_approval (object);
  else if (transfer->decider)
    add_decision (object, transfer);
  if (strcmp (transfer->state, "refused") == 0)
    add_refusal (object);
  return object;
}

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

static void
answer_text (int fd, guint status, const char *text)
{
  g_autofree char *head = g_strdup_printf ("HTTP/1.1 %u X\r\nContent-Type: application/json\r\n"
                                           "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                                           status, strlen (text), text);
  send_all (fd, head, strlen (head));
}

static void
answer_error (int fd, SkErrorCode code)
{
  const SkErrorInfo *info = sk_error_info_for_code (code);
  g_autofree char *text = g_strdup_printf ("{\"type\":\"error\",\"error_code\":%d,\"error_type\":\"%s\","
                                           "\"error\":\"%s\",\"error_ja\":\"%s\",\"detail\":\"\"}",
                                           info->http, info->word, info->en, info->ja);
  answer_text (fd, (guint) info->http, text);
}

/* Takes over metadata. */
static void
answer (int fd, JsonNode *metadata)
{
  g_autofree char *inner = sk_json_to_string (metadata, FALSE);
  g_autofree char *text = g_strdup_printf (
      "{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,\"metadata\":%s}", inner);
  json_node_unref (metadata);
  answer_text (fd, 200, text);
}

static void
answer_object (int fd, JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, object);
  answer (fd, node);
}

/* -- streams --------------------------------------------------------------------------------------------- */

typedef struct
{
  SkMockTransfers *mock;
  int fd;
  char *method, *path, *query, *body;
} Request;

static guint64
query_number (const Request *request, const char *name)
{
  g_autofree char *start = g_strconcat (name, "=", NULL);
  g_auto (GStrv) pairs = g_strsplit (request->query, "&", 0);
  for (char **pair = pairs; *pair; pair++)
    if (g_str_has_prefix (*pair, start))
      return g_ascii_strtoull (*pair + strlen (start), NULL, 10);
  return 0;
}

static void
switch_protocol (int fd)
{
  static const char head[]
      = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sekisho-content\r\n\r\n";
  send_all (fd, head, strlen (head));
}

static void
finish_upload (SkMockTransfers *mock, Transfer *transfer)
{
  for (guint i = 0; i < transfer->items->len; i++)
    if (!((Item *) transfer->items->pdata[i])->uploaded)
      return;
  set_state (transfer, mock->outcome);
}

/* Runs with the mutex held; lets it go while it waits. */
static gboolean
take_bytes (const Request *request, Item *item)
{
  SkMockTransfers *mock = request->mock;
  guint8 buffer[PIECE];
  gsize taken = 0;
  for (;;)
    {
      const gsize room = mock->break_after ? MIN (PIECE, mock->break_after - taken) : PIECE;
      g_mutex_unlock (&mock->mutex);
      const gssize n = recv (request->fd, buffer, room, 0);
      g_mutex_lock (&mock->mutex);
      if (n <= 0)
        return n == 0;
      g_byte_array_append (item->content, buffer, (guint) n);
      taken += (gsize) n;
      if (mock->upload_error || (mock->break_after && taken >= mock->break_after))
        return FALSE;
    }
}

static void
handle_upload (const Request *request, Transfer *transfer)
{
  SkMockTransfers *mock = request->mock;
  const guint64 index = query_number (request, "item"), offset = query_number (request, "offset");
  Item *item = index < transfer->items->len ? transfer->items->pdata[index] : NULL;
  const gboolean busy = mock->busy > 0;
  mock->busy -= busy;
  if (busy || !item || transfer->import || strcmp (transfer->state, "receiving") != 0
      || offset != item->content->len)
    {
      answer_error (request->fd, SK_ERROR_CONFLICT);
      return;
    }
  switch_protocol (request->fd);
  if (!take_bytes (request, item))
    {
      if (mock->upload_error)
        send_all (request->fd, mock->upload_error, strlen (mock->upload_error));
      return;
    }
  if (item->content->len != item->size)
    {
      static const char line[] = "error protocol not the announced size\n";
      send_all (request->fd, line, strlen (line));
      return;
    }
  item->uploaded = TRUE;
  finish_upload (mock, transfer);
  send_all (request->fd, "ok\n", 3);
}

static void
handle_content (const Request *request, Transfer *transfer)
{
  SkMockTransfers *mock = request->mock;
  const guint64 index = query_number (request, "item"), offset = query_number (request, "offset");
  Item *item = index < transfer->items->len ? transfer->items->pdata[index] : NULL;
  if (!item || !transfer->import || strcmp (transfer->state, "releasing") != 0 || offset > item->size)
    {
      answer_error (request->fd, SK_ERROR_CONFLICT);
      return;
    }
  g_autofree guint8 *excess = g_malloc0 (mock->excess + 1);
  const gsize left = (gsize) (item->size - offset), excess_length = mock->excess;
  const gsize length = mock->break_after ? MIN (left, mock->break_after) : left;
  mock->handed_out += length;
  switch_protocol (request->fd);
  g_mutex_unlock (&mock->mutex);
  /* Contents never change once they are there. */
  if (send_all (request->fd, item->content->data + offset, length) && length == left)
    send_all (request->fd, excess, excess_length);
  g_mutex_lock (&mock->mutex);
}

/* -- requests -------------------------------------------------------------------------------------------- */

static void
handle_create (const Request *request)
{
  g_autoptr (JsonNode) body = sk_json_parse (request->body, strlen (request->body), SK_JSON_REQUEST_DEPTH,
                                             SK_JSON_REQUEST_NODES, NULL);
  JsonObject *object = body && JSON_NODE_HOLDS_OBJECT (body) ? json_node_get_object (body) : NULL;
  JsonNode *items = object ? json_object_get_member (object, "items") : NULL;
  if (!items || !JSON_NODE_HOLDS_ARRAY (items)
      || strcmp (sk_json_get_string (object, "kind", ""), "file") != 0)
    {
      answer_error (request->fd, SK_ERROR_INVALID);
      return;
    }
  Transfer *transfer = new_transfer (request->mock, FALSE, "receiving");
  g_free (transfer->reason);
  transfer->reason = g_strdup (sk_json_get_string (object, "reason", ""));
  for (guint i = 0; i < json_array_get_length (json_node_get_array (items)); i++)
    {
      JsonObject *one = json_array_get_object_element (json_node_get_array (items), i);
      Item *item = g_new0 (Item, 1);
      item->name = g_strdup (sk_json_get_string (one, "name", ""));
      item->size = (guint64) sk_json_get_int (one, "size", 0);
      item->content = g_byte_array_new ();
      g_ptr_array_add (transfer->items, item);
    }
  answer_object (request->fd, transfer_json (transfer));
}

static void
handle_list (const Request *request)
{
  SkMockTransfers *mock = request->mock;
  const gboolean inbox = strstr (request->query, "box=inbox") != NULL;
  JsonArray *rows = json_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  for (guint i = mock->transfers->len; i > 0; i--)
    {
      Transfer *transfer = mock->transfers->pdata[i - 1];
      if (transfer->import == inbox)
        json_array_add_object_element (rows, transfer_json (transfer));
    }
  json_node_take_array (node, rows);
  answer (request->fd, node);
}

static void
handle_delivered (const Request *request, Transfer *transfer)
{
  if (strcmp (transfer->state, "releasing") != 0 && strcmp (transfer->state, "delivered") != 0)
    {
      answer_error (request->fd, SK_ERROR_CONFLICT);
      return;
    }
  transfer->delivered++;
  set_state (transfer, "delivered");
  g_cond_broadcast (&request->mock->changed);
  answer_object (request->fd, transfer_json (transfer));
}

static void
handle_events (const Request *request)
{
  static const char head[]
      = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  char byte;
  send_all (request->fd, head, strlen (head));
  g_array_append_val (request->mock->listeners, request->fd);
  g_cond_broadcast (&request->mock->changed);
  g_mutex_unlock (&request->mock->mutex);
  while (recv (request->fd, &byte, 1, 0) > 0)
    ;
  g_mutex_lock (&request->mock->mutex);
  for (guint i = request->mock->listeners->len; i > 0; i--)
    if (g_array_index (request->mock->listeners, int, i - 1) == request->fd)
      g_array_remove_index (request->mock->listeners, i - 1);
}

/* TRUE: the connection can be used again. */
static gboolean
handle_one (const Request *request, Transfer *transfer, const char *rest)
{
  const gboolean get = strcmp (request->method, "GET") == 0;
  if (get && strcmp (rest, "upload") == 0)
    handle_upload (request, transfer);
  else if (get && strcmp (rest, "content") == 0)
    handle_content (request, transfer);
  else
    {
      if (get && !*rest)
        answer_object (request->fd, transfer_json (transfer));
      else if (strcmp (request->method, "POST") == 0 && strcmp (rest, "delivered") == 0)
        handle_delivered (request, transfer);
      else if (strcmp (request->method, "DELETE") == 0 && !*rest)
        {
          set_state (transfer, "cancelled");
          answer_object (request->fd, transfer_json (transfer));
        }
      else
        answer_error (request->fd, SK_ERROR_NOT_FOUND);
      return TRUE;
    }
  return FALSE;
}

static gboolean
handle (const Request *request)
{
  if (strcmp (request->path, "/1.0/events") == 0)
    {
      handle_events (request);
      return FALSE;
    }
  if (strcmp (request->path, "/1.0/transfers") == 0)
    {
      if (strcmp (request->method, "POST") == 0)
        handle_create (request);
      else
        handle_list (request);
      return TRUE;
    }
  g_auto (GStrv) parts = g_strsplit (request->path, "/", 5); /* "", 1.0, transfers, ID, REST */
  Transfer *transfer = g_strv_length (parts) > 3 && strcmp (parts[2], "transfers") == 0
                           ? find (request->mock, parts[3])
                           : NULL;
  if (transfer)
    return handle_one (request, transfer, parts[4] ? parts[4] : "");
  answer_error (request->fd, SK_ERROR_NOT_FOUND);
  return TRUE;
}

/* -- connections ----------------------------------------------------------------------------------------- */

static char *
read_until (int fd, GString *raw, const char *mark)
{
  char buffer[4096];
  char *end;
  while (!(end = strstr (raw->str, mark)) && raw->len < REQUEST_MAX)
    {
      const gssize n = recv (fd, buffer, sizeof buffer, 0);
      if (n <= 0)
        return NULL;
      g_string_append_len (raw, buffer, n);
    }
  if (!end)
    return NULL;
  char *head = g_strndup (raw->str, (gsize) (end - raw->str));
  g_string_erase (raw, 0, end + (gssize) strlen (mark) - raw->str);
  return head;
}

static char *
read_body (int fd, GString *raw, const char *head)
{
  const char *length_line = strstr (head, "Content-Length: ");
  const gsize length = length_line ? g_ascii_strtoull (length_line + 16, NULL, 10) : 0;
  char buffer[4096];
  while (raw->len < length)
    {
      const gssize n = recv (fd, buffer, MIN (sizeof buffer, length - raw->len), 0);
      if (n <= 0)
        return NULL;
      g_string_append_len (raw, buffer, n);
    }
  char *body = g_strndup (raw->str, length);
  g_string_erase (raw, 0, (gssize) length);
  return body;
}

/* An upgraded client writes only after the answer, so nothing of its stream is in `raw`. */
static gboolean
serve_request (SkMockTransfers *mock, int fd, GString *raw)
{
  g_autofree char *head = read_until (fd, raw, "\r\n\r\n");
  g_autofree char *body = head ? read_body (fd, raw, head) : NULL;
  if (!body)
    return FALSE;
  g_auto (GStrv) words = g_strsplit (head, " ", 3);
  char *mark = strchr (words[1], '?');
  g_autofree char *query = g_strdup (mark ? mark + 1 : "");
  if (mark)
    *mark = 0;
  const Request request = { mock, fd, words[0], words[1], query, body };
  g_mutex_lock (&mock->mutex);
  const gboolean goes_on = !mock->away && !mock->ending && handle (&request);
  g_mutex_unlock (&mock->mutex);
  return goes_on;
}

typedef struct
{
  SkMockTransfers *mock;
  int fd;
} Connection;

static gpointer
connection_thread (gpointer data)
{
  Connection *connection = data;
  SkMockTransfers *mock = connection->mock;
  GString *raw = g_string_new (NULL);
  while (serve_request (mock, connection->fd, raw))
    ;
  g_mutex_lock (&mock->mutex);
  for (guint i = 0; i < mock->connections->len; i++)
    if (g_array_index (mock->connections, int, i) == connection->fd)
      {
        g_array_remove_index (mock->connections, i);
        break;
      }
  shutdown (connection->fd, SHUT_RDWR);
  close (connection->fd);
  g_cond_broadcast (&mock->changed);
  g_mutex_unlock (&mock->mutex);
  g_string_free (raw, TRUE);
  g_free (connection);
  return NULL;
}

static gpointer
accept_thread (gpointer data)
{
  SkMockTransfers *mock = data;
  for (;;)
    {
      sk_autofd int fd = accept4 (mock->listen_fd, NULL, NULL, SOCK_CLOEXEC);
      if (fd < 0)
        return NULL;
      g_mutex_lock (&mock->mutex);
      if (!mock->away && !mock->ending)
        {
          Connection *connection = g_new (Connection, 1);
          *connection = (Connection){ mock, sk_steal_fd (&fd) };
          g_array_append_val (mock->connections, connection->fd);
          g_thread_unref (g_thread_new ("connection", connection_thread, connection));
        }
      g_mutex_unlock (&mock->mutex);
    }
}

SkMockTransfers *
sk_mock_transfers_new (const char *socket_path)
{
  SkMockTransfers *mock = g_new0 (SkMockTransfers, 1);
  g_autoptr (GError) error = NULL;
  mock->path = g_strdup (socket_path);
  mock->outcome = g_strdup ("held");
  mock->transfers = g_ptr_array_new_with_free_func ((GDestroyNotify) transfer_free);
  mock->connections = g_array_new (FALSE, FALSE, sizeof (int));
  mock->listeners = g_array_new (FALSE, FALSE, sizeof (int));
  g_mutex_init (&mock->mutex);
  g_cond_init (&mock->changed);
  mock->listen_fd = sk_fd_listen_unix (socket_path, SOCK_STREAM, &error);
  g_assert_no_error (error);
  mock->thread = g_thread_new ("accept", accept_thread, mock);
  return mock;
}

void
sk_mock_transfers_free (SkMockTransfers *mock)
{
  g_mutex_lock (&mock->mutex);
  mock->ending = TRUE;
  shutdown (mock->listen_fd, SHUT_RDWR);
  for (guint i = 0; i < mock->connections->len; i++)
    shutdown (g_array_index (mock->connections, int, i), SHUT_RDWR);
  while (mock->connections->len > 0)
    g_cond_wait (&mock->changed, &mock->mutex);
  g_mutex_unlock (&mock->mutex);
  g_thread_join (mock->thread);
  close (mock->listen_fd);
  unlink (mock->path);
  g_ptr_array_unref (mock->transfers);
  g_array_unref (mock->connections);
  g_array_unref (mock->listeners);
  g_mutex_clear (&mock->mutex);
  g_cond_clear (&mock->changed);
  g_free (mock->upload_error);
  g_free (mock->outcome);
  g_free (mock->path);
  g_free (mock);
}

/* -- the test's side ------------------------------------------------------------------------------------- */

static void
add_item (Transfer *transfer, const char *result_name, GBytes *content)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (content, &length);
  Item *item = g_new0 (Item, 1);
  item->name = g_strdup (result_name);
  item->result_name = g_strdup (result_name);
  item->size = length;
  item->sha256 = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, content);
  item->content = g_byte_array_append (g_byte_array_new (), data, (guint) length);
  g_ptr_array_add (transfer->items, item);
}

const char *
sk_mock_transfers_add (SkMockTransfers *mock, const char *result_name, GBytes *content)
{
  g_mutex_lock (&mock->mutex);
  Transfer *transfer = new_transfer (mock, TRUE, "releasing");
  add_item (transfer, result_name, content);
  g_mutex_unlock (&mock->mutex);
  return transfer->id;
}

void
sk_mock_transfers_add_item (SkMockTransfers *mock, const char *id, const char *result_name, GBytes *content)
{
  g_mutex_lock (&mock->mutex);
  add_item (find (mock, id), result_name, content);
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_set_sha256 (SkMockTransfers *mock, const char *id, guint item, const char *sha256)
{
  g_mutex_lock (&mock->mutex);
  Item *one = find (mock, id)->items->pdata[item];
  g_free (one->sha256);
  one->sha256 = g_strdup (sha256);
  g_mutex_unlock (&mock->mutex);
}

guint
sk_mock_transfers_delivered (SkMockTransfers *mock, const char *id)
{
  g_mutex_lock (&mock->mutex);
  const guint delivered = find (mock, id)->delivered;
  g_mutex_unlock (&mock->mutex);
  return delivered;
}

static void
emit (SkMockTransfers *mock, const char *type, const char *id, const char *state, const char *direction,
      const char *kind)
{
  g_autofree char *data = g_strdup_printf ("data: {\"type\":\"%s\",\"id\":\"%s\",\"state\":\"%s\","
                                           "\"direction\":\"%s\",\"kind\":\"%s\",\"text\":\"\"}\n\n",
                                           type, id, state, direction, kind);
  g_autofree char *chunk = g_strdup_printf ("%zx\r\n%s\r\n", strlen (data), data);
  g_mutex_lock (&mock->mutex);
  for (guint i = 0; i < mock->listeners->len; i++)
    send_all (g_array_index (mock->listeners, int, i), chunk, strlen (chunk));
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_announce (SkMockTransfers *mock, const char *id)
{
  emit (mock, "transfer", id, "releasing", "import", "file");
}

void
sk_mock_transfers_decide (SkMockTransfers *mock, const char *id, const char *state, const char *user,
                          const char *comment)
{
  g_mutex_lock (&mock->mutex);
  Transfer *transfer = find (mock, id);
  set_state (transfer, state);
  g_free (transfer->decider);
  g_free (transfer->comment);
  transfer->decider = g_strdup (user);
  transfer->comment = g_strdup (comment);
  g_mutex_unlock (&mock->mutex);
  emit (mock, "transfer", id, state, "export", "file");
}

void
sk_mock_transfers_copy (SkMockTransfers *mock, const char *id, const char *kind, const char *state)
{
  g_mutex_lock (&mock->mutex);
  Transfer *transfer = find (mock, id);
  set_state (transfer, state);
  transfer->kind = kind;
  g_mutex_unlock (&mock->mutex);
  emit (mock, "transfer", id, state, "import", kind);
}

void
sk_mock_transfers_wait_for_listener (SkMockTransfers *mock)
{
  g_mutex_lock (&mock->mutex);
  while (mock->listeners->len == 0)
    g_cond_wait (&mock->changed, &mock->mutex);
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_ask (SkMockTransfers *mock, const char *id)
{
  emit (mock, "approval", id, "waiting", "", "file");
}

guint
sk_mock_transfers_count (SkMockTransfers *mock)
{
  g_mutex_lock (&mock->mutex);
  const guint count = mock->transfers->len;
  g_mutex_unlock (&mock->mutex);
  return count;
}

const char *
sk_mock_transfers_id (SkMockTransfers *mock, guint n)
{
  g_mutex_lock (&mock->mutex);
  const char *id = n < mock->transfers->len ? ((Transfer *) mock->transfers->pdata[n])->id : NULL;
  g_mutex_unlock (&mock->mutex);
  return id;
}

char *
sk_mock_transfers_state (SkMockTransfers *mock, const char *id)
{
  g_mutex_lock (&mock->mutex);
  char *state = g_strdup (find (mock, id)->state);
  g_mutex_unlock (&mock->mutex);
  return state;
}

char *
sk_mock_transfers_reason (SkMockTransfers *mock, const char *id)
{
  g_mutex_lock (&mock->mutex);
  char *reason = g_strdup (find (mock, id)->reason);
  g_mutex_unlock (&mock->mutex);
  return reason;
}

char *
sk_mock_transfers_name (SkMockTransfers *mock, const char *id, guint item)
{
  g_mutex_lock (&mock->mutex);
  Transfer *transfer = find (mock, id);
  char *name = item < transfer->items->len ? g_strdup (((Item *) transfer->items->pdata[item])->name) : NULL;
  g_mutex_unlock (&mock->mutex);
  return name;
}

GBytes *
sk_mock_transfers_content (SkMockTransfers *mock, const char *id, guint item)
{
  g_mutex_lock (&mock->mutex);
  const Item *one = find (mock, id)->items->pdata[item];
  GBytes *content = g_bytes_new (one->content->data, one->content->len);
  g_mutex_unlock (&mock->mutex);
  return content;
}

void
sk_mock_transfers_set_outcome (SkMockTransfers *mock, const char *state)
{
  g_mutex_lock (&mock->mutex);
  g_free (mock->outcome);
  mock->outcome = g_strdup (state);
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_set_break (SkMockTransfers *mock, gsize bytes)
{
  g_mutex_lock (&mock->mutex);
  mock->break_after = bytes;
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_set_upload_error (SkMockTransfers *mock, const char *line)
{
  g_mutex_lock (&mock->mutex);
  g_free (mock->upload_error);
  mock->upload_error = g_strdup (line);
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_set_busy (SkMockTransfers *mock, guint uploads)
{
  g_mutex_lock (&mock->mutex);
  mock->busy = uploads;
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_set_away (SkMockTransfers *mock, gboolean away)
{
  g_mutex_lock (&mock->mutex);
  mock->away = away;
  if (away)
    for (guint i = 0; i < mock->connections->len; i++)
      shutdown (g_array_index (mock->connections, int, i), SHUT_RDWR);
  g_mutex_unlock (&mock->mutex);
}

void
sk_mock_transfers_set_excess (SkMockTransfers *mock, gsize bytes)
{
  g_mutex_lock (&mock->mutex);
  mock->excess = bytes;
  g_mutex_unlock (&mock->mutex);
}

guint64
sk_mock_transfers_handed_out (SkMockTransfers *mock)
{
  g_mutex_lock (&mock->mutex);
  const guint64 bytes = mock->handed_out;
  g_mutex_unlock (&mock->mutex);
  return bytes;
}
