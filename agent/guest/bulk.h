/* The bulk memory: a PCI device whose memory the host reads as a file (QEMU's ivshmem-plain; SK_BULK_… of
 * wire/agent.h). What stands there has a message that says where; the host says how many of those it has
 * read, and only then is their place used again. One thread. */
#pragma once
#include "wire/agent.h"

typedef struct _SkBulk SkBulk;

/* path: a file in its place, or NULL to look for the device. */
SkBulk *sk_bulk_new (const char *path);
void sk_bulk_free (SkBulk *bulk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkBulk, sk_bulk_free)

/* The host came, or went: it has not said that it reads. */
void sk_bulk_reset (SkBulk *bulk);
/* It reads a memory of this size. */
void sk_bulk_ready (SkBulk *bulk, guint32 size);
/* It has read so many in all. */
void sk_bulk_taken (SkBulk *bulk, guint64 taken);
gboolean sk_bulk_is_ready (const SkBulk *bulk);
/* There is a free block. */
gboolean sk_bulk_has_room (const SkBulk *bulk);
/* Copies length bytes (1 to SK_BULK_BLOCK) of the file from offset on. Only with room. FALSE: the file does
 * not have them. */
gboolean sk_bulk_put (SkBulk *bulk, int fd, guint64 offset, guint32 length, guint32 *ret_place);
