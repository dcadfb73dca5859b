/* BMP, as the clipboards of Windows have it: taken apart by ourselves, written anew with 24 bits a pixel. */
#include "inspect/image.h"
#include <string.h>

#define FILE_HEADER 14
#define OUT_HEADER (FILE_HEADER + 40)
enum
{
  BI_RGB = 0,
  BI_BITFIELDS = 3,
  BI_ALPHABITFIELDS = 6,
};

typedef struct
{
  guint64 width, height;
  gboolean top_down;
  guint bits, compression, colours;
  gsize pixels, row; /* where they start; bytes of a row */
  guint palette[256];
  guint32 masks[3];
} Head;

static guint32
u32 (const guint8 *p)
{
  return (guint32) p[0] | (guint32) p[1] << 8 | (guint32) p[2] << 16 | (guint32) p[3] << 24;
}

static guint
u16 (const guint8 *p)
{
  return (guint) p[0] | (guint) p[1] << 8;
}

/* Width, height and form from any of the headers that programs write. */
static gboolean
read_sizes (Head *h, const guint8 *info, gsize size)
{
  if (size == 12)
    {
      h->width = u16 (info + 4);
      h->height = u16 (info + 6);
      h->bits = u16 (info + 10);
      return TRUE;
    }
  const gint32 width = (gint32) u32 (info + 4), height = (gint32) u32 (info + 8);
  h->width = width > 0 ? (guint64) width : 0;
  h->top_down = height < 0;
  h->height = (guint64) ABS ((gint64) height);
  h->bits = u16 (info + 14);
  h->compression = u32 (info + 16);
  h->colours = u32 (info + 32);
  return TRUE;
}

static gboolean
is_readable (const Head *h)
{
  if (h->compression == BI_RGB)
    return h->bits == 1 || h->bits == 4 || h->bits == 8 || h->bits == 16 || h->bits == 24 || h->bits == 32;
  return (h->compression == BI_BITFIELDS || h->compression == BI_ALPHABITFIELDS)
         && (h->bits == 16 || h->bits == 32);
}

/* Colours that the file does not have are black. */
static void
read_palette (Head *h, const guint8 *data, gsize length, gsize at, gsize entry)
{
  const guint most = 1u << h->bits;
  const guint n = h->colours == 0 || h->colours > most ? most : h->colours;
  for (guint i = 0; i < n && at + (i + 1) * entry <= length; i++)
    {
      const guint8 *p = data + at + i * entry;
      h->palette[i] = (guint) p[2] << 16 | (guint) p[1] << 8 | p[0];
    }
}

static gboolean
read_masks (Head *h, const guint8 *data, gsize length, gsize at)
{
  static const guint32 masks_16[] = { 0x7c00, 0x03e0, 0x001f }, masks_32[] = { 0xff0000, 0xff00, 0xff };
  memcpy (h->masks, h->bits == 16 ? masks_16 : masks_32, sizeof h->masks);
  if (h->compression == BI_RGB)
    return TRUE;
  if (at + 12 > length)
    return FALSE;
  for (guint i = 0; i < 3; i++)
    h->masks[i] = u32 (data + at + 4 * i);
  return TRUE;
}

static gboolean
read_head (SkRebuild *r, Head *h, const guint8 *data, gsize length)
{
  const gsize size = length >= FILE_HEADER + 4 ? u32 (data + FILE_HEADER) : 0;
  if ((size != 12 && size < 40) || size > 124 || FILE_HEADER + size > length)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  read_sizes (h, data + FILE_HEADER, size);
  if (!sk_image_check (r, h->width, h->height))
    return FALSE;
  if (!is_readable (h))
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_VARIANT);
  h->pixels = u32 (data + 10);
  h->row = (gsize) (h->width * h->bits + 31) / 32 * 4;
  if (h->pixels < FILE_HEADER + size || h->pixels > length || h->row * h->height > length - h->pixels)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  if (h->bits <= 8)
    read_palette (h, data, h->pixels, FILE_HEADER + size, size == 12 ? 3 : 4);
  /* behind a header of 40 bytes, inside of longer ones: the same place */
  else if (!read_masks (h, data, h->pixels, FILE_HEADER + 40))
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  return TRUE;
}

static guint8
channel (guint32 value, guint32 mask)
{
  if (mask == 0)
    return 0;
  const guint shift = (guint) __builtin_ctz (mask);
  return (guint8) ((guint64) ((value & mask) >> shift) * 255 / (mask >> shift));
}

/* 0xRRGGBB */
static guint
pixel (const Head *h, const guint8 *row, gsize x)
{
  if (h->bits <= 8)
    {
      const gsize bit = x * h->bits;
      return h->palette[(row[bit / 8] >> (8 - h->bits - bit % 8)) & ((1u << h->bits) - 1)];
    }
  if (h->bits == 24)
    return (guint) row[3 * x + 2] << 16 | (guint) row[3 * x + 1] << 8 | row[3 * x];
  const guint32 value = h->bits == 16 ? u16 (row + 2 * x) : u32 (row + 4 * x);
  return (guint) channel (value, h->masks[0]) << 16 | (guint) channel (value, h->masks[1]) << 8
         | channel (value, h->masks[2]);
}

static void
put (guint8 *at, guint bytes, guint64 value)
{
  for (guint i = 0; i < bytes; i++, value >>= 8)
    at[i] = (guint8) value;
}

static gboolean
write_head (SkRebuild *r, const Head *h, gsize row)
{
  guint8 head[OUT_HEADER] = "BM";
  put (head + 2, 4, OUT_HEADER + row * h->height);
  put (head + 10, 4, OUT_HEADER);
  put (head + 14, 4, 40);
  put (head + 18, 4, h->width);
  put (head + 22, 4, h->height);
  put (head + 26, 2, 1);
  put (head + 28, 2, 24);
  put (head + 34, 4, row * h->height);
  return sk_rebuild_write (r, head, sizeof head);
}

gboolean
sk_bmp_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  Head h = { 0 };
  *ret = (SkImage){ 0 };
  if (!read_head (r, &h, untrusted, length) || !sk_image_init (ret, r, h.width, h.height, 3))
    return FALSE;
  for (gsize y = 0; y < h.height; y++)
    {
      const guint8 *row = untrusted + h.pixels + h.row * (h.top_down ? y : h.height - 1 - y);
      guint8 *to = ret->pixels + y * ret->stride;
      for (gsize x = 0; x < h.width; x++, to += 3)
        {
          const guint rgb = pixel (&h, row, x);
          to[0] = (guint8) (rgb >> 16);
          to[1] = (guint8) (rgb >> 8);
          to[2] = (guint8) rgb;
        }
    }
  return TRUE;
}

gboolean
sk_bmp_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  Head h = { 0 };
  if (!read_head (r, &h, untrusted, length))
    return FALSE;
  const gsize end = h.pixels + h.row * h.height, row_out = (h.width * 3 + 3) / 4 * 4;
  if (end < length)
    sk_rebuild_found (r, SK_FOUND_TRAILING, 1, NULL);
  g_autofree guint8 *out = g_malloc0 (row_out);
  gboolean ok = write_head (r, &h, row_out);
  for (gsize y = 0; y < h.height && ok; y++)
    {
      const guint8 *row = untrusted + h.pixels + h.row * (h.top_down ? h.height - 1 - y : y);
      for (gsize x = 0; x < h.width; x++)
        put (out + 3 * x, 3, pixel (&h, row, x));
      ok = sk_rebuild_write (r, out, row_out);
    }
  return ok;
}
