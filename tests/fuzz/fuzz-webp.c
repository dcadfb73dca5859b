/* A hostile WebP. */
#include "fuzz-inspect.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_rebuild_then (sk_webp_rebuild, sk_rebuild, SK_INSPECT_FILE, SK_TYPE_WEBP, data, size);
  return 0;
}
