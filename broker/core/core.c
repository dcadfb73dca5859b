/* The core's one object: lists, the pump, and the way in for what the hypervisor says. */
#include "core/core.h"
#include "common/error.h"
#include "common/log.h"
#include "core/manager-private.h"
#include <string.h>

gint64
sk_core_wall (SkCore *core)
{
  return core->parts.clock->wall (core->parts.clock);
}

gint64
sk_core_monotonic (SkCore *core)
{
  return core->parts.clock->monotonic (core->parts.clock);
}

void
sk_core_emit (SkCore *core, const char *type, const char *id, const char *state, const char *text)
{
  if (core->manager)
    sk_manager_emit (core->manager, type, id, state, text);
}

SkImage *
sk_core_image (SkCore *core, const char *name_or_id)
{
  for (guint i = 0; i < core->images->len; i++)
    {
      SkImage *image = core->images->pdata[i];
      if (g_strcmp0 (image->id, name_or_id) == 0 || g_strcmp0 (image->name, name_or_id) == 0)
        return image;
    }
  return NULL;
}

SkLivePool *
sk_core_pool (SkCore *core, const char *name)
{
  for (guint i = 0; i < core->pools->len; i++)
    {
      SkLivePool *pool = core->pools->pdata[i];
      if (g_strcmp0 (pool->row->name, name) == 0)
        return pool;
    }
  return NULL;
}

SkLiveVm *
sk_core_vm (SkCore *core, const char *id)
{
  for (guint i = 0; i < core->vms->len; i++)
    {
      SkLiveVm *vm = core->vms->pdata[i];
      if (g_strcmp0 (vm->row->id, id) == 0)
        return vm;
    }
  return NULL;
}

SkLiveSession *
sk_core_session (SkCore *core, const char *id)
{
  for (guint i = 0; i < core->sessions->len; i++)
    {
      SkLiveSession *session = core->sessions->pdata[i];
      if (g_strcmp0 (session->row->id, id) == 0)
        return session;
    }
  return NULL;
}

/* Boots cost CPU while they last; one that is only falling asleep does not. */
guint
sk_core_booting (SkCore *core, gboolean restored)
{
  guint n = 0;
  for (guint i = 0; i < core->vms->len; i++)
    {
      SkLiveVm *vm = core->vms->pdata[i];
      n += sk_live_vm_is_coming (vm) && vm->restored == restored;
    }
  return n;
}

/* -- the pump ---------------------------------------------------------------------------------------------
 */

static void
check_drained (SkCore *core)
{
  if (!core->draining || core->drained || core->vms->len > 0
      || (core->drain_sessions && core->sessions->len > 0))
    return;
  core->drained = TRUE;
  sk_core_emit (core, "broker", "", "drained", "");
}

static void
write_late (SkCore *core)
{
  while (core->unwritten->len > 0)
    {
      if (!sk_live_session_write (core, core->unwritten->pdata[0], NULL))
        return;
      g_ptr_array_remove_index (core->unwritten, 0);
    }
}

static void
on_pump (gpointer data)
{
  SkCore *core = data;
  core->pump_timer = 0;
  write_late (core);
  for (guint i = 0; i < core->pools->len; i++)
    sk_live_pool_pump (core->pools->pdata[i]);
  sk_spares_pump (core);
  check_drained (core);
}

void
sk_core_pump_soon (SkCore *core)
{
  if (!core->pump_timer)
    sk_timer_set (core->parts.clock, &core->pump_timer, 0, on_pump, core);
}

static void
on_refill (gpointer data)
{
  SkCore *core = data;
  core->refill_timer = 0;
  sk_core_pump_soon (core);
}

void
sk_core_claimed (SkCore *core)
{
  core->refill_at = sk_core_monotonic (core) + SK_REFILL_DELAY_MS * 1000;
  sk_timer_set (core->parts.clock, &core->refill_timer, SK_REFILL_DELAY_MS, on_refill, core);
}

