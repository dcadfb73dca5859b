/* What people at the desktop are told of an approval: who can decide, until when, what became of it and why;
 * and that the waiting receiver hears of a decision and of what waits for oneself. */
#include "api/json.h"
#include "common/error.h"
#include "desktop/receiver.h"
#include "desktop/transfer-text.h"
#include "mock/transfers.h"
#include <glib/gstdio.h>
#include <string.h>

#define DEADLINE_SECONDS 60

static SkTransferInfo *
info_of (const char *state, const char *more)
{
  g_autofree char *json = g_strdup_printf (
      "{\"id\":\"0-1\",\"state\":\"%s\",\"direction\":\"export\",\"kind\":\"file\",\"items\":[{\"name\":\"a."
      "txt\","
      "\"size\":1,\"removed\":[\"bidi\"],\"findings\":[{\"kind\":\"my-number\",\"count\":3}]}]%s}",
      state, more);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node
      = sk_json_parse (json, strlen (json), SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, &error);
  g_assert_no_error (error);
  SkTransferInfo *info = sk_transfer_info_parse (node, &error);
  g_assert_no_error (error);
  return info;
}

static void
next_is (const char *state, const char *more, const char *expected)
{
  g_autoptr (SkTransferInfo) info = info_of (state, more);
  g_autofree char *text = sk_transfer_next_text (info);
  g_assert_cmpstr (text, ==, expected);
}

#define DEPUTY                                                                                               \
  "{\"user\":\"mori\",\"name\":\"\",\"in_place_of\":\"suzuki\",\"done\":false},"                             \
  "{\"user\":\"tanaka\",\"name\":\"田中\",\"in_place_of\":\"\",\"done\":true},"                            \
  "{\"user\":\"suzuki\",\"name\":\"鈴木 花子\",\"in_place_of\":\"\",\"done\":false}"

static void
test_held (void)
{
  next_is ("held", ",\"approval\":{\"stage\":2,\"stages\":3,\"need\":2,\"given\":1,\"people\":[" DEPUTY "]}",
           "It waits for approval. Who can approve it now: mori for suzuki, 鈴木 花子 (suzuki) (step 2 of 3) "
           "(1 of 2 have approved)");
  next_is (
      "held", ",\"approval\":{\"stage\":1,\"stages\":1,\"need\":1,\"people\":[],\"escalated\":5}",
      "It waits for approval. Nobody can approve it just now; tell your administrator.; it was passed on, "
      "because nobody decided in time");
  /* an older broker says names only */
  next_is ("held", ",\"approval\":{\"stage\":1,\"stages\":1,\"who\":[\"a\",\"b\"]}",
           "It waits for approval. Who can approve it now: a, b");
}

static void
test_time_left (void)
{
  const gint64 until = g_get_real_time () + (gint64) (51 * 3600 + 600) * G_USEC_PER_SEC;
  g_autofree char *more = g_strdup_printf (
      ",\"approval\":{\"stage\":1,\"stages\":1,\"who\":[\"a\"],\"until\":%" G_GINT64_FORMAT "}", until);
  g_autoptr (SkTransferInfo) info = info_of ("held", more);
  g_autofree char *text = sk_transfer_next_text (info);
  g_assert_nonnull (strstr (text, "(2 days 3 hours left)"));
}

static void
test_over (void)
{
  next_is ("expired",
           ",\"refusal\":{\"code\":\"unfetched\",\"en\":\"It was not fetched in time.\",\"ja\":\"\"}",
           "It was not fetched in time.");
  next_is ("expired", "", "Nobody decided in time. Send it again.");
  next_is ("cancelled",
           ",\"refusal\":{\"code\":\"withdrawn\",\"en\":\"A colleague withdrew it.\",\"ja\":\"\"}",
           "A colleague withdrew it.");
}

static void
test_found (void)
{
  g_autoptr (SkTransferInfo) info = info_of ("held", "");
  const SkTransferInfoItem *item = info->items->pdata[0];
  g_assert_cmpstr (item->findings, ==, "My Number ×3");
  g_assert_cmpstr (item->removed, ==, "characters that change the reading order");
}

