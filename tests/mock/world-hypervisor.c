/* The world's hypervisor: calls that take their time, fail before or after having done it, or never come
 * back. */
#include "common/error.h"
#include "world.h"
#include <string.h>

#define TYPE_FAKE_HYPERVISOR (fake_hypervisor_get_type ())
G_DECLARE_FINAL_TYPE (FakeHypervisor, fake_hypervisor, FAKE, HYPERVISOR, SkHypervisor)
struct _FakeHypervisor
{
  SkHypervisor parent;
  World *world;
  GPtrArray *calls; /* Call that wait */
  guint connect_timer;
};
G_DEFINE_FINAL_TYPE (FakeHypervisor, fake_hypervisor, SK_TYPE_HYPERVISOR)

typedef enum
{
  CREATE,
  SUSPEND,
  RESUME,
  ATTACH,
  SAVE,
  RESTORE,
  DESTROY,
  LIST,
} Kind;

typedef struct
{
  World *world;
  FakeHypervisor *hypervisor; /* NULL: its core is gone */
  Kind kind;
  char *id, *pool, *owner, *session;
  SkHypervisorDone done;
  SkHypervisorList list;
  SkHypervisorText text;
  gpointer data;
  GPtrArray *domains;
  gboolean fails, does, hangs, fired;
} Call;

static void
free_call (Call *call)
{
  g_free (call->id);
  g_free (call->pool);
  g_free (call->owner);
  g_free (call->session);
  g_clear_pointer (&call->domains, g_ptr_array_unref);
  g_free (call);
}

static void
answer (Call *call, GError *take_error)
{
  g_autoptr (GError) error = take_error;
  if (call->text)
    call->text (error ? NULL : "<domain><devices/></domain>", error, call->data);
  else if (call->list)
    call->list (error ? NULL : call->domains, error, call->data);
  else
    call->done (error, call->data);
}

/* -- what the calls do ------------------------------------------------------------------------------------
 */

static void
set_boot_times (World *world, Domain *domain, gboolean restored)
{
  gint64 base = world->now + 1000000;
  gint64 never = G_MAXINT64 / 4;
  domain->agent_at = base + (gint64) world_random (world, restored ? 2000 : 20000) * 1000;
  domain->ready_at = domain->agent_at + (gint64) world_random (world, restored ? 1000 : 20000) * 1000;
  domain->browser_at = domain->ready_at + (gint64) world_random (world, restored ? 1000 : 60000) * 1000;
  if (world_chance (world, world->faults.boot_never))
    domain->ready_at = domain->browser_at = never;
  else if (world_chance (world, world->faults.boot_never))
    domain->browser_at = never;
}

static void
on_boot_crash (gpointer data)
{
  g_autofree char *id = ((gpointer *) data)[1];
  World *world = ((gpointer *) data)[0];
  Domain *domain = world_domain (world, id);
  if (domain && domain->state == SK_DOMAIN_RUNNING)
    world_crash_domain (world, domain);
  g_free (data);
}

static void
plan_crash (World *world, Domain *domain)
{
  gpointer *pair;
  if (!world_chance (world, world->faults.boot_crash))
    return;
  pair = g_new (gpointer, 2);
  pair[0] = world;
  pair[1] = g_strdup (domain->id);
  world_after (world, world_random (world, 100000), on_boot_crash, pair);
}

static void
do_create (World *world, Call *call)
{
  Domain *domain = world_domain (world, call->id);
  SkLiveVm *vm = world->manager ? sk_core_vm (sk_manager_core (world->manager), call->id) : NULL;
  if (domain)
    return;
  domain = g_new0 (Domain, 1);
  *domain = (Domain){ .world = world,
                      .id = g_strdup (call->id),
                      .pool = g_strdup (call->pool),
                      .state = SK_DOMAIN_RUNNING,
                      .owner = g_strdup (""),
                      .session = g_strdup ("") };
  set_boot_times (world, domain, FALSE);
  g_ptr_array_add (world->domains, domain);
  world->creates++;
  world->orphans += vm == NULL;
  plan_crash (world, domain);
}

static GError *
do_attach (World *world, Domain *domain, Call *call)
{
  if (*domain->owner && strcmp (domain->owner, call->owner) != 0)
    world_broken (world, "VM %s of %s was stamped for %s", domain->id, domain->owner, call->owner);
  for (guint i = 0; i < 6; i++)
    if (strcmp (world_user (i).user, call->owner) == 0)
      world_see (world, domain, (int) i);
  g_free (domain->owner);
  g_free (domain->session);
  domain->owner = g_strdup (call->owner);
  domain->session = g_strdup (call->session);
  domain->state = SK_DOMAIN_RUNNING;
  world->claims++;
  return NULL;
}

