/* The antivirus against scanners that keep their protocol, and against those that do not: slow, cut, lying,
 * flooding, silent ones. Each is a thread behind a real unix or TCP socket that plays one script a
 * connection. */
#include "common/error.h"
#include "common/i18n.h"
#include "inspect/antivirus.h"
#include "inspect/icap-answer.h"
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>

/* Short, for scanners that hang; long enough for a thread of a busy machine to get its turn. The others never
 * come near their limits. */
#define STALL_MS 1000
#define SCAN_MS 3000
#define VERSION "ClamAV 1.4.3/27521/Fri Jan  7 09:36:05 2025"

/* -- the scanner --------------------------------------------------------------------------------------------
 */

typedef struct Scanner Scanner;
typedef void (*Script) (Scanner *, GIOStream *, GDataInputStream *);

struct Scanner
{
  GSocketService *service;
  char *dir, *address;
  Script scripts[8]; /* one a scan; the last one plays on */
  guint scans, versions, previews;
  GString *got; /* of the latest content */
  gboolean previews_offered;
  char *said; /* what RESPMOD's scripts answer */
  GMutex mutex;
  GCond changed;
  guint connections; /* under the mutex: accepted, and not yet done with */
};

static void
say (GIOStream *stream, const void *data, gsize length)
{
  g_output_stream_write_all (g_io_stream_get_output_stream (stream), data, length, NULL, NULL, NULL);
}

static void
say_text (GIOStream *stream, const char *text)
{
  say (stream, text, strlen (text));
}

/* Until the other side has had enough. */
static void
wait_hangup (GIOStream *stream, GDataInputStream *in)
{
  guint8 bytes[4096];
  while (g_input_stream_read (G_INPUT_STREAM (in), bytes, sizeof bytes, NULL, NULL) > 0)
    ;
}

/* FALSE: it was cut. */
static gboolean
take_clamd_content (Scanner *s, GDataInputStream *in)
{
  g_string_truncate (s->got, 0);
  for (;;)
    {
      g_autoptr (GError) error = NULL;
      const guint32 length = g_data_input_stream_read_uint32 (in, NULL, &error);
      if (error)
        return FALSE;
      if (length == 0)
        return TRUE;
      g_autofree char *piece = g_malloc (length);
      gsize n = 0;
      if (!g_input_stream_read_all (G_INPUT_STREAM (in), piece, length, &n, NULL, NULL) || n < length)
        return FALSE;
      g_string_append_len (s->got, piece, length);
    }
}

static char *
read_line (GDataInputStream *in)
{
  return g_data_input_stream_read_line (in, NULL, NULL, NULL);
}

/* Up to the zero chunk and its empty line. */
static void
take_chunks (Scanner *s, GDataInputStream *in)
{
  for (;;)
    {
      g_autofree char *line = read_line (in);
      const gsize length = line ? (gsize) g_ascii_strtoull (line, NULL, 16) : 0;
      g_autofree char *piece = g_malloc (length + 2);
      gsize n = 0;
      if (!line || !g_input_stream_read_all (G_INPUT_STREAM (in), piece, length + 2, &n, NULL, NULL)
          || length == 0)
        return;
      g_string_append_len (s->got, piece, (gssize) length);
    }
}

static void
serve_icap (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  g_autofree char *first = read_line (in);
  gboolean preview = FALSE;
  gsize heads = 0;
  if (!first)
    return;
  for (;;)
    {
      g_autofree char *line = read_line (in);
      if (!line || !*line)
        break;
      preview |= strcmp (line, "Preview: 0") == 0;
      if (g_str_has_prefix (line, "Encapsulated:") && strstr (line, "res-body="))
        heads = (gsize) g_ascii_strtoull (strstr (line, "res-body=") + 9, NULL, 10);
    }
  if (g_str_has_prefix (first, "OPTIONS icap://"))
    {
      s->versions++;
      say_text (stream, "ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nService: Test scanner\r\n"
                        "ISTag: \"S-1\"\r\nAllow: 204\r\n");
      say_text (stream, s->previews_offered ? "Preview: 1024\r\n" : "");
      say_text (stream, "Encapsulated: null-body=0\r\n\r\n");
      return;
    }
  g_assert_true (g_str_has_prefix (first, "RESPMOD icap://"));
  g_autofree char *http = g_malloc (heads);
  gsize n = 0;
  g_input_stream_read_all (G_INPUT_STREAM (in), http, heads, &n, NULL, NULL);
  g_string_truncate (s->got, 0);
  if (preview)
    {
      s->previews++;
      take_chunks (s, in);
    }
  const guint i = MIN (s->scans, G_N_ELEMENTS (s->scripts) - 1);
  s->scans++;
  s->scripts[i](s, stream, in);
}

