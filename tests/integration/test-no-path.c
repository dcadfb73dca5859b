/* No path leads from what is not released to the other side.
 *
 * A file, or a text that was copied, with a marker in it is brought into each state, in both directions; then
 * every route of the API's own table is asked as its sender, a colleague, an approver, an administrator and a
 * stranger, with every body and upgrade there is, and two guests, its user's and somebody else's, say every
 * file message of the wire's own table with every id there is. Neither an answer, nor an event, nor a message
 * to a guest, nor a file of the broker's folder has the marker, in whatever form; and nothing of it all moves
 * the transfer any nearer to its release. A new route or message is asked without a line here. */
#include "api/route.h"
#include "common/error.h"
#include "marker.h"
#include "unit/api-fixture.h"
#include "unit/crossing-fixture.h"
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/socket.h>

#define CONTENT "to be held back: " MARKER "\n"
#define KEY "0123456789abcdef0123456789abcdef"

/* -- a broker with one transfer in it ----------------------------------------------------------------------
 */

typedef struct
{
  Crossing c;
  Fixture api;
  MockGuest own, other;
  char *base; /* the state folder with the transfer held, as it is copied for each try */
  char *id, *blob, *result;
  SkCross direction;
  gboolean clip; /* copied, not sent */
  SkTransferState state;
  guint requests, messages, answered, moved;
  gsize bytes;
} Try;

