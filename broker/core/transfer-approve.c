/* What people say about what is held: who may now, who has, and what follows. Whom a rule means is looked up
 * at the time of the look: a transfer that waits over the day on which a role changes hands is decided by who
 * holds the role then. */
#include "common/error.h"
#include "common/log.h"
#include "core/matters.h"
#include "core/transfer-private.h"
#include <string.h>

#define MINUTE_US ((gint64) 60 * G_USEC_PER_SEC)

static JsonObject *
due_stage (const SkLiveTransfer *t)
{
  return t->stages && t->row->stage < json_array_get_length (t->stages)
             ? json_array_get_object_element (t->stages, t->row->stage)
             : NULL;
}

static JsonArray *
whom (JsonObject *stage, const char *member)
{
  return json_object_has_member (stage, member) ? json_object_get_array_member (stage, member) : NULL;
}

/* -- who may ------------------------------------------------------------------------------------------------
 */

static gboolean
matches_one (SkLiveTransfer *t, const char *user, JsonArray *list, gint64 now, const char **ret_for)
{
  for (guint i = 0; list && i < json_array_get_length (list); i++)
    if (sk_people_matches_except (t->owner->parts.people, user, json_array_get_string_element (list, i),
                                  t->row->organisation, t->row->section, now, t->row->user, ret_for))
      return TRUE;
  return FALSE;
}

static gint64
escalates_at (const SkLiveTransfer *t, JsonObject *stage)
{
  const gint64 within = json_object_get_int_member (stage, "within");
  return within > 0 ? t->row->stage_since + within * MINUTE_US : 0;
}

/* From when the row says so: the trail has it before anybody may act on it. */
static gboolean
is_escalated (const SkLiveTransfer *t)
{
  return t->row->escalated > 0;
}

static gboolean
is_stand_in (SkLiveTransfer *t, JsonObject *stage, const char *user, gint64 now, const char **ret_for)
{
  return matches_one (t, user, whom (stage, "deputies"), now, ret_for)
         || (is_escalated (t) && matches_one (t, user, whom (stage, "escalate"), now, ret_for));
}

static gboolean
is_decider (SkLiveTransfer *t, JsonObject *stage, const char *user, gint64 now, const char **ret_for)
{
  *ret_for = NULL;
  return strcmp (t->row->user, user) != 0
         && (matches_one (t, user, whom (stage, "approvers"), now, ret_for)
             || is_stand_in (t, stage, user, now, ret_for));
}

/* Without deputies, without its sender. */
static GHashTable *
holders_of (SkLiveTransfer *t, JsonObject *stage, const char *member, gint64 now)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  JsonArray *list = whom (stage, member);
  for (guint i = 0; list && i < json_array_get_length (list); i++)
    sk_people_expand_holders (t->owner->parts.people, json_array_get_string_element (list, i),
                              t->row->organisation, t->row->section, now, names);
  g_hash_table_remove (names, t->row->user);
  return names;
}

/* -- who has ------------------------------------------------------------------------------------------------
 */

/* Whoever sits there: an approver, or in their place the deputy. One place is one voice. */
static const char *
place_of (const SkDecision *d)
{
  return d->in_place_of && *d->in_place_of ? d->in_place_of : d->user;
}

static const SkDecision *
find_decision (const SkLiveTransfer *t, const char *user, const char *place)
{
  for (guint i = 0; i < t->decisions->len; i++)
    {
      const SkDecision *d = t->decisions->pdata[i];
      if (d->stage == t->row->stage
          && ((user && strcmp (d->user, user) == 0) || (place && strcmp (place_of (d), place) == 0)))
        return d;
    }
  return NULL;
}

/* Places that said yes in this stage, with one more (NULL: none). */
static GHashTable *
places (const SkLiveTransfer *t, const char *more)
{
  GHashTable *set = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < t->decisions->len; i++)
    {
      const SkDecision *d = t->decisions->pdata[i];
      if (d->stage == t->row->stage && d->verdict == SK_DECISION_APPROVE)
        g_hash_table_add (set, (gpointer) place_of (d));
    }
  if (more)
    g_hash_table_add (set, (gpointer) more);
  return set;
}

/* All who hold the role today have said yes; for each that has not, one who stands in. What a former holder
 * said was right then, and fills nobody's place now. */
static gboolean
is_unanimous (SkLiveTransfer *t, JsonObject *stage, GHashTable *yes, gint64 now)
{
  g_autoptr (GHashTable) holders = holders_of (t, stage, "approvers", now);
  GHashTableIter iter;
  gpointer name;
  guint missing = 0, stand_ins = 0;
  const char *in_place_of;
  g_hash_table_iter_init (&iter, holders);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    missing += !g_hash_table_contains (yes, name);
  g_hash_table_iter_init (&iter, yes);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    stand_ins += !g_hash_table_contains (holders, name) && is_stand_in (t, stage, name, now, &in_place_of);
  return g_hash_table_size (yes) > 0 && missing <= stand_ins;
}

