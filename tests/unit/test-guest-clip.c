/* sekisho-clip's pictures: which are alone in their form, and the two conversions, with what the host makes
 * of them and what no picture is. */
#include "picture.h"
#include "wire/clip-content.h"
#include <png.h>
#include <string.h>

#define FILE_HEADER 14
#define WIDTH 5
#define HEIGHT 3

static void
test_alone (void)
{
  static const struct
  {
    SkPictureForm form;
    const char *offered[6];
  } rows[] = {
    { SK_PICTURE_PNG, { "TARGETS", "TIMESTAMP", "text/html", "image/png" } }, /* Chromium's */
    { SK_PICTURE_BMP, { "TARGETS", "TIMESTAMP", "MULTIPLE", "image/bmp" } },  /* xrdp's */
    { SK_PICTURE_NONE, { "TARGETS", "image/png", "image/bmp" } },
    { SK_PICTURE_NONE, { "TARGETS", "image/jpeg", "text/html" } },
    { SK_PICTURE_NONE, { "UTF8_STRING", "image/png" } },
    { SK_PICTURE_NONE, { "image/bmp", "text/plain;charset=utf-8" } },
    { SK_PICTURE_NONE, { "image/png", "text/uri-list" } },
    { SK_PICTURE_NONE, { NULL } },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (sk_picture_alone (rows[i].offered, g_strv_length ((char **) rows[i].offered)), ==,
                     rows[i].form);
}

static GBytes *
png_new (guint width, guint height, guint32 format, const guint8 *pixels)
{
  png_image image = { .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = format };
  gsize length = PNG_IMAGE_PNG_SIZE_MAX (image);
  guint8 *png = g_malloc (length);
  g_assert_true (png_image_write_to_memory (&image, png, &length, 0, pixels, 0, NULL));
  return g_bytes_new_take (png, length);
}

static void
read_png (GBytes *png, guint8 *pixels, gsize length)
{
  png_image image = { .version = PNG_IMAGE_VERSION };
  g_assert_true (
      png_image_begin_read_from_memory (&image, g_bytes_get_data (png, NULL), g_bytes_get_size (png)));
  image.format = PNG_FORMAT_RGB;
  g_assert_cmpuint (PNG_IMAGE_SIZE (image), ==, length);
  g_assert_true (png_image_finish_read (&image, NULL, pixels, 0, NULL));
}

static void
gradient (guint8 pixels[HEIGHT * WIDTH * 3])
{
  for (guint i = 0; i < HEIGHT * WIDTH * 3; i++)
    pixels[i] = (guint8) (i * 17 + 3);
}

/* As xrdp sends it, without the header that files have. */
static GBytes *
at_the_host (GBytes *bmp)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (bmp, &length);
  return sk_clip_from_wire (SK_CLIP_PICTURE, data + FILE_HEADER, length - FILE_HEADER);
}

static void
test_round (void)
{
  guint8 pixels[HEIGHT * WIDTH * 3], back[sizeof pixels];
  gradient (pixels);
  g_autoptr (GBytes) png = png_new (WIDTH, HEIGHT, PNG_FORMAT_RGB, pixels);
  g_autoptr (GBytes) bmp = sk_picture_png_to_bmp (png);
  g_assert_nonnull (bmp);
  g_autoptr (GBytes) content = at_the_host (bmp);
  g_assert_nonnull (content);
  g_assert_true (g_bytes_equal (content, bmp));
  g_autoptr (GBytes) again = sk_picture_bmp_to_png (bmp);
  g_assert_nonnull (again);
  read_png (again, back, sizeof back);
  g_assert_cmpmem (back, sizeof back, pixels, sizeof pixels);
}

/* The first row of a picture is the last one of the file; blue comes first; rows end at four bytes. */
static void
test_bmp (void)
{
  static const guint8 pixels[] = { 1, 2, 3, 11, 12, 13 };
  static const guint8 rows[] = { 13, 12, 11, 0, 3, 2, 1, 0 };
  g_autoptr (GBytes) png = png_new (1, 2, PNG_FORMAT_RGB, pixels);
  g_autoptr (GBytes) bmp = sk_picture_png_to_bmp (png);
  gsize length;
  const guint8 *data = g_bytes_get_data (bmp, &length);
  g_assert_cmpmem (data + 54, length - 54, rows, sizeof rows);
}

static void
test_transparent (void)
{
  static const guint8 pixels[] = { 9, 8, 7, 0, 9, 8, 7, 0xff };
  static const guint8 row[] = { 0xff, 0xff, 0xff, 7, 8, 9, 0, 0 };
  g_autoptr (GBytes) png = png_new (2, 1, PNG_FORMAT_RGBA, pixels);
  g_autoptr (GBytes) bmp = sk_picture_png_to_bmp (png);
  gsize length;
  const guint8 *data = g_bytes_get_data (bmp, &length);
  g_assert_cmpmem (data + 54, length - 54, row, sizeof row);
}

/* Whatever is cut off or wrong: a picture or none, and none for less than the whole. */
static void
test_lies (void)
{
  guint8 pixels[HEIGHT * WIDTH * 3];
  gradient (pixels);
  g_autoptr (GBytes) png = png_new (WIDTH, HEIGHT, PNG_FORMAT_RGB, pixels);
  g_autoptr (GBytes) bmp = sk_picture_png_to_bmp (png);
  /* A PNG's last chunk says nothing. */
  for (gsize n = 0; n < g_bytes_get_size (png) - 16; n++)
    {
      g_autoptr (GBytes) part = g_bytes_new_from_bytes (png, 0, n);
      g_assert_null (sk_picture_png_to_bmp (part));
    }
  for (gsize n = 0; n < g_bytes_get_size (bmp); n++)
    {
      g_autoptr (GBytes) part = g_bytes_new_from_bytes (bmp, 0, n);
      g_assert_null (sk_picture_bmp_to_png (part));
    }
  g_assert_null (sk_picture_png_to_bmp (bmp));
  g_assert_null (sk_picture_bmp_to_png (png));
}

/* A long row of one colour is a PNG of a few bytes. */
static void
test_too_large (void)
{
  const guint sides[][2] = { { SK_CLIP_SIDE_MAX + 1, 1 }, { 1, SK_CLIP_SIDE_MAX + 1 }, { 4096, 2049 } };
  g_autofree guint8 *pixels = g_malloc0 (4096 * 2049);
  for (gsize i = 0; i < G_N_ELEMENTS (sides); i++)
    {
      g_autoptr (GBytes) png = png_new (sides[i][0], sides[i][1], PNG_FORMAT_GRAY, pixels);
      g_assert_null (sk_picture_png_to_bmp (png));
    }
  g_autoptr (GBytes) most = png_new (4096, 2048, PNG_FORMAT_GRAY, pixels);
  g_autoptr (GBytes) bmp = sk_picture_png_to_bmp (most);
  g_assert_nonnull (bmp);
  g_autoptr (GBytes) content = at_the_host (bmp);
  g_assert_nonnull (content);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/guest-clip/alone", test_alone);
  g_test_add_func ("/guest-clip/round", test_round);
  g_test_add_func ("/guest-clip/bmp", test_bmp);
  g_test_add_func ("/guest-clip/transparent", test_transparent);
  g_test_add_func ("/guest-clip/lies", test_lies);
  g_test_add_func ("/guest-clip/too-large", test_too_large);
  return g_test_run ();
}
