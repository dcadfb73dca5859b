#include "desktop/gather.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void
gathered_free (SkGathered *file)
{
  g_free (file->path);
  g_free (file->name);
  g_free (file);
}

void
sk_gathering_free (SkGathering *gathering)
{
  if (!gathering)
    return;
  g_ptr_array_unref (gathering->files);
  g_free (gathering);
}

static gboolean
refuse (SkErrorCode code, const char *sentence, const char *path, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);
  g_set_error (error, SK_ERROR, (int) code, SK_TR ("%s: %s", "%s：%s"), shown, sentence);
  return FALSE;
}

static gboolean
refuse_errno (int err, const char *path, GError **error)
{
  if (err == ENOENT || err == ENOTDIR)
    return refuse (
        SK_ERROR_NOT_FOUND,
        SK_TR ("there is no such file. Check the name.", "ファイルがありません。名前を確認してください。"),
        path, error);
  if (err == EACCES || err == EPERM)
    return refuse (SK_ERROR_FORBIDDEN,
                   SK_TR ("you may not read it. Ask its owner, or make a copy that you can read.",
                          "読み取る権限がありません。所有者に相談するか、読み取れるコピーを作ってください。"),
                   path, error);
  return refuse (SK_ERROR_INVALID, g_strerror (err), path, error);
}

static gboolean gather_one (SkGathering *gathering, int dir_fd, const char *entry, const char *path,
                            const char *name, guint depth, GError **error);

/* -- names ----------------------------------------------------------------------------------------------- */

static gboolean
check_name (const char *name, const char *path, GError **error)
{
  if (!g_utf8_validate (name, -1, NULL))
    return refuse (SK_ERROR_INVALID,
                   SK_TR ("its name is not in Unicode. Rename it.",
                          "名前の文字コードが Unicode ではありません。名前を変えてください。"),
                   path, error);
  if (strlen (name) > SK_NAME_PATH_MAX)
    return refuse (SK_ERROR_LIMIT,
                   SK_TR ("its name with all folders is too long. Send a folder further inside.",
                          "フォルダーを含めた名前が長すぎます。内側のフォルダーから送ってください。"),
                   path, error);
  for (const char *c = name; *c; c++)
    if ((guchar) *c < 0x20 || *c == 0x7f)
      return refuse (SK_ERROR_INVALID,
                     SK_TR ("its name has a control character. Rename it.",
                            "名前に制御文字が含まれています。名前を変えてください。"),
                     path, error);
  return TRUE;
}

/* -- folders --------------------------------------------------------------------------------------------- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* In order, so that the same folder gives the same transfer. Takes over dir_fd. */
static GPtrArray *
list_folder (int dir_fd, const char *path, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  DIR *dir = fdopendir (dir_fd);
  struct dirent *entry;
  if (!dir)
    {
      refuse_errno (errno, path, error);
      close (dir_fd);
      return NULL;
    }
  /* More entries than files are allowed need not be kept to be refused. */
  while ((entry = readdir (dir)) && names->len <= SK_GATHER_FILES_MAX)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      g_ptr_array_add (names, g_strdup (entry->d_name));
  closedir (dir);
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

static gboolean
gather_folder (SkGathering *gathering, int fd, const char *path, const char *name, guint depth,
               GError **error)
{
  if (depth + 1 >= SK_NAME_DEPTH_MAX)
    {
      close (fd);
      return refuse (SK_ERROR_LIMIT,
                     SK_TR ("too many folders within one another. Send a folder further inside.",
                            "フォルダーの階層が深すぎます。内側のフォルダーから送ってください。"),
                     path, error);
    }
  sk_autofd int own = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  g_autoptr (GPtrArray) entries = list_folder (fd, path, error);
  for (guint i = 0; entries && i < entries->len; i++)
    {
      const char *entry = entries->pdata[i];
      g_autofree char *inner_path = g_build_filename (path, entry, NULL);
      g_autofree char *inner_name = g_strconcat (name, "/", entry, NULL);
      if (!gather_one (gathering, own, entry, inner_path, inner_name, depth + 1, error))
        return FALSE;
    }
  return entries != NULL;
}

/* -- one ------------------------------------------------------------------------------------------------- */

static gboolean
add_file (SkGathering *gathering, const char *path, const char *name, const struct stat *as_is,
          GError **error)
{
  if (gathering->files->len >= SK_GATHER_FILES_MAX)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
                   SK_TR ("More than %d files cannot be sent at once. Send them in parts, or as one archive.",
                          "一度に送れるのは %d "
                          "ファイルまでです。分けて送るか、一つの圧縮ファイルにまとめてください。"),
                   SK_GATHER_FILES_MAX);
      return FALSE;
    }
  SkGathered *file = g_new0 (SkGathered, 1);
  file->path = g_strdup (path);
  file->name = g_strdup (name);
  file->as_was = *as_is;
  g_ptr_array_add (gathering->files, file);
  /* Sums of sizes that a file system can hold stay far below 2^64; the broker's JSON ends at 2^63. */
  gathering->bytes += (guint64) as_is->st_size;
  if (gathering->bytes <= G_MAXINT64)
    return TRUE;
  return refuse (SK_ERROR_LIMIT, SK_TR ("too large.", "大きすぎます。"), path, error);
}

