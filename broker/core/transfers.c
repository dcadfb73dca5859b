/* The crossings as the API sees them: who asks, what may they see, what begins; and the pump that keeps every
 * transfer on its way. */
#include "common/error.h"
#include "common/log.h"
#include "common/name.h"
#include "core/matters.h"
#include "core/transfer-private.h"
#include <string.h>

/* After a restart; a client tries again every second, a guest at once. */
#define COME_BACK_SECONDS 600

G_DEFINE_FINAL_TYPE (SkTransfers, sk_transfers, G_TYPE_OBJECT)

gint64
sk_transfers_now (SkTransfers *self)
{
  return self->clock->wall (self->clock);
}

/* -- live objects -------------------------------------------------------------------------------------------
 */

static void
live_item_free (gpointer data)
{
  SkLiveItem *item = data;
  sk_transfer_item_free (item->row);
  g_clear_pointer (&item->result, sk_quarantined_free);
  g_free (item);
}

static void
live_transfer_free (gpointer data)
{
  SkLiveTransfer *t = data;
  if (t->cancel)
    g_cancellable_cancel (t->cancel);
  g_clear_object (&t->cancel);
  g_clear_pointer (&t->row, sk_transfer_free);
  g_clear_pointer (&t->items, g_ptr_array_unref);
  g_clear_pointer (&t->decisions, g_ptr_array_unref);
  g_clear_pointer (&t->stages, json_array_unref);
  g_free (t);
}

static SkLiveTransfer *
live_transfer_new (SkTransfers *self, SkTransfer *take_row, GPtrArray *take_items, GPtrArray *take_decisions)
{
  SkLiveTransfer *t = g_new0 (SkLiveTransfer, 1);
  t->owner = self;
  t->row = take_row;
  t->items = g_ptr_array_new_with_free_func (live_item_free);
  t->decisions
      = take_decisions ? take_decisions : g_ptr_array_new_with_free_func ((GDestroyNotify) sk_decision_free);
  t->heard = g_get_monotonic_time ();
  g_ptr_array_set_free_func (take_items, NULL);
  for (guint i = 0; i < take_items->len; i++)
    {
      SkLiveItem *item = g_new0 (SkLiveItem, 1);
      item->row = take_items->pdata[i];
      item->received = *item->row->blob ? item->row->bytes : 0;
      g_ptr_array_add (t->items, item);
    }
  g_ptr_array_unref (take_items);
  sk_live_transfer_load_stages (t);
  return t;
}

SkLiveTransfer *
sk_transfers_find (SkTransfers *self, const char *id)
{
  return id ? g_hash_table_lookup (self->live, id) : NULL;
}

static void
not_found (GError **error, const char *id)
{
  g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
               SK_BOTH ("there is no transfer %.64s", "転送 %.64s はありません"), id ? id : "", id ? id : "");
}

static gboolean
is_own (const SkIdentity *who, const SkTransfer *row)
{
  return row->uid == who->uid && strcmp (row->user, who->user) == 0;
}

SkLiveTransfer *
sk_transfers_find_own (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  if (t && is_own (who, t->row))
    return t;
  not_found (error, id);
  return NULL;
}

void
sk_transfers_count_open (SkTransfers *self, guint uid, int change)
{
  const gpointer key = GUINT_TO_POINTER (uid);
  const int n = GPOINTER_TO_INT (g_hash_table_lookup (self->open, key)) + change;
  g_hash_table_insert (self->open, key, GINT_TO_POINTER (n));
}

static char *
offer_name (const char *vm, const char *key)
{
  return g_strconcat (vm, "/", key, NULL);
}

SkLiveTransfer *
sk_transfers_find_offer (SkTransfers *self, const char *vm, const char *key)
{
  g_autofree char *name = offer_name (vm, key);
  return g_hash_table_lookup (self->offers, name);
}

