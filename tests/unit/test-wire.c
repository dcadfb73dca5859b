#include "common/error.h"
#include "common/fd.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include "wire/control.h"
#include <string.h>
#include <sys/socket.h>

static void
test_reader_bounds (void)
{
  const guint8 bytes[] = { 1, 2, 3 };
  SkReader r = sk_reader (bytes, sizeof bytes);
  g_assert_cmpuint (sk_reader_u16 (&r), ==, 0x0201);
  g_assert_cmpuint (sk_reader_u32 (&r), ==, 0);
  g_assert_true (r.failed);
  g_assert_cmpuint (sk_reader_u8 (&r), ==, 0); /* stays failed although a byte is left */
  g_assert_false (sk_reader_finish (&r));
  r = sk_reader (bytes, sizeof bytes);
  sk_reader_u16 (&r);
  g_assert_false (sk_reader_finish (&r)); /* trailing byte */
}

static void
test_strings_are_clean (void)
{
  static const struct
  {
    const char *text;
    gsize length;
    gboolean clean;
  } rows[] = {
    { "日本語 text", 14, TRUE }, { "a\nb", 3, FALSE }, { "a\0b", 3, FALSE },         { "\xff", 1, FALSE },
    { "\xc2\x85", 2, FALSE },    { "\x7f", 1, FALSE }, { "\xed\xa0\x80", 3, FALSE }, { "", 0, TRUE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (sk_text_is_clean (rows[i].text, rows[i].length), ==, rows[i].clean);
}

static void
test_frame_round_trip_in_pieces (void)
{
  g_autoptr (GByteArray) stream = g_byte_array_new ();
  g_autofree guint8 *big = g_malloc0 (SK_FRAME_BODY_MAX);
  sk_frame_append (stream, 6, 7, "hello", 5);
  sk_frame_append (stream, 8, 9, NULL, 0);
  sk_frame_append (stream, 6, 1, big, SK_FRAME_BODY_MAX);
  for (gsize step = 1; step < 70000; step = step * 3 + 1)
    {
      SkFrameBuffer b;
      SkFrame frame;
      gsize offset = 0, frames = 0, bytes = 0;
      sk_frame_buffer_init (&b);
      while (offset < stream->len)
        {
          gsize room;
          guint8 *space = sk_frame_buffer_space (&b, &room);
          gsize n = MIN (MIN (room, step), stream->len - offset);
          g_assert_cmpuint (n, >, 0);
          memcpy (space, stream->data + offset, n);
          sk_frame_buffer_commit (&b, n);
          offset += n;
          while (sk_frame_buffer_next (&b, &frame, NULL) == 1)
            {
              frames++;
              bytes += frame.length;
            }
        }
      g_assert_cmpuint (frames, ==, 3);
      g_assert_cmpuint (bytes, ==, 5 + SK_FRAME_BODY_MAX);
      sk_frame_buffer_clear (&b);
    }
}

static void
test_frame_garbage (void)
{
  g_autoptr (GError) error = NULL;
  SkFrame frame;
  guint8 header[SK_FRAME_HEADER];
  g_assert_cmpint (sk_frame_parse ((const guint8 *) "GET /", 5, &frame, &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  g_clear_error (&error);
  sk_frame_header (header, 2, 0, 0);
  header[14] = 2; /* length 131072 */
  g_assert_cmpint (sk_frame_parse (header, sizeof header, &frame, &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  g_clear_error (&error);
  sk_frame_header (header, 2, 0, 0);
  header[6] = 1; /* reserved */
  g_assert_cmpint (sk_frame_parse (header, sizeof header, &frame, &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
}

/* After a reconnect the tail of an old frame, with false starts in it, is skipped up to the first whole
 * frame. */
static void
test_frame_seek (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) stream = g_byte_array_new ();
  g_byte_array_append (
      stream, (const guint8 *) "tail SKG tail SKG1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffS", 31);
  sk_frame_append (stream, 3, 5, "x", 1);
  SkFrameBuffer b;
  SkFrame frame;
  gsize room;
  sk_frame_buffer_init (&b);
  sk_frame_buffer_reset (&b);
  memcpy (sk_frame_buffer_space (&b, &room), stream->data, stream->len);
  sk_frame_buffer_commit (&b, stream->len);
  g_assert_cmpint (sk_frame_buffer_next (&b, &frame, &error), ==, 1);
  g_assert_cmpuint (frame.id, ==, 5);
  g_assert_false (b.seeking);
  memcpy (sk_frame_buffer_space (&b, &room), "oops", 4);
  sk_frame_buffer_commit (&b, 4);
  g_assert_cmpint (sk_frame_buffer_next (&b, &frame, &error), ==, -1); /* no longer seeking */
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  sk_frame_buffer_clear (&b);
}

static void
check_table (const SkMessageSpec *table, guint64 numbers)
{
  for (; table->type; table++)
    {
      guint n = 0, s = 0;
      g_assert_cmpint (table->type % 2 == 0, ==, table->direction == SK_FROM_HOST);
      for (const char *f = table->format; *f; f++)
        {
          g_assert_nonnull (strchr ("yqutslb", *f));
          n += strchr ("yqut", *f) != NULL;
          s += *f == 's';
          g_assert_true (!strchr ("lb", *f) || f[1] == '\0');
        }
      g_assert_cmpuint (n, <=, SK_MESSAGE_NUMBERS);
      g_assert_cmpuint (s, <=, SK_MESSAGE_STRINGS);
      g_assert_true (s == 0 || table->string_max > 0);
      g_assert_cmpuint (table->n_fds, <=, SK_PACKET_FDS_MAX);
    }
}

static void
test_tables (void)
{
  check_table (sk_agent_messages, 0);
  check_table (sk_control_screen_messages, 0);
  check_table (sk_control_view_messages, 0);
}

static gboolean
decode_agent (guint16 type, const void *body, gsize length, GError **error)
{
  g_auto (SkMessage) m = { 0 };
  return sk_message_decode (sk_agent_messages, SK_FROM_PEER, type, 0, body, length, &m, error);
}

/* The rest of the body, borrowed: also none of it. */
static void
test_bytes (void)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  const SkMessage out = { .type = SK_FILE_DATA,
                          .n = { 9999, SK_FILE_BYTES_MAX },
                          .bytes = (const guint8 *) "\0bytes\377",
                          .bytes_length = 7 };
  g_auto (SkMessage) in = { 0 };
  g_assert_true (sk_message_encode (sk_agent_messages, &out, body, NULL));
  g_assert_cmpuint (body->len, ==, 12 + 7);
  g_assert_true (
      sk_message_decode (sk_agent_messages, SK_FROM_PEER, SK_FILE_DATA, 1, body->data, body->len, &in, NULL));
  g_assert_cmpuint (in.n[1], ==, SK_FILE_BYTES_MAX);
  g_assert_cmpmem (in.bytes, in.bytes_length, out.bytes, out.bytes_length);
  g_assert_true (in.bytes == body->data + 12);
  sk_message_clear (&in);
  g_assert_true (
      sk_message_decode (sk_agent_messages, SK_FROM_PEER, SK_FILE_DATA, 1, body->data, 12, &in, NULL));
  g_assert_cmpuint (in.bytes_length, ==, 0);
  g_assert_false (
      sk_message_decode (sk_agent_messages, SK_FROM_PEER, SK_FILE_DATA, 1, body->data, 11, &in, NULL));
}

static void
test_file_words (void)
{
  g_autofree char *longest = g_strnfill (SK_FILE_ID_MAX, 'a');
  g_autofree char *longer = g_strnfill (SK_FILE_ID_MAX + 1, 'a');
  g_assert_true (sk_file_kind_is_known ("print"));
  g_assert_false (sk_file_kind_is_known ("clipboard"));
  g_assert_false (sk_file_kind_is_known (""));
  g_assert_true (sk_file_is_hex ("0123456789abcdef", 16));
  g_assert_false (sk_file_is_hex ("0123456789ABCDEF", 16));
  g_assert_false (sk_file_is_hex ("0123456789abcde", 16));
  g_assert_true (sk_file_is_id ("a-1"));
  g_assert_true (sk_file_is_id (longest));
  g_assert_false (sk_file_is_id (longer));
  g_assert_false (sk_file_is_id (""));
  g_assert_false (sk_file_is_id ("../a"));
  for (const SkMessageSpec *spec = sk_agent_messages; spec->type; spec++)
    g_assert_cmpint (sk_file_is_message (spec->type), ==, spec->type >= 20);
  /* A DATA frame of the largest size is one write of virtio-serial. */
  g_assert_cmpuint (SK_FRAME_HEADER + 12 + SK_FILE_DATA_MAX, ==, 32768);
}

static void
test_decode_refuses (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (
      decode_agent (SK_AGENT_HELLO, "\1\0\1\0\0\0\0\0\0\0\0\0", 12, &error)); /* wrong direction */
  g_clear_error (&error);
  g_assert_false (decode_agent (SK_AGENT_PONG, "1234567", 7, &error)); /* short */
  g_clear_error (&error);
  g_assert_false (decode_agent (SK_AGENT_PONG, "123456789", 9, &error)); /* long */
  g_clear_error (&error);
  g_assert_false (decode_agent (SK_AGENT_RESULT, "\1\4\0a\nbc", 7, &error)); /* control character */
  g_clear_error (&error);
  g_assert_false (decode_agent (SK_AGENT_INVENTORY_LIST, "\377\377", 2, &error)); /* lying count */
  g_clear_error (&error);
  g_assert_false (decode_agent (999, "", 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_true (decode_agent (SK_AGENT_RESULT, "\1\2\0ok", 5, &error));
}

static void
test_encode_limits (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *long_url = g_strnfill (SK_URL_MAX + 1, 'a');
  SkMessage m = { .type = SK_AGENT_OPEN_URL, .s = { long_url } };
  g_assert_false (sk_message_encode (sk_agent_messages, &m, out, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  g_clear_error (&error);
  m.s[0] = (char *) "http://a/\r\nb";
  g_assert_false (sk_message_encode (sk_agent_messages, &m, out, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
}

static void
test_packets_and_permits (void)
{
  g_autoptr (GError) error = NULL;
  int pair[2], fds[SK_PACKET_FDS_MAX];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
  SkMessage out = { .type = SK_CONTROL_HELLO, .n = { 1, 2, 0 }, .s = { (char *) "view", (char *) "ab" } };
  g_assert_true (sk_packet_send (pair[0], sk_control_view_messages, &out, NULL, &error));
  g_auto (SkMessage) in = { 0 };
  g_assert_cmpint (sk_packet_receive (pair[1], sk_control_view_messages, SK_FROM_PEER, &in, fds, &error), ==,
                   1);
  g_assert_cmpstr (in.s[0], ==, "view");
  g_assert_cmpuint (in.n[1], ==, 2);

  SkPermit permit = { 0 };
  g_assert_false (sk_permit_check (&permit, sk_control_view_messages, &in, SK_WORKER_BUSY, &error));
  g_clear_error (&error);
  g_assert_true (sk_permit_check (&permit, sk_control_view_messages, &in, SK_WORKER_FRESH, &error));
  g_assert_false (sk_permit_check (&permit, sk_control_view_messages, &in, SK_WORKER_FRESH, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  g_clear_error (&error);

  /* A message that should carry a descriptor comes without: refused. */
  const guint8 memory[] = { SK_SCREEN_MEMORY, 0, 0, 0, 0, 0, 0, 0 };
  g_auto (SkMessage) bad = { 0 };
  g_assert_false (
      sk_packet_decode (sk_control_screen_messages, SK_FROM_PEER, memory, sizeof memory, 0, &bad, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  close (pair[0]);
  close (pair[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/reader", test_reader_bounds);
  g_test_add_func ("/wire/clean", test_strings_are_clean);
  g_test_add_func ("/wire/frame/pieces", test_frame_round_trip_in_pieces);
  g_test_add_func ("/wire/frame/garbage", test_frame_garbage);
  g_test_add_func ("/wire/frame/seek", test_frame_seek);
  g_test_add_func ("/wire/tables", test_tables);
  g_test_add_func ("/wire/decode", test_decode_refuses);
  g_test_add_func ("/wire/bytes", test_bytes);
  g_test_add_func ("/wire/file-words", test_file_words);
  g_test_add_func ("/wire/encode", test_encode_limits);
  g_test_add_func ("/wire/packets", test_packets_and_permits);
  return g_test_run ();
}
