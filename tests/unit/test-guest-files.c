/* The core's half of files, against a scripted guest on a link of the test: rules, windows, floods, lies. */
#include "common/error.h"
#include "core/guest-files.h"
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- a link that remembers what is sent ---- */

#define TYPE_TEST_LINK (test_link_get_type ())
G_DECLARE_FINAL_TYPE (TestLink, test_link, TEST, LINK, SkAgentLink)
struct _TestLink
{
  SkAgentLink parent;
  gboolean up;
  gsize unsent;
  GQueue sent; /* GByteArray: u16 type, u32 id, body */
};
G_DEFINE_FINAL_TYPE (TestLink, test_link, SK_TYPE_AGENT_LINK)

static void
set_running (SkAgentLink *link, gboolean running)
{
}

static gboolean
is_up (SkAgentLink *link)
{
  return TEST_LINK (link)->up;
}

static void
call (SkAgentLink *link, const SkMessage *message, guint timeout_ms, SkAgentAnswer answer, gpointer data)
{
}

static gboolean
send_file (SkAgentLink *link, const SkMessage *message, GError **error)
{
  GByteArray *body = g_byte_array_new ();
  g_byte_array_append (body, (const guint8 *) &message->type, 2);
  g_byte_array_append (body, (const guint8 *) &message->id, 4);
  g_assert_true (sk_message_encode (sk_agent_messages, message, body, error));
  g_queue_push_tail (&TEST_LINK (link)->sent, body);
  TEST_LINK (link)->unsent += body->len;
  return TRUE;
}

static gsize
unsent (SkAgentLink *link)
{
  return TEST_LINK (link)->unsent;
}

static void
test_link_finalize (GObject *object)
{
  g_queue_clear_full (&TEST_LINK (object)->sent, (GDestroyNotify) g_byte_array_unref);
  G_OBJECT_CLASS (test_link_parent_class)->finalize (object);
}

static void
test_link_class_init (TestLinkClass *klass)
{
  SkAgentLinkClass *link = SK_AGENT_LINK_CLASS (klass);
  G_OBJECT_CLASS (klass)->finalize = test_link_finalize;
  link->set_running = set_running;
  link->is_up = is_up;
  link->call = call;
  link->send_file = send_file;
  link->unsent = unsent;
}

static void
test_link_init (TestLink *self)
{
  g_queue_init (&self->sent);
}

/* ---- time ---- */

typedef struct
{
  SkClock clock;
  SkTimerFunc func;
  gpointer data;
} TestClock;

static guint
clock_add (SkClock *clock, guint ms, SkTimerFunc func, gpointer data)
{
  TestClock *self = (TestClock *) clock;
  self->func = func;
  self->data = data;
  return 1;
}

static void
clock_remove (SkClock *clock, guint id)
{
  ((TestClock *) clock)->func = NULL;
}

static void
clock_tick (TestClock *clock)
{
  SkTimerFunc func = clock->func;
  clock->func = NULL;
  if (func)
    func (clock->data);
}

/* ---- the listener ---- */

typedef struct
{
  TestLink *link;
  TestClock clock;
  SkGuestFiles *files;
  SkGuestOffer *offer;
  guint offered, items, ends, item_ends;
  guint64 bytes;
  char *cancelled;
  gboolean hold; /* no credits */
  GError *put_error;
  guint puts_done;
  guint64 put_size;
  gboolean starve;
} Fixture;

static void
on_offered (SkGuestOffer *offer, gpointer data)
{
  Fixture *f = data;
  f->offer = offer;
  f->offered++;
}

static void
on_item (SkGuestOffer *offer, guint index, guint64 size, const char *untrusted_name, guint64 offset,
         gpointer data)
{
  ((Fixture *) data)->items++;
}

static void
on_data (SkGuestOffer *offer, guint index, guint64 offset, const guint8 *untrusted, gsize length,
         gpointer data)
{
  Fixture *f = data;
  f->bytes += length;
  if (!f->hold)
    sk_guest_offer_credit (offer, length);
}

