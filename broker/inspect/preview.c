/* What an approver sees of a thing before it crosses: a smaller picture as PNG, or the beginning of a text in
 * which people's numbers are masked. Made of what was built anew, never of what came in; and believed no more
 * than that was. */
#include "common/chars.h"
#include "inspect/image.h"
#include <string.h>

/* -- pictures ---------------------------------------------------------------------------------------------
 */

/* The mean of a rectangle. What cannot be seen has no colour. */
static void
mean (const SkImage *image, guint x0, guint x1, guint y0, guint y1, guint8 *ret)
{
  const guint n = image->channels;
  guint64 sums[4] = { 0 }, weight = 0, count = (guint64) (x1 - x0) * (y1 - y0);
  for (guint y = y0; y < y1; y++)
    for (guint x = x0; x < x1; x++)
      {
        const guint8 *p = image->pixels + y * image->stride + (gsize) x * n;
        const guint64 w = n == 4 ? p[3] : 1;
        for (guint i = 0; i < MIN (n, 3); i++)
          sums[i] += p[i] * w;
        weight += w;
      }
  for (guint i = 0; i < MIN (n, 3); i++)
    ret[i] = weight > 0 ? (guint8) (sums[i] / weight) : 0;
  if (n == 4)
    ret[3] = (guint8) (weight / count);
}

/* Each pixel of the smaller picture is the mean of those that it stands for. */
static gboolean
shrink (SkRebuild *r, const SkImage *image, SkImage *ret)
{
  const guint64 longest = MAX (image->width, image->height);
  const guint64 side = MIN (longest, SK_PREVIEW_SIDE_MAX);
  const guint width = (guint) MAX (1, image->width * side / longest);
  const guint height = (guint) MAX (1, image->height * side / longest);
  if (!sk_image_init (ret, r, width, height, image->channels))
    return FALSE;
  for (guint y = 0; y < height; y++)
    {
      const guint y0 = (guint) ((guint64) y * image->height / height),
                  y1 = (guint) ((guint64) (y + 1) * image->height / height);
      for (guint x = 0; x < width; x++)
        mean (image, (guint) ((guint64) x * image->width / width),
              (guint) ((guint64) (x + 1) * image->width / width), y0, MAX (y1, y0 + 1),
              ret->pixels + y * ret->stride + (gsize) x * ret->channels);
    }
  return TRUE;
}

static gboolean
decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  if (r->type == SK_TYPE_PNG)
    return sk_png_decode (r, untrusted, length, ret);
  if (r->type == SK_TYPE_TIFF)
    return sk_tiff_decode (r, untrusted, length, ret);
  return r->type == SK_TYPE_JPEG ? sk_jpeg_decode (r, untrusted, length, ret)
                                 : sk_bmp_decode (r, untrusted, length, ret);
}

static gboolean
preview_picture (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  g_auto (SkImage) image = { 0 };
  g_auto (SkImage) small = { 0 };
  r->result_type = SK_TYPE_PNG;
  return decode (r, untrusted, length, &image) && shrink (r, &image, &small) && sk_png_encode (r, &small);
}

/* -- texts ------------------------------------------------------------------------------------------------
 */

#define NUMBER_DIGITS 12
/* Of those, the last ones stay readable: enough to find the place, too few to know the number. */
#define NUMBER_SHOWN 4

/* 0 to 9 in both widths; -1. */
static int
digit_of (gunichar c)
{
  if (c >= '0' && c <= '9')
    return (int) (c - '0');
  return c >= 0xff10 && c <= 0xff19 ? (int) (c - 0xff10) : -1;
}

/* What people write between groups of digits. */
static gboolean
is_separator (gunichar c)
{
  return c == ' ' || c == '-' || c == 0x2010 || c == 0x2011 || c == 0x2212 || c == 0x3000 || c == 0x30fc
         || c == 0xff0d;
}

/* 個人番号: the last digit is a check digit over the eleven before it (総務省令第85号第5条). */
static gboolean
is_my_number (const guint8 digits[NUMBER_DIGITS])
{
  guint sum = 0;
  for (guint n = 1; n < NUMBER_DIGITS; n++)
    sum += digits[NUMBER_DIGITS - 1 - n] * (n <= 6 ? n + 1 : n - 5);
  const guint rest = sum % 11;
  return digits[NUMBER_DIGITS - 1] == (rest <= 1 ? 0 : 11 - rest);
}

static gboolean
is_digit_at (const gunichar *text, glong length, glong at)
{
  return at >= 0 && at < length && digit_of (text[at]) >= 0;
}

/* Twelve digits from `at` on, in groups of so many with one separator in between, and no digit before or
 * behind. Returns where they end; 0: they are not there. */
static glong
find_number (const gunichar *text, glong length, glong at, guint group, guint8 ret_digits[NUMBER_DIGITS])
{
  glong i = at;
  for (guint n = 0; n < NUMBER_DIGITS; n++, i++)
    {
      if (n > 0 && n % group == 0 && !(i < length && is_separator (text[i++])))
        return 0;
      if (!is_digit_at (text, length, i))
        return 0;
      ret_digits[n] = (guint8) digit_of (text[i]);
    }
  return is_digit_at (text, length, at - 1) || is_digit_at (text, length, i) ? 0 : i;
}

static void
mask_run (gunichar *text, glong from, glong end)
{
  guint left = NUMBER_DIGITS - NUMBER_SHOWN;
  for (glong i = from; i < end && left > 0; i++)
    if (digit_of (text[i]) >= 0)
      {
        text[i] = '*';
        left--;
      }
}

static void
mask_numbers (gunichar *text, glong length)
{
  static const guint groups[] = { NUMBER_DIGITS, 4 };
  guint8 digits[NUMBER_DIGITS];
  for (glong i = 0; i < length; i++)
    for (gsize g = 0; g < G_N_ELEMENTS (groups); g++)
      {
        const glong end = find_number (text, length, i, groups[g], digits);
        if (end > 0 && is_my_number (digits))
          mask_run (text, i, end);
      }
}

static GString *
clean (const gunichar *text, glong length)
{
  GString *out = g_string_sized_new ((gsize) length);
  gunichar before = 0;
  for (glong i = 0; i < length; i++)
    if (text[i] == '\n' || text[i] == '\t' || sk_char_kind (text[i], before) == SK_CHAR_SEEN)
      {
        g_string_append_unichar (out, text[i]);
        before = text[i];
      }
  if (out->len == 0)
    g_string_append_c (out, '\n');
  return out;
}

/* Cut between two characters. */
static gsize
cut (const guint8 *untrusted, gsize length)
{
  gsize end = MIN (length, SK_PREVIEW_TEXT_MAX);
  while (end > 0 && end < length && (untrusted[end] & 0xc0) == 0x80)
    end--;
  return end;
}

static gboolean
preview_text (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  const gsize end = cut (untrusted, length);
  glong n;
  r->result_type = SK_TYPE_TEXT;
  if (!g_utf8_validate_len ((const char *) untrusted, end, NULL))
    return sk_rebuild_refuse (r, SK_REASON_TEXT_ENCODING);
  g_autofree gunichar *text = g_utf8_to_ucs4_fast ((const char *) untrusted, (glong) end, &n);
  mask_numbers (text, n);
  g_autoptr (GString) out = clean (text, n);
  return sk_rebuild_write (r, out->str, out->len);
}

gboolean
sk_preview (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  return r->type == SK_TYPE_TEXT ? preview_text (r, untrusted, length)
                                 : preview_picture (r, untrusted, length);
}
