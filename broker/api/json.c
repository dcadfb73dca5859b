#include "api/json.h"
#include <string.h>

typedef struct
{
  const char *at, *end;
  guint depth_left, nodes_left;
  const char *start;
} Parser;

static JsonNode *parse_value (Parser *p, GError **error);

static gpointer
fail (Parser *p, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_BOTH ("not valid JSON at byte %u", "%u バイト目で JSON の形式に誤りがあります"),
               (guint) (p->at - p->start), (guint) (p->at - p->start));
  return NULL;
}

static gpointer
fail_limit (GError **error)
{
  g_set_error_literal (
      error, SK_ERROR, SK_ERROR_LIMIT,
      SK_BOTH ("JSON too deep or with too many members", "JSON の階層が深すぎるか、要素が多すぎます"));
  return NULL;
}

static void
skip_space (Parser *p)
{
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
    p->at++;
}

static gboolean
take (Parser *p, char wanted)
{
  skip_space (p);
  if (p->at >= p->end || *p->at != wanted)
    return FALSE;
  p->at++;
  return TRUE;
}

static gboolean
take_word (Parser *p, const char *word)
{
  gsize n = strlen (word);
  if ((gsize) (p->end - p->at) < n || memcmp (p->at, word, n) != 0)
    return FALSE;
  p->at += n;
  return TRUE;
}

