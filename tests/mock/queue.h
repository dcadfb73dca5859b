/* A real queue of approvals without inspectors, for clients: its store is in a folder that goes with it, and
 * its clock stands at noon of 1 April 2030 (UTC), so that what is shown is always the same. Main thread. */
#pragma once
#include "api/server.h"

typedef struct _SkMockQueue SkMockQueue;
SkMockQueue *sk_mock_queue_new (void);
void sk_mock_queue_free (SkMockQueue *queue);
void sk_mock_queue_set_options (SkMockQueue *queue, SkApiOptions *options);
/* Something of this user's waits for whoever runs the broker; its id ends with the number. */
void
sk_mock_queue_hold (SkMockQueue *queue, guint number, const char *user, const char *name, const char *reason);
