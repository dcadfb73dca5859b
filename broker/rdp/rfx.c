#include "rdp/rfx.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SIDE SK_TILE

/* Eight coefficients at a time; the compiler makes one instruction of each line, on every processor. Sums
 * wrap around: only a picture that was made for it gets that far, and what it spoils is itself. */
#define LANES 8
typedef gint16 Lanes __attribute__ ((vector_size (LANES * 2)));
typedef guint16 Wrapping __attribute__ ((vector_size (LANES * 2)));

static inline Lanes
load (const gint16 *from)
{
  Lanes v;
  memcpy (&v, from, sizeof v);
  return v;
}

static inline void
store (gint16 *to, Lanes v)
{
  memcpy (to, &v, sizeof v);
}

static inline Lanes
add (Lanes a, Lanes b)
{
  return (Lanes) ((Wrapping) a + (Wrapping) b);
}

static inline Lanes
subtract (Lanes a, Lanes b)
{
  return (Lanes) ((Wrapping) a - (Wrapping) b);
}

/* ---- colours: [MS-RDPRFX] 3.1.8.1.3, 11.5 fixed point ---- */

/* Of red, green, blue, each times 2^15. */
typedef struct
{
  gint16 blue, green, red;
} Weights;

static const Weights weights[3]
    = { { 3735, 19235, 9798 }, { 16403, -10868, -5535 }, { -2663, -13714, 16377 } };
/* 2^15 on the weights, 2^5 in what comes out */
#define COLOUR_SHIFT 10
#define LUMA_ZERO 4096 /* 128, of 11.5 */

#ifdef __SSE2__
static inline __m128i
weigh_four (__m128i pixels01, __m128i pixels23, __m128i w)
{
  /* each madd: blue and green of a pixel in one half, red in the other */
  const __m128 a = _mm_castsi128_ps (_mm_madd_epi16 (pixels01, w));
  const __m128 b = _mm_castsi128_ps (_mm_madd_epi16 (pixels23, w));
  const __m128i low = _mm_castps_si128 (_mm_shuffle_ps (a, b, _MM_SHUFFLE (2, 0, 2, 0)));
  const __m128i high = _mm_castps_si128 (_mm_shuffle_ps (a, b, _MM_SHUFFLE (3, 1, 3, 1)));
  return _mm_srai_epi32 (_mm_add_epi32 (low, high), COLOUR_SHIFT);
}

static void
convert_row (const guint8 *pixels, gint16 *const planes[3])
{
  const __m128i zero = _mm_setzero_si128 ();
  for (guint x = 0; x < SIDE; x += 8)
    {
      const __m128i *from = (const __m128i *) (const void *) (pixels + (gsize) x * 4);
      const __m128i first = _mm_loadu_si128 (from), second = _mm_loadu_si128 (from + 1);
      const __m128i p01 = _mm_unpacklo_epi8 (first, zero), p23 = _mm_unpackhi_epi8 (first, zero);
      const __m128i p45 = _mm_unpacklo_epi8 (second, zero), p67 = _mm_unpackhi_epi8 (second, zero);
      for (guint i = 0; i < 3; i++)
        {
          const Weights *w = &weights[i];
          const __m128i by = _mm_setr_epi16 (w->blue, w->green, w->red, 0, w->blue, w->green, w->red, 0);
          __m128i out = _mm_packs_epi32 (weigh_four (p01, p23, by), weigh_four (p45, p67, by));
          if (i == 0)
            out = _mm_sub_epi16 (out, _mm_set1_epi16 (LUMA_ZERO));
          _mm_storeu_si128 ((__m128i *) (void *) (planes[i] + x), out);
        }
    }
}
#else
static void
convert_row (const guint8 *pixels, gint16 *const planes[3])
{
  for (guint x = 0; x < SIDE; x++, pixels += 4)
    for (guint i = 0; i < 3; i++)
      {
        const Weights *w = &weights[i];
        const gint32 sum = pixels[0] * w->blue + pixels[1] * w->green + pixels[2] * w->red;
        planes[i][x] = (gint16) ((sum >> COLOUR_SHIFT) - (i == 0 ? LUMA_ZERO : 0));
      }
}
#endif

