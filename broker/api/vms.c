#include "api/route.h"
#include "common/error.h"
#include <string.h>

void
sk_api_get_vms (SkRequest *request)
{
  g_autoptr (GPtrArray) vms = sk_manager_vms (request->manager);
  JsonArray *rows = json_array_new ();
  for (guint i = 0; i < vms->len; i++)
    json_array_add_object_element (rows, sk_json_from_row (sk_vm_fields, g_ptr_array_index (vms, i)));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), rows));
  json_array_unref (rows);
}

void
sk_api_get_vm (SkRequest *request)
{
  g_autoptr (GPtrArray) vms = sk_manager_vms (request->manager);
  for (guint i = 0; i < vms->len; i++)
    {
      const SkVm *vm = g_ptr_array_index (vms, i);
      if (g_strcmp0 (vm->id, request->args[0]) != 0)
        continue;
      sk_request_reply_object (request, sk_json_from_row (sk_vm_fields, vm));
      return;
    }
  sk_request_reply_error (request, g_error_new (SK_ERROR, SK_ERROR_NOT_FOUND, "%s", request->args[0]));
}

void
sk_api_delete_vm (SkRequest *request)
{
  GError *error = NULL;
  g_autofree char *reason = g_strdup_printf (SK_BOTH ("Retired by %s.", "%s が終了させました。"),
                                             request->who->user, request->who->user);
  if (sk_manager_retire_vm (request->manager, request->args[0], reason, &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}
