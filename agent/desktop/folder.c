#include "desktop/folder.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define NAME_EN "From-Internet"
#define NAME_JA "インターネットから"

static gboolean
is_folder (const char *path)
{
  struct stat as_is;
  return lstat (path, &as_is) == 0 && S_ISDIR (as_is.st_mode);
}

char *
sk_folder_usual (void)
{
  g_autofree char *wanted = g_build_filename (g_get_home_dir (), SK_TR (NAME_EN, NAME_JA), NULL);
  g_autofree char *other = g_build_filename (g_get_home_dir (), SK_TR (NAME_JA, NAME_EN), NULL);
  return !is_folder (wanted) && is_folder (other) ? g_steal_pointer (&other) : g_steal_pointer (&wanted);
}

static gboolean
refuse (const char *path, SkErrorCode code, const char *sentence, GError **error)
{
  g_set_error (error, SK_ERROR, (int) code, SK_TR ("%s: %s", "%s：%s"), path, sentence);
  return FALSE;
}

/* Somebody else who can write there could exchange what arrives. */
static gboolean
check (int fd, const char *path, GError **error)
{
  struct stat as_is;
  if (fstat (fd, &as_is) == 0 && as_is.st_uid == geteuid () && !(as_is.st_mode & S_IWOTH))
    return TRUE;
  return refuse (
      path, SK_ERROR_FORBIDDEN,
      SK_TR ("this folder is not yours alone. Make it so (chmod 700), or rename it; a new one is "
             "made by itself.",
             "ほかの人も書き込めるフォルダーです。自分専用にする（chmod 700）か、名前を変えてください。"
             "新しいフォルダーは自動で作られます。"),
      error);
}

/* A new folder, durable before anything in it counts as received. */
static gboolean
make (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  if (mkdir (path, 0700) < 0)
    return errno == EEXIST;
  sk_autofd int fd = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd >= 0 && fsync (fd) == 0;
}

int
sk_folder_open (const char *path, GError **error)
{
  if (!make (path))
    {
      refuse (path, SK_ERROR_UNAVAILABLE, g_strerror (errno), error);
      return -1;
    }
  sk_autofd int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0)
    return check (fd, path, error) ? sk_steal_fd (&fd) : -1;
  if (errno == ELOOP || errno == ENOTDIR)
    refuse (
        path, SK_ERROR_FORBIDDEN,
        SK_TR (
            "this has to be a folder, not a link or a file. Rename it; a new one is made by itself.",
            "フォルダーではなくリンクかファイルになっています。名前を変えてください。新しいフォルダーは自動で"
            "作られます。"),
        error);
  else
    refuse (path, SK_ERROR_UNAVAILABLE, g_strerror (errno), error);
  return -1;
}

int
sk_folder_enter (int fd, const char *name)
{
  if (mkdirat (fd, name, 0700) == 0)
    {
      if (fsync (fd) < 0)
        return -1;
    }
  else if (errno != EEXIST)
    return -1;
  return openat (fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

gboolean
sk_folder_has (int fd, const char *name)
{
  struct stat as_is;
  return fstatat (fd, name, &as_is, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static gboolean
is_same (int from_fd, const char *from, int to_fd, const char *to)
{
  struct stat a, b;
  return fstatat (from_fd, from, &a, AT_SYMLINK_NOFOLLOW) == 0
         && fstatat (to_fd, to, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

gboolean
sk_folder_place (int from_fd, const char *from, int to_fd, const char *to)
{
  int err = renameat2 (from_fd, from, to_fd, to, RENAME_NOREPLACE) < 0 ? errno : 0;
  if (err == 0)
    return TRUE;
  /* A link is as exclusive; a crash before the unlink leaves two names of one file. */
  if (err == EINVAL || err == ENOSYS)
    err = linkat (from_fd, from, to_fd, to, 0) < 0 ? errno : 0;
  if ((err == 0 || err == EEXIST) && is_same (from_fd, from, to_fd, to))
    return unlinkat (from_fd, from, 0) == 0;
  errno = err;
  return FALSE;
}
