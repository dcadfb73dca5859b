/* What the hypervisor does for one VM: one operation at a time, each with a deadline, answers by state. */
#include "common/error.h"
#include "common/log.h"
#include "core/vm-private.h"

typedef struct
{
  SkLiveVm *vm;
  guint64 serial;
} OpCall;

void
sk_vm_fail_with (SkLiveVm *vm, const char *both, const GError *error)
{
  g_autofree char *reason = g_strdup_printf ("%s (%s)", both, error->message);
  sk_live_vm_fail (vm, reason);
}

static void
retry_destroy (gpointer data)
{
  SkLiveVm *vm = data;
  vm->op_timer = 0;
  sk_vm_start_op (vm, SK_OP_DESTROY);
}

static void
destroy_failed (SkLiveVm *vm, const GError *error)
{
  guint wait = SK_DESTROY_RETRY_MS << MIN (vm->destroy_tries, 6);
  vm->destroy_tries++;
  sk_warn (SK_FIELDS ("vm", vm->row->id), "could not be destroyed, trying again: %s", error->message);
  sk_timer_set (vm->core->parts.clock, &vm->op_timer, MIN (wait, SK_DESTROY_RETRY_MAX_MS), retry_destroy, vm);
}

static void
op_failed (SkLiveVm *vm, SkVmOp op, const GError *error)
{
  switch (op)
    {
    case SK_OP_CREATE:
      sk_vm_fail_with (
          vm, SK_BOTH ("The virtual machine could not be started.", "仮想マシンを起動できませんでした。"),
          error);
      break;
    case SK_OP_SUSPEND:
    case SK_OP_SAVE:
      sk_vm_fail_with (vm,
                       SK_BOTH ("The virtual machine could not be put to sleep.",
                                "仮想マシンを待機状態にできませんでした。"),
                       error);
      break;
    case SK_OP_ATTACH:
    case SK_OP_RESTORE:
      sk_vm_fail_with (
          vm, SK_BOTH ("The virtual machine could not be woken.", "仮想マシンを再開できませんでした。"),
          error);
      break;
    case SK_OP_DESTROY:
      destroy_failed (vm, error);
      break;
    case SK_OP_NONE:
      break;
    }
}

static void
destroyed (SkLiveVm *vm)
{
  if (sk_vm_set_state (vm, SK_VM_GONE, NULL))
    return;
  g_autoptr (GError) error
      = g_error_new_literal (SK_ERROR, SK_ERROR_STORE, "its record could not be written");
  destroy_failed (vm, error);
}

static void
op_succeeded (SkLiveVm *vm, SkVmOp op)
{
  switch (op)
    {
    case SK_OP_CREATE:
      sk_vm_set_state_or_fail (vm, SK_VM_BOOTING);
      break;
    case SK_OP_RESTORE:
      sk_vm_begin_boot (vm);
      break;
    case SK_OP_SUSPEND:
      vm->running = FALSE;
      if (vm->row->state == SK_VM_BOOTING)
        sk_vm_set_state_or_fail (vm, SK_VM_WARM);
      else
        sk_core_pump_soon (vm->core);
      break;
    case SK_OP_SAVE:
      vm->running = FALSE;
      sk_vm_set_state_or_fail (vm, SK_VM_STORED);
      break;
    case SK_OP_ATTACH:
      sk_vm_attached (vm);
      break;
    case SK_OP_DESTROY:
      destroyed (vm);
      break;
    case SK_OP_NONE:
      break;
    }
}

static void
end_op (SkLiveVm *vm, const GError *error)
{
  SkVmOp op = vm->op;
  gboolean dying = sk_live_vm_is_dying (vm);
  sk_timer_clear (vm->core->parts.clock, &vm->op_timer);
  vm->op = SK_OP_NONE;
  vm->op_serial = ++vm->core->serial;
  if (dying && op != SK_OP_DESTROY)
    sk_vm_start_op (vm, SK_OP_DESTROY);
  else if (error)
    op_failed (vm, op, error);
  else if (vm->stopped && !dying)
    sk_live_vm_fail (vm, SK_BOTH ("The virtual machine stopped.", "仮想マシンが停止しました。"));
  else
    op_succeeded (vm, op);
}

static void
on_op_done (const GError *error, gpointer data)
{
  OpCall *call = data;
  g_autoptr (SkLiveVm) vm = call->vm;
  /* An answer to what we no longer wait for is no news. */
  if (vm->core && vm->op != SK_OP_NONE && vm->op_serial == call->serial)
    end_op (vm, error);
  g_free (call);
}

static void
on_op_timeout (gpointer data)
{
  g_autoptr (SkLiveVm) vm = sk_live_vm_ref (data);
  g_autoptr (GError) error
      = g_error_new_literal (SK_ERROR, SK_ERROR_TIMEOUT, "no answer from the hypervisor");
  vm->op_timer = 0;
  end_op (vm, error);
}

static void
call_create (SkLiveVm *vm, OpCall *call)
{
  SkLivePool *pool = sk_vm_pool (vm);
  SkImage *image = sk_core_image (vm->core, vm->row->image);
  g_assert (pool && image); /* the caller has just made the row from them */
  SkVmSpec spec = { vm->row->id,           vm->row->pool,    image->path,       image->cmdline,
                    pool->row->memory_mib, pool->row->vcpus, pool->row->network };
  vm->running = TRUE;
  sk_hypervisor_create (vm->core->parts.hypervisor, &spec, on_op_done, call);
}

void
sk_vm_start_op (SkLiveVm *vm, SkVmOp op)
{
  SkHypervisor *hypervisor = vm->core->parts.hypervisor;
  const char *id = vm->row->id;
  gboolean slow = op == SK_OP_CREATE || op == SK_OP_SAVE || op == SK_OP_RESTORE;
  OpCall *call = g_new (OpCall, 1);
  vm->op = op;
  vm->op_serial = ++vm->core->serial;
  *call = (OpCall){ sk_live_vm_ref (vm), vm->op_serial };
  sk_timer_set (vm->core->parts.clock, &vm->op_timer, slow ? SK_OP_SLOW_MS : SK_OP_FAST_MS, on_op_timeout,
                vm);
  switch (op)
    {
    case SK_OP_CREATE:
      call_create (vm, call);
      break;
    case SK_OP_SUSPEND:
      sk_hypervisor_suspend (hypervisor, id, on_op_done, call);
      break;
    case SK_OP_ATTACH:
      vm->running = TRUE;
      sk_hypervisor_attach (hypervisor, id, vm->row->pool, vm->row->owner, vm->row->session, on_op_done,
                            call);
      break;
    case SK_OP_SAVE:
      sk_hypervisor_save (hypervisor, id, on_op_done, call);
      break;
    case SK_OP_RESTORE:
      vm->running = TRUE;
      sk_hypervisor_restore (hypervisor, id, on_op_done, call);
      break;
    case SK_OP_DESTROY:
      sk_hypervisor_destroy (hypervisor, id, on_op_done, call);
      break;
    case SK_OP_NONE:
      g_assert_not_reached ();
    }
}
