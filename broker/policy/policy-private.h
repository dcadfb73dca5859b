/* Inside the policy engine: sections, rules, keys. */
#pragma once
#include "common/error.h"
#include "common/i18n.h"
#include "policy/policy.h"

/* -- text to sections (sections.c) ---------------------------------------------------------------------- */

typedef struct
{
  char *key, *value;
  guint number; /* of the line */
} SkPolicyLine;
void sk_policy_line_free (SkPolicyLine *);

typedef struct
{
  char *name;
  guint number;
  GPtrArray *lines; /* of SkPolicyLine; keys are unique */
} SkPolicySection;

/* "[name]" and "key = value" lines; strict, see policies/README.md. For rules and for administrators' tests.
 * `file` is for messages. */
GPtrArray *
sk_policy_sections_parse (const char *file, const char *untrusted_text, gsize length, GError **error);
/* "FILE:LINE: "WHAT": EN / FILE:LINE: 「WHAT」: JA"; number 0: about the whole file. Always FALSE. */
gboolean sk_policy_fail (GError **error, SkErrorCode code, const char *file, guint number, const char *en,
                         const char *ja, const char *untrusted_what);
/* Lower-case ASCII words with digits and dashes. */
gboolean sk_policy_name_is_valid (const char *untrusted_name);

/* -- rules ---------------------------------------------------------------------------------------------- */

typedef struct
{
  guint64 least, most;
} SkPolicyRange;

typedef struct
{
  guint from, to; /* minutes; to < from: over midnight */
} SkPolicyHours;

typedef struct
{
  char *kind; /* "*": any */
  guint least;
} SkPolicyFindingSpec;

typedef struct
{
  char *id;               /* SCOPE/FILE:NAME */
  guint64 given;          /* SK_KEY_BIT of what the rule has */
  char **texts;           /* by key: the value as written; NULL where not given */
  GPtrArray *stage_lines; /* of SkPolicyLine: as written */

  guint directions, kinds, channels, weekdays, antivirus; /* bits */
  char **types, **any_types, **users, **groups, **sections, **organisations;
  SkPolicyRange size, count;
  GArray *hours;                      /* of SkPolicyHours */
  GPtrArray *findings, *not_findings; /* of SkPolicyFindingSpec */

  SkPolicyAction action;
  char *reason, *reason_en, *reason_ja;
  guint profile; /* index */
  guint64 bytes_max;
  guint count_max, retention_days, wipe_seconds, review_rate, expiry_minutes;
  gboolean record_content, one_shot, need_reason, need_antivirus;
  GPtrArray *stages;
} SkPolicyRule;

/* What is wrong with a value; static texts. */
typedef struct
{
  const char *en, *ja;
} SkPolicyTrouble;

typedef enum
{
  SK_POLICY_NO,
  SK_POLICY_UNKNOWN, /* depends on what is not known yet */
  SK_POLICY_YES,
} SkPolicyTruth;

typedef struct
{
  const char *name;
  gboolean (*parse) (SkPolicyRule *, const char *value, SkPolicyTrouble *);
  /* Conditions; NULL for answers. */
  SkPolicyTruth (*test) (const SkPolicyRule *, const SkPolicyQuestion *);
  char *(*show) (const SkPolicyQuestion *);
} SkPolicyKey;

typedef enum
{
  SK_KEY_DIRECTION,
  SK_KEY_KIND,
  SK_KEY_TYPE,
  SK_KEY_ANY_TYPE,
  SK_KEY_SIZE,
  SK_KEY_COUNT,
  SK_KEY_ORGANISATION,
  SK_KEY_SECTION,
  SK_KEY_GROUP,
  SK_KEY_USER,
  SK_KEY_CHANNEL,
  SK_KEY_HOUR,
  SK_KEY_WEEKDAY,
  SK_KEY_FINDING,
  SK_KEY_NO_FINDING,
  SK_KEY_ANTIVIRUS,
  SK_KEY_ACTION,
  SK_KEY_REASON,
  SK_KEY_REASON_EN,
  SK_KEY_REASON_JA,
  SK_KEY_PROFILE,
  SK_KEY_MAX_SIZE,
  SK_KEY_MAX_COUNT,
  SK_KEY_RETENTION,
  SK_KEY_RECORD_CONTENT,
  SK_KEY_ONE_SHOT,
  SK_KEY_WIPE_AFTER,
  SK_KEY_REVIEW_RATE,
  SK_KEY_EXPIRES,
  SK_KEY_NEED_REASON,
  SK_KEY_NEED_ANTIVIRUS,
  _SK_KEY_LAST
} SkPolicyKeyId;
#define SK_KEY_BIT(key) (G_GUINT64_CONSTANT (1) << (key))
/* The first by id, the second by id - SK_KEY_ACTION (conditions.c, answers.c). */
#define SK_POLICY_CONDITIONS SK_KEY_ACTION
#define SK_POLICY_ANSWERS (_SK_KEY_LAST - SK_KEY_ACTION)
extern const SkPolicyKey sk_policy_conditions[SK_POLICY_CONDITIONS];
extern const SkPolicyKey sk_policy_answers[SK_POLICY_ANSWERS];
/* id below _SK_KEY_LAST. */
const SkPolicyKey *sk_policy_key (guint id);
gboolean sk_policy_rule_gives (const SkPolicyRule *, SkPolicyKeyId);

