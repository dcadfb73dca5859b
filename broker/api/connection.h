/* One client's connection: the stream that libsoup reads, with what libsoup leaves open: a strict look at
 * each head, a deadline for each phase, who the peer is, and the descriptor itself for the RDP upgrade.
 *
 * A head is collected here, and given to libsoup when it is whole and passed sk_api_check_head(). Not a byte
 * behind it is taken from the socket before libsoup asks for the body, so that nothing a client sends behind
 * an upgrade request can be lost in a buffer. Thread: the server's. */
#pragma once
#include "core/manager.h"

typedef enum
{
  SK_PHASE_IDLE,      /* between requests */
  SK_PHASE_HEAD,      /* the head has begun */
  SK_PHASE_BODY,      /* the head is there, the body is coming */
  SK_PHASE_WORKING,   /* ours to answer: no deadline */
  SK_PHASE_ANSWERING, /* the client has to take the answer */
} SkPhase;
#define SK_PHASES 5

#define SK_TYPE_API_CONNECTION (sk_api_connection_get_type ())
G_DECLARE_FINAL_TYPE (SkApiConnection, sk_api_connection, SK, API_CONNECTION, GIOStream)

/* Takes the socket over (it becomes non-blocking) and the identity. limits_ms: by phase, 0 = none; static
 * storage. */
SkApiConnection *sk_api_connection_new (int socket, SkIdentity *who, const guint *limits_ms, GError **error);
const SkIdentity *sk_api_connection_identity (SkApiConnection *connection);

void sk_api_connection_set_phase (SkApiConnection *connection, SkPhase phase);
/* Closes it when its phase took too long. TRUE: it did. */
gboolean sk_api_connection_check_deadline (SkApiConnection *connection, gint64 now);
/* Both directions, at once; libsoup sees the end of the stream. */
void sk_api_connection_shutdown (SkApiConnection *connection);

/* Calls back once when the peer has closed its end completely (not when it only stopped sending). For answers
 * that wait. func NULL: no more. */
typedef void (*SkHangupFunc) (gpointer data);
void sk_api_connection_on_hangup (SkApiConnection *connection, SkHangupFunc func, gpointer data);

/* One answer before HTTP begins or when it cannot go on: an error's envelope, written at once or not at all.
 * http 0: the error's own. */
void sk_api_refuse (int socket, guint http, const GError *error);

/* SK_ERROR_PROTOCOL when the client had sent the present request's head in the same go as an earlier request:
 * then bytes behind it may already be in libsoup's buffer, and the stream cannot be handed on whole. */
gboolean
sk_api_connection_check_clean (SkApiConnection *connection, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A copy of the descriptor (close-on-exec, blocking) for the RDP upgrade. */
int sk_api_connection_take_fd (SkApiConnection *connection, GError **error);
