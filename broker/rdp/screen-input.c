/* Records from the views' pipes to the guest's RDP; RDP thread. */
#include "common/fd.h"
#include "rdp/screen.h"
#include <errno.h>
#include <freerdp/input.h>
#include <unistd.h>

/* Records read at a time, so that one chatty view cannot starve the picture. */
#define RECORDS_AT_ONCE 64
/* What a view that went left in its pipe (4096 records), and no more of one that goes on writing. */
#define FINISH_READS (4096 / RECORDS_AT_ONCE)
/* Between two sizes asked of the guest: it needs to finish one before it hears of the next (xrdp rebuilds its
 * whole session for each). */
#define RESIZE_EVERY_US (300 * 1000)

static gboolean
send_text (rdpInput *input, const SkInputRecord *r)
{
  SkInputRecord keys[SK_INPUT_TEXT_RECORDS];
  gboolean sent = TRUE;
  /* Its release says nothing new: a unit is a whole key stroke. */
  if (r->flags & KBD_FLAGS_RELEASE)
    return TRUE;
  sk_input_text_keys ((guint16) r->a, keys);
  for (gsize i = 0; i < SK_INPUT_TEXT_RECORDS && sent; i++)
    sent = freerdp_input_send_keyboard_event (input, keys[i].flags, (UINT8) keys[i].a);
  return sent;
}

static void
send_to_guest (SkScreen *s, SkScreenView *v, const SkInputRecord *r)
{
  rdpInput *input = s->instance->context->input;
  SkMonitors layout;
  gboolean sent = TRUE;
  if (!sk_input_sync_pass (&s->sync, r, g_get_monotonic_time ()))
    return;
  switch ((SkInputType) r->type)
    {
    case SK_INPUT_SCANCODE:
      sent = freerdp_input_send_keyboard_event (input, r->flags, (UINT8) r->a);
      break;
    case SK_INPUT_UNICODE:
      sent = send_text (input, r);
      break;
    case SK_INPUT_SYNC:
      sent = freerdp_input_send_synchronize_event (input, (UINT32) r->a);
      break;
    case SK_INPUT_MOUSE:
      sent = freerdp_input_send_mouse_event (input, r->flags, (UINT16) r->a, (UINT16) r->b);
      break;
    case SK_INPUT_MOUSE_EX:
      sent = freerdp_input_send_extended_mouse_event (input, r->flags, (UINT16) r->a, (UINT16) r->b);
      break;
    case SK_INPUT_RESIZE:
      s->wish = sk_monitors_single ((guint) r->a, (guint) r->b, (guint) r->c);
      break;
    case SK_INPUT_MONITOR:
      if (sk_input_take_monitor (&v->layout, r, &layout))
        s->wish = layout;
      break;
    case SK_INPUT_REFRESH:
      sk_screen_mark_all (s);
      break;
    }
  if (!sent)
    sk_worker_log (s->worker, G_LOG_LEVEL_INFO, "the guest does not take input %u", r->type);
}

static void
handle (SkScreen *s, SkScreenView *v, SkInputRecord *records, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      SkInputRecord *r = &records[i];
      if (!sk_input_clamp (r, s->width, s->height))
        continue;
      if (sk_input_is_move (r) && i + 1 < n && sk_input_is_move (&records[i + 1]))
        continue;
      sk_input_held_note (&v->held, r);
      send_to_guest (s, v, r);
    }
}

gboolean
sk_screen_read_view (SkScreen *s, SkScreenView *v)
{
  SkInputRecord untrusted[RECORDS_AT_ONCE];
  gssize n = read (v->input, untrusted, sizeof untrusted);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return FALSE;
  /* A view writes whole records only; half a one means it is broken or somebody else's. */
  if (n > 0 && n % (gssize) sizeof (SkInputRecord) == 0)
    {
      handle (s, v, untrusted, (gsize) n / sizeof (SkInputRecord));
      return TRUE;
    }
  if (n > 0)
    sk_worker_log (s->worker, G_LOG_LEVEL_WARNING, "view %u: broken input record", v->number);
  sk_screen_release_view (s, v);
  sk_clear_fd (&v->input);
  return FALSE;
}

void
sk_screen_finish_view (SkScreen *s, SkScreenView *v)
{
  for (guint i = 0; i < FINISH_READS && v->input >= 0 && sk_screen_read_view (s, v); i++)
    ;
  sk_screen_release_view (s, v);
  sk_clear_fd (&v->input);
}

void
sk_screen_release_view (SkScreen *s, SkScreenView *v)
{
  SkInputRecord r;
  while (sk_input_held_release (&v->held, &r))
    send_to_guest (s, v, &r);
}

int
sk_screen_sync_tick (SkScreen *s)
{
  SkInputRecord r;
  const gint64 now = g_get_monotonic_time ();
  if (sk_input_sync_take (&s->sync, now, &r)
      && !freerdp_input_send_synchronize_event (s->instance->context->input, (UINT32) r.a))
    sk_worker_log (s->worker, G_LOG_LEVEL_INFO, "the guest does not take input %u", r.type);
  return sk_input_sync_timeout (&s->sync, now);
}

/* Whether the guest's picture is what is wanted, as far as it can be seen or was said. */
static gboolean
has_wish (const SkScreen *s)
{
  guint width, height;
  const SkMonitors first = sk_monitors_single (s->width, s->height, SK_SCALE_MIN);
  sk_monitors_bounds (&s->wish, &width, &height);
  return width == s->width && height == s->height
         && sk_monitors_equal (&s->wish, s->told.n ? &s->told : &first);
}

static gboolean
tell_wish (SkScreen *s)
{
  DISPLAY_CONTROL_MONITOR_LAYOUT layout[SK_MONITORS_MAX] = { 0 };
  const SkMonitor *primary = sk_monitors_primary (&s->wish);
  for (guint i = 0; i < s->wish.n; i++)
    {
      const SkMonitor *m = &s->wish.monitors[i];
      layout[i] = (DISPLAY_CONTROL_MONITOR_LAYOUT){
        .Flags = m->primary ? DISPLAY_CONTROL_MONITOR_PRIMARY : 0,
        /* [MS-RDPEDISP]: the primary one is at 0, 0 */
        .Left = (INT32) m->x - (INT32) primary->x,
        .Top = (INT32) m->y - (INT32) primary->y,
        .Width = m->width,
        .Height = m->height,
        .Orientation = ORIENTATION_LANDSCAPE,
        .DesktopScaleFactor = s->wish.scale,
        .DeviceScaleFactor = 100,
      };
    }
  return s->disp->SendMonitorLayout (s->disp, s->wish.n, layout) == CHANNEL_RC_OK;
}

int
sk_screen_resize_tick (SkScreen *s)
{
  if (s->wish.n == 0 || !s->disp_ready)
    return -1;
  gint64 wait = s->resize_sent + RESIZE_EVERY_US - g_get_monotonic_time ();
  if (s->resize_sent && wait > 0)
    return (int) (wait / 1000) + 1;
  if (!has_wish (s))
    {
      s->resize_sent = g_get_monotonic_time ();
      if (!tell_wish (s))
        sk_worker_log (s->worker, G_LOG_LEVEL_MESSAGE, "the guest does not take a size");
      s->told = s->wish;
    }
  s->wish.n = 0;
  return -1;
}
