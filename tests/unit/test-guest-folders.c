/* sekisho-files with real folders: a scripted host speaks through the agent's own relay. The host is
 * SkGuestFiles' wire, not its code: what the folders do is looked at on disk. */
#include "files.h"
#include "folder.h"
#include "inbox.h"
#include "tree.h"
#include "../files-relay.h"
#include "common/fd.h"
#include "wire/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

typedef struct
{
  char *home, *socket;
  int listener, peer;
  SkFiles *files;
  guint32 host;
  guint8 packet[SK_FILES_PACKET_MAX];
  gsize length; /* of packet */
  int passed;   /* what came with it */
} Fixture;

static gboolean
keep_turning (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

#define WAIT_UNTIL(condition)                                                                                \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;                                         \
    guint tick = g_timeout_add (10, keep_turning, NULL);                                                     \
    gboolean seen;                                                                                           \
    while (!(seen = (condition)) && g_get_monotonic_time () < deadline)                                      \
      g_main_context_iteration (NULL, TRUE);                                                                 \
    g_source_remove (tick);                                                                                  \
    if (!seen)                                                                                               \
      g_error ("in vain: %s", #condition);                                                                   \
  }                                                                                                          \
  G_STMT_END

/* ---- the agent's side ---- */

static void
send_raw (Fixture *f, guint16 type, guint32 id, const void *body, gsize length)
{
  g_autoptr (GByteArray) packet = g_byte_array_new ();
  gssize n = -1;
  sk_write_u16 (packet, type);
  sk_write_u16 (packet, 0);
  sk_write_u32 (packet, id);
  if (length > 0)
    g_byte_array_append (packet, body, (guint) length);
  WAIT_UNTIL ((n = send (f->peer, packet->data, packet->len, MSG_NOSIGNAL | MSG_DONTWAIT)) >= 0);
  g_assert_cmpint (n, ==, packet->len);
}

static void
say (Fixture *f, const SkMessage *m)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_assert_true (sk_message_encode (sk_agent_messages, m, body, NULL));
  send_raw (f, m->type, m->id, body->data, body->len);
}

/* The next packet: SYNCED and SPAN leave ret alone. Bytes stay valid until the next call. */
static guint16
hear (Fixture *f, SkMessage *ret)
{
  gssize n = -1;
  int fds[SK_PACKET_FDS_MAX];
  gsize n_fds;
  sk_clear_fd (&f->passed);
  WAIT_UNTIL ((n = sk_fd_recv_large_packet (f->peer, f->packet, sizeof f->packet, fds, &n_fds, NULL)) > 0);
  g_assert_cmpuint (n_fds, <=, 1);
  f->passed = fds[0];
  f->length = (gsize) n;
  SkReader r = sk_reader (f->packet, (gsize) n);
  const guint16 type = sk_reader_u16 (&r);
  sk_reader_u16 (&r);
  const guint32 id = sk_reader_u32 (&r);
  g_assert_cmpint (f->passed >= 0, ==, type == SK_FILES_SPAN);
  if (type != SK_FILES_SYNCED && type != SK_FILES_SPAN)
    g_assert_true (sk_message_decode (sk_agent_messages, SK_FROM_PEER, type, id, f->packet + SK_FILES_HEADER,
                                      (gsize) n - SK_FILES_HEADER, ret, NULL));
  return type;
}

static void
expect (Fixture *f, guint16 type, SkMessage *ret)
{
  sk_message_clear (ret);
  g_assert_cmpint (hear (f, ret), ==, type);
}

static void
sync_host (Fixture *f)
{
  const guint32 last = 0;
  SkMessage none = { 0 };
  send_raw (f, SK_FILES_SYNC, ++f->host, &last, sizeof last);
  while (hear (f, &none) != SK_FILES_SYNCED)
    sk_message_clear (&none);
}

