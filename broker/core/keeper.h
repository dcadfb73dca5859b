/* What the trail needs while sekishod runs: its rows in the journal, the SOC told of new ones, details whose
 * time is over let go of. Main context's thread. */
#pragma once
#include "audit/soc.h"
#include "core/config.h"

/* How often it is looked for what is due; days are counted, so an hour is soon enough. */
#define SK_KEEPER_PURGE_SECONDS 3600

typedef struct _SkKeeper SkKeeper;
/* Says in the log what the start found; adds the row "broker.started". The trail outlives this. */
SkKeeper *sk_keeper_new (SkAudit *, const SkConfig *, GError **error);
/* Adds the row "broker.stopped". */
void sk_keeper_free (SkKeeper *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkKeeper, sk_keeper_free)
