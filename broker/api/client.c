#include "api/client.h"
#include "api/http.h"
#include "api/json.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define DEFAULT_SOCKET "/run/sekisho/api.sock"
/* One wait request; shorter than SK_CLIENT_SECONDS, so that silence is told from waiting. */
#define WAIT_SLICE_SECONDS 20

struct _SkClient
{
  char *path;
  int fd;        /* kept open between calls; -1 = none */
  gboolean kept; /* it has been used before */
  char *en, *ja, *detail;
};

SkClient *
sk_client_new (const char *socket_path)
{
  SkClient *client = g_new0 (SkClient, 1);
  const char *path = socket_path ? socket_path : g_getenv ("SEKISHO_SOCKET");
  client->path = g_strdup (path && *path ? path : DEFAULT_SOCKET);
  client->fd = -1;
  return client;
}

static void
forget_error (SkClient *client)
{
  g_clear_pointer (&client->en, g_free);
  g_clear_pointer (&client->ja, g_free);
  g_clear_pointer (&client->detail, g_free);
}

void
sk_client_free (SkClient *client)
{
  if (!client)
    return;
  sk_clear_fd (&client->fd);
  forget_error (client);
  g_free (client->path);
  g_free (client);
}

const char *
sk_client_socket (SkClient *client)
{
  return client->path;
}

void
sk_client_last_error (SkClient *client, const char **ret_en, const char **ret_ja, const char **ret_detail)
{
  *ret_en = client->en;
  *ret_ja = client->ja;
  *ret_detail = client->detail;
}

/* -- connection ----------------------------------------------------------------------------------------- */

static int
connect_broker (SkClient *client, GError **error)
{
  g_autoptr (GError) cause = NULL;
  struct timeval limit = { .tv_sec = SK_CLIENT_SECONDS };
  sk_autofd int fd = sk_fd_connect_unix (client->path, SOCK_STREAM, &cause);
  if (fd < 0)
    {
      g_set_error (
          error, SK_ERROR, SK_ERROR_UNAVAILABLE,
          SK_TR ("Sekisho cannot be reached (%s). Is sekishod running? An administrator can look with: "
                 "systemctl status sekishod",
                 "Sekisho につながりません（%s）。sekishod が動いているか、管理者が systemctl status "
                 "sekishod で確認してください。"),
          cause->message);
      return -1;
    }
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return sk_steal_fd (&fd);
}

/* A kept connection that the broker has closed meanwhile is readable (its end); so is one that says something
 * nobody asked for. Neither is used again, and nothing was sent on it yet. */
static gboolean
ensure_connected (SkClient *client, GError **error)
{
  struct pollfd waiting = { client->fd, POLLIN, 0 };
  if (client->fd >= 0 && poll (&waiting, 1, 0) == 0)
    return TRUE;
  sk_clear_fd (&client->fd);
  client->kept = FALSE;
  client->fd = connect_broker (client, error);
  return client->fd >= 0;
}

static char *
build_request (const char *method, const char *path, const char *headers, JsonNode *body)
{
  g_autofree char *text = body ? sk_json_to_string (body, FALSE) : NULL;
  if (!text)
    return g_strdup_printf ("%s %s HTTP/1.1\r\nHost: sekisho\r\n%s\r\n", method, path, headers);
  return g_strdup_printf ("%s %s HTTP/1.1\r\nHost: sekisho\r\nContent-Type: application/json\r\n"
                          "Content-Length: %" G_GSIZE_FORMAT "\r\n%s\r\n%s",
                          method, path, strlen (text), headers, text);
}

/* Line breaks in a value would let it add headers, spaces in a path end it. */
static gboolean
check_line (const char *text, const char *what, GError **error)
{
  for (const char *c = text; *c; c++)
    if ((guchar) *c <= 0x20 || (guchar) *c >= 0x7f)
      {
        g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s", what);
        return FALSE;
      }
  return TRUE;
}

/* A kept connection can end in the very moment it is used again. What may be asked twice is. */
static gboolean
may_repeat (const char *request, gboolean kept, const GError *error)
{
  return kept && !g_str_has_prefix (request, "POST ")
         && g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST);
}

