/* Agent messages in both directions: u16 type, then a body. What decodes must encode to the same bytes. */
#include "fuzz.h"
#include "wire/agent.h"
#include <string.h>

static void
round_trip (SkDirection from, guint16 type, const uint8_t *body, size_t length)
{
  g_auto (SkMessage) m = { 0 };
  if (!sk_message_decode (sk_agent_messages, from, type, 1, body, length, &m, NULL))
    return;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_assert (sk_message_encode (sk_agent_messages, &m, out, NULL));
  g_assert_cmpmem (out->data, out->len, body, length);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  guint16 type = (guint16) (data[0] | data[1] << 8);
  round_trip (SK_FROM_PEER, type, data + 2, size - 2);
  round_trip (SK_FROM_HOST, type, data + 2, size - 2);
  return 0;
}
