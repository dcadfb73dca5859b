/* A hostile scanner's ICAP answer: whole, and in pieces whose size its first byte says, with the same
 * outcome. */
#include "fuzz.h"
#include "inspect/icap-answer.h"

static gboolean
feed (SkIcapAnswer *a, const uint8_t *data, size_t size, size_t piece)
{
  for (size_t i = 0; i < size; i += piece)
    if (!sk_icap_answer_feed (a, data + i, MIN (piece, size - i), NULL))
      return FALSE;
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  const size_t piece = 1 + data[0] % 32;
  g_auto (SkIcapAnswer) whole = { 0 };
  g_auto (SkIcapAnswer) pieces = { 0 };
  const gboolean good = feed (&whole, data + 1, size - 1, MAX (1, size - 1));
  g_assert_cmpint (feed (&pieces, data + 1, size - 1, piece), ==, good);
  g_assert_true (whole.state == pieces.state && whole.status == pieces.status);
  g_assert_cmpstr (whole.threat, ==, pieces.threat);
  g_assert_cmpstr (whole.body_sha256, ==, pieces.body_sha256);
  g_assert_true (whole.body_bytes == pieces.body_bytes && whole.body_bytes < size);
  /* What is done has a status, and a body's hash only when there was a body. */
  g_assert_true (!good || whole.state != SK_ICAP_DONE || (whole.status >= 100 && whole.status < 600));
  g_assert_true (!whole.body_sha256 || whole.state == SK_ICAP_DONE);
  return 0;
}
