#include "ctl/output.h"
#include <unistd.h>

static const SkColumn columns[] = {
  { "name", "name", SK_COLUMN_TEXT, "NAME", "名前" },
  { "id", "id", SK_COLUMN_SHORT, "ID", "ID" },
  { "size", "size", SK_COLUMN_BYTES, "SIZE", "大きさ" },
  { "created", "created", SK_COLUMN_TIME, "CREATED", "作成日時" },
  { "path", "path", SK_COLUMN_TEXT, "PATH", "場所" },
  { "cmdline", "cmdline", SK_COLUMN_TEXT, "KERNEL OPTIONS", "カーネルの引数", TRUE },
  { NULL },
};

static const SkOption build_options[] = {
  { "name", SK_OPTION_TEXT, "NAME", "name", "what to call it (default: from the manifest)",
    "名前（省略時: manifest のもの）" },
  { "here", SK_OPTION_FLAG, NULL, NULL, "build in this process (as root), then import",
    "このプロセスで（root で）作成して登録" },
  { NULL },
};

static const SkOption import_options[] = {
  { "name", SK_OPTION_TEXT, "NAME", "name", "what to call it (default: from the manifest)",
    "名前（省略時: manifest のもの）" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/images", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
import (SkCtl *ctl, const char *dir, GError **error)
{
  g_autoptr (JsonObject) body = json_object_new ();
  g_autoptr (JsonNode) image = NULL;
  const char *name = sk_ctl_text (ctl, "name");
  g_autofree char *path = g_canonicalize_filename (dir, NULL);
  json_object_set_string_member (body, "path", path);
  if (name)
    json_object_set_string_member (body, "name", name);
  image = sk_ctl_call (ctl, "POST", "/1.0/images", body, error);
  return image && sk_output_show (ctl, columns, image, error);
}

static gboolean
run_import (SkCtl *ctl, char **arguments, GError **error)
{
  return import (ctl, arguments[0], error);
}

/* The work needs root, which the broker of an installation is not. */
static gboolean
want_here (SkCtl *ctl)
{
  g_autoptr (JsonNode) broker = NULL;
  if (sk_ctl_flag (ctl, "here"))
    return TRUE;
  if (geteuid () != 0)
    return FALSE;
  broker = sk_ctl_call (ctl, "GET", "/1.0", NULL, NULL);
  return broker && JSON_NODE_HOLDS_OBJECT (broker)
         && sk_json_get_int (json_node_get_object (broker), "uid", 0) != 0;
}

static gboolean
build_here (SkCtl *ctl, GError **error)
{
  g_autofree char *id = g_uuid_string_random ();
  g_autofree char *dir = g_build_filename (SK_IMAGES_DIR, id, NULL);
  const char *argv[]
      = { SK_LIBEXECDIR "/build-image", "--agent", SK_LIBEXECDIR "/sekisho-agent", "--output", dir, NULL };
  g_autoptr (GSubprocess) process = NULL;

  if (g_mkdir_with_parents (dir, 0755) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_FORBIDDEN,
                   SK_TR ("cannot make %s; are you root?", "%s を作れません。root で実行してください"), dir);
      return FALSE;
    }
  process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, error);
  if (process && g_subprocess_wait_check (process, NULL, error))
    return import (ctl, dir, error);
  rmdir (dir);
  g_prefix_error (error, "%s: ", argv[0]);
  return FALSE;
}

static gboolean
run_build (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonObject) body = sk_ctl_body (ctl, sk_ctl_find_verb (&sk_image_noun, "build"), error);
  g_autoptr (JsonNode) image = NULL;
  if (!body)
    return FALSE;
  if (want_here (ctl))
    return build_here (ctl, error);
  json_object_set_boolean_member (body, "build", TRUE);
  image = sk_ctl_call_and_wait (ctl, "POST", "/1.0/images", body, error);
  return image && sk_output_show (ctl, columns, image, error);
}

static gboolean
run_delete (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/images", arguments[0], error);
}

static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_list, "list the guest images", "ゲストのイメージの一覧" },
  { "build", NULL, 0, 0, NULL, build_options, run_build, "build the guest image", "ゲストのイメージを作成" },
  { "import", "FOLDER", 1, 1, ":dir", import_options, run_import,
    "register a folder with image.qcow2 and manifest.json",
    "image.qcow2 と manifest.json のあるフォルダーを登録" },
  { "delete", "NAME", 1, 1, "/1.0/images name", NULL, run_delete, "delete an image that no pool uses",
    "どのプールも使っていないイメージを削除" },
  { NULL },
};
const SkNoun sk_image_noun = { "image", verbs, "guest images", "ゲストのイメージ" };
