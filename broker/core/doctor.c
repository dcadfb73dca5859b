/* The run of one doctor: host checks at once, then every domain's XML, then questions to a guest.
 *
 * The guest asked is a warm one without a user; it is resumed, asked and retired, never put back: what it did
 * while it ran nobody saw. */
#include "core/doctor.h"
#include "common/error.h"
#include "core/manager-private.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

/* On the same machine an answer takes microseconds, under TCG on busy cores some 100 ms. */
#define PROBE_MS 1500
#define ANSWER_MS (PROBE_MS + 20000)
/* A greeting comes within a second of the resume. */
#define GREETING_LOOK_MS 200
/* As many as the agent runs at once. */
#define PROBES_AT_ONCE 4
/* Canaries of one run, and a line of the report. */
#define CANARIES_MAX 16
/* A host with more than a few interfaces has one address that matters on each; more probes only take longer.
 */
#define HOST_ADDRESSES_MAX 16
#define DETAIL_MAX 400
/* All nodes of the link (RFC 4291 2.7.1). The internet side's own router may answer; the host may not. */
#define ALL_NODES "ff02::1"
/* Where nobody listens a refusal is an answer too, so any port tells; this one is a web proxy's. */
#define DEFAULT_PORT 8080

typedef struct
{
  char *label; /* "canary 203.0.113.10:8080" */
  char *address;
  guint port;
  SkProbe kind;
} Question;

typedef struct
{
  GTask *task;
  SkCore *core;
  JsonArray *checks;
  GPtrArray *canaries; /* "address[:port]" */
  GPtrArray *questions;
  GHashTable *results; /* label -> GString of what was reached, "" = nothing */
  guint asked, answered, pending;
  SkLiveVm *vm;
  guint timer;
  gint64 deadline; /* monotonic: until then the agent has to greet */
  gboolean failed_to_ask;
} Doctor;

typedef struct
{
  Doctor *doctor;
  Question *question;
} Asked;

static void
question_free (gpointer data)
{
  Question *q = data;
  g_free (q->label);
  g_free (q->address);
  g_free (q);
}

static void
string_free (gpointer data)
{
  g_string_free (data, TRUE);
}

void
sk_doctor_add (JsonArray *checks, const char *name, SkCheckState state, const char *en, const char *ja,
               const char *detail)
{
  static const char *words[] = { "ok", "warn", "fail" };
  g_autofree char *valid = g_utf8_make_valid (detail ? detail : "", -1);
  g_autofree char *cut = g_utf8_substring (valid, 0, MIN (g_utf8_strlen (valid, -1), DETAIL_MAX));
  JsonObject *check = json_object_new ();
  json_object_set_string_member (check, "name", name);
  json_object_set_string_member (check, "state", words[state]);
  json_object_set_string_member (check, "en", en);
  json_object_set_string_member (check, "ja", ja);
  json_object_set_string_member (check, "detail", cut);
  json_array_add_object_element (checks, check);
}

/* -- the end ------------------------------------------------------------------------------------------------
 */

static gboolean
is_green (JsonArray *checks)
{
  for (guint i = 0; i < json_array_get_length (checks); i++)
    if (strcmp (json_object_get_string_member (json_array_get_object_element (checks, i), "state"), "fail")
        == 0)
      return FALSE;
  return TRUE;
}

static void
finish (Doctor *d)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *report = json_object_new ();
  json_object_set_boolean_member (report, "green", is_green (d->checks));
  json_object_set_array_member (report, "checks", d->checks);
  json_node_take_object (node, report);
  if (d->vm && d->vm->core)
    {
      d->vm->probing = FALSE;
      sk_live_vm_retire (d->vm,
                         SK_BOTH ("Doctor used it; it is replaced.", "点検に使ったため、作り直します。"));
    }
  g_clear_pointer (&d->vm, sk_live_vm_unref);
  g_task_return_pointer (d->task, json_to_string (node, FALSE), g_free);
  g_object_unref (d->task);
  g_ptr_array_unref (d->canaries);
  g_ptr_array_unref (d->questions);
  g_hash_table_unref (d->results);
  g_free (d);
}

/* -- the guest ----------------------------------------------------------------------------------------------
 */

static void
report_results (Doctor *d)
{
  GHashTableIter iter;
  gpointer label, reached;
  if (d->failed_to_ask)
    sk_doctor_add (d->checks, "guest", SK_CHECK_FAIL, "The guest answered every question",
                   "ゲストがすべての問いに答えた",
                   SK_BOTH ("it did not: nothing is proved", "答えがなく、証明できません"));
  g_hash_table_iter_init (&iter, d->results);
  while (g_hash_table_iter_next (&iter, &label, &reached))
    {
      const char *found = ((GString *) reached)->str;
      g_autofree char *detail = g_strdup_printf ("%s%s%s", (char *) label, *found ? ": " : "", found);
      sk_doctor_add (d->checks, "unreachable", *found ? SK_CHECK_FAIL : SK_CHECK_OK,
                     "From inside a guest this cannot be reached", "ゲストの中から到達できない", detail);
    }
}

