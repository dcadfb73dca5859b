/* What an owned worker can say to its core: false words, too many of them, and what are none. Each returns
 * TRUE when the core went on listening to what it must not; what the core makes of the rest, its test looks
 * at. */
#include "owned.h"
#include "wire/buf.h"
#include "wire/control.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOD 20000
/* The core ends a worker within this time, or it does not mean to. */
#define PATIENCE_MS 10000

/* The control socket: the only connection that keeps packets apart. */
static int
control (void)
{
  for (int fd = 0; fd < 64; fd++)
    {
      int type = 0, listening = 0;
      socklen_t size = sizeof type;
      if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET
          && getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && !listening)
        return fd;
    }
  return -1;
}

/* FALSE: the core has hung up. */
static gboolean
send_raw (const void *packet, gsize length, int passed)
{
  char space[CMSG_SPACE (sizeof (int))] = { 0 };
  struct iovec part = { (void *) packet, length };
  struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
  const int fd = control ();
  if (passed >= 0)
    {
      m.msg_control = space;
      m.msg_controllen = sizeof space;
      struct cmsghdr *c = CMSG_FIRSTHDR (&m);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN (sizeof passed);
      memcpy (CMSG_DATA (c), &passed, sizeof passed);
    }
  for (;;)
    {
      if (sendmsg (fd, &m, MSG_NOSIGNAL) >= 0)
        return TRUE;
      struct pollfd p = { fd, POLLOUT, 0 };
      if (errno != EAGAIN || poll (&p, 1, PATIENCE_MS) <= 0 || (p.revents & (POLLHUP | POLLERR)))
        return FALSE;
    }
}

/* A packet's head and fields: numbers of the widths that the format names, and one string for each s. */
static gboolean
send_words (guint type, const char *format, guint64 number, const char *text, int passed)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  sk_write_u16 (out, (guint16) type);
  sk_write_u16 (out, 0);
  sk_write_u32 (out, 0);
  for (; *format; format++)
    switch (*format)
      {
      case 'y':
        sk_write_u8 (out, (guint8) number);
        break;
      case 'q':
        sk_write_u16 (out, (guint16) number);
        break;
      case 'u':
        sk_write_u32 (out, (guint32) number);
        break;
      case 't':
        sk_write_u64 (out, number);
        break;
      default:
        sk_write_string (out, text);
        break;
      }
  return send_raw (out->data, out->len, passed);
}

/* Whether the core still listens when it has had time to see what was said. */
static gboolean
still_heard (void)
{
  struct pollfd p = { control (), 0, 0 };
  errno = ECONNRESET;
  return p.fd >= 0 && poll (&p, 1, PATIENCE_MS) == 0;
}

static guint
state_type (const SkOwned *o)
{
  return o->view ? SK_VIEW_STATE : SK_SCREEN_STATE;
}

gboolean
sk_lie_hello_again (const SkOwned *o)
{
  return send_words (SK_CONTROL_HELLO, "quyss", SK_CONTROL_VERSION, o->view ? "view" : "screen", -1)
         && still_heard ();
}

gboolean
sk_lie_other_kind (const SkOwned *o)
{
  return (o->view ? send_words (SK_SCREEN_MEMORY, "", 0, "", o->memory)
                  : send_words (SK_VIEW_SCALE, "q", 200, "", -1))
         && still_heard ();
}

gboolean
sk_lie_as_core (const SkOwned *o)
{
  return send_words (SK_CONTROL_END, "", 0, "", -1) && still_heard ();
}

gboolean
sk_lie_unknown_word (const SkOwned *o)
{
  return send_words (0x7fff, "uu", 1, "", -1) && still_heard ();
}

gboolean
sk_lie_garbage (const SkOwned *o)
{
  guint8 packet[4096];
  memset (packet, 0xff, sizeof packet);
  return send_raw (packet, sizeof packet, -1) && still_heard ();
}

gboolean
sk_lie_half_a_word (const SkOwned *o)
{
  const guint8 packet[] = { state_type (o) & 0xff, 0, 0 };
  return send_raw (packet, sizeof packet, -1) && still_heard ();
}

gboolean
sk_lie_descriptor (const SkOwned *o)
{
  return send_words (state_type (o), "yus", 1, "", STDERR_FILENO) && still_heard ();
}

gboolean
sk_lie_control_characters (const SkOwned *o)
{
  return send_words (SK_CONTROL_LOG, "ys", 4, "\033]0;owned\007\r\n2026 forged line", -1) && still_heard ();
}

/* These are allowed, so often as the core likes: it may end the worker or not, but must live and keep its
 * own. */
gboolean
sk_flood_log (const SkOwned *o)
{
  g_autofree char *text = g_strnfill (SK_CONTROL_LOG_MAX - 1, 'W');
  for (guint i = 0; i < FLOOD && send_words (SK_CONTROL_LOG, "ys", 3, text, -1); i++)
    ;
  return FALSE;
}

gboolean
sk_flood_state (const SkOwned *o)
{
  for (guint i = 0; i < FLOOD && send_words (state_type (o), "yus", i % 3 + 1, "", -1); i++)
    ;
  return FALSE;
}

gboolean
sk_flood_scale (const SkOwned *o)
{
  for (guint i = 0; i < FLOOD && send_words (SK_VIEW_SCALE, "q", i & 0xffff, "", -1); i++)
    ;
  return FALSE;
}
