/* One item after another past the antivirus and through a sandboxed inspector: out of the quarantine into its
 * pipe, what it made anew back into the quarantine. The core sees none of it but the result line. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <fcntl.h>
#include <unistd.h>

typedef struct
{
  SkTransfers *owner;
  char *transfer; /* looked up again: it may be gone when the answer comes */
  guint item;
  GCancellable *cancel;
  SkInspection *inspection;
  SkQuarantined *result;
  GError *error;
  guint pending;
} Run;

static void
run_free (Run *run)
{
  g_object_unref (run->owner);
  g_object_unref (run->cancel);
  g_free (run->transfer);
  g_clear_error (&run->error);
  g_clear_pointer (&run->inspection, sk_inspection_free);
  g_clear_pointer (&run->result, sk_quarantined_free);
  g_free (run);
}

static JsonArray *
findings_to_json (const SkInspection *inspection)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < inspection->findings->len; i++)
    {
      const SkInspectFinding *finding = inspection->findings->pdata[i];
      JsonObject *object = json_object_new ();
      json_object_set_string_member (object, "kind", finding->kind);
      json_object_set_int_member (object, "count", finding->count);
      json_object_set_string_member (object, "detail", finding->detail);
      json_array_add_object_element (array, object);
    }
  return array;
}

static char *
array_to_text (JsonArray *take_array)
{
  g_autoptr (JsonNode) node = json_node_init_array (json_node_alloc (), take_array);
  json_array_unref (take_array);
  return json_to_string (node, FALSE);
}

static char *
removed_to_text (const SkInspection *inspection)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; inspection->removed && inspection->removed[i]; i++)
    json_array_add_string_element (array, inspection->removed[i]);
  return array_to_text (array);
}

static void
refuse (SkLiveTransfer *t, const char *actor, const char *code, const char *en, const char *ja)
{
  sk_live_transfer_end_logged (t, SK_TRANSFER_REFUSED, actor, code, en, ja);
}

/* -- the antivirus ------------------------------------------------------------------------------------------
 */

static gssize
read_blob (gpointer reader, void *buffer, gsize length, GError **error)
{
  return sk_quarantine_read (reader, buffer, length, error);
}

static gboolean
rewind_blob (gpointer reader, GError **error)
{
  return sk_quarantine_seek (reader, 0, error);
}

/* Whatever the rules say. */
static void
refuse_infected (SkLiveTransfer *t, const SkTransferItem *row)
{
  g_autofree char *en
      = g_strdup_printf ("Malware was found: %s in %s. Do not open the original; tell your administrator.",
                         row->scan_note, row->name);
  g_autofree char *ja
      = g_strdup_printf ("マルウェアが見つかりました: %s（%s）。元のファイルを開かず、管理者に"
                         "連絡してください。",
                         row->scan_note, row->name);
  refuse (t, "antivirus", "infected", en, ja);
}

/* FALSE: it ended here. */
static gboolean
book_scan (SkLiveTransfer *t, Run *run, const SkScan *scan)
{
  SkTransferItem *row = ((SkLiveItem *) t->items->pdata[run->item])->row;
  sk_set_text (&row->antivirus, sk_scan_words[scan->state]);
  sk_set_text (&row->scanner, scan->scanner);
  sk_set_text (&row->scan_note, scan->state == SK_SCAN_INFECTED ? scan->name : scan->why);
  if (scan->state == SK_SCAN_UNSCANNED && sk_antivirus_is_configured (t->owner->parts.antivirus))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "not scanned: %s", scan->why);
  if (scan->state != SK_SCAN_INFECTED)
    return TRUE;
  sk_warn (SK_FIELDS ("transfer", t->row->id, "user", t->row->user), "infected: %s", scan->name);
  refuse_infected (t, row);
  return FALSE;
}

/* -- the inspection -----------------------------------------------------------------------------------------
 */

/* FALSE: it did not get through. */
static gboolean
book_result (SkLiveTransfer *t, Run *run)
{
  SkLiveItem *item = t->items->pdata[run->item];
  const SkInspection *inspection = run->inspection;
  g_autoptr (GError) error = NULL;
  sk_set_text (&item->row->type, inspection->type);
  g_free (item->row->findings);
  item->row->findings = array_to_text (findings_to_json (inspection));
  g_free (item->row->removed);
  item->row->removed = removed_to_text (inspection);
  sk_set_text (&item->row->report, inspection->report);
  if (!inspection->passed)
    {
      refuse (t, "inspector", inspection->reason, inspection->reason_en, inspection->reason_ja);
      return FALSE;
    }
  sk_set_text (&item->row->result_blob, run->result->blob);
  sk_set_text (&item->row->result_sha256, run->result->sha256);
  sk_set_text (&item->row->result_name, inspection->result_name);
  sk_set_text (&item->row->result_type, inspection->result_type);
  item->row->result_bytes = (gint64) run->result->size;
  /* The last one is written with the verdict. */
  if (run->item + 1 == t->items->len)
    {
      g_clear_pointer (&item->result, sk_quarantined_free);
      item->result = g_steal_pointer (&run->result);
      return TRUE;
    }
  if (sk_store_put_transfer_item (t->owner->parts.store, item->row, &error))
    return TRUE;
  sk_set_text (&item->row->result_blob, "");
  sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
  return FALSE;
}