static void
copy_tree (const char *from, const char *to)
{
  const char *const argv[] = { "cp", "-a", from, to, NULL };
  int status = 1;
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

static void
remove_tree (const char *path)
{
  const char *const argv[] = { "rm", "-rf", path, NULL };
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

static void
add_guests (Try *t)
{
  crossing_add_guest (&t->c, &t->own, "taro", "s1");
  crossing_add_guest (&t->c, &t->other, "jiro", "s2");
}

static void
open_api (Try *t)
{
  SkApiOptions options = SK_API_OPTIONS_INIT;
  g_autoptr (GError) error = NULL;
  t->api.dir = t->c.dir;
  t->api.path = g_build_filename (t->c.dir, "api.sock", NULL);
  t->api.manager = sk_mock_manager_new ();
  options.socket_path = t->api.path;
  options.images_dir = t->c.dir;
  options.transfers = t->c.transfers;
  options.people = t->c.people;
  options.audit = t->c.audit;
  t->api.server = sk_api_server_new_test (t->api.manager, &options, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
close_all (Try *t)
{
  g_clear_pointer (&t->api.server, sk_api_server_free);
  g_clear_object (&t->api.manager);
  g_clear_pointer (&t->api.path, g_free);
  if (t->c.transfers)
    {
      sk_transfers_remove_guest (t->c.transfers, "s1");
      sk_transfers_remove_guest (t->c.transfers, "s2");
    }
  crossing_stop (&t->c);
  mock_guest_clear (&t->own);
  mock_guest_clear (&t->other);
}

/* The worst case of every state: what was made of it lies there already. */
static void
arrange (Try *t)
{
  close_all (t);
  remove_tree (t->c.state);
  copy_tree (t->base, t->c.state);
  if (t->state != SK_TRANSFER_HELD)
    crossing_sql (&t->c, "UPDATE transfers SET state = '%s' WHERE id = '%s'",
                  sk_transfer_state_word (t->state), t->id);
  if (t->clip)
    crossing_sql (&t->c, "UPDATE transfers SET keep_content = 1, retention_days = 30 WHERE id = '%s'", t->id);
  if (t->state == SK_TRANSFER_RECEIVING)
    crossing_sql (&t->c, "UPDATE transfer_items SET blob = '' WHERE transfer = '%s'", t->id);
  /* What is approved would be released at once: here the trail cannot take the row. */
  if (t->state == SK_TRANSFER_APPROVED)
    crossing_sql (&t->c,
                  "CREATE TRIGGER frozen BEFORE INSERT ON audit WHEN NEW.action = 'transfer.releasing' "
                  "BEGIN SELECT RAISE (ABORT, 'frozen'); END");
  t->c.inspections = 0; /* it stays where it is */
  crossing_start (&t->c);
  open_api (t);
  add_guests (t);
  crossing_iterate (&t->c);
  g_assert_cmpint (crossing_state (&t->c, t->id), ==, t->state);
}

/* The way that test-no-path-clip tries; here it is asked for as if it were a file. */
static char *
copy (Try *t)
{
  const SkSession session = {
    .id = (char *) "s1", .vm = (char *) "vm-s1", .user = (char *) "taro", .uid = crossing_who ("taro")->uid
  };
  const SkTransferClip clip = { &session, t->direction, SK_KIND_TEXT, 1 };
  g_autoptr (GError) error = NULL;
  SkQuarantineWriter *writer = sk_quarantine_begin (t->c.quarantine, KEY, "taro", &error);
  g_assert_no_error (error);
  g_assert_true (sk_quarantine_write (writer, CONTENT, strlen (CONTENT), &error));
  g_autoptr (SkQuarantined) content = sk_quarantine_finish (writer, &error);
  char *id = sk_transfers_create_clip (t->c.transfers, &clip, content, &error);
  g_assert_no_error (error);
  return id;
}

static void
prepare (Try *t, SkCross direction, gboolean clip)
{
  g_autofree char *text = NULL;
  *t = (Try){ .direction = direction, .clip = clip };
  crossing_up (&t->c, CROSSING_HOLD_ALL, 1);
  crossing_set_people (&t->c, "taro,,,tax,,,\nhanako,,,tax,,,\ngoro,,village,,,,\njiro,,,,approver,,\n");
  add_guests (t);
  if (clip)
    t->id = copy (t);
  else if (direction == SK_CROSS_EXPORT)
    t->id = crossing_send (&t->c, "taro", "a.txt", CONTENT);
  else
    {
      g_assert_true (mock_guest_send_file (&t->own, KEY, "a.txt", CONTENT, strlen (CONTENT), &text));
      t->id = g_strdup (crossing_import (&t->c, KEY)->id);
    }
  g_assert_cmpint (crossing_settle (&t->c, t->id), ==, SK_TRANSFER_HELD);
  g_autoptr (GPtrArray) items = sk_transfers_items (t->c.transfers, t->id, NULL);
  t->blob = g_strdup (((SkTransferItem *) items->pdata[0])->blob);
  t->result = g_strdup (((SkTransferItem *) items->pdata[0])->result_blob);
  g_assert_cmpuint (strlen (t->result), ==, 64);
  close_all (t);
  t->base = g_build_filename (t->c.dir, "base", NULL);
  copy_tree (t->c.state, t->base);
}

static void
finish (Try *t)
{
  close_all (t);
  crossing_down (&t->c);
  g_free (t->base);
  g_free (t->id);
  g_free (t->blob);
  g_free (t->result);
}

/* -- what comes out ----------------------------------------------------------------------------------------
 */

static void
leak (Try *t, const char *what)
{
  g_error ("%s, %s: the content came out: %s", sk_cross_word (t->direction),
           sk_transfer_state_word (t->state), what);
}

static void
check_guest (Try *t, MockGuest *guest, const char *what)
{
  for (guint i = guest->next; i < guest->heard->len; i++)
    {
      const MockHeard *heard = guest->heard->pdata[i];
      t->bytes += heard->body->len;
      if (marker_is_in (heard->body->data, heard->body->len))
        leak (t, what);
      /* Nor is it offered: names and sizes are not for the other side either. */
      if (heard->m.type == SK_FILE_PUT || heard->m.type == SK_FILE_PUT_ITEM)
        leak (t, "it was offered to a guest");
    }
  guest->next = guest->heard->len;
}

/* It may end, and then it is set up again; it may not come nearer to its release. */
static void
check_state (Try *t, const char *what)
{
  crossing_iterate (&t->c);
  check_guest (t, &t->own, what);
  check_guest (t, &t->other, what);
  const SkTransferState now = crossing_state (&t->c, t->id);
  if (now == t->state)
    return;
  if (!sk_transfer_is_over (now) || now == SK_TRANSFER_DELIVERED)
    g_error ("%s -> %s by %s", sk_transfer_state_word (t->state), sk_transfer_state_word (now), what);
  t->moved++;
  arrange (t);
}

/* -- the API -----------------------------------------------------------------------------------------------
 */

typedef struct
{
  const char *role, *user;
  guint uid;
} Asker;

typedef struct
{
  Try *t;
  const char *request;
  GString *answer;
} Ask;

/* Reads what comes; streams that do not end by themselves are left after their first bytes. */
static void
run_ask (gpointer data)
{
  Ask *ask = data;
  sk_autofd int fd = fixture_connect (&ask->t->api);
  const struct timeval patience = { 0, 300000 };
  char buffer[8192];
  gssize n;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send (fd, ask->request, strlen (ask->request), MSG_NOSIGNAL) < 0)
    return;
  if (strstr (ask->request, "Upgrade:") || strstr (ask->request, "/events"))
    shutdown (fd, SHUT_WR);
  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len (ask->answer, buffer, n);
}

/* The one exception: what is made to be looked at, for who decides about it or has sent it out. */
static gboolean
is_shown (Try *t, const Asker *asker, const SkRoute *route)
{
  return g_str_has_suffix (route->path, "/preview")
         && (t->state == SK_TRANSFER_HELD || t->state == SK_TRANSFER_APPROVED)
         && (strcmp (asker->role, "approver") == 0
             || (strcmp (asker->role, "sender") == 0 && t->direction == SK_CROSS_EXPORT));
}

static void
ask (Try *t, const Asker *asker, const SkRoute *route, const char *path, const char *upgrade,
     const char *body)
{
  const char *method = route->method;
  g_autofree char *request = g_strdup_printf (
      "%s %s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s", method, path,
      upgrade ? "Connection: Upgrade\r\nUpgrade: " : "Connection: close", upgrade ? upgrade : "", "",
      strlen (body), body);
  g_autofree char *what
      = g_strdup_printf ("%s: %s %s %s %s", asker->role, method, path, upgrade ? upgrade : "", body);
  Ask job = { t, request, g_string_new ("") };
  fixture_become (&t->api, asker->uid, asker->user, asker->uid == 0);
  fixture_run (run_ask, &job);
  t->requests++;
  t->answered += g_str_has_prefix (job.answer->str, "HTTP/1.1 2");
  t->bytes += job.answer->len;
  if (!is_shown (t, asker, route) && marker_is_in (job.answer->str, job.answer->len))
    leak (t, what);
  g_string_free (job.answer, TRUE);
  check_state (t, what);
}

/* Every place of a path with every name there is. */
static GPtrArray *
paths_of (Try *t, const SkRoute *route)
{
  const char *const names[] = { t->id, t->blob, t->result, "s1" };
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GString *path = g_string_new (route->path);
      g_string_replace (path, "{id}", names[i], 0);
      g_string_replace (path, "{name}", names[i], 0);
      /* A second place, such as an item's number. */
      for (char *at; (at = strchr (path->str, '{'));)
        {
          const gsize from = (gsize) (at - path->str), length = strcspn (at, "}") + 1;
          g_string_erase (path, (gssize) from, (gssize) length);
          g_string_insert (path, (gssize) from, "0");
        }
      const gboolean same = strchr (route->path, '{') == NULL;
      g_ptr_array_add (paths, g_string_free (path, FALSE));
      if (same)
        break;
    }
  return paths;
}

/* Every key with values that mean something somewhere. */
static char *
query_of (Try *t, const SkRoute *route)
{
  GString *text = g_string_new ("?");
  for (const char *const *key = route->query; key && *key; key++)
    {
      const char *value
          = strcmp (*key, "box") == 0                                        ? "all"
            : strcmp (*key, "all") == 0                                      ? "1"
            : strcmp (*key, "object") == 0 || strcmp (*key, "transfer") == 0 ? t->id
            : strcmp (*key, "timeout") == 0 || strcmp (*key, "item") == 0 || strcmp (*key, "offset") == 0
                ? "0"
                : NULL;
      if (value)
        g_string_append_printf (text, "%s%s=%s", text->len > 1 ? "&" : "", *key, value);
    }
  return g_string_free (text, FALSE);
}

static void
ask_route (Try *t, const Asker *asker, const SkRoute *route)
{
  static const char *const upgrades[] = { "sekisho-content", NULL, "rdp" };
  g_autofree char *query = query_of (t, route);
  g_autofree char *list
      = g_strdup_printf ("{\"transfers\":[\"%s\"],\"verdict\":\"approve\",\"comment\":\"x\"}", t->id);
  g_autofree char *deny
      = g_strdup_printf ("{\"transfers\":[\"%s\"],\"verdict\":\"deny\",\"comment\":\"x\"}", t->id);
  g_autofree char *names
      = g_strdup_printf ("{\"kind\":\"file\",\"items\":[{\"name\":\"%s\",\"size\":43}]}", t->result);
  const char *const bodies[] = { "{}", "{\"text\":\"x\"}", names, deny, list };
  g_autoptr (GPtrArray) paths = paths_of (t, route);
  /* Who may approve what is held releases it: that is the one way, and not tried here. */
  const gboolean may = t->state == SK_TRANSFER_HELD && strcmp (asker->role, "approver") == 0;
  for (guint i = 0; i < paths->len; i++)
    {
      /* Other names than the transfer's are tried once. */
      const guint most = i == 0 ? G_MAXUINT : 1;
      g_autofree char *path = g_strconcat (paths->pdata[i], query[1] ? query : "", NULL);
      if (strcmp (route->method, "GET") == 0)
        for (guint u = 0; u < MIN (most, G_N_ELEMENTS (upgrades)); u++)
          ask (t, asker, route, path, upgrades[u], "");
      else if (route->body_max == 0)
        ask (t, asker, route, path, NULL, "");
      else
        for (guint b = 0; b < MIN (most, G_N_ELEMENTS (bodies) - may); b++)
          ask (t, asker, route, path, NULL, bodies[b]);
    }
}

/* -- the guests --------------------------------------------------------------------------------------------
 */

static void
say (Try *t, MockGuest *guest, const SkMessageSpec *spec, guint32 id, guint64 number, const char *text)
{
  SkMessage m = { .type = spec->type, .id = id, .bytes = (const guint8 *) CONTENT, .bytes_length = 8 };
  guint numbers = 0, strings = 0;
  for (const char *f = spec->format; *f; f++)
    if (*f == 's')
      {
        m.s[strings] = (char *) (strings == 1 && spec->type == SK_FILE_OFFER ? "file" : text);
        strings++;
      }
    else if (*f != 'b' && *f != 'l')
      {
        /* A verdict and a window that take, in their places. */
        m.n[numbers] = *f == 'y' ? number % 5 : numbers == 3 ? SK_FILE_WINDOW : number;
        numbers++;
      }
  g_autofree char *what
      = g_strdup_printf ("guest: %s %u %" G_GUINT64_FORMAT " %s", spec->name, id, number, text);
  if (mock_guest_say (guest, &m))
    {
      check_guest (t, guest, what);
      mock_guest_connect (guest);
    }
  t->messages++;
  check_state (t, what);
}

static void
ask_guests (Try *t)
{
  const char *const texts[] = { "", KEY, t->id, "11111111111111111111111111111111" };
  static const guint64 numbers[] = { 0, 1, 2, 43, SK_FILE_WINDOW };
  for (const SkMessageSpec *spec = sk_agent_messages; spec->type; spec++)
    for (guint i = 0; sk_file_is_message (spec->type) && spec->direction == SK_FROM_PEER && i < 2 * 4 * 4 * 5;
         i++)
      {
        MockGuest *guest = i % 2 ? &t->own : &t->other;
        const char *text = texts[i / 2 % 4];
        if (strlen (text) <= MAX (1, spec->string_max) || !strchr (spec->format, 's'))
          say (t, guest, spec, i / 8 % 4, numbers[i / 32 % 5], text);
      }
}

/* -- the folder --------------------------------------------------------------------------------------------
 */

static void
check_folder (Try *t, const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  g_autofree char *data = NULL;
  gsize length;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *below = g_build_filename (path, name, NULL);
      check_folder (t, below);
    }
  if (!dir && g_file_get_contents (path, &data, &length, NULL) && marker_is_in (data, length))
    leak (t, path);
}

/* -- all of it ---------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkCross direction;
  gboolean clip;
} Case;

static void
test_states (gconstpointer data)
{
  const Case *what = data;
  const Asker askers[] = { { "sender", "taro", crossing_who ("taro")->uid },
                           { "colleague", "hanako", crossing_who ("hanako")->uid },
                           { "approver", "jiro", crossing_who ("jiro")->uid },
                           { "administrator", "root", 0 },
                           { "stranger", "goro", crossing_who ("goro")->uid } };
  static const SkTransferState states[]
      = { SK_TRANSFER_RECEIVING, SK_TRANSFER_QUARANTINED, SK_TRANSFER_INSPECTING, SK_TRANSFER_REFUSED,
          SK_TRANSFER_HELD,      SK_TRANSFER_APPROVED,    SK_TRANSFER_DENIED,     SK_TRANSFER_PURGED,
          SK_TRANSFER_CANCELLED, SK_TRANSFER_EXPIRED };
  Try t;
  prepare (&t, what->direction, what->clip);
  /* What is copied is not recorded before it is whole. */
  for (guint s = what->clip ? 1 : 0; s < G_N_ELEMENTS (states); s++)
    {
      const guint requests = t.requests, messages = t.messages, answered = t.answered;
      t.state = states[s];
      arrange (&t);
      for (guint a = 0; a < G_N_ELEMENTS (askers); a++)
        for (const SkRoute *route = sk_routes (); route->method; route++)
          ask_route (&t, &askers[a], route);
      arrange (&t);
      ask_guests (&t);
      check_folder (&t, t.c.state);
      g_test_message ("%s, %s: %u requests (%u answered with 2xx), %u messages of guests",
                      sk_cross_word (t.direction), sk_transfer_state_word (t.state), t.requests - requests,
                      t.answered - answered, t.messages - messages);
    }
  g_test_message ("%u requests, %u messages, %" G_GSIZE_FORMAT " bytes looked through, it ended %u times",
                  t.requests, t.messages, t.bytes, t.moved);
  g_assert_cmpuint (t.answered, >, 100);
  finish (&t);
}

