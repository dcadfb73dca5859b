#include "desktop/keymap.h"
#include <linux/input-event-codes.h>

#define E0 SK_SCANCODE_EXTENDED

/* Up to KEY_KPDOT (83) Linux numbers keys as set 1 does; the rest grew elsewhere. */
static const guint16 scancodes[] = {
  [KEY_ZENKAKUHANKAKU] = 0x29,
  [KEY_102ND] = 0x56,
  [KEY_F11] = 0x57,
  [KEY_F12] = 0x58,
  [KEY_RO] = 0x73,
  [KEY_KATAKANA] = 0x78,
  [KEY_HIRAGANA] = 0x77,
  [KEY_HENKAN] = 0x79,
  [KEY_KATAKANAHIRAGANA] = 0x70,
  [KEY_MUHENKAN] = 0x7b,
  [KEY_KPJPCOMMA] = 0x7e,
  [KEY_KPENTER] = E0 | 0x1c,
  [KEY_RIGHTCTRL] = E0 | 0x1d,
  [KEY_KPSLASH] = E0 | 0x35,
  [KEY_SYSRQ] = E0 | 0x37,
  [KEY_RIGHTALT] = E0 | 0x38,
  [KEY_HOME] = E0 | 0x47,
  [KEY_UP] = E0 | 0x48,
  [KEY_PAGEUP] = E0 | 0x49,
  [KEY_LEFT] = E0 | 0x4b,
  [KEY_RIGHT] = E0 | 0x4d,
  [KEY_END] = E0 | 0x4f,
  [KEY_DOWN] = E0 | 0x50,
  [KEY_PAGEDOWN] = E0 | 0x51,
  [KEY_INSERT] = E0 | 0x52,
  [KEY_DELETE] = E0 | 0x53,
  [KEY_MUTE] = E0 | 0x20,
  [KEY_VOLUMEDOWN] = E0 | 0x2e,
  [KEY_VOLUMEUP] = E0 | 0x30,
  [KEY_KPEQUAL] = 0x59,
  [KEY_PAUSE] = SK_SCANCODE_PAUSE,
  [KEY_KPCOMMA] = 0x7e,
  [KEY_HANGEUL] = 0x72,
  [KEY_HANJA] = 0x71,
  [KEY_YEN] = 0x7d,
  [KEY_LEFTMETA] = E0 | 0x5b,
  [KEY_RIGHTMETA] = E0 | 0x5c,
  [KEY_COMPOSE] = E0 | 0x5d,
  [KEY_STOP] = E0 | 0x68,
  [KEY_BOOKMARKS] = E0 | 0x66,
  [KEY_BACK] = E0 | 0x6a,
  [KEY_FORWARD] = E0 | 0x69,
  [KEY_NEXTSONG] = E0 | 0x19,
  [KEY_PLAYPAUSE] = E0 | 0x22,
  [KEY_PREVIOUSSONG] = E0 | 0x10,
  [KEY_STOPCD] = E0 | 0x24,
  [KEY_HOMEPAGE] = E0 | 0x32,
  [KEY_REFRESH] = E0 | 0x67,
  [KEY_F13] = 0x64,
  [KEY_F14] = 0x65,
  [KEY_F15] = 0x66,
  [KEY_F16] = 0x67,
  [KEY_F17] = 0x68,
  [KEY_F18] = 0x69,
  [KEY_F19] = 0x6a,
  [KEY_F20] = 0x6b,
  [KEY_F21] = 0x6c,
  [KEY_F22] = 0x6d,
  [KEY_F23] = 0x6e,
  [KEY_F24] = 0x76,
  [KEY_SEARCH] = E0 | 0x65,
};

guint
sk_keymap_scancode (guint evdev)
{
  if (evdev == KEY_RESERVED)
    return 0;
  if (evdev <= KEY_KPDOT)
    return evdev;
  return evdev < G_N_ELEMENTS (scancodes) ? scancodes[evdev] : 0;
}

