/* One connection's context: made and warmed up before there is anything to connect to, because all of it
 * would otherwise be waited for between the click and the picture. RDP thread. */
#include "desktop/rdp-private.h"
#include <freerdp/addin.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/codecs.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/settings.h>
#include <freerdp/transport_io.h>
#include <openssl/ssl.h>
#include <winpr/crypto.h>
#include <winpr/ssl.h>

/* -- codecs ---------------------------------------------------------------------------------------------- */

/* The library would make all its codecs anew while it connects, the planar one with 20 bytes for every pixel
 * of the desktop, all touched: 15 ms. Ours are the three that can occur. */
#define CODECS (FREERDP_CODEC_REMOTEFX | FREERDP_CODEC_PLANAR | FREERDP_CODEC_INTERLEAVED)
#define CODECS_SIDE 64

static gboolean
prepare_codecs (rdpContext *context)
{
  const UINT32 threading = freerdp_settings_get_uint32 (context->settings, FreeRDP_ThreadingFlags);
  context->codecs = freerdp_client_codecs_new (threading);
  return context->codecs && freerdp_client_codecs_prepare (context->codecs, CODECS, CODECS_SIDE, CODECS_SIDE);
}

/* Bitmaps may be as large as the desktop; a view that sends RemoteFX never gets here. */
static BOOL
on_bitmap_update (rdpContext *context, const BITMAP_UPDATE *update)
{
  SkRdpContext *self = sk_rdp_context_of (context);
  guint width = context->gdi->width, height = context->gdi->height;
  if (self->planar_width < width || self->planar_height < height)
    {
      self->planar_width = width;
      self->planar_height = height;
      if (!freerdp_client_codecs_reset (context->codecs, FREERDP_CODEC_PLANAR, width, height))
        return FALSE;
    }
  return self->gdi_bitmap_update (context, update);
}

/* -- pictures' memory ------------------------------------------------------------------------------------ */

/* A fresh allocation costs a page fault every 4 KiB at first touch: 3 ms for a desktop. */
static void
prepare_pixels (SkRdpContext *self)
{
  SkRdpClient *client = self->client;
  gsize size = (gsize) client->expected_width * client->expected_height * 4;
  if (size == 0)
    return;
  self->gdi_memory = winpr_aligned_malloc (size, 32);
  if (self->gdi_memory)
    memset (self->gdi_memory, 0, size);
  sk_pixels_reserve (client->pixels, client->expected_width, client->expected_height);
}

static gboolean
init_gdi (freerdp *instance)
{
  SkRdpContext *self = sk_rdp_context_of (instance->context);
  const SkRdpClient *client = self->client;
  rdpSettings *settings = instance->context->settings;
  gboolean fits
      = self->gdi_memory
        && (int) freerdp_settings_get_uint32 (settings, FreeRDP_DesktopWidth) == client->expected_width
        && (int) freerdp_settings_get_uint32 (settings, FreeRDP_DesktopHeight) == client->expected_height;
  if (!fits)
    return gdi_init (instance, PIXEL_FORMAT_BGRX32);
  BYTE *pixels = g_steal_pointer (&self->gdi_memory);
  return gdi_init_ex (instance, PIXEL_FORMAT_BGRX32, client->expected_width * 4, pixels, winpr_aligned_free);
}

/* -- callbacks ------------------------------------------------------------------------------------------- */

/* Gives the stream, once: what failed is tried again with a new ticket, never with a used descriptor. */
static int
on_tcp_connect (rdpContext *context, rdpSettings *settings, const char *host, int port, DWORD timeout)
{
  SkRdpClient *client = sk_rdp_context_of (context)->client;
  if (client->fd_given || !freerdp_settings_set_bool (settings, FreeRDP_DeactivateClientDecoding, FALSE))
    return -1;
  client->fd_given = TRUE;
  return client->target.fd;
}

/* Only reached when the fingerprint was not the ticket's. */
static DWORD
on_certificate (freerdp *instance, const char *host, UINT16 port, const char *name, const char *subject,
                const char *issuer, const char *fingerprint, DWORD flags)
{
  SkRdpContext *self = sk_rdp_context_of (instance->context);
  if (!self->client->target.fingerprint && self->client->target.accept_any)
    return 2; /* for this connection only */
  self->certificate_refused = TRUE;
  return 0;
}

static DWORD
on_changed_certificate (freerdp *instance, const char *host, UINT16 port, const char *name,
                        const char *subject, const char *issuer, const char *fingerprint,
                        const char *old_subject, const char *old_issuer, const char *old_fingerprint,
                        DWORD flags)
{
  return on_certificate (instance, host, port, name, subject, issuer, fingerprint, flags);
}

static void
on_channel_connected (void *data, const ChannelConnectedEventArgs *event)
{
  rdpContext *context = data;
  if (g_strcmp0 (event->name, DISP_DVC_CHANNEL_NAME) == 0)
    sk_rdp_set_disp (context, event->pInterface);
}

static void
on_channel_disconnected (void *data, const ChannelDisconnectedEventArgs *event)
{
  rdpContext *context = data;
  if (g_strcmp0 (event->name, DISP_DVC_CHANNEL_NAME) == 0)
    sk_rdp_set_disp (context, NULL);
}

