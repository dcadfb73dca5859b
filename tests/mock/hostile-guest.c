/* A guest that means harm. Runs as PID 1 of a real VM (an initrd put behind the image's own kernel), so that
 * everything it sends takes the real way: virtio-serial, QEMU, the core's agent link, the screen's relay and
 * FreeRDP.
 *
 * The kernel command line chooses what it does: hostile=MODE
 *
 *   silence        says nothing on either port
 *   agent-garbage  random bytes instead of frames
 *   agent-huge     frame headers that promise 4 GiB
 *   agent-flood    a greeting, then answers to questions nobody asked, as fast as the port takes them
 *   agent-illegal  a greeting, then messages of the wrong direction, broken strings, lying counts
 *   agent-leaves   greets, is ready, then never speaks again
 *   rdp-silence    a good agent; the RDP port never answers
 *   rdp-garbage    a good agent; random bytes as RDP
 *   rdp-huge       a good agent; RDP packets that promise more than they hold
 *   rdp-flood      a good agent; a correct connection confirm, then random fast-path updates for ever
 *
 * Plain C and static: there is no library in that initrd. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX 65520
enum
{
  HELLO = 2,
  HELLO_ACK = 3,
  READY = 5,
  BROWSER_READY = 7,
  RESULT = 9,
  PING = 12,
  PONG = 13,
  RESET = 2,
  RESET_ACK = 3,
  OPEN = 4,
  OPENED = 5,
  DATA = 6
};

static char mode[64] = "silence";
static uint32_t seed = 1;

static uint32_t
next_random (void)
{
  return seed = seed * 1664525u + 1013904223u;
}

static void
say (const char *text)
{
  fprintf (stderr, "hostile-guest: %s\n", text);
}

static int
mode_is (const char *prefix)
{
  return strncmp (mode, prefix, strlen (prefix)) == 0;
}

/* Everything, or the end of this guest: the host may close the port at any time, then there is nothing left
 * to do. */
static void
put (int fd, const void *data, size_t length)
{
  const char *p = data;
  while (length > 0)
    {
      ssize_t n = write (fd, p, length);
      if (n < 0 && (errno == EAGAIN || errno == EPIPE))
        {
          poll (&(struct pollfd){ fd, POLLOUT, 0 }, 1, 100);
          continue;
        }
      if (n <= 0)
        return;
      p += n;
      length -= (size_t) n;
    }
}

static void
frame (int fd, uint16_t type, uint32_t id, const void *body, uint32_t length)
{
  unsigned char header[16] = { 'S', 'K', 'G', '1' };
  memcpy (header + 4, &type, 2);
  memcpy (header + 8, &id, 4);
  memcpy (header + 12, &length, 4);
  put (fd, header, sizeof header);
  if (length && length <= BODY_MAX)
    put (fd, body, length);
}

static size_t
string (unsigned char *out, const char *text)
{
  uint16_t n = (uint16_t) strlen (text);
  memcpy (out, &n, 2);
  memcpy (out + 2, text, n);
  return 2u + n;
}

static void
greet (int fd, const unsigned char *hello, size_t length)
{
  unsigned char body[256] = { 1, 0 };
  size_t n = 10;
  if (length >= 12)
    memcpy (body + 2, hello + 4, 8); /* the nonce */
  n += string (body + n, "0.0-hostile");
  n += string (body + n, "00000000000000000000000000000000");
  frame (fd, HELLO_ACK, 0, body, (uint32_t) n);
  n = string (body, "sekisho");
  n += string (body + n, "password");
  frame (fd, READY, 0, body, (uint32_t) n);
  frame (fd, BROWSER_READY, 0, NULL, 0);
}

static void
random_bytes (unsigned char *out, size_t length)
{
  for (size_t i = 0; i < length; i++)
    out[i] = (unsigned char) (next_random () >> 16);
}

static void
attack_agent (int fd)
{
  static unsigned char noise[BODY_MAX];
  if (mode_is ("agent-garbage"))
    {
      random_bytes (noise, sizeof noise);
      put (fd, noise, sizeof noise);
    }
  else if (mode_is ("agent-huge"))
    frame (fd, RESULT, 1, NULL, 0xffffffffu);
  else if (mode_is ("agent-flood"))
    frame (fd, PONG, next_random (), "\1\2\3\4\5\6\7\10", 8);
  else if (mode_is ("agent-illegal"))
    {
      static const char *bodies[] = { "\1\377\377text", "\1\4\0a\nbc", "\377\377", "" };
      uint32_t pick = next_random () >> 28;
      frame (fd, (uint16_t) (pick + 1), pick, bodies[pick & 3], (uint32_t) (pick & 1 ? 7 : 3));
    }
}

