/* A frame memory whose header is the input: a view looks at it as its encoder does. Between looks the header
 * changes to the rest of the input, as a hostile screen could do. */
#include "common/fd.h"
#include "fuzz.h"
#include "rdp/canvas.h"
#include <string.h>
#include <sys/mman.h>

/* The memory's own mapping, opened once: 37 MB of fresh pages for each input would be all that is measured.
 */
static SkRingHeader *
memory (SkRingReader *reader)
{
  static SkRingHeader *header;
  static int fd = -1;
  if (!header)
    {
      fd = sk_fd_new_sealed_memory ("fuzz", SK_RING_SIZE, NULL);
      header = sk_ring_map_for_writing (fd, NULL);
      g_assert (header);
    }
  static SkRingReader first;
  if (!first.untrusted)
    g_assert (sk_ring_reader_init (&first, fd, NULL));
  *reader = first;
  return header;
}

static void
look (SkRingReader *reader, SkCanvas *canvas)
{
  static SkRingRect rects[SK_RING_RECTS];
  static SkRingShape shape;
  SkRingPointerKind kind;
  SkRingSize size;
  if (sk_ring_reader_pointer (reader, &kind, &shape) && kind == SK_RING_POINTER_SHAPE)
    g_assert (shape.width <= SK_RING_POINTER_MAX && shape.hot_y < shape.height);
  if (!sk_ring_reader_size (reader, &size))
    return;
  const SkBorder border = sk_border (size.width & 1);
  if (!canvas->pixels || canvas->guest_width != size.width || canvas->guest_height != size.height)
    {
      /* pictures of office size are enough, and quick */
      if (size.width > 1024 || size.height > 768)
        return;
      sk_canvas_reset (canvas, &border, size.width, size.height);
    }
  guint n = sk_ring_reader_take (reader, &size, rects);
  for (guint i = 0; i < n; i++)
    {
      g_assert (rects[i].x + rects[i].width <= size.width && rects[i].y + rects[i].height <= size.height);
      sk_canvas_mark (canvas, &rects[i]);
    }
  g_autofree SkTileRect *tiles = g_new (SkTileRect, canvas->tiles_x * canvas->tiles_y);
  n = sk_canvas_update (canvas, reader, &size, tiles);
  for (guint i = 0; i < n; i++)
    g_assert (tiles[i].x + tiles[i].width <= canvas->width && tiles[i].y + tiles[i].height <= canvas->height);
}

/* Its samples may be anything, its counters too. */
static void
listen_to (SkRingSoundReader *sound)
{
  static gint16 samples[SK_RING_SOUND_FRAMES][2];
  g_assert (sk_ring_sound_take (sound, samples) <= SK_RING_SOUND_FRAMES);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  SkRingReader reader;
  SkRingHeader *header = memory (&reader);
  g_auto (SkCanvas) canvas = { 0 };
  const size_t each = offsetof (SkRingHeader, pointer.argb);
  memset ((void *) header, 0, each);
  SkRingSoundReader sound;
  sk_ring_sound_init (&sound, &reader);
  while (size > 0)
    {
      const size_t n = MIN (size, each);
      memcpy ((void *) header, data, n);
      memcpy ((void *) &header->sound.head, data, MIN (n, sizeof header->sound.head));
      look (&reader, &canvas);
      listen_to (&sound);
      data += n;
      size -= n;
    }
  return 0;
}
