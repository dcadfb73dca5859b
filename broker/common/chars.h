/* What a character is for people: whether it can be seen, and whether it deceives. Names and texts that cross
 * are judged by the same tables. Pure; any thread. */
#pragma once
#include <glib.h>

typedef enum
{
  SK_CHAR_SEEN,
  SK_CHAR_CONTROL,   /* controls, tab and newline among them; line and paragraph separators */
  SK_CHAR_BIDI,      /* overrides, embeddings, isolates, marks: they change the order of what is read */
  SK_CHAR_INVISIBLE, /* zero width, fillers, tags, selectors that select nothing: they hide data */
} SkCharKind;

/* before: the visible character that it follows, 0 at the start. A variation selector is seen behind a kanji
 * (people's names have them) or a symbol (emoji), one each. */
SkCharKind sk_char_kind (gunichar c, gunichar before);
