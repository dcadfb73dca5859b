/* Between rdp-client.c, which knows no FreeRDP, and the backend, which does (rdp-backend.c and what is behind
 * it). The launcher loads the backend on the client's thread, while the main thread loads GTK; the headless
 * tools link it. */
#pragma once
#include "common/error.h"
#include "desktop/rdp-client.h"

/* The client's whole thread, but for its last state. */
typedef void (*SkRdpBackend) (SkRdpClient *client);
#define SK_RDP_BACKEND_ENTRY "sk_rdp_backend_run"
void sk_rdp_backend_run (SkRdpClient *client);
/* Where the backend comes from: rdp-load.c or rdp-static.c. */
SkRdpBackend sk_rdp_get_backend (GError **error);

typedef enum
{
  SK_RDP_COMMAND_NONE,
  SK_RDP_COMMAND_KEY,     /* a: scan code, b: down, c: repeat */
  SK_RDP_COMMAND_UNICODE, /* a: UTF-16 unit */
  SK_RDP_COMMAND_LOCKS,   /* a: caps, b: num, c: scroll, d: kana */
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
  int wake_fd; /* written after every change that the RDP thread has to see */

  GMutex notify_mutex; /* held while notify is called */
  SkRdpNotify notify;
  gpointer notify_data;

  GMutex mutex; /* guards what follows */
  GCond cond;
  gboolean stop;
  gboolean ended; /* the thread does no more */
  SkRdpTarget target;
  int own_fd;
  SkRdpState state;
  gint64 state_us[SK_RDP_CLOSED + 1];
  GError *error;
  GArray *queue; /* SkRdpCommand */
  SkPointer pointer;
  gboolean pointer_changed;
  GBytes *clip_in[SK_CLIP_KINDS]; /* from the other side, not taken yet */
  guint64 clip_number[SK_CLIP_KINDS];
  GBytes *clip_out; /* copied here, not announced yet; NULL with clip_changed: nothing */
  SkClipKind clip_out_kind;
  gboolean clip_changed;

  int can_resize; /* atomic */
  int muted;      /* atomic */

  gboolean fd_given; /* RDP thread until it has ended: FreeRDP owns target.fd now */
};

void sk_rdp_set_state (SkRdpClient *client, SkRdpState state);
void sk_rdp_notify (SkRdpClient *client);
/* Remembers the first reason. */
void sk_rdp_fail (SkRdpClient *client, SkErrorCode code, const char *text);
/* FALSE: the client is to be freed. */
gboolean sk_rdp_wait_for_target (SkRdpClient *client);
