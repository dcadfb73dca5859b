/* Matters: transfers that belong together, and the talk about them. */
#include "core/matters.h"
#include "api/route.h"
#include "api/server-private.h"
#include "api/transfers.h"
#include "common/error.h"
#include <string.h>

static void
reply_array (SkRequest *request, JsonArray *take_array)
{
  sk_request_reply (request, json_node_init_array (json_node_alloc (), take_array));
  json_array_unref (take_array);
}

/* -- one ----------------------------------------------------------------------------------------------------
 */

static JsonArray *
transfers_to_json (SkTransfers *transfers, GPtrArray *rows)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < rows->len; i++)
    json_array_add_object_element (array, sk_api_transfer_to_json (transfers, rows->pdata[i], FALSE));
  return array;
}

static JsonArray *
comments_to_json (GPtrArray *rows)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < rows->len; i++)
    json_array_add_object_element (array, sk_json_from_row (sk_comment_fields, rows->pdata[i]));
  return array;
}

static JsonObject *
matter_to_json (SkTransfers *transfers, const SkMatter *m, GError **error)
{
  g_autoptr (GPtrArray) rows = sk_matters_transfers (transfers, m, error);
  g_autoptr (GPtrArray) comments = rows ? sk_matters_comments (transfers, m, error) : NULL;
  g_auto (GStrv) members = comments ? sk_matters_members (transfers, m, error) : NULL;
  if (!members)
    return NULL;
  JsonObject *object = sk_json_from_row (sk_matter_fields, m);
  JsonArray *names = json_array_new ();
  for (char **name = members; *name; name++)
    json_array_add_string_element (names, *name);
  json_object_set_array_member (object, "members", names);
  json_object_set_array_member (object, "transfers", transfers_to_json (transfers, rows));
  json_object_set_array_member (object, "comments", comments_to_json (comments));
  return object;
}

static void
reply_matter (SkRequest *request, const char *id)
{
  GError *error = NULL;
  SkTransfers *transfers = request->server->transfers;
  g_autoptr (SkMatter) m = sk_matters_get (transfers, request->who, id, &error);
  JsonObject *object = m ? matter_to_json (transfers, m, &error) : NULL;
  if (object)
    sk_request_reply_object (request, object);
  else
    sk_request_reply_error (request, error);
}

void
sk_api_get_matter (SkRequest *request)
{
  if (sk_api_transfers (request))
    reply_matter (request, request->args[0]);
}

/* -- all ----------------------------------------------------------------------------------------------------
 */

void
sk_api_get_matters (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  gint64 closed = 0;
  g_autoptr (GPtrArray) all = NULL;
  if (!transfers)
    return;
  if (sk_route_query_number (request, "closed", 0, 1, &closed, &error))
    all = sk_matters_list (transfers, request->who, closed != 0, &error);
  if (!all)
    {
      sk_request_reply_error (request, error);
      return;
    }
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < all->len; i++)
    json_array_add_object_element (array, sk_json_from_row (sk_matter_fields, all->pdata[i]));
  reply_array (request, array);
}

typedef struct
{
  char *title, *state;
} MatterBody;
static const SkBodyField open_fields[] = {
  { "title", SK_BODY_STRING, offsetof (MatterBody, title), SK_MATTER_TITLE_MAX, TRUE },
  { NULL },
};
static const SkBodyField change_fields[] = {
  { "title", SK_BODY_STRING, offsetof (MatterBody, title), SK_MATTER_TITLE_MAX },
  { "state", SK_BODY_STRING, offsetof (MatterBody, state), 16 },
  { NULL },
};

static void
matter_body_clear (MatterBody *body)
{
  g_free (body->title);
  g_free (body->state);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MatterBody, matter_body_clear)

void
sk_api_post_matters (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  g_auto (MatterBody) body = { NULL };
  g_autoptr (SkMatter) m = NULL;
  if (!transfers)
    return;
  if (sk_json_to_struct (request->body, open_fields, &body, &error))
    m = sk_matters_open (transfers, request->who, body.title, &error);
  if (m)
    reply_matter (request, m->id);
  else
    sk_request_reply_error (request, error);
}

