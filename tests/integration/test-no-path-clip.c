/* No path leads from what is copied and not released to the clipboard of the other side.
 *
 * A text and a picture with a marker in them are copied on either side and brought into each state. Then the
 * RDP peers of all four ends (viewer and guest, of this session and of another) ask for every number of a
 * format, say every message of the channel in every form and order, and copy other things; and workers in the
 * places of all four send the core every packet, with claims and descriptors of every kind. None of them
 * hears the marker, in whatever form, and the transfer comes no nearer to its release; meanwhile other
 * contents go through. What is approved comes out: once, whole, at one end. */
#include "clip-room.h"
#include "common/error.h"
#include "common/fd.h"
#include "marker.h"
#include "wire/buf.h"
#include <glib-unix.h>
#include <locale.h>
#include <string.h>
#include <sys/socket.h>

/* [MS-RDPECLIP] 2.2.1 */
enum
{
  MONITOR_READY = 1,
  FORMAT_LIST = 2,
  DATA_REQUEST = 4,
  DATA_RESPONSE = 5,
  CLIP_CAPS = 7,
  FILECONTENTS_REQUEST = 8,
  TYPES_END = 16,
};
/* Said at once before an answer is listened to; an end keeps as many. */
#define AT_ONCE 8
#define SHUFFLED 3000
#define SEED 20240611

typedef struct
{
  ClipRoom r;
  guint messages, formats, packets, passed, heard, ended, revived;
  gsize bytes;
} Try;

/* -- what comes out -----------------------------------------------------------------------------------------
 */

static void
check_end (Try *t, ClipEnd *end, const ClipEnd *by, const char *what)
{
  g_autoptr (GByteArray) heard = clip_end_heard (end);
  t->bytes += heard->len;
  t->heard += heard->len > 0;
  if (marker_is_in (heard->data, heard->len))
    g_error ("%s, %s: the content came to the %s by %s of the %s", sk_cross_word (t->r.direction),
             sk_transfer_state_word (t->r.state), clip_end_name (end), what, clip_end_name (by));
}

/* It may end, and then it is set up again; it may not come nearer to its release. */
static void
check_all (Try *t, const ClipEnd *by, const char *what)
{
  clip_room_settle (&t->r);
  for (guint i = 0; i < G_N_ELEMENTS (t->r.ends); i++)
    check_end (t, &t->r.ends[i], by, what);
  const SkTransferState now = crossing_state (&t->r.c, t->r.id);
  if (now == t->r.state)
    return;
  if (!sk_transfer_is_over (now) || now == SK_TRANSFER_DELIVERED)
    g_error ("%s -> %s by %s of the %s", sk_transfer_state_word (t->r.state), sk_transfer_state_word (now),
             what, clip_end_name (by));
  t->ended++;
  clip_room_arrange (&t->r, t->r.state, t->r.workers);
}

/* -- RDP peers ----------------------------------------------------------------------------------------------
 */

static void
listen_now_and_then (Try *t, ClipEnd *end, const char *what)
{
  if (++t->messages % AT_ONCE == 0)
    check_end (t, end, end, what);
}

static void
say (Try *t, ClipEnd *end, guint16 type, guint16 flags, const void *body, gsize length)
{
  clip_peer_say (end->peer, type, flags, body, length);
  listen_now_and_then (t, end, "a message");
}

static void
ask_format (Try *t, ClipEnd *end, guint32 format)
{
  const guint32 body = GUINT32_TO_LE (format);
  clip_peer_say (end->peer, DATA_REQUEST, 0, &body, sizeof body);
  t->formats++;
  listen_now_and_then (t, end, "a format");
}

static void
ask_all_formats (Try *t, ClipEnd *end)
{
  for (guint32 format = 0; format <= G_MAXUINT16; format++)
    ask_format (t, end, format);
  for (guint bit = 16; bit < 32; bit++)
    for (guint32 format = 0; format < 32; format++)
      ask_format (t, end, 1u << bit | format);
  ask_format (t, end, G_MAXUINT32);
}

/* A request for a piece of a file: stream, index, flags, position, bytes, the lock that it relies on. */
static void
ask_files (Try *t, ClipEnd *end)
{
  for (guint32 i = 0; i < 4 * 4 * 4; i++)
    {
      const guint32 body[] = { i % 4, i / 4 % 4, i / 16, 0, 0, G_MAXUINT16, i % 4 };
      say (t, end, 10 + i % 2, 0, body, 4); /* lock, unlock */
      say (t, end, FILECONTENTS_REQUEST, 0, body, sizeof body - (i % 2 ? 0 : 4));
    }
}

