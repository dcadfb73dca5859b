/* Imports: what a guest offers, held to the rules of PROTOCOL.md ("Files out of the guest"). */
#include "common/error.h"
#include "common/i18n.h"
#include "core/guest-files-private.h"
#include <string.h>

/* What a guest may still have under way when its offer is stopped: a window of bytes, and a MiB of messages
 * that cost none. */
#define STRAY_MAX (SK_FILE_OFFER_WINDOW + 1024 * 1024)

typedef enum
{
  OFFERED, /* the listener has not answered yet */
  TAKING,  /* its bytes come */
  ENDED,   /* all of them came: the listener makes them durable */
  STOPPED, /* answered for good; waits for OFFER_GONE, what still comes is dropped */
} OfferState;

struct _SkGuestOffer
{
  SkGuestFiles *files;
  guint32 id;
  OfferState state;
  char *key, *kind;
  guint items;
  guint64 bytes;
  gpointer user;

  guint item;       /* the one that is open, or comes next */
  gboolean open;    /* ITEM came, ITEM_END did not */
  gboolean resumed; /* earlier items are not counted in sum */
  guint64 start;    /* where the first item's data starts */
  guint64 size, offset, sum;
  guint64 came, credited, said; /* window: bytes and costs of items since OFFER_REPLY */
  guint64 uncredited;           /* bytes that the listener has */
  guint64 mark;                 /* `came` when it last was quick enough */
  guint slow;                   /* seconds since then */
  gsize stray;
};

static void
offer_free (gpointer data)
{
  SkGuestOffer *offer = data;
  g_free (offer->key);
  g_free (offer->kind);
  g_free (offer);
}

/* -- saying -------------------------------------------------------------------------------------------------
 */

void
sk_guest_files_say (SkGuestFiles *files, const SkMessage *message)
{
  g_autoptr (GError) error = NULL;
  /* A guest that does not read is lost by the link's own rules. */
  if (files->up && !sk_agent_link_send_file (files->link, message, &error))
    return;
}

char *
sk_guest_files_cut (const char *text)
{
  g_autofree char *clean = g_utf8_make_valid (text ? text : "", -1);
  for (char *p = clean; *p; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      return g_strdup ("");
  gsize length = MIN (strlen (clean), SK_AGENT_TEXT_MAX);
  while (length > 0 && (clean[length] & 0xc0) == 0x80)
    length--;
  return g_strndup (clean, length);
}

static void
reply (SkGuestOffer *offer, SkFileVerdict verdict, guint item, guint64 offset, const char *text)
{
  g_autofree char *cut = sk_guest_files_cut (text);
  const SkMessage m = { .type = SK_FILE_OFFER_REPLY,
                        .id = offer->id,
                        .n = { verdict, item, offset, SK_FILE_OFFER_WINDOW },
                        .s = { cut } };
  sk_guest_files_say (offer->files, &m);
}

/* The last word on an offer, whatever the state it is in. */
static void
stop (SkGuestOffer *offer, SkFileVerdict verdict, const char *text)
{
  g_autofree char *cut = sk_guest_files_cut (text);
  const SkMessage m = { .type = SK_FILE_OFFER_STOP, .id = offer->id, .n = { verdict }, .s = { cut } };
  const OfferState before = offer->state;
  offer->state = STOPPED;
  if (before == OFFERED)
    reply (offer, verdict, 0, 0, text);
  else if (before != STOPPED)
    sk_guest_files_say (offer->files, &m);
}

static void
break_off (SkGuestOffer *offer, const char *why, const char *text)
{
  SkGuestFiles *files = offer->files;
  stop (offer, SK_FILE_REFUSE, text);
  files->listener->cancelled (offer, why, files->data);
}

/* -- the guest's messages -----------------------------------------------------------------------------------
 */

static gboolean
key_is_offered (SkGuestFiles *files, const char *key)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, files->offers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((SkGuestOffer *) value)->state != STOPPED && g_str_equal (((SkGuestOffer *) value)->key, key))
      return TRUE;
  return FALSE;
}

/* Why an offer is too much before a byte of it came; NULL: it is not. */
static const char *
offer_excess (SkGuestFiles *files, const SkGuestOffer *offer)
{
  if (offer->items == 0)
    return SK_BOTH ("There is nothing in it.", "中身がありません。");
  if (offer->items > SK_FILE_ITEMS_MAX)
    return SK_BOTH ("More than 10,000 files: send fewer at once.",
                    "ファイルが 10,000 個を超えています。分けて送ってください。");
  if (offer->bytes > SK_FILE_BYTES_MAX)
    return SK_BOTH ("Larger than 1 TiB.", "1 TiB を超えています。");
  if (key_is_offered (files, offer->key))
    return SK_BOTH ("It is being sent already.", "すでに送信中です。");
  return NULL;
}

