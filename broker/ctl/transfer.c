/* What crosses, and who decides about it. */
#include "ctl/output.h"
#include "ctl/transfer.h"
#include <string.h>

const SkColumn sk_transfer_columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "direction", "direction", SK_COLUMN_STATE, "WAY", "方向" },
  { "kind", "kind", SK_COLUMN_STATE, "KIND", "種類" },
  { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "count", "count", SK_COLUMN_NUMBER, "FILES", "件数" },
  { "bytes", "bytes", SK_COLUMN_BYTES, "SIZE", "大きさ" },
  { "created", "created", SK_COLUMN_TIME, "BEGAN", "開始" },
  { "reason", "reason", SK_COLUMN_TEXT, "REASON", "理由" },
  { "section", "section", SK_COLUMN_TEXT, "SECTION", "所属", TRUE },
  { "rule", "rule", SK_COLUMN_TEXT, "RULE", "規則", TRUE },
  { "policy", "policy", SK_COLUMN_SHORT, "POLICY", "規則の版", TRUE },
  { "changed", "changed", SK_COLUMN_TIME, "SINCE", "状態の開始", TRUE },
  { "refusal", "refusal.en", SK_COLUMN_TEXT, "WHY NOT", "通らなかった理由（英語）", TRUE },
  { "refusal-ja", "refusal.ja", SK_COLUMN_TEXT, "WHY NOT (Japanese)", "通らなかった理由", TRUE },
  { "until", "approval.until", SK_COLUMN_TIME, "DECIDE UNTIL", "判断の期限", TRUE },
  { "left", "approval.seconds_left", SK_COLUMN_LEFT, "TIME LEFT", "残り時間", TRUE },
  { "escalates", "approval.escalates", SK_COLUMN_TIME, "ESCALATES", "上申の予定", TRUE },
  { "escalated", "approval.escalated", SK_COLUMN_TIME, "ESCALATED", "上申済み", TRUE },
  { "stage", "approval.stage", SK_COLUMN_NUMBER, "STAGE", "段階", TRUE },
  { "stages", "approval.stages", SK_COLUMN_NUMBER, "OF STAGES", "全段階", TRUE },
  { "given", "approval.given", SK_COLUMN_NUMBER, "APPROVALS", "承認の数", TRUE },
  { "need", "approval.need", SK_COLUMN_NUMBER, "OF NEEDED", "必要な承認", TRUE },
  { "who", "approval.people", SK_COLUMN_WORDS, "WHO DECIDES", "判断する人", TRUE },
  { "matter", "matter", SK_COLUMN_TEXT, "MATTER", "案件", TRUE },
  { "organisation", "organisation", SK_COLUMN_TEXT, "ORGANISATION", "団体", TRUE },
  { "session", "session", SK_COLUMN_TEXT, "SESSION", "セッション", TRUE },
  { NULL },
};

static const SkColumn item_columns[] = {
  { "number", "number", SK_COLUMN_NUMBER, "NO", "番号" },
  { "name", "name", SK_COLUMN_TEXT, "NAME", "名前" },
  { "size", "size", SK_COLUMN_BYTES, "SIZE", "大きさ" },
  { "type", "type", SK_COLUMN_TEXT, "TYPE", "種類" },
  { "result", "result_name", SK_COLUMN_TEXT, "BECOMES", "通すもの" },
  { "result-size", "result_size", SK_COLUMN_BYTES, "SIZE THEN", "その大きさ" },
  { "removed", "removed", SK_COLUMN_WORDS, "REMOVED", "除いたもの" },
  { "findings", "findings", SK_COLUMN_WORDS, "FOUND", "見つかったもの" },
  { "antivirus", "antivirus", SK_COLUMN_STATE, "ANTIVIRUS", "ウイルス検査" },
  { "scan-note", "scan_note", SK_COLUMN_BOTH, "MALWARE, OR WHY NOT SCANNED", "検出名、または検査できない理由",
    TRUE },
  { "scanner", "scanner", SK_COLUMN_TEXT, "SCANNER", "検査ソフト", TRUE },
  { "sha256", "sha256", SK_COLUMN_TEXT, "SHA-256", "SHA-256", TRUE },
  { NULL },
};

const SkColumn sk_comment_columns[] = {
  { "time", "created", SK_COLUMN_TIME, "TIME", "日時" },
  { "user", "user", SK_COLUMN_TEXT, "WHO", "書いた人" },
  { "text", "text", SK_COLUMN_TEXT, "TEXT", "内容" },
  { NULL },
};

static const SkOption list_options[] = {
  { "all", SK_OPTION_FLAG, NULL, NULL, "everybody's (administrators)", "全員の分（管理者）" },
  { "box", SK_OPTION_TEXT, "sent|inbox", NULL, "only what was sent, or only what came in",
    "送信分だけ、または受信分だけ", "sent,inbox" },
  { NULL },
};

static const SkOption resend_options[] = {
  { "reason", SK_OPTION_TEXT, "TEXT", "reason", "another reason than before", "前とは別の理由" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  const char *box = sk_ctl_text (ctl, "box");
  if (box && strcmp (box, "sent") != 0 && strcmp (box, "inbox") != 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("--box is sent or inbox", "--box には sent か inbox を指定してください"));
      return FALSE;
    }
  g_autofree char *path = g_strdup_printf ("/1.0/transfers?all=%d%s%s", sk_ctl_flag (ctl, "all"),
                                           box ? "&box=" : "", box ? box : "");
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", path, NULL, error);
  return rows && sk_output_list (ctl, sk_transfer_columns, rows, error);
}

