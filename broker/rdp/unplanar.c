#include "rdp/unplanar.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Format header */
#define COLOUR_LOSS 0x07
#define SUBSAMPLED 0x08
#define RUN_LENGTHS 0x10
#define NO_ALPHA 0x20
#define RESERVED 0xc0
/* Runs without raw bytes: these low halves mean 16 + high half and 32 + high half. */
#define LONG_RUN 1
#define LONGER_RUN 2
/* Stores of 16 bytes may go so far beyond a row. */
#define SLACK 64

enum
{
  RED,
  GREEN,
  BLUE,
  PLANES
};

static gsize
pitch_of (guint width)
{
  return ((gsize) width + 15) / 16 * 16 + SLACK;
}

/* Three planes and a row of differences. */
gsize
sk_unplanar_scratch (guint width, guint height)
{
  return pitch_of (width) * ((gsize) PLANES * height + 1);
}

static inline void
store_run (guint8 *out, guint8 value, guint n)
{
#ifdef __SSE2__
  const __m128i sixteen = _mm_set1_epi8 ((gint8) value);
  for (guint i = 0; i < n; i += 16)
    _mm_storeu_si128 ((__m128i *) (void *) (out + i), sixteen);
#else
  memset (out, value, n);
#endif
}

static inline void
store_raw (guint8 *out, const guint8 *from, guint n, gsize readable)
{
  if (readable >= 16)
    memcpy (out, from, 16); /* at most 15 are meant */
  else
    memcpy (out, from, n);
}

/* One row's symbols; where the next row begins, or NULL. */
static const guint8 *
read_row (const guint8 *at, const guint8 *end, guint8 *row, guint width)
{
  guint x = 0;
  guint8 last = 0;
  while (x < width)
    {
      if (at == end)
        return NULL;
      guint run = *at & 0x0f, raw = *at >> 4;
      at++;
      if (run == LONG_RUN || run == LONGER_RUN)
        {
          run = raw + 16 * run;
          raw = 0;
        }
      const gsize readable = (gsize) (end - at);
      if (raw + run == 0 || raw + run > width - x || raw > readable)
        return NULL;
      if (raw > 0)
        {
          store_raw (row + x, at, raw, readable);
          last = at[raw - 1];
          at += raw;
          x += raw;
        }
      store_run (row + x, last, run);
      x += run;
    }
  return at;
}

/* Differences to the row before: 2d, or 2|d| - 1 for d < 0. */
static void
add_row (guint8 *row, const guint8 *before, const guint8 *symbols, guint width)
{
#ifdef __SSE2__
  const __m128i one = _mm_set1_epi8 (1), low7 = _mm_set1_epi8 (0x7f), zero = _mm_setzero_si128 ();
  for (guint i = 0; i < width; i += 16)
    {
      const __m128i s = _mm_loadu_si128 ((const __m128i *) (const void *) (symbols + i));
      const __m128i half = _mm_and_si128 (_mm_srli_epi16 (s, 1), low7);
      const __m128i sign = _mm_sub_epi8 (zero, _mm_and_si128 (s, one));
      const __m128i b = _mm_loadu_si128 ((const __m128i *) (const void *) (before + i));
      _mm_storeu_si128 ((__m128i *) (void *) (row + i), _mm_add_epi8 (b, _mm_xor_si128 (half, sign)));
    }
#else
  for (guint i = 0; i < width; i++)
    row[i] = (guint8) (before[i] + ((symbols[i] >> 1) ^ (0 - (symbols[i] & 1))));
#endif
}

static const guint8 *
read_runs (const guint8 *at, const guint8 *end, guint width, guint height, guint8 *plane, guint8 *symbols)
{
  const gsize pitch = pitch_of (width);
  for (guint y = 0; y < height && at; y++)
    {
      guint8 *row = plane + y * pitch;
      at = read_row (at, end, y == 0 ? row : symbols, width);
      if (y > 0 && at)
        add_row (row, row - pitch, symbols, width);
    }
  return at;
}

static const guint8 *
read_raw (const guint8 *at, const guint8 *end, guint width, guint height, guint8 *plane)
{
  if ((gsize) (end - at) < (gsize) width * height)
    return NULL;
  for (guint y = 0; y < height; y++, at += width)
    memcpy (plane + y * pitch_of (width), at, width);
  return at;
}

static void
merge_row (const guint8 *red, const guint8 *green, const guint8 *blue, guint8 *out, guint columns)
{
  guint i = 0;
#ifdef __SSE2__
  const __m128i zero = _mm_setzero_si128 ();
  for (; i + 16 <= columns; i += 16)
    {
      const __m128i r = _mm_loadu_si128 ((const __m128i *) (const void *) (red + i));
      const __m128i g = _mm_loadu_si128 ((const __m128i *) (const void *) (green + i));
      const __m128i b = _mm_loadu_si128 ((const __m128i *) (const void *) (blue + i));
      const __m128i bg0 = _mm_unpacklo_epi8 (b, g), bg1 = _mm_unpackhi_epi8 (b, g);
      const __m128i rx0 = _mm_unpacklo_epi8 (r, zero), rx1 = _mm_unpackhi_epi8 (r, zero);
      __m128i *to = (__m128i *) (void *) (out + (gsize) i * 4);
      _mm_storeu_si128 (to, _mm_unpacklo_epi16 (bg0, rx0));
      _mm_storeu_si128 (to + 1, _mm_unpackhi_epi16 (bg0, rx0));
      _mm_storeu_si128 (to + 2, _mm_unpacklo_epi16 (bg1, rx1));
      _mm_storeu_si128 (to + 3, _mm_unpackhi_epi16 (bg1, rx1));
    }
#endif
  for (; i < columns; i++)
    {
      const guint8 pixel[4] = { blue[i], green[i], red[i], 0 };
      memcpy (out + (gsize) i * 4, pixel, 4);
    }
}

gboolean
sk_unplanar (const guint8 *untrusted, gsize length, guint width, guint height, guint8 *scratch,
             guint8 *pixels, gsize stride, guint columns, guint rows)
{
  const guint8 *at = untrusted, *const end = untrusted + length;
  const gsize pitch = pitch_of (width);
  guint8 *planes[PLANES], *const symbols = scratch + PLANES * pitch * height;
  if (length == 0 || width == 0 || height == 0 || columns > width || rows > height)
    return FALSE;
  const guint header = *at++;
  if (header & (COLOUR_LOSS | SUBSAMPLED | RESERVED))
    return FALSE;
  /* The alpha plane comes first; the red one is written over it. */
  for (gint plane = header & NO_ALPHA ? RED : -1; plane < PLANES && at; plane++)
    {
      guint8 *to = scratch + (gsize) MAX (plane, RED) * pitch * height;
      planes[MAX (plane, RED)] = to;
      at = header & RUN_LENGTHS ? read_runs (at, end, width, height, to, symbols)
                                : read_raw (at, end, width, height, to);
    }
  /* Raw planes may have a byte of padding behind them. */
  if (!at || end - at > (header & RUN_LENGTHS ? 0 : 1))
    return FALSE;
  for (guint y = 0; y < rows; y++)
    {
      const gsize row = (gsize) (height - 1 - y) * pitch;
      merge_row (planes[RED] + row, planes[GREEN] + row, planes[BLUE] + row, pixels + y * stride, columns);
    }
  return TRUE;
}
