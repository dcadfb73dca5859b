/* The parts of the launcher that are loaded while it runs. Any thread. */
#pragma once
#include <gio/gio.h>

/* Where they are: beside the program in a build tree, else where they were installed. Static. */
const char *sk_module_folder (void);
/* The program that plays sound (player.c). */
const char *sk_module_player (void);
/* Never unloaded. The error is for the administrator: the dynamic linker's own words. */
gpointer sk_module_open (const char *name, GError **error);