static const char *
handle_offer (SkGuestFiles *files, const SkMessage *m)
{
  if (m->id <= files->last_offer)
    return "the guest's agent used the id of an offer twice";
  if (g_hash_table_size (files->offers) >= SK_FILE_OFFERS_MAX)
    return "the guest's agent offers too much at once";
  if (!sk_file_is_hex (m->s[0], SK_FILE_KEY_LENGTH) || !sk_file_kind_is_known (m->s[1]))
    return "the guest's agent made an offer without a key or kind";
  SkGuestOffer *offer = g_new0 (SkGuestOffer, 1);
  *offer = (SkGuestOffer){ .files = files,
                           .id = m->id,
                           .key = g_strdup (m->s[0]),
                           .kind = g_strdup (m->s[1]),
                           .items = (guint) m->n[0],
                           .bytes = m->n[1] };
  const char *excess = offer_excess (files, offer);
  files->last_offer = m->id;
  g_hash_table_insert (files->offers, GUINT_TO_POINTER (m->id), offer);
  if (excess)
    stop (offer, SK_FILE_REFUSE, excess);
  else
    files->listener->offered (offer, files->data);
  return NULL;
}

/* FALSE: broken off. */
static gboolean
charge (SkGuestOffer *offer, guint64 cost)
{
  offer->came += cost;
  if (offer->came <= offer->said + SK_FILE_OFFER_WINDOW)
    return TRUE;
  break_off (
      offer, "more than the window was sent",
      SK_BOTH ("The transfer broke off: too much at once.", "送信が中断しました（一度に届きすぎました）。"));
  return FALSE;
}

#define LYING                                                                                                \
  SK_BOTH ("The transfer broke off: sizes do not fit.", "送信が中断しました（大きさが合いません）。")

static void
handle_item (SkGuestOffer *offer, const SkMessage *m)
{
  SkGuestFiles *files = offer->files;
  if (offer->open || m->n[0] != offer->item || offer->item >= offer->items)
    break_off (offer, "an item came out of turn", LYING);
  else if (m->n[1] > offer->bytes - offer->sum || m->n[1] < offer->start)
    break_off (offer, "an item is larger than the offer", LYING);
  else if (!*m->s[0])
    break_off (offer, "an item has no name",
               SK_BOTH ("A file has no name.", "名前のないファイルがあります。"));
  else if (charge (offer, SK_FILE_ITEM_COST))
    {
      offer->open = TRUE;
      offer->size = m->n[1];
      offer->offset = offer->start;
      offer->sum += offer->size;
      offer->start = 0;
      files->listener->item (offer, offer->item, offer->size, m->s[0], offer->offset, files->data);
    }
}

static void
handle_data (SkGuestOffer *offer, const SkMessage *m)
{
  SkGuestFiles *files = offer->files;
  const guint64 left = offer->size - offer->offset;
  if (!offer->open || m->n[0] != offer->item || m->n[1] != offer->offset)
    break_off (offer, "data came out of turn", LYING);
  else if (m->bytes_length > left || m->bytes_length == 0)
    break_off (offer, "an item is longer than it said", LYING);
  else if (m->bytes_length < SK_FILE_DATA_MIN && m->bytes_length != left)
    break_off (
        offer, "data came in crumbs",
        SK_BOTH ("The transfer broke off: too many small pieces.", "送信が中断しました（細かすぎます）。"));
  else if (charge (offer, m->bytes_length))
    {
      offer->offset += m->bytes_length;
      offer->uncredited += m->bytes_length;
      files->listener->data (offer, offer->item, m->n[1], m->bytes, m->bytes_length, files->data);
    }
}

static void say_credit (SkGuestOffer *offer);

static void
handle_item_end (SkGuestOffer *offer, const SkMessage *m)
{
  SkGuestFiles *files = offer->files;
  const guint index = offer->item;
  if (!offer->open || m->n[0] != index)
    break_off (offer, "an item ended that was not open", LYING);
  else if (offer->offset != offer->size)
    break_off (offer, "an item is shorter than it said", LYING);
  else if (*m->s[0] && !sk_file_is_hex (m->s[0], 64))
    break_off (offer, "a checksum is none", LYING);
  else
    {
      offer->open = FALSE;
      offer->item++;
      offer->credited += SK_FILE_ITEM_COST;
      say_credit (offer);
      files->listener->item_end (offer, index, m->s[0], files->data);
    }
}

static void
handle_offer_end (SkGuestOffer *offer)
{
  SkGuestFiles *files = offer->files;
  if (offer->open || offer->item != offer->items || (!offer->resumed && offer->sum != offer->bytes))
    {
      break_off (offer, "the offer ended early", LYING);
      return;
    }
  offer->state = ENDED;
  files->listener->end (offer, files->data);
}

