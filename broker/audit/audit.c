#include "audit/audit-private.h"
#include "audit/chain.h"
#include "audit/heads.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

#define SEED 32

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

guint
sk_audit_start_faults (SkAudit *self)
{
  return self->start_faults;
}

guint64
sk_audit_start_unsigned (SkAudit *self)
{
  return self->start_unsigned;
}

void
sk_audit_set_actor (SkAudit *self, const char *user)
{
  g_free (self->actor);
  self->actor = g_strdup (user);
}

void
sk_audit_set_listener (SkAudit *self, void (*func) (const GError *, gpointer), gpointer data)
{
  self->listener = func;
  self->listener_data = data;
}

/* -- signing ------------------------------------------------------------------------------------------------
 */

static char *
sign_with (EVP_PKEY *key, const GByteArray *text)
{
  guint8 signature[64];
  size_t n = sizeof signature;
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  const gboolean done = context && EVP_DigestSignInit (context, NULL, NULL, NULL, key) == 1
                        && EVP_DigestSign (context, signature, &n, text->data, text->len) == 1;
  EVP_MD_CTX_free (context);
  return done ? hex (signature, n) : NULL;
}

static char *
sign (SkAudit *self, const GByteArray *text)
{
  return sign_with (self->key, text);
}

char *
sk_audit_sign_with (EVP_PKEY *key, const char *purpose, const void *data, gsize length)
{
  g_autoptr (GByteArray) text = sk_chain_statement (purpose, data, length);
  return sign_with (key, text);
}

char *
sk_audit_sign (SkAudit *self, const char *purpose, const void *data, gsize length)
{
  return sk_audit_sign_with (self->key, purpose, data, length);
}

static gboolean
no_signature (GError **error)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INTERNAL, "no signature");
  return FALSE;
}

