/* Input events in words. */
#include "common/i18n.h"
#include "replay/replay.h"
#include "wire/buf.h"
#include "wire/control.h"
#include <freerdp/input.h>

typedef struct
{
  guint8 code;
  gboolean extended;
  const char *name; /* what is on the key cap */
} Key;

/* Set 1; those that write come without their code. */
static const Key keys[] = {
  { 0x01, FALSE, "Esc" },
  { 0x0e, FALSE, "BackSpace" },
  { 0x0f, FALSE, "Tab" },
  { 0x1c, FALSE, "Enter" },
  { 0x1c, TRUE, "Enter" },
  { 0x1d, FALSE, "Ctrl" },
  { 0x1d, TRUE, "Ctrl" },
  { 0x38, FALSE, "Alt" },
  { 0x38, TRUE, "Alt" },
  { 0x3b, FALSE, "F1" },
  { 0x3c, FALSE, "F2" },
  { 0x3d, FALSE, "F3" },
  { 0x3e, FALSE, "F4" },
  { 0x3f, FALSE, "F5" },
  { 0x40, FALSE, "F6" },
  { 0x41, FALSE, "F7" },
  { 0x42, FALSE, "F8" },
  { 0x43, FALSE, "F9" },
  { 0x44, FALSE, "F10" },
  { 0x57, FALSE, "F11" },
  { 0x58, FALSE, "F12" },
  { 0x37, TRUE, "PrintScreen" },
  { 0x47, TRUE, "Home" },
  { 0x48, TRUE, "↑" },
  { 0x49, TRUE, "PageUp" },
  { 0x4b, TRUE, "←" },
  { 0x4d, TRUE, "→" },
  { 0x4f, TRUE, "End" },
  { 0x50, TRUE, "↓" },
  { 0x51, TRUE, "PageDown" },
  { 0x52, TRUE, "Insert" },
  { 0x53, TRUE, "Delete" },
  { 0x5b, TRUE, "Super" },
  { 0x5c, TRUE, "Super" },
  { 0x5d, TRUE, "Menu" },
  /* After Ctrl, Alt or Super: letters as a Japanese or American board has them. */
  { 0x10, FALSE, "Q" },
  { 0x11, FALSE, "W" },
  { 0x12, FALSE, "E" },
  { 0x13, FALSE, "R" },
  { 0x14, FALSE, "T" },
  { 0x15, FALSE, "Y" },
  { 0x16, FALSE, "U" },
  { 0x17, FALSE, "I" },
  { 0x18, FALSE, "O" },
  { 0x19, FALSE, "P" },
  { 0x1e, FALSE, "A" },
  { 0x1f, FALSE, "S" },
  { 0x20, FALSE, "D" },
  { 0x21, FALSE, "F" },
  { 0x22, FALSE, "G" },
  { 0x23, FALSE, "H" },
  { 0x24, FALSE, "J" },
  { 0x25, FALSE, "K" },
  { 0x26, FALSE, "L" },
  { 0x2c, FALSE, "Z" },
  { 0x2d, FALSE, "X" },
  { 0x2e, FALSE, "C" },
  { 0x2f, FALSE, "V" },
  { 0x30, FALSE, "B" },
  { 0x31, FALSE, "N" },
  { 0x32, FALSE, "M" },
};

static char *
describe_key (const SkInputRecord *r)
{
  const char *up_or_down = r->flags & KBD_FLAGS_RELEASE ? SK_TR ("up", "離す") : SK_TR ("down", "押す");
  if (r->a == 0)
    return g_strdup (SK_TR ("a character was typed", "文字を入力"));
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (keys[i].code == r->a && keys[i].extended == ((r->flags & KBD_FLAGS_EXTENDED) != 0))
      return g_strdup_printf (SK_TR ("key %s %s", "キー %s を%s"), keys[i].name, up_or_down);
  return g_strdup_printf (SK_TR ("key 0x%02x %s", "キー 0x%02x を%s"), (guint) r->a, up_or_down);
}

static char *
describe_mouse (const SkInputRecord *r)
{
  const char *up_or_down = r->flags & PTR_FLAGS_DOWN ? SK_TR ("down", "押す") : SK_TR ("up", "離す");
  const char *button = r->flags & PTR_FLAGS_BUTTON1   ? SK_TR ("left", "左")
                       : r->flags & PTR_FLAGS_BUTTON2 ? SK_TR ("right", "右")
                       : r->flags & PTR_FLAGS_BUTTON3 ? SK_TR ("middle", "中央")
                                                      : NULL;
  if (r->flags & (PTR_FLAGS_WHEEL | PTR_FLAGS_HWHEEL))
    return g_strdup_printf (SK_TR ("wheel at %d, %d", "ホイール（%d, %d）"), r->a, r->b);
  if (!button)
    return NULL;
  return g_strdup_printf (SK_TR ("%s button %s at %d, %d", "%sボタンを%s（%d, %d）"), button, up_or_down,
                          r->a, r->b);
}

char *
sk_replay_describe (const SkRecord *record)
{
  SkReader in = sk_reader (record->payload, record->length);
  SkInputRecord r = { 0 };
  if (record->kind != SK_RECORD_INPUT)
    return NULL;
  r.type = sk_reader_u16 (&in);
  r.flags = sk_reader_u16 (&in);
  r.a = (gint32) sk_reader_u32 (&in);
  r.b = (gint32) sk_reader_u32 (&in);
  r.c = (gint32) sk_reader_u32 (&in);
  if (!sk_reader_finish (&in))
    return NULL;
  if (r.type == SK_INPUT_SCANCODE)
    return describe_key (&r);
  return r.type == SK_INPUT_MOUSE ? describe_mouse (&r) : NULL;
}
