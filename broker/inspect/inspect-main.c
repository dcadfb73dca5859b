/* sekisho-inspect: see README.md. Loads, closes its sandbox, then waits for its one job. */
#include "common/log.h"
#include "inspect/encoding.h"
#include "inspect/worker.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where the core's deadline does not reach any more, because the core died. */
#define CPU_SECONDS 300

static int
run_alone (int kind)
{
  SkRebuild r = { .kind = (SkInspectKind) kind };
  guint64 bytes_in = 0;
  sk_inspect_work (&r, SK_INSPECT_BYTES_MAX, STDIN_FILENO, STDOUT_FILENO, &bytes_in);
  g_autofree char *text = sk_inspect_describe (&r, bytes_in);
  dprintf (STDERR_FILENO, "%s\n", text);
  return r.reason == SK_REASON_NONE ? 0 : 1;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };
  const int alone = argc == 3 && strcmp (argv[1], "--alone") == 0 ? sk_inspect_kind_from_word (argv[2]) : -1;
  sk_log_init ("sekisho-inspect");
  signal (SIGPIPE, SIG_IGN);
  if (argc != 1 && alone < 0)
    {
      sk_err (NULL, "usage: sekisho-inspect --alone file|text|image|url <CONTENT | cat >RESULT");
      return 64;
    }
  if (setrlimit (RLIMIT_CPU, &cpu) != 0 || !sk_encoding_prepare ()
      || !sk_sandbox_close (&sk_inspect_cage, &error))
    {
      sk_err (NULL, "%s", error ? error->message : "limits or character sets are missing");
      return 69;
    }
  return alone >= 0 ? run_alone (alone) : sk_inspect_serve (SK_INSPECT_FD);
}
