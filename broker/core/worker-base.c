/* What every worker handle has in common, real or a test's. */
#include "common/fd.h"
#include "core/worker.h"

typedef struct
{
  SkWorkerKind kind;
  char *id, *session, *fingerprint, *said;
  guint number;
  gboolean ready, busy, dead;
  const SkWorkerListener *listener;
  gpointer listener_data;
} SkWorkerPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (SkWorker, sk_worker, G_TYPE_OBJECT)
G_DEFINE_ABSTRACT_TYPE (SkStaff, sk_staff, G_TYPE_OBJECT)

#define PRIVATE(self) ((SkWorkerPrivate *) sk_worker_get_instance_private (self))

static void
sk_worker_finalize (GObject *object)
{
  SkWorkerPrivate *priv = PRIVATE (SK_WORKER (object));
  g_free (priv->id);
  g_free (priv->session);
  g_free (priv->fingerprint);
  g_free (priv->said);
  G_OBJECT_CLASS (sk_worker_parent_class)->finalize (object);
}

static void
sk_worker_class_init (SkWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sk_worker_finalize;
}

static void
sk_worker_init (SkWorker *self)
{
}

static void
sk_staff_class_init (SkStaffClass *klass)
{
}

static void
sk_staff_init (SkStaff *self)
{
}

void
sk_worker_set_listener (SkWorker *self, const SkWorkerListener *listener, gpointer data)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  priv->listener = listener;
  priv->listener_data = data;
}

SkWorkerKind
sk_worker_kind (SkWorker *self)
{
  return PRIVATE (self)->kind;
}

const char *
sk_worker_id (SkWorker *self)
{
  return PRIVATE (self)->id;
}

gboolean
sk_worker_is_ready (SkWorker *self)
{
  return PRIVATE (self)->ready;
}

gboolean
sk_worker_is_dead (SkWorker *self)
{
  return PRIVATE (self)->dead;
}

gboolean
sk_worker_is_busy (SkWorker *self)
{
  return PRIVATE (self)->busy;
}

const char *
sk_worker_session (SkWorker *self)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  return priv->session ? priv->session : "";
}

guint
sk_worker_number (SkWorker *self)
{
  return PRIVATE (self)->number;
}

const char *
sk_worker_fingerprint (SkWorker *self)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  return priv->fingerprint ? priv->fingerprint : "";
}

const char *
sk_worker_said (SkWorker *self)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  return priv->said ? priv->said : "";
}

void
sk_worker_set_identity (SkWorker *self, SkWorkerKind kind, const char *id)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  priv->kind = kind;
  g_free (priv->id);
  priv->id = g_strdup (id);
}

void
sk_worker_set_job (SkWorker *self, const char *session, guint number)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  g_free (priv->session);
  priv->session = g_strdup (session);
  priv->number = number;
  priv->busy = TRUE;
}

void
sk_worker_emit_ready (SkWorker *self, gboolean busy, const char *fingerprint)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  g_free (priv->fingerprint);
  priv->fingerprint = g_strdup (fingerprint);
  priv->ready = TRUE;
  priv->busy = busy;
  if (priv->listener && priv->listener->ready)
    priv->listener->ready (self, priv->listener_data);
}

void
sk_worker_emit_state (SkWorker *self, guint state, guint detail, const char *untrusted_text)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  g_free (priv->said);
  priv->said = g_strdup (untrusted_text);
  if (!priv->dead && priv->listener && priv->listener->state)
    priv->listener->state (self, state, detail, untrusted_text, priv->listener_data);
}

void
sk_worker_emit_scale (SkWorker *self, guint untrusted_percent)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  if (!priv->dead && priv->listener && priv->listener->scale)
    priv->listener->scale (self, untrusted_percent, priv->listener_data);
}

void
sk_worker_emit_clip (SkWorker *self, guint64 untrusted_number, guint untrusted_kind, guint untrusted_bytes,
                     int take_pipe)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  if (!priv->dead && priv->listener && priv->listener->clip)
    priv->listener->clip (self, untrusted_number, untrusted_kind, untrusted_bytes, take_pipe,
                          priv->listener_data);
  else
    sk_clear_fd (&take_pipe);
}

void
sk_worker_emit_died (SkWorker *self, const char *why)
{
  SkWorkerPrivate *priv = PRIVATE (self);
  if (priv->dead)
    return;
  priv->dead = TRUE;
  if (priv->listener && priv->listener->died)
    priv->listener->died (self, why, priv->listener_data);
}

gboolean
sk_worker_start_screen (SkWorker *self, const SkScreenJob *job, GError **error)
{
  return SK_WORKER_GET_CLASS (self)->start_screen (self, job, error);
}

guint64
sk_worker_frames (SkWorker *self)
{
  return SK_WORKER_GET_CLASS (self)->frames (self);
}

void
sk_worker_remove_view (SkWorker *self, guint number)
{
  SK_WORKER_GET_CLASS (self)->remove_view (self, number);
}

void
sk_worker_clip_allow (SkWorker *self, guint flags)
{
  if (SK_WORKER_GET_CLASS (self)->clip_allow)
    SK_WORKER_GET_CLASS (self)->clip_allow (self, flags);
}

gboolean
sk_worker_clip_set (SkWorker *self, const SkWorkerClip *clip)
{
  return SK_WORKER_GET_CLASS (self)->clip_set && SK_WORKER_GET_CLASS (self)->clip_set (self, clip);
}

void
sk_worker_end (SkWorker *self)
{
  SK_WORKER_GET_CLASS (self)->end (self);
}

void
sk_worker_kill (SkWorker *self)
{
  SK_WORKER_GET_CLASS (self)->kill (self);
}

int
sk_worker_pid (SkWorker *self)
{
  return SK_WORKER_GET_CLASS (self)->pid (self);
}

SkWorker *
sk_staff_spawn (SkStaff *self, SkWorkerKind kind, const char *id, GError **error)
{
  return SK_STAFF_GET_CLASS (self)->spawn (self, kind, id, error);
}

GPtrArray *
sk_staff_adopt (SkStaff *self)
{
  return SK_STAFF_GET_CLASS (self)->adopt (self);
}

gboolean
sk_staff_link (SkStaff *self, SkWorker *screen, SkWorker *view, guint number, const SkViewJob *job,
               int viewer_fd, GError **error)
{
  return SK_STAFF_GET_CLASS (self)->link (self, screen, view, number, job, viewer_fd, error);
}
