/* The routes that move transfers on a socket, for clients by hand and for screenshots: mock-transfers SOCKET.
 * Lines on standard input, answered by "ok":
 *   add NAME SIZE      a file of SIZE random bytes is released to this user
 *   outcome STATE      what becomes of what is sent: held, refused, delivered, …
 *   away 0|1           as if there were no broker
 *   break BYTES        connections break after so many bytes; 0: they do not
 * Ends with standard input. */
#include "mock/transfers.h"
#include <stdio.h>
#include <string.h>

/* Nobody adds more by hand. */
#define SIZE_MAX_HERE (256 * 1024 * 1024)

static void
add (SkMockTransfers *mock, const char *name, guint64 size)
{
  g_autofree guint8 *data = g_malloc (MIN (size, SIZE_MAX_HERE) + 1);
  for (gsize i = 0; i < MIN (size, SIZE_MAX_HERE); i++)
    data[i] = (guint8) g_random_int ();
  g_autoptr (GBytes) content = g_bytes_new (data, MIN (size, SIZE_MAX_HERE));
  sk_mock_transfers_announce (mock, sk_mock_transfers_add (mock, name, content));
}

static void
obey (SkMockTransfers *mock, char **words)
{
  const char *argument = words[0] && words[1] ? words[1] : "";
  const guint64 number = g_ascii_strtoull (words[0] && words[1] && words[2] ? words[2] : argument, NULL, 10);
  if (g_strcmp0 (words[0], "add") == 0)
    add (mock, argument, number);
  else if (g_strcmp0 (words[0], "outcome") == 0)
    sk_mock_transfers_set_outcome (mock, argument);
  else if (g_strcmp0 (words[0], "away") == 0)
    sk_mock_transfers_set_away (mock, number != 0);
  else if (g_strcmp0 (words[0], "break") == 0)
    sk_mock_transfers_set_break (mock, number);
  else
    printf ("unknown: %s\n", words[0] ? words[0] : "");
}

int
main (int argc, char **argv)
{
  char line[1024];
  if (argc != 2)
    {
      fprintf (stderr, "usage: mock-transfers SOCKET\n");
      return 64;
    }
  SkMockTransfers *mock = sk_mock_transfers_new (argv[1]);
  printf ("ok\n");
  fflush (stdout);
  while (fgets (line, sizeof line, stdin))
    {
      g_auto (GStrv) words = g_strsplit (g_strchomp (line), " ", 3);
      obey (mock, words);
      printf ("ok\n");
      fflush (stdout);
    }
  sk_mock_transfers_free (mock);
  return 0;
}
