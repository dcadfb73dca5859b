/* A viewer's monitor layout: monitors inside the limits, or a refusal; and on their way to the screen. */
#include "fuzz.h"
#include "rdp/border.h"
#include "rdp/disp.h"
#include "rdp/input.h"
#include "rdp/ring.h"
#include <string.h>

static void
check_monitors (const SkMonitors *m)
{
  guint width, height;
  sk_monitors_bounds (m, &width, &height);
  g_assert (m->n >= 1 && m->n <= SK_MONITORS_MAX && sk_ring_size_is_valid (width, height));
  g_assert (m->scale >= SK_SCALE_MIN && m->scale <= SK_SCALE_MAX && sk_monitors_primary (m)->primary);
  for (guint i = 0; i < m->n; i++)
    g_assert (m->monitors[i].width % 2 == 0 && m->monitors[i].height > 0);
}

static void
check_way_to_screen (const SkMonitors *m)
{
  SkInputRecord records[SK_MONITORS_MAX];
  SkInputLayout taken = { 0 };
  SkMonitors back = { 0 };
  sk_input_put_monitors (m, records);
  for (guint i = 0; i < m->n; i++)
    {
      g_assert (sk_input_clamp (&records[i], 800, 600));
      g_assert (sk_input_take_monitor (&taken, &records[i], &back) == (i == m->n - 1));
    }
  g_assert (sk_monitors_equal (m, &back));
}

/* The same bytes as what a broken view writes into the pipe. */
static void
try_records (const uint8_t *data, size_t size)
{
  SkInputLayout taken = { 0 };
  SkMonitors m;
  SkInputRecord r;
  for (; size >= sizeof r; data += sizeof r, size -= sizeof r)
    {
      memcpy (&r, data, sizeof r);
      if (sk_input_clamp (&r, 800, 600) && r.type == SK_INPUT_MONITOR
          && sk_input_take_monitor (&taken, &r, &m))
        check_monitors (&m);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const SkBorder border = sk_border (TRUE);
  SkMonitors m;
  try_records (data, size);
  if (!sk_disp_parse_layout (data, size, &m))
    return 0;
  check_monitors (&m);
  if (m.n > 1 && sk_border_inner_monitors (&border, &m))
    {
      check_monitors (&m);
      check_way_to_screen (&m);
      return 0;
    }
  const SkMonitor *primary = sk_monitors_primary (&m);
  guint width = primary->width, height = primary->height;
  sk_border_inner (&border, &width, &height);
  g_assert (sk_ring_size_is_valid (width, height));
  return 0;
}