static void
on_item_end (SkGuestOffer *offer, guint index, const char *untrusted_sha256, gpointer data)
{
  ((Fixture *) data)->item_ends++;
}

static void
on_end (SkGuestOffer *offer, gpointer data)
{
  ((Fixture *) data)->ends++;
}

static void
on_cancelled (SkGuestOffer *offer, const char *why, gpointer data)
{
  Fixture *f = data;
  g_assert_null (f->cancelled);
  f->cancelled = g_strdup (why);
  f->offer = NULL;
}

static const SkGuestFilesListener listener
    = { on_offered, on_item, on_data, on_item_end, on_end, on_cancelled };

static void
set_up (Fixture *f, gconstpointer data)
{
  f->link = g_object_new (TYPE_TEST_LINK, NULL);
  f->clock.clock = (SkClock){ .add = clock_add, .remove = clock_remove };
  f->files = sk_guest_files_new (SK_AGENT_LINK (f->link), &f->clock.clock, &listener, f);
  sk_agent_link_set_running (SK_AGENT_LINK (f->link), TRUE);
  f->link->up = TRUE;
  sk_agent_link_emit_hello (SK_AGENT_LINK (f->link));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  sk_guest_files_free (f->files);
  g_object_unref (f->link);
  g_clear_error (&f->put_error);
  g_free (f->cancelled);
}

/* ---- the guest ---- */

/* NULL: taken. The link goes where it is not. */
static const char *
say (Fixture *f, const SkMessage *m)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_auto (SkMessage) in = { 0 };
  g_assert_true (sk_message_encode (sk_agent_messages, m, body, NULL));
  g_assert_true (
      sk_message_decode (sk_agent_messages, SK_FROM_PEER, m->type, m->id, body->data, body->len, &in, NULL));
  return sk_agent_link_emit_file (SK_AGENT_LINK (f->link), &in);
}

static const char *
say_offer (Fixture *f, guint32 id, const char *key, guint items, guint64 bytes)
{
  const SkMessage m
      = { .type = SK_FILE_OFFER, .id = id, .n = { items, bytes }, .s = { (char *) key, (char *) "file" } };
  return say (f, &m);
}

static const char *
say_item (Fixture *f, guint32 id, guint index, guint64 size)
{
  const SkMessage m
      = { .type = SK_FILE_ITEM, .id = id, .n = { index, size }, .s = { (char *) "\xe2\x80\xae/../a" } };
  return say (f, &m);
}

static const char *
say_data (Fixture *f, guint32 id, guint index, guint64 offset, gsize length)
{
  static const guint8 zeros[SK_FILE_DATA_MAX];
  const SkMessage m
      = { .type = SK_FILE_DATA, .id = id, .n = { index, offset }, .bytes = zeros, .bytes_length = length };
  return say (f, &m);
}

static const char *
say_item_end (Fixture *f, guint32 id, guint index)
{
  const SkMessage m = { .type = SK_FILE_ITEM_END, .id = id, .n = { index }, .s = { (char *) "" } };
  return say (f, &m);
}

static const char *
say_plain (Fixture *f, guint16 type, guint32 id)
{
  const SkMessage m = { .type = type, .id = id, .s = { (char *) "" } };
  return say (f, &m);
}

/* The next message to the guest of this type; others pass by. n[0] is what the tests ask for. */
static gboolean
hears (Fixture *f, guint16 type, SkMessage *ret)
{
  GByteArray *sent;
  while ((sent = g_queue_pop_head (&f->link->sent)))
    {
      guint16 got;
      guint32 id;
      memcpy (&got, sent->data, 2);
      memcpy (&id, sent->data + 2, 4);
      f->link->unsent -= sent->len;
      if (got == type && ret)
        g_assert_true (sk_message_decode (sk_agent_messages, SK_FROM_HOST, got, id, sent->data + 6,
                                          sent->len - 6, ret, NULL));
      /* Only numbers are looked at: bytes are borrowed. */
      if (ret)
        ret->bytes = NULL;
      g_byte_array_unref (sent);
      if (got == type)
        return TRUE;
    }
  return FALSE;
}