/* The typing block of a Japanese 106/109 board (JIS X 6002), without and with Shift. As the guest's layout
 * has it: both KEY_YEN and KEY_RO type the backslash that Japanese fonts draw as a yen sign; Shift+0 types
 * nothing. */
static const char jp_board[][2] = {
  [KEY_1] = { '1', '!' },          [KEY_2] = { '2', '"' },
  [KEY_3] = { '3', '#' },          [KEY_4] = { '4', '$' },
  [KEY_5] = { '5', '%' },          [KEY_6] = { '6', '&' },
  [KEY_7] = { '7', '\'' },         [KEY_8] = { '8', '(' },
  [KEY_9] = { '9', ')' },          [KEY_0] = { '0', 0 },
  [KEY_MINUS] = { '-', '=' },      [KEY_EQUAL] = { '^', '~' },
  [KEY_YEN] = { '\\', '|' },       [KEY_Q] = { 'q', 'Q' },
  [KEY_W] = { 'w', 'W' },          [KEY_E] = { 'e', 'E' },
  [KEY_R] = { 'r', 'R' },          [KEY_T] = { 't', 'T' },
  [KEY_Y] = { 'y', 'Y' },          [KEY_U] = { 'u', 'U' },
  [KEY_I] = { 'i', 'I' },          [KEY_O] = { 'o', 'O' },
  [KEY_P] = { 'p', 'P' },          [KEY_LEFTBRACE] = { '@', '`' },
  [KEY_RIGHTBRACE] = { '[', '{' }, [KEY_A] = { 'a', 'A' },
  [KEY_S] = { 's', 'S' },          [KEY_D] = { 'd', 'D' },
  [KEY_F] = { 'f', 'F' },          [KEY_G] = { 'g', 'G' },
  [KEY_H] = { 'h', 'H' },          [KEY_J] = { 'j', 'J' },
  [KEY_K] = { 'k', 'K' },          [KEY_L] = { 'l', 'L' },
  [KEY_SEMICOLON] = { ';', '+' },  [KEY_APOSTROPHE] = { ':', '*' },
  [KEY_BACKSLASH] = { ']', '}' },  [KEY_Z] = { 'z', 'Z' },
  [KEY_X] = { 'x', 'X' },          [KEY_C] = { 'c', 'C' },
  [KEY_V] = { 'v', 'V' },          [KEY_B] = { 'b', 'B' },
  [KEY_N] = { 'n', 'N' },          [KEY_M] = { 'm', 'M' },
  [KEY_COMMA] = { ',', '<' },      [KEY_DOT] = { '.', '>' },
  [KEY_SLASH] = { '/', '?' },      [KEY_RO] = { '\\', '_' },
  [KEY_SPACE] = { ' ', ' ' },
};

gunichar
sk_keymap_jp_char (guint evdev, gboolean shift)
{
  return evdev < G_N_ELEMENTS (jp_board) ? (guchar) jp_board[evdev][shift ? 1 : 0] : 0;
}

gboolean
sk_keymap_jp_find (gunichar c, guint *ret_evdev, gboolean *ret_shift)
{
  if (c == 0 || c >= 0x80)
    return FALSE;
  for (guint shift = 0; shift < 2; shift++)
    for (guint evdev = 0; evdev < G_N_ELEMENTS (jp_board); evdev++)
      if ((guchar) jp_board[evdev][shift] == c)
        {
          *ret_evdev = evdev;
          *ret_shift = shift;
          return TRUE;
        }
  return FALSE;
}

/* The keypad's characters follow Num Lock on both sides alike; modifiers are what they are. */
static gboolean
is_never_translated (guint evdev)
{
  return evdev == KEY_LEFTSHIFT || evdev == KEY_RIGHTSHIFT || evdev == KEY_LEFTCTRL || evdev == KEY_RIGHTCTRL
         || evdev == KEY_LEFTALT || evdev == KEY_RIGHTALT || evdev == KEY_CAPSLOCK || evdev == KEY_KPASTERISK
         || (evdev >= KEY_KP7 && evdev <= KEY_KPDOT) || evdev == KEY_KPENTER || evdev == KEY_KPSLASH
         || evdev == KEY_KPEQUAL || evdev == KEY_KPCOMMA || evdev == KEY_KPJPCOMMA;
}

