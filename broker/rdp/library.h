/* FreeRDP as both workers want it: quiet, quick to start, nothing left to load later. */
#pragma once
#include "rdp/worker.h"
#include <freerdp/freerdp.h>
#include <poll.h>

/* Before any other FreeRDP call, on the main thread, before the sandbox is closed. FreeRDP's log lines
 * (warnings and worse; verbose: information as well) become LOG messages of the worker. */
gboolean sk_library_init (SkWorker *worker, gboolean verbose, GError **error);

/* Events of FreeRDP that a loop waits for: transport, channels, abort, and some to spare. */
#define SK_LIBRARY_EVENTS_MAX 16
/* Appends the descriptors behind handles to fds (room for n more); returns how many. */
guint sk_library_poll_fds (HANDLE *handles, DWORD n, struct pollfd *fds);

/* Client: asks for one more static channel, before connecting. What it carries goes to the caller's
 * ReceiveChannelData, no plug-in of FreeRDP hears it. */
gboolean sk_library_add_channel (rdpSettings *settings, const char *name);

/* Virtual channel messages larger than this are no business of display control, the only channel of FreeRDP's
 * ([MS-RDPEDISP] 2.2.2.2: 16 monitors are 656 bytes); FreeRDP would allocate what the peer announces. */
#define SK_CHANNEL_TOTAL_MAX 65536
