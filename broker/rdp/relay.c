#include "rdp/relay.h"
#include "common/fd.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <errno.h>
#include <freerdp/transport_io.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <winpr/synch.h>

/* RESET is said again this often until the guest's relay answers: it may not run yet. */
#define RESET_AGAIN_MS 1000

struct _SkRelay
{
  SkWorker *worker;
  int stream;
  SkFrameBuffer in;
  guint32 connection; /* id of the open connection; 0 none */
  guint32 last_connection;
  SkFrame data; /* what is left of the DATA frame being read */
  GByteArray *out;
  gsize out_sent;
  gboolean broken, drained;
};

SkRelay *
sk_relay_new (SkWorker *worker, int stream)
{
  SkRelay *r = g_new0 (SkRelay, 1);
  r->worker = worker;
  r->stream = stream;
  r->out = g_byte_array_new ();
  sk_frame_buffer_init (&r->in);
  return r;
}

int
sk_relay_fd (const SkRelay *r)
{
  return r->stream;
}

gboolean
sk_relay_is_drained (const SkRelay *r)
{
  return r->drained || r->broken;
}

void
sk_relay_rearm (SkRelay *r)
{
  r->drained = FALSE;
}

gboolean
sk_relay_wants_write (const SkRelay *r)
{
  return r->out_sent < r->out->len;
}

static gboolean
fail (SkRelay *r, const char *what, const char *why)
{
  if (!r->broken)
    sk_worker_log (r->worker, G_LOG_LEVEL_WARNING, "RDP port: %s: %s", what, why);
  r->broken = TRUE;
  return FALSE;
}

gboolean
sk_relay_flush (SkRelay *r)
{
  while (sk_relay_wants_write (r) && !r->broken)
    {
      gssize n = write (r->stream, r->out->data + r->out_sent, r->out->len - r->out_sent);
      if (n > 0)
        r->out_sent += (gsize) n;
      else if (n < 0 && errno == EAGAIN)
        return TRUE;
      else if (n < 0 && errno != EINTR)
        return fail (r, "write", g_strerror (errno));
    }
  g_byte_array_set_size (r->out, 0);
  r->out_sent = 0;
  return !r->broken;
}

static gboolean
say (SkRelay *r, guint16 type, guint32 id, const void *body, gsize length)
{
  sk_frame_append (r->out, type, id, body, length);
  return sk_relay_flush (r);
}

/* Reads once. FALSE when the port is broken; *ret_more FALSE when there was nothing. */
static gboolean
fill (SkRelay *r, gboolean *ret_more)
{
  gsize room;
  guint8 *space = sk_frame_buffer_space (&r->in, &room);
  gssize n;
  do
    n = read (r->stream, space, room);
  while (n < 0 && errno == EINTR);
  *ret_more = n > 0;
  if (n > 0)
    sk_frame_buffer_commit (&r->in, (gsize) n);
  else if (n == 0)
    return fail (r, "read", "the VM closed it");
  else if (errno != EAGAIN)
    return fail (r, "read", g_strerror (errno));
  return TRUE;
}

static gboolean
wait_for (SkRelay *r, gboolean writable, int timeout_ms)
{
  struct pollfd p = { r->stream, POLLIN, 0 };
  if (writable || sk_relay_wants_write (r))
    p.events |= POLLOUT;
  if (writable)
    p.events &= (short) ~POLLIN;
  int n;
  do
    n = poll (&p, 1, timeout_ms);
  while (n < 0 && errno == EINTR);
  if (p.revents & POLLOUT)
    sk_relay_flush (r);
  return n > 0;
}

/* The next frame, waiting up to timeout_ms: 1, 0 (time is over), -1 (broken). */
static int
next_frame (SkRelay *r, SkFrame *ret, int timeout_ms)
{
  for (;;)
    {
      g_autoptr (GError) error = NULL;
      gboolean more;
      int got = sk_frame_buffer_next (&r->in, ret, &error);
      if (got > 0)
        return 1;
      if (got < 0)
        {
          fail (r, "bad frame", error->message);
          return -1;
        }
      if (!fill (r, &more))
        return -1;
      if (!more && (timeout_ms == 0 || !wait_for (r, FALSE, timeout_ms)))
        return 0;
    }
}

