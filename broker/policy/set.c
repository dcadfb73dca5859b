/* A set: scopes with their rules, and the version over all bytes that made it. */
#include "policy/policy-private.h"
#include <string.h>

/* As long as a file's name may be. */
#define SCOPE_NAME_BYTES_MAX 255

struct _SkPolicySet
{
  GHashTable *scopes; /* name -> GPtrArray of SkPolicyRule */
  GPtrArray *names;   /* of scopes, in order; owned by the table */
  GPtrArray *sources; /* of Source: the files as they were */
  GChecksum *checksum;
  char *version;
  guint files, rules;
  gboolean broken;
};

typedef struct
{
  char *file;
  GBytes *text;
} Source;

static void
source_free (gpointer data)
{
  Source *source = data;
  g_free (source->file);
  g_bytes_unref (source->text);
  g_free (source);
}

SkPolicySet *
sk_policy_set_new (void)
{
  SkPolicySet *set = g_new0 (SkPolicySet, 1);
  set->scopes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  set->names = g_ptr_array_new ();
  set->sources = g_ptr_array_new_with_free_func (source_free);
  set->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  return set;
}

void
sk_policy_set_free (SkPolicySet *set)
{
  g_ptr_array_unref (set->names);
  g_ptr_array_unref (set->sources);
  g_hash_table_unref (set->scopes);
  g_clear_pointer (&set->checksum, g_checksum_free);
  g_free (set->version);
  g_free (set);
}

/* Lengths go in too: bytes cannot move from a file's end into the next one's name. */
static void
add_to_version (SkPolicySet *set, const char *file, const char *text, gsize length)
{
  guint64 lengths[2] = { GUINT64_TO_BE (strlen (file)), GUINT64_TO_BE (length) };
  g_checksum_update (set->checksum, (const guchar *) lengths, sizeof lengths);
  g_checksum_update (set->checksum, (const guchar *) file, (gssize) strlen (file));
  g_checksum_update (set->checksum, (const guchar *) text, (gssize) length);
}

static void
add_source (SkPolicySet *set, const char *file, const char *text, gsize length)
{
  Source *source = g_new (Source, 1);
  *source = (Source){ g_strdup (file), g_bytes_new (text, length) };
  g_ptr_array_add (set->sources, source);
}

void
sk_policy_set_each_file (const SkPolicySet *set, SkPolicyFileFunc call, gpointer data)
{
  for (guint i = 0; i < set->sources->len; i++)
    {
      const Source *source = set->sources->pdata[i];
      if (!call (source->file, source->text, data))
        return;
    }
}

static GPtrArray *
open_scope (SkPolicySet *set, const char *scope)
{
  GPtrArray *rules = g_hash_table_lookup (set->scopes, scope);
  if (!rules)
    {
      char *name = g_strdup (scope);
      rules = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_policy_rule_free);
      g_hash_table_insert (set->scopes, name, rules);
      g_ptr_array_add (set->names, name);
    }
  return rules;
}

static gboolean
count_file (SkPolicySet *set, const char *file, guint rules, GError **error)
{
  if (set->files >= SK_POLICY_FILES_MAX)
    return sk_policy_fail (error, SK_ERROR_LIMIT, file, 0, "more than 512 files; merge some",
                           "ファイルが 512 個を超えています。まとめてください", "");
  if (rules > SK_POLICY_RULES_MAX - set->rules)
    return sk_policy_fail (error, SK_ERROR_LIMIT, file, 0, "more than 4096 rules in all; merge some",
                           "規則が全部で 4096 個を超えています。まとめてください", "");
  set->files++;
  set->rules += rules;
  return TRUE;
}