static void
expect_verdict (Fixture *f, guint16 type, SkFileVerdict verdict)
{
  g_auto (SkMessage) m = { 0 };
  g_assert_true (hears (f, type, &m));
  g_assert_cmpuint (m.n[0], ==, verdict);
}

/* An offer of one item that is being taken. */
static void
take_one (Fixture *f, guint64 size)
{
  g_assert_null (say_offer (f, 1, KEY, 1, size));
  sk_guest_offer_take (f->offer, 0, 0);
  expect_verdict (f, SK_FILE_OFFER_REPLY, SK_FILE_TAKE);
  g_assert_null (say_item (f, 1, 0, size));
}

static void
expect_broken_off (Fixture *f)
{
  g_assert_nonnull (f->cancelled);
  expect_verdict (f, SK_FILE_OFFER_STOP, SK_FILE_REFUSE);
  /* What was under way is dropped; then the id is free. */
  g_assert_null (say_data (f, 1, 0, 0, 10));
  g_assert_null (say_plain (f, SK_FILE_OFFER_GONE, 1));
  g_assert_nonnull (say_plain (f, SK_FILE_OFFER_GONE, 1));
}

/* ---- imports ---- */

static void
test_import (Fixture *f, gconstpointer data)
{
  g_assert_null (say_offer (f, 1, KEY, 3, 70000));
  g_assert_cmpstr (sk_guest_offer_key (f->offer), ==, KEY);
  g_assert_cmpuint (sk_guest_offer_items (f->offer), ==, 3);
  sk_guest_offer_take (f->offer, 0, 0);
  g_assert_null (say_item (f, 1, 0, 0));
  g_assert_null (say_item_end (f, 1, 0));
  g_assert_null (say_item (f, 1, 1, 65536));
  for (guint64 at = 0; at < 65536; at += 8192)
    g_assert_null (say_data (f, 1, 1, at, 8192));
  g_assert_null (say_item_end (f, 1, 1));
  g_assert_null (say_item (f, 1, 2, 4464));
  g_assert_null (say_data (f, 1, 2, 0, 4464));
  g_assert_null (say_item_end (f, 1, 2));
  g_assert_null (say_plain (f, SK_FILE_OFFER_END, 1));
  g_assert_cmpuint (f->ends, ==, 1);
  g_assert_cmpuint (f->item_ends, ==, 3);
  g_assert_cmpuint (f->bytes, ==, 70000);
  sk_guest_offer_received (f->offer);
  g_assert_true (hears (f, SK_FILE_CREDIT, NULL));
  expect_verdict (f, SK_FILE_OFFER_STOP, SK_FILE_HAVE);
  g_assert_null (say_plain (f, SK_FILE_OFFER_GONE, 1));
  g_assert_null (f->cancelled);
}

static void
test_resume (Fixture *f, gconstpointer data)
{
  g_assert_null (say_offer (f, 1, KEY, 2, 30000));
  sk_guest_offer_take (f->offer, 1, 5000);
  g_assert_null (say_item (f, 1, 1, 20000));
  g_assert_null (say_data (f, 1, 1, 5000, 15000));
  g_assert_null (say_item_end (f, 1, 1));
  g_assert_null (say_plain (f, SK_FILE_OFFER_END, 1));
  g_assert_cmpuint (f->ends, ==, 1);
  g_assert_cmpuint (f->bytes, ==, 15000);
}

static void
test_reconnect (Fixture *f, gconstpointer data)
{
  take_one (f, 100000);
  g_assert_null (say_data (f, 1, 0, 0, 8192));
  sk_agent_link_emit_hello (SK_AGENT_LINK (f->link));
  g_assert_nonnull (f->cancelled);
  g_clear_pointer (&f->cancelled, g_free);
  /* Ids start anew, the key is the same. */
  take_one (f, 100000);
}