static void
serve_clamd (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  char command[16] = { 0 };
  for (guint i = 0; i < sizeof command - 1; i++)
    {
      g_autoptr (GError) error = NULL;
      command[i] = (char) g_data_input_stream_read_byte (in, NULL, &error);
      if (error)
        return; /* it was cancelled */
      if (command[i] == '\0')
        break;
    }
  if (strcmp (command, "zVERSION") == 0)
    {
      s->versions++;
      say (stream, VERSION, sizeof VERSION);
      return;
    }
  g_assert_cmpstr (command, ==, "zINSTREAM");
  const guint i = MIN (s->scans, G_N_ELEMENTS (s->scripts) - 1);
  s->scans++;
  s->scripts[i](s, stream, in);
}

static void
count_connections (Scanner *s, int more)
{
  g_mutex_lock (&s->mutex);
  s->connections += (guint) more;
  g_cond_broadcast (&s->changed);
  g_mutex_unlock (&s->mutex);
}

/* In the main thread, before one of the others has it. */
static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  count_connections (data, 1);
  return FALSE;
}

static gboolean
on_run (GThreadedSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  Scanner *s = data;
  g_autoptr (GDataInputStream) in
      = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  g_data_input_stream_set_newline_type (in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  if (g_str_has_prefix (s->address, "icap:"))
    serve_icap (s, G_IO_STREAM (connection), in);
  else
    serve_clamd (s, G_IO_STREAM (connection), in);
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  count_connections (s, -1);
  return TRUE;
}

static Scanner *
scanner_new (gboolean icap, Script first, Script then)
{
  g_autoptr (GError) error = NULL;
  Scanner *s = g_new0 (Scanner, 1);
  for (guint i = 0; i < G_N_ELEMENTS (s->scripts); i++)
    s->scripts[i] = i == 0 ? first : then;
  g_mutex_init (&s->mutex);
  g_cond_init (&s->changed);
  s->got = g_string_new (NULL);
  s->service = g_threaded_socket_service_new (8);
  s->dir = g_dir_make_tmp ("sk-antivirus-XXXXXX", NULL);
  if (icap)
    {
      const guint16 port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (s->service), NULL, &error);
      s->address = g_strdup_printf ("icap://127.0.0.1:%u/scan", port);
    }
  else
    {
      g_autofree char *path = g_build_filename (s->dir, "clamd", NULL);
      g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
      g_socket_listener_add_address (G_SOCKET_LISTENER (s->service), address, G_SOCKET_TYPE_STREAM,
                                     G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, &error);
      s->address = g_strconcat ("clamd:", path, NULL);
    }
  g_assert_no_error (error);
  g_signal_connect (s->service, "incoming", G_CALLBACK (on_incoming), s);
  g_signal_connect (s->service, "run", G_CALLBACK (on_run), s);
  g_socket_service_start (s->service);
  return s;
}

static void
scanner_free (Scanner *s)
{
  g_autofree char *path = g_build_filename (s->dir, "clamd", NULL);
  g_socket_service_stop (s->service);
  g_socket_listener_close (G_SOCKET_LISTENER (s->service));
  g_mutex_lock (&s->mutex);
  while (s->connections > 0)
    g_cond_wait (&s->changed, &s->mutex);
  g_mutex_unlock (&s->mutex);
  g_mutex_clear (&s->mutex);
  g_cond_clear (&s->changed);
  g_object_unref (s->service);
  g_unlink (path);
  g_rmdir (s->dir);
  g_string_free (s->got, TRUE);
  g_free (s->dir);
  g_free (s->address);
  g_free (s->said);
  g_free (s);
}

/* -- the content --------------------------------------------------------------------------------------------
 */

typedef struct
{
  guint64 size, at, fails_at;
  gboolean *freed;
} Source;

static guint8
byte_at (guint64 i)
{
  return (guint8) (i * 31 + i / 251);
}

static gssize
source_read (gpointer source, void *buffer, gsize length, GError **error)
{
  Source *s = source;
  const gsize n = (gsize) MIN ((guint64) length, s->size - s->at);
  if (s->at >= s->fails_at)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_STORE, "the blob was changed");
      return -1;
    }
  for (gsize i = 0; i < n; i++)
    ((guint8 *) buffer)[i] = byte_at (s->at + i);
  s->at += n;
  return (gssize) n;
}

