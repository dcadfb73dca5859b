/* What the rules say: the answer is recorded with the version that gave it, in the transaction that moves the
 * transfer on. What people say: transfer-approve.c. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <string.h>

#define MINUTE_US ((gint64) 60 * G_USEC_PER_SEC)
#define DAY_US ((gint64) 24 * 3600 * G_USEC_PER_SEC)

/* -- the rules ----------------------------------------------------------------------------------------------
 */

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

/* As good as the worst of them. */
static const char *
worst_scan (SkLiveTransfer *t)
{
  SkScanState worst = SK_SCAN_CLEAN;
  for (guint i = 0; i < t->items->len; i++)
    {
      const char *word = ((SkLiveItem *) t->items->pdata[i])->row->antivirus;
      if (strcmp (word, sk_scan_words[SK_SCAN_INFECTED]) == 0)
        return word;
      if (strcmp (word, sk_scan_words[SK_SCAN_CLEAN]) != 0)
        worst = SK_SCAN_UNSCANNED;
    }
  return sk_scan_words[worst];
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
  sk_set_text (&q->antivirus, worst_scan (t));
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
  q->groups = g_strdupv ((char **) sk_people_recent_groups (t->owner->parts.people, row->user));
  sk_set_text (&q->section, row->section);
  sk_set_text (&q->organisation, row->organisation);
  q->channel = SK_CHANNEL_DESK;
  sk_policy_question_set_time (q, when);
  if (inspected)
    add_inspection (t, q);
  return q;
}

/* What is said to whoever asks why: the very question, not one asked later. */
static void
note_decision (SkLiveTransfer *t, SkTransfer *row, const SkPolicyQuestion *q, const char *rule)
{
  g_free (row->question);
  row->question = q ? sk_policy_question_to_text (q) : g_strdup ("");
  sk_set_text (&row->rule, rule ? rule : "");
  sk_set_text (&row->policy, sk_transfers_policy_version (t->owner));
}

static void
refuse (SkLiveTransfer *t, const SkPolicyQuestion *q, const char *rule, const char *code, const char *en,
        const char *ja)
{
  note_decision (t, t->row, q, rule);
  sk_live_transfer_end_logged (t, SK_TRANSFER_REFUSED, "policy", code, en ? en : "", ja ? ja : "");
}

/* FALSE: it may go on. */
static gboolean
refuse_by_plan (SkLiveTransfer *t, const SkPolicyQuestion *q, const SkPolicyPlan *plan)
{
  if (plan->refused) /* too large or too many, too */
    refuse (t, q, plan->rule, plan->reason, plan->reason_en, plan->reason_ja);
  else if (plan->need_reason && t->row->direction == SK_CROSS_EXPORT && !*t->row->purpose)
    refuse (t, q, plan->rule, "reason-missing", "The rules want a reason. Send it again with one.",
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
      refuse (t, NULL, NULL, "no-policy", "There are no rules in force; tell the IT staff.",
              "有効な規則がありません。情報担当に連絡してください。");
      return FALSE;
    }
  g_autoptr (SkPolicyQuestion) q = sk_transfer_question (t, FALSE);
  g_autoptr (SkPolicyPlan) plan = sk_policy_plan (t->owner->policy, q);
  if (refuse_by_plan (t, q, plan))
    return FALSE;
  /* Refused when it began, and the rules changed since: nobody knows how its first items were inspected. */
  g_autoptr (GError) error = NULL;
  if (sk_transfer_inspect_again (t, plan->profile, &error))
    return TRUE;
  sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
  return FALSE;
}

