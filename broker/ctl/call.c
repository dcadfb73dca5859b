#include "ctl/ctl.h"
#include <string.h>

/* Progress of an operation is asked for this often. */
#define PROGRESS_SECONDS 1

char *
sk_ctl_path (const char *collection, const char *argument, GError **error)
{
  gsize n = strlen (argument);
  if (n == 0 || strspn (argument, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") != n)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                   SK_TR ("no such name: %s", "そのような名前はありません: %s"), argument);
      return NULL;
    }
  return g_strconcat (collection, "/", argument, NULL);
}

static JsonNode *
call (SkCtl *ctl, const char *method, const char *path, JsonObject *body, char **ret_operation,
      GError **error)
{
  g_autoptr (JsonNode) node = body ? json_node_init_object (json_node_alloc (), body) : NULL;
  return sk_client_call (ctl->client, method, path, node, ret_operation, error);
}

JsonNode *
sk_ctl_call (SkCtl *ctl, const char *method, const char *path, JsonObject *body, GError **error)
{
  return call (ctl, method, path, body, NULL, error);
}

/* What an operation's progress says, when it is news. */
static void
show_progress (JsonObject *operation, char **last)
{
  JsonNode *node = operation ? json_object_get_member (operation, "metadata") : NULL;
  JsonObject *progress = node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *text = sk_json_get_string (progress, SK_TR ("text", "text_ja"), NULL);
  gint64 percent = sk_json_get_int (progress, "percent", -1),
         position = sk_json_get_int (progress, "position", 0);
  g_autofree char *line = NULL;

  if (text && percent >= 0)
    line = g_strdup_printf ("%3" G_GINT64_FORMAT " %% %s", percent, text);
  else if (text)
    line = g_strdup (text);
  else if (position > 0)
    line = g_strdup_printf (SK_TR ("place in the queue: %d", "順番: %d 番目"), (int) position);
  if (!line || g_strcmp0 (line, *last) == 0)
    return;
  sk_ctl_say ("%s", line);
  g_free (*last);
  *last = g_steal_pointer (&line);
}

static JsonNode *
wait_for (SkCtl *ctl, const char *operation, GError **error)
{
  g_autofree char *last = NULL;
  for (;;)
    {
      g_autoptr (GError) failed = NULL;
      g_autoptr (JsonNode) shown = NULL;
      JsonNode *result = sk_client_wait (ctl->client, operation, PROGRESS_SECONDS, &failed);
      if (result)
        return result;
      if (!g_error_matches (failed, SK_ERROR, SK_ERROR_TIMEOUT))
        {
          g_propagate_error (error, g_steal_pointer (&failed));
          return NULL;
        }
      shown = sk_client_call (ctl->client, "GET", operation, NULL, NULL, error);
      if (!shown)
        return NULL;
      show_progress (JSON_NODE_HOLDS_OBJECT (shown) ? json_node_get_object (shown) : NULL, &last);
    }
}

JsonNode *
sk_ctl_call_and_wait (SkCtl *ctl, const char *method, const char *path, JsonObject *body, GError **error)
{
  g_autofree char *operation = NULL;
  g_autoptr (JsonNode) answer = call (ctl, method, path, body, &operation, error);
  if (!answer || !operation)
    return g_steal_pointer (&answer);
  return wait_for (ctl, operation, error);
}

gboolean
sk_ctl_do (SkCtl *ctl, const char *method, const char *collection, const char *argument, GError **error)
{
  g_autofree char *path = sk_ctl_path (collection, argument, error);
  g_autoptr (JsonNode) answer = path ? sk_ctl_call (ctl, method, path, NULL, error) : NULL;
  return answer != NULL;
}

/* -- bodies --------------------------------------------------------------------------------------------- */

static gboolean
bad_number (const SkOption *option, const char *text, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_TR ("--%s: not a number: %s", "--%s: 数値ではありません: %s"), option->name, text);
  return FALSE;
}

/* "2048", "2048M", "2G" -> MiB */
static gboolean
parse_number (const SkOption *option, const char *text, guint64 *number, GError **error)
{
  gsize n = strlen (text);
  char unit = n > 1 ? text[n - 1] : '\0';
  gboolean has_unit = option->type == SK_OPTION_MEMORY && (unit == 'M' || unit == 'G');
  g_autofree char *digits = g_strndup (text, has_unit ? n - 1 : n);
  if (!g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT32, number, NULL))
    return bad_number (option, text, error);
  if (has_unit && unit == 'G')
    *number *= 1024;
  return TRUE;
}

/* One option's value into a body. */
static gboolean
set_member (const SkOption *option, const char *text, JsonObject *body, GError **error)
{
  guint64 number;
  switch (option->type)
    {
    case SK_OPTION_NUMBER:
    case SK_OPTION_MEMORY:
      if (!parse_number (option, text, &number, error))
        return FALSE;
      json_object_set_int_member (body, option->member, (gint64) number);
      return TRUE;
    case SK_OPTION_SWITCH:
      if (strcmp (text, "on") != 0 && strcmp (text, "off") != 0)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                       SK_TR ("--%s: on or off, not: %s", "--%s: on か off です: %s"), option->name, text);
          return FALSE;
        }
      json_object_set_boolean_member (body, option->member, strcmp (text, "on") == 0);
      return TRUE;
    case SK_OPTION_FLAG:
    case SK_OPTION_TEXT:
    case SK_OPTION_LIST:
    case SK_OPTION_FILE:
      json_object_set_string_member (body, option->member, text);
      return TRUE;
    }
  return FALSE;
}

JsonObject *
sk_ctl_body (SkCtl *ctl, const SkVerb *verb, GError **error)
{
  g_autoptr (JsonObject) body = json_object_new ();
  for (const SkOption *option = verb->options; option && option->name; option++)
    {
      const char *text = sk_ctl_text (ctl, option->name);
      if (text && option->member && !set_member (option, text, body, error))
        return NULL;
    }
  return g_steal_pointer (&body);
}
