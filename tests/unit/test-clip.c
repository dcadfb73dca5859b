/* The clipboard's channel: two ends speak to each other, and nothing that a hostile one says does more than
 * that it is not taken. */
#include "wire/buf.h"
#include "wire/clip.h"
#include <string.h>

#define SECOND G_USEC_PER_SEC
#define WHOLE (SK_CLIP_CHUNK_FIRST | SK_CLIP_CHUNK_LAST)

typedef struct
{
  SkClip clip;
  GBytes *got[SK_CLIP_KINDS];
  guint64 sequence;
  guint offers;
} End;

typedef struct
{
  End server, client;
  gint64 now;
} Fixture;

static void
on_offer (guint64 sequence, SkClipKind kind, GBytes *content, gpointer data)
{
  End *end = data;
  g_clear_pointer (&end->got[kind], g_bytes_unref);
  end->got[kind] = g_bytes_ref (content);
  g_assert_cmpuint (sequence, >=, end->sequence);
  end->sequence = sequence;
  end->offers++;
}
static const SkClipClass klass = { on_offer };

static void
set_up (Fixture *f, gconstpointer data)
{
  f->now = SECOND;
  sk_clip_init (&f->server.clip, TRUE, &klass, &f->server);
  sk_clip_init (&f->client.clip, FALSE, &klass, &f->client);
  sk_clip_allow (&f->server.clip, TRUE, TRUE);
  sk_clip_allow (&f->client.clip, TRUE, TRUE);
  sk_clip_hello (&f->server.clip);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  End *ends[] = { &f->server, &f->client };
  for (guint i = 0; i < 2; i++)
    {
      sk_clip_clear (&ends[i]->clip);
      for (guint k = 0; k < SK_CLIP_KINDS; k++)
        g_clear_pointer (&ends[i]->got[k], g_bytes_unref);
    }
}

/* How many chunks went from one to the other. */
static guint
carry (SkClip *from, SkClip *to)
{
  SkClipChunk chunk;
  guint n = 0;
  for (; sk_clip_next_chunk (from, &chunk); n++)
    g_assert_true (sk_clip_take (to, chunk.data, chunk.size, chunk.flags, chunk.total));
  return n;
}

static void
talk (Fixture *f)
{
  guint n;
  do
    {
      f->now += SK_CLIP_FETCH_US;
      sk_clip_tick (&f->server.clip, f->now, TRUE);
      sk_clip_tick (&f->client.clip, f->now, TRUE);
      n = carry (&f->server.clip, &f->client.clip) + carry (&f->client.clip, &f->server.clip);
    }
  while (n > 0);
}

static void
set_text (SkClip *clip, guint64 sequence, const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_assert_true (sk_clip_set (clip, sequence, SK_CLIP_TEXT, bytes));
}

static void
assert_text (End *end, const char *text)
{
  g_assert_nonnull (end->got[SK_CLIP_TEXT]);
  g_assert_cmpmem (g_bytes_get_data (end->got[SK_CLIP_TEXT], NULL), g_bytes_get_size (end->got[SK_CLIP_TEXT]),
                   text, strlen (text));
}

/* A file's header and an information header, then pixels. */
static GBytes *
bmp (guint width, gint height, guint bits, guint8 seed)
{
  const guint row = (width * bits + 31) / 32 * 4, pixels = row * (guint) ABS (height);
  GByteArray *b = g_byte_array_new ();
  g_byte_array_append (b, (const guint8 *) "BM", 2);
  sk_write_u32 (b, 54 + pixels);
  sk_write_u32 (b, 0);
  sk_write_u32 (b, 54);
  sk_write_u32 (b, 40);
  sk_write_u32 (b, width);
  sk_write_u32 (b, (guint32) height);
  sk_write_u16 (b, 1);
  sk_write_u16 (b, (guint16) bits);
  for (guint i = 0; i < 6; i++)
    sk_write_u32 (b, 0);
  for (guint y = 0; y < (guint) ABS (height); y++)
    for (guint x = 0; x < row; x++)
      {
        const guint line = height < 0 ? (guint) -height - 1 - y : y, step = bits / 8;
        const guint8 value = (guint8) (seed + 7 * line + 3 * (x / step) + x % step);
        sk_write_u8 (b, x < width * step && x % step < 3 ? value : 0);
      }
  return g_byte_array_free_to_bytes (b);
}

static void
test_text (Fixture *f, gconstpointer data)
{
  set_text (&f->server.clip, 1, "いろは\nthe second line\n😀\n");
  talk (f);
  assert_text (&f->client, "いろは\nthe second line\n😀\n");
  set_text (&f->client.clip, 1, "とき");
  talk (f);
  assert_text (&f->server, "とき");
  g_assert_cmpuint (f->server.offers, ==, 1);
}

