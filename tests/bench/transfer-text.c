#include "transfer-box.h"
#include "common/fd.h"
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TEXT 1024

static const SkIdentity sender = { 1000, (char *) "hanako", FALSE };

static void
fail (const char *what)
{
  perror (what);
  exit (1);
}

static void
move (int from, int to, char *text)
{
  gsize got = 0;
  while (got < TEXT)
    {
      const gssize n = recv (from, text + got, TEXT - got, 0);
      if (n <= 0)
        _exit (0);
      got += (gsize) n;
    }
  if (send (to, text, TEXT, MSG_NOSIGNAL) != TEXT)
    _exit (1);
}

/* The peer: a process that copies. Our ends in ret. */
static GPid
start_relay (int ret[2])
{
  int in[2], out[2];
  char text[TEXT];
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0
      || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) < 0)
    fail ("socketpair");
  const GPid pid = fork ();
  if (pid < 0)
    fail ("fork");
  if (pid == 0)
    {
      close (in[0]);
      close (out[0]);
      for (;;)
        move (in[1], out[1], text);
    }
  close (in[1]);
  close (out[1]);
  ret[0] = in[0];
  ret[1] = out[0];
  return pid;
}

static double
by_relay (const int ends[2], const char *text)
{
  char back[TEXT];
  const gint64 start = g_get_monotonic_time ();
  if (send (ends[0], text, TEXT, MSG_NOSIGNAL) != TEXT || recv (ends[1], back, TEXT, MSG_WAITALL) != TEXT)
    fail ("relay");
  return (double) (g_get_monotonic_time () - start) / 1000;
}

static void
send_text (TransferBox *box, const char *id, const char *text)
{
  GError *error = NULL;
  gint64 bytes;
  g_autoptr (SkQuarantined) content = NULL;
  SkQuarantineWriter *writer = sk_transfers_upload (box->transfers, &sender, id, 0, 0, &bytes, &error);
  if (!writer || !sk_quarantine_write (writer, text, TEXT, &error)
      || !(content = sk_quarantine_finish (writer, &error))
      || !sk_transfers_uploaded (box->transfers, id, 0, content, &error))
    transfer_box_check (error);
}

/* What the other side gets to see is read out of the quarantine again. */
static void
read_text (TransferBox *box, const char *id, const char *text)
{
  GError *error = NULL;
  char back[TEXT];
  g_autoptr (GPtrArray) items = sk_transfers_items (box->transfers, id, &error);
  transfer_box_check (error);
  const SkTransferItem *item = items->pdata[0];
  g_autoptr (SkQuarantineReader) reader = sk_quarantine_open (box->quarantine, item->result_blob, &error);
  transfer_box_check (error);
  if (sk_quarantine_read (reader, back, TEXT, &error) != TEXT || memcmp (back, text, TEXT) != 0)
    {
      fputs ("transfer-box: another text came out\n", stderr);
      exit (1);
    }
}

static double
by_us (TransferBox *box, const char *text)
{
  GError *error = NULL;
  const SkTransferOffer offer = { "clipboard.txt", TEXT };
  const gint64 start = g_get_monotonic_time ();
  g_autofree char *id = sk_transfers_create (box->transfers, &sender, SK_KIND_TEXT, "", &offer, 1, &error);
  transfer_box_check (error);
  send_text (box, id, text);
  transfer_box_wait (box, id, SK_TRANSFER_RELEASING);
  read_text (box, id, text);
  return (double) (g_get_monotonic_time () - start) / 1000;
}

/* What one wait for this disk costs, for whoever reads the figures. */
static double
disk (const char *state, const char *text)
{
  g_autofree char *path = g_build_filename (state, "sync", NULL);
  sk_autofd int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const gint64 start = g_get_monotonic_time ();
  if (fd < 0 || write (fd, text, TEXT) != TEXT || fsync (fd) < 0)
    fail (path);
  return (double) (g_get_monotonic_time () - start) / 1000;
}

void
transfer_text (const char *state, const char *libexec, const char *policies, guint count, guint rest)
{
  TransferBox box;
  int ends[2];
  const GPid relay = start_relay (ends);
  g_autoptr (JsonBuilder) json = json_builder_new ();
  transfer_box_open (&box, state, libexec, policies);
  transfer_box_rest (500); /* spares are started by then */
  json_builder_begin_array (json);
  for (guint i = 0; i < count; i++)
    {
      char text[TEXT + 1];
      for (guint at = 0; at < TEXT; at += 16)
        g_snprintf (text + at, 17, "%08x %06u\n", g_random_int (), i);
      json_builder_begin_array (json);
      json_builder_add_double_value (json, by_relay (ends, text));
      json_builder_add_double_value (json, by_us (&box, text));
      json_builder_add_double_value (json, disk (state, text));
      json_builder_end_array (json);
      transfer_box_rest (rest);
    }
  json_builder_end_array (json);
  close (ends[0]);
  close (ends[1]);
  waitpid (relay, NULL, 0);
  transfer_box_close (&box);
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autofree char *line = json_to_string (root, FALSE);
  puts (line);
}
