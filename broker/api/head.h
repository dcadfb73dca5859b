/* The head of a request, looked at before libsoup parses it: whoever may open the socket may send anything,
 * and libsoup is generous (folded and bare lines, ranges, chunks) where a client of ours needs nothing of it.
 *
 * Pure function, any thread. */
#pragma once
#include "common/error.h"

/* The line and the headers together. Ours have 300 bytes; a browser's with cookies about 2 KiB. */
#define SK_API_HEAD_MAX (16 * 1024)
/* A browser sends about 20. */
#define SK_API_HEADERS_MAX 64

/* head: all of it, with the empty line. What passes: METHOD /path HTTP/1.0 or 1.1 in printable ASCII; lines
 * that end with CR LF, none folded; header values without control characters; one Host at most, without a
 * slash; a body's length only as one decimal Content-Length; no Transfer-Encoding, no Range, no Expect but
 * "100-continue". SK_ERROR_INVALID. */
gboolean
sk_api_check_head (const char *untrusted_head, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;