static GError *
do_restore (World *world, Domain *domain)
{
  if (domain->state == SK_DOMAIN_RUNNING)
    return NULL;
  if (domain->state != SK_DOMAIN_SAVED)
    return g_error_new_literal (SK_ERROR, SK_ERROR_NOT_FOUND, "no save file");
  if (domain->restores++ > 0)
    world_broken (world, "VM %s was restored twice", domain->id);
  domain->state = SK_DOMAIN_RUNNING;
  world->restores++;
  set_boot_times (world, domain, TRUE);
  plan_crash (world, domain);
  return NULL;
}

static void
do_destroy (World *world, Domain *domain)
{
  g_ptr_array_remove (world->domains, domain);
  domain->state = SK_DOMAIN_FILES;
  world_domain_changed (domain);
  g_free (domain->id);
  g_free (domain->pool);
  g_free (domain->owner);
  g_free (domain->session);
  g_free (domain);
}

static GError *
do_on_domain (World *world, Domain *domain, Call *call)
{
  gboolean runs = domain && (domain->state == SK_DOMAIN_RUNNING || domain->state == SK_DOMAIN_PAUSED);
  if (call->kind == DESTROY)
    {
      if (domain)
        do_destroy (world, domain);
      return NULL;
    }
  if (!domain || (call->kind != RESTORE && !runs))
    return g_error_new_literal (SK_ERROR, SK_ERROR_NOT_FOUND, "no such domain");
  if (call->kind == ATTACH)
    do_attach (world, domain, call);
  else if (call->kind == RESTORE)
    return do_restore (world, domain);
  else if (call->kind == RESUME)
    domain->state = SK_DOMAIN_RUNNING;
  else if (call->kind == SUSPEND)
    domain->state = SK_DOMAIN_PAUSED;
  else if (call->kind == SAVE)
    domain->state = SK_DOMAIN_SAVED;
  world_domain_changed (domain);
  return NULL;
}

static GError *
perform (World *world, Call *call)
{
  if (call->kind == CREATE)
    {
      do_create (world, call);
      return NULL;
    }
  if (call->kind == LIST)
    return NULL;
  return do_on_domain (world, world_domain (world, call->id), call);
}

static void
on_call (gpointer data)
{
  Call *call = data;
  World *world = call->world;
  GError *error = NULL;
  if (!world->connected)
    error = g_error_new_literal (SK_ERROR, SK_ERROR_PEER_LOST, "no connection");
  else if (call->does)
    error = perform (world, call);
  call->fired = TRUE;
  if (call->hangs)
    {
      if (!call->hypervisor)
        free_call (call); /* else it waits in the hypervisor's list for ever */
      g_clear_error (&error);
      return;
    }
  if (!error && call->fails)
    error = g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE, "made to fail");
  if (call->hypervisor)
    {
      g_autoptr (FakeHypervisor) keep = g_object_ref (call->hypervisor);
      g_ptr_array_remove (keep->calls, call);
      answer (call, error);
    }
  else
    g_clear_error (&error);
  free_call (call);
}

/* Not orphans: what the core knows of and could have counted. */
static void
check_maximum (World *world, Call *call)
{
  SkCore *core = sk_manager_core (world->manager);
  guint maximum = GPOINTER_TO_UINT (g_hash_table_lookup (world->maximum, call->pool));
  guint rows = 0, domains = 0;
  for (guint i = 0; i < core->vms->len; i++)
    rows += strcmp (((SkLiveVm *) core->vms->pdata[i])->row->pool, call->pool) == 0;
  for (guint i = 0; i < world->domains->len; i++)
    {
      Domain *domain = world->domains->pdata[i];
      domains += strcmp (domain->pool, call->pool) == 0 && sk_core_vm (core, domain->id) != NULL;
    }
  if (rows > maximum || domains + 1 > maximum)
    world_broken (world, "pool %s has %u VMs and %u domains, its maximum is %u", call->pool, rows, domains,
                  maximum);
}

static Call *
new_call (SkHypervisor *hypervisor, Kind kind, const char *id, SkHypervisorDone done, gpointer data)
{
  FakeHypervisor *self = FAKE_HYPERVISOR (hypervisor);
  World *world = self->world;
  Call *call = g_new0 (Call, 1);
  *call = (Call){
    .world = world, .hypervisor = self, .kind = kind, .id = g_strdup (id), .done = done, .data = data
  };
  call->hangs = world_chance (world, world->faults.op_hangs);
  call->fails = world_chance (world, world->faults.op_fails);
  call->does = (!call->hangs && !call->fails) || world_chance (world, 500);
  g_ptr_array_add (self->calls, call);
  world_after (world, world_random (world, kind == CREATE || kind == SAVE || kind == RESTORE ? 4000 : 300),
               on_call, call);
  return call;
}

static void
create (SkHypervisor *self, const SkVmSpec *spec, SkHypervisorDone done, gpointer data)
{
  Call *call = new_call (self, CREATE, spec->id, done, data);
  call->pool = g_strdup (spec->pool);
  check_maximum (call->world, call);
}

static void
suspend (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  new_call (self, SUSPEND, id, done, data);
}

static void
resume (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  new_call (self, RESUME, id, done, data);
}

