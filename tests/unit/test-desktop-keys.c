/* Key tables and the keyboard's state: every key of a Japanese 109 board, every character of an American one.
 */
#include "desktop/keyboard.h"
#include "desktop/keymap.h"
#include <linux/input-event-codes.h>
#include <string.h>

#define E0 SK_SCANCODE_EXTENDED

/* A 109 board row by row, with the set 1 codes its controller would send (Microsoft, "Keyboard Scan Code
 * Specification", and the DOS/V codes of the Japanese keys): written down independently of the table under
 * test. */
static const struct
{
  guint evdev, scancode;
} board_109[] = {
  { KEY_ESC, 0x01 },
  { KEY_F1, 0x3b },
  { KEY_F2, 0x3c },
  { KEY_F3, 0x3d },
  { KEY_F4, 0x3e },
  { KEY_F5, 0x3f },
  { KEY_F6, 0x40 },
  { KEY_F7, 0x41 },
  { KEY_F8, 0x42 },
  { KEY_F9, 0x43 },
  { KEY_F10, 0x44 },
  { KEY_F11, 0x57 },
  { KEY_F12, 0x58 },
  { KEY_SYSRQ, E0 | 0x37 },
  { KEY_SCROLLLOCK, 0x46 },
  { KEY_PAUSE, SK_SCANCODE_PAUSE },
  { KEY_GRAVE, 0x29 },
  { KEY_1, 0x02 },
  { KEY_2, 0x03 },
  { KEY_3, 0x04 },
  { KEY_4, 0x05 },
  { KEY_5, 0x06 },
  { KEY_6, 0x07 },
  { KEY_7, 0x08 },
  { KEY_8, 0x09 },
  { KEY_9, 0x0a },
  { KEY_0, 0x0b },
  { KEY_MINUS, 0x0c },
  { KEY_EQUAL, 0x0d },
  { KEY_YEN, 0x7d },
  { KEY_BACKSPACE, 0x0e },
  { KEY_TAB, 0x0f },
  { KEY_Q, 0x10 },
  { KEY_W, 0x11 },
  { KEY_E, 0x12 },
  { KEY_R, 0x13 },
  { KEY_T, 0x14 },
  { KEY_Y, 0x15 },
  { KEY_U, 0x16 },
  { KEY_I, 0x17 },
  { KEY_O, 0x18 },
  { KEY_P, 0x19 },
  { KEY_LEFTBRACE, 0x1a },
  { KEY_RIGHTBRACE, 0x1b },
  { KEY_ENTER, 0x1c },
  { KEY_CAPSLOCK, 0x3a },
  { KEY_A, 0x1e },
  { KEY_S, 0x1f },
  { KEY_D, 0x20 },
  { KEY_F, 0x21 },
  { KEY_G, 0x22 },
  { KEY_H, 0x23 },
  { KEY_J, 0x24 },
  { KEY_K, 0x25 },
  { KEY_L, 0x26 },
  { KEY_SEMICOLON, 0x27 },
  { KEY_APOSTROPHE, 0x28 },
  { KEY_BACKSLASH, 0x2b },
  { KEY_LEFTSHIFT, 0x2a },
  { KEY_Z, 0x2c },
  { KEY_X, 0x2d },
  { KEY_C, 0x2e },
  { KEY_V, 0x2f },
  { KEY_B, 0x30 },
  { KEY_N, 0x31 },
  { KEY_M, 0x32 },
  { KEY_COMMA, 0x33 },
  { KEY_DOT, 0x34 },
  { KEY_SLASH, 0x35 },
  { KEY_RO, 0x73 },
  { KEY_RIGHTSHIFT, 0x36 },
  { KEY_LEFTCTRL, 0x1d },
  { KEY_LEFTMETA, E0 | 0x5b },
  { KEY_LEFTALT, 0x38 },
  { KEY_MUHENKAN, 0x7b },
  { KEY_SPACE, 0x39 },
  { KEY_HENKAN, 0x79 },
  { KEY_KATAKANAHIRAGANA, 0x70 },
  { KEY_RIGHTALT, E0 | 0x38 },
  { KEY_RIGHTMETA, E0 | 0x5c },
  { KEY_COMPOSE, E0 | 0x5d },
  { KEY_RIGHTCTRL, E0 | 0x1d },
  { KEY_INSERT, E0 | 0x52 },
  { KEY_HOME, E0 | 0x47 },
  { KEY_PAGEUP, E0 | 0x49 },
  { KEY_DELETE, E0 | 0x53 },
  { KEY_END, E0 | 0x4f },
  { KEY_PAGEDOWN, E0 | 0x51 },
  { KEY_UP, E0 | 0x48 },
  { KEY_LEFT, E0 | 0x4b },
  { KEY_DOWN, E0 | 0x50 },
  { KEY_RIGHT, E0 | 0x4d },
  { KEY_NUMLOCK, 0x45 },
  { KEY_KPSLASH, E0 | 0x35 },
  { KEY_KPASTERISK, 0x37 },
  { KEY_KPMINUS, 0x4a },
  { KEY_KP7, 0x47 },
  { KEY_KP8, 0x48 },
  { KEY_KP9, 0x49 },
  { KEY_KPPLUS, 0x4e },
  { KEY_KP4, 0x4b },
  { KEY_KP5, 0x4c },
  { KEY_KP6, 0x4d },
  { KEY_KP1, 0x4f },
  { KEY_KP2, 0x50 },
  { KEY_KP3, 0x51 },
  { KEY_KPENTER, E0 | 0x1c },
  { KEY_KP0, 0x52 },
  { KEY_KPDOT, 0x53 },
};
G_STATIC_ASSERT (G_N_ELEMENTS (board_109) == 109);

