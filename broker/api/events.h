/* GET /1.0/events: server-sent events. A listener that cannot keep up is disconnected rather than having
 * events silently skipped; it connects again and reads the present state. */
#pragma once
#include "api/request.h"

/* Not yet taken by one listener; some thousand events. */
#define SK_EVENTS_PENDING_MAX (256 * 1024)
/* Listeners of one user: a launcher, a few monitors. */
#define SK_EVENTS_PER_USER 8
/* A comment goes out this often, so that a listener can tell silence from a dead broker. */
#define SK_EVENTS_BEAT_SECONDS 15

typedef struct _SkEvents SkEvents;

SkEvents *sk_events_new (void);
void sk_events_free (SkEvents *events);

/* The event is taken over; "time" is added. uid: whose object it is about; administrators hear everything,
 * others only their own (SK_EVENT_NOBODY: administrators only). */
#define SK_EVENT_NOBODY G_MAXUINT
void sk_events_emit (SkEvents *events, guint uid, JsonObject *event);

/* To whom it is for and to nobody else, administrators included. */
typedef gboolean (*SkEventsFor) (const SkIdentity *who, gpointer data);
void sk_events_emit_to (SkEvents *events, SkEventsFor is_for, gpointer data, JsonObject *event);

void sk_events_listen (SkEvents *events, SkRequest *request);
guint sk_events_count (SkEvents *events);
