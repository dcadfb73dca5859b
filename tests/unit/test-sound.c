/* The sound channel: both sides speak to each other, and nothing that a hostile one says does more than that
 * it is not heard. */
#include "wire/alaw.h"
#include "wire/buf.h"
#include "wire/sound.h"
#include <string.h>

#define FIRST_LAST (SK_SOUND_CHUNK_FIRST | SK_SOUND_CHUNK_LAST)
#define SECOND G_USEC_PER_SEC

typedef struct
{
  SkSoundClient client;
  SkSoundServer server;
  GPtrArray *sent; /* by the client */
  GArray *played;  /* of gint16 */
  gint64 now;
} Fixture;

static void
on_send (const guint8 *message, gsize length, gpointer data)
{
  Fixture *f = data;
  g_ptr_array_add (f->sent, g_bytes_new (message, length));
}

static void
on_play (const gint16 *samples, guint frames, gpointer data)
{
  Fixture *f = data;
  g_assert_true ((gsize) samples % sizeof *samples == 0);
  g_array_append_vals (f->played, samples, frames * 2);
}

static const SkSoundClientClass klass = { FALSE, on_send, on_play }, with_alaw = { TRUE, on_send, on_play };

static void
set_up (Fixture *f, gconstpointer data)
{
  f->sent = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  f->played = g_array_new (FALSE, FALSE, sizeof (gint16));
  f->now = SECOND;
  sk_sound_client_init (&f->client, &klass, f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_ptr_array_unref (f->sent);
  g_array_unref (f->played);
}

static gboolean
tell_client (Fixture *f, const GByteArray *message)
{
  return sk_sound_client_take (&f->client, message->data, message->len, FIRST_LAST, f->now);
}

/* What the client said so far, to the server. */
static void
tell_server (Fixture *f)
{
  for (guint i = 0; i < f->sent->len; i++)
    {
      gsize n;
      const guint8 *bytes = g_bytes_get_data (f->sent->pdata[i], &n);
      g_assert_true (sk_sound_server_take (&f->server, bytes, n, FIRST_LAST));
    }
  g_ptr_array_set_size (f->sent, 0);
}

static void
agree (Fixture *f)
{
  g_autoptr (GByteArray) hello = g_byte_array_new ();
  sk_sound_server_hello (&f->server, hello);
  g_assert_false (sk_sound_server_may_send (&f->server, f->now));
  g_assert_true (tell_client (f, hello));
  g_assert_cmpuint (f->sent->len, ==, 2); /* formats and quality */
  tell_server (f);
  g_assert_true (sk_sound_server_may_send (&f->server, f->now));
}

static void
send_wave (Fixture *f, guint frames)
{
  g_autoptr (GByteArray) wave = g_byte_array_new ();
  g_autofree gint16 *samples = g_new (gint16, frames * 2);
  gsize second;
  for (guint i = 0; i < frames * 2; i++)
    samples[i] = (gint16) (i * 7 + 1);
  sk_sound_server_wave (&f->server, samples, frames, f->now, wave, &second);
  const gsize first = second ? second : wave->len;
  g_assert_true (sk_sound_client_take (&f->client, wave->data, first, FIRST_LAST, f->now));
  if (second)
    g_assert_true (
        sk_sound_client_take (&f->client, wave->data + second, wave->len - second, FIRST_LAST, f->now));
}

static void
test_conversation (Fixture *f, gconstpointer old_client)
{
  agree (f);
  if (old_client)
    f->server.wave2 = FALSE; /* what an old client's version does */
  send_wave (f, 1000);
  g_assert_cmpuint (f->played->len, ==, 2000);
  for (guint i = 0; i < 2000; i++)
    g_assert_cmpint (g_array_index (f->played, gint16, i), ==, (gint16) (i * 7 + 1));
  g_assert_cmpuint (f->sent->len, ==, 1);
  g_assert_cmpuint (f->server.confirmed, ==, 0);
  tell_server (f);
  g_assert_cmpuint (f->server.confirmed, ==, 1000);
}

/* In pieces of 1600 bytes, as static channels carry them. */
static void
test_chunks (Fixture *f, gconstpointer data)
{
  agree (f);
  g_autoptr (GByteArray) wave = g_byte_array_new ();
  static const gint16 samples[SK_SOUND_WAVE_FRAMES][2] = { { 1, 2 } };
  gsize second;
  sk_sound_server_wave (&f->server, samples[0], SK_SOUND_WAVE_FRAMES, f->now, wave, &second);
  for (gsize at = 0; at < wave->len; at += 1600)
    {
      const gsize n = MIN (1600, wave->len - at);
      const guint32 flags
          = (at == 0 ? SK_SOUND_CHUNK_FIRST : 0) | (at + n == wave->len ? SK_SOUND_CHUNK_LAST : 0);
      g_assert_true (sk_sound_client_take (&f->client, wave->data + at, n, flags, f->now));
    }
  g_assert_cmpuint (f->played->len, ==, SK_SOUND_WAVE_FRAMES * 2);
}

/* xrdp 0.9's list: PCM at two rates and others; ours is taken whatever its place is. */
static GByteArray *
format_list (guint16 n, guint ours_at, guint16 extra)
{
  GByteArray *out = g_byte_array_new ();
  static const guint8 zeros[64];
  g_assert_true (extra <= sizeof zeros);
  sk_write_u8 (out, 7);
  sk_write_u8 (out, 0);
  sk_write_u16 (out, 0); /* below */
  g_byte_array_append (out, zeros, 14);
  sk_write_u16 (out, n);
  sk_write_u8 (out, 0);
  sk_write_u16 (out, 5);
  sk_write_u8 (out, 0);
  for (guint i = 0; i < n; i++)
    {
      sk_write_u16 (out, 1);
      sk_write_u16 (out, 2);
      sk_write_u32 (out, i == ours_at ? SK_SOUND_RATE : 22050);
      sk_write_u32 (out, 0);
      sk_write_u16 (out, 4);
      sk_write_u16 (out, 16);
      sk_write_u16 (out, extra);
      g_byte_array_append (out, zeros, extra);
    }
  const guint16 body = GUINT16_TO_LE ((guint16) (out->len - 4));
  memcpy (out->data + 2, &body, 2);
  return out;
}

static void
test_formats (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) last = format_list (3, 2, 12), none = format_list (3, 99, 0),
                         most = format_list (SK_SOUND_FORMATS_MAX, 5, 0),
                         more = format_list (SK_SOUND_FORMATS_MAX + 1, 5, 0);
  g_assert_true (tell_client (f, last));
  g_assert_true (f->client.agreed);
  g_assert_cmpuint (f->sent->len, ==, 1); /* an old server is not told of quality */
  g_assert_true (tell_client (f, none));
  g_assert_false (f->client.agreed);
  g_assert_cmpuint (f->sent->len, ==, 1); /* no answer, no sound */
  g_assert_true (tell_client (f, most));
  g_assert_false (tell_client (f, more));
  g_assert_false (f->client.agreed);
  /* the client's list in the server: the number is that of the client's list */
  g_assert_true (sk_sound_server_take (&f->server, last->data, last->len, FIRST_LAST));
  g_assert_cmpuint (f->server.format, ==, 2);
  g_assert_false (f->server.wave2);
}

