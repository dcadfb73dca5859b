/* What the rules say, and what people say. The answer of the rules is recorded with the version that gave it;
 * a person's with their name; a transfer moves on only in the same transaction. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <string.h>

#define MINUTE_US ((gint64) 60 * G_USEC_PER_SEC)
#define DAY_US ((gint64) 24 * 3600 * G_USEC_PER_SEC)

/* -- the rules ----------------------------------------------------------------------------------------------
 */

gboolean
sk_transfers_reload_policy (SkTransfers *self, GError **error)
{
  g_autoptr (GError) wrong = NULL;
  SkPolicySet *set = sk_policy_load (self->policy_dir, &wrong);
  g_clear_pointer (&self->policy_error, g_free);
  if (!set)
    {
      self->policy_error = g_strdup (wrong->message);
      g_propagate_error (error, g_steal_pointer (&wrong));
      return FALSE;
    }
  g_clear_pointer (&self->policy, sk_policy_set_free);
  self->policy = set;
  sk_notice (SK_FIELDS ("policy", sk_policy_version (set)), "policy: %u rules", sk_policy_set_rules (set));
  return TRUE;
}

const char *
sk_transfers_policy_version (SkTransfers *self)
{
  return self->policy ? sk_policy_version (self->policy) : "";
}

const char *
sk_transfers_policy_error (SkTransfers *self)
{
  return self->policy_error;
}

static void
add_findings (SkPolicyQuestion *q, const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonObject *finding = json_array_get_object_element (array, i);
      sk_policy_question_add_finding (q, json_object_get_string_member (finding, "kind"),
                                      (guint) json_object_get_int_member (finding, "count"));
    }
}

/* What is known by then. */
static void
add_inspection (SkLiveTransfer *t, SkPolicyQuestion *q)
{
  g_autoptr (GPtrArray) types = g_ptr_array_new ();
  for (guint i = 0; i < t->items->len; i++)
    {
      const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[i])->row;
      g_ptr_array_add (types, g_strdup (row->type));
      add_findings (q, row->findings);
    }
  g_ptr_array_add (types, NULL);
  g_strfreev (q->types);
  q->types = (char **) g_ptr_array_free (g_steal_pointer (&types), FALSE);
  q->findings_known = TRUE;
  sk_set_text (&q->antivirus, "unscanned");
}

SkPolicyQuestion *
sk_transfer_question (SkLiveTransfer *t, gboolean inspected)
{
  const SkTransfer *row = t->row;
  SkPolicyQuestion *q = sk_policy_question_new ();
  g_autoptr (GDateTime) when = g_date_time_new_now_local ();
  q->direction = row->direction;
  q->kind = row->kind;
  q->bytes = (guint64) row->bytes;
  q->count = row->count;
  sk_set_text (&q->user, row->user);
  g_strfreev (q->groups);
  q->groups = sk_people_groups (row->user);
  sk_set_text (&q->section, row->section);
  sk_set_text (&q->organisation, row->organisation);
  q->channel = SK_CHANNEL_DESK;
  sk_policy_question_set_time (q, when);
  if (inspected)
    add_inspection (t, q);
  return q;
}

static void
refuse (SkLiveTransfer *t, const char *actor, const char *rule, const char *code, const char *en,
        const char *ja)
{
  sk_set_text (&t->row->rule, rule ? rule : "");
  sk_set_text (&t->row->policy, sk_transfers_policy_version (t->owner));
  sk_live_transfer_end_logged (t, SK_TRANSFER_REFUSED, actor, code, en ? en : "", ja ? ja : "");
}

static gboolean
refuse_by_plan (SkLiveTransfer *t, const SkPolicyPlan *plan)
{
  if (plan->refused)
    refuse (t, "policy", plan->rule, plan->reason, plan->reason_en, plan->reason_ja);
  else if ((guint64) t->row->bytes > plan->bytes_max || t->row->count > plan->count_max)
    refuse (t, "policy", plan->rule, "too-large", "It is larger than the rules allow. Send it in parts.",
            "規則で認められた大きさを超えています。分けて送ってください。");
  else if (plan->need_reason && t->row->direction == SK_CROSS_EXPORT && !*t->row->purpose)
    refuse (t, "policy", plan->rule, "reason-missing", "The rules want a reason. Send it again with one.",
            "理由の記入が必要です。理由を付けて送り直してください。");
  else
    return FALSE;
  return TRUE;
}

/* What an inspector will be told to do; "" where the rules refuse it anyway, or there are none. */
char *
sk_live_transfer_profile (SkLiveTransfer *t)
{
  if (!t->owner->policy)
    return g_strdup ("");
  g_autoptr (SkPolicyQuestion) q = sk_transfer_question (t, FALSE);
  g_autoptr (SkPolicyPlan) plan = sk_policy_plan (t->owner->policy, q);
  return g_strdup (plan->refused ? "" : plan->profile);
}

