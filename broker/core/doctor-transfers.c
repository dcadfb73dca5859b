/* What doctor sees of the crossings: the rules in force, and the antivirus. */
#include "core/doctor.h"
#include <string.h>

/* ClamAV's signatures are made every day; a long weekend without the mirror is still no fault. */
#define SIGNATURES_WARN_DAYS 4
#define DAY_US ((gint64) 24 * 3600 * G_USEC_PER_SEC)
/* Enough of a version to tell two apart. */
#define VERSION_CHARS 12

/* -- the rules ----------------------------------------------------------------------------------------------
 */

static void
add_policy (JsonArray *checks, SkCheckState state, const char *detail)
{
  sk_doctor_add (checks, "policy", state, "The rules in force are the ones in the folder",
                 "有効な規則がフォルダーの規則と一致している", detail);
}

/* The file and line first: the rest may be cut. */
static void
add_bad_policy (JsonArray *checks, const SkPolicyStatus *status, const char *message)
{
  g_autofree char *en = sk_both_pick (message, FALSE), *ja = sk_both_pick (message, TRUE);
  const gboolean any = *status->version != '\0';
  g_autofree char *detail = g_strdup_printf (
      "%s. %s: sekishoctl policy reload / %s。%s（sekishoctl policy reload）", en,
      any ? "The set before it stays in force; mend it, then" : "Nothing crosses; mend it, then", ja,
      any ? "以前の規則が有効なままです。直してから再読み込みしてください"
          : "何も転送できません。直してから再読み込みしてください");
  add_policy (checks, SK_CHECK_FAIL, detail);
}

void
sk_doctor_check_policy (const SkPolicyStatus *status, JsonArray *checks)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPolicySet) set = sk_policy_load (status->directory, &error);
  if (!set)
    add_bad_policy (checks, status, error->message);
  else if (strcmp (sk_policy_version (set), status->version) == 0)
    {
      g_autofree char *detail = g_strdup_printf ("%.*s, %u", VERSION_CHARS, status->version, status->rules);
      add_policy (checks, SK_CHECK_OK, detail);
    }
  else if (status->error)
    add_bad_policy (checks, status, status->error);
  else
    add_policy (checks, SK_CHECK_WARN,
                SK_BOTH ("the folder was changed since; run sekishoctl policy reload",
                         "フォルダーが変更されています。sekishoctl policy reload を実行してください"));
}

/* -- the antivirus ------------------------------------------------------------------------------------------
 */

static void
add_antivirus (JsonArray *checks, SkCheckState state, const char *detail)
{
  sk_doctor_add (checks, "antivirus", state, "The antivirus answers and its signatures are recent",
                 "ウイルス検査ソフトが応答し、定義ファイルが新しい", detail);
}

void
sk_doctor_judge_scanner (const char *address, gboolean configured, const SkScan *said, gint64 now,
                         JsonArray *checks)
{
  const gint64 made = said ? sk_antivirus_signature_time (said->scanner) : 0;
  g_autofree char *en = sk_both_pick (said ? said->why : "", FALSE);
  g_autofree char *ja = sk_both_pick (said ? said->why : "", TRUE);
  g_autofree char *detail = NULL;
  if (!configured)
    {
      add_antivirus (
          checks, SK_CHECK_WARN,
          SK_BOTH ("none is set up: what crosses is rebuilt but not scanned; install clamav-daemon "
                   "or see --antivirus of sekishod(8)",
                   "設定されていません。無害化だけを行います。clamav-daemon を導入するか、sekishod(8) "
                   "の --antivirus を参照してください"));
      return;
    }
  if (!said || !*said->scanner)
    detail
        = g_strdup_printf ("%s: %s; start it (systemctl status clamav-daemon), and see --antivirus of "
                           "sekishod(8) / %s: %s。起動し（systemctl status clamav-daemon）、sekishod(8) の "
                           "--antivirus も確認してください",
                           address, en, address, ja);
  else if (made && now - made > SIGNATURES_WARN_DAYS * DAY_US)
    detail = g_strdup_printf (
        "%s: " SK_BOTH ("signatures of %d days ago; run freshclam, or look at the mirror it uses",
                        "定義ファイルが %d 日前のものです。freshclam を実行するか、配信元を確認してください"),
        said->scanner, (int) ((now - made) / DAY_US), (int) ((now - made) / DAY_US));
  add_antivirus (checks,
                 !said || !*said->scanner ? SK_CHECK_FAIL
                 : detail                 ? SK_CHECK_WARN
                                          : SK_CHECK_OK,
                 detail ? detail : said->scanner);
}

typedef struct
{
  SkAntivirus *antivirus;
  JsonArray *checks;
  void (*done) (gpointer data);
  gpointer data;
} Probe;

static void
on_probed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Probe *probe = data;
  g_autoptr (SkScan) said = sk_antivirus_probe_finish (probe->antivirus, result, NULL);
  sk_doctor_judge_scanner (probe->antivirus ? sk_antivirus_address (probe->antivirus) : "",
                           sk_antivirus_is_configured (probe->antivirus), said, g_get_real_time (),
                           probe->checks);
  probe->done (probe->data);
}

void
sk_doctor_check_antivirus (SkAntivirus *antivirus, JsonArray *checks, void (*done) (gpointer data),
                           gpointer data)
{
  Probe *probe = g_new (Probe, 1);
  *probe = (Probe){ antivirus, checks, done, data };
  sk_antivirus_probe_async (antivirus, on_probed, probe);
}
