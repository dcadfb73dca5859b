/* One pool: who waits, which VMs there are for them, and when to make new ones. */
#include "common/error.h"
#include "common/log.h"
#include "core/core.h"
#include <string.h>

/* Before the third failure in a row a pool only takes a breath. */
#define BREATH_MS 2000
/* A new boot time counts for a quarter: one slow boot does not spoil the estimate. */
#define BOOT_WEIGHT 4

/* What a pool has, counted once a pump. Stale VMs (of an older image or size) do not count: they go. */
typedef struct
{
  guint all;                   /* rows that still hold memory or disk */
  guint warm, stored;          /* there, or only falling asleep */
  guint fresh_boots, restores; /* on their way */
  guint queued;
} Census;

static gboolean
is_stale (SkLivePool *pool, SkLiveVm *vm)
{
  return g_strcmp0 (vm->row->spec, pool->spec) != 0;
}

static gboolean
is_mine (SkLivePool *pool, SkLiveVm *vm)
{
  return g_strcmp0 (vm->row->pool, pool->row->name) == 0;
}

static void
count_vm (Census *census, SkLiveVm *vm)
{
  switch (vm->row->state)
    {
    case SK_VM_DEFINING:
    case SK_VM_BOOTING:
      if (vm->op == SK_OP_SUSPEND)
        census->warm++;
      else if (vm->op == SK_OP_SAVE)
        census->stored++;
      else if (vm->restored)
        census->restores++;
      else
        census->fresh_boots++;
      break;
    case SK_VM_WARM:
      census->warm++;
      break;
    case SK_VM_STORED:
      census->stored++;
      break;
    case SK_VM_ATTACHED:
    case SK_VM_RETIRING:
    case SK_VM_GONE:
    case SK_VM_FAILED:
      break;
    }
}

static Census
take_census (SkLivePool *pool, SkLiveVm *without)
{
  Census census = { .queued = sk_live_pool_queue_length (pool) };
  for (guint i = 0; i < pool->core->vms->len; i++)
    {
      SkLiveVm *vm = pool->core->vms->pdata[i];
      if (!is_mine (pool, vm))
        continue;
      census.all++;
      if (vm != without && !vm->probing && !is_stale (pool, vm))
        count_vm (&census, vm);
    }
  return census;
}

guint
sk_live_pool_queue_length (SkLivePool *pool)
{
  guint n = 0;
  for (guint i = 0; i < pool->core->sessions->len; i++)
    {
      SkLiveSession *session = pool->core->sessions->pdata[i];
      if (session->row->state == SK_SESSION_QUEUED && g_strcmp0 (session->row->pool, pool->row->name) == 0)
        n++;
    }
  return n;
}

/* Everything that a VM cannot change once it runs. */
static char *
digest_spec (const SkPool *row)
{
  g_autofree char *text = g_strdup_printf ("%s\n%u\n%u\n%s\n%u\n%u\n%s", row->image, row->memory_mib,
                                           row->vcpus, row->network, row->width, row->height, row->home_url);
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  return g_strndup (digest, 16);
}

SkLivePool *
sk_live_pool_new (SkCore *core, const SkPool *row)
{
  SkLivePool *pool = g_new0 (SkLivePool, 1);
  pool->core = core;
  pool->reason = g_strdup ("");
  sk_live_pool_set_row (pool, row);
  g_ptr_array_add (core->pools, pool);
  return pool;
}

void
sk_live_pool_free (SkLivePool *pool)
{
  sk_timer_clear (pool->core->parts.clock, &pool->retry_timer);
  sk_pool_free (pool->row);
  g_free (pool->spec);
  g_free (pool->reason);
  g_free (pool);
}

void
sk_live_pool_set_row (SkLivePool *pool, const SkPool *row)
{
  SkPool *copy = sk_pool_copy (row);
  sk_pool_free (pool->row);
  g_free (pool->spec);
  pool->row = copy;
  pool->spec = digest_spec (copy);
  pool->retry_at = 0; /* somebody changed something: try again now */
  sk_timer_clear (pool->core->parts.clock, &pool->retry_timer);
}

/* -- failures ---------------------------------------------------------------------------------------------
 */

static void
on_retry (gpointer data)
{
  SkLivePool *pool = data;
  pool->retry_timer = 0;
  sk_core_pump_soon (pool->core);
}

static void
try_again_in (SkLivePool *pool, guint ms)
{
  pool->retry_at = sk_core_monotonic (pool->core) + (gint64) ms * 1000;
  sk_timer_set (pool->core->parts.clock, &pool->retry_timer, ms, on_retry, pool);
}

