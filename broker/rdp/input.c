#include "rdp/input.h"
#include "rdp/ring.h"
#include <freerdp/input.h>

#define KEY_FLAGS (KBD_FLAGS_EXTENDED | KBD_FLAGS_EXTENDED1 | KBD_FLAGS_DOWN | KBD_FLAGS_RELEASE)
#define SYNC_FLAGS (KBD_SYNC_SCROLL_LOCK | KBD_SYNC_NUM_LOCK | KBD_SYNC_CAPS_LOCK | KBD_SYNC_KANA_LOCK)
#define BUTTONS (PTR_FLAGS_BUTTON1 | PTR_FLAGS_BUTTON2 | PTR_FLAGS_BUTTON3)
#define WHEELS (PTR_FLAGS_WHEEL | PTR_FLAGS_HWHEEL)
#define X_BUTTONS (PTR_XFLAGS_BUTTON1 | PTR_XFLAGS_BUTTON2)

static void
clamp_position (SkInputRecord *r, guint width, guint height)
{
  r->a = CLAMP (r->a, 0, (gint32) width - 1);
  r->b = CLAMP (r->b, 0, (gint32) height - 1);
  r->c = 0;
}

static gboolean
clamp_size (SkInputRecord *r)
{
  guint width = (guint) MAX (r->a, 0), height = (guint) MAX (r->b, 0);
  sk_ring_clamp_size (&width, &height);
  r->flags = 0;
  r->a = (gint32) width;
  r->b = (gint32) height;
  r->c = CLAMP (r->c, SK_SCALE_MIN, SK_SCALE_MAX);
  return TRUE;
}

/* flags of SK_INPUT_MONITOR */
#define MONITOR_INDEX(flags) ((flags) &0xf)
#define MONITOR_COUNT(flags) ((flags) >> 4 & 0xf)
#define MONITOR_PRIMARY 0x100
G_STATIC_ASSERT (SK_MONITORS_MAX <= 0xf);

static gboolean
clamp_monitor (SkInputRecord *r)
{
  r->flags &= 0x1ff;
  r->c = CLAMP (r->c, SK_SCALE_MIN, SK_SCALE_MAX);
  return MONITOR_COUNT (r->flags) <= SK_MONITORS_MAX && MONITOR_INDEX (r->flags) < MONITOR_COUNT (r->flags);
}

void
sk_input_put_monitors (const SkMonitors *monitors, SkInputRecord ret[SK_MONITORS_MAX])
{
  for (guint i = 0; i < monitors->n; i++)
    {
      const SkMonitor *m = &monitors->monitors[i];
      ret[i]
          = (SkInputRecord){ .type = SK_INPUT_MONITOR,
                             .flags = (guint16) (i | monitors->n << 4 | (m->primary ? MONITOR_PRIMARY : 0)),
                             .a = (gint32) (m->x | m->y << 16),
                             .b = (gint32) (m->width | m->height << 16),
                             .c = (gint32) monitors->scale };
    }
}

gboolean
sk_input_take_monitor (SkInputLayout *layout, const SkInputRecord *r, SkMonitors *ret)
{
  const guint index = MONITOR_INDEX (r->flags);
  const guint32 position = (guint32) r->a, size = (guint32) r->b;
  if (index == 0)
    layout->n = 0;
  if (index != layout->n || index >= SK_MONITORS_MAX)
    return FALSE;
  layout->wishes[layout->n++]
      = (SkMonitorWish){ (gint32) (position & 0xffff), (gint32) (position >> 16), size & 0xffff, size >> 16,
                         (r->flags & MONITOR_PRIMARY) != 0 };
  return layout->n == MONITOR_COUNT (r->flags)
         && sk_monitors_make (layout->wishes, layout->n, (guint) r->c, ret);
}

gboolean
sk_input_clamp (SkInputRecord *r, guint width, guint height)
{
  switch ((SkInputType) r->type)
    {
    case SK_INPUT_SCANCODE:
      r->flags &= KEY_FLAGS;
      r->b = r->c = 0;
      return r->a > 0 && r->a <= 0xff;
    case SK_INPUT_UNICODE:
      r->flags &= KBD_FLAGS_RELEASE;
      r->b = r->c = 0;
      return r->a > 0 && r->a <= 0xffff;
    case SK_INPUT_SYNC:
      r->flags = 0;
      r->a &= SYNC_FLAGS;
      r->b = r->c = 0;
      return TRUE;
    case SK_INPUT_MOUSE:
      if (!(r->flags & WHEELS))
        r->flags &= BUTTONS | PTR_FLAGS_DOWN | PTR_FLAGS_MOVE;
      clamp_position (r, width, height);
      return r->flags != 0;
    case SK_INPUT_MOUSE_EX:
      r->flags &= X_BUTTONS | PTR_XFLAGS_DOWN;
      clamp_position (r, width, height);
      return (r->flags & X_BUTTONS) != 0;
    case SK_INPUT_RESIZE:
      return clamp_size (r);
    case SK_INPUT_MONITOR:
      return clamp_monitor (r);
    case SK_INPUT_REFRESH:
      r->flags = 0;
      r->a = r->b = r->c = 0;
      return TRUE;
    }
  return FALSE;
}

