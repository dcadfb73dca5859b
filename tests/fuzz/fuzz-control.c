/* Control packets of both kinds of worker, as the core reads them, with every number of descriptors. */
#include "fuzz.h"
#include "wire/control.h"

static void
try (const SkMessageSpec *table, const uint8_t *data, size_t size, gsize n_fds)
{
  g_auto (SkMessage) m = { 0 };
  SkPermit permit = { 0 };
  if (sk_packet_decode (table, SK_FROM_PEER, data, size, n_fds, &m, NULL))
    for (guint state = 1; state <= SK_WORKER_ENDING; state <<= 1)
      if (!sk_permit_check (&permit, table, &m, state, NULL))
        g_assert (m.spec->states || m.spec->once);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  for (gsize n_fds = 0; n_fds <= 4; n_fds++)
    {
      try (sk_control_screen_messages, data, size, n_fds);
      try (sk_control_view_messages, data, size, n_fds);
    }
  return 0;
}
