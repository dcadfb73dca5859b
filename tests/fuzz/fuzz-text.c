/* A hostile text, in whatever encoding: what comes out is UTF-8. */
#include "fuzz-inspect.h"
#include "inspect/encoding.h"
#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  SkDecoded text;
  g_assert (sk_encoding_prepare ());
  if (size > 0 && sk_encoding_decode (data, size, &text))
    {
      /* NULs, which UTF-16 can carry, end GLib's check */
      for (gsize at = 0; at < text.length; at += strlen (text.text + at) + 1)
        g_assert (g_utf8_validate (text.text + at, -1, NULL));
      g_free (text.text);
    }
  fuzz_rebuild (sk_text_rebuild, SK_INSPECT_FILE, SK_TYPE_TEXT, data, size);
  return 0;
}
