#include "core/trail.h"
#include <stdarg.h>

JsonObject *
sk_trail_details (const char *name, ...)
{
  JsonObject *object = json_object_new ();
  va_list args;
  va_start (args, name);
  for (; name; name = va_arg (args, const char *))
    json_object_set_string_member (object, name, va_arg (args, const char *));
  va_end (args);
  return object;
}

JsonObject *
sk_trail_session (const SkSession *row)
{
  return sk_trail_details ("user", row->user, "pool", row->pool, "vm", row->vm, "reason", row->reason, NULL);
}

gboolean
sk_trail_add (SkCore *core, const SkTrailRow *row, GError **error)
{
  g_autoptr (JsonObject) details = row->details ? row->details : json_object_new ();
  if (!core->parts.audit)
    return TRUE;
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), details);
  g_autofree char *text = json_to_string (node, FALSE);
  const char *organisation = row->user && core->parts.people
                                 ? sk_people_organisation (core->parts.people, row->user, sk_core_wall (core))
                                 : NULL;
  const SkAuditEvent event = { .organisation = organisation,
                               .actor = row->actor,
                               .action = row->action,
                               .object = row->object,
                               .details = text };
  return sk_audit_append (core->parts.audit, &event, error);
}

gboolean
sk_trail_begin (SkCore *core, GError **error)
{
  return sk_store_begin (core->parts.store, error);
}

gboolean
sk_trail_commit (SkCore *core, const SkTrailRow *row, GError **error)
{
  return sk_trail_add (core, row, error) && sk_store_commit (core->parts.store, error);
}

void
sk_trail_rollback (SkCore *core)
{
  sk_store_rollback (core->parts.store);
}
