/* stream-workload SHARED: what is on the guest's screen while a stream is measured. Full screen on $DISPLAY,
 * always the same: a page of text that echoes keys, a video, a scrolling page, a dragged window. */
#include "stream.h"
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#define PAGE_HEIGHT 4000
#define LINE_HEIGHT 18
#define SCROLL_TOP STREAM_FRAME_Y
#define SCROLL_ROWS (STREAM_HEIGHT - SCROLL_TOP)
#define SCROLL_STEP (3 * LINE_HEIGHT)
#define VIDEO_FRAMES 48
#define VIDEO_NS 40000000u
#define SCROLL_NS 100000000u
#define WINDOW_WIDTH 600
#define WINDOW_HEIGHT 400
#define GLYPH_WIDTH 9
#define GLYPH_HEIGHT 15

typedef struct
{
  StreamShared *shared;
  Display *display;
  Window window;
  GC gc;
  XImage *image;
  XShmSegmentInfo segment;
  uint32_t *pixels; /* of the whole screen, shared with the X server */
  uint32_t *page;   /* STREAM_WIDTH x PAGE_HEIGHT */
  uint32_t *video[VIDEO_FRAMES];
  GRand *rand;
  uint32_t mode;
  uint64_t tick, next;
  int offset, step; /* scrolling */
  int column, line; /* of the next echo */
} Work;

static void
put (Work *w, int x, int y, int width, int height)
{
  XShmPutImage (w->display, w->window, w->gc, w->image, x, y, x, y, (unsigned) width, (unsigned) height,
                False);
}

static void
fill (Work *w, int x, int y, int width, int height, uint32_t colour)
{
  for (int j = y; j < y + height; j++)
    for (int i = x; i < x + width; i++)
      w->pixels[j * STREAM_WIDTH + i] = colour;
}

static void
draw_bits (Work *w, int x, int y, int bit_width, int bit_height, int bits, uint32_t value)
{
  for (int i = 0; i < bits; i++)
    fill (w, x + i * bit_width, y, bit_width, bit_height, value >> i & 1 ? 0xffffff : 0);
}

static void
draw_input (Work *w)
{
  draw_bits (w, STREAM_INPUT_X, STREAM_INPUT_Y, STREAM_INPUT_BIT, STREAM_INPUT_BIT, STREAM_INPUT_BITS,
             w->shared->input & 255);
}

static void
draw_frame (Work *w)
{
  draw_bits (w, STREAM_FRAME_X, STREAM_FRAME_Y, STREAM_FRAME_BIT_WIDTH, STREAM_FRAME_BIT, STREAM_FRAME_BITS,
             w->shared->frame);
}

/* -- contents -------------------------------------------------------------------------------------------- */

static void
random_line (Work *w, char *line, int length)
{
  int n = 0;
  while (n < length)
    {
      for (int left = g_rand_int_range (w->rand, 2, 10); left > 0 && n < length; left--)
        line[n++] = (char) g_rand_int_range (w->rand, 'a', 'z' + 1);
      if (n < length)
        line[n++] = ' ';
    }
}

static void
make_page (Work *w)
{
  Pixmap pixmap = XCreatePixmap (w->display, w->window, STREAM_WIDTH, PAGE_HEIGHT, 24);
  GC gc = XCreateGC (w->display, pixmap, 0, NULL);
  XFontStruct *font = XLoadQueryFont (w->display, "9x15");
  if (!font)
    font = XLoadQueryFont (w->display, "fixed");
  if (font)
    XSetFont (w->display, gc, font->fid);
  XSetForeground (w->display, gc, 0xffffff);
  XFillRectangle (w->display, pixmap, gc, 0, 0, STREAM_WIDTH, PAGE_HEIGHT);
  for (int y = GLYPH_HEIGHT; y < PAGE_HEIGHT; y += LINE_HEIGHT)
    {
      char line[200];
      const int length = g_rand_int_range (w->rand, 120, (gint) sizeof line);
      if (g_rand_int_range (w->rand, 0, 7) == 0)
        continue;
      random_line (w, line, length);
      XSetForeground (w->display, gc, g_rand_int_range (w->rand, 0, 9) == 0 ? 0x0030c0 : 0x202020);
      XDrawString (w->display, pixmap, gc, 20, y, line, length);
    }
  XImage *image = XGetImage (w->display, pixmap, 0, 0, STREAM_WIDTH, PAGE_HEIGHT, AllPlanes, ZPixmap);
  w->page = g_new (uint32_t, (gsize) STREAM_WIDTH * PAGE_HEIGHT);
  for (int y = 0; y < PAGE_HEIGHT; y++)
    memcpy (w->page + (gsize) y * STREAM_WIDTH, image->data + (gsize) y * (gsize) image->bytes_per_line,
            STREAM_WIDTH * 4);
  XDestroyImage (image);
  XFreePixmap (w->display, pixmap);
  XFreeGC (w->display, gc);
}