/* No inspector, no disk: not the file's fault. */
static void
try_again (SkLiveTransfer *t, Run *run)
{
  SkLiveItem *item = t->items->pdata[run->item];
  sk_warn (SK_FIELDS ("transfer", t->row->id), "inspection: %s",
           run->error ? run->error->message : "not booked");
  if (++item->tries >= SK_INSPECTION_TRIES)
    refuse (t, "broker", "inspection-failed",
            "It could not be inspected. Send it again; if it fails again, ask the IT staff.",
            "検査できませんでした。もう一度送ってください。繰り返す場合は情報担当に連絡してください。");
}

/* Unless somebody still has the same. */
gboolean
sk_transfers_drop_blob (SkTransfers *self, const char *blob)
{
  gboolean used = TRUE;
  g_autoptr (GError) error = NULL;
  if (!*blob
      || (sk_store_blob_is_used (self->parts.store, blob, "", &used, &error)
          && (used || sk_quarantine_purge (self->parts.quarantine, blob, &error))))
    return TRUE;
  sk_debug (NULL, "%s", error->message);
  return FALSE;
}

/* What came out is nobody's. */
static void
drop_result (Run *run)
{
  g_autofree char *blob = g_strdup (run->result ? run->result->blob : "");
  g_clear_pointer (&run->result, sk_quarantined_free);
  if (!sk_transfers_drop_blob (run->owner, blob))
    g_ptr_array_add (run->owner->orphans, g_steal_pointer (&blob));
}

static void
finish (Run *run)
{
  SkTransfers *self = run->owner;
  SkLiveTransfer *t = sk_transfers_find (self, run->transfer);
  self->inspections--;
  if (t && t->cancel == run->cancel)
    {
      g_clear_object (&t->cancel);
      t->busy = FALSE;
      if (t->row->state == SK_TRANSFER_INSPECTING)
        {
          if (run->error || !run->inspection)
            try_again (t, run);
          else if (book_result (t, run))
            t->inspecting = run->item + 1;
          else if (t->row->state == SK_TRANSFER_INSPECTING)
            try_again (t, run);
        }
      sk_live_transfer_enqueue (t);
    }
  sk_transfers_pump_soon (self);
  drop_result (run);
  run_free (run);
}

static void
step_done (Run *run, GError *take_error)
{
  if (take_error && !run->error)
    run->error = take_error;
  else
    g_clear_error (&take_error);
  /* One failed: the others' pipes break by themselves, but need not be waited for. */
  if (run->error)
    g_cancellable_cancel (run->cancel);
  if (--run->pending == 0)
    finish (run);
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  GError *error = NULL;
  sk_quarantine_send_finish (run->owner->parts.quarantine, result, &error);
  /* An inspector that has seen enough stops reading: its verdict counts. */
  if (g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST))
    g_clear_error (&error);
  step_done (run, error);
}

static void
on_received (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  GError *error = NULL;
  run->result = sk_quarantine_receive_finish (run->owner->parts.quarantine, result, &error);
  step_done (run, error);
}

static void
on_synced (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  GError *error = NULL;
  sk_quarantine_sync_finish (run->owner->parts.quarantine, result, &error);
  step_done (run, error);
}

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  GError *error = NULL;
  run->inspection = sk_inspector_run_finish (run->owner->parts.inspector, result, &error);
  step_done (run, error);
}

static gboolean
make_pipe (int ends[2], GError **error)
{
  if (pipe2 (ends, O_CLOEXEC) == 0)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "no pipe");
  return FALSE;
}

static gboolean
start (SkLiveTransfer *t, Run *run, GError **error)
{
  SkTransfers *self = t->owner;
  const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[run->item])->row;
  g_autofree char *key = g_strdup_printf ("%s-%u-f", t->row->id, run->item);
  const SkInspectJob job = { sk_kind_word (t->row->kind), t->row->profile, row->name, (guint64) row->bytes };
  const guint64 bytes_max = sk_inspector_out_max (&job);
  int in[2], out[2];
  if (!make_pipe (in, error))
    return FALSE;
  if (!make_pipe (out, error))
    {
      close (in[0]);
      close (in[1]);
      return FALSE;
    }
  run->pending = 3;
  if (sk_kind_is_passing (t->row->kind))
    {
      run->pending++;
      sk_quarantine_sync_async (self->parts.quarantine, row->blob, run->cancel, on_synced, run);
    }
  sk_quarantine_send_async (self->parts.quarantine, row->blob, in[1], run->cancel, on_sent, run);
  sk_quarantine_receive_async (self->parts.quarantine, out[0], key, t->row->user, bytes_max, run->cancel,
                               on_received, run);
  sk_inspector_run_async (self->parts.inspector, &job, in[0], out[1], run->cancel, on_inspected, run);
  return TRUE;
}

