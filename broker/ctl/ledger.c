#include "ctl/ledger.h"
#include "ctl/output.h"
#include <stdio.h>
#include <string.h>

/* -- times --------------------------------------------------------------------------------------------------
 */

gboolean
sk_ledger_read_time (const char *text, gboolean end, gint64 *ret, GError **error)
{
  int year, month, day, hour = 0, minute = 0, used = 0, more = 0;
  *ret = 0;
  if (!text)
    return TRUE;
  const gboolean is_day = sscanf (text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3;
  const char *rest = is_day ? text + used : "";
  const gboolean has_time = is_day && sscanf (rest, "T%2d:%2d%n", &hour, &minute, &more) == 2;
  g_autoptr (GDateTime) begin = is_day && rest[more] == '\0' && (has_time || !*rest)
                                    ? g_date_time_new_local (year, month, day, hour, minute, 0)
                                    : NULL;
  g_autoptr (GDateTime) time = !begin || !end ? (begin ? g_date_time_ref (begin) : NULL)
                               : has_time     ? g_date_time_add_minutes (begin, 1)
                                              : g_date_time_add_days (begin, 1);
  if (time)
    {
      *ret = g_date_time_to_unix (time) * G_USEC_PER_SEC;
      return TRUE;
    }
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_TR ("not a date (YYYY-MM-DD or YYYY-MM-DDTHH:MM): %s",
                      "日付ではありません（年-月-日 または 年-月-日T時:分）: %s"),
               text);
  return FALSE;
}

/* -- lines --------------------------------------------------------------------------------------------------
 */

gint64
sk_ledger_add (JsonArray *all, JsonArray *page, gint64 *ret_last)
{
  const guint n = page ? json_array_get_length (page) : 0;
  for (guint i = 0; i < n; i++)
    {
      JsonObject *line = json_array_get_object_element (page, i);
      *ret_last = sk_json_get_int (line, "created", *ret_last);
      json_array_add_object_element (all, json_object_ref (line));
    }
  return n;
}

const char *
sk_ledger_last_id (JsonArray *all, gint64 created)
{
  const char *last = "";
  for (guint i = json_array_get_length (all); i > 0; i--)
    {
      JsonObject *line = json_array_get_object_element (all, i - 1);
      const char *id = sk_json_get_string (line, "id", "");
      if (sk_json_get_int (line, "created", 0) != created)
        break;
      last = strcmp (id, last) > 0 ? id : last;
    }
  return last;
}

typedef struct
{
  const char *word, *ja;
} Word;

static const Word outcomes[] = {
  { "receiving", "受信中" }, { "quarantined", "検査待ち" }, { "inspecting", "検査中" },
  { "refused", "拒否" },     { "held", "承認待ち" },        { "approved", "承認済み" },
  { "denied", "却下" },      { "releasing", "引渡し中" },   { "delivered", "持出し済み" },
  { "purged", "消去済み" },  { "cancelled", "取下げ" },     { "expired", "期限切れ" },
};
static const Word kinds[] = {
  { "file", "ファイル" }, { "text", "文字" }, { "image", "画像" }, { "url", "リンク" }, { "print", "印刷" },
};

static const char *
word_of (const Word *words, guint n, const char *word)
{
  for (guint i = 0; i < n; i++)
    if (strcmp (words[i].word, word) == 0)
      return words[i].ja;
  return word;
}

static char *
join (JsonObject *line, const char *member)
{
  JsonNode *node = json_object_get_member (line, member);
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  GString *text = g_string_new (NULL);
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "、" : "", json_array_get_string_element (array, i));
  return g_string_free (text, FALSE);
}

/* Nobody decided because the rules did; or nobody did yet. */
static const char *
by_rules (const char *outcome)
{
  static const char *const decided[] = { "refused", "approved", "releasing", "delivered", "purged", NULL };
  return g_strv_contains (decided, outcome) ? "（規則による）" : "";
}

#define COLUMNS 12
static const char *const headings[COLUMNS]
    = { "日時",       "団体",       "所属",   "利用者", "持出し先", "種別", "件数", "大きさ（バイト）",
        "ファイル名", "持出し目的", "承認者", "結果" };

/* What guests and people wrote is printed without what a program or a reader could be led astray by. */
static void
fill (JsonObject *line, char *cells[COLUMNS])
{
  g_autofree char *names = join (line, "names"), *deciders = join (line, "deciders");
  const char *const texts[COLUMNS]
      = { NULL,
          sk_json_get_string (line, "organisation", ""),
          sk_json_get_string (line, "section", ""),
          sk_json_get_string (line, "user", ""),
          "インターネット側",
          word_of (kinds, G_N_ELEMENTS (kinds), sk_json_get_string (line, "kind", "")),
          NULL,
          NULL,
          names,
          sk_json_get_string (line, "purpose", ""),
          *deciders ? deciders : by_rules (sk_json_get_string (line, "outcome", "")),
          word_of (outcomes, G_N_ELEMENTS (outcomes), sk_json_get_string (line, "outcome", "")) };
  cells[0] = sk_output_time (sk_json_get_int (line, "created", 0));
  cells[6] = g_strdup_printf ("%" G_GINT64_FORMAT, sk_json_get_int (line, "count", 0));
  cells[7] = g_strdup_printf ("%" G_GINT64_FORMAT, sk_json_get_int (line, "bytes", 0));
  for (guint i = 0; i < COLUMNS; i++)
    if (texts[i])
      cells[i] = sk_output_clean (texts[i]);
}