/* From here on it is there. */
static void
remember (SkTransfers *self, SkLiveTransfer *t)
{
  const SkTransfer *row = t->row;
  if (*row->offer)
    g_hash_table_insert (self->offers, offer_name (row->vm, row->offer), t);
  if (!sk_transfer_is_over (row->state))
    sk_transfers_count_open (self, row->uid, 1);
}

/* -- the pump -----------------------------------------------------------------------------------------------
 */

void
sk_live_transfer_enqueue (SkLiveTransfer *t)
{
  SkTransfers *self = t->owner;
  const SkTransferState state = t->row->state;
  if (state == SK_TRANSFER_RELEASING && t->row->clip)
    sk_transfers_deliver_clip (t);
  else
    sk_transfers_deliver (t);
  if (t->row->clip && sk_transfer_is_over (state))
    sk_transfers_purge_soon (self);
  if (t->queued || t->busy)
    return;
  if (state == SK_TRANSFER_QUARANTINED || state == SK_TRANSFER_INSPECTING)
    g_queue_push_tail (&self->waiting, t);
  else if (state == SK_TRANSFER_APPROVED)
    g_queue_push_tail (&self->approved, t);
  else
    return;
  t->queued = TRUE;
  sk_transfers_pump_soon (self);
}

static SkLiveTransfer *
pop (GQueue *queue)
{
  SkLiveTransfer *t = g_queue_pop_head (queue);
  if (t)
    t->queued = FALSE;
  return t;
}

/* What was in the queue when it began: whoever comes back into it waits for the next tick. */
static gboolean
on_pump (gpointer data)
{
  g_autoptr (SkTransfers) self = g_object_ref (data);
  self->pump_timer = 0;
  for (guint n = MIN (g_queue_get_length (&self->approved), SK_RELEASES_AT_ONCE); n > 0 && !self->closing;
       n--)
    sk_live_transfer_release (pop (&self->approved));
  if (!g_queue_is_empty (&self->approved))
    sk_transfers_pump_soon (self);
  while (self->inspections < self->parts.inspections && !g_queue_is_empty (&self->waiting) && !self->closing)
    sk_transfer_inspect_next (pop (&self->waiting));
  return G_SOURCE_REMOVE;
}

void
sk_transfers_pump_soon (SkTransfers *self)
{
  if (!self->pump_timer && !self->closing)
    /* Not behind everything else: clients that keep the loop busy do not keep others' transfers. */
    self->pump_timer = g_idle_add_full (G_PRIORITY_DEFAULT, on_pump, self, NULL);
}

static guint
files_of (SkTransfers *self, guint uid)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->files, GUINT_TO_POINTER (uid)));
}

static void
count_files (SkTransfers *self, const SkTransfer *row, gboolean more)
{
  const guint n = files_of (self, row->uid);
  g_hash_table_insert (self->files, GUINT_TO_POINTER (row->uid),
                       GUINT_TO_POINTER (more ? n + row->count : n - MIN (n, row->count)));
}

void
sk_transfers_forget (SkTransfers *self, SkLiveTransfer *t)
{
  count_files (self, t->row, FALSE);
  if (t->queued)
    {
      g_queue_remove (&self->waiting, t);
      g_queue_remove (&self->approved, t);
    }
  if (*t->row->offer)
    {
      g_autofree char *name = offer_name (t->row->vm, t->row->offer);
      g_hash_table_remove (self->offers, name);
    }
  g_hash_table_remove (self->live, t->row->id);
}

gint
sk_live_transfer_compare_age (gconstpointer a, gconstpointer b)
{
  const SkLiveTransfer *one = *(SkLiveTransfer *const *) a, *other = *(SkLiveTransfer *const *) b;
  if (one->row->created != other->row->created)
    return one->row->created < other->row->created ? -1 : 1;
  return strcmp (one->row->id, other->row->id);
}

static void
drop_orphans (SkTransfers *self)
{
  for (guint i = self->orphans->len; i > 0; i--)
    if (sk_transfers_drop_blob (self, self->orphans->pdata[i - 1]))
      g_ptr_array_remove_index_fast (self->orphans, i - 1);
}