static gboolean
source_rewind (gpointer source, GError **error)
{
  ((Source *) source)->at = 0;
  return TRUE;
}

static void
source_free (gpointer source)
{
  Source *s = source;
  if (s->freed)
    *s->freed = TRUE;
  g_free (s);
}

static SkScanContent
content_of (guint64 size, guint64 fails_at, gboolean *freed)
{
  Source *s = g_new0 (Source, 1);
  *s = (Source){ size, 0, fails_at, freed };
  return (SkScanContent){ size, source_read, source_rewind, s, source_free };
}

static void
assert_got (Scanner *s, guint64 size)
{
  g_assert_cmpuint (s->got->len, ==, size);
  for (guint64 i = 0; i < size; i++)
    if ((guint8) s->got->str[i] != byte_at (i))
      g_error ("byte %" G_GUINT64_FORMAT " came over wrong", i);
}

/* -- asking -------------------------------------------------------------------------------------------------
 */

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static SkScan *
finish (SkAntivirus *av, GAsyncResult **result, GError **error)
{
  while (!*result)
    g_main_context_iteration (NULL, TRUE);
  g_autoptr (GAsyncResult) taken = *result;
  return sk_antivirus_scan_finish (av, taken, error);
}

static SkScan *
scan_with (SkAntivirus *av, guint64 size, GError **error)
{
  const SkScanContent content = content_of (size, G_MAXUINT64, NULL);
  GAsyncResult *result = NULL;
  sk_antivirus_scan_async (av, &content, NULL, on_done, &result);
  return finish (av, &result, error);
}

static SkScan *
scan_within (Scanner *s, guint64 size, guint stall, guint whole)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkAntivirus) av = sk_antivirus_new (s->address, &error);
  g_assert_no_error (error);
  sk_antivirus_set_times (av, stall, whole);
  SkScan *said = scan_with (av, size, &error);
  g_assert_no_error (error);
  return said;
}

static SkScan *
scan (Scanner *s, guint64 size)
{
  return scan_within (s, size, SK_ANTIVIRUS_STALL_MS, SK_ANTIVIRUS_SCAN_MS);
}

static void
assert_unscanned (const SkScan *said, const char *why)
{
  g_assert_cmpint (said->state, ==, SK_SCAN_UNSCANNED);
  if (!strstr (said->why, why))
    g_error ("\"%s\" instead of \"%s\"", said->why, why);
  g_autofree char *japanese = sk_both_pick (said->why, TRUE);
  g_assert_cmpstr (japanese, !=, said->why);
}

/* -- clamd --------------------------------------------------------------------------------------------------
 */

static void
clamd_clean (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say (stream, "stream: OK", 11);
}

static void
clamd_infected (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say (stream, "stream: Win.Test.EICAR_HDB-1 FOUND", 35);
}

static void
clamd_ugly_name (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say_text (stream, "stream: a\x1b[2J\xe2\x80\xae FOUND"), say (stream, "", 1);
}

static void
clamd_limit (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  char some[1000];
  g_input_stream_read (G_INPUT_STREAM (in), some, sizeof some, NULL, NULL);
  say (stream, "INSTREAM size limit exceeded. ERROR", 36);
}

static void
clamd_exceeded (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say (stream, "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", 53);
}

static void
clamd_early (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  say (stream, "stream: OK", 11);
  wait_hangup (stream, in);
}

static void
clamd_cut (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  char some[1000];
  g_input_stream_read (G_INPUT_STREAM (in), some, sizeof some, NULL, NULL);
}

static void
clamd_half (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say (stream, "stream: O", 9);
}

static void
clamd_behind (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say (stream, "stream: OK\0stream: OK", 22);
}

static void
clamd_silent (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  take_clamd_content (s, in);
  wait_hangup (stream, in);
}

/* Takes nothing, says nothing: the socket fills up. */
static void
clamd_deaf (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  g_socket_condition_wait (socket, G_IO_HUP, NULL, NULL);
}

/* A letter now and then, for ever: never silent for long. */
static void
clamd_slow (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  take_clamd_content (s, in);
  while (!g_socket_condition_timed_wait (socket, G_IO_HUP, STALL_MS * 1000 / 8, NULL, NULL))
    if (!g_output_stream_write_all (g_io_stream_get_output_stream (stream), "s", 1, NULL, NULL, NULL))
      break;
}

