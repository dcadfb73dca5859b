#include "rdp/scroll.h"
#include <string.h>

/* Where the guest's picture can have changed: whole columns of tiles, in the canvas's coordinates. */
typedef struct
{
  SkCanvas *canvas;
  const SkRingReader *ring;
  const SkRingSize *size;
  guint first, last; /* columns of tiles */
  guint top, bottom; /* rows of pixels; those of the whole guest's picture may be moved from */
  guint guest_top, guest_bottom;
} Area;

/* Columns that are asked for a distance before any other is looked at. */
#define SAMPLES 3
/* Rows that must agree on a distance: a handful may by chance (lines of a table). */
#define VOTES_MIN 12
/* Twice the largest number of rows, as a power of two. */
#define TABLE_BITS 14
G_STATIC_ASSERT ((1 << TABLE_BITS) >= 2 * SK_RING_HEIGHT_MAX);
#define NONE G_MAXUINT16
#define TWICE (G_MAXUINT16 - 1)

/* ---- pixels ---- */

static guint
column_left (const Area *a, guint tx)
{
  return MAX (tx * SK_TILE, a->canvas->border.left);
}

static guint
column_width (const Area *a, guint tx)
{
  const guint right = a->canvas->border.left + MIN (a->canvas->guest_width, a->size->width);
  const guint left = column_left (a, tx), end = MIN ((tx + 1) * SK_TILE, right);
  return end > left ? end - left : 0;
}

static const guint8 *
old_row (const Area *a, guint x, guint y)
{
  return a->canvas->pixels + (gsize) y * a->canvas->stride + (gsize) x * 4;
}

static const guint8 *
new_row (const Area *a, guint x, guint y)
{
  return sk_ring_reader_row (a->ring, a->size, y - a->canvas->border.top)
         + (gsize) (x - a->canvas->border.left) * 4;
}

/* Two pixels of so many: lines of text still differ, and a video is asked at every picture. */
#define HASH_STEP 8

static guint32
hash_row (const guint8 *row, guint width)
{
  guint64 h = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  for (guint i = 0; i + 2 <= width; i += HASH_STEP)
    {
      guint64 two;
      memcpy (&two, row + (gsize) i * 4, sizeof two);
      h = (h ^ two) * G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
      h ^= h >> 32;
    }
  return (guint32) (h >> 16);
}

/* ---- the distance ---- */

typedef struct
{
  guint32 hash[1 << TABLE_BITS];
  guint16 row[1 << TABLE_BITS]; /* NONE: free; TWICE: several rows look like this */
} Table;

static guint
find_slot (const Table *t, guint32 hash)
{
  guint slot = hash & ((1 << TABLE_BITS) - 1);
  while (t->row[slot] != NONE && t->hash[slot] != hash)
    slot = (slot + 1) & ((1 << TABLE_BITS) - 1);
  return slot;
}

/* Every row that the viewer has in this column; one that looks like the row above says nothing. */
static void
fill_table (const Area *a, guint tx, Table *t)
{
  const guint x = column_left (a, tx), width = column_width (a, tx);
  guint32 before = 0;
  memset (t->row, 0xff, sizeof t->row);
  for (guint y = a->top; y < a->bottom; y++)
    {
      const guint32 hash = hash_row (old_row (a, x, y), width);
      if (hash == before)
        continue;
      before = hash;
      const guint slot = find_slot (t, hash);
      t->row[slot] = t->row[slot] == NONE ? (guint16) y : TWICE;
      t->hash[slot] = hash;
    }
}

/* The distance that most rows of the column agree on; 0: none. */
static gint
vote (const Area *a, guint tx, const Table *t, guint16 *votes)
{
  const guint x = column_left (a, tx), width = column_width (a, tx), rows = a->bottom - a->top;
  guint32 before = 0;
  gint best = 0;
  memset (votes, 0, sizeof *votes * (2 * rows + 1));
  for (guint y = a->top; y < a->bottom; y++)
    {
      const guint32 hash = hash_row (new_row (a, x, y), width);
      if (hash == before)
        continue;
      before = hash;
      const guint from = t->row[find_slot (t, hash)];
      const gint by = from == NONE || from == TWICE ? 0 : (gint) y - (gint) from;
      if (by != 0 && ++votes[by + (gint) rows] > votes[best + (gint) rows])
        best = by;
    }
  return votes[best + (gint) rows] >= VOTES_MIN ? best : 0;
}

/* Asks the columns with most dirty tiles. */
static gint
find_distance (const Area *a, const guint *dirty_in)
{
  g_autofree Table *table = g_new (Table, 1);
  g_autofree guint16 *votes = g_new (guint16, 2 * (a->bottom - a->top) + 1);
  gint by = 0;
  for (guint i = 0; i < SAMPLES && by == 0; i++)
    {
      guint best = G_MAXUINT;
      /* spread over the width: neighbours are often equally blank */
      const guint part = (a->last - a->first + SAMPLES) / SAMPLES;
      for (guint tx = a->first + i * part; tx <= a->last && tx < a->first + (i + 1) * part; tx++)
        if (best == G_MAXUINT || dirty_in[tx] > dirty_in[best])
          best = tx;
      if (best == G_MAXUINT || dirty_in[best] == 0 || column_width (a, best) == 0)
        continue;
      fill_table (a, best, table);
      by = vote (a, best, table, votes);
    }
  return by;
}

/* ---- the rectangles ---- */

typedef struct
{
  guint top, bottom;
} Run;

