#include "clip-room.h"
#include "common/error.h"
#include "common/fd.h"
#include "marker.h"
#include "rdp/ring.h"
#include "wire/buf.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* [MS-RDPECLIP] */
#define MONITOR_READY 1
#define FORMAT_LIST 2
#define DATA_REQUEST 4
#define DATA_RESPONSE 5
#define RESPONSE_OK 1

#define TEXT "to be held back: " MARKER

static const char rules[] = "[word]\nkind = text\nsize = ..8\naction = allow\n"
                            "[all]\naction = hold\nstage-1 = user:jiro\nmax-size = 1GiB\nmax-count = 10000\n";

/* -- the ends -----------------------------------------------------------------------------------------------
 */

const char *
clip_end_name (const ClipEnd *end)
{
  const gboolean first = strcmp (end->session->row->id, "s1") == 0;
  return end->kind == SK_WORKER_VIEW ? first ? "view" : "another's view"
         : first                     ? "screen"
                                     : "another's screen";
}

static void
on_ready (SkWorker *worker, gpointer data)
{
  ((ClipEnd *) data)->ready = TRUE;
}

static void
on_state (SkWorker *worker, guint state, guint detail, const char *untrusted_text, gpointer data)
{
}

static void
on_died (SkWorker *worker, const char *why, gpointer data)
{
  ClipEnd *end = data;
  if (end->peer)
    g_error ("the %s's honest worker died: %s", clip_end_name (end), why);
  end->dead = TRUE;
  if (end->kind == SK_WORKER_VIEW)
    end->session->view_active = FALSE;
}

/* As session.c and vm-boot.c pass it on. */
static void
on_clip (SkWorker *worker, guint64 untrusted_number, guint untrusted_kind, guint untrusted_bytes,
         int take_pipe, gpointer data)
{
  ClipEnd *end = data;
  sk_live_session_clip_offer (end->session, end->kind == SK_WORKER_VIEW ? SK_CROSS_EXPORT : SK_CROSS_IMPORT,
                              untrusted_number, untrusted_kind, untrusted_bytes, take_pipe);
}

static const SkWorkerListener listener = { on_ready, on_state, on_died, NULL, on_clip };

static void
answer_as_worker (ClipEnd *end, const SkMessage *m, const int *fds)
{
  const SkMessageSpec *table
      = end->kind == SK_WORKER_VIEW ? sk_control_view_messages : sk_control_screen_messages;
  g_autoptr (GError) error = NULL;
  if (!sk_packet_send (end->control, table, m, fds, &error))
    g_error ("%s", error->message);
}

