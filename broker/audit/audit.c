#include "audit/audit.h"
#include "audit/chain.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <string.h>

#define SEED 32

struct _SkAudit
{
  SkStore *store;
  EVP_PKEY *key;
  char *public_key;
};

const char *const sk_audit_fault_words[]
    = { "gap", "link", "changed", "details", "signature", "checkpoint", "unsigned", NULL };

/* -- the key ------------------------------------------------------------------------------------------------
 */

static gboolean
fail (GError **error, const char *path)
{
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static char *
hex (const guint8 *data, gsize length)
{
  GString *text = g_string_new (NULL);
  for (gsize i = 0; i < length; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (text, FALSE);
}

/* Durable before anything is signed with it. */
static gboolean
save (const char *path, const guint8 *data, gsize length, mode_t mode, GError **error)
{
  g_autofree char *part = g_strconcat (path, ".new", NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  sk_autofd int dir = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  sk_autofd int fd = open (part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (dir < 0 || fd < 0 || write (fd, data, length) != (gssize) length || fchmod (fd, mode) < 0
      || fsync (fd) < 0 || rename (part, path) < 0 || fsync (dir) < 0)
    return fail (error, path);
  return TRUE;
}

static gboolean
load_seed (const char *state_dir, guint8 seed[SEED], GError **error)
{
  g_autofree char *folder = g_build_filename (state_dir, "keys", NULL);
  g_autofree char *path = g_build_filename (folder, "audit.key", NULL);
  g_autofree char *old = NULL;
  gsize length = 0;
  if (g_mkdir_with_parents (folder, 0700) < 0)
    return fail (error, folder);
  if (g_file_get_contents (path, &old, &length, NULL))
    {
      if (length == SEED)
        {
          memcpy (seed, old, SEED);
          return TRUE;
        }
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s is not a key of %d bytes", path, SEED);
      return FALSE;
    }
  size_t n = SEED;
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  const gboolean made = key && EVP_PKEY_get_raw_private_key (key, seed, &n) == 1 && n == SEED;
  EVP_PKEY_free (key);
  if (!made)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "no Ed25519 key");
  return made && save (path, seed, SEED, 0600, error);
}

static gboolean
load_key (SkAudit *self, const char *state_dir, GError **error)
{
  guint8 seed[SEED], public[SEED];
  size_t n = sizeof public;
  g_autofree char *path = g_build_filename (state_dir, "audit.pub", NULL);
  if (!load_seed (state_dir, seed, error))
    return FALSE;
  self->key = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, seed, sizeof seed);
  explicit_bzero (seed, sizeof seed);
  if (!self->key || EVP_PKEY_get_raw_public_key (self->key, public, &n) != 1)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "the audit key cannot be used");
      return FALSE;
    }
  self->public_key = hex (public, n);
  g_autofree char *line = g_strconcat (self->public_key, "\n", NULL);
  return save (path, (const guint8 *) line, strlen (line), 0644, error);
}

SkAudit *
sk_audit_new (SkStore *store, const char *state_dir, GError **error)
{
  g_autoptr (SkAudit) self = g_new0 (SkAudit, 1);
  self->store = store;
  return load_key (self, state_dir, error) && sk_audit_checkpoint (self, error) ? g_steal_pointer (&self)
                                                                                : NULL;
}

void
sk_audit_free (SkAudit *self)
{
  if (!self)
    return;
  EVP_PKEY_free (self->key);
  g_free (self->public_key);
  g_free (self);
}

const char *
sk_audit_public_key (SkAudit *self)
{
  return self->public_key;
}

SkStore *
sk_audit_store (SkAudit *self)
{
  return self->store;
}

/* -- writing ------------------------------------------------------------------------------------------------
 */

static char *
sign (SkAudit *self, const GByteArray *text)
{
  guint8 signature[64];
  size_t n = sizeof signature;
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  const gboolean done = context && EVP_DigestSignInit (context, NULL, NULL, NULL, self->key) == 1
                        && EVP_DigestSign (context, signature, &n, text->data, text->len) == 1;
  EVP_MD_CTX_free (context);
  return done ? hex (signature, n) : NULL;
}

static gboolean
add_checkpoint (SkAudit *self, const char *organisation, gint64 seq, const char *hash, gint64 now,
                GError **error)
{
  g_autoptr (GByteArray) text = sk_chain_checkpoint_text (organisation, seq, now, hash);
  g_autofree char *signature = sign (self, text);
  const SkAuditCheckpoint checkpoint = { (char *) organisation, seq, now, (char *) hash, signature };
  if (signature)
    return sk_store_audit_add_checkpoint (self->store, &checkpoint, error);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "no signature");
  return FALSE;
}

gboolean
sk_audit_checkpoint (SkAudit *self, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (self->store, error);
  for (char **o = organisations; o && *o; o++)
    {
      gint64 seq;
      g_autofree char *hash = NULL;
      if (!sk_store_audit_head (self->store, *o, &seq, &hash, error)
          || (seq > 0 && !add_checkpoint (self, *o, seq, hash, g_get_real_time (), error)))
        return FALSE;
    }
  return organisations != NULL;
}

static const char *
or_empty (const char *text)
{
  return text ? text : "";
}

gboolean
sk_audit_append (SkAudit *self, const SkAuditEvent *event, GError **error)
{
  const char *organisation = or_empty (event->organisation), *details = or_empty (event->details);
  g_autofree char *prev = NULL;
  g_autofree char *details_hash = sk_chain_details_hash (details);
  gint64 seq;
  if (!sk_store_audit_head (self->store, organisation, &seq, &prev, error))
    return FALSE;
  const SkChainRow bound = { organisation,
                             seq + 1,
                             event->time > 0 ? event->time : g_get_real_time (),
                             or_empty (event->actor),
                             or_empty (event->action),
                             or_empty (event->object),
                             or_empty (event->matter),
                             details_hash,
                             prev };
  g_autofree char *hash = sk_chain_hash (&bound);
  const SkAuditRow row = { (char *) organisation,
                           bound.seq,
                           bound.time,
                           (char *) bound.actor,
                           (char *) bound.action,
                           (char *) bound.object,
                           (char *) bound.matter,
                           (char *) details,
                           details_hash,
                           prev,
                           hash };
  return sk_store_audit_append (self->store, &row, error)
         && (bound.seq % SK_AUDIT_CHECKPOINT != 0
             || add_checkpoint (self, organisation, bound.seq, hash, bound.time, error));
}
