/* The agent against a scripted host: both ports are socketpairs, the RDP server is a socket of the test, the
 * person's session is a client of the agent's unix socket. One main context runs both sides. */
#include "agent.h"
#include "files-relay.h"
#include "inventory.h"
#include "probe.h"
#include "readiness.h"
#include "relay.h"
#include "session.h"
#include "common/fd.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

/* A test that waits for longer is stuck: the slowest, a torn frame, takes 3 s. */
#define DEADLINE_SECONDS 20

/* ---- the host ---- */

typedef struct
{
  guint16 type;
  guint32 id;
  GBytes *body;
} Got;

typedef struct
{
  int fd;
  guint watch;
  SkFrameBuffer in;
  GQueue got;
  gsize data_bytes; /* of DATA frames since the last look */
  gboolean broken;  /* something was no frame */
} Host;

static void
got_free (gpointer data)
{
  Got *got = data;
  g_bytes_unref (got->body);
  g_free (got);
}

static gboolean
on_host_readable (int fd, GIOCondition condition, gpointer data)
{
  Host *host = data;
  gsize room;
  SkFrame frame;
  guint8 *space = sk_frame_buffer_space (&host->in, &room);
  gssize n = recv (fd, space, room, MSG_DONTWAIT);
  if (n <= 0)
    return n < 0 && errno == EAGAIN;
  sk_frame_buffer_commit (&host->in, (gsize) n);
  int result;
  while ((result = sk_frame_buffer_next (&host->in, &frame, NULL)) > 0)
    {
      Got *got = g_new0 (Got, 1);
      *got = (Got){ frame.type, frame.id, g_bytes_new (frame.body, frame.length) };
      g_queue_push_tail (&host->got, got);
    }
  host->broken |= result < 0;
  return !host->broken;
}

static void
host_listen (Host *host, gboolean on)
{
  if (!on)
    g_clear_handle_id (&host->watch, g_source_remove);
  else if (!host->watch)
    host->watch = g_unix_fd_add (host->fd, G_IO_IN, on_host_readable, host);
}

/* Returns the guest's end. */
static int
host_init (Host *host)
{
  int ends[2];
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
  *host = (Host){ .fd = ends[0] };
  sk_frame_buffer_init (&host->in);
  g_queue_init (&host->got);
  host_listen (host, TRUE);
  return ends[1];
}

static void
host_clear (Host *host)
{
  host_listen (host, FALSE);
  g_queue_clear_full (&host->got, got_free);
  sk_frame_buffer_clear (&host->in);
  sk_clear_fd (&host->fd);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("nothing came within %d s", DEADLINE_SECONDS);
  return G_SOURCE_REMOVE;
}

/* Runs the main context until the condition holds. */
#define WAIT_UNTIL(condition)                                                                                \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);                            \
    while (!(condition))                                                                                     \
      g_main_context_iteration (NULL, TRUE);                                                                 \
    g_source_remove (deadline);                                                                              \
  }                                                                                                          \
  G_STMT_END

static void
host_write (Host *host, const void *data, gsize length)
{
  gsize done = 0;
  while (done < length)
    {
      gssize n = send (host->fd, (const guint8 *) data + done, length - done, MSG_NOSIGNAL);
      g_assert_true (n > 0 || errno == EAGAIN);
      if (n > 0)
        done += (gsize) n;
      else
        g_main_context_iteration (NULL, FALSE);
    }
}

static void
host_send (Host *host, guint16 type, guint32 id, const void *body, gsize length)
{
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  sk_frame_append (frame, type, id, body, length);
  host_write (host, frame->data, frame->len);
}

/* The next frame; the caller frees it. */
static Got *
host_next (Host *host)
{
  WAIT_UNTIL (host->got.length > 0 || host->broken);
  g_assert_false (host->broken);
  return g_queue_pop_head (&host->got);
}

static GBytes *
host_expect (Host *host, guint16 type, guint32 id)
{
  Got *got = host_next (host);
  g_assert_cmpint (got->type, ==, type);
  g_assert_cmpint (got->id, ==, id);
  GBytes *body = g_bytes_ref (got->body);
  got_free (got);
  return body;
}

static void
host_expect_nothing_but (Host *host, guint16 type, guint32 id)
{
  g_bytes_unref (host_expect (host, type, id));
}

static void
host_reset (Host *host)
{
  guint64 nonce = g_random_int ();
  host_send (host, SK_RELAY_RESET, 0, &nonce, sizeof nonce);
  for (;;)
    {
      Got *got = host_next (host);
      gboolean ack = got->type == SK_RELAY_RESET_ACK
                     && memcmp (g_bytes_get_data (got->body, NULL), &nonce, sizeof nonce) == 0;
      got_free (got);
      if (ack)
        return;
    }
}

/* ---- the RDP server ---- */

