#include "clip-fixture.h"
#include "common/error.h"
#include <string.h>

static const char people[] = "user,name,organisation,section,role,since,until\nkacho,Kacho,,,approver,,\n";

/* Rules as a text become a folder with one file. */
static char *
policy_folder (const char *dir, const char *policy, GError **error)
{
  if (g_file_test (policy, G_FILE_TEST_IS_DIR))
    return g_strdup (policy);
  g_autofree char *folder = g_build_filename (dir, "policies", NULL);
  g_autofree char *file = g_build_filename (folder, "50-test.policy", NULL);
  g_mkdir_with_parents (folder, 0755);
  return g_file_set_contents (file, policy, -1, error) ? g_steal_pointer (&folder) : NULL;
}

/* Beside the program that runs. */
static char *
inspector_folder (void)
{
  const char *given = g_getenv ("SEKISHO_INSPECT_DIR");
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = program ? g_path_get_dirname (program) : NULL;
  return given ? g_strdup (given) : g_build_filename (folder, "..", "..", "broker", "inspect", NULL);
}

gboolean
crossing_open (Crossing *c, const char *dir, const char *policy, GError **error)
{
  g_autofree char *inspect_dir = inspector_folder ();
  g_autofree char *database = g_build_filename (dir, "sekisho.db", NULL);
  g_autofree char *rules = policy_folder (dir, policy, error);
  guint lines;
  *c = (Crossing){ 0 };
  if (!rules || !(c->store = sk_store_open (database, error))
      || !(c->audit = sk_audit_new (c->store, dir, "town", error))
      || !(c->quarantine = sk_quarantine_new (dir, NULL, error))
      || !(c->people = sk_people_new (c->store, "town", error))
      || !sk_people_import (c->people, people, strlen (people), g_get_real_time (), &lines, error)
      || !(c->inspector = sk_inspector_new (inspect_dir, 2, error)))
    return FALSE;
  const SkTransfersParts parts = { .store = c->store,
                                   .audit = c->audit,
                                   .quarantine = c->quarantine,
                                   .inspector = c->inspector,
                                   .people = c->people,
                                   .policy_dir = rules,
                                   .organisation = "town",
                                   .inspections = 2 };
  c->transfers = sk_transfers_new (&parts, error);
  if (!c->transfers)
    return FALSE;
  SkPolicyStatus status;
  sk_transfers_policy_status (c->transfers, &status);
  if (status.error)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, status.error);
  return !status.error;
}

void
crossing_close (Crossing *c)
{
  if (c->transfers && !sk_transfers_end (g_steal_pointer (&c->transfers)))
    g_error ("something still runs");
  g_clear_pointer (&c->inspector, sk_inspector_free);
  g_clear_pointer (&c->people, sk_people_free);
  g_clear_pointer (&c->quarantine, sk_quarantine_free);
  g_clear_pointer (&c->audit, sk_audit_free);
  g_clear_pointer (&c->store, sk_store_close);
}

guint
crossing_approve (Crossing *c)
{
  const SkIdentity kacho = { 4000, (char *) "kacho", FALSE };
  g_autoptr (GPtrArray) ids = sk_transfers_queue (c->transfers, &kacho);
  guint n = 0;
  for (guint i = 0; i < ids->len; i++)
    n += sk_transfers_decide (c->transfers, &kacho, ids->pdata[i], SK_DECISION_APPROVE, "", NULL);
  return n;
}