static void
handle_gone (SkGuestOffer *offer)
{
  SkGuestFiles *files = offer->files;
  const OfferState before = offer->state;
  g_hash_table_steal (files->offers, GUINT_TO_POINTER (offer->id));
  offer->state = STOPPED;
  if (before != STOPPED)
    files->listener->cancelled (offer, "taken back", files->data);
  offer_free (offer);
}

/* What was under way when we stopped it. */
static const char *
drop_stray (SkGuestOffer *offer, const SkMessage *m)
{
  offer->stray += m->type == SK_FILE_DATA ? m->bytes_length + 1 : SK_FILE_ITEM_COST;
  return offer->stray > STRAY_MAX ? "the guest's agent goes on with an offer that was stopped" : NULL;
}

static const char *
handle_offer_message (SkGuestFiles *files, const SkMessage *m)
{
  SkGuestOffer *offer = g_hash_table_lookup (files->offers, GUINT_TO_POINTER (m->id));
  if (!offer)
    return "the guest's agent speaks of an offer that it did not make";
  if (m->type == SK_FILE_OFFER_GONE)
    handle_gone (offer);
  else if (offer->state == STOPPED)
    return drop_stray (offer, m);
  else if (offer->state != TAKING)
    return "the guest's agent sends what nobody takes yet";
  else if (m->type == SK_FILE_ITEM)
    handle_item (offer, m);
  else if (m->type == SK_FILE_DATA)
    handle_data (offer, m);
  else if (m->type == SK_FILE_ITEM_END)
    handle_item_end (offer, m);
  else
    handle_offer_end (offer);
  return NULL;
}

static const char *
on_message (const SkMessage *untrusted, gpointer data)
{
  SkGuestFiles *files = data;
  switch (untrusted->type)
    {
    case SK_FILE_OFFER:
      return handle_offer (files, untrusted);
    case SK_FILE_ITEM:
    case SK_FILE_DATA:
    case SK_FILE_ITEM_END:
    case SK_FILE_OFFER_END:
    case SK_FILE_OFFER_GONE:
      return handle_offer_message (files, untrusted);
    default: /* the table has no other types from the guest */
      return sk_guest_puts_message (files, untrusted);
    }
}

/* -- the slow -----------------------------------------------------------------------------------------------
 */

/* Only a guest that could send, and does not, is slow. */
static gboolean
offer_is_too_slow (SkGuestOffer *offer)
{
  const guint64 open = offer->said + SK_FILE_OFFER_WINDOW - offer->came;
  const gboolean waits = offer->state == TAKING && open >= SK_FILE_DATA_MAX + SK_FILE_ITEM_COST;
  if (!waits || offer->came - offer->mark >= SK_FILE_SLOW_BYTES)
    {
      offer->mark = offer->came;
      offer->slow = 0;
      return FALSE;
    }
  offer->slow += SK_GUEST_FILES_TICK_SECONDS;
  return offer->slow >= SK_FILE_SLOW_SECONDS;
}

static void
offers_tick (SkGuestFiles *files)
{
  g_autoptr (GList) all = g_hash_table_get_values (files->offers);
  for (GList *l = all; l; l = l->next)
    if (offer_is_too_slow (l->data))
      break_off (l->data, "too slow",
                 SK_BOTH ("The transfer broke off: nothing came for a minute.",
                          "送信が中断しました（1 分間届きませんでした）。"));
}

static void
on_tick (gpointer data)
{
  SkGuestFiles *files = data;
  files->tick = 0;
  if (files->up && sk_agent_link_is_running (files->link))
    {
      offers_tick (files);
      sk_guest_puts_tick (files);
    }
  if (g_hash_table_size (files->offers) > 0 || files->puts->len > 0)
    sk_guest_files_watch (files);
}

void
sk_guest_files_watch (SkGuestFiles *files)
{
  if (!files->tick)
    sk_timer_set (files->clock, &files->tick, SK_GUEST_FILES_TICK_SECONDS * 1000, on_tick, files);
}

/* -- the listener's answers ---------------------------------------------------------------------------------
 */

void
sk_guest_offer_take (SkGuestOffer *offer, guint item, guint64 offset)
{
  g_return_if_fail (offer->state == OFFERED && item <= offer->items && offset <= offer->bytes);
  offer->state = TAKING;
  offer->item = item;
  offer->start = offset;
  offer->resumed = item > 0;
  sk_guest_files_watch (offer->files);
  reply (offer, SK_FILE_TAKE, item, offset, "");
}

void
sk_guest_offer_have (SkGuestOffer *offer)
{
  stop (offer, SK_FILE_HAVE, "");
}

void
sk_guest_offer_refuse (SkGuestOffer *offer, const char *text)
{
  stop (offer, SK_FILE_REFUSE, text);
}

