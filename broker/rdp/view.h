/* The viewer leg: an RDP server for one viewer, drawing from the frame memory.
 *
 * Threads, each owning its own things:
 *   main     the control socket (worker.h)
 *   encoder  the frame memory's reader, the canvas, the codecs; makes one SkFrameOut at a time
 *   peer     FreeRDP's peer and its socket: sends frames, hears input and writes it to the pipe at once
 *   sound    sleeps on the frame memory's sound; exists once a viewer wants to hear it
 * Encoder and peer meet in SkViewShared, under one lock, and wake each other with eventfds. The peer never
 * waits for the encoder and the encoder only works when the viewer can take a picture: nothing queues. */
#pragma once
#include "rdp/border.h"
#include "rdp/clip-link.h"
#include "rdp/encode.h"
#include "rdp/input.h"
#include "common/sandbox.h"
#include "rdp/ring.h"
#include "rdp/worker.h"
#include "wire/sound.h"
#include <freerdp/channels/wtsvc.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
#include <freerdp/transport_io.h>

/* Pictures that the viewer has not acknowledged: one on its way, one being decoded. */
#define SK_VIEW_WINDOW 2
/* Pointers come this far apart. */
#define SK_VIEW_POINTER_US SK_ENCODE_FRAME_US
/* What was done in a hurry is put right when the picture has rested so long: text that was taken for a
 * photograph, a watermark that moved along with what scrolled … */
#define SK_VIEW_SETTLE_US (250 * 1000)
/* … or this long after it began, for the parts of a picture that never rests. */
#define SK_VIEW_SETTLE_LATEST_US (2 * 1000 * 1000)
/* A viewer that acknowledges nothing: bytes that its socket may still hold when the next picture is made. */
#define SK_VIEW_UNSENT_MAX (128 * 1024)
/* From ATTACH to the first picture; a stalled handshake would keep a process. */
#define SK_VIEW_HANDSHAKE_SECONDS 30

/* What a viewer must be able to put together from fragments: more than any message has, and no more memory
 * than that at the viewer. */
#define SK_VIEW_MULTIFRAGMENT 262144
/* Surface command, frame markers and update headers around a part; generously. */
#define SK_VIEW_UPDATE_HEADERS 256

typedef struct
{
  /* encoder → peer */
  SkFrameOut *frame;             /* the picture to send next, or NULL */
  guint want_width, want_height; /* desktop that the guest's size asks for */
  gboolean pointer_changed;
  SkRingPointerKind pointer_kind;
  SkRingShape pointer;

  /* peer → encoder */
  gboolean active;     /* between Activate and the next DesktopResize */
  gboolean can_take;   /* window and socket have room, output is not suppressed */
  gboolean send_all;   /* the viewer wants everything again */
  gboolean restart;    /* the waiting picture does not fit the viewer: make another */
  gboolean rfx;        /* it has RemoteFX */
  gboolean moves;      /* it copies parts of its own picture */
  gboolean gfx;        /* pictures go through the graphics pipeline */
  guint width, height; /* desktop as the viewer has it; 0 before the first activation */
  gboolean can_resize;
  gsize message_max;
  guint guest_width, guest_height; /* encoder → peer: of the picture shown, for the mouse */
} SkViewShared;

/* Sound between the sound thread and the peer's: the newest 93 ms, what is older was late. */
typedef struct
{
  GMutex lock;
  gboolean dropped; /* some had to give way since the peer looked */
  guint frames;
  gint16 samples[SK_SOUND_WAVE_FRAMES][2];
} SkViewSound;

typedef struct
{
  SkWorker *worker;
  rdpPrivateKey *key; /* handed to FreeRDP at ATTACH */
  rdpCertificate *certificate;

  /* The job; set on the main thread before the others start. */
  guint job_width, job_height;
  guint32 flags, colour;
  char *text, *watermark; /* "": none */
  gint utc_minutes;
  SkBorder border;
  SkRingReader ring; /* encoder */
  int notify;        /* eventfd of the screen: encoder */
  int input;         /* pipe to the screen: peer */
  int viewer;        /* the viewer's connection until FreeRDP has it */
  int record;        /* pipe to the recording: peer; -1: none */
  gint64 attached;   /* monotonic */

  GMutex lock;
  SkViewShared shared;
  int wake_encoder, wake_peer;
  SkViewSound sound;
  SkRingSoundReader sound_ring; /* sound thread */

  /* peer thread */
  freerdp_peer *peer;
  HANDLE vcm;
  HANDLE disp, disp_event;
  gboolean disp_tried;
  HANDLE gfx, gfx_event;
  gint64 gfx_deadline; /* the viewer has the graphics pipeline, and opens it by then; 0: none */
  gboolean gfx_tried, gfx_ready, gfx_has_surface, gfx_given_up;
  GByteArray *gfx_out;
  gboolean activated, suppressed, has_acks, told_picture;
  guint32 frame_id, acked_id;
  guint asked_width, asked_height; /* by the viewer, border included */
  gint64 resized, pointer_sent;
  psPeerReceiveChannelData channel_data;
  gsize channel_bytes; /* of the message being received on drdynvc */
  guint lost_input;
  guint told_scale;          /* percent; 0: none yet */
  pTransportRWFkt write_pdu; /* FreeRDP's own */
  wStream *batch;            /* updates of the picture being sent; NULL between pictures */
  guint16 sound_channel;     /* 0: not joined, or not allowed */
  gboolean sound_offered, sound_thread;
  SkSoundServer sound_server;
  guint16 clip_channel; /* 0: not joined, or not allowed */
  SkClipLink clip;
  GByteArray *record_buffer;
  guint record_width, record_height;
  gboolean record_failed;
  SkInputRedactor redactor;
} SkView;

