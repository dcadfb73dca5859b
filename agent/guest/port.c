#include "port.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

/* How often an absent port, or an absent host, is looked for. A hang-up stays signalled for as long as the
 * host is away, so waiting for it in poll() would spin. */
#define LOOK_AGAIN_MS 50
/* Half a frame with nothing behind it for so long is the torn end of an earlier connection's stream: the
 * host writes frames whole. In the guest's own clock, which stands still while the VM is suspended. */
#define HALF_FRAME_MS 3000
/* Answers: an inventory is at most one frame of 64 KiB; pongs and results are small. */
#define OUT_SIZE (4 * SK_FRAME_MAX)
#define OUT_FULL (2 * SK_FRAME_MAX)

struct _SkPort
{
  char *name;
  char *path;       /* NULL: the virtio-serial port called `name` */
  gboolean by_path; /* can be looked for again after the host left */
  const SkPortEvents *events;
  gpointer data;

  int fd;
  GSource *source; /* while the host is there */
  GIOCondition wanted;
  guint look_again, half_frame, resume; /* event source ids */
  gboolean paused, running;

  SkFrameBuffer in;
  guint8 *out;
  gsize out_start, out_end;
  gsize head_start; /* where the frame being written starts in `out` */
  GQueue ends;      /* where each queued frame ends, as GSIZE_TO_POINTER */
};

typedef struct
{
  GSource base;
  gpointer tag;
  SkPort *port;
} PortSource;

static void port_look_later (SkPort *port);
static void port_run (SkPort *port);

/* ---- finding and opening ---- */

/* /sys/class/virtio-ports/vport1p2/name says which device it is; no need to wait for udev's link. */
static char *
find_device (const char *name)
{
  g_autoptr (GDir) dir = g_dir_open ("/sys/class/virtio-ports", 0, NULL);
  const char *entry;
  while (dir && (entry = g_dir_read_name (dir)))
    {
      g_autofree char *file = g_build_filename ("/sys/class/virtio-ports", entry, "name", NULL);
      g_autofree char *text = NULL;
      if (g_file_get_contents (file, &text, NULL, NULL) && g_str_equal (g_strstrip (text), name))
        return g_build_filename ("/dev", entry, NULL);
    }
  return NULL;
}

