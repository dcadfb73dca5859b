#include "inventory.h"
#include "wire/agent.h"
#include "wire/buf.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* A frame's body less the list's own framing of two bytes a line. */
#define TEXT_MAX (SK_FRAME_BODY_MAX - 2 * SK_MESSAGE_LIST_MAX - 2)
/* A mount line of an overlay file system can be long; its beginning says enough. */
#define LINE_MAX_BYTES 256

typedef struct
{
  const char *root;
  GPtrArray *lines;
  gsize size;
} Inventory;

static void
add_line (Inventory *inventory, const char *class, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *line = g_strdup_printf ("%s: %s", class, g_strstrip (valid));
  if (strlen (line) > LINE_MAX_BYTES)
    *g_utf8_find_prev_char (line, line + LINE_MAX_BYTES) = '\0';
  for (char *c = line; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  gsize length = strlen (line);
  if (inventory->lines->len >= SK_MESSAGE_LIST_MAX || inventory->size + length > TEXT_MAX
      || !sk_text_is_clean (line, length))
    return;
  inventory->size += length;
  g_ptr_array_add (inventory->lines, g_steal_pointer (&line));
}

static char *
read_path (Inventory *inventory, const char *path)
{
  g_autofree char *full = g_strconcat (inventory->root, path, NULL);
  char *text = NULL;
  if (!g_file_get_contents (full, &text, NULL, NULL))
    return g_strdup ("");
  return g_strstrip (text);
}

static char *
read_attribute (Inventory *inventory, const char *directory, const char *entry, const char *name)
{
  g_autofree char *path = g_build_filename (directory, entry, name, NULL);
  return read_path (inventory, path);
}

/* A directory of sysfs: one line for each entry, with some of its attributes. */
static void
add_directory (Inventory *inventory, const char *class, const char *directory, const char *const *attributes)
{
  g_autofree char *full = g_strconcat (inventory->root, directory, NULL);
  g_autoptr (GDir) dir = g_dir_open (full, 0, NULL);
  const char *entry;
  while (dir && (entry = g_dir_read_name (dir)))
    {
      g_autoptr (GString) line = g_string_new (entry);
      for (const char *const *name = attributes; *name; name++)
        {
          g_autofree char *value = read_attribute (inventory, directory, entry, *name);
          if (*value)
            g_string_append_printf (line, " %s=%s", *name, value);
        }
      add_line (inventory, class, line->str);
    }
}

typedef void (*AddLine) (Inventory *inventory, const char *line);

static void
add_file (Inventory *inventory, const char *path, AddLine add)
{
  g_autofree char *text = read_path (inventory, path);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++)
    if (**line)
      add (inventory, *line);
}

static void
add_mount (Inventory *inventory, const char *line)
{
  add_line (inventory, "mount", line);
}

/* proc(5): interface, then destination, gateway, …, mask as hexadecimal numbers in network order. */
static void
add_route (Inventory *inventory, const char *line)
{
  char name[IFNAMSIZ];
  struct in_addr to, gateway, mask;
  char a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN], c[INET_ADDRSTRLEN];
  if (sscanf (line, "%15s %8x %8x %*x %*d %*d %*d %8x", name, &to.s_addr, &gateway.s_addr, &mask.s_addr) != 4)
    return; /* the heading */
  g_autofree char *text = g_strdup_printf ("%s/%s via %s dev %s", inet_ntop (AF_INET, &to, a, sizeof a),
                                           inet_ntop (AF_INET, &mask, b, sizeof b),
                                           inet_ntop (AF_INET, &gateway, c, sizeof c), name);
  add_line (inventory, "route", text);
}

static void
read_hex (const char *hex, struct in6_addr *ret)
{
  for (gsize i = 0; i < sizeof *ret; i++)
    ret->s6_addr[i]
        = (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
}

/* destination, its prefix, source, its prefix, next hop, metric, …, interface */
static void
add_route6 (Inventory *inventory, const char *line)
{
  char to_hex[33] = "", via_hex[33] = "", name[IFNAMSIZ];
  char to_text[INET6_ADDRSTRLEN], via_text[INET6_ADDRSTRLEN];
  guint prefix;
  struct in6_addr to, via;
  if (sscanf (line, "%32[0-9a-f] %x %*s %*s %32[0-9a-f] %*s %*s %*s %*s %15s", to_hex, &prefix, via_hex, name)
          != 4
      || strlen (to_hex) != 32 || strlen (via_hex) != 32 || g_str_equal (name, "lo"))
    return;
  read_hex (to_hex, &to);
  read_hex (via_hex, &via);
  g_autofree char *text
      = g_strdup_printf ("%s/%u via %s dev %s", inet_ntop (AF_INET6, &to, to_text, sizeof to_text), prefix,
                         inet_ntop (AF_INET6, &via, via_text, sizeof via_text), name);
  add_line (inventory, "route", text);
}

char **
sk_inventory (const char *root)
{
  static const char *const pci[] = { "vendor", "device", "class", NULL };
  static const char *const virtio[] = { "device", NULL };
  static const char *const port[] = { "name", NULL };
  static const char *const block[] = { "size", "ro", NULL };
  static const char *const net[] = { "address", "operstate", NULL };
  Inventory inventory = { root, g_ptr_array_new_with_free_func (g_free), 0 };
  add_directory (&inventory, "pci", "/sys/bus/pci/devices", pci);
  add_directory (&inventory, "virtio", "/sys/bus/virtio/devices", virtio);
  add_directory (&inventory, "port", "/sys/class/virtio-ports", port);
  add_directory (&inventory, "block", "/sys/block", block);
  add_directory (&inventory, "net", "/sys/class/net", net);
  add_file (&inventory, "/proc/self/mounts", add_mount);
  add_file (&inventory, "/proc/net/route", add_route);
  add_file (&inventory, "/proc/net/ipv6_route", add_route6);
  g_ptr_array_add (inventory.lines, NULL);
  return (char **) g_ptr_array_free (inventory.lines, FALSE);
}