#define TEXTURE_WIDTH 1024
#define TEXTURE_HEIGHT 512

/* Noise of several sizes on top of each other: as hard for a codec as a photograph. */
static void
add_noise (Work *w, float *texture, int cell, float weight)
{
  const int columns = TEXTURE_WIDTH / cell + 2, rows = TEXTURE_HEIGHT / cell + 2;
  g_autofree float *grid = g_new (float, (gsize) columns *(gsize) rows);
  for (int i = 0; i < columns * rows; i++)
    grid[i] = (float) g_rand_double (w->rand);
  for (int y = 0; y < TEXTURE_HEIGHT; y++)
    for (int x = 0; x < TEXTURE_WIDTH; x++)
      {
        const float *g = grid + (y / cell) * columns + x / cell;
        const float fx = (float) (x % cell) / (float) cell, fy = (float) (y % cell) / (float) cell;
        const float upper = g[0] * (1 - fx) + g[1] * fx, lower = g[columns] * (1 - fx) + g[columns + 1] * fx;
        texture[y * TEXTURE_WIDTH + x] += weight * (upper * (1 - fy) + lower * fy);
      }
}

static void
draw_ball (uint32_t *frame, int x, int y, uint32_t colour)
{
  for (int j = -40; j < 40; j++)
    for (int i = -40; i < 40; i++)
      if (i * i + j * j < 1600 && x + i >= 0 && x + i < STREAM_VIDEO_WIDTH && y + j >= 0
          && y + j < STREAM_VIDEO_HEIGHT)
        frame[(y + j) * STREAM_VIDEO_WIDTH + x + i] = colour;
}

/* A scene that pans, and balls that move over it. */
static void
make_video (Work *w)
{
  static const uint32_t colours[] = { 0xe04030, 0x30c060, 0x4060f0 };
  float *texture[3];
  for (int c = 0; c < 3; c++)
    {
      float weight = 110;
      texture[c] = g_new0 (float, TEXTURE_WIDTH *TEXTURE_HEIGHT);
      for (int cell = 128; cell >= 4; cell /= 2, weight *= 0.55f)
        add_noise (w, texture[c], cell, weight);
    }
  for (int k = 0; k < VIDEO_FRAMES; k++)
    {
      w->video[k] = g_new (uint32_t, STREAM_VIDEO_WIDTH * STREAM_VIDEO_HEIGHT);
      for (int y = 0; y < STREAM_VIDEO_HEIGHT; y++)
        for (int x = 0; x < STREAM_VIDEO_WIDTH; x++)
          {
            const int at = (y + 2 * k) % TEXTURE_HEIGHT * TEXTURE_WIDTH + (x + 6 * k) % TEXTURE_WIDTH;
            uint32_t pixel = 0;
            for (int c = 0; c < 3; c++)
              pixel = pixel << 8 | (uint32_t) MIN (texture[c][at], 255.f);
            w->video[k][y * STREAM_VIDEO_WIDTH + x] = pixel;
          }
      for (int b = 0; b < 3; b++)
        draw_ball (w->video[k], 100 + b * 180 + k * (5 + b * 3) % 120, 100 + b * 60 + k * (3 + b) % 80,
                   colours[b]);
    }
  for (int c = 0; c < 3; c++)
    g_free (texture[c]);
}

/* -- the screen ------------------------------------------------------------------------------------------ */

