/* One VM: its state machine, and how it comes to life and goes. */
#include "common/error.h"
#include "common/log.h"
#include "core/trail.h"
#include "core/vm-private.h"
#include <string.h>

#define BIT(state) (1u << (state))

/* old state -> the states it may become. A VM with a user knows one way only. */
static const guint transitions[] = {
  [SK_VM_DEFINING] = BIT (SK_VM_BOOTING) | BIT (SK_VM_RETIRING) | BIT (SK_VM_FAILED),
  [SK_VM_BOOTING] = BIT (SK_VM_WARM) | BIT (SK_VM_STORED) | BIT (SK_VM_RETIRING) | BIT (SK_VM_FAILED),
  [SK_VM_WARM] = BIT (SK_VM_ATTACHED) | BIT (SK_VM_RETIRING) | BIT (SK_VM_FAILED),
  [SK_VM_STORED] = BIT (SK_VM_BOOTING) | BIT (SK_VM_RETIRING) | BIT (SK_VM_FAILED),
  [SK_VM_ATTACHED] = BIT (SK_VM_RETIRING),
  [SK_VM_RETIRING] = BIT (SK_VM_GONE),
  [SK_VM_FAILED] = BIT (SK_VM_GONE),
  [SK_VM_GONE] = 0,
};

static void enter_state (SkLiveVm *vm, SkVmState old);

/* -- predicates -------------------------------------------------------------------------------------------
 */

gboolean
sk_live_vm_is_dying (SkLiveVm *vm)
{
  return vm->row->state == SK_VM_RETIRING || vm->row->state == SK_VM_FAILED || vm->row->state == SK_VM_GONE;
}

gboolean
sk_live_vm_is_unowned (SkLiveVm *vm)
{
  return !sk_live_vm_is_dying (vm) && vm->row->state != SK_VM_ATTACHED && !*vm->row->owner;
}

gboolean
sk_live_vm_is_coming (SkLiveVm *vm)
{
  return vm->row->state == SK_VM_DEFINING || vm->row->state == SK_VM_BOOTING;
}

gboolean
sk_live_vm_is_free (SkLiveVm *vm)
{
  return vm->row->state == SK_VM_WARM && !*vm->row->owner && !*vm->row->session && vm->op == SK_OP_NONE
         && !vm->probing && vm->screen && !sk_worker_is_dead (vm->screen);
}

SkLivePool *
sk_vm_pool (SkLiveVm *vm)
{
  return sk_core_pool (vm->core, vm->row->pool);
}

/* -- life of the object -----------------------------------------------------------------------------------
 */

static SkLiveVm *
new_object (SkCore *core, SkVm *take_row)
{
  SkLiveVm *vm = g_new0 (SkLiveVm, 1);
  g_ref_count_init (&vm->refs);
  vm->core = core;
  vm->row = take_row;
  return vm;
}

SkLiveVm *
sk_live_vm_ref (SkLiveVm *vm)
{
  g_ref_count_inc (&vm->refs);
  return vm;
}

void
sk_live_vm_unref (SkLiveVm *vm)
{
  if (!g_ref_count_dec (&vm->refs))
    return;
  g_assert (vm->core == NULL);
  sk_vm_free (vm->row);
  g_free (vm->guest_user);
  g_free (vm->guest_password);
  g_free (vm->url_due);
  g_free (vm);
}

void
sk_vm_drop_agent (SkLiveVm *vm)
{
  if (vm->agent)
    sk_agent_link_set_listener (vm->agent, NULL, NULL);
  g_clear_object (&vm->agent);
}

void
sk_vm_drop_screen (SkLiveVm *vm)
{
  if (vm->screen)
    sk_worker_set_listener (vm->screen, NULL, NULL);
  g_clear_object (&vm->screen);
}

void
sk_vm_clear_timers (SkLiveVm *vm)
{
  sk_timer_clear (vm->core->parts.clock, &vm->boot_timer);
  sk_timer_clear (vm->core->parts.clock, &vm->settle_timer);
  sk_timer_clear (vm->core->parts.clock, &vm->wake_timer);
}

void
sk_live_vm_forget (SkLiveVm *vm)
{
  if (!vm->core)
    return;
  sk_vm_clear_timers (vm);
  sk_timer_clear (vm->core->parts.clock, &vm->op_timer);
  vm->core = NULL; /* first: answers that the agent still owes come while it is dropped */
  vm->session = NULL;
  sk_vm_drop_agent (vm);
  sk_vm_drop_screen (vm);
}

SkLiveVm *
sk_live_vm_load (SkCore *core, SkVm *take_row)
{
  SkLiveVm *vm = new_object (core, take_row);
  g_ptr_array_add (core->vms, vm);
  return vm;
}

