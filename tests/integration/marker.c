#include "marker.h"
#include <string.h>

static GPtrArray *forms; /* GBytes */

static void
add_form (const void *bytes, gsize length)
{
  g_ptr_array_add (forms, g_bytes_new (bytes, length));
}

static void
add_hex (gboolean upper)
{
  g_autoptr (GString) text = g_string_new ("");
  for (const char *p = MARKER; *p; p++)
    g_string_append_printf (text, upper ? "%02X" : "%02x", (guint) *p);
  add_form (text->str, text->len);
}

/* Of the whole groups that lie inside, for each way it can lie. */
static void
add_base64 (guint skip)
{
  const gsize whole = (strlen (MARKER) - skip) / 3 * 3;
  g_autofree char *text = g_base64_encode ((const guchar *) MARKER + skip, whole);
  g_autofree char *url = g_strdelimit (g_strdup (text), "+", '-');
  g_strdelimit (url, "/", '_');
  add_form (text, strlen (text));
  add_form (url, strlen (url));
}

static void
add_spread (const char *before, const char *after, gboolean escaped)
{
  g_autoptr (GString) text = g_string_new ("");
  for (const char *p = MARKER; *p; p++)
    if (escaped)
      g_string_append_printf (text, "%s%02x", before, (guint) *p);
    else
      {
        g_string_append_len (text, before, *before ? 1 : 0);
        g_string_append_c (text, *p);
        g_string_append_len (text, after, 1);
      }
  add_form (text->str, text->len - (escaped ? 0 : 1));
}

static void
make_forms (void)
{
  g_autofree char *reversed = g_utf8_strreverse (MARKER, -1);
  forms = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  add_form (MARKER, strlen (MARKER));
  add_form (reversed, strlen (reversed));
  add_hex (FALSE);
  add_hex (TRUE);
  for (guint skip = 0; skip < 3; skip++)
    add_base64 (skip);
  add_spread ("", "\0", FALSE); /* UTF-16, either way round */
  add_spread ("%", "", TRUE);
  add_spread ("\\u00", "", TRUE);
  add_spread ("\\x", "", TRUE);
}

gboolean
marker_is_in (const void *data, gsize length)
{
  if (!forms)
    make_forms ();
  for (guint i = 0; i < forms->len; i++)
    {
      gsize n;
      const void *form = g_bytes_get_data (forms->pdata[i], &n);
      if (memmem (data, length, form, n))
        return TRUE;
    }
  return FALSE;
}
