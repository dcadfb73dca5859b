/* The launcher's small parts: addresses, options, sentences, sizes, the shared picture, the one instance. */
#include "common/error.h"
#include "common/fd.h"
#include "desktop/pixels.h"
#include "desktop/instance.h"
#include "desktop/layout.h"
#include "desktop/options.h"
#include "desktop/text.h"
#include "desktop/url.h"
#include "desktop/window-state.h"
#include "wire/agent.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

/* -- addresses ------------------------------------------------------------------------------------------- */

static void
test_url_accepted (void)
{
  const struct
  {
    const char *given, *wanted;
  } rows[] = {
    { "http://example.jp/", "http://example.jp/" },
    { "https://example.jp/a?b=c&d=%E3%81%82#e", "https://example.jp/a?b=c&d=%E3%81%82#e" },
    { "HTTPS://EXAMPLE.JP", "HTTPS://EXAMPLE.JP" },
    { "www.example.jp", "https://www.example.jp" },
    { "example.jp:8443/x", "https://example.jp:8443/x" },
    { "https://日本語.example.jp/道", "https://日本語.example.jp/道" },
    { "http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/" },
    { "http://10.0.0.1/", "http://10.0.0.1/" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *url = sk_url_normalise (rows[i].given, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (url, ==, rows[i].wanted);
    }
}

static void
test_url_refused (void)
{
  const char *rows[] = {
    "",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "ftp://example.jp/",
    "chrome://settings",
    "mailto:a@example.jp",
    "http://",
    "https:///path",
    "https://exa mple.jp/",
    "https://example.jp/\nhttps://other.jp/",
    "https://example.jp/\t",
    " https://example.jp/",
    "--no-sandbox",
    "-x",
    "https://example.jp/\xff",
    "https://example.jp/\xe2\x80\xae"
    "gpj.exe",                         /* right-to-left override */
    "https://example.jp/\xe3\x80\x80", /* ideographic space */
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *url = sk_url_normalise (rows[i], &error);
      g_assert_error (error, SK_ERROR, SK_ERROR_INVALID);
      g_assert_null (url);
      g_assert_cmpuint (strlen (error->message), >, 10);
    }
  g_assert_null (sk_url_normalise (NULL, NULL));
}

static void
test_url_length (void)
{
  g_autoptr (GString) text = g_string_new ("https://example.jp/");
  while (text->len < SK_URL_MAX - 8)
    g_string_append_c (text, 'a');
  g_autofree char *just = sk_url_normalise (text->str, NULL);
  g_assert_nonnull (just);
  g_string_append_c (text, 'a');
  g_assert_null (sk_url_normalise (text->str, NULL));
}

/* -- options --------------------------------------------------------------------------------------------- */

static gboolean
parse (SkOptions *options, const char *line, GError **error)
{
  g_auto (GStrv) argv = g_strsplit (line, " ", -1);
  gboolean ok = sk_options_parse (options, (int) g_strv_length (argv), argv, error);
  g_free (options->url);
  options->url = options->url ? (char *) "set" : NULL;
  return ok;
}

static void
test_options (void)
{
  const struct
  {
    const char *line;
    SkCommand command;
    gboolean url;
  } rows[] = {
    { "sekisho", SK_COMMAND_OPEN, FALSE },
    { "sekisho https://example.jp/", SK_COMMAND_OPEN, TRUE },
    { "sekisho open", SK_COMMAND_OPEN, FALSE },
    { "sekisho open example.jp --pool x", SK_COMMAND_OPEN, TRUE },
    { "sekisho open --viewer=system -- http://example.jp/", SK_COMMAND_OPEN, TRUE },
    { "sekisho list", SK_COMMAND_LIST, FALSE },
    { "sekisho end --all", SK_COMMAND_END, FALSE },
    { "sekisho close 1234", SK_COMMAND_END, FALSE },
    { "sekisho status --socket=/x", SK_COMMAND_STATUS, FALSE },
    { "sekisho --help", SK_COMMAND_HELP, FALSE },
    { "sekisho --version", SK_COMMAND_VERSION, FALSE },
    { "sekisho --socket /x open", SK_COMMAND_OPEN, FALSE },
    { "sekisho --socket /x open example.jp", SK_COMMAND_OPEN, TRUE },
    { "sekisho --socket=/x example.jp", SK_COMMAND_OPEN, TRUE },
    { "sekisho --socket /x status", SK_COMMAND_STATUS, FALSE },
    { "sekisho --background", SK_COMMAND_BACKGROUND, FALSE },
    { "sekisho open --no-sound example.jp", SK_COMMAND_OPEN, TRUE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      SkOptions options;
      g_assert_true (parse (&options, rows[i].line, &error));
      g_assert_no_error (error);
      g_assert_cmpint (options.command, ==, rows[i].command);
      g_assert_cmpint (options.url != NULL, ==, rows[i].url);
      g_assert_cmpint (options.no_sound, ==, strstr (rows[i].line, "--no-sound") != NULL);
    }
}

static void
test_options_refused (void)
{
  const char *rows[] = {
    "sekisho --nonsense",          "sekisho open a.jp b.jp", "sekisho open javascript:x",
    "sekisho open --viewer=other", "sekisho open --pool",    "sekisho list extra",
    "sekisho open open open",      "sekisho open -- --pool",
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      SkOptions options;
      g_assert_false (parse (&options, rows[i], &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_INVALID);
    }
}

/* -- sentences ------------------------------------------------------------------------------------------- */

static gboolean
has_japanese (const char *text)
{
  for (const char *p = text; p && *p; p = g_utf8_next_char (p))
    if (g_utf8_get_char (p) >= 0x3040 && g_utf8_get_char (p) <= 0x9fff)
      return TRUE;
  return FALSE;
}

/* What every state says, in the language of the process. */
static void
check_texts (gboolean japanese)
{
  for (int state = SK_LINK_OPENING; state <= SK_LINK_FAILED; state++)
    for (int code = -1; code < _SK_ERROR_LAST; code++)
      {
        g_auto (SkLinkView) view = { .state = (SkLinkState) state, .position = 3, .eta_seconds = 200 };
        g_auto (SkText) text = { 0 };
        if (code >= 0)
          view.error = g_error_new_literal (SK_ERROR, code, "");
        view.reason = g_strdup ("the time was up\n時間になりました");
        text = sk_text_for_link (&view);
        g_assert_cmpuint (strlen (text.title), >, 5);
        g_assert_cmpint (has_japanese (text.title), ==, japanese);
        if (text.detail && *text.detail)
          g_assert_cmpint (has_japanese (text.detail), ==, japanese);
        /* Something goes on, or there is a button: nobody is left before a dead window. */
        g_assert_true (text.busy || text.offer_again);
      }
}

static void
test_texts_english (void)
{
  check_texts (FALSE);
  g_assert_nonnull (strstr (sk_options_help (), "Usage: sekisho"));
}

static void
test_texts_japanese (void)
{
  check_texts (TRUE);
  g_assert_nonnull (strstr (sk_options_help (), "使い方: sekisho"));
  g_auto (SkLinkView) view = { .state = SK_LINK_QUEUED, .position = 2, .eta_seconds = 61 };
  g_auto (SkText) text = sk_text_for_link (&view);
  g_assert_nonnull (strstr (text.detail, "あなたは 2 番目です。"));
  g_assert_nonnull (strstr (text.detail, "あと約 2 分です。"));
}

/* The language is read once a process. */
static void
run_in (const char *language, const char *path)
{
  g_autofree char *before = g_strdup (g_getenv ("LC_ALL"));
  g_setenv ("LC_ALL", language, TRUE);
  g_test_trap_subprocess (path, 0, 0);
  g_test_trap_assert_passed ();
  if (before)
    g_setenv ("LC_ALL", before, TRUE);
  else
    g_unsetenv ("LC_ALL");
}

static void
test_texts (void)
{
  run_in ("C.UTF-8", "/desktop/texts/subprocess/english");
  run_in ("ja_JP.UTF-8", "/desktop/texts/subprocess/japanese");
}

/* -- sizes ----------------------------------------------------------------------------------------------- */

static void
test_layout (void)
{
  SkLayout same = sk_layout_fit (1280, 800, 1280, 800);
  g_assert_cmpfloat (same.zoom, ==, 1);
  g_assert_cmpint (same.target.x, ==, 0);
  SkLayout spare = sk_layout_fit (1281, 803, 1280, 800);
  g_assert_cmpfloat (spare.zoom, ==, 1);
  g_assert_cmpint (spare.target.y, ==, 1);
  SkLayout wide = sk_layout_fit (2000, 800, 1280, 800);
  g_assert_cmpint (wide.target.width, ==, 1280);
  g_assert_cmpint (wide.target.x, ==, 360);
  SkLayout small = sk_layout_fit (640, 800, 1280, 800);
  g_assert_cmpint (small.target.width, ==, 640);
  g_assert_cmpint (small.target.height, ==, 400);
  g_assert_cmpint (small.target.y, ==, 200);
  g_assert_cmpint (sk_layout_fit (0, 0, 1280, 800).target.width, ==, 0);
  g_assert_cmpint (sk_layout_fit (640, 480, 0, 0).target.width, ==, 0);
}

static void
test_large_text (void)
{
  g_assert_cmpint (sk_large_text_percent (FALSE, 1), ==, 100);
  g_assert_cmpint (sk_large_text_percent (TRUE, 1), ==, 150);
  g_assert_cmpint (sk_large_text_percent (TRUE, 1.25), ==, 188);
  g_assert_cmpint (sk_large_text_percent (TRUE, 8), ==, 500);
  g_assert_cmpint (sk_large_text_percent (FALSE, 0.5), ==, 100);
  g_assert_false (sk_large_text_load ());
  sk_large_text_save (TRUE);
  g_assert_true (sk_large_text_load ());
  sk_large_text_save (FALSE);
  g_assert_false (sk_large_text_load ());
}

static void
test_layout_points (void)
{
  int x, y;
  SkLayout small = sk_layout_fit (640, 800, 1280, 800);
  sk_layout_to_picture (&small, 1280, 800, 0, 200, &x, &y);
  g_assert_cmpint (x, ==, 0);
  g_assert_cmpint (y, ==, 0);
  sk_layout_to_picture (&small, 1280, 800, 639.9, 599.9, &x, &y);
  g_assert_cmpint (x, ==, 1279);
  g_assert_cmpint (y, ==, 799);
  /* Outside, as while dragging */
  sk_layout_to_picture (&small, 1280, 800, -500, 5000, &x, &y);
  g_assert_cmpint (x, ==, 0);
  g_assert_cmpint (y, ==, 799);
}

/* -- picture --------------------------------------------------------------------------------------------- */

static void
test_frame (void)
{
  g_autoptr (SkPixels) frame = sk_pixels_new ();
  guint32 pixels[20 * 10];
  SkRect rects[SK_PIXELS_RECTS_MAX];
  gboolean resized;
  int width, height;
  for (gsize i = 0; i < G_N_ELEMENTS (pixels); i++)
    pixels[i] = 0x00112233;
  const SkRect part = { 15, 8, 100, 100 }; /* over the edge: clamped */
  g_assert_true (sk_pixels_publish (frame, (guint8 *) pixels, 80, 20, 10, &part, 1));
  const guint32 *got = (const guint32 *) sk_pixels_lock (frame, &width, &height);
  g_assert_cmpint (width, ==, 20);
  g_assert_cmphex (got[8 * 20 + 15], ==, 0xff112233);
  g_assert_cmphex (got[8 * 20 + 14], ==, 0xff000000);
  g_assert_cmpuint (sk_pixels_take_damage (frame, rects, &resized), ==, 1);
  g_assert_true (resized);
  g_assert_cmpint (rects[0].width, ==, 5);
  g_assert_cmpint (rects[0].height, ==, 2);
  g_assert_cmpuint (sk_pixels_take_damage (frame, rects, &resized), ==, 0);
  g_assert_false (resized);
  sk_pixels_unlock (frame);
}

static void
test_frame_limits (void)
{
  g_autoptr (SkPixels) frame = sk_pixels_new ();
  static guint32 pixels[64 * 64];
  SkRect rects[SK_PIXELS_RECTS_MAX];
  gboolean resized;
  int width, height;
  g_assert_false (sk_pixels_publish (frame, (guint8 *) pixels, 80, 0, 10, NULL, 0));
  g_assert_false (sk_pixels_publish (frame, (guint8 *) pixels, 80, 20, -1, NULL, 0));
  g_assert_false (sk_pixels_publish (frame, (guint8 *) pixels, 79, 20, 10, NULL, 0));
  g_assert_false (sk_pixels_publish (frame, (guint8 *) pixels, SK_PIXELS_SIDE_MAX * 8, SK_PIXELS_SIDE_MAX * 2,
                                     1, NULL, 0));
  g_assert_cmpuint (sk_pixels_serial (frame), ==, 0);
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < 8; j++)
      {
        const SkRect one = { i, j, 1, 1 };
        g_assert_true (sk_pixels_publish (frame, (guint8 *) pixels, 256, 64, 64, &one, 1));
      }
  sk_pixels_lock (frame, &width, &height);
  guint n = sk_pixels_take_damage (frame, rects, &resized);
  sk_pixels_unlock (frame);
  SkRect all = { 0 };
  for (guint i = 0; i < n; i++)
    all = sk_rect_union (all, rects[i]);
  g_assert_cmpint (all.width, ==, 64);
  g_assert_cmpint (all.height, ==, 8);
}

/* -- one instance ---------------------------------------------------------------------------------------- */

typedef struct
{
  char *dir, *path;
  GPtrArray *urls;
} Desk;

static void
desk_up (Desk *desk, gconstpointer unused)
{
  desk->dir = g_dir_make_tmp ("sk-desk-XXXXXX", NULL);
  desk->path = g_build_filename (desk->dir, "sekisho", "desktop.sock", NULL);
  desk->urls = g_ptr_array_new_with_free_func (g_free);
}

static void
desk_down (Desk *desk, gconstpointer unused)
{
  g_autofree char *lock = g_strconcat (desk->path, ".lock", NULL);
  g_autofree char *folder = g_path_get_dirname (desk->path);
  g_assert_cmpint (g_unlink (lock), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_assert_cmpint (g_rmdir (desk->dir), ==, 0);
  g_ptr_array_unref (desk->urls);
  g_free (desk->dir);
  g_free (desk->path);
}

static void
on_instance_open (const char *url, const char *token, gpointer data)
{
  g_ptr_array_add (((Desk *) data)->urls, g_strdup_printf ("%s|%s", url ? url : "", token ? token : ""));
}

typedef struct
{
  const char *path, *url, *token;
  gboolean taken;
  int done;
} Send;

static gpointer
send_thread (gpointer data)
{
  Send *s = data;
  s->taken = sk_instance_send (s->path, s->url, s->token, NULL);
  g_atomic_int_set (&s->done, TRUE);
  g_main_context_wakeup (NULL);
  return NULL;
}

static gboolean
send_from_elsewhere (Desk *desk, const char *url, const char *token)
{
  Send s = { desk->path, url, token, FALSE, FALSE };
  GThread *thread = g_thread_new ("sender", send_thread, &s);
  while (!g_atomic_int_get (&s.done))
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  return s.taken;
}

static void
test_instance (Desk *desk, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (sk_instance_send (desk->path, NULL, NULL, &error));
  g_assert_no_error (error);
  g_autoptr (SkInstance) first = sk_instance_claim (desk->path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (first);
  g_assert_null (sk_instance_claim (desk->path, &error));
  g_assert_no_error (error);
  sk_instance_serve (first, on_instance_open, desk);
  g_assert_true (send_from_elsewhere (desk, "https://example.jp/", "token_1"));
  g_assert_true (send_from_elsewhere (desk, NULL, NULL));
  g_assert_cmpuint (desk->urls->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (desk->urls, 0), ==, "https://example.jp/|token_1");
  g_assert_cmpstr (g_ptr_array_index (desk->urls, 1), ==, "|");
}

/* What was left by one that was killed does not keep the next from starting. */
static void
test_instance_after_a_kill (Desk *desk, gconstpointer unused)
{
  g_autofree char *folder = g_path_get_dirname (desk->path);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  sk_autofd int dead = sk_fd_listen_unix (desk->path, SOCK_STREAM, NULL);
  g_assert_cmpint (dead, >=, 0);
  sk_clear_fd (&dead);
  g_assert_true (g_file_test (desk->path, G_FILE_TEST_EXISTS));
  g_autoptr (SkInstance) next = sk_instance_claim (desk->path, NULL);
  g_assert_nonnull (next);
}

static void
test_instance_bad_messages (Desk *desk, gconstpointer unused)
{
  const char *rows[] = { "", "sekisho 2\nhttps://example.jp/\n\n", "sekisho 1\njavascript:x\n\n",
                         "sekisho 1\nonly", "GET / HTTP/1.1\r\n\r\n\r\n" };
  g_autoptr (SkInstance) instance = sk_instance_claim (desk->path, NULL);
  sk_instance_serve (instance, on_instance_open, desk);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      char answer = 0;
      sk_autofd int fd = sk_fd_connect_unix (desk->path, SOCK_STREAM, NULL);
      g_assert_cmpint (fd, >=, 0);
      g_assert_cmpint (send (fd, rows[i], strlen (rows[i]), MSG_NOSIGNAL), ==, (gssize) strlen (rows[i]));
      shutdown (fd, SHUT_WR);
      g_main_context_iteration (NULL, TRUE);
      g_assert_true (recv (fd, &answer, 1, 0) <= 0 || answer == '-');
    }
  g_assert_cmpuint (desk->urls->len, ==, 0);
}

static void
test_instance_names (void)
{
  g_autofree char *one = sk_instance_path (NULL, NULL);
  g_autofree char *again = sk_instance_path (NULL, NULL);
  g_autofree char *pool = sk_instance_path ("other", NULL);
  g_autofree char *broker = sk_instance_path (NULL, "/other/api.sock");
  g_assert_cmpstr (one, ==, again);
  g_assert_cmpstr (one, !=, pool);
  g_assert_cmpstr (one, !=, broker);
}

int
main (int argc, char **argv)
{
  /* Not G_TEST_OPTION_ISOLATE_DIRS: GLib never frees the names it had before, and that is a leak to the
   * sanitizer. */
  g_autofree char *config = g_dir_make_tmp ("sk-config-XXXXXX", NULL);
  g_setenv ("XDG_CONFIG_HOME", config, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/desktop/url/accepted", test_url_accepted);
  g_test_add_func ("/desktop/url/refused", test_url_refused);
  g_test_add_func ("/desktop/url/length", test_url_length);
  g_test_add_func ("/desktop/options/accepted", test_options);
  g_test_add_func ("/desktop/options/refused", test_options_refused);
  g_test_add_func ("/desktop/texts", test_texts);
  g_test_add_func ("/desktop/texts/subprocess/english", test_texts_english);
  g_test_add_func ("/desktop/texts/subprocess/japanese", test_texts_japanese);
  g_test_add_func ("/desktop/layout/fit", test_layout);
  g_test_add_func ("/desktop/layout/points", test_layout_points);
  g_test_add_func ("/desktop/large-text", test_large_text);
  g_test_add_func ("/desktop/frame/damage", test_frame);
  g_test_add_func ("/desktop/frame/limits", test_frame_limits);
  g_test_add ("/desktop/instance/one", Desk, NULL, desk_up, test_instance, desk_down);
  g_test_add ("/desktop/instance/after-a-kill", Desk, NULL, desk_up, test_instance_after_a_kill, desk_down);
  g_test_add ("/desktop/instance/bad-messages", Desk, NULL, desk_up, test_instance_bad_messages, desk_down);
  g_test_add_func ("/desktop/instance/names", test_instance_names);
  const int status = g_test_run ();
  const char *remove[] = { "rm", "-rf", config, NULL };
  g_assert_true (
      g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  return status;
}
