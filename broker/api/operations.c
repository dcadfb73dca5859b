#include "api/operations.h"
#include "api/identity.h"
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"

typedef enum
{
  RUNNING,
  SUCCESS,
  FAILURE,
  CANCELLED,
} Status;
static const char *const words[] = { "running", "success", "failure", "cancelled" };

struct _SkOperations
{
  SkEvents *events;
  GQueue all; /* oldest first */
};

struct _SkOperation
{
  grefcount refs;
  SkOperations *set; /* NULL: the server is gone */
  char *id;
  const char *description;
  char *resource;
  SkIdentity *who;
  Status status;
  gint64 created, updated;
  JsonNode *metadata;
  GError *error;
  void (*cancel) (SkOperation *, gpointer);
  gpointer data;
  GPtrArray *waiters; /* Waiter */
};

typedef struct
{
  SkOperation *operation;
  SkRequest *request;
  GSource *timeout;
} Waiter;

static void
waiter_free (gpointer data)
{
  Waiter *waiter = data;
  waiter->request->on_gone = NULL;
  g_source_destroy (waiter->timeout);
  g_source_unref (waiter->timeout);
  sk_request_unref (waiter->request);
  g_free (waiter);
}

SkOperation *
sk_operation_ref (SkOperation *op)
{
  g_ref_count_inc (&op->refs);
  return op;
}

void
sk_operation_unref (SkOperation *op)
{
  if (!g_ref_count_dec (&op->refs))
    return;
  g_ptr_array_unref (op->waiters);
  g_free (op->id);
  g_free (op->resource);
  sk_identity_free (op->who);
  g_clear_pointer (&op->metadata, json_node_unref);
  g_clear_error (&op->error);
  g_free (op);
}

SkOperations *
sk_operations_new (SkEvents *events)
{
  SkOperations *set = g_new0 (SkOperations, 1);
  set->events = events;
  g_queue_init (&set->all);
  return set;
}

static void
cancel (SkOperation *op)
{
  void (*func) (SkOperation *, gpointer) = op->cancel;
  op->cancel = NULL;
  func (op, op->data);
}

void
sk_operations_free (SkOperations *set)
{
  for (GList *l = set->all.head; l; l = l->next)
    {
      SkOperation *op = l->data;
      g_ptr_array_set_size (op->waiters, 0);
      op->set = NULL;
    }
  g_queue_clear_full (&set->all, (GDestroyNotify) sk_operation_unref);
  g_free (set);
}

char *
sk_operation_path (SkOperation *op)
{
  return g_strdup_printf ("/1.0/operations/%s", op->id);
}

const char *
sk_operation_resource (SkOperation *op)
{
  return op->resource;
}

JsonObject *
sk_operation_to_json (SkOperation *op)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "id", op->id);
  json_object_set_string_member (object, "description", op->description);
  json_object_set_string_member (object, "status", words[op->status]);
  json_object_set_string_member (object, "user", op->who->user);
  json_object_set_string_member (object, "resource", op->resource ? op->resource : "");
  json_object_set_boolean_member (object, "may_cancel", op->status == RUNNING && op->cancel != NULL);
  json_object_set_int_member (object, "created", op->created);
  json_object_set_int_member (object, "updated", op->updated);
  json_object_set_member (object, "metadata",
                          op->metadata ? json_node_ref (op->metadata)
                                       : json_node_init_null (json_node_alloc ()));
  if (op->error)
    {
      JsonObject *error = json_object_new ();
      sk_error_to_json (op->error, error);
      json_object_set_object_member (object, "err", error);
    }
  return object;
}

static void
changed (SkOperation *op)
{
  JsonObject *event = json_object_new ();
  op->updated = g_get_real_time ();
  json_object_set_string_member (event, "type", "operation");
  json_object_set_string_member (event, "id", op->id);
  json_object_set_string_member (event, "state", words[op->status]);
  json_object_set_string_member (event, "text", op->description);
  json_object_set_object_member (event, "metadata", sk_operation_to_json (op));
  sk_events_emit (op->set->events, op->who->uid, event);
}

/* Forgets finished ones that are too old or too many. */
static void
trim (SkOperations *set)
{
  gint64 old = g_get_real_time () - SK_OPERATION_KEEP_SECONDS * G_USEC_PER_SEC;
  for (GList *l = set->all.head, *next; l; l = next)
    {
      SkOperation *op = l->data;
      next = l->next;
      if (op->status == RUNNING || (op->updated > old && set->all.length <= SK_OPERATIONS_KEPT))
        continue;
      g_queue_delete_link (&set->all, l);
      sk_operation_unref (op);
    }
}

SkOperation *
sk_operation_new (SkOperations *set, const SkIdentity *who, const char *description, const char *resource,
                  void (*cancel_func) (SkOperation *, gpointer), gpointer data, GError **error)
{
  guint mine = 0;
  trim (set);
  for (GList *l = set->all.head; l; l = l->next)
    mine += ((SkOperation *) l->data)->status == RUNNING && ((SkOperation *) l->data)->who->uid == who->uid;
  if (mine >= SK_OPERATIONS_PER_USER)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
                   SK_BOTH ("%d running operations", "実行中の処理は %d 件までです"), SK_OPERATIONS_PER_USER,
                   SK_OPERATIONS_PER_USER);
      return NULL;
    }
  SkOperation *op = g_new0 (SkOperation, 1);
  g_ref_count_init (&op->refs);
  op->set = set;
  op->id = g_uuid_string_random ();
  op->description = description;
  op->resource = g_strdup (resource);
  op->who = sk_identity_copy (who);
  op->created = op->updated = g_get_real_time ();
  op->cancel = cancel_func;
  op->data = data;
  op->waiters = g_ptr_array_new_with_free_func (waiter_free);
  g_queue_push_tail (&set->all, op);
  changed (op);
  return op;
}

