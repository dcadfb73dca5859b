/* What binds the rows of an audit trail to each other. Pure functions over OpenSSL: the broker and whoever
 * checks without it use the same ones. README.md says in prose which bytes are hashed and signed.
 *
 * A row's hash is made in two steps, so that rows between two others can be shown by one number that says
 * nothing about them:
 *
 *   body = SHA-256 ("sekisho row 1", organisation, seq, time, actor, action, object, matter, details hash)
 *   hash = SHA-256 ("sekisho link 1", body, the hash before it)
 *
 * Each piece goes in with its length as u64 big-endian before it, numbers as their decimal digits, hashes as
 * 64 hex digits. The first row's "hash before" is 64 zeros. What is signed (Ed25519, RFC 8032) is a text of
 * the same form.
 *
 * Threads: any. Strings that are returned are new. */
#pragma once
#include <glib.h>

/* "The hash before" of a first row and of a first checkpoint. */
#define SK_CHAIN_ZERO "0000000000000000000000000000000000000000000000000000000000000000"
/* SHA-256 of nothing: a row that never had details. */
#define SK_CHAIN_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct
{
  const char *organisation;
  gint64 seq, time;
  const char *actor, *action, *object, *matter, *details_hash, *prev;
} SkChainRow;

char *sk_chain_body (const SkChainRow *row);
char *sk_chain_link (const char *body, const char *prev);
char *sk_chain_hash (const SkChainRow *row); /* both of them */
char *sk_chain_details_hash (const char *details);
char *sk_chain_sha256 (const void *data, gsize length);

/* The end of a chain, signed. Checkpoints are a chain as well: each is numbered from 1 within its
 * organisation and names the one before it. */
typedef struct
{
  const char *organisation;
  gint64 number, seq, time;
  const char *hash;      /* of that row */
  const char *prev;      /* sk_chain_checkpoint_hash() of the one before */
  const char *signature; /* 128 hex digits */
} SkChainCheckpoint;

/* What its signature is over. */
GByteArray *sk_chain_checkpoint_text (const SkChainCheckpoint *);
/* What the next one names: over that text and the signature. */
char *sk_chain_checkpoint_hash (const SkChainCheckpoint *);
/* What another kind of signature is over: its purpose ("sekisho heads 1") and the SHA-256 of the data. */
GByteArray *sk_chain_statement (const char *purpose, const void *data, gsize length);

/* public_key: 64 hex digits (32 bytes), signature: 128. */
gboolean sk_chain_check_signature (const char *public_key, const GByteArray *text, const char *signature);
gboolean sk_chain_check_checkpoint (const char *public_key, const SkChainCheckpoint *);
/* 64 hex digits, lower case. */
gboolean sk_chain_is_hash (const char *untrusted_text);
