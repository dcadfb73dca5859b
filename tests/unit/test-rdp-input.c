/* Input records and display control: every value of a view or viewer is clamped or dropped. */
#include "rdp/border.h"
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
    { { SK_INPUT_MONITOR, 0xff00 | 0x87, 1, -1, 5 }, { SK_INPUT_MONITOR, 0x187, 1, -1, 100 }, TRUE },
    { { SK_INPUT_MONITOR, 0x22, 1, 1, 900 }, { 0 }, FALSE }, /* index 2 of 2 */
    { { SK_INPUT_MONITOR, 0x90, 1, 1, 100 }, { 0 }, FALSE }, /* nine */
    { { SK_INPUT_MONITOR, 0, 1, 1, 100 }, { 0 }, FALSE },
    { { 9, 1, 1, 1, 1 }, { 0 }, FALSE },
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

/* Lamps: at once when nothing was typed, else the last word after the quiet, unless a lock key overtook it.
 */
static void
test_sync (void)
{
  static const SkInputRecord on = { SK_INPUT_SYNC, 0, KBD_SYNC_CAPS_LOCK }, off = { SK_INPUT_SYNC };
  static const SkInputRecord a = { SK_INPUT_SCANCODE, 0, 0x1e }, num = { SK_INPUT_SCANCODE, 0, 0x45 },
                             num_up = { SK_INPUT_SCANCODE, KBD_FLAGS_RELEASE, 0x45 },
                             move = { SK_INPUT_MOUSE, PTR_FLAGS_MOVE, 5, 5 };
  const gint64 quiet = SK_INPUT_SYNC_QUIET_US;
  gint64 now = 1000 * quiet;
  SkInputSync sync = { 0 };
  SkInputRecord r;
  g_assert_true (sk_input_sync_pass (&sync, &on, now));
  g_assert_cmpint (sk_input_sync_timeout (&sync, now), ==, -1);
  /* A second word would be compared with what the first has not changed yet. */
  g_assert_false (sk_input_sync_pass (&sync, &on, now + 1));
  g_assert_true (sk_input_sync_pass (&sync, &a, now + 2));
  g_assert_false (sk_input_sync_pass (&sync, &off, now + 3));
  g_assert_true (sk_input_sync_pass (&sync, &move, now + quiet));
  g_assert_false (sk_input_sync_take (&sync, now + quiet, &r));
  g_assert_cmpint (sk_input_sync_timeout (&sync, now + 2), ==, (int) (quiet / 1000) + 1);
  now += 2 + quiet;
  g_assert_cmpint (sk_input_sync_timeout (&sync, now), ==, 0);
  g_assert_true (sk_input_sync_take (&sync, now, &r));
  g_assert_cmpint (r.a, ==, off.a);
  g_assert_cmpint (r.type, ==, SK_INPUT_SYNC);
  g_assert_false (sk_input_sync_take (&sync, now + quiet, &r));
  now += quiet;
  g_assert_true (sk_input_sync_pass (&sync, &num, now));
  g_assert_false (sk_input_sync_pass (&sync, &on, now + 1));
  g_assert_true (sk_input_sync_pass (&sync, &num_up, now + 2));
  g_assert_cmpint (sk_input_sync_timeout (&sync, now + 2), >, 0);
  g_assert_true (sk_input_sync_pass (&sync, &num, now + 3));
  g_assert_cmpint (sk_input_sync_timeout (&sync, now + 3), ==, -1);
  g_assert_true (sk_input_sync_pass (&sync, &on, now + 3 + quiet));
}

static void
add_monitor (GByteArray *out, const SkMonitorWish *w, guint32 scale)
{
  const guint32 words[]
      = { w->primary, (guint32) w->x, (guint32) w->y, w->width, w->height, 0, 0, 0, scale, 100 };
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    sk_write_u32 (out, words[i]);
}

/* A message whose header says so many monitors. */
static GByteArray *
layout (guint32 monitors, const SkMonitorWish *wishes, guint n)
{
  GByteArray *out = g_byte_array_new ();
  sk_write_u32 (out, 2);
  sk_write_u32 (out, 16 + monitors * 40);
  sk_write_u32 (out, 40);
  sk_write_u32 (out, monitors);
  for (guint i = 0; i < n; i++)
    add_monitor (out, &wishes[i], wishes[i].primary ? 150 : 100);
  return out;
}

static const SkMonitorWish desk[] = { { -1280, 56, 1281, 1024, FALSE }, { 1, 0, 2560, 1440, TRUE } };

