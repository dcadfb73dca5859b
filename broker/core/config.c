#include "core/config.h"
#include "common/error.h"
#include "common/i18n.h"
#include "inspect/antivirus.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE "/etc/sekisho/sekishod.conf"
#define GROUP "sekishod"
/* Enough for any host; more is a typing mistake. */
#define NUMBER_MAX 64
/* A century. */
#define DAYS_MAX 36525

void
sk_config_free (SkConfig *config)
{
  if (!config)
    return;
  g_free (config->state_dir);
  g_free (config->runtime_dir);
  g_free (config->socket);
  g_free (config->libexec_dir);
  g_free (config->image_dir);
  g_free (config->policy_dir);
  g_free (config->organisation);
  g_free (config->antivirus);
  g_free (config->syslog_tls);
  g_free (config->syslog_ca);
  g_free (config->audit_jsonl);
  g_free (config->uri);
  g_free (config);
}

typedef struct
{
  const char *name;
  gsize offset;
  int maximum; /* of a number; 0: a text */
} Key;

static const Key keys[] = {
  { "state-dir", G_STRUCT_OFFSET (SkConfig, state_dir) },
  { "runtime-dir", G_STRUCT_OFFSET (SkConfig, runtime_dir) },
  { "socket", G_STRUCT_OFFSET (SkConfig, socket) },
  { "libexec-dir", G_STRUCT_OFFSET (SkConfig, libexec_dir) },
  { "image-dir", G_STRUCT_OFFSET (SkConfig, image_dir) },
  { "policy-dir", G_STRUCT_OFFSET (SkConfig, policy_dir) },
  { "organisation", G_STRUCT_OFFSET (SkConfig, organisation) },
  { "antivirus", G_STRUCT_OFFSET (SkConfig, antivirus) },
  { "uri", G_STRUCT_OFFSET (SkConfig, uri) },
  { "syslog-tls", G_STRUCT_OFFSET (SkConfig, syslog_tls) },
  { "syslog-ca", G_STRUCT_OFFSET (SkConfig, syslog_ca) },
  { "audit-jsonl", G_STRUCT_OFFSET (SkConfig, audit_jsonl) },
  { "audit-transfer-days", G_STRUCT_OFFSET (SkConfig, audit_transfer_days), DAYS_MAX },
  { "audit-session-days", G_STRUCT_OFFSET (SkConfig, audit_session_days), DAYS_MAX },
  { "audit-other-days", G_STRUCT_OFFSET (SkConfig, audit_other_days), DAYS_MAX },
  { "max-boots", G_STRUCT_OFFSET (SkConfig, max_boots), NUMBER_MAX },
  { "spare-views", G_STRUCT_OFFSET (SkConfig, spare_views), NUMBER_MAX },
};

static gboolean
invalid (GError **error, const char *what, const char *value)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s: %s", what, value);
  return FALSE;
}

/* Only what the command line left open. */
static gboolean
take_key (SkConfig *config, GKeyFile *file, const char *name, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      if (strcmp (keys[i].name, name) != 0)
        continue;
      if (keys[i].maximum && G_STRUCT_MEMBER (int, config, keys[i].offset) < 0)
        {
          g_autofree char *text = g_key_file_get_value (file, GROUP, name, NULL);
          gint64 value = 0;
          if (!g_ascii_string_to_signed (text, 10, 0, keys[i].maximum, &value, NULL))
            return invalid (error, name, text);
          G_STRUCT_MEMBER (int, config, keys[i].offset) = (int) value;
        }
      else if (!keys[i].maximum && !G_STRUCT_MEMBER (char *, config, keys[i].offset))
        G_STRUCT_MEMBER (char *, config, keys[i].offset) = g_key_file_get_string (file, GROUP, name, NULL);
      return TRUE;
    }
  return invalid (error, CONFIG_FILE " has an unknown key", name);
}

