/* The RDP thread's loop: what FreeRDP has to read, what the queue has to send. */
#include "desktop/rdp-private.h"
#include "desktop/keymap.h"
#include <freerdp/freerdp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <winpr/synch.h>

/* winpr's own limit of objects to wait for. */
#define HANDLES_MAX 64
/* [MS-RDPEDISP] 2.2.2.2.1 */
#define SIDE_MIN 200
#define SIDE_MAX 8192
/* [MS-RDPBCGR] 2.2.8.1.1.3.1.1.3: nine bits, signed. */
#define WHEEL_STEP_MAX 255

static void
send_key (rdpInput *input, const SkRdpCommand *c)
{
  if (c->a == SK_SCANCODE_PAUSE)
    {
      if (c->b)
        freerdp_input_send_keyboard_pause_event (input);
      return;
    }
  UINT16 flags = (c->b ? 0 : KBD_FLAGS_RELEASE) | (c->c ? KBD_FLAGS_DOWN : 0)
                 | (c->a & SK_SCANCODE_EXTENDED ? KBD_FLAGS_EXTENDED : 0);
  freerdp_input_send_keyboard_event (input, flags, c->a & 0xff);
}

static void
send_button (rdpInput *input, const SkRdpCommand *c)
{
  UINT16 down = c->d ? PTR_FLAGS_DOWN : 0;
  switch (c->c)
    {
    case 1:
      freerdp_input_send_mouse_event (input, down | PTR_FLAGS_BUTTON1, c->a, c->b);
      break;
    case 2:
      freerdp_input_send_mouse_event (input, down | PTR_FLAGS_BUTTON3, c->a, c->b);
      break;
    case 3:
      freerdp_input_send_mouse_event (input, down | PTR_FLAGS_BUTTON2, c->a, c->b);
      break;
    case 8:
      freerdp_input_send_extended_mouse_event (input, (c->d ? PTR_XFLAGS_DOWN : 0) | PTR_XFLAGS_BUTTON1, c->a,
                                               c->b);
      break;
    case 9:
      freerdp_input_send_extended_mouse_event (input, (c->d ? PTR_XFLAGS_DOWN : 0) | PTR_XFLAGS_BUTTON2, c->a,
                                               c->b);
      break;
    }
}

/* RDP: up is positive, a negative amount is its two's complement in nine bits. Right is positive. */
static void
send_wheel (rdpInput *input, const SkRdpCommand *c)
{
  int left = c->d ? c->c : -c->c;
  while (left != 0)
    {
      int step = CLAMP (left, -WHEEL_STEP_MAX, WHEEL_STEP_MAX);
      UINT16 flags = (c->d ? PTR_FLAGS_HWHEEL : PTR_FLAGS_WHEEL) | (step < 0 ? PTR_FLAGS_WHEEL_NEGATIVE : 0)
                     | (step & 0xff);
      freerdp_input_send_mouse_event (input, flags, c->a, c->b);
      left -= step;
    }
}

static void
send_locks (rdpInput *input, const SkRdpCommand *c)
{
  UINT32 flags = (c->a ? KBD_SYNC_CAPS_LOCK : 0) | (c->b ? KBD_SYNC_NUM_LOCK : 0)
                 | (c->c ? KBD_SYNC_SCROLL_LOCK : 0) | (c->d ? KBD_SYNC_KANA_LOCK : 0);
  freerdp_input_send_synchronize_event (input, flags);
}

static void
send_size (SkRdpContext *self, const SkRdpCommand *c)
{
  DISPLAY_CONTROL_MONITOR_LAYOUT monitor = {
    .Flags = DISPLAY_CONTROL_MONITOR_PRIMARY,
    .Width = CLAMP (c->a, SIDE_MIN, SIDE_MAX) & ~1, /* has to be even */
    .Height = CLAMP (c->b, SIDE_MIN, SIDE_MAX),
    .Orientation = ORIENTATION_LANDSCAPE,
    .DesktopScaleFactor = CLAMP (c->c, 100, 500),
    .DeviceScaleFactor = 100,
  };
  if (self->disp && g_atomic_int_get (&self->client->can_resize))
    self->disp->SendMonitorLayout (self->disp, 1, &monitor);
  else
    self->wanted_size = *c;
}

