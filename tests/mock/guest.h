/* A guest's end of the agent port, for what crosses: a link of the test over which it says what it is told
 * to, honest or not, and which remembers every message of the host. The main loop's thread. */
#pragma once
#include "core/agent-link.h"

typedef struct
{
  GByteArray *body; /* as it went over the wire */
  SkMessage m;      /* its bytes are the body's */
} MockHeard;

typedef struct
{
  SkAgentLink *link;
  GPtrArray *heard; /* MockHeard, all of them since the beginning */
  guint next;       /* the first that mock_guest_hears() has not passed yet */
  guint32 last_offer;
  GPtrArray *urls; /* char *: what the host wanted opened, all of them since the beginning */
  GQueue open;     /* the ones of all its requests that are not answered yet */
} MockGuest;

void mock_guest_init (MockGuest *);
void mock_guest_clear (MockGuest *);
/* HELLO is answered, for the first time or again. */
void mock_guest_connect (MockGuest *);
void mock_guest_disconnect (MockGuest *);
/* NULL: taken; else why the link is to be lost, and then it is. */
const char *mock_guest_say (MockGuest *, const SkMessage *);
/* The next message of this type, waiting for it; ends the test when it does not come. Borrowed. */
const SkMessage *mock_guest_hears (MockGuest *, guint16 type);
/* Whether one is there already, that was not passed yet. */
gboolean mock_guest_has_heard (const MockGuest *, guint16 type);
/* Messages of this type in all. */
guint mock_guest_count (const MockGuest *, guint16 type);

/* Answers the oldest request, waiting for it. error: 0, or what became of the link instead. */
void mock_guest_answer (MockGuest *, gboolean ok, const char *text, guint error);

/* Its words. A key has 32 hex digits. */
const char *mock_guest_offer (MockGuest *, const char *key, const char *kind, guint items, guint64 bytes);
const char *mock_guest_item (MockGuest *, guint index, guint64 size, const char *name);
const char *mock_guest_data (MockGuest *, guint index, guint64 offset, const void *data, gsize length);
const char *mock_guest_item_end (MockGuest *, guint index);
const char *mock_guest_offer_end (MockGuest *);
const char *mock_guest_gone (MockGuest *);

/* An honest guest: sends one item's bytes whole, waiting for the window. */
void
mock_guest_send_item (MockGuest *, guint index, const char *name, const void *data, gsize length, gsize from);
/* ... a whole transfer of one file, until the host has it (or has refused it: FALSE, with its text). */
gboolean mock_guest_send_file (MockGuest *, const char *key, const char *name, const void *data, gsize length,
                               char **ret_text);
/* ... takes the next put to its end; all items' bytes one after another. The name of the first. */
GByteArray *mock_guest_take_put (MockGuest *, char **ret_name);
