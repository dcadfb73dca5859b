/* clamd's own protocol: "zINSTREAM\0", pieces as 32 bits of length (big-endian) and bytes, a length of 0; the
 * answer is one text up to a NUL. */
#include "inspect/scan-private.h"
#include <string.h>

/* Names of clamd's own for "I have not looked at all of it" (AlertExceedsMax). */
#define LIMITS "Heuristics.Limits.Exceeded"

/* Up to its NUL and nothing behind; `have` bytes are there already. */
static char *
read_answer (SkScanWire *wire, GError **error)
{
  char text[SK_CLAMD_ANSWER_MAX];
  gsize have = 0;
  for (;;)
    {
      const gssize n = sk_scan_wire_receive (wire, text + have, sizeof text - have, error);
      if (n < 0)
        return NULL;
      const char *end = memchr (text + have, '\0', (gsize) n);
      have += (gsize) n;
      if (end && end == text + have - 1)
        return g_strdup (text);
      if (n == 0 || end || have == sizeof text)
        {
          sk_scan_broken (error, n == 0 ? "it broke off" : "too long an answer");
          return NULL;
        }
    }
}

/* FALSE without an error: it said something before it was asked for. */
static gboolean
send_all (SkScanWire *wire, const void *data, gsize length, GError **error)
{
  return sk_scan_wire_send (wire, data, length, error) == (gssize) length;
}

char *
sk_clamd_version (SkScanWire *wire, GError **error)
{
  static const char command[] = "zVERSION";
  GError *reason = NULL;
  if (!send_all (wire, command, sizeof command, &reason) && reason)
    {
      g_propagate_error (error, reason);
      return NULL;
    }
  g_autofree char *untrusted_text = read_answer (wire, error);
  if (!untrusted_text)
    return NULL;
  if (g_str_has_prefix (untrusted_text, "ClamAV "))
    return sk_scan_clean_text (untrusted_text);
  sk_scan_broken (error, "no version");
  return NULL;
}

/* *ret_whole: it has been given everything. */
static gboolean
send_content (SkScanWire *wire, const SkScanContent *content, gboolean *ret_whole, GError **error)
{
  g_autofree guint8 *piece = g_malloc (sizeof (guint32) + SK_SCAN_PIECE);
  gssize n;
  *ret_whole = FALSE;
  do
    {
      n = sk_scan_content_read (content, piece + sizeof (guint32), SK_SCAN_PIECE, error);
      if (n < 0)
        return FALSE;
      const guint32 length = GUINT32_TO_BE ((guint32) n);
      memcpy (piece, &length, sizeof length);
      const gssize sent = sk_scan_wire_send (wire, piece, sizeof length + (gsize) n, error);
      if (sent < 0)
        return FALSE;
      if ((gsize) sent < sizeof length + (gsize) n)
        return TRUE;
    }
  while (n > 0);
  *ret_whole = TRUE;
  return TRUE;
}

static SkScan *
unscanned (const char *scanner, const char *why)
{
  return sk_scan_new (SK_SCAN_UNSCANNED, scanner, NULL, why);
}

static SkScan *
judge (const char *untrusted_answer, gboolean whole, const char *scanner, GError **error)
{
  static const char head[] = "stream: ", found[] = " FOUND";
  const gsize length = strlen (untrusted_answer), frame = sizeof head - 1 + sizeof found - 1;
  if (g_str_has_prefix (untrusted_answer, head) && g_str_has_suffix (untrusted_answer, found)
      && length > frame)
    {
      g_autofree char *name = g_strndup (untrusted_answer + sizeof head - 1, length - frame);
      if (g_str_has_prefix (name, LIMITS))
        return unscanned (scanner, SK_BOTH ("larger or deeper than the scanner looks",
                                            "検査ソフトが調べられる大きさや階層を超えています"));
      return sk_scan_new (SK_SCAN_INFECTED, scanner, name, NULL);
    }
  if (strcmp (untrusted_answer, "stream: OK") == 0 && whole)
    return sk_scan_new (SK_SCAN_CLEAN, scanner, NULL, NULL);
  if (strcmp (untrusted_answer, "INSTREAM size limit exceeded. ERROR") == 0)
    return unscanned (scanner, SK_BOTH ("larger than the scanner takes (StreamMaxLength of clamd.conf)",
                                        "検査ソフトの上限（clamd.conf の StreamMaxLength）を超えています"));
  g_autofree char *text = sk_scan_clean_text (untrusted_answer);
  if (strcmp (untrusted_answer, "stream: OK") == 0)
    sk_scan_broken (error, "it answered before it had seen all of it");
  else
    sk_scan_broken (error, text);
  return NULL;
}

SkScan *
sk_clamd_scan (SkScanWire *wire, const char *scanner, const SkScanContent *content, GError **error)
{
  static const char command[] = "zINSTREAM";
  GError *reason = NULL;
  gboolean whole = FALSE;
  const gboolean begun = send_all (wire, command, sizeof command, &reason);
  if (reason || (begun && !send_content (wire, content, &whole, &reason)))
    {
      g_propagate_error (error, reason);
      return NULL;
    }
  g_autofree char *untrusted_answer = read_answer (wire, error);
  return untrusted_answer ? judge (untrusted_answer, whole, scanner, error) : NULL;
}
