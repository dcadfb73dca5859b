/* channel-guest CERT.pem KEY.pem: a guest's RDP server that tries every virtual channel there is, on a free
 * port of the loopback. Serves one connection. Lines on standard output:
 *
 *   port N              listening
 *   joined NAME         a static channel that the client asked for
 *   dynamic NAME yes|no whether the client has this dynamic channel
 *   done                it has answered for all of them
 *   closed              the connection ended */
#include "channels.h"
#include <arpa/inet.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
#include <freerdp/settings.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <winpr/wtsapi.h>

#define HANDLES 32

static gboolean activated;
static guint answered;
static HANDLE opened[G_N_ELEMENTS (dynamic_channels)];
static guint32 ids[G_N_ELEMENTS (dynamic_channels)];

static BOOL
on_logon (freerdp_peer *peer, const SEC_WINNT_AUTH_IDENTITY *identity, BOOL automatic)
{
  return TRUE;
}

static BOOL
on_post_connect (freerdp_peer *peer)
{
  size_t n = 0;
  char **names = WTSGetAcceptedChannelNames (peer, &n);
  for (size_t i = 0; names && i < n; i++)
    printf ("joined %.8s\n", names[i]);
  free (names);
  return TRUE;
}

static BOOL
on_activate (freerdp_peer *peer)
{
  activated = TRUE;
  return TRUE;
}

static BOOL
on_created (void *data, UINT32 id, INT32 status)
{
  for (guint i = 0; i < G_N_ELEMENTS (dynamic_channels); i++)
    if (opened[i] && ids[i] == id)
      {
        printf ("dynamic %s %s\n", dynamic_channels[i], status < 0 ? "no" : "yes");
        answered++;
      }
  return TRUE;
}

static gboolean
open_all (HANDLE vcm)
{
  void *session = NULL;
  DWORD id = 0, length = 0;
  if (!WTSQuerySessionInformationA (vcm, WTS_CURRENT_SESSION, WTSSessionId, (LPSTR *) &session, &length))
    return FALSE;
  memcpy (&id, session, MIN (sizeof id, length));
  WTSFreeMemory (session);
  for (guint i = 0; i < G_N_ELEMENTS (dynamic_channels); i++)
    {
      opened[i] = WTSVirtualChannelOpenEx (id, (LPSTR) dynamic_channels[i], WTS_CHANNEL_OPTION_DYNAMIC);
      if (!opened[i])
        return FALSE;
      ids[i] = WTSChannelGetIdByHandle (opened[i]);
    }
  return TRUE;
}

static gboolean
load (rdpSettings *s, const char *certificate, const char *key)
{
  rdpCertificate *c = freerdp_certificate_new_from_file (certificate);
  rdpPrivateKey *k = freerdp_key_new_from_file (key);
  return c && k && freerdp_settings_set_pointer_len (s, FreeRDP_RdpServerCertificate, c, 1)
         && freerdp_settings_set_pointer_len (s, FreeRDP_RdpServerRsaKey, k, 1)
         && freerdp_settings_set_bool (s, FreeRDP_NlaSecurity, FALSE)
         && freerdp_settings_set_bool (s, FreeRDP_RdpSecurity, FALSE)
         && freerdp_settings_set_bool (s, FreeRDP_TlsSecurity, TRUE)
         && freerdp_settings_set_bool (s, FreeRDP_NetworkAutoDetect, FALSE)
         && freerdp_settings_set_bool (s, FreeRDP_SupportHeartbeatPdu, FALSE)
         && freerdp_settings_set_bool (s, FreeRDP_SupportMultitransport, FALSE)
         && freerdp_settings_set_uint32 (s, FreeRDP_EncryptionLevel, ENCRYPTION_LEVEL_NONE)
         && freerdp_settings_set_uint32 (s, FreeRDP_ColorDepth, 32);
}

static int
accept_one (void)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof a;
  const int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind (fd, (struct sockaddr *) &a, sizeof a) || listen (fd, 1)
      || getsockname (fd, (struct sockaddr *) &a, &length))
    return -1;
  printf ("port %u\n", ntohs (a.sin_port));
  const int accepted = accept (fd, NULL, NULL);
  close (fd);
  return accepted;
}

static void
serve (freerdp_peer *peer, HANDLE vcm)
{
  gboolean tried = FALSE, told = FALSE;
  for (;;)
    {
      HANDLE handles[HANDLES];
      DWORD n = peer->GetEventHandles (peer, handles, HANDLES - 1);
      handles[n++] = WTSVirtualChannelManagerGetEventHandle (vcm);
      if (n <= 1 || WaitForMultipleObjects (n, handles, FALSE, INFINITE) == WAIT_FAILED
          || !peer->CheckFileDescriptor (peer))
        return;
      if (!activated || !WTSVirtualChannelManagerIsChannelJoined (vcm, DRDYNVC_SVC_CHANNEL_NAME))
        continue; /* nothing before the licence */
      if (!WTSVirtualChannelManagerCheckFileDescriptor (vcm))
        return;
      if (!tried && WTSVirtualChannelManagerGetDrdynvcState (vcm) == DRDYNVC_STATE_READY)
        {
          tried = TRUE;
          if (!open_all (vcm))
            return;
        }
      if (tried && !told && answered == G_N_ELEMENTS (dynamic_channels))
        {
          told = TRUE;
          puts ("done");
        }
    }
}

int
main (int argc, char **argv)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (argc != 3)
    return 64;
  WTSRegisterWtsApiFunctionTable (FreeRDP_InitWtsApi ());
  const int fd = accept_one ();
  freerdp_peer *peer = fd >= 0 ? freerdp_peer_new (fd) : NULL;
  if (!peer || !freerdp_peer_context_new (peer) || !load (peer->context->settings, argv[1], argv[2]))
    return 1;
  peer->Logon = on_logon;
  peer->PostConnect = on_post_connect;
  peer->Activate = on_activate;
  HANDLE vcm = WTSOpenServerA ((LPSTR) peer->context);
  if (!vcm || vcm == INVALID_HANDLE_VALUE || !peer->Initialize (peer))
    return 1;
  WTSVirtualChannelManagerSetDVCCreationCallback (vcm, on_created, NULL);
  serve (peer, vcm);
  puts ("closed");
  return 0;
}
