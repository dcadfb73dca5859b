#include "ctl/output.h"

static const SkColumn columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "description", "description", SK_COLUMN_TEXT, "WHAT", "内容" },
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "status", "status", SK_COLUMN_STATE, "STATUS", "状態" },
  { "created", "created", SK_COLUMN_TIME, "BEGAN", "開始" },
  { "updated", "updated", SK_COLUMN_TIME, "UPDATED", "更新", TRUE },
  { "resource", "resource", SK_COLUMN_TEXT, "ABOUT", "対象", TRUE },
  { "may-cancel", "may_cancel", SK_COLUMN_TEXT, "MAY CANCEL", "取り消し可", TRUE },
  { "progress", "metadata", SK_COLUMN_TEXT, "PROGRESS", "経過", TRUE },
  { "error", "err.error", SK_COLUMN_TEXT, "ERROR", "エラー（英語）", TRUE },
  { "error-ja", "err.error_ja", SK_COLUMN_TEXT, "ERROR (Japanese)", "エラー", TRUE },
  { "detail", "err.detail", SK_COLUMN_TEXT, "DETAIL", "詳細", TRUE },
  { NULL },
};

static const SkOption wait_options[] = {
  { "timeout", SK_OPTION_NUMBER, "SECONDS", NULL, "give up waiting after this (default: never)",
    "待つ秒数（省略時: 終わるまで）" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/operations", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/operations", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, columns, row, error);
}

static gboolean
run_wait (SkCtl *ctl, char **arguments, GError **error)
{
  const char *text = sk_ctl_text (ctl, "timeout");
  gint64 seconds = -1;
  g_autofree char *path = sk_ctl_path ("/1.0/operations", arguments[0], error);
  g_autoptr (JsonNode) result = NULL;
  if (!path)
    return FALSE;
  if (text && !g_ascii_string_to_signed (text, 10, 0, G_MAXINT, &seconds, NULL))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "--timeout: %s", text);
      return FALSE;
    }
  result = sk_client_wait (ctl->client, path, (int) seconds, error);
  if (result && ctl->format == SK_FORMAT_JSON)
    sk_output_json (result);
  return result != NULL;
}

static gboolean
run_cancel (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/operations", arguments[0], error);
}

#define OPERATIONS "/1.0/operations id"
static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_list, "list what runs in the background", "実行中の処理の一覧" },
  { "show", "ID", 1, 1, OPERATIONS, NULL, run_show, "show everything about an operation", "処理の詳細" },
  { "wait", "ID", 1, 1, OPERATIONS, wait_options, run_wait, "wait for its end; the status is its outcome",
    "終わるまで待つ（終了コードは結果）" },
  { "cancel", "ID", 1, 1, OPERATIONS, NULL, run_cancel, "cancel it", "取り消す" },
  { NULL },
};
const SkNoun sk_operation_noun = { "operation", verbs, "operations in the background", "実行中の処理" };
