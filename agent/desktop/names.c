#include "desktop/names.h"
#include "common/i18n.h"
#include <string.h>

/* Longer "endings" are parts of sentences. */
#define ENDING_MAX 10

/* What a terminal would obey, what turns the direction of writing, and what cannot be seen. */
static gboolean
is_unsafe (gunichar c)
{
  return g_unichar_iscntrl (c) || c == 0x00ad || c == 0x061c || (c >= 0x200b && c <= 0x200f)
         || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static gboolean
is_safe_part (const char *part)
{
  const gsize length = strlen (part);
  if (length == 0 || length > SK_NAMES_BYTES_MAX || part[0] == '.' || part[0] == ' ' || part[0] == '~')
    return FALSE;
  for (const char *c = part; *c; c = g_utf8_next_char (c))
    if (is_unsafe (g_utf8_get_char (c)) || *c == '\\')
      return FALSE;
  return TRUE;
}

static gboolean
is_safe (const char *untrusted_name)
{
  if (!g_utf8_validate (untrusted_name, -1, NULL))
    return FALSE;
  g_auto (GStrv) parts = g_strsplit (untrusted_name, "/", SK_NAMES_DEPTH_MAX + 2);
  const guint n = g_strv_length (parts);
  if (n == 0 || n > SK_NAMES_DEPTH_MAX + 1)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!is_safe_part (parts[i]))
      return FALSE;
  return TRUE;
}

char *
sk_names_for_folder (const char *untrusted_name, guint index)
{
  if (is_safe (untrusted_name))
    return g_strdup (untrusted_name);
  return g_strdup_printf (SK_TR ("file-%u", "ファイル-%u"), index + 1);
}

char *
sk_names_number (const char *name, guint n)
{
  const char *dot = strrchr (name, '.');
  const gsize length = strlen (name);
  gsize stem = length;
  if (n <= 1)
    return g_strdup (name);
  if (dot && dot != name && length - (gsize) (dot - name) <= ENDING_MAX)
    stem = (gsize) (dot - name);
  return g_strdup_printf ("%.*s (%u)%s", (int) stem, name, n, name + stem);
}

char *
sk_names_for_people (const char *untrusted_name)
{
  g_autofree char *valid = g_utf8_make_valid (untrusted_name, -1);
  GString *clean = g_string_new (NULL);
  for (const char *c = valid; *c; c = g_utf8_next_char (c))
    g_string_append_unichar (clean, is_unsafe (g_utf8_get_char (c)) ? 0xfffd : g_utf8_get_char (c));
  return g_string_free (clean, FALSE);
}
