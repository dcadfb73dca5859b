#include "desktop/url.h"
#include "common/error.h"
#include "common/i18n.h"
#include "wire/agent.h"
#include <string.h>

static char *
refuse (GError **error, const char *sentence)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, sentence);
  return NULL;
}

/* Blanks and control characters have no place in a URL, and are the usual way to smuggle a second argument or
 * line. */
static gboolean
has_blank_or_control (const char *text)
{
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (g_unichar_isspace (c) || g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        return TRUE;
    }
  return FALSE;
}

/* "localhost:8080/x" has a host and a port, "javascript:x" a scheme: only what is followed by digits is taken
 * for a port. */
static gboolean
has_scheme (const char *text)
{
  gsize n = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
  return n > 0 && text[n] == ':' && g_ascii_isalpha (text[0]) && !g_ascii_isdigit (text[n + 1]);
}

char *
sk_url_normalise (const char *untrusted_text, GError **error)
{
  if (!untrusted_text || !*untrusted_text || !g_utf8_validate (untrusted_text, -1, NULL))
    return refuse (error, SK_TR ("Enter an address such as https://www.example.jp/",
                                 "https://www.example.jp/ のようなアドレスを入力してください。"));
  if (untrusted_text[0] == '-')
    return refuse (error,
                   SK_TR ("An address cannot start with a hyphen.", "アドレスはハイフンで始められません。"));
  if (strlen (untrusted_text) > SK_URL_MAX - strlen ("https://"))
    return refuse (error, SK_TR ("This address is too long.", "アドレスが長すぎます。"));
  if (has_blank_or_control (untrusted_text))
    return refuse (error, SK_TR ("An address cannot contain spaces.", "アドレスに空白は使えません。"));
  g_autofree char *text = has_scheme (untrusted_text) ? g_strdup (untrusted_text)
                                                      : g_strconcat ("https://", untrusted_text, NULL);
  g_autoptr (GUri) uri = g_uri_parse (text, G_URI_FLAGS_ENCODED | G_URI_FLAGS_PARSE_RELAXED, NULL);
  const char *scheme = uri ? g_uri_get_scheme (uri) : NULL;
  if (scheme && strcmp (scheme, "http") != 0 && strcmp (scheme, "https") != 0)
    return refuse (error, SK_TR ("Only web pages (http and https) can be opened on the internet side.",
                                 "インターネット側で開けるのは Web ページ（http と https）だけです。"));
  if (!uri || !g_uri_get_host (uri) || !*g_uri_get_host (uri))
    return refuse (error, SK_TR ("This is not a web address. Example: https://www.example.jp/",
                                 "Web のアドレスではありません。例: https://www.example.jp/"));
  return g_steal_pointer (&text);
}
