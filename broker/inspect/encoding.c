#include "inspect/encoding.h"
#include <iconv.h>
#include <string.h>

static iconv_t from_cp932 = (iconv_t) -1, from_euc = (iconv_t) -1;

gboolean
sk_encoding_prepare (void)
{
  if (from_cp932 == (iconv_t) -1)
    from_cp932 = iconv_open ("UTF-8", "CP932");
  if (from_euc == (iconv_t) -1)
    from_euc = iconv_open ("UTF-8", "EUC-JP-MS");
  return from_cp932 != (iconv_t) -1 && from_euc != (iconv_t) -1;
}

/* NULL unless every byte was understood. */
static char *
convert (iconv_t how, const guint8 *data, gsize length, gsize *ret_length)
{
  /* A byte makes at most three (half-width katakana), two bytes at most four. */
  const gsize room = length * 3 + 4;
  char *text = g_malloc (room), *out = text, *in = (char *) data;
  gsize in_left = length, out_left = room - 1;
  iconv (how, NULL, NULL, NULL, NULL);
  if (iconv (how, &in, &in_left, &out, &out_left) == (gsize) -1 || in_left > 0
      || iconv (how, NULL, NULL, &out, &out_left) == (gsize) -1)
    {
      g_free (text);
      return NULL;
    }
  *out = '\0';
  *ret_length = (gsize) (out - text);
  return text;
}

/* -- UTF-16 -----------------------------------------------------------------------------------------------
 */

static gboolean
decode_utf16 (const guint8 *data, gsize length, SkDecoded *ret)
{
  const gboolean big = data[0] == 0xfe;
  GString *text = g_string_sized_new (length);
  gboolean ok = length % 2 == 0;
  for (gsize i = 2; i + 1 < length && ok; i += 2)
    {
      gunichar c = (gunichar) (big ? data[i] << 8 | data[i + 1] : data[i + 1] << 8 | data[i]);
      if (c >= 0xd800 && c <= 0xdbff && i + 3 < length)
        {
          i += 2;
          const gunichar low = (gunichar) (big ? data[i] << 8 | data[i + 1] : data[i + 1] << 8 | data[i]);
          c = low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff) : 0xd800;
        }
      ok = c < 0xd800 || c > 0xdfff;
      if (ok && c == 0)
        g_string_append_c (text, '\0');
      else if (ok)
        g_string_append_unichar (text, c);
    }
  ret->length = text->len;
  ret->text = g_string_free (text, !ok);
  ret->name = "UTF-16";
  return ok;
}

/* -- ISO-2022-JP ------------------------------------------------------------------------------------------
 */

typedef enum
{
  SET_ASCII,
  SET_KANA,
  SET_KANJI,
  SET_KANJI_2, /* JIS X 0212 */
} Set;

typedef struct
{
  const char *escape;
  Set set;
} Escape;
static const Escape escapes[]
    = { { "(B", SET_ASCII }, { "(J", SET_ASCII },       { "(I", SET_KANA },    { "$@", SET_KANJI },
        { "$B", SET_KANJI }, { "&@\033$B", SET_KANJI }, { "$(D", SET_KANJI_2 } };

static const Escape *
escape_at (const guint8 *data, gsize length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (escapes); i++)
    {
      const gsize n = strlen (escapes[i].escape);
      if (length > n && data[0] == 033 && memcmp (data + 1, escapes[i].escape, n) == 0)
        return &escapes[i];
    }
  return NULL;
}

/* The same characters in EUC-JP, whose converter knows what Windows added to them (①, ㈱). One character from
 * data; the bytes it took, 0 when it is none. */
static gsize
jis_to_euc (Set set, const guint8 *data, gsize length, GByteArray *euc)
{
  guint8 bytes[3] = { data[0] };
  gsize taken = 1, n = 1;
  if (data[0] < 0x21 || set == SET_ASCII) /* newlines and spaces are the same in each */
    taken = 1;
  else if (set == SET_KANA)
    {
      bytes[0] = 0x8e;
      bytes[n++] = data[0] | 0x80;
    }
  else
    {
      if (length < 2 || data[1] < 0x21)
        return 0;
      taken = 2;
      n = 0;
      if (set == SET_KANJI_2)
        bytes[n++] = 0x8f;
      bytes[n++] = data[0] | 0x80;
      bytes[n++] = data[1] | 0x80;
    }
  g_byte_array_append (euc, bytes, (guint) n);
  return taken;
}

