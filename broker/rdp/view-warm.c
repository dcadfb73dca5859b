/* What would be loaded, parsed or computed late is done once while the view is a spare: before its sandbox is
 * closed, and before anybody waits for it. Main thread. */
#include "common/error.h"
#include "common/fd.h"
#include "rdp/view.h"
#include <sys/socket.h>

/* A peer that never speaks: FreeRDP reads its settings and looks up what it finds on the machine. */
static gboolean
warm_peer (void)
{
  int pair[2];
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return FALSE;
  freerdp_peer *peer = freerdp_peer_new (pair[0]);
  gboolean done = peer && freerdp_peer_context_new (peer);
  if (done)
    freerdp_peer_context_free (peer);
  freerdp_peer_free (peer);
  sk_clear_fd (&pair[1]);
  return done;
}

gboolean
sk_view_prepare (SkView *v, GError **error)
{
  if (warm_peer ())
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "FreeRDP peer");
  return FALSE;
}
