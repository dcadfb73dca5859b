#include "quarantine/quarantine-private.h"
#include "common/error.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>

gboolean
sk_q_random (guint8 *out, gsize length)
{
  return RAND_bytes (out, (int) length) == 1;
}

static gboolean
encrypt (EVP_CIPHER_CTX *context, const guint8 *key, const guint8 *ad, gsize ad_length, const guint8 *in,
         gsize length, guint8 *out)
{
  guint8 *body = out + SK_Q_NONCE, *tag = body + length;
  int n = 0;
  return sk_q_random (out, SK_Q_NONCE)
         && EVP_EncryptInit_ex (context, EVP_aes_256_gcm (), NULL, key, out) == 1
         && EVP_EncryptUpdate (context, NULL, &n, ad, (int) ad_length) == 1
         && (length == 0 || EVP_EncryptUpdate (context, body, &n, in, (int) length) == 1)
         && EVP_EncryptFinal_ex (context, tag, &n) == 1
         && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_GCM_GET_TAG, SK_Q_TAG, tag) == 1;
}

static gboolean
decrypt (EVP_CIPHER_CTX *context, const guint8 *key, const guint8 *ad, gsize ad_length, const guint8 *in,
         gsize length, guint8 *out)
{
  const guint8 *body = in + SK_Q_NONCE;
  guint8 tag[SK_Q_TAG];
  int n = 0;
  memcpy (tag, body + length, SK_Q_TAG);
  return EVP_DecryptInit_ex (context, EVP_aes_256_gcm (), NULL, key, in) == 1
         && EVP_DecryptUpdate (context, NULL, &n, ad, (int) ad_length) == 1
         && (length == 0 || EVP_DecryptUpdate (context, out, &n, body, (int) length) == 1)
         && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_GCM_SET_TAG, SK_Q_TAG, tag) == 1
         && EVP_DecryptFinal_ex (context, out + length, &n) == 1;
}

gboolean
sk_q_seal (const guint8 *key, const guint8 *ad, gsize ad_length, const guint8 *in, gsize length, guint8 *out)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  const gboolean done = context && encrypt (context, key, ad, ad_length, in, length, out);
  EVP_CIPHER_CTX_free (context);
  return done;
}

/* in: nonce, `length` bytes, tag. */
gboolean
sk_q_open (const guint8 *key, const guint8 *ad, gsize ad_length, const guint8 *in, gsize length, guint8 *out)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  const gboolean done = context && decrypt (context, key, ad, ad_length, in, length, out);
  EVP_CIPHER_CTX_free (context);
  return done;
}

static void
chunk_ad (guint64 number, gboolean last, guint8 ad[9])
{
  const guint64 little = GUINT64_TO_LE (number);
  memcpy (ad, &little, 8);
  ad[8] = last ? 1 : 0;
}

gboolean
sk_q_seal_chunk (const guint8 *key, guint64 number, gboolean last, const guint8 *in, gsize length,
                 guint8 *out)
{
  guint8 ad[9];
  chunk_ad (number, last, ad);
  return sk_q_seal (key, ad, sizeof ad, in, length, out);
}

gboolean
sk_q_open_chunk (const guint8 *key, guint64 number, gboolean last, const guint8 *in, gsize length,
                 guint8 *out)
{
  guint8 ad[9];
  chunk_ad (number, last, ad);
  return sk_q_open (key, ad, sizeof ad, in, length, out);
}

char *
sk_q_hex (const guint8 *data, gsize length)
{
  GString *text = g_string_sized_new (2 * length + 1);
  for (gsize i = 0; i < length; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (text, FALSE);
}

char *
sk_q_hmac_hex (const guint8 *key, const guint8 *data, gsize length)
{
  guint8 digest[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  if (!HMAC (EVP_sha256 (), key, SK_Q_KEY, data, length, digest, &n))
    return NULL;
  return sk_q_hex (digest, n);
}

/* RFC 5869. */
gboolean
sk_q_derive (const guint8 *key, const char *label, guint8 *ret_key)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id (EVP_PKEY_HKDF, NULL);
  size_t length = SK_Q_KEY;
  const gboolean done
      = context && EVP_PKEY_derive_init (context) == 1
        && EVP_PKEY_CTX_set_hkdf_md (context, EVP_sha256 ()) == 1
        && EVP_PKEY_CTX_set1_hkdf_key (context, key, SK_Q_KEY) == 1
        && EVP_PKEY_CTX_add1_hkdf_info (context, (const guint8 *) label, (int) strlen (label)) == 1
        && EVP_PKEY_derive (context, ret_key, &length) == 1;
  EVP_PKEY_CTX_free (context);
  return done;
}

/* -- the head -----------------------------------------------------------------------------------------------
 */

static const char magic[4] = { 'S', 'K', 'Q', '1' };

gboolean
sk_q_head_make (const SkQuarantine *q, const char *user, SkQHead *ret, GError **error)
{
  const gsize n = MIN (strlen (user), SK_Q_USER_MAX), before = sizeof magic + 1 + n;
  memset (ret, 0, sizeof *ret);
  memcpy (ret->bytes, magic, sizeof magic);
  ret->bytes[sizeof magic] = (guint8) n;
  memcpy (ret->bytes + sizeof magic + 1, user, n);
  memcpy (ret->user, user, n);
  ret->length = before + SK_Q_SEALED;
  if (sk_q_random (ret->key, SK_Q_KEY)
      && sk_q_seal (q->key, ret->bytes, before, ret->key, SK_Q_KEY, ret->bytes + before))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "no key for the quarantine");
  return FALSE;
}

gboolean
sk_q_head_read (const SkQuarantine *q, int fd, SkQHead *ret, GError **error)
{
  gsize got = 0;
  memset (ret, 0, sizeof *ret);
  if (!sk_q_read_all (fd, ret->bytes, SK_Q_HEAD_MAX, 0, &got, error))
    return FALSE;
  const gsize n = ret->bytes[sizeof magic], before = sizeof magic + 1 + n;
  ret->length = before + SK_Q_SEALED;
  if (got < ret->length || memcmp (ret->bytes, magic, sizeof magic) != 0
      || !sk_q_open (q->key, ret->bytes, before, ret->bytes + before, SK_Q_KEY, ret->key))
    return sk_q_changed (error);
  memcpy (ret->user, ret->bytes + sizeof magic + 1, n);
  return TRUE;
}