static void
test_every_key_of_the_board (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (board_109); i++)
    {
      g_assert_cmphex (sk_keymap_scancode (board_109[i].evdev), ==, board_109[i].scancode);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (board_109[i].scancode)));
    }
}

static void
test_keys_that_do_not_cross (void)
{
  const guint keys[] = { KEY_RESERVED, KEY_POWER, KEY_SLEEP, KEY_WAKEUP, KEY_WLAN, 255, 300, G_MAXUINT };
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_assert_cmphex (sk_keymap_scancode (keys[i]), ==, 0);
      g_assert_cmpint (sk_keymap_plan (keys[i], 0, FALSE).action, ==, SK_KEY_IGNORE);
    }
}

/* -- a guest with a Japanese board that writes down what it is sent -------------------------------------- */

typedef struct
{
  gboolean down[1024];
  guint presses;
  GString *typed;
} Guest;

static guint
evdev_of (guint scancode)
{
  for (guint evdev = 0; evdev < 256; evdev++)
    if (sk_keymap_scancode (evdev) == scancode)
      return evdev;
  g_assert_not_reached ();
}

static void
on_key (guint scancode, gboolean down, gboolean repeat, gpointer data)
{
  Guest *guest = data;
  g_assert_cmpuint (scancode, <, G_N_ELEMENTS (guest->down));
  /* A key goes down once (or repeats), and up only when it is down. */
  g_assert_true (down ? repeat || !guest->down[scancode] : guest->down[scancode]);
  guest->down[scancode] = down;
  gboolean shift = guest->down[SK_SCANCODE_LSHIFT] || guest->down[SK_SCANCODE_RSHIFT];
  gunichar c = down ? sk_keymap_jp_char (evdev_of (scancode), shift) : 0;
  if (c)
    g_string_append_unichar (guest->typed, c);
  guest->presses += down;
}

static void
on_text (const char *utf8, gpointer data)
{
  g_string_append (((Guest *) data)->typed, utf8);
}

static void
guest_up (Guest *guest, SkKeyboard *keyboard)
{
  *guest = (Guest){ .typed = g_string_new (NULL) };
  *keyboard = (SkKeyboard){ on_key, on_text, guest, { 0 } };
}

static guint
guest_count_down (const Guest *guest)
{
  guint n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (guest->down); i++)
    n += guest->down[i];
  return n;
}

static void
guest_down (Guest *guest)
{
  g_assert_cmpuint (guest_count_down (guest), ==, 0);
  g_string_free (guest->typed, TRUE);
}

/* -- typing ---------------------------------------------------------------------------------------------- */

typedef struct
{
  guint evdev;
  const char *plain, *shifted;
} Row;

static const Row us_board[] = {
  { KEY_GRAVE, "`", "~" },      { KEY_1, "1", "!" },         { KEY_2, "2", "@" },
  { KEY_3, "3", "#" },          { KEY_4, "4", "$" },         { KEY_5, "5", "%" },
  { KEY_6, "6", "^" },          { KEY_7, "7", "&" },         { KEY_8, "8", "*" },
  { KEY_9, "9", "(" },          { KEY_0, "0", ")" },         { KEY_MINUS, "-", "_" },
  { KEY_EQUAL, "=", "+" },      { KEY_LEFTBRACE, "[", "{" }, { KEY_RIGHTBRACE, "]", "}" },
  { KEY_BACKSLASH, "\\", "|" }, { KEY_SEMICOLON, ";", ":" }, { KEY_APOSTROPHE, "'", "\"" },
  { KEY_COMMA, ",", "<" },      { KEY_DOT, ".", ">" },       { KEY_SLASH, "/", "?" },
  { KEY_A, "a", "A" },          { KEY_Q, "q", "Q" },         { KEY_Z, "z", "Z" },
  { KEY_SPACE, " ", " " },
};

