#include "store/people.h"
#include "store/store-private.h"

const SkField sk_person_fields[] = {
  ROW (SkPerson, id, SK_FIELD_STRING),      ROW (SkPerson, user, SK_FIELD_STRING),
  ROW (SkPerson, name, SK_FIELD_STRING),    ROW (SkPerson, organisation, SK_FIELD_STRING),
  ROW (SkPerson, section, SK_FIELD_STRING), ROW (SkPerson, role, SK_FIELD_STRING),
  ROW (SkPerson, since, SK_FIELD_INT64),    ROW (SkPerson, until, SK_FIELD_INT64),
  ROW (SkPerson, created, SK_FIELD_INT64),  { NULL },
};

const SkField sk_delegation_fields[] = {
  ROW (SkDelegation, id, SK_FIELD_STRING),
  ROW (SkDelegation, user, SK_FIELD_STRING),
  ROW (SkDelegation, deputy, SK_FIELD_STRING),
  ROW (SkDelegation, reason, SK_FIELD_STRING),
  ROW (SkDelegation, author, SK_FIELD_STRING),
  ROW (SkDelegation, since, SK_FIELD_INT64),
  ROW (SkDelegation, until, SK_FIELD_INT64),
  ROW (SkDelegation, created, SK_FIELD_INT64),
  { NULL },
};

SK_DEFINE_ROW (SkPerson, person)
SK_DEFINE_ROW (SkDelegation, delegation)

static const SkTable people_table = SK_TABLE (SkPerson, person, "people");
static const SkTable delegations_table = SK_TABLE (SkDelegation, delegation, "delegations");

GPtrArray *
sk_store_people (SkStore *store, GError **error)
{
  return sk_store_list_rows (store, &people_table, "", NULL, error);
}

GPtrArray *
sk_store_delegations (SkStore *store, GError **error)
{
  return sk_store_list_rows (store, &delegations_table, "", NULL, error);
}

static gboolean
replace (SkStore *store, GPtrArray *people, GError **error)
{
  if (sqlite3_exec (sk_store_handle (store), "DELETE FROM people", NULL, NULL, NULL) != SQLITE_OK)
    return sk_store_fail (sk_store_handle (store), "people", error);
  for (guint i = 0; i < people->len; i++)
    if (!sk_store_put_row (store, &people_table, people->pdata[i], error))
      return FALSE;
  return TRUE;
}

gboolean
sk_store_replace_people (SkStore *store, GPtrArray *people, GError **error)
{
  if (sk_store_is_begun (store))
    return replace (store, people, error);
  if (!sk_store_begin (store, error))
    return FALSE;
  if (replace (store, people, error) && sk_store_commit (store, error))
    return TRUE;
  sk_store_rollback (store);
  return FALSE;
}

gboolean
sk_store_put_delegation (SkStore *store, const SkDelegation *row, GError **error)
{
  return sk_store_put_row (store, &delegations_table, row, error);
}

gboolean
sk_store_delete_delegation (SkStore *store, const char *id, GError **error)
{
  return sk_store_delete_row (store, &delegations_table, id, error);
}
