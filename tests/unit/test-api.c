/* Routes: the table itself, then each route allowed, forbidden, not found, with bad JSON and unknown keys. */
#include "api-fixture.h"
#include "api/route.h"
#include <string.h>

#define ADD(name, func) g_test_add ("/api/" name, Fixture, NULL, fixture_up, func, fixture_down)

static const char pool_body[] = "{\"name\":\"internet\",\"image\":\"trixie\",\"memory_mib\":1024,\"warm\":2}";

/* A path of a pattern, with something unknown in its places. */
static char *
path_of (const SkRoute *route)
{
  GString *path = g_string_new (route->path);
  g_string_replace (path, "{name}", "nothing", 0);
  g_string_replace (path, "{id}", "nothing", 0);
  g_string_replace (path, "{item}", "nothing", 0);
  return g_string_free (path, FALSE);
}

static void
test_table (void)
{
  for (const SkRoute *route = sk_routes (); route->method; route++)
    {
      g_assert_nonnull (route->access);
      g_assert_nonnull (route->handler);
      g_assert_true (g_str_has_prefix (route->path, "/1.0"));
      g_assert_cmpuint (route->body_max, <=, SK_API_BODY_MAX);
      for (const SkRoute *other = sk_routes (); other != route; other++)
        g_assert_false (g_str_equal (other->path, route->path) && g_str_equal (other->method, route->method));
    }
}

static void
test_both (void)
{
  static const struct
  {
    const char *both, *en, *ja;
  } cases[] = {
    { SK_BOTH ("Full.", "満員です。"), "Full.", "満員です。" },
    { SK_BOTH ("a / b", "甲 / 乙"), "a / b / 甲", "乙" },
    { "path /a / b", "path /a / b", "path /a / b" },
    { "満員です。", "満員です。", "満員です。" },
    { "", "", "" },
    { NULL, "", "" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *en = sk_both_pick (cases[i].both, FALSE), *ja = sk_both_pick (cases[i].both, TRUE);
      g_assert_cmpstr (en, ==, cases[i].en);
      g_assert_cmpstr (ja, ==, cases[i].ja);
    }
}

static void
handle_never (SkRequest *request)
{
  g_assert_not_reached ();
}

static void
test_no_access_check (void)
{
  static const SkRoute open_routes[] = { { "GET", "/1.0", NULL, handle_never }, { NULL } };
  Fixture f;
  fixture_up (&f, NULL);
  f.server->routes = open_routes;
  assert_answer (&f, "GET", "/1.0", NULL,
                 "500 {\"type\":\"error\",\"error_code\":500,\"error_type\":\"internal\"");
  fixture_down (&f, NULL);
}

/* Every row, asked by nobody special, by an administrator, with a wrong method, with a body of rubbish. */
static void
test_walk (Fixture *f, gconstpointer unused)
{
  for (const SkRoute *route = sk_routes (); route->method; route++)
    {
      g_autofree char *path = path_of (route);
      fixture_become (f, 4242, "hanako", FALSE);
      if (route->access == sk_access_admin)
        assert_answer (f, route->method, path, NULL, "403 {\"type\":\"error\"");
      fixture_become (f, 0, "root", TRUE);
      assert_answer (f, "BREW", path, NULL, "405 {\"type\":\"error\"");
      if (route->body_max == 0)
        {
          assert_answer (f, route->method, path, "{}", "413 {\"type\":\"error\"");
          continue;
        }
      assert_answer (f, route->method, path,
                     "{\"a\":", strstr (route->path, "pools/{") ? "40" : "400 {\"type\":\"error\"");
    }
}

static void
test_head_checks (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *request, *wanted;
  } cases[] = {
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://evil\r\n\r\n", "403 " },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSec-Fetch-Site: cross-site\r\n\r\n", "403 " },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\r\n", "200 " },
    { "GET /1.0?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400 " },
    { "GET /1.0/events?type=a&type=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400 " },
    { "GET /1.0/../../etc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404 " },
    { "GET /1.0/vms/%2e%2e HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404 " },
    { "GET /1.0/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404 " },
    { "GET / HTTP/1.0\r\n\r\n", "40" },
    { "POST /1.0/pools HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048577\r\nExpect: "
      "100-continue\r\n\r\n",
      "413 " },
    { "rubbish\r\n\r\n", "400 {" },
    { "GET http://x/1.0 HTTP/1.1\r\n\r\n", "400 {" },
    { "get /1.0 HTTP/1.1\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/2.0\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\nHost: x\n\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x/y\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-,0-,0-\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", "400 {" },
    { "GET /1.0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", "400 {" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *answer = fixture_raw (f, cases[i].request);
      if (!g_str_has_prefix (answer, cases[i].wanted))
        g_error ("%s: %s", cases[i].request, answer);
    }
}

static void
test_server (Fixture *f, gconstpointer unused)
{
  fixture_become (f, 4242, "hanako", FALSE);
  assert_answer (f, "GET", "/1.0", NULL, "\"auth\":{\"user\":\"hanako\",\"uid\":4242,\"admin\":false}");
  assert_answer (f, "GET", "/1.0", NULL,
                 "200 {\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,");
  assert_answer (f, "GET", "/1.0/health", NULL, "\"drained\":false");
}

static void
test_pools (Fixture *f, gconstpointer unused)
{
  assert_answer (f, "POST", "/1.0/pools", pool_body, "200 ");
  assert_answer (f, "POST", "/1.0/pools", pool_body, "409 ");
  assert_answer (f, "POST", "/1.0/pools", "{\"image\":\"x\"}", "missing key: name");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"colour\":1}", "unknown key: colour");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"memory_mib\":\"1\"}",
                 "memory_mib: must be a whole number");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"memory_mib\":-1}", "400 ");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"memory_mib\":1.5}", "400 ");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"border\":\"x\\ny\"}", "control characters");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"name\":\"b\"}", "400 ");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"a\",\"created\":1}", "unknown key: created");
  assert_answer (f, "POST", "/1.0/pools", "[]", "JSON オブジェクト");
  assert_answer (f, "POST", "/1.0/pools", "{\"name\":\"b\",\"memory_mib\":1}", "memory_mib: 256 or more");
  assert_answer (f, "GET", "/1.0/pools/internet", NULL, "\"memory_mib\":1024,\"vcpus\":2");
  assert_answer (f, "PUT", "/1.0/pools/internet", "{\"warm\":1}", "\"memory_mib\":2048");
  assert_answer (f, "PATCH", "/1.0/pools/internet", "{\"memory_mib\":4096}", "\"warm\":1");
  assert_answer (f, "PUT", "/1.0/pools/internet", "{\"name\":\"x\"}", "unknown key: name");
  assert_answer (f, "PUT", "/1.0/pools/none", "{}", "404 ");
  assert_answer (f, "GET", "/1.0/pools", NULL, "\"metadata\":[{\"name\":\"internet\"");
  assert_answer (f, "DELETE", "/1.0/pools/none", NULL, "404 ");
  assert_answer (f, "DELETE", "/1.0/pools/internet?force=2", NULL, "400 ");
  assert_answer (f, "DELETE", "/1.0/pools/internet?force=1", NULL, "200 ");
}

