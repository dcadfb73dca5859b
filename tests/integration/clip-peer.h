/* A worker's end of a clipboard, rdp/worker.c with rdp/clip-link.c behind its control socket, whose RDP peer
 * is the test: chunks of the channel in, chunks out. Apart from the rest because core/worker.h and
 * rdp/worker.h have the same names for the two sides of a socket. */
#pragma once
#include "wire/clip.h"

#define CLIP_PEER_FINGERPRINT "0000000000000000000000000000000000000000000000000000000000000000"

typedef struct _ClipPeer ClipPeer;

/* It has its job already, as one that an earlier core left. */
ClipPeer *clip_peer_new (const char *socket_path, gboolean view);
/* Its core has gone by then. */
void clip_peer_free (ClipPeer *);

/* One chunk of the channel, honest or not. */
void clip_peer_chunk (ClipPeer *, const void *data, gsize size, guint32 flags, gsize total);
/* A whole message in honest chunks. */
void clip_peer_say (ClipPeer *, guint16 type, guint16 flags, const void *body, gsize length);
/* What the end has to say by now: whole chunks' bytes, one after another; borrowed until the next call. */
const GByteArray *clip_peer_hear (ClipPeer *);

/* Until so many CLIP_ALLOW of the core have come, and everything before them. */
void clip_peer_wait (ClipPeer *, guint allows);
guint clip_peer_sets (ClipPeer *); /* CLIP_SET that came so far */
