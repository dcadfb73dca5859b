#include "session.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <string.h>

/* The browser gets it as one argument, so spaces and quotes could do no harm; but no URL has them, and what
 * is no URL is refused, not repaired. */
gboolean
sk_url_is_acceptable (const char *untrusted_url)
{
  gsize length = strlen (untrusted_url);
  if (length > SK_URL_MAX || !sk_text_is_clean (untrusted_url, length) || strpbrk (untrusted_url, " \"<>\\"))
    return FALSE;
  g_autofree char *scheme = NULL;
  g_autofree char *host = NULL;
  if (!g_uri_split_network (untrusted_url, G_URI_FLAGS_ENCODED, &scheme, &host, NULL, NULL))
    return FALSE;
  return scheme && host && *host
         && (g_ascii_strcasecmp (scheme, "http") == 0 || g_ascii_strcasecmp (scheme, "https") == 0);
}
