#include "desktop/send.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "desktop/content.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Between two tries while the broker is away. */
#define RETRY_MS 1000
#define NOTIFY_US 50000
/* "error WORD TEXT\n": a sentence. */
#define ANSWER_MAX 2048

struct _SkSend
{
  SkClient *client;
  SkGathering *gathering;
  char *reason, *matter;
  gint64 patience; /* µs */
  GCancellable *cancellable;
  SkSendNotify notify;
  gpointer data;
  GThread *thread;
  gint64 told, moved; /* monotonic: last notification, last progress */
  guint8 *piece;
  gboolean conflict; /* the broker would not take the last upload from this offset, or not just now */
  GMutex mutex;
  SkSendProgress progress;
  SkTransferInfo *info;
  GError *error;
};

/* -- progress -------------------------------------------------------------------------------------------- */

static void
tell (SkSend *self, gboolean always)
{
  const gint64 now = g_get_monotonic_time ();
  if (!always && now - self->told < NOTIFY_US)
    return;
  self->told = now;
  if (self->notify)
    self->notify (self, self->data);
}

static void
set_phase (SkSend *self, SkSendPhase phase)
{
  g_mutex_lock (&self->mutex);
  const gboolean changed = self->progress.phase != phase;
  self->progress.phase = phase;
  g_mutex_unlock (&self->mutex);
  if (changed)
    tell (self, TRUE);
}

static void
set_bytes (SkSend *self, guint64 bytes, guint files)
{
  g_mutex_lock (&self->mutex);
  if (bytes > self->progress.bytes)
    self->moved = g_get_monotonic_time ();
  self->progress.bytes = bytes;
  self->progress.files = files;
  g_mutex_unlock (&self->mutex);
  tell (self, FALSE);
}

void
sk_send_look (SkSend *self, SkSendProgress *ret_progress)
{
  g_mutex_lock (&self->mutex);
  *ret_progress = self->progress;
  g_mutex_unlock (&self->mutex);
}

/* -- one item -------------------------------------------------------------------------------------------- */

static gboolean
shorter (const SkGathered *file, GError **error)
{
  g_autofree char *shown = g_filename_display_name (file->path);
  /* Never the code of a broker that is away: that would be tried again. */
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_TR ("%s: it could not be read (%s).", "%s：読み取れませんでした（%s）。"), shown,
               g_strerror (errno));
  return FALSE;
}

static gboolean
write_item (SkSend *self, const SkGathered *file, int from, int to, guint64 offset, guint64 before,
            guint index, GError **error)
{
  const guint64 size = (guint64) file->as_was.st_size;
  while (offset < size)
    {
      const gsize wanted = (gsize) MIN (size - offset, SK_CONTENT_PIECE);
      const gssize n = pread (from, self->piece, wanted, (off_t) offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return shorter (file, error);
      if (n == 0)
        return sk_gathered_check (file, from, error) && shorter (file, error);
      if (!sk_content_write (to, self->piece, (gsize) n, self->cancellable, error))
        return FALSE;
      offset += (guint64) n;
      set_bytes (self, before + offset, index);
    }
  /* Before the last byte counts: a file that changed meanwhile is a mixture of two. */
  return sk_gathered_check (file, from, error);
}

static gboolean
fail_by_answer (char *untrusted_line, GError **error)
{
  g_auto (GStrv) words = g_strsplit (untrusted_line, " ", 3);
  const gboolean is_error = words[0] && strcmp (words[0], "error") == 0 && words[1];
  const SkErrorCode code = is_error ? sk_error_code_from_word (words[1]) : SK_ERROR_PEER_LOST;
  const SkErrorInfo *info = sk_error_info_for_code (code);
  const char *text = is_error && words[2] && *words[2] ? words[2] : SK_TR (info->en, info->ja);
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *one = sk_both_pick (valid, sk_locale_is_japanese ());
  g_set_error_literal (error, SK_ERROR, (int) code, one);
  return FALSE;
}

/* One line; nothing at all is a connection that was lost. */
static gboolean
read_answer (SkSend *self, int fd, GError **error)
{
  char line[ANSWER_MAX + 1];
  gsize length = 0;
  gssize n = 1;
  while (length < ANSWER_MAX && n > 0 && !memchr (line, '\n', length))
    {
      n = sk_content_read (fd, line + length, ANSWER_MAX - length, self->cancellable, error);
      if (n < 0)
        return FALSE;
      length += (gsize) n;
    }
  line[length] = 0;
  line[strcspn (line, "\n")] = 0;
  return strcmp (line, "ok") == 0 || fail_by_answer (line, error);
}

static gboolean
upload_item (SkSend *self, guint index, guint64 offset, guint64 before, GError **error)
{
  const SkGathered *file = self->gathering->files->pdata[index];
  self->conflict = FALSE;
  sk_autofd int from = sk_gathered_open (file, error);
  if (from < 0)
    return FALSE;
  sk_autofd int to
      = sk_client_upgrade_transfer (self->client, self->info->id, SK_CLIENT_UPLOAD, index, offset, error);
  /* The connection before may still be open on its side, an item without bytes may need no upload, or the
   * whole transfer was decided upon: its present state tells. */
  self->conflict = to < 0 && error && g_error_matches (*error, SK_ERROR, SK_ERROR_CONFLICT);
  if (to < 0)
    return FALSE;
  g_autoptr (GError) failed = NULL;
  if (!write_item (self, file, from, to, offset, before, index, &failed))
    {
      g_autoptr (GError) why = NULL;
      /* A broker that refuses in the middle says why before it closes. */
      if (g_error_matches (failed, SK_ERROR, SK_ERROR_PEER_LOST) && !read_answer (self, to, &why)
          && !g_error_matches (why, SK_ERROR, SK_ERROR_PEER_LOST))
        g_propagate_error (error, g_steal_pointer (&why));
      else
        g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  shutdown (to, SHUT_WR);
  return read_answer (self, to, error);
}

/* -- all items ------------------------------------------------------------------------------------------- */

static gboolean
is_away (const GError *error)
{
  return g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST)
         || g_error_matches (error, SK_ERROR, SK_ERROR_UNAVAILABLE)
         || g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT);
}

