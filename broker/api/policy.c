/* The rules in force. */
#include "api/route.h"
#include "api/server-private.h"
#include "api/transfers.h"
#include "common/error.h"

static void
reply (SkRequest *request)
{
  JsonObject *object = json_object_new ();
  SkPolicyStatus status;
  sk_transfers_policy_status (request->server->transfers, &status);
  json_object_set_string_member (object, "version", status.version);
  json_object_set_int_member (object, "since", status.since);
  json_object_set_int_member (object, "files", status.files);
  json_object_set_int_member (object, "rules", status.rules);
  json_object_set_string_member (object, "directory", status.directory);
  json_object_set_boolean_member (object, "from_copy", status.from_copy);
  json_object_set_string_member (object, "error", status.error ? status.error : "");
  json_object_set_int_member (object, "error_since", status.error_since);
  sk_request_reply_object (request, object);
}

void
sk_api_get_policy (SkRequest *request)
{
  if (sk_api_transfers (request))
    reply (request);
}

void
sk_api_post_policy_reload (SkRequest *request)
{
  GError *error = NULL;
  if (!sk_api_transfers (request))
    return;
  if (sk_transfers_reload_policy (request->server->transfers, request->who->user, &error))
    reply (request);
  else
    sk_request_reply_error (request, error);
}