static void ask_next (Doctor *d);

/* Calls with every address of this host but the loopback's, up to a run's limit. */
static void
each_host_address (void (*call) (const char *address, gpointer data), gpointer data)
{
  struct ifaddrs *all = NULL;
  guint n = 0;
  if (getifaddrs (&all) < 0)
    return;
  for (struct ifaddrs *a = all; a && n < HOST_ADDRESSES_MAX; a = a->ifa_next)
    {
      char text[INET6_ADDRSTRLEN];
      if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
        continue;
      if (a->ifa_addr->sa_family == AF_INET)
        inet_ntop (AF_INET, &((struct sockaddr_in *) (void *) a->ifa_addr)->sin_addr, text, sizeof text);
      else if (a->ifa_addr->sa_family == AF_INET6)
        inet_ntop (AF_INET6, &((struct sockaddr_in6 *) (void *) a->ifa_addr)->sin6_addr, text, sizeof text);
      else
        continue;
      call (text, data);
      n++;
    }
  freeifaddrs (all);
}

typedef struct
{
  const char *text;
  gboolean found;
} Search;

static void
look_for (const char *address, gpointer data)
{
  Search *search = data;
  const char *at = strstr (search->text, address);
  if (at && at[strlen (address)] == '\0' && (at == search->text || at[-1] == ' '))
    search->found = TRUE;
}

/* The text ends with who answered. */
static gboolean
host_answered (const char *untrusted_text)
{
  Search search = { untrusted_text, FALSE };
  each_host_address (look_for, &search);
  return search.found;
}

/* The guest may end, or be ended, in the middle of its questions. */
static gboolean
is_there (Doctor *d)
{
  return d->vm->core && d->vm->agent && !sk_live_vm_is_dying (d->vm);
}

static void
no_more_questions (Doctor *d)
{
  report_results (d);
  finish (d);
}

static void
on_probe (gboolean result, const char *untrusted_text, char **untrusted_list, const GError *error,
          gpointer data)
{
  static const char *words[] = { "", "TCP", "UDP", "ICMP", "IPv6", "ARP" };
  g_autofree Asked *asked = data;
  Doctor *d = asked->doctor;
  GString *reached = g_hash_table_lookup (d->results, asked->question->label);
  if (error)
    d->failed_to_ask = TRUE;
  else if (result == 1
           && (strcmp (asked->question->address, ALL_NODES) != 0 || host_answered (untrusted_text)))
    g_string_append_printf (reached, "%s (%s) ", words[asked->question->kind], untrusted_text);
  d->answered++;
  ask_next (d);
}

/* Everything asked is answered before the run ends: its answers come here. */
static void
ask_next (Doctor *d)
{
  if (!is_there (d) && d->asked < d->questions->len)
    {
      d->failed_to_ask = TRUE;
      g_ptr_array_set_size (d->questions, (int) d->asked);
    }
  if (d->answered == d->questions->len)
    {
      no_more_questions (d);
      return;
    }
  while (d->asked < d->questions->len && d->asked - d->answered < PROBES_AT_ONCE)
    {
      Question *q = d->questions->pdata[d->asked++];
      const SkMessage m
          = { .type = SK_AGENT_PROBE, .n = { q->kind, q->port, PROBE_MS }, .s = { q->address } };
      Asked *asked = g_new (Asked, 1);
      *asked = (Asked){ d, q };
      sk_agent_link_call (d->vm->agent, &m, ANSWER_MS, on_probe, asked);
    }
}

static void
add_question (Doctor *d, const char *label, const char *address, guint port, SkProbe kind)
{
  Question *q = g_new (Question, 1);
  *q = (Question){ g_strdup (label), g_strdup (address), port, kind };
  g_ptr_array_add (d->questions, q);
  if (!g_hash_table_contains (d->results, label))
    g_hash_table_insert (d->results, g_strdup (label), g_string_new (""));
}

static void
add_target (Doctor *d, const char *what, const char *address, guint port)
{
  g_autofree char *label = g_strdup_printf ("%s %s:%u", what, address, port);
  if (strchr (address, ':'))
    {
      add_question (d, label, address, port, SK_PROBE_IPV6);
      add_question (d, label, address, port, SK_PROBE_TCP);
      return;
    }
  static const SkProbe kinds[] = { SK_PROBE_TCP, SK_PROBE_UDP, SK_PROBE_ICMP, SK_PROBE_ARP };
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    add_question (d, label, address, port, kinds[i]);
}

