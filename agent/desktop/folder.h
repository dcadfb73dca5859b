/* The folder that files from the internet side arrive in. Everything below it is reached through its
 * descriptor, one name at a time and never through a link, so that a folder that is replaced while files
 * arrive leads nowhere else. Blocking; any thread. */
#pragma once
#include <gio/gio.h>

/* ~/インターネットから in a Japanese locale, ~/From-Internet in another; the other one of the two where only
 * that is there, so that a change of locale does not split what arrives. New string. */
char *sk_folder_usual (void);

/* Opens it, created 0700 if it is not there. SK_ERROR_FORBIDDEN when it is a link, no folder, or not this
 * user's alone to write to; SK_ERROR_UNAVAILABLE otherwise. */
int sk_folder_open (const char *path, GError **error);

/* Opens a folder below `fd`, making it if needed. -1: something else has this name (errno ENOTDIR or ELOOP),
 * or errno says what. */
int sk_folder_enter (int fd, const char *name);
gboolean sk_folder_has (int fd, const char *name);

/* Renames, never over something. FALSE with errno; EEXIST: the name is taken. Also right where the file
 * system knows no exclusive rename, and when it is done a second time after a crash. */
gboolean sk_folder_place (int from_fd, const char *from, int to_fd, const char *to);
