#include "inspect/icap-answer.h"
#include "common/error.h"
#include "common/i18n.h"
#include <string.h>

static gboolean
broken (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL,
               SK_BOTH ("the scanner broke its protocol: %s", "検査ソフトの応答が正しくありません"), what);
  return FALSE;
}

void
sk_icap_answer_clear (SkIcapAnswer *a)
{
  g_free (a->tag);
  g_free (a->service);
  g_free (a->threat);
  g_free (a->body_sha256);
  if (a->line)
    g_string_free (a->line, TRUE);
  g_clear_pointer (&a->checksum, g_checksum_free);
  *a = (SkIcapAnswer){ 0 };
}

/* "PROTOCOL/1.x NNN …": NNN, or 0. */
static guint
status_of (const char *untrusted_line, const char *protocol)
{
  const gsize n = strlen (protocol);
  if (strncmp (untrusted_line, protocol, n) != 0 || !g_ascii_isdigit (untrusted_line[n])
      || untrusted_line[n + 1] != ' ')
    return 0;
  const char *digits = untrusted_line + n + 2;
  for (guint i = 0; i < 3; i++)
    if (!g_ascii_isdigit (digits[i]))
      return 0;
  const guint status = (guint) g_ascii_strtoull (digits, NULL, 10);
  return (digits[3] == ' ' || digits[3] == '\0') && status >= 100 && status <= 599 ? status : 0;
}

/* -- headers ----------------------------------------------------------------------------------------------
 */

/* "res-hdr=0, res-body=213": heads first, then one body (or none), each further on than the one before. Only
 * the first body's place is needed: what lies before it is heads. */
static gboolean
read_encapsulated (SkIcapAnswer *a, const char *untrusted_value, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (untrusted_value, ",", 8);
  guint64 at = 0, before = 0;
  gboolean body = FALSE;
  if (a->has_encapsulated)
    return broken (error, "two Encapsulated");
  for (char **part = parts; *part; part++)
    {
      g_auto (GStrv) pair = g_strsplit (g_strstrip (*part), "=", 2);
      if (!pair[0] || !pair[1] || body
          || !g_ascii_string_to_unsigned (pair[1], 10, before, SK_ICAP_HEAD_MAX, &at, NULL)
          || (part == parts && at != 0))
        return broken (error, "Encapsulated");
      body = g_str_has_suffix (pair[0], "-body");
      if (!body && !g_str_has_suffix (pair[0], "-hdr"))
        return broken (error, "Encapsulated");
      a->has_body = body && strcmp (pair[0], "null-body") != 0;
      before = at;
    }
  if (!body)
    return broken (error, "Encapsulated");
  a->has_encapsulated = TRUE;
  a->left = at;
  return TRUE;
}

static gboolean
lists (const char *value, const char *word)
{
  g_auto (GStrv) parts = g_strsplit (value, ",", 16);
  for (char **part = parts; *part; part++)
    if (g_ascii_strcasecmp (g_strstrip (*part), word) == 0)
      return TRUE;
  return FALSE;
}

/* Best first: the last one is a number, and names in lines that continue it. */
static const char *const threats[] = { "X-Infection-Found", "X-Virus-ID", "X-Violations-Found", NULL };

/* "Type=0; Resolution=2; Threat=NAME;", or a name alone. */
static void
read_threat (SkIcapAnswer *a, guint header, const char *value)
{
  const char *at = strstr (value, "Threat=");
  if (a->threat && a->threat_header <= header)
    return;
  a->threat_header = header;
  g_free (a->threat);
  a->threat
      = at ? g_strndup (at + strlen ("Threat="), strcspn (at + strlen ("Threat="), ";")) : g_strdup (value);
}

static gboolean
read_tag (SkIcapAnswer *a, const char *value, GError **error)
{
  const gsize n = strlen (value);
  const gboolean quoted = n >= 2 && value[0] == '"' && value[n - 1] == '"';
  if (a->tag)
    return broken (error, "two ISTag");
  a->tag = quoted ? g_strndup (value + 1, n - 2) : g_strdup (value);
  return TRUE;
}

/* A line that continues the header before it (c-icap's X-Violations-Found does) is left out, unless that one
 * has to be understood whole. */
static gboolean
read_continuation (const SkIcapAnswer *a, GError **error)
{
  return a->may_continue || broken (error, "a header in two lines");
}

static gboolean
read_header (SkIcapAnswer *a, const char *line, GError **error)
{
  if (*line == ' ' || *line == '\t')
    return read_continuation (a, error);
  a->may_continue = FALSE;
  const char *colon = strchr (line, ':');
  if (!colon || colon == line || strcspn (line, " \t") < (gsize) (colon - line))
    return broken (error, "a header without a name");
  g_autofree char *name = g_strndup (line, (gsize) (colon - line));
  g_autofree char *value = g_strstrip (g_strdup (colon + 1));
  for (guint i = 0; threats[i]; i++)
    if (g_ascii_strcasecmp (name, threats[i]) == 0)
      read_threat (a, i, value);
  if (g_ascii_strcasecmp (name, "Encapsulated") == 0)
    return read_encapsulated (a, value, error);
  if (g_ascii_strcasecmp (name, "ISTag") == 0)
    return read_tag (a, value, error);
  a->may_continue = TRUE;
  if (g_ascii_strcasecmp (name, "Service") == 0 && !a->service)
    a->service = g_strdup (value);
  else if (g_ascii_strcasecmp (name, "Methods") == 0)
    a->can_respmod |= lists (value, "RESPMOD");
  else if (g_ascii_strcasecmp (name, "Preview") == 0)
    a->previews = TRUE;
  return TRUE;
}

