/* 持出し台帳, the take-out ledger: each export with who, where to, what, what for, who approved, what came of
 * it. */
#include "audit/audit-private.h"
#include "audit/bundle.h"
#include "store/transfers.h"

static JsonArray *
names_of (GPtrArray *items)
{
  JsonArray *names = json_array_new ();
  for (guint i = 0; i < items->len; i++)
    json_array_add_string_element (names, ((SkTransferItem *) items->pdata[i])->name);
  return names;
}

static JsonArray *
deciders_of (GPtrArray *decisions)
{
  JsonArray *users = json_array_new ();
  for (guint i = 0; i < decisions->len; i++)
    json_array_add_string_element (users, ((SkDecision *) decisions->pdata[i])->user);
  return users;
}

static JsonObject *
describe (SkStore *reader, const SkTransfer *row, GError **error)
{
  g_autoptr (GPtrArray) items = sk_store_transfer_items (reader, row->id, error);
  g_autoptr (GPtrArray) decisions = items ? sk_store_decisions (reader, row->id, error) : NULL;
  g_autofree char *outcome = NULL;
  if (!decisions || !sk_store_transfer_outcome (reader, row, &outcome, error))
    return NULL;
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "id", row->id);
  json_object_set_int_member (object, "created", row->created);
  json_object_set_string_member (object, "organisation", row->organisation);
  json_object_set_string_member (object, "section", row->section);
  json_object_set_string_member (object, "user", row->user);
  json_object_set_string_member (object, "kind", sk_kind_word (row->kind));
  json_object_set_int_member (object, "count", row->count);
  json_object_set_int_member (object, "bytes", row->bytes);
  json_object_set_array_member (object, "names", names_of (items));
  json_object_set_string_member (object, "purpose", row->purpose);
  json_object_set_array_member (object, "deciders", deciders_of (decisions));
  json_object_set_string_member (object, "outcome", outcome);
  json_object_set_string_member (object, "rule", row->rule);
  return object;
}

static JsonArray *
make (SkStore *reader, const SkLedgerFilter *filter, GError **error)
{
  g_autoptr (GPtrArray) rows = sk_store_exports (reader, filter->organisation, filter->since, filter->until,
                                                 filter->after, filter->after_id, SK_LEDGER_MAX, error);
  g_autoptr (JsonArray) lines = rows ? json_array_new () : NULL;
  for (guint i = 0; rows && i < rows->len; i++)
    {
      JsonObject *object = describe (reader, rows->pdata[i], error);
      if (!object)
        return NULL;
      json_array_add_object_element (lines, object);
    }
  return g_steal_pointer (&lines);
}

typedef struct
{
  char *database;
  SkLedgerFilter filter;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;
  g_free (job->database);
  g_free (job->filter.organisation);
  g_free (job->filter.after_id);
  g_free (job);
}

static void
run (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  GError *error = NULL;
  g_autoptr (SkStore) reader = sk_store_open_reader (job->database, &error);
  JsonArray *lines
      = reader && sk_store_snapshot (reader, &error) ? make (reader, &job->filter, &error) : NULL;
  if (lines)
    g_task_return_pointer (task, lines, (GDestroyNotify) json_array_unref);
  else
    g_task_return_error (task, error);
}

void
sk_audit_ledger_async (SkAudit *self, const SkLedgerFilter *filter, GAsyncReadyCallback callback,
                       gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  Job *job = g_new0 (Job, 1);
  job->database = g_strdup (sk_store_path (self->store));
  job->filter = *filter;
  job->filter.organisation = g_strdup (filter->organisation);
  job->filter.after_id = g_strdup (filter->after_id ? filter->after_id : "");
  g_task_set_task_data (task, job, job_free);
  g_task_run_in_thread (task, run);
}

JsonArray *
sk_audit_ledger_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
