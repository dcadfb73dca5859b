/* Policies: what a file may say and what is refused, which rule answers, how scopes add up, what holds before
 * the inspection, what a folder may hold. */
#include "common/error.h"
#include "common/i18n.h"
#include "policy/policy-private.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALLOW "action = allow\n"

static SkPolicySet *
load_text (const char *text, GError **error)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  if (!sk_policy_set_add_file (set, "", "10-x.policy", text, strlen (text), error))
    return NULL;
  sk_policy_set_seal (set);
  return g_steal_pointer (&set);
}

/* Base, organisation "town", its section "tax"; NULL: no file. */
static SkPolicySet *
load_scopes (const char *base, const char *org, const char *section)
{
  static const char *const scopes[] = { "", "orgs/town", "orgs/town/sections/tax" };
  const char *texts[] = { base, org, section };
  g_autoptr (GError) error = NULL;
  SkPolicySet *set = sk_policy_set_new ();
  for (guint i = 0; i < 3; i++)
    if (texts[i]
        && !sk_policy_set_add_file (set, scopes[i], "10-x.policy", texts[i], strlen (texts[i]), &error))
      g_error ("%s", error->message);
  sk_policy_set_seal (set);
  return set;
}

/* "key=value" words with blanks between; completed. */
static SkPolicyQuestion *
ask (const char *words)
{
  g_auto (GStrv) parts = g_strsplit (words, " ", 0);
  SkPolicyQuestion *q = sk_policy_question_new ();
  g_autoptr (GError) error = NULL;
  for (char **part = parts; *part; part++)
    {
      char *equals = strchr (*part, '=');
      if (!equals)
        continue;
      *equals = '\0';
      if (!sk_policy_question_set (q, *part, equals + 1, &error))
        g_error ("%s", error->message);
    }
  sk_policy_question_complete (q);
  return q;
}

static SkPolicyVerdict *
decide (SkPolicySet *set, const char *words)
{
  g_autoptr (SkPolicyQuestion) q = ask (words);
  return sk_policy_decide (set, q, 0);
}

static void
expect (SkPolicySet *set, const char *words, SkPolicyAction action, const char *rule, const char *reason)
{
  g_autoptr (SkPolicyVerdict) verdict = decide (set, words);
  g_assert_cmpint (verdict->action, ==, action);
  g_assert_cmpstr (verdict->rule, ==, rule);
  g_assert_cmpstr (verdict->reason, ==, reason);
  g_assert_true (!reason == !verdict->reason_en && !reason == !verdict->reason_ja);
}

/* -- format -------------------------------------------------------------------------------------------------
 */