/* A pool of a group one is not in does not exist. */
static void
test_pool_groups (Fixture *f, gconstpointer unused)
{
  static const char *const groups[] = { "soumu", NULL };
  fixture_add_pool (f, "internet", "");
  fixture_add_pool (f, "kaikei", "kaikei");
  fixture_add_pool (f, "soumu", "soumu");
  fixture_become (f, 4242, "hanako", FALSE);
  sk_mock_set_groups (groups);
  assert_answer (f, "GET", "/1.0/pools/soumu", NULL, "200 ");
  assert_answer (f, "GET", "/1.0/pools/kaikei", NULL, "404 ");
  g_autofree char *list = fixture_call (f, "GET", "/1.0/pools", NULL);
  g_assert_null (strstr (list, "kaikei"));
  g_assert_nonnull (strstr (list, "soumu"));
  sk_mock_set_groups (NULL);
}

static void
run_etag (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (f->path);
  g_autofree char *etag = NULL, *second = NULL;
  g_autoptr (JsonNode) pool
      = sk_client_call_match (client, "GET", "/1.0/pools/internet", NULL, NULL, &etag, &error);
  g_autoptr (JsonNode) body = sk_json_parse ("{\"warm\":3}", 10, 8, 8, &error);
  g_autoptr (JsonNode) changed = NULL, refused = NULL;
  g_assert_no_error (error);
  changed = sk_client_call_match (client, "PATCH", "/1.0/pools/internet", body, etag, &second, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (etag, !=, second);
  refused = sk_client_call_match (client, "PATCH", "/1.0/pools/internet", body, etag, NULL, &error);
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_assert_null (refused);
}

static void
test_etag (Fixture *f, gconstpointer unused)
{
  fixture_add_pool (f, "internet", "");
  fixture_run (run_etag, f);
}

static void
test_vms (Fixture *f, gconstpointer unused)
{
  sk_mock_manager_set_ready (f->manager, 2);
  assert_answer (f, "GET", "/1.0/vms", NULL, "\"state\":\"warm\"");
  assert_answer (f, "GET", "/1.0/vms/00000000-0000-4000-8000-000000000002", NULL, "200 ");
  assert_answer (f, "GET", "/1.0/vms/none", NULL, "404 ");
  assert_answer (f, "DELETE", "/1.0/vms/00000000-0000-4000-8000-000000000002", NULL, "200 ");
  assert_answer (f, "GET", "/1.0/vms/00000000-0000-4000-8000-000000000002", NULL,
                 "\"reason\":\"Retired by root. / root が終了させました。\"");
  assert_answer (f, "DELETE", "/1.0/vms/none", NULL, "404 ");
}

static void
test_sessions (Fixture *f, gconstpointer unused)
{
  const char *const id = "/1.0/sessions/11111111-0000-4000-8000-000000000001";
  g_autofree char *ticket = g_strconcat (id, "/ticket", NULL), *url = g_strconcat (id, "/url", NULL);
  fixture_add_pool (f, "internet", "");
  sk_mock_manager_set_ready (f->manager, 1);
  fixture_become (f, 4242, "hanako", FALSE);
  assert_answer (f, "POST", "/1.0/sessions", "{\"pool\":\"none\"}", "404 ");
  assert_answer (f, "POST", "/1.0/sessions", "{\"url\":1}", "400 ");
  assert_answer (f, "POST", "/1.0/sessions", "{\"width\":99999}", "400 ");
  assert_answer (f, "POST", "/1.0/sessions", "{\"url\":\"http://a\",\"width\":1024,\"height\":768}",
                 "\"ticket\":{\"token\":\"");
  assert_answer (f, "GET", "/1.0/sessions", NULL, "\"user\":\"hanako\"");
  assert_answer (f, "GET", id, NULL, "\"state\":\"starting\"");
  assert_answer (f, "POST", ticket, NULL, "\"fingerprint\":\"ffff");
  assert_answer (f, "POST", url, "{\"url\":\"http://b\"}", "200 ");
  assert_answer (f, "POST", url, "{}", "missing key: url");
  assert_answer (f, "GET", id, NULL, "\"url\":\"http://b\"");
  /* Another user sees nothing of it. */
  fixture_become (f, 4343, "taro", FALSE);
  assert_answer (f, "GET", id, NULL, "404 ");
  assert_answer (f, "DELETE", id, NULL, "404 ");
  assert_answer (f, "POST", ticket, NULL, "404 ");
  assert_answer (f, "POST", url, "{\"url\":\"http://c\"}", "404 ");
  assert_answer (f, "GET", "/1.0/sessions", NULL, "\"metadata\":[]");
  fixture_become (f, 4242, "hanako", FALSE);
  assert_answer (f, "DELETE", id, NULL, "200 ");
  assert_answer (f, "DELETE", id, NULL, "404 ");
  assert_answer (f, "GET", id, NULL, "\"state\":\"ended\"");
  assert_answer (f, "GET", "/1.0/sessions", NULL, "\"metadata\":[]");
  assert_answer (f, "GET", "/1.0/sessions?all=1", NULL, "The user ended it.");
}

static void
test_images (Fixture *f, gconstpointer unused)
{
  g_autofree char *body = g_strdup_printf ("{\"path\":\"%s\",\"name\":\"trixie\"}", f->dir);
  g_autofree char *manifest = g_build_filename (f->dir, "manifest.json", NULL);
  assert_answer (f, "POST", "/1.0/images", body, "404 ");
  g_assert_true (g_file_set_contents (manifest, "{}", -1, NULL));
  assert_answer (f, "POST", "/1.0/images", body, "\"name\":\"trixie\"");
  assert_answer (f, "POST", "/1.0/images", "{\"path\":\"relative\"}", "400 ");
  assert_answer (f, "POST", "/1.0/images", "{}", "400 ");
  assert_answer (f, "POST", "/1.0/images", "{\"path\":\"/x\",\"build\":true}", "400 ");
  assert_answer (f, "GET", "/1.0/images", NULL, "\"name\":\"trixie\"");
  assert_answer (f, "GET", "/1.0/images/trixie", NULL, "200 ");
  assert_answer (f, "DELETE", "/1.0/images/trixie", NULL, "200 ");
  /* Not built by us: the files stay. */
  g_assert_true (g_file_test (manifest, G_FILE_TEST_EXISTS));
  assert_answer (f, "DELETE", "/1.0/images/trixie", NULL, "404 ");
  unlink (manifest);
}

static void
test_body_limit (Fixture *f, gconstpointer unused)
{
  g_autofree char *blanks = g_strnfill (SK_API_BODY_MAX - sizeof pool_body + 1, ' ');
  g_autofree char *fits = g_strconcat (pool_body, blanks, NULL);
  g_autofree char *chunk = g_strnfill (SK_API_BODY_MAX + 1, ' ');
  g_autofree char *chunked = g_strdup_printf ("POST /1.0/pools HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                              "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
                                              SK_API_BODY_MAX + 1, chunk);
  assert_answer (f, "POST", "/1.0/pools", fits, "200 ");
  /* Chunks are not taken at all. */
  g_autofree char *answer = fixture_raw (f, chunked);
  g_assert_true (g_str_has_prefix (answer, "400 "));
  assert_answer (f, "POST", "/1.0/pools", "{\"a\":[[[[[[[[[[]]]]]]]]]]}", "413 ");
}

/* -- the audit trail ----------------------------------------------------------------------------------------
 */

/* Who asks for what leaves a row; what is wrong is refused before it leaves one. */
static void
test_audit (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("api-audit-XXXXXX", NULL);
  const char *const argv[] = { "rm", "-rf", dir, NULL };
  g_autofree char *database = g_build_filename (dir, "sekisho.db", NULL);
  SkStore *store = sk_store_open (database, &error);
  SkAudit *audit = sk_audit_new (store, dir, "mori", &error);
  g_assert_no_error (error);
  fixture_become (f, 0, "kanri", TRUE);
  assert_answer (f, "GET", "/1.0/audit", NULL, "503 ");
  f->server->audit = audit;
  assert_answer (f, "GET", "/1.0/audit", NULL, "\"metadata\":[]");
  assert_answer (f, "POST", "/1.0/shutdown", "{}", "202 ");
  assert_answer (f, "GET", "/1.0/audit", NULL, "\"actor\":\"kanri\",\"action\":\"broker.draining\"");
  assert_answer (f, "POST", "/1.0/audit/holds", "{\"kind\":\"user\",\"name\":\"hanako\",\"reason\":\"r\"}",
                 "200 ");
  assert_answer (f, "GET", "/1.0/audit?action=audit.held", NULL, "\"object\":\"hanako\"");
  assert_answer (f, "GET", "/1.0/audit/holds", NULL, "\"author\":\"kanri\"");
  assert_answer (f, "GET", "/1.0/audit/ledger?since=1", NULL, "\"metadata\":[]");
  assert_answer (f, "GET", "/1.0/audit?action=audit.ledger", NULL, "\"seq\":3");
  static const struct
  {
    const char *method, *path, *body, *wanted;
  } wrong[] = {
    { "POST", "/1.0/audit/export", NULL, "400 " },
    { "POST", "/1.0/audit/export?transfer=a&matter=b", NULL, "400 " },
    { "POST", "/1.0/audit/export?transfer=nothing", NULL, "404 " },
    { "POST", "/1.0/audit/holds", "{\"kind\":\"pool\",\"name\":\"x\"}", "400 " },
    { "POST", "/1.0/audit/holds", "{\"kind\":\"user\",\"name\":\"\"}", "400 " },
    { "POST", "/1.0/audit/holds", "{\"kind\":\"user\",\"name\":\"hanako\"}", "409 " },
    { "POST", "/1.0/audit/holds", "{\"kind\":\"user\",\"name\":\"x\",\"release\":true}", "404 " },
    { "GET", "/1.0/audit?before=5", NULL, "400 " },
    { "GET", "/1.0/audit?before=5.x", NULL, "400 " },
    { "GET", "/1.0/audit?limit=0", NULL, "400 " },
    { "GET", "/1.0/audit?since=today", NULL, "400 " },
    { "GET", "/1.0/audit/ledger?after=-1", NULL, "400 " },
  };
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    assert_answer (f, wrong[i].method, wrong[i].path, wrong[i].body, wrong[i].wanted);
  assert_answer (f, "GET", "/1.0/audit?limit=1", NULL, "\"seq\":3");
  fixture_become (f, 4242, "hanako", FALSE);
  static const char *const closed[] = { "/1.0/audit", "/1.0/audit/ledger", "/1.0/audit/holds" };
  for (guint i = 0; i < G_N_ELEMENTS (closed); i++)
    assert_answer (f, "GET", closed[i], NULL, "403 ");
  assert_answer (f, "POST", "/1.0/audit/export?transfer=a", NULL, "403 ");
  f->server->audit = NULL;
  sk_audit_free (audit);
  sk_store_close (store);
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/api/table", test_table);
  g_test_add_func ("/api/both", test_both);
  g_test_add_func ("/api/no-access-check", test_no_access_check);
  ADD ("walk", test_walk);
  ADD ("head-checks", test_head_checks);
  ADD ("server", test_server);
  ADD ("pools", test_pools);
  ADD ("pool-groups", test_pool_groups);
  ADD ("etag", test_etag);
  ADD ("vms", test_vms);
  ADD ("sessions", test_sessions);
  ADD ("images", test_images);
  ADD ("body-limit", test_body_limit);
  ADD ("audit", test_audit);
  return g_test_run ();
}
