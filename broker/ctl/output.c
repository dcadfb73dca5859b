#include "ctl/output.h"
#include "common/finding.h"
#include <string.h>

/* -- values --------------------------------------------------------------------------------------------- */

static const struct
{
  const char *word, *en, *ja;
} states[] = {
  { "defining", "defining", "作成中" },
  { "booting", "booting", "起動中" },
  { "warm", "warm", "待機" },
  { "stored", "stored", "保存済み" },
  { "attached", "attached", "使用中" },
  { "retiring", "retiring", "終了処理中" },
  { "gone", "gone", "終了" },
  { "failed", "failed", "失敗" },
  { "approve", "approved", "承認" },
  { "deny", "denied", "却下" },
  { "import", "in", "取り込み" },
  { "export", "out", "持ち出し" },
  { "file", "file", "ファイル" },
  { "text", "text", "文字" },
  { "image", "picture", "画像" },
  { "url", "link", "リンク" },
  { "print", "print-out", "印刷" },
  { "receiving", "receiving", "受信中" },
  { "quarantined", "quarantined", "検査待ち" },
  { "inspecting", "inspecting", "検査中" },
  { "clean", "clean", "検出なし" },
  { "infected", "INFECTED", "検出あり" },
  { "unscanned", "not scanned", "未検査" },
  { "refused", "refused", "通せません" },
  { "held", "held", "承認待ち" },
  { "approved", "approved", "承認済み" },
  { "denied", "denied", "却下" },
  { "releasing", "releasing", "受け渡し中" },
  { "delivered", "delivered", "受け渡し済み" },
  { "purged", "purged", "消去済み" },
  { "expired", "expired", "期限切れ" },
  { "queued", "queued", "順番待ち" },
  { "starting", "starting", "開始中" },
  { "active", "active", "表示中" },
  { "detached", "detached", "画面なし" },
  { "ended", "ended", "終了" },
  { "running", "running", "実行中" },
  { "success", "success", "成功" },
  { "failure", "failure", "失敗" },
  { "cancelled", "cancelled", "取り消し" },
  { "created", "created", "作成" },
  { "changed", "changed", "変更" },
  { "deleted", "deleted", "削除" },
  { "drained", "drained", "停止" },
  { "added", "added", "追加" },
  { "removed", "removed", "削除" },
  { "moved", "moved", "移動" },
  { "open", "open", "進行中" },
  { "closed", "closed", "完了" },
};

const char *
sk_output_state (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (strcmp (states[i].word, word) == 0)
      return SK_TR (states[i].en, states[i].ja);
  return word;
}

/* What a terminal would obey, and what turns the direction of writing. */
static gboolean
is_unsafe (gunichar c)
{
  return g_unichar_iscntrl (c) || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e)
         || (c >= 0x2066 && c <= 0x2069);
}

char *
sk_output_clean (const char *untrusted_text)
{
  g_autofree char *valid = g_utf8_make_valid (untrusted_text, -1);
  GString *clean = g_string_new (NULL);
  for (const char *c = valid; *c; c = g_utf8_next_char (c))
    g_string_append_unichar (clean, is_unsafe (g_utf8_get_char (c)) ? 0xfffd : g_utf8_get_char (c));
  return g_string_free (clean, FALSE);
}

guint
sk_output_width (const char *text)
{
  guint width = 0;
  for (const char *c = text; *c; c = g_utf8_next_char (c))
    {
      gunichar wide = g_utf8_get_char (c);
      width += g_unichar_iszerowidth (wide) ? 0 : g_unichar_iswide (wide) ? 2 : 1;
    }
  return width;
}

char *
sk_output_pad (const char *text, guint width, gboolean right)
{
  guint have = sk_output_width (text);
  int blanks = have < width ? (int) (width - have) : 0;
  return right ? g_strdup_printf ("%*s%s", blanks, "", text) : g_strdup_printf ("%s%*s", text, blanks, "");
}

char *
sk_output_time (gint64 microseconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (microseconds / G_USEC_PER_SEC);
  return time && microseconds > 0 ? g_date_time_format (time, "%Y-%m-%d %H:%M:%S") : g_strdup ("-");
}

static char *
csv_time (gint64 microseconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (microseconds / G_USEC_PER_SEC);
  return time && microseconds > 0 ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup ("");
}

