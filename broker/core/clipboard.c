#include "core/clipboard.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <string.h>

/* How often a waiting content looks whether the one before it is through its inspection. */
#define LOOK_MS 20

typedef struct
{
  guint64 untrusted_number;
  SkClipKind kind;
  guint bytes;
  int pipe; /* -1: nothing waits here */
} Offer;

typedef struct
{
  SkClipboard *owner;
  SkCross direction;
  Offer waiting[SK_CLIP_KINDS];
  guint timer;
  gint64 begun;                  /* monotonic: when the last content was begun to be taken in */
  GCancellable *taking;          /* it comes in */
  char *current;                 /* the transfer that it became; NULL: none yet */
  guint64 last_untrusted;        /* of the last one begun */
  gint64 number;                 /* what that is to us */
  gint64 set_number;             /* of what the receiving side has from here */
  char *set_hash[SK_CLIP_KINDS]; /* SHA-256 of that, by kind; NULL: nothing */
} Way;

struct _SkClipboard
{
  SkTransfers *transfers; /* weak: the session outlives no broker */
  SkSession *session;
  const SkClipboardClass *klass;
  gpointer data;
  Way ways[2]; /* by SkCross */
};

static SkKind
transfer_kind (SkClipKind kind)
{
  return kind == SK_CLIP_TEXT ? SK_KIND_TEXT : SK_KIND_IMAGE;
}

/* -- life ---------------------------------------------------------------------------------------------------
 */

static void
drop_offer (Offer *offer)
{
  sk_clear_fd (&offer->pipe);
}

static void
drop_offers (Way *way)
{
  for (guint i = 0; i < SK_CLIP_KINDS; i++)
    drop_offer (&way->waiting[i]);
}

static void
forget_set (Way *way)
{
  for (guint i = 0; i < SK_CLIP_KINDS; i++)
    g_clear_pointer (&way->set_hash[i], g_free);
}

SkClipboard *
sk_clipboard_new (SkTransfers *transfers, const SkSession *session, const SkClipboardClass *klass,
                  gpointer data)
{
  SkClipboard *self = g_new0 (SkClipboard, 1);
  self->transfers = transfers;
  self->session = sk_session_copy (session);
  self->klass = klass;
  self->data = data;
  for (guint i = 0; i < G_N_ELEMENTS (self->ways); i++)
    {
      self->ways[i].owner = self;
      self->ways[i].direction = (SkCross) i;
      for (guint k = 0; k < SK_CLIP_KINDS; k++)
        self->ways[i].waiting[k].pipe = -1;
    }
  sk_transfers_add_clipboard (transfers, session->id, self);
  return self;
}

void
sk_clipboard_free (SkClipboard *self)
{
  sk_transfers_drop_clipboard (self->transfers, self->session->id);
  for (guint i = 0; i < G_N_ELEMENTS (self->ways); i++)
    {
      Way *way = &self->ways[i];
      drop_offers (way);
      g_clear_handle_id (&way->timer, g_source_remove);
      if (way->taking)
        g_cancellable_cancel (way->taking);
      g_clear_object (&way->taking);
      g_free (way->current);
      forget_set (way);
    }
  sk_session_free (self->session);
  g_free (self);
}

/* -- taking in ----------------------------------------------------------------------------------------------
 */

/* On its way in; looks for its clipboard again when it is there: that may be gone. */
typedef struct
{
  SkTransfers *transfers;
  GCancellable *cancel;
  char *session;
  SkCross direction;
  SkClipKind kind;
  guint bytes;
  gint64 number;
  guint deadline;
} Taking;

static void
taking_free (Taking *taking)
{
  g_clear_handle_id (&taking->deadline, g_source_remove);
  g_object_unref (taking->cancel);
  g_object_unref (taking->transfers);
  g_free (taking->session);
  g_free (taking);
}

static gboolean
on_late (gpointer data)
{
  Taking *taking = data;
  taking->deadline = 0;
  g_cancellable_cancel (taking->cancel);
  return G_SOURCE_REMOVE;
}