static gboolean
read_state (const char *untrusted_word, SkMatterState *ret_state, GError **error)
{
  for (guint i = SK_MATTER_OPEN; i <= SK_MATTER_CLOSED; i++)
    if (strcmp (untrusted_word, sk_matter_state_word (i)) == 0)
      {
        *ret_state = i;
        return TRUE;
      }
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "state: open or closed");
  return FALSE;
}

static gboolean
change (SkRequest *request, const MatterBody *body, GError **error)
{
  SkTransfers *transfers = request->server->transfers;
  g_autoptr (SkMatter) m = sk_matters_get (transfers, request->who, request->args[0], error);
  SkMatterState state = m ? m->state : SK_MATTER_OPEN;
  return m && (!body->state || read_state (body->state, &state, error))
         && sk_matters_change (transfers, request->who, m->id, state, body->title, error);
}

void
sk_api_patch_matter (SkRequest *request)
{
  GError *error = NULL;
  g_auto (MatterBody) body = { NULL };
  if (!sk_api_transfers (request))
    return;
  if (sk_json_to_struct (request->body, change_fields, &body, &error) && change (request, &body, &error))
    reply_matter (request, request->args[0]);
  else
    sk_request_reply_error (request, error);
}

/* -- in one -------------------------------------------------------------------------------------------------
 */

void
sk_api_get_matter_comments (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  if (!transfers)
    return;
  g_autoptr (SkMatter) m = sk_matters_get (transfers, request->who, request->args[0], &error);
  g_autoptr (GPtrArray) rows = m ? sk_matters_comments (transfers, m, &error) : NULL;
  if (rows)
    reply_array (request, comments_to_json (rows));
  else
    sk_request_reply_error (request, error);
}

typedef struct
{
  char *text;
} TextBody;
static const SkBodyField comment_fields[] = {
  { "text", SK_BODY_STRING, offsetof (TextBody, text), SK_TRANSFER_TEXT_MAX, TRUE },
  { NULL },
};
static const SkBodyField add_fields[] = {
  { "transfer", SK_BODY_STRING, offsetof (TextBody, text), SK_ROUTE_ARG_MAX, TRUE },
  { NULL },
};

void
sk_api_post_matter_comments (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  TextBody body = { NULL };
  if (!transfers)
    return;
  if (sk_json_to_struct (request->body, comment_fields, &body, &error)
      && sk_matters_comment (transfers, request->who, request->args[0], body.text, &error))
    sk_api_get_matter_comments (request);
  else
    sk_request_reply_error (request, error);
  g_free (body.text);
}

void
sk_api_post_matter_transfers (SkRequest *request)
{
  SkTransfers *transfers = sk_api_transfers (request);
  GError *error = NULL;
  TextBody body = { NULL };
  if (!transfers)
    return;
  if (sk_json_to_struct (request->body, add_fields, &body, &error)
      && sk_matters_add (transfers, request->who, request->args[0], body.text, &error))
    reply_matter (request, request->args[0]);
  else
    sk_request_reply_error (request, error);
  g_free (body.text);
}

/* -- events -------------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkTransfers *transfers;
  const char *id;
} Changed;

static gboolean
may_see (const SkIdentity *who, gpointer data)
{
  const Changed *changed = data;
  return sk_matters_may_see (changed->transfers, who, changed->id);
}

void
sk_api_matter_changed (SkApiServer *server, const char *id)
{
  Changed changed = { server->transfers, id };
  JsonObject *event = json_object_new ();
  json_object_set_string_member (event, "type", "matter");
  json_object_set_string_member (event, "id", id);
  json_object_set_string_member (event, "state", "changed");
  json_object_set_string_member (event, "text", "");
  sk_events_emit_to (server->events, may_see, &changed, event);
}
