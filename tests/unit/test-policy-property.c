/* Random rule sets, random lower scopes, random questions:
 *
 *   - no lower scope loosens any part of an answer, against the same set without it;
 *   - what explain says is what decide did: the decision is worked out again from explain's text alone;
 *   - a plan promises no less than the decision: what it refuses is refused, nothing passes above its limits,
 *     its profile is good for every verdict.
 *
 * SK_CASES=n runs another number, SK_SEED=n runs that one alone and prints its files. */
#include "policy/policy-private.h"
#include <stdio.h>
#include <string.h>

#define CASES 20000
#define QUESTIONS 2 /* a set */

#define PICK(rand, list) (list)[g_rand_int_range (rand, 0, G_N_ELEMENTS (list))]

static gboolean verbose;

/* -- random files
 * --------------------------------------------------------------------------------------------- */

/* Few values, so that rules meet questions often. */
static const char *const condition_lines[] = {
  "direction = import", "direction = export",  "kind = file",         "kind = text, image",
  "kind = url, print",  "type = image/*",      "type = text/plain",   "type = *",
  "any-type = text/*",  "size = ..1KiB",       "size = 1KiB..",       "count = ..2",
  "count = 3..",        "organisation = town", "section = tax",       "group = staff",
  "user = taro",        "channel = telework",  "channel = desk, lan", "hour = 08:30-17:15",
  "hour = 17:15-08:30", "weekday = mon-fri",   "finding = my-number", "finding = phone>=3",
  "finding = *",        "no-finding = *",      "antivirus = clean",   "antivirus = unscanned",
};
static const char *const answer_lines[] = {
  "profile = standard",  "profile = strict",  "max-size = 512",   "max-size = 2KiB",
  "max-size = 1GiB",     "max-count = 1",     "max-count = 5",    "max-count = 5000",
  "retention = 0d",      "retention = 7d",    "retention = 365d", "record-content = yes",
  "record-content = no", "one-shot = yes",    "one-shot = no",    "wipe-after = 10s",
  "wipe-after = 5m",     "need-reason = yes", "need-reason = no", "need-antivirus = yes",
  "need-antivirus = no",
};
static const char *const hold_lines[] = {
  "expires = 1h",
  "expires = 30d",
  "stage-1-need = all",
  "stage-1-deputies = user:hanako",
  "stage-2 = position:mayor",
};
static const char *const rates[]
    = { "", "review-rate = 5%\n", "review-rate = 50%\n", "review-rate = 100%\n" };
static const char *const reasons[] = { "not-allowed", "telework", "my-number" };

/* A line whose key is there already is left out. */
static void
add_lines (GRand *rand, GString *text, GHashTable *keys, const char *const *lines, gsize n_lines, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const char *line = lines[g_rand_int_range (rand, 0, (gint32) n_lines)];
      char *key = g_strndup (line, strcspn (line, " "));
      if (g_hash_table_add (keys, key))
        g_string_append_printf (text, "%s\n", line);
    }
}

static void
add_rule (GRand *rand, GString *text, guint number)
{
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  SkPolicyAction action = (SkPolicyAction) g_rand_int_range (rand, 0, _SK_POLICY_ACTION_LAST);
  g_string_append_printf (text, "[r%u]\naction = %s\n", number, sk_policy_action_words[action]);
  add_lines (rand, text, keys, condition_lines, G_N_ELEMENTS (condition_lines),
             (guint) g_rand_int_range (rand, 0, 3));
  add_lines (rand, text, keys, answer_lines, G_N_ELEMENTS (answer_lines),
             (guint) g_rand_int_range (rand, 0, 6));
  switch (action)
    {
    case SK_POLICY_REVIEW:
      g_string_append (text, PICK (rand, rates));
      break;
    case SK_POLICY_HOLD:
      g_string_append (text, "stage-1 = role:chief\n");
      add_lines (rand, text, keys, hold_lines, G_N_ELEMENTS (hold_lines),
                 (guint) g_rand_int_range (rand, 0, 3));
      break;
    case SK_POLICY_REFUSE:
      g_string_append_printf (text, "reason = %s\n", PICK (rand, reasons));
      break;
    case SK_POLICY_ALLOW:
    case _SK_POLICY_ACTION_LAST:
      break;
    }
}