/* One that is busy since before its core. */
static void
say_hello (ClipEnd *end)
{
  const gboolean view = end->kind == SK_WORKER_VIEW;
  const SkMessage hello
      = { .type = SK_CONTROL_HELLO,
          .n = { SK_CONTROL_VERSION, 1, TRUE },
          .s = { (char *) (view ? "view" : "screen"), (char *) (view ? CLIP_PEER_FINGERPRINT : "") } };
  const SkMessage memory = { .type = SK_SCREEN_MEMORY };
  end->control = accept4 (end->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  g_assert_cmpint (end->control, >=, 0);
  answer_as_worker (end, &hello, NULL);
  if (!view)
    answer_as_worker (end, &memory, &end->memory);
}

static void
connect_end (ClipRoom *r, ClipEnd *end, gboolean is_worker)
{
  g_autofree char *dir = g_path_get_dirname (end->path);
  g_autoptr (GError) error = NULL;
  if (is_worker)
    end->listener = sk_fd_listen_unix (end->path, SOCK_SEQPACKET, &error);
  else
    end->peer = clip_peer_new (end->path, end->kind == SK_WORKER_VIEW);
  g_assert_no_error (error);
  end->ready = end->dead = FALSE;
  end->allows = end->sets = 0;
  end->handle = SK_WORKER (sk_process_adopt (dir, end->kind, end->session->row->id));
  g_assert_nonnull (end->handle);
  sk_worker_set_listener (end->handle, &listener, end);
  if (is_worker)
    say_hello (end);
  while (!end->ready)
    g_main_context_iteration (NULL, TRUE);
  if (end->kind == SK_WORKER_VIEW)
    end->session->view = end->handle;
  else
    end->session->vm->screen = end->handle;
}

static void
disconnect_end (ClipEnd *end)
{
  g_clear_object (&end->handle);
  g_clear_pointer (&end->peer, clip_peer_free);
  sk_clear_fd (&end->control);
  sk_clear_fd (&end->listener);
}

static void
attach (ClipRoom *r, SkLiveSession *session)
{
  sk_live_session_clip_attach (session, session->view);
  for (guint i = 0; i < G_N_ELEMENTS (r->ends); i++)
    r->ends[i].allows += r->ends[i].session == session;
  session->view_active = TRUE;
  sk_live_session_clip_settle (session);
}

void
clip_room_revive (ClipRoom *r, ClipEnd *end)
{
  const guint sets = end->sets;
  disconnect_end (end);
  connect_end (r, end, TRUE);
  end->sets = sets;
  attach (r, end->session);
}

ClipEnd *
clip_room_far_end (ClipRoom *r, const ClipEnd *end)
{
  return &r->ends[(end - r->ends) ^ 1];
}

ClipEnd *
clip_room_receiver (ClipRoom *r)
{
  return &r->ends[r->direction == SK_CROSS_IMPORT ? 1 : 0];
}

void
clip_room_settle (ClipRoom *r)
{
  crossing_iterate (&r->c);
  for (guint i = 0; i < G_N_ELEMENTS (r->ends); i++)
    if (r->ends[i].peer)
      {
        sk_worker_clip_allow (r->ends[i].handle, SK_CLIP_ALLOW_OFFER | SK_CLIP_ALLOW_SET);
        clip_peer_wait (r->ends[i].peer, ++r->ends[i].allows);
      }
}

/* -- what comes to them -------------------------------------------------------------------------------------
 */

static void
read_descriptor (int fd, GByteArray *into)
{
  guint8 data[65536];
  struct stat info;
  gssize n;
  if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode))
    for (off_t at = 0; (n = pread (fd, data, sizeof data, at)) > 0; at += n)
      g_byte_array_append (into, data, (guint) n);
  else
    for (struct pollfd ready = { fd, POLLIN, 0 };
         poll (&ready, 1, 0) > 0 && (n = read (fd, data, sizeof data)) > 0;)
      g_byte_array_append (into, data, (guint) n);
}

static void
read_control (ClipEnd *end, GByteArray *into)
{
  guint8 data[SK_PACKET_MAX];
  int fds[SK_PACKET_FDS_MAX];
  gsize n_fds;
  gssize n;
  while (end->control >= 0 && (n = sk_fd_recv_packet (end->control, data, fds, &n_fds, NULL)) > 0)
    {
      SkReader reader = sk_reader (data, (gsize) n);
      end->sets += sk_reader_u16 (&reader) == SK_CONTROL_CLIP_SET;
      g_byte_array_append (into, data, (guint) n);
      for (gsize i = 0; i < n_fds; i++)
        {
          read_descriptor (fds[i], into);
          sk_clear_fd (&fds[i]);
        }
    }
}

GByteArray *
clip_end_heard (ClipEnd *end)
{
  GByteArray *all = g_byte_array_new ();
  if (!end->peer)
    read_control (end, all);
  else
    {
      const GByteArray *heard = clip_peer_hear (end->peer);
      g_byte_array_append (all, heard->data, heard->len);
      end->sets = clip_peer_sets (end->peer);
    }
  return all;
}

/* -- something is copied ------------------------------------------------------------------------------------
 */

/* Whether a message of this type is among what was heard. */
static gboolean
has_message (const GByteArray *heard, guint16 type)
{
  SkReader r = sk_reader (heard->data, heard->len);
  gboolean found = FALSE;
  while (r.position < r.length && !found)
    {
      found = sk_reader_u16 (&r) == type;
      sk_reader_u16 (&r);
      sk_reader_bytes (&r, sk_reader_u32 (&r));
    }
  return found;
}