static gboolean
exchange (SkClient *client, const char *request, SkHttpHead *ret_head, GError **error)
{
  for (;;)
    {
      g_autoptr (GError) failed = NULL;
      gboolean kept = FALSE;
      if (ensure_connected (client, &failed))
        {
          kept = client->kept;
          if (sk_http_write (client->fd, request, strlen (request), &failed)
              && sk_http_read_head (client->fd, ret_head, &failed))
            {
              client->kept = TRUE;
              return TRUE;
            }
        }
      sk_clear_fd (&client->fd);
      if (may_repeat (request, kept, failed))
        continue;
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
}

static JsonNode *
read_answer (SkClient *client, const SkHttpHead *head, GError **error)
{
  gsize length;
  JsonNode *node = NULL;
  g_autofree char *body = sk_http_read_body (client->fd, head, SK_CLIENT_ANSWER_MAX, &length, error);
  if (body)
    node = sk_json_parse (body, length, SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, error);
  if (node && !JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "answer is not an object");
      g_clear_pointer (&node, json_node_unref);
    }
  if (!node || head->close)
    sk_clear_fd (&client->fd);
  return node;
}

/* -- answers -------------------------------------------------------------------------------------------- */

/* Always sets the error. `object` has error_type, error, error_ja, detail, detail_ja. */
static void
take_error (SkClient *client, JsonObject *object, GError **error)
{
  SkErrorCode code = sk_error_code_from_word (sk_json_get_string (object, "error_type", "internal"));
  const SkErrorInfo *info = sk_error_info_for_code (code);
  const char *detail = sk_json_get_string (object, SK_TR ("detail", "detail_ja"), "");

  client->en = g_strdup (sk_json_get_string (object, "error", info->en));
  client->ja = g_strdup (sk_json_get_string (object, "error_ja", info->ja));
  client->detail = *detail ? g_strdup (detail) : NULL;
  if (*detail)
    g_set_error (error, SK_ERROR, (int) code, SK_TR ("%s (%s)", "%s（%s）"), SK_TR (client->en, client->ja),
                 detail);
  else
    g_set_error_literal (error, SK_ERROR, (int) code, SK_TR (client->en, client->ja));
}

static JsonNode *
call (SkClient *client, const char *method, const char *path, JsonNode *body, const char *if_match,
      char **ret_etag, char **ret_operation, GError **error)
{
  g_auto (SkHttpHead) head = { 0 };
  g_autoptr (JsonNode) answer = NULL;
  g_autofree char *headers = if_match ? g_strdup_printf ("If-Match: %s\r\n", if_match) : g_strdup ("");
  g_autofree char *request = NULL;
  JsonObject *envelope;
  const char *type, *operation;

  forget_error (client);
  if (!check_line (method, "method", error) || !check_line (path, "path", error)
      || (if_match && !check_line (if_match, "If-Match", error)))
    return NULL;
  request = build_request (method, path, headers, body);
  if (!exchange (client, request, &head, error) || !(answer = read_answer (client, &head, error)))
    return NULL;
  envelope = json_node_get_object (answer);
  type = sk_json_get_string (envelope, "type", "");
  if (strcmp (type, "error") == 0 || !json_object_has_member (envelope, "metadata"))
    {
      take_error (client, envelope, error);
      return NULL;
    }
  operation = strcmp (type, "async") == 0 ? sk_json_get_string (envelope, "operation", NULL) : NULL;
  if (ret_operation)
    *ret_operation = g_strdup (operation);
  if (ret_etag)
    *ret_etag = g_steal_pointer (&head.etag);
  return json_node_ref (json_object_get_member (envelope, "metadata"));
}

JsonNode *
sk_client_call (SkClient *client, const char *method, const char *path, JsonNode *body, char **ret_operation,
                GError **error)
{
  return call (client, method, path, body, NULL, NULL, ret_operation, error);
}

JsonNode *
sk_client_call_match (SkClient *client, const char *method, const char *path, JsonNode *body,
                      const char *if_match, char **ret_etag, GError **error)
{
  return call (client, method, path, body, if_match, ret_etag, NULL, error);
}

