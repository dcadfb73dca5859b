/* Folders that are ours to fill: names that do not collide, nothing overwritten. */
#pragma once
#include <gio/gio.h>

/* Opens (and makes, 0700) a folder below the home; never over a link. -1 with error. */
int sk_folder_open (const char *path, GError **error);
/* "a.txt", 2 -> "a (2).txt"; n 1 gives the name itself. At most 255 bytes. New string. */
char *sk_folder_numbered (const char *name, guint n);
/* Renames into another folder under the name, or the next numbered one that is free. The name it got, or
 * NULL. */
char *sk_folder_move (int from, const char *old_name, int to, const char *name);
/* A new small text file, under the name or a numbered one. */
gboolean sk_folder_write (int dir, const char *name, const char *text);
/* Removes a file or folder with all that is in it; never over a link. */
void sk_folder_remove (int dir, const char *name);