static gboolean
host_is_there (int fd)
{
  struct pollfd p = { .fd = fd, .events = POLLIN };
  return poll (&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static gboolean
port_open (SkPort *port)
{
  g_autofree char *path = port->path ? g_strdup (port->path) : find_device (port->name);
  if (!path)
    return FALSE;
  port->fd = open (path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  return port->fd >= 0;
}

/* ---- events ---- */

static void
port_want (SkPort *port)
{
  GIOCondition wanted = 0;
  if (!port->source)
    return;
  if (!port->paused && !sk_port_is_full (port))
    wanted |= G_IO_IN;
  if (!sk_port_is_drained (port))
    wanted |= G_IO_OUT;
  if (wanted != port->wanted)
    g_source_modify_unix_fd (port->source, ((PortSource *) port->source)->tag, wanted);
  port->wanted = wanted;
}

static void
port_unwatch (SkPort *port)
{
  if (port->source)
    g_source_destroy (port->source);
  g_clear_pointer (&port->source, g_source_unref);
  port->wanted = 0;
}

static void
port_forget (SkPort *port)
{
  sk_frame_buffer_reset (&port->in);
  g_clear_handle_id (&port->half_frame, g_source_remove);
  port->paused = FALSE;
}

static void
port_lost (SkPort *port)
{
  port_unwatch (port);
  port_forget (port);
  port->out_start = port->out_end = port->head_start = 0;
  g_queue_clear (&port->ends);
  port->events->lost (port, port->data);
  if (port->by_path)
    port_look_later (port);
}

void
sk_port_seek (SkPort *port)
{
  port->in.seeking = TRUE;
  port->events->lost (port, port->data);
}

static gboolean
on_half_frame (gpointer data)
{
  SkPort *port = data;
  port->half_frame = 0;
  if (port->paused || port->in.end == port->in.start)
    return G_SOURCE_REMOVE;
  /* Give up the byte this half frame starts with; what follows it may be frames. */
  port->in.start++;
  port->in.seeking = TRUE;
  port_run (port);
  return G_SOURCE_REMOVE;
}

/* ---- input ---- */

static void
port_watch_half_frame (SkPort *port, gboolean got_frames)
{
  gboolean half = port->in.end > port->in.start && !port->paused;
  if (!half || got_frames)
    g_clear_handle_id (&port->half_frame, g_source_remove);
  if (half && !port->half_frame)
    port->half_frame = g_timeout_add (HALF_FRAME_MS, on_half_frame, port);
}

static void
port_take_frames (SkPort *port)
{
  gboolean got_frames = FALSE;
  while (!port->paused && !sk_port_is_full (port))
    {
      g_autoptr (GError) error = NULL;
      SkFrame frame;
      int result = sk_frame_buffer_next (&port->in, &frame, &error);
      if (result == 0)
        break;
      if (result < 0)
        {
          sk_warn (SK_FIELDS ("port", port->name), "seeking: %s", error->message);
          sk_port_seek (port);
          continue;
        }
      got_frames = TRUE;
      port->events->frame (port, &frame, port->data);
    }
  port_watch_half_frame (port, got_frames);
}

/* FALSE: the host went away. */
static gboolean
port_read (SkPort *port)
{
  gsize room;
  guint8 *space = sk_frame_buffer_space (&port->in, &room);
  if (room == 0)
    return TRUE;
  gssize n = read (port->fd, space, room);
  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  if (n == 0)
    return FALSE;
  sk_frame_buffer_commit (&port->in, (gsize) n);
  return TRUE;
}

/* Frames that are already in the buffer (after a pause, or a full output queue) come without any new byte. */
static void
port_run (SkPort *port)
{
  if (port->running)
    return;
  port->running = TRUE;
  port_take_frames (port);
  port->running = FALSE;
  port_want (port);
}

/* ---- output ---- */

static void
port_wrote (SkPort *port, gsize n)
{
  port->out_start += n;
  while (!g_queue_is_empty (&port->ends)
         && GPOINTER_TO_SIZE (g_queue_peek_head (&port->ends)) <= port->out_start)
    port->head_start = GPOINTER_TO_SIZE (g_queue_pop_head (&port->ends));
  if (port->out_start == port->out_end)
    port->out_start = port->out_end = port->head_start = 0;
}

static void
port_flush (SkPort *port)
{
  while (port->source && port->out_start < port->out_end)
    {
      /* Never more than the end of the first frame or a whole write: see SK_PORT_FRAME_MAX. */
      gsize end = GPOINTER_TO_SIZE (g_queue_peek_head (&port->ends));
      gssize n
          = write (port->fd, port->out + port->out_start, MIN (end - port->out_start, SK_PORT_FRAME_MAX));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return; /* full, or the host left: poll() tells which */
      port_wrote (port, (gsize) n);
    }
}

/* Moves what is not written to the front. */
static void
port_compact (SkPort *port)
{
  gsize gone = port->head_start;
  if (gone == 0)
    return;
  memmove (port->out, port->out + gone, port->out_end - gone);
  for (GList *l = port->ends.head; l; l = l->next)
    l->data = GSIZE_TO_POINTER (GPOINTER_TO_SIZE (l->data) - gone);
  port->out_end -= gone;
  port->out_start -= gone;
  port->head_start = 0;
}

gboolean
sk_port_is_full (const SkPort *port)
{
  return port->out_end - port->out_start > OUT_FULL;
}

gboolean
sk_port_is_drained (const SkPort *port)
{
  return port->out_start == port->out_end;
}

/* The frame stands complete at out_end. */
static void
port_queue (SkPort *port, gsize frame_length)
{
  port->out_end += frame_length;
  g_queue_push_tail (&port->ends, GSIZE_TO_POINTER (port->out_end));
  port_flush (port);
  port_want (port);
}

gboolean
sk_port_send (SkPort *port, guint16 type, guint32 id, const void *body, gsize length)
{
  g_return_val_if_fail (length <= SK_FRAME_BODY_MAX, FALSE);
  port_compact (port);
  if (!port->source || OUT_SIZE - port->out_end < SK_FRAME_HEADER + length)
    return FALSE;
  sk_frame_header (port->out + port->out_end, type, id, length);
  if (length > 0)
    memcpy (port->out + port->out_end + SK_FRAME_HEADER, body, length);
  port_queue (port, SK_FRAME_HEADER + length);
  return TRUE;
}

guint8 *
sk_port_body (SkPort *port)
{
  return port->source && sk_port_is_drained (port) ? port->out + SK_FRAME_HEADER : NULL;
}

void
sk_port_send_body (SkPort *port, guint16 type, guint32 id, gsize length)
{
  g_return_if_fail (length <= SK_PORT_BODY_MAX && sk_port_is_drained (port));
  if (length == 0)
    return;
  sk_frame_header (port->out, type, id, length);
  port_queue (port, SK_FRAME_HEADER + length);
}

void
sk_port_drop_output (SkPort *port)
{
  gboolean half = port->out_start > port->head_start;
  gsize end = half ? GPOINTER_TO_SIZE (g_queue_peek_head (&port->ends)) : port->out_start;
  g_queue_clear (&port->ends);
  port->out_end = end;
  if (half)
    g_queue_push_tail (&port->ends, GSIZE_TO_POINTER (end));
  port_want (port);
}

static gboolean
on_resumed (gpointer data)
{
  SkPort *port = data;
  port->resume = 0;
  port_run (port);
  return G_SOURCE_REMOVE;
}

void
sk_port_set_paused (SkPort *port, gboolean paused)
{
  if (port->paused == paused)
    return;
  port->paused = paused;
  /* Not from here: the caller may be in the middle of a frame of its own. */
  if (!paused && !port->resume)
    port->resume = g_idle_add (on_resumed, port);
  port_want (port);
}

/* ---- the loop ---- */

static gboolean
port_source_check (GSource *source)
{
  return g_source_query_unix_fd (source, ((PortSource *) source)->tag) != 0;
}

static gboolean
port_source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  SkPort *port = ((PortSource *) source)->port;
  GIOCondition condition = g_source_query_unix_fd (source, ((PortSource *) source)->tag);
  gboolean here = TRUE;
  if (condition & G_IO_OUT)
    {
      port_flush (port);
      if (sk_port_is_drained (port))
        port->events->writable (port, port->data);
    }
  if (condition & port->wanted & G_IO_IN)
    here = port_read (port);
  port_run (port);
  /* What the host wrote before it left still counts; then the hang-up does. */
  if (!here || ((condition & (G_IO_HUP | G_IO_ERR)) && !(condition & port->wanted & G_IO_IN)))
    port_lost (port);
  return G_SOURCE_CONTINUE;
}

static void
port_watch (SkPort *port)
{
  static GSourceFuncs funcs = { .check = port_source_check, .dispatch = port_source_dispatch };
  port->source = g_source_new (&funcs, sizeof (PortSource));
  ((PortSource *) port->source)->port = port;
  ((PortSource *) port->source)->tag = g_source_add_unix_fd (port->source, port->fd, 0);
  g_source_attach (port->source, NULL);
  port_want (port);
}

static gboolean
on_look_again (gpointer data)
{
  SkPort *port = data;
  if (port->fd < 0 && !port_open (port))
    return G_SOURCE_CONTINUE;
  if (!host_is_there (port->fd))
    return G_SOURCE_CONTINUE;
  port->look_again = 0;
  port_watch (port);
  return G_SOURCE_REMOVE;
}

static void
port_look_later (SkPort *port)
{
  if (!port->look_again)
    port->look_again = g_timeout_add (LOOK_AGAIN_MS, on_look_again, port);
}

static SkPort *
port_new (const char *name, int fd, const SkPortEvents *events, gpointer data)
{
  SkPort *port = g_new0 (SkPort, 1);
  port->name = g_strdup (name);
  port->fd = fd;
  port->events = events;
  port->data = data;
  port->out = g_malloc (OUT_SIZE);
  sk_frame_buffer_init (&port->in);
  port->in.seeking = TRUE;
  return port;
}

SkPort *
sk_port_new (const char *name, const char *path, const SkPortEvents *events, gpointer data)
{
  SkPort *port = port_new (name, -1, events, data);
  port->path = g_strdup (path);
  port->by_path = TRUE;
  if (on_look_again (port))
    port_look_later (port);
  return port;
}

SkPort *
sk_port_new_for_fd (const char *name, int fd, const SkPortEvents *events, gpointer data)
{
  SkPort *port = port_new (name, fd, events, data);
  port_watch (port);
  return port;
}

void
sk_port_free (SkPort *port)
{
  if (!port)
    return;
  port_unwatch (port);
  g_clear_handle_id (&port->look_again, g_source_remove);
  g_clear_handle_id (&port->half_frame, g_source_remove);
  g_clear_handle_id (&port->resume, g_source_remove);
  g_queue_clear (&port->ends);
  sk_frame_buffer_clear (&port->in);
  sk_clear_fd (&port->fd);
  g_free (port->out);
  g_free (port->path);
  g_free (port->name);
  g_free (port);
}
