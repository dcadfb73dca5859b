#include "api/server-private.h"
#include "api/transfers.h"
#include "api/identity.h"
#include "api/images.h"
#include "api/route.h"
#include "api/sessions.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Head: a local client sends it in one write. Body: 1 MiB over a slow LAN. Answer: the same. Idle: a client
 * that asks now and then keeps its connection; the launcher asks again within seconds or not at all. */
const SkApiLimits sk_api_default_limits = {
  .phases_ms = { [SK_PHASE_IDLE] = 120 * 1000,
                 [SK_PHASE_HEAD] = 10 * 1000,
                 [SK_PHASE_BODY] = 20 * 1000,
                 [SK_PHASE_WORKING] = 0,
                 [SK_PHASE_ANSWERING] = 20 * 1000 },
  .sweep_ms = 1000,
  .per_user = SK_API_CONNECTIONS_PER_USER,
  .total = SK_API_CONNECTIONS_MAX,
};

#define CONNECTION_KEY "sk-connection"
#define REQUEST_KEY "sk-request"

/* -- requests ------------------------------------------------------------------------------------------- */

static void
on_message_finished (SoupServerMessage *message, gpointer data)
{
  g_autoptr (SkRequest) request = sk_request_ref (data);
  void (*on_gone) (SkRequest *, gpointer) = request->on_gone;
  request->gone = TRUE;
  request->on_gone = NULL;
  if (request->waiting && on_gone)
    on_gone (request, request->on_gone_data);
  sk_api_connection_on_hangup (request->connection, NULL, NULL);
  sk_api_connection_set_phase (request->connection, SK_PHASE_IDLE);
}

static SkRequest *
request_new (SkApiServer *server, SoupServerMessage *message)
{
  SkApiConnection *connection
      = g_object_get_data (G_OBJECT (soup_server_message_get_remote_address (message)), CONNECTION_KEY);
  SkRequest *request = g_new0 (SkRequest, 1);
  g_ref_count_init (&request->refs);
  request->server = server;
  request->manager = server->manager;
  request->connection = g_object_ref (connection);
  request->who = sk_api_connection_identity (connection);
  request->message = message;
  g_object_set_data_full (G_OBJECT (message), REQUEST_KEY, request, (GDestroyNotify) sk_request_unref);
  g_signal_connect (message, "finished", G_CALLBACK (on_message_finished), request);
  return request;
}

/* A browser on this machine must not be able to use a page of its own to talk to the broker. */
static gboolean
check_same_site (SkRequest *request, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);
  const char *site = soup_message_headers_get_one (headers, "Sec-Fetch-Site");
  if (!soup_message_headers_get_one (headers, "Origin")
      && (!site || strcmp (site, "same-origin") == 0 || strcmp (site, "none") == 0))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FORBIDDEN,
                       SK_BOTH ("request from another site", "ほかのサイトからの要求です"));
  return FALSE;
}

static gboolean
check_length (SkRequest *request, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);
  goffset length = 0;
  if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH)
    length = soup_message_headers_get_content_length (headers);
  if (length >= 0 && (gsize) length <= request->route->body_max)
    return TRUE;
  g_set_error (
      error, SK_ERROR, SK_ERROR_LIMIT,
      SK_BOTH ("body: at most %" G_GSIZE_FORMAT " bytes", "本文は %" G_GSIZE_FORMAT " バイトまでです"),
      request->route->body_max, request->route->body_max);
  return FALSE;
}

/* Everything that can be refused before the body. ret_http 0: the error's own. */
static gboolean
check_head (SkRequest *request, guint *ret_http, GError **error)
{
  GUri *uri = soup_server_message_get_uri (request->message);
  const char *query = g_uri_get_query (uri);

  *ret_http = 0;
  if (!check_same_site (request, error))
    return FALSE;
  request->route = sk_route_find (request->server->routes, soup_server_message_get_method (request->message),
                                  g_uri_get_path (uri), request->args, ret_http, error);
  if (!request->route)
    return FALSE;
  *ret_http = 0;
  if (!request->route->access)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "route without an access check");
      return FALSE;
    }
  if (!request->route->access (request->who, error) || !check_length (request, error))
    return FALSE;
  if (query && !(request->query = sk_route_parse_query (request->route, query, error)))
    return FALSE;
  return TRUE;
}

