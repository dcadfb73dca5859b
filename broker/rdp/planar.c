#include "rdp/planar.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Format header: run lengths, no alpha plane; three colour planes follow, red first. */
#define HEADER 0x30
/* A control byte: raw bytes in the high half, run length in the low one. Runs of 1 and 2 do not exist: these
 * low halves mean 16 + high half and 32 + high half. */
#define RAW_MAX 15
#define RUN_MIN 3
#define RUN_WITH_RAW_MAX 15
#define RUN_MAX 47

#define ROW SK_PLANAR_WIDTH_MAX
G_STATIC_ASSERT (ROW == 64); /* a row's symbols are bits of one word below */

/* Runs without raw bytes before them. */
static inline guint8 *
put_run (guint8 *out, guint run)
{
  while (run > 0)
    {
      guint n = MIN (run, RUN_MAX);
      if (run - n == 1 || run - n == 2)
        n -= RUN_MIN; /* what is left must be a run again */
      if (n >= 32)
        *out++ = (guint8) ((n - 32) << 4 | 2);
      else if (n >= 16)
        *out++ = (guint8) ((n - 16) << 4 | 1);
      else
        *out++ = (guint8) n;
      run -= n;
    }
  return out;
}

/* n raw bytes and a run. Copies 16 bytes at a time: both sides have that much room behind them. */
static inline guint8 *
put (guint8 *out, const guint8 *raw, guint n, guint run)
{
  for (; n > RAW_MAX; n -= RAW_MAX, raw += RAW_MAX)
    {
      *out++ = RAW_MAX << 4;
      memcpy (out, raw, 16);
      out += RAW_MAX;
    }
  if (n > 0)
    {
      guint with = MIN (run, RUN_WITH_RAW_MAX);
      if (run - with == 1 || run - with == 2)
        with -= RUN_MIN;
      *out++ = (guint8) (n << 4 | with);
      memcpy (out, raw, 16);
      out += n;
      run -= with;
    }
  return put_run (out, run);
}

/* Bit i: symbol i is the one before it; zero stands before the first. */
static inline guint64
repeats (const guint8 *row)
{
  guint64 mask = 0;
#ifdef __SSE2__
  for (guint i = 0; i < ROW; i += 16)
    {
      const __m128i here = _mm_loadu_si128 ((const __m128i *) (const void *) (row + i));
      const __m128i before = _mm_loadu_si128 ((const __m128i *) (const void *) (row + i - 1));
      mask |= (guint64) (guint) _mm_movemask_epi8 (_mm_cmpeq_epi8 (here, before)) << i;
    }
#else
  for (guint i = 0; i < ROW; i++)
    mask |= (guint64) (row[i] == row[(gint) i - 1]) << i;
#endif
  return mask;
}

/* row[-1] is 0. */
static inline guint8 *
encode_row (guint8 *out, const guint8 *row, guint width)
{
  const guint64 same = repeats (row) & (width < ROW ? (G_GUINT64_CONSTANT (1) << width) - 1 : G_MAXUINT64);
  guint64 starts = same & same >> 1 & same >> 2; /* three repeats begin here */
  guint from = 0;
  while (starts)
    {
      const guint at = (guint) __builtin_ctzll (starts);
      const guint64 rest = ~(same >> at);
      const guint run = rest ? (guint) __builtin_ctzll (rest) : ROW;
      out = put (out, row + from, at - from, run);
      from = at + run;
      starts = from < ROW ? starts & (G_MAXUINT64 << from) : 0;
    }
  return put (out, row + from, width - from, 0);
}

/* Differences to the row before, the sign in the lowest bit: 2d, or 2|d| - 1. */
static inline void
subtract (const guint8 *row, const guint8 *before, guint8 *ret)
{
#ifdef __SSE2__
  for (guint i = 0; i < ROW; i += 16)
    {
      const __m128i d = _mm_sub_epi8 (_mm_loadu_si128 ((const __m128i *) (const void *) (row + i)),
                                      _mm_loadu_si128 ((const __m128i *) (const void *) (before + i)));
      const __m128i sign = _mm_cmpgt_epi8 (_mm_setzero_si128 (), d);
      _mm_storeu_si128 ((__m128i *) (void *) (ret + i), _mm_xor_si128 (_mm_add_epi8 (d, d), sign));
    }
#else
  for (guint i = 0; i < ROW; i++)
    {
      const gint8 d = (gint8) (row[i] - before[i]);
      ret[i] = (guint8) ((guint8) (d << 1) ^ (guint8) (d >> 7));
    }
#endif
}

/* One channel of one row of whole ROW pixels. */
static inline void
split (const guint8 *pixels, guint channel, guint8 *ret)
{
#ifdef __SSE2__
  const __m128i low = _mm_set1_epi32 (0xff), shift = _mm_cvtsi32_si128 ((gint) channel * 8);
  for (guint i = 0; i < ROW; i += 16)
    {
      const __m128i *from = (const __m128i *) (const void *) (pixels + i * 4);
      __m128i four[4];
      for (guint k = 0; k < 4; k++)
        four[k] = _mm_and_si128 (_mm_srl_epi32 (_mm_loadu_si128 (from + k), shift), low);
      _mm_storeu_si128 (
          (__m128i *) (void *) (ret + i),
          _mm_packus_epi16 (_mm_packs_epi32 (four[0], four[1]), _mm_packs_epi32 (four[2], four[3])));
    }
#else
  for (guint i = 0; i < ROW; i++)
    ret[i] = pixels[i * 4 + channel];
#endif
}

gsize
sk_planar_encode (const guint8 *pixels, gssize stride, guint width, guint height, guint8 *out, gsize max)
{
  /* 16 bytes before each row of symbols for the zero that stands there, 16 behind it for put() */
  guint8 rows[2][ROW] = { 0 }, symbols[16 + ROW + 16] = { 0 }, narrow[ROW * 4] = { 0 };
  const guint8 *start = out, *const limit = out + max;
  const gsize row_max = SK_PLANAR_ROW_MAX;
  *out++ = HEADER;
  for (gint channel = 2; channel >= 0; channel--)
    {
      memset (rows[1], 0, ROW);
      for (guint y = 0; y < height; y++)
        {
          const guint8 *from = pixels + (gssize) (height - 1 - y) * stride;
          if ((gsize) (limit - out) < row_max)
            return 0;
          if (width < ROW)
            from = memcpy (narrow, from, (gsize) width * 4);
          split (from, (guint) channel, rows[y & 1]);
          if (y == 0)
            memcpy (symbols + 16, rows[0], ROW);
          else
            subtract (rows[y & 1], rows[(y - 1) & 1], symbols + 16);
          out = encode_row (out, symbols + 16, width);
        }
    }
  return (gsize) (out - start);
}
