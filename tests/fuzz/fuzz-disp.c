/* A viewer's monitor layout: a size inside the limits, or a refusal. */
#include "fuzz.h"
#include "rdp/border.h"
#include "rdp/disp.h"
#include "rdp/input.h"
#include "rdp/ring.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint width, height, scale;
  if (!sk_disp_parse_layout (data, size, &width, &height, &scale))
    return 0;
  const SkBorder border = sk_border (TRUE);
  sk_border_inner (&border, &width, &height);
  SkInputRecord r
      = { .type = SK_INPUT_RESIZE, .a = (gint32) width, .b = (gint32) height, .c = (gint32) scale };
  g_assert (sk_input_clamp (&r, 800, 600));
  g_assert (sk_ring_size_is_valid ((guint) r.a, (guint) r.b));
  return 0;
}