static BOOL
on_pre_connect (freerdp *instance)
{
  rdpContext *context = instance->context;
  freerdp_settings_set_uint32 (context->settings, FreeRDP_OsMajorType, OSMAJORTYPE_UNIX);
  /* Here, because the library sets its own wishes just before. */
  return sk_rdp_offer_orders (context->settings)
         && PubSub_SubscribeChannelConnected (context->pubSub, on_channel_connected) >= 0
         && PubSub_SubscribeChannelDisconnected (context->pubSub, on_channel_disconnected) >= 0;
}

/* The library would load what its settings ask for and more; we load the one we want, by name, and add sound
 * and clipboard without a plug-in. */
static BOOL
on_load_channels (freerdp *instance)
{
  rdpContext *context = instance->context;
  const char *const disp[] = { DISP_CHANNEL_NAME };
  union
  {
    PVIRTUALCHANNELENTRY plain;
    PVIRTUALCHANNELENTRYEX ex;
  } entry;
  if (!freerdp_client_add_dynamic_channel (context->settings, G_N_ELEMENTS (disp), disp))
    return FALSE;
  entry.plain = freerdp_load_channel_addin_entry (
      DRDYNVC_SVC_CHANNEL_NAME, NULL, NULL, FREERDP_ADDIN_CHANNEL_STATIC | FREERDP_ADDIN_CHANNEL_ENTRYEX);
  return entry.plain
         && freerdp_channels_client_load_ex (context->channels, context->settings, entry.ex,
                                             context->settings)
                == 0
         && sk_rdp_sound_install (instance) && sk_rdp_clip_install (instance);
}

static BOOL
on_post_connect (freerdp *instance)
{
  rdpUpdate *update = instance->context->update;
  SkRdpContext *self = sk_rdp_context_of (instance->context);
  if (!init_gdi (instance) || !sk_rdp_start_drawing (instance))
    return FALSE;
  self->gdi_bitmap_update = update->BitmapUpdate;
  update->BitmapUpdate = on_bitmap_update;
  return TRUE;
}

static void
on_post_disconnect (freerdp *instance)
{
  gdi_free (instance);
}

static BOOL
on_client_new (freerdp *instance, rdpContext *context)
{
  instance->LoadChannels = on_load_channels;
  instance->PreConnect = on_pre_connect;
  instance->PostConnect = on_post_connect;
  instance->PostDisconnect = on_post_disconnect;
  instance->VerifyCertificateEx = on_certificate;
  instance->VerifyChangedCertificateEx = on_changed_certificate;
  instance->AuthenticateEx = NULL; /* no NLA, nothing to ask */
  return TRUE;
}

static void
on_client_free (freerdp *instance, rdpContext *context)
{
}

static BOOL
on_global_init (void)
{
  return TRUE;
}

static void
on_global_uninit (void)
{
}

static int
on_start_stop (rdpContext *context)
{
  return 0;
}

static gboolean
set_io (rdpContext *context)
{
  rdpTransportIo io = *freerdp_get_io_callbacks (context);
  io.TCPConnect = on_tcp_connect;
  return freerdp_set_io_callbacks (context, &io);
}

/* Reads OpenSSL's configuration, loads its modules and fills its tables. */
static void
warm_up_tls (void)
{
  winpr_InitializeSSL (WINPR_SSL_INIT_DEFAULT);
  SSL_CTX *throwaway = SSL_CTX_new (TLS_client_method ());
  SSL_CTX_free (throwaway);
}

rdpContext *
sk_rdp_context_new (SkRdpClient *client)
{
  RDP_CLIENT_ENTRY_POINTS entry = {
    .Size = sizeof entry,
    .Version = RDP_CLIENT_INTERFACE_VERSION,
    .ContextSize = sizeof (SkRdpContext),
    .GlobalInit = on_global_init,
    .GlobalUninit = on_global_uninit,
    .ClientNew = on_client_new,
    .ClientFree = on_client_free,
    .ClientStart = on_start_stop,
    .ClientStop = on_start_stop,
  };
  rdpContext *context = freerdp_client_context_new (&entry);
  if (!context)
    return NULL;
  ((SkRdpContext *) context)->client = client;
  if (!sk_rdp_apply_offers (context->settings) || !set_io (context) || !prepare_codecs (context))
    {
      sk_rdp_context_free (context);
      return NULL;
    }
  prepare_pixels (sk_rdp_context_of (context));
  warm_up_tls ();
  return context;
}

void
sk_rdp_context_free (rdpContext *context)
{
  BYTE *unused = sk_rdp_context_of (context)->gdi_memory;
  SkRdpSound *sound = sk_rdp_context_of (context)->sound;
  SkRdpClip *clip = sk_rdp_context_of (context)->clip;
  /* A connection that was made has freed and cleared them. */
  freerdp_client_codecs_free (context->codecs);
  context->codecs = NULL;
  freerdp_client_context_free (context);
  sk_rdp_sound_free (sound);
  sk_rdp_clip_free (clip);
  winpr_aligned_free (unused);
}
