/* The client's half of HTTP/1.1 over one descriptor: just what our own server sends. It never reads past the
 * end of a head or body, so the descriptor can be handed on after an upgrade.
 *
 * Errors: SK_ERROR_PEER_LOST, SK_ERROR_TIMEOUT, SK_ERROR_PROTOCOL, SK_ERROR_LIMIT. */
#pragma once
#include "common/error.h"

/* The answer's status line and headers; ours have about 300 bytes. */
#define SK_HTTP_HEAD_MAX 16384

typedef struct
{
  guint status;
  gint64 length; /* Content-Length; -1 = none named */
  gboolean chunked, close, upgraded;
  char *etag;
} SkHttpHead;
void sk_http_head_clear (SkHttpHead *head);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkHttpHead, sk_http_head_clear)

gboolean sk_http_write (int fd, const char *data, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_http_read_head (int fd, SkHttpHead *ret_head, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* NUL-terminated. */
char *sk_http_read_body (int fd, const SkHttpHead *head, gsize maximum, gsize *ret_length, GError **error);
