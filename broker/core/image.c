/* A guest image: a folder that agent/guest/build-image made. */
#include "common/error.h"
#include "core/manager-private.h"
#include "wire/buf.h"
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/stat.h>

/* The package list of a desktop guest is 150 kB. */
#define MANIFEST_MAX (4 * 1024 * 1024)
/* COMMAND_LINE_SIZE of x86 Linux is 2048. */
#define CMDLINE_MAX 2000

static gboolean
invalid (GError **error, const char *dir, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s: %s", dir, what);
  return FALSE;
}

static JsonNode *
read_manifest (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "manifest.json", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) bad = NULL;
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  gsize length = 0;
  struct stat info;
  if (stat (path, &info) < 0 || !S_ISREG (info.st_mode) || info.st_size > MANIFEST_MAX)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "%s: there is no image (manifest.json)", dir);
      return NULL;
    }
  if (!g_file_get_contents (path, &text, &length, &bad)
      || !json_parser_load_from_data (parser, text, (gssize) length, &bad))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s: %s", path, bad->message);
      return NULL;
    }
  JsonNode *root = json_parser_steal_root (parser);
  if (root && JSON_NODE_HOLDS_OBJECT (root))
    return root;
  g_clear_pointer (&root, json_node_unref);
  invalid (error, dir, "manifest.json is not an object");
  return NULL;
}

static const char *
get_string (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

static gboolean
is_digest (const char *id)
{
  return id && strlen (id) == 64 && strspn (id, "0123456789abcdef") == 64;
}

static gboolean
check_files (const char *dir, gint64 *ret_size, GError **error)
{
  static const char *const names[] = { "image.qcow2", "vmlinuz", "initrd" };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (dir, names[i], NULL);
      struct stat info;
      if (stat (path, &info) < 0 || !S_ISREG (info.st_mode) || info.st_size == 0)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s is missing or empty", path);
          return FALSE;
        }
      if (i == 0)
        *ret_size = info.st_size;
    }
  return TRUE;
}

SkImage *
sk_image_read (const char *name, const char *dir, gint64 now, GError **error)
{
  g_autoptr (JsonNode) root = NULL;
  const char *id, *cmdline;
  gint64 size = 0;
  if (!sk_check_path (dir, error) || !(root = read_manifest (dir, error)) || !check_files (dir, &size, error))
    return NULL;
  JsonObject *object = json_node_get_object (root);
  id = get_string (object, "id");
  cmdline = get_string (object, "cmdline");
  if (!name)
    name = get_string (object, "name");
  if (!is_digest (id) || !cmdline || strlen (cmdline) > CMDLINE_MAX
      || !sk_text_is_clean (cmdline, strlen (cmdline)))
    {
      invalid (error, dir, "manifest.json needs an id (64 hex digits) and a cmdline");
      return NULL;
    }
  if (!sk_check_name (name ? name : "default", error))
    return NULL;
  SkImage row
      = { (char *) id, (char *) (name ? name : "default"), (char *) dir, (char *) cmdline, now, size };
  return sk_image_copy (&row);
}
