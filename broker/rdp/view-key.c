/* The view's own key and certificate: new for each view, known to nobody else, pinned by its fingerprint. */
#include "common/error.h"
#include "rdp/view.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ec.h>
#include <openssl/x509.h>

/* Elliptic, not RSA: an RSA key costs a quarter of a second of processor time for each view, usually while
 * another view's viewer is waiting, and ten times more in the handshake. */
#define CURVE "P-256"
/* A session lasts a working day; clocks may differ by one. */
#define VALID_SECONDS (7 * 24 * 3600)

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "session key: %s", what);
  return FALSE;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)

static X509 *
self_sign (EVP_PKEY *key)
{
  g_autoptr (X509) x = X509_new ();
  X509_NAME *name = x ? X509_get_subject_name (x) : NULL;
  if (!name || !X509_set_version (x, 2) || !ASN1_INTEGER_set (X509_get_serialNumber (x), 1)
      || !X509_gmtime_adj (X509_getm_notBefore (x), -24 * 3600)
      || !X509_gmtime_adj (X509_getm_notAfter (x), VALID_SECONDS)
      || !X509_NAME_add_entry_by_txt (name, "CN", MBSTRING_ASC, (const guchar *) "Sekisho session", -1, -1, 0)
      || !X509_set_issuer_name (x, name) || !X509_set_pubkey (x, key) || !X509_sign (x, key, EVP_sha256 ()))
    return NULL;
  return g_steal_pointer (&x);
}

/* NUL-terminated text of a memory BIO. */
static const char *
bio_text (BIO *bio)
{
  char *text = NULL;
  if (BIO_write (bio, "", 1) != 1)
    return NULL;
  BIO_get_mem_data (bio, &text);
  return text;
}

static gboolean
hand_to_freerdp (SkView *v, EVP_PKEY *key, X509 *x)
{
  g_autoptr (BIO) key_pem = BIO_new (BIO_s_secmem ());
  g_autoptr (BIO) cert_pem = BIO_new (BIO_s_mem ());
  if (!key_pem || !cert_pem || !PEM_write_bio_PrivateKey (key_pem, key, NULL, NULL, 0, NULL, NULL)
      || !PEM_write_bio_X509 (cert_pem, x))
    return FALSE;
  const char *key_text = bio_text (key_pem), *cert_text = bio_text (cert_pem);
  v->key = key_text ? freerdp_key_new_from_pem (key_text) : NULL;
  v->certificate = cert_text ? freerdp_certificate_new_from_pem (cert_text) : NULL;
  return v->key && v->certificate;
}

static gboolean
set_fingerprint (SkView *v, X509 *x)
{
  guchar digest[EVP_MAX_MD_SIZE];
  guint length = 0;
  if (!X509_digest (x, EVP_sha256 (), digest, &length) || length != 32)
    return FALSE;
  char hex[65];
  for (guint i = 0; i < 32; i++)
    g_snprintf (hex + 2 * i, 3, "%02x", digest[i]);
  sk_worker_set_fingerprint (v->worker, hex);
  return TRUE;
}

gboolean
sk_view_make_key (SkView *v, GError **error)
{
  g_autoptr (EVP_PKEY) key = EVP_EC_gen (CURVE);
  if (!key)
    return fail (error, CURVE);
  g_autoptr (X509) x = self_sign (key);
  if (!x || !set_fingerprint (v, x))
    return fail (error, "certificate");
  return hand_to_freerdp (v, key, x) || fail (error, "FreeRDP does not take it");
}
