/* The guest's bitmaps: width and height (two bytes), then the bitmap. */
#include "fuzz/fuzz.h"
#include "rdp/unplanar.h"
#include <stdlib.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  const guint width = data[0] + 1u, height = data[1] % 64 + 1u;
  g_autofree guint8 *scratch = g_malloc (sk_unplanar_scratch (width, height));
  g_autofree guint8 *pixels = g_malloc ((gsize) width * height * 4);
  if (sk_unplanar (data + 2, size - 2, width, height, scratch, pixels, (gsize) width * 4, width, height)
      && size < 2 + 1 + 3)
    abort (); /* three planes take three bytes at least */
  return 0;
}