void
sk_guest_offer_later (SkGuestOffer *offer, const char *text)
{
  stop (offer, SK_FILE_LATER, text);
}

void
sk_guest_offer_received (SkGuestOffer *offer)
{
  g_return_if_fail (offer->state == ENDED);
  stop (offer, SK_FILE_HAVE, "");
}

static void
say_credit (SkGuestOffer *offer)
{
  const SkMessage m = { .type = SK_FILE_CREDIT, .id = offer->id, .n = { offer->credited } };
  /* Soon at first, for what people see of it; then in larger steps, each of which wakes three programs. */
  const guint64 step = MIN (MAX (offer->said, SK_FILE_CREDIT_STEP), SK_FILE_OFFER_CREDIT_STEP);
  if (offer->credited - offer->said < step)
    return;
  offer->said = offer->credited;
  sk_guest_files_say (offer->files, &m);
}

void
sk_guest_offer_credit (SkGuestOffer *offer, gsize bytes)
{
  g_return_if_fail (bytes <= offer->uncredited);
  offer->uncredited -= bytes;
  offer->credited += bytes;
  if (offer->state == TAKING)
    say_credit (offer);
}

void
sk_guest_files_status (SkGuestFiles *files, const char *key, const char *state, const char *text)
{
  g_autofree char *cut = sk_guest_files_cut (text);
  const SkMessage m = { .type = SK_FILE_STATUS, .s = { (char *) key, (char *) state, cut } };
  sk_guest_files_say (files, &m);
}

const char *
sk_guest_offer_key (const SkGuestOffer *offer)
{
  return offer->key;
}

const char *
sk_guest_offer_kind (const SkGuestOffer *offer)
{
  return offer->kind;
}

guint
sk_guest_offer_items (const SkGuestOffer *offer)
{
  return offer->items;
}

guint64
sk_guest_offer_bytes (const SkGuestOffer *offer)
{
  return offer->bytes;
}

void
sk_guest_offer_set_data (SkGuestOffer *offer, gpointer data)
{
  offer->user = data;
}

gpointer
sk_guest_offer_get_data (const SkGuestOffer *offer)
{
  return offer->user;
}

/* -- life ---------------------------------------------------------------------------------------------------
 */

static void
forget_offers (SkGuestFiles *files, gboolean tell)
{
  g_autoptr (GHashTable) old = g_steal_pointer (&files->offers);
  GHashTableIter iter;
  gpointer value;
  files->offers = g_hash_table_new_full (NULL, NULL, NULL, offer_free);
  files->last_offer = 0;
  g_hash_table_iter_init (&iter, old);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SkGuestOffer *offer = value;
      const OfferState before = offer->state;
      offer->state = STOPPED;
      if (tell && before != STOPPED)
        files->listener->cancelled (offer, "the guest's agent went away", files->data);
    }
}

static void
on_down (gpointer data)
{
  SkGuestFiles *files = data;
  files->up = FALSE;
  forget_offers (files, TRUE);
  sk_guest_puts_down (files, SK_ERROR_PEER_LOST, "the guest's agent went away");
}

static void
on_up (gpointer data)
{
  SkGuestFiles *files = data;
  on_down (files);
  files->up = TRUE;
}

static void
on_writable (gpointer data)
{
  sk_guest_puts_pump (data);
}

gboolean
sk_guest_files_is_up (const SkGuestFiles *files)
{
  return files->up;
}

static const SkAgentFileListener link_listener = { on_up, on_down, on_message, on_writable };

SkGuestFiles *
sk_guest_files_new (SkAgentLink *link, SkClock *clock, const SkGuestFilesListener *listener, gpointer data)
{
  SkGuestFiles *files = g_new0 (SkGuestFiles, 1);
  files->link = g_object_ref (link);
  files->clock = clock ? clock : sk_clock_system ();
  files->listener = listener;
  files->data = data;
  files->offers = g_hash_table_new_full (NULL, NULL, NULL, offer_free);
  files->puts = g_ptr_array_new_with_free_func (sk_guest_put_free);
  files->up = sk_agent_link_is_up (link);
  sk_agent_link_set_file_listener (link, &link_listener, files);
  return files;
}

void
sk_guest_files_free (SkGuestFiles *files)
{
  if (!files)
    return;
  sk_agent_link_set_file_listener (files->link, NULL, NULL);
  files->up = FALSE;
  forget_offers (files, FALSE);
  sk_guest_puts_down (files, SK_ERROR_CANCELLED, "the virtual machine is given up");
  sk_timer_clear (files->clock, &files->tick);
  sk_timer_clear (files->clock, &files->later);
  g_hash_table_unref (files->offers);
  g_ptr_array_unref (files->puts);
  g_object_unref (files->link);
  g_free (files);
}