static int
server_listen (guint16 *port)
{
  struct sockaddr_in address
      = { .sin_family = AF_INET, .sin_port = htons (*port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int one = 1;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_no_errno (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  g_assert_no_errno (bind (fd, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (listen (fd, 4));
  g_assert_no_errno (getsockname (fd, (struct sockaddr *) &address, &length));
  *port = ntohs (address.sin_port);
  return fd;
}

static int
server_accept (int listener)
{
  int fd = -1;
  WAIT_UNTIL ((fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
  return fd;
}

/* A port where nobody listens. */
static guint16
free_port (void)
{
  guint16 port = 0;
  close (server_listen (&port));
  return port;
}

typedef struct
{
  Host host;
  SkRelay *relay;
  guint16 port;
  int listener, server;
} Rig;

static void
rig_init (Rig *rig, gboolean listening)
{
  *rig = (Rig){ .listener = -1, .server = -1 };
  int guest = host_init (&rig->host);
  if (listening)
    rig->listener = server_listen (&rig->port);
  else
    rig->port = free_port ();
  rig->relay = sk_relay_new_for_fd (guest, rig->port);
}

static void
rig_open (Rig *rig, guint32 id)
{
  host_send (&rig->host, SK_RELAY_OPEN, id, NULL, 0);
  host_expect_nothing_but (&rig->host, SK_RELAY_OPENED, id);
  sk_clear_fd (&rig->server);
  rig->server = server_accept (rig->listener);
}

static void
rig_clear (Rig *rig)
{
  sk_relay_free (rig->relay);
  host_clear (&rig->host);
  sk_clear_fd (&rig->listener);
  sk_clear_fd (&rig->server);
}

/* Reads from the server's socket until n bytes came. */
static GByteArray *
server_read (Rig *rig, gsize n)
{
  GByteArray *all = g_byte_array_new ();
  guint8 buffer[65536];
  gssize got = 0;
  while (all->len < n)
    {
      WAIT_UNTIL ((got = recv (rig->server, buffer, sizeof buffer, 0)) >= 0
                  || (g_main_context_iteration (NULL, FALSE), FALSE));
      g_assert_cmpint (got, >, 0);
      g_byte_array_append (all, buffer, (guint) got);
    }
  return all;
}

/* ---- the relay ---- */

static void
test_relay_reset_first (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  /* The tail of somebody else's connection, then an OPEN that nobody may answer. */
  host_write (&rig.host, "SKG0 not a frame SK", 19);
  host_send (&rig.host, SK_RELAY_OPEN, 7, NULL, 0);
  host_reset (&rig.host);
  g_assert_cmpint (rig.host.got.length, ==, 0);
  rig_open (&rig, 8);
  rig_clear (&rig);
}

static void
test_relay_both_ways (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);

  host_send (&rig.host, SK_RELAY_DATA, 1, "hello", 5);
  g_autoptr (GByteArray) up = server_read (&rig, 5);
  g_assert_cmpmem (up->data, up->len, "hello", 5);

  g_assert_cmpint (send (rig.server, "welcome", 7, 0), ==, 7);
  g_autoptr (GBytes) down = host_expect (&rig.host, SK_RELAY_DATA, 1);
  g_assert_cmpmem (g_bytes_get_data (down, NULL), g_bytes_get_size (down), "welcome", 7);

  /* Other ids' frames are nobody's. */
  host_send (&rig.host, SK_RELAY_DATA, 2, "stray", 5);
  host_send (&rig.host, SK_RELAY_CLOSE, 2, NULL, 0);
  host_send (&rig.host, SK_RELAY_DATA, 1, "again", 5);
  g_autoptr (GByteArray) more = server_read (&rig, 5);
  g_assert_cmpmem (more->data, more->len, "again", 5);
  rig_clear (&rig);
}

/* OPEN, and even data, come before the server is there: nothing is lost, nothing is promised too early. */
static void
test_relay_no_server_yet (void)
{
  Rig rig;
  rig_init (&rig, FALSE);
  host_reset (&rig.host);
  host_send (&rig.host, SK_RELAY_OPEN, 3, NULL, 0);
  host_send (&rig.host, SK_RELAY_DATA, 3, "first bytes", 11);
  /* RESET_ACK of a later RESET would tell that the port is read on; a PING does not exist: let some tries
   * pass. */
  gint64 until = g_get_monotonic_time () + 300 * 1000;
  WAIT_UNTIL (g_get_monotonic_time () > until);
  g_assert_cmpint (rig.host.got.length, ==, 0);

  rig.listener = server_listen (&rig.port);
  host_expect_nothing_but (&rig.host, SK_RELAY_OPENED, 3);
  rig.server = server_accept (rig.listener);
  g_autoptr (GByteArray) up = server_read (&rig, 11);
  g_assert_cmpmem (up->data, up->len, "first bytes", 11);
  rig_clear (&rig);
}

static void
test_relay_server_closes (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  g_assert_cmpint (send (rig.server, "bye", 3, 0), ==, 3);
  sk_clear_fd (&rig.server);
  g_autoptr (GBytes) last = host_expect (&rig.host, SK_RELAY_DATA, 1);
  g_assert_cmpint (g_bytes_get_size (last), ==, 3);
  host_expect_nothing_but (&rig.host, SK_RELAY_CLOSE, 1);
  rig_open (&rig, 2);
  rig_clear (&rig);
}

static gboolean
server_sees_end (Rig *rig)
{
  char byte;
  return recv (rig->server, &byte, 1, 0) == 0;
}

static void
test_relay_host_closes (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  host_send (&rig.host, SK_RELAY_CLOSE, 1, NULL, 0);
  WAIT_UNTIL (server_sees_end (&rig));

  rig_open (&rig, 2);
  int old = rig.server;
  rig.server = -1;
  rig_open (&rig, 3); /* an OPEN while one is open */
  sk_clear_fd (&rig.server);
  rig.server = old;
  WAIT_UNTIL (server_sees_end (&rig));
  rig_clear (&rig);
}

static void
test_relay_host_leaves (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  host_listen (&rig.host, FALSE);
  sk_clear_fd (&rig.host.fd);
  WAIT_UNTIL (server_sees_end (&rig));
  rig_clear (&rig);
}

static void
fill_pattern (guint8 *data, gsize length, gsize offset)
{
  for (gsize i = 0; i < length; i++)
    data[i] = (guint8) ((offset + i) * 2654435761u >> 13);
}

#define MANY (8 * 1024 * 1024)

static void
test_relay_much (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  g_autofree guint8 *pattern = g_malloc (MANY);
  fill_pattern (pattern, MANY, 0);
  gsize sent = 0, received = 0;
  while (received < MANY)
    {
      gssize n = sent < MANY ? send (rig.server, pattern + sent, MANY - sent, 0) : 0;
      sent += n > 0 ? (gsize) n : 0;
      Got *got = rig.host.got.length > 0 ? g_queue_pop_head (&rig.host.got) : NULL;
      if (!got)
        {
          g_main_context_iteration (NULL, sent == MANY);
          continue;
        }
      gsize length;
      const guint8 *data = g_bytes_get_data (got->body, &length);
      g_assert_cmpint (got->type, ==, SK_RELAY_DATA);
      g_assert_cmpmem (data, length, pattern + received, length);
      received += length;
      got_free (got);
    }
  g_assert_false (rig.host.broken);
  rig_clear (&rig);
}

/* A host that does not read: the guest's server is held back, nothing piles up in the agent. */
static void
test_relay_host_does_not_read (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  host_listen (&rig.host, FALSE);
  g_autofree guint8 *chunk = g_malloc0 (65536);
  gsize sent = 0;
  guint idle = 0;
  while (idle < 50)
    {
      gssize n = send (rig.server, chunk, 65536, 0);
      idle = n > 0 ? 0 : idle + 1;
      sent += n > 0 ? (gsize) n : 0;
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpint (sent, <, 64 * 1024 * 1024);
    }
  /* RESET in the middle of it: every frame that follows is still whole, then comes the answer. */
  host_listen (&rig.host, TRUE);
  host_reset (&rig.host);
  g_assert_false (rig.host.broken);
  rig_open (&rig, 2);
  rig_clear (&rig);
}

/* A server that does not read: the host is held back. */
static void
test_relay_server_does_not_read (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  g_autofree guint8 *pattern = g_malloc (60000);
  fill_pattern (pattern, 60000, 0);
  sk_frame_append (frame, SK_RELAY_DATA, 1, pattern, 60000);
  gsize written = 0;
  guint idle = 0;
  while (idle < 50)
    {
      gsize at = written % frame->len;
      gssize n = send (rig.host.fd, frame->data + at, frame->len - at, MSG_NOSIGNAL);
      idle = n > 0 ? 0 : idle + 1;
      written += n > 0 ? (gsize) n : 0;
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpint (written, <, 64 * 1024 * 1024);
    }
  gsize whole = written / frame->len;
  g_autoptr (GByteArray) all = server_read (&rig, whole * 60000);
  for (gsize i = 0; i < whole; i++)
    g_assert_cmpmem (all->data + i * 60000, 60000, pattern, 60000);
  rig_clear (&rig);
}

/* A length that lies: the frame never completes, later frames are found again. */
static void
test_relay_torn_frame (void)
{
  Rig rig;
  guint8 header[SK_FRAME_HEADER];
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  sk_frame_header (header, SK_RELAY_DATA, 1, 50000);
  host_write (&rig.host, header, sizeof header);
  host_write (&rig.host, "torn", 4);
  host_reset (&rig.host);
  rig_open (&rig, 2);
  rig_clear (&rig);
}

static void
test_relay_bad_headers (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  host_reset (&rig.host);
  rig_open (&rig, 1);
  guint32 huge[4]
      = { GUINT32_TO_LE (SK_FRAME_MAGIC), GUINT32_TO_LE (SK_RELAY_DATA), GUINT32_TO_LE (1), 0xffffffff };
  host_write (&rig.host, huge, sizeof huge);
  /* What the connection was is over: bytes were lost. */
  WAIT_UNTIL (server_sees_end (&rig));
  host_reset (&rig.host);
  rig_open (&rig, 2);
  guint32 short_nonce = 1;
  host_send (&rig.host, SK_RELAY_RESET, 0, &short_nonce, sizeof short_nonce);
  WAIT_UNTIL (server_sees_end (&rig));
  host_reset (&rig.host);
  rig_clear (&rig);
}

static void
test_relay_flood (void)
{
  Rig rig;
  rig_init (&rig, TRUE);
  g_autoptr (GRand) random = g_rand_new_with_seed (2);
  guint8 junk[512];
  for (guint i = 0; i < 20000; i++)
    {
      gsize length = (gsize) g_rand_int_range (random, 1, sizeof junk);
      for (gsize k = 0; k < length; k++)
        junk[k] = (guint8) g_rand_int (random);
      if (i % 2)
        host_write (&rig.host, junk, length);
      else
        host_send (&rig.host, (guint16) g_rand_int_range (random, 0, 12),
                   (guint32) g_rand_int_range (random, 0, 3), junk, length);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_queue_clear_full (&rig.host.got, got_free);
    }
  host_reset (&rig.host);
  rig_clear (&rig);
}

/* ---- the agent ---- */

static gint64 fake_clock;
static guint powered_off;

static gint64
fake_now (void)
{
  return fake_clock;
}

static gboolean
fake_set (gint64 us)
{
  fake_clock = us;
  return TRUE;
}

static void
fake_power_off (void)
{
  powered_off++;
}

typedef struct
{
  Host host;
  SkAgentMachine machine;
  SkAgent *agent;
  char *dir, *credentials, *table, *session, *files, *bulk;
} Guest;

static void
guest_init (Guest *guest)
{
  *guest = (Guest){ 0 };
  int fd = host_init (&guest->host);
  guest->dir = g_dir_make_tmp ("sekisho-agent-XXXXXX", NULL);
  guest->credentials = g_build_filename (guest->dir, "credentials", NULL);
  guest->table = g_build_filename (guest->dir, "tcp", NULL);
  guest->session = g_build_filename (guest->dir, "session.sock", NULL);
  guest->files = g_build_filename (guest->dir, "files.sock", NULL);
  guest->bulk = g_build_filename (guest->dir, "bulk", NULL);
  guest->machine = (SkAgentMachine){ .port_fd = fd,
                                     .credentials = guest->credentials,
                                     .proc_net_tcp = guest->table,
                                     .tcp_port = 3389,
                                     .session_path = guest->session,
                                     .session_uid = getuid (),
                                     .files_path = guest->files,
                                     .bulk_path = guest->bulk,
                                     .root = "",
                                     .clock_now = fake_now,
                                     .clock_set = fake_set,
                                     .power_off = fake_power_off };
  fake_clock = G_GINT64_CONSTANT (1800000000) * G_USEC_PER_SEC;
  powered_off = 0;
  g_autoptr (GError) error = NULL;
  guest->agent = sk_agent_new (&guest->machine, &error);
  g_assert_no_error (error);
}

static void
guest_clear (Guest *guest)
{
  sk_agent_free (guest->agent);
  host_clear (&guest->host);
  g_remove (guest->credentials);
  g_remove (guest->table);
  g_remove (guest->bulk);
  g_rmdir (guest->dir);
  g_free (guest->dir);
  g_free (guest->credentials);
  g_free (guest->table);
  g_free (guest->session);
  g_free (guest->files);
  g_free (guest->bulk);
}

static void
guest_ask (Guest *guest, const SkMessage *message)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_assert_true (sk_message_encode (sk_agent_messages, message, body, NULL));
  host_send (&guest->host, message->type, message->id, body->data, body->len);
}

static void
guest_hear (Guest *guest, guint16 type, SkMessage *ret)
{
  Got *got = host_next (&guest->host);
  gsize length;
  const guint8 *body = g_bytes_get_data (got->body, &length);
  g_autoptr (GError) error = NULL;
  gboolean ok
      = sk_message_decode (sk_agent_messages, SK_FROM_PEER, got->type, got->id, body, length, ret, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  g_assert_cmpint (ret->type, ==, type);
  got_free (got);
}

static void
guest_hello (Guest *guest)
{
  SkMessage hello = { .type = SK_AGENT_HELLO, .n = { 1, 3, 42 } };
  g_auto (SkMessage) ack = { 0 };
  guest_ask (guest, &hello);
  guest_hear (guest, SK_AGENT_HELLO_ACK, &ack);
  g_assert_cmpint (ack.n[0], ==, SK_AGENT_VERSION);
  g_assert_cmpint (ack.n[1], ==, 42);
  g_assert_cmpstr (ack.s[0], ==, SK_VERSION);
  g_assert_cmpint (strlen (ack.s[1]), ==, 36);
}

static void
guest_ping (Guest *guest, guint64 token)
{
  SkMessage ping = { .type = SK_AGENT_PING, .id = 5, .n = { token } };
  g_auto (SkMessage) pong = { 0 };
  guest_ask (guest, &ping);
  guest_hear (guest, SK_AGENT_PONG, &pong);
  g_assert_cmpint (pong.n[0], ==, token);
  g_assert_cmpint (pong.id, ==, 5);
}

static void
guest_result (Guest *guest, const SkMessage *question, guint result, const char *detail)
{
  g_auto (SkMessage) answer = { 0 };
  guest_ask (guest, question);
  guest_hear (guest, SK_AGENT_RESULT, &answer);
  g_assert_cmpint (answer.id, ==, question->id);
  g_assert_cmpint (answer.n[0], ==, result);
  if (detail)
    g_assert_cmpstr (answer.s[0], ==, detail);
}

static void
test_agent_hello (void)
{
  Guest guest;
  guest_init (&guest);
  /* Before HELLO nothing is answered. */
  SkMessage ping = { .type = SK_AGENT_PING, .n = { 1 } };
  guest_ask (&guest, &ping);
  host_write (&guest.host, "garbage", 7);
  guest_hello (&guest);
  guest_ping (&guest, G_MAXUINT64);

  /* No version in common: 0, and silence from then on. */
  SkMessage hello = { .type = SK_AGENT_HELLO, .n = { SK_AGENT_VERSION + 1, 9, 43 } };
  g_auto (SkMessage) ack = { 0 };
  guest_ask (&guest, &hello);
  guest_hear (&guest, SK_AGENT_HELLO_ACK, &ack);
  g_assert_cmpint (ack.n[0], ==, 0);
  guest_ask (&guest, &ping);
  guest_hello (&guest);
  guest_clear (&guest);
}

static void
test_agent_malformed (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  host_send (&guest.host, SK_AGENT_PING, 1, "x", 1); /* short body */
  SkMessage ping = { .type = SK_AGENT_PING, .n = { 1 } };
  guest_ask (&guest, &ping); /* not greeted any more */
  guest_hello (&guest);
  host_send (&guest.host, SK_AGENT_PONG, 1, "12345678", 8); /* not the host's to say */
  guest_hello (&guest);
  host_send (&guest.host, 999, 1, NULL, 0);
  guest_hello (&guest);
  guest_ping (&guest, 2);
  guest_clear (&guest);
}

static const char listening[]
    = "  sl  local_address rem_address   st\n"
      "   0: 0100007F:0D3D 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n";

static int
session_connect (Guest *guest)
{
  g_autoptr (GError) error = NULL;
  int fd = sk_fd_connect_unix (guest->session, SOCK_STREAM | SOCK_NONBLOCK, &error);
  g_assert_no_error (error);
  return fd;
}

static void
session_say (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, strlen (text));
}

static void
test_agent_ready (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  sk_autofd int session = session_connect (&guest);
  session_say (session, "browser-ready\n");
  /* A browser without a login to reach it is not ready. */
  g_assert_true (g_file_set_contents (guest.credentials, "sekisho\nsecret\n", -1, NULL));
  guest_ping (&guest, 1);
  g_assert_true (g_file_set_contents (guest.table, listening, -1, NULL));
  for (guint i = 0; i < 2; i++)
    {
      g_auto (SkMessage) ready = { 0 };
      g_auto (SkMessage) browser = { 0 };
      guest_hear (&guest, SK_AGENT_READY, &ready);
      g_assert_cmpstr (ready.s[0], ==, "sekisho");
      g_assert_cmpstr (ready.s[1], ==, "secret");
      guest_hear (&guest, SK_AGENT_BROWSER_READY, &browser);
      if (i == 0)
        guest_hello (&guest); /* both again */
    }
  session_say (session, "browser-ready\n"); /* once is enough */
  guest_ping (&guest, 3);
  guest_clear (&guest);
}

static void
test_agent_open_url (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  SkMessage open = { .type = SK_AGENT_OPEN_URL, .id = 9, .s = { (char *) "https://example.jp/a?b=1" } };
  guest_result (&guest, &open, 0, "no session yet");

  sk_autofd int session = session_connect (&guest);
  guest_ping (&guest, 1); /* the agent has accepted by now */
  guest_ask (&guest, &open);
  char line[256] = "";
  WAIT_UNTIL (recv (session, line, sizeof line - 1, 0) > 0
              || (g_main_context_iteration (NULL, FALSE), FALSE));
  g_assert_cmpstr (line, ==, "open 9 https://example.jp/a?b=1\n");
  session_say (session, "opened 9 1 opened\n");
  g_auto (SkMessage) answer = { 0 };
  guest_hear (&guest, SK_AGENT_RESULT, &answer);
  g_assert_cmpint (answer.id, ==, 9);
  g_assert_cmpint (answer.n[0], ==, 1);

  open.s[0] = (char *) "file:///etc/passwd";
  guest_result (&guest, &open, 0, "not an http or https address");
  guest_clear (&guest);
}

/* What the person's session says may be anything. */
static void
test_agent_session_garbage (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  static const char *const lines[]
      = { "opened\n", "opened x 1 y\n", "nonsense\n", "opened 1 1 \x01\n", "browser-ready\xff\n", "\n" };
  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      sk_autofd int session = session_connect (&guest);
      char byte;
      session_say (session, lines[i]);
      WAIT_UNTIL (recv (session, &byte, 1, 0) == 0 || (g_main_context_iteration (NULL, FALSE), FALSE));
    }
  sk_autofd int session = session_connect (&guest);
  g_autofree char *endless = g_strnfill (20000, 'x');
  session_say (session, endless);
  char byte;
  /* Closed with bytes unread, a unix socket reports a reset. */
  WAIT_UNTIL (recv (session, &byte, 1, 0) == 0 || errno == ECONNRESET
              || (g_main_context_iteration (NULL, FALSE), FALSE));
  guest_ping (&guest, 1);
  g_assert_cmpint (guest.host.got.length, ==, 0);
  guest_clear (&guest);
}

/* Told to the session that is there, and again to one that comes later. */
static void
test_agent_scale (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  SkMessage scale = { .type = SK_AGENT_SCALE, .id = 4, .n = { 99 } };
  guest_result (&guest, &scale, 0, "not a scale");
  scale.n[0] = 501;
  guest_result (&guest, &scale, 0, "not a scale");
  scale.n[0] = 150;
  guest_result (&guest, &scale, 1, "told");
  sk_autofd int session = session_connect (&guest);
  char line[64] = "";
  WAIT_UNTIL (recv (session, line, sizeof line - 1, 0) > 0
              || (g_main_context_iteration (NULL, FALSE), FALSE));
  g_assert_cmpstr (line, ==, "scale 150\n");
  guest_clear (&guest);
}

static void
test_agent_time (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  gint64 before = fake_clock;
  SkMessage set = { .type = SK_AGENT_TIME_SET, .id = 1, .n = { (guint64) before + 100000 } };
  guest_result (&guest, &set, 1, "left, off by 100 ms");
  g_assert_cmpint (fake_clock, ==, before);
  set.n[0] = (guint64) before + 3600 * G_TIME_SPAN_SECOND;
  guest_result (&guest, &set, 1, "set by 3600000 ms");
  g_assert_cmpint (fake_clock, ==, before + 3600 * G_TIME_SPAN_SECOND);
  set.n[0] = 5;
  guest_result (&guest, &set, 0, NULL);
  set.n[0] = G_MAXUINT64;
  guest_result (&guest, &set, 0, NULL);
  guest_clear (&guest);
}

static void
test_agent_shutdown (void)
{
  Guest guest;
  guest_init (&guest);
  SkMessage shutdown_message = { .type = SK_AGENT_SHUTDOWN };
  guest_ask (&guest, &shutdown_message); /* before HELLO: the tail of another connection */
  guest_hello (&guest);
  g_assert_cmpint (powered_off, ==, 0);
  guest_ask (&guest, &shutdown_message);
  WAIT_UNTIL (powered_off == 1);
  guest_clear (&guest);
}

static gboolean
has_line (char **lines, const char *prefix)
{
  for (char **line = lines; *line; line++)
    if (g_str_has_prefix (*line, prefix))
      return TRUE;
  return FALSE;
}

static void
test_agent_inventory (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  SkMessage question = { .type = SK_AGENT_INVENTORY, .id = 4 };
  g_auto (SkMessage) answer = { 0 };
  guest_ask (&guest, &question);
  guest_hear (&guest, SK_AGENT_INVENTORY_LIST, &answer);
  g_assert_cmpint (answer.id, ==, 4);
  g_assert_true (has_line (answer.list, "mount: "));
  g_assert_true (has_line (answer.list, "net: lo"));

  /* A host that asks and does not read: the agent stops reading, and goes on when the host does. */
  host_listen (&guest.host, FALSE);
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  sk_frame_append (frame, SK_AGENT_INVENTORY, 4, NULL, 0);
  gsize sent = 0;
  for (guint idle = 0; idle < 50;)
    {
      gssize n = send (guest.host.fd, frame->data + sent % frame->len, frame->len - sent % frame->len,
                       MSG_NOSIGNAL);
      idle = n > 0 ? 0 : idle + 1;
      sent += n > 0 ? (gsize) n : 0;
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
  host_listen (&guest.host, TRUE);
  gsize answers = 0;
  while (answers < sent / frame->len)
    {
      got_free (host_next (&guest.host));
      answers++;
    }
  guest_clear (&guest);
}

/* ---- files ---- */

static int
files_connect (Guest *guest)
{
  g_autoptr (GError) error = NULL;
  int fd = sk_fd_connect_unix (guest->files, SOCK_SEQPACKET | SOCK_NONBLOCK, &error);
  g_assert_no_error (error);
  return fd;
}

static void
files_say (int fd, guint16 type, guint32 id, const void *body, gsize length)
{
  g_autoptr (GByteArray) packet = g_byte_array_new ();
  sk_write_u16 (packet, type);
  sk_write_u16 (packet, 0);
  sk_write_u32 (packet, id);
  if (length > 0)
    g_byte_array_append (packet, body, (guint) length);
  g_assert_cmpint (send (fd, packet->data, packet->len, MSG_NOSIGNAL), ==, packet->len);
}

/* The next packet's type and id. */
static guint16
files_hear (int fd, guint32 *ret_id)
{
  guint8 packet[SK_FILES_PACKET_MAX];
  gssize n = -1;
  WAIT_UNTIL ((n = recv (fd, packet, sizeof packet, MSG_DONTWAIT)) >= 0
              || (g_main_context_iteration (NULL, FALSE), FALSE));
  SkReader r = sk_reader (packet, (gsize) n);
  const guint16 type = sk_reader_u16 (&r);
  sk_reader_u16 (&r);
  *ret_id = sk_reader_u32 (&r);
  return type;
}

static void
files_sync (int fd)
{
  guint32 host;
  g_assert_cmpint (files_hear (fd, &host), ==, SK_FILES_SYNC);
  g_assert_cmpint (host, >, 0);
  files_say (fd, SK_FILES_SYNCED, host, NULL, 0);
}

static const char offer_body[] = "\1\0\0\0\1\0\0\0\0\0\0\0"
                                 "\x20\0000123456789abcdef0123456789abcdef"
                                 "\4\0file";

/* Passed on in both directions; what is open when sekisho-files goes is ended for it. */
static void
test_agent_files (void)
{
  Guest guest;
  guint32 id;
  guest_init (&guest);
  guest_hello (&guest);
  const SkMessage put = { .type = SK_FILE_PUT, .id = 3, .n = { 1, 5 }, .s = { (char *) "a-1" } };
  g_auto (SkMessage) later = { 0 };
  guest_ask (&guest, &put);
  guest_hear (&guest, SK_FILE_PUT_REPLY, &later);
  g_assert_cmpint (later.n[0], ==, SK_FILE_LATER);

  sk_autofd int files = files_connect (&guest);
  files_say (files, SK_FILE_OFFER, 1, offer_body, sizeof offer_body - 1); /* before it is in step: the past */
  files_sync (files);
  files_say (files, SK_FILE_OFFER, 2, offer_body, sizeof offer_body - 1);
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER, 2);
  guest_ask (&guest, &put);
  g_assert_cmpint (files_hear (files, &id), ==, SK_FILE_PUT);
  g_assert_cmpint (id, ==, 3);

  sk_clear_fd (&files);
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER_GONE, 2);
  host_expect_nothing_but (&guest.host, SK_FILE_PUT_GONE, 3);
  guest_ping (&guest, 1);
  guest_clear (&guest);
}

/* A host that greets again hears nothing that was said to the one before. */
static void
test_agent_files_new_host (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  sk_autofd int files = files_connect (&guest);
  files_sync (files);
  guest_hello (&guest);
  files_say (files, SK_FILE_OFFER, 2, offer_body, sizeof offer_body - 1);
  files_sync (files);
  files_say (files, SK_FILE_OFFER, 1, offer_body, sizeof offer_body - 1);
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER, 1);
  guest_clear (&guest);
}

/* Only file messages of a guest: nobody speaks for the agent through this socket. */
static void
test_agent_files_garbage (void)
{
  static const guint16 types[]
      = { SK_AGENT_READY, SK_AGENT_PONG, SK_FILE_PUT, 999, SK_FILES_SPAN_DONE, SK_FILES_SPAN, SK_FILE_BULK };
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      sk_autofd int files = files_connect (&guest);
      char byte;
      files_sync (files);
      files_say (files, types[i], 1, "12345678", 8);
      WAIT_UNTIL (recv (files, &byte, 1, 0) == 0 || (g_main_context_iteration (NULL, FALSE), FALSE));
    }
  guest_ping (&guest, 1);
  g_assert_cmpint (guest.host.got.length, ==, 0);
  guest_clear (&guest);
}

static void
files_give_span (int fd, guint32 id, guint64 offset, guint32 length, int file)
{
  g_autoptr (GByteArray) packet = g_byte_array_new ();
  sk_write_u16 (packet, SK_FILES_SPAN);
  sk_write_u16 (packet, 0);
  sk_write_u32 (packet, id);
  sk_write_u32 (packet, 0);
  sk_write_u64 (packet, offset);
  sk_write_u32 (packet, length);
  g_assert_true (sk_fd_send_packet (fd, packet->data, packet->len, &file, 1, NULL));
}

/* What a file of sekisho-files has is read by the agent, in the order of its words; what the file lacks ends
 * its offer for the host, and no other. */
static void
test_agent_files_span (void)
{
  enum
  {
    SIZE = 500 * 1000
  };
  Guest guest;
  guint32 id;
  guint64 at = 0;
  g_autofree guint8 *content = g_malloc (SIZE);
  for (gsize i = 0; i < SIZE; i++)
    content[i] = (guint8) (i * 7 >> 3);
  guest_init (&guest);
  guest_hello (&guest);
  sk_autofd int file = sk_fd_new_sealed_memory ("span", SIZE, NULL);
  g_assert_cmpint (pwrite (file, content, SIZE, 0), ==, SIZE);
  sk_autofd int files = files_connect (&guest);
  files_sync (files);
  files_say (files, SK_FILE_OFFER, 1, offer_body, sizeof offer_body - 1);
  files_say (files, SK_FILE_OFFER, 2, offer_body, sizeof offer_body - 1);
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER, 1);
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER, 2);
  files_give_span (files, 1, 0, SIZE, file);
  files_give_span (files, 2, SIZE - 10, 11, file);
  files_give_span (files, 2, 0, 10, file);
  files_say (files, SK_FILE_OFFER_END, 1, NULL, 0);
  files_say (files, SK_FILE_OFFER_END, 2, NULL, 0);
  files_say (files, SK_FILE_OFFER_GONE, 2, "\0", 2);
  while (at < SIZE)
    {
      g_auto (SkMessage) m = { 0 };
      Got *got = host_next (&guest.host);
      gsize length;
      const guint8 *body = g_bytes_get_data (got->body, &length);
      g_assert_true (
          sk_message_decode (sk_agent_messages, SK_FROM_PEER, got->type, got->id, body, length, &m, NULL));
      g_assert_cmpint (m.type, ==, SK_FILE_DATA);
      g_assert_cmpuint (m.n[1], ==, at);
      g_assert_cmpuint (m.bytes_length, >=, MIN (SK_FILE_DATA_MIN, SIZE - at));
      g_assert_cmpmem (m.bytes, m.bytes_length, content + at, m.bytes_length);
      at += m.bytes_length;
      got_free (got);
    }
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER_END, 1);
  host_expect_nothing_but (&guest.host, SK_FILE_OFFER_GONE, 2);
  g_assert_cmpint (files_hear (files, &id), ==, SK_FILES_SPAN_DONE);
  g_assert_cmpint (id, ==, 1);
  g_assert_cmpint (files_hear (files, &id), ==, SK_FILES_SPAN_DONE);
  g_assert_cmpint (id, ==, 2);
  guest_ping (&guest, 1);
  guest_clear (&guest);
}

