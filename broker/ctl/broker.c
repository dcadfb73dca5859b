/* Commands about the broker itself, and the raw ones. */
#include "ctl/output.h"
#include <string.h>

/* -- monitor -------------------------------------------------------------------------------------------- */

static const SkColumn event_columns[] = {
  { "time", "time", SK_COLUMN_TIME, "TIME", "時刻" }, { "type", "type", SK_COLUMN_TEXT, "TYPE", "種類" },
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },         { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "text", "text", SK_COLUMN_BOTH, "TEXT", "内容" }, { NULL },
};

static void
print_event (SkCtl *ctl, JsonNode *event)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (event) ? json_node_get_object (event) : NULL;
  g_autofree char *json = ctl->format == SK_FORMAT_JSON ? sk_json_to_string (event, FALSE) : NULL;
  g_autoptr (GString) line = g_string_new (json);
  for (const SkColumn *column = event_columns; column->name && !json && object; column++)
    {
      g_autofree char *value = sk_output_value (column, object, ctl->format == SK_FORMAT_TABLE);
      g_autofree char *quoted = ctl->format == SK_FORMAT_CSV ? sk_output_csv (value) : g_strdup (value);
      g_string_append_printf (line, "%s%s",
                              column == event_columns        ? ""
                              : ctl->format == SK_FORMAT_CSV ? ","
                                                             : "  ",
                              quoted);
    }
  g_print ("%s\n", line->str);
  fflush (stdout);
}

/* One line an event (json: one object a line), until the broker goes away or somebody presses Ctrl+C. */
static gboolean
run_monitor (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (SkClientEvents) events = sk_client_events (ctl->client, error);
  while (events)
    {
      g_autoptr (JsonNode) event = sk_client_events_next (events, -1, error);
      if (!event)
        return FALSE;
      print_event (ctl, event);
    }
  return FALSE;
}

static const SkVerb monitor_verbs[] = {
  { NULL, NULL, 0, 0, NULL, NULL, run_monitor, "print events as they come", "イベントを表示し続ける" },
  { NULL },
};
const SkNoun sk_monitor_noun = { "monitor", monitor_verbs, "events", "イベント" };

/* -- query ---------------------------------------------------------------------------------------------- */

static const SkOption query_options[] = {
  { "wait", SK_OPTION_FLAG, NULL, NULL, "wait when the answer is an operation", "処理が終わるまで待つ" },
  { NULL },
};

static gboolean
run_query (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) body = NULL, answer = NULL;
  JsonObject *object = NULL;
  if (arguments[2])
    {
      body = sk_json_parse (arguments[2], strlen (arguments[2]), SK_JSON_REQUEST_DEPTH, SK_JSON_REQUEST_NODES,
                            error);
      if (!body)
        return FALSE;
      object = JSON_NODE_HOLDS_OBJECT (body) ? json_node_get_object (body) : NULL;
    }
  answer = sk_ctl_flag (ctl, "wait") ? sk_ctl_call_and_wait (ctl, arguments[0], arguments[1], object, error)
                                     : sk_ctl_call (ctl, arguments[0], arguments[1], object, error);
  if (answer)
    sk_output_json (answer);
  return answer != NULL;
}

static const SkVerb query_verbs[] = {
  { NULL, "METHOD PATH [JSON]", 2, 3, "GET,POST,PUT,PATCH,DELETE", query_options, run_query,
    "one raw request to the API", "API をそのまま呼ぶ" },
  { NULL },
};
const SkNoun sk_query_noun = { "query", query_verbs, "raw requests", "API の呼び出し" };

/* -- shutdown ------------------------------------------------------------------------------------------- */

static const SkOption shutdown_options[] = {
  { "retire-all", SK_OPTION_FLAG, NULL, NULL, "also end all sessions", "すべてのセッションも終了" },
  { NULL },
};

static gboolean
run_shutdown (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonObject) body = json_object_new ();
  g_autoptr (JsonNode) answer = NULL;
  json_object_set_boolean_member (body, "sessions", sk_ctl_flag (ctl, "retire-all"));
  answer = sk_ctl_call_and_wait (ctl, "POST", "/1.0/shutdown", body, error);
  return answer != NULL;
}

static const SkVerb shutdown_verbs[] = {
  { NULL, NULL, 0, 0, NULL, shutdown_options, run_shutdown,
    "retire every VM without a user, before the machine stops",
    "使用中でない仮想マシンをすべて終了（停止の前に）" },
  { NULL },
};
const SkNoun sk_shutdown_noun = { "shutdown", shutdown_verbs, "orderly stop", "停止の準備" };

/* -- version -------------------------------------------------------------------------------------------- */

static gboolean
run_version (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) answer = NULL;
  JsonNode *versions = NULL;
  g_print ("sekishoctl %s\n", SK_VERSION);
  answer = sk_ctl_call (ctl, "GET", "/1.0", NULL, error);
  if (answer && JSON_NODE_HOLDS_OBJECT (answer))
    versions = json_object_get_member (json_node_get_object (answer), "versions");
  if (versions && JSON_NODE_HOLDS_OBJECT (versions))
    g_print ("sekishod %s\n", sk_json_get_string (json_node_get_object (versions), "sekisho", "?"));
  return answer != NULL;
}

static const SkVerb version_verbs[] = {
  { NULL, NULL, 0, 0, NULL, NULL, run_version, "versions of this program and of the broker",
    "バージョンの表示" },
  { NULL },
};
const SkNoun sk_version_noun = { "version", version_verbs, "versions", "バージョン" };
