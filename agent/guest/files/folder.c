#include "folder.h"
#include "common/error.h"
#include "common/fd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Somebody has filled the folder on purpose. */
#define NUMBERS_MAX 10000
#define NAME_BYTES_MAX 255

int
sk_folder_open (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0700) == 0)
    {
      int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (fd >= 0)
        return fd;
    }
  g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "%s: %s", path, g_strerror (errno));
  return -1;
}

char *
sk_folder_numbered (const char *name, guint n)
{
  const char *dot = strrchr (name, '.');
  const char *end = dot && dot != name ? dot : name + strlen (name);
  g_autofree char *number = n > 1 ? g_strdup_printf (" (%u)", n) : g_strdup ("");
  gsize stem = (gsize) (end - name);
  const gsize rest = strlen (number) + strlen (end);
  if (stem + rest > NAME_BYTES_MAX)
    stem = rest < NAME_BYTES_MAX ? NAME_BYTES_MAX - rest : 1;
  while (stem > 1 && (name[stem] & 0xc0) == 0x80)
    stem--;
  return g_strdup_printf ("%.*s%s%s", (int) stem, name, number, end);
}

char *
sk_folder_move (int from, const char *old_name, int to, const char *name)
{
  for (guint n = 1; n < NUMBERS_MAX; n++)
    {
      g_autofree char *target = sk_folder_numbered (name, n);
      if (renameat2 (from, old_name, to, target, RENAME_NOREPLACE) == 0)
        return g_steal_pointer (&target);
      if (errno != EEXIST)
        return NULL;
    }
  return NULL;
}

gboolean
sk_folder_write (int dir, const char *name, const char *text)
{
  const gsize length = strlen (text);
  for (guint n = 1; n < NUMBERS_MAX; n++)
    {
      g_autofree char *target = sk_folder_numbered (name, n);
      sk_autofd int fd = openat (dir, target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd >= 0)
        return write (fd, text, length) == (gssize) length;
      if (errno != EEXIST)
        return FALSE;
    }
  return FALSE;
}

void
sk_folder_remove (int dir, const char *name)
{
  if (unlinkat (dir, name, 0) == 0)
    return;
  int fd = openat (dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;
  while (folder && (entry = readdir (folder)))
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      sk_folder_remove (dirfd (folder), entry->d_name);
  if (folder)
    closedir (folder);
  unlinkat (dir, name, AT_REMOVEDIR);
}
