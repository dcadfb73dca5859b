#include "common/name.h"
#include "common/chars.h"
#include "common/error.h"
#include "common/i18n.h"
#include <string.h>

/* Done again after NFC, which may leave a selector behind another character than it was. */
static char *
without_invisible (const char *text)
{
  GString *out = g_string_new (NULL);
  gunichar before = 0;
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);
      if (sk_char_kind (c, before) != SK_CHAR_SEEN)
        continue;
      g_string_append_unichar (out, c);
      before = c;
    }
  return g_string_free (out, FALSE);
}

static gunichar
replaced (gunichar c)
{
  if (c < 0x80 && strchr ("<>:\"\\|?*", (int) c))
    return '_';
  if (c == 0x3000) /* the ideographic space is part of many a Japanese name */
    return c;
  const GUnicodeType type = g_unichar_type (c);
  return type == G_UNICODE_SPACE_SEPARATOR ? ' ' : type == G_UNICODE_UNASSIGNED ? '_' : c;
}

static gboolean
is_space (gunichar c)
{
  return c == ' ' || c == 0x3000;
}

static void
cut_spaces_before (GString *name)
{
  while (name->len > 0 && is_space (g_utf8_get_char (name->str)))
    g_string_erase (name, 0, g_utf8_next_char (name->str) - name->str);
}

/* TRUE when it cut something. */
static gboolean
cut_behind (GString *name, gboolean dots)
{
  const gsize length = name->len;
  while (name->len > 0)
    {
      const char *last = g_utf8_prev_char (name->str + name->len);
      const gunichar c = g_utf8_get_char (last);
      if (!is_space (c) && !(dots && c == '.'))
        break;
      g_string_truncate (name, (gsize) (last - name->str));
    }
  return name->len < length;
}

/* Windows takes them for a device in any folder, with any ending. */
static gboolean
is_device (const char *name)
{
  static const char *const devices[] = { "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$" };
  static const char *const digits[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³" };
  g_autofree char *base = g_strndup (name, strcspn (name, "."));
  g_strchomp (base);
  for (gsize i = 0; i < G_N_ELEMENTS (devices); i++)
    if (g_ascii_strcasecmp (base, devices[i]) == 0)
      return TRUE;
  if (g_ascii_strncasecmp (base, "COM", 3) != 0 && g_ascii_strncasecmp (base, "LPT", 3) != 0)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (digits); i++)
    if (strcmp (base + 3, digits[i]) == 0)
      return TRUE;
  return FALSE;
}

static GString *
composed (const char *untrusted)
{
  g_autofree char *seen = without_invisible (untrusted);
  g_autofree char *nfc = g_utf8_normalize (seen, -1, G_NORMALIZE_NFC);
  g_autofree char *clean = without_invisible (nfc);
  GString *name = g_string_new (NULL);
  for (const char *p = clean; *p; p = g_utf8_next_char (p))
    g_string_append_unichar (name, replaced (g_utf8_get_char (p)));
  return name;
}

static gboolean
invalid (GError **error, const char *both)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, both);
  return FALSE;
}

static gboolean
limited (GError **error, const char *both)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_LIMIT, both);
  return FALSE;
}

/* Appends the safe form of one component; nothing for "" and ".". */
static gboolean
add_component (GString *path, guint *depth, const char *untrusted, GError **error)
{
  GString *name = composed (untrusted);
  g_autofree char *text = NULL;
  cut_spaces_before (name);
  cut_behind (name, FALSE);
  const gboolean up = strcmp (name->str, "..") == 0;
  const gboolean here = name->len == 0 || strcmp (name->str, ".") == 0;
  if (!up && !here)
    {
      cut_behind (name, TRUE);
      if (name->str[0] == '.')
        name->str[0] = '_';
      if (name->len == 0 || is_device (name->str))
        g_string_prepend_c (name, '_');
    }
  text = g_string_free (name, FALSE);
  if (up)
    return invalid (error,
                    SK_BOTH ("the name leads out of its folder (\"..\"); send the file by its own name",
                             "名前に「..」が含まれています。ファイルをそのままの名前で送ってください"));
  if (here)
    return TRUE;
  if (strlen (text) > SK_NAME_COMPONENT_MAX)
    return limited (error,
                    SK_BOTH ("a name is longer than 255 bytes (about 85 Japanese characters); shorten it",
                             "名前が長すぎます(日本語で約85文字まで)。短くしてください"));
  if (++*depth > SK_NAME_DEPTH_MAX)
    return limited (error,
                    SK_BOTH ("more than 16 folders inside each other; send the inner folder alone",
                             "フォルダーの階層が16を超えています。内側のフォルダーだけを送ってください"));
  g_string_append_printf (path, "%s%s", path->len ? "/" : "", text);
  return TRUE;
}

static gboolean
check_whole (const char *untrusted_path, GError **error)
{
  if (strnlen (untrusted_path, SK_NAME_UNTRUSTED_MAX + 1) > SK_NAME_UNTRUSTED_MAX)
    return limited (error, SK_BOTH ("the path is too long; shorten the names of its folders",
                                    "パスが長すぎます。フォルダー名を短くしてください"));
  if (!g_utf8_validate (untrusted_path, -1, NULL))
    return invalid (error, SK_BOTH ("the name is not in UTF-8; give the file another name",
                                    "名前の文字コードが UTF-8 ではありません。別の名前を付けてください"));
  if (untrusted_path[0] == '/')
    return invalid (error, SK_BOTH ("the name starts at the root; send the file by its own name",
                                    "名前が絶対パスです。ファイルをそのままの名前で送ってください"));
  return TRUE;
}

char *
sk_name_sanitise (const char *untrusted_path, GError **error)
{
  if (!check_whole (untrusted_path, error))
    return NULL;
  g_auto (GStrv) parts = g_strsplit (untrusted_path, "/", -1);
  g_autoptr (GString) path = g_string_new (NULL);
  guint depth = 0;
  for (char **part = parts; *part; part++)
    if (!add_component (path, &depth, *part, error))
      return NULL;
  if (path->len == 0)
    invalid (error,
             SK_BOTH ("there is no name; give the file one", "名前がありません。名前を付けてください"));
  else if (path->len > SK_NAME_PATH_MAX)
    limited (error, SK_BOTH ("the path is longer than 1024 bytes; shorten the names of its folders",
                             "パスが長すぎます。フォルダー名を短くしてください"));
  else
    return g_string_free (g_steal_pointer (&path), FALSE);
  return NULL;
}