static void
convert (SkRfxScratch *s, const guint8 *pixels, gsize stride, guint width, guint height)
{
  guint32 narrow[SIDE];
  for (guint y = 0; y < height; y++, pixels += stride)
    {
      gint16 *const planes[3] = { s->planes[0] + y * SIDE, s->planes[1] + y * SIDE, s->planes[2] + y * SIDE };
      if (width == SIDE)
        {
          convert_row (pixels, planes);
          continue;
        }
      memcpy (narrow, pixels, (gsize) width * 4);
      for (guint x = width; x < SIDE; x++)
        narrow[x] = narrow[width - 1];
      convert_row ((const guint8 *) narrow, planes);
    }
  for (guint i = 0; i < 3; i++)
    for (guint y = height; y < SIDE; y++)
      memcpy (s->planes[i] + y * SIDE, s->planes[i] + (height - 1) * SIDE, SIDE * sizeof (gint16));
}

/* ---- wavelets: [MS-RDPRFX] 3.1.8.1.4, the reversible 5/3 of JPEG 2000 with its high half halved ---- */

/* The mean of a and c, rounded down. */
static inline Lanes
mean (Lanes a, Lanes c)
{
  return add (add (a >> 1, c >> 1), a & c & 1);
}

static inline Lanes
high_half (Lanes even, Lanes odd, Lanes next_even)
{
  return subtract (odd, mean (even, next_even)) >> 1;
}

/* From `from`, width * width, to rows of low halves above rows of high ones. */
static void
transform_columns (const gint16 *from, gint16 *to, guint width)
{
  const guint half = width / 2;
  gint16 *low = to, *high = to + half * width;
  for (guint n = 0; n < half; n++, low += width, high += width)
    {
      const gint16 *even = from + 2 * n * width, *odd = even + width;
      const gint16 *next = n + 1 < half ? odd + width : even;
      const gint16 *before = n > 0 ? high - width : high;
      for (guint x = 0; x < width; x += LANES)
        {
          const Lanes e = load (even + x), h = high_half (e, load (odd + x), load (next + x));
          store (high + x, h);
          store (low + x, add (e, mean (load (before + x), h)));
        }
    }
}

/* One row of `width` into its low and high halves. */
static inline void
transform_row (const gint16 *from, gint16 *low, gint16 *high, guint half)
{
  gint16 even[SIDE / 2 + LANES];
  Lanes odd[SIDE / 2 / LANES];
  for (guint n = 0; n < half; n += LANES)
    {
      const Lanes a = load (from + 2 * n), b = load (from + 2 * n + LANES);
      store (even + n, __builtin_shufflevector (a, b, 0, 2, 4, 6, 8, 10, 12, 14));
      odd[n / LANES] = __builtin_shufflevector (a, b, 1, 3, 5, 7, 9, 11, 13, 15);
    }
  even[half] = even[half - 1];
  Lanes last = { 0 };
  for (guint n = 0; n < half; n += LANES)
    {
      const Lanes e = load (even + n), h = high_half (e, odd[n / LANES], load (even + n + 1));
      Lanes before = __builtin_shufflevector (last, h, 7, 8, 9, 10, 11, 12, 13, 14);
      if (n == 0)
        before[0] = h[0];
      store (high + n, h);
      store (low + n, add (e, mean (before, h)));
      last = h;
    }
}

/* In place: HL, LH, HH and LL, which is the next level's input. */
static void
transform_level (gint16 *data, gint16 *work, guint width)
{
  const guint half = width / 2, band = half * half;
  transform_columns (data, work, width);
  for (guint y = 0; y < half; y++)
    {
      transform_row (work + y * width, data + 3 * band + y * half, data + y * half, half);
      transform_row (work + (half + y) * width, data + band + y * half, data + 2 * band + y * half, half);
    }
}

/* ---- quantization: [MS-RDPRFX] 3.1.8.1.5 ---- */

/* Windows' own, as powers of two: LL3, LH3, HL3, HH3, LH2, HL2, HH2, LH1, HL1, HH1. */
static const guint8 quants[10] = { 6, 6, 6, 6, 7, 7, 8, 8, 8, 9 };
/* The smallest quantizer, 6, leaves a coefficient what it is; the five bits behind the point go here too. */
#define QUANT_SHIFT(quant) ((quant) -6 + 5)

static void
quantize_band (gint16 *data, guint n, guint quant)
{
  const gint16 shift = (gint16) QUANT_SHIFT (quant), half = (gint16) (1 << (shift - 1));
  const Lanes halves = { half, half, half, half, half, half, half, half };
  for (guint i = 0; i < n; i += LANES)
    store (data + i, add (load (data + i), halves) >> shift);
}

