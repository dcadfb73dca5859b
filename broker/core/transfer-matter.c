/* Matters: who may know of one and carry it on, and what is done in one. */
#include "common/chars.h"
#include "common/error.h"
#include "common/log.h"
#include "core/matters.h"
#include "core/transfer-private.h"
#include <string.h>

static gboolean
fail (GError **error, SkErrorCode code, const char *text)
{
  g_set_error_literal (error, SK_ERROR, code, text);
  return FALSE;
}

static gboolean
no_such_matter (GError **error)
{
  return fail (error, SK_ERROR_NOT_FOUND,
               SK_BOTH ("there is no such matter; see sekishoctl matter list",
                        "その案件はありません。sekishoctl matter list で確認してください"));
}

/* -- who ----------------------------------------------------------------------------------------------------
 */

/* Today. */
static gboolean
is_of_section (SkTransfers *self, const char *user, const SkMatter *m)
{
  return *m->section
         && sk_people_is_of_section (self->parts.people, user, m->organisation, m->section,
                                     sk_transfers_now (self));
}

static gboolean
carries_on (SkTransfers *self, const SkIdentity *who, const SkMatter *m)
{
  return strcmp (m->author, who->user) == 0 || is_of_section (self, who->user, m);
}

/* Matters (of that id; NULL: all) in which something waits for this person: a set of borrowed ids. */
static GHashTable *
asked_in (SkTransfers *self, const SkIdentity *who, const char *matter)
{
  GHashTable *set = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, self->live);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const SkTransfer *row = ((SkLiveTransfer *) value)->row;
      if (row->state == SK_TRANSFER_HELD && *row->matter && (!matter || strcmp (row->matter, matter) == 0)
          && !g_hash_table_contains (set, row->matter) && sk_transfers_concerns (self, who, row->id))
        g_hash_table_add (set, row->matter);
    }
  return set;
}

static gboolean
holds (GPtrArray *matters, const char *id)
{
  for (guint i = 0; matters && i < matters->len; i++)
    if (strcmp (((SkMatter *) matters->pdata[i])->id, id) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_visible (SkTransfers *self, const SkIdentity *who, const SkMatter *m)
{
  if (who->admin || carries_on (self, who, m))
    return TRUE;
  g_autoptr (GPtrArray) part = sk_store_matters_of_person (self->parts.store, who->user, NULL);
  g_autoptr (GHashTable) asked = asked_in (self, who, m->id);
  return holds (part, m->id) || g_hash_table_contains (asked, m->id);
}

static SkMatter *
get (SkTransfers *self, const SkIdentity *who, const char *id, gboolean to_carry_on, GError **error)
{
  g_autoptr (SkMatter) m = sk_store_matter (self->parts.store, id, NULL);
  if (!m || !is_visible (self, who, m))
    {
      no_such_matter (error);
      return NULL;
    }
  if (!to_carry_on || carries_on (self, who, m))
    return g_steal_pointer (&m);
  fail (
      error, SK_ERROR_FORBIDDEN,
      SK_BOTH ("this is for the people of the matter's section", "この操作は案件の所属の職員だけができます"));
  return NULL;
}

SkMatter *
sk_matters_get (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  return get (self, who, id, FALSE, error);
}

gboolean
sk_matters_may_see (SkTransfers *self, const SkIdentity *who, const char *id)
{
  g_autoptr (SkMatter) m = get (self, who, id, FALSE, NULL);
  return m != NULL;
}

gboolean
sk_transfer_is_colleagues (SkTransfers *self, const SkIdentity *who, const SkTransfer *row)
{
  g_autoptr (SkMatter) m = *row->matter ? sk_store_matter (self->parts.store, row->matter, NULL) : NULL;
  return m && carries_on (self, who, m);
}

GPtrArray *
sk_matters_list (SkTransfers *self, const SkIdentity *who, gboolean closed_too, GError **error)
{
  g_autoptr (GPtrArray) all = sk_store_matters (self->parts.store, closed_too, SK_MATTERS_LIST_MAX, error);
  g_autoptr (GPtrArray) part = all ? sk_store_matters_of_person (self->parts.store, who->user, error) : NULL;
  g_autoptr (GHashTable) asked = asked_in (self, who, NULL);
  g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_matter_free);
  if (!part)
    return NULL;
  for (guint i = 0; i < all->len; i++)
    {
      const SkMatter *m = all->pdata[i];
      if (who->admin || carries_on (self, who, m) || holds (part, m->id)
          || g_hash_table_contains (asked, m->id))
        g_ptr_array_add (seen, sk_matter_copy (m));
    }
  return g_steal_pointer (&seen);
}

/* -- changing -----------------------------------------------------------------------------------------------
 */

/* TRUE when it is committed; the transaction was begun. */
static gboolean
settle (SkTransfers *self, gboolean written, GError **error)
{
  if (written && sk_store_commit (self->parts.store, error))
    return TRUE;
  sk_store_rollback (self->parts.store);
  return FALSE;
}

static gboolean
record (SkTransfers *self, const SkMatter *m, const char *actor, const char *action, const char *object,
        JsonObject *take_details, GError **error)
{
  g_autoptr (JsonObject) details = take_details;
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), details);
  g_autofree char *text = json_to_string (node, FALSE);
  const SkAuditEvent event = { .organisation = *m->organisation ? m->organisation : self->organisation,
                               .actor = actor,
                               .action = action,
                               .object = object,
                               .matter = m->id,
                               .details = text,
                               .time = sk_transfers_now (self) };
  return sk_audit_append (self->parts.audit, &event, error);
}

