/* sekisho-clip: a picture that some program copied is offered in the form that the other side knows, too (see
 * picture.h). Started by sekisho-session.
 *
 * The owner of the clipboard changes → its targets → the picture → converted in a thread → its text/html, if
 * there is one → owner. What comes for an owner that is not the newest any more is dropped, and X itself
 * refuses to give the selection to us where it changed since: we ask for it as of the change we began with.
 */
#include "common/log.h"
#include "picture.h"
#include "wire/clip-content.h"
#include <gdk/gdkx.h>
#include <gtk/gtk.h>
#include <sys/resource.h>

/* GTK collects what a program sends in pieces, however much it is. A picture of the greatest size there is,
 * in all its forms, needs half of this. */
#define MEMORY_MAX (384u << 20)

enum
{
  PNG,
  BMP,
  HTML,
  CONTENTS
};
static const char *const names[CONTENTS] = { "image/png", "image/bmp", "text/html" };

typedef struct
{
  GtkClipboard *clipboard;
  GtkWidget *window;         /* that owns the selection when we do */
  guint sequence;            /* of owners */
  guint32 since;             /* when the newest became that, as X counts */
  gboolean owning, has_html; /* has_html: the newest has text/html */
  GBytes *contents[CONTENTS];
} Completer;

/* What is under way for one owner. */
typedef struct
{
  Completer *completer;
  guint sequence;
  void (*answered) (Completer *c, GtkSelectionData *data);
} Question;

static void
drop (Completer *c)
{
  c->owning = FALSE;
  for (guint i = 0; i < CONTENTS; i++)
    g_clear_pointer (&c->contents[i], g_bytes_unref);
}

/* ---- asking the owner ---- */

static Question *
question_new (Completer *c, void (*answered) (Completer *c, GtkSelectionData *data))
{
  Question *question = g_new (Question, 1);
  *question = (Question){ c, c->sequence, answered };
  return question;
}

/* Of an owner that says nothing GTK itself makes an empty answer, after half a minute. */
static void
on_answer (GtkClipboard *clipboard, GtkSelectionData *data, gpointer user)
{
  g_autofree Question *question = user;
  if (question->sequence == question->completer->sequence)
    question->answered (question->completer, data);
}

static void
ask (Completer *c, const char *target, void (*answered) (Completer *c, GtkSelectionData *data))
{
  gtk_clipboard_request_contents (c->clipboard, gdk_atom_intern (target, FALSE), on_answer,
                                  question_new (c, answered));
}

static GBytes *
take (GtkSelectionData *data)
{
  const gint length = gtk_selection_data_get_length (data);
  if (length <= 0 || (gsize) length > sk_clip_content_max (SK_CLIP_PICTURE)
      || gtk_selection_data_get_format (data) != 8)
    return NULL;
  return g_bytes_new (gtk_selection_data_get_data (data), (gsize) length);
}

/* ---- owning ---- */

/* The picture that came from the host goes on as a PNG alone: xrdp announces every image/bmp to the host,
 * which would fetch its own picture back. */
static void
own (Completer *c)
{
  gtk_selection_clear_targets (c->window, GDK_SELECTION_CLIPBOARD);
  for (guint i = 0; i < CONTENTS; i++)
    if (c->contents[i])
      gtk_selection_add_target (c->window, GDK_SELECTION_CLIPBOARD, gdk_atom_intern (names[i], FALSE), i);
  c->owning = gtk_selection_owner_set_for_display (gdk_display_get_default (), c->window,
                                                   GDK_SELECTION_CLIPBOARD, c->since);
  if (!c->owning)
    drop (c);
}

static void
on_wanted (GtkWidget *window, GtkSelectionData *data, guint which, guint time, gpointer user)
{
  const Completer *c = user;
  gsize length;
  if (!c->owning || which >= CONTENTS || !c->contents[which])
    return;
  const guint8 *content = g_bytes_get_data (c->contents[which], &length);
  gtk_selection_data_set (data, gtk_selection_data_get_target (data), 8, content, (gint) length);
}

static gboolean
on_lost (GtkWidget *window, GdkEventSelection *event, gpointer user)
{
  Completer *c = user;
  if (c->owning)
    drop (c);
  return FALSE;
}

/* ---- one owner's picture ---- */

static void
on_html (Completer *c, GtkSelectionData *data)
{
  c->contents[HTML] = take (data);
  own (c);
}

