/* Pixels between a decoder and an encoder: all that a picture is on its way. */
#pragma once
#include "inspect/rebuild.h"

/* A sheet of A3 scanned at 600 dpi has 70 million; four bytes of each fit in the worker's memory. */
#define SK_IMAGE_PIXELS_MAX 80000000u
/* JPEG's own end is 65535; what is longer than this is made to break something. */
#define SK_IMAGE_SIDE_MAX 32767u

typedef struct
{
  guint width, height, channels; /* channels: 1 grey, 3 RGB, 4 RGB and alpha */
  gsize stride;
  guint8 *pixels;
} SkImage;

/* FALSE with the refusal, before anything is allocated. */
gboolean sk_image_check (SkRebuild *r, guint64 width, guint64 height) G_GNUC_WARN_UNUSED_RESULT;
/* Checks, then allocates zeros. */
gboolean sk_image_init (SkImage *image, SkRebuild *r, guint64 width, guint64 height,
                        guint channels) G_GNUC_WARN_UNUSED_RESULT;
void sk_image_clear (SkImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkImage, sk_image_clear)

/* By the formats: pixels out, for who wants no more than those; the picture is to be cleared in either case.
 */
gboolean
sk_png_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret) G_GNUC_WARN_UNUSED_RESULT;
gboolean
sk_jpeg_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret) G_GNUC_WARN_UNUSED_RESULT;
gboolean
sk_bmp_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret) G_GNUC_WARN_UNUSED_RESULT;
gboolean
sk_gif_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret) G_GNUC_WARN_UNUSED_RESULT;
/* Sets result_type to what keeps it best. */
gboolean
sk_webp_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret) G_GNUC_WARN_UNUSED_RESULT;
/* Its first page. */
gboolean
sk_tiff_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_png_encode (SkRebuild *r, const SkImage *image) G_GNUC_WARN_UNUSED_RESULT;
/* Grey or RGB. */
gboolean sk_jpeg_encode (SkRebuild *r, const SkImage *image) G_GNUC_WARN_UNUSED_RESULT;

/* The sizes and one row (width * channels bytes) of the picture as EXIF's orientation 1 to 8 has it seen. */
guint sk_image_width (const SkImage *image, guint orientation);
guint sk_image_height (const SkImage *image, guint orientation);
void sk_image_row (const SkImage *image, guint orientation, guint y, guint8 *ret_row);

/* At most so many in a PNG. */
#define SK_PALETTE_MAX 256
typedef struct
{
  guint n;
  guint8 colours[SK_PALETTE_MAX][4]; /* red, green, blue, alpha, in the order they are seen */
  guint8 *indices;                   /* one of each pixel */
} SkPalette;
/* RGB, with alpha or without. FALSE: it has more colours. Clear it in either case. */
gboolean sk_image_palette (const SkImage *image, SkPalette *ret);
void sk_palette_clear (SkPalette *palette);

/* The colours under pixels that nobody can see become black; how many had one. */
guint sk_image_clear_hidden (SkImage *image);

/* From the body of a JPEG's APP1 or a PNG's eXIf (TIFF header first): orientation, 1 when there is none or it
 * is not to be understood; whether it says where the picture was taken. */
guint sk_exif_orientation (const guint8 *untrusted_tiff, gsize length, gboolean *ret_location);
