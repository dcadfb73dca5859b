/* The guest's bitmaps: what FreeRDP's encoder and ours write is read back, what is broken is refused, and no
 * byte outside of the picture is touched. */
#include "rdp/planar.h"
#include "rdp/unplanar.h"
#include <freerdp/codec/color.h>
#include <freerdp/codec/planar.h>
#include <string.h>

#define SIDE 128
#define CANARY 0xa5

typedef struct
{
  guint8 pixels[SIDE * SIDE * 4], got[(SIDE + 2) * (SIDE + 2) * 4];
  guint width, height;
} Picture;

static void
paint (Picture *p, guint width, guint height)
{
  const guint longest = (guint) g_test_rand_int_range (1, 130), kind = (guint) g_test_rand_int_range (0, 3);
  guint32 colour = 0;
  p->width = width;
  p->height = height;
  for (guint i = 0, left = 0; i < width * height; i++)
    {
      if (left-- == 0)
        {
          left = (guint) g_test_rand_int_range (0, (gint) longest);
          colour = kind ? g_test_rand_int () & 0xffffff : g_test_rand_int () & 0x010101;
        }
      memcpy (p->pixels + i * 4, &colour, 4);
    }
}

/* Decodes into the middle of a field of canaries. */
static gboolean
decode (Picture *p, const guint8 *data, gsize length, guint columns, guint rows)
{
  g_autofree guint8 *exact = g_memdup2 (data, length); /* ASan sees a read beyond it */
  g_autofree guint8 *scratch = g_malloc (sk_unplanar_scratch (p->width, p->height));
  memset (p->got, CANARY, sizeof p->got);
  const gsize stride = (SIDE + 2) * 4;
  const gboolean good
      = sk_unplanar (exact, length, p->width, p->height, scratch, p->got + stride + 4, stride, columns, rows);
  for (guint y = 0; y < SIDE + 2; y++)
    for (guint x = 0; x < SIDE + 2; x++)
      if (x == 0 || y == 0 || x > columns || y > rows)
        for (guint i = 0; i < 4; i++)
          g_assert_cmphex (p->got[y * stride + x * 4 + i], ==, CANARY);
  return good;
}

static void
assert_same (const Picture *p, guint columns, guint rows)
{
  for (guint y = 0; y < rows; y++)
    for (guint x = 0; x < columns; x++)
      {
        guint32 want, have;
        memcpy (&want, p->pixels + ((gsize) y * p->width + x) * 4, 4);
        memcpy (&have, p->got + ((gsize) (y + 1) * (SIDE + 2) + x + 1) * 4, 4);
        g_assert_cmphex (have & 0xffffff, ==, want & 0xffffff);
      }
}

static void
test_ours (void)
{
  g_autofree Picture *p = g_new (Picture, 1);
  guint8 out[SK_PLANAR_MAX];
  for (guint round = 0; round < 3000; round++)
    {
      paint (p, 4 * (guint) g_test_rand_int_range (1, 17), (guint) g_test_rand_int_range (1, 65));
      const gsize length = sk_planar_encode (p->pixels, p->width * 4, p->width, p->height, out, sizeof out);
      const guint columns = (guint) g_test_rand_int_range (1, (gint) p->width + 1);
      const guint rows = (guint) g_test_rand_int_range (1, (gint) p->height + 1);
      g_assert_true (decode (p, out, length, columns, rows));
      assert_same (p, columns, rows);
    }
}

/* Raw and run-length encoded, with and without alpha: what FreeRDP's servers send. */
static void
test_freerdp (void)
{
  g_autofree Picture *p = g_new (Picture, 1);
  static const DWORD flags[] = { 0, PLANAR_FORMAT_HEADER_NA, PLANAR_FORMAT_HEADER_RLE,
                                 PLANAR_FORMAT_HEADER_RLE | PLANAR_FORMAT_HEADER_NA };
  for (guint round = 0; round < 400; round++)
    {
      /* narrower ones grow by run lengths, and FreeRDP's encoder cuts what is larger than the plane */
      paint (p, (guint) g_test_rand_int_range (24, SIDE + 1), (guint) g_test_rand_int_range (1, SIDE + 1));
      BITMAP_PLANAR_CONTEXT *encoder = freerdp_bitmap_planar_context_new (flags[round % 4], SIDE, SIDE);
      UINT32 length = 0;
      BYTE *data = freerdp_bitmap_compress_planar (encoder, p->pixels, PIXEL_FORMAT_BGRX32, p->width,
                                                   p->height, p->width * 4, NULL, &length);
      g_assert_nonnull (data);
      g_assert_true (decode (p, data, length, p->width, p->height));
      assert_same (p, p->width, p->height);
      free (data);
      freerdp_bitmap_planar_context_free (encoder);
    }
}

static void
test_broken (void)
{
  g_autofree Picture *p = g_new0 (Picture, 1);
  p->width = 8;
  p->height = 2;
  /* three planes of two rows, each one run of eight */
  const guint8 good[] = { 0x30, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08 };
  g_assert_true (decode (p, good, sizeof good, 8, 2));
  for (gsize n = 0; n < sizeof good; n++) /* ends early */
    g_assert_false (decode (p, good, n, 8, 2));
  const guint8 more[] = { 0x30, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08 };
  g_assert_false (decode (p, more, sizeof more, 8, 2));
  const guint8 too_long[] = { 0x30, 0x09, 0x08, 0x08, 0x08, 0x08, 0x08 };
  g_assert_false (decode (p, too_long, sizeof too_long, 8, 2));
  const guint8 standstill[] = { 0x30, 0x00, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08 };
  g_assert_false (decode (p, standstill, sizeof standstill, 8, 2));
  const guint8 long_run[] = { 0x30, 0x01, 0x08, 0x08, 0x08, 0x08, 0x08 }; /* sixteen */
  g_assert_false (decode (p, long_run, sizeof long_run, 8, 2));
  for (guint bit = 0; bit < 8; bit++)
    {
      guint8 other[sizeof good];
      memcpy (other, good, sizeof good);
      other[0] ^= (guint8) (1u << bit);
      g_assert_false (decode (p, other, sizeof other, 8, 2)); /* another format, or other planes */
    }
  /* more asked for than there is */
  g_assert_false (decode (p, good, sizeof good, 9, 2));
  g_assert_false (decode (p, good, sizeof good, 8, 3));
}

static void
test_random (void)
{
  g_autofree Picture *p = g_new0 (Picture, 1);
  guint8 data[4096];
  guint accepted = 0;
  for (guint round = 0; round < 20000; round++)
    {
      p->width = (guint) g_test_rand_int_range (1, SIDE + 1);
      p->height = (guint) g_test_rand_int_range (1, 12);
      const gsize length = (gsize) g_test_rand_int_range (0, sizeof data);
      for (gsize i = 0; i < length; i++)
        data[i] = (guint8) g_test_rand_int ();
      if (length > 0)
        data[0] = round % 2 ? 0x30 : 0x20;
      accepted += decode (p, data, length, p->width, p->height);
    }
  g_assert_cmpuint (accepted, <, 20000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/unplanar/ours", test_ours);
  g_test_add_func ("/unplanar/freerdp", test_freerdp);
  g_test_add_func ("/unplanar/broken", test_broken);
  g_test_add_func ("/unplanar/random", test_random);
  return g_test_run ();
}
