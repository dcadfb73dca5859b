/* Two sessions with their clipboards, without VMs: the real crossings, the real core/session-clip.c and
 * core/process.c, and behind each of the four control sockets either a real worker's end whose RDP peer is
 * the test (clip-peer.h), or the test in a worker's place. */
#pragma once
#include "clip-peer.h"
#include "core/core.h"
#include "core/process.h"
#include "unit/crossing-fixture.h"

typedef struct
{
  SkLiveSession *session;
  SkWorkerKind kind;
  char *path;       /* of its socket */
  SkWorker *handle; /* the core's */
  ClipPeer *peer;   /* NULL: the test is the worker */
  int listener, control, memory;
  guint allows, sets;
  gboolean ready, dead;
} ClipEnd;

typedef struct
{
  Crossing c;
  char *base; /* the state folder with one content held, as it is copied for each try */
  char *id;   /* of that transfer */
  GBytes *content, *wire;
  SkClipKind kind;
  SkCross direction;
  SkTransferState state;
  guint workers;

  SkCore core;
  SkLivePool pool;
  SkPool pool_row;
  SkLiveVm vms[2];
  SkLiveSession sessions[2];
  SkSession rows[2];
  ClipEnd ends[4]; /* the first session's screen and view, the second's */
} ClipRoom;

#define CLIP_ROOM_WORD_MAX 8 /* bytes of a text that passes without anybody */

/* Somebody copies what has the marker in it, and it is held. */
void clip_room_up (ClipRoom *, SkClipKind kind, SkCross direction);
void clip_room_down (ClipRoom *);
/* All anew, with the transfer in this state and the worst of what lies there then. workers: 1 << I where the
 * test is the worker of ends[I]. */
void clip_room_arrange (ClipRoom *, SkTransferState state, guint workers);
#define CLIP_ROOM_WORKERS 0xfu
gboolean clip_room_inspects (const ClipRoom *);

const char *clip_end_name (const ClipEnd *);
/* What was copied on its side goes there. */
ClipEnd *clip_room_far_end (ClipRoom *, const ClipEnd *);
ClipEnd *clip_room_receiver (ClipRoom *);
/* Everything that the core has said by now has reached its workers. */
void clip_room_settle (ClipRoom *);
/* Its worker broke the protocol: the next one, with a clipboard as before. */
void clip_room_revive (ClipRoom *, ClipEnd *);
/* What came to an end since: bytes that its RDP peer or its worker can read, descriptors' contents too.
 * CLIP_SET is counted. */
GByteArray *clip_end_heard (ClipEnd *);
/* Its RDP peer copied this, and gives it when it is asked. */
void clip_end_copy (ClipEnd *, SkClipKind kind, GBytes *wire);
