/* Transfers: what crosses, as its sender, its receiver and its approvers see it. */
#include "api/transfers.h"
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include "core/matters.h"
#include <string.h>

SkTransfers *
sk_api_transfers (SkRequest *request)
{
  if (!request->server->transfers)
    sk_request_reply_error (request,
                            g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE,
                                                 SK_BOTH ("nothing crosses here", "転送は使えません")));
  return request->server->transfers;
}

/* Text of the store's own: an array, or it is left empty. */
static JsonArray *
array_of (const char *text)
{
  g_autoptr (JsonNode) node = *text ? json_from_string (text, NULL) : NULL;
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_array_ref (json_node_get_array (node))
                                              : json_array_new ();
}

static JsonArray *
items_to_json (SkTransfers *transfers, const char *id)
{
  g_autoptr (GPtrArray) items = sk_transfers_items (transfers, id, NULL);
  JsonArray *array = json_array_new ();
  for (guint i = 0; items && i < items->len; i++)
    {
      const SkTransferItem *item = items->pdata[i];
      JsonObject *object = sk_json_from_row (sk_transfer_item_fields, item);
      json_object_set_int_member (object, "index", item->position);
      json_object_set_int_member (object, "number", item->position + 1);
      json_object_set_int_member (object, "size", item->bytes);
      json_object_set_int_member (object, "result_size", item->result_bytes);
      json_object_set_int_member (object, "received", sk_transfers_received (transfers, item));
      json_object_set_array_member (object, "findings", array_of (item->findings));
      json_object_set_array_member (object, "removed", array_of (item->removed));
      json_array_add_object_element (array, object);
    }
  return array;
}

static JsonArray *
deciders_to_json (const SkApproval *a, gboolean names_only)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < a->who->len; i++)
    {
      const SkDecider *d = a->who->pdata[i];
      if (names_only && !d->done)
        json_array_add_string_element (array, d->user);
      if (names_only)
        continue;
      JsonObject *object = json_object_new ();
      json_object_set_string_member (object, "user", d->user);
      json_object_set_string_member (object, "name", d->name);
      json_object_set_string_member (object, "in_place_of", d->in_place_of ? d->in_place_of : "");
      json_object_set_boolean_member (object, "done", d->done);
      json_array_add_object_element (array, object);
    }
  return array;
}

static JsonArray *
decisions_to_json (SkTransfers *transfers, const char *id)
{
  g_autoptr (GPtrArray) decisions = sk_transfers_decisions (transfers, id, NULL);
  JsonArray *array = json_array_new ();
  for (guint i = 0; decisions && i < decisions->len; i++)
    {
      const SkDecision *d = decisions->pdata[i];
      JsonObject *object = sk_json_from_row (sk_decision_fields, d);
      json_object_set_int_member (object, "stage", d->stage + 1);
      json_array_add_object_element (array, object);
    }
  return array;
}

static JsonObject *
approval_to_json (SkTransfers *transfers, const SkTransfer *row)
{
  g_autoptr (SkApproval) a = sk_transfers_approval (transfers, row);
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "stage", a->stage);
  json_object_set_int_member (object, "stages", a->stages);
  json_object_set_int_member (object, "need", a->need);
  json_object_set_int_member (object, "given", a->given);
  json_object_set_int_member (object, "until", a->until);
  json_object_set_int_member (object, "seconds_left", a->left);
  json_object_set_int_member (object, "escalates", a->escalates);
  json_object_set_int_member (object, "escalated", a->escalated);
  json_object_set_array_member (object, "who", deciders_to_json (a, TRUE));
  json_object_set_array_member (object, "people", deciders_to_json (a, FALSE));
  json_object_set_array_member (object, "decisions", decisions_to_json (transfers, row->id));
  return object;
}

