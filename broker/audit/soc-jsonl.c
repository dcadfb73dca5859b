/* JSON lines into a file. */
#include "audit/soc-private.h"
#include "common/error.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  int fd;
  gint64 lines;
} File;

static gboolean
fail (SkSink *sink, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", sink->target, g_strerror (errno));
  return FALSE;
}

static gboolean
write_all (SkSink *sink, const char *text, gsize length, GError **error)
{
  const File *file = sink->state;
  while (length > 0)
    {
      const gssize n = write (file->fd, text, length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return fail (sink, error);
      text += n;
      length -= (gsize) n;
    }
  return TRUE;
}

/* A line that was broken off by a full disk ends here. */
static gboolean
end_line (SkSink *sink, GError **error)
{
  const File *file = sink->state;
  struct stat about;
  char last = '\n';
  if (fstat (file->fd, &about) < 0
      || (about.st_size > 0 && pread (file->fd, &last, 1, about.st_size - 1) != 1))
    return fail (sink, error);
  return last == '\n' || write_all (sink, "\n", 1, error);
}

static gboolean
open_file (SkSink *sink, GError **error)
{
  File *file = g_new0 (File, 1);
  sink->state = file;
  file->fd = open (sink->target, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  return file->fd < 0 ? fail (sink, error) : end_line (sink, error);
}

static gboolean
send_line (SkSink *sink, const SkAuditRow *row, GError **error)
{
  File *file = sink->state;
  g_autofree char *json = sk_soc_json (row);
  g_autofree char *line = g_strconcat (json, "\n", NULL);
  if (!write_all (sink, line, strlen (line), error))
    return FALSE;
  file->lines++;
  return TRUE;
}

static gboolean
flush (SkSink *sink, GError **error)
{
  const File *file = sink->state;
  return fdatasync (file->fd) == 0 || fail (sink, error);
}

/* All of it, unless the file at that name is another one by now. */
static gint64
arrived (SkSink *sink, GError **error)
{
  const File *file = sink->state;
  struct stat ours, named;
  if (fstat (file->fd, &ours) == 0 && stat (sink->target, &named) == 0 && ours.st_ino == named.st_ino
      && ours.st_dev == named.st_dev)
    return file->lines;
  /* What is on the disk under another name is not lost: the next batch goes to the new file. */
  sk_clear_fd (&((File *) sink->state)->fd);
  ((File *) sink->state)->fd
      = open (sink->target, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (file->fd >= 0)
    return file->lines;
  fail (sink, error);
  return -1;
}

static gint64
sent (SkSink *sink)
{
  return ((File *) sink->state)->lines;
}

static void
close_file (SkSink *sink)
{
  File *file = sink->state;
  if (file)
    sk_clear_fd (&file->fd);
  g_clear_pointer (&sink->state, g_free);
}

const SkSinkKind sk_sink_jsonl = { "jsonl", open_file, send_line, flush, arrived, sent, close_file, 0 };
