/* Finds what moved up or down: a scrolled page is a copy at the viewer and one new strip, instead of a
 * picture.
 *
 * A guess that cannot hurt: rows of the frame memory are compared with rows that the viewer has, the moves
 * found are carried out on the canvas exactly as the viewer carries them out, and the comparison of tiles
 * that follows sends whatever is still different. So a screen that lies, or writes meanwhile, costs bytes and
 * nothing else. Only lossless pixels repeat: the guest leg has no other. One thread. */
#pragma once
#include "rdp/canvas.h"

/* Moves in one picture: columns that scroll differently (a page beside a list), and no more than pays. */
#define SK_SCROLL_MOVES_MAX 4
/* Fewer dirty tiles are encoded sooner than compared: two lines of text across a page. */
#define SK_SCROLL_TILES_MIN 24
/* A move of fewer rows than half a tile saves no tile. */
#define SK_SCROLL_ROWS_MIN 32

/* The rectangle at `to` of the canvas comes from by rows above it (below it when negative). */
typedef struct
{
  SkTileRect to;
  gint16 by;
} SkMove;

/* Looks at the dirty tiles; carries out on the canvas what it finds and marks the tiles there for comparison.
 * Returns the number of moves, in the order in which the viewer has to do them. */
guint sk_scroll_find (SkCanvas *c, const SkRingReader *ring, const SkRingSize *size,
                      SkMove ret[SK_SCROLL_MOVES_MAX]);