static void
quantize (gint16 *data)
{
  /* in the order in which they lie there */
  static const guint8 order[10] = { 8, 7, 9, 5, 4, 6, 2, 1, 3, 0 };
  static const guint16 sizes[10] = { 1024, 1024, 1024, 256, 256, 256, 64, 64, 64, 64 };
  for (guint i = 0; i < G_N_ELEMENTS (order); data += sizes[i], i++)
    quantize_band (data, sizes[i], quants[order[i]]);
}

/* ---- entropy: RLGR3, [MS-RDPRFX] 3.1.8.1.7 ---- */

/* What one symbol takes at most, but for its ones, is three words; the rest takes one. */
#define SYMBOL_BYTES 16

typedef struct
{
  guint64 bits;
  guint n; /* bits that wait, below 32 */
  guint8 *at, *end;
  gboolean full;
} Writer;

/* The lowest n bits of value, which has no others; n at most 32. The caller knows that there is room. */
static G_ALWAYS_INLINE inline void
put (Writer *w, guint n, guint32 value)
{
  w->bits = w->bits << n | value;
  w->n += n;
  if (w->n < 32)
    return;
  w->n -= 32;
  const guint32 word = GUINT32_TO_BE ((guint32) (w->bits >> w->n));
  memcpy (w->at, &word, sizeof word);
  w->at += sizeof word;
}

static inline gboolean
has_room (const Writer *w)
{
  return w->end - w->at >= SYMBOL_BYTES;
}

/* Ones without end are what a picture is made for that wants to harm: so many are checked for room. */
static void
put_ones (Writer *w, guint n)
{
  for (; n > 0 && !w->full; n -= MIN (n, 16))
    {
      put (w, MIN (n, 16), (1u << MIN (n, 16)) - 1);
      w->full = !has_room (w);
    }
}

static void
put_rest (Writer *w)
{
  for (; w->n > 0; w->n -= MIN (w->n, 8))
    *w->at++ = (guint8) (w->n >= 8 ? w->bits >> (w->n - 8) : w->bits << (8 - w->n));
}

/* Parameters in eighths of a bit. */
#define PARAMETER_MAX 80
#define PARAMETER_SHIFT 3
#define RUN_UP 4   /* after a whole run of zeros */
#define RUN_DOWN 6 /* after what ends a run */
#define PAIR_STEP 6

typedef struct
{
  gint run, golomb;
} Parameters;

static inline gint
changed (gint parameter, gint by)
{
  return CLAMP (parameter + by, 0, PARAMETER_MAX);
}

/* Golomb and Rice: value / 2^k ones, a zero, k bits; and then n more bits, at most 12. */
static G_ALWAYS_INLINE inline void
put_golomb_rice (Writer *w, Parameters *p, guint value, guint n, guint more)
{
  const guint k = (guint) p->golomb >> PARAMETER_SHIFT;
  guint ones = value >> k;
  p->golomb = changed (p->golomb, ones > 1 ? (gint) ones : (gint) ones * 2 - 2);
  if (G_UNLIKELY (ones > 8))
    {
      put_ones (w, ones);
      ones = 0;
    }
  const guint32 rest = (value & ((1u << k) - 1)) << n | more;
  put (w, ones + 1 + k + n, ((1u << ones) - 1) << (1 + k + n) | rest);
}
/* k is at most 10 */
G_STATIC_ASSERT (8 + 1 + (PARAMETER_MAX >> PARAMETER_SHIFT) + 12 <= 32);

/* Bits of a value below 2^31. */
static inline guint
bits_of (guint value)
{
  return 31u - (guint) __builtin_clz (2 * value + 1);
}

/* 2 * |c| - (c < 0) */
static inline guint
magnitude_and_sign (gint c)
{
  return (guint) c << 1 ^ (guint) (c >> 31);
}

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* below the first coefficient is in the lowest bits */

/* Where the next coefficient is that is not zero; one stands behind the last. */
static inline guint
skip_zeros (const gint16 *data, guint at)
{
  for (;; at += 4)
    {
      guint64 four;
      memcpy (&four, data + at, sizeof four);
      if (four)
        return at + (guint) __builtin_ctzll (four) / 16;
    }
}

/* A run of zeros and the coefficient that ends it. At the end of the data the last zero stands for that, and
 * is decoded as 1: as other encoders do it, because Windows' decoder wants one. */