/* [MS-RDPBCGR] 2.2.8.1.1.3.1.1.1 names scan codes of set 1. Pause is 0x45 with the prefix E1. */
static gboolean
presses_lock_key (const SkInputRecord *r)
{
  const gint32 codes[] = { 0x3a /* Caps */, 0x45 /* Num */, 0x46 /* Scroll */, 0x70 /* kana */ };
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (r->type == SK_INPUT_SCANCODE && !(r->flags & KBD_FLAGS_RELEASE) && r->a == codes[i])
      return TRUE;
  return FALSE;
}

gboolean
sk_input_sync_pass (SkInputSync *sync, const SkInputRecord *r, gint64 now)
{
  if (r->type == SK_INPUT_SYNC)
    {
      sync->waits = sync->last && now - sync->last < SK_INPUT_SYNC_QUIET_US;
      sync->record = *r;
      if (!sync->waits)
        sync->last = now;
      return !sync->waits;
    }
  if (presses_lock_key (r))
    sync->waits = FALSE;
  if (r->type == SK_INPUT_SCANCODE || r->type == SK_INPUT_UNICODE)
    sync->last = now;
  return TRUE;
}

int
sk_input_sync_timeout (const SkInputSync *sync, gint64 now)
{
  const gint64 left = sync->last + SK_INPUT_SYNC_QUIET_US - now;
  return !sync->waits ? -1 : left > 0 ? (int) (left / 1000) + 1 : 0;
}

gboolean
sk_input_sync_take (SkInputSync *sync, gint64 now, SkInputRecord *ret)
{
  if (sk_input_sync_timeout (sync, now) != 0)
    return FALSE;
  sync->waits = FALSE;
  sync->last = now;
  *ret = sync->record;
  return TRUE;
}

gboolean
sk_input_is_move (const SkInputRecord *r)
{
  return r->type == SK_INPUT_MOUSE && r->flags == PTR_FLAGS_MOVE;
}

void
sk_input_held_note (SkInputHeld *held, const SkInputRecord *r)
{
  if (r->type == SK_INPUT_SCANCODE)
    {
      guint bit = ((guint) r->a & 0xff) | (r->flags & KBD_FLAGS_EXTENDED ? 256 : 0)
                  | (r->flags & KBD_FLAGS_EXTENDED1 ? 512 : 0);
      if (r->flags & KBD_FLAGS_RELEASE)
        held->keys[bit / 64] &= ~(G_GUINT64_CONSTANT (1) << (bit % 64));
      else
        held->keys[bit / 64] |= G_GUINT64_CONSTANT (1) << (bit % 64);
    }
  else if (r->type == SK_INPUT_MOUSE && !(r->flags & WHEELS) && (r->flags & BUTTONS))
    {
      if (r->flags & PTR_FLAGS_DOWN)
        held->buttons |= r->flags & BUTTONS;
      else
        held->buttons &= (guint16) ~(r->flags & BUTTONS);
    }
  else if (r->type == SK_INPUT_MOUSE_EX)
    {
      if (r->flags & PTR_XFLAGS_DOWN)
        held->x_buttons |= r->flags & X_BUTTONS;
      else
        held->x_buttons &= (guint16) ~(r->flags & X_BUTTONS);
    }
}

static guint16
lowest_bit (guint16 bits)
{
  return (guint16) (bits & -bits);
}

gboolean
sk_input_held_release (SkInputHeld *held, SkInputRecord *ret)
{
  *ret = (SkInputRecord){ 0 };
  for (guint i = 0; i < G_N_ELEMENTS (held->keys); i++)
    if (held->keys[i])
      {
        guint bit = i * 64 + (guint) __builtin_ctzll (held->keys[i]);
        ret->type = SK_INPUT_SCANCODE;
        ret->flags = (guint16) (KBD_FLAGS_RELEASE | (bit & 256 ? KBD_FLAGS_EXTENDED : 0)
                                | (bit & 512 ? KBD_FLAGS_EXTENDED1 : 0));
        ret->a = bit & 0xff;
        sk_input_held_note (held, ret);
        return TRUE;
      }
  if (held->buttons)
    *ret = (SkInputRecord){ .type = SK_INPUT_MOUSE, .flags = lowest_bit (held->buttons) };
  else if (held->x_buttons)
    *ret = (SkInputRecord){ .type = SK_INPUT_MOUSE_EX, .flags = lowest_bit (held->x_buttons) };
  else
    return FALSE;
  sk_input_held_note (held, ret);
  return TRUE;
}

