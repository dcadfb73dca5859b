/* `explain` and what the engine did: random rules, random transfers through the real pipeline. For each, what
 * sk_transfers_explain() says from its text alone has to be what was recorded and done, and `sekishoctl
 * policy explain` has to name the same rule for the same question.
 *
 * SK_CASES=n runs another number, SK_SEED=n begins elsewhere. */
#include "common/error.h"
#include "unit/crossing-fixture.h"
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>

#define CASES 1000
#define CASES_IN_CI 300 /* the whole run has to end within the hour */
#define AT_ONCE 10      /* transfers of one set of rules */

#define PICK(rand, list) (list)[g_rand_int_range (rand, 0, G_N_ELEMENTS (list))]

/* ---- random rules ---- */

static const char *const conditions[] = {
  "direction = import",    "direction = export",   "kind = file",       "kind = text, image",
  "kind = url, print",     "type = image/*",       "type = text/plain", "any-type = text/*",
  "size = ..40",           "size = 20..",          "count = 2..",       "count = ..1",
  "section = tax",         "organisation = town",  "user = taro",       "group = daemon",
  "finding = control",     "finding = bidi",       "no-finding = *",    "finding = *",
  "hour = 00:00-12:00",    "weekday = mon-wed",    "channel = desk",    "channel = telework",
  "antivirus = unscanned", "finding = control>=3",
};
static const char *const answers[] = {
  "profile = strict", "max-size = 30",  "max-size = 1GiB",
  "max-count = 1",    "retention = 7d", "need-reason = yes",
};
static const char *const actions[] = { "allow", "allow", "review", "hold", "hold", "refuse" };
static const char *const stages[] = { "stage-1 = user:goro\n", "stage-1 = role:chief\nstage-1-need = all\n",
                                      "stage-1 = user:goro\nstage-2 = user:hanako\nexpires = 2h\n" };

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
  const char *action = PICK (rand, actions);
  g_string_append_printf (text, "[r%u]\naction = %s\n", number, action);
  add_lines (rand, text, keys, conditions, G_N_ELEMENTS (conditions), (guint) g_rand_int_range (rand, 0, 3));
  add_lines (rand, text, keys, answers, G_N_ELEMENTS (answers), (guint) g_rand_int_range (rand, 0, 3));
  if (strcmp (action, "hold") == 0)
    g_string_append (text, PICK (rand, stages));
  if (strcmp (action, "review") == 0)
    g_string_append (text, "review-rate = 50%\n");
  if (strcmp (action, "refuse") == 0)
    g_string_append (text, "reason = not-allowed\n");
}

