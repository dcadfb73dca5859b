/* The frame memory: what a screen writes a view reads back, and whatever else stands in it is harmless. */
#include "common/error.h"
#include "common/fd.h"
#include "rdp/ring.h"
#include <string.h>
#include <sys/mman.h>

typedef struct
{
  int memory;
  SkRingHeader *writer;
  SkRingReader reader;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->memory = sk_fd_new_sealed_memory ("ring", SK_RING_SIZE, &error);
  g_assert_no_error (error);
  f->writer = sk_ring_map_for_writing (f->memory, &error);
  g_assert_no_error (error);
  sk_autofd int read_only = sk_fd_reopen_read_only (f->memory, &error);
  g_assert_no_error (error);
  g_assert_true (sk_ring_reader_init (&f->reader, read_only, &error));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  munmap ((void *) f->reader.untrusted, SK_RING_SIZE);
  munmap (f->writer, SK_RING_SIZE);
  close (f->memory);
}

static void
test_round_trip (Fixture *f, gconstpointer data)
{
  SkRingSize size;
  SkRingRect rects[SK_RING_RECTS];
  g_assert_false (sk_ring_reader_size (&f->reader, &size)); /* none yet */
  sk_ring_set_size (f->writer, 1366, 768);
  g_assert_true (sk_ring_reader_size (&f->reader, &size));
  g_assert_cmpuint (size.width, ==, 1366);
  g_assert_cmpuint (size.height, ==, 768);
  g_assert_cmpuint (size.stride % 64, ==, 0);
  /* the first look is at a size never seen: all of it */
  g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), ==, 1);
  g_assert_cmpuint (rects[0].width, ==, 1366);
  g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), ==, 0);
  sk_ring_add_rect (f->writer, (SkRingRect){ 10, 20, 30, 40 });
  sk_ring_add_rect (f->writer, (SkRingRect){ 1365, 767, 1, 1 });
  g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), ==, 2);
  g_assert_cmpuint (rects[0].y, ==, 20);
  g_assert_cmpuint (rects[1].x, ==, 1365);
}

static void
test_lapped (Fixture *f, gconstpointer data)
{
  SkRingSize size;
  SkRingRect rects[SK_RING_RECTS];
  sk_ring_set_size (f->writer, 800, 600);
  g_assert_true (sk_ring_reader_size (&f->reader, &size));
  sk_ring_reader_take (&f->reader, &size, rects);
  for (guint i = 0; i < SK_RING_RECTS; i++)
    sk_ring_add_rect (f->writer, (SkRingRect){ (guint16) i, 0, 1, 1 });
  g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), ==, SK_RING_RECTS);
  for (guint i = 0; i <= SK_RING_RECTS; i++)
    sk_ring_add_rect (f->writer, (SkRingRect){ (guint16) i, 0, 1, 1 });
  g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), ==, 1);
  g_assert_cmpuint (rects[0].height, ==, 600);
}

/* Header values of a screen that the guest owns. */
static void
test_hostile_sizes (Fixture *f, gconstpointer data)
{
  static const struct
  {
    guint32 width, height, stride;
    gboolean sane;
  } rows[] = {
    { 800, 600, 3200, TRUE },
    { 800, 600, 3264, FALSE },
    { 800, 600, 0, FALSE },
    { 800, 600, G_MAXUINT32, FALSE },
    { 0, 0, 0, FALSE },
    { SK_RING_WIDTH_MAX, SK_RING_PIXELS_MAX / SK_RING_WIDTH_MAX, SK_RING_WIDTH_MAX * 4, TRUE },
    { SK_RING_WIDTH_MAX, SK_RING_PIXELS_MAX / SK_RING_WIDTH_MAX + 1, SK_RING_WIDTH_MAX * 4, FALSE },
    { SK_RING_WIDTH_MAX, SK_RING_HEIGHT_MAX, SK_RING_WIDTH_MAX * 4, FALSE },
    { 4096, 4096, 4096 * 4, TRUE },
    { 4090, 4097, 4096 * 4, FALSE }, /* rows are padded */
    { 2 * 3840, 2160, 2 * 3840 * 4, TRUE },
    { SK_RING_WIDTH_MAX + 1, 600, (SK_RING_WIDTH_MAX + 16) * 4, FALSE },
    { 800, SK_RING_HEIGHT_MAX + 1, 3200, FALSE },
    { 0x40000000, 1, 0, FALSE },
    { G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, FALSE },
    { SK_RING_WIDTH_MIN - 1, 600, 1280, FALSE },
  };
  SkRingSize size;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      f->writer->width = rows[i].width;
      f->writer->height = rows[i].height;
      f->writer->stride = rows[i].stride;
      g_assert_cmpint (sk_ring_reader_size (&f->reader, &size), ==, rows[i].sane);
      if (rows[i].sane) /* the last row lies inside the memory */
        g_assert_true (sk_ring_reader_row (&f->reader, &size, size.height - 1) + size.stride
                       <= (const guint8 *) f->reader.untrusted + SK_RING_SIZE);
    }
  f->writer->size_serial |= 1; /* a writer that never finishes */
  g_assert_false (sk_ring_reader_size (&f->reader, &size));
}

