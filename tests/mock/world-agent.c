/* The world's agents: what a guest says, and when. */
#include "common/error.h"
#include "world.h"
#include <stdio.h>
#include <string.h>

/* As the real link: so long may a running guest be silent. */
#define SILENCE_MS (SK_AGENT_PING_SECONDS * SK_AGENT_PING_MISSES * 1000)

#define TYPE_FAKE_AGENT (fake_agent_get_type ())
G_DECLARE_FINAL_TYPE (FakeAgent, fake_agent, FAKE, AGENT, SkAgentLink)
struct _FakeAgent
{
  SkAgentLink parent;
  World *world;
  char *id;
  gboolean running, up, said_ready, said_browser;
  guint speak_timer, silence_timer;
  GPtrArray *calls;
};
G_DEFINE_FINAL_TYPE (FakeAgent, fake_agent, SK_TYPE_AGENT_LINK)

typedef struct
{
  FakeAgent *agent;
  guint timer;
  SkAgentAnswer answer;
  gpointer data;
  guint16 type;
  guint outcome; /* 0 fine, 1 refused, 2 no answer */
} Call;

static const char *const inventory[] = { "block: vda 8G", "net: lo", NULL };

static void plan (FakeAgent *self);

static Domain *
talking_domain (FakeAgent *self)
{
  Domain *domain = world_domain (self->world, self->id);
  return self->running && domain && domain->state == SK_DOMAIN_RUNNING && !domain->agent_dead ? domain : NULL;
}

static void
on_silence (gpointer data)
{
  g_autoptr (FakeAgent) self = g_object_ref (data);
  self->silence_timer = 0;
  /* A guest that has never spoken is one that boots: its VM has a deadline of its own. */
  if (self->running && !talking_domain (self) && self->up)
    sk_agent_link_emit_lost (SK_AGENT_LINK (self), "silent");
}

static void
on_speak (gpointer data)
{
  g_autoptr (FakeAgent) self = g_object_ref (data);
  Domain *domain = talking_domain (self);
  gint64 now = self->world->now;
  self->speak_timer = 0;
  if (!domain)
    return;
  if (!self->up && now >= domain->agent_at)
    {
      self->up = TRUE;
      sk_agent_link_emit_hello (SK_AGENT_LINK (self));
    }
  if (!self->said_ready && now >= domain->ready_at && self->running)
    {
      self->said_ready = TRUE;
      sk_agent_link_emit_ready (SK_AGENT_LINK (self), "user", "secret");
    }
  if (!self->said_browser && now >= domain->browser_at && self->running)
    {
      self->said_browser = TRUE;
      sk_agent_link_emit_browser_ready (SK_AGENT_LINK (self));
    }
  plan (self);
}

/* When the guest speaks next, if it does. */
static void
plan (FakeAgent *self)
{
  SkClock *clock = &self->world->clock;
  Domain *domain = talking_domain (self);
  gint64 at, wait;
  sk_timer_clear (clock, &self->speak_timer);
  if (!domain)
    {
      if (self->running && !self->silence_timer)
        sk_timer_set (clock, &self->silence_timer, SILENCE_MS, on_silence, self);
      return;
    }
  sk_timer_clear (clock, &self->silence_timer);
  at = !self->up ? domain->agent_at : !self->said_ready ? domain->ready_at : domain->browser_at;
  if (self->up && self->said_ready && self->said_browser)
    return;
  wait = MAX (at - self->world->now, 0) / 1000 + 1;
  if (wait < G_MAXINT)
    sk_timer_set (clock, &self->speak_timer, (guint) wait, on_speak, self);
}

void
world_domain_changed (Domain *domain)
{
  World *world = domain->world;
  for (guint i = 0; i < world->links->len; i++)
    {
      FakeAgent *agent = world->links->pdata[i];
      if (strcmp (agent->id, domain->id) == 0)
        plan (agent);
    }
}

static void
set_running (SkAgentLink *link, gboolean running)
{
  FakeAgent *self = FAKE_AGENT (link);
  self->running = running;
  if (!running)
    sk_timer_clear (&self->world->clock, &self->silence_timer);
  plan (self);
}

