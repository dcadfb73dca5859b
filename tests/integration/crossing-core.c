/* sekishod without libvirt, for the tests of the crossings: the same store, audit trail, quarantine,
 * inspectors, rules and API, and one guest at a time whose agent port is a socket of the test's.
 *
 *   crossing-core serve STATE RUNTIME SOCKET LIBEXEC POLICIES USER UID SESSIONS
 *   crossing-core check STATE LIBEXEC POLICIES
 *
 * SESSIONS is a file of the test's, a line "SESSION PORT" each: the last one is there, those before it have
 * ended. It is read again when the guest's agent is lost.
 *
 * check: opens the state as sekishod does after a power cut, reads everything that a transfer on its way
 * needs, verifies the audit trail, and prints a line each: transfer ID STATE
 * DIRECTION · item ID/N SHA256 · fault
 * WORDS. */
#include "api/server.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/manager-private.h"
#include "core/process.h"
#include "core/service.h"
#include "core/transfer-private.h"
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORGANISATION "local"
#define INSPECTORS 2

/* -- a host without VMs -------------------------------------------------------------------------------------
 */

typedef struct
{
  SkHypervisor parent;
} NoHost;
typedef struct
{
  SkHypervisorClass parent;
} NoHostClass;

static GType no_host_get_type (void);
G_DEFINE_TYPE (NoHost, no_host, SK_TYPE_HYPERVISOR)

/* Never connected: nothing is asked of it. */
static void
no_host_start (SkHypervisor *self)
{
}

static void
no_host_class_init (NoHostClass *klass)
{
  SK_HYPERVISOR_CLASS (klass)->start = no_host_start;
}

static void
no_host_init (NoHost *self)
{
}

/* -- what both ways need ------------------------------------------------------------------------------------
 */

typedef struct
{
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkPeople *people;
  SkInspector *inspector;
  SkTransfers *transfers;
} Crossing;

static gboolean
open_crossing (Crossing *c, const char *state, const char *libexec, const char *policies, guint spares,
               GError **error)
{
  g_autofree char *database = g_build_filename (state, "sekisho.db", NULL);
  if (!(c->store = sk_store_open (database, error))
      || !(c->audit = sk_audit_new (c->store, state, ORGANISATION, error))
      || !(c->quarantine = sk_quarantine_new (state, NULL, error))
      || !(c->people = sk_people_new (c->store, ORGANISATION, error))
      || !(c->inspector = sk_inspector_new (libexec, spares, error)))
    return FALSE;
  const SkTransfersParts parts = { .store = c->store,
                                   .audit = c->audit,
                                   .quarantine = c->quarantine,
                                   .inspector = c->inspector,
                                   .people = c->people,
                                   .policy_dir = policies,
                                   .organisation = ORGANISATION,
                                   .inspections = INSPECTORS };
  return (c->transfers = sk_transfers_new (&parts, error)) != NULL;
}

static void
close_crossing (Crossing *c)
{
  g_clear_object (&c->transfers);
  g_clear_pointer (&c->inspector, sk_inspector_free);
  g_clear_pointer (&c->people, sk_people_free);
  g_clear_pointer (&c->quarantine, sk_quarantine_free);
  g_clear_pointer (&c->audit, sk_audit_free);
  g_clear_pointer (&c->store, sk_store_close);
}

/* -- serve --------------------------------------------------------------------------------------------------
 */

typedef struct
{
  Crossing crossing;
  GMainLoop *loop;
  char *user, *sessions_path;
  guint uid;
  char *session;
  SkAgentLink *link;
} Server;

static void add_guest (Server *s);

static void
on_hello (gpointer data)
{
  Server *s = data;
  sk_transfers_guest_up (s->crossing.transfers, s->session);
}

static void
on_ready (const char *user, const char *password, gpointer data)
{
}

static void
on_browser (gpointer data)
{
}

static gboolean
on_next_guest (gpointer data)
{
  Server *s = data;
  sk_transfers_remove_guest (s->crossing.transfers, s->session);
  g_clear_object (&s->link);
  add_guest (s);
  return G_SOURCE_REMOVE;
}

