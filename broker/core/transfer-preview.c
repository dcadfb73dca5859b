/* A look at what would cross: its rebuilt content through an inspector of its own, which makes a small
 * picture or a masked text of it. The core holds the bytes and does not look into them. */
#include "common/error.h"
#include "core/transfer-private.h"
#include "inspect/job.h"
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64 * 1024)

typedef struct
{
  SkTransfers *owner;
  GTask *task;
  char *user;
  SkPreview *preview;
  GCancellable *cancel;
  gulong cancelled;
  GCancellable *outer;
  GInputStream *out;
  GByteArray *bytes;
  SkInspection *inspection;
  GError *error;
  guint64 bytes_max;
  guint pending;
} Look;

void
sk_preview_free (SkPreview *p)
{
  if (!p)
    return;
  g_free (p->name);
  g_free (p->type);
  g_clear_pointer (&p->content, g_bytes_unref);
  g_free (p);
}

static void
look_free (Look *look)
{
  if (look->cancelled)
    g_cancellable_disconnect (look->outer, look->cancelled);
  g_clear_object (&look->outer);
  g_clear_object (&look->cancel);
  g_clear_object (&look->out);
  g_clear_object (&look->task);
  g_clear_object (&look->owner);
  g_clear_pointer (&look->preview, sk_preview_free);
  g_clear_pointer (&look->inspection, sk_inspection_free);
  g_clear_error (&look->error);
  g_byte_array_unref (look->bytes);
  g_free (look->user);
  g_free (look);
}

/* -- how many
 * ------------------------------------------------------------------------------------------------
 */

static guint
running (SkTransfers *self, const char *user)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->previews, user));
}

static gboolean
begin (SkTransfers *self, const char *user, GError **error)
{
  guint all = 0;
  GHashTableIter iter;
  gpointer n;
  g_hash_table_iter_init (&iter, self->previews);
  while (g_hash_table_iter_next (&iter, NULL, &n))
    all += GPOINTER_TO_UINT (n);
  if (all >= SK_PREVIEWS_MAX || running (self, user) >= SK_PREVIEWS_PER_USER)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_FULL,
                           SK_BOTH ("other previews are being made; try again in a moment",
                                    "ほかのプレビューを作成中です。少し待ってからやり直してください"));
      return FALSE;
    }
  g_hash_table_insert (self->previews, g_strdup (user), GUINT_TO_POINTER (running (self, user) + 1));
  return TRUE;
}

static void
end (SkTransfers *self, const char *user)
{
  const guint n = running (self, user);
  if (n > 1)
    g_hash_table_insert (self->previews, g_strdup (user), GUINT_TO_POINTER (n - 1));
  else
    g_hash_table_remove (self->previews, user);
}

/* -- the work
 * ------------------------------------------------------------------------------------------------
 */

static void
finish (Look *look)
{
  const SkInspection *said = look->inspection;
  end (look->owner, look->user);
  if (!look->error && !said->passed)
    g_set_error (&look->error, SK_ERROR, SK_ERROR_UNAVAILABLE,
                 SK_BOTH ("no preview can be made of it (%s)", "プレビューを作成できません（%s）"),
                 said->reason, said->reason);
  if (look->error)
    g_task_return_error (look->task, g_steal_pointer (&look->error));
  else
    {
      SkPreview *p = g_steal_pointer (&look->preview);
      p->type = g_strdup (said->result_type);
      p->cut = p->cut && strcmp (p->type, "text/plain") == 0;
      p->content = g_bytes_new (look->bytes->data, look->bytes->len);
      g_task_return_pointer (look->task, p, (GDestroyNotify) sk_preview_free);
    }
  look_free (look);
}

static void
step_done (Look *look, GError *take_error)
{
  if (take_error && !look->error)
    look->error = take_error;
  else
    g_clear_error (&take_error);
  if (look->error)
    g_cancellable_cancel (look->cancel);
  if (--look->pending == 0)
    finish (look);
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  GError *error = NULL;
  sk_quarantine_send_finish (look->owner->parts.quarantine, result, &error);
  if (g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST))
    g_clear_error (&error);
  step_done (look, error);
}

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  GError *error = NULL;
  look->inspection = sk_inspector_run_finish (look->owner->parts.inspector, result, &error);
  step_done (look, error);
}

static void
on_bytes (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  GError *error = NULL;
  g_autoptr (GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);
  const gsize n = piece ? g_bytes_get_size (piece) : 0;
  if (n > look->bytes_max - look->bytes->len)
    g_set_error_literal (&error, SK_ERROR, SK_ERROR_LIMIT, "the preview is too large");
  if (n == 0 || error)
    {
      step_done (look, error);
      return;
    }
  g_byte_array_append (look->bytes, g_bytes_get_data (piece, NULL), (guint) n);
  g_input_stream_read_bytes_async (look->out, PIECE, G_PRIORITY_DEFAULT, look->cancel, on_bytes, look);
}

static void
on_outer_cancelled (GCancellable *outer, gpointer inner)
{
  g_cancellable_cancel (inner);
}

