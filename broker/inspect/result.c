#include "inspect/result.h"
#include "common/error.h"
#include "common/name.h"
#include <json-glib/json-glib.h>
#include <string.h>

static void
finding_free (gpointer data)
{
  SkInspectFinding *f = data;
  g_free (f->kind);
  g_free (f->detail);
  g_free (f);
}

void
sk_inspection_free (SkInspection *i)
{
  if (!i)
    return;
  g_ptr_array_unref (i->findings);
  g_strfreev (i->removed);
  char *strings[]
      = { i->type, i->result_type, i->result_name, i->reason, i->reason_en, i->reason_ja, i->report };
  for (gsize n = 0; n < G_N_ELEMENTS (strings); n++)
    g_free (strings[n]);
  g_free (i);
}

static void
add_finding (SkInspection *i, SkInspectFound found, guint count, const char *detail)
{
  SkInspectFinding *f = g_new (SkInspectFinding, 1);
  *f = (SkInspectFinding){ g_strdup (sk_inspect_found[found].word), count, g_strdup (detail) };
  g_ptr_array_add (i->findings, f);
}

/* -- for people and rows ----------------------------------------------------------------------------------
 */

static void
add_string (JsonObject *o, const char *name, const char *value)
{
  json_object_set_string_member (o, name, value ? value : "");
}

static char *
report_of (const SkInspection *i)
{
  g_autoptr (JsonObject) o = json_object_new ();
  JsonArray *findings = json_array_new ();
  for (guint n = 0; n < i->findings->len; n++)
    {
      const SkInspectFinding *f = i->findings->pdata[n];
      JsonObject *row = json_object_new ();
      add_string (row, "kind", f->kind);
      json_object_set_int_member (row, "count", f->count);
      add_string (row, "detail", f->detail);
      json_array_add_object_element (findings, row);
    }
  json_object_set_boolean_member (o, "passed", i->passed);
  add_string (o, "reason", i->reason);
  add_string (o, "type", i->type);
  add_string (o, "result_type", i->result_type);
  add_string (o, "result_name", i->result_name);
  json_object_set_int_member (o, "bytes_in", (gint64) i->bytes_in);
  json_object_set_int_member (o, "bytes_out", (gint64) i->bytes_out);
  json_object_set_array_member (o, "findings", findings);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), o);
  return json_to_string (node, FALSE);
}

static SkInspection *
complete (SkInspection *i, SkInspectReason reason)
{
  g_autoptr (GPtrArray) removed = g_ptr_array_new ();
  for (guint n = 0; n < i->findings->len; n++)
    {
      const SkInspectFinding *f = i->findings->pdata[n];
      if (sk_inspect_found[sk_inspect_found_from_word (f->kind)].removed)
        g_ptr_array_add (removed, g_strdup (f->kind));
    }
  g_ptr_array_add (removed, NULL);
  i->removed = (char **) g_ptr_array_free (g_steal_pointer (&removed), FALSE);
  i->passed = reason == SK_REASON_NONE;
  i->reason = g_strdup (sk_inspect_reasons[reason].word);
  i->reason_en = g_strdup (sk_inspect_reasons[reason].en);
  i->reason_ja = g_strdup (sk_inspect_reasons[reason].ja);
  i->report = report_of (i);
  return i;
}

static SkInspection *
inspection_new (SkInspectType type, SkInspectType result_type)
{
  SkInspection *i = g_new0 (SkInspection, 1);
  i->findings = g_ptr_array_new_with_free_func (finding_free);
  i->type = g_strdup (sk_inspect_types[type].mime);
  i->result_type = g_strdup (sk_inspect_types[result_type].mime);
  return i;
}

SkInspection *
sk_inspection_refused (SkInspectReason reason)
{
  return complete (inspection_new (SK_TYPE_UNKNOWN, SK_TYPE_UNKNOWN), reason);
}

/* -- names ------------------------------------------------------------------------------------------------
 */

static gboolean
has_ending (const char *name, const char *endings)
{
  const char *dot = strrchr (name, '.');
  if (!dot || dot == name || strchr (dot, '/') || !dot[1])
    return FALSE;
  g_autofree char *lower = g_ascii_strdown (dot + 1, -1);
  g_autofree char *between = g_strdup_printf (":%s:", lower);
  return strstr (endings, between) != NULL;
}

char *
sk_inspection_name (const char *name, SkInspectType type, gboolean *ret_changed)
{
  const char *endings = sk_inspect_types[type].extensions;
  g_autofree char *first = g_strndup (endings + 1, strcspn (endings + 1, ":"));
  *ret_changed = FALSE;
  if (!name)
    return g_strdup_printf (
        "%s.%s", g_str_has_prefix (sk_inspect_types[type].mime, "image/") ? "image" : "text", first);
  if (has_ending (name, endings))
    return g_strdup (name);
  *ret_changed = TRUE;
  g_autofree char *longer = g_strdup_printf ("%s.%s", name, first);
  return sk_name_sanitise (longer, NULL);
}