/* Silent for long, as one that was killed: its session ends. */
static void
on_lost (const char *why, gpointer data)
{
  sk_notice (NULL, "the guest is lost: %s", why);
  g_idle_add (on_next_guest, data);
}

static const SkAgentListener agent_listener = { on_hello, on_ready, on_browser, on_lost };

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static void
add_guest (Server *s)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  if (!g_file_get_contents (s->sessions_path, &text, NULL, &error))
    g_error ("%s", error->message);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", 0);
  const guint n = g_strv_length (lines);
  for (guint i = 0; i + 1 < n; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", 2);
      sk_transfers_remove_guest (s->crossing.transfers, words[0]);
    }
  g_auto (GStrv) words = g_strsplit (lines[n - 1], " ", 2);
  g_free (s->session);
  s->session = g_strdup (words[0]);
  g_autofree char *bulk = g_strconcat (words[1], ".bulk", NULL);
  s->link = sk_agent_link_new (words[1]);
  sk_agent_link_set_bulk (s->link, bulk);
  const SkSession row = { .id = s->session,
                          .pool = (char *) "t",
                          .vm = s->session,
                          .user = s->user,
                          .uid = s->uid,
                          .state = SK_SESSION_ACTIVE,
                          .url = (char *) "",
                          .reason = (char *) "" };
  sk_agent_link_set_listener (s->link, &agent_listener, s);
  sk_transfers_add_guest (s->crossing.transfers, &row, s->link);
  sk_agent_link_set_running (s->link, TRUE);
}

static int
serve (char **argv)
{
  const char *state = argv[0], *runtime = argv[1], *libexec = argv[3];
  const SkConfig config = { .state_dir = argv[0], .runtime_dir = argv[1], .image_dir = argv[0] };
  g_autoptr (GError) error = NULL;
  Server s = { .loop = g_main_loop_new (NULL, FALSE),
               .user = argv[5],
               .uid = (guint) atoi (argv[6]),
               .sessions_path = argv[7] };
  sk_autofd int lock = sk_service_prepare (&config, &error);
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGTERM, on_signal, s.loop);
  g_autoptr (SkStaff) staff = lock >= 0 ? sk_process_staff_new (runtime, libexec, &error) : NULL;
  if (!staff || !open_crossing (&s.crossing, state, libexec, argv[4], INSPECTORS, &error))
    {
      sk_err (NULL, "%s", error->message);
      return 1;
    }
  g_autoptr (SkHypervisor) host = g_object_new (no_host_get_type (), NULL);
  const SkCoreParts parts = { .store = s.crossing.store,
                              .hypervisor = host,
                              .staff = staff,
                              .clock = sk_clock_system (),
                              .runtime_dir = (char *) runtime,
                              .transfers = s.crossing.transfers };
  SkApiOptions api = SK_API_OPTIONS_INIT;
  api.socket_path = argv[2];
  api.transfers = s.crossing.transfers;
  api.people = s.crossing.people;
  api.audit = s.crossing.audit;
  g_autoptr (SkManager) manager = sk_manager_new (&parts, &error);
  g_autoptr (SkApiServer) server = manager ? sk_api_server_new_full (manager, &api, &error) : NULL;
  if (!server)
    {
      sk_err (NULL, "%s", error->message);
      return 1;
    }
  add_guest (&s);
  g_main_loop_run (s.loop);
  g_clear_object (&manager);
  g_clear_pointer (&server, sk_api_server_free);
  close_crossing (&s.crossing);
  g_clear_object (&s.link);
  g_free (s.session);
  g_main_loop_unref (s.loop);
  return 0;
}

/* -- check --------------------------------------------------------------------------------------------------
 */

static void
on_fault (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data)
{
  printf ("fault audit %s %" G_GINT64_FORMAT " %s\n", organisation, seq, sk_audit_fault_words[fault]);
}

