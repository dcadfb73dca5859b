#include "rdp-box.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* A worker that stops in the middle. */
#define PATIENCE_MS 5000

int
sk_box_clip_take (int untrusted_pipe, gsize bytes, GError **error)
{
  g_autofree guint8 *data = g_malloc (bytes + 1);
  gsize got = 0;
  while (got <= bytes)
    {
      struct pollfd p = { untrusted_pipe, POLLIN, 0 };
      const gssize n = read (untrusted_pipe, data + got, bytes + 1 - got);
      if (n == 0)
        break;
      if (n > 0)
        got += (gsize) n;
      else if (errno == EAGAIN ? poll (&p, 1, PATIENCE_MS) <= 0 : errno != EINTR)
        break;
    }
  if (got == bytes)
    return sk_fd_new_sealed_content ("clipboard", data, bytes, error);
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "%zu bytes instead of %zu", got, bytes);
  return -1;
}
