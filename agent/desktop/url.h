/* Addresses that may be opened on the internet side. Pure; any thread. */
#pragma once
#include <gio/gio.h>

/* What a person or another program gave us → an absolute http or https URL (the caller's), or
 * SK_ERROR_INVALID with a sentence for people. A bare name ("example.jp/page") gets https://. Other schemes,
 * spaces, control characters, missing hosts and texts over SK_URL_MAX bytes are refused, not repaired. */
char *sk_url_normalise (const char *untrusted_text, GError **error);
