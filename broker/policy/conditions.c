/* Conditions: how each is read, whether it holds for a question, and what the question says about it. */
#include "policy/policy-private.h"
#include <string.h>

const char *const sk_channel_words[] = { "desk", "lan", "telework", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (sk_channel_words) == _SK_CHANNEL_LAST + 1);
const char *const sk_policy_antivirus_words[] = { "clean", "infected", "unscanned", NULL };
const char *const sk_policy_weekday_words[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

static SkPolicyTruth
truth (gboolean holds)
{
  return holds ? SK_POLICY_YES : SK_POLICY_NO;
}

static gboolean
in_list (char **list, const char *text)
{
  return text && *text && g_strv_contains ((const char *const *) list, text);
}

/* -- direction, kind, channel ---------------------------------------------------------------------------- */

static gboolean
parse_direction (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_words (value, sk_cross_words, &rule->directions, trouble);
}

static SkPolicyTruth
test_direction (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (rule->directions & (1u << q->direction));
}

static char *
show_direction (const SkPolicyQuestion *q)
{
  return g_strdup (sk_cross_word (q->direction));
}

static gboolean
parse_kind (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_words (value, sk_kind_words, &rule->kinds, trouble);
}

static SkPolicyTruth
test_kind (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (rule->kinds & (1u << q->kind));
}

static char *
show_kind (const SkPolicyQuestion *q)
{
  return g_strdup (sk_kind_word (q->kind));
}

static gboolean
parse_channel (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_words (value, sk_channel_words, &rule->channels, trouble);
}

static SkPolicyTruth
test_channel (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (rule->channels & (1u << q->channel));
}

static char *
show_channel (const SkPolicyQuestion *q)
{
  return g_strdup (sk_channel_words[q->channel]);
}

/* -- types --------------------------------------------------------------------------------------------------
 */

static gboolean
parse_patterns (const char *value, char ***ret_patterns, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) patterns = sk_policy_value_list (value, trouble);
  for (char **pattern = patterns; pattern && *pattern; pattern++)
    if (!sk_policy_value_type (*pattern, TRUE, trouble))
      return FALSE;
  *ret_patterns = g_steal_pointer (&patterns);
  return *ret_patterns != NULL;
}

