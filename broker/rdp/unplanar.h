/* The guest's bitmaps: RDP's planar codec ([MS-RDPEGDI] 2.2.2.5) as servers send it in bitmap updates, 32
 * bits a pixel. Hostile bytes. Of our own because it is the only picture format that the guest leg takes,
 * because FreeRDP's decoder wants 18 bytes of scratch for each pixel of the desktop (37 MB at 1920 x 1080),
 * and because it was half of the screen's processor time. Pure, no state.
 *
 * Taken: red, green and blue planes, run-length encoded or raw, with or without an alpha plane (which is
 * skipped). Refused: colour loss and chroma subsampling, anything that ends early or goes on too long. */
#pragma once
#include <glib.h>

/* Bytes of scratch for a bitmap of this size; what is behind a row may be touched. */
gsize sk_unplanar_scratch (guint width, guint height);

/* Writes the top-left columns x rows of the bitmap as BGRX32 (bitmaps come from the bottom up). columns <=
 * width, rows <= height. FALSE when the bytes are no such bitmap: the pixels are undefined then, nothing
 * outside of them was touched. */
gboolean sk_unplanar (const guint8 *untrusted, gsize length, guint width, guint height, guint8 *scratch,
                      guint8 *pixels, gsize stride, guint columns, guint rows) G_GNUC_WARN_UNUSED_RESULT;
