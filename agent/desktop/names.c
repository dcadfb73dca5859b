#include "desktop/names.h"
#include "common/i18n.h"
#include "common/name.h"
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

char *
sk_names_for_folder (const char *untrusted_name, guint index)
{
  char *safe = sk_name_sanitise (untrusted_name, NULL);
  return safe ? safe : g_strdup_printf (SK_TR ("file-%u", "ファイル-%u"), index + 1);
}

/* Bytes of the first `stem` that leave room for the rest, up to a whole character. */
static gsize
cut_stem (const char *name, gsize stem, gsize rest)
{
  const gsize room = SK_NAME_COMPONENT_MAX - rest;
  if (stem <= room)
    return stem;
  return (gsize) (g_utf8_find_prev_char (name, name + room + 1) - name);
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
  g_autofree char *number = g_strdup_printf (" (%u)", n);
  const char *ending = name + stem;
  return g_strdup_printf ("%.*s%s%s", (int) cut_stem (name, stem, strlen (number) + strlen (ending)), name,
                          number, ending);
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
