/* The guest's side: what it offers becomes an import, what is released as an export is put into it. Names,
 * sizes and contents are the guest's word, good for nothing but being inspected. */
#include "common/error.h"
#include "common/log.h"
#include "common/name.h"
#include "core/sink.h"
#include "core/transfer-private.h"
#include <string.h>

typedef struct
{
  SkTransfers *owner;
  SkSession *session;
  SkAgentLink *link;
  SkGuestFiles *files;
  GPtrArray *incoming; /* borrowed: every Incoming of this guest */
} Guest;

/* An item of an offer. Only the first one's is written; those behind it wait, bounded by the guest's window.
 */
typedef struct
{
  guint index;
  guint64 size;
  char *untrusted_name;
  GQueue waiting; /* GBytes */
  gboolean whole; /* the guest has said all of it */
} Part;

/* One offer on its way in. */
typedef struct
{
  Guest *guest;
  SkGuestOffer *offer;
  char *transfer;
  GQueue parts;   /* Part, in the guest's order */
  SkSink *sink;   /* of the first of them */
  gboolean ended; /* the guest has said all of it */
} Incoming;

static void
part_free (gpointer data)
{
  Part *part = data;
  g_queue_clear_full (&part->waiting, (GDestroyNotify) g_bytes_unref);
  g_free (part->untrusted_name);
  g_free (part);
}

static void
incoming_free (Incoming *in)
{
  const Part *first = g_queue_peek_head (&in->parts);
  SkLiveTransfer *t = sk_transfers_find (in->guest->owner, in->transfer);
  const gboolean writing = in->sink != NULL;
  g_clear_pointer (&in->sink, sk_sink_free);
  if (writing && first && t && first->index < t->items->len)
    ((SkLiveItem *) t->items->pdata[first->index])->writing = FALSE;
  g_ptr_array_remove_fast (in->guest->incoming, in);
  g_queue_clear_full (&in->parts, part_free);
  g_free (in->transfer);
  g_free (in);
}

void
sk_transfers_guest_free (gpointer data)
{
  Guest *guest = data;
  /* Its offers end without a word: nobody may write for them any more. */
  while (guest->incoming->len > 0)
    incoming_free (guest->incoming->pdata[0]);
  g_clear_pointer (&guest->files, sk_guest_files_free);
  g_object_unref (guest->link);
  g_ptr_array_unref (guest->incoming);
  sk_session_free (guest->session);
  g_free (guest);
}

/* -- imports ------------------------------------------------------------------------------------------------
 */

static const char *
kind_word (const char *untrusted_word)
{
  return strcmp (untrusted_word, "print") == 0 || strcmp (untrusted_word, "url") == 0 ? untrusted_word
                                                                                      : "file";
}

static SkLiveTransfer *
new_import (Guest *guest, SkGuestOffer *offer, GError **error)
{
  SkTransfers *self = guest->owner;
  const SkSession *session = guest->session;
  const gint64 bytes = (gint64) MIN (sk_guest_offer_bytes (offer), (guint64) SK_TRANSFER_BYTES_MAX + 1);
  SkKind kind = SK_KIND_FILE;
  if (!sk_transfers_check_new (self, session->uid, sk_guest_offer_items (offer), bytes, error)
      || !sk_kind_from_word (kind_word (sk_guest_offer_kind (offer)), &kind))
    return NULL;
  SkTransfer *row = sk_transfers_new_row (self, session->user, session->uid, SK_CROSS_IMPORT, kind);
  sk_set_text (&row->session, session->id);
  sk_set_text (&row->vm, session->vm);
  sk_set_text (&row->offer, sk_guest_offer_key (offer));
  row->count = sk_guest_offer_items (offer);
  row->bytes = bytes;
  SkLiveTransfer *t = sk_transfers_admit (self, row, g_ptr_array_new (), "guest", error);
  /* What no rule lets through is not received first: whatever size is claimed. */
  if (t)
    sk_live_transfer_foresee (t);
  return t;
}