static const struct
{
  const char *text;
  guint line;
  const char *en;
} bad_files[] = {
  { ALLOW, 1, "before the first [name]" },
  { "[a\n", 1, "a heading is" },
  { "[]\n", 1, "a heading is" },
  { "[A]\n", 1, "a heading is" },
  { "[関所]\n", 1, "a heading is" },
  { "[a]\n" ALLOW "[a]\n" ALLOW, 3, "used above already" },
  { "[a]\nallow\n", 2, "neither [name], key = value" },
  { "[a]\n= allow\n", 2, "not a key" },
  { "[a]\nAction = allow\n", 2, "not a key" },
  { "[a]\naction =\n", 2, "the value is missing" },
  { "[a]\n" ALLOW ALLOW, 3, "stands in the section already" },
  { "[a]\n" ALLOW "colour = red\n", 3, "there is no such key" },
  { "[a]\naction = maybe\n", 2, "write allow, review, hold or refuse" },
  { "[a]\n\nkind = file\n", 1, "the rule has no action" },
  { "[a]\r\n", 1, "as on Windows" },
  { "\xef\xbb\xbf[a]\n" ALLOW, 1, "invisible character" },
  { "[a]\n# \xe2\x80\xae\n" ALLOW, 2, "invisible character" },
  { "[a]\n# \x07\n" ALLOW, 2, "invisible character" },
  { "[a]\n# \xff\n" ALLOW, 2, "not UTF-8" },
  { "[a]\nkind = file, parcel\n" ALLOW, 2, "no such word" },
  { "[a]\nkind = file,\n" ALLOW, 2, "empty or too long" },
  { "[a]\nkind = file, file\n" ALLOW, 2, "stands twice" },
  { "[a]\ndirection = out\n" ALLOW, 2, "no such word" },
  { "[a]\ntype = png\n" ALLOW, 2, "not a type" },
  { "[a]\ntype = */png\n" ALLOW, 2, "not a type" },
  { "[a]\ntype = image/p*\n" ALLOW, 2, "not a type" },
  { "[a]\ntype = Image/png\n" ALLOW, 2, "not a type" },
  { "[a]\nsize = 10\n" ALLOW, 2, "not a range" },
  { "[a]\nsize = ..\n" ALLOW, 2, "not a range" },
  { "[a]\nsize = ..10MB\n" ALLOW, 2, "not a size" },
  { "[a]\nsize = ..-1\n" ALLOW, 2, "not a size" },
  { "[a]\nsize = ..2TiB\n" ALLOW, 2, "not a size" },
  { "[a]\nsize = ..99999999999999999999\n" ALLOW, 2, "not a size" },
  { "[a]\nsize = 2KiB..1KiB\n" ALLOW, 2, "ends before it begins" },
  { "[a]\ncount = 1KiB..\n" ALLOW, 2, "not a whole number" },
  { "[a]\nhour = 8:30-17:15\n" ALLOW, 2, "not a time of day" },
  { "[a]\nhour = 08:30\n" ALLOW, 2, "not a time span" },
  { "[a]\nhour = 08:30-24:00\n" ALLOW, 2, "not a time of day" },
  { "[a]\nhour = 08:30-08:30\n" ALLOW, 2, "span is empty" },
  { "[a]\nweekday = fri-mon\n" ALLOW, 2, "not days of the week" },
  { "[a]\nfinding = My Number\n" ALLOW, 2, "not a finding" },
  { "[a]\nfinding = my-number>=0\n" ALLOW, 2, "not a whole number" },
  { "[a]\nantivirus = maybe\n" ALLOW, 2, "no such word" },
  { "[a]\nmax-size = lots\n" ALLOW, 2, "not a size" },
  { "[a]\nmax-count = 0\n" ALLOW, 2, "not a whole number" },
  { "[a]\nmax-count = 10001\n" ALLOW, 2, "not a whole number" },
  { "[a]\nretention = 90\n" ALLOW, 2, "not a number of days" },
  { "[a]\nretention = 3654d\n" ALLOW, 2, "not a number of days" },
  { "[a]\nprofile = none\n" ALLOW, 2, "no such inspection profile" },
  { "[a]\none-shot = true\n" ALLOW, 2, "write yes or no" },
  { "[a]\nwipe-after = 61m\n" ALLOW, 2, "not a time from 1s to 1h" },
  { "[a]\nwipe-after = 0s\n" ALLOW, 2, "not a time from 1s to 1h" },
  { "[a]\n" ALLOW "review-rate = 10%\n", 1, "belongs to action = review" },
  { "[a]\naction = review\nreview-rate = 10\n", 3, "not a share" },
  { "[a]\naction = review\nreview-rate = 101%\n", 3, "not a share" },
  { "[a]\n" ALLOW "expires = 3d\n", 1, "belongs to action = hold" },
  { "[a]\n" ALLOW "reason = my-number\n", 1, "belongs to action = refuse" },
  { "[a]\naction = refuse\n", 1, "refuse without a reason" },
  { "[a]\naction = refuse\nreason = because\n", 1, "no text" },
  { "[a]\naction = refuse\nreason = because\nreason-en = Because.\n", 1, "belong together" },
  { "[a]\naction = refuse\nreason = Because I say so\n", 3, "a reason is a code" },
  { "[a]\naction = hold\n", 1, "hold without approvers" },
  { "[a]\n" ALLOW "stage-1 = role:approver\n", 3, "approvers without hold" },
  { "[a]\naction = hold\nstage-1 = approver\n", 3, "not an approver" },
  { "[a]\naction = hold\nstage-1 = role:\n", 3, "not an approver" },
  { "[a]\naction = hold\nstage-0 = role:approver\n", 3, "no such key" },
  { "[a]\naction = hold\nstage-9 = role:approver\n", 3, "no such key" },
  { "[a]\naction = hold\nstage-1-colour = role:approver\n", 3, "no such key" },
  { "[a]\naction = hold\nstage-2 = role:approver\n", 3, "a stage is missing" },
  { "[a]\naction = hold\nstage-1-need = all\n", 3, "a stage is missing" },
  { "[a]\naction = hold\nstage-1 = role:a\nstage-1-need = 0\n", 4, "any, all, or how many" },
  { "[a]\naction = hold\nstage-1 = user:a, user:b\nstage-1-need = 3\n", 4, "more approvers than it names" },
  { "[a]\nuser = taro\naction = hold\nstage-1 = user:taro\n", 4, "nobody can approve" },
  { "[a]\naction = hold\nstage-1 = role:a\nstage-1-within = 1h\n", 4, "belong together" },
  { "[a]\naction = hold\nstage-1 = role:a\nstage-1-escalate = role:b\n", 4, "belong together" },
  { "[a]\naction = hold\nexpires = 4h\nstage-1 = role:a\nstage-1-within = 4h\nstage-1-escalate = role:b\n", 6,
    "expires before" },
  { "[a]\naction = hold\nstage-1 = role:a\nexpires = 91d\n", 4, "not a time from 1m to 90d" },
};

/* Both languages name the place, and the Japanese half is Japanese. */
static void
assert_message (const GError *error, const char *place, const char *en)
{
  g_autofree char *english = sk_both_pick (error->message, FALSE);
  g_autofree char *japanese = sk_both_pick (error->message, TRUE);
  if (!strstr (english, en) || !g_str_has_prefix (english, place) || !g_str_has_prefix (japanese, place))
    g_error ("wanted \"%s\" \"%s\", got: %s", place, en, error->message);
  g_assert_cmpstr (english, !=, japanese);
}

static void
test_bad_files (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_files); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SkPolicySet) set = load_text (bad_files[i].text, &error);
      g_autofree char *place = g_strdup_printf ("10-x.policy:%u: ", bad_files[i].line);
      if (set)
        g_error ("taken: %s", bad_files[i].text);
      g_assert_error (error, SK_ERROR, SK_ERROR_INVALID);
      assert_message (error, place, bad_files[i].en);
    }
}

static void
test_nul (void)
{
  static const char text[] = "[a]\naction = allow\0\n";
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  g_autoptr (GError) error = NULL;
  g_assert_false (sk_policy_set_add_file (set, "", "10-x.policy", text, sizeof text - 1, &error));
  assert_message (error, "10-x.policy:2: ", "NUL");
}

/* What a value repeats of a file must not tear the two languages apart. */
static void
test_separator_in_a_value (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = load_text ("[a]\nkind = x / 関所\n", &error);
  g_assert_null (set);
  assert_message (error, "10-x.policy:2: ", "no such word");
}

