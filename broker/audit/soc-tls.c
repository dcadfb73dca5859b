/* Syslog over TLS: RFC 5425. The socket does not block; every wait ends when the sink is stopped. */
#include "audit/soc-private.h"
#include "common/error.h"
#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SLICE_MS 200

typedef struct
{
  GSocketConnection *connection;
  int fd; /* the connection's */
  SSL_CTX *context;
  SSL *ssl;
} Tls;

static gboolean
fail (SkSink *sink, const char *why, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", sink->target, why);
  return FALSE;
}

/* What OpenSSL has to say, or the certificate's fault. */
static gboolean
fail_ssl (SkSink *sink, GError **error)
{
  const Tls *tls = sink->state;
  const long bad = tls->ssl ? SSL_get_verify_result (tls->ssl) : X509_V_OK;
  const unsigned long code = ERR_get_error ();
  char text[256] = "the connection ended";
  if (bad != X509_V_OK)
    g_strlcpy (text, X509_verify_cert_error_string (bad), sizeof text);
  else if (code)
    ERR_error_string_n (code, text, sizeof text);
  ERR_clear_error ();
  return fail (sink, text, error);
}

/* TRUE: go on with what could not be done. */
static gboolean
wait_for (SkSink *sink, int result, gint64 until, GError **error)
{
  const Tls *tls = sink->state;
  const int why = SSL_get_error (tls->ssl, result);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
    return fail_ssl (sink, error);
  struct pollfd one = { tls->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, 0 };
  while (!sk_sink_is_stopped (sink) && g_get_monotonic_time () < until)
    if (poll (&one, 1, SLICE_MS) > 0)
      return TRUE;
  return fail (sink, "no answer", error);
}

static gint64
deadline (void)
{
  return g_get_monotonic_time () + (gint64) SK_SOC_TIMEOUT_MS * 1000;
}

/* -- connecting ---------------------------------------------------------------------------------------------
 */

static gboolean
trust (SkSink *sink, GError **error)
{
  Tls *tls = sink->state;
  tls->context = SSL_CTX_new (TLS_client_method ());
  if (!tls->context || SSL_CTX_set_min_proto_version (tls->context, TLS1_2_VERSION) != 1)
    return fail_ssl (sink, error);
  SSL_CTX_set_verify (tls->context, SSL_VERIFY_PEER, NULL);
  const int loaded = sink->ca ? SSL_CTX_load_verify_locations (tls->context, sink->ca, NULL)
                              : SSL_CTX_set_default_verify_paths (tls->context);
  return loaded == 1 || fail_ssl (sink, error);
}

/* Its certificate has to name the host that was asked for. */
static gboolean
expect (SkSink *sink, const char *host, GError **error)
{
  const Tls *tls = sink->state;
  X509_VERIFY_PARAM *param = SSL_get0_param (tls->ssl);
  X509_VERIFY_PARAM_set_hostflags (param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (g_hostname_is_ip_address (host))
    return X509_VERIFY_PARAM_set1_ip_asc (param, host) == 1 || fail_ssl (sink, error);
  return (SSL_set1_host (tls->ssl, host) == 1 && SSL_set_tlsext_host_name (tls->ssl, host) == 1)
         || fail_ssl (sink, error);
}

static gboolean
shake_hands (SkSink *sink, const char *host, GError **error)
{
  Tls *tls = sink->state;
  const gint64 until = deadline ();
  int done;
  tls->ssl = SSL_new (tls->context);
  if (!tls->ssl || SSL_set_fd (tls->ssl, tls->fd) != 1)
    return fail_ssl (sink, error);
  SSL_set_mode (tls->ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!expect (sink, host, error))
    return FALSE;
  while ((done = SSL_connect (tls->ssl)) != 1)
    if (!wait_for (sink, done, until, error))
      return FALSE;
  return TRUE;
}

static gboolean
open_tls (SkSink *sink, GError **error)
{
  Tls *tls = g_new0 (Tls, 1);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) target = g_network_address_parse (sink->target, 0, NULL);
  g_autoptr (GError) failed = NULL;
  sink->state = tls;
  tls->fd = -1;
  if (!target)
    return fail (sink, "HOST:PORT", error);
  g_socket_client_set_timeout (client, SK_SOC_TIMEOUT_MS / 1000);
  g_socket_client_set_enable_proxy (client, FALSE);
  tls->connection = g_socket_client_connect (client, target, sink->cancellable, &failed);
  if (!tls->connection)
    return fail (sink, failed->message, error);
  GSocket *socket = g_socket_connection_get_socket (tls->connection);
  g_socket_set_keepalive (socket, TRUE);
  tls->fd = g_socket_get_fd (socket);
  return trust (sink, error)
         && shake_hands (sink, g_network_address_get_hostname (G_NETWORK_ADDRESS (target)), error);
}

/* -- sending ------------------------------------------------------------------------------------------------
 */

static gboolean
send_message (SkSink *sink, const SkAuditRow *row, GError **error)
{
  const Tls *tls = sink->state;
  g_autofree char *text = sk_soc_syslog (row, sink->host, (guint) getpid ());
  g_autofree char *frame = g_strdup_printf ("%" G_GSIZE_FORMAT " %s", strlen (text), text);
  const gint64 until = deadline ();
  const int length = (int) strlen (frame);
  int done;
  while ((done = SSL_write (tls->ssl, frame, length)) <= 0)
    if (!wait_for (sink, done, until, error))
      return FALSE;
  return TRUE;
}

static gboolean
flush (SkSink *sink, GError **error)
{
  return TRUE;
}

static gint64
sent (SkSink *sink)
{
  return (gint64) BIO_number_written (SSL_get_wbio (((Tls *) sink->state)->ssl));
}

/* Bytes that the other side's kernel confirmed, provided that the connection lives. A receiver of syslog says
 * nothing: whatever there is to read is TLS's own, or the end. */
static gint64
arrived (SkSink *sink, GError **error)
{
  const Tls *tls = sink->state;
  char byte;
  int waiting = 0;
  const int n = SSL_read (tls->ssl, &byte, 1);
  const int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error (tls->ssl, n);
  struct pollfd one = { tls->fd, POLLRDHUP, 0 };
  if ((why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
      || (poll (&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR)))
      || ioctl (tls->fd, SIOCOUTQ, &waiting) < 0)
    {
      fail_ssl (sink, error);
      return -1;
    }
  return sent (sink) - waiting;
}

static void
close_tls (SkSink *sink)
{
  Tls *tls = sink->state;
  if (!tls)
    return;
  if (tls->ssl && SSL_is_init_finished (tls->ssl))
    SSL_shutdown (tls->ssl);
  SSL_free (tls->ssl);
  SSL_CTX_free (tls->context);
  ERR_clear_error ();
  if (tls->connection)
    g_io_stream_close (G_IO_STREAM (tls->connection), NULL, NULL);
  g_clear_object (&tls->connection);
  g_clear_pointer (&sink->state, g_free);
}

const SkSinkKind sk_sink_syslog
    = { "syslog", open_tls, send_message, flush, arrived, sent, close_tls, SK_SOC_SETTLE_MS };
