/* The viewer's keys and mouse into the pipe to the screen, at once; peer thread. */
#include "rdp/input.h"
#include "rdp/view.h"
#include <errno.h>
#include <freerdp/input.h>
#include <unistd.h>

static SkView *
view_of (rdpInput *input)
{
  return ((SkViewContext *) input->context)->view;
}

/* Never waits: a screen that does not read its pipe (4096 records) is dead or suspended. */
static void
put_records (SkView *v, const SkInputRecord *r, guint records)
{
  gssize n;
  do
    n = write (v->input, r, records * sizeof *r);
  while (n < 0 && errno == EINTR);
  if (n < 0 && v->lost_input++ == 0)
    sk_worker_log (v->worker, G_LOG_LEVEL_WARNING, "input is lost: %s", g_strerror (errno));
}

static void
put (SkView *v, const SkInputRecord *r)
{
  sk_view_record_input (v, r);
  put_records (v, r, 1);
}

static BOOL
on_synchronize (rdpInput *input, UINT32 flags)
{
  const SkInputRecord r = { .type = SK_INPUT_SYNC, .a = (gint32) (flags & 0xf) };
  put (view_of (input), &r);
  return TRUE;
}

static BOOL
on_focus_in (rdpInput *input, UINT16 toggles)
{
  return on_synchronize (input, toggles);
}

static BOOL
on_key (rdpInput *input, UINT16 flags, UINT8 code)
{
  const SkInputRecord r = { .type = SK_INPUT_SCANCODE, .flags = flags, .a = code };
  put (view_of (input), &r);
  return TRUE;
}

static BOOL
on_unicode (rdpInput *input, UINT16 flags, UINT16 code)
{
  const SkInputRecord r = { .type = SK_INPUT_UNICODE, .flags = flags, .a = code };
  put (view_of (input), &r);
  return TRUE;
}

/* Moves and releases go on outside the guest's picture (a drag may end there); what begins on the border is
 * not for the guest. */
static void
put_mouse (SkView *v, guint16 type, guint16 flags, gboolean begins, UINT16 x, UINT16 y)
{
  guint width, height;
  g_mutex_lock (&v->lock);
  width = v->shared.guest_width;
  height = v->shared.guest_height;
  g_mutex_unlock (&v->lock);
  SkInputRecord r = { .type = type, .flags = flags, .a = x, .b = y };
  if (width == 0 || (!sk_border_to_guest (&v->border, width, height, &r.a, &r.b) && begins))
    return;
  put (v, &r);
}

static BOOL
on_mouse (rdpInput *input, UINT16 flags, UINT16 x, UINT16 y)
{
  const gboolean begins = (flags & (PTR_FLAGS_DOWN | PTR_FLAGS_WHEEL | PTR_FLAGS_HWHEEL)) != 0;
  put_mouse (view_of (input), SK_INPUT_MOUSE, flags, begins, x, y);
  return TRUE;
}

static BOOL
on_mouse_extended (rdpInput *input, UINT16 flags, UINT16 x, UINT16 y)
{
  put_mouse (view_of (input), SK_INPUT_MOUSE_EX, flags, (flags & PTR_XFLAGS_DOWN) != 0, x, y);
  return TRUE;
}

void
sk_view_ask_size (SkView *v, guint width, guint height, guint scale)
{
  if (v->flags & SK_VIEW_FIXED_SIZE)
    return;
  sk_border_inner (&v->border, &width, &height);
  const SkInputRecord r
      = { .type = SK_INPUT_RESIZE, .a = (gint32) width, .b = (gint32) height, .c = (gint32) scale };
  put (v, &r);
}

void
sk_view_ask_monitors (SkView *v, const SkMonitors *monitors)
{
  SkMonitors inner = *monitors;
  SkInputRecord records[SK_MONITORS_MAX];
  const SkMonitor *primary = sk_monitors_primary (monitors);
  if (monitors->n == 1 || !sk_border_inner_monitors (&v->border, &inner))
    sk_view_ask_size (v, primary->width, primary->height, monitors->scale);
  else if (!(v->flags & SK_VIEW_FIXED_SIZE))
    {
      sk_input_put_monitors (&inner, records);
      put_records (v, records, inner.n);
    }
}

void
sk_view_tell_scale (SkView *v, guint percent)
{
  if ((v->flags & SK_VIEW_FIXED_SIZE) || percent == v->told_scale)
    return;
  const SkMessage m = { .type = SK_VIEW_SCALE, .n = { percent } };
  v->told_scale = percent;
  sk_worker_answer (v->worker, &m, NULL);
}

void
sk_view_input_register (SkView *v)
{
  rdpInput *input = v->peer->context->input;
  input->SynchronizeEvent = on_synchronize;
  input->FocusInEvent = on_focus_in;
  input->KeyboardEvent = on_key;
  input->UnicodeKeyboardEvent = on_unicode;
  input->MouseEvent = on_mouse;
  input->ExtendedMouseEvent = on_mouse_extended;
}
