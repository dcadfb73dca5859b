/* The encoder thread: from wake-ups of the screen to a picture that the peer thread sends. */
#include "rdp/view.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

typedef struct
{
  SkView *view;
  SkEncoder encoder;
  SkCanvas canvas;
  SkRingSize size; /* of the last stable look; width 0: none yet */
  gboolean rfx, moves;
  gsize message_max;
  gboolean active, can_take, can_resize;
  guint viewer_width, viewer_height;
  gint64 last_frame, next_frame, size_taken; /* when the last picture was begun, when the next one may be */
  gboolean size_waits;
  gint64 minute;          /* that the watermark tells */
  gint64 unsettled_since; /* 0: there is nothing to put right */
  SkTileRect *rects;      /* room for every tile of the canvas */
} Encoder;

/* A guest that changes its size all the time gets a new canvas this often. */
#define RESIZE_EVERY_US (50 * 1000)
#define MINUTE_US (60 * G_USEC_PER_SEC)

static void
reset_canvas (Encoder *e)
{
  SkView *v = e->view;
  sk_canvas_reset (&e->canvas, &v->border, e->size.width, e->size.height);
  sk_border_draw (&v->border, e->canvas.pixels, e->canvas.stride, e->canvas.width, e->canvas.height,
                  v->colour, v->text);
  g_free (e->rects);
  e->rects = g_new (SkTileRect, (gsize) e->canvas.tiles_x * e->canvas.tiles_y);
  sk_encoder_reset (&e->encoder, e->canvas.width, e->canvas.height);
}

/* A frame for a picture that is gone must not go out. With the lock held. */
static void
drop_frame_locked (Encoder *e)
{
  g_clear_pointer (&e->view->shared.frame, sk_frame_out_free);
}

static void
publish_size_locked (Encoder *e)
{
  SkViewShared *sh = &e->view->shared;
  sh->want_width = e->size.width;
  sh->want_height = e->size.height;
  sk_border_outer (&e->view->border, &sh->want_width, &sh->want_height);
  sh->guest_width = e->canvas.guest_width;
  sh->guest_height = e->canvas.guest_height;
}

/* A desktop of the viewer's size that has another guest in it. */
static void
fit_canvas (Encoder *e, guint width, guint height)
{
  const SkRingSize guest = e->size;
  sk_border_inner (&e->view->border, &width, &height);
  e->size.width = width;
  e->size.height = height;
  reset_canvas (e);
  e->size = guest;
  sk_canvas_letterbox (&e->canvas, guest.width, guest.height);
}

/* Follows the guest's size: a new desktop where the viewer can resize, else black around it. */
static void
follow_size (Encoder *e)
{
  SkView *v = e->view;
  SkRingSize size;
  if (!sk_ring_reader_size (&v->ring, &size))
    return;
  const gboolean same = size.width == e->size.width && size.height == e->size.height;
  const gboolean misfit = e->active && !e->can_resize
                          && (e->canvas.width != e->viewer_width || e->canvas.height != e->viewer_height);
  gint64 now = g_get_monotonic_time ();
  e->size_waits = !same && now - e->size_taken < RESIZE_EVERY_US;
  if (e->size_waits)
    return; /* until then rows are read as the old size says: inside the memory, and nothing anybody waits for
             */
  e->size = size;
  if (same && !misfit)
    return;
  e->size_taken = now;
  if (e->active && !e->can_resize)
    fit_canvas (e, e->viewer_width, e->viewer_height);
  else
    reset_canvas (e);
  g_mutex_lock (&v->lock);
  drop_frame_locked (e);
  publish_size_locked (e);
  g_mutex_unlock (&v->lock);
  sk_view_wake (v->wake_peer);
}

static void
take_rects (Encoder *e)
{
  SkView *v = e->view;
  SkRingRect rects[SK_RING_RECTS];
  if (e->size.width == 0)
    return;
  guint n = sk_ring_reader_take (&v->ring, &e->size, rects);
  for (guint i = 0; i < n; i++)
    sk_canvas_mark (&e->canvas, &rects[i]);
}

