/* The VM's RDP port as a FreeRDP transport: relay frames (wire/agent.h) under the guest's TLS stream.
 *
 * Everything runs on the screen's RDP thread, inside FreeRDP's read, write and wait. What comes out of the
 * port is the guest's: a frame that does not parse ends the connection. */
#pragma once
#include "rdp/worker.h"
#include <freerdp/freerdp.h>

typedef struct _SkRelay SkRelay;

/* stream becomes the relay's. */
SkRelay *sk_relay_new (SkWorker *worker, int stream);
/* Makes FreeRDP of this context connect through the relay. */
gboolean sk_relay_install (SkRelay *relay, rdpContext *context);

int sk_relay_fd (const SkRelay *relay);
/* FreeRDP has read all there was for now; reset by sk_relay_rearm(). */
gboolean sk_relay_is_drained (const SkRelay *relay);
void sk_relay_rearm (SkRelay *relay);
/* Bytes accepted from FreeRDP that the port did not take yet: wait for POLLOUT, then flush. */
gboolean sk_relay_wants_write (const SkRelay *relay);
gboolean sk_relay_flush (SkRelay *relay);
