/* Small contents that the broker has in memory when the transfer begins: a link to open. */
#include "common/error.h"
#include "common/log.h"
#include "core/sink.h"
#include "core/transfer-private.h"

typedef struct
{
  SkTransfers *owner;
  char *transfer;
  SkSink *sink;
} Incoming;

static void
incoming_free (Incoming *in)
{
  g_clear_pointer (&in->sink, sk_sink_free);
  g_object_unref (in->owner);
  g_free (in->transfer);
  g_free (in);
}

static void
on_wrote (gsize bytes, gpointer data)
{
}

/* Nobody is there to send it again. */
static void
give_up (SkLiveTransfer *t, const GError *error)
{
  sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error ? error->message : "not kept");
  sk_live_transfer_end_logged (
      t, SK_TRANSFER_CANCELLED, "broker", "not-kept",
      "It could not be kept; try it once more. If it fails again, tell the IT staff.",
      "保管できませんでした。もう一度やり直してください。繰り返す場合は情報担当に"
      "連絡してください。");
}

static void
on_done (const SkQuarantined *content, const GError *error, gpointer data)
{
  Incoming *in = data;
  SkLiveTransfer *t = sk_transfers_find (in->owner, in->transfer);
  g_autoptr (GError) wrong = NULL;
  if (t && t->row->state == SK_TRANSFER_RECEIVING
      && (error || !sk_live_transfer_book (t, 0, content, &wrong)))
    give_up (t, error ? error : wrong);
  incoming_free (in);
}

static const SkSinkListener listener = { on_wrote, on_done };

static void
keep (SkLiveTransfer *t, GBytes *content)
{
  g_autoptr (GError) error = NULL;
  SkQuarantineWriter *writer = sk_live_transfer_writer (t, 0, &error);
  if (!writer)
    {
      give_up (t, error);
      return;
    }
  Incoming *in = g_new0 (Incoming, 1);
  in->owner = g_object_ref (t->owner);
  in->transfer = g_strdup (t->row->id);
  in->sink = sk_sink_new (writer, &listener, in);
  sk_sink_write (in->sink, g_bytes_get_data (content, NULL), g_bytes_get_size (content));
  sk_sink_finish (in->sink);
}

char *
sk_transfers_submit (SkTransfers *self, const SkIdentity *who, const SkSession *session, SkCross direction,
                     SkKind kind, const char *name, GBytes *content, GError **error)
{
  g_autoptr (SkTransfer) row = sk_transfers_new_row (self, who->user, who->uid, direction, kind);
  const SkTransferOffer offer = { name, (gint64) g_bytes_get_size (content) };
  g_autoptr (GPtrArray) items
      = sk_transfers_make_items (row->id, &offer, 1, row->created, &row->bytes, error);
  if (!items || !sk_transfers_check_new (self, who->uid, 1, row->bytes, error))
    return NULL;
  row->count = 1;
  sk_set_text (&row->session, session->id);
  sk_set_text (&row->vm, session->vm);
  SkLiveTransfer *t
      = sk_transfers_admit (self, g_steal_pointer (&row), g_steal_pointer (&items), who->user, error);
  if (!t)
    return NULL;
  char *id = g_strdup (t->row->id);
  sk_live_transfer_foresee (t);
  if (t->row->state == SK_TRANSFER_RECEIVING)
    keep (t, content);
  return id;
}

gboolean
sk_transfer_is_from_memory (const SkTransfer *row)
{
  return row->kind == SK_KIND_URL && row->direction == SK_CROSS_EXPORT && *row->session;
}