static void
test_everything_at_once (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = load_text (
      "# a comment\n\n  [full]  \n direction=export\nkind = file, print\ntype = text/*, application/pdf\n"
      "any-type = application/pdf\nsize = 1..1 GiB\ncount = ..10\norganisation = 鴨川町\nsection = 税務課\n"
      "group = staff\nuser = 山田, taro\nchannel = desk, lan\nhour = 22:00-06:00, 08:30-17:15\n"
      "weekday = mon-fri, sun\nfinding = my-number>=3, *\nno-finding = malware\nantivirus = clean\n"
      "action = hold\nprofile = strict\nmax-size = 1GiB\nmax-count = 10\nretention = 0d\n"
      "record-content = yes\none-shot = no\nwipe-after = 30s\nexpires = 7d\nneed-reason = yes\n"
      "need-antivirus = yes\nstage-1 = position:係長, role:leader\nstage-1-need = all\n"
      "stage-1-deputies = user:hanako\nstage-1-within = 4h\nstage-1-escalate = position:課長\n"
      "stage-2 = group:security\nstage-2-need = 2",
      &error);
  g_assert_no_error (error);
  g_autoptr (SkPolicyVerdict) verdict = decide (
      set, "direction=export kind=file type=application/pdf bytes=1MiB organisation=鴨川町 section=税務課 "
           "group=staff user=山田 channel=desk hour=05:59 finding=my-number=3 antivirus=clean");
  g_autofree char *text = sk_policy_verdict_to_text (verdict);
  g_assert_cmpstr (verdict->rule, ==, "10-x:full");
  g_assert_cmpstr (text, ==,
                   "action = hold\nstage-1 = position:係長, role:leader\nstage-1-need = all\n"
                   "stage-1-deputies = user:hanako\nstage-1-within = 240m\nstage-1-escalate = position:課長\n"
                   "stage-2 = group:security\nstage-2-need = 2\nexpires = 10080m\nprofile = strict\n"
                   "max-size = 1073741824\nmax-count = 10\nretention = 0d\nrecord-content = yes\n"
                   "wipe-after = 30s\nneed-reason = yes\nneed-antivirus = yes\n");
}

/* -- limits
 * --------------------------------------------------------------------------------------------------- */

static void
assert_over_limit (const char *text, const char *place, const char *en)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = load_text (text, &error);
  g_assert_null (set);
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  assert_message (error, place, en);
}

static char *
repeat (const char *piece, guint n, const char *end)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < n; i++)
    g_string_append (text, piece);
  g_string_append (text, end);
  return g_string_free (text, FALSE);
}

static void
test_line_limit (void)
{
  g_autofree char *fits = repeat ("#", SK_POLICY_LINE_BYTES_MAX, "\n[a]\n" ALLOW);
  g_autofree char *over = repeat ("#", SK_POLICY_LINE_BYTES_MAX + 1, "\n[a]\n" ALLOW);
  g_autoptr (SkPolicySet) set = load_text (fits, NULL);
  g_assert_nonnull (set);
  assert_over_limit (over, "10-x.policy:1: ", "longer than 1024 bytes");
}

static void
test_file_limit (void)
{
  g_autofree char *fits = repeat ("\n", SK_POLICY_FILE_BYTES_MAX - 19, "[a]\n" ALLOW);
  g_autofree char *over = repeat ("\n", SK_POLICY_FILE_BYTES_MAX - 18, "[b]\n" ALLOW);
  g_autoptr (SkPolicySet) set = load_text (fits, NULL);
  g_assert_cmpuint (strlen (fits), <=, SK_POLICY_FILE_BYTES_MAX);
  g_assert_cmpuint (strlen (over), >, SK_POLICY_FILE_BYTES_MAX);
  g_assert_nonnull (set);
  assert_over_limit (over, "10-x.policy: ", "larger than 64 KiB");
}

static void
test_list_limit (void)
{
  g_autoptr (GString) text = g_string_new ("[a]\n" ALLOW "user = u");
  for (guint i = 1; i < SK_POLICY_LIST_MAX; i++)
    g_string_append_printf (text, ",u%u", i);
  g_autoptr (SkPolicySet) set = load_text (text->str, NULL);
  g_assert_nonnull (set);
  g_string_append (text, ",one-more");
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) over = load_text (text->str, &error);
  g_assert_null (over);
  assert_message (error, "10-x.policy:3: ", "more than 64 elements");
}

/* Rules count over the whole set. */
static void
test_rules_limit (void)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < SK_POLICY_RULES_MAX / 4; i++)
    g_string_append_printf (text, "[r%u]\n" ALLOW, i);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("1%u-x.policy", i);
      g_assert_true (sk_policy_set_add_file (set, "orgs/a", name, text->str, text->len, &error));
    }
  g_assert_cmpuint (sk_policy_set_rules (set), ==, SK_POLICY_RULES_MAX);
  g_assert_false (sk_policy_set_add_file (set, "", "20-x.policy", "[a]\n" ALLOW, 19, &error));
  assert_message (error, "20-x.policy: ", "more than 4096 rules");
}

static void
test_files_limit (void)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < SK_POLICY_FILES_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("20-x%u.policy", i);
      g_assert_true (sk_policy_set_add_file (set, i % 2 ? "" : "orgs/a", name, "", 0, &error));
    }
  g_assert_false (sk_policy_set_add_file (set, "", "30-x.policy", "", 0, &error));
  assert_message (error, "30-x.policy: ", "more than 512 files");
}

/* Half a set is none: what was read before the bad file does not count, and nothing can be added to it. */
static void
test_broken_set (void)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_policy_set_add_file (set, "", "10-x.policy", "[a]\n" ALLOW, 19, &error));
  expect (set, "kind=text", SK_POLICY_ALLOW, "10-x:a", NULL);
  g_assert_false (sk_policy_set_add_file (set, "orgs/town", "10-x.policy", "?", 1, &error));
  expect (set, "kind=text", SK_POLICY_REFUSE, "", "no-rule");
  g_clear_error (&error);
  g_assert_false (sk_policy_set_add_file (set, "", "20-x.policy", "[a]\n" ALLOW, 19, &error));
  assert_message (error, "20-x.policy: ", "a file before this one");
  expect (set, "kind=text", SK_POLICY_REFUSE, "", "no-rule");
}

/* -- which rule answers
 * ----------------------------------------------------------------------------------------- */

static void
test_first_match (void)
{
  g_autoptr (SkPolicySet) set = load_text ("[one]\nkind = text\naction = review\n"
                                           "[two]\nkind = text, image\n" ALLOW,
                                           NULL);
  expect (set, "kind=text", SK_POLICY_REVIEW, "10-x:one", NULL);
  expect (set, "kind=image", SK_POLICY_ALLOW, "10-x:two", NULL);
  expect (set, "kind=file type=text/plain", SK_POLICY_REFUSE, "", "no-rule");
}

static void
test_no_rules (void)
{
  g_autoptr (SkPolicySet) set = load_text ("", NULL);
  expect (set, "kind=text", SK_POLICY_REFUSE, "", "no-rule");
}

