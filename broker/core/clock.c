#include "core/clock.h"

typedef struct
{
  SkTimerFunc func;
  gpointer data;
} Call;

static gint64
wall (SkClock *clock)
{
  return g_get_real_time ();
}

static gint64
monotonic (SkClock *clock)
{
  return g_get_monotonic_time ();
}

static gboolean
on_time (gpointer data)
{
  Call *call = data;
  call->func (call->data);
  return G_SOURCE_REMOVE;
}

static guint
add (SkClock *clock, guint ms, SkTimerFunc func, gpointer data)
{
  Call *call = g_new (Call, 1);
  *call = (Call){ func, data };
  return g_timeout_add_full (G_PRIORITY_DEFAULT, ms, on_time, call, g_free);
}

static void
remove_timer (SkClock *clock, guint id)
{
  g_source_remove (id);
}

SkClock *
sk_clock_system (void)
{
  static SkClock clock = { wall, monotonic, add, remove_timer };
  return &clock;
}
