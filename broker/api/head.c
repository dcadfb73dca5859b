#include "api/head.h"
#include "common/i18n.h"
#include <string.h>

#define METHOD_MAX 16
/* 19 digits are 64 bits; the body limit is checked later. */
#define LENGTH_DIGITS_MAX 15

typedef struct
{
  const char *at, *end;
} Span;

static gboolean
bad (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, SK_BOTH ("HTTP head: %s", "HTTP ヘッダーの誤り: %s"), what,
               what);
  return FALSE;
}

/* The next line without its end; FALSE where there is no CR LF. */
static gboolean
take_line (Span *rest, Span *ret_line)
{
  const char *newline = memchr (rest->at, '\n', (gsize) (rest->end - rest->at));
  if (!newline || newline == rest->at || newline[-1] != '\r')
    return FALSE;
  *ret_line = (Span){ rest->at, newline - 1 };
  rest->at = newline + 1;
  return TRUE;
}

static gboolean
take_word (Span *line, char stop, Span *ret_word)
{
  const char *found = memchr (line->at, stop, (gsize) (line->end - line->at));
  if (!found)
    return FALSE;
  *ret_word = (Span){ line->at, found };
  line->at = found + 1;
  return TRUE;
}

static gboolean
span_is (Span span, const char *text)
{
  gsize n = strlen (text);
  return (gsize) (span.end - span.at) == n && g_ascii_strncasecmp (span.at, text, n) == 0;
}

static gboolean
check_request_line (Span line)
{
  Span method, path;
  if (!take_word (&line, ' ', &method) || method.at == method.end || method.end - method.at > METHOD_MAX
      || !take_word (&line, ' ', &path) || path.at == path.end || *path.at != '/')
    return FALSE;
  for (const char *c = method.at; c < method.end; c++)
    if (!g_ascii_isupper (*c))
      return FALSE;
  for (const char *c = path.at; c < path.end; c++)
    if (!g_ascii_isgraph (*c))
      return FALSE;
  return (line.end - line.at == 8 && memcmp (line.at, "HTTP/1.1", 8) == 0)
         || (line.end - line.at == 8 && memcmp (line.at, "HTTP/1.0", 8) == 0);
}

static gboolean
is_token (Span name)
{
  if (name.at == name.end)
    return FALSE;
  for (const char *c = name.at; c < name.end; c++)
    if (!g_ascii_isalnum (*c) && (!*c || !strchr ("!#$%&'*+-.^_`|~", *c)))
      return FALSE;
  return TRUE;
}

static void
trim (Span *span)
{
  while (span->at < span->end && (*span->at == ' ' || *span->at == '\t'))
    span->at++;
  while (span->at < span->end && (span->end[-1] == ' ' || span->end[-1] == '\t'))
    span->end--;
}

static gboolean
is_printable (Span value)
{
  for (const char *c = value.at; c < value.end; c++)
    if (((guchar) *c < 0x20 && *c != '\t') || *c == 0x7f)
      return FALSE;
  return TRUE;
}

static gboolean
is_length (Span value)
{
  if (value.at == value.end || value.end - value.at > LENGTH_DIGITS_MAX)
    return FALSE;
  for (const char *c = value.at; c < value.end; c++)
    if (!g_ascii_isdigit (*c))
      return FALSE;
  return TRUE;
}

static gboolean
is_host (Span value)
{
  for (const char *c = value.at; c < value.end; c++)
    if (!g_ascii_isalnum (*c) && !strchr (".-:[]_", *c))
      return FALSE;
  return value.at < value.end;
}

typedef struct
{
  guint headers, hosts, lengths;
} Seen;

static gboolean
check_header (Span line, Seen *seen, GError **error)
{
  Span name;
  if (++seen->headers > SK_API_HEADERS_MAX)
    return bad (error, "headers");
  if (!take_word (&line, ':', &name) || !is_token (name))
    return bad (error, "header name");
  trim (&line);
  if (!is_printable (line))
    return bad (error, "header value");
  if (span_is (name, "Host"))
    return (seen->hosts++ == 0 && is_host (line)) || bad (error, "Host");
  if (span_is (name, "Content-Length"))
    return (seen->lengths++ == 0 && is_length (line)) || bad (error, "Content-Length");
  if (span_is (name, "Transfer-Encoding"))
    return bad (error, "Transfer-Encoding; use Content-Length");
  if (span_is (name, "Range"))
    return bad (error, "Range");
  if (span_is (name, "Expect"))
    return span_is (line, "100-continue") || bad (error, "Expect");
  return TRUE;
}

gboolean
sk_api_check_head (const char *untrusted_head, gsize length, GError **error)
{
  Span rest = { untrusted_head, untrusted_head + length }, line;
  Seen seen = { 0 };

  if (!take_line (&rest, &line) || !check_request_line (line))
    return bad (error, "request line");
  for (;;)
    {
      if (!take_line (&rest, &line))
        return bad (error, "line end");
      if (line.at == line.end)
        return rest.at == rest.end || bad (error, "empty line");
      if (!check_header (line, &seen, error))
        return FALSE;
    }
}
