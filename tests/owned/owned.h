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
 * filter answers with death says only the first. FALSE: no attack has that name. */
gboolean sk_owned_run (const SkOwned *owned, const char *name);

/* lies.c: attacks on the core, for tests/e2e/test-owned. */
gboolean sk_lie_hello_again (const SkOwned *o);
gboolean sk_lie_other_kind (const SkOwned *o);
gboolean sk_lie_as_core (const SkOwned *o);
gboolean sk_lie_unknown_word (const SkOwned *o);
gboolean sk_lie_garbage (const SkOwned *o);
gboolean sk_lie_half_a_word (const SkOwned *o);
gboolean sk_lie_descriptor (const SkOwned *o);
gboolean sk_lie_control_characters (const SkOwned *o);
gboolean sk_flood_log (const SkOwned *o);
gboolean sk_flood_state (const SkOwned *o);
gboolean sk_flood_scale (const SkOwned *o);
