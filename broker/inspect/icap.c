/* The ICAP client: OPTIONS, and RESPMOD with a response made up around the content. One request a
 * connection. */
#include "inspect/icap-answer.h"
#include "inspect/scan-private.h"
#include <string.h>

typedef struct
{
  SkScanWire *wire;
  SkIcapAnswer answer;
  GChecksum *checksum; /* of what was sent */
  gboolean whole;      /* all of the content was sent */
} Talk;

static void
talk_clear (Talk *talk)
{
  sk_icap_answer_clear (&talk->answer);
  g_checksum_free (talk->checksum);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Talk, talk_clear)

/* FALSE without an error: the end came. */
static gboolean
hear (Talk *talk, GError **error)
{
  guint8 bytes[4096];
  const gssize n = sk_scan_wire_receive (talk->wire, bytes, sizeof bytes, error);
  return n > 0 && sk_icap_answer_feed (&talk->answer, bytes, (gsize) n, error);
}

static gboolean
hear_all (Talk *talk, GError **error)
{
  GError *reason = NULL;
  while (talk->answer.state != SK_ICAP_DONE)
    if (!hear (talk, &reason))
      {
        if (!reason)
          return sk_scan_broken (error, "it broke off");
        g_propagate_error (error, reason);
        return FALSE;
      }
  return TRUE;
}

/* A server may answer while it is still being told: without listening both would wait for ever. FALSE
 * without an error: it has said all it has to say. */
static gboolean
say (Talk *talk, const void *data, gsize length, GError **error)
{
  gsize done = 0;
  while (done < length)
    {
      GError *reason = NULL;
      const gssize n = sk_scan_wire_send (talk->wire, (const char *) data + done, length - done, error);
      if (n < 0)
        return FALSE;
      done += (gsize) n;
      if (done == length)
        break;
      if (!hear (talk, &reason))
        {
          if (reason)
            g_propagate_error (error, reason);
          else
            sk_scan_broken (error, "it broke off");
          return FALSE;
        }
      if (talk->answer.state == SK_ICAP_DONE)
        return FALSE;
    }
  return TRUE;
}

/* -- OPTIONS ------------------------------------------------------------------------------------------------
 */

static char *
version_of (const SkIcapAnswer *answer)
{
  g_autofree char *text = g_strdup_printf ("%s%s%s", answer->service ? answer->service : "ICAP",
                                           answer->tag ? " " : "", answer->tag ? answer->tag : "");
  return sk_scan_clean_text (text);
}

char *
sk_icap_version (SkScanWire *wire, const SkIcapTarget *target, gboolean *ret_previews, GError **error)
{
  g_autofree char *request = g_strdup_printf (
      "OPTIONS icap://%s/%s ICAP/1.0\r\nHost: %s\r\nUser-Agent: Sekisho\r\nConnection: close\r\n"
      "Encapsulated: null-body=0\r\n\r\n",
      target->host, target->service, target->host);
  g_auto (Talk) talk = { .wire = wire, .checksum = g_checksum_new (G_CHECKSUM_SHA256) };
  GError *reason = NULL;
  if (!say (&talk, request, strlen (request), &reason) && reason)
    {
      g_propagate_error (error, reason);
      return NULL;
    }
  if (!hear_all (&talk, error))
    return NULL;
  if (talk.answer.status != 200 || !talk.answer.can_respmod)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND,
                   SK_BOTH ("the scanner has no service \"%s\" for RESPMOD (ICAP status %u)",
                            "検査ソフトに指定のサービスがないか、RESPMOD に対応していません"),
                   target->service, talk.answer.status);
      return NULL;
    }
  *ret_previews = talk.answer.previews;
  return version_of (&talk.answer);
}

/* -- RESPMOD ------------------------------------------------------------------------------------------------
 */

