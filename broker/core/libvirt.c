#include "core/libvirt.h"
#include "common/error.h"
#include "common/log.h"
#include <libvirt/virterror.h>
#include <string.h>

/* What a user waits for (resume) never stands behind what writes hundreds of megabytes. */
#define FAST_THREADS 4
#define SLOW_THREADS 4
/* libvirtd that does not answer for this long counts as gone. */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_MISSES 4
#define RECONNECT_MS 500
#define RECONNECT_MAX_MS 5000
/* An operation waits so long for a connection: a restart of libvirtd takes a second or two. */
#define WAIT_SECONDS 30
#define TRIES 3

struct _SkLibvirt
{
  SkHypervisor parent;
  SkBackend *backend;
  GThreadPool *fast, *slow;
  GPtrArray *jobs; /* those whose answer is still to come; borrowed */
  gboolean started;
};
G_DEFINE_FINAL_TYPE (SkLibvirt, sk_libvirt, SK_TYPE_HYPERVISOR)

static void connect_later (SkBackend *backend);

/* The one object of this process that events are for; main thread only. */
static SkLibvirt *the_libvirt;

/* -- what the threads share -------------------------------------------------------------------------------
 */

static SkBackend *
backend_ref (SkBackend *backend)
{
  g_atomic_ref_count_inc (&backend->refs);
  return backend;
}

static void
backend_unref (gpointer data)
{
  SkBackend *backend = data;
  if (!g_atomic_ref_count_dec (&backend->refs))
    return;
  g_free (backend->uri);
  g_free ((char *) backend->folders.state_dir);
  g_free ((char *) backend->folders.runtime_dir);
  g_mutex_clear (&backend->lock);
  g_cond_clear (&backend->changed);
  g_free (backend);
}

/* A connection of one's own reference, waited for; NULL when there is none in time. */
static virConnectPtr
borrow_connection (SkBackend *backend)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  virConnectPtr connection;
  g_mutex_lock (&backend->lock);
  while (!backend->connection && !backend->stopping
         && g_cond_wait_until (&backend->changed, &backend->lock, deadline))
    ;
  connection = backend->stopping ? NULL : backend->connection;
  if (connection)
    virConnectRef (connection);
  g_mutex_unlock (&backend->lock);
  return connection;
}

/* -- connecting -------------------------------------------------------------------------------------------
 */

typedef struct
{
  char *id, *why;
  gboolean up;
} Event;

static void
free_event (gpointer data)
{
  Event *event = data;
  g_free (event->id);
  g_free (event->why);
  g_free (event);
}

static gboolean
on_event (gpointer data)
{
  Event *event = data;
  if (!the_libvirt)
    return G_SOURCE_REMOVE;
  g_autoptr (SkLibvirt) keep = g_object_ref (the_libvirt);
  if (event->id)
    sk_hypervisor_emit_stopped (SK_HYPERVISOR (keep), event->id, event->why);
  else
    sk_hypervisor_emit_connection (SK_HYPERVISOR (keep), event->up);
  return G_SOURCE_REMOVE;
}

/* From any thread; the main context's thread hears it in this order. */
static void
post_event (const char *id, const char *why, gboolean up)
{
  Event *event = g_new (Event, 1);
  *event = (Event){ g_strdup (id), g_strdup (why), up };
  g_idle_add_full (G_PRIORITY_DEFAULT, on_event, event, free_event);
}

static const char *
describe_stop (int event, int detail)
{
  if (event == VIR_DOMAIN_EVENT_SUSPENDED)
    return detail == VIR_DOMAIN_EVENT_SUSPENDED_IOERROR ? "the host's disk is full or broken" : NULL;
  if (event == VIR_DOMAIN_EVENT_CRASHED)
    return "crashed";
  if (event != VIR_DOMAIN_EVENT_STOPPED || detail == VIR_DOMAIN_EVENT_STOPPED_SAVED)
    return NULL;
  return detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED    ? "crashed"
         : detail == VIR_DOMAIN_EVENT_STOPPED_FAILED   ? "QEMU failed"
         : detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN ? "powered off"
                                                       : "destroyed";
}

