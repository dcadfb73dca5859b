/* GIF: its first picture, as PNG. What moves stands still: PNG keeps colours and holes exactly, and nothing
 * but pixels. */
#include "inspect/image.h"
#include <gif_lib.h>
#include <string.h>

typedef struct
{
  const guint8 *data;
  gsize length, at;
} Source;

static int
on_read (GifFileType *gif, GifByteType *into, int n)
{
  Source *source = gif->UserData;
  const gsize got = MIN ((gsize) n, source->length - source->at);
  memcpy (into, source->data + source->at, got);
  source->at += got;
  return (int) got;
}

/* Extensions before the first picture: only which colour is none of them counts. FALSE: damaged. */
static gboolean
take_extension (SkRebuild *r, GifFileType *gif, int *ret_clear)
{
  GifByteType *block;
  GraphicsControlBlock control;
  int code;
  if (DGifGetExtension (gif, &code, &block) != GIF_OK)
    return FALSE;
  if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] == 4
      && DGifExtensionToGCB (block[0], block + 1, &control) == GIF_OK)
    *ret_clear = control.TransparentColor;
  else if (code != APPLICATION_EXT_FUNC_CODE)
    sk_rebuild_found (r, SK_FOUND_METADATA, 1, code == COMMENT_EXT_FUNC_CODE ? "comment" : NULL);
  while (block)
    if (DGifGetExtensionNext (gif, &block) != GIF_OK)
      return FALSE;
  return TRUE;
}

/* The four walks of an interlaced picture (GIF89a, appendix E). */
static const struct
{
  int first, step;
} walks[] = { { 0, 8 }, { 4, 8 }, { 2, 4 }, { 1, 2 } };

static int
next_row (const GifImageDesc *desc, int *walk, int row)
{
  if (!desc->Interlace)
    return row + 1;
  for (row += walks[*walk].step; row >= desc->Height && *walk < 3;)
    row = walks[++*walk].first;
  return row;
}

static void
put_row (SkImage *image, const GifImageDesc *desc, const ColorMapObject *map, int clear, int row,
         const GifByteType *line)
{
  const int y = desc->Top + row;
  if (y < 0 || y >= (int) image->height)
    return;
  for (int i = 0; i < desc->Width; i++)
    {
      const int x = desc->Left + i;
      if (x < 0 || x >= (int) image->width || line[i] == clear || line[i] >= map->ColorCount)
        continue;
      guint8 *to = image->pixels + (gsize) y * image->stride + (gsize) x * 4;
      const GifColorType *colour = &map->Colors[line[i]];
      to[0] = colour->Red;
      to[1] = colour->Green;
      to[2] = colour->Blue;
      to[3] = 255;
    }
}

/* A picture that ends early shows what there is of it, as browsers do. */
static gboolean
read_picture (SkRebuild *r, GifFileType *gif, SkImage *image, int clear)
{
  if (DGifGetImageDesc (gif) != GIF_OK)
    return FALSE;
  const GifImageDesc *desc = &gif->Image;
  const ColorMapObject *map = desc->ColorMap ? desc->ColorMap : gif->SColorMap;
  if (!map || desc->Width <= 0 || desc->Height <= 0 || desc->Width > (int) SK_IMAGE_SIDE_MAX)
    return FALSE;
  g_autofree GifByteType *line = g_malloc0 ((gsize) desc->Width);
  int walk = 0;
  for (int i = 0, row = 0; i < desc->Height; i++, row = next_row (desc, &walk, row))
    {
      if (DGifGetLine (gif, line, desc->Width) != GIF_OK)
        {
          sk_rebuild_found (r, SK_FOUND_DAMAGED, 1, NULL);
          return i > 0;
        }
      put_row (image, desc, map, clear, row, line);
    }
  return TRUE;
}

/* What comes behind the first picture: another one, or what does not belong there. */
static void
report_rest (SkRebuild *r, GifFileType *gif, const Source *source)
{
  GifRecordType record;
  int ignored = NO_TRANSPARENT_COLOR;
  while (DGifGetRecordType (gif, &record) == GIF_OK && record != TERMINATE_RECORD_TYPE)
    {
      if (record == IMAGE_DESC_RECORD_TYPE)
        {
          sk_rebuild_found (r, SK_FOUND_ANIMATION, 1, NULL);
          return;
        }
      if (record != EXTENSION_RECORD_TYPE || !take_extension (r, gif, &ignored))
        return;
    }
  if (source->at < source->length)
    sk_rebuild_found (r, SK_FOUND_TRAILING, 1, NULL);
}

static gboolean
decode (SkRebuild *r, GifFileType *gif, SkImage *image)
{
  GifRecordType record;
  int clear = NO_TRANSPARENT_COLOR;
  if (!sk_image_init (image, r, (guint64) MAX (gif->SWidth, 0), (guint64) MAX (gif->SHeight, 0), 4))
    return FALSE;
  while (DGifGetRecordType (gif, &record) == GIF_OK)
    {
      if (record == IMAGE_DESC_RECORD_TYPE)
        return read_picture (r, gif, image, clear) || sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
      if (record != EXTENSION_RECORD_TYPE || !take_extension (r, gif, &clear))
        break;
    }
  return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
}

gboolean
sk_gif_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  Source source = { untrusted, length, 0 };
  int error = 0;
  GifFileType *gif = DGifOpen (&source, on_read, &error);
  *ret = (SkImage){ 0 };
  if (!gif)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  const gboolean ok = decode (r, gif, ret);
  if (ok)
    report_rest (r, gif, &source);
  DGifCloseFile (gif, &error);
  return ok;
}

gboolean
sk_gif_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  g_auto (SkImage) image = { 0 };
  r->result_type = SK_TYPE_PNG;
  return sk_gif_decode (r, untrusted, length, &image) && sk_png_encode (r, &image);
}
