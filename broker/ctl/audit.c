/* The audit trail: what happened, whether the record of it is whole, what leaves it, what is held. */
#include "ctl/ledger.h"
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
  { "meaning", "meaning", SK_COLUMN_TEXT, "MEANING", "意味" },
  { NULL },
};

static const SkColumn hold_columns[] = {
  { "kind", "kind", SK_COLUMN_TEXT, "KIND", "種類" },
  { "name", "name", SK_COLUMN_TEXT, "NAME", "名前" },
  { "created", "created", SK_COLUMN_TIME, "SINCE", "開始" },
  { "author", "author", SK_COLUMN_TEXT, "ENTERED BY", "登録者" },
  { "reason", "reason", SK_COLUMN_TEXT, "REASON", "理由" },
  { NULL },
};

#define PERIOD_OPTIONS                                                                                       \
  { "since",                                                                                                 \
    SK_OPTION_TEXT,                                                                                          \
    "DATE",                                                                                                  \
    NULL,                                                                                                    \
    "from then on: YYYY-MM-DD or YYYY-MM-DDTHH:MM",                                                          \
    "この日時から（年-月-日 または 年-月-日T時:分）" },                                                      \
  {                                                                                                          \
    "until", SK_OPTION_TEXT, "DATE", NULL, "up to that day or that minute, which belongs to it",             \
        "この日時まで（その日・その分を含む）"                                             \
  }

static const SkOption list_options[] = {
  { "object", SK_OPTION_TEXT, "ID", NULL, "only rows about this transfer, session, pool...",
    "この転送・セッション・プールなどに関するものだけ" },
  { "matter", SK_OPTION_TEXT, "ID", NULL, "only rows of this matter", "この案件に関するものだけ" },
  { "actor", SK_OPTION_TEXT, "USER", NULL, "only what this user did", "この利用者の操作だけ" },
  { "action", SK_OPTION_TEXT, "WORD", NULL, "only this, such as transfer.held",
    "この内容だけ（例: transfer.held）" },
  { "organisation", SK_OPTION_TEXT, "NAME", NULL, "only of this organisation", "この団体だけ" },
  PERIOD_OPTIONS,
  { "limit", SK_OPTION_NUMBER, "N", NULL, "how many at most (1000)", "最大の行数（1000）" },
  { "before", SK_OPTION_TEXT, "TIME.NO", NULL, "the page behind that row, as the page before it says",
    "続きのページ（前のページの表示どおりに指定）" },
  { NULL },
};

static const SkOption export_options[] = {
  { "output", SK_OPTION_FILE, "FILE", NULL, "where to (must not exist yet)", "書き出し先（まだないファイル）",
    ":file" },
  { "matter", SK_OPTION_FLAG, NULL, NULL, "the name is a matter's", "転送ではなく案件の名前" },
  { NULL },
};

static const SkOption ledger_options[] = {
  PERIOD_OPTIONS,
  { "organisation", SK_OPTION_TEXT, "NAME", NULL, "only of this organisation", "この団体だけ" },
  { "format", SK_OPTION_TEXT, "csv|html", NULL, "for a spreadsheet, or to print (A4 landscape)",
    "表計算用、または印刷用（A4 横）", "csv,html" },
  { "output", SK_OPTION_FILE, "FILE", NULL, "where to (default: standard output)",
    "書き出し先（省略時: 標準出力）", ":file" },
  { NULL },
};

static const SkOption hold_options[] = {
  { "reason", SK_OPTION_TEXT, "TEXT", NULL, "why, for the record", "理由（記録に残ります）" },
  { "user", SK_OPTION_FLAG, NULL, NULL, "the name is a user's", "転送ではなく利用者の名前" },
  { "matter", SK_OPTION_FLAG, NULL, NULL, "the name is a matter's", "転送ではなく案件の名前" },
  { NULL },
};

/* -- reading ------------------------------------------------------------------------------------------------
 */

static void
add_text (GString *path, const char *key, const char *value)
{
  g_autofree char *escaped = value ? g_uri_escape_string (value, NULL, FALSE) : NULL;
  if (escaped)
    g_string_append_printf (path, "%c%s=%s", strchr (path->str, '?') ? '&' : '?', key, escaped);
}

