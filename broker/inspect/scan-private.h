/* Inside of the antivirus: one connection to a scanner, and the two protocols over it. All of it runs in a
 * scan's own thread and blocks there, with limits. */
#pragma once
#include "common/error.h"
#include "common/i18n.h"
#include "inspect/antivirus.h"

/* One answer of clamd: "stream: NAME FOUND" and, for VERSION, a line. */
#define SK_CLAMD_ANSWER_MAX 1024
/* What is read and sent at once. */
#define SK_SCAN_PIECE (64 * 1024)

typedef struct
{
  guint stall_ms, scan_ms;
} SkScanTimes;

/* -- the connection (scan-wire.c) ------------------------------------------------------------------------ */

typedef struct
{
  GSocketConnection *connection;
  GCancellable *cancel; /* borrowed */
  guint stall_ms;
  gint64 end; /* monotonic */
} SkScanWire;

gboolean sk_scan_wire_open (SkScanWire *, GSocketConnectable *where, const SkScanTimes *times,
                            GCancellable *cancel, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sk_scan_wire_clear (SkScanWire *);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkScanWire, sk_scan_wire_clear)
/* Up to all of it; less when the scanner has something to say (or has gone: reading tells). */
gssize sk_scan_wire_send (SkScanWire *, const void *data, gsize length, GError **error);
/* Waits for some; 0: the end. */
gssize sk_scan_wire_receive (SkScanWire *, void *buffer, gsize length, GError **error);

/* -- results (antivirus.c) --------------------------------------------------------------------------------
 */

/* name, why: NULL for "". A name is made printable. */
SkScan *sk_scan_new (SkScanState state, const char *scanner, const char *untrusted_name, const char *why);
/* Printable ASCII, no longer than SK_ANTIVIRUS_TEXT_MAX. New string. */
char *sk_scan_clean_text (const char *untrusted_text);
/* "the scanner broke its protocol: WHAT". Always FALSE. */
gboolean sk_scan_broken (GError **error, const char *what);
/* Reading the content failed: not the scanner's fault, so it is not tried again. */
#define SK_SCAN_CONTENT_ERROR (g_quark_from_static_string ("sk-scan-content"))
/* The next piece of the content. -1: SK_SCAN_CONTENT_ERROR. */
gssize sk_scan_content_read (const SkScanContent *, void *buffer, gsize length, GError **error);

/* -- protocols: NULL with an error is a fault of the scanner that may be tried again ----------------------
 */

/* clamd.c */
char *sk_clamd_version (SkScanWire *, GError **error);
SkScan *sk_clamd_scan (SkScanWire *, const char *scanner, const SkScanContent *, GError **error);

/* icap.c; host: as in the Host header, with its port. */
typedef struct
{
  const char *host, *service;
} SkIcapTarget;
/* OPTIONS: what it is, and whether it wants previews. */
char *sk_icap_version (SkScanWire *, const SkIcapTarget *, gboolean *ret_previews, GError **error);
/* preview: an empty one first. *ret_again: it let an empty preview pass, so it has seen nothing; ask again
 * without one (the result is NULL without an error). */
SkScan *sk_icap_scan (SkScanWire *, const SkIcapTarget *, gboolean preview, const SkScanContent *,
                      gboolean *ret_again, GError **error);
