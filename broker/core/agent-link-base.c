/* What every agent link has in common, real or a test's. */
#include "core/agent-link.h"
#include "common/error.h"

typedef struct
{
  const SkAgentListener *listener;
  gpointer listener_data;
  const SkAgentFileListener *files;
  gpointer files_data;
  gboolean lost, running;
} SkAgentLinkPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (SkAgentLink, sk_agent_link, G_TYPE_OBJECT)

#define PRIVATE(self) ((SkAgentLinkPrivate *) sk_agent_link_get_instance_private (self))

static void
sk_agent_link_class_init (SkAgentLinkClass *klass)
{
}

static void
sk_agent_link_init (SkAgentLink *self)
{
}

void
sk_agent_link_set_listener (SkAgentLink *self, const SkAgentListener *listener, gpointer data)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  priv->listener = listener;
  priv->listener_data = data;
}

void
sk_agent_link_set_running (SkAgentLink *self, gboolean running)
{
  PRIVATE (self)->running = running;
  SK_AGENT_LINK_GET_CLASS (self)->set_running (self, running);
}

gboolean
sk_agent_link_is_running (SkAgentLink *self)
{
  return PRIVATE (self)->running;
}

gboolean
sk_agent_link_is_up (SkAgentLink *self)
{
  return SK_AGENT_LINK_GET_CLASS (self)->is_up (self);
}

void
sk_agent_link_call (SkAgentLink *self, const SkMessage *message, guint timeout_ms, SkAgentAnswer answer,
                    gpointer data)
{
  SK_AGENT_LINK_GET_CLASS (self)->call (self, message, timeout_ms, answer, data);
}

void
sk_agent_link_set_file_listener (SkAgentLink *self, const SkAgentFileListener *listener, gpointer data)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  priv->files = listener;
  priv->files_data = data;
}

gboolean
sk_agent_link_send_file (SkAgentLink *self, const SkMessage *message, GError **error)
{
  SkAgentLinkClass *class = SK_AGENT_LINK_GET_CLASS (self);
  if (class->send_file && class->is_up (self))
    return class->send_file (self, message, error);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the guest's agent is not there");
  return FALSE;
}

gsize
sk_agent_link_unsent (SkAgentLink *self)
{
  SkAgentLinkClass *class = SK_AGENT_LINK_GET_CLASS (self);
  return class->unsent ? class->unsent (self) : 0;
}

void
sk_agent_link_emit_hello (SkAgentLink *self)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  if (priv->files && !priv->lost)
    priv->files->up (priv->files_data);
  if (priv->listener && !priv->lost)
    priv->listener->hello (priv->listener_data);
}

void
sk_agent_link_emit_ready (SkAgentLink *self, const char *untrusted_user, const char *untrusted_password)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  if (priv->listener && !priv->lost)
    priv->listener->ready (untrusted_user, untrusted_password, priv->listener_data);
}

void
sk_agent_link_emit_browser_ready (SkAgentLink *self)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  if (priv->listener && !priv->lost)
    priv->listener->browser_ready (priv->listener_data);
}

void
sk_agent_link_emit_lost (SkAgentLink *self, const char *why)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  if (priv->lost)
    return;
  sk_agent_link_emit_down (self);
  priv->lost = TRUE;
  if (priv->listener)
    priv->listener->lost (why, priv->listener_data);
}

void
sk_agent_link_emit_down (SkAgentLink *self)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  if (priv->files && !priv->lost)
    priv->files->down (priv->files_data);
}

gboolean
sk_agent_link_carries_files (SkAgentLink *self)
{
  return PRIVATE (self)->files != NULL;
}

const char *
sk_agent_link_emit_file (SkAgentLink *self, const SkMessage *untrusted)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  return priv->files && !priv->lost ? priv->files->message (untrusted, priv->files_data) : NULL;
}

void
sk_agent_link_emit_writable (SkAgentLink *self)
{
  SkAgentLinkPrivate *priv = PRIVATE (self);
  if (priv->files && !priv->lost)
    priv->files->writable (priv->files_data);
}