static void
on_sweep (gpointer data)
{
  SkCore *core = data;
  core->sweep_timer = 0;
  sk_core_sweep_in (core, SK_SWEEP_SECONDS * 1000);
  sk_adopt_list (core);
  sk_core_pump_soon (core);
}

void
sk_core_sweep_in (SkCore *core, guint ms)
{
  sk_timer_set (core->parts.clock, &core->sweep_timer, ms, on_sweep, core);
}

/* -- what the hypervisor says -----------------------------------------------------------------------------
 */

static void
on_connection (gboolean up, gpointer data)
{
  SkCore *core = data;
  if (core->connected == up)
    return;
  core->connected = up;
  if (up)
    sk_notice (NULL, "connected to libvirt");
  else
    sk_warn (NULL, "the connection to libvirt is lost; running sessions go on");
  sk_core_emit (core, "broker", "", up ? "libvirt-connected" : "libvirt-lost", "");
  if (up)
    sk_adopt_list (core);
}

static void
on_stopped (const char *id, const char *why, gpointer data)
{
  SkLiveVm *found = sk_core_vm (data, id);
  g_autoptr (SkLiveVm) vm = found ? sk_live_vm_ref (found) : NULL;
  if (vm && !sk_live_vm_is_dying (vm))
    sk_live_vm_stopped (vm, why);
}

static const SkHypervisorEvents hypervisor_events = { on_connection, on_stopped };

/* -- life -------------------------------------------------------------------------------------------------
 */

SkCore *
sk_core_new (const SkCoreParts *parts, SkManager *manager)
{
  SkCore *core = g_new0 (SkCore, 1);
  core->parts = *parts;
  core->parts.runtime_dir = g_strdup (parts->runtime_dir);
  g_object_ref (core->parts.hypervisor);
  g_object_ref (core->parts.staff);
  core->manager = manager;
  core->images = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_image_free);
  core->pools = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_live_pool_free);
  core->vms = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_live_vm_unref);
  core->sessions = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_live_session_unref);
  core->unwritten = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_free);
  core->spares = g_ptr_array_new_with_free_func (g_object_unref);
  core->adopting = g_ptr_array_new_with_free_func (g_object_unref);
  core->opens = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  sk_hypervisor_set_events (core->parts.hypervisor, &hypervisor_events, core);
  sk_core_sweep_in (core, SK_SWEEP_SECONDS * 1000);
  return core;
}

static void
forget_workers (GPtrArray *workers)
{
  for (guint i = 0; i < workers->len; i++)
    sk_worker_set_listener (workers->pdata[i], NULL, NULL);
  g_ptr_array_unref (workers);
}

void
sk_core_free (SkCore *core)
{
  SkClock *clock = core->parts.clock;
  guint *timers[] = { &core->pump_timer, &core->sweep_timer, &core->adopt_timer, &core->spare_timer,
                      &core->refill_timer };
  sk_hypervisor_set_events (core->parts.hypervisor, NULL, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (timers); i++)
    sk_timer_clear (clock, timers[i]);
  for (guint i = 0; i < core->sessions->len; i++)
    sk_live_session_forget (core->sessions->pdata[i]);
  for (guint i = 0; i < core->vms->len; i++)
    sk_live_vm_forget (core->vms->pdata[i]);
  sk_adopt_forget (core);
  g_ptr_array_unref (core->sessions);
  g_ptr_array_unref (core->vms);
  g_ptr_array_unref (core->pools);
  g_ptr_array_unref (core->images);
  g_ptr_array_unref (core->unwritten);
  forget_workers (core->spares);
  forget_workers (core->adopting);
  g_hash_table_unref (core->opens);
  g_object_unref (core->parts.hypervisor);
  g_object_unref (core->parts.staff);
  g_free (core->parts.runtime_dir);
  g_free (core);
}
