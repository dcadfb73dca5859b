#include "ctl/attach.h"
#include "ctl/output.h"

static const SkColumn columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "pool", "pool", SK_COLUMN_TEXT, "POOL", "プール" },
  { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "position", "position", SK_COLUMN_NUMBER, "PLACE", "順番" },
  { "created", "created", SK_COLUMN_TIME, "BEGAN", "開始" },
  { "changed", "changed", SK_COLUMN_TIME, "SINCE", "状態の開始", TRUE },
  { "reason", "reason", SK_COLUMN_BOTH, "WHY", "終了の理由", TRUE },
  { "eta", "eta_seconds", SK_COLUMN_NUMBER, "WAIT (s)", "待ち時間（秒）", TRUE },
  { "vm", "vm", SK_COLUMN_TEXT, "VM", "仮想マシン", TRUE },
  { "uid", "uid", SK_COLUMN_NUMBER, "UID", "UID", TRUE },
  { "url", "url", SK_COLUMN_TEXT, "FIRST URL", "最初の URL", TRUE },
  { NULL },
};

static const SkOption list_options[] = {
  { "all", SK_OPTION_FLAG, NULL, NULL, "also sessions that ended", "終了したセッションも表示" },
  { NULL },
};

static const SkOption open_options[] = {
  { "pool", SK_OPTION_TEXT, "NAME", "pool", "which pool (default: the first that you may use)",
    "プール（省略時: 使える最初のもの）", "/1.0/pools name" },
  { "width", SK_OPTION_NUMBER, "PIXELS", "width", "width of the picture", "画面の幅" },
  { "height", SK_OPTION_NUMBER, "PIXELS", "height", "height of the picture", "画面の高さ" },
  { NULL },
};

static const SkOption attach_options[] = {
  { "listen", SK_OPTION_FILE, "PATH", NULL, "unix socket to make for one RDP client",
    "RDP クライアント 1 つのために作るソケット", ":file" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (
      ctl, "GET", sk_ctl_flag (ctl, "all") ? "/1.0/sessions?all=1" : "/1.0/sessions", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/sessions", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, columns, row, error);
}

/* Opens (or finds) one's own session and waits while it is queued. */
static gboolean
run_open (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonObject) body = sk_ctl_body (ctl, sk_ctl_find_verb (&sk_session_noun, "open"), error);
  g_autoptr (JsonNode) answer = NULL;
  JsonNode *session;
  if (!body)
    return FALSE;
  if (arguments[0])
    json_object_set_string_member (body, "url", arguments[0]);
  answer = sk_ctl_call_and_wait (ctl, "POST", "/1.0/sessions", body, error);
  if (!answer)
    return FALSE;
  session = JSON_NODE_HOLDS_OBJECT (answer)
                ? json_object_get_member (json_node_get_object (answer), "session")
                : NULL;
  return sk_output_show (ctl, columns, session ? session : answer, error);
}

static gboolean
run_end (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/sessions", arguments[0], error);
}

static gboolean
run_attach (SkCtl *ctl, char **arguments, GError **error)
{
  const char *path = sk_ctl_text (ctl, "listen");
  if (path)
    return sk_ctl_attach (ctl, arguments[0], path, error);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                       SK_TR ("--listen PATH is missing", "--listen パス が必要です"));
  return FALSE;
}

#define SESSIONS "/1.0/sessions id"
static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list, "list the sessions", "セッションの一覧" },
  { "show", "ID", 1, 1, SESSIONS, NULL, run_show, "show everything about a session", "セッションの詳細" },
  { "open", "[URL]", 0, 1, NULL, open_options, run_open, "open a session of your own",
    "自分のセッションを開く" },
  { "attach", "ID", 1, 1, SESSIONS, attach_options, run_attach, "offer a session to a stock RDP client",
    "一般の RDP クライアントから接続できるようにする" },
  { "end", "ID", 1, 1, SESSIONS, NULL, run_end, "end a session; its virtual machine is destroyed",
    "セッションを終了（仮想マシンは破棄されます）" },
  { NULL },
};
const SkNoun sk_session_noun = { "session", verbs, "browser sessions", "ブラウザーのセッション" };
