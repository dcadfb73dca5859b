#include "bulk.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* QEMU docs/specs/ivshmem-spec: vendor and device; BAR 2 is the memory. */
#define VENDOR "0x1af4"
#define DEVICE "0x1110"
#define DEVICES "/sys/bus/pci/devices"

struct _SkBulk
{
  char *path;
  guint8 *memory; /* NULL: not ready */
  guint64 sent, taken;
};

SkBulk *
sk_bulk_new (const char *path)
{
  SkBulk *bulk = g_new0 (SkBulk, 1);
  bulk->path = g_strdup (path);
  return bulk;
}

void
sk_bulk_reset (SkBulk *bulk)
{
  if (bulk->memory)
    munmap (bulk->memory, SK_BULK_SIZE);
  bulk->memory = NULL;
  bulk->sent = bulk->taken = 0;
}

void
sk_bulk_free (SkBulk *bulk)
{
  if (!bulk)
    return;
  sk_bulk_reset (bulk);
  g_free (bulk->path);
  g_free (bulk);
}

static gboolean
says (const char *folder, const char *name, const char *wanted)
{
  g_autofree char *file = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  return g_file_get_contents (file, &text, NULL, NULL) && g_str_equal (g_strstrip (text), wanted);
}

/* Write-combining: byte by byte past the cache would be slow on a real processor. */
static char *
find_memory (void)
{
  g_autoptr (GDir) dir = g_dir_open (DEVICES, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *folder = g_build_filename (DEVICES, name, NULL);
      if (says (folder, "vendor", VENDOR) && says (folder, "device", DEVICE))
        return g_build_filename (folder, "resource2_wc", NULL);
    }
  return NULL;
}

void
sk_bulk_ready (SkBulk *bulk, guint32 size)
{
  g_autofree char *path = bulk->path ? g_strdup (bulk->path) : find_memory ();
  struct stat info;
  sk_bulk_reset (bulk);
  if (!path || size != SK_BULK_SIZE)
    return;
  sk_autofd int fd = open (path, O_RDWR | O_CLOEXEC);
  void *memory = MAP_FAILED;
  if (fd >= 0 && fstat (fd, &info) == 0 && info.st_size >= SK_BULK_SIZE)
    memory = mmap (NULL, SK_BULK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory != MAP_FAILED)
    bulk->memory = memory;
  else
    sk_warn (SK_FIELDS ("path", path), "the bulk memory cannot be used: %s", g_strerror (errno));
}

void
sk_bulk_taken (SkBulk *bulk, guint64 taken)
{
  if (taken > bulk->taken && taken <= bulk->sent)
    bulk->taken = taken;
}

gboolean
sk_bulk_is_ready (const SkBulk *bulk)
{
  return bulk->memory != NULL;
}

gboolean
sk_bulk_has_room (const SkBulk *bulk)
{
  return bulk->sent - bulk->taken < SK_BULK_BLOCKS;
}

gboolean
sk_bulk_put (SkBulk *bulk, int fd, guint64 offset, guint32 length, guint32 *ret_place)
{
  const guint32 place = (guint32) (bulk->sent % SK_BULK_BLOCKS) * SK_BULK_BLOCK;
  gssize n;
  g_return_val_if_fail (bulk->memory && sk_bulk_has_room (bulk) && length <= SK_BULK_BLOCK, FALSE);
  do
    n = pread (fd, bulk->memory + place, length, (off_t) offset);
  while (n < 0 && errno == EINTR);
  if (n != (gssize) length)
    return FALSE;
  /* What is written combined is there before the message is. */
  atomic_thread_fence (memory_order_seq_cst);
  bulk->sent++;
  *ret_place = place;
  return TRUE;
}