typedef struct
{
  guint16 type, flags;
  GBytes *body;
} Saying;

static void
saying_free (gpointer data)
{
  Saying *saying = data;
  g_bytes_unref (saying->body);
  g_free (saying);
}

/* A list with this number, as names are long, short or cut off. */
static GBytes *
new_list (guint32 format, gsize name)
{
  static const guint16 file_list[] = { 'F', 'i', 'l', 'e', 'G', 'r', 'o', 'u', 'p', 'D', 'e',
                                       's', 'c', 'r', 'i', 'p', 't', 'o', 'r', 'W', 0 };
  GByteArray *list = g_byte_array_new ();
  for (guint i = 0; i < 3; i++)
    {
      sk_write_u32 (list, format + i);
      g_byte_array_append (list, (const guint8 *) file_list, (guint) name);
    }
  return g_byte_array_free_to_bytes (list);
}

/* Every type with bodies that mean something for one of them. */
static GPtrArray *
new_sayings (void)
{
  static const guint16 flags[] = { 0, 1, 2, 3, G_MAXUINT16 };
  static const guint8 caps[] = { 1, 0, 0, 0, 1, 0, 12, 0, 2, 0, 0, 0, 0x1e, 0, 0, 0 };
  g_autoptr (GPtrArray) bodies = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  GPtrArray *all = g_ptr_array_new_with_free_func (saying_free);
  g_autofree guint8 *ones = g_malloc (5000);
  memset (ones, 0xff, 5000);
  g_ptr_array_add (bodies, g_bytes_new (NULL, 0));
  g_ptr_array_add (bodies, g_bytes_new ("\0\0\0\0", 4));
  g_ptr_array_add (bodies, g_bytes_new ("\x0d\0\0\0", 4));
  g_ptr_array_add (bodies, g_bytes_new ("\x08\0\0\0", 4));
  g_ptr_array_add (bodies, g_bytes_new ("o\0k\0\0\0", 6));
  g_ptr_array_add (bodies, g_bytes_new (caps, sizeof caps));
  g_ptr_array_add (bodies, g_bytes_new (caps, sizeof caps - 4));
  g_ptr_array_add (bodies, g_bytes_new (ones, 28));
  g_ptr_array_add (bodies, g_bytes_new (ones, 5000));
  for (guint32 format = 0; format < 18; format += 6)
    for (gsize name = 0; name <= 42; name += 14)
      g_ptr_array_add (bodies, new_list (format + 1, name == 28 ? 32 : name));
  for (guint type = 0; type <= TYPES_END; type++)
    for (guint f = 0; f < G_N_ELEMENTS (flags); f++)
      for (guint b = 0; b < bodies->len; b++)
        {
          Saying *saying = g_new (Saying, 1);
          *saying = (Saying){ (guint16) (type == TYPES_END ? G_MAXUINT16 : type), flags[f],
                              g_bytes_ref (bodies->pdata[b]) };
          g_ptr_array_add (all, saying);
        }
  return all;
}

static void
say_everything (Try *t, ClipEnd *end)
{
  g_autoptr (GPtrArray) all = new_sayings ();
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);
  for (guint i = 0; i < all->len + SHUFFLED; i++)
    {
      const Saying *s
          = all->pdata[i < all->len ? i : (guint) g_rand_int_range (random, 0, (gint32) all->len)];
      gsize length;
      const void *body = g_bytes_get_data (s->body, &length);
      say (t, end, s->type, s->flags, body, length);
      if (i >= all->len && i % 4 == 0)
        ask_format (t, end, i % 8 ? 13 : 8);
    }
}

/* Chunks that do not belong together. */
static void
say_pieces (Try *t, ClipEnd *end)
{
  static const gsize totals[] = { 0, 1, 8, 12, SK_CLIP_CHUNK, SK_CLIP_MESSAGE_MAX + 1, G_MAXUINT32 };
  guint8 data[SK_CLIP_CHUNK] = { DATA_REQUEST, 0, 0, 0, 4, 0, 0, 0, 13 };
  for (guint i = 0; i < G_N_ELEMENTS (totals); i++)
    for (guint flags = 0; flags < 4; flags++)
      for (gsize size = 0; size <= sizeof data; size += size < 16 ? 1 : sizeof data - 16)
        {
          clip_peer_chunk (end->peer, data, size, flags, totals[i]);
          listen_now_and_then (t, end, "a piece");
        }
}