static gboolean
is_complete (SkLiveTransfer *t, JsonObject *stage, const char *more, gint64 now)
{
  g_autoptr (GHashTable) yes = places (t, more);
  const gint64 need = json_object_get_int_member (stage, "need");
  return need == SK_POLICY_NEED_ALL ? is_unanimous (t, stage, yes, now)
                                    : (gint64) g_hash_table_size (yes) >= MAX (1, need);
}

static gboolean
fail (GError **error, SkErrorCode code, const char *text)
{
  g_set_error_literal (error, SK_ERROR, code, text);
  return FALSE;
}

/* Once in a stage; but where the others have gone meanwhile, and nobody is missing any more, one of those who
 * said yes says so again, and it goes on: it is always a person that lets something cross. */
static gboolean
check_new (SkLiveTransfer *t, JsonObject *stage, const char *user, const char *in_place_of, gint64 now,
           GError **error)
{
  const SkDecision *before = find_decision (t, user, in_place_of ? in_place_of : user);
  if (!before || is_complete (t, stage, NULL, now))
    return TRUE;
  return strcmp (before->user, user) == 0
             ? fail (error, SK_ERROR_CONFLICT, SK_BOTH ("you have decided already", "すでに判断しています"))
             : fail (error, SK_ERROR_CONFLICT,
                     SK_BOTH ("it was decided already in this person's place",
                              "同じ立場の人（本人または代理）がすでに判断しています"));
}

static gboolean
check_decider (SkLiveTransfer *t, const SkIdentity *who, const char **ret_for, GError **error)
{
  JsonObject *stage = due_stage (t);
  const gint64 now = sk_transfers_now (t->owner);
  *ret_for = NULL;
  /* Who may not know of it is told that it is not there. */
  if (strcmp (t->row->user, who->user) == 0)
    return fail (error, SK_ERROR_FORBIDDEN,
                 SK_BOTH ("nobody decides about their own", "自分の申請は承認できません"));
  if (!stage || !is_decider (t, stage, who->user, now, ret_for))
    return fail (error,
                 who->admin || sk_live_transfer_was_decided_by (t, who->user) ? SK_ERROR_FORBIDDEN
                                                                              : SK_ERROR_NOT_FOUND,
                 SK_BOTH ("it is not yours to decide", "あなたが判断する案件ではありません"));
  if (t->row->state != SK_TRANSFER_HELD)
    return fail (error, SK_ERROR_CONFLICT, SK_BOTH ("it is decided already", "すでに判断済みです"));
  if (t->row->due && now >= t->row->due)
    return fail (error, SK_ERROR_CONFLICT, SK_BOTH ("its time is over", "期限が過ぎています"));
  return check_new (t, stage, who->user, *ret_for, now, error);
}

gboolean
sk_transfers_may_decide (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  const char *in_place_of;
  return t ? check_decider (t, who, &in_place_of, error)
           : fail (error, SK_ERROR_NOT_FOUND, SK_BOTH ("there is no such transfer", "その転送はありません"));
}

gboolean
sk_transfers_concerns (SkTransfers *self, const SkIdentity *who, const char *id)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  JsonObject *stage = t ? due_stage (t) : NULL;
  const char *in_place_of;
  return stage && is_decider (t, stage, who->user, sk_transfers_now (self), &in_place_of);
}

gboolean
sk_live_transfer_was_decided_by (const SkLiveTransfer *t, const char *user)
{
  return sk_decisions_are_of (t->decisions, user);
}

/* By themselves, or by a deputy in their place. */
gboolean
sk_decisions_are_of (GPtrArray *decisions, const char *user)
{
  for (guint i = 0; i < decisions->len; i++)
    {
      const SkDecision *d = decisions->pdata[i];
      if (strcmp (d->user, user) == 0 || g_strcmp0 (d->in_place_of, user) == 0)
        return TRUE;
    }
  return FALSE;
}

/* -- how it stands ------------------------------------------------------------------------------------------
 */

static void
decider_free (gpointer data)
{
  SkDecider *d = data;
  g_free (d->user);
  g_free (d->name);
  g_free (d->in_place_of);
  g_free (d);
}

static void
add_decider (SkLiveTransfer *t, GPtrArray *list, GHashTable *seen, const char *user, const char *in_place_of,
             gint64 now)
{
  if (strcmp (user, t->row->user) == 0 || g_hash_table_contains (seen, user))
    return;
  SkDecider *d = g_new0 (SkDecider, 1);
  d->user = g_strdup (user);
  d->name = g_strdup (sk_people_name (t->owner->parts.people, user, now));
  d->in_place_of = g_strdup (in_place_of);
  g_hash_table_add (seen, d->user);
  d->done = !check_new (t, due_stage (t), user, in_place_of, now, NULL);
  g_ptr_array_add (list, d);
}

