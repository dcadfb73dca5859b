/* The launcher's link against the real API over a core without VMs: what it shows while it waits, that it
 * takes the session up again, and when it leaves that alone. */
#include "api-fixture.h"
#include "desktop/link.h"
#include "wire/agent.h"
#include <sys/socket.h>

#define DEADLINE_SECONDS 20

typedef struct
{
  Fixture fixture;
  SkLink *link;
  GArray *states; /* SkLinkState, each change */
  GMutex mutex;
} Desk;

static void
desk_up (Desk *desk, gconstpointer unused)
{
  fixture_up (&desk->fixture, NULL);
  fixture_become (&desk->fixture, 1000, "sato", FALSE);
  fixture_add_pool (&desk->fixture, "internet", "");
  desk->states = g_array_new (FALSE, FALSE, sizeof (SkLinkState));
  g_mutex_init (&desk->mutex);
}

static void
desk_down (Desk *desk, gconstpointer unused)
{
  g_clear_pointer (&desk->link, sk_link_free);
  g_array_unref (desk->states);
  fixture_down (&desk->fixture, NULL);
  g_mutex_clear (&desk->mutex);
}

static void
on_change (SkLink *link, gpointer data)
{
  Desk *desk = data;
  g_auto (SkLinkView) view = { 0 };
  sk_link_look (link, &view);
  g_mutex_lock (&desk->mutex);
  g_array_append_val (desk->states, view.state);
  g_mutex_unlock (&desk->mutex);
  g_main_context_wakeup (NULL);
}

static void
start (Desk *desk, const char *url)
{
  const SkLinkRequest request = { .socket = desk->fixture.path, .url = url, .width = 1280, .height = 800 };
  desk->link = sk_link_new (&request);
  sk_link_set_notify (desk->link, on_change, desk);
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the test waited too long");
  return G_SOURCE_REMOVE;
}

static void
wait_for (Desk *desk, SkLinkState state)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  for (;;)
    {
      g_auto (SkLinkView) view = { 0 };
      sk_link_look (desk->link, &view);
      if (view.state == state)
        break;
      g_main_context_iteration (NULL, TRUE);
    }
  g_source_remove (deadline);
}

static gboolean
was_in (Desk *desk, SkLinkState state)
{
  gboolean was = FALSE;
  g_mutex_lock (&desk->mutex);
  for (guint i = 0; i < desk->states->len; i++)
    was = was || g_array_index (desk->states, SkLinkState, i) == state;
  g_mutex_unlock (&desk->mutex);
  return was;
}

static void
forget_states (Desk *desk)
{
  g_mutex_lock (&desk->mutex);
  g_array_set_size (desk->states, 0);
  g_mutex_unlock (&desk->mutex);
}