/* Something that passes is copied where the other waits, or is to arrive: it goes through, without it. */
static void
pass_word (Try *t, ClipEnd *end)
{
  ClipEnd *far = clip_room_far_end (&t->r, end);
  g_autofree char *text = g_strdup_printf ("ok %u", t->passed % 1000);
  g_autoptr (GBytes) content = g_bytes_new (text, strlen (text));
  g_autoptr (GBytes) wire = sk_clip_to_wire (SK_CLIP_TEXT, content, TRUE);
  check_end (t, far, end, "a word");
  const guint sets = far->sets;
  clip_end_copy (end, SK_CLIP_TEXT, wire);
  while (clip_room_inspects (&t->r) && far->sets == sets)
    {
      g_main_context_iteration (NULL, TRUE);
      clip_room_settle (&t->r);
      check_end (t, far, end, "a word");
    }
  t->passed += far->sets > sets;
  check_all (t, end, "a word");
}

static void
try_peer (Try *t, ClipEnd *end)
{
  pass_word (t, end);
  ask_all_formats (t, end);
  ask_files (t, end);
  say_pieces (t, end);
  check_all (t, end, "asking");
  say_everything (t, end);
  check_all (t, end, "a shuffled message");
  pass_word (t, end);
}

/* -- workers ------------------------------------------------------------------------------------------------
 */

static void
send_packet (Try *t, ClipEnd *end, const GByteArray *packet, const int *fds, guint n_fds)
{
  g_autofree char *what = g_strdup_printf ("packet %u with %u bytes and %u descriptors",
                                           packet->len ? packet->data[0] : 0, packet->len, n_fds);
  g_autoptr (GError) error = NULL;
  if (!sk_fd_send_packet (end->control, packet->data, packet->len, fds, n_fds, &error))
    g_error ("%s: %s", what, error->message);
  t->packets++;
  crossing_iterate (&t->r.c);
  for (guint i = 0; i < G_N_ELEMENTS (t->r.ends); i++)
    check_end (t, &t->r.ends[i], end, what);
  if (end->dead)
    {
      t->revived++;
      clip_room_revive (&t->r, end);
    }
  if (t->packets % 64 == 0 || end->allows)
    check_all (t, end, what);
}

static GByteArray *
new_packet (guint type)
{
  GByteArray *packet = g_byte_array_new ();
  sk_write_u16 (packet, (guint16) type);
  sk_write_u16 (packet, 0);
  sk_write_u32 (packet, 0);
  return packet;
}

/* What a worker may give for the pipe that it owes. */
enum
{
  WORD,
  LONG,
  EMPTY,
  OPEN,
  FOLDER,
  SOCKET,
  MEMORY,
  SOURCES,
};

static int
new_source (guint which, GArray *ends)
{
  static const char text[] = "a text of this worker's own, which is too long to pass without anybody";
  int fds[2];
  if (which == FOLDER)
    return open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (which == MEMORY)
    return sk_fd_new_sealed_content ("content", text, sizeof text, NULL);
  if (which == SOCKET)
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  else
    g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  if (which != EMPTY)
    g_assert_cmpint (write (fds[1], text, which == WORD ? 4 : sizeof text), >, 0);
  if (which == OPEN)
    g_array_append_val (ends, fds[1]);
  else
    close (fds[1]);
  return fds[0];
}

static void
close_ends (GArray *ends)
{
  for (guint i = 0; i < ends->len; i++)
    close (g_array_index (ends, int, i));
  g_array_set_size (ends, 0);
}

/* Every claim about a content, with the number that the core knows it by as well. */
static void
try_offers (Try *t, ClipEnd *end)
{
  const SkTransfer *row = sk_transfers_peek (t->r.c.transfers, t->r.id);
  const guint64 numbers[] = { 0, 1, 2, row ? (guint64) row->clip : 3, G_MAXUINT64 };
  static const guint kinds[] = { 0, SK_CLIP_TEXT, SK_CLIP_PICTURE, 3, G_MAXUINT8 };
  const gsize length = g_bytes_get_size (t->r.content);
  const guint32 sizes[] = { 0, 4, (guint32) length, SK_CLIP_TEXT_MAX, SK_CLIP_PICTURE_MAX + 1, G_MAXUINT32 };
  g_autoptr (GArray) ends = g_array_new (FALSE, FALSE, sizeof (int));
  for (guint i = 0; i < G_N_ELEMENTS (numbers) * G_N_ELEMENTS (kinds) * G_N_ELEMENTS (sizes) * SOURCES; i++)
    {
      g_autoptr (GByteArray) packet = new_packet (SK_CONTROL_CLIP_OFFER);
      sk_autofd int fd = new_source (i % SOURCES, ends);
      sk_write_u64 (packet, numbers[i / SOURCES % G_N_ELEMENTS (numbers)]);
      sk_write_u8 (packet, (guint8) kinds[i / SOURCES / G_N_ELEMENTS (numbers) % G_N_ELEMENTS (kinds)]);
      sk_write_u32 (packet, sizes[i / SOURCES / G_N_ELEMENTS (numbers) / G_N_ELEMENTS (kinds)]);
      send_packet (t, end, packet, &fd, 1);
      if (ends->len > 16)
        close_ends (ends);
    }
  close_ends (ends);
}

