#include "crossing-fixture.h"
#include "common/error.h"
#include "common/log.h"
#include "store/store-private.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_SECONDS 120

/* By hand, without meson: beside the test in the build folder. */
static char *
inspect_dir (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *here = g_path_get_dirname (self ? self : ".");
  const char *dir = g_getenv ("SEKISHO_INSPECT_DIR");
  return dir ? g_strdup (dir) : g_build_filename (here, "..", "..", "broker", "inspect", NULL);
}

void
crossing_sql (Crossing *c, const char *format, ...)
{
  va_list args;
  g_autofree char *path = g_build_filename (c->state, "sekisho.db", NULL);
  g_autoptr (SkStore) store = sk_store_open (path, NULL);
  va_start (args, format);
  g_autofree char *sql = g_strdup_vprintf (format, args);
  va_end (args);
  if (sqlite3_exec (sk_store_handle (store), sql, NULL, NULL, NULL) != SQLITE_OK)
    g_error ("%s: %s", sql, sqlite3_errmsg (sk_store_handle (store)));
}

static void
write_rules (Crossing *c, const char *rules)
{
  g_autofree char *path = g_build_filename (c->policies, "10-test.policy", NULL);
  g_autoptr (GError) error = NULL;
  g_file_set_contents_full (path, rules ? rules : CROSSING_ALLOW_ALL, -1, G_FILE_SET_CONTENTS_CONSISTENT,
                            0600, &error);
  g_assert_no_error (error);
}

void
crossing_start (Crossing *c)
{
  g_autofree char *database = g_build_filename (c->state, "sekisho.db", NULL);
  g_autoptr (GError) error = NULL;
  if (!(c->store = sk_store_open (database, &error))
      || !(c->audit = sk_audit_new (c->store, c->state, "town", &error))
      || !(c->quarantine = sk_quarantine_new (c->state, &c->limits, &error))
      || !(c->people = sk_people_new (c->store, "town", &error)))
    g_error ("%s", error->message);
  g_autofree char *dir = inspect_dir ();
  c->inspector = sk_inspector_new (dir, c->inspections, &error);
  g_assert_no_error (error);
  const SkTransfersParts parts = { .store = c->store,
                                   .audit = c->audit,
                                   .quarantine = c->quarantine,
                                   .inspector = c->inspector,
                                   .people = c->people,
                                   .policy_dir = c->policies,
                                   .organisation = "town",
                                   .inspections = c->inspections };
  c->transfers = sk_transfers_new (&parts, &error);
  g_assert_no_error (error);
}

void
crossing_stop (Crossing *c)
{
  while (c->transfers && G_OBJECT (c->transfers)->ref_count > 1)
    {
      /* What runs on threads holds a reference and gives it back on this loop. */
      g_object_run_dispose (G_OBJECT (c->transfers));
      g_main_context_iteration (NULL, TRUE);
    }
  g_clear_object (&c->transfers);
  crossing_iterate (c);
  g_clear_pointer (&c->inspector, sk_inspector_free);
  crossing_iterate (c);
  g_clear_pointer (&c->people, sk_people_free);
  g_clear_pointer (&c->quarantine, sk_quarantine_free);
  g_clear_pointer (&c->audit, sk_audit_free);
  g_clear_pointer (&c->store, sk_store_close);
}

void
crossing_up (Crossing *c, const char *rules, guint inspections)
{
  g_autoptr (GError) error = NULL;
  *c = (Crossing){ .inspections = inspections };
  sk_log_set_threshold (G_LOG_LEVEL_CRITICAL); /* refusals by the hundred are what is tested */
  c->dir = g_dir_make_tmp ("sk-crossing-XXXXXX", &error);
  g_assert_no_error (error);
  c->state = g_build_filename (c->dir, "state", NULL);
  c->policies = g_build_filename (c->dir, "policies", NULL);
  g_assert_cmpint (g_mkdir (c->state, 0700) | g_mkdir (c->policies, 0700), ==, 0);
  write_rules (c, rules);
  crossing_start (c);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *below = g_build_filename (path, name, NULL);
      remove_tree (below);
    }
  g_remove (path);
}

