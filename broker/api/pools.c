#include "api/route.h"
#include "common/error.h"
#include <string.h>
#include "wire/agent.h"

/* Only nonsense is kept out here; the core knows the real limits of each value. */
#define TEXT_MAX 256
#define NUMBER_MAX 1000000

#define TEXT(member)                                                                                         \
  {                                                                                                          \
#member, SK_BODY_STRING, offsetof(SkPool, member), TEXT_MAX                                              \
  }
#define NUMBER(member)                                                                                       \
  {                                                                                                          \
#member, SK_BODY_UINT, offsetof(SkPool, member), NUMBER_MAX                                              \
  }
#define SWITCH(member)                                                                                       \
  {                                                                                                          \
#member, SK_BODY_BOOL, offsetof(SkPool, member)                                                          \
  }
/* What a body may set; the first row only where a pool is created. */
static const SkBodyField fields[] = {
  { "name", SK_BODY_STRING, offsetof (SkPool, name), TEXT_MAX, TRUE },
  TEXT (image),
  NUMBER (memory_mib),
  NUMBER (vcpus),
  TEXT (network),
  NUMBER (warm),
  NUMBER (stored),
  NUMBER (maximum),
  NUMBER (width),
  NUMBER (height),
  NUMBER (detached_minutes),
  TEXT (group),
  TEXT (border),
  { "home_url", SK_BODY_STRING, offsetof (SkPool, home_url), SK_URL_MAX },
  SWITCH (sound),
  SWITCH (watermark),
  SWITCH (recording),
  TEXT (clipboard),
  { NULL },
};

/* What a member that a body leaves out is. 2 GiB and two processors run Chromium with a few heavy pages; one
 * warm VM makes the first click of a small office fast. */
static SkPool *
default_pool (void)
{
  SkPool *pool = g_new0 (SkPool, 1);
  pool->name = g_strdup ("");
  pool->image = g_strdup ("");
  pool->memory_mib = 2048;
  pool->vcpus = 2;
  pool->network = g_strdup ("");
  pool->warm = 1;
  pool->maximum = 4;
  pool->width = 1280;
  pool->height = 800;
  pool->detached_minutes = 60;
  pool->group = g_strdup ("");
  pool->border = g_strdup ("インターネット側");
  pool->home_url = g_strdup ("");
  pool->sound = TRUE;
  pool->clipboard = g_strdup ("both"); /* what may cross is for the rules to say */
  return pool;
}

/* One that the caller may use is one it may know of. */
static gboolean
may_see (const SkIdentity *who, const SkPool *pool)
{
  return who->admin || !pool->group || !*pool->group || sk_identity_in_group (who, pool->group);
}

/* Not a part of the row: an ETag must not change with it. */
static void
add_status (SkRequest *request, const char *name, JsonObject *row)
{
  g_autoptr (SkPoolStatus) status = sk_manager_pool_status (request->manager, name, NULL);
  JsonObject *object;
  if (!status || !request->who->admin)
    return;
  object = json_object_new ();
  json_object_set_int_member (object, "warm", status->warm);
  json_object_set_int_member (object, "stored", status->stored);
  json_object_set_int_member (object, "booting", status->booting);
  json_object_set_int_member (object, "attached", status->attached);
  json_object_set_int_member (object, "retiring", status->retiring);
  json_object_set_int_member (object, "queued", status->queued);
  json_object_set_int_member (object, "failures", status->failures);
  json_object_set_int_member (object, "retry_at", status->retry_at);
  json_object_set_string_member (object, "reason", status->reason ? status->reason : "");
  json_object_set_object_member (row, "status", object);
}

void
sk_api_get_pools (SkRequest *request)
{
  g_autoptr (GPtrArray) pools = sk_manager_pools (request->manager);
  JsonArray *rows = json_array_new ();
  for (guint i = 0; i < pools->len; i++)
    {
      const SkPool *pool = g_ptr_array_index (pools, i);
      if (!may_see (request->who, pool))
        continue;
      JsonObject *row = sk_json_from_row (sk_pool_fields, pool);
      add_status (request, pool->name, row);
      json_array_add_object_element (rows, row);
    }
  sk_request_reply (request, json_node_init_array (json_node_alloc (), rows));
  json_array_unref (rows);
}

/* NULL: answered with an error. */
static SkPool *
find_pool (SkRequest *request)
{
  GError *error = NULL;
  g_autoptr (SkPool) pool = sk_manager_pool (request->manager, request->args[0], &error);
  if (pool && may_see (request->who, pool))
    return g_steal_pointer (&pool);
  if (!error)
    error = g_error_new (SK_ERROR, SK_ERROR_NOT_FOUND, "%s", request->args[0]);
  sk_request_reply_error (request, error);
  return NULL;
}

static void
reply_pool (SkRequest *request, const SkPool *pool)
{
  JsonObject *row = sk_json_from_row (sk_pool_fields, pool);
  g_autofree char *etag = sk_request_etag (row);
  soup_message_headers_replace (soup_server_message_get_response_headers (request->message), "ETag", etag);
  add_status (request, pool->name, row);
  sk_request_reply_object (request, row);
}

void
sk_api_get_pool (SkRequest *request)
{
  g_autoptr (SkPool) pool = find_pool (request);
  if (pool)
    reply_pool (request, pool);
}

/* Reads the stored row back, so that the answer and its ETag are what the next GET says. */
static void
store_pool (SkRequest *request, const SkPool *pool, gboolean create)
{
  GError *error = NULL;
  g_autoptr (SkPool) stored = NULL;
  if (sk_manager_put_pool (request->manager, pool, create, &error))
    stored = sk_manager_pool (request->manager, pool->name, &error);
  if (stored)
    reply_pool (request, stored);
  else
    sk_request_reply_error (request, error);
}

void
sk_api_post_pools (SkRequest *request)
{
  GError *error = NULL;
  g_autoptr (SkPool) pool = default_pool ();
  if (sk_json_to_struct (request->body, fields, pool, &error))
    store_pool (request, pool, TRUE);
  else
    sk_request_reply_error (request, error);
}

/* `base` is what members that the body leaves out stay. */
static void
edit_pool (SkRequest *request, SkPool *base, const SkPool *present)
{
  GError *error = NULL;
  g_autoptr (JsonObject) row = sk_json_from_row (sk_pool_fields, present);
  g_autofree char *etag = sk_request_etag (row);

  if (!sk_request_check_match (request, etag))
    return;
  if (!sk_json_to_struct (request->body, fields + 1, base, &error))
    {
      sk_request_reply_error (request, error);
      return;
    }
  g_free (base->name);
  base->name = g_strdup (present->name);
  base->created = present->created;
  store_pool (request, base, FALSE);
}

void
sk_api_put_pool (SkRequest *request)
{
  g_autoptr (SkPool) present = find_pool (request), base = default_pool ();
  if (present)
    edit_pool (request, base, present);
}

void
sk_api_patch_pool (SkRequest *request)
{
  g_autoptr (SkPool) present = find_pool (request);
  g_autoptr (SkPool) base = present ? sk_pool_copy (present) : NULL;
  if (present)
    edit_pool (request, base, present);
}

void
sk_api_delete_pool (SkRequest *request)
{
  GError *error = NULL;
  gint64 force = 0;
  if (sk_route_query_number (request, "force", 0, 1, &force, &error)
      && sk_manager_delete_pool (request->manager, request->args[0], force == 1, &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}