void
sk_live_transfer_foresee (SkLiveTransfer *t)
{
  if (!t->owner->policy)
    return;
  g_autoptr (SkPolicyQuestion) q = sk_transfer_question (t, FALSE);
  g_autoptr (SkPolicyPlan) plan = sk_policy_plan (t->owner->policy, q);
  refuse_by_plan (t, q, plan);
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
decided_row (SkLiveTransfer *t, const SkPolicyQuestion *q, const SkPolicyVerdict *verdict)
{
  SkTransfer *next = sk_transfer_copy (t->row);
  const gint64 now = sk_transfers_now (t->owner);
  note_decision (t, next, q, verdict->rule);
  next->retention_days = verdict->retention_days;
  next->review = verdict->sampled;
  next->once = verdict->one_shot;
  next->wipe_seconds = verdict->wipe_seconds;
  next->keep_content = verdict->record_content;
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

/* How long it may be fetched. */
static gint64
release_due (SkTransfers *self, const SkTransfer *row)
{
  return sk_transfers_now (self) + (row->clip ? 1 : MAX (1, row->retention_days)) * DAY_US;
}

static void
apply_verdict (SkLiveTransfer *t, const SkPolicyQuestion *q, const SkPolicyVerdict *verdict)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  SkTransferChange change = { .next = decided_row (t, q, verdict), .items = rows, .actor = "policy" };
  if (change.next->state == SK_TRANSFER_APPROVED)
    {
      change.then = SK_TRANSFER_RELEASING;
      change.then_due = release_due (t->owner, change.next);
    }
  for (guint i = 0; i < t->items->len; i++)
    g_ptr_array_add (rows, ((SkLiveItem *) t->items->pdata[i])->row);
  if (!sk_live_transfer_change (t, &change, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
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

/* The rule's sentence says what to do, the scanner's what is wrong. */
static void
refuse_unscanned (SkLiveTransfer *t, const SkPolicyQuestion *q, const SkPolicyVerdict *verdict)
{
  const char *why = "";
  for (guint i = 0; i < t->items->len && !*why; i++)
    {
      const SkTransferItem *row = ((SkLiveItem *) t->items->pdata[i])->row;
      if (strcmp (row->antivirus, sk_scan_words[SK_SCAN_UNSCANNED]) == 0)
        why = row->scan_note;
    }
  g_autofree char *why_en = sk_both_pick (why, FALSE), *why_ja = sk_both_pick (why, TRUE);
  g_autofree char *en = g_strdup_printf ("Not scanned: %s. %s", why_en, verdict->reason_en);
  g_autofree char *ja = g_strdup_printf ("ウイルス検査なし: %s。%s", why_ja, verdict->reason_ja);
  refuse (t, q, verdict->rule, verdict->reason, en, ja);
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
  if (verdict->action == SK_POLICY_REFUSE && g_strcmp0 (verdict->reason, "not-scanned") == 0)
    refuse_unscanned (t, q, verdict);
  else if (verdict->action == SK_POLICY_REFUSE)
    refuse (t, q, verdict->rule, verdict->reason, verdict->reason_en, verdict->reason_ja);
  else if (verdict->need_reason && t->row->direction == SK_CROSS_EXPORT && !*t->row->purpose)
    refuse (t, q, verdict->rule, "reason-missing", "The rules want a reason. Send it again with one.",
            "理由の記入が必要です。理由を付けて送り直してください。");
  else if (!inspect_again (t, verdict))
    apply_verdict (t, q, verdict);
}

void
sk_live_transfer_release (SkLiveTransfer *t)
{
  g_autoptr (GError) error = NULL;
  if (t->row->state != SK_TRANSFER_APPROVED)
    return;
  SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = "broker" };
  change.next->state = SK_TRANSFER_RELEASING;
  change.next->due = release_due (t->owner, t->row);
  if (!sk_live_transfer_change (t, &change, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}

/* As it was recorded, whatever the rules say by now. */
static void
say_outcome (GString *text, const SkTransfer *row)
{
  g_string_append_printf (text, "%s: %s\n", SK_BOTH ("state", "状態"), sk_transfer_state_word (row->state));
  if (*row->policy)
    g_string_append_printf (text, "%s: %s\n%s: %s\n",
                            SK_BOTH ("decided by the rules of version", "決めた規則の版"), row->policy,
                            SK_BOTH ("decided by rule", "決めた規則"), *row->rule ? row->rule : "-");
  if (*row->code)
    g_string_append_printf (text, "%s: %s\n%s\n%s\n", SK_BOTH ("reason", "理由"), row->code, row->en,
                            row->ja);
}

static void
say_rules (GString *text, const SkPolicySet *set, const SkTransfer *row, const SkPolicyQuestion *q)
{
  g_autofree char *asked = sk_policy_question_to_text (q);
  g_autofree char *why
      = q->findings_known ? sk_policy_explain (set, q, FALSE) : sk_policy_explain_plan (set, q, FALSE);
  if (*row->policy && strcmp (row->policy, sk_policy_version (set)) != 0)
    g_string_append_printf (text, "%s: %s\n",
                            SK_BOTH ("the rules have changed since; by those in force now, version",
                                     "その後、規則が変わりました。現在の規則の版"),
                            sk_policy_version (set));
  g_string_append_printf (text, "\n%s\n%s", asked, why);
}

char *
sk_transfers_explain (SkTransfers *self, const SkIdentity *who, const char *id, GError **error)
{
  g_autoptr (SkTransfer) row = sk_transfers_get (self, who, id, error);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (SkPolicyQuestion) q = NULL;
  if (!row)
    return NULL;
  say_outcome (text, row);
  if (*row->question && !(q = sk_policy_question_from_text (row->question, error)))
    return NULL;
  /* Not decided yet: what would be asked now. */
  if (!q && !sk_transfer_is_over (row->state))
    q = sk_transfer_question (sk_transfers_find (self, id), FALSE);
  if (q && self->policy)
    say_rules (text, self->policy, row, q);
  return g_string_free (g_steal_pointer (&text), FALSE);
}