void
crossing_down (Crossing *c)
{
  crossing_stop (c);
  remove_tree (c->dir);
  g_free (c->dir);
  g_free (c->state);
  g_free (c->policies);
}

void
crossing_iterate (Crossing *c)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

void
crossing_set_rules (Crossing *c, const char *rules)
{
  g_autoptr (GError) error = NULL;
  write_rules (c, rules);
  if (!sk_transfers_reload_policy (c->transfers, "root", &error))
    g_error ("%s", error->message);
}

void
crossing_set_people (Crossing *c, const char *csv)
{
  g_autofree char *all = g_strconcat (CROSSING_HEAD, csv, NULL);
  g_autoptr (GError) error = NULL;
  guint lines;
  if (!sk_people_import (c->people, all, strlen (all), g_get_real_time (), &lines, &error))
    g_error ("%s", error->message);
}

const SkIdentity *
crossing_who (const char *user)
{
  static GHashTable *all;
  if (!all)
    all = g_hash_table_new (g_str_hash, g_str_equal);
  SkIdentity *who = g_hash_table_lookup (all, user);
  if (!who)
    {
      who = g_new0 (SkIdentity, 1);
      who->admin = strcmp (user, "root") == 0;
      who->uid = who->admin ? 0 : 70000 + g_hash_table_size (all);
      who->user = g_strdup (user);
      g_hash_table_insert (all, who->user, who);
    }
  return who;
}

char *
crossing_create (Crossing *c, const char *user, const char *name, gint64 bytes, GError **error)
{
  const SkTransferOffer offer = { name, bytes };
  return sk_transfers_create (c->transfers, crossing_who (user), SK_KIND_FILE, "for the test", &offer, 1,
                              error);
}

gboolean
crossing_upload (Crossing *c, const char *user, const char *id, guint item, const void *data, gsize length,
                 GError **error)
{
  gint64 bytes = 0;
  SkQuarantineWriter *writer
      = sk_transfers_upload (c->transfers, crossing_who (user), id, item, 0, &bytes, error);
  if (!writer)
    return FALSE;
  if (!sk_quarantine_write (writer, data, length, error))
    {
      const gint64 received = (gint64) sk_quarantine_writer_offset (writer);
      sk_quarantine_writer_free (writer);
      sk_transfers_upload_broke (c->transfers, id, item, received);
      return FALSE;
    }
  g_autoptr (SkQuarantined) content = sk_quarantine_finish (writer, error);
  if (content)
    return sk_transfers_uploaded (c->transfers, id, item, content, error);
  sk_transfers_upload_broke (c->transfers, id, item, 0);
  return FALSE;
}

char *
crossing_send (Crossing *c, const char *user, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;
  char *id = crossing_create (c, user, name, (gint64) strlen (text), &error);
  if (!id || !crossing_upload (c, user, id, 0, text, strlen (text), &error))
    g_error ("%s", error->message);
  return id;
}

SkTransferState
crossing_state (Crossing *c, const char *id)
{
  const SkTransfer *row = sk_transfers_peek (c->transfers, id);
  g_autoptr (SkTransfer) stored = sk_store_transfer (c->store, id, NULL);
  g_assert_nonnull (stored);
  /* What is in memory is what is on the disk. */
  if (row)
    g_assert_cmpint (row->state, ==, stored->state);
  return stored->state;
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the test waited too long: %s", (const char *) data);
  return G_SOURCE_REMOVE;
}

void
crossing_wait (Crossing *c, const char *id, SkTransferState state)
{
  const guint deadline
      = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, (gpointer) sk_transfer_state_word (state));
  while (sk_transfers_peek (c->transfers, id)->state != state)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  g_assert_cmpint (crossing_state (c, id), ==, state);
}