void
sk_live_pool_boot_failed (SkLivePool *pool, const char *reason)
{
  guint over = ++pool->failures >= SK_POOL_FAILURES ? pool->failures - SK_POOL_FAILURES : 0;
  guint wait = pool->failures < SK_POOL_FAILURES
                   ? BREATH_MS
                   : MIN (SK_POOL_WAIT_MS << MIN (over, 8), SK_POOL_WAIT_MAX_MS);
  g_free (pool->reason);
  pool->reason = g_strdup (reason);
  try_again_in (pool, wait);
  if (pool->failures < SK_POOL_FAILURES)
    return;
  sk_warn (SK_FIELDS ("pool", pool->row->name), "%u boots failed one after another, next try in %u s: %s",
           pool->failures, wait / 1000, reason);
  sk_core_emit (pool->core, "pool", pool->row->name, "waiting", reason);
}

void
sk_live_pool_boot_done (SkLivePool *pool, SkLiveVm *vm)
{
  gint64 took = sk_core_monotonic (pool->core) - vm->boot_began;
  if (!vm->restored)
    pool->boot_us = pool->boot_us ? pool->boot_us + (took - pool->boot_us) / BOOT_WEIGHT : took;
  if (pool->failures >= SK_POOL_FAILURES)
    sk_core_emit (pool->core, "pool", pool->row->name, "working", "");
  pool->failures = 0;
  pool->retry_at = 0;
  sk_timer_clear (pool->core->parts.clock, &pool->retry_timer);
  g_free (pool->reason);
  pool->reason = g_strdup ("");
  sk_notice (SK_FIELDS ("vm", vm->row->id, "pool", pool->row->name), "%s in %.1f s",
             vm->restored ? "restored" : "booted", (double) took / G_USEC_PER_SEC);
}

/* -- where VMs go -----------------------------------------------------------------------------------------
 */

SkVmState
sk_live_pool_place (SkLivePool *pool, SkLiveVm *vm)
{
  Census census = take_census (pool, vm);
  if (is_stale (pool, vm) || pool->core->draining)
    return SK_VM_RETIRING;
  if (census.warm < pool->row->warm + census.queued)
    return SK_VM_WARM;
  /* What was restored is not saved again: its one image is used up. */
  return !vm->restored && census.stored < pool->row->stored ? SK_VM_STORED : SK_VM_RETIRING;
}

static SkLiveVm *
find_vm (SkLivePool *pool, gboolean (*wanted) (SkLiveVm *))
{
  for (guint i = 0; i < pool->core->vms->len; i++)
    {
      SkLiveVm *vm = pool->core->vms->pdata[i];
      if (is_mine (pool, vm) && !is_stale (pool, vm) && !vm->probing && wanted (vm))
        return vm;
    }
  return NULL;
}

static gboolean
is_stored (SkLiveVm *vm)
{
  return vm->row->state == SK_VM_STORED;
}

static gboolean
is_idle_warm (SkLiveVm *vm)
{
  return sk_live_vm_is_free (vm) && vm->running;
}

static gboolean
is_warm (SkLiveVm *vm)
{
  return vm->row->state == SK_VM_WARM;
}

static SkLiveSession *
first_in_queue (SkLivePool *pool)
{
  for (guint i = 0; i < pool->core->sessions->len; i++)
    {
      SkLiveSession *session = pool->core->sessions->pdata[i];
      if (session->row->state == SK_SESSION_QUEUED && g_strcmp0 (session->row->pool, pool->row->name) == 0)
        return session;
    }
  return NULL;
}

static gboolean
can_work (SkCore *core)
{
  return core->connected && core->reconciled;
}

/* First come, first served; a session starts when there is a VM and a view for it. */
static void
serve_queue (SkLivePool *pool)
{
  SkLiveSession *session;
  SkLiveVm *vm;
  if (!can_work (pool->core) || pool->core->draining)
    return;
  while ((session = first_in_queue (pool)) && sk_spares_have (pool->core)
         && (vm = find_vm (pool, sk_live_vm_is_free)))
    {
      g_autoptr (GError) error = NULL;
      if (sk_live_vm_claim (vm, session, &error))
        continue;
      if (g_error_matches (error, SK_ERROR, SK_ERROR_CONFLICT))
        {
          /* The store knows of a user that we do not: never again. */
          sk_live_vm_fail (vm, SK_BOTH ("Its record says it is not free.", "記録と状態が一致しません。"));
          continue;
        }
      try_again_in (pool, BREATH_MS);
      return;
    }
}

static void
retire_first (SkLivePool *pool, gboolean (*wanted) (SkLiveVm *), const char *reason)
{
  SkLiveVm *vm = find_vm (pool, wanted);
  if (vm)
    sk_live_vm_retire (vm, reason);
}