static void
clamd_flood (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  g_autofree char *flood = g_strnfill (65536, 'x');
  take_clamd_content (s, in);
  while (g_output_stream_write_all (g_io_stream_get_output_stream (stream), flood, 65536, NULL, NULL, NULL))
    ;
}

static void
clamd_nonsense (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (take_clamd_content (s, in))
    say (stream, "stream:  FOUND", 15);
}

static void
test_clamd_clean (void)
{
  static const guint64 sizes[] = { 0, 1, 65535, 65536, 65537, 5000000 };
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Scanner *s = scanner_new (FALSE, clamd_clean, clamd_clean);
      g_autoptr (SkScan) said = scan (s, sizes[i]);
      g_assert_cmpint (said->state, ==, SK_SCAN_CLEAN);
      g_assert_cmpstr (said->scanner, ==, VERSION);
      g_assert_cmpstr (said->name, ==, "");
      g_assert_cmpstr (said->why, ==, "");
      assert_got (s, sizes[i]);
      g_assert_cmpuint (s->scans, ==, 1);
      scanner_free (s);
    }
}

static void
test_clamd_infected (void)
{
  Scanner *s = scanner_new (FALSE, clamd_infected, clamd_infected);
  g_autoptr (SkScan) said = scan (s, 100);
  g_assert_cmpint (said->state, ==, SK_SCAN_INFECTED);
  g_assert_cmpstr (said->name, ==, "Win.Test.EICAR_HDB-1");
  g_assert_cmpstr (said->scanner, ==, VERSION);
  scanner_free (s);
  s = scanner_new (FALSE, clamd_ugly_name, clamd_ugly_name);
  g_autoptr (SkScan) ugly = scan (s, 100);
  g_assert_cmpint (ugly->state, ==, SK_SCAN_INFECTED);
  g_assert_cmpstr (ugly->name, ==, "a?[2J???");
  scanner_free (s);
}

/* scans: how often it was asked; a fault is tried once more, a plain answer is not. */
static const struct
{
  const char *name;
  gboolean icap;
  Script first, then;
  guint64 size;
  SkScanState state;
  const char *why;
  guint scans;
} clamd_rows[] = {
  { "size limit", FALSE, clamd_limit, clamd_limit, 20000000, SK_SCAN_UNSCANNED, "StreamMaxLength", 1 },
  { "its limits", FALSE, clamd_exceeded, clamd_exceeded, 10, SK_SCAN_UNSCANNED, "larger or deeper", 1 },
  { "early OK", FALSE, clamd_early, clamd_early, 20000000, SK_SCAN_UNSCANNED, "before it had seen", 2 },
  { "cut once", FALSE, clamd_cut, clamd_clean, 3000000, SK_SCAN_CLEAN, "", 2 },
  { "cut once, then infected", FALSE, clamd_cut, clamd_infected, 3000000, SK_SCAN_INFECTED, "", 2 },
  { "cut twice", FALSE, clamd_cut, clamd_cut, 3000000, SK_SCAN_UNSCANNED, "scanner", 2 },
  { "half an answer", FALSE, clamd_half, clamd_half, 10, SK_SCAN_UNSCANNED, "broke off", 2 },
  { "bytes behind", FALSE, clamd_behind, clamd_behind, 10, SK_SCAN_UNSCANNED, "too long", 2 },
  { "silent", FALSE, clamd_silent, clamd_silent, 10, SK_SCAN_UNSCANNED, "in time", 2 },
  { "silent once", FALSE, clamd_silent, clamd_clean, 10, SK_SCAN_CLEAN, "", 2 },
  { "deaf", FALSE, clamd_deaf, clamd_deaf, 20000000, SK_SCAN_UNSCANNED, "in time", 2 },
  { "slow", FALSE, clamd_slow, clamd_slow, 10, SK_SCAN_UNSCANNED, "in time", 2 },
  { "flood", FALSE, clamd_flood, clamd_flood, 10, SK_SCAN_UNSCANNED, "too long", 2 },
  { "nonsense", FALSE, clamd_nonsense, clamd_nonsense, 10, SK_SCAN_UNSCANNED, "FOUND", 2 },
};

