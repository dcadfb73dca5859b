/* Names that came from another side, before they touch this one's file system. Pure; any thread. */
#pragma once
#include <glib.h>

/* Folders within one another that are kept, and bytes of one name (ext4's, minus room for " (99999)"). */
#define SK_NAMES_DEPTH_MAX 16
#define SK_NAMES_BYTES_MAX 240

/* A path of a transfer -> a relative path that is safe below a folder: no "..", nothing hidden, no control
 * characters or ones that turn the direction of writing, no empty part. The broker has made it so already; a
 * name that is not takes a neutral one ("file-3"), because the file itself was inspected and is wanted. */
char *sk_names_for_folder (const char *untrusted_name, guint index);
/* "a.txt", 2 -> "a (2).txt"; the part behind the last dot is kept if it is one. n 1: as it is. */
char *sk_names_number (const char *name, guint n);
/* For terminals and windows: without what they would obey. */
char *sk_names_for_people (const char *untrusted_name);