static void
test_answers (Fixture *f, gconstpointer data)
{
  void (*const answers[]) (SkGuestOffer *, const char *) = { sk_guest_offer_refuse, sk_guest_offer_later };
  const SkFileVerdict verdicts[] = { SK_FILE_REFUSE, SK_FILE_LATER };
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_null (say_offer (f, i + 1, KEY, 1, 1));
      answers[i](f->offer, "why");
      expect_verdict (f, SK_FILE_OFFER_REPLY, verdicts[i]);
      g_assert_null (say_plain (f, SK_FILE_OFFER_GONE, i + 1));
    }
  g_assert_null (say_offer (f, 9, KEY, 1, 1));
  sk_guest_offer_have (f->offer);
  expect_verdict (f, SK_FILE_OFFER_REPLY, SK_FILE_HAVE);
  g_assert_null (f->cancelled);
}

/* ---- lies ---- */

static void
test_impossible_offers (Fixture *f, gconstpointer data)
{
  const struct
  {
    guint items;
    guint64 bytes;
  } rows[] = { { 0, 0 }, { SK_FILE_ITEMS_MAX + 1, 1 }, { 1, SK_FILE_BYTES_MAX + 1 }, { 1, G_MAXUINT64 } };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_assert_null (say_offer (f, i + 1, KEY, rows[i].items, rows[i].bytes));
      expect_verdict (f, SK_FILE_OFFER_REPLY, SK_FILE_REFUSE);
      g_assert_null (say_plain (f, SK_FILE_OFFER_GONE, i + 1));
    }
  g_assert_cmpuint (f->offered, ==, 0);
  /* The largest there may be: a claim, nothing is kept for it. */
  g_assert_null (say_offer (f, 10, KEY, SK_FILE_ITEMS_MAX, SK_FILE_BYTES_MAX));
  g_assert_cmpuint (f->offered, ==, 1);
}

static void
test_ids (Fixture *f, gconstpointer data)
{
  g_assert_null (say_offer (f, 5, KEY, 1, 1));
  g_assert_null (say_offer (f, 6, KEY, 1, 1)); /* the same key at once */
  expect_verdict (f, SK_FILE_OFFER_REPLY, SK_FILE_REFUSE);
  g_assert_cmpuint (f->offered, ==, 1);
  g_assert_nonnull (say_offer (f, 6, "ffffffffffffffffffffffffffffffff", 1, 1));
  g_assert_nonnull (say_offer (f, 4, "ffffffffffffffffffffffffffffffff", 1, 1));
  g_assert_nonnull (say_offer (f, 8, "not hex", 1, 1));
  g_assert_nonnull (say_item (f, 77, 0, 1));
  g_assert_nonnull (say_item (f, 5, 0, 1)); /* before it was taken */
  g_assert_null (say_offer (f, 9, "1fffffffffffffffffffffffffffffff", 1, 1));
  g_assert_null (say_offer (f, 10, "2fffffffffffffffffffffffffffffff", 1, 1));
  g_assert_nonnull (say_offer (f, 11, "3fffffffffffffffffffffffffffffff", 1, 1)); /* a fifth at once */
}

typedef void (*Lie) (Fixture *);
static void
lie_order (Fixture *f)
{
  g_assert_null (say_item (f, 1, 1, 1));
}
static void
lie_offset (Fixture *f)
{
  g_assert_null (say_data (f, 1, 0, 1, 8192));
}
static void
lie_index (Fixture *f)
{
  g_assert_null (say_data (f, 1, 1, 0, 8192));
}
static void
lie_empty (Fixture *f)
{
  g_assert_null (say_data (f, 1, 0, 0, 0));
}
static void
lie_crumb (Fixture *f)
{
  g_assert_null (say_data (f, 1, 0, 0, SK_FILE_DATA_MIN - 1));
}
static void
lie_short (Fixture *f)
{
  g_assert_null (say_item_end (f, 1, 0));
}
static void
lie_end (Fixture *f)
{
  g_assert_null (say_plain (f, SK_FILE_OFFER_END, 1));
}
static void
lie_long (Fixture *f)
{
  g_assert_null (say_data (f, 1, 0, 0, 16384));
  g_assert_null (say_data (f, 1, 0, 16384, 16384));
}

