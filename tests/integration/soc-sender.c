/* The trail and its forwarder without a broker, for test-soc:
 *
 *   soc-sender STATE HOST:PORT CA JSONL
 *
 * Obeys lines on stdin: "add N" appends N rows to each of two chains, "told" says up to where each sink has
 * told each chain, "purge" lets go of all details that may go. Says "sink NAME works|fails: WHY" by itself.
 * Ends with its stdin. */
#include "audit/audit.h"
#include "audit/soc.h"
#include <gio/gunixinputstream.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const chains[] = { "mori", "tottori" };

typedef struct
{
  GMainLoop *loop;
  SkAudit *audit;
  SkSoc *soc;
} Sender;

static void
on_sink (const char *sink, const char *error, gpointer data)
{
  printf ("sink %s %s%s\n", sink, error ? "fails: " : "works", error ? error : "");
  fflush (stdout);
}

static void
add (Sender *sender, guint n)
{
  g_autofree char *long_text = g_strnfill (9000, 'x');
  for (guint i = 0; i < n; i++)
    for (guint c = 0; c < G_N_ELEMENTS (chains); c++)
      {
        g_autofree char *details
            = g_strdup_printf ("{\"text\":\"%s\"}", i == 7 ? long_text : "日本語 \\\" ]");
        const SkAuditEvent event = { chains[c], "hana\"ko]\\", "transfer.held", "t-1", "", details, 0 };
        g_assert_true (sk_audit_append (sender->audit, &event, NULL));
      }
  sk_soc_wake (sender->soc);
}

static void
told (Sender *sender)
{
  for (const char *const *sink = sk_soc_sinks (sender->soc); *sink; sink++)
    for (guint c = 0; c < G_N_ELEMENTS (chains); c++)
      {
        gint64 seq = 0;
        g_assert_true (
            sk_store_audit_position (sk_audit_store (sender->audit), *sink, chains[c], &seq, NULL));
        printf ("%s %s %d ", *sink, chains[c], (int) seq);
      }
}

static void
purge (Sender *sender)
{
  const SkAuditRetention retention = { { 1, 1, 1 } };
  guint64 rows = 0;
  g_assert_true (
      sk_audit_purge (sender->audit, &retention, G_MAXINT64 / 2, sk_soc_sinks (sender->soc), &rows, NULL));
  printf ("%u ", (guint) rows);
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  Sender *sender = data;
  GDataInputStream *lines = G_DATA_INPUT_STREAM (source);
  g_autofree char *line = g_data_input_stream_read_line_finish (lines, result, NULL, NULL);
  if (!line)
    {
      g_main_loop_quit (sender->loop);
      return;
    }
  if (g_str_has_prefix (line, "add "))
    add (sender, (guint) atoi (line + 4));
  else if (g_str_equal (line, "told"))
    told (sender);
  else if (g_str_equal (line, "purge"))
    purge (sender);
  printf ("ok\n");
  fflush (stdout);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, NULL, on_line, sender);
}

int
main (int argc, char **argv)
{
  g_autofree char *database = argc == 5 ? g_build_filename (argv[1], "sekisho.db", NULL) : NULL;
  const SkSocTargets targets
      = { argc == 5 ? argv[2] : NULL, argc == 5 ? argv[3] : NULL, argc == 5 ? argv[4] : NULL };
  g_autoptr (GError) error = NULL;
  Sender sender = { g_main_loop_new (NULL, FALSE), NULL, NULL };
  g_autoptr (GInputStream) input = g_unix_input_stream_new (0, FALSE);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (input);
  SkStore *store = database ? sk_store_open (database, &error) : NULL;
  signal (SIGPIPE, SIG_IGN);
  if (store)
    sender.audit = sk_audit_new (store, argv[1], "mori", &error);
  if (sender.audit)
    sender.soc = sk_soc_new (sender.audit, &targets, &error);
  if (!sender.soc)
    {
      fprintf (stderr, "soc-sender: %s\n", error ? error->message : "four arguments");
      return 1;
    }
  sk_soc_set_listener (sender.soc, on_sink, NULL);
  printf ("ok\n");
  fflush (stdout);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, NULL, on_line, &sender);
  g_main_loop_run (sender.loop);
  sk_soc_free (sender.soc);
  sk_audit_free (sender.audit);
  sk_store_close (store);
  g_main_loop_unref (sender.loop);
  return 0;
}