/* ---- bulk memory ---- */

typedef struct
{
  Guest guest;
  int files, file; /* sekisho-files' end; the file that it sends */
  gsize size;
  guint8 *content;
} Bulk;

static void
bulk_init (Bulk *b, gsize size)
{
  *b = (Bulk){ .size = size, .content = g_malloc (size) };
  for (gsize i = 0; i < size; i++)
    b->content[i] = (guint8) (i * 13 >> 5);
  guest_init (&b->guest);
  b->file = sk_fd_new_sealed_memory ("span", size, NULL);
  g_assert_cmpint (pwrite (b->file, b->content, size, 0), ==, (gssize) size);
  sk_autofd int memory = g_open (b->guest.bulk, O_RDWR | O_CREAT, 0600);
  g_assert_no_errno (ftruncate (memory, SK_BULK_SIZE));
  guest_hello (&b->guest);
  b->files = files_connect (&b->guest);
  files_sync (b->files);
  files_say (b->files, SK_FILE_OFFER, 1, offer_body, sizeof offer_body - 1);
  host_expect_nothing_but (&b->guest.host, SK_FILE_OFFER, 1);
}

static void
bulk_clear (Bulk *b)
{
  sk_clear_fd (&b->file);
  sk_clear_fd (&b->files);
  guest_clear (&b->guest);
  g_free (b->content);
}

