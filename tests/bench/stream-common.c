#include "stream.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* A key that is not answered for so long is not waited for. */
#define KEY_TIMEOUT_NS G_GUINT64_CONSTANT (3000000000)
/* Between two keys, by chance: no rhythm that could fall in step with the guest's pictures. */
#define KEY_PAUSE_MS 150
#define KEY_PAUSE_MORE_MS 150
/* The first key after the measurement has begun. */
#define KEY_FIRST_MS 300
/* The page's right margin, below the marks: white when the page is there. */
#define PAGE_X 1900
#define PAGE_Y 1000

uint64_t
stream_now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

StreamShared *
stream_map (const char *path, gboolean create)
{
  const int fd = open (path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
  void *p = MAP_FAILED;
  if (fd >= 0 && (!create || ftruncate (fd, sizeof (StreamShared)) == 0))
    p = mmap (NULL, sizeof (StreamShared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED)
    {
      fprintf (stderr, "%s: %s\n", path, g_strerror (errno));
      exit (2);
    }
  close (fd);
  return p;
}

uint32_t
stream_read_bits (const uint8_t *pixels, gsize stride, int x, int y, int bit_width, int bit_height, int bits)
{
  uint32_t value = 0;
  for (int i = 0; i < bits; i++)
    {
      const uint8_t *p
          = pixels + (gsize) (y + bit_height / 2) * stride + (gsize) (x + i * bit_width + bit_width / 2) * 4;
      if (p[0] + p[1] + p[2] > 382)
        value |= 1u << i;
    }
  return value;
}

/* -- the meter ------------------------------------------------------------------------------------------- */

static const char *const mode_names[] = { "still", "video", "scroll", "drag" };

gboolean
stream_meter_init (StreamMeter *m, int argc, char **argv, int first)
{
  if (argc < first + 3)
    return FALSE;
  *m = (StreamMeter){ .seconds = g_ascii_strtod (argv[first + 1], NULL),
                      .shared = stream_map (argv[first + 2], FALSE),
                      .keys = argc == first + 3,
                      .last_frame = G_MAXUINT32,
                      .rand = g_rand_new_with_seed (1),
                      .key_ms = g_array_new (FALSE, FALSE, sizeof (double)),
                      .frame_ms = g_array_new (FALSE, FALSE, sizeof (double)) };
  for (gsize i = 0; i < G_N_ELEMENTS (mode_names); i++)
    if (g_str_equal (argv[first], mode_names[i]))
      {
        m->mode = (StreamMode) i;
        return TRUE;
      }
  return FALSE;
}

static void
add_ms (GArray *array, uint64_t from, uint64_t to)
{
  const double ms = (double) (to - from) / 1e6;
  g_array_append_val (array, ms);
}

static void
look_at_frame (StreamMeter *m, uint32_t frame, uint64_t now)
{
  if (!m->measuring || frame == m->last_frame)
    return;
  const uint64_t drawn = m->shared->frame_at[frame & 0xffff];
  m->last_frame = frame;
  m->frames++;
  if (drawn && drawn < now)
    add_ms (m->frame_ms, drawn, now);
}

void
stream_meter_look (StreamMeter *m, const uint8_t *pixels, gsize stride)
{
  const uint64_t now = stream_now ();
  const uint32_t input = stream_read_bits (pixels, stride, STREAM_INPUT_X, STREAM_INPUT_Y, STREAM_INPUT_BIT,
                                           STREAM_INPUT_BIT, STREAM_INPUT_BITS);
  const uint8_t *page = pixels + (gsize) PAGE_Y * stride + (gsize) PAGE_X * 4;
  if (!m->first)
    m->first = now;
  const gboolean white = page[0] > 200 && page[1] > 200 && page[2] > 200;
  if (!m->content && (white || m->blank_is_white) && input == (m->shared->input & 255))
    m->content = now;
  look_at_frame (m,
                 stream_read_bits (pixels, stride, STREAM_FRAME_X, STREAM_FRAME_Y, STREAM_FRAME_BIT_WIDTH,
                                   STREAM_FRAME_BIT, STREAM_FRAME_BITS),
                 now);
  if (m->waiting && input == m->wanted)
    {
      m->waiting = FALSE;
      if (m->measuring)
        add_ms (m->key_ms, m->sent, now);
    }
}

gboolean
stream_meter_key_due (StreamMeter *m)
{
  const uint64_t now = stream_now ();
  if (m->waiting && now - m->sent > KEY_TIMEOUT_NS)
    {
      m->waiting = FALSE;
      m->timeouts++;
    }
  if (!m->keys || m->waiting || now < m->next_key)
    return FALSE;
  m->waiting = TRUE;
  m->wanted = (m->shared->input + 1) & 255;
  m->sent = now;
  m->next_key = now + (uint64_t) (KEY_PAUSE_MS + g_rand_int_range (m->rand, 0, KEY_PAUSE_MORE_MS)) * 1000000;
  return TRUE;
}

void
stream_meter_sync (const char *word)
{
  printf ("%s\n", word);
  fflush (stdout);
  if (getchar () == EOF)
    exit (3);
}

void
stream_meter_begin (StreamMeter *m, uint64_t bytes)
{
  m->bytes_before = bytes;
  m->begun = stream_now ();
  m->next_key = m->begun + KEY_FIRST_MS * 1000000u;
  m->measuring = TRUE;
}

gboolean
stream_meter_is_over (const StreamMeter *m)
{
  return (double) (stream_now () - m->begun) / 1e9 >= m->seconds;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

/* -1: no value. */
static double
percentile (GArray *values, double p)
{
  if (values->len == 0)
    return -1;
  g_array_sort (values, compare);
  return g_array_index (values, double, (guint) (p * (values->len - 1) + 0.5));
}

static double
since_start (const StreamMeter *m, uint64_t moment)
{
  return moment ? (double) (moment - m->started) / 1e6 : -1;
}

void
stream_meter_print (StreamMeter *m, uint64_t bytes)
{
  const double seconds = (double) (stream_now () - m->begun) / 1e9;
  printf ("{\"seconds\":%.3f,\"connect_ms\":%.2f,\"first_ms\":%.2f,\"content_ms\":%.2f,\"frames\":"
          "%" G_GUINT64_FORMAT ",\"fps\":%.3f,\"bytes\":%" G_GUINT64_FORMAT
          ",\"keys\":%u,\"key_timeouts\":%" G_GUINT64_FORMAT
          ",\"key_p50\":%.3f,\"key_p95\":%.3f,\"frame_p50\":%.3f,\"frame_p95\":%.3f}\n",
          seconds, since_start (m, m->connected), since_start (m, m->first), since_start (m, m->content),
          m->frames, (double) m->frames / seconds, bytes - m->bytes_before, m->key_ms->len, m->timeouts,
          percentile (m->key_ms, .5), percentile (m->key_ms, .95), percentile (m->frame_ms, .5),
          percentile (m->frame_ms, .95));
  fflush (stdout);
}

gboolean
stream_write_ppm (const char *path, const uint8_t *pixels, gsize stride, int width, int height)
{
  FILE *f = fopen (path, "wb");
  if (!f)
    return FALSE;
  fprintf (f, "P6\n%d %d\n255\n", width, height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        const uint8_t *p = pixels + (gsize) y * stride + (gsize) x * 4;
        const uint8_t rgb[3] = { p[2], p[1], p[0] };
        fwrite (rgb, 1, sizeof rgb, f);
      }
  return fclose (f) == 0;
}
