/* What a hostile guest does to the crossings, by the agent port's own words: each time it is refused with
 * words for people, nothing is kept that need not be, and another person's guest goes on. What the port
 * itself forbids (order, windows, crumbs, the slow) is in test-guest-files. */
#include "common/error.h"
#include "crossing-fixture.h"
#include <locale.h>
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER_KEY "fedcba9876543210fedcba9876543210"
#define RULES "[all]\naction = allow\nmax-size = 1GiB\nmax-count = 10000\n"

typedef struct
{
  Crossing c;
  MockGuest bad, other;
} Fixture;

static void
set_up (Fixture *f, gconstpointer rules)
{
  crossing_up (&f->c, rules, 2);
  crossing_add_guest (&f->c, &f->bad, "taro", "s1");
  crossing_add_guest (&f->c, &f->other, "jiro", "s2");
}

static void
tear_down (Fixture *f, gconstpointer rules)
{
  g_autofree char *text = NULL, *got = NULL;
  g_autoptr (GError) error = NULL;
  /* Somebody else's guest, after all that. */
  crossing_set_rules (&f->c, RULES);
  g_assert_true (mock_guest_send_file (&f->other, OTHER_KEY, "good.txt", "in order\n", 9, &text));
  g_autofree char *id = g_strdup (crossing_import (&f->c, OTHER_KEY)->id);
  g_assert_cmpint (crossing_settle (&f->c, id), ==, SK_TRANSFER_RELEASING);
  got = crossing_fetch (&f->c, "jiro", id, 0, &error);
  g_assert_cmpstr (got, ==, "in order\n");
  sk_transfers_remove_guest (f->c.transfers, "s1");
  sk_transfers_remove_guest (f->c.transfers, "s2");
  g_assert_cmpuint (crossing_verify (&f->c), ==, 0);
  /* Nothing of what was broken off still comes in. */
  GHashTableIter iter;
  gpointer t;
  g_hash_table_iter_init (&iter, f->c.transfers->live);
  while (g_hash_table_iter_next (&iter, NULL, &t))
    g_assert_cmpint (((SkLiveTransfer *) t)->row->state, !=, SK_TRANSFER_RECEIVING);
  mock_guest_clear (&f->bad);
  mock_guest_clear (&f->other);
  crossing_down (&f->c);
}

static void
assert_words (const SkMessage *m, const char *en)
{
  const char *text = m->s[0];
  g_autofree char *one = sk_both_pick (text, FALSE), *other = sk_both_pick (text, TRUE);
  g_test_message ("%s", text);
  if (strcmp (one, other) == 0 || !strstr (one, en))
    g_error ("wanted \"%s\" and its Japanese in: %s", en, text);
}

/* At the offer, before a byte. */
static void
expect_refused (Fixture *f, const char *key, guint items, guint64 bytes, const char *en)
{
  g_assert_null (mock_guest_offer (&f->bad, key, "file", items, bytes));
  const SkMessage *m = mock_guest_hears (&f->bad, SK_FILE_OFFER_REPLY);
  g_assert_cmpuint (m->n[0], ==, SK_FILE_REFUSE);
  assert_words (m, en);
  g_assert_null (mock_guest_gone (&f->bad));
}

static void
expect_taken (Fixture *f, const char *key, guint items, guint64 bytes, guint item, guint64 offset)
{
  g_assert_null (mock_guest_offer (&f->bad, key, "file", items, bytes));
  const SkMessage *m = mock_guest_hears (&f->bad, SK_FILE_OFFER_REPLY);
  g_assert_cmpuint (m->n[0], ==, SK_FILE_TAKE);
  g_assert_cmpuint (m->n[1], ==, item);
  g_assert_cmpuint (m->n[2], ==, offset);
}

/* Later, on the way. */
static void
expect_stopped (Fixture *f, const char *en)
{
  const SkMessage *m = mock_guest_hears (&f->bad, SK_FILE_OFFER_STOP);
  g_assert_cmpuint (m->n[0], ==, SK_FILE_REFUSE);
  assert_words (m, en);
  g_assert_null (mock_guest_gone (&f->bad));
}

/* ---- names ---- */