static gboolean
read_file (SkConfig *config, const char *path, gboolean needed, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) bad = NULL;
  g_auto (GStrv) names = NULL;
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &bad))
    return (!needed && g_error_matches (bad, G_FILE_ERROR, G_FILE_ERROR_NOENT))
           || invalid (error, path, bad->message);
  names = g_key_file_get_keys (file, GROUP, NULL, NULL);
  for (gsize i = 0; names && names[i]; i++)
    if (!take_key (config, file, names[i], error))
      return FALSE;
  return TRUE;
}

static void
set_default (char **value, char *take_default)
{
  if (!*value)
    *value = take_default;
  else
    g_free (take_default);
}

/* A century at most, and what is not said is for ever. */
static gboolean
check_days (int *days, GError **error)
{
  if (*days > DAYS_MAX)
    return invalid (error, "audit-…-days", "0 to 36525");
  *days = MAX (*days, 0);
  return TRUE;
}

/* HOST:PORT, [ADDRESS]:PORT. */
static gboolean
check_syslog (const SkConfig *config, GError **error)
{
  g_autoptr (GSocketConnectable) target
      = config->syslog_tls ? g_network_address_parse (config->syslog_tls, 0, NULL) : NULL;
  if (config->syslog_tls && (!target || g_network_address_get_port (G_NETWORK_ADDRESS (target)) == 0))
    return invalid (error, "syslog-tls: HOST:PORT", config->syslog_tls);
  if (config->syslog_ca && !g_path_is_absolute (config->syslog_ca))
    return invalid (error, "not an absolute path", config->syslog_ca);
  if (config->audit_jsonl && !g_path_is_absolute (config->audit_jsonl))
    return invalid (error, "not an absolute path", config->audit_jsonl);
  return TRUE;
}

static gboolean
finish (SkConfig *config, GError **error)
{
  const char **paths[] = { (const char **) &config->state_dir, (const char **) &config->runtime_dir,
                           (const char **) &config->socket,    (const char **) &config->libexec_dir,
                           (const char **) &config->image_dir, (const char **) &config->policy_dir };
  set_default (&config->state_dir, g_strdup ("/var/lib/sekisho"));
  set_default (&config->runtime_dir, g_strdup ("/run/sekisho"));
  set_default (&config->socket, g_build_filename (config->runtime_dir, "api.sock", NULL));
  set_default (&config->libexec_dir, g_strdup (SK_LIBEXECDIR));
  set_default (&config->image_dir, g_build_filename (config->state_dir, "images", NULL));
  set_default (&config->policy_dir, g_strdup (SK_POLICY_DIR));
  set_default (&config->organisation, g_strdup ("local"));
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    if (!g_path_is_absolute (*paths[i]))
      return invalid (error, "not an absolute path", *paths[i]);
  if (!check_syslog (config, error) || !check_days (&config->audit_transfer_days, error)
      || !check_days (&config->audit_session_days, error) || !check_days (&config->audit_other_days, error))
    return FALSE;
  if (config->max_boots > NUMBER_MAX || config->spare_views > NUMBER_MAX)
    return invalid (error, "max-boots and spare-views", "0 to 64");
  if (config->max_boots <= 0)
    config->max_boots = (int) MAX (g_get_num_processors () / 2, 1);
  if (config->spare_views < 0)
    config->spare_views = 2;
  g_autoptr (SkAntivirus) antivirus = sk_antivirus_new (config->antivirus, error);
  return antivirus != NULL;
}

static void
print_version (void)
{
  printf ("sekishod %s\n", SK_VERSION);
  exit (0);
}