static void
type_on (SkKeyboard *k, guint evdev, const char *character, gboolean shift)
{
  if (shift)
    sk_keyboard_press (k, KEY_LEFTSHIFT, 0, FALSE);
  sk_keyboard_press (k, evdev, g_utf8_get_char (character), shift);
  sk_keyboard_release (k, evdev);
  if (shift)
    sk_keyboard_release (k, KEY_LEFTSHIFT);
}

static void
test_american_board (void)
{
  Guest guest;
  SkKeyboard k;
  guest_up (&guest, &k);
  for (gsize i = 0; i < G_N_ELEMENTS (us_board); i++)
    for (guint shift = 0; shift < 2; shift++)
      {
        const char *wanted = shift ? us_board[i].shifted : us_board[i].plain;
        g_string_truncate (guest.typed, 0);
        type_on (&k, us_board[i].evdev, wanted, shift);
        g_assert_cmpstr (guest.typed->str, ==, wanted);
        g_assert_cmpuint (guest_count_down (&guest), ==, 0);
      }
  guest_down (&guest);
}

/* On the board the guest has, nothing is translated: one key, one code. */
static void
test_japanese_board (void)
{
  for (guint evdev = 0; evdev < 256; evdev++)
    for (guint shift = 0; shift < 2; shift++)
      {
        gunichar c = sk_keymap_jp_char (evdev, shift);
        if (!c)
          continue;
        SkKeyPlan plan = sk_keymap_plan (evdev, c, shift);
        g_assert_cmpint (plan.action, ==, SK_KEY_RAW);
        g_assert_cmphex (plan.scancode, ==, sk_keymap_scancode (evdev));
      }
  /* All of ASCII that can be seen can be typed. */
  for (gunichar c = ' '; c < 0x7f; c++)
    {
      guint evdev;
      gboolean shift;
      g_assert_true (sk_keymap_jp_find (c, &evdev, &shift));
      g_assert_cmpuint (sk_keymap_jp_char (evdev, shift), ==, c);
    }
}

static void
test_keys_that_must_stay_raw (void)
{
  const struct
  {
    guint evdev;
    gunichar character;
  } keys[] = {
    { KEY_ENTER, '\r' },  { KEY_TAB, '\t' },  { KEY_BACKSPACE, '\b' }, { KEY_ESC, 0x1b }, { KEY_KP7, '7' },
    { KEY_KPSLASH, '/' }, { KEY_KPDOT, '.' }, { KEY_KPASTERISK, '*' }, { KEY_A, 0x3061 }, { KEY_LEFTCTRL, 0 },
    { KEY_HENKAN, 0 },    { KEY_F5, 0 },      { KEY_Q, 'Q' },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      SkKeyPlan plan = sk_keymap_plan (keys[i].evdev, keys[i].character, FALSE);
      g_assert_cmpint (plan.action, ==, SK_KEY_RAW);
      g_assert_cmphex (plan.scancode, ==, sk_keymap_scancode (keys[i].evdev));
    }
}

static void
test_characters_no_key_has (void)
{
  Guest guest;
  SkKeyboard k;
  guest_up (&guest, &k);
  type_on (&k, KEY_E, "é", FALSE);
  type_on (&k, KEY_SEMICOLON, "Ö", TRUE);
  type_on (&k, 0, "あ", FALSE); /* a tool's own key code */
  type_on (&k, 247, "関", FALSE);
  g_assert_cmpstr (guest.typed->str, ==, "éÖあ関");
  guest_down (&guest);
}

/* -- holding --------------------------------------------------------------------------------------------- */

static void
test_repeat_and_focus (void)
{
  Guest guest;
  SkKeyboard k;
  guest_up (&guest, &k);
  for (guint i = 0; i < 5; i++)
    sk_keyboard_press (&k, KEY_A, 'a', FALSE);
  g_assert_cmpstr (guest.typed->str, ==, "aaaaa");
  sk_keyboard_press (&k, KEY_LEFTCTRL, 0, FALSE);
  sk_keyboard_press (&k, KEY_LEFTALT, 0, FALSE);
  g_assert_cmpuint (guest_count_down (&guest), ==, 3);
  sk_keyboard_release_all (&k);
  g_assert_cmpuint (guest_count_down (&guest), ==, 0);
  /* Releases that come later, of keys the guest no longer knows about */
  sk_keyboard_release (&k, KEY_LEFTCTRL);
  sk_keyboard_release (&k, KEY_A);
  guest_down (&guest);
}