static void
test_layout (void)
{
  SkMonitors m = { 0 };
  guint width, height;
  g_autoptr (GByteArray) good = layout (2, desk, 2);
  g_assert_true (sk_disp_parse_layout (good->data, good->len, &m));
  g_assert_cmpuint (m.n, ==, 2);
  g_assert_cmpuint (m.scale, ==, 150);
  g_assert_cmpuint (m.monitors[0].x, ==, 0);
  g_assert_cmpuint (m.monitors[0].y, ==, 56);
  g_assert_cmpuint (m.monitors[0].width, ==, 1280); /* even */
  g_assert_cmpuint (m.monitors[1].x, ==, 1281);
  g_assert_true (sk_monitors_primary (&m) == &m.monitors[1]);
  sk_monitors_bounds (&m, &width, &height);
  g_assert_cmpuint (width, ==, 1281 + 2560);
  g_assert_cmpuint (height, ==, 1440);
  for (gsize n = 0; n < good->len; n++)
    g_assert_false (sk_disp_parse_layout (good->data, n, &m));
  sk_write_u8 (good, 0);
  g_assert_false (sk_disp_parse_layout (good->data, good->len, &m));

  g_autoptr (GByteArray) none = layout (0, NULL, 0);
  g_assert_false (sk_disp_parse_layout (none->data, none->len, &m));
  g_autoptr (GByteArray) wraps = layout (0x10000000, desk, 1); /* 40 times this wraps to 16 + 0x80000000 */
  g_assert_false (sk_disp_parse_layout (wraps->data, wraps->len, &m));
  SkMonitorWish many[17];
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = (SkMonitorWish){ (gint32) i * 400, 0, 400, 400, i == 0 };
  g_autoptr (GByteArray) seventeen = layout (17, many, 17);
  g_assert_false (sk_disp_parse_layout (seventeen->data, seventeen->len, &m));
  g_autoptr (GByteArray) eight = layout (8, many, 8);
  g_assert_true (sk_disp_parse_layout (eight->data, eight->len, &m));
}

