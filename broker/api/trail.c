/* What a request writes into the audit trail where the core does not. */
#include "api/server-private.h"
#include "common/error.h"
#include <stdarg.h>

gboolean
sk_api_trail (SkRequest *request, const char *action, const char *object, ...)
{
  g_autoptr (JsonObject) details = json_object_new ();
  va_list args;
  va_start (args, object);
  for (const char *name = va_arg (args, const char *); name; name = va_arg (args, const char *))
    json_object_set_string_member (details, name, va_arg (args, const char *));
  va_end (args);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), details);
  g_autofree char *text = json_to_string (node, FALSE);
  const SkAuditEvent event
      = { .actor = request->who->user, .action = action, .object = object, .details = text };
  GError *error = NULL;
  if (!request->server->audit || sk_audit_append (request->server->audit, &event, &error))
    return TRUE;
  sk_request_reply_error (request, error);
  return FALSE;
}