static void
clear (char *cells[COLUMNS])
{
  for (guint i = 0; i < COLUMNS; i++)
    g_free (cells[i]);
}

/* -- CSV ----------------------------------------------------------------------------------------------------
 */

/* A spreadsheet takes a cell that begins so for a formula, in Japanese also where the sign is a wide one. */
static gboolean
begins_formula (const char *text)
{
  static const char *const signs[] = { "=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠" };
  const char *first = text + strspn (text, " ");
  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    if (g_str_has_prefix (first, signs[i]))
      return TRUE;
  return FALSE;
}

static void
add_cell (GString *csv, const char *text, gboolean first)
{
  g_autoptr (GString) quoted = g_string_new (text);
  g_string_replace (quoted, "\"", "\"\"", 0);
  g_string_append_printf (csv, "%s\"%s%s\"", first ? "" : ",", begins_formula (text) ? "'" : "", quoted->str);
}

char *
sk_ledger_csv (JsonArray *lines)
{
  GString *csv = g_string_new ("\xEF\xBB\xBF");
  for (guint i = 0; i < COLUMNS; i++)
    add_cell (csv, headings[i], i == 0);
  g_string_append (csv, "\r\n");
  for (guint n = 0; n < json_array_get_length (lines); n++)
    {
      char *cells[COLUMNS] = { NULL };
      fill (json_array_get_object_element (lines, n), cells);
      for (guint i = 0; i < COLUMNS; i++)
        add_cell (csv, cells[i], i == 0);
      g_string_append (csv, "\r\n");
      clear (cells);
    }
  return g_string_free (csv, FALSE);
}

/* -- HTML ---------------------------------------------------------------------------------------------------
 */

static const char head[]
    = "<!DOCTYPE html>\n<html lang=\"ja\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<title>持出し台帳</title>\n<style>\n"
      "@page { size: A4 landscape; margin: 12mm; }\n"
      "body { font-family: \"Noto Sans CJK JP\", \"IPAexGothic\", \"Meiryo\", sans-serif; font-size: 9pt; "
      "margin: 0; }\n"
      "h1 { font-size: 15pt; text-align: center; margin: 0 0 4mm; }\n"
      "p { margin: 0 0 2mm; }\n"
      "table { width: 100%; border-collapse: collapse; }\n"
      "thead { display: table-header-group; }\n"
      "tr { break-inside: avoid; }\n"
      "th, td { border: 0.3mm solid #000; padding: 1mm; text-align: left; vertical-align: top; "
      "overflow-wrap: anywhere; }\n"
      "th { background: #eee; white-space: nowrap; }\n"
      "td.number { text-align: right; white-space: nowrap; }\n"
      "table.seals { width: auto; margin: 6mm 0 0 auto; }\n"
      "table.seals td { width: 22mm; height: 18mm; }\n"
      "</style>\n</head>\n<body>\n<h1>持出し台帳</h1>\n";

static void
add_escaped (GString *html, const char *before, const char *text, const char *behind)
{
  g_autofree char *clean = sk_output_clean (text);
  g_autofree char *escaped = g_markup_escape_text (clean, -1);
  g_string_append_printf (html, "%s%s%s", before, escaped, behind);
}

static void
add_line (GString *html, JsonObject *line)
{
  char *cells[COLUMNS] = { NULL };
  fill (line, cells);
  g_string_append (html, "<tr>");
  for (guint i = 0; i < COLUMNS; i++)
    add_escaped (html, i == 6 || i == 7 ? "<td class=\"number\">" : "<td>", cells[i], "</td>");
  g_string_append (html, "</tr>\n");
  clear (cells);
}

char *
sk_ledger_html (JsonArray *lines, const char *since, const char *until, const char *organisation)
{
  GString *html = g_string_new (head);
  add_escaped (html, "<p>期間: ", since ? since : "（最初）", " から ");
  add_escaped (html, "", until ? until : "（現在）", " まで");
  add_escaped (html, " ／ 団体: ", organisation ? organisation : "すべて", "");
  g_string_append_printf (html, " ／ %u 件</p>\n<table>\n<thead><tr>", json_array_get_length (lines));
  for (guint i = 0; i < COLUMNS; i++)
    add_escaped (html, "<th>", headings[i], "</th>");
  g_string_append (html, "</tr></thead>\n<tbody>\n");
  for (guint n = 0; n < json_array_get_length (lines); n++)
    add_line (html, json_array_get_object_element (lines, n));
  g_string_append (html, "</tbody>\n</table>\n<table class=\"seals\"><thead><tr><th>課長</th><th>係長</th>"
                         "<th>確認者</th></tr></thead><tbody><tr><td></td><td></td><td></td></tr></tbody>"
                         "</table>\n</body>\n</html>\n");
  return g_string_free (html, FALSE);
}

/* -- files --------------------------------------------------------------------------------------------------
 */

gboolean
sk_ledger_write (const char *path, const char *text, gsize length, GError **error)
{
  g_autoptr (GError) failed = NULL;
  if (g_file_set_contents_full (path, text, (gssize) length,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &failed))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "--output: %s", failed->message);
  return FALSE;
}
