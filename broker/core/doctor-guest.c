/* What a guest says of the machine it sees, against what we gave it. */
#include "core/doctor.h"
#include <stdlib.h>
#include <string.h>

/* virtio device numbers: Virtual I/O Device (VIRTIO) 1.2, section 5. */
static gboolean
is_known_virtio (guint number, gboolean has_network)
{
  switch (number)
    {
    case 1: /* network card */
      return has_network;
    case 2: /* block */
    case 3: /* console: the two ports */
    case 4: /* entropy */
    case 5: /* memory balloon */
      return TRUE;
    default: /* among them 9 9P, 19 socket, 26 file system: ways across */
      return FALSE;
    }
}

static guint
hex_after (const char *line, const char *key)
{
  const char *at = strstr (line, key);
  return at ? (guint) strtoul (at + strlen (key), NULL, 16) : 0;
}

static gboolean
judge_block (const char *text)
{
  /* One disk; loop and ram devices are the guest's own and lead nowhere. */
  static const char *const own[] = { "vda", "loop", "ram", "zram", "dm-", NULL };
  for (gsize i = 0; own[i]; i++)
    if (g_str_has_prefix (text, own[i]))
      return TRUE;
  return FALSE;
}

static gboolean
judge_mount (const char *text)
{
  /* /proc/mounts: device, place, type, … A shared folder or a network file system is a way across. */
  static const char *const shared[] = { "9p",     "virtiofs", "nfs",        "nfs4", "cifs", "smb3",
                                        "vboxsf", "vmhgfs",   "fuse.sshfs", "ceph", "afs",  NULL };
  g_auto (GStrv) fields = g_strsplit (text, " ", 4);
  return g_strv_length (fields) < 3 || !g_strv_contains ((const char *const *) shared, fields[2]);
}

static gboolean
judge_net (const char *text, gboolean has_network)
{
  return g_str_has_prefix (text, "lo") || (has_network && g_str_has_prefix (text, "eth0"));
}

static gboolean
judge_line (const char *line, gboolean has_network, guint *cards)
{
  const char *text = strstr (line, ": ");
  if (!text)
    return FALSE;
  text += 2;
  if (g_str_has_prefix (line, "block:"))
    return judge_block (text);
  if (g_str_has_prefix (line, "mount:"))
    return judge_mount (text);
  if (g_str_has_prefix (line, "net:"))
    return judge_net (text, has_network) && (g_str_has_prefix (text, "lo") || ++*cards == 1);
  if (g_str_has_prefix (line, "virtio:"))
    return is_known_virtio (hex_after (text, "device="), has_network);
  if (g_str_has_prefix (line, "port:"))
    return strstr (text, "name=" SK_AGENT_PORT) || strstr (text, "name=" SK_RDP_PORT);
  return g_str_has_prefix (line, "pci:") || g_str_has_prefix (line, "route:");
}

char *
sk_doctor_judge_inventory (char **untrusted_lines, gboolean has_network)
{
  guint cards = 0;
  if (!untrusted_lines || !*untrusted_lines)
    return g_strdup (SK_BOTH ("the guest's list is empty", "ゲストの一覧が空です"));
  for (char **line = untrusted_lines; *line; line++)
    if (!judge_line (*line, has_network, &cards))
      return g_strdup (*line);
  return NULL;
}
