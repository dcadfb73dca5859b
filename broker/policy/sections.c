/* Text to sections. Everything that a person could have meant otherwise is an error that names the line. */
#include "policy/policy-private.h"
#include <string.h>

/* Of a value in a message: the line is in front of the reader anyway. */
#define WHAT_CHARS_MAX 60

void
sk_policy_line_free (SkPolicyLine *line)
{
  g_free (line->key);
  g_free (line->value);
  g_free (line);
}

static void
free_section (gpointer data)
{
  SkPolicySection *section = data;
  g_free (section->name);
  g_ptr_array_unref (section->lines);
  g_free (section);
}

/* Short, printable, and without the separator of the two languages. */
static char *
quote (const char *untrusted_what)
{
  g_autofree char *valid = g_utf8_make_valid (untrusted_what, -1);
  GString *text = g_string_new (NULL);
  guint n = 0;
  for (const char *c = valid; *c && n < WHAT_CHARS_MAX; c = g_utf8_next_char (c), n++)
    g_string_append_unichar (text, g_unichar_isprint (g_utf8_get_char (c)) ? g_utf8_get_char (c) : 0xfffd);
  if (n == WHAT_CHARS_MAX)
    g_string_append (text, "…");
  g_string_replace (text, " / ", "/", 0);
  return g_string_free (text, FALSE);
}

gboolean
sk_policy_fail (GError **error, SkErrorCode code, const char *file, guint number, const char *en,
                const char *ja, const char *untrusted_what)
{
  g_autofree char *what = quote (untrusted_what ? untrusted_what : "");
  g_autofree char *place = number ? g_strdup_printf ("%s:%u", file, number) : g_strdup (file);
  g_autofree char *quoted_en = *what ? g_strdup_printf ("\"%s\": ", what) : g_strdup ("");
  g_autofree char *quoted_ja = *what ? g_strdup_printf ("「%s」: ", what) : g_strdup ("");
  g_set_error (error, SK_ERROR, code, "%s: %s%s / %s: %s%s", place, quoted_en, en, place, quoted_ja, ja);
  return FALSE;
}

gboolean
sk_policy_name_is_valid (const char *untrusted_name)
{
  gsize length = strlen (untrusted_name);
  if (length == 0 || length > SK_POLICY_NAME_MAX)
    return FALSE;
  return strspn (untrusted_name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* A file is read by people too: what they cannot see must not change what it means. */
static gboolean
is_invisible (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);
  return type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR
         || (g_unichar_iscntrl (c) && c != '\t');
}

static gboolean
check_line (const char *file, guint number, const char *line, gsize length, GError **error)
{
  if (length > SK_POLICY_LINE_BYTES_MAX)
    return sk_policy_fail (error, SK_ERROR_LIMIT, file, number,
                           "the line is longer than 1024 bytes; shorten it",
                           "行が 1024 バイトを超えています。短くしてください", "");
  if (length > 0 && line[length - 1] == '\r')
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "the line ends as on Windows (CR LF); save the file with line ends LF",
                           "改行が Windows 形式（CR LF）です。改行 LF で保存してください", "");
  if (!g_utf8_validate_len (line, length, NULL))
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "the line is not UTF-8, or has a NUL; save the file as UTF-8",
                           "UTF-8 でないか、NUL を含みます。UTF-8 で保存してください", "");
  for (const char *c = line; c < line + length; c = g_utf8_next_char (c))
    if (is_invisible (g_utf8_get_char (c)))
      return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                             "the line has an invisible character; type the line anew",
                             "見えない文字が含まれています。行を入力し直してください", "");
  return TRUE;
}

static SkPolicySection *
find_section (GPtrArray *sections, const char *name)
{
  for (guint i = 0; i < sections->len; i++)
    {
      SkPolicySection *section = sections->pdata[i];
      if (strcmp (section->name, name) == 0)
        return section;
    }
  return NULL;
}