/* It may have been withdrawn meanwhile. */
static SkLiveTransfer *
still_there (Run *run)
{
  SkLiveTransfer *t = sk_transfers_find (run->owner, run->transfer);
  return t && t->cancel == run->cancel && t->row->state == SK_TRANSFER_INSPECTING ? t : NULL;
}

static void
on_scanned (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  SkLiveTransfer *t = still_there (run);
  g_autoptr (SkScan) said = sk_antivirus_scan_finish (run->owner->parts.antivirus, result, &run->error);
  if (!said || !t || !book_scan (t, run, said) || !start (t, run, &run->error))
    finish (run);
}

static gboolean
scan (SkLiveTransfer *t, Run *run, GError **error)
{
  SkTransfers *self = t->owner;
  const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[run->item])->row;
  SkQuarantineReader *reader = sk_quarantine_open (self->parts.quarantine, row->blob, error);
  if (!reader)
    return FALSE;
  const SkScanContent content = { sk_quarantine_size (reader), read_blob, rewind_blob, reader,
                                  (GDestroyNotify) sk_quarantine_reader_free };
  sk_antivirus_scan_async (self->parts.antivirus, &content, run->cancel, on_scanned, run);
  return TRUE;
}

static void
begin_item (SkLiveTransfer *t)
{
  SkTransfers *self = t->owner;
  g_autoptr (GError) error = NULL;
  Run *run = g_new0 (Run, 1);
  run->owner = g_object_ref (self);
  run->transfer = g_strdup (t->row->id);
  run->item = t->inspecting;
  run->cancel = g_cancellable_new ();
  g_set_object (&t->cancel, run->cancel);
  t->busy = TRUE;
  self->inspections++;
  if (scan (t, run, &error))
    return;
  run->error = g_steal_pointer (&error);
  finish (run);
}

/* After a restart: what was inspected before need not be again. */
static guint
first_due (SkLiveTransfer *t)
{
  guint i = t->inspecting;
  for (; i < t->items->len; i++)
    {
      const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[i])->row;
      if (!*row->result_blob || !*row->antivirus)
        break;
    }
  return i;
}

/* The profile is in the row before anything is inspected by it: after a restart what was inspected already
 * counts, and has to have been inspected like the rest. */
static void
begin (SkLiveTransfer *t)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *profile = sk_live_transfer_profile (t);
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = "broker" };
  change.next->state = SK_TRANSFER_INSPECTING;
  sk_set_text (&change.next->profile, profile);
  if (!sk_live_transfer_change (t, &change, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}

gboolean
sk_transfer_inspect_again (SkLiveTransfer *t, const char *profile, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  g_autoptr (GPtrArray) blobs = g_ptr_array_new_with_free_func (g_free);
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .items = rows, .actor = "policy" };
  sk_set_text (&change.next->profile, profile);
  for (guint i = 0; i < t->items->len; i++)
    {
      SkTransferItem *row = ((SkLiveItem *) t->items->pdata[i])->row;
      g_ptr_array_add (blobs, g_steal_pointer (&row->result_blob));
      row->result_blob = g_strdup ("");
      sk_set_text (&row->result_sha256, "");
      row->result_bytes = 0;
      g_ptr_array_add (rows, row);
    }
  t->inspecting = 0;
  if (!sk_live_transfer_change (t, &change, error))
    return FALSE;
  for (guint i = 0; i < blobs->len; i++)
    if (!sk_transfers_drop_blob (t->owner, blobs->pdata[i]))
      g_ptr_array_add (t->owner->orphans, g_strdup (blobs->pdata[i]));
  return TRUE;
}

void
sk_transfer_inspect_next (SkLiveTransfer *t)
{
  if (t->row->state == SK_TRANSFER_QUARANTINED)
    begin (t);
  if (t->queued)
    return; /* its turn comes */
  if (t->row->state != SK_TRANSFER_INSPECTING)
    return;
  if (!*t->row->profile && !sk_live_transfer_plan (t))
    return;
  t->inspecting = first_due (t);
  if (t->inspecting < t->items->len)
    begin_item (t);
  else
    sk_live_transfer_decide (t);
}