static const struct
{
  const char *condition, *yes, *no;
} conditions[] = {
  { "direction = export", "direction=export", "direction=import" },
  { "kind = url, print", "kind=print", "kind=text" },
  { "type = image/*", "type=image/png type=image/jpeg", "type=image/png type=text/plain" },
  { "type = image/*", "type=image/png", "type=imagex/png" },
  { "type = image/png", "type=image/png", "type=image/png-x" },
  { "type = *", "type=a/b", NULL },
  { "any-type = text/*", "type=image/png type=text/plain", "type=image/png" },
  { "size = 10..1KiB", "bytes=10", "bytes=9" },
  { "size = 10..1KiB", "bytes=1024", "bytes=1025" },
  { "size = 10..", "bytes=1TiB", "bytes=0" },
  { "count = ..2", "count=2", "count=3" },
  { "organisation = 鴨川町", "organisation=鴨川町", "organisation=鴨川" },
  { "section = tax", "section=tax", "kind=text" },
  { "group = a, b", "group=c,b", "group=c" },
  { "user = a", "user=a", "user=A" },
  { "user = a", "user=a", "kind=text" },
  { "channel = telework", "channel=telework", "channel=desk" },
  { "hour = 08:30-17:15", "hour=08:30", "hour=17:15" },
  { "hour = 22:00-06:00", "hour=05:59", "hour=06:00" },
  { "hour = 22:00-06:00, 12:00-13:00", "hour=12:30", "hour=21:59" },
  { "weekday = mon-wed, sun", "weekday=sun", "weekday=thu" },
  { "finding = my-number", "finding=my-number", "finding=none" },
  { "finding = my-number>=3", "finding=my-number=2,my-number", "finding=my-number=2" },
  { "finding = *", "finding=phone", "finding=none" },
  { "no-finding = *", "finding=none", "finding=phone" },
  { "no-finding = phone>=2", "finding=phone=1", "finding=phone=2" },
  { "antivirus = clean, unscanned", "antivirus=clean", "antivirus=infected" },
};

static SkPolicyTruth
try_condition (const char *condition, const char *words)
{
  g_autofree char *text = g_strdup_printf ("[a]\n%s\n" ALLOW, condition);
  g_autoptr (SkPolicySet) set = load_text (text, NULL);
  g_autoptr (SkPolicyQuestion) q = ask (words);
  SkPolicyTruth truth = SK_POLICY_NO;
  g_assert_nonnull (set);
  sk_policy_scope_find (sk_policy_set_scope (set, ""), q, &truth);
  return truth;
}

static void
test_conditions (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (conditions); i++)
    {
      SkPolicyTruth yes = try_condition (conditions[i].condition, conditions[i].yes);
      SkPolicyTruth no
          = conditions[i].no ? try_condition (conditions[i].condition, conditions[i].no) : SK_POLICY_NO;
      if (yes != SK_POLICY_YES || no != SK_POLICY_NO)
        g_error ("%s: %d %d", conditions[i].condition, yes, no);
    }
}

/* A condition on what is not known ends the asking with a refusal, whatever its rule and the later ones say;
 * unless another condition of the rule does not hold anyway. */
static void
test_unknown_is_refused (void)
{
  g_autoptr (SkPolicySet) set = load_text ("[bad]\ntype = application/x-executable\nkind = file\n"
                                           "action = refuse\nreason = type-not-allowed\n[rest]\n" ALLOW,
                                           NULL);
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, 0);
  g_assert_cmpint (verdict->action, ==, SK_POLICY_REFUSE);
  g_assert_cmpstr (verdict->reason, ==, "not-inspected");
  g_assert_cmpstr (verdict->rule, ==, "10-x:bad");
  q->types = g_new0 (char *, 1); /* no types at all are none known */
  g_autoptr (SkPolicyVerdict) empty = sk_policy_decide (set, q, 0);
  g_assert_cmpstr (empty->reason, ==, "not-inspected");
  q->kind = SK_KIND_TEXT;
  g_autoptr (SkPolicyVerdict) text = sk_policy_decide (set, q, 0);
  g_assert_cmpint (text->action, ==, SK_POLICY_ALLOW);
}

static void
test_built_in_refusals (void)
{
  g_autoptr (SkPolicySet) set = load_text ("[scan]\nkind = file\nneed-antivirus = yes\n" ALLOW
                                           "[small]\nmax-size = 1KiB\nmax-count = 2\n" ALLOW,
                                           NULL);
  expect (set, "kind=file type=a/b antivirus=clean", SK_POLICY_ALLOW, "10-x:scan", NULL);
  expect (set, "kind=file type=a/b", SK_POLICY_REFUSE, "10-x:scan", "not-scanned");
  expect (set, "kind=text antivirus=infected", SK_POLICY_REFUSE, "10-x:small", "infected");
  expect (set, "kind=text bytes=1KiB count=2", SK_POLICY_ALLOW, "10-x:small", NULL);
  expect (set, "kind=text bytes=1025", SK_POLICY_REFUSE, "10-x:small", "too-large");
  expect (set, "kind=text count=3", SK_POLICY_REFUSE, "10-x:small", "too-many");
  /* What no rule names has a limit all the same. */
  expect (set, "kind=file type=a/b antivirus=clean bytes=64MiB count=100", SK_POLICY_ALLOW, "10-x:scan",
          NULL);
  expect (set, "kind=file type=a/b antivirus=clean count=101", SK_POLICY_REFUSE, "10-x:scan", "too-many");
}

static void
test_sampling (void)
{
  g_autoptr (SkPolicySet) set = load_text ("[a]\naction = review\nreview-rate = 30%\n", NULL);
  g_autoptr (SkPolicyQuestion) q = ask ("kind=text");
  guint sampled = 0;
  for (guint32 i = 0; i < 1000; i++)
    {
      g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, i);
      sampled += verdict->sampled;
    }
  g_assert_cmpuint (sampled, ==, 300);
}

/* -- scopes
 * --------------------------------------------------------------------------------------------------- */