/* Kana mode of a Japanese board. Kana from a key that no board has are somebody's text (a screen keyboard).
 */
static gboolean
is_kana_of_board (guint evdev, gunichar c)
{
  gboolean kana = (c >= 0x3000 && c <= 0x30ff) || (c >= 0xff61 && c <= 0xff9f);
  return kana && sk_keymap_jp_char (evdev, FALSE) != 0;
}

SkKeyPlan
sk_keymap_plan (guint evdev, gunichar character, gboolean shift)
{
  SkKeyPlan plan = { SK_KEY_RAW, sk_keymap_scancode (evdev), shift, character };
  guint other;
  gboolean other_shift;
  /* Kana are for the guest's own input method to make. */
  if (is_never_translated (evdev) || !g_unichar_isprint (character) || is_kana_of_board (evdev, character))
    {
      plan.action = plan.scancode ? SK_KEY_RAW : SK_KEY_IGNORE;
      return plan;
    }
  /* Caps Lock is in step on both sides, so letters are compared without their case. */
  if (g_unichar_toupper (sk_keymap_jp_char (evdev, shift)) == g_unichar_toupper (character))
    return plan;
  if (!sk_keymap_jp_find (character, &other, &other_shift))
    {
      plan.action = SK_KEY_UNICODE;
      return plan;
    }
  plan.action = SK_KEY_SHIFTED;
  plan.scancode = sk_keymap_scancode (other);
  plan.shift = g_unichar_isalpha (character) ? shift : other_shift;
  return plan;
}

static const struct
{
  const char *name;
  guint evdev;
} names[] = {
  { "esc", KEY_ESC },
  { "tab", KEY_TAB },
  { "enter", KEY_ENTER },
  { "return", KEY_ENTER },
  { "space", KEY_SPACE },
  { "backspace", KEY_BACKSPACE },
  { "delete", KEY_DELETE },
  { "insert", KEY_INSERT },
  { "home", KEY_HOME },
  { "end", KEY_END },
  { "pageup", KEY_PAGEUP },
  { "pagedown", KEY_PAGEDOWN },
  { "up", KEY_UP },
  { "down", KEY_DOWN },
  { "left", KEY_LEFT },
  { "right", KEY_RIGHT },
  { "ctrl", KEY_LEFTCTRL },
  { "shift", KEY_LEFTSHIFT },
  { "alt", KEY_LEFTALT },
  { "super", KEY_LEFTMETA },
  { "menu", KEY_COMPOSE },
  { "capslock", KEY_CAPSLOCK },
  { "zenkaku", KEY_GRAVE },
  { "henkan", KEY_HENKAN },
  { "muhenkan", KEY_MUHENKAN },
  { "kana", KEY_KATAKANAHIRAGANA },
  { "yen", KEY_YEN },
  { "ro", KEY_RO },
  { "f1", KEY_F1 },
  { "f2", KEY_F2 },
  { "f3", KEY_F3 },
  { "f4", KEY_F4 },
  { "f5", KEY_F5 },
  { "f6", KEY_F6 },
  { "f7", KEY_F7 },
  { "f8", KEY_F8 },
  { "f9", KEY_F9 },
  { "f10", KEY_F10 },
  { "f11", KEY_F11 },
  { "f12", KEY_F12 },
};

guint
sk_keymap_evdev_from_name (const char *name)
{
  guint evdev;
  gboolean shift;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (names[i].name, name) == 0)
      return names[i].evdev;
  if (name[0] && !name[1] && sk_keymap_jp_find ((guchar) g_ascii_tolower (name[0]), &evdev, &shift) && !shift)
    return evdev;
  return 0;
}