/* Before anything is received or inspected. FALSE: it ended here. */
gboolean
sk_live_transfer_plan (SkLiveTransfer *t)
{
  if (!t->owner->policy)
    {
      refuse (t, "policy", NULL, "no-policy", "There are no rules in force; tell the IT staff.",
              "有効な規則がありません。情報担当に連絡してください。");
      return FALSE;
    }
  g_autoptr (SkPolicyQuestion) q = sk_transfer_question (t, FALSE);
  g_autoptr (SkPolicyPlan) plan = sk_policy_plan (t->owner->policy, q);
  if (refuse_by_plan (t, plan))
    return FALSE;
  /* Refused when it began, and the rules changed since: nobody knows how its first items were inspected. */
  g_autoptr (GError) error = NULL;
  if (sk_transfer_inspect_again (t, plan->profile, &error))
    return TRUE;
  sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
  return FALSE;
}

static JsonArray *
strings_to_json (char **strings)
{
  JsonArray *array = json_array_new ();
  for (char **s = strings; s && *s; s++)
    json_array_add_string_element (array, *s);
  return array;
}

static char *
stages_to_text (GPtrArray *stages)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < stages->len; i++)
    {
      const SkPolicyStage *stage = stages->pdata[i];
      JsonObject *object = json_object_new ();
      json_object_set_array_member (object, "approvers", strings_to_json (stage->approvers));
      json_object_set_int_member (object, "need", stage->need);
      json_object_set_array_member (object, "deputies", strings_to_json (stage->deputies));
      json_object_set_int_member (object, "within", stage->within_minutes);
      json_object_set_array_member (object, "escalate", strings_to_json (stage->escalate_to));
      json_array_add_object_element (array, object);
    }
  g_autoptr (JsonNode) node = json_node_init_array (json_node_alloc (), array);
  json_array_unref (array);
  return json_to_string (node, FALSE);
}

void
sk_live_transfer_load_stages (SkLiveTransfer *t)
{
  g_autoptr (JsonNode) node = *t->row->stages ? json_from_string (t->row->stages, NULL) : NULL;
  g_clear_pointer (&t->stages, json_array_unref);
  if (node && JSON_NODE_HOLDS_ARRAY (node))
    t->stages = json_array_ref (json_node_get_array (node));
}

static SkTransfer *
decided_row (SkLiveTransfer *t, const SkPolicyVerdict *verdict)
{
  SkTransfer *next = sk_transfer_copy (t->row);
  const gint64 now = sk_transfers_now ();
  sk_set_text (&next->policy, sk_transfers_policy_version (t->owner));
  sk_set_text (&next->rule, verdict->rule);
  next->retention_days = verdict->retention_days;
  next->review = verdict->sampled;
  next->state = SK_TRANSFER_APPROVED;
  if (verdict->action != SK_POLICY_HOLD)
    return next;
  next->state = SK_TRANSFER_HELD;
  g_free (next->stages);
  next->stages = stages_to_text (verdict->stages);
  next->stage = 0;
  next->stage_since = now;
  next->due = verdict->expiry_minutes ? now + verdict->expiry_minutes * MINUTE_US : 0;
  return next;
}

