/* Time, so that tests can bring their own: they run days of timeouts in a second. Main context's thread. */
#pragma once
#include <gio/gio.h>

typedef void (*SkTimerFunc) (gpointer data);
typedef struct _SkClock SkClock;
struct _SkClock
{
  gint64 (*wall) (SkClock *);      /* microseconds since 1970, UTC */
  gint64 (*monotonic) (SkClock *); /* microseconds */
  /* Calls func once after ms; never before add() has returned. */
  guint (*add) (SkClock *, guint ms, SkTimerFunc func, gpointer data);
  void (*remove) (SkClock *, guint id);
};

/* The real one; static storage. */
SkClock *sk_clock_system (void);

/* One timer in one variable: setting it again moves it. The function that it calls sets the variable to 0
 * first. */
static inline void
sk_timer_clear (SkClock *clock, guint *id)
{
  if (*id)
    clock->remove (clock, *id);
  *id = 0;
}
static inline void
sk_timer_set (SkClock *clock, guint *id, guint ms, SkTimerFunc func, gpointer data)
{
  sk_timer_clear (clock, id);
  *id = clock->add (clock, ms, func, data);
}
