#include "api/events.h"
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include <string.h>

struct _SkEvents
{
  GPtrArray *listeners;
  GSource *beat;
};

typedef struct
{
  SkEvents *hub;
  SkRequest *request;
  gsize pending; /* bytes given to libsoup and not yet written */
  char **types;  /* NULL = all */
} Listener;

static void
listener_free (gpointer data)
{
  Listener *listener = data;
  g_signal_handlers_disconnect_by_data (listener->request->message, listener);
  sk_api_connection_on_hangup (listener->request->connection, NULL, NULL);
  g_strfreev (listener->types);
  sk_request_unref (listener->request);
  g_free (listener);
}

/* The listener is gone after this. */
static void
disconnect (Listener *listener)
{
  g_autoptr (SkRequest) request = sk_request_ref (listener->request);
  g_ptr_array_remove_fast (listener->hub->listeners, listener);
  if (request->gone)
    return;
  sk_api_connection_shutdown (request->connection);
  soup_message_body_complete (soup_server_message_get_response_body (request->message));
  sk_request_resume (request);
}

static void
on_hangup (gpointer data)
{
  disconnect (data);
}

static void
on_finished (SoupServerMessage *message, gpointer data)
{
  Listener *listener = data;
  g_ptr_array_remove_fast (listener->hub->listeners, listener);
}

static void
on_wrote (SoupServerMessage *message, guint n, gpointer data)
{
  Listener *listener = data;
  listener->pending -= MIN (n, listener->pending);
}

/* FALSE: it could not keep up, and is gone. */
static gboolean
push (Listener *listener, GBytes *bytes)
{
  SoupMessageBody *body = soup_server_message_get_response_body (listener->request->message);
  listener->pending += g_bytes_get_size (bytes);
  if (listener->pending > SK_EVENTS_PENDING_MAX)
    {
      disconnect (listener);
      return FALSE;
    }
  soup_message_body_append_bytes (body, bytes);
  sk_request_resume (listener->request);
  return TRUE;
}

static gboolean
on_beat (gpointer data)
{
  static const char beat[] = ":\n\n";
  SkEvents *hub = data;
  g_autoptr (GBytes) bytes = g_bytes_new_static (beat, sizeof beat - 1);
  for (guint i = hub->listeners->len; i > 0; i--)
    push (g_ptr_array_index (hub->listeners, i - 1), bytes);
  return G_SOURCE_CONTINUE;
}

SkEvents *
sk_events_new (void)
{
  SkEvents *hub = g_new0 (SkEvents, 1);
  hub->listeners = g_ptr_array_new_with_free_func (listener_free);
  hub->beat = g_timeout_source_new_seconds (SK_EVENTS_BEAT_SECONDS);
  g_source_set_callback (hub->beat, on_beat, hub, NULL);
  g_source_attach (hub->beat, g_main_context_get_thread_default ());
  return hub;
}

void
sk_events_free (SkEvents *hub)
{
  while (hub->listeners->len > 0)
    disconnect (g_ptr_array_index (hub->listeners, 0));
  g_ptr_array_unref (hub->listeners);
  g_source_destroy (hub->beat);
  g_source_unref (hub->beat);
  g_free (hub);
}

static gboolean
may_hear (const Listener *listener, guint uid, const char *type)
{
  const SkIdentity *who = listener->request->who;
  if (listener->types && !g_strv_contains ((const char *const *) listener->types, type))
    return FALSE;
  return who->admin || (uid != SK_EVENT_NOBODY && who->uid == uid);
}

/* Takes the event over. */
static GBytes *
event_to_bytes (JsonObject *take_event)
{
  g_autoptr (JsonObject) event = take_event;
  const char *type = sk_json_get_string (event, "type", "");
  json_object_set_int_member (event, "time", g_get_real_time ());
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), event);
  g_autofree char *json = sk_json_to_string (node, FALSE);
  char *text = g_strdup_printf ("event: %s\ndata: %s\n\n", type, json);
  return g_bytes_new_take (text, strlen (text));
}

void
sk_events_emit (SkEvents *hub, guint uid, JsonObject *event)
{
  g_autofree char *type = g_strdup (sk_json_get_string (event, "type", ""));
  g_autoptr (GBytes) bytes = event_to_bytes (event);
  for (guint i = hub->listeners->len; i > 0; i--)
    {
      Listener *listener = g_ptr_array_index (hub->listeners, i - 1);
      if (may_hear (listener, uid, type))
        push (listener, bytes);
    }
}

void
sk_events_emit_to (SkEvents *hub, SkEventsFor is_for, gpointer data, JsonObject *event)
{
  g_autofree char *type = g_strdup (sk_json_get_string (event, "type", ""));
  g_autoptr (GBytes) bytes = event_to_bytes (event);
  for (guint i = hub->listeners->len; i > 0; i--)
    {
      Listener *listener = g_ptr_array_index (hub->listeners, i - 1);
      if ((!listener->types || g_strv_contains ((const char *const *) listener->types, type))
          && is_for (listener->request->who, data))
        push (listener, bytes);
    }
}

static gboolean
may_listen (SkEvents *hub, const SkIdentity *who, GError **error)
{
  guint mine = 0;
  for (guint i = 0; i < hub->listeners->len; i++)
    mine += ((Listener *) g_ptr_array_index (hub->listeners, i))->request->who->uid == who->uid;
  if (mine < SK_EVENTS_PER_USER)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
               SK_BOTH ("%d event listeners", "イベントの受信は %d 件までです"), SK_EVENTS_PER_USER,
               SK_EVENTS_PER_USER);
  return FALSE;
}

void
sk_events_listen (SkEvents *hub, SkRequest *request)
{
  /* Sent at once: the client knows that from now on nothing is missed. */
  static const char hello[] = ": connected\n\n";
  GError *error = NULL;
  SoupServerMessage *message = request->message;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  const char *types = request->query ? g_hash_table_lookup (request->query, "type") : NULL;
  Listener *listener;

  if (!may_listen (hub, request->who, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  listener = g_new0 (Listener, 1);
  listener->hub = hub;
  listener->request = sk_request_ref (request);
  listener->types = types ? g_strsplit (types, ",", 0) : NULL;
  listener->pending = sizeof hello - 1;
  g_ptr_array_add (hub->listeners, listener);
  request->answered = TRUE;

  g_signal_connect (message, "wrote-body-data", G_CALLBACK (on_wrote), listener);
  g_signal_connect (message, "finished", G_CALLBACK (on_finished), listener);
  sk_api_connection_set_phase (request->connection, SK_PHASE_WORKING);
  sk_api_connection_on_hangup (request->connection, on_hangup, listener);
  soup_server_message_set_status (message, 200, NULL);
  soup_message_headers_replace (headers, "Content-Type", "text/event-stream");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  soup_message_body_append (soup_server_message_get_response_body (message), SOUP_MEMORY_STATIC, hello,
                            sizeof hello - 1);
}

guint
sk_events_count (SkEvents *hub)
{
  return hub->listeners->len;
}

void
sk_api_get_events (SkRequest *request)
{
  sk_events_listen (request->server->events, request);
}