static void
start (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  f->files = sk_files_new (f->socket, f->home, NULL, NULL, &error);
  g_assert_no_error (error);
  WAIT_UNTIL ((f->peer = accept4 (f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
  sync_host (f);
}

static void
stop (Fixture *f)
{
  g_clear_pointer (&f->files, sk_files_free);
  sk_clear_fd (&f->peer);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->passed = -1;
  f->home = g_dir_make_tmp ("sk-folders-XXXXXX", NULL);
  f->socket = g_build_filename (f->home, ".agent", NULL);
  f->listener = sk_fd_listen_unix (f->socket, SOCK_SEQPACKET | SOCK_NONBLOCK, &error);
  g_assert_no_error (error);
  start (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  stop (f);
  sk_clear_fd (&f->passed);
  sk_clear_fd (&f->listener);
  sk_folder_remove (AT_FDCWD, f->home);
  g_assert_false (g_file_test (f->home, G_FILE_TEST_EXISTS));
  g_free (f->socket);
  g_free (f->home);
}

static char *
path (Fixture *f, const char *folder, const char *name)
{
  return g_build_filename (f->home, folder, name, NULL);
}

static void
write_file (Fixture *f, const char *folder, const char *name, const char *content)
{
  g_autofree char *where = path (f, folder, name);
  g_autoptr (GError) error = NULL;
  g_file_set_contents (where, content, -1, &error);
  g_assert_no_error (error);
}

static gboolean
has (Fixture *f, const char *folder, const char *name)
{
  g_autofree char *where = path (f, folder, name);
  struct stat st;
  return lstat (where, &st) == 0;
}

static void
check_content (Fixture *f, const char *folder, const char *name, const char *content)
{
  g_autofree char *where = path (f, folder, name), *got = NULL;
  g_assert_true (g_file_get_contents (where, &got, NULL, NULL));
  g_assert_cmpstr (got, ==, content);
}

static void
answer (Fixture *f, guint32 id, SkFileVerdict verdict, guint64 offset, const char *text)
{
  const SkMessage m = {
    .type = SK_FILE_OFFER_REPLY, .id = id, .n = { verdict, 0, offset, SK_FILE_WINDOW }, .s = { (char *) text }
  };
  say (f, &m);
}

static void
received (Fixture *f, guint32 id)
{
  const SkMessage m = { .type = SK_FILE_OFFER_STOP, .id = id, .n = { SK_FILE_HAVE }, .s = { (char *) "" } };
  say (f, &m);
}

#define SENT SK_FILES_SEND "/" SK_FILES_SENT
#define FAILED SK_FILES_SEND "/" SK_FILES_FAILED

/* ---- out ---- */

static void
test_send (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  write_file (f, SK_FILES_SEND, "a\nb.txt", "hello");
  expect (f, SK_FILE_OFFER, &m);
  g_assert_true (sk_file_is_hex (m.s[0], SK_FILE_KEY_LENGTH));
  g_assert_cmpstr (m.s[1], ==, "file");
  g_assert_cmpuint (m.n[1], ==, 5);
  answer (f, m.id, SK_FILE_TAKE, 0, "");
  expect (f, SK_FILE_ITEM, &m);
  g_assert_cmpstr (m.s[0], ==, "a_b.txt"); /* control characters do not cross */
  expect (f, SK_FILE_DATA, &m);
  g_assert_cmpmem (m.bytes, m.bytes_length, "hello", 5);
  expect (f, SK_FILE_ITEM_END, &m);
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "hello", -1);
  g_assert_cmpstr (m.s[0], ==, sum);
  expect (f, SK_FILE_OFFER_END, &m);
  g_assert_false (has (f, SENT, "a\nb.txt"));
  received (f, m.id);
  expect (f, SK_FILE_OFFER_GONE, &m);
  g_assert_true (has (f, SENT, "a\nb.txt"));
  g_assert_false (has (f, SK_FILES_SEND, "a\nb.txt"));
}

typedef struct
{
  guint32 id, index, length;
  guint64 offset;
} Span;

static Span
expect_span (Fixture *f)
{
  SkMessage none = { 0 };
  g_assert_cmpint (hear (f, &none), ==, SK_FILES_SPAN);
  SkReader r = sk_reader (f->packet, f->length);
  sk_reader_u32 (&r);
  Span span = { .id = sk_reader_u32 (&r), .index = sk_reader_u32 (&r) };
  span.offset = sk_reader_u64 (&r);
  span.length = sk_reader_u32 (&r);
  g_assert_true (sk_reader_finish (&r));
  return span;
}

static void
span_done (Fixture *f, guint32 id, guint32 length)
{
  const guint32 little = GUINT32_TO_LE (length);
  send_raw (f, SK_FILES_SPAN_DONE, id, &little, sizeof little);
}

static char *
write_large (Fixture *f, const char *name, gsize size)
{
  char *content = g_malloc (size + 1);
  for (gsize i = 0; i < size; i++)
    content[i] = (char) ('a' + i % 23);
  content[size] = '\0';
  write_file (f, SK_FILES_SEND, name, content);
  return content;
}

/* A large file is given to the agent in spans; it ends once the agent has sent all of them. */
static void
test_spans (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  const gsize size = 2500 * 1024 + 5;
  g_autofree char *content = write_large (f, "large", size), *got = g_malloc0 (size);
  guint64 at = 0;
  expect (f, SK_FILE_OFFER, &m);
  answer (f, m.id, SK_FILE_TAKE, 0, "");
  expect (f, SK_FILE_ITEM, &m);
  while (at < size)
    {
      const Span span = expect_span (f);
      g_assert_cmpuint (span.id, ==, m.id);
      g_assert_cmpuint (span.index, ==, 0);
      g_assert_cmpuint (span.offset, ==, at);
      g_assert_cmpuint (span.length, >, 0);
      g_assert_cmpuint (span.length, <=, size - at);
      g_assert_true (span.length % SK_FILE_DATA_MAX == 0 || span.length == size - at); /* no crumbs */
      g_assert_cmpint (pread (f->passed, got + at, span.length, (off_t) at), ==, span.length);
      at += span.length;
      span_done (f, span.id, span.length);
      const SkMessage credit = { .type = SK_FILE_CREDIT, .id = m.id, .n = { SK_FILE_ITEM_COST + at } };
      say (f, &credit);
    }
  g_assert_cmpmem (got, size, content, size);
  expect (f, SK_FILE_ITEM_END, &m);
  g_assert_cmpstr (m.s[0], ==, "");
  expect (f, SK_FILE_OFFER_END, &m);
}

/* No more than the window before a credit; what could not be read is offered again. */
static void
test_spans_held_back (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  g_autofree char *content = write_large (f, "large", 3 * SK_FILE_WINDOW);
  guint64 at = 0;
  expect (f, SK_FILE_OFFER, &m);
  answer (f, m.id, SK_FILE_TAKE, 0, "");
  expect (f, SK_FILE_ITEM, &m);
  while (at < SK_FILE_WINDOW / 2)
    at += expect_span (f).length;
  g_assert_cmpuint (at, <=, SK_FILE_WINDOW);
  const guint64 before = at;
  const SkMessage credit = { .type = SK_FILE_CREDIT, .id = m.id, .n = { SK_FILE_ITEM_COST + before } };
  say (f, &credit);
  const Span span = expect_span (f);
  g_assert_cmpuint (span.offset, ==, before);
  span_done (f, m.id, 0);
  while (m.type != SK_FILE_OFFER_GONE)
    {
      sk_message_clear (&m);
      hear (f, &m);
    }
  expect (f, SK_FILE_OFFER, &m);
}

/* The same file after a restart of either side has the same key, and goes on where the host says. */
static void
test_send_again (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  write_file (f, SK_FILES_SEND, "a", "0123456789");
  expect (f, SK_FILE_OFFER, &m);
  g_autofree char *key = g_strdup (m.s[0]);
  sync_host (f);
  expect (f, SK_FILE_OFFER, &m);
  g_assert_cmpstr (m.s[0], ==, key);
  stop (f);
  start (f);
  expect (f, SK_FILE_OFFER, &m);
  g_assert_cmpstr (m.s[0], ==, key);
  answer (f, m.id, SK_FILE_TAKE, 4, "");
  expect (f, SK_FILE_ITEM, &m);
  expect (f, SK_FILE_DATA, &m);
  g_assert_cmpuint (m.n[1], ==, 4);
  g_assert_cmpmem (m.bytes, m.bytes_length, "456789", 6);
  expect (f, SK_FILE_ITEM_END, &m);
  g_assert_cmpstr (m.s[0], ==, "");
  expect (f, SK_FILE_OFFER_END, &m);
  received (f, m.id);
  expect (f, SK_FILE_OFFER_GONE, &m);
  /* Put there once more, it is another transfer. */
  g_autofree char *old = path (f, SENT, "a"), *new = path (f, SK_FILES_SEND, "a");
  g_assert_no_errno (rename (old, new));
  expect (f, SK_FILE_OFFER, &m);
  g_assert_cmpstr (m.s[0], !=, key);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  write_file (f, SK_FILES_SEND, "x.exe", "MZ");
  expect (f, SK_FILE_OFFER, &m);
  answer (f, m.id, SK_FILE_REFUSE, 0, "why not");
  expect (f, SK_FILE_OFFER_GONE, &m);
  check_content (f, FAILED, "x.exe", "MZ");
  check_content (f, FAILED, "x.exe.理由.txt", "why not\n");
}

/* Links, pipes and what a browser or another program still writes. */
static void
test_not_files (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  g_autofree char *link = path (f, SK_FILES_SEND, "link"), *pipe = path (f, SK_FILES_SEND, "pipe");
  g_autofree char *open_file = path (f, SK_FILES_SEND, "open");
  g_assert_no_errno (symlink ("/etc/passwd", link));
  g_assert_no_errno (mkfifo (pipe, 0600));
  write_file (f, SK_FILES_SEND, "b.crdownload", "half");
  write_file (f, SK_FILES_SEND, "b", "");
  sk_autofd int writer = open (open_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (write (writer, "more", 4), ==, 4);
  WAIT_UNTIL (has (f, FAILED, "link") && has (f, FAILED, "pipe") && has (f, FAILED, "pipe.理由.txt"));
  write_file (f, SK_FILES_SEND, "whole", "all");
  expect (f, SK_FILE_OFFER, &m);
  answer (f, m.id, SK_FILE_TAKE, 0, "");
  expect (f, SK_FILE_ITEM, &m);
  g_assert_cmpstr (m.s[0], ==, "whole");
  expect (f, SK_FILE_DATA, &m);
  expect (f, SK_FILE_ITEM_END, &m);
  expect (f, SK_FILE_OFFER_END, &m);
  sk_clear_fd (&writer);
  expect (f, SK_FILE_OFFER, &m);
  g_assert_cmpuint (m.n[1], ==, 4);
}

/* A link within a folder refuses the folder. */
static void
test_folder (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  g_autofree char *good = path (f, SK_FILES_SEND, "good/deep"), *bad = path (f, SK_FILES_SEND, "bad");
  g_autofree char *link = g_build_filename (bad, "link", NULL);
  g_assert_no_errno (g_mkdir_with_parents (bad, 0700));
  g_assert_no_errno (symlink ("/", link));
  WAIT_UNTIL (has (f, FAILED, "bad"));
  g_assert_no_errno (g_mkdir_with_parents (good, 0700));
  write_file (f, SK_FILES_SEND, "good/1", "one");
  write_file (f, SK_FILES_SEND, "good/deep/2", "two");
  expect (f, SK_FILE_OFFER, &m);
  g_assert_cmpuint (m.n[0], ==, 2);
  answer (f, m.id, SK_FILE_TAKE, 0, "");
  expect (f, SK_FILE_ITEM, &m);
  g_assert_cmpstr (m.s[0], ==, "good/1");
}

static void
test_print (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  write_file (f, SK_FILES_PRINT, "p.pdf", "%PDF");
  expect (f, SK_FILE_OFFER, &m);
  g_assert_cmpstr (m.s[1], ==, "print");
  answer (f, m.id, SK_FILE_HAVE, 0, "");
  expect (f, SK_FILE_OFFER_GONE, &m);
  g_assert_false (has (f, SK_FILES_PRINT, "p.pdf"));
}

/* ---- in ---- */

static void
put_item (Fixture *f, guint32 id, guint index, const char *name, const char *content)
{
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, content, -1);
  const SkMessage m
      = { .type = SK_FILE_PUT_ITEM, .id = id, .n = { index, strlen (content) }, .s = { (char *) name, sum } };
  say (f, &m);
}

static void
put_data (Fixture *f, guint32 id, guint index, guint64 offset, const char *content)
{
  const SkMessage m = { .type = SK_FILE_PUT_DATA,
                        .id = id,
                        .n = { index, offset },
                        .bytes = (const guint8 *) content,
                        .bytes_length = strlen (content) };
  say (f, &m);
}

static void
put_start (Fixture *f, guint32 id, guint items, const char *transfer, SkMessage *ret)
{
  const SkMessage m = { .type = SK_FILE_PUT, .id = id, .n = { items, 10 }, .s = { (char *) transfer } };
  say (f, &m);
  expect (f, SK_FILE_PUT_REPLY, ret);
}

static void
put_end (Fixture *f, guint32 id)
{
  const SkMessage m = { .type = SK_FILE_PUT_END, .id = id };
  say (f, &m);
}

static void
test_put (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  struct stat st;
  g_autofree char *where = path (f, SK_FILES_RECEIVE, "d/a.txt");
  for (guint i = 0; i < 2; i++)
    {
      put_start (f, i + 1, 2, i ? "b" : "a", &m);
      g_assert_cmpuint (m.n[0], ==, SK_FILE_TAKE);
      put_item (f, i + 1, 0, "d/a.txt", "hello");
      put_data (f, i + 1, 0, 0, "hello");
      put_item (f, i + 1, 1, "e", "");
      put_end (f, i + 1);
      expect (f, SK_FILE_PUT_DONE, &m);
    }
  check_content (f, SK_FILES_RECEIVE, "d/a.txt", "hello");
  check_content (f, SK_FILES_RECEIVE, "d (2)/a.txt", "hello");
  g_assert_true (has (f, SK_FILES_RECEIVE, "e (2)"));
  g_assert_no_errno (stat (where, &st));
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  put_start (f, 3, 2, "a", &m);
  g_assert_cmpuint (m.n[0], ==, SK_FILE_HAVE);
  g_assert_false (has (f, SK_FILES_STATE "/incoming", "a"));
}

static void
test_put_resume (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) m = { 0 };
  put_start (f, 1, 2, "a", &m);
  put_item (f, 1, 0, "one", "1");
  put_data (f, 1, 0, 0, "1");
  const char *half = "hel";
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "hello", -1);
  const SkMessage item = { .type = SK_FILE_PUT_ITEM, .id = 1, .n = { 1, 5 }, .s = { (char *) "two", sum } };
  say (f, &item);
  put_data (f, 1, 1, 0, half);
  WAIT_UNTIL (has (f, SK_FILES_STATE "/incoming/a", "1.name"));
  sync_host (f);
  stop (f);
  start (f);
  put_start (f, 1, 2, "a", &m);
  g_assert_cmpuint (m.n[1], ==, 1);
  g_assert_cmpuint (m.n[2], ==, 3);
  say (f, &item);
  put_data (f, 1, 1, 3, "lo");
  put_end (f, 1);
  expect (f, SK_FILE_PUT_DONE, &m);
  check_content (f, SK_FILES_RECEIVE, "one", "1");
  check_content (f, SK_FILES_RECEIVE, "two", "hello");
}

static void
test_put_wrong (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "../x", "/x", "a//b", ".x", "a/../b", "a/.b", "a/" };
  g_auto (SkMessage) m = { 0 };
  guint32 id = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_false (sk_inbox_name_is_good (names[i]));
      put_start (f, ++id, 1, "a", &m);
      put_item (f, id, 0, names[i], "x");
      expect (f, SK_FILE_PUT_GONE, &m);
    }
  put_start (f, ++id, 1, "a", &m);
  put_item (f, id, 0, "x", "xx");
  put_data (f, id, 0, 0, "xy"); /* not what its checksum says */
  expect (f, SK_FILE_PUT_GONE, &m);
  put_start (f, ++id, 2, "a", &m);
  g_assert_cmpuint (m.n[1] + m.n[2], ==, 0); /* nothing of it was kept */
  put_end (f, id);
  expect (f, SK_FILE_PUT_GONE, &m);
  const SkMessage huge
      = { .type = SK_FILE_PUT, .id = ++id, .n = { 1, SK_FILE_BYTES_MAX }, .s = { (char *) "c" } };
  say (f, &huge);
  expect (f, SK_FILE_PUT_REPLY, &m);
  g_assert_cmpuint (m.n[0], ==, SK_FILE_REFUSE);
  g_assert_false (has (f, SK_FILES_RECEIVE, "x"));
}

