#include "audit/bundle.h"
#include "audit/audit-private.h"
#include "audit/chain.h"
#include "common/crossing.h"
#include "common/error.h"
#include "common/i18n.h"
#include "store/transfers.h"
#include <string.h>

typedef struct
{
  SkStore *store;
  SkHoldKind kind;
  const char *name;
  GPtrArray *rows;        /* SkAuditRow: those it is about, by organisation and number */
  GPtrArray *checkpoints; /* SkAuditCheckpoint of the organisation at hand */
} Maker;

/* -- rows ---------------------------------------------------------------------------------------------------
 */

static void
row_free (gpointer data)
{
  sk_audit_row_clear (data);
  g_free (data);
}

static void
checkpoint_free (gpointer data)
{
  sk_audit_checkpoint_clear (data);
  g_free (data);
}

static gboolean
keep_row (const SkAuditRow *row, gpointer data)
{
  Maker *maker = data;
  SkAuditRow *copy = g_new (SkAuditRow, 1);
  *copy = (SkAuditRow){ g_strdup (row->organisation),
                        row->seq,
                        row->time,
                        g_strdup (row->actor),
                        g_strdup (row->action),
                        g_strdup (row->object),
                        g_strdup (row->matter),
                        g_strdup (row->details),
                        g_strdup (row->details_hash),
                        g_strdup (row->prev),
                        g_strdup (row->hash) };
  g_ptr_array_add (maker->rows, copy);
  return maker->rows->len <= SK_BUNDLE_ROWS_MAX;
}

static gboolean
keep_checkpoint (const SkAuditCheckpoint *c, gpointer data)
{
  SkAuditCheckpoint *copy = g_new (SkAuditCheckpoint, 1);
  *copy = (SkAuditCheckpoint){
    g_strdup (c->organisation), c->number, c->seq, c->time, g_strdup (c->hash), g_strdup (c->prev),
    g_strdup (c->signature)
  };
  g_ptr_array_add (((Maker *) data)->checkpoints, copy);
  return TRUE;
}

static gboolean
is_about (const Maker *maker, const SkAuditRow *row)
{
  return strcmp (maker->kind == SK_HOLD_MATTER ? row->matter : row->object, maker->name) == 0;
}

static JsonObject *
describe_row (const SkAuditRow *row)
{
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "time", row->time);
  json_object_set_string_member (object, "actor", row->actor);
  json_object_set_string_member (object, "action", row->action);
  json_object_set_string_member (object, "object", row->object);
  json_object_set_string_member (object, "matter", row->matter);
  json_object_set_string_member (object, "details", row->details);
  json_object_set_string_member (object, "details_hash", row->details_hash);
  return object;
}

static JsonObject *
describe_checkpoint (const SkAuditCheckpoint *c)
{
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "number", c->number);
  json_object_set_int_member (object, "seq", c->seq);
  json_object_set_int_member (object, "time", c->time);
  json_object_set_string_member (object, "hash", c->hash);
  json_object_set_string_member (object, "prev", c->prev);
  json_object_set_string_member (object, "signature", c->signature);
  return object;
}

/* -- segments: from a row that it is about to the checkpoint behind it --------------------------------------
 */

typedef struct
{
  const Maker *maker;
  gint64 until;
  JsonArray *rows;
} Segment;

static gboolean
add_to_segment (const SkAuditRow *row, gpointer data)
{
  Segment *segment = data;
  JsonObject *object;
  if (row->seq > segment->until)
    return FALSE;
  if (is_about (segment->maker, row))
    object = describe_row (row);
  else
    {
      const SkChainRow bound = { row->organisation, row->seq,    row->time,         row->actor, row->action,
                                 row->object,       row->matter, row->details_hash, row->prev };
      g_autofree char *body = sk_chain_body (&bound);
      object = json_object_new ();
      json_object_set_string_member (object, "body", body);
    }
  json_array_add_object_element (segment->rows, object);
  return TRUE;
}