/* Four hex digits; -1 if they are not. */
static int
take_hex (Parser *p)
{
  int value = 0;
  if (p->end - p->at < 4)
    return -1;
  for (int i = 0; i < 4; i++, p->at++)
    {
      int digit = g_ascii_xdigit_value (*p->at);
      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  return value;
}

/* Behind "\u": one character, surrogates in pairs only, no NUL. */
static gboolean
take_unicode (Parser *p, GString *out)
{
  int high = take_hex (p), low;
  if (high <= 0)
    return FALSE;
  if (high < 0xd800 || high > 0xdfff)
    {
      g_string_append_unichar (out, (gunichar) high);
      return TRUE;
    }
  if (high > 0xdbff || !take_word (p, "\\u"))
    return FALSE;
  low = take_hex (p);
  if (low < 0xdc00 || low > 0xdfff)
    return FALSE;
  g_string_append_unichar (out, 0x10000 + (((gunichar) high & 0x3ff) << 10) + ((gunichar) low & 0x3ff));
  return TRUE;
}

static gboolean
take_escape (Parser *p, GString *out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *found;
  if (p->at >= p->end)
    return FALSE;
  char c = *p->at++;
  if (c == 'u')
    return take_unicode (p, out);
  found = c ? strchr (from, c) : NULL;
  if (!found)
    return FALSE;
  g_string_append_c (out, to[found - from]);
  return TRUE;
}

/* Behind the opening quote. */
static char *
parse_string (Parser *p, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  while (p->at < p->end && *p->at != '"')
    {
      const char *run = p->at;
      while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (guchar) *p->at >= 0x20)
        p->at++;
      g_string_append_len (out, run, p->at - run);
      if (p->at >= p->end || *p->at == '"')
        break;
      if (*p->at++ != '\\' || !take_escape (p, out))
        return fail (p, error);
    }
  if (!take (p, '"') || !g_utf8_validate_len (out->str, out->len, NULL))
    return fail (p, error);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static const char *
skip_digits (const char *at, const char *end)
{
  while (at < end && g_ascii_isdigit (*at))
    at++;
  return at;
}

/* The grammar's number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static const char *
scan_number (const char *at, const char *end, gboolean *ret_whole)
{
  const char *digits;
  *ret_whole = TRUE;
  if (at < end && *at == '-')
    at++;
  digits = at;
  at = skip_digits (at, end);
  if (at == digits || (*digits == '0' && at - digits > 1))
    return NULL;
  if (at < end && *at == '.')
    {
      *ret_whole = FALSE;
      digits = ++at;
      at = skip_digits (at, end);
      if (at == digits)
        return NULL;
    }
  if (at < end && (*at == 'e' || *at == 'E'))
    {
      *ret_whole = FALSE;
      at++;
      if (at < end && (*at == '+' || *at == '-'))
        at++;
      digits = at;
      at = skip_digits (at, end);
      if (at == digits)
        return NULL;
    }
  return at;
}

static JsonNode *
parse_number (Parser *p, GError **error)
{
  gboolean whole;
  gint64 number;
  const char *stop = scan_number (p->at, p->end, &whole);
  if (!stop || stop - p->at > 32)
    return fail (p, error);
  g_autofree char *text = g_strndup (p->at, stop - p->at);
  if (!whole)
    {
      p->at = stop;
      return json_node_init_double (json_node_alloc (), g_ascii_strtod (text, NULL));
    }
  if (!g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &number, NULL))
    return fail (p, error);
  p->at = stop;
  return json_node_init_int (json_node_alloc (), number);
}

static JsonNode *
parse_array (Parser *p, GError **error)
{
  g_autoptr (JsonArray) array = json_array_new ();
  while (!take (p, ']'))
    {
      if (json_array_get_length (array) > 0 && !take (p, ','))
        return fail (p, error);
      JsonNode *element = parse_value (p, error);
      if (!element)
        return NULL;
      json_array_add_element (array, element);
    }
  return json_node_init_array (json_node_alloc (), array);
}

static gboolean
parse_member (Parser *p, JsonObject *object, GError **error)
{
  if (!take (p, '"'))
    return fail (p, error) != NULL;
  g_autofree char *name = parse_string (p, error);
  if (!name)
    return FALSE;
  if (json_object_has_member (object, name) || !take (p, ':'))
    return fail (p, error) != NULL;
  JsonNode *value = parse_value (p, error);
  if (!value)
    return FALSE;
  json_object_set_member (object, name, value);
  return TRUE;
}

static JsonNode *
parse_object (Parser *p, GError **error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  gboolean first = TRUE;
  for (; !take (p, '}'); first = FALSE)
    {
      if (!first && !take (p, ','))
        return fail (p, error);
      if (!parse_member (p, object, error))
        return NULL;
    }
  return json_node_init_object (json_node_alloc (), object);
}

static JsonNode *
parse_nested (Parser *p, JsonNode *(*parse) (Parser *, GError **), GError **error)
{
  if (p->depth_left == 0)
    return fail_limit (error);
  p->depth_left--;
  p->at++;
  JsonNode *node = parse (p, error);
  p->depth_left++;
  return node;
}

static JsonNode *
parse_string_node (Parser *p, GError **error)
{
  p->at++;
  g_autofree char *text = parse_string (p, error);
  return text ? json_node_init_string (json_node_alloc (), text) : NULL;
}

static JsonNode *
parse_value (Parser *p, GError **error)
{
  skip_space (p);
  if (p->at >= p->end)
    return fail (p, error);
  if (p->nodes_left-- == 0)
    return fail_limit (error);
  if (*p->at == '{')
    return parse_nested (p, parse_object, error);
  if (*p->at == '[')
    return parse_nested (p, parse_array, error);
  if (*p->at == '"')
    return parse_string_node (p, error);
  if (take_word (p, "true"))
    return json_node_init_boolean (json_node_alloc (), TRUE);
  if (take_word (p, "false"))
    return json_node_init_boolean (json_node_alloc (), FALSE);
  if (take_word (p, "null"))
    return json_node_init_null (json_node_alloc ());
  return parse_number (p, error);
}

JsonNode *
sk_json_parse (const char *untrusted_data, gsize length, guint depth_max, guint nodes_max, GError **error)
{
  Parser p = { untrusted_data, untrusted_data + length, depth_max, nodes_max, untrusted_data };
  g_autoptr (JsonNode) node = parse_value (&p, error);
  if (!node)
    return NULL;
  skip_space (&p);
  if (p.at != p.end)
    return fail (&p, error);
  return g_steal_pointer (&node);
}

char *
sk_json_to_string (JsonNode *node, gboolean pretty)
{
  return json_to_string (node, pretty);
}

JsonObject *
sk_json_from_row (const SkField *fields, gconstpointer row)
{
  JsonObject *object = json_object_new ();
  for (const SkField *f = fields; f->name; f++)
    {
      gconstpointer at = (const char *) row + f->offset;
      if (f->secret)
        continue;
      switch (f->type)
        {
        case SK_FIELD_STRING:
          {
            const char *text = *(char *const *) at;
            json_object_set_string_member (object, f->name, text ? text : "");
            break;
          }
        case SK_FIELD_UINT:
          json_object_set_int_member (object, f->name, *(const guint *) at);
          break;
        case SK_FIELD_BOOL:
          json_object_set_boolean_member (object, f->name, *(const gboolean *) at);
          break;
        case SK_FIELD_INT64:
          json_object_set_int_member (object, f->name, *(const gint64 *) at);
          break;
        case SK_FIELD_STATE:
          json_object_set_string_member (object, f->name, f->words[*(const guint *) at]);
          break;
        }
    }
  return object;
}

/* -- request bodies ----------------------------------------------------------------------------------- */

static const SkBodyField *
find_field (const SkBodyField *fields, const char *name)
{
  for (const SkBodyField *f = fields; f->name; f++)
    if (strcmp (f->name, name) == 0)
      return f;
  return NULL;
}

static gboolean
check_string (const SkBodyField *field, const char *untrusted_text, GError **error)
{
  if (strlen (untrusted_text) > field->maximum)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_LIMIT,
                   SK_BOTH ("%s: longer than %" G_GUINT64_FORMAT " bytes",
                            "%s: %" G_GUINT64_FORMAT " バイトを超えています"),
                   field->name, field->maximum, field->name, field->maximum);
      return FALSE;
    }
  for (const char *c = untrusted_text; *c; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      {
        g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                     SK_BOTH ("%s: control characters are not allowed", "%s: 制御文字は使えません"),
                     field->name, field->name);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_uint (const SkBodyField *field, gint64 untrusted_number, GError **error)
{
  if (untrusted_number >= 0 && (guint64) untrusted_number <= field->maximum)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_BOTH ("%s: must be 0 to %" G_GUINT64_FORMAT, "%s: 0 から %" G_GUINT64_FORMAT " までです"),
               field->name, field->maximum, field->name, field->maximum);
  return FALSE;
}

