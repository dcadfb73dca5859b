#include "api/request.h"
#include "api/operations.h"
#include "api/route.h"
#include "common/error.h"
#include <string.h>

SkRequest *
sk_request_ref (SkRequest *request)
{
  g_ref_count_inc (&request->refs);
  return request;
}

void
sk_request_unref (SkRequest *request)
{
  if (!g_ref_count_dec (&request->refs))
    return;
  for (gsize i = 0; i < SK_ROUTE_ARGS_MAX; i++)
    g_free (request->args[i]);
  g_clear_pointer (&request->query, g_hash_table_unref);
  g_clear_pointer (&request->body, json_node_unref);
  g_clear_object (&request->connection);
  g_free (request);
}

/* -- envelopes ------------------------------------------------------------------------------------------ */

static void
send (SkRequest *request, guint http, JsonObject *envelope)
{
  g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), envelope);
  char *text = sk_json_to_string (root, FALSE);
  gboolean waited = request->waiting;

  json_object_unref (envelope);
  if (request->answered || request->gone)
    {
      g_free (text);
      return;
    }
  request->answered = TRUE;
  request->waiting = FALSE;
  sk_api_connection_on_hangup (request->connection, NULL, NULL);
  sk_api_connection_set_phase (request->connection, SK_PHASE_ANSWERING);
  soup_server_message_set_status (request->message, http, NULL);
  soup_server_message_set_response (request->message, "application/json", SOUP_MEMORY_TAKE, text,
                                    strlen (text));
  if (waited)
    sk_request_resume (request);
}

void
sk_request_resume (SkRequest *request)
{
  if (!request->gone)
    soup_server_message_unpause (request->message);
}

void
sk_request_reply (SkRequest *request, JsonNode *metadata)
{
  JsonObject *envelope = json_object_new ();
  json_object_set_string_member (envelope, "type", "sync");
  json_object_set_string_member (envelope, "status", "Success");
  json_object_set_int_member (envelope, "status_code", 200);
  json_object_set_member (envelope, "metadata",
                          metadata ? metadata : json_node_init_null (json_node_alloc ()));
  send (request, 200, envelope);
}

void
sk_request_reply_object (SkRequest *request, JsonObject *metadata)
{
  sk_request_reply (request, json_node_init_object (json_node_alloc (), metadata));
  json_object_unref (metadata);
}

void
sk_request_reply_operation (SkRequest *request, SkOperation *operation)
{
  JsonObject *envelope = json_object_new ();
  g_autofree char *path = sk_operation_path (operation);
  json_object_set_string_member (envelope, "type", "async");
  json_object_set_string_member (envelope, "status", "Operation created");
  json_object_set_int_member (envelope, "status_code", 202);
  json_object_set_string_member (envelope, "operation", path);
  json_object_set_object_member (envelope, "metadata", sk_operation_to_json (operation));
  if (!request->gone && !request->answered)
    soup_message_headers_replace (soup_server_message_get_response_headers (request->message), "Location",
                                  path);
  send (request, 202, envelope);
}

/* A GError's message holds both languages, see SK_BOTH; it may quote untrusted bytes. */
static void
set_details (JsonObject *object, const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);
  g_autofree char *en = sk_both_pick (valid, FALSE), *ja = sk_both_pick (valid, TRUE);
  json_object_set_string_member (object, "detail", en);
  json_object_set_string_member (object, "detail_ja", ja);
}

void
sk_error_to_json (const GError *error, JsonObject *object)
{
  const SkErrorInfo *info = sk_error_info (error);
  json_object_set_string_member (object, "error_type", info->word);
  json_object_set_string_member (object, "error", info->en);
  json_object_set_string_member (object, "error_ja", info->ja);
  set_details (object, error->message);
}

void
sk_request_reply_error_http (SkRequest *request, guint http, GError *error)
{
  JsonObject *envelope = json_object_new ();
  g_autoptr (GError) owned
      = error ? error : g_error_new_literal (SK_ERROR, SK_ERROR_INTERNAL, "an error without a cause");
  if (http == 0)
    http = (guint) sk_error_info (owned)->http;
  json_object_set_string_member (envelope, "type", "error");
  json_object_set_int_member (envelope, "error_code", http);
  sk_error_to_json (owned, envelope);
  send (request, http, envelope);
}

void
sk_request_reply_error (SkRequest *request, GError *error)
{
  sk_request_reply_error_http (request, 0, error);
}

/* -- later answers -------------------------------------------------------------------------------------- */

static void
on_hangup (gpointer data)
{
  g_autoptr (SkRequest) request = sk_request_ref (data);
  if (request->gone || request->answered)
    return;
  if (request->on_gone)
    request->on_gone (request, request->on_gone_data);
  request->on_gone = NULL;
  /* libsoup does not look at a paused connection: let it find out by writing. */
  sk_request_reply_error (request, g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, "client left"));
}

void
sk_request_wait (SkRequest *request, void (*on_gone) (SkRequest *, gpointer), gpointer data)
{
  request->waiting = TRUE;
  request->on_gone = on_gone;
  request->on_gone_data = data;
  soup_server_message_pause (request->message);
  sk_api_connection_on_hangup (request->connection, on_hangup, request);
}

/* -- ETag ----------------------------------------------------------------------------------------------- */

char *
sk_request_etag (JsonObject *row)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), row);
  g_autofree char *text = sk_json_to_string (node, FALSE);
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  /* 64 bits: it only tells versions of one row apart. */
  return g_strdup_printf ("\"%.16s\"", digest);
}

gboolean
sk_request_check_match (SkRequest *request, const char *etag)
{
  const char *wanted
      = soup_message_headers_get_one (soup_server_message_get_request_headers (request->message), "If-Match");
  if (!wanted || strcmp (wanted, "*") == 0 || strcmp (wanted, etag) == 0)
    return TRUE;
  sk_request_reply_error_http (
      request, 412,
      g_error_new_literal (SK_ERROR, SK_ERROR_CONFLICT,
                           SK_BOTH ("it was changed meanwhile; read it again",
                                    "他の人が変更しました。もう一度読み込んでください")));
  return FALSE;
}
