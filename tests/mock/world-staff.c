/* The world's worker processes, and the core's handles on them. */
#include "common/error.h"
#include "world.h"
#include <string.h>

#define TYPE_FAKE_WORKER (fake_worker_get_type ())
G_DECLARE_FINAL_TYPE (FakeWorker, fake_worker, FAKE, WORKER, SkWorker)
struct _FakeWorker
{
  SkWorker parent;
  World *world;
  Proc *proc; /* NULL: gone */
};
G_DEFINE_FINAL_TYPE (FakeWorker, fake_worker, SK_TYPE_WORKER)

#define TYPE_FAKE_STAFF (fake_staff_get_type ())
G_DECLARE_FINAL_TYPE (FakeStaff, fake_staff, FAKE, STAFF, SkStaff)
struct _FakeStaff
{
  SkStaff parent;
  World *world;
};
G_DEFINE_FINAL_TYPE (FakeStaff, fake_staff, SK_TYPE_STAFF)

typedef struct
{
  World *world;
  FakeWorker *worker; /* weak: NULL once the core has let go of it */
  guint what, detail;
} Event;

enum
{
  READY = 1000,
  DIED,
};

Proc *
world_proc (World *world, SkWorkerKind kind, const char *id)
{
  for (guint i = 0; i < world->procs->len; i++)
    {
      Proc *proc = world->procs->pdata[i];
      if (proc->kind == kind && strcmp (proc->id, id) == 0)
        return proc;
    }
  return NULL;
}

static void
on_event (gpointer data)
{
  g_autofree Event *event = data;
  if (!event->worker)
    return;
  g_object_remove_weak_pointer (G_OBJECT (event->worker), (gpointer *) &event->worker);
  g_autoptr (FakeWorker) worker = g_object_ref (event->worker);
  Proc *proc = worker->proc;
  if (sk_worker_is_dead (SK_WORKER (worker)))
    return;
  if (event->what == DIED)
    sk_worker_emit_died (SK_WORKER (worker), "killed");
  else if (!proc)
    return; /* it said this before it died; nobody hears it */
  else if (event->what == READY)
    sk_worker_emit_ready (SK_WORKER (worker), proc->busy, proc->kind == SK_WORKER_VIEW ? proc->id : "");
  else
    {
      proc->frames++;
      sk_worker_emit_state (SK_WORKER (worker), event->what, event->detail, "");
    }
}

static void
tell (FakeWorker *worker, guint ms, guint what)
{
  Event *event = g_new0 (Event, 1);
  *event = (Event){ worker->world, worker, what, 0 };
  g_object_add_weak_pointer (G_OBJECT (worker), (gpointer *) &event->worker);
  world_after (worker->world, ms, on_event, event);
}

void
world_kill_proc (World *world, Proc *proc)
{
  FakeWorker *handle = proc->handle;
  g_ptr_array_remove (world->procs, proc);
  if (handle)
    {
      handle->proc = NULL;
      tell (handle, world_random (world, 50), DIED);
    }
  g_free (proc->id);
  g_free (proc->session);
  g_free (proc);
}

void
world_close_viewer (World *world, Proc *proc)
{
  if (proc->handle)
    tell (proc->handle, 0, SK_VIEW_CLOSED);
}

static FakeWorker *
new_handle (World *world, Proc *proc)
{
  FakeWorker *worker = g_object_new (TYPE_FAKE_WORKER, NULL);
  worker->world = world;
  worker->proc = proc;
  proc->handle = worker;
  sk_worker_set_identity (SK_WORKER (worker), proc->kind, proc->id);
  return worker;
}

/* -- a worker ---------------------------------------------------------------------------------------------
 */

static gboolean
start_screen (SkWorker *self, const SkScreenJob *job, GError **error)
{
  FakeWorker *worker = FAKE_WORKER (self);
  World *world = worker->world;
  Domain *domain = world_domain (world, sk_worker_id (self));
  guint delay = world_random (world, 1000);
  if (!worker->proc || world_chance (world, world->faults.link_fails))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the screen is gone");
      return FALSE;
    }
  if (worker->proc->busy)
    world_broken (world, "screen %s got a second job", worker->proc->id);
  worker->proc->busy = TRUE;
  if (!domain || domain->state != SK_DOMAIN_RUNNING)
    tell (worker, delay, SK_SCREEN_LOST);
  else
    {
      tell (worker, delay, SK_SCREEN_CONNECTED);
      tell (worker, delay + world_random (world, 2000), SK_SCREEN_PICTURE);
    }
  if (world_chance (world, world->faults.worker_dies))
    tell (worker, delay + world_random (world, 3000), SK_SCREEN_LOST);
  return TRUE;
}

