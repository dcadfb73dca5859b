#include "desktop/link-api.h"
#include "common/error.h"
#include <string.h>

/* A session's id is a UUID; it becomes part of a path. */
#define ID_MAX 64

void
sk_session_info_clear (SkSessionInfo *info)
{
  g_free (info->id);
  g_free (info->state);
  g_free (info->pool);
  g_free (info->reason);
  g_free (info->token);
  g_free (info->fingerprint);
  *info = (SkSessionInfo){ 0 };
}

void
sk_session_info_free (SkSessionInfo *info)
{
  if (!info)
    return;
  sk_session_info_clear (info);
  g_free (info);
}

/* -- reading --------------------------------------------------------------------------------------------- */

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

static gint64
get_int (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : 0;
}

static JsonObject *
get_object (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonObject *
node_object (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static gboolean
is_id (const char *id)
{
  gsize n = id ? strlen (id) : 0;
  return n > 0 && n <= ID_MAX
         && strspn (id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == n;
}

static void
replace (char **target, const char *value)
{
  if (!value)
    return;
  g_free (*target);
  *target = g_strdup (value);
}

static void
read_session (JsonObject *object, SkSessionInfo *info)
{
  replace (&info->id, get_string (object, "id"));
  replace (&info->state, get_string (object, "state"));
  replace (&info->pool, get_string (object, "pool"));
  replace (&info->reason, get_string (object, "reason"));
  info->position = CLAMP (get_int (object, "position"), 0, G_MAXINT);
  info->eta_seconds = CLAMP (get_int (object, "eta_seconds"), 0, G_MAXINT);
  info->created = get_int (object, "created");
}

static void
read_ticket (JsonObject *object, SkSessionInfo *info)
{
  replace (&info->token, get_string (object, "token"));
  replace (&info->fingerprint, get_string (object, "fingerprint"));
  info->width = CLAMP (get_int (object, "width"), 0, G_MAXINT16);
  info->height = CLAMP (get_int (object, "height"), 0, G_MAXINT16);
}

static gboolean
lacks (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "%s %s", sk_error_info_for_code (SK_ERROR_PROTOCOL)->en,
               what);
  return FALSE;
}

/* -- calls ----------------------------------------------------------------------------------------------- */

static JsonNode *
call (SkClient *client, const char *method, const char *session, const char *below, JsonObject *body,
      char **ret_operation, GError **error)
{
  g_autofree char *operation = NULL;
  g_autoptr (JsonNode) node = NULL;
  if (session && !is_id (session))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                           sk_error_info_for_code (SK_ERROR_NOT_FOUND)->en);
      return NULL;
    }
  g_autofree char *path
      = g_strconcat ("/1.0/sessions", session ? "/" : "", session ? session : "", below, NULL);
  if (body)
    {
      node = json_node_alloc ();
      json_node_init_object (node, body);
    }
  JsonNode *answer = sk_client_call (client, method, path, node, &operation, error);
  if (ret_operation)
    *ret_operation = g_steal_pointer (&operation);
  return answer;
}

static JsonObject *
open_body (const char *pool, const char *url, int width, int height)
{
  JsonObject *body = json_object_new ();
  if (pool && *pool)
    json_object_set_string_member (body, "pool", pool);
  if (url && *url)
    json_object_set_string_member (body, "url", url);
  if (width > 0 && height > 0)
    {
      json_object_set_int_member (body, "width", width);
      json_object_set_int_member (body, "height", height);
    }
  return body;
}

/* Answered at once: {"session","ticket"}. Queued: an operation whose metadata is {"session","position"}. */
gboolean
sk_api_open (SkClient *client, const char *pool, const char *url, int width, int height,
             SkSessionInfo *ret_info, GError **error)
{
  g_autoptr (JsonObject) body = open_body (pool, url, width, height);
  g_auto (SkSessionInfo) info = { 0 };
  g_autofree char *operation = NULL;
  g_autoptr (JsonNode) answer = call (client, "POST", NULL, "", body, &operation, error);
  if (!answer)
    return FALSE;
  JsonObject *object = node_object (answer);
  if (operation)
    object = get_object (object, "metadata");
  read_session (get_object (object, "session"), &info);
  read_ticket (get_object (object, "ticket"), &info);
  if (!is_id (info.id) || !info.state || (!operation && (!info.token || !info.fingerprint)))
    return lacks (error, "POST /1.0/sessions");
  sk_session_info_clear (ret_info);
  *ret_info = info;
  info = (SkSessionInfo){ 0 };
  return TRUE;
}

gboolean
sk_api_get_info (SkClient *client, const char *session, SkSessionInfo *ret_info, GError **error)
{
  g_auto (SkSessionInfo) info = { 0 };
  g_autoptr (JsonNode) answer = call (client, "GET", session, "", NULL, NULL, error);
  if (!answer)
    return FALSE;
  read_session (node_object (answer), &info);
  if (!is_id (info.id) || !info.state)
    return lacks (error, "GET /1.0/sessions");
  sk_session_info_clear (ret_info); /* `session` may be a part of it */
  *ret_info = info;
  info = (SkSessionInfo){ 0 };
  return TRUE;
}

gboolean
sk_api_get_ticket (SkClient *client, const char *session, SkSessionInfo *info, GError **error)
{
  g_autoptr (JsonNode) answer = call (client, "POST", session, "/ticket", NULL, NULL, error);
  if (!answer)
    return FALSE;
  g_clear_pointer (&info->token, g_free);
  g_clear_pointer (&info->fingerprint, g_free);
  read_ticket (node_object (answer), info);
  return (info->token && info->fingerprint) || lacks (error, "ticket");
}

gboolean
sk_api_send_url (SkClient *client, const char *session, const char *url, GError **error)
{
  g_autoptr (JsonObject) body = json_object_new ();
  json_object_set_string_member (body, "url", url);
  g_autoptr (JsonNode) answer = call (client, "POST", session, "/url", body, NULL, error);
  return answer != NULL;
}

gboolean
sk_api_end (SkClient *client, const char *session, GError **error)
{
  g_autoptr (JsonNode) answer = call (client, "DELETE", session, "", NULL, NULL, error);
  return answer != NULL;
}

GPtrArray *
sk_api_list (SkClient *client, GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_info_free);
  g_autoptr (JsonNode) answer = call (client, "GET", NULL, "", NULL, NULL, error);
  if (!answer)
    return NULL;
  JsonArray *rows = JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;
  for (guint i = 0; rows && i < json_array_get_length (rows); i++)
    {
      SkSessionInfo *info = g_new0 (SkSessionInfo, 1);
      read_session (node_object (json_array_get_element (rows, i)), info);
      g_ptr_array_add (list, info);
    }
  return g_steal_pointer (&list);
}

gboolean
sk_api_read_event (JsonNode *event, const char *session, SkSessionInfo *info)
{
  JsonObject *object = node_object (event);
  if (g_strcmp0 (get_string (object, "type"), "session") != 0
      || g_strcmp0 (get_string (object, "id"), session) != 0)
    return FALSE;
  replace (&info->state, get_string (object, "state"));
  replace (&info->reason, get_string (object, "text"));
  if (json_object_has_member (object, "position"))
    info->position = CLAMP (get_int (object, "position"), 0, G_MAXINT);
  if (json_object_has_member (object, "eta_seconds"))
    info->eta_seconds = CLAMP (get_int (object, "eta_seconds"), 0, G_MAXINT);
  return TRUE;
}
