/* The plumbing of rdp-box: listening, and the guest's end of the relay. */
#pragma once
#include <gio/gio.h>

/* HOST:PORT or the path of a unix socket. */
int sk_box_listen (const char *where, GError **error);

/* A clipboard's content out of a worker's pipe into sealed memory; -1 with an error. */
int sk_box_clip_take (int untrusted_pipe, gsize bytes, GError **error);

/* Starts a process that speaks relay frames (wire/agent.h) and connects to the guest when told to, as the
 * agent of a VM does; like a VM it outlives the box. Ends with the port. Returns the host's end of it. */
int sk_box_relay_start (const char *guest, GError **error);
