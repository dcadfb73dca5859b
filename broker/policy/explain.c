/* Why: every rule that was looked at, with the condition that did not hold, and the verdict in the words of
 * the files. Made from the same tests that decide. */
#include "policy/policy-private.h"
#include <string.h>

#define PICK(japanese, en, ja) ((japanese) ? (ja) : (en))

/* -- the verdict
 * ---------------------------------------------------------------------------------------------- */

static void
add_switch (GString *text, const char *key, gboolean on)
{
  if (on)
    g_string_append_printf (text, "%s = yes\n", key);
}

static void
add_list (GString *text, guint number, const char *suffix, char **list)
{
  g_autofree char *joined = list ? g_strjoinv (", ", list) : NULL;
  if (joined)
    g_string_append_printf (text, "stage-%u%s = %s\n", number, suffix, joined);
}

static void
add_stage (GString *text, guint number, const SkPolicyStage *stage)
{
  add_list (text, number, "", stage->approvers);
  if (stage->need == SK_POLICY_NEED_ALL)
    g_string_append_printf (text, "stage-%u-need = all\n", number);
  else
    g_string_append_printf (text, "stage-%u-need = %u\n", number, stage->need);
  add_list (text, number, "-deputies", stage->deputies);
  if (stage->within_minutes)
    g_string_append_printf (text, "stage-%u-within = %um\n", number, stage->within_minutes);
  add_list (text, number, "-escalate", stage->escalate_to);
}

static void
add_limits (GString *text, const SkPolicyVerdict *verdict)
{
  g_string_append_printf (text, "profile = %s\n", verdict->profile);
  g_string_append_printf (text, "max-size = %" G_GUINT64_FORMAT "\n", verdict->bytes_max);
  g_string_append_printf (text, "max-count = %u\n", verdict->count_max);
  g_string_append_printf (text, "retention = %ud\n", verdict->retention_days);
  add_switch (text, "record-content", verdict->record_content);
  add_switch (text, "one-shot", verdict->one_shot);
  if (verdict->wipe_seconds)
    g_string_append_printf (text, "wipe-after = %us\n", verdict->wipe_seconds);
  add_switch (text, "need-reason", verdict->need_reason);
  add_switch (text, "need-antivirus", verdict->need_antivirus);
}

char *
sk_policy_verdict_to_text (const SkPolicyVerdict *verdict)
{
  GString *text = g_string_new (NULL);
  g_string_append_printf (text, "action = %s\n", sk_policy_action_words[verdict->action]);
  if (verdict->reason)
    g_string_append_printf (text, "reason = %s\nreason-en = %s\nreason-ja = %s\n", verdict->reason,
                            verdict->reason_en, verdict->reason_ja);
  if (verdict->review_rate)
    g_string_append_printf (text, "review-rate = %u%%\n", verdict->review_rate);
  for (guint i = 0; i < verdict->stages->len; i++)
    add_stage (text, i + 1, verdict->stages->pdata[i]);
  if (verdict->expiry_minutes)
    g_string_append_printf (text, "expires = %um\n", verdict->expiry_minutes);
  add_limits (text, verdict);
  return g_string_free (text, FALSE);
}

/* -- the rules
 * ------------------------------------------------------------------------------------------------ */

static void
explain_rule (GString *text, const SkPolicyRule *rule, const SkPolicyQuestion *q, gboolean japanese,
              SkPolicyTruth *ret_truth)
{
  SkPolicyKeyId key = SK_KEY_DIRECTION;
  SkPolicyTruth result = sk_policy_rule_test (rule, q, &key);
  g_autofree char *have = result == SK_POLICY_YES ? NULL : sk_policy_key (key)->show (q);
  const char *name = sk_policy_key (key)->name;
  g_string_append_printf (text, "%s: ", rule->id);
  switch (result)
    {
    case SK_POLICY_YES:
      g_string_append_printf (text, PICK (japanese, "matches: %s\n", "一致: %s\n"),
                              sk_policy_action_words[rule->action]);
      break;
    case SK_POLICY_NO:
      g_string_append_printf (text,
                              PICK (japanese, "does not match: %s is \"%s\", the rule wants \"%s\"\n",
                                    "不一致: %s は「%s」、規則は「%s」\n"),
                              name, have, rule->texts[key]);
      break;
    case SK_POLICY_UNKNOWN:
      g_string_append_printf (text,
                              PICK (japanese, "cannot be told: %s is not known, the rule wants \"%s\"\n",
                                    "判定不能: %s が不明、規則は「%s」\n"),
                              name, rule->texts[key]);
      break;
    }
  *ret_truth = result;
}

static void
explain_scope (GString *text, const char *scope, const GPtrArray *rules, const SkPolicyQuestion *q,
               gboolean japanese)
{
  SkPolicyTruth result = SK_POLICY_NO;
  for (guint i = 0; rules && i < rules->len && result == SK_POLICY_NO; i++)
    explain_rule (text, rules->pdata[i], q, japanese, &result);
  if (result != SK_POLICY_NO || (!rules && *scope))
    return;
  if (*scope)
    g_string_append_printf (text,
                            PICK (japanese, "%s: no rule matches, nothing is added\n",
                                  "%s: 一致する規則なし、何も加わりません\n"),
                            scope);
  else
    g_string_append (text, PICK (japanese, "no rule matches: refused\n", "一致する規則なし: 拒否します\n"));
}

char *
sk_policy_explain (const SkPolicySet *set, const SkPolicyQuestion *q, gboolean japanese)
{
  g_autoptr (GPtrArray) scopes = sk_policy_scopes_for (q);
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, 0);
  g_autofree char *answer = sk_policy_verdict_to_text (verdict);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < scopes->len; i++)
    if (i == 0 || *verdict->rule)
      explain_scope (text, scopes->pdata[i], sk_policy_set_scope (set, scopes->pdata[i]), q, japanese);
  g_string_append_printf (text, "\n%s: %s\n", PICK (japanese, "decided by", "決めた規則"),
                          *verdict->rule ? verdict->rule : PICK (japanese, "no rule", "なし"));
  g_string_append (text, answer);
  return g_string_free (text, FALSE);
}

static void
explain_plan_scope (GString *text, const GPtrArray *rules, const SkPolicyQuestion *q, gboolean japanese)
{
  SkPolicyTruth result = SK_POLICY_NO;
  for (guint i = 0; rules && i < rules->len && result != SK_POLICY_YES; i++)
    explain_rule (text, rules->pdata[i], q, japanese, &result);
}

char *
sk_policy_explain_plan (const SkPolicySet *set, const SkPolicyQuestion *q, gboolean japanese)
{
  g_autoptr (GPtrArray) scopes = sk_policy_scopes_for (q);
  g_autoptr (SkPolicyPlan) plan = sk_policy_plan (set, q);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < scopes->len; i++)
    explain_plan_scope (text, sk_policy_set_scope (set, scopes->pdata[i]), q, japanese);
  if (!plan->refused)
    g_string_append (text, PICK (japanese, "\nnot decided: it depends on what the inspection finds\n",
                                 "\n未決定: 検査の結果によります\n"));
  else
    g_string_append_printf (text, "\n%s: %s\naction = refuse\nreason = %s\nreason-en = %s\nreason-ja = %s\n",
                            PICK (japanese, "decided by", "決めた規則"),
                            *plan->rule ? plan->rule : PICK (japanese, "no rule", "なし"), plan->reason,
                            plan->reason_en, plan->reason_ja);
  if (!plan->refused)
    add_switch (text, "need-reason", plan->need_reason);
  return g_string_free (text, FALSE);
}