/* The first item that is not here yet, and how much of it is. */
static gboolean
resume_point (SkLiveTransfer *t, guint *ret_item, gint64 *ret_offset)
{
  *ret_offset = 0;
  for (*ret_item = 0; *ret_item < t->items->len; (*ret_item)++)
    {
      SkLiveItem *item = t->items->pdata[*ret_item];
      if (sk_transfer_item_is_whole (item))
        continue;
      g_autofree char *key = sk_transfer_writer_key (t, *ret_item);
      SkQuarantineWriter *writer = sk_quarantine_begin (t->owner->parts.quarantine, key, t->row->user, NULL);
      if (!writer)
        return FALSE;
      *ret_offset = (gint64) sk_quarantine_writer_offset (writer);
      sk_quarantine_writer_free (writer);
      return TRUE;
    }
  return *ret_item < t->row->count;
}

/* Whoever goes on says the same again: the rules were asked about what was announced first. */
static void
check_again (SkLiveTransfer *t, const SkGuestOffer *offer)
{
  if (t->row->state == SK_TRANSFER_RECEIVING
      && (t->row->count != sk_guest_offer_items (offer)
          || (guint64) t->row->bytes != sk_guest_offer_bytes (offer)))
    sk_live_transfer_end_logged (t, SK_TRANSFER_REFUSED, "broker", "changed",
                                 "It changed while it was sent. Send it again.",
                                 "送信中に内容が変わりました。もう一度送ってください。");
}

/* It ended before it crossed: its guest is told how, however often it asks. */
static gboolean
has_failed (const SkTransfer *row)
{
  return sk_transfer_is_over (row->state) && row->state != SK_TRANSFER_DELIVERED;
}

static void
refuse_ended (SkGuestOffer *offer, const SkTransfer *row)
{
  g_autofree char *text = *row->en ? g_strconcat (row->en, " / ", row->ja, NULL) : g_strdup (row->code);
  sk_guest_offer_refuse (offer, text);
}

static void
on_offered (SkGuestOffer *offer, gpointer data)
{
  Guest *guest = data;
  g_autoptr (GError) error = NULL;
  SkLiveTransfer *t = sk_transfers_find_offer (guest->owner, guest->session->vm, sk_guest_offer_key (offer));
  guint item;
  gint64 offset;
  if (t)
    check_again (t, offer);
  else if (!(t = new_import (guest, offer, &error)))
    {
      sk_guest_offer_refuse (offer, error->message);
      return;
    }
  if (has_failed (t->row))
    refuse_ended (offer, t->row);
  else if (t->row->state != SK_TRANSFER_RECEIVING)
    sk_guest_offer_have (offer);
  else if (!resume_point (t, &item, &offset))
    sk_guest_offer_later (offer, SK_BOTH ("no room now", "今は空きがありません"));
  else
    {
      Incoming *in = g_new0 (Incoming, 1);
      *in = (Incoming){ .guest = guest, .offer = offer, .transfer = g_strdup (t->row->id) };
      g_queue_init (&in->parts);
      g_ptr_array_add (guest->incoming, in);
      sk_guest_offer_set_data (offer, in);
      sk_guest_offer_take (offer, item, (guint64) offset);
    }
}

/* For good: the transfer is refused, and the guest is told why. */
static void
give_up (Incoming *in, SkErrorCode code, const char *why)
{
  SkLiveTransfer *t = sk_transfers_find (in->guest->owner, in->transfer);
  g_autofree char *en = sk_both_pick (why, FALSE);
  g_autofree char *ja = sk_both_pick (why, TRUE);
  SkGuestOffer *offer = in->offer;
  if (t && t->row->state == SK_TRANSFER_RECEIVING)
    sk_live_transfer_end_logged (t, SK_TRANSFER_REFUSED, "broker", sk_error_info_for_code (code)->word, en,
                                 ja);
  incoming_free (in);
  sk_guest_offer_set_data (offer, NULL);
  sk_guest_offer_refuse (offer, why);
}