JsonObject *
sk_api_transfer_to_json (SkTransfers *transfers, const SkTransfer *row, gboolean whole)
{
  JsonObject *object = sk_json_from_row (sk_transfer_fields, row);
  json_object_set_int_member (object, "size", row->bytes);
  json_object_set_string_member (object, "reason", row->purpose);
  json_object_set_boolean_member (object, "clipboard", row->clip != 0);
  if (*row->code)
    {
      JsonObject *refusal = json_object_new ();
      json_object_set_string_member (refusal, "code", row->code);
      json_object_set_string_member (refusal, "en", row->en);
      json_object_set_string_member (refusal, "ja", row->ja);
      json_object_set_object_member (object, "refusal", refusal);
    }
  if (*row->stages)
    json_object_set_object_member (object, "approval", approval_to_json (transfers, row));
  if (whole)
    json_object_set_array_member (object, "items", items_to_json (transfers, row->id));
  return object;
}

static void
reply_transfer (SkRequest *request, const char *id)
{
  GError *error = NULL;
  g_autoptr (SkTransfer) row = sk_transfers_get (request->server->transfers, request->who, id, &error);
  if (row)
    sk_request_reply_object (request, sk_api_transfer_to_json (request->server->transfers, row, TRUE));
  else
    sk_request_reply_error (request, error);
}

static void
reply_rows (SkRequest *request, GPtrArray *rows)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < rows->len; i++)
    json_array_add_object_element (
        array, sk_api_transfer_to_json (request->server->transfers, rows->pdata[i], FALSE));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), array));
  json_array_unref (array);
}

static gboolean
read_box (SkRequest *request, SkBox *ret_box, GError **error)
{
  const char *word = request->query ? g_hash_table_lookup (request->query, "box") : NULL;
  *ret_box = g_strcmp0 (word, "sent") == 0    ? SK_BOX_SENT
             : g_strcmp0 (word, "inbox") == 0 ? SK_BOX_INBOX
                                              : SK_BOX_ALL;
  if (!word || *ret_box != SK_BOX_ALL || strcmp (word, "all") == 0)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "box: sent, inbox or all");
  return FALSE;
}

void
sk_api_get_transfers (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  gint64 all = 0, before = 0;
  SkBox box;
  g_autoptr (GPtrArray) rows = NULL;
  if (!transfers)
    return;
  if (read_box (request, &box, &error) && sk_route_query_number (request, "all", 0, 1, &all, &error)
      && sk_route_query_number (request, "before", 0, G_MAXINT64, &before, &error))
    rows = sk_transfers_list (transfers, request->who, box, all != 0, before, &error);
  if (rows)
    reply_rows (request, rows);
  else
    sk_request_reply_error (request, error);
}

/* -- sending ------------------------------------------------------------------------------------------------
 */

typedef struct
{
  char *kind, *reason, *matter;
} SendBody;

static const SkBodyField send_fields[] = {
  { "kind", SK_BODY_STRING, offsetof (SendBody, kind), 16 },
  { "reason", SK_BODY_STRING, offsetof (SendBody, reason), SK_TRANSFER_TEXT_MAX },
  { "matter", SK_BODY_STRING, offsetof (SendBody, matter), SK_MATTER_TITLE_MAX },
  { NULL },
};

static void
send_body_clear (SendBody *body)
{
  g_free (body->kind);
  g_free (body->reason);
  g_free (body->matter);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SendBody, send_body_clear)

static gboolean
read_offer (JsonNode *node, SkTransferOffer *ret_offer, GError **error)
{
  JsonObject *object = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  ret_offer->untrusted_name = sk_json_get_string (object, "name", NULL);
  ret_offer->bytes = sk_json_get_int (object, "size", -1);
  if (ret_offer->untrusted_name && ret_offer->bytes >= 0 && json_object_get_size (object) == 2)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "items: a list of {\"name\", \"size\"}");
  return FALSE;
}

/* Takes the list out of the body: what is left is flat. */
static SkTransferOffer *
read_offers (SkRequest *request, JsonNode **ret_items, guint *ret_n, GError **error)
{
  JsonObject *body
      = request->body && JSON_NODE_HOLDS_OBJECT (request->body) ? json_node_get_object (request->body) : NULL;
  *ret_items = body && json_object_has_member (body, "items") ? json_object_dup_member (body, "items") : NULL;
  if (!*ret_items || !JSON_NODE_HOLDS_ARRAY (*ret_items))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "items: a list of {\"name\", \"size\"}");
      return NULL;
    }
  json_object_remove_member (body, "items");
  JsonArray *array = json_node_get_array (*ret_items);
  *ret_n = json_array_get_length (array);
  g_autofree SkTransferOffer *offers = g_new0 (SkTransferOffer, MAX (1, *ret_n));
  for (guint i = 0; i < *ret_n; i++)
    if (!read_offer (json_array_get_element (array, i), &offers[i], error))
      return NULL;
  return g_steal_pointer (&offers);
}