/* Deadlines, and what a full disk or a lost database kept from its way. Deadlines are times of the day in the
 * rows: what passed while no core ran has passed at the first tick. */
static void
on_tick (gpointer data)
{
  g_autoptr (SkTransfers) self = g_object_ref (data);
  self->tick_timer = 0;
  const gint64 now = sk_transfers_now (self);
  g_autoptr (GPtrArray) all = sk_table_values (self->live);
  guint purges = 0;
  drop_orphans (self);
  for (guint i = 0; i < all->len; i++)
    {
      SkLiveTransfer *t = all->pdata[i];
      sk_live_transfer_enqueue (t);
      sk_live_transfer_check_due (t, now);
      if (purges < SK_PURGES_AT_ONCE && sk_transfer_is_over (t->row->state)
          && sk_live_transfer_purge (t, now))
        purges++;
    }
  if (!self->closing)
    sk_timer_set (self->clock, &self->tick_timer, SK_TRANSFER_TICK_SECONDS * 1000, on_tick, self);
}

/* -- beginning ----------------------------------------------------------------------------------------------
 */

static gboolean
check_rate (SkTransfers *self, guint uid, GError **error)
{
  const gint64 now = g_get_monotonic_time ();
  GArray *times = g_hash_table_lookup (self->recent, GUINT_TO_POINTER (uid));
  if (!times)
    {
      times = g_array_new (FALSE, FALSE, sizeof (gint64));
      g_hash_table_insert (self->recent, GUINT_TO_POINTER (uid), times);
    }
  while (times->len > 0 && now - g_array_index (times, gint64, 0) > 60 * G_USEC_PER_SEC)
    g_array_remove_index (times, 0);
  if (times->len >= SK_TRANSFERS_PER_MINUTE)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_FULL,
                           SK_BOTH ("too many transfers in a minute; wait a moment",
                                    "短い時間に送りすぎています。しばらく待ってからやり直してください"));
      return FALSE;
    }
  g_array_append_val (times, now);
  return TRUE;
}

gboolean
sk_transfers_check_new (SkTransfers *self, guint uid, guint n_items, gint64 bytes, GError **error)
{
  const int mine = GPOINTER_TO_INT (g_hash_table_lookup (self->open, GUINT_TO_POINTER (uid)));
  if (n_items == 0 || n_items > SK_TRANSFER_ITEMS_MAX || bytes < 0 || bytes > SK_TRANSFER_BYTES_MAX)
    {
      g_set_error (error, SK_ERROR, n_items == 0 ? SK_ERROR_INVALID : SK_ERROR_LIMIT,
                   SK_BOTH ("1 to %u files and at most %u GiB in one transfer; send them in parts",
                            "1 回に送れるのは %u ファイル・%u GiB までです。分けて送ってください"),
                   SK_TRANSFER_ITEMS_MAX, (guint) (SK_TRANSFER_BYTES_MAX >> 30), SK_TRANSFER_ITEMS_MAX,
                   (guint) (SK_TRANSFER_BYTES_MAX >> 30));
      return FALSE;
    }
  if (n_items > SK_TRANSFER_FILES_PER_USER - MIN (SK_TRANSFER_FILES_PER_USER, files_of (self, uid)))
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_FULL,
          SK_BOTH (
              "too many of your files are kept here; wait until older ones are purged, or ask "
              "the IT staff",
              "保管中のファイルが多すぎます。古いものが消去されるのを待つか、情報担当に連絡してください"));
      return FALSE;
    }
  if (mine < SK_TRANSFERS_PER_USER)
    return check_rate (self, uid, error);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FULL,
                       SK_BOTH ("too many of your transfers are still on their way; withdraw some",
                                "処理中の転送が多すぎます。不要なものを取り下げてください"));
  return FALSE;
}

