/* Matters: transfers that belong together, and the talk about them. */
#include "ctl/transfer.h"

static const SkColumn columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "NUMBER", "番号" },
  { "title", "title", SK_COLUMN_TEXT, "TITLE", "案件名" },
  { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "section", "section", SK_COLUMN_TEXT, "SECTION", "所属" },
  { "author", "author", SK_COLUMN_TEXT, "OPENED BY", "作成者" },
  { "created", "created", SK_COLUMN_TIME, "OPENED", "作成" },
  { "changed", "changed", SK_COLUMN_TIME, "CHANGED", "更新", TRUE },
  { "members", "members", SK_COLUMN_WORDS, "MEMBERS", "関係者", TRUE },
  { NULL },
};

static const SkColumn thread_columns[] = {
  { "time", "created", SK_COLUMN_TIME, "TIME", "日時" },
  { "user", "user", SK_COLUMN_TEXT, "WHO", "書いた人" },
  { "transfer", "transfer", SK_COLUMN_TEXT, "ABOUT", "対象の転送" },
  { "text", "text", SK_COLUMN_TEXT, "TEXT", "内容" },
  { NULL },
};

static const SkOption list_options[] = {
  { "closed", SK_OPTION_FLAG, NULL, NULL, "closed ones too", "完了したものも" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (
      ctl, "GET", sk_ctl_flag (ctl, "closed") ? "/1.0/matters?closed=1" : "/1.0/matters", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
show_part (SkCtl *ctl, const SkColumn *part, JsonNode *row, const char *member, GError **error)
{
  JsonNode *rows = json_object_get_member (json_node_get_object (row), member);
  if (!rows || !JSON_NODE_HOLDS_ARRAY (rows) || json_array_get_length (json_node_get_array (rows)) == 0)
    return TRUE;
  g_print ("\n");
  return sk_output_list (ctl, part, rows, error);
}

static gboolean
show (SkCtl *ctl, JsonNode *row, GError **error)
{
  if (!sk_output_show (ctl, columns, row, error))
    return FALSE;
  return ctl->format != SK_FORMAT_TABLE || ctl->columns
         || (show_part (ctl, sk_transfer_columns, row, "transfers", error)
             && show_part (ctl, thread_columns, row, "comments", error));
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/matters", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && show (ctl, row, error);
}

static gboolean
run_open (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonObject) body = json_object_new ();
  json_object_set_string_member (body, "title", arguments[0]);
  g_autoptr (JsonNode) row = sk_ctl_call (ctl, "POST", "/1.0/matters", body, error);
  return row && show (ctl, row, error);
}

/* "/1.0/matters/ID/WHAT" with one member. */
static JsonNode *
post (SkCtl *ctl, const char *id, const char *what, const char *member, const char *text, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/matters", id, error);
  g_autofree char *whole = path ? g_strconcat (path, "/", what, NULL) : NULL;
  g_autoptr (JsonObject) body = json_object_new ();
  json_object_set_string_member (body, member, text);
  return whole ? sk_ctl_call (ctl, "POST", whole, body, error) : NULL;
}

static gboolean
run_comment (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = post (ctl, arguments[0], "comments", "text", arguments[1], error);
  return rows && sk_output_list (ctl, thread_columns, rows, error);
}

static gboolean
run_add (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) row = post (ctl, arguments[0], "transfers", "transfer", arguments[1], error);
  return row && show (ctl, row, error);
}

static gboolean
set_state (SkCtl *ctl, const char *id, const char *state, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/matters", id, error);
  g_autoptr (JsonObject) body = json_object_new ();
  json_object_set_string_member (body, "state", state);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "PATCH", path, body, error) : NULL;
  return row != NULL;
}

static gboolean
run_close (SkCtl *ctl, char **arguments, GError **error)
{
  return set_state (ctl, arguments[0], "closed", error);
}

static gboolean
run_reopen (SkCtl *ctl, char **arguments, GError **error)
{
  return set_state (ctl, arguments[0], "open", error);
}

#define MATTERS "/1.0/matters id"
static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list,
    "list those of your section, and those you had a part in", "所属の案件と、自分が関わった案件の一覧" },
  { "show", "NUMBER", 1, 1, MATTERS, NULL, run_show, "show its transfers and what was said",
    "転送とやりとりを表示" },
  { "open", "TITLE", 1, 1, NULL, NULL, run_open, "find the open one of that title, or open it",
    "その名前の案件を開く（なければ作る）" },
  { "comment", "NUMBER TEXT", 2, 2, MATTERS, NULL, run_comment, "say something", "書き込む" },
  { "add", "NUMBER ID", 2, 2, MATTERS, NULL, run_add, "put a transfer of your own into it",
    "自分の転送を案件に入れる" },
  { "close", "NUMBER", 1, 1, MATTERS, NULL, run_close, "nothing more will come", "完了にする" },
  { "reopen", "NUMBER", 1, 1, MATTERS, NULL, run_reopen, "go on after all", "再開する" },
  { NULL },
};
const SkNoun sk_matter_noun = { "matter", verbs, "transfers that belong together, and the talk about them",
                                "案件: まとまった転送とそのやりとり" };