static void
test_lies (Fixture *f, gconstpointer data)
{
  take_one (f, 20000);
  ((Lie) (gsize) data) (f);
  expect_broken_off (f);
}

static void
test_sizes_beyond_total (Fixture *f, gconstpointer data)
{
  g_assert_null (say_offer (f, 1, KEY, 2, 100));
  sk_guest_offer_take (f->offer, 0, 0);
  g_assert_null (say_item (f, 1, 0, 101));
  expect_broken_off (f);
}

/* ---- floods and the slow ---- */

static void
test_window (Fixture *f, gconstpointer data)
{
  guint64 at = 0;
  f->hold = TRUE;
  take_one (f, 100 * 1024 * 1024);
  while (!f->cancelled && at < 2 * SK_FILE_OFFER_WINDOW)
    {
      g_assert_null (say_data (f, 1, 0, at, 16384));
      at += 16384;
    }
  g_assert_nonnull (f->cancelled);
  g_assert_cmpuint (f->bytes, <=, SK_FILE_OFFER_WINDOW);
  /* Stopped, it may finish what was under way, but not go on for ever. */
  const char *broken = NULL;
  for (guint i = 0; i < 1000 && !broken; i++)
    broken = say_data (f, 1, 0, at, 16384);
  g_assert_nonnull (broken);
}

/* Ten thousand empty files: as many as there may be, and the window is never overrun. */
static void
test_many_items (Fixture *f, gconstpointer data)
{
  g_assert_null (say_offer (f, 1, KEY, SK_FILE_ITEMS_MAX, 0));
  sk_guest_offer_take (f->offer, 0, 0);
  for (guint i = 0; i < SK_FILE_ITEMS_MAX; i++)
    {
      g_assert_null (say_item (f, 1, i, 0));
      g_assert_null (say_item_end (f, 1, i));
    }
  g_assert_null (f->cancelled);
  g_assert_null (say_item (f, 1, SK_FILE_ITEMS_MAX, 0));
  g_assert_nonnull (f->cancelled);
}

static void
test_slow (Fixture *f, gconstpointer data)
{
  guint ticks = 0;
  take_one (f, 100 * 1024 * 1024);
  /* A crumb every tick: it lives, and is too slow. */
  for (; !f->cancelled && ticks < 100; ticks++)
    {
      if (ticks < 3)
        g_assert_null (say_data (f, 1, 0, ticks * SK_FILE_DATA_MIN, SK_FILE_DATA_MIN));
      clock_tick (&f->clock);
    }
  g_assert_cmpstr (f->cancelled, ==, "too slow");
  g_assert_cmpuint (ticks, >=, 6);
  g_assert_cmpuint (ticks, <, 20);
}

/* It is not slow while we hold it back, nor while it sleeps. */
static void
test_not_slow (Fixture *f, gconstpointer data)
{
  f->hold = TRUE;
  take_one (f, 100 * 1024 * 1024);
  for (guint64 at = 0; at < SK_FILE_OFFER_WINDOW - 32768; at += 16384)
    g_assert_null (say_data (f, 1, 0, at, 16384));
  for (guint i = 0; i < 100; i++)
    clock_tick (&f->clock);
  g_assert_null (f->cancelled);
  sk_guest_offer_credit (f->offer, 512 * 1024);
  sk_agent_link_set_running (SK_AGENT_LINK (f->link), FALSE);
  for (guint i = 0; i < 100; i++)
    clock_tick (&f->clock);
  g_assert_null (f->cancelled);
}