/* Shift is let go for a colon, and is down again for the next letter. */
static void
test_shift_comes_back (void)
{
  Guest guest;
  SkKeyboard k;
  guest_up (&guest, &k);
  sk_keyboard_press (&k, KEY_RIGHTSHIFT, 0, FALSE);
  sk_keyboard_press (&k, KEY_SEMICOLON, ':', TRUE);
  g_assert_true (guest.down[SK_SCANCODE_RSHIFT]);
  sk_keyboard_press (&k, KEY_A, 'A', TRUE);
  sk_keyboard_release (&k, KEY_A);
  sk_keyboard_release (&k, KEY_SEMICOLON);
  sk_keyboard_release (&k, KEY_RIGHTSHIFT);
  /* Sticky keys: Shift counts though no Shift key is down. */
  sk_keyboard_press (&k, KEY_B, 'B', TRUE);
  sk_keyboard_release (&k, KEY_B);
  g_assert_cmpstr (guest.typed->str, ==, ":AB");
  guest_down (&guest);
}

/* The layout was switched while a key was held. */
static void
test_release_what_was_pressed (void)
{
  Guest guest;
  SkKeyboard k;
  guest_up (&guest, &k);
  sk_keyboard_press (&k, KEY_Q, 'a', FALSE); /* a French board */
  sk_keyboard_press (&k, KEY_LEFTSHIFT, 0, FALSE);
  sk_keyboard_release (&k, KEY_Q);
  sk_keyboard_release (&k, KEY_LEFTSHIFT);
  g_assert_cmpstr (guest.typed->str, ==, "a");
  guest_down (&guest);
}

static void
press_something (SkKeyboard *k)
{
  static const char *const characters[] = { "a", "A", ":", "~", "é", "7", "\"", "_", "あ" };
  guint evdev = (guint) g_test_rand_int_range (0, 300);
  gunichar c = g_test_rand_bit () ? g_utf8_get_char (characters[g_test_rand_int_range (0, 9)]) : 0;
  sk_keyboard_press (k, evdev, c, g_test_rand_bit ());
}

static void
test_random_hammering (void)
{
  Guest guest;
  SkKeyboard k;
  guest_up (&guest, &k);
  for (guint i = 0; i < 200000; i++)
    {
      guint dice = (guint) g_test_rand_int_range (0, 100);
      if (dice < 50)
        press_something (&k);
      else if (dice < 99)
        sk_keyboard_release (&k, (guint) g_test_rand_int_range (0, 300));
      else
        {
          sk_keyboard_release_all (&k);
          g_assert_cmpuint (guest_count_down (&guest), ==, 0);
        }
    }
  sk_keyboard_release_all (&k);
  guest_down (&guest);
}

static void
test_names (void)
{
  g_assert_cmpuint (sk_keymap_evdev_from_name ("Enter"), ==, KEY_ENTER);
  g_assert_cmpuint (sk_keymap_evdev_from_name ("zenkaku"), ==, KEY_GRAVE);
  g_assert_cmpuint (sk_keymap_evdev_from_name ("a"), ==, KEY_A);
  g_assert_cmpuint (sk_keymap_evdev_from_name ("nonsense"), ==, 0);
  g_assert_cmpuint (sk_keymap_evdev_from_name (""), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/desktop/keys/board-109", test_every_key_of_the_board);
  g_test_add_func ("/desktop/keys/not-crossing", test_keys_that_do_not_cross);
  g_test_add_func ("/desktop/keys/american", test_american_board);
  g_test_add_func ("/desktop/keys/japanese", test_japanese_board);
  g_test_add_func ("/desktop/keys/raw", test_keys_that_must_stay_raw);
  g_test_add_func ("/desktop/keys/unicode", test_characters_no_key_has);
  g_test_add_func ("/desktop/keys/repeat-and-focus", test_repeat_and_focus);
  g_test_add_func ("/desktop/keys/shift", test_shift_comes_back);
  g_test_add_func ("/desktop/keys/release", test_release_what_was_pressed);
  g_test_add_func ("/desktop/keys/random", test_random_hammering);
  g_test_add_func ("/desktop/keys/names", test_names);
  return g_test_run ();
}