SkConfig *
sk_config_load (int *argc, char ***argv, GError **error)
{
  g_autoptr (SkConfig) config = g_new0 (SkConfig, 1);
  g_autofree char *path = NULL;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &config->state_dir,
      SK_TR ("Database, disks and images (/var/lib/sekisho)", "データベース、ディスク、イメージの場所"),
      "DIR" },
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &config->runtime_dir,
      SK_TR ("Sockets (/run/sekisho)", "ソケットの場所"), "DIR" },
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &config->socket,
      SK_TR ("The API's socket (RUNTIME-DIR/api.sock)", "API のソケット"), "PATH" },
    { "libexec-dir", 0, 0, G_OPTION_ARG_FILENAME, &config->libexec_dir,
      SK_TR ("Where sekisho-screen and sekisho-view are", "sekisho-screen と sekisho-view の場所"), "DIR" },
    { "image-dir", 0, 0, G_OPTION_ARG_FILENAME, &config->image_dir,
      SK_TR ("Where built images go (STATE-DIR/images)", "作成したイメージの場所"), "DIR" },
    { "policy-dir", 0, 0, G_OPTION_ARG_FILENAME, &config->policy_dir,
      SK_TR ("The rules for what may cross (" SK_POLICY_DIR ")", "転送の規則の場所"), "DIR" },
    { "organisation", 0, 0, G_OPTION_ARG_STRING, &config->organisation,
      SK_TR ("Of people whom the personnel list gives none (local)", "名簿に団体のない人の団体名"), "NAME" },
    { "antivirus", 0, 0, G_OPTION_ARG_STRING, &config->antivirus,
      SK_TR (
          "clamd:/PATH, clamd:HOST:PORT, icap://HOST[:PORT]/SERVICE or none (Debian's clamd where it runs)",
          "ウイルス検査ソフト（省略時: Debian の clamd があればそれ）"),
      "ADDRESS" },
    { "syslog-tls", 0, 0, G_OPTION_ARG_STRING, &config->syslog_tls,
      SK_TR ("Whom the audit trail is sent to, syslog over TLS (nobody)",
             "監査記録の送信先（TLS の syslog）"),
      "HOST:PORT" },
    { "syslog-ca", 0, 0, G_OPTION_ARG_FILENAME, &config->syslog_ca,
      SK_TR ("Who signs its certificate (those whom the system trusts)", "送信先の証明書を発行した認証局"),
      "FILE" },
    { "audit-jsonl", 0, 0, G_OPTION_ARG_FILENAME, &config->audit_jsonl,
      SK_TR ("File that gets the audit trail as JSON lines (none)", "監査記録を JSON の行で書き出すファイル"),
      "FILE" },
    { "audit-transfer-days", 0, 0, G_OPTION_ARG_INT, &config->audit_transfer_days,
      SK_TR ("Days that the trail keeps details of transfers; 0: for ever (0)",
             "転送の記録の詳細を残す日数（0: 無期限）"),
      "DAYS" },
    { "audit-session-days", 0, 0, G_OPTION_ARG_INT, &config->audit_session_days,
      SK_TR ("... of sessions (0)", "セッションの記録の詳細を残す日数（0: 無期限）"), "DAYS" },
    { "audit-other-days", 0, 0, G_OPTION_ARG_INT, &config->audit_other_days,
      SK_TR ("... of everything else (0)", "その他の記録の詳細を残す日数（0: 無期限）"), "DAYS" },
    { "uri", 0, 0, G_OPTION_ARG_STRING, &config->uri, SK_TR ("libvirt's (qemu:///system)", "libvirt の URI"),
      "URI" },
    { "max-boots", 0, 0, G_OPTION_ARG_INT, &config->max_boots,
      SK_TR ("VMs that boot at once (one for every two CPUs)", "同時に起動する仮想マシンの数"), "N" },
    { "spare-views", 0, 0, G_OPTION_ARG_INT, &config->spare_views,
      SK_TR ("Views kept ready (2)", "待機させておくビューの数"), "N" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &path,
      SK_TR ("Configuration file (" CONFIG_FILE ")", "設定ファイル"), "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, SK_TR ("Print the version", "バージョンを表示"), NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  config->max_boots = config->spare_views = -1;
  config->audit_transfer_days = config->audit_session_days = config->audit_other_days = -1;
  g_option_context_set_summary (context,
                                SK_TR ("The broker of Sekisho: isolated internet desktops.",
                                       "Sekisho のブローカー：隔離されたインターネット用デスクトップ。"));
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return NULL;
  if (version)
    print_version ();
  if (*argc > 1)
    {
      invalid (error, "unexpected", (*argv)[1]);
      return NULL;
    }
  if (!read_file (config, path ? path : CONFIG_FILE, path != NULL, error) || !finish (config, error))
    return NULL;
  return g_steal_pointer (&config);
}
