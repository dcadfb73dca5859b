/* A session's clipboard with real transfers behind it: store, trail, quarantine and caged inspectors. The
 * workers are pipes that the test writes, and the memory that it is given. */
#include "common/error.h"
#include "common/fd.h"
#include "core/clipboard.h"
#include "clip-fixture.h"
#include "store/audit-rows.h"
#include <glib-unix.h>
#include <string.h>

/* Small texts pass, larger ones are held, very large ones refused; pictures pass. */
static const char rules[] = "[small]\nkind = text\nsize = ..64\naction = allow\nretention = 30d\n"
                            "[medium]\nkind = text\nsize = ..1KiB\naction = hold\nstage-1 = role:approver\n"
                            "expires = 1d\n"
                            "[picture]\nkind = image\naction = allow\none-shot = yes\nwipe-after = 30s\n";
#define SECONDS_MAX 60

typedef struct
{
  char *dir;
  Crossing crossing;
  SkSession session;
  SkClipboard *clipboard;
  gboolean allowed[2], up[2];
  GString *got[2]; /* what a side has, by way */
  SkClipKind kind[2];
  guint sets[2];
  gboolean once;
  guint wipe_seconds;
} Fixture;

static gboolean
may (SkCross way, gpointer data)
{
  return ((Fixture *) data)->allowed[way];
}

static gboolean
is_up (SkCross way, gpointer data)
{
  Fixture *f = data;
  return f->up[way] && f->allowed[way];
}

static gboolean
set (SkCross way, const SkClipboardContent *content, gpointer data)
{
  Fixture *f = data;
  g_autoptr (GBytes) bytes = sk_fd_read_sealed_content (content->fd, content->bytes, NULL);
  g_assert_nonnull (bytes);
  g_string_truncate (f->got[way], 0);
  g_string_append_len (f->got[way], g_bytes_get_data (bytes, NULL), (gssize) content->bytes);
  f->kind[way] = content->kind;
  f->once = content->once;
  f->wipe_seconds = content->wipe_seconds;
  f->sets[way]++;
  return TRUE;
}

static const SkClipboardClass klass = { may, is_up, set };

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->dir = g_dir_make_tmp ("sk-clipboard-XXXXXX", NULL);
  crossing_open (&f->crossing, f->dir, rules, &error);
  g_assert_no_error (error);
  f->session = (SkSession){ .id = (char *) "11111111-1111-4111-8111-111111111111",
                            .pool = (char *) "a",
                            .vm = (char *) "vm",
                            .user = (char *) "hanako",
                            .uid = 1000,
                            .url = (char *) "",
                            .reason = (char *) "" };
  for (guint i = 0; i < 2; i++)
    {
      f->allowed[i] = f->up[i] = TRUE;
      f->got[i] = g_string_new (NULL);
    }
  f->clipboard = sk_clipboard_new (f->crossing.transfers, &f->session, &klass, f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->clipboard, sk_clipboard_free);
  crossing_close (&f->crossing);
  for (guint i = 0; i < 2; i++)
    g_string_free (f->got[i], TRUE);
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", f->dir);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (f->dir);
}

/* ---- doing ---- */

static void
offer_bytes (Fixture *f, SkCross way, guint64 number, guint kind, const void *bytes, gsize length,
             guint claimed)
{
  int ends[2];
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  g_assert_cmpint (write (ends[1], bytes, length), ==, (gssize) length);
  close (ends[1]);
  sk_clipboard_offer (f->clipboard, way, number, kind, claimed, ends[0]);
}

static void
offer (Fixture *f, SkCross way, guint64 number, const char *text)
{
  offer_bytes (f, way, number, SK_CLIP_TEXT, text, strlen (text), (guint) strlen (text));
}

static GPtrArray *
all (Fixture *f)
{
  const SkIdentity admin = { 0, (char *) "root", TRUE };
  GPtrArray *rows = sk_transfers_list (f->crossing.transfers, &admin, SK_BOX_ALL, TRUE, 0, NULL);
  g_assert_nonnull (rows);
  return rows;
}

/* Of transfers that are in this state. */
static guint
count (Fixture *f, SkTransferState state)
{
  g_autoptr (GPtrArray) rows = all (f);
  guint n = 0;
  for (guint i = 0; i < rows->len; i++)
    n += ((SkTransfer *) rows->pdata[i])->state == state;
  return n;
}

static gboolean
on_over (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_CONTINUE;
}

