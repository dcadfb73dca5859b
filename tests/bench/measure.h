/* Parts of sekisho-measure; measure.c tells what it is. */
#pragma once
#include "desktop/link.h"
#include "desktop/rdp-client.h"

typedef enum
{
  STEP_WAIT_PIXEL,
  STEP_WAIT_FRAMES,
  STEP_WAIT_SIZE,
  STEP_WAIT_END,
  STEP_TYPE,
  STEP_TYPE_UNICODE,
  STEP_KEY,
  STEP_CLICK,
  STEP_WHEEL,
  STEP_RESIZE,
  STEP_DUMP,
} StepType;

typedef struct
{
  StepType type;
  const char *name; /* of the option, without dashes */
  const char *text;
  int x, y, amount, tolerance;
  guint colour;
  gint64 done_us;
} Step;

typedef struct
{
  /* what was asked */
  const char *url, *pool, *attach, *address, *fingerprint, *user, *password;
  int width, height;
  gint64 timeout;
  gboolean open, once, end, interactive;
  GArray *steps;
  /* what happens */
  SkPixels *frame;
  SkRdpClient *client;
  SkLink *link; /* NULL with --rdp-address */
  char *ticket_fingerprint;
  int wake_fd;
  guint64 serial_before;
  guint last_colour;
  char *session;
  gint64 start_us, deadline_us, connect_us, sent_us, answered_us, upgraded_us, connected_us, picture_us;
} Measure;

/* measure-options.c */
gboolean measure_parse (Measure *m, int argc, char **argv);
/* "wait-frames 1", as a line of standard input; the text must outlive the step. FALSE: no such step. */
gboolean measure_parse_step (Measure *m, char *line);
/* measure-dump.c: the format follows the name */
gboolean measure_dump (SkPixels *frame, const char *path);
/* measure-api.c */
gboolean measure_connect_api (Measure *m, SkRdpTarget *target, GError **error);
/* FALSE: --end was asked for and did not happen. */
gboolean measure_end (Measure *m);
