/* sekisho-inspect's life: one job from the control socket, one content, one answer. Blocking calls, one
 * thread; the core's deadline is what ends it when it takes too long. */
#pragma once
#include "common/sandbox.h"
#include "inspect/rebuild.h"

extern const SkSandboxProfile sk_inspect_cage;

/* Reads the content to its end, builds it anew into out, closes both. */
void
sk_inspect_work (SkRebuild *r, guint64 bytes_max, int take_in_fd, int take_out_fd, guint64 *ret_bytes_in);
/* As the line people see when they run it alone: one word a field, one line a finding. */
char *sk_inspect_describe (const SkRebuild *r, guint64 bytes_in);
/* The exit status: 0 when an answer was given, or the core went away before there was a job. */
int sk_inspect_serve (int control);
