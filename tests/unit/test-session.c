/* sekisho-session's parts: handing a URL to the browser that runs, and telling a page from a blank window. */
#include "browser.h"
#include "window.h"
#include "common/fd.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

typedef struct
{
  int listener;
  const char *answer;
  GByteArray *heard;
} Browser;

/* Chromium's side: reads to the end of what is said, then answers. */
static gpointer
browser_thread (gpointer data)
{
  Browser *browser = data;
  sk_autofd int fd = accept (browser->listener, NULL, NULL);
  guint8 buffer[4096];
  gssize n;
  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_byte_array_append (browser->heard, buffer, (guint) n);
  if (browser->answer)
    g_assert_cmpint (send (fd, browser->answer, strlen (browser->answer), MSG_NOSIGNAL), >, 0);
  return NULL;
}

static gboolean
open_with (const char *answer, const char *url, GByteArray *heard, GError **error)
{
  g_autofree char *profile = g_dir_make_tmp ("sekisho-profile-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (profile, "SingletonSocket", NULL);
  Browser browser = { .answer = answer, .heard = heard };
  browser.listener = sk_fd_listen_unix (path, SOCK_STREAM, NULL);
  g_assert_cmpint (browser.listener, >=, 0);
  GThread *thread = g_thread_new ("browser", browser_thread, &browser);
  gboolean ok = sk_browser_open_url (profile, url, error);
  g_thread_join (thread);
  sk_clear_fd (&browser.listener);
  g_remove (path);
  g_rmdir (profile);
  return ok;
}

static void
test_open (void)
{
  static const char url[] = "https://example.jp/?q=a%20b";
  g_autoptr (GByteArray) heard = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  gboolean ok = open_with ("ACK", url, heard, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  g_assert_cmpmem (heard->data, 6, "START", 6);
  const char *working_directory = (const char *) heard->data + 6;
  g_assert_cmpstr (working_directory, ==, g_get_home_dir ());
  g_assert_cmpmem (heard->data + heard->len - strlen (url), strlen (url), url, strlen (url));
  g_assert_cmpint (heard->data[heard->len - strlen (url) - 1], ==, 0);
}

static void
test_open_refused (void)
{
  static const char *const answers[] = { "SHUTDOWN", "NAK", NULL };
  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (GByteArray) heard = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      g_assert_false (open_with (answers[i], "https://example.jp/", heard, &error));
      g_assert_nonnull (error);
    }
}

static void
test_no_browser (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (sk_browser_open_url ("/nonexistent", "https://example.jp/", &error));
  g_assert_nonnull (error);
}

static void
test_painted (void)
{
  guint32 picture[1000];
  for (gsize i = 0; i < G_N_ELEMENTS (picture); i++)
    picture[i] = 0xffffff;
  g_assert_false (sk_picture_is_painted (picture, G_N_ELEMENTS (picture)));
  g_assert_false (sk_picture_is_painted (picture, 0));
  /* The unused byte of a pixel says nothing. */
  for (gsize i = 0; i < 100; i++)
    picture[i] = (guint32) i << 24 | 0xffffff;
  g_assert_false (sk_picture_is_painted (picture, G_N_ELEMENTS (picture)));
  /* A spinner of two colours, then text with its smoothed edges. */
  picture[500] = 0x0000ff;
  picture[501] = 0x000080;
  g_assert_false (sk_picture_is_painted (picture, G_N_ELEMENTS (picture)));
  for (gsize i = 0; i < 8; i++)
    picture[600 + i] = (guint32) i * 0x101010;
  g_assert_true (sk_picture_is_painted (picture, G_N_ELEMENTS (picture)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/open", test_open);
  g_test_add_func ("/session/open-refused", test_open_refused);
  g_test_add_func ("/session/no-browser", test_no_browser);
  g_test_add_func ("/session/painted", test_painted);
  return g_test_run ();
}
