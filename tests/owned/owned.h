/* Attacker's code inside a worker: what a guest or a viewer that owns its decoder would try. For tests only.
 */
#pragma once
#include "rdp/worker.h"

typedef struct
{
  int memory;    /* frame memory's descriptor; -1: closed already */
  int viewer;    /* the viewer's connection, -1 */
  gboolean view; /* a view: the frame memory has to be out of its reach */
} SkOwned;

/* Runs the attack of that name ("all-names" lists them) and says on stderr how it went:
 * "owned: NAME begins", then "owned: NAME refused (why)" or "owned: NAME REACHED (what)". An attack that the
 * filter answers with death says only the first. */
void sk_owned_run (const SkOwned *owned, const char *name);