static void
add_host_address (const char *address, gpointer data)
{
  add_target (data, "host", address, 22);
}

static void
add_canaries (Doctor *d)
{
  for (guint i = 0; i < d->canaries->len; i++)
    {
      const char *text = d->canaries->pdata[i];
      const char *colon = strchr (text, ':');
      gboolean has_port = colon && !strchr (colon + 1, ':');
      g_autofree char *address = has_port ? g_strndup (text, (gsize) (colon - text)) : g_strdup (text);
      add_target (d, "canary", address,
                  has_port ? (guint) g_ascii_strtoull (colon + 1, NULL, 10) : DEFAULT_PORT);
    }
}

static void
on_inventory (gboolean ok, const char *untrusted_text, char **untrusted_list, const GError *error,
              gpointer data)
{
  Doctor *d = data;
  SkLivePool *pool = d->vm->core ? sk_core_pool (d->core, d->vm->row->pool) : NULL;
  g_autofree char *wrong = error ? g_strdup (error->message)
                                 : sk_doctor_judge_inventory (untrusted_list, pool && *pool->row->network);
  sk_doctor_add (d->checks, "guest-devices", wrong ? SK_CHECK_FAIL : SK_CHECK_OK,
                 "Inside a guest there is no shared disk or folder and no device but the listed ones",
                 "ゲストの中に共有ディスク・共有フォルダーや一覧外の装置がない", wrong);
  each_host_address (add_host_address, d);
  add_canaries (d);
  add_question (d, "host at IPv6 " ALL_NODES, ALL_NODES, 0, SK_PROBE_IPV6);
  ask_next (d);
}

static void
give_up (Doctor *d, const char *why)
{
  sk_doctor_add (d->checks, "guest", SK_CHECK_FAIL, "A guest can be asked", "ゲストに問い合わせられる", why);
  finish (d);
}

/* After a restart of the core the agent has to greet first. */
static void
ask_when_it_hears (gpointer data)
{
  Doctor *d = data;
  const SkMessage m = { .type = SK_AGENT_INVENTORY };
  d->timer = 0;
  if (!is_there (d))
    give_up (d, SK_BOTH ("it went away", "ゲストがいなくなりました"));
  else if (sk_agent_link_is_up (d->vm->agent))
    sk_agent_link_call (d->vm->agent, &m, ANSWER_MS, on_inventory, d);
  else if (sk_core_monotonic (d->core) > d->deadline)
    give_up (d, SK_BOTH ("its agent does not answer", "エージェントが応答しません"));
  else
    sk_timer_set (d->core->parts.clock, &d->timer, GREETING_LOOK_MS, ask_when_it_hears, d);
}

static void
on_resumed (const GError *error, gpointer data)
{
  Doctor *d = data;
  if (error)
    {
      give_up (d, error->message);
      return;
    }
  if (is_there (d))
    sk_agent_link_set_running (d->vm->agent, TRUE);
  d->deadline = sk_core_monotonic (d->core) + SK_HELLO_SECONDS * G_USEC_PER_SEC;
  ask_when_it_hears (d);
}

/* One whose pool has a network tells more: it has ways to try. */
static SkLiveVm *
choose_guest (SkCore *core)
{
  SkLiveVm *chosen = NULL;
  for (guint i = 0; i < core->vms->len; i++)
    {
      SkLiveVm *vm = core->vms->pdata[i];
      SkLivePool *pool = sk_core_pool (core, vm->row->pool);
      if (!sk_live_vm_is_free (vm) || !pool)
        continue;
      if (*pool->row->network)
        return vm;
      chosen = chosen ? chosen : vm;
    }
  return chosen;
}

static void
ask_guest (Doctor *d)
{
  SkLiveVm *vm = choose_guest (d->core);
  if (!vm)
    {
      sk_doctor_add (d->checks, "guest", SK_CHECK_WARN, "A guest can be asked", "ゲストに問い合わせられる",
                     SK_BOTH ("no VM without a user is ready; run doctor again in a minute",
                              "待機中の仮想マシンがありません。1 分ほどしてから再実行してください"));
      finish (d);
      return;
    }
  d->vm = sk_live_vm_ref (vm);
  d->vm->probing = TRUE;
  d->vm->running = TRUE;
  sk_hypervisor_resume (d->core->parts.hypervisor, d->vm->row->id, on_resumed, d);
}

/* -- the domains --------------------------------------------------------------------------------------------
 */

typedef struct
{
  Doctor *doctor;
  char *id, *network;
} Described;

static void
one_less (Doctor *d)
{
  if (--d->pending == 0)
    ask_guest (d);
}