/* ---- exports ---- */

static gssize
on_read (guint item, guint64 offset, guint8 *buffer, gsize room, gpointer data, GError **error)
{
  Fixture *f = data;
  if (f->starve)
    return 0;
  memset (buffer, (int) item, room);
  return (gssize) room;
}

static void
on_done (const GError *error, gpointer data)
{
  Fixture *f = data;
  g_clear_error (&f->put_error);
  f->put_error = error ? g_error_copy (error) : NULL;
  f->puts_done++;
}

static gboolean
put (Fixture *f, const char *id, guint64 size)
{
  const SkGuestPutItem items[] = { { "a.txt", size, NO_HASH }, { "b/c.txt", 0, NO_HASH } };
  g_autoptr (GError) error = NULL;
  return sk_guest_files_put (f->files, id, items, 2, on_read, on_done, f, &error);
}

static const char *
say_put_reply (Fixture *f, guint32 id, SkFileVerdict verdict, guint item, guint64 offset)
{
  const SkMessage m = { .type = SK_FILE_PUT_REPLY,
                        .id = id,
                        .n = { verdict, item, offset, SK_FILE_WINDOW },
                        .s = { (char *) "text" } };
  return say (f, &m);
}

static const char *
say_put_credit (Fixture *f, guint32 id, guint64 taken)
{
  const SkMessage m = { .type = SK_FILE_PUT_CREDIT, .id = id, .n = { taken } };
  return say (f, &m);
}

/* Takes all that was sent, as a port would; the bytes of PUT_DATA. */
static guint64
drain (Fixture *f, gboolean *ret_end)
{
  guint64 bytes = 0;
  for (gboolean more = TRUE; more;)
    {
      GByteArray *sent;
      more = FALSE;
      while ((sent = g_queue_pop_head (&f->link->sent)))
        {
          guint16 type;
          memcpy (&type, sent->data, 2);
          bytes += type == SK_FILE_PUT_DATA ? sent->len - 6 - 12 : 0;
          *ret_end |= type == SK_FILE_PUT_END;
          more = TRUE;
          g_byte_array_unref (sent);
        }
      f->link->unsent = 0;
      sk_agent_link_emit_writable (SK_AGENT_LINK (f->link));
    }
  return bytes;
}

static void
test_put (Fixture *f, gconstpointer data)
{
  const guint64 size = 3 * SK_FILE_WINDOW;
  gboolean end = FALSE;
  g_assert_true (put (f, "a-1", size));
  g_assert_false (put (f, "a-1", size)); /* on its way */
  g_assert_cmpuint (drain (f, &end), ==, 0);
  g_assert_null (say_put_reply (f, 1, SK_FILE_TAKE, 0, 1000));
  guint64 got = drain (f, &end);
  g_assert_cmpuint (got, <=, SK_FILE_WINDOW);
  g_assert_cmpuint (got, >, SK_FILE_WINDOW / 2);
  g_assert_false (end);
  while (got < size - 1000)
    {
      g_assert_null (say_put_credit (f, 1, got + SK_FILE_ITEM_COST));
      g_assert_cmpuint (sk_guest_files_put_progress (f->files, "a-1"), >=, got);
      got += drain (f, &end);
    }
  g_assert_cmpuint (got, ==, size - 1000);
  g_assert_true (end);
  g_assert_cmpuint (f->puts_done, ==, 0);
  g_assert_null (say_plain (f, SK_FILE_PUT_DONE, 1));
  g_assert_cmpuint (f->puts_done, ==, 1);
  g_assert_no_error (f->put_error);
  g_assert_nonnull (say_plain (f, SK_FILE_PUT_DONE, 1)); /* twice */
}

