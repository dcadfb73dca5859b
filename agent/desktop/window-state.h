/* Size of the window at its last closing: the next click asks the broker for a picture of just that size, so
 * that the first frame fits. Main thread; failures only cost the memory of it. */
#pragma once
#include <glib.h>

typedef struct
{
  int width, height; /* of the picture, device pixels */
  double scale;      /* device pixels per logical one */
  gboolean maximized;
} SkWindowState;

/* What a first start gets: fits every office monitor, and is what pools have when nobody says otherwise. */
#define SK_PICTURE_WIDTH 1280
#define SK_PICTURE_HEIGHT 800
/* Smaller than this no web page is usable, larger than this no view makes one. */
#define SK_PICTURE_SIDE_MIN 320
#define SK_PICTURE_SIDE_MAX 8192

SkWindowState sk_window_state_load (void);
void sk_window_state_save (const SkWindowState *state);

/* Large text: for eyes of 60 years and more. 150 % makes the usual 12 pt of a page 18 pt, which is large
 * print, and leaves a picture of 1280 pixels 853 for the page, enough for layouts made for a desktop (from
 * 768). */
#define SK_LARGE_TEXT_PERCENT 150
/* Remembered for the user; whoever has a window open watches the file. */
char *sk_large_text_file (void);
gboolean sk_large_text_load (void);
void sk_large_text_save (gboolean large);
/* What the guest is to enlarge by, on a desktop that enlarges by scale itself. */
int sk_large_text_percent (gboolean large, double scale);