/* TRUE: try again. Otherwise *failed goes to the caller's error. */
static gboolean
wait_for_broker (SkSend *self, GError *failed, GError **error)
{
  const gint64 waited = g_get_monotonic_time () - self->moved;
  GPollFD cancel;
  if ((!is_away (failed) && !self->conflict) || waited > self->patience
      || g_cancellable_is_cancelled (self->cancellable))
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  g_error_free (failed);
  self->conflict = FALSE;
  set_phase (self, SK_SEND_WAITING);
  if (g_cancellable_make_pollfd (self->cancellable, &cancel))
    {
      struct pollfd waiting = { cancel.fd, POLLIN, 0 };
      poll (&waiting, 1, (int) MIN (RETRY_MS, self->patience / 1000 + 1));
      g_cancellable_release_fd (self->cancellable);
    }
  return TRUE;
}

/* What the broker holds durably by now. */
static gboolean
look_again (SkSend *self, GError **error)
{
  for (;;)
    {
      GError *failed = NULL;
      SkTransferInfo *info = sk_transfer_info_get (self->client, self->info->id, &failed);
      if (info)
        {
          const gboolean same = info->items->len == self->gathering->files->len;
          sk_transfer_info_free (self->info);
          self->info = info;
          if (!same)
            g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "transfer: items");
          return same;
        }
      if (!wait_for_broker (self, failed, error))
        return FALSE;
    }
}

static gboolean
is_receiving (SkSend *self)
{
  return strcmp (self->info->state, "receiving") == 0;
}

static gboolean
upload_with_patience (SkSend *self, guint index, guint64 before, GError **error)
{
  for (;;)
    {
      GError *failed = NULL;
      const SkTransferInfoItem *item = self->info->items->pdata[index];
      /* An empty item has nothing to wait for, but the broker has to hear that it is there. */
      if (item->size > 0 && item->received == item->size)
        return TRUE;
      set_phase (self, SK_SEND_UPLOADING);
      if (upload_item (self, index, item->received, before, &failed))
        return TRUE;
      if (!wait_for_broker (self, failed, error) || !look_again (self, error))
        return FALSE;
      /* Its answer was lost, and this was the last one. */
      if (!is_receiving (self))
        return TRUE;
    }
}

static gboolean
upload_all (SkSend *self, GError **error)
{
  guint64 before = 0;
  for (guint i = 0; i < self->gathering->files->len && is_receiving (self); i++)
    {
      const SkGathered *file = self->gathering->files->pdata[i];
      if (!upload_with_patience (self, i, before, error))
        return FALSE;
      before += (guint64) file->as_was.st_size;
      set_bytes (self, before, i + 1);
    }
  return TRUE;
}

/* -- before and after ------------------------------------------------------------------------------------ */