#define TAX "kind=text organisation=town section=tax"

static void
test_scopes_tighten (void)
{
  g_autoptr (SkPolicySet) set = load_scopes (
      "[a]\naction = review\nreview-rate = 10%\nmax-size = 1MiB\nretention = 30d\n",
      "[b]\naction = hold\nstage-1 = role:chief\nmax-size = 2MiB\nretention = 5d\nexpires = 2d\n",
      "[c]\naction = hold\nstage-1 = role:mayor\nmax-count = 3\nprofile = strict\n");
  g_autoptr (SkPolicyVerdict) verdict = decide (set, TAX);
  g_autofree char *rules = g_strjoinv (" ", verdict->rules);
  g_autofree char *text = sk_policy_verdict_to_text (verdict);
  g_assert_cmpstr (verdict->rule, ==, "orgs/town/10-x:b");
  g_assert_cmpstr (rules, ==, "10-x:a orgs/town/10-x:b orgs/town/sections/tax/10-x:c");
  g_assert_cmpstr (text, ==,
                   "action = hold\nreview-rate = 10%\nstage-1 = role:chief\nstage-1-need = 1\n"
                   "stage-2 = role:mayor\nstage-2-need = 1\nexpires = 2880m\nprofile = strict\n"
                   "max-size = 1048576\nmax-count = 3\nretention = 30d\n");
  expect (set, "kind=text organisation=town section=water", SK_POLICY_HOLD, "orgs/town/10-x:b", NULL);
  expect (set, "kind=text organisation=city section=tax", SK_POLICY_REVIEW, "10-x:a", NULL);
  expect (set, "kind=text section=tax", SK_POLICY_REVIEW, "10-x:a", NULL);
}

static void
test_scopes_never_loosen (void)
{
  g_autoptr (SkPolicySet) set = load_scopes ("[a]\nkind = image\naction = refuse\nreason = not-allowed\n",
                                             "[b]\n" ALLOW, "[c]\n" ALLOW);
  expect (set, TAX, SK_POLICY_REFUSE, "", "no-rule");
  expect (set, "kind=image organisation=town section=tax", SK_POLICY_REFUSE, "10-x:a", "not-allowed");
}

/* A lower scope that has nothing to say adds nothing; one that cannot tell refuses. */
static void
test_scopes_silent (void)
{
  g_autoptr (SkPolicySet) set
      = load_scopes ("[a]\n" ALLOW, "[b]\nkind = file\ntype = a/b\naction = review\n", NULL);
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  expect (set, TAX, SK_POLICY_ALLOW, "10-x:a", NULL);
  q->organisation = g_strdup ("town");
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, 0);
  g_assert_cmpstr (verdict->reason, ==, "not-inspected");
  g_assert_cmpstr (verdict->rule, ==, "orgs/town/10-x:b");
}

/* が as one character, and as か with a mark. A name that leads elsewhere leads nowhere. */
static void
test_scope_names (void)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  static const char refuse[] = "[b]\naction = refuse\nreason = not-allowed\n";
  g_assert_true (sk_policy_set_add_file (set, "", "10-x.policy", "[a]\n" ALLOW, 19, NULL));
  g_assert_true (sk_policy_set_add_file (set, "orgs/\u304c", "10-x.policy", refuse, strlen (refuse), NULL));
  g_assert_true (
      sk_policy_set_add_file (set, "orgs/a/sections/b", "10-x.policy", refuse, strlen (refuse), NULL));
  sk_policy_set_seal (set);
  expect (set, "kind=text organisation=\u304b\u3099", SK_POLICY_REFUSE, "orgs/\u304c/10-x:b", "not-allowed");
  expect (set, "kind=text organisation=a/sections/b", SK_POLICY_ALLOW, "10-x:a", NULL);
}

/* -- plan
 * ----------------------------------------------------------------------------------------------------- */

static SkPolicyPlan *
plan (SkPolicySet *set, const char *organisation, guint64 bytes)
{
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  q->organisation = g_strdup (organisation);
  q->bytes = bytes;
  return sk_policy_plan (set, q);
}

static void
test_plan (void)
{
  g_autoptr (SkPolicySet) set
      = load_scopes ("[pic]\ntype = image/*\nmax-size = 8MiB\nneed-antivirus = yes\n" ALLOW
                     "[text]\ntype = text/*\nmax-size = 1MiB\nprofile = strict\n" ALLOW
                     "[rest]\naction = refuse\nreason = type-not-allowed\n",
                     "[small]\nmax-size = 2MiB\n" ALLOW, NULL);
  g_autoptr (SkPolicyPlan) base = plan (set, NULL, 1);
  g_assert_false (base->refused);
  g_assert_cmpuint (base->bytes_max, ==, 8 << 20);
  g_assert_cmpuint (base->count_max, ==, SK_POLICY_COUNT_DEFAULT);
  g_assert_cmpstr (base->profile, ==, "strict");
  g_assert_true (base->need_antivirus && !base->need_reason);
  g_autoptr (SkPolicyPlan) town = plan (set, "town", 1);
  g_assert_cmpuint (town->bytes_max, ==, 2 << 20);
  g_autoptr (SkPolicyPlan) large = plan (set, "town", 3 << 20);
  g_assert_true (large->refused);
  g_assert_cmpstr (large->reason, ==, "too-large");
  g_autoptr (SkPolicyPlan) unknown = plan (set, "town", SK_POLICY_BYTES_UNKNOWN);
  g_assert_false (unknown->refused);
}

static void
test_plan_refuses_early (void)
{
  g_autoptr (SkPolicySet) set
      = load_scopes ("[bad]\ntype = a/b\naction = refuse\nreason = type-not-allowed\n"
                     "[file]\nkind = file\naction = refuse\nreason = telework\n[rest]\n" ALLOW,
                     NULL, NULL);
  g_autoptr (SkPolicyPlan) file = plan (set, NULL, 1);
  g_assert_true (file->refused);
  g_assert_cmpstr (file->rule, ==, "10-x:bad");
  g_assert_cmpstr (file->reason, ==, "type-not-allowed");
  g_autoptr (SkPolicySet) nothing = load_text ("[a]\nkind = text\n" ALLOW, NULL);
  g_autoptr (SkPolicyPlan) none = plan (nothing, NULL, 1);
  g_assert_true (none->refused);
  g_assert_cmpstr (none->reason, ==, "no-rule");
  g_assert_true (none->reason_ja && *none->reason_ja);
}

