/* Comparing what the store says with what is really there: after a restart of the core, after a lost
 * connection, and now and then. The store decides who owns what; the hypervisor decides what runs; whatever
 * both do not agree on ends. */
#include "common/error.h"
#include "common/log.h"
#include "core/core.h"
#include <string.h>

#define GONE_REASON SK_BOTH ("The virtual machine is no longer there.", "仮想マシンがなくなりました。")
#define RESTART_REASON SK_BOTH ("The broker was restarted.", "ブローカーが再起動しました。")

static void try_to_reconcile (SkCore *core);

/* What a listing that is under way needs to know. */
typedef struct
{
  SkCore *core; /* NULL once the core is gone */
  guint64 serial;
} Listing;

static void on_listed (GPtrArray *domains, const GError *error, gpointer data);

/* -- workers of an earlier core ---------------------------------------------------------------------------
 */

static void
place_screen (SkCore *core, SkWorker *screen)
{
  SkLiveVm *vm = sk_core_vm (core, sk_worker_id (screen));
  gboolean wanted = vm && !vm->screen && sk_worker_is_busy (screen)
                    && (vm->row->state == SK_VM_WARM || vm->row->state == SK_VM_ATTACHED);
  if (wanted)
    sk_live_vm_adopt_screen (vm, screen);
  else
    sk_worker_kill (screen);
}

static void
place_view (SkCore *core, SkWorker *view)
{
  SkLiveSession *session = sk_core_session (core, sk_worker_session (view));
  if (!sk_worker_is_busy (view))
    sk_spares_adopt (core, view);
  else if (session && !session->view && session->row->state != SK_SESSION_QUEUED)
    sk_live_session_adopt_view (session, view);
  else
    sk_worker_kill (view);
}

static void
finish_worker (SkCore *core, SkWorker *worker, gboolean alive)
{
  g_autoptr (SkWorker) keep = g_object_ref (worker);
  sk_worker_set_listener (worker, NULL, NULL);
  g_ptr_array_remove (core->adopting, worker);
  if (alive && sk_worker_kind (worker) == SK_WORKER_SCREEN)
    place_screen (core, worker);
  else if (alive)
    place_view (core, worker);
  if (core->adopting->len == 0)
    {
      sk_timer_clear (core->parts.clock, &core->adopt_timer);
      try_to_reconcile (core);
    }
}

static void
on_worker_ready (SkWorker *worker, gpointer data)
{
  finish_worker (data, worker, TRUE);
}

static void
on_worker_died (SkWorker *worker, const char *why, gpointer data)
{
  finish_worker (data, worker, FALSE);
}

static const SkWorkerListener adopt_listener = { on_worker_ready, NULL, on_worker_died };

static void
on_adopt_timeout (gpointer data)
{
  SkCore *core = data;
  core->adopt_timer = 0;
  while (core->adopting->len > 0)
    {
      g_autoptr (SkWorker) worker = g_object_ref (core->adopting->pdata[0]);
      sk_warn (SK_FIELDS ("worker", sk_worker_id (worker)), "an old worker does not answer");
      sk_worker_kill (worker);
      finish_worker (core, worker, FALSE);
    }
}

/* -- rows -------------------------------------------------------------------------------------------------
 */

static gboolean
load_configuration (SkCore *core, GError **error)
{
  g_autoptr (GPtrArray) pools = NULL;
  GPtrArray *images = sk_store_images (core->parts.store, error);
  if (!images || !(pools = sk_store_pools (core->parts.store, error)))
    {
      g_clear_pointer (&images, g_ptr_array_unref);
      return FALSE;
    }
  g_ptr_array_unref (core->images);
  core->images = images;
  for (guint i = 0; i < pools->len; i++)
    sk_live_pool_new (core, pools->pdata[i]);
  return TRUE;
}

static gboolean
load_rows (SkCore *core, GError **error)
{
  g_autoptr (GPtrArray) vms = sk_store_vms (core->parts.store, FALSE, error);
  g_autoptr (GPtrArray) sessions = vms ? sk_store_sessions (core->parts.store, FALSE, error) : NULL;
  if (!vms || !sessions)
    return FALSE;
  for (guint i = 0; i < vms->len; i++)
    sk_live_vm_load (core, sk_vm_copy (vms->pdata[i]));
  for (guint i = 0; i < sessions->len; i++)
    {
      SkLiveSession *session = sk_live_session_load (core, sk_session_copy (sessions->pdata[i]));
      SkLiveVm *vm = sk_core_vm (core, session->row->vm);
      if (vm && vm->row->state == SK_VM_ATTACHED && g_strcmp0 (vm->row->session, session->row->id) == 0)
        {
          session->vm = vm;
          vm->session = session;
        }
    }
  return TRUE;
}