static gboolean
create (SkSend *self, GError **error)
{
  const guint n = self->gathering->files->len;
  g_autofree SkTransferInfoOffer *offers = g_new (SkTransferInfoOffer, n);
  for (guint i = 0; i < n; i++)
    {
      const SkGathered *file = self->gathering->files->pdata[i];
      offers[i] = (SkTransferInfoOffer){ file->name, (guint64) file->as_was.st_size };
    }
  /* One whose answer was lost stays empty and expires; trying again can only make another. */
  for (;;)
    {
      GError *failed = NULL;
      self->info = sk_transfer_info_create (self->client, self->reason, self->matter, offers, n, &failed);
      if (self->info || !wait_for_broker (self, failed, error))
        return self->info != NULL;
    }
}

static gboolean
is_settled (const SkTransferInfo *info)
{
  static const char *const moving[] = { "receiving", "quarantined", "inspecting", NULL };
  return !g_strv_contains (moving, info->state);
}

/* People want to know whether it was refused; a broker that is busy is not waited for long. */
static gboolean
settle (SkSend *self, GError **error)
{
  const gint64 end = g_get_monotonic_time () + SK_SEND_SETTLE_SECONDS * G_USEC_PER_SEC;
  /* Opened before the first look, so that no change falls in between. */
  g_autoptr (SkClientEvents) events = sk_client_events (self->client, NULL);
  set_phase (self, SK_SEND_INSPECTING);
  while (look_again (self, error))
    {
      const gint64 left = (end - g_get_monotonic_time ()) / 1000;
      if (is_settled (self->info) || left <= 0 || g_cancellable_is_cancelled (self->cancellable) || !events)
        return TRUE;
      g_autoptr (GError) over = NULL;
      g_autoptr (JsonNode) event = sk_client_events_next (events, (int) MIN (left, RETRY_MS), &over);
      if (over)
        return TRUE;
    }
  return FALSE;
}

static gboolean
run (SkSend *self, GError **error)
{
  return create (self, error) && upload_all (self, error) && settle (self, error);
}

/* One that cannot be withdrawn expires by itself; the reason for the failure says more than this one would.
 */
static void
withdraw_rest (SkSend *self)
{
  if (!self->info || !is_receiving (self))
    return;
  if (!sk_transfer_info_withdraw (self->client, self->info->id, NULL))
    return;
  g_clear_pointer (&self->info, sk_transfer_info_free);
}

static gpointer
send_thread (gpointer data)
{
  SkSend *self = data;
  g_autoptr (GError) error = NULL;
  self->moved = g_get_monotonic_time ();
  const gboolean ok = run (self, &error);
  if (!ok)
    withdraw_rest (self);
  g_mutex_lock (&self->mutex);
  self->error = g_steal_pointer (&error);
  g_mutex_unlock (&self->mutex);
  set_phase (self, ok ? SK_SEND_DONE : SK_SEND_FAILED);
  return NULL;
}

SkSend *
sk_send_new (const char *socket, SkGathering *gathering, const char *reason, guint patience_seconds,
             SkSendNotify notify, gpointer data)
{
  return sk_send_new_in (socket, gathering, reason, NULL, patience_seconds, notify, data);
}

SkSend *
sk_send_new_in (const char *socket, SkGathering *gathering, const char *reason, const char *matter,
                guint patience_seconds, SkSendNotify notify, gpointer data)
{
  SkSend *self = g_new0 (SkSend, 1);
  self->client = sk_client_new (socket);
  self->gathering = gathering;
  self->reason = g_strdup (reason);
  self->matter = g_strdup (matter);
  self->patience = (patience_seconds ? patience_seconds : SK_SEND_PATIENCE_SECONDS) * G_USEC_PER_SEC;
  self->cancellable = g_cancellable_new ();
  self->notify = notify;
  self->data = data;
  self->piece = g_malloc (SK_CONTENT_PIECE);
  self->progress.bytes_all = gathering->bytes;
  self->progress.files_all = gathering->files->len;
  g_mutex_init (&self->mutex);
  self->thread = g_thread_new ("send", send_thread, self);
  return self;
}

void
sk_send_cancel (SkSend *self)
{
  g_cancellable_cancel (self->cancellable);
}

SkTransferInfo *
sk_send_finish (SkSend *self, GError **error)
{
  g_clear_pointer (&self->thread, g_thread_join);
  if (!self->error)
    return g_steal_pointer (&self->info);
  g_propagate_error (error, g_steal_pointer (&self->error));
  return NULL;
}

void
sk_send_free (SkSend *self)
{
  if (!self)
    return;
  sk_send_cancel (self);
  g_clear_pointer (&self->thread, g_thread_join);
  g_clear_error (&self->error);
  sk_transfer_info_free (self->info);
  sk_gathering_free (self->gathering);
  sk_client_free (self->client);
  g_object_unref (self->cancellable);
  g_mutex_clear (&self->mutex);
  g_free (self->piece);
  g_free (self->reason);
  g_free (self->matter);
  g_free (self);
}