static void
test_picture (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) picture = bmp (301, 200, 24, 9);
  g_assert_true (sk_clip_set (&f->client.clip, 3, SK_CLIP_PICTURE, picture));
  talk (f);
  g_assert_true (g_bytes_equal (f->server.got[SK_CLIP_PICTURE], picture));
}

/* A spreadsheet has both; a later announcement has only what it says. */
static void
test_both (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) picture = bmp (3, 2, 24, 1);
  set_text (&f->server.clip, 1, "text");
  g_assert_true (sk_clip_set (&f->server.clip, 1, SK_CLIP_PICTURE, picture));
  talk (f);
  assert_text (&f->client, "text");
  g_assert_true (g_bytes_equal (f->client.got[SK_CLIP_PICTURE], picture));
  set_text (&f->server.clip, 2, "other");
  g_assert_null (f->server.clip.own[SK_CLIP_PICTURE]);
  talk (f);
  assert_text (&f->client, "other");
  g_assert_cmpuint (f->client.offers, ==, 3);
}

/* On the wire: UTF-16 with CR LF and a NUL; a picture without the 14 bytes that only files have. */
static void
test_wire (void)
{
  static const guint8 text[] = { 'a', 0, '\r', 0, '\n', 0, 0x44, 0x30, 0, 0 };
  g_autoptr (GBytes) utf8 = g_bytes_new_static ("a\nい", 5),
                     wire = sk_clip_to_wire (SK_CLIP_TEXT, utf8, TRUE);
  g_assert_cmpmem (g_bytes_get_data (wire, NULL), g_bytes_get_size (wire), text, sizeof text);
  g_autoptr (GBytes) picture = bmp (5, 4, 24, 2), dib = sk_clip_to_wire (SK_CLIP_PICTURE, picture, TRUE);
  g_assert_cmpmem (g_bytes_get_data (dib, NULL), g_bytes_get_size (dib),
                   (const guint8 *) g_bytes_get_data (picture, NULL) + 14, g_bytes_get_size (picture) - 14);
  g_autoptr (GBytes) deep = bmp (5, 4, 32, 2);
  g_assert_null (sk_clip_to_wire (SK_CLIP_PICTURE, deep, TRUE));
  g_assert_null (sk_clip_to_wire (SK_CLIP_PICTURE, dib, TRUE));
  g_assert_null (sk_clip_to_wire (SK_CLIP_TEXT, wire, TRUE));
}

static GBytes *
from_wire (const guint8 *bytes, gsize length)
{
  return sk_clip_from_wire (SK_CLIP_TEXT, bytes, length);
}

static void
test_bad_text (void)
{
  static const guint8 high[] = { 0x3d, 0xd8, 'a', 0, 0, 0 }, low[] = { 0, 0xdc, 0, 0 },
                      cut[] = { 0x3d, 0xd8 }, odd[] = { 'a', 0, 0 }, empty[] = { 0, 0, 'a', 0 },
                      good[] = { 'a', 0, '\r', 0, 'b', 0, '\n', 0, 0x3d, 0xd8, 0, 0xde, 0, 0, 0, 0xdc };
  g_assert_null (from_wire (high, sizeof high));
  g_assert_null (from_wire (low, sizeof low));
  g_assert_null (from_wire (cut, sizeof cut));
  g_assert_null (from_wire (odd, sizeof odd));
  g_assert_null (from_wire (empty, sizeof empty));
  g_assert_null (from_wire (NULL, 0));
  g_autoptr (GBytes) text = from_wire (good, sizeof good);
  g_assert_cmpmem (g_bytes_get_data (text, NULL), g_bytes_get_size (text), "a\nb\n😀", 8);
}

static void
test_text_limit (void)
{
  g_autofree guint8 *wire = g_malloc (2 * (SK_CLIP_TEXT_MAX + 1));
  for (gsize i = 0; i <= SK_CLIP_TEXT_MAX; i++)
    {
      wire[2 * i] = 'x';
      wire[2 * i + 1] = 0;
    }
  g_autoptr (GBytes) most = from_wire (wire, 2 * SK_CLIP_TEXT_MAX);
  g_assert_cmpuint (g_bytes_get_size (most), ==, SK_CLIP_TEXT_MAX);
  g_assert_null (from_wire (wire, 2 * (SK_CLIP_TEXT_MAX + 1)));
  g_autoptr (GBytes) again = sk_clip_to_wire (SK_CLIP_TEXT, most, TRUE);
  g_assert_nonnull (again);
}