/* -- explain, diff, version
 * ----------------------------------------------------------------------------------- */

static void
test_explain (void)
{
  g_autoptr (SkPolicySet) set = load_scopes ("[one]\nkind = image\n" ALLOW "[two]\ntype = text/*\n" ALLOW,
                                             "[three]\nuser = taro\n" ALLOW, NULL);
  g_autoptr (SkPolicyQuestion) q = ask (TAX);
  g_autofree char *en = sk_policy_explain (set, q, FALSE), *ja = sk_policy_explain (set, q, TRUE);
  g_assert_true (
      g_str_has_prefix (en, "10-x:one: does not match: kind is \"text\", the rule wants \"image\"\n"
                            "10-x:two: matches: allow\n"
                            "orgs/town/10-x:three: does not match: user is \"\", the rule wants \"taro\"\n"
                            "orgs/town: no rule matches, nothing is added\n"
                            "\ndecided by: 10-x:two\naction = allow\n"));
  g_assert_true (
      g_str_has_prefix (ja, "10-x:one: 不一致: kind は「text」、規則は「image」\n10-x:two: 一致: allow\n"));
  g_strfreev (q->types);
  q->types = NULL;
  g_autofree char *unknown = sk_policy_explain (set, q, FALSE);
  g_assert_nonnull (
      strstr (unknown, "10-x:two: cannot be told: type is not known, the rule wants \"text/*\"\n"));
}

static char *
diff_texts (const char *before, const char *after)
{
  g_autoptr (SkPolicySet) a = load_text (before, NULL), b = load_text (after, NULL);
  g_autoptr (GPtrArray) changes = sk_policy_diff (a, b);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < changes->len; i++)
    {
      const SkPolicyChange *change = changes->pdata[i];
      g_string_append_printf (text, "%s %s %s %s>%s\n", change->change, change->rule, change->key,
                              change->before, change->after);
    }
  return g_string_free (text, FALSE);
}

static void
test_diff (void)
{
  g_autofree char *same = diff_texts ("[a]\n" ALLOW, "# other\n[a]\n" ALLOW);
  g_autofree char *keys
      = diff_texts ("[a]\nkind = text\naction = hold\nstage-1 = role:a\nstage-1-need = 2\n",
                    "[a]\nuser = taro\naction = hold\nstage-1 = role:b\nstage-2 = role:c\n");
  g_autofree char *rules
      = diff_texts ("[a]\n" ALLOW "[b]\n" ALLOW "[c]\n" ALLOW, "[b]\n" ALLOW "[a]\n" ALLOW "[d]\n" ALLOW);
  g_assert_cmpstr (same, ==, "");
  g_assert_cmpstr (keys, ==,
                   "changed 10-x:a kind text>\nchanged 10-x:a user >taro\n"
                   "changed 10-x:a stage-1 role:a>role:b\nchanged 10-x:a stage-1-need 2>\n"
                   "changed 10-x:a stage-2 >role:c\n");
  g_assert_cmpstr (rules, ==,
                   "removed 10-x:c  allow>\nmoved 10-x:b  10-x:a>\nmoved 10-x:a  >10-x:b\n"
                   "added 10-x:d  >allow\n");
}

/* -- folders
 * ---------------------------------------------------------------------------------------------------- */

static char *
make_dir (void)
{
  g_autoptr (GError) error = NULL;
  char *dir = g_dir_make_tmp ("policy-XXXXXX", &error);
  g_assert_no_error (error);
  return dir;
}

static void
put (const char *dir, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (dir, name, NULL), *parent = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (g_chmod (path, 0644), ==, 0);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      remove_tree (child);
    }
  g_assert_cmpint (g_remove (path), ==, 0);
}

static char *
version_of (const char *dir)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = sk_policy_load (dir, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (sk_policy_version (set)), ==, 64);
  return g_strdup (sk_policy_version (set));
}

