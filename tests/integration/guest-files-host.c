/* The core's half of files with a real guest, for test-guest-files: SkAgentLink and SkGuestFiles on the agent
 * port, nothing else of the core. What is offered is taken and written below a folder as N/INDEX.
 *
 *   guest-files-host SOCKET FOLDER BULK (the file of the bulk memory)
 *
 * Says, a line each: hello · ready USER PASSWORD · browser · lost WHY · offer N KIND ITEMS BYTES · item N
 * INDEX SIZE NAME · end N MICROSECONDS (since its first byte) · cancelled N WHY · put ID ok | put ID error
 * TEXT · rss KIB Hears, a line each: put ID NAME PATH · refuse-next TEXT · stall-next (its bytes are never
 * credited) · status N STATE TEXT · rss */
#include "common/error.h"
#include "common/fd.h"
#include "core/guest-files.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct
{
  SkGuestFiles *files;
  GMainLoop *loop;
  const char *folder;
  guint offers;
  char *refusal; /* for the next offer, as: */
  gboolean stall;
  GPtrArray *keys;
} Host;

typedef struct
{
  guint n;
  int fd;
  gint64 started;
  gboolean stalled;
} Import;

typedef struct
{
  char *id;
  int fd;
} Export;

static void
on_hello (gpointer data)
{
  puts ("hello");
}
static void
on_browser (gpointer data)
{
  puts ("browser");
}
static void
on_ready (const char *user, const char *password, gpointer data)
{
  printf ("ready %s %s\n", user, password);
}
static void
on_lost (const char *why, gpointer data)
{
  printf ("lost %s\n", why);
  g_main_loop_quit (((Host *) data)->loop);
}
static const SkAgentListener agent_listener = { on_hello, on_ready, on_browser, on_lost };

/* -- imports ------------------------------------------------------------------------------------------------
 */

static void
on_offered (SkGuestOffer *offer, gpointer data)
{
  Host *host = data;
  printf ("offer %u %s %u %" G_GUINT64_FORMAT "\n", ++host->offers, sk_guest_offer_kind (offer),
          sk_guest_offer_items (offer), sk_guest_offer_bytes (offer));
  g_ptr_array_add (host->keys, g_strdup (sk_guest_offer_key (offer)));
  if (host->refusal)
    {
      sk_guest_offer_refuse (offer, host->refusal);
      g_clear_pointer (&host->refusal, g_free);
      return;
    }
  Import *import = g_new0 (Import, 1);
  *import = (Import){ host->offers, -1, g_get_monotonic_time (), host->stall };
  host->stall = FALSE;
  sk_guest_offer_set_data (offer, import);
  sk_guest_offer_take (offer, 0, 0);
}

static void
on_item (SkGuestOffer *offer, guint index, guint64 size, const char *untrusted_name, guint64 offset,
         gpointer data)
{
  Import *import = sk_guest_offer_get_data (offer);
  g_autofree char *folder = g_strdup_printf ("%s/%u", ((Host *) data)->folder, import->n);
  g_autofree char *path = g_strdup_printf ("%s/%u", folder, index);
  g_mkdir_with_parents (folder, 0700);
  import->fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (index < 10)
    printf ("item %u %u %" G_GUINT64_FORMAT " %s\n", import->n, index, size, untrusted_name);
}

static void
on_data (SkGuestOffer *offer, guint index, guint64 offset, const guint8 *untrusted, gsize length,
         gpointer data)
{
  Import *import = sk_guest_offer_get_data (offer);
  if (pwrite (import->fd, untrusted, length, (off_t) offset) != (gssize) length)
    printf ("lost cannot write: %s\n", g_strerror (errno));
  if (!import->stalled)
    sk_guest_offer_credit (offer, length);
}

static void
on_item_end (SkGuestOffer *offer, guint index, const char *untrusted_sha256, gpointer data)
{
  Import *import = sk_guest_offer_get_data (offer);
  sk_clear_fd (&import->fd);
}

static void
on_end (SkGuestOffer *offer, gpointer data)
{
  Import *import = sk_guest_offer_get_data (offer);
  printf ("end %u %" G_GINT64_FORMAT "\n", import->n, g_get_monotonic_time () - import->started);
  g_free (import);
  sk_guest_offer_set_data (offer, NULL);
  sk_guest_offer_received (offer);
}

