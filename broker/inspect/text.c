/* Plain text: UTF-8 anew, without what cannot be seen. */
#include "common/chars.h"
#include "inspect/encoding.h"
#include "inspect/rebuild.h"
#include <string.h>

/* Three times as much is held at once; a table of every inhabitant of a large town has 20 MiB. */
#define TEXT_MAX (32u << 20)

static void
report (SkRebuild *r, SkInspectFound found, gunichar c)
{
  char detail[16];
  g_snprintf (detail, sizeof detail, "U+%04X", c);
  sk_rebuild_found (r, found, 1, detail);
}

/* What a character becomes: itself, a newline, or 0. */
static gunichar
cleaned (SkRebuild *r, gunichar c, gunichar before)
{
  if (c == '\t' || c == '\n')
    return c;
  switch (sk_char_kind (c, before))
    {
    case SK_CHAR_SEEN:
      return c;
    case SK_CHAR_CONTROL:
      report (r, SK_FOUND_CONTROL, c);
      return c == 0x2028 || c == 0x2029 || c == 0x85 || c == '\f' || c == '\v' ? '\n' : 0;
    case SK_CHAR_BIDI:
      report (r, SK_FOUND_BIDI, c);
      return 0;
    case SK_CHAR_INVISIBLE:
      report (r, SK_FOUND_INVISIBLE, c);
      return 0;
    }
  return 0;
}

/* A cell that a spreadsheet would calculate, or run a program for (DDE). Numbers are none. */
static gboolean
starts_formula (const char *p, gunichar before)
{
  if (before != '\n' && before != 0 && before != ',' && before != '\t' && before != '"')
    return FALSE;
  return *p == '=' || *p == '@' || ((*p == '+' || *p == '-') && g_ascii_isalpha (p[1]));
}

static void
clean (SkRebuild *r, const SkDecoded *text, GString *out)
{
  gunichar before = 0;
  const char *end = text->text + text->length;
  for (const char *p = text->text; p < end; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      /* CR LF stays; CR alone, with which a terminal writes over a line, becomes a newline */
      if (c == '\r' && p + 1 < end && p[1] == '\n')
        {
          g_string_append_c (out, '\r');
          continue;
        }
      if (starts_formula (p, before))
        sk_rebuild_found (r, SK_FOUND_FORMULA, 1, NULL);
      c = c == '\r' ? '\n' : cleaned (r, c, before);
      if (c == 0)
        continue;
      g_string_append_unichar (out, c);
      before = c;
    }
}

gboolean
sk_text_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  SkDecoded text;
  if (length > TEXT_MAX)
    return sk_rebuild_refuse (r, SK_REASON_TEXT_LARGE);
  if (!sk_encoding_decode (untrusted, length, &text))
    return sk_rebuild_refuse (r, SK_REASON_TEXT_ENCODING);
  sk_rebuild_found (r, SK_FOUND_ENCODING, 1, text.name);
  if (text.unsure)
    sk_rebuild_found (r, SK_FOUND_ENCODING_UNSURE, 1, NULL);
  g_autoptr (GString) out = g_string_sized_new (text.length + 4);
  /* Spreadsheets tell UTF-8 from Shift_JIS by the mark: a file that had one keeps one. */
  if (text.mark && r->kind == SK_INSPECT_FILE)
    g_string_append (out, "\xef\xbb\xbf");
  clean (r, &text, out);
  g_free (text.text);
  return out->len > 0 ? sk_rebuild_write (r, out->str, out->len) : sk_rebuild_refuse (r, SK_REASON_EMPTY);
}
