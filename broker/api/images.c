#include "api/images.h"
#include "api/operations.h"
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include "common/log.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One at a time: it uses all disk bandwidth there is. */
struct _SkImageBuild
{
  SkApiServer *server; /* NULL: it went */
  SkManager *manager;
  SkOperation *operation;
  GSubprocess *process;
  GDataInputStream *output;
  char *name, *dir, *user;
  char *last; /* the last line it said: the reason, when it fails */
  gboolean cancelled;
  guint stop_timer, stops;
};

#define LINE_MAX_BYTES 1024
/* A signal can come between two commands of a script, which then waits for the next one's end: it is sent
 * again, each second; after so many times for good. Tidying up takes the builder a second or two. */
#define STOPS_MAX 15

static const char *const image_files[] = { "image.qcow2", "vmlinuz", "initrd", "manifest.json" };

/* -- list, show, delete --------------------------------------------------------------------------------- */

void
sk_api_get_images (SkRequest *request)
{
  g_autoptr (GPtrArray) images = sk_manager_images (request->manager);
  JsonArray *rows = json_array_new ();
  for (guint i = 0; i < images->len; i++)
    json_array_add_object_element (rows, sk_json_from_row (sk_image_fields, g_ptr_array_index (images, i)));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), rows));
  json_array_unref (rows);
}

static const SkImage *
find_image (GPtrArray *images, const char *name_or_id)
{
  for (guint i = 0; i < images->len; i++)
    {
      const SkImage *image = g_ptr_array_index (images, i);
      if (g_strcmp0 (image->name, name_or_id) == 0 || g_strcmp0 (image->id, name_or_id) == 0)
        return image;
    }
  return NULL;
}

void
sk_api_get_image (SkRequest *request)
{
  g_autoptr (GPtrArray) images = sk_manager_images (request->manager);
  const SkImage *image = find_image (images, request->args[0]);
  if (image)
    sk_request_reply_object (request, sk_json_from_row (sk_image_fields, image));
  else
    sk_request_reply_error (request, g_error_new (SK_ERROR, SK_ERROR_NOT_FOUND, "%s", request->args[0]));
}

/* Files of images that were built here are ours to delete; imported ones belong to whoever put them there. */
static void
remove_files (const SkApiServer *server, const char *dir)
{
  g_autofree char *parent = g_path_get_dirname (dir);
  if (strcmp (parent, server->images_dir) != 0)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (image_files); i++)
    {
      g_autofree char *path = g_build_filename (dir, image_files[i], NULL);
      unlink (path);
    }
  rmdir (dir);
}

