/* PNG: decoded to 8 bits a channel, encoded anew with IHDR, PLTE, tRNS, IDAT and IEND alone. */
#include "inspect/image.h"
#include <png.h>
#include <string.h>

/* Chunks that libpng keeps in memory while it looks for pixels; it gets none that it needs more of. */
#define CHUNK_CACHE_MAX 64
#define CHUNK_BYTES_MAX (8u << 20)
/* What is looked at on a screen is small: as well as zlib usually does. Of a scan or a photograph level 6 is
 * three times slower and a tenth smaller. */
#define PIXELS_SMALL 2000000
#define LEVEL_SMALL 6
#define LEVEL_LARGE 3
/* Of one byte or less a pixel: there is little to look through. */
#define LEVEL_PALETTE 6

typedef struct
{
  SkRebuild *r;
  const guint8 *data;
  gsize length, at;
  SkImage image;
} Job;

/* -- what else was in it ----------------------------------------------------------------------------------
 */

static gboolean
is_chunk (const guint8 *chunk, const char *names)
{
  for (const char *name = names; *name; name += 4)
    if (memcmp (chunk + 4, name, 4) == 0)
      return TRUE;
  return FALSE;
}

static void
report_chunk (Job *job, const guint8 *chunk, gsize length)
{
  char name[5] = { 0 };
  gboolean location = FALSE;
  memcpy (name, chunk + 4, 4);
  if (is_chunk (chunk, "IHDRPLTEIDATIENDtRNSgAMAcHRMsRGBbKGDpHYssBIT"))
    return;
  if (is_chunk (chunk, "eXIf"))
    sk_exif_orientation (chunk + 8, length, &location);
  if (location)
    sk_rebuild_found (job->r, SK_FOUND_LOCATION, 1, NULL);
  gboolean plain = TRUE;
  for (guint i = 0; i < 4; i++)
    plain = plain && g_ascii_isalpha (name[i]);
  if (is_chunk (chunk, "acTL"))
    sk_rebuild_found (job->r, SK_FOUND_ANIMATION, 1, NULL);
  else if (!is_chunk (chunk, "fcTLfdAT"))
    sk_rebuild_found (job->r, SK_FOUND_METADATA, 1, plain ? name : NULL);
}

static void
report_chunks (Job *job)
{
  for (gsize at = 8; at + 12 <= job->length;)
    {
      const guint8 *chunk = job->data + at;
      const gsize length = (gsize) chunk[0] << 24 | (gsize) chunk[1] << 16 | (gsize) chunk[2] << 8 | chunk[3];
      if (length > job->length - at - 12)
        return;
      report_chunk (job, chunk, length);
      at += length + 12;
      if (!is_chunk (chunk, "IEND"))
        continue;
      if (at < job->length)
        sk_rebuild_found (job->r, SK_FOUND_TRAILING, 1, NULL);
      return;
    }
}

/* -- libpng's side; errors come back by longjmp -----------------------------------------------------------
 */

static G_NORETURN void
on_error (png_structp png, png_const_charp message)
{
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
}

static void
on_read (png_structp png, png_bytep into, size_t n)
{
  Job *job = png_get_io_ptr (png);
  if (n > job->length - job->at)
    png_error (png, "it ends early");
  memcpy (into, job->data + job->at, n);
  job->at += n;
}

static void
on_write (png_structp png, png_bytep bytes, size_t n)
{
  if (!sk_rebuild_write (png_get_io_ptr (png), bytes, n))
    png_error (png, "it cannot be written");
}

static void
on_flush (png_structp png)
{
}

