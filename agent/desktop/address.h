/* Developer's way round the broker: connects to an RDP address given on the command line. */
#pragma once
#include <gio/gio.h>

/* "unix:/path" or "host:port". Returns a connected stream (the caller's, close-on-exec). */
int sk_address_connect (const char *address, GError **error);