/* Every list that ends too early, and lengths that lie. */
static void
test_hostile_formats (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) list = format_list (3, 2, 12);
  for (guint n = 0; n < list->len; n++)
    {
      g_autofree guint8 *part = g_memdup2 (list->data, MAX (n, 1)); /* sanitizers see the end */
      const guint16 body = GUINT16_TO_LE ((guint16) (n - 4));
      if (n >= 4)
        memcpy (part + 2, &body, 2);
      g_assert_false (sk_sound_client_take (&f->client, part, n, FIRST_LAST, f->now));
      g_assert_false (sk_sound_server_take (&f->server, part, n, FIRST_LAST));
    }
  list->data[2]++;
  g_assert_false (tell_client (f, list));
  g_assert_false (f->client.agreed || f->server.agreed);
  list->data[2]--;
  memset (list->data + 4 + 20 + 16, 0xff, 2); /* 65535 bytes belong to the first format */
  g_assert_false (tell_client (f, list));
}

static void
write_wave_info (GByteArray *out, guint16 body, guint16 format)
{
  sk_write_u8 (out, 2);
  sk_write_u8 (out, 0);
  sk_write_u16 (out, body);
  sk_write_u16 (out, 0);
  sk_write_u16 (out, format);
  sk_write_u32 (out, 1);
  sk_write_u32 (out, 0x01010101);
}

