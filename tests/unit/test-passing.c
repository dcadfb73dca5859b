/* What is not written at once, and what is written in one go: a clipboard's text before it came whole, states
 * that follow each other, a user's open transfers. No inspector: nothing gets further than the quarantine. */
#include "common/error.h"
#include "common/log.h"
#include "core/transfers.h"
#include <string.h>

typedef struct
{
  char *dir;
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkPeople *people;
  SkTransfers *transfers;
} Fixture;

static const SkIdentity hanako = { 1000, (char *) "hanako", FALSE };

static void
open_all (Fixture *f)
{
  static const SkQuarantineLimits small = { 64 << 20, 1 };
  g_autoptr (GError) error = NULL;
  g_autofree char *database = g_build_filename (f->dir, "sekisho.db", NULL);
  f->store = sk_store_open (database, &error);
  g_assert_no_error (error);
  f->audit = sk_audit_new (f->store, f->dir, "home", &error);
  f->quarantine = sk_quarantine_new (f->dir, &small, &error);
  f->people = sk_people_new (f->store, "home", &error);
  const SkTransfersParts parts = { .store = f->store,
                                   .audit = f->audit,
                                   .quarantine = f->quarantine,
                                   .people = f->people,
                                   .policy_dir = "/nowhere",
                                   .organisation = "home" };
  f->transfers = sk_transfers_new (&parts, &error);
  g_assert_no_error (error);
}

static void
close_all (Fixture *f)
{
  g_clear_object (&f->transfers);
  g_clear_pointer (&f->people, sk_people_free);
  g_clear_pointer (&f->quarantine, sk_quarantine_free);
  g_clear_pointer (&f->audit, sk_audit_free);
  g_clear_pointer (&f->store, sk_store_close);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("passing-XXXXXX", NULL);
  sk_log_set_threshold (G_LOG_LEVEL_CRITICAL);
  open_all (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  const char *const argv[] = { "rm", "-rf", f->dir, NULL };
  close_all (f);
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (f->dir);
}

static char *
create (Fixture *f, SkKind kind, gint64 bytes)
{
  g_autoptr (GError) error = NULL;
  const SkTransferOffer offer = { "a.txt", bytes };
  char *id = sk_transfers_create (f->transfers, &hanako, kind, "", &offer, 1, &error);
  g_assert_no_error (error);
  return id;
}

static void
upload (Fixture *f, const char *id, const char *text)
{
  g_autoptr (GError) error = NULL;
  gint64 bytes;
  SkQuarantineWriter *writer = sk_transfers_upload (f->transfers, &hanako, id, 0, 0, &bytes, &error);
  g_assert_no_error (error);
  g_assert_true (sk_quarantine_write (writer, text, strlen (text), &error));
  g_autoptr (SkQuarantined) content = sk_quarantine_finish (writer, &error);
  g_assert_no_error (error);
  g_assert_true (sk_transfers_uploaded (f->transfers, id, 0, content, &error));
}

static gboolean
add_action (const SkAuditRow *row, gpointer text)
{
  g_string_append_printf (text, "%s ", row->action);
  return TRUE;
}

/* What the audit trail has about it, oldest first. */
static char *
actions (Fixture *f, const char *id)
{
  g_autoptr (GError) error = NULL;
  GString *text = g_string_new (NULL);
  const SkAuditFilter filter = { .object = id };
  g_assert_true (sk_store_audit_walk (f->store, &filter, add_action, text, &error));
  return g_string_free (text, FALSE);
}

static void
check (Fixture *f, const char *id, SkTransferState state, const char *trail)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkTransfer) row = sk_store_transfer (f->store, id, &error);
  g_autofree char *said = actions (f, id);
  g_assert_no_error (error);
  g_assert_cmpint (row->state, ==, state);
  g_assert_cmpstr (said, ==, trail);
}

static void
check_unwritten (Fixture *f, const char *id)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *said = actions (f, id);
  g_assert_null (sk_store_transfer (f->store, id, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_assert_cmpstr (said, ==, "");
}

static void
test_text (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = create (f, SK_KIND_TEXT, 5);
  check_unwritten (f, id);
  g_autoptr (SkTransfer) live = sk_transfers_get (f->transfers, &hanako, id, &error);
  g_assert_cmpint (live->state, ==, SK_TRANSFER_RECEIVING);
  upload (f, id, "hello");
  check (f, id, SK_TRANSFER_QUARANTINED, "transfer.receiving transfer.quarantined ");
  /* A core that comes back goes on with it. */
  close_all (f);
  open_all (f);
  g_assert_nonnull (sk_transfers_peek (f->transfers, id));
  g_assert_true (sk_transfers_withdraw (f->transfers, &hanako, id, &error));
  check (f, id, SK_TRANSFER_CANCELLED, "transfer.receiving transfer.quarantined transfer.cancelled ");
}

/* What never came whole is not there after a restart; one that is withdrawn is recorded all the same. */
static void
test_text_unfinished (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *withdrawn = create (f, SK_KIND_TEXT, 5);
  g_assert_true (sk_transfers_withdraw (f->transfers, &hanako, withdrawn, &error));
  check (f, withdrawn, SK_TRANSFER_CANCELLED, "transfer.receiving transfer.cancelled ");
  g_autofree char *left = create (f, SK_KIND_TEXT, 5);
  close_all (f);
  open_all (f);
  g_assert_null (sk_transfers_peek (f->transfers, left));
  check_unwritten (f, left);
}

static void
test_file (Fixture *f, gconstpointer data)
{
  g_autofree char *id = create (f, SK_KIND_FILE, 5);
  check (f, id, SK_TRANSFER_RECEIVING, "transfer.receiving ");
  upload (f, id, "hello");
  check (f, id, SK_TRANSFER_QUARANTINED, "transfer.receiving transfer.quarantined ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/passing/text", Fixture, NULL, set_up, test_text, tear_down);
  g_test_add ("/passing/text-unfinished", Fixture, NULL, set_up, test_text_unfinished, tear_down);
  g_test_add ("/passing/file", Fixture, NULL, set_up, test_file, tear_down);
  return g_test_run ();
}
