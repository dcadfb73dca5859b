/* A hostile PNG. */
#include "fuzz-inspect.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_rebuild (sk_png_rebuild, SK_INSPECT_IMAGE, SK_TYPE_PNG, data, size);
  return 0;
}