static void
bulk_tell (Bulk *b, guint16 type, guint64 number)
{
  const SkMessage m = { .type = type, .n = { number } };
  guest_ask (&b->guest, &m);
}

/* The next one: where its bytes stand, and that they are the file's. */
static guint32
bulk_hear (Bulk *b, guint64 offset, guint32 *ret_place)
{
  g_auto (SkMessage) m = { 0 };
  g_autofree char *memory = NULL;
  gsize length;
  guest_hear (&b->guest, SK_FILE_BULK, &m);
  g_assert_cmpuint (m.id, ==, 1);
  g_assert_cmpuint (m.n[1], ==, offset);
  g_assert_cmpuint (m.n[3], >, 0);
  g_assert_cmpuint (m.n[3], <=, SK_BULK_BLOCK);
  g_assert_cmpuint (m.n[2] + m.n[3], <=, SK_BULK_SIZE);
  g_assert_true (g_file_get_contents (b->guest.bulk, &memory, &length, NULL));
  g_assert_cmpmem (memory + m.n[2], m.n[3], b->content + offset, m.n[3]);
  *ret_place = (guint32) m.n[2];
  return (guint32) m.n[3];
}

/* Every block has its turn, and none is used again before the host has read it. */
static void
test_agent_bulk (void)
{
  /* The last but one leaves less than a message of its own may have. */
  const gsize size = (SK_BULK_BLOCKS + 2) * SK_BULK_BLOCK + 100;
  Bulk b;
  guint32 id, place;
  guint64 at = 0;
  bulk_init (&b, size);
  bulk_tell (&b, SK_FILE_BULK_READY, SK_BULK_SIZE);
  guest_ping (&b.guest, 1);
  files_give_span (b.files, 1, 0, SK_FILES_SPAN_MAX, b.file);
  files_give_span (b.files, 1, SK_FILES_SPAN_MAX, (guint32) (size - SK_FILES_SPAN_MAX), b.file);
  for (guint i = 0; i < SK_BULK_BLOCKS; i++)
    {
      at += bulk_hear (&b, at, &place);
      g_assert_cmpuint (place, ==, i * SK_BULK_BLOCK);
    }
  g_assert_cmpuint (at, ==, SK_BULK_SIZE);
  guest_ping (&b.guest, 2);                               /* nothing stands before its answer */
  bulk_tell (&b, SK_FILE_BULK_TAKEN, SK_BULK_BLOCKS + 1); /* more than there are */
  guest_ping (&b.guest, 3);
  bulk_tell (&b, SK_FILE_BULK_TAKEN, 1);
  at += bulk_hear (&b, at, &place);
  g_assert_cmpuint (place, ==, 0);
  guest_ping (&b.guest, 4);
  bulk_tell (&b, SK_FILE_BULK_TAKEN, SK_BULK_BLOCKS);
  const guint32 less = bulk_hear (&b, at, &place);
  g_assert_cmpuint (less, ==, SK_BULK_BLOCK - SK_FILE_DATA_MIN);
  at += less;
  at += bulk_hear (&b, at, &place);
  g_assert_cmpuint (at, ==, size);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (files_hear (b.files, &id), ==, SK_FILES_SPAN_DONE);
  guest_ping (&b.guest, 5);
  bulk_clear (&b);
}

