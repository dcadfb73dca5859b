/* From the view's encoder through a recording's pipe and back to the picture that the viewer had. */
#include "common/error.h"
#include "common/fd.h"
#include "rdp/view.h"
#include "replay/stream.h"
#include "wire/buf.h"
#include <freerdp/input.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/mman.h>

#define W 402
#define H 300

typedef struct
{
  SkRingHeader *writer;
  SkRingReader reader;
  SkRingSize size;
  SkCanvas canvas;
  SkEncoder encoder;
  SkTileRect *rects;
  SkView *view;
  SkReplayStream *stream;
  SkReplay *replay;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int ends[2];
  sk_autofd int memory = sk_fd_new_sealed_memory ("ring", SK_RING_SIZE, &error);
  f->writer = sk_ring_map_for_writing (memory, &error);
  g_assert_no_error (error);
  sk_ring_set_size (f->writer, W, H);
  g_assert_true (sk_ring_reader_init (&f->reader, memory, &error));
  g_assert_true (sk_ring_reader_size (&f->reader, &f->size));
  const SkBorder border = sk_border (TRUE);
  sk_canvas_reset (&f->canvas, &border, W, H);
  f->rects = g_new (SkTileRect, f->canvas.tiles_x * f->canvas.tiles_y);
  sk_encoder_init (&f->encoder);
  sk_encoder_reset (&f->encoder, f->canvas.width, f->canvas.height);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  f->view = g_new0 (SkView, 1);
  f->view->record = ends[1];
  f->view->record_buffer = g_byte_array_new ();
  f->stream = sk_replay_stream_new (ends[0]);
  f->replay = sk_replay_new ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  sk_replay_free (f->replay);
  sk_replay_stream_free (f->stream);
  sk_clear_fd (&f->view->record);
  g_byte_array_unref (f->view->record_buffer);
  g_free (f->view);
  sk_encoder_clear (&f->encoder);
  sk_canvas_clear (&f->canvas);
  g_free (f->rects);
  munmap ((void *) f->reader.untrusted, SK_RING_SIZE);
  munmap (f->writer, SK_RING_SIZE);
}

static void
paint (Fixture *f, guint x, guint y, guint width, guint height, gboolean noise)
{
  for (guint row = y; row < y + height; row++)
    for (guint i = x; i < x + width; i++)
      {
        const guint32 pixel = noise                        ? (guint32) g_test_rand_int () & 0xffffff
                              : (i * 3 + row * 5) / 16 % 2 ? 0xffffff
                                                           : 0x203040;
        memcpy (sk_ring_pixels (f->writer) + (gsize) row * f->size.stride + i * 4, &pixel, 4);
      }
  sk_canvas_mark (&f->canvas, &(SkRingRect){ (guint16) x, (guint16) y, (guint16) width, (guint16) height });
}

typedef struct
{
  SkView *view;
  const SkFrameOut *frame;
} Job;

static gpointer
record_thread (gpointer data)
{
  const Job *job = data;
  return GINT_TO_POINTER (sk_view_record_frame (job->view, job->frame));
}

/* As the peer thread does; a pipe holds less than a picture, so it is read meanwhile. */
static void
record_frame (Fixture *f, gboolean rfx)
{
  const guint n = sk_canvas_update (&f->canvas, &f->reader, &f->size, f->rects);
  const SkChanges changes = { .rects = f->rects, .n_rects = n };
  g_autoptr (SkFrameOut) frame
      = sk_encoder_encode (&f->encoder, rfx, &f->canvas, &changes, SK_VIEW_MULTIFRAGMENT);
  SkRecord r = { 0 };
  g_assert_nonnull (frame);
  g_assert_cmpint (frame->needs_rfx, ==, rfx);
  Job job = { f->view, frame };
  GThread *thread = g_thread_new ("view", record_thread, &job);
  while (r.kind != SK_RECORD_SHOWN && sk_replay_stream_next (f->stream, &r))
    {
      g_autoptr (GError) error = NULL;
      g_assert_true (sk_replay_apply (f->replay, &r, &error));
      g_assert_no_error (error);
    }
  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
}

