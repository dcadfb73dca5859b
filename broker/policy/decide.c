/* One rule a scope answers; the strictest of the answers holds. Everything a later scope says is merged in
 * one direction only, towards strict: that is all there is to "lower scopes can only tighten". */
#include "policy/policy-private.h"
#include <string.h>

const SkPolicyRule *
sk_policy_scope_find (const GPtrArray *rules, const SkPolicyQuestion *q, SkPolicyTruth *ret_truth)
{
  SkPolicyKeyId key;
  for (guint i = 0; rules && i < rules->len; i++)
    {
      *ret_truth = sk_policy_rule_test (rules->pdata[i], q, &key);
      if (*ret_truth != SK_POLICY_NO)
        return rules->pdata[i];
    }
  return NULL;
}

/* -- the verdict ------------------------------------------------------------------------------------------
 */

static SkPolicyVerdict *
verdict_new (void)
{
  SkPolicyVerdict *verdict = g_new0 (SkPolicyVerdict, 1);
  verdict->rule = g_strdup ("");
  verdict->rules = g_new0 (char *, 1);
  verdict->profile = sk_policy_profiles[0];
  verdict->bytes_max = SK_POLICY_BYTES_DEFAULT;
  verdict->count_max = SK_POLICY_COUNT_DEFAULT;
  verdict->retention_days = SK_POLICY_RETENTION_DAYS_DEFAULT;
  verdict->stages = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_stage_free);
  return verdict;
}

void
sk_policy_verdict_free (SkPolicyVerdict *verdict)
{
  g_free (verdict->rule);
  g_strfreev (verdict->rules);
  g_free (verdict->reason);
  g_free (verdict->reason_en);
  g_free (verdict->reason_ja);
  g_ptr_array_unref (verdict->stages);
  g_free (verdict);
}

static void
refuse_with (SkPolicyVerdict *verdict, const char *reason, const char *en, const char *ja)
{
  verdict->action = SK_POLICY_REFUSE;
  verdict->reason = g_strdup (reason);
  verdict->reason_en = g_strdup (en);
  verdict->reason_ja = g_strdup (ja);
}

static void
refuse (SkPolicyVerdict *verdict, const char *reason)
{
  const char *en = "", *ja = "";
  sk_policy_reason_find (reason, &en, &ja);
  refuse_with (verdict, reason, en, ja);
}

static void
set_rule (SkPolicyVerdict *verdict, const SkPolicyRule *rule)
{
  g_free (verdict->rule);
  verdict->rule = g_strdup (rule->id);
}

static void
add_rule (SkPolicyVerdict *verdict, const SkPolicyRule *rule)
{
  guint n = g_strv_length (verdict->rules);
  verdict->rules = g_renew (char *, verdict->rules, n + 2);
  verdict->rules[n] = g_strdup (rule->id);
  verdict->rules[n + 1] = NULL;
}

/* -- one more rule ------------------------------------------------------------------------------------------
 */

static void
merge_action (SkPolicyVerdict *verdict, const SkPolicyRule *rule, SkPolicyTruth truth)
{
  SkPolicyAction action = truth == SK_POLICY_YES ? rule->action : SK_POLICY_REFUSE;
  if (*verdict->rule && action <= verdict->action)
    return;
  set_rule (verdict, rule);
  if (truth == SK_POLICY_UNKNOWN)
    refuse (verdict, "not-inspected");
  else if (action == SK_POLICY_REFUSE)
    refuse_with (verdict, rule->reason, rule->reason_en, rule->reason_ja);
  else
    verdict->action = action;
}

/* The first rule brings its values and defaults; later ones only what they say. Shorter keeping is no
 * tightening: it would take the evidence away. */