/* Every type, the core's own too, with bodies that some of them have, and descriptors or none. */
static void
try_packets (Try *t, ClipEnd *end)
{
  static const gsize lengths[] = { 0, 1, 8, 13, 18, 40 };
  sk_autofd int fd = new_source (MEMORY, NULL);
  const int fds[] = { fd, fd };
  const guint64 number = 1;
  for (guint type = 0; type <= 40; type++)
    for (guint i = 0; i < G_N_ELEMENTS (lengths) * 3; i++)
      {
        g_autoptr (GByteArray) packet = new_packet (type);
        guint8 body[40] = { 0 };
        memcpy (body, &number, sizeof number);
        body[8] = t->r.kind;
        body[9] = 4;
        g_byte_array_append (packet, body, (guint) lengths[i / 3]);
        send_packet (t, end, packet, fds, i % 3);
      }
}

static void
try_worker (Try *t, ClipEnd *end)
{
  try_offers (t, end);
  try_packets (t, end);
  check_all (t, end, "all packets");
}

/* -- all of it ----------------------------------------------------------------------------------------------
 */

static const SkTransferState states[]
    = { SK_TRANSFER_QUARANTINED, SK_TRANSFER_INSPECTING, SK_TRANSFER_REFUSED,
        SK_TRANSFER_HELD,        SK_TRANSFER_APPROVED,   SK_TRANSFER_DENIED,
        SK_TRANSFER_PURGED,      SK_TRANSFER_CANCELLED,  SK_TRANSFER_EXPIRED };

typedef struct
{
  SkClipKind kind;
  SkCross direction;
} Case;

static void
report (const Try *t, const Try *before, const char *state)
{
  g_test_message ("%s, %s: %u messages on the channel (%u for a format), %u packets (%u broke the protocol), "
                  "%u other contents passed",
                  sk_cross_word (t->r.direction), state, t->messages - before->messages,
                  t->formats - before->formats, t->packets - before->packets, t->revived - before->revived,
                  t->passed - before->passed);
}

static void
try_state (Try *t, SkTransferState state)
{
  const Try before = *t;
  for (guint i = 0; i < G_N_ELEMENTS (t->r.ends); i++)
    {
      clip_room_arrange (&t->r, state, 0);
      try_peer (t, &t->r.ends[i]);
      clip_room_arrange (&t->r, state, CLIP_ROOM_WORKERS);
      try_worker (t, &t->r.ends[i]);
      t->passed += clip_room_far_end (&t->r, &t->r.ends[i])->sets;
    }
  report (t, &before, sk_transfer_state_word (state));
}

/* All but its last byte; returns the rest's way in. */
static int
begin_to_come (Try *t, ClipEnd *owner)
{
  g_autoptr (GByteArray) packet = new_packet (SK_CONTROL_CLIP_OFFER);
  gsize length;
  const void *content = g_bytes_get_data (t->r.content, &length);
  int ends[2];
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  g_assert_cmpint (write (ends[1], content, length - 1), ==, (gssize) length - 1);
  sk_write_u64 (packet, 1);
  sk_write_u8 (packet, (guint8) t->r.kind);
  sk_write_u32 (packet, (guint32) length);
  send_packet (t, owner, packet, ends, 1);
  close (ends[0]);
  return ends[1];
}

/* No transfer yet: it is only on its way into the quarantine. */
static void
try_coming (Try *t)
{
  const Try before = *t;
  ClipEnd *owner = clip_room_far_end (&t->r, clip_room_receiver (&t->r));
  const guint bit = 1u << (owner - t->r.ends);
  for (guint i = 0; i < G_N_ELEMENTS (t->r.ends) * 2; i++)
    {
      ClipEnd *end = &t->r.ends[i / 2];
      const gboolean as_worker = end == owner || i % 2;
      clip_room_arrange (&t->r, SK_TRANSFER_PURGED, as_worker ? CLIP_ROOM_WORKERS : bit);
      sk_autofd int rest = begin_to_come (t, owner);
      (as_worker ? try_worker : try_peer) (t, end);
      sk_clear_fd (&rest);
      check_all (t, end, "the end of a pipe");
    }
  report (t, &before, "on its way in");
}