void
sk_operation_progress (SkOperation *op, JsonObject *metadata)
{
  if (!op->set || op->status != RUNNING)
    {
      json_object_unref (metadata);
      return;
    }
  g_clear_pointer (&op->metadata, json_node_unref);
  op->metadata = json_node_init_object (json_node_alloc (), metadata);
  json_object_unref (metadata);
  changed (op);
}

static void
answer_waiter (Waiter *waiter)
{
  sk_request_reply_object (waiter->request, sk_operation_to_json (waiter->operation));
}

void
sk_operation_finish (SkOperation *op, JsonNode *result, GError *error)
{
  if (!op->set || op->status != RUNNING)
    {
      g_clear_pointer (&result, json_node_unref);
      g_clear_error (&error);
      return;
    }
  if (error)
    op->status = g_error_matches (error, SK_ERROR, SK_ERROR_CANCELLED) ? CANCELLED : FAILURE;
  else
    op->status = SUCCESS;
  op->error = error;
  op->cancel = NULL;
  if (result)
    {
      g_clear_pointer (&op->metadata, json_node_unref);
      op->metadata = result;
    }
  changed (op);
  for (guint i = 0; i < op->waiters->len; i++)
    answer_waiter (g_ptr_array_index (op->waiters, i));
  g_ptr_array_set_size (op->waiters, 0);
}

SkOperation *
sk_operations_find (SkOperations *set, const char *resource)
{
  for (GList *l = set->all.head; l; l = l->next)
    {
      SkOperation *op = l->data;
      if (op->status == RUNNING && g_strcmp0 (op->resource, resource) == 0)
        return op;
    }
  return NULL;
}

void
sk_operations_foreach (SkOperations *set, const char *description, void (*func) (SkOperation *, gpointer),
                       gpointer data)
{
  for (GList *l = set->all.head, *next; l; l = next)
    {
      SkOperation *op = l->data;
      next = l->next;
      if (op->status == RUNNING && g_str_equal (op->description, description))
        func (op, data);
    }
}

/* -- routes --------------------------------------------------------------------------------------------- */

static gboolean
may_see (const SkRequest *request, const SkOperation *op)
{
  return request->who->admin || request->who->uid == op->who->uid;
}

void
sk_api_get_operations (SkRequest *request)
{
  JsonArray *rows = json_array_new ();
  trim (request->server->operations);
  for (GList *l = request->server->operations->all.head; l; l = l->next)
    if (may_see (request, l->data))
      json_array_add_object_element (rows, sk_operation_to_json (l->data));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), rows));
  json_array_unref (rows);
}

/* NULL: answered with an error. */
static SkOperation *
find (SkRequest *request)
{
  for (GList *l = request->server->operations->all.head; l; l = l->next)
    {
      SkOperation *op = l->data;
      if (g_str_equal (op->id, request->args[0]) && may_see (request, op))
        return op;
    }
  sk_request_reply_error (request, g_error_new (SK_ERROR, SK_ERROR_NOT_FOUND, "%s", request->args[0]));
  return NULL;
}

void
sk_api_get_operation (SkRequest *request)
{
  SkOperation *op = find (request);
  if (op)
    sk_request_reply_object (request, sk_operation_to_json (op));
}

static void
on_waiter_gone (SkRequest *request, gpointer data)
{
  Waiter *waiter = data;
  g_ptr_array_remove_fast (waiter->operation->waiters, waiter);
}

static gboolean
on_waiter_timeout (gpointer data)
{
  Waiter *waiter = data;
  answer_waiter (waiter);
  g_ptr_array_remove_fast (waiter->operation->waiters, waiter);
  return G_SOURCE_REMOVE;
}

void
sk_api_wait_operation (SkRequest *request)
{
  SkOperation *op = find (request);
  gint64 seconds = SK_OPERATION_WAIT_SECONDS;
  GError *error = NULL;
  Waiter *waiter;

  if (!op)
    return;
  if (!sk_route_query_number (request, "timeout", 0, SK_OPERATION_WAIT_SECONDS, &seconds, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  if (op->status != RUNNING || seconds == 0)
    {
      sk_request_reply_object (request, sk_operation_to_json (op));
      return;
    }
  waiter = g_new0 (Waiter, 1);
  waiter->operation = op;
  waiter->request = sk_request_ref (request);
  waiter->timeout = g_timeout_source_new_seconds ((guint) seconds);
  g_source_set_callback (waiter->timeout, on_waiter_timeout, waiter, NULL);
  g_source_attach (waiter->timeout, g_main_context_get_thread_default ());
  g_ptr_array_add (op->waiters, waiter);
  sk_request_wait (request, on_waiter_gone, waiter);
}

void
sk_api_delete_operation (SkRequest *request)
{
  SkOperation *op = find (request);
  if (!op)
    return;
  if (op->status != RUNNING || !op->cancel)
    {
      sk_request_reply_error (
          request, g_error_new_literal (SK_ERROR, SK_ERROR_CONFLICT,
                                        SK_BOTH ("it cannot be cancelled any more", "もう取り消せません")));
      return;
    }
  cancel (op);
  sk_request_reply (request, NULL);
}
