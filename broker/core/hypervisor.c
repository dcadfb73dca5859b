#include "core/hypervisor.h"

typedef struct
{
  const SkHypervisorEvents *events;
  gpointer events_data;
} SkHypervisorPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (SkHypervisor, sk_hypervisor, G_TYPE_OBJECT)

static void
sk_hypervisor_class_init (SkHypervisorClass *klass)
{
}

static void
sk_hypervisor_init (SkHypervisor *self)
{
}

void
sk_domain_free (SkDomain *domain)
{
  if (!domain)
    return;
  g_free (domain->id);
  g_free (domain->owner);
  g_free (domain->session);
  g_free (domain);
}

SkDomain *
sk_domain_new (const char *id, SkDomainState state, const char *owner, const char *session)
{
  SkDomain *domain = g_new0 (SkDomain, 1);
  *domain
      = (SkDomain){ g_strdup (id), state, g_strdup (owner ? owner : ""), g_strdup (session ? session : "") };
  return domain;
}

void
sk_hypervisor_set_events (SkHypervisor *self, const SkHypervisorEvents *events, gpointer data)
{
  SkHypervisorPrivate *priv = sk_hypervisor_get_instance_private (self);
  priv->events = events;
  priv->events_data = data;
}

void
sk_hypervisor_emit_connection (SkHypervisor *self, gboolean up)
{
  SkHypervisorPrivate *priv = sk_hypervisor_get_instance_private (self);
  if (priv->events)
    priv->events->connection (up, priv->events_data);
}

void
sk_hypervisor_emit_stopped (SkHypervisor *self, const char *id, const char *why)
{
  SkHypervisorPrivate *priv = sk_hypervisor_get_instance_private (self);
  if (priv->events)
    priv->events->stopped (id, why, priv->events_data);
}

void
sk_hypervisor_start (SkHypervisor *self)
{
  SK_HYPERVISOR_GET_CLASS (self)->start (self);
}

void
sk_hypervisor_create (SkHypervisor *self, const SkVmSpec *spec, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->create (self, spec, done, data);
}

void
sk_hypervisor_suspend (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->suspend (self, id, done, data);
}

void
sk_hypervisor_resume (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->resume (self, id, done, data);
}

void
sk_hypervisor_attach (SkHypervisor *self, const char *id, const char *pool, const char *owner,
                      const char *session, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->attach (self, id, pool, owner, session, done, data);
}

void
sk_hypervisor_save (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->save (self, id, done, data);
}

void
sk_hypervisor_restore (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->restore (self, id, done, data);
}

void
sk_hypervisor_destroy (SkHypervisor *self, const char *id, SkHypervisorDone done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->destroy (self, id, done, data);
}

void
sk_hypervisor_list (SkHypervisor *self, SkHypervisorList done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->list (self, done, data);
}

void
sk_hypervisor_describe (SkHypervisor *self, const char *id, SkHypervisorText done, gpointer data)
{
  SK_HYPERVISOR_GET_CLASS (self)->describe (self, id, done, data);
}