static void
test_clamd_faults (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (clamd_rows); i++)
    {
      g_test_message ("%s", clamd_rows[i].name);
      Scanner *s = scanner_new (FALSE, clamd_rows[i].first, clamd_rows[i].then);
      const gboolean hangs = clamd_rows[i].first == clamd_silent || clamd_rows[i].first == clamd_deaf
                             || clamd_rows[i].first == clamd_slow;
      g_autoptr (SkScan) said
          = hangs ? scan_within (s, clamd_rows[i].size, STALL_MS, SCAN_MS) : scan (s, clamd_rows[i].size);
      g_assert_cmpint (said->state, ==, clamd_rows[i].state);
      if (said->state == SK_SCAN_UNSCANNED)
        assert_unscanned (said, clamd_rows[i].why);
      else
        assert_got (s, clamd_rows[i].size);
      g_assert_cmpuint (s->scans, ==, clamd_rows[i].scans);
      scanner_free (s);
    }
}

/* -- ICAP ---------------------------------------------------------------------------------------------------
 */

static void
icap_204 (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  if (s->previews > 0 && s->scans == 1)
    say_text (stream, "ICAP/1.0 100 Continue\r\n\r\n");
  take_chunks (s, in);
  say_text (stream, "ICAP/1.0 204 Unmodified\r\nISTag: \"S-2\"\r\n\r\n");
}

static void
icap_204_at_once (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  say_text (stream, "ICAP/1.0 204 Unmodified\r\nISTag: \"S-2\"\r\n\r\n");
  wait_hangup (stream, in);
}

static void
icap_said (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  take_chunks (s, in);
  say_text (stream, s->said);
  wait_hangup (stream, in);
}

static void
icap_cut (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  char some[1000];
  g_input_stream_read (G_INPUT_STREAM (in), some, sizeof some, NULL, NULL);
}

static void
say_head_200 (GIOStream *stream, const char *more, const char *http)
{
  g_autofree char *head = g_strdup_printf (
      "ICAP/1.0 200 OK\r\nISTag: \"S-2\"\r\n%sEncapsulated: res-hdr=0, res-body=%zu\r\n\r\n"
      "%s",
      more, strlen (http), http);
  say_text (stream, head);
}

/* Gives each chunk back as it comes: both sides would wait for ever if ours did not listen meanwhile. */
static void
echo (GIOStream *stream, GDataInputStream *in, guint8 change)
{
  say_head_200 (stream, "", "HTTP/1.1 200 OK\r\n\r\n");
  for (;;)
    {
      g_autofree char *line = read_line (in);
      const gsize length = line ? (gsize) g_ascii_strtoull (line, NULL, 16) : 0;
      g_autofree char *piece = g_malloc0 (length + 2);
      g_autofree char *head = g_strdup_printf ("%zx\r\n", length);
      gsize n = 0;
      if (!line || !g_input_stream_read_all (G_INPUT_STREAM (in), piece, length + 2, &n, NULL, NULL))
        return;
      if (length > 0)
        piece[0] ^= (char) change;
      say_text (stream, head);
      say (stream, piece, length + 2);
      if (length == 0)
        return;
    }
}

static void
icap_echo (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  echo (stream, in, 0);
}

static void
icap_echo_changed (Scanner *s, GIOStream *stream, GDataInputStream *in)
{
  echo (stream, in, 1);
}

static SkScan *
scan_said (const char *answer, guint *ret_scans)
{
  Scanner *s = scanner_new (TRUE, icap_said, icap_said);
  s->said = g_strdup (answer);
  SkScan *said = scan (s, 1000);
  *ret_scans = s->scans;
  scanner_free (s);
  return said;
}

static void
test_icap_clean (void)
{
  static const guint64 sizes[] = { 0, 1, 65536, 65537, 3000000 };
  static const Script scripts[] = { icap_204, icap_echo };
  for (guint k = 0; k < 2 * G_N_ELEMENTS (scripts); k++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        Scanner *s = scanner_new (TRUE, scripts[k / 2], scripts[k / 2]);
        s->previews_offered = k % 2 == 1 && scripts[k / 2] == icap_204;
        g_autoptr (SkScan) said = scan (s, sizes[i]);
        g_assert_cmpint (said->state, ==, SK_SCAN_CLEAN);
        g_assert_cmpstr (said->scanner, ==, "ICAP S-2");
        g_assert_cmpuint (s->scans, ==, 1);
        g_assert_cmpuint (s->previews, ==, s->previews_offered && sizes[i] > 0);
        if (scripts[k / 2] == icap_204)
          assert_got (s, sizes[i]);
        scanner_free (s);
      }
}

