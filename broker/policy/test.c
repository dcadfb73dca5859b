/* Administrators' tests: described questions with what is expected of the rules. */
#include "policy/policy-private.h"
#include <string.h>

void
sk_policy_test_free (SkPolicyTest *test)
{
  g_free (test->name);
  g_free (test->expected);
  g_free (test->got);
  g_free (test->rule);
  g_free (test);
}

/* -- what can be expected -----------------------------------------------------------------------------------
 */

static char *
get_action (const SkPolicyVerdict *verdict)
{
  return g_strdup (sk_policy_action_words[verdict->action]);
}

static char *
get_rule (const SkPolicyVerdict *verdict)
{
  return g_strdup (verdict->rule);
}

static char *
get_reason (const SkPolicyVerdict *verdict)
{
  return g_strdup (verdict->reason ? verdict->reason : "");
}

static char *
get_profile (const SkPolicyVerdict *verdict)
{
  return g_strdup (verdict->profile);
}

/* Of all stages, in order. */
static char *
get_approvers (const SkPolicyVerdict *verdict)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < verdict->stages->len; i++)
    {
      const SkPolicyStage *stage = verdict->stages->pdata[i];
      g_autofree char *joined = g_strjoinv (", ", stage->approvers);
      g_string_append_printf (text, "%s%s", i ? ", " : "", joined);
    }
  return g_string_free (text, FALSE);
}

static const struct
{
  const char *key, *shown;
  char *(*get) (const SkPolicyVerdict *);
} expectations[] = {
  { "expect", "", get_action },
  { "expect-rule", "rule = ", get_rule },
  { "expect-reason", "reason = ", get_reason },
  { "expect-profile", "profile = ", get_profile },
  { "expect-approvers", "approvers = ", get_approvers },
};

/* -- one test
 * ------------------------------------------------------------------------------------------------- */

static const char *
find_value (const SkPolicySection *section, const char *key)
{
  for (guint i = 0; i < section->lines->len; i++)
    {
      const SkPolicyLine *line = section->lines->pdata[i];
      if (strcmp (line->key, key) == 0)
        return line->value;
    }
  return NULL;
}

static gboolean
is_expectation (const char *key)
{
  for (gsize i = 0; i < G_N_ELEMENTS (expectations); i++)
    if (strcmp (expectations[i].key, key) == 0)
      return TRUE;
  return FALSE;
}

static SkPolicyQuestion *
read_question (const char *file, const SkPolicySection *section, GError **error)
{
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  SkPolicyTrouble trouble;
  for (guint i = 0; i < section->lines->len; i++)
    {
      const SkPolicyLine *line = section->lines->pdata[i];
      if (!is_expectation (line->key) && !sk_policy_question_put (q, line->key, line->value, &trouble))
        {
          sk_policy_fail (error, SK_ERROR_INVALID, file, line->number, trouble.en, trouble.ja, line->key);
          return NULL;
        }
    }
  sk_policy_question_complete (q);
  return g_steal_pointer (&q);
}

static gboolean
check_section (const char *file, const SkPolicySection *section, GError **error)
{
  const char *action = find_value (section, "expect");
  guint index;
  if (!find_value (section, "direction") || !find_value (section, "kind"))
    return sk_policy_fail (error, SK_ERROR_INVALID, file, section->number,
                           "the question is not complete; write direction and kind",
                           "質問が足りません。direction と kind を書いてください", section->name);
  if (!action || !sk_policy_find_word (sk_policy_action_words, action, &index))
    return sk_policy_fail (
        error, SK_ERROR_INVALID, file, section->number,
        "nothing is expected; write expect = allow, review, hold or refuse",
        "期待する結果がありません。expect = allow、review、hold、refuse のどれかを書いてください",
        section->name);
  return TRUE;
}

/* The first difference, or the action. */
static SkPolicyTest *
compare (const SkPolicySection *section, const SkPolicyVerdict *verdict)
{
  SkPolicyTest *test = g_new0 (SkPolicyTest, 1);
  test->name = g_strdup (section->name);
  test->rule = g_strdup (verdict->rule);
  test->passed = TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (expectations) && test->passed; i++)
    {
      const char *wanted = find_value (section, expectations[i].key);
      g_autofree char *got = expectations[i].get (verdict);
      test->passed = !wanted || strcmp (wanted, got) == 0;
      if (test->passed && i > 0)
        continue;
      g_free (test->expected);
      g_free (test->got);
      test->expected = g_strconcat (expectations[i].shown, wanted, NULL);
      test->got = g_strconcat (expectations[i].shown, got, NULL);
    }
  return test;
}

GPtrArray *
sk_policy_test_run (const SkPolicySet *set, const char *file, const char *untrusted_text, gsize length,
                    GError **error)
{
  g_autoptr (GPtrArray) tests = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_test_free);
  g_autoptr (GPtrArray) sections = sk_policy_sections_parse (file, untrusted_text, length, error);
  for (guint i = 0; sections && i < sections->len; i++)
    {
      g_autoptr (SkPolicyQuestion) q = NULL;
      g_autoptr (SkPolicyVerdict) verdict = NULL;
      if (!check_section (file, sections->pdata[i], error)
          || !(q = read_question (file, sections->pdata[i], error)))
        return NULL;
      verdict = sk_policy_decide (set, q, 0);
      g_ptr_array_add (tests, compare (sections->pdata[i], verdict));
    }
  if (!sections)
    return NULL;
  if (tests->len > 0)
    return g_steal_pointer (&tests);
  sk_policy_fail (error, SK_ERROR_INVALID, file, 0, "there is no test in it; write [name] and the question",
                  "テストがありません。[名前] と質問を書いてください", "");
  return NULL;
}
