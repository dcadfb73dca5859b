/* The audit trail, for administrators: reading it, checking that it is whole, what leaves it, what is held.
 */
#include "api/operations.h"
#include "api/route.h"
#include "api/server-private.h"
#include "audit/bundle.h"
#include "common/error.h"
#include <string.h>

static SkAudit *
audit_of (SkRequest *request)
{
  if (!request->server->audit)
    sk_request_reply_error (
        request, g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE,
                                      SK_BOTH ("there is no audit trail here", "監査記録がありません")));
  return request->server->audit;
}

static void
reply_array (SkRequest *request, JsonArray *take_array)
{
  sk_request_reply (request, json_node_init_array (json_node_alloc (), take_array));
  json_array_unref (take_array);
}

static const char *
query_of (SkRequest *request, const char *key)
{
  return request->query ? g_hash_table_lookup (request->query, key) : NULL;
}

/* -- reading ------------------------------------------------------------------------------------------------
 */

typedef struct
{
  JsonArray *rows;
  gint64 limit, time, seq;
} Page;

static void
add_row (Page *page, const SkAuditRow *row)
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
  json_array_add_object_element (page->rows, object);
}

/* "TIME.SEQ" of the last row is where the next page begins: rows of two chains that share both stay together.
 */
static gboolean
on_row (const SkAuditRow *row, gpointer data)
{
  Page *page = data;
  if (json_array_get_length (page->rows) >= page->limit && (row->time != page->time || row->seq != page->seq))
    return FALSE;
  add_row (page, row);
  page->time = row->time;
  page->seq = row->seq;
  return TRUE;
}

static gboolean
read_before (SkRequest *request, SkAuditFilter *filter, GError **error)
{
  const char *text = query_of (request, "before");
  g_auto (GStrv) parts = text ? g_strsplit (text, ".", 2) : NULL;
  if (!text
      || (g_strv_length (parts) == 2
          && g_ascii_string_to_signed (parts[0], 10, 1, G_MAXINT64, &filter->before_time, NULL)
          && g_ascii_string_to_signed (parts[1], 10, 1, G_MAXINT64, &filter->before_seq, NULL)))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                       SK_BOTH ("before: TIME.SEQ of a row", "before: 行の「時刻.番号」を指定してください"));
  return FALSE;
}

/* The newest ones first. */
void
sk_api_get_audit (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  SkAuditFilter filter = { .organisation = query_of (request, "organisation"),
                           .object = query_of (request, "object"),
                           .matter = query_of (request, "matter"),
                           .actor = query_of (request, "actor"),
                           .action = query_of (request, "action"),
                           .newest_first = TRUE };
  Page page = { .limit = SK_AUDIT_LIST_MAX };
  GError *error = NULL;
  if (!audit)
    return;
  page.rows = json_array_new ();
  if (sk_route_query_number (request, "since", 0, G_MAXINT64, &filter.since, &error)
      && sk_route_query_number (request, "until", 0, G_MAXINT64, &filter.until, &error)
      && sk_route_query_number (request, "limit", 1, SK_AUDIT_LIST_MAX, &page.limit, &error)
      && read_before (request, &filter, &error)
      && sk_store_audit_walk (sk_audit_store (audit), &filter, on_row, &page, &error))
    reply_array (request, page.rows);
  else
    {
      json_array_unref (page.rows);
      sk_request_reply_error (request, error);
    }
}

/* -- verifying ----------------------------------------------------------------------------------------------
 */

static JsonNode *
describe_verdict (const SkAuditVerdict *verdict, const char *public_key)
{
  JsonArray *faults = json_array_new ();
  JsonObject *answer = json_object_new ();
  for (guint i = 0; i < verdict->faults->len; i++)
    {
      const SkAuditFound *found = &g_array_index (verdict->faults, SkAuditFound, i);
      JsonObject *object = json_object_new ();
      json_object_set_string_member (object, "organisation", found->organisation);
      json_object_set_int_member (object, "seq", found->seq);
      json_object_set_string_member (object, "fault", sk_audit_fault_words[found->fault]);
      json_array_add_object_element (faults, object);
    }
  json_object_set_int_member (answer, "rows", (gint64) verdict->rows);
  json_object_set_string_member (answer, "public_key", public_key);
  json_object_set_int_member (answer, "fault_count", (gint64) verdict->n_faults);
  json_object_set_array_member (answer, "faults", faults);
  JsonNode *node = json_node_init_object (json_node_alloc (), answer);
  json_object_unref (answer);
  return node;
}

typedef struct
{
  SkOperation *operation;
  char *public_key;
} Verification;

static void
on_verified (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Verification *v = data;
  g_autofree char *public_key = v->public_key;
  g_autoptr (SkOperation) operation = v->operation;
  GError *error = NULL;
  g_autoptr (SkAuditVerdict) verdict = sk_audit_verify_finish (result, &error);
  sk_operation_finish (operation, verdict ? describe_verdict (verdict, public_key) : NULL, error);
}

/* A million rows take some ten seconds: an operation. */
void
sk_api_post_audit_verify (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  GError *error = NULL;
  if (!audit)
    return;
  SkOperation *operation = sk_operation_new (request->server->operations, request->who,
                                             "Verifying the audit trail", NULL, NULL, NULL, &error);
  if (!operation)
    {
      sk_request_reply_error (request, error);
      return;
    }
  Verification *v = g_new (Verification, 1);
  *v = (Verification){ sk_operation_ref (operation), g_strdup (sk_audit_public_key (audit)) };
  sk_audit_verify_async (audit, on_verified, v);
  sk_request_reply_operation (request, operation);
}

/* -- what is made on a thread and answered then
 * -------------------------------------------------------------- */

