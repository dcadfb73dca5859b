/* Inside of the quarantine: quarantine.c (the folder), cipher.c (keys and chunks), writer.c, reader.c,
 * pump.c. */
#pragma once
#include "quarantine/quarantine.h"

#define SK_Q_KEY 32
#define SK_Q_NONCE 12
#define SK_Q_TAG 16
#define SK_Q_SEALED (SK_Q_NONCE + SK_Q_KEY + SK_Q_TAG)
#define SK_Q_OVERHEAD (SK_Q_NONCE + SK_Q_TAG)
#define SK_Q_PIECE (SK_QUARANTINE_CHUNK + SK_Q_OVERHEAD)
#define SK_Q_USER_MAX 255
#define SK_Q_HEAD_MAX (4 + 1 + SK_Q_USER_MAX + SK_Q_SEALED)

struct _SkQuarantine
{
  char *blobs, *unfinished; /* folders */
  guint8 key[SK_Q_KEY], name_key[SK_Q_KEY];
  SkQuarantineLimits limits;
  GMutex mutex; /* guards the three below, and finishing against purging */
  GMutex
      syncing; /* who comes to a blob that is being waited for waits too, instead of asking the disk again */
  GHashTable *used; /* user -> guint64 *: bytes of blobs and of what is being written */
  GHashTable *held; /* blob -> count of SkQuarantined */
  GHashTable *lazy; /* blobs that nobody has waited for yet */
};

/* cipher.c. FALSE: our own mistake, or (opening) a changed file. */
gboolean sk_q_random (guint8 *out, gsize length);
gboolean
sk_q_seal (const guint8 *key, const guint8 *ad, gsize ad_length, const guint8 *in, gsize length, guint8 *out);
gboolean
sk_q_open (const guint8 *key, const guint8 *ad, gsize ad_length, const guint8 *in, gsize length, guint8 *out);
/* A chunk of the file; out has room for length + SK_Q_OVERHEAD, or that much less. */
gboolean sk_q_seal_chunk (const guint8 *key, guint64 number, gboolean last, const guint8 *in, gsize length,
                          guint8 *out);
gboolean sk_q_open_chunk (const guint8 *key, guint64 number, gboolean last, const guint8 *in, gsize length,
                          guint8 *out);
char *sk_q_hmac_hex (const guint8 *key, const guint8 *data, gsize length);
char *sk_q_hex (const guint8 *data, gsize length);
gboolean sk_q_derive (const guint8 *key, const char *label, guint8 *ret_key);

/* The head of a file. */
typedef struct
{
  guint8 bytes[SK_Q_HEAD_MAX];
  gsize length;
  char user[SK_Q_USER_MAX + 1];
  guint8 key[SK_Q_KEY];
} SkQHead;
gboolean sk_q_head_make (const SkQuarantine *, const char *user, SkQHead *ret, GError **error);
gboolean sk_q_head_read (const SkQuarantine *, int fd, SkQHead *ret, GError **error);

gboolean sk_q_fail (GError **error, const char *what);
gboolean sk_q_changed (GError **error);
gboolean sk_q_reserve (SkQuarantine *, const char *user, guint64 bytes, GError **error);
void sk_q_release (SkQuarantine *, const char *user, guint64 bytes);
char *sk_q_blob_path (const SkQuarantine *, const char *blob);
gboolean sk_q_is_blob (const char *name);
gboolean sk_q_sync_folder (const char *path, GError **error);
/* A blob and its name are on the disk when this returns; only_name: the caller knows it of the rest. */
gboolean sk_q_sync_blob (SkQuarantine *, const char *blob, gboolean only_name, GError **error);
gboolean sk_q_read_all (int fd, guint8 *buffer, gsize length, goffset at, gsize *ret_length, GError **error);
