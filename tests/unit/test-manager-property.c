/* Ten thousand random lives of the core, each from an empty store to an orderly stop: users come and go,
 * everything that can fail fails, the core is killed and started again. The world (tests/mock/world.h) keeps
 * the books:
 *
 *   - no VM that had a user is ever seen by, stamped for or spoken to for another;
 *   - no session disappears: it lives, or the store says when and why it ended;
 *   - no pool ever has more VMs than its maximum when it makes one;
 *   - no saved VM is restored twice, no view gets a second viewer;
 *   - when the faults stop, a click leads to a running session again;
 *   - at the end nothing is left: no domain, no file, no process, no object, no descriptor.
 *
 * SK_SEQUENCES=n runs another number, SK_SEED=n runs that one alone and says what it does. */
#include "common/error.h"
#include "common/log.h"
#include "mock/world.h"
#include "store/store-private.h"
#include <stdio.h>
#include <string.h>

#define SEQUENCES 10000
#define USERS 5
#define ADMIN 5
#define HOUR_MS (3600 * 1000)

typedef struct
{
  char *id;
  guint user;
  char *token; /* of the last ticket */
} Known;

typedef struct
{
  World *world;
  GPtrArray *known; /* every session that was ever promised to somebody */
  guint opened, attached, restarts;
} Run;

static gboolean verbose;

static void
say (Run *run, const char *format, ...)
{
  va_list args;
  if (!verbose)
    return;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  printf ("# %.3f %s\n", (double) run->world->now / 1e6, text);
  fflush (stdout);
}

static void
free_known (gpointer data)
{
  Known *known = data;
  g_free (known->id);
  g_free (known->token);
  g_free (known);
}

/* -- what users do ----------------------------------------------------------------------------------------
 */

static Known *
remember (Run *run, const char *id, guint user)
{
  for (guint i = 0; i < run->known->len; i++)
    {
      Known *known = run->known->pdata[i];
      if (strcmp (known->id, id) == 0)
        {
          if (known->user != user)
            world_broken (run->world, "session %s of user %u was given to user %u", id, known->user, user);
          return known;
        }
    }
  Known *known = g_new0 (Known, 1);
  known->id = g_strdup (id);
  known->user = user;
  g_ptr_array_add (run->known, known);
  return known;
}

static void
keep_ticket (Known *known, SkTicket *take_ticket)
{
  g_autoptr (SkTicket) ticket = take_ticket;
  if (!ticket)
    return;
  g_free (known->token);
  known->token = g_strdup (ticket->token);
}

static void attach_to (Run *run, Known *known);

static void
do_open (Run *run, guint user)
{
  static const char *const pools[] = { "a", "b", NULL };
  SkIdentity who = world_user (user);
  SkTicket *ticket = NULL;
  guint position = 0;
  g_autofree char *url = g_strdup_printf ("http://%u.example/", user);
  g_autoptr (GError) error = NULL;
  g_autoptr (SkSession) session
      = sk_manager_open_session (run->world->manager, &who, pools[world_random (run->world, 3)],
                                 world_chance (run->world, 500) ? url : "", 0, 0, &ticket, &position, &error);
  say (run, "user %u opens: %s", user, session ? session->id : error->message);
  if (!session)
    return;
  if (session->uid != who.uid || strcmp (session->user, who.user) != 0)
    world_broken (run->world, "user %u got the session of %s", user, session->user);
  if ((session->state == SK_SESSION_QUEUED) != (position > 0) || (position > 0 && ticket))
    world_broken (run->world, "session %s: state %d, position %u", session->id, session->state, position);
  run->opened++;
  keep_ticket (remember (run, session->id, user), ticket);
  if (position == 0 && world_chance (run->world, 700))
    {
      world_run (run->world, world_random (run->world, 1000));
      attach_to (run, remember (run, session->id, user));
    }
}

/* Mostly one that lives. */
static Known *
some_session (Run *run)
{
  SkIdentity admin = world_user (ADMIN);
  g_autoptr (GPtrArray) live = sk_manager_sessions (run->world->manager, &admin);
  if (live->len > 0 && world_chance (run->world, 850))
    {
      SkSession *row = live->pdata[world_random (run->world, live->len)];
      return remember (run, row->id, row->uid - world_user (0).uid);
    }
  return run->known->len > 0 ? run->known->pdata[world_random (run->world, run->known->len)] : NULL;
}

