#include "replay/window.h"
#include "common/i18n.h"
#include <gtk/gtk.h>

#define TICK_MS 33
/* Nothing happens for longer than that: the player goes on to where something does. */
#define IDLE_US (2 * G_USEC_PER_SEC)

typedef struct
{
  gint64 time; /* since the first record */
  gsize at;    /* in bytes */
  SkRecord record;
} Entry;

typedef struct
{
  GByteArray *bytes;
  GArray *entries; /* Entry */
  gint64 first;    /* time of the first record */
  const char *wrong;
  const char *title;

  SkReplay *replay;
  guint next;      /* entry to apply */
  gint64 position; /* microseconds since the first record */
  gint64 ticked;   /* monotonic */
  gboolean playing, moving;
  double speed;
  GtkWidget *picture, *scale, *clock, *said, *button;
} Player;

static gint64
duration (const Player *p)
{
  return p->entries->len ? g_array_index (p->entries, Entry, p->entries->len - 1).time : 0;
}

static void
load (Player *p, SkReplayStream *stream)
{
  SkRecord record;
  while (p->bytes->len < SK_REPLAY_BYTES_MAX && sk_replay_stream_next (stream, &record))
    {
      if (record.kind == SK_RECORD_END)
        continue;
      p->first = p->first ? p->first : record.time;
      const Entry e = { MAX (record.time - p->first, 0), p->bytes->len, record };
      g_array_append_val (p->entries, e);
      g_byte_array_append (p->bytes, record.payload, (guint) record.length);
    }
  p->wrong = sk_replay_stream_what_is_wrong (stream);
  for (guint i = 0; i < p->entries->len; i++)
    {
      Entry *e = &g_array_index (p->entries, Entry, i);
      e->record.payload = p->bytes->data + e->at;
    }
}

static void
show_picture (Player *p)
{
  guint width, height;
  gsize stride;
  const guint8 *pixels = sk_replay_pixels (p->replay, &width, &height, &stride);
  if (!pixels)
    return;
  guint8 *copy = g_malloc (stride * height);
  for (gsize i = 0; i < stride * height; i += 4)
    {
      memcpy (copy + i, pixels + i, 4);
      copy[i + 3] = 0xff;
    }
  g_autoptr (GBytes) bytes = g_bytes_new_take (copy, stride * height);
  g_autoptr (GdkTexture) texture
      = gdk_memory_texture_new ((int) width, (int) height, GDK_MEMORY_B8G8R8A8, bytes, stride);
  gtk_picture_set_paintable (GTK_PICTURE (p->picture), GDK_PAINTABLE (texture));
}

static void
show_clock (Player *p)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc ((p->first + p->position) / G_USEC_PER_SEC);
  g_autoptr (GDateTime) local = utc ? g_date_time_to_local (utc) : NULL;
  g_autofree char *text = local ? g_date_time_format (local, "%Y-%m-%d %H:%M:%S") : NULL;
  gtk_label_set_text (GTK_LABEL (p->clock), text ? text : "");
  p->moving = TRUE;
  gtk_range_set_value (GTK_RANGE (p->scale), (double) p->position / G_USEC_PER_SEC);
  p->moving = FALSE;
}

/* Everything up to the position. */
static void
catch_up (Player *p)
{
  gboolean shown = FALSE;
  for (; p->next < p->entries->len; p->next++)
    {
      const Entry *e = &g_array_index (p->entries, Entry, p->next);
      g_autoptr (GError) error = NULL;
      if (e->time > p->position)
        break;
      if (!sk_replay_apply (p->replay, &e->record, &error))
        g_message ("%s", error->message);
      g_autofree char *text = sk_replay_describe (&e->record);
      if (text)
        gtk_label_set_text (GTK_LABEL (p->said), text);
      shown |= e->record.kind == SK_RECORD_SHOWN;
    }
  if (shown)
    show_picture (p);
  show_clock (p);
}

static void
set_playing (Player *p, gboolean playing)
{
  p->playing = playing;
  p->ticked = g_get_monotonic_time ();
  gtk_button_set_icon_name (GTK_BUTTON (p->button),
                            playing ? "media-playback-pause-symbolic" : "media-playback-start-symbolic");
}

static void
seek (Player *p, gint64 position)
{
  if (position < p->position)
    {
      sk_replay_free (p->replay);
      p->replay = sk_replay_new ();
      p->next = 0;
    }
  p->position = position;
  catch_up (p);
}