static void
test_hostile_waves (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) info = g_byte_array_new (), other = g_byte_array_new (), tiny = g_byte_array_new (),
                         wave = g_byte_array_new ();
  write_wave_info (info, 8 + 400, 0);
  write_wave_info (other, 8 + 400, 1);
  write_wave_info (tiny, 8 + 3, 0);
  g_byte_array_set_size (wave, 400);
  memset (wave->data, 3, wave->len);
  g_assert_false (tell_client (f, info)); /* before formats */
  agree (f);
  g_assert_false (tell_client (f, other)); /* a format that is not in our list */
  g_assert_false (tell_client (f, tiny));
  g_assert_true (tell_client (f, info));
  g_byte_array_set_size (wave, 399);
  g_assert_false (tell_client (f, wave)); /* not what was announced */
  g_assert_cmpuint (f->played->len, ==, 0);
  g_byte_array_set_size (wave, 400);
  g_assert_true (tell_client (f, info));
  g_assert_true (tell_client (f, wave));
  g_assert_cmpuint (f->played->len, ==, 200);
  g_assert_cmpint (g_array_index (f->played, gint16, 0), ==, 0x0101);
}

/* A message that never ends, one that begins in the middle, one of the largest size and one more. */
static void
test_join (void)
{
  g_autofree SkSoundJoin *j = g_new0 (SkSoundJoin, 1);
  static const guint8 chunk[1600] = { 7 };
  g_assert_false (sk_sound_join (j, chunk, sizeof chunk, SK_SOUND_CHUNK_LAST));
  g_assert_false (sk_sound_join (j, chunk, sizeof chunk, SK_SOUND_CHUNK_FIRST));
  for (guint i = 0; i < 1000; i++)
    {
      g_assert_false (sk_sound_join (j, chunk, sizeof chunk, 0));
      g_assert_cmpuint (j->length, <=, SK_SOUND_MESSAGE_MAX);
    }
  g_assert_false (sk_sound_join (j, chunk, 1, SK_SOUND_CHUNK_LAST)); /* was given up */
  g_autofree guint8 *large = g_malloc0 (SK_SOUND_MESSAGE_MAX + 1);
  g_assert_true (sk_sound_join (j, large, SK_SOUND_MESSAGE_MAX, FIRST_LAST));
  g_assert_cmpuint (j->length, ==, SK_SOUND_MESSAGE_MAX);
  g_assert_false (sk_sound_join (j, large, SK_SOUND_MESSAGE_MAX + 1, FIRST_LAST));
  g_assert_true (sk_sound_join (j, chunk, 0, FIRST_LAST));
  g_assert_cmpuint (j->length, ==, 0);
}

/* Ten seconds of sound in one: a burst and what time allows. */
static void
test_flood (Fixture *f, gconstpointer data)
{
  agree (f);
  for (guint i = 0; i < 100; i++)
    {
      send_wave (f, SK_SOUND_WAVE_FRAMES);
      f->now += SECOND / 100;
    }
  g_assert_cmpuint (f->played->len / 2, <=, SK_SOUND_PACE_BURST + SK_SOUND_PACE_RATE);
  g_assert_cmpuint (f->played->len / 2, >=, SK_SOUND_RATE);
}

static void
test_pace (void)
{
  SkSoundPace p = { 0 };
  gint64 now = SECOND;
  /* real time never is limited, whatever the pieces are */
  for (guint i = 0; i < 10000; i++)
    {
      now += 10000;
      g_assert_cmpuint (sk_sound_pace (&p, 441, now), ==, 441);
    }
  g_assert_cmpuint (sk_sound_pace (&p, G_MAXUINT, now), <=, SK_SOUND_PACE_BURST);
  g_assert_cmpuint (sk_sound_pace (&p, 1, now), ==, 0);
  g_assert_cmpuint (sk_sound_pace (&p, 1, now - SECOND), ==, 0); /* a clock that goes back gives nothing */
  g_assert_cmpuint (sk_sound_pace (&p, G_MAXUINT, G_MAXINT64), ==, SK_SOUND_PACE_BURST);
}