static void
attach_to (Run *run, Known *known)
{
  guint user = world_chance (run->world, 950) ? known->user : world_random (run->world, USERS);
  SkIdentity who = world_user (user);
  g_autoptr (GError) error = NULL;
  if (!known)
    return;
  if (world_chance (run->world, 300))
    keep_ticket (known,
                 user == known->user ? sk_manager_ticket (run->world->manager, &who, known->id, NULL) : NULL);
  gboolean attached
      = sk_manager_attach (run->world->manager, &who, known->id, known->token, (int) user, &error);
  say (run, "user %u attaches to %s: %s", user, known->id, attached ? "yes" : error->message);
  if (attached && user != known->user)
    world_broken (run->world, "user %u attached to the session of %u", user, known->user);
  run->attached += attached;
  /* A second time with the same token is never right. */
  if (attached && sk_manager_attach (run->world->manager, &who, known->id, known->token, (int) user, NULL))
    world_broken (run->world, "a token worked twice");
}

static void
do_attach (Run *run)
{
  Known *known = some_session (run);
  if (known)
    attach_to (run, known);
}

static void
do_end (Run *run)
{
  Known *known = some_session (run);
  guint user = world_random (run->world, USERS + 1);
  SkIdentity who = world_user (user);
  if (!known)
    return;
  say (run, "user %u ends %s", user, known->id);
  if (sk_manager_end_session (run->world->manager, &who, known->id, "", NULL) && user != known->user
      && user != ADMIN)
    world_broken (run->world, "user %u ended a session of user %u", user, known->user);
}

static void
do_open_url (Run *run)
{
  Known *known = some_session (run);
  guint user = world_random (run->world, USERS);
  SkIdentity who = world_user (user);
  g_autofree char *url = g_strdup_printf ("http://%u.example/", user);
  if (known && sk_manager_open_url (run->world->manager, &who, known->id, url, NULL) && user != known->user)
    world_broken (run->world, "user %u spoke into a session of user %u", user, known->user);
}

/* -- what administrators do -------------------------------------------------------------------------------
 */

static void
do_edit_pool (Run *run)
{
  World *world = run->world;
  const char *name = world_chance (world, 500) ? "a" : "b";
  guint maximum = 1 + world_random (world, 6), warm = world_random (world, maximum + 1);
  SkPool pool = world_pool (name, warm, world_random (world, maximum - warm + 1), maximum);
  g_autoptr (SkPool) old = sk_manager_pool (world->manager, name, NULL);
  if (world_chance (world, 200))
    pool.width = 1024 + 8 * world_random (world, 3);
  if (world_chance (world, 300))
    pool.home_url = (char *) "http://home.example/";
  pool.detached_minutes = 1 + world_random (world, 60);
  say (run, "pool %s: warm %u stored %u maximum %u", name, pool.warm, pool.stored, maximum);
  if (sk_manager_put_pool (world->manager, &pool, old == NULL, NULL))
    g_hash_table_insert (world->maximum, g_strdup (name), GUINT_TO_POINTER (maximum));
}

static void
do_delete_pool (Run *run)
{
  const char *name = world_chance (run->world, 500) ? "a" : "b";
  gboolean deleted = sk_manager_delete_pool (run->world->manager, name, world_chance (run->world, 500), NULL);
  say (run, "delete pool %s: %d", name, deleted);
}

static void
do_retire_vm (Run *run)
{
  g_autoptr (GPtrArray) vms = sk_manager_vms (run->world->manager);
  if (vms->len > 0)
    g_assert_true (sk_manager_retire_vm (
        run->world->manager, ((SkVm *) vms->pdata[world_random (run->world, vms->len)])->id, "", NULL));
}

/* -- what happens -----------------------------------------------------------------------------------------
 */

static void
check_sessions (Run *run)
{
  for (guint i = 0; i < run->known->len; i++)
    {
      Known *known = run->known->pdata[i];
      SkIdentity who = world_user (known->user);
      g_autoptr (SkSession) row = sk_manager_session (run->world->manager, &who, known->id, NULL);
      if (!row)
        world_broken (run->world, "session %s is lost", known->id);
      if (row->state == SK_SESSION_ENDED && !*row->reason)
        world_broken (run->world, "session %s ended without a reason", known->id);
    }
}

static void
do_restart (Run *run)
{
  say (run, "kill -9 of the core");
  world_kill_core (run->world);
  world_run (run->world, world_random (run->world, 3000));
  world_start_core (run->world);
  run->restarts++;
  check_sessions (run);
}

