/* A recording's records, as sekisho-replay takes them: onto a picture and into words. */
#include "fuzz/fuzz.h"
#include "replay/replay.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_setenv ("WLOG_LEVEL", "OFF", TRUE);
  g_autoptr (SkReplay) replay = sk_replay_new ();
  SkRecord record;
  gssize n;
  for (; (n = sk_record_next (data, size, &record)) > 0; data += n, size -= (size_t) n)
    {
      g_autofree char *words = sk_replay_describe (&record);
      /* Pictures of 32 Mi pixels are fine, and take all of a fuzzer's time. */
      if (record.kind == SK_RECORD_SIZE && record.length == 4
          && (record.payload[1] > 3 || record.payload[3] > 3))
        continue;
      if (!sk_replay_apply (replay, &record, NULL))
        continue;
    }
  return 0;
}
