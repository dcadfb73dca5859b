/* What somebody copied, as a transfer: begun with all of its content, delivered by their session's clipboard.
 */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <string.h>

static const char *
name_of (SkKind kind)
{
  return kind == SK_KIND_TEXT ? "clipboard.txt" : "clipboard.bmp";
}

static SkTransfer *
row_of (SkTransfers *self, const SkTransferClip *clip, const SkQuarantined *content)
{
  const SkSession *session = clip->session;
  SkTransfer *row = sk_transfers_new_row (self, session->user, session->uid, clip->direction, clip->kind);
  sk_set_text (&row->session, session->id);
  sk_set_text (&row->vm, session->vm);
  row->count = 1;
  row->bytes = (gint64) content->size;
  row->clip = clip->number;
  return row;
}

/* -- the queue stays one that people can read ---------------------------------------------------------------
 */

static gboolean
is_of (const SkLiveTransfer *t, const char *session)
{
  return t->row->clip && strcmp (t->row->session, session) == 0;
}

void
sk_live_transfer_supersede (SkLiveTransfer *t)
{
  sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "broker", "superseded",
                               "Something newer was copied. Copy it again if it is still needed.",
                               "新しいものがコピーされました。必要ならもう一度コピーしてください。");
}

static void
drop_old_holds (SkTransfers *self, const SkTransferClip *clip)
{
  g_autoptr (GPtrArray) held = sk_table_values (self->live);
  for (guint i = held->len; i-- > 0;)
    {
      const SkLiveTransfer *t = held->pdata[i];
      if (!is_of (t, clip->session->id) || t->row->direction != clip->direction
          || t->row->state != SK_TRANSFER_HELD)
        g_ptr_array_remove_index_fast (held, i);
    }
  g_ptr_array_sort (held, sk_live_transfer_compare_age);
  for (guint i = 0; i + SK_TRANSFER_CLIPS_HELD_MAX <= held->len; i++)
    sk_live_transfer_supersede (held->pdata[i]);
}

char *
sk_transfers_create_clip (SkTransfers *self, const SkTransferClip *clip, const SkQuarantined *content,
                          GError **error)
{
  const SkTransferOffer offer = { name_of (clip->kind), (gint64) content->size };
  g_autoptr (SkTransfer) row = row_of (self, clip, content);
  gint64 bytes;
  g_autoptr (GPtrArray) items = sk_transfers_make_items (row->id, &offer, 1, row->created, &bytes, error);
  if (!items || !sk_transfers_check_new (self, row->uid, 1, row->bytes, error))
    return NULL;
  SkTransferItem *item = items->pdata[0];
  sk_set_text (&item->blob, content->blob);
  sk_set_text (&item->sha256, content->sha256);
  drop_old_holds (self, clip);
  g_autofree char *actor = g_strdup (clip->direction == SK_CROSS_EXPORT ? row->user : "guest");
  SkLiveTransfer *t
      = sk_transfers_admit (self, g_steal_pointer (&row), g_steal_pointer (&items), actor, error);
  if (!t)
    return NULL;
  sk_live_transfer_check_received (t);
  if (t->row->state != SK_TRANSFER_RECEIVING)
    return g_strdup (t->row->id);
  sk_transfers_forget (self, t);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
                       SK_BOTH ("the store does not take it", "記録できませんでした"));
  return NULL;
}

/* -- delivery -----------------------------------------------------------------------------------------------
 */

void
sk_transfers_deliver_clip (SkLiveTransfer *t)
{
  SkClipboard *clipboard = g_hash_table_lookup (t->owner->clipboards, t->row->session);
  if (clipboard && !t->busy)
    sk_clipboard_deliver (clipboard, t);
}

void
sk_transfers_clips_up (SkTransfers *self, const char *session, SkCross direction)
{
  g_autoptr (GPtrArray) all = sk_table_values (self->live);
  for (guint i = 0; i < all->len; i++)
    {
      SkLiveTransfer *t = all->pdata[i];
      if (is_of (t, session) && t->row->direction == direction && t->row->state == SK_TRANSFER_RELEASING)
        sk_transfers_deliver_clip (t);
    }
}

void
sk_transfers_add_clipboard (SkTransfers *self, const char *session, SkClipboard *clipboard)
{
  g_hash_table_insert (self->clipboards, g_strdup (session), clipboard);
}

void
sk_transfers_drop_clipboard (SkTransfers *self, const char *session)
{
  g_hash_table_remove (self->clipboards, session);
}

/* Held, approved or released: where it was to go is no more. */
void
sk_transfers_end_clips (SkTransfers *self, const char *session)
{
  g_autoptr (GPtrArray) all = sk_table_values (self->live);
  for (guint i = 0; i < all->len; i++)
    {
      SkLiveTransfer *t = all->pdata[i];
      if (is_of (t, session) && sk_transfer_may_become (t->row->state, SK_TRANSFER_CANCELLED))
        sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "broker", "session-ended",
                                     "The session ended before it could be pasted.",
                                     "貼り付けられるようになる前にセッションが終わりました。");
    }
}
