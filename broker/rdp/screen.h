/* The guest leg: an RDP client toward one guest, decoding into the frame memory.
 *
 * Threads: the main thread owns the control socket (worker.h) and hands views over; the RDP thread owns
 * FreeRDP, the relay, the frame memory, the views' pipes. Whatever the guest sends is decoded in this
 * process: take it as owned by the guest. It holds no key, no socket and no channel of any viewer. */
#pragma once
#include "rdp/clip-link.h"
#include "rdp/input.h"
#include "rdp/relay.h"
#include "common/sandbox.h"
#include "rdp/ring.h"
#include "rdp/worker.h"
#include "wire/sound.h"
#include <freerdp/client/disp.h>
#include <freerdp/freerdp.h>

/* One viewer, one recorder, a few that watch with consent. */
#define SK_SCREEN_VIEWS_MAX 8

typedef struct
{
  guint32 number;
  int input; /* read end of the view's pipe; -1 after it ended (the view still gets wake-ups until removed) */
  int notify; /* eventfd */
  SkInputHeld held;
  SkInputLayout layout; /* monitors it is telling */
} SkScreenView;

typedef struct
{
  SkWorker *worker;

  /* Set by the job on the main thread, before the RDP thread starts; read-only then. */
  guint width, height;
  guint32 keyboard_layout;
  char *user, *password;
  int memory;
  int stream;
  SkRingHeader *ring;

  GMutex lock; /* commands for the RDP thread */
  GQueue commands;
  int wake;

  /* RDP thread only */
  freerdp *instance;
  SkRelay *relay;
  SkScreenView views[SK_SCREEN_VIEWS_MAX];
  guint n_views;
  gboolean dirty; /* rectangles were published since the views were woken */
  gint64 dirty_since;
  guint64 painted; /* pixels, until the first whole picture */
  gint64 first_paint;
  gboolean has_picture;
  pReceiveChannelData channel_data; /* FreeRDP's own, behind our limit */
  DispClientContext *disp;
  gboolean disp_ready;
  SkMonitors wish, told; /* of the guest; n is 0 when there is none */
  guint8 *scratch;       /* of the bitmap decoder */
  gsize scratch_bytes;
  gint64 resize_sent;
  SkInputSync sync;      /* the guest has one keyboard, whoever types */
  guint16 sound_channel; /* 0: not looked up yet */
  SkSoundClient sound;
  gint64 sound_heard;   /* monotonic: when it was last not silent */
  guint16 clip_channel; /* 0: not looked up yet */
  SkClipLink clip;
} SkScreen;

/* ADD_VIEW and REMOVE_VIEW on their way to the RDP thread; owns its descriptors. */
typedef struct
{
  guint16 type;
  guint32 number;
  int input, notify;
} SkScreenCommand;

SkScreen *sk_screen_new (void);
extern const SkWorkerClass sk_screen_class;
extern const SkSandboxProfile sk_screen_cage;
/* Everything FreeRDP would load late; main thread, before the sandbox is closed. */
gboolean sk_screen_prepare (SkScreen *screen, GError **error);

/* ---- between the files of the screen; RDP thread ---- */
typedef struct
{
  rdpContext base;
  SkScreen *screen;
} SkScreenContext;

/* screen-rdp.c */
gpointer sk_screen_rdp_thread (gpointer screen);
gboolean sk_screen_configure (SkScreen *screen);
/* Marks a rectangle of the picture; views are woken a little later. */
void sk_screen_mark (SkScreen *screen, gint x, gint y, gint width, gint height);
void sk_screen_mark_all (SkScreen *screen);

/* screen-bitmap.c: the only way of the guest's pixels into the frame memory */
void sk_screen_bitmap_register (rdpContext *context);

/* screen-pointer.c */
void sk_screen_pointer_register (rdpContext *context);

/* screen-input.c: reads the views' pipes and speaks to the guest */
/* TRUE: there were records, and there may be more. */
gboolean sk_screen_read_view (SkScreen *screen, SkScreenView *view);
void sk_screen_release_view (SkScreen *screen, SkScreenView *view);
/* The view is going: what it still said, then everything it holds is let go. */
void sk_screen_finish_view (SkScreen *screen, SkScreenView *view);
/* Sends a wanted size when it is time; returns ms until the next try, -1 when none is wanted. */
int sk_screen_resize_tick (SkScreen *screen);
/* Sends the lamps' state that had to wait for the keys before it; returns ms until the next try, -1 for none.
 */
int sk_screen_sync_tick (SkScreen *screen);

/* screen-sound.c: what the guest plays, into the frame memory */
gboolean sk_screen_sound_install (SkScreen *screen);
/* TRUE when the chunk was the sound channel's. */
gboolean sk_screen_sound_take (SkScreen *screen, UINT16 channel, const BYTE *data, size_t size, UINT32 flags);

/* screen-clip.c: the guest's clipboard */
void sk_screen_clip_init (SkScreen *screen);
gboolean sk_screen_clip_install (SkScreen *screen);
/* TRUE when the chunk was the clipboard's. */
gboolean sk_screen_clip_take (SkScreen *screen, UINT16 channel, const BYTE *data, size_t size, UINT32 flags,
                              size_t total);

/* screen-channels.c: display control, sound and the clipboard, and nothing else */
gboolean sk_screen_channels_install (SkScreen *screen);
/* What was asked of the guest, separated by blanks: the static channels, then the dynamic ones. New string.
 */
char *sk_screen_channels_names (SkScreen *screen);
