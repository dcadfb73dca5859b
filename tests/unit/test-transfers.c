/* What crosses, from its first byte to its end: store, quarantine, trail, rules and inspectors are real ones.
 */
#include "common/error.h"
#include "crossing-fixture.h"
#include <locale.h>
#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"

static void
set_up (Crossing *c, gconstpointer rules)
{
  crossing_up (c, rules, 2);
}

static void
tear_down (Crossing *c, gconstpointer rules)
{
  g_assert_cmpuint (crossing_verify (c), ==, 0);
  crossing_down (c);
}

static void
assert_error (GError **error, SkErrorCode code, const char *en, const char *ja)
{
  g_assert_error (*error, SK_ERROR, (int) code);
  g_test_message ("%s", (*error)->message);
  if (!strstr ((*error)->message, en) || !strstr ((*error)->message, ja))
    g_error ("wanted \"%s\" and \"%s\" in: %s", en, ja, (*error)->message);
  g_clear_error (error);
}

/* ---- from one end to the other ---- */

static void
test_export (Crossing *c, gconstpointer data)
{
  MockGuest guest;
  g_autofree char *name = NULL;
  g_autofree char *id = crossing_send (c, "taro", "メモ.txt", "hello\r\nworld\r\n");
  crossing_add_guest (c, &guest, "taro", "s1");
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_RELEASING);
  g_autoptr (GByteArray) got = mock_guest_take_put (&guest, &name);
  crossing_wait (c, id, SK_TRANSFER_DELIVERED);
  g_assert_cmpstr (name, ==, "メモ.txt");
  g_assert_cmpmem (got->data, got->len, "hello\r\nworld\r\n", 14);
  static const char *const states[]
      = { "receiving", "quarantined", "inspecting", "approved", "releasing", "delivered" };
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    {
      g_autofree char *action = g_strconcat ("transfer.", states[i], NULL);
      g_assert_cmpuint (crossing_audited (c, id, action), >=, 1);
    }
  sk_transfers_remove_guest (c->transfers, "s1");
  mock_guest_clear (&guest);
}

