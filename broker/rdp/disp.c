#include "rdp/disp.h"
#include "rdp/ring.h"
#include "wire/buf.h"
#include <string.h>

/* [MS-RDPEDISP] 2.2.1.1, 2.2.2.1, 2.2.2.2 */
#define TYPE_LAYOUT 2
#define TYPE_CAPS 5
#define MONITOR_BYTES 40
#define PRIMARY 1u
#define SIZE_MIN 200
#define SIZE_MAX 8192
#define MONITORS_MAX 16

void
sk_disp_write_caps (guint8 out[SK_DISP_CAPS_BYTES])
{
  /* one monitor, as large as the frame memory */
  const guint32 words[5] = { GUINT32_TO_LE (TYPE_CAPS), GUINT32_TO_LE (SK_DISP_CAPS_BYTES), GUINT32_TO_LE (1),
                             GUINT32_TO_LE (SK_RING_WIDTH_MAX), GUINT32_TO_LE (SK_RING_HEIGHT_MAX) };
  memcpy (out, words, sizeof words);
}

static void
skip (SkReader *r, guint words)
{
  for (guint i = 0; i < words; i++)
    sk_reader_u32 (r);
}

gboolean
sk_disp_parse_layout (const guint8 *untrusted, gsize length, guint *ret_width, guint *ret_height,
                      guint *ret_scale)
{
  SkReader r = sk_reader (untrusted, length);
  const guint32 type = sk_reader_u32 (&r), total = sk_reader_u32 (&r);
  const guint32 each = sk_reader_u32 (&r), monitors = sk_reader_u32 (&r);
  if (r.failed || type != TYPE_LAYOUT || total != length || each != MONITOR_BYTES || monitors == 0
      || monitors > MONITORS_MAX || total != 16 + monitors * MONITOR_BYTES)
    return FALSE;
  gboolean found = FALSE;
  for (guint i = 0; i < monitors; i++)
    {
      const guint32 flags = sk_reader_u32 (&r);
      skip (&r, 2);
      const guint32 width = sk_reader_u32 (&r), height = sk_reader_u32 (&r);
      skip (&r, 3);
      const guint32 scale = sk_reader_u32 (&r);
      skip (&r, 1);
      if (!(flags & PRIMARY) || found)
        continue;
      if (width < SIZE_MIN || width > SIZE_MAX || height < SIZE_MIN || height > SIZE_MAX)
        return FALSE;
      *ret_width = width;
      *ret_height = height;
      *ret_scale = CLAMP (scale, 100, 500);
      found = TRUE;
    }
  return found && sk_reader_finish (&r);
}