static SkLiveTransfer *
receiving (Incoming *in)
{
  SkLiveTransfer *t = in ? sk_transfers_find (in->guest->owner, in->transfer) : NULL;
  return t && t->row->state == SK_TRANSFER_RECEIVING ? t : NULL;
}

/* Its row first: after a restart the guest goes on in the middle of it. */
static gboolean
add_item (SkLiveTransfer *t, const Part *part, GError **error)
{
  const SkTransferOffer offer
      = { part->untrusted_name, (gint64) MIN (part->size, (guint64) SK_TRANSFER_BYTES_MAX + 1) };
  gint64 bytes;
  if (part->index < t->items->len)
    return ((SkLiveItem *) t->items->pdata[part->index])->row->bytes == offer.bytes
           || (g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL,
                                    SK_BOTH ("the file changed while it was sent; send it again",
                                             "送信中にファイルが変わりました。もう一度送ってください")),
               FALSE);
  if (offer.bytes > t->row->bytes - sk_live_transfer_announced (t))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL,
                           SK_BOTH ("more came than was announced; send it again",
                                    "予告より多く届きました。もう一度送ってください"));
      return FALSE;
    }
  g_autoptr (GPtrArray) rows
      = sk_transfers_make_items (t->row->id, &offer, 1, t->row->created, &bytes, error);
  if (!rows)
    return FALSE;
  SkTransferItem *row = rows->pdata[0];
  g_free (row->id);
  row->id = g_strdup_printf ("%s/%u", t->row->id, part->index);
  row->position = part->index;
  if (!sk_store_put_transfer_item (t->owner->parts.store, row, error))
    return FALSE;
  SkLiveItem *item = g_new0 (SkLiveItem, 1);
  item->row = g_ptr_array_steal_index (rows, 0);
  g_ptr_array_add (t->items, item);
  return TRUE;
}

static const SkSinkListener sink_listener;

/* The next item, once the one before it is booked: an item's end is far from its being on the disk. FALSE:
 * given up. */
