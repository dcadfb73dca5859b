#include "api/sessions.h"
#include "api/operations.h"
#include "api/identity.h"
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "wire/agent.h"
#include <string.h>

#define QUEUED "Waiting for a browser"
/* Longer than any pool's name, so that a wrong one is "not found" rather than "too long". */
#define NAME_MAX_BYTES 64
/* The core knows the real limit of a picture; this one only keeps nonsense out. */
#define PIXELS_MAX 16384

/* The core's own eyes, for looking at sessions of others. */
static const SkIdentity everyone = { .uid = 0, .user = (char *) "root", .admin = TRUE };

/* eta_seconds only where the core can say. */
static void
add_place (SkManager *manager, const SkSession *session, JsonObject *object)
{
  guint eta = sk_manager_queue_estimate (manager, session->id);
  if (session->state != SK_SESSION_QUEUED)
    return;
  json_object_set_int_member (object, "position", sk_manager_queue_position (manager, session->id));
  if (eta > 0)
    json_object_set_int_member (object, "eta_seconds", eta);
}

static JsonObject *
session_to_json (SkManager *manager, const SkSession *session)
{
  JsonObject *object = sk_json_from_row (sk_session_fields, session);
  add_place (manager, session, object);
  return object;
}

static JsonObject *
ticket_to_json (const SkTicket *ticket)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "token", ticket->token);
  json_object_set_string_member (object, "fingerprint", ticket->fingerprint);
  json_object_set_int_member (object, "width", ticket->width);
  json_object_set_int_member (object, "height", ticket->height);
  json_object_set_int_member (object, "seconds", SK_TOKEN_SECONDS);
  return object;
}

static char *
session_path (const char *id)
{
  return g_strconcat ("/1.0/sessions/", id, NULL);
}

/* -- the queue ------------------------------------------------------------------------------------------ */

static JsonObject *
queue_to_json (SkManager *manager, const SkSession *session)
{
  JsonObject *object = json_object_new ();
  json_object_set_object_member (object, "session", session_to_json (manager, session));
  add_place (manager, session, object);
  return object;
}

static gboolean
position_changed (SkManager *manager, SkOperation *operation, const SkSession *session)
{
  g_autoptr (JsonObject) shown = sk_operation_to_json (operation);
  JsonNode *metadata = json_object_get_member (shown, "metadata");
  return !JSON_NODE_HOLDS_OBJECT (metadata)
         || sk_json_get_int (json_node_get_object (metadata), "position", -1)
                != sk_manager_queue_position (manager, session->id);
}

static void
check_queued (SkOperation *operation, gpointer data)
{
  SkApiServer *server = data;
  GError *error = NULL;
  const char *id = sk_operation_resource (operation) + strlen ("/1.0/sessions/");
  g_autoptr (SkSession) session = sk_manager_session (server->manager, &everyone, id, &error);

  if (!session)
    sk_operation_finish (operation, NULL, error);
  else if (session->state == SK_SESSION_ENDED)
    sk_operation_finish (
        operation, NULL,
        g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, session->reason ? session->reason : ""));
  else if (session->state != SK_SESSION_QUEUED)
    {
      g_autoptr (JsonObject) result = json_object_new ();
      json_object_set_object_member (result, "session", session_to_json (server->manager, session));
      sk_operation_finish (operation, json_node_init_object (json_node_alloc (), result), NULL);
    }
  else if (position_changed (server->manager, operation, session))
    sk_operation_progress (operation, queue_to_json (server->manager, session));
}

void
sk_api_sessions_check_queue (SkApiServer *server)
{
  sk_operations_foreach (server->operations, QUEUED, check_queued, server);
}

/* A session may be unknown to the manager by the time it says "ended", so its owner is remembered. */
guint
sk_api_sessions_describe_event (SkApiServer *server, const char *id, JsonObject *event)
{
  g_autoptr (SkSession) session = id ? sk_manager_session (server->manager, &everyone, id, NULL) : NULL;
  gpointer uid;

  if (session)
    {
      json_object_set_string_member (event, "pool", session->pool ? session->pool : "");
      add_place (server->manager, session, event);
      g_hash_table_replace (server->session_uids, g_strdup (id), GUINT_TO_POINTER (session->uid));
    }
  if (!id || !g_hash_table_lookup_extended (server->session_uids, id, NULL, &uid))
    return SK_EVENT_NOBODY;
  if (!session || session->state == SK_SESSION_ENDED)
    g_hash_table_remove (server->session_uids, id);
  return GPOINTER_TO_UINT (uid);
}

static void
cancel_queued (SkOperation *operation, gpointer data)
{
  SkApiServer *server = data;
  g_autoptr (GError) error = NULL;
  const char *id = sk_operation_resource (operation) + strlen ("/1.0/sessions/");
  if (!sk_manager_end_session (server->manager, &everyone, id,
                               SK_BOTH ("It was cancelled.", "取り消されました。"), &error))
    sk_debug (NULL, "cancel: %s", error->message);
  /* Ending it made an event, which finished the operation; if the session was gone already, nothing did. */
  sk_operation_finish (operation, NULL, g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, "cancelled"));
}

