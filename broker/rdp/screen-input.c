/* Records from the views' pipes to the guest's RDP; RDP thread. */
#include "common/fd.h"
#include "rdp/screen.h"
#include <errno.h>
#include <freerdp/input.h>
#include <unistd.h>

/* Records read at a time, so that one chatty view cannot starve the picture. */
#define RECORDS_AT_ONCE 64
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
send_to_guest (SkScreen *s, const SkInputRecord *r)
{
  rdpInput *input = s->instance->context->input;
  gboolean sent = TRUE;
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
      s->resize = *r;
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
      send_to_guest (s, r);
    }
}

void
sk_screen_read_view (SkScreen *s, SkScreenView *v)
{
  SkInputRecord untrusted[RECORDS_AT_ONCE];
  gssize n = read (v->input, untrusted, sizeof untrusted);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  /* A view writes whole records only; half a one means it is broken or somebody else's. */
  if (n > 0 && n % (gssize) sizeof (SkInputRecord) == 0)
    {
      handle (s, v, untrusted, (gsize) n / sizeof (SkInputRecord));
      return;
    }
  if (n > 0)
    sk_worker_log (s->worker, G_LOG_LEVEL_WARNING, "view %u: broken input record", v->number);
  sk_screen_release_view (s, v);
  sk_clear_fd (&v->input);
}

void
sk_screen_release_view (SkScreen *s, SkScreenView *v)
{
  SkInputRecord r;
  while (sk_input_held_release (&v->held, &r))
    send_to_guest (s, &r);
}

int
sk_screen_resize_tick (SkScreen *s)
{
  if (s->resize.type == 0 || !s->disp_ready)
    return -1;
  gint64 wait = s->resize_sent + RESIZE_EVERY_US - g_get_monotonic_time ();
  if (s->resize_sent && wait > 0)
    return (int) (wait / 1000) + 1;
  const SkInputRecord r = s->resize;
  s->resize.type = 0;
  if ((guint) r.a == s->width && (guint) r.b == s->height)
    return -1;
  s->resize_sent = g_get_monotonic_time ();
  DISPLAY_CONTROL_MONITOR_LAYOUT layout = {
    .Flags = DISPLAY_CONTROL_MONITOR_PRIMARY,
    .Width = (UINT32) r.a,
    .Height = (UINT32) r.b,
    .Orientation = ORIENTATION_LANDSCAPE,
    .DesktopScaleFactor = (UINT32) r.c,
    .DeviceScaleFactor = 100,
  };
  if (s->disp->SendMonitorLayout (s->disp, 1, &layout) != CHANNEL_RC_OK)
    sk_worker_log (s->worker, G_LOG_LEVEL_MESSAGE, "the guest does not take a size");
  return -1;
}