static gboolean
add_file (SkPolicySet *set, const char *scope, const char *name, const char *untrusted_text, gsize length,
          GError **error)
{
  g_autofree char *file = *scope ? g_strdup_printf ("%s/%s", scope, name) : g_strdup (name);
  g_autofree char *stem = g_strndup (file, strlen (file) - strlen (".policy"));
  g_autofree char *prefix = g_strconcat (stem, ":", NULL);
  g_autoptr (GPtrArray) sections = sk_policy_sections_parse (file, untrusted_text, length, error);
  GPtrArray *rules;
  if (!sections || !count_file (set, file, sections->len, error))
    return FALSE;
  rules = open_scope (set, scope);
  for (guint i = 0; i < sections->len; i++)
    {
      SkPolicyRule *rule = sk_policy_rule_new (file, prefix, sections->pdata[i], error);
      if (!rule)
        return FALSE;
      g_ptr_array_add (rules, rule);
    }
  add_to_version (set, file, untrusted_text, length);
  add_source (set, file, untrusted_text, length);
  return TRUE;
}

/* Half a set is none: the rule that would have refused may be the one that could not be read. */
gboolean
sk_policy_set_add_file (SkPolicySet *set, const char *scope, const char *name, const char *untrusted_text,
                        gsize length, GError **error)
{
  if (!set->broken && add_file (set, scope, name, untrusted_text, length, error))
    return TRUE;
  if (set->broken)
    sk_policy_fail (error, SK_ERROR_INVALID, name, 0, "a file before this one could not be read",
                    "この前のファイルを読み取れませんでした", "");
  set->broken = TRUE;
  g_ptr_array_set_size (set->names, 0);
  g_ptr_array_set_size (set->sources, 0);
  g_hash_table_remove_all (set->scopes);
  return FALSE;
}

void
sk_policy_set_seal (SkPolicySet *set)
{
  set->version = g_strdup (g_checksum_get_string (set->checksum));
  g_clear_pointer (&set->checksum, g_checksum_free);
}

const char *
sk_policy_version (const SkPolicySet *set)
{
  return set->version;
}

guint
sk_policy_set_files (const SkPolicySet *set)
{
  return set->files;
}

guint
sk_policy_set_rules (const SkPolicySet *set)
{
  return set->rules;
}

const GPtrArray *
sk_policy_set_scope (const SkPolicySet *set, const char *scope)
{
  return g_hash_table_lookup (set->scopes, scope);
}

GPtrArray *
sk_policy_set_scopes (const SkPolicySet *set)
{
  return g_ptr_array_copy (set->names, NULL, NULL);
}

/* -- which scopes a question meets ---------------------------------------------------------------------- */

gboolean
sk_policy_scope_name_is_valid (const char *untrusted_name)
{
  gsize length = strlen (untrusted_name);
  if (length == 0 || length > SCOPE_NAME_BYTES_MAX || *untrusted_name == '.' || strchr (untrusted_name, '/')
      || !g_utf8_validate (untrusted_name, -1, NULL))
    return FALSE;
  for (const char *c = untrusted_name; *c; c = g_utf8_next_char (c))
    if (!g_unichar_isprint (g_utf8_get_char (c)))
      return FALSE;
  return TRUE;
}

/* Folders may come from a system that writes が as か and a mark: compared as NFC. */
GPtrArray *
sk_policy_scopes_for (const SkPolicyQuestion *q)
{
  GPtrArray *scopes = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *organisation = NULL, *section = NULL;
  g_ptr_array_add (scopes, g_strdup (""));
  if (!q->organisation || !sk_policy_scope_name_is_valid (q->organisation))
    return scopes;
  organisation = g_utf8_normalize (q->organisation, -1, G_NORMALIZE_NFC);
  g_ptr_array_add (scopes, g_strdup_printf ("orgs/%s", organisation));
  if (!q->section || !sk_policy_scope_name_is_valid (q->section))
    return scopes;
  section = g_utf8_normalize (q->section, -1, G_NORMALIZE_NFC);
  g_ptr_array_add (scopes, g_strdup_printf ("orgs/%s/sections/%s", organisation, section));
  return scopes;
}