static void
test_hostile_rects (Fixture *f, gconstpointer data)
{
  SkRingSize size;
  SkRingRect rects[SK_RING_RECTS];
  sk_ring_set_size (f->writer, 800, 600);
  g_assert_true (sk_ring_reader_size (&f->reader, &size));
  sk_ring_reader_take (&f->reader, &size, rects);
  sk_ring_add_rect (f->writer, (SkRingRect){ 799, 599, 65535, 65535 });
  sk_ring_add_rect (f->writer, (SkRingRect){ 800, 0, 1, 1 });
  sk_ring_add_rect (f->writer, (SkRingRect){ 0, 600, 1, 1 });
  sk_ring_add_rect (f->writer, (SkRingRect){ 5, 5, 0, 10 });
  g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), ==, 1);
  g_assert_cmpuint (rects[0].width, ==, 1);
  g_assert_cmpuint (rects[0].height, ==, 1);
  /* heads that jump, also backwards, only cost a whole look */
  static const guint64 heads[] = { 0, G_MAXUINT64, 1, G_MAXUINT64 / 2 };
  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      f->writer->head = heads[i];
      g_assert_cmpuint (sk_ring_reader_take (&f->reader, &size, rects), <=, SK_RING_RECTS);
    }
}

static void
test_pointer (Fixture *f, gconstpointer data)
{
  static SkRingShape shape = { .hot_x = 3, .hot_y = 4, .width = 20, .height = 30 }, got;
  SkRingPointerKind kind;
  memset (shape.argb, 0x7f, 20 * 30 * 4);
  g_assert_false (sk_ring_reader_pointer (&f->reader, &kind, &got));
  sk_ring_set_pointer (f->writer, SK_RING_POINTER_SHAPE, &shape);
  g_assert_true (sk_ring_reader_pointer (&f->reader, &kind, &got));
  g_assert_cmpint (kind, ==, SK_RING_POINTER_SHAPE);
  g_assert_cmpmem (got.argb, 20 * 30 * 4, shape.argb, 20 * 30 * 4);
  g_assert_false (sk_ring_reader_pointer (&f->reader, &kind, &got)); /* the same */
  sk_ring_set_pointer (f->writer, SK_RING_POINTER_HIDDEN, NULL);
  g_assert_true (sk_ring_reader_pointer (&f->reader, &kind, &got));
  g_assert_cmpint (kind, ==, SK_RING_POINTER_HIDDEN);

  SkRingPointer *p = &f->writer->pointer;
  sk_ring_set_pointer (f->writer, SK_RING_POINTER_SHAPE, &shape);
  p->width = 97;
  g_assert_true (sk_ring_reader_pointer (&f->reader, &kind, &got));
  g_assert_cmpint (kind, ==, SK_RING_POINTER_DEFAULT);
  sk_ring_set_pointer (f->writer, SK_RING_POINTER_SHAPE, &shape);
  p->hot_x = 65535;
  g_assert_true (sk_ring_reader_pointer (&f->reader, &kind, &got));
  g_assert_cmpuint (got.hot_x, ==, 19);
  p->kind = 77;
  p->serial += 2;
  g_assert_true (sk_ring_reader_pointer (&f->reader, &kind, &got));
  g_assert_cmpint (kind, ==, SK_RING_POINTER_DEFAULT);
  p->serial |= 1;
  g_assert_false (sk_ring_reader_pointer (&f->reader, &kind, &got));
}

/* Numbers that tell where they were. */
static void
write_sound (Fixture *f, guint from, guint frames)
{
  g_autofree gint16 *samples = g_new (gint16, frames * 2);
  for (guint i = 0; i < frames; i++)
    {
      samples[2 * i] = (gint16) (from + i);
      samples[2 * i + 1] = (gint16) ~(from + i);
    }
  sk_ring_add_sound (f->writer, samples, frames);
}

