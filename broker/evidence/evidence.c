#include "api/json.h"
#include "audit/chain.h"
#include "evidence/evidence-private.h"
#include <stdarg.h>
#include <string.h>

static const struct
{
  const char *word, *en, *ja;
} faults[SK_EVIDENCE_FAULTS] = {
  { "form", "It is not of the form that Sekisho makes.", "形式が関所の作るものと異なります。" },
  { "signature", "The signature does not belong to this file: it was changed, or somebody else made it.",
    "署名がこのファイルのものではありません。変更されたか、別の者が作成しています。" },
  { "key", "It was signed with another key than the one you keep.",
    "お手元の公開鍵とは別の鍵で署名されています。" },
  { "rows", "A row is not what was written: the hashes do not lead to the signed checkpoint.",
    "記録の行が書き込まれた内容と異なります。ハッシュが署名済みの区切りに一致しません。" },
  { "checkpoint", "A checkpoint is not signed by the key.", "区切りの署名が正しくありません。" },
  { "details", "Details are not those that the row was written with.",
    "詳細が書き込まれた内容と異なります。" },
  { "foreign", "A row is about something else.", "別の対象に関する行が含まれています。" },
  { "order", "Rows or checkpoints overlap or go backwards.", "行または区切りの順序が正しくありません。" },
  { "item", "A file's name, size or hash is not what the rows say.",
    "ファイルの名前・大きさ・ハッシュが記録の行と異なります。" },
  { "decision", "The decisions are not those of the rows.", "判断が記録の行と異なります。" },
  { "comment", "The comments are not those of the rows.", "コメントが記録の行と異なります。" },
  { "state", "What became of it is not what the rows say.", "結果が記録の行と異なります。" },
  { "release", "It was released without a row that approves it.",
    "承認の記録がないまま引き渡されています。" },
};

const char *
sk_evidence_word (SkEvidenceFault fault)
{
  return faults[fault].word;
}

const char *
sk_evidence_sentence (SkEvidenceFault fault, gboolean japanese)
{
  return japanese ? faults[fault].ja : faults[fault].en;
}

void
sk_evidence_fault (SkEvidenceCheck *check, SkEvidenceFault fault, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *where = g_strdup_vprintf (format, args);
  va_end (args);
  if (check->faults++ < SK_EVIDENCE_FAULTS_MAX)
    check->report (fault, where, check->data);
}

/* -- form ---------------------------------------------------------------------------------------------------
 */

static gboolean
is_type (JsonNode *node, char type)
{
  switch (type)
    {
    case 's':
      return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
    case 'i':
      return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64;
    case 'a':
      return JSON_NODE_HOLDS_ARRAY (node);
    default:
      return JSON_NODE_HOLDS_OBJECT (node);
    }
}

gboolean
sk_evidence_has_form (JsonObject *object, const char *const *names, const char *types)
{
  guint n = 0;
  for (; names[n]; n++)
    {
      JsonNode *node = json_object_get_member (object, names[n]);
      if (!node || !is_type (node, types[n]))
        return FALSE;
    }
  return json_object_get_size (object) == n;
}

static JsonNode *
parse_line (const char *text, gsize length, GError **error)
{
  g_autoptr (JsonNode) node = sk_json_parse (text, length, SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, error);
  if (node && JSON_NODE_HOLDS_OBJECT (node))
    return g_steal_pointer (&node);
  if (node)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "a line is no object");
  return NULL;
}

static gboolean
no_bundle (GError **error, const char *why)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s", why);
  return FALSE;
}

static gboolean
read_payload (SkEvidence *self, GError **error)
{
  static const char *const members[]
      = { "sekisho", "created", "by", "about", "public_key", "transfers", "segments", NULL };
  static const char *const about_members[] = { "kind", "name", NULL };
  self->root = parse_line (self->payload, self->length, error);
  if (!self->root)
    return FALSE;
  self->object = json_node_get_object (self->root);
  if (!sk_evidence_has_form (self->object, members, "sisosaa"))
    return no_bundle (error, "members");
  JsonObject *about = json_object_get_object_member (self->object, "about");
  if (!sk_evidence_has_form (about, about_members, "ss"))
    return no_bundle (error, "about");
  self->public_key = json_object_get_string_member (self->object, "public_key");
  self->kind = json_object_get_string_member (about, "kind");
  self->name = json_object_get_string_member (about, "name");
  if (strcmp (json_object_get_string_member (self->object, "sekisho"), "evidence 1") != 0)
    return no_bundle (error, "this version is not known");
  return (sk_chain_is_hash (self->public_key) && *self->name
          && (strcmp (self->kind, "transfer") == 0 || strcmp (self->kind, "matter") == 0))
         || no_bundle (error, "about");
}

/* The second line, and nothing behind it. */
static gboolean
read_signature (SkEvidence *self, const char *text, gsize length, GError **error)
{
  static const char *const members[] = { "signature", NULL };
  if (length == 0 || text[length - 1] != '\n' || memchr (text, '\n', length - 1))
    return no_bundle (error, "two lines are needed");
  g_autoptr (JsonNode) node = parse_line (text, length - 1, error);
  if (!node)
    return FALSE;
  if (!sk_evidence_has_form (json_node_get_object (node), members, "s"))
    return no_bundle (error, "signature");
  self->signature = g_strdup (json_object_get_string_member (json_node_get_object (node), "signature"));
  return TRUE;
}

static void
row_free (gpointer data)
{
  SkEvidenceRow *row = data;
  g_clear_pointer (&row->parsed, json_object_unref);
  g_free (row->where);
  g_free (row);
}

SkEvidence *
sk_evidence_parse (const char *untrusted_text, gsize length, GError **error)
{
  const char *end = memchr (untrusted_text, '\n', length);
  if (length > SK_EVIDENCE_BYTES_MAX)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "more than %d bytes", SK_EVIDENCE_BYTES_MAX);
      return NULL;
    }
  if (!end)
    {
      no_bundle (error, "two lines are needed");
      return NULL;
    }
  g_autoptr (SkEvidence) self = g_new0 (SkEvidence, 1);
  self->length = (gsize) (end - untrusted_text);
  self->payload = g_strndup (untrusted_text, self->length);
  self->rows = g_ptr_array_new_with_free_func (row_free);
  return read_payload (self, error) && read_signature (self, end + 1, length - self->length - 1, error)
             ? g_steal_pointer (&self)
             : NULL;
}

void
sk_evidence_free (SkEvidence *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_pointer (&self->root, json_node_unref);
  g_free (self->payload);
  g_free (self->signature);
  g_free (self);
}

const char *
sk_evidence_public_key (SkEvidence *self)
{
  return self->public_key;
}

guint
sk_evidence_check (SkEvidence *self, const char *public_key, SkEvidenceReport report, gpointer data)
{
  SkEvidenceCheck check = { self, report, data, 0 };
  g_autoptr (GByteArray) statement = sk_chain_statement ("sekisho evidence 1", self->payload, self->length);
  g_ptr_array_set_size (self->rows, 0);
  if (public_key && strcmp (public_key, self->public_key) != 0)
    sk_evidence_fault (&check, SK_EVIDENCE_KEY, "public_key");
  if (!sk_chain_check_signature (public_key ? public_key : self->public_key, statement, self->signature))
    sk_evidence_fault (&check, SK_EVIDENCE_SIGNATURE, "signature");
  sk_evidence_check_segments (&check, public_key ? public_key : self->public_key);
  sk_evidence_check_transfers (&check);
  return check.faults;
}
