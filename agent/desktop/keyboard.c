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

/* Translated keys can meet on one code: it goes up with the last of them. */
static gboolean
is_held (const SkKeyboard *k, guint scancode)
{
  for (guint evdev = 0; evdev < SK_KEYBOARD_KEYS; evdev++)
    if (k->down[evdev] == scancode)
      return TRUE;
  return FALSE;
}

static void
forget (SkKeyboard *k, guint scancode)
{
  for (guint evdev = 0; evdev < SK_KEYBOARD_KEYS; evdev++)
    if (k->down[evdev] == scancode)
      k->down[evdev] = 0;
}

/* Only a tap: Shift goes back at once, and a key held across that would repeat as another one. */
static void
tap (SkKeyboard *k, guint scancode, gboolean shift)
{
  gboolean repeat = is_held (k, scancode);
  turn_shift (k, shift, FALSE);
  k->key (scancode, TRUE, repeat, k->data);
  k->key (scancode, FALSE, FALSE, k->data);
  forget (k, scancode);
  turn_shift (k, shift, TRUE);
}

void
sk_keyboard_press (SkKeyboard *k, guint evdev, gunichar character, gboolean shift)
{
  if (evdev >= SK_KEYBOARD_KEYS)
    return;
  SkKeyPlan plan = sk_keymap_plan (evdev, character, shift);
  if (k->down[evdev] != plan.scancode)
    sk_keyboard_release (k, evdev);
  if (plan.action == SK_KEY_IGNORE)
    return;
  if (plan.action == SK_KEY_UNICODE)
    {
      send_character (k, plan.character);
      return;
    }
  if (plan.scancode == SK_SCANCODE_PAUSE || (!is_shift (evdev) && plan.shift != shift_is_down (k)))
    {
      tap (k, plan.scancode, is_shift (evdev) ? shift_is_down (k) : plan.shift);
      return;
    }
  k->key (plan.scancode, TRUE, is_held (k, plan.scancode), k->data);
  k->down[evdev] = plan.scancode;
}

void
sk_keyboard_release (SkKeyboard *k, guint evdev)
{
  if (evdev >= SK_KEYBOARD_KEYS || !k->down[evdev])
    return;
  guint scancode = k->down[evdev];
  k->down[evdev] = 0;
  if (!is_held (k, scancode))
    k->key (scancode, FALSE, FALSE, k->data);
}

void
sk_keyboard_release_all (SkKeyboard *k)
{
  for (guint evdev = 0; evdev < SK_KEYBOARD_KEYS; evdev++)
    sk_keyboard_release (k, evdev);
}
