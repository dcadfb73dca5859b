/* The approval queue over time: escalation, expiry, deputies by date, roles that change hands, matters that a
 * colleague carries on. Time is the test's; the store, the trail and the quarantine are real. */
#include "common/error.h"
#include "core/matters.h"
#include "core/transfer-private.h"
#include "store/store-private.h"
#include <glib/gstdio.h>
#include <string.h>

#define MINUTE ((gint64) 60 * G_USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* -- time ---------------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkClock clock; /* the first */
  gint64 now;
  struct
  {
    guint id;
    gint64 at;
    SkTimerFunc func;
    gpointer data;
  } timers[8];
  guint last;
} Time;

static gint64
time_now (SkClock *clock)
{
  return ((Time *) clock)->now;
}

static guint
time_add (SkClock *clock, guint ms, SkTimerFunc func, gpointer data)
{
  Time *t = (Time *) clock;
  for (gsize i = 0; i < G_N_ELEMENTS (t->timers); i++)
    if (t->timers[i].id == 0)
      {
        t->timers[i].id = ++t->last;
        t->timers[i].at = t->now + (gint64) ms * 1000;
        t->timers[i].func = func;
        t->timers[i].data = data;
        return t->last;
      }
  g_assert_not_reached ();
}

static void
time_remove (SkClock *clock, guint id)
{
  Time *t = (Time *) clock;
  for (gsize i = 0; i < G_N_ELEMENTS (t->timers); i++)
    if (t->timers[i].id == id)
      t->timers[i].id = 0;
}

static gboolean
fire_next (Time *t, gint64 until)
{
  gssize next = -1;
  for (gsize i = 0; i < G_N_ELEMENTS (t->timers); i++)
    if (t->timers[i].id && t->timers[i].at <= until && (next < 0 || t->timers[i].at < t->timers[next].at))
      next = (gssize) i;
  if (next < 0)
    return FALSE;
  t->now = MAX (t->now, t->timers[next].at);
  t->timers[next].id = 0;
  t->timers[next].func (t->timers[next].data);
  return TRUE;
}

/* -- the fixture --------------------------------------------------------------------------------------------
 */

typedef struct
{
  Time time;
  char *dir;
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkPeople *people;
  SkTransfers *transfers;
  guint changes;
} Fixture;

static void
on_changed (SkTransfers *transfers, const char *id, gpointer data)
{
  ((Fixture *) data)->changes++;
}

static void
start (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *database = g_build_filename (f->dir, "sekisho.db", NULL);
  g_autofree char *rules = g_build_filename (f->dir, "rules", NULL); /* empty: none are needed here */
  g_mkdir (rules, 0700);
  f->store = sk_store_open (database, &error);
  g_assert_no_error (error);
  f->audit = sk_audit_new (f->store, f->dir, "town", &error);
  f->quarantine = sk_quarantine_new (f->dir, NULL, &error);
  f->people = sk_people_new (f->store, "town", &error);
  g_assert_no_error (error);
  sk_people_set_audit (f->people, f->audit);
  const SkTransfersParts parts = { .store = f->store,
                                   .audit = f->audit,
                                   .quarantine = f->quarantine,
                                   .people = f->people,
                                   .policy_dir = rules,
                                   .organisation = "town",
                                   .inspections = 1,
                                   .clock = &f->time.clock };
  f->transfers = sk_transfers_new (&parts, &error);
  g_assert_no_error (error);
  g_signal_connect (f->transfers, "changed", G_CALLBACK (on_changed), f);
}

static void
stop (Fixture *f)
{
  g_clear_object (&f->transfers);
  g_clear_pointer (&f->people, sk_people_free);
  g_clear_pointer (&f->quarantine, sk_quarantine_free);
  g_clear_pointer (&f->audit, sk_audit_free);
  g_clear_pointer (&f->store, sk_store_close);
}

static void
pass (Fixture *f, gint64 us)
{
  const gint64 until = f->time.now + us;
  while (fire_next (&f->time, until))
    ;
  f->time.now = until;
}

static void
setup (Fixture *f, gconstpointer data)
{
  g_autoptr (GDateTime) day = g_date_time_new_local (2030, 3, 30, 9, 0, 0);
  f->time.clock = (SkClock){ time_now, time_now, time_add, time_remove };
  f->time.now = g_date_time_to_unix (day) * G_USEC_PER_SEC;
  f->dir = g_dir_make_tmp ("sk-approvals-XXXXXX", NULL);
  start (f);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      remove_all (inner);
    }
  g_remove (path);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  stop (f);
  remove_all (f->dir);
  g_free (f->dir);
}