static void
refuse_body (SkRequest *request)
{
  SoupMessageBody *body = soup_server_message_get_request_body (request->message);
  soup_message_body_set_accumulate (body, FALSE);
  soup_message_body_truncate (body);
}

static void
on_got_chunk (SoupServerMessage *message, GBytes *chunk, gpointer data)
{
  SkRequest *request = data;
  request->body_received += g_bytes_get_size (chunk);
  if (request->answered || request->body_received <= request->route->body_max)
    return;
  refuse_body (request);
  sk_request_reply_error (request, g_error_new (SK_ERROR, SK_ERROR_LIMIT,
                                                SK_BOTH ("body: at most %" G_GSIZE_FORMAT " bytes",
                                                         "本文は %" G_GSIZE_FORMAT " バイトまでです"),
                                                request->route->body_max, request->route->body_max));
}

/* The head is there. */
static void
on_head (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *form, gpointer data)
{
  SkRequest *request = request_new (data, message);
  GError *error = NULL;
  guint http;

  sk_api_connection_set_phase (request->connection, SK_PHASE_BODY);
  if (check_head (request, &http, &error))
    {
      g_signal_connect (message, "got-chunk", G_CALLBACK (on_got_chunk), request);
      return;
    }
  refuse_body (request);
  sk_request_reply_error_http (request, http, error);
}

static gboolean
parse_body (SkRequest *request, GError **error)
{
  g_autoptr (GBytes) untrusted_bytes = NULL;
  gsize length;
  const char *untrusted_text;
  if (request->body_received == 0)
    return TRUE;
  untrusted_bytes = soup_message_body_flatten (soup_server_message_get_request_body (request->message));
  untrusted_text = g_bytes_get_data (untrusted_bytes, &length);
  request->body = sk_json_parse (untrusted_text, length, SK_JSON_REQUEST_DEPTH, SK_JSON_REQUEST_NODES, error);
  return request->body != NULL;
}

/* Who changed what, as an administrator. Never a body: it may hold what should not be in a log. */
static void
note (const SkRequest *request)
{
  if (request->route->access == sk_access_admin && strcmp (request->route->method, "GET") != 0)
    sk_notice (SK_FIELDS ("user", request->who->user), "%s %s", request->route->method,
               g_uri_get_path (soup_server_message_get_uri (request->message)));
}

