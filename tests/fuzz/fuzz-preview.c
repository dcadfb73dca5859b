/* A hostile content where something that was built anew is expected: an inspector that was taken over wrote
 * it. */
#include "fuzz.h"
#include "inspect/rebuild.h"

static gboolean
keep (gpointer data, const void *bytes, gsize length)
{
  g_byte_array_append (data, bytes, (guint) length);
  return TRUE;
}

/* A preview is a text or a PNG, within its bounds, or there is none. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  SkRebuild r = { .kind = SK_INSPECT_PREVIEW, .out_max = SK_INSPECT_PREVIEW_MAX, .write = keep, .data = out };
  if (!sk_rebuild (&r, data, size))
    {
      g_assert (r.reason != SK_REASON_NONE);
      return 0;
    }
  g_assert (r.reason == SK_REASON_NONE && out->len == r.bytes_out && out->len > 0);
  g_assert (r.result_type == SK_TYPE_TEXT || r.result_type == SK_TYPE_PNG);
  if (r.result_type == SK_TYPE_TEXT)
    g_assert (g_utf8_validate ((const char *) out->data, out->len, NULL) && out->len <= SK_PREVIEW_TEXT_MAX);
  return 0;
}