#define WAIT_FOR(condition)                                                                                  \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gboolean over = FALSE, met;                                                                              \
    const guint timer = g_timeout_add_seconds (SECONDS_MAX, on_over, &over);                                 \
    while (!(met = (condition)) && !over)                                                                    \
      g_main_context_iteration (NULL, TRUE);                                                                 \
    g_source_remove (timer);                                                                                 \
    g_assert_true (met);                                                                                     \
  }                                                                                                          \
  G_STMT_END

static gboolean
is_empty (Fixture *f)
{
  g_autoptr (GPtrArray) blobs = sk_quarantine_list (f->crossing.quarantine);
  g_autoptr (GPtrArray) unfinished = sk_quarantine_unfinished (f->crossing.quarantine);
  return blobs->len == 0 && unfinished->len == 0;
}

static gboolean
on_row (const SkAuditRow *row, gpointer data)
{
  GString *words = data;
  g_string_append_printf (words, "%s%s", words->len ? " " : "", strrchr (row->action, '.') + 1);
  g_assert_null (strstr (row->details, "いろは")); /* never the content */
  return TRUE;
}

/* Which words the trail has about a transfer. */
static char *
trail (Fixture *f, const char *id)
{
  const SkAuditFilter filter = { .object = id };
  GString *words = g_string_new (NULL);
  g_assert_true (sk_store_audit_walk (f->crossing.store, &filter, on_row, words, NULL));
  return g_string_free (words, FALSE);
}

/* ---- tests ---- */

static void
test_allowed (Fixture *f, gconstpointer data)
{
  for (guint way = 0; way < 2; way++)
    {
      offer (f, (SkCross) way, 1, way == SK_CROSS_IMPORT ? "いろは\nin" : "いろは\nout");
      WAIT_FOR (f->sets[way] == 1);
      g_assert_cmpstr (f->got[way]->str, ==, way == SK_CROSS_IMPORT ? "いろは\nin" : "いろは\nout");
    }
  WAIT_FOR (count (f, SK_TRANSFER_PURGED) == 2);
  g_assert_true (is_empty (f));
  g_autoptr (GPtrArray) rows = all (f);
  for (guint i = 0; i < rows->len; i++)
    {
      const SkTransfer *row = rows->pdata[i];
      g_autofree char *words = trail (f, row->id);
      g_assert_cmpstr (words, ==, "receiving quarantined inspecting approved releasing delivered purged");
      g_assert_cmpstr (row->user, ==, "hanako");
      g_assert_cmpint (row->kind, ==, SK_KIND_TEXT);
    }
}

/* A picture is made anew; what the rule says of its life goes along. */
static void
test_picture (Fixture *f, gconstpointer data)
{
  static const guint8 bmp[] = { 'B', 'M', 58, 0, 0, 0, 0, 0, 0,  0, 54, 0, 0, 0, 40,   0,    0,    0,   1, 0,
                                0,   0,   1,  0, 0, 0, 1, 0, 32, 0, 0,  0, 0, 0, 4,    0,    0,    0,   0, 0,
                                0,   0,   0,  0, 0, 0, 0, 0, 0,  0, 0,  0, 0, 0, 0x10, 0x20, 0x30, 0xff };
  offer_bytes (f, SK_CROSS_IMPORT, 1, SK_CLIP_PICTURE, bmp, sizeof bmp, sizeof bmp);
  WAIT_FOR (f->sets[SK_CROSS_IMPORT] == 1);
  g_autoptr (GBytes) content = g_bytes_new (f->got[SK_CROSS_IMPORT]->str, f->got[SK_CROSS_IMPORT]->len);
  g_autoptr (GBytes) wire = sk_clip_to_wire (SK_CLIP_PICTURE, content, FALSE);
  g_assert_nonnull (wire); /* 24 bits a pixel */
  g_assert_cmpint (f->kind[SK_CROSS_IMPORT], ==, SK_CLIP_PICTURE);
  g_assert_true (f->once);
  g_assert_cmpuint (f->wipe_seconds, ==, 30);
}

#define LONG "a text that is longer than the sixty-four bytes that pass without anybody, so it waits"

static void
test_held (Fixture *f, gconstpointer data)
{
  offer (f, SK_CROSS_EXPORT, 1, LONG);
  WAIT_FOR (count (f, SK_TRANSFER_HELD) == 1);
  sk_clipboard_up (f->clipboard, SK_CROSS_EXPORT);
  g_assert_cmpuint (f->sets[SK_CROSS_EXPORT], ==, 0);
  g_assert_cmpuint (crossing_approve (&f->crossing), ==, 1);
  WAIT_FOR (f->sets[SK_CROSS_EXPORT] == 1);
  g_assert_cmpstr (f->got[SK_CROSS_EXPORT]->str, ==, LONG);
  WAIT_FOR (is_empty (f));
}