static void
test_folder (void)
{
  g_autofree char *dir = make_dir ();
  put (dir, "20-b.policy", "[b]\n" ALLOW);
  put (dir, "10-a.policy", "[a]\nkind = image\naction = review\n");
  put (dir, "README.md", "not a policy");
  put (dir, ".hidden.policy", "nonsense");
  put (dir, "orgs/鴨川町/10-c.policy", "[c]\naction = review\nreview-rate = 1%\n");
  put (dir, "orgs/鴨川町/sections/税務課/10-d.policy", "[d]\naction = refuse\nreason = not-allowed\n");
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = sk_policy_load (dir, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (sk_policy_set_files (set), ==, 4);
  g_assert_cmpuint (sk_policy_set_rules (set), ==, 4);
  expect (set, "kind=image", SK_POLICY_REVIEW, "10-a:a", NULL);
  expect (set, "kind=text organisation=鴨川町", SK_POLICY_REVIEW, "orgs/鴨川町/10-c:c", NULL);
  expect (set, "kind=text organisation=鴨川町 section=税務課", SK_POLICY_REFUSE,
          "orgs/鴨川町/sections/税務課/10-d:d", "not-allowed");
  remove_tree (dir);
}

/* The version follows names and bytes, and only those of rules. */
static void
test_version (void)
{
  g_autofree char *dir = make_dir ();
  put (dir, "10-a.policy", "[a]\n" ALLOW);
  g_autofree char *first = version_of (dir), *again = version_of (dir);
  put (dir, "README.md", "x");
  g_autofree char *readme = version_of (dir);
  put (dir, "10-a.policy", "[a]\n" ALLOW "#");
  g_autofree char *bytes = version_of (dir);
  put (dir, "20-b.policy", "");
  g_autofree char *file = version_of (dir);
  g_assert_cmpstr (first, ==, again);
  g_assert_cmpstr (first, ==, readme);
  g_assert_cmpstr (first, !=, bytes);
  g_assert_cmpstr (bytes, !=, file);
  remove_tree (dir);
}

static const struct
{
  const char *name, *text, *en;
} bad_folders[] = {
  { "export.policy", "[a]\n" ALLOW, "call it NN-name.policy" },
  { "1-a.policy", "[a]\n" ALLOW, "call it NN-name.policy" },
  { "10-.policy", "[a]\n" ALLOW, "call it NN-name.policy" },
  { "10-A.policy", "[a]\n" ALLOW, "call it NN-name.policy" },
  { "org/town/10-a.policy", "[a]\n" ALLOW, "this folder means nothing here" },
  { "sections/tax/10-a.policy", "[a]\n" ALLOW, "this folder means nothing here" },
  { "orgs/10-a.policy", "[a]\n" ALLOW, "only folders belong here" },
  { "orgs/.town/10-a.policy", "[a]\n" ALLOW, NULL },
  { "orgs/town/orgs/x/10-a.policy", "[a]\n" ALLOW, "this folder means nothing here" },
  { "orgs/town/sections/tax/sections/x/10-a.policy", "[a]\n" ALLOW, "this folder means nothing here" },
  { "orgs/town/sections/tax/10-a.policy", "[a]\naction = allow?\n", "write allow, review" },
  { "20-a.policy/x", "", "this folder means nothing here" },
};

/* One bad thing anywhere, and nothing is loaded. */
static void
test_bad_folders (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_folders); i++)
    {
      g_autofree char *dir = make_dir ();
      g_autoptr (GError) error = NULL;
      put (dir, "10-good.policy", "[good]\n" ALLOW);
      put (dir, bad_folders[i].name, bad_folders[i].text);
      g_autoptr (SkPolicySet) set = sk_policy_load (dir, &error);
      if (!bad_folders[i].en)
        g_assert_no_error (error); /* hidden: not ours */
      else if (set || !strstr (error->message, bad_folders[i].en))
        g_error ("%s: %s", bad_folders[i].name, set ? "taken" : error->message);
      remove_tree (dir);
    }
}

static void
assert_not_loaded (const char *dir, SkErrorCode code, const char *en)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = sk_policy_load (dir, &error);
  g_assert_null (set);
  g_assert_error (error, SK_ERROR, (int) code);
  if (!strstr (error->message, en))
    g_error ("%s", error->message);
}

static void
test_bad_files_on_disk (void)
{
  g_autofree char *dir = make_dir (), *path = g_build_filename (dir, "10-a.policy", NULL);
  g_autofree char *none = g_build_filename (dir, "none", NULL);
  g_autofree char *over = repeat ("#\n", SK_POLICY_FILE_BYTES_MAX, "");
  assert_not_loaded (none, SK_ERROR_NOT_FOUND, "cannot be read");
  put (dir, "10-a.policy", over);
  assert_not_loaded (dir, SK_ERROR_LIMIT, "larger than 64 KiB");
  put (dir, "10-a.policy", "[a]\n" ALLOW);
  g_assert_cmpint (g_chmod (path, 0646), ==, 0);
  assert_not_loaded (dir, SK_ERROR_INVALID, "everybody may write");
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (symlink ("/nowhere", path), ==, 0);
  assert_not_loaded (dir, SK_ERROR_NOT_FOUND, "cannot be read");
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0); /* and nobody waits for its other end */
  assert_not_loaded (dir, SK_ERROR_INVALID, "not a file");
  remove_tree (dir);
}

/* -- described questions
 * ---------------------------------------------------------------------------------------- */

static const char *const bad_questions[][2] = {
  { "colour", "red" },     { "direction", "out" }, { "kind", "parcel" },         { "type", "image/*" },
  { "bytes", "ten" },      { "count", "-1" },      { "channel", "home" },        { "hour", "25:00" },
  { "weekday", "monday" }, { "finding", "a b" },   { "finding", "my-number=x" }, { "antivirus", "yes" },
  { "user", "\xff" },      { "group", "a,,b" },
};

static void
test_bad_questions (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_questions); i++)
    {
      g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
      g_autoptr (GError) error = NULL;
      g_assert_false (sk_policy_question_set (q, bad_questions[i][0], bad_questions[i][1], &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_INVALID);
      assert_message (error, bad_questions[i][0], ":");
    }
}

static const struct
{
  const char *text;
  guint line;
  const char *en;
} bad_tests[] = {
  { "", 0, "no test in it" },
  { "[a]\nkind = text\nexpect = allow\n", 1, "write direction and kind" },
  { "[a]\ndirection = import\nkind = text\n", 1, "nothing is expected" },
  { "[a]\ndirection = import\nkind = text\nexpect = pass\n", 1, "nothing is expected" },
  { "[a]\ndirection = import\nkind = text\ncolour = red\nexpect = allow\n", 4, "no such key" },
  { "[a]\ndirection = import\nkind = text\nbytes = x\nexpect = allow\n", 4, "not a size" },
};

static void
test_bad_tests (void)
{
  g_autoptr (SkPolicySet) set = load_text ("[a]\n" ALLOW, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_tests); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) tests
          = sk_policy_test_run (set, "x.tests", bad_tests[i].text, strlen (bad_tests[i].text), &error);
      g_autofree char *place
          = bad_tests[i].line ? g_strdup_printf ("x.tests:%u: ", bad_tests[i].line) : g_strdup ("x.tests: ");
      g_assert_null (tests);
      assert_message (error, place, bad_tests[i].en);
    }
}

