/* Links to open in a session's browser: inspected and decided about as everything that crosses, then one
 * request to the guest, whose answer is believed for that much alone. */
#include "common/error.h"
#include "crossing-fixture.h"
#include <locale.h>
#include <string.h>

#define URL "https://www.example.jp/a?b=c"

static SkSession session = { .id = (char *) "s1",
                             .pool = (char *) "office",
                             .vm = (char *) "vm-s1",
                             .user = (char *) "taro",
                             .url = (char *) "",
                             .reason = (char *) "" };

typedef struct
{
  Crossing c;
  MockGuest own, other; /* two sessions of the same person */
} Fixture;

static void
set_up (Fixture *f, gconstpointer rules)
{
  crossing_up (&f->c, rules, 1);
  crossing_add_guest (&f->c, &f->own, "taro", "s1");
  crossing_add_guest (&f->c, &f->other, "taro", "s2");
  session.uid = crossing_who ("taro")->uid;
}

static void
end_session (Fixture *f)
{
  sk_transfers_remove_guest (f->c.transfers, "s1");
  mock_guest_clear (&f->own);
}

static void
tear_down (Fixture *f, gconstpointer rules)
{
  g_assert_cmpuint (f->other.urls->len, ==, 0);
  end_session (f);
  sk_transfers_remove_guest (f->c.transfers, "s2");
  mock_guest_clear (&f->other);
  g_assert_cmpuint (crossing_verify (&f->c), ==, 0);
  crossing_down (&f->c);
}

/* Somebody wants it opened in the first session; until it waits for a person or the guest. */
static char *
submit (Fixture *f, const char *url, SkTransferState state)
{
  g_autoptr (GBytes) content = g_bytes_new (url, strlen (url));
  g_autoptr (GError) error = NULL;
  char *id = sk_transfers_submit (f->c.transfers, crossing_who ("taro"), &session, SK_CROSS_EXPORT,
                                  SK_KIND_URL, "link.txt", content, &error);
  g_assert_no_error (error);
  while (sk_transfers_peek (f->c.transfers, id)->state == SK_TRANSFER_RECEIVING)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (crossing_settle (&f->c, id), ==, state);
  return id;
}

static void
decide (Fixture *f, const char *id, SkVerdict verdict)
{
  g_autoptr (GError) error = NULL;
  if (!sk_transfers_decide (f->c.transfers, crossing_who ("jiro"), id, verdict, "no", &error))
    g_error ("%s", error->message);
}

/* Both guests' agents answer again, and all that is due is done. */
static void
wake_up (Fixture *f)
{
  sk_transfers_guest_up (f->c.transfers, "s1");
  sk_transfers_guest_up (f->c.transfers, "s2");
  sk_transfers_pump_soon (f->c.transfers);
  crossing_iterate (&f->c);
}

static void
assert_opened (Fixture *f, guint times)
{
  wake_up (f);
  g_assert_cmpuint (f->own.urls->len, ==, times);
  for (guint i = 0; i < times; i++)
    g_assert_cmpstr (f->own.urls->pdata[i], ==, URL);
}

static void
assert_ended (Fixture *f, const char *id, SkTransferState state, const char *code)
{
  const SkTransfer *row = sk_transfers_peek (f->c.transfers, id);
  g_assert_cmpint (crossing_state (&f->c, id), ==, state);
  g_assert_cmpstr (row->code, ==, code);
  if (*code && (!*row->en || !*row->ja || strcmp (row->en, row->ja) == 0))
    g_error ("%s: \"%s\", \"%s\"", code, row->en, row->ja);
}

/* ---- the guest's answer ---- */

static void
test_opened (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_RELEASING);
  assert_opened (f, 1);
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_RELEASING);
  mock_guest_answer (&f->own, TRUE, "", 0);
  assert_ended (f, id, SK_TRANSFER_DELIVERED, "");
  g_assert_cmpuint (crossing_audited (&f->c, id, "transfer.delivered"), ==, 1);
  assert_opened (f, 1);
}

static void
test_not_opened (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *text;
    guint error;
  } answers[] = { { "no browser", 0 }, { "", SK_ERROR_TIMEOUT }, { "", SK_ERROR_PROTOCOL } };
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *id = submit (f, URL, SK_TRANSFER_RELEASING);
      assert_opened (f, i + 1);
      mock_guest_answer (&f->own, FALSE, answers[i].text, answers[i].error);
      assert_ended (f, id, SK_TRANSFER_CANCELLED, "not-opened");
      g_assert_cmpuint (crossing_audited (&f->c, id, "transfer.cancelled"), ==, 1);
      /* Who wants it clicks again: that is another one. */
      assert_opened (f, i + 1);
    }
}

