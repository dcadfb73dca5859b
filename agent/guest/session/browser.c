#include "browser.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A busy browser in an emulated guest was seen to take seconds to get to it. */
#define ANSWER_SECONDS 15

static void
append_argument (GByteArray *out, const char *text)
{
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

/* chrome/browser/process_singleton_posix.cc: "START", the working directory and the arguments, with a NUL in
 * front of each but the first; the answer is "ACK", or "SHUTDOWN" from a browser that is about to end. */
static GByteArray *
compose (const char *url)
{
  const char *const parts[] = { "START", g_get_home_dir (), "chromium", url };
  GByteArray *out = g_byte_array_new ();
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      if (i > 0)
        g_byte_array_append (out, (const guint8 *) "", 1);
      append_argument (out, parts[i]);
    }
  return out;
}

gboolean
sk_browser_open_url (const char *profile, const char *url, GError **error)
{
  g_autofree char *path = g_build_filename (profile, "SingletonSocket", NULL);
  sk_autofd int fd = sk_fd_connect_unix (path, SOCK_STREAM, error);
  if (fd < 0)
    return FALSE;
  struct timeval timeout = { .tv_sec = ANSWER_SECONDS };
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  g_autoptr (GByteArray) message = compose (url);
  char answer[16] = "";
  if (send (fd, message->data, message->len, MSG_NOSIGNAL) == (gssize) message->len
      && shutdown (fd, SHUT_WR) == 0 && recv (fd, answer, sizeof answer - 1, MSG_WAITALL) > 0
      && g_str_equal (answer, "ACK"))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the browser does not answer");
  return FALSE;
}