/* -- the test itself would see it --------------------------------------------------------------------------
 */

/* What is released comes out, to the one who may have it, and is found. */
static void
test_released (void)
{
  Try t;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL, *text = NULL;
  prepare (&t, SK_CROSS_EXPORT, FALSE);
  t.state = SK_TRANSFER_HELD;
  arrange (&t);
  g_assert_true (
      sk_transfers_decide (t.c.transfers, crossing_who ("jiro"), t.id, SK_DECISION_APPROVE, "", &error));
  g_autoptr (GByteArray) got = mock_guest_take_put (&t.own, &name);
  g_assert_true (marker_is_in (got->data, got->len));
  g_assert_cmpuint (mock_guest_count (&t.other, SK_FILE_PUT), ==, 0);
  crossing_wait (&t.c, t.id, SK_TRANSFER_DELIVERED);
  finish (&t);
  prepare (&t, SK_CROSS_IMPORT, FALSE);
  t.state = SK_TRANSFER_HELD;
  arrange (&t);
  g_assert_true (
      sk_transfers_decide (t.c.transfers, crossing_who ("jiro"), t.id, SK_DECISION_APPROVE, "", &error));
  crossing_wait (&t.c, t.id, SK_TRANSFER_RELEASING);
  text = crossing_fetch (&t.c, "taro", t.id, 0, &error);
  g_assert_true (marker_is_in (text, strlen (text)));
  finish (&t);
}