static gboolean
on_tick (gpointer data)
{
  Player *p = data;
  const gint64 now = g_get_monotonic_time (), passed = now - p->ticked;
  p->ticked = now;
  if (!p->playing)
    return G_SOURCE_CONTINUE;
  p->position += (gint64) ((double) passed * p->speed);
  if (p->next < p->entries->len)
    {
      const gint64 time = g_array_index (p->entries, Entry, p->next).time;
      if (time - p->position > IDLE_US)
        p->position = time;
    }
  catch_up (p);
  if (p->next < p->entries->len)
    return G_SOURCE_CONTINUE;
  set_playing (p, FALSE);
  if (p->wrong)
    gtk_label_set_text (GTK_LABEL (p->said), p->wrong);
  return G_SOURCE_CONTINUE;
}

static void
on_button (GtkButton *button, gpointer data)
{
  Player *p = data;
  if (!p->playing && p->next >= p->entries->len)
    seek (p, 0);
  set_playing (p, !p->playing);
}

static void
on_moved (GtkRange *range, gpointer data)
{
  Player *p = data;
  if (!p->moving)
    seek (p, (gint64) (gtk_range_get_value (range) * G_USEC_PER_SEC));
}

static void
on_speed (GtkDropDown *choice, GParamSpec *spec, gpointer data)
{
  static const double speeds[] = { 1, 2, 4, 8, 16 };
  Player *p = data;
  p->speed = speeds[MIN (gtk_drop_down_get_selected (choice), G_N_ELEMENTS (speeds) - 1)];
}

static GtkWidget *
make_bar (Player *p)
{
  static const char *const speeds[] = { "1×", "2×", "4×", "8×", "16×", NULL };
  GtkWidget *bar = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *speed = gtk_drop_down_new_from_strings (speeds);
  p->button = gtk_button_new ();
  gtk_widget_set_tooltip_text (p->button, SK_TR ("Play or pause", "再生・一時停止"));
  gtk_widget_set_tooltip_text (speed, SK_TR ("Speed", "再生速度"));
  p->scale = gtk_scale_new_with_range (GTK_ORIENTATION_HORIZONTAL, 0,
                                       MAX ((double) duration (p) / G_USEC_PER_SEC, 0.1), 1);
  p->clock = gtk_label_new ("");
  gtk_widget_set_hexpand (p->scale, TRUE);
  gtk_box_append (GTK_BOX (bar), p->button);
  gtk_box_append (GTK_BOX (bar), p->scale);
  gtk_box_append (GTK_BOX (bar), p->clock);
  gtk_box_append (GTK_BOX (bar), speed);
  g_signal_connect (p->button, "clicked", G_CALLBACK (on_button), p);
  g_signal_connect (p->scale, "value-changed", G_CALLBACK (on_moved), p);
  g_signal_connect (speed, "notify::selected", G_CALLBACK (on_speed), p);
  return bar;
}

static void
on_activate (GtkApplication *app, gpointer data)
{
  Player *p = data;
  GtkWidget *window = gtk_application_window_new (app), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  p->picture = gtk_picture_new ();
  p->said = gtk_label_new (p->entries->len ? "" : SK_TR ("Nothing was recorded.", "記録がありません。"));
  gtk_label_set_xalign (GTK_LABEL (p->said), 0);
  gtk_widget_set_vexpand (p->picture, TRUE);
  gtk_box_append (GTK_BOX (box), p->picture);
  gtk_box_append (GTK_BOX (box), make_bar (p));
  gtk_box_append (GTK_BOX (box), p->said);
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_set_title (GTK_WINDOW (window), p->title);
  gtk_window_set_default_size (GTK_WINDOW (window), 1280, 860);
  gtk_window_present (GTK_WINDOW (window));
  seek (p, 0);
  set_playing (p, TRUE);
  g_timeout_add (TICK_MS, on_tick, p);
}

int
sk_replay_window (SkReplayStream *take_stream, const char *title)
{
  g_autoptr (GtkApplication) app = gtk_application_new (NULL, G_APPLICATION_NON_UNIQUE);
  Player p = { .title = title, .speed = 1 };
  p.bytes = g_byte_array_new ();
  p.entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  p.replay = sk_replay_new ();
  load (&p, take_stream);
  g_signal_connect (app, "activate", G_CALLBACK (on_activate), &p);
  const int status = g_application_run (G_APPLICATION (app), 0, NULL);
  sk_replay_free (p.replay);
  g_array_unref (p.entries);
  g_byte_array_unref (p.bytes);
  return status;
}