static guint
count_living (SkLivePool *pool)
{
  guint n = 0;
  for (guint i = 0; i < pool->core->vms->len; i++)
    n += is_mine (pool, pool->core->vms->pdata[i]) && !sk_live_vm_is_dying (pool->core->vms->pdata[i]);
  return n;
}

/* Retiring changes no list at once: rows go when their domains are gone. */
static void
retire_stale (SkLivePool *pool)
{
  for (guint i = 0; i < pool->core->vms->len; i++)
    {
      SkLiveVm *vm = pool->core->vms->pdata[i];
      if (!is_mine (pool, vm) || !sk_live_vm_is_unowned (vm) || vm->probing)
        continue;
      if (pool->core->draining)
        sk_live_vm_retire (vm, SK_BOTH ("The broker is being stopped.", "ブローカーを停止しています。"));
      else if (is_stale (pool, vm))
        sk_live_vm_retire (vm, SK_BOTH ("The pool has changed.", "プールの設定が変わりました。"));
    }
}

static void
trim (SkLivePool *pool)
{
  static const char reason[] = SK_BOTH ("It is no longer needed.", "不要になりました。");
  Census census;
  retire_stale (pool);
  census = take_census (pool, NULL);
  for (guint n = pool->row->warm + census.queued; n < census.warm; n++)
    retire_first (pool, is_warm, reason);
  for (guint n = pool->row->stored; n < census.stored; n++)
    retire_first (pool, is_stored, reason);
  for (guint n = count_living (pool), was = n + 1; n > pool->row->maximum && n < was;
       was = n, n = count_living (pool))
    retire_first (pool, sk_live_vm_is_unowned, reason);
}

/* A restore takes seconds, if nothing boots beside it. */
static gboolean
may_boot (SkCore *core)
{
  return sk_core_booting (core, FALSE) < core->parts.max_boots && sk_core_booting (core, TRUE) == 0;
}

/* TRUE: something was started, look again. */
static gboolean
grow_by_one (SkLivePool *pool)
{
  SkCore *core = pool->core;
  Census census = take_census (pool, NULL);
  guint warm_wanted = pool->row->warm + census.queued;
  guint warm_missing = warm_wanted > census.warm ? warm_wanted - census.warm : 0;
  guint stored_missing = pool->row->stored > census.stored ? pool->row->stored - census.stored : 0;
  SkLiveVm *stored = find_vm (pool, is_stored);
  g_autoptr (GError) error = NULL;

  if (census.queued == 0 && core->refill_at > sk_core_monotonic (core))
    return FALSE;
  if (warm_missing > census.restores && stored && sk_core_booting (core, TRUE) < core->parts.max_boots)
    {
      sk_live_vm_restore (stored);
      return stored->row->state != SK_VM_STORED;
    }
  if (warm_missing + stored_missing <= census.fresh_boots + census.restores
      || census.all >= pool->row->maximum || !may_boot (core) || pool->retry_at > sk_core_monotonic (core)
      || !sk_core_image (core, pool->row->image))
    return FALSE;
  if (sk_live_vm_new (pool, &error))
    return TRUE;
  sk_err (SK_FIELDS ("pool", pool->row->name), "no new VM: %s", error->message);
  try_again_in (pool, SK_POOL_WAIT_MS);
  return FALSE;
}

void
sk_live_pool_pump (SkLivePool *pool)
{
  SkLiveVm *idle;
  serve_queue (pool);
  trim (pool);
  if (!can_work (pool->core) || pool->core->draining)
    return;
  while (grow_by_one (pool))
    ;
  while (!first_in_queue (pool) && (idle = find_vm (pool, is_idle_warm)))
    sk_live_vm_suspend (idle);
}

SkPoolStatus *
sk_live_pool_status (SkLivePool *pool)
{
  SkPoolStatus *status = g_new0 (SkPoolStatus, 1);
  gint64 wait = pool->retry_at - sk_core_monotonic (pool->core);
  for (guint i = 0; i < pool->core->vms->len; i++)
    {
      SkLiveVm *vm = pool->core->vms->pdata[i];
      if (!is_mine (pool, vm))
        continue;
      status->warm += vm->row->state == SK_VM_WARM;
      status->stored += vm->row->state == SK_VM_STORED;
      status->booting += sk_live_vm_is_coming (vm);
      status->attached += vm->row->state == SK_VM_ATTACHED;
      status->retiring += sk_live_vm_is_dying (vm);
    }
  status->queued = sk_live_pool_queue_length (pool);
  status->failures = pool->failures;
  status->retry_at = wait > 0 && pool->failures >= SK_POOL_FAILURES ? sk_core_wall (pool->core) + wait : 0;
  status->reason = g_strdup (pool->reason);
  return status;
}
