/* Who decides about what is held: "stage-1", "stage-1-need" … of a rule. Stages that nobody could ever pass
 * are errors: a transfer would wait for them in vain. */
#include "policy/policy-private.h"
#include <string.h>

SkPolicyStage *
sk_policy_stage_copy (const SkPolicyStage *stage)
{
  SkPolicyStage *copy = g_new0 (SkPolicyStage, 1);
  *copy = *stage;
  copy->approvers = g_strdupv (stage->approvers);
  copy->deputies = g_strdupv (stage->deputies);
  copy->escalate_to = g_strdupv (stage->escalate_to);
  return copy;
}

void
sk_policy_stage_free (SkPolicyStage *stage)
{
  g_strfreev (stage->approvers);
  g_strfreev (stage->deputies);
  g_strfreev (stage->escalate_to);
  g_free (stage);
}

/* -- values
 * -------------------------------------------------------------------------------------------------- */

static gboolean
parse_people (const char *value, char ***ret_people, SkPolicyTrouble *trouble)
{
  static const char *const kinds[] = { "role:", "position:", "user:", "group:" };
  g_auto (GStrv) people = sk_policy_value_list (value, trouble);
  for (char **person = people; person && *person; person++)
    {
      gboolean found = FALSE;
      for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        found |= g_str_has_prefix (*person, kinds[i]) && (*person)[strlen (kinds[i])]
                 && !g_ascii_isspace ((*person)[strlen (kinds[i])]);
      if (!found)
        return sk_policy_trouble (
            trouble, "not an approver; write role:…, position:…, user:… or group:…",
            "承認者ではありません。role:…、position:…、user:…、group:… のように書いてください");
    }
  *ret_people = g_steal_pointer (&people);
  return *ret_people != NULL;
}

static gboolean
parse_approvers (SkPolicyStage *stage, const char *value, SkPolicyTrouble *trouble)
{
  return parse_people (value, &stage->approvers, trouble);
}

static gboolean
parse_need (SkPolicyStage *stage, const char *value, SkPolicyTrouble *trouble)
{
  guint64 need;
  if (strcmp (value, "any") == 0)
    stage->need = 1;
  else if (strcmp (value, "all") == 0)
    stage->need = SK_POLICY_NEED_ALL;
  else if (g_ascii_string_to_unsigned (value, 10, 1, SK_POLICY_LIST_MAX, &need, NULL))
    stage->need = (guint) need;
  else
    return sk_policy_trouble (trouble, "write any, all, or how many of them",
                              "any、all、または人数を書いてください");
  return TRUE;
}

static gboolean
parse_deputies (SkPolicyStage *stage, const char *value, SkPolicyTrouble *trouble)
{
  return parse_people (value, &stage->deputies, trouble);
}

static gboolean
parse_within (SkPolicyStage *stage, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_minutes (value, &stage->within_minutes, trouble);
}

static gboolean
parse_escalate (SkPolicyStage *stage, const char *value, SkPolicyTrouble *trouble)
{
  return parse_people (value, &stage->escalate_to, trouble);
}

static const struct
{
  const char *suffix;
  gboolean (*parse) (SkPolicyStage *, const char *value, SkPolicyTrouble *);
} stage_keys[] = {
  { "", parse_approvers },     { "-need", parse_need },         { "-deputies", parse_deputies },
  { "-within", parse_within }, { "-escalate", parse_escalate },
};

static gboolean
parse_line (SkPolicyRule *rule, const char *file, const SkPolicyLine *line, GError **error)
{
  SkPolicyTrouble trouble
      = { "there is no such key; see the key reference", "知らないキーです。キーの一覧を確認してください" };
  const char *digit = line->key + strlen ("stage-");
  guint index = *digit >= '1' && *digit <= '0' + SK_POLICY_STAGES_MAX ? (guint) (*digit - '0') : 0;
  for (gsize i = 0; index > 0 && i < G_N_ELEMENTS (stage_keys); i++)
    if (strcmp (digit + 1, stage_keys[i].suffix) == 0)
      {
        while (rule->stages->len < index)
          {
            SkPolicyStage *stage = g_new0 (SkPolicyStage, 1);
            stage->need = 1;
            g_ptr_array_add (rule->stages, stage);
          }
        if (stage_keys[i].parse (rule->stages->pdata[index - 1], line->value, &trouble))
          return TRUE;
        return sk_policy_fail (error, SK_ERROR_INVALID, file, line->number, trouble.en, trouble.ja,
                               line->value);
      }
  return sk_policy_fail (error, SK_ERROR_INVALID, file, line->number, trouble.en, trouble.ja, line->key);
}