void
sk_api_delete_image (SkRequest *request)
{
  g_autoptr (GPtrArray) images = sk_manager_images (request->manager);
  const SkImage *image = find_image (images, request->args[0]);
  GError *error = NULL;

  if (!sk_manager_delete_image (request->manager, request->args[0], &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  if (image && image->path)
    remove_files (request->server, image->path);
  sk_request_reply (request, NULL);
}

/* -- build ---------------------------------------------------------------------------------------------- */

static void
build_free (SkImageBuild *build)
{
  if (build->server)
    build->server->build = NULL;
  g_clear_handle_id (&build->stop_timer, g_source_remove);
  g_clear_object (&build->manager);
  g_clear_object (&build->process);
  g_clear_object (&build->output);
  g_clear_pointer (&build->operation, sk_operation_unref);
  g_free (build->name);
  g_free (build->dir);
  g_free (build->user);
  g_free (build->last);
  g_free (build);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkImageBuild, build_free)

/* The builder's whole process group: bash acts on a signal only when its child is done. */
static void
stop_process (GSubprocess *process, int number)
{
  const char *pid = g_subprocess_get_identifier (process);
  if (pid)
    kill (-atoi (pid), number);
}

static void
make_group (gpointer data)
{
  setpgid (0, 0);
}

static gboolean
on_stop_again (gpointer data)
{
  SkImageBuild *build = data;
  stop_process (build->process, ++build->stops < STOPS_MAX ? SIGTERM : SIGKILL);
  return G_SOURCE_CONTINUE;
}

static void
cancel_build (SkOperation *operation, gpointer data)
{
  SkImageBuild *build = data;
  build->cancelled = TRUE;
  build->stop_timer = g_timeout_add_seconds (1, on_stop_again, build);
  stop_process (build->process, SIGTERM);
}

void
sk_api_images_stop (SkApiServer *server)
{
  if (!server->build)
    return;
  stop_process (server->build->process, SIGTERM);
  server->build->server = NULL;
  server->build = NULL;
}

/* "image: [2/6] 日本語 / English" */
static void
show_progress (SkImageBuild *build, const char *line)
{
  g_autofree char *valid = g_utf8_make_valid (line, MIN ((gssize) strlen (line), LINE_MAX_BYTES));
  const char *slash = g_strrstr (valid, " / ");
  const char *bracket = strchr (valid, '[');
  guint step = 0, steps = 0;
  JsonObject *progress = json_object_new ();

  if (bracket && sscanf (bracket, "[%u/%u]", &step, &steps) == 2 && steps > 0 && step > 0)
    json_object_set_int_member (progress, "percent", (step - 1) * 100 / steps);
  json_object_set_string_member (progress, "text", slash ? slash + 3 : valid);
  g_autofree char *japanese = slash ? g_strndup (valid, (gsize) (slash - valid)) : g_strdup (valid);
  json_object_set_string_member (progress, "text_ja", japanese);
  sk_operation_progress (build->operation, progress);
  g_free (build->last);
  build->last = g_steal_pointer (&valid);
}

/* The id that the manifest in a folder names. */
static char *
read_id (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "manifest.json", NULL), *text = NULL;
  g_autoptr (JsonNode) manifest = NULL;
  gsize length;
  if (g_file_get_contents (path, &text, &length, NULL))
    manifest = sk_json_parse (text, length, SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, NULL);
  return manifest && JSON_NODE_HOLDS_OBJECT (manifest)
             ? g_strdup (sk_json_get_string (json_node_get_object (manifest), "id", NULL))
             : NULL;
}

/* A build of what is there already: disks of VMs refer to the older folder, so that one stays. */
static gboolean
finish_with_known (SkImageBuild *build)
{
  g_autofree char *id = read_id (build->dir);
  g_autoptr (GPtrArray) images = sk_manager_images (build->manager);
  const SkImage *image = id ? find_image (images, id) : NULL;
  g_autoptr (JsonObject) row = NULL;
  if (!image || strcmp (image->id, id) != 0 || !g_file_test (image->path, G_FILE_TEST_IS_DIR))
    return FALSE;
  remove_files (build->server, build->dir);
  row = sk_json_from_row (sk_image_fields, image);
  sk_operation_finish (build->operation, json_node_init_object (json_node_alloc (), row), NULL);
  return TRUE;
}

static void
finish_build (SkImageBuild *build)
{
  GError *error = NULL;
  g_autoptr (SkImage) image = NULL;
  g_autoptr (JsonObject) row = NULL;

  if (!g_subprocess_get_successful (build->process))
    {
      sk_operation_finish (build->operation, NULL,
                           build->cancelled ? g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, "cancelled")
                                            : g_error_new (SK_ERROR, SK_ERROR_UNAVAILABLE, "%s",
                                                           build->last ? build->last : "?"));
      return;
    }
  if (finish_with_known (build))
    return;
  if (build->server->audit)
    sk_audit_set_actor (build->server->audit, build->user);
  image = sk_manager_import_image (build->manager, *build->name ? build->name : NULL, build->dir, &error);
  if (build->server->audit)
    sk_audit_set_actor (build->server->audit, NULL);
  if (!image)
    {
      sk_operation_finish (build->operation, NULL, error);
      return;
    }
  row = sk_json_from_row (sk_image_fields, image);
  sk_operation_finish (build->operation, json_node_init_object (json_node_alloc (), row), NULL);
}

static void
on_build_exit (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SkImageBuild) build = data;
  g_autoptr (GError) error = NULL;
  if (!g_subprocess_wait_finish (G_SUBPROCESS (source), result, &error))
    sk_warn (NULL, "image build: %s", error->message);
  if (build->server)
    {
      finish_build (build);
      if (!g_subprocess_get_successful (build->process))
        remove_files (build->server, build->dir);
    }
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  SkImageBuild *build = data;
  g_autofree char *line
      = g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (source), result, NULL, NULL);
  if (!line)
    {
      g_subprocess_wait_async (build->process, NULL, on_build_exit, build);
      return;
    }
  if (build->server && *line)
    show_progress (build, line);
  g_data_input_stream_read_line_async (build->output, G_PRIORITY_DEFAULT, NULL, on_line, build);
}

