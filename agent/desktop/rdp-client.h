/* One RDP connection to our own view, without a window: the launcher and tests/bench/sekisho-measure share
 * it.
 *
 * The library's own thread does everything FreeRDP; the calls here only pass data to it and return at once,
 * from any thread. sk_rdp_client_new() starts preparing (libraries, context, TLS) before there is anything to
 * connect to, so that this costs nothing while the broker makes a ticket.
 *
 * Trust: the peer is a view, which is only a little better than the guest. The certificate must be exactly
 * the one named by the ticket; no channel exists but display control, sound and the clipboard; no orders,
 * caches, redirection, or files. */
#pragma once
#include "desktop/pixels.h"
#include "wire/clip-content.h"
#include <gio/gio.h>

typedef struct _SkRdpClient SkRdpClient;

typedef enum
{
  SK_RDP_PREPARING,
  SK_RDP_PREPARED, /* waits for its target */
  SK_RDP_HANDSHAKE,
  SK_RDP_CONNECTED,
  SK_RDP_PICTURE, /* a whole first picture is in the pixels */
  SK_RDP_CLOSED,  /* for good; see sk_rdp_client_get_error() */
} SkRdpState;

/* Called on the client's own thread after the state, the picture or the pointer changed. It may only wake
 * somebody. */
typedef void (*SkRdpNotify) (SkRdpClient *client, gpointer data);

typedef struct
{
  int fd;                      /* connected stream, blocking or not; taken over */
  const char *fingerprint;     /* SHA-256 of the view's certificate, 64 hex digits; copied */
  gboolean accept_any;         /* benches only: with no fingerprint, any certificate */
  const char *user, *password; /* benches only: of a server that is not ours; static */
  int width, height;           /* pixels wanted for the picture */
  int scale_percent;           /* 100 to 500: what the guest should enlarge by */
  gboolean
      no_clipboard;   /* otherwise texts and pictures are copied both ways, as far as the broker lets them */
  const char *player; /* program that plays sound (player.c); NULL: no sound is asked for; static */
} SkRdpTarget;

/* The pixels are kept by reference, and shared between clients that follow each other. width and height: what
 * the picture will probably have, so that its memory is ready; 0: not known. */
SkRdpClient *sk_rdp_client_new (SkPixels *pixels, int width, int height, SkRdpNotify notify, gpointer data);
/* When this returns, no call of the former one is on its way. */
void sk_rdp_client_set_notify (SkRdpClient *client, SkRdpNotify notify, gpointer data);
/* Once. FALSE (fd is closed) when the fingerprint is malformed, SK_ERROR_INVALID, or FreeRDP could not be
 * loaded or prepared, the client's own error. */
gboolean sk_rdp_client_connect (SkRdpClient *client, const SkRdpTarget *target,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Sends what is queued, ends the connection and waits for the thread: milliseconds, half a second when the
 * peer does not read, nothing when there is no picture yet. */
void sk_rdp_client_free (SkRdpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkRdpClient, sk_rdp_client_free)

SkRdpState sk_rdp_client_get_state (SkRdpClient *client);
/* When it reached that state, CLOCK_MONOTONIC in microseconds; 0: not yet. */
gint64 sk_rdp_client_get_time (SkRdpClient *client, SkRdpState state);
/* When CLOSED: NULL if the peer ended it in good order, else why. Belongs to the caller. */
GError *sk_rdp_client_get_error (SkRdpClient *client);
/* Whether the peer joined display control, so that resizing has an effect. */
gboolean sk_rdp_client_can_resize (SkRdpClient *client);

/* From any thread: what arrives is not played. */
void sk_rdp_client_set_muted (SkRdpClient *client, gboolean muted);

/* The clipboard, from any thread; contents in the form of wire/clip-content.h. What was copied here is
 * announced from now on; NULL: nothing that could be. */
void sk_rdp_client_set_clip (SkRdpClient *client, SkClipKind kind, GBytes *content);
/* What came from the other side since the last call, one at a time; NULL: nothing. What has the same number
 * belongs together. */
GBytes *sk_rdp_client_take_clip (SkRdpClient *client, SkClipKind *ret_kind, guint64 *ret_number);

/* Input. At most SK_RDP_QUEUE_MAX wait for a peer that does not read; then new ones are dropped. */
#define SK_RDP_QUEUE_MAX 4096
/* scancode: see keymap.h */
void sk_rdp_client_key (SkRdpClient *client, guint scancode, gboolean down, gboolean repeat);
/* A press and a release of every character. */
void sk_rdp_client_text (SkRdpClient *client, const char *utf8);
void sk_rdp_client_locks (SkRdpClient *client, gboolean caps, gboolean num, gboolean scroll, gboolean kana);
void sk_rdp_client_motion (SkRdpClient *client, int x, int y);
/* button: 1 left, 2 middle, 3 right, 8 back, 9 forward */
void sk_rdp_client_button (SkRdpClient *client, guint button, gboolean down, int x, int y);
/* 120 = one notch; down and right are positive, as in GTK. */
void sk_rdp_client_wheel (SkRdpClient *client, int vertical, int horizontal, int x, int y);
void sk_rdp_client_resize (SkRdpClient *client, int width, int height, int scale_percent);

/* The pointer's shape. */
typedef enum
{
  SK_POINTER_DEFAULT,
  SK_POINTER_HIDDEN,
  SK_POINTER_SHAPE,
} SkPointerKind;
/* [MS-RDPBCGR] 2.2.9.1.1.4.4: 96 without the large pointer capability, which we do not offer. */
#define SK_POINTER_SIDE_MAX 96
typedef struct
{
  SkPointerKind kind;
  int width, height, hot_x, hot_y;
  guint32 bgra[SK_POINTER_SIDE_MAX * SK_POINTER_SIDE_MAX]; /* not premultiplied */
} SkPointer;
/* TRUE with a copy when it changed since the last call. */
gboolean sk_rdp_client_take_pointer (SkRdpClient *client, SkPointer *ret_pointer);
