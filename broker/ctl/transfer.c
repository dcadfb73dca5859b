/* What crosses, and who decides about it. */
#include "ctl/output.h"
#include <string.h>

static const SkColumn columns[] = {
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
  { "organisation", "organisation", SK_COLUMN_TEXT, "ORGANISATION", "団体", TRUE },
  { "session", "session", SK_COLUMN_TEXT, "SESSION", "セッション", TRUE },
  { NULL },
};

static const SkColumn item_columns[] = {
  { "name", "name", SK_COLUMN_TEXT, "NAME", "名前" },
  { "size", "size", SK_COLUMN_BYTES, "SIZE", "大きさ" },
  { "type", "type", SK_COLUMN_TEXT, "TYPE", "種類" },
  { "result", "result_name", SK_COLUMN_TEXT, "BECOMES", "通すもの" },
  { "result-size", "result_size", SK_COLUMN_BYTES, "SIZE THEN", "その大きさ" },
  { "removed", "removed", SK_COLUMN_TEXT, "REMOVED", "除いたもの" },
  { "findings", "findings", SK_COLUMN_TEXT, "FOUND", "見つかったもの" },
  { "sha256", "sha256", SK_COLUMN_TEXT, "SHA-256", "SHA-256", TRUE },
  { NULL },
};

static const SkColumn answer_columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "error", "error", SK_COLUMN_TEXT, "ERROR", "エラー（英語）" },
  { "error-ja", "error_ja", SK_COLUMN_TEXT, "ERROR (Japanese)", "エラー" },
  { "detail", "detail", SK_COLUMN_BOTH, "DETAIL", "詳細" },
  { NULL },
};

static const SkColumn comment_columns[] = {
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

static const SkOption decide_options[] = {
  { "comment", SK_OPTION_TEXT, "TEXT", "comment", "what the sender and colleagues will read",
    "送信者と同僚に伝える一言" },
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
  return rows && sk_output_list (ctl, columns, rows, error);
}

/* The row, and then what is in it, who may decide and who has. */
static gboolean
show_parts (SkCtl *ctl, JsonNode *row, GError **error)
{
  JsonObject *object = json_node_get_object (row);
  JsonNode *approval = json_object_get_member (object, "approval");
  JsonNode *who = approval ? json_object_get_member (json_node_get_object (approval), "who") : NULL;
  if (ctl->format != SK_FORMAT_TABLE)
    return TRUE;
  for (guint i = 0; who && i < json_array_get_length (json_node_get_array (who)); i++)
    {
      g_autofree char *name = sk_output_clean (json_array_get_string_element (json_node_get_array (who), i));
      g_print ("%s%s", i == 0 ? SK_TR ("CAN DECIDE NOW: ", "いま判断できる人: ") : ", ", name);
    }
  if (who && json_array_get_length (json_node_get_array (who)) > 0)
    g_print ("\n");
  g_print ("\n");
  return sk_output_list (ctl, item_columns, json_object_get_member (object, "items"), error);
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/transfers", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, columns, row, error) && show_parts (ctl, row, error);
}

static gboolean
run_withdraw (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/transfers", arguments[0], error);
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
  return rows && sk_output_list (ctl, comment_columns, rows, error);
}

#define TRANSFERS "/1.0/transfers id"
static const SkVerb transfer_verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list, "list what crosses", "転送の一覧" },
  { "show", "ID", 1, 1, TRANSFERS, NULL, run_show, "show everything about one", "転送の詳細" },
  { "explain", "ID", 1, 1, TRANSFERS, NULL, run_explain, "show which rule decided and why",
    "どの規則がなぜ適用されたか" },
  { "comments", "ID [TEXT]", 1, 2, TRANSFERS, NULL, run_comments,
    "read what was said about one, or say something", "やりとりを読む、または書き込む" },
  { "withdraw", "ID", 1, 1, TRANSFERS, NULL, run_withdraw, "take one of your own back",
    "自分の転送を取り下げる" },
  { NULL },
};
const SkNoun sk_transfer_noun
    = { "transfer", transfer_verbs, "what crosses between the networks", "両側の間の転送" };

static gboolean
run_queue (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/approvals", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

/* A bad one among many shows in its row and in the exit status. */
static gboolean
decide (SkCtl *ctl, char **ids, const char *verdict, GError **error)
{
  g_autoptr (JsonObject) body = json_object_new ();
  JsonArray *transfers = json_array_new ();
  for (char **id = ids; *id; id++)
    json_array_add_string_element (transfers, *id);
  json_object_set_array_member (body, "transfers", transfers);
  json_object_set_string_member (body, "verdict", verdict);
  json_object_set_string_member (body, "comment",
                                 sk_ctl_text (ctl, "comment") ? sk_ctl_text (ctl, "comment") : "");
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "POST", "/1.0/approvals", body, error);
  if (!rows)
    return FALSE;
  JsonArray *answers = json_node_get_array (rows);
  for (guint i = 0; i < json_array_get_length (answers); i++)
    if (json_object_has_member (json_array_get_object_element (answers, i), "error"))
      ctl->exit_status = 1;
  return sk_output_list (ctl, answer_columns, rows, error);
}

static gboolean
run_approve (SkCtl *ctl, char **arguments, GError **error)
{
  return decide (ctl, arguments, "approve", error);
}

static gboolean
run_deny (SkCtl *ctl, char **arguments, GError **error)
{
  return decide (ctl, arguments, "deny", error);
}

#define QUEUE "/1.0/approvals id"
#define IDS_MAX 1000
static const SkVerb approval_verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_queue, "list what waits for you", "自分が判断するものの一覧" },
  { "show", "ID", 1, 1, QUEUE, NULL, run_show, "show everything about one", "詳細" },
  { "approve", "ID...", 1, IDS_MAX, QUEUE, decide_options, run_approve, "let them cross", "承認する" },
  { "deny", "ID...", 1, IDS_MAX, QUEUE, decide_options, run_deny, "do not let them cross", "却下する" },
  { NULL },
};
const SkNoun sk_approval_noun = { "approval", approval_verbs, "what waits for a decision", "承認待ち" };