/* On the one before it; where the row has one already the store keeps that. */
static gboolean
add_checkpoint (SkAudit *self, const char *organisation, gint64 seq, const char *hash, gint64 now,
                GError **error)
{
  SkAuditCheckpoint last = { NULL };
  if (!sk_store_audit_last_checkpoint (self->store, organisation, &last, error))
    return FALSE;
  const SkChainCheckpoint before
      = { organisation, last.number, last.seq, last.time, last.hash, last.prev, last.signature };
  g_autofree char *prev = last.number ? sk_chain_checkpoint_hash (&before) : g_strdup (SK_CHAIN_ZERO);
  const SkChainCheckpoint bound = { organisation, last.number + 1, seq, now, hash, prev, NULL };
  g_autoptr (GByteArray) text = sk_chain_checkpoint_text (&bound);
  g_autofree char *signature = sign (self, text);
  const SkAuditCheckpoint row
      = { (char *) organisation, bound.number, seq, now, (char *) hash, prev, signature };
  const gboolean there = last.seq == seq && last.number > 0;
  sk_audit_checkpoint_clear (&last);
  return there
         || (signature ? sk_store_audit_add_checkpoint (self->store, &row, error) : no_signature (error));
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

/* -- the heads ----------------------------------------------------------------------------------------------
 */

char *
sk_audit_read_heads (const char *path)
{
  char *text = NULL;
  return g_file_get_contents (path, &text, NULL, NULL) ? text : NULL;
}

gboolean
sk_audit_write_heads (SkAudit *self, GError **error)
{
  g_autofree char *text = sk_heads_compose (self->store, self->heads, error);
  if (!text)
    return FALSE;
  g_autofree char *signature = sk_audit_sign (self, "sekisho heads 1", text, strlen (text));
  g_autofree char *whole = g_strconcat (text, "signature ", signature, "\n", NULL);
  if (!signature)
    return no_signature (error);
  if (!save (self->heads_path, (const guint8 *) whole, strlen (whole), 0640, error))
    return FALSE;
  g_clear_pointer (&self->heads, g_ptr_array_unref);
  self->heads = sk_heads_parse (whole, self->public_key);
  return TRUE;
}

/* A row that is not durable yet is not there for the heads either: they are written when the caller is back
 * in its main loop, where no transaction is open. */
static gboolean
on_soon (gpointer data)
{
  SkAudit *self = data;
  g_autoptr (GError) error = NULL;
  g_clear_pointer (&self->soon, g_source_unref);
  if (sk_audit_write_heads (self, &error))
    g_clear_error (&error);
  if (self->listener)
    self->listener (error, self->listener_data);
  return G_SOURCE_REMOVE;
}

static void
soon (SkAudit *self)
{
  if (self->soon)
    return;
  self->soon = g_timeout_source_new (SK_AUDIT_HEADS_MS);
  g_source_set_callback (self->soon, on_soon, self, NULL);
  g_source_attach (self->soon, g_main_context_get_thread_default ());
}

/* -- adding rows --------------------------------------------------------------------------------------------
 */

static const char *
or_empty (const char *text)
{
  return text ? text : "";
}

static gboolean
append (SkAudit *self, const SkAuditEvent *event, GError **error)
{
  const char *organisation = event->organisation ? event->organisation : self->home;
  const char *details = or_empty (event->details);
  g_autofree char *prev = NULL;
  g_autofree char *details_hash = sk_chain_details_hash (details);
  gint64 seq;
  if (!sk_store_audit_head (self->store, organisation, &seq, &prev, error))
    return FALSE;
  const SkChainRow bound = { organisation,
                             seq + 1,
                             event->time > 0 ? event->time : g_get_real_time (),
                             event->actor  ? event->actor
                             : self->actor ? self->actor
                                           : "broker",
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

/* One commit, also where a checkpoint belongs to the row. */
gboolean
sk_audit_append (SkAudit *self, const SkAuditEvent *event, GError **error)
{
  soon (self);
  if (sk_store_is_begun (self->store))
    return append (self, event, error);
  if (!sk_store_begin (self->store, error))
    return FALSE;
  if (append (self, event, error) && sk_store_commit (self->store, error))
    return TRUE;
  sk_store_rollback (self->store);
  return FALSE;
}

/* -- life ---------------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkAudit *audit;
  GString *details; /* of the chain that is looked at; NULL: nothing wrong */
} Start;

static void
on_start_fault (const char *organisation, gint64 seq, SkAuditFault fault, gpointer data)
{
  Start *start = data;
  if (fault == SK_AUDIT_NOTED)
    return;
  start->audit->start_faults++;
  if (start->details && start->details->len > 4096)
    return;
  if (!start->details)
    start->details = g_string_new ("{\"faults\":[");
  else
    g_string_append_c (start->details, ',');
  g_string_append_printf (start->details, "[%" G_GINT64_FORMAT ",\"%s\"]", seq, sk_audit_fault_words[fault]);
}

static gboolean
note_faults (SkAudit *self, const char *organisation, Start *start, GError **error)
{
  if (!start->details)
    return TRUE;
  g_autofree char *details = g_strconcat (start->details->str, "]}", NULL);
  const SkAuditEvent event = { .organisation = organisation, .action = "audit.fault", .details = details };
  g_string_free (g_steal_pointer (&start->details), TRUE);
  return sk_audit_append (self, &event, error);
}

static gboolean
check_chain (SkAudit *self, const char *organisation, const GPtrArray *heads, GError **error)
{
  Start start = { .audit = self };
  const SkAuditHead *head = sk_heads_find (heads, organisation);
  g_autofree char *hash = NULL;
  gint64 seq;
  if (!sk_store_audit_head (self->store, organisation, &seq, &hash, error)
      || !sk_audit_check_tail (self->store, self->public_key, organisation, head, on_start_fault, &start,
                               error))
    return FALSE;
  self->start_unsigned += (guint64) MAX (seq - (head ? head->seq : 0), 0);
  return note_faults (self, organisation, &start, error);
}

/* Without its heads, or with heads that are not ours, a trail that has rows has lost something. */
static gboolean
check_heads (SkAudit *self, const GPtrArray *heads, gboolean empty, GError **error)
{
  Start start = { .audit = self };
  if (heads || empty)
    return TRUE;
  on_start_fault ("", 0, SK_AUDIT_HEADS, &start);
  return note_faults (self, self->home, &start, error);
}

static gboolean
check_start (SkAudit *self, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (self->store, error);
  g_autofree char *text = sk_audit_read_heads (self->heads_path);
  g_autoptr (GPtrArray) heads = text ? sk_heads_parse (text, self->public_key) : NULL;
  if (!organisations || !check_heads (self, heads, !text && !*organisations, error))
    return FALSE;
  for (char **o = organisations; *o; o++)
    if (!check_chain (self, *o, heads, error))
      return FALSE;
  for (guint i = 0; heads && i < heads->len; i++)
    {
      const SkAuditHead *head = heads->pdata[i];
      if (!g_strv_contains ((const char *const *) organisations, head->organisation)
          && !check_chain (self, head->organisation, heads, error))
        return FALSE;
    }
  return TRUE;
}

SkAudit *
sk_audit_new (SkStore *store, const char *state_dir, const char *home, GError **error)
{
  g_autoptr (SkAudit) self = g_new0 (SkAudit, 1);
  g_autofree char *heads = g_build_filename (state_dir, "audit.heads", NULL);
  self->store = store;
  self->home = g_strdup (or_empty (home));
  if (!load_key (self, state_dir, error))
    return NULL;
  self->heads_path = g_steal_pointer (&heads);
  if (check_start (self, error) && sk_audit_checkpoint (self, error) && sk_audit_write_heads (self, error))
    return g_steal_pointer (&self);
  g_clear_pointer (&self->heads_path, g_free); /* nothing is written any more */
  return NULL;
}

void
sk_audit_free (SkAudit *self)
{
  if (!self)
    return;
  if (self->soon)
    {
      g_source_destroy (self->soon);
      g_source_unref (self->soon);
    }
  /* Where that fails the next start finds rows that came after the heads, and says so. */
  if (self->heads_path && !sk_audit_write_heads (self, NULL))
    g_clear_pointer (&self->heads_path, g_free);
  g_clear_pointer (&self->heads, g_ptr_array_unref);
  EVP_PKEY_free (self->key);
  g_free (self->public_key);
  g_free (self->home);
  g_free (self->heads_path);
  g_free (self->actor);
  g_free (self);
}