/* Main loop. For all domains of the host: the core knows which are its own. */
static int
on_lifecycle (virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
  char id[VIR_UUID_STRING_BUFLEN];
  const char *why = describe_stop (event, detail);
  if (why && virDomainGetUUIDString (domain, id) == 0)
    post_event (id, why, FALSE);
  return 0;
}

/* Main loop. */
static void
on_closed (virConnectPtr connection, int reason, void *data)
{
  SkBackend *backend = data;
  gboolean mine;
  g_mutex_lock (&backend->lock);
  mine = backend->connection == connection;
  if (mine)
    backend->connection = NULL;
  g_mutex_unlock (&backend->lock);
  if (!mine)
    return;
  post_event (NULL, NULL, FALSE);
  connect_later (backend);
  /* Not here: closing it from its own call-back is more than it takes. The one reference stays; a restart of
   * libvirtd costs a few kilobytes. */
}

static virConnectPtr
try_to_connect (SkBackend *backend)
{
  virConnectPtr connection = virConnectOpen (backend->uri);
  if (!connection)
    return NULL;
  if (virConnectSetKeepAlive (connection, KEEPALIVE_SECONDS, KEEPALIVE_MISSES) == 0
      && virConnectDomainEventRegisterAny (connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                           VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle), NULL, NULL)
             >= 0
      && virConnectRegisterCloseCallback (connection, on_closed, backend_ref (backend), backend_unref) == 0)
    return connection;
  virConnectClose (connection);
  return NULL;
}

/* FALSE: it is being stopped. */
static gboolean
wait_ms (SkBackend *backend, guint ms)
{
  gint64 until = g_get_monotonic_time () + (gint64) ms * 1000;
  gboolean stopping;
  g_mutex_lock (&backend->lock);
  while (!backend->stopping && g_get_monotonic_time () < until)
    g_cond_wait_until (&backend->changed, &backend->lock, until);
  stopping = backend->stopping;
  g_mutex_unlock (&backend->lock);
  return !stopping;
}

static gpointer
connect_thread (gpointer data)
{
  SkBackend *backend = data;
  virConnectPtr connection = NULL;
  for (guint wait = RECONNECT_MS; !connection && (connection = try_to_connect (backend)) == NULL;
       wait = MIN (wait * 2, RECONNECT_MAX_MS))
    if (!wait_ms (backend, wait))
      break;
  if (connection)
    {
      g_mutex_lock (&backend->lock);
      backend->connection = connection;
      g_cond_broadcast (&backend->changed);
      g_mutex_unlock (&backend->lock);
      post_event (NULL, NULL, TRUE);
    }
  backend_unref (backend);
  return NULL;
}

static void
connect_later (SkBackend *backend)
{
  g_thread_unref (g_thread_new ("libvirt-connect", connect_thread, backend_ref (backend)));
}

/* libvirt's errors come back by return values; it must not print them too. */
static void
ignore_error (void *data, virErrorPtr error)
{
}

/* libvirt wants its event loop before the first connection, and has one for the process. Its default one is
 * made of sources of GLib's default main context (libvirt's src/util/vireventglib.c, since 6.1), which our
 * main loop runs. A thread of its own around virEventRunDefaultImpl() would iterate that context, and with it
 * all of our own sources, whenever the main loop does not hold it: before it has started, and while
 * everything is taken down. */
static void
ensure_event_loop (void)
{
  static gsize once = 0;
  if (!g_once_init_enter (&once))
    return;
  virSetErrorFunc (NULL, ignore_error);
  if (virInitialize () < 0 || virEventRegisterDefaultImpl () < 0)
    g_error ("libvirt cannot be initialised");
  g_once_init_leave (&once, 1);
}