static gboolean
start_build (SkImageBuild *build, const SkIdentity *who, GError **error)
{
  SkApiServer *server = build->server;
  g_autoptr (GSubprocessLauncher) launcher
      = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  const char *argv[] = { server->build_image, "--agent", server->agent, "--output", build->dir, NULL };

  if (g_mkdir_with_parents (build->dir, 0755) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", build->dir, g_strerror (errno));
      return FALSE;
    }
  g_subprocess_launcher_set_child_setup (launcher, make_group, NULL, NULL);
  build->process = g_subprocess_launcher_spawnv (launcher, argv, error);
  if (!build->process)
    {
      g_prefix_error (error, "%s: ", server->build_image);
      (*error)->domain = SK_ERROR;
      (*error)->code = SK_ERROR_UNAVAILABLE;
      return FALSE;
    }
  build->operation
      = sk_operation_new (server->operations, who, "Building an image", NULL, cancel_build, build, error);
  if (!build->operation)
    {
      stop_process (build->process, SIGTERM);
      return FALSE;
    }
  sk_operation_ref (build->operation);
  build->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (build->process));
  g_data_input_stream_read_line_async (build->output, G_PRIORITY_DEFAULT, NULL, on_line, build);
  return TRUE;
}

static void
post_build (SkRequest *request, const char *name)
{
  SkApiServer *server = request->server;
  GError *error = NULL;
  g_autoptr (SkImageBuild) build = NULL;
  g_autofree char *id = g_uuid_string_random ();

  if (server->build)
    {
      sk_request_reply_error (request,
                              g_error_new_literal (SK_ERROR, SK_ERROR_CONFLICT,
                                                   SK_BOTH ("a build runs already", "すでに作成中です")));
      return;
    }
  build = g_new0 (SkImageBuild, 1);
  build->server = server;
  build->manager = g_object_ref (request->manager);
  build->name = g_strdup (name);
  build->user = g_strdup (request->who->user);
  build->dir = g_build_filename (server->images_dir, id, NULL);
  if (!start_build (build, request->who, &error))
    {
      rmdir (build->dir);
      sk_request_reply_error (request, error);
      return;
    }
  server->build = build;
  sk_request_reply_operation (request, g_steal_pointer (&build)->operation);
}

/* -- create --------------------------------------------------------------------------------------------- */

typedef struct
{
  char *name, *path;
  gboolean build;
} ImageBody;

static void
image_body_clear (ImageBody *body)
{
  g_free (body->name);
  g_free (body->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ImageBody, image_body_clear)

void
sk_api_post_images (SkRequest *request)
{
  static const SkBodyField fields[] = {
    { "name", SK_BODY_STRING, offsetof (ImageBody, name), 64 },
    { "path", SK_BODY_STRING, offsetof (ImageBody, path), 4096 },
    { "build", SK_BODY_BOOL, offsetof (ImageBody, build) },
    { NULL },
  };
  g_auto (ImageBody) body = { NULL };
  g_autoptr (SkImage) image = NULL;
  GError *error = NULL;

  if (!sk_json_to_struct (request->body, fields, &body, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  if (body.build == (body.path != NULL) || (body.path && !g_path_is_absolute (body.path)))
    {
      sk_request_reply_error (
          request,
          g_error_new_literal (SK_ERROR, SK_ERROR_INVALID,
                               SK_BOTH ("either \"path\" (an absolute path) or \"build\": true",
                                        "\"path\"（絶対パス）か \"build\": true のどちらかを指定します")));
      return;
    }
  if (body.build)
    {
      post_build (request, body.name ? body.name : "");
      return;
    }
  image = sk_manager_import_image (request->manager, body.name, body.path, &error);
  if (image)
    sk_request_reply_object (request, sk_json_from_row (sk_image_fields, image));
  else
    sk_request_reply_error (request, error);
}
