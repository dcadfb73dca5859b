/* Names that came from another side, before they touch this one's file system. Pure; any thread. */
#pragma once
#include <glib.h>

/* A path of a transfer -> a relative path that is safe below a folder (common/name.h). The broker has made it
 * so already; one that cannot be made safe becomes a neutral one ("file-3"), because the file itself was
 * inspected and is wanted. */
char *sk_names_for_folder (const char *untrusted_name, guint index);
/* "a.txt", 2 -> "a (2).txt"; the part behind the last dot is kept if it is one, and a name that would
 * become too long is cut before the number: what keeps two files apart is the number. n 1: as it is. */
char *sk_names_number (const char *name, guint n);
/* For terminals and windows: without what they would obey. */
char *sk_names_for_people (const char *untrusted_name);