static void
do_crash (Run *run)
{
  World *world = run->world;
  guint what = world_random (world, 4);
  Domain *domain
      = world->domains->len ? world->domains->pdata[world_random (world, world->domains->len)] : NULL;
  Proc *proc = world->procs->len ? world->procs->pdata[world_random (world, world->procs->len)] : NULL;
  if (what == 0 && domain && domain->state != SK_DOMAIN_FILES && domain->state != SK_DOMAIN_SAVED)
    {
      say (run, "QEMU of %s dies", domain->id);
      world_crash_domain (world, domain);
    }
  else if (what == 1 && domain)
    {
      say (run, "agent of %s dies", domain->id);
      domain->agent_dead = TRUE;
      world_domain_changed (domain);
    }
  else if (what == 2 && proc)
    {
      say (run, "worker %s dies", proc->id);
      world_kill_proc (world, proc);
    }
  else if (what == 3 && proc && proc->kind == SK_WORKER_VIEW && proc->busy)
    {
      say (run, "the viewer of %s leaves", proc->id);
      world_close_viewer (world, proc);
    }
}

static void
set_store_writable (World *world, gboolean writable)
{
  sqlite3_exec (sk_store_handle (world->store),
                writable ? "PRAGMA query_only = OFF" : "PRAGMA query_only = ON", NULL, NULL, NULL);
}

/* kill -9 between any two writes: after so many commits the store takes nothing more, and then the core dies.
 */
static int
on_commit (gpointer data)
{
  guint *left = data;
  *left -= *left > 0;
  return 0;
}

static int
is_over (gpointer data)
{
  return *(guint *) data == 0;
}

static void
do_die_at_write (Run *run)
{
  sqlite3 *db = sk_store_handle (run->world->store);
  guint left = 1 + world_random (run->world, 12);
  say (run, "the core will die at its write %u", left);
  sqlite3_commit_hook (db, on_commit, &left);
  sqlite3_progress_handler (db, 1, is_over, &left);
  for (guint i = 0; i < 12 && left > 0; i++)
    {
      do_open (run, world_random (run->world, USERS));
      do_end (run);
      world_run (run->world, world_random (run->world, 20000));
    }
  world_kill_core (run->world);
  sqlite3_commit_hook (db, NULL, NULL);
  sqlite3_progress_handler (db, 0, NULL, NULL);
  if (!sqlite3_get_autocommit (db))
    sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  world_start_core (run->world);
  run->restarts++;
  check_sessions (run);
}

static void
do_one (Run *run)
{
  World *world = run->world;
  guint dice = world_random (world, 100);
  if (dice < 22)
    do_open (run, world_random (world, USERS));
  else if (dice < 42)
    do_attach (run);
  else if (dice < 50)
    do_end (run);
  else if (dice < 54)
    do_open_url (run);
  else if (dice < 66)
    do_crash (run);
  else if (dice < 72)
    do_edit_pool (run);
  else if (dice < 74)
    do_delete_pool (run);
  else if (dice < 77)
    do_retire_vm (run);
  else if (dice < 82)
    do_restart (run);
  else if (dice < 86)
    {
      say (run, "libvirtd %s", world->connected ? "dies" : "comes back");
      world_set_connected (world, !world->connected);
    }
  else if (dice < 88)
    {
      say (run, "the disk is full");
      set_store_writable (world, FALSE);
      world_run (world, world_random (world, 60000));
      do_open (run, world_random (world, USERS));
      set_store_writable (world, TRUE);
    }
  else if (dice < 90)
    do_die_at_write (run);
  else
    world_run (world, world_random (world, dice < 98 ? 200000 : HOUR_MS));
  world_run (world, world_random (world, world_chance (world, 300) ? 40000 : 2000));
}

/* -- the end ----------------------------------------------------------------------------------------------
 */

static gboolean
is_started (World *world, gpointer data)
{
  SkIdentity who = world_user (0);
  g_autoptr (SkSession) row = sk_manager_session (world->manager, &who, data, NULL);
  return row && row->state != SK_SESSION_QUEUED;
}

