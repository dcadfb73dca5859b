/* What happens over time: the queue, tickets, the RDP upgrade, events, builds; and clients that mean harm. */
#include "api-fixture.h"
#include "api/head.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SESSION "11111111-0000-4000-8000-000000000001"

/* Short enough to be seen, long enough for a busy machine to serve an honest client. */
static const SkApiLimits short_limits = {
  .phases_ms
  = { [SK_PHASE_IDLE] = 300, [SK_PHASE_HEAD] = 300, [SK_PHASE_BODY] = 300, [SK_PHASE_ANSWERING] = 300 },
  .sweep_ms = 20,
  .per_user = 3,
  .total = 8,
};

static JsonNode *
call (SkClient *client, const char *method, const char *path, const char *body, char **ret_operation,
      GError **error)
{
  g_autoptr (JsonNode) node = body ? sk_json_parse (body, strlen (body), 8, 64, NULL) : NULL;
  return sk_client_call (client, method, path, node, ret_operation, error);
}

static JsonNode *
must_call (SkClient *client, const char *method, const char *path, const char *body, char **ret_operation)
{
  g_autoptr (GError) error = NULL;
  JsonNode *answer = call (client, method, path, body, ret_operation, &error);
  g_assert_no_error (error);
  g_assert_nonnull (answer);
  return answer;
}

static const char *
member (JsonNode *answer, const char *object, const char *name)
{
  JsonObject *outer = json_node_get_object (answer);
  return sk_json_get_string (object ? json_object_get_object_member (outer, object) : outer, name, NULL);
}

static void
must_send (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, (gssize) strlen (text));
}

static void
must_receive (int fd, const char *wanted)
{
  g_autofree char *buffer = g_malloc0 (strlen (wanted) + 1);
  g_assert_cmpint (recv (fd, buffer, strlen (wanted), MSG_WAITALL), ==, (gssize) strlen (wanted));
  g_assert_cmpstr (buffer, ==, wanted);
}

/* TRUE: the server closed it, however. */
static gboolean
is_closed (int fd)
{
  g_autofree char *rest = fixture_read_all (fd);
  return TRUE;
}

static void
prepare (Fixture *f, guint ready)
{
  fixture_add_pool (f, "internet", "");
  sk_mock_manager_set_ready (f->manager, ready);
}

/* -- the RDP stream ------------------------------------------------------------------------------------- */

static void
do_nothing (gpointer data)
{
}

/* The client sees 101 a moment before the core has the stream. */
static int
attached (Fixture *f)
{
  fixture_on_main (do_nothing, NULL);
  return sk_mock_manager_attached_fd (f->manager);
}