/* FALSE with an error, or it is all there and is what was hashed. */
static gboolean
read_blob (Crossing *c, const char *blob, const char *sha256, gint64 size, GError **error)
{
  g_autoptr (SkQuarantineReader) reader = sk_quarantine_open (c->quarantine, blob, error);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guint8 *buffer = g_malloc (SK_QUARANTINE_CHUNK);
  gssize n = -1;
  while (reader && (n = sk_quarantine_read (reader, buffer, SK_QUARANTINE_CHUNK, error)) > 0)
    g_checksum_update (sum, buffer, n);
  if (!reader || n < 0)
    return FALSE;
  if ((gint64) sk_quarantine_size (reader) == size && strcmp (g_checksum_get_string (sum), sha256) == 0)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_STORE, "other content than its row says");
  return FALSE;
}

static void
check_blob (Crossing *c, const SkTransferItem *item, const char *blob, const char *sha256, gint64 size)
{
  g_autoptr (GError) error = NULL;
  if (*blob && !read_blob (c, blob, sha256, size, &error))
    printf ("fault content %s %s\n", item->id, error->message);
}

static void
check_transfer (Crossing *c, const SkTransfer *row)
{
  g_autoptr (GPtrArray) items = sk_store_transfer_items (c->store, row->id, NULL);
  printf ("transfer %s %s %s\n", row->id, sk_transfer_state_word (row->state),
          sk_cross_word (row->direction));
  for (guint i = 0; items && i < items->len; i++)
    {
      const SkTransferItem *item = items->pdata[i];
      if (*item->blob)
        printf ("item %s %s\n", item->id, item->sha256);
      else if (row->state != SK_TRANSFER_RECEIVING && !sk_transfer_is_over (row->state))
        printf ("fault content %s is not there\n", item->id);
      if (*item->result_blob)
        printf ("result %s %s\n", item->id, item->result_sha256);
      check_blob (c, item, item->blob, item->sha256, item->bytes);
      check_blob (c, item, item->result_blob, item->result_sha256, item->result_bytes);
    }
}

static gboolean
on_audit_row (const SkAuditRow *row, gpointer data)
{
  if (g_str_has_prefix (row->action, "transfer."))
    g_ptr_array_add (data, g_strdup (row->action + strlen ("transfer.")));
  else if (g_str_has_prefix (row->action, "approval.approved"))
    g_ptr_array_add (data, g_strdup ("approved"));
  else if (g_str_has_prefix (row->action, "approval.denied"))
    g_ptr_array_add (data, g_strdup ("denied"));
  return TRUE;
}

/* The trail's rows of a transfer are its states, in order, the last one included. */
static void
check_trail (Crossing *c, const SkTransfer *row)
{
  const SkAuditFilter filter = { .object = row->id };
  g_autoptr (GPtrArray) actions = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  if (!sk_store_audit_walk (c->store, &filter, on_audit_row, actions, &error))
    printf ("fault trail %s %s\n", row->id, error->message);
  else if (actions->len == 0
           || strcmp (actions->pdata[actions->len - 1], sk_transfer_state_word (row->state)) != 0)
    printf ("fault trail %s has no row for %s\n", row->id, sk_transfer_state_word (row->state));
}

static int
check (char **argv)
{
  Crossing c = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = NULL;
  guint64 audited = 0;
  if (!open_crossing (&c, argv[0], argv[1], argv[2], 0, &error)
      || !sk_audit_verify (c.audit, on_fault, NULL, &audited, &error)
      || !(rows = sk_store_transfers (c.store, NULL, NULL, 0, G_MAXINT32, &error)))
    {
      printf ("fault open %s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < rows->len; i++)
    {
      check_transfer (&c, rows->pdata[i]);
      check_trail (&c, rows->pdata[i]);
    }
  printf ("rows %" G_GUINT64_FORMAT "\n", audited);
  /* As it goes when the power is cut: nothing is closed. */
  fflush (stdout);
  _exit (0);
}

int
main (int argc, char **argv)
{
  sk_log_init ("crossing-core");
  if (argc == 10 && strcmp (argv[1], "serve") == 0)
    return serve (argv + 2);
  if (argc == 5 && strcmp (argv[1], "check") == 0)
    return check (argv + 2);
  return 2;
}
