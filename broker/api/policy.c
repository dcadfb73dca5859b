/* The rules in force. */
#include "api/route.h"
#include "api/server-private.h"
#include "api/transfers.h"
#include "common/error.h"

static void
reply (SkRequest *request)
{
  SkTransfers *transfers = request->server->transfers;
  JsonObject *object = json_object_new ();
  const char *wrong = sk_transfers_policy_error (transfers);
  json_object_set_string_member (object, "version", sk_transfers_policy_version (transfers));
  json_object_set_string_member (object, "error", wrong ? wrong : "");
  sk_request_reply_object (request, object);
}

static gboolean
have_transfers (SkRequest *request)
{
  if (request->server->transfers)
    return TRUE;
  sk_request_reply_error (request,
                          g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE, "nothing crosses here"));
  return FALSE;
}

void
sk_api_get_policy (SkRequest *request)
{
  if (have_transfers (request))
    reply (request);
}

void
sk_api_post_policy_reload (SkRequest *request)
{
  GError *error = NULL;
  if (!have_transfers (request))
    return;
  if (sk_transfers_reload_policy (request->server->transfers, &error))
    reply (request);
  else
    sk_request_reply_error (request, error);
}