static void
test_names (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *name, *en;
  } rows[] = {
    { "../../etc/passwd", "leads out" },
    { "/etc/passwd", "" },
    { "a/../../b", "leads out" },
    { "\xe2\x80\xae\xe2\x80\x8f", "no name" },
    { "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r.txt", "16 folders" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *key = g_strdup_printf ("%032x", i + 1);
      expect_taken (f, key, 1, 1, 0, 0);
      g_assert_null (mock_guest_item (&f->bad, 0, 1, rows[i].name));
      expect_stopped (f, rows[i].en);
      g_assert_cmpint (crossing_import (&f->c, key)->state, ==, SK_TRANSFER_REFUSED);
    }
}

/* The frame itself has no place for them. */
static void
test_unclean (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *what, *bytes;
    gsize length;
  } rows[] = { { "a NUL", "a\0b.txt", 7 },
               { "half a character", "a\xe3\x81.txt", 7 },
               { "a control character", "a\x1b[2J", 5 } };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GByteArray) body = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      g_auto (SkMessage) m = { 0 };
      const guint8 head[] = { 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, (guint8) rows[i].length, 0 };
      g_byte_array_append (body, head, sizeof head);
      g_byte_array_append (body, (const guint8 *) rows[i].bytes, (guint) rows[i].length);
      g_assert_false (sk_message_decode (sk_agent_messages, SK_FROM_PEER, SK_FILE_ITEM, 1, body->data,
                                         body->len, &m, &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
      g_test_message ("%s: %s", rows[i].what, error->message);
    }
}

static void
test_deceiving (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_assert_true (mock_guest_send_file (&f->bad, KEY,
                                       "gpj.\xe2\x80\xae"
                                       "txt",
                                       "x\n", 2, &text));
  g_autofree char *id = g_strdup (crossing_import (&f->c, KEY)->id);
  crossing_settle (&f->c, id);
  g_autoptr (GPtrArray) items = sk_transfers_items (f->c.transfers, id, NULL);
  g_assert_cmpstr (((SkTransferItem *) items->pdata[0])->result_name, ==, "gpj.txt");
}

/* ---- claims ---- */

static void
test_claims (Fixture *f, gconstpointer data)
{
  const gint64 before = crossing_memory ();
  expect_refused (f, "00000000000000000000000000000001", 1, G_GUINT64_CONSTANT (1) << 40, "64 GiB");
  expect_refused (f, "00000000000000000000000000000002", 1, G_MAXUINT64, "1 TiB");
  expect_refused (f, "00000000000000000000000000000003", 10001, 1, "10,000 files");
  expect_refused (f, "00000000000000000000000000000004", 0, 0, "nothing in it");
  /* Within the broker's limits, and over the rules': not a byte is received of it. */
  expect_refused (f, "00000000000000000000000000000005", 1, G_GUINT64_CONSTANT (64) << 30, "larger than");
  crossing_set_rules (&f->c, "[all]\naction = allow\nmax-count = 100\n");
  expect_refused (f, "00000000000000000000000000000006", 10000, 10000, "more");
  crossing_set_rules (
      &f->c, "[none]\ndirection = import\naction = refuse\nreason = not-allowed\n[all]\naction = allow\n");
  expect_refused (f, "00000000000000000000000000000007", 1, 1, "");
  /* And again, whatever it says. */
  expect_refused (f, "00000000000000000000000000000007", 1, 1, "");
  g_autoptr (GPtrArray) unfinished = sk_quarantine_unfinished (f->c.quarantine);
  g_assert_cmpuint (unfinished->len, ==, 0);
  g_assert_cmpint (crossing_memory () - before, <, 8 << 20);
}

/* A thousand files that are nothing. */
static void
test_many (Fixture *f, gconstpointer data)
{
  const gint64 before = crossing_memory ();
  expect_taken (f, KEY, 1000, 0, 0, 0);
  for (guint i = 0; i < 1000; i++)
    mock_guest_send_item (&f->bad, i, "a.txt", "", 0, 0);
  g_assert_null (mock_guest_offer_end (&f->bad));
  g_assert_cmpuint (mock_guest_hears (&f->bad, SK_FILE_OFFER_STOP)->n[0], ==, SK_FILE_HAVE);
  g_assert_null (mock_guest_gone (&f->bad));
  g_autofree char *id = g_strdup (crossing_import (&f->c, KEY)->id);
  g_assert_cmpint (crossing_settle (&f->c, id), ==, SK_TRANSFER_REFUSED);
  g_assert_cmpstr (crossing_code (&f->c, id), ==, "empty");
  /* Its guest is told why. */
  const SkMessage *m = mock_guest_hears (&f->bad, SK_FILE_STATUS);
  g_assert_cmpstr (m->s[0], ==, KEY);
  g_assert_cmpstr (m->s[1], ==, "refused");
  g_test_message ("%s", m->s[2]);
  g_test_message ("memory: +%" G_GINT64_FORMAT " KiB", (crossing_memory () - before) >> 10);
  g_assert_cmpint (crossing_memory () - before, <, 32 << 20);
}

