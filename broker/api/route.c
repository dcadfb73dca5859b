#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include <string.h>

#define QUERY(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const SkRoute routes[] = {
  { "GET", "/1.0", sk_access_user, sk_api_get_server },
  { "GET", "/1.0/health", sk_access_user, sk_api_get_health },
  { "GET", "/1.0/doctor", sk_access_admin, sk_api_get_doctor, 0, QUERY ("canary") },
  { "POST", "/1.0/shutdown", sk_access_admin, sk_api_post_shutdown, SK_API_BODY_MAX },
  { "GET", "/1.0/events", sk_access_user, sk_api_get_events, 0, QUERY ("type") },
  { "GET", "/1.0/pools", sk_access_user, sk_api_get_pools },
  { "POST", "/1.0/pools", sk_access_admin, sk_api_post_pools, SK_API_BODY_MAX },
  { "GET", "/1.0/pools/{name}", sk_access_user, sk_api_get_pool },
  { "PUT", "/1.0/pools/{name}", sk_access_admin, sk_api_put_pool, SK_API_BODY_MAX },
  { "PATCH", "/1.0/pools/{name}", sk_access_admin, sk_api_patch_pool, SK_API_BODY_MAX },
  { "DELETE", "/1.0/pools/{name}", sk_access_admin, sk_api_delete_pool, 0, QUERY ("force") },
  { "GET", "/1.0/vms", sk_access_admin, sk_api_get_vms },
  { "GET", "/1.0/vms/{id}", sk_access_admin, sk_api_get_vm },
  { "DELETE", "/1.0/vms/{id}", sk_access_admin, sk_api_delete_vm },
  { "GET", "/1.0/images", sk_access_admin, sk_api_get_images },
  { "POST", "/1.0/images", sk_access_admin, sk_api_post_images, SK_API_BODY_MAX },
  { "GET", "/1.0/images/{name}", sk_access_admin, sk_api_get_image },
  { "DELETE", "/1.0/images/{name}", sk_access_admin, sk_api_delete_image },
  { "GET", "/1.0/sessions", sk_access_user, sk_api_get_sessions, 0, QUERY ("all") },
  { "POST", "/1.0/sessions", sk_access_user, sk_api_post_sessions, SK_API_BODY_MAX },
  { "GET", "/1.0/sessions/{id}", sk_access_user, sk_api_get_session },
  { "DELETE", "/1.0/sessions/{id}", sk_access_user, sk_api_delete_session },
  { "POST", "/1.0/sessions/{id}/ticket", sk_access_user, sk_api_post_ticket },
  { "POST", "/1.0/sessions/{id}/url", sk_access_user, sk_api_post_url, SK_API_BODY_MAX },
  { "GET", "/1.0/sessions/{id}/rdp", sk_access_user, sk_api_get_rdp },
  { "GET", "/1.0/recordings", sk_access_admin, sk_api_get_recordings, 0, QUERY ("session") },
  { "GET", "/1.0/recordings/{id}", sk_access_admin, sk_api_get_recording },
  { "GET", "/1.0/transfers", sk_access_user, sk_api_get_transfers, 0, QUERY ("box", "all", "before") },
  { "POST", "/1.0/transfers", sk_access_user, sk_api_post_transfers, SK_API_BODY_MAX },
  { "GET", "/1.0/transfers/{id}", sk_access_user, sk_api_get_transfer },
  { "DELETE", "/1.0/transfers/{id}", sk_access_user, sk_api_delete_transfer },
  { "GET", "/1.0/transfers/{id}/upload", sk_access_user, sk_api_get_upload, 0, QUERY ("item", "offset") },
  { "GET", "/1.0/transfers/{id}/content", sk_access_user, sk_api_get_content, 0, QUERY ("item", "offset") },
  { "POST", "/1.0/transfers/{id}/delivered", sk_access_user, sk_api_post_delivered, SK_API_BODY_MAX },
  { "GET", "/1.0/transfers/{id}/comments", sk_access_user, sk_api_get_comments },
  { "POST", "/1.0/transfers/{id}/comments", sk_access_user, sk_api_post_comments, SK_API_BODY_MAX },
  { "GET", "/1.0/transfers/{id}/explain", sk_access_user, sk_api_get_explain },
  { "GET", "/1.0/transfers/{id}/items/{item}/preview", sk_access_user, sk_api_get_preview },
  { "POST", "/1.0/transfers/{id}/resend", sk_access_user, sk_api_post_resend, SK_API_BODY_MAX },
  { "GET", "/1.0/matters", sk_access_user, sk_api_get_matters, 0, QUERY ("closed") },
  { "POST", "/1.0/matters", sk_access_user, sk_api_post_matters, SK_API_BODY_MAX },
  { "GET", "/1.0/matters/{id}", sk_access_user, sk_api_get_matter },
  { "PATCH", "/1.0/matters/{id}", sk_access_user, sk_api_patch_matter, SK_API_BODY_MAX },
  { "GET", "/1.0/matters/{id}/comments", sk_access_user, sk_api_get_matter_comments },
  { "POST", "/1.0/matters/{id}/comments", sk_access_user, sk_api_post_matter_comments, SK_API_BODY_MAX },
  { "POST", "/1.0/matters/{id}/transfers", sk_access_user, sk_api_post_matter_transfers, SK_API_BODY_MAX },
  { "GET", "/1.0/approvals", sk_access_user, sk_api_get_approvals },
  { "POST", "/1.0/approvals", sk_access_user, sk_api_post_approvals, SK_API_BODY_MAX },
  { "GET", "/1.0/audit", sk_access_admin, sk_api_get_audit, 0,
    QUERY ("organisation", "object", "matter", "actor", "action", "since", "until", "before", "limit") },
  { "POST", "/1.0/audit/verify", sk_access_admin, sk_api_post_audit_verify, SK_API_BODY_MAX },
  { "POST", "/1.0/audit/export", sk_access_admin, sk_api_post_audit_export, SK_API_BODY_MAX,
    QUERY ("transfer", "matter") },
  { "GET", "/1.0/audit/ledger", sk_access_admin, sk_api_get_audit_ledger, 0,
    QUERY ("since", "until", "organisation", "after", "after_id") },
  { "GET", "/1.0/audit/holds", sk_access_admin, sk_api_get_audit_holds },
  { "POST", "/1.0/audit/holds", sk_access_admin, sk_api_post_audit_holds, SK_API_BODY_MAX },
  { "GET", "/1.0/people", sk_access_admin, sk_api_get_people },
  { "PUT", "/1.0/people", sk_access_admin, sk_api_put_people, SK_API_BODY_MAX },
  { "GET", "/1.0/delegations", sk_access_user, sk_api_get_delegations },
  { "POST", "/1.0/delegations", sk_access_user, sk_api_post_delegations, SK_API_BODY_MAX },
  { "DELETE", "/1.0/delegations/{id}", sk_access_user, sk_api_delete_delegation },
  { "GET", "/1.0/policy", sk_access_user, sk_api_get_policy },
  { "POST", "/1.0/policy/reload", sk_access_admin, sk_api_post_policy_reload, SK_API_BODY_MAX },
  { "GET", "/1.0/operations", sk_access_user, sk_api_get_operations },
  { "GET", "/1.0/operations/{id}", sk_access_user, sk_api_get_operation },
  { "GET", "/1.0/operations/{id}/wait", sk_access_user, sk_api_wait_operation, 0, QUERY ("timeout") },
  { "DELETE", "/1.0/operations/{id}", sk_access_user, sk_api_delete_operation },
  { NULL }
};

