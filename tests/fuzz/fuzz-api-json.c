/* The strict JSON parser: what it takes must survive being written and read again, unchanged; what a field
 * table takes must fit the table. */
#include "api/json.h"
#include "fuzz.h"
#include <string.h>

typedef struct
{
  char *text;
  guint number;
  gboolean flag;
} Target;

static const SkBodyField fields[] = {
  { "text", SK_BODY_STRING, offsetof (Target, text), 16 },
  { "number", SK_BODY_UINT, offsetof (Target, number), 1000 },
  { "flag", SK_BODY_BOOL, offsetof (Target, flag) },
  { NULL },
};

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (JsonNode) node
      = sk_json_parse ((const char *) data, size, SK_JSON_REQUEST_DEPTH, SK_JSON_REQUEST_NODES, NULL);
  Target target = { NULL };
  if (!node)
    return 0;
  g_autofree char *text = sk_json_to_string (node, FALSE);
  g_autoptr (JsonNode) again
      = sk_json_parse (text, strlen (text), SK_JSON_REQUEST_DEPTH, SK_JSON_REQUEST_NODES, NULL);
  g_assert_nonnull (again);
  g_autofree char *second = sk_json_to_string (again, FALSE);
  g_assert_cmpstr (text, ==, second);
  if (sk_json_to_struct (node, fields, &target, NULL))
    {
      g_assert_cmpuint (target.number, <=, 1000);
      g_assert_true (!target.text || strlen (target.text) <= 16);
    }
  else
    g_assert_true (!target.text && !target.number && !target.flag);
  g_free (target.text);
  return 0;
}
