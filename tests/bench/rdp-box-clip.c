#include "rdp-box.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/clipboard.h"
#include "clip-fixture.h"
#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <unistd.h>

/* A worker that stops in the middle. */
#define PATIENCE_MS 5000

static struct
{
  SkBoxClipSet set;
  gpointer data;
  Crossing crossing;
  SkClipboard *clipboard; /* NULL: all is copied as it is */
  guint64 number;
  gint64 offered[2]; /* by SkCross: when the newest came, monotonic */
} box;

static void
tell (SkCross way, const SkClipboardContent *content)
{
  const SkMessage m
      = { .type = SK_CONTROL_CLIP_SET,
          .n = { content->number, content->kind, content->bytes, content->once, content->wipe_seconds } };
  box.set (way == SK_CROSS_EXPORT, &m, content->fd, box.data);
  g_print ("rdp-box: clipboard to %s kind %u bytes %zu after %.2f ms\n",
           way == SK_CROSS_EXPORT ? "screen" : "views", (guint) content->kind, content->bytes,
           (double) (g_get_monotonic_time () - box.offered[way]) / 1000);
}

/* ---- as it is ---- */

static int
read_content (int untrusted_pipe, gsize bytes, GError **error)
{
  g_autofree guint8 *data = g_malloc (bytes + 1);
  gsize got = 0;
  while (got <= bytes)
    {
      struct pollfd p = { untrusted_pipe, POLLIN, 0 };
      const gssize n = read (untrusted_pipe, data + got, bytes + 1 - got);
      if (n == 0)
        break;
      if (n > 0)
        got += (gsize) n;
      else if (errno == EAGAIN ? poll (&p, 1, PATIENCE_MS) <= 0 : errno != EINTR)
        break;
    }
  if (got == bytes)
    return sk_fd_new_sealed_content ("clipboard", data, bytes, error);
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "%zu bytes instead of %zu", got, bytes);
  return -1;
}

static void
relay (SkCross way, const SkMessage *m, int untrusted_pipe)
{
  g_autoptr (GError) error = NULL;
  sk_autofd int memory = read_content (untrusted_pipe, (gsize) m->n[2], &error);
  const SkClipboardContent content
      = { .number = ++box.number, .kind = (SkClipKind) m->n[1], .fd = memory, .bytes = (gsize) m->n[2] };
  if (memory >= 0)
    tell (way, &content);
  else
    sk_warn (NULL, "clipboard: %s", error->message);
}

/* ---- as transfers ---- */

static gboolean
is_up (SkCross way, gpointer data)
{
  return TRUE;
}

static gboolean
set (SkCross way, const SkClipboardContent *content, gpointer data)
{
  tell (way, content);
  return TRUE;
}

static void
on_changed (SkTransfers *transfers, const char *id, gpointer data)
{
  const SkTransfer *row = sk_transfers_peek (transfers, id);
  if (row)
    g_print ("rdp-box: transfer %s %s %s %s %s\n", id, sk_cross_word (row->direction),
             sk_kind_word (row->kind), sk_transfer_state_word (row->state), row->code);
}

static gboolean
on_approve (gpointer data)
{
  g_print ("rdp-box: approved %u\n", crossing_approve (&box.crossing));
  return G_SOURCE_CONTINUE;
}

gboolean
sk_box_clip_start (const char *folder, SkBoxClipSet give, gpointer data, GError **error)
{
  static const SkClipboardClass klass = { is_up, is_up, set };
  const SkSession session = { .id = (char *) "11111111-1111-4111-8111-111111111111",
                              .pool = (char *) "box",
                              .vm = (char *) "box",
                              .user = (char *) "hanako",
                              .uid = 1000,
                              .url = (char *) "",
                              .reason = (char *) "" };
  box.set = give;
  box.data = data;
  if (!folder)
    return TRUE;
  g_autofree char *policies = g_build_filename (folder, "policies", NULL);
  if (!crossing_open (&box.crossing, folder, policies, error))
    return FALSE;
  g_signal_connect (box.crossing.transfers, "changed", G_CALLBACK (on_changed), NULL);
  g_unix_signal_add (SIGUSR1, on_approve, NULL);
  box.clipboard = sk_clipboard_new (box.crossing.transfers, &session, &klass, NULL);
  return TRUE;
}

void
sk_box_clip_offer (gboolean from_screen, const SkMessage *m, int take_pipe)
{
  const SkCross way = from_screen ? SK_CROSS_IMPORT : SK_CROSS_EXPORT;
  sk_autofd int pipe = take_pipe;
  box.offered[way] = g_get_monotonic_time ();
  g_print ("rdp-box: clipboard from %s kind %u bytes %u\n", from_screen ? "screen" : "view", (guint) m->n[1],
           (guint) m->n[2]);
  if (box.clipboard)
    sk_clipboard_offer (box.clipboard, way, m->n[0], (guint) m->n[1], (guint) m->n[2], sk_steal_fd (&pipe));
  else
    relay (way, m, pipe);
}

void
sk_box_clip_end (void)
{
  g_clear_pointer (&box.clipboard, sk_clipboard_free);
  crossing_close (&box.crossing);
}
