#include "tree.h"
#include "common/fd.h"
#include "wire/agent.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void
item_free (gpointer data)
{
  SkTreeItem *item = data;
  g_free (item->path);
  g_free (item->name);
  g_free (item);
}

void
sk_tree_free (SkTree *tree)
{
  if (!tree)
    return;
  g_ptr_array_unref (tree->items);
  g_free (tree->signature);
  g_free (tree);
}

/* Below dir, over no link on the way. Non-blocking: a pipe that takes a file's place must not hold us. */
static int
open_below (int dir, const char *path, int flags)
{
  const struct open_how how = { .flags = (guint64) (flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
  return (int) syscall (SYS_openat2, dir, path, &how, sizeof how);
}

static gint64
changed_ns (const struct stat *st)
{
  const gint64 content = (gint64) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
  const gint64 inode = (gint64) st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
  return MAX (content, inode);
}

/* Linux takes any byte in a name but '/' and NUL. */
static char *
clean_name (const char *path)
{
  g_autofree char *valid = g_utf8_make_valid (path, -1);
  GString *clean = g_string_new (NULL);
  for (const char *p = valid; *p; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      g_string_append_unichar (clean, c < 0x20 || (c >= 0x7f && c < 0xa0) ? '_' : c);
    }
  return g_string_free (clean, FALSE);
}

static SkTreeResult
add_file (SkTree *tree, const char *path, const struct stat *st)
{
  g_autofree char *name = clean_name (path);
  if (tree->items->len >= SK_FILE_ITEMS_MAX)
    return SK_TREE_TOO_MANY;
  if (strlen (name) > SK_FILE_NAME_MAX)
    return SK_TREE_TOO_LONG;
  SkTreeItem *item = g_new0 (SkTreeItem, 1);
  *item = (SkTreeItem){ .path = g_strdup (path),
                        .name = g_steal_pointer (&name),
                        .size = (guint64) st->st_size,
                        .inode = st->st_ino,
                        .changed = changed_ns (st) };
  tree->bytes += item->size;
  g_ptr_array_add (tree->items, item);
  return SK_TREE_OK;
}

static SkTreeResult add (SkTree *tree, int dir, const char *path, guint depth);

static SkTreeResult
add_folder (SkTree *tree, int dir, const char *path, guint depth)
{
  int fd = open_below (dir, path, O_DIRECTORY);
  if (depth >= SK_TREE_DEPTH_MAX || fd < 0)
    {
      sk_clear_fd (&fd);
      return depth >= SK_TREE_DEPTH_MAX ? SK_TREE_TOO_LONG : SK_TREE_GONE;
    }
  DIR *folder = fdopendir (fd);
  SkTreeResult result = SK_TREE_OK;
  struct dirent *entry;
  while (result == SK_TREE_OK && (entry = readdir (folder)))
    {
      g_autofree char *below = g_build_filename (path, entry->d_name, NULL);
      if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
        result = add (tree, dir, below, depth + 1);
    }
  closedir (folder);
  return result;
}

static SkTreeResult
add (SkTree *tree, int dir, const char *path, guint depth)
{
  struct stat st;
  if (fstatat (dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return SK_TREE_GONE;
  if (S_ISDIR (st.st_mode))
    return add_folder (tree, dir, path, depth);
  return S_ISREG (st.st_mode) ? add_file (tree, path, &st) : SK_TREE_NO_FILE;
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const SkTreeItem *const *first = a, *const *second = b;
  return strcmp ((*first)->path, (*second)->path);
}

static char *
sign (const SkTree *tree)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  for (guint i = 0; i < tree->items->len; i++)
    {
      const SkTreeItem *item = tree->items->pdata[i];
      const guint64 numbers[] = { item->size, item->inode, (guint64) item->changed };
      g_checksum_update (sum, (const guchar *) item->path, (gssize) strlen (item->path) + 1);
      g_checksum_update (sum, (const guchar *) numbers, sizeof numbers);
    }
  return g_strdup (g_checksum_get_string (sum));
}

SkTreeResult
sk_tree_scan (int dir, const char *name, SkTree **ret_tree)
{
  g_autoptr (SkTree) tree = g_new0 (SkTree, 1);
  struct stat st;
  tree->items = g_ptr_array_new_with_free_func (item_free);
  const SkTreeResult result = add (tree, dir, name, 0);
  if (result != SK_TREE_OK)
    return result;
  if (tree->items->len == 0)
    return SK_TREE_EMPTY;
  g_ptr_array_sort (tree->items, compare_items);
  tree->signature = sign (tree);
  tree->is_folder = fstatat (dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR (st.st_mode);
  *ret_tree = g_steal_pointer (&tree);
  return SK_TREE_OK;
}

gboolean
sk_tree_is_same (int fd, const SkTreeItem *item)
{
  struct stat st;
  return fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_ino == item->inode
         && (guint64) st.st_size == item->size && changed_ns (&st) == item->changed;
}

int
sk_tree_open (int dir, const SkTreeItem *item)
{
  sk_autofd int fd = open_below (dir, item->path, 0);
  if (fd < 0 || !sk_tree_is_same (fd, item))
    return -1;
  return sk_steal_fd (&fd);
}

/* A read lease is to be had only while nobody writes; who opens it for writing just then waits for our second
 * call, a moment. */
static gboolean
has_writer (int fd)
{
  if (fcntl (fd, F_SETLEASE, F_RDLCK) < 0)
    return errno == EAGAIN;
  fcntl (fd, F_SETLEASE, F_UNLCK);
  return FALSE;
}

gboolean
sk_tree_is_being_written (int dir, const SkTree *tree)
{
  for (guint i = 0; i < tree->items->len; i++)
    {
      sk_autofd int fd = sk_tree_open (dir, tree->items->pdata[i]);
      if (fd < 0 || has_writer (fd))
        return TRUE;
    }
  return FALSE;
}