/* Every byte of a DIB's header says something else once; only the pixels' size can be trusted, and is. */
static void
test_bad_picture (void)
{
  g_autoptr (GBytes) picture = bmp (33, 20, 24, 5), dib = sk_clip_to_wire (SK_CLIP_PICTURE, picture, TRUE);
  gsize length;
  const guint8 *good = g_bytes_get_data (dib, &length);
  for (gsize n = 0; n < length; n++)
    g_assert_null (sk_clip_from_wire (SK_CLIP_PICTURE, good, n));
  for (gsize at = 0; at < 40; at++)
    for (guint bit = 0; bit < 8; bit++)
      {
        g_autofree guint8 *bad = g_memdup2 (good, length);
        bad[at] ^= (guint8) (1u << bit);
        g_autoptr (GBytes) content = sk_clip_from_wire (SK_CLIP_PICTURE, bad, length);
        if (content)
          g_assert_cmpuint (g_bytes_get_size (content), <=, length + 14);
      }
  g_autofree guint8 *huge = g_memdup2 (good, length);
  memcpy (huge + 4, "\xff\x3f\0\0\xff\x3f\0", 8); /* 16383 x 16383 */
  g_assert_null (sk_clip_from_wire (SK_CLIP_PICTURE, huge, length));
}

/* What was set is announced back, maybe made anew with four bytes a pixel, upside down: no new content. */
static void
test_echo (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) ours = bmp (30, 20, 24, 9), again = bmp (30, -20, 32, 9), other = bmp (30, 20, 32, 8);
  g_assert_true (sk_clip_is_same (SK_CLIP_PICTURE, ours, again));
  g_assert_false (sk_clip_is_same (SK_CLIP_PICTURE, ours, other));
  set_text (&f->server.clip, 1, "echo");
  talk (f);
  set_text (&f->client.clip, 1, "echo");
  talk (f);
  g_assert_cmpuint (f->client.offers, ==, 1);
  g_assert_cmpuint (f->server.offers, ==, 0);
  set_text (&f->client.clip, 2, "no echo");
  talk (f);
  assert_text (&f->server, "no echo");
}

static void
test_not_allowed (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) text = g_bytes_new_static ("secret", 6);
  sk_clip_allow (&f->server.clip, FALSE, FALSE);
  g_assert_false (sk_clip_set (&f->server.clip, 1, SK_CLIP_TEXT, text));
  set_text (&f->client.clip, 1, "from the client");
  talk (f);
  g_assert_cmpuint (f->server.offers, ==, 0);
  g_assert_cmpuint (f->client.offers, ==, 0);
  /* the newest is fetched when it may be */
  sk_clip_allow (&f->server.clip, TRUE, FALSE);
  talk (f);
  assert_text (&f->server, "from the client");
}

static void
send (SkClip *to, guint16 type, guint16 flags, const void *body, gsize length, gboolean good)
{
  g_autoptr (GByteArray) m = g_byte_array_new ();
  sk_write_u16 (m, type);
  sk_write_u16 (m, flags);
  sk_write_u32 (m, (guint32) length);
  g_byte_array_append (m, body, (guint) length);
  g_assert_cmpint (sk_clip_take (to, m->data, m->len, WHOLE, m->len), ==, good);
}

static guint
drain (SkClip *clip, guint16 type)
{
  SkClipChunk chunk;
  guint n = 0;
  while (sk_clip_next_chunk (clip, &chunk))
    n += (chunk.flags & SK_CLIP_CHUNK_FIRST) && chunk.data[0] == type;
  return n;
}

#define FORMAT_LIST 2
#define DATA_REQUEST 4
#define DATA_RESPONSE 5

/* A thousand announcements in a second: ten contents are asked for, the last of them is the newest. */
static void
test_flood (Fixture *f, gconstpointer data)
{
  static const guint8 list[36] = { 13 };
  SkClip *clip = &f->server.clip;
  guint asked = 0;
  for (guint i = 0; i < 1000; i++)
    {
      const guint16 text[] = { GUINT16_TO_LE ((guint16) (0x3000 + i)), 0 };
      send (clip, FORMAT_LIST, 0, list, sizeof list, TRUE);
      sk_clip_tick (clip, f->now, TRUE);
      if (drain (clip, DATA_REQUEST) > 0)
        {
          asked++;
          send (clip, DATA_RESPONSE, 1, text, sizeof text, TRUE);
        }
      f->now += SECOND / 1000;
    }
  g_assert_cmpuint (asked, ==, 10);
  g_assert_cmpuint (f->server.offers, ==, 10);
  g_assert_cmpint (sk_clip_tick (clip, f->now + SECOND, TRUE), >=, 0);
  g_assert_cmpuint (drain (clip, DATA_REQUEST), ==, 1);
  g_assert_cmpuint (clip->asked_sequence, ==, 1000);
}