static void
write_rules (Crossing *c, GRand *rand, const char *below, guint most)
{
  g_autofree char *dir = g_build_filename (c->policies, below, NULL);
  g_autofree char *path = g_build_filename (dir, "10-test.policy", NULL);
  g_autoptr (GString) text = g_string_new ("");
  const guint n = (guint) g_rand_int_range (rand, 0, (gint32) most + 1);
  for (guint i = 0; i < n; i++)
    add_rule (rand, text, i);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents_full (path, text->str, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
}

static void
new_rules (Crossing *c, GRand *rand)
{
  g_autoptr (GError) error = NULL;
  write_rules (c, rand, ".", 9);
  write_rules (c, rand, "orgs/town", 1);
  write_rules (c, rand, "orgs/town/sections/tax", 1);
  if (!sk_transfers_reload_policy (c->transfers, "root", &error))
    g_error ("%s", error->message);
}

/* ---- random transfers ---- */

/* A PNG of one pixel. */
static const char png[]
    = "\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\000\001\000\000"
      "\000\001\010\002\000\000\000\220\167\123\336\000\000\000\014\111\104\101\124\170\234\143"
      "\370\317\300\000\000\003\001\001\000\311\376\222\357\000\000\000\000\111\105\116\104\256"
      "\102\140\202";

typedef struct
{
  const char *name, *bytes;
  gsize length;
} Content;

#define TEXT(name, text)                                                                                     \
  {                                                                                                          \
    name, text, sizeof text - 1                                                                              \
  }
static const Content contents[] = {
  TEXT ("a.txt", "hello\n"),
  TEXT ("a.txt", "a longer text, of more than forty bytes in all\n"),
  TEXT ("b.txt", "control \x01\x02 characters\n"),
  TEXT ("b.txt", "many \x01\x02\x03\x04\n"),
  TEXT ("c.txt", "right \xe2\x80\xae to left\n"),
  TEXT ("d.png", png),
  TEXT ("e.bin", "\x7f"
                 "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0\1\0\0\0"), /* refused by the inspection */
};
static const char *const users[] = { "taro", "jiro", "hanako", "daemon" };

typedef struct
{
  char *id;
  const char *user;
  gboolean purpose;
} Sent;

static void
sent_free (gpointer data)
{
  g_free (((Sent *) data)->id);
  g_free (data);
}

static Sent *
send_export (Crossing *c, GRand *rand)
{
  static const SkKind kinds[] = { SK_KIND_FILE, SK_KIND_FILE, SK_KIND_FILE, SK_KIND_TEXT, SK_KIND_IMAGE };
  Sent *sent = g_new0 (Sent, 1);
  const SkKind kind = PICK (rand, kinds);
  const guint n = g_rand_int_range (rand, 0, 5) ? 1 : 2;
  const Content *content[2];
  SkTransferOffer offers[2];
  g_autoptr (GError) error = NULL;
  sent->user = PICK (rand, users);
  sent->purpose = g_rand_int_range (rand, 0, 4) != 0;
  for (guint i = 0; i < n; i++)
    {
      content[i] = kind == SK_KIND_IMAGE ? &contents[5] : &PICK (rand, contents);
      offers[i] = (SkTransferOffer){ content[i]->name, (gint64) content[i]->length };
    }
  sent->id = sk_transfers_create (c->transfers, crossing_who (sent->user), kind,
                                  sent->purpose ? "because" : "", offers, n, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    if (!crossing_upload (c, sent->user, sent->id, i, content[i]->bytes, content[i]->length, &error))
      g_error ("%s", error->message);
  return sent;
}

static Sent *
send_import (Crossing *c, GRand *rand, MockGuest *guest)
{
  static guint number;
  const Content *content = &PICK (rand, contents);
  g_autofree char *key = g_strdup_printf ("%032x", ++number);
  g_autofree char *text = NULL;
  Sent *sent = g_new0 (Sent, 1);
  sent->user = "taro";
  mock_guest_send_file (guest, key, content->name, content->bytes, content->length, &text);
  sent->id = g_strdup (crossing_import (c, key)->id);
  return sent;
}

/* ---- what the words of an explanation mean ---- */

/* "KEY = VALUE" or "KEY: VALUE" at the beginning of a line; the last one. New string, NULL. */
static char *
find_value (const char *text, const char *key)
{
  char *value = NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", 0);
  for (char **line = lines; *line; line++)
    if (g_str_has_prefix (*line, key)
        && (g_str_has_prefix (*line + strlen (key), " = ") || g_str_has_prefix (*line + strlen (key), ": ")))
      {
        g_free (value);
        value = g_strdup (strpbrk (*line + strlen (key), "=:") + 2);
      }
  return value;
}

typedef struct
{
  guint refused, held, passed, inspector, planned, reasons, compared;
} Tally;

static void
disagree (Crossing *c, const SkTransfer *row, const char *text, const char *what)
{
  g_error ("%s: %s\n-- recorded: state %s, rule \"%s\", code \"%s\", stages %s\n-- explained:\n%s", row->id,
           what, sk_transfer_state_word (row->state), row->rule, row->code, row->stages, text);
}

/* The row in the trail that the decision is. */
typedef struct
{
  const SkTransfer *row;
  guint found;
} Trail;

static gboolean
look_at_audit (const SkAuditRow *audit, gpointer data)
{
  Trail *trail = data;
  g_autoptr (JsonNode) node = json_from_string (audit->details, NULL);
  JsonObject *details = json_node_get_object (node);
  if (!json_object_has_member (details, "policy"))
    return TRUE;
  g_assert_cmpstr (json_object_get_string_member (details, "policy"), ==, trail->row->policy);
  g_assert_cmpstr (json_object_get_string_member_with_default (details, "rule", ""), ==, trail->row->rule);
  trail->found += strcmp (audit->actor, "policy") == 0;
  return TRUE;
}

static void
check_trail (Crossing *c, const SkTransfer *row)
{
  const SkAuditFilter filter = { .object = row->id };
  Trail trail = { row, 0 };
  g_assert_true (sk_store_audit_walk (c->store, &filter, look_at_audit, &trail, NULL));
  g_assert_cmpuint (trail.found, >=, 1);
}

static void
check_verdict (Crossing *c, const Sent *sent, const SkTransfer *row, const char *text, Tally *tally)
{
  g_autofree char *action = find_value (text, "action"), *reason = find_value (text, "\nreason");
  g_autofree char *need = find_value (text, "need-reason"), *approvers = find_value (text, "stage-1");
  const gboolean missing = need && row->direction == SK_CROSS_EXPORT && !sent->purpose;
  const gboolean planned = strstr (text, "not decided: ") != NULL;
  if (planned)
    {
      /* Only because of the missing reason it was not looked at. */
      if (!missing || row->state != SK_TRANSFER_REFUSED || strcmp (row->code, "reason-missing") != 0)
        disagree (c, row, text, "not decided, and yet it was");
      tally->reasons++;
    }
  else if (strcmp (action, "refuse") == 0)
    {
      g_autofree char *code = find_value (strstr (text, "\naction = "), "reason");
      if (row->state != SK_TRANSFER_REFUSED || g_strcmp0 (code, row->code) != 0)
        disagree (c, row, text, "refused by the explanation");
      tally->refused++;
    }
  else if (missing)
    {
      if (row->state != SK_TRANSFER_REFUSED || strcmp (row->code, "reason-missing") != 0)
        disagree (c, row, text, "needs a reason by the explanation");
      tally->reasons++;
    }
  else if (strcmp (action, "hold") == 0)
    {
      if (row->state != SK_TRANSFER_HELD || !approvers || !strstr (row->stages, approvers))
        disagree (c, row, text, "held by the explanation");
      tally->held++;
    }
  else
    {
      if (row->state != SK_TRANSFER_RELEASING || *row->stages)
        disagree (c, row, text, "passes by the explanation");
      tally->passed++;
    }
}

/* The same question by hand. */
static void
check_ctl (Crossing *c, const SkTransfer *row, const char *text, Tally *tally)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) lines = g_strsplit (row->question, "\n", 0);
  g_autofree char *out = NULL, *err = NULL, *action = find_value (text, "action");
  g_autoptr (GError) error = NULL;
  int status;
  const char *const head[]
      = { g_getenv ("SEKISHOCTL"), "policy", "explain", "--format", "json", "--directory", c->policies };
  for (guint i = 0; i < G_N_ELEMENTS (head); i++)
    g_ptr_array_add (argv, g_strdup (head[i]));
  for (char **line = lines; *line; line++)
    if (**line)
      {
        const char *equals = strstr (*line, " = ");
        g_ptr_array_add (argv, g_strdup_printf ("--%.*s", (int) (equals - *line), *line));
        g_ptr_array_add (argv, g_strdup (equals + 3));
      }
  g_ptr_array_add (argv, NULL);
  if (!g_spawn_sync (NULL, (char **) argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status,
                     &error)
      || status != 0)
    g_error ("sekishoctl: %s%s", error ? error->message : "", err);
  g_autoptr (JsonNode) node = json_from_string (out, NULL);
  JsonObject *answer = json_node_get_object (node);
  if (strcmp (json_object_get_string_member (answer, "rule"), row->rule) != 0
      || strcmp (json_object_get_string_member (answer, "action"), action) != 0
      || strcmp (json_object_get_string_member (answer, "version"), row->policy) != 0)
    disagree (c, row, out, "sekishoctl says otherwise");
  tally->compared++;
}