static JsonObject *
describe (const SkMatter *m)
{
  JsonObject *details = json_object_new ();
  json_object_set_string_member (details, "title", m->title);
  json_object_set_string_member (details, "section", m->section);
  json_object_set_string_member (details, "state", sk_matter_state_word (m->state));
  return details;
}

static gboolean
write_matter (SkTransfers *self, const SkMatter *m, const char *actor, const char *action, GError **error)
{
  if (!sk_store_begin (self->parts.store, error)
      || !settle (self,
                  sk_store_put_matter (self->parts.store, m, error)
                      && record (self, m, actor, action, m->id, describe (m), error),
                  error))
    return FALSE;
  g_signal_emit_by_name (self, "matter-changed", m->id);
  return TRUE;
}

/* Seen by many: what a line shows, and no more. */
static gboolean
check_title (const char *untrusted_title, GError **error)
{
  g_autofree char *clean = g_utf8_validate (untrusted_title, -1, NULL) ? g_strdup (untrusted_title) : NULL;
  gboolean good = clean && strlen (clean) <= SK_MATTER_TITLE_MAX && *g_strstrip (clean)
                  && strcmp (clean, untrusted_title) == 0;
  gunichar before = 0;
  for (const char *p = clean; good && *p; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);
      good = sk_char_kind (c, before) == SK_CHAR_SEEN;
      before = c;
    }
  return good
         || fail (
             error, SK_ERROR_INVALID,
             SK_BOTH ("a matter's title is 1 to 200 bytes without control characters or blanks around it",
                      "案件名は 1～200 バイトで、制御文字と前後の空白は使えません"));
}

static gboolean
is_number (const char *text)
{
  return g_regex_match_simple ("^[0-9]{4}-[0-9]{4,9}$", text, 0, 0);
}

static gboolean
check_count (SkTransfers *self, const SkIdentity *who, GError **error)
{
  g_autoptr (GPtrArray) all = sk_store_matters (self->parts.store, FALSE, G_MAXINT32, error);
  guint mine = 0;
  for (guint i = 0; all && i < all->len; i++)
    mine += strcmp (((SkMatter *) all->pdata[i])->author, who->user) == 0;
  return all
         && (mine < SK_MATTERS_PER_USER
             || fail (error, SK_ERROR_FULL,
                      SK_BOTH ("too many of your matters are open; close some",
                               "開いている案件が多すぎます。終わったものを完了にしてください")));
}

static SkMatter *
create (SkTransfers *self, const SkIdentity *who, const char *title, GError **error)
{
  const gint64 now = sk_transfers_now (self);
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_local (now / G_USEC_PER_SEC);
  g_autofree char *year = g_date_time_format (when, "%Y");
  guint last = 0;
  if (!check_count (self, who, error) || !sk_store_matter_last (self->parts.store, year, &last, error))
    return NULL;
  g_autoptr (SkMatter) m = g_new0 (SkMatter, 1);
  m->id = g_strdup_printf ("%s-%04u", year, last + 1);
  m->title = g_strdup (title);
  m->section = g_strdup (sk_people_section (self->parts.people, who->user, now));
  m->organisation = g_strdup (sk_people_organisation (self->parts.people, who->user, now));
  m->author = g_strdup (who->user);
  m->created = m->changed = now;
  return write_matter (self, m, who->user, "matter.opened", error) ? g_steal_pointer (&m) : NULL;
}

static gboolean
check_open (const SkMatter *m, GError **error)
{
  return m->state == SK_MATTER_OPEN
         || fail (
             error, SK_ERROR_CONFLICT,
             SK_BOTH ("this matter is closed; open it again first: sekishoctl matter reopen",
                      "この案件は完了しています。続けるには sekishoctl matter reopen で再開してください"));
}

