/* Content that comes in: from the desktop by the API, from a guest by its offers. A writer belongs to a
 * thread while it is used; what it came to is booked here, on the main loop. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"

gboolean
sk_transfer_item_is_whole (const SkLiveItem *item)
{
  return *item->row->blob != '\0';
}

/* Names the unfinished file: [0-9a-f-]. */
char *
sk_transfer_writer_key (const SkLiveTransfer *t, guint item)
{
  return g_strdup_printf ("%s-%u", t->row->id, item);
}

static SkLiveItem *
find_item (SkLiveTransfer *t, guint item, GError **error)
{
  if (item < t->items->len)
    return t->items->pdata[item];
  g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
               SK_BOTH ("there is no item %u", "%u 番の項目はありません"), item, item);
  return NULL;
}

SkQuarantineWriter *
sk_live_transfer_writer (SkLiveTransfer *t, guint index, GError **error)
{
  SkLiveItem *item = find_item (t, index, error);
  g_autofree char *key = sk_transfer_writer_key (t, index);
  if (!item)
    return NULL;
  if (t->row->state != SK_TRANSFER_RECEIVING || sk_transfer_item_is_whole (item) || item->writing)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT,
                           item->writing
                               ? SK_BOTH ("another connection is sending it", "別の接続が送信中です")
                               : SK_BOTH ("nothing more is taken for it", "もう受け付けていません"));
      return NULL;
    }
  SkQuarantineWriter *writer = sk_quarantine_begin (t->owner->parts.quarantine, key, t->row->user, error);
  if (!writer)
    return NULL;
  if (sk_kind_is_passing (t->row->kind))
    sk_quarantine_writer_set_lazy (writer);
  item->writing = TRUE;
  item->received = (gint64) sk_quarantine_writer_offset (writer);
  t->heard = g_get_monotonic_time ();
  return writer;
}

SkQuarantineWriter *
sk_transfers_upload (SkTransfers *self, const SkIdentity *who, const char *id, guint index, gint64 offset,
                     gint64 *ret_bytes, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find_own (self, who, id, error);
  if (t && t->row->direction != SK_CROSS_EXPORT)
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_CONFLICT,
          SK_BOTH ("its content comes from the internet side", "内容はインターネット側から届きます"));
      return NULL;
    }
  SkQuarantineWriter *writer = t ? sk_live_transfer_writer (t, index, error) : NULL;
  if (!writer)
    return NULL;
  SkLiveItem *item = t->items->pdata[index];
  if (offset == item->received)
    {
      *ret_bytes = item->row->bytes;
      return writer;
    }
  g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT,
               SK_BOTH ("%" G_GINT64_FORMAT " bytes are here; go on from there",
                        "%" G_GINT64_FORMAT " バイトまで届いています。続きから送ってください"),
               item->received, item->received);
  item->writing = FALSE;
  sk_quarantine_writer_free (writer);
  return NULL;
}

gint64
sk_live_transfer_announced (const SkLiveTransfer *t)
{
  gint64 bytes = 0;
  for (guint i = 0; i < t->items->len; i++)
    bytes += ((SkLiveItem *) t->items->pdata[i])->row->bytes;
  return bytes;
}

static gboolean
begin_inspection (SkLiveTransfer *t, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .items = rows, .actor = t->row->user };
  for (guint i = 0; i < t->items->len; i++)
    g_ptr_array_add (rows, ((SkLiveItem *) t->items->pdata[i])->row);
  /* The rules are asked about the transfer's own count and bytes. */
  if (t->items->len != t->row->count || sk_live_transfer_announced (t) != t->row->bytes)
    {
      sk_transfer_free (change.next);
      return sk_live_transfer_end (t, SK_TRANSFER_REFUSED, "broker", "changed",
                                   "What came is not what was announced. Send it again.",
                                   "予告された内容と異なります。もう一度送ってください。", error);
    }
  change.next->state = SK_TRANSFER_QUARANTINED;
  if (t->owner->inspections < t->owner->parts.inspections && g_queue_is_empty (&t->owner->waiting))
    {
      /* As begin() does it: the profile is in the row before anything is inspected by it. */
      g_autofree char *profile = sk_live_transfer_profile (t);
      sk_set_text (&change.next->profile, profile);
      change.then = SK_TRANSFER_INSPECTING;
    }
  return sk_live_transfer_change (t, &change, error);
}

