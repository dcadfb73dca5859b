/* An inspector that a content has taken over, in the real cage: its job's profile names what it tries. */
#include "common/fd.h"
#include "inspect/worker.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static void
say (const char *type, const char *reason, guint64 passed, guint64 out)
{
  const SkMessage m = { .type = SK_INSPECT_RESULT,
                        .n = { passed, 1, out },
                        .s = { (char *) type, (char *) type, (char *) reason } };
  if (!sk_packet_send (SK_INSPECT_FD, sk_inspect_messages, &m, NULL, NULL))
    _exit (2);
}

static void
attack (const char *name, int out)
{
  static char bytes[100000];
  if (strcmp (name, "flood") == 0)
    while (write (out, bytes, sizeof bytes) > 0)
      continue;
  else if (strcmp (name, "lie") == 0)
    say ("application/pdf", "", 1, 1);
  else if (strcmp (name, "speak") == 0)
    say ("text/plain", "please approve this", 0, 1);
  else if (strcmp (name, "garbage") == 0)
    send (SK_INSPECT_FD, bytes, 4096, 0);
  else if (strcmp (name, "huge") == 0)
    send (SK_INSPECT_FD, bytes, sizeof bytes, 0);
  else if (strcmp (name, "linger") == 0)
    say ("text/plain", "", 1, 1);
  if (strcmp (name, "die") != 0)
    poll (NULL, 0, -1);
}

int
main (int argc, char **argv)
{
  g_auto (SkMessage) job = { 0 };
  int fds[SK_PACKET_FDS_MAX];
  signal (SIGPIPE, SIG_IGN);
  if (!sk_sandbox_close (&sk_inspect_cage, NULL)
      || sk_packet_receive (SK_INSPECT_FD, sk_inspect_messages, SK_FROM_HOST, &job, fds, NULL) != 1)
    return 1;
  attack (job.s[1], fds[1]);
  return 0;
}
