/* sekishod as a service: its folders, its lock, its place in systemd. */
#pragma once
#include "core/config.h"

/* Makes state and runtime folders, and takes the lock that keeps a second sekishod off the same state.
 * Returns the lock's descriptor (kept open for life), -1 with SK_ERROR_CONFLICT when another one runs. */
int sk_service_prepare (const SkConfig *config, GError **error);

/* The socket that systemd listens on for us, or -1. SK_ERROR_INVALID when it passed something else. */
gboolean sk_service_socket (int *ret_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tells systemd that we are ready and, as long as the main loop turns, alive. Nothing without systemd. */
void sk_service_ready (void);
void sk_service_stopping (void);
