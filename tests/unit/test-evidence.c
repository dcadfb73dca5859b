/* Evidence bundles: what the broker makes is proven without it, and every way to change one is found, and
 * where. */
#include "audit/audit.h"
#include "audit/bundle.h"
#include "common/crossing.h"
#include "evidence/evidence.h"
#include "store/transfers.h"
#include <string.h>

#define ID "7b1e0c52-0000-4000-8000-000000000001"
#define MATTER "matter-5"

typedef struct
{
  char *dir;
  SkStore *store;
  SkAudit *audit;
  char *bundle;  /* the whole file */
  char *payload; /* its first line */
} Fixture;

static void
append (Fixture *f, const char *actor, const char *action, const char *object, const char *details,
        gint64 time)
{
  const SkAuditEvent event
      = { "mori", actor, action, object, g_str_equal (object, ID) ? MATTER : "", details, time };
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_audit_append (f->audit, &event, &error));
}

/* What others do in between. */
static void
others (Fixture *f, guint n)
{
  for (guint i = 0; i < n; i++)
    append (f, "someone-else", "transfer.held", "another-transfer", "{\"secret\":\"not-for-auditors\"}", 0);
}

#define COMMON                                                                                               \
  "\"user\":\"hanako\",\"section\":\"zeimu\",\"purpose\":\"report to the "                                   \
  "prefecture\",\"direction\":\"export\",\"kind\":\"file\""
#define ITEMS                                                                                                \
  "\"items\":[{\"name\":\"report.txt\",\"bytes\":120,\"type\":\"text/plain\",\"sha256\":\"aa11\","           \
  "\"result_name\":\"report.txt\",\"result_bytes\":118,\"result_sha256\":\"bb22\"}]"

static void
to_state (Fixture *f, SkTransfer *row, SkTransferState state)
{
  row->state = state;
  g_assert_true (sk_store_put_transfer (f->store, row, NULL));
}

static void
write_story (Fixture *f)
{
  g_autoptr (SkTransfer) row = sk_transfer_new ();
  g_autoptr (SkTransferItem) item = sk_transfer_item_new ();
  const SkDecision decision = { .id = (char *) ID "/0/ichiro",
                                .transfer = (char *) ID,
                                .user = (char *) "ichiro",
                                .in_place_of = (char *) "",
                                .verdict = SK_DECISION_APPROVE,
                                .comment = (char *) "checked",
                                .created = 5000 };
  const SkComment comment = { .id = (char *) "c1",
                              .transfer = (char *) ID,
                              .matter = (char *) "",
                              .user = (char *) "hanako",
                              .text = (char *) "page 2 is new",
                              .created = 4000 };
#define SET(member, text) (g_free (row->member), row->member = g_strdup (text))
#define SET_ITEM(member, text) (g_free (item->member), item->member = g_strdup (text))
  SET (id, ID);
  SET (user, "hanako");
  SET (section, "zeimu");
  SET (organisation, "mori");
  SET (purpose, "report to the prefecture");
  SET (matter, MATTER);
  row->direction = SK_CROSS_EXPORT;
  row->kind = SK_KIND_FILE;
  row->created = row->changed = 1000;
  SET_ITEM (id, ID "/0");
  SET_ITEM (transfer, ID);
  SET_ITEM (name, "report.txt");
  SET_ITEM (type, "text/plain");
  SET_ITEM (sha256, "aa11");
  SET_ITEM (result_name, "report.txt");
  SET_ITEM (result_sha256, "bb22");
  item->bytes = 120;
  item->result_bytes = 118;
  to_state (f, row, SK_TRANSFER_RECEIVING);
  g_assert_true (sk_store_put_transfer_item (f->store, item, NULL));
  append (f, "hanako", "transfer.receiving", ID, "{\"state\":\"receiving\"," COMMON "}", 1000);
  others (f, 60);
  to_state (f, row, SK_TRANSFER_INSPECTING);
  append (f, "inspector", "transfer.inspecting", ID, "{\"state\":\"inspecting\"," COMMON "}", 2000);
  to_state (f, row, SK_TRANSFER_HELD);
  append (f, "policy", "transfer.held", ID, "{\"state\":\"held\"," COMMON "," ITEMS "}", 3000);
  others (f, 150);
  g_assert_true (sk_store_put_comment (f->store, &comment, NULL));
  append (f, "hanako", "transfer.commented", ID, "{\"user\":\"hanako\",\"comment\":\"page 2 is new\"}", 4000);
  to_state (f, row, SK_TRANSFER_APPROVED);
  g_assert_true (sk_store_put_decision (f->store, &decision, NULL));
  append (f, "ichiro", "approval.approved", ID,
          "{\"state\":\"approved\",\"stage\":0,\"comment\":\"checked\"," COMMON "}", 5000);
  to_state (f, row, SK_TRANSFER_RELEASING);
  append (f, "broker", "transfer.releasing", ID, "{\"state\":\"releasing\"," COMMON "}", 6000);
  others (f, 40);
  to_state (f, row, SK_TRANSFER_DELIVERED);
  append (f, "guest", "transfer.delivered", ID, "{\"state\":\"delivered\"," COMMON "}", 7000);
}

