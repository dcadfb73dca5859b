#include "outbox.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/i18n.h"
#include "common/log.h"
#include "folder.h"
#include "sending.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* Programs that write a file in several goes close it in between. */
#define FILE_SETTLES_MS 200
/* Folders are copied file by file; an empty file may hold the place of a download that is about to start. */
#define FOLDER_SETTLES_MS 3000
#define LOOK_AGAIN_MS 200
/* Notices of progress; more often nobody reads them. */
#define PROGRESS_MS 1000
/* What was sent and can still be said to have been refused. */
#define SENT_KEYS_MAX 1000

typedef enum
{
  SETTLING,
  WAITING,
  OFFERED,
  SENDING,
  SENT,
  STUCK, /* it can neither be sent nor moved away: left alone until it changes its name */
} EntryState;

typedef struct
{
  char *name;
  EntryState state;
  gint64 since;      /* monotonic: unchanged since */
  gint64 not_before; /* monotonic: asked to wait until */
  gint64 told;       /* monotonic: last notice of progress */
  SkTree *tree;
  char *key;
  guint32 id; /* 0: no offer is open */
  SkSending *sending;
  gboolean seen;
} Entry;

struct _SkOutbox
{
  SkFiles *files;
  SkOutboxKind kind;
  char *path, *secret;
  int dir, sent, failed, watch;
  guint on_watch, look, turn;
  GPtrArray *entries;
  GHashTable *keys; /* key -> name in `sent` */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;
  g_free (entry->name);
  g_free (entry->key);
  sk_tree_free (entry->tree);
  sk_sending_free (entry->sending);
  g_free (entry);
}

static void look_in (SkOutbox *outbox, guint ms);

/* ---- ends ---- */

static void
say_gone (SkOutbox *outbox, Entry *entry, const char *why)
{
  const SkMessage m = { .type = SK_FILE_OFFER_GONE, .id = entry->id, .s = { (char *) why } };
  if (entry->id)
    sk_files_say (outbox->files, &m);
  entry->id = 0;
  g_clear_pointer (&entry->sending, sk_sending_free);
}

static void
settle_again (SkOutbox *outbox, Entry *entry, const char *why)
{
  say_gone (outbox, entry, why);
  entry->state = SETTLING;
  entry->since = g_get_monotonic_time ();
  g_clear_pointer (&entry->tree, sk_tree_free);
  look_in (outbox, LOOK_AGAIN_MS);
}

/* A file beside it says why, for people. */
static void
set_aside (SkOutbox *outbox, int from, const char *name, const char *key, const char *text)
{
  g_autofree char *moved = sk_folder_move (from, name, outbox->failed, name);
  if (!moved)
    return;
  g_autofree char *reason = g_strdup_printf ("%s.理由.txt", moved);
  g_autofree char *content = g_strdup_printf ("%s\n", text);
  if (!sk_folder_write (outbox->failed, reason, content))
    sk_warn (NULL, "no room to say why a file was not sent");
  sk_files_notify (outbox->files, key, SK_TR ("Not sent", "送れませんでした"), content, -1);
}

