#include "common/crossing.h"

const char *const sk_cross_words[] = { "import", "export", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (sk_cross_words) == _SK_CROSS_LAST + 1);

const char *const sk_kind_words[] = { "file", "text", "image", "url", "print", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (sk_kind_words) == _SK_KIND_LAST + 1);

const char *
sk_cross_word (SkCross cross)
{
  return sk_cross_words[cross];
}

const char *
sk_kind_word (SkKind kind)
{
  return sk_kind_words[kind];
}

static gboolean
find_word (const char *const *words, const char *word, guint *ret_index)
{
  for (guint i = 0; words[i]; i++)
    if (g_strcmp0 (words[i], word) == 0)
      {
        *ret_index = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
sk_cross_from_word (const char *untrusted_word, SkCross *ret_cross)
{
  guint index;
  if (!find_word (sk_cross_words, untrusted_word, &index))
    return FALSE;
  *ret_cross = (SkCross) index;
  return TRUE;
}

gboolean
sk_kind_from_word (const char *untrusted_word, SkKind *ret_kind)
{
  guint index;
  if (!find_word (sk_kind_words, untrusted_word, &index))
    return FALSE;
  *ret_kind = (SkKind) index;
  return TRUE;
}

gboolean
sk_kind_is_passing (SkKind kind)
{
  return kind == SK_KIND_TEXT || kind == SK_KIND_IMAGE || kind == SK_KIND_URL;
}