static void
test_put_answers (Fixture *f, gconstpointer data)
{
  g_assert_true (put (f, "a-1", 10));
  g_assert_null (say_put_reply (f, 1, SK_FILE_HAVE, 0, 0));
  g_assert_no_error (f->put_error);
  g_assert_true (put (f, "a-1", 10));
  g_assert_null (say_put_reply (f, 2, SK_FILE_REFUSE, 0, 0));
  g_assert_error (f->put_error, SK_ERROR, SK_ERROR_FORBIDDEN);
  g_assert_true (put (f, "a-1", 10));
  g_assert_null (say_put_reply (f, 3, SK_FILE_LATER, 0, 0));
  g_assert_error (f->put_error, SK_ERROR, SK_ERROR_FULL);
  g_assert_true (put (f, "a-1", 10));
  sk_agent_link_emit_hello (SK_AGENT_LINK (f->link));
  g_assert_error (f->put_error, SK_ERROR, SK_ERROR_PEER_LOST);
  g_assert_cmpuint (f->puts_done, ==, 4);
}

static void
test_put_lies (Fixture *f, gconstpointer data)
{
  g_assert_true (put (f, "a-1", 100));
  g_assert_nonnull (say_plain (f, SK_FILE_PUT_DONE, 1)); /* nothing was sent */
  g_assert_nonnull (say_put_credit (f, 1, 1));
  g_assert_nonnull (say_put_reply (f, 1, SK_FILE_TAKE, 0, 101));
  g_assert_nonnull (say_put_reply (f, 1, SK_FILE_TAKE, 3, 0));
  g_assert_nonnull (say_put_reply (f, 2, SK_FILE_TAKE, 0, 0));
  f->starve = TRUE;
  g_assert_null (say_put_reply (f, 1, SK_FILE_TAKE, 0, 0));
  g_assert_nonnull (say_put_reply (f, 1, SK_FILE_TAKE, 0, 0)); /* twice */
  g_assert_nonnull (say_put_credit (f, 1, SK_FILE_ITEM_COST + 1));
  g_assert_nonnull (say_plain (f, SK_FILE_PUT_DONE, 1));
  g_assert_cmpuint (f->puts_done, ==, 0);
}

static void
test_put_cancel (Fixture *f, gconstpointer data)
{
  gboolean end = FALSE;
  f->starve = TRUE;
  g_assert_true (put (f, "a-1", 100));
  g_assert_null (say_put_reply (f, 1, SK_FILE_TAKE, 0, 0));
  sk_guest_files_put_cancel (f->files, "a-1");
  g_assert_cmpuint (f->puts_done, ==, 0);
  while (f->clock.func && f->puts_done == 0)
    clock_tick (&f->clock);
  g_assert_error (f->put_error, SK_ERROR, SK_ERROR_CANCELLED);
  f->starve = FALSE;
  sk_guest_files_put_more (f->files, "a-1");
  g_assert_cmpuint (drain (f, &end), ==, 0);
  g_assert_null (say_plain (f, SK_FILE_PUT_GONE, 1));
  g_assert_cmpuint (f->puts_done, ==, 1);
}

/* A read that has nothing yet is asked again when there is more. */
static void
test_put_starved (Fixture *f, gconstpointer data)
{
  gboolean end = FALSE;
  f->starve = TRUE;
  g_assert_true (put (f, "a-1", 100));
  g_assert_null (say_put_reply (f, 1, SK_FILE_TAKE, 0, 0));
  g_assert_cmpuint (drain (f, &end), ==, 0);
  f->starve = FALSE;
  sk_guest_files_put_more (f->files, "a-1");
  g_assert_cmpuint (drain (f, &end), ==, 100);
  g_assert_true (end);
}

static void
test_put_limits (Fixture *f, gconstpointer data)
{
  g_assert_false (put (f, "", 1));
  g_assert_false (put (f, "../x", 1));
  g_assert_false (put (f, "a", SK_FILE_BYTES_MAX + 1));
  for (guint i = 0; i < SK_FILE_PUTS_MAX; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      g_assert_true (put (f, id, 1));
    }
  g_assert_false (put (f, "ff", 1));
  f->link->up = FALSE;
  sk_agent_link_emit_down (SK_AGENT_LINK (f->link));
  g_assert_cmpuint (f->puts_done, ==, SK_FILE_PUTS_MAX);
  g_assert_false (put (f, "ff", 1));
}