/* It may not have heard of it. */
static void
test_gone_for_a_moment (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_RELEASING);
  mock_guest_disconnect (&f->own);
  mock_guest_answer (&f->own, FALSE, "", SK_ERROR_PEER_LOST);
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_RELEASING);
  assert_opened (f, 1);
  mock_guest_connect (&f->own);
  assert_opened (f, 2);
  mock_guest_answer (&f->own, TRUE, "", 0);
  assert_ended (f, id, SK_TRANSFER_DELIVERED, "");
}

/* ---- what waits for people, and what is not to be opened ---- */

static void
test_held (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_HELD);
  assert_opened (f, 0);
  decide (f, id, SK_DECISION_APPROVE);
  crossing_wait (&f->c, id, SK_TRANSFER_RELEASING);
  assert_opened (f, 1);
  mock_guest_answer (&f->own, TRUE, "", 0);
  assert_ended (f, id, SK_TRANSFER_DELIVERED, "");
}

static void
test_denied (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_HELD);
  decide (f, id, SK_DECISION_DENY);
  g_assert_cmpint (crossing_state (&f->c, id), ==, SK_TRANSFER_DENIED);
  assert_opened (f, 0);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_REFUSED);
  assert_ended (f, id, SK_TRANSFER_REFUSED, "not-allowed");
  assert_opened (f, 0);
}

/* The inspection lets nothing through that is no address. */
static void
test_no_address (Fixture *f, gconstpointer data)
{
  static const char *const bad[]
      = { "javascript:alert(1)", "file:///etc/passwd", "https://a b/", "https://a/\nhttps://b/", "x" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *id = submit (f, bad[i], SK_TRANSFER_REFUSED);
      g_test_message ("%s: %s", bad[i], crossing_code (&f->c, id));
      assert_opened (f, 0);
    }
}

/* ---- ends meanwhile ---- */

static void
test_session_ends (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_RELEASING);
  assert_opened (f, 1);
  sk_transfers_remove_guest (f->c.transfers, "s1");
  assert_ended (f, id, SK_TRANSFER_CANCELLED, "session-ended");
  mock_guest_answer (&f->own, TRUE, "", 0);
  assert_ended (f, id, SK_TRANSFER_CANCELLED, "session-ended");
  wake_up (f);
}

static void
test_held_session_ends (Fixture *f, gconstpointer data)
{
  g_autofree char *id = submit (f, URL, SK_TRANSFER_HELD);
  g_autoptr (GError) error = NULL;
  end_session (f);
  assert_ended (f, id, SK_TRANSFER_CANCELLED, "session-ended");
  g_assert_false (
      sk_transfers_decide (f->c.transfers, crossing_who ("jiro"), id, SK_DECISION_APPROVE, "", &error));
  wake_up (f);
}

/* Taken back while the guest has it: what it says then changes nothing. */
static void
test_withdrawn (Fixture *f, gconstpointer data)
{
  static const gboolean answers[] = { TRUE, FALSE };
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *id = submit (f, URL, SK_TRANSFER_RELEASING);
      g_assert_true (sk_transfers_withdraw (f->c.transfers, crossing_who ("taro"), id, &error));
      g_autofree char *code = g_strdup (crossing_code (&f->c, id));
      mock_guest_answer (&f->own, answers[i], "", 0);
      assert_ended (f, id, SK_TRANSFER_CANCELLED, code);
      assert_opened (f, i + 1);
    }
}

int
main (int argc, char **argv)
{
  static const char refuse[] = "[all]\naction = refuse\nreason = not-allowed\n";
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
#define ADD(path, rules, func) g_test_add ("/links/" path, Fixture, rules, set_up, func, tear_down)
  ADD ("opened", NULL, test_opened);
  ADD ("not-opened", NULL, test_not_opened);
  ADD ("gone-for-a-moment", NULL, test_gone_for_a_moment);
  ADD ("held", CROSSING_HOLD_ALL, test_held);
  ADD ("denied", CROSSING_HOLD_ALL, test_denied);
  ADD ("refused", refuse, test_refused);
  ADD ("no-address", NULL, test_no_address);
  ADD ("session-ends", NULL, test_session_ends);
  ADD ("held-session-ends", CROSSING_HOLD_ALL, test_held_session_ends);
  ADD ("withdrawn", NULL, test_withdrawn);
  return g_test_run ();
}
