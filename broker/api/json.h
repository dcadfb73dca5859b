/* JSON both ways. Parsing is our own: json-glib's parser takes comments, assignments and endless nesting, and
 * lets the last of two equal keys win; requests deserve none of that.
 *
 * Pure functions, any thread. Links only json-glib, so the client uses it as well. */
#pragma once
#include "common/error.h"
#include "common/i18n.h"
#include "store/store.h"
#include <json-glib/json-glib.h>

/* Requests are flat objects; one level of lists is foreseen. Answers of our own broker go deeper. */
#define SK_JSON_REQUEST_DEPTH 8
#define SK_JSON_ANSWER_DEPTH 32
/* Members and elements of one document: an object of a million keys would cost seconds and hundreds of MiB.
 */
#define SK_JSON_REQUEST_NODES 32768
#define SK_JSON_ANSWER_NODES (1024 * 1024)

/* RFC 8259, UTF-8, one value and nothing behind it. Refused: duplicate keys, NUL in strings, numbers that are
 * not exact (integers beyond 64 bits). SK_ERROR_INVALID, or SK_ERROR_LIMIT for depth and nodes. */
JsonNode *
sk_json_parse (const char *untrusted_data, gsize length, guint depth_max, guint nodes_max, GError **error);
char *sk_json_to_string (JsonNode *node, gboolean pretty);

/* Every member but secret ones; empty strings stay (the reader need not guess). */
JsonObject *sk_json_from_row (const SkField *fields, gconstpointer row);

typedef enum
{
  SK_BODY_STRING, /* char *, replaced (the old one is freed); not longer than `maximum` bytes, no control
                     characters */
  SK_BODY_UINT,   /* guint, 0 to maximum */
  SK_BODY_BOOL,   /* gboolean */
} SkBodyType;

typedef struct
{
  const char *name;
  SkBodyType type;
  gsize offset;
  guint64 maximum;
  gboolean required;
} SkBodyField;

/* Takes an untrusted object apart by a table that ends with a row whose name is NULL. Unknown keys, wrong
 * types, missing required keys: SK_ERROR_INVALID naming the key; too long: SK_ERROR_LIMIT. body NULL counts
 * as {}. On error `target` is unchanged. */
gboolean sk_json_to_struct (JsonNode *untrusted_body, const SkBodyField *fields, gpointer target,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Members of answers, with a default where missing or of another type. */
const char *sk_json_get_string (JsonObject *object, const char *name, const char *fallback);
gint64 sk_json_get_int (JsonObject *object, const char *name, gint64 fallback);
gboolean sk_json_get_bool (JsonObject *object, const char *name, gboolean fallback);
