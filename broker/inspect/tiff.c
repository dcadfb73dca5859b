/* TIFF: every page decoded to pixels and written anew, with its resolution (a scan is printed at its size)
 * and nothing else. A page of black and white alone stays one bit deep, as a fax or a scan is. */
#include "inspect/image.h"
#include <string.h>
#include <tiffio.h>

/* A thick file of scans; each page costs a walk from the first one. */
#define PAGES_MAX 1000
/* Of all pages together: what the worker decodes in its time (a second for 100 million). */
#define PIXELS_MAX G_GUINT64_CONSTANT (2000000000)
/* Deflate, as in PNG. */
#define LEVEL 3

/* -- memory as a file ---------------------------------------------------------------------------------------
 */

typedef struct
{
  const guint8 *data;
  gsize length, at;
  GByteArray *out; /* NULL: for reading */
  gsize out_max;
} Memory;

static tmsize_t
on_read (thandle_t handle, void *into, tmsize_t n)
{
  Memory *m = handle;
  const gsize left = m->at < m->length ? m->length - m->at : 0, got = MIN ((gsize) MAX (n, 0), left);
  memcpy (into, m->data + m->at, got);
  m->at += got;
  return (tmsize_t) got;
}

static tmsize_t
on_reread (thandle_t handle, void *into, tmsize_t n)
{
  /* libtiff reads directories back that it has written. */
  Memory *m = handle;
  const gsize left = m->at < m->out->len ? m->out->len - m->at : 0, got = MIN ((gsize) MAX (n, 0), left);
  memcpy (into, m->out->data + m->at, got);
  m->at += got;
  return (tmsize_t) got;
}

static tmsize_t
on_write (thandle_t handle, void *bytes, tmsize_t n)
{
  Memory *m = handle;
  const gsize end = m->at + (gsize) MAX (n, 0);
  if (n < 0 || end > m->out_max || end < m->at)
    return 0;
  if (end > m->out->len)
    {
      const guint before = m->out->len;
      g_byte_array_set_size (m->out, (guint) end);
      memset (m->out->data + before, 0, end - before);
    }
  memcpy (m->out->data + m->at, bytes, (gsize) n);
  m->at = end;
  return n;
}

static tmsize_t
on_no_write (thandle_t handle, void *bytes, tmsize_t n)
{
  return 0;
}

static toff_t
on_size (thandle_t handle)
{
  const Memory *m = handle;
  return m->out ? m->out->len : m->length;
}

static toff_t
on_seek (thandle_t handle, toff_t offset, int whence)
{
  Memory *m = handle;
  const toff_t from = whence == SEEK_CUR ? m->at : whence == SEEK_END ? on_size (handle) : 0;
  if (offset > G_MAXUINT32 - from)
    return (toff_t) -1;
  m->at = from + offset;
  return m->at;
}

static int
on_close (thandle_t handle)
{
  return 0;
}

static TIFF *
open_memory (Memory *m)
{
  TIFFSetErrorHandler (NULL);
  TIFFSetWarningHandler (NULL);
  /* m: no mapping; little-endian whatever it was */
  return TIFFClientOpen ("tiff", m->out ? "wml" : "rm", m, m->out ? on_reread : on_read,
                         m->out ? on_write : on_no_write, on_seek, on_close, on_size, NULL, NULL);
}

/* -- a page -------------------------------------------------------------------------------------------------
 */

/* libtiff has multiplied it by the alpha beside it; here it is as it was. */
static guint8
plain (guint32 colour, guint32 alpha)
{
  return alpha == 0 ? 0 : (guint8) MIN (255u, (colour * 255 + alpha / 2) / alpha);
}

/* libtiff's packed pixels are ABGR from the highest byte on: red, green, blue, alpha in memory here. */
static void
unpack (SkImage *image)
{
  for (gsize i = 0; i < image->stride * image->height; i += 4)
    {
      guint32 packed;
      memcpy (&packed, image->pixels + i, sizeof packed);
      const guint32 alpha = TIFFGetA (packed);
      image->pixels[i] = plain (TIFFGetR (packed), alpha);
      image->pixels[i + 1] = plain (TIFFGetG (packed), alpha);
      image->pixels[i + 2] = plain (TIFFGetB (packed), alpha);
      image->pixels[i + 3] = (guint8) alpha;
    }
}

