/* One VM's way to a picture worth keeping: its agent, its screen, its browser. */
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/vm-private.h"
#include "rdp/border.h"

/* [MS-RDPEDISP] 2.2.2.2.1: percent. A guest begins with the lowest. */
#define SK_VM_SCALE_MIN 100
#define SK_VM_SCALE_MAX 500

static void check_boot (SkLiveVm *vm);
static void on_agent_lost (const char *why, gpointer data);
static void on_boot_timeout (gpointer data);

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

static void
on_scale_set (gboolean ok, const char *untrusted_text, char **untrusted_lines, const GError *error,
              gpointer data)
{
  g_autoptr (SkLiveVm) vm = data;
  vm->scale_busy = FALSE;
  if (!vm->core)
    return;
  if (!ok)
    sk_warn (SK_FIELDS ("vm", vm->row->id), "the guest did not take the scale: %s",
             error ? error->message : untrusted_text);
  sk_vm_talk (vm);
}

static void
call_scale (SkLiveVm *vm)
{
  const SkMessage message = { .type = SK_AGENT_SCALE, .n = { vm->scale_due } };
  vm->scale = vm->scale_due;
  vm->scale_due = 0;
  vm->scale_busy = TRUE;
  sk_agent_link_call (vm->agent, &message, SK_OP_FAST_MS, on_scale_set, sk_live_vm_ref (vm));
}

/* What the guest is to be told, as soon as it can hear: the time first (certificates depend on it). */
void
sk_vm_talk (SkLiveVm *vm)
{
  if (!vm->agent || !vm->running || vm->op != SK_OP_NONE || !sk_agent_link_is_up (vm->agent))
    return;
  if (vm->time_due)
    {
      SkMessage message = { .type = SK_AGENT_TIME_SET, .n = { (guint64) sk_core_wall (vm->core) } };
      vm->time_due = FALSE;
      sk_agent_link_call (vm->agent, &message, SK_OP_FAST_MS, on_time_set, sk_live_vm_ref (vm));
    }
  if (vm->scale_due && !vm->scale_busy && vm->row->state == SK_VM_ATTACHED)
    call_scale (vm);
  if (vm->row->state == SK_VM_ATTACHED && vm->core->parts.transfers)
    sk_transfers_guest_up (vm->core->parts.transfers, vm->row->session);
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
  sk_vm_talk (vm);
}

/* A view may say what it likes, as often as it likes: one call at a time, the newest value. */
void
sk_live_vm_set_scale (SkLiveVm *vm, guint untrusted_percent)
{
  const guint percent = CLAMP (untrusted_percent, SK_VM_SCALE_MIN, SK_VM_SCALE_MAX);
  vm->scale_due = percent == (vm->scale ? vm->scale : SK_VM_SCALE_MIN) ? 0 : percent;
  sk_vm_talk (vm);
}

static void
set_boot_deadline (SkLiveVm *vm, guint seconds)
{
  const gint64 end = vm->boot_began + (gint64) seconds * G_USEC_PER_SEC;
  const gint64 left = MAX (end - sk_core_monotonic (vm->core), 0);
  sk_timer_set (vm->core->parts.clock, &vm->boot_timer, (guint) (left / 1000), on_boot_timeout, vm);
}