static void
take_pointer (Encoder *e)
{
  SkView *v = e->view;
  SkRingPointerKind kind;
  SkRingShape shape;
  if (!sk_ring_reader_pointer (&v->ring, &kind, &shape))
    return;
  g_mutex_lock (&v->lock);
  v->shared.pointer_kind = kind;
  if (kind == SK_RING_POINTER_SHAPE)
    v->shared.pointer = shape;
  v->shared.pointer_changed = TRUE;
  g_mutex_unlock (&v->lock);
  sk_view_wake (v->wake_peer);
}

static void
start_over (Encoder *e)
{
  if (!e->canvas.pixels)
    return;
  sk_canvas_mark_all (&e->canvas, SK_TILE_FORCE);
  sk_encoder_reset (&e->encoder, e->canvas.width, e->canvas.height);
}

/* The watermark tells the minute; returns microseconds until the next one, 0 when there is no watermark. */
static gint64
follow_clock (Encoder *e)
{
  const SkView *v = e->view;
  if (!*v->watermark)
    return 0;
  const gint64 now = g_get_real_time (), minute = now / MINUTE_US;
  if (minute != e->minute)
    {
      g_autofree char *text = sk_watermark_text (v->watermark, now / G_USEC_PER_SEC, v->utc_minutes);
      e->minute = minute;
      sk_canvas_set_watermark (&e->canvas, text);
    }
  return (minute + 1) * MINUTE_US - now;
}

/* When what was done in a hurry is to be put right; 0: there is nothing. */
static gint64
settle_due (Encoder *e)
{
  if (!e->canvas.marks_moved && e->encoder.n_unsettled == 0)
    return e->unsettled_since = 0;
  if (!e->unsettled_since)
    e->unsettled_since = g_get_monotonic_time ();
  return MIN (e->last_frame + SK_VIEW_SETTLE_US, e->unsettled_since + SK_VIEW_SETTLE_LATEST_US);
}

static void
settle (Encoder *e)
{
  const gint64 due = settle_due (e);
  if (!due || g_get_monotonic_time () < due)
    return;
  if (e->canvas.marks_moved)
    sk_canvas_settle (&e->canvas);
  sk_encoder_settle (&e->encoder, &e->canvas);
  e->unsettled_since = 0;
}

/* Microseconds until the watermark changes (minute, 0: it does not) or something is to be put right; 0:
 * neither. */
static gint64
other_limit (Encoder *e, gint64 minute)
{
  const gint64 due = settle_due (e);
  if (!due)
    return minute;
  const gint64 left = MAX (due - g_get_monotonic_time (), 1);
  return minute ? MIN (minute, left) : left;
}

/* What the peer thread wants. */
static void
take_wishes (Encoder *e)
{
  SkView *v = e->view;
  SkViewShared *sh = &v->shared;
  gboolean again = FALSE, waiting = FALSE;
  g_mutex_lock (&v->lock);
  if (sh->active)
    {
      e->rfx = sh->rfx;
      e->moves = sh->moves;
      e->encoder.top_down = sh->gfx;
      e->message_max = sh->message_max;
    }
  if (sh->restart)
    {
      /* It may have been finished since the peer looked. */
      waiting = sk_view_frame_fits (sh);
      again = !waiting;
      if (again)
        drop_frame_locked (e);
    }
  e->active = sh->active;
  e->can_resize = sh->can_resize;
  e->viewer_width = sh->width;
  e->viewer_height = sh->height;
  e->can_take = sh->active && sh->can_take && !sh->frame;
  const gboolean all = sh->send_all;
  sh->restart = sh->send_all = FALSE;
  g_mutex_unlock (&v->lock);
  if (again)
    start_over (e);
  else if (all && e->canvas.pixels)
    sk_canvas_mark_all (&e->canvas, SK_TILE_FORCE);
  if (waiting)
    sk_view_wake (v->wake_peer);
}

