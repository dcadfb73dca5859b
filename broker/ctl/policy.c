/* Policies on the disk, without a broker: whether they are good, what they would say, what a change changes;
 * and the ones that the broker has in force. */
#include "ctl/output.h"
#include "policy/policy.h"

static const SkColumn check_columns[] = {
  { "directory", "directory", SK_COLUMN_TEXT, "FOLDER", "フォルダー" },
  { "files", "files", SK_COLUMN_NUMBER, "FILES", "ファイル" },
  { "rules", "rules", SK_COLUMN_NUMBER, "RULES", "規則" },
  { "version", "version", SK_COLUMN_TEXT, "VERSION", "版" },
  { NULL },
};

static const SkColumn test_columns[] = {
  { "result", "result", SK_COLUMN_STATE, "RESULT", "結果" },
  { "name", "name", SK_COLUMN_TEXT, "TEST", "テスト" },
  { "expected", "expected", SK_COLUMN_TEXT, "EXPECTED", "期待" },
  { "got", "got", SK_COLUMN_TEXT, "GOT", "実際" },
  { "rule", "rule", SK_COLUMN_TEXT, "RULE", "規則" },
  { NULL },
};

static const SkColumn diff_columns[] = {
  { "change", "change", SK_COLUMN_STATE, "CHANGE", "変更" },
  { "rule", "rule", SK_COLUMN_TEXT, "RULE", "規則" },
  { "key", "key", SK_COLUMN_TEXT, "KEY", "キー" },
  { "before", "before", SK_COLUMN_TEXT, "BEFORE", "前" },
  { "after", "after", SK_COLUMN_TEXT, "AFTER", "後" },
  { NULL },
};

static const SkColumn force_columns[] = {
  { "version", "version", SK_COLUMN_TEXT, "VERSION", "版" },
  { "since", "since", SK_COLUMN_TIME, "IN FORCE SINCE", "有効になった日時" },
  { "directory", "directory", SK_COLUMN_TEXT, "FOLDER", "フォルダー" },
  { "files", "files", SK_COLUMN_NUMBER, "FILES", "ファイル" },
  { "rules", "rules", SK_COLUMN_NUMBER, "RULES", "規則" },
  { "from-copy", "from_copy", SK_COLUMN_SWITCH, "FROM THE LAST GOOD COPY", "最後に正しかった控えを使用" },
  { "error", "error", SK_COLUMN_BOTH, "LAST ERROR", "最後の誤り" },
  { "error-since", "error_since", SK_COLUMN_TIME, "ERROR SINCE", "誤りの日時" },
  { NULL },
};

static const SkOption explain_options[] = {
  { "directory", SK_OPTION_FILE, "FOLDER", NULL, "the rules (default: the broker's)",
    "規則のフォルダー（省略時: ブローカーのもの）", ":dir" },
  { "direction", SK_OPTION_TEXT, "import|export", NULL, "to LGWAN or to the internet",
    "LGWAN へ（import）、インターネットへ（export）", "import,export" },
  { "kind", SK_OPTION_TEXT, "KIND", NULL, "file, text, image, url or print",
    "file、text、image、url、print のどれか", "file,text,image,url,print" },
  { "type", SK_OPTION_LIST, "TYPE", NULL, "type by content (image/png); may be repeated",
    "内容の種類（image/png など、複数可）" },
  { "bytes", SK_OPTION_TEXT, "SIZE", NULL, "size of all of it (1000, 10MiB; default 1)",
    "全体の大きさ（1000、10MiB。省略時 1）" },
  { "count", SK_OPTION_TEXT, "N", NULL, "how many items (default 1)", "件数（省略時 1）" },
  { "user", SK_OPTION_TEXT, "USER", NULL, "who", "利用者" },
  { "group", SK_OPTION_LIST, "GROUP", NULL, "a group of theirs; may be repeated", "所属グループ（複数可）" },
  { "section", SK_OPTION_TEXT, "SECTION", NULL, "their section", "所属する課" },
  { "organisation", SK_OPTION_TEXT, "NAME", NULL, "their organisation", "所属する組織" },
  { "channel", SK_OPTION_TEXT, "CHANNEL", NULL, "desk, lan or telework (default lan)",
    "desk、lan、telework のどれか（省略時 lan）", "desk,lan,telework" },
  { "hour", SK_OPTION_TEXT, "HH:MM", NULL, "time of day (default: now)", "時刻（省略時: 現在）" },
  { "weekday", SK_OPTION_TEXT, "DAY", NULL, "mon to sun (default: today)", "mon から sun（省略時: 今日）",
    "mon,tue,wed,thu,fri,sat,sun" },
  { "finding", SK_OPTION_LIST, "KIND[=N]", NULL, "what the inspection found; may be repeated",
    "検査で見つかったもの（複数可）" },
  { "antivirus", SK_OPTION_TEXT, "STATE", NULL, "clean, infected or unscanned (default unscanned)",
    "clean、infected、unscanned のどれか（省略時 unscanned）", "clean,infected,unscanned" },
  { NULL },
};

