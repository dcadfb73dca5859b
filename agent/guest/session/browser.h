/* Hands a URL to the browser that runs. */
#pragma once
#include <gio/gio.h>

/* Blocks for at most a few seconds (call it from a thread). Chromium listens on a unix socket in its profile
 * for exactly this: a second start sends its command line there and ends. Saying the same ourselves saves
 * that start, which loads 300 MB. profile: the browser's user data directory. */
gboolean sk_browser_open_url (const char *profile, const char *url, GError **error) G_GNUC_WARN_UNUSED_RESULT;
