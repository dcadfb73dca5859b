/* The states of a transfer, and the one way to change one: a transaction with its row in the audit trail. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <string.h>

#define BIT(state) (1u << SK_TRANSFER_##state)

/* From each state, where it may go. What is held or was refused has no way to RELEASING but over APPROVED. */
static const guint ways[] = {
  [SK_TRANSFER_RECEIVING] = BIT (QUARANTINED) | BIT (REFUSED) | BIT (CANCELLED) | BIT (EXPIRED),
  [SK_TRANSFER_QUARANTINED] = BIT (INSPECTING) | BIT (CANCELLED),
  [SK_TRANSFER_INSPECTING] = BIT (REFUSED) | BIT (HELD) | BIT (APPROVED) | BIT (CANCELLED),
  [SK_TRANSFER_HELD] = BIT (APPROVED) | BIT (DENIED) | BIT (CANCELLED) | BIT (EXPIRED),
  [SK_TRANSFER_APPROVED] = BIT (RELEASING),
  [SK_TRANSFER_RELEASING] = BIT (DELIVERED) | BIT (EXPIRED) | BIT (CANCELLED),
  [SK_TRANSFER_REFUSED] = BIT (PURGED),
  [SK_TRANSFER_DENIED] = BIT (PURGED),
  [SK_TRANSFER_CANCELLED] = BIT (PURGED),
  [SK_TRANSFER_EXPIRED] = BIT (PURGED),
  [SK_TRANSFER_DELIVERED] = BIT (PURGED),
  [SK_TRANSFER_PURGED] = 0,
};

gboolean
sk_transfer_may_become (SkTransferState from, SkTransferState to)
{
  return (ways[from] & 1u << to) != 0;
}

gboolean
sk_transfer_is_over (SkTransferState state)
{
  return (ways[state] & ~BIT (PURGED)) == 0;
}

static JsonObject *
item_details (const SkTransferItem *item)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "name", item->name);
  json_object_set_int_member (object, "bytes", item->bytes);
  json_object_set_string_member (object, "sha256", item->sha256);
  json_object_set_string_member (object, "type", item->type);
  json_object_set_string_member (object, "result_sha256", item->result_sha256);
  json_object_set_int_member (object, "result_bytes", item->result_bytes);
  json_object_set_string_member (object, "result_name", item->result_name);
  json_object_set_string_member (object, "findings", item->findings);
  json_object_set_string_member (object, "removed", item->removed);
  if (*item->antivirus)
    {
      json_object_set_string_member (object, "antivirus", item->antivirus);
      json_object_set_string_member (object, "scanner", item->scanner);
      json_object_set_string_member (object, "scan_note", item->scan_note);
    }
  return object;
}

/* What every row about a transfer has; the content never. */
static char *
describe (const SkTransfer *row, const SkTransferChange *change)
{
  g_autoptr (JsonObject) object = change->details ? json_object_ref (change->details) : json_object_new ();
  json_object_set_string_member (object, "state", sk_transfer_state_word (row->state));
  json_object_set_string_member (object, "direction", sk_cross_word (row->direction));
  json_object_set_string_member (object, "kind", sk_kind_word (row->kind));
  json_object_set_string_member (object, "user", row->user);
  json_object_set_string_member (object, "section", row->section);
  json_object_set_string_member (object, "purpose", row->purpose);
  json_object_set_int_member (object, "count", row->count);
  json_object_set_int_member (object, "bytes", row->bytes);
  if (*row->rule)
    json_object_set_string_member (object, "rule", row->rule);
  if (*row->policy)
    json_object_set_string_member (object, "policy", row->policy);
  if (*row->code)
    json_object_set_string_member (object, "code", row->code);
  if (change->items && change->items->len > 0)
    {
      JsonArray *items = json_array_new ();
      for (guint i = 0; i < change->items->len; i++)
        json_array_add_object_element (items, item_details (change->items->pdata[i]));
      json_object_set_array_member (object, "items", items);
    }
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  return json_to_string (node, FALSE);
}

static gboolean
append_audit (SkTransfers *self, const SkTransfer *row, const SkTransferChange *change, gint64 time,
              GError **error)
{
  g_autofree char *details = describe (row, change);
  g_autofree char *action = change->action
                                ? g_strdup (change->action)
                                : g_strconcat ("transfer.", sk_transfer_state_word (row->state), NULL);
  const SkAuditEvent event = {
    .organisation = *row->organisation ? row->organisation : self->organisation,
    .actor = change->actor,
    .action = action,
    .object = row->id,
    .matter = row->matter,
    .details = details,
    .time = time,
  };
  return sk_audit_append (self->parts.audit, &event, error);
}

gboolean
sk_transfers_record (SkTransfers *self, const SkTransfer *row, const char *action, const char *actor,
                     JsonObject *take_details, GError **error)
{
  g_autoptr (JsonObject) details = take_details;
  const SkTransferChange change = { .actor = actor, .action = action, .details = details };
  return append_audit (self, row, &change, sk_transfers_now (self), error);
}

static gboolean
write_all (SkTransfers *self, const SkTransfer *row, const SkTransferChange *change, GError **error)
{
  if (!sk_store_put_transfer (self->parts.store, row, error))
    return FALSE;
  for (guint i = 0; change->items && i < change->items->len; i++)
    if (!sk_store_put_transfer_item (self->parts.store, change->items->pdata[i], error))
      return FALSE;
  return (!change->decision || sk_store_put_decision (self->parts.store, change->decision, error))
         && append_audit (self, row, change, row->changed, error);
}

