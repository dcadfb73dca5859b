/* The journal of what was received: which file of which transfer got which name. Written and fsynced before a
 * file appears under that name, so that after a crash at any point it is known whether it did.
 *
 * ~/.local/state/sekisho/received, a line a record: "CHECK WHAT ID …", fields escaped as in a URI; CHECK is
 * the start of the rest's SHA-256. A last line that is torn was never acted upon and is cut off. The file is
 * locked while it is open: one receiver a user at a time. */
#pragma once
#include <gio/gio.h>

/* Rewritten without what the broker has closed when it is larger; a record has about 200 bytes. */
#define SK_RECEIVED_BYTES_MAX (64 * 1024)

typedef struct _SkReceived SkReceived;

/* path NULL: the usual one. NULL without error: another receiver has it, and wait is FALSE.
 * SK_ERROR_UNAVAILABLE: the file cannot be opened. */
SkReceived *sk_received_open (const char *path, gboolean wait, GError **error);
void sk_received_close (SkReceived *received);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkReceived, sk_received_close)

/* All of these are durable when they return TRUE. The last record of a key counts.
 * SK_ERROR_STORE: not written, and nothing may be done. */
/* The folder that a transfer goes to. */
gboolean sk_received_set_folder (SkReceived *received, const char *id, const char *folder,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The name that a top-level folder of the transfer has here. */
gboolean sk_received_set_top (SkReceived *received, const char *id, const char *top, const char *here,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* This item is about to be renamed from its hidden file to this name (relative to the folder). */
gboolean sk_received_set_name (SkReceived *received, const char *id, guint item, const char *name,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* NULL: none. Live until the next change. */
const char *sk_received_folder (SkReceived *received, const char *id);
const char *sk_received_top (SkReceived *received, const char *id, const char *top);
const char *sk_received_name (SkReceived *received, const char *id, guint item);

/* Drops what is about none of these ids when the journal has become large. */
gboolean
sk_received_tidy (SkReceived *received, const char *const *ids, GError **error) G_GNUC_WARN_UNUSED_RESULT;