static gboolean
add_segment (Maker *maker, JsonArray *segments, const SkAuditRow *first, const SkAuditCheckpoint *end,
             GError **error)
{
  const SkAuditFilter filter = { .organisation = first->organisation, .after_seq = first->seq - 1 };
  Segment segment = { maker, end->seq, json_array_new () };
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "organisation", first->organisation);
  json_object_set_int_member (object, "first", first->seq);
  json_object_set_string_member (object, "prev", first->prev);
  json_object_set_array_member (object, "rows", segment.rows);
  json_object_set_object_member (object, "checkpoint", describe_checkpoint (end));
  json_array_add_object_element (segments, object);
  return sk_store_audit_walk (maker->store, &filter, add_to_segment, &segment, error);
}

static const SkAuditCheckpoint *
checkpoint_behind (const Maker *maker, gint64 seq)
{
  for (guint i = 0; i < maker->checkpoints->len; i++)
    if (((SkAuditCheckpoint *) maker->checkpoints->pdata[i])->seq >= seq)
      return maker->checkpoints->pdata[i];
  return NULL;
}

static JsonArray *
make_segments (Maker *maker, GError **error)
{
  g_autoptr (JsonArray) segments = json_array_new ();
  const SkAuditCheckpoint *end = NULL;
  const char *organisation = NULL;
  for (guint i = 0; i < maker->rows->len; i++)
    {
      const SkAuditRow *row = maker->rows->pdata[i];
      if (g_strcmp0 (organisation, row->organisation) != 0)
        {
          g_ptr_array_set_size (maker->checkpoints, 0);
          if (!sk_store_audit_checkpoints (maker->store, row->organisation, keep_checkpoint, maker, error))
            return NULL;
          organisation = row->organisation;
          end = NULL;
        }
      if (end && row->seq <= end->seq)
        continue;
      end = checkpoint_behind (maker, row->seq);
      if (!end)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT, "row %" G_GINT64_FORMAT " is not signed yet",
                       row->seq);
          return NULL;
        }
      if (!add_segment (maker, segments, row, end, error))
        return NULL;
    }
  return g_steal_pointer (&segments);
}

/* -- what the tables say, for the rows to confirm -----------------------------------------------------------
 */

static JsonArray *
describe_items (GPtrArray *items)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < items->len; i++)
    {
      const SkTransferItem *item = items->pdata[i];
      JsonObject *object = json_object_new ();
      json_object_set_string_member (object, "name", item->name);
      json_object_set_int_member (object, "bytes", item->bytes);
      json_object_set_string_member (object, "type", item->type);
      json_object_set_string_member (object, "sha256", item->sha256);
      json_object_set_string_member (object, "result_name", item->result_name);
      json_object_set_int_member (object, "result_bytes", item->result_bytes);
      json_object_set_string_member (object, "result_sha256", item->result_sha256);
      json_array_add_object_element (array, object);
    }
  return array;
}

static JsonArray *
describe_decisions (GPtrArray *decisions)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < decisions->len; i++)
    {
      const SkDecision *d = decisions->pdata[i];
      JsonObject *object = json_object_new ();
      json_object_set_int_member (object, "stage", d->stage);
      json_object_set_string_member (object, "user", d->user);
      json_object_set_string_member (object, "verdict",
                                     d->verdict == SK_DECISION_APPROVE ? "approve" : "deny");
      json_object_set_string_member (object, "comment", d->comment);
      json_object_set_int_member (object, "created", d->created);
      json_array_add_object_element (array, object);
    }
  return array;
}

static JsonArray *
describe_comments (GPtrArray *comments)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < comments->len; i++)
    {
      const SkComment *c = comments->pdata[i];
      JsonObject *object = json_object_new ();
      json_object_set_string_member (object, "user", c->user);
      json_object_set_string_member (object, "text", c->text);
      json_object_set_int_member (object, "created", c->created);
      json_array_add_object_element (array, object);
    }
  return array;
}

