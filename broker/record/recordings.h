/* Recordings of sessions: the files, their keys, and who writes and reads them.
 *
 * A view whose pool wants it writes what it drew and what was pressed (wire/record.h) into a pipe; a thread
 * here encrypts it (libsodium's secretstream: XChaCha20-Poly1305, order and end are authenticated) into
 * STATE/recordings/SESSION-N.skrec, one file a connection of a window. Each file has a key of its own, sealed
 * with the broker's, STATE/keys/recordings.key: without that key file the recordings are noise.
 *
 *   file: one line of JSON (who, when, the sealed key), 24 bytes of the stream's head, then for each piece
 * u32 length and that many bytes. The line is authenticated with the first piece.
 *
 * Whoever cannot be recorded is not shown anything: when the writing fails the pipe breaks, and the view ends
 * its viewer's connection.
 *
 * Threads: main loop, but the writing threads, which are inside. Errors: SK_ERROR_UNAVAILABLE for the disk,
 * SK_ERROR_NOT_FOUND, SK_ERROR_PROTOCOL for a file that is not what was written. */
#pragma once
#include <gio/gio.h>

/* A recording is not begun with less room for the folder than this: an hour of work takes some 100 MB. */
#define SK_RECORDINGS_FREE_MIN (G_GUINT64_CONSTANT (512) << 20)
/* One piece: what one read() of the pipe gives. */
#define SK_RECORDINGS_PIECE_MAX (64 * 1024)

typedef struct _SkRecordings SkRecordings;

typedef struct
{
  char *id; /* SESSION-N */
  char *session, *user, *pool;
  gint64 started; /* microseconds since 1970 */
  gint64 bytes;   /* of the file */
} SkRecording;
void sk_recording_free (SkRecording *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkRecording, sk_recording_free)

/* Makes the folders, mode 0700, and at the first time the key. */
SkRecordings *sk_recordings_new (const char *state_dir, GError **error);
/* Files whose pipe is still open are finished by their threads, unless the process ends: then they break off.
 */
void sk_recordings_free (SkRecordings *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkRecordings, sk_recordings_free)

/* Waits until every file that was begun here is finished: their pipes have to be closed. FALSE: not in time.
 */
gboolean sk_recordings_settle (SkRecordings *, guint milliseconds);

/* Whether a recording could be begun now. */
gboolean sk_recordings_check (SkRecordings *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Begins a file; returns the end of the pipe to write to (blocking, close-on-exec), or -1. */
int sk_recordings_begin (SkRecordings *, const char *session, const char *user, const char *pool, gint64 now,
                         GError **error);

/* Newest first. session NULL: all. Files that cannot be read are left out, with a warning in the log. */
GPtrArray *sk_recordings_list (SkRecordings *, const char *session, GError **error);
/* Deletes those begun before. */
void sk_recordings_prune (SkRecordings *, gint64 before);

typedef struct _SkRecordingReader SkRecordingReader;
SkRecordingReader *sk_recordings_open (SkRecordings *, const char *untrusted_id, GError **error);
void sk_recording_reader_free (SkRecordingReader *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkRecordingReader, sk_recording_reader_free)
const SkRecording *sk_recording_reader_about (SkRecordingReader *);
/* The next piece, decrypted; NULL at the end. *ret_whole: whether the end is the one that was written;
 * without it the recording broke off, or still goes on. */
GBytes *sk_recording_read (SkRecordingReader *, gboolean *ret_whole, GError **error);