/* ---- lies ---- */

static void
test_lengths (Fixture *f, gconstpointer data)
{
  static const char bytes[8192];
  expect_taken (f, "00000000000000000000000000000001", 2, 100, 0, 0);
  g_assert_null (mock_guest_item (&f->bad, 0, 101, "a.txt"));
  expect_stopped (f, "sizes do not fit");
  expect_taken (f, "00000000000000000000000000000002", 1, 100, 0, 0);
  g_assert_null (mock_guest_item (&f->bad, 0, 100, "a.txt"));
  g_assert_null (mock_guest_data (&f->bad, 0, 0, bytes, 101));
  expect_stopped (f, "sizes do not fit");
  expect_taken (f, "00000000000000000000000000000003", 1, 100, 0, 0);
  g_assert_null (mock_guest_item (&f->bad, 0, 100, "a.txt"));
  g_assert_null (mock_guest_item_end (&f->bad, 0));
  expect_stopped (f, "sizes do not fit");
  expect_taken (f, "00000000000000000000000000000004", 2, 100, 0, 0);
  g_assert_null (mock_guest_item (&f->bad, 0, 100, "a.txt"));
  g_assert_null (mock_guest_data (&f->bad, 0, 0, bytes, 100));
  g_assert_null (mock_guest_item_end (&f->bad, 0));
  g_assert_null (mock_guest_offer_end (&f->bad));
  expect_stopped (f, "sizes do not fit");
}

/* The first of two files, then the connection breaks. */
static char *
half (Fixture *f)
{
  expect_taken (f, KEY, 2, 100, 0, 0);
  mock_guest_send_item (&f->bad, 0, "a.txt", "0123456789012345678901234567890123456789", 40, 0);
  char *id = g_strdup (crossing_import (&f->c, KEY)->id);
  SkLiveTransfer *t = sk_transfers_find (f->c.transfers, id);
  while (t->items->len == 0 || !sk_transfer_item_is_whole (t->items->pdata[0]))
    g_main_context_iteration (NULL, TRUE);
  mock_guest_disconnect (&f->bad);
  mock_guest_connect (&f->bad);
  return id;
}

static void
test_resumed_honestly (Fixture *f, gconstpointer data)
{
  g_autofree char *id = half (f);
  expect_taken (f, KEY, 2, 100, 1, 0);
  mock_guest_send_item (&f->bad, 1, "b.txt", "012345678901234567890123456789012345678901234567890123456789",
                        60, 0);
  g_assert_null (mock_guest_offer_end (&f->bad));
  g_assert_cmpuint (mock_guest_hears (&f->bad, SK_FILE_OFFER_STOP)->n[0], ==, SK_FILE_HAVE);
  g_assert_cmpint (crossing_settle (&f->c, id), ==, SK_TRANSFER_RELEASING);
}

/* The rules were asked about two files of 100 bytes; whoever goes on cannot make more of it. */
static void
resumed_as (Fixture *f, guint items, guint64 bytes)
{
  g_autofree char *id = half (f);
  expect_refused (f, KEY, items, bytes, "changed while it was sent");
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_REFUSED);
  g_assert_cmpstr (crossing_code (&f->c, id), ==, "changed");
  expect_refused (f, KEY, 2, 100, "changed while it was sent");
}

static void
test_resumed_larger (Fixture *f, gconstpointer data)
{
  resumed_as (f, 2, G_GUINT64_CONSTANT (1) << 39);
}

static void
test_resumed_with_more (Fixture *f, gconstpointer data)
{
  resumed_as (f, 10000, 100);
}

static void
test_resumed_beyond (Fixture *f, gconstpointer data)
{
  g_autofree char *id = half (f);
  expect_taken (f, KEY, 2, 100, 1, 0);
  g_assert_null (mock_guest_item (&f->bad, 1, 100, "b.txt"));
  expect_stopped (f, "more came than was announced");
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_REFUSED);
}

