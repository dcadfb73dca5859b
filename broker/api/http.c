#include "api/http.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
sk_http_head_clear (SkHttpHead *head)
{
  g_clear_pointer (&head->etag, g_free);
}

static void
set_errno (GError **error, int err)
{
  g_set_error (error, SK_ERROR, err == EAGAIN ? SK_ERROR_TIMEOUT : SK_ERROR_PEER_LOST, "%s",
               g_strerror (err));
}

gboolean
sk_http_write (int fd, const char *data, gsize length, GError **error)
{
  while (length > 0)
    {
      gssize n = send (fd, data, length, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          set_errno (error, errno);
          return FALSE;
        }
      data += n;
      length -= (gsize) n;
    }
  return TRUE;
}

/* At least one byte. */
static gssize
receive (int fd, void *buffer, gsize size, int flags, GError **error)
{
  gssize n;
  do
    n = recv (fd, buffer, size, flags);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    set_errno (error, errno);
  if (n == 0)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "end of stream");
  return n > 0 ? n : -1;
}

/* Looks before it takes: stops exactly behind the empty line. */
static gboolean
read_head_text (int fd, char *text, GError **error)
{
  gsize have = 0;
  while (have < SK_HTTP_HEAD_MAX)
    {
      gssize n = receive (fd, text + have, SK_HTTP_HEAD_MAX - have, MSG_PEEK, error);
      if (n < 0)
        return FALSE;
      text[have + (gsize) n] = '\0';
      const char *end = strstr (text + (have > 3 ? have - 3 : 0), "\r\n\r\n");
      gsize take = end ? (gsize) (end + 4 - text) - have : (gsize) n;
      if (receive (fd, text + have, take, 0, error) != (gssize) take)
        return FALSE;
      have += take;
      text[have] = '\0';
      if (end)
        return TRUE;
    }
  g_set_error_literal (error, SK_ERROR, SK_ERROR_LIMIT, "head of the answer");
  return FALSE;
}

static void
read_header (const char *name, const char *value, SkHttpHead *head)
{
  if (g_ascii_strcasecmp (name, "Content-Length") == 0)
    g_ascii_string_to_signed (value, 10, 0, G_MAXINT32, &head->length, NULL);
  else if (g_ascii_strcasecmp (name, "Transfer-Encoding") == 0)
    head->chunked = g_ascii_strcasecmp (value, "chunked") == 0;
  else if (g_ascii_strcasecmp (name, "Connection") == 0)
    head->close = g_ascii_strcasecmp (value, "close") == 0;
  else if (g_ascii_strcasecmp (name, "Upgrade") == 0)
    head->upgraded = g_ascii_strcasecmp (value, "rdp") == 0
                     || g_ascii_strcasecmp (value, "sekisho-recording") == 0
                     || g_ascii_strcasecmp (value, "sekisho-content") == 0;
  else if (g_ascii_strcasecmp (name, "ETag") == 0)
    {
      g_free (head->etag);
      head->etag = g_strdup (value);
    }
}

gboolean
sk_http_read_head (int fd, SkHttpHead *ret_head, GError **error)
{
  g_autofree char *text = g_malloc (SK_HTTP_HEAD_MAX + 1);
  g_auto (GStrv) lines = NULL;
  if (!read_head_text (fd, text, error))
    return FALSE;
  if (!g_str_has_prefix (text, "HTTP/1.1 ") || atoi (text + 9) < 100)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "not an HTTP/1.1 answer");
      return FALSE;
    }
  *ret_head = (SkHttpHead){ .status = (guint) atoi (text + 9), .length = -1 };
  lines = g_strsplit (text, "\r\n", 0);
  for (char **line = lines + 1; *line && **line; line++)
    {
      char *colon = strchr (*line, ':');
      if (!colon)
        continue;
      *colon = '\0';
      read_header (*line, g_strstrip (colon + 1), ret_head);
    }
  return TRUE;
}

char *
sk_http_read_body (int fd, const SkHttpHead *head, gsize maximum, gsize *ret_length, GError **error)
{
  g_autofree char *body = NULL;
  gsize length = head->length > 0 ? (gsize) head->length : 0;

  if (head->chunked || length > maximum)
    {
      g_set_error_literal (error, SK_ERROR, head->chunked ? SK_ERROR_PROTOCOL : SK_ERROR_LIMIT,
                           "body of the answer");
      return NULL;
    }
  body = g_malloc (length + 1);
  for (gsize have = 0; have < length;)
    {
      gssize n = receive (fd, body + have, length - have, 0, error);
      if (n < 0)
        return NULL;
      have += (gsize) n;
    }
  body[length] = '\0';
  *ret_length = length;
  return g_steal_pointer (&body);
}