/* By the port: what is small, and all of it where the host has not said, or said it of another memory. */
static void
test_agent_no_bulk (void)
{
  enum
  {
    SIZE = 2 * SK_BULK_LEAST
  };
  Bulk b;
  guint32 id;
  bulk_init (&b, SIZE);
  for (guint i = 0; i < 3; i++)
    {
      const guint32 length = i == 2 ? SK_BULK_LEAST - 1 : SIZE;
      guint32 came = 0;
      if (i > 0)
        bulk_tell (&b, SK_FILE_BULK_READY, i == 1 ? SK_BULK_SIZE / 2 : SK_BULK_SIZE);
      guest_ping (&b.guest, i);
      files_give_span (b.files, 1, 0, length, b.file);
      while (came < length)
        {
          g_auto (SkMessage) m = { 0 };
          Got *got = host_next (&b.guest.host);
          g_assert_cmpint (got->type, ==, SK_FILE_DATA);
          came += (guint32) g_bytes_get_size (got->body) - 12;
          got_free (got);
        }
      g_assert_cmpint (files_hear (b.files, &id), ==, SK_FILES_SPAN_DONE);
    }
  bulk_clear (&b);
}

/* Another host: it has not said that it reads, and begins at the first block. A file that ends early ends its
 * offer, as without. */
