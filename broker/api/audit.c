/* The audit trail, for administrators: reading it, and checking that it is whole. */
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"

static SkAudit *
audit_of (SkRequest *request)
{
  if (!request->server->audit)
    sk_request_reply_error (
        request, g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE, "there is no audit trail here"));
  return request->server->audit;
}

static void
reply_array (SkRequest *request, JsonArray *take_array)
{
  sk_request_reply (request, json_node_init_array (json_node_alloc (), take_array));
  json_array_unref (take_array);
}

static gboolean
add_row (const SkAuditRow *row, gpointer data)
{
  const char *const members[][2] = { { "organisation", row->organisation },
                                     { "actor", row->actor },
                                     { "action", row->action },
                                     { "object", row->object },
                                     { "matter", row->matter },
                                     { "details", row->details },
                                     { "hash", row->hash } };
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "seq", row->seq);
  json_object_set_int_member (object, "time", row->time);
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    json_object_set_string_member (object, members[i][0], members[i][1]);
  json_array_add_object_element (data, object);
  return TRUE;
}

static const char *
query_of (SkRequest *request, const char *key)
{
  return request->query ? g_hash_table_lookup (request->query, key) : NULL;
}

/* The newest ones. */
void
sk_api_get_audit (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  const SkAuditFilter filter = { .organisation = query_of (request, "organisation"),
                                 .object = query_of (request, "object"),
                                 .actor = query_of (request, "actor"),
                                 .limit = SK_AUDIT_LIST_MAX,
                                 .newest_first = TRUE };
  GError *error = NULL;
  if (!audit)
    return;
  JsonArray *rows = json_array_new ();
  if (sk_store_audit_walk (sk_audit_store (audit), &filter, add_row, rows, &error))
    reply_array (request, rows);
  else
    {
      json_array_unref (rows);
      sk_request_reply_error (request, error);
    }
}

static void
add_fault (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "organisation", organisation);
  json_object_set_int_member (object, "seq", seq);
  json_object_set_string_member (object, "fault", sk_audit_fault_words[fault]);
  json_array_add_object_element (data, object);
}

void
sk_api_post_audit_verify (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  GError *error = NULL;
  guint64 rows = 0;
  if (!audit)
    return;
  JsonArray *faults = json_array_new ();
  if (!sk_audit_verify (audit, add_fault, faults, &rows, &error))
    {
      json_array_unref (faults);
      sk_request_reply_error (request, error);
      return;
    }
  JsonObject *answer = json_object_new ();
  json_object_set_int_member (answer, "rows", (gint64) rows);
  json_object_set_string_member (answer, "public_key", sk_audit_public_key (audit));
  json_object_set_array_member (answer, "faults", faults);
  sk_request_reply_object (request, answer);
}
