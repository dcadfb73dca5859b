/* The crossings of real parts: SQLite, quarantine, audit trail, people, rules of the test, real inspectors in
 * their cage ($SEKISHO_INSPECT_DIR; else the build folder's). No core around them; guests are
 * tests/mock/guest.h. */
#pragma once
#include "core/transfer-private.h"
#include "core/transfers.h"
#include "mock/guest.h"

typedef struct
{
  char *dir, *state, *policies;
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkInspector *inspector;
  SkPeople *people;
  SkTransfers *transfers;
  guint inspections; /* at once; 0: nothing is ever inspected */
  SkQuarantineLimits limits;
} Crossing;

/* Rules: the text of one file; NULL: everything is allowed. */
void crossing_up (Crossing *, const char *rules, guint inspections);
void crossing_down (Crossing *);
/* As a core that ends and one that begins on what it left. */
void crossing_stop (Crossing *);
void crossing_start (Crossing *);
void crossing_set_rules (Crossing *, const char *rules);
void crossing_set_people (Crossing *, const char *csv_without_head);
#define CROSSING_HEAD "user,name,organisation,section,role,since,until\n"
#define CROSSING_ALLOW_ALL "[all]\naction = allow\nmax-size = 1GiB\nmax-count = 10000\n"
#define CROSSING_HOLD_ALL "[all]\naction = hold\nstage-1 = user:jiro\nmax-size = 1GiB\nmax-count = 10000\n"

/* Names of nobody on this machine; the same one for the same name. root is an administrator. Static. */
const SkIdentity *crossing_who (const char *user);

/* An export with one item per NULL-terminated (name, size) pair … of one file. */
char *crossing_create (Crossing *, const char *user, const char *name, gint64 bytes, GError **error);
gboolean crossing_upload (Crossing *, const char *user, const char *id, guint item, const void *data,
                          gsize length, GError **error);
/* Both, and it has to work. */
char *crossing_send (Crossing *, const char *user, const char *name, const char *text);
SkTransferState crossing_state (Crossing *, const char *id);
/* Runs the main loop until it is so; ends the test when it never is. */
void crossing_wait (Crossing *, const char *id, SkTransferState state);
/* Until nothing moves it any more: it waits for people, a receiver, or has ended. */
SkTransferState crossing_settle (Crossing *, const char *id);
/* What its receiver would read; NULL with the error. */
char *crossing_fetch (Crossing *, const char *user, const char *id, guint item, GError **error);
/* "code" of its refusal; borrowed until it changes. */
const char *crossing_code (Crossing *, const char *id);

/* A session of this user on a VM of that name, with a guest that is up. */
void crossing_add_guest (Crossing *, MockGuest *, const char *user, const char *session);
/* The import that a guest's key became; NULL. Borrowed. */
const SkTransfer *crossing_import (Crossing *, const char *key);

/* Between crossing_stop() and crossing_start(), or beside it: what no function of the store does. */
void crossing_sql (Crossing *, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Rows of the trail about it: how many of this action ("transfer.releasing"). */
guint crossing_audited (Crossing *, const char *id, const char *action);
/* Faults of the whole trail. */
guint crossing_verify (Crossing *);
/* Resident memory of this process, bytes. */
gint64 crossing_memory (void);
void crossing_iterate (Crossing *); /* what is ready, without waiting */
/* Both languages stand in it. */
void crossing_assert_both (const GError *error);
