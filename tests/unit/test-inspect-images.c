/* Pictures that are built anew: what the libraries' own encoders made goes in, pixels are looked at that come
 * out. */
#include "inspect/image.h"
#include <gif_lib.h>
#include <string.h>
#include <tiffio.h>
#include <webp/encode.h>
#include <webp/mux.h>

static gboolean
keep (gpointer data, const void *bytes, gsize length)
{
  g_byte_array_append (data, bytes, (guint) length);
  return TRUE;
}

static gboolean
run (SkRebuild *r, const guint8 *bytes, gsize length, GByteArray *out)
{
  *r = (SkRebuild){ .kind = SK_INSPECT_FILE, .out_max = 16 << 20, .write = keep, .data = out };
  /* an exact copy, so that a sanitizer sees a read past its end */
  g_autofree guint8 *exact = g_memdup2 (bytes, MAX (length, 1));
  return sk_rebuild (r, exact, length);
}

/* Passes as `type`, and the second time nothing changes any more. */
static GByteArray *
pass (const GByteArray *in, SkInspectType type, SkRebuild *r)
{
  SkRebuild again;
  g_autoptr (GByteArray) once = g_byte_array_new (), twice = g_byte_array_new ();
  if (!run (r, in->data, in->len, once))
    g_error ("refused: %s", sk_inspect_reasons[r->reason].word);
  g_assert_cmpstr (sk_inspect_types[r->result_type].mime, ==, sk_inspect_types[type].mime);
  g_assert_cmpint (sk_rebuild_type (once->data, once->len), ==, type);
  g_assert_true (run (&again, once->data, once->len, twice));
  g_assert_cmpmem (once->data, once->len, twice->data, twice->len);
  for (guint i = 0; i < _SK_FOUND_LAST; i++)
    g_assert_true (!sk_inspect_found[i].removed || again.counts[i] == 0);
  return g_steal_pointer (&once);
}

static void
check_refused (const guint8 *bytes, gsize length, SkInspectReason reason)
{
  SkRebuild r;
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_assert_false (run (&r, bytes, length, got));
  g_assert_cmpstr (sk_inspect_reasons[r.reason].word, ==, sk_inspect_reasons[reason].word);
}

/* Whatever its end is missing: no crash, and no result without a word about it. */
static void
check_cut (const GByteArray *in)
{
  for (gsize length = 0; length < in->len; length += length < 64 ? 1 : 37)
    {
      SkRebuild r;
      g_autoptr (GByteArray) got = g_byte_array_new ();
      const gboolean passed = run (&r, in->data, length, got);
      g_assert_true (passed == (r.reason == SK_REASON_NONE));
    }
}

static void
expect_pixel (const SkImage *image, guint x, guint y, guint32 rgba)
{
  const guint8 *p = image->pixels + y * image->stride + (gsize) x * image->channels;
  const guint n = image->channels;
  const guint32 is = (guint32) p[0] << 24 | (guint32) p[n == 1 ? 0 : 1] << 16
                     | (guint32) p[n == 1 ? 0 : 2] << 8 | (n == 4 ? p[3] : 255);
  g_assert_cmphex (is, ==, rgba);
}

/* -- GIF
 * ------------------------------------------------------------------------------------------------------
 */

static int
gif_out (GifFileType *gif, const GifByteType *bytes, int n)
{
  g_byte_array_append (gif->UserData, bytes, (guint) n);
  return n;
}