static void
on_exported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  *(char **) data = sk_audit_export_finish (result, &error);
  g_assert_no_error (error);
}

static char *export(Fixture *f, SkHoldKind kind, const char *name)
{
  char *text = NULL;
  sk_audit_set_actor (f->audit, "kansa");
  sk_audit_export_async (f->audit, kind, name, "kansa", on_exported, &text);
  sk_audit_set_actor (f->audit, NULL);
  while (!text)
    g_main_context_iteration (NULL, TRUE);
  return text;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->dir = g_dir_make_tmp ("evidence-XXXXXX", NULL);
  g_autofree char *database = g_build_filename (f->dir, "sekisho.db", NULL);
  f->store = sk_store_open (database, &error);
  g_assert_no_error (error);
  f->audit = sk_audit_new (f->store, f->dir, "mori", &error);
  g_assert_no_error (error);
  write_story (f);
  f->bundle = export(f, SK_HOLD_TRANSFER, ID);
  f->payload = g_strndup (f->bundle, strcspn (f->bundle, "\n"));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  const char *const argv[] = { "rm", "-rf", f->dir, NULL };
  sk_audit_free (f->audit);
  sk_store_close (f->store);
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (f->bundle);
  g_free (f->payload);
  g_free (f->dir);
}

static void
on_fault (SkEvidenceFault fault, const char *where, gpointer data)
{
  g_string_append_printf (data, "%s %s;", sk_evidence_word (fault), where);
}

/* "" when it is proven; "no bundle" when it is none. */
static char *
faults_of (const char *text, const char *key)
{
  g_autoptr (SkEvidence) evidence = sk_evidence_parse (text, strlen (text), NULL);
  GString *found = g_string_new (NULL);
  if (!evidence)
    g_string_append (found, "no bundle");
  else
    g_assert_cmpuint (sk_evidence_check (evidence, key, on_fault, found) > 0, ==, found->len > 0);
  return g_string_free (found, FALSE);
}

static void
collect (const char *line, gpointer data)
{
  g_string_append_printf (data, "%s\n", line);
}

static void
test_whole (Fixture *f, gconstpointer data)
{
  g_autofree char *found = faults_of (f->bundle, sk_audit_public_key (f->audit));
  g_assert_cmpstr (found, ==, "");
  /* Of others not a word, but that there was something. */
  g_assert_null (strstr (f->bundle, "someone-else"));
  g_assert_null (strstr (f->bundle, "another-transfer"));
  g_assert_null (strstr (f->bundle, "not-for-auditors"));
  g_assert_nonnull (strstr (f->bundle, "\"body\""));
  g_autoptr (SkEvidence) evidence = sk_evidence_parse (f->bundle, strlen (f->bundle), NULL);
  g_autoptr (GString) en = g_string_new (NULL), ja = g_string_new (NULL);
  g_assert_cmpuint (sk_evidence_check (evidence, NULL, on_fault, en), ==, 0);
  sk_evidence_tell (evidence, FALSE, collect, en);
  sk_evidence_tell (evidence, TRUE, collect, ja);
  static const char *const wanted[]
      = { "hanako", "ichiro: checked", "report.txt", "bb22", "report to the prefecture", "page 2 is new" };
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      g_assert_nonnull (strstr (en->str, wanted[i]));
      g_assert_nonnull (strstr (ja->str, wanted[i]));
    }
  g_assert_nonnull (strstr (ja->str, "承認"));
}

static void
test_matter (Fixture *f, gconstpointer data)
{
  g_autofree char *bundle = export(f, SK_HOLD_MATTER, MATTER);
  g_autofree char *found = faults_of (bundle, sk_audit_public_key (f->audit));
  g_assert_cmpstr (found, ==, "");
  g_assert_nonnull (strstr (bundle, ID));
}