static gboolean
gather_file (SkGathering *gathering, int dir_fd, const char *entry, const char *path, const char *name,
             const struct stat *as_is, GError **error)
{
  if (faccessat (dir_fd, entry, R_OK, AT_EACCESS) < 0)
    return refuse_errno (errno, path, error);
  return add_file (gathering, path, name, as_is, error);
}

static gboolean
refuse_special (const struct stat *as_is, const char *path, GError **error)
{
  if (S_ISLNK (as_is->st_mode))
    return refuse (SK_ERROR_INVALID,
                   SK_TR ("this is a link. Send the file it points to.",
                          "これはリンクです。リンク先のファイルを送ってください。"),
                   path, error);
  return refuse (SK_ERROR_INVALID,
                 SK_TR ("neither a file nor a folder (a device, pipe or socket). It cannot be sent.",
                        "ファイルでもフォルダーでもありません（デバイスなど）。送れません。"),
                 path, error);
}

static gboolean
gather_one (SkGathering *gathering, int dir_fd, const char *entry, const char *path, const char *name,
            guint depth, GError **error)
{
  struct stat as_is;
  if (!check_name (name, path, error))
    return FALSE;
  if (fstatat (dir_fd, entry, &as_is, AT_SYMLINK_NOFOLLOW) < 0)
    return refuse_errno (errno, path, error);
  if (S_ISREG (as_is.st_mode))
    return gather_file (gathering, dir_fd, entry, path, name, &as_is, error);
  if (S_ISDIR (as_is.st_mode))
    {
      const int fd = openat (dir_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      return fd < 0 ? refuse_errno (errno, path, error)
                    : gather_folder (gathering, fd, path, name, depth, error);
    }
  if (!S_ISLNK (as_is.st_mode) || depth == 0)
    return refuse_special (&as_is, path, error);
  gathering->links++;
  return TRUE;
}

/* -- all ------------------------------------------------------------------------------------------------- */

/* Two files of one name from two folders: "a.txt", "a (2).txt". */
static char *
choose_name (GHashTable *taken, const char *base)
{
  const char *dot = strrchr (base, '.');
  const int stem = dot && dot != base ? (int) (dot - base) : (int) strlen (base);
  char *name = g_strdup (base);
  for (guint n = 2; !g_hash_table_add (taken, g_strdup (name)); n++)
    {
      g_free (name);
      name = g_strdup_printf ("%.*s (%u)%s", stem, base, n, base + stem);
    }
  return name;
}

static gboolean
gather_argument (SkGathering *gathering, GHashTable *taken, const char *path, GError **error)
{
  const guint before = gathering->files->len;
  /* "folder/" and "." mean the folder itself, and its name. */
  g_autofree char *whole = g_canonicalize_filename (path, NULL);
  g_autofree char *base = g_path_get_basename (whole);
  if (strcmp (whole, "/") == 0)
    return refuse (SK_ERROR_INVALID,
                   SK_TR ("name a file or folder.", "ファイルかフォルダーを指定してください。"), path, error);
  g_autofree char *name = choose_name (taken, base);
  if (!gather_one (gathering, AT_FDCWD, whole, path, name, 0, error))
    return FALSE;
  if (gathering->files->len > before)
    return TRUE;
  return refuse (SK_ERROR_INVALID,
                 SK_TR ("there is nothing in this folder that could be sent.",
                        "このフォルダーには送れるファイルがありません。"),
                 path, error);
}

SkGathering *
sk_gather (const char *const *paths, guint n_paths, GError **error)
{
  g_autoptr (SkGathering) gathering = g_new0 (SkGathering, 1);
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gathering->files = g_ptr_array_new_with_free_func ((GDestroyNotify) gathered_free);
  for (guint i = 0; i < n_paths; i++)
    if (!gather_argument (gathering, taken, paths[i], error))
      return NULL;
  if (gathering->files->len == 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("Name the files to send: sekisho send FILE…",
                                  "送るファイルを指定してください: sekisho send ファイル…"));
      return NULL;
    }
  return g_steal_pointer (&gathering);
}

/* -- reading --------------------------------------------------------------------------------------------- */

gboolean
sk_gathered_check (const SkGathered *file, int fd, GError **error)
{
  struct stat as_is;
  const struct stat *was = &file->as_was;
  if (fstat (fd, &as_is) == 0 && S_ISREG (as_is.st_mode) && as_is.st_dev == was->st_dev
      && as_is.st_ino == was->st_ino && as_is.st_size == was->st_size
      && as_is.st_mtim.tv_sec == was->st_mtim.tv_sec && as_is.st_mtim.tv_nsec == was->st_mtim.tv_nsec)
    return TRUE;
  return refuse (
      SK_ERROR_CONFLICT,
      SK_TR ("it was changed while it was being sent. Close it in other programs and send it again.",
             "送信中に内容が変わりました。ほかのアプリで閉じてから、もう一度送ってください。"),
      file->path, error);
}

int
sk_gathered_open (const SkGathered *file, GError **error)
{
  sk_autofd int fd = open (file->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    {
      refuse_errno (errno, file->path, error);
      return -1;
    }
  return sk_gathered_check (file, fd, error) ? sk_steal_fd (&fd) : -1;
}
