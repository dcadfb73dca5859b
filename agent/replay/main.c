/* sekisho-replay --fd N [--events | --picture SECONDS --output FILE.png]: plays what sekishoctl gets from the
 * broker. Without a choice: in a window (window.c). Status 0; 65: the recording is not whole (what there is
 * was shown); 64: wrong call. */
#include "common/error.h"
#include "common/i18n.h"
#include "replay/stream.h"
#include "replay/window.h"
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#define STATUS_NOT_WHOLE 65

static gint fd = -1;
static gboolean events;
static gdouble picture = -1;
static char *output, *title;

static const GOptionEntry entries[] = {
  { "fd", 0, 0, G_OPTION_ARG_INT, &fd, "Where the records come from", "N" },
  { "title", 0, 0, G_OPTION_ARG_FILENAME, &title, "Of the window", "TEXT" },
  { "events", 0, 0, G_OPTION_ARG_NONE, &events, "Print what was pressed", NULL },
  { "picture", 0, 0, G_OPTION_ARG_DOUBLE, &picture, "Write the picture of this moment", "SECONDS" },
  { "output", 0, 0, G_OPTION_ARG_FILENAME, &output, "Where to", "FILE.png" },
  { 0 },
};

static void
print_events (SkReplayStream *stream)
{
  SkRecord record;
  while (sk_replay_stream_next (stream, &record))
    {
      g_autofree char *text = sk_replay_describe (&record);
      g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (record.time / G_USEC_PER_SEC);
      g_autoptr (GDateTime) local = utc ? g_date_time_to_local (utc) : NULL;
      g_autofree char *when = local ? g_date_time_format (local, "%Y-%m-%d %H:%M:%S") : NULL;
      if (text && when)
        g_print ("%s.%03d  %s\n", when, (int) (record.time / 1000 % 1000), text);
    }
}

static gboolean
save (SkReplay *replay, GError **error)
{
  guint width, height;
  gsize stride;
  const guint8 *pixels = sk_replay_pixels (replay, &width, &height, &stride);
  if (!pixels)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                           SK_TR ("there is no picture in it", "画面が記録されていません"));
      return FALSE;
    }
  g_autoptr (GdkPixbuf) image = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, (int) width, (int) height);
  guint8 *to = gdk_pixbuf_get_pixels (image);
  const int to_stride = gdk_pixbuf_get_rowstride (image);
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      for (guint c = 0; c < 3; c++)
        to[(gsize) y * (gsize) to_stride + x * 3 + c] = pixels[y * stride + x * 4 + 2 - c];
  return gdk_pixbuf_save (image, output, "png", error, NULL);
}

/* The last whole picture up to that moment, counted from the first record. */
static gboolean
write_picture (SkReplayStream *stream, GError **error)
{
  g_autoptr (SkReplay) replay = sk_replay_new ();
  SkRecord record;
  gint64 first = 0;
  while (sk_replay_stream_next (stream, &record))
    {
      first = first ? first : record.time;
      if (record.kind != SK_RECORD_END && (gdouble) (record.time - first) / G_USEC_PER_SEC > picture)
        break;
      if (!sk_replay_apply (replay, &record, error))
        return FALSE;
    }
  return save (replay, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  gboolean good = TRUE;
  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || fd < 0 || (picture >= 0 && !output))
    {
      fprintf (stderr, "sekisho-replay: %s\n", error ? error->message : "--fd, and --output with --picture");
      return 64;
    }
  g_autoptr (SkReplayStream) stream = sk_replay_stream_new (fd);
  if (events)
    print_events (stream);
  else if (picture >= 0)
    good = write_picture (stream, &error);
  else
    return sk_replay_window (stream, title ? title : "");
  if (!good)
    {
      fprintf (stderr, "sekisho-replay: %s\n", error->message);
      return sk_error_info (error)->exit_status;
    }
  const char *wrong = sk_replay_stream_what_is_wrong (stream);
  if (wrong && picture < 0)
    fprintf (stderr, "sekisho-replay: %s\n", wrong);
  return wrong && picture < 0 ? STATUS_NOT_WHOLE : 0;
}
