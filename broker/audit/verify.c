/* Reads all of the trail and says where it is not what was written. */
#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/heads.h"
#include <json-glib/json-glib.h>
#include <string.h>

typedef struct
{
  gint64 from, to;
} Range;

typedef struct
{
  SkStore *store;
  const char *public_key;
  SkAuditReport report;
  gpointer data;
  const char *organisation;
  const SkAuditHead *head; /* NULL: none knows this chain */
  gint64 seq;              /* of the row before */
  char *hash;              /* what it says; the next one has to follow on it; NULL: not known */
  GHashTable *signed_rows; /* seq -> hash, of checkpoints that are ours */
  gint64 checkpoints;      /* the last one's number */
  char *checkpoint;        /* its hash */
  GArray *odd;             /* seq of checkpoints that do not follow on the one before */
  gboolean head_seen;
  GArray *emptied; /* seq of rows whose details are gone */
  GArray *purged;  /* Range: rows that were let go of */
  guint64 rows;
} Walk;

const char *const sk_audit_fault_words[]
    = { "gap",     "link", "changed", "details", "signature", "checkpoint", "unsigned", "checkpoint-gap",
        "emptied", "cut",  "heads",   "noted",   NULL };

static void
tell (Walk *walk, gint64 seq, SkAuditFault fault)
{
  walk->report (walk->organisation, seq, fault, walk->data);
}

/* -- checkpoints --------------------------------------------------------------------------------------------
 */

/* The one that the head names has to be there, and the same. */
static void
follow_checkpoint (Walk *walk, const SkChainCheckpoint *c)
{
  if (c->number != walk->checkpoints + 1 || strcmp (c->prev, walk->checkpoint) != 0)
    g_array_append_val (walk->odd, c->seq);
  walk->checkpoints = c->number;
  g_free (walk->checkpoint);
  walk->checkpoint = sk_chain_checkpoint_hash (c);
  if (walk->head && walk->head->number == c->number && strcmp (walk->head->checkpoint, walk->checkpoint) != 0)
    g_array_append_val (walk->odd, c->seq);
}

