/* Keys of the PC in front of the user → keys of the isolated PC's Japanese keyboard. Pure tables; any thread.
 *
 * Keys travel as positions (scan codes), because the guest's own input method needs real keys. The guest
 * always has a Japanese 106/109 board, which is right for most desks. On another board (US, remote desktops,
 * tests under Xvfb) some characters sit elsewhere: then the key that carries the wanted character on the
 * Japanese board is pressed instead, with or without Shift as it needs. */
#pragma once
#include <glib.h>

/* Scan code set 1; 0x100 = with prefix E0. */
#define SK_SCANCODE_EXTENDED 0x100
#define SK_SCANCODE_LSHIFT 0x2a
#define SK_SCANCODE_RSHIFT 0x36
#define SK_SCANCODE_PAUSE 0x200 /* not one code but a sequence with prefix E1 */

#define SK_KEY_LSHIFT 42 /* Linux key codes (linux/input-event-codes.h) */
#define SK_KEY_RSHIFT 54

/* The scan code of a Linux key code; 0 for keys that do not cross (power, sleep, unknown). X11 and Wayland
 * key codes are this + 8. */
guint sk_keymap_scancode (guint evdev);

/* What the key with this Linux code types on a Japanese board; 0 for keys that type nothing. */
gunichar sk_keymap_jp_char (guint evdev, gboolean shift);
/* The reverse: TRUE when the Japanese board can type c. */
gboolean sk_keymap_jp_find (gunichar c, guint *ret_evdev, gboolean *ret_shift);

typedef enum
{
  SK_KEY_IGNORE,  /* does not cross */
  SK_KEY_RAW,     /* press `scancode` */
  SK_KEY_SHIFTED, /* press `scancode` with Shift being as `shift` says, then give Shift its old state back */
  SK_KEY_UNICODE, /* no such key over there: send the character */
} SkKeyAction;

typedef struct
{
  SkKeyAction action;
  guint scancode;
  gboolean shift;
  gunichar character;
} SkKeyPlan;

/* evdev: the pressed key. character: what the local keyboard layout makes of it (0: nothing). shift: whether
 * Shift is held. */
SkKeyPlan sk_keymap_plan (guint evdev, gunichar character, gboolean shift);

/* Key names for tests and command lines: "enter", "f5", "zenkaku", "henkan" …; 0 if unknown. */
guint sk_keymap_evdev_from_name (const char *name);