static gboolean
check_way (SkTransferState from, SkTransferState to, GError **error)
{
  /* A new one has no row in the store yet: its first is RECEIVING. What has ended does not end twice. */
  if (to == from ? !sk_transfer_is_over (from) : sk_transfer_may_become (from, to))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT,
               SK_BOTH ("it is %s and cannot become %s", "状態が %s のため %s にできません"),
               sk_transfer_state_word (from), sk_transfer_state_word (to), sk_transfer_state_word (from),
               sk_transfer_state_word (to));
  return FALSE;
}

/* What was not worth a wait for the disk of its own. */
static gboolean
write_first (SkLiveTransfer *t, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  const SkTransferChange first = { .items = rows, .actor = t->row->user };
  if (!t->unwritten)
    return TRUE;
  for (guint i = 0; i < t->items->len; i++)
    g_ptr_array_add (rows, ((SkLiveItem *) t->items->pdata[i])->row);
  return write_all (t->owner, t->row, &first, error);
}

/* The state that follows at once. */
static gboolean
write_then (SkTransfers *self, SkTransfer *row, const SkTransferChange *change, GError **error)
{
  const SkTransferChange then = { .actor = "broker" };
  if (!change->then)
    return TRUE;
  if (!check_way (row->state, change->then, error))
    return FALSE;
  row->state = change->then;
  row->due = change->then_due;
  return write_all (self, row, &then, error);
}

/* What the change means to others, now that it is durable. */
static void
follow (SkLiveTransfer *t, SkTransferState from)
{
  const SkTransfer *row = t->row;
  if (from == SK_TRANSFER_RELEASING && row->state != from && row->state != SK_TRANSFER_DELIVERED)
    sk_transfers_stop_delivery (t);
  /* A guest that still sends is told by the answer to its offer. */
  if (row->direction == SK_CROSS_IMPORT && from != SK_TRANSFER_RECEIVING && row->state != from && *row->code)
    sk_transfers_tell_guest (t);
  g_signal_emit_by_name (t->owner, "changed", row->id);
  sk_live_transfer_enqueue (t);
}

gboolean
sk_live_transfer_change (SkLiveTransfer *t, SkTransferChange *change, GError **error)
{
  SkTransfers *self = t->owner;
  g_autoptr (SkTransfer) next = g_steal_pointer (&change->next);
  g_autoptr (JsonObject) details = change->details;
  const SkTransferState from = t->row->state;
  if (!check_way (from, next->state, error))
    return FALSE;
  next->changed = MAX (sk_transfers_now (self), t->row->changed);
  if (!sk_store_begin (self->parts.store, error))
    return FALSE;
  if (!write_first (t, error) || !write_all (self, next, change, error)
      || !write_then (self, next, change, error) || !sk_store_commit (self->parts.store, error))
    {
      sk_store_rollback (self->parts.store);
      return FALSE;
    }
  t->unwritten = FALSE;
  if (sk_transfer_is_over (next->state) && !sk_transfer_is_over (from))
    sk_transfers_count_open (self, next->uid, -1);
  for (guint i = 0; change->items && i < t->items->len; i++)
    g_clear_pointer (&((SkLiveItem *) t->items->pdata[i])->result, sk_quarantined_free);
  const gboolean other_people = strcmp (t->row->stages, next->stages) != 0;
  sk_transfer_free (t->row);
  t->row = g_steal_pointer (&next);
  /* Before anybody hears of it: who listens asks who decides. */
  if (other_people)
    sk_live_transfer_load_stages (t);
  sk_notice (SK_FIELDS ("transfer", t->row->id, "user", t->row->user), "%s -> %s",
             sk_transfer_state_word (from), sk_transfer_state_word (t->row->state));
  if (from == SK_TRANSFER_RECEIVING && sk_transfer_is_over (t->row->state))
    sk_live_transfer_discard (t);
  follow (t, from);
  return TRUE;
}

gboolean
sk_live_transfer_set_state (SkLiveTransfer *t, SkTransferState state, const char *actor,
                            JsonObject *take_details, GError **error)
{
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = actor, .details = take_details };
  change.next->state = state;
  return sk_live_transfer_change (t, &change, error);
}

gboolean
sk_live_transfer_end (SkLiveTransfer *t, SkTransferState state, const char *actor, const char *code,
                      const char *en, const char *ja, GError **error)
{
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = actor };
  g_autoptr (GPtrArray) items = g_ptr_array_new ();
  for (guint i = 0; i < t->items->len; i++)
    g_ptr_array_add (items, ((SkLiveItem *) t->items->pdata[i])->row);
  change.items = items;
  change.next->state = state;
  sk_set_text (&change.next->code, code);
  sk_set_text (&change.next->en, en);
  sk_set_text (&change.next->ja, ja);
  if (t->cancel)
    g_cancellable_cancel (t->cancel);
  return sk_live_transfer_change (t, &change, error);
}

void
sk_live_transfer_end_logged (SkLiveTransfer *t, SkTransferState state, const char *actor, const char *code,
                             const char *en, const char *ja)
{
  g_autoptr (GError) error = NULL;
  if (!sk_live_transfer_end (t, state, actor, code, en, ja, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}
