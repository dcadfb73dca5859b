/* Blobs into pipes and out of them, in threads. */
#include "common/error.h"
#include "common/fd.h"
#include "quarantine/quarantine-private.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

/* What a pipe takes at once is 64 KiB; a few of those a turn. */
#define PIECE (256 * 1024)

typedef struct
{
  SkQuarantine *q;
  int fd;
  char *blob, *key, *user;
  guint64 bytes_max;
} Pump;

static void
pump_free (gpointer data)
{
  Pump *pump = data;
  sk_clear_fd (&pump->fd);
  g_free (pump->blob);
  g_free (pump->key);
  g_free (pump->user);
  g_free (pump);
}

/* Waits until the pipe is ready or nobody wants it any more. */
static gboolean
wait_ready (int fd, short events, GCancellable *cancellable, GError **error)
{
  GPollFD polls[2] = { { fd, (gushort) events, 0 }, { -1, G_IO_IN, 0 } };
  const guint n = cancellable && g_cancellable_make_pollfd (cancellable, &polls[1]) ? 2 : 1;
  while (g_poll (polls, n, -1) < 0 && errno == EINTR)
    ;
  if (n == 2)
    g_cancellable_release_fd (cancellable);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gboolean
write_all (int fd, const guint8 *p, gsize length, GCancellable *cancellable, GError **error)
{
  while (length > 0)
    {
      const gssize n = write (fd, p, length);
      if (n > 0)
        {
          p += n;
          length -= (gsize) n;
        }
      else if (n < 0 && errno == EAGAIN)
        {
          if (!wait_ready (fd, G_IO_OUT, cancellable, error))
            return FALSE;
        }
      else if (errno != EINTR)
        {
          g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the other end wants no more");
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
send_blob (Pump *pump, GCancellable *cancellable, GError **error)
{
  g_autoptr (SkQuarantineReader) reader = sk_quarantine_open (pump->q, pump->blob, error);
  g_autofree guint8 *buffer = g_malloc (PIECE);
  gssize n = 0;
  if (!reader || !sk_fd_set_nonblocking (pump->fd, TRUE, error))
    return FALSE;
  while ((n = sk_quarantine_read (reader, buffer, PIECE, error)) > 0)
    if (!write_all (pump->fd, buffer, (gsize) n, cancellable, error))
      return FALSE;
  return n == 0;
}

static void
send_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Pump *pump = data;
  GError *error = NULL;
  const gboolean sent = send_blob (pump, cancellable, &error);
  sk_clear_fd (&pump->fd); /* the reader's end of file, before anybody is told */
  if (sent)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* TRUE with *ret_n 0: the end. */
static gboolean
read_some (int fd, guint8 *buffer, gsize *ret_n, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      const gssize n = read (fd, buffer, PIECE);
      if (n >= 0)
        {
          *ret_n = (gsize) n;
          return TRUE;
        }
      if (errno == EAGAIN && !wait_ready (fd, G_IO_IN, cancellable, error))
        return FALSE;
      if (errno != EAGAIN && errno != EINTR)
        return sk_q_fail (error, "pipe");
    }
}

static gboolean
fill (SkQuarantineWriter *writer, Pump *pump, GCancellable *cancellable, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (PIECE);
  gsize n = 0;
  while (read_some (pump->fd, buffer, &n, cancellable, error))
    {
      if (n == 0)
        return TRUE;
      if (sk_quarantine_writer_offset (writer) + n > pump->bytes_max)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "more than %" G_GUINT64_FORMAT " bytes came out",
                       pump->bytes_max);
          return FALSE;
        }
      if (!sk_quarantine_write (writer, buffer, n, error))
        return FALSE;
    }
  return FALSE;
}

static SkQuarantined *
receive_blob (Pump *pump, GCancellable *cancellable, GError **error)
{
  /* Half a result is of no use. */
  sk_quarantine_discard (pump->q, pump->key);
  SkQuarantineWriter *writer = sk_quarantine_begin (pump->q, pump->key, pump->user, error);
  if (!writer || !sk_fd_set_nonblocking (pump->fd, TRUE, error) || !fill (writer, pump, cancellable, error))
    {
      sk_quarantine_writer_free (writer);
      sk_quarantine_discard (pump->q, pump->key);
      return NULL;
    }
  return sk_quarantine_finish (writer, error);
}

static void
receive_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  SkQuarantined *content = receive_blob (data, cancellable, &error);
  if (content)
    g_task_return_pointer (task, content, (GDestroyNotify) sk_quarantined_free);
  else
    g_task_return_error (task, error);
}

static void
start (Pump *pump, GTaskThreadFunc thread, GCancellable *cancellable, GAsyncReadyCallback callback,
       gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  g_task_set_task_data (task, pump, pump_free);
  /* Cancelled a moment after it came whole: a blob that nobody is told of is nobody's to remove. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, thread);
}

void
sk_quarantine_send_async (SkQuarantine *q, const char *blob, int take_fd, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer data)
{
  Pump *pump = g_new0 (Pump, 1);
  *pump = (Pump){ .q = q, .fd = take_fd, .blob = g_strdup (blob) };
  start (pump, send_thread, cancellable, callback, data);
}

gboolean
sk_quarantine_send_finish (SkQuarantine *q, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
sk_quarantine_receive_async (SkQuarantine *q, int take_fd, const char *key, const char *user,
                             guint64 bytes_max, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data)
{
  Pump *pump = g_new0 (Pump, 1);
  *pump = (Pump){
    .q = q, .fd = take_fd, .key = g_strdup (key), .user = g_strdup (user), .bytes_max = bytes_max
  };
  start (pump, receive_thread, cancellable, callback, data);
}

static void
sync_blob (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Pump *pump = data;
  GError *error = NULL;
  if (sk_q_sync_blob (pump->q, pump->blob, FALSE, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
sk_quarantine_sync_async (SkQuarantine *q, const char *blob, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer data)
{
  Pump *pump = g_new0 (Pump, 1);
  *pump = (Pump){ .q = q, .fd = -1, .blob = g_strdup (blob) };
  start (pump, sync_blob, cancellable, callback, data);
}

gboolean
sk_quarantine_sync_finish (SkQuarantine *q, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

SkQuarantined *
sk_quarantine_receive_finish (SkQuarantine *q, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