static void
find_workers (SkCore *core)
{
  g_autoptr (GPtrArray) found = sk_staff_adopt (core->parts.staff);
  for (guint i = 0; i < found->len; i++)
    {
      g_ptr_array_add (core->adopting, g_object_ref (found->pdata[i]));
      sk_worker_set_listener (found->pdata[i], &adopt_listener, core);
    }
  if (found->len > 0)
    sk_timer_set (core->parts.clock, &core->adopt_timer, SK_ADOPT_SECONDS * 1000, on_adopt_timeout, core);
}

gboolean
sk_adopt_start (SkCore *core, GError **error)
{
  gint64 past = sk_core_wall (core) - (gint64) SK_HISTORY_DAYS * G_TIME_SPAN_DAY;
  if (!load_configuration (core, error) || !load_rows (core, error)
      || !sk_store_prune (core->parts.store, past, error))
    return FALSE;
  if (core->parts.recordings)
    sk_recordings_prune (core->parts.recordings, past);
  find_workers (core);
  sk_hypervisor_start (core->parts.hypervisor);
  return TRUE;
}

/* -- comparing --------------------------------------------------------------------------------------------
 */

static SkDomain *
find_domain (GPtrArray *domains, const char *id)
{
  for (guint i = 0; i < domains->len; i++)
    if (g_strcmp0 (((SkDomain *) domains->pdata[i])->id, id) == 0)
      return domains->pdata[i];
  return NULL;
}

static void
destroy_done (const GError *error, gpointer data)
{
  /* The next listing tries again. */
}

/* Nobody's: of a core that died between making it and writing it down, or written off since. */
static void
destroy_orphans (SkCore *core, GPtrArray *domains)
{
  for (guint i = 0; i < domains->len; i++)
    {
      SkDomain *domain = domains->pdata[i];
      if (sk_core_vm (core, domain->id))
        continue;
      sk_notice (SK_FIELDS ("vm", domain->id), "nobody's VM, removing it");
      sk_hypervisor_destroy (core->parts.hypervisor, domain->id, destroy_done, NULL);
    }
}

static gboolean
runs (SkDomain *domain)
{
  return domain && (domain->state == SK_DOMAIN_RUNNING || domain->state == SK_DOMAIN_PAUSED);
}

/* The first look after a start. Returns why the VM has to go, or NULL. */
static const char *
judge_at_start (SkLiveVm *vm, SkDomain *domain)
{
  switch (vm->row->state)
    {
    case SK_VM_DEFINING:
    case SK_VM_BOOTING:
      return RESTART_REASON;
    case SK_VM_WARM:
      if (!domain || domain->state != SK_DOMAIN_PAUSED)
        return GONE_REASON;
      if (*domain->owner) /* the stamp is there, the row is not: believe the stamp */
        return SK_BOTH ("It had a user.", "利用者がいました。");
      return vm->screen ? NULL : SK_BOTH ("Its screen is gone.", "画面のプログラムがなくなりました。");
    case SK_VM_STORED:
      return domain && domain->state == SK_DOMAIN_SAVED ? NULL : GONE_REASON;
    case SK_VM_ATTACHED:
      if (!runs (domain))
        return SK_BOTH ("The virtual machine stopped.", "仮想マシンが停止しました。");
      if (!vm->session)
        return SK_BOTH ("Its session is over.", "セッションが終わりました。");
      if (*domain->owner && strcmp (domain->owner, vm->row->owner) != 0)
        return SK_BOTH ("Its owner is not the one in the record.", "所有者が記録と一致しません。");
      return vm->screen ? NULL
                        : SK_BOTH ("The picture from the internet side was lost.",
                                   "インターネット側の画面が失われました。");
    case SK_VM_RETIRING:
    case SK_VM_FAILED:
    case SK_VM_GONE:
      return NULL;
    }
  return NULL;
}

