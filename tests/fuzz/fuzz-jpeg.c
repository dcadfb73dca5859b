/* A hostile JPEG. */
#include "fuzz-inspect.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_rebuild (sk_jpeg_rebuild, SK_INSPECT_IMAGE, SK_TYPE_JPEG, data, size);
  return 0;
}