static gboolean
read_page (SkRebuild *r, TIFF *tiff, SkImage *image)
{
  guint32 width = 0, height = 0;
  char why[1024];
  if (!TIFFGetField (tiff, TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField (tiff, TIFFTAG_IMAGELENGTH, &height))
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  if (!sk_image_check (r, width, height))
    return FALSE;
  if (!TIFFRGBAImageOK (tiff, why))
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_VARIANT);
  if (!sk_image_init (image, r, width, height, 4))
    return FALSE;
  /* Turned as its tag says, and damaged strips are an error. */
  if (!TIFFReadRGBAImageOriented (tiff, width, height, (guint32 *) (gpointer) image->pixels,
                                  ORIENTATION_TOPLEFT, 1))
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  unpack (image);
  return TRUE;
}

typedef enum
{
  BILEVEL,
  GREY,
  COLOUR,
  CLEAR
} Depth;

static Depth
depth_of (const SkImage *image)
{
  Depth depth = BILEVEL;
  for (gsize i = 0; i < image->stride * image->height; i += 4)
    {
      const guint8 *p = image->pixels + i;
      if (p[3] != 255)
        return CLEAR;
      if (p[0] != p[1] || p[1] != p[2])
        depth = COLOUR;
      else if (depth == BILEVEL && p[0] != 0 && p[0] != 255)
        depth = GREY;
    }
  return depth;
}

static void
pack_row (const guint8 *row, guint width, Depth depth, guint8 *to)
{
  memset (to, 0, (width + 7) / 8);
  for (guint x = 0; x < width; x++, row += 4)
    if (depth == BILEVEL)
      to[x / 8] |= (guint8) (row[0] == 0 ? 0x80 >> x % 8 : 0);
    else if (depth == GREY)
      to[x] = row[0];
    else
      memcpy (to + x * (depth == COLOUR ? 3 : 4), row, depth == COLOUR ? 3 : 4);
}

