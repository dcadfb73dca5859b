#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for any wait of a test, and it keeps the sums in range. */
#define SECONDS_MAX 86400

static gboolean
parse_size (const char *value, int *width, int *height)
{
  char rest;
  return sscanf (value, "%dx%d%c", width, height, &rest) == 2 && *width > 0 && *height > 0;
}

static gboolean
parse_pixel (Step *step, const char *value)
{
  step->tolerance = 4;
  int n = sscanf (value, "%d,%d,%6x,%d", &step->x, &step->y, &step->colour, &step->tolerance);
  return n >= 3 && step->x >= 0 && step->y >= 0;
}

static gboolean
parse_step (Step *step, const char *value)
{
  switch (step->type)
    {
    case STEP_WAIT_PIXEL:
      return parse_pixel (step, value);
    case STEP_WAIT_FRAMES:
      step->x = atoi (value);
      return step->x > 0;
    case STEP_WAIT_SIZE:
    case STEP_RESIZE:
      return parse_size (value, &step->x, &step->y);
    case STEP_CLICK:
      step->amount = 1;
      return sscanf (value, "%d,%d,%d", &step->x, &step->y, &step->amount) >= 2;
    case STEP_WHEEL:
      return sscanf (value, "%d,%d,%d", &step->x, &step->y, &step->amount) == 3;
    case STEP_TYPE:
    case STEP_TYPE_UNICODE:
      step->text = value;
      return g_utf8_validate (value, -1, NULL);
    case STEP_KEY:
    case STEP_DUMP:
      step->text = value;
      return TRUE;
    case STEP_WAIT_END:
      return TRUE;
    }
  return FALSE;
}

static const struct
{
  const char *name;
  StepType type;
  gboolean has_value;
} step_options[] = {
  { "wait-pixel", STEP_WAIT_PIXEL, TRUE },
  { "wait-frames", STEP_WAIT_FRAMES, TRUE },
  { "wait-size", STEP_WAIT_SIZE, TRUE },
  { "wait-end", STEP_WAIT_END, FALSE },
  { "type", STEP_TYPE, TRUE },
  { "type-unicode", STEP_TYPE_UNICODE, TRUE },
  { "key", STEP_KEY, TRUE },
  { "click", STEP_CLICK, TRUE },
  { "wheel", STEP_WHEEL, TRUE },
  { "resize", STEP_RESIZE, TRUE },
  { "dump", STEP_DUMP, TRUE },
};

/* Returns how many arguments were used; 0 when it is no step or a bad one. */
static int
take_step (Measure *m, const char *name, const char *value)
{
  for (gsize i = 0; i < G_N_ELEMENTS (step_options); i++)
    {
      if (strcmp (step_options[i].name, name) != 0)
        continue;
      Step step = { .type = step_options[i].type, .name = step_options[i].name };
      if ((step_options[i].has_value && !value) || !parse_step (&step, value))
        return 0;
      g_array_append_val (m->steps, step);
      return step_options[i].has_value ? 2 : 1;
    }
  return 0;
}

static gboolean
set_value (Measure *m, const char *name, const char *value)
{
  if (strcmp (name, "size") == 0)
    return parse_size (value, &m->width, &m->height);
  if (strcmp (name, "timeout") == 0)
    {
      m->timeout = g_ascii_strtoll (value, NULL, 10);
      return m->timeout > 0 && m->timeout <= SECONDS_MAX;
    }
  const struct
  {
    const char *name;
    const char **target;
  } strings[] = {
    { "open", &m->url },
    { "pool", &m->pool },
    { "attach", &m->attach },
    { "rdp-address", &m->address },
    { "fingerprint", &m->fingerprint },
    { "user", &m->user },
    { "password", &m->password },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    if (strcmp (strings[i].name, name) == 0)
      {
        *strings[i].target = value;
        return TRUE;
      }
  return FALSE;
}

/* Returns how many arguments were used; 0 for an error. */
static int
take_option (Measure *m, const char *name, const char *value)
{
  int used = take_step (m, name, value);
  if (used > 0)
    return used;
  if (strcmp (name, "once") == 0)
    return m->once = TRUE;
  if (strcmp (name, "end") == 0)
    return m->end = TRUE;
  if (strcmp (name, "interactive") == 0)
    return m->interactive = TRUE;
  return value && set_value (m, name, value) ? 2 : 0;
}

gboolean
measure_parse_step (Measure *m, char *line)
{
  char *value = strchr (line, ' ');
  if (value)
    *value++ = '\0';
  return take_step (m, line, value) > 0;
}

gboolean
measure_parse (Measure *m, int argc, char **argv)
{
  for (int i = 1; i < argc;)
    {
      int used = g_str_has_prefix (argv[i], "--")
                     ? take_option (m, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL)
                     : 0;
      if (used == 0)
        {
          fprintf (stderr, "sekisho-measure: bad argument: %s\n", argv[i]);
          return FALSE;
        }
      i += used;
    }
  if (!m->url && !m->attach && !m->address)
    fprintf (stderr, "sekisho-measure: one of --open, --attach, --rdp-address is needed\n");
  return m->url || m->attach || m->address;
}