static gboolean
start (Look *look, const SkTransferItem *row, GError **error)
{
  SkTransfers *self = look->owner;
  const SkInspectJob job = { "preview", "", row->result_name, (guint64) row->result_bytes };
  int in[2], out[2];
  if (pipe2 (in, O_CLOEXEC) != 0)
    in[0] = -1;
  if (in[0] < 0 || pipe2 (out, O_CLOEXEC) != 0)
    {
      if (in[0] >= 0)
        {
          close (in[0]);
          close (in[1]);
        }
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "no pipe");
      return FALSE;
    }
  look->bytes_max = sk_inspector_out_max (&job);
  look->out = g_unix_input_stream_new (out[0], TRUE);
  look->pending = 3;
  sk_quarantine_send_async (self->parts.quarantine, row->result_blob, in[1], look->cancel, on_sent, look);
  g_input_stream_read_bytes_async (look->out, PIECE, G_PRIORITY_DEFAULT, look->cancel, on_bytes, look);
  sk_inspector_run_async (self->parts.inspector, &job, in[0], out[1], look->cancel, on_inspected, look);
  return TRUE;
}

/* -- who
 * -----------------------------------------------------------------------------------------------------
 */

/* A preview is a way to see: what an import's receiver may not have yet they are not shown either. */
static gboolean
may_look (SkLiveTransfer *t, const SkIdentity *who)
{
  const gboolean own = t->row->uid == who->uid && strcmp (t->row->user, who->user) == 0;
  const gboolean released = t->row->state == SK_TRANSFER_RELEASING || t->row->state == SK_TRANSFER_DELIVERED;
  if (own)
    return t->row->direction == SK_CROSS_EXPORT || released;
  return sk_live_transfer_was_decided_by (t, who->user)
         || sk_transfers_may_decide (t->owner, who, t->row->id, NULL);
}

static const SkTransferItem *
find_item (SkLiveTransfer *t, const SkIdentity *who, guint index, GError **error)
{
  const SkTransferState state = t->row->state;
  const SkTransferItem *row = index < t->items->len ? ((SkLiveItem *) t->items->pdata[index])->row : NULL;
  if (!may_look (t, who))
    g_set_error_literal (
        error, SK_ERROR, SK_ERROR_FORBIDDEN,
        SK_BOTH ("a preview is for those who decide about it", "プレビューは判断する人だけが見られます"));
  else if (!row)
    g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                 SK_BOTH ("there is no item %u", "%u 番の項目はありません"), index, index);
  else if ((state != SK_TRANSFER_HELD && state != SK_TRANSFER_APPROVED && state != SK_TRANSFER_RELEASING
            && state != SK_TRANSFER_DELIVERED)
           || !*row->result_blob)
    g_set_error (
        error, SK_ERROR, SK_ERROR_CONFLICT,
        SK_BOTH ("it is %s: there is nothing to look at", "状態が %s のため、プレビューはありません"),
        sk_transfer_state_word (state), sk_transfer_state_word (state));
  else
    return row;
  return NULL;
}

static gboolean
record (SkLiveTransfer *t, const SkIdentity *who, const SkTransferItem *row, GError **error)
{
  JsonObject *details = json_object_new ();
  json_object_set_int_member (details, "item", row->position);
  json_object_set_string_member (details, "name", row->result_name);
  json_object_set_string_member (details, "result_sha256", row->result_sha256);
  return sk_transfers_record (t->owner, t->row, "transfer.previewed", who->user, details, error);
}

static Look *
look_new (SkTransfers *self, const SkIdentity *who, const SkTransferItem *row, GTask *task)
{
  Look *look = g_new0 (Look, 1);
  look->owner = g_object_ref (self);
  look->task = g_object_ref (task);
  look->user = g_strdup (who->user);
  look->bytes = g_byte_array_new ();
  look->preview = g_new0 (SkPreview, 1);
  look->preview->name = g_strdup (row->result_name);
  look->preview->cut = row->result_bytes > SK_PREVIEW_TEXT_MAX;
  look->cancel = g_cancellable_new ();
  return look;
}

static gboolean
run (SkTransfers *self, const SkIdentity *who, const char *id, guint item, GTask *task, GError **error)
{
  g_autoptr (SkTransfer) seen = sk_transfers_get (self, who, id, error);
  SkLiveTransfer *t = seen ? sk_transfers_find (self, id) : NULL;
  if (seen && !t)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT,
                         SK_BOTH ("its content is purged", "内容はすでに消去されています"));
  const SkTransferItem *row = t ? find_item (t, who, item, error) : NULL;
  if (!row || !begin (self, who->user, error))
    return FALSE;
  Look *look = look_new (self, who, row, task);
  if (record (t, who, row, error) && start (look, row, error))
    {
      look->outer = g_task_get_cancellable (task) ? g_object_ref (g_task_get_cancellable (task)) : NULL;
      if (look->outer)
        look->cancelled = g_cancellable_connect (look->outer, G_CALLBACK (on_outer_cancelled),
                                                 g_object_ref (look->cancel), g_object_unref);
      return TRUE;
    }
  end (self, who->user);
  look_free (look);
  return FALSE;
}

void
sk_transfers_preview_async (SkTransfers *self, const SkIdentity *who, const char *id, guint item,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  GError *error = NULL;
  if (!run (self, who, id, item, task, &error))
    g_task_return_error (task, error);
}

SkPreview *
sk_transfers_preview_finish (SkTransfers *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
