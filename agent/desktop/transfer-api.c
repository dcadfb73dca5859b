#include "desktop/transfer-api.h"
#include "api/json.h"
#include "common/crossing.h"
#include "common/finding.h"
#include <string.h>

#define ID_MAX 64

static void
item_free (SkTransferInfoItem *item)
{
  g_free (item->untrusted_name);
  g_free (item->type);
  g_free (item->untrusted_result_name);
  g_free (item->result_sha256);
  g_free (item->findings);
  g_free (item->removed);
  g_free (item);
}

void
sk_transfer_info_free (SkTransferInfo *info)
{
  if (!info)
    return;
  g_free (info->id);
  g_free (info->state);
  g_free (info->direction);
  g_free (info->kind);
  g_free (info->user);
  g_free (info->reason);
  g_free (info->rule);
  g_free (info->matter);
  g_free (info->refusal_code);
  g_free (info->refusal);
  g_clear_pointer (&info->items, g_ptr_array_unref);
  g_strfreev (info->who);
  g_clear_pointer (&info->decisions, g_ptr_array_unref);
  g_free (info);
}

gboolean
sk_transfer_is_id (const char *untrusted_text)
{
  const gsize n = strspn (untrusted_text, "0123456789abcdef-");
  return n > 0 && n <= ID_MAX && !untrusted_text[n];
}

/* -- reading --------------------------------------------------------------------------------------------- */

static JsonObject *
get_object (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
get_array (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonObject *
element (JsonArray *array, guint i)
{
  JsonNode *node = json_array_get_element (array, i);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static char *
dup_string (JsonObject *object, const char *name)
{
  return g_strdup (sk_json_get_string (object, name, ""));
}

static gboolean
broken (const char *what, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "transfer: %s", what);
  return FALSE;
}

/* Elements that are not strings are left out. */
static char **
get_strings (JsonObject *object, const char *name)
{
  JsonArray *array = get_array (object, name);
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      if (json_node_get_value_type (node) == G_TYPE_STRING)
        g_ptr_array_add (all, json_node_dup_string (node));
    }
  g_ptr_array_add (all, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&all), FALSE);
}

static char *
join_findings (JsonObject *object)
{
  JsonArray *array = get_array (object, "findings");
  GString *all = g_string_new (NULL);
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonObject *one = element (array, i);
      if (one)
        g_string_append_printf (all, "%s%s ×%" G_GINT64_FORMAT, all->len ? ", " : "",
                                sk_finding_text (sk_json_get_string (one, "kind", "?")),
                                sk_json_get_int (one, "count", 1));
    }
  return g_string_free (all, FALSE);
}

static char *
join_words (char **words)
{
  GString *all = g_string_new (NULL);
  for (; *words; words++)
    g_string_append_printf (all, "%s%s", all->len ? ", " : "", sk_finding_text (*words));
  return g_string_free (all, FALSE);
}

static gboolean
is_sha256 (const char *text)
{
  return strlen (text) == 64 && strspn (text, "0123456789abcdef") == 64;
}

static gboolean
add_item (SkTransferInfo *info, JsonObject *object, GError **error)
{
  const gint64 size = sk_json_get_int (object, "size", -1),
               received = sk_json_get_int (object, "received", 0),
               result_size = sk_json_get_int (object, "result_size", 0),
               index = sk_json_get_int (object, "index", info->items->len);
  const char *sha256 = sk_json_get_string (object, "result_sha256", "");
  if (size < 0 || received < 0 || received > size || result_size < 0 || (*sha256 && !is_sha256 (sha256)))
    return broken ("item", error);
  /* In order: what names an item here is its place. */
  if (index != info->items->len)
    return broken ("index", error);
  g_auto (GStrv) removed = get_strings (object, "removed");
  SkTransferInfoItem *item = g_new0 (SkTransferInfoItem, 1);
  item->index = (guint) index;
  item->untrusted_name = dup_string (object, "name");
  item->size = (guint64) size;
  item->received = (guint64) received;
  item->type = dup_string (object, "type");
  item->untrusted_result_name = dup_string (object, "result_name");
  item->result_size = (guint64) result_size;
  item->result_sha256 = g_strdup (sha256);
  item->findings = join_findings (object);
  item->removed = join_words (removed);
  g_ptr_array_add (info->items, item);
  return TRUE;
}