void
sk_transfer_describe_user (SkTransfers *self, SkTransfer *row, const char *user)
{
  const gint64 now = sk_transfers_now (self);
  sk_set_text (&row->user, user);
  sk_set_text (&row->section, sk_people_section (self->parts.people, user, now));
  sk_set_text (&row->organisation, sk_people_organisation (self->parts.people, user, now));
}

/* The first row of a transfer is its first row in the audit trail. */
SkLiveTransfer *
sk_transfers_admit (SkTransfers *self, SkTransfer *take_row, GPtrArray *take_items, const char *actor,
                    GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new (); /* borrows */
  for (guint i = 0; i < take_items->len; i++)
    g_ptr_array_add (rows, take_items->pdata[i]);
  SkLiveTransfer *t = live_transfer_new (self, take_row, take_items, NULL);
  if (sk_kind_is_passing (t->row->kind) && t->items->len == 1 && t->row->count == 1)
    {
      t->unwritten = TRUE;
      g_hash_table_insert (self->live, g_strdup (t->row->id), t);
      remember (self, t);
      count_files (self, t->row, TRUE);
      g_signal_emit_by_name (self, "changed", t->row->id);
      return t;
    }
  SkTransferChange change = { .next = sk_transfer_copy (take_row), .items = rows, .actor = actor };
  g_hash_table_insert (self->live, g_strdup (t->row->id), t);
  if (sk_live_transfer_change (t, &change, error))
    {
      remember (self, t);
      count_files (self, t->row, TRUE);
      return t;
    }
  g_hash_table_remove (self->live, t->row->id);
  return NULL;
}

/* -- what the desktop does ----------------------------------------------------------------------------------
 */

static SkTransferItem *
item_new (const char *transfer, guint position, char *take_name, gint64 bytes, gint64 now)
{
  g_autofree char *name = take_name;
  g_autofree char *id = g_strdup_printf ("%s/%u", transfer, position);
  SkTransferItem *item = sk_transfer_item_new ();
  sk_set_text (&item->id, id);
  sk_set_text (&item->transfer, transfer);
  item->position = position;
  sk_set_text (&item->name, name);
  item->bytes = bytes;
  item->created = now;
  sk_set_text (&item->findings, "[]");
  sk_set_text (&item->removed, "[]");
  return item;
}

gboolean
sk_transfers_check_text (const char *untrusted_text, GError **error)
{
  if (strlen (untrusted_text) <= SK_TRANSFER_TEXT_MAX && g_utf8_validate (untrusted_text, -1, NULL))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
               SK_BOTH ("the text is longer than %u bytes or not UTF-8",
                        "文章が %u バイトを超えているか、文字コードが正しくありません"),
               SK_TRANSFER_TEXT_MAX, SK_TRANSFER_TEXT_MAX);
  return FALSE;
}

gboolean
sk_transfers_check_comment (const char *untrusted_text, guint before, GError **error)
{
  if (before < SK_COMMENTS_MAX)
    return sk_transfers_check_text (untrusted_text, error);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FULL,
                       SK_BOTH ("so much was said here that nothing more fits; open a new matter",
                                "書き込みが上限に達しました。新しい案件を作ってください"));
  return FALSE;
}

/* Names first: a transfer whose names are no good does not begin. */
GPtrArray *
sk_transfers_make_items (const char *id, const SkTransferOffer *offers, guint n, gint64 now,
                         gint64 *ret_bytes, GError **error)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_transfer_item_free);
  *ret_bytes = 0;
  for (guint i = 0; i < n; i++)
    {
      char *name = sk_name_sanitise (offers[i].untrusted_name, error);
      if (!name)
        return NULL;
      g_ptr_array_add (items, item_new (id, i, name, offers[i].bytes, now));
      /* Claims can add up to more than a number holds. */
      if (offers[i].bytes < 0 || offers[i].bytes > SK_TRANSFER_BYTES_MAX
          || (*ret_bytes += offers[i].bytes) > SK_TRANSFER_BYTES_MAX)
        *ret_bytes = SK_TRANSFER_BYTES_MAX + 1;
    }
  return g_steal_pointer (&items);
}