/* Every expectation can fail, and says how. */
static void
test_tests (void)
{
  static const char text[]
      = "[ok]\ndirection = import\nkind = text\nexpect = hold\nexpect-rule = 10-x:a\n"
        "expect-profile = strict\nexpect-approvers = role:a, user:b, role:c\n"
        "[action]\ndirection = import\nkind = text\nexpect = allow\n"
        "[rule]\ndirection = import\nkind = text\nexpect = hold\nexpect-rule = 10-x:b\n"
        "[reason]\ndirection = import\nkind = url\nexpect = refuse\nexpect-reason = telework\n"
        "[who]\ndirection = import\nkind = text\nexpect = hold\nexpect-approvers = role:a\n"
        "[profile]\ndirection = import\nkind = text\nexpect = hold\nexpect-profile = standard\n";
  static const char *const got[] = { "hold",
                                     "hold",
                                     "rule = 10-x:a",
                                     "reason = no-rule",
                                     "approvers = role:a, user:b, role:c",
                                     "profile = strict" };
  g_autoptr (SkPolicySet) set = load_text ("[a]\nkind = text\naction = hold\nprofile = strict\n"
                                           "stage-1 = role:a, user:b\nstage-2 = role:c\n",
                                           NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) tests = sk_policy_test_run (set, "x.tests", text, strlen (text), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tests->len, ==, G_N_ELEMENTS (got));
  for (guint i = 0; i < tests->len; i++)
    {
      const SkPolicyTest *test = tests->pdata[i];
      g_assert_true (test->passed == (i == 0));
      g_assert_cmpstr (test->got, ==, got[i]);
    }
}

static void
test_question_time (void)
{
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  g_autoptr (GDateTime) time = g_date_time_new_local (2026, 11, 29, 23, 59, 59); /* a Sunday */
  sk_policy_question_set_time (q, time);
  g_assert_cmpuint (q->minute, ==, 23 * 60 + 59);
  g_assert_cmpuint (q->weekday, ==, 7);
}

static void
test_words (void)
{
  SkCross cross;
  SkKind kind;
  for (guint i = 0; i < _SK_CROSS_LAST; i++)
    g_assert_true (sk_cross_from_word (sk_cross_word (i), &cross) && cross == i);
  for (guint i = 0; i < _SK_KIND_LAST; i++)
    g_assert_true (sk_kind_from_word (sk_kind_word (i), &kind) && kind == i);
  g_assert_false (sk_cross_from_word ("Import", &cross) || sk_cross_from_word (NULL, &cross));
  g_assert_false (sk_kind_from_word ("", &kind) || sk_kind_from_word (NULL, &kind));
}

static void
test_profiles (void)
{
  g_assert_true (sk_policy_profile_covers ("strict", "standard"));
  g_assert_true (sk_policy_profile_covers ("standard", "standard"));
  g_assert_false (sk_policy_profile_covers ("standard", "strict"));
  g_assert_false (sk_policy_profile_covers (NULL, "standard"));
  g_assert_false (sk_policy_profile_covers ("strict", "other"));
}

/* What is saved is the same set, with its scopes and lines that only people read. */
static void
test_save (void)
{
  g_autofree char *dir = g_dir_make_tmp ("sk-policy-XXXXXX", NULL);
  g_autofree char *copy = g_build_filename (dir, "copy", NULL);
  g_autofree char *file = g_build_filename (copy, "orgs", "town", "sections", "tax", "10-x.policy", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set
      = load_scopes ("# 注釈\n[a]\n" ALLOW, "[b]\nkind = file\n" ALLOW, "[c]\nkind = url\n" ALLOW);
  g_assert_true (sk_policy_save (set, copy, &error));
  g_assert_no_error (error);
  g_autoptr (SkPolicySet) again = sk_policy_load (copy, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (sk_policy_version (again), ==, sk_policy_version (set));
  g_assert_cmpuint (sk_policy_set_rules (again), ==, 3);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "[c]\nkind = url\n" ALLOW);
  /* A file in the way of the folder. */
  g_assert_false (sk_policy_save (set, file, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  const char *const command[] = { "rm", "-r", dir, NULL };
  g_assert_true (
      g_spawn_sync (NULL, (char **) command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/words", test_words);
  g_test_add_func ("/policy/profiles", test_profiles);
  g_test_add_func ("/policy/format/bad", test_bad_files);
  g_test_add_func ("/policy/format/nul", test_nul);
  g_test_add_func ("/policy/format/separator", test_separator_in_a_value);
  g_test_add_func ("/policy/format/everything", test_everything_at_once);
  g_test_add_func ("/policy/limit/line", test_line_limit);
  g_test_add_func ("/policy/limit/file", test_file_limit);
  g_test_add_func ("/policy/limit/list", test_list_limit);
  g_test_add_func ("/policy/limit/rules", test_rules_limit);
  g_test_add_func ("/policy/limit/files", test_files_limit);
  g_test_add_func ("/policy/folder/broken", test_broken_set);
  g_test_add_func ("/policy/match/first", test_first_match);
  g_test_add_func ("/policy/match/no-rules", test_no_rules);
  g_test_add_func ("/policy/match/conditions", test_conditions);
  g_test_add_func ("/policy/match/unknown", test_unknown_is_refused);
  g_test_add_func ("/policy/match/built-in", test_built_in_refusals);
  g_test_add_func ("/policy/match/sampling", test_sampling);
  g_test_add_func ("/policy/scopes/tighten", test_scopes_tighten);
  g_test_add_func ("/policy/scopes/never-loosen", test_scopes_never_loosen);
  g_test_add_func ("/policy/scopes/silent", test_scopes_silent);
  g_test_add_func ("/policy/scopes/names", test_scope_names);
  g_test_add_func ("/policy/plan/limits", test_plan);
  g_test_add_func ("/policy/plan/early", test_plan_refuses_early);
  g_test_add_func ("/policy/explain", test_explain);
  g_test_add_func ("/policy/diff", test_diff);
  g_test_add_func ("/policy/folder/load", test_folder);
  g_test_add_func ("/policy/folder/version", test_version);
  g_test_add_func ("/policy/folder/bad", test_bad_folders);
  g_test_add_func ("/policy/folder/bad-files", test_bad_files_on_disk);
  g_test_add_func ("/policy/save", test_save);
  g_test_add_func ("/policy/question/bad", test_bad_questions);
  g_test_add_func ("/policy/tests/bad", test_bad_tests);
  g_test_add_func ("/policy/tests/differences", test_tests);
  g_test_add_func ("/policy/question/time", test_question_time);
  return g_test_run ();
}