static void
merge_limits (SkPolicyVerdict *verdict, const SkPolicyRule *rule, gboolean first)
{
  const char *profile = sk_policy_profiles[rule->profile];
  if (!sk_policy_profile_covers (verdict->profile, profile))
    verdict->profile = profile;
  if (first || (sk_policy_rule_gives (rule, SK_KEY_MAX_SIZE) && rule->bytes_max < verdict->bytes_max))
    verdict->bytes_max = rule->bytes_max;
  if (first || (sk_policy_rule_gives (rule, SK_KEY_MAX_COUNT) && rule->count_max < verdict->count_max))
    verdict->count_max = rule->count_max;
  if (first
      || (sk_policy_rule_gives (rule, SK_KEY_RETENTION) && rule->retention_days > verdict->retention_days))
    verdict->retention_days = rule->retention_days;
  if (rule->wipe_seconds && (!verdict->wipe_seconds || rule->wipe_seconds < verdict->wipe_seconds))
    verdict->wipe_seconds = rule->wipe_seconds;
  verdict->record_content |= rule->record_content;
  verdict->one_shot |= rule->one_shot;
  verdict->need_reason |= rule->need_reason;
  verdict->need_antivirus |= rule->need_antivirus;
}

static void
merge_people (SkPolicyVerdict *verdict, const SkPolicyRule *rule)
{
  if (rule->action == SK_POLICY_REVIEW)
    verdict->review_rate = MAX (verdict->review_rate, rule->review_rate);
  if (rule->action != SK_POLICY_HOLD)
    return;
  if (verdict->expiry_minutes == 0
      || (sk_policy_rule_gives (rule, SK_KEY_EXPIRES) && rule->expiry_minutes < verdict->expiry_minutes))
    verdict->expiry_minutes = rule->expiry_minutes;
  for (guint i = 0; i < rule->stages->len; i++)
    g_ptr_array_add (verdict->stages, sk_policy_stage_copy (rule->stages->pdata[i]));
}

/* -- what holds whatever the rules say ----------------------------------------------------------------------
 */

static const char *
find_fault (const SkPolicyVerdict *verdict, const SkPolicyQuestion *q)
{
  if (g_strcmp0 (q->antivirus, "infected") == 0)
    return "infected";
  if (verdict->need_antivirus && g_strcmp0 (q->antivirus, "clean") != 0)
    return "not-scanned";
  if (q->bytes > verdict->bytes_max)
    return "too-large";
  return q->count > verdict->count_max ? "too-many" : NULL;
}

/* A refusal has nobody to ask and nothing to look at afterwards. */
static void
finish (SkPolicyVerdict *verdict, const SkPolicyQuestion *q, guint32 random)
{
  const char *fault = verdict->action == SK_POLICY_REFUSE ? NULL : find_fault (verdict, q);
  if (fault)
    refuse (verdict, fault);
  if (verdict->action == SK_POLICY_REFUSE)
    {
      g_ptr_array_set_size (verdict->stages, 0);
      verdict->expiry_minutes = 0;
      verdict->review_rate = 0;
    }
  verdict->sampled = random % 100 < verdict->review_rate;
}

SkPolicyVerdict *
sk_policy_decide (const SkPolicySet *set, const SkPolicyQuestion *q, guint32 random)
{
  g_autoptr (GPtrArray) scopes = sk_policy_scopes_for (q);
  SkPolicyVerdict *verdict = verdict_new ();
  for (guint i = 0; i < scopes->len; i++)
    {
      SkPolicyTruth truth = SK_POLICY_NO;
      const SkPolicyRule *rule
          = sk_policy_scope_find (sk_policy_set_scope (set, scopes->pdata[i]), q, &truth);
      if (!rule && i == 0)
        {
          refuse (verdict, "no-rule");
          return verdict;
        }
      if (!rule)
        continue;
      merge_action (verdict, rule, truth);
      merge_limits (verdict, rule, i == 0);
      merge_people (verdict, rule);
      add_rule (verdict, rule);
    }
  finish (verdict, q, random);
  return verdict;
}

/* -- before the inspection
 * ------------------------------------------------------------------------------------ */

/* One scope: what comes out of it at most, whatever the inspection will say. */
typedef struct
{
  gboolean passes;              /* some way is no refusal */
  const SkPolicyRule *refusing; /* the first that refuses */
  guint64 bytes_max;
  guint count_max;
} Outlook;

