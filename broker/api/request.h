/* One request on its way through a handler, and the envelope of its answer.
 *
 * A handler answers at once with one of the sk_request_reply_…() functions, or calls sk_request_wait() and
 * answers later. Nothing here waits for the main loop: an answer given in the handler leaves with it. */
#pragma once
#include "api/connection.h"
#include "api/json.h"
#include <libsoup/soup.h>

typedef struct _SkApiServer SkApiServer;
typedef struct _SkRoute SkRoute;
typedef struct _SkOperation SkOperation;
typedef struct _SkRequest SkRequest;

#define SK_ROUTE_ARGS_MAX 2

struct _SkRequest
{
  SkApiServer *server;
  SkManager *manager;
  const SkIdentity *who; /* the connection's */
  SkApiConnection *connection;
  SoupServerMessage *message; /* not owned: `gone` is set before it goes */
  const SkRoute *route;
  char *args[SK_ROUTE_ARGS_MAX]; /* values of {…} in the path: untrusted, but short and of safe characters */
  GHashTable *query;             /* untrusted; only keys that the route knows. "canary" may hold a list */
  JsonNode *body;                /* untrusted; NULL = none */
  gsize body_received;

  /* private */
  gboolean answered, gone, waiting;
  void (*on_gone) (SkRequest *, gpointer);
  gpointer on_gone_data;
  grefcount refs;
};

SkRequest *sk_request_ref (SkRequest *request);
void sk_request_unref (SkRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkRequest, sk_request_unref)

/* {"type":"sync",…}; metadata is taken over, NULL = null. */
void sk_request_reply (SkRequest *request, JsonNode *metadata);
void sk_request_reply_object (SkRequest *request, JsonObject *metadata);
/* 202 {"type":"async","operation":"/1.0/operations/ID",…}, Location. */
void sk_request_reply_operation (SkRequest *request, SkOperation *operation);
/* {"type":"error",…}; the error is taken over. http 0: the error table's. */
void sk_request_reply_error (SkRequest *request, GError *error);
void sk_request_reply_error_http (SkRequest *request, guint http, GError *error);

/* Members of an error as answers and operations show it; into `object`. */
void sk_error_to_json (const GError *error, JsonObject *object);

/* The answer comes later. on_gone is called (once, from the main loop) when the client left before that; the
 * request must not be answered afterwards. The caller keeps a reference until one of both happened. */
void sk_request_wait (SkRequest *request, void (*on_gone) (SkRequest *, gpointer), gpointer data);

/* For answers that are not an envelope: tells libsoup's write to start or go on. */
void sk_request_resume (SkRequest *request);

/* ETag of a row: a digest of its members. */
char *sk_request_etag (JsonObject *row);
/* TRUE when the request names no ETag or this one; else it has been answered (412). */
gboolean sk_request_check_match (SkRequest *request, const char *etag);
