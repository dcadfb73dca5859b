/* Transfers in sentences, for the terminal and the windows. The locale's language; new strings are the
 * caller's. Pure; any thread. */
#pragma once
#include "desktop/receive.h"
#include "desktop/send.h"

/* A state's word for people; static, or `state` itself when it is unknown. */
const char *sk_transfer_state_text (const char *state);
/* What happens next, or why nothing does: "waits for approval by …", "refused: …". */
char *sk_transfer_next_text (const SkTransferInfo *info);
/* What a notification says of what became of it, in a line, and then: what it is about, who decided and their
 * comment. */
const char *sk_transfer_news_title (const SkTransferInfo *info);
char *sk_transfer_news_text (const SkTransferInfo *info);
/* "報告書.pdf", "報告書.pdf ほか 3 件". */
char *sk_transfer_names_text (const SkTransferInfo *info);
char *sk_transfer_bytes_text (guint64 bytes);
char *sk_transfer_time_text (gint64 microseconds);
/* "12.0 MiB / 80.0 MiB (15 %)", "waiting for Sekisho…". */
char *sk_send_progress_text (const SkSendProgress *progress);
/* "3 files, 12 MiB; 1 link left out". */
char *sk_gathering_text (const SkGathering *gathering);
/* What became of it is no success: refused, denied, expired, withdrawn. */
gboolean sk_transfer_is_lost (const SkTransferInfo *info);