SkMatter *
sk_matters_open (SkTransfers *self, const SkIdentity *who, const char *text, GError **error)
{
  const gint64 now = sk_transfers_now (self);
  g_autoptr (GError) broken = NULL;
  if (is_number (text))
    {
      g_autoptr (SkMatter) m = get (self, who, text, TRUE, error);
      return m && check_open (m, error) ? g_steal_pointer (&m) : NULL;
    }
  if (!check_title (text, error))
    return NULL;
  SkMatter *m = sk_store_matter_by_title (
      self->parts.store, sk_people_organisation (self->parts.people, who->user, now),
      sk_people_section (self->parts.people, who->user, now), who->user, text, &broken);
  if (broken)
    g_propagate_error (error, g_steal_pointer (&broken));
  else if (!m)
    m = create (self, who, text, error);
  return m;
}

gboolean
sk_matters_change (SkTransfers *self, const SkIdentity *who, const char *id, SkMatterState state,
                   const char *title, GError **error)
{
  g_autoptr (SkMatter) m = get (self, who, id, TRUE, error);
  if (!m || (title && !check_title (title, error)))
    return FALSE;
  const char *action = m->state == state           ? "matter.changed"
                       : state == SK_MATTER_CLOSED ? "matter.closed"
                                                   : "matter.reopened";
  if (m->state == state && (!title || strcmp (title, m->title) == 0))
    return TRUE;
  m->state = state;
  if (title)
    sk_set_text (&m->title, title);
  m->changed = sk_transfers_now (self);
  return write_matter (self, m, who->user, action, error);
}

/* -- what is in it ------------------------------------------------------------------------------------------
 */

GPtrArray *
sk_matters_transfers (SkTransfers *self, const SkMatter *m, GError **error)
{
  return sk_store_transfers_of_matter (self->parts.store, m->id, SK_TRANSFERS_LIST_MAX, error);
}

GPtrArray *
sk_matters_comments (SkTransfers *self, const SkMatter *m, GError **error)
{
  return sk_store_comments_of_matter (self->parts.store, m->id, error);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char **
sk_matters_members (SkTransfers *self, const SkMatter *m, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) rows = sk_matters_transfers (self, m, error);
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name;
  if (!rows)
    return NULL;
  if (*m->section)
    sk_people_expand_section (self->parts.people, m->organisation, m->section, sk_transfers_now (self),
                              names);
  g_hash_table_add (names, g_strdup (m->author));
  for (guint i = 0; i < rows->len; i++)
    {
      const SkTransfer *row = rows->pdata[i];
      guint stages;
      g_auto (GStrv) deciders = sk_transfers_deciders (self, row, &stages);
      g_hash_table_add (names, g_strdup (row->user));
      for (char **decider = deciders; *decider; decider++)
        g_hash_table_add (names, g_strdup (*decider));
    }
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (list, g_strdup (name));
  g_ptr_array_sort (list, compare_names);
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

/* The trail has who and when, and by the sum what; the words themselves stay among people. */
static JsonObject *
describe_comment (const SkComment *comment)
{
  JsonObject *details = json_object_new ();
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, comment->text, -1);
  json_object_set_string_member (details, "comment", comment->id);
  json_object_set_string_member (details, "sha256", sum);
  return details;
}

gboolean
sk_matters_comment (SkTransfers *self, const SkIdentity *who, const char *id, const char *text,
                    GError **error)
{
  g_autoptr (SkMatter) m = get (self, who, id, FALSE, error);
  g_autoptr (GPtrArray) before = m ? sk_matters_comments (self, m, error) : NULL;
  if (!before || !check_open (m, error) || !sk_transfers_check_comment (text, before->len, error))
    return FALSE;
  g_autoptr (SkComment) comment = g_new0 (SkComment, 1);
  comment->id = g_uuid_string_random ();
  comment->transfer = g_strdup ("");
  comment->matter = g_strdup (m->id);
  comment->user = g_strdup (who->user);
  comment->text = g_strdup (text);
  comment->created = sk_transfers_now (self);
  if (!sk_store_begin (self->parts.store, error)
      || !settle (
          self,
          sk_store_put_comment (self->parts.store, comment, error)
              && record (self, m, who->user, "matter.commented", m->id, describe_comment (comment), error),
          error))
    return FALSE;
  g_signal_emit_by_name (self, "matter-changed", m->id);
  return TRUE;
}

