/* sekisho-files: the person's folders and the agent between them. Runs as the person, without any right; the
 * files it writes are the person's. One thread, that of the main context.
 *
 *   「LGWANへ送る」 ── outbox ──┐                                     ┌── agent (files-relay.h) ── host
 *   「LGWANで印刷」 ── outbox ──┼── SkFiles (socket, ids, notices) ───┘
 *   「LGWANから」   ── inbox  ──┘                                                                     */
#pragma once
#include "wire/agent.h"

#define SK_FILES_SEND "LGWANへ送る"
#define SK_FILES_PRINT "LGWANで印刷"
#define SK_FILES_RECEIVE "LGWANから"
/* In SK_FILES_SEND. */
#define SK_FILES_SENT "送信済み"
#define SK_FILES_FAILED "送れませんでした"
/* In the home: what is half received, and what was received. */
#define SK_FILES_STATE ".local/state/sekisho-files"

typedef struct _SkFiles SkFiles;

/* key: notices with the same key replace each other. percent: -1 = none. */
typedef void (*SkFilesNotify) (const char *key, const char *summary, const char *body, int percent,
                               gpointer data);

/* socket_path: the agent's, tried again until it is there. */
SkFiles *
sk_files_new (const char *socket_path, const char *home, SkFilesNotify notify, gpointer data, GError **error);
void sk_files_free (SkFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkFiles, sk_files_free)

/* -- for outbox and inbox -----------------------------------------------------------------------------------
 */

/* The host is there and in step. */
gboolean sk_files_is_up (const SkFiles *files);
guint32 sk_files_next_offer (SkFiles *files);
/* Nothing waits: bulk may be sent. sk_files_say() takes small messages always. */
gboolean sk_files_is_idle (const SkFiles *files);
void sk_files_say (SkFiles *files, const SkMessage *message);
/* Room for SK_FILE_DATA_MAX bytes of one DATA message, and sending them. */
guint8 *sk_files_data (SkFiles *files);
void sk_files_send_data (SkFiles *files, guint16 type, guint32 id, guint index, guint64 offset, gsize length);
/* The agent is to send this part of a file itself; sk_outbox_span_done() follows. FALSE: not now. */
gboolean sk_files_send_span (SkFiles *files, guint32 id, guint index, guint64 offset, guint32 length, int fd);
void sk_files_notify (SkFiles *files, const char *key, const char *summary, const char *body, int percent);
