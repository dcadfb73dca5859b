/* The audit trail: what happened, and whether the record of it is whole. */
#include "ctl/output.h"
#include <string.h>

static const SkColumn columns[] = {
  { "seq", "seq", SK_COLUMN_NUMBER, "NO", "番号" },
  { "time", "time", SK_COLUMN_TIME, "TIME", "日時" },
  { "actor", "actor", SK_COLUMN_TEXT, "WHO", "操作者" },
  { "action", "action", SK_COLUMN_TEXT, "WHAT", "内容" },
  { "object", "object", SK_COLUMN_TEXT, "ABOUT", "対象" },
  { "organisation", "organisation", SK_COLUMN_TEXT, "ORGANISATION", "団体", TRUE },
  { "matter", "matter", SK_COLUMN_TEXT, "MATTER", "案件", TRUE },
  { "details", "details", SK_COLUMN_TEXT, "DETAILS", "詳細", TRUE },
  { "hash", "hash", SK_COLUMN_TEXT, "HASH", "ハッシュ", TRUE },
  { NULL },
};

static const SkColumn fault_columns[] = {
  { "organisation", "organisation", SK_COLUMN_TEXT, "ORGANISATION", "団体" },
  { "seq", "seq", SK_COLUMN_NUMBER, "NO", "番号" },
  { "fault", "fault", SK_COLUMN_TEXT, "WRONG", "異常" },
  { NULL },
};

static const SkOption list_options[] = {
  { "object", SK_OPTION_TEXT, "ID", NULL, "only rows about this transfer", "この転送に関するものだけ" },
  { "actor", SK_OPTION_TEXT, "USER", NULL, "only what this user did", "この利用者の操作だけ" },
  { NULL },
};

/* sk_ctl_path() only looks whether it could be one. */
static gboolean
add_query (GString *path, SkCtl *ctl, const char *key, GError **error)
{
  const char *value = sk_ctl_text (ctl, key);
  g_autofree char *checked = value ? sk_ctl_path ("", value, error) : g_strdup ("");
  if (checked && value)
    g_string_append_printf (path, "%c%s=%s", strchr (path->str, '?') ? '&' : '?', key, value);
  return checked != NULL;
}

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (GString) path = g_string_new ("/1.0/audit");
  if (!add_query (path, ctl, "object", error) || !add_query (path, ctl, "actor", error))
    return FALSE;
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", path->str, NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

/* Faults are bad news: the exit status says so as well. */
static gboolean
run_verify (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) answer = sk_ctl_call (ctl, "POST", "/1.0/audit/verify", NULL, error);
  if (!answer)
    return FALSE;
  JsonObject *object = json_node_get_object (answer);
  JsonNode *faults = json_object_get_member (object, "faults");
  const guint n = json_array_get_length (json_node_get_array (faults));
  ctl->exit_status = n > 0 ? 1 : 0;
  if (ctl->format == SK_FORMAT_JSON)
    {
      sk_output_json (answer);
      return TRUE;
    }
  if (n > 0)
    return sk_output_list (ctl, fault_columns, faults, error);
  g_print (SK_TR ("%d rows, all as they were written\n", "%d 行。すべて書き込まれたとおりです\n"),
           (int) sk_json_get_int (object, "rows", 0));
  return TRUE;
}

static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list, "list what happened, the newest first",
    "記録の一覧（新しい順）" },
  { "verify", NULL, 0, 0, NULL, NULL, run_verify, "check that nothing of it was changed",
    "記録が変更されていないことを確かめる" },
  { NULL },
};
const SkNoun sk_audit_noun = { "audit", verbs, "the audit trail", "監査記録" };
