/* Short words for stories: tests in which nothing fails but what the test breaks itself. */
#pragma once
#include "world.h"

#define MINUTE_MS (60 * 1000)
#define HOUR_MS (60 * MINUTE_MS)

typedef struct
{
  World *world;
  GPtrArray *events; /* "type id state text" */
} Story;

/* A core with one image and one pool "a". */
void story_begin (Story *story, guint warm, guint stored, guint maximum);
void story_end (Story *story);
void story_restart (Story *story);

guint story_count (Story *story, SkVmState state);
/* Waits (an hour of the world's time at most) until so many VMs are in that state. */
void story_wait_vms (Story *story, SkVmState state, guint number);
SkVm *story_vm (Story *story, SkVmState state); /* the first */
void story_edit (Story *story, guint warm, guint stored, guint maximum);

/* Opens for user n; the session's id, a new string. *ret_token: new string or NULL. */
char *story_open (Story *story, guint user, char **ret_token, guint *ret_position);
/* The same, and a viewer that is connected and sees a picture. */
char *story_click (Story *story, guint user);
SkSession *story_session (Story *story, guint user, const char *id);
void story_assert_session (Story *story, guint user, const char *id, SkSessionState state);
void story_wait_session (Story *story, guint user, const char *id, SkSessionState state);
/* The view of a session. */
Proc *story_view (Story *story, const char *session);
