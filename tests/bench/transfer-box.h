/* transfer-box: the crossings of a core without its API, for tests/bench/run transfer. One thread,
 * that of the main context. What goes wrong ends the program with a word on stderr. */
#pragma once
#include "core/transfers.h"

typedef struct
{
  SkStore *store;
  SkAudit *audit;
  SkQuarantine *quarantine;
  SkPeople *people;
  SkInspector *inspector; /* NULL: nothing is inspected */
  SkTransfers *transfers;
} TransferBox;

/* state: an empty folder or what an earlier box left; libexec NULL: no inspectors. */
void transfer_box_open (TransferBox *, const char *state, const char *libexec, const char *policies);
void transfer_box_close (TransferBox *);
/* The store alone, before the rest reads it. */
SkStore *transfer_box_store (const char *state);
/* Turns the main loop until the transfer is there, or further. Ends the program when it ended otherwise. */
void transfer_box_wait (TransferBox *, const char *id, SkTransferState state);
/* Turns the main loop for so long. */
void transfer_box_rest (guint milliseconds);
/* An error ends the program. */
void transfer_box_check (const GError *error);
/* Microseconds that this thread has worked. */
gint64 transfer_box_worked (void);

/* -- what is measured; each prints one JSON object ----------------------------------------------------------
 */

/* 1 KiB of text: by a program that copies it between two sockets, and by everything that an allowed text of a
 * clipboard goes through, in turns. */
void transfer_text (const char *state, const char *libexec, const char *policies, guint count, guint rest);
/* n transfers wait for an approver: listing them, deciding and releasing `decide` of them. */
void transfer_queue (const char *state, const char *policies, guint n, guint decide);
/* The core's half of a guest's agent port. Says, a line each, with µs of the monotonic clock: hello · state
 * ID STATE BYTES µs · lost WHY · rss KIB. Hears: rss; the end of its input ends it. */
void transfer_import (const char *state, const char *libexec, const char *policies, const char *socket);
