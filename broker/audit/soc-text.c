/* A row as others read it. */
#include "audit/soc.h"
#include <json-glib/json-glib.h>
#include <string.h>

/* Facility 13 (log audit), notice; what the trail says about faults of its own: alert. */
#define PRI_NOTICE (13 * 8 + 5)
#define PRI_ALERT (13 * 8 + 1)
/* The number that RFC 5612 sets aside for those who have none. */
#define ELEMENT "sekisho@32473"
#define MSGID_MAX 32

/* Details that are no JSON (they are ours, so they are) go as a text. */
static JsonNode *
details_node (const char *details)
{
  JsonNode *node = *details ? json_from_string (details, NULL) : NULL;
  return node ? node : json_node_init_string (json_node_alloc (), details);
}

char *
sk_soc_json (const SkAuditRow *row)
{
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_string_member (object, "organisation", row->organisation);
  json_object_set_int_member (object, "seq", row->seq);
  json_object_set_int_member (object, "time", row->time);
  json_object_set_string_member (object, "actor", row->actor);
  json_object_set_string_member (object, "action", row->action);
  json_object_set_string_member (object, "object", row->object);
  json_object_set_string_member (object, "matter", row->matter);
  json_object_set_member (object, "details", details_node (row->details));
  json_object_set_string_member (object, "details_hash", row->details_hash);
  json_object_set_string_member (object, "hash", row->hash);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  return json_to_string (node, FALSE);
}

static void
add_parameter (GString *text, const char *name, const char *value)
{
  g_string_append_printf (text, " %s=\"", name);
  for (const char *c = value; *c; c++)
    {
      if (strchr ("\"\\]", *c))
        g_string_append_c (text, '\\');
      g_string_append_c (text, *c);
    }
  g_string_append_c (text, '"');
}

/* RFC 5424 wants printable ASCII without spaces in the header. */
static char *
header_word (const char *text, gsize max)
{
  char *word = g_strndup (text, max);
  for (char *c = word; *c; c++)
    if (*c <= ' ' || *c > '~')
      *c = '_';
  return word;
}

static char *
stamp (gint64 time)
{
  g_autoptr (GDateTime) seconds = g_date_time_new_from_unix_utc (time / G_USEC_PER_SEC);
  g_autofree char *text = seconds ? g_date_time_format (seconds, "%Y-%m-%dT%H:%M:%S") : NULL;
  return text ? g_strdup_printf ("%s.%06dZ", text, (int) (time % G_USEC_PER_SEC)) : g_strdup ("-");
}

char *
sk_soc_syslog (const SkAuditRow *row, const char *host, guint pid)
{
  g_autofree char *when = stamp (row->time), *where = header_word (*host ? host : "-", 255);
  g_autofree char *id = header_word (*row->action ? row->action : "-", MSGID_MAX);
  g_autofree char *seq = g_strdup_printf ("%" G_GINT64_FORMAT, row->seq);
  const guint pri = strcmp (row->action, "audit.fault") == 0 ? PRI_ALERT : PRI_NOTICE;
  GString *text = g_string_new (NULL);
  g_string_printf (text, "<%u>1 %s %s sekishod %u %s [" ELEMENT, pri, when, where, pid, id);
  add_parameter (text, "organisation", row->organisation);
  add_parameter (text, "seq", seq);
  add_parameter (text, "actor", row->actor);
  add_parameter (text, "action", row->action);
  add_parameter (text, "object", row->object);
  add_parameter (text, "matter", row->matter);
  add_parameter (text, "detailsHash", row->details_hash);
  add_parameter (text, "hash", row->hash);
  if (text->len + strlen (row->details) + 32 > SK_SOC_MESSAGE_MAX)
    g_string_append (text, " leftOut=\"details\"]");
  else
    g_string_append_printf (text, "] \xEF\xBB\xBF%s", row->details);
  return g_string_free (text, FALSE);
}