static gboolean
on_time (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* An end fetches no sooner than this after the last time, and has no clock of its own. */
static void
let_time_pass (void)
{
  gboolean over = FALSE;
  g_timeout_add (SK_CLIP_FETCH_US / 1000, on_time, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

void
clip_end_copy (ClipEnd *end, SkClipKind kind, GBytes *wire)
{
  g_autoptr (GByteArray) list = g_byte_array_new ();
  gsize length;
  const void *data = g_bytes_get_data (wire, &length);
  const guint8 name[32] = { 0 };
  sk_write_u32 (list, kind == SK_CLIP_TEXT ? 13 : 8);
  g_byte_array_append (list, name, sizeof name);
  /* Names are short ones from here on. */
  const guint8 caps[16] = { 1, 0, 0, 0, 1, 0, 12, 0, 2 };
  clip_peer_say (end->peer, 7, 0, caps, sizeof caps);
  if (end->kind == SK_WORKER_SCREEN)
    clip_peer_say (end->peer, MONITOR_READY, 0, NULL, 0);
  clip_peer_hear (end->peer);
  clip_peer_say (end->peer, FORMAT_LIST, 0, list->data, list->len);
  while (!has_message (clip_peer_hear (end->peer), DATA_REQUEST))
    let_time_pass ();
  clip_peer_say (end->peer, DATA_RESPONSE, RESPONSE_OK, data, length);
  clip_peer_hear (end->peer);
}

/* -- the room -----------------------------------------------------------------------------------------------
 */

static void
run_command (const char *const *argv)
{
  int status = 1;
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

static void
copy_tree (const char *from, const char *to)
{
  run_command ((const char *const[]){ "rm", "-rf", to, NULL });
  run_command ((const char *const[]){ "cp", "-a", from, to, NULL });
}

static void
open_sessions (ClipRoom *r)
{
  r->core.parts.transfers = r->c.transfers;
  for (guint i = 0; i < 4; i++)
    connect_end (r, &r->ends[i], (r->workers & 1u << i) != 0);
  for (guint i = 0; i < 2; i++)
    attach (r, &r->sessions[i]);
  clip_room_settle (r);
}

/* As a core that ends: what is held stays. */
static void
close_sessions (ClipRoom *r)
{
  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&r->sessions[i].clipboard, sk_clipboard_free);
      r->sessions[i].view = NULL;
      r->sessions[i].view_active = FALSE;
      r->vms[i].screen = NULL;
    }
  for (guint i = 0; i < 4; i++)
    disconnect_end (&r->ends[i]);
}

gboolean
clip_room_inspects (const ClipRoom *r)
{
  return r->state != SK_TRANSFER_QUARANTINED && r->state != SK_TRANSFER_INSPECTING;
}

void
clip_room_arrange (ClipRoom *r, SkTransferState state, guint workers)
{
  close_sessions (r);
  crossing_stop (&r->c);
  copy_tree (r->base, r->c.state);
  r->state = state;
  r->workers = workers;
  /* What was made of it lies there already, also where it would be purged by now. */
  crossing_sql (&r->c,
                "UPDATE transfers SET state = '%s', keep_content = 1, retention_days = 30 WHERE id = '%s'",
                sk_transfer_state_word (state), r->id);
  /* What is approved would be released at once: here the trail cannot take the row. */
  if (state == SK_TRANSFER_APPROVED)
    crossing_sql (&r->c,
                  "CREATE TRIGGER frozen BEFORE INSERT ON audit WHEN NEW.action = 'transfer.releasing' "
                  "AND NEW.object = '%s' BEGIN SELECT RAISE (ABORT, 'frozen'); END",
                  r->id);
  r->c.inspections = clip_room_inspects (r) ? 1 : 0; /* else it would not stay where it is */
  crossing_start (&r->c);
  open_sessions (r);
  g_assert_cmpint (crossing_state (&r->c, r->id), ==, state);
}

/* Sixteen by four, the marker in each row: pixels are kept as they are. */
static GBytes *
new_picture (void)
{
  GByteArray *b = g_byte_array_new ();
  const guint row = 16 * 3;
  g_byte_array_append (b, (const guint8 *) "BM", 2);
  for (const guint32 *n = (const guint32[]){ 54 + 4 * row, 0, 54, 40, 16, 4, 1 | 24 << 16, 0, 4 * row, 0, 0,
                                             0, 0, G_MAXUINT32 };
       *n != G_MAXUINT32; n++)
    sk_write_u32 (b, *n);
  for (guint y = 0; y < 4; y++)
    {
      guint8 pixels[16 * 3] = { 0 };
      memcpy (pixels, MARKER, strlen (MARKER));
      g_byte_array_append (b, pixels, row);
    }
  return g_byte_array_free_to_bytes (b);
}

static void
make_session (ClipRoom *r, guint i, const char *id, const char *user)
{
  r->rows[i] = (SkSession){ .id = (char *) id,
                            .pool = (char *) "office",
                            .vm = (char *) id,
                            .user = (char *) user,
                            .uid = crossing_who (user)->uid,
                            .url = (char *) "",
                            .reason = (char *) "" };
  r->vms[i] = (SkLiveVm){ .core = &r->core, .session = &r->sessions[i] };
  r->sessions[i] = (SkLiveSession){ .core = &r->core, .row = &r->rows[i], .vm = &r->vms[i] };
  for (guint kind = 0; kind < 2; kind++)
    {
      ClipEnd *end = &r->ends[2 * i + kind];
      *end = (ClipEnd){ .session = &r->sessions[i],
                        .kind = kind ? SK_WORKER_VIEW : SK_WORKER_SCREEN,
                        .listener = -1,
                        .control = -1 };
      end->path = g_strdup_printf ("%s/%s-%s.sock", r->c.dir, kind ? "view" : "screen", id);
      end->memory = sk_fd_new_sealed_memory ("frames", SK_RING_SIZE, NULL);
    }
}

void
clip_room_up (ClipRoom *r, SkClipKind kind, SkCross direction)
{
  *r = (ClipRoom){ .kind = kind, .direction = direction };
  crossing_up (&r->c, rules, 1);
  crossing_set_people (&r->c, "taro,,,tax,,,\nhanako,,,tax,,,\njiro,,,,approver,,\n");
  r->pool_row = (SkPool){ .name = (char *) "office", .clipboard = (char *) "both" };
  r->pool = (SkLivePool){ .core = &r->core, .row = &r->pool_row };
  r->core.pools = g_ptr_array_new ();
  g_ptr_array_add (r->core.pools, &r->pool);
  make_session (r, 0, "s1", "taro");
  make_session (r, 1, "s2", "hanako");
  open_sessions (r);
  r->content = kind == SK_CLIP_TEXT ? g_bytes_new_static (TEXT, strlen (TEXT)) : new_picture ();
  r->wire = sk_clip_to_wire (kind, r->content, TRUE);
  clip_end_copy (clip_room_far_end (r, clip_room_receiver (r)), kind, r->wire);
  while (g_hash_table_size (r->c.transfers->live) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_autofree char **ids = (char **) g_hash_table_get_keys_as_array (r->c.transfers->live, NULL);
  r->id = g_strdup (ids[0]);
  g_assert_cmpint (crossing_settle (&r->c, r->id), ==, SK_TRANSFER_HELD);
  r->base = g_build_filename (r->c.dir, "base", NULL);
  close_sessions (r);
  crossing_stop (&r->c);
  copy_tree (r->c.state, r->base);
}

void
clip_room_down (ClipRoom *r)
{
  close_sessions (r);
  crossing_down (&r->c);
  for (guint i = 0; i < 4; i++)
    {
      sk_clear_fd (&r->ends[i].memory);
      g_free (r->ends[i].path);
    }
  g_ptr_array_unref (r->core.pools);
  g_bytes_unref (r->content);
  g_bytes_unref (r->wire);
  g_free (r->base);
  g_free (r->id);
}