/* A server that lets an empty preview pass has seen nothing: it is asked with all of it. */
static void
test_icap_preview_is_no_scan (void)
{
  Scanner *s = scanner_new (TRUE, icap_204_at_once, icap_said);
  s->previews_offered = TRUE;
  s->said = g_strdup ("ICAP/1.0 200 OK\r\nX-Virus-ID: Late\r\n\r\n");
  g_autoptr (SkScan) said = scan (s, 100000);
  g_assert_cmpint (said->state, ==, SK_SCAN_INFECTED);
  g_assert_cmpstr (said->name, ==, "Late");
  g_assert_cmpuint (s->previews, ==, 1);
  g_assert_cmpuint (s->scans, ==, 2);
  assert_got (s, 100000);
  scanner_free (s);
}

static void
test_icap_infected (void)
{
  static const struct
  {
    const char *answer, *name;
  } rows[] = {
    { "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test;\r\n\r\n",
      "Eicar-Test" },
    { "ICAP/1.0 200 OK\r\nX-Virus-ID: Other\r\nEncapsulated: res-hdr=0, res-body=26\r\n\r\n"
      "HTTP/1.1 403 Forbidden\r\n\r\n3\r\nbad\r\n0\r\n\r\n",
      "Other" },
    /* as c-icap says it, in another order */
    { "ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\n\t-\r\n\tOne\r\n\t0\r\n\t0\r\nX-Infection-Found: Type=0; "
      "Resolution=2; Threat=One;\r\nEncapsulated: null-body=0\r\n\r\n",
      "One" },
    { "ICAP/1.0 204 Unmodified\r\nX-Infection-Found: Type=0; Resolution=0; Threat=X;\r\n\r\n", "X" },
    { "ICAP/1.0 200 OK\r\nx-violations-found: 1\r\nEncapsulated: null-body=0\r\n\r\n", "1" },
    { "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 "
      "OK\r\n\r\n3\r\nbad\r\n0\r\n\r\n",
      "changed by the scanner" },
    { "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
      "changed by the scanner" },
  };
  guint scans;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("row %u", i);
      g_autoptr (SkScan) said = scan_said (rows[i].answer, &scans);
      g_assert_cmpint (said->state, ==, SK_SCAN_INFECTED);
      g_assert_cmpstr (said->name, ==, rows[i].name);
      g_assert_cmpuint (scans, ==, 1);
    }
  Scanner *s = scanner_new (TRUE, icap_echo_changed, icap_echo_changed);
  g_autoptr (SkScan) changed = scan (s, 3000000);
  g_assert_cmpint (changed->state, ==, SK_SCAN_INFECTED);
  scanner_free (s);
}

static void
test_icap_faults (void)
{
  static const char *const answers[]
      = { "ICAP/1.0 500 Oops\r\n\r\n",        "ICAP/1.0 404 No\r\n\r\n",
          "HTTP/1.1 204 No Content\r\n\r\n",  "ICAP/1.0 204 Unmodified\n\n",
          "ICAP/1.0 204 Unmodified\r\n\r\nX", "ICAP/1.0 100 Continue\r\n\r\n" };
  guint scans;
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (SkScan) said = scan_said (answers[i], &scans);
      assert_unscanned (said, "scanner");
      g_assert_cmpuint (scans, ==, 2);
    }
  Scanner *s = scanner_new (TRUE, icap_204_at_once, icap_204_at_once);
  g_autoptr (SkScan) early = scan (s, 20000000);
  assert_unscanned (early, "before it had seen");
  scanner_free (s);
  s = scanner_new (TRUE, icap_cut, icap_204);
  g_autoptr (SkScan) once = scan (s, 3000000);
  g_assert_cmpint (once->state, ==, SK_SCAN_CLEAN);
  assert_got (s, 3000000);
  scanner_free (s);
}

/* -- the parser ---------------------------------------------------------------------------------------------
 */

static gboolean
parses (const char *text, gsize length, SkIcapAnswer *a)
{
  return sk_icap_answer_feed (a, (const guint8 *) text, length, NULL) && a->state == SK_ICAP_DONE;
}