static void
open_window (Work *w)
{
  w->display = XOpenDisplay (NULL);
  if (!w->display)
    {
      fprintf (stderr, "stream-workload: no display\n");
      exit (2);
    }
  const int screen = DefaultScreen (w->display);
  XSetWindowAttributes a = { .override_redirect = True,
                             .background_pixel = 0xffffff,
                             .event_mask = KeyPressMask | ExposureMask | StructureNotifyMask };
  w->window = XCreateWindow (w->display, RootWindow (w->display, screen), 0, 0, STREAM_WIDTH, STREAM_HEIGHT,
                             0, CopyFromParent, InputOutput, CopyFromParent,
                             CWOverrideRedirect | CWBackPixel | CWEventMask, &a);
  XMapRaised (w->display, w->window);
  for (XEvent e = { 0 }; e.type != MapNotify;)
    XWindowEvent (w->display, w->window, StructureNotifyMask, &e);
  XSetInputFocus (w->display, w->window, RevertToParent, CurrentTime);
  w->gc = XCreateGC (w->display, w->window, 0, NULL);
  w->image = XShmCreateImage (w->display, DefaultVisual (w->display, screen),
                              (unsigned) DefaultDepth (w->display, screen), ZPixmap, NULL, &w->segment,
                              STREAM_WIDTH, STREAM_HEIGHT);
  w->segment.shmid = shmget (IPC_PRIVATE, (gsize) STREAM_WIDTH * STREAM_HEIGHT * 4, IPC_CREAT | 0600);
  w->segment.shmaddr = w->image->data = shmat (w->segment.shmid, NULL, 0);
  w->pixels = (uint32_t *) (void *) w->image->data;
  XShmAttach (w->display, &w->segment);
  XSync (w->display, False);
  shmctl (w->segment.shmid, IPC_RMID, NULL); /* goes with its users */
}

static void
draw_all (Work *w)
{
  memcpy (w->pixels, w->page, (gsize) STREAM_WIDTH * STREAM_HEIGHT * 4);
  draw_input (w);
  draw_frame (w);
  put (w, 0, 0, STREAM_WIDTH, STREAM_HEIGHT);
  XSync (w->display, False);
}

static void
echo (Work *w)
{
  const uint32_t count = w->shared->input + 1;
  w->shared->input_at[count & 255] = stream_now ();
  w->shared->input = count;
  draw_input (w);
  const int x = 400 + w->column * (GLYPH_WIDTH + 1), y = 40 + w->line * LINE_HEIGHT;
  for (int i = 0; i < GLYPH_HEIGHT; i++)
    memcpy (w->pixels + (gsize) (y + i) * STREAM_WIDTH + x,
            w->page + (gsize) (3 + i) * STREAM_WIDTH + 20 + count % 100 * GLYPH_WIDTH, GLYPH_WIDTH * 4);
  if (++w->column >= 100)
    {
      w->column = 0;
      w->line = (w->line + 1) % 14;
    }
  put (w, STREAM_INPUT_X, STREAM_INPUT_Y, STREAM_INPUT_BIT * STREAM_INPUT_BITS, STREAM_INPUT_BIT);
  put (w, x, y, GLYPH_WIDTH, GLYPH_HEIGHT);
  XFlush (w->display);
}

static void
show_frame (Work *w, int x, int y, int width, int height)
{
  draw_frame (w);
  w->shared->frame_at[w->shared->frame] = stream_now ();
  put (w, x, y, width, height);
  XFlush (w->display);
  w->shared->drawn++;
}

static void
video_tick (Work *w)
{
  for (int y = 0; y < STREAM_VIDEO_HEIGHT; y++)
    memcpy (w->pixels + (gsize) (STREAM_VIDEO_Y + y) * STREAM_WIDTH + STREAM_VIDEO_X,
            w->video[w->tick % VIDEO_FRAMES] + (gsize) y * STREAM_VIDEO_WIDTH, STREAM_VIDEO_WIDTH * 4);
  show_frame (w, STREAM_VIDEO_X, STREAM_FRAME_Y, STREAM_VIDEO_WIDTH,
              STREAM_VIDEO_HEIGHT + STREAM_VIDEO_Y - STREAM_FRAME_Y);
}