static void
on_cancelled (SkGuestOffer *offer, const char *why, gpointer data)
{
  Import *import = sk_guest_offer_get_data (offer);
  printf ("cancelled %u %s\n", import ? import->n : 0, why);
  if (import)
    sk_clear_fd (&import->fd);
  g_free (import);
}

static const SkGuestFilesListener files_listener
    = { on_offered, on_item, on_data, on_item_end, on_end, on_cancelled };

/* -- exports ------------------------------------------------------------------------------------------------
 */

static gssize
read_export (guint item, guint64 offset, guint8 *buffer, gsize room, gpointer data, GError **error)
{
  return pread (((Export *) data)->fd, buffer, room, (off_t) offset);
}

static void
on_put_done (const GError *error, gpointer data)
{
  Export *export = data;
  printf ("put %s %s%s\n", export->id, error ? "error " : "ok", error ? error->message : "");
  sk_clear_fd (&export->fd);
  g_free (export->id);
  g_free (export);
}

static char *
hash_file (int fd, guint64 size)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 buffer[65536];
  gssize n;
  for (guint64 at = 0; at < size && (n = pread (fd, buffer, sizeof buffer, (off_t) at)) > 0;
       at += (guint64) n)
    g_checksum_update (sum, buffer, n);
  return g_strdup (g_checksum_get_string (sum));
}

static void
put (Host *host, const char *id, const char *name, const char *path)
{
  struct stat st;
  g_autoptr (GError) error = NULL;
  Export *export = g_new0 (Export, 1);
  *export = (Export){ g_strdup (id), open (path, O_RDONLY | O_CLOEXEC) };
  if (export->fd < 0 || fstat (export->fd, &st) < 0)
    {
      g_set_error (&error, SK_ERROR, SK_ERROR_NOT_FOUND, "%s: %s", path, g_strerror (errno));
      on_put_done (error, export);
      return;
    }
  g_autofree char *sha256 = hash_file (export->fd, (guint64) st.st_size);
  const SkGuestPutItem item = { name, (guint64) st.st_size, sha256 };
  if (!sk_guest_files_put (host->files, id, &item, 1, read_export, on_put_done, export, &error))
    on_put_done (error, export);
}

/* -- commands -----------------------------------------------------------------------------------------------
 */

static void
say_rss (void)
{
  g_autofree char *status = NULL;
  const char *line = NULL;
  if (g_file_get_contents ("/proc/self/status", &status, NULL, NULL))
    line = strstr (status, "VmHWM:");
  printf ("rss %ld\n", line ? strtol (line + 6, NULL, 10) : -1);
}

static gboolean
on_command (gint fd, GIOCondition condition, gpointer data)
{
  Host *host = data;
  char line[4096];
  if (!fgets (line, sizeof line, stdin))
    {
      g_main_loop_quit (host->loop);
      return G_SOURCE_REMOVE;
    }
  g_auto (GStrv) words = g_strsplit (g_strchomp (line), " ", 4);
  const guint n = g_strv_length (words);
  if (n == 4 && g_str_equal (words[0], "put"))
    put (host, words[1], words[2], words[3]);
  else if (n >= 2 && g_str_equal (words[0], "refuse-next"))
    host->refusal = g_strdup (line + strlen ("refuse-next "));
  else if (n == 4 && g_str_equal (words[0], "status"))
    sk_guest_files_status (host->files, host->keys->pdata[atoi (words[1]) - 1], words[2], words[3]);
  else if (n == 1 && g_str_equal (words[0], "stall-next"))
    host->stall = TRUE;
  else if (n == 1 && g_str_equal (words[0], "rss"))
    say_rss ();
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  if (argc != 4)
    return 2;
  Host host = { .loop = g_main_loop_new (NULL, FALSE), .folder = argv[2], .keys = g_ptr_array_new () };
  setvbuf (stdout, NULL, _IOLBF, 0);
  setvbuf (stdin, NULL, _IONBF, 0);
  SkAgentLink *link = sk_agent_link_new (argv[1]);
  sk_agent_link_set_bulk (link, argv[3]);
  sk_agent_link_set_listener (link, &agent_listener, &host);
  host.files = sk_guest_files_new (link, NULL, &files_listener, &host);
  sk_agent_link_set_running (link, TRUE);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_command, &host);
  g_main_loop_run (host.loop);
  sk_guest_files_free (host.files);
  g_object_unref (link);
  return 0;
}
