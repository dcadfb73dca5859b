/* What the guest sees of its machine, for doctor: one "class: text" line each (classes pci, virtio, port,
 * block, net, mount, route). */
#pragma once
#include <gio/gio.h>

/* NULL-terminated; never more than one frame of the agent port holds. root: "" or, in tests, a copy of /sys
 * and /proc. */
char **sk_inventory (const char *root);
