/* Doctor's questions from inside the guest: can this address be reached? Each runs in a thread of its own
 * with a deadline and touches nothing shared; at most SK_PROBES_MAX at once. */
#pragma once
#include "wire/agent.h"

#define SK_PROBES_MAX 4
/* A host that asks for longer gets this. */
#define SK_PROBE_TIMEOUT_MAX_MS 30000

typedef enum
{
  SK_PROBE_UNREACHABLE = 0, /* nothing came back, or the network said no */
  SK_PROBE_REACHABLE = 1,   /* something there answered, be it with a refusal */
  SK_PROBE_FAILED = 2,      /* could not be tried: bad address, no right */
} SkProbeResult;

/* Blocks until the answer or the deadline. ret_detail: one clean line. */
SkProbeResult
sk_probe_run (SkProbe kind, const char *untrusted_address, guint16 port, guint timeout_ms, char **ret_detail);

/* The same in a thread; done is called from the main context. FALSE when too many are running. */
typedef void (*SkProbeFunc) (guint32 id, SkProbeResult result, const char *detail, gpointer data);
gboolean sk_probe_start (guint32 id, SkProbe kind, const char *untrusted_address, guint16 port,
                         guint timeout_ms, SkProbeFunc done, gpointer data);