gboolean
sk_matters_add (SkTransfers *self, const SkIdentity *who, const char *id, const char *transfer,
                GError **error)
{
  g_autoptr (SkMatter) m = get (self, who, id, TRUE, error);
  SkLiveTransfer *t = m ? sk_transfers_find_own (self, who, transfer, error) : NULL;
  if (!t || !check_open (m, error))
    return FALSE;
  if (strcmp (t->row->matter, m->id) == 0)
    return TRUE;
  if (*t->row->matter)
    return fail (error, SK_ERROR_CONFLICT,
                 SK_BOTH ("it belongs to a matter already", "すでに別の案件に入っています"));
  SkTransferChange change
      = { .next = sk_transfer_copy (t->row), .actor = who->user, .action = "matter.added" };
  sk_set_text (&change.next->matter, m->id);
  if (!sk_live_transfer_change (t, &change, error))
    return FALSE;
  g_signal_emit_by_name (self, "matter-changed", m->id);
  return TRUE;
}

/* -- once more ----------------------------------------------------------------------------------------------
 */

static gboolean
check_resend (SkLiveTransfer *t, GError **error)
{
  if (t->row->direction != SK_CROSS_EXPORT || t->row->kind != SK_KIND_FILE)
    return fail (error, SK_ERROR_CONFLICT,
                 SK_BOTH ("only files that were sent to the internet side can be sent again",
                          "送り直せるのは、インターネット側へ送ったファイルだけです"));
  if (!sk_transfer_is_over (t->row->state))
    return fail (
        error, SK_ERROR_CONFLICT,
        SK_BOTH ("it is still on its way; withdraw it first", "まだ処理中です。先に取り下げてください"));
  for (guint i = 0; i < t->items->len; i++)
    if (!sk_transfer_item_is_whole (t->items->pdata[i]))
      return fail (error, SK_ERROR_CONFLICT,
                   SK_BOTH ("not all of its content came here; send the files themselves",
                            "内容がすべて届いていないため送り直せません。元のファイルを送ってください"));
  return TRUE;
}

/* What was announced and what is there: nothing that an inspection or a rule said of it. */
static GPtrArray *
copy_items (SkLiveTransfer *t, const char *id, gint64 now, GError **error)
{
  g_autofree SkTransferOffer *offers = g_new0 (SkTransferOffer, MAX (1, t->items->len));
  gint64 bytes;
  for (guint i = 0; i < t->items->len; i++)
    {
      const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[i])->row;
      offers[i] = (SkTransferOffer){ row->name, row->bytes };
    }
  GPtrArray *items = sk_transfers_make_items (id, offers, t->items->len, now, &bytes, error);
  for (guint i = 0; items && i < items->len; i++)
    {
      SkTransferItem *item = items->pdata[i];
      const SkTransferItem *before = ((SkLiveItem *) t->items->pdata[i])->row;
      sk_set_text (&item->blob, before->blob);
      sk_set_text (&item->sha256, before->sha256);
    }
  return items;
}

static SkLiveTransfer *
find_to_resend (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  g_autoptr (SkMatter) m
      = t && *t->row->matter ? sk_store_matter (self->parts.store, t->row->matter, NULL) : NULL;
  if (t && m && carries_on (self, who, m))
    return check_open (m, error) ? t : NULL;
  return sk_transfers_find_own (self, who, id, error);
}

char *
sk_transfers_resend (SkTransfers *self, const SkIdentity *who, const char *id, const char *reason,
                     GError **error)
{
  SkLiveTransfer *t = find_to_resend (self, who, id, error);
  if (!t || !check_resend (t, error) || !sk_transfers_check_text (reason, error)
      || !sk_transfers_check_new (self, who->uid, t->items->len, t->row->bytes, error))
    return NULL;
  g_autoptr (SkTransfer) row
      = sk_transfers_new_row (self, who->user, who->uid, SK_CROSS_EXPORT, t->row->kind);
  g_autoptr (GPtrArray) items = copy_items (t, row->id, row->created, error);
  if (!items)
    return NULL;
  row->bytes = t->row->bytes;
  row->count = t->items->len;
  sk_set_text (&row->purpose, *reason ? reason : t->row->purpose);
  sk_set_text (&row->matter, t->row->matter);
  SkLiveTransfer *again
      = sk_transfers_admit (self, g_steal_pointer (&row), g_steal_pointer (&items), who->user, error);
  if (!again)
    return NULL;
  char *new_id = g_strdup (again->row->id);
  JsonObject *details = json_object_new ();
  json_object_set_string_member (details, "from", id);
  if (!sk_transfers_record (self, again->row, "transfer.resent", who->user, details, error))
    sk_warn (SK_FIELDS ("transfer", new_id), "the trail does not say what it was before");
  sk_live_transfer_check_received (again);
  return new_id;
}
