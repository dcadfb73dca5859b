/* A small world for the core to live in: time, a hypervisor with its guests, and worker processes, all of
 * which fail as often as a test likes. Nothing in it waits: world_run() jumps from timer to timer.
 *
 * The world outlives the core, as in real life: world_kill_core() is kill -9, and what ran goes on running.
 * It keeps its own books of who saw which VM, independent of the core's, and ends the test when rule 5 is
 * broken. */
#pragma once
#include "core/manager-private.h"

typedef struct _World World;
typedef struct _Domain Domain;
typedef struct _Proc Proc;

/* Faults, each in thousandths. */
typedef struct
{
  guint op_fails, op_hangs;     /* of the hypervisor; half of them after having done it */
  guint boot_never, boot_crash; /* a guest that never gets ready, or powers off on the way */
  guint agent_fails;            /* answers "no" or never */
  guint spawn_fails, worker_dies, link_fails;
} WorldFaults;

struct _Domain
{
  World *world;
  char *id, *pool;
  SkDomainState state;
  char *owner, *session;
  guint users; /* bit for each user who ever saw it or spoke to it */
  guint restores;
  gboolean agent_dead;
  guint scale, scales; /* what its agent was told last, and how often it was told */
  gint64 agent_at, ready_at, browser_at;
};

struct _Proc
{
  World *world;
  SkWorkerKind kind;
  char *id, *session;
  guint number;
  gboolean alive, busy, used;
  int user;    /* view: whose; -1 */
  guint flags; /* view: SkViewFlags of its job */
  guint64 frames;
  gpointer handle; /* the core's, weak */
};

struct _World
{
  SkClock clock; /* the first: a SkClock * is a World * */
  GRand *rand;
  gint64 now;
  GArray *timers;
  guint last_timer;
  guint64 last_order;
  guint64 steps;
  WorldFaults faults;
  gboolean connected;
  GPtrArray *domains;  /* Domain */
  GPtrArray *procs;    /* Proc, alive */
  GPtrArray *links;    /* agent links, weak */
  gpointer hypervisor; /* of the present core, weak */
  SkStore *store;
  SkManager *manager;
  GHashTable *maximum; /* pool -> the largest maximum that VMs made now may rely on */
  guint seed;
  guint creates, restores, claims,
      orphans; /* what happened, so that a test can see that it tested something */
};

World *world_new (guint seed);
void world_free (World *world);
/* Ends the test with the seed that shows it again. */
void world_broken (World *world, const char *format, ...) G_GNUC_PRINTF (2, 3) G_GNUC_NORETURN;

/* Starts a core on what is there. */
void world_start_core (World *world);
void world_kill_core (World *world);
/* Lets ms pass. */
void world_run (World *world, gint64 ms);
/* Until the condition holds; FALSE when it did not in ms. */
gboolean world_run_until (World *world, gint64 ms, gboolean (*condition) (World *, gpointer), gpointer data);

gboolean world_chance (World *world, guint permille);
guint world_random (World *world, guint below);
guint world_after (World *world, guint ms, SkTimerFunc func, gpointer data);
void world_cancel (World *world, guint id);

Domain *world_domain (World *world, const char *id);
Proc *world_proc (World *world, SkWorkerKind kind, const char *id);
void world_see (World *world, Domain *domain, int user);
/* QEMU dies. */
void world_crash_domain (World *world, Domain *domain);
/* kill -9 */
void world_kill_proc (World *world, Proc *proc);
/* The viewer of this view leaves. */
void world_close_viewer (World *world, Proc *proc);
void world_set_connected (World *world, gboolean connected);
void world_domain_changed (Domain *domain);

/* The parts of a core. */
SkHypervisor *world_new_hypervisor (World *world);
SkStaff *world_new_staff (World *world);
SkAgentLink *world_new_agent (const char *vm_id, gpointer world);

/* Test data */
SkImage *world_add_image (World *world, const char *name);
SkPool world_pool (const char *name, guint warm, guint stored, guint maximum);
SkIdentity world_user (guint number);