static void
on_domain (const char *xml, const GError *error, gpointer data)
{
  Described *described = data;
  Doctor *d = described->doctor;
  g_autofree char *wrong
      = error ? g_strdup (error->message) : sk_doctor_judge_domain (xml, described->network);
  g_autofree char *detail = g_strdup_printf ("%s %s", described->id, wrong ? wrong : "");
  /* A VM that ended meanwhile has no devices. */
  if (!g_error_matches (error, SK_ERROR, SK_ERROR_NOT_FOUND))
    sk_doctor_add (
        d->checks, "domain", wrong ? SK_CHECK_FAIL : SK_CHECK_OK,
        "The VM has one disk, two serial ports, its bulk memory and at most the pool's network card",
        "仮想マシンの装置はディスク 1、シリアル 2、専用の転送メモリー、プールのネットワークカードだけ",
        g_strchomp (detail));
  g_free (described->id);
  g_free (described->network);
  g_free (described);
  one_less (d);
}

static void
on_versions (const char *text, const GError *error, gpointer data)
{
  Doctor *d = data;
  sk_doctor_add (d->checks, "hypervisor", error ? SK_CHECK_FAIL : SK_CHECK_OK, "libvirt and QEMU answer",
                 "libvirt と QEMU が応答する", error ? error->message : text);
  one_less (d);
}

static void
on_antivirus (gpointer data)
{
  one_less (data);
}

static void
check_transfers (Doctor *d)
{
  SkTransfers *transfers = d->core->parts.transfers;
  SkPolicyStatus status;
  if (!transfers)
    return;
  sk_transfers_policy_status (transfers, &status);
  sk_doctor_check_policy (&status, d->checks);
  d->pending++;
  sk_doctor_check_antivirus (sk_transfers_antivirus (transfers), d->checks, on_antivirus, d);
}

static void
describe_domains (Doctor *d)
{
  SkHypervisor *hypervisor = d->core->parts.hypervisor;
  d->pending = 1;
  check_transfers (d);
  for (guint i = 0; i < d->core->vms->len; i++)
    {
      SkLiveVm *vm = d->core->vms->pdata[i];
      SkLivePool *pool = sk_core_pool (d->core, vm->row->pool);
      if ((vm->row->state != SK_VM_WARM && vm->row->state != SK_VM_ATTACHED) || !pool)
        continue;
      Described *described = g_new (Described, 1);
      *described = (Described){ d, g_strdup (vm->row->id), g_strdup (pool->row->network) };
      d->pending++;
      sk_hypervisor_describe (hypervisor, vm->row->id, on_domain, described);
    }
  sk_hypervisor_describe (hypervisor, NULL, on_versions, d);
}

static gboolean
is_address (const char *untrusted_text)
{
  g_auto (GStrv) parts = g_strsplit (untrusted_text, ":", 2);
  if (g_hostname_is_ip_address (untrusted_text))
    return TRUE;
  guint64 port = parts[0] && parts[1] ? g_ascii_strtoull (parts[1], NULL, 10) : 0;
  return parts[0] && g_hostname_is_ip_address (parts[0]) && port > 0 && port < 65536;
}

static gboolean
take_canaries (Doctor *d, const char *untrusted_list, GError **error)
{
  g_auto (GStrv) items = g_strsplit (untrusted_list ? untrusted_list : "", ",", CANARIES_MAX + 1);
  for (char **item = items; *item; item++)
    {
      const char *text = g_strstrip (*item);
      if (!*text)
        continue;
      if (!is_address (text) || d->canaries->len >= CANARIES_MAX)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                       "canary \"%s\": up to %u of ADDRESS or ADDRESS:PORT", text, CANARIES_MAX);
          return FALSE;
        }
      g_ptr_array_add (d->canaries, g_strdup (text));
    }
  return TRUE;
}

void
sk_manager_doctor_async (SkManager *self, const char *canary, GAsyncReadyCallback callback, gpointer data)
{
  GError *error = NULL;
  Doctor *d = g_new0 (Doctor, 1);
  d->task = g_task_new (self, NULL, callback, data);
  d->core = sk_manager_core (self);
  d->checks = json_array_new ();
  d->canaries = g_ptr_array_new_with_free_func (g_free);
  d->questions = g_ptr_array_new_with_free_func (question_free);
  d->results = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, string_free);
  if (take_canaries (d, canary, &error))
    {
      sk_doctor_check_host (d->core, d->checks);
      describe_domains (d);
      return;
    }
  g_task_return_error (d->task, error);
  g_object_unref (d->task);
  json_array_unref (d->checks);
  g_ptr_array_unref (d->canaries);
  g_ptr_array_unref (d->questions);
  g_hash_table_unref (d->results);
  g_free (d);
}

char *
sk_manager_doctor_finish (SkManager *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
