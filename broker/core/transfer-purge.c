/* The end of a transfer's content: after its time, or at once where nothing of it is worth keeping. Its rows
 * and its place in the audit trail stay. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"

#define DAY_US ((gint64) 24 * 3600 * G_USEC_PER_SEC)

static gboolean
is_due (const SkTransfer *row, gint64 now)
{
  /* A clipboard's content is of no use when it is over: pasted, or never to be. */
  if (row->clip && !row->keep_content)
    return TRUE;
  return now - row->changed >= row->retention_days * DAY_US;
}

/* A legal hold names it, its user or its matter. Where that cannot be found out, it stays. */
static gboolean
is_held (SkLiveTransfer *t)
{
  g_autoptr (GError) error = NULL;
  gboolean held = TRUE;
  if (!sk_store_is_held (t->owner->parts.store, t->row->id, t->row->user, t->row->matter, &held, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "purge: %s", error->message);
  return held;
}

/* Somebody else's transfer may have the same content. */
static gboolean
purge_blob (SkLiveTransfer *t, const char *blob, GError **error)
{
  SkTransfers *self = t->owner;
  gboolean used = FALSE;
  if (!*blob)
    return TRUE;
  return sk_store_blob_is_used (self->parts.store, blob, t->row->id, &used, error)
         && (used || sk_quarantine_purge (self->parts.quarantine, blob, error));
}

static gboolean
purge_item (SkLiveTransfer *t, guint index, GError **error)
{
  const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[index])->row;
  g_autofree char *key = sk_transfer_writer_key (t, index);
  sk_quarantine_discard (t->owner->parts.quarantine, key);
  return purge_blob (t, row->blob, error) && purge_blob (t, row->result_blob, error);
}

/* TRUE: it is gone, and t with it. Content first: a crash in between finds nothing left to purge, and says so
 * then. */
gboolean
sk_live_transfer_purge (SkLiveTransfer *t, gint64 now)
{
  g_autoptr (GError) error = NULL;
  gboolean busy = t->busy;
  for (guint i = 0; i < t->items->len; i++)
    busy = busy || ((SkLiveItem *) t->items->pdata[i])->writing;
  if (busy || !is_due (t->row, now) || is_held (t))
    return FALSE;
  for (guint i = 0; i < t->items->len; i++)
    if (!purge_item (t, i, &error))
      {
        sk_warn (SK_FIELDS ("transfer", t->row->id), "purge: %s", error->message);
        return FALSE;
      }
  if (sk_live_transfer_set_state (t, SK_TRANSFER_PURGED, "broker", NULL, &error))
    {
      sk_transfers_forget (t->owner, t);
      return TRUE;
    }
  sk_warn (SK_FIELDS ("transfer", t->row->id), "purge: %s", error->message);
  return FALSE;
}

/* A few at a time, so that the main loop never waits for many. */
static gboolean
on_purge (gpointer data)
{
  g_autoptr (SkTransfers) self = g_object_ref (data);
  const gint64 now = sk_transfers_now (self);
  g_autoptr (GPtrArray) all = sk_table_values (self->live);
  guint purges = 0;
  self->purge_timer = 0;
  for (guint i = 0; i < all->len && purges < SK_PURGES_AT_ONCE; i++)
    {
      SkLiveTransfer *t = all->pdata[i];
      if (t->row->clip && sk_transfer_is_over (t->row->state) && sk_live_transfer_purge (t, now))
        purges++;
    }
  if (purges == SK_PURGES_AT_ONCE)
    sk_transfers_purge_soon (self);
  return G_SOURCE_REMOVE;
}

void
sk_transfers_purge_soon (SkTransfers *self)
{
  if (!self->purge_timer && !self->closing)
    self->purge_timer = g_idle_add_full (G_PRIORITY_LOW, on_purge, self, NULL);
}