static char *
random_file (GRand *rand)
{
  GString *text = g_string_new (NULL);
  guint n = (guint) g_rand_int_range (rand, 0, 6);
  for (guint i = 0; i < n; i++)
    add_rule (rand, text, i);
  return g_string_free (text, FALSE);
}

static void
add_file (SkPolicySet *set, const char *scope, const char *text)
{
  g_autoptr (GError) error = NULL;
  if (verbose)
    printf ("# -- %s/10-x.policy\n%s", scope, text);
  if (!sk_policy_set_add_file (set, scope, "10-x.policy", text, strlen (text), &error))
    g_error ("%s\n%s", error->message, text);
}

/* -- random questions
 * ------------------------------------------------------------------------------------------- */

static const char *const question_words[][3] = {
  { "direction", "import", "export" },
  { "kind", "file", "text" },
  { "kind", "image", "url" },
  { "type", "image/png", "text/plain" },
  { "bytes", "300", "1024" },
  { "bytes", "1500", "100MiB" },
  { "count", "2", "3" },
  { "count", "50", "1000" },
  { "user", "taro", "jiro" },
  { "group", "staff", "other" },
  { "channel", "telework", "desk" },
  { "hour", "08:30", "17:15" },
  { "weekday", "fri", "sat" },
  { "finding", "none", "my-number" },
  { "finding", "phone=2", "phone=3" },
  { "antivirus", "clean", "infected" },
};

static SkPolicyQuestion *
random_question (GRand *rand)
{
  SkPolicyQuestion *q = sk_policy_question_new ();
  for (gsize i = 0; i < G_N_ELEMENTS (question_words); i++)
    {
      gint32 choice = g_rand_int_range (rand, 0, 3);
      if (choice > 0 && !sk_policy_question_set (q, question_words[i][0], question_words[i][choice], NULL))
        g_assert_not_reached ();
    }
  q->organisation = g_strdup (g_rand_int_range (rand, 0, 4) ? "town" : "");
  q->section = g_strdup (g_rand_int_range (rand, 0, 4) ? "tax" : "");
  if (g_rand_int_range (rand, 0, 8))
    sk_policy_question_complete (q);
  return q;
}

/* What the core knows of it before the inspection. */
static SkPolicyQuestion *
before_inspection (const SkPolicyQuestion *q)
{
  SkPolicyQuestion *early = sk_policy_question_new ();
  early->direction = q->direction;
  early->kind = q->kind;
  early->bytes = q->bytes;
  early->count = q->count;
  early->user = g_strdup (q->user);
  early->groups = g_strdupv (q->groups);
  early->section = g_strdup (q->section);
  early->organisation = g_strdup (q->organisation);
  early->channel = q->channel;
  early->minute = q->minute;
  early->weekday = q->weekday;
  return early;
}

/* -- no lower scope loosens
 * --------------------------------------------------------------------------------------- */

static gboolean
stage_equal (const SkPolicyStage *a, const SkPolicyStage *b)
{
  return g_strv_equal ((const char *const *) a->approvers, (const char *const *) b->approvers)
         && a->need == b->need && a->within_minutes == b->within_minutes && !a->deputies == !b->deputies
         && !a->escalate_to == !b->escalate_to;
}

/* Every stage of one stands in the other, in the same order. */
static gboolean
stages_contain (const GPtrArray *all, const GPtrArray *some)
{
  guint found = 0;
  for (guint i = 0; i < all->len && found < some->len; i++)
    found += stage_equal (all->pdata[i], some->pdata[found]);
  return found == some->len;
}

