/* Views that wait with their key made, so that a click does not wait for a process. Each serves one viewer.
 */
#include "common/log.h"
#include "core/core.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 60000
/* Tickets that were never used give their views back: so many more than wanted are kept, the rest end. */
#define EXTRA_MAX 4

static void
on_spare_retry (gpointer data)
{
  SkCore *core = data;
  core->spare_timer = 0;
  sk_core_pump_soon (core);
}

static void
wait_a_while (SkCore *core)
{
  guint wait = RETRY_MS << MIN (core->spare_failures, 6);
  core->spare_failures++;
  sk_timer_set (core->parts.clock, &core->spare_timer, MIN (wait, RETRY_MAX_MS), on_spare_retry, core);
}

static void
on_spare_ready (SkWorker *view, gpointer data)
{
  SkCore *core = data;
  core->spare_failures = 0;
  sk_core_pump_soon (core);
}

static void
on_spare_died (SkWorker *view, const char *why, gpointer data)
{
  SkCore *core = data;
  sk_warn (SK_FIELDS ("view", sk_worker_id (view)), "a spare view ended: %s", why);
  g_ptr_array_remove (core->spares, view);
  wait_a_while (core);
}

static const SkWorkerListener spare_listener = { on_spare_ready, NULL, on_spare_died };

static void
add (SkCore *core, SkWorker *take_view)
{
  sk_worker_set_listener (take_view, &spare_listener, core);
  g_ptr_array_add (core->spares, take_view);
}

static gboolean
spawn_one (SkCore *core)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = g_strdup_printf ("%08x%08x", g_random_int (), g_random_int ());
  SkWorker *view = sk_staff_spawn (core->parts.staff, SK_WORKER_VIEW, id, &error);
  if (view)
    add (core, view);
  else
    {
      sk_err (SK_FIELDS ("view", id), "could not be started: %s", error->message);
      wait_a_while (core);
    }
  return view != NULL;
}

static SkWorker *
first_ready (SkCore *core)
{
  for (guint i = 0; i < core->spares->len; i++)
    if (sk_worker_is_ready (core->spares->pdata[i]) && !sk_worker_is_dead (core->spares->pdata[i]))
      return core->spares->pdata[i];
  return NULL;
}

guint
sk_spares_ready (SkCore *core)
{
  guint n = 0;
  for (guint i = 0; i < core->spares->len; i++)
    n += sk_worker_is_ready (core->spares->pdata[i]) && !sk_worker_is_dead (core->spares->pdata[i]);
  return n;
}

gboolean
sk_spares_have (SkCore *core)
{
  return first_ready (core) != NULL;
}

/* Those who wait count: each is to find a view when its turn comes. */
void
sk_spares_pump (SkCore *core)
{
  if (core->draining || core->spare_timer || core->adopt_timer)
    return;
  /* While another one stands by, the click that took one has the processor (sk_core_claimed). */
  if (sk_spares_have (core) && core->refill_at > sk_core_monotonic (core))
    return;
  while (core->spares->len < core->parts.spare_views && spawn_one (core))
    ;
}

SkWorker *
sk_spares_take (SkCore *core)
{
  SkWorker *view = first_ready (core);
  if (!view)
    return NULL;
  g_object_ref (view);
  sk_worker_set_listener (view, NULL, NULL);
  g_ptr_array_remove (core->spares, view);
  sk_core_pump_soon (core);
  return view;
}

/* It never met a viewer; only its fingerprint was told, which is no secret. */
void
sk_spares_give_back (SkCore *core, SkWorker *take_view)
{
  sk_worker_set_listener (take_view, NULL, NULL);
  if (!sk_worker_is_dead (take_view) && !core->draining
      && core->spares->len < core->parts.spare_views + EXTRA_MAX)
    {
      add (core, take_view);
      sk_core_pump_soon (core);
      return;
    }
  if (!sk_worker_is_dead (take_view))
    sk_worker_end (take_view);
  g_object_unref (take_view);
}

void
sk_spares_adopt (SkCore *core, SkWorker *view)
{
  sk_spares_give_back (core, g_object_ref (view));
}

void
sk_spares_end (SkCore *core)
{
  sk_timer_clear (core->parts.clock, &core->spare_timer);
  while (core->spares->len > 0)
    {
      g_autoptr (SkWorker) view = g_object_ref (core->spares->pdata[core->spares->len - 1]);
      sk_worker_set_listener (view, NULL, NULL);
      g_ptr_array_remove_index (core->spares, core->spares->len - 1);
      sk_worker_end (view);
    }
}