/* A second click while queued leads to the same operation. */
static void
reply_queued (SkRequest *request, const SkSession *session)
{
  GError *error = NULL;
  g_autofree char *path = session_path (session->id);
  SkOperation *operation = sk_operations_find (request->server->operations, path);
  if (!operation)
    {
      operation = sk_operation_new (request->server->operations, request->who, QUEUED, path, cancel_queued,
                                    request->server, &error);
      if (!operation)
        {
          sk_request_reply_error (request, error);
          return;
        }
      sk_operation_progress (operation, queue_to_json (request->manager, session));
    }
  sk_request_reply_operation (request, operation);
}

/* -- routes --------------------------------------------------------------------------------------------- */

void
sk_api_get_sessions (SkRequest *request)
{
  g_autoptr (GPtrArray) sessions = NULL;
  GError *error = NULL;
  gint64 all = 0;
  JsonArray *rows;
  if (sk_route_query_number (request, "all", 0, 1, &all, &error))
    sessions = all ? sk_manager_all_sessions (request->manager, request->who, &error)
                   : sk_manager_sessions (request->manager, request->who);
  if (!sessions)
    {
      sk_request_reply_error (request, error);
      return;
    }
  rows = json_array_new ();
  for (guint i = 0; i < sessions->len; i++)
    json_array_add_object_element (rows, session_to_json (request->manager, g_ptr_array_index (sessions, i)));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), rows));
  json_array_unref (rows);
}

typedef struct
{
  char *pool, *url;
  guint width, height;
} OpenBody;

static const SkBodyField open_fields[] = {
  { "pool", SK_BODY_STRING, offsetof (OpenBody, pool), NAME_MAX_BYTES },
  { "url", SK_BODY_STRING, offsetof (OpenBody, url), SK_URL_MAX },
  { "width", SK_BODY_UINT, offsetof (OpenBody, width), PIXELS_MAX },
  { "height", SK_BODY_UINT, offsetof (OpenBody, height), PIXELS_MAX },
  { NULL },
};

static void
open_body_clear (OpenBody *body)
{
  g_free (body->pool);
  g_free (body->url);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OpenBody, open_body_clear)

static void
reply_opened (SkRequest *request, const char *id, const SkTicket *ticket)
{
  GError *error = NULL;
  g_autoptr (SkSession) session = sk_manager_session (request->manager, request->who, id, &error);
  JsonObject *answer;
  if (!session)
    {
      sk_request_reply_error (request, error);
      return;
    }
  answer = json_object_new ();
  json_object_set_object_member (answer, "session", session_to_json (request->manager, session));
  json_object_set_object_member (answer, "ticket", ticket_to_json (ticket));
  sk_request_reply_object (request, answer);
}

static void
reply_ticket (SkRequest *request, const char *id, const SkTicket *ticket)
{
  sk_request_reply_object (request, ticket_to_json (ticket));
}

/* A live session whose view is being made right now has no ticket for some 10 ms: the request waits for it,
 * so that no client has to ask in a loop. */
#define TICKET_LOOK_MS 10
#define TICKET_WAIT_MS 3000

typedef struct
{
  SkRequest *request;
  char *session;
  void (*reply) (SkRequest *, const char *, const SkTicket *);
  gint64 end;
  GSource *timer;
} TicketWait;

static void
ticket_wait_free (TicketWait *wait)
{
  g_source_destroy (wait->timer);
  g_source_unref (wait->timer);
  g_free (wait->session);
  sk_request_unref (wait->request);
  g_free (wait);
}

static void
on_ticket_gone (SkRequest *request, gpointer data)
{
  ticket_wait_free (data);
}

static gboolean
on_ticket_look (gpointer data)
{
  TicketWait *wait = data;
  GError *error = NULL;
  g_autoptr (SkTicket) ticket
      = sk_manager_ticket (wait->request->manager, wait->request->who, wait->session, &error);
  if (!ticket && g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT) && g_get_monotonic_time () < wait->end)
    {
      g_error_free (error);
      return G_SOURCE_CONTINUE;
    }
  wait->request->on_gone = NULL;
  if (ticket)
    wait->reply (wait->request, wait->session, ticket);
  else
    sk_request_reply_error (wait->request, error);
  ticket_wait_free (wait);
  return G_SOURCE_REMOVE;
}

static void
wait_for_ticket (SkRequest *request, const char *session,
                 void (*reply) (SkRequest *, const char *, const SkTicket *))
{
  TicketWait *wait = g_new0 (TicketWait, 1);
  wait->request = sk_request_ref (request);
  wait->session = g_strdup (session);
  wait->reply = reply;
  wait->end = g_get_monotonic_time () + TICKET_WAIT_MS * 1000;
  wait->timer = g_timeout_source_new (TICKET_LOOK_MS);
  g_source_set_callback (wait->timer, on_ticket_look, wait, NULL);
  g_source_attach (wait->timer, g_main_context_get_thread_default ());
  sk_request_wait (request, on_ticket_gone, wait);
}