static void
on_agent_hello (gpointer data)
{
  SkLiveVm *vm = data;
  if (vm->row->state == SK_VM_BOOTING && !vm->restored)
    set_boot_deadline (vm, SK_BOOT_SECONDS);
  sk_vm_talk (vm);
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

static void
on_agent_mute (gpointer data)
{
  g_autoptr (SkLiveVm) vm = sk_live_vm_ref (data);
  vm->boot_timer = 0;
  if (!sk_agent_link_is_up (vm->agent))
    on_agent_lost ("no answer since the resume", vm);
}

/* An agent that spoke before is watched by its link; one of an earlier core's time has to speak first. */
void
sk_vm_attached (SkLiveVm *vm)
{
  sk_core_emit (vm->core, "vm", vm->row->id, "resumed", ""); /* no state: the figures of a click need it */
  sk_agent_link_set_running (vm->agent, TRUE);
  if (!sk_agent_link_is_up (vm->agent))
    sk_timer_set (vm->core->parts.clock, &vm->boot_timer, SK_HELLO_SECONDS * 1000, on_agent_mute, vm);
  sk_vm_talk (vm);
}

/* From now on its files go both ways. */
void
sk_vm_share_files (SkLiveVm *vm)
{
  if (vm->agent && vm->session && vm->row->state == SK_VM_ATTACHED && vm->core->parts.transfers)
    sk_transfers_add_guest (vm->core->parts.transfers, vm->session->row, vm->agent);
}

static const SkAgentListener agent_listener
    = { on_agent_hello, on_agent_ready, on_agent_browser_ready, on_agent_lost };

void
sk_vm_connect_agent (SkLiveVm *vm)
{
  sk_vm_drop_agent (vm);
  vm->agent = vm->core->parts.new_agent (vm->row->id, vm->core->parts.new_agent_data);
  sk_agent_link_set_listener (vm->agent, &agent_listener, vm);
  sk_agent_link_set_running (vm->agent, vm->running);
  sk_vm_share_files (vm);
}

/* -- the screen -------------------------------------------------------------------------------------------
 */

static void
on_screen_ready (SkWorker *screen, gpointer data)
{
  SkLiveVm *vm = data;
  SkLivePool *pool = sk_vm_pool (vm);
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
    sk_vm_fail_with (vm, SK_BOTH ("The screen could not be connected.", "画面を接続できませんでした。"),
                     error);
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

/* What a VM that nobody has copies is nobody's. */
static void
on_screen_clip (SkWorker *screen, guint64 untrusted_number, guint untrusted_kind, guint untrusted_bytes,
                int take_pipe, gpointer data)
{
  SkLiveVm *vm = data;
  if (vm->session)
    sk_live_session_clip_offer (vm->session, SK_CROSS_IMPORT, untrusted_number, untrusted_kind,
                                untrusted_bytes, take_pipe);
  else
    sk_clear_fd (&take_pipe);
}

static const SkWorkerListener screen_listener
    = { on_screen_ready, on_screen_state, on_screen_died, NULL, on_screen_clip };

static void
spawn_screen (SkLiveVm *vm)
{
  g_autoptr (GError) error = NULL;
  vm->screen = sk_staff_spawn (vm->core->parts.staff, SK_WORKER_SCREEN, vm->row->id, &error);
  if (vm->screen)
    sk_worker_set_listener (vm->screen, &screen_listener, vm);
  else
    sk_vm_fail_with (
        vm, SK_BOTH ("The screen could not be started.", "画面のプログラムを起動できませんでした。"), error);
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

void
sk_vm_begin_boot (SkLiveVm *vm)
{
  vm->boot_began = sk_core_monotonic (vm->core);
  vm->time_due = TRUE;
  vm->picture = vm->browser_ready = vm->home_open = vm->home_asked = FALSE;
  g_clear_pointer (&vm->guest_user, g_free);
  g_clear_pointer (&vm->guest_password, g_free);
  set_boot_deadline (vm, vm->restored ? SK_RESTORE_SECONDS : SK_FIRST_WORD_SECONDS);
  sk_vm_connect_agent (vm);
}

static void
finish_boot (SkLiveVm *vm)
{
  SkLivePool *pool = sk_vm_pool (vm);
  SkVmState place = pool ? sk_live_pool_place (pool, vm) : SK_VM_RETIRING;
  sk_vm_clear_timers (vm);
  if (pool)
    sk_live_pool_boot_done (pool, vm);
  if (place == SK_VM_WARM && sk_live_pool_queue_length (pool) > 0)
    sk_vm_set_state_or_fail (vm, SK_VM_WARM); /* somebody waits: no need to sleep */
  else if (place == SK_VM_WARM)
    sk_live_vm_suspend (vm);
  else if (place == SK_VM_STORED)
    {
      /* A saved machine has no connection; its screen would only see it break. */
      SkWorker *screen = g_object_ref (vm->screen);
      sk_vm_drop_screen (vm);
      sk_worker_end (screen);
      g_object_unref (screen);
      sk_vm_drop_agent (vm);
      sk_vm_start_op (vm, SK_OP_SAVE);
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
  SkLivePool *pool = sk_vm_pool (vm);
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
