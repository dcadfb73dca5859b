/* Who may decide: the personnel list, and deputies. */
#include "api/route.h"
#include "api/server-private.h"
#include "common/error.h"
#include "core/people.h"
#include <string.h>

static SkPeople *
people_of (SkRequest *request)
{
  if (!request->server->people)
    sk_request_reply_error (request, g_error_new_literal (SK_ERROR, SK_ERROR_UNAVAILABLE, "no people here"));
  return request->server->people;
}

static void
reply_list (SkRequest *request, const SkField *fields, const GPtrArray *rows)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < rows->len; i++)
    json_array_add_object_element (array, sk_json_from_row (fields, rows->pdata[i]));
  sk_request_reply (request, json_node_init_array (json_node_alloc (), array));
  json_array_unref (array);
}

void
sk_api_get_people (SkRequest *request)
{
  SkPeople *people = people_of (request);
  if (people)
    reply_list (request, sk_person_fields, sk_people_list (people));
}

/* The body is an object with the CSV as text, so that it passes the same strict gate as every other one. */
void
sk_api_put_people (SkRequest *request)
{
  SkPeople *people = people_of (request);
  JsonObject *body
      = request->body && JSON_NODE_HOLDS_OBJECT (request->body) ? json_node_get_object (request->body) : NULL;
  const char *csv = sk_json_get_string (body, "csv", NULL);
  GError *error = NULL;
  guint lines = 0;
  if (!people)
    return;
  if (!csv || json_object_get_size (body) != 1)
    g_set_error_literal (&error, SK_ERROR, SK_ERROR_INVALID, "csv: the list as text, and nothing else");
  else if (sk_people_import_by (people, request->who->user, csv, strlen (csv), g_get_real_time (), &lines,
                                &error))
    {
      JsonObject *answer = json_object_new ();
      json_object_set_int_member (answer, "lines", lines);
      sk_request_reply_object (request, answer);
      return;
    }
  sk_request_reply_error (request, error);
}

void
sk_api_get_delegations (SkRequest *request)
{
  SkPeople *people = people_of (request);
  if (people)
    reply_list (request, sk_delegation_fields, sk_people_delegations (people));
}

typedef struct
{
  char *user, *deputy, *reason, *since, *until;
} DelegationBody;

#define NAME_BYTES 256
static const SkBodyField fields[] = {
  { "user", SK_BODY_STRING, offsetof (DelegationBody, user), NAME_BYTES },
  { "deputy", SK_BODY_STRING, offsetof (DelegationBody, deputy), NAME_BYTES, TRUE },
  { "reason", SK_BODY_STRING, offsetof (DelegationBody, reason), 1000 },
  { "since", SK_BODY_STRING, offsetof (DelegationBody, since), 10, TRUE },
  { "until", SK_BODY_STRING, offsetof (DelegationBody, until), 10, TRUE },
  { NULL },
};

static void
delegation_body_clear (DelegationBody *body)
{
  g_free (body->user);
  g_free (body->deputy);
  g_free (body->reason);
  g_free (body->since);
  g_free (body->until);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DelegationBody, delegation_body_clear)

/* Dates, both inclusive. */
static gboolean
delegate (SkRequest *request, const DelegationBody *body, char **ret_id, GError **error)
{
  gint64 since, until;
  if (!*body->since || !*body->until || !sk_people_read_date (body->since, 0, &since)
      || !sk_people_read_date (body->until, 1, &until))
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_INVALID,
          SK_BOTH ("since and until: YYYY-MM-DD", "期間は 年4桁-月2桁-日2桁 で指定してください"));
      return FALSE;
    }
  return sk_people_delegate (request->server->people, request->who,
                             body->user ? body->user : request->who->user, body->deputy, since, until,
                             body->reason, g_get_real_time (), ret_id, error);
}

void
sk_api_post_delegations (SkRequest *request)
{
  SkPeople *people = people_of (request);
  g_auto (DelegationBody) body = { NULL };
  g_autofree char *id = NULL;
  GError *error = NULL;
  if (!people)
    return;
  if (sk_json_to_struct (request->body, fields, &body, &error) && delegate (request, &body, &id, &error))
    {
      JsonObject *answer = json_object_new ();
      json_object_set_string_member (answer, "id", id);
      sk_request_reply_object (request, answer);
    }
  else
    sk_request_reply_error (request, error);
}

void
sk_api_delete_delegation (SkRequest *request)
{
  SkPeople *people = people_of (request);
  GError *error = NULL;
  if (!people)
    return;
  if (sk_people_end_delegation (people, request->who, request->args[0], &error))
    sk_request_reply (request, NULL);
  else
    sk_request_reply_error (request, error);
}