static void
add_deciders (SkLiveTransfer *t, JsonObject *stage, const char *member, gint64 now, GPtrArray *list,
              GHashTable *seen)
{
  g_autoptr (GHashTable) holders = holders_of (t, stage, member, now);
  g_autoptr (GHashTable) deputies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer user, in_place_of;
  sk_people_find_deputies (t->owner->parts.people, holders, t->row->user, now, deputies);
  g_hash_table_iter_init (&iter, holders);
  while (g_hash_table_iter_next (&iter, &user, NULL))
    add_decider (t, list, seen, user, NULL, now);
  g_hash_table_iter_init (&iter, deputies);
  while (g_hash_table_iter_next (&iter, &user, &in_place_of))
    add_decider (t, list, seen, user, in_place_of, now);
}

static gint
compare_deciders (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(SkDecider *const *) a)->user, (*(SkDecider *const *) b)->user);
}

SkApproval *
sk_transfers_approval (SkTransfers *self, const SkTransfer *row)
{
  SkLiveTransfer *t = sk_transfers_find (self, row->id);
  JsonObject *stage = t && t->row->state == SK_TRANSFER_HELD ? due_stage (t) : NULL;
  const gint64 now = sk_transfers_now (self);
  SkApproval *a = g_new0 (SkApproval, 1);
  a->who = g_ptr_array_new_with_free_func (decider_free);
  a->stage = row->stage + 1;
  a->stages = t && t->stages ? json_array_get_length (t->stages) : 0;
  a->until = row->state == SK_TRANSFER_HELD ? row->due : 0;
  a->left = a->until ? MAX (0, (a->until - now) / G_USEC_PER_SEC) : -1;
  a->escalated = row->escalated;
  if (!stage)
    return a;
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) yes = places (t, NULL);
  const gint64 need = json_object_get_int_member (stage, "need");
  add_deciders (t, stage, "approvers", now, a->who, seen);
  add_deciders (t, stage, "deputies", now, a->who, seen);
  if (is_escalated (t))
    add_deciders (t, stage, "escalate", now, a->who, seen);
  g_ptr_array_sort (a->who, compare_deciders);
  a->need = (guint) need;
  if (need == SK_POLICY_NEED_ALL)
    {
      g_autoptr (GHashTable) holders = holders_of (t, stage, "approvers", now);
      a->need = MAX (1, g_hash_table_size (holders));
    }
  a->given = g_hash_table_size (yes);
  a->escalates = is_escalated (t) ? 0 : escalates_at (t, stage);
  return a;
}

void
sk_approval_free (SkApproval *a)
{
  if (!a)
    return;
  g_ptr_array_unref (a->who);
  g_free (a);
}