static const char *
default_directory (void)
{
  const char *directory = g_getenv ("SEKISHO_POLICIES");
  return directory && *directory ? directory : SK_POLICY_DIR;
}

static JsonObject *
add_row (JsonArray *rows)
{
  JsonObject *row = json_object_new ();
  json_array_add_object_element (rows, row);
  return row;
}

/* Takes the array. */
static gboolean
print_rows (SkCtl *ctl, const SkColumn *columns, JsonArray *rows, GError **error)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);
  json_node_take_array (node, rows);
  return sk_output_list (ctl, columns, node, error);
}

/* -- check
 * ---------------------------------------------------------------------------------------------------- */

static gboolean
run_check (SkCtl *ctl, char **arguments, GError **error)
{
  const char *directory = arguments[0] ? arguments[0] : default_directory ();
  g_autoptr (SkPolicySet) set = sk_policy_load (directory, error);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *row = json_object_new ();
  json_node_take_object (node, row);
  if (!set)
    return FALSE;
  json_object_set_string_member (row, "directory", directory);
  json_object_set_int_member (row, "files", sk_policy_set_files (set));
  json_object_set_int_member (row, "rules", sk_policy_set_rules (set));
  json_object_set_string_member (row, "version", sk_policy_version (set));
  return sk_output_show (ctl, check_columns, node, error);
}

/* -- explain
 * -------------------------------------------------------------------------------------------------- */

static gboolean
put_values (SkCtl *ctl, SkPolicyQuestion *q, const char *key, GError **error)
{
  GPtrArray *values = g_hash_table_lookup (ctl->options, key);
  for (guint i = 0; values && i < values->len; i++)
    if (!sk_policy_question_set (q, key, g_ptr_array_index (values, i), error))
      return FALSE;
  return TRUE;
}

static SkPolicyQuestion *
question_from_options (SkCtl *ctl, GError **error)
{
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  sk_policy_question_set_time (q, now);
  if (!sk_ctl_text (ctl, "direction") || !sk_ctl_text (ctl, "kind"))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("say what crosses, with --direction and --kind",
                                  "何を受け渡すかを --direction と --kind で指定してください"));
      return NULL;
    }
  for (const char *const *key = sk_policy_question_keys; *key; key++)
    if (!put_values (ctl, q, *key, error))
      return NULL;
  sk_policy_question_complete (q);
  return g_steal_pointer (&q);
}

static void
print_explain_json (const SkPolicySet *set, const SkPolicyQuestion *q, const char *text)
{
  g_autoptr (SkPolicyVerdict) verdict = sk_policy_decide (set, q, 0);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_auto (GStrv) lines = g_strsplit (text, "\n", 0);
  JsonObject *object = json_object_new ();
  JsonArray *array = json_array_new ();
  json_node_take_object (node, object);
  json_object_set_string_member (object, "version", sk_policy_version (set));
  json_object_set_string_member (object, "action", sk_policy_action_words[verdict->action]);
  json_object_set_string_member (object, "rule", verdict->rule);
  json_object_set_string_member (object, "reason", verdict->reason ? verdict->reason : "");
  for (char **line = lines; *line; line++)
    if (**line)
      json_array_add_string_element (array, *line);
  json_object_set_array_member (object, "explain", array);
  sk_output_json (node);
}

static gboolean
run_explain (SkCtl *ctl, char **arguments, GError **error)
{
  const char *directory = sk_ctl_text (ctl, "directory");
  g_autoptr (SkPolicyQuestion) q = question_from_options (ctl, error);
  g_autoptr (SkPolicySet) set
      = q ? sk_policy_load (directory ? directory : default_directory (), error) : NULL;
  g_autofree char *text = set ? sk_policy_explain (set, q, sk_locale_is_japanese ()) : NULL;
  if (!set)
    return FALSE;
  if (ctl->format == SK_FORMAT_JSON)
    print_explain_json (set, q, text);
  else
    g_print ("%s", text);
  return TRUE;
}

/* -- test
 * ----------------------------------------------------------------------------------------------------- */

