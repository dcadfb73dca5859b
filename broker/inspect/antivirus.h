/* The antivirus: a scanner outside of Sekisho is asked about a content, through clamd's socket or by ICAP
 * (RFC 3507).
 *
 * What it says is one of the three words that rules know. Clean: only a scanner that has taken in the whole
 * content and then said so in so many words. Infected: it named something, or changed the content. All else,
 * a scanner that is not there, breaks off, hangs or answers what nobody understands, is unscanned: the rules
 * decide then. A scanner is believed about what is bad, never about anything else: it cannot make text for
 * people (names are cut to printable ASCII), and what it answers has limits.
 *
 * Threads: the functions are for the main thread; each scan runs in one of its own, and answers on the
 * caller's context. A content is streamed from its reader, never whole in memory. */
#pragma once
#include <gio/gio.h>

/* Where Debian's clamav-daemon listens. */
#define SK_ANTIVIRUS_DEBIAN_SOCKET "/run/clamav/clamd.ctl"
#define SK_ANTIVIRUS_CLAMD_PORT 3310
#define SK_ANTIVIRUS_ICAP_PORT 1344
/* A scanner on the same machine accepts in microseconds, one in the same building in milliseconds. */
#define SK_ANTIVIRUS_CONNECT_MS 5000
/* It neither takes nor says anything: clamd unpacks for up to MaxScanTime, two minutes, before it answers; a
 * reload of its signatures stops it for half a minute on a slow machine. */
#define SK_ANTIVIRUS_STALL_MS 150000
/* What it is, asked before each scan: one that is stopped is found out sooner. */
#define SK_ANTIVIRUS_GREETING_MS 30000
/* All of one scan: 1 GiB at the 3 MB/s of a scanner on a small machine. */
#define SK_ANTIVIRUS_SCAN_MS 360000
/* Doctor's question is answered at once or counts as not answered. */
#define SK_ANTIVIRUS_PROBE_MS 10000
/* A scanner that is restarted is there again; one that breaks off twice is broken. */
#define SK_ANTIVIRUS_TRIES 2
/* Of a name or a version: ClamAV's longest names have some 100 characters. */
#define SK_ANTIVIRUS_TEXT_MAX 160

typedef enum
{
  SK_SCAN_UNSCANNED,
  SK_SCAN_CLEAN,
  SK_SCAN_INFECTED,
} SkScanState;
/* "unscanned", "clean", "infected": as in rules. */
extern const char *const sk_scan_words[];

typedef struct
{
  SkScanState state;
  char *scanner; /* with the version of its signatures, "ClamAV 1.4.3/27521/Fri Jan 17 …"; "": not known */
  char *name;    /* infected: of what was found; else "". Printable ASCII */
  char *why;     /* unscanned: in both languages; else "" */
} SkScan;
void sk_scan_free (SkScan *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkScan, sk_scan_free)

/* Called from the scan's thread alone, one call at a time. */
typedef struct
{
  guint64 size;
  gssize (*read) (gpointer source, void *buffer, gsize length, GError **error); /* 0: the end */
  gboolean (*rewind) (gpointer source, GError **error);                         /* to the first byte */
  gpointer source;
  GDestroyNotify destroy;
} SkScanContent;

typedef struct _SkAntivirus SkAntivirus;

/* address: clamd:/PATH, clamd:HOST:PORT, icap://HOST[:PORT]/SERVICE, none; NULL: Debian's clamd, from the
 * moment that its socket is there. SK_ERROR_INVALID says what is wrong with it. */
SkAntivirus *sk_antivirus_new (const char *address, GError **error);
/* Ends what runs (with SK_ERROR_CANCELLED) and waits for its threads: the contents' readers are free then. */
void sk_antivirus_free (SkAntivirus *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkAntivirus, sk_antivirus_free)
/* For tests; milliseconds. */
void sk_antivirus_set_times (SkAntivirus *, guint stall, guint scan);
const char *sk_antivirus_address (SkAntivirus *); /* as given, or the socket's */
/* Whether there is anything to ask. Once Debian's socket was seen it counts: that it is gone is a fault. */
gboolean sk_antivirus_is_configured (SkAntivirus *);

/* Copies the struct, owns its source. An SkAntivirus of NULL is one without a scanner. Errors of finish:
 * SK_ERROR_CANCELLED, and what reading the content gave; what the scanner does is a result, not an error. */
void sk_antivirus_scan_async (SkAntivirus *, const SkScanContent *content, GCancellable *,
                              GAsyncReadyCallback, gpointer);
SkScan *sk_antivirus_scan_finish (SkAntivirus *, GAsyncResult *, GError **error);

/* Whether it answers, for doctor. The result has `scanner` when it does and `why` when it does not. */
void sk_antivirus_probe_async (SkAntivirus *, GAsyncReadyCallback, gpointer);
SkScan *sk_antivirus_probe_finish (SkAntivirus *, GAsyncResult *, GError **error);
/* When its signatures were made, by the version that clamd says: microseconds since 1970; 0: it does not say.
 */
gint64 sk_antivirus_signature_time (const char *scanner);
