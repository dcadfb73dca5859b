/* Sending: offers the files, uploads them piece by piece, takes up again what was interrupted, and looks what
 * became of it. One thread does it; whoever started it looks at the progress from its own.
 *
 * A broker that goes away is waited for, SK_SEND_PATIENCE_SECONDS without any progress. What ends in an error
 * or is cancelled is withdrawn, so that no half transfer is left. */
#pragma once
#include "desktop/gather.h"
#include "desktop/transfer-api.h"

/* A restart of the broker takes seconds, an update of its package under a minute. */
#define SK_SEND_PATIENCE_SECONDS 120
/* Inspecting usually takes less; what takes longer is reported as "being inspected". */
#define SK_SEND_SETTLE_SECONDS 10

typedef enum
{
  SK_SEND_CONNECTING,
  SK_SEND_UPLOADING,
  SK_SEND_WAITING, /* the broker is away; tried again by itself */
  SK_SEND_INSPECTING,
  SK_SEND_DONE,
  SK_SEND_FAILED,
} SkSendPhase;

typedef struct
{
  SkSendPhase phase;
  guint64 bytes, bytes_all;
  guint files, files_all; /* finished, all */
} SkSendProgress;

typedef struct _SkSend SkSend;
/* On the sending thread, at most every 50 ms and at each change of phase. */
typedef void (*SkSendNotify) (SkSend *send, gpointer data);

/* Starts. gathering is taken over. patience_seconds: 0 for the usual. */
SkSend *sk_send_new (const char *socket, SkGathering *gathering, const char *reason, guint patience_seconds,
                     SkSendNotify notify, gpointer data);
/* The same, as a part of a matter (number or title; NULL: none). */
SkSend *sk_send_new_in (const char *socket, SkGathering *gathering, const char *reason, const char *matter,
                        guint patience_seconds, SkSendNotify notify, gpointer data);
/* Any thread. */
void sk_send_look (SkSend *send, SkSendProgress *ret_progress);
void sk_send_cancel (SkSend *send);
/* Once the phase is DONE or FAILED: what became of it (NULL with error). */
SkTransferInfo *sk_send_finish (SkSend *send, GError **error);
/* Cancels, and waits for the thread. */
void sk_send_free (SkSend *send);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSend, sk_send_free)
