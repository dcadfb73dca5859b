/* What waits for a decision: looking at it, and deciding about one or many. */
#include "ctl/transfer.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const SkColumn queue_columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "direction", "direction", SK_COLUMN_STATE, "WAY", "方向" },
  { "kind", "kind", SK_COLUMN_STATE, "KIND", "種類" },
  { "count", "count", SK_COLUMN_NUMBER, "FILES", "件数" },
  { "bytes", "bytes", SK_COLUMN_BYTES, "SIZE", "大きさ" },
  { "left", "approval.seconds_left", SK_COLUMN_LEFT, "TIME LEFT", "残り時間" },
  { "reason", "reason", SK_COLUMN_TEXT, "REASON", "理由" },
  { "who", "approval.people", SK_COLUMN_WORDS, "WHO DECIDES", "判断する人" },
  { "created", "created", SK_COLUMN_TIME, "BEGAN", "開始", TRUE },
  { "until", "approval.until", SK_COLUMN_TIME, "DECIDE UNTIL", "判断の期限", TRUE },
  { "escalates", "approval.escalates", SK_COLUMN_TIME, "ESCALATES", "上申の予定", TRUE },
  { "escalated", "approval.escalated", SK_COLUMN_TIME, "ESCALATED", "上申済み", TRUE },
  { "stage", "approval.stage", SK_COLUMN_NUMBER, "STAGE", "段階", TRUE },
  { "stages", "approval.stages", SK_COLUMN_NUMBER, "OF STAGES", "全段階", TRUE },
  { "section", "section", SK_COLUMN_TEXT, "SECTION", "所属", TRUE },
  { "matter", "matter", SK_COLUMN_TEXT, "MATTER", "案件", TRUE },
  { "rule", "rule", SK_COLUMN_TEXT, "RULE", "規則", TRUE },
  { NULL },
};

/* In a table the error of the locale; in CSV both. */
#define ANSWERS(en_extra, ja_extra)                                                                          \
  {                                                                                                          \
    { "id", "id", SK_COLUMN_TEXT, "ID", "ID" }, { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },      \
        { "error", "error", SK_COLUMN_TEXT, "ERROR", "エラー（英語）", en_extra },                           \
        { "error-ja", "error_ja", SK_COLUMN_TEXT, "ERROR (Japanese)", "エラー", ja_extra },                  \
        { "detail", "detail", SK_COLUMN_TEXT, "DETAIL", "詳細（英語）", en_extra },                          \
        { "detail-ja", "detail_ja", SK_COLUMN_TEXT, "DETAIL (Japanese)", "詳細", ja_extra }, { NULL },       \
  }
static const SkColumn answers_en[] = ANSWERS (FALSE, TRUE), answers_ja[] = ANSWERS (TRUE, FALSE);

static const SkOption decide_options[] = {
  { "comment", SK_OPTION_TEXT, "TEXT", "comment", "what the sender and colleagues will read",
    "送信者と同僚に伝える一言" },
  { "from", SK_OPTION_TEXT, "USER", NULL, "instead of IDs: all that waits for you and this user sent",
    "ID の代わりに、この利用者が送った自分宛ての承認待ちすべて" },
  { "matter", SK_OPTION_TEXT, "NUMBER", NULL, "instead of IDs: all that waits for you in this matter",
    "ID の代わりに、この案件の自分宛ての承認待ちすべて" },
  { NULL },
};

static const SkOption preview_options[] = {
  { "output", SK_OPTION_FILE, "FILE", NULL, "write it there, a picture as PNG",
    "ファイルに書き出す（画像は PNG）" },
  { NULL },
};

static gboolean
run_queue (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/approvals", NULL, error);
  return rows && sk_output_list (ctl, queue_columns, rows, error);
}

/* -- deciding ---------------------------------------------------------------------------------------------
 */

