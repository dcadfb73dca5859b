/* The clipboard's end in a worker: wire/clip.h between the RDP thread's channel and the core.
 *
 * A content of the peer's goes to the core through a pipe, one at a time; what was released comes as sealed
 * memory, which is copied and checked before it is announced. Neither worker can make memory of its own that
 * others could map: the cage has no memfd_create, and files of no size (common/sandbox.c).
 *
 * Threads: sk_clip_link_message() on the main thread, everything else on the RDP thread. */
#pragma once
#include "rdp/worker.h"
#include "wire/clip.h"

/* The core reads at once or not at all. */
#define SK_CLIP_LINK_PIPE_US (10 * G_USEC_PER_SEC)
/* What is sent in one go: pictures of the screen and the other side's input go on in between. */
#define SK_CLIP_LINK_CHUNKS 64

typedef struct
{
  /* One chunk to the peer; FALSE: the connection is over. */
  gboolean (*send) (const SkClipChunk *chunk, gpointer data);
  /* The connection takes another chunk without waiting. */
  gboolean (*has_room) (gpointer data);
} SkClipLinkClass;

typedef struct
{
  const SkClipLinkClass *klass;
  gpointer data;
  SkWorker *const *worker; /* there before anything happens */
  int wake;                /* eventfd of the RDP thread; borrowed */
  SkClip clip;
  gboolean hello_due;

  /* the content on its way to the core */
  int pipe; /* -1: none */
  GBytes *content;
  gsize written;
  gint64 since;

  GMutex lock; /* main thread → RDP thread */
  GQueue orders;
} SkClipLink;

void sk_clip_link_init (SkClipLink *link, SkWorker *const *worker, int wake, gboolean server,
                        const SkClipLinkClass *klass, gpointer data);
/* TRUE with *ret_good FALSE: the core gave something that is not what it said. FALSE: not of a clipboard. */
gboolean
sk_clip_link_message (SkClipLink *link, const SkMessage *m, int *fds, gboolean *ret_good, GError **error);
/* Whether the core has allowed anything yet. */
gboolean sk_clip_link_is_allowed (SkClipLink *link);

void sk_clip_link_take (SkClipLink *link, const guint8 *untrusted, gsize size, guint32 flags, gsize total);
/* To be polled for POLLOUT; -1: nothing. */
int sk_clip_link_poll_fd (const SkClipLink *link);
/* Does what is due. FALSE: the connection is over. *ret_wait: ms, made shorter where it has to be. */
gboolean sk_clip_link_turn (SkClipLink *link, int *ret_wait);