/* As an earlier core left it. */
static void
put_held (Fixture *f, const char *id, const char *user, SkCross direction, const char *stages, gint64 due)
{
  static const SkTransferState way[]
      = { SK_TRANSFER_RECEIVING, SK_TRANSFER_QUARANTINED, SK_TRANSFER_INSPECTING, SK_TRANSFER_HELD };
  g_autoptr (SkTransfer) row = sk_transfer_new ();
  g_autoptr (GError) error = NULL;
  sk_set_text (&row->id, id);
  sk_set_text (&row->user, user);
  sk_set_text (&row->organisation, "town");
  sk_set_text (&row->section, sk_people_section (f->people, user, f->time.now));
  row->retention_days = SK_POLICY_RETENTION_DAYS_DEFAULT;
  sk_set_text (&row->stages, stages);
  row->uid = 1;
  row->direction = direction;
  row->kind = SK_KIND_FILE;
  row->stage_since = row->created = row->changed = f->time.now;
  row->due = due;
  for (gsize i = 0; i < G_N_ELEMENTS (way); i++)
    {
      row->state = way[i];
      g_assert_true (sk_store_put_transfer (f->store, row, &error));
      g_assert_no_error (error);
    }
}

static void
restart (Fixture *f)
{
  stop (f);
  start (f);
}

static void
hold (Fixture *f, const char *id, const char *user, const char *stages, gint64 due)
{
  put_held (f, id, user, SK_CROSS_EXPORT, stages, due);
  restart (f);
}

static void
import_people (Fixture *f, const char *lines)
{
  g_autofree char *csv = g_strconcat ("user,name,organisation,section,role,since,until\n", lines, NULL);
  g_autoptr (GError) error = NULL;
  guint n;
  g_assert_true (sk_people_import_by (f->people, "root", csv, strlen (csv), f->time.now, &n, &error));
  g_assert_no_error (error);
}

static void
delegate (Fixture *f, const char *user, const char *deputy, gint64 since, gint64 until)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkDelegation) d = g_new0 (SkDelegation, 1);
  d->id = g_strconcat (user, "-", deputy, NULL);
  d->user = g_strdup (user);
  d->deputy = g_strdup (deputy);
  d->since = since;
  d->until = until;
  g_assert_true (sk_store_put_delegation (f->store, d, &error));
  restart (f);
}

static SkIdentity
person (const char *user)
{
  /* The sender's is 1, as in put_held(). */
  return (SkIdentity){ strcmp (user, "sato") == 0 ? 1 : g_str_hash (user), (char *) user, FALSE };
}

static SkTransferState
state_of (Fixture *f, const char *id)
{
  return sk_transfers_peek (f->transfers, id)->state;
}

static gboolean
may (Fixture *f, const char *user, const char *id)
{
  const SkIdentity who = person (user);
  return sk_transfers_may_decide (f->transfers, &who, id, NULL);
}

static void
approve (Fixture *f, const char *user, const char *id)
{
  const SkIdentity who = person (user);
  g_autoptr (GError) error = NULL;
  g_assert_true (sk_transfers_decide (f->transfers, &who, id, SK_DECISION_APPROVE, "ok", &error));
  g_assert_no_error (error);
}

static void
approve_fails (Fixture *f, const char *user, const char *id, SkErrorCode code)
{
  const SkIdentity who = person (user);
  g_autoptr (GError) error = NULL;
  g_assert_false (sk_transfers_decide (f->transfers, &who, id, SK_DECISION_APPROVE, "", &error));
  g_assert_error (error, SK_ERROR, (int) code);
}

/* "a,b*": who can decide now; * has. */
static char *
who_decides (Fixture *f, const char *id)
{
  g_autoptr (SkApproval) a = sk_transfers_approval (f->transfers, sk_transfers_peek (f->transfers, id));
  GString *all = g_string_new (NULL);
  for (guint i = 0; i < a->who->len; i++)
    {
      const SkDecider *d = a->who->pdata[i];
      g_string_append_printf (all, "%s%s%s%s%s", i ? "," : "", d->user, d->in_place_of ? " for " : "",
                              d->in_place_of ? d->in_place_of : "", d->done ? "*" : "");
    }
  return g_string_free (all, FALSE);
}
#define WHO(id, expected)                                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *who_text = who_decides (f, id);                                                         \
    g_assert_cmpstr (who_text, ==, expected);                                                                \
  }                                                                                                          \
  G_STMT_END

