/* The picture as last decoded, shared by the RDP thread (writer) and whoever shows it (reader).
 *
 * It outlives connections, so the last picture stays on screen while the viewer re-attaches. The copy costs
 * under a millisecond for a full 1920 x 1080 frame, and in exchange FreeRDP's buffer is never touched by
 * another thread. Threads: any; one mutex inside. */
#pragma once
#include <glib-object.h>

/* The largest picture the broker makes (broker/rdp/ring.h), with room for the view's border. */
#define SK_PIXELS_SIDE_MAX 8192
#define SK_PIXELS_COUNT_MAX (8192u * 4096u)
/* More rectangles than this in one frame are merged into their bounds: a scrolled page gives under 40. */
#define SK_PIXELS_RECTS_MAX 64

typedef struct
{
  int x, y, width, height;
} SkRect;

typedef struct _SkPixels SkPixels;

SkPixels *sk_pixels_new (void);
SkPixels *sk_pixels_ref (SkPixels *pixels);
void sk_pixels_unref (SkPixels *pixels);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPixels, sk_pixels_unref)

/* Makes the memory for this size ready, black, unless there is a picture already. */
void sk_pixels_reserve (SkPixels *pixels, int width, int height);
/* Writer: takes over these parts of a BGRX picture. Another size than before makes all of it dirty and the
 * parts not named black. Rectangles are clamped. FALSE when the size is over the limits (nothing changes). */
gboolean sk_pixels_publish (SkPixels *pixels, const guint8 *bgrx, gsize stride, int width, int height,
                            const SkRect *rects, guint n_rects);

/* Reader: between lock and unlock the pixels stand still. Rows are width * 4 bytes apart, B G R 255. */
const guint8 *sk_pixels_lock (SkPixels *pixels, int *ret_width, int *ret_height);
void sk_pixels_unlock (SkPixels *pixels);
/* Locked only: moves out what changed since the last call. rects: room for SK_PIXELS_RECTS_MAX. TRUE with
 * *ret_resized when everything is to be drawn anew. */
guint sk_pixels_take_damage (SkPixels *pixels, SkRect *rects, gboolean *ret_resized);

/* Counts publishes; 0 = nothing yet. */
guint64 sk_pixels_serial (SkPixels *pixels);

/* Bounds of both; an empty one (width 0) does not count. */
SkRect sk_rect_union (SkRect a, SkRect b);
SkRect sk_rect_intersect (SkRect a, SkRect b);