static void
run_upgrade (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autoptr (JsonNode) opened = must_call (client, "POST", "/1.0/sessions", "{}", NULL), again = NULL;
  g_autofree char *token = g_strdup (member (opened, "ticket", "token"));
  int fd;

  g_assert_cmpint (sk_client_upgrade_rdp (client, SESSION, "wrong", &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
  g_clear_error (&error);
  g_assert_cmpint (sk_client_upgrade_rdp (client, "none", token, &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  fd = sk_client_upgrade_rdp (client, SESSION, token, &error);
  g_assert_no_error (error);
  must_send (fd, "to the guest");
  must_receive (attached (f), "to the guest");
  must_send (attached (f), "to the viewer");
  must_receive (fd, "to the viewer");
  /* The token is used up; the client still works. */
  g_assert_cmpint (sk_client_upgrade_rdp (client, SESSION, token, &error), ==, -1);
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
  again = must_call (client, "GET", "/1.0", NULL, NULL);
  close (fd);
}

static void
test_upgrade (Fixture *f, gconstpointer unused)
{
  guint fds = fixture_count_fds ();
  prepare (f, 1);
  fixture_run (run_upgrade, f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  /* The viewer's descriptor alone. */
  g_assert_cmpuint (fixture_count_fds (), <=, fds + 1);
}

static char *
upgrade_request (Fixture *f, const char *before, const char *behind)
{
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autoptr (JsonNode) ticket = must_call (client, "POST", "/1.0/sessions/" SESSION "/ticket", NULL, NULL);
  return g_strdup_printf ("%sGET /1.0/sessions/" SESSION
                          "/rdp HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
                          "Upgrade: rdp\r\nAuthorization: Bearer %s\r\n\r\n%s",
                          before, member (ticket, NULL, "token"), behind);
}

/* TRUE: the first text came; FALSE: the other one. */
static gboolean
read_until (int fd, const char *good, const char *bad)
{
  g_autoptr (GString) all = g_string_new (NULL);
  char byte;
  while (recv (fd, &byte, 1, 0) == 1)
    {
      g_string_append_c (all, byte);
      if (strstr (all->str, good))
        return TRUE;
      if (strstr (all->str, bad))
        return FALSE;
    }
  g_error ("neither %s nor %s: %s", good, bad, all->str);
  return FALSE;
}

static void
run_early (gpointer data)
{
  Fixture *f = data;
  g_autofree char *request = NULL;
  sk_autofd int fd = -1;

  request = upgrade_request (f, "", "early bytes");
  fd = fixture_connect (f);
  must_send (fd, request);
  must_receive (fd, "HTTP/1.1 101 Switching Protocols\r\n");
  must_receive (attached (f), "early bytes");
  sk_clear_fd (&fd);
  g_free (request);

  /* A request before it, with and without a body, in the same write: the stream is whole, or refused. */
  request = upgrade_request (f, "GET /1.0 HTTP/1.1\r\nHost: x\r\n\r\n", "early bytes");
  fd = fixture_connect (f);
  must_send (fd, request);
  if (read_until (fd, " 101 ", "\"error_type\":\"protocol\""))
    must_receive (attached (f), "early bytes");
  sk_clear_fd (&fd);
  g_free (request);
  request = upgrade_request (f, "POST /1.0/shutdown HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
                             "early bytes");
  fd = fixture_connect (f);
  must_send (fd, request);
  if (read_until (fd, " 101 ", "\"error_type\":\"protocol\""))
    must_receive (attached (f), "early bytes");
}

static void
test_early_bytes (Fixture *f, gconstpointer unused)
{
  prepare (f, 1);
  assert_answer (f, "POST", "/1.0/sessions", "{}", "200 ");
  fixture_run (run_early, f);
}

static void
test_upgrade_headers (Fixture *f, gconstpointer unused)
{
  static const char *const heads[] = {
    "Connection: close\r\n",
    "Connection: close, Upgrade\r\n",
    "Connection: close\r\nUpgrade: rdp\r\n",
    "Connection: close, Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer x\r\n",
    "Connection: close, Upgrade\r\nUpgrade: rdp\r\n",
    "Connection: close, Upgrade\r\nUpgrade: rdp\r\nAuthorization: Basic x\r\n",
    "Connection: close, Upgrade\r\nUpgrade: rdp\r\nAuthorization: Bearer \r\n",
  };
  prepare (f, 1);
  assert_answer (f, "POST", "/1.0/sessions", "{}", "200 ");
  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      g_autofree char *request
          = g_strdup_printf ("GET /1.0/sessions/" SESSION "/rdp HTTP/1.1\r\nHost: x\r\n%s\r\n", heads[i]);
      g_autofree char *answer = fixture_raw (f, request);
      if (!g_str_has_prefix (answer, i < 4 ? "400 " : "403 "))
        g_error ("%s: %s", heads[i], answer);
    }
  g_assert_cmpint (sk_mock_manager_attached_fd (f->manager), ==, -1);
}

/* -- queue, tickets ------------------------------------------------------------------------------------- */

static void
serve_one (gpointer data)
{
  Fixture *f = data;
  sk_mock_manager_set_ready (f->manager, 1);
  sk_mock_manager_serve_queue (f->manager);
}

static void
run_queue (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *first = NULL, *second = NULL;
  g_autoptr (JsonNode) one = must_call (client, "POST", "/1.0/sessions", "{}", &first);
  g_autoptr (JsonNode) two = must_call (client, "POST", "/1.0/sessions", "{}", &second);
  g_autoptr (JsonNode) result = NULL, shown = NULL, nothing = NULL, cancelled = NULL;
  JsonObject *place;

  g_assert_nonnull (first);
  place = json_object_get_object_member (json_node_get_object (two), "metadata");
  g_assert_cmpint (sk_json_get_int (place, "position", 0), ==, 2);
  g_assert_cmpint (sk_json_get_int (place, "eta_seconds", 0), ==, 60);
  g_assert_null (sk_client_wait (client, first, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_TIMEOUT);
  g_clear_error (&error);
  fixture_on_main (serve_one, f);
  result = sk_client_wait (client, first, 10, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (member (result, "session", "state"), ==, "starting");
  /* The other one moved up. */
  shown = must_call (client, "GET", second, NULL, NULL);
  place = json_object_get_object_member (json_node_get_object (shown), "metadata");
  g_assert_cmpint (sk_json_get_int (place, "position", 0), ==, 1);
  nothing = must_call (client, "DELETE", second, NULL, NULL);
  g_assert_null (sk_client_wait (client, second, 10, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (call (client, "DELETE", second, NULL, NULL, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
}

static void
test_queue (Fixture *f, gconstpointer unused)
{
  prepare (f, 0);
  fixture_run (run_queue, f);
}

/* A client that goes away while it waits leaves nothing behind. */
static void
run_gone_waiter (gpointer data)
{
  Fixture *f = data;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *operation = NULL, *request = NULL;
  g_autoptr (JsonNode) queued = must_call (client, "POST", "/1.0/sessions", "{}", &operation);
  sk_autofd int fd = fixture_connect (f);
  request = g_strdup_printf ("GET %s/wait HTTP/1.1\r\nHost: x\r\n\r\n", operation);
  must_send (fd, request);
}

static void
test_gone_waiter (Fixture *f, gconstpointer unused)
{
  prepare (f, 0);
  fixture_run (run_gone_waiter, f);
  gboolean gone = FALSE;
  while (!gone)
    {
      g_main_context_iteration (NULL, TRUE);
      gone = g_hash_table_size (f->server->connections) == 0;
    }
  serve_one (f);
}

static void
test_ticket_later (Fixture *f, gconstpointer unused)
{
  prepare (f, 1);
  sk_mock_manager_set_no_views (f->manager, 3);
  assert_answer (f, "POST", "/1.0/sessions", "{}", "\"token\":\"");
  sk_mock_manager_set_no_views (f->manager, 3);
  assert_answer (f, "POST", "/1.0/sessions/" SESSION "/ticket", NULL, "\"token\":\"");
}

/* -- events --------------------------------------------------------------------------------------------- */

static void
emit_three (gpointer data)
{
  Fixture *f = data;
  sk_mock_manager_emit (f->manager, "vm", "some-vm", "warm", "");
  sk_mock_manager_emit (f->manager, "session", SESSION, "active", "Hello / こんにちは");
  sk_mock_manager_emit (f->manager, "session", "someone-else", "active", "");
}

static void
run_events_user (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autoptr (SkClientEvents) events = NULL;
  g_autoptr (JsonNode) opened = must_call (client, "POST", "/1.0/sessions", "{}", NULL), event = NULL;

  events = sk_client_events (client, &error);
  g_assert_no_error (error);
  g_assert_null (sk_client_events_next (events, 0, &error));
  g_assert_no_error (error);
  fixture_on_main (emit_three, f);
  event = sk_client_events_next (events, 10000, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (member (event, NULL, "id"), ==, SESSION);
  g_assert_cmpstr (member (event, NULL, "text"), ==, "Hello / こんにちは");
  g_assert_cmpstr (member (event, NULL, "pool"), ==, "internet");
  g_assert_null (sk_client_events_next (events, 0, &error));
  g_assert_no_error (error);
}

/* One's own session says "ended" although the core has forgotten it by then. */
static void
run_events_ended (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autoptr (SkClientEvents) events = sk_client_events (client, &error);
  g_autoptr (JsonNode) nothing = must_call (client, "DELETE", "/1.0/sessions/" SESSION, NULL, NULL),
                       event = NULL;
  event = sk_client_events_next (events, 10000, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (member (event, NULL, "id"), ==, SESSION);
  g_assert_cmpstr (member (event, NULL, "state"), ==, "ended");
}

/* Only the asked type: the VM's event comes first and is left out. */
static void
run_events_type (gpointer data)
{
  Fixture *f = data;
  sk_autofd int fd = fixture_connect (f);
  must_send (fd, "GET /1.0/events?type=operation,session HTTP/1.1\r\nHost: x\r\n\r\n");
  g_assert_true (read_until (fd, ": connected", "error"));
  fixture_on_main (emit_three, f);
  g_assert_true (read_until (fd, "event: session", "event: vm"));
}

static void
run_events_admin (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autoptr (SkClientEvents) events = sk_client_events (client, &error);
  g_assert_no_error (error);
  fixture_on_main (emit_three, f);
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (JsonNode) event = sk_client_events_next (events, 10000, &error);
      g_assert_no_error (error);
      g_assert_nonnull (event);
    }
}

static void
test_events (Fixture *f, gconstpointer unused)
{
  prepare (f, 1);
  fixture_become (f, 4242, "hanako", FALSE);
  fixture_run (run_events_user, f);
  fixture_run (run_events_ended, f);
  fixture_become (f, 0, "root", TRUE);
  fixture_run (run_events_admin, f);
  fixture_run (run_events_type, f);
}

static void
emit_many (gpointer data)
{
  Fixture *f = data;
  g_autofree char *text = g_strnfill (1000, 'x');
  for (int i = 0; i < 1000; i++)
    sk_mock_manager_emit (f->manager, "vm", "some-vm", "warm", text);
}

/* Reads nothing while a megabyte of events comes: is disconnected, and others are not. */
static void
run_slow_listener (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autoptr (SkClientEvents) events = sk_client_events (client, &error);
  g_autoptr (JsonNode) alive = NULL;
  guint n = 0;
  fixture_on_main (emit_many, f);
  for (;;)
    {
      g_autoptr (JsonNode) event = sk_client_events_next (events, 10000, &error);
      if (!event)
        break;
      n++;
    }
  g_assert_error (error, SK_ERROR, SK_ERROR_PEER_LOST);
  g_assert_cmpuint (n, <, 1000);
  alive = must_call (client, "GET", "/1.0", NULL, NULL);
}

static void
test_slow_listener (Fixture *f, gconstpointer unused)
{
  fixture_run (run_slow_listener, f);
  g_assert_cmpuint (sk_events_count (f->server->events), ==, 0);
}

static void
run_many_listeners (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  SkClientEvents *events[SK_EVENTS_PER_USER];
  for (gsize i = 0; i < G_N_ELEMENTS (events); i++)
    {
      events[i] = sk_client_events (client, &error);
      g_assert_no_error (error);
    }
  g_assert_null (sk_client_events (client, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_LIMIT);
  for (gsize i = 0; i < G_N_ELEMENTS (events); i++)
    sk_client_events_free (events[i]);
}

static void
test_many_listeners (Fixture *f, gconstpointer unused)
{
  fixture_run (run_many_listeners, f);
}

/* -- operations ----------------------------------------------------------------------------------------- */

static void
finish_drain (gpointer data)
{
  sk_mock_manager_finish_drain (((Fixture *) data)->manager);
}

static void
run_operations (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *doctor = NULL, *shut = NULL;
  g_autoptr (JsonNode) first
      = must_call (client, "GET", "/1.0/doctor?canary=10.1.2.3:80&canary=10.1.2.4", NULL, &doctor);
  g_autoptr (JsonNode) report = sk_client_wait (client, doctor, 10, &error);
  g_autoptr (JsonNode) second = NULL, done = NULL, list = NULL;
  g_assert_no_error (error);
  g_assert_true (sk_json_get_bool (json_node_get_object (report), "green", FALSE));
  g_assert_cmpstr (sk_mock_manager_canary (f->manager), ==, "10.1.2.3:80,10.1.2.4");
  second = must_call (client, "POST", "/1.0/shutdown", "{\"sessions\":true}", &shut);
  g_assert_null (sk_client_wait (client, shut, 0, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_TIMEOUT);
  g_clear_error (&error);
  fixture_on_main (finish_drain, f);
  done = sk_client_wait (client, shut, 10, &error);
  g_assert_no_error (error);
  list = must_call (client, "GET", "/1.0/operations", NULL, NULL);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (list)), ==, 2);
}

static void
test_operations (Fixture *f, gconstpointer unused)
{
  fixture_run (run_operations, f);
  fixture_become (f, 4242, "hanako", FALSE);
  assert_answer (f, "GET", "/1.0/operations", NULL, "\"metadata\":[]");
}

static void
write_builder (Fixture *f, const char *script)
{
  g_autofree char *path = g_build_filename (f->dir, "build-image", NULL);
  g_autofree char *text = g_strdup_printf ("#!/bin/sh\n%s\n", script);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);
  g_free (f->server->build_image);
  f->server->build_image = g_steal_pointer (&path);
}

static void
run_build (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *operation = NULL, *go = g_build_filename (f->dir, "go", NULL);
  g_autoptr (JsonNode) started
      = must_call (client, "POST", "/1.0/images", "{\"build\":true,\"name\":\"new\"}", &operation);
  g_autoptr (JsonNode) image = NULL, nothing = NULL;
  g_assert_null (call (client, "POST", "/1.0/images", "{\"build\":true}", NULL, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_clear_error (&error);
  sk_autofd int fifo = open (go, O_WRONLY);
  g_assert_cmpint (write (fifo, "go\n", 3), ==, 3);
  image = sk_client_wait (client, operation, 10, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (member (image, NULL, "name"), ==, "new");
  g_assert_true (g_str_has_prefix (member (image, NULL, "path"), f->dir));
  nothing = must_call (client, "DELETE", "/1.0/images/new", NULL, NULL);
  g_assert_false (g_file_test (member (image, NULL, "path"), G_FILE_TEST_EXISTS));
}

/* The same content again: the older folder stays the image's, the new one goes. */
static void
run_same_build (gpointer data)
{
  Fixture *f = data;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *path = NULL;
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *operation = NULL;
      g_autoptr (JsonNode) started
          = must_call (client, "POST", "/1.0/images", "{\"build\":true,\"name\":\"new\"}", &operation);
      g_autoptr (JsonNode) image = sk_client_wait (client, operation, 10, &error);
      g_assert_no_error (error);
      if (!path)
        path = g_strdup (member (image, NULL, "path"));
      g_assert_cmpstr (member (image, NULL, "path"), ==, path);
    }
  g_autoptr (JsonNode) nothing = must_call (client, "DELETE", "/1.0/images/new", NULL, NULL);
}

static void
run_failing_build (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *operation = NULL;
  const char *en, *ja, *detail;
  g_autoptr (JsonNode) started = must_call (client, "POST", "/1.0/images", "{\"build\":true}", &operation);
  g_assert_null (sk_client_wait (client, operation, 10, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  sk_client_last_error (client, &en, &ja, &detail);
  g_assert_cmpstr (detail, ==, "image: error: no disk");
}

/* The builder's children go with it. */
static void
run_cancelled_build (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *operation = NULL;
  g_autoptr (JsonNode) started = must_call (client, "POST", "/1.0/images", "{\"build\":true}", &operation),
                       nothing = NULL;
  /* Only a builder that has begun can be slow to end. */
  for (gboolean begun = FALSE; !begun;)
    {
      g_autoptr (JsonNode) shown = must_call (client, "GET", operation, NULL, NULL);
      begun = JSON_NODE_HOLDS_OBJECT (json_object_get_member (json_node_get_object (shown), "metadata"));
    }
  nothing = must_call (client, "DELETE", operation, NULL, NULL);
  g_assert_null (sk_client_wait (client, operation, 10, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CANCELLED);
}

static void
test_build (Fixture *f, gconstpointer unused)
{
  g_autofree char *script = g_build_filename (f->dir, "build-image", NULL);
  g_autofree char *go = g_build_filename (f->dir, "go", NULL);
  /* Waits to be told, so that the second request meets it. */
  g_assert_cmpint (mkfifo (go, 0600), ==, 0);
  write_builder (
      f, "echo 'image: [1/2] 作る / making'; read -r _ <\"${4%/*}/go\"; echo '{}' >\"$4/manifest.json\"");
  fixture_run (run_build, f);
  write_builder (f, "echo '{\"id\":\"same\"}' >\"$4/manifest.json\"");
  fixture_run (run_same_build, f);
  write_builder (f, "echo 'image: error: no disk'; exit 1");
  fixture_run (run_failing_build, f);
  write_builder (f, "trap 'exit 1' TERM; echo started; cat /dev/zero >/dev/null");
  fixture_run (run_cancelled_build, f);
  g_assert_null (f->server->build);
  unlink (script);
  unlink (go);
}

/* -- clients that mean harm ----------------------------------------------------------------------------- */

static void
run_slow_head (gpointer data)
{
  sk_autofd int fd = fixture_connect (data);
  must_send (fd, "GET /1.0 HTTP/1.1\r\nHost: ");
  g_assert_true (is_closed (fd));
}

static void
run_slow_body (gpointer data)
{
  sk_autofd int fd = fixture_connect (data);
  must_send (fd, "POST /1.0/pools HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  g_assert_true (is_closed (fd));
}

static void
run_idle (gpointer data)
{
  sk_autofd int fd = fixture_connect (data);
  g_assert_true (is_closed (fd));
}

static void
run_long_head (gpointer data)
{
  Fixture *f = data;
  sk_autofd int fd = fixture_connect (f);
  g_autofree char *head = g_strnfill (SK_API_HEAD_MAX, 'a');
  must_send (fd, "GET /1.0 HTTP/1.1\r\nHost: x\r\nX: ");
  if (send (fd, head, strlen (head), MSG_NOSIGNAL) > 0)
    send (fd, "\r\n\r\n", 4, MSG_NOSIGNAL);
  g_autofree char *answer = fixture_read_all (fd);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 431 "));
}

static void
run_half_closed (gpointer data)
{
  sk_autofd int fd = fixture_connect (data);
  must_send (fd, "GET /1.0 HTTP/1.1\r\nHost: x\r\n\r\n");
  shutdown (fd, SHUT_WR);
  must_receive (fd, "HTTP/1.1 200 OK\r\n");
}

static void
run_crowd (gpointer data)
{
  Fixture *f = data;
  int fds[4];
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = fixture_connect (f);
      if (i < short_limits.per_user)
        {
          must_send (fds[i], "GET /1.0/health HTTP/1.1\r\nHost: x\r\n\r\n");
          must_receive (fds[i], "HTTP/1.1 200 OK\r\n");
        }
    }
  g_autofree char *answer = fixture_read_all (fds[3]);
  g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 503 "));
  g_assert_nonnull (strstr (answer, "\"error_type\":\"limit\""));
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

/* A kept connection that the server closed meanwhile is replaced without an error. */
static void
run_stale (gpointer data)
{
  Fixture *f = data;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  sk_autofd int other = -1;
  g_autoptr (JsonNode) first = must_call (client, "GET", "/1.0", NULL, NULL), second = NULL;
  /* One that is as idle, to see when the time is over. */
  other = fixture_connect (f);
  g_assert_true (is_closed (other));
  second = must_call (client, "GET", "/1.0", NULL, NULL);
}

/* Asks for a list of 2 MiB and never takes it. */
static void
run_never_reads (gpointer data)
{
  Fixture *f = data;
  sk_autofd int fd = fixture_connect (f);
  gboolean closed = FALSE;
  must_send (fd, "GET /1.0/images HTTP/1.1\r\nHost: x\r\n\r\n");
  struct pollfd waiting = { fd, POLLHUP, 0 };
  closed = poll (&waiting, 1, 15000) == 1;
  g_assert_true (closed);
}

static void
test_limits (Fixture *f, gconstpointer unused)
{
  guint fds = fixture_count_fds ();
  g_autofree char *long_name = g_strnfill (1024 * 1024, 'x');
  fixture_run (run_slow_head, f);
  fixture_run (run_slow_body, f);
  fixture_run (run_idle, f);
  fixture_run (run_stale, f);
  fixture_run (run_long_head, f);
  fixture_run (run_half_closed, f);
  fixture_run (run_crowd, f);
  while (g_hash_table_size (f->server->connections) > 0)
    g_main_context_iteration (NULL, TRUE);
  g_autofree char *manifest = g_build_filename (f->dir, "manifest.json", NULL);
  g_assert_true (g_file_set_contents (manifest, "{}", -1, NULL));
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (SkImage) image = sk_manager_import_image (f->manager, long_name, f->dir, NULL);
      g_assert_nonnull (image);
    }
  unlink (manifest);
  fixture_run (run_never_reads, f);
  while (g_hash_table_size (f->server->connections) > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (fixture_count_fds (), <=, fds);
}

/* A user who uses up all places of ordinary users does not lock out an administrator. */
static void
run_take_all (gpointer data)
{
  Fixture *f = data;
  sk_autofd int one = fixture_connect (f);
  must_send (one, "GET /1.0/health HTTP/1.1\r\nHost: x\r\n\r\n");
  must_receive (one, "HTTP/1.1 200 OK\r\n");
  sk_autofd int two = fixture_connect (f);
  g_autofree char *refused = fixture_read_all (two);
  g_assert_true (g_str_has_prefix (refused, "HTTP/1.1 503 "));
  fixture_become (f, 0, "root", TRUE);
  sk_autofd int three = fixture_connect (f);
  must_send (three, "GET /1.0/health HTTP/1.1\r\nHost: x\r\n\r\n");
  must_receive (three, "HTTP/1.1 200 OK\r\n");
}

static void
test_admin_gets_in (Fixture *f, gconstpointer unused)
{
  f->server->limits.total = 1;
  fixture_become (f, 4242, "hanako", FALSE);
  fixture_run (run_take_all, f);
}

/* Random bytes, and requests cut off at every place. */
static void
run_rubbish (gpointer data)
{
  Fixture *f = data;
  static const char request[] = "POST /1.0/pools HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
  for (gsize cut = 0; cut < sizeof request; cut++)
    {
      sk_autofd int fd = fixture_connect (f);
      if (cut > 0 && send (fd, request, cut, MSG_NOSIGNAL) < 0)
        continue;
    }
  for (int i = 0; i < 300; i++)
    {
      char bytes[512];
      sk_autofd int fd = fixture_connect (f);
      for (gsize j = 0; j < sizeof bytes; j++)
        bytes[j] = (char) g_test_rand_int_range (0, 256);
      if (send (fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0)
        shutdown (fd, SHUT_WR);
      g_autofree char *answer = fixture_read_all (fd);
    }
}

static void
test_rubbish (Fixture *f, gconstpointer unused)
{
  fixture_run (run_rubbish, f);
  assert_answer (f, "GET", "/1.0", NULL, "200 ");
}

/* -- time ----------------------------------------------------------------------------------------------- */

static int
by_value (gconstpointer a, gconstpointer b)
{
  return (*(const gint64 *) a > *(const gint64 *) b) - (*(const gint64 *) a < *(const gint64 *) b);
}

#define CLICKS 200
static void
run_clicks (gpointer data)
{
  Fixture *f = data;
  gint64 took[CLICKS];
  for (int i = 0; i < CLICKS; i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 began = g_get_monotonic_time ();
      g_autoptr (SkClient) client = sk_client_new (f->path);
      g_autoptr (JsonNode) opened
          = must_call (client, "POST", "/1.0/sessions", "{\"width\":1280,\"height\":800}", NULL);
      sk_autofd int fd = sk_client_upgrade_rdp (client, member (opened, "session", "id"),
                                                member (opened, "ticket", "token"), &error);
      g_assert_no_error (error);
      took[i] = g_get_monotonic_time () - began;
    }
  qsort (took, CLICKS, sizeof took[0], by_value);
  g_test_message ("connect, POST session, upgrade: median %.2f ms, p95 %.2f ms",
                  (double) took[CLICKS / 2] / 1000, (double) took[CLICKS * 95 / 100] / 1000);
  /* Seen: 0.3 ms. A stray timer or an extra round trip shows as tens. */
  g_assert_cmpint (took[CLICKS / 2], <, 10000);
}

static void
test_clicks (Fixture *f, gconstpointer unused)
{
  prepare (f, CLICKS);
  fixture_run (run_clicks, f);
}

#define ADD(name, limits, func)                                                                              \
  g_test_add ("/api-live/" name, Fixture, limits, fixture_up, func, fixture_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("upgrade", NULL, test_upgrade);
  ADD ("early-bytes", NULL, test_early_bytes);
  ADD ("upgrade-headers", NULL, test_upgrade_headers);
  ADD ("queue", NULL, test_queue);
  ADD ("gone-waiter", NULL, test_gone_waiter);
  ADD ("ticket-later", NULL, test_ticket_later);
  ADD ("events", NULL, test_events);
  ADD ("slow-listener", NULL, test_slow_listener);
  ADD ("many-listeners", NULL, test_many_listeners);
  ADD ("operations", NULL, test_operations);
  ADD ("build", NULL, test_build);
  ADD ("limits", &short_limits, test_limits);
  ADD ("admin-gets-in", NULL, test_admin_gets_in);
  ADD ("rubbish", NULL, test_rubbish);
  ADD ("clicks", NULL, test_clicks);
  return g_test_run ();
}