/* The longest run of rows in a column that are where they were, `by` rows away. */
static Run
longest_run (const Area *a, guint tx, gint by)
{
  const guint x = column_left (a, tx);
  const gsize bytes = (gsize) column_width (a, tx) * 4;
  Run best = { 0 }, now = { 0 };
  guint top = a->top, bottom = a->bottom;
  if (by > 0)
    top = MAX (top, a->guest_top + (guint) by);
  else
    bottom = MIN (bottom, a->guest_bottom - (guint) -by);
  for (guint y = top; y < bottom && bytes > 0; y++)
    {
      if (memcmp (new_row (a, x, y), old_row (a, x, (guint) ((gint) y - by)), bytes) != 0)
        {
          now = (Run){ 0 };
          continue;
        }
      if (now.bottom == 0)
        now.top = y;
      now.bottom = y + 1;
      if (now.bottom - now.top > best.bottom - best.top)
        best = now;
    }
  return best;
}

static Run
common (Run a, Run b)
{
  const Run both = { MAX (a.top, b.top), MIN (a.bottom, b.bottom) };
  return both.bottom > both.top ? both : (Run){ 0 };
}

static guint
length (Run r)
{
  return r.bottom - r.top;
}

static void
add_move (const Area *a, guint first, guint last, Run run, gint by, SkMove *moves, guint *n)
{
  if (*n == SK_SCROLL_MOVES_MAX || length (run) < SK_SCROLL_ROWS_MIN)
    return;
  const guint left = column_left (a, first);
  const guint right = column_left (a, last) + column_width (a, last);
  moves[(*n)++]
      = (SkMove){ { (guint16) left, (guint16) run.top, (guint16) (right - left), (guint16) length (run) },
                  (gint16) by };
}

/* Neighbouring columns that moved together become one rectangle, unless that loses a quarter of one. */
static guint
find_moves (const Area *a, gint by, SkMove *moves)
{
  guint n = 0, first = a->first;
  Run run = longest_run (a, a->first, by);
  for (guint tx = a->first + 1; tx <= a->last; tx++)
    {
      const Run next = longest_run (a, tx, by), both = common (run, next);
      if (length (run) > 0 && length (both) * 4 >= length (run) * 3 && length (both) * 4 >= length (next) * 3)
        {
          run = both;
          continue;
        }
      add_move (a, first, tx - 1, run, by, moves, &n);
      first = tx;
      run = next;
    }
  add_move (a, first, a->last, run, by, moves, &n);
  return n;
}

static void
carry_out_in (guint8 *pixels, const SkCanvas *c, const SkMove *m)
{
  const gsize bytes = (gsize) m->to.width * 4;
  for (guint i = 0; i < m->to.height; i++)
    {
      /* rows are overwritten only after they were read */
      const guint y = m->to.y + (m->by > 0 ? m->to.height - 1u - i : i);
      guint8 *to = pixels + (gsize) y * c->stride + (gsize) m->to.x * 4;
      memcpy (to, to - (gssize) m->by * (gssize) c->stride, bytes);
    }
}

/* At the viewer a watermark moves along, and stays there until it is settled: to put it right at every step
 * would cost more than all else that a step takes. */
static void
carry_out (SkCanvas *c, const SkMove *m)
{
  carry_out_in (c->pixels, c, m);
  if (c->shown != c->pixels)
    {
      carry_out_in (c->shown, c, m);
      c->marks_moved = TRUE;
    }
  sk_canvas_mark (c, &(SkRingRect){ (guint16) (m->to.x - c->border.left), (guint16) (m->to.y - c->border.top),
                                    m->to.width, m->to.height });
}

/* ---- where to look ---- */

/* FALSE when there is nothing to look for. dirty_in: tiles in each column. */
static gboolean
find_area (Area *a, guint *dirty_in)
{
  const SkCanvas *c = a->canvas;
  guint first_row = G_MAXUINT, last_row = 0, found = 0;
  a->first = G_MAXUINT;
  for (guint ty = 0; ty < c->tiles_y && found < c->n_dirty; ty++)
    for (guint tx = 0; tx < c->tiles_x; tx++)
      {
        const guint8 state = c->dirty[(gsize) ty * c->tiles_x + tx];
        if (state == SK_TILE_FORCE)
          return FALSE; /* the viewer has not what the canvas has */
        if (state == SK_TILE_CLEAN)
          continue;
        found++;
        dirty_in[tx]++;
        first_row = MIN (first_row, ty);
        last_row = ty;
        a->first = MIN (a->first, tx);
        a->last = MAX (a->last, tx);
      }
  a->guest_top = c->border.top;
  a->guest_bottom = c->border.top + MIN (c->guest_height, a->size->height);
  a->top = MAX (first_row * SK_TILE, a->guest_top);
  a->bottom = MIN ((last_row + 1) * SK_TILE, a->guest_bottom);
  return found > 0 && a->bottom > a->top + SK_SCROLL_ROWS_MIN;
}

guint
sk_scroll_find (SkCanvas *c, const SkRingReader *ring, const SkRingSize *size,
                SkMove ret[SK_SCROLL_MOVES_MAX])
{
  Area a = { .canvas = c, .ring = ring, .size = size };
  if (c->n_dirty < SK_SCROLL_TILES_MIN)
    return 0;
  g_autofree guint *dirty_in = g_new0 (guint, c->tiles_x);
  if (!find_area (&a, dirty_in))
    return 0;
  const gint by = find_distance (&a, dirty_in);
  const guint n = by ? find_moves (&a, by, ret) : 0;
  for (guint i = 0; i < n; i++)
    carry_out (c, &ret[i]);
  return n;
}