/* Looks at the dirty tiles and encodes what changed. */
static gboolean
make_frame (Encoder *e)
{
  SkView *v = e->view;
  SkMove moves[SK_SCROLL_MOVES_MAX];
  const guint n_moves = e->moves ? sk_scroll_find (&e->canvas, &v->ring, &e->size, moves) : 0;
  const guint n_rects = sk_canvas_update (&e->canvas, &v->ring, &e->size, e->rects);
  if (n_rects == 0 && n_moves == 0)
    return FALSE;
  const SkChanges changes = { moves, n_moves, e->rects, n_rects };
  SkFrameOut *frame = sk_encoder_encode (&e->encoder, e->rfx, &e->canvas, &changes,
                                         e->message_max - MIN (e->message_max, SK_VIEW_UPDATE_HEADERS));
  g_mutex_lock (&v->lock);
  drop_frame_locked (e);
  v->shared.frame = frame;
  g_mutex_unlock (&v->lock);
  sk_view_wake (v->wake_peer);
  return TRUE;
}

/* The first picture, before there is a viewer: it goes out the moment the handshake is through. */
static gboolean
may_prepare (Encoder *e)
{
  SkView *v = e->view;
  g_mutex_lock (&v->lock);
  gboolean may = !e->active && !v->shared.frame;
  g_mutex_unlock (&v->lock);
  return may && e->canvas.pixels;
}

static void
drain (int fd)
{
  guint64 count;
  if (read (fd, &count, sizeof count) < 0)
    return;
}

/* Sleeps until there may be something to do; pause_us: how long the picture has to wait yet, other_us: for
 * anything else. 0: no such limit. */
static void
wait_for_work (Encoder *e, gint64 pause_us, gint64 other_us)
{
  SkView *v = e->view;
  /* While a picture may not be made the screen's wake-ups are left alone: they add up in their eventfd. */
  const gboolean listening = pause_us == 0 && (e->can_take || !e->active);
  struct pollfd fds[2] = { { v->wake_encoder, POLLIN, 0 }, { listening ? v->notify : -1, POLLIN, 0 } };
  const gint64 limit = pause_us ? pause_us : other_us;
  const struct timespec timeout = { limit / G_USEC_PER_SEC, (limit % G_USEC_PER_SEC) * 1000 };
  if (ppoll (fds, 2, limit ? &timeout : NULL, NULL) < 0)
    return;
  if (fds[0].revents)
    drain (v->wake_encoder);
  if (fds[1].revents)
    drain (v->notify);
}

gpointer
sk_view_encoder_thread (gpointer data)
{
  Encoder *e = g_new0 (Encoder, 1);
  e->view = data;
  e->rfx = TRUE;
  /* Nothing is known of the viewer while the first picture is made: what FreeRDP's and Microsoft's clients
   * have. It is thrown away when that was wrong. */
  e->message_max = SK_VIEW_MULTIFRAGMENT;
  sk_encoder_init (&e->encoder);
  for (;;)
    {
      gint64 pause = 0;
      const gint64 minute = follow_clock (e);
      take_wishes (e);
      follow_size (e);
      take_rects (e);
      take_pointer (e);
      settle (e);
      if (e->can_take && e->canvas.n_dirty > 0)
        {
          gint64 now = g_get_monotonic_time ();
          pause = MAX (e->next_frame - now, 0);
          if (pause == 0 && make_frame (e))
            {
              e->last_frame = now;
              e->next_frame = sk_encoder_next (now, g_get_monotonic_time ());
            }
        }
      else if (may_prepare (e) && make_frame (e))
        continue;
      wait_for_work (e, pause == 0 && e->size_waits ? RESIZE_EVERY_US : pause, other_limit (e, minute));
    }
}