/* ---- small functions ---- */

static void
test_numbered (Fixture *f, gconstpointer data)
{
  g_autofree char *first = sk_folder_numbered ("a.tar.gz", 1), *second = sk_folder_numbered ("a.txt", 2);
  g_autofree char *plain = sk_folder_numbered ("folder", 3);
  g_autofree char *japanese = g_strconcat ("", NULL);
  g_assert_cmpstr (first, ==, "a.tar.gz");
  g_assert_cmpstr (second, ==, "a (2).txt");
  g_assert_cmpstr (plain, ==, "folder (3)");
  while (strlen (japanese) < 300)
    {
      char *longer = g_strconcat (japanese, "庁", NULL);
      g_free (japanese);
      japanese = longer;
    }
  g_autofree char *cut = sk_folder_numbered (japanese, 2);
  g_assert_cmpuint (strlen (cut), <=, 255);
  g_assert_true (g_utf8_validate (cut, -1, NULL));
}

/* One file more than there may be. */
static void
test_many (Fixture *f, gconstpointer data)
{
  g_autoptr (SkTree) tree = NULL;
  sk_autofd int home = open (f->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_no_errno (mkdirat (home, "many", 0700));
  for (guint i = 0; i <= SK_FILE_ITEMS_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("many/%u", i);
      close (openat (home, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
  g_assert_cmpint (sk_tree_scan (home, "many", &tree), ==, SK_TREE_TOO_MANY);
  g_assert_no_errno (unlinkat (home, "many/0", 0));
  g_assert_cmpint (sk_tree_scan (home, "many", &tree), ==, SK_TREE_OK);
  g_assert_cmpuint (tree->items->len, ==, SK_FILE_ITEMS_MAX);
  g_assert_cmpuint (tree->bytes, ==, 0);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *, gconstpointer);
  } tests[] = {
    { "/folders/send", test_send },
    { "/folders/spans", test_spans },
    { "/folders/spans-held-back", test_spans_held_back },
    { "/folders/send-again", test_send_again },
    { "/folders/refused", test_refused },
    { "/folders/not-files", test_not_files },
    { "/folders/folder", test_folder },
    { "/folders/print", test_print },
    { "/folders/put", test_put },
    { "/folders/put-resume", test_put_resume },
    { "/folders/put-wrong", test_put_wrong },
    { "/folders/numbered", test_numbered },
    { "/folders/many", test_many },
  };
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
  return g_test_run ();
}
