#include "sending.h"
#include "../files-relay.h"
#include "common/fd.h"
#include <errno.h>

/* A span of less wakes too many for what it carries; where the window is small, half of it. */
#define SPAN_LEAST (2 * 1024 * 1024)

struct _SkSending
{
  SkFiles *files;
  guint32 id;
  int dir;
  const SkTree *tree;
  guint item;
  guint64 offset, bytes; /* in the item; in all, without costs */
  int fd;                /* of the item that is open, or -1 */
  guint64 passed;        /* of it: in spans that the agent has not done yet */
  GChecksum *sum;        /* NULL: not all of the item went through our hands */
  guint64 window, sent, credited;
  gboolean ended;
};

SkSending *
sk_sending_new (SkFiles *files, guint32 id, int dir, const SkTree *tree, guint item, guint64 offset,
                guint window)
{
  SkSending *sending = g_new0 (SkSending, 1);
  *sending = (SkSending){ .files = files,
                          .id = id,
                          .dir = dir,
                          .tree = tree,
                          .item = item,
                          .offset = offset,
                          .bytes = offset,
                          .fd = -1,
                          .window = MIN (window, SK_FILE_OFFER_WINDOW) };
  for (guint i = 0; i < item && i < tree->items->len; i++)
    sending->bytes += ((SkTreeItem *) tree->items->pdata[i])->size;
  return sending;
}

void
sk_sending_free (SkSending *sending)
{
  if (!sending)
    return;
  sk_clear_fd (&sending->fd);
  g_clear_pointer (&sending->sum, g_checksum_free);
  g_free (sending);
}

void
sk_sending_credit (SkSending *sending, guint64 taken)
{
  if (taken > sending->credited && taken <= sending->sent)
    sending->credited = taken;
}

int
sk_sending_percent (const SkSending *sending)
{
  const guint64 unacknowledged = sending->sent - sending->credited;
  const guint64 taken = sending->bytes - MIN (sending->bytes, unacknowledged);
  return sending->tree->bytes ? (int) (taken * 100 / sending->tree->bytes) : 0;
}

static SkSendingStep
start_item (SkSending *sending, const SkTreeItem *item)
{
  const SkMessage m
      = { .type = SK_FILE_ITEM, .id = sending->id, .n = { sending->item, item->size }, .s = { item->name } };
  sending->fd = sk_tree_open (sending->dir, item);
  if (sending->fd < 0 || sending->offset > item->size)
    return SK_SENDING_CHANGED;
  g_clear_pointer (&sending->sum, g_checksum_free);
  if (sending->offset == 0)
    sending->sum = g_checksum_new (G_CHECKSUM_SHA256);
  sending->sent += SK_FILE_ITEM_COST;
  sk_files_say (sending->files, &m);
  return SK_SENDING_MORE;
}

static SkSendingStep
end_item (SkSending *sending, const SkTreeItem *item)
{
  const SkMessage m = { .type = SK_FILE_ITEM_END,
                        .id = sending->id,
                        .n = { sending->item },
                        .s = { (char *) (sending->sum ? g_checksum_get_string (sending->sum) : "") } };
  if (sending->passed > 0)
    return SK_SENDING_WAITS;
  if (!sk_tree_is_same (sending->fd, item))
    return SK_SENDING_CHANGED;
  sk_files_say (sending->files, &m);
  sk_clear_fd (&sending->fd);
  sending->item++;
  sending->offset = 0;
  return SK_SENDING_MORE;
}

/* What is larger than one DATA is read by the agent itself. */
static SkSendingStep
send_span (SkSending *sending, const SkTreeItem *item)
{
  const guint64 left = item->size - sending->offset;
  const guint64 room = sending->window - (sending->sent - sending->credited);
  const guint64 most = MIN (MIN (left, room), SK_FILES_SPAN_MAX);
  /* Whole frames: a smaller one may only end the item. */
  const guint32 n = (guint32) (most == left ? left : most - most % SK_FILE_DATA_MAX);
  if (n == 0 || most < MIN (left, MIN (SPAN_LEAST, sending->window / 2))
      || !sk_files_send_span (sending->files, sending->id, sending->item, sending->offset, n, sending->fd))
    return SK_SENDING_WAITS;
  g_clear_pointer (&sending->sum, g_checksum_free);
  sending->passed += n;
  sending->offset += n;
  sending->bytes += n;
  sending->sent += n;
  return SK_SENDING_MORE;
}

gboolean
sk_sending_span_done (SkSending *sending, guint32 length)
{
  if (length == 0 || length > sending->passed)
    return FALSE;
  sending->passed -= length;
  return TRUE;
}

static SkSendingStep
send_data (SkSending *sending, const SkTreeItem *item)
{
  const gsize wanted = MIN (item->size - sending->offset, SK_FILE_DATA_MAX);
  guint8 *room = sk_files_data (sending->files);
  gssize n = -1;
  do
    n = pread (sending->fd, room, wanted, (off_t) sending->offset);
  while (n < 0 && errno == EINTR);
  if (n != (gssize) wanted)
    return SK_SENDING_CHANGED;
  if (sending->sum)
    g_checksum_update (sending->sum, room, n);
  sk_files_send_data (sending->files, SK_FILE_DATA, sending->id, sending->item, sending->offset, wanted);
  sending->offset += wanted;
  sending->bytes += wanted;
  sending->sent += wanted;
  return SK_SENDING_MORE;
}

SkSendingStep
sk_sending_step (SkSending *sending)
{
  const SkMessage end = { .type = SK_FILE_OFFER_END, .id = sending->id };
  const guint64 under_way = sending->sent - sending->credited;
  if (sending->ended)
    return SK_SENDING_ALL;
  if (sending->item >= sending->tree->items->len)
    {
      sending->ended = TRUE;
      sk_files_say (sending->files, &end);
      return SK_SENDING_ALL;
    }
  if (under_way + SK_FILE_DATA_MAX + SK_FILE_ITEM_COST > sending->window)
    return SK_SENDING_WAITS;
  const SkTreeItem *item = sending->tree->items->pdata[sending->item];
  if (sending->fd < 0)
    return start_item (sending, item);
  if (sending->offset == item->size)
    return end_item (sending, item);
  return item->size - sending->offset > SK_FILE_DATA_MAX || sending->passed > 0 ? send_span (sending, item)
                                                                                : send_data (sending, item);
}