static int
take_stream (Desk *desk)
{
  g_autofree char *fingerprint = NULL;
  int fd = -1, width = 0, height = 0;
  guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  while ((fd = sk_link_take_stream (desk->link, &fingerprint, &width, &height)) < 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  g_assert_cmpuint (strlen (fingerprint), ==, 64);
  g_assert_cmpint (width, >, 0);
  return fd;
}

/* The stream leads to whom the core gave it. */
static void
assert_is_connected (Desk *desk, int fd)
{
  char byte = 0;
  int view = sk_mock_manager_attached_fd (desk->fixture.manager);
  while (view < 0 || send (fd, "R", 1, MSG_NOSIGNAL) != 1 || recv (view, &byte, 1, MSG_DONTWAIT) != 1)
    {
      g_main_context_iteration (NULL, FALSE);
      view = sk_mock_manager_attached_fd (desk->fixture.manager);
    }
  g_assert_cmpint (byte, ==, 'R');
}

static char *
session_id (Desk *desk)
{
  g_auto (SkLinkView) view = { 0 };
  sk_link_look (desk->link, &view);
  g_assert_nonnull (view.session);
  return g_strdup (view.session);
}

/* -- tests ----------------------------------------------------------------------------------------------- */

static void
test_click (Desk *desk, gconstpointer unused)
{
  sk_mock_manager_set_ready (desk->fixture.manager, 1);
  start (desk, "https://example.jp/");
  sk_autofd int fd = take_stream (desk);
  assert_is_connected (desk, fd);
  g_assert_false (was_in (desk, SK_LINK_QUEUED));
  g_assert_cmpint (sk_link_get_time (desk->link, SK_LINK_TIME_SENT), >, 0);
  g_assert_cmpint (sk_link_get_time (desk->link, SK_LINK_TIME_ANSWERED), >=,
                   sk_link_get_time (desk->link, SK_LINK_TIME_SENT));
}

static void
test_queue (Desk *desk, gconstpointer unused)
{
  sk_mock_manager_set_ready (desk->fixture.manager, 0);
  start (desk, NULL);
  wait_for (desk, SK_LINK_QUEUED);
  g_auto (SkLinkView) view = { 0 };
  sk_link_look (desk->link, &view);
  g_assert_cmpuint (view.position, ==, 1);
  sk_mock_manager_set_ready (desk->fixture.manager, 1);
  sk_mock_manager_serve_queue (desk->fixture.manager);
  sk_autofd int fd = take_stream (desk);
  assert_is_connected (desk, fd);
}

static void
test_refused (Desk *desk, gconstpointer unused)
{
  const SkLinkRequest request = { .socket = desk->fixture.path, .pool = "nowhere" };
  desk->link = sk_link_new (&request);
  sk_link_set_notify (desk->link, on_change, desk);
  wait_for (desk, SK_LINK_FAILED);
  g_auto (SkLinkView) view = { 0 };
  sk_link_look (desk->link, &view);
  g_assert_error (view.error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

/* A broker that starts late is found without anybody doing anything. */
static void
test_late_broker (Desk *desk, gconstpointer unused)
{
  SkApiOptions options = SK_API_OPTIONS_INIT;
  g_clear_pointer (&desk->fixture.server, sk_api_server_free);
  start (desk, NULL);
  wait_for (desk, SK_LINK_WAITING);
  g_auto (SkLinkView) view = { 0 };
  sk_link_look (desk->link, &view);
  g_assert_error (view.error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  options.socket_path = desk->fixture.path;
  options.images_dir = desk->fixture.dir;
  desk->fixture.server = sk_api_server_new_full (desk->fixture.manager, &options, NULL);
  fixture_become (&desk->fixture, 1000, "sato", FALSE);
  sk_mock_manager_set_ready (desk->fixture.manager, 1);
  sk_autofd int fd = take_stream (desk);
  assert_is_connected (desk, fd);
}

static void
set_detached (Desk *desk, const char *id)
{
  sk_mock_manager_set_session_state (desk->fixture.manager, id, SK_SESSION_DETACHED);
  sk_mock_manager_emit (desk->fixture.manager, "session", id, "detached", "");
}

/* The view died: the same session again, through a new ticket. */
static void
test_reattach (Desk *desk, gconstpointer unused)
{
  sk_mock_manager_set_ready (desk->fixture.manager, 1);
  start (desk, NULL);
  sk_autofd int fd = take_stream (desk);
  assert_is_connected (desk, fd);
  g_autofree char *before = session_id (desk);
  for (guint i = 0; i < 3; i++)
    {
      forget_states (desk);
      sk_clear_fd (&fd);
      set_detached (desk, before);
      sk_link_stream_lost (desk->link, TRUE);
      fd = take_stream (desk);
      assert_is_connected (desk, fd);
      g_autofree char *after = session_id (desk);
      g_assert_cmpstr (before, ==, after);
      g_assert_false (was_in (desk, SK_LINK_OPENING));
    }
}

/* The session has another viewer by now: it is not taken back, unless the user says so. */
static void
test_taken (Desk *desk, gconstpointer unused)
{
  sk_mock_manager_set_ready (desk->fixture.manager, 1);
  start (desk, NULL);
  sk_autofd int fd = take_stream (desk);
  g_autofree char *id = session_id (desk);
  sk_mock_manager_set_session_state (desk->fixture.manager, id, SK_SESSION_ACTIVE);
  sk_clear_fd (&fd);
  sk_link_stream_lost (desk->link, TRUE);
  wait_for (desk, SK_LINK_TAKEN);
  sk_link_retry (desk->link);
  fd = take_stream (desk);
  assert_is_connected (desk, fd);
}

static void
test_ended (Desk *desk, gconstpointer unused)
{
  sk_mock_manager_set_ready (desk->fixture.manager, 2);
  start (desk, NULL);
  sk_autofd int fd = take_stream (desk);
  sk_link_end_session (desk->link);
  wait_for (desk, SK_LINK_ENDED);
  /* The RDP stream ends a little later: that alone opens nothing, the user does. */
  forget_states (desk);
  sk_clear_fd (&fd);
  sk_link_stream_lost (desk->link, TRUE);
  sk_link_retry (desk->link);
  fd = take_stream (desk);
  assert_is_connected (desk, fd);
  g_assert_true (was_in (desk, SK_LINK_OPENING));
}

static void
test_open_url (Desk *desk, gconstpointer unused)
{
  sk_mock_manager_set_ready (desk->fixture.manager, 1);
  start (desk, NULL);
  sk_autofd int fd = take_stream (desk);
  g_autofree char *id = session_id (desk);
  g_autofree char *too_long = g_strnfill (SK_URL_MAX + 1, 'a');
  sk_link_open_url (desk->link, too_long); /* the launcher checks before; the broker checks again */
  guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  for (gboolean noticed = FALSE; !noticed;)
    {
      g_auto (SkLinkView) view = { 0 };
      sk_link_look (desk->link, &view);
      noticed = view.notice_serial == 1 && view.notice;
      g_assert_cmpint (view.state, ==, SK_LINK_STREAM);
      if (!noticed)
        g_main_context_iteration (NULL, TRUE);
    }
  g_source_remove (deadline);
}

/* Links that are dropped at any moment leave nothing behind. */
static void
test_dropped (Desk *desk, gconstpointer unused)
{
  guint before = fixture_count_fds ();
  for (guint i = 0; i < 30; i++)
    {
      sk_mock_manager_set_ready (desk->fixture.manager, i % 2);
      start (desk, NULL);
      for (guint n = (guint) g_test_rand_int_range (0, 20); n > 0; n--)
        g_main_context_iteration (NULL, FALSE);
      g_clear_pointer (&desk->link, sk_link_free);
    }
  guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  /* The mock keeps the stream of the last attach; keep-alive connections end with their links. */
  while (fixture_count_fds () > before + 2)
    g_main_context_iteration (NULL, FALSE);
  g_source_remove (deadline);
}

#define ADD(name, func) g_test_add ("/desktop/link/" name, Desk, NULL, desk_up, func, desk_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("click", test_click);
  ADD ("queue", test_queue);
  ADD ("refused", test_refused);
  ADD ("late-broker", test_late_broker);
  ADD ("reattach", test_reattach);
  ADD ("taken", test_taken);
  ADD ("ended", test_ended);
  ADD ("open-url", test_open_url);
  ADD ("dropped", test_dropped);
  return g_test_run ();
}
