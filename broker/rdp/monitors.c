#include "rdp/monitors.h"
#include "rdp/ring.h"

/* A layout is within RDP's own 16 bit coordinates. */
#define POSITION_MAX 32767

static gboolean
is_monitor (const SkMonitorWish *w)
{
  return w->width >= SK_MONITOR_SIDE_MIN && w->width <= SK_MONITOR_SIDE_MAX
         && w->height >= SK_MONITOR_SIDE_MIN && w->height <= SK_MONITOR_SIDE_MAX && w->x >= -POSITION_MAX
         && w->x <= POSITION_MAX && w->y >= -POSITION_MAX && w->y <= POSITION_MAX;
}

static gboolean
overlap (const SkMonitorWish *a, const SkMonitorWish *b)
{
  return a->x < b->x + (gint32) b->width && b->x < a->x + (gint32) a->width
         && a->y < b->y + (gint32) b->height && b->y < a->y + (gint32) a->height;
}

/* Everything but the size of all together. */
static gboolean
is_layout (const SkMonitorWish *w, guint n)
{
  guint primaries = 0;
  for (guint i = 0; i < n; i++)
    {
      if (!is_monitor (&w[i]))
        return FALSE;
      primaries += w[i].primary ? 1 : 0;
      for (guint k = 0; k < i; k++)
        if (overlap (&w[i], &w[k]))
          return FALSE;
    }
  return primaries == 1;
}

SkMonitors
sk_monitors_single (guint width, guint height, guint scale)
{
  sk_ring_clamp_size (&width, &height);
  return (SkMonitors){ .n = 1,
                       .scale = CLAMP (scale, SK_SCALE_MIN, SK_SCALE_MAX),
                       .monitors = { { 0, 0, width, height, TRUE } } };
}

gboolean
sk_monitors_make (const SkMonitorWish *untrusted, guint n, guint scale, SkMonitors *ret)
{
  SkMonitors made = { .n = n, .scale = CLAMP (scale, SK_SCALE_MIN, SK_SCALE_MAX) };
  gint32 left = G_MAXINT32, top = G_MAXINT32;
  guint width, height;
  if (n == 0 || n > SK_MONITORS_MAX || !is_layout (untrusted, n))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      left = MIN (left, untrusted[i].x);
      top = MIN (top, untrusted[i].y);
    }
  for (guint i = 0; i < n; i++)
    {
      const SkMonitorWish *w = &untrusted[i];
      made.monitors[i] = (SkMonitor){ (guint) (w->x - left), (guint) (w->y - top), w->width & ~1u, w->height,
                                      w->primary != FALSE };
    }
  sk_monitors_bounds (&made, &width, &height);
  if (n == 1)
    made = sk_monitors_single (width, height, scale);
  else if (!sk_ring_size_is_valid (width, height))
    return FALSE;
  *ret = made;
  return TRUE;
}

gboolean
sk_monitors_make_or_primary (const SkMonitorWish *untrusted, guint n, guint scale, SkMonitors *ret)
{
  if (sk_monitors_make (untrusted, n, scale, ret))
    return TRUE;
  if (n == 0 || n > SK_MONITORS_MAX || !is_layout (untrusted, n))
    return FALSE;
  guint i = 0;
  while (!untrusted[i].primary)
    i++;
  *ret = sk_monitors_single (untrusted[i].width, untrusted[i].height, scale);
  return TRUE;
}

void
sk_monitors_bounds (const SkMonitors *s, guint *ret_width, guint *ret_height)
{
  *ret_width = *ret_height = 0;
  for (guint i = 0; i < s->n; i++)
    {
      *ret_width = MAX (*ret_width, s->monitors[i].x + s->monitors[i].width);
      *ret_height = MAX (*ret_height, s->monitors[i].y + s->monitors[i].height);
    }
}

const SkMonitor *
sk_monitors_primary (const SkMonitors *s)
{
  for (guint i = 1; i < s->n; i++)
    if (s->monitors[i].primary)
      return &s->monitors[i];
  return &s->monitors[0];
}

gboolean
sk_monitors_equal (const SkMonitors *a, const SkMonitors *b)
{
  gboolean equal = a->n == b->n && a->scale == b->scale;
  for (guint i = 0; equal && i < a->n; i++)
    {
      const SkMonitor *p = &a->monitors[i], *q = &b->monitors[i];
      equal = p->x == q->x && p->y == q->y && p->width == q->width && p->height == q->height
              && p->primary == q->primary;
    }
  return equal;
}