/* A screen of 4 x 3; a picture of 2 x 2 at 1, 1: red, clear / green, blue. */
static GByteArray *
make_gif (gboolean interlaced, guint pictures)
{
  GByteArray *out = g_byte_array_new ();
  GifColorType colours[4] = { { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 }, { 9, 9, 9 } };
  GifByteType rows[2][2] = { { 0, 3 }, { 1, 2 } };
  GraphicsControlBlock control = { DISPOSE_DO_NOT, false, 10, 3 };
  GifByteType block[4];
  int error;
  GifFileType *gif = EGifOpen (out, gif_out, &error);
  ColorMapObject *map = GifMakeMapObject (4, colours);
  EGifSetGifVersion (gif, true);
  g_assert_cmpint (EGifPutScreenDesc (gif, 4, 3, 8, 3, map), ==, GIF_OK);
  EGifPutComment (gif, "made at home");
  for (guint i = 0; i < pictures; i++)
    {
      EGifGCBToExtension (&control, block);
      EGifPutExtension (gif, GRAPHICS_EXT_FUNC_CODE, 4, block);
      g_assert_cmpint (EGifPutImageDesc (gif, 1, 1, 2, 2, interlaced, NULL), ==, GIF_OK);
      for (guint y = 0; y < 2; y++)
        g_assert_cmpint (EGifPutLine (gif, rows[y], 2), ==, GIF_OK);
    }
  GifFreeMapObject (map);
  EGifCloseFile (gif, &error);
  return out;
}

static void
test_gif (void)
{
  for (guint pictures = 1; pictures <= 2; pictures++)
    {
      SkRebuild r, look = { 0 };
      g_auto (SkImage) image = { 0 };
      g_autoptr (GByteArray) gif = make_gif (FALSE, pictures);
      g_byte_array_append (gif, (const guint8 *) "tail", pictures == 1 ? 4 : 0);
      g_autoptr (GByteArray) png = pass (gif, SK_TYPE_PNG, &r);
      g_assert_cmpuint (r.counts[SK_FOUND_ANIMATION], ==, pictures - 1);
      g_assert_cmpuint (r.counts[SK_FOUND_TRAILING], ==, pictures == 1);
      g_assert_cmpstr (r.details[SK_FOUND_METADATA], ==, "comment");
      g_assert_true (sk_png_decode (&look, png->data, png->len, &image));
      g_assert_cmpuint (image.width, ==, 4);
      g_assert_cmpuint (image.height, ==, 3);
      expect_pixel (&image, 1, 1, 0xff0000ff);
      expect_pixel (&image, 2, 1, 0);
      expect_pixel (&image, 1, 2, 0x00ff00ff);
      expect_pixel (&image, 2, 2, 0x0000ffff);
      expect_pixel (&image, 0, 0, 0);
      check_cut (gif);
    }
  /* Its two lines come in another order. */
  SkRebuild r, look = { 0 };
  g_auto (SkImage) image = { 0 };
  g_autoptr (GByteArray) gif = make_gif (TRUE, 1), png = pass (gif, SK_TYPE_PNG, &r);
  g_assert_true (sk_png_decode (&look, png->data, png->len, &image));
  expect_pixel (&image, 1, 1, 0xff0000ff);
  expect_pixel (&image, 2, 2, 0x0000ffff);
  memcpy (gif->data + 6, "\xff\xff\xff\xff", 4); /* 65535 x 65535 */
  check_refused (gif->data, gif->len, SK_REASON_IMAGE_LARGE);
  check_refused ((const guint8 *) "GIF89a", 6, SK_REASON_IMAGE_DAMAGED);
}

/* -- WebP
 * -----------------------------------------------------------------------------------------------------
 */

static GByteArray *
take_webp (guint8 *take_bytes, gsize length)
{
  GByteArray *out = g_byte_array_new ();
  g_assert_cmpuint (length, >, 0);
  g_byte_array_append (out, take_bytes, (guint) length);
  WebPFree (take_bytes);
  return out;
}

static GByteArray *
make_webp (gboolean lossy, guint alpha)
{
  guint8 pixels[16 * 8 * 4], *bytes = NULL;
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8) (i % 4 == 3 ? alpha : i % 4 == 0 ? 200 : 40);
  const gsize n = lossy ? WebPEncodeRGBA (pixels, 16, 8, 64, 90, &bytes)
                        : WebPEncodeLosslessRGBA (pixels, 16, 8, 64, &bytes);
  return take_webp (bytes, n);
}