/* Who is not ready for another content asks for none; who gets no answer asks again later. */
static void
test_patience (Fixture *f, gconstpointer data)
{
  static const guint8 list[36] = { 13 };
  SkClip *clip = &f->server.clip;
  send (clip, FORMAT_LIST, 0, list, sizeof list, TRUE);
  g_assert_cmpint (sk_clip_tick (clip, f->now, FALSE), ==, -1);
  g_assert_cmpuint (drain (clip, DATA_REQUEST), ==, 0);
  g_assert_cmpint (sk_clip_tick (clip, f->now, TRUE), >, 0);
  send (clip, FORMAT_LIST, 0, list, sizeof list, TRUE);
  sk_clip_tick (clip, f->now + SECOND, TRUE);
  g_assert_cmpuint (drain (clip, DATA_REQUEST), ==, 1);
  sk_clip_tick (clip, f->now + SK_CLIP_ANSWER_US, TRUE);
  g_assert_cmpuint (drain (clip, DATA_REQUEST), ==, 1);
}

static void
test_malformed (Fixture *f, gconstpointer data)
{
  static const guint8 nothing[8], list[36] = { 13 }, text[] = { 'x', 0, 0, 0 };
  SkClip *clip = &f->server.clip;
  send (clip, DATA_RESPONSE, 1, text, sizeof text, FALSE); /* not asked for */
  send (clip, FORMAT_LIST, 0, list, 35, FALSE);
  send (clip, DATA_REQUEST, 0, nothing, 3, FALSE);
  send (clip, DATA_REQUEST, 0, nothing, 5, FALSE);
  send (clip, 1, 0, NULL, 0, FALSE); /* a server's word */
  send (clip, 7, 0, nothing, 2, FALSE);
  send (clip, 99, 0, NULL, 0, FALSE);
  g_assert_false (sk_clip_take (clip, list, 7, WHOLE, 7));
  g_assert_false (sk_clip_take (clip, list, 8, WHOLE, 9));                         /* cut off */
  g_assert_false (sk_clip_take (clip, list, 8, SK_CLIP_CHUNK_FIRST, G_MAXUINT32)); /* a claim */
  g_assert_cmpuint (clip->in->len, ==, 0);
  g_assert_cmpuint (f->server.offers, ==, 0);
  /* too many questions at once */
  for (guint i = 0; i < 100; i++)
    {
      const guint32 format = GUINT32_TO_LE (13);
      send (clip, DATA_REQUEST, 0, &format, sizeof format, clip->out.length < SK_CLIP_WAITING_MAX);
    }
  g_assert_cmpuint (clip->out.length, ==, SK_CLIP_WAITING_MAX);
  drain (clip, 0);
  send (clip, FORMAT_LIST, 0, list, sizeof list, TRUE);
}

/* By the rules a content is given away once, or for a while. */
static void
test_limits (Fixture *f, gconstpointer data)
{
  const guint32 format = GUINT32_TO_LE (13);
  SkClip *clip = &f->client.clip;
  talk (f);
  set_text (clip, 1, "once");
  sk_clip_limit (clip, TRUE, 0);
  talk (f);
  assert_text (&f->server, "once");
  g_assert_null (clip->own[SK_CLIP_TEXT]);
  send (clip, DATA_REQUEST, 0, &format, sizeof format, TRUE);
  SkClipChunk chunk;
  g_assert_true (sk_clip_next_chunk (clip, &chunk));
  g_assert_cmpuint (chunk.data[2], ==, 2); /* CB_RESPONSE_FAIL */
  drain (clip, 0);
  set_text (clip, 2, "for a second");
  sk_clip_limit (clip, FALSE, f->now + SECOND);
  g_assert_cmpint (sk_clip_tick (clip, f->now, TRUE), ==, SECOND);
  g_assert_nonnull (clip->own[SK_CLIP_TEXT]);
  drain (clip, 0);
  g_assert_cmpint (sk_clip_tick (clip, f->now + SECOND, TRUE), ==, -1);
  g_assert_null (clip->own[SK_CLIP_TEXT]);
  g_assert_cmpuint (drain (clip, FORMAT_LIST), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/clip/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("text", test_text);
  ADD ("picture", test_picture);
  ADD ("both", test_both);
  ADD ("echo", test_echo);
  ADD ("not-allowed", test_not_allowed);
  ADD ("flood", test_flood);
  ADD ("patience", test_patience);
  ADD ("malformed", test_malformed);
  ADD ("limits", test_limits);
  g_test_add_func ("/clip/wire", test_wire);
  g_test_add_func ("/clip/bad-text", test_bad_text);
  g_test_add_func ("/clip/text-limit", test_text_limit);
  g_test_add_func ("/clip/bad-picture", test_bad_picture);
  return g_test_run ();
}
