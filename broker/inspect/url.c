/* One web address, taken apart and put together again. */
#include "inspect/rebuild.h"
#include <gio/gio.h>
#include <string.h>

/* What every browser and server takes. */
#define URL_MAX 2048

static const char *
scheme_of (const char *text)
{
  g_autofree char *scheme = g_uri_parse_scheme (text);
  return !scheme                                     ? NULL
         : g_ascii_strcasecmp (scheme, "https") == 0 ? "https"
         : g_ascii_strcasecmp (scheme, "http") == 0  ? "http"
                                                     : "";
}

static gboolean
is_host_name (const char *host)
{
  return host[0] && host[0] != '.' && host[0] != '-' && strlen (host) <= 253
         && strspn (host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == strlen (host);
}

/* The host as resolvers see it. NULL: no host. */
static char *
host_of (SkRebuild *r, const char *untrusted)
{
  if (strchr (untrusted, ':'))
    {
      g_autoptr (GInetAddress) address = g_inet_address_new_from_string (untrusted);
      g_autofree char *plain = address ? g_inet_address_to_string (address) : NULL;
      sk_rebuild_found (r, SK_FOUND_ADDRESS, 1, plain);
      return plain ? g_strdup_printf ("[%s]", plain) : NULL;
    }
  g_autofree char *ascii = g_hostname_to_ascii (untrusted);
  g_autofree char *lower = ascii ? g_ascii_strdown (ascii, -1) : NULL;
  if (!lower || !is_host_name (lower))
    return NULL;
  /* Letters that look like others: the approver sees what it really is. */
  if (strstr (lower, "xn--"))
    sk_rebuild_found (r, SK_FOUND_IDN, 1, lower);
  if (g_hostname_is_ip_address (lower))
    sk_rebuild_found (r, SK_FOUND_ADDRESS, 1, lower);
  return g_steal_pointer (&lower);
}

/* mark, then text with everything but unreserved, reserved and well-formed escapes escaped. */
static void
append_part (GString *url, const char *mark, const char *text)
{
  if (!text)
    return;
  g_string_append (url, mark);
  for (const char *p = text; *p; p++)
    if (*p == '%' && g_ascii_isxdigit (p[1]) && g_ascii_isxdigit (p[2]))
      g_string_append_c (url, *p);
    else if (g_ascii_isalnum (*p) || strchr ("-._~/?:@!$&'()*+,;=", *p))
      g_string_append_c (url, *p);
    else
      g_string_append_printf (url, "%%%02X", (guchar) *p);
}

static gboolean
rebuild (SkRebuild *r, const char *scheme, GUri *uri)
{
  const int port = g_uri_get_port (uri);
  if (g_uri_get_userinfo (uri))
    return sk_rebuild_refuse (r, SK_REASON_URL_LOGIN);
  g_autofree char *host = g_uri_get_host (uri) ? host_of (r, g_uri_get_host (uri)) : NULL;
  if (!host)
    return sk_rebuild_refuse (r, SK_REASON_URL_SYNTAX);
  g_autoptr (GString) url = g_string_new (NULL);
  g_string_append_printf (url, "%s://%s", scheme, host);
  if (port > 0)
    g_string_append_printf (url, ":%d", port);
  append_part (url, "", *g_uri_get_path (uri) ? g_uri_get_path (uri) : "/");
  append_part (url, "?", g_uri_get_query (uri));
  append_part (url, "#", g_uri_get_fragment (uri));
  r->result_type = SK_TYPE_URL;
  return url->len <= URL_MAX ? sk_rebuild_write (r, url->str, url->len)
                             : sk_rebuild_refuse (r, SK_REASON_URL_LONG);
}

static gboolean
is_one_word (const char *text)
{
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    if (!g_unichar_isgraph (g_utf8_get_char (p)))
      return FALSE;
  return *text != '\0';
}

gboolean
sk_url_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  if (length > URL_MAX)
    return sk_rebuild_refuse (r, SK_REASON_URL_LONG);
  if (memchr (untrusted, 0, length) || !g_utf8_validate_len ((const char *) untrusted, length, NULL))
    return sk_rebuild_refuse (r, SK_REASON_URL_SYNTAX);
  g_autofree char *text = g_strndup ((const char *) untrusted, length);
  g_strstrip (text);
  if (!is_one_word (text) || strchr (text, '\\'))
    return sk_rebuild_refuse (r, SK_REASON_URL_SYNTAX);
  const char *scheme = scheme_of (text);
  if (!scheme || !*scheme)
    return sk_rebuild_refuse (r, scheme ? SK_REASON_URL_SCHEME : SK_REASON_URL_SYNTAX);
  g_autoptr (GUri) uri = g_uri_parse (text, G_URI_FLAGS_ENCODED | G_URI_FLAGS_PARSE_RELAXED, NULL);
  return uri ? rebuild (r, scheme, uri) : sk_rebuild_refuse (r, SK_REASON_URL_SYNTAX);
}