SkTransfer *
sk_transfers_new_row (SkTransfers *self, const char *user, guint uid, SkCross direction, SkKind kind)
{
  SkTransfer *row = sk_transfer_new ();
  g_free (row->id);
  row->id = g_uuid_string_random ();
  row->direction = direction;
  row->kind = kind;
  row->uid = uid;
  sk_set_text (&row->channel, "desk");
  row->retention_days = SK_POLICY_RETENTION_DAYS_DEFAULT; /* until a rule says how long: 0 is an answer too */
  row->created = row->changed = sk_transfers_now (self);
  sk_transfer_describe_user (self, row, user);
  return row;
}

char *
sk_transfers_create (SkTransfers *self, const SkIdentity *who, SkKind kind, const char *purpose,
                     const SkTransferOffer *offers, guint n_offers, GError **error)
{
  return sk_transfers_create_in (self, who, kind, purpose, "", offers, n_offers, error);
}

/* Last, so that what is refused opens none. */
static gboolean
find_matter (SkTransfers *self, const SkIdentity *who, const char *matter, SkTransfer *row, GError **error)
{
  g_autoptr (SkMatter) m = *matter ? sk_matters_open (self, who, matter, error) : NULL;
  if (m)
    sk_set_text (&row->matter, m->id);
  return m || !*matter;
}

char *
sk_transfers_create_in (SkTransfers *self, const SkIdentity *who, SkKind kind, const char *purpose,
                        const char *matter, const SkTransferOffer *offers, guint n_offers, GError **error)
{
  g_autoptr (SkTransfer) row = sk_transfers_new_row (self, who->user, who->uid, SK_CROSS_EXPORT, kind);
  g_autoptr (GPtrArray) items = NULL;
  if (!sk_transfers_check_text (purpose, error)
      || !(items = sk_transfers_make_items (row->id, offers, MIN (n_offers, SK_TRANSFER_ITEMS_MAX),
                                            row->created, &row->bytes, error))
      || !sk_transfers_check_new (self, who->uid, n_offers, row->bytes, error)
      || !find_matter (self, who, matter, row, error))
    return NULL;
  sk_set_text (&row->purpose, purpose);
  row->count = n_offers;
  SkLiveTransfer *t
      = sk_transfers_admit (self, g_steal_pointer (&row), g_steal_pointer (&items), who->user, error);
  return t ? g_strdup (t->row->id) : NULL;
}

gboolean
sk_transfers_delivered (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find_own (self, who, id, error);
  if (!t)
    return FALSE;
  if (t->row->state == SK_TRANSFER_DELIVERED)
    return TRUE;
  if (t->row->direction != SK_CROSS_IMPORT || t->row->clip)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT,
                           SK_BOTH ("the internet side says when it has arrived",
                                    "届いたかどうかはインターネット側が知らせます"));
      return FALSE;
    }
  return sk_live_transfer_set_state (t, SK_TRANSFER_DELIVERED, who->user, NULL, error);
}

/* Its sender, or where it belongs to a matter a colleague: nothing crosses by that. */
gboolean
sk_transfers_withdraw (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  const gboolean own = t && is_own (who, t->row);
  if (!t || (!own && !sk_transfer_is_colleagues (self, who, t->row)))
    {
      not_found (error, id);
      return FALSE;
    }
  return own ? sk_live_transfer_end (t, SK_TRANSFER_CANCELLED, who->user, "withdrawn",
                                     "Its sender withdrew it.", "送信者が取り下げました。", error)
             : sk_live_transfer_end (t, SK_TRANSFER_CANCELLED, who->user, "withdrawn",
                                     "A colleague withdrew it.", "同じ所属の職員が取り下げました。", error);
}

/* -- looking ------------------------------------------------------------------------------------------------
 */