typedef struct
{
  rdpContext base;
  SkView *view;
} SkViewContext;

SkView *sk_view_new (void);
extern const SkWorkerClass sk_view_class;
extern const SkSandboxProfile sk_view_cage;

/* view-key.c: main thread, before the sandbox is closed */
gboolean sk_view_make_key (SkView *view, GError **error);
/* Loads what FreeRDP and OpenSSL would load at the first connection. */
gboolean sk_view_prepare (SkView *view, GError **error);

/* Whether a waiting picture is what the viewer can take; with the lock held. */
gboolean sk_view_frame_fits (const SkViewShared *shared);

/* view-encoder.c */
gpointer sk_view_encoder_thread (gpointer view);
void sk_view_wake (int eventfd);

/* view-peer.c */
gpointer sk_view_peer_thread (gpointer view);
/* What the viewer said it can; gfx: and its graphics pipeline is used. */
void sk_view_take_abilities (SkView *view, gboolean gfx);
/* G_MAXUINT32: it does not acknowledge any more. */
void sk_view_take_acknowledge (SkView *view, guint32 frame_id);

/* view-send.c; peer thread: FALSE when the connection is over */
/* Lets the updates of a picture go out together instead of one by one. */
gboolean sk_view_send_prepare (SkView *view);
gboolean sk_view_send_frame (SkView *view, SkFrameOut *frame);
gboolean sk_view_send_pointer (SkView *view, SkRingPointerKind kind, const SkRingShape *shape);
gboolean sk_view_send_begin (SkView *view);
gboolean sk_view_send_end (SkView *view);

/* view-input.c; peer thread */
void sk_view_input_register (SkView *view);
/* Asks the guest for a picture that fits into a desktop of this size. */
void sk_view_ask_size (SkView *view, guint width, guint height, guint scale);
/* The same for several monitors: on all of them, or where that cannot be on the primary one. */
void sk_view_ask_monitors (SkView *view, const SkMonitors *monitors);
/* The core tells the guest, unless this viewer has no say in it. */
void sk_view_tell_scale (SkView *view, guint percent);

/* view-record.c; peer thread. Nothing when the session is not recorded. */
/* Before the picture is sent. FALSE: it must not be. */
gboolean sk_view_record_frame (SkView *view, const SkFrameOut *frame);
void sk_view_record_input (SkView *view, const SkInputRecord *record);
gboolean sk_view_record_is_good (const SkView *view);
void sk_view_record_end (SkView *view);

/* view-sound.c; peer thread */
/* TRUE when the viewer joined the channel and may hear. */
gboolean sk_view_sound_open (SkView *view);
gboolean sk_view_sound_take (SkView *view, UINT16 channel, const BYTE *data, size_t size, UINT32 flags);
/* Sends what there is if there is room. FALSE when the connection is over. */
gboolean sk_view_sound_exchange (SkView *view);

/* view-clip.c; peer thread */
void sk_view_clip_init (SkView *view); /* main thread */
/* TRUE when the viewer joined the channel and the core allows a clipboard. */
gboolean sk_view_clip_open (SkView *view);
gboolean
sk_view_clip_take (SkView *view, UINT16 channel, const BYTE *data, size_t size, UINT32 flags, size_t total);
/* FALSE when the connection is over. *ret_wait: ms, made shorter where it has to be. */
gboolean sk_view_clip_exchange (SkView *view, int *ret_wait);

/* view-gfx.c; peer thread */
/* TRUE when the viewer has a graphics pipeline that is to be used. */
gboolean sk_view_gfx_activate (SkView *view);
/* No picture may go out yet; gives up after a while. */
gboolean sk_view_gfx_waits (SkView *view, int *ret_wait);
/* Opens the channel and hears it. FALSE when the connection is over. */
gboolean sk_view_gfx_check (SkView *view);
gboolean sk_view_gfx_resize (SkView *view, guint width, guint height);
gboolean sk_view_gfx_send_frame (SkView *view, const SkFrameOut *frame, guint32 frame_id);
void sk_view_gfx_close (SkView *view);

/* view-channels.c; peer thread */
gboolean sk_view_channels_open (SkView *view);
/* Logs and closes the ears to whatever else the viewer wanted. */
void sk_view_channels_refuse (SkView *view);
/* Descriptors to wait for. */
#define SK_VIEW_CHANNEL_HANDLES 3
guint sk_view_channels_handles (SkView *view, HANDLE *handles);
/* A dynamic channel, and what signals that there is something to read; NULL: none. */
HANDLE sk_view_channel_open (SkView *view, const char *name, HANDLE *ret_event);
gboolean sk_view_channels_check (SkView *view);
void sk_view_channels_close (SkView *view);
