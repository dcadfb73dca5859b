/* What the stream bench's programs share: a file in memory through which the workload (in the guest) and the
 * measuring clients see each other, and marks in the picture. All times are CLOCK_MONOTONIC nanoseconds:
 * guest and viewer are on one machine. */
#pragma once
#include <glib.h>
#include <stdint.h>
#include <string.h>

#define STREAM_WIDTH 1920
#define STREAM_HEIGHT 1080

/* Marks: rows of square bits, black or white, so that any codec brings them across. */
#define STREAM_INPUT_X 0 /* key strokes counted, the lowest eight bits */
#define STREAM_INPUT_Y 0
#define STREAM_INPUT_BIT 32
#define STREAM_INPUT_BITS 8
#define STREAM_FRAME_X 640 /* number of the picture drawn last, sixteen bits */
#define STREAM_FRAME_Y 328
#define STREAM_FRAME_BIT_WIDTH 16
#define STREAM_FRAME_BIT 32
#define STREAM_FRAME_BITS 16
/* The video's place, below the frame mark. */
#define STREAM_VIDEO_X 640
#define STREAM_VIDEO_Y 360
#define STREAM_VIDEO_WIDTH 640
#define STREAM_VIDEO_HEIGHT 360

typedef enum
{
  STREAM_STILL = 0,  /* a page of text; every key echoes a character */
  STREAM_VIDEO = 1,  /* the same, with 25 pictures a second in a part of it */
  STREAM_SCROLL = 2, /* the page below its upper third scrolls three lines, ten times a second */
  STREAM_DRAG = 3,   /* a window of text is dragged over the page, 25 times a second */
  STREAM_HOLD = 4,   /* what there is stays */
} StreamMode;

typedef struct
{
  volatile uint32_t mode;  /* wanted by the client */
  volatile uint32_t shown; /* the workload has drawn this mode's first picture */
  volatile uint32_t frame, input;
  volatile uint64_t drawn;
  volatile uint64_t frame_at[65536]; /* when a picture was handed to the X server */
  volatile uint64_t input_at[256];   /* when the workload got a key */
} StreamShared;

uint64_t stream_now (void);
/* Maps the file, of the right size if create. Ends the program with a message when it cannot. */
StreamShared *stream_map (const char *path, gboolean create);
/* BGRX32 pixels */
uint32_t
stream_read_bits (const uint8_t *pixels, gsize stride, int x, int y, int bit_width, int bit_height, int bits);

/* -- what a measuring client counts ---------------------------------------------------------------------- */

typedef struct
{
  StreamShared *shared;
  StreamMode mode;
  gboolean keys;
  gboolean blank_is_white; /* the client's picture is white before anything was drawn: no sign of a page */
  double seconds;

  uint64_t started, connected, first, content;
  gboolean measuring, waiting;
  uint32_t wanted, last_frame;
  uint64_t sent, next_key, begun, frames, timeouts, bytes_before;
  GRand *rand;
  GArray *key_ms, *frame_ms; /* double */
} StreamMeter;

/* usage: PROGRAM … MODE SECONDS SHARED [nokeys]: from the argument numbered `first` on. */
gboolean stream_meter_init (StreamMeter *m, int argc, char **argv, int first);
/* The picture changed. */
void stream_meter_look (StreamMeter *m, const uint8_t *pixels, gsize stride);
/* TRUE when a key is to be pressed now. */
gboolean stream_meter_key_due (StreamMeter *m);
/* Asks whoever started us to look at the processes, and waits until it did. */
void stream_meter_sync (const char *word);
void stream_meter_begin (StreamMeter *m, uint64_t bytes);
gboolean stream_meter_is_over (const StreamMeter *m);
/* One line of JSON. */
void stream_meter_print (StreamMeter *m, uint64_t bytes);
gboolean stream_write_ppm (const char *path, const uint8_t *pixels, gsize stride, int width, int height);