/* What was squeezed stays so, what was exact stays exact. */
static void
test_webp (void)
{
  SkRebuild r, look = { 0 };
  g_auto (SkImage) exact = { 0 };
  g_auto (SkImage) near = { 0 };
  g_autoptr (GByteArray) squeezed = make_webp (TRUE, 255), whole = make_webp (FALSE, 255),
                         clear = make_webp (TRUE, 128);
  g_autoptr (GByteArray) jpeg = pass (squeezed, SK_TYPE_JPEG, &r), png = pass (whole, SK_TYPE_PNG, &r),
                         half = pass (clear, SK_TYPE_PNG, &r);
  g_assert_true (sk_png_decode (&look, png->data, png->len, &exact));
  expect_pixel (&exact, 15, 7, 0xc82828ff);
  g_assert_true (sk_jpeg_decode (&look, jpeg->data, jpeg->len, &near));
  g_assert_cmpuint (near.width, ==, 16);
  g_assert_cmpint (ABS (near.pixels[0] - 200), <, 12);
  check_cut (squeezed);
  check_cut (whole);
  g_byte_array_append (whole, (const guint8 *) "tail", 4);
  g_autoptr (GByteArray) again = pass (whole, SK_TYPE_PNG, &r);
  g_assert_cmpuint (r.counts[SK_FOUND_TRAILING], ==, 1);
  check_refused ((const guint8 *) "RIFF\4\0\0\0WEBP", 12, SK_REASON_IMAGE_DAMAGED);
}

static void
test_webp_metadata (void)
{
  SkRebuild r;
  g_autoptr (GByteArray) whole = make_webp (FALSE, 255);
  const WebPData data = { whole->data, whole->len }, xmp = { (const guint8 *) "<x/>", 4 };
  WebPData made;
  WebPMux *mux = WebPMuxCreate (&data, 1);
  WebPMuxSetChunk (mux, "XMP ", &xmp, 1);
  g_assert_cmpint (WebPMuxAssemble (mux, &made), ==, WEBP_MUX_OK);
  WebPMuxDelete (mux);
  g_autoptr (GByteArray) with = take_webp ((guint8 *) made.bytes, made.size);
  g_autoptr (GByteArray) png = pass (with, SK_TYPE_PNG, &r);
  g_assert_cmpstr (r.details[SK_FOUND_METADATA], ==, "XMP");
  g_assert_null (memmem (png->data, png->len, "<x/>", 4));
}

/* -- TIFF
 * -----------------------------------------------------------------------------------------------------
 */

typedef struct
{
  guint16 bits, samples, photometric, compression, orientation;
} Page;

static char *
temporary (void)
{
  char *path = NULL;
  const int fd = g_file_open_tmp ("inspect-XXXXXX.tif", &path, NULL);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
  return path;
}