static gboolean
type_matches (char **patterns, const char *type)
{
  for (char **pattern = patterns; *pattern; pattern++)
    {
      gsize length = strlen (*pattern);
      if (strcmp (*pattern, "*") == 0 || strcmp (*pattern, type) == 0)
        return TRUE;
      if (g_str_has_suffix (*pattern, "/*") && strncmp (*pattern, type, length - 1) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
types_known (const SkPolicyQuestion *q)
{
  return q->types && *q->types;
}

static gboolean
parse_type (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_patterns (value, &rule->types, trouble);
}

/* All items: one stranger among ten pictures is no transfer of pictures. */
static SkPolicyTruth
test_type (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  if (!types_known (q))
    return SK_POLICY_UNKNOWN;
  for (char **type = q->types; *type; type++)
    if (!type_matches (rule->types, *type))
      return SK_POLICY_NO;
  return SK_POLICY_YES;
}

static gboolean
parse_any_type (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_patterns (value, &rule->any_types, trouble);
}

static SkPolicyTruth
test_any_type (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  if (!types_known (q))
    return SK_POLICY_UNKNOWN;
  for (char **type = q->types; *type; type++)
    if (type_matches (rule->any_types, *type))
      return SK_POLICY_YES;
  return SK_POLICY_NO;
}

static char *
show_types (const SkPolicyQuestion *q)
{
  return types_known (q) ? g_strjoinv (", ", q->types) : g_strdup ("?");
}

/* -- size and count
 * ------------------------------------------------------------------------------------------ */

static gboolean
parse_size (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_range (value, TRUE, &rule->size, trouble);
}

static SkPolicyTruth
test_size (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  if (q->bytes == SK_POLICY_BYTES_UNKNOWN)
    return SK_POLICY_UNKNOWN;
  return truth (q->bytes >= rule->size.least && q->bytes <= rule->size.most);
}

static char *
show_size (const SkPolicyQuestion *q)
{
  return q->bytes == SK_POLICY_BYTES_UNKNOWN ? g_strdup ("?")
                                             : g_strdup_printf ("%" G_GUINT64_FORMAT, q->bytes);
}

static gboolean
parse_count (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_range (value, FALSE, &rule->count, trouble);
}

static SkPolicyTruth
test_count (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  if (q->count == SK_POLICY_COUNT_UNKNOWN)
    return SK_POLICY_UNKNOWN;
  return truth (q->count >= rule->count.least && q->count <= rule->count.most);
}

static char *
show_count (const SkPolicyQuestion *q)
{
  return q->count == SK_POLICY_COUNT_UNKNOWN ? g_strdup ("?") : g_strdup_printf ("%u", q->count);
}

/* -- people
 * -------------------------------------------------------------------------------------------------- */

static gboolean
parse_names (const char *value, char ***ret_names, SkPolicyTrouble *trouble)
{
  *ret_names = sk_policy_value_list (value, trouble);
  return *ret_names != NULL;
}

static gboolean
parse_organisation (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_names (value, &rule->organisations, trouble);
}

static SkPolicyTruth
test_organisation (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (in_list (rule->organisations, q->organisation));
}

static char *
show_organisation (const SkPolicyQuestion *q)
{
  return g_strdup (q->organisation ? q->organisation : "");
}

static gboolean
parse_section (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_names (value, &rule->sections, trouble);
}

static SkPolicyTruth
test_section (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (in_list (rule->sections, q->section));
}

static char *
show_section (const SkPolicyQuestion *q)
{
  return g_strdup (q->section ? q->section : "");
}

static gboolean
parse_group (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_names (value, &rule->groups, trouble);
}

static SkPolicyTruth
test_group (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  for (char **group = q->groups; group && *group; group++)
    if (in_list (rule->groups, *group))
      return SK_POLICY_YES;
  return SK_POLICY_NO;
}

static char *
show_group (const SkPolicyQuestion *q)
{
  return q->groups ? g_strjoinv (", ", q->groups) : g_strdup ("");
}

static gboolean
parse_user (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_names (value, &rule->users, trouble);
}

static SkPolicyTruth
test_user (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (in_list (rule->users, q->user));
}

static char *
show_user (const SkPolicyQuestion *q)
{
  return g_strdup (q->user ? q->user : "");
}

/* -- time
 * ---------------------------------------------------------------------------------------------------- */

static gboolean
parse_one_hours (const char *text, SkPolicyHours *ret, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) ends = g_strsplit (text, "-", 3);
  if (g_strv_length (ends) != 2)
    return sk_policy_trouble (trouble, "not a time span; write 08:30-17:15",
                              "時間帯ではありません。08:30-17:15 のように書いてください");
  if (!sk_policy_value_clock (ends[0], &ret->from, trouble)
      || !sk_policy_value_clock (ends[1], &ret->to, trouble))
    return FALSE;
  if (ret->from == ret->to)
    return sk_policy_trouble (trouble, "the time span is empty; leave the key out for the whole day",
                              "時間帯が空です。終日ならこのキーを書かないでください");
  return TRUE;
}

static gboolean
parse_hour (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  for (char **item = items; item && *item; item++)
    {
      SkPolicyHours hours;
      if (!parse_one_hours (*item, &hours, trouble))
        return FALSE;
      g_array_append_val (rule->hours, hours);
    }
  return items != NULL;
}

/* The end does not belong to it: 17:15 is after work. */
static SkPolicyTruth
test_hour (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  for (guint i = 0; i < rule->hours->len; i++)
    {
      SkPolicyHours hours = g_array_index (rule->hours, SkPolicyHours, i);
      gboolean from = q->minute >= hours.from, to = q->minute < hours.to;
      if (hours.from < hours.to ? from && to : from || to)
        return SK_POLICY_YES;
    }
  return SK_POLICY_NO;
}

static char *
show_hour (const SkPolicyQuestion *q)
{
  return g_strdup_printf ("%02u:%02u", q->minute / 60, q->minute % 60);
}

static gboolean
parse_weekday (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_weekdays (value, &rule->weekdays, trouble);
}

static SkPolicyTruth
test_weekday (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return truth (q->weekday >= 1 && q->weekday <= 7 && (rule->weekdays & (1u << (q->weekday - 1))));
}

static char *
show_weekday (const SkPolicyQuestion *q)
{
  return g_strdup (q->weekday >= 1 && q->weekday <= 7 ? sk_policy_weekday_words[q->weekday - 1] : "?");
}

/* -- what the inspection found
 * ------------------------------------------------------------------------------- */

static void
free_finding_spec (gpointer data)
{
  SkPolicyFindingSpec *spec = data;
  g_free (spec->kind);
  g_free (spec);
}

static gboolean
parse_finding_spec (const char *text, GPtrArray *specs, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) parts = g_strsplit (text, ">=", 2);
  const char *kind = g_strstrip (parts[0]);
  guint64 least = 1;
  SkPolicyFindingSpec *spec;
  if (strcmp (kind, "*") != 0 && !sk_policy_name_is_valid (kind))
    return sk_policy_trouble (
        trouble, "not a finding; write my-number, my-number>=3 or * for any",
        "検出の名前ではありません。my-number、my-number>=3、*（すべて）のように書いてください");
  if (parts[1] && !sk_policy_value_number (g_strstrip (parts[1]), 1, G_MAXUINT32, &least, trouble))
    return FALSE;
  spec = g_new0 (SkPolicyFindingSpec, 1);
  spec->kind = g_strdup (kind);
  spec->least = (guint) least;
  g_ptr_array_add (specs, spec);
  return TRUE;
}

static gboolean
parse_finding_specs (const char *value, GPtrArray **ret_specs, SkPolicyTrouble *trouble)
{
  g_autoptr (GPtrArray) specs = g_ptr_array_new_with_free_func (free_finding_spec);
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  for (char **item = items; item && *item; item++)
    if (!parse_finding_spec (*item, specs, trouble))
      return FALSE;
  *ret_specs = g_steal_pointer (&specs);
  return items != NULL;
}

/* Findings come from the inspection of several items: equal kinds add up. */
static guint64
count_findings (const SkPolicyQuestion *q, const char *kind)
{
  guint64 n = 0;
  for (guint i = 0; q->findings && i < q->findings->len; i++)
    {
      const SkPolicyFinding *finding = q->findings->pdata[i];
      if (strcmp (kind, "*") == 0 || strcmp (kind, finding->kind) == 0)
        n += finding->count;
    }
  return n;
}

static gboolean
has_any (const GPtrArray *specs, const SkPolicyQuestion *q)
{
  for (guint i = 0; i < specs->len; i++)
    {
      const SkPolicyFindingSpec *spec = specs->pdata[i];
      if (count_findings (q, spec->kind) >= spec->least)
        return TRUE;
    }
  return FALSE;
}

static gboolean
parse_finding (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_finding_specs (value, &rule->findings, trouble);
}

static SkPolicyTruth
test_finding (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return q->findings_known ? truth (has_any (rule->findings, q)) : SK_POLICY_UNKNOWN;
}

static gboolean
parse_no_finding (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return parse_finding_specs (value, &rule->not_findings, trouble);
}

static SkPolicyTruth
test_no_finding (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  return q->findings_known ? truth (!has_any (rule->not_findings, q)) : SK_POLICY_UNKNOWN;
}

static char *
show_findings (const SkPolicyQuestion *q)
{
  gboolean none = !q->findings || q->findings->len == 0;
  GString *text = g_string_new (!q->findings_known ? "?" : none ? "none" : "");
  for (guint i = 0; q->findings_known && q->findings && i < q->findings->len; i++)
    {
      const SkPolicyFinding *finding = q->findings->pdata[i];
      g_string_append_printf (text, "%s%s=%u", i ? ", " : "", finding->kind, finding->count);
    }
  return g_string_free (text, FALSE);
}

static gboolean
parse_antivirus (SkPolicyRule *rule, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_words (value, sk_policy_antivirus_words, &rule->antivirus, trouble);
}

static SkPolicyTruth
test_antivirus (const SkPolicyRule *rule, const SkPolicyQuestion *q)
{
  for (guint i = 0; q->antivirus && sk_policy_antivirus_words[i]; i++)
    if (strcmp (q->antivirus, sk_policy_antivirus_words[i]) == 0)
      return truth (rule->antivirus & (1u << i));
  return SK_POLICY_UNKNOWN;
}

static char *
show_antivirus (const SkPolicyQuestion *q)
{
  return g_strdup (q->antivirus ? q->antivirus : "?");
}

const SkPolicyKey sk_policy_conditions[SK_POLICY_CONDITIONS] = {
  [SK_KEY_DIRECTION] = { "direction", parse_direction, test_direction, show_direction },
  [SK_KEY_KIND] = { "kind", parse_kind, test_kind, show_kind },
  [SK_KEY_TYPE] = { "type", parse_type, test_type, show_types },
  [SK_KEY_ANY_TYPE] = { "any-type", parse_any_type, test_any_type, show_types },
  [SK_KEY_SIZE] = { "size", parse_size, test_size, show_size },
  [SK_KEY_COUNT] = { "count", parse_count, test_count, show_count },
  [SK_KEY_ORGANISATION] = { "organisation", parse_organisation, test_organisation, show_organisation },
  [SK_KEY_SECTION] = { "section", parse_section, test_section, show_section },
  [SK_KEY_GROUP] = { "group", parse_group, test_group, show_group },
  [SK_KEY_USER] = { "user", parse_user, test_user, show_user },
  [SK_KEY_CHANNEL] = { "channel", parse_channel, test_channel, show_channel },
  [SK_KEY_HOUR] = { "hour", parse_hour, test_hour, show_hour },
  [SK_KEY_WEEKDAY] = { "weekday", parse_weekday, test_weekday, show_weekday },
  [SK_KEY_FINDING] = { "finding", parse_finding, test_finding, show_findings },
  [SK_KEY_NO_FINDING] = { "no-finding", parse_no_finding, test_no_finding, show_findings },
  [SK_KEY_ANTIVIRUS] = { "antivirus", parse_antivirus, test_antivirus, show_antivirus },
};

/* What does not hold counts before what is not known: such a rule is passed whatever comes out later. */
SkPolicyTruth
sk_policy_rule_test (const SkPolicyRule *rule, const SkPolicyQuestion *q, SkPolicyKeyId *ret_key)
{
  SkPolicyTruth all = SK_POLICY_YES;
  for (guint key = 0; key < SK_POLICY_CONDITIONS && all != SK_POLICY_NO; key++)
    {
      SkPolicyTruth one
          = sk_policy_rule_gives (rule, key) ? sk_policy_conditions[key].test (rule, q) : SK_POLICY_YES;
      if (one < all)
        {
          all = one;
          *ret_key = (SkPolicyKeyId) key;
        }
    }
  return all;
}
