/* The viewer leg's virtual channels: display control and, for viewers that need it, the graphics pipeline
 * (view-gfx.c) inside drdynvc, sound (view-sound.c) and the clipboard (view-clip.c) where they are allowed;
 * every other one stays closed.
 * Peer thread. */
#include "rdp/disp.h"
#include "rdp/library.h"
#include "rdp/view.h"
#include <freerdp/channels/channels.h>
#include <freerdp/channels/disp.h>
#include <freerdp/channels/drdynvc.h>
#include <string.h>
#include <winpr/wtsapi.h>

/* Names come from the viewer; FreeRDP keeps eight bytes and a NUL of each. */
static gboolean
is_ours (freerdp_peer *peer, UINT16 channel)
{
  const char *name = WTSChannelGetName (peer, channel);
  return name && strcmp (name, DRDYNVC_SVC_CHANNEL_NAME) == 0;
}

static BOOL
on_channel_data (freerdp_peer *peer, UINT16 channel, const BYTE *data, size_t size, UINT32 flags,
                 size_t total)
{
  SkView *v = ((SkViewContext *) peer->context)->view;
  if (sk_view_sound_take (v, channel, data, size, flags)
      || sk_view_clip_take (v, channel, data, size, flags, total) || !is_ours (peer, channel))
    return TRUE; /* nobody else listens */
  if (flags & CHANNEL_FLAG_FIRST)
    v->channel_bytes = 0;
  v->channel_bytes += size;
  if (total <= SK_CHANNEL_TOTAL_MAX && v->channel_bytes <= SK_CHANNEL_TOTAL_MAX)
    return v->channel_data (peer, channel, data, size, flags, total);
  sk_worker_log (v->worker, G_LOG_LEVEL_WARNING, "the viewer announces a channel message of %zu bytes",
                 total);
  return FALSE;
}

gboolean
sk_view_channels_open (SkView *v)
{
  if (!WTSRegisterWtsApiFunctionTable (FreeRDP_InitWtsApi ()))
    return FALSE;
  v->vcm = WTSOpenServerA ((LPSTR) v->peer->context);
  if (!v->vcm || v->vcm == INVALID_HANDLE_VALUE)
    return FALSE;
  v->channel_data = v->peer->ReceiveChannelData;
  v->peer->ReceiveChannelData = on_channel_data;
  return TRUE;
}

void
sk_view_channels_refuse (SkView *v)
{
  size_t n = 0;
  char **names = WTSGetAcceptedChannelNames (v->peer, &n);
  const char *sound = sk_view_sound_open (v) ? SK_SOUND_CHANNEL : NULL;
  const char *clip = sk_view_clip_open (v) ? SK_CLIP_CHANNEL : NULL;
  for (size_t i = 0; names && i < n; i++)
    if (names[i] && strcmp (names[i], DRDYNVC_SVC_CHANNEL_NAME) != 0 && g_strcmp0 (names[i], sound) != 0
        && g_strcmp0 (names[i], clip) != 0)
      sk_worker_log (v->worker, G_LOG_LEVEL_MESSAGE, "refused channel: %.8s", names[i]);
  free (names);
}

guint
sk_view_channels_handles (SkView *v, HANDLE *handles)
{
  guint n = 0;
  handles[n++] = WTSVirtualChannelManagerGetEventHandle (v->vcm);
  if (v->disp_event)
    handles[n++] = v->disp_event;
  if (v->gfx_event)
    handles[n++] = v->gfx_event;
  return n;
}

static HANDLE
event_of (HANDLE channel)
{
  void *buffer = NULL;
  DWORD n = 0;
  HANDLE event = NULL;
  if (!WTSVirtualChannelQuery (channel, WTSVirtualEventHandle, &buffer, &n))
    return NULL;
  if (n == sizeof event)
    memcpy (&event, buffer, sizeof event);
  WTSFreeMemory (buffer);
  return event;
}

HANDLE
sk_view_channel_open (SkView *v, const char *name, HANDLE *ret_event)
{
  void *session = NULL;
  DWORD n = 0;
  *ret_event = NULL;
  if (!WTSQuerySessionInformationA (v->vcm, WTS_CURRENT_SESSION, WTSSessionId, (LPSTR *) &session, &n))
    return NULL;
  DWORD id = 0;
  memcpy (&id, session, MIN (sizeof id, n));
  WTSFreeMemory (session);
  HANDLE channel = WTSVirtualChannelOpenEx (id, (LPSTR) name, WTS_CHANNEL_OPTION_DYNAMIC);
  if (channel)
    *ret_event = event_of (channel);
  return channel;
}

static void
open_disp (SkView *v)
{
  v->disp_tried = TRUE;
  v->disp = sk_view_channel_open (v, DISP_DVC_CHANNEL_NAME, &v->disp_event);
  if (!v->disp)
    return;
  guint8 caps[SK_DISP_CAPS_BYTES];
  ULONG written = 0;
  sk_disp_write_caps (caps);
  if (!WTSVirtualChannelWrite (v->disp, (PCHAR) caps, sizeof caps, &written))
    sk_worker_log (v->worker, G_LOG_LEVEL_MESSAGE, "display control: cannot write");
}

/* A viewer whose window is being dragged sends many; the screen keeps the last. */
static void
read_disp (SkView *v)
{
  guint8 untrusted[1024];
  ULONG n = 0;
  while (v->disp && WTSVirtualChannelRead (v->disp, 0, (PCHAR) untrusted, sizeof untrusted, &n) && n > 0)
    {
      SkMonitors monitors;
      if (sk_disp_parse_layout (untrusted, MIN (n, sizeof untrusted), &monitors))
        {
          sk_view_ask_monitors (v, &monitors);
          sk_view_tell_scale (v, monitors.scale);
        }
      else
        sk_worker_log (v->worker, G_LOG_LEVEL_MESSAGE, "display control: bad layout of %lu bytes",
                       (gulong) n);
    }
}

gboolean
sk_view_channels_check (SkView *v)
{
  if (!WTSVirtualChannelManagerIsChannelJoined (v->vcm, DRDYNVC_SVC_CHANNEL_NAME))
    return TRUE;
  if (!WTSVirtualChannelManagerCheckFileDescriptor (v->vcm))
    return FALSE;
  if (WTSVirtualChannelManagerGetDrdynvcState (v->vcm) != DRDYNVC_STATE_READY)
    return TRUE;
  if (!v->disp_tried)
    open_disp (v);
  read_disp (v);
  return sk_view_gfx_check (v);
}

void
sk_view_channels_close (SkView *v)
{
  if (v->disp && !WTSVirtualChannelClose (v->disp))
    sk_worker_log (v->worker, G_LOG_LEVEL_INFO, "display control: close");
  v->disp = v->disp_event = NULL;
  sk_view_gfx_close (v);
  if (v->vcm)
    WTSCloseServer (v->vcm);
  v->vcm = NULL;
}