static void
settle_vm (SkLiveVm *vm, SkDomain *domain)
{
  const char *why = judge_at_start (vm, domain);
  if (why)
    sk_live_vm_retire (vm, why);
  else if (sk_live_vm_is_dying (vm))
    sk_live_vm_resume_death (vm);
  else if (vm->row->state != SK_VM_STORED)
    sk_live_vm_adopt (vm, domain->state == SK_DOMAIN_RUNNING);
}

static GPtrArray *
copy_of_vms (SkCore *core)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_live_vm_unref);
  for (guint i = 0; i < core->vms->len; i++)
    g_ptr_array_add (copy, sk_live_vm_ref (core->vms->pdata[i]));
  return copy;
}

static void
settle_sessions (SkCore *core)
{
  g_autoptr (GPtrArray) sessions = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_live_session_unref);
  for (guint i = 0; i < core->sessions->len; i++)
    g_ptr_array_add (sessions, sk_live_session_ref (core->sessions->pdata[i]));
  for (guint i = 0; i < sessions->len; i++)
    {
      SkLiveSession *session = sessions->pdata[i];
      if (!session->core)
        continue;
      if (!session->vm && session->row->state != SK_SESSION_QUEUED)
        sk_live_session_end (session, GONE_REASON);
      else if (session->row->state == SK_SESSION_QUEUED && !sk_core_pool (core, session->row->pool))
        sk_live_session_end (session, SK_BOTH ("The pool was deleted.", "プールが削除されました。"));
      else
        sk_live_session_settle (session);
    }
}

static void
first_look (SkCore *core, GPtrArray *domains)
{
  g_autoptr (GPtrArray) vms = copy_of_vms (core);
  for (guint i = 0; i < vms->len; i++)
    settle_vm (vms->pdata[i], find_domain (domains, ((SkLiveVm *) vms->pdata[i])->row->id));
  settle_sessions (core);
  core->reconciled = TRUE;
  sk_notice (NULL, "took over %u VMs and %u sessions", core->vms->len, core->sessions->len);
}

/* Later looks only find what an event should have told: VMs that stopped while the connection was lost. What
 * was begun or finished after the listing was asked for is not judged by it. */
static void
later_look (SkCore *core, GPtrArray *domains, guint64 serial)
{
  g_autoptr (GPtrArray) vms = copy_of_vms (core);
  for (guint i = 0; i < vms->len; i++)
    {
      SkLiveVm *vm = vms->pdata[i];
      SkDomain *domain = find_domain (domains, vm->row->id);
      if (!vm->core || vm->op != SK_OP_NONE || vm->op_serial > serial || sk_live_vm_is_dying (vm))
        continue;
      if (vm->row->state == SK_VM_STORED ? !domain || domain->state != SK_DOMAIN_SAVED : !runs (domain))
        sk_live_vm_stopped (vm, "it is not in the list");
    }
}

static void
try_to_reconcile (SkCore *core)
{
  if (!core->reconciled && core->connected && core->adopting->len == 0)
    sk_adopt_list (core);
}

static void
on_listed (GPtrArray *domains, const GError *error, gpointer data)
{
  g_autofree Listing *listing = data;
  SkCore *core = listing->core;
  if (!core)
    return;
  core->listing = NULL;
  if (error)
    {
      sk_warn (NULL, "cannot list the VMs: %s", error->message);
      if (!core->reconciled)
        sk_core_sweep_in (core, SK_LIST_RETRY_MS);
      return; /* else the next sweep or connection asks again */
    }
  if (core->adopting->len > 0)
    return; /* finishing the last of them asks again */
  if (!core->reconciled)
    first_look (core, domains);
  else
    later_look (core, domains, listing->serial);
  destroy_orphans (core, domains);
  sk_core_pump_soon (core);
}

void
sk_adopt_list (SkCore *core)
{
  Listing *listing;
  if (core->listing || !core->connected)
    return;
  listing = g_new (Listing, 1);
  *listing = (Listing){ core, ++core->serial };
  core->listing = listing;
  sk_hypervisor_list (core->parts.hypervisor, on_listed, listing);
}

void
sk_adopt_forget (SkCore *core)
{
  if (core->listing)
    ((Listing *) core->listing)->core = NULL;
  core->listing = NULL;
  for (guint i = 0; i < core->adopting->len; i++)
    sk_worker_set_listener (core->adopting->pdata[i], NULL, NULL);
}
