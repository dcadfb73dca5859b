/* Display control ([MS-RDPEDISP]) as a server: the two messages of it, as pure functions. */
#pragma once
#include <glib.h>

#define SK_DISP_CAPS_BYTES 20
void sk_disp_write_caps (guint8 out[SK_DISP_CAPS_BYTES]);

/* The primary monitor's size and scale (percent) from a viewer's monitor layout. FALSE: not such a message,
 * malformed, or a size outside [MS-RDPEDISP]. */
gboolean sk_disp_parse_layout (const guint8 *untrusted, gsize length, guint *ret_width, guint *ret_height,
                               guint *ret_scale);
