#include "common/i18n.h"

static gboolean
environment_asks_for_japanese (void)
{
  static const char *names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *value = g_getenv (names[i]);
      if (value && *value)
        return g_str_has_prefix (value, "ja");
    }
  return FALSE;
}

gboolean
sk_locale_is_japanese (void)
{
  static gsize once = 0;
  if (g_once_init_enter (&once))
    g_once_init_leave (&once, environment_asks_for_japanese () ? 2 : 1);
  return once == 2;
}

static gboolean
is_ascii (const char *text)
{
  for (; *text; text++)
    if ((guchar) *text >= 0x80)
      return FALSE;
  return TRUE;
}

/* Paths and values may hold the separator too, so it is the last one, and Japanese has to follow it. */
char *
sk_both_pick (const char *both, gboolean japanese)
{
  const char *slash = both ? g_strrstr (both, " / ") : NULL;
  if (!slash || is_ascii (slash + 3))
    return g_strdup (both ? both : "");
  return japanese ? g_strdup (slash + 3) : g_strndup (both, (gsize) (slash - both));
}
