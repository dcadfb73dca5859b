/* A hostile address. */
#include "fuzz-inspect.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_rebuild (sk_url_rebuild, SK_INSPECT_URL, SK_TYPE_TEXT, data, size);
  return 0;
}