typedef struct
{
  SkRequest *request; /* a reference; `gone`: the client left */
  gboolean gone;
} Waiting;

static void
on_gone (SkRequest *request, gpointer data)
{
  ((Waiting *) data)->gone = TRUE;
}

static Waiting *
wait_for (SkRequest *request)
{
  Waiting *waiting = g_new (Waiting, 1);
  *waiting = (Waiting){ sk_request_ref (request), FALSE };
  sk_request_wait (request, on_gone, waiting);
  return waiting;
}

/* The request, to be answered; NULL: nobody waits any more. */
static SkRequest *
end_wait (Waiting *take_waiting)
{
  g_autofree Waiting *waiting = take_waiting;
  if (!waiting->gone && !waiting->request->gone)
    {
      waiting->request->on_gone = NULL;
      return waiting->request;
    }
  sk_request_unref (waiting->request);
  return NULL;
}

static void
on_exported (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autofree char *text = sk_audit_export_finish (result, &error);
  g_autoptr (SkRequest) request = end_wait (data);
  if (!request)
    g_clear_error (&error);
  else if (!text)
    sk_request_reply_error (request, error);
  else
    {
      g_autofree char *base64 = g_base64_encode ((const guchar *) text, strlen (text));
      JsonObject *object = json_object_new ();
      json_object_set_string_member (object, "bundle", base64);
      sk_request_reply_object (request, object);
    }
}

void
sk_api_post_audit_export (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  const char *transfer = query_of (request, "transfer"), *matter = query_of (request, "matter");
  if (!audit)
    return;
  if (!transfer == !matter)
    sk_request_reply_error (request,
                            g_error_new_literal (SK_ERROR, SK_ERROR_INVALID,
                                                 SK_BOTH ("either a transfer or a matter",
                                                          "転送か案件のどちらか一つを指定してください")));
  else
    sk_audit_export_async (audit, transfer ? SK_HOLD_TRANSFER : SK_HOLD_MATTER, transfer ? transfer : matter,
                           request->who->user, on_exported, wait_for (request));
}

static void
on_ledger (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  JsonArray *lines = sk_audit_ledger_finish (result, &error);
  g_autoptr (SkRequest) request = end_wait (data);
  if (request && lines)
    reply_array (request, g_steal_pointer (&lines));
  else if (request)
    sk_request_reply_error (request, error);
  else
    g_clear_error (&error);
  g_clear_pointer (&lines, json_array_unref);
}

void
sk_api_get_audit_ledger (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  SkLedgerFilter filter = { .organisation = (char *) query_of (request, "organisation"),
                            .after_id = (char *) query_of (request, "after_id") };
  GError *error = NULL;
  if (!audit)
    return;
  if (sk_route_query_number (request, "since", 0, G_MAXINT64, &filter.since, &error)
      && sk_route_query_number (request, "until", 0, G_MAXINT64, &filter.until, &error)
      && sk_route_query_number (request, "after", 0, G_MAXINT64, &filter.after, &error)
      && (filter.after > 0
          || sk_api_trail (request, "audit.ledger", filter.organisation ? filter.organisation : "", NULL)))
    sk_audit_ledger_async (audit, &filter, on_ledger, wait_for (request));
  else if (!request->answered)
    sk_request_reply_error (request, error);
}

/* -- holds --------------------------------------------------------------------------------------------------
 */

void
sk_api_get_audit_holds (SkRequest *request)
{
  SkAudit *audit = audit_of (request);
  GError *error = NULL;
  if (!audit)
    return;
  g_autoptr (GPtrArray) holds = sk_store_holds (sk_audit_store (audit), &error);
  if (!holds)
    {
      sk_request_reply_error (request, error);
      return;
    }
  JsonArray *rows = json_array_new ();
  for (guint i = 0; i < holds->len; i++)
    json_array_add_object_element (rows, sk_json_from_row (sk_hold_fields, holds->pdata[i]));
  reply_array (request, rows);
}

typedef struct
{
  char *kind, *name, *reason;
  gboolean release;
} HoldBody;

static void
hold_body_clear (HoldBody *body)
{
  g_free (body->kind);
  g_free (body->name);
  g_free (body->reason);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HoldBody, hold_body_clear)

static gboolean
apply_hold (SkAudit *audit, const HoldBody *body, GError **error)
{
  for (guint kind = 0; sk_hold_words[kind]; kind++)
    if (strcmp (sk_hold_words[kind], body->kind) == 0 && *body->name)
      return body->release ? sk_audit_release (audit, kind, body->name, body->reason, error)
                           : sk_audit_hold (audit, kind, body->name, body->reason, error);
  g_set_error_literal (
      error, SK_ERROR, SK_ERROR_INVALID,
      SK_BOTH ("kind: transfer, user or matter; name: its name",
               "kind には transfer・user・matter のいずれか、name にはその名前を指定してください"));
  return FALSE;
}

void
sk_api_post_audit_holds (SkRequest *request)
{
  static const SkBodyField fields[] = {
    { "kind", SK_BODY_STRING, offsetof (HoldBody, kind), 16, TRUE },
    { "name", SK_BODY_STRING, offsetof (HoldBody, name), 256, TRUE },
    { "reason", SK_BODY_STRING, offsetof (HoldBody, reason), 2000 },
    { "release", SK_BODY_BOOL, offsetof (HoldBody, release) },
    { NULL },
  };
  SkAudit *audit = audit_of (request);
  g_auto (HoldBody) body = { NULL };
  GError *error = NULL;
  if (!audit)
    return;
  if (sk_json_to_struct (request->body, fields, &body, &error) && apply_hold (audit, &body, &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}
