/* Input records and display control: every value of a view or viewer is clamped or dropped. */
#include "rdp/disp.h"
#include "rdp/input.h"
#include "rdp/ring.h"
#include "wire/buf.h"
#include <freerdp/input.h>

#define W 800
#define H 600

static void
test_clamp (void)
{
  static const struct
  {
    SkInputRecord in, out;
    gboolean kept;
  } rows[] = {
    { { SK_INPUT_SCANCODE, 0xffff, 0x1e, 7, 7 }, { SK_INPUT_SCANCODE, 0xc300, 0x1e }, TRUE },
    { { SK_INPUT_SCANCODE, 0, 0x100 }, { 0 }, FALSE },
    { { SK_INPUT_SCANCODE, 0, 0 }, { 0 }, FALSE },
    { { SK_INPUT_SCANCODE, 0, -1 }, { 0 }, FALSE },
    { { SK_INPUT_UNICODE, 0xffff, 0x65e5 }, { SK_INPUT_UNICODE, 0x8000, 0x65e5 }, TRUE },
    { { SK_INPUT_UNICODE, 0, 0x10000 }, { 0 }, FALSE },
    { { SK_INPUT_SYNC, 9, 0x7fffffff }, { SK_INPUT_SYNC, 0, 0xf }, TRUE },
    { { SK_INPUT_MOUSE, PTR_FLAGS_MOVE, G_MAXINT32, G_MININT32, 5 },
      { SK_INPUT_MOUSE, PTR_FLAGS_MOVE, W - 1, 0, 0 },
      TRUE },
    { { SK_INPUT_MOUSE, 0x09ff, 1, 2 }, { SK_INPUT_MOUSE, 0x0800, 1, 2 }, TRUE },
    { { SK_INPUT_MOUSE, PTR_FLAGS_WHEEL | 0x78, 1, 2 },
      { SK_INPUT_MOUSE, PTR_FLAGS_WHEEL | 0x78, 1, 2 },
      TRUE },
    { { SK_INPUT_MOUSE, 0x00ff, 1, 2 }, { 0 }, FALSE },
    { { SK_INPUT_MOUSE_EX, 0xffff, -5, H }, { SK_INPUT_MOUSE_EX, 0x8003, 0, H - 1 }, TRUE },
    { { SK_INPUT_MOUSE_EX, 0x8000, 1, 1 }, { 0 }, FALSE },
    { { SK_INPUT_RESIZE, 1, 1367, 769, 99 }, { SK_INPUT_RESIZE, 0, 1366, 769, 100 }, TRUE },
    { { SK_INPUT_RESIZE, 1, G_MAXINT32, G_MININT32, 900 },
      { SK_INPUT_RESIZE, 0, SK_RING_WIDTH_MAX, SK_RING_HEIGHT_MIN, 500 },
      TRUE },
    { { SK_INPUT_REFRESH, 3, 1, 2, 3 }, { SK_INPUT_REFRESH }, TRUE },
    { { 0 }, { 0 }, FALSE },
    { { 8, 1, 1, 1, 1 }, { 0 }, FALSE },
    { { 65535, 1, 1, 1, 1 }, { 0 }, FALSE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      SkInputRecord r = rows[i].in;
      g_test_message ("row %zu", i);
      g_assert_cmpint (sk_input_clamp (&r, W, H), ==, rows[i].kept);
      if (rows[i].kept)
        g_assert_cmpmem (&r, sizeof r, &rows[i].out, sizeof r);
    }
}

/* Read back as the guest's text.lua does, for every unit there is. */
static void
test_text (void)
{
  static const gint digits[] = { 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57 };
  for (guint unit = 0; unit <= 0xffff; unit++)
    {
      SkInputRecord keys[SK_INPUT_TEXT_RECORDS];
      guint value = 0, down = 0, read = 0;
      sk_input_text_keys ((guint16) unit, keys);
      for (guint i = 0; i < SK_INPUT_TEXT_RECORDS; i++)
        {
          SkInputRecord clamped = keys[i];
          g_assert_true (sk_input_clamp (&clamped, W, H));
          g_assert_cmpmem (&clamped, sizeof clamped, &keys[i], sizeof keys[i]);
          gboolean released = (keys[i].flags & KBD_FLAGS_RELEASE) != 0;
          down = released ? down - 1 : down + 1;
          for (guint d = 0; d < G_N_ELEMENTS (digits) && !released; d++)
            if (keys[i].a == digits[d])
              {
                g_assert_cmpuint (down, ==, 3); /* two are held */
                value = value * 11 + d;
                read++;
              }
        }
      g_assert_cmpuint (value, ==, unit);
      g_assert_cmpuint (read, ==, 5);
      g_assert_cmpuint (down, ==, 0);
    }
}

/* A view that dies lets go of everything it held, once. */
static void
test_release (void)
{
  static const SkInputRecord pressed[] = {
    { SK_INPUT_SCANCODE, 0, 0x1d },
    { SK_INPUT_SCANCODE, KBD_FLAGS_EXTENDED, 0x1d },
    { SK_INPUT_SCANCODE, 0, 0x1e },
    { SK_INPUT_MOUSE, PTR_FLAGS_DOWN | PTR_FLAGS_BUTTON1, 5, 5 },
    { SK_INPUT_MOUSE, PTR_FLAGS_DOWN | PTR_FLAGS_BUTTON2, 5, 5 },
    { SK_INPUT_MOUSE_EX, PTR_XFLAGS_DOWN | PTR_XFLAGS_BUTTON2, 5, 5 },
    { SK_INPUT_SCANCODE, KBD_FLAGS_RELEASE, 0x1e },
    { SK_INPUT_MOUSE, PTR_FLAGS_WHEEL | PTR_FLAGS_DOWN, 5, 5 },
  };
  SkInputHeld held = { 0 };
  for (gsize i = 0; i < G_N_ELEMENTS (pressed); i++)
    sk_input_held_note (&held, &pressed[i]);
  SkInputRecord r;
  guint keys = 0, extended = 0, buttons = 0, x_buttons = 0;
  while (sk_input_held_release (&held, &r))
    {
      keys += r.type == SK_INPUT_SCANCODE && r.a == 0x1d && (r.flags & KBD_FLAGS_RELEASE);
      extended += r.type == SK_INPUT_SCANCODE && (r.flags & KBD_FLAGS_EXTENDED);
      buttons += r.type == SK_INPUT_MOUSE && !(r.flags & PTR_FLAGS_DOWN);
      x_buttons += r.type == SK_INPUT_MOUSE_EX && r.flags == PTR_XFLAGS_BUTTON2;
    }
  g_assert_cmpuint (keys, ==, 2);
  g_assert_cmpuint (extended, ==, 1);
  g_assert_cmpuint (buttons, ==, 2);
  g_assert_cmpuint (x_buttons, ==, 1);
}

static void
add_monitor (GByteArray *out, guint32 flags, guint32 width, guint32 height, guint32 scale)
{
  const guint32 words[] = { flags, 0, 0, width, height, 0, 0, 0, scale, 100 };
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    sk_write_u32 (out, words[i]);
}

static GByteArray *
layout (guint32 monitors)
{
  GByteArray *out = g_byte_array_new ();
  sk_write_u32 (out, 2);
  sk_write_u32 (out, 16 + monitors * 40);
  sk_write_u32 (out, 40);
  sk_write_u32 (out, monitors);
  return out;
}

static void
test_layout (void)
{
  guint width = 0, height = 0, scale = 0;
  g_autoptr (GByteArray) good = layout (2);
  add_monitor (good, 0, 1024, 768, 100);
  add_monitor (good, 1, 2560, 1440, 150);
  g_assert_true (sk_disp_parse_layout (good->data, good->len, &width, &height, &scale));
  g_assert_cmpuint (width, ==, 2560);
  g_assert_cmpuint (height, ==, 1440);
  g_assert_cmpuint (scale, ==, 150);
  for (gsize n = 0; n < good->len; n++)
    g_assert_false (sk_disp_parse_layout (good->data, n, &width, &height, &scale));
  sk_write_u8 (good, 0);
  g_assert_false (sk_disp_parse_layout (good->data, good->len, &width, &height, &scale));

  g_autoptr (GByteArray) none = layout (0);
  g_assert_false (sk_disp_parse_layout (none->data, none->len, &width, &height, &scale));
  g_autoptr (GByteArray) many = layout (0x10000000); /* 40 times this wraps to 16 + 0x80000000 */
  add_monitor (many, 1, 1024, 768, 100);
  g_assert_false (sk_disp_parse_layout (many->data, many->len, &width, &height, &scale));
  g_autoptr (GByteArray) huge = layout (1);
  add_monitor (huge, 1, 1 << 30, 768, 100);
  g_assert_false (sk_disp_parse_layout (huge->data, huge->len, &width, &height, &scale));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rdp-input/text", test_text);
  g_test_add_func ("/rdp-input/clamp", test_clamp);
  g_test_add_func ("/rdp-input/release", test_release);
  g_test_add_func ("/rdp-input/layout", test_layout);
  return g_test_run ();
}