static void
attach (SkHypervisor *self, const char *id, const char *pool, const char *owner, const char *session,
        SkHypervisorDone done, gpointer data)
{
  Call *call = new_call (self, ATTACH, id, done, data);
  call->owner = g_strdup (owner);
  call->session = g_strdup (session);
}

static void
save (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  new_call (self, SAVE, id, done, data);
}

static void
restore (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  new_call (self, RESTORE, id, done, data);
}

static void
destroy (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  new_call (self, DESTROY, id, done, data);
}

/* The list is of now, its answer comes later: the core has to cope with old news. */
static void
list (SkHypervisor *self, SkHypervisorList done, gpointer data)
{
  Call *call = new_call (self, LIST, "", NULL, data);
  World *world = call->world;
  call->list = done;
  call->hangs = FALSE;
  call->domains = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_domain_free);
  for (guint i = 0; i < world->domains->len; i++)
    {
      Domain *d = world->domains->pdata[i];
      gboolean runs = d->state == SK_DOMAIN_RUNNING || d->state == SK_DOMAIN_PAUSED;
      g_ptr_array_add (call->domains,
                       sk_domain_new (d->id, d->state, runs ? d->owner : "", runs ? d->session : ""));
    }
}

/* What the domains of real VMs look like to doctor. */
static void
describe (SkHypervisor *self, const char *id, SkHypervisorText done, gpointer data)
{
  Call *call = new_call (self, LIST, id ? id : "", NULL, data);
  call->text = done;
  call->hangs = FALSE;
}

static void
on_connect (gpointer data)
{
  FakeHypervisor *self = data;
  self->connect_timer = 0;
  if (self->world->connected)
    sk_hypervisor_emit_connection (SK_HYPERVISOR (self), TRUE);
}

static void
start (SkHypervisor *hypervisor)
{
  FakeHypervisor *self = FAKE_HYPERVISOR (hypervisor);
  self->connect_timer = world_after (self->world, world_random (self->world, 500), on_connect, self);
}

void
world_set_connected (World *world, gboolean connected)
{
  FakeHypervisor *self = world->hypervisor;
  if (world->connected == connected)
    return;
  world->connected = connected;
  if (!self)
    return;
  if (!connected)
    sk_hypervisor_emit_connection (SK_HYPERVISOR (self), FALSE);
  else if (!self->connect_timer)
    start (SK_HYPERVISOR (self));
}

static void
on_stopped (gpointer data)
{
  World *world = ((gpointer *) data)[0];
  g_autofree char *id = ((gpointer *) data)[1];
  if (world->hypervisor && world->connected)
    sk_hypervisor_emit_stopped (world->hypervisor, id, "crashed");
  g_free (data);
}

void
world_crash_domain (World *world, Domain *domain)
{
  gpointer *pair = g_new (gpointer, 2);
  domain->state = SK_DOMAIN_FILES;
  pair[0] = world;
  pair[1] = g_strdup (domain->id);
  world_after (world, world_random (world, 200), on_stopped, pair);
  world_domain_changed (domain);
}

static void
fake_hypervisor_dispose (GObject *object)
{
  FakeHypervisor *self = FAKE_HYPERVISOR (object);
  if (self->world->hypervisor == self)
    self->world->hypervisor = NULL;
  if (self->connect_timer)
    world_cancel (self->world, self->connect_timer);
  self->connect_timer = 0;
  while (self->calls->len > 0)
    {
      Call *call = self->calls->pdata[0];
      g_ptr_array_remove_index (self->calls, 0);
      call->hypervisor = NULL;
      answer (call, g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, "the core is gone"));
      if (call->fired)
        free_call (call); /* else its timer does it: what was asked for still happens */
    }
  G_OBJECT_CLASS (fake_hypervisor_parent_class)->dispose (object);
}

static void
fake_hypervisor_finalize (GObject *object)
{
  g_ptr_array_unref (FAKE_HYPERVISOR (object)->calls);
  G_OBJECT_CLASS (fake_hypervisor_parent_class)->finalize (object);
}

static void
fake_hypervisor_class_init (FakeHypervisorClass *klass)
{
  SkHypervisorClass *base = SK_HYPERVISOR_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = fake_hypervisor_dispose;
  G_OBJECT_CLASS (klass)->finalize = fake_hypervisor_finalize;
  base->start = start;
  base->create = create;
  base->suspend = suspend;
  base->resume = resume;
  base->attach = attach;
  base->save = save;
  base->restore = restore;
  base->destroy = destroy;
  base->list = list;
  base->describe = describe;
}

static void
fake_hypervisor_init (FakeHypervisor *self)
{
  self->calls = g_ptr_array_new ();
}

SkHypervisor *
world_new_hypervisor (World *world)
{
  FakeHypervisor *self = g_object_new (TYPE_FAKE_HYPERVISOR, NULL);
  self->world = world;
  world->hypervisor = self;
  return SK_HYPERVISOR (self);
}