/* NULL with error, or NULL without: it still runs. */
static JsonNode *
take_result (SkClient *client, JsonNode *operation, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (operation) ? json_node_get_object (operation) : NULL;
  const char *status = sk_json_get_string (object, "status", "");
  JsonNode *member;

  if (strcmp (status, "running") == 0)
    return NULL;
  member
      = object ? json_object_get_member (object, strcmp (status, "success") == 0 ? "metadata" : "err") : NULL;
  if (strcmp (status, "success") == 0 && member)
    return json_node_ref (member);
  if (member && JSON_NODE_HOLDS_OBJECT (member))
    take_error (client, json_node_get_object (member), error);
  else
    g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "not an operation");
  return NULL;
}

JsonNode *
sk_client_wait (SkClient *client, const char *operation, int timeout_seconds, GError **error)
{
  gint64 end = g_get_monotonic_time () + (gint64) timeout_seconds * G_USEC_PER_SEC;
  for (;;)
    {
      gint64 left
          = timeout_seconds < 0 ? WAIT_SLICE_SECONDS : (end - g_get_monotonic_time ()) / G_USEC_PER_SEC;
      g_autofree char *path
          = g_strdup_printf ("%s/wait?timeout=%d", operation, (int) CLAMP (left, 0, WAIT_SLICE_SECONDS));
      g_autoptr (JsonNode) answer = sk_client_call (client, "GET", path, NULL, NULL, error);
      g_autoptr (GError) failed = NULL;
      if (!answer)
        return NULL;
      JsonNode *result = take_result (client, answer, &failed);
      if (result)
        return result;
      if (failed)
        {
          g_propagate_error (error, g_steal_pointer (&failed));
          return NULL;
        }
      if (left <= 0)
        {
          g_set_error_literal (error, SK_ERROR, SK_ERROR_TIMEOUT,
                               SK_TR ("It still runs in the background.", "まだ処理中です。"));
          return NULL;
        }
    }
}

/* headers: with "Upgrade: …" and whatever else it takes, each with its line end. */
static int
upgrade (SkClient *client, const char *path, const char *headers, GError **error)
{
  g_auto (SkHttpHead) head = { 0 };
  g_autoptr (JsonNode) answer = NULL;
  g_autofree char *request = build_request ("GET", path, headers, NULL);
  struct timeval none = { 0 };
  int fd;

  forget_error (client);
  if (!exchange (client, request, &head, error))
    return -1;
  if (head.status != 101 || !head.upgraded)
    {
      answer = read_answer (client, &head, error);
      if (answer)
        take_error (client, json_node_get_object (answer), error);
      return -1;
    }
  fd = sk_steal_fd (&client->fd);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
  return fd;
}

int
sk_client_upgrade_rdp (SkClient *client, const char *session, const char *token, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/sessions/%s/rdp", session);
  g_autofree char *headers
      = g_strdup_printf ("Connection: Upgrade\r\nUpgrade: rdp\r\nAuthorization: Bearer %s\r\n", token);
  return check_line (session, "session", error) && check_line (token, "token", error)
             ? upgrade (client, path, headers, error)
             : -1;
}

int
sk_client_upgrade_recording (SkClient *client, const char *recording, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/recordings/%s", recording);
  return check_line (recording, "recording", error)
             ? upgrade (client, path, "Connection: Upgrade\r\nUpgrade: sekisho-recording\r\n", error)
             : -1;
}

int
sk_client_upgrade_transfer (SkClient *client, const char *transfer, SkClientContent which, guint item,
                            guint64 offset, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/transfers/%s/%s?item=%u&offset=%" G_GUINT64_FORMAT, transfer,
                                           which == SK_CLIENT_UPLOAD ? "upload" : "content", item, offset);
  return check_line (transfer, "transfer", error)
             ? upgrade (client, path, "Connection: Upgrade\r\nUpgrade: sekisho-content\r\n", error)
             : -1;
}

/* -- events --------------------------------------------------------------------------------------------- */

/* Not yet whole: one event is some hundred bytes. */
#define EVENT_BUFFER_MAX (1024 * 1024)