static void
add_number (GString *path, const char *key, gint64 number)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, number);
  if (number > 0)
    add_text (path, key, text);
}

static gboolean
add_period (GString *path, SkCtl *ctl, GError **error)
{
  gint64 since, until;
  if (!sk_ledger_read_time (sk_ctl_text (ctl, "since"), FALSE, &since, error)
      || !sk_ledger_read_time (sk_ctl_text (ctl, "until"), TRUE, &until, error))
    return FALSE;
  add_number (path, "since", since);
  add_number (path, "until", until);
  return TRUE;
}

/* "TIME.NO" of the last one; NULL: there is none. */
static char *
next_page (JsonArray *rows)
{
  const guint n = json_array_get_length (rows);
  JsonObject *last = n > 0 ? json_array_get_object_element (rows, n - 1) : NULL;
  return last ? g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, sk_json_get_int (last, "time", 0),
                                 sk_json_get_int (last, "seq", 0))
              : NULL;
}

static JsonNode *
get_page (SkCtl *ctl, const char *base, const char *before, gint64 count, GError **error)
{
  g_autoptr (GString) path = g_string_new (base);
  add_text (path, "before", before);
  add_number (path, "limit", count);
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", path->str, NULL, error);
  if (!rows || JSON_NODE_HOLDS_ARRAY (rows))
    return g_steal_pointer (&rows);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "rows");
  return NULL;
}

#define PAGE 1000

/* As many pages as the limit needs. *ret_more: where it goes on. */
static JsonArray *
get_rows (SkCtl *ctl, const char *base, gint64 limit, char **ret_more, GError **error)
{
  g_autoptr (JsonArray) all = json_array_new ();
  *ret_more = g_strdup (sk_ctl_text (ctl, "before"));
  for (;;)
    {
      const gint64 left = limit - json_array_get_length (all);
      g_autoptr (JsonNode) node = get_page (ctl, base, *ret_more, MIN (left, PAGE), error);
      if (!node)
        return NULL;
      JsonArray *page = json_node_get_array (node);
      for (guint i = 0; i < json_array_get_length (page); i++)
        json_array_add_element (all, json_node_copy (json_array_get_element (page, i)));
      g_free (*ret_more);
      *ret_more = json_array_get_length (page) >= MIN (left, PAGE) ? next_page (page) : NULL;
      if (!*ret_more || json_array_get_length (all) >= limit)
        return g_steal_pointer (&all);
    }
}

static gboolean
read_limit (SkCtl *ctl, gint64 *ret_limit, GError **error)
{
  const char *text = sk_ctl_text (ctl, "limit");
  *ret_limit = PAGE;
  if (!text || g_ascii_string_to_signed (text, 10, 1, 1000000, ret_limit, NULL))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, SK_TR ("--limit: 1 to %d", "--limit: 1 から %d までです"),
               1000000);
  return FALSE;
}

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  static const char *const keys[] = { "object", "matter", "actor", "action", "organisation" };
  g_autoptr (GString) path = g_string_new ("/1.0/audit");
  g_autofree char *more = NULL;
  gint64 limit;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    add_text (path, keys[i], sk_ctl_text (ctl, keys[i]));
  if (!add_period (path, ctl, error) || !read_limit (ctl, &limit, error))
    return FALSE;
  g_autoptr (JsonArray) rows = get_rows (ctl, path->str, limit, &more, error);
  if (!rows)
    return FALSE;
  g_autoptr (JsonNode) node = json_node_init_array (json_node_alloc (), rows);
  if (!sk_output_list (ctl, columns, node, error))
    return FALSE;
  if (more)
    sk_ctl_say (SK_TR ("there may be more: --before %s", "続きがあるかもしれません: --before %s"), more);
  return TRUE;
}

