/* The core's hold on sekisho-screen and sekisho-view: handles, and the staff that makes them. worker.c and
 * staff.c are the real ones; tests bring their own.
 *
 * A handle is not the process: dropping a handle leaves the process alone (that is how the core can restart),
 * ending needs sk_worker_end() or sk_worker_kill().
 * Listener calls come from the main loop, never from inside a call on the same handle. */
#pragma once
#include "wire/control.h"

typedef enum
{
  SK_WORKER_SCREEN,
  SK_WORKER_VIEW,
} SkWorkerKind;

typedef struct
{
  guint width, height;
  const char *user, *password; /* of the guest's own login; from the guest, wire-checked */
  const char *rdp_socket;      /* path of the VM's RDP port */
} SkScreenJob;

typedef struct
{
  guint width, height; /* 0: the guest's */
  guint flags;         /* SkViewFlags */
  guint border_rgb;
  const char *session;
  const char *border;
  const char *watermark; /* whose name is all over the picture; "": no watermark */
  int record;            /* where to write what is drawn and pressed, the caller's; -1: nowhere */
} SkViewJob;

/* What was released for the clipboard on a worker's side; wire/control.h, CLIP_SET. */
typedef struct
{
  guint64 number;
  guint kind; /* SkClipKind */
  guint bytes;
  gboolean once;
  guint wipe_seconds;
  int fd; /* sealed memory; the caller's */
} SkWorkerClip;

#define SK_TYPE_WORKER (sk_worker_get_type ())
G_DECLARE_DERIVABLE_TYPE (SkWorker, sk_worker, SK, WORKER, GObject)

typedef struct
{
  /* HELLO arrived (for a screen that has its job: its memory too). */
  void (*ready) (SkWorker *, gpointer data);
  /* SkScreenState or SkViewState. */
  void (*state) (SkWorker *, guint state, guint detail, const char *untrusted_text, gpointer data);
  /* The process is gone, or broke its protocol and was killed. Comes once; nothing after it. */
  void (*died) (SkWorker *, const char *why, gpointer data);
  /* A view's viewer enlarges its desktop by so much; nullable. */
  void (*scale) (SkWorker *, guint untrusted_percent, gpointer data);
  /* Something was copied on its side (wire/control.h, CLIP_OFFER); nullable. The pipe is the listener's. */
  void (*clip) (SkWorker *, guint64 untrusted_number, guint untrusted_kind, guint untrusted_bytes,
                int take_pipe, gpointer data);
} SkWorkerListener;

struct _SkWorkerClass
{
  GObjectClass parent;
  gboolean (*start_screen) (SkWorker *, const SkScreenJob *, GError **);
  guint64 (*frames) (SkWorker *);
  void (*remove_view) (SkWorker *, guint number);
  void (*end) (SkWorker *);
  void (*kill) (SkWorker *);
  int (*pid) (SkWorker *);
  /* Nullable: it has no clipboard. */
  void (*clip_allow) (SkWorker *, guint flags);
  gboolean (*clip_set) (SkWorker *, const SkWorkerClip *);
};

void sk_worker_set_listener (SkWorker *, const SkWorkerListener *, gpointer data);
SkWorkerKind sk_worker_kind (SkWorker *);
const char *sk_worker_id (SkWorker *); /* a screen's is its VM's */
gboolean sk_worker_is_ready (SkWorker *);
gboolean sk_worker_is_dead (SkWorker *);
/* Of an adopted worker: has its job since before. A view's session and number then. */
gboolean sk_worker_is_busy (SkWorker *);
const char *sk_worker_session (SkWorker *);
guint sk_worker_number (SkWorker *);
const char *sk_worker_fingerprint (SkWorker *); /* view: 64 hex digits once ready */
const char *sk_worker_said (SkWorker *);        /* the text of its last state, untrusted; "" before any */

gboolean sk_worker_start_screen (SkWorker *, const SkScreenJob *, GError **) G_GNUC_WARN_UNUSED_RESULT;
/* Frames published so far, as the screen says (untrusted: only good for "does it still change"). */
guint64 sk_worker_frames (SkWorker *);
void sk_worker_remove_view (SkWorker *screen, guint number);
/* SkClipAllow; a view is told before it is linked. */
void sk_worker_clip_allow (SkWorker *, guint flags);
/* FALSE: it is gone. */
gboolean sk_worker_clip_set (SkWorker *, const SkWorkerClip *clip);
/* Politely, then by force after 2 s. */
void sk_worker_end (SkWorker *);
void sk_worker_kill (SkWorker *);
/* The process that has the sandbox's limits, for doctor; 0 = not known. */
int sk_worker_pid (SkWorker *);

#define SK_TYPE_STAFF (sk_staff_get_type ())
G_DECLARE_DERIVABLE_TYPE (SkStaff, sk_staff, SK, STAFF, GObject)
struct _SkStaffClass
{
  GObjectClass parent;
  SkWorker *(*spawn) (SkStaff *, SkWorkerKind, const char *id, GError **);
  GPtrArray *(*adopt) (SkStaff *);
  gboolean (*link) (SkStaff *, SkWorker *screen, SkWorker *view, guint number, const SkViewJob *,
                    int viewer_fd, GError **);
};
/* Starts a process; `ready` or `died` follows. */
SkWorker *sk_staff_spawn (SkStaff *, SkWorkerKind, const char *id, GError **);
/* Handles for the processes that an earlier core left; `ready` or `died` follows for each. What cannot be
 * adopted is killed and swept away. */
GPtrArray *sk_staff_adopt (SkStaff *);
/* Gives a view its job: input pipe and wake-up to the screen, memory (read-only) and the viewer's connection
 * to the view. viewer_fd stays the caller's. */
gboolean sk_staff_link (SkStaff *, SkWorker *screen, SkWorker *view, guint number, const SkViewJob *,
                        int viewer_fd, GError **) G_GNUC_WARN_UNUSED_RESULT;

/* For implementations. */
void sk_worker_set_identity (SkWorker *, SkWorkerKind, const char *id);
void sk_worker_set_job (SkWorker *, const char *session, guint number);
void sk_worker_emit_ready (SkWorker *, gboolean busy, const char *fingerprint);
void sk_worker_emit_state (SkWorker *, guint state, guint detail, const char *untrusted_text);
void sk_worker_emit_died (SkWorker *, const char *why);
void sk_worker_emit_scale (SkWorker *, guint untrusted_percent);
void sk_worker_emit_clip (SkWorker *, guint64 untrusted_number, guint untrusted_kind, guint untrusted_bytes,
                          int take_pipe);