/* The largest difference of a colour between what the viewer had and what is replayed. */
static guint
difference (Fixture *f)
{
  guint width, height, worst = 0;
  gsize stride;
  const guint8 *got = sk_replay_pixels (f->replay, &width, &height, &stride);
  g_assert_cmpuint (width, ==, f->canvas.width);
  g_assert_cmpuint (height, ==, f->canvas.height);
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width * 4; x++)
      if (x % 4 != 3)
        worst = MAX (worst,
                     (guint) ABS (got[y * stride + x] - f->canvas.shown[(gsize) y * f->canvas.stride + x]));
  return worst;
}

static void
test_pictures (Fixture *f, gconstpointer data)
{
  paint (f, 0, 0, W, H, FALSE);
  record_frame (f, FALSE);
  g_assert_cmpuint (difference (f), ==, 0);
  paint (f, 200, 100, 90, 40, FALSE);
  paint (f, 7, 5, 60, 60, TRUE);
  record_frame (f, FALSE);
  g_assert_cmpuint (difference (f), ==, 0);
  paint (f, 128, 128, 100, 100, TRUE); /* as RemoteFX: close, not equal; noise is the worst there is */
  record_frame (f, TRUE);
  g_assert_cmpuint (difference (f), >, 0);
  /* Another size: the codec begins anew, and what was is gone. */
  const SkBorder none = sk_border (FALSE);
  sk_canvas_reset (&f->canvas, &none, W, H);
  sk_encoder_reset (&f->encoder, f->canvas.width, f->canvas.height);
  record_frame (f, FALSE);
  g_assert_cmpuint (difference (f), ==, 0);
}

static void
append_numbers (GByteArray *out, const guint16 *numbers, guint n)
{
  for (guint i = 0; i < n; i++)
    sk_write_u16 (out, numbers[i]);
}

static gboolean
apply (SkReplay *replay, SkRecordKind kind, const guint16 *numbers, guint n)
{
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  append_numbers (payload, numbers, n);
  const SkRecord r = { kind, 0, payload->data, payload->len };
  return sk_replay_apply (replay, &r, NULL);
}

/* Up and down, over itself. */
static void
test_moves (Fixture *f, gconstpointer data)
{
  paint (f, 0, 0, W, H, FALSE);
  paint (f, 0, 0, W, 150, TRUE);
  record_frame (f, FALSE);
  const SkCanvas *c = &f->canvas;
  guint width, height;
  gsize stride;
  static const gint by[] = { 17, -17, 90, -90 };
  for (guint i = 0; i < G_N_ELEMENTS (by); i++)
    {
      const guint8 *got = sk_replay_pixels (f->replay, &width, &height, &stride);
      g_autofree guint8 *before = g_memdup2 (got, stride * height);
      const guint16 to[] = { 10, 100, 200, 100, (guint16) by[i] };
      g_assert_true (apply (f->replay, SK_RECORD_MOVE, to, 5));
      for (guint y = 100; y < 200; y++)
        g_assert_cmpmem (got + y * stride + 40, 800, before + (gsize) ((gint) y - by[i]) * stride + 40, 800);
      g_assert_cmpmem (got, 100 * stride, before, 100 * stride);
    }
  g_assert_cmpuint (c->width, ==, width);
}

static void
test_hostile (void)
{
  g_autoptr (SkReplay) replay = sk_replay_new ();
  const guint16 rect[] = { 0, 0, 4, 4, 0 }, sizes[][2] = { { 0, 5 }, { 5, 0 }, { 9000, 5 }, { 8192, 8192 } };
  const guint16 good[] = { 64, 64 },
                outside[][5]
                = { { 61, 0, 4, 4, 0 }, { 0, 61, 4, 4, 0 }, { 0, 0, 0, 4, 0 }, { 65535, 0, 65535, 1, 0 } };
  const guint16 moves[][5] = { { 0, 0, 4, 4, 1 }, { 0, 60, 4, 4, 65535 }, { 0, 0, 4, 4, 32768 } };
  g_assert_false (apply (replay, SK_RECORD_BITMAP, rect, 5)); /* before a size */
  g_assert_false (apply (replay, SK_RECORD_MOVE, rect, 5));
  g_assert_false (apply (replay, SK_RECORD_RFX, rect, 5));
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_assert_false (apply (replay, SK_RECORD_SIZE, sizes[i], 2));
  g_assert_true (apply (replay, SK_RECORD_SIZE, good, 2));
  for (guint i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      g_assert_false (apply (replay, SK_RECORD_BITMAP, outside[i], 5));
      g_assert_false (apply (replay, SK_RECORD_MOVE, outside[i], 5));
    }
  for (guint i = 0; i < G_N_ELEMENTS (moves); i++)
    g_assert_false (apply (replay, SK_RECORD_MOVE, moves[i], 5));
  g_assert_false (apply (replay, SK_RECORD_BITMAP, rect, 5)); /* no bitmap in it */
  g_assert_false (apply (replay, SK_RECORD_RFX, rect, 5));
}

