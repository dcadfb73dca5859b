/* What the rest of the API has to know about sessions. */
#pragma once
#include "api/request.h"

/* Adds what listeners want to know (pool, queue position); returns the uid whose session it is, or
 * SK_EVENT_NOBODY. */
guint sk_api_sessions_describe_event (SkApiServer *server, const char *id, JsonObject *event);
/* Finishes the operations of sessions that left the queue, tells the others' position. */
void sk_api_sessions_check_queue (SkApiServer *server);
/* POST /1.0/shutdown operations end when the manager is drained. */
void sk_api_system_check_drained (SkApiServer *server);
