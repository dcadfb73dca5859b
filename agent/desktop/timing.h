/* Phase times of one click, for tests/bench. Off unless SEKISHO_TIMING names a file: then one JSON line a
 * phase is appended, {"phase":"main","us":…,"pid":…}, us = CLOCK_MONOTONIC in microseconds.
 *
 * Any thread. Each phase is written once a click (sk_timing_restart()), so call sites need no guard. */
#pragma once
#include <glib.h>

typedef enum
{
  SK_PHASE_CLICK,         /* $SEKISHO_TIMING_T0: when the caller started us; exact, if the caller gave it */
  SK_PHASE_PROCESS_START, /* from /proc/self/stat: the kernel's clock ticks, so only to 10 ms */
  SK_PHASE_MAIN,
  SK_PHASE_API_SENT,
  SK_PHASE_API_ANSWERED,
  SK_PHASE_UPGRADED,
  SK_PHASE_GTK_LOADED,
  SK_PHASE_RDP_LOADED,
  SK_PHASE_WINDOW, /* the window was shown for the first time */
  SK_PHASE_RDP_CONNECTED,
  SK_PHASE_FIRST_FRAME, /* a whole picture is in the viewer's own memory */
  SK_PHASE_FIRST_PAINT, /* GTK finished painting it */
  _SK_PHASE_LAST
} SkPhase;

/* First thing in main(). */
void sk_timing_init (void);
void sk_timing_mark (SkPhase phase);
/* The next click of a resident program: every phase may be written again, starting with MAIN now. */
void sk_timing_restart (void);
const char *sk_timing_word (SkPhase phase);
gint64 sk_timing_now_us (void);