SkLiveVm *
sk_live_vm_new (SkLivePool *pool, GError **error)
{
  SkCore *core = pool->core;
  gint64 now = sk_core_wall (core);
  g_autofree char *id = g_uuid_string_random ();
  SkVm row = { id, pool->row->name, pool->row->image, pool->spec, SK_VM_DEFINING, "", "", "", now, now };
  if (!sk_store_put_vm (core->parts.store, &row, error))
    return NULL;
  SkLiveVm *vm = sk_live_vm_load (core, sk_vm_copy (&row));
  sk_info (SK_FIELDS ("vm", id, "pool", pool->row->name), "new VM");
  sk_core_emit (core, "vm", id, "defining", "");
  enter_state (vm, SK_VM_GONE);
  return vm;
}

/* -- the one way to change state --------------------------------------------------------------------------
 */

/* "Gone" is not among them: until the store has it, the VM keeps its place. */
static gboolean
is_death (SkVmState state)
{
  return state == SK_VM_RETIRING || state == SK_VM_FAILED;
}

/* Writes the row; with a session, as its claim. */
static gboolean
write_row (SkLiveVm *vm, const SkVm *row, const SkSession *claim, GError **error)
{
  SkStore *store = vm->core->parts.store;
  if (!claim)
    return sk_store_put_vm (store, row, error);
  if (!sk_trail_begin (vm->core, error))
    return FALSE;
  if (sk_store_claim_vm (store, row, claim, error)
      && sk_trail_commit (vm->core,
                          &(SkTrailRow){ .action = "session.started",
                                         .object = claim->id,
                                         .user = claim->user,
                                         .actor = claim->user,
                                         .details = sk_trail_session (claim) },
                          error))
    return TRUE;
  sk_trail_rollback (vm->core);
  return FALSE;
}

/* The row is durable before anything follows from it. A row that cannot be written stops every change but
 * those toward the end: a VM dies even on a full disk, and a restart finds it missing and says so again. */
static gboolean
set_state_full (SkLiveVm *vm, SkVm *take_row, const SkSession *claim, GError **error)
{
  g_autoptr (SkVm) row = take_row;
  SkVmState old = vm->row->state;
  g_autoptr (GError) failed = NULL;
  if (!(transitions[old] & BIT (row->state)))
    {
      g_critical ("VM %s: %s cannot become %s", row->id, sk_vm_state_word (old),
                  sk_vm_state_word (row->state));
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "state");
      return FALSE;
    }
  row->changed = sk_core_wall (vm->core);
  if (!write_row (vm, row, claim, &failed) && !is_death (row->state))
    {
      sk_err (SK_FIELDS ("vm", row->id), "stays %s: %s", sk_vm_state_word (old), failed->message);
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  if (failed)
    sk_err (SK_FIELDS ("vm", row->id), "the store does not take it: %s", failed->message);
  sk_vm_free (vm->row);
  vm->row = g_steal_pointer (&row);
  sk_info (SK_FIELDS ("vm", vm->row->id, "pool", vm->row->pool), "%s -> %s %s", sk_vm_state_word (old),
           sk_vm_state_word (vm->row->state), vm->row->reason);
  sk_core_emit (vm->core, "vm", vm->row->id, sk_vm_state_word (vm->row->state), vm->row->reason);
  enter_state (vm, old);
  return TRUE;
}

/* FALSE: not written, nothing changed. */
gboolean
sk_vm_set_state (SkLiveVm *vm, SkVmState state, const char *reason)
{
  SkVm *row = sk_vm_copy (vm->row);
  row->state = state;
  if (reason)
    {
      g_free (row->reason);
      row->reason = g_strdup (reason);
    }
  return set_state_full (vm, row, NULL, NULL);
}

/* For steps that go on only when they are durable. */
void
sk_vm_set_state_or_fail (SkLiveVm *vm, SkVmState state)
{
  if (!sk_vm_set_state (vm, state, NULL))
    sk_live_vm_fail (vm, SK_BOTH ("The record could not be written.", "記録を書き込めませんでした。"));
}

/* The user's side first: the session hears why before the VM's parts fall. */
static void
take_apart (SkLiveVm *vm)
{
  SkLiveSession *session = g_steal_pointer (&vm->session);
  sk_vm_clear_timers (vm);
  sk_vm_drop_agent (vm);
  if (vm->screen)
    sk_worker_kill (vm->screen);
  sk_vm_drop_screen (vm);
  vm->running = FALSE;
  if (session)
    {
      session->vm = NULL;
      sk_live_session_end (session, vm->row->reason);
    }
  /* What makes a domain has to be over before the domain can be ended for good. */
  if (vm->op != SK_OP_CREATE && vm->op != SK_OP_RESTORE)
    sk_vm_start_op (vm, SK_OP_DESTROY);
}

static void
on_wake_latest (gpointer data)
{
  SkLiveVm *vm = data;
  vm->wake_timer = 0;
  sk_vm_start_op (vm, SK_OP_ATTACH);
}