/* The empty line: what follows? */
static gboolean
end_head (SkIcapAnswer *a, GError **error)
{
  const gboolean bare = a->status < 200 || a->status == 204;
  if (a->status == 0)
    return broken (error, "no status");
  if (bare && (a->has_body || a->left > 0))
    return broken (error, "a body where none may be");
  a->state = a->left > 0 ? SK_ICAP_ENCAPSULATED : a->has_body ? SK_ICAP_CHUNK : SK_ICAP_DONE;
  return TRUE;
}

/* -- lines ------------------------------------------------------------------------------------------------
 */

static gboolean
end_body (SkIcapAnswer *a)
{
  a->body_sha256 = g_strdup (g_checksum_get_string (a->checksum));
  a->state = SK_ICAP_DONE;
  return TRUE;
}

static gboolean
read_chunk_line (SkIcapAnswer *a, char *line, GError **error)
{
  line[strcspn (line, ";")] = '\0';
  g_strchomp (line);
  if (!g_ascii_string_to_unsigned (line, 16, 0, SK_ICAP_BODY_MAX, &a->left, NULL)
      || a->body_bytes + a->left > SK_ICAP_BODY_MAX)
    return broken (error, "a chunk's length");
  if (!a->checksum)
    a->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  a->state = a->left > 0 ? SK_ICAP_DATA : SK_ICAP_TRAILER;
  a->head_bytes = 0;
  return TRUE;
}

static gboolean
read_line (SkIcapAnswer *a, char *line, GError **error)
{
  switch (a->state)
    {
    case SK_ICAP_HEAD:
      if (a->status != 0)
        return *line ? read_header (a, line, error) : end_head (a, error);
      a->status = status_of (line, "ICAP/1.");
      return a->status != 0 || broken (error, "no ICAP status");
    case SK_ICAP_CHUNK:
      return read_chunk_line (a, line, error);
    case SK_ICAP_DATA_END:
      a->state = SK_ICAP_CHUNK;
      return !*line || broken (error, "a chunk that does not end");
    case SK_ICAP_TRAILER:
      return *line ? TRUE : end_body (a);
    case SK_ICAP_ENCAPSULATED:
    case SK_ICAP_DATA:
    case SK_ICAP_DONE:
      break;
    }
  return broken (error, "bytes behind the end");
}

static gsize
line_limit (const SkIcapAnswer *a)
{
  return a->state == SK_ICAP_CHUNK || a->state == SK_ICAP_DATA_END ? SK_ICAP_CHUNK_LINE_MAX
                                                                   : SK_ICAP_HEAD_MAX;
}

/* One byte of a line. Controls but the tab are nobody's; a NUL would end the line for us and not for others.
 */
static gboolean
take_line_byte (SkIcapAnswer *a, guint8 c, GError **error)
{
  if (!a->line)
    a->line = g_string_new (NULL);
  const gboolean after_cr = a->line->len > 0 && a->line->str[a->line->len - 1] == '\r';
  if (++a->head_bytes > SK_ICAP_HEAD_MAX || a->line->len >= line_limit (a))
    return broken (error, "a head that does not end");
  if (after_cr != (c == '\n') || (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
    return broken (error, "a control character");
  if (c != '\n')
    {
      g_string_append_c (a->line, (char) c);
      return TRUE;
    }
  g_autofree char *line = g_strndup (a->line->str, a->line->len - 1);
  g_string_set_size (a->line, 0);
  if (a->state == SK_ICAP_CHUNK || a->state == SK_ICAP_DATA_END)
    a->head_bytes = 0;
  return read_line (a, line, error);
}

/* -- the rest ---------------------------------------------------------------------------------------------
 */

/* Only its first line matters: a gateway that replaced the content says 403 or the like. */
static gboolean
end_encapsulated (SkIcapAnswer *a)
{
  g_string_truncate (a->line, strcspn (a->line->str, "\r\n"));
  a->http_status = status_of (a->line->str, "HTTP/1.");
  g_string_set_size (a->line, 0);
  a->head_bytes = 0;
  a->state = a->has_body ? SK_ICAP_CHUNK : SK_ICAP_DONE;
  return TRUE;
}

static gsize
take_bytes (SkIcapAnswer *a, const guint8 *bytes, gsize length)
{
  const gsize n = (gsize) MIN (a->left, (guint64) length);
  a->left -= n;
  if (a->state == SK_ICAP_ENCAPSULATED)
    {
      g_string_append_len (a->line, (const char *) bytes, (gssize) n);
      if (a->left == 0)
        end_encapsulated (a);
      return n;
    }
  g_checksum_update (a->checksum, bytes, (gssize) n);
  a->body_bytes += n;
  if (a->left == 0)
    a->state = SK_ICAP_DATA_END;
  return n;
}

gboolean
sk_icap_answer_feed (SkIcapAnswer *a, const guint8 *untrusted_bytes, gsize length, GError **error)
{
  for (gsize i = 0; i < length;)
    {
      if (a->state == SK_ICAP_ENCAPSULATED || a->state == SK_ICAP_DATA)
        i += take_bytes (a, untrusted_bytes + i, length - i);
      else if (a->state == SK_ICAP_DONE)
        return broken (error, "bytes behind the end");
      else if (!take_line_byte (a, untrusted_bytes[i++], error))
        return FALSE;
    }
  return TRUE;
}
