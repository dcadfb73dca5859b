/* What the bundle says of its transfers, against the rows: nothing may be there that no row says, and nothing
 * that a row says may be left out. Rows whose details were let go of say nothing; what hangs on them is not
 * counted. */
#include "evidence/evidence-private.h"
#include <string.h>

static const char *const transfer_members[] = { "id",      "state",        "direction", "kind",     "user",
                                                "section", "organisation", "purpose",   "policy",   "rule",
                                                "created", "items",        "decisions", "comments", NULL };
static const char *const item_members[]
    = { "name", "bytes", "type", "sha256", "result_name", "result_bytes", "result_sha256", NULL };
static const char *const decision_members[] = { "stage", "user", "verdict", "comment", "created", NULL };
static const char *const comment_members[] = { "user", "text", "created", NULL };

typedef struct
{
  SkEvidenceCheck *check;
  guint index;
  const char *id;
  JsonObject *object;
  gboolean silent; /* some row about it has no details any more */
} Story;

static const char *
text_of (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : "";
}

static gint64
number_of (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
             ? json_node_get_int (node)
             : -1;
}

static JsonArray *
list_of (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonObject *
object_at (JsonArray *array, guint index)
{
  JsonNode *node = json_array_get_element (array, index);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static gboolean
same (JsonObject *a, JsonObject *b, const char *name)
{
  return strcmp (text_of (a, name), text_of (b, name)) == 0;
}

/* -- files --------------------------------------------------------------------------------------------------
 */

/* What was not known yet when the row was written may be known now. */
static gboolean
same_if_said (JsonObject *item, JsonObject *said, const char *name)
{
  return !*text_of (said, name) || same (item, said, name);
}

static gboolean
is_item (JsonObject *item, JsonObject *said)
{
  return same (item, said, "name") && number_of (item, "bytes") == number_of (said, "bytes")
         && same_if_said (item, said, "sha256") && same_if_said (item, said, "type")
         && same_if_said (item, said, "result_name") && same_if_said (item, said, "result_sha256")
         && (!*text_of (said, "result_sha256")
             || number_of (item, "result_bytes") == number_of (said, "result_bytes"));
}

/* The last row that names its files. */
static JsonArray *
said_items (const Story *story)
{
  JsonArray *items = NULL;
  for (guint i = 0; i < story->check->evidence->rows->len; i++)
    {
      const SkEvidenceRow *row = story->check->evidence->rows->pdata[i];
      JsonArray *of_row = strcmp (row->object, story->id) == 0 ? list_of (row->parsed, "items") : NULL;
      items = of_row ? of_row : items;
    }
  return items;
}

static void
check_items (const Story *story)
{
  JsonArray *items = list_of (story->object, "items"), *said = said_items (story);
  /* Before the first decision no row names them all; afterwards one does. */
  if (said && json_array_get_length (said) != json_array_get_length (items))
    sk_evidence_fault (story->check, SK_EVIDENCE_ITEM, "transfers[%u].items", story->index);
  for (guint i = 0; i < json_array_get_length (items); i++)
    {
      JsonObject *item = object_at (items, i);
      if (!item || !sk_evidence_has_form (item, item_members, "sisssis"))
        sk_evidence_fault (story->check, SK_EVIDENCE_FORM, "transfers[%u].items[%u]", story->index, i);
      else if (said && i < json_array_get_length (said)
               && (!object_at (said, i) || !is_item (item, object_at (said, i))))
        sk_evidence_fault (story->check, SK_EVIDENCE_ITEM, "transfers[%u].items[%u]", story->index, i);
    }
}

/* -- decisions and comments ---------------------------------------------------------------------------------
 */

static gboolean
is_decision (const SkEvidenceRow *row, JsonObject *decision)
{
  const char *verdict = text_of (decision, "verdict");
  return strcmp (row->action, strcmp (verdict, "approve") == 0 ? "approval.approved" : "approval.denied") == 0
         && strcmp (row->actor, text_of (decision, "user")) == 0
         && (!row->parsed
             || (same (row->parsed, decision, "comment")
                 && number_of (row->parsed, "stage") == number_of (decision, "stage")));
}

static gboolean
is_comment (const SkEvidenceRow *row, JsonObject *comment)
{
  return strcmp (row->action, "transfer.commented") == 0
         && strcmp (row->actor, text_of (comment, "user")) == 0 && row->time == number_of (comment, "created")
         && (!row->parsed || strcmp (text_of (row->parsed, "comment"), text_of (comment, "text")) == 0);
}

static gboolean
says_decision (const SkEvidenceRow *row)
{
  return strcmp (row->action, "approval.approved") == 0 || strcmp (row->action, "approval.denied") == 0;
}

static gboolean
says_comment (const SkEvidenceRow *row)
{
  return strcmp (row->action, "transfer.commented") == 0;
}

typedef struct
{
  const char *list;
  const char *const *members;
  const char *types;
  gboolean (*is) (const SkEvidenceRow *, JsonObject *);
  gboolean (*says) (const SkEvidenceRow *);
  SkEvidenceFault fault;
} Kind;
static const Kind kinds[] = {
  { "decisions", decision_members, "isssi", is_decision, says_decision, SK_EVIDENCE_DECISION },
  { "comments", comment_members, "ssi", is_comment, says_comment, SK_EVIDENCE_COMMENT },
};

/* Each in the list has a row of its own, and there are as many of one as of the other. */
static void
check_list (const Story *story, const Kind *kind)
{
  JsonArray *list = list_of (story->object, kind->list);
  g_autoptr (GHashTable) used = g_hash_table_new (NULL, NULL);
  const GPtrArray *rows = story->check->evidence->rows;
  guint said = 0;
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonObject *object = object_at (list, i);
      gboolean found = FALSE;
      if (!object || !sk_evidence_has_form (object, kind->members, kind->types))
        {
          sk_evidence_fault (story->check, SK_EVIDENCE_FORM, "transfers[%u].%s[%u]", story->index, kind->list,
                             i);
          continue;
        }
      for (guint r = 0; r < rows->len && !found; r++)
        found = strcmp (((SkEvidenceRow *) rows->pdata[r])->object, story->id) == 0
                && kind->is (rows->pdata[r], object) && g_hash_table_add (used, rows->pdata[r]);
      if (!found)
        sk_evidence_fault (story->check, kind->fault, "transfers[%u].%s[%u]", story->index, kind->list, i);
    }
  for (guint r = 0; r < rows->len; r++)
    said
        += strcmp (((SkEvidenceRow *) rows->pdata[r])->object, story->id) == 0 && kind->says (rows->pdata[r]);
  if (said > json_array_get_length (list))
    sk_evidence_fault (story->check, kind->fault, "transfers[%u].%s", story->index, kind->list);
}

/* -- what became of it --------------------------------------------------------------------------------------
 */

static gboolean
is_approval (const SkEvidenceRow *row)
{
  return strcmp (row->action, "transfer.approved") == 0
         || (strcmp (row->action, "approval.approved") == 0
             && (!row->parsed || strcmp (text_of (row->parsed, "state"), "approved") == 0));
}

/* Who and what for, wherever a row says it. */
static gboolean
is_said (JsonObject *transfer, JsonObject *details)
{
  static const char *const members[] = { "user", "purpose", "section", "direction", "kind" };
  for (guint i = 0; details && i < G_N_ELEMENTS (members); i++)
    if (json_object_has_member (details, members[i]) && !same (transfer, details, members[i]))
      return FALSE;
  return TRUE;
}

static void
check_states (Story *story)
{
  const GPtrArray *rows = story->check->evidence->rows;
  const char *last = NULL;
  gboolean approved = FALSE, began = FALSE, differs = FALSE;
  for (guint i = 0; i < rows->len; i++)
    {
      const SkEvidenceRow *row = rows->pdata[i];
      const gboolean moves
          = g_str_has_prefix (row->action, "transfer.") || g_str_has_prefix (row->action, "approval.");
      if (strcmp (row->object, story->id) != 0 || !moves)
        continue;
      began = began || strcmp (row->action, "transfer.receiving") == 0;
      approved = approved || is_approval (row);
      if (strcmp (row->action, "transfer.releasing") == 0 && !approved)
        sk_evidence_fault (story->check, SK_EVIDENCE_RELEASE, "%s", row->where);
      if (!row->parsed)
        story->silent = TRUE;
      else if (json_object_has_member (row->parsed, "state"))
        last = text_of (row->parsed, "state");
      differs = differs || !is_said (story->object, row->parsed);
    }
  if (!began || differs || (last && !story->silent && strcmp (last, text_of (story->object, "state")) != 0))
    sk_evidence_fault (story->check, SK_EVIDENCE_STATE, "transfers[%u]", story->index);
}

void
sk_evidence_check_transfers (SkEvidenceCheck *check)
{
  JsonArray *transfers = json_object_get_array_member (check->evidence->object, "transfers");
  for (guint i = 0; i < json_array_get_length (transfers); i++)
    {
      Story story = { .check = check, .index = i, .object = object_at (transfers, i) };
      if (!story.object || !sk_evidence_has_form (story.object, transfer_members, "ssssssssssiaaa"))
        {
          sk_evidence_fault (check, SK_EVIDENCE_FORM, "transfers[%u]", i);
          continue;
        }
      story.id = text_of (story.object, "id");
      check_states (&story);
      check_items (&story);
      for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
        check_list (&story, &kinds[k]);
    }
}
