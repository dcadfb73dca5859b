/* A recording in a window: pause, speed, going back and forth, what was pressed. Main thread. */
#pragma once
#include "replay/stream.h"

/* All of it is read first, so that one can go back: an hour of work takes some 100 MB, and a file from a
 * broken view must not take all memory. */
#define SK_REPLAY_BYTES_MAX (G_GUINT64_CONSTANT (2) << 30)

/* Until the window is closed; returns the program's status. Takes the stream over. */
int sk_replay_window (SkReplayStream *take_stream, const char *title);
