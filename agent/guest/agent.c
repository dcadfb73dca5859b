#include "agent.h"
#include "common/error.h"
#include "common/log.h"
#include "files-relay.h"
#include "inventory.h"
#include "probe.h"
#include "readiness.h"
#include "session.h"
#include "wire/agent.h"
#include <string.h>

/* A clock that differs by less is left alone: certificates and cookies do not notice, programs notice a jump.
 */
#define CLOCK_TOLERANCE_US (G_USEC_PER_SEC / 2)
/* What a host can sanely say: 2020 to 2100. */
#define CLOCK_LOWEST_US (G_GINT64_CONSTANT (1577836800) * G_USEC_PER_SEC)
#define CLOCK_HIGHEST_US (G_GINT64_CONSTANT (4102444800) * G_USEC_PER_SEC)
/* Percent, [MS-RDPEDISP] 2.2.2.2.1. */
#define SCALE_LOWEST 100
#define SCALE_HIGHEST 500
/* What a screen can be: FreeRDP's and xrdp's bounds. */
#define SIZE_LOWEST 200
#define SIZE_HIGHEST 8192

struct _SkAgent
{
  const SkAgentMachine *machine;
  SkPort *port;
  SkReadiness *readiness;
  SkSession *session;
  SkFilesRelay *files; /* NULL: a machine without one */
  gboolean greeted;    /* HELLO was answered on this connection of the host */
  char *boot_id;
  char *user, *password; /* once READY */
  gboolean browser_ready;
};

/* ---- saying ---- */

static void
say (SkAgent *agent, const SkMessage *message)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  if (!sk_message_encode (sk_agent_messages, message, body, &error))
    sk_warn (NULL, "not sent: %s", error->message);
  else if (body->len > SK_FRAME_BODY_MAX
           || !sk_port_send (agent->port, message->type, message->id, body->data, body->len))
    sk_warn (NULL, "not sent: message %u of %u bytes", message->type, body->len);
}

static void
say_result (SkAgent *agent, guint32 id, guint8 result, const char *detail)
{
  SkMessage message = { .type = SK_AGENT_RESULT, .id = id, .n = { result }, .s = { (char *) detail } };
  say (agent, &message);
}

static void
say_readiness (SkAgent *agent)
{
  SkMessage ready = { .type = SK_AGENT_READY, .s = { agent->user, agent->password } };
  SkMessage browser = { .type = SK_AGENT_BROWSER_READY };
  if (agent->greeted && agent->user)
    say (agent, &ready);
  if (agent->greeted && agent->user && agent->browser_ready)
    say (agent, &browser);
}

/* ---- requests ---- */

static void
handle_hello (SkAgent *agent, const SkMessage *m)
{
  const guint64 highest = MIN (m->n[1], SK_AGENT_VERSION);
  const gboolean common = highest >= MAX (m->n[0], SK_AGENT_VERSION_LOWEST);
  SkMessage ack = { .type = SK_AGENT_HELLO_ACK,
                    .id = m->id,
                    .n = { common ? highest : 0, m->n[2] },
                    .s = { (char *) SK_VERSION, agent->boot_id } };
  /* Answers to an earlier connection are nobody's now. */
  sk_port_drop_output (agent->port);
  agent->greeted = common;
  say (agent, &ack);
  say_readiness (agent);
  if (agent->files)
    sk_files_relay_set_host (agent->files, common);
}

static void
handle_open_url (SkAgent *agent, const SkMessage *m)
{
  if (!sk_url_is_acceptable (m->s[0]))
    say_result (agent, m->id, 0, "not an http or https address");
  else if (!sk_session_open_url (agent->session, m->id, m->s[0]))
    say_result (agent, m->id, 0, "no session yet");
}

static void
handle_time_set (SkAgent *agent, const SkMessage *m)
{
  gint64 wanted = m->n[0] > G_MAXINT64 ? -1 : (gint64) m->n[0];
  gint64 off = wanted - agent->machine->clock_now ();
  if (wanted < CLOCK_LOWEST_US || wanted > CLOCK_HIGHEST_US)
    {
      say_result (agent, m->id, 0, "not a time of this century");
      return;
    }
  gboolean small = ABS (off) <= CLOCK_TOLERANCE_US;
  g_autofree char *detail
      = g_strdup_printf ("%s by %" G_GINT64_FORMAT " ms", small ? "left, off" : "set", off / 1000);
  if (small || agent->machine->clock_set (wanted))
    say_result (agent, m->id, 1, detail);
  else
    say_result (agent, m->id, 0, "clock cannot be set");
}

static void
handle_resize_hint (SkAgent *agent, const SkMessage *m)
{
  if (m->n[0] >= SIZE_LOWEST && m->n[0] <= SIZE_HIGHEST && m->n[1] >= SIZE_LOWEST && m->n[1] <= SIZE_HIGHEST)
    sk_session_set_size (agent->session, (guint) m->n[0], (guint) m->n[1]);
}

static void
handle_scale (SkAgent *agent, const SkMessage *m)
{
  const gboolean good = m->n[0] >= SCALE_LOWEST && m->n[0] <= SCALE_HIGHEST;
  if (good)
    sk_session_set_scale (agent->session, (guint) m->n[0]);
  say_result (agent, m->id, good, good ? "told" : "not a scale");
}

static void
on_probe_done (guint32 id, SkProbeResult result, const char *detail, gpointer data)
{
  SkAgent *agent = data;
  if (agent->greeted)
    say_result (agent, id, (guint8) result, detail);
}

