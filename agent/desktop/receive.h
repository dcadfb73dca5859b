/* Receiving: what the broker releases for this user arrives in the user's own folder, each file exactly once,
 * also when the program, the broker or the machine ends at any moment.
 *
 * A file grows under a hidden name in that folder, is compared with the hash that the inspection's result
 * has, made durable, entered in the journal (received.h) with the name it will have, and then renamed. When
 * all files of a transfer are there, the broker is told. After a crash: hidden file there = go on with it;
 * journal entry and no hidden file = it was renamed (and may have been moved on since).
 *
 * Blocking; any thread. */
#pragma once
#include "desktop/received.h"
#include "desktop/transfer-api.h"

/* Names that are tried for one file: "a.txt", "a (2).txt", … */
#define SK_RECEIVE_NAMES_MAX 10000

/* What marks a file as one that came from the other side. The first is ours; a later `sekisho send` or an
 * administrator finds the transfer by it. The second is the one that browsers and curl set and that file
 * managers show ("where it came from"). */
#define SK_RECEIVE_XATTR_TRANSFER "user.sekisho.transfer"
#define SK_RECEIVE_XATTR_ORIGIN "user.xdg.origin.url"

typedef struct
{
  const char *id, *folder;
  GPtrArray *names; /* relative to folder, char * */
} SkReceipt;

typedef struct
{
  const char *journal, *folder; /* NULL: the usual ones */
  gboolean wait;                /* for another receiver of this user to finish; FALSE: leave it to that one */
  GCancellable *cancellable;
  void (*done) (const SkReceipt *receipt, gpointer data);             /* one transfer is here; nullable */
  void (*progress) (guint64 bytes, guint64 bytes_all, gpointer data); /* of one transfer; nullable */
  gpointer data;
} SkReceiveOptions;

/* Everything that waits. One transfer that fails does not hold up the others; the first error is returned
 * after all were tried. *ret_count: transfers received.
 * Errors: SK_ERROR_LIMIT (no room), SK_ERROR_FORBIDDEN (the folder), SK_ERROR_PROTOCOL (not what was
 * announced), SK_ERROR_CONFLICT (another receiver is at it), the client's. */
gboolean sk_receive_all (SkClient *client, const SkReceiveOptions *options, guint *ret_count,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Whether this is something for the folder that waits to be fetched. */
gboolean sk_receive_is_wanted (const SkTransferInfo *info);