const SkRoute *
sk_routes (void)
{
  return routes;
}

gboolean
sk_access_user (const SkIdentity *who, GError **error)
{
  if (who && who->user)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FORBIDDEN, "no user");
  return FALSE;
}

gboolean
sk_access_admin (const SkIdentity *who, GError **error)
{
  if (who && who->admin)
    return TRUE;
  g_set_error_literal (
      error, SK_ERROR, SK_ERROR_FORBIDDEN,
      SK_BOTH ("for administrators (group sekisho-admin)", "管理者（sekisho-admin グループ）だけができます"));
  return FALSE;
}

/* Names and ids are of these characters; nothing here ever needs percent signs. */
static gboolean
is_argument (const char *untrusted_text, gsize length)
{
  if (length == 0 || length > SK_ROUTE_ARG_MAX)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (untrusted_text[i]) && !strchr ("-_.", untrusted_text[i]))
      return FALSE;
  return TRUE;
}

/* Compares one path with one pattern; the values of {…} go to ret_spans as start and length. */
static gboolean
match_path (const char *pattern, const char *untrusted_path, const char *ret_starts[], gsize ret_lengths[])
{
  gsize n = 0;
  while (*pattern)
    {
      if (*pattern != '{')
        {
          if (*pattern++ != *untrusted_path++)
            return FALSE;
          continue;
        }
      gsize length = strcspn (untrusted_path, "/");
      if (n == SK_ROUTE_ARGS_MAX || !is_argument (untrusted_path, length))
        return FALSE;
      ret_starts[n] = untrusted_path;
      ret_lengths[n++] = length;
      untrusted_path += length;
      pattern = strchr (pattern, '}') + 1;
    }
  return *untrusted_path == '\0';
}