struct _SkClientEvents
{
  int fd;
  GString *raw;  /* chunked, as it came */
  GString *text; /* server-sent events */
};

SkClientEvents *
sk_client_events (SkClient *client, GError **error)
{
  g_auto (SkHttpHead) head = { 0 };
  g_autoptr (JsonNode) answer = NULL;
  g_autoptr (SkClient) own = sk_client_new (client->path);
  g_autofree char *request = build_request ("GET", "/1.0/events", "Accept: text/event-stream\r\n", NULL);
  SkClientEvents *events;

  forget_error (client);
  if (!exchange (own, request, &head, error))
    return NULL;
  if (head.status != 200 || !head.chunked)
    {
      answer = read_answer (own, &head, error);
      if (answer)
        take_error (client, json_node_get_object (answer), error);
      return NULL;
    }
  events = g_new0 (SkClientEvents, 1);
  events->fd = sk_steal_fd (&own->fd);
  events->raw = g_string_new (NULL);
  events->text = g_string_new (NULL);
  return events;
}

void
sk_client_events_free (SkClientEvents *events)
{
  if (!events)
    return;
  sk_clear_fd (&events->fd);
  g_string_free (events->raw, TRUE);
  g_string_free (events->text, TRUE);
  g_free (events);
}

int
sk_client_events_get_fd (SkClientEvents *events)
{
  return events->fd;
}

static gboolean
lost (GError **error)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST,
                       SK_TR ("the stream of events ended", "イベントの受信が切れました"));
  return FALSE;
}

/* Moves whole chunks from raw to text: "LENGTH(hex)\r\nBYTES\r\n". */
static gboolean
decode_chunks (SkClientEvents *events, GError **error)
{
  char *line_end;
  while ((line_end = strstr (events->raw->str, "\r\n")))
    {
      char *stop;
      guint64 length = g_ascii_strtoull (events->raw->str, &stop, 16);
      gsize start = (gsize) (line_end + 2 - events->raw->str);
      if (stop != line_end || length == 0 || length > EVENT_BUFFER_MAX)
        return lost (error);
      if (events->raw->len < start + length + 2)
        return TRUE;
      g_string_append_len (events->text, events->raw->str + start, (gssize) length);
      g_string_erase (events->raw, 0, (gssize) (start + length + 2));
    }
  return TRUE;
}

/* TRUE: something came. FALSE without error: nothing within the time. */
static gboolean
receive_more (SkClientEvents *events, int timeout_ms, GError **error)
{
  char buffer[8192];
  struct pollfd waiting = { events->fd, POLLIN, 0 };
  gssize n;
  if (poll (&waiting, 1, timeout_ms) <= 0)
    return FALSE;
  n = recv (events->fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return FALSE;
  if (n <= 0 || events->raw->len + events->text->len > EVENT_BUFFER_MAX || memchr (buffer, 0, (gsize) n))
    return lost (error);
  g_string_append_len (events->raw, buffer, n);
  return decode_chunks (events, error);
}

/* The next whole event's data; comments have none. NULL: no whole event. */
static char *
take_event (SkClientEvents *events)
{
  char *end;
  while ((end = strstr (events->text->str, "\n\n")))
    {
      g_autofree char *event = g_strndup (events->text->str, (gsize) (end - events->text->str));
      char *data = strstr (event, "data: ");
      g_string_erase (events->text, 0, end + 2 - events->text->str);
      if (data && (data == event || data[-1] == '\n'))
        return g_strdup (data + strlen ("data: "));
    }
  return NULL;
}

JsonNode *
sk_client_events_next (SkClientEvents *events, int timeout_ms, GError **error)
{
  gint64 end = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  for (;;)
    {
      g_autoptr (GError) failed = NULL;
      g_autofree char *data = take_event (events);
      int left = timeout_ms < 0 ? -1 : (int) MAX (0, (end - g_get_monotonic_time ()) / 1000);
      if (data)
        return sk_json_parse (data, strlen (data), SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, error);
      if (!receive_more (events, left, &failed) && (failed || left == 0))
        {
          if (failed)
            g_propagate_error (error, g_steal_pointer (&failed));
          return NULL;
        }
    }
}
