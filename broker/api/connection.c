#include "api/connection.h"
#include "api/head.h"
#include "api/identity.h"
#include "api/json.h"
#include "api/request.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gnetworking.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

/* -- input ---------------------------------------------------------------------------------------------- */

#define SK_TYPE_API_INPUT (sk_api_input_get_type ())
G_DECLARE_FINAL_TYPE (SkApiInput, sk_api_input, SK, API_INPUT, GInputStream)

struct _SkApiInput
{
  GInputStream parent;
  SkApiConnection *connection; /* owns us */
};

struct _SkApiConnection
{
  GIOStream parent;
  GSocket *socket;
  GSocketConnection *base;
  SkApiInput *input;
  SkIdentity *who;
  const guint *limits_ms;
  SkPhase phase;
  gint64 phase_began;
  gboolean ended;        /* nothing more is read from the socket */
  GByteArray *head;      /* of the coming request, while it is collected and until libsoup has it */
  gsize head_taken;      /* bytes of it that libsoup has; it has none while the head is not whole */
  gboolean head_newline; /* the last byte but carriage returns was a line end */
  gboolean head_clean;   /* the present request's head came through here, so nothing behind it was read */
  GSource *hangup;
};

static void sk_api_input_pollable_init (GPollableInputStreamInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SkApiInput, sk_api_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      sk_api_input_pollable_init))
G_DEFINE_FINAL_TYPE (SkApiConnection, sk_api_connection, G_TYPE_IO_STREAM)

/* Bytes up to and with the end of the head; all of them when it does not end here. */
static gsize
scan_head (SkApiConnection *c, const char *untrusted_bytes, gsize n, gboolean *ret_whole)
{
  for (gsize i = 0; i < n; i++)
    {
      if (untrusted_bytes[i] == '\n' && c->head_newline)
        {
          *ret_whole = TRUE;
          return i + 1;
        }
      if (untrusted_bytes[i] != '\r')
        c->head_newline = untrusted_bytes[i] == '\n';
    }
  return n;
}

static gssize
receive (SkApiConnection *c, void *buffer, gsize count, int flags, GError **error)
{
  gssize n;
  do
    n = recv (g_socket_get_fd (c->socket), buffer, count, flags | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "receive: %s", g_strerror (errno));
  return n;
}

/* libsoup before 3.4 never lets go of a connection that ends between two requests: it has no request yet that
 * could fail. One byte makes one, which fails at once with the end behind it. */
static gssize
end_between_requests (SkApiConnection *c, char *buffer)
{
  c->ended = TRUE;
  buffer[0] = '?';
  return 1;
}

static gssize
refuse_head (SkApiConnection *c, char *buffer, guint http, const GError *error)
{
  sk_api_refuse (g_socket_get_fd (c->socket), http, error);
  sk_api_connection_shutdown (c);
  return end_between_requests (c, buffer);
}

/* What libsoup gets of a whole head. */
static gssize
give_head (SkApiConnection *c, void *buffer, gsize count)
{
  gsize n = MIN (count, c->head->len - c->head_taken);
  memcpy (buffer, c->head->data + c->head_taken, n);
  c->head_taken += n;
  if (c->head_taken == c->head->len)
    sk_api_connection_set_phase (c, SK_PHASE_BODY);
  return (gssize) n;
}

/* Collects more of the head. buffer is only room to look into. */
static gssize
read_head (SkApiConnection *c, char *buffer, gsize count, GError **error)
{
  g_autoptr (GError) failed = NULL;
  gboolean whole = FALSE;
  gssize n = receive (c, buffer, count, MSG_PEEK, &failed);

  if (n <= 0 && !g_error_matches (failed, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return end_between_requests (c, buffer);
  if (n > 0)
    {
      if (c->phase == SK_PHASE_IDLE)
        sk_api_connection_set_phase (c, SK_PHASE_HEAD);
      n = receive (c, buffer, scan_head (c, buffer, (gsize) n, &whole), 0, &failed);
      if (n > 0)
        g_byte_array_append (c->head, (guint8 *) buffer, (guint) n);
    }
  if (c->head->len > SK_API_HEAD_MAX)
    {
      g_autoptr (GError) large = g_error_new (SK_ERROR, SK_ERROR_LIMIT, "HTTP head: %d", SK_API_HEAD_MAX);
      return refuse_head (c, buffer, 431, large);
    }
  if (!whole)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "more of the head has to come");
      return -1;
    }
  if (!sk_api_check_head ((char *) c->head->data, c->head->len, &failed))
    return refuse_head (c, buffer, 0, failed);
  c->head_clean = TRUE;
  return give_head (c, buffer, count);
}