static void
enter_state (SkLiveVm *vm, SkVmState old)
{
  SkCore *core = vm->core;
  switch (vm->row->state)
    {
    case SK_VM_DEFINING:
      sk_vm_start_op (vm, SK_OP_CREATE);
      break;
    case SK_VM_BOOTING:
      if (old == SK_VM_STORED)
        sk_vm_start_op (vm, SK_OP_RESTORE);
      else
        sk_vm_begin_boot (vm);
      break;
    case SK_VM_ATTACHED:
      if (vm->running)
        sk_vm_start_op (vm, SK_OP_ATTACH);
      else
        sk_timer_set (core->parts.clock, &vm->wake_timer, SK_WAKE_LATEST_MS, on_wake_latest, vm);
      break;
    case SK_VM_WARM:
    case SK_VM_STORED:
      break;
    case SK_VM_RETIRING:
    case SK_VM_FAILED:
      take_apart (vm);
      break;
    case SK_VM_GONE:
      sk_live_vm_forget (vm);
      g_ptr_array_remove (core->vms, vm);
      break;
    }
  sk_core_pump_soon (core);
}

/* -- requests ---------------------------------------------------------------------------------------------
 */

void
sk_live_vm_wake (SkLiveVm *vm)
{
  if (!vm->wake_timer)
    return;
  sk_timer_clear (vm->core->parts.clock, &vm->wake_timer);
  sk_vm_start_op (vm, SK_OP_ATTACH);
}

void
sk_live_vm_suspend (SkLiveVm *vm)
{
  sk_agent_link_set_running (vm->agent, FALSE);
  sk_vm_start_op (vm, SK_OP_SUSPEND);
}

void
sk_live_vm_restore (SkLiveVm *vm)
{
  vm->restored = TRUE;
  if (!sk_vm_set_state (vm, SK_VM_BOOTING, NULL))
    vm->restored = FALSE; /* not durable: it stays stored */
}

gboolean
sk_live_vm_claim (SkLiveVm *vm, SkLiveSession *session, GError **error)
{
  g_return_val_if_fail (sk_live_vm_is_free (vm), FALSE);
  SkVm *row = sk_vm_copy (vm->row);
  g_autoptr (SkSession) session_row = sk_session_copy (session->row);
  g_free (row->owner);
  g_free (row->session);
  row->owner = g_strdup (session->row->user);
  row->session = g_strdup (session->row->id);
  row->state = SK_VM_ATTACHED;
  g_free (session_row->vm);
  session_row->vm = g_strdup (row->id);
  session_row->state = SK_SESSION_STARTING;
  session_row->changed = sk_core_wall (vm->core);
  vm->time_due = TRUE;
  if (!set_state_full (vm, row, session_row, error))
    return FALSE;
  sk_core_claimed (vm->core);
  vm->session = session;
  if (*session->row->url)
    sk_live_vm_open_url (vm, session->row->url);
  sk_live_session_started (session, g_steal_pointer (&session_row), vm);
  sk_vm_share_files (vm);
  return TRUE;
}

void
sk_live_vm_retire (SkLiveVm *vm, const char *reason)
{
  if (!sk_live_vm_is_dying (vm))
    sk_vm_set_state (vm, SK_VM_RETIRING, reason);
}

void
sk_live_vm_fail (SkLiveVm *vm, const char *reason)
{
  SkLivePool *pool = sk_vm_pool (vm);
  if (sk_live_vm_is_dying (vm))
    return;
  sk_warn (SK_FIELDS ("vm", vm->row->id, "pool", vm->row->pool), "%s", reason);
  if (vm->row->state == SK_VM_ATTACHED)
    {
      sk_vm_set_state (vm, SK_VM_RETIRING, reason);
      return;
    }
  if (pool)
    sk_live_pool_boot_failed (pool, reason);
  sk_vm_set_state (vm, SK_VM_FAILED, reason);
}

void
sk_live_vm_stopped (SkLiveVm *vm, const char *why)
{
  vm->stopped = TRUE;
  sk_notice (SK_FIELDS ("vm", vm->row->id), "stopped: %s", why);
  /* What runs now will end and see it. */
  if (vm->op == SK_OP_CREATE || vm->op == SK_OP_RESTORE || vm->op == SK_OP_SAVE)
    return;
  sk_live_vm_fail (vm, SK_BOTH ("The virtual machine stopped.", "仮想マシンが停止しました。"));
}

void
sk_live_vm_adopt (SkLiveVm *vm, gboolean running)
{
  vm->running = running;
  vm->scale = SK_VM_SCALE_UNKNOWN;
  sk_vm_connect_agent (vm);
  if (vm->row->state == SK_VM_ATTACHED)
    {
      /* Stamping and resuming again does no harm, and mends a claim that was cut off. */
      vm->time_due = TRUE;
      sk_vm_start_op (vm, SK_OP_ATTACH);
    }
}

void
sk_live_vm_resume_death (SkLiveVm *vm)
{
  if (vm->op == SK_OP_NONE && !vm->op_timer)
    sk_vm_start_op (vm, SK_OP_DESTROY);
}
