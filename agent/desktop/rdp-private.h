/* Between rdp-backend.c (a connection's life), rdp-connect.c (its context), rdp-settings.c (what is offered),
 * rdp-gdi.c (pictures, pointers), rdp-sound.c, rdp-clip.c and rdp-input.c (sending). Everything here is the
 * RDP thread's.
 */
#pragma once
#include "desktop/rdp-shared.h"
#include <fcntl.h>
#include <freerdp/client.h>
#include <freerdp/client/disp.h>
#include <freerdp/input.h>

typedef struct _SkRdpSound SkRdpSound;
typedef struct _SkRdpClip SkRdpClip;

typedef struct
{
  rdpClientContext common; /* FreeRDP's; has to be first */
  SkRdpClient *client;
  gboolean certificate_refused;
  gboolean in_frame; /* between the server's frame markers */
  gboolean has_picture;
  gboolean input_ended; /* the client is being freed: no more is sent */
  SkRect pending[SK_PIXELS_RECTS_MAX];
  guint n_pending;
  BYTE *gdi_memory; /* for the library's picture, if it gets the expected size */
  guint planar_width, planar_height;
  BOOL (*gdi_bitmap_update) (rdpContext *, const BITMAP_UPDATE *);
  BOOL (*gdi_frame_marker) (rdpContext *, const SURFACE_FRAME_MARKER *);
  DispClientContext *disp;
  SkRdpCommand wanted_size; /* kept until display control is there */
  SkRdpSound *sound;        /* NULL: not wanted */
  SkRdpClip *clip;          /* NULL: not wanted */
} SkRdpContext;

static inline SkRdpContext *
sk_rdp_context_of (rdpContext *context)
{
  return (SkRdpContext *) context;
}

rdpContext *sk_rdp_context_new (SkRdpClient *client);
void sk_rdp_context_free (rdpContext *context);
gboolean sk_rdp_apply_offers (rdpSettings *settings);
gboolean sk_rdp_offer_orders (rdpSettings *settings);
gboolean sk_rdp_apply_target (const SkRdpTarget *target, rdpSettings *settings);

/* In LoadChannels: asks for the channel, if the target names a player. */
gboolean sk_rdp_sound_install (freerdp *instance);
void sk_rdp_sound_free (SkRdpSound *sound);

/* In LoadChannels: asks for the channel, unless the target wants no clipboard. */
gboolean sk_rdp_clip_install (freerdp *instance);
void sk_rdp_clip_free (SkRdpClip *clip);
/* Does what is due; ms until the next time, INFINITE: none. */
DWORD sk_rdp_clip_turn (SkRdpClip *clip);

/* In PostConnect. */
gboolean sk_rdp_start_drawing (freerdp *instance);

/* Runs until the connection is over. TRUE when the peer or we ended it in good order. */
gboolean sk_rdp_pump (freerdp *instance);
void sk_rdp_set_disp (rdpContext *context, DispClientContext *disp);
