/* A library to be preloaded: writes down, in order, what a process does to the files below one folder, so
 * that a test can make the disk that a power cut would have left (tests/lib/powercut.py).
 *
 *   SK_RECORD_DIR   the folder, as an absolute path without links
 *   SK_RECORD_LOG   appended to; others may append records of their own
 *
 * A record: u8 what, 3 bytes 0, u32 length of a, u32 length of b, u64 inode, u64 number, a, b; little-endian:
 *   C created a · O opened a · W written a at number · T cut to number · S synced · D folder a synced · R a
 * renamed to b · L b linked to a · U a unlinked · M folder a made · X folder a removed
 *
 * What is written over a mapping is not seen: SQLite's -shm, which nobody needs after a power cut. */
/* open and open64 are two names here. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536

/* Calls of the C library under other names, so that none of ours is its own caller's. */
static int (*real_openat) (int, const char *, int, ...);
static int (*real_close) (int);
static ssize_t (*real_write) (int, const void *, size_t);
static ssize_t (*real_pwrite) (int, const void *, size_t, off_t);
static int (*real_ftruncate) (int, off_t);
static int (*real_fsync) (int);
static int (*real_fdatasync) (int);
static int (*real_renameat2) (int, const char *, int, const char *, unsigned int);
static int (*real_linkat) (int, const char *, int, const char *, int);
static int (*real_unlinkat) (int, const char *, int);
static int (*real_mkdirat) (int, const char *, mode_t);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static int log_fd = -1;
static uint64_t inodes[FDS]; /* of descriptors that are written down; 0: not */

/* -- the log ------------------------------------------------------------------------------------------------
 */

static void
note (char what, uint64_t inode, uint64_t number, const void *a, size_t a_length, const char *b)
{
  struct
  {
    char what[4];
    uint32_t a, b;
    uint64_t inode, number;
  } __attribute__ ((packed)) head
      = { { what }, (uint32_t) a_length, (uint32_t) (b ? strlen (b) : 0), inode, number };
  struct iovec parts[] = { { &head, sizeof head }, { (void *) a, a_length }, { (void *) b, head.b } };
  if (writev (log_fd, parts, 3) != (ssize_t) (sizeof head + a_length + head.b))
    abort ();
}

static void
note_path (char what, uint64_t inode, const char *a, const char *b)
{
  note (what, inode, 0, a, strlen (a), b);
}