static gboolean
has_decided (SkTransfers *self, const SkIdentity *who, const char *id)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  g_autoptr (GPtrArray) stored = t ? NULL : sk_store_decisions (self->parts.store, id, NULL);
  return t ? sk_live_transfer_was_decided_by (t, who->user)
           : stored && sk_decisions_are_of (stored, who->user);
}

/* Sender, administrators, whoever may decide or has, and colleagues where it belongs to a matter. */
static gboolean
may_see (SkTransfers *self, const SkIdentity *who, const SkTransfer *row)
{
  return is_own (who, row) || who->admin || sk_transfers_may_decide (self, who, row->id, NULL)
         || has_decided (self, who, row->id) || sk_transfer_is_colleagues (self, who, row);
}

SkTransfer *
sk_transfers_get (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  g_autoptr (SkTransfer) row
      = t ? sk_transfer_copy (t->row) : sk_store_transfer (self->parts.store, id, error);
  if (row && may_see (self, who, row))
    return g_steal_pointer (&row);
  if (row)
    not_found (error, id);
  return NULL;
}

const SkTransfer *
sk_transfers_peek (SkTransfers *self, const char *id)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  return t ? t->row : NULL;
}

GPtrArray *
sk_transfers_list (SkTransfers *self, const SkIdentity *who, SkBox box, gboolean everybody, gint64 before,
                   GError **error)
{
  if (everybody && !who->admin)
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_FORBIDDEN,
          SK_BOTH ("everybody's are for administrators", "全員の分は管理者だけが見られます"));
      return NULL;
    }
  const char *direction
      = box == SK_BOX_ALL ? NULL : sk_cross_word (box == SK_BOX_SENT ? SK_CROSS_EXPORT : SK_CROSS_IMPORT);
  return sk_store_transfers (self->parts.store, everybody ? NULL : who->user, direction, before,
                             SK_TRANSFERS_LIST_MAX, error);
}

GPtrArray *
sk_transfers_items (SkTransfers *self, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  if (!t)
    return sk_store_transfer_items (self->parts.store, id, error);
  GPtrArray *rows = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_transfer_item_free);
  for (guint i = 0; i < t->items->len; i++)
    g_ptr_array_add (rows, sk_transfer_item_copy (((SkLiveItem *) t->items->pdata[i])->row));
  return rows;
}

gint64
sk_transfers_received (SkTransfers *self, const SkTransferItem *row)
{
  SkLiveTransfer *t = sk_transfers_find (self, row->transfer);
  if (!t || row->position >= t->items->len)
    return *row->blob ? row->bytes : 0;
  return ((SkLiveItem *) t->items->pdata[row->position])->received;
}

GPtrArray *
sk_transfers_decisions (SkTransfers *self, const char *id, GError **error)
{
  return sk_store_decisions (self->parts.store, id, error);
}

/* With its row in the trail, as one. */
static gboolean
write_comment (SkTransfers *self, const SkTransfer *row, const SkComment *comment, GError **error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_string_member (object, "user", row->user);
  json_object_set_string_member (object, "comment", comment->text);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *details = json_to_string (node, FALSE);
  const SkAuditEvent event = { .organisation = *row->organisation ? row->organisation : self->organisation,
                               .actor = comment->user,
                               .action = "transfer.commented",
                               .object = row->id,
                               .matter = row->matter,
                               .details = details,
                               .time = comment->created };
  if (!sk_store_begin (self->parts.store, error))
    return FALSE;
  if (sk_store_put_comment (self->parts.store, comment, error)
      && sk_audit_append (self->parts.audit, &event, error) && sk_store_commit (self->parts.store, error))
    return TRUE;
  sk_store_rollback (self->parts.store);
  return FALSE;
}