static void
test_import (Crossing *c, gconstpointer data)
{
  MockGuest guest;
  g_autofree char *text = NULL, *got = NULL, *id = NULL;
  g_autoptr (GError) error = NULL;
  crossing_add_guest (c, &guest, "taro", "s1");
  g_assert_true (mock_guest_send_file (&guest, KEY, "a.txt", "from outside\n", 13, &text));
  id = g_strdup (crossing_import (c, KEY)->id);
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_RELEASING);
  got = crossing_fetch (c, "taro", id, 0, &error);
  g_assert_cmpstr (got, ==, "from outside\n");
  g_assert_null (crossing_fetch (c, "jiro", id, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (crossing_fetch (c, "root", id, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  for (guint i = 0; i < 2; i++) /* twice is fine */
    g_assert_true (sk_transfers_delivered (c->transfers, crossing_who ("taro"), id, &error));
  g_assert_null (crossing_fetch (c, "taro", id, 0, &error));
  assert_error (&error, SK_ERROR_CONFLICT, "it is delivered: there is nothing to fetch", "状態が delivered");
  /* The guest offers it again: it is here already. */
  mock_guest_connect (&guest);
  g_assert_null (mock_guest_offer (&guest, KEY, "file", 1, 13));
  g_assert_cmpuint (mock_guest_hears (&guest, SK_FILE_OFFER_REPLY)->n[0], ==, SK_FILE_HAVE);
  sk_transfers_remove_guest (c->transfers, "s1");
  mock_guest_clear (&guest);
}

/* ---- an upload that breaks ---- */

static SkQuarantineWriter *
begin (Crossing *c, const char *id, gint64 offset, GError **error)
{
  gint64 bytes = 0;
  SkQuarantineWriter *writer
      = sk_transfers_upload (c->transfers, crossing_who ("taro"), id, 0, offset, &bytes, error);
  return writer;
}

static void
break_off (Crossing *c, const char *id, SkQuarantineWriter *writer)
{
  const gint64 received = (gint64) sk_quarantine_writer_offset (writer);
  sk_quarantine_writer_free (writer);
  sk_transfers_upload_broke (c->transfers, id, 0, received);
}

static void
test_resume (Crossing *c, gconstpointer data)
{
  g_autofree char *text = g_strnfill (3 * SK_QUARANTINE_CHUNK + 100, 'a');
  const gsize length = strlen (text), first = 2 * SK_QUARANTINE_CHUNK + 50, whole = 2 * SK_QUARANTINE_CHUNK;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = crossing_create (c, "taro", "a.txt", (gint64) length, &error);
  SkQuarantineWriter *writer = begin (c, id, 0, &error);
  g_assert_no_error (error);
  g_assert_null (begin (c, id, 0, &error));
  assert_error (&error, SK_ERROR_CONFLICT, "another connection is sending it", "別の接続が送信中です");
  g_assert_true (sk_quarantine_write (writer, text, first, &error));
  break_off (c, id, writer);
  /* As after kill -9 too: whole chunks are kept. */
  for (guint restart = 0; restart < 2; restart++)
    {
      g_assert_null (begin (c, id, 10, &error));
      assert_error (&error, SK_ERROR_CONFLICT, "131072 bytes are here; go on from there",
                    "131072 バイトまで届いています");
      g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_RECEIVING);
      crossing_stop (c);
      crossing_start (c);
    }
  writer = begin (c, id, (gint64) whole, &error);
  g_assert_no_error (error);
  g_assert_true (sk_quarantine_write (writer, text + whole, length - whole, &error));
  g_autoptr (SkQuarantined) content = sk_quarantine_finish (writer, &error);
  g_assert_true (sk_transfers_uploaded (c->transfers, id, 0, content, &error));
  g_assert_null (begin (c, id, 0, &error));
  assert_error (&error, SK_ERROR_CONFLICT, "nothing more is taken for it", "もう受け付けていません");
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_RELEASING);
}

static void
test_wrong_length (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = crossing_create (c, "taro", "a.txt", 10, &error);
  g_assert_false (crossing_upload (c, "taro", id, 0, "short", 5, &error));
  assert_error (&error, SK_ERROR_PROTOCOL, "10 bytes were announced, 5 came", "10 バイトのはずが 5 バイト");
  g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_RECEIVING);
  g_assert_false (crossing_upload (c, "taro", id, 0, "far too long", 12, &error));
  assert_error (&error, SK_ERROR_PROTOCOL, "10 bytes were announced, 12 came", "10 バイトのはずが 12 バイト");
  g_assert_true (crossing_upload (c, "taro", id, 0, "just right", 10, &error));
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_RELEASING);
}

