/* WebP: decoded to pixels, then what every program opens: JPEG where it was squeezed like one and nothing
 * shows through, else PNG. Of what moves, the first picture. */
#include "inspect/image.h"
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

/* The RIFF head says how long it is; what comes behind belongs to nobody. */
static gsize
riff_length (const guint8 *data, gsize length)
{
  const guint64 said
      = (guint64) data[4] | (guint64) data[5] << 8 | (guint64) data[6] << 16 | (guint64) data[7] << 24;
  return (gsize) MIN ((guint64) length, said + (said & 1) + 8);
}

static void
report_chunks (SkRebuild *r, WebPDemuxer *demux)
{
  static const char *const names[] = { "EXIF", "XMP ", "ICCP" };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      WebPChunkIterator chunk;
      gboolean location = FALSE;
      if (!WebPDemuxGetChunk (demux, names[i], 1, &chunk))
        continue;
      g_autofree char *name = g_strchomp (g_strdup (names[i]));
      if (i == 0 && chunk.chunk.size > 0)
        sk_exif_orientation (chunk.chunk.bytes, chunk.chunk.size, &location);
      if (location)
        sk_rebuild_found (r, SK_FOUND_LOCATION, 1, NULL);
      sk_rebuild_found (r, SK_FOUND_METADATA, 1, name);
      WebPDemuxReleaseChunkIterator (&chunk);
    }
}

/* A frame may be smaller than the canvas that it lies on. */
static gboolean
decode_frame (SkRebuild *r, const WebPIterator *frame, guint width, guint height, SkImage *image)
{
  WebPBitstreamFeatures is;
  const WebPData *data = &frame->fragment;
  if (WebPGetFeatures (data->bytes, data->size, &is) != VP8_STATUS_OK || is.width <= 0 || is.height <= 0
      || frame->x_offset < 0 || frame->y_offset < 0 || (guint64) frame->x_offset + (guint) is.width > width
      || (guint64) frame->y_offset + (guint) is.height > height)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  const gboolean whole = (guint) is.width == width && (guint) is.height == height;
  const guint channels = is.has_alpha || !whole ? 4 : 3;
  if (!sk_image_init (image, r, width, height, channels))
    return FALSE;
  const gsize at = (gsize) frame->y_offset * image->stride + (gsize) frame->x_offset * channels;
  const gsize room = image->stride * image->height - at;
  guint8 *to = image->pixels + at;
  const guint8 *done = channels == 4
                           ? WebPDecodeRGBAInto (data->bytes, data->size, to, room, (int) image->stride)
                           : WebPDecodeRGBInto (data->bytes, data->size, to, room, (int) image->stride);
  /* VP8 squeezes as JPEG does, VP8L does not lose anything. */
  r->result_type = is.format == 1 && channels == 3 ? SK_TYPE_JPEG : SK_TYPE_PNG;
  return done || sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
}

static gboolean
decode (SkRebuild *r, WebPDemuxer *demux, SkImage *image)
{
  WebPIterator frame;
  const guint width = WebPDemuxGetI (demux, WEBP_FF_CANVAS_WIDTH),
              height = WebPDemuxGetI (demux, WEBP_FF_CANVAS_HEIGHT);
  if (!sk_image_check (r, width, height))
    return FALSE;
  report_chunks (r, demux);
  if (WebPDemuxGetI (demux, WEBP_FF_FRAME_COUNT) > 1)
    sk_rebuild_found (r, SK_FOUND_ANIMATION, 1, NULL);
  if (!WebPDemuxGetFrame (demux, 1, &frame))
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  const gboolean ok = decode_frame (r, &frame, width, height, image);
  WebPDemuxReleaseIterator (&frame);
  return ok;
}

gboolean
sk_webp_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  const gsize whole = length < 12 ? 0 : riff_length (untrusted, length);
  const WebPData data = { untrusted, whole };
  WebPDemuxer *demux = whole > 0 ? WebPDemux (&data) : NULL;
  *ret = (SkImage){ 0 };
  if (!demux)
    return sk_rebuild_refuse (r, SK_REASON_IMAGE_DAMAGED);
  const gboolean ok = decode (r, demux, ret);
  WebPDemuxDelete (demux);
  if (whole < length)
    sk_rebuild_found (r, SK_FOUND_TRAILING, 1, NULL);
  return ok;
}

gboolean
sk_webp_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  g_auto (SkImage) image = { 0 };
  if (!sk_webp_decode (r, untrusted, length, &image))
    return FALSE;
  if (r->result_type == SK_TYPE_JPEG)
    return sk_jpeg_encode (r, &image);
  const guint hidden = sk_image_clear_hidden (&image);
  if (hidden > 0)
    sk_rebuild_found (r, SK_FOUND_HIDDEN_PIXELS, hidden, NULL);
  return sk_png_encode (r, &image);
}
