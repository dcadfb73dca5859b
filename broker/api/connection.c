#include "api/connection.h"
#include "api/identity.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gnetworking.h>
#include <glib-unix.h>
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
  gsize head_bytes;
  gboolean ended;        /* nothing more is read from the socket */
  gboolean head_text;    /* something other than line ends was seen: leading empty lines are allowed */
  gboolean head_newline; /* the last byte but carriage returns was a line end */
  gboolean head_clean;   /* the present request's head ended exactly at the end of a read */
  GSource *hangup;
};

static void sk_api_input_pollable_init (GPollableInputStreamInterface *interface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SkApiInput, sk_api_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      sk_api_input_pollable_init))
G_DEFINE_FINAL_TYPE (SkApiConnection, sk_api_connection, G_TYPE_IO_STREAM)

/* Bytes up to and with the end of the head; all of them when it does not end here. */
static gsize
scan_head (SkApiConnection *c, const char *untrusted_bytes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      char byte = untrusted_bytes[i];
      if (byte == '\r')
        continue;
      if (byte != '\n')
        {
          c->head_text = TRUE;
          c->head_newline = FALSE;
          continue;
        }
      if (c->head_text && c->head_newline)
        {
          c->head_clean = TRUE;
          sk_api_connection_set_phase (c, SK_PHASE_BODY);
          return i + 1;
        }
      c->head_newline = TRUE;
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
input_read (SkApiConnection *c, void *buffer, gsize count, GError **error)
{
  gssize n;
  g_autoptr (GError) failed = NULL;
  if (!c || c->ended || g_socket_is_closed (c->socket))
    return 0;
  if (c->phase != SK_PHASE_IDLE && c->phase != SK_PHASE_HEAD)
    return receive (c, buffer, count, 0, error);
  n = receive (c, buffer, count, MSG_PEEK, &failed);
  if (n <= 0 && c->phase == SK_PHASE_IDLE && !g_error_matches (failed, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return end_between_requests (c, buffer);
  if (failed)
    g_propagate_error (error, g_steal_pointer (&failed));
  if (n <= 0)
    return n;
  if (c->phase == SK_PHASE_IDLE)
    sk_api_connection_set_phase (c, SK_PHASE_HEAD);
  n = (gssize) scan_head (c, buffer, (gsize) n);
  c->head_bytes += (gsize) n;
  if (c->head_bytes > SK_API_HEAD_MAX)
    {
      sk_api_connection_shutdown (c);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "head too large");
      return -1;
    }
  return receive (c, buffer, (gsize) n, 0, error);
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

static gboolean
sk_api_input_is_readable (GPollableInputStream *stream)
{
  SkApiConnection *c = SK_API_INPUT (stream)->connection;
  return !c || (g_socket_condition_check (c->socket, G_IO_IN) & G_IO_IN) != 0;
}

static GSource *
sk_api_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  SkApiConnection *c = SK_API_INPUT (stream)->connection;
  g_autoptr (GSource) child
      = c ? g_socket_create_source (c->socket, G_IO_IN, cancellable) : g_timeout_source_new (0);
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
  sk_identity_free (c->who);
  G_OBJECT_CLASS (sk_api_connection_parent_class)->finalize (object);
}

static void
sk_api_connection_init (SkApiConnection *c)
{
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
  c->head_bytes = 0;
  c->head_text = c->head_newline = c->head_clean = FALSE;
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
