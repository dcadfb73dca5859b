/* Everything that crosses, without VMs and API: store, trail, quarantine, people, inspectors and transfers of
 * their own in one folder. */
#pragma once
#include "core/transfers.h"

typedef struct
{
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkPeople *people;
  SkInspector *inspector;
  SkTransfers *transfers;
} Crossing;

/* dir: for its state; policy: a file of rules, or a folder of such. "kacho" is an approver of everybody. The
 * inspector is that of $SEKISHO_INSPECT_DIR, or of the build folder that the program is in. */
gboolean crossing_open (Crossing *crossing, const char *dir, const char *policy, GError **error);
void crossing_close (Crossing *crossing);
/* Says yes to all that waits for "kacho"; how many. */
guint crossing_approve (Crossing *crossing);