/* A client that confirms nothing holds sound back, and is asked again a second later. */
static void
test_ahead (Fixture *f, gconstpointer data)
{
  agree (f);
  guint sent = 0;
  while (sk_sound_server_may_send (&f->server, f->now))
    {
      send_wave (f, 2048);
      sent += 2048;
      g_assert_cmpuint (sent, <, SK_SOUND_AHEAD_MAX + SK_SOUND_HOLD_MAX_MS * SK_SOUND_RATE / 1000 + 2048);
    }
  f->now += SK_SOUND_FORGIVE_US - 1;
  g_assert_false (sk_sound_server_may_send (&f->server, f->now));
  f->now += 1;
  g_assert_true (sk_sound_server_may_send (&f->server, f->now));
  /* late confirmations are no credit, but who is late does confirm */
  g_assert_false (f->server.confirms);
  tell_server (f);
  g_assert_true (f->server.confirms);
  g_assert_cmpuint (f->server.confirmed, ==, f->server.sent);
  send_wave (f, 2048);
  tell_server (f);
  /* who did confirm is not forgiven when it stops: it is not there, and shall not hear it all when it is back
   */
  while (sk_sound_server_may_send (&f->server, f->now))
    send_wave (f, 2048);
  f->now += 60 * SECOND;
  g_assert_false (sk_sound_server_may_send (&f->server, f->now));
  tell_server (f);
  g_assert_true (sk_sound_server_may_send (&f->server, f->now));
}

static void
confirm_block (Fixture *f, guint8 block)
{
  const guint8 message[] = { 5, 0, 4, 0, 0, 0, block, 0 };
  g_assert_true (sk_sound_server_take (&f->server, message, sizeof message, FIRST_LAST));
}

/* Every byte comes back as it was (but for the two zeros), and every sample within a step of its magnitude.
 */
static void
test_alaw (void)
{
  for (guint i = 0; i < 256; i++)
    {
      guint8 buffer[2] __attribute__ ((aligned (2))) = { (guint8) i, 0 }, again;
      gint16 sample;
      sk_alaw_decode_in_place (buffer, 1);
      memcpy (&sample, buffer, sizeof sample);
      sk_alaw_encode (&sample, 1, &again);
      g_assert_cmphex (again, ==, i);
    }
  for (int i = G_MININT16; i <= G_MAXINT16; i++)
    {
      const gint16 sample = (gint16) i;
      guint8 buffer[2] __attribute__ ((aligned (2)));
      gint16 back;
      sk_alaw_encode (&sample, 1, buffer);
      sk_alaw_decode_in_place (buffer, 1);
      memcpy (&back, buffer, sizeof back);
      g_assert_cmpint (ABS (back - sample), <=, MAX (16, ABS (i) / 31 + 1));
    }
}

/* A line that is full gets half as much for a minute, if the client has A-law. */
static void
test_slow_line (Fixture *f, gconstpointer old_client)
{
  f->client.klass = &with_alaw;
  agree (f);
  g_assert_cmpint (f->server.alaw, ==, 1);
  if (old_client)
    f->server.wave2 = FALSE;
  send_wave (f, 1000);
  g_assert_cmpint (g_array_index (f->played, gint16, 3), ==, 22); /* exact */
  sk_sound_server_is_slow (&f->server, f->now);
  send_wave (f, 1);
  g_array_set_size (f->played, 0);
  send_wave (f, 1000);
  g_assert_cmpuint (f->played->len, ==, 2000);
  for (guint i = 0; i < 2000; i++)
    g_assert_cmpint (ABS (g_array_index (f->played, gint16, i) - (gint16) (i * 7 + 1)), <=, 512);
  g_assert_cmpint (g_array_index (f->played, gint16, 3), ==, 24);
  f->now += SK_SOUND_SLOW_US;
  g_array_set_size (f->played, 0);
  send_wave (f, 1000);
  g_assert_cmpint (g_array_index (f->played, gint16, 3), ==, 22); /* and exact again */
}

/* The guest's server is not asked for it, and what it sends unasked is refused. */
static void
test_no_alaw_from_guest (Fixture *f, gconstpointer data)
{
  agree (f);
  g_assert_cmpint (f->server.alaw, ==, -1);
  const guint8 wave[] = { 13, 0, 16, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 };
  g_assert_false (sk_sound_client_take (&f->client, wave, sizeof wave, FIRST_LAST, f->now));
  g_assert_cmpuint (f->played->len, ==, 0);
}

