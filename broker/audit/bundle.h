/* What leaves the trail for people outside: an evidence bundle about one transfer or one matter, and the
 * take-out ledger (持出し台帳). Made on a thread with a reader of its own.
 *
 * A bundle is two lines: one of JSON (evidence/README.md names its members), one {"signature":HEX} over the
 * first line's bytes without its end ("sekisho evidence 1", chain.h). It holds rows, hashes, decisions and
 * comments; no contents. Rows of others that lie between are one hash each. */
#pragma once
#include "audit/audit.h"
#include <json-glib/json-glib.h>

/* Rows about one transfer or matter; of transfers, a matter's. */
#define SK_BUNDLE_ROWS_MAX 20000
#define SK_BUNDLE_TRANSFERS_MAX 1000
/* Of the file: what the API's clients take in one answer, as base64. 10,000 files' rows fit. */
#define SK_BUNDLE_BYTES_MAX (11 * 1024 * 1024)
/* Lines of one answer. */
#define SK_LEDGER_MAX 1000

/* Its payload: the first line. kind: a transfer or a matter. SK_ERROR_NOT_FOUND: the trail knows nothing of
 * it; SK_ERROR_CONFLICT: its newest row has no checkpoint behind it yet; SK_ERROR_LIMIT. */
char *sk_bundle_compose (SkStore *reader, const char *public_key, SkHoldKind kind, const char *name,
                         const char *by, GError **error);

/* Writes the row "audit.exported" about it (so that it is within), signs the end of the chains, and makes the
 * bundle on a thread. The text that finish() gives is the whole file. */
void sk_audit_export_async (SkAudit *, SkHoldKind kind, const char *name, const char *by,
                            GAsyncReadyCallback callback, gpointer data);
char *sk_audit_export_finish (GAsyncResult *result, GError **error);

/* Exports whose transfer began in [since, until), oldest first, behind (after, after_id); organisation NULL:
 * all. Objects for the API. */
typedef struct
{
  gint64 since, until;
  char *organisation;
  gint64 after;
  char *after_id;
} SkLedgerFilter;
void sk_audit_ledger_async (SkAudit *, const SkLedgerFilter *, GAsyncReadyCallback callback, gpointer data);
JsonArray *sk_audit_ledger_finish (GAsyncResult *result, GError **error);
