/* The routes of the API that move transfers, over a unix socket, on threads of its own: what the desktop's
 * sending and receiving are tested against, with the faults that a real broker shows only when it is killed.
 * Nothing is inspected; a test says what becomes of a transfer. */
#pragma once
#include <gio/gio.h>

typedef struct _SkMockTransfers SkMockTransfers;
SkMockTransfers *sk_mock_transfers_new (const char *socket_path);
void sk_mock_transfers_free (SkMockTransfers *mock);

/* -- what arrives (imports). Contents are kept in memory. */
/* A transfer with one item, "releasing"; returns its id (the mock's). kind "file". */
const char *sk_mock_transfers_add (SkMockTransfers *mock, const char *result_name, GBytes *content);
/* One item more of that transfer. */
void
sk_mock_transfers_add_item (SkMockTransfers *mock, const char *id, const char *result_name, GBytes *content);
void sk_mock_transfers_set_sha256 (SkMockTransfers *mock, const char *id, guint item, const char *sha256);
/* How often "delivered" was said. */
guint sk_mock_transfers_delivered (SkMockTransfers *mock, const char *id);
/* Tells everybody who listens to events that it is releasing. */
void sk_mock_transfers_announce (SkMockTransfers *mock, const char *id);

/* -- what is sent (exports) */
guint sk_mock_transfers_count (SkMockTransfers *mock);
/* The n-th transfer that was ever made. */
const char *sk_mock_transfers_id (SkMockTransfers *mock, guint n);
char *sk_mock_transfers_state (SkMockTransfers *mock, const char *id);
char *sk_mock_transfers_reason (SkMockTransfers *mock, const char *id);
char *sk_mock_transfers_name (SkMockTransfers *mock, const char *id, guint item);
GBytes *sk_mock_transfers_content (SkMockTransfers *mock, const char *id, guint item);
/* What becomes of uploads when they are complete: "held" (by default), "refused", "delivered"… */
void sk_mock_transfers_set_outcome (SkMockTransfers *mock, const char *state);

/* Somebody decides about what was sent: it is in that state from now on, and everybody hears of it. */
void sk_mock_transfers_decide (SkMockTransfers *mock, const char *id, const char *state, const char *user,
                               const char *comment);
/* It is a copy of that kind (a literal) from the other side, in that state, without anybody's decision, and
 * everybody hears of it. */
void sk_mock_transfers_copy (SkMockTransfers *mock, const char *id, const char *kind, const char *state);
/* Returns when somebody listens to events: what is told before, nobody hears. */
void sk_mock_transfers_wait_for_listener (SkMockTransfers *mock);
/* Tells everybody that it waits for them. */
void sk_mock_transfers_ask (SkMockTransfers *mock, const char *id);

/* -- faults */
/* Every upload and content connection breaks after so many bytes, each time; 0: never. */
void sk_mock_transfers_set_break (SkMockTransfers *mock, gsize bytes);
/* Uploads answer "error WORD TEXT" after their first bytes; NULL: they do not. */
void sk_mock_transfers_set_upload_error (SkMockTransfers *mock, const char *line);
/* So many uploads find the item still open by the connection before. */
void sk_mock_transfers_set_busy (SkMockTransfers *mock, guint uploads);
/* New connections are closed at once, as if there were no broker. */
void sk_mock_transfers_set_away (SkMockTransfers *mock, gboolean away);
/* Bytes written behind the announced ones of every content. */
void sk_mock_transfers_set_excess (SkMockTransfers *mock, gsize bytes);
/* Bytes of content that were handed out, all connections together. */
guint64 sk_mock_transfers_handed_out (SkMockTransfers *mock);