static gboolean
on_checkpoint (const SkAuditCheckpoint *row, gpointer data)
{
  Walk *walk = data;
  const SkChainCheckpoint c
      = { row->organisation, row->number, row->seq, row->time, row->hash, row->prev, row->signature };
  if (!sk_chain_check_checkpoint (walk->public_key, &c))
    {
      tell (walk, c.seq, SK_AUDIT_SIGNATURE);
      return TRUE;
    }
  follow_checkpoint (walk, &c);
  gint64 *key = g_new (gint64, 1);
  *key = c.seq;
  g_hash_table_insert (walk->signed_rows, key, g_strdup (c.hash));
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

/* -- details that are gone ----------------------------------------------------------------------------------
 */

/* {"rows":[[from,to],...]}: only rows before this one. */
static void
note_purged (Walk *walk, const SkAuditRow *row)
{
  g_autoptr (JsonNode) node = *row->details ? json_from_string (row->details, NULL) : NULL;
  JsonObject *object = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *member = object ? json_object_get_member (object, "rows") : NULL;
  JsonArray *rows = member && JSON_NODE_HOLDS_ARRAY (member) ? json_node_get_array (member) : NULL;
  for (guint i = 0; rows && i < json_array_get_length (rows); i++)
    {
      JsonNode *each = json_array_get_element (rows, i);
      JsonArray *pair = JSON_NODE_HOLDS_ARRAY (each) ? json_node_get_array (each) : NULL;
      if (!pair || json_array_get_length (pair) != 2)
        continue;
      const Range range = { json_array_get_int_element (pair, 0),
                            MIN (json_array_get_int_element (pair, 1), row->seq - 1) };
      if (range.from <= range.to)
        g_array_append_val (walk->purged, range);
    }
}

static gint
compare_ranges (gconstpointer a, gconstpointer b)
{
  const Range *x = a, *y = b;
  return x->from < y->from ? -1 : x->from > y->from;
}

/* Both in order: one walk. `covered` is how far the ranges up to here reach. */
static void
report_emptied (Walk *walk)
{
  gint64 covered = 0;
  guint next = 0;
  g_array_sort (walk->purged, compare_ranges);
  for (guint i = 0; i < walk->emptied->len; i++)
    {
      const gint64 seq = g_array_index (walk->emptied, gint64, i);
      for (; next < walk->purged->len && g_array_index (walk->purged, Range, next).from <= seq; next++)
        covered = MAX (covered, g_array_index (walk->purged, Range, next).to);
      if (seq > covered)
        tell (walk, seq, SK_AUDIT_EMPTIED);
    }
}

/* -- rows ---------------------------------------------------------------------------------------------------
 */

static void
check_details (Walk *walk, const SkAuditRow *row, gboolean is_itself)
{
  g_autofree char *hash = sk_chain_details_hash (row->details);
  const gboolean same = strcmp (hash, row->details_hash) == 0;
  if (!same && *row->details)
    tell (walk, row->seq, SK_AUDIT_DETAILS);
  else if (!same)
    g_array_append_val (walk->emptied, row->seq);
  /* Of a row that was tampered with no word is taken. */
  else if (is_itself && strcmp (row->action, "audit.purged") == 0)
    note_purged (walk, row);
}

static gboolean
on_row (const SkAuditRow *row, gpointer data)
{
  Walk *walk = data;
  const SkChainRow bound = { row->organisation, row->seq,    row->time,         row->actor, row->action,
                             row->object,       row->matter, row->details_hash, row->prev };
  g_autofree char *hash = sk_chain_hash (&bound);
  const gboolean is_itself = strcmp (row->hash, hash) == 0;
  walk->rows++;
  if (row->seq != walk->seq + 1)
    tell (walk, row->seq, SK_AUDIT_GAP);
  else if (walk->hash && strcmp (row->prev, walk->hash) != 0)
    tell (walk, row->seq, SK_AUDIT_LINK);
  if (!is_itself)
    tell (walk, row->seq, SK_AUDIT_CHANGED);
  check_details (walk, row, is_itself);
  check_checkpoint (walk, row);
  if (strcmp (row->action, "audit.fault") == 0)
    tell (walk, row->seq, SK_AUDIT_NOTED);
  if (walk->head && row->seq == walk->head->seq)
    {
      walk->head_seen = TRUE;
      if (strcmp (row->hash, walk->head->hash) != 0)
        tell (walk, row->seq, SK_AUDIT_CUT);
    }
  walk->seq = row->seq;
  g_free (walk->hash);
  walk->hash = g_strdup (row->hash);
  return TRUE;
}

/* Checkpoints of rows that did not come, checkpoints that did not come, and what only the head knows of. */
static void
report_missing (Walk *walk)
{
  GHashTableIter iter;
  gpointer seq;
  g_hash_table_iter_init (&iter, walk->signed_rows);
  while (g_hash_table_iter_next (&iter, &seq, NULL))
    tell (walk, *(gint64 *) seq, SK_AUDIT_CHECKPOINT_ROW);
  for (guint i = 0; i < walk->odd->len; i++)
    tell (walk, g_array_index (walk->odd, gint64, i), SK_AUDIT_CHECKPOINT_GAP);
  report_emptied (walk);
  if (!walk->head)
    return;
  if (walk->head->number > walk->checkpoints)
    tell (walk, walk->seq, SK_AUDIT_CHECKPOINT_GAP);
  if (walk->head->seq > 0 && !walk->head_seen)
    tell (walk, MIN (walk->seq + 1, walk->head->seq), SK_AUDIT_CUT);
}

/* -- chains -------------------------------------------------------------------------------------------------
 */

static void
begin (Walk *walk, const char *organisation)
{
  walk->organisation = organisation;
  walk->seq = walk->checkpoints = 0;
  walk->head_seen = FALSE;
  walk->hash = g_strdup (SK_CHAIN_ZERO);
  walk->checkpoint = g_strdup (SK_CHAIN_ZERO);
  walk->signed_rows = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  walk->odd = g_array_new (FALSE, FALSE, sizeof (gint64));
  walk->emptied = g_array_new (FALSE, FALSE, sizeof (gint64));
  walk->purged = g_array_new (FALSE, FALSE, sizeof (Range));
}

static void
end (Walk *walk)
{
  g_clear_pointer (&walk->hash, g_free);
  g_clear_pointer (&walk->checkpoint, g_free);
  g_clear_pointer (&walk->signed_rows, g_hash_table_unref);
  g_clear_pointer (&walk->odd, g_array_unref);
  g_clear_pointer (&walk->emptied, g_array_unref);
  g_clear_pointer (&walk->purged, g_array_unref);
}

static gboolean
verify_one (Walk *walk, const char *organisation, const GPtrArray *heads, GError **error)
{
  const SkAuditFilter filter = { .organisation = organisation };
  walk->head = sk_heads_find (heads, organisation);
  begin (walk, organisation);
  const gboolean read = sk_store_audit_checkpoints (walk->store, organisation, on_checkpoint, walk, error)
                        && sk_store_audit_walk (walk->store, &filter, on_row, walk, error);
  if (read)
    report_missing (walk);
  end (walk);
  return read;
}

/* Every chain that there is, and those that there were. */
static GPtrArray *
all_chains (char **organisations, const GPtrArray *heads)
{
  GPtrArray *all = g_ptr_array_new ();
  for (char **o = organisations; *o; o++)
    g_ptr_array_add (all, *o);
  for (guint i = 0; heads && i < heads->len; i++)
    {
      const SkAuditHead *head = heads->pdata[i];
      if (!g_strv_contains ((const char *const *) organisations, head->organisation))
        g_ptr_array_add (all, head->organisation);
    }
  return all;
}

gboolean
sk_audit_check (SkStore *reader, const char *public_key, const char *heads_text, SkAuditReport report,
                gpointer data, guint64 *ret_rows, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (reader, error);
  g_autoptr (GPtrArray) heads = heads_text ? sk_heads_parse (heads_text, public_key) : NULL;
  Walk walk = { .store = reader, .public_key = public_key, .report = report, .data = data };
  if (!organisations)
    return FALSE;
  g_autoptr (GPtrArray) chains = all_chains (organisations, heads);
  for (guint i = 0; i < chains->len; i++)
    if (!verify_one (&walk, chains->pdata[i], heads, error))
      return FALSE;
  if (!heads && (heads_text || walk.rows > 0))
    report ("", 0, SK_AUDIT_HEADS, data);
  *ret_rows = walk.rows;
  return TRUE;
}

/* From the last checkpoint on: what is signed already need not be read at each start. */
static gboolean
tail_rows (Walk *walk, const SkAuditCheckpoint *last, GError **error)
{
  const SkAuditFilter filter = { .organisation = walk->organisation, .after_seq = MAX (last->seq - 1, 0) };
  if (last->number && !on_checkpoint (last, walk))
    return FALSE;
  if (last->number)
    {
      g_array_set_size (walk->odd, 0); /* what it follows on was not read */
      walk->seq = last->seq - 1;
      g_clear_pointer (&walk->hash, g_free);
    }
  /* A head that is older than the last checkpoint is not within what is read. */
  if (walk->head && walk->head->seq < last->seq)
    walk->head_seen = TRUE;
  return sk_store_audit_walk (walk->store, &filter, on_row, walk, error);
}

gboolean
sk_audit_check_tail (SkStore *reader, const char *public_key, const char *organisation,
                     const SkAuditHead *head, SkAuditReport report, gpointer data, GError **error)
{
  Walk walk = { .store = reader, .public_key = public_key, .report = report, .data = data, .head = head };
  SkAuditCheckpoint last = { NULL };
  if (!sk_store_audit_last_checkpoint (reader, organisation, &last, error))
    return FALSE;
  begin (&walk, organisation);
  const gboolean read = tail_rows (&walk, &last, error);
  if (read)
    report_missing (&walk);
  end (&walk);
  sk_audit_checkpoint_clear (&last);
  return read;
}