static guint64
frames (SkWorker *self)
{
  FakeWorker *worker = FAKE_WORKER (self);
  return worker->proc ? worker->proc->frames + world_random (worker->world, 3) / 2 : 0;
}

static void
remove_view (SkWorker *self, guint number)
{
}

static void
kill_worker (SkWorker *self)
{
  FakeWorker *worker = FAKE_WORKER (self);
  if (worker->proc)
    world_kill_proc (worker->world, worker->proc);
}

static int
pid (SkWorker *self)
{
  return 0;
}

static void
fake_worker_dispose (GObject *object)
{
  FakeWorker *worker = FAKE_WORKER (object);
  if (worker->proc)
    worker->proc->handle = NULL;
  worker->proc = NULL;
  G_OBJECT_CLASS (fake_worker_parent_class)->dispose (object);
}

static void
fake_worker_class_init (FakeWorkerClass *klass)
{
  SkWorkerClass *base = SK_WORKER_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = fake_worker_dispose;
  base->start_screen = start_screen;
  base->frames = frames;
  base->remove_view = remove_view;
  base->end = kill_worker;
  base->kill = kill_worker;
  base->pid = pid;
}

static void
fake_worker_init (FakeWorker *self)
{
}

/* -- the staff --------------------------------------------------------------------------------------------
 */

static SkWorker *
spawn (SkStaff *self, SkWorkerKind kind, const char *id, GError **error)
{
  World *world = FAKE_STAFF (self)->world;
  Proc *proc;
  FakeWorker *worker;
  if (world_chance (world, world->faults.spawn_fails))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "made to fail");
      return NULL;
    }
  proc = world_proc (world, kind, id);
  if (proc) /* as with real ones: the same socket */
    world_kill_proc (world, proc);
  proc = g_new0 (Proc, 1);
  *proc = (Proc){ .world = world, .kind = kind, .id = g_strdup (id), .alive = TRUE, .user = -1 };
  g_ptr_array_add (world->procs, proc);
  worker = new_handle (world, proc);
  if (world_chance (world, world->faults.worker_dies))
    world_kill_proc (world, proc);
  else
    tell (worker, 20 + world_random (world, 300), READY);
  return SK_WORKER (worker);
}

static GPtrArray *
adopt (SkStaff *self)
{
  World *world = FAKE_STAFF (self)->world;
  GPtrArray *found = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = world->procs->len; i-- > 0;)
    {
      Proc *proc = world->procs->pdata[i];
      FakeWorker *worker = new_handle (world, proc);
      if (proc->kind == SK_WORKER_VIEW && proc->busy)
        sk_worker_set_job (SK_WORKER (worker), proc->session, proc->number);
      g_ptr_array_add (found, worker);
      if (world_chance (world, world->faults.worker_dies))
        world_kill_proc (world, proc);
      else if (!world_chance (world, world->faults.worker_dies)) /* or it never says hello */
        tell (worker, world_random (world, 100), READY);
    }
  return found;
}

static gboolean
link_view (SkStaff *self, SkWorker *screen, SkWorker *view, guint number, const SkViewJob *job, int viewer_fd,
           GError **error)
{
  World *world = FAKE_STAFF (self)->world;
  Proc *s = FAKE_WORKER (screen)->proc;
  Proc *v = FAKE_WORKER (view)->proc;
  Domain *domain = world_domain (world, sk_worker_id (screen));
  guint delay = 20 + world_random (world, 300);
  if (!s || !v || world_chance (world, world->faults.link_fails))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "a worker is gone");
      return FALSE;
    }
  if (v->used)
    world_broken (world, "view %s got a second viewer", v->id);
  v->used = v->busy = TRUE;
  v->user = viewer_fd; /* tests number their viewers */
  v->number = number;
  v->flags = job->flags;
  v->session = g_strdup (job->session);
  if (domain)
    world_see (world, domain, v->user);
  tell (FAKE_WORKER (view), delay / 2, SK_VIEW_HANDSHAKE);
  if (world_chance (world, world->faults.worker_dies))
    tell (FAKE_WORKER (view), delay, SK_VIEW_CLOSED);
  else
    {
      tell (FAKE_WORKER (view), delay, SK_VIEW_ACTIVE);
      tell (FAKE_WORKER (view), delay + 10, SK_VIEW_PICTURE);
    }
  return TRUE;
}

static void
fake_staff_class_init (FakeStaffClass *klass)
{
  SkStaffClass *base = SK_STAFF_CLASS (klass);
  base->spawn = spawn;
  base->adopt = adopt;
  base->link = link_view;
}

static void
fake_staff_init (FakeStaff *self)
{
}

SkStaff *
world_new_staff (World *world)
{
  FakeStaff *self = g_object_new (TYPE_FAKE_STAFF, NULL);
  self->world = world;
  return SK_STAFF (self);
}
