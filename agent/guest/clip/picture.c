#include "picture.h"
#include "wire/buf.h"
#include "wire/clip-content.h"
#include <png.h>
#include <string.h>

/* BITMAPFILEHEADER and BITMAPINFOHEADER */
#define FILE_HEADER 14
#define INFO_HEADER 40
#define HEADERS (FILE_HEADER + INFO_HEADER)
#define BMP_WIDTH 18
#define DEPTH 24

SkPictureForm
sk_picture_alone (const char *const *offered, gsize n)
{
  /* What xrdp takes before a picture, as text or as a list of files. */
  static const char *const rather[] = { "UTF8_STRING", "STRING",        "TEXT",
                                        "text/plain",  "text/uri-list", "x-special/gnome-copied-files",
                                        NULL };
  gboolean png = FALSE, bmp = FALSE;
  for (gsize i = 0; i < n; i++)
    {
      if (g_strv_contains (rather, offered[i]) || g_str_has_prefix (offered[i], "text/plain;"))
        return SK_PICTURE_NONE;
      png |= g_str_equal (offered[i], "image/png");
      bmp |= g_str_equal (offered[i], "image/bmp");
    }
  return png == bmp ? SK_PICTURE_NONE : png ? SK_PICTURE_PNG : SK_PICTURE_BMP;
}

static gsize
row_bytes (guint width)
{
  return ((gsize) width * DEPTH / 8 + 3) / 4 * 4;
}

static gboolean
fits (const png_image *image)
{
  return image->width > 0 && image->height > 0 && image->width <= SK_CLIP_SIDE_MAX
         && image->height <= SK_CLIP_SIDE_MAX
         && (guint64) image->width * image->height * 4 <= SK_CLIP_PICTURE_MAX;
}

static GByteArray *
bmp_new (guint width, guint height)
{
  const gsize pixels = row_bytes (width) * height;
  GByteArray *bmp = g_byte_array_sized_new ((guint) (HEADERS + pixels));
  g_byte_array_append (bmp, (const guint8 *) "BM", 2);
  sk_write_u32 (bmp, (guint32) (HEADERS + pixels));
  sk_write_u32 (bmp, 0);
  sk_write_u32 (bmp, HEADERS);
  sk_write_u32 (bmp, INFO_HEADER);
  sk_write_u32 (bmp, width);
  sk_write_u32 (bmp, height);
  sk_write_u16 (bmp, 1); /* planes */
  sk_write_u16 (bmp, DEPTH);
  sk_write_u32 (bmp, 0); /* not compressed */
  sk_write_u32 (bmp, (guint32) pixels);
  for (guint i = 0; i < 4; i++)
    sk_write_u32 (bmp, 0); /* resolution, colours */
  g_byte_array_set_size (bmp, (guint) (HEADERS + pixels));
  memset (bmp->data + HEADERS, 0, pixels); /* the rows' ends too */
  return bmp;
}

GBytes *
sk_picture_png_to_bmp (GBytes *untrusted)
{
  static const png_color white = { 0xff, 0xff, 0xff };
  png_image image = { .version = PNG_IMAGE_VERSION };
  gsize length;
  const void *data = g_bytes_get_data (untrusted, &length);
  if (!png_image_begin_read_from_memory (&image, data, length))
    return NULL;
  if (!fits (&image))
    {
      png_image_free (&image);
      return NULL;
    }
  g_autoptr (GByteArray) bmp = bmp_new (image.width, image.height);
  image.format = PNG_FORMAT_BGR;
  /* A negative step: the last row comes first. */
  if (!png_image_finish_read (&image, &white, bmp->data + HEADERS, -(png_int_32) row_bytes (image.width),
                              NULL))
    return NULL;
  return g_byte_array_free_to_bytes (g_steal_pointer (&bmp));
}

GBytes *
sk_picture_bmp_to_png (GBytes *untrusted)
{
  g_autoptr (GBytes) plain = sk_clip_to_wire (SK_CLIP_PICTURE, untrusted, FALSE);
  png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_BGR, .flags = PNG_IMAGE_FLAG_FAST };
  if (!plain)
    return NULL;
  const guint8 *bmp = g_bytes_get_data (untrusted, NULL);
  SkReader r = sk_reader (bmp + BMP_WIDTH, 8);
  image.width = sk_reader_u32 (&r);
  image.height = sk_reader_u32 (&r);
  gsize length = PNG_IMAGE_PNG_SIZE_MAX (image);
  g_autofree guint8 *png = g_malloc (length);
  if (!png_image_write_to_memory (&image, png, &length, 0, bmp + HEADERS,
                                  -(png_int_32) row_bytes (image.width), NULL))
    return NULL;
  return g_bytes_new_take (g_realloc (g_steal_pointer (&png), length), length);
}
