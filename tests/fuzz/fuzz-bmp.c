/* A hostile BMP. */
#include "fuzz-inspect.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_rebuild (sk_bmp_rebuild, SK_INSPECT_IMAGE, SK_TYPE_BMP, data, size);
  return 0;
}