static void
scroll_tick (Work *w)
{
  w->offset += w->step;
  if (w->offset + SCROLL_ROWS > PAGE_HEIGHT || w->offset < 0)
    {
      w->step = -w->step;
      w->offset += 2 * w->step;
    }
  memcpy (w->pixels + (gsize) SCROLL_TOP * STREAM_WIDTH, w->page + (gsize) w->offset * STREAM_WIDTH,
          (gsize) SCROLL_ROWS * STREAM_WIDTH * 4);
  show_frame (w, 0, SCROLL_TOP, STREAM_WIDTH, SCROLL_ROWS);
}

/* On a way that never leaves the lower two thirds. */
static void
drag_tick (Work *w)
{
  const double angle = (double) w->tick * 0.08;
  const int x = (int) (660 + 600 * cos (angle)), y = (int) (520 + 150 * sin (2 * angle));
  memcpy (w->pixels + (gsize) SCROLL_TOP * STREAM_WIDTH, w->page + (gsize) SCROLL_TOP * STREAM_WIDTH,
          (gsize) SCROLL_ROWS * STREAM_WIDTH * 4);
  fill (w, x, y, WINDOW_WIDTH, WINDOW_HEIGHT, 0x3070b0);
  for (int i = 24; i < WINDOW_HEIGHT - 2; i++)
    memcpy (w->pixels + (gsize) (y + i) * STREAM_WIDTH + x + 2,
            w->page + (gsize) (2000 + i) * STREAM_WIDTH + 20, (WINDOW_WIDTH - 4) * 4);
  show_frame (w, 0, SCROLL_TOP, STREAM_WIDTH, SCROLL_ROWS);
}

static void
tick (Work *w)
{
  w->tick++;
  w->shared->frame = (w->shared->frame + 1) & 0xffff;
  if (w->mode == STREAM_VIDEO)
    video_tick (w);
  else if (w->mode == STREAM_SCROLL)
    scroll_tick (w);
  else
    drag_tick (w);
}

static uint64_t
period (const Work *w)
{
  return w->mode == STREAM_SCROLL ? SCROLL_NS : VIDEO_NS;
}

static gboolean
is_moving (const Work *w)
{
  return w->mode == STREAM_VIDEO || w->mode == STREAM_SCROLL || w->mode == STREAM_DRAG;
}

static void
take_mode (Work *w)
{
  if (w->mode == w->shared->mode)
    return;
  w->mode = w->shared->mode;
  if (w->mode != STREAM_HOLD)
    draw_all (w);
  w->next = stream_now ();
  w->shared->shown = w->mode;
}

static void
take_events (Work *w)
{
  while (XPending (w->display))
    {
      XEvent e;
      XNextEvent (w->display, &e);
      if (e.type == KeyPress)
        echo (w);
      else if (e.type == Expose && e.xexpose.count == 0)
        {
          put (w, 0, 0, STREAM_WIDTH, STREAM_HEIGHT);
          XFlush (w->display);
          XSetInputFocus (w->display, w->window, RevertToParent, CurrentTime);
        }
    }
}

/* The mode is looked at so often when nothing else happens. */
#define LOOK_MS 20

int
main (int argc, char **argv)
{
  Work w = { .mode = G_MAXUINT32, .step = SCROLL_STEP, .rand = g_rand_new_with_seed (777) };
  if (argc != 2)
    {
      fprintf (stderr, "usage: stream-workload SHARED\n");
      return 2;
    }
  w.shared = stream_map (argv[1], TRUE);
  open_window (&w);
  make_page (&w);
  make_video (&w);
  take_mode (&w);
  printf ("ready\n");
  fflush (stdout);
  for (;;)
    {
      const uint64_t now = stream_now ();
      const int wait = !is_moving (&w) ? LOOK_MS : w.next > now ? (int) ((w.next - now) / 1000000) : 0;
      struct pollfd p = { ConnectionNumber (w.display), POLLIN, 0 };
      if (!XPending (w.display))
        poll (&p, 1, MIN (wait, LOOK_MS));
      take_events (&w);
      take_mode (&w);
      if (!is_moving (&w) || stream_now () < w.next)
        continue;
      w.next = MAX (w.next + period (&w), stream_now () - period (&w));
      tick (&w);
    }
}