void
sk_api_post_transfers (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  g_auto (SendBody) body = { NULL };
  g_autoptr (JsonNode) items = NULL; /* owns the offers' names */
  guint n = 0;
  SkKind kind = SK_KIND_FILE;
  g_autofree char *id = NULL;
  if (!transfers)
    return;
  g_autofree SkTransferOffer *offers = read_offers (request, &items, &n, &error);
  if (offers && sk_json_to_struct (request->body, send_fields, &body, &error))
    {
      if (body.kind && !sk_kind_from_word (body.kind, &kind))
        g_set_error_literal (&error, SK_ERROR, SK_ERROR_INVALID, "kind: file, text, image, url or print");
      else
        id = sk_transfers_create_in (transfers, request->who, kind, body.reason ? body.reason : "",
                                     body.matter ? body.matter : "", offers, n, &error);
    }
  if (id)
    reply_transfer (request, id);
  else
    sk_request_reply_error (request, error);
}

void
sk_api_get_transfer (SkRequest *request)
{
  if (sk_api_transfers (request))
    reply_transfer (request, request->args[0]);
}

void
sk_api_delete_transfer (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  if (!transfers)
    return;
  if (sk_transfers_withdraw (transfers, request->who, request->args[0], &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}

void
sk_api_post_delivered (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  if (!transfers)
    return;
  if (sk_transfers_delivered (transfers, request->who, request->args[0], &error))
    reply_transfer (request, request->args[0]);
  else
    sk_request_reply_error (request, error);
}

typedef struct
{
  char *reason;
} ResendBody;
static const SkBodyField resend_fields[] = {
  { "reason", SK_BODY_STRING, offsetof (ResendBody, reason), SK_TRANSFER_TEXT_MAX },
  { NULL },
};

void
sk_api_post_resend (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  ResendBody body = { NULL };
  g_autofree char *id = NULL;
  if (!transfers)
    return;
  if (sk_json_to_struct (request->body, resend_fields, &body, &error))
    id = sk_transfers_resend (transfers, request->who, request->args[0], body.reason ? body.reason : "",
                              &error);
  if (id)
    reply_transfer (request, id);
  else
    sk_request_reply_error (request, error);
  g_free (body.reason);
}

/* -- a look at one ------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkRequest *request;
  GCancellable *cancel;
} Look;

static JsonObject *
preview_to_json (const SkPreview *p)
{
  JsonObject *object = json_object_new ();
  gsize length;
  const guint8 *data = g_bytes_get_data (p->content, &length);
  json_object_set_string_member (object, "name", p->name);
  json_object_set_string_member (object, "type", p->type);
  json_object_set_boolean_member (object, "cut", p->cut);
  if (strcmp (p->type, "text/plain") == 0)
    {
      /* The inspector says that it is UTF-8; whoever took it over says so too. */
      g_autofree char *text = g_utf8_make_valid ((const char *) data, (gssize) length);
      json_object_set_string_member (object, "text", text);
    }
  else
    {
      g_autofree char *base64 = g_base64_encode (data, length);
      json_object_set_string_member (object, "data", base64);
    }
  return object;
}

static void
on_previewed (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  GError *error = NULL;
  g_autoptr (SkPreview) preview = sk_transfers_preview_finish (SK_TRANSFERS (source), result, &error);
  if (g_cancellable_is_cancelled (look->cancel))
    g_clear_error (&error);
  else if (preview)
    sk_request_reply_object (look->request, preview_to_json (preview));
  else
    sk_request_reply_error (look->request, error);
  sk_request_unref (look->request);
  g_object_unref (look->cancel);
  g_free (look);
}

static void
on_looker_gone (SkRequest *request, gpointer data)
{
  g_cancellable_cancel (((Look *) data)->cancel);
}

