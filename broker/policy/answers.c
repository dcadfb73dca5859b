/* What a rule answers: how each key is read. */
#include "policy/policy-private.h"
#include <string.h>

const char *const sk_policy_action_words[] = { "allow", "review", "hold", "refuse", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (sk_policy_action_words) == _SK_POLICY_ACTION_LAST + 1);
/* standard: rebuilt, what is active or hidden removed. strict: what cannot be rebuilt without loss is made a
 * picture of itself. */
const char *const sk_policy_profiles[] = { "standard", "strict", NULL };

gboolean
sk_policy_profile_covers (const char *used, const char *wanted)
{
  guint have, want;
  return sk_policy_find_word (sk_policy_profiles, used, &have)
         && sk_policy_find_word (sk_policy_profiles, wanted, &want) && have >= want;
}

static gboolean
parse_action (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  guint index;
  if (!sk_policy_find_word (sk_policy_action_words, value, &index))
    return sk_policy_trouble (trouble, "write allow, review, hold or refuse",
                              "allow、review、hold、refuse のどれかを書いてください");
  rule->action = (SkPolicyAction) index;
  return TRUE;
}

static gboolean
parse_reason (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  if (!sk_policy_name_is_valid (value))
    return sk_policy_trouble (
        trouble, "a reason is a code with a-z, 0-9 and -; texts go into reason-en and reason-ja",
        "理由は a-z、0-9、- のコードです。文は reason-en と reason-ja に書いてください");
  rule->reason = g_strdup (value);
  return TRUE;
}

static gboolean
parse_reason_en (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  rule->reason_en = g_strdup (value);
  return TRUE;
}

static gboolean
parse_reason_ja (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  rule->reason_ja = g_strdup (value);
  return TRUE;
}

static gboolean
parse_profile (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  if (!sk_policy_find_word (sk_policy_profiles, value, &rule->profile))
    return sk_policy_trouble (trouble, "there is no such inspection profile; write standard or strict",
                              "そのような検査プロファイルはありません。standard か strict を書いてください");
  return TRUE;
}

static gboolean
parse_max_size (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_bytes (value, &rule->bytes_max, trouble);
}

static gboolean
parse_max_count (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  guint64 count;
  if (!sk_policy_value_number (value, 1, SK_POLICY_COUNT_MAX, &count, trouble))
    return FALSE;
  rule->count_max = (guint) count;
  return TRUE;
}

static gboolean
parse_retention (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_days (value, SK_POLICY_RETENTION_DAYS_MAX, &rule->retention_days, trouble);
}

static gboolean
parse_record_content (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_switch (value, &rule->record_content, trouble);
}

static gboolean
parse_one_shot (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_switch (value, &rule->one_shot, trouble);
}

static gboolean
parse_wipe_after (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_seconds (value, SK_POLICY_WIPE_SECONDS_MAX, &rule->wipe_seconds, trouble);
}

static gboolean
parse_review_rate (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  gsize length = strlen (value);
  g_autofree char *number = length && value[length - 1] == '%' ? g_strndup (value, length - 1) : NULL;
  guint64 rate;
  if (!number || !sk_policy_value_number (number, 1, 100, &rate, trouble))
    return sk_policy_trouble (trouble, "not a share from 1% to 100%; write 10%",
                              "1% から 100% までの割合ではありません。10% のように書いてください");
  rule->review_rate = (guint) rate;
  return TRUE;
}

static gboolean
parse_expires (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_minutes (value, &rule->expiry_minutes, trouble);
}

static gboolean
parse_need_reason (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_switch (value, &rule->need_reason, trouble);
}

static gboolean
parse_need_antivirus (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_switch (value, &rule->need_antivirus, trouble);
}

#define ANSWER(key) [key - SK_KEY_ACTION]
const SkPolicyKey sk_policy_answers[SK_POLICY_ANSWERS] = {
  ANSWER (SK_KEY_ACTION) = { "action", parse_action },
  ANSWER (SK_KEY_REASON) = { "reason", parse_reason },
  ANSWER (SK_KEY_REASON_EN) = { "reason-en", parse_reason_en },
  ANSWER (SK_KEY_REASON_JA) = { "reason-ja", parse_reason_ja },
  ANSWER (SK_KEY_PROFILE) = { "profile", parse_profile },
  ANSWER (SK_KEY_MAX_SIZE) = { "max-size", parse_max_size },
  ANSWER (SK_KEY_MAX_COUNT) = { "max-count", parse_max_count },
  ANSWER (SK_KEY_RETENTION) = { "retention", parse_retention },
  ANSWER (SK_KEY_RECORD_CONTENT) = { "record-content", parse_record_content },
  ANSWER (SK_KEY_ONE_SHOT) = { "one-shot", parse_one_shot },
  ANSWER (SK_KEY_WIPE_AFTER) = { "wipe-after", parse_wipe_after },
  ANSWER (SK_KEY_REVIEW_RATE) = { "review-rate", parse_review_rate },
  ANSWER (SK_KEY_EXPIRES) = { "expires", parse_expires },
  ANSWER (SK_KEY_NEED_REASON) = { "need-reason", parse_need_reason },
  ANSWER (SK_KEY_NEED_ANTIVIRUS) = { "need-antivirus", parse_need_antivirus },
};
#undef ANSWER

const SkPolicyKey *
sk_policy_key (guint id)
{
  return id < SK_POLICY_CONDITIONS ? &sk_policy_conditions[id] : &sk_policy_answers[id - SK_KEY_ACTION];
}