/* The longest message there is, all A-law: as many frames as fit. */
static void
test_longest_alaw (Fixture *f, gconstpointer data)
{
  f->client.klass = &with_alaw;
  agree (f);
  g_autofree guint8 *wave = g_malloc0 (SK_SOUND_MESSAGE_MAX);
  wave[0] = 13;
  const guint16 body = GUINT16_TO_LE (SK_SOUND_MESSAGE_MAX - 4);
  memcpy (wave + 2, &body, 2);
  wave[6] = 1;
  f->client.pace.room = G_MAXINT32;
  f->client.pace.last = f->now;
  g_assert_true (sk_sound_client_take (&f->client, wave, SK_SOUND_MESSAGE_MAX, FIRST_LAST, f->now));
  g_assert_cmpuint (f->played->len, <=, sizeof f->client.join.data / sizeof (gint16));
  g_assert_cmpuint (f->played->len, >, 0);
}

/* How far ahead the server goes when the last wave was held for so long. */
static guint
ahead_after (Fixture *f, guint16 held)
{
  send_wave (f, 64);
  g_ptr_array_set_size (f->sent, 0);
  const guint16 stamp = (guint16) (f->now / 1000 + held);
  const guint8 message[] = { 5, 0, 4, 0, (guint8) stamp, (guint8) (stamp >> 8), f->server.block, 0 };
  g_assert_true (sk_sound_server_take (&f->server, message, sizeof message, FIRST_LAST));
  guint sent = 0;
  for (; sk_sound_server_may_send (&f->server, f->now); sent += 64)
    send_wave (f, 64);
  tell_server (f);
  return sent;
}

/* Who plays first and confirms then, as it should, has its buffer on top; who lies about it gets half a
 * second. */
static void
test_held (Fixture *f, gconstpointer data)
{
  agree (f);
  f->now = 65530 * 1000; /* time stamps wrap */
  const guint none = ahead_after (f, 0), some = ahead_after (f, 200), lie = ahead_after (f, 40000);
  g_assert_cmpuint (none, <=, SK_SOUND_AHEAD_MAX + 64);
  g_assert_cmpuint (some - none, >=, SK_SOUND_RATE / 5 - 128);
  g_assert_cmpuint (some - none, <=, SK_SOUND_RATE / 5 + 128);
  g_assert_cmpuint (lie - none, <=, SK_SOUND_RATE / 2 + 128);
}

static void
test_confirmations (Fixture *f, gconstpointer data)
{
  agree (f);
  confirm_block (f, 77); /* never sent */
  g_assert_cmpuint (f->server.confirmed, ==, 0);
  for (guint i = 0; i < 3; i++)
    send_wave (f, 100);
  confirm_block (f, 2);
  g_assert_cmpuint (f->server.confirmed, ==, 200);
  confirm_block (f, 1); /* backwards */
  g_assert_cmpuint (f->server.confirmed, ==, 200);
  const guint8 longer[] = { 5, 0, 5, 0, 0, 0, 3, 0, 0 };
  g_assert_false (sk_sound_server_take (&f->server, longer, sizeof longer, FIRST_LAST));
}

static void
test_silence (void)
{
  gint16 samples[100] = { 0 };
  g_assert_true (sk_sound_is_silent (samples, 50));
  samples[99] = 1;
  g_assert_false (sk_sound_is_silent (samples, 50));
  g_assert_true (sk_sound_is_silent (samples, 49));
}

#define ADD(name, function) g_test_add ("/sound/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("conversation", test_conversation);
  g_test_add ("/sound/conversation-with-old-client", Fixture, "", set_up, test_conversation, tear_down);
  ADD ("chunks", test_chunks);
  ADD ("formats", test_formats);
  ADD ("hostile-formats", test_hostile_formats);
  ADD ("hostile-waves", test_hostile_waves);
  ADD ("flood", test_flood);
  ADD ("ahead", test_ahead);
  ADD ("slow-line", test_slow_line);
  g_test_add ("/sound/slow-line-with-old-client", Fixture, "", set_up, test_slow_line, tear_down);
  ADD ("no-alaw-from-guest", test_no_alaw_from_guest);
  ADD ("longest-alaw", test_longest_alaw);
  g_test_add_func ("/sound/alaw", test_alaw);
  ADD ("held", test_held);
  ADD ("confirmations", test_confirmations);
  g_test_add_func ("/sound/join", test_join);
  g_test_add_func ("/sound/pace", test_pace);
  g_test_add_func ("/sound/silence", test_silence);
  return g_test_run ();
}
