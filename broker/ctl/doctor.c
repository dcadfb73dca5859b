#include "ctl/output.h"
#include <string.h>

static const SkColumn columns[] = {
  { "name", "name", SK_COLUMN_TEXT, "CHECK", "項目" },
  { "state", "state", SK_COLUMN_TEXT, "RESULT", "結果" },
  { "en", "en", SK_COLUMN_TEXT, "MEANING", "意味（英語）" },
  { "ja", "ja", SK_COLUMN_TEXT, "MEANING (Japanese)", "意味" },
  { "detail", "detail", SK_COLUMN_TEXT, "DETAIL", "詳細" },
  { NULL },
};

static const SkOption options[] = {
  { "canary", SK_OPTION_LIST, "ADDRESS[:PORT]", NULL,
    "an LGWAN address that no guest may reach; may be repeated",
    "ゲストから届いてはならない LGWAN のアドレス（複数可）" },
  { NULL },
};

static const struct
{
  const char *state, *en, *ja;
} words[] = {
  { "ok", "ok", "正常" },
  { "warn", "WARN", "注意" },
  { "fail", "FAIL", "異常" },
};

static const char *
state_word (const char *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].state, state) == 0)
      return SK_TR (words[i].en, words[i].ja);
  return state;
}

static void
print_check (JsonObject *check)
{
  g_autofree char *state = sk_output_clean (state_word (sk_json_get_string (check, "state", "?")));
  g_autofree char *padded = sk_output_pad (state, 4, FALSE);
  g_autofree char *text = sk_output_clean (
      sk_json_get_string (check, SK_TR ("en", "ja"), sk_json_get_string (check, "name", "?")));
  g_autofree char *both = sk_both_pick (sk_json_get_string (check, "detail", ""), sk_locale_is_japanese ());
  g_autofree char *detail = sk_output_clean (both);
  g_print ("%s  %s\n", padded, text);
  if (*detail)
    g_print ("      %s\n", detail);
}

static guint
count (JsonArray *checks, const char *state)
{
  guint n = 0;
  for (guint i = 0; i < json_array_get_length (checks); i++)
    n += g_strcmp0 (sk_json_get_string (json_array_get_object_element (checks, i), "state", ""), state) == 0;
  return n;
}

static void
print_page (JsonArray *checks)
{
  guint fails = count (checks, "fail"), warnings = count (checks, "warn");
  for (guint i = 0; i < json_array_get_length (checks); i++)
    print_check (json_array_get_object_element (checks, i));
  g_print (SK_TR ("\n%u checks: %u failed, %u warnings\n", "\n%u 項目: 異常 %u、注意 %u\n"),
           json_array_get_length (checks), fails, warnings);
}

/* What is not a report, or an empty one, must not look like a green one. */
static JsonArray *
get_checks (JsonNode *report, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (report) ? json_node_get_object (report) : NULL;
  JsonNode *node = object ? json_object_get_member (object, "checks") : NULL;
  JsonArray *checks = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  for (guint i = 0; checks && i < json_array_get_length (checks); i++)
    if (!JSON_NODE_HOLDS_OBJECT (json_array_get_element (checks, i)))
      checks = NULL;
  if (checks && json_array_get_length (checks) == 0)
    checks = NULL;
  if (!checks)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "doctor");
  return checks;
}

static char *
doctor_path (SkCtl *ctl)
{
  GString *path = g_string_new ("/1.0/doctor");
  GPtrArray *canaries = g_hash_table_lookup (ctl->options, "canary");
  for (guint i = 0; canaries && i < canaries->len; i++)
    {
      g_autofree char *escaped = g_uri_escape_string (g_ptr_array_index (canaries, i), NULL, FALSE);
      g_string_append_printf (path, "%ccanary=%s", i == 0 ? '?' : '&', escaped);
    }
  return g_string_free (path, FALSE);
}

/* Status 1 when a check failed; warnings alone are 0. */
static gboolean
run_doctor (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = doctor_path (ctl);
  g_autoptr (JsonNode) report = sk_ctl_call_and_wait (ctl, "GET", path, NULL, error);
  JsonArray *checks = report ? get_checks (report, error) : NULL;
  gboolean green;
  if (!checks)
    return FALSE;
  green = sk_json_get_bool (json_node_get_object (report), "green", FALSE);
  ctl->exit_status = green && count (checks, "fail") == 0 ? 0 : 1;
  if (ctl->format == SK_FORMAT_JSON)
    sk_output_json (report);
  else if (ctl->format == SK_FORMAT_CSV || ctl->columns)
    return sk_output_list (ctl, columns, json_object_get_member (json_node_get_object (report), "checks"),
                           error);
  else
    print_page (checks);
  return TRUE;
}

static const SkVerb verbs[] = {
  { NULL, NULL, 0, 0, NULL, options, run_doctor, "prove the isolation; status 1 when a check fails",
    "隔離を確かめる（異常があれば終了コード 1）" },
  { NULL },
};
const SkNoun sk_doctor_noun = { "doctor", verbs, "checks", "点検" };