static gboolean
start_next (Incoming *in)
{
  Part *part = g_queue_peek_head (&in->parts);
  SkLiveTransfer *t = receiving (in);
  g_autoptr (GError) error = NULL;
  SkQuarantineWriter *writer = NULL;
  GBytes *bytes;
  if (in->sink || !part)
    return TRUE;
  if (!t)
    {
      give_up (in, SK_ERROR_CANCELLED, SK_BOTH ("it was withdrawn", "取り下げられました"));
      return FALSE;
    }
  if (!add_item (t, part, &error) || !(writer = sk_live_transfer_writer (t, part->index, &error)))
    {
      give_up (in, (SkErrorCode) error->code, error->message);
      return FALSE;
    }
  in->sink = sk_sink_new (writer, &sink_listener, in);
  while ((bytes = g_queue_pop_head (&part->waiting)))
    {
      sk_sink_write (in->sink, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      g_bytes_unref (bytes);
    }
  if (part->whole)
    sk_sink_finish (in->sink);
  return TRUE;
}

static void
on_wrote (gsize bytes, gpointer data)
{
  Incoming *in = data;
  const Part *part = g_queue_peek_head (&in->parts);
  SkLiveTransfer *t = sk_transfers_find (in->guest->owner, in->transfer);
  if (t && part->index < t->items->len)
    ((SkLiveItem *) t->items->pdata[part->index])->received += (gint64) bytes;
  sk_guest_offer_credit (in->offer, bytes);
}

static void
check_end (Incoming *in)
{
  SkLiveTransfer *t = sk_transfers_find (in->guest->owner, in->transfer);
  SkGuestOffer *offer = in->offer;
  if (!in->ended || !g_queue_is_empty (&in->parts))
    return;
  if (!t || t->items->len < t->row->count)
    {
      give_up (in, SK_ERROR_PROTOCOL, SK_BOTH ("not all of it came", "一部が届きませんでした"));
      return;
    }
  incoming_free (in);
  sk_guest_offer_set_data (offer, NULL);
  if (has_failed (t->row))
    refuse_ended (offer, t->row);
  else
    sk_guest_offer_received (offer);
}

static void
on_done (const SkQuarantined *content, const GError *error, gpointer data)
{
  Incoming *in = data;
  g_autoptr (GError) wrong = NULL;
  SkLiveTransfer *t = sk_transfers_find (in->guest->owner, in->transfer);
  Part *part = g_queue_peek_head (&in->parts);
  const guint index = part->index;
  if (error)
    {
      give_up (in, SK_ERROR_UNAVAILABLE, error->message);
      return;
    }
  g_clear_pointer (&in->sink, sk_sink_free);
  if (!t || !sk_live_transfer_book (t, index, content, &wrong))
    {
      give_up (in, SK_ERROR_PROTOCOL, wrong ? wrong->message : "");
      return;
    }
  part_free (g_queue_pop_head (&in->parts));
  if (start_next (in))
    check_end (in);
}

static const SkSinkListener sink_listener = { on_wrote, on_done };

static void
on_item (SkGuestOffer *offer, guint index, guint64 size, const char *untrusted_name, guint64 offset,
         gpointer data)
{
  Incoming *in = sk_guest_offer_get_data (offer);
  if (!in)
    return;
  Part *part = g_new0 (Part, 1);
  *part = (Part){ .index = index, .size = size, .untrusted_name = g_strdup (untrusted_name) };
  g_queue_init (&part->waiting);
  g_queue_push_tail (&in->parts, part);
  start_next (in);
}

static void
on_data (SkGuestOffer *offer, guint index, guint64 offset, const guint8 *untrusted, gsize length,
         gpointer data)
{
  Incoming *in = sk_guest_offer_get_data (offer);
  if (!in)
    return;
  SkLiveTransfer *t = receiving (in);
  if (!t)
    {
      give_up (in, SK_ERROR_CANCELLED, SK_BOTH ("it was withdrawn", "取り下げられました"));
      return;
    }
  t->heard = g_get_monotonic_time ();
  if (g_queue_get_length (&in->parts) > 1)
    g_queue_push_tail (&((Part *) g_queue_peek_tail (&in->parts))->waiting, g_bytes_new (untrusted, length));
  else
    sk_sink_write (in->sink, untrusted, length);
}

static void
on_item_end (SkGuestOffer *offer, guint index, const char *untrusted_sha256, gpointer data)
{
  Incoming *in = sk_guest_offer_get_data (offer);
  if (!in)
    return;
  ((Part *) g_queue_peek_tail (&in->parts))->whole = TRUE;
  if (g_queue_get_length (&in->parts) == 1)
    sk_sink_finish (in->sink);
}

static void
on_end (SkGuestOffer *offer, gpointer data)
{
  Incoming *in = sk_guest_offer_get_data (offer);
  if (!in)
    return;
  in->ended = TRUE;
  check_end (in);
}

/* What came so far stays, and the guest goes on from there; if it never does, it expires. */
static void
on_cancelled (SkGuestOffer *offer, const char *why, gpointer data)
{
  Incoming *in = sk_guest_offer_get_data (offer);
  if (in)
    incoming_free (in);
}

static const SkGuestFilesListener files_listener
    = { on_offered, on_item, on_data, on_item_end, on_end, on_cancelled };

/* -- exports ------------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkTransfers *owner;
  char *transfer;
  SkQuarantineReader *reader;
  guint item; /* whose reader it is */
  guint64 at;
} Outgoing;

static void
outgoing_free (Outgoing *out)
{
  g_clear_pointer (&out->reader, sk_quarantine_reader_free);
  g_object_unref (out->owner);
  g_free (out->transfer);
  g_free (out);
}

static gboolean
open_at (Outgoing *out, const SkLiveTransfer *t, guint item, guint64 offset, GError **error)
{
  const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[item])->row;
  if (out->reader && out->item == item && out->at == offset)
    return TRUE;
  g_clear_pointer (&out->reader, sk_quarantine_reader_free);
  out->reader = sk_quarantine_open (out->owner->parts.quarantine, row->result_blob, error);
  out->item = item;
  out->at = offset;
  return out->reader && sk_quarantine_seek (out->reader, offset, error);
}

