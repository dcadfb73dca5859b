/* sekishod. A plain stop leaves VMs, screens and views running for the next sekishod; see README.md. */
#include "api/server.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/keeper.h"
#include "core/libvirt.h"
#include "core/manager-private.h"
#include "core/process.h"
#include "core/service.h"
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

/* Started and caged, 10 MB each: a click's worth of files, or a few copies in a row, do not wait for a
 * process. */
#define SPARE_INSPECTORS 4
/* At a time: a host has two processors at least. */
#define INSPECTIONS 2

static SkAgentLink *
new_agent (const char *vm_id, gpointer runtime_dir)
{
  g_autofree char *path = g_build_filename (runtime_dir, "vms", vm_id, "agent.sock", NULL);
  g_autofree char *bulk = sk_domain_bulk (vm_id);
  SkAgentLink *link = sk_agent_link_new (path);
  sk_agent_link_set_bulk (link, bulk);
  return link;
}

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

/* The same as sekishoctl policy reload; what is wrong is in the log, doctor and the audit trail. */
static gboolean
on_hangup (gpointer transfers)
{
  g_autoptr (GError) error = NULL;
  if (!sk_transfers_reload_policy (transfers, "SIGHUP", &error))
    sk_debug (NULL, "%s", error->message);
  return G_SOURCE_CONTINUE;
}

static void
run_loop (SkTransfers *transfers)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGINT, on_signal, loop);
  g_unix_signal_add (SIGHUP, on_hangup, transfers);
  sk_service_ready ();
  g_main_loop_run (loop);
  sk_service_stopping ();
}

/* Before the parts go. Where something hangs on a disk the process ends with what it has: all that counts is
 * in the store. */
static void
end_transfers (SkTransfers **transfers)
{
  if (*transfers && !sk_transfers_end (g_steal_pointer (transfers)))
    {
      sk_err (NULL, "something that crosses does not end; ended without it");
      _exit (0);
    }
}

static gboolean
run (const SkConfig *config, GError **error)
{
  g_autofree char *database = g_build_filename (config->state_dir, "sekisho.db", NULL);
  g_autofree char *build_image = g_build_filename (config->libexec_dir, "build-image", NULL);
  sk_autofd int lock = sk_service_prepare (config, error);
  SkApiOptions api = SK_API_OPTIONS_INIT;
  g_autoptr (SkStore) store = NULL;
  g_autoptr (SkRecordings) recordings = NULL;
  g_autoptr (SkAudit) audit = NULL;
  g_autoptr (SkKeeper) keeper = NULL;
  g_autoptr (SkQuarantine) quarantine = NULL;
  g_autoptr (SkPeople) people = NULL;
  g_autoptr (SkInspector) inspector = NULL;
  g_autoptr (SkAntivirus) antivirus = NULL;
  __attribute__ ((cleanup (end_transfers))) SkTransfers *transfers = NULL;
  g_autoptr (SkStaff) staff = NULL;
  g_autoptr (SkHypervisor) hypervisor = NULL;
  g_autoptr (SkManager) manager = NULL;
  g_autoptr (SkApiServer) server = NULL;

  if (lock < 0 || !sk_service_socket (&api.listen_fd, error) || !(store = sk_store_open (database, error))
      || !(recordings = sk_recordings_new (config->state_dir, error))
      || !(audit = sk_audit_new (store, config->state_dir, config->organisation, error))
      || !(keeper = sk_keeper_new (audit, config, error))
      || !(quarantine = sk_quarantine_new (config->state_dir, NULL, error))
      || !(people = sk_people_new (store, config->organisation, error))
      || !(inspector = sk_inspector_new (config->libexec_dir, SPARE_INSPECTORS, error))
      || !(antivirus = sk_antivirus_new (config->antivirus, error))
      || !(staff = sk_process_staff_new (config->runtime_dir, config->libexec_dir, error)))
    return FALSE;
  sk_people_set_audit (people, audit);
  const SkTransfersParts crossing = { .store = store,
                                      .audit = audit,
                                      .quarantine = quarantine,
                                      .inspector = inspector,
                                      .antivirus = antivirus,
                                      .people = people,
                                      .policy_dir = config->policy_dir,
                                      .state_dir = config->state_dir,
                                      .organisation = config->organisation,
                                      .inspections = INSPECTIONS };
  if (!(transfers = sk_transfers_new (&crossing, error)))
    return FALSE;
  hypervisor = sk_libvirt_new (config->uri, config->state_dir, config->runtime_dir);
  const SkCoreParts parts = { store,
                              hypervisor,
                              staff,
                              sk_clock_system (),
                              new_agent,
                              config->runtime_dir,
                              config->runtime_dir,
                              (guint) config->max_boots,
                              (guint) config->spare_views,
                              recordings,
                              transfers,
                              audit,
                              people };
  api.socket_path = config->socket;
  api.recordings = recordings;
  api.transfers = transfers;
  api.people = people;
  api.audit = audit;
  api.images_dir = config->image_dir;
  api.build_image = g_file_test (build_image, G_FILE_TEST_IS_EXECUTABLE) ? build_image : NULL;
  if (!(manager = sk_manager_new (&parts, error))
      || !(server = sk_api_server_new_full (manager, &api, error)))
    return FALSE;
  run_loop (transfers);
  sk_notice (NULL, "stopping; VMs and viewers go on");
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkConfig) config = NULL;
  sk_log_init ("sekishod");
  if ((config = sk_config_load (&argc, &argv, &error)) && run (config, &error))
    return 0;
  sk_err (NULL, "%s", error->message);
  return sk_error_info (error)->exit_status;
}
