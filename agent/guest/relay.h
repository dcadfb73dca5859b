/* The relay between the RDP port and the guest's RDP server on 127.0.0.1 (PROTOCOL.md, "RDP port").
 *
 *   closed ──RESET──▶ idle ──OPEN──▶ connecting ──server accepted──▶ open ──CLOSE / end of file──▶ idle
 *   any ──host lost──▶ closed
 *
 * Not a byte of RDP is looked at. Main context's thread. */
#pragma once
#include "port.h"

typedef struct _SkRelay SkRelay;

/* path as for sk_port_new(); tcp_port: where the guest's RDP server will listen. */
SkRelay *sk_relay_new (const char *path, guint16 tcp_port);
/* fd: a stand-in for the port, becomes the relay's. */
SkRelay *sk_relay_new_for_fd (int fd, guint16 tcp_port);
void sk_relay_free (SkRelay *relay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkRelay, sk_relay_free)