/* The one that was held stays in the queue, but what is newer is there by then. */
static void
test_superseded (Fixture *f, gconstpointer data)
{
  offer (f, SK_CROSS_EXPORT, 1, LONG);
  WAIT_FOR (count (f, SK_TRANSFER_HELD) == 1);
  offer (f, SK_CROSS_EXPORT, 2, "newer");
  WAIT_FOR (f->sets[SK_CROSS_EXPORT] == 1);
  g_assert_cmpuint (count (f, SK_TRANSFER_HELD), ==, 1);
  g_assert_cmpuint (crossing_approve (&f->crossing), ==, 1);
  WAIT_FOR (is_empty (f));
  g_assert_cmpstr (f->got[SK_CROSS_EXPORT]->str, ==, "newer");
  g_assert_cmpuint (f->sets[SK_CROSS_EXPORT], ==, 1);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *text = g_strnfill (5000, 'x');
  offer (f, SK_CROSS_EXPORT, 1, text);
  WAIT_FOR (count (f, SK_TRANSFER_PURGED) == 1);
  g_assert_true (is_empty (f));
  g_assert_cmpuint (f->sets[SK_CROSS_EXPORT], ==, 0);
  g_autoptr (GPtrArray) rows = all (f);
  g_autofree char *words = trail (f, ((SkTransfer *) rows->pdata[0])->id);
  g_assert_cmpstr (words, ==, "receiving quarantined inspecting refused purged");
}

/* What was given is given back: no transfer. After something else was copied there, it is one again. */
static void
test_echo (Fixture *f, gconstpointer data)
{
  offer (f, SK_CROSS_EXPORT, 1, "one");
  WAIT_FOR (f->sets[SK_CROSS_EXPORT] == 1);
  offer (f, SK_CROSS_IMPORT, 1, "one");
  WAIT_FOR (is_empty (f));
  offer (f, SK_CROSS_IMPORT, 2, "two");
  WAIT_FOR (f->sets[SK_CROSS_IMPORT] == 1);
  g_assert_cmpstr (f->got[SK_CROSS_IMPORT]->str, ==, "two");
  offer (f, SK_CROSS_IMPORT, 3, "one");
  WAIT_FOR (f->sets[SK_CROSS_IMPORT] == 2);
  WAIT_FOR (is_empty (f));
  g_assert_cmpuint (count (f, SK_TRANSFER_PURGED), ==, 3);
}

static void
test_flood (Fixture *f, gconstpointer data)
{
  char text[32];
  for (guint i = 1; i <= 500; i++)
    {
      g_snprintf (text, sizeof text, "number %u", i);
      offer (f, SK_CROSS_IMPORT, i, text);
      g_main_context_iteration (NULL, FALSE);
    }
  WAIT_FOR (strcmp (f->got[SK_CROSS_IMPORT]->str, "number 500") == 0);
  WAIT_FOR (is_empty (f));
  g_autoptr (GPtrArray) rows = all (f);
  g_assert_cmpuint (rows->len, >=, 2);
  g_assert_cmpuint (rows->len, <, 50);
}

/* Twenty of those that are held: more is nobody's to decide. */
static void
test_held_flood (Fixture *f, gconstpointer data)
{
  for (guint i = 1; i <= SK_TRANSFER_CLIPS_HELD_MAX + 3; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u: " LONG, i);
      offer (f, SK_CROSS_EXPORT, i, text);
      WAIT_FOR (count (f, SK_TRANSFER_HELD) + count (f, SK_TRANSFER_CANCELLED) + count (f, SK_TRANSFER_PURGED)
                == i);
    }
  g_assert_cmpuint (count (f, SK_TRANSFER_HELD), ==, SK_TRANSFER_CLIPS_HELD_MAX);
}