/* The port may hold the tail of another connection's bytes: drop all until our own nonce comes back. */
static gboolean
reset (SkRelay *r)
{
  guint64 nonce = 0;
  if (getrandom (&nonce, sizeof nonce, 0) != sizeof nonce)
    return fail (r, "random numbers", g_strerror (errno));
  const guint64 wire_nonce = GUINT64_TO_LE (nonce);
  sk_frame_buffer_reset (&r->in);
  gboolean again = TRUE;
  for (;;)
    {
      SkFrame f;
      if (again && !say (r, SK_RELAY_RESET, 0, &wire_nonce, sizeof wire_nonce))
        return FALSE;
      int got = next_frame (r, &f, RESET_AGAIN_MS);
      if (got < 0)
        return FALSE;
      again = got == 0;
      if (got > 0 && f.type == SK_RELAY_RESET_ACK && f.length == sizeof wire_nonce
          && memcmp (f.body, &wire_nonce, sizeof wire_nonce) == 0)
        return TRUE;
    }
}

/* Waits as long as the guest needs: the core has its own patience and ends this process. */
static gboolean
open_connection (SkRelay *r)
{
  if (!reset (r))
    return FALSE;
  guint32 id = ++r->last_connection;
  if (!say (r, SK_RELAY_OPEN, id, NULL, 0))
    return FALSE;
  for (;;)
    {
      SkFrame f;
      int got = next_frame (r, &f, -1);
      if (got < 0)
        return FALSE;
      if (got > 0 && f.id == id && f.type == SK_RELAY_CLOSE)
        return fail (r, "open", "refused by the guest");
      if (got > 0 && f.id == id && f.type == SK_RELAY_OPENED)
        break;
    }
  r->connection = id;
  r->data.length = 0;
  return TRUE;
}

/* ---- FreeRDP's transport layer ---- */

typedef struct
{
  SkRelay *relay; /* borrowed: outlives every connection */
  HANDLE event;
} Layer;

static int
layer_read (void *user, void *out, int bytes)
{
  SkRelay *r = ((Layer *) user)->relay;
  while (r->data.length == 0)
    {
      SkFrame f;
      int got = next_frame (r, &f, 0);
      r->drained = got <= 0;
      if (got <= 0)
        return got;
      if (f.id != r->connection)
        continue;
      if (f.type == SK_RELAY_CLOSE)
        return -1;
      if (f.type == SK_RELAY_DATA)
        r->data = f;
    }
  gsize n = MIN ((gsize) MAX (bytes, 0), r->data.length);
  memcpy (out, r->data.body, n);
  r->data.body += n;
  r->data.length -= n;
  return (int) n;
}

static int
layer_write (void *user, const void *data, int bytes)
{
  SkRelay *r = ((Layer *) user)->relay;
  if (!sk_relay_flush (r))
    return -1;
  if (sk_relay_wants_write (r) || bytes <= 0)
    return 0;
  gsize n = MIN ((gsize) bytes, (gsize) SK_FRAME_BODY_MAX);
  return say (r, SK_RELAY_DATA, r->connection, data, n) ? (int) n : -1;
}

static BOOL
layer_wait (void *user, BOOL for_write, DWORD timeout_ms)
{
  SkRelay *r = ((Layer *) user)->relay;
  if (!for_write && r->data.length > 0)
    return TRUE;
  return wait_for (r, for_write, (int) timeout_ms);
}

static BOOL
layer_close (void *user)
{
  Layer *layer = user;
  SkRelay *r = layer->relay;
  if (r->connection && !r->broken && !say (r, SK_RELAY_CLOSE, r->connection, NULL, 0))
    r->broken = TRUE;
  r->connection = 0;
  if (layer->event)
    CloseHandle (layer->event);
  layer->event = NULL;
  return TRUE;
}

static HANDLE
layer_event (void *user)
{
  return ((Layer *) user)->event;
}

static rdpTransportLayer *
connect_layer (rdpTransport *transport, const char *hostname, int port, DWORD timeout)
{
  rdpContext *context = transport_get_context (transport);
  SkRelay *r = freerdp_get_io_callback_context (context);
  if (!open_connection (r))
    return NULL;
  rdpTransportLayer *t = transport_layer_new (transport, sizeof (Layer));
  if (!t)
    return NULL;
  Layer *layer = t->userContext;
  layer->relay = r;
  layer->event = CreateFileDescriptorEvent (NULL, FALSE, FALSE, r->stream, WINPR_FD_READ);
  t->Read = layer_read;
  t->Write = layer_write;
  t->Close = layer_close;
  t->Wait = layer_wait;
  t->GetEvent = layer_event;
  return t;
}

gboolean
sk_relay_install (SkRelay *r, rdpContext *context)
{
  const rdpTransportIo *old = freerdp_get_io_callbacks (context);
  if (!old || !sk_fd_set_nonblocking (r->stream, TRUE, NULL))
    return FALSE;
  rdpTransportIo io = *old;
  io.ConnectLayer = connect_layer;
  return freerdp_set_io_callback_context (context, r) && freerdp_set_io_callbacks (context, &io);
}