/* The whole request is there, and nothing answered it yet. */
static void
on_request (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *form, gpointer data)
{
  g_autoptr (SkRequest) request = g_object_get_data (G_OBJECT (message), REQUEST_KEY);
  GError *error = NULL;

  if (!request)
    {
      soup_server_message_set_status (message, 400, NULL);
      return;
    }
  sk_request_ref (request);
  sk_api_connection_set_phase (request->connection, SK_PHASE_WORKING);
  if (!parse_body (request, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  note (request);
  /* Rows that the handler adds to the audit trail are this user's. */
  if (request->server->audit)
    sk_audit_set_actor (request->server->audit, request->who->user);
  request->route->handler (request);
  if (request->server->audit)
    sk_audit_set_actor (request->server->audit, NULL);
  if (!request->answered && !request->waiting)
    sk_request_reply_error (request, NULL);
}

/* -- connections ---------------------------------------------------------------------------------------- */

typedef struct
{
  SkIdentity *who;
  gint64 read;
} CachedIdentity;

static void
cached_identity_free (gpointer data)
{
  CachedIdentity *cached = data;
  sk_identity_free (cached->who);
  g_free (cached);
}

static SkIdentity *
find_identity (SkApiServer *server, guint uid, GError **error)
{
  CachedIdentity *cached = g_hash_table_lookup (server->identities, GUINT_TO_POINTER (uid));
  gint64 now = g_get_monotonic_time ();
  SkIdentity *who;
  if (cached && now - cached->read < SK_API_IDENTITY_SECONDS * G_USEC_PER_SEC)
    return sk_identity_copy (cached->who);
  who = sk_identity_new (uid, error);
  if (!who)
    return NULL;
  cached = g_new0 (CachedIdentity, 1);
  cached->who = sk_identity_copy (who);
  cached->read = now;
  g_hash_table_replace (server->identities, GUINT_TO_POINTER (uid), cached);
  return who;
}

static gboolean
check_room (SkApiServer *server, const SkIdentity *who, GError **error)
{
  GHashTableIter iter;
  gpointer connection;
  guint mine = 0, ordinary = 0;

  g_hash_table_iter_init (&iter, server->connections);
  while (g_hash_table_iter_next (&iter, &connection, NULL))
    {
      const SkIdentity *other = sk_api_connection_identity (connection);
      mine += other->uid == who->uid;
      ordinary += !other->admin;
    }
  if (mine < server->limits.per_user && (who->admin || ordinary < server->limits.total))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_LIMIT, SK_BOTH ("too many connections", "接続が多すぎます"));
  return FALSE;
}

static void
on_connection_gone (gpointer data, GObject *where)
{
  SkApiServer *server = data;
  g_hash_table_remove (server->connections, where);
}

void
sk_api_server_forget (SkApiServer *server, SkApiConnection *connection)
{
  if (g_hash_table_remove (server->connections, connection))
    g_object_weak_unref (G_OBJECT (connection), on_connection_gone, server);
}

/* libsoup wants to see internet addresses in places; this one means "here". It also carries the connection,
 * which is how a message finds it. */
static GSocketAddress *
new_address (SkApiConnection *connection)
{
  GSocketAddress *address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  if (connection)
    g_object_set_data_full (G_OBJECT (address), CONNECTION_KEY, g_object_ref (connection), g_object_unref);
  return address;
}

static gboolean
take_connection (SkApiServer *server, int fd, GError **error)
{
  sk_autofd int owned = fd;
  guint uid;
  g_autoptr (SkIdentity) who = NULL;
  g_autoptr (SkApiConnection) connection = NULL;
  g_autoptr (GSocketAddress) remote = NULL;
  g_autoptr (GError) cause = NULL;

  if (!sk_identity_peer_uid (fd, &uid, &cause) || !(who = find_identity (server, uid, &cause))
      || !check_room (server, who, &cause))
    {
      sk_api_refuse (fd, cause->code == SK_ERROR_LIMIT ? 503 : 0, cause);
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
  connection
      = sk_api_connection_new (sk_steal_fd (&owned), g_steal_pointer (&who), server->limits.phases_ms, error);
  if (!connection)
    return FALSE;
  g_hash_table_add (server->connections, connection);
  g_object_weak_ref (G_OBJECT (connection), on_connection_gone, server);
  remote = new_address (connection);
  return soup_server_accept_iostream (server->soup, G_IO_STREAM (connection), server->local, remote, error);
}

static void arm_accept (SkApiServer *server);

static gboolean
on_accept_again (gpointer data)
{
  arm_accept (data);
  return G_SOURCE_REMOVE;
}

/* Out of descriptors: the socket stays readable, so looking again at once would only burn the processor. */
static void
pause_accept (SkApiServer *server)
{
  g_source_destroy (server->accept);
  g_source_unref (server->accept);
  server->accept = g_timeout_source_new (1000);
  g_source_set_callback (server->accept, on_accept_again, server, NULL);
  g_source_attach (server->accept, g_main_context_get_thread_default ());
}

static gboolean
on_accept (int listen_fd, GIOCondition condition, gpointer data)
{
  SkApiServer *server = data;
  for (int i = 0; i < SK_API_ACCEPTS; i++)
    {
      g_autoptr (GError) error = NULL;
      int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        {
          sk_warn (NULL, "accept: %s", g_strerror (errno));
          pause_accept (server);
          return G_SOURCE_REMOVE;
        }
      if (fd < 0)
        return G_SOURCE_CONTINUE;
      if (!take_connection (server, fd, &error))
        sk_debug (NULL, "connection refused: %s", error->message);
    }
  return G_SOURCE_CONTINUE;
}

static void
arm_accept (SkApiServer *server)
{
  if (server->accept)
    {
      g_source_destroy (server->accept);
      g_source_unref (server->accept);
    }
  server->accept = g_unix_fd_source_new (server->listen_fd, G_IO_IN);
  g_source_set_callback (server->accept, G_SOURCE_FUNC (on_accept), server, NULL);
  g_source_attach (server->accept, g_main_context_get_thread_default ());
}

static gboolean
on_sweep (gpointer data)
{
  SkApiServer *server = data;
  gint64 now = g_get_monotonic_time ();
  GHashTableIter iter;
  gpointer connection;
  g_hash_table_iter_init (&iter, server->connections);
  while (g_hash_table_iter_next (&iter, &connection, NULL))
    sk_api_connection_check_deadline (connection, now);
  return G_SOURCE_CONTINUE;
}

/* -- the core's events ---------------------------------------------------------------------------------- */

static void
on_manager_event (SkManager *manager, const char *type, const char *id, const char *state, const char *text,
                  gpointer data)
{
  SkApiServer *server = data;
  JsonObject *event = json_object_new ();
  guint uid = SK_EVENT_NOBODY;

  json_object_set_string_member (event, "type", type ? type : "");
  json_object_set_string_member (event, "id", id ? id : "");
  json_object_set_string_member (event, "state", state ? state : "");
  json_object_set_string_member (event, "text", text ? text : "");
  if (g_strcmp0 (type, "session") == 0)
    uid = sk_api_sessions_describe_event (server, id, event);
  sk_events_emit (server->events, uid, event);
  if (g_strcmp0 (type, "session") == 0)
    sk_api_sessions_check_queue (server);
  if (g_strcmp0 (type, "broker") == 0)
    sk_api_system_check_drained (server);
}

static void
on_transfer_changed (SkTransfers *transfers, const char *id, gpointer server)
{
  sk_api_transfer_changed (server, id);
}

static void
on_matter_changed (SkTransfers *transfers, const char *id, gpointer server)
{
  sk_api_matter_changed (server, id);
}

/* -- life ----------------------------------------------------------------------------------------------- */

static gboolean
open_socket (SkApiServer *server, const SkApiOptions *options, GError **error)
{
  const char *path = options->socket_path ? options->socket_path : SK_API_SOCKET;
  if (options->listen_fd >= 0)
    {
      server->listen_fd = options->listen_fd;
      return sk_fd_set_nonblocking (server->listen_fd, TRUE, error);
    }
  server->listen_fd = sk_fd_listen_unix (path, SOCK_STREAM, error);
  if (server->listen_fd < 0)
    return FALSE;
  server->socket_path = g_strdup (path);
  if (chmod (path, options->socket_mode ? options->socket_mode : 0666) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  return sk_fd_set_nonblocking (server->listen_fd, TRUE, error);
}

/* libsoup closes a connection after each answer unless it has a listener; ours accept elsewhere. One end of a
 * socket pair, whose other end stays silent, is one that never has anything to accept. */
static gboolean
add_silent_listener (SkApiServer *server, GError **error)
{
  int pair[2];
  g_autoptr (GSocket) socket = NULL;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "socketpair: %s", g_strerror (errno));
      return FALSE;
    }
  server->silent_fd = pair[1];
  socket = g_socket_new_from_fd (pair[0], error);
  return socket && soup_server_listen_socket (server->soup, socket, 0, error);
}

static SoupServer *
new_soup (SkApiServer *server)
{
  SoupServer *soup = soup_server_new ("raw-paths", TRUE, NULL);
  soup_server_add_early_handler (soup, NULL, on_head, server, NULL);
  soup_server_add_handler (soup, NULL, on_request, server, NULL);
  return soup;
}

static char *
or_default (const char *path, const char *fallback)
{
  return g_strdup (path ? path : fallback);
}

SkApiServer *
sk_api_server_new_test (SkManager *manager, const SkApiOptions *options, const SkApiLimits *limits,
                        const SkRoute *table, GError **error)
{
  g_autoptr (SkApiServer) server = g_new0 (SkApiServer, 1);
  server->listen_fd = server->silent_fd = -1;
  server->manager = g_object_ref (manager);
  server->limits = limits ? *limits : sk_api_default_limits;
  server->routes = table ? table : sk_routes ();
  server->build_image = or_default (options->build_image, SK_LIBEXECDIR "/build-image");
  server->agent = or_default (options->agent, SK_LIBEXECDIR "/sekisho-agent");
  server->images_dir = or_default (options->images_dir, "/var/lib/sekisho/images");
  server->recordings = options->recordings;
  server->people = options->people;
  server->audit = options->audit;
  g_set_object (&server->transfers, options->transfers);
  server->connections = g_hash_table_new (NULL, NULL);
  server->identities = g_hash_table_new_full (NULL, NULL, NULL, cached_identity_free);
  server->streams = g_hash_table_new (NULL, NULL);
  server->session_uids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  server->started = g_get_real_time ();
  server->local = new_address (NULL);
  server->events = sk_events_new ();
  server->operations = sk_operations_new (server->events);
  server->soup = new_soup (server);
  if (!add_silent_listener (server, error) || !open_socket (server, options, error))
    return NULL;
  arm_accept (server);
  server->sweep = g_timeout_source_new (server->limits.sweep_ms);
  g_source_set_callback (server->sweep, on_sweep, server, NULL);
  g_source_attach (server->sweep, g_main_context_get_thread_default ());
  if (server->transfers)
    server->transfers_handler
        = g_signal_connect (server->transfers, "changed", G_CALLBACK (on_transfer_changed), server);
  if (server->transfers)
    server->matters_handler
        = g_signal_connect (server->transfers, "matter-changed", G_CALLBACK (on_matter_changed), server);
  server->manager_handler = g_signal_connect (manager, "event", G_CALLBACK (on_manager_event), server);
  return g_steal_pointer (&server);
}

SkApiServer *
sk_api_server_new_full (SkManager *manager, const SkApiOptions *options, GError **error)
{
  return sk_api_server_new_test (manager, options, NULL, NULL, error);
}

SkApiServer *
sk_api_server_new (SkManager *manager, const char *socket_path, GError **error)
{
  SkApiOptions options = SK_API_OPTIONS_INIT;
  options.socket_path = socket_path;
  return sk_api_server_new_full (manager, &options, error);
}

static void
clear_source (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
drop_connections (SkApiServer *server)
{
  GHashTableIter iter;
  gpointer connection;
  g_hash_table_iter_init (&iter, server->connections);
  while (g_hash_table_iter_next (&iter, &connection, NULL))
    {
      sk_api_connection_shutdown (connection);
      g_object_weak_unref (G_OBJECT (connection), on_connection_gone, server);
    }
  g_hash_table_remove_all (server->connections);
}

void
sk_api_server_free (SkApiServer *server)
{
  if (!server)
    return;
  clear_source (&server->accept);
  clear_source (&server->sweep);
  g_clear_signal_handler (&server->manager_handler, server->manager);
  if (server->transfers)
    {
      g_clear_signal_handler (&server->transfers_handler, server->transfers);
      g_clear_signal_handler (&server->matters_handler, server->transfers);
    }
  sk_api_images_stop (server);
  drop_connections (server);
  sk_operations_free (server->operations);
  sk_events_free (server->events);
  soup_server_disconnect (server->soup);
  g_clear_object (&server->soup);
  sk_clear_fd (&server->listen_fd);
  sk_clear_fd (&server->silent_fd);
  if (server->socket_path)
    unlink (server->socket_path);
  g_hash_table_unref (server->connections);
  g_hash_table_unref (server->identities);
  g_hash_table_unref (server->session_uids);
  g_hash_table_unref (server->streams);
  g_object_unref (server->local);
  g_object_unref (server->manager);
  g_clear_object (&server->transfers);
  g_free (server->socket_path);
  g_free (server->build_image);
  g_free (server->agent);
  g_free (server->images_dir);
  g_free (server);
}
