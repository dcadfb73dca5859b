/* The plumbing of rdp-box: listening, and the guest's end of the relay. */
#pragma once
#include <gio/gio.h>

/* HOST:PORT or the path of a unix socket. */
int sk_box_listen (const char *where, GError **error);

/* Starts a thread that speaks relay frames (wire/agent.h) and connects to the guest when told to, as the
 * agent of a VM does. Returns the host's end of the port. */
int sk_box_relay_start (const char *guest, GError **error);
