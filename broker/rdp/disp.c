#include "rdp/disp.h"
#include "rdp/ring.h"
#include "wire/buf.h"
#include <string.h>

/* [MS-RDPEDISP] 2.2.1.1, 2.2.2.1, 2.2.2.2 */
#define TYPE_LAYOUT 2
#define TYPE_CAPS 5
#define MONITOR_BYTES 40
#define PRIMARY 1u
#define AREA_FACTOR 2048
void
sk_disp_write_caps (guint8 out[SK_DISP_CAPS_BYTES])
{
  /* monitors and two factors, whose product is the area of all: the frame memory's */
  const guint32 words[5]
      = { GUINT32_TO_LE (TYPE_CAPS), GUINT32_TO_LE (SK_DISP_CAPS_BYTES), GUINT32_TO_LE (SK_MONITORS_MAX),
          GUINT32_TO_LE (AREA_FACTOR), GUINT32_TO_LE (SK_RING_PIXELS_MAX / SK_MONITORS_MAX / AREA_FACTOR) };
  memcpy (out, words, sizeof words);
}

static void
skip (SkReader *r, guint words)
{
  for (guint i = 0; i < words; i++)
    sk_reader_u32 (r);
}

static SkMonitorWish
read_monitor (SkReader *r, guint32 *ret_scale)
{
  const guint32 flags = sk_reader_u32 (r);
  const gint32 left = (gint32) sk_reader_u32 (r), top = (gint32) sk_reader_u32 (r);
  const guint32 width = sk_reader_u32 (r), height = sk_reader_u32 (r);
  skip (r, 3); /* physical size and orientation */
  *ret_scale = sk_reader_u32 (r);
  skip (r, 1); /* device scale */
  return (SkMonitorWish){ left, top, width, height, (flags & PRIMARY) != 0 };
}

gboolean
sk_disp_parse_layout (const guint8 *untrusted, gsize length, SkMonitors *ret)
{
  SkMonitorWish wishes[SK_MONITORS_MAX];
  guint32 scale = 0;
  SkReader r = sk_reader (untrusted, length);
  const guint32 type = sk_reader_u32 (&r), total = sk_reader_u32 (&r);
  const guint32 each = sk_reader_u32 (&r), monitors = sk_reader_u32 (&r);
  if (r.failed || type != TYPE_LAYOUT || total != length || each != MONITOR_BYTES || monitors == 0
      || monitors > SK_MONITORS_MAX || total != 16 + monitors * MONITOR_BYTES)
    return FALSE;
  for (guint i = 0; i < monitors; i++)
    {
      guint32 own_scale;
      wishes[i] = read_monitor (&r, &own_scale);
      if (wishes[i].primary)
        scale = own_scale;
    }
  return sk_reader_finish (&r) && sk_monitors_make_or_primary (wishes, monitors, scale, ret);
}
