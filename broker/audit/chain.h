/* What binds the rows of an audit trail to each other. Pure functions over OpenSSL: the broker and whoever
 * checks without it use the same ones.
 *
 *   hash = SHA-256 ("sekisho audit 1" and, each with its length as u64 big-endian before it: organisation,
 * seq, time, actor, action, object, matter, SHA-256 of the details, the hash before it)
 *
 * Numbers go in as their decimal digits. The first row's "hash before" is 64 zeros. A checkpoint is an
 * Ed25519 signature (RFC 8032) over "sekisho checkpoint 1" and organisation, seq, time and hash in the same
 * form. */
#pragma once
#include <glib.h>

typedef struct
{
  const char *organisation;
  gint64 seq, time;
  const char *actor, *action, *object, *matter, *details_hash, *prev;
} SkChainRow;

/* 64 hex digits; new string. */
char *sk_chain_hash (const SkChainRow *row);
char *sk_chain_details_hash (const char *details);
/* What a checkpoint's signature is over. */
GByteArray *sk_chain_checkpoint_text (const char *organisation, gint64 seq, gint64 time, const char *hash);
/* public_key: 64 hex digits (32 bytes), signature: 128. */
gboolean sk_chain_check_signature (const char *public_key, const GByteArray *text, const char *signature);