static char *
request_head (const SkIcapTarget *target, guint64 size, gboolean preview)
{
  static const char request[]
      = "GET http://sekisho.invalid/content HTTP/1.1\r\nHost: sekisho.invalid\r\n\r\n";
  g_autofree char *response = g_strdup_printf (
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %" G_GUINT64_FORMAT
      "\r\n\r\n",
      size);
  return g_strdup_printf ("RESPMOD icap://%s/%s ICAP/1.0\r\nHost: %s\r\nUser-Agent: Sekisho\r\n"
                          "Connection: close\r\nAllow: 204\r\n%sEncapsulated: req-hdr=0, res-hdr=%zu, "
                          "res-body=%zu\r\n\r\n%s%s",
                          target->host, target->service, target->host, preview ? "Preview: 0\r\n" : "",
                          sizeof request - 1, sizeof request - 1 + strlen (response), request, response);
}

static gboolean
say_chunk (Talk *talk, const guint8 *bytes, gsize length, GError **error)
{
  g_autofree char *head = g_strdup_printf ("%zx\r\n", length);
  g_checksum_update (talk->checksum, bytes, (gssize) length);
  return say (talk, head, strlen (head), error) && (length == 0 || say (talk, bytes, length, error))
         && say (talk, "\r\n", 2, error);
}

/* FALSE without an error: the scanner has made up its mind before the end. */
static gboolean
say_content (Talk *talk, const SkScanContent *content, GError **error)
{
  g_autofree guint8 *piece = g_malloc (SK_SCAN_PIECE);
  gssize n;
  do
    {
      n = sk_scan_content_read (content, piece, SK_SCAN_PIECE, error);
      if (n < 0 || !say_chunk (talk, piece, (gsize) n, error))
        return FALSE;
    }
  while (n > 0);
  talk->whole = TRUE;
  return TRUE;
}

/* The empty preview: TRUE, and "100 Continue" was the answer; FALSE without an error: something else was. */
static gboolean
may_continue (Talk *talk, GError **error)
{
  if (!hear_all (talk, error) || talk->answer.status != 100)
    return FALSE;
  sk_icap_answer_clear (&talk->answer);
  return TRUE;
}

static gboolean
ask (Talk *talk, const SkIcapTarget *target, gboolean preview, const SkScanContent *content, GError **error)
{
  g_autofree char *head = request_head (target, content->size, preview);
  GError *reason = NULL;
  const gboolean told = say (talk, head, strlen (head), &reason)
                        && (!preview || (say (talk, "0\r\n\r\n", 5, &reason) && may_continue (talk, &reason)))
                        && say_content (talk, content, &reason);
  if (!told && reason)
    {
      g_propagate_error (error, reason);
      return FALSE;
    }
  return hear_all (talk, error);
}

static SkScan *
judge (Talk *talk, GError **error)
{
  const SkIcapAnswer *a = &talk->answer;
  g_autofree char *scanner = version_of (a);
  if (a->threat)
    return sk_scan_new (SK_SCAN_INFECTED, scanner, a->threat, NULL);
  if (a->status == 200 || a->status == 201)
    {
      const gboolean same = talk->whole && a->http_status == 200
                            && g_strcmp0 (a->body_sha256, g_checksum_get_string (talk->checksum)) == 0;
      return same ? sk_scan_new (SK_SCAN_CLEAN, scanner, NULL, NULL)
                  : sk_scan_new (SK_SCAN_INFECTED, scanner, "changed by the scanner", NULL);
    }
  if (a->status == 204 && talk->whole)
    return sk_scan_new (SK_SCAN_CLEAN, scanner, NULL, NULL);
  if (a->status == 204)
    sk_scan_broken (error, "it answered before it had seen all of it");
  else
    g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
                 SK_BOTH ("the scanner answered ICAP status %u", "検査ソフトがエラーを返しました"),
                 a->status);
  return NULL;
}

SkScan *
sk_icap_scan (SkScanWire *wire, const SkIcapTarget *target, gboolean preview, const SkScanContent *content,
              gboolean *ret_again, GError **error)
{
  g_auto (Talk) talk = { .wire = wire, .checksum = g_checksum_new (G_CHECKSUM_SHA256) };
  *ret_again = FALSE;
  if (!ask (&talk, target, preview, content, error))
    return NULL;
  if (preview && talk.answer.status == 204 && !talk.whole && !talk.answer.threat)
    {
      *ret_again = TRUE;
      return NULL;
    }
  return judge (&talk, error);
}
