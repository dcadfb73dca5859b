/* The plumbing of rdp-box: listening, and the guest's end of the relay. */
#pragma once
#include "wire/control.h"
#include <gio/gio.h>

/* HOST:PORT or the path of a unix socket. */
int sk_box_listen (const char *where, GError **error);

/* What either side copies. Without a folder it is copied to the other side as it is: the least that a
 * clipboard can take. With one it is a transfer, by the rules of DIR/policies, and SIGUSR1 approves what is
 * held; the state is in DIR. set: CLIP_SET for the screen, or for the views. */
typedef void (*SkBoxClipSet) (gboolean to_screen, const SkMessage *m, int fd, gpointer data);
gboolean sk_box_clip_start (const char *folder, SkBoxClipSet set, gpointer data, GError **error);
void sk_box_clip_offer (gboolean from_screen, const SkMessage *untrusted, int take_pipe);
void sk_box_clip_end (void);

/* Starts a process that speaks relay frames (wire/agent.h) and connects to the guest when told to, as the
 * agent of a VM does; like a VM it outlives the box. Ends with the port. Returns the host's end of it. */
int sk_box_relay_start (const char *guest, GError **error);