static void
set_tags (TIFF *tiff, const SkImage *image, Depth depth)
{
  static const guint16 alpha[] = { EXTRASAMPLE_UNASSALPHA };
  const guint samples = depth == COLOUR ? 3 : depth == CLEAR ? 4 : 1;
  TIFFSetField (tiff, TIFFTAG_IMAGEWIDTH, image->width);
  TIFFSetField (tiff, TIFFTAG_IMAGELENGTH, image->height);
  TIFFSetField (tiff, TIFFTAG_BITSPERSAMPLE, depth == BILEVEL ? 1 : 8);
  TIFFSetField (tiff, TIFFTAG_SAMPLESPERPIXEL, samples);
  TIFFSetField (tiff, TIFFTAG_PHOTOMETRIC,
                depth == BILEVEL ? PHOTOMETRIC_MINISWHITE
                : depth == GREY  ? PHOTOMETRIC_MINISBLACK
                                 : PHOTOMETRIC_RGB);
  if (depth == CLEAR)
    TIFFSetField (tiff, TIFFTAG_EXTRASAMPLES, 1, alpha);
  TIFFSetField (tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField (tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  TIFFSetField (tiff, TIFFTAG_COMPRESSION,
                depth == BILEVEL ? COMPRESSION_CCITTFAX4 : COMPRESSION_ADOBE_DEFLATE);
  if (depth != BILEVEL)
    {
      TIFFSetField (tiff, TIFFTAG_ZIPQUALITY, LEVEL);
      TIFFSetField (tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
    }
  TIFFSetField (tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize (tiff, 0));
}

/* So many points an inch or a centimetre; what is out of reach is not passed on. */
static void
copy_resolution (TIFF *from, TIFF *to)
{
  float x = 0, y = 0;
  guint16 unit = RESUNIT_INCH;
  TIFFGetFieldDefaulted (from, TIFFTAG_RESOLUTIONUNIT, &unit);
  if (!TIFFGetField (from, TIFFTAG_XRESOLUTION, &x) || !TIFFGetField (from, TIFFTAG_YRESOLUTION, &y)
      || !(x >= 1 && x <= 100000 && y >= 1 && y <= 100000)
      || (unit != RESUNIT_INCH && unit != RESUNIT_CENTIMETER))
    return;
  TIFFSetField (to, TIFFTAG_XRESOLUTION, x);
  TIFFSetField (to, TIFFTAG_YRESOLUTION, y);
  TIFFSetField (to, TIFFTAG_RESOLUTIONUNIT, unit);
}

static gboolean
write_page (TIFF *tiff, TIFF *from, SkImage *image)
{
  const Depth depth = depth_of (image);
  g_autofree guint8 *row = g_malloc ((gsize) image->width * 4 + 8);
  set_tags (tiff, image, depth);
  copy_resolution (from, tiff);
  for (guint y = 0; y < image->height; y++)
    {
      pack_row (image->pixels + y * image->stride, image->width, depth, row);
      if (TIFFWriteScanline (tiff, row, y, 0) != 1)
        return FALSE;
    }
  return TIFFWriteDirectory (tiff) == 1;
}

/* -- all of them --------------------------------------------------------------------------------------------
 */

/* Tags of TIFF 6.0 that say something else than how to get pixels. */
static void
report_tags (SkRebuild *r, TIFF *tiff)
{
  static const struct
  {
    guint32 tag;
    const char *name;
  } rows[] = { { TIFFTAG_IMAGEDESCRIPTION, "ImageDescription" },
               { TIFFTAG_MAKE, "Make" },
               { TIFFTAG_MODEL, "Model" },
               { TIFFTAG_SOFTWARE, "Software" },
               { TIFFTAG_DATETIME, "DateTime" },
               { TIFFTAG_ARTIST, "Artist" },
               { TIFFTAG_HOSTCOMPUTER, "HostComputer" },
               { TIFFTAG_COPYRIGHT, "Copyright" },
               { TIFFTAG_DOCUMENTNAME, "DocumentName" } };
  char *text;
  guint32 n;
  void *data;
  toff_t offset;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    if (TIFFGetField (tiff, rows[i].tag, &text))
      sk_rebuild_found (r, SK_FOUND_METADATA, 1, rows[i].name);
  if (TIFFGetField (tiff, TIFFTAG_XMLPACKET, &n, &data))
    sk_rebuild_found (r, SK_FOUND_METADATA, 1, "XMP");
  if (TIFFGetField (tiff, TIFFTAG_ICCPROFILE, &n, &data))
    sk_rebuild_found (r, SK_FOUND_METADATA, 1, "ICC");
  if (TIFFGetField (tiff, TIFFTAG_EXIFIFD, &offset))
    sk_rebuild_found (r, SK_FOUND_METADATA, 1, "Exif");
  if (TIFFGetField (tiff, TIFFTAG_GPSIFD, &offset))
    sk_rebuild_found (r, SK_FOUND_LOCATION, 1, NULL);
}

static gboolean
rebuild_pages (SkRebuild *r, TIFF *in, TIFF *out)
{
  guint64 pixels = 0;
  guint pages = 0;
  do
    {
      g_auto (SkImage) image = { 0 };
      report_tags (r, in);
      if (!read_page (r, in, &image))
        return FALSE;
      pixels += (guint64) image.width * image.height;
      if (++pages > PAGES_MAX || pixels > PIXELS_MAX)
        return sk_rebuild_refuse (r, SK_REASON_IMAGE_LARGE);
      const guint hidden = sk_image_clear_hidden (&image);
      if (hidden > 0)
        sk_rebuild_found (r, SK_FOUND_HIDDEN_PIXELS, hidden, NULL);
      if (!write_page (out, in, &image))
        return sk_rebuild_refuse (r, SK_REASON_TOO_LARGE_OUT);
    }
  while (TIFFReadDirectory (in));
  return TRUE;
}

gboolean
sk_tiff_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  Memory memory = { .data = untrusted, .length = length };
  TIFF *tiff = open_memory (&memory);
  *ret = (SkImage){ 0 };
  if (!tiff)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  const gboolean ok = read_page (r, tiff, ret);
  TIFFClose (tiff);
  return ok;
}

gboolean
sk_tiff_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  Memory from = { .data = untrusted, .length = length };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Memory to = { .out = bytes, .out_max = (gsize) MIN (r->out_max, (guint64) G_MAXINT32) };
  TIFF *in = open_memory (&from), *out = in ? open_memory (&to) : NULL;
  gboolean ok = FALSE;
  if (out)
    ok = rebuild_pages (r, in, out);
  else
    sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  if (out)
    TIFFClose (out);
  if (in)
    TIFFClose (in);
  return ok && sk_rebuild_write (r, bytes->data, bytes->len);
}