extern const char *const sk_policy_antivirus_words[];
extern const char *const sk_policy_weekday_words[];

/* One section; NULL with an error of sk_policy_fail(). prefix: "SCOPE/FILE:". */
SkPolicyRule *
sk_policy_rule_new (const char *file, const char *prefix, const SkPolicySection *, GError **error);
void sk_policy_rule_free (SkPolicyRule *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPolicyRule, sk_policy_rule_free)

/* "stage-1", "stage-1-need" … (stages.c). All lines of a rule that begin with "stage-". */
gboolean sk_policy_stages_parse (SkPolicyRule *, const char *file, guint heading, GError **error);
SkPolicyStage *sk_policy_stage_copy (const SkPolicyStage *);
void sk_policy_stage_free (SkPolicyStage *);

/* -- values (values.c): FALSE with what is wrong ----------------------------------------------------------
 */

gboolean sk_policy_trouble (SkPolicyTrouble *, const char *en, const char *ja);
/* words ends with NULL. */
gboolean sk_policy_find_word (const char *const *words, const char *word, guint *ret_index);
char **sk_policy_value_list (const char *value, SkPolicyTrouble *);
gboolean
sk_policy_value_words (const char *value, const char *const *words, guint *ret_bits, SkPolicyTrouble *);
gboolean
sk_policy_value_number (const char *value, guint64 least, guint64 most, guint64 *ret, SkPolicyTrouble *);
gboolean sk_policy_value_bytes (const char *value, guint64 *ret, SkPolicyTrouble *);
/* "30m", "4h", "3d". */
gboolean sk_policy_value_minutes (const char *value, guint *ret, SkPolicyTrouble *);
/* "30s", "5m", "1h". */
gboolean sk_policy_value_seconds (const char *value, guint most, guint *ret, SkPolicyTrouble *);
gboolean sk_policy_value_days (const char *value, guint most, guint *ret, SkPolicyTrouble *);
gboolean sk_policy_value_switch (const char *value, gboolean *ret, SkPolicyTrouble *);
/* "A..B", "A..", "..B". */
gboolean sk_policy_value_range (const char *value, gboolean bytes, SkPolicyRange *ret, SkPolicyTrouble *);
/* "08:30" */
gboolean sk_policy_value_clock (const char *value, guint *ret_minute, SkPolicyTrouble *);
/* "image/png"; with pattern also "image/…" with a star. */
gboolean sk_policy_value_type (const char *value, gboolean pattern, SkPolicyTrouble *);
gboolean sk_policy_value_weekdays (const char *value, guint *ret_bits, SkPolicyTrouble *);

gboolean sk_policy_question_put (SkPolicyQuestion *, const char *untrusted_key, const char *untrusted_value,
                                 SkPolicyTrouble *);

/* -- the set (set.c) --------------------------------------------------------------------------------------
 */

/* Empty; refuses everything. */
SkPolicySet *sk_policy_set_new (void);
/* scope: "", "orgs/ORG" or "orgs/ORG/sections/SECTION". Files have to come in the order of their names. After
 * an error the set has no rules left, and refuses everything. */
gboolean sk_policy_set_add_file (SkPolicySet *, const char *scope, const char *name,
                                 const char *untrusted_text, gsize length,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* After the last file. */
/* The files that made it, in their order ("orgs/ORG/10-name.policy"), until call says FALSE. */
typedef gboolean (*SkPolicyFileFunc) (const char *file, GBytes *text, gpointer data);
void sk_policy_set_each_file (const SkPolicySet *, SkPolicyFileFunc call, gpointer data);
void sk_policy_set_seal (SkPolicySet *);
/* Rules (SkPolicyRule) of a scope in order; NULL: the scope has no files. */
const GPtrArray *sk_policy_set_scope (const SkPolicySet *, const char *scope);
/* All scopes' names in order; free the container. */
GPtrArray *sk_policy_set_scopes (const SkPolicySet *);
/* The scopes that are asked, at most three; the first is "". New strings. */
GPtrArray *sk_policy_scopes_for (const SkPolicyQuestion *);
/* Whether a folder may be called so. */
gboolean sk_policy_scope_name_is_valid (const char *untrusted_name);

/* -- asking ------------------------------------------------------------------------------------------------
 */

/* YES, NO, or UNKNOWN; *ret_key: the condition that made it so (not written for YES). */
SkPolicyTruth sk_policy_rule_test (const SkPolicyRule *, const SkPolicyQuestion *, SkPolicyKeyId *ret_key);
/* The rule at which asking ends: the first that is not NO; NULL: none. */
const SkPolicyRule *
sk_policy_scope_find (const GPtrArray *rules, const SkPolicyQuestion *, SkPolicyTruth *ret_truth);
/* Texts of a code that is built in; FALSE for others. */
gboolean sk_policy_reason_find (const char *code, const char **ret_en, const char **ret_ja);
