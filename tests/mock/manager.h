/* A core without VMs: implements the functions of core/manager.h over plain arrays, so that the API and the
 * clients can be tested on their own. Knobs set what happens next. */
#pragma once
#include "core/manager.h"

SkManager *sk_mock_manager_new (void);
/* VMs that are ready: a session takes one, without one it queues. */
void sk_mock_manager_set_ready (SkManager *, guint ready);
/* Queued sessions get VMs now, first come first served. */
void sk_mock_manager_serve_queue (SkManager *);
/* The next so many requests for a ticket find no view. */
void sk_mock_manager_set_no_views (SkManager *, guint times);
void
sk_mock_manager_emit (SkManager *, const char *type, const char *id, const char *state, const char *text);
/* As if its viewer came or went; no event. */
void sk_mock_manager_set_session_state (SkManager *, const char *id, SkSessionState state);
void sk_mock_manager_finish_drain (SkManager *);
/* The viewer's stream of the last attach, -1 if none. Stays the mock's. */
int sk_mock_manager_attached_fd (SkManager *);
void sk_mock_manager_set_doctor (SkManager *, const char *json);
/* "a,b" as doctor got it last. */
const char *sk_mock_manager_canary (SkManager *);
/* Groups that every user but root is in, beside his own; NULL = the real user database. */
void sk_mock_set_groups (const char *const *groups);