static void
send_command (SkRdpContext *self, const SkRdpCommand *c)
{
  rdpInput *input = self->common.context.input;
  switch (c->type)
    {
    case SK_RDP_COMMAND_NONE:
      break;
    case SK_RDP_COMMAND_KEY:
      send_key (input, c);
      break;
    case SK_RDP_COMMAND_UNICODE:
      freerdp_input_send_unicode_keyboard_event (input, 0, c->a);
      freerdp_input_send_unicode_keyboard_event (input, KBD_FLAGS_RELEASE, c->a);
      break;
    case SK_RDP_COMMAND_LOCKS:
      send_locks (input, c);
      break;
    case SK_RDP_COMMAND_MOTION:
      freerdp_input_send_mouse_event (input, PTR_FLAGS_MOVE, c->a, c->b);
      break;
    case SK_RDP_COMMAND_BUTTON:
      send_button (input, c);
      break;
    case SK_RDP_COMMAND_WHEEL:
      send_wheel (input, c);
      break;
    case SK_RDP_COMMAND_RESIZE:
      send_size (self, c);
      break;
    }
}

/* Everything that was queued is in the socket now, and the peer finds its end behind it. Our reading goes on:
 * a peer that could not write any more would leave before it has read. */
static void
end_input (SkRdpClient *client)
{
  g_mutex_lock (&client->mutex);
  if (client->own_fd >= 0)
    shutdown (client->own_fd, SHUT_WR);
  g_mutex_unlock (&client->mutex);
}

static void
send_queue (SkRdpContext *self)
{
  SkRdpClient *client = self->client;
  eventfd_t count;
  eventfd_read (client->wake_fd, &count);
  g_mutex_lock (&client->mutex);
  g_autoptr (GArray) commands = client->queue;
  client->queue = g_array_new (FALSE, FALSE, sizeof (SkRdpCommand));
  const gboolean last = client->stop;
  g_mutex_unlock (&client->mutex);
  if (self->input_ended)
    return;
  for (guint i = 0; i < commands->len; i++)
    send_command (self, &g_array_index (commands, SkRdpCommand, i));
  if (last)
    end_input (client);
  self->input_ended = last;
}

/* -- display control: its callbacks come on the RDP thread, or on the channel's own ---------------------- */

static UINT
on_display_caps (DispClientContext *disp, UINT32 monitors, UINT32 factor_a, UINT32 factor_b)
{
  SkRdpClient *client = disp->custom;
  g_atomic_int_set (&client->can_resize, TRUE);
  eventfd_write (client->wake_fd, 1);
  sk_rdp_notify (client);
  return CHANNEL_RC_OK;
}

void
sk_rdp_set_disp (rdpContext *context, DispClientContext *disp)
{
  SkRdpContext *self = sk_rdp_context_of (context);
  g_atomic_int_set (&self->client->can_resize, FALSE);
  self->disp = disp;
  if (!disp)
    return;
  disp->custom = self->client;
  disp->DisplayControlCaps = on_display_caps;
}

static void
send_wanted_size (SkRdpContext *self)
{
  if (self->wanted_size.type == SK_RDP_COMMAND_NONE || !g_atomic_int_get (&self->client->can_resize))
    return;
  SkRdpCommand wanted = self->wanted_size;
  self->wanted_size.type = SK_RDP_COMMAND_NONE;
  send_size (self, &wanted);
}

static gboolean
is_stopped (SkRdpClient *client)
{
  g_mutex_lock (&client->mutex);
  gboolean stop = client->stop;
  g_mutex_unlock (&client->mutex);
  return stop;
}

gboolean
sk_rdp_pump (freerdp *instance)
{
  rdpContext *context = instance->context;
  SkRdpContext *self = sk_rdp_context_of (context);
  HANDLE wake = CreateFileDescriptorEvent (NULL, FALSE, FALSE, self->client->wake_fd, WINPR_FD_READ);
  gboolean in_order = TRUE;
  while (!freerdp_shall_disconnect_context (context))
    {
      HANDLE handles[HANDLES_MAX] = { wake };
      DWORD n = freerdp_get_event_handles (context, handles + 1, HANDLES_MAX - 1);
      const DWORD wait = self->clip ? sk_rdp_clip_turn (self->clip) : INFINITE;
      if (n == 0 || WaitForMultipleObjects (n + 1, handles, FALSE, wait) == WAIT_FAILED)
        {
          in_order = FALSE;
          break;
        }
      send_queue (self);
      send_wanted_size (self);
      if (!freerdp_check_event_handles (context))
        {
          in_order = is_stopped (self->client) || freerdp_get_last_error (context) == FREERDP_ERROR_SUCCESS;
          break;
        }
    }
  CloseHandle (wake);
  return in_order;
}
