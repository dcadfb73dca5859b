/* Rows of the audit trail about what the core itself changes: one transaction with the change.
 *
 *   if (!sk_trail_begin (core, error))            nothing happened
 *     return FALSE;
 *   if (!change || !sk_trail_commit (core, …))    all of it is durable, or
 *     sk_trail_rollback (core);                   nothing is
 *
 * Without a trail (tests) the same without rows. Who acts is what sk_audit_set_actor() says. */
#pragma once
#include "core/core.h"
#include <json-glib/json-glib.h>

typedef struct
{
  const char *action, *object;
  const char *user;    /* whose organisation's chain; NULL: the broker's own */
  const char *actor;   /* NULL: who is being served */
  JsonObject *details; /* taken over by the call that takes this; NULL: none */
} SkTrailRow;

gboolean sk_trail_begin (SkCore *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_trail_commit (SkCore *, const SkTrailRow *row, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sk_trail_rollback (SkCore *);
/* A row of its own, or (in a transaction) one more. */
gboolean sk_trail_add (SkCore *, const SkTrailRow *row, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Pairs name, value; NULL-terminated. */
JsonObject *sk_trail_details (const char *name, ...) G_GNUC_NULL_TERMINATED;
/* What a session's row says. */
JsonObject *sk_trail_session (const SkSession *row);
