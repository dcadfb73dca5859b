/* What doctor sees from the host: versions, resources, bridges, cages, domains. */
#include "common/sandbox.h"
#include "core/doctor.h"
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* FACTS of 2026-11: below 3.32 FreeRDP has known holes that a malicious server, our guest, can reach. */
#define FREERDP_GOOD_MAJOR 3
#define FREERDP_GOOD_MINOR 32
/* Less than one more VM of the smallest useful size. */
#define MEMORY_WARN_MIB 1536
/* An overlay of a busy day is 1 to 2 GiB; a save file as large as the guest's memory. */
#define DISK_WARN_MIB 8192
#define DISK_FAIL_MIB 1024

static void
check_freerdp (JsonArray *checks)
{
  glob_t found = { 0 };
  guint major = 0, minor = 0;
  if (glob ("/usr/lib/*/libfreerdp3.so.3.*", 0, NULL, &found) == 0)
    {
      g_autofree char *base = g_path_get_basename (found.gl_pathv[0]);
      sscanf (base, "libfreerdp3.so.%u.%u", &major, &minor);
    }
  globfree (&found);
  g_autofree char *version = g_strdup_printf ("%u.%u", major, minor);
  gboolean good = major > FREERDP_GOOD_MAJOR || (major == FREERDP_GOOD_MAJOR && minor >= FREERDP_GOOD_MINOR);
  g_autofree char *detail
      = good ? g_strdup (version)
             : g_strdup_printf (
                 "%s: " SK_BOTH (
                     "below 3.32 it has known holes that a guest can reach; the sandbox holds, but update it",
                     "3.32 未満には既知の欠陥があります。サンドボックスで防いでいますが、更新してください"),
                 version);
  sk_doctor_add (checks, "freerdp", good ? SK_CHECK_OK : SK_CHECK_WARN, "FreeRDP is recent",
                 "FreeRDP が新しい", detail);
}

static guint64
available_memory_mib (void)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return 0;
  const char *line = strstr (text, "MemAvailable:");
  return line ? g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10) / 1024 : 0;
}

static void
check_resources (SkCore *core, JsonArray *checks)
{
  struct statvfs disk = { 0 };
  const char *path = core->images->len > 0 ? ((SkImage *) core->images->pdata[0])->path : "/var/lib";
  guint64 memory = available_memory_mib ();
  guint64 free_mib = statvfs (path, &disk) == 0 ? (guint64) disk.f_bavail * disk.f_frsize >> 20 : 0;
  g_autofree char *memory_text = g_strdup_printf ("%" G_GUINT64_FORMAT " MiB", memory);
  g_autofree char *disk_text = g_strdup_printf ("%" G_GUINT64_FORMAT " MiB (%s)", free_mib, path);
  sk_doctor_add (checks, "memory", memory < MEMORY_WARN_MIB ? SK_CHECK_WARN : SK_CHECK_OK,
                 "Memory is free for another VM", "もう 1 台分のメモリの空きがある", memory_text);
  sk_doctor_add (checks, "disk",
                 free_mib < DISK_FAIL_MIB   ? SK_CHECK_FAIL
                 : free_mib < DISK_WARN_MIB ? SK_CHECK_WARN
                                            : SK_CHECK_OK,
                 "Disk space is free", "ディスクの空きがある", disk_text);
}

/* The addresses that the host has on an interface; "" when none. */
static char *
addresses_on (const char *interface)
{
  struct ifaddrs *all = NULL;
  GString *found = g_string_new ("");
  if (getifaddrs (&all) == 0)
    for (struct ifaddrs *a = all; a; a = a->ifa_next)
      if (strcmp (a->ifa_name, interface) == 0 && a->ifa_addr
          && (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6))
        g_string_append (found, a->ifa_addr->sa_family == AF_INET ? "IPv4 " : "IPv6 ");
  if (all)
    freeifaddrs (all);
  return g_string_free (found, FALSE);
}

static void
check_bridges (SkCore *core, JsonArray *checks)
{
  for (guint i = 0; i < core->pools->len; i++)
    {
      SkLivePool *pool = core->pools->pdata[i];
      const char *bridge = pool->row->network;
      g_autofree char *found = *bridge ? addresses_on (bridge) : g_strdup ("");
      gboolean missing = *bridge && if_nametoindex (bridge) == 0;
      g_autofree char *detail
          = g_strdup_printf ("%s: %s %s%s", pool->row->name, *bridge ? bridge : "-", found,
                             missing ? SK_BOTH ("does not exist", "がありません") : "");
      sk_doctor_add (checks, "bridge", *found || missing ? SK_CHECK_FAIL : SK_CHECK_OK,
                     "The host has no address on the VMs' bridge",
                     "仮想マシン用ブリッジにホストのアドレスがない", g_strchomp (detail));
    }
}

static guint
check_cage (SkWorker *worker, GString *bad)
{
  g_autoptr (GError) error = NULL;
  int pid = worker ? sk_worker_pid (worker) : 0;
  if (!worker || sk_worker_is_dead (worker))
    return 0;
  if (pid == 0 || !sk_sandbox_check_process (pid, &error))
    g_string_append_printf (bad, "%s %s: %s; ",
                            sk_worker_kind (worker) == SK_WORKER_SCREEN ? "screen" : "view",
                            sk_worker_id (worker), error ? error->message : "no process");
  return 1;
}

