/* Between picture.c (pixels) and picture-input.c (keys, mouse, input method). */
#pragma once
#include "desktop/keyboard.h"
#include "desktop/picture.h"

/* Side of a tile in pixels: small enough that a typed letter costs 64 KiB, large enough that a full HD
 * picture has only 135. */
#define SK_TILE 128

struct _SkPicture
{
  GtkWidget parent_instance;
  SkPixels *pixels;
  SkRdpClient *client; /* not owned */

  int width, height; /* of the nodes */
  guint columns, rows;
  GskRenderNode **tiles; /* NULL: to be made */
  GskRenderNode *whole;
  SkLayout layout;
  gboolean faded;

  guint resize_timer;
  gulong after_paint;
  guint64 serial_before;
  gboolean expects_first, in_this_paint;

  SkKeyboard keyboard;
  GtkEventController *keys;
  GtkIMContext *im; /* NULL until first asked for */
  gboolean local_input;
  double wheel_x, wheel_y; /* not sent yet */
  int x, y;                /* the pointer, in the picture */
};

double sk_picture_get_scale (SkPicture *self);
void sk_picture_get_layout (SkPicture *self, SkLayout *ret_layout);
gboolean sk_picture_offer_reserved_key (SkPicture *self, guint keyval);
gboolean sk_picture_offer_paste (SkPicture *self);
void sk_picture_add_controllers (SkPicture *self);
