#include "inspect/worker.h"
#include "common/fd.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

const SkSandboxProfile sk_inspect_cage = {
  .name = "inspect",
  /* a content of 128 MiB, pixels of 320 MB, a progressive JPEG's 256 MiB, libraries */
  .address_space = G_GUINT64_CONSTANT (800) << 20,
  .files = 8,
};

/* TRUE: try again. */
static gboolean
wait_for (int fd, short events)
{
  struct pollfd p = { fd, events, 0 };
  return errno == EINTR || (errno == EAGAIN && (poll (&p, 1, -1) >= 0 || errno == EINTR));
}

static gboolean
write_all (gpointer data, const void *bytes, gsize length)
{
  const int fd = *(int *) data;
  while (length > 0)
    {
      const gssize n = write (fd, bytes, length);
      if (n < 0 && !wait_for (fd, POLLOUT))
        return FALSE;
      bytes = (const guint8 *) bytes + MAX (n, 0);
      length -= (gsize) MAX (n, 0);
    }
  return TRUE;
}

/* The whole content, at most one byte more than allowed. NULL with the refusal. */
static guint8 *
read_all (SkRebuild *r, int fd, guint64 most, gsize *ret_length)
{
  gsize room = MIN (most + 1, 1 << 20), used = 0;
  guint8 *data = g_try_malloc (room);
  for (gssize n = 1; data && n != 0 && used <= most;)
    {
      if (used == room)
        {
          guint8 *more = g_try_realloc (data, room = MIN (room * 2, most + 1));
          if (!more)
            break;
          data = more;
        }
      n = read (fd, data + used, room - used);
      if (n < 0 && !wait_for (fd, POLLIN))
        sk_rebuild_refuse (r, SK_REASON_CUT_OFF);
      if (r->reason != SK_REASON_NONE)
        break;
      used += (gsize) MAX (n, 0);
    }
  *ret_length = used;
  if (!data || used > most || used == room)
    sk_rebuild_refuse (r, SK_REASON_TOO_LARGE);
  return data;
}

void
sk_inspect_work (SkRebuild *r, guint64 bytes_max, int take_in_fd, int take_out_fd, guint64 *ret_bytes_in)
{
  sk_autofd int in = take_in_fd, out = take_out_fd;
  gsize length = 0;
  g_autofree guint8 *untrusted = read_all (r, in, MIN (bytes_max, SK_INSPECT_BYTES_MAX), &length);
  *ret_bytes_in = length;
  r->write = write_all;
  r->data = &out;
  r->out_max = sk_inspect_out_max_of (r->kind, bytes_max);
  if (r->reason == SK_REASON_NONE && !sk_rebuild (r, untrusted, length))
    sk_rebuild_refuse (r, SK_REASON_CUT_OFF); /* only where a format forgot to say why */
  r->data = NULL;
}

static char **
findings_of (const SkRebuild *r)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new ();
  for (guint i = 0; i < _SK_FOUND_LAST; i++)
    if (r->counts[i] > 0)
      g_ptr_array_add (lines,
                       g_strdup_printf ("%s %u %s", sk_inspect_found[i].word, r->counts[i], r->details[i]));
  g_ptr_array_add (lines, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&lines), FALSE);
}

char *
sk_inspect_describe (const SkRebuild *r, guint64 bytes_in)
{
  g_auto (GStrv) lines = findings_of (r);
  g_autofree char *found = g_strjoinv ("\n  ", lines);
  return g_strdup_printf ("%s %s, %" G_GUINT64_FORMAT " bytes -> %s, %" G_GUINT64_FORMAT " bytes\n  %s",
                          r->reason == SK_REASON_NONE ? "passed" : sk_inspect_reasons[r->reason].word,
                          sk_inspect_types[r->type].mime, bytes_in, sk_inspect_types[r->result_type].mime,
                          r->bytes_out, found);
}

static gboolean
answer (int control, const SkRebuild *r, guint64 bytes_in)
{
  g_auto (GStrv) lines = findings_of (r);
  const gboolean passed = r->reason == SK_REASON_NONE;
  const SkMessage m
      = { .type = SK_INSPECT_RESULT,
          .n = { passed, bytes_in, r->bytes_out },
          .s = { (char *) sk_inspect_types[r->type].mime, (char *) sk_inspect_types[r->result_type].mime,
                 (char *) sk_inspect_reasons[r->reason].word },
          .list = lines };
  return sk_packet_send (control, sk_inspect_messages, &m, NULL, NULL);
}

int
sk_inspect_serve (int control)
{
  g_autoptr (GError) error = NULL;
  g_auto (SkMessage) job = { 0 };
  int fds[SK_PACKET_FDS_MAX];
  const int got = sk_packet_receive (control, sk_inspect_messages, SK_FROM_HOST, &job, fds, &error);
  if (got <= 0)
    return got == 0 ? 0 : 65;
  const int kind = sk_inspect_kind_from_word (job.s[0]);
  if (kind < 0)
    return 65;
  SkRebuild r = { .kind = (SkInspectKind) kind };
  guint64 bytes_in = 0;
  sk_inspect_work (&r, job.n[0], fds[0], fds[1], &bytes_in);
  return answer (control, &r, bytes_in) ? 0 : 74;
}