/* X.224 connection confirm choosing TLS: [MS-RDPBCGR] 2.2.1.2, so that the client goes on. */
static const unsigned char confirm[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0 };

static void
attack_rdp (int fd, uint32_t id)
{
  static unsigned char noise[8192];
  random_bytes (noise, sizeof noise);
  if (mode_is ("rdp-huge"))
    memcpy (noise, "\3\0\377\377\377\320", 6);
  if (mode_is ("rdp-flood"))
    memcpy (noise, confirm, sizeof confirm);
  frame (fd, DATA, id, noise, mode_is ("rdp-flood") && next_random () >> 31 ? sizeof confirm : sizeof noise);
}

static int
open_port (const char *wanted)
{
  DIR *dir = opendir ("/sys/class/virtio-ports");
  char path[512], name[128];
  int fd = -1;
  for (struct dirent *e; dir && fd < 0 && (e = readdir (dir));)
    {
      snprintf (path, sizeof path, "/sys/class/virtio-ports/%s/name", e->d_name);
      FILE *f = fopen (path, "r");
      if (f && fgets (name, sizeof name, f) && strncmp (name, wanted, strlen (wanted)) == 0)
        {
          snprintf (path, sizeof path, "/dev/%s", e->d_name);
          fd = open (path, O_RDWR | O_CLOEXEC);
        }
      if (f)
        fclose (f);
    }
  if (dir)
    closedir (dir);
  return fd;
}

/* One frame from the host, read whole. The host is not hostile here: what it says is well-formed. */
static int
read_frame (int fd, uint16_t *type, uint32_t *id, unsigned char *body, uint32_t *length)
{
  unsigned char header[16];
  size_t have = 0;
  while (have < sizeof header)
    {
      ssize_t n = read (fd, header + have, sizeof header - have);
      if (n <= 0)
        return 0;
      have += (size_t) n;
    }
  memcpy (type, header + 4, 2);
  memcpy (id, header + 8, 4);
  memcpy (length, header + 12, 4);
  if (*length > BODY_MAX)
    return 0;
  for (have = 0; have < *length;)
    {
      ssize_t n = read (fd, body + have, *length - have);
      if (n <= 0)
        return 0;
      have += (size_t) n;
    }
  return 1;
}

static void
serve (int agent, int rdp)
{
  static unsigned char body[BODY_MAX];
  uint16_t type;
  uint32_t id, length, connection = 0;
  int greeted = 0, open = 0;
  for (;;)
    {
      int attacking = (greeted && mode_is ("agent-") && !mode_is ("agent-leaves"))
                      || (open && !mode_is ("rdp-silence"));
      struct pollfd fds[2] = { { agent, POLLIN, 0 }, { rdp, POLLIN, 0 } };
      poll (fds, 2, attacking ? 0 : 200);
      if (fds[0].revents & POLLIN && read_frame (agent, &type, &id, body, &length))
        {
          if (type == HELLO && (!greeted || !mode_is ("agent-leaves")))
            {
              if (!mode_is ("agent-garbage") && !mode_is ("agent-huge"))
                greet (agent, body, length);
              greeted = 1;
            }
          else if (type == PING && !mode_is ("agent-leaves"))
            frame (agent, PONG, id, body, length);
        }
      if (fds[1].revents & POLLIN && read_frame (rdp, &type, &id, body, &length) && !mode_is ("rdp-silence"))
        {
          if (type == RESET)
            frame (rdp, RESET_ACK, id, body, length);
          else if (type == OPEN)
            {
              connection = id;
              open = 1;
              frame (rdp, OPENED, id, NULL, 0);
            }
        }
      if (greeted && mode_is ("agent-"))
        attack_agent (agent);
      if (open)
        attack_rdp (rdp, connection);
    }
}

int
main (void)
{
  char line[4096] = "";
  mkdir ("/proc", 0755);
  mkdir ("/sys", 0755);
  mount ("proc", "/proc", "proc", 0, NULL);
  mount ("sys", "/sys", "sysfs", 0, NULL);
  mount ("dev", "/dev", "devtmpfs", 0, NULL);
  FILE *f = fopen ("/proc/cmdline", "r");
  if (f && fgets (line, sizeof line, f))
    {
      char *at = strstr (line, "hostile=");
      if (at)
        sscanf (at + 8, "%63s", mode);
    }
  say (mode);
  int agent = -1, rdp = -1;
  for (int tries = 0; tries < 100 && (agent < 0 || rdp < 0); tries++)
    {
      if (agent < 0)
        agent = open_port ("jp.sekisho.agent.0");
      if (rdp < 0)
        rdp = open_port ("jp.sekisho.rdp.0");
      poll (NULL, 0, 50);
    }
  if (agent < 0 || rdp < 0 || mode_is ("silence"))
    for (;;)
      pause ();
  serve (agent, rdp);
}