static void
expect_sound (SkRingSoundReader *r, guint from, guint frames)
{
  static gint16 got[SK_RING_SOUND_FRAMES][2];
  g_assert_cmpuint (sk_ring_sound_take (r, got), ==, frames);
  for (guint i = 0; i < frames; i++)
    {
      g_assert_cmpint (got[i][0], ==, (gint16) (from + i));
      g_assert_cmpint (got[i][1], ==, (gint16) ~(from + i));
    }
}

static void
test_sound (Fixture *f, gconstpointer data)
{
  SkRingSoundReader r;
  write_sound (f, 0, 500);
  sk_ring_sound_init (&r, &f->reader);
  expect_sound (&r, 0, 0); /* what was before is not heard */
  /* many times around, in pieces that end anywhere */
  guint written = 500;
  for (guint i = 0; i < 50; i++)
    {
      write_sound (f, written, 777);
      expect_sound (&r, written, 777);
      written += 777;
    }
  for (guint i = 0; i < SK_RING_SOUND_FRAMES / 1024; i++)
    write_sound (f, written + i * 1024, 1024);
  expect_sound (&r, written, SK_RING_SOUND_FRAMES); /* just not lapped */
  written += SK_RING_SOUND_FRAMES;
  /* lapped, by one write that is longer than the ring */
  write_sound (f, written, 3 * SK_RING_SOUND_FRAMES);
  write_sound (f, written + 3 * SK_RING_SOUND_FRAMES, 1);
  written += 3 * SK_RING_SOUND_FRAMES + 1;
  expect_sound (&r, written - SK_RING_SOUND_FRAMES / 2, SK_RING_SOUND_FRAMES / 2);
}

static void
test_hostile_sound (Fixture *f, gconstpointer data)
{
  static const guint64 heads[]
      = { 0, 1, SK_RING_SOUND_FRAMES, 1ull << 32, G_MAXUINT64, G_MAXUINT64 - 5, 1ull << 63 };
  static gint16 got[SK_RING_SOUND_FRAMES][2];
  SkRingSoundReader r;
  sk_ring_sound_init (&r, &f->reader);
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      f->writer->sound.head = heads[i];
      g_assert_cmpuint (sk_ring_sound_take (&r, got), <=, SK_RING_SOUND_FRAMES);
      g_assert_cmpuint (sk_ring_sound_take (&r, got), ==, 0);
    }
}

static gpointer
sleeper (gpointer data)
{
  SkRingSoundReader *r = data;
  sk_ring_sound_wait (r);
  expect_sound (r, 7, 100);
  sk_ring_sound_wait (r);
  expect_sound (r, 107, 100);
  return NULL;
}

/* A reader that sleeps, or is about to, hears of every write. */
static void
test_sound_wakes (Fixture *f, gconstpointer data)
{
  SkRingSoundReader r;
  for (guint i = 0; i < 200; i++)
    {
      sk_ring_sound_init (&r, &f->reader);
      GThread *thread = g_thread_new ("sleeper", sleeper, &r);
      write_sound (f, 7, 100);
      while (__atomic_load_n (&r.seen, __ATOMIC_ACQUIRE) != f->writer->sound.head)
        g_thread_yield ();
      write_sound (f, 107, 100);
      g_thread_join (thread);
    }
}

static void
test_refuses_other_memory (void)
{
  g_autoptr (GError) error = NULL;
  SkRingReader reader;
  sk_autofd int small = sk_fd_new_sealed_memory ("small", 4096, NULL);
  g_assert_false (sk_ring_reader_init (&reader, small, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
  g_clear_error (&error);
  sk_autofd int open_memory = memfd_create ("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_assert_cmpint (ftruncate (open_memory, (off_t) SK_RING_SIZE), ==, 0);
  g_assert_false (sk_ring_reader_init (&reader, open_memory, &error)); /* could shrink: SIGBUS */
  g_clear_error (&error);
  sk_autofd int blank = sk_fd_new_sealed_memory ("blank", SK_RING_SIZE, NULL);
  g_assert_false (sk_ring_reader_init (&reader, blank, &error)); /* no magic */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/ring/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("round-trip", test_round_trip);
  ADD ("lapped", test_lapped);
  ADD ("hostile-sizes", test_hostile_sizes);
  ADD ("hostile-rects", test_hostile_rects);
  ADD ("pointer", test_pointer);
  ADD ("sound", test_sound);
  ADD ("hostile-sound", test_hostile_sound);
  ADD ("sound-wakes", test_sound_wakes);
  g_test_add_func ("/ring/refuses-other-memory", test_refuses_other_memory);
  return g_test_run ();
}
