/* A hostile GIF. */
#include "fuzz-inspect.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_rebuild_then (sk_gif_rebuild, sk_rebuild, SK_INSPECT_FILE, SK_TYPE_GIF, data, size);
  return 0;
}
