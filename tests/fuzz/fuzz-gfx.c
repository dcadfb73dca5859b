/* What a viewer says in the graphics pipeline: every message is read to its end, or none is taken from there
 * on. */
#include "fuzz.h"
#include "rdp/gfx.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gsize at = 0;
  while (at < size)
    {
      const gsize before = at;
      SkGfxMessage m;
      if (!sk_gfx_parse (data, size, &at, &m))
        {
          g_assert (at == before);
          return 0;
        }
      g_assert (at > before && at <= size);
      g_assert (m.kind == SK_GFX_CAPABILITIES || !m.has_version_8);
      g_assert (m.kind == SK_GFX_ACKNOWLEDGE || (m.frame == 0 && !m.suspends));
    }
  return 0;
}