/* Other libraries open files before it is our turn. */
__attribute__ ((constructor)) static void
start (void)
{
  if (real_openat)
    return;
  const char *dir = getenv ("SK_RECORD_DIR"), *path = getenv ("SK_RECORD_LOG");
  real_openat = dlsym (RTLD_NEXT, "openat");
  real_close = dlsym (RTLD_NEXT, "close");
  real_write = dlsym (RTLD_NEXT, "write");
  real_pwrite = dlsym (RTLD_NEXT, "pwrite");
  real_ftruncate = dlsym (RTLD_NEXT, "ftruncate");
  real_fsync = dlsym (RTLD_NEXT, "fsync");
  real_fdatasync = dlsym (RTLD_NEXT, "fdatasync");
  real_renameat2 = dlsym (RTLD_NEXT, "renameat2");
  real_linkat = dlsym (RTLD_NEXT, "linkat");
  real_unlinkat = dlsym (RTLD_NEXT, "unlinkat");
  real_mkdirat = dlsym (RTLD_NEXT, "mkdirat");
  if (!dir || !path || strlen (dir) >= sizeof folder)
    return;
  strcpy (folder, dir);
  log_fd = real_openat (AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}

/* The whole path, if it is below the folder; links on the way are not followed, there are none. */
static int
below (int dir, const char *path, char out[PATH_MAX])
{
  char link[64];
  ssize_t n = 0;
  if (log_fd < 0)
    return 0;
  if (path[0] != '/')
    {
      snprintf (link, sizeof link, dir == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir);
      n = readlink (link, out, PATH_MAX - 2);
      if (n < 0)
        return 0;
      out[n++] = '/';
    }
  if ((size_t) n + strlen (path) >= PATH_MAX)
    return 0;
  strcpy (out + n, path);
  const size_t length = strlen (folder);
  return strncmp (out, folder, length) == 0 && (out[length] == '/' || !out[length]);
}

/* -- descriptors --------------------------------------------------------------------------------------------
 */

static int
do_open (int dir, const char *path, int flags, mode_t mode)
{
  start ();
  char whole[PATH_MAX];
  struct stat info;
  if (!below (dir, path, whole))
    return real_openat (dir, path, flags, mode);
  pthread_mutex_lock (&mutex);
  const int was = faccessat (dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  const int fd = real_openat (dir, path, flags, mode);
  const int error = errno;
  if (fd >= 0 && fd < FDS && fstat (fd, &info) == 0)
    {
      inodes[fd] = info.st_ino;
      if (!was && S_ISREG (info.st_mode))
        note_path ('C', info.st_ino, whole, NULL);
      else if (S_ISREG (info.st_mode))
        note_path ('O', info.st_ino, whole, NULL);
      if (was && S_ISREG (info.st_mode) && flags & O_TRUNC)
        note ('T', info.st_ino, 0, NULL, 0, NULL);
    }
  pthread_mutex_unlock (&mutex);
  errno = error;
  return fd;
}

#define MODE(flags)                                                                                          \
  mode_t mode = 0;                                                                                           \
  if ((flags) &O_CREAT || ((flags) &O_TMPFILE) == O_TMPFILE)                                                 \
    {                                                                                                        \
      va_list list;                                                                                          \
      va_start (list, flags);                                                                                \
      mode = (mode_t) va_arg (list, int);                                                                    \
      va_end (list);                                                                                         \
    }

int
open (const char *path, int flags, ...)
{
  MODE (flags)
  return do_open (AT_FDCWD, path, flags, mode);
}

int
open64 (const char *path, int flags, ...)
{
  MODE (flags)
  return do_open (AT_FDCWD, path, flags, mode);
}

int
openat (int dir, const char *path, int flags, ...)
{
  MODE (flags)
  return do_open (dir, path, flags, mode);
}

int
openat64 (int dir, const char *path, int flags, ...)
{
  MODE (flags)
  return do_open (dir, path, flags, mode);
}

/* What fortified programs call without a mode. */
int __open_2 (const char *path, int flags);
int __open64_2 (const char *path, int flags);

int
__open_2 (const char *path, int flags)
{
  return do_open (AT_FDCWD, path, flags, 0);
}

int
__open64_2 (const char *path, int flags)
{
  return do_open (AT_FDCWD, path, flags, 0);
}

static uint64_t
inode_of (int fd)
{
  return log_fd >= 0 && fd >= 0 && fd < FDS ? inodes[fd] : 0;
}

int
close (int fd)
{
  start ();
  if (fd >= 0 && fd < FDS)
    inodes[fd] = 0;
  return real_close (fd);
}

/* -- content ------------------------------------------------------------------------------------------------
 */

ssize_t
write (int fd, const void *data, size_t length)
{
  start ();
  const uint64_t inode = inode_of (fd);
  if (!inode)
    return real_write (fd, data, length);
  pthread_mutex_lock (&mutex);
  const off_t at = lseek (fd, 0, SEEK_CUR);
  const ssize_t n = real_write (fd, data, length);
  const int error = errno;
  if (n > 0)
    note ('W', inode, (uint64_t) at, data, (size_t) n, NULL);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return n;
}

static ssize_t
do_pwrite (int fd, const void *data, size_t length, off_t at)
{
  start ();
  const uint64_t inode = inode_of (fd);
  if (!inode)
    return real_pwrite (fd, data, length, at);
  pthread_mutex_lock (&mutex);
  const ssize_t n = real_pwrite (fd, data, length, at);
  const int error = errno;
  if (n > 0)
    note ('W', inode, (uint64_t) at, data, (size_t) n, NULL);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return n;
}

ssize_t
pwrite (int fd, const void *data, size_t length, off_t at)
{
  return do_pwrite (fd, data, length, at);
}

ssize_t
pwrite64 (int fd, const void *data, size_t length, off64_t at)
{
  return do_pwrite (fd, data, length, at);
}

static int
do_truncate (int fd, off_t length)
{
  start ();
  const uint64_t inode = inode_of (fd);
  if (!inode)
    return real_ftruncate (fd, length);
  pthread_mutex_lock (&mutex);
  const int r = real_ftruncate (fd, length);
  const int error = errno;
  if (r == 0)
    note ('T', inode, (uint64_t) length, NULL, 0, NULL);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return r;
}

int
ftruncate (int fd, off_t length)
{
  return do_truncate (fd, length);
}

int
ftruncate64 (int fd, off64_t length)
{
  return do_truncate (fd, length);
}

/* Other writes than those above would be missed; they are not used below the folder. */
static int
do_sync (int fd, int (*sync) (int))
{
  start ();
  const uint64_t inode = inode_of (fd);
  char link[64], path[PATH_MAX];
  struct stat info;
  if (!inode)
    return sync (fd);
  pthread_mutex_lock (&mutex);
  /* Not for real: the record is what counts, and the test's disk is busy enough. */
  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink (link, path, sizeof path - 1);
  if (n > 0 && fstat (fd, &info) == 0 && S_ISDIR (info.st_mode))
    note ('D', inode, 0, path, (size_t) n, NULL);
  else
    note ('S', inode, 0, NULL, 0, NULL);
  pthread_mutex_unlock (&mutex);
  return 0;
}

int
fsync (int fd)
{
  return do_sync (fd, real_fsync);
}

int
fdatasync (int fd)
{
  return do_sync (fd, real_fdatasync);
}

/* -- names --------------------------------------------------------------------------------------------------
 */

static int
do_rename (int from, const char *path, int to, const char *target, unsigned int flags)
{
  start ();
  char a[PATH_MAX], b[PATH_MAX];
  if (!below (from, path, a) || !below (to, target, b))
    return real_renameat2 (from, path, to, target, flags);
  pthread_mutex_lock (&mutex);
  const int r = real_renameat2 (from, path, to, target, flags);
  const int error = errno;
  if (r == 0)
    note_path ('R', 0, a, b);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return r;
}

int
rename (const char *path, const char *target)
{
  return do_rename (AT_FDCWD, path, AT_FDCWD, target, 0);
}

int
renameat (int from, const char *path, int to, const char *target)
{
  return do_rename (from, path, to, target, 0);
}

int
renameat2 (int from, const char *path, int to, const char *target, unsigned int flags)
{
  return do_rename (from, path, to, target, flags);
}

int
linkat (int from, const char *path, int to, const char *target, int flags)
{
  start ();
  char a[PATH_MAX], b[PATH_MAX];
  if (!below (from, path, a) || !below (to, target, b))
    return real_linkat (from, path, to, target, flags);
  pthread_mutex_lock (&mutex);
  const int r = real_linkat (from, path, to, target, flags);
  const int error = errno;
  if (r == 0)
    note_path ('L', 0, a, b);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return r;
}

int
link (const char *path, const char *target)
{
  return linkat (AT_FDCWD, path, AT_FDCWD, target, 0);
}

int
unlinkat (int dir, const char *path, int flags)
{
  start ();
  char a[PATH_MAX];
  if (!below (dir, path, a))
    return real_unlinkat (dir, path, flags);
  pthread_mutex_lock (&mutex);
  const int r = real_unlinkat (dir, path, flags);
  const int error = errno;
  if (r == 0)
    note_path (flags & AT_REMOVEDIR ? 'X' : 'U', 0, a, NULL);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return r;
}

int
unlink (const char *path)
{
  return unlinkat (AT_FDCWD, path, 0);
}

int
rmdir (const char *path)
{
  return unlinkat (AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdirat (int dir, const char *path, mode_t mode)
{
  start ();
  char a[PATH_MAX];
  if (!below (dir, path, a))
    return real_mkdirat (dir, path, mode);
  pthread_mutex_lock (&mutex);
  const int r = real_mkdirat (dir, path, mode);
  const int error = errno;
  if (r == 0)
    note_path ('M', 0, a, NULL);
  pthread_mutex_unlock (&mutex);
  errno = error;
  return r;
}

int
mkdir (const char *path, mode_t mode)
{
  return mkdirat (AT_FDCWD, path, mode);
}
