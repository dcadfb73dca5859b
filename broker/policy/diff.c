/* What two sets say differently: rule by rule, key by key, and whether rules of one scope changed places. */
#include "policy/policy-private.h"
#include <string.h>

void
sk_policy_change_free (SkPolicyChange *change)
{
  g_free (change->change);
  g_free (change->rule);
  g_free (change->key);
  g_free (change->before);
  g_free (change->after);
  g_free (change);
}

static void
add_change (GPtrArray *changes, const char *word, const char *rule, const char *key, const char *before,
            const char *after)
{
  SkPolicyChange *change = g_new0 (SkPolicyChange, 1);
  change->change = g_strdup (word);
  change->rule = g_strdup (rule);
  change->key = g_strdup (key);
  change->before = g_strdup (before ? before : "");
  change->after = g_strdup (after ? after : "");
  g_ptr_array_add (changes, change);
}

static const SkPolicyRule *
find_rule (const GPtrArray *rules, const char *id)
{
  for (guint i = 0; rules && i < rules->len; i++)
    if (strcmp (((const SkPolicyRule *) rules->pdata[i])->id, id) == 0)
      return rules->pdata[i];
  return NULL;
}

static const char *
find_stage_text (const SkPolicyRule *rule, const char *key)
{
  for (guint i = 0; i < rule->stage_lines->len; i++)
    {
      const SkPolicyLine *line = rule->stage_lines->pdata[i];
      if (strcmp (line->key, key) == 0)
        return line->value;
    }
  return NULL;
}

static void
compare_stages (GPtrArray *changes, const SkPolicyRule *before, const SkPolicyRule *after)
{
  for (guint i = 0; i < before->stage_lines->len; i++)
    {
      const SkPolicyLine *line = before->stage_lines->pdata[i];
      const char *now = find_stage_text (after, line->key);
      if (g_strcmp0 (line->value, now) != 0)
        add_change (changes, "changed", after->id, line->key, line->value, now);
    }
  for (guint i = 0; i < after->stage_lines->len; i++)
    {
      const SkPolicyLine *line = after->stage_lines->pdata[i];
      if (!find_stage_text (before, line->key))
        add_change (changes, "changed", after->id, line->key, NULL, line->value);
    }
}

static void
compare_rules (GPtrArray *changes, const SkPolicyRule *before, const SkPolicyRule *after)
{
  for (guint key = 0; key < _SK_KEY_LAST; key++)
    if (g_strcmp0 (before->texts[key], after->texts[key]) != 0)
      add_change (changes, "changed", after->id, sk_policy_key (key)->name, before->texts[key],
                  after->texts[key]);
  compare_stages (changes, before, after);
}

/* The rule that both sets have and that comes next before this one; "" for none. */
static const char *
common_predecessor (const GPtrArray *rules, const GPtrArray *others, const char *id)
{
  const char *last = "";
  for (guint i = 0; i < rules->len; i++)
    {
      const SkPolicyRule *rule = rules->pdata[i];
      if (strcmp (rule->id, id) == 0)
        return last;
      if (find_rule (others, rule->id))
        last = rule->id;
    }
  return last;
}

static void
compare_scope (GPtrArray *changes, const GPtrArray *before, const GPtrArray *after)
{
  for (guint i = 0; before && i < before->len; i++)
    {
      const SkPolicyRule *rule = before->pdata[i];
      if (!find_rule (after, rule->id))
        add_change (changes, "removed", rule->id, "", sk_policy_action_words[rule->action], NULL);
    }
  for (guint i = 0; after && i < after->len; i++)
    {
      const SkPolicyRule *rule = after->pdata[i], *old = find_rule (before, rule->id);
      if (!old)
        {
          add_change (changes, "added", rule->id, "", NULL, sk_policy_action_words[rule->action]);
          continue;
        }
      const char *was = common_predecessor (before, after, rule->id);
      const char *now = common_predecessor (after, before, rule->id);
      if (strcmp (was, now) != 0)
        add_change (changes, "moved", rule->id, "", was, now);
      compare_rules (changes, old, rule);
    }
}

GPtrArray *
sk_policy_diff (const SkPolicySet *before, const SkPolicySet *after)
{
  GPtrArray *changes = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_change_free);
  g_autoptr (GPtrArray) old = sk_policy_set_scopes (before);
  g_autoptr (GPtrArray) new = sk_policy_set_scopes (after);
  for (guint i = 0; i < old->len; i++)
    compare_scope (changes, sk_policy_set_scope (before, old->pdata[i]),
                   sk_policy_set_scope (after, old->pdata[i]));
  for (guint i = 0; i < new->len; i++)
    if (!sk_policy_set_scope (before, new->pdata[i]))
      compare_scope (changes, NULL, sk_policy_set_scope (after, new->pdata[i]));
  return changes;
}