static void
test_resumed_short (Fixture *f, gconstpointer data)
{
  g_autofree char *id = half (f);
  expect_taken (f, KEY, 2, 100, 1, 0);
  mock_guest_send_item (&f->bad, 1, "b.txt", "0123456789", 10, 0);
  g_assert_null (mock_guest_offer_end (&f->bad));
  expect_stopped (f, "not what was announced");
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_REFUSED);
}

/* ---- the same again ---- */

static void
test_twice (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL, *again = NULL;
  const SkMessage same_id
      = { .type = SK_FILE_OFFER, .id = 1, .n = { 1, 1 }, .s = { (char *) OTHER_KEY, (char *) "file" } };
  expect_taken (f, KEY, 1, 1, 0, 0);
  /* The key at the same time: refused. The number: the link is lost. */
  expect_refused (f, KEY, 1, 1, "being sent already");
  g_assert_nonnull (mock_guest_say (&f->bad, &same_id));
  mock_guest_connect (&f->bad);
  g_assert_true (mock_guest_send_file (&f->bad, KEY, "a.txt", "x", 1, &text));
  /* What is here already is not received again, nor made a second transfer. */
  const guint before = g_hash_table_size (f->c.transfers->live);
  g_assert_true (mock_guest_send_file (&f->bad, KEY, "a.txt", "x", 1, &again));
  g_assert_cmpuint (g_hash_table_size (f->c.transfers->live), ==, before);
  /* Another guest's key of the same name is another one's. */
  g_free (g_steal_pointer (&again));
  g_assert_true (mock_guest_send_file (&f->other, KEY, "a.txt", "y", 1, &again));
  g_assert_cmpuint (g_hash_table_size (f->c.transfers->live), ==, before + 1);
}

/* It offers and takes back, as fast as it can. */
static void
test_flood (Fixture *f, gconstpointer data)
{
  const gint64 before = crossing_memory ();
  guint n = 0, verdict = SK_FILE_TAKE;
  while (verdict == SK_FILE_TAKE && n < 2 * SK_TRANSFERS_PER_MINUTE)
    {
      g_autofree char *key = g_strdup_printf ("%032x", ++n);
      g_assert_null (mock_guest_offer (&f->bad, key, "file", 1, 100));
      const SkMessage *m = mock_guest_hears (&f->bad, SK_FILE_OFFER_REPLY);
      verdict = (guint) m->n[0];
      if (verdict != SK_FILE_TAKE)
        assert_words (m, "too many transfers in a minute");
      g_assert_null (mock_guest_gone (&f->bad));
    }
  g_assert_cmpuint (n, ==, SK_TRANSFERS_PER_MINUTE + 1);
  g_test_message ("memory: +%" G_GINT64_FORMAT " KiB", (crossing_memory () - before) >> 10);
  g_assert_cmpint (crossing_memory () - before, <, 32 << 20);
}

/* In the middle of a file its session ends. */
static void
test_gone (Fixture *f, gconstpointer data)
{
  g_autofree char *bytes = g_strnfill (300000, 'x');
  expect_taken (f, KEY, 1, 1000000, 0, 0);
  g_assert_null (mock_guest_item (&f->bad, 0, 1000000, "a.txt"));
  for (guint at = 0; at < 300000; at += 30000)
    g_assert_null (mock_guest_data (&f->bad, 0, at, bytes, 30000));
  g_autofree char *id = g_strdup (crossing_import (&f->c, KEY)->id);
  sk_transfers_remove_guest (f->c.transfers, "s1");
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_CANCELLED);
  g_assert_cmpstr (crossing_code (&f->c, id), ==, "session-ended");
  crossing_iterate (&f->c);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8"); /* refusals are shown in both languages */
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/hostile-guest/" path, Fixture, RULES, set_up, func, tear_down)
  ADD ("names", test_names);
  ADD ("unclean", test_unclean);
  ADD ("deceiving", test_deceiving);
  ADD ("claims", test_claims);
  ADD ("many", test_many);
  ADD ("lengths", test_lengths);
  ADD ("resumed-honestly", test_resumed_honestly);
  ADD ("resumed-larger", test_resumed_larger);
  ADD ("resumed-with-more", test_resumed_with_more);
  ADD ("resumed-beyond", test_resumed_beyond);
  ADD ("resumed-short", test_resumed_short);
  ADD ("twice", test_twice);
  ADD ("flood", test_flood);
  ADD ("gone", test_gone);
  return g_test_run ();
}