static void
test_states (gconstpointer data)
{
  const Case *what = data;
  Try t = { 0 };
  clip_room_up (&t.r, what->kind, what->direction);
  for (guint s = 0; s < G_N_ELEMENTS (states); s++)
    try_state (&t, states[s]);
  try_coming (&t);
  g_test_message ("%u messages, %u packets, %u answers, %" G_GSIZE_FORMAT
                  " bytes looked through, it ended %u times",
                  t.messages, t.packets, t.heard, t.bytes, t.ended);
  g_assert_cmpuint (t.formats, >, 4 * 65536 * G_N_ELEMENTS (states));
  g_assert_cmpuint (t.passed, >=, 8 * (G_N_ELEMENTS (states) - 2));
  clip_room_down (&t.r);
}

/* -- the test itself would see it ---------------------------------------------------------------------------
 */

/* Heard, when it asks for both kinds. */
static guint
ask_kinds (Try *t, ClipEnd *end)
{
  const guint32 formats[] = { GUINT32_TO_LE (13), GUINT32_TO_LE (8) };
  guint found = 0;
  gsize length;
  const void *wire = g_bytes_get_data (t->r.wire, &length);
  g_autoptr (GByteArray) announced = clip_end_heard (end);
  g_assert_false (marker_is_in (announced->data, announced->len));
  for (guint i = 0; i < 2; i++)
    {
      clip_peer_say (end->peer, DATA_REQUEST, 0, &formats[i], 4);
      g_autoptr (GByteArray) heard = clip_end_heard (end);
      if (!marker_is_in (heard->data, heard->len))
        continue;
      /* As the guest takes a text, its lines end otherwise; here it has one. */
      g_assert_cmpmem (heard->data + 8, heard->len - 8, wire, length);
      found++;
    }
  return found;
}

/* What is approved comes out whole, at the one end, once; and is found there. */
static void
test_approved (gconstpointer data)
{
  const Case *what = data;
  Try t = { 0 };
  g_autoptr (GError) error = NULL;
  clip_room_up (&t.r, what->kind, what->direction);
  clip_room_arrange (&t.r, SK_TRANSFER_HELD, 0);
  ClipEnd *receiver = clip_room_receiver (&t.r);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (ask_kinds (&t, &t.r.ends[i]), ==, 0);
  g_assert_true (
      sk_transfers_decide (t.r.c.transfers, crossing_who ("jiro"), t.r.id, SK_DECISION_APPROVE, "", &error));
  crossing_wait (&t.r.c, t.r.id, SK_TRANSFER_DELIVERED);
  for (guint again = 0; again < 2; again++)
    {
      for (guint i = 0; i < 2; i++)
        sk_live_session_clip_settle (&t.r.sessions[i]);
      clip_room_settle (&t.r);
      for (guint i = 0; i < 4; i++)
        {
          const gboolean is_it = &t.r.ends[i] == receiver;
          g_assert_cmpuint (ask_kinds (&t, &t.r.ends[i]), ==, is_it);
          g_assert_cmpuint (clip_peer_sets (t.r.ends[i].peer), ==, is_it);
        }
    }
  clip_room_down (&t.r);
}

int
main (int argc, char **argv)
{
  static const Case cases[] = { { SK_CLIP_TEXT, SK_CROSS_IMPORT },
                                { SK_CLIP_TEXT, SK_CROSS_EXPORT },
                                { SK_CLIP_PICTURE, SK_CROSS_IMPORT },
                                { SK_CLIP_PICTURE, SK_CROSS_EXPORT } };
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *kind = cases[i].kind == SK_CLIP_TEXT ? "text" : "picture";
      g_autofree char *approved
          = g_strdup_printf ("/no-path-clip/%s/%s/approved", kind, sk_cross_word (cases[i].direction));
      g_autofree char *tried
          = g_strdup_printf ("/no-path-clip/%s/%s/states", kind, sk_cross_word (cases[i].direction));
      g_test_add_data_func (approved, &cases[i], test_approved);
      g_test_add_data_func (tried, &cases[i], test_states);
    }
  return g_test_run ();
}