static void
write_page (TIFF *tiff, const Page *page)
{
  guint8 row[64];
  TIFFSetField (tiff, TIFFTAG_IMAGEWIDTH, 16);
  TIFFSetField (tiff, TIFFTAG_IMAGELENGTH, 4);
  TIFFSetField (tiff, TIFFTAG_BITSPERSAMPLE, page->bits);
  TIFFSetField (tiff, TIFFTAG_SAMPLESPERPIXEL, page->samples);
  TIFFSetField (tiff, TIFFTAG_PHOTOMETRIC, page->photometric);
  TIFFSetField (tiff, TIFFTAG_COMPRESSION, page->compression);
  TIFFSetField (tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField (tiff, TIFFTAG_ORIENTATION, page->orientation);
  TIFFSetField (tiff, TIFFTAG_ROWSPERSTRIP, 4);
  TIFFSetField (tiff, TIFFTAG_XRESOLUTION, 300.0);
  TIFFSetField (tiff, TIFFTAG_YRESOLUTION, 300.0);
  TIFFSetField (tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
  TIFFSetField (tiff, TIFFTAG_ARTIST, "Hanako");
  for (guint y = 0; y < 4; y++)
    {
      memset (row, 0, sizeof row);
      /* the first row is full, the others are empty */
      if (y == 0)
        memset (row, 0xff, sizeof row);
      g_assert_cmpint (TIFFWriteScanline (tiff, row, y, 0), ==, 1);
    }
  g_assert_cmpint (TIFFWriteDirectory (tiff), ==, 1);
}

static GByteArray *
make_tiff (const Page *pages, gsize n, const char *mode)
{
  g_autofree char *path = temporary ();
  char *bytes;
  gsize length;
  TIFF *tiff = TIFFOpen (path, mode);
  for (gsize i = 0; i < n; i++)
    write_page (tiff, &pages[i]);
  TIFFClose (tiff);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  unlink (path);
  return g_byte_array_new_take ((guint8 *) bytes, length);
}

static const Page pages[] = {
  { 1, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_CCITTFAX4, ORIENTATION_TOPLEFT },
  { 8, 1, PHOTOMETRIC_MINISBLACK, COMPRESSION_LZW, ORIENTATION_TOPLEFT },
  { 8, 3, PHOTOMETRIC_RGB, COMPRESSION_NONE, ORIENTATION_BOTLEFT },
};

static void
expect_pages (const GByteArray *tiff_bytes, guint n)
{
  g_autofree char *path = temporary ();
  guint seen = 0;
  g_assert_true (g_file_set_contents (path, (char *) tiff_bytes->data, (gssize) tiff_bytes->len, NULL));
  TIFF *tiff = TIFFOpen (path, "r");
  g_assert_nonnull (tiff);
  do
    {
      float x = 0;
      guint16 bits = 0;
      char *artist;
      g_assert_true (TIFFGetField (tiff, TIFFTAG_XRESOLUTION, &x) && x == 300);
      g_assert_true (TIFFGetField (tiff, TIFFTAG_BITSPERSAMPLE, &bits));
      g_assert_cmpuint (bits, ==, 1); /* nothing but black and white is on any of them */
      g_assert_false (TIFFGetField (tiff, TIFFTAG_ARTIST, &artist));
      seen++;
    }
  while (TIFFReadDirectory (tiff));
  TIFFClose (tiff);
  unlink (path);
  g_assert_cmpuint (seen, ==, n);
}

static void
test_tiff (void)
{
  static const char *const modes[] = { "wl", "wb", "w8" };
  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      SkRebuild r, look = { 0 };
      g_auto (SkImage) image = { 0 };
      g_autoptr (GByteArray) tiff = make_tiff (pages, G_N_ELEMENTS (pages), modes[i]);
      g_autoptr (GByteArray) out = pass (tiff, SK_TYPE_TIFF, &r);
      g_assert_cmpuint (r.counts[SK_FOUND_METADATA], ==, G_N_ELEMENTS (pages));
      g_assert_cmpstr (r.details[SK_FOUND_METADATA], ==, "Artist");
      expect_pages (out, G_N_ELEMENTS (pages));
      g_assert_true (sk_tiff_decode (&look, out->data, out->len, &image));
      expect_pixel (&image, 0, 0, 0x000000ff);
      expect_pixel (&image, 0, 1, 0xffffffff);
      check_cut (tiff);
    }
}

/* What stood on its head is turned. */
static void
test_tiff_turned (void)
{
  SkRebuild r, look = { 0 };
  g_auto (SkImage) image = { 0 };
  g_autoptr (GByteArray) tiff = make_tiff (&pages[2], 1, "w"), out = pass (tiff, SK_TYPE_TIFF, &r);
  g_assert_true (sk_tiff_decode (&look, out->data, out->len, &image));
  expect_pixel (&image, 0, 3, 0xffffffff);
  expect_pixel (&image, 0, 0, 0x000000ff);
}

/* Half of it shows through, at each strength; the colour stays what it was. */
static void
test_tiff_alpha (void)
{
  static const guint16 kind[] = { EXTRASAMPLE_UNASSALPHA };
  SkRebuild r, look = { 0 };
  g_auto (SkImage) image = { 0 };
  g_autofree char *path = temporary ();
  char *bytes;
  gsize length;
  guint8 row[256 * 4];
  for (guint i = 0; i < 256; i++)
    memcpy (row + 4 * i, (const guint8[]){ 200, 100, 0, (guint8) i }, 4);
  TIFF *tiff = TIFFOpen (path, "w");
  TIFFSetField (tiff, TIFFTAG_IMAGEWIDTH, 256);
  TIFFSetField (tiff, TIFFTAG_IMAGELENGTH, 1);
  TIFFSetField (tiff, TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField (tiff, TIFFTAG_SAMPLESPERPIXEL, 4);
  TIFFSetField (tiff, TIFFTAG_EXTRASAMPLES, 1, kind);
  TIFFSetField (tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
  TIFFSetField (tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  g_assert_cmpint (TIFFWriteScanline (tiff, row, 0, 0), ==, 1);
  TIFFClose (tiff);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  unlink (path);
  g_autoptr (GByteArray) in = g_byte_array_new_take ((guint8 *) bytes, length),
                         out = pass (in, SK_TYPE_TIFF, &r);
  g_assert_true (sk_tiff_decode (&look, out->data, out->len, &image));
  for (guint x = 16; x < 256; x++)
    {
      const guint8 *p = image.pixels + (gsize) x * 4;
      g_assert_cmpuint (p[3], ==, x);
      g_assert_cmpint (ABS (p[0] - 200), <=, 128 / (int) x + 1);
      g_assert_cmpint (ABS (p[1] - 100), <=, 128 / (int) x + 1);
    }
}

static void
test_tiff_pages (void)
{
  g_autofree Page *many = g_new (Page, 1001);
  for (guint i = 0; i < 1001; i++)
    many[i] = pages[0];
  SkRebuild r;
  g_autoptr (GByteArray) most = make_tiff (many, 1000, "w"), more = make_tiff (many, 1001, "w");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_assert_true (run (&r, most->data, most->len, out));
  check_refused (more->data, more->len, SK_REASON_IMAGE_LARGE);
}

/* -- PNG and JPEG
 * ---------------------------------------------------------------------------------------------
 */

static GByteArray *
encoded (const SkImage *image, gboolean (*encode) (SkRebuild *, const SkImage *))
{
  GByteArray *out = g_byte_array_new ();
  SkRebuild r = { .out_max = 16 << 20, .write = keep, .data = out };
  g_assert_true (encode (&r, image));
  return out;
}

/* So many colours as the first so many pixels differ. */
static GByteArray *
make_png (guint colours, guint channels)
{
  SkRebuild none = { 0 };
  g_auto (SkImage) image = { 0 };
  g_assert_true (sk_image_init (&image, &none, 40, 40, channels));
  for (guint i = 0; i < 1600; i++)
    {
      guint8 *p = image.pixels + (gsize) i * channels;
      const guint colour = i % colours;
      p[0] = (guint8) colour;
      if (channels >= 3)
        p[1] = (guint8) (colour >> 8);
      if (channels == 4)
        p[3] = (guint8) (colour == 0 ? 0 : 255);
    }
  return encoded (&image, sk_png_encode);
}

/* Few colours are a table, and come back as they were. */
static void
test_palette (void)
{
  static const struct
  {
    guint colours, channels, depth, type;
  } rows[] = { { 1, 3, 1, 3 },   { 2, 3, 1, 3 },   { 3, 3, 2, 3 },   { 5, 4, 4, 3 },  { 17, 3, 8, 3 },
               { 256, 3, 8, 3 }, { 257, 3, 8, 2 }, { 257, 4, 8, 6 }, { 16, 1, 8, 0 }, { 256, 4, 8, 3 } };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      SkRebuild r, look = { 0 };
      g_auto (SkImage) image = { 0 };
      g_autoptr (GByteArray) png = make_png (rows[i].colours, rows[i].channels),
                             out = pass (png, SK_TYPE_PNG, &r);
      g_assert_cmpuint (out->data[24], ==, rows[i].depth);
      g_assert_cmpuint (out->data[25], ==, rows[i].type);
      g_assert_true (sk_png_decode (&look, out->data, out->len, &image));
      const guint last = 1599 % rows[i].colours;
      const guint32 grey = rows[i].channels == 1 ? last << 16 | last << 8 : (last >> 8) << 16;
      expect_pixel (&image, 39, 39, last << 24 | grey | (rows[i].channels == 4 && last == 0 ? 0 : 255));
    }
}

/* In as few bits as its greys need, and grey. */
static void
test_greys (void)
{
  for (guint depth = 1; depth <= 8; depth *= 2)
    {
      const guint levels = 1u << depth;
      SkRebuild none = { 0 }, r, look = { 0 };
      g_auto (SkImage) image = { 0 };
      g_auto (SkImage) back = { 0 };
      g_assert_true (sk_image_init (&image, &none, 37, 11, 1));
      for (guint i = 0; i < 37 * 11; i++)
        image.pixels[i] = (guint8) (i % levels * (255 / (levels - 1)));
      g_autoptr (GByteArray) png = encoded (&image, sk_png_encode), out = pass (png, SK_TYPE_PNG, &r);
      g_assert_cmpuint (out->data[24], ==, depth);
      g_assert_cmpuint (out->data[25], ==, 0);
      g_assert_true (sk_png_decode (&look, out->data, out->len, &back));
      g_assert_cmpuint (back.channels, ==, 1);
      g_assert_cmpmem (back.pixels, 37 * 11, image.pixels, 37 * 11);
    }
}

/* Again and again the same bytes: a picture that goes back and forth does not fade. */
static void
test_jpeg_again (void)
{
  SkRebuild none = { 0 }, r;
  g_auto (SkImage) image = { 0 };
  g_assert_true (sk_image_init (&image, &none, 33, 17, 3));
  for (gsize i = 0; i < image.stride * image.height; i++)
    image.pixels[i] = (guint8) (i * i >> 3);
  g_autoptr (GByteArray) jpeg = encoded (&image, sk_jpeg_encode), out = pass (jpeg, SK_TYPE_JPEG, &r);
  g_assert_cmpmem (out->data, out->len, jpeg->data, jpeg->len);
  g_byte_array_append (jpeg, (const guint8 *) "tail", 4);
  g_autoptr (GByteArray) cut = pass (jpeg, SK_TYPE_JPEG, &r);
  g_assert_cmpuint (r.counts[SK_FOUND_TRAILING], ==, 1);
  g_assert_cmpmem (cut->data, cut->len, out->data, out->len);
  check_cut (out);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  TIFFSetErrorHandler (NULL);
  TIFFSetWarningHandler (NULL);
  g_test_add_func ("/inspect-images/gif", test_gif);
  g_test_add_func ("/inspect-images/webp", test_webp);
  g_test_add_func ("/inspect-images/webp-metadata", test_webp_metadata);
  g_test_add_func ("/inspect-images/tiff", test_tiff);
  g_test_add_func ("/inspect-images/tiff-turned", test_tiff_turned);
  g_test_add_func ("/inspect-images/tiff-alpha", test_tiff_alpha);
  g_test_add_func ("/inspect-images/tiff-pages", test_tiff_pages);
  g_test_add_func ("/inspect-images/palette", test_palette);
  g_test_add_func ("/inspect-images/greys", test_greys);
  g_test_add_func ("/inspect-images/jpeg-again", test_jpeg_again);
  return g_test_run ();
}
