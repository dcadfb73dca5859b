/* A hostile worker's answer: a packet's bytes behind one that names the kind. */
#include "fuzz.h"
#include "inspect/result.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (SkMessage) m = { 0 };
  if (size == 0 || !sk_packet_decode (sk_inspect_messages, SK_FROM_PEER, data + 1, size - 1, 0, &m, NULL))
    return 0;
  const SkInspectKind kind = data[0] % _SK_INSPECT_KIND_LAST;
  g_autoptr (SkInspection) i = sk_inspection_from_answer (&m, kind, "名前.txt", 1000, NULL);
  if (!i)
    return 0;
  g_assert (i->passed == (*i->reason == '\0') && i->bytes_in <= 1001);
  g_assert (!i->passed || (i->result_name && g_strv_length (i->removed) <= i->findings->len));
  g_assert (g_utf8_validate (i->report, -1, NULL));
  return 0;
}
