/* What a viewer has seen: a private copy of the composed desktop (border, guest's picture, black where the
 * guest is smaller), and which 64 x 64 tiles of it may differ from the frame memory.
 *
 * A tile's rows that differ are copied out of the shared memory into the canvas, and encoded from there: what
 * is encoded is what the canvas says, whatever the screen does meanwhile. One thread. */
#pragma once
#include "rdp/border.h"
#include "rdp/ring.h"
#include "rdp/tile.h"
#include "rdp/watermark.h"

typedef struct
{
  guint width, height, stride;
  guint8 *pixels; /* BGRX32: border and the guest's picture */
  guint8 *shown;  /* the same with the watermark: what the viewer has; pixels itself when there is none */
  SkBorder border;
  SkWatermark watermark; /* over the guest's picture */
  gboolean show_whole;   /* dirty tiles may differ from what is shown also where the guest changed nothing */
  gboolean marks_moved;  /* at the viewer the watermark has moved along with what scrolled */
  guint guest_width, guest_height; /* of the picture shown inside */
  guint tiles_x, tiles_y;
  guint8 *dirty; /* a byte a tile: SkTileState */
  guint n_dirty;
} SkCanvas;

typedef enum
{
  SK_TILE_CLEAN = 0,
  SK_TILE_CHECK = 1, /* may differ from the frame memory */
  SK_TILE_FORCE = 2, /* to be sent whatever the comparison says */
} SkTileState;

/* A desktop around a guest of this size; everything black but the border, every tile FORCE. */
void sk_canvas_reset (SkCanvas *c, const SkBorder *border, guint guest_width, guint guest_height);
void sk_canvas_clear (SkCanvas *c);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkCanvas, sk_canvas_clear)
/* Another guest size inside the same desktop (a viewer that cannot resize): black around a smaller one, a
 * larger one is cut. */
void sk_canvas_letterbox (SkCanvas *c, guint guest_width, guint guest_height);

/* Another text of the watermark, or none: "". Going from none to one or back takes a sk_canvas_reset(). */
void sk_canvas_set_watermark (SkCanvas *c, const char *untrusted_text);
/* Brings a watermark that has moved back to its places; takes as much as looking at every tile. */
void sk_canvas_settle (SkCanvas *c);

/* Marks the tiles under a rectangle in the guest's coordinates. */
void sk_canvas_mark (SkCanvas *c, const SkRingRect *rect);
void sk_canvas_mark_all (SkCanvas *c, SkTileState state);
void sk_canvas_force_tile (SkCanvas *c, guint tx, guint ty);

/* Looks at the dirty tiles, brings them up to date and writes the rectangles that have to be sent: of each
 * tile that changed its whole width, and the rows from the first to the last that changed. ret_rects: room
 * for tiles_x * tiles_y. Returns their number; every tile is clean then. */
guint sk_canvas_update (SkCanvas *c, const SkRingReader *ring, const SkRingSize *size, SkTileRect *ret_rects);
