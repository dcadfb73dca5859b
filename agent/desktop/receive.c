#include "desktop/receive.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "desktop/content.h"
#include "desktop/folder.h"
#include "desktop/names.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define HIDDEN_START ".sekisho-"
#define HIDDEN_END ".part"

typedef struct
{
  SkClient *client;
  const SkReceiveOptions *options;
  SkReceived *journal;
  SkTransferInfo *info;
  char *folder;
  int fd;
  GPtrArray *names;
  guint64 before, all; /* bytes: of finished items, of the transfer */
  guint8 *piece;
} Receive;

static gboolean
refuse (SkErrorCode code, const char *sentence, GError **error)
{
  g_set_error_literal (error, SK_ERROR, (int) code, sentence);
  return FALSE;
}

static gboolean
fail_writing (Receive *r, GError **error)
{
  const gboolean full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  g_set_error (error, SK_ERROR, full ? SK_ERROR_LIMIT : SK_ERROR_UNAVAILABLE,
               full ? SK_TR ("There is no room in %s (%s). Make room; it is received again by itself.",
                             "%s に空きがありません（%s）。空きを作ると自動で受信します。")
                    : SK_TR ("%s cannot be written to: %s", "%s に書き込めません: %s"),
               r->folder, g_strerror (errno));
  return FALSE;
}

static char *
hidden_name (const char *id, guint item)
{
  return g_strdup_printf (HIDDEN_START "%s-%u" HIDDEN_END, id, item);
}

/* -- content --------------------------------------------------------------------------------------------- */