void
sk_api_post_sessions (SkRequest *request)
{
  g_auto (OpenBody) body = { NULL };
  g_autoptr (SkTicket) ticket = NULL;
  g_autoptr (SkSession) session = NULL;
  guint position = 0;
  GError *error = NULL;

  if (sk_json_to_struct (request->body, open_fields, &body, &error))
    session
        = sk_manager_open_session (request->manager, request->who, body.pool && *body.pool ? body.pool : NULL,
                                   body.url, body.width, body.height, &ticket, &position, &error);
  if (!session)
    sk_request_reply_error (request, error);
  else if (ticket)
    reply_opened (request, session->id, ticket);
  else if (session->state == SK_SESSION_QUEUED)
    reply_queued (request, session);
  else
    wait_for_ticket (request, session->id, reply_opened);
}

void
sk_api_get_session (SkRequest *request)
{
  GError *error = NULL;
  g_autoptr (SkSession) session
      = sk_manager_session (request->manager, request->who, request->args[0], &error);
  if (session)
    sk_request_reply_object (request, session_to_json (request->manager, session));
  else
    sk_request_reply_error (request, error);
}

void
sk_api_delete_session (SkRequest *request)
{
  GError *error = NULL;
  if (sk_manager_end_session (request->manager, request->who, request->args[0], NULL, &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}

void
sk_api_post_ticket (SkRequest *request)
{
  GError *error = NULL;
  g_autoptr (SkTicket) ticket = sk_manager_ticket (request->manager, request->who, request->args[0], &error);
  if (ticket)
    reply_ticket (request, request->args[0], ticket);
  else if (g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT))
    {
      g_error_free (error);
      wait_for_ticket (request, request->args[0], reply_ticket);
    }
  else
    sk_request_reply_error (request, error);
}

void
sk_api_post_url (SkRequest *request)
{
  static const SkBodyField fields[] = {
    { "url", SK_BODY_STRING, offsetof (OpenBody, url), SK_URL_MAX, TRUE },
    { NULL },
  };
  g_auto (OpenBody) body = { NULL };
  GError *error = NULL;
  if (sk_json_to_struct (request->body, fields, &body, &error)
      && sk_manager_open_url (request->manager, request->who, request->args[0], body.url, &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}

/* -- the RDP stream ------------------------------------------------------------------------------------- */

#define BEARER "Bearer "

static const char *
get_token (SkRequest *request, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);
  const char *upgrade = soup_message_headers_get_one (headers, "Upgrade");
  const char *authorization = soup_message_headers_get_one (headers, "Authorization");

  if (!soup_message_headers_header_contains (headers, "Connection", "upgrade") || !upgrade
      || g_ascii_strcasecmp (upgrade, "rdp") != 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "wants Connection: Upgrade and Upgrade: rdp");
      return NULL;
    }
  if (!authorization || !g_str_has_prefix (authorization, BEARER))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_FORBIDDEN, "wants Authorization: Bearer TOKEN");
      return NULL;
    }
  return authorization + strlen (BEARER);
}

/* 101 is written; what the client sends from now on is RDP. */
static void
on_switched (SoupServerMessage *message, gpointer data)
{
  g_autoptr (SkRequest) request = sk_request_ref (data);
  g_autoptr (GError) error = NULL;
  g_autofree char *token = g_strdup (g_object_get_data (G_OBJECT (message), "sk-token"));
  g_autoptr (SkIdentity) who = sk_identity_copy (request->who);
  g_autoptr (GIOStream) stream = NULL;
  sk_autofd int fd = sk_api_connection_take_fd (request->connection, &error);

  sk_api_server_forget (request->server, request->connection);
  stream = soup_server_message_steal_connection (message);
  if (fd < 0)
    sk_warn (SK_FIELDS ("session", request->args[0]), "%s", error->message);
  else if (!sk_manager_attach (request->manager, who, request->args[0], token, fd, &error))
    sk_notice (SK_FIELDS ("session", request->args[0], "user", who->user), "viewer refused: %s",
               error->message);
  g_io_stream_close (stream, NULL, NULL);
}

void
sk_api_get_rdp (SkRequest *request)
{
  GError *error = NULL;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (request->message);
  const char *token = get_token (request, &error);

  if (!token || !sk_api_connection_check_clean (request->connection, &error)
      || !sk_manager_check_token (request->manager, request->who, request->args[0], token, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  request->answered = TRUE;
  g_object_set_data_full (G_OBJECT (request->message), "sk-token", g_strdup (token), g_free);
  g_signal_connect (request->message, "wrote-informational", G_CALLBACK (on_switched), request);
  soup_server_message_set_status (request->message, 101, NULL);
  soup_message_headers_replace (headers, "Connection", "Upgrade");
  soup_message_headers_replace (headers, "Upgrade", "rdp");
}
