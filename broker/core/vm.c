/* One VM: its state machine, and how it comes to life and goes. */
#include "common/error.h"
#include "common/log.h"
#include "core/core.h"
#include "rdp/border.h"
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
static void start_op (SkLiveVm *vm, SkVmOp op);
static void begin_boot (SkLiveVm *vm);
static void check_boot (SkLiveVm *vm);
static void talk (SkLiveVm *vm);
static void on_agent_lost (const char *why, gpointer data);

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

static SkLivePool *
pool_of (SkLiveVm *vm)
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

static void
drop_agent (SkLiveVm *vm)
{
  if (vm->agent)
    sk_agent_link_set_listener (vm->agent, NULL, NULL);
  g_clear_object (&vm->agent);
}

static void
drop_screen (SkLiveVm *vm)
{
  if (vm->screen)
    sk_worker_set_listener (vm->screen, NULL, NULL);
  g_clear_object (&vm->screen);
}

static void
clear_timers (SkLiveVm *vm)
{
  sk_timer_clear (vm->core->parts.clock, &vm->boot_timer);
  sk_timer_clear (vm->core->parts.clock, &vm->settle_timer);
}

void
sk_live_vm_forget (SkLiveVm *vm)
{
  if (!vm->core)
    return;
  clear_timers (vm);
  sk_timer_clear (vm->core->parts.clock, &vm->op_timer);
  vm->core = NULL; /* first: answers that the agent still owes come while it is dropped */
  vm->session = NULL;
  drop_agent (vm);
  drop_screen (vm);
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
  return claim ? sk_store_claim_vm (store, row, claim, error) : sk_store_put_vm (store, row, error);
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
static gboolean
set_state (SkLiveVm *vm, SkVmState state, const char *reason)
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
static void
set_state_or_fail (SkLiveVm *vm, SkVmState state)
{
  if (!set_state (vm, state, NULL))
    sk_live_vm_fail (vm, SK_BOTH ("The record could not be written.", "記録を書き込めませんでした。"));
}

/* The user's side first: the session hears why before the VM's parts fall. */
static void
take_apart (SkLiveVm *vm)
{
  SkLiveSession *session = g_steal_pointer (&vm->session);
  clear_timers (vm);
  drop_agent (vm);
  if (vm->screen)
    sk_worker_kill (vm->screen);
  drop_screen (vm);
  vm->running = FALSE;
  if (session)
    {
      session->vm = NULL;
      sk_live_session_end (session, vm->row->reason);
    }
  /* What makes a domain has to be over before the domain can be ended for good. */
  if (vm->op != SK_OP_CREATE && vm->op != SK_OP_RESTORE)
    start_op (vm, SK_OP_DESTROY);
}

static void
enter_state (SkLiveVm *vm, SkVmState old)
{
  SkCore *core = vm->core;
  switch (vm->row->state)
    {
    case SK_VM_DEFINING:
      start_op (vm, SK_OP_CREATE);
      break;
    case SK_VM_BOOTING:
      if (old == SK_VM_STORED)
        start_op (vm, SK_OP_RESTORE);
      else
        begin_boot (vm);
      break;
    case SK_VM_ATTACHED:
      start_op (vm, SK_OP_ATTACH);
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

/* -- what the hypervisor does for us ----------------------------------------------------------------------
 */

typedef struct
{
  SkLiveVm *vm;
  guint64 serial;
} OpCall;

static void
fail_with (SkLiveVm *vm, const char *both, const GError *error)
{
  g_autofree char *reason = g_strdup_printf ("%s (%s)", both, error->message);
  sk_live_vm_fail (vm, reason);
}

static void
retry_destroy (gpointer data)
{
  SkLiveVm *vm = data;
  vm->op_timer = 0;
  start_op (vm, SK_OP_DESTROY);
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
      fail_with (vm,
                 SK_BOTH ("The virtual machine could not be started.", "仮想マシンを起動できませんでした。"),
                 error);
      break;
    case SK_OP_SUSPEND:
    case SK_OP_SAVE:
      fail_with (vm,
                 SK_BOTH ("The virtual machine could not be put to sleep.",
                          "仮想マシンを待機状態にできませんでした。"),
                 error);
      break;
    case SK_OP_ATTACH:
    case SK_OP_RESTORE:
      fail_with (vm,
                 SK_BOTH ("The virtual machine could not be woken.", "仮想マシンを再開できませんでした。"),
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
on_agent_mute (gpointer data)
{
  g_autoptr (SkLiveVm) vm = sk_live_vm_ref (data);
  vm->boot_timer = 0;
  if (!sk_agent_link_is_up (vm->agent))
    on_agent_lost ("no answer since the resume", vm);
}

/* An agent that spoke before is watched by its link; one of an earlier core's time has to speak first. */
static void
attached (SkLiveVm *vm)
{
  sk_agent_link_set_running (vm->agent, TRUE);
  if (!sk_agent_link_is_up (vm->agent))
    sk_timer_set (vm->core->parts.clock, &vm->boot_timer, SK_HELLO_SECONDS * 1000, on_agent_mute, vm);
  talk (vm);
}

static void
destroyed (SkLiveVm *vm)
{
  if (set_state (vm, SK_VM_GONE, NULL))
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
      set_state_or_fail (vm, SK_VM_BOOTING);
      break;
    case SK_OP_RESTORE:
      begin_boot (vm);
      break;
    case SK_OP_SUSPEND:
      vm->running = FALSE;
      if (vm->row->state == SK_VM_BOOTING)
        set_state_or_fail (vm, SK_VM_WARM);
      else
        sk_core_pump_soon (vm->core);
      break;
    case SK_OP_SAVE:
      vm->running = FALSE;
      set_state_or_fail (vm, SK_VM_STORED);
      break;
    case SK_OP_ATTACH:
      attached (vm);
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
    start_op (vm, SK_OP_DESTROY);
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
  SkLivePool *pool = pool_of (vm);
  SkImage *image = sk_core_image (vm->core, vm->row->image);
  g_assert (pool && image); /* the caller has just made the row from them */
  SkVmSpec spec = { vm->row->id,           vm->row->pool,    image->path,       image->cmdline,
                    pool->row->memory_mib, pool->row->vcpus, pool->row->network };
  vm->running = TRUE;
  sk_hypervisor_create (vm->core->parts.hypervisor, &spec, on_op_done, call);
}

static void
start_op (SkLiveVm *vm, SkVmOp op)
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

/* -- the agent --------------------------------------------------------------------------------------------
 */

static void
on_time_set (gboolean ok, const char *untrusted_text, char **untrusted_list, const GError *error,
             gpointer data)
{
  g_autoptr (SkLiveVm) vm = data;
  if (vm->core && !ok)
    sk_warn (SK_FIELDS ("vm", vm->row->id), "the guest's clock was not set: %s",
             error ? error->message : untrusted_text);
}

static void
on_url_opened (gboolean ok, const char *untrusted_text, char **untrusted_list, const GError *error,
               gpointer data)
{
  g_autoptr (SkLiveVm) vm = data;
  if (!vm->core)
    return;
  if (!ok)
    sk_warn (SK_FIELDS ("vm", vm->row->id), "the guest did not open the address: %s",
             error ? error->message : untrusted_text);
  if (vm->row->state == SK_VM_BOOTING && vm->home_asked)
    {
      vm->home_open = TRUE; /* also when it failed: a wrong start page must not cost the whole pool */
      check_boot (vm);
    }
}

static void
call_url (SkLiveVm *vm, const char *url)
{
  g_auto (SkMessage) message = { .type = SK_AGENT_OPEN_URL, .s = { g_strdup (url) } };
  sk_agent_link_call (vm->agent, &message, SK_OP_FAST_MS, on_url_opened, sk_live_vm_ref (vm));
}

/* What the guest is to be told, as soon as it can hear: the time first (certificates depend on it). */
static void
talk (SkLiveVm *vm)
{
  if (!vm->agent || !vm->running || vm->op != SK_OP_NONE || !sk_agent_link_is_up (vm->agent))
    return;
  if (vm->time_due)
    {
      SkMessage message = { .type = SK_AGENT_TIME_SET, .n = { (guint64) sk_core_wall (vm->core) } };
      vm->time_due = FALSE;
      sk_agent_link_call (vm->agent, &message, SK_OP_FAST_MS, on_time_set, sk_live_vm_ref (vm));
    }
  if (vm->url_due && vm->row->state == SK_VM_ATTACHED)
    {
      g_autofree char *url = g_steal_pointer (&vm->url_due);
      call_url (vm, url);
    }
}

void
sk_live_vm_open_url (SkLiveVm *vm, const char *url)
{
  g_free (vm->url_due);
  vm->url_due = g_strdup (url);
  talk (vm);
}

static void
on_agent_hello (gpointer data)
{
  talk (data);
}

static void
on_agent_ready (const char *untrusted_user, const char *untrusted_password, gpointer data)
{
  SkLiveVm *vm = data;
  /* The guest's own login, used against that same guest: a lie hurts nobody else. The first word counts. */
  if (vm->row->state != SK_VM_BOOTING || vm->guest_user)
    return;
  vm->guest_user = g_strdup (untrusted_user);
  vm->guest_password = g_strdup (untrusted_password);
  check_boot (vm);
}

static void
on_agent_browser_ready (gpointer data)
{
  SkLiveVm *vm = data;
  if (vm->row->state != SK_VM_BOOTING)
    return;
  vm->browser_ready = TRUE;
  check_boot (vm);
}

static void
on_agent_lost (const char *why, gpointer data)
{
  g_autoptr (SkLiveVm) vm = sk_live_vm_ref (data);
  sk_notice (SK_FIELDS ("vm", vm->row->id), "agent lost: %s", why);
  sk_live_vm_fail (
      vm, SK_BOTH ("The internet side stopped answering.", "インターネット側が応答しなくなりました。"));
}

static const SkAgentListener agent_listener
    = { on_agent_hello, on_agent_ready, on_agent_browser_ready, on_agent_lost };

static void
connect_agent (SkLiveVm *vm)
{
  drop_agent (vm);
  vm->agent = vm->core->parts.new_agent (vm->row->id, vm->core->parts.new_agent_data);
  sk_agent_link_set_listener (vm->agent, &agent_listener, vm);
  sk_agent_link_set_running (vm->agent, vm->running);
}

/* -- the screen -------------------------------------------------------------------------------------------
 */

static void
on_screen_ready (SkWorker *screen, gpointer data)
{
  SkLiveVm *vm = data;
  SkLivePool *pool = pool_of (vm);
  g_autoptr (GError) error = NULL;
  g_autofree char *socket
      = g_build_filename (vm->core->parts.runtime_dir, "vms", vm->row->id, "rdp.sock", NULL);
  if (sk_worker_is_busy (screen) || !pool || !vm->guest_user)
    return;
  /* The pool's size is the viewer's, with the border: so nothing is resized at the click. */
  SkScreenJob job
      = { pool->row->width - 2 * SK_BORDER_SIDE, pool->row->height - SK_BORDER_TOP - SK_BORDER_SIDE,
          vm->guest_user, vm->guest_password, socket };
  if (!sk_worker_start_screen (screen, &job, &error))
    fail_with (vm, SK_BOTH ("The screen could not be connected.", "画面を接続できませんでした。"), error);
}

static void
screen_lost (SkLiveVm *vm, const char *why)
{
  g_autoptr (SkLiveVm) keep = sk_live_vm_ref (vm);
  sk_notice (SK_FIELDS ("vm", vm->row->id), "screen lost: %s", why);
  sk_live_vm_fail (
      vm, SK_BOTH ("The picture from the internet side was lost.", "インターネット側の画面が失われました。"));
}

static void
on_screen_state (SkWorker *screen, guint state, guint detail, const char *untrusted_text, gpointer data)
{
  SkLiveVm *vm = data;
  if (state == SK_SCREEN_LOST)
    screen_lost (vm, untrusted_text);
  else if (state == SK_SCREEN_PICTURE && vm->row->state == SK_VM_BOOTING)
    {
      vm->picture = TRUE;
      check_boot (vm);
    }
}

static void
on_screen_died (SkWorker *screen, const char *why, gpointer data)
{
  screen_lost (data, why);
}

static const SkWorkerListener screen_listener = { on_screen_ready, on_screen_state, on_screen_died };

static void
spawn_screen (SkLiveVm *vm)
{
  g_autoptr (GError) error = NULL;
  vm->screen = sk_staff_spawn (vm->core->parts.staff, SK_WORKER_SCREEN, vm->row->id, &error);
  if (vm->screen)
    sk_worker_set_listener (vm->screen, &screen_listener, vm);
  else
    fail_with (vm, SK_BOTH ("The screen could not be started.", "画面のプログラムを起動できませんでした。"),
               error);
}

void
sk_live_vm_adopt_screen (SkLiveVm *vm, SkWorker *screen)
{
  vm->screen = g_object_ref (screen);
  sk_worker_set_listener (screen, &screen_listener, vm);
}

/* -- booting ----------------------------------------------------------------------------------------------
 */

static void
on_boot_timeout (gpointer data)
{
  g_autoptr (SkLiveVm) vm = sk_live_vm_ref (data);
  vm->boot_timer = 0;
  sk_live_vm_fail (
      vm, !vm->guest_user ? SK_BOTH ("The internet side did not start in time.",
                                     "インターネット側が時間内に起動しませんでした。")
          : !vm->picture ? SK_BOTH ("There was no picture in time.", "時間内に画面が表示されませんでした。")
          : !vm->browser_ready
              ? SK_BOTH ("The browser did not start in time.", "ブラウザーが時間内に起動しませんでした。")
              : SK_BOTH ("The start page did not open in time.", "最初のページが時間内に開きませんでした。"));
}

static void
begin_boot (SkLiveVm *vm)
{
  vm->boot_began = sk_core_monotonic (vm->core);
  vm->time_due = TRUE;
  vm->picture = vm->browser_ready = vm->home_open = vm->home_asked = FALSE;
  g_clear_pointer (&vm->guest_user, g_free);
  g_clear_pointer (&vm->guest_password, g_free);
  sk_timer_set (vm->core->parts.clock, &vm->boot_timer,
                (vm->restored ? SK_RESTORE_SECONDS : SK_BOOT_SECONDS) * 1000, on_boot_timeout, vm);
  connect_agent (vm);
}

static void
finish_boot (SkLiveVm *vm)
{
  SkLivePool *pool = pool_of (vm);
  SkVmState place = pool ? sk_live_pool_place (pool, vm) : SK_VM_RETIRING;
  clear_timers (vm);
  if (pool)
    sk_live_pool_boot_done (pool, vm);
  if (place == SK_VM_WARM && sk_live_pool_queue_length (pool) > 0)
    set_state_or_fail (vm, SK_VM_WARM); /* somebody waits: no need to sleep */
  else if (place == SK_VM_WARM)
    sk_live_vm_suspend (vm);
  else if (place == SK_VM_STORED)
    {
      /* A saved machine has no connection; its screen would only see it break. */
      SkWorker *screen = g_object_ref (vm->screen);
      drop_screen (vm);
      sk_worker_end (screen);
      g_object_unref (screen);
      drop_agent (vm);
      start_op (vm, SK_OP_SAVE);
    }
  else
    sk_live_vm_retire (vm, SK_BOTH ("It is no longer needed.", "不要になりました。"));
}

/* A first frame worth keeping: the page has stopped changing. */
static void
on_settle (gpointer data)
{
  g_autoptr (SkLiveVm) vm = sk_live_vm_ref (data);
  gint64 now = sk_core_monotonic (vm->core);
  guint64 frames = sk_worker_frames (vm->screen);
  vm->settle_timer = 0;
  if (frames != vm->frames)
    {
      vm->frames = frames;
      vm->frames_since = now;
    }
  if (now - vm->frames_since >= SK_SETTLE_QUIET_MS * 1000
      || now - vm->settle_began >= SK_SETTLE_MAX_MS * 1000)
    finish_boot (vm);
  else
    sk_timer_set (vm->core->parts.clock, &vm->settle_timer, SK_SETTLE_LOOK_MS, on_settle, vm);
}

static gboolean
open_home (SkLiveVm *vm)
{
  SkLivePool *pool = pool_of (vm);
  if (vm->home_open || !pool || !*pool->row->home_url || vm->restored)
    return TRUE;
  if (!vm->home_asked)
    {
      vm->home_asked = TRUE;
      call_url (vm, pool->row->home_url);
    }
  return FALSE;
}

static void
check_boot (SkLiveVm *vm)
{
  if (vm->row->state != SK_VM_BOOTING || vm->op != SK_OP_NONE || !vm->guest_user || vm->settle_timer)
    return;
  if (!vm->screen)
    {
      spawn_screen (vm);
      return;
    }
  if (!vm->picture || !vm->browser_ready || !open_home (vm))
    return;
  vm->frames = sk_worker_frames (vm->screen);
  vm->settle_began = vm->frames_since = sk_core_monotonic (vm->core);
  sk_timer_set (vm->core->parts.clock, &vm->settle_timer, SK_SETTLE_LOOK_MS, on_settle, vm);
}

/* -- requests ---------------------------------------------------------------------------------------------
 */

void
sk_live_vm_suspend (SkLiveVm *vm)
{
  sk_agent_link_set_running (vm->agent, FALSE);
  start_op (vm, SK_OP_SUSPEND);
}

void
sk_live_vm_restore (SkLiveVm *vm)
{
  vm->restored = TRUE;
  if (!set_state (vm, SK_VM_BOOTING, NULL))
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
  vm->session = session;
  if (*session->row->url)
    sk_live_vm_open_url (vm, session->row->url);
  sk_live_session_started (session, g_steal_pointer (&session_row), vm);
  return TRUE;
}

void
sk_live_vm_retire (SkLiveVm *vm, const char *reason)
{
  if (!sk_live_vm_is_dying (vm))
    set_state (vm, SK_VM_RETIRING, reason);
}

void
sk_live_vm_fail (SkLiveVm *vm, const char *reason)
{
  SkLivePool *pool = pool_of (vm);
  if (sk_live_vm_is_dying (vm))
    return;
  sk_warn (SK_FIELDS ("vm", vm->row->id, "pool", vm->row->pool), "%s", reason);
  if (vm->row->state == SK_VM_ATTACHED)
    {
      set_state (vm, SK_VM_RETIRING, reason);
      return;
    }
  if (pool)
    sk_live_pool_boot_failed (pool, reason);
  set_state (vm, SK_VM_FAILED, reason);
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
  connect_agent (vm);
  if (vm->row->state == SK_VM_ATTACHED)
    {
      /* Stamping and resuming again does no harm, and mends a claim that was cut off. */
      vm->time_due = TRUE;
      start_op (vm, SK_OP_ATTACH);
    }
}

void
sk_live_vm_resume_death (SkLiveVm *vm)
{
  if (vm->op == SK_OP_NONE && !vm->op_timer)
    start_op (vm, SK_OP_DESTROY);
}
