/* The rows: each segment's hashes have to lead from its first row to a checkpoint that is signed. */
#include "api/json.h"
#include "audit/chain.h"
#include "evidence/evidence-private.h"
#include <string.h>

static const char *const row_members[]
    = { "time", "actor", "action", "object", "matter", "details", "details_hash", NULL };
static const char *const body_members[] = { "body", NULL };
static const char *const segment_members[] = { "organisation", "first", "prev", "rows", "checkpoint", NULL };
static const char *const checkpoint_members[]
    = { "number", "seq", "time", "hash", "prev", "signature", NULL };

typedef struct
{
  SkEvidenceCheck *check;
  guint index;
  const char *organisation;
  gint64 first, seq;
  char *hash; /* of the row before */
  gboolean broken;
} Segment;

static const char *
text_of (JsonObject *object, const char *name)
{
  return json_object_get_string_member (object, name);
}

static JsonObject *
object_at (JsonArray *array, guint index)
{
  JsonNode *node = json_array_get_element (array, index);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* Emptied details are no fault: their digest is still bound, but what they said is not known any more. */
static void
check_details (Segment *s, const SkEvidenceRow *row)
{
  g_autofree char *hash = sk_chain_details_hash (row->details);
  if (*row->details && strcmp (hash, row->details_hash) != 0)
    sk_evidence_fault (s->check, SK_EVIDENCE_DETAILS, "%s", row->where);
}

static JsonObject *
parse_details (const char *text)
{
  g_autoptr (JsonNode) node
      = *text ? sk_json_parse (text, strlen (text), SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, NULL) : NULL;
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_object_ref (json_node_get_object (node)) : NULL;
}

static void
check_about (Segment *s, const SkEvidenceRow *row)
{
  const SkEvidence *evidence = s->check->evidence;
  const char *about = strcmp (evidence->kind, "matter") == 0 ? row->matter : row->object;
  if (strcmp (about, evidence->name) != 0)
    sk_evidence_fault (s->check, SK_EVIDENCE_FOREIGN, "%s", row->where);
}

static char *
take_row (Segment *s, JsonObject *object, guint index)
{
  SkEvidenceRow *row = g_new0 (SkEvidenceRow, 1);
  *row = (SkEvidenceRow){ .organisation = s->organisation,
                          .seq = s->seq,
                          .time = json_object_get_int_member (object, "time"),
                          .actor = text_of (object, "actor"),
                          .action = text_of (object, "action"),
                          .object = text_of (object, "object"),
                          .matter = text_of (object, "matter"),
                          .details = text_of (object, "details"),
                          .details_hash = text_of (object, "details_hash"),
                          .where = g_strdup_printf ("segments[%u].rows[%u]", s->index, index) };
  row->parsed = parse_details (row->details);
  g_ptr_array_add (s->check->evidence->rows, row);
  check_details (s, row);
  check_about (s, row);
  const SkChainRow bound = { row->organisation, row->seq,    row->time,         row->actor, row->action,
                             row->object,       row->matter, row->details_hash, NULL };
  return sk_chain_body (&bound);
}

/* One row, in full or as its body's hash alone. */
static void
follow_row (Segment *s, JsonObject *object, guint index)
{
  g_autofree char *body = NULL;
  if (object && sk_evidence_has_form (object, row_members, "issssss"))
    body = take_row (s, object, index);
  else if (object && sk_evidence_has_form (object, body_members, "s")
           && sk_chain_is_hash (text_of (object, "body")))
    body = g_strdup (text_of (object, "body"));
  if (!body)
    {
      sk_evidence_fault (s->check, SK_EVIDENCE_FORM, "segments[%u].rows[%u]", s->index, index);
      s->broken = TRUE;
      return;
    }
  char *hash = sk_chain_link (body, s->hash);
  g_free (s->hash);
  s->hash = hash;
  s->seq++;
}

static void
check_end (Segment *s, JsonObject *object, const char *public_key)
{
  const SkChainCheckpoint c = { s->organisation,
                                json_object_get_int_member (object, "number"),
                                json_object_get_int_member (object, "seq"),
                                json_object_get_int_member (object, "time"),
                                text_of (object, "hash"),
                                text_of (object, "prev"),
                                text_of (object, "signature") };
  if (!sk_chain_check_checkpoint (public_key, &c))
    sk_evidence_fault (s->check, SK_EVIDENCE_CHECKPOINT, "segments[%u].checkpoint", s->index);
  if (!s->broken && (c.seq != s->seq - 1 || strcmp (c.hash, s->hash) != 0))
    sk_evidence_fault (s->check, SK_EVIDENCE_ROWS, "segments[%u]", s->index);
}

static gboolean
check_segment (SkEvidenceCheck *check, guint index, JsonObject *object, const char *public_key)
{
  if (!object || !sk_evidence_has_form (object, segment_members, "sisao"))
    return FALSE;
  JsonArray *rows = json_object_get_array_member (object, "rows");
  JsonObject *end = json_object_get_object_member (object, "checkpoint");
  Segment s = { .check = check,
                .index = index,
                .organisation = text_of (object, "organisation"),
                .first = json_object_get_int_member (object, "first"),
                .hash = g_strdup (text_of (object, "prev")) };
  s.seq = s.first;
  const gboolean form = s.first > 0 && sk_chain_is_hash (s.hash) && json_array_get_length (rows) > 0
                        && sk_evidence_has_form (end, checkpoint_members, "iiisss");
  for (guint i = 0; form && i < json_array_get_length (rows); i++)
    follow_row (&s, object_at (rows, i), i);
  if (form)
    check_end (&s, end, public_key);
  g_free (s.hash);
  return form;
}

/* Of one chain, each begins behind the end of the one before. */
static void
check_order (SkEvidenceCheck *check, JsonArray *segments, guint index)
{
  JsonObject *before = object_at (segments, index - 1), *object = object_at (segments, index);
  JsonObject *before_end = json_object_get_object_member (before, "checkpoint"),
             *end = json_object_get_object_member (object, "checkpoint");
  if (strcmp (text_of (before, "organisation"), text_of (object, "organisation")) != 0)
    return;
  if (json_object_get_int_member (object, "first") <= json_object_get_int_member (before_end, "seq")
      || json_object_get_int_member (end, "number") <= json_object_get_int_member (before_end, "number"))
    sk_evidence_fault (check, SK_EVIDENCE_ORDER, "segments[%u]", index);
}

void
sk_evidence_check_segments (SkEvidenceCheck *check, const char *public_key)
{
  JsonArray *segments = json_object_get_array_member (check->evidence->object, "segments");
  gboolean before = FALSE;
  if (json_array_get_length (segments) == 0)
    sk_evidence_fault (check, SK_EVIDENCE_FORM, "segments");
  for (guint i = 0; i < json_array_get_length (segments); i++)
    {
      const gboolean form = check_segment (check, i, object_at (segments, i), public_key);
      if (!form)
        sk_evidence_fault (check, SK_EVIDENCE_FORM, "segments[%u]", i);
      else if (before)
        check_order (check, segments, i);
      before = form;
    }
}
