/* What is let go of after its time, and what is held. The chain goes on over emptied details: their digests
 * stay, and a row of its own says which ones were emptied and why. */
#include "audit/audit-private.h"
#include "common/error.h"
#include "common/i18n.h"
#include <json-glib/json-glib.h>
#include <string.h>

#define DAY_US ((gint64) 24 * 3600 * G_USEC_PER_SEC)

static char *
to_text (JsonObject *take_object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), take_object);
  json_object_unref (take_object);
  return json_to_string (node, FALSE);
}

/* -- purging ------------------------------------------------------------------------------------------------
 */

static void
add_range (JsonArray *ranges, gint64 from, gint64 to)
{
  JsonArray *pair = json_array_new ();
  json_array_add_int_element (pair, from);
  json_array_add_int_element (pair, to);
  json_array_add_array_element (ranges, pair);
}

/* Numbers in order -> [[from,to],...] of those that follow each other. */
static JsonArray *
to_ranges (const GArray *rows)
{
  JsonArray *ranges = json_array_new ();
  for (guint i = 0, first = 0; i < rows->len; i++)
    {
      const gint64 seq = g_array_index (rows, gint64, i);
      if (i + 1 < rows->len && g_array_index (rows, gint64, i + 1) == seq + 1)
        continue;
      add_range (ranges, g_array_index (rows, gint64, first), seq);
      first = i + 1;
    }
  return ranges;
}

static gboolean
empty_ranges (SkAudit *self, const char *organisation, JsonArray *ranges, GError **error)
{
  for (guint i = 0; i < json_array_get_length (ranges); i++)
    {
      JsonArray *pair = json_array_get_array_element (ranges, i);
      if (!sk_store_audit_empty (self->store, organisation, json_array_get_int_element (pair, 0),
                                 json_array_get_int_element (pair, 1), error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
purge_rows (SkAudit *self, const char *organisation, SkAuditClass class, gint64 before, const GArray *rows,
            GError **error)
{
  g_autoptr (JsonArray) ranges = to_ranges (rows);
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "class", sk_audit_class_words[class]);
  json_object_set_int_member (object, "before", before);
  json_object_set_int_member (object, "count", rows->len);
  json_object_set_array_member (object, "rows", json_array_ref (ranges));
  g_autofree char *details = to_text (object);
  const SkAuditEvent event = { .organisation = organisation,
                               .action = "audit.purged",
                               .object = sk_audit_class_words[class],
                               .details = details };
  if (!sk_store_begin (self->store, error))
    return FALSE;
  if (sk_audit_append (self, &event, error) && empty_ranges (self, organisation, ranges, error)
      && sk_store_commit (self->store, error))
    return TRUE;
  sk_store_rollback (self->store);
  return FALSE;
}

/* Up to where every sink has been told. */
static gboolean
told_up_to (SkAudit *self, const char *organisation, const char *const *sinks, gint64 *ret_seq,
            GError **error)
{
  *ret_seq = G_MAXINT64;
  for (; sinks && *sinks; sinks++)
    {
      gint64 seq;
      if (!sk_store_audit_position (self->store, *sinks, organisation, &seq, error))
        return FALSE;
      *ret_seq = MIN (*ret_seq, seq);
    }
  return TRUE;
}

static gboolean
purge_class (SkAudit *self, const char *organisation, SkAuditClass class, gint64 before, gint64 up_to,
             guint64 *rows, GError **error)
{
  if (*rows >= SK_AUDIT_PURGE_MAX)
    return TRUE;
  g_autoptr (GArray) due = sk_store_audit_due (self->store, organisation, class, before, up_to,
                                               (guint) (SK_AUDIT_PURGE_MAX - *rows), error);
  if (!due || (due->len > 0 && !purge_rows (self, organisation, class, before, due, error)))
    return FALSE;
  *rows += due->len;
  return TRUE;
}

gboolean
sk_audit_purge (SkAudit *self, const SkAuditRetention *retention, gint64 now, const char *const *sinks,
                guint64 *ret_rows, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (self->store, error);
  guint64 rows = 0;
  for (char **o = organisations; o && *o; o++)
    {
      gint64 up_to;
      if (!told_up_to (self, *o, sinks, &up_to, error))
        return FALSE;
      for (guint class = 0; class < SK_AUDIT_CLASSES; class ++)
        if (retention->days[class] > 0
            && !purge_class (self, *o, class, now - retention->days[class] * DAY_US, up_to, &rows, error))
          return FALSE;
    }
  *ret_rows = rows;
  return organisations != NULL;
}

/* -- holds --------------------------------------------------------------------------------------------------
 */

static char *
hold_id (SkHoldKind kind, const char *name)
{
  return g_strconcat (sk_hold_words[kind], ":", name, NULL);
}

static gboolean
find_hold (SkAudit *self, const char *id, gboolean *ret_there, GError **error)
{
  g_autoptr (GPtrArray) holds = sk_store_holds (self->store, error);
  *ret_there = FALSE;
  for (guint i = 0; holds && i < holds->len; i++)
    *ret_there = *ret_there || strcmp (((SkHold *) holds->pdata[i])->id, id) == 0;
  return holds != NULL;
}

static gboolean
append_hold (SkAudit *self, const char *action, SkHoldKind kind, const char *name, const char *reason,
             GError **error)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "kind", sk_hold_words[kind]);
  json_object_set_string_member (object, "reason", reason ? reason : "");
  g_autofree char *details = to_text (object);
  const SkAuditEvent event = { .action = action, .object = name, .details = details };
  return sk_audit_append (self, &event, error);
}

static gboolean
finish (SkAudit *self, gboolean written, GError **error)
{
  if (written && sk_store_commit (self->store, error))
    return TRUE;
  sk_store_rollback (self->store);
  return FALSE;
}

gboolean
sk_audit_hold (SkAudit *self, SkHoldKind kind, const char *name, const char *reason, GError **error)
{
  g_autofree char *id = hold_id (kind, name);
  gboolean there;
  if (!find_hold (self, id, &there, error))
    return FALSE;
  if (there)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT,
                           SK_BOTH ("it is held already", "すでに保全されています"));
      return FALSE;
    }
  const SkHold row = { id,
                       kind,
                       (char *) name,
                       (char *) (reason ? reason : ""),
                       self->actor ? self->actor : (char *) "broker",
                       g_get_real_time () };
  return sk_store_begin (self->store, error)
         && finish (self,
                    sk_store_put_hold (self->store, &row, error)
                        && append_hold (self, "audit.held", kind, name, reason, error),
                    error);
}

gboolean
sk_audit_release (SkAudit *self, SkHoldKind kind, const char *name, const char *reason, GError **error)
{
  g_autofree char *id = hold_id (kind, name);
  gboolean there;
  if (!find_hold (self, id, &there, error))
    return FALSE;
  if (!there)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                           SK_BOTH ("it is not held", "保全されていません"));
      return FALSE;
    }
  return sk_store_begin (self->store, error)
         && finish (self,
                    sk_store_delete_hold (self->store, id, error)
                        && append_hold (self, "audit.released", kind, name, reason, error),
                    error);
}