static void
test_agent_bulk_again (void)
{
  Bulk b;
  guint32 id, place;
  bulk_init (&b, SK_BULK_BLOCK);
  bulk_tell (&b, SK_FILE_BULK_READY, SK_BULK_SIZE);
  guest_ping (&b.guest, 1);
  files_give_span (b.files, 1, 0, SK_BULK_BLOCK, b.file);
  bulk_hear (&b, 0, &place);
  g_assert_cmpint (files_hear (b.files, &id), ==, SK_FILES_SPAN_DONE);
  guest_hello (&b.guest);
  files_sync (b.files);
  bulk_tell (&b, SK_FILE_BULK_READY, SK_BULK_SIZE);
  files_say (b.files, SK_FILE_OFFER, 1, offer_body, sizeof offer_body - 1);
  host_expect_nothing_but (&b.guest.host, SK_FILE_OFFER, 1);
  files_give_span (b.files, 1, 0, SK_BULK_BLOCK, b.file);
  bulk_hear (&b, 0, &place);
  g_assert_cmpuint (place, ==, 0);
  files_give_span (b.files, 1, 1, SK_BULK_BLOCK, b.file);
  g_assert_cmpint (files_hear (b.files, &id), ==, SK_FILES_SPAN_DONE);
  g_assert_cmpint (files_hear (b.files, &id), ==, SK_FILES_SPAN_DONE);
  guest_ping (&b.guest, 2);
  bulk_clear (&b);
}

