/* Where the monitors are that a picture lies on. Checked by the view (from a viewer) and again by the screen
 * (from a view). Pure functions. */
#pragma once
#include <glib.h>

/* More than any graphics card of an office PC drives; [MS-RDPEDISP] knows 16, each of which costs the guest
 * an output. */
#define SK_MONITORS_MAX 8
/* [MS-RDPEDISP] 2.2.2.2.1: sides of a monitor, percent */
#define SK_MONITOR_SIDE_MIN 200
#define SK_MONITOR_SIDE_MAX 8192
#define SK_SCALE_MIN 100
#define SK_SCALE_MAX 500

/* As somebody asks for it. */
typedef struct
{
  gint32 x, y;
  guint32 width, height;
  gboolean primary;
} SkMonitorWish;

typedef struct
{
  guint x, y, width, height; /* width is even */
  gboolean primary;
} SkMonitor;

/* Good ones: inside what the frame memory holds, at its upper left, none over another, one primary. */
typedef struct
{
  guint n;     /* 0: none known */
  guint scale; /* percent, of all: the guest has one */
  SkMonitor monitors[SK_MONITORS_MAX];
} SkMonitors;

/* FALSE: not such a layout. A single monitor is made to fit instead of refused. */
gboolean sk_monitors_make (const SkMonitorWish *untrusted, guint n, guint scale,
                           SkMonitors *ret) G_GNUC_WARN_UNUSED_RESULT;
/* The same; where only the size of all together is too much, the primary one alone. */
gboolean sk_monitors_make_or_primary (const SkMonitorWish *untrusted, guint n, guint scale,
                                      SkMonitors *ret) G_GNUC_WARN_UNUSED_RESULT;
/* One monitor of any size, made to fit. */
SkMonitors sk_monitors_single (guint width, guint height, guint scale);
/* The size of the picture that lies on all of them. */
void sk_monitors_bounds (const SkMonitors *monitors, guint *ret_width, guint *ret_height);
const SkMonitor *sk_monitors_primary (const SkMonitors *monitors);
gboolean sk_monitors_equal (const SkMonitors *a, const SkMonitors *b);