static inline guint
put_run (Writer *w, const gint16 *data, guint at, Parameters *p)
{
  const guint found = MIN (skip_zeros (data, at), SK_RFX_COEFFICIENTS - 1);
  const gint value = data[found];
  guint zeros = found - at, whole = 0, k = (guint) p->run >> PARAMETER_SHIFT;
  for (; zeros >= 1u << k; k = (guint) p->run >> PARAMETER_SHIFT, whole++)
    {
      zeros -= 1u << k;
      p->run = changed (p->run, RUN_UP);
    }
  put (w, whole, 0);
  put (w, 1 + k + 1, (1u << k | zeros) << 1 | (value < 0));
  p->run = changed (p->run, -RUN_DOWN);
  put_golomb_rice (w, p, value ? (guint) ABS (value) - 1 : 0, 0, 0);
  return found + 1;
}

/* Two coefficients: their sum, then the first in as many bits. */
static inline guint
put_pair (Writer *w, const gint16 *data, guint at, Parameters *p)
{
  const guint first = magnitude_and_sign (data[at]);
  const guint second = at + 1 < SK_RFX_COEFFICIENTS ? magnitude_and_sign (data[at + 1]) : 0;
  p->run = changed (p->run, PAIR_STEP * ((first == 0) + (second == 0) - 1));
  put_golomb_rice (w, p, first + second, bits_of (first + second), first);
  return at + 2;
}

/* data: the coefficients, and behind them one that is not zero. Returns the bytes, 0: too many. */
static gsize
put_component (const gint16 *data, guint8 *out)
{
  Writer w = { .at = out, .end = out + SK_RFX_COMPONENT_MAX };
  Parameters p = { 1 << PARAMETER_SHIFT, 1 << PARAMETER_SHIFT };
  guint at = 0;
  while (at < SK_RFX_COEFFICIENTS && has_room (&w))
    at = p.run >> PARAMETER_SHIFT ? put_run (&w, data, at, &p) : put_pair (&w, data, at, &p);
  if (at < SK_RFX_COEFFICIENTS || w.full || !has_room (&w))
    return 0;
  put_rest (&w);
  return (gsize) (w.at - out);
}

/* ---- a tile ---- */

/* What is left in LL3 goes as differences: [MS-RDPRFX] 3.1.8.1.6. */
#define LL3 4032
#define LL3_SIZE 64

static gsize
encode_component (gint16 *data, gint16 *work, guint8 *out)
{
  transform_level (data, work, SIDE);
  transform_level (data + 3072, work, SIDE / 2);
  transform_level (data + 3840, work, SIDE / 4);
  quantize (data);
  for (guint i = LL3_SIZE - 1; i > 0; i--)
    data[LL3 + i] = (gint16) (data[LL3 + i] - data[LL3 + i - 1]);
  memset (data + SK_RFX_COEFFICIENTS, 0xff, 4 * sizeof *data);
  return put_component (data, out);
}

static guint8 *
put16 (guint8 *at, guint value)
{
  at[0] = (guint8) value;
  at[1] = (guint8) (value >> 8);
  return at + 2;
}

static guint8 *
put32 (guint8 *at, gsize value)
{
  return put16 (put16 (at, value & 0xffff), (guint) (value >> 16));
}

#define CBT_TILE 0xcac3

/* Twice, with everything that it calls: for every x86-64 processor, and for those since 2013 (AVX2, BMI2),
 * where it takes two thirds of the time. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FOR_OLD_AND_NEW __attribute__ ((flatten, target_clones ("default", "arch=x86-64-v3")))
#else
#define FOR_OLD_AND_NEW
#endif

FOR_OLD_AND_NEW gsize
sk_rfx_encode_tile (SkRfxScratch *s, const guint8 *pixels, gsize stride, guint width, guint height,
                    guint column, guint row, guint8 *out)
{
  gsize lengths[3], length = SK_RFX_TILE_HEAD;
  convert (s, pixels, stride, width, height);
  for (guint i = 0; i < 3; i++)
    {
      lengths[i] = encode_component (s->planes[i], s->work, out + length);
      if (lengths[i] == 0)
        return 0;
      length += lengths[i];
    }
  guint8 *at = put32 (put16 (out, CBT_TILE), length);
  memset (at, 0, 3); /* quantizers: the first set for all */
  at = put16 (put16 (at + 3, column), row);
  for (guint i = 0; i < 3; i++)
    at = put16 (at, (guint) lengths[i]);
  return length;
}

/* ---- a message: [MS-RDPRFX] 2.2.2 ---- */

