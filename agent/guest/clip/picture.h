/* The two forms of a picture on the guest's clipboard: xrdp's channel server knows image/bmp alone, Chromium
 * image/png alone. Pure functions; the content is whatever some program copied. */
#pragma once
#include <glib.h>

typedef enum
{
  SK_PICTURE_NONE,
  SK_PICTURE_PNG,
  SK_PICTURE_BMP,
} SkPictureForm;

/* offered: the names of what a clipboard has. The form that is there while the other one is missing; NONE
 * also where there is text: then that is what was copied, and xrdp passes on one thing only. */
SkPictureForm sk_picture_alone (const char *const *offered, gsize n);

/* NULL: not a picture, or one that is too large for the way to the host (wire/clip-content.h). What shows
 * through a PNG is white afterwards. Of BMP files only those of 24 bits are taken that the host sends. */
GBytes *sk_picture_png_to_bmp (GBytes *untrusted);
GBytes *sk_picture_bmp_to_png (GBytes *untrusted);