void
sk_api_get_preview (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  guint64 item;
  if (!transfers)
    return;
  if (!g_ascii_string_to_unsigned (request->args[1], 10, 0, SK_TRANSFER_ITEMS_MAX, &item, NULL))
    {
      sk_request_reply_error (request,
                              g_error_new (SK_ERROR, SK_ERROR_NOT_FOUND, "item %s", request->args[1]));
      return;
    }
  Look *look = g_new0 (Look, 1);
  look->request = sk_request_ref (request);
  look->cancel = g_cancellable_new ();
  sk_request_wait (request, on_looker_gone, look);
  sk_transfers_preview_async (transfers, request->who, request->args[0], (guint) item, look->cancel,
                              on_previewed, look);
}

/* -- what is said about one ---------------------------------------------------------------------------------
 */

void
sk_api_get_comments (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  if (!transfers)
    return;
  g_autoptr (GPtrArray) rows = sk_transfers_comments (transfers, request->who, request->args[0], &error);
  if (!rows)
    {
      sk_request_reply_error (request, error);
      return;
    }
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < rows->len; i++)
    json_array_add_object_element (array, sk_json_from_row (sk_comment_fields, rows->pdata[i]));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), array));
  json_array_unref (array);
}

typedef struct
{
  char *text;
} CommentBody;
static const SkBodyField comment_fields[] = {
  { "text", SK_BODY_STRING, offsetof (CommentBody, text), SK_TRANSFER_TEXT_MAX, TRUE },
  { NULL },
};

void
sk_api_post_comments (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  CommentBody body = { NULL };
  if (!transfers)
    return;
  if (sk_json_to_struct (request->body, comment_fields, &body, &error)
      && sk_transfers_comment (transfers, request->who, request->args[0], body.text, &error))
    sk_api_get_comments (request);
  else
    sk_request_reply_error (request, error);
  g_free (body.text);
}

void
sk_api_get_explain (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  if (!transfers)
    return;
  g_autofree char *text = sk_transfers_explain (transfers, request->who, request->args[0], &error);
  if (!text)
    {
      sk_request_reply_error (request, error);
      return;
    }
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "text", text);
  sk_request_reply_object (request, object);
}

/* -- the queue ----------------------------------------------------------------------------------------------
 */

void
sk_api_get_approvals (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  if (!transfers)
    return;
  g_autoptr (GPtrArray) ids = sk_transfers_queue (transfers, request->who);
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < ids->len; i++)
    json_array_add_object_element (
        array, sk_api_transfer_to_json (transfers, sk_transfers_peek (transfers, ids->pdata[i]), TRUE));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), array));
  json_array_unref (array);
}

typedef struct
{
  char *verdict, *comment;
} DecideBody;
static const SkBodyField decide_fields[] = {
  { "verdict", SK_BODY_STRING, offsetof (DecideBody, verdict), 16, TRUE },
  { "comment", SK_BODY_STRING, offsetof (DecideBody, comment), SK_TRANSFER_TEXT_MAX },
  { NULL },
};

static void
decide_body_clear (DecideBody *body)
{
  g_free (body->verdict);
  g_free (body->comment);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DecideBody, decide_body_clear)

/* One that fails does not keep the others from being decided. */
static JsonObject *
decide_one (SkRequest *request, const char *untrusted_id, SkVerdict verdict, const char *comment)
{
  SkTransfers *transfers = request->server->transfers;
  g_autoptr (GError) error = NULL;
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "id", untrusted_id);
  if (!sk_transfers_decide (transfers, request->who, untrusted_id, verdict, comment, &error))
    sk_error_to_json (error, object);
  else
    json_object_set_string_member (
        object, "state", sk_transfer_state_word (sk_transfers_peek (transfers, untrusted_id)->state));
  return object;
}

/* Each is a few disk writes, and the main loop waits for them. */
#define DECISIONS_AT_ONCE 1000