static void
test_whose (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = crossing_create (c, "taro", "a.txt", 3, &error);
  g_assert_false (crossing_upload (c, "jiro", id, 0, "abc", 3, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (crossing_upload (c, "root", id, 0, "abc", 3, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (crossing_upload (c, "taro", id, 1, "abc", 3, &error));
  assert_error (&error, SK_ERROR_NOT_FOUND, "there is no item 1", "1 番の項目はありません");
  g_assert_false (sk_transfers_withdraw (c->transfers, crossing_who ("root"), id, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

/* ---- limits ---- */

static gboolean
create_many (Crossing *c, guint n, gint64 each, const char *purpose, GError **error)
{
  g_autofree SkTransferOffer *offers = g_new0 (SkTransferOffer, MAX (1, n));
  for (guint i = 0; i < n; i++)
    offers[i] = (SkTransferOffer){ "a.txt", each };
  g_autofree char *id
      = sk_transfers_create (c->transfers, crossing_who ("taro"), SK_KIND_FILE, purpose, offers, n, error);
  g_assert_true (!id == (error && *error));
  return id != NULL;
}

static void
test_limits (Crossing *c, gconstpointer data)
{
  static const char en[] = "1 to 10000 files and at most 64 GiB in one transfer; send them in parts",
                    ja[] = "1 回に送れるのは 10000 ファイル・64 GiB まで";
  g_autofree char *text = g_strnfill (SK_TRANSFER_TEXT_MAX + 1, 'x');
  g_autoptr (GError) error = NULL;
  g_assert_false (create_many (c, 0, 1, "", &error));
  assert_error (&error, SK_ERROR_INVALID, en, ja);
  g_assert_false (create_many (c, SK_TRANSFER_ITEMS_MAX + 1, 1, "", &error));
  assert_error (&error, SK_ERROR_LIMIT, en, ja);
  g_assert_false (create_many (c, 1, SK_TRANSFER_BYTES_MAX + 1, "", &error));
  assert_error (&error, SK_ERROR_LIMIT, en, ja);
  g_assert_false (create_many (c, 2, SK_TRANSFER_BYTES_MAX, "", &error));
  assert_error (&error, SK_ERROR_LIMIT, en, ja);
  g_assert_false (create_many (c, 3, G_MAXINT64 / 2, "", &error));
  assert_error (&error, SK_ERROR_LIMIT, en, ja);
  g_assert_false (create_many (c, 1, -1, "", &error));
  assert_error (&error, SK_ERROR_LIMIT, en, ja);
  g_assert_false (create_many (c, 1, 1, text, &error));
  assert_error (&error, SK_ERROR_LIMIT, "longer than 2000 bytes or not UTF-8", "2000 バイトを超えているか");
  g_assert_false (create_many (c, 1, 1, "\xff", &error));
  assert_error (&error, SK_ERROR_LIMIT, "not UTF-8", "文字コードが正しくありません");
  /* The largest there may be. */
  text[SK_TRANSFER_TEXT_MAX] = '\0';
  g_assert_true (create_many (c, SK_TRANSFER_ITEMS_MAX, 1, text, &error));
  g_assert_true (create_many (c, 1, SK_TRANSFER_BYTES_MAX, "", &error));
}

static void
test_rate (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint n = 0;
  while (n <= SK_TRANSFERS_PER_MINUTE && create_many (c, 1, 1, "", &error))
    n++;
  g_assert_cmpuint (n, ==, SK_TRANSFERS_PER_MINUTE);
  assert_error (&error, SK_ERROR_FULL, "too many transfers in a minute; wait a moment", "しばらく待ってから");
  /* Nobody else has to wait. */
  g_autofree char *id = crossing_create (c, "jiro", "a.txt", 1, &error);
  g_assert_nonnull (id);
  /* A minute later it goes on. */
  GArray *times = g_hash_table_lookup (c->transfers->recent, GUINT_TO_POINTER (crossing_who ("taro")->uid));
  for (guint i = 0; i < times->len; i++)
    g_array_index (times, gint64, i) -= 61 * G_USEC_PER_SEC;
  g_assert_true (create_many (c, 1, 1, "", &error));
}

static void
test_per_user (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = crossing_create (c, "taro", "a.txt", 1, &error);
  sk_transfers_count_open (c->transfers, crossing_who ("taro")->uid, SK_TRANSFERS_PER_USER - 1);
  g_assert_null (crossing_create (c, "taro", "b.txt", 1, &error));
  assert_error (&error, SK_ERROR_FULL, "too many of your transfers are still on their way; withdraw some",
                "不要なものを取り下げてください");
  g_assert_true (sk_transfers_withdraw (c->transfers, crossing_who ("taro"), id, &error));
  g_autofree char *other = crossing_create (c, "taro", "b.txt", 1, &error);
  g_assert_no_error (error);
}

static void
test_idle (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = crossing_create (c, "taro", "a.txt", 1, &error);
  SkLiveTransfer *t = sk_transfers_find (c->transfers, id);
  sk_live_transfer_check_due (t, sk_transfers_now (c->transfers));
  g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_RECEIVING);
  t->heard -= (gint64) (SK_TRANSFER_IDLE_SECONDS + 1) * G_USEC_PER_SEC;
  sk_live_transfer_check_due (t, sk_transfers_now (c->transfers));
  g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_EXPIRED);
  g_assert_cmpstr (crossing_code (c, id), ==, "incomplete");
  g_assert_cmpstr (sk_transfers_peek (c->transfers, id)->ja, ==, "内容が最後まで届きませんでした。");
}

/* ---- states ---- */

/* The table in prose: what README.md says may follow on what. */
static const char *const ways[][2] = {
  { "receiving", "quarantined refused cancelled expired" },
  { "quarantined", "inspecting cancelled" },
  { "inspecting", "refused held approved cancelled" },
  { "held", "approved denied cancelled expired" },
  { "approved", "releasing" },
  { "releasing", "delivered expired cancelled" },
  { "refused", "purged" },
  { "denied", "purged" },
  { "cancelled", "purged" },
  { "expired", "purged" },
  { "delivered", "purged" },
  { "purged", "" },
};

static gboolean
way_is_there (SkTransferState from, SkTransferState to)
{
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    if (strcmp (ways[i][0], sk_transfer_state_word (from)) == 0)
      {
        g_auto (GStrv) words = g_strsplit (ways[i][1], " ", 0);
        return g_strv_contains ((const char *const *) words, sk_transfer_state_word (to));
      }
  g_assert_not_reached ();
}

/* Each state to each other one: only along the table, in memory and in the store alike. */
static void
test_changes (Crossing *c, gconstpointer data)
{
  guint legal = 0, refused = 0;
  for (SkTransferState from = SK_TRANSFER_RECEIVING; from <= SK_TRANSFER_EXPIRED; from++)
    for (SkTransferState to = SK_TRANSFER_RECEIVING; to <= SK_TRANSFER_EXPIRED; to++)
      {
        g_autoptr (GError) error = NULL;
        const gboolean wanted = way_is_there (from, to);
        g_assert_cmpint (sk_transfer_may_become (from, to), ==, wanted);
        if (from == to)
          continue;
        g_autofree char *id = crossing_create (c, "taro", "a.txt", 1, &error);
        SkLiveTransfer *t = sk_transfers_find (c->transfers, id);
        t->row->state = from; /* the store still has "receiving" */
        SkTransferChange change = { .next = sk_transfer_copy (t->row), .actor = "test" };
        change.next->state = to;
        if (wanted)
          {
            legal++;
            sk_transfer_free (change.next);
            continue;
          }
        refused++;
        g_assert_false (sk_live_transfer_change (t, &change, &error));
        g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
        crossing_assert_both (error);
        g_assert_cmpint (t->row->state, ==, from);
        t->row->state = SK_TRANSFER_RECEIVING;
        g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_RECEIVING);
        g_assert_true (sk_transfers_withdraw (c->transfers, crossing_who ("taro"), id, NULL));
        g_hash_table_remove_all (c->transfers->recent);
      }
  g_test_message ("%u changes are legal, %u are refused", legal, refused);
  g_assert_cmpuint (legal + refused, ==, 12 * 11);
}

/* ---- who decides ---- */

static gboolean
decide (Crossing *c, const char *user, const char *id, SkVerdict verdict, GError **error)
{
  return sk_transfers_decide (c->transfers, crossing_who (user), id, verdict, "", error);
}

static void
expect_no (Crossing *c, const char *user, const char *id, SkErrorCode code, const char *en, const char *ja)
{
  g_autoptr (GError) error = NULL;
  const SkTransferState before = crossing_state (c, id);
  g_assert_false (decide (c, user, id, SK_DECISION_APPROVE, &error));
  assert_error (&error, code, en, ja);
  g_assert_cmpint (crossing_state (c, id), ==, before);
}

static void
expect_yes (Crossing *c, const char *user, const char *id, SkTransferState then)
{
  g_autoptr (GError) error = NULL;
  if (!decide (c, user, id, SK_DECISION_APPROVE, &error))
    g_error ("%s: %s", user, error->message);
  g_assert_cmpint (crossing_settle (c, id), ==, then);
}

static char *
held (Crossing *c, const char *user)
{
  char *id = crossing_send (c, user, "a.txt", "please\n");
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_HELD);
  return id;
}

static void
expect_deciders (Crossing *c, const char *id, const char *wanted)
{
  guint stages;
  g_auto (GStrv) who = sk_transfers_deciders (c->transfers, sk_transfers_peek (c->transfers, id), &stages);
  g_autofree char *joined = g_strjoinv (" ", who);
  g_assert_cmpstr (joined, ==, wanted);
}

static void
test_any (Crossing *c, gconstpointer data)
{
  crossing_set_rules (c, "[x]\naction = hold\nstage-1 = user:jiro, user:hanako, user:taro\n");
  g_autofree char *id = held (c, "taro");
  expect_deciders (c, id, "hanako jiro");
  expect_no (c, "taro", id, SK_ERROR_FORBIDDEN, "nobody decides about their own",
             "自分の申請は承認できません");
  expect_no (c, "goro", id, SK_ERROR_NOT_FOUND, "it is not yours to decide", "判断する案件ではありません");
  expect_no (c, "root", id, SK_ERROR_FORBIDDEN, "it is not yours to decide", "判断する案件ではありません");
  g_autoptr (GError) error = NULL;
  g_assert_false (decide (c, "jiro", "no-such-id", SK_DECISION_APPROVE, &error));
  assert_error (&error, SK_ERROR_NOT_FOUND, "there is no such transfer", "その転送はありません");
}

static void
test_any_goes_on (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  crossing_set_rules (c, "[x]\naction = hold\nstage-1 = user:jiro, user:hanako, user:taro\n");
  g_autofree char *id = held (c, "taro"), *own = held (c, "jiro"), *denied = held (c, "taro");
  g_autoptr (GPtrArray) queue = sk_transfers_queue (c->transfers, crossing_who ("jiro"));
  g_assert_cmpuint (queue->len, ==, 2); /* without his own */
  expect_deciders (c, own, "hanako taro");
  expect_yes (c, "jiro", id, SK_TRANSFER_RELEASING);
  expect_no (c, "hanako", id, SK_ERROR_CONFLICT, "it is decided already", "すでに判断済みです");
  g_assert_cmpuint (crossing_audited (c, id, "approval.approved"), ==, 1);
  g_assert_true (sk_transfers_decide (c->transfers, crossing_who ("hanako"), denied, SK_DECISION_DENY,
                                      "not this one", &error));
  g_assert_cmpint (crossing_state (c, denied), ==, SK_TRANSFER_DENIED);
  g_assert_cmpstr (sk_transfers_peek (c->transfers, denied)->en, ==, "not this one");
  expect_no (c, "jiro", denied, SK_ERROR_CONFLICT, "it is decided already", "すでに判断済みです");
  g_autofree char *text = g_strnfill (SK_TRANSFER_TEXT_MAX + 1, 'x');
  g_assert_false (
      sk_transfers_decide (c->transfers, crossing_who ("hanako"), own, SK_DECISION_DENY, text, &error));
  assert_error (&error, SK_ERROR_LIMIT, "longer than 2000 bytes", "2000 バイトを超えているか");
  g_assert_cmpint (crossing_state (c, own), ==, SK_TRANSFER_HELD);
}

static void
test_some (Crossing *c, gconstpointer data)
{
  crossing_set_rules (c,
                      "[x]\naction = hold\nstage-1 = user:jiro, user:hanako, user:goro\nstage-1-need = 2\n");
  g_autofree char *id = held (c, "taro"), *own = held (c, "goro");
  expect_yes (c, "jiro", id, SK_TRANSFER_HELD);
  expect_deciders (c, id, "goro hanako");
  expect_no (c, "jiro", id, SK_ERROR_CONFLICT, "you have decided already", "すでに判断しています");
  /* What was said so far holds after a restart. */
  crossing_stop (c);
  crossing_start (c);
  expect_no (c, "jiro", id, SK_ERROR_CONFLICT, "you have decided already", "すでに判断しています");
  expect_yes (c, "hanako", id, SK_TRANSFER_RELEASING);
  expect_yes (c, "jiro", own, SK_TRANSFER_HELD);
  expect_yes (c, "hanako", own, SK_TRANSFER_RELEASING);
}

static void
test_all (Crossing *c, gconstpointer data)
{
  crossing_set_rules (
      c, "[x]\naction = hold\nstage-1 = user:jiro, user:hanako, user:taro\nstage-1-need = all\n");
  g_autofree char *id = held (c, "taro"), *other = held (c, "goro");
  expect_yes (c, "jiro", id, SK_TRANSFER_HELD);
  expect_yes (c, "hanako", id, SK_TRANSFER_RELEASING); /* all but the sender */
  expect_yes (c, "jiro", other, SK_TRANSFER_HELD);
  expect_yes (c, "taro", other, SK_TRANSFER_HELD);
  expect_yes (c, "hanako", other, SK_TRANSFER_RELEASING);
}

static void
test_stages (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  crossing_set_people (
      c, "taro,,,tax,,,\nhanako,,,tax,section-head,,\njiro,,,welfare,section-head,,\ngoro,,,,mayor,,\n");
  crossing_set_rules (
      c, "[x]\naction = hold\nstage-1 = role:section-head\nstage-2 = position:mayor, role:section-head\n");
  g_autofree char *id = held (c, "taro"), *other = held (c, "taro");
  expect_deciders (c, id, "hanako");
  expect_no (c, "jiro", id, SK_ERROR_NOT_FOUND, "not yours", "案件ではありません"); /* another section's */
  expect_no (c, "goro", id, SK_ERROR_NOT_FOUND, "not yours", "案件ではありません"); /* not yet */
  expect_yes (c, "hanako", id, SK_TRANSFER_HELD);
  expect_deciders (c, id, "goro hanako");
  expect_yes (c, "goro", id, SK_TRANSFER_RELEASING);
  expect_yes (c, "hanako", other, SK_TRANSFER_HELD);
  g_assert_true (decide (c, "goro", other, SK_DECISION_DENY, &error));
  g_assert_cmpint (crossing_state (c, other), ==, SK_TRANSFER_DENIED);
}

static gint64
now_plus (gint64 days)
{
  return g_get_real_time () + days * 24 * 3600 * G_USEC_PER_SEC;
}

static void
add_deputy (Crossing *c, const char *user, const char *deputy, gint64 since, gint64 until, char **ret_id)
{
  g_autoptr (GError) error = NULL;
  if (!sk_people_delegate (c->people, crossing_who ("root"), user, deputy, now_plus (since), now_plus (until),
                           "", g_get_real_time (), ret_id, &error))
    g_error ("%s", error->message);
}

/* Accounts of every Debian stand in for people: a delegation is between accounts of this machine. */
static void
test_deputies (Crossing *c, gconstpointer data)
{
  g_autofree char *now_id = NULL, *later_id = NULL, *own_id = NULL;
  crossing_set_rules (c, "[x]\naction = hold\nstage-1 = user:daemon\nstage-1-deputies = user:hanako\n");
  g_autofree char *id = held (c, "taro"), *deputy = held (c, "taro"), *own = held (c, "bin"),
                  *of_approver = held (c, "daemon");
  add_deputy (c, "daemon", "sys", 1, 2, &later_id);
  expect_no (c, "sys", id, SK_ERROR_NOT_FOUND, "not yours", "案件ではありません"); /* from tomorrow on */
  add_deputy (c, "daemon", "bin", -1, 1, &now_id);
  expect_deciders (c, id, "bin daemon hanako");
  expect_yes (c, "bin", id, SK_TRANSFER_RELEASING);
  expect_yes (c, "hanako", deputy, SK_TRANSFER_RELEASING);
  expect_no (c, "bin", own, SK_ERROR_FORBIDDEN, "nobody decides about their own", "自分の申請");
  /* Nor does a deputy decide in the place of the one who sends. */
  expect_no (c, "bin", of_approver, SK_ERROR_NOT_FOUND, "not yours", "案件ではありません");
  expect_deciders (c, of_approver, "hanako");
}

/* Two people in one seat are one approval. */
static void
test_one_seat (Crossing *c, gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autoptr (GError) error = NULL;
  crossing_set_rules (c, "[x]\naction = hold\nstage-1 = user:daemon, user:hanako\nstage-1-need = 2\n");
  g_autofree char *id = held (c, "taro"), *other = held (c, "taro");
  add_deputy (c, "daemon", "bin", -1, 1, &first);
  expect_yes (c, "bin", id, SK_TRANSFER_HELD);
  expect_deciders (c, id, "hanako");
  expect_no (c, "daemon", id, SK_ERROR_CONFLICT, "decided already", "すでに判断");
  /* The seat stays taken when the delegation ends, and after a restart. */
  g_assert_true (sk_people_end_delegation (c->people, crossing_who ("root"), first, &error));
  expect_no (c, "daemon", id, SK_ERROR_CONFLICT, "decided already", "すでに判断");
  crossing_stop (c);
  crossing_start (c);
  expect_no (c, "daemon", id, SK_ERROR_CONFLICT, "decided already", "すでに判断");
  expect_yes (c, "hanako", id, SK_TRANSFER_RELEASING);
  /* The other way round. */
  g_free (g_steal_pointer (&first));
  add_deputy (c, "daemon", "bin", -1, 1, &first);
  expect_yes (c, "daemon", other, SK_TRANSFER_HELD);
  expect_no (c, "bin", other, SK_ERROR_CONFLICT, "decided already", "すでに判断");
  expect_yes (c, "hanako", other, SK_TRANSFER_RELEASING);
}

/* All are all seats: a deputy fills one, and makes none. */
static void
test_all_seats (Crossing *c, gconstpointer data)
{
  g_autofree char *first = NULL;
  crossing_set_rules (c, "[x]\naction = hold\nstage-1 = user:daemon, user:hanako\nstage-1-need = all\n");
  g_autofree char *id = held (c, "taro"), *other = held (c, "taro");
  add_deputy (c, "daemon", "bin", -1, 1, &first);
  expect_yes (c, "bin", id, SK_TRANSFER_HELD);
  expect_yes (c, "hanako", id, SK_TRANSFER_RELEASING);
  expect_yes (c, "hanako", other, SK_TRANSFER_HELD);
  expect_yes (c, "daemon", other, SK_TRANSFER_RELEASING);
}

/* So much time passes for this one. */
static void
age (Crossing *c, const char *id, gint64 minutes)
{
  SkLiveTransfer *t = sk_transfers_find (c->transfers, id);
  t->row->stage_since -= minutes * 60 * G_USEC_PER_SEC;
  t->row->due -= minutes * 60 * G_USEC_PER_SEC;
  sk_live_transfer_check_due (t, sk_transfers_now (c->transfers));
}

static void
test_time (Crossing *c, gconstpointer data)
{
  crossing_set_rules (c, "[x]\naction = hold\nexpires = 3h\nstage-1 = user:jiro\nstage-1-within = 1h\n"
                         "stage-1-escalate = user:goro\n");
  g_autofree char *id = held (c, "taro"), *late = held (c, "taro");
  age (c, id, 59);
  age (c, late, 59);
  expect_deciders (c, id, "jiro");
  expect_no (c, "goro", id, SK_ERROR_NOT_FOUND, "not yours", "案件ではありません");
  age (c, id, 2);
  age (c, late, 2);
  expect_deciders (c, id, "goro jiro");
  expect_yes (c, "goro", id, SK_TRANSFER_RELEASING);
  age (c, late, 118);
  g_assert_cmpint (crossing_state (c, late), ==, SK_TRANSFER_HELD);
  age (c, late, 2);
  g_assert_cmpint (crossing_state (c, late), ==, SK_TRANSFER_EXPIRED);
  g_assert_cmpstr (crossing_code (c, late), ==, "undecided");
  expect_no (c, "jiro", late, SK_ERROR_CONFLICT, "it is decided already", "すでに判断済み");
}

/* Between the end of its time and the tick that sees it nobody decides any more. */
static void
test_last_moment (Crossing *c, gconstpointer data)
{
  g_autofree char *id = held (c, "taro");
  SkLiveTransfer *t = sk_transfers_find (c->transfers, id);
  t->row->due = sk_transfers_now (c->transfers) - 1;
  expect_no (c, "jiro", id, SK_ERROR_CONFLICT, "its time is over", "期限が過ぎています");
}

static void
test_unfetched (Crossing *c, gconstpointer data)
{
  g_autofree char *id = crossing_send (c, "taro", "a.txt", "hello\n");
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_RELEASING);
  age (c, id, 30 * 24 * 60 + 1);
  g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_EXPIRED);
  g_assert_cmpstr (crossing_code (c, id), ==, "unfetched");
}

static void
test_withdraw (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = held (c, "taro");
  g_assert_false (sk_transfers_withdraw (c->transfers, crossing_who ("jiro"), id, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (sk_transfers_withdraw (c->transfers, crossing_who ("taro"), id, &error));
  g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_CANCELLED);
  g_assert_false (sk_transfers_withdraw (c->transfers, crossing_who ("taro"), id, &error));
  assert_error (&error, SK_ERROR_CONFLICT, "it is cancelled and cannot become cancelled",
                "状態が cancelled のため");
  expect_no (c, "jiro", id, SK_ERROR_CONFLICT, "it is decided already", "すでに判断済み");
}

static void
test_comments (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = held (c, "taro");
  g_autofree char *text = g_strnfill (SK_TRANSFER_TEXT_MAX + 1, 'x');
  g_assert_true (sk_transfers_comment (c->transfers, crossing_who ("taro"), id, "why so long?", &error));
  g_assert_true (sk_transfers_comment (c->transfers, crossing_who ("jiro"), id, "soon", &error));
  g_assert_false (sk_transfers_comment (c->transfers, crossing_who ("goro"), id, "me too", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (sk_transfers_comments (c->transfers, crossing_who ("goro"), id, &error));
  g_clear_error (&error);
  g_assert_false (sk_transfers_comment (c->transfers, crossing_who ("taro"), id, text, &error));
  assert_error (&error, SK_ERROR_LIMIT, "longer than 2000 bytes", "2000 バイトを超えているか");
  g_autoptr (GPtrArray) rows = sk_transfers_comments (c->transfers, crossing_who ("taro"), id, &error);
  g_assert_cmpuint (rows->len, ==, 2);
}

/* ---- the end of contents ---- */

static void
test_purge (Crossing *c, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = crossing_send (c, "taro", "a.txt", "the same\n");
  g_autofree char *twin = crossing_send (c, "jiro", "b.txt", "the same\n");
  g_assert_cmpint (crossing_settle (c, id), ==, SK_TRANSFER_RELEASING);
  g_assert_cmpint (crossing_settle (c, twin), ==, SK_TRANSFER_RELEASING);
  g_assert_true (sk_transfers_withdraw (c->transfers, crossing_who ("taro"), id, &error));
  SkLiveTransfer *t = sk_transfers_find (c->transfers, id);
  const gint64 day = (gint64) 24 * 3600 * G_USEC_PER_SEC;
  g_assert_false (sk_live_transfer_purge (t, sk_transfers_now (c->transfers) + 29 * day));
  g_assert_true (sk_live_transfer_purge (t, sk_transfers_now (c->transfers) + 31 * day));
  g_assert_cmpint (crossing_state (c, id), ==, SK_TRANSFER_PURGED);
  g_assert_null (sk_transfers_peek (c->transfers, id));
  g_autoptr (SkTransfer) row = sk_transfers_get (c->transfers, crossing_who ("taro"), id, &error);
  g_assert_nonnull (row);
  /* Somebody else's with the same content still has it. */
  g_autoptr (GPtrArray) blobs = sk_quarantine_list (c->quarantine);
  g_assert_cmpuint (blobs->len, ==, 1); /* a plain text is rebuilt as it was */
  g_assert_true (sk_transfers_withdraw (c->transfers, crossing_who ("jiro"), twin, &error));
  g_assert_true (sk_live_transfer_purge (sk_transfers_find (c->transfers, twin),
                                         sk_transfers_now (c->transfers) + 31 * day));
  g_autoptr (GPtrArray) none = sk_quarantine_list (c->quarantine);
  g_assert_cmpuint (none->len, ==, 0);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8"); /* refusals are shown in both languages */
  g_test_init (&argc, &argv, NULL);
#define ADD(path, rules, func) g_test_add ("/transfers/" path, Crossing, rules, set_up, func, tear_down)
  ADD ("export", NULL, test_export);
  ADD ("import", NULL, test_import);
  ADD ("resume", NULL, test_resume);
  ADD ("wrong-length", NULL, test_wrong_length);
  ADD ("whose", NULL, test_whose);
  ADD ("limits", NULL, test_limits);
  ADD ("rate", NULL, test_rate);
  ADD ("per-user", NULL, test_per_user);
  ADD ("idle", NULL, test_idle);
  ADD ("changes", NULL, test_changes);
  ADD ("any", NULL, test_any);
  ADD ("any-goes-on", NULL, test_any_goes_on);
  ADD ("some", NULL, test_some);
  ADD ("all", NULL, test_all);
  ADD ("stages", NULL, test_stages);
  ADD ("deputies", NULL, test_deputies);
  ADD ("one-seat", NULL, test_one_seat);
  ADD ("all-seats", NULL, test_all_seats);
  ADD ("time", NULL, test_time);
  ADD ("last-moment", CROSSING_HOLD_ALL, test_last_moment);
  ADD ("unfetched", NULL, test_unfetched);
  ADD ("withdraw", CROSSING_HOLD_ALL, test_withdraw);
  ADD ("comments", CROSSING_HOLD_ALL, test_comments);
  ADD ("purge", NULL, test_purge);
  return g_test_run ();
}
