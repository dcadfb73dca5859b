/* The personnel list, and deputies. */
#include "ctl/output.h"

static const SkColumn columns[] = {
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "name", "name", SK_COLUMN_TEXT, "NAME", "氏名" },
  { "section", "section", SK_COLUMN_TEXT, "SECTION", "所属" },
  { "role", "role", SK_COLUMN_TEXT, "ROLE", "役割" },
  { "since", "since", SK_COLUMN_TIME, "SINCE", "開始" },
  { "until", "until", SK_COLUMN_TIME, "UNTIL", "終了" },
  { "organisation", "organisation", SK_COLUMN_TEXT, "ORGANISATION", "団体", TRUE },
  { NULL },
};

static const SkColumn delegation_columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "user", "user", SK_COLUMN_TEXT, "FOR", "本人" },
  { "deputy", "deputy", SK_COLUMN_TEXT, "DEPUTY", "代理" },
  { "since", "since", SK_COLUMN_TIME, "SINCE", "開始" },
  { "until", "until", SK_COLUMN_TIME, "UNTIL", "終了" },
  { "reason", "reason", SK_COLUMN_TEXT, "REASON", "理由" },
  { "author", "author", SK_COLUMN_TEXT, "ENTERED BY", "登録者", TRUE },
  { NULL },
};

static const SkOption delegate_options[] = {
  { "for", SK_OPTION_TEXT, "USER", "user", "whose deputy (administrators; default: yours)",
    "誰の代理か（管理者。省略時: 自分）" },
  { "since", SK_OPTION_TEXT, "DATE", "since", "first day, YYYY-MM-DD", "開始日" },
  { "until", SK_OPTION_TEXT, "DATE", "until", "last day, YYYY-MM-DD", "終了日" },
  { "reason", SK_OPTION_TEXT, "TEXT", "reason", "why", "理由" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/people", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
run_import (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *csv = NULL;
  g_autoptr (GError) wrong = NULL;
  if (!g_file_get_contents (arguments[0], &csv, NULL, &wrong))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "%s", wrong->message);
      return FALSE;
    }
  g_autoptr (JsonObject) body = json_object_new ();
  json_object_set_string_member (body, "csv", csv);
  g_autoptr (JsonNode) answer = sk_ctl_call (ctl, "PUT", "/1.0/people", body, error);
  if (!answer)
    return FALSE;
  if (ctl->format == SK_FORMAT_JSON)
    sk_output_json (answer);
  else
    g_print (SK_TR ("%d lines are in force\n", "%d 行を反映しました\n"),
             (int) sk_json_get_int (json_node_get_object (answer), "lines", 0));
  return TRUE;
}

static gboolean
run_deputies (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/delegations", NULL, error);
  return rows && sk_output_list (ctl, delegation_columns, rows, error);
}

static gboolean
run_delegate (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonObject) body = sk_ctl_body (ctl, sk_ctl_find_verb (&sk_people_noun, "delegate"), error);
  if (!body)
    return FALSE;
  json_object_set_string_member (body, "deputy", arguments[0]);
  g_autoptr (JsonNode) answer = sk_ctl_call (ctl, "POST", "/1.0/delegations", body, error);
  return answer && run_deputies (ctl, arguments, error);
}

static gboolean
run_undelegate (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/delegations", arguments[0], error);
}

static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_list, "show the personnel list", "名簿を表示" },
  { "import", "FILE.csv", 1, 1, ":file", NULL, run_import,
    "replace the list: user,name,organisation,section,role,since,until",
    "名簿を入れ替える: user,name,organisation,section,role,since,until" },
  { "deputies", NULL, 0, 0, NULL, NULL, run_deputies, "list who decides for whom", "代理の一覧" },
  { "delegate", "DEPUTY", 1, 1, NULL, delegate_options, run_delegate,
    "let somebody decide for you for some days", "期間を決めて代理決裁を任せる" },
  { "undelegate", "ID", 1, 1, "/1.0/delegations id", NULL, run_undelegate, "end that", "代理をやめる" },
  { NULL },
};
const SkNoun sk_people_noun = { "people", verbs, "sections, roles and deputies", "所属・役割・代理" };