static gboolean
is_meant (SkCtl *ctl, JsonObject *row)
{
  const char *from = sk_ctl_text (ctl, "from"), *matter = sk_ctl_text (ctl, "matter");
  return (!from || strcmp (sk_json_get_string (row, "user", ""), from) == 0)
         && (!matter || strcmp (sk_json_get_string (row, "matter", ""), matter) == 0);
}

/* What waits as it is now; what comes meanwhile waits for the next time. */
static JsonArray *
find_meant (SkCtl *ctl, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/approvals", NULL, error);
  if (!rows || !JSON_NODE_HOLDS_ARRAY (rows))
    return NULL;
  g_autoptr (JsonArray) ids = json_array_new ();
  JsonArray *all = json_node_get_array (rows);
  for (guint i = 0; i < json_array_get_length (all); i++)
    if (is_meant (ctl, json_array_get_object_element (all, i)))
      json_array_add_string_element (ids,
                                     sk_json_get_string (json_array_get_object_element (all, i), "id", ""));
  if (json_array_get_length (ids) > 0)
    return g_steal_pointer (&ids);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                       SK_TR ("nothing like that waits for you; see: sekishoctl approval list",
                              "該当する承認待ちはありません。sekishoctl approval list で確認してください"));
  return NULL;
}

static JsonArray *
choose (SkCtl *ctl, char **ids, GError **error)
{
  const gboolean filter = sk_ctl_text (ctl, "from") || sk_ctl_text (ctl, "matter");
  if (filter == (ids[0] != NULL))
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_INVALID,
          SK_TR ("name IDs, or --from or --matter, and not both",
                 "ID を指定するか、--from か --matter を指定してください（併用はできません）"));
      return NULL;
    }
  if (filter)
    return find_meant (ctl, error);
  JsonArray *array = json_array_new ();
  for (char **id = ids; *id; id++)
    json_array_add_string_element (array, *id);
  return array;
}

/* A bad one among many shows in its row and in the exit status. */
static gboolean
decide (SkCtl *ctl, char **ids, const char *verdict, GError **error)
{
  JsonArray *transfers = choose (ctl, ids, error);
  if (!transfers)
    return FALSE;
  g_autoptr (JsonObject) body = json_object_new ();
  json_object_set_array_member (body, "transfers", transfers);
  json_object_set_string_member (body, "verdict", verdict);
  json_object_set_string_member (body, "comment",
                                 sk_ctl_text (ctl, "comment") ? sk_ctl_text (ctl, "comment") : "");
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "POST", "/1.0/approvals", body, error);
  if (!rows || !JSON_NODE_HOLDS_ARRAY (rows))
    return FALSE;
  JsonArray *answers = json_node_get_array (rows);
  guint failed = 0;
  const guint all = json_array_get_length (answers);
  for (guint i = 0; i < all; i++)
    failed += json_object_has_member (json_array_get_object_element (answers, i), "error");
  ctl->exit_status = failed > 0;
  if (!sk_output_list (ctl, SK_TR (answers_en, answers_ja), rows, error))
    return FALSE;
  if (failed > 0)
    sk_ctl_say (SK_TR ("%u of %u failed", "%2$u 件中 %1$u 件は処理できませんでした"), failed, all);
  return TRUE;
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

/* -- a look -----------------------------------------------------------------------------------------------
 */

static gboolean
no_file (const char *path, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT,
               SK_TR ("%s cannot be written (%s)", "%s に書き込めません（%s）"), path, g_strerror (errno));
  return FALSE;
}

/* Never over something that is there. */
static gboolean
write_new (const char *path, const guint8 *data, gsize length, GError **error)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  gboolean ok = fd >= 0;
  while (ok && length > 0)
    {
      const gssize n = write (fd, data, length);
      ok = n > 0;
      data += MAX (n, 0);
      length -= (gsize) MAX (n, 0);
    }
  if (!ok)
    no_file (path, error);
  if (fd >= 0)
    close (fd);
  return ok;
}

static void
print_text (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const guint n = g_strv_length (lines);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *clean = sk_output_clean (lines[i]);
      if (*clean || i + 1 < n)
        g_print ("%s\n", clean);
    }
}

