/* Reads all of the trail and says where it is not what was written. */
#include "audit/audit.h"
#include "audit/chain.h"
#include <string.h>

typedef struct
{
  SkAudit *audit;
  SkAuditReport report;
  gpointer data;
  const char *organisation;
  gint64 seq;              /* of the row before */
  char *hash;              /* what it says; the next one has to follow on it */
  GHashTable *signed_rows; /* seq -> hash, of checkpoints that are ours */
  gint64 last_signed;
  guint64 rows;
} Walk;

static void
tell (Walk *walk, gint64 seq, SkAuditFault fault)
{
  walk->report (walk->organisation, seq, fault, walk->data);
}

static gboolean
on_checkpoint (const SkAuditCheckpoint *c, gpointer data)
{
  Walk *walk = data;
  g_autoptr (GByteArray) text = sk_chain_checkpoint_text (c->organisation, c->seq, c->time, c->hash);
  if (!sk_chain_check_signature (sk_audit_public_key (walk->audit), text, c->signature))
    {
      tell (walk, c->seq, SK_AUDIT_SIGNATURE);
      return TRUE;
    }
  gint64 *key = g_new (gint64, 1);
  *key = c->seq;
  g_hash_table_insert (walk->signed_rows, key, g_strdup (c->hash));
  walk->last_signed = MAX (walk->last_signed, c->seq);
  return TRUE;
}

static void
check_checkpoint (Walk *walk, const SkAuditRow *row)
{
  const char *hash = g_hash_table_lookup (walk->signed_rows, &row->seq);
  if (hash && strcmp (hash, row->hash) != 0)
    tell (walk, row->seq, SK_AUDIT_CHECKPOINT_ROW);
  if (!hash && row->seq % SK_AUDIT_CHECKPOINT == 0)
    tell (walk, row->seq, SK_AUDIT_UNSIGNED);
  g_hash_table_remove (walk->signed_rows, &row->seq);
}

static gboolean
on_row (const SkAuditRow *row, gpointer data)
{
  Walk *walk = data;
  const SkChainRow bound = { row->organisation, row->seq,    row->time,         row->actor, row->action,
                             row->object,       row->matter, row->details_hash, row->prev };
  g_autofree char *hash = sk_chain_hash (&bound);
  g_autofree char *details_hash = *row->details ? sk_chain_details_hash (row->details) : NULL;
  walk->rows++;
  if (row->seq != walk->seq + 1)
    tell (walk, row->seq, SK_AUDIT_GAP);
  else if (strcmp (row->prev, walk->hash) != 0)
    tell (walk, row->seq, SK_AUDIT_LINK);
  if (strcmp (row->hash, hash) != 0)
    tell (walk, row->seq, SK_AUDIT_CHANGED);
  if (details_hash && strcmp (details_hash, row->details_hash) != 0)
    tell (walk, row->seq, SK_AUDIT_DETAILS);
  check_checkpoint (walk, row);
  walk->seq = row->seq;
  g_free (walk->hash);
  walk->hash = g_strdup (row->hash);
  return TRUE;
}

/* Checkpoints of rows that did not come. */
static void
report_missing (Walk *walk)
{
  GHashTableIter iter;
  gpointer seq;
  g_hash_table_iter_init (&iter, walk->signed_rows);
  while (g_hash_table_iter_next (&iter, &seq, NULL))
    tell (walk, *(gint64 *) seq, SK_AUDIT_CHECKPOINT_ROW);
}

static gboolean
verify_one (Walk *walk, GError **error)
{
  const SkAuditFilter filter = { .organisation = walk->organisation };
  SkStore *store = sk_audit_store (walk->audit);
  walk->seq = walk->last_signed = 0;
  walk->hash = g_strnfill (64, '0');
  walk->signed_rows = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  const gboolean read = sk_store_audit_checkpoints (store, walk->organisation, on_checkpoint, walk, error)
                        && sk_store_audit_walk (store, &filter, on_row, walk, error);
  if (read)
    report_missing (walk);
  g_clear_pointer (&walk->hash, g_free);
  g_clear_pointer (&walk->signed_rows, g_hash_table_unref);
  return read;
}

gboolean
sk_audit_verify (SkAudit *self, SkAuditReport report, gpointer data, guint64 *ret_rows, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (sk_audit_store (self), error);
  Walk walk = { .audit = self, .report = report, .data = data };
  for (char **o = organisations; o && *o; o++)
    {
      walk.organisation = *o;
      if (!verify_one (&walk, error))
        return FALSE;
    }
  *ret_rows = walk.rows;
  return organisations != NULL;
}