/* What is typed is not in the recording; commands are, and say what they were. */
static void
test_words (Fixture *f, gconstpointer data)
{
  static const SkInputRecord pressed[] = {
    { SK_INPUT_SCANCODE, 0, 0x1f },                 /* s */
    { SK_INPUT_SCANCODE, KBD_FLAGS_RELEASE, 0x1f }, /* */
    { SK_INPUT_UNICODE, 0, 0x65e5 },                /* 日 */
    { SK_INPUT_SCANCODE, 0, 0x1c },                 /* Enter */
    { SK_INPUT_SCANCODE, 0, 0x1d },                 /* Ctrl */
    { SK_INPUT_SCANCODE, 0, 0x2e },                 /* C */
    { SK_INPUT_SCANCODE, KBD_FLAGS_RELEASE, 0x1d }, /* */
    { SK_INPUT_SCANCODE, 0, 0x2e },                 /* c: written again */
    { SK_INPUT_MOUSE, PTR_FLAGS_DOWN | PTR_FLAGS_BUTTON1, 7, 8 },
    { SK_INPUT_RESIZE, 0, 800, 600 },
  };
  static const char *const words[] = { "a character was typed",
                                       "a character was typed",
                                       "key Enter down",
                                       "key Ctrl down",
                                       "key C down",
                                       "key Ctrl up",
                                       "a character was typed",
                                       "left button down at 7, 8" };
  SkRecord r;
  for (guint i = 0; i < G_N_ELEMENTS (pressed); i++)
    sk_view_record_input (f->view, &pressed[i]);
  sk_view_record_end (f->view);
  sk_clear_fd (&f->view->record);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_assert_true (sk_replay_stream_next (f->stream, &r));
      g_autofree char *text = sk_replay_describe (&r);
      g_assert_cmpstr (text, ==, words[i]);
    }
  g_assert_false (sk_replay_stream_next (f->stream, &r));
  g_assert_nonnull (sk_replay_stream_what_is_wrong (f->stream));
}

/* The broker's word on what it could not read comes behind half a record. */
static void
test_end_inside_a_record (void)
{
  static const guint8 how[] = { SK_RECORD_END_CHANGED };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  SkRecord r;
  int ends[2];
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  sk_record_append (bytes, SK_RECORD_SHOWN, 1, NULL, 0, NULL, 0);
  sk_record_append (bytes, SK_RECORD_BITMAP, 2, how, 1, NULL, 0);
  g_byte_array_set_size (bytes, bytes->len - 1);
  bytes->data[SK_RECORD_HEAD] = 200; /* longer than what comes */
  sk_record_append (bytes, SK_RECORD_END, 3, how, 1, NULL, 0);
  g_assert_cmpint (write (ends[1], bytes->data, bytes->len), ==, bytes->len);
  close (ends[1]);
  g_autoptr (SkReplayStream) stream = sk_replay_stream_new (ends[0]);
  g_assert_true (sk_replay_stream_next (stream, &r));
  g_assert_cmpint (r.kind, ==, SK_RECORD_SHOWN);
  g_assert_true (sk_replay_stream_next (stream, &r));
  g_assert_cmpint (r.kind, ==, SK_RECORD_END);
  g_assert_false (sk_replay_stream_next (stream, &r));
  g_assert_nonnull (strstr (sk_replay_stream_what_is_wrong (stream), "changed"));
}

int
main (int argc, char **argv)
{
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  g_setenv ("WLOG_LEVEL", "OFF", TRUE);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/replay/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("pictures", test_pictures);
  ADD ("moves", test_moves);
  ADD ("words", test_words);
  g_test_add_func ("/replay/hostile", test_hostile);
  g_test_add_func ("/replay/end-inside-a-record", test_end_inside_a_record);
  return g_test_run ();
}
