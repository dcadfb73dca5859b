/* sekisho-session's parts: handing a URL to the browser that runs, and telling a page from a blank window. */
#include "browser.h"
#include "sound.h"
#include "scale.h"
#include "window.h"
#include "common/fd.h"
#include <glib/gstdio.h>
#include <fcntl.h>
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

/* ---- sound: PulseAudio's side of the pipe and xrdp's of the socket ---- */

typedef struct
{
  char *folder, *pipe, *server;
  int listener, connection, writer;
  SkGuestSound *sound;
} Sound;

static void
sound_up (Sound *s, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  s->folder = g_dir_make_tmp ("sekisho-sound-XXXXXX", NULL);
  s->pipe = g_build_filename (s->folder, "pipe", NULL);
  s->server = g_build_filename (s->folder, "server", NULL);
  s->sound = sk_guest_sound_new (s->pipe, s->server, &error);
  g_assert_no_error (error);
  s->writer = open (s->pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (s->writer, >=, 0);
  s->listener = s->connection = -1;
}

static void
sound_down (Sound *s, gconstpointer data)
{
  sk_guest_sound_free (s->sound);
  sk_clear_fd (&s->listener);
  sk_clear_fd (&s->connection);
  sk_clear_fd (&s->writer);
  g_remove (s->pipe);
  g_remove (s->server);
  g_rmdir (s->folder);
  g_free (s->folder);
  g_free (s->pipe);
  g_free (s->server);
}

static void
write_sound (Sound *s, guint8 value, gsize n)
{
  g_autofree guint8 *bytes = g_malloc (n);
  memset (bytes, value, n);
  g_assert_cmpint (write (s->writer, bytes, n), ==, n);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* What xrdp hears: (what, bytes); -1 when there is nothing. */
static int
hear (Sound *s, guint8 *ret_bytes, gsize *ret_n)
{
  guint32 header[2];
  if (s->connection < 0)
    s->connection = accept4 (s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (recv (s->connection, header, sizeof header, MSG_DONTWAIT) != sizeof header)
    return -1;
  g_assert_cmpuint (header[1], >=, sizeof header);
  *ret_n = header[1] - sizeof header;
  g_assert_cmpuint (*ret_n, <=, 4096);
  if (*ret_n > 0)
    g_assert_cmpint (recv (s->connection, ret_bytes, *ret_n, MSG_DONTWAIT), ==, *ret_n);
  return (int) header[0];
}

static void
test_sound (Sound *s, gconstpointer data)
{
  guint8 got[4096];
  gsize n = 0;
  write_sound (s, 9, 4096); /* nobody listens: lost */
  s->listener = sk_fd_listen_unix (s->server, SOCK_STREAM, NULL);
  g_usleep (G_USEC_PER_SEC + 10000); /* the second between two tries */
  write_sound (s, 7, 4000);
  g_assert_cmpint (hear (s, got, &n), ==, 0);
  g_assert_cmpuint (n, ==, 4000);
  g_assert_cmpuint (got[0] + got[3999], ==, 14);
  write_sound (s, 0, 400); /* a pause between words */
  g_assert_cmpint (hear (s, got, &n), ==, 0);
  g_usleep ((SK_GUEST_SOUND_TAIL_MS + 10) * 1000);
  write_sound (s, 0, 400); /* an end, told once */
  g_assert_cmpint (hear (s, got, &n), ==, 1);
  g_assert_cmpuint (n, ==, 0);
  write_sound (s, 0, 400);
  g_assert_cmpint (hear (s, got, &n), ==, -1);
}

/* An xrdp that does not read gets whole messages, and no more than are worth hearing. */
static void
test_sound_stuck (Sound *s, gconstpointer data)
{
  guint8 got[4096];
  gsize n, total = 0;
  s->listener = sk_fd_listen_unix (s->server, SOCK_STREAM, NULL);
  for (guint i = 0; i < 100; i++)
    write_sound (s, 7, 4096);
  while (hear (s, got, &n) == 0)
    total += n;
  g_assert_cmpuint (total, >=, 4096);
  g_assert_cmpuint (total, <=, SK_GUEST_SOUND_UNREAD + 4096);
  write_sound (s, 7, 4096);
  g_assert_cmpint (hear (s, got, &n), ==, 0);
}

/* XSETTINGS 0.5, "Settings Format", for a little-endian host. */
static void
test_scale (void)
{
  static const guint8 expected[]
      = { 0, 0, 0, 0, 7,   0,   0,   0,   1,   0,   0,   0, /* order, serial, one setting */
          0, 0, 7, 0, 'X', 'f', 't', '/', 'D', 'P', 'I', 0, 7, 0, 0, 0, 0, 0x40, 0x02, 0 }; /* 144 * 1024 */
  g_autoptr (GByteArray) settings = sk_scale_settings (150, 7);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    g_assert_cmpmem (settings->data, settings->len, expected, sizeof expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/open", test_open);
  g_test_add_func ("/session/open-refused", test_open_refused);
  g_test_add_func ("/session/no-browser", test_no_browser);
  g_test_add_func ("/session/painted", test_painted);
  g_test_add ("/session/sound", Sound, NULL, sound_up, test_sound, sound_down);
  g_test_add ("/session/sound-stuck", Sound, NULL, sound_up, test_sound_stuck, sound_down);
  g_test_add_func ("/scale", test_scale);
  return g_test_run ();
}
