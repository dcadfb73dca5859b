/* Slow and human steps: an operation is what a 202 answer points to. It lives in memory only: what it does is
 * durable elsewhere (a queued session, an image), or starts again (doctor). */
#pragma once
#include "api/events.h"
#include "api/request.h"

/* Running ones of one user; a user needs one (a queued session), an administrator a few. */
#define SK_OPERATIONS_PER_USER 32
/* Finished ones are kept for a client that comes back late, this long and this many. */
#define SK_OPERATION_KEEP_SECONDS 600
#define SK_OPERATIONS_KEPT 256
/* Longest wait in one request; then the client asks again. */
#define SK_OPERATION_WAIT_SECONDS 3600

typedef struct _SkOperations SkOperations;

SkOperations *sk_operations_new (SkEvents *events);
/* Cancels nothing: a queued session stays queued over a restart. */
void sk_operations_free (SkOperations *operations);

/* description: static. resource: path of what it is about ("/1.0/sessions/ID"), NULL = none. cancel NULL: it
 * cannot be. cancel() is called at most once; it must lead to sk_operation_finish(). The set owns the
 * operation; it stays valid at least until it is finished. Whoever works on it across the main loop keeps a
 * reference: when the server goes, the operation is finished and progress is ignored. SK_ERROR_LIMIT. */
SkOperation *sk_operation_new (SkOperations *operations, const SkIdentity *who, const char *description,
                               const char *resource, void (*cancel) (SkOperation *, gpointer), gpointer data,
                               GError **error);
SkOperation *sk_operation_ref (SkOperation *operation);
void sk_operation_unref (SkOperation *operation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkOperation, sk_operation_unref)

/* metadata is taken over: progress while it runs. */
void sk_operation_progress (SkOperation *operation, JsonObject *metadata);
/* Success with the result, or the error; both taken over. Later calls do nothing. */
void sk_operation_finish (SkOperation *operation, JsonNode *result, GError *error);

/* The user's running operation for a resource, NULL if none. */
SkOperation *sk_operations_find (SkOperations *operations, const char *resource);
/* Calls func for each running operation with this description; func may finish it. */
void sk_operations_foreach (SkOperations *operations, const char *description,
                            void (*func) (SkOperation *, gpointer), gpointer data);

char *sk_operation_path (SkOperation *operation);
const char *sk_operation_resource (SkOperation *operation);
JsonObject *sk_operation_to_json (SkOperation *operation);
