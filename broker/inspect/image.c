#include "inspect/image.h"
#include <string.h>

gboolean
sk_image_check (SkRebuild *r, guint64 width, guint64 height)
{
  if (width == 0 || height == 0)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  if (width > SK_IMAGE_SIDE_MAX || height > SK_IMAGE_SIDE_MAX || width * height > SK_IMAGE_PIXELS_MAX)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_LARGE);
  return TRUE;
}

gboolean
sk_image_init (SkImage *image, SkRebuild *r, guint64 width, guint64 height, guint channels)
{
  if (!sk_image_check (r, width, height))
    return FALSE;
  *image = (SkImage){ .width = (guint) width, .height = (guint) height, .channels = channels };
  image->stride = (gsize) width * channels;
  image->pixels = g_try_malloc0 (image->stride * image->height);
  return image->pixels || sk_rebuild_refuse (r, SK_REASON_IMAGE_LARGE);
}

void
sk_image_clear (SkImage *image)
{
  g_clear_pointer (&image->pixels, g_free);
}

guint
sk_image_width (const SkImage *image, guint orientation)
{
  return orientation >= 5 ? image->height : image->width;
}

guint
sk_image_height (const SkImage *image, guint orientation)
{
  return orientation >= 5 ? image->width : image->height;
}

void
sk_image_row (const SkImage *image, guint orientation, guint y, guint8 *ret_row)
{
  const guint width = sk_image_width (image, orientation), last_x = image->width - 1,
              last_y = image->height - 1, n = image->channels;
  const gboolean turned = orientation >= 5;
  /* which ends of the stored picture this one's first row and column come from */
  const gboolean right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const gboolean bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (guint x = 0; x < width; x++)
    {
      guint sx = turned ? y : x, sy = turned ? x : y;
      sx = right ? last_x - sx : sx;
      sy = bottom ? last_y - sy : sy;
      memcpy (ret_row + (gsize) x * n, image->pixels + sy * image->stride + (gsize) sx * n, n);
    }
}

guint
sk_image_clear_hidden (SkImage *image)
{
  guint n = 0;
  if (image->channels != 4)
    return 0;
  for (gsize i = 0; i < image->stride * image->height; i += 4)
    {
      guint8 *p = image->pixels + i;
      if (p[3] != 0 || (p[0] | p[1] | p[2]) == 0)
        continue;
      memset (p, 0, 3);
      n++;
    }
  return n;
}

/* -- palettes -----------------------------------------------------------------------------------------------
 */

/* Twice over, so that a look finds its colour or a free place soon. */
#define SLOTS 1024

typedef struct
{
  SkPalette *palette;
  gint16 slots[SLOTS]; /* index, or -1 */
} Colours;

static int
index_of (Colours *c, const guint8 colour[4])
{
  SkPalette *p = c->palette;
  guint32 packed;
  memcpy (&packed, colour, sizeof packed);
  for (guint slot = (packed * 2654435761u) >> 22;; slot = (slot + 1) % SLOTS)
    {
      if (c->slots[slot] >= 0 && memcmp (p->colours[c->slots[slot]], colour, 4) == 0)
        return c->slots[slot];
      if (c->slots[slot] >= 0)
        continue;
      if (p->n == SK_PALETTE_MAX)
        return -1;
      memcpy (p->colours[p->n], colour, 4);
      c->slots[slot] = (gint16) p->n;
      return (int) p->n++;
    }
}

gboolean
sk_image_palette (const SkImage *image, SkPalette *ret)
{
  const guint n = image->channels;
  const gsize pixels = (gsize) image->width * image->height;
  Colours colours = { .palette = ret };
  memset (colours.slots, 0xff, sizeof colours.slots);
  *ret = (SkPalette){ .indices = g_try_malloc (pixels) };
  if (!ret->indices)
    return FALSE;
  for (gsize i = 0; i < pixels; i++)
    {
      const guint8 *p = image->pixels + i * n;
      const guint8 colour[4] = { p[0], p[1], p[2], n == 4 ? p[3] : 255 };
      const int index = index_of (&colours, colour);
      if (index < 0)
        return FALSE;
      ret->indices[i] = (guint8) index;
    }
  return TRUE;
}

void
sk_palette_clear (SkPalette *palette)
{
  g_clear_pointer (&palette->indices, g_free);
}

/* -- EXIF -------------------------------------------------------------------------------------------------
 */

#define TAG_ORIENTATION 0x0112
#define TAG_GPS 0x8825
#define TYPE_SHORT 3

static guint32
number (const guint8 *at, guint bytes, gboolean big)
{
  guint32 value = 0;
  for (guint i = 0; i < bytes; i++)
    value = value << 8 | at[big ? i : bytes - 1 - i];
  return value;
}

guint
sk_exif_orientation (const guint8 *untrusted_tiff, gsize length, gboolean *ret_location)
{
  const guint8 *d = untrusted_tiff;
  guint orientation = 1;
  *ret_location = FALSE;
  if (length < 8 || (memcmp (d, "II*\0", 4) != 0 && memcmp (d, "MM\0*", 4) != 0))
    return 1;
  const gboolean big = d[0] == 'M';
  const gsize ifd = number (d + 4, 4, big);
  if (ifd > length - 2 || length < 10)
    return 1;
  const gsize entries = number (d + ifd, 2, big);
  for (gsize i = 0; i < entries && ifd + 2 + (i + 1) * 12 <= length; i++)
    {
      const guint8 *entry = d + ifd + 2 + i * 12;
      const guint32 tag = number (entry, 2, big);
      if (tag == TAG_GPS)
        *ret_location = TRUE;
      if (tag == TAG_ORIENTATION && number (entry + 2, 2, big) == TYPE_SHORT)
        orientation = number (entry + 8, 2, big);
    }
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