/* IBM PC scan codes, set 1 */
#define SCANCODE_F12 0x58
#define SCANCODE_SHIFT_RIGHT 0x36
#define SCANCODE_SUPER_RIGHT 0x5c /* extended */
#define TEXT_DIGITS 5
#define TEXT_BASE 11

static SkInputRecord *
put_key (SkInputRecord *at, guint flags, gint code)
{
  *at = (SkInputRecord){ .type = SK_INPUT_SCANCODE, .flags = (guint16) flags, .a = code };
  return at + 1;
}

static SkInputRecord *
put_stroke (SkInputRecord *at, gint code)
{
  at = put_key (at, 0, code);
  return put_key (at, KBD_FLAGS_RELEASE, code);
}

void
sk_input_text_keys (guint16 unit, SkInputRecord ret[SK_INPUT_TEXT_RECORDS])
{
  static const guint8 digits[TEXT_BASE]
      = { 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57 };
  guint divisor = 1;
  SkInputRecord *at = put_key (ret, 0, SCANCODE_SHIFT_RIGHT);
  at = put_key (at, KBD_FLAGS_EXTENDED, SCANCODE_SUPER_RIGHT);
  at = put_stroke (at, SCANCODE_F12);
  for (guint i = 1; i < TEXT_DIGITS; i++)
    divisor *= TEXT_BASE;
  for (; divisor > 0; divisor /= TEXT_BASE)
    at = put_stroke (at, digits[unit / divisor % TEXT_BASE]);
  at = put_key (at, KBD_FLAGS_RELEASE | KBD_FLAGS_EXTENDED, SCANCODE_SUPER_RIGHT);
  at = put_key (at, KBD_FLAGS_RELEASE, SCANCODE_SHIFT_RIGHT);
  g_assert (at == ret + SK_INPUT_TEXT_RECORDS);
}

/* Left and right of Ctrl (0x1d), Alt (0x38) and Super (0x5b, 0x5c, extended): a bit each. */
static guint
command_bit (const SkInputRecord *r)
{
  const gboolean extended = (r->flags & KBD_FLAGS_EXTENDED) != 0;
  if (r->a == 0x1d && !(r->flags & KBD_FLAGS_EXTENDED1))
    return extended ? 2 : 1;
  if (r->a == 0x38)
    return extended ? 8 : 4;
  if (extended && (r->a == 0x5b || r->a == 0x5c))
    return r->a == 0x5b ? 16 : 32;
  return 0;
}

/* Set 1: the keys of a 109-key board that write something or change what is written. */
static gboolean
writes (const SkInputRecord *r)
{
  static const struct
  {
    guint8 first, last;
    gboolean extended;
  } ranges[] = {
    { 0x02, 0x0d, FALSE }, /* 1 … ^ */
    { 0x10, 0x1b, FALSE }, /* Q … [ */
    { 0x1e, 0x2b, FALSE }, /* A … 半角/全角, Shift, ] */
    { 0x2c, 0x37, FALSE }, /* Z … /, Shift, keypad * */
    { 0x39, 0x3a, FALSE }, /* space, Caps Lock */
    { 0x45, 0x53, FALSE }, /* Num Lock, keypad */
    { 0x56, 0x56, FALSE }, { 0x70, 0x70, FALSE }, { 0x73, 0x73, FALSE }, { 0x79, 0x7d, FALSE }, /* 変換 … ¥ */
    { 0x35, 0x35, TRUE },                                                                       /* keypad / */
  };
  const gboolean extended = (r->flags & KBD_FLAGS_EXTENDED) != 0;
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    if (extended == ranges[i].extended && r->a >= ranges[i].first && r->a <= ranges[i].last)
      return TRUE;
  return FALSE;
}

gboolean
sk_input_redact (SkInputRedactor *redactor, const SkInputRecord *r, SkInputRecord *ret)
{
  *ret = *r;
  switch ((SkInputType) r->type)
    {
    case SK_INPUT_SCANCODE:
      {
        const guint bit = command_bit (r);
        redactor->held = r->flags & KBD_FLAGS_RELEASE ? redactor->held & ~bit : redactor->held | bit;
        if (bit || redactor->held || !writes (r))
          return TRUE;
        *ret = (SkInputRecord){ .type = SK_INPUT_SCANCODE };
        return !(r->flags & KBD_FLAGS_RELEASE);
      }
    case SK_INPUT_UNICODE:
      *ret = (SkInputRecord){ .type = SK_INPUT_SCANCODE };
      return !(r->flags & KBD_FLAGS_RELEASE);
    case SK_INPUT_MOUSE:
    case SK_INPUT_MOUSE_EX:
      return TRUE;
    case SK_INPUT_SYNC:
    case SK_INPUT_RESIZE:
    case SK_INPUT_REFRESH:
    case SK_INPUT_MONITOR:
      return FALSE;
    }
  return FALSE;
}