static gboolean
check_member (const SkBodyField *field, JsonNode *untrusted_value, GError **error)
{
  static const char *const names[] = { SK_BOTH ("a string", "文字列"), SK_BOTH ("a whole number", "整数"),
                                       SK_BOTH ("true or false", "真偽値") };
  static const GType types[] = { G_TYPE_STRING, G_TYPE_INT64, G_TYPE_BOOLEAN };

  if (!JSON_NODE_HOLDS_VALUE (untrusted_value)
      || json_node_get_value_type (untrusted_value) != types[field->type])
    {
      g_autofree char *en = sk_both_pick (names[field->type], FALSE),
                      *ja = sk_both_pick (names[field->type], TRUE);
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID, SK_BOTH ("%s: must be %s", "%s: %sで指定します"),
                   field->name, en, field->name, ja);
      return FALSE;
    }
  if (field->type == SK_BODY_STRING)
    return check_string (field, json_node_get_string (untrusted_value), error);
  if (field->type == SK_BODY_UINT)
    return check_uint (field, json_node_get_int (untrusted_value), error);
  return TRUE;
}

static gboolean
check_object (JsonObject *untrusted, const SkBodyField *fields, GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  json_object_iter_init (&iter, untrusted);
  while (json_object_iter_next (&iter, &name, &value))
    {
      const SkBodyField *field = find_field (fields, name);
      if (!field)
        {
          g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                       SK_BOTH ("unknown key: %.64s", "知らないキーです: %.64s"), name, name);
          return FALSE;
        }
      if (!check_member (field, value, error))
        return FALSE;
    }
  for (const SkBodyField *f = fields; f->name; f++)
    if (f->required && !json_object_has_member (untrusted, f->name))
      {
        g_set_error (error, SK_ERROR, SK_ERROR_INVALID, SK_BOTH ("missing key: %s", "キーがありません: %s"),
                     f->name, f->name);
        return FALSE;
      }
  return TRUE;
}

static void
store_member (const SkBodyField *field, JsonNode *value, gpointer target)
{
  gpointer at = (char *) target + field->offset;
  switch (field->type)
    {
    case SK_BODY_STRING:
      g_free (*(char **) at);
      *(char **) at = json_node_dup_string (value);
      break;
    case SK_BODY_UINT:
      *(guint *) at = (guint) json_node_get_int (value);
      break;
    case SK_BODY_BOOL:
      *(gboolean *) at = json_node_get_boolean (value);
      break;
    }
}

gboolean
sk_json_to_struct (JsonNode *untrusted_body, const SkBodyField *fields, gpointer target, GError **error)
{
  g_autoptr (JsonObject) object = NULL;
  if (untrusted_body && !JSON_NODE_HOLDS_OBJECT (untrusted_body))
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_INVALID,
          SK_BOTH ("the body must be a JSON object", "本文は JSON オブジェクトで指定します"));
      return FALSE;
    }
  object = untrusted_body ? json_object_ref (json_node_get_object (untrusted_body)) : json_object_new ();
  if (!check_object (object, fields, error))
    return FALSE;
  for (const SkBodyField *f = fields; f->name; f++)
    if (json_object_has_member (object, f->name))
      store_member (f, json_object_get_member (object, f->name), target);
  return TRUE;
}

/* -- reading answers ---------------------------------------------------------------------------------- */

static JsonNode *
get_value (JsonObject *object, const char *name, GType type)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node : NULL;
}

const char *
sk_json_get_string (JsonObject *object, const char *name, const char *fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_STRING);
  return node ? json_node_get_string (node) : fallback;
}

gint64
sk_json_get_int (JsonObject *object, const char *name, gint64 fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_INT64);
  return node ? json_node_get_int (node) : fallback;
}

gboolean
sk_json_get_bool (JsonObject *object, const char *name, gboolean fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_BOOLEAN);
  return node ? json_node_get_boolean (node) : fallback;
}