/* Types of blocks, and what names the codec and the channel (there is one of each). */
enum
{
  WBT_SYNC = 0xccc0,
  WBT_CODEC_VERSIONS = 0xccc1,
  WBT_CHANNELS = 0xccc2,
  WBT_CONTEXT = 0xccc3,
  WBT_FRAME_BEGIN = 0xccc4,
  WBT_FRAME_END = 0xccc5,
  WBT_REGION = 0xccc6,
  WBT_EXTENSION = 0xccc7,
  CBT_REGION = 0xcac1,
  CBT_TILESET = 0xcac2,
  WF_VERSION = 0x0100,
  CODEC_AND_CHANNEL = 0x0001,
  CODEC_AND_ALL_CHANNELS = 0xff01,
};
#define WF_MAGIC 0xcaccaccau
/* Video mode; colours ICT, wavelets 5/3 A, entropy RLGR3, scalar quantizers. */
#define CONTEXT_PROPERTIES (1 << 3 | 1 << 5 | 4 << 9 | 1 << 13)
#define TILESET_PROPERTIES (1 | 1 << 4 | 1 << 6 | 4 << 10 | 1 << 14)

static guint8 *
put_headers (guint8 *at, const SkRfxStream *stream)
{
  at = put16 (put32 (put32 (put16 (at, WBT_SYNC), 12), WF_MAGIC), WF_VERSION);
  at = put16 (put32 (put16 (at, WBT_CONTEXT), 13), CODEC_AND_ALL_CHANNELS);
  *at++ = 0; /* the context's id */
  at = put16 (put16 (at, SIDE), CONTEXT_PROPERTIES);
  at = put32 (put16 (at, WBT_CODEC_VERSIONS), 10);
  *at++ = 1; /* one codec, whose id is 1 */
  *at++ = 1;
  at = put16 (at, WF_VERSION);
  at = put32 (put16 (at, WBT_CHANNELS), 12);
  *at++ = 1; /* one channel, whose id is 0 */
  *at++ = 0;
  return put16 (put16 (at, stream->width), stream->height);
}

static guint8 *
put_region (guint8 *at, const SkTileRect *rects, guint n_rects)
{
  at = put16 (put32 (put16 (at, WBT_REGION), 15 + 8 * (gsize) n_rects), CODEC_AND_CHANNEL);
  *at++ = 1; /* flags: lrf */
  at = put16 (at, n_rects);
  for (guint i = 0; i < n_rects; i++)
    at = put16 (put16 (put16 (put16 (at, rects[i].x), rects[i].y), rects[i].width), rects[i].height);
  return put16 (put16 (at, CBT_REGION), 1);
}

static guint8 *
put_tileset_head (guint8 *at, guint n_tiles, gsize tiles_bytes)
{
  at = put16 (put32 (put16 (at, WBT_EXTENSION), 22 + 5 + tiles_bytes), CODEC_AND_CHANNEL);
  at = put16 (put16 (put16 (at, CBT_TILESET), 0), TILESET_PROPERTIES);
  *at++ = 1; /* one set of quantizers */
  *at++ = SIDE;
  at = put32 (put16 (at, n_tiles), tiles_bytes);
  for (guint i = 0; i < G_N_ELEMENTS (quants); i += 2)
    *at++ = (guint8) (quants[i] | quants[i + 1] << 4);
  return at;
}

void
sk_rfx_write_message (SkRfxStream *stream, const SkTileRect *rects, guint n_rects, const GByteArray *tiles,
                      guint n_tiles, GByteArray *out)
{
  guint8 head[SK_RFX_MESSAGE_HEAD], end[8], *at = head;
  g_assert (n_rects <= SK_RFX_RECTS_MAX);
  if (!stream->headers_sent)
    at = put_headers (at, stream);
  stream->headers_sent = TRUE;
  at = put16 (put32 (put16 (at, WBT_FRAME_BEGIN), 14), CODEC_AND_CHANNEL);
  at = put16 (put32 (at, stream->frame++), 1);
  at = put_tileset_head (put_region (at, rects, n_rects), n_tiles, tiles->len);
  g_byte_array_append (out, head, (guint) (at - head));
  g_byte_array_append (out, tiles->data, tiles->len);
  at = put16 (put32 (put16 (end, WBT_FRAME_END), sizeof end), CODEC_AND_CHANNEL);
  g_byte_array_append (out, end, (guint) (at - end));
}