static void
set_limits (png_structp png)
{
  png_set_user_limits (png, SK_IMAGE_SIDE_MAX, SK_IMAGE_SIDE_MAX);
  png_set_chunk_cache_max (png, CHUNK_CACHE_MAX);
  png_set_chunk_malloc_max (png, CHUNK_BYTES_MAX);
  /* What is not needed for pixels is not even parsed. */
  static const png_byte ignored[]
      = "iCCP\0tEXt\0zTXt\0iTXt\0eXIf\0sPLT\0hIST\0tIME\0pCAL\0sCAL\0oFFs\0bKGD\0pHYs\0"
        "sBIT\0cHRM\0gAMA\0sRGB";
  png_set_keep_unknown_chunks (png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks (png, PNG_HANDLE_CHUNK_NEVER, ignored, (int) (sizeof ignored / 5));
}

static gboolean
read_pixels (png_structp png, png_infop info, Job *job)
{
  set_limits (png);
  png_set_read_fn (png, job, on_read);
  png_read_info (png, info);
  if (!sk_image_check (job->r, png_get_image_width (png, info), png_get_image_height (png, info)))
    return FALSE;
  if (png_get_bit_depth (png, info) == 16)
    sk_rebuild_found (job->r, SK_FOUND_DEPTH, 1, NULL);
  png_set_expand (png);
  png_set_scale_16 (png);
  if ((png_get_color_type (png, info) & PNG_COLOR_MASK_ALPHA) || png_get_valid (png, info, PNG_INFO_tRNS))
    png_set_gray_to_rgb (png);
  const int passes = png_set_interlace_handling (png);
  png_read_update_info (png, info);
  if (!sk_image_init (&job->image, job->r, png_get_image_width (png, info), png_get_image_height (png, info),
                      png_get_channels (png, info)))
    return FALSE;
  if (png_get_rowbytes (png, info) != job->image.stride)
    return sk_rebuild_refuse (job->r, SK_REASON_IMAGE_VARIANT);
  for (int pass = 0; pass < passes; pass++)
    for (guint y = 0; y < job->image.height; y++)
      png_read_row (png, job->image.pixels + y * job->image.stride, NULL);
  png_read_end (png, NULL);
  return TRUE;
}

static gboolean
decode (Job *job)
{
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
  png_infop info = png ? png_create_info_struct (png) : NULL;
  gboolean ok = FALSE;
  if (info && setjmp (png_jmpbuf (png)) == 0)
    ok = read_pixels (png, info, job);
  else
    sk_rebuild_refuse (job->r, SK_REASON_IMAGE_DAMAGED);
  png_destroy_read_struct (&png, &info, NULL);
  /* not from the variable: longjmp may have left it stale */
  return ok && job->r->reason == SK_REASON_NONE;
}

static void
set_head (png_structp png, png_infop info, const SkImage *image, int depth, int type)
{
  png_set_IHDR (png, info, image->width, image->height, depth, type, PNG_INTERLACE_NONE,
                PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
}

static void
write_pixels (png_structp png, png_infop info, const SkImage *image)
{
  const int type = image->channels == 1   ? PNG_COLOR_TYPE_GRAY
                   : image->channels == 3 ? PNG_COLOR_TYPE_RGB
                                          : PNG_COLOR_TYPE_RGBA;
  png_set_compression_level (png, (guint64) image->width * image->height <= PIXELS_SMALL ? LEVEL_SMALL
                                                                                         : LEVEL_LARGE);
  set_head (png, info, image, 8, type);
  png_write_info (png, info);
  for (guint y = 0; y < image->height; y++)
    png_write_row (png, image->pixels + y * image->stride);
}

static void
set_palette (png_structp png, png_infop info, const SkPalette *palette)
{
  png_color colours[SK_PALETTE_MAX] = { 0 };
  png_byte alphas[SK_PALETTE_MAX] = { 0 };
  int clear = 0;
  for (guint i = 0; i < palette->n; i++)
    {
      const guint8 *c = palette->colours[i];
      colours[i] = (png_color){ c[0], c[1], c[2] };
      alphas[i] = c[3];
      if (c[3] != 255)
        clear = (int) i + 1;
    }
  png_set_PLTE (png, info, colours, (int) palette->n);
  if (clear > 0)
    png_set_tRNS (png, info, alphas, clear, NULL);
}

/* Drawings and pictures of a screen: a third of the size. */
static void
write_indices (png_structp png, png_infop info, const SkImage *image, const SkPalette *palette)
{
  const gboolean grey = image->channels == 1;
  png_set_compression_level (png, LEVEL_PALETTE);
  png_set_filter (png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
  set_head (png, info, image,
            palette->n <= 2    ? 1
            : palette->n <= 4  ? 2
            : palette->n <= 16 ? 4
                               : 8,
            grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_PALETTE);
  if (!grey)
    set_palette (png, info, palette);
  png_write_info (png, info);
  png_set_packing (png);
  for (guint y = 0; y < image->height; y++)
    png_write_row (png, palette->indices + (gsize) y * image->width);
}

static gboolean
encode (SkRebuild *r, const SkImage *image, const SkPalette *palette)
{
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
  png_infop info = png ? png_create_info_struct (png) : NULL;
  if (info && setjmp (png_jmpbuf (png)) == 0)
    {
      png_set_user_limits (png, SK_IMAGE_SIDE_MAX, SK_IMAGE_SIDE_MAX);
      png_set_write_fn (png, r, on_write, on_flush);
      if (palette)
        write_indices (png, info, image, palette);
      else
        write_pixels (png, info, image);
      png_write_end (png, NULL);
    }
  else
    sk_rebuild_refuse (r, SK_REASON_IMAGE_LARGE);
  png_destroy_write_struct (&png, &info);
  return r->reason == SK_REASON_NONE;
}

/* Bits that all of its greys can be said in: 1, 2, 4 or 8. */
static int
grey_depth (const SkImage *image)
{
  int depth = 1;
  for (gsize i = 0; i < image->stride * image->height && depth < 8; i++)
    while (image->pixels[i] % (255 / ((1 << depth) - 1)) != 0)
      depth *= 2;
  return depth;
}

/* A scan in black and white is eight times as small; it stays grey, for who looks at channels. */
static gboolean
encode_grey (SkRebuild *r, const SkImage *image)
{
  const int depth = grey_depth (image);
  SkPalette greys = { .n = 1u << depth };
  if (depth == 8)
    return encode (r, image, NULL);
  greys.indices = g_try_malloc (image->stride * image->height);
  if (!greys.indices)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_LARGE);
  for (gsize i = 0; i < image->stride * image->height; i++)
    greys.indices[i] = (guint8) (image->pixels[i] / (255 / ((1 << depth) - 1)));
  const gboolean ok = encode (r, image, &greys);
  sk_palette_clear (&greys);
  return ok;
}

gboolean
sk_png_encode (SkRebuild *r, const SkImage *image)
{
  SkPalette palette;
  if (image->channels == 1)
    return encode_grey (r, image);
  const gboolean few = sk_image_palette (image, &palette);
  const gboolean ok = encode (r, image, few ? &palette : NULL);
  sk_palette_clear (&palette);
  return ok;
}

gboolean
sk_png_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  Job job = { .r = r, .data = untrusted, .length = length };
  const gboolean ok = decode (&job);
  *ret = job.image;
  return ok;
}

gboolean
sk_png_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  Job job = { .r = r, .data = untrusted, .length = length };
  report_chunks (&job);
  gboolean ok = decode (&job);
  const guint hidden = ok ? sk_image_clear_hidden (&job.image) : 0;
  if (hidden > 0)
    sk_rebuild_found (r, SK_FOUND_HIDDEN_PIXELS, hidden, NULL);
  ok = ok && sk_png_encode (r, &job.image);
  sk_image_clear (&job.image);
  return ok;
}