static void
check (Crossing *c, const Sent *sent, Tally *tally)
{
  g_autoptr (GError) error = NULL;
  crossing_settle (c, sent->id);
  g_autofree char *text = sk_transfers_explain (c->transfers, crossing_who (sent->user), sent->id, &error);
  g_autoptr (SkTransfer) row = sk_store_transfer (c->store, sent->id, &error); /* as it is on the disk */
  g_assert_no_error (error);
  if (!*row->policy)
    {
      /* Its own words, and no rule is named. */
      if (row->state != SK_TRANSFER_REFUSED || !strstr (text, row->code) || strstr (text, "decided by"))
        disagree (c, row, text, "nobody decided");
      tally->inspector++;
      return;
    }
  g_autofree char *rule = find_value (text, "decided by");
  if (!strstr (text, row->policy) || strstr (text, "the rules have changed"))
    disagree (c, row, text, "another version");
  if (!strstr (text, "not decided: ") && strcmp (rule, *row->rule ? row->rule : "no rule") != 0)
    disagree (c, row, text, "another rule");
  check_verdict (c, sent, row, text, tally);
  check_trail (c, row);
  if (strstr (row->question, "finding = "))
    check_ctl (c, row, text, tally);
  else
    tally->planned++;
}

static void
test_agreement (void)
{
  const char *cases = g_getenv ("SK_CASES"), *seed = g_getenv ("SK_SEED");
  const guint n = cases ? (guint) g_ascii_strtoull (cases, NULL, 10) : g_getenv ("CI") ? CASES_IN_CI : CASES;
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed ? (guint) g_ascii_strtoull (seed, NULL, 10) : 1);
  Tally tally = { 0 };
  Crossing c;
  MockGuest guest;
  guint done = 0;
  crossing_up (&c, NULL, 4);
  crossing_set_people (&c, "taro,,,tax,,,\njiro,,,welfare,,,\nhanako,,village,tax,,,\ngoro,,,,chief,,\n");
  crossing_add_guest (&c, &guest, "taro", "s1");
  while (done < n)
    {
      g_autoptr (GPtrArray) sent = g_ptr_array_new_with_free_func (sent_free);
      new_rules (&c, rand);
      for (guint i = 0; i < AT_ONCE && done < n; i++, done++)
        g_ptr_array_add (sent, g_rand_int_range (rand, 0, 3) ? send_export (&c, rand)
                                                             : send_import (&c, rand, &guest));
      for (guint i = 0; i < sent->len; i++)
        check (&c, sent->pdata[i], &tally);
      g_hash_table_remove_all (c.transfers->recent); /* nobody types so fast */
    }
  g_test_message (
      "%u transfers: %u refused, %u held, %u passed, %u without the reason that was wanted, %u by the "
      "inspection; %u of them before it; sekishoctl named the same rule for %u",
      done, tally.refused, tally.held, tally.passed, tally.reasons, tally.inspector, tally.planned,
      tally.compared);
  /* Otherwise the cases are about nothing. */
  g_assert_cmpuint (tally.refused + tally.held + tally.passed + tally.reasons + tally.inspector, ==, done);
  g_assert_cmpuint (MIN (MIN (tally.held, tally.passed), MIN (tally.planned, tally.inspector)), >, done / 50);
  g_assert_cmpuint (crossing_verify (&c), ==, 0);
  sk_transfers_remove_guest (c.transfers, "s1");
  mock_guest_clear (&guest);
  crossing_down (&c);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/explain/agreement", test_agreement);
  return g_test_run ();
}