/* In a file of one's own; on a desktop it is opened. */
static gboolean
show_picture (const guint8 *data, gsize length, GError **error)
{
  g_autofree char *name = g_strdup_printf ("sekisho-preview-%08x.png", g_random_int ());
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), name, NULL);
  g_autofree char *uri = g_filename_to_uri (path, NULL, NULL);
  if (!write_new (path, data, length, error))
    return FALSE;
  g_print ("%s\n", path);
  if (uri && (g_getenv ("DISPLAY") || g_getenv ("WAYLAND_DISPLAY")))
    g_app_info_launch_default_for_uri (uri, NULL, NULL);
  return TRUE;
}

static gboolean
show_preview (SkCtl *ctl, JsonObject *preview, GError **error)
{
  const char *output = sk_ctl_text (ctl, "output");
  const char *text = sk_json_get_string (preview, "text", NULL);
  const char *base64 = sk_json_get_string (preview, "data", NULL);
  gsize length = text ? strlen (text) : 0;
  g_autofree guchar *data = base64 ? g_base64_decode (base64, &length) : NULL;
  if (!text && !data)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "preview");
      return FALSE;
    }
  if (output)
    return write_new (output, text ? (const guint8 *) text : data, length, error);
  if (!text)
    return show_picture (data, length, error);
  print_text (text);
  if (sk_json_get_bool (preview, "cut", FALSE))
    sk_ctl_say ("%s", SK_TR ("there is more of it; this is the beginning",
                             "続きがあります（先頭だけを表示しました）"));
  return TRUE;
}

static gboolean
run_preview (SkCtl *ctl, char **arguments, GError **error)
{
  guint64 number = 1;
  const char *output = sk_ctl_text (ctl, "output");
  g_autofree char *path = sk_ctl_path ("/1.0/transfers", arguments[0], error);
  /* Before it is shown: each look is on record. */
  if (path && output && g_file_test (output, G_FILE_TEST_EXISTS))
    {
      errno = EEXIST;
      return no_file (output, error);
    }
  if (path && arguments[1] && !g_ascii_string_to_unsigned (arguments[1], 10, 1, G_MAXINT32, &number, NULL))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                   SK_TR ("%s is not an item's number; see: sekishoctl approval show",
                          "%s は項目の番号ではありません。sekishoctl approval show で確認してください"),
                   arguments[1]);
      return FALSE;
    }
  g_autofree char *whole = path ? g_strdup_printf ("%s/items/%u/preview", path, (guint) number - 1) : NULL;
  g_autoptr (JsonNode) preview = whole ? sk_ctl_call (ctl, "GET", whole, NULL, error) : NULL;
  if (!preview)
    return FALSE;
  if (ctl->format == SK_FORMAT_JSON)
    {
      sk_output_json (preview);
      return TRUE;
    }
  return show_preview (ctl, JSON_NODE_HOLDS_OBJECT (preview) ? json_node_get_object (preview) : NULL, error);
}

#define QUEUE "/1.0/approvals id"
#define IDS_MAX 1000
static const SkVerb approval_verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_queue, "list what waits for you", "自分が判断するものの一覧" },
  { "show", "ID", 1, 1, QUEUE, NULL, sk_transfer_show, "show everything about one", "詳細" },
  { "preview", "ID [ITEM]", 1, 2, QUEUE, preview_options, run_preview,
    "look at what would cross, made safe and masked", "通すものを安全な形（個人番号は伏せ字）で見る" },
  { "approve", "[ID...]", 0, IDS_MAX, QUEUE, decide_options, run_approve, "let them cross", "承認する" },
  { "deny", "[ID...]", 0, IDS_MAX, QUEUE, decide_options, run_deny, "do not let them cross", "却下する" },
  { NULL },
};
const SkNoun sk_approval_noun = { "approval", approval_verbs, "what waits for a decision", "承認待ち" };