static gboolean
read_items (SkTransferInfo *info, JsonObject *object, GError **error)
{
  JsonArray *array = get_array (object, "items");
  const guint n = array ? json_array_get_length (array) : 0;
  if (n > SK_TRANSFER_INFO_ITEMS_MAX)
    return broken ("items", error);
  for (guint i = 0; i < n; i++)
    {
      JsonObject *item = element (array, i);
      if (!item || !add_item (info, item, error))
        return item ? FALSE : broken ("item", error);
    }
  return TRUE;
}

/* "鈴木 花子（suzuki）", with whom a deputy stands for; those who said yes already are not asked any more. An
 * older broker says no more than who. */
static char **
read_people (JsonObject *approval)
{
  JsonArray *array = get_array (approval, "people");
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  if (!array)
    return get_strings (approval, "who");
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonObject *one = element (array, i);
      if (!one || sk_json_get_bool (one, "done", FALSE))
        continue;
      const char *user = sk_json_get_string (one, "user", "?"), *name = sk_json_get_string (one, "name", "");
      const char *in_place_of = sk_json_get_string (one, "in_place_of", "");
      g_autofree char *called
          = *name ? g_strdup_printf (SK_TR ("%s (%s)", "%s（%s）"), name, user) : g_strdup (user);
      g_ptr_array_add (
          all, *in_place_of ? g_strdup_printf (SK_TR ("%s for %s", "%s［%s の代理］"), called, in_place_of)
                            : g_steal_pointer (&called));
    }
  g_ptr_array_add (all, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&all), FALSE);
}

static void
read_decisions (SkTransferInfo *info, JsonObject *approval)
{
  JsonArray *array = get_array (approval, "decisions");
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonObject *one = element (array, i);
      if (!one)
        continue;
      const gboolean yes = strcmp (sk_json_get_string (one, "verdict", ""), "approve") == 0;
      const char *comment = sk_json_get_string (one, "comment", "");
      g_ptr_array_add (info->decisions,
                       g_strdup_printf ("%s: %s%s%s", sk_json_get_string (one, "user", "?"),
                                        yes ? SK_TR ("approved", "承認") : SK_TR ("denied", "否認"),
                                        *comment ? " — " : "", comment));
    }
}

static void
read_approval (SkTransferInfo *info, JsonObject *object)
{
  JsonObject *approval = get_object (object, "approval");
  info->decisions = g_ptr_array_new_with_free_func (g_free);
  if (!approval)
    return;
  info->stage = (guint) CLAMP (sk_json_get_int (approval, "stage", 0), 0, G_MAXINT32);
  info->stages = (guint) CLAMP (sk_json_get_int (approval, "stages", 0), 0, G_MAXINT32);
  info->until = sk_json_get_int (approval, "until", 0);
  info->need = (guint) CLAMP (sk_json_get_int (approval, "need", 0), 0, G_MAXINT32);
  info->given = (guint) CLAMP (sk_json_get_int (approval, "given", 0), 0, G_MAXINT32);
  info->escalates = sk_json_get_int (approval, "escalates", 0);
  info->escalated = sk_json_get_int (approval, "escalated", 0);
  info->who = read_people (approval);
  read_decisions (info, approval);
}

static void
read_refusal (SkTransferInfo *info, JsonObject *object)
{
  JsonObject *refusal = get_object (object, "refusal");
  if (!refusal)
    return;
  info->refusal_code = dup_string (refusal, "code");
  info->refusal = dup_string (refusal, SK_TR ("en", "ja"));
}

SkTransferInfo *
sk_transfer_info_parse (JsonNode *untrusted_node, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (untrusted_node) ? json_node_get_object (untrusted_node) : NULL;
  g_autoptr (SkTransferInfo) info = g_new0 (SkTransferInfo, 1);
  info->id = dup_string (object, "id");
  info->state = dup_string (object, "state");
  info->direction = dup_string (object, "direction");
  info->kind = dup_string (object, "kind");
  info->user = dup_string (object, "user");
  info->reason = dup_string (object, "reason");
  info->rule = dup_string (object, "rule");
  info->matter = dup_string (object, "matter");
  info->created = sk_json_get_int (object, "created", 0);
  info->changed = sk_json_get_int (object, "changed", 0);
  info->count = (guint) CLAMP (sk_json_get_int (object, "count", 0), 0, G_MAXINT32);
  info->size = (guint64) MAX (0, sk_json_get_int (object, "size", 0));
  info->items = g_ptr_array_new_with_free_func ((GDestroyNotify) item_free);
  if (!sk_transfer_is_id (info->id) || !*info->state)
    {
      broken ("id", error);
      return NULL;
    }
  read_refusal (info, object);
  read_approval (info, object);
  return read_items (info, object, error) ? g_steal_pointer (&info) : NULL;
}