const SkRoute *
sk_route_find (const SkRoute *table, const char *untrusted_method, const char *untrusted_path,
               char **ret_args, guint *ret_http, GError **error)
{
  *ret_http = 404;
  for (const SkRoute *route = table; route->method; route++)
    {
      const char *starts[SK_ROUTE_ARGS_MAX] = { NULL };
      gsize lengths[SK_ROUTE_ARGS_MAX] = { 0 };
      if (!match_path (route->path, untrusted_path, starts, lengths))
        continue;
      *ret_http = 405;
      if (strcmp (route->method, untrusted_method) != 0)
        continue;
      for (gsize i = 0; i < SK_ROUTE_ARGS_MAX; i++)
        ret_args[i] = starts[i] ? g_strndup (starts[i], lengths[i]) : NULL;
      return route;
    }
  if (*ret_http == 405)
    g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "method %.16s", untrusted_method);
  else
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "path %.100s", untrusted_path);
  return NULL;
}

static gboolean
add_query (GHashTable *table, const SkRoute *route, const char *untrusted_pair, GError **error)
{
  const char *equals = strchr (untrusted_pair, '=');
  g_autofree char *key
      = g_strndup (untrusted_pair, equals ? (gsize) (equals - untrusted_pair) : strlen (untrusted_pair));
  g_autofree char *value = g_uri_unescape_string (equals ? equals + 1 : "", NULL);
  const char *older = g_hash_table_lookup (table, key);

  if (!route->query || !g_strv_contains (route->query, key) || !value || !g_utf8_validate (value, -1, NULL)
      || (older && strcmp (key, "canary") != 0))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "?%.32s", key);
      return FALSE;
    }
  g_hash_table_replace (table, g_strdup (key),
                        older ? g_strconcat (older, ",", value, NULL) : g_strdup (value));
  return TRUE;
}

GHashTable *
sk_route_parse_query (const SkRoute *route, const char *untrusted_query, GError **error)
{
  g_autoptr (GHashTable) table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_auto (GStrv) pairs = NULL;
  if (strlen (untrusted_query) > SK_ROUTE_QUERY_MAX)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "query > %d", SK_ROUTE_QUERY_MAX);
      return NULL;
    }
  pairs = g_strsplit (untrusted_query, "&", 0);
  for (char **pair = pairs; *pair; pair++)
    if (**pair && !add_query (table, route, *pair, error))
      return NULL;
  return g_steal_pointer (&table);
}

gboolean
sk_route_query_number (SkRequest *request, const char *key, gint64 minimum, gint64 maximum, gint64 *number,
                       GError **error)
{
  const char *text = request->query ? g_hash_table_lookup (request->query, key) : NULL;
  if (!text || g_ascii_string_to_signed (text, 10, minimum, maximum, number, NULL))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_BOTH ("%s: must be %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                        "%s: %" G_GINT64_FORMAT " から %" G_GINT64_FORMAT " までです"),
               key, minimum, maximum, key, minimum, maximum);
  return FALSE;
}
