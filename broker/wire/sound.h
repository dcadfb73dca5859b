/* Sound from a server to a client: the rdpsnd channel ([MS-RDPEA]), both sides of it. Pure functions.
 *
 * Spoken three times on the way from the guest to a loudspeaker: the screen is a client of the guest, the
 * view is a server of the viewer, the launcher is a client of the view. There is one format, uncompressed:
 * whoever receives runs no decoder on the other side's bytes, and there is little to negotiate but yes or
 * no. For a viewer's line that is too slow for it there is half as much, A-law, in which any byte is a
 * sample. Sound that is late is thrown away, never queued: it is a picture's companion. */
#pragma once
#include <glib.h>

#define SK_SOUND_CHANNEL "rdpsnd"

/* 16-bit stereo at 44.1 kHz, samples in native (little-endian) order: the one format that xrdp, FreeRDP,
 * GNOME's and Microsoft's servers and clients all have. */
#define SK_SOUND_RATE 44100
#define SK_SOUND_FRAME 4 /* bytes of one sample of both ears */
/* A message as a whole; the length field of [MS-RDPEA] 2.2.1 has 16 bits. xrdp's have 8 KiB, Windows' at most
 * 32 KiB. */
#define SK_SOUND_MESSAGE_MAX 65535
/* Formats in one list. Windows offers under thirty. */
#define SK_SOUND_FORMATS_MAX 256

/* ---- flood limit ---- */

/* No clock is off by a tenth: what comes faster than this, beyond a burst of half a second (a server that
 * starts fills the other side's buffer), is dropped. */
#define SK_SOUND_PACE_RATE (SK_SOUND_RATE + SK_SOUND_RATE / 10)
#define SK_SOUND_PACE_BURST (SK_SOUND_RATE / 2)
typedef struct
{
  gint64 last; /* monotonic µs; 0: never */
  gint64 room; /* frames */
} SkSoundPace;
/* Of `frames` that came now, how many are taken. */
guint sk_sound_pace (SkSoundPace *pace, guint frames, gint64 now);

/* All samples are 0. */
gboolean sk_sound_is_silent (const gint16 *samples, guint frames);

/* ---- a static channel's chunks ([MS-RDPBCGR] 3.1.5.2.2) to whole messages ---- */

#define SK_SOUND_CHUNK_FIRST 1u
#define SK_SOUND_CHUNK_LAST 2u
typedef struct
{
  guint8 data[SK_SOUND_MESSAGE_MAX + 1]; /* aligned, and room to notice that there is too much */
  gsize length;
  gboolean open; /* between the first and the last chunk of a message that is not too long */
} SkSoundJoin;
/* TRUE when a message is complete: data and length. What does not fit is dropped. */
gboolean sk_sound_join (SkSoundJoin *join, const guint8 *untrusted_chunk, gsize size, guint32 flags);

/* ---- client ---- */

typedef struct
{
  gboolean alaw; /* takes A-law too */
  /* One message for the server. */
  void (*send) (const guint8 *message, gsize length, gpointer data);
  /* Valid during the call; aligned. */
  void (*play) (const gint16 *samples, guint frames, gpointer data);
} SkSoundClientClass;

typedef struct
{
  const SkSoundClientClass *klass;
  gpointer data;
  SkSoundJoin join;
  SkSoundPace pace;
  gboolean agreed;   /* the server has our format: number 0 of our list */
  gboolean alaw;     /* and A-law: number 1 */
  gboolean has_info; /* a WaveInfo was heard: its Wave is the next message, and has no header */
  guint16 info_time;
  guint8 info_block;
  guint16 info_format;
  gsize info_bytes;
  guint8 info_first[4];
} SkSoundClient;

void sk_sound_client_init (SkSoundClient *client, const SkSoundClientClass *klass, gpointer data);
/* A chunk of the channel. FALSE when the server said what no server says: the caller decides; the client goes
 * on. */
gboolean sk_sound_client_take (SkSoundClient *client, const guint8 *untrusted_chunk, gsize size,
                               guint32 flags, gint64 now);

/* ---- server ---- */

/* Frames in one wave: 93 ms. */
#define SK_SOUND_WAVE_FRAMES 4096
/* Sent and not confirmed: beyond this, and what the client says it held the last wave for, the newest sound
 * is dropped. More than any round trip of an office's line, so that only a line that is full gets there. */
#define SK_SOUND_AHEAD_MAX (SK_SOUND_RATE * 3 / 10)
/* [MS-RDPEA] 2.2.3.8: a confirmation is due when the wave was played, and its time stamp tells how long that
 * took. Clients whose buffer is longer than this are late by themselves. */
#define SK_SOUND_HOLD_MAX_MS 500
/* A line that was too slow gets A-law for so long. */
#define SK_SOUND_SLOW_US (60 * G_USEC_PER_SEC)
/* A client that never confirmed anything is forgiven after this. One that did and stops is not there: when it
 * comes back it hears what is then, not what it missed. */
#define SK_SOUND_FORGIVE_US (3 * G_USEC_PER_SEC)

typedef struct
{
  SkSoundJoin join;
  gboolean agreed;      /* the client has our format */
  guint16 format;       /* its number in the client's list */
  int alaw;             /* A-law's; -1: it has not */
  gint64 slow;          /* monotonic µs: until then the line is too slow for more */
  gboolean wave2;       /* it knows the one-message wave */
  guint8 block;         /* of the last wave */
  guint64 sent;         /* frames, of all waves */
  gboolean confirms;    /* it ever did */
  guint64 confirmed;    /* of these, by the client */
  guint64 sent_at[256]; /* `sent` after the wave of that block number */
  guint16 stamps[256];  /* its time stamp, ms */
  guint hold_ms;        /* what the last confirmation told; until then the most there is */
  gint64 last;          /* monotonic µs: when the first wave went out that is not confirmed */
} SkSoundServer;

/* The server's first message. */
void sk_sound_server_hello (SkSoundServer *server, GByteArray *out);
/* A chunk of the channel. FALSE when the client said what no client says. */
gboolean
sk_sound_server_take (SkSoundServer *server, const guint8 *untrusted_chunk, gsize size, guint32 flags);
/* Whether a wave may go out: agreed, and not too far ahead of what the client confirmed. */
gboolean sk_sound_server_may_send (SkSoundServer *server, gint64 now);
/* Sound had to be dropped: waves are A-law for a while, if the client has it. */
void sk_sound_server_is_slow (SkSoundServer *server, gint64 now);
/* One wave, one message, or two for an old client (then ret_second > 0: where the second one starts).
 * frames: 1 to SK_SOUND_WAVE_FRAMES. */
void sk_sound_server_wave (SkSoundServer *server, const gint16 *samples, guint frames, gint64 now,
                           GByteArray *out, gsize *ret_second);
