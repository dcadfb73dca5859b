#include "inspect/job.h"

const SkMessageSpec sk_inspect_messages[] = {
  { SK_INSPECT_JOB, "job", SK_FROM_HOST, "tss", 64, 2, 0, TRUE },
  { SK_INSPECT_RESULT, "result", SK_FROM_PEER, "yttsssl", 160, 0, 0, TRUE },
  { 0 },
};