static gboolean
is_in (int dir, const char *name)
{
  struct stat st;
  return fstatat (dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The entry's last moment: what was moved away is not in the folder any more. */
static void
finish (SkOutbox *outbox, Entry *entry)
{
  if (is_in (outbox->dir, entry->name))
    {
      sk_warn (SK_FIELDS ("folder", outbox->kind.folder), "cannot be moved away, left alone");
      entry->state = STUCK;
      return;
    }
  g_ptr_array_remove (outbox->entries, entry);
}

static void
refuse (SkOutbox *outbox, Entry *entry, const char *text)
{
  g_autofree char *picked = sk_both_pick (text, sk_locale_is_japanese ());
  say_gone (outbox, entry, "refused");
  set_aside (outbox, outbox->dir, entry->name, entry->key ? entry->key : entry->name, picked);
  finish (outbox, entry);
}

static void
keep_sent (SkOutbox *outbox, Entry *entry)
{
  g_autofree char *moved = sk_folder_move (outbox->dir, entry->name, outbox->sent, entry->name);
  if (moved && g_hash_table_size (outbox->keys) < SENT_KEYS_MAX)
    g_hash_table_insert (outbox->keys, g_strdup (entry->key), g_steal_pointer (&moved));
}

static void
have (SkOutbox *outbox, Entry *entry)
{
  say_gone (outbox, entry, "done");
  sk_files_notify (outbox->files, entry->key, SK_TR ("Sent", "送りました"), entry->name, 100);
  if (outbox->kind.keep)
    keep_sent (outbox, entry);
  else
    sk_folder_remove (outbox->dir, entry->name);
  finish (outbox, entry);
}

static void
wait_until (SkOutbox *outbox, Entry *entry, guint seconds)
{
  say_gone (outbox, entry, "later");
  entry->state = WAITING;
  entry->not_before = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  look_in (outbox, seconds * 1000 + LOOK_AGAIN_MS);
}

/* ---- offers ---- */

static guint
open_offers (const SkOutbox *outbox)
{
  guint n = 0;
  for (guint i = 0; i < outbox->entries->len; i++)
    n += ((Entry *) outbox->entries->pdata[i])->id != 0;
  return n;
}

/* The same for the same content in the same place, also after a restart of ours; another one when the person
 * puts it here again (which changes the inode's time). */
static char *
make_key (SkOutbox *outbox, const Entry *entry)
{
  struct stat st = { 0 };
  fstatat (outbox->dir, entry->name, &st, AT_SYMLINK_NOFOLLOW);
  g_autofree char *text
      = g_strdup_printf ("%s %s %s %" G_GINT64_FORMAT ".%09ld", outbox->kind.kind, entry->name,
                         entry->tree->signature, (gint64) st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
  char *key = g_compute_hmac_for_string (G_CHECKSUM_SHA256, (const guchar *) outbox->secret,
                                         strlen (outbox->secret), text, -1);
  key[SK_FILE_KEY_LENGTH] = '\0';
  return key;
}

static void
offer (SkOutbox *outbox, Entry *entry)
{
  g_free (entry->key);
  entry->key = make_key (outbox, entry);
  entry->id = sk_files_next_offer (outbox->files);
  entry->state = OFFERED;
  const SkMessage m = { .type = SK_FILE_OFFER,
                        .id = entry->id,
                        .n = { entry->tree->items->len, entry->tree->bytes },
                        .s = { entry->key, (char *) outbox->kind.kind } };
  sk_files_say (outbox->files, &m);
}

/* Unchanged since the last look, and nobody writes: then it may go. */
static void
try_to_offer (SkOutbox *outbox, Entry *entry)
{
  g_autoptr (SkTree) now = NULL;
  if (sk_tree_scan (outbox->dir, entry->name, &now) != SK_TREE_OK
      || strcmp (now->signature, entry->tree->signature) != 0 || sk_tree_is_being_written (outbox->dir, now))
    settle_again (outbox, entry, "");
  else
    offer (outbox, entry);
}

/* ---- looking through the folder ---- */

static Entry *
find_entry (SkOutbox *outbox, const char *name)
{
  for (guint i = 0; i < outbox->entries->len; i++)
    if (g_str_equal (((Entry *) outbox->entries->pdata[i])->name, name))
      return outbox->entries->pdata[i];
  return NULL;
}

static gboolean
is_left_alone (SkOutbox *outbox, const char *name)
{
  g_autofree char *download = g_strconcat (name, ".crdownload", NULL);
  return name[0] == '.' || g_str_has_suffix (name, ".crdownload") || g_str_has_suffix (name, ".part")
         || is_in (outbox->dir, download)
         || (outbox->kind.keep && (g_str_equal (name, SK_FILES_SENT) || g_str_equal (name, SK_FILES_FAILED)));
}

static const char *
why_not (SkTreeResult result)
{
  switch (result)
    {
    case SK_TREE_NO_FILE:
      return SK_BOTH ("Only files and folders can be sent: a link or device is in it.",
                      "ファイルとフォルダーだけを送れます（リンクなどが含まれています）。");
    case SK_TREE_TOO_MANY:
      return SK_BOTH ("More than 10,000 files: send fewer at once.",
                      "ファイルが 10,000 個を超えています。分けて送ってください。");
    case SK_TREE_TOO_LONG:
      return SK_BOTH ("A name is too long, or folders are too deep.",
                      "名前が長すぎるか、フォルダーの階層が深すぎます。");
    case SK_TREE_OK:
    case SK_TREE_GONE:
    case SK_TREE_EMPTY:
      return NULL;
    }
  return NULL;
}

static void
look_at_settling (SkOutbox *outbox, Entry *entry)
{
  g_autoptr (SkTree) now = NULL;
  const SkTreeResult result = sk_tree_scan (outbox->dir, entry->name, &now);
  const gint64 time = g_get_monotonic_time ();
  const gboolean same = now && entry->tree && g_str_equal (now->signature, entry->tree->signature);
  if (why_not (result))
    {
      refuse (outbox, entry, why_not (result));
      return;
    }
  if (!same)
    {
      entry->since = time;
      g_clear_pointer (&entry->tree, sk_tree_free);
      entry->tree = g_steal_pointer (&now);
    }
  const gboolean slow = !entry->tree || entry->tree->is_folder || entry->tree->bytes == 0;
  if (same && time - entry->since >= (slow ? FOLDER_SETTLES_MS : FILE_SETTLES_MS) * 1000)
    entry->state = WAITING;
  /* An empty folder waits for what comes into it; what cannot be opened need not be looked at that often. */
  look_in (outbox, result == SK_TREE_OK ? LOOK_AGAIN_MS : FOLDER_SETTLES_MS);
}

static void
read_folder (SkOutbox *outbox)
{
  g_autoptr (GDir) dir = g_dir_open (outbox->path, 0, NULL);
  const char *name;
  for (guint i = 0; i < outbox->entries->len; i++)
    ((Entry *) outbox->entries->pdata[i])->seen = FALSE;
  while (dir && (name = g_dir_read_name (dir)))
    {
      Entry *entry = find_entry (outbox, name);
      if (!entry && is_left_alone (outbox, name))
        continue;
      if (!entry)
        {
          entry = g_new0 (Entry, 1);
          entry->name = g_strdup (name);
          entry->since = g_get_monotonic_time ();
          g_ptr_array_add (outbox->entries, entry);
        }
      entry->seen = TRUE;
    }
}

static void
forget_vanished (SkOutbox *outbox)
{
  for (guint i = outbox->entries->len; i-- > 0;)
    {
      Entry *entry = outbox->entries->pdata[i];
      if (entry->seen)
        continue;
      say_gone (outbox, entry, "taken back");
      g_ptr_array_remove_index (outbox->entries, i);
    }
}

static void
offer_waiting (SkOutbox *outbox)
{
  const gint64 now = g_get_monotonic_time ();
  for (guint i = 0; i < outbox->entries->len; i++)
    {
      Entry *entry = outbox->entries->pdata[i];
      if (entry->state == WAITING && entry->not_before <= now && sk_files_is_up (outbox->files)
          && open_offers (outbox) < outbox->kind.at_once)
        try_to_offer (outbox, entry);
    }
}

static gboolean
on_look (gpointer data)
{
  SkOutbox *outbox = data;
  outbox->look = 0;
  read_folder (outbox);
  forget_vanished (outbox);
  for (guint i = outbox->entries->len; i-- > 0;)
    if (((Entry *) outbox->entries->pdata[i])->state == SETTLING)
      look_at_settling (outbox, outbox->entries->pdata[i]);
  offer_waiting (outbox);
  return G_SOURCE_REMOVE;
}

static void
look_in (SkOutbox *outbox, guint ms)
{
  if (!outbox->look || ms == 0)
    {
      g_clear_handle_id (&outbox->look, g_source_remove);
      outbox->look = g_timeout_add (ms, on_look, outbox);
    }
}

void
sk_outbox_run (SkOutbox *outbox)
{
  look_in (outbox, 0);
}

static gboolean
on_watch (int fd, GIOCondition condition, gpointer data)
{
  char events[16384];
  /* What happened is seen by looking: an overflow loses nothing. */
  while (read (fd, events, sizeof events) > 0)
    ;
  look_in (data, LOOK_AGAIN_MS / 4);
  return G_SOURCE_CONTINUE;
}

/* ---- sending ---- */

static void
tell_progress (SkOutbox *outbox, Entry *entry)
{
  const gint64 now = g_get_monotonic_time ();
  if (now - entry->told < PROGRESS_MS * 1000)
    return;
  /* The first second says nothing: small files are done by then. */
  if (entry->told)
    sk_files_notify (outbox->files, entry->key, SK_TR ("Sending", "送っています"), entry->name,
                     sk_sending_percent (entry->sending));
  entry->told = now;
}

static gboolean
step (SkOutbox *outbox, Entry *entry)
{
  switch (sk_sending_step (entry->sending))
    {
    case SK_SENDING_MORE:
      return TRUE;
    case SK_SENDING_ALL:
      entry->state = SENT;
      return FALSE;
    case SK_SENDING_CHANGED:
      settle_again (outbox, entry, "changed while it was sent");
      return FALSE;
    case SK_SENDING_WAITS:
      return FALSE;
    }
  return FALSE;
}

void
sk_outbox_pump (SkOutbox *outbox)
{
  gboolean some = TRUE;
  while (some && sk_files_is_idle (outbox->files))
    {
      some = FALSE;
      for (guint i = 0; i < outbox->entries->len; i++)
        {
          Entry *entry = outbox->entries->pdata[i];
          if (entry->state == SENDING && sk_files_is_idle (outbox->files))
            some |= step (outbox, entry);
        }
    }
}

/* ---- the host's words ---- */

static void
handle_verdict (SkOutbox *outbox, Entry *entry, guint verdict, const char *text)
{
  if (verdict == SK_FILE_HAVE)
    have (outbox, entry);
  else if (verdict == SK_FILE_LATER)
    wait_until (outbox, entry, SK_FILE_LATER_SECONDS);
  else
    refuse (outbox, entry, *text ? text : SK_BOTH ("It was refused.", "拒否されました。"));
  look_in (outbox, 0);
}

static void
handle_reply (SkOutbox *outbox, Entry *entry, const SkMessage *m)
{
  if (entry->state != OFFERED)
    return;
  if (m->n[0] != SK_FILE_TAKE)
    {
      handle_verdict (outbox, entry, (guint) m->n[0], m->s[0]);
      return;
    }
  entry->state = SENDING;
  entry->told = g_get_monotonic_time ();
  entry->sending = sk_sending_new (outbox->files, entry->id, outbox->dir, entry->tree, (guint) m->n[1],
                                   m->n[2], (guint) m->n[3]);
  sk_outbox_pump (outbox);
}

/* A later word about what was sent. */
static gboolean
handle_status (SkOutbox *outbox, const SkMessage *m)
{
  static const char *const bad[] = { "refused", "denied", NULL };
  const char *name = g_hash_table_lookup (outbox->keys, m->s[0]);
  g_autofree char *text = sk_both_pick (m->s[2], sk_locale_is_japanese ());
  if (!name)
    return FALSE;
  if (g_strv_contains (bad, m->s[1]))
    set_aside (outbox, outbox->sent, name, m->s[0], text);
  else
    sk_files_notify (outbox->files, m->s[0], name, text, -1);
  return TRUE;
}

static Entry *
find_offer (SkOutbox *outbox, guint32 id)
{
  for (guint i = 0; id != 0 && i < outbox->entries->len; i++)
    if (((Entry *) outbox->entries->pdata[i])->id == id)
      return outbox->entries->pdata[i];
  return NULL;
}

gboolean
sk_outbox_span_done (SkOutbox *outbox, guint32 id, guint32 length)
{
  Entry *entry = find_offer (outbox, id);
  if (!entry || !entry->sending)
    return FALSE;
  if (sk_sending_span_done (entry->sending, length))
    sk_outbox_pump (outbox);
  else
    settle_again (outbox, entry, "changed while it was sent");
  return TRUE;
}

gboolean
sk_outbox_take (SkOutbox *outbox, const SkMessage *m)
{
  if (m->type == SK_FILE_STATUS)
    return handle_status (outbox, m);
  if (m->type != SK_FILE_OFFER_REPLY && m->type != SK_FILE_CREDIT && m->type != SK_FILE_OFFER_STOP)
    return FALSE;
  Entry *entry = find_offer (outbox, m->id);
  if (!entry)
    return FALSE;
  if (m->type == SK_FILE_OFFER_REPLY)
    handle_reply (outbox, entry, m);
  else if (m->type == SK_FILE_OFFER_STOP)
    handle_verdict (outbox, entry, (guint) m->n[0], m->s[0]);
  else if (entry->sending)
    {
      sk_sending_credit (entry->sending, m->n[0]);
      tell_progress (outbox, entry);
      sk_outbox_pump (outbox);
    }
  return TRUE;
}

/* ---- life ---- */

void
sk_outbox_reset (SkOutbox *outbox)
{
  for (guint i = 0; i < outbox->entries->len; i++)
    {
      Entry *entry = outbox->entries->pdata[i];
      entry->id = 0;
      g_clear_pointer (&entry->sending, sk_sending_free);
      if (entry->state == OFFERED || entry->state == SENDING || entry->state == SENT)
        entry->state = WAITING;
    }
}

static char *
read_secret (const char *home, GError **error)
{
  g_autofree char *path = g_build_filename (home, SK_FILES_STATE, "secret", NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  char *secret = NULL;
  if (g_file_get_contents (path, &secret, NULL, NULL) && *secret)
    return secret;
  g_free (secret);
  secret = g_uuid_string_random ();
  if (g_mkdir_with_parents (folder, 0700) == 0
      && g_file_set_contents_full (path, secret, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error))
    return secret;
  if (error && !*error)
    g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "%s: %s", folder, g_strerror (errno));
  g_free (secret);
  return NULL;
}

static gboolean
open_folders (SkOutbox *outbox, const char *home, GError **error)
{
  g_autofree char *sent = g_build_filename (home, SK_FILES_SEND, SK_FILES_SENT, NULL);
  g_autofree char *failed = g_build_filename (home, SK_FILES_SEND, SK_FILES_FAILED, NULL);
  outbox->path = g_build_filename (home, outbox->kind.folder, NULL);
  outbox->secret = read_secret (home, error);
  if (!outbox->secret)
    return FALSE;
  outbox->dir = sk_folder_open (outbox->path, error);
  outbox->sent = outbox->dir >= 0 ? sk_folder_open (sent, error) : -1;
  outbox->failed = outbox->sent >= 0 ? sk_folder_open (failed, error) : -1;
  return outbox->failed >= 0;
}

SkOutbox *
sk_outbox_new (SkFiles *files, const char *home, const SkOutboxKind *kind, GError **error)
{
  SkOutbox *outbox = g_new0 (SkOutbox, 1);
  *outbox = (SkOutbox){ .files = files, .kind = *kind, .dir = -1, .sent = -1, .failed = -1, .watch = -1 };
  outbox->entries = g_ptr_array_new_with_free_func (entry_free);
  outbox->keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!open_folders (outbox, home, error))
    {
      sk_outbox_free (outbox);
      return NULL;
    }
  outbox->watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (outbox->watch < 0
      || inotify_add_watch (outbox->watch, outbox->path,
                            IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR)
             < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "%s: %s", outbox->path, g_strerror (errno));
      sk_outbox_free (outbox);
      return NULL;
    }
  outbox->on_watch = g_unix_fd_add (outbox->watch, G_IO_IN, on_watch, outbox);
  look_in (outbox, 0);
  return outbox;
}

void
sk_outbox_free (SkOutbox *outbox)
{
  if (!outbox)
    return;
  g_clear_handle_id (&outbox->on_watch, g_source_remove);
  g_clear_handle_id (&outbox->look, g_source_remove);
  sk_clear_fd (&outbox->watch);
  sk_clear_fd (&outbox->dir);
  sk_clear_fd (&outbox->sent);
  sk_clear_fd (&outbox->failed);
  g_ptr_array_unref (outbox->entries);
  g_hash_table_unref (outbox->keys);
  g_free (outbox->path);
  g_free (outbox->secret);
  g_free (outbox);
}
