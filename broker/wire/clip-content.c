#include "wire/clip-content.h"
#include "wire/buf.h"
#include <string.h>

/* BITMAPFILEHEADER, BITMAPINFOHEADER, the longest header there is (BITMAPV5HEADER) */
#define FILE_HEADER 14
#define INFO_HEADER 40
#define INFO_HEADER_MAX 124
#define CORE_HEADER 12
#define COLOURS_MAX 256
#define MASKS 12
#define MASKS_WITH_ALPHA 16

enum
{
  BI_RGB = 0,
  BI_BITFIELDS = 3,
  BI_ALPHABITFIELDS = 6,
};

gsize
sk_clip_content_max (SkClipKind kind)
{
  return kind == SK_CLIP_TEXT ? SK_CLIP_TEXT_MAX
                              : SK_CLIP_PICTURE_MAX + FILE_HEADER + INFO_HEADER_MAX + COLOURS_MAX * 4;
}

gsize
sk_clip_wire_max (SkClipKind kind)
{
  return kind == SK_CLIP_TEXT ? 4 * (gsize) SK_CLIP_TEXT_MAX + 2 : sk_clip_content_max (kind) - FILE_HEADER;
}

/* ---- texts ---- */

static guint
unit (const guint8 *p)
{
  return (guint) p[0] | (guint) p[1] << 8;
}

/* One character, its units counted in *at; G_MAXUINT32 for half of one. */
static gunichar
read_character (const guint8 *text, gsize units, gsize *at)
{
  const gunichar high = unit (text + 2 * (*at)++);
  if (high < 0xd800 || high > 0xdfff)
    return high;
  const gunichar low = high <= 0xdbff && *at < units ? unit (text + 2 * *at) : 0;
  if (low < 0xdc00 || low > 0xdfff)
    return G_MAXUINT32;
  (*at)++;
  return 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
}

static GBytes *
text_from_wire (const guint8 *wire, gsize length)
{
  const gsize units = length / 2;
  if (length % 2 != 0)
    return NULL;
  g_autoptr (GString) text = g_string_sized_new (MIN (units, SK_CLIP_TEXT_MAX) + 1);
  for (gsize at = 0; at < units;)
    {
      gunichar c = read_character (wire, units, &at);
      if (c == 0)
        break;
      if (c == G_MAXUINT32)
        return NULL;
      if (c == '\r')
        {
          c = '\n';
          at += at < units && unit (wire + 2 * at) == '\n';
        }
      g_string_append_unichar (text, c);
      if (text->len > SK_CLIP_TEXT_MAX)
        return NULL;
    }
  return text->len > 0 ? g_string_free_to_bytes (g_steal_pointer (&text)) : NULL;
}

static GBytes *
text_to_wire (const char *text, gsize length, gboolean crlf)
{
  if (length == 0 || length > SK_CLIP_TEXT_MAX || !g_utf8_validate_len (text, length, NULL)
      || memchr (text, '\0', length))
    return NULL;
  GByteArray *out = g_byte_array_sized_new ((guint) (2 * length + 2));
  for (const char *p = text; p < text + length; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);
      if (c == '\n' && crlf)
        sk_write_u16 (out, '\r');
      if (c < 0x10000)
        sk_write_u16 (out, (guint16) c);
      else
        {
          sk_write_u16 (out, (guint16) (0xd800 + ((c - 0x10000) >> 10)));
          sk_write_u16 (out, (guint16) (0xdc00 + ((c - 0x10000) & 0x3ff)));
        }
    }
  sk_write_u16 (out, 0);
  return g_byte_array_free_to_bytes (out);
}

/* ---- pictures ---- */

typedef struct
{
  guint width, height, bits, compression, colours;
  gboolean top_down;
  gsize header, pixels, row; /* bytes: of the header, before the pixels, of one row */
  guint32 masks[3];
} Dib;

static gboolean
read_sizes (SkReader *r, Dib *d)
{
  if (d->header == CORE_HEADER)
    {
      d->width = sk_reader_u16 (r);
      d->height = sk_reader_u16 (r);
      sk_reader_u16 (r); /* planes */
      d->bits = sk_reader_u16 (r);
      return !r->failed;
    }
  const gint32 width = (gint32) sk_reader_u32 (r), height = (gint32) sk_reader_u32 (r);
  sk_reader_u16 (r); /* planes */
  d->bits = sk_reader_u16 (r);
  d->compression = sk_reader_u32 (r);
  sk_reader_bytes (r, 12); /* size of the pixels, resolution */
  d->colours = sk_reader_u32 (r);
  sk_reader_u32 (r);
  d->width = width > 0 ? (guint) width : 0;
  d->top_down = height < 0;
  d->height = (guint) ABS ((gint64) height);
  return !r->failed;
}

/* Where the pixels begin, nobody says: behind what the header says there is. */
static gboolean
find_pixels (Dib *d)
{
  static const guint depths[] = { 1, 4, 8, 16, 24, 32 };
  const gboolean has_masks = d->compression == BI_BITFIELDS || d->compression == BI_ALPHABITFIELDS;
  gboolean known = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (depths); i++)
    known |= d->bits == depths[i];
  if (!known || (d->compression != BI_RGB && (!has_masks || (d->bits != 16 && d->bits != 32))))
    return FALSE;
  if (d->colours > COLOURS_MAX)
    return FALSE;
  const guint colours = d->colours ? d->colours : d->bits <= 8 ? 1u << d->bits : 0;
  const gsize colour = d->header == CORE_HEADER ? 3 : 4;
  gsize masks = 0;
  if (has_masks && d->header == INFO_HEADER)
    masks = d->compression == BI_BITFIELDS ? MASKS : MASKS_WITH_ALPHA;
  d->pixels = d->header + masks + colours * colour;
  d->row = ((gsize) d->width * d->bits + 31) / 32 * 4;
  return TRUE;
}

