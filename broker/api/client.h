/* The API's client: small, synchronous, one unix socket with keep-alive. Used by sekishoctl and by the
 * desktop program, whose click it is part of: no main loop, no thread, one connect.
 *
 * Threads: one SkClient belongs to one thread at a time. Every call blocks until the answer is there or
 * SK_CLIENT_SECONDS passed (longer where said).
 * Errors: SK_ERROR; the message is the sentence for people in the locale's language, with the detail behind
 * it. SK_ERROR_UNAVAILABLE when nobody listens on the socket. */
#pragma once
#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* An answer takes milliseconds; a broker that is silent for so long hangs. */
#define SK_CLIENT_SECONDS 30
/* Largest answer read: thousands of rows of a list. */
#define SK_CLIENT_ANSWER_MAX (16 * 1024 * 1024)

typedef struct _SkClient SkClient;

/* socket_path NULL: $SEKISHO_SOCKET, else /run/sekisho/api.sock. Does not connect yet. */
SkClient *sk_client_new (const char *socket_path);
void sk_client_free (SkClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkClient, sk_client_free)
const char *sk_client_socket (SkClient *client);

/* One request. body: NULL or an object (stays the caller's). Returns the answer's "metadata" (never NULL on
 * success: a JSON null where there is none). An asynchronous answer (202) sets *ret_operation (nullable) to
 * "/1.0/operations/ID" and returns the operation; a plain one sets it to NULL. */
JsonNode *sk_client_call (SkClient *client, const char *method, const char *path, JsonNode *body,
                          char **ret_operation, GError **error);
/* The same with If-Match; and the answer's ETag. Both may be NULL. */
JsonNode *sk_client_call_match (SkClient *client, const char *method, const char *path, JsonNode *body,
                                const char *if_match, char **ret_etag, GError **error);

/* Waits for an operation ("/1.0/operations/ID"); timeout_seconds < 0: for ever. Returns the finished
 * operation's own "metadata" (its result), or its error. SK_ERROR_TIMEOUT: it still runs. */
JsonNode *sk_client_wait (SkClient *client, const char *operation, int timeout_seconds, GError **error);

/* Both texts of the last error that the broker sent (NULL when the last error was the client's own);
 * detail may be NULL. They live until the next call. */
void
sk_client_last_error (SkClient *client, const char **ret_en, const char **ret_ja, const char **ret_detail);

/* GET /1.0/sessions/SESSION/rdp, upgraded: the returned descriptor (the caller's, close-on-exec, blocking)
 * is the viewer's end of the RDP stream; the first byte on it is the viewer's. The client stays usable. */
int sk_client_upgrade_rdp (SkClient *client, const char *session, const char *token, GError **error);

/* GET /1.0/recordings/RECORDING, upgraded: records (wire/record.h) come from the descriptor, SK_RECORD_END
 * last. */
int sk_client_upgrade_recording (SkClient *client, const char *recording, GError **error);

/* GET /1.0/transfers/TRANSFER/upload or …/content, upgraded, from `offset` of one item on. Upload: write the
 * rest of the item, shut the writing side down, read the one line of an answer. Content: read the rest. The
 * descriptor is blocking, without a time limit. */
typedef enum
{
  SK_CLIENT_UPLOAD,
  SK_CLIENT_CONTENT
} SkClientContent;
int sk_client_upgrade_transfer (SkClient *client, const char *transfer, SkClientContent which, guint item,
                                guint64 offset, GError **error);

/* Events, on a connection of their own. */
typedef struct _SkClientEvents SkClientEvents;
SkClientEvents *sk_client_events (SkClient *client, GError **error);
/* Readable when sk_client_events_next() has something to do; for a poll or a GSource. */
int sk_client_events_get_fd (SkClientEvents *events);
/* The next event: {"type","id","state","text","time",…}. NULL without error: none within timeout_ms (0: only
 * what is there, -1: wait). NULL with error: the stream is over (SK_ERROR_PEER_LOST: connect again and read
 * the present state, events were lost). After a readable fd call it until it returns NULL. */
JsonNode *sk_client_events_next (SkClientEvents *events, int timeout_ms, GError **error);
void sk_client_events_free (SkClientEvents *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkClientEvents, sk_client_events_free)