/* A lower scope's rule that names no limit sets none. */
static void
look_at_rule (SkPolicyPlan *plan, Outlook *outlook, const SkPolicyRule *rule, gboolean base)
{
  const char *profile = sk_policy_profiles[rule->profile];
  gboolean bytes = base || sk_policy_rule_gives (rule, SK_KEY_MAX_SIZE);
  gboolean count = base || sk_policy_rule_gives (rule, SK_KEY_MAX_COUNT);
  if (!sk_policy_profile_covers (plan->profile, profile))
    plan->profile = profile;
  if (rule->action == SK_POLICY_REFUSE)
    {
      outlook->refusing = outlook->refusing ? outlook->refusing : rule;
      return;
    }
  outlook->passes = TRUE;
  outlook->bytes_max = MAX (outlook->bytes_max, bytes ? rule->bytes_max : G_MAXUINT64);
  outlook->count_max = MAX (outlook->count_max, count ? rule->count_max : G_MAXUINT);
  plan->need_reason |= rule->need_reason;
  plan->need_antivirus |= rule->need_antivirus;
}

static Outlook
look_at_scope (SkPolicyPlan *plan, const GPtrArray *rules, const SkPolicyQuestion *q, gboolean base)
{
  Outlook outlook = { FALSE };
  SkPolicyTruth truth = SK_POLICY_NO;
  SkPolicyKeyId key;
  for (guint i = 0; rules && i < rules->len && truth != SK_POLICY_YES; i++)
    {
      truth = sk_policy_rule_test (rules->pdata[i], q, &key);
      if (truth != SK_POLICY_NO)
        look_at_rule (plan, &outlook, rules->pdata[i], base);
    }
  if (truth != SK_POLICY_YES && !base)
    outlook = (Outlook){ TRUE, outlook.refusing, G_MAXUINT64, G_MAXUINT };
  return outlook;
}

static void
refuse_plan (SkPolicyPlan *plan, const SkPolicyRule *rule, const char *reason)
{
  const char *en = rule ? rule->reason_en : "", *ja = rule ? rule->reason_ja : "";
  if (plan->refused)
    return;
  if (!rule)
    sk_policy_reason_find (reason, &en, &ja);
  plan->refused = TRUE;
  g_free (plan->rule);
  plan->rule = g_strdup (rule ? rule->id : "");
  plan->reason = g_strdup (rule ? rule->reason : reason);
  plan->reason_en = g_strdup (en);
  plan->reason_ja = g_strdup (ja);
}

SkPolicyPlan *
sk_policy_plan (const SkPolicySet *set, const SkPolicyQuestion *q)
{
  g_autoptr (GPtrArray) scopes = sk_policy_scopes_for (q);
  SkPolicyPlan *plan = g_new0 (SkPolicyPlan, 1);
  plan->profile = sk_policy_profiles[0];
  plan->rule = g_strdup ("");
  plan->bytes_max = G_MAXUINT64;
  plan->count_max = G_MAXUINT;
  for (guint i = 0; i < scopes->len; i++)
    {
      Outlook outlook = look_at_scope (plan, sk_policy_set_scope (set, scopes->pdata[i]), q, i == 0);
      plan->bytes_max = MIN (plan->bytes_max, outlook.bytes_max);
      plan->count_max = MIN (plan->count_max, outlook.count_max);
      if (!outlook.passes)
        refuse_plan (plan, outlook.refusing, "no-rule");
    }
  if (q->bytes != SK_POLICY_BYTES_UNKNOWN && q->bytes > plan->bytes_max)
    refuse_plan (plan, NULL, "too-large");
  if (q->count != SK_POLICY_COUNT_UNKNOWN && q->count > plan->count_max)
    refuse_plan (plan, NULL, "too-many");
  return plan;
}

void
sk_policy_plan_free (SkPolicyPlan *plan)
{
  g_free (plan->rule);
  g_free (plan->reason);
  g_free (plan->reason_en);
  g_free (plan->reason_ja);
  g_free (plan);
}
