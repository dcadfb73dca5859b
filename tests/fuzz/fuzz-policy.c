/* A policy file of any bytes behind a good one that allows everything. What does not load allows nothing, not
 * even what the good file would. What loads answers, and explains what it answered. */
#include "common/i18n.h"
#include "fuzz.h"
#include "policy/policy-private.h"
#include <string.h>

#define GOOD "[all]\naction = allow\n"

static SkPolicyQuestion *
question (SkCross direction, SkKind kind, gboolean known)
{
  SkPolicyQuestion *q = sk_policy_question_new ();
  q->direction = direction;
  q->kind = kind;
  q->organisation = g_strdup ("town");
  q->user = g_strdup ("taro");
  if (!known)
    return q;
  q->types = g_strsplit ("image/png", ",", 0);
  q->antivirus = g_strdup ("clean");
  q->findings_known = TRUE;
  return q;
}

static void
ask_all (const SkPolicySet *set, gboolean loaded)
{
  for (guint i = 0; i < _SK_CROSS_LAST * _SK_KIND_LAST * 2; i++)
    {
      g_autoptr (SkPolicyQuestion) q
          = question ((SkCross) (i / 2 / _SK_KIND_LAST), (SkKind) (i / 2 % _SK_KIND_LAST), i % 2);
      g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, i);
      g_autoptr (SkPolicyPlan) plan = sk_policy_plan (set, q);
      g_autofree char *text = sk_policy_explain (set, q, i % 3 == 0);
      g_autofree char *line = g_strdup_printf ("\naction = %s\n", sk_policy_action_words[verdict->action]);
      g_assert (loaded || (verdict->action == SK_POLICY_REFUSE && plan->refused));
      g_assert (!plan->refused || verdict->action == SK_POLICY_REFUSE);
      g_assert (strstr (text, line) && g_utf8_validate (text, -1, NULL));
      g_assert ((verdict->action == SK_POLICY_REFUSE) == (verdict->reason != NULL));
      g_assert ((verdict->action == SK_POLICY_HOLD) <= (verdict->stages->len > 0));
    }
}

static gboolean
add_good (SkPolicySet *set)
{
  return sk_policy_set_add_file (set, "", "10-good.policy", GOOD, strlen (GOOD), NULL);
}

/* In front of the good file, or behind it as a lower scope's. */
static void
try_as (const char *scope, const char *name, const char *data, size_t size)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  g_autoptr (GError) error = NULL;
  gboolean loaded;
  if (*scope && !add_good (set))
    g_assert_not_reached ();
  loaded = sk_policy_set_add_file (set, scope, name, data, size, &error);
  g_assert (loaded == (error == NULL));
  if (!*scope && add_good (set) != loaded)
    g_assert_not_reached ();
  if (error)
    {
      g_autofree char *en = sk_both_pick (error->message, FALSE), *ja = sk_both_pick (error->message, TRUE);
      g_assert (g_utf8_validate (error->message, -1, NULL) && strcmp (en, ja) != 0);
    }
  sk_policy_set_seal (set);
  ask_all (set, loaded);
  g_autoptr (GPtrArray) changes = sk_policy_diff (set, set);
  g_assert (changes->len == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  g_autoptr (GPtrArray) tests = NULL;
  try_as ("", "05-first.policy", (const char *) data, size);
  try_as ("orgs/town", "10-lower.policy", (const char *) data, size);
  /* Administrators' tests are read by the same parser of sections. */
  tests = sk_policy_test_run (set, "x.tests", (const char *) data, size, NULL);
  for (guint i = 0; tests && i < tests->len; i++)
    g_assert (((const SkPolicyTest *) tests->pdata[i])->name);
  return 0;
}