static Way *
way_back (SkClipboard *self, SkCross direction)
{
  return &self->ways[direction == SK_CROSS_IMPORT ? SK_CROSS_EXPORT : SK_CROSS_IMPORT];
}

/* What a side was given and gives back. */
static gboolean
is_echo (SkClipboard *self, SkCross direction, SkClipKind kind, const char *sha256)
{
  return g_strcmp0 (way_back (self, direction)->set_hash[kind], sha256) == 0;
}

static void look_soon (Way *way, guint ms);

/* Nobody's any more. */
static void
discard (SkTransfers *transfers, SkQuarantined *take_content)
{
  g_autofree char *blob = g_strdup (take_content->blob);
  gboolean used = TRUE;
  g_autoptr (GError) error = NULL;
  sk_quarantined_free (take_content);
  if (sk_store_blob_is_used (transfers->parts.store, blob, "", &used, &error) && !used
      && !sk_quarantine_purge (transfers->parts.quarantine, blob, &error))
    sk_debug (NULL, "%s", error->message);
}

static gboolean
begin_transfer (SkClipboard *self, const Taking *taking, const SkQuarantined *content, GError **error)
{
  Way *way = &self->ways[taking->direction];
  const SkTransferClip clip
      = { self->session, taking->direction, transfer_kind (taking->kind), taking->number };
  if (content->size != taking->bytes)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "%u bytes were announced, %" G_GUINT64_FORMAT " came",
                   taking->bytes, content->size);
      return FALSE;
    }
  if (is_echo (self, taking->direction, taking->kind, content->sha256))
    return TRUE;
  /* Something was copied there since. */
  forget_set (way_back (self, taking->direction));
  g_free (way->current);
  way->current = sk_transfers_create_clip (self->transfers, &clip, content, error);
  return way->current != NULL;
}

static void
on_taken (GObject *source, GAsyncResult *result, gpointer data)
{
  Taking *taking = data;
  SkTransfers *transfers = taking->transfers;
  SkClipboard *self = g_hash_table_lookup (transfers->clipboards, taking->session);
  g_autoptr (GError) error = NULL;
  SkQuarantined *content = sk_quarantine_receive_finish (transfers->parts.quarantine, result, &error);
  Way *way = self && self->ways[taking->direction].taking == taking->cancel ? &self->ways[taking->direction]
                                                                            : NULL;
  if (way)
    g_clear_object (&way->taking);
  if (way && content)
    begin_transfer (self, taking, content, &error);
  if (error && way)
    sk_notice (SK_FIELDS ("session", taking->session), "clipboard: %s", error->message);
  if (content)
    discard (transfers, content);
  if (way)
    look_soon (way, 0);
  taking_free (taking);
}

/* A text and a picture of the same copy stay together. */
static gint64
number_for (Way *way, guint64 untrusted_number)
{
  if (way->last_untrusted != untrusted_number || way->number == 0)
    way->number = MAX (sk_transfers_now (way->owner->transfers), way->number + 1);
  way->last_untrusted = untrusted_number;
  return way->number;
}

static void
begin (Way *way, Offer *offer)
{
  SkClipboard *self = way->owner;
  SkTransfers *transfers = self->transfers;
  g_autofree char *key = g_uuid_string_random ();
  Taking *taking = g_new0 (Taking, 1);
  way->taking = g_cancellable_new ();
  way->begun = g_get_monotonic_time ();
  *taking = (Taking){ .transfers = g_object_ref (transfers),
                      .cancel = g_object_ref (way->taking),
                      .session = g_strdup (self->session->id),
                      .direction = way->direction,
                      .kind = offer->kind,
                      .bytes = offer->bytes,
                      .number = number_for (way, offer->untrusted_number) };
  taking->deadline = g_timeout_add_seconds (SK_CLIPBOARD_PIPE_SECONDS, on_late, taking);
  sk_quarantine_receive_async (transfers->parts.quarantine, sk_steal_fd (&offer->pipe), key,
                               self->session->user, offer->bytes, taking->cancel, on_taken, taking);
}