static void
handle_probe (SkAgent *agent, const SkMessage *m)
{
  if (!sk_probe_start (m->id, (SkProbe) m->n[0], m->s[0], (guint16) m->n[1], (guint) m->n[2], on_probe_done,
                       agent))
    say_result (agent, m->id, SK_PROBE_FAILED, "too many probes at once");
}

static void
handle_inventory (SkAgent *agent, guint32 id)
{
  g_auto (GStrv) lines = sk_inventory (agent->machine->root);
  SkMessage list = { .type = SK_AGENT_INVENTORY_LIST, .id = id, .list = lines };
  say (agent, &list);
}

static void
handle_message (SkAgent *agent, const SkMessage *m)
{
  SkMessage pong = { .type = SK_AGENT_PONG, .id = m->id, .n = { m->n[0] } };
  switch (m->type)
    {
    case SK_AGENT_PING:
      say (agent, &pong);
      break;
    case SK_AGENT_OPEN_URL:
      handle_open_url (agent, m);
      break;
    case SK_AGENT_TIME_SET:
      handle_time_set (agent, m);
      break;
    case SK_AGENT_RESIZE_HINT:
      handle_resize_hint (agent, m);
      break;
    case SK_AGENT_SCALE:
      handle_scale (agent, m);
      break;
    case SK_AGENT_PROBE:
      handle_probe (agent, m);
      break;
    case SK_AGENT_INVENTORY:
      handle_inventory (agent, m->id);
      break;
    case SK_AGENT_SHUTDOWN:
      agent->machine->power_off ();
      break;
    default:
      break; /* a row of the table that is not the host's to say never decodes */
    }
}

static void
handle_file (SkAgent *agent, const SkFrame *frame)
{
  if (agent->files)
    sk_files_relay_take (agent->files, frame);
}

/* ---- events ---- */

static void
on_frame (SkPort *port, const SkFrame *frame, gpointer data)
{
  SkAgent *agent = data;
  g_auto (SkMessage) m = { 0 };
  g_autoptr (GError) error = NULL;
  if (!sk_message_decode (sk_agent_messages, SK_FROM_HOST, frame->type, frame->id, frame->body, frame->length,
                          &m, &error))
    {
      /* Before HELLO it is the tail of an earlier connection. */
      if (agent->greeted)
        {
          sk_warn (SK_FIELDS ("port", SK_AGENT_PORT), "%s", error->message);
          sk_port_seek (port);
        }
    }
  else if (m.type == SK_AGENT_HELLO)
    handle_hello (agent, &m);
  else if (agent->greeted && sk_file_is_message (m.type))
    handle_file (agent, frame);
  else if (agent->greeted)
    handle_message (agent, &m);
}

static void
on_lost (SkPort *port, gpointer data)
{
  SkAgent *agent = data;
  agent->greeted = FALSE;
  if (agent->files)
    sk_files_relay_set_host (agent->files, FALSE);
}

static void
on_writable (SkPort *port, gpointer data)
{
  SkAgent *agent = data;
  if (agent->files)
    sk_files_relay_run (agent->files);
}

static void
on_ready (const char *user, const char *password, gpointer data)
{
  SkAgent *agent = data;
  agent->user = g_strdup (user);
  agent->password = g_strdup (password);
  say_readiness (agent);
}

static void
on_browser_ready (gpointer data)
{
  SkAgent *agent = data;
  SkMessage browser = { .type = SK_AGENT_BROWSER_READY };
  gboolean first = !agent->browser_ready;
  agent->browser_ready = TRUE;
  if (first && agent->greeted && agent->user)
    say (agent, &browser);
}

static void
on_opened (guint32 id, gboolean ok, const char *untrusted_text, gpointer data)
{
  SkAgent *agent = data;
  g_autofree char *detail
      = g_utf8_substring (untrusted_text, 0, MIN (g_utf8_strlen (untrusted_text, -1), 200));
  if (agent->greeted)
    say_result (agent, id, ok, detail);
}

/* ---- life ---- */

static const SkPortEvents port_events = { on_frame, on_lost, on_writable };
static const SkSessionEvents session_events = { on_browser_ready, on_opened };

static char *
read_boot_id (void)
{
  char *text = NULL;
  if (!g_file_get_contents ("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
    return g_uuid_string_random ();
  return g_strstrip (text);
}

SkAgent *
sk_agent_new (const SkAgentMachine *machine, GError **error)
{
  g_autoptr (SkAgent) agent = g_new0 (SkAgent, 1);
  agent->machine = machine;
  agent->boot_id = read_boot_id ();
  agent->session
      = sk_session_new (machine->session_path, machine->session_uid, &session_events, agent, error);
  if (!agent->session)
    return NULL;
  agent->readiness
      = sk_readiness_new (machine->credentials, machine->proc_net_tcp, machine->tcp_port, on_ready, agent);
  if (machine->port_fd >= 0)
    agent->port = sk_port_new_for_fd (SK_AGENT_PORT, machine->port_fd, &port_events, agent);
  else
    agent->port = sk_port_new (SK_AGENT_PORT, machine->port_path, &port_events, agent);
  if (machine->files_path)
    agent->files = sk_files_relay_new (machine->files_path, machine->session_uid, agent->port,
                                       machine->bulk_path, error);
  if (machine->files_path && !agent->files)
    return NULL;
  return g_steal_pointer (&agent);
}

void
sk_agent_free (SkAgent *agent)
{
  if (!agent)
    return;
  sk_files_relay_free (agent->files);
  sk_port_free (agent->port);
  sk_readiness_free (agent->readiness);
  sk_session_free (agent->session);
  g_free (agent->boot_id);
  g_free (agent->user);
  g_free (agent->password);
  g_free (agent);
}
