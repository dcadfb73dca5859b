/* Waits until a pixel of an X display has a colour, and says when: the one way in which a viewer of ours and
 * a stock client are timed alike, from outside, at the X server.
 *
 *   xwait X,Y,RRGGBB,TOLERANCE [TIMEOUT_MS]
 *
 * Prints CLOCK_MONOTONIC nanoseconds at the first look that shows the colour; exit 1 at the time limit. Looks
 * every millisecond: one GetImage of one pixel costs the X server some 20 µs. */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_NS 1000000

static uint64_t
now_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

static int
near (unsigned long pixel, unsigned wanted, unsigned tolerance)
{
  for (int shift = 0; shift < 24; shift += 8)
    {
      int a = (int) ((pixel >> shift) & 255), b = (int) ((wanted >> shift) & 255);
      if ((unsigned) abs (a - b) > tolerance)
        return 0;
    }
  return 1;
}

int
main (int argc, char **argv)
{
  int x, y;
  unsigned colour, tolerance;
  if (argc < 2 || sscanf (argv[1], "%d,%d,%x,%u", &x, &y, &colour, &tolerance) != 4)
    {
      fprintf (stderr, "usage: xwait X,Y,RRGGBB,TOLERANCE [TIMEOUT_MS]\n");
      return 2;
    }
  uint64_t deadline = now_ns () + (argc > 2 ? strtoull (argv[2], NULL, 10) : 30000) * 1000000u;
  Display *display = XOpenDisplay (NULL);
  if (!display)
    {
      fprintf (stderr, "xwait: no display\n");
      return 2;
    }
  for (uint64_t now = now_ns (); now < deadline; now = now_ns ())
    {
      XImage *image = XGetImage (display, DefaultRootWindow (display), x, y, 1, 1, AllPlanes, ZPixmap);
      unsigned long pixel = image ? XGetPixel (image, 0, 0) : 0;
      if (image)
        XDestroyImage (image);
      if (image && near (pixel, colour, tolerance))
        {
          printf ("%llu\n", (unsigned long long) now_ns ());
          return 0;
        }
      struct timespec pause = { 0, LOOK_NS };
      clock_nanosleep (CLOCK_MONOTONIC, 0, &pause, NULL);
    }
  fprintf (stderr, "xwait: not seen\n");
  return 1;
}