static void
test_answers (void)
{
  static const char *const bad[] = {
    "ICAP/2.0 200 OK\r\n\r\n",
    "ICAP/1.0 20 OK\r\n\r\n",
    "ICAP/1.0 2000 OK\r\n\r\n",
    "ICAP/1.0 999 OK\r\n\r\n",
    "ICAP/1.0 200 OK\n\n",
    "ICAP/1.0 200 OK\r\nA b: c\r\n\r\n",
    "ICAP/1.0 200 OK\r\n: c\r\n\r\n",
    "ICAP/1.0 200 OK\r\nA: \x01\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-body=5\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=-1\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=99999999\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0, res-hdr=5\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\nEncapsulated: null-body=0\r\n\r\n",
    "ICAP/1.0 204 OK\r\nEncapsulated: res-body=0\r\n\r\n0\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n-1\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\nfffffffffffffffff\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n3\r\nabc\r\n0\r\n",
    "ICAP/1.0 200 OK\r\n a: b\r\n\r\n",
    "ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\n , res-body=0\r\n\r\n",
    "ICAP/1.0 200 OK\r\nISTag: \"a\"\r\nISTag: \"b\"\r\n\r\n",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_auto (SkIcapAnswer) a = { 0 };
      if (parses (bad[i], strlen (bad[i]), &a))
        g_error ("row %u is taken", i);
    }
  g_auto (SkIcapAnswer) good = { 0 };
  static const char text[] = "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\nistag: \"t\"\r\n\r\n"
                             "HTTP/1.1 200 OK\r\n\r\n3; x=\"y\"\r\nabc\r\n0\r\nTrailer: x\r\n\r\n";
  g_assert_true (parses (text, sizeof text - 1, &good));
  g_assert_cmpuint (good.http_status, ==, 200);
  g_assert_cmpuint (good.body_bytes, ==, 3);
  g_assert_cmpstr (good.tag, ==, "t");
  g_assert_cmpstr (good.body_sha256, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Heads that never end stay small. */
static void
test_endless_head (void)
{
  static const char *const pieces[] = { "A", "A: b\r\n" };
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_auto (SkIcapAnswer) a = { 0 };
      gsize fed = 0;
      g_assert_true (sk_icap_answer_feed (&a, (const guint8 *) "ICAP/1.0 200 OK\r\n", 17, NULL));
      while (sk_icap_answer_feed (&a, (const guint8 *) pieces[i], strlen (pieces[i]), NULL))
        fed += strlen (pieces[i]);
      g_assert_cmpuint (fed, <=, SK_ICAP_HEAD_MAX);
    }
}

/* -- around it ----------------------------------------------------------------------------------------------
 */

static void
test_addresses (void)
{
  static const char *const good[] = { "clamd:/run/clamav/clamd.ctl",
                                      "clamd:scanner.example:3310",
                                      "clamd:[::1]:3310",
                                      "clamd:192.0.2.1",
                                      "icap://scanner/avscan",
                                      "icap://[::1]:1344/a/b?c=d",
                                      "none" };
  static const char *const bad[] = { "",
                                     "clamd",
                                     "clamd:",
                                     "/run/clamav/clamd.ctl",
                                     "clamd:a/b",
                                     "icap://x",
                                     "icap://x/",
                                     "icap:///x",
                                     "http://x/y",
                                     "icap://a b/c",
                                     "icap://a/c\r\nd",
                                     "icap://u@h/x",
                                     "clamd:h:99999" };
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SkAntivirus) av = sk_antivirus_new (good[i], &error);
      g_assert_no_error (error);
      g_assert_cmpint (sk_antivirus_is_configured (av), ==, strcmp (good[i], "none") != 0);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SkAntivirus) av = sk_antivirus_new (bad[i], &error);
      if (av)
        g_error ("\"%s\" is taken", bad[i]);
      g_assert_error (error, SK_ERROR, SK_ERROR_INVALID);
    }
}

static void
test_no_scanner (void)
{
  g_autoptr (GError) error = NULL;
  gboolean freed = FALSE;
  GAsyncResult *result = NULL;
  const SkScanContent content = content_of (10, G_MAXUINT64, &freed);
  sk_antivirus_scan_async (NULL, &content, NULL, on_done, &result);
  g_autoptr (SkScan) none = finish (NULL, &result, &error);
  assert_unscanned (none, "--antivirus");
  g_assert_true (freed);
  g_autoptr (SkAntivirus) av = sk_antivirus_new ("clamd:/nonexistent/socket", NULL);
  g_autoptr (SkScan) away = scan_with (av, 10, &error);
  assert_unscanned (away, "cannot be reached");
}

