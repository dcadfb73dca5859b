#include "common/chars.h"

typedef struct
{
  gunichar first, last;
} Range;

static const Range bidi[]
    = { { 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x202a, 0x202e }, { 0x2066, 0x206f } };
/* Characters without ink that Unicode does not count as format characters (Cf): fillers, the grapheme joiner,
 * an empty Braille cell, Khmer's inherent vowels, Mongolian selectors, whatever may become ignorable later.
 */
static const Range invisible[]
    = { { 0x034f, 0x034f }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
        { 0x2065, 0x2065 }, { 0x2800, 0x2800 }, { 0x3164, 0x3164 },   { 0xffa0, 0xffa0 },
        { 0xfff0, 0xfff8 }, { 0xfffc, 0xfffc }, { 0xe0000, 0xe00ff }, { 0xe01f0, 0xe0fff } };
/* They choose among the shapes of the character before them. */
static const Range selectors[] = { { 0xfe00, 0xfe0f }, { 0xe0100, 0xe01ef } };

static gboolean
is_in (const Range *ranges, gsize n, gunichar c)
{
  for (gsize i = 0; i < n; i++)
    if (c >= ranges[i].first && c <= ranges[i].last)
      return TRUE;
  return FALSE;
}

static gboolean
has_shapes (gunichar c)
{
  return c != 0
         && (g_unichar_get_script (c) == G_UNICODE_SCRIPT_HAN
             || g_unichar_type (c) == G_UNICODE_OTHER_SYMBOL);
}

SkCharKind
sk_char_kind (gunichar c, gunichar before)
{
  /* Nearly all of what comes. */
  if (c >= 0x20 && c < 0x7f)
    return SK_CHAR_SEEN;
  if (is_in (selectors, G_N_ELEMENTS (selectors), c))
    return has_shapes (before) ? SK_CHAR_SEEN : SK_CHAR_INVISIBLE;
  if (is_in (bidi, G_N_ELEMENTS (bidi), c))
    return SK_CHAR_BIDI;
  const GUnicodeType type = g_unichar_type (c);
  if (type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR)
    return SK_CHAR_CONTROL;
  return type == G_UNICODE_FORMAT || type == G_UNICODE_SURROGATE
                 || is_in (invisible, G_N_ELEMENTS (invisible), c)
             ? SK_CHAR_INVISIBLE
             : SK_CHAR_SEEN;
}