/* -- asking ---------------------------------------------------------------------------------------------- */

GPtrArray *
sk_transfer_info_list (SkClient *client, const char *box, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/transfers?box=%s", box);
  g_autoptr (JsonNode) answer = sk_client_call (client, "GET", path, NULL, NULL, error);
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_transfer_info_free);
  if (!answer)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY (answer))
    {
      broken ("list", error);
      return NULL;
    }
  JsonArray *rows = json_node_get_array (answer);
  for (guint i = 0; i < json_array_get_length (rows); i++)
    {
      SkTransferInfo *info = sk_transfer_info_parse (json_array_get_element (rows, i), error);
      if (!info)
        return NULL;
      g_ptr_array_add (all, info);
    }
  return g_steal_pointer (&all);
}

static gboolean
check_id (const char *id, GError **error)
{
  if (sk_transfer_is_id (id))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_TR ("“%s” is not the number of a transfer. Look it up with: sekisho sent, sekisho inbox",
                      "「%s」は転送の番号ではありません。sekisho sent か sekisho inbox で確認してください。"),
               id);
  return FALSE;
}

SkTransferInfo *
sk_transfer_info_get (SkClient *client, const char *id, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/transfers/%s", id);
  if (!check_id (id, error))
    return NULL;
  g_autoptr (JsonNode) answer = sk_client_call (client, "GET", path, NULL, NULL, error);
  return answer ? sk_transfer_info_parse (answer, error) : NULL;
}

SkTransferInfo *
sk_transfer_info_create (SkClient *client, const char *reason, const char *matter,
                         const SkTransferInfoOffer *offers, guint n_offers, GError **error)
{
  g_autoptr (JsonNode) body = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();
  JsonArray *items = json_array_new ();
  for (guint i = 0; i < n_offers; i++)
    {
      JsonObject *item = json_object_new ();
      json_object_set_string_member (item, "name", offers[i].name);
      json_object_set_int_member (item, "size", (gint64) offers[i].size);
      json_array_add_object_element (items, item);
    }
  json_object_set_string_member (object, "kind", "file");
  json_object_set_string_member (object, "reason", reason ? reason : "");
  if (matter)
    json_object_set_string_member (object, "matter", matter);
  json_object_set_array_member (object, "items", items);
  json_node_take_object (body, object);
  g_autoptr (JsonNode) answer = sk_client_call (client, "POST", "/1.0/transfers", body, NULL, error);
  g_autoptr (SkTransferInfo) info = answer ? sk_transfer_info_parse (answer, error) : NULL;
  if (info && info->items->len != n_offers)
    {
      broken ("items", error);
      return NULL;
    }
  return g_steal_pointer (&info);
}

GPtrArray *
sk_transfer_info_comments (SkClient *client, const char *id, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/transfers/%s/comments", id);
  g_autoptr (JsonNode) answer
      = check_id (id, error) ? sk_client_call (client, "GET", path, NULL, NULL, error) : NULL;
  GPtrArray *all = answer ? g_ptr_array_new_with_free_func (g_free) : NULL;
  JsonArray *array = answer && JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonObject *one = element (array, i);
      g_autoptr (GDateTime) time
          = g_date_time_new_from_unix_local (sk_json_get_int (one, "created", 0) / G_USEC_PER_SEC);
      g_autofree char *when = time ? g_date_time_format (time, "%m-%d %H:%M") : g_strdup ("");
      g_ptr_array_add (all, g_strdup_printf ("%s %s: %s", when, sk_json_get_string (one, "user", "?"),
                                             sk_json_get_string (one, "text", "")));
    }
  return all;
}

gboolean
sk_transfer_info_withdraw (SkClient *client, const char *id, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/transfers/%s", id);
  if (!check_id (id, error))
    return FALSE;
  g_autoptr (JsonNode) answer = sk_client_call (client, "DELETE", path, NULL, NULL, error);
  return answer != NULL;
}

gboolean
sk_transfer_info_delivered (SkClient *client, const char *id, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/1.0/transfers/%s/delivered", id);
  g_autoptr (JsonNode) body = json_node_new (JSON_NODE_OBJECT);
  if (!check_id (id, error))
    return FALSE;
  json_node_take_object (body, json_object_new ());
  g_autoptr (JsonNode) answer = sk_client_call (client, "POST", path, body, NULL, error);
  return answer != NULL;
}

gboolean
sk_transfer_passes (const char *untrusted_kind)
{
  SkKind kind;
  return sk_kind_from_word (untrusted_kind, &kind) && sk_kind_is_passing (kind);
}
