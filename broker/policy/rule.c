/* A section becomes a rule: its keys are read by the tables, then what one key alone cannot tell is checked.
 */
#include "policy/policy-private.h"
#include <string.h>

#define REVIEW_RATE_DEFAULT 100

static SkPolicyRule *
rule_with_defaults (void)
{
  SkPolicyRule *rule = g_new0 (SkPolicyRule, 1);
  rule->texts = g_new0 (char *, _SK_KEY_LAST);
  rule->stage_lines = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_line_free);
  rule->stages = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_stage_free);
  rule->hours = g_array_new (FALSE, FALSE, sizeof (SkPolicyHours));
  rule->action = SK_POLICY_REFUSE;
  rule->bytes_max = SK_POLICY_BYTES_DEFAULT;
  rule->count_max = SK_POLICY_COUNT_DEFAULT;
  rule->retention_days = SK_POLICY_RETENTION_DAYS_DEFAULT;
  rule->review_rate = REVIEW_RATE_DEFAULT;
  rule->expiry_minutes = SK_POLICY_EXPIRY_MINUTES_DEFAULT;
  return rule;
}

void
sk_policy_rule_free (SkPolicyRule *rule)
{
  for (guint key = 0; key < _SK_KEY_LAST; key++)
    g_free (rule->texts[key]);
  g_free (rule->texts);
  g_free (rule->id);
  g_ptr_array_unref (rule->stage_lines);
  g_ptr_array_unref (rule->stages);
  g_array_unref (rule->hours);
  g_strfreev (rule->types);
  g_strfreev (rule->any_types);
  g_strfreev (rule->users);
  g_strfreev (rule->groups);
  g_strfreev (rule->sections);
  g_strfreev (rule->organisations);
  g_clear_pointer (&rule->findings, g_ptr_array_unref);
  g_clear_pointer (&rule->not_findings, g_ptr_array_unref);
  g_free (rule->reason);
  g_free (rule->reason_en);
  g_free (rule->reason_ja);
  g_free (rule);
}

gboolean
sk_policy_rule_gives (const SkPolicyRule *rule, SkPolicyKeyId key)
{
  return (rule->given & SK_KEY_BIT (key)) != 0;
}

static gboolean
take_line (SkPolicyRule *rule, const char *file, const SkPolicyLine *line, GError **error)
{
  SkPolicyTrouble trouble = { "the value is not valid", "値が正しくありません" };
  for (guint id = 0; id < _SK_KEY_LAST; id++)
    {
      const SkPolicyKey *key = sk_policy_key (id);
      if (strcmp (key->name, line->key) != 0)
        continue;
      if (!key->parse (rule, line->value, &trouble))
        return sk_policy_fail (error, SK_ERROR_INVALID, file, line->number, trouble.en, trouble.ja,
                               line->value);
      rule->given |= SK_KEY_BIT (id);
      rule->texts[id] = g_strdup (line->value);
      return TRUE;
    }
  return sk_policy_fail (error, SK_ERROR_INVALID, file, line->number,
                         "there is no such key; see the key reference",
                         "知らないキーです。キーの一覧を確認してください", line->key);
}

static void
keep_stage_line (SkPolicyRule *rule, const SkPolicyLine *line)
{
  SkPolicyLine *copy = g_new0 (SkPolicyLine, 1);
  copy->key = g_strdup (line->key);
  copy->value = g_strdup (line->value);
  copy->number = line->number;
  g_ptr_array_add (rule->stage_lines, copy);
}

/* -- what keys mean together --------------------------------------------------------------------------------
 */

static const struct
{
  SkPolicyKeyId key;
  SkPolicyAction only;
  SkPolicyTrouble trouble;
} only_with[] = {
  { SK_KEY_REASON,
    SK_POLICY_REFUSE,
    { "reason belongs to action = refuse; remove it or change the action",
      "reason は action = refuse のときだけ使えます。行を消すか、action を変えてください" } },
  { SK_KEY_REASON_EN,
    SK_POLICY_REFUSE,
    { "reason-en belongs to action = refuse; remove it or change the action",
      "reason-en は action = refuse のときだけ使えます。行を消すか、action を変えてください" } },
  { SK_KEY_REASON_JA,
    SK_POLICY_REFUSE,
    { "reason-ja belongs to action = refuse; remove it or change the action",
      "reason-ja は action = refuse のときだけ使えます。行を消すか、action を変えてください" } },
  { SK_KEY_REVIEW_RATE,
    SK_POLICY_REVIEW,
    { "review-rate belongs to action = review; remove it or change the action",
      "review-rate は action = review のときだけ使えます。行を消すか、action を変えてください" } },
  { SK_KEY_EXPIRES,
    SK_POLICY_HOLD,
    { "expires belongs to action = hold; remove it or change the action",
      "expires は action = hold のときだけ使えます。行を消すか、action を変えてください" } },
};

static gboolean
check_reason (SkPolicyRule *rule, SkPolicyTrouble *trouble)
{
  const char *en, *ja;
  if (rule->action != SK_POLICY_REFUSE)
    return TRUE;
  if (!rule->reason)
    return sk_policy_trouble (trouble, "refuse without a reason; write reason = not-allowed",
                              "refuse に理由がありません。reason = not-allowed のように書いてください");
  if (!rule->reason_en != !rule->reason_ja)
    return sk_policy_trouble (trouble, "reason-en and reason-ja belong together; write both",
                              "reason-en と reason-ja は組で必要です。両方を書いてください");
  if (rule->reason_en)
    return TRUE;
  if (!sk_policy_reason_find (rule->reason, &en, &ja))
    return sk_policy_trouble (trouble, "this reason has no text; add reason-en and reason-ja",
                              "この理由には文がありません。reason-en と reason-ja を書いてください");
  rule->reason_en = g_strdup (en);
  rule->reason_ja = g_strdup (ja);
  return TRUE;
}

static gboolean
check_together (SkPolicyRule *rule, SkPolicyTrouble *trouble)
{
  if (!sk_policy_rule_gives (rule, SK_KEY_ACTION))
    return sk_policy_trouble (trouble, "the rule has no action; write action = allow, review, hold or refuse",
                              "action がありません。allow、review、hold、refuse のどれかを書いてください");
  for (gsize i = 0; i < G_N_ELEMENTS (only_with); i++)
    if (sk_policy_rule_gives (rule, only_with[i].key) && rule->action != only_with[i].only)
      {
        *trouble = only_with[i].trouble;
        return FALSE;
      }
  return check_reason (rule, trouble);
}

SkPolicyRule *
sk_policy_rule_new (const char *file, const char *prefix, const SkPolicySection *section, GError **error)
{
  g_autoptr (SkPolicyRule) rule = rule_with_defaults ();
  SkPolicyTrouble trouble;
  rule->id = g_strconcat (prefix, section->name, NULL);
  for (guint i = 0; i < section->lines->len; i++)
    {
      const SkPolicyLine *line = section->lines->pdata[i];
      if (g_str_has_prefix (line->key, "stage-"))
        keep_stage_line (rule, line);
      else if (!take_line (rule, file, line, error))
        return NULL;
    }
  if (!check_together (rule, &trouble))
    {
      sk_policy_fail (error, SK_ERROR_INVALID, file, section->number, trouble.en, trouble.ja, section->name);
      return NULL;
    }
  return sk_policy_stages_parse (rule, file, section->number, error) ? g_steal_pointer (&rule) : NULL;
}
