/* What lies in a folder that is to be sent: one file, or a folder with all that is in it. Nothing is
 * followed, nothing but regular files is opened. */
#pragma once
#include <gio/gio.h>

/* Folders in folders: what a person still finds again; also bounds the walk. */
#define SK_TREE_DEPTH_MAX 16

typedef struct
{
  char *path; /* below the folder, as it is on disk */
  char *name; /* the same, clean enough for the wire */
  guint64 size, inode;
  gint64 changed; /* ns: the later of content's and inode's time */
} SkTreeItem;

typedef struct
{
  GPtrArray *items; /* SkTreeItem, in the order of their paths */
  guint64 bytes;
  char *signature; /* differs when anything of it was changed */
  gboolean is_folder;
} SkTree;

typedef enum
{
  SK_TREE_OK,
  SK_TREE_GONE,     /* not there, or vanished meanwhile */
  SK_TREE_NO_FILE,  /* a link, pipe, socket or device is in it */
  SK_TREE_TOO_MANY, /* SK_FILE_ITEMS_MAX */
  SK_TREE_TOO_LONG, /* a name, or too deep */
  SK_TREE_EMPTY,    /* a folder without a file */
} SkTreeResult;

/* dir: the folder that `name` is in. */
SkTreeResult sk_tree_scan (int dir, const char *name, SkTree **ret_tree);
void sk_tree_free (SkTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkTree, sk_tree_free)

/* Opens an item for reading, or -1 when it is not what was scanned any more. */
int sk_tree_open (int dir, const SkTreeItem *item);
/* Whether an open item is still what was scanned. */
gboolean sk_tree_is_same (int fd, const SkTreeItem *item);
/* Whether some program has one of the files open for writing. The process must ignore SIGIO. */
gboolean sk_tree_is_being_written (int dir, const SkTree *tree);
