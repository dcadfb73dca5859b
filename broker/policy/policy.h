/* The rules for what may cross: loading them, asking them, and saying why they answered as they did.
 *
 * A folder holds NN-name.policy files, read in the order of their names. A rule is a section: conditions that
 * all have to hold, and an answer. The first rule that matches answers; where none does, the answer is
 * refuse. DIR/orgs/ORG/ and DIR/orgs/ORG/sections/SECTION/ hold further files for those people alone. They
 * are asked besides the first, never instead of it, and the strictest of the answers holds: a lower scope can
 * only tighten. One bad file refuses the whole folder. The keys are in policies/README.md.
 *
 * What cannot be told is refused: decide() with a condition that depends on something not known yet (types,
 * findings, antivirus) never goes past that rule.
 *
 * Reads nothing but the folder at load, writes nothing but the copy that is asked for; keeps no other state.
 * A loaded set does not change: any thread may ask it, one thread frees it. */
#pragma once
#include "common/crossing.h"
#include <gio/gio.h>

/* A page of rules is some 2 KiB: a file of this size was not written by a person. */
#define SK_POLICY_FILE_BYTES_MAX (64 * 1024)
/* A reason of 300 Japanese characters fits. */
#define SK_POLICY_LINE_BYTES_MAX 1024
/* 100 sections with a handful each. Every file is read at every load. */
#define SK_POLICY_FILES_MAX 512
/* Asking is linear in the rules of three scopes: this many are walked in well under a millisecond. */
#define SK_POLICY_RULES_MAX 4096
/* Elements of one list, such as types or users: longer ones are groups. */
#define SK_POLICY_LIST_MAX 64
/* Approval steps one after another in one rule; no paper form has more seals. */
#define SK_POLICY_STAGES_MAX 8
/* Of rules, sections of test files, reasons: they stand in logs and on screens. */
#define SK_POLICY_NAME_MAX 64
/* What a rule may allow at most; the quarantine's quota is far below. */
#define SK_POLICY_BYTES_MAX (G_GUINT64_CONSTANT (1) << 40)
#define SK_POLICY_COUNT_MAX 10000
/* Ten years, the longest that a public record of this kind is kept. */
#define SK_POLICY_RETENTION_DAYS_MAX 3653
/* Nobody decides about a matter of last quarter. */
#define SK_POLICY_MINUTES_MAX (90 * 24 * 60)
/* A clipboard that is wiped after more than an hour is not wiped for anybody's sake. */
#define SK_POLICY_WIPE_SECONDS_MAX 3600

/* What a rule of the first scope answers with where it says nothing. */
#define SK_POLICY_BYTES_DEFAULT (G_GUINT64_CONSTANT (64) << 20)
#define SK_POLICY_COUNT_DEFAULT 100
#define SK_POLICY_RETENTION_DAYS_DEFAULT 30
#define SK_POLICY_EXPIRY_MINUTES_DEFAULT (3 * 24 * 60)

/* From lenient to strict: the order is what "tighten" means. */
typedef enum
{
  SK_POLICY_ALLOW,  /* at once */
  SK_POLICY_REVIEW, /* at once; somebody looks at a sample afterwards */
  SK_POLICY_HOLD,   /* people decide first, stage by stage */
  SK_POLICY_REFUSE,
  _SK_POLICY_ACTION_LAST
} SkPolicyAction;
extern const char *const sk_policy_action_words[];

typedef enum
{
  SK_CHANNEL_DESK,     /* at the machine itself */
  SK_CHANNEL_LAN,      /* from a terminal in the office */
  SK_CHANNEL_TELEWORK, /* from outside */
  _SK_CHANNEL_LAST
} SkChannel;
extern const char *const sk_channel_words[];

/* -- the question --------------------------------------------------------------------------------------- */

#define SK_POLICY_BYTES_UNKNOWN G_MAXUINT64
#define SK_POLICY_COUNT_UNKNOWN G_MAXUINT

typedef struct
{
  char *kind; /* "my-number" */
  guint count;
} SkPolicyFinding;

/* Everything is copied in by its owner: sk_policy_question_free() frees all members. */
typedef struct
{
  SkCross direction;
  SkKind kind;
  char **types;  /* MIME types by content, of all items; NULL or empty: not known yet */
  guint64 bytes; /* of all items */
  guint count;   /* of items */
  char *user;
  char **groups;
  char *section, *organisation; /* NULL or "": none */
  SkChannel channel;
  guint minute;            /* of the local day, 0 to 1439 */
  guint weekday;           /* 1: Monday to 7: Sunday */
  gboolean findings_known; /* FALSE: not inspected yet */
  GPtrArray *findings;     /* of SkPolicyFinding; NULL: none */
  char *antivirus;         /* "clean", "infected", "unscanned"; NULL: not known yet */
} SkPolicyQuestion;

/* One file of one byte, Monday 10:00, from the LAN, import; types, findings and antivirus not known. */
SkPolicyQuestion *sk_policy_question_new (void);
void sk_policy_question_free (SkPolicyQuestion *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPolicyQuestion, sk_policy_question_free)
void sk_policy_question_add_finding (SkPolicyQuestion *, const char *kind, guint count);
void sk_policy_question_set_time (SkPolicyQuestion *, GDateTime *local);