static const SkColumn decision_columns[] = {
  { "time", "created", SK_COLUMN_TIME, "TIME", "日時" },
  { "stage", "stage", SK_COLUMN_NUMBER, "STAGE", "段階" },
  { "user", "user", SK_COLUMN_TEXT, "WHO", "判断した人" },
  { "for", "in_place_of", SK_COLUMN_TEXT, "FOR", "代理の相手" },
  { "verdict", "verdict", SK_COLUMN_STATE, "DECIDED", "判断" },
  { "comment", "comment", SK_COLUMN_TEXT, "COMMENT", "コメント" },
  { NULL },
};

static gboolean
show_part (SkCtl *ctl, const SkColumn *part, JsonNode *rows, GError **error)
{
  if (!rows || !JSON_NODE_HOLDS_ARRAY (rows) || json_array_get_length (json_node_get_array (rows)) == 0)
    return TRUE;
  g_print ("\n");
  return sk_output_list (ctl, part, rows, error);
}

/* The row, and then what is in it, who has decided, and what was said. */
static gboolean
show_parts (SkCtl *ctl, const char *path, JsonNode *row, GError **error)
{
  JsonObject *object = json_node_get_object (row);
  JsonNode *approval = json_object_get_member (object, "approval");
  g_autofree char *comments_path = g_strconcat (path, "/comments", NULL);
  if (ctl->format != SK_FORMAT_TABLE || ctl->columns)
    return TRUE;
  g_autoptr (JsonNode) comments = sk_ctl_call (ctl, "GET", comments_path, NULL, error);
  return comments
         && show_part (ctl, decision_columns,
                       approval && JSON_NODE_HOLDS_OBJECT (approval)
                           ? json_object_get_member (json_node_get_object (approval), "decisions")
                           : NULL,
                       error)
         && show_part (ctl, item_columns, json_object_get_member (object, "items"), error)
         && show_part (ctl, sk_comment_columns, comments, error);
}

gboolean
sk_transfer_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/transfers", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, sk_transfer_columns, row, error) && show_parts (ctl, path, row, error);
}

static gboolean
run_withdraw (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/transfers", arguments[0], error);
}

static gboolean
run_resend (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/transfers", arguments[0], error);
  g_autofree char *whole = path ? g_strconcat (path, "/resend", NULL) : NULL;
  g_autoptr (JsonObject) body
      = path ? sk_ctl_body (ctl, sk_ctl_find_verb (&sk_transfer_noun, "resend"), error) : NULL;
  g_autoptr (JsonNode) row = body ? sk_ctl_call (ctl, "POST", whole, body, error) : NULL;
  return row && sk_output_show (ctl, sk_transfer_columns, row, error);
}

static gboolean
run_explain (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/transfers", arguments[0], error);
  g_autofree char *whole = path ? g_strconcat (path, "/explain", NULL) : NULL;
  g_autoptr (JsonNode) answer = whole ? sk_ctl_call (ctl, "GET", whole, NULL, error) : NULL;
  if (!answer)
    return FALSE;
  if (ctl->format == SK_FORMAT_JSON)
    sk_output_json (answer);
  else
    g_print ("%s", sk_json_get_string (json_node_get_object (answer), "text", ""));
  return TRUE;
}

static gboolean
run_comments (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/transfers", arguments[0], error);
  g_autofree char *whole = path ? g_strconcat (path, "/comments", NULL) : NULL;
  g_autoptr (JsonObject) body = NULL;
  if (arguments[1])
    {
      body = json_object_new ();
      json_object_set_string_member (body, "text", arguments[1]);
    }
  g_autoptr (JsonNode) rows = whole ? sk_ctl_call (ctl, body ? "POST" : "GET", whole, body, error) : NULL;
  return rows && sk_output_list (ctl, sk_comment_columns, rows, error);
}

#define TRANSFERS "/1.0/transfers id"
static const SkVerb transfer_verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list, "list what crosses", "転送の一覧" },
  { "show", "ID", 1, 1, TRANSFERS, NULL, sk_transfer_show, "show everything about one", "転送の詳細" },
  { "explain", "ID", 1, 1, TRANSFERS, NULL, run_explain, "show which rule decided and why",
    "どの規則がなぜ適用されたか" },
  { "comments", "ID [TEXT]", 1, 2, TRANSFERS, NULL, run_comments,
    "read what was said about one, or say something", "やりとりを読む、または書き込む" },
  { "withdraw", "ID", 1, 1, TRANSFERS, NULL, run_withdraw, "take back what is yours or your matter's",
    "自分や案件の転送を取り下げる" },
  { "resend", "ID", 1, 1, TRANSFERS, resend_options, run_resend,
    "send again what is over, yours or your matter's", "終わった転送を、自分の名前で送り直す" },
  { NULL },
};
const SkNoun sk_transfer_noun
    = { "transfer", transfer_verbs, "what crosses between the networks", "両側の間の転送" };
