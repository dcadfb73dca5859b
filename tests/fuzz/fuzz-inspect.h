/* What the harnesses of the inspector's formats have in common: a content goes through one format twice. */
#pragma once
#include "fuzz.h"
#include "inspect/rebuild.h"

typedef gboolean (*FuzzRebuild) (SkRebuild *r, const guint8 *untrusted, gsize length);

static gboolean
fuzz_keep (gpointer data, const void *bytes, gsize length)
{
  g_byte_array_append (data, bytes, (guint) length);
  return TRUE;
}

/* What was built anew can be built anew again, by `then`, and nothing is found in it that was to be removed.
 */
static inline void
fuzz_rebuild_then (FuzzRebuild rebuild, FuzzRebuild then, SkInspectKind kind, SkInspectType type,
                   const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) once = g_byte_array_new (), twice = g_byte_array_new ();
  SkRebuild r = {
    .kind = kind, .type = type, .result_type = type, .out_max = 4 << 20, .write = fuzz_keep, .data = once
  };
  if (!rebuild (&r, data, size))
    {
      g_assert (r.reason != SK_REASON_NONE);
      return;
    }
  g_assert (r.reason == SK_REASON_NONE && once->len == r.bytes_out && once->len > 0);
  SkRebuild again
      = { .kind = kind, .type = r.result_type, .out_max = 8 << 20, .write = fuzz_keep, .data = twice };
  g_assert (then (&again, once->data, once->len));
  for (guint i = 0; i < _SK_FOUND_LAST; i++)
    g_assert (!sk_inspect_found[i].removed || again.counts[i] == 0);
}

static inline void
fuzz_rebuild (FuzzRebuild rebuild, SkInspectKind kind, SkInspectType type, const uint8_t *data, size_t size)
{
  fuzz_rebuild_then (rebuild, rebuild, kind, type, data, size);
}
