/* The RDP thread: prepares, waits for a target, connects, runs. The entry of sekisho-rdp.so. */
#include "desktop/rdp-private.h"
#include "desktop/timing.h"
#include <freerdp/freerdp.h>
#include <freerdp/primitives.h>
#include <winpr/wlog.h>

/* FreeRDP would spend 0.3 s and more measuring its own code at first use; and it logs in English to the
 * terminal what concerns nobody there. Both have to be said before any other call of it. */
static void
prepare_library (void)
{
  static gsize once = 0;
  if (!g_once_init_enter (&once))
    return;
  primitives_set_hints (PRIMITIVES_ONLY_CPU);
  WLog_SetLogLevel (WLog_GetRoot (), g_getenv ("SEKISHO_DEBUG") ? WLOG_INFO : WLOG_OFF);
  g_once_init_leave (&once, 1);
}

static void
run_connection (SkRdpClient *client, rdpContext *context)
{
  freerdp *instance = context->instance;
  sk_rdp_set_state (client, SK_RDP_HANDSHAKE);
  if (!sk_rdp_apply_target (&client->target, context->settings) || !freerdp_connect (instance))
    {
      gboolean refused = sk_rdp_context_of (context)->certificate_refused;
      sk_rdp_fail (client, refused ? SK_ERROR_FORBIDDEN : SK_ERROR_PEER_LOST,
                   freerdp_get_last_error_string (freerdp_get_last_error (context)));
      return;
    }
  sk_timing_mark (SK_PHASE_RDP_CONNECTED);
  sk_rdp_set_state (client, SK_RDP_CONNECTED);
  if (!sk_rdp_pump (instance))
    sk_rdp_fail (client, SK_ERROR_PEER_LOST,
                 freerdp_get_last_error_string (freerdp_get_last_error (context)));
  freerdp_disconnect (instance);
}

void
sk_rdp_backend_run (SkRdpClient *client)
{
  sk_timing_mark (SK_PHASE_RDP_LOADED);
  prepare_library ();
  rdpContext *context = sk_rdp_context_new (client);
  if (!context)
    {
      sk_rdp_fail (client, SK_ERROR_INTERNAL, "freerdp_client_context_new");
      return;
    }
  sk_rdp_set_state (client, SK_RDP_PREPARED);
  if (sk_rdp_wait_for_target (client))
    run_connection (client, context);
  sk_rdp_context_free (context);
}