gboolean
sk_transfers_comment (SkTransfers *self, const SkIdentity *who, const char *id, const char *text,
                      GError **error)
{
  g_autoptr (SkTransfer) row = sk_transfers_get (self, who, id, error);
  g_autoptr (GPtrArray) before = row ? sk_store_comments (self->parts.store, id, error) : NULL;
  if (!before || !sk_transfers_check_comment (text, before->len, error))
    return FALSE;
  g_autoptr (SkComment) comment = g_new0 (SkComment, 1);
  comment->id = g_uuid_string_random ();
  comment->transfer = g_strdup (row->id);
  comment->matter = g_strdup (row->matter);
  comment->user = g_strdup (who->user);
  comment->text = g_strdup (text);
  comment->created = sk_transfers_now (self);
  if (!write_comment (self, row, comment, error))
    return FALSE;
  g_signal_emit_by_name (self, "changed", row->id);
  if (*row->matter)
    g_signal_emit_by_name (self, "matter-changed", row->matter);
  return TRUE;
}

GPtrArray *
sk_transfers_comments (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  g_autoptr (SkTransfer) row = sk_transfers_get (self, who, id, error);
  return row ? sk_store_comments (self->parts.store, id, error) : NULL;
}

/* Machines in town halls are turned off every evening: a sender's time goes on meanwhile, as far as is known.
 * It gets a moment to come back. */
static void
count_absence (SkLiveTransfer *t)
{
  const gint64 idle = (gint64) SK_TRANSFER_IDLE_SECONDS * G_USEC_PER_SEC, now = g_get_monotonic_time ();
  const gint64 since = MAX (0, sk_transfers_now (t->owner) - t->row->changed);
  t->heard = now - MIN (since, idle - (gint64) COME_BACK_SECONDS * G_USEC_PER_SEC);
}

void
sk_live_transfer_adopt (SkLiveTransfer *t)
{
  count_absence (t);
  sk_live_transfer_check_received (t);
  if (t->row->state == SK_TRANSFER_RECEIVING && sk_transfer_is_from_memory (t->row))
    sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "broker", "not-kept",
                                 "The broker was restarted before it was kept; try it once more.",
                                 "保管する前にサービスが再起動しました。もう一度やり直してください。");
  sk_live_transfer_enqueue (t);
}

/* -- the object ---------------------------------------------------------------------------------------------
 */

/* What a crash left between the disk and the store belongs to nobody. */
static gboolean
sweep (SkTransfers *self, GError **error)
{
  g_autoptr (GPtrArray) blobs = sk_quarantine_list (self->parts.quarantine);
  g_autoptr (GPtrArray) unfinished = sk_quarantine_unfinished (self->parts.quarantine);
  for (guint i = 0; i < blobs->len; i++)
    {
      gboolean used = TRUE;
      if (!sk_store_blob_is_used (self->parts.store, blobs->pdata[i], "", &used, error)
          || (!used && !sk_quarantine_purge (self->parts.quarantine, blobs->pdata[i], error)))
        return FALSE;
    }
  for (guint i = 0; i < unfinished->len; i++)
    {
      /* A uuid, and the item behind it. */
      g_autofree char *id = g_strndup (unfinished->pdata[i], 36);
      SkLiveTransfer *t = sk_transfers_find (self, id);
      if (!t || t->row->state != SK_TRANSFER_RECEIVING)
        sk_quarantine_discard (self->parts.quarantine, unfinished->pdata[i]);
    }
  return TRUE;
}

static gboolean
load (SkTransfers *self, GError **error)
{
  g_autoptr (GPtrArray) rows = sk_store_live_transfers (self->parts.store, error);
  if (!rows)
    return FALSE;
  for (guint i = 0; i < rows->len; i++)
    {
      SkTransfer *row = rows->pdata[i];
      GPtrArray *items = sk_store_transfer_items (self->parts.store, row->id, error);
      GPtrArray *decisions = items ? sk_store_decisions (self->parts.store, row->id, error) : NULL;
      if (!decisions)
        {
          g_clear_pointer (&items, g_ptr_array_unref);
          return FALSE;
        }
      SkLiveTransfer *t = live_transfer_new (self, sk_transfer_copy (row), items, decisions);
      g_hash_table_insert (self->live, g_strdup (row->id), t);
      remember (self, t);
      count_files (self, row, TRUE);
      sk_live_transfer_adopt (t);
    }
  return sweep (self, error);
}