/* Not a byte unless the store says so. */
static gssize
on_read (guint item, guint64 offset, guint8 *buffer, gsize room, gpointer data, GError **error)
{
  Outgoing *out = data;
  SkLiveTransfer *t = sk_transfers_find (out->owner, out->transfer);
  if (!t || t->row->state != SK_TRANSFER_RELEASING || item >= t->items->len)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CANCELLED, "it is not to be delivered any more");
      return -1;
    }
  if (!open_at (out, t, item, offset, error))
    return -1;
  const gssize n = sk_quarantine_read (out->reader, buffer, room, error);
  if (n > 0)
    out->at += (guint64) n;
  return n;
}

void
sk_transfers_put_done (SkTransfers *self, const char *id, const GError *error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  g_autoptr (GError) wrong = NULL;
  if (!t)
    return;
  t->busy = FALSE;
  if (error)
    sk_notice (SK_FIELDS ("transfer", t->row->id), "not delivered yet: %s", error->message);
  else if (t->row->state == SK_TRANSFER_RELEASING
           && !sk_live_transfer_set_state (t, SK_TRANSFER_DELIVERED, "guest", NULL, &wrong))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", wrong->message);
}

static void
on_put (const GError *error, gpointer data)
{
  Outgoing *out = data;
  sk_transfers_put_done (out->owner, out->transfer, error);
  outgoing_free (out);
}

/* The guest that it went to first may have it already, without our having heard so: as long as that session
 * lives, no other guest of its user gets it. */
static gboolean
is_elsewhere (SkTransfers *self, const SkTransfer *row)
{
  g_autoptr (SkSession) session
      = *row->session ? sk_store_session (self->parts.store, row->session, NULL) : NULL;
  return session && session->state != SK_SESSION_ENDED;
}

static Guest *
guest_of (SkTransfers *self, const SkTransfer *row)
{
  Guest *first = *row->session ? g_hash_table_lookup (self->guests, row->session) : NULL;
  GHashTableIter iter;
  gpointer guest;
  if (first || is_elsewhere (self, row))
    return first;
  g_hash_table_iter_init (&iter, self->guests);
  while (g_hash_table_iter_next (&iter, NULL, &guest))
    if (((Guest *) guest)->session->uid == row->uid
        && strcmp (((Guest *) guest)->session->user, row->user) == 0)
      return guest;
  return NULL;
}

/* Which guest, durably, before it sees a byte. */
static gboolean
address (SkLiveTransfer *t, const Guest *guest)
{
  g_autoptr (GError) error = NULL;
  if (strcmp (t->row->session, guest->session->id) == 0)
    return TRUE;
  JsonObject *details = json_object_new ();
  json_object_set_string_member (details, "session", guest->session->id);
  json_object_set_string_member (details, "vm", guest->session->vm);
  SkTransferChange change = {
    .next = sk_transfer_copy (t->row), .actor = "broker", .action = "delivery.begun", .details = details
  };
  sk_set_text (&change.next->session, guest->session->id);
  sk_set_text (&change.next->vm, guest->session->vm);
  t->busy = TRUE; /* a change asks for its delivery: it is under way */
  const gboolean written = sk_live_transfer_change (t, &change, &error);
  t->busy = FALSE;
  if (!written)
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
  return written;
}

/* Not a name, not a byte of anything else. */
static gboolean
may_be_put (const SkLiveTransfer *t)
{
  /* A clipboard's content is no file. */
  return t->row->state == SK_TRANSFER_RELEASING && t->row->direction == SK_CROSS_EXPORT && !t->row->clip
         && !t->busy;
}