/* -- what nobody could pass -------------------------------------------------------------------------------
 */

/* How many people a list can stand for at most; G_MAXUINT: any number. */
static guint
count_people (char **people)
{
  guint n = 0;
  for (char **person = people; person && *person; person++)
    {
      if (!g_str_has_prefix (*person, "user:"))
        return G_MAXUINT;
      n++;
    }
  return n;
}

/* Nobody approves their own: a rule for one user cannot name that user alone. */
static gboolean
is_own_approver (const SkPolicyRule *rule, char **people)
{
  if (!rule->users || g_strv_length (rule->users) != 1 || count_people (people) != 1)
    return FALSE;
  return strcmp (people[0] + strlen ("user:"), rule->users[0]) == 0;
}

static gboolean
find_stage_trouble (const SkPolicyRule *rule, const SkPolicyStage *stage, SkPolicyTrouble *trouble)
{
  if (!stage->approvers)
    return sk_policy_trouble (trouble,
                              "a stage is missing or has no approvers; write stage-1, stage-2 … in order",
                              "承認者のない段階があります。stage-1、stage-2 … と順に書いてください");
  if (stage->need != SK_POLICY_NEED_ALL && stage->need > count_people (stage->approvers))
    return sk_policy_trouble (
        trouble, "a stage needs more approvers than it names; lower need or name more",
        "必要な人数が承認者の数を超えています。need を減らすか、承認者を増やしてください");
  if (is_own_approver (rule, stage->approvers))
    return sk_policy_trouble (trouble, "nobody can approve: the only approver is the only user of the rule",
                              "承認できる人がいません。唯一の承認者が、この規則の唯一の利用者です");
  if ((stage->within_minutes == 0) != (stage->escalate_to == NULL))
    return sk_policy_trouble (trouble, "within and escalate of a stage belong together; write both",
                              "within と escalate は組で必要です。両方を書いてください");
  if (stage->within_minutes >= rule->expiry_minutes)
    return sk_policy_trouble (trouble, "the transfer expires before it would escalate; shorten within",
                              "上申の前に期限が切れます。within を短くしてください");
  return TRUE;
}

static gboolean
check_stages (const SkPolicyRule *rule, SkPolicyTrouble *trouble)
{
  if (rule->action == SK_POLICY_HOLD && rule->stages->len == 0)
    return sk_policy_trouble (trouble, "hold without approvers; write stage-1 = role:approver",
                              "hold に承認者がありません。stage-1 = role:approver のように書いてください");
  if (rule->action != SK_POLICY_HOLD && rule->stages->len > 0)
    return sk_policy_trouble (
        trouble, "approvers without hold; write action = hold or remove the stages",
        "hold ではないのに承認者があります。action = hold にするか、stage の行を消してください");
  for (guint i = 0; i < rule->stages->len; i++)
    if (!find_stage_trouble (rule, rule->stages->pdata[i], trouble))
      return FALSE;
  return TRUE;
}

/* The line to blame: the last about stages, else the heading. */
gboolean
sk_policy_stages_parse (SkPolicyRule *rule, const char *file, guint heading, GError **error)
{
  SkPolicyTrouble trouble;
  guint number = heading;
  for (guint i = 0; i < rule->stage_lines->len; i++)
    {
      const SkPolicyLine *line = rule->stage_lines->pdata[i];
      if (!parse_line (rule, file, line, error))
        return FALSE;
      number = line->number;
    }
  return check_stages (rule, &trouble)
         || sk_policy_fail (error, SK_ERROR_INVALID, file, number, trouble.en, trouble.ja, "");
}
