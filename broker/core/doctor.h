/* Doctor: proves, from the host and from inside a guest, that nothing but pixels can cross. One report a run;
 * see manager.h for its form. Main context's thread. */
#pragma once
#include "core/core.h"
#include <json-glib/json-glib.h>

typedef enum
{
  SK_CHECK_OK,
  SK_CHECK_WARN, /* works, but somebody should look */
  SK_CHECK_FAIL, /* the isolation is broken, or could not be proved */
} SkCheckState;

/* One line of the report. name: stable; en, ja: what was checked; detail: "" or what was found (made clean,
 * cut at a line's length). */
void sk_doctor_add (JsonArray *checks, const char *name, SkCheckState state, const char *en, const char *ja,
                    const char *detail);

/* doctor-host.c: what the host can see without asking a guest. */
void sk_doctor_check_host (SkCore *core, JsonArray *checks);
/* doctor-transfers.c: the rules, at once; the antivirus calls done when it has answered or its time is over.
 */
void sk_doctor_check_policy (const SkPolicyStatus *status, JsonArray *checks);
void sk_doctor_check_antivirus (SkAntivirus *antivirus, JsonArray *checks, void (*done) (gpointer data),
                                gpointer data);
/* What a probe that came to this means. */
void sk_doctor_judge_scanner (const char *address, gboolean configured, const SkScan *said, gint64 now,
                              JsonArray *checks);
/* A domain's XML against the list of devices that a VM may have. NULL, or a new string naming the first that
 * it may not. */
char *sk_doctor_judge_domain (const char *xml, const char *network);

/* doctor-guest.c: what a guest says of itself, untrusted: it can only make its own result worse or better,
 * and a guest that was just booted from our image has no reason yet to lie. NULL, or a new string naming the
 * first line that should not be there. */
char *sk_doctor_judge_inventory (char **untrusted_lines, gboolean has_network);