/* Taken back while the guest has heard of it and has not had a byte: it goes on as if nothing had happened.
 */
static void
test_taken_back (void)
{
  Try t;
  g_autoptr (GError) error = NULL;
  prepare (&t, SK_CROSS_EXPORT, FALSE);
  t.state = SK_TRANSFER_HELD;
  arrange (&t);
  g_assert_true (
      sk_transfers_decide (t.c.transfers, crossing_who ("jiro"), t.id, SK_DECISION_APPROVE, "", &error));
  const guint32 id = mock_guest_hears (&t.own, SK_FILE_PUT)->id;
  g_assert_true (sk_transfers_withdraw (t.c.transfers, crossing_who ("taro"), t.id, &error));
  t.state = SK_TRANSFER_CANCELLED;
  const SkMessage words[] = {
    { .type = SK_FILE_PUT_REPLY,
      .id = id,
      .n = { SK_FILE_TAKE, 0, 0, SK_FILE_WINDOW },
      .s = { (char *) "" } },
    { .type = SK_FILE_PUT_CREDIT, .id = id, .n = { SK_FILE_ITEM_COST } },
    { .type = SK_FILE_PUT_DONE, .id = id },
  };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      const gboolean broken = mock_guest_say (&t.own, &words[i]) != NULL;
      check_guest (&t, &t.own, "a put that was taken back");
      if (broken)
        mock_guest_connect (&t.own);
    }
  check_state (&t, "a put that was taken back");
  /* Another session of the same person is not offered it either. */
  sk_transfers_guest_up (t.c.transfers, "s1");
  check_state (&t, "guest up");
  finish (&t);
}

int
main (int argc, char **argv)
{
  static const Case cases[] = { { SK_CROSS_IMPORT, FALSE },
                                { SK_CROSS_EXPORT, FALSE },
                                { SK_CROSS_IMPORT, TRUE },
                                { SK_CROSS_EXPORT, TRUE } };
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/no-path/released", test_released);
  g_test_add_func ("/no-path/taken-back", test_taken_back);
  g_test_add_data_func ("/no-path/import", &cases[0], test_states);
  g_test_add_data_func ("/no-path/export", &cases[1], test_states);
  g_test_add_data_func ("/no-path/copied-import", &cases[2], test_states);
  g_test_add_data_func ("/no-path/copied-export", &cases[3], test_states);
  return g_test_run ();
}
