/* The core's agent link against a scripted guest on a real unix socket. */
#include "common/error.h"
#include "common/fd.h"
#include "core/agent-link.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

typedef struct
{
  char *dir, *path;
  int listener, guest; /* the guest's end */
  SkAgentLink *link;
  SkFrameBuffer buffer;
  guint hellos, readies, browsers, answers;
  char *lost, *user;
  char *bulk;        /* the bulk memory's file */
  GByteArray *files; /* DATA's bytes */
  guint64 offset;    /* of the last */
  gboolean answer_ok;
  SkErrorCode answer_code;
} Fixture;

static void
on_hello (gpointer data)
{
  ((Fixture *) data)->hellos++;
}

static void
on_ready (const char *user, const char *password, gpointer data)
{
  Fixture *f = data;
  f->readies++;
  g_free (f->user);
  f->user = g_strdup (user);
}

static void
on_browser (gpointer data)
{
  ((Fixture *) data)->browsers++;
}

static void
on_lost (const char *why, gpointer data)
{
  Fixture *f = data;
  g_assert_null (f->lost);
  f->lost = g_strdup (why);
}

static const SkAgentListener listener = { on_hello, on_ready, on_browser, on_lost };

static gboolean
keep_turning (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

#define WAIT_UNTIL(condition)                                                                                \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;                                         \
    guint tick = g_timeout_add (20, keep_turning, NULL);                                                     \
    gboolean seen;                                                                                           \
    while (!(seen = (condition)) && g_get_monotonic_time () < deadline)                                      \
      g_main_context_iteration (NULL, TRUE);                                                                 \
    g_source_remove (tick);                                                                                  \
    if (!seen)                                                                                               \
      g_error ("in vain: %s", #condition);                                                                   \
  }                                                                                                          \
  G_STMT_END

static void
guest_says (Fixture *f, const SkMessage *m)
{
  g_autoptr (GByteArray) body = g_byte_array_new (), frame = g_byte_array_new ();
  g_assert_true (sk_message_encode (sk_agent_messages, m, body, NULL));
  sk_frame_append (frame, m->type, m->id, body->data, body->len);
  g_assert_cmpint (send (f->guest, frame->data, frame->len, MSG_NOSIGNAL), ==, (gssize) frame->len);
}

/* The next message of the link that has this type; others (pings) pass by. */
static SkMessage
guest_hears (Fixture *f, guint16 type)
{
  for (;;)
    {
      SkFrame frame;
      SkMessage m = { 0 };
      gsize room;
      while (sk_frame_buffer_next (&f->buffer, &frame, NULL) == 1)
        {
          g_assert_true (sk_message_decode (sk_agent_messages, SK_FROM_HOST, frame.type, frame.id, frame.body,
                                            frame.length, &m, NULL));
          if (m.type == type)
            return m;
          sk_message_clear (&m);
        }
      guint8 *space = sk_frame_buffer_space (&f->buffer, &room);
      gssize n = -1;
      WAIT_UNTIL ((n = recv (f->guest, space, room, MSG_DONTWAIT)) > 0);
      sk_frame_buffer_commit (&f->buffer, (gsize) n);
    }
}

static void
guest_connects (Fixture *f)
{
  WAIT_UNTIL ((f->guest = accept4 (f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
}

static void
greet (Fixture *f, guint16 version)
{
  g_auto (SkMessage) hello = guest_hears (f, SK_AGENT_HELLO);
  SkMessage ack
      = { .type = SK_AGENT_HELLO_ACK, .n = { version, hello.n[2] }, .s = { (char *) "1", (char *) "b" } };
  guest_says (f, &ack);
}

static void
new_link (Fixture *f)
{
  f->link = sk_agent_link_new (f->path);
  sk_agent_link_set_listener (f->link, &listener, f);
  sk_agent_link_set_running (f->link, TRUE);
  guest_connects (f);
}

/* After it was lost. */
static void
renew_link (Fixture *f)
{
  g_clear_object (&f->link);
  sk_clear_fd (&f->guest);
  sk_frame_buffer_reset (&f->buffer);
  g_clear_pointer (&f->lost, g_free);
  f->hellos = 0;
  new_link (f);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->files = g_byte_array_new ();
  f->dir = g_dir_make_tmp ("sk-link-XXXXXX", NULL);
  f->path = g_build_filename (f->dir, "agent", NULL);
  f->bulk = g_build_filename (f->dir, "bulk", NULL);
  f->listener = sk_fd_listen_unix (f->path, SOCK_STREAM, &error);
  g_assert_no_error (error);
  g_assert_true (sk_fd_set_nonblocking (f->listener, TRUE, NULL));
  sk_frame_buffer_init (&f->buffer);
  new_link (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->link);
  sk_frame_buffer_clear (&f->buffer);
  sk_clear_fd (&f->guest);
  sk_clear_fd (&f->listener);
  unlink (f->path);
  unlink (f->bulk);
  g_assert_no_errno (rmdir (f->dir));
  g_byte_array_unref (f->files);
  g_free (f->bulk);
  g_free (f->path);
  g_free (f->dir);
  g_free (f->lost);
  g_free (f->user);
}

/* -- bulk memory --------------------------------------------------------------------------------------------
 */

static void
on_files_change (gpointer data)
{
}

static const char *
on_file (const SkMessage *m, gpointer data)
{
  Fixture *f = data;
  g_assert_cmpint (m->type, ==, SK_FILE_DATA);
  g_assert_cmpuint (m->id, ==, 7);
  g_assert_cmpuint (m->n[0], ==, 3);
  f->offset = m->n[1];
  g_byte_array_append (f->files, m->bytes, (guint) m->bytes_length);
  return NULL;
}

static const SkAgentFileListener file_listener
    = { on_files_change, on_files_change, on_file, on_files_change };

/* The byte at a place. */
static guint8
pattern (gsize place)
{
  return (guint8) (place * 31 >> 4);
}

static void
write_bulk (Fixture *f, gsize size, mode_t mode)
{
  g_autofree guint8 *content = g_malloc (size);
  for (gsize i = 0; i < size; i++)
    content[i] = pattern (i);
  g_assert_true (g_file_set_contents (f->bulk, (char *) content, (gssize) size, NULL));
  g_assert_no_errno (chmod (f->bulk, mode));
}

static void
begin_bulk (Fixture *f, guint16 version)
{
  sk_agent_link_set_bulk (f->link, f->bulk);
  sk_agent_link_set_file_listener (f->link, &file_listener, f);
  greet (f, version);
  WAIT_UNTIL (f->hellos == 1);
}

static SkMessage
bulk (guint64 offset, guint32 place, guint32 length)
{
  return (SkMessage){ .type = SK_FILE_BULK, .id = 7, .n = { 3, offset, place, length } };
}

static void
test_bulk (Fixture *f, gconstpointer data)
{
  write_bulk (f, SK_BULK_SIZE, 0660);
  begin_bulk (f, SK_AGENT_VERSION_BULK);
  g_auto (SkMessage) ready = guest_hears (f, SK_FILE_BULK_READY);
  g_assert_cmpuint (ready.n[0], ==, SK_BULK_SIZE);
  for (guint i = 0; i < SK_BULK_BLOCKS / 2; i++)
    {
      /* The last byte of all is among them. */
      const guint32 length = i == 0 ? 1 : SK_BULK_BLOCK, place = SK_BULK_SIZE - length - i;
      const SkMessage m = bulk (1000 * i, place, length);
      g_byte_array_set_size (f->files, 0);
      guest_says (f, &m);
      WAIT_UNTIL (f->files->len > 0);
      g_assert_cmpuint (f->files->len, ==, length);
      g_assert_cmpuint (f->offset, ==, 1000 * i);
      for (gsize at = 0; at < length; at++)
        if (f->files->data[at] != pattern (place + at))
          g_error ("another byte than at %" G_GSIZE_FORMAT, place + at);
    }
  g_auto (SkMessage) taken = guest_hears (f, SK_FILE_BULK_TAKEN);
  g_assert_cmpuint (taken.n[0], ==, SK_BULK_BLOCKS / 2);
  g_assert_null (f->lost);
}

/* A guest that points past the end, or at nothing, is lost; nobody hears of what it meant. */
static void
test_bulk_outside (Fixture *f, gconstpointer data)
{
  static const struct
  {
    guint32 place, length;
  } rows[]
      = { { 0, 0 },           { 0, SK_BULK_BLOCK + 1 },       { SK_BULK_SIZE, 1 }, { SK_BULK_SIZE - 1, 2 },
          { G_MAXUINT32, 1 }, { G_MAXUINT32, SK_BULK_BLOCK }, { 0, G_MAXUINT32 } };
  write_bulk (f, SK_BULK_SIZE + 4096, 0600);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const SkMessage m = bulk (0, rows[i].place, rows[i].length);
      begin_bulk (f, SK_AGENT_VERSION_BULK);
      guest_says (f, &m);
      WAIT_UNTIL (f->lost != NULL);
      g_assert_nonnull (strstr (f->lost, "outside"));
      g_assert_cmpuint (f->files->len, ==, 0);
      renew_link (f);
    }
}

/* Without a word of ours there is no such memory; whoever uses it all the same is lost. */
static void
expect_no_bulk (Fixture *f, guint16 version)
{
  const SkMessage m = bulk (0, 0, 1);
  begin_bulk (f, version);
  guest_says (f, &m);
  WAIT_UNTIL (f->lost != NULL);
  g_assert_nonnull (strstr (f->lost, "there is not"));
  g_assert_cmpuint (f->files->len, ==, 0);
  renew_link (f);
}

static void
test_no_bulk (Fixture *f, gconstpointer data)
{
  g_autofree char *other = g_strconcat (f->bulk, "-2", NULL);
  expect_no_bulk (f, SK_AGENT_VERSION); /* no file */
  write_bulk (f, SK_BULK_SIZE, 0600);
  expect_no_bulk (f, SK_AGENT_VERSION_LOWEST);
  write_bulk (f, SK_BULK_SIZE, 0604); /* others read what was not inspected */
  expect_no_bulk (f, SK_AGENT_VERSION);
  write_bulk (f, SK_BULK_SIZE - 1, 0600);
  expect_no_bulk (f, SK_AGENT_VERSION);
  write_bulk (f, SK_BULK_SIZE, 0600);
  g_assert_no_errno (link (f->bulk, other)); /* another file's content under this name */
  expect_no_bulk (f, SK_AGENT_VERSION);
  unlink (f->bulk);
  g_assert_no_errno (symlink (other, f->bulk));
  expect_no_bulk (f, SK_AGENT_VERSION);
  unlink (f->bulk);
  g_assert_no_errno (mkfifo (f->bulk, 0600));
  expect_no_bulk (f, SK_AGENT_VERSION);
  unlink (other);
}

/* The file gets shorter while it is used: an error, not a signal. */
static void
test_bulk_shrinks (Fixture *f, gconstpointer data)
{
  const SkMessage m = bulk (0, SK_BULK_SIZE - SK_BULK_BLOCK, SK_BULK_BLOCK);
  write_bulk (f, SK_BULK_SIZE, 0600);
  begin_bulk (f, SK_AGENT_VERSION);
  g_assert_no_errno (truncate (f->bulk, SK_BULK_SIZE - 1));
  guest_says (f, &m);
  WAIT_UNTIL (f->lost != NULL);
  g_assert_nonnull (strstr (f->lost, "cannot be read"));
}

static void
test_greeting (Fixture *f, gconstpointer data)
{
  const SkMessage ready = { .type = SK_AGENT_READY, .s = { (char *) "user", (char *) "pw" } };
  const SkMessage browser = { .type = SK_AGENT_BROWSER_READY };
  guest_says (f, &ready); /* from the past: before the greeting */
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  g_assert_cmpuint (f->readies, ==, 0);
  guest_says (f, &ready);
  guest_says (f, &browser);
  guest_says (f, &ready);
  WAIT_UNTIL (f->browsers == 1);
  g_assert_cmpstr (f->user, ==, "user");
  g_assert_cmpuint (f->readies, ==, 1);
  g_assert_true (sk_agent_link_is_up (f->link));
}

/* After a reconnect the tail of an old frame comes first. */
static void
test_garbage_before_greeting (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (send (f->guest, "tail SKG1 of something", 22, 0), ==, 22);
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  g_assert_null (f->lost);
}

static void
test_garbage_after_greeting (Fixture *f, gconstpointer data)
{
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  g_assert_cmpint (send (f->guest, "garbage", 7, 0), ==, 7);
  WAIT_UNTIL (f->lost != NULL);
}

static void
test_other_version (Fixture *f, gconstpointer data)
{
  greet (f, 0);
  WAIT_UNTIL (f->lost != NULL);
  g_assert_cmpuint (f->hellos, ==, 0);
  renew_link (f);
  greet (f, SK_AGENT_VERSION + 1);
  WAIT_UNTIL (f->lost != NULL);
  g_assert_cmpuint (f->hellos, ==, 0);
  /* A guest that was saved by an earlier broker. */
  renew_link (f);
  greet (f, SK_AGENT_VERSION_LOWEST);
  WAIT_UNTIL (f->hellos == 1);
}

static void
test_wrong_nonce (Fixture *f, gconstpointer data)
{
  g_auto (SkMessage) hello = guest_hears (f, SK_AGENT_HELLO);
  SkMessage ack
      = { .type = SK_AGENT_HELLO_ACK, .n = { 1, hello.n[2] + 1 }, .s = { (char *) "1", (char *) "b" } };
  guest_says (f, &ack);
  greet (f, SK_AGENT_VERSION); /* asked again a second later, with the same nonce */
  WAIT_UNTIL (f->hellos == 1);
}

static void
on_answer (gboolean ok, const char *text, char **list, const GError *error, gpointer data)
{
  Fixture *f = data;
  f->answers++;
  f->answer_ok = ok;
  f->answer_code = error ? (SkErrorCode) error->code : SK_ERROR_INTERNAL;
}

static void
test_calls (Fixture *f, gconstpointer data)
{
  const SkMessage open = { .type = SK_AGENT_OPEN_URL, .s = { (char *) "https://example.jp/" } };
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  sk_agent_link_call (f->link, &open, 10000, on_answer, f);
  g_auto (SkMessage) request = guest_hears (f, SK_AGENT_OPEN_URL);
  const SkMessage result = { .type = SK_AGENT_RESULT, .id = request.id, .n = { 1 }, .s = { (char *) "ok" } };
  guest_says (f, &result);
  WAIT_UNTIL (f->answers == 1);
  g_assert_true (f->answer_ok);
  sk_agent_link_call (f->link, &open, 50, on_answer, f);
  WAIT_UNTIL (f->answers == 2);
  g_assert_cmpint (f->answer_code, ==, SK_ERROR_TIMEOUT);
  sk_agent_link_call (f->link, &open, 60000, on_answer, f);
  g_clear_object (&f->link);
  g_assert_cmpuint (f->answers, ==, 3);
  g_assert_cmpint (f->answer_code, ==, SK_ERROR_CANCELLED);
}

static void
test_unasked_answer (Fixture *f, gconstpointer data)
{
  const SkMessage result = { .type = SK_AGENT_RESULT, .id = 77, .n = { 1 }, .s = { (char *) "ok" } };
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  guest_says (f, &result);
  WAIT_UNTIL (f->lost != NULL);
}

static void
test_flood (Fixture *f, gconstpointer data)
{
  const SkMessage browser = { .type = SK_AGENT_BROWSER_READY };
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  g_assert_true (sk_fd_set_nonblocking (f->guest, FALSE, NULL));
  for (guint i = 0; i < 230; i++)
    guest_says (f, &browser);
  WAIT_UNTIL (f->lost != NULL);
}

/* The core's reconnect, and QEMU's: the port comes back and is greeted anew. */
static void
test_reconnect (Fixture *f, gconstpointer data)
{
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  sk_clear_fd (&f->guest);
  guest_connects (f);
  sk_frame_buffer_reset (&f->buffer);
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 2);
  g_assert_null (f->lost);
}

/* A QEMU that hangs, and brokers that came and went before this one: nobody waits in connect(). */
static void
test_full_backlog (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) others = g_array_new (FALSE, FALSE, sizeof (int));
  int fd;
  g_clear_object (&f->link);
  sk_clear_fd (&f->guest);
  while ((fd = sk_fd_connect_unix (f->path, SOCK_STREAM | SOCK_NONBLOCK, NULL)) >= 0)
    g_array_append_val (others, fd);
  g_assert_cmpuint (others->len, >, 0);
  f->link = sk_agent_link_new (f->path);
  sk_agent_link_set_listener (f->link, &listener, f);
  sk_agent_link_set_running (f->link, TRUE);
  /* It is awake again. */
  for (guint i = 0; i < others->len; i++)
    {
      guest_connects (f);
      sk_clear_fd (&f->guest);
      close (g_array_index (others, int, i));
    }
  guest_connects (f);
  greet (f, SK_AGENT_VERSION);
  WAIT_UNTIL (f->hellos == 1);
  g_assert_null (f->lost);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *, gconstpointer);
  } tests[] = {
    { "/agent-link/greeting", test_greeting },
    { "/agent-link/garbage-before", test_garbage_before_greeting },
    { "/agent-link/garbage-after", test_garbage_after_greeting },
    { "/agent-link/version", test_other_version },
    { "/agent-link/nonce", test_wrong_nonce },
    { "/agent-link/calls", test_calls },
    { "/agent-link/unasked", test_unasked_answer },
    { "/agent-link/flood", test_flood },
    { "/agent-link/reconnect", test_reconnect },
    { "/agent-link/full-backlog", test_full_backlog },
    { "/agent-link/bulk", test_bulk },
    { "/agent-link/bulk-outside", test_bulk_outside },
    { "/agent-link/no-bulk", test_no_bulk },
    { "/agent-link/bulk-shrinks", test_bulk_shrinks },
  };
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
  return g_test_run ();
}