static gssize
input_read (SkApiConnection *c, void *buffer, gsize count, GError **error)
{
  if (!c || c->ended || g_socket_is_closed (c->socket))
    return 0;
  if (c->phase != SK_PHASE_IDLE && c->phase != SK_PHASE_HEAD)
    return receive (c, buffer, count, 0, error);
  return c->head_clean ? give_head (c, buffer, count) : read_head (c, buffer, count, error);
}

static gssize
sk_api_input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return input_read (SK_API_INPUT (stream)->connection, buffer, count, error);
}

static gssize
sk_api_input_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize count, GError **error)
{
  return input_read (SK_API_INPUT (stream)->connection, buffer, count, error);
}

/* libsoup can have bytes without the socket. */
static gboolean
has_head (const SkApiConnection *c)
{
  return c->ended || (c->head_clean && c->head_taken < c->head->len);
}

static gboolean
sk_api_input_is_readable (GPollableInputStream *stream)
{
  SkApiConnection *c = SK_API_INPUT (stream)->connection;
  return !c || has_head (c) || (g_socket_condition_check (c->socket, G_IO_IN) & G_IO_IN) != 0;
}

static GSource *
sk_api_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  SkApiConnection *c = SK_API_INPUT (stream)->connection;
  g_autoptr (GSource) child = c && !has_head (c) ? g_socket_create_source (c->socket, G_IO_IN, cancellable)
                                                 : g_timeout_source_new (0);
  return g_pollable_source_new_full (stream, child, NULL);
}

static void
sk_api_input_pollable_init (GPollableInputStreamInterface *interface)
{
  interface->is_readable = sk_api_input_is_readable;
  interface->create_source = sk_api_input_create_source;
  interface->read_nonblocking = sk_api_input_read_nonblocking;
}

static void
sk_api_input_init (SkApiInput *input)
{
}

static void
sk_api_input_class_init (SkApiInputClass *class)
{
  G_INPUT_STREAM_CLASS (class)->read_fn = sk_api_input_read;
}

/* -- connection ----------------------------------------------------------------------------------------- */

static GInputStream *
sk_api_connection_get_input (GIOStream *stream)
{
  return G_INPUT_STREAM (SK_API_CONNECTION (stream)->input);
}

static GOutputStream *
sk_api_connection_get_output (GIOStream *stream)
{
  return g_io_stream_get_output_stream (G_IO_STREAM (SK_API_CONNECTION (stream)->base));
}

static gboolean
sk_api_connection_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  SkApiConnection *c = SK_API_CONNECTION (stream);
  sk_api_connection_on_hangup (c, NULL, NULL);
  return g_io_stream_close (G_IO_STREAM (c->base), cancellable, error);
}

static void
sk_api_connection_finalize (GObject *object)
{
  SkApiConnection *c = SK_API_CONNECTION (object);
  sk_api_connection_on_hangup (c, NULL, NULL);
  /* A source of libsoup's may still hold the stream. */
  if (c->input)
    c->input->connection = NULL;
  g_clear_object (&c->input);
  g_clear_object (&c->base);
  g_clear_object (&c->socket);
  g_byte_array_unref (c->head);
  sk_identity_free (c->who);
  G_OBJECT_CLASS (sk_api_connection_parent_class)->finalize (object);
}

static void
sk_api_connection_init (SkApiConnection *c)
{
  c->head = g_byte_array_new ();
}

static void
sk_api_connection_class_init (SkApiConnectionClass *class)
{
  G_OBJECT_CLASS (class)->finalize = sk_api_connection_finalize;
  G_IO_STREAM_CLASS (class)->get_input_stream = sk_api_connection_get_input;
  G_IO_STREAM_CLASS (class)->get_output_stream = sk_api_connection_get_output;
  G_IO_STREAM_CLASS (class)->close_fn = sk_api_connection_close;
}

