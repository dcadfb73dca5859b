#include "core/files.h"
#include "common/error.h"
#include "common/fd.h"
#include "wire/agent.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* qemu-img writes 200 kB; a disk that takes longer is broken. */
#define QEMU_IMG_MS 60000
/* A complaint of a program is a line or two. */
#define COMPLAINT_MAX 500

static gboolean
fail (GError **error, const char *what, int err)
{
  g_set_error (error, SK_ERROR, err == ENOSPC ? SK_ERROR_LIMIT : SK_ERROR_UNAVAILABLE, "%s: %s", what,
               g_strerror (err));
  return FALSE;
}

/* Reads until the program closes its end or time is up. */
static char *
read_complaint (int fd, gint64 deadline)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[256];
  gssize n = 1;
  while (n > 0 && text->len < COMPLAINT_MAX)
    {
      struct pollfd p = { fd, POLLIN, 0 };
      gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
      if (left <= 0 || poll (&p, 1, (int) left) <= 0)
        break;
      n = read (fd, buffer, sizeof buffer);
      if (n > 0)
        g_string_append_len (text, buffer, n);
    }
  g_strdelimit (g_strchomp (text->str), "\n\r\t", ' ');
  return g_utf8_make_valid (text->str, -1);
}

static gboolean
wait_for_end (pid_t pid, gint64 deadline, int *ret_status)
{
  sk_autofd int pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
  struct pollfd p = { pidfd, POLLIN, 0 };
  gint64 left = MAX ((deadline - g_get_monotonic_time ()) / 1000, 0);
  gboolean in_time = pidfd >= 0 && poll (&p, 1, (int) left) == 1;
  if (!in_time)
    kill (pid, SIGKILL);
  while (waitpid (pid, ret_status, 0) < 0 && errno == EINTR)
    ;
  return in_time;
}

gboolean
sk_files_run (const char *const *argv, guint timeout_ms, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  g_autoptr (GError) failed = NULL;
  g_autofree char *complaint = NULL;
  sk_autofd int err_fd = -1;
  GPid pid;
  int status = 0;
  if (!g_spawn_async_with_pipes (NULL, (char **) argv, NULL,
                                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
                                 NULL, NULL, &pid, NULL, NULL, &err_fd, &failed))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s", failed->message);
      return FALSE;
    }
  complaint = read_complaint (err_fd, deadline);
  if (!wait_for_end (pid, deadline, &status))
    g_set_error (error, SK_ERROR, SK_ERROR_TIMEOUT, "%s took too long", argv[0]);
  else if (!g_spawn_check_wait_status (status, &failed))
    g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", argv[0],
                 *complaint ? complaint : failed->message);
  else
    return TRUE;
  return FALSE;
}

static gboolean
make_folder (const char *path, mode_t mode, GError **error)
{
  if ((mkdir (path, mode) == 0 || errno == EEXIST) && chmod (path, mode) == 0)
    return TRUE;
  return fail (error, path, errno);
}

gboolean
sk_files_prepare (const SkFolders *folders, GError **error)
{
  g_autofree char *disks = g_build_filename (folders->state_dir, "vms", NULL);
  g_autofree char *runs = g_build_filename (folders->runtime_dir, "vms", NULL);
  /* QEMU's user passes through to its own files and cannot list them. */
  return make_folder (disks, 0711, error) && make_folder (runs, 0711, error);
}

gboolean
sk_files_create (const SkFolders *folders, const SkVmSpec *spec, GError **error)
{
  g_autofree char *disk = sk_domain_disk (folders, spec->id);
  g_autofree char *image = g_build_filename (spec->image_dir, "image.qcow2", NULL);
  g_autofree char *run_dir = sk_domain_run_dir (folders, spec->id);
  /* Both paths were checked to have no character that QEMU takes for a protocol or an option. */
  const char *argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, disk, NULL };
  if (!sk_files_wipe (folders, spec->id, error) || !make_folder (run_dir, 0711, error)
      || !sk_files_run (argv, QEMU_IMG_MS, error))
    return FALSE;
  return chmod (disk, 0600) == 0 || fail (error, disk, errno);
}

gboolean
sk_files_make_bulk (const char *id, gid_t group, GError **error)
{
  g_autofree char *path = sk_domain_bulk (id);
  if (unlink (path) < 0 && errno != ENOENT)
    return fail (error, path, errno);
  sk_autofd int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  return (fd >= 0 && fchown (fd, (uid_t) -1, group) == 0 && fchmod (fd, 0660) == 0
          && ftruncate (fd, SK_BULK_SIZE) == 0)
         || fail (error, path, errno);
}

/* What a user did on the internet is in this file. Overwriting proves nothing on an SSD or a copying file
 * system, so the blocks are given back at once (a file system mounted with discard tells the disk, whose next
 * reads of them are empty) and the name is taken away. Who fears somebody with the disk in their hand
 * encrypts the host's disk; a town hall's PC has to be anyway. */
static gboolean
wipe_file (const char *path, GError **error)
{
  struct stat info;
  /* A save file is root's and cannot be opened; its blocks go with its name. */
  sk_autofd int fd = open (path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0 && fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && info.st_size > 0)
    {
      if (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, info.st_size) < 0
          || ftruncate (fd, 0) < 0)
        errno = 0; /* a file system that cannot: unlinking is what is left */
    }
  return unlink (path) == 0 || errno == ENOENT || fail (error, path, errno);
}

static gboolean
wipe_run_dir (const char *path, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      if (unlink (file) < 0 && errno != ENOENT)
        return fail (error, file, errno);
    }
  return rmdir (path) == 0 || errno == ENOENT || fail (error, path, errno);
}

gboolean
sk_files_wipe (const SkFolders *folders, const char *id, GError **error)
{
  g_autofree char *disk = sk_domain_disk (folders, id);
  g_autofree char *save = sk_domain_save (folders, id);
  g_autofree char *part = g_strconcat (save, ".part", NULL);
  g_autofree char *run_dir = sk_domain_run_dir (folders, id);
  g_autofree char *bulk = sk_domain_bulk (id);
  return wipe_file (bulk, error) && wipe_file (save, error) && wipe_file (part, error)
         && wipe_file (disk, error) && wipe_run_dir (run_dir, error);
}

gboolean
sk_files_sync (const SkFolders *folders, GError **error)
{
  g_autofree char *disks = g_build_filename (folders->state_dir, "vms", NULL);
  sk_autofd int fd = open (disks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* The whole file system: the files belong to others by now, and cannot be opened for fsync(2). */
  return (fd >= 0 && syncfs (fd) == 0) || fail (error, disks, errno);
}

static char *
id_of_file (const char *name)
{
  static const char *const suffixes[] = { ".qcow2", ".save", ".save.part" };
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (name, suffixes[i]))
      {
        g_autofree char *id = g_strndup (name, strlen (name) - strlen (suffixes[i]));
        return g_uuid_string_is_valid (id) ? g_steal_pointer (&id) : NULL;
      }
  return g_uuid_string_is_valid (name) ? g_strdup (name) : NULL;
}

static void
list_folder (const char *base, SkFilesFound found, gpointer data)
{
  g_autofree char *path = g_build_filename (base, "vms", NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *id = id_of_file (name);
      if (id)
        found (id, g_str_has_suffix (name, ".save"), data);
    }
}

void
sk_files_list (const SkFolders *folders, SkFilesFound found, gpointer data)
{
  list_folder (folders->state_dir, found, data);
  list_folder (folders->runtime_dir, found, data);
}