static const struct
{
  const char *word, *en, *ja;
} meanings[] = {
  { "gap", "rows before this one are missing or moved", "この行より前の行が欠けているか、移動されています" },
  { "link", "it does not follow on the row before it", "前の行につながっていません" },
  { "changed", "this row was changed", "この行が変更されています" },
  { "details", "its details were changed", "この行の詳細が変更されています" },
  { "signature", "this checkpoint is not signed by the key", "この区切りの署名が正しくありません" },
  { "checkpoint", "the signed row is another one or missing", "署名された行が別のものか、欠けています" },
  { "unsigned", "a checkpoint is missing here", "ここにあるはずの区切りが欠けています" },
  { "checkpoint-gap", "checkpoints before here are missing or others",
    "ここより前の区切りが欠けているか、別のものです" },
  { "emptied", "its details are gone without a reason", "この行の詳細が理由なく消されています" },
  { "cut", "rows from here on are missing", "ここから後の行が失われています" },
  { "heads", "audit.heads is missing or not signed by the key",
    "audit.heads がないか、署名が正しくありません" },
  { "noted", "the broker found a fault here when it started; see this row's details",
    "起動時にブローカーが異常を見つけました。この行の詳細を見てください" },
};

static void
add_meanings (JsonArray *faults)
{
  for (guint i = 0; i < json_array_get_length (faults); i++)
    {
      JsonObject *fault = json_array_get_object_element (faults, i);
      for (guint m = 0; m < G_N_ELEMENTS (meanings); m++)
        if (strcmp (meanings[m].word, sk_json_get_string (fault, "fault", "")) == 0)
          json_object_set_string_member (fault, "meaning", SK_TR (meanings[m].en, meanings[m].ja));
    }
}

/* Faults are bad news: the exit status says so as well. */
static gboolean
run_verify (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) answer = sk_ctl_call_and_wait (ctl, "POST", "/1.0/audit/verify", NULL, error);
  if (!answer)
    return FALSE;
  JsonObject *object = json_node_get_object (answer);
  JsonNode *faults = json_object_get_member (object, "faults");
  const gint64 n = sk_json_get_int (object, "fault_count", 0);
  ctl->exit_status = n > 0 ? 1 : 0;
  if (ctl->format == SK_FORMAT_JSON)
    {
      sk_output_json (answer);
      return TRUE;
    }
  if (n > 0)
    {
      add_meanings (json_node_get_array (faults));
      if (n > json_array_get_length (json_node_get_array (faults)))
        sk_ctl_say (SK_TR ("%d faults; the first of them:", "異常 %d 件。最初の部分を表示します:"), (int) n);
      return sk_output_list (ctl, fault_columns, faults, error);
    }
  g_print (SK_TR ("%d rows, all as they were written\n", "%d 行。すべて書き込まれたとおりです\n"),
           (int) sk_json_get_int (object, "rows", 0));
  return TRUE;
}

/* -- what leaves --------------------------------------------------------------------------------------------
 */