/* One after another: what the inspection has not seen yet is the only one of this way that is not. */
static gboolean
is_busy (Way *way)
{
  SkLiveTransfer *t = way->current ? sk_transfers_find (way->owner->transfers, way->current) : NULL;
  return way->taking
         || (t && (t->row->state == SK_TRANSFER_QUARANTINED || t->row->state == SK_TRANSFER_INSPECTING));
}

static Offer *
next_offer (Way *way)
{
  static const SkClipKind order[] = { SK_CLIP_TEXT, SK_CLIP_PICTURE };
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    if (way->waiting[order[i]].pipe >= 0)
      return &way->waiting[order[i]];
  return NULL;
}

static gboolean
on_look (gpointer data)
{
  Way *way = data;
  Offer *offer = next_offer (way);
  const gint64 ready = way->begun ? way->begun + SK_CLIPBOARD_GAP_MS * 1000 : 0;
  const gint64 now = g_get_monotonic_time ();
  way->timer = 0;
  if (!offer)
    return G_SOURCE_REMOVE;
  if (is_busy (way))
    look_soon (way, LOOK_MS);
  else if (now < ready)
    look_soon (way, (guint) ((ready - now + 999) / 1000));
  else
    begin (way, offer);
  return G_SOURCE_REMOVE;
}

static void
look_soon (Way *way, guint ms)
{
  if (!way->timer)
    way->timer = g_timeout_add_full (G_PRIORITY_DEFAULT, ms, on_look, way, NULL);
}

void
sk_clipboard_offer (SkClipboard *self, SkCross direction, guint64 untrusted_number, guint untrusted_kind,
                    guint untrusted_bytes, int take_pipe)
{
  Way *way = &self->ways[direction];
  sk_autofd int pipe = take_pipe;
  const SkClipKind kind = untrusted_kind == SK_CLIP_TEXT ? SK_CLIP_TEXT : SK_CLIP_PICTURE;
  if (untrusted_kind != (guint) kind || untrusted_bytes == 0 || untrusted_bytes > sk_clip_content_max (kind)
      || !self->klass->may (direction, self->data))
    return;
  /* The newest of a flood; with the other kind of the same copy. */
  for (guint i = 0; i < SK_CLIP_KINDS; i++)
    if (i == (guint) kind || way->waiting[i].untrusted_number != untrusted_number)
      drop_offer (&way->waiting[i]);
  way->waiting[kind] = (Offer){ untrusted_number, kind, untrusted_bytes, sk_steal_fd (&pipe) };
  if (way->timer == 0)
    on_look (way);
}

void
sk_clipboard_renewed (SkClipboard *self, SkCross direction)
{
  drop_offers (&self->ways[direction]);
  self->ways[direction].last_untrusted = 0;
}

/* -- giving out ---------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkTransfers *transfers;
  char *transfer, *session, *blob;
  gsize bytes_max;
  gsize bytes; /* read */
} Giving;

static void
giving_free (gpointer data)
{
  Giving *giving = data;
  g_object_unref (giving->transfers);
  g_free (giving->transfer);
  g_free (giving->session);
  g_free (giving->blob);
  g_free (giving);
}

/* In a thread: the disk and the cipher. Returns sealed memory. */
static int
read_blob (Giving *giving, GError **error)
{
  g_autoptr (SkQuarantineReader) reader
      = sk_quarantine_open (giving->transfers->parts.quarantine, giving->blob, error);
  const guint64 size = reader ? sk_quarantine_size (reader) : 0;
  if (!reader)
    return -1;
  if (size == 0 || size > giving->bytes_max)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_LIMIT, "too large for a clipboard");
      return -1;
    }
  g_autofree guint8 *data = g_malloc (size);
  gssize n = 1;
  while (giving->bytes < size
         && (n = sk_quarantine_read (reader, data + giving->bytes, size - giving->bytes, error)) > 0)
    giving->bytes += (gsize) n;
  if (giving->bytes == size)
    return sk_fd_new_sealed_content ("clipboard", data, size, error);
  if (n == 0)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_STORE, "cut off");
  return -1;
}

