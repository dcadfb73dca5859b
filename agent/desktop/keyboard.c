#include "desktop/keyboard.h"
#include "desktop/keymap.h"

static gboolean
is_shift (guint evdev)
{
  return evdev == SK_KEY_LSHIFT || evdev == SK_KEY_RSHIFT;
}

static gboolean
shift_is_down (const SkKeyboard *k)
{
  return k->down[SK_KEY_LSHIFT] || k->down[SK_KEY_RSHIFT];
}

/* Makes Shift over there what the next key needs, and back. */
static void
turn_shift (SkKeyboard *k, gboolean wanted, gboolean restore)
{
  if (shift_is_down (k) == wanted)
    return;
  if (!shift_is_down (k))
    {
      k->key (SK_SCANCODE_LSHIFT, !restore, FALSE, k->data);
      return;
    }
  if (k->down[SK_KEY_LSHIFT])
    k->key (SK_SCANCODE_LSHIFT, restore, FALSE, k->data);
  if (k->down[SK_KEY_RSHIFT])
    k->key (SK_SCANCODE_RSHIFT, restore, FALSE, k->data);
}

static void
send_character (SkKeyboard *k, gunichar character)
{
  char utf8[8] = "";
  g_unichar_to_utf8 (character, utf8);
  k->text (utf8, k->data);
}

void
sk_keyboard_press (SkKeyboard *k, guint evdev, gunichar character, gboolean shift)
{
  if (evdev >= SK_KEYBOARD_KEYS)
    return;
  SkKeyPlan plan = sk_keymap_plan (evdev, character, shift);
  gboolean repeat = k->down[evdev] != 0;
  if (plan.action == SK_KEY_IGNORE)
    return;
  if (plan.action == SK_KEY_UNICODE)
    {
      send_character (k, plan.character);
      return;
    }
  gboolean needs_shift = is_shift (evdev) ? shift_is_down (k) : plan.shift;
  gboolean turned = shift_is_down (k) != needs_shift;
  turn_shift (k, needs_shift, FALSE);
  k->key (plan.scancode, TRUE, repeat && !turned, k->data);
  if (turned || plan.scancode == SK_SCANCODE_PAUSE)
    {
      /* Only a tap: Shift goes back at once, and a key held across that would repeat as another one. */
      k->key (plan.scancode, FALSE, FALSE, k->data);
      turn_shift (k, needs_shift, TRUE);
      k->down[evdev] = 0;
    }
  else
    k->down[evdev] = plan.scancode;
}

void
sk_keyboard_release (SkKeyboard *k, guint evdev)
{
  if (evdev >= SK_KEYBOARD_KEYS || !k->down[evdev])
    return;
  k->key (k->down[evdev], FALSE, FALSE, k->data);
  k->down[evdev] = 0;
}

void
sk_keyboard_release_all (SkKeyboard *k)
{
  for (guint evdev = 0; evdev < SK_KEYBOARD_KEYS; evdev++)
    sk_keyboard_release (k, evdev);
}
