/* A link that was released opens in its session's own browser: the one that its user was looking at. */
#include "common/error.h"
#include "common/log.h"
#include "core/manager-private.h"
#include "core/transfer-private.h"

/* A guest's browser under load was seen to take seconds. */
#define OPEN_MS 30000

typedef struct
{
  SkTransfers *owner;
  char *transfer;
} Opening;

/* Tried once more by whoever clicks, not by a timer: a browser that is only slow would get it again and
 * again.
 */
static void
give_up (SkTransfers *self, const char *id, const char *why)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  if (!t)
    return;
  sk_notice (SK_FIELDS ("transfer", id), "not opened: %s", why);
  t->busy = FALSE;
  if (t->row->state == SK_TRANSFER_RELEASING)
    sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "guest", "not-opened",
                                 "The browser did not say that it opened it. Open it once more if it is not "
                                 "there.",
                                 "ブラウザーから開いたという応答がありません。表示されていなければ、もう一度"
                                 "開いてください。");
}

static void
on_opened (gboolean ok, const char *untrusted_text, char **untrusted_list, const GError *error, gpointer data)
{
  Opening *opening = data;
  /* A guest that is gone for a moment may not have heard of it. */
  const gboolean lost = error
                        && (g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST)
                            || g_error_matches (error, SK_ERROR, SK_ERROR_CANCELLED));
  if (ok || lost)
    sk_transfers_put_done (opening->owner, opening->transfer, error);
  else
    give_up (opening->owner, opening->transfer, error ? error->message : untrusted_text);
  g_object_unref (opening->owner);
  g_free (opening->transfer);
  g_free (opening);
}

/* An inspector wrote it: it is checked once more. */
static char *
read_link (SkLiveTransfer *t, GError **error)
{
  const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[0])->row;
  g_autofree char *url = g_malloc0 (SK_URL_MAX + 1);
  SkQuarantineReader *reader = sk_quarantine_open (t->owner->parts.quarantine, row->result_blob, error);
  gsize length = 0;
  gssize n = reader ? 1 : -1;
  while (n > 0 && length < SK_URL_MAX)
    if ((n = sk_quarantine_read (reader, url + length, SK_URL_MAX - length, error)) > 0)
      length += (gsize) n;
  g_clear_pointer (&reader, sk_quarantine_reader_free);
  return n >= 0 && sk_check_url (url, error) ? g_steal_pointer (&url) : NULL;
}

void
sk_transfers_deliver_link (SkLiveTransfer *t, SkAgentLink *link)
{
  g_autoptr (GError) error = NULL;
  if (!sk_agent_link_is_up (link) || !sk_agent_link_is_running (link))
    return;
  char *url = read_link (t, &error);
  if (!url)
    {
      sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "broker", "not-an-address",
                                   "What the inspection gave is no address that can be opened.",
                                   "検査の結果が開けるアドレスではありませんでした。");
      return;
    }
  Opening *opening = g_new (Opening, 1);
  *opening = (Opening){ g_object_ref (t->owner), g_strdup (t->row->id) };
  t->busy = TRUE;
  g_auto (SkMessage) message = { .type = SK_AGENT_OPEN_URL, .s = { url } };
  sk_agent_link_call (link, &message, OPEN_MS, on_opened, opening);
}
