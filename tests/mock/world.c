#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  guint id;
  gint64 at;
  guint64 order;
  SkTimerFunc func;
  gpointer data;
} Timer;

/* More steps than any sequence needs: a core that runs in circles without time passing. */
#define STEPS_MAX 2000000

/* -- time -------------------------------------------------------------------------------------------------
 */

static gint64
wall (SkClock *clock)
{
  return ((World *) clock)->now;
}

static guint
add_timer (SkClock *clock, guint ms, SkTimerFunc func, gpointer data)
{
  World *world = (World *) clock;
  Timer timer = { ++world->last_timer, world->now + (gint64) ms * 1000, ++world->last_order, func, data };
  g_array_append_val (world->timers, timer);
  return timer.id;
}

static void
remove_timer (SkClock *clock, guint id)
{
  World *world = (World *) clock;
  for (guint i = 0; i < world->timers->len; i++)
    if (g_array_index (world->timers, Timer, i).id == id)
      {
        g_array_remove_index_fast (world->timers, i);
        return;
      }
  world_broken (world, "a timer was removed that is not there");
}

guint
world_after (World *world, guint ms, SkTimerFunc func, gpointer data)
{
  return add_timer (&world->clock, ms, func, data);
}

void
world_cancel (World *world, guint id)
{
  remove_timer (&world->clock, id);
}

static gboolean
step (World *world, gint64 until)
{
  guint best = G_MAXUINT;
  for (guint i = 0; i < world->timers->len; i++)
    {
      Timer *t = &g_array_index (world->timers, Timer, i);
      Timer *b = best == G_MAXUINT ? NULL : &g_array_index (world->timers, Timer, best);
      if (!b || t->at < b->at || (t->at == b->at && t->order < b->order))
        best = i;
    }
  if (best == G_MAXUINT || g_array_index (world->timers, Timer, best).at > until)
    return FALSE;
  Timer timer = g_array_index (world->timers, Timer, best);
  g_array_remove_index_fast (world->timers, best);
  world->now = MAX (world->now, timer.at);
  if (++world->steps > STEPS_MAX)
    world_broken (world, "it runs in circles");
  timer.func (timer.data);
  return TRUE;
}

void
world_run (World *world, gint64 ms)
{
  gint64 until = world->now + ms * 1000;
  while (step (world, until))
    ;
  world->now = until;
}

gboolean
world_run_until (World *world, gint64 ms, gboolean (*condition) (World *, gpointer), gpointer data)
{
  gint64 until = world->now + ms * 1000;
  while (!condition (world, data))
    if (!step (world, until))
      return FALSE;
  return TRUE;
}

gboolean
world_chance (World *world, guint permille)
{
  return permille > 0 && g_rand_int_range (world->rand, 0, 1000) < (gint32) permille;
}

guint
world_random (World *world, guint below)
{
  return (guint) g_rand_int_range (world->rand, 0, (gint32) below);
}

void
world_broken (World *world, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  printf ("Bail out! seed %u, %.3f s: %s\n", world->seed, (double) world->now / 1e6, text);
  fflush (stdout);
  abort ();
}

/* -- life -------------------------------------------------------------------------------------------------
 */

World *
world_new (guint seed)
{
  g_autoptr (GError) error = NULL;
  World *world = g_new0 (World, 1);
  world->clock = (SkClock){ wall, wall, add_timer, remove_timer };
  world->seed = seed;
  world->rand = g_rand_new_with_seed (seed);
  world->now = 1000000;
  world->timers = g_array_new (FALSE, FALSE, sizeof (Timer));
  world->domains = g_ptr_array_new ();
  world->procs = g_ptr_array_new ();
  world->links = g_ptr_array_new ();
  world->maximum = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  world->connected = TRUE;
  world->store = sk_store_open (":memory:", &error);
  g_assert_no_error (error);
  return world;
}

void
world_free (World *world)
{
  if (world->manager)
    world_kill_core (world);
  g_assert_cmpuint (world->links->len, ==, 0);
  /* What was asked for still happens. */
  world->now = G_MAXINT64 / 2;
  while (world->timers->len > 0)
    step (world, G_MAXINT64);
  while (world->domains->len > 0)
    {
      Domain *domain = world->domains->pdata[0];
      g_ptr_array_remove_index (world->domains, 0);
      g_free (domain->id);
      g_free (domain->pool);
      g_free (domain->owner);
      g_free (domain->session);
      g_free (domain);
    }
  while (world->procs->len > 0)
    world_kill_proc (world, world->procs->pdata[0]);
  g_assert_cmpuint (world->timers->len, ==, 0);
  sk_store_close (world->store);
  g_ptr_array_unref (world->domains);
  g_ptr_array_unref (world->procs);
  g_ptr_array_unref (world->links);
  g_array_unref (world->timers);
  g_hash_table_unref (world->maximum);
  g_rand_free (world->rand);
  g_free (world);
}

void
world_start_core (World *world)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkHypervisor) hypervisor = world_new_hypervisor (world);
  g_autoptr (SkStaff) staff = world_new_staff (world);
  SkCoreParts parts
      = { world->store, hypervisor, staff, &world->clock, world_new_agent, world, (char *) "/run/x", 2, 2 };
  world->manager = sk_manager_new (&parts, &error);
  g_assert_no_error (error);
}

/* What has no job and no core ends itself, some sooner than the next core comes. */
void
world_kill_core (World *world)
{
  g_assert_finalize_object (world->manager);
  world->manager = NULL;
  for (guint i = world->procs->len; i-- > 0;)
    {
      Proc *proc = world->procs->pdata[i];
      if (proc->handle)
        world_broken (world, "the core is gone and still holds worker %s", proc->id);
      if (!proc->busy && world_chance (world, 500))
        world_kill_proc (world, proc);
    }
}

/* -- guests -----------------------------------------------------------------------------------------------
 */

Domain *
world_domain (World *world, const char *id)
{
  for (guint i = 0; i < world->domains->len; i++)
    if (strcmp (((Domain *) world->domains->pdata[i])->id, id) == 0)
      return world->domains->pdata[i];
  return NULL;
}

/* Rule 5. */
void
world_see (World *world, Domain *domain, int user)
{
  domain->users |= 1u << user;
  if (domain->users & (domain->users - 1))
    world_broken (world, "VM %s was given to a second user (%#x)", domain->id, domain->users);
}

/* -- test data --------------------------------------------------------------------------------------------
 */

SkImage *
world_add_image (World *world, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);
  SkImage row = { id, (char *) name, "/images/x", "quiet", 1, 1 };
  if (!sk_store_put_image (world->store, &row, &error))
    g_error ("%s", error->message);
  return sk_image_copy (&row);
}

SkPool
world_pool (const char *name, guint warm, guint stored, guint maximum)
{
  return (SkPool){ (char *) name, "debian", 1024,  1,     "",    warm,   stored, maximum, 1280, 800, 30, "",
                   "border",      "",       FALSE, FALSE, FALSE, "both", 0 };
}

SkIdentity
world_user (guint number)
{
  static char *names[] = { "hanako", "taro", "jiro", "sakura", "ichiro", "admin" };
  return (SkIdentity){ 1000 + number, names[number], number == 5 };
}