/* A host of before, and one of after. */
static void
test_agent_versions (void)
{
  static const struct
  {
    guint lowest, highest, agreed;
  } rows[] = { { 1, 1, 1 }, { 1, 2, 2 }, { 2, 2, 2 }, { 2, 9, 2 }, { 3, 9, 0 }, { 0, 0, 0 } };
  Guest guest;
  guest_init (&guest);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const SkMessage hello = { .type = SK_AGENT_HELLO, .n = { rows[i].lowest, rows[i].highest, 1000 + i } };
      g_auto (SkMessage) ack = { 0 };
      guest_ask (&guest, &hello);
      guest_hear (&guest, SK_AGENT_HELLO_ACK, &ack);
      g_assert_cmpuint (ack.n[0], ==, rows[i].agreed);
    }
  guest_clear (&guest);
}

/* Nothing but a regular file is waited for. */
static void
test_agent_files_span_pipe (void)
{
  Guest guest;
  int ends[2];
  char byte;
  guest_init (&guest);
  guest_hello (&guest);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  sk_autofd int files = files_connect (&guest);
  files_sync (files);
  files_give_span (files, 1, 0, 10, ends[0]);
  WAIT_UNTIL (recv (files, &byte, 1, MSG_DONTWAIT) == 0 || (g_main_context_iteration (NULL, FALSE), FALSE));
  guest_ping (&guest, 1);
  close (ends[0]);
  close (ends[1]);
  guest_clear (&guest);
}

/* ---- probes ---- */

static void
test_probe_loopback (void)
{
  guint16 port = 0;
  sk_autofd int listener = server_listen (&port);
  g_autofree char *connected = NULL;
  g_autofree char *refused = NULL;
  g_autofree char *udp = NULL;
  g_autofree char *echo = NULL;
  g_assert_cmpint (sk_probe_run (SK_PROBE_TCP, "127.0.0.1", port, 2000, &connected), ==, SK_PROBE_REACHABLE);
  g_assert_cmpstr (connected, ==, "connected");
  g_assert_cmpint (sk_probe_run (SK_PROBE_TCP, "127.0.0.1", free_port (), 2000, &refused), ==,
                   SK_PROBE_REACHABLE);
  g_assert_cmpstr (refused, ==, "refused");
  g_assert_cmpint (sk_probe_run (SK_PROBE_UDP, "127.0.0.1", free_port (), 2000, &udp), ==,
                   SK_PROBE_REACHABLE);
  g_assert_cmpstr (udp, ==, "refused");
  if (geteuid () == 0)
    {
      g_assert_cmpint (sk_probe_run (SK_PROBE_ICMP, "127.0.0.1", 0, 2000, &echo), ==, SK_PROBE_REACHABLE);
      g_assert_cmpstr (echo, ==, "echo reply");
    }
}