static JsonArray *
rows_of_tests (GPtrArray *tests, guint *ret_failed)
{
  JsonArray *rows = json_array_new ();
  *ret_failed = 0;
  for (guint i = 0; i < tests->len; i++)
    {
      const SkPolicyTest *test = tests->pdata[i];
      JsonObject *row = add_row (rows);
      json_object_set_string_member (row, "result", test->passed ? "success" : "failure");
      json_object_set_string_member (row, "name", test->name);
      json_object_set_string_member (row, "expected", test->expected);
      json_object_set_string_member (row, "got", test->got);
      json_object_set_string_member (row, "rule", test->rule);
      *ret_failed += !test->passed;
    }
  return rows;
}

static char *
read_tests (const char *file, gsize *ret_length, GError **error)
{
  g_autoptr (GError) reason = NULL;
  char *text = NULL;
  if (!g_file_get_contents (file, &text, ret_length, &reason))
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                 SK_TR ("the tests cannot be read; check the file's name: %s",
                        "テストを読み取れません。ファイル名を確認してください: %s"),
                 reason->message);
  return text;
}

/* Status 1 when a test failed. */
static gboolean
run_test (SkCtl *ctl, char **arguments, GError **error)
{
  const char *directory = arguments[1] ? arguments[0] : default_directory ();
  const char *file = arguments[1] ? arguments[1] : arguments[0];
  g_autoptr (SkPolicySet) set = sk_policy_load (directory, error);
  g_autoptr (GPtrArray) tests = NULL;
  g_autofree char *text = NULL;
  gsize length;
  guint failed;
  if (!set || !(text = read_tests (file, &length, error))
      || !(tests = sk_policy_test_run (set, file, text, length, error)))
    return FALSE;
  if (!print_rows (ctl, test_columns, rows_of_tests (tests, &failed), error))
    return FALSE;
  ctl->exit_status = failed > 0;
  if (ctl->format == SK_FORMAT_TABLE)
    g_print (SK_TR ("\n%u tests: %u failed\n", "\nテスト %u 件: 失敗 %u 件\n"), tests->len, failed);
  return TRUE;
}

/* -- diff
 * ----------------------------------------------------------------------------------------------------- */

/* Status 1 when there is a difference, like diff(1). */
static gboolean
run_diff (SkCtl *ctl, char **arguments, GError **error)
{
  const char *first = arguments[1] ? arguments[0] : default_directory ();
  const char *second = arguments[1] ? arguments[1] : arguments[0];
  g_autoptr (SkPolicySet) before = sk_policy_load (first, error);
  g_autoptr (SkPolicySet) after = before ? sk_policy_load (second, error) : NULL;
  g_autoptr (GPtrArray) changes = after ? sk_policy_diff (before, after) : NULL;
  JsonArray *rows;
  if (!changes)
    return FALSE;
  rows = json_array_new ();
  for (guint i = 0; i < changes->len; i++)
    {
      const SkPolicyChange *change = changes->pdata[i];
      JsonObject *row = add_row (rows);
      json_object_set_string_member (row, "change", change->change);
      json_object_set_string_member (row, "rule", change->rule);
      json_object_set_string_member (row, "key", change->key);
      json_object_set_string_member (row, "before", change->before);
      json_object_set_string_member (row, "after", change->after);
    }
  ctl->exit_status = changes->len > 0;
  return print_rows (ctl, diff_columns, rows, error);
}

/* -- in force
 * ------------------------------------------------------------------------------------------------ */

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) row = sk_ctl_call (ctl, "GET", "/1.0/policy", NULL, error);
  return row && sk_output_show (ctl, force_columns, row, error);
}

/* A refused set is an error that names the file and the line. */
static gboolean
run_reload (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) row = sk_ctl_call (ctl, "POST", "/1.0/policy/reload", NULL, error);
  return row && sk_output_show (ctl, force_columns, row, error);
}

static const SkVerb verbs[] = {
  { "show", NULL, 0, 0, NULL, NULL, run_show, "show which rules the broker has in force, and the last error",
    "ブローカーで有効な規則と最後の誤りを表示" },
  { "reload", NULL, 0, 0, NULL, NULL, run_reload, "let the broker read the rules again",
    "ブローカーに規則を読み直させる" },
  { "check", "[FOLDER]", 0, 1, ":dir", NULL, run_check, "check that the rules can be loaded",
    "規則を読み込めるか確認" },
  { "explain", NULL, 0, 0, NULL, explain_options, run_explain, "which rule would decide, and why",
    "どの規則がなぜ決めるかを説明" },
  { "test", "[FOLDER] FILE", 1, 2, ":file", NULL, run_test, "run a file of questions with expected answers",
    "質問と期待する答えのファイルを実行" },
  { "diff", "[FOLDER] FOLDER", 1, 2, ":dir", NULL, run_diff, "what a second set of rules changes",
    "二つの規則の違いを表示" },
  { NULL },
};
const SkNoun sk_policy_noun = { "policy", verbs, "rules for what may cross", "受け渡しの規則" };