static JsonObject *
describe_transfer (const SkTransfer *row)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "id", row->id);
  json_object_set_string_member (object, "state", sk_transfer_state_word (row->state));
  json_object_set_string_member (object, "direction", sk_cross_word (row->direction));
  json_object_set_string_member (object, "kind", sk_kind_word (row->kind));
  json_object_set_string_member (object, "user", row->user);
  json_object_set_string_member (object, "section", row->section);
  json_object_set_string_member (object, "organisation", row->organisation);
  json_object_set_string_member (object, "purpose", row->purpose);
  json_object_set_string_member (object, "policy", row->policy);
  json_object_set_string_member (object, "rule", row->rule);
  json_object_set_int_member (object, "created", row->created);
  return object;
}

static gboolean
add_transfer (Maker *maker, JsonArray *transfers, const char *id, GError **error)
{
  g_autoptr (SkTransfer) row = sk_store_transfer (maker->store, id, error);
  g_autoptr (GPtrArray) items = row ? sk_store_transfer_items (maker->store, id, error) : NULL;
  g_autoptr (GPtrArray) decisions = items ? sk_store_decisions (maker->store, id, error) : NULL;
  g_autoptr (GPtrArray) comments = decisions ? sk_store_comments (maker->store, id, error) : NULL;
  if (!comments)
    return FALSE;
  JsonObject *object = describe_transfer (row);
  json_object_set_array_member (object, "items", describe_items (items));
  json_object_set_array_member (object, "decisions", describe_decisions (decisions));
  json_object_set_array_member (object, "comments", describe_comments (comments));
  json_array_add_object_element (transfers, object);
  return TRUE;
}

/* Objects of its rows that are transfers. */
static JsonArray *
make_transfers (Maker *maker, GError **error)
{
  g_autoptr (JsonArray) transfers = json_array_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < maker->rows->len; i++)
    {
      const SkAuditRow *row = maker->rows->pdata[i];
      if (!g_str_has_prefix (row->action, "transfer.") || !g_hash_table_add (seen, row->object))
        continue;
      if (g_hash_table_size (seen) > SK_BUNDLE_TRANSFERS_MAX)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
                       SK_BOTH ("more than %d transfers", "転送が %d 件を超えています"),
                       SK_BUNDLE_TRANSFERS_MAX, SK_BUNDLE_TRANSFERS_MAX);
          return NULL;
        }
      if (!add_transfer (maker, transfers, row->object, error))
        return NULL;
    }
  return g_steal_pointer (&transfers);
}

/* -- the whole ----------------------------------------------------------------------------------------------
 */

static char *
compose (Maker *maker, const char *public_key, const char *by, GError **error)
{
  g_autoptr (JsonArray) segments = make_segments (maker, error);
  g_autoptr (JsonArray) transfers = segments ? make_transfers (maker, error) : NULL;
  g_autoptr (JsonObject) object = json_object_new ();
  JsonObject *about = json_object_new ();
  if (!transfers)
    {
      json_object_unref (about);
      return NULL;
    }
  json_object_set_string_member (object, "sekisho", "evidence 1");
  json_object_set_int_member (object, "created", g_get_real_time ());
  json_object_set_string_member (object, "by", by);
  json_object_set_string_member (about, "kind", sk_hold_words[maker->kind]);
  json_object_set_string_member (about, "name", maker->name);
  json_object_set_object_member (object, "about", about);
  json_object_set_string_member (object, "public_key", public_key);
  json_object_set_array_member (object, "transfers", g_steal_pointer (&transfers));
  json_object_set_array_member (object, "segments", g_steal_pointer (&segments));
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  return json_to_string (node, FALSE);
}

