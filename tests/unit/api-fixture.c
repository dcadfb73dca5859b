#include "api-fixture.h"
#include "api/identity.h"
#include "common/log.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

/* For a test to fail in, rather than hang. */
#define DEADLINE_SECONDS 20

void
fixture_up (Fixture *f, gconstpointer limits)
{
  g_autoptr (GError) error = NULL;
  SkApiOptions options = SK_API_OPTIONS_INIT;
  sk_log_set_threshold (G_LOG_LEVEL_WARNING); /* nobody reads what administrators changed here */
  f->dir = g_dir_make_tmp ("sk-api-XXXXXX", &error);
  g_assert_no_error (error);
  f->path = g_build_filename (f->dir, "api.sock", NULL);
  f->manager = sk_mock_manager_new ();
  options.socket_path = f->path;
  options.images_dir = f->dir;
  f->server = sk_api_server_new_test (f->manager, &options, limits, NULL, &error);
  g_assert_no_error (error);
}

void
fixture_down (Fixture *f, gconstpointer unused)
{
  g_clear_pointer (&f->server, sk_api_server_free);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (f->manager);
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_rmdir (f->dir), ==, 0);
  g_free (f->dir);
  g_free (f->path);
}

typedef struct
{
  SkIdentity *who;
  gint64 read;
} CachedIdentity;

/* The server believes its cache for a while; the test puts a user there. */
void
fixture_become (Fixture *f, guint uid, const char *user, gboolean admin)
{
  CachedIdentity *cached = g_new0 (CachedIdentity, 1);
  cached->who = g_new0 (SkIdentity, 1);
  cached->who->uid = uid;
  cached->who->user = g_strdup (user);
  cached->who->admin = admin;
  cached->read = g_get_monotonic_time ();
  g_hash_table_replace (f->server->identities, GUINT_TO_POINTER (getuid ()), cached);
}

void
fixture_add_pool (Fixture *f, const char *name, const char *group)
{
  g_autoptr (SkPool) pool = g_new0 (SkPool, 1);
  pool->name = g_strdup (name);
  pool->image = g_strdup ("trixie");
  pool->memory_mib = 2048;
  pool->vcpus = 2;
  pool->network = g_strdup ("sk-inet0");
  pool->warm = 1;
  pool->maximum = 4;
  pool->width = 1280;
  pool->height = 800;
  pool->detached_minutes = 60;
  pool->group = g_strdup (group);
  pool->border = g_strdup ("インターネット側");
  pool->home_url = g_strdup ("");
  pool->sound = TRUE;
  pool->clipboard = g_strdup ("both");
  g_assert_true (sk_manager_put_pool (f->manager, pool, TRUE, NULL));
}

typedef struct
{
  void (*func) (gpointer);
  gpointer data;
  gboolean done;
} Job;

static gboolean
on_done (gpointer data)
{
  ((Job *) data)->done = TRUE;
  return G_SOURCE_REMOVE;
}

static gpointer
run_job (gpointer data)
{
  Job *job = data;
  job->func (job->data);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_done, job, NULL);
  return NULL;
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("the test waited too long");
  return G_SOURCE_REMOVE;
}

void
fixture_wait (const gboolean *flag)
{
  guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, NULL);
  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

void
fixture_run (void (*func) (gpointer), gpointer data)
{
  Job job = { func, data, FALSE };
  GThread *thread = g_thread_new ("client", run_job, &job);
  fixture_wait (&job.done);
  g_thread_join (thread);
}

typedef struct
{
  void (*func) (gpointer);
  gpointer data;
  GMutex mutex;
  GCond cond;
  gboolean done;
} MainJob;

static gboolean
run_main_job (gpointer data)
{
  MainJob *job = data;
  job->func (job->data);
  g_mutex_lock (&job->mutex);
  job->done = TRUE;
  g_cond_signal (&job->cond);
  g_mutex_unlock (&job->mutex);
  return G_SOURCE_REMOVE;
}

void
fixture_on_main (void (*func) (gpointer), gpointer data)
{
  MainJob job = { func, data };
  g_mutex_init (&job.mutex);
  g_cond_init (&job.cond);
  g_idle_add_full (G_PRIORITY_DEFAULT, run_main_job, &job, NULL);
  g_mutex_lock (&job.mutex);
  while (!job.done)
    g_cond_wait (&job.cond, &job.mutex);
  g_mutex_unlock (&job.mutex);
  g_mutex_clear (&job.mutex);
  g_cond_clear (&job.cond);
}

guint
fixture_count_fds (void)
{
  guint n = 0;
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  while (g_dir_read_name (dir))
    n++;
  return n;
}

int
fixture_connect (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  int fd = sk_fd_connect_unix (f->path, SOCK_STREAM, &error);
  g_assert_no_error (error);
  return fd;
}

char *
fixture_read_all (int fd)
{
  GString *all = g_string_new (NULL);
  char buffer[4096];
  gssize n;
  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len (all, buffer, n);
  return g_string_free (all, FALSE);
}

typedef struct
{
  Fixture *f;
  const char *request;
  char *answer;
} Raw;

static void
run_raw (gpointer data)
{
  Raw *raw = data;
  sk_autofd int fd = fixture_connect (raw->f);
  g_autofree char *text = NULL;
  const char *body;
  gsize left = strlen (raw->request);
  const char *at = raw->request;
  while (left > 0)
    {
      gssize n = send (fd, at, left, MSG_NOSIGNAL);
      if (n <= 0)
        break;
      at += n;
      left -= (gsize) n;
    }
  text = fixture_read_all (fd);
  body = strstr (text, "\r\n\r\n");
  raw->answer = g_str_has_prefix (text, "HTTP/1.") && body ? g_strdup_printf ("%.3s %s", text + 9, body + 4)
                                                           : g_strdup (text);
}

char *
fixture_raw (Fixture *f, const char *request)
{
  Raw raw = { f, request, NULL };
  fixture_run (run_raw, &raw);
  return raw.answer;
}

char *
fixture_call (Fixture *f, const char *method, const char *path, const char *body)
{
  g_autofree char *request = g_strdup_printf (
      "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
      method, path, body ? strlen (body) : 0, body ? body : "");
  return fixture_raw (f, request);
}
