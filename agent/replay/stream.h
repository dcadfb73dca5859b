/* The records of a recording as they come from the broker. */
#pragma once
#include "replay/replay.h"

typedef struct _SkReplayStream SkReplayStream;

/* Takes the descriptor over; blocking. */
SkReplayStream *sk_replay_stream_new (int take_fd);
void sk_replay_stream_free (SkReplayStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkReplayStream, sk_replay_stream_free)

/* The next record; its payload is valid until the next call. Waits for it. FALSE: there is no more. */
gboolean sk_replay_stream_next (SkReplayStream *stream, SkRecord *ret);

/* After the last record: NULL when the recording is whole, else a sentence for people. */
const char *sk_replay_stream_what_is_wrong (SkReplayStream *stream);