static void
test_probe (void)
{
  Scanner *s = scanner_new (FALSE, clamd_clean, clamd_clean);
  g_autoptr (SkAntivirus) av = sk_antivirus_new (s->address, NULL);
  GAsyncResult *result = NULL;
  sk_antivirus_probe_async (av, on_done, &result);
  g_autoptr (SkScan) up = finish (av, &result, NULL);
  g_assert_cmpstr (up->scanner, ==, VERSION);
  g_assert_cmpuint (s->scans, ==, 0);
  scanner_free (s);
  result = NULL;
  sk_antivirus_probe_async (av, on_done, &result);
  g_autoptr (SkScan) down = finish (av, &result, NULL);
  g_assert_cmpstr (down->scanner, ==, "");
  assert_unscanned (down, "cannot be reached");
}

static void
test_signature_time (void)
{
  g_autoptr (GDateTime) expected = g_date_time_new_local (2025, 1, 7, 9, 36, 5);
  g_assert_cmpint (sk_antivirus_signature_time (VERSION), ==,
                   g_date_time_to_unix (expected) * G_USEC_PER_SEC);
  static const char *const none[] = { "",
                                      "ClamAV 1.4.3",
                                      "ClamAV 1.4.3/1",
                                      "ICAP a/b/Fri Jan 17 09:36:05 2025",
                                      "ClamAV 1/2/Fri anF 17 09:36:05 2025",
                                      "ClamAV 1/2/Fri Jan 99 09:36:05 2025" };
  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    g_assert_cmpint (sk_antivirus_signature_time (none[i]), ==, 0);
}

static void
test_cancel (void)
{
  Scanner *s = scanner_new (FALSE, clamd_silent, clamd_silent);
  g_autoptr (SkAntivirus) av = sk_antivirus_new (s->address, NULL);
  g_autoptr (GCancellable) cancel = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gboolean freed = FALSE;
  GAsyncResult *result = NULL;
  const SkScanContent content = content_of (100, G_MAXUINT64, &freed);
  sk_antivirus_scan_async (av, &content, cancel, on_done, &result);
  g_cancellable_cancel (cancel);
  g_assert_null (finish (av, &result, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CANCELLED);
  g_assert_true (freed);
  scanner_free (s);
}

/* Whoever frees it may take away what the content is read from. */
static void
test_free_waits (void)
{
  Scanner *s = scanner_new (FALSE, clamd_silent, clamd_silent);
  SkAntivirus *av = sk_antivirus_new (s->address, NULL);
  gboolean freed = FALSE;
  GAsyncResult *result = NULL;
  g_autoptr (GError) error = NULL;
  const SkScanContent content = content_of (100, G_MAXUINT64, &freed);
  sk_antivirus_scan_async (av, &content, NULL, on_done, &result);
  sk_antivirus_free (av);
  g_assert_true (freed);
  g_assert_null (finish (NULL, &result, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CANCELLED);
  scanner_free (s);
}

/* Not the scanner's fault: not tried again, and no result. */
static void
test_content_fails (void)
{
  Scanner *s = scanner_new (FALSE, clamd_clean, clamd_clean);
  g_autoptr (SkAntivirus) av = sk_antivirus_new (s->address, NULL);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;
  const SkScanContent content = content_of (10000000, 5000000, NULL);
  sk_antivirus_scan_async (av, &content, NULL, on_done, &result);
  g_assert_null (finish (av, &result, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_STORE);
  scanner_free (s);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/antivirus/clamd/clean", test_clamd_clean);
  g_test_add_func ("/antivirus/clamd/infected", test_clamd_infected);
  g_test_add_func ("/antivirus/clamd/faults", test_clamd_faults);
  g_test_add_func ("/antivirus/icap/clean", test_icap_clean);
  g_test_add_func ("/antivirus/icap/preview", test_icap_preview_is_no_scan);
  g_test_add_func ("/antivirus/icap/infected", test_icap_infected);
  g_test_add_func ("/antivirus/icap/faults", test_icap_faults);
  g_test_add_func ("/antivirus/icap/answers", test_answers);
  g_test_add_func ("/antivirus/icap/endless", test_endless_head);
  g_test_add_func ("/antivirus/addresses", test_addresses);
  g_test_add_func ("/antivirus/none", test_no_scanner);
  g_test_add_func ("/antivirus/probe", test_probe);
  g_test_add_func ("/antivirus/signature-time", test_signature_time);
  g_test_add_func ("/antivirus/cancel", test_cancel);
  g_test_add_func ("/antivirus/free", test_free_waits);
  g_test_add_func ("/antivirus/content", test_content_fails);
  return g_test_run ();
}