SkTransfers *
sk_transfers_new (const SkTransfersParts *parts, GError **error)
{
  g_autoptr (SkTransfers) self = g_object_new (SK_TYPE_TRANSFERS, NULL);
  self->parts = *parts;
  self->clock = parts->clock ? parts->clock : sk_clock_system ();
  self->policy_dir = g_strdup (parts->policy_dir);
  self->organisation = g_strdup (parts->organisation);
  if (parts->state_dir)
    self->policy_copies = g_build_filename (parts->state_dir, "policies", NULL);
  sk_transfers_load_policy (self);
  if (!load (self, error))
    return NULL;
  sk_timer_set (self->clock, &self->tick_timer, SK_TRANSFER_TICK_SECONDS * 1000, on_tick, self);
  return g_steal_pointer (&self);
}

static void
sk_transfers_dispose (GObject *object)
{
  SkTransfers *self = SK_TRANSFERS (object);
  self->closing = TRUE;
  g_clear_handle_id (&self->pump_timer, g_source_remove);
  if (self->clock)
    sk_timer_clear (self->clock, &self->tick_timer);
  g_clear_handle_id (&self->purge_timer, g_source_remove);
  g_queue_clear (&self->waiting);
  g_queue_clear (&self->approved);
  g_hash_table_remove_all (self->guests);
  g_hash_table_remove_all (self->offers);
  g_hash_table_remove_all (self->live);
  G_OBJECT_CLASS (sk_transfers_parent_class)->dispose (object);
}

static gboolean
on_end_deadline (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

gboolean
sk_transfers_end (SkTransfers *self)
{
  gboolean late = FALSE;
  const guint deadline = g_timeout_add_seconds (SK_TRANSFERS_END_SECONDS, on_end_deadline, &late);
  g_object_run_dispose (G_OBJECT (self));
  while (!late && G_OBJECT (self)->ref_count > 1)
    g_main_context_iteration (NULL, TRUE);
  if (!late)
    g_source_remove (deadline);
  g_object_unref (self);
  return !late;
}

static void
sk_transfers_finalize (GObject *object)
{
  SkTransfers *self = SK_TRANSFERS (object);
  g_hash_table_unref (self->guests);
  g_hash_table_unref (self->clipboards);
  g_hash_table_unref (self->live);
  g_hash_table_unref (self->recent);
  g_hash_table_unref (self->files);
  g_hash_table_unref (self->previews);
  g_hash_table_unref (self->open);
  g_hash_table_unref (self->offers);
  g_ptr_array_unref (self->orphans);
  g_clear_pointer (&self->policy, sk_policy_set_free);
  g_free (self->policy_dir);
  g_free (self->organisation);
  g_free (self->policy_error);
  g_free (self->policy_copies);
  G_OBJECT_CLASS (sk_transfers_parent_class)->finalize (object);
}

static void
sk_transfers_class_init (SkTransfersClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = sk_transfers_dispose;
  G_OBJECT_CLASS (klass)->finalize = sk_transfers_finalize;
  g_signal_new ("changed", SK_TYPE_TRANSFERS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                G_TYPE_STRING);
  g_signal_new ("matter-changed", SK_TYPE_TRANSFERS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                G_TYPE_STRING);
}

static void
sk_transfers_init (SkTransfers *self)
{
  self->live = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, live_transfer_free);
  self->guests = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, sk_transfers_guest_free);
  self->orphans = g_ptr_array_new_with_free_func (g_free);
  self->files = g_hash_table_new (NULL, NULL);
  self->clipboards = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->recent = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  self->previews = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->open = g_hash_table_new (NULL, NULL);
  self->offers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_queue_init (&self->waiting);
  g_queue_init (&self->approved);
}
