/* The widget that shows the pixels and takes the input for it. Main thread. */
#pragma once
#include "desktop/layout.h"
#include "desktop/rdp-client.h"
#include <gtk/gtk.h>

#define SK_TYPE_PICTURE (sk_picture_get_type ())
G_DECLARE_FINAL_TYPE (SkPicture, sk_picture, SK, PICTURE, GtkWidget)
/* Signals:
 *   "room-changed" (int width, int height, int scale-percent): device pixels there are, after they stood
 *       still for a moment
 *   "painted": a picture is on the screen for the first time since sk_picture_expect_first()
 *   "reserved-key" (guint keyval): a combination with Ctrl+Alt that belongs to the window; TRUE = taken
 *   "paste" (): Ctrl+V or Shift+Insert, before the guest has it; TRUE = taken: it is for this side */

SkPicture *sk_picture_new (SkPixels *pixels);
/* Where input goes; NULL: nowhere. Not owned: set NULL before freeing it. */
void sk_picture_set_client (SkPicture *picture, SkRdpClient *client);
/* The pixels changed. */
void sk_picture_update (SkPicture *picture);
void sk_picture_set_pointer (SkPicture *picture, const SkPointer *pointer);
/* Shows the picture faded: it is not alive. */
void sk_picture_set_faded (SkPicture *picture, gboolean faded);
void sk_picture_expect_first (SkPicture *picture);
/* Text comes from this desktop's input method, instead of keys for the guest's. */
void sk_picture_set_local_input (SkPicture *picture, gboolean local);
gboolean sk_picture_get_local_input (SkPicture *picture);
/* Device pixels; 0 before the first allocation. */
void sk_picture_get_room (SkPicture *picture, int *ret_width, int *ret_height, double *ret_scale);