static gboolean
decode_jis (const guint8 *data, gsize length, SkDecoded *ret)
{
  g_autoptr (GByteArray) euc = g_byte_array_sized_new ((guint) length + 1);
  Set set = SET_ASCII;
  gboolean any = FALSE;
  for (gsize i = 0, n; i < length; i += n)
    {
      const Escape *e = escape_at (data + i, length - i);
      if (data[i] >= 0x80)
        return FALSE;
      n = e ? 1 + strlen (e->escape) : jis_to_euc (set, data + i, length - i, euc);
      if (n == 0)
        return FALSE;
      if (e)
        set = e->set;
      any = any || set != SET_ASCII;
    }
  ret->text = any ? convert (from_euc, euc->data, euc->len, &ret->length) : NULL;
  ret->name = "ISO-2022-JP";
  return ret->text != NULL;
}

/* -- CP932 against EUC-JP ---------------------------------------------------------------------------------
 */

/* Points for what common Japanese is made of, from lead bytes: kana 3, punctuation and kanji of level 1 2. */
static guint64
score_euc (const guint8 *d, gsize length)
{
  guint64 score = 0;
  for (gsize i = 0; i < length; i++)
    {
      if (d[i] < 0x80)
        continue;
      if (d[i] == 0xa4 || d[i] == 0xa5)
        score += 3;
      else if (d[i] == 0xa1 || (d[i] >= 0xb0 && d[i] <= 0xcf))
        score += 2;
      i += d[i] == 0x8f ? 2 : 1;
    }
  return score;
}

/* Half-width katakana, one byte each, get one: bank data consist of them. */
static guint64
score_cp932 (const guint8 *d, gsize length)
{
  guint64 score = 0;
  for (gsize i = 0; i < length; i++)
    {
      if (d[i] < 0x80)
        continue;
      if (d[i] >= 0xa1 && d[i] <= 0xdf)
        {
          score++;
          continue;
        }
      if ((d[i] == 0x82 && i + 1 < length && d[i + 1] >= 0x9f) || d[i] == 0x83)
        score += 3;
      else if (d[i] == 0x81 || d[i] == 0x82 || (d[i] >= 0x88 && d[i] <= 0x97))
        score += 2;
      i++;
    }
  return score;
}

static gboolean
decode_legacy (const guint8 *data, gsize length, SkDecoded *ret)
{
  gsize sjis_length = 0, euc_length = 0;
  g_autofree char *sjis = convert (from_cp932, data, length, &sjis_length);
  g_autofree char *euc = convert (from_euc, data, length, &euc_length);
  const guint64 a = sjis ? score_cp932 (data, length) : 0, b = euc ? score_euc (data, length) : 0;
  if (!sjis && !euc)
    return FALSE;
  /* As likely: it comes from Windows. */
  const gboolean is_sjis = sjis && (!euc || a >= b);
  ret->unsure = sjis && euc && a == b;
  ret->name = is_sjis ? "CP932" : "EUC-JP";
  ret->length = is_sjis ? sjis_length : euc_length;
  ret->text = is_sjis ? g_steal_pointer (&sjis) : g_steal_pointer (&euc);
  return TRUE;
}

gboolean
sk_encoding_decode (const guint8 *untrusted, gsize length, SkDecoded *ret)
{
  *ret = (SkDecoded){ 0 };
  ret->mark
      = length >= 2 && (memcmp (untrusted, "\xff\xfe", 2) == 0 || memcmp (untrusted, "\xfe\xff", 2) == 0);
  if (ret->mark)
    return decode_utf16 (untrusted, length, ret);
  ret->mark = length >= 3 && memcmp (untrusted, "\xef\xbb\xbf", 3) == 0;
  if (ret->mark)
    {
      untrusted += 3;
      length -= 3;
    }
  else if (memchr (untrusted, 033, length) && decode_jis (untrusted, length, ret))
    return TRUE;
  if (g_utf8_validate_len ((const char *) untrusted, length, NULL))
    {
      ret->text = g_strndup ((const char *) untrusted, length);
      ret->length = length;
      ret->name = "UTF-8";
      return TRUE;
    }
  return !ret->mark && decode_legacy (untrusted, length, ret);
}