/* Described questions, for administrators' tests: "type", "image/png". Lists grow with every call. */
extern const char *const sk_policy_question_keys[];
gboolean sk_policy_question_set (SkPolicyQuestion *, const char *untrusted_key, const char *untrusted_value,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same as lines "key = value" that say what is known, as they stand in test files; and back. */
char *sk_policy_question_to_text (const SkPolicyQuestion *);
SkPolicyQuestion *sk_policy_question_from_text (const char *text, GError **error);
/* Fills in what a described question left open: the kind's usual type, no findings, unscanned. The type of
 * files stays open: it is what matters most. */
void sk_policy_question_complete (SkPolicyQuestion *);

/* -- the set -------------------------------------------------------------------------------------------- */

typedef struct _SkPolicySet SkPolicySet;
/* NULL with "FILE:LINE: what, and what to do / 日本語" (SK_ERROR_INVALID, SK_ERROR_LIMIT), or
 * SK_ERROR_NOT_FOUND / SK_ERROR_UNAVAILABLE when the folder cannot be read. A folder without rules loads, and
 * refuses everything. */
SkPolicySet *sk_policy_load (const char *dir, GError **error);
/* The files that made it, byte for byte, into a new folder, durable when it returns: loading that gives the
 * same version. SK_ERROR_STORE; what is there then is of no use. */
gboolean sk_policy_save (const SkPolicySet *, const char *new_dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sk_policy_set_free (SkPolicySet *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPolicySet, sk_policy_set_free)
/* SHA-256 in hex over the names and bytes of all files. */
const char *sk_policy_version (const SkPolicySet *);
guint sk_policy_set_files (const SkPolicySet *);
guint sk_policy_set_rules (const SkPolicySet *);

typedef struct
{
  char *change; /* "added", "removed", "changed", "moved" */
  char *rule;   /* "20-export:office-files" */
  char *key;    /* changed: which; else "" */
  char *before, *after;
} SkPolicyChange;
void sk_policy_change_free (SkPolicyChange *);
/* What is different, in the order of the files: GPtrArray of SkPolicyChange. */
GPtrArray *sk_policy_diff (const SkPolicySet *before, const SkPolicySet *after);

/* -- answers -------------------------------------------------------------------------------------------- */

#define SK_POLICY_NEED_ALL 0
typedef struct
{
  char **approvers;     /* "role:…", "position:…", "user:…", "group:…" */
  guint need;           /* how many of them; SK_POLICY_NEED_ALL */
  char **deputies;      /* may decide in the place of an approver who is away; NULL: none */
  guint within_minutes; /* then escalate_to may decide too; 0: never */
  char **escalate_to;   /* NULL: nobody */
} SkPolicyStage;

typedef struct
{
  SkPolicyAction action;
  char *rule;   /* that decided: the first with the strictest answer; "" for no rule */
  char **rules; /* all that took part, first scope first */
  char *reason, *reason_en, *reason_ja; /* of a refusal; else NULL */
  const char *profile;                  /* of the inspection; static */
  guint64 bytes_max;
  guint count_max;
  guint retention_days; /* how long the content is kept afterwards */
  gboolean record_content;
  gboolean one_shot;    /* clipboard: can be pasted once */
  guint wipe_seconds;   /* clipboard: wiped after; 0: not */
  guint review_rate;    /* percent */
  gboolean sampled;     /* somebody has to look at it afterwards */
  GPtrArray *stages;    /* of SkPolicyStage, one after another; empty unless held */
  guint expiry_minutes; /* of a hold; 0 unless held */
  gboolean need_reason;
  gboolean need_antivirus;
} SkPolicyVerdict;
void sk_policy_verdict_free (SkPolicyVerdict *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPolicyVerdict, sk_policy_verdict_free)
/* "key = value" lines as they would stand in a rule; new string. */
char *sk_policy_verdict_to_text (const SkPolicyVerdict *);

/* What holds before anything is known about the content, for every way it can turn out. */
typedef struct
{
  gboolean refused; /* nothing but a refusal can come out */
  char *rule, *reason, *reason_en, *reason_ja;
  const char *profile; /* at least as strict as the verdict's will be; static */
  guint64 bytes_max;   /* nothing larger will be let through */
  guint count_max;
  gboolean need_reason, need_antivirus; /* some rule that could decide wants it */
} SkPolicyPlan;
void sk_policy_plan_free (SkPolicyPlan *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPolicyPlan, sk_policy_plan_free)

/* Never NULL. The bytes and count of the question may be claims: then the caller holds the sender to them. */
SkPolicyPlan *sk_policy_plan (const SkPolicySet *, const SkPolicyQuestion *);
/* Never NULL. random: evenly distributed; decides about the sample. */
SkPolicyVerdict *sk_policy_decide (const SkPolicySet *, const SkPolicyQuestion *, guint32 random);
/* One line a rule that was looked at, and then the decision; new string. */
char *sk_policy_explain (const SkPolicySet *, const SkPolicyQuestion *, gboolean japanese);
/* The same of the plan: what can come out whatever the inspection finds. */
char *sk_policy_explain_plan (const SkPolicySet *, const SkPolicyQuestion *, gboolean japanese);

/* -- administrators' tests ----------------------------------------------------------------------------------
 */

typedef struct
{
  char *name; /* the section's */
  gboolean passed;
  char *expected, *got; /* "hold", or what differs: "reason = too-large" */
  char *rule;           /* that decided */
} SkPolicyTest;
void sk_policy_test_free (SkPolicyTest *);
/* A file of described questions with what is expected (policies/README.md): GPtrArray of SkPolicyTest, at
 * least one; or NULL with an error like sk_policy_load()'s. */
GPtrArray *sk_policy_test_run (const SkPolicySet *, const char *file, const char *untrusted_text,
                               gsize length, GError **error);

/* Inspection profiles, lenient first; NULL at the end. */
extern const char *const sk_policy_profiles[];
/* Whether content that was inspected with one is good for a verdict that wants the other. */
gboolean sk_policy_profile_covers (const char *used, const char *wanted);