static void
news_is (const char *state, const char *decision, const char *expected)
{
  g_autofree char *more
      = g_strdup_printf (",\"count\":1,\"approval\":{\"who\":[],\"decisions\":[%s]}", decision);
  g_autoptr (SkTransferInfo) info = info_of (state, more);
  g_autofree char *text = sk_transfer_news_text (info);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_news (void)
{
  news_is ("releasing", "{\"user\":\"suzuki\",\"verdict\":\"approve\",\"comment\":\"ok\"}",
           "a.txt: suzuki: approved — ok");
  news_is ("denied", "{\"user\":\"suzuki\",\"verdict\":\"deny\",\"comment\":\"\\u202e宛先\"}",
           "a.txt: It was not approved (suzuki: denied — \357\277\275宛先).");
  news_is ("approved", "", "a.txt: It is approved and is being handed over.");
}

static void
copy_is (const char *kind, const char *state, const char *more, const char *title, const char *text)
{
  g_autoptr (SkTransferInfo) info = info_of (state, more);
  g_free (info->kind);
  info->kind = g_strdup (kind);
  g_autofree char *said = sk_transfer_news_text (info);
  g_assert_cmpstr (sk_transfer_news_title (info), ==, title);
  g_assert_cmpstr (said, ==, text);
}

/* What was copied is called what people call it. */
static void
test_copy (void)
{
  copy_is ("text", "held", ",\"approval\":{\"stage\":1,\"stages\":1,\"who\":[\"a\"]}",
           "The text you copied does not cross yet", "It waits for approval. Who can approve it now: a");
  copy_is ("image", "refused", ",\"refusal\":{\"code\":\"size\",\"en\":\"Too large.\",\"ja\":\"\"}",
           "The picture you copied does not cross", "It was refused: Too large.");
  copy_is ("text", "releasing",
           ",\"approval\":{\"who\":[],\"decisions\":[{\"user\":\"s\",\"verdict\":\"approve\","
           "\"comment\":\"\"}]}",
           "The text you copied was approved", "It can be pasted now.");
  g_autoptr (SkTransferInfo) info = info_of ("held", "");
  g_free (info->kind);
  info->kind = g_strdup ("image");
  g_autofree char *name = sk_transfer_names_text (info);
  g_assert_cmpstr (name, ==, "a copied picture");
  copy_is ("url", "expired", "", "The link is not opened", "a.txt: Nobody decided in time. Send it again.");
}

/* -- the waiting receiver -------------------------------------------------------------------------------- */

typedef struct
{
  guint words[2];
  char *last;
} Told;

static void
on_told (SkReceiverWord word, const SkTransferInfo *info, gpointer data)
{
  Told *told = data;
  told->words[word]++;
  g_free (told->last);
  told->last = sk_transfer_news_text (info);
}

static void
on_news (const SkReceipt *receipt, const GError *error, gpointer data)
{
  g_assert_not_reached ();
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the test waited too long");
  return G_SOURCE_REMOVE;
}

static void
wait_for (const guint *count, guint wanted)
{
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  while (*count < wanted)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

typedef struct
{
  char *dir, *socket;
  SkMockTransfers *mock;
  SkReceiver *receiver;
  Told told;
} World;

static World *
world_new (SkTransferInfo **ret_sent)
{
  World *w = g_new0 (World, 1);
  const SkTransferInfoOffer offer = { "a.txt", 0 };
  g_autoptr (GError) error = NULL;
  w->dir = g_dir_make_tmp ("sk-told-XXXXXX", NULL);
  w->socket = g_build_filename (w->dir, "api.sock", NULL);
  w->mock = sk_mock_transfers_new (w->socket);
  g_autoptr (SkClient) client = sk_client_new (w->socket);
  *ret_sent = sk_transfer_info_create (client, "why", NULL, &offer, 1, &error);
  g_assert_no_error (error);
  w->receiver = sk_receiver_new_full (w->socket, on_news, on_told, &w->told);
  sk_mock_transfers_wait_for_listener (w->mock);
  return w;
}

static void
world_free (World *w)
{
  sk_receiver_free (w->receiver);
  sk_mock_transfers_free (w->mock);
  g_unlink (w->socket);
  g_rmdir (w->dir);
  g_free (w->told.last);
  g_free (w->socket);
  g_free (w->dir);
  g_free (w);
}

static void
test_receiver (void)
{
  g_autoptr (SkTransferInfo) sent = NULL;
  World *w = world_new (&sent);
  sk_mock_transfers_ask (w->mock, sent->id);
  wait_for (&w->told.words[SK_RECEIVER_ASKED], 1);
  sk_mock_transfers_decide (w->mock, sent->id, "denied", "suzuki", "宛先違い");
  wait_for (&w->told.words[SK_RECEIVER_DECIDED], 1);
  g_assert_cmpstr (w->told.last, ==, "a.txt: It was not approved (suzuki: denied — 宛先違い).");
  world_free (w);
}

/* That a copy waits, or comes to nothing, is news without anybody's decision; that it passes is none, nor
 * that a newer one took its place. */
static void
test_receiver_copy (void)
{
  g_autoptr (SkTransferInfo) sent = NULL;
  World *w = world_new (&sent);
  sk_mock_transfers_copy (w->mock, sent->id, "text", "releasing");
  sk_mock_transfers_copy (w->mock, sent->id, "text", "cancelled");
  sk_mock_transfers_copy (w->mock, sent->id, "text", "held");
  wait_for (&w->told.words[SK_RECEIVER_DECIDED], 1);
  g_assert_true (g_str_has_prefix (w->told.last, "It waits for approval."));
  sk_mock_transfers_copy (w->mock, sent->id, "image", "refused");
  wait_for (&w->told.words[SK_RECEIVER_DECIDED], 2);
  g_assert_cmpstr (w->told.last, ==, "It was refused: this kind of file may not be sent");
  g_assert_cmpuint (w->told.words[SK_RECEIVER_DECIDED], ==, 2);
  world_free (w);
}

int
main (int argc, char **argv)
{
  g_autofree char *home = g_dir_make_tmp ("sk-home-XXXXXX", NULL);
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_setenv ("HOME", home, TRUE);
  g_setenv ("XDG_STATE_HOME", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/desktop/approvals/held", test_held);
  g_test_add_func ("/desktop/approvals/time-left", test_time_left);
  g_test_add_func ("/desktop/approvals/over", test_over);
  g_test_add_func ("/desktop/approvals/found", test_found);
  g_test_add_func ("/desktop/approvals/news", test_news);
  g_test_add_func ("/desktop/approvals/copy", test_copy);
  g_test_add_func ("/desktop/approvals/receiver", test_receiver);
  g_test_add_func ("/desktop/approvals/receiver-copy", test_receiver_copy);
  return g_test_run ();
}