static gboolean
need_output (SkCtl *ctl, const char **ret_path, GError **error)
{
  *ret_path = sk_ctl_text (ctl, "output");
  if (*ret_path && !g_file_test (*ret_path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error (error, SK_ERROR, *ret_path ? SK_ERROR_CONFLICT : SK_ERROR_INVALID, "%s",
               *ret_path ? SK_TR ("--output: the file exists already; name another one",
                                  "--output: すでにあるファイルです。別の名前を指定してください")
                         : SK_TR ("--output is needed: where the bundle goes",
                                  "--output で書き出し先を指定してください"));
  return FALSE;
}

static gboolean
run_export (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (GString) path = g_string_new ("/1.0/audit/export");
  const char *output;
  gsize length = 0;
  if (!need_output (ctl, &output, error))
    return FALSE;
  add_text (path, sk_ctl_flag (ctl, "matter") ? "matter" : "transfer", arguments[0]);
  g_autoptr (JsonNode) answer = sk_ctl_call (ctl, "POST", path->str, NULL, error);
  if (!answer)
    return FALSE;
  const char *base64 = sk_json_get_string (json_node_get_object (answer), "bundle", "");
  g_autofree guchar *text = g_base64_decode (base64, &length);
  if (!sk_ledger_write (output, (const char *) text, length, error))
    return FALSE;
  g_print (SK_TR ("%s: check it with sekisho-audit-verify\n", "%s: sekisho-audit-verify で確かめられます\n"),
           output);
  return TRUE;
}

/* Page after page, behind the last one of the page before. */
static gboolean
run_ledger (SkCtl *ctl, char **arguments, GError **error)
{
  const char *format = sk_ctl_text (ctl, "format"), *output = sk_ctl_text (ctl, "output");
  const gboolean html = g_strcmp0 (format, "html") == 0;
  g_autoptr (GString) base = g_string_new ("/1.0/audit/ledger");
  g_autoptr (JsonArray) all = json_array_new ();
  if (format && !html && strcmp (format, "csv") != 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("--format is csv or html", "--format には csv か html を指定してください"));
      return FALSE;
    }
  if (!add_period (base, ctl, error))
    return FALSE;
  add_text (base, "organisation", sk_ctl_text (ctl, "organisation"));
  for (gint64 n = PAGE, after = 0; n >= PAGE;)
    {
      g_autoptr (GString) path = g_string_new (base->str);
      if (after > 0)
        add_number (path, "after", after);
      if (after > 0)
        add_text (path, "after_id", sk_ledger_last_id (all, after));
      g_autoptr (JsonNode) page = sk_ctl_call (ctl, "GET", path->str, NULL, error);
      if (!page)
        return FALSE;
      n = sk_ledger_add (all, json_node_get_array (page), &after);
    }
  g_autofree char *text = html ? sk_ledger_html (all, sk_ctl_text (ctl, "since"), sk_ctl_text (ctl, "until"),
                                                 sk_ctl_text (ctl, "organisation"))
                               : sk_ledger_csv (all);
  if (output)
    return sk_ledger_write (output, text, strlen (text), error);
  g_print ("%s", text);
  return TRUE;
}

/* -- holds --------------------------------------------------------------------------------------------------
 */

static gboolean
run_holds (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/audit/holds", NULL, error);
  return rows && sk_output_list (ctl, hold_columns, rows, error);
}

static gboolean
set_hold (SkCtl *ctl, const char *name, gboolean release, GError **error)
{
  const char *reason = sk_ctl_text (ctl, "reason");
  g_autoptr (JsonObject) body = json_object_new ();
  if (sk_ctl_flag (ctl, "user") && sk_ctl_flag (ctl, "matter"))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("either --user or --matter", "--user と --matter は同時に指定できません"));
      return FALSE;
    }
  json_object_set_string_member (body, "kind",
                                 sk_ctl_flag (ctl, "user")     ? "user"
                                 : sk_ctl_flag (ctl, "matter") ? "matter"
                                                               : "transfer");
  json_object_set_string_member (body, "name", name);
  json_object_set_boolean_member (body, "release", release);
  if (reason)
    json_object_set_string_member (body, "reason", reason);
  g_autoptr (JsonNode) answer = sk_ctl_call (ctl, "POST", "/1.0/audit/holds", body, error);
  return answer && run_holds (ctl, NULL, error);
}

static gboolean
run_hold (SkCtl *ctl, char **arguments, GError **error)
{
  return set_hold (ctl, arguments[0], FALSE, error);
}

static gboolean
run_release (SkCtl *ctl, char **arguments, GError **error)
{
  return set_hold (ctl, arguments[0], TRUE, error);
}

static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list, "list what happened, the newest first",
    "記録の一覧（新しい順）" },
  { "verify", NULL, 0, 0, NULL, NULL, run_verify, "check that nothing of it was changed",
    "記録が変更されていないことを確かめる" },
  { "export", "TRANSFER", 1, 1, "/1.0/transfers?all=1 id", export_options, run_export,
    "write an evidence bundle, for sekisho-audit-verify", "証拠一式を書き出す（sekisho-audit-verify 用）" },
  { "ledger", NULL, 0, 0, NULL, ledger_options, run_ledger, "write the ledger of what was taken out",
    "持出し台帳を書き出す" },
  { "holds", NULL, 0, 0, NULL, NULL, run_holds, "list what must not be deleted", "保全中のものの一覧" },
  { "hold", "NAME", 1, 1, "/1.0/transfers?all=1 id", hold_options, run_hold,
    "keep a transfer (or a user's) from being deleted", "転送（または利用者のもの）を消去の対象から外す" },
  { "release", "NAME", 1, 1, "/1.0/audit/holds name", hold_options, run_release, "end that", "保全を終える" },
  { NULL },
};
const SkNoun sk_audit_noun = { "audit", verbs, "the audit trail", "監査記録" };
