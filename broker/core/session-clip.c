/* A session's clipboard (clipboard.h) between its screen, its view and its pool's option. */
#include "common/fd.h"
#include "core/core.h"
#include <string.h>

/* A pool that is gone lets nothing through. */
static gboolean
may (SkCross direction, gpointer data)
{
  SkLiveSession *session = data;
  SkLivePool *pool = sk_core_pool (session->core, session->row->pool);
  const char *word = pool ? pool->row->clipboard : "off";
  return strcmp (word, "both") == 0 || strcmp (word, sk_cross_word (direction)) == 0;
}

static SkWorker *
receiver (SkLiveSession *session, SkCross direction)
{
  if (direction == SK_CROSS_IMPORT)
    return session->view_active ? session->view : NULL;
  return session->vm ? session->vm->screen : NULL;
}

static gboolean
is_up (SkCross direction, gpointer data)
{
  return may (direction, data) && receiver (data, direction);
}

static gboolean
set (SkCross direction, const SkClipboardContent *content, gpointer data)
{
  SkWorker *worker = receiver (data, direction);
  const SkWorkerClip clip = { content->number, content->kind,         (guint) content->bytes,
                              content->once,   content->wipe_seconds, content->fd };
  return worker && sk_worker_clip_set (worker, &clip);
}

static const SkClipboardClass clipboard_class = { may, is_up, set };

static gboolean
have_clipboard (SkLiveSession *session)
{
  SkTransfers *transfers = session->core->parts.transfers;
  if (!session->clipboard && transfers && session->vm)
    session->clipboard = sk_clipboard_new (transfers, session->row, &clipboard_class, session);
  return session->clipboard != NULL;
}

static guint
flags_for (SkLiveSession *session, SkCross offers, SkCross gets)
{
  return (may (offers, session) ? SK_CLIP_ALLOW_OFFER : 0u) | (may (gets, session) ? SK_CLIP_ALLOW_SET : 0u);
}

void
sk_live_session_clip_attach (SkLiveSession *session, SkWorker *view)
{
  if (!have_clipboard (session))
    return;
  sk_clipboard_renewed (session->clipboard, SK_CROSS_EXPORT);
  sk_worker_clip_allow (session->vm->screen, flags_for (session, SK_CROSS_IMPORT, SK_CROSS_EXPORT));
  sk_worker_clip_allow (view, flags_for (session, SK_CROSS_EXPORT, SK_CROSS_IMPORT));
}

void
sk_live_session_clip_up (SkLiveSession *session)
{
  if (session->clipboard)
    sk_clipboard_up (session->clipboard, SK_CROSS_IMPORT);
}

void
sk_live_session_clip_settle (SkLiveSession *session)
{
  if (have_clipboard (session))
    {
      sk_clipboard_up (session->clipboard, SK_CROSS_IMPORT);
      sk_clipboard_up (session->clipboard, SK_CROSS_EXPORT);
    }
}

void
sk_live_session_clip_offer (SkLiveSession *session, SkCross direction, guint64 untrusted_number,
                            guint untrusted_kind, guint untrusted_bytes, int take_pipe)
{
  if (session->clipboard)
    sk_clipboard_offer (session->clipboard, direction, untrusted_number, untrusted_kind, untrusted_bytes,
                        take_pipe);
  else
    sk_clear_fd (&take_pipe);
}

void
sk_live_session_clip_end (SkLiveSession *session)
{
  g_clear_pointer (&session->clipboard, sk_clipboard_free);
  sk_transfers_end_clips (session->core->parts.transfers, session->row->id);
}
