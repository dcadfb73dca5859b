/* Bytes of a transfer over an upgraded connection, in pieces, with a limit on silence and a way to stop.
 * Blocking; any thread. Errors: SK_ERROR_PEER_LOST, SK_ERROR_TIMEOUT, SK_ERROR_CANCELLED. */
#pragma once
#include <gio/gio.h>

/* One read or write: large enough that system calls do not count, small enough that progress is seen. */
#define SK_CONTENT_PIECE (256 * 1024)
/* A broker that takes or gives nothing for so long hangs; what was durable by then is taken up again. */
#define SK_CONTENT_SECONDS 60

gboolean sk_content_write (int fd, const void *data, gsize length, GCancellable *cancellable,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* As much as there is, at most length; 0 = the other side closed, -1 = error. */
gssize sk_content_read (int fd, void *buffer, gsize length, GCancellable *cancellable, GError **error);
