/* The clipboard of a session: what is copied on one side becomes a transfer, what is released appears on the
 * other. Two directions, each on its own; in each, one content at a time is taken in, the newest waits.
 *
 * The workers are two owners who know nothing of each other; what they offer is hostile, and so is the pace
 * at which they do. A content is never in this process: out of the worker's pipe into the quarantine, out of
 * the quarantine into memory for the other worker.
 *
 * Threads: the main context's, all of it. */
#pragma once
#include "core/transfers.h"

/* Contents of one direction begin this far apart at the least (wire/clip.h fetches no faster). */
#define SK_CLIPBOARD_GAP_MS 100
/* A worker's pipe that stands still. */
#define SK_CLIPBOARD_PIPE_SECONDS 15

typedef struct
{
  guint64 number; /* newer is larger; text and picture of the same copy have the same */
  SkClipKind kind;
  int fd; /* sealed memory; the caller's */
  gsize bytes;
  gboolean once;
  guint wipe_seconds; /* 0: never */
} SkClipboardContent;

typedef struct
{
  /* Whether the pool lets anything go this way now. */
  gboolean (*may) (SkCross direction, gpointer data);
  /* Whether the side that receives is there, and may. */
  gboolean (*is_up) (SkCross direction, gpointer data);
  /* To that side; FALSE: it is not there after all. */
  gboolean (*set) (SkCross direction, const SkClipboardContent *content, gpointer data);
} SkClipboardClass;

SkClipboard *sk_clipboard_new (SkTransfers *transfers, const SkSession *session,
                               const SkClipboardClass *klass, gpointer data);
/* What was held of it stays as it is: the next core may go on (sk_transfers_end_clips() ends it). */
void sk_clipboard_free (SkClipboard *clipboard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkClipboard, sk_clipboard_free)

/* A worker's CLIP_OFFER (wire/control.h); direction: import is the screen's. */
void sk_clipboard_offer (SkClipboard *clipboard, SkCross direction, guint64 untrusted_number,
                         guint untrusted_kind, guint untrusted_bytes, int take_pipe);
/* The side that receives what goes this way is there (again): what is released is delivered. */
void sk_clipboard_up (SkClipboard *clipboard, SkCross direction);
/* What offers what goes this way is another worker, which counts from the beginning. */
void sk_clipboard_renewed (SkClipboard *clipboard, SkCross direction);