/* Whatever a guest says, in any order: a verdict, never more than the window, never a crash. */
static void
test_anything (Fixture *f, gconstpointer data)
{
  static const guint16 types[]
      = { SK_FILE_OFFER,      SK_FILE_ITEM,      SK_FILE_DATA,       SK_FILE_ITEM_END, SK_FILE_OFFER_END,
          SK_FILE_OFFER_GONE, SK_FILE_PUT_REPLY, SK_FILE_PUT_CREDIT, SK_FILE_PUT_DONE, SK_FILE_PUT_GONE };
  g_autoptr (GRand) random = g_rand_new_with_seed (4);
  guint8 bytes[8192] = { 0 };
  for (guint i = 0; i < 200000; i++)
    {
      SkMessage m = { .type = types[g_rand_int_range (random, 0, G_N_ELEMENTS (types))],
                      .id = (guint32) g_rand_int_range (random, 0, 5),
                      .bytes = bytes,
                      .bytes_length = (gsize) g_rand_int_range (random, 0, sizeof bytes) };
      for (guint k = 0; k < SK_MESSAGE_NUMBERS; k++)
        m.n[k] = (guint64) g_rand_int_range (random, 0, k == 1 ? 20000 : 4);
      m.s[0] = (char *) (m.type == SK_FILE_OFFER ? KEY : "");
      m.s[1] = (char *) "file";
      g_clear_pointer (&f->cancelled, g_free);
      if (say (f, &m) || i % 100 == 0)
        {
          g_clear_pointer (&f->cancelled, g_free);
          sk_agent_link_emit_hello (SK_AGENT_LINK (f->link));
          f->offer = NULL;
        }
      if (m.type == SK_FILE_OFFER && f->offer && g_rand_boolean (random))
        sk_guest_offer_take (g_steal_pointer (&f->offer), 0, 0);
      if (i % 10 == 0)
        (void) put (f, "a", 20000);
      g_queue_clear_full (&f->link->sent, (GDestroyNotify) g_byte_array_unref);
      f->link->unsent = 0;
    }
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *, gconstpointer);
    Lie lie;
  } tests[] = {
    { "/guest-files/import", test_import },
    { "/guest-files/resume", test_resume },
    { "/guest-files/reconnect", test_reconnect },
    { "/guest-files/answers", test_answers },
    { "/guest-files/impossible-offers", test_impossible_offers },
    { "/guest-files/ids", test_ids },
    { "/guest-files/lies/order", test_lies, lie_order },
    { "/guest-files/lies/offset", test_lies, lie_offset },
    { "/guest-files/lies/index", test_lies, lie_index },
    { "/guest-files/lies/empty", test_lies, lie_empty },
    { "/guest-files/lies/crumb", test_lies, lie_crumb },
    { "/guest-files/lies/short", test_lies, lie_short },
    { "/guest-files/lies/end", test_lies, lie_end },
    { "/guest-files/lies/long", test_lies, lie_long },
    { "/guest-files/sizes-beyond-total", test_sizes_beyond_total },
    { "/guest-files/window", test_window },
    { "/guest-files/many-items", test_many_items },
    { "/guest-files/slow", test_slow },
    { "/guest-files/not-slow", test_not_slow },
    { "/guest-files/put", test_put },
    { "/guest-files/put/answers", test_put_answers },
    { "/guest-files/put/lies", test_put_lies },
    { "/guest-files/put/cancel", test_put_cancel },
    { "/guest-files/put/starved", test_put_starved },
    { "/guest-files/put/limits", test_put_limits },
    { "/guest-files/anything", test_anything },
  };
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, (gconstpointer) (gsize) tests[i].lie, set_up, tests[i].run,
                tear_down);
  return g_test_run ();
}