static void
check_cages (SkCore *core, JsonArray *checks)
{
  g_autoptr (GString) bad = g_string_new ("");
  guint n = 0;
  for (guint i = 0; i < core->vms->len; i++)
    n += check_cage (((SkLiveVm *) core->vms->pdata[i])->screen, bad);
  for (guint i = 0; i < core->sessions->len; i++)
    n += check_cage (((SkLiveSession *) core->sessions->pdata[i])->view, bad);
  for (guint i = 0; i < core->spares->len; i++)
    if (sk_worker_is_ready (core->spares->pdata[i]))
      n += check_cage (core->spares->pdata[i], bad);
  g_autofree char *count = g_strdup_printf (SK_BOTH ("%u processes", "%u プロセス"), n, n);
  sk_doctor_add (checks, "sandbox",
                 bad->len ? SK_CHECK_FAIL
                 : n      ? SK_CHECK_OK
                          : SK_CHECK_WARN,
                 "Every screen and view is in its sandbox",
                 "画面の中継プロセスがすべてサンドボックスの中にある", bad->len ? bad->str : count);
}

/* What sekisho-screen says it asked the guest for: a channel that was not asked for cannot be opened by the
 * guest
 * ([MS-RDPBCGR] 2.2.1.3.4, the client names the static channels; [MS-RDPEDYC] the client's plug-ins). */
static void
check_channels (SkCore *core, JsonArray *checks)
{
  g_autoptr (GString) bad = g_string_new ("");
  guint n = 0;
  for (guint i = 0; i < core->vms->len; i++)
    {
      SkWorker *screen = ((SkLiveVm *) core->vms->pdata[i])->screen;
      if (!screen || sk_worker_is_dead (screen) || !*sk_worker_said (screen))
        continue;
      n++;
      if (strcmp (sk_worker_said (screen), SK_SCREEN_CHANNELS) != 0)
        g_string_append_printf (bad, "%s: %s; ", sk_worker_id (screen), sk_worker_said (screen));
    }
  sk_doctor_add (checks, "rdp-channels", bad->len ? SK_CHECK_FAIL : SK_CHECK_OK,
                 "No RDP channel to a guest is open but those for the window's size and for sound",
                 "ゲストとの RDP チャネルは画面サイズ用と音声用だけで、ほかは閉じている",
                 bad->len ? bad->str
                 : n      ? SK_SCREEN_CHANNELS
                          : SK_BOTH ("no guest is connected", "接続中のゲストはありません"));
}

void
sk_doctor_check_host (SkCore *core, JsonArray *checks)
{
  check_freerdp (checks);
  check_resources (core, checks);
  check_bridges (core, checks);
  check_cages (core, checks);
  check_channels (core, checks);
}

/* -- a domain's devices -------------------------------------------------------------------------------------
 */

typedef struct
{
  const char *network;
  guint depth, disks, interfaces, channels, memories;
  gboolean in_devices;
  char *name; /* of the domain */
  char *wrong;
} Judge;

static const char *
attribute (const char *name, const char **names, const char **values)
{
  for (; *names; names++, values++)
    if (strcmp (*names, name) == 0)
      return *values;
  return "";
}

static void
judge_device (Judge *judge, const char *element, const char **names, const char **values)
{
  /* What libvirt adds to every q35 machine, and what we ask for. Anything else is a way across. */
  static const char *const harmless[]
      = { "emulator", "controller", "rng", "memballoon", "watchdog", "panic", "audio", NULL };
  const char *type = attribute ("type", names, values);
  if (g_strv_contains (harmless, element))
    return;
  if (strcmp (element, "input") == 0 && strcmp (attribute ("bus", names, values), "ps2") == 0)
    return;
  if (strcmp (element, "disk") == 0 && strcmp (attribute ("device", names, values), "disk") == 0
      && ++judge->disks == 1)
    return;
  if (strcmp (element, "channel") == 0 && strcmp (type, "unix") == 0 && ++judge->channels <= 2)
    return;
  if (strcmp (element, "interface") == 0 && *judge->network && strcmp (type, "bridge") == 0
      && ++judge->interfaces == 1)
    return;
  /* Of its own: one that two domains share is a way from one to the other. */
  if (strcmp (element, "shmem") == 0 && g_strcmp0 (attribute ("name", names, values), judge->name) == 0
      && ++judge->memories == 1)
    return;
  judge->wrong = g_strdup_printf ("<%s type='%s'>", element, type);
}

static void
on_start (GMarkupParseContext *context, const char *element, const char **names, const char **values,
          gpointer data, GError **error)
{
  Judge *judge = data;
  judge->depth++;
  if (judge->depth == 2)
    judge->in_devices = strcmp (element, "devices") == 0;
  else if (judge->depth == 3 && judge->in_devices && !judge->wrong)
    judge_device (judge, element, names, values);
  else if (judge->depth == 4 && judge->in_devices && !judge->wrong && strcmp (element, "source") == 0
           && *attribute ("bridge", names, values)
           && strcmp (attribute ("bridge", names, values), judge->network) != 0)
    judge->wrong = g_strdup_printf ("bridge %s", attribute ("bridge", names, values));
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
  Judge *judge = data;
  if (judge->depth == 2 && !judge->name && strcmp (g_markup_parse_context_get_element (context), "name") == 0)
    judge->name = g_strdup (text);
}

static void
on_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  ((Judge *) data)->depth--;
}

char *
sk_doctor_judge_domain (const char *xml, const char *network)
{
  static const GMarkupParser parser = { .start_element = on_start, .end_element = on_end, .text = on_text };
  Judge judge = { .network = network };
  g_autoptr (GError) error = NULL;
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &judge, NULL);
  const gboolean parsed = g_markup_parse_context_parse (context, xml, -1, &error)
                          && g_markup_parse_context_end_parse (context, &error);
  g_free (judge.name);
  if (parsed)
    return judge.wrong;
  g_free (judge.wrong);
  return g_strdup (error->message);
}
