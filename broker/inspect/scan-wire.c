/* One connection to a scanner: non-blocking underneath, with a limit for silence and one for all of it. */
#include "inspect/scan-private.h"

static gboolean
timed_out (GError **error)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_TIMEOUT,
                       SK_BOTH ("the scanner did not answer in time", "検査ソフトが時間内に応答しません"));
  return FALSE;
}

/* One domain for what goes wrong with the scanner; the words of the system's error stay. */
static gboolean
lost (GError **error, GError *take_reason)
{
  if (g_error_matches (take_reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_set_error_literal (error, SK_ERROR, SK_ERROR_CANCELLED, "cancelled");
  else if (g_error_matches (take_reason, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    timed_out (error);
  else
    g_set_error (error, SK_ERROR, SK_ERROR_PEER_LOST,
                 SK_BOTH ("the scanner cannot be reached: %s", "検査ソフトにつながりません"),
                 take_reason->message);
  g_error_free (take_reason);
  return FALSE;
}

gboolean
sk_scan_wire_open (SkScanWire *wire, GSocketConnectable *where, const SkScanTimes *times,
                   GCancellable *cancel, GError **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  GError *reason = NULL;
  /* The desktop's proxies are for the internet. */
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_set_timeout (client, (MIN (SK_ANTIVIRUS_CONNECT_MS, times->stall_ms) + 999) / 1000);
  *wire = (SkScanWire){ .cancel = cancel,
                        .stall_ms = times->stall_ms,
                        .end = g_get_monotonic_time () + (gint64) times->scan_ms * 1000 };
  wire->connection = g_socket_client_connect (client, where, cancel, &reason);
  if (!wire->connection)
    return lost (error, reason);
  GSocket *socket = g_socket_connection_get_socket (wire->connection);
  g_socket_set_timeout (socket, 0);
  g_socket_set_blocking (socket, FALSE);
  return TRUE;
}

void
sk_scan_wire_clear (SkScanWire *wire)
{
  g_clear_object (&wire->connection);
}

static gboolean
wait_for (SkScanWire *wire, GIOCondition condition, GError **error)
{
  GError *reason = NULL;
  const gint64 left = wire->end - g_get_monotonic_time ();
  if (left <= 0)
    return timed_out (error);
  return g_socket_condition_timed_wait (g_socket_connection_get_socket (wire->connection), condition,
                                        MIN (left, (gint64) wire->stall_ms * 1000), wire->cancel, &reason)
         || lost (error, reason);
}

gssize
sk_scan_wire_send (SkScanWire *wire, const void *data, gsize length, GError **error)
{
  GSocket *socket = g_socket_connection_get_socket (wire->connection);
  gsize done = 0;
  while (done < length)
    {
      GError *reason = NULL;
      if (!wait_for (wire, G_IO_IN | G_IO_OUT, error))
        return -1;
      if (g_socket_condition_check (socket, G_IO_IN | G_IO_HUP | G_IO_ERR))
        break;
      const gssize n = g_socket_send (socket, (const char *) data + done, length - done, NULL, &reason);
      if (n > 0)
        done += (gsize) n;
      else if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        g_clear_error (&reason);
      else
        {
          /* It hung up; its last words may be there. */
          g_clear_error (&reason);
          break;
        }
    }
  return (gssize) done;
}

gssize
sk_scan_wire_receive (SkScanWire *wire, void *buffer, gsize length, GError **error)
{
  GSocket *socket = g_socket_connection_get_socket (wire->connection);
  for (;;)
    {
      GError *reason = NULL;
      if (!wait_for (wire, G_IO_IN, error))
        return -1;
      const gssize n = g_socket_receive (socket, buffer, length, NULL, &reason);
      if (n >= 0)
        return n;
      if (!g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          lost (error, reason);
          return -1;
        }
      g_clear_error (&reason);
    }
}
