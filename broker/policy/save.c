/* A set back onto the disk. */
#include "common/fd.h"
#include "policy/policy-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  const char *dir;
  GError **error;
  gboolean failed;
} Save;

static gboolean
cannot_save (GError **error, const char *path)
{
  g_set_error (error, SK_ERROR, SK_ERROR_STORE,
               SK_BOTH ("%s: %s; check the disk's space and permissions",
                        "規則の控えを書けません。ディスクの空きと権限を確認してください"),
               path, g_strerror (errno));
  return FALSE;
}

/* What is in a folder is on the disk when the folder is. */
static gboolean
sync_folder (const char *path, GError **error)
{
  sk_autofd int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return (fd >= 0 && fsync (fd) == 0) || cannot_save (error, path);
}

/* Every folder between DIR and the file. */
static gboolean
sync_folders (const char *dir, const char *file, GError **error)
{
  g_autofree char *path = g_path_get_dirname (file);
  for (;;)
    {
      g_autofree char *whole = g_build_filename (dir, path, NULL);
      if (!sync_folder (whole, error))
        return FALSE;
      if (strcmp (path, ".") == 0)
        return TRUE;
      char *parent = g_path_get_dirname (path);
      g_free (path);
      path = parent;
    }
}

static gboolean
write_file (const char *path, GBytes *text, GError **error)
{
  g_autoptr (GError) reason = NULL;
  gsize length = 0;
  const char *data = g_bytes_get_data (text, &length);
  if (g_file_set_contents_full (path, data ? data : "", (gssize) length,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &reason))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_STORE, reason->message);
  return FALSE;
}

static gboolean
save_file (const char *file, GBytes *text, gpointer data)
{
  Save *save = data;
  g_autofree char *path = g_build_filename (save->dir, file, NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  const gboolean made = g_mkdir_with_parents (folder, 0700) == 0 || cannot_save (save->error, folder);
  save->failed
      = !made || !write_file (path, text, save->error) || !sync_folders (save->dir, file, save->error);
  return !save->failed;
}

gboolean
sk_policy_save (const SkPolicySet *set, const char *new_dir, GError **error)
{
  Save save = { new_dir, error, FALSE };
  if (g_mkdir_with_parents (new_dir, 0700) < 0)
    return cannot_save (error, new_dir);
  sk_policy_set_each_file (set, save_file, &save);
  return !save.failed && sync_folder (new_dir, error);
}