static void
giving_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  const int fd = read_blob (data, &error);
  if (fd < 0)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, fd);
}

static SkClipKind
clip_kind (const SkLiveTransfer *t)
{
  return t->row->kind == SK_KIND_TEXT ? SK_CLIP_TEXT : SK_CLIP_PICTURE;
}

static const SkTransferItem *
item_of (const SkLiveTransfer *t)
{
  return ((SkLiveItem *) t->items->pdata[0])->row;
}

/* What this side has from now on. */
static void
note_set (Way *way, const SkLiveTransfer *t)
{
  const SkClipKind kind = clip_kind (t);
  if (t->row->clip != way->set_number)
    forget_set (way);
  way->set_number = t->row->clip;
  g_free (way->set_hash[kind]);
  way->set_hash[kind] = g_strdup (item_of (t)->result_sha256);
}

static gboolean
is_outdated (const Way *way, const SkLiveTransfer *t)
{
  return t->row->clip < way->set_number;
}

static void
end_echo (SkLiveTransfer *t)
{
  sk_live_transfer_end_logged (t, SK_TRANSFER_CANCELLED, "broker", "echo", "The other side has it already.",
                               "相手側に同じものがあります。");
}

/* Not a byte unless the store says so, and nothing where something newer is by now. */
static void
give (SkClipboard *self, SkLiveTransfer *t, int fd, gsize bytes)
{
  Way *way = &self->ways[t->row->direction];
  const SkClipboardContent content = { .number = (guint64) t->row->clip,
                                       .kind = clip_kind (t),
                                       .fd = fd,
                                       .bytes = bytes,
                                       .once = t->row->once,
                                       .wipe_seconds = t->row->wipe_seconds };
  g_autoptr (GError) error = NULL;
  if (t->row->state != SK_TRANSFER_RELEASING)
    return;
  if (is_outdated (way, t))
    {
      sk_live_transfer_supersede (t);
      return;
    }
  if (!self->klass->is_up (t->row->direction, self->data)
      || !self->klass->set (t->row->direction, &content, self->data))
    return; /* when somebody is there */
  note_set (way, t);
  if (!sk_live_transfer_set_state (t, SK_TRANSFER_DELIVERED, "broker", NULL, &error))
    sk_warn (SK_FIELDS ("transfer", t->row->id), "%s", error->message);
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer data)
{
  Giving *giving = data;
  SkTransfers *transfers = giving->transfers;
  SkLiveTransfer *t = sk_transfers_find (transfers, giving->transfer);
  SkClipboard *self = g_hash_table_lookup (transfers->clipboards, giving->session);
  g_autoptr (GError) error = NULL;
  sk_autofd int fd = (int) g_task_propagate_int (G_TASK (result), &error);
  if (t)
    t->busy = FALSE;
  if (error)
    sk_warn (SK_FIELDS ("transfer", giving->transfer), "clipboard: %s", error->message);
  else if (t && self)
    give (self, t, fd, giving->bytes);
}

void
sk_clipboard_deliver (SkClipboard *self, SkLiveTransfer *t)
{
  const SkTransferItem *item = item_of (t);
  if (is_outdated (&self->ways[t->row->direction], t))
    {
      sk_live_transfer_supersede (t);
      return;
    }
  if (is_echo (self, t->row->direction, clip_kind (t), item->result_sha256))
    {
      end_echo (t);
      return;
    }
  if (!self->klass->is_up (t->row->direction, self->data))
    return;
  Giving *giving = g_new0 (Giving, 1);
  *giving = (Giving){ .transfers = g_object_ref (self->transfers),
                      .transfer = g_strdup (t->row->id),
                      .session = g_strdup (self->session->id),
                      .blob = g_strdup (item->result_blob),
                      .bytes_max = sk_clip_content_max (clip_kind (t)) };
  t->busy = TRUE;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_given, giving);
  g_task_set_task_data (task, giving, giving_free);
  g_task_run_in_thread (task, giving_thread);
}

void
sk_clipboard_up (SkClipboard *self, SkCross direction)
{
  sk_transfers_clips_up (self->transfers, self->session->id, direction);
}