/* Nothing is known of it: no bundle, and no row about having asked. */
static void
on_unknown (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (sk_audit_export_finish (result, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  *(gboolean *) data = TRUE;
}

static void
test_unknown (Fixture *f, gconstpointer data)
{
  gboolean done = FALSE;
  gint64 before, after;
  g_autofree char *one = NULL, *two = NULL;
  g_assert_true (sk_store_audit_head (f->store, "mori", &before, &one, NULL));
  sk_audit_export_async (f->audit, SK_HOLD_TRANSFER, "nothing", "kansa", on_unknown, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (sk_store_audit_head (f->store, "mori", &after, &two, NULL));
  g_assert_cmpint (before, ==, after);
}

/* Details that were let go of are no fault; the rest is still proven. */
static void
test_purged (Fixture *f, gconstpointer data)
{
  const SkAuditRetention retention = { { 1, 1, 1 } };
  guint64 rows = 0;
  g_autoptr (SkTransfer) row = sk_store_transfer (f->store, ID, NULL);
  to_state (f, row, SK_TRANSFER_PURGED);
  append (f, "broker", "transfer.purged", ID, "{\"state\":\"purged\"}", 8000);
  g_assert_true (sk_audit_purge (f->audit, &retention, g_get_real_time () - (gint64) 3600 * G_USEC_PER_SEC,
                                 NULL, &rows, NULL));
  g_assert_cmpuint (rows, ==, 8);
  g_autofree char *bundle = export(f, SK_HOLD_TRANSFER, ID);
  g_autofree char *found = faults_of (bundle, sk_audit_public_key (f->audit));
  g_assert_cmpstr (found, ==, "");
}

/* -- tampering ----------------------------------------------------------------------------------------------
 */

/* As the broker would sign it: what the signature of the whole does not catch, the rows do. */
static char *
signed_anew (Fixture *f, const char *payload)
{
  g_autofree char *signature = sk_audit_sign (f->audit, "sekisho evidence 1", payload, strlen (payload));
  return g_strconcat (payload, "\n{\"signature\":\"", signature, "\"}\n", NULL);
}

typedef struct
{
  const char *name, *from, *to; /* a regular expression and what takes the place of its first match */
  const char *found;            /* the beginning of what is found when it is signed anew */
} Tamper;

static const Tamper tampers[] = {
  { "actor", "\"actor\":\"ichiro\"", "\"actor\":\"hanako\"", "rows segments[" },
  { "time", "\"time\":5000", "\"time\":5001", "rows segments[" },
  { "action", "transfer\\.held\"", "transfer.approved\"", "rows segments[0]" },
  { "details", "\\\\\"comment\\\\\":\\\\\"checked\\\\\"", "\\\\\"comment\\\\\":\\\\\"CHECKED\\\\\"",
    "details segments[" },
  { "details emptied and their digest",
    "\"details\":\"\\{\\\\\"state\\\\\":\\\\\"approved\\\\\".*?\\}\",\"details_hash\":\"[0-9a-f]{64}\"",
    "\"details\":\"\",\"details_hash\":"
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
    "rows segments[1]" },
  { "matter", "\"matter\":\"matter-5\"", "\"matter\":\"\"", "rows segments[0]" },
  { "object", "\"object\":\"7b1e0c52-0000-4000-8000-000000000001\"", "\"object\":\"x\"",
    "foreign segments[0].rows[0];rows segments[0]" },
  { "row removed", "\\{\"time\":5000.*?\"details_hash\":\"[0-9a-f]{64}\"\\},", "", "rows segments[" },
  { "row between removed", "\\{\"body\":\"[0-9a-f]{64}\"\\},", "", "rows segments[0]" },
  { "row between changed", "\"body\":\"[0-9a-f]{8}", "\"body\":\"00000000", "rows segments[0]" },
  { "row between no hash", "\"body\":\"[0-9a-f]{8}", "\"body\":\"nonsense", "form segments[0].rows[" },
  { "first number", "\"first\":1,", "\"first\":2,", "rows segments[0]" },
  { "hash before", "\"prev\":\"00000000", "\"prev\":\"10000000", "rows segments[0]" },
  { "checkpoint's hash", "\"checkpoint\":\\{\"number\":1,\"seq\":100,\"time\":[0-9]*,\"hash\":\"[0-9a-f]{8}",
    "\"checkpoint\":{\"number\":1,\"seq\":100,\"time\":1,\"hash\":\"00000000",
    "checkpoint segments[0].checkpoint;rows segments[0]" },
  { "checkpoint's number", "\"number\":1,", "\"number\":2,", "checkpoint segments[0].checkpoint" },
  { "checkpoint's signature", "(\"checkpoint\":.*?\"signature\":\")[0-9a-f]{8}", "\\g<1>00000000",
    "checkpoint segments[0].checkpoint" },
  { "file's hash", "\"result_sha256\":\"bb22\"", "\"result_sha256\":\"cc33\"", "item transfers[0].items[0]" },
  { "file's name", "\"name\":\"report.txt\"", "\"name\":\"holiday.txt\"", "item transfers[0].items[0]" },
  { "file left out", "\"items\":\\[\\{.*?\\}\\]", "\"items\":[]", "item transfers[0].items" },
  { "decision by another", "\"user\":\"ichiro\"", "\"user\":\"jiro\"", "decision transfers[0].decisions[0]" },
  { "decision turned", "\"verdict\":\"approve\"", "\"verdict\":\"deny\"",
    "decision transfers[0].decisions[0]" },
  { "decision left out", "\"decisions\":\\[\\{.*?\\}\\]", "\"decisions\":[]",
    "decision transfers[0].decisions" },
  { "comment changed", "\"text\":\"page 2 is new\"", "\"text\":\"page 2 is old\"",
    "comment transfers[0].comments[0]" },
  { "comment left out", "\"comments\":\\[\\{.*?\\}\\]", "\"comments\":[]", "comment transfers[0].comments" },
  { "purpose", "\"purpose\":\"report to the prefecture\"", "\"purpose\":\"\"", "state transfers[0]" },
  { "outcome", "\"state\":\"delivered\"", "\"state\":\"refused\"", "state transfers[0]" },
  { "about something else", "\"name\":\"7b1e0c52-0000-4000-8000-000000000001\"\\}", "\"name\":\"x\"}",
    "foreign segments[0]" },
  { "member added", "\"by\":\"kansa\"", "\"by\":\"kansa\",\"more\":1", "no bundle" },
  { "member twice", "\"by\":\"kansa\"", "\"by\":\"kansa\",\"by\":\"x\"", "no bundle" },
  { "another version", "evidence 1", "evidence 9", "no bundle" },
};

static char *
change (const char *text, const Tamper *tamper)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) regex = g_regex_new (tamper->from, G_REGEX_DOTALL, 0, &error);
  g_autoptr (GMatchInfo) match = NULL;
  int start, end;
  g_assert_no_error (error);
  g_assert_true (g_regex_match (regex, text, 0, &match));
  g_assert_true (g_match_info_fetch_pos (match, 0, &start, &end));
  g_autofree char *to = g_match_info_expand_references (match, tamper->to, &error);
  g_assert_no_error (error);
  g_autofree char *head = g_strndup (text, (gsize) start);
  return g_strconcat (head, to, text + end, NULL);
}

static void
test_tampering (Fixture *f, gconstpointer data)
{
  const Tamper *tamper = data;
  const char *key = sk_audit_public_key (f->audit);
  g_autofree char *payload = change (f->payload, tamper);
  g_assert_cmpstr (payload, !=, f->payload);
  g_autofree char *as_it_is = g_strconcat (payload, strchr (f->bundle, '\n'), NULL);
  g_autofree char *found = faults_of (as_it_is, key);
  g_assert_true (g_str_has_prefix (found, "signature signature;") || g_str_equal (found, "no bundle"));
  g_autofree char *again = signed_anew (f, payload);
  g_autofree char *within = faults_of (again, key);
  g_test_message ("%s: %s", tamper->name, within);
  g_assert_cmpstr (within, !=, "");
  g_assert_true (g_str_has_prefix (within, tamper->found));
}

/* A whole trail of one's own, with a key of one's own: only the key that was kept stands against it. */
static void
test_other_key (Fixture *f, gconstpointer data)
{
  Fixture other = { NULL };
  set_up (&other, NULL);
  g_autofree char *own = faults_of (other.bundle, NULL);
  g_assert_cmpstr (own, ==, "");
  g_autofree char *found = faults_of (other.bundle, sk_audit_public_key (f->audit));
  g_assert_true (
      g_str_has_prefix (found, "key public_key;signature signature;checkpoint segments[0].checkpoint;"));
  tear_down (&other, NULL);
}

/* Each byte that is another: found, or no bundle any more. */
static void
test_every_byte (Fixture *f, gconstpointer data)
{
  const gsize length = strlen (f->bundle);
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  for (guint i = 0; i < 400; i++)
    {
      g_autofree char *copy = g_strdup (f->bundle);
      const gsize at = (gsize) g_rand_int_range (rand, 0, (gint32) length - 1);
      copy[at] = copy[at] == 'x' ? 'y' : 'x';
      g_autofree char *found = faults_of (copy, sk_audit_public_key (f->audit));
      g_assert_cmpstr (found, !=, "");
    }
  for (gsize cut = 0; cut < length; cut += 37)
    {
      g_autofree char *copy = g_strndup (f->bundle, cut);
      g_autofree char *found = faults_of (copy, sk_audit_public_key (f->audit));
      g_assert_cmpstr (found, ==, "no bundle");
    }
}

#define ADD(name, func) g_test_add ("/evidence/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("whole", test_whole);
  ADD ("matter", test_matter);
  ADD ("unknown", test_unknown);
  ADD ("purged", test_purged);
  for (guint i = 0; i < G_N_ELEMENTS (tampers); i++)
    {
      g_autofree char *path = g_strconcat ("/evidence/tampering/", tampers[i].name, NULL);
      g_test_add (path, Fixture, &tampers[i], set_up, test_tampering, tear_down);
    }
  ADD ("other-key", test_other_key);
  ADD ("every-byte", test_every_byte);
  return g_test_run ();
}
