#include "desktop/content.h"
#include "common/error.h"
#include "common/i18n.h"
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

static gboolean
fail (SkErrorCode code, GError **error)
{
  const SkErrorInfo *info = sk_error_info_for_code (code);
  g_set_error_literal (error, SK_ERROR, (int) code, SK_TR (info->en, info->ja));
  return FALSE;
}

static gboolean
lost (GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PEER_LOST,
               SK_TR ("The connection to Sekisho was lost (%s).", "Sekisho との接続が切れました（%s）。"),
               g_strerror (errno));
  return FALSE;
}

static gboolean
is_cancelled (GCancellable *cancellable, GError **error)
{
  return g_cancellable_is_cancelled (cancellable) && !fail (SK_ERROR_CANCELLED, error);
}

/* The limit counts from each piece on: a slow disk on the other side is no failure. */
static gboolean
wait_for (int fd, short events, GCancellable *cancellable, GError **error)
{
  GPollFD cancel = { .fd = -1 };
  const gboolean has_cancel = cancellable && g_cancellable_make_pollfd (cancellable, &cancel);
  struct pollfd waiting[] = { { fd, events, 0 }, { has_cancel ? cancel.fd : -1, POLLIN, 0 } };
  int n;
  do
    n = poll (waiting, G_N_ELEMENTS (waiting), SK_CONTENT_SECONDS * 1000);
  while (n < 0 && errno == EINTR);
  if (has_cancel)
    g_cancellable_release_fd (cancellable);
  if (is_cancelled (cancellable, error))
    return FALSE;
  return n > 0 || fail (n == 0 ? SK_ERROR_TIMEOUT : SK_ERROR_INTERNAL, error);
}

static gboolean
may_go_on (int err)
{
  return err == EINTR || err == EAGAIN;
}

gboolean
sk_content_write (int fd, const void *data, gsize length, GCancellable *cancellable, GError **error)
{
  for (const guint8 *p = data; length > 0;)
    {
      if (!wait_for (fd, POLLOUT, cancellable, error))
        return FALSE;
      const gssize n = send (fd, p, length, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && !may_go_on (errno))
        return lost (error);
      p += MAX (n, 0);
      length -= (gsize) MAX (n, 0);
    }
  return TRUE;
}

gssize
sk_content_read (int fd, void *buffer, gsize length, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      if (!wait_for (fd, POLLIN, cancellable, error))
        return -1;
      const gssize n = recv (fd, buffer, length, MSG_DONTWAIT);
      if (n >= 0)
        return n;
      if (!may_go_on (errno))
        {
          lost (error);
          return -1;
        }
    }
}