/* Everything works again: a click must lead to a session. */
static void
check_recovery (Run *run)
{
  World *world = run->world;
  SkIdentity who = world_user (0), admin = world_user (ADMIN);
  SkPool pool = world_pool ("a", 1, 1, 3);
  g_autoptr (SkPool) old = sk_manager_pool (world->manager, "a", NULL);
  g_autoptr (GPtrArray) sessions = sk_manager_sessions (world->manager, &admin);
  g_autoptr (SkSession) session = NULL;
  SkTicket *ticket = NULL;
  guint position;
  memset (&world->faults, 0, sizeof world->faults);
  world_set_connected (world, TRUE);
  for (guint i = 0; i < sessions->len; i++)
    if (!sk_manager_end_session (world->manager, &admin, ((SkSession *) sessions->pdata[i])->id, "", NULL))
      world_broken (world, "a session cannot be ended");
  if (!sk_manager_put_pool (world->manager, &pool, old == NULL, NULL))
    world_broken (world, "the pool cannot be put");
  g_hash_table_insert (world->maximum, g_strdup ("a"), GUINT_TO_POINTER (3));
  world_run (world, HOUR_MS);
  session = sk_manager_open_session (world->manager, &who, "a", "", 0, 0, &ticket, &position, NULL);
  if (!session)
    world_broken (world, "no session after all faults ended");
  keep_ticket (remember (run, session->id, 0), ticket);
  if (!world_run_until (world, HOUR_MS, is_started, session->id))
    world_broken (world, "the queue does not move after all faults ended");
}

static gboolean
is_drained (World *world, gpointer data)
{
  return sk_manager_is_drained (world->manager);
}

static void
check_nothing_left (Run *run)
{
  World *world = run->world;
  g_autoptr (GPtrArray) vms = NULL, sessions = NULL;
  sk_manager_drain (world->manager, TRUE);
  if (!world_run_until (world, 24 * HOUR_MS, is_drained, NULL))
    world_broken (world, "it does not drain");
  world_run (world, HOUR_MS); /* sweeps */
  vms = sk_store_vms (world->store, FALSE, NULL);
  sessions = sk_store_sessions (world->store, FALSE, NULL);
  if (world->domains->len > 0 || world->procs->len > 0 || world->links->len > 0)
    world_broken (world, "left: %u domains, %u processes, %u agent links", world->domains->len,
                  world->procs->len, world->links->len);
  if (vms->len > 0 || sessions->len > 0)
    world_broken (world, "left in the store: %u VMs, %u sessions", vms->len, sessions->len);
  check_sessions (run);
}

static void
run_sequence (guint seed, guint totals[8])
{
  Run run = { .world = world_new (seed), .known = g_ptr_array_new_with_free_func (free_known) };
  World *world = run.world;
  g_autoptr (SkImage) image = world_add_image (world, "debian");
  guint level
      = world_random (world, 4) * world_random (world, 40); /* a quarter of the lives know no faults */
  guint events = 10 + world_random (world, 50);
  world->faults = (WorldFaults){ level, level / 2, level, level, level * 2, level, level, level };
  world_start_core (world);
  do_edit_pool (&run);
  do_edit_pool (&run);
  world_run (world, world_random (world, 400000));
  for (guint i = 0; i < events; i++)
    do_one (&run);
  check_recovery (&run);
  check_nothing_left (&run);
  totals[0] += run.opened;
  totals[1] += run.attached;
  totals[2] += run.restarts;
  totals[3] += world->creates;
  totals[4] += world->claims;
  totals[5] += world->restores;
  totals[6] += world->orphans;
  totals[7] += events;
  world_free (world);
  g_ptr_array_unref (run.known);
}

static guint
open_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;
  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_sequences (void)
{
  const char *one = g_getenv ("SK_SEED"), *number = g_getenv ("SK_SEQUENCES");
  guint count = number ? (guint) atoi (number) : SEQUENCES, totals[8] = { 0 }, before;
  verbose = one != NULL;
  sk_log_set_threshold (one ? G_LOG_LEVEL_DEBUG : G_LOG_LEVEL_ERROR);
  if (one)
    {
      run_sequence ((guint) atoi (one), totals);
      return;
    }
  run_sequence (1, totals);
  before = open_fds ();
  for (guint seed = 2; seed <= count; seed++)
    run_sequence (seed, totals);
  g_assert_cmpuint (open_fds (), ==, before);
  g_test_message (
      "%u events: %u opens, %u viewers, %u restarts, %u VMs made, %u attaches, %u restores, %u orphans",
      totals[7], totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], totals[6]);
  /* A test that does nothing proves nothing. */
  g_assert_cmpuint (totals[4], >, count);
  g_assert_cmpuint (totals[1], >, count);
  g_assert_cmpuint (totals[2], >, count);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manager/property", test_sequences);
  return g_test_run ();
}