static void
test_probe_refused_input (void)
{
  static const struct
  {
    SkProbe kind;
    const char *address;
  } rows[] = { { SK_PROBE_TCP, "" },          { SK_PROBE_TCP, "example.jp" }, { SK_PROBE_UDP, "127.0.0.1.5" },
               { SK_PROBE_IPV6, "10.0.0.1" }, { SK_PROBE_ARP, "::1" },        { (SkProbe) 77, "127.0.0.1" },
               { SK_PROBE_ICMP, "1::2::3" } };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *detail = NULL;
      g_assert_cmpint (sk_probe_run (rows[i].kind, rows[i].address, 1, 10, &detail), ==, SK_PROBE_FAILED);
      g_assert_nonnull (detail);
    }
}

static void
test_probe_limit (void)
{
  Guest guest;
  guest_init (&guest);
  guest_hello (&guest);
  /* A listener that never answers a datagram: each of these takes its whole time. */
  sk_autofd int silent = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  g_assert_no_errno (bind (silent, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (getsockname (silent, (struct sockaddr *) &address, &length));
  for (guint32 i = 0; i < SK_PROBES_MAX + 1; i++)
    {
      SkMessage probe = { .type = SK_AGENT_PROBE,
                          .id = i,
                          .n = { SK_PROBE_UDP, ntohs (address.sin_port), 500 },
                          .s = { (char *) "127.0.0.1" } };
      guest_ask (&guest, &probe);
    }
  g_auto (SkMessage) first = { 0 };
  guest_hear (&guest, SK_AGENT_RESULT, &first);
  g_assert_cmpint (first.id, ==, SK_PROBES_MAX);
  g_assert_cmpint (first.n[0], ==, SK_PROBE_FAILED);
  for (guint i = 0; i < SK_PROBES_MAX; i++)
    {
      g_auto (SkMessage) answer = { 0 };
      guest_hear (&guest, SK_AGENT_RESULT, &answer);
      g_assert_cmpint (answer.n[0], ==, SK_PROBE_UNREACHABLE);
    }
  guest_clear (&guest);
}

/* ---- small functions ---- */

static void
test_urls (void)
{
  static const char *const good[]
      = { "http://example.jp", "https://example.jp/",  "HTTPS://Example.JP:8443/a/b?c=d#e",
          "http://[::1]:80/",  "https://日本語.jp/道", "http://10.0.0.1/a|b" };
  static const char *const bad[] = { "",
                                     "example.jp",
                                     "ftp://example.jp/",
                                     "file:///etc/passwd",
                                     "javascript:alert(1)",
                                     "chrome://settings",
                                     "http:",
                                     "http://",
                                     "http:///path",
                                     "https://a b/",
                                     "https://a\\b/",
                                     "https://a/\"x",
                                     "https://a/<x>",
                                     "https://a/\n",
                                     " https://a/",
                                     "--proxy-server=x",
                                     "https://a/\xff" };
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (sk_url_is_acceptable (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    if (sk_url_is_acceptable (bad[i]))
      g_error ("accepted: %s", bad[i]);
  g_autofree char *path = g_strnfill (SK_URL_MAX, 'a');
  g_autofree char *url = g_strconcat ("https://a/", path, NULL);
  g_assert_false (sk_url_is_acceptable (url));
}

static void
test_listens (void)
{
  g_assert_true (sk_listens_in (listening, 3389));
  g_assert_false (sk_listens_in (listening, 3390));
  g_assert_false (sk_listens_in ("   0: 0100007F:0D3D 00000000:0000 01 0\n", 3389)); /* established */
  g_assert_false (sk_listens_in ("   0: 0200000A:0D3D 00000000:0000 0A 0\n", 3389)); /* not the loopback */
  g_assert_false (sk_listens_in ("", 3389));
  g_assert_false (sk_listens_in ("nonsense\n\n:::\n", 3389));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/relay/reset-first", test_relay_reset_first);
  g_test_add_func ("/relay/both-ways", test_relay_both_ways);
  g_test_add_func ("/relay/no-server-yet", test_relay_no_server_yet);
  g_test_add_func ("/relay/server-closes", test_relay_server_closes);
  g_test_add_func ("/relay/host-closes", test_relay_host_closes);
  g_test_add_func ("/relay/host-leaves", test_relay_host_leaves);
  g_test_add_func ("/relay/much", test_relay_much);
  g_test_add_func ("/relay/host-does-not-read", test_relay_host_does_not_read);
  g_test_add_func ("/relay/server-does-not-read", test_relay_server_does_not_read);
  g_test_add_func ("/relay/torn-frame", test_relay_torn_frame);
  g_test_add_func ("/relay/bad-headers", test_relay_bad_headers);
  g_test_add_func ("/relay/flood", test_relay_flood);
  g_test_add_func ("/agent/hello", test_agent_hello);
  g_test_add_func ("/agent/malformed", test_agent_malformed);
  g_test_add_func ("/agent/ready", test_agent_ready);
  g_test_add_func ("/agent/open-url", test_agent_open_url);
  g_test_add_func ("/agent/session-garbage", test_agent_session_garbage);
  g_test_add_func ("/agent/scale", test_agent_scale);
  g_test_add_func ("/agent/time", test_agent_time);
  g_test_add_func ("/agent/shutdown", test_agent_shutdown);
  g_test_add_func ("/agent/inventory", test_agent_inventory);
  g_test_add_func ("/agent/files/relay", test_agent_files);
  g_test_add_func ("/agent/files/new-host", test_agent_files_new_host);
  g_test_add_func ("/agent/files/garbage", test_agent_files_garbage);
  g_test_add_func ("/agent/files/span", test_agent_files_span);
  g_test_add_func ("/agent/files/span-pipe", test_agent_files_span_pipe);
  g_test_add_func ("/agent/bulk", test_agent_bulk);
  g_test_add_func ("/agent/bulk/not", test_agent_no_bulk);
  g_test_add_func ("/agent/bulk/again", test_agent_bulk_again);
  g_test_add_func ("/agent/versions", test_agent_versions);
  g_test_add_func ("/probe/loopback", test_probe_loopback);
  g_test_add_func ("/probe/refused-input", test_probe_refused_input);
  g_test_add_func ("/probe/limit", test_probe_limit);
  g_test_add_func ("/url", test_urls);
  g_test_add_func ("/listens", test_listens);
  return g_test_run ();
}