typedef struct
{
  const char *action, *details;
  guint n;
} Count;

static gboolean
count_row (const SkAuditRow *row, gpointer data)
{
  Count *count = data;
  count->n += strcmp (row->action, count->action) == 0
              && (!count->details || strstr (row->details, count->details));
  return TRUE;
}

static guint
count_audit (Fixture *f, const char *object, const char *action, const char *details)
{
  g_autoptr (GError) error = NULL;
  const SkAuditFilter filter = { .object = object };
  Count count = { action, details, 0 };
  g_assert_true (sk_store_audit_walk (f->store, &filter, count_row, &count, &error));
  return count.n;
}

#define STAGE(approvers, need, more)                                                                         \
  "{\"approvers\":[" approvers "],\"need\":" need ",\"deputies\":[],\"within\":0,\"escalate\":[]" more "}"
#define ESCALATING                                                                                           \
  "[{\"approvers\":[\"user:suzuki\"],\"need\":1,\"deputies\":[],\"within\":60,\"escalate\":[\"user:mori\"]}" \
  "]"
#define ALL "0"

#define ID "11111111-0000-4000-8000-000000000001"
#define ID2 "11111111-0000-4000-8000-000000000002"

/* -- time passes --------------------------------------------------------------------------------------------
 */

static void
test_escalation (Fixture *f, gconstpointer data)
{
  hold (f, ID, "sato", ESCALATING, f->time.now + DAY);
  WHO (ID, "suzuki");
  pass (f, 59 * MINUTE);
  g_assert_false (may (f, "mori", ID));
  g_assert_cmpuint (count_audit (f, ID, "approval.escalated", NULL), ==, 0);
  const guint before = f->changes;
  pass (f, 2 * MINUTE);
  g_assert_cmpuint (count_audit (f, ID, "approval.escalated", "user:mori"), ==, 1);
  g_assert_cmpuint (f->changes, ==, before + 1);
  WHO (ID, "mori,suzuki");
  pass (f, HOUR);
  restart (f);
  pass (f, HOUR);
  g_assert_cmpuint (count_audit (f, ID, "approval.escalated", NULL), ==, 1);
  approve (f, "mori", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
}

/* The limit passes while no core runs: the next one writes it down first. */
static void
test_escalation_after_restart (Fixture *f, gconstpointer data)
{
  put_held (f, ID, "sato", SK_CROSS_EXPORT, ESCALATING, f->time.now + DAY);
  stop (f);
  f->time.now += 2 * HOUR;
  start (f);
  g_assert_false (may (f, "mori", ID));
  pass (f, 10 * G_USEC_PER_SEC);
  g_assert_cmpuint (count_audit (f, ID, "approval.escalated", NULL), ==, 1);
  g_assert_true (may (f, "mori", ID));
}

static void
test_escalation_ends_with_its_stage (Fixture *f, gconstpointer data)
{
  hold (
      f, ID, "sato",
      "[{\"approvers\":[\"user:suzuki\"],\"need\":1,\"deputies\":[],\"within\":60,"
      "\"escalate\":[\"user:mori\"]},"
      "{\"approvers\":[\"user:kato\"],\"need\":1,\"deputies\":[],\"within\":60,\"escalate\":[\"user:mori\"]}"
      "]",
      0);
  pass (f, 61 * MINUTE);
  approve (f, "mori", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_HELD);
  WHO (ID, "kato");
  g_assert_false (may (f, "mori", ID));
  pass (f, 61 * MINUTE);
  WHO (ID, "kato,mori");
  g_assert_cmpuint (count_audit (f, ID, "approval.escalated", NULL), ==, 2);
}

static void
test_expiry (Fixture *f, gconstpointer data)
{
  hold (f, ID, "sato", "[" STAGE ("\"user:suzuki\"", "1", "") "]", f->time.now + HOUR);
  pass (f, HOUR - G_USEC_PER_SEC);
  g_assert_true (may (f, "suzuki", ID));
  /* at the second, whenever the next tick is */
  f->time.now += G_USEC_PER_SEC;
  approve_fails (f, "suzuki", ID, SK_ERROR_CONFLICT);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_HELD);
  pass (f, 10 * G_USEC_PER_SEC);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_EXPIRED);
  g_assert_cmpuint (count_audit (f, ID, "transfer.expired", "undecided"), ==, 1);
  restart (f);
  pass (f, DAY);
  g_assert_cmpuint (count_audit (f, ID, "transfer.expired", NULL), ==, 1);
}