/* -- jobs -------------------------------------------------------------------------------------------------
 */

static void
free_job (gpointer data)
{
  SkJob *job = data;
  char **texts[] = { &job->id,      &job->pool,  &job->image_dir, &job->cmdline,
                     &job->network, &job->owner, &job->session,   &job->text };
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (*texts[i]);
  g_clear_pointer (&job->domains, g_ptr_array_unref);
  g_clear_error (&job->error);
  backend_unref (job->backend);
  g_free (job);
}

static void
answer (SkJob *job, const GError *error)
{
  if (job->done)
    job->done (error, job->data);
  else if (job->done_list)
    job->done_list (error ? NULL : job->domains, error, job->data);
  else
    job->done_text (error ? NULL : job->text, error, job->data);
}

static gboolean
on_job_done (gpointer data)
{
  SkJob *job = data;
  SkLibvirt *self = job->hypervisor;
  if (self)
    {
      g_autoptr (SkLibvirt) keep = g_object_ref (self);
      g_ptr_array_remove (self->jobs, job);
      answer (job, job->error);
    }
  return G_SOURCE_REMOVE;
}

/* Operations are idempotent: one whose connection broke under it is simply done again. */
static void
run_job (gpointer data, gpointer unused)
{
  SkJob *job = data;
  gboolean done = FALSE, again = TRUE;
  for (guint i = 0; i < TRIES && !done && again; i++)
    {
      virConnectPtr connection = borrow_connection (job->backend);
      g_clear_error (&job->error);
      if (!connection)
        {
          g_set_error_literal (&job->error, SK_ERROR, SK_ERROR_PEER_LOST, "no connection to libvirt");
          break;
        }
      virResetLastError ();
      done = job->func (job->backend, connection, job, &job->error);
      again = !done && virConnectIsAlive (connection) != 1;
      virConnectClose (connection);
    }
  g_idle_add_full (G_PRIORITY_DEFAULT, on_job_done, job, free_job);
}

static SkJob *
new_job (SkHypervisor *hypervisor, SkJobFunc func, const char *id, SkHypervisorDone done, gpointer data)
{
  SkLibvirt *self = SK_LIBVIRT (hypervisor);
  SkJob *job = g_new0 (SkJob, 1);
  job->backend = backend_ref (self->backend);
  job->hypervisor = self;
  job->func = func;
  job->id = g_strdup (id);
  job->done = done;
  job->data = data;
  g_ptr_array_add (self->jobs, job);
  return job;
}

static void
push (SkHypervisor *self, SkJob *job, gboolean slow)
{
  g_thread_pool_push (slow ? SK_LIBVIRT (self)->slow : SK_LIBVIRT (self)->fast, job, NULL);
}

static void
create (SkHypervisor *self, const SkVmSpec *spec, SkHypervisorDone done, gpointer data)
{
  SkJob *job = new_job (self, sk_op_create, spec->id, done, data);
  job->pool = g_strdup (spec->pool);
  job->image_dir = g_strdup (spec->image_dir);
  job->cmdline = g_strdup (spec->cmdline);
  job->network = g_strdup (spec->network);
  job->memory_mib = spec->memory_mib;
  job->vcpus = spec->vcpus;
  push (self, job, TRUE);
}

static void
attach (SkHypervisor *self, const char *id, const char *pool, const char *owner, const char *session,
        SkHypervisorDone done, gpointer data)
{
  SkJob *job = new_job (self, sk_op_attach, id, done, data);
  job->pool = g_strdup (pool);
  job->owner = g_strdup (owner);
  job->session = g_strdup (session);
  push (self, job, FALSE);
}

