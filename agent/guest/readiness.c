#include "readiness.h"
#include "common/log.h"
#include <stdio.h>
#include <string.h>

/* The RDP server's start is watched by reading a file of the kernel: trying to connect would make xrdp fork
 * for every try. */
#define LOOK_EVERY_MS 100

struct _SkReadiness
{
  char *credentials, *table;
  guint16 tcp_port;
  SkReadyFunc ready;
  gpointer data;
  guint look;
};

gboolean
sk_listens_in (const char *table, guint16 tcp_port)
{
  /* "   0: 0100007F:0D3D 00000000:0000 0A ...": local address, remote address, state LISTEN */
  g_auto (GStrv) lines = g_strsplit (table, "\n", -1);
  for (char **line = lines; *line; line++)
    {
      guint address, port, state;
      if (sscanf (*line, " %*u: %8x:%4x %*x:%*x %2x", &address, &port, &state) == 3 && port == tcp_port
          && state == 0x0a && (address == 0x0100007f || address == 0))
        return TRUE;
    }
  return FALSE;
}

static gboolean
read_file (const char *path, char **ret)
{
  return g_file_get_contents (path, ret, NULL, NULL);
}

static gboolean
on_look (gpointer data)
{
  SkReadiness *readiness = data;
  g_autofree char *login = NULL;
  g_autofree char *table = NULL;
  if (!read_file (readiness->credentials, &login) || !read_file (readiness->table, &table)
      || !sk_listens_in (table, readiness->tcp_port))
    return G_SOURCE_CONTINUE;
  g_auto (GStrv) lines = g_strsplit (login, "\n", 3);
  if (g_strv_length (lines) < 3)
    return G_SOURCE_CONTINUE; /* being written */
  readiness->look = 0;
  readiness->ready (lines[0], lines[1], readiness->data);
  return G_SOURCE_REMOVE;
}

SkReadiness *
sk_readiness_new (const char *credentials, const char *proc_net_tcp, guint16 tcp_port, SkReadyFunc ready,
                  gpointer data)
{
  SkReadiness *readiness = g_new0 (SkReadiness, 1);
  readiness->credentials = g_strdup (credentials);
  readiness->table = g_strdup (proc_net_tcp);
  readiness->tcp_port = tcp_port;
  readiness->ready = ready;
  readiness->data = data;
  readiness->look = g_timeout_add (LOOK_EVERY_MS, on_look, readiness);
  return readiness;
}

void
sk_readiness_free (SkReadiness *readiness)
{
  if (!readiness)
    return;
  g_clear_handle_id (&readiness->look, g_source_remove);
  g_free (readiness->credentials);
  g_free (readiness->table);
  g_free (readiness);
}