char **
sk_transfers_deciders (SkTransfers *self, const SkTransfer *row, guint *ret_stages)
{
  g_autoptr (SkApproval) a = sk_transfers_approval (self, row);
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  for (guint i = 0; i < a->who->len; i++)
    if (!((SkDecider *) a->who->pdata[i])->done)
      g_ptr_array_add (list, g_strdup (((SkDecider *) a->who->pdata[i])->user));
  g_ptr_array_add (list, NULL);
  *ret_stages = a->stages;
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

/* -- deciding -----------------------------------------------------------------------------------------------
 */

static SkTransfer *
row_after (SkLiveTransfer *t, const SkDecision *decision)
{
  SkTransfer *next = sk_transfer_copy (t->row);
  if (decision->verdict == SK_DECISION_DENY)
    {
      next->state = SK_TRANSFER_DENIED;
      sk_set_text (&next->code, "denied");
      sk_set_text (&next->en, decision->comment);
      sk_set_text (&next->ja, decision->comment);
      return next;
    }
  if (!is_complete (t, due_stage (t), place_of (decision), decision->created))
    return next;
  if (next->stage + 1 < json_array_get_length (t->stages))
    {
      next->stage++;
      next->stage_since = decision->created;
      next->escalated = 0;
    }
  else
    next->state = SK_TRANSFER_APPROVED;
  return next;
}

static SkDecision *
decision_new (SkLiveTransfer *t, const char *user, const char *in_place_of, SkVerdict verdict,
              const char *comment)
{
  SkDecision *d = g_new0 (SkDecision, 1);
  d->id = g_strdup_printf ("%s/%u/%s", t->row->id, t->row->stage, user);
  d->transfer = g_strdup (t->row->id);
  d->stage = t->row->stage;
  d->user = g_strdup (user);
  d->verdict = verdict;
  d->comment = g_strdup (comment);
  d->in_place_of = g_strdup (in_place_of ? in_place_of : "");
  d->created = sk_transfers_now (t->owner);
  return d;
}

static void
keep_decision (SkLiveTransfer *t, SkDecision *take_decision)
{
  for (guint i = t->decisions->len; i > 0; i--)
    if (strcmp (((SkDecision *) t->decisions->pdata[i - 1])->id, take_decision->id) == 0)
      g_ptr_array_remove_index (t->decisions, i - 1);
  g_ptr_array_add (t->decisions, take_decision);
}

gboolean
sk_transfers_decide (SkTransfers *self, const SkIdentity *who, const char *id, SkVerdict verdict,
                     const char *comment, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  const char *in_place_of = NULL;
  if (!t)
    return fail (error, SK_ERROR_NOT_FOUND, SK_BOTH ("there is no such transfer", "その転送はありません"));
  if (!sk_transfers_check_text (comment, error) || !check_decider (t, who, &in_place_of, error))
    return FALSE;
  g_autoptr (SkDecision) decision = decision_new (t, who->user, in_place_of, verdict, comment);
  JsonObject *details = json_object_new ();
  json_object_set_int_member (details, "stage", t->row->stage);
  json_object_set_string_member (details, "comment", comment);
  if (in_place_of)
    json_object_set_string_member (details, "in_place_of", in_place_of);
  SkTransferChange change
      = { .next = row_after (t, decision),
          .decision = decision,
          .actor = who->user,
          .action = verdict == SK_DECISION_APPROVE ? "approval.approved" : "approval.denied",
          .details = details };
  if (!sk_live_transfer_change (t, &change, error))
    return FALSE;
  keep_decision (t, g_steal_pointer (&decision));
  return TRUE;
}

GPtrArray *
sk_transfers_queue (SkTransfers *self, const SkIdentity *who)
{
  g_autoptr (GPtrArray) mine = g_ptr_array_new ();
  GPtrArray *ids = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer value;
  const char *in_place_of;
  g_hash_table_iter_init (&iter, self->live);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((SkLiveTransfer *) value)->row->state == SK_TRANSFER_HELD
        && check_decider (value, who, &in_place_of, NULL))
      g_ptr_array_add (mine, value);
  g_ptr_array_sort (mine, sk_live_transfer_compare_age);
  for (guint i = 0; i < MIN (mine->len, SK_TRANSFERS_LIST_MAX); i++)
    g_ptr_array_add (ids, g_strdup (((SkLiveTransfer *) mine->pdata[i])->row->id));
  return ids;
}

/* -- time ---------------------------------------------------------------------------------------------------
 */

static void
escalate (SkLiveTransfer *t, JsonObject *stage, gint64 now)
{
  g_autoptr (GError) error = NULL;
  JsonObject *details = json_object_new ();
  JsonArray *to = whom (stage, "escalate");
  json_object_set_int_member (details, "stage", t->row->stage);
  if (to)
    json_object_set_array_member (details, "to", json_array_ref (to));
  SkTransferChange change = {
    .next = sk_transfer_copy (t->row), .actor = "broker", .action = "approval.escalated", .details = details
  };
  change.next->escalated = now;
  if (!sk_live_transfer_change (t, &change, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}

static void
check_held (SkLiveTransfer *t, gint64 now)
{
  JsonObject *stage = due_stage (t);
  const gint64 escalates = stage && !is_escalated (t) ? escalates_at (t, stage) : 0;
  if (t->row->due && now >= t->row->due)
    sk_live_transfer_end_logged (t, SK_TRANSFER_EXPIRED, "broker", "undecided",
                                 "Nobody decided in time. Send it again.",
                                 "期限までに判断されませんでした。必要ならもう一度送ってください。");
  else if (escalates && now >= escalates)
    escalate (t, stage, now);
}

void
sk_live_transfer_check_due (SkLiveTransfer *t, gint64 now)
{
  const gint64 idle = (gint64) SK_TRANSFER_IDLE_SECONDS * G_USEC_PER_SEC;
  if (t->row->state == SK_TRANSFER_RECEIVING && g_get_monotonic_time () - t->heard > idle)
    sk_live_transfer_end_logged (t, SK_TRANSFER_EXPIRED, "broker", "incomplete",
                                 "Its content never came whole.", "内容が最後まで届きませんでした。");
  else if (t->row->state == SK_TRANSFER_HELD)
    check_held (t, now);
  else if (t->row->state == SK_TRANSFER_RELEASING && t->row->due && now >= t->row->due)
    sk_live_transfer_end_logged (t, SK_TRANSFER_EXPIRED, "broker", "unfetched", "It was not fetched in time.",
                                 "期限までに受け取られませんでした。");
}