#define SIMPLE(name, slow)                                                                                   \
  static void name (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)                \
  {                                                                                                          \
    push (self, new_job (self, sk_op_##name, id, done, data), slow);                                         \
  }
SIMPLE (suspend, FALSE)
SIMPLE (resume, FALSE)
SIMPLE (save, TRUE)
SIMPLE (restore, TRUE)
SIMPLE (destroy, TRUE)

static void
list (SkHypervisor *self, SkHypervisorList done, gpointer data)
{
  SkJob *job = new_job (self, sk_op_list, NULL, NULL, data);
  job->done_list = done;
  push (self, job, TRUE);
}

static void
describe (SkHypervisor *self, const char *id, SkHypervisorText done, gpointer data)
{
  SkJob *job = new_job (self, sk_op_describe, id, NULL, data);
  job->done_text = done;
  push (self, job, TRUE);
}

/* -- life -------------------------------------------------------------------------------------------------
 */

static void
start (SkHypervisor *hypervisor)
{
  SkLibvirt *self = SK_LIBVIRT (hypervisor);
  g_return_if_fail (!self->started);
  self->started = TRUE;
  ensure_event_loop ();
  connect_later (self->backend);
}

/* Both calls wait for libvirtd's answer, which the main loop must not. */
static gpointer
close_thread (gpointer connection)
{
  virConnectUnregisterCloseCallback (connection, on_closed);
  virConnectClose (connection);
  return NULL;
}

/* Calls that are under way end on their own; nobody hears their answers. */
static void
sk_libvirt_dispose (GObject *object)
{
  SkLibvirt *self = SK_LIBVIRT (object);
  SkBackend *backend = self->backend;
  virConnectPtr connection;
  g_autoptr (GError) error = g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, "the broker stops");
  if (the_libvirt == self)
    the_libvirt = NULL;
  while (self->jobs->len > 0)
    {
      SkJob *job = g_ptr_array_steal_index (self->jobs, 0);
      job->hypervisor = NULL;
      answer (job, error);
    }
  g_mutex_lock (&backend->lock);
  backend->stopping = TRUE;
  connection = g_steal_pointer (&backend->connection);
  g_cond_broadcast (&backend->changed);
  g_mutex_unlock (&backend->lock);
  if (connection)
    g_thread_unref (g_thread_new ("libvirt-close", close_thread, connection));
  G_OBJECT_CLASS (sk_libvirt_parent_class)->dispose (object);
}

static void
sk_libvirt_finalize (GObject *object)
{
  SkLibvirt *self = SK_LIBVIRT (object);
  /* Not waited for; what still stands in line is done by threads that nobody listens to. */
  g_thread_pool_free (self->fast, FALSE, FALSE);
  g_thread_pool_free (self->slow, FALSE, FALSE);
  g_ptr_array_unref (self->jobs);
  backend_unref (self->backend);
  G_OBJECT_CLASS (sk_libvirt_parent_class)->finalize (object);
}

static void
sk_libvirt_class_init (SkLibvirtClass *klass)
{
  SkHypervisorClass *base = SK_HYPERVISOR_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = sk_libvirt_dispose;
  G_OBJECT_CLASS (klass)->finalize = sk_libvirt_finalize;
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
sk_libvirt_init (SkLibvirt *self)
{
  self->fast = g_thread_pool_new (run_job, NULL, FAST_THREADS, FALSE, NULL);
  self->slow = g_thread_pool_new (run_job, NULL, SLOW_THREADS, FALSE, NULL);
  self->jobs = g_ptr_array_new ();
}

SkHypervisor *
sk_libvirt_new (const char *uri, const char *state_dir, const char *runtime_dir)
{
  SkLibvirt *self = g_object_new (SK_TYPE_LIBVIRT, NULL);
  SkBackend *backend = self->backend = g_new0 (SkBackend, 1);
  g_atomic_ref_count_init (&backend->refs);
  backend->uri = g_strdup (uri ? uri : SK_LIBVIRT_URI);
  backend->folders = (SkFolders){ g_strdup (state_dir), g_strdup (runtime_dir) };
  g_mutex_init (&backend->lock);
  g_cond_init (&backend->changed);
  the_libvirt = self;
  return SK_HYPERVISOR (self);
}