SkTransferState
crossing_settle (Crossing *c, const char *id)
{
  const guint moves
      = 1u << SK_TRANSFER_QUARANTINED | 1u << SK_TRANSFER_INSPECTING | 1u << SK_TRANSFER_APPROVED;
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, "it moves on");
  while (1u << sk_transfers_peek (c->transfers, id)->state & moves)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  return crossing_state (c, id);
}

char *
crossing_fetch (Crossing *c, const char *user, const char *id, guint item, GError **error)
{
  g_autoptr (SkQuarantineReader) reader
      = sk_transfers_content (c->transfers, crossing_who (user), id, item, error);
  if (!reader)
    return NULL;
  const gsize size = sk_quarantine_size (reader);
  char *text = g_malloc0 (size + 1);
  gsize at = 0;
  for (gssize n; at < size && (n = sk_quarantine_read (reader, text + at, size - at, error)) > 0;)
    at += (gsize) n;
  g_assert_cmpuint (at, ==, size);
  return text;
}

const char *
crossing_code (Crossing *c, const char *id)
{
  return sk_transfers_peek (c->transfers, id)->code;
}

void
crossing_add_guest (Crossing *c, MockGuest *guest, const char *user, const char *session)
{
  g_autoptr (SkSession) row = g_new0 (SkSession, 1);
  g_autofree char *vm = g_strconcat ("vm-", session, NULL);
  mock_guest_init (guest);
  row->id = g_strdup (session);
  row->pool = g_strdup ("office");
  row->vm = g_strdup (vm);
  row->user = g_strdup (user);
  row->uid = crossing_who (user)->uid;
  row->url = g_strdup ("");
  row->reason = g_strdup ("");
  sk_transfers_add_guest (c->transfers, row, guest->link);
  mock_guest_connect (guest);
  sk_transfers_guest_up (c->transfers, session);
}

const SkTransfer *
crossing_import (Crossing *c, const char *key)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, c->transfers->live);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (strcmp (((SkLiveTransfer *) value)->row->offer, key) == 0)
      return ((SkLiveTransfer *) value)->row;
  return NULL;
}

typedef struct
{
  const char *action;
  guint n;
} Count;

static gboolean
count_row (const SkAuditRow *row, gpointer data)
{
  Count *count = data;
  count->n += strcmp (row->action, count->action) == 0;
  return TRUE;
}

guint
crossing_audited (Crossing *c, const char *id, const char *action)
{
  const SkAuditFilter filter = { .object = id };
  Count count = { action, 0 };
  g_assert_true (sk_store_audit_walk (c->store, &filter, count_row, &count, NULL));
  return count.n;
}

static void
count_fault (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data)
{
  g_test_message ("audit: %s %" G_GINT64_FORMAT " %s", organisation, seq, sk_audit_fault_words[fault]);
  ++*(guint *) data;
}

guint
crossing_verify (Crossing *c)
{
  guint faults = 0;
  guint64 rows = 0;
  g_autoptr (GError) error = NULL;
  if (!sk_audit_verify (c->audit, count_fault, &faults, &rows, &error))
    g_error ("%s", error->message);
  g_test_message ("audit: %" G_GUINT64_FORMAT " rows, %u faults", rows, faults);
  return faults;
}

gint64
crossing_memory (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;
  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  fields = g_strsplit (text, " ", 3);
  return g_ascii_strtoll (fields[1], NULL, 10) * sysconf (_SC_PAGESIZE);
}

void
crossing_assert_both (const GError *error)
{
  g_assert_nonnull (error);
  g_autofree char *en = sk_both_pick (error->message, FALSE);
  g_autofree char *ja = sk_both_pick (error->message, TRUE);
  if (strcmp (en, ja) == 0)
    g_error ("one language only: %s", error->message);
}
