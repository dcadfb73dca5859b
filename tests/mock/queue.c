#include "mock/queue.h"
#include "core/transfer-private.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* 2030-04-01 12:00 UTC */
#define NOON (G_GINT64_CONSTANT (1901275200) * G_USEC_PER_SEC)
#define HOUR ((gint64) 3600 * G_USEC_PER_SEC)

struct _SkMockQueue
{
  SkClock clock; /* the first */
  char *dir;
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkPeople *people;
  SkTransfers *transfers;
};

static gint64
stands (SkClock *clock)
{
  return NOON;
}

static guint
never (SkClock *clock, guint ms, SkTimerFunc func, gpointer data)
{
  return 1;
}

static void
nothing (SkClock *clock, guint id)
{
}

/* Whoever runs it decides. */
static void
import_people (SkMockQueue *q)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *csv = g_strdup_printf ("user,name,organisation,section,role,since,until\n"
                                          "%s,鈴木 花子,,税務課,approver,,\nhanako,佐藤 一郎,,税務課,,,\n",
                                          g_get_user_name ());
  guint lines;
  if (!sk_people_import (q->people, csv, strlen (csv), NOON, &lines, &error))
    g_error ("%s", error->message);
}

SkMockQueue *
sk_mock_queue_new (void)
{
  SkMockQueue *q = g_new0 (SkMockQueue, 1);
  g_autoptr (GError) error = NULL;
  q->clock = (SkClock){ stands, stands, never, nothing };
  q->dir = g_dir_make_tmp ("sk-queue-XXXXXX", &error);
  g_autofree char *database = g_build_filename (q->dir, "sekisho.db", NULL);
  g_autofree char *rules = g_build_filename (q->dir, "rules", NULL);
  g_mkdir (rules, 0700);
  if (!(q->store = sk_store_open (database, &error))
      || !(q->audit = sk_audit_new (q->store, q->dir, "town", &error))
      || !(q->quarantine = sk_quarantine_new (q->dir, NULL, &error))
      || !(q->people = sk_people_new (q->store, "town", &error)))
    g_error ("%s", error->message);
  const SkTransfersParts parts = { .store = q->store,
                                   .audit = q->audit,
                                   .quarantine = q->quarantine,
                                   .people = q->people,
                                   .policy_dir = rules,
                                   .organisation = "town",
                                   .clock = &q->clock };
  import_people (q);
  if (!(q->transfers = sk_transfers_new (&parts, &error)))
    g_error ("%s", error->message);
  return q;
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

void
sk_mock_queue_free (SkMockQueue *q)
{
  g_clear_object (&q->transfers);
  sk_people_free (q->people);
  sk_quarantine_free (q->quarantine);
  sk_audit_free (q->audit);
  sk_store_close (q->store);
  remove_all (q->dir);
  g_free (q->dir);
  g_free (q);
}

void
sk_mock_queue_set_options (SkMockQueue *q, SkApiOptions *options)
{
  options->transfers = q->transfers;
  options->people = q->people;
  options->audit = q->audit;
}

static SkLiveTransfer *
admit (SkMockQueue *q, guint number, const char *user, const char *name, const char *reason)
{
  g_autoptr (GError) error = NULL;
  const SkTransferOffer offer = { name, 4096 };
  SkTransfer *row = sk_transfers_new_row (q->transfers, user,
                                          strcmp (user, g_get_user_name ()) == 0 ? (guint) getuid () : 4242,
                                          SK_CROSS_EXPORT, SK_KIND_FILE);
  g_free (row->id);
  row->id = g_strdup_printf ("00000000-0000-4000-8000-%012u", number);
  row->count = 1;
  row->created += number;
  sk_set_text (&row->purpose, reason);
  GPtrArray *items = sk_transfers_make_items (row->id, &offer, 1, NOON, &row->bytes, &error);
  SkTransferItem *item = items->pdata[0];
  sk_set_text (&item->type, "text/plain");
  sk_set_text (&item->result_name, name);
  sk_set_text (&item->findings, "[{\"kind\":\"bidi\",\"count\":2,\"detail\":\"U+202E\"}]");
  sk_set_text (&item->removed, "[\"bidi\"]");
  SkLiveTransfer *t = sk_transfers_admit (q->transfers, row, items, user, &error);
  if (!t)
    g_error ("%s", error->message);
  return t;
}

void
sk_mock_queue_hold (SkMockQueue *q, guint number, const char *user, const char *name, const char *reason)
{
  static const SkTransferState way[] = { SK_TRANSFER_QUARANTINED, SK_TRANSFER_INSPECTING, SK_TRANSFER_HELD };
  SkLiveTransfer *t = admit (q, number, user, name, reason);
  for (gsize i = 0; i < G_N_ELEMENTS (way); i++)
    {
      g_autoptr (GError) error = NULL;
      SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = "policy" };
      change.next->state = way[i];
      change.next->due = NOON + 50 * HOUR;
      change.next->stage_since = NOON;
      sk_set_text (&change.next->rule, "30-export:files");
      sk_set_text (&change.next->stages,
                   "[{\"approvers\":[\"role:approver\"],\"need\":1,\"deputies\":[\"user:daemon\"],"
                   "\"within\":240,\"escalate\":[\"user:bin\"]}]");
      if (!sk_live_transfer_change (t, &change, &error))
        g_error ("%s", error->message);
    }
}
