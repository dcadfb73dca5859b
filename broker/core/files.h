/* A VM's files: overlay, save file, run directory. Blocking; for the hypervisor's threads. */
#pragma once
#include "core/domain-xml.h"
#include <sys/types.h>

/* Runs a program to its end, with nothing on its standard input, at most timeout_ms; its complaint becomes
 * the error. */
gboolean sk_files_run (const char *const *argv, guint timeout_ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The folders themselves, with the modes that QEMU's user needs. */
gboolean sk_files_prepare (const SkFolders *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An empty overlay on image_dir/image.qcow2, and the run directory; what an earlier try left is replaced. */
gboolean sk_files_create (const SkFolders *, const SkVmSpec *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The bulk memory, empty, for nobody but us and QEMU's group: what a guest sends has not been looked at by
 * anybody. Only while the VM does not run. */
gboolean sk_files_make_bulk (const char *id, gid_t group, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Everything of this VM. What is not there is fine. */
gboolean sk_files_wipe (const SkFolders *, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The file and the overlay's data are on the disk when it returns. */
gboolean sk_files_sync (const SkFolders *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Ids that have files; `saved` says whether a save file is among them. */
typedef void (*SkFilesFound) (const char *id, gboolean saved, gpointer data);
void sk_files_list (const SkFolders *, SkFilesFound found, gpointer data);
