/* Evidence bundles come from anywhere: whatever they hold, checking them ends, with a fault for whatever was
 * changed. A bundle that is proven by the key that it did not bring would be a miracle. */
#include "evidence/evidence.h"
#include "fuzz.h"
#include <string.h>

static void
on_fault (SkEvidenceFault fault, const char *where, gpointer data)
{
  g_assert_nonnull (sk_evidence_word (fault));
  g_assert_true (*where);
  ++*(guint *) data;
}

static void
on_line (const char *text, gpointer data)
{
  for (const char *c = text; *c; c++)
    g_assert_true ((guchar) *c >= 0x20 && *c != 0x7f);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char other[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (SkEvidence) evidence = sk_evidence_parse (text, size, NULL);
  guint told = 0, own;
  if (!evidence)
    return 0;
  own = sk_evidence_check (evidence, NULL, on_fault, &told);
  g_assert_cmpuint (told, ==, MIN (own, SK_EVIDENCE_FAULTS_MAX));
  if (own == 0)
    {
      sk_evidence_tell (evidence, FALSE, on_line, NULL);
      sk_evidence_tell (evidence, TRUE, on_line, NULL);
    }
  told = 0;
  g_assert_cmpuint (sk_evidence_check (evidence, other, on_fault, &told), >, 0);
  return 0;
}