static void
apply_verdict (SkLiveTransfer *t, const SkPolicyVerdict *verdict)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  SkTransferChange change = { .next = decided_row (t, verdict), .items = rows, .actor = "policy" };
  for (guint i = 0; i < t->items->len; i++)
    g_ptr_array_add (rows, ((SkLiveItem *) t->items->pdata[i])->row);
  if (!sk_live_transfer_change (t, &change, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
  else
    sk_live_transfer_load_stages (t);
}

/* What an inspector was told to do was less than this verdict wants. */
static gboolean
inspect_again (SkLiveTransfer *t, const SkPolicyVerdict *verdict)
{
  g_autoptr (GError) error = NULL;
  if (sk_policy_profile_covers (t->row->profile, verdict->profile))
    return FALSE;
  if (!sk_transfer_inspect_again (t, verdict->profile, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
  return TRUE;
}

void
sk_live_transfer_decide (SkLiveTransfer *t)
{
  if (!t->owner->policy)
    {
      sk_live_transfer_plan (t);
      return;
    }
  g_autoptr (SkPolicyQuestion) q = sk_transfer_question (t, TRUE);
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (t->owner->policy, q, g_random_int ());
  if (verdict->action == SK_POLICY_REFUSE)
    refuse (t, "policy", verdict->rule, verdict->reason, verdict->reason_en, verdict->reason_ja);
  else if ((guint64) t->row->bytes > verdict->bytes_max || t->row->count > verdict->count_max)
    refuse (t, "policy", verdict->rule, "too-large", "It is larger than the rules allow. Send it in parts.",
            "規則で認められた大きさを超えています。分けて送ってください。");
  else if (verdict->need_reason && t->row->direction == SK_CROSS_EXPORT && !*t->row->purpose)
    refuse (t, "policy", verdict->rule, "reason-missing", "The rules want a reason. Send it again with one.",
            "理由の記入が必要です。理由を付けて送り直してください。");
  else if (!inspect_again (t, verdict))
    apply_verdict (t, verdict);
}

void
sk_live_transfer_release (SkLiveTransfer *t)
{
  g_autoptr (GError) error = NULL;
  if (t->row->state != SK_TRANSFER_APPROVED)
    return;
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = "broker" };
  change.next->state = SK_TRANSFER_RELEASING;
  change.next->due = sk_transfers_now () + MAX (1, t->row->retention_days) * DAY_US;
  if (!sk_live_transfer_change (t, &change, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}

char *
sk_transfers_explain (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  g_autoptr (SkTransfer) row = sk_transfers_get (self, who, id, error);
  SkLiveTransfer *t = row ? sk_transfers_find (self, id) : NULL;
  if (row && (!t || !self->policy))
    g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT,
                         SK_BOTH ("its content is purged, or no rules are in force",
                                  "内容が消去済みか、有効な規則がありません"));
  if (!t || !self->policy)
    return NULL;
  const gboolean inspected = t->inspecting >= t->items->len || t->row->state > SK_TRANSFER_INSPECTING;
  g_autoptr (SkPolicyQuestion) q = sk_transfer_question (t, inspected);
  return sk_policy_explain (self->policy, q, FALSE);
}

/* -- people -------------------------------------------------------------------------------------------------
 */

static JsonObject *
due_stage (const SkLiveTransfer *t)
{
  return t->stages && t->row->stage < json_array_get_length (t->stages)
             ? json_array_get_object_element (t->stages, t->row->stage)
             : NULL;
}

static gboolean
matches_one (SkLiveTransfer *t, const char *user, JsonArray *whom, gint64 now, const char **ret_for)
{
  for (guint i = 0; whom && i < json_array_get_length (whom); i++)
    if (sk_people_matches (t->owner->parts.people, user, json_array_get_string_element (whom, i),
                           t->row->organisation, t->row->section, now, ret_for)
        && g_strcmp0 (*ret_for, t->row->user) != 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_escalated (const SkLiveTransfer *t, JsonObject *stage, gint64 now)
{
  const gint64 within = json_object_get_int_member (stage, "within");
  return within > 0 && now >= t->row->stage_since + within * MINUTE_US;
}

static gboolean
is_decider (SkLiveTransfer *t, JsonObject *stage, const char *user, gint64 now, const char **ret_for)
{
  return matches_one (t, user, json_object_get_array_member (stage, "approvers"), now, ret_for)
         || matches_one (t, user, json_object_get_array_member (stage, "deputies"), now, ret_for)
         || (is_escalated (t, stage, now)
             && matches_one (t, user, json_object_get_array_member (stage, "escalate"), now, ret_for));
}

static gboolean
has_decided (const SkLiveTransfer *t, const char *user)
{
  for (guint i = 0; i < t->decisions->len; i++)
    {
      const SkDecision *d = t->decisions->pdata[i];
      if (d->stage == t->row->stage && strcmp (d->user, user) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
fail (GError **error, SkErrorCode code, const char *text)
{
  g_set_error_literal (error, SK_ERROR, code, text);
  return FALSE;
}

static gboolean
check_decider (SkLiveTransfer *t, const SkIdentity *who, const char **ret_for, GError **error)
{
  JsonObject *stage = due_stage (t);
  const gint64 now = sk_transfers_now ();
  *ret_for = NULL;
  /* Who may not know of it is told that it is not there. */
  if (strcmp (t->row->user, who->user) == 0)
    return fail (error, SK_ERROR_FORBIDDEN,
                 SK_BOTH ("nobody decides about their own", "自分の申請は承認できません"));
  if (!stage || !is_decider (t, stage, who->user, now, ret_for))
    return fail (error, who->admin ? SK_ERROR_FORBIDDEN : SK_ERROR_NOT_FOUND,
                 SK_BOTH ("it is not yours to decide", "あなたが判断する案件ではありません"));
  if (t->row->state != SK_TRANSFER_HELD)
    return fail (error, SK_ERROR_CONFLICT, SK_BOTH ("it is decided already", "すでに判断済みです"));
  if (t->row->due && now >= t->row->due)
    return fail (error, SK_ERROR_CONFLICT, SK_BOTH ("its time is over", "期限が過ぎています"));
  return !has_decided (t, who->user)
         || fail (error, SK_ERROR_CONFLICT, SK_BOTH ("you have decided already", "すでに判断しています"));
}

gboolean
sk_transfers_may_decide (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveTransfer *t = sk_transfers_find (self, id);
  const char *in_place_of;
  return t ? check_decider (t, who, &in_place_of, error)
           : fail (error, SK_ERROR_NOT_FOUND, SK_BOTH ("there is no such transfer", "その転送はありません"));
}

static GHashTable *
names_of (SkLiveTransfer *t, JsonObject *stage, const char *const *members, gint64 now)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (; *members; members++)
    {
      JsonArray *whom = json_object_get_array_member (stage, *members);
      for (guint i = 0; i < json_array_get_length (whom); i++)
        sk_people_expand (t->owner->parts.people, json_array_get_string_element (whom, i),
                          t->row->organisation, t->row->section, now, names);
    }
  g_hash_table_remove (names, t->row->user);
  return names;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char **
sk_transfers_deciders (SkTransfers *self, const SkTransfer *row, guint *ret_stages)
{
  static const char *const usual[] = { "approvers", "deputies", NULL };
  static const char *const late[] = { "approvers", "deputies", "escalate", NULL };
  SkLiveTransfer *t = sk_transfers_find (self, row->id);
  JsonObject *stage = t && t->row->state == SK_TRANSFER_HELD ? due_stage (t) : NULL;
  const gint64 now = sk_transfers_now ();
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  *ret_stages = t && t->stages ? json_array_get_length (t->stages) : 0;
  if (stage)
    {
      g_autoptr (GHashTable) names = names_of (t, stage, is_escalated (t, stage, now) ? late : usual, now);
      GHashTableIter iter;
      gpointer name;
      g_hash_table_iter_init (&iter, names);
      while (g_hash_table_iter_next (&iter, &name, NULL))
        if (!has_decided (t, name))
          g_ptr_array_add (list, g_strdup (name));
    }
  g_ptr_array_sort (list, compare_names);
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

/* How many have to say yes. */
static guint
needed (SkLiveTransfer *t, JsonObject *stage, gint64 now)
{
  static const char *const approvers[] = { "approvers", NULL };
  const gint64 need = json_object_get_int_member (stage, "need");
  if (need != SK_POLICY_NEED_ALL)
    return (guint) need;
  g_autoptr (GHashTable) names = names_of (t, stage, approvers, now);
  return MAX (1, g_hash_table_size (names));
}

static guint
approvals (const SkLiveTransfer *t)
{
  guint n = 0;
  for (guint i = 0; i < t->decisions->len; i++)
    {
      const SkDecision *d = t->decisions->pdata[i];
      n += d->stage == t->row->stage && d->verdict == SK_DECISION_APPROVE;
    }
  return n;
}

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
  if (approvals (t) + 1 < needed (t, due_stage (t), decision->created))
    return next;
  if (next->stage + 1 < json_array_get_length (t->stages))
    {
      next->stage++;
      next->stage_since = decision->created;
    }
  else
    next->state = SK_TRANSFER_APPROVED;
  return next;
}

static SkDecision *
decision_new (SkLiveTransfer *t, const char *user, SkVerdict verdict, const char *comment)
{
  SkDecision *d = g_new0 (SkDecision, 1);
  d->id = g_strdup_printf ("%s/%u/%s", t->row->id, t->row->stage, user);
  d->transfer = g_strdup (t->row->id);
  d->stage = t->row->stage;
  d->user = g_strdup (user);
  d->verdict = verdict;
  d->comment = g_strdup (comment);
  d->created = sk_transfers_now ();
  return d;
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
  g_autoptr (SkDecision) decision = decision_new (t, who->user, verdict, comment);
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
  g_ptr_array_add (t->decisions, g_steal_pointer (&decision));
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

void
sk_live_transfer_check_due (SkLiveTransfer *t, gint64 now)
{
  const gint64 idle = (gint64) SK_TRANSFER_IDLE_SECONDS * G_USEC_PER_SEC;
  if (t->row->state == SK_TRANSFER_RECEIVING && g_get_monotonic_time () - t->heard > idle)
    sk_live_transfer_end_logged (t, SK_TRANSFER_EXPIRED, "broker", "incomplete",
                                 "Its content never came whole.", "内容が最後まで届きませんでした。");
  else if (t->row->state == SK_TRANSFER_HELD && t->row->due && now >= t->row->due)
    sk_live_transfer_end_logged (t, SK_TRANSFER_EXPIRED, "broker", "undecided",
                                 "Nobody decided in time. Send it again.",
                                 "期限までに判断されませんでした。必要ならもう一度送ってください。");
  else if (t->row->state == SK_TRANSFER_RELEASING && t->row->due && now >= t->row->due)
    sk_live_transfer_end_logged (t, SK_TRANSFER_EXPIRED, "broker", "unfetched", "It was not fetched in time.",
                                 "期限までに受け取られませんでした。");
}