static void
deliver_files (SkLiveTransfer *t, Guest *guest)
{
  g_autofree SkGuestPutItem *items = NULL;
  g_autoptr (GError) error = NULL;
  if (!sk_guest_files_is_up (guest->files) || !address (t, guest))
    return;
  items = g_new0 (SkGuestPutItem, t->items->len);
  for (guint i = 0; i < t->items->len; i++)
    {
      const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[i])->row;
      items[i] = (SkGuestPutItem){ row->result_name, (guint64) row->result_bytes, row->result_sha256 };
    }
  Outgoing *out = g_new0 (Outgoing, 1);
  *out = (Outgoing){ g_object_ref (t->owner), g_strdup (t->row->id), NULL, 0, 0 };
  t->busy = TRUE;
  if (sk_guest_files_put (guest->files, t->row->id, items, t->items->len, on_read, on_put, out, &error))
    return;
  t->busy = FALSE;
  sk_debug (SK_FIELDS ("transfer", t->row->id), "not now: %s", error->message);
  outgoing_free (out);
}

void
sk_transfers_deliver (SkLiveTransfer *t)
{
  Guest *guest = may_be_put (t) ? guest_of (t->owner, t->row) : NULL;
  if (guest && t->row->kind == SK_KIND_URL)
    sk_transfers_deliver_link (t, guest->link);
  else if (guest)
    deliver_files (t, guest);
}

/* Names of further files would still go in, and the guest would wait for them. */
void
sk_transfers_stop_delivery (SkLiveTransfer *t)
{
  Guest *guest = t->row->direction == SK_CROSS_EXPORT && *t->row->session
                     ? g_hash_table_lookup (t->owner->guests, t->row->session)
                     : NULL;
  if (guest)
    sk_guest_files_put_cancel (guest->files, t->row->id);
}

/* -- a guest comes and goes ---------------------------------------------------------------------------------
 */

void
sk_transfers_tell_guest (SkLiveTransfer *t)
{
  const SkTransfer *row = t->row;
  Guest *guest = *row->offer ? g_hash_table_lookup (t->owner->guests, row->session) : NULL;
  g_autofree char *text = g_strdup_printf ("%s%s%s", row->en, *row->en && *row->ja ? " / " : "", row->ja);
  if (guest)
    sk_guest_files_status (guest->files, row->offer, sk_transfer_state_word (row->state), text);
}

void
sk_transfers_add_guest (SkTransfers *self, const SkSession *session, SkAgentLink *link)
{
  Guest *guest = g_new0 (Guest, 1);
  guest->owner = self;
  guest->session = sk_session_copy (session);
  guest->link = g_object_ref (link);
  guest->incoming = g_ptr_array_new ();
  guest->files = sk_guest_files_new (link, NULL, &files_listener, guest);
  g_hash_table_insert (self->guests, g_strdup (session->id), guest);
}

/* An import that is not whole, a link that is not open: with its guest gone it would never go on. */
static gboolean
ends_with_session (const SkTransfer *row)
{
  return row->state == SK_TRANSFER_RECEIVING
         || (sk_transfer_is_from_memory (row) && !sk_transfer_is_over (row->state));
}

void
sk_transfers_remove_guest (SkTransfers *self, const char *session)
{
  g_autoptr (GPtrArray) all = sk_table_values (self->live);
  g_hash_table_remove (self->guests, session);
  for (guint i = 0; i < all->len; i++)
    {
      SkLiveTransfer *t = all->pdata[i];
      if (strcmp (t->row->session, session) == 0 && ends_with_session (t->row))
        sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "broker", "session-ended",
                                     "The session ended before that.", "その前にセッションが終わりました。");
    }
}

/* The guest is awake and its agent up: what is released for its user goes into it. */
void
sk_transfers_guest_up (SkTransfers *self, const char *session)
{
  Guest *guest = g_hash_table_lookup (self->guests, session);
  GHashTableIter iter;
  gpointer value;
  if (!guest)
    return;
  g_hash_table_iter_init (&iter, self->live);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SkLiveTransfer *t = value;
      if (t->row->uid == guest->session->uid)
        sk_transfers_deliver (t);
    }
}
