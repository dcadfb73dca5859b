/* Display control ([MS-RDPEDISP]) as a server: the two messages of it, as pure functions. */
#pragma once
#include "rdp/monitors.h"

#define SK_DISP_CAPS_BYTES 20
void sk_disp_write_caps (guint8 out[SK_DISP_CAPS_BYTES]);

/* A viewer's monitor layout; where all its monitors together are too large, the primary one alone. FALSE: not
 * such a message, malformed, or nothing that [MS-RDPEDISP] allows. */
gboolean
sk_disp_parse_layout (const guint8 *untrusted, gsize length, SkMonitors *ret) G_GNUC_WARN_UNUSED_RESULT;