static JsonArray *
take_ids (SkRequest *request, GError **error)
{
  JsonObject *body
      = request->body && JSON_NODE_HOLDS_OBJECT (request->body) ? json_node_get_object (request->body) : NULL;
  JsonNode *node = body ? json_object_get_member (body, "transfers") : NULL;
  g_autoptr (JsonArray) ids
      = node && JSON_NODE_HOLDS_ARRAY (node) ? json_array_ref (json_node_get_array (node)) : NULL;
  for (guint i = 0; ids && i < json_array_get_length (ids); i++)
    if (!JSON_NODE_HOLDS_VALUE (json_array_get_element (ids, i)) || !json_array_get_string_element (ids, i))
      g_clear_pointer (&ids, json_array_unref);
  if (ids)
    json_object_remove_member (body, "transfers");
  else
    g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "transfers: a list of ids");
  if (!ids || json_array_get_length (ids) <= DECISIONS_AT_ONCE)
    return g_steal_pointer (&ids);
  g_clear_pointer (&ids, json_array_unref);
  g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
               SK_BOTH ("at most %d transfers in one call", "一度に判断できるのは %d 件までです"),
               DECISIONS_AT_ONCE, DECISIONS_AT_ONCE);
  return g_steal_pointer (&ids);
}

void
sk_api_post_approvals (SkRequest *request)
{
  GError *error = NULL;
  g_auto (DecideBody) body = { NULL };
  if (!sk_api_transfers (request))
    return;
  g_autoptr (JsonArray) ids = take_ids (request, &error);
  if (!ids || !sk_json_to_struct (request->body, decide_fields, &body, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  const gboolean approve = strcmp (body.verdict, "approve") == 0;
  if (!approve && strcmp (body.verdict, "deny") != 0)
    {
      sk_request_reply_error (request,
                              g_error_new_literal (SK_ERROR, SK_ERROR_INVALID, "verdict: approve or deny"));
      return;
    }
  JsonArray *answers = json_array_new ();
  for (guint i = 0; i < json_array_get_length (ids); i++)
    json_array_add_object_element (answers, decide_one (request, json_array_get_string_element (ids, i),
                                                        approve ? SK_DECISION_APPROVE : SK_DECISION_DENY,
                                                        body.comment ? body.comment : ""));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), answers));
  json_array_unref (answers);
}

/* -- events -------------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkTransfers *transfers;
  const char *id;
} Asked;

static gboolean
is_asked (const SkIdentity *who, gpointer data)
{
  const Asked *asked = data;
  return sk_transfers_concerns (asked->transfers, who, asked->id);
}

/* To those who decide: something waits, or does not any more. */
static void
tell_deciders (SkApiServer *server, const SkTransfer *row)
{
  const gboolean held = row->state == SK_TRANSFER_HELD;
  if (!*row->stages
      || (!held && row->state != SK_TRANSFER_APPROVED && row->state != SK_TRANSFER_DENIED
          && row->state != SK_TRANSFER_CANCELLED && row->state != SK_TRANSFER_EXPIRED))
    return;
  Asked asked = { server->transfers, row->id };
  JsonObject *event = json_object_new ();
  json_object_set_string_member (event, "type", "approval");
  json_object_set_string_member (event, "id", row->id);
  json_object_set_string_member (event, "state", !held ? "over" : row->escalated ? "escalated" : "waiting");
  json_object_set_string_member (event, "text", row->purpose);
  json_object_set_string_member (event, "user", row->user);
  sk_events_emit_to (server->events, is_asked, &asked, event);
}

void
sk_api_transfer_changed (SkApiServer *server, const char *id)
{
  const SkTransfer *row = sk_transfers_peek (server->transfers, id);
  if (!row)
    return;
  JsonObject *event = json_object_new ();
  json_object_set_string_member (event, "type", "transfer");
  json_object_set_string_member (event, "id", id);
  json_object_set_string_member (event, "state", sk_transfer_state_word (row->state));
  json_object_set_string_member (event, "text", row->en);
  json_object_set_string_member (event, "text_ja", row->ja);
  json_object_set_string_member (event, "direction", sk_cross_word (row->direction));
  json_object_set_string_member (event, "kind", sk_kind_word (row->kind));
  sk_events_emit (server->events, row->uid, event);
  tell_deciders (server, row);
  if (*row->matter)
    sk_api_matter_changed (server, row->matter);
}