static gboolean
take_heading (const char *file, guint number, const char *text, GPtrArray *sections, GError **error)
{
  gsize length = strlen (text);
  g_autofree char *name = length > 2 ? g_strndup (text + 1, length - 2) : g_strdup ("");
  SkPolicySection *section;
  if (text[length - 1] != ']' || !sk_policy_name_is_valid (name))
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "a heading is [name] with a-z, 0-9 and -, at most 64 characters",
                           "見出しは [名前] の形で、名前は a-z、0-9、- の 64 文字以内です", text);
  if (find_section (sections, name))
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "this name is used above already; choose another",
                           "この名前は上で使われています。別の名前にしてください", name);
  if (sections->len >= SK_POLICY_RULES_MAX)
    return sk_policy_fail (error, SK_ERROR_LIMIT, file, number, "more than 4096 sections; merge some",
                           "4096 個を超えています。まとめてください", "");
  section = g_new0 (SkPolicySection, 1);
  section->name = g_steal_pointer (&name);
  section->number = number;
  section->lines = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_line_free);
  g_ptr_array_add (sections, section);
  return TRUE;
}

static gboolean
check_entry (const char *file, guint number, GPtrArray *sections, const char *key, const char *value,
             GError **error)
{
  SkPolicySection *section = sections->len ? g_ptr_array_index (sections, sections->len - 1) : NULL;
  if (!section)
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "this stands before the first [name]; put a heading above it",
                           "最初の [名前] より前にあります。上に見出しを書いてください", key);
  if (!sk_policy_name_is_valid (key))
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number, "this is not a key", "キーではありません",
                           key);
  if (!*value)
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "the value is missing; write one or remove the line",
                           "値がありません。値を書くか、行を消してください", key);
  for (guint i = 0; i < section->lines->len; i++)
    if (strcmp (((SkPolicyLine *) section->lines->pdata[i])->key, key) == 0)
      return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                             "this key stands in the section already; keep one of the lines",
                             "このキーは同じ項目の中にすでにあります。どちらかの行を消してください", key);
  return TRUE;
}

static gboolean
take_entry (const char *file, guint number, const char *text, GPtrArray *sections, GError **error)
{
  const char *equals = strchr (text, '=');
  g_autofree char *key = g_strndup (text, equals ? (gsize) (equals - text) : 0);
  g_autofree char *value = g_strdup (equals ? equals + 1 : "");
  SkPolicyLine *line;
  if (!equals)
    return sk_policy_fail (error, SK_ERROR_INVALID, file, number,
                           "this is neither [name], key = value, nor a # comment",
                           "[名前]、キー = 値、# コメントのどれでもありません", text);
  g_strstrip (key);
  g_strstrip (value);
  if (!check_entry (file, number, sections, key, value, error))
    return FALSE;
  line = g_new0 (SkPolicyLine, 1);
  line->key = g_steal_pointer (&key);
  line->value = g_steal_pointer (&value);
  line->number = number;
  g_ptr_array_add (((SkPolicySection *) sections->pdata[sections->len - 1])->lines, line);
  return TRUE;
}

static gboolean
take_line (const char *file, guint number, const char *line, gsize length, GPtrArray *sections,
           GError **error)
{
  g_autofree char *text = NULL;
  if (!check_line (file, number, line, length, error))
    return FALSE;
  text = g_strstrip (g_strndup (line, length));
  if (!*text || *text == '#')
    return TRUE;
  return *text == '[' ? take_heading (file, number, text, sections, error)
                      : take_entry (file, number, text, sections, error);
}

GPtrArray *
sk_policy_sections_parse (const char *file, const char *untrusted_text, gsize length, GError **error)
{
  g_autoptr (GPtrArray) sections = g_ptr_array_new_with_free_func (free_section);
  const char *at = untrusted_text, *end = untrusted_text + length;
  if (length > SK_POLICY_FILE_BYTES_MAX)
    {
      sk_policy_fail (error, SK_ERROR_LIMIT, file, 0, "the file is larger than 64 KiB; split it",
                      "ファイルが 64 KiB を超えています。分割してください", "");
      return NULL;
    }
  for (guint number = 1; at < end; number++)
    {
      const char *newline = memchr (at, '\n', (gsize) (end - at));
      gsize line_length = (gsize) ((newline ? newline : end) - at);
      if (!take_line (file, number, at, line_length, sections, error))
        return NULL;
      at += line_length + 1;
    }
  return g_steal_pointer (&sections);
}