SkApiConnection *
sk_api_connection_new (int socket, SkIdentity *who, const guint *limits_ms, GError **error)
{
  g_autoptr (SkIdentity) owned = who;
  g_autoptr (GSocket) wrapped = g_socket_new_from_fd (socket, error);
  if (!wrapped)
    {
      close (socket);
      return NULL;
    }
  g_socket_set_blocking (wrapped, FALSE);
  SkApiConnection *c = g_object_new (SK_TYPE_API_CONNECTION, NULL);
  c->base = g_socket_connection_factory_create_connection (wrapped);
  c->socket = g_steal_pointer (&wrapped);
  c->input = g_object_new (SK_TYPE_API_INPUT, NULL);
  c->input->connection = c;
  c->who = g_steal_pointer (&owned);
  c->limits_ms = limits_ms;
  sk_api_connection_set_phase (c, SK_PHASE_IDLE);
  return c;
}

const SkIdentity *
sk_api_connection_identity (SkApiConnection *connection)
{
  return connection->who;
}

void
sk_api_connection_set_phase (SkApiConnection *c, SkPhase phase)
{
  c->phase = phase;
  c->phase_began = g_get_monotonic_time ();
  if (phase != SK_PHASE_IDLE)
    return;
  g_byte_array_set_size (c->head, 0);
  c->head_taken = 0;
  c->head_newline = c->head_clean = FALSE;
}

gboolean
sk_api_connection_check_deadline (SkApiConnection *c, gint64 now)
{
  guint limit = c->limits_ms[c->phase];
  if (limit == 0 || now - c->phase_began < (gint64) limit * 1000)
    return FALSE;
  sk_api_connection_shutdown (c);
  return TRUE;
}

void
sk_api_connection_shutdown (SkApiConnection *c)
{
  if (!g_socket_is_closed (c->socket))
    shutdown (g_socket_get_fd (c->socket), SHUT_RDWR);
}

typedef struct
{
  SkHangupFunc func;
  gpointer data;
} Hangup;

static gboolean
on_hangup (int fd, GIOCondition condition, gpointer data)
{
  Hangup hangup = *(Hangup *) data;
  hangup.func (hangup.data);
  return G_SOURCE_REMOVE;
}

void
sk_api_connection_on_hangup (SkApiConnection *c, SkHangupFunc func, gpointer data)
{
  Hangup *hangup;
  if (c->hangup)
    g_source_destroy (c->hangup);
  g_clear_pointer (&c->hangup, g_source_unref);
  if (!func || g_socket_is_closed (c->socket))
    return;
  hangup = g_new (Hangup, 1);
  *hangup = (Hangup){ func, data };
  c->hangup = g_unix_fd_source_new (g_socket_get_fd (c->socket), G_IO_HUP | G_IO_ERR);
  g_source_set_callback (c->hangup, G_SOURCE_FUNC (on_hangup), hangup, g_free);
  g_source_attach (c->hangup, g_main_context_get_thread_default ());
}

void
sk_api_refuse (int socket, guint http, const GError *error)
{
  g_autoptr (JsonObject) envelope = json_object_new ();
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), envelope);
  g_autofree char *body = NULL, *text = NULL;

  if (http == 0)
    http = (guint) sk_error_info (error)->http;
  json_object_set_string_member (envelope, "type", "error");
  json_object_set_int_member (envelope, "error_code", http);
  sk_error_to_json (error, envelope);
  body = sk_json_to_string (node, FALSE);
  text = g_strdup_printf ("HTTP/1.1 %u Refused\r\nContent-Type: application/json\r\nConnection: close\r\n"
                          "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                          http, strlen (body), body);
  if (send (socket, text, strlen (text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    sk_debug (NULL, "refused: %s", g_strerror (errno));
}

gboolean
sk_api_connection_check_clean (SkApiConnection *c, GError **error)
{
  if (!c->head_clean)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "upgrade request behind another one");
  return c->head_clean;
}

int
sk_api_connection_take_fd (SkApiConnection *c, GError **error)
{
  sk_autofd int fd = fcntl (g_socket_get_fd (c->socket), F_DUPFD_CLOEXEC, 3);
  if (fd < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INTERNAL, "descriptor: %s", g_strerror (errno));
      return -1;
    }
  return sk_fd_set_nonblocking (fd, FALSE, error) ? sk_steal_fd (&fd) : -1;
}