/* What an earlier run left, if it is such; nothing else is ever written to. */
static int
open_hidden (Receive *r, const char *hidden, GError **error)
{
  struct stat as_is;
  sk_autofd int fd = openat (r->fd, hidden, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd >= 0 && fstat (fd, &as_is) == 0 && S_ISREG (as_is.st_mode) && as_is.st_nlink == 1
      && as_is.st_uid == geteuid ())
    return sk_steal_fd (&fd);
  sk_clear_fd (&fd);
  unlinkat (r->fd, hidden, 0);
  fd = openat (r->fd, hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    fail_writing (r, error);
  return sk_steal_fd (&fd);
}

/* Hashes what is there and leaves the position at its end. -1: not readable. */
static gint64
take_up (Receive *r, int fd, guint64 size, GChecksum *sum)
{
  gint64 offset = 0;
  struct stat as_is;
  if (fstat (fd, &as_is) < 0 || (guint64) as_is.st_size > size)
    return -1;
  for (;;)
    {
      const gssize n = pread (fd, r->piece, SK_CONTENT_PIECE, offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return n < 0 ? -1 : offset;
      g_checksum_update (sum, r->piece, n);
      offset += n;
    }
}

static gboolean
write_piece (Receive *r, int fd, gsize length, guint64 offset, GError **error)
{
  for (gsize done = 0; done < length;)
    {
      const gssize n = pwrite (fd, r->piece + done, length - done, (off_t) (offset + done));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return fail_writing (r, error);
      done += (gsize) n;
    }
  return TRUE;
}

static gboolean
has_room (Receive *r, guint64 bytes, GError **error)
{
  struct statvfs room;
  if (fstatvfs (r->fd, &room) < 0 || (guint64) room.f_bavail * room.f_frsize >= bytes)
    return TRUE;
  errno = ENOSPC;
  return fail_writing (r, error);
}

static gboolean
read_rest (Receive *r, const SkTransferInfoItem *item, int from, int to, guint64 offset, GChecksum *sum,
           GError **error)
{
  const gboolean progress = r->options->progress != NULL;
  for (;;)
    {
      /* One byte more than announced is asked for: there may be none. */
      const guint64 left = item->result_size - offset;
      const gssize n = sk_content_read (from, r->piece, (gsize) MIN (left + 1, SK_CONTENT_PIECE),
                                        r->options->cancellable, error);
      if (n < 0)
        return FALSE;
      if (n == 0 && left > 0)
        return refuse (SK_ERROR_PEER_LOST,
                       SK_TR ("The connection to Sekisho was lost.", "Sekisho との接続が切れました。"),
                       error);
      if (n == 0)
        return TRUE;
      if ((guint64) n > left)
        return refuse (SK_ERROR_PROTOCOL,
                       SK_TR ("More came than was announced. Nothing was kept.",
                              "予告より多いデータが届いたため、破棄しました。"),
                       error);
      if (!write_piece (r, to, (gsize) n, offset, error))
        return FALSE;
      g_checksum_update (sum, r->piece, n);
      offset += (guint64) n;
      if (progress)
        r->options->progress (r->before + offset, r->all, r->options->data);
    }
}

static gboolean
download_from (Receive *r, const SkTransferInfoItem *item, int to, guint64 offset, GChecksum *sum,
               GError **error)
{
  if (!has_room (r, item->result_size - offset, error))
    return FALSE;
  sk_autofd int from
      = sk_client_upgrade_transfer (r->client, r->info->id, SK_CLIENT_CONTENT, item->index, offset, error);
  return from >= 0 && read_rest (r, item, from, to, offset, sum, error);
}

/* TRUE: whole and right. FALSE without error: what an earlier run left was wrong; it is empty now. */
static gboolean
download (Receive *r, const SkTransferInfoItem *item, int fd, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  const gint64 offset = take_up (r, fd, item->result_size, sum);
  if (offset < 0)
    return ftruncate (fd, 0) < 0 && fail_writing (r, error);
  if (((guint64) offset < item->result_size || item->result_size == 0)
      && !download_from (r, item, fd, (guint64) offset, sum, error))
    return FALSE;
  if (strcmp (g_checksum_get_string (sum), item->result_sha256) == 0)
    return TRUE;
  if (ftruncate (fd, 0) < 0)
    return fail_writing (r, error);
  return offset == 0
         && refuse (
             SK_ERROR_PROTOCOL,
             SK_TR ("What arrived is not what was inspected (the hashes differ). Nothing was kept; tell your "
                    "system administrator.",
                    "届いた内容が検査済みのものと一致しません（ハッシュ値が違います）。破棄しました。"
                    "システム担当者に連絡してください。"),
             error);
}

/* Where the file system has no such attributes, the file is as good. */
static void
mark (Receive *r, int fd)
{
  g_autofree char *origin = g_strdup_printf ("sekisho:transfer/%s", r->info->id);
  if (fsetxattr (fd, SK_RECEIVE_XATTR_TRANSFER, r->info->id, strlen (r->info->id), 0) < 0)
    return;
  if (fsetxattr (fd, SK_RECEIVE_XATTR_ORIGIN, origin, strlen (origin), 0) < 0)
    return;
}

/* A partial file is kept to go on with, unless it would fill the disk for nothing. */
static void
drop_if_useless (Receive *r, const char *hidden, const GError *error)
{
  if (g_error_matches (error, SK_ERROR, SK_ERROR_LIMIT)
      || g_error_matches (error, SK_ERROR, SK_ERROR_PROTOCOL))
    unlinkat (r->fd, hidden, 0);
}

static gboolean
fetch (Receive *r, const SkTransferInfoItem *item, const char *hidden, GError **error)
{
  g_autoptr (GError) failed = NULL;
  sk_autofd int fd = open_hidden (r, hidden, error);
  if (fd < 0)
    return FALSE;
  gboolean whole = download (r, item, fd, &failed);
  if (!whole && !failed)
    whole = download (r, item, fd, &failed);
  if (!whole)
    {
      drop_if_useless (r, hidden, failed);
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  mark (r, fd);
  /* Its name as well: the journal is about to say that it is here. */
  return (fsync (fd) == 0 && fsync (r->fd) == 0) || fail_writing (r, error);
}

/* -- names ----------------------------------------------------------------------------------------------- */

/* The transfer's own top-level folder: a new one, never one that was there. */
static int
new_top (Receive *r, const char *top, char **ret_here, GError **error)
{
  for (guint n = 1; n <= SK_RECEIVE_NAMES_MAX; n++)
    {
      g_autofree char *here = sk_names_number (top, n);
      if (sk_folder_has (r->fd, here))
        continue;
      if (!sk_received_set_top (r->journal, r->info->id, top, here, error))
        return -1;
      const int fd = sk_folder_enter (r->fd, here);
      if (fd >= 0)
        {
          *ret_here = g_steal_pointer (&here);
          return fd;
        }
      if (errno != ENOTDIR && errno != ELOOP)
        break;
    }
  fail_writing (r, error);
  return -1;
}

static int
enter_top (Receive *r, const char *top, char **ret_here, GError **error)
{
  g_autofree char *here = g_strdup (sk_received_top (r->journal, r->info->id, top));
  const int fd = here ? sk_folder_enter (r->fd, here) : -1;
  if (fd < 0)
    return new_top (r, top, ret_here, error);
  *ret_here = g_steal_pointer (&here);
  return fd;
}

/* The folder for a safe name; *ret_path is where it is. Where a file has the name of a folder, the folder
 * before it has to do. */
static int
enter_folders (Receive *r, char **parts, char **ret_path, GError **error)
{
  g_autofree char *path = NULL;
  if (!parts[1])
    {
      *ret_path = g_strdup ("");
      return fcntl (r->fd, F_DUPFD_CLOEXEC, 3);
    }
  sk_autofd int fd = enter_top (r, parts[0], &path, error);
  for (guint i = 1; fd >= 0 && parts[i + 1]; i++)
    {
      sk_autofd int inner = sk_folder_enter (fd, parts[i]);
      if (inner < 0 && (errno == ENOTDIR || errno == ELOOP))
        break;
      if (inner < 0)
        {
          fail_writing (r, error);
          return -1;
        }
      g_autofree char *longer = g_strconcat (path, "/", parts[i], NULL);
      g_free (path);
      path = g_steal_pointer (&longer);
      sk_clear_fd (&fd);
      fd = sk_steal_fd (&inner);
    }
  if (fd >= 0)
    *ret_path = g_strconcat (path, "/", NULL);
  return sk_steal_fd (&fd);
}

/* Durable on both ends before anybody is told. */
static gboolean
rename_to (Receive *r, const char *hidden, int to_fd, const char *base, const char *name)
{
  if (!sk_folder_place (r->fd, hidden, to_fd, base) || fsync (to_fd) < 0 || fsync (r->fd) < 0)
    return FALSE;
  g_ptr_array_add (r->names, g_strdup (name));
  return TRUE;
}

static gboolean
place_anew (Receive *r, const SkTransferInfoItem *item, const char *hidden, GError **error)
{
  g_autofree char *safe = sk_names_for_folder (item->untrusted_result_name, item->index);
  g_auto (GStrv) parts = g_strsplit (safe, "/", 0);
  const char *base = parts[g_strv_length (parts) - 1];
  g_autofree char *path = NULL;
  sk_autofd int fd = enter_folders (r, parts, &path, error);
  if (fd < 0)
    return FALSE;
  for (guint n = 1; n <= SK_RECEIVE_NAMES_MAX; n++)
    {
      g_autofree char *numbered = sk_names_number (base, n);
      g_autofree char *name = g_strconcat (path, numbered, NULL);
      if (sk_folder_has (fd, numbered))
        continue;
      if (!sk_received_set_name (r->journal, r->info->id, item->index, name, error))
        return FALSE;
      if (rename_to (r, hidden, fd, numbered, name))
        return TRUE;
      if (errno != EEXIST)
        return fail_writing (r, error);
    }
  errno = EEXIST;
  return fail_writing (r, error);
}

/* After a crash between journal and rename: the same name again, if it is still free. */
static gboolean
place_as_before (Receive *r, const char *name, const char *hidden)
{
  g_auto (GStrv) parts = g_strsplit (name, "/", 0);
  sk_autofd int fd = fcntl (r->fd, F_DUPFD_CLOEXEC, 3);
  guint i = 0;
  for (; fd >= 0 && parts[i] && parts[i + 1]; i++)
    {
      const int inner = openat (fd, parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      sk_clear_fd (&fd);
      fd = inner;
    }
  return fd >= 0 && parts[i] && rename_to (r, hidden, fd, parts[i], name);
}

static gboolean
receive_item (Receive *r, const SkTransferInfoItem *item, GError **error)
{
  g_autofree char *hidden = hidden_name (r->info->id, item->index);
  g_autofree char *name = g_strdup (sk_received_name (r->journal, r->info->id, item->index));
  if (name && !sk_folder_has (r->fd, hidden))
    {
      g_ptr_array_add (r->names, g_steal_pointer (&name));
      return TRUE;
    }
  if (name && place_as_before (r, name, hidden))
    return TRUE;
  return (name || fetch (r, item, hidden, error)) && place_anew (r, item, hidden, error);
}

/* -- one transfer ---------------------------------------------------------------------------------------- */

static gboolean
check_items (Receive *r, GError **error)
{
  r->all = 0;
  for (guint i = 0; i < r->info->items->len; i++)
    {
      const SkTransferInfoItem *item = r->info->items->pdata[i];
      if (!*item->result_sha256 || r->all + item->result_size < r->all)
        return refuse (SK_ERROR_PROTOCOL, "transfer: result", error);
      r->all += item->result_size;
    }
  return r->info->items->len > 0 || refuse (SK_ERROR_PROTOCOL, "transfer: items", error);
}

/* What was begun in a folder is finished there, as long as it exists. */
static gboolean
open_folder (Receive *r, GError **error)
{
  const char *before = sk_received_folder (r->journal, r->info->id);
  g_autofree char *usual = r->options->folder ? g_strdup (r->options->folder) : sk_folder_usual ();
  r->folder = g_strdup (before && g_file_test (before, G_FILE_TEST_IS_DIR) ? before : usual);
  r->fd = sk_folder_open (r->folder, error);
  if (r->fd < 0)
    return FALSE;
  return g_strcmp0 (before, r->folder) == 0
         || sk_received_set_folder (r->journal, r->info->id, r->folder, error);
}

static gboolean
receive_items (Receive *r, GError **error)
{
  if (!check_items (r, error) || !open_folder (r, error))
    return FALSE;
  for (guint i = 0; i < r->info->items->len; i++)
    {
      const SkTransferInfoItem *item = r->info->items->pdata[i];
      if (!receive_item (r, item, error))
        return FALSE;
      r->before += item->result_size;
    }
  return sk_transfer_info_delivered (r->client, r->info->id, error);
}

static gboolean
receive_one (SkClient *client, const SkReceiveOptions *options, SkReceived *journal, const char *id,
             gboolean *ret_done, GError **error)
{
  Receive r = { .client = client, .options = options, .journal = journal, .fd = -1 };
  g_autoptr (SkTransferInfo) info = sk_transfer_info_get (client, id, error);
  if (!info || !sk_receive_is_wanted (info))
    return info != NULL;
  r.info = info;
  r.names = g_ptr_array_new_with_free_func (g_free);
  r.piece = g_malloc (SK_CONTENT_PIECE);
  *ret_done = receive_items (&r, error);
  if (*ret_done && options->done)
    options->done (&(SkReceipt){ id, r.folder, r.names }, options->data);
  g_ptr_array_unref (r.names);
  sk_clear_fd (&r.fd);
  g_free (r.folder);
  g_free (r.piece);
  return *ret_done;
}

/* -- all ------------------------------------------------------------------------------------------------- */

gboolean
sk_receive_is_wanted (const SkTransferInfo *info)
{
  /* Texts, pictures and links go to the clipboard and the browser. */
  return strcmp (info->state, "releasing") == 0 && strcmp (info->direction, "import") == 0
         && (strcmp (info->kind, "file") == 0 || strcmp (info->kind, "print") == 0);
}

/* ".sekisho-ID-ITEM.part" of a transfer that is not to come any more. */
static gboolean
is_left_over (const char *name, const char *const *ids)
{
  if (!g_str_has_prefix (name, HIDDEN_START) || !g_str_has_suffix (name, HIDDEN_END))
    return FALSE;
  const char *start = name + strlen (HIDDEN_START), *dash = strrchr (start, '-');
  g_autofree char *id = dash ? g_strndup (start, (gsize) (dash - start)) : NULL;
  return id && sk_transfer_is_id (id) && !g_strv_contains (ids, id);
}

static void
remove_left_overs (const SkReceiveOptions *options, const char *const *ids)
{
  g_autofree char *folder = options->folder ? g_strdup (options->folder) : sk_folder_usual ();
  const int fd = open (folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;
  while (dir && (entry = readdir (dir)))
    if (is_left_over (entry->d_name, ids))
      unlinkat (fd, entry->d_name, 0);
  if (dir)
    closedir (dir);
}

static gboolean
receive_listed (SkClient *client, const SkReceiveOptions *options, SkReceived *journal,
                const char *const *ids, guint *ret_count, GError **error)
{
  g_autoptr (GError) first = NULL;
  for (guint i = 0; ids[i] && !g_cancellable_is_cancelled (options->cancellable); i++)
    {
      gboolean done = FALSE;
      g_autoptr (GError) failed = NULL;
      if (!receive_one (client, options, journal, ids[i], &done, &failed) && !first)
        first = g_steal_pointer (&failed);
      *ret_count += done;
    }
  if (!first)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&first));
  return FALSE;
}

gboolean
sk_receive_all (SkClient *client, const SkReceiveOptions *options, guint *ret_count, GError **error)
{
  g_autoptr (GError) failed = NULL;
  g_autoptr (GPtrArray) ids = g_ptr_array_new ();
  g_autoptr (SkReceived) journal = sk_received_open (options->journal, options->wait, &failed);
  *ret_count = 0;
  if (failed)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  if (!journal)
    return refuse (SK_ERROR_CONFLICT,
                   SK_TR ("Another program of yours is receiving just now.", "別のプログラムが受信中です。"),
                   error);
  /* After the lock: what another receiver has finished meanwhile is not in it. */
  g_autoptr (GPtrArray) inbox = sk_transfer_info_list (client, "inbox", error);
  if (!inbox)
    return FALSE;
  /* Oldest first, as people expect them to arrive. */
  for (guint i = inbox->len; i > 0; i--)
    if (sk_receive_is_wanted (inbox->pdata[i - 1]))
      g_ptr_array_add (ids, ((SkTransferInfo *) inbox->pdata[i - 1])->id);
  g_ptr_array_add (ids, NULL);
  const char *const *wanted = (const char *const *) ids->pdata;
  remove_left_overs (options, wanted);
  return sk_received_tidy (journal, wanted, error)
         && receive_listed (client, options, journal, wanted, ret_count, error);
}