/* All that was announced; a guest's items come one by one. */
static gboolean
is_whole (const SkLiveTransfer *t)
{
  for (guint i = 0; i < t->items->len; i++)
    if (!sk_transfer_item_is_whole (t->items->pdata[i]))
      return FALSE;
  return t->items->len >= t->row->count;
}

/* A guest's items become known one after another. */
void
sk_live_transfer_check_received (SkLiveTransfer *t)
{
  g_autoptr (GError) error = NULL;
  if (is_whole (t) && t->row->state == SK_TRANSFER_RECEIVING && !begin_inspection (t, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}

void
sk_live_transfer_discard (SkLiveTransfer *t)
{
  for (guint i = 0; i < t->items->len; i++)
    {
      g_autofree char *key = sk_transfer_writer_key (t, i);
      /* A writer that is still there finds out by itself. */
      if (!((SkLiveItem *) t->items->pdata[i])->writing)
        sk_quarantine_discard (t->owner->parts.quarantine, key);
    }
}

/* What was claimed and what came have to be the same, or the rules looked at something else. The last item is
 * written with what follows from it. */
static gboolean
book (SkLiveTransfer *t, SkLiveItem *item, const SkQuarantined *content, GError **error)
{
  g_autoptr (SkTransferItem) next = sk_transfer_item_copy (item->row);
  if ((gint64) content->size != item->row->bytes)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL,
                   SK_BOTH ("%" G_GINT64_FORMAT " bytes were announced, %" G_GUINT64_FORMAT " came",
                            "%" G_GINT64_FORMAT " バイトのはずが %" G_GUINT64_FORMAT " バイトでした"),
                   item->row->bytes, content->size, item->row->bytes, content->size);
      return FALSE;
    }
  sk_set_text (&next->blob, content->blob);
  sk_set_text (&next->sha256, content->sha256);
  SkTransferItem *before = item->row;
  item->row = next;
  if (is_whole (t) ? !begin_inspection (t, error)
                   : !sk_store_put_transfer_item (t->owner->parts.store, next, error))
    {
      item->row = before;
      return FALSE;
    }
  next = before; /* freed */
  item->received = item->row->bytes;
  return TRUE;
}

gboolean
sk_live_transfer_book (SkLiveTransfer *t, guint index, const SkQuarantined *content, GError **error)
{
  SkLiveItem *item = find_item (t, index, error);
  if (!item)
    return FALSE;
  item->writing = FALSE;
  t->heard = g_get_monotonic_time ();
  if (t->row->state != SK_TRANSFER_RECEIVING)
    {
      g_ptr_array_add (t->owner->orphans, g_strdup (content->blob));
      g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT,
                   SK_BOTH ("it is %s by now: nothing more is taken", "状態が %s のため、もう受け付けません"),
                   sk_transfer_state_word (t->row->state), sk_transfer_state_word (t->row->state));
      return FALSE;
    }
  return book (t, item, content, error);
}

gboolean
sk_transfers_uploaded (SkTransfers *self, const char *id, guint item, const SkQuarantined *content,
                       GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  if (t)
    return sk_live_transfer_book (t, item, content, error);
  g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
               SK_BOTH ("there is no transfer %s", "転送 %s はありません"), id, id);
  return FALSE;
}

void
sk_transfers_upload_broke (SkTransfers *self, const char *id, guint index, gint64 received)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  SkLiveItem *item = t ? find_item (t, index, NULL) : NULL;
  if (!item)
    return;
  item->writing = FALSE;
  item->received = received;
  t->heard = g_get_monotonic_time ();
  if (t->row->state != SK_TRANSFER_RECEIVING && t->row->state != SK_TRANSFER_QUARANTINED)
    sk_live_transfer_discard (t);
}

SkQuarantineReader *
sk_transfers_content (SkTransfers *self, const SkIdentity *who, const char *id, guint index, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find_own (self, who, id, error);
  SkLiveItem *item = t ? find_item (t, index, error) : NULL;
  if (!item)
    return NULL;
  /* The state is in the store, and with it the row in the audit trail, or it is not this state. */
  if (t->row->direction == SK_CROSS_IMPORT && t->row->state == SK_TRANSFER_RELEASING && !t->row->clip
      && *item->row->result_blob)
    return sk_quarantine_open (self->parts.quarantine, item->row->result_blob, error);
  g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT,
               SK_BOTH ("it is %s: there is nothing to fetch", "状態が %s のため、受け取れません"),
               sk_transfer_state_word (t->row->state), sk_transfer_state_word (t->row->state));
  return NULL;
}
