/* A recording's records (broker/wire/record.h) turned back into pictures and words. They come from a broker
 * that checked that they are what a view wrote; a view that a guest took over may have written anything. No
 * threads. */
#pragma once
#include "wire/record.h"
#include <gio/gio.h>

/* A viewer's desktop: the largest guest (broker/rdp/ring.h) and its border. */
#define SK_REPLAY_SIDE_MAX 8192
#define SK_REPLAY_PIXELS_MAX (8192u * 4096u)

typedef struct _SkReplay SkReplay;

SkReplay *sk_replay_new (void);
void sk_replay_free (SkReplay *replay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkReplay, sk_replay_free)

/* Brings the picture up to date. TRUE also for records that are no picture. SK_ERROR_PROTOCOL: the picture is
 * what it was, but for the part that the record was about. */
gboolean sk_replay_apply (SkReplay *replay, const SkRecord *record, GError **error);

/* BGRX32, borrowed until the next call; NULL before the first size. */
const guint8 *sk_replay_pixels (SkReplay *replay, guint *ret_width, guint *ret_height, gsize *ret_stride);

/* What was pressed, in the locale's language: "left button down at 100, 200"; NULL for moves of the mouse and
 * for what is no input. */
char *sk_replay_describe (const SkRecord *record);