/* -- the answer -------------------------------------------------------------------------------------------
 */

static gpointer
broken (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "inspector: %s", what);
  return NULL;
}

static gboolean
is_detail (const char *text)
{
  for (const char *p = text; *p; p++)
    if (*p < ' ' || *p > '~')
      return FALSE;
  return strlen (text) <= SK_INSPECT_DETAIL_MAX;
}

/* "KIND COUNT DETAIL", each kind once. */
static gboolean
take_finding (SkInspection *i, const char *untrusted, guint64 *seen)
{
  g_auto (GStrv) words = g_strsplit (untrusted, " ", 3);
  guint64 count;
  if (g_strv_length (words) != 3)
    return FALSE;
  const int found = sk_inspect_found_from_word (words[0]);
  if (found < 0 || found >= SK_FOUND_FIRST_OF_CORE || (*seen >> found & 1) || !is_detail (words[2])
      || !g_ascii_string_to_unsigned (words[1], 10, 1, G_MAXUINT, &count, NULL))
    return FALSE;
  *seen |= G_GUINT64_CONSTANT (1) << found;
  add_finding (i, (SkInspectFound) found, (guint) count, words[2]);
  return TRUE;
}

static gboolean
is_possible (SkInspectKind kind, SkInspectType type, SkInspectType result)
{
  const gboolean picture = type == SK_TYPE_PNG || type == SK_TYPE_JPEG || type == SK_TYPE_BMP;
  const gboolean squeezed = type == SK_TYPE_WEBP && (result == SK_TYPE_JPEG || result == SK_TYPE_PNG);
  switch (kind)
    {
    case SK_INSPECT_FILE:
      return (result == type && (picture || type == SK_TYPE_TIFF || type == SK_TYPE_TEXT)) || squeezed
             || (type == SK_TYPE_GIF && result == SK_TYPE_PNG);
    case SK_INSPECT_TEXT:
      return result == type && type == SK_TYPE_TEXT;
    case SK_INSPECT_IMAGE:
      return result == type && picture;
    case SK_INSPECT_URL:
      return type == SK_TYPE_TEXT && result == SK_TYPE_URL;
    case SK_INSPECT_PREVIEW:
      return ((picture || type == SK_TYPE_TIFF) && result == SK_TYPE_PNG)
             || (type == SK_TYPE_TEXT && result == SK_TYPE_TEXT);
    case SK_INSPECT_PRINT:
    case _SK_INSPECT_KIND_LAST:
      break;
    }
  return FALSE;
}

static SkInspectReason
set_name (SkInspection *i, const char *name, SkInspectType type)
{
  gboolean changed;
  i->result_name = sk_inspection_name (name, type, &changed);
  if (changed)
    add_finding (i, SK_FOUND_EXTENSION, 1, "");
  return i->result_name ? SK_REASON_NONE : SK_REASON_NAME;
}

SkInspection *
sk_inspection_from_answer (const SkMessage *m, SkInspectKind kind, const char *name, guint64 bytes_max,
                           GError **error)
{
  const int type = sk_inspect_type_from_mime (m->s[0]), result = sk_inspect_type_from_mime (m->s[1]);
  const int word = sk_inspect_reason_from_word (m->s[2]);
  const gboolean passed = m->n[0] == 1;
  guint64 seen = 0;
  if (type < 0 || result < 0 || word < 0 || word >= SK_REASON_FIRST_OF_CORE || m->n[0] > 1)
    return broken (error, "unknown words");
  if (passed != (word == SK_REASON_NONE)
      || (passed && !is_possible (kind, (SkInspectType) type, (SkInspectType) result)))
    return broken (error, "it contradicts itself");
  /* one byte more than allowed is how it finds out */
  if (m->n[1] > MIN (bytes_max, SK_INSPECT_BYTES_MAX) + (passed ? 0 : 1)
      || m->n[2] > sk_inspect_out_max_of (kind, bytes_max) || (passed && (m->n[1] == 0 || m->n[2] == 0)))
    return broken (error, "impossible sizes");
  g_autoptr (SkInspection) i = inspection_new ((SkInspectType) type, (SkInspectType) result);
  i->bytes_in = m->n[1];
  i->bytes_out = m->n[2];
  for (char **line = m->list; line && *line; line++)
    if (!take_finding (i, *line, &seen))
      return broken (error, "a finding that there is not");
  SkInspectReason reason = (SkInspectReason) word;
  if (passed)
    reason = set_name (i, name, (SkInspectType) result);
  return complete (g_steal_pointer (&i), reason);
}
