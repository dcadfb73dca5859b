/* A stream of both ports in pieces chosen by the input: the buffer never overruns, and while seeking it
 * always makes progress. */
#include "fuzz.h"
#include "wire/frame.h"
#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  gsize step = 1 + data[0] * 16u;
  SkFrameBuffer b;
  sk_frame_buffer_init (&b);
  b.seeking = data[1] & 1;
  for (gsize at = 2; at < size;)
    {
      gsize room;
      guint8 *space = sk_frame_buffer_space (&b, &room);
      gsize n = MIN (MIN (room, step), size - at);
      g_assert (n > 0);
      memcpy (space, data + at, n);
      sk_frame_buffer_commit (&b, n);
      at += n;
      SkFrame frame;
      int r;
      guint sum = 0;
      while ((r = sk_frame_buffer_next (&b, &frame, NULL)) == 1)
        for (gsize i = 0; i < frame.length; i++)
          sum += frame.body[i];
      if (r < 0)
        sk_frame_buffer_reset (&b);
      (void) sum;
    }
  sk_frame_buffer_clear (&b);
  return 0;
}