static void
read_masks (Dib *d, const guint8 *dib, gsize length)
{
  static const guint32 usual[] = { 0xff0000, 0xff00, 0xff };
  memcpy (d->masks, usual, sizeof usual);
  if (d->compression == BI_RGB || length < INFO_HEADER + MASKS)
    return;
  SkReader r = sk_reader (dib + INFO_HEADER, MASKS);
  for (guint i = 0; i < 3; i++)
    d->masks[i] = sk_reader_u32 (&r);
}

static gboolean
read_dib (Dib *d, const guint8 *untrusted, gsize length)
{
  SkReader r = sk_reader (untrusted, length);
  *d = (Dib){ .header = sk_reader_u32 (&r) };
  if (r.failed || (d->header != CORE_HEADER && (d->header < INFO_HEADER || d->header > INFO_HEADER_MAX))
      || !read_sizes (&r, d))
    return FALSE;
  if (d->width == 0 || d->height == 0 || d->width > SK_CLIP_SIDE_MAX || d->height > SK_CLIP_SIDE_MAX
      || (guint64) d->width * d->height * 4 > SK_CLIP_PICTURE_MAX || !find_pixels (d))
    return FALSE;
  read_masks (d, untrusted, length);
  return d->pixels <= length && d->row * d->height <= length - d->pixels;
}

/* What stands behind the pixels (a colour profile) does not come along. */
static GBytes *
picture_from_wire (const guint8 *wire, gsize length)
{
  Dib d;
  if (!read_dib (&d, wire, length))
    return NULL;
  const gsize size = d.pixels + d.row * d.height;
  GByteArray *bmp = g_byte_array_sized_new ((guint) (FILE_HEADER + size));
  g_byte_array_append (bmp, (const guint8 *) "BM", 2);
  sk_write_u32 (bmp, (guint32) (FILE_HEADER + size));
  sk_write_u32 (bmp, 0);
  sk_write_u32 (bmp, (guint32) (FILE_HEADER + d.pixels));
  g_byte_array_append (bmp, wire, (guint) size);
  return g_byte_array_free_to_bytes (bmp);
}

/* The form that the inspection writes, and no other. */
static gboolean
is_plain (const guint8 *bmp, gsize length)
{
  Dib d;
  if (length < FILE_HEADER + INFO_HEADER || memcmp (bmp, "BM", 2) != 0)
    return FALSE;
  SkReader r = sk_reader (bmp + 10, 4);
  return sk_reader_u32 (&r) == FILE_HEADER + INFO_HEADER
         && read_dib (&d, bmp + FILE_HEADER, length - FILE_HEADER) && d.header == INFO_HEADER && d.bits == 24
         && d.compression == BI_RGB && d.colours == 0 && !d.top_down
         && FILE_HEADER + d.pixels + d.row * d.height == length;
}

static GBytes *
picture_to_wire (GBytes *content)
{
  gsize length;
  const guint8 *bmp = g_bytes_get_data (content, &length);
  return is_plain (bmp, length) ? g_bytes_new_from_bytes (content, FILE_HEADER, length - FILE_HEADER) : NULL;
}

static gboolean
has_plain_bytes (const Dib *d)
{
  return d->bits == 24
         || (d->bits == 32 && d->masks[0] == 0xff0000 && d->masks[1] == 0xff00 && d->masks[2] == 0xff);
}

static gboolean
same_pixels (const Dib *a, const guint8 *pixels_a, const Dib *b, const guint8 *pixels_b)
{
  const guint step_a = a->bits / 8, step_b = b->bits / 8;
  if (a->width != b->width || a->height != b->height || !has_plain_bytes (a) || !has_plain_bytes (b))
    return FALSE;
  for (guint y = 0; y < a->height; y++)
    {
      const guint8 *p = pixels_a + a->row * (a->top_down ? a->height - 1 - y : y);
      const guint8 *q = pixels_b + b->row * (b->top_down ? b->height - 1 - y : y);
      for (guint x = 0; x < a->width; x++, p += step_a, q += step_b)
        if (memcmp (p, q, 3) != 0)
          return FALSE;
    }
  return TRUE;
}

static gboolean
is_same_picture (GBytes *one, GBytes *other)
{
  gsize length_a, length_b;
  const guint8 *a = g_bytes_get_data (one, &length_a), *b = g_bytes_get_data (other, &length_b);
  Dib dib_a, dib_b;
  return length_a > FILE_HEADER && length_b > FILE_HEADER
         && read_dib (&dib_a, a + FILE_HEADER, length_a - FILE_HEADER)
         && read_dib (&dib_b, b + FILE_HEADER, length_b - FILE_HEADER)
         && same_pixels (&dib_a, a + FILE_HEADER + dib_a.pixels, &dib_b, b + FILE_HEADER + dib_b.pixels);
}

/* ---- both ---- */

GBytes *
sk_clip_from_wire (SkClipKind kind, const guint8 *untrusted, gsize length)
{
  if (length > sk_clip_wire_max (kind))
    return NULL;
  return kind == SK_CLIP_TEXT ? text_from_wire (untrusted, length) : picture_from_wire (untrusted, length);
}

GBytes *
sk_clip_to_wire (SkClipKind kind, GBytes *content, gboolean crlf)
{
  if (kind == SK_CLIP_PICTURE)
    return picture_to_wire (content);
  gsize length;
  const char *text = g_bytes_get_data (content, &length);
  return text_to_wire (text, length, crlf);
}

gboolean
sk_clip_is_same (SkClipKind kind, GBytes *one, GBytes *other)
{
  return g_bytes_equal (one, other) || (kind == SK_CLIP_PICTURE && is_same_picture (one, other));
}