/* What the sides say, and what becomes of it. */
static void
test_monitors (void)
{
  static const struct
  {
    guint n;
    SkMonitorWish w[3];
    gboolean good;
    guint width, height; /* of all that is left */
  } rows[] = {
    { 2, { { 0, 0, 2560, 1440, TRUE }, { 2560, 0, 2560, 1440 } }, TRUE, 5120, 1440 },
    { 3,
      { { 0, 0, 1920, 1080, TRUE }, { 1920, 0, 1920, 1080 }, { -1920, 0, 1920, 1080 } },
      TRUE,
      5760,
      1080 },
    { 2, { { 0, 0, 3840, 2160, TRUE }, { 0, 2160, 3840, 2160 } }, TRUE, 3840, 4320 },
    { 1, { { -5, 9, 200, 200, TRUE } }, TRUE, SK_RING_WIDTH_MIN, SK_RING_HEIGHT_MIN },
    { 1, { { 0, 0, 8192, 8192, TRUE } }, TRUE, SK_RING_WIDTH_MAX, SK_RING_PIXELS_MAX / SK_RING_WIDTH_MAX },
    /* too much together: the primary one alone */
    { 2, { { 0, 0, 4096, 4096 }, { 4096, 0, 1024, 768, TRUE } }, TRUE, 1024, 768 },
    { 2, { { 0, 0, 1024, 768, TRUE }, { 32767, 32767, 200, 200 } }, TRUE, 1024, 768 },
    { 2, { { 0, 0, 1024, 768, TRUE }, { 1023, 767, 1024, 768 } }, FALSE, 0, 0 }, /* overlap */
    { 2, { { 0, 0, 1024, 768, TRUE }, { 0, 0, 1024, 768 } }, FALSE, 0, 0 },
    { 2, { { 0, 0, 1024, 768, TRUE }, { 1024, 0, 1024, 768, TRUE } }, FALSE, 0, 0 },
    { 2, { { 0, 0, 1024, 768 }, { 1024, 0, 1024, 768 } }, FALSE, 0, 0 },
    { 1, { { 0, 0, 0, 768, TRUE } }, FALSE, 0, 0 },
    { 1, { { 0, 0, 1024, 199, TRUE } }, FALSE, 0, 0 },
    { 1, { { 0, 0, 1 << 30, 768, TRUE } }, FALSE, 0, 0 },
    { 1, { { 0, 0, G_MAXUINT32, G_MAXUINT32, TRUE } }, FALSE, 0, 0 },
    { 2, { { 0, 0, 1024, 768, TRUE }, { G_MAXINT32, 0, 1024, 768 } }, FALSE, 0, 0 },
    { 2, { { 0, 0, 1024, 768, TRUE }, { 0, G_MININT32, 1024, 768 } }, FALSE, 0, 0 },
    { 0, { { 0 } }, FALSE, 0, 0 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      SkMonitors m;
      guint width, height;
      g_test_message ("row %zu", i);
      g_assert_cmpint (sk_monitors_make_or_primary (rows[i].w, rows[i].n, 100, &m), ==, rows[i].good);
      if (!rows[i].good)
        continue;
      sk_monitors_bounds (&m, &width, &height);
      g_assert_cmpuint (width, ==, rows[i].width);
      g_assert_cmpuint (height, ==, rows[i].height);
    }
}

/* From view to screen, and what a broken view may say instead. */
static void
test_monitor_records (void)
{
  SkMonitors m, back;
  SkInputRecord r[SK_MONITORS_MAX];
  SkInputLayout taken = { 0 };
  g_assert_true (sk_monitors_make (desk, 2, 150, &m));
  sk_input_put_monitors (&m, r);
  for (guint i = 0; i < 2; i++)
    g_assert_true (sk_input_clamp (&r[i], W, H));
  g_assert_false (sk_input_take_monitor (&taken, &r[0], &back));
  g_assert_true (sk_input_take_monitor (&taken, &r[1], &back));
  g_assert_true (sk_monitors_equal (&m, &back));
  /* again without a beginning; twice the same; the second one first */
  g_assert_false (sk_input_take_monitor (&taken, &r[1], &back));
  g_assert_false (sk_input_take_monitor (&taken, &r[0], &back));
  g_assert_false (sk_input_take_monitor (&taken, &r[0], &back));
  g_assert_true (sk_input_take_monitor (&taken, &r[1], &back));
  r[1].a = r[0].a; /* one over the other */
  g_assert_false (sk_input_take_monitor (&taken, &r[0], &back));
  g_assert_false (sk_input_take_monitor (&taken, &r[1], &back));
  r[1].b = -1;
  g_assert_false (sk_input_take_monitor (&taken, &r[0], &back));
  g_assert_false (sk_input_take_monitor (&taken, &r[1], &back));
}

/* The border goes once around all monitors; together with it they are again what the viewer has. */
static void
test_monitors_in_border (void)
{
  static const SkMonitorWish two[] = { { 0, 0, 1920, 1080, TRUE }, { 1920, 0, 1280, 1024, FALSE } };
  static const SkMonitorWish low[] = { { 0, 312, 1366, 768, TRUE }, { 1366, 0, 1920, 1080, FALSE } };
  const SkBorder b = sk_border (TRUE), none = sk_border (FALSE);
  SkMonitors m, same;
  guint width, height;
  g_assert_true (sk_monitors_make (two, 2, 100, &m));
  same = m;
  g_assert_true (sk_border_inner_monitors (&none, &same));
  g_assert_true (sk_monitors_equal (&m, &same));
  g_assert_true (sk_border_inner_monitors (&b, &m));
  sk_monitors_bounds (&m, &width, &height);
  g_assert_cmpuint (m.monitors[0].width, ==, 1920 - SK_BORDER_SIDE);
  g_assert_cmpuint (m.monitors[1].x, ==, 1920 - SK_BORDER_SIDE);
  g_assert_cmpuint (m.monitors[1].height, ==, 1024 - SK_BORDER_TOP);
  sk_border_outer (&b, &width, &height);
  g_assert_cmpuint (width, ==, 3200);
  g_assert_cmpuint (height, ==, 1080);
  g_assert_true (sk_monitors_make (low, 2, 100, &m));
  g_assert_false (sk_border_inner_monitors (&b, &m)); /* no label on the primary one */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rdp-input/text", test_text);
  g_test_add_func ("/rdp-input/clamp", test_clamp);
  g_test_add_func ("/rdp-input/release", test_release);
  g_test_add_func ("/rdp-input/sync", test_sync);
  g_test_add_func ("/rdp-input/layout", test_layout);
  g_test_add_func ("/rdp-input/monitors", test_monitors);
  g_test_add_func ("/rdp-input/monitor-records", test_monitor_records);
  g_test_add_func ("/rdp-input/monitors-in-border", test_monitors_in_border);
  return g_test_run ();
}