static const char *
find_loosening (const SkPolicyVerdict *above, const SkPolicyVerdict *below)
{
  if (below->action < above->action)
    return "action";
  if (below->bytes_max > above->bytes_max || below->count_max > above->count_max)
    return "limit";
  if (below->retention_days < above->retention_days)
    return "retention";
  if (!sk_policy_profile_covers (below->profile, above->profile))
    return "profile";
  if (above->record_content > below->record_content || above->one_shot > below->one_shot)
    return "record-content or one-shot";
  if (above->need_reason > below->need_reason || above->need_antivirus > below->need_antivirus)
    return "need";
  if (above->wipe_seconds && (!below->wipe_seconds || below->wipe_seconds > above->wipe_seconds))
    return "wipe-after";
  if (below->action == SK_POLICY_REFUSE)
    return NULL; /* nobody is asked any more */
  if (below->review_rate < above->review_rate || below->sampled < above->sampled)
    return "review-rate";
  if (!stages_contain (below->stages, above->stages))
    return "stages";
  return above->expiry_minutes && below->expiry_minutes > above->expiry_minutes ? "expires" : NULL;
}

static void
check_scopes (SkPolicySet *const *sets, guint n_sets, const SkPolicyQuestion *q, guint seed, guint32 random,
              guint *stricter)
{
  g_autoptr (SkPolicyVerdict) above = sk_policy_decide (sets[0], q, random);
  for (guint i = 1; i < n_sets; i++)
    {
      g_autoptr (SkPolicyVerdict) below = sk_policy_decide (sets[i], q, random);
      const char *loosened = find_loosening (above, below);
      if (loosened)
        g_error ("SK_SEED=%u: a lower scope loosens: %s", seed, loosened);
      *stricter += below->action > above->action;
      sk_policy_verdict_free (g_steal_pointer (&above));
      above = g_steal_pointer (&below);
    }
}

/* -- explain
 * ------------------------------------------------------------------------------------------------------ */

/* Worked out from the text's lines "RULE: matches: ACTION" and "RULE: cannot be told …" alone. */
static void
read_rules (const char *text, SkPolicyAction *ret_action, char **ret_rule)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", 0);
  *ret_action = SK_POLICY_REFUSE;
  *ret_rule = g_strdup ("");
  for (char **line = lines; **line; line++)
    {
      char *matches = strstr (*line, ": matches: ");
      char *unknown = strstr (*line, ": cannot be told: ");
      guint action = SK_POLICY_REFUSE;
      if (!matches && !unknown)
        continue;
      if (matches && !sk_policy_find_word (sk_policy_action_words, matches + strlen (": matches: "), &action))
        g_assert_not_reached ();
      if (**ret_rule && action <= *ret_action)
        continue;
      g_free (*ret_rule);
      *ret_rule = g_strndup (*line, (gsize) ((matches ? matches : unknown) - *line));
      *ret_action = (SkPolicyAction) action;
    }
}

static char *
read_value (const char *text, const char *prefix)
{
  const char *found = strstr (text, prefix);
  g_assert_nonnull (found);
  found += strlen (prefix);
  return g_strndup (found, strcspn (found, "\n"));
}

static void
check_explain (SkPolicySet *set, const SkPolicyQuestion *q, guint seed, guint32 random)
{
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, random);
  g_autofree char *text = sk_policy_explain (set, q, FALSE);
  g_autofree char *said = read_value (text, "\naction = "), *by = read_value (text, "\ndecided by: ");
  g_autofree char *size = read_value (text, "\nmax-size = ");
  g_autofree char *reason = verdict->reason ? read_value (text, "\nreason = ") : NULL;
  g_autofree char *rule = NULL;
  SkPolicyAction action;
  read_rules (text, &action, &rule);
  /* Built-in refusals come on top of what the rules say. */
  gboolean same_action = action == verdict->action
                         || (verdict->action == SK_POLICY_REFUSE
                             && g_strv_contains ((const char *const[]){ "infected", "not-scanned",
                                                                        "too-large", "too-many", NULL },
                                                 verdict->reason));
  if (verbose)
    printf ("# -- explain\n%s", text);
  if (!same_action || strcmp (said, sk_policy_action_words[verdict->action]) != 0
      || strcmp (rule, verdict->rule) != 0 || strcmp (by, *rule ? rule : "no rule") != 0
      || g_strcmp0 (reason, verdict->reason) != 0 || g_ascii_strtoull (size, NULL, 10) != verdict->bytes_max)
    g_error ("SK_SEED=%u: explain and decide differ: %s %s\n%s", seed, verdict->rule,
             sk_policy_action_words[verdict->action], text);
}

