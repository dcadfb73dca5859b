/* Where content waits: encrypted files, named by what is in them.
 *
 *   blob: "SKQ1", u8 length and name of the user, 12 bytes nonce and 48 bytes sealed key (AES-256-GCM under
 * the host's), then chunks of 64 KiB and a last, shorter one (maybe empty), each as 12 bytes nonce,
 * ciphertext, 16 bytes tag. A chunk's number, and whether it is the last, are authenticated with it: nothing
 * can be cut off, added or swapped.
 *
 * A blob's name is HMAC-SHA-256 of its content's SHA-256 under a key of the host's: the same content is one
 * file, and nobody who sees the folder can ask whether a document they know is there. Purging overwrites the
 * sealed key first: what a disk still remembers of the chunks is noise.
 *
 * An unfinished file is named by its writer's key, and goes on at its last whole chunk after a crash.
 *
 * Threads: SkQuarantine from any; a reader or a writer from one at a time. The …_async calls work in threads
 * of their own and answer on the caller's context. Errors: SK_ERROR_FULL (disk), SK_ERROR_LIMIT (quota),
 * SK_ERROR_NOT_FOUND, SK_ERROR_STORE (changed or broken file), SK_ERROR_UNAVAILABLE. */
#pragma once
#include <gio/gio.h>

#define SK_QUARANTINE_CHUNK (64 * 1024)
/* Bytes of one user at once, unfinished ones too: a day of large drawings. */
#define SK_QUARANTINE_USER_MAX (G_GUINT64_CONSTANT (128) << 30)
/* Nothing is taken in with less room for the folder than this: the database and the logs live there too. */
#define SK_QUARANTINE_FREE_MIN (G_GUINT64_CONSTANT (512) << 20)
/* An unfinished file goes to the disk at every step of this, while its writer goes on with the next: two of
 * them are what a crash costs its sender. */
#define SK_QUARANTINE_SYNC_BYTES (8 * 1024 * 1024)
/* So much of a file stays in the system's memory for its inspection. What is longer does not push out
 * everything else, and takes pages that were just given back (where a host gets its memory a page at a time
 * from another one, new ones for a GiB took 2 s). */
#define SK_QUARANTINE_CACHED_BYTES (G_GINT64_CONSTANT (64) << 20)

typedef struct
{
  guint64 user_max, free_min; /* 0: the ones above */
} SkQuarantineLimits;

typedef struct _SkQuarantine SkQuarantine;
typedef struct _SkQuarantineWriter SkQuarantineWriter;
typedef struct _SkQuarantineReader SkQuarantineReader;

/* What was written: its name, its SHA-256 for the audit trail, its size. While this lives its blob is not
 * purged: somebody else's transfer with the same content may end just now. */
typedef struct
{
  char *blob, *sha256; /* 64 hex digits each */
  guint64 size;
  SkQuarantine *owner; /* private */
} SkQuarantined;
void sk_quarantined_free (SkQuarantined *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkQuarantined, sk_quarantined_free)

/* STATE/quarantine and, at the first time, STATE/keys/quarantine.key; $CREDENTIALS_DIRECTORY/quarantine.key
 * (systemd, sealed with a TPM where there is one) is used instead where it exists. limits NULL: the usual. */
SkQuarantine *sk_quarantine_new (const char *state_dir, const SkQuarantineLimits *limits, GError **error);
void sk_quarantine_free (SkQuarantine *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkQuarantine, sk_quarantine_free)

/* key: [0-9a-f-]{1,64}; goes on with what is there under it. */
SkQuarantineWriter *sk_quarantine_begin (SkQuarantine *, const char *key, const char *user, GError **error);
/* Bytes so far; at the beginning those that are there, by the file's length. Whether they are good is seen at
 * the first write: if not, SK_ERROR_STORE, and the next writer of that key begins anew. */
guint64 sk_quarantine_writer_offset (SkQuarantineWriter *);
gboolean sk_quarantine_write (SkQuarantineWriter *, const void *data, gsize length,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Then finishing does not wait for the disk: sk_quarantine_sync_async() does. For what a lost power takes
 * from its sender as well. */
void sk_quarantine_writer_set_lazy (SkQuarantineWriter *);
/* On the disk, under its name, when it returns. Takes the writer. */
SkQuarantined *sk_quarantine_finish (SkQuarantineWriter *take, GError **error);
/* Leaves whole chunks for the next one of that key. */
void sk_quarantine_writer_free (SkQuarantineWriter *);
/* What is there under a key, without a writer; nothing is fine. */
void sk_quarantine_discard (SkQuarantine *, const char *key);

SkQuarantineReader *sk_quarantine_open (SkQuarantine *, const char *blob, GError **error);
guint64 sk_quarantine_size (SkQuarantineReader *);
gboolean sk_quarantine_seek (SkQuarantineReader *, guint64 offset, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 0 at the end, -1 with an error. */
gssize sk_quarantine_read (SkQuarantineReader *, void *buffer, gsize length, GError **error);
void sk_quarantine_reader_free (SkQuarantineReader *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkQuarantineReader, sk_quarantine_reader_free)

/* On the disk for sure. */
void
sk_quarantine_sync_async (SkQuarantine *, const char *blob, GCancellable *, GAsyncReadyCallback, gpointer);
gboolean sk_quarantine_sync_finish (SkQuarantine *, GAsyncResult *, GError **error);
/* A blob into a pipe or socket, which is closed at the end. SK_ERROR_PEER_LOST: the other end wants no more.
 */
void sk_quarantine_send_async (SkQuarantine *, const char *blob, int take_fd, GCancellable *,
                               GAsyncReadyCallback, gpointer);
gboolean sk_quarantine_send_finish (SkQuarantine *, GAsyncResult *, GError **error);
/* A pipe to its end, at most so many bytes (SK_ERROR_LIMIT), into a blob. */
void sk_quarantine_receive_async (SkQuarantine *, int take_fd, const char *key, const char *user,
                                  guint64 bytes_max, GCancellable *, GAsyncReadyCallback, gpointer);
SkQuarantined *sk_quarantine_receive_finish (SkQuarantine *, GAsyncResult *, GError **error);

/* For good. A blob that is not there is purged already; SK_ERROR_CONFLICT while an SkQuarantined holds it. */
gboolean sk_quarantine_purge (SkQuarantine *, const char *blob, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Names of all blobs; keys of all unfinished files. */
GPtrArray *sk_quarantine_list (SkQuarantine *);
GPtrArray *sk_quarantine_unfinished (SkQuarantine *);
