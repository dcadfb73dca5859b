/* Looks. The trust colour is the one of the border that the view draws. Main thread. */
#pragma once
#include <gtk/gtk.h>

/* SK_BORDER_RGB of broker/core. */
#define SK_STYLE_TRUST "#b3261e"
#define SK_STYLE_FRAME_WIDTH 3

void sk_style_apply (GdkDisplay *display);
