/* A clipboard's end of an RDP connection: the static channel cliprdr ([MS-RDPECLIP]), as a client of the
 * guest (screen), a server of the viewer (view) and a client of the view (launcher). Pure: no I/O, no clock,
 * no thread.
 *
 * Each end is the owner of what it announces. Nothing is relayed by a format's number: what the peer has is
 * fetched at once, as text and as picture, becomes our form (clip-content.h) and is handed out whole; what we
 * have is announced and answered from memory. Other formats, and lists of files, are dropped: a file crosses
 * as a file. */
#pragma once
#include "wire/clip-content.h"

#define SK_CLIP_CHANNEL "cliprdr"
/* Messages other than contents: the largest is a list of formats; a word processor announces thirty. */
#define SK_CLIP_MESSAGE_MAX 65536u
#define SK_CLIP_FORMATS_MAX 256u
/* [MS-RDPBCGR] 2.2.7.1.10: what every peer takes in one chunk. */
#define SK_CLIP_CHUNK 1600u
/* Contents are fetched this far apart: ten a second, of a flood the newest. People copy once in a while. */
#define SK_CLIP_FETCH_US (G_USEC_PER_SEC / 10)
/* A peer that does not answer: another application owns its clipboard and hangs. */
#define SK_CLIP_ANSWER_US (10 * G_USEC_PER_SEC)
/* Answers that wait to be sent: a peer asks for one at a time. */
#define SK_CLIP_WAITING_MAX 16u

#define SK_CLIP_CHUNK_FIRST 1u
#define SK_CLIP_CHUNK_LAST 2u

typedef struct
{
  /* A content of the peer's. Contents of one announcement have one sequence number; it grows. */
  void (*offer) (guint64 sequence, SkClipKind kind, GBytes *content, gpointer data);
} SkClipClass;

typedef struct
{
  const SkClipClass *klass;
  gpointer data;
  gboolean server, open, long_names;
  gboolean may_fetch, may_set;

  GByteArray *in; /* the message that is coming; grows with what came, not with what was claimed */
  gsize in_total;
  gboolean in_open;

  guint64 sequence;               /* of the peer's newest announcement */
  guint32 formats[SK_CLIP_KINDS]; /* of it, by kind; 0: none */
  gboolean due[SK_CLIP_KINDS];    /* to be fetched */
  SkClipKind asked;               /* what is under way; 0: nothing */
  guint64 asked_sequence;
  gint64 asked_at, fetched_at; /* monotonic µs */

  guint64 own_sequence;
  GBytes *own[SK_CLIP_KINDS];
  gboolean announce, once;
  gint64 wipe_at; /* monotonic µs; 0: never */

  GQueue out; /* GBytes: whole messages */
  gsize out_at;
  GBytes *out_content; /* the one of them that is a content; borrowed */
} SkClip;

void sk_clip_init (SkClip *clip, gboolean server, const SkClipClass *klass, gpointer data);
void sk_clip_clear (SkClip *clip);
/* Server: the first messages. */
void sk_clip_hello (SkClip *clip);
/* Until then nothing is fetched, nothing announced. What the peer announced before is fetched then. */
void sk_clip_allow (SkClip *clip, gboolean fetch, gboolean set);

/* A chunk of the channel; total: bytes of its whole message, as the peer claims. FALSE when the peer said
 * what no peer says: the caller may log it; the end goes on. */
gboolean sk_clip_take (SkClip *clip, const guint8 *untrusted_chunk, gsize size, guint32 flags, gsize total);
/* What is due by now; ready: another content could be taken. Returns µs until the next call, -1: no hurry. */
gint64 sk_clip_tick (SkClip *clip, gint64 now, gboolean ready);

/* What this end has from now on. Of the same sequence number as the one before: this kind besides the other.
 * FALSE: it is not in our form (clip-content.h), and not taken. */
gboolean sk_clip_set (SkClip *clip, guint64 sequence, SkClipKind kind,
                      GBytes *untrusted_content) G_GNUC_WARN_UNUSED_RESULT;
/* What it has is given away once, or until then; the stricter of several. 0: without end. */
void sk_clip_limit (SkClip *clip, gboolean once, gint64 wipe_at);
/* It has nothing any more. */
void sk_clip_wipe (SkClip *clip);

typedef struct
{
  const guint8 *data; /* valid until the next call */
  gsize size, total;
  guint32 flags;
} SkClipChunk;
gboolean sk_clip_has_chunk (SkClip *clip);
/* The next piece for the peer. FALSE: there is none. */
gboolean sk_clip_next_chunk (SkClip *clip, SkClipChunk *ret);