static gboolean
is_up (SkAgentLink *link)
{
  return FAKE_AGENT (link)->up;
}

static void
finish_call (Call *call, SkErrorCode code)
{
  g_autoptr (GError) error = NULL;
  g_ptr_array_remove (call->agent->calls, call);
  if (call->outcome == 2 || code == SK_ERROR_CANCELLED)
    error = g_error_new_literal (SK_ERROR, code, "no answer");
  call->answer (!error && call->outcome == 0 && call->type != SK_AGENT_PROBE, "",
                call->type == SK_AGENT_INVENTORY ? (char **) inventory : NULL, error, call->data);
  g_free (call);
}

static void
on_answer (gpointer data)
{
  Call *call = data;
  g_autoptr (FakeAgent) keep = g_object_ref (call->agent);
  if (!talking_domain (keep))
    call->outcome = 2;
  finish_call (call, SK_ERROR_TIMEOUT);
}

/* Addresses in tests name their user: http://3.example/ */
static void
check_url (FakeAgent *self, const char *url)
{
  Domain *domain = world_domain (self->world, self->id);
  int user = -1;
  if (domain && sscanf (url, "http://%d.example/", &user) == 1)
    world_see (self->world, domain, user);
}

static void
take_scale (FakeAgent *self, guint percent)
{
  Domain *domain = world_domain (self->world, self->id);
  if (!domain)
    return;
  domain->scale = percent;
  domain->scales++;
}

static void
agent_call (SkAgentLink *link, const SkMessage *message, guint timeout_ms, SkAgentAnswer answer,
            gpointer data)
{
  FakeAgent *self = FAKE_AGENT (link);
  World *world = self->world;
  Call *call = g_new0 (Call, 1);
  if (!self->up || !self->running)
    world_broken (world, "VM %s was spoken to while it could not hear", self->id);
  if (message->type == SK_AGENT_OPEN_URL)
    check_url (self, message->s[0]);
  if (message->type == SK_AGENT_SCALE)
    take_scale (self, (guint) message->n[0]);
  *call = (Call){
    self,          0,
    answer,        data,
    message->type, world_chance (world, world->faults.agent_fails) ? 1 + world_random (world, 2) : 0
  };
  call->timer
      = world_after (world, call->outcome == 2 ? timeout_ms : 1 + world_random (world, 500), on_answer, call);
  g_ptr_array_add (self->calls, call);
}

static void
fake_agent_dispose (GObject *object)
{
  FakeAgent *self = FAKE_AGENT (object);
  sk_timer_clear (&self->world->clock, &self->speak_timer);
  sk_timer_clear (&self->world->clock, &self->silence_timer);
  g_ptr_array_remove (self->world->links, self);
  while (self->calls->len > 0)
    {
      Call *call = self->calls->pdata[0];
      world_cancel (self->world, call->timer);
      finish_call (call, SK_ERROR_CANCELLED);
    }
  G_OBJECT_CLASS (fake_agent_parent_class)->dispose (object);
}

static void
fake_agent_finalize (GObject *object)
{
  FakeAgent *self = FAKE_AGENT (object);
  g_ptr_array_unref (self->calls);
  g_free (self->id);
  G_OBJECT_CLASS (fake_agent_parent_class)->finalize (object);
}

static void
fake_agent_class_init (FakeAgentClass *klass)
{
  SkAgentLinkClass *base = SK_AGENT_LINK_CLASS (klass);
  G_OBJECT_CLASS (klass)->dispose = fake_agent_dispose;
  G_OBJECT_CLASS (klass)->finalize = fake_agent_finalize;
  base->set_running = set_running;
  base->is_up = is_up;
  base->call = agent_call;
}

static void
fake_agent_init (FakeAgent *self)
{
  self->calls = g_ptr_array_new ();
}

SkAgentLink *
world_new_agent (const char *vm_id, gpointer data)
{
  World *world = data;
  FakeAgent *self = g_object_new (TYPE_FAKE_AGENT, NULL);
  self->world = world;
  self->id = g_strdup (vm_id);
  g_ptr_array_add (world->links, self);
  return SK_AGENT_LINK (self);
}
