/* The broker itself: what it is, whether it is well, doctor, shutdown. */
#include "api/operations.h"
#include "api/route.h"
#include "api/server-private.h"
#include "api/sessions.h"
#include "common/error.h"
#include <string.h>
#include <unistd.h>

#define DRAINING "Shutting down"

/* One word for each thing added after 1.0 began, so that a client can ask before it uses it. */
static const char *const api_extensions[]
    = { "pool_sound",     "pool_watermark",   "pool_recording",  "recordings",
        "pool_clipboard", "transfer_preview", "transfer_resend", "matters",
        "audit_export",   "audit_ledger",     "audit_holds",     NULL };

static void
add_versions (JsonObject *object)
{
  g_autofree char *glib
      = g_strdup_printf ("%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
  g_autofree char *soup = g_strdup_printf ("%u.%u.%u", soup_get_major_version (), soup_get_minor_version (),
                                           soup_get_micro_version ());
  JsonObject *versions = json_object_new ();
  json_object_set_string_member (versions, "sekisho", SK_VERSION);
  json_object_set_string_member (versions, "glib", glib);
  json_object_set_string_member (versions, "libsoup", soup);
  json_object_set_object_member (object, "versions", versions);
}

void
sk_api_get_server (SkRequest *request)
{
  JsonObject *object = json_object_new (), *auth = json_object_new ();
  JsonArray *extensions = json_array_new ();
  for (const char *const *word = api_extensions; *word; word++)
    json_array_add_string_element (extensions, *word);
  json_object_set_string_member (object, "api_version", "1.0");
  json_object_set_array_member (object, "api_extensions", extensions);
  json_object_set_int_member (object, "pid", getpid ());
  json_object_set_int_member (object, "uid", geteuid ());
  json_object_set_int_member (object, "started", request->server->started);
  add_versions (object);
  json_object_set_string_member (auth, "user", request->who->user);
  json_object_set_int_member (auth, "uid", request->who->uid);
  json_object_set_boolean_member (auth, "admin", request->who->admin);
  json_object_set_object_member (object, "auth", auth);
  sk_request_reply_object (request, object);
}

/* Small, for a watchdog: that it is answered at all is the answer. */
void
sk_api_get_health (SkRequest *request)
{
  JsonObject *object = json_object_new ();
  json_object_set_boolean_member (object, "drained", sk_manager_is_drained (request->manager));
  json_object_set_int_member (object, "spare_views", sk_manager_spare_views (request->manager));
  json_object_set_int_member (object, "uptime_seconds",
                              (g_get_real_time () - request->server->started) / G_USEC_PER_SEC);
  sk_request_reply_object (request, object);
}

/* -- doctor --------------------------------------------------------------------------------------------- */

static void
on_doctor (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SkOperation) operation = data;
  GError *error = NULL;
  g_autofree char *text = sk_manager_doctor_finish (SK_MANAGER (source), result, &error);
  JsonNode *report = NULL;
  if (text)
    report = sk_json_parse (text, strlen (text), SK_JSON_ANSWER_DEPTH, SK_JSON_ANSWER_NODES, &error);
  /* Our own text: that it is no JSON is our own mistake, not the caller's. */
  if (text && !report)
    error->code = SK_ERROR_INTERNAL;
  sk_operation_finish (operation, report, error);
}

void
sk_api_get_doctor (SkRequest *request)
{
  GError *error = NULL;
  SkOperation *operation
      = sk_operation_new (request->server->operations, request->who, "Doctor", NULL, NULL, NULL, &error);
  if (!operation)
    {
      sk_request_reply_error (request, error);
      return;
    }
  sk_manager_doctor_async (request->manager,
                           request->query ? g_hash_table_lookup (request->query, "canary") : NULL, on_doctor,
                           sk_operation_ref (operation));
  sk_request_reply_operation (request, operation);
}

/* -- shutdown ------------------------------------------------------------------------------------------- */

static void
finish_drained (SkOperation *operation, gpointer data)
{
  sk_operation_finish (operation, NULL, NULL);
}

void
sk_api_system_check_drained (SkApiServer *server)
{
  if (sk_manager_is_drained (server->manager))
    sk_operations_foreach (server->operations, DRAINING, finish_drained, NULL);
}

typedef struct
{
  gboolean sessions;
} ShutdownBody;

void
sk_api_post_shutdown (SkRequest *request)
{
  static const SkBodyField fields[] = {
    { "sessions", SK_BODY_BOOL, offsetof (ShutdownBody, sessions) },
    { NULL },
  };
  ShutdownBody body = { FALSE };
  GError *error = NULL;
  SkOperation *operation = NULL;

  if (sk_json_to_struct (request->body, fields, &body, &error))
    {
      if (!sk_api_trail (request, "broker.draining", "", "sessions", body.sessions ? "end" : "stay", NULL))
        return;
      operation
          = sk_operation_new (request->server->operations, request->who, DRAINING, NULL, NULL, NULL, &error);
    }
  if (!operation)
    {
      sk_request_reply_error (request, error);
      return;
    }
  sk_manager_drain (request->manager, body.sessions);
  sk_request_reply_operation (request, operation);
  sk_api_system_check_drained (request->server);
}