static void
test_expiry_after_restart (Fixture *f, gconstpointer data)
{
  put_held (f, ID, "sato", SK_CROSS_EXPORT, "[" STAGE ("\"user:suzuki\"", "1", "") "]", f->time.now + HOUR);
  stop (f);
  f->time.now += DAY;
  start (f);
  approve_fails (f, "suzuki", ID, SK_ERROR_CONFLICT);
  pass (f, 10 * G_USEC_PER_SEC);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_EXPIRED);
}

/* -- deputies -----------------------------------------------------------------------------------------------
 */

static void
test_deputy_by_date (Fixture *f, gconstpointer data)
{
  hold (f, ID, "sato", "[" STAGE ("\"user:suzuki\"", "1", "") "]", 0);
  delegate (f, "suzuki", "mori", f->time.now + DAY, f->time.now + 2 * DAY);
  approve_fails (f, "mori", ID, SK_ERROR_NOT_FOUND);
  pass (f, DAY);
  WHO (ID, "mori for suzuki,suzuki");
  pass (f, DAY);
  approve_fails (f, "mori", ID, SK_ERROR_NOT_FOUND);
  f->time.now -= HOUR;
  approve (f, "mori", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
  g_assert_cmpuint (count_audit (f, ID, "approval.approved", "\"in_place_of\":\"suzuki\""), ==, 1);
  restart (f);
  g_autoptr (GPtrArray) decisions = sk_transfers_decisions (f->transfers, ID, NULL);
  g_assert_cmpstr (((SkDecision *) decisions->pdata[0])->in_place_of, ==, "suzuki");
}

/* An approver and their deputy are one voice. */
static void
test_one_place_one_voice (Fixture *f, gconstpointer data)
{
  hold (f, ID, "sato", "[" STAGE ("\"user:suzuki\",\"user:tanaka\",\"user:kato\"", "2", "") "]", 0);
  hold (f, ID2, "sato", "[" STAGE ("\"user:suzuki\",\"user:tanaka\"", ALL, "") "]", 0);
  delegate (f, "suzuki", "mori", f->time.now - 1, f->time.now + DAY);
  approve (f, "mori", ID);
  approve_fails (f, "suzuki", ID, SK_ERROR_CONFLICT);
  approve_fails (f, "mori", ID, SK_ERROR_CONFLICT);
  WHO (ID, "kato,mori for suzuki*,suzuki*,tanaka");
  restart (f);
  approve_fails (f, "suzuki", ID, SK_ERROR_CONFLICT);
  approve (f, "kato", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
  /* of all, the deputy is not one more */
  approve (f, "tanaka", ID2);
  approve (f, "mori", ID2);
  g_assert_cmpint (state_of (f, ID2), ==, SK_TRANSFER_APPROVED);
}

/* Nobody decides about the sender's for the sender; but for somebody else who was asked. */
static void
test_deputy_of_the_sender (Fixture *f, gconstpointer data)
{
  hold (f, ID, "sato", "[" STAGE ("\"user:sato\",\"user:suzuki\"", "1", "") "]", 0);
  delegate (f, "sato", "mori", f->time.now - 1, f->time.now + DAY);
  approve_fails (f, "mori", ID, SK_ERROR_NOT_FOUND);
  WHO (ID, "suzuki");
  delegate (f, "suzuki", "mori", f->time.now - 1, f->time.now + DAY);
  WHO (ID, "mori for suzuki,suzuki");
  approve_fails (f, "sato", ID, SK_ERROR_FORBIDDEN);
  approve (f, "mori", ID);
}

/* Everybody's first group has them as members, though its own list does not name them. */
static void
test_group (Fixture *f, gconstpointer data)
{
  hold (f, ID, "sato", "[" STAGE ("\"group:daemon\"", ALL, "") "]", 0);
  WHO (ID, "daemon");
  approve (f, "daemon", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
}

/* -- roles change hands -------------------------------------------------------------------------------------
 */

/* The list is imported in March with April's changes in it (発令日). */
#define APRIL                                                                                                \
  "sato,佐藤,,税務課,,,\n"                                                                              \
  "suzuki,鈴木,,税務課,approver,,2030-03-31\n"                                                          \
  "suzuki,鈴木,,総務課,approver,2030-04-01,\n"                                                          \
  "tanaka,田中,,税務課,approver,2030-04-01,\n"                                                          \
  "kato,加藤,,税務課,approver,,\n"

static void
test_hand_over (Fixture *f, gconstpointer data)
{
  import_people (f, APRIL);
  g_assert_cmpuint (count_audit (f, NULL, "people.imported", "\"lines\":5"), ==, 1);
  hold (f, ID, "sato", "[" STAGE ("\"role:approver\"", "1", "") "]", 0);
  WHO (ID, "kato,suzuki");
  approve_fails (f, "tanaka", ID, SK_ERROR_NOT_FOUND);
  pass (f, 2 * DAY);
  WHO (ID, "kato,tanaka");
  approve_fails (f, "suzuki", ID, SK_ERROR_NOT_FOUND);
  const SkIdentity tanaka = person ("tanaka"), suzuki = person ("suzuki");
  g_autoptr (GPtrArray) new_queue = sk_transfers_queue (f->transfers, &tanaka);
  g_autoptr (GPtrArray) old_queue = sk_transfers_queue (f->transfers, &suzuki);
  g_assert_cmpuint (new_queue->len, ==, 1);
  g_assert_cmpuint (old_queue->len, ==, 0);
  approve (f, "tanaka", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
}

/* All means all of today: what a former holder said fills nobody's place. */
static void
test_hand_over_of_all (Fixture *f, gconstpointer data)
{
  import_people (f, APRIL);
  hold (f, ID, "sato", "[" STAGE ("\"role:approver\"", ALL, "") "]", 0);
  approve (f, "suzuki", ID);
  pass (f, 2 * DAY);
  approve (f, "kato", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_HELD);
  WHO (ID, "kato*,tanaka");
  approve (f, "tanaka", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
}

/* The one who was missing leaves: nothing crosses by itself, but who said yes can say so again. */
static void
test_last_one_missing_leaves (Fixture *f, gconstpointer data)
{
  import_people (f, "suzuki,,,,approver,,2030-03-31\nkato,,,,approver,,\n");
  hold (f, ID, "sato", "[" STAGE ("\"role:approver\"", ALL, "") "]", 0);
  approve (f, "kato", ID);
  approve_fails (f, "kato", ID, SK_ERROR_CONFLICT);
  pass (f, 2 * DAY);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_HELD);
  approve (f, "kato", ID);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_APPROVED);
  g_assert_cmpuint (count_audit (f, ID, "approval.approved", NULL), ==, 2);
}

/* Nobody holds the role: nobody decides, and none of none is not all. */
static void
test_nobody_holds_the_role (Fixture *f, gconstpointer data)
{
  import_people (f, "kato,,,,approver,,2030-03-31\n");
  hold (f, ID, "sato", "[" STAGE ("\"role:approver\"", ALL, "") "]", 0);
  pass (f, 2 * DAY);
  WHO (ID, "");
  approve_fails (f, "kato", ID, SK_ERROR_NOT_FOUND);
  g_assert_cmpint (state_of (f, ID), ==, SK_TRANSFER_HELD);
}

/* -- matters ------------------------------------------------------------------------------------------------
 */

static char *
send_in (Fixture *f, const char *user, const char *matter)
{
  const SkIdentity who = person (user);
  const SkTransferOffer offer = { "a.txt", 5 };
  g_autoptr (GError) error = NULL;
  char *id = sk_transfers_create_in (f->transfers, &who, SK_KIND_FILE, "why", matter, &offer, 1, &error);
  g_assert_no_error (error);
  return id;
}

static void
upload (Fixture *f, const char *user, const char *id)
{
  const SkIdentity who = person (user);
  g_autoptr (GError) error = NULL;
  gint64 bytes;
  SkQuarantineWriter *writer = sk_transfers_upload (f->transfers, &who, id, 0, 0, &bytes, &error);
  g_assert_no_error (error);
  g_assert_true (sk_quarantine_write (writer, "hello", 5, &error));
  g_autoptr (SkQuarantined) content = sk_quarantine_finish (writer, &error);
  g_assert_true (sk_transfers_uploaded (f->transfers, id, 0, content, &error));
  g_assert_no_error (error);
}

static gboolean
sees (Fixture *f, const char *user, const char *matter)
{
  const SkIdentity who = person (user);
  g_autoptr (SkMatter) m = sk_matters_get (f->transfers, &who, matter, NULL);
  g_autoptr (GPtrArray) all = sk_matters_list (f->transfers, &who, TRUE, NULL);
  gboolean listed = FALSE;
  for (guint i = 0; i < all->len; i++)
    listed = listed || strcmp (((SkMatter *) all->pdata[i])->id, matter) == 0;
  g_assert_cmpint (m != NULL, ==, listed);
  return m != NULL;
}

#define SECTIONS                                                                                               \
  "sato,,,税務課,,,\nkato,,,税務課,,,2030-03-31\nsuzuki,,,税務課,approver,,\ntanaka,,,総務課,,,\n" \
  "kato,,,総務課,,2030-04-01,\n"

static void
test_matter (Fixture *f, gconstpointer data)
{
  const SkIdentity kato = person ("kato"), sato = person ("sato"), tanaka = person ("tanaka");
  g_autoptr (GError) error = NULL;
  import_people (f, SECTIONS);
  g_autofree char *id = send_in (f, "sato", "固定資産税");
  g_autofree char *second = send_in (f, "kato", "固定資産税");
  g_autofree char *elsewhere = send_in (f, "tanaka", "固定資産税");
  const char *matter = sk_transfers_peek (f->transfers, id)->matter;
  g_assert_cmpstr (matter, ==, "2030-0001");
  g_assert_cmpstr (sk_transfers_peek (f->transfers, second)->matter, ==, "2030-0001");
  g_assert_cmpstr (sk_transfers_peek (f->transfers, elsewhere)->matter, ==, "2030-0002");
  g_assert_true (sees (f, "kato", "2030-0001"));
  g_assert_false (sees (f, "tanaka", "2030-0001"));
  g_assert_cmpuint (count_audit (f, "2030-0001", "matter.opened", "固定資産税"), ==, 1);
  /* a colleague sees what belongs to it, and talks */
  g_autoptr (SkTransfer) seen = sk_transfers_get (f->transfers, &kato, id, &error);
  g_assert_no_error (error);
  g_assert_true (sk_transfers_comment (f->transfers, &kato, id, "これは?", &error));
  f->time.now++;
  g_assert_true (sk_matters_comment (f->transfers, &sato, "2030-0001", "説明します", &error));
  g_assert_false (sk_matters_comment (f->transfers, &tanaka, "2030-0001", "x", NULL));
  g_assert_false (sk_transfers_withdraw (f->transfers, &tanaka, id, NULL));
  g_autoptr (SkMatter) m = sk_matters_get (f->transfers, &kato, "2030-0001", &error);
  g_autoptr (GPtrArray) thread = sk_matters_comments (f->transfers, m, &error);
  g_assert_cmpuint (thread->len, ==, 2);
  g_assert_cmpstr (((SkComment *) thread->pdata[1])->text, ==, "説明します");
  g_auto (GStrv) members = sk_matters_members (f->transfers, m, &error);
  g_autofree char *names = g_strjoinv (",", members);
  g_assert_cmpstr (names, ==, "kato,sato,suzuki");
  /* April: who has moved sees what they sent themselves in it, and nothing of it is theirs to carry on */
  restart (f);
  pass (f, 2 * DAY);
  g_assert_true (sees (f, "kato", "2030-0001"));
  g_assert_false (sk_transfers_withdraw (f->transfers, &kato, id, NULL));
  g_assert_false (sk_matters_change (f->transfers, &kato, "2030-0001", SK_MATTER_CLOSED, NULL, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
}

static void
test_matter_is_carried_on (Fixture *f, gconstpointer data)
{
  const SkIdentity kato = person ("kato"), sato = person ("sato"), tanaka = person ("tanaka");
  g_autoptr (GError) error = NULL;
  import_people (f, SECTIONS);
  g_autofree char *id = send_in (f, "sato", "照会");
  upload (f, "sato", id);
  g_assert_null (sk_transfers_resend (f->transfers, &kato, id, "", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_true (sk_transfers_withdraw (f->transfers, &kato, id, &error));
  g_assert_cmpstr (sk_transfers_peek (f->transfers, id)->en, ==, "A colleague withdrew it.");
  g_assert_null (sk_transfers_resend (f->transfers, &tanaka, id, "", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_autofree char *again = sk_transfers_resend (f->transfers, &kato, id, "", &error);
  g_assert_no_error (error);
  const SkTransfer *row = sk_transfers_peek (f->transfers, again);
  g_assert_cmpint (row->state, ==, SK_TRANSFER_QUARANTINED);
  g_assert_cmpstr (row->user, ==, "kato");
  g_assert_cmpstr (row->purpose, ==, "why");
  g_assert_cmpstr (row->matter, ==, "2030-0001");
  g_autoptr (GPtrArray) items = sk_transfers_items (f->transfers, again, &error);
  const SkTransferItem *item = items->pdata[0];
  g_assert_cmpstr (item->result_blob, ==, "");
  g_assert_cmpstr (item->sha256, ==, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  g_assert_cmpuint (count_audit (f, again, "transfer.resent", id), ==, 1);
  /* closed: nothing more, until it is opened again */
  g_assert_true (sk_matters_change (f->transfers, &kato, "2030-0001", SK_MATTER_CLOSED, NULL, &error));
  g_assert_false (sk_matters_comment (f->transfers, &sato, "2030-0001", "x", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_null (sk_matters_open (f->transfers, &sato, "2030-0001", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  g_autofree char *other = send_in (f, "sato", "照会");
  g_assert_cmpstr (sk_transfers_peek (f->transfers, other)->matter, ==, "2030-0002");
  g_assert_true (sk_matters_change (f->transfers, &sato, "2030-0001", SK_MATTER_OPEN, NULL, &error));
  g_assert_true (sk_matters_comment (f->transfers, &sato, "2030-0001", "x", &error));
  restart (f);
  g_assert_true (sees (f, "kato", "2030-0001"));
}

/* Without a section a matter is its author's alone; who is asked about something in it sees it. */
static void
test_matter_of_one (Fixture *f, gconstpointer data)
{
  static const char *const titles[] = { "", " x", "a\nb", "\342\200\256x", "2030-9999" };
  const SkIdentity sato = person ("sato");
  g_autofree char *id = send_in (f, "sato", "x");
  g_assert_false (sees (f, "kato", "2030-0001"));
  for (gsize i = 0; i < G_N_ELEMENTS (titles); i++)
    g_assert_null (sk_matters_open (f->transfers, &sato, titles[i], NULL));
  g_autoptr (SkTransfer) row = sk_transfer_copy (sk_transfers_peek (f->transfers, id));
  sk_set_text (&row->stages, "[" STAGE ("\"user:mori\"", "1", "") "]");
  static const SkTransferState way[] = { SK_TRANSFER_QUARANTINED, SK_TRANSFER_INSPECTING, SK_TRANSFER_HELD };
  for (gsize i = 0; i < G_N_ELEMENTS (way); i++)
    {
      row->state = way[i];
      g_assert_true (sk_store_put_transfer (f->store, row, NULL));
    }
  restart (f);
  g_assert_true (sees (f, "mori", "2030-0001"));
  approve (f, "mori", id);
  g_assert_true (sees (f, "mori", "2030-0001"));
  const SkIdentity mori = person ("mori");
  g_assert_false (sk_transfers_withdraw (f->transfers, &mori, id, NULL));
}

/* -- previews -----------------------------------------------------------------------------------------------
 */

static void
on_preview (GObject *source, GAsyncResult *result, gpointer data)
{
  GError **error = data;
  g_autoptr (SkPreview) preview = sk_transfers_preview_finish (SK_TRANSFERS (source), result, error);
  g_assert_null (preview);
}

static int
preview_error (Fixture *f, const char *user, const char *id)
{
  const SkIdentity who = person (user);
  g_autoptr (GError) error = NULL;
  sk_transfers_preview_async (f->transfers, &who, id, 0, NULL, on_preview, &error);
  while (!error)
    g_main_context_iteration (NULL, TRUE);
  return error->code;
}

/* To be shown it is to have it: an import's receiver gets no preview before its release, others none at all.
 */
static void
test_preview_is_for_deciders (Fixture *f, gconstpointer data)
{
  const SkIdentity suzuki = person ("suzuki");
  put_held (f, ID, "sato", SK_CROSS_IMPORT, "[" STAGE ("\"user:suzuki\"", "1", "") "]", 0);
  restart (f);
  g_assert_cmpint (preview_error (f, "sato", ID), ==, SK_ERROR_FORBIDDEN);
  g_assert_cmpint (preview_error (f, "kato", ID), ==, SK_ERROR_NOT_FOUND);
  g_assert_cmpint (preview_error (f, "suzuki", ID), ==, SK_ERROR_NOT_FOUND); /* it has no items */
  g_assert_true (sk_transfers_decide (f->transfers, &suzuki, ID, SK_DECISION_DENY, "no", NULL));
  g_assert_cmpint (preview_error (f, "sato", ID), ==, SK_ERROR_FORBIDDEN);
  g_assert_cmpuint (count_audit (f, ID, "transfer.previewed", NULL), ==, 0);
}

/* -- what was said and decided before there were matters ----------------------------------------------------
 */

/* The step that made matters: by what it makes, as its number is another one in another tree. */
static guint
step_of_matters (void)
{
  guint step = 0;
  while (!strstr (sk_migrations[step], "CREATE TABLE matters"))
    step++;
  return step;
}

static void
test_older_rows (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "older.db", NULL);
  g_autoptr (GError) error = NULL;
  sqlite3 *db = NULL;
  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_true (sk_migrate (db, step_of_matters (), &error));
  g_assert_cmpint (
      sqlite3_exec (
          db,
          "INSERT INTO transfers (id, state, direction, kind, user, uid, section, organisation, channel,"
          " session, vm, offer, purpose, count, bytes, policy, rule, profile, code, en, ja, stages, stage,"
          " stage_since, due, retention_days, review, matter, created, changed) VALUES ('t', 'receiving',"
          " 'export', 'file', 'sato', 1, '', '', 'desk', '', '', '', '', 1, 1, '', '', '', '', '', '', '',"
          " 0, 0, 0, 0, 0, '', 1, 1);"
          "INSERT INTO comments VALUES ('c', 't', 'sato', 'said', 7);"
          "INSERT INTO decisions VALUES ('d', 't', 0, 'suzuki', 'approve', 'yes', 8);",
          NULL, NULL, NULL),
      ==, SQLITE_OK);
  sqlite3_close (db);
  g_autoptr (SkStore) store = sk_store_open (path, &error);
  g_assert_no_error (error);
  g_autoptr (GPtrArray) comments = sk_store_comments (store, "t", &error);
  g_autoptr (GPtrArray) decisions = sk_store_decisions (store, "t", &error);
  g_autoptr (SkTransfer) row = sk_store_transfer (store, "t", &error);
  g_assert_no_error (error);
  const SkComment *comment = comments->pdata[0];
  g_assert_cmpstr (comment->text, ==, "said");
  g_assert_cmpint (comment->created, ==, 7);
  g_assert_cmpstr (comment->matter, ==, "");
  g_assert_cmpstr (((SkDecision *) decisions->pdata[0])->in_place_of, ==, "");
  g_assert_cmpint (row->escalated, ==, 0);
}

/* Numbers go on where they were, past four digits too, and begin anew with the year. */
static void
test_matter_numbers (Fixture *f, gconstpointer data)
{
  const SkIdentity sato = person ("sato");
  g_autoptr (GError) error = NULL;
  static const char *const ids[] = { "2029-0099", "2030-9999", "2030-10000" };
  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      const SkMatter row = { (char *) ids[i], "t", "", "town", "x", SK_MATTER_OPEN, 1, 1 };
      g_assert_true (sk_store_put_matter (f->store, &row, &error));
    }
  g_autoptr (SkMatter) next = sk_matters_open (f->transfers, &sato, "次", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (next->id, ==, "2030-10001");
  pass (f, 300 * DAY);
  g_autoptr (SkMatter) new_year = sk_matters_open (f->transfers, &sato, "新年", &error);
  g_assert_cmpstr (new_year->id, ==, "2031-0001");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/approvals/" name, Fixture, NULL, setup, function, teardown)
  ADD ("escalation", test_escalation);
  ADD ("escalation-after-restart", test_escalation_after_restart);
  ADD ("escalation-ends-with-its-stage", test_escalation_ends_with_its_stage);
  ADD ("expiry", test_expiry);
  ADD ("expiry-after-restart", test_expiry_after_restart);
  ADD ("deputy-by-date", test_deputy_by_date);
  ADD ("one-place-one-voice", test_one_place_one_voice);
  ADD ("deputy-of-the-sender", test_deputy_of_the_sender);
  ADD ("group", test_group);
  ADD ("hand-over", test_hand_over);
  ADD ("hand-over-of-all", test_hand_over_of_all);
  ADD ("last-one-missing-leaves", test_last_one_missing_leaves);
  ADD ("nobody-holds-the-role", test_nobody_holds_the_role);
  ADD ("matter", test_matter);
  ADD ("matter-is-carried-on", test_matter_is_carried_on);
  ADD ("matter-of-one", test_matter_of_one);
  ADD ("preview-is-for-deciders", test_preview_is_for_deciders);
  ADD ("older-rows", test_older_rows);
  ADD ("matter-numbers", test_matter_numbers);
  return g_test_run ();
}
