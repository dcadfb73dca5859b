#include "audit/heads.h"
#include "audit/chain.h"
#include <string.h>

#define FIRST_LINE "sekisho heads 1\n"
#define SIGNATURE "signature "

static void
head_free (gpointer data)
{
  SkAuditHead *head = data;
  g_free (head->organisation);
  g_free (head->hash);
  g_free (head->checkpoint);
  g_free (head);
}

static SkAuditHead *
parse_line (const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 5);
  gint64 seq, number;
  if (g_strv_length (words) != 5 || !g_ascii_string_to_signed (words[0], 10, 0, G_MAXINT64, &seq, NULL)
      || !g_ascii_string_to_signed (words[2], 10, 0, G_MAXINT64, &number, NULL)
      || !sk_chain_is_hash (words[1]) || !sk_chain_is_hash (words[3]))
    return NULL;
  g_autofree char *organisation = g_uri_unescape_string (words[4], NULL);
  if (!organisation)
    return NULL;
  SkAuditHead *head = g_new0 (SkAuditHead, 1);
  *head = (SkAuditHead){ g_steal_pointer (&organisation), seq, g_strdup (words[1]), number,
                         g_strdup (words[3]) };
  return head;
}

static gboolean
is_signed (const char *text, const char *signature_line, const char *public_key)
{
  g_autofree char *signature = g_strndup (signature_line + strlen (SIGNATURE), 128);
  g_autoptr (GByteArray) statement
      = sk_chain_statement ("sekisho heads 1", text, (gsize) (signature_line - text));
  return strcmp (signature_line + strlen (SIGNATURE) + strlen (signature), "\n") == 0
         && sk_chain_check_signature (public_key, statement, signature);
}

GPtrArray *
sk_heads_parse (const char *text, const char *public_key)
{
  const char *end = g_strrstr (text, "\n" SIGNATURE);
  if (!g_str_has_prefix (text, FIRST_LINE) || !end || !is_signed (text, end + 1, public_key))
    return NULL;
  g_autoptr (GPtrArray) heads = g_ptr_array_new_with_free_func (head_free);
  g_autofree char *body = g_strndup (text, (gsize) (end - text));
  g_auto (GStrv) lines = g_strsplit (body, "\n", -1);
  for (guint i = 2; lines[0] && lines[1] && lines[i]; i++)
    {
      SkAuditHead *head = parse_line (lines[i]);
      if (!head)
        return NULL;
      g_ptr_array_add (heads, head);
    }
  return g_steal_pointer (&heads);
}

const SkAuditHead *
sk_heads_find (const GPtrArray *heads, const char *organisation)
{
  for (guint i = 0; heads && i < heads->len; i++)
    if (strcmp (((SkAuditHead *) heads->pdata[i])->organisation, organisation) == 0)
      return heads->pdata[i];
  return NULL;
}

static gboolean
is_hash (const SkAuditRow *row, gpointer data)
{
  const SkAuditHead **head = data;
  if (row->seq == (*head)->seq && strcmp (row->hash, (*head)->hash) == 0)
    *head = NULL;
  return FALSE;
}

/* TRUE in *ret_holds: the row that the head names is there. */
static gboolean
check_head (SkStore *store, const SkAuditHead *head, gboolean *ret_holds, GError **error)
{
  const SkAuditFilter filter = { .organisation = head->organisation, .after_seq = head->seq - 1, .limit = 1 };
  const SkAuditHead *looked_for = head;
  if (head->seq > 0 && !sk_store_audit_walk (store, &filter, is_hash, &looked_for, error))
    return FALSE;
  *ret_holds = head->seq == 0 || !looked_for;
  return TRUE;
}

static void
add_line (GString *text, const SkAuditHead *head)
{
  g_autofree char *name = g_uri_escape_string (head->organisation, NULL, FALSE);
  g_string_append_printf (text, "%" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT " %s %s\n", head->seq, head->hash,
                          head->number, head->checkpoint, name);
}

static gboolean
add_present (GString *text, SkStore *store, const char *organisation, GError **error)
{
  SkAuditCheckpoint last = { NULL };
  g_autofree char *hash = NULL;
  gint64 seq;
  if (!sk_store_audit_head (store, organisation, &seq, &hash, error)
      || !sk_store_audit_last_checkpoint (store, organisation, &last, error))
    return FALSE;
  const SkChainCheckpoint bound
      = { organisation, last.number, last.seq, last.time, last.hash, last.prev, last.signature };
  g_autofree char *digest = last.number ? sk_chain_checkpoint_hash (&bound) : g_strdup (SK_CHAIN_ZERO);
  const SkAuditHead head = { (char *) organisation, seq, hash, last.number, digest };
  add_line (text, &head);
  sk_audit_checkpoint_clear (&last);
  return TRUE;
}

char *
sk_heads_compose (SkStore *store, const GPtrArray *before, GError **error)
{
  g_autoptr (GString) text = g_string_new (FIRST_LINE);
  g_autoptr (GHashTable) kept = g_hash_table_new (g_str_hash, g_str_equal);
  g_auto (GStrv) organisations = sk_store_audit_organisations (store, error);
  if (!organisations)
    return NULL;
  g_string_append_printf (text, "time %" G_GINT64_FORMAT "\n", g_get_real_time ());
  for (guint i = 0; before && i < before->len; i++)
    {
      const SkAuditHead *head = before->pdata[i];
      gboolean holds;
      if (!check_head (store, head, &holds, error))
        return NULL;
      if (holds)
        continue;
      add_line (text, head);
      g_hash_table_add (kept, head->organisation);
    }
  for (char **o = organisations; *o; o++)
    if (!g_hash_table_contains (kept, *o) && !add_present (text, store, *o, error))
      return NULL;
  return g_string_free (g_steal_pointer (&text), FALSE);
}
