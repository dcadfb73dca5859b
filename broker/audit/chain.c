#include "audit/chain.h"
#include <openssl/evp.h>
#include <string.h>

static void
put (GByteArray *out, const char *text)
{
  const gsize n = strlen (text);
  const guint64 big = GUINT64_TO_BE ((guint64) n);
  g_byte_array_append (out, (const guint8 *) &big, sizeof big);
  g_byte_array_append (out, (const guint8 *) text, (guint) n);
}

static void
put_number (GByteArray *out, gint64 number)
{
  char digits[32];
  g_snprintf (digits, sizeof digits, "%" G_GINT64_FORMAT, number);
  put (out, digits);
}

char *
sk_chain_sha256 (const void *data, gsize length)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, data, (gssize) length);
  return g_strdup (g_checksum_get_string (sum));
}

char *
sk_chain_details_hash (const char *details)
{
  return sk_chain_sha256 (details, strlen (details));
}

char *
sk_chain_body (const SkChainRow *row)
{
  g_autoptr (GByteArray) text = g_byte_array_new ();
  put (text, "sekisho row 1");
  put (text, row->organisation);
  put_number (text, row->seq);
  put_number (text, row->time);
  put (text, row->actor);
  put (text, row->action);
  put (text, row->object);
  put (text, row->matter);
  put (text, row->details_hash);
  return sk_chain_sha256 (text->data, text->len);
}

char *
sk_chain_link (const char *body, const char *prev)
{
  g_autoptr (GByteArray) text = g_byte_array_new ();
  put (text, "sekisho link 1");
  put (text, body);
  put (text, prev);
  return sk_chain_sha256 (text->data, text->len);
}

char *
sk_chain_hash (const SkChainRow *row)
{
  g_autofree char *body = sk_chain_body (row);
  return sk_chain_link (body, row->prev);
}

GByteArray *
sk_chain_checkpoint_text (const SkChainCheckpoint *c)
{
  GByteArray *text = g_byte_array_new ();
  put (text, "sekisho checkpoint 2");
  put (text, c->organisation);
  put_number (text, c->number);
  put_number (text, c->seq);
  put_number (text, c->time);
  put (text, c->hash);
  put (text, c->prev);
  return text;
}

char *
sk_chain_checkpoint_hash (const SkChainCheckpoint *c)
{
  g_autoptr (GByteArray) text = sk_chain_checkpoint_text (c);
  put (text, c->signature);
  return sk_chain_sha256 (text->data, text->len);
}

GByteArray *
sk_chain_statement (const char *purpose, const void *data, gsize length)
{
  GByteArray *text = g_byte_array_new ();
  g_autofree char *hash = sk_chain_sha256 (data, length);
  put (text, purpose);
  put (text, hash);
  return text;
}

gboolean
sk_chain_is_hash (const char *untrusted_text)
{
  return strlen (untrusted_text) == 64 && strspn (untrusted_text, "0123456789abcdef") == 64;
}

static gboolean
from_hex (const char *hex, guint8 *out, gsize length)
{
  if (strlen (hex) != 2 * length || strspn (hex, "0123456789abcdef") != 2 * length)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    out[i] = (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  return TRUE;
}

gboolean
sk_chain_check_signature (const char *public_key, const GByteArray *text, const char *signature)
{
  guint8 key[32], bytes[64];
  if (!from_hex (public_key, key, sizeof key) || !from_hex (signature, bytes, sizeof bytes))
    return FALSE;
  EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, key, sizeof key);
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  const gboolean good = pkey && context && EVP_DigestVerifyInit (context, NULL, NULL, NULL, pkey) == 1
                        && EVP_DigestVerify (context, bytes, sizeof bytes, text->data, text->len) == 1;
  EVP_MD_CTX_free (context);
  EVP_PKEY_free (pkey);
  return good;
}

gboolean
sk_chain_check_checkpoint (const char *public_key, const SkChainCheckpoint *c)
{
  g_autoptr (GByteArray) text = sk_chain_checkpoint_text (c);
  return sk_chain_check_signature (public_key, text, c->signature);
}