static char *
format_bytes (gint64 bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
  double size = (double) bytes;
  gsize unit = 0;
  for (; size >= 1024 && unit + 1 < G_N_ELEMENTS (units); unit++)
    size /= 1024;
  return g_strdup_printf (unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

static JsonNode *
find_member (JsonObject *row, const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, ".", 0);
  JsonNode *node = NULL;
  for (char **part = parts; *part && row; part++)
    {
      node = json_object_get_member (row, *part);
      row = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
    }
  return node;
}

static char *
raw_value (JsonNode *node)
{
  if (!node || JSON_NODE_HOLDS_NULL (node))
    return g_strdup ("");
  if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    return json_node_dup_string (node);
  return sk_json_to_string (node, FALSE);
}

static char *
left_text (gint64 seconds)
{
  const int minutes = (int) (seconds / 60 % 60), hours = (int) (seconds / 3600 % 24),
            days = (int) (seconds / 86400);
  if (days > 0)
    return g_strdup_printf (SK_TR ("%d d %d h", "%d日%d時間"), days, hours);
  return hours > 0 ? g_strdup_printf (SK_TR ("%d h %d min", "%d時間%d分"), hours, minutes)
                   : g_strdup_printf (SK_TR ("%d min", "%d分"), minutes);
}

static char *
finding_text (JsonObject *object)
{
  const char *detail = sk_json_get_string (object, "detail", "");
  const gint64 count = sk_json_get_int (object, "count", 1);
  g_autoptr (GString) text = g_string_new (sk_finding_text (sk_json_get_string (object, "kind", "?")));
  if (count != 1)
    g_string_append_printf (text, " ×%" G_GINT64_FORMAT, count);
  if (*detail)
    g_string_append_printf (text, SK_TR (" (%s)", "（%s）"), detail);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
person_text (JsonObject *object)
{
  const char *name = sk_json_get_string (object, "name", ""),
             *user = sk_json_get_string (object, "user", "?");
  const char *in_place_of = sk_json_get_string (object, "in_place_of", "");
  g_autoptr (GString) text = g_string_new (*name ? name : user);
  if (*name)
    g_string_append_printf (text, SK_TR (" (%s)", "（%s）"), user);
  if (*in_place_of)
    g_string_append_printf (text, SK_TR (" for %s", "［%s の代理］"), in_place_of);
  if (sk_json_get_bool (object, "done", FALSE))
    g_string_append (text, SK_TR (" ✓", " ✓済"));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
words_text (JsonNode *node)
{
  JsonArray *array = node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      JsonObject *object = JSON_NODE_HOLDS_OBJECT (element) ? json_node_get_object (element) : NULL;
      g_autofree char *one = !object ? g_strdup (json_node_get_value_type (element) == G_TYPE_STRING
                                                     ? sk_finding_text (json_node_get_string (element))
                                                     : "?")
                             : json_object_has_member (object, "kind") ? finding_text (object)
                                                                       : person_text (object);
      g_string_append_printf (text, "%s%s", i == 0 ? "" : SK_TR (", ", "、"), one);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
people_value (const SkColumn *column, const char *raw, gint64 number)
{
  switch (column->type)
    {
    case SK_COLUMN_TIME:
      return sk_output_time (number);
    case SK_COLUMN_BYTES:
      return format_bytes (number);
    case SK_COLUMN_STATE:
      return g_strdup (sk_output_state (raw));
    case SK_COLUMN_SWITCH:
      return g_strdup (strcmp (raw, "true") == 0 ? SK_TR ("on", "オン") : SK_TR ("off", "オフ"));
    case SK_COLUMN_BOTH:
      return sk_both_pick (raw, sk_locale_is_japanese ());
    case SK_COLUMN_LEFT:
      return !*raw || number < 0 ? g_strdup ("") : left_text (number);
    case SK_COLUMN_WORDS: /* by its node, not here */
    case SK_COLUMN_SHORT:
      return strlen (raw) == 64 ? g_strndup (raw, 12) : g_strdup (raw);
    case SK_COLUMN_TEXT:
    case SK_COLUMN_NUMBER:
      return g_strdup (raw);
    }
  return g_strdup (raw);
}

char *
sk_output_value (const SkColumn *column, JsonObject *row, gboolean for_people)
{
  JsonNode *node = find_member (row, column->member);
  g_autofree char *raw = raw_value (node);
  gint64 number = g_ascii_strtoll (raw, NULL, 10);
  g_autofree char *text = NULL;

  if (!for_people)
    return column->type == SK_COLUMN_TIME ? csv_time (number) : g_steal_pointer (&raw);
  text = column->type == SK_COLUMN_WORDS ? words_text (node) : people_value (column, raw, number);
  return *text ? sk_output_clean (text) : g_strdup ("-");
}

char *
sk_output_csv (const char *text)
{
  g_autoptr (GString) quoted = NULL;
  if (!strpbrk (text, ",\"\r\n"))
    return g_strdup (text);
  quoted = g_string_new (text);
  g_string_replace (quoted, "\"", "\"\"", 0);
  return g_strdup_printf ("\"%s\"", quoted->str);
}

/* -- columns -------------------------------------------------------------------------------------------- */

static GPtrArray *
choose_columns (SkCtl *ctl, const SkColumn *all, gboolean with_extra, GError **error)
{
  g_autoptr (GPtrArray) chosen = g_ptr_array_new ();
  g_auto (GStrv) names = ctl->columns ? g_strsplit (ctl->columns, ",", 0) : NULL;

  for (const SkColumn *column = all; column->name && !names; column++)
    if (!column->extra || with_extra)
      g_ptr_array_add (chosen, (gpointer) column);
  for (char **name = names; name && *name; name++)
    {
      const SkColumn *column = all;
      while (column->name && strcmp (column->name, *name) != 0)
        column++;
      if (!column->name)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                       SK_TR ("no such column: %s", "そのような列はありません: %s"), *name);
          return NULL;
        }
      g_ptr_array_add (chosen, (gpointer) column);
    }
  return g_steal_pointer (&chosen);
}

static JsonObject *
row_at (JsonArray *rows, guint i)
{
  JsonNode *node = json_array_get_element (rows, i);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* -- table ---------------------------------------------------------------------------------------------- */

/* cells: rows of GPtrArray of strings, the heading first. */
static GPtrArray *
make_cells (GPtrArray *columns, JsonArray *rows)
{
  GPtrArray *cells = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  for (guint r = 0; r <= json_array_get_length (rows); r++)
    {
      GPtrArray *line = g_ptr_array_new_with_free_func (g_free);
      for (guint c = 0; c < columns->len; c++)
        {
          const SkColumn *column = g_ptr_array_index (columns, c);
          g_ptr_array_add (line, r == 0 ? g_strdup (SK_TR (column->en, column->ja))
                                        : sk_output_value (column, row_at (rows, r - 1), TRUE));
        }
      g_ptr_array_add (cells, line);
    }
  return cells;
}

static guint
cells_width (GPtrArray *cells, guint column)
{
  guint width = 0;
  for (guint r = 0; r < cells->len; r++)
    width = MAX (width,
                 sk_output_width (g_ptr_array_index ((GPtrArray *) g_ptr_array_index (cells, r), column)));
  return width;
}

static gboolean
is_number (const SkColumn *column)
{
  return column->type == SK_COLUMN_NUMBER || column->type == SK_COLUMN_BYTES;
}

static void
print_table (GPtrArray *columns, JsonArray *rows)
{
  g_autoptr (GPtrArray) cells = make_cells (columns, rows);
  for (guint r = 0; r < cells->len; r++)
    {
      g_autoptr (GString) line = g_string_new (NULL);
      for (guint c = 0; c < columns->len; c++)
        {
          g_autofree char *padded
              = sk_output_pad (g_ptr_array_index ((GPtrArray *) g_ptr_array_index (cells, r), c),
                               cells_width (cells, c), is_number (g_ptr_array_index (columns, c)));
          g_string_append_printf (line, "%s%s", c == 0 ? "" : "  ", padded);
        }
      g_print ("%s\n", g_strchomp (line->str));
    }
}

static void
print_csv_line (GPtrArray *columns, JsonObject *row)
{
  for (guint c = 0; c < columns->len; c++)
    {
      const SkColumn *column = g_ptr_array_index (columns, c);
      g_autofree char *value = row ? sk_output_value (column, row, FALSE) : g_strdup (column->name);
      g_autofree char *quoted = sk_output_csv (value);
      g_print ("%s%s", c == 0 ? "" : ",", quoted);
    }
  g_print ("\n");
}

void
sk_output_json (JsonNode *node)
{
  g_autofree char *text = sk_json_to_string (node, TRUE);
  g_print ("%s\n", text);
}

static gboolean
check_rows (JsonNode *rows, GError **error)
{
  if (JSON_NODE_HOLDS_ARRAY (rows))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "rows");
  return FALSE;
}

gboolean
sk_output_list (SkCtl *ctl, const SkColumn *columns, JsonNode *rows, GError **error)
{
  g_autoptr (GPtrArray) chosen = choose_columns (ctl, columns, ctl->format == SK_FORMAT_CSV, error);
  JsonArray *array;
  if (!chosen || !check_rows (rows, error))
    return FALSE;
  array = json_node_get_array (rows);
  switch (ctl->format)
    {
    case SK_FORMAT_TABLE:
      print_table (chosen, array);
      break;
    case SK_FORMAT_JSON:
      sk_output_json (rows);
      break;
    case SK_FORMAT_CSV:
      print_csv_line (chosen, NULL);
      for (guint r = 0; r < json_array_get_length (array); r++)
        print_csv_line (chosen, row_at (array, r));
      break;
    }
  return TRUE;
}

gboolean
sk_output_show (SkCtl *ctl, const SkColumn *columns, JsonNode *row, GError **error)
{
  g_autoptr (GPtrArray) chosen = choose_columns (ctl, columns, TRUE, error);
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (row) ? json_node_get_object (row) : NULL;
  guint width = 0;

  if (!chosen)
    return FALSE;
  if (ctl->format == SK_FORMAT_JSON)
    {
      sk_output_json (row);
      return TRUE;
    }
  if (ctl->format == SK_FORMAT_CSV)
    {
      print_csv_line (chosen, NULL);
      print_csv_line (chosen, object);
      return TRUE;
    }
  for (guint c = 0; c < chosen->len; c++)
    {
      const SkColumn *column = g_ptr_array_index (chosen, c);
      width = MAX (width, sk_output_width (SK_TR (column->en, column->ja)));
    }
  for (guint c = 0; c < chosen->len; c++)
    {
      const SkColumn *column = g_ptr_array_index (chosen, c);
      g_autofree char *heading = sk_output_pad (SK_TR (column->en, column->ja), width, FALSE);
      g_autofree char *value = sk_output_value (column, object, TRUE);
      g_print ("%s  %s\n", heading, value);
    }
  return TRUE;
}
