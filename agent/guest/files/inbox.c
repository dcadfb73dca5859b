#include "inbox.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "folder.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* The browser goes on working. */
#define SPARE_BYTES (64 * 1024 * 1024)
#define PART_BYTES_MAX 255
#define HASH_BUFFER 65536

typedef struct
{
  char *transfer;
  guint32 id;
  int dir; /* incoming/ID */
  guint items, item;
  int fd; /* of the item that is open, or -1 */
  char *name, *sha256;
  guint64 size, offset;
  GChecksum *sum;
  guint64 taken, said; /* since PUT_REPLY, with costs */
} Put;

struct _SkInbox
{
  SkFiles *files;
  int incoming, done, receive;
  GHashTable *puts; /* id -> Put */
};

static void
put_free (gpointer data)
{
  Put *put = data;
  sk_clear_fd (&put->dir);
  sk_clear_fd (&put->fd);
  g_clear_pointer (&put->sum, g_checksum_free);
  g_free (put->transfer);
  g_free (put->name);
  g_free (put->sha256);
  g_free (put);
}

gboolean
sk_inbox_name_is_good (const char *untrusted_name)
{
  g_auto (GStrv) parts = g_strsplit (untrusted_name, "/", -1);
  if (!parts[0])
    return FALSE;
  for (char **part = parts; *part; part++)
    if (**part == '\0' || **part == '.' || strlen (*part) > PART_BYTES_MAX)
      return FALSE;
  return g_strv_length (parts) <= 16;
}

/* ---- answers ---- */

static void
reply (SkInbox *inbox, guint32 id, SkFileVerdict verdict, guint item, guint64 offset, const char *text)
{
  const SkMessage m = { .type = SK_FILE_PUT_REPLY,
                        .id = id,
                        .n = { verdict, item, offset, SK_FILE_WINDOW },
                        .s = { (char *) text } };
  sk_files_say (inbox->files, &m);
}

static void
say_gone (SkInbox *inbox, Put *put, const char *text)
{
  const SkMessage m = { .type = SK_FILE_PUT_GONE, .id = put->id, .s = { (char *) text } };
  sk_files_say (inbox->files, &m);
  g_hash_table_remove (inbox->puts, GUINT_TO_POINTER (put->id));
}

/* What is here is of no use any more. */
static void
give_up (SkInbox *inbox, Put *put, const char *text)
{
  sk_folder_remove (inbox->incoming, put->transfer);
  say_gone (inbox, put, text);
}

static void
take (SkInbox *inbox, Put *put, guint64 bytes)
{
  put->taken += bytes;
  const SkMessage m = { .type = SK_FILE_PUT_CREDIT, .id = put->id, .n = { put->taken } };
  if (put->taken - put->said < SK_FILE_CREDIT_STEP)
    return;
  put->said = put->taken;
  sk_files_say (inbox->files, &m);
}

/* ---- into its place ---- */

/* incoming/ID/ready/TOP…: every TOP moves at once, under a name that is free. */
static gboolean
move_ready (SkInbox *inbox, int dir, guint *ret_moved)
{
  sk_autofd int ready = openat (dir, "ready", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", ready);
  g_autoptr (GDir) list = ready >= 0 ? g_dir_open (path, 0, NULL) : NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  while (list && (name = g_dir_read_name (list)))
    g_ptr_array_add (names, g_strdup (name));
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *moved = sk_folder_move (ready, names->pdata[i], inbox->receive, names->pdata[i]);
      if (!moved)
        return FALSE;
      (*ret_moved)++;
    }
  return list != NULL && fsync (inbox->receive) == 0;
}

