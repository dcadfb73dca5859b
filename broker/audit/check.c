/* Verifying with the broker's own objects: at once, or on a thread with a connection of its own. */
#include "audit/audit-private.h"
#include "common/error.h"

void
sk_audit_verdict_free (SkAuditVerdict *verdict)
{
  if (!verdict)
    return;
  g_array_unref (verdict->faults);
  g_free (verdict);
}

static void
clear_found (gpointer data)
{
  g_free (((SkAuditFound *) data)->organisation);
}

static void
on_fault (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data)
{
  SkAuditVerdict *verdict = data;
  if (verdict->n_faults++ >= SK_AUDIT_FAULTS_MAX)
    return;
  const SkAuditFound found = { g_strdup (organisation), seq, fault };
  g_array_append_val (verdict->faults, found);
}

gboolean
sk_audit_verify (SkAudit *self, SkAuditReport report, gpointer data, guint64 *ret_rows, GError **error)
{
  g_autofree char *heads = sk_audit_read_heads (self->heads_path);
  return sk_audit_check (self->store, self->public_key, heads, report, data, ret_rows, error);
}

/* -- on a thread --------------------------------------------------------------------------------------------
 */

typedef struct
{
  char *database, *public_key, *heads_path;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;
  g_free (job->database);
  g_free (job->public_key);
  g_free (job->heads_path);
  g_free (job);
}

/* The heads before the snapshot: rows that come in between are more than they name, never less. */
static void
run (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  GError *error = NULL;
  g_autoptr (SkAuditVerdict) verdict = g_new0 (SkAuditVerdict, 1);
  g_autofree char *heads = sk_audit_read_heads (job->heads_path);
  g_autoptr (SkStore) reader = sk_store_open_reader (job->database, &error);
  verdict->faults = g_array_new (FALSE, FALSE, sizeof (SkAuditFound));
  g_array_set_clear_func (verdict->faults, clear_found);
  if (reader && sk_store_snapshot (reader, &error)
      && sk_audit_check (reader, job->public_key, heads, on_fault, verdict, &verdict->rows, &error))
    g_task_return_pointer (task, g_steal_pointer (&verdict), (GDestroyNotify) sk_audit_verdict_free);
  else
    g_task_return_error (task, error);
}

void
sk_audit_verify_async (SkAudit *self, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  Job *job = g_new0 (Job, 1);
  *job = (Job){ g_strdup (sk_store_path (self->store)), g_strdup (self->public_key),
                g_strdup (self->heads_path) };
  g_task_set_task_data (task, job, job_free);
  g_task_run_in_thread (task, run);
}

SkAuditVerdict *
sk_audit_verify_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