static void
convert_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GBytes *const *contents = data;
  GBytes *made
      = contents[PNG] ? sk_picture_png_to_bmp (contents[PNG]) : sk_picture_bmp_to_png (contents[BMP]);
  g_task_return_pointer (task, made, (GDestroyNotify) g_bytes_unref);
}

static void
contents_free (gpointer data)
{
  GBytes **contents = data;
  for (guint i = 0; i < CONTENTS; i++)
    g_clear_pointer (&contents[i], g_bytes_unref);
  g_free (contents);
}

static void
on_converted (GObject *source, GAsyncResult *result, gpointer user)
{
  g_autofree Question *question = user;
  Completer *c = question->completer;
  g_autoptr (GBytes) made = g_task_propagate_pointer (G_TASK (result), NULL);
  if (question->sequence != c->sequence)
    return;
  if (!made)
    {
      sk_info (NULL, "a picture that is none, or too large");
      drop (c);
      return;
    }
  if (c->contents[PNG])
    c->contents[BMP] = g_steal_pointer (&made);
  else
    {
      g_clear_pointer (&c->contents[BMP], g_bytes_unref);
      c->contents[PNG] = g_steal_pointer (&made);
    }
  if (c->has_html)
    ask (c, names[HTML], on_html);
  else
    own (c);
}

static void
convert (Completer *c, guint from, GBytes *content)
{
  if (!content)
    return;
  GBytes **contents = g_new0 (GBytes *, CONTENTS);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_converted, question_new (c, NULL));
  c->contents[from] = content;
  contents[from] = g_bytes_ref (content);
  g_task_set_task_data (task, contents, contents_free);
  g_task_run_in_thread (task, convert_thread);
}

static void
on_png (Completer *c, GtkSelectionData *data)
{
  convert (c, PNG, take (data));
}

static void
on_bmp (Completer *c, GtkSelectionData *data)
{
  convert (c, BMP, take (data));
}

static void
on_targets (Completer *c, GtkSelectionData *data)
{
  g_autofree GdkAtom *atoms = NULL;
  g_autoptr (GPtrArray) offered = g_ptr_array_new_with_free_func (g_free);
  gint n = 0;
  if (!gtk_selection_data_get_targets (data, &atoms, &n))
    return;
  for (gint i = 0; i < n; i++)
    g_ptr_array_add (offered, gdk_atom_name (atoms[i]));
  const SkPictureForm form = sk_picture_alone ((const char *const *) offered->pdata, offered->len);
  c->has_html = g_ptr_array_find_with_equal_func (offered, names[HTML], g_str_equal, NULL);
  if (form != SK_PICTURE_NONE)
    ask (c, names[form == SK_PICTURE_PNG ? PNG : BMP], form == SK_PICTURE_PNG ? on_png : on_bmp);
}

/* since: its owner then is the one to ask. */
static void
begin (Completer *c, guint32 since)
{
  c->sequence++;
  c->since = since;
  drop (c);
  ask (c, "TARGETS", on_targets);
}

static void
on_owner_change (GtkClipboard *clipboard, GdkEventOwnerChange *event, gpointer user)
{
  Completer *c = user;
  if (!c->owning || event->owner != gtk_widget_get_window (c->window))
    begin (c, event->selection_time);
}

int
main (int argc, char **argv)
{
  const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
  Completer c = { 0 };
  sk_log_init ("sekisho-clip");
  if (setrlimit (RLIMIT_DATA, &memory) < 0)
    sk_warn (NULL, "no limit of memory");
  gdk_set_allowed_backends ("x11");
  if (!gtk_init_check (&argc, &argv))
    {
      sk_err (NULL, "no X display");
      return 1;
    }
  c.clipboard = gtk_clipboard_get (GDK_SELECTION_CLIPBOARD);
  c.window = gtk_invisible_new ();
  g_signal_connect (c.window, "selection-get", G_CALLBACK (on_wanted), &c);
  g_signal_connect (c.window, "selection-clear-event", G_CALLBACK (on_lost), &c);
  g_signal_connect (c.clipboard, "owner-change", G_CALLBACK (on_owner_change), &c);
  /* Something may have been copied before this program was there. */
  begin (&c, gdk_x11_get_server_time (gtk_widget_get_window (c.window)));
  gtk_main ();
  return 0;
}