char *
sk_bundle_compose (SkStore *reader, const char *public_key, SkHoldKind kind, const char *name, const char *by,
                   GError **error)
{
  const SkAuditFilter filter
      = { .object = kind == SK_HOLD_MATTER ? NULL : name, .matter = kind == SK_HOLD_MATTER ? name : NULL };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (row_free);
  g_autoptr (GPtrArray) checkpoints = g_ptr_array_new_with_free_func (checkpoint_free);
  Maker maker = { reader, kind, name, rows, checkpoints };
  if (!sk_store_audit_walk (reader, &filter, keep_row, &maker, error))
    return NULL;
  if (rows->len > SK_BUNDLE_ROWS_MAX)
    g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, SK_BOTH ("more than %d rows", "記録が %d 行を超えています"),
                 SK_BUNDLE_ROWS_MAX, SK_BUNDLE_ROWS_MAX);
  else if (rows->len == 0)
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                 SK_BOTH ("the trail knows nothing of %s", "%s に関する記録はありません"), name, name);
  else
    return compose (&maker, public_key, by, error);
  return NULL;
}

/* -- on a thread --------------------------------------------------------------------------------------------
 */

typedef struct
{
  char *database, *public_key, *name, *by;
  SkHoldKind kind;
  EVP_PKEY *key;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;
  EVP_PKEY_free (job->key);
  g_free (job->database);
  g_free (job->public_key);
  g_free (job->name);
  g_free (job->by);
  g_free (job);
}

static void
run (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  GError *error = NULL;
  g_autoptr (SkStore) reader = sk_store_open_reader (job->database, &error);
  g_autofree char *payload
      = reader && sk_store_snapshot (reader, &error)
            ? sk_bundle_compose (reader, job->public_key, job->kind, job->name, job->by, &error)
            : NULL;
  g_autofree char *signature
      = payload ? sk_audit_sign_with (job->key, "sekisho evidence 1", payload, strlen (payload)) : NULL;
  if (payload && strlen (payload) > SK_BUNDLE_BYTES_MAX)
    g_task_return_new_error (
        task, SK_ERROR, SK_ERROR_LIMIT,
        SK_BOTH ("the bundle is larger than %d bytes", "証拠一式が %d バイトを超えています"),
        SK_BUNDLE_BYTES_MAX, SK_BUNDLE_BYTES_MAX);
  else if (signature)
    g_task_return_pointer (task, g_strconcat (payload, "\n{\"signature\":\"", signature, "\"}\n", NULL),
                           g_free);
  else
    g_task_return_error (task,
                         error ? error : g_error_new_literal (SK_ERROR, SK_ERROR_INTERNAL, "no signature"));
}

/* Only what there is: asking for something else leaves no row. */
static gboolean
is_known (const SkAuditRow *row, gpointer data)
{
  g_free (*(char **) data);
  *(char **) data = g_strdup (row->organisation);
  return FALSE;
}

static gboolean
note_export (SkAudit *self, SkHoldKind kind, const char *name, GError **error)
{
  g_autofree char *organisation = NULL;
  const gboolean matter = kind == SK_HOLD_MATTER;
  const SkAuditFilter filter = { .object = matter ? NULL : name, .matter = matter ? name : NULL, .limit = 1 };
  if (!sk_store_audit_walk (self->store, &filter, is_known, &organisation, error))
    return FALSE;
  if (!organisation)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                   SK_BOTH ("the trail knows nothing of %s", "%s に関する記録はありません"), name, name);
      return FALSE;
    }
  const SkAuditEvent event = { .organisation = organisation,
                               .action = "audit.exported",
                               .object = matter ? "" : name,
                               .matter = matter ? name : "" };
  return sk_audit_append (self, &event, error) && sk_audit_checkpoint (self, error);
}

void
sk_audit_export_async (SkAudit *self, SkHoldKind kind, const char *name, const char *by,
                       GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  GError *error = NULL;
  if (!note_export (self, kind, name, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  Job *job = g_new0 (Job, 1);
  *job = (Job){ g_strdup (sk_store_path (self->store)),
                g_strdup (self->public_key),
                g_strdup (name),
                g_strdup (by),
                kind,
                self->key };
  EVP_PKEY_up_ref (self->key);
  g_task_set_task_data (task, job, job_free);
  g_task_run_in_thread (task, run);
}

char *
sk_audit_export_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
