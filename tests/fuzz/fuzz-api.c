/* A client's whole byte stream, against the real server over a core without VMs: HTTP, routes, queries and
 * the JSON body of each route, as an administrator, for whom every route is open. After each stream no
 * connection may be left. */
#include "api/server-private.h"
#include "common/fd.h"
#include "common/log.h"
#include "fuzz.h"
#include "mock/manager.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>

/* Sessions and pools of many inputs would make the later ones slow. */
#define INPUTS_PER_SERVER 200
/* What a connection may do on the main loop before it has to be over. */
#define TURNS_MAX 100000

static SkManager *manager;
static SkApiServer *server;
static char *path;
static guint inputs;

static void
stop_server (void)
{
  g_clear_pointer (&server, sk_api_server_free);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_clear_object (&manager);
}

static void
start_server (void)
{
  g_autoptr (GError) error = NULL;
  SkApiOptions options = SK_API_OPTIONS_INIT;
  if (!path)
    {
      g_autofree char *dir = g_dir_make_tmp ("sk-fuzz-XXXXXX", NULL);
      path = g_build_filename (dir, "api.sock", NULL);
      unlink (path);
      sk_log_set_threshold (G_LOG_LEVEL_WARNING); /* what administrators change: thousands of lines here */
    }
  stop_server ();
  manager = sk_mock_manager_new ();
  sk_mock_manager_set_ready (manager, 2);
  options.socket_path = path;
  options.images_dir = options.build_image = "/nonexistent";
  server = sk_api_server_new_test (manager, &options, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
turn (int fd)
{
  char answer[65536];
  while (g_main_context_iteration (NULL, FALSE))
    ;
  while (recv (fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
    ;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  sk_autofd int fd = -1;
  guint turns = 0;

  if (inputs++ % INPUTS_PER_SERVER == 0)
    start_server ();
  fd = sk_fd_connect_unix (path, SOCK_STREAM, NULL);
  g_assert_cmpint (fd, >=, 0);
  while (size > 0 && turns++ < TURNS_MAX)
    {
      gssize n = send (fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno != EAGAIN)
        break;
      if (n > 0)
        {
          data += n;
          size -= (size_t) n;
        }
      turn (fd);
    }
  shutdown (fd, SHUT_WR);
  turn (fd);
  sk_clear_fd (&fd);
  while (g_hash_table_size (server->connections) > 0 && turns++ < TURNS_MAX)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (g_hash_table_size (server->connections), ==, 0);
  return 0;
}

/* Leaves nothing in the temporary folder. */
static void __attribute__ ((destructor)) clean (void)
{
  if (!path)
    return;
  stop_server ();
  g_autofree char *dir = g_path_get_dirname (path);
  g_rmdir (dir);
  g_free (path);
}