/* A folder's file: the folders on its way are made. */
static gboolean
link_item (int dir, int building, guint index)
{
  g_autofree char *number = g_strdup_printf ("%u", index);
  g_autofree char *note = g_strdup_printf ("/proc/self/fd/%d/%u.name", dir, index);
  g_autofree char *name = NULL;
  if (!g_file_get_contents (note, &name, NULL, NULL) || !sk_inbox_name_is_good (name))
    return FALSE;
  for (char *slash = strchr (name, '/'); slash; slash = strchr (slash + 1, '/'))
    {
      *slash = '\0';
      if (mkdirat (building, name, 0700) < 0 && errno != EEXIST)
        return FALSE;
      *slash = '/';
    }
  const char *base = strrchr (name, '/');
  g_autofree char *folder = base ? g_strndup (name, (gsize) (base - name)) : g_strdup (".");
  sk_autofd int into = openat (building, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  g_autofree char *moved = into >= 0 ? sk_folder_move (dir, number, into, base ? base + 1 : name) : NULL;
  return moved && fsync (into) == 0;
}

/* "building" becomes "ready" when it is whole: what is ready is only ever moved, never sent again. */
static gboolean
make_ready (Put *put)
{
  sk_folder_remove (put->dir, "building");
  if (mkdirat (put->dir, "building", 0700) < 0)
    return FALSE;
  sk_autofd int building = openat (put->dir, "building", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  for (guint i = 0; i < put->items; i++)
    if (!link_item (put->dir, building, i))
      return FALSE;
  return fsync (building) == 0 && renameat (put->dir, "building", put->dir, "ready") == 0
         && fsync (put->dir) == 0;
}

static gboolean
mark_done (SkInbox *inbox, const char *transfer)
{
  sk_autofd int fd = openat (inbox->done, transfer, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  return fd >= 0 && fsync (fd) == 0 && fsync (inbox->done) == 0;
}

static gboolean
deliver (SkInbox *inbox, int dir, const char *transfer)
{
  guint moved = 0;
  if (!move_ready (inbox, dir, &moved) || !mark_done (inbox, transfer))
    return FALSE;
  sk_folder_remove (inbox->incoming, transfer);
  sk_files_notify (inbox->files, transfer, SK_TR ("Arrived from LGWAN", "LGWAN から届きました"),
                   SK_TR ("It is in the folder " SK_FILES_RECEIVE ".",
                          "フォルダー「" SK_FILES_RECEIVE "」に入っています。"),
                   -1);
  return TRUE;
}

static void
handle_end (SkInbox *inbox, Put *put)
{
  const SkMessage done = { .type = SK_FILE_PUT_DONE, .id = put->id };
  if (put->fd >= 0 || put->item != put->items)
    give_up (inbox, put, "it ended early");
  else if (!make_ready (put) || !deliver (inbox, put->dir, put->transfer))
    say_gone (inbox, put, "no room, or the folder cannot be written");
  else
    {
      sk_files_say (inbox->files, &done);
      g_hash_table_remove (inbox->puts, GUINT_TO_POINTER (put->id));
    }
}

/* ---- items ---- */

static gboolean
write_note (Put *put)
{
  g_autofree char *note = g_strdup_printf ("%u.name", put->item);
  unlinkat (put->dir, note, 0);
  return sk_folder_write (put->dir, note, put->name);
}

/* What an earlier connection brought counts for the checksum. */
static gboolean
hash_start (Put *put)
{
  g_autofree guint8 *buffer = g_malloc (HASH_BUFFER);
  for (guint64 at = 0; at < put->offset;)
    {
      const gssize n = pread (put->fd, buffer, MIN (put->offset - at, HASH_BUFFER), (off_t) at);
      if (n <= 0)
        return FALSE;
      g_checksum_update (put->sum, buffer, n);
      at += (guint64) n;
    }
  return TRUE;
}

static gboolean
finish_item (Put *put)
{
  const gboolean good = g_str_equal (g_checksum_get_string (put->sum), put->sha256) && fsync (put->fd) == 0;
  sk_clear_fd (&put->fd);
  put->item++;
  return good;
}

/* FALSE: the put was given up. */
static gboolean
end_item_if_whole (SkInbox *inbox, Put *put)
{
  if (put->offset != put->size || finish_item (put))
    return TRUE;
  give_up (inbox, put, "a checksum is wrong, or the disk is full");
  return FALSE;
}

static void
handle_item (SkInbox *inbox, Put *put, const SkMessage *m)
{
  struct stat st;
  g_autofree char *number = g_strdup_printf ("%u", put->item);
  if (put->fd >= 0 || m->n[0] != put->item || put->item >= put->items || !sk_inbox_name_is_good (m->s[0])
      || !sk_file_is_hex (m->s[1], 64))
    {
      give_up (inbox, put, "an item's name or number is not good");
      return;
    }
  g_free (put->name);
  g_free (put->sha256);
  put->name = g_strdup (m->s[0]);
  put->sha256 = g_strdup (m->s[1]);
  put->size = m->n[1];
  put->fd = openat (put->dir, number, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  g_clear_pointer (&put->sum, g_checksum_free);
  put->sum = g_checksum_new (G_CHECKSUM_SHA256);
  put->offset = put->fd >= 0 && fstat (put->fd, &st) == 0 ? (guint64) st.st_size : 0;
  if (put->fd < 0 || put->offset > put->size || !hash_start (put) || !write_note (put))
    give_up (inbox, put, "the folder cannot be written");
  else if (end_item_if_whole (inbox, put))
    take (inbox, put, SK_FILE_ITEM_COST);
}

static gboolean
write_all (int fd, const guint8 *data, gsize length, guint64 offset)
{
  while (length > 0)
    {
      const gssize n = pwrite (fd, data, length, (off_t) offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      data += n;
      length -= (gsize) n;
      offset += (guint64) n;
    }
  return TRUE;
}

static void
handle_data (SkInbox *inbox, Put *put, const SkMessage *m)
{
  if (put->fd < 0 || m->n[0] != put->item || m->n[1] != put->offset
      || m->bytes_length > put->size - put->offset)
    {
      give_up (inbox, put, "its bytes are not in order");
      return;
    }
  if (!write_all (put->fd, m->bytes, m->bytes_length, put->offset))
    {
      give_up (inbox, put, "the disk is full");
      return;
    }
  g_checksum_update (put->sum, m->bytes, (gssize) m->bytes_length);
  put->offset += m->bytes_length;
  if (end_item_if_whole (inbox, put))
    take (inbox, put, m->bytes_length);
}

/* ---- puts ---- */

static gboolean
has_room (SkInbox *inbox, guint64 bytes)
{
  struct statvfs fs;
  return fstatvfs (inbox->incoming, &fs) == 0 && bytes <= SK_FILE_BYTES_MAX
         && bytes + SPARE_BYTES <= (guint64) fs.f_bavail * fs.f_frsize;
}

/* Items are whole up to the last that has a file: the host sends the next only then. */
static void
find_resume (Put *put)
{
  struct stat st;
  for (guint i = 0; i < put->items; i++)
    {
      g_autofree char *number = g_strdup_printf ("%u", i);
      if (fstatat (put->dir, number, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
      put->item = i;
      put->offset = (guint64) st.st_size;
    }
}

static gboolean
is_done (SkInbox *inbox, const char *transfer)
{
  return faccessat (inbox->done, transfer, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
start (SkInbox *inbox, const SkMessage *m, int dir)
{
  Put *put = g_new0 (Put, 1);
  *put = (Put){ .transfer = g_strdup (m->s[0]), .id = m->id, .dir = dir, .items = (guint) m->n[0], .fd = -1 };
  find_resume (put);
  g_hash_table_insert (inbox->puts, GUINT_TO_POINTER (m->id), put);
  reply (inbox, m->id, SK_FILE_TAKE, put->item, put->offset, "");
}

static void
handle_put (SkInbox *inbox, const SkMessage *m)
{
  const char *transfer = m->s[0];
  if (!sk_file_is_id (transfer) || m->n[0] == 0 || m->n[0] > SK_FILE_ITEMS_MAX)
    reply (inbox, m->id, SK_FILE_REFUSE, 0, 0, "not a put");
  else if (is_done (inbox, transfer))
    reply (inbox, m->id, SK_FILE_HAVE, 0, 0, "");
  else if (g_hash_table_size (inbox->puts) >= SK_FILE_PUTS_MAX)
    reply (inbox, m->id, SK_FILE_LATER, 0, 0, "too many at once");
  else if (!has_room (inbox, m->n[1]))
    reply (inbox, m->id, SK_FILE_REFUSE, 0, 0, SK_BOTH ("the guest's disk is full", "空き容量がありません"));
  else
    {
      mkdirat (inbox->incoming, transfer, 0700);
      sk_autofd int dir = openat (inbox->incoming, transfer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (dir < 0)
        reply (inbox, m->id, SK_FILE_REFUSE, 0, 0, "the folder cannot be written");
      else if (faccessat (dir, "ready", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        start (inbox, m, sk_steal_fd (&dir));
      else if (deliver (inbox, dir, transfer))
        reply (inbox, m->id, SK_FILE_HAVE, 0, 0, "");
      else
        reply (inbox, m->id, SK_FILE_REFUSE, 0, 0, "the folder cannot be written");
    }
}

void
sk_inbox_take (SkInbox *inbox, const SkMessage *m)
{
  Put *put = g_hash_table_lookup (inbox->puts, GUINT_TO_POINTER (m->id));
  if (m->type == SK_FILE_PUT)
    handle_put (inbox, m);
  else if (put && m->type == SK_FILE_PUT_ITEM)
    handle_item (inbox, put, m);
  else if (put && m->type == SK_FILE_PUT_DATA)
    handle_data (inbox, put, m);
  else if (put && m->type == SK_FILE_PUT_END)
    handle_end (inbox, put);
  else if (put && m->type == SK_FILE_PUT_STOP)
    give_up (inbox, put, "stopped");
}

/* ---- life ---- */

void
sk_inbox_reset (SkInbox *inbox)
{
  g_hash_table_remove_all (inbox->puts);
}

SkInbox *
sk_inbox_new (SkFiles *files, const char *home, GError **error)
{
  g_autofree char *incoming = g_build_filename (home, SK_FILES_STATE, "incoming", NULL);
  g_autofree char *done = g_build_filename (home, SK_FILES_STATE, "done", NULL);
  g_autofree char *receive = g_build_filename (home, SK_FILES_RECEIVE, NULL);
  SkInbox *inbox = g_new0 (SkInbox, 1);
  inbox->files = files;
  inbox->puts = g_hash_table_new_full (NULL, NULL, NULL, put_free);
  inbox->incoming = sk_folder_open (incoming, error);
  inbox->done = inbox->incoming >= 0 ? sk_folder_open (done, error) : -1;
  inbox->receive = inbox->done >= 0 ? sk_folder_open (receive, error) : -1;
  if (inbox->receive >= 0)
    return inbox;
  sk_inbox_free (inbox);
  return NULL;
}

void
sk_inbox_free (SkInbox *inbox)
{
  if (!inbox)
    return;
  sk_clear_fd (&inbox->incoming);
  sk_clear_fd (&inbox->done);
  sk_clear_fd (&inbox->receive);
  g_hash_table_unref (inbox->puts);
  g_free (inbox);
}