static void
test_lies (Fixture *f, gconstpointer data)
{
  offer_bytes (f, SK_CROSS_IMPORT, 1, SK_CLIP_TEXT, "short", 5, 6);
  WAIT_FOR (is_empty (f));
  offer_bytes (f, SK_CROSS_IMPORT, 2, SK_CLIP_TEXT, "long", 4, 3);
  offer_bytes (f, SK_CROSS_IMPORT, 3, 0, "x", 1, 1);
  offer_bytes (f, SK_CROSS_IMPORT, 4, 3, "x", 1, 1);
  offer_bytes (f, SK_CROSS_IMPORT, 5, SK_CLIP_TEXT, "x", 1, 0);
  offer_bytes (f, SK_CROSS_IMPORT, 6, SK_CLIP_TEXT, "x", 1, SK_CLIP_TEXT_MAX + 1);
  offer (f, SK_CROSS_IMPORT, 7, "honest");
  WAIT_FOR (f->sets[SK_CROSS_IMPORT] == 1);
  g_assert_cmpstr (f->got[SK_CROSS_IMPORT]->str, ==, "honest");
  WAIT_FOR (is_empty (f));
  g_autoptr (GPtrArray) rows = all (f);
  g_assert_cmpuint (rows->len, ==, 1);
}

/* A text that is none is refused by its inspection, a pipe that never ends with its clipboard. */
static void
test_hostile_content (Fixture *f, gconstpointer data)
{
  int ends[2];
  offer_bytes (f, SK_CROSS_IMPORT, 1, SK_CLIP_TEXT, "\x89PNG\r\n\x1a\n", 8, 8);
  WAIT_FOR (count (f, SK_TRANSFER_PURGED) == 1);
  g_assert_cmpuint (f->sets[SK_CROSS_IMPORT], ==, 0);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  sk_clipboard_offer (f->clipboard, SK_CROSS_IMPORT, 2, SK_CLIP_TEXT, 10, ends[0]);
  g_clear_pointer (&f->clipboard, sk_clipboard_free);
  WAIT_FOR (is_empty (f));
  close (ends[1]);
}

static void
test_not_allowed (Fixture *f, gconstpointer data)
{
  f->allowed[SK_CROSS_IMPORT] = FALSE;
  offer (f, SK_CROSS_IMPORT, 1, "no");
  offer (f, SK_CROSS_EXPORT, 1, "yes");
  WAIT_FOR (f->sets[SK_CROSS_EXPORT] == 1);
  WAIT_FOR (is_empty (f));
  g_autoptr (GPtrArray) rows = all (f);
  g_assert_cmpuint (rows->len, ==, 1);
}

/* Released while nobody looks: it is there when somebody does. And no way of the API leads to it. */
static void
test_nobody_there (Fixture *f, gconstpointer data)
{
  const SkIdentity hanako = { 1000, (char *) "hanako", FALSE };
  g_autoptr (GError) error = NULL;
  f->up[SK_CROSS_IMPORT] = FALSE;
  offer (f, SK_CROSS_IMPORT, 1, "later");
  WAIT_FOR (count (f, SK_TRANSFER_RELEASING) == 1);
  g_autoptr (GPtrArray) rows = all (f);
  const char *id = ((SkTransfer *) rows->pdata[0])->id;
  g_assert_null (sk_transfers_content (f->crossing.transfers, &hanako, id, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_assert_false (sk_transfers_delivered (f->crossing.transfers, &hanako, id, NULL));
  g_assert_null (sk_transfers_upload (f->crossing.transfers, &hanako, id, 0, 0, NULL, NULL));
  f->up[SK_CROSS_IMPORT] = TRUE;
  sk_clipboard_up (f->clipboard, SK_CROSS_IMPORT);
  WAIT_FOR (f->sets[SK_CROSS_IMPORT] == 1);
  g_assert_cmpstr (f->got[SK_CROSS_IMPORT]->str, ==, "later");
  WAIT_FOR (is_empty (f));
}

static void
test_session_ends (Fixture *f, gconstpointer data)
{
  offer (f, SK_CROSS_EXPORT, 1, LONG);
  WAIT_FOR (count (f, SK_TRANSFER_HELD) == 1);
  g_clear_pointer (&f->clipboard, sk_clipboard_free);
  sk_transfers_end_clips (f->crossing.transfers, f->session.id);
  g_assert_cmpuint (crossing_approve (&f->crossing), ==, 0);
  WAIT_FOR (is_empty (f));
  g_assert_cmpuint (f->sets[SK_CROSS_EXPORT], ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/clipboard/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("allowed", test_allowed);
  ADD ("picture", test_picture);
  ADD ("held", test_held);
  ADD ("superseded", test_superseded);
  ADD ("refused", test_refused);
  ADD ("echo", test_echo);
  ADD ("flood", test_flood);
  ADD ("held-flood", test_held_flood);
  ADD ("lies", test_lies);
  ADD ("hostile-content", test_hostile_content);
  ADD ("not-allowed", test_not_allowed);
  ADD ("nobody-there", test_nobody_there);
  ADD ("session-ends", test_session_ends);
  return g_test_run ();
}
