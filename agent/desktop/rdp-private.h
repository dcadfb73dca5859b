/* Between rdp-client.c (threads, queue), rdp-connect.c (a connection's context), rdp-settings.c (what is
 * offered), rdp-gdi.c (pictures, pointers) and rdp-input.c (sending). */
#pragma once
#include "desktop/rdp-client.h"
#include <fcntl.h>
#include <freerdp/client.h>
#include <freerdp/client/disp.h>
#include <freerdp/input.h>

typedef enum
{
  SK_RDP_COMMAND_NONE,
  SK_RDP_COMMAND_KEY,     /* a: scan code, b: down, c: repeat */
  SK_RDP_COMMAND_UNICODE, /* a: UTF-16 unit */
  SK_RDP_COMMAND_LOCKS,   /* a: flags */
  SK_RDP_COMMAND_MOTION,  /* a: x, b: y */
  SK_RDP_COMMAND_BUTTON,  /* a: x, b: y, c: button, d: down */
  SK_RDP_COMMAND_WHEEL,   /* a: x, b: y, c: amount, d: horizontal */
  SK_RDP_COMMAND_RESIZE,  /* a: width, b: height, c: scale percent */
} SkRdpCommandType;

typedef struct
{
  SkRdpCommandType type;
  int a, b, c, d;
} SkRdpCommand;

struct _SkRdpClient
{
  GThread *thread;
  int expected_width, expected_height;
  SkPixels *pixels;
  SkRdpNotify notify;
  gpointer notify_data;
  int wake_fd; /* written after every change that the RDP thread has to see */

  GMutex mutex; /* guards what follows */
  GCond cond;
  gboolean stop;
  SkRdpTarget target;
  int own_fd;
  SkRdpState state;
  gint64 state_us[SK_RDP_CLOSED + 1];
  GError *error;
  GArray *queue; /* SkRdpCommand */
  SkPointer pointer;
  gboolean pointer_changed;

  int can_resize; /* atomic */

  /* RDP thread only */
  gboolean fd_given; /* FreeRDP owns target.fd now */
  gboolean certificate_refused;
  gboolean in_frame; /* between the server's frame markers */
  gboolean has_picture;
  SkRect pending[SK_PIXELS_RECTS_MAX];
  guint n_pending;
  BYTE *gdi_memory; /* for the library's picture, if it gets the expected size */
  guint planar_width, planar_height;
  BOOL (*gdi_bitmap_update) (rdpContext *, const BITMAP_UPDATE *);
  BOOL (*gdi_frame_marker) (rdpContext *, const SURFACE_FRAME_MARKER *);
  DispClientContext *disp;
  SkRdpCommand wanted_size; /* kept until display control is there */
};

typedef struct
{
  rdpClientContext common; /* FreeRDP's; has to be first */
  SkRdpClient *client;
} SkRdpContext;

static inline SkRdpClient *
sk_rdp_client_of (rdpContext *context)
{
  return ((SkRdpContext *) context)->client;
}

void sk_rdp_set_state (SkRdpClient *client, SkRdpState state);
void sk_rdp_notify (SkRdpClient *client);

rdpContext *sk_rdp_context_new (SkRdpClient *client);
void sk_rdp_context_free (SkRdpClient *client, rdpContext *context);
gboolean sk_rdp_apply_offers (rdpSettings *settings);
gboolean sk_rdp_refuse_orders (rdpSettings *settings);
gboolean sk_rdp_apply_target (SkRdpClient *client, rdpSettings *settings);

/* In PostConnect. */
gboolean sk_rdp_start_drawing (freerdp *instance);

/* Runs until the connection is over. TRUE when the peer or we ended it in good order. */
gboolean sk_rdp_pump (SkRdpClient *client, freerdp *instance);
void sk_rdp_set_disp (SkRdpClient *client, DispClientContext *disp);