/* -- plan
 * ---------------------------------------------------------------------------------------------------------
 */

static void
check_plan (SkPolicySet *set, const SkPolicyQuestion *q, guint seed, guint *refused_early)
{
  g_autoptr (SkPolicyQuestion) early = before_inspection (q);
  g_autoptr (SkPolicyPlan) plan = sk_policy_plan (set, early);
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, 0);
  *refused_early += plan->refused;
  g_assert_true (plan->refused == (plan->reason != NULL));
  if (verdict->action == SK_POLICY_REFUSE)
    return;
  if (plan->refused || plan->bytes_max < verdict->bytes_max || plan->count_max < verdict->count_max
      || !sk_policy_profile_covers (plan->profile, verdict->profile)
      || verdict->need_antivirus > plan->need_antivirus || verdict->need_reason > plan->need_reason)
    g_error ("SK_SEED=%u: the plan promised less than %s decided", seed, verdict->rule);
}

/* -- all of it
 * ---------------------------------------------------------------------------------------------------- */

typedef struct
{
  guint sets, questions, passed, stricter, refused_early;
} Tally;

static void
run_case (guint seed, Tally *tally)
{
  static const char *const scopes[] = { "", "orgs/town", "orgs/town/sections/tax" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  SkPolicySet *sets[3] = { sk_policy_set_new (), sk_policy_set_new (), sk_policy_set_new () };
  for (guint scope = 0; scope < 3; scope++)
    {
      g_autofree char *text = random_file (rand);
      for (guint i = scope; i < 3; i++)
        add_file (sets[i], scopes[scope], text);
    }
  tally->sets++;
  for (guint i = 0; i < QUESTIONS; i++)
    {
      g_autoptr (SkPolicyQuestion) q = random_question (rand);
      guint32 random = g_rand_int (rand);
      g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (sets[0], q, random);
      tally->questions++;
      tally->passed += verdict->action != SK_POLICY_REFUSE;
      check_scopes (sets, 3, q, seed, random, &tally->stricter);
      check_explain (sets[2], q, seed, random);
      check_plan (sets[2], q, seed, &tally->refused_early);
    }
  for (guint i = 0; i < 3; i++)
    sk_policy_set_free (sets[i]);
}

static void
test_property (void)
{
  const char *seed = g_getenv ("SK_SEED"), *cases = g_getenv ("SK_CASES");
  guint n = cases ? (guint) g_ascii_strtoull (cases, NULL, 10) : CASES;
  Tally tally = { 0 };
  verbose = seed != NULL;
  if (seed)
    {
      run_case ((guint) g_ascii_strtoull (seed, NULL, 10), &tally);
      return;
    }
  for (guint i = 0; i < n; i++)
    run_case (i, &tally);
  g_test_message ("%u sets, %u questions: %u passed the first scope, %u were tightened, %u refused early",
                  tally.sets, tally.questions, tally.passed, tally.stricter, tally.refused_early);
  /* Otherwise the cases are about nothing. */
  g_assert_cmpuint (tally.passed, >, tally.questions / 10);
  g_assert_cmpuint (tally.stricter, >, tally.questions / 20);
  g_assert_cmpuint (tally.refused_early, >, tally.questions / 20);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/property", test_property);
  return g_test_run ();
}
